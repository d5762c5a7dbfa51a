package sdk

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"muster/internal/delivery"
)

// The sorts of streams.
const (
	serverStream   = iota
	transferStream // server-side, in the second protocol
	clientStream
	pingStream
	relayStream
	streamKinds
)

// all streams flags and segments to a server-side SDK.
func (c *call) all() error {
	if err := c.checkFilter(); err != nil {
		return err
	}
	s, err := c.h.delivery.Subscribe(c.r.Context(), c.env.ID)
	if err != nil {
		return ready(err)
	}
	defer c.attend(serverStream, s)()
	c.stream(serverStream, s, 0)
	return nil
}

// transfers streams flags and segments to a server-side SDK in the second protocol.
func (c *call) transfers() error {
	if err := c.checkFilter(); err != nil {
		return err
	}
	s, err := c.h.delivery.SubscribeSince(c.r.Context(), c.env.ID, c.r.URL.Query().Get("basis"))
	if err != nil {
		return ready(err)
	}
	defer c.attend(transferStream, s)()
	c.stream(transferStream, s, 0)
	return nil
}

// autoConfig streams to a relay which environments it is to serve. Version 2 of the protocol, which
// ld-relay v8 names, knows filters.
func (c *call) autoConfig() error {
	s, err := c.h.delivery.AutoConfig(c.relay.ID, c.r.URL.Query().Get("rpacProtocolVersion") == "2")
	if err != nil {
		return err
	}
	defer s.Close()
	c.stream(relayStream, s, 0)
	return nil
}

// live streams results to a client-side SDK.
func live(to delivery.Receiver) func(*call) error {
	return func(c *call) error {
		req, err := c.request(to)
		if err != nil {
			return err
		}
		conn, err := c.h.delivery.Connect(c.r.Context(), c.env.ID, req)
		if err != nil {
			return ready(err)
		}
		defer conn.Close()
		defer c.attend(clientStream, conn)()
		c.stream(clientStream, conn, 0)
		return nil
	}
}

// ping streams the news that there is something to poll.
func (c *call) ping() error {
	p, err := c.h.delivery.Ping(c.r.Context(), c.env.ID)
	if err != nil {
		return ready(err)
	}
	defer c.attend(pingStream, p)()
	c.stream(pingStream, p, c.h.o.PingPause)
	return nil
}

// attend notes that somebody reads a stream of an environment, until leave is called.
func (c *call) attend(kind int, s delivery.Stream) (leave func()) {
	return c.h.delivery.Attend(c.peer(kind), s)
}

// source is what a stream says.
type source interface {
	Ready() <-chan struct{}
	Next() (delivery.Message, error)
}

// stream writes what src says until it ends, the client leaves, the credential ends or the server
// drains. After each message it rests for about pause, so that many changes become one message.
func (c *call) stream(kind int, src source, pause time.Duration) {
	open := &c.h.streams[kind]
	open.Add(1)
	defer open.Add(-1)
	out := newOutput(c)
	if out.start() != nil {
		return
	}
	beat := time.NewTicker(c.h.o.Heartbeat)
	defer beat.Stop()
	var rested, over <-chan time.Time
	drain := c.h.drain
	for {
		if rested == nil {
			wrote, err := c.write(out, src)
			if err != nil {
				c.h.ended(kind, c, err)
				return
			}
			if wrote {
				beat.Reset(c.h.o.Heartbeat)
				if pause > 0 {
					rested = time.After(pause/2 + rand.N(pause))
				}
			}
		}
		var more <-chan struct{}
		if rested == nil {
			more = src.Ready()
		}
		select {
		case <-more:
		case <-rested:
			rested = nil
		case <-beat.C:
			// A rotated key expires without any change to the environment.
			if !c.stillOpen() || out.send(heartbeat) != nil || out.flush() != nil {
				return
			}
		case <-drain:
			drain, over = nil, time.After(rand.N(c.h.o.DrainJitter))
		case <-over:
			if kind == transferStream && out.send(goodbye) == nil {
				_ = out.flush() // the stream ends either way
			}
			return
		case <-c.r.Context().Done():
			return
		}
	}
}

// heartbeat is a comment, which parsers skip and proxies take for life.
var heartbeat = []byte(":\n\n")

// goodbye tells an SDK to connect anew, and that there is nothing to log.
var goodbye = []byte("event: goodbye\ndata: {\"reason\":\"the server is being stopped\",\"silent\":true,\"catastrophe\":false}\n\n")

// errCredential says that a stream's credential was taken away.
var errCredential = errors.New("credential is no longer valid")

// write sends everything that src has to say now and reports whether that was anything.
func (c *call) write(out *output, src source) (wrote bool, err error) {
	for {
		m, err := src.Next()
		switch {
		case err != nil:
			return wrote, err
		case m.Environment && !c.stillOpen():
			return wrote, errCredential
		case len(m.Bytes) > 0:
			if err := out.send(m.Bytes); err != nil {
				return wrote, err
			}
			wrote = true
		case !m.Environment:
			if wrote {
				err = out.flush()
			}
			return wrote, err
		}
		if c.r.Context().Err() != nil {
			return wrote, c.r.Context().Err()
		}
	}
}

// ended logs why the server ended a stream. That clients leave is not worth a line.
func (h *Handler) ended(kind int, c *call, err error) {
	if c.r.Context().Err() != nil || errors.Is(err, delivery.ErrClosed) {
		return
	}
	if kind == relayStream {
		h.log.Info("stream ended", "stream", "relay", "relay_config", c.relay.ID, "reason", err)
		return
	}
	name := [streamKinds]string{serverStream: "server", transferStream: "server", clientStream: "client", pingStream: "ping"}[kind]
	h.log.Info("stream ended", "stream", name, "environment", c.env.ID, "reason", err)
}

// output writes a stream in pieces, each of which must get through in time.
type output struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
}

func newOutput(c *call) *output {
	return &output{w: c.w, control: http.NewResponseController(c.w), timeout: c.h.o.WriteTimeout}
}

// pieceBytes is how much must get through within one write timeout.
const pieceBytes = 64 << 10

// start sends the headers, so that the client knows at once that it is connected.
func (o *output) start() error {
	h := o.w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no")
	// The server's read timeout is for requests; this one may stay open for days.
	_ = o.control.SetReadDeadline(time.Time{}) // not every writer has deadlines
	o.extend()
	o.w.WriteHeader(http.StatusOK)
	return o.flush()
}

func (o *output) extend() {
	_ = o.control.SetWriteDeadline(time.Now().Add(o.timeout)) // not every writer has deadlines
}

func (o *output) send(b []byte) error {
	for len(b) > 0 {
		n := min(len(b), pieceBytes)
		o.extend()
		if _, err := o.w.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func (o *output) flush() error {
	o.extend()
	return o.control.Flush()
}
