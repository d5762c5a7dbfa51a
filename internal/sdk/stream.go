package sdk

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
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
	memberStream
	streamKinds
)

// all streams flags and segments to a server-side SDK.
func (c *call) all() error {
	s, err := c.h.delivery.Subscribe(c.r.Context(), c.env.ID, c.filter())
	if err != nil {
		return ready(err)
	}
	c.stream(serverStream, s, 0, c.attend(serverStream, s))
	return nil
}

// oldFlags streams flags alone to a server-side SDK of before there were segments.
func (c *call) oldFlags() error {
	s, err := c.h.delivery.SubscribeFlags(c.r.Context(), c.env.ID, c.filter())
	if err != nil {
		return ready(err)
	}
	c.stream(serverStream, s, 0, c.attend(serverStream, s))
	return nil
}

// transfers streams flags and segments to a server-side SDK in the second protocol.
func (c *call) transfers() error {
	s, err := c.h.delivery.SubscribeSince(c.r.Context(), c.env.ID, c.filter(), c.r.URL.Query().Get("basis"))
	if err != nil {
		return ready(err)
	}
	c.stream(transferStream, s, 0, c.attend(transferStream, s))
	return nil
}

// autoConfig streams to a relay which environments it is to serve. Version 2 of the protocol, which
// ld-relay v8 names, knows filters.
func (c *call) autoConfig() error {
	s, err := c.h.delivery.AutoConfig(c.relay.ID, c.r.URL.Query().Get("rpacProtocolVersion") == "2")
	if err != nil {
		return err
	}
	c.stream(relayStream, s, 0, s.Close)
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
		leave := c.attend(clientStream, conn)
		c.stream(clientStream, conn, 0, func() {
			leave()
			conn.Close()
		})
		return nil
	}
}

// ping streams the news that there is something to poll.
func (c *call) ping() error {
	p, err := c.h.delivery.Ping(c.r.Context(), c.env.ID)
	if err != nil {
		return ready(err)
	}
	c.stream(pingStream, p, c.h.o.PingPause, c.attend(pingStream, p))
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
// drains, and calls leave then. After each message it rests for about pause, so that many changes
// become one message. A stream that has a connection for itself goes on when stream has returned.
func (c *call) stream(kind int, src source, pause time.Duration, leave func()) {
	c.h.streams[kind].Add(1)
	admitted := c.admitted
	c.admitted = nil
	end := func() {
		leave()
		admitted()
		c.h.streams[kind].Add(-1)
	}
	// Who waits for streams does so once the server has let go of its connections. Until it is taken over this
	// one is the server's, so it counts from before that.
	c.h.running.Add(1)
	sock, err := c.takeOver()
	switch {
	case errors.Is(err, http.ErrNotSupported):
		defer c.h.running.Done()
		defer end()
		out := newShared(c)
		if err = out.start(); err == nil {
			err = c.run(kind, out, src, pause)
		}
		c.ended(kind, err)
	case err != nil: // the client is gone
		c.h.endings[endLeft].Add(1)
		end()
		c.h.running.Done()
	default:
		go func() {
			defer c.h.running.Done()
			defer end()
			defer c.h.recovered(kind)
			defer sock.close()
			c.ended(kind, c.run(kind, sock, src, pause))
		}()
	}
}

// recovered keeps the others going when a stream panics.
func (h *Handler) recovered(kind int) {
	if v := recover(); v != nil {
		h.log.Error("stream panicked", "stream", streamNames[kind], "panic", v, "stack", string(debug.Stack()))
	}
}

// run writes a stream to its end, and returns why it ends.
func (c *call) run(kind int, out output, src source, pause time.Duration) error {
	beat := time.NewTicker(c.h.o.Heartbeat)
	defer beat.Stop()
	var rested, over <-chan time.Time
	drain, ends := c.h.drain, c.ends()
	for {
		if rested == nil {
			env := c.env
			wrote, err := c.write(out, src)
			if errors.Is(err, errCredential) {
				leave(kind, out, "the credential is no longer valid", false)
			}
			if err != nil {
				return err
			}
			if c.env != env { // its settings changed
				ends = c.ends()
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
		case <-ends:
			if !c.stillOpen() {
				leave(kind, out, "the SDK key has expired", false)
				return errCredential
			}
			ends = c.ends() // it was given more time
		case <-beat.C:
			if err := c.beat(out); err != nil {
				return err
			}
		case <-drain:
			drain, over = nil, time.After(rand.N(c.h.o.DrainJitter))
		case <-over:
			leave(kind, out, "the server is being stopped", true)
			return errDrained
		case <-out.gone():
			return errLeft
		}
	}
}

// beat shows that the stream lives. Keys of relays expire, and the grace of theirs ends, without any change that
// would be told, so the credential is looked at here, too.
func (c *call) beat(out output) error {
	if !c.stillOpen() {
		return errCredential
	}
	if err := out.send(heartbeat); err != nil {
		return err
	}
	return out.flush()
}

// ends returns what is ready when the SDK key of the stream expires, nil if it does not or has done so.
func (c *call) ends() <-chan time.Time {
	at, expires := c.expiry()
	if left := at.Sub(c.h.o.Now()); expires && left > 0 {
		return time.After(left)
	}
	return nil
}

// leave tells an SDK why its stream ends, if it can be told, and whether that is worth a line of its log. The
// stream ends either way.
func leave(kind int, out output, reason string, silent bool) {
	if kind == transferStream && out.send(goodbye(reason, silent)) == nil {
		_ = out.flush()
	}
}

// heartbeat is a comment, which parsers skip and proxies take for life.
var heartbeat = []byte(":\n\n")

// goodbye tells an SDK to connect anew.
func goodbye(reason string, silent bool) []byte {
	return fmt.Appendf(nil, "event: goodbye\ndata: {\"reason\":%q,\"silent\":%t,\"catastrophe\":false}\n\n", reason, silent)
}

// write sends everything that src has to say now and reports whether that was anything.
func (c *call) write(out output, src source) (wrote bool, err error) {
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
			return wrote, out.flush()
		}
		if left(out) {
			return wrote, errLeft
		}
	}
}

// errLeft says that nobody reads a stream any more.
var errLeft = errors.New("the client left")

func left(out output) bool {
	select {
	case <-out.gone():
		return true
	default:
		return false
	}
}

var streamNames = [streamKinds]string{serverStream: "server", transferStream: "server", clientStream: "client", pingStream: "ping", relayStream: "relay", memberStream: "members"}
