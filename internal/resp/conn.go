package resp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"muster/internal/catalog"
	"muster/internal/segment"
)

const (
	// idleTimeout is long because clients keep pools of connections that they rarely use.
	idleTimeout = time.Hour
	// commandTimeout bounds how long a command may take to arrive once it began, and how long a
	// stranger may wait with AUTH.
	commandTimeout = 30 * time.Second
	writeTimeout   = 10 * time.Second
	// closeTimeout bounds the last answers when the server stops.
	closeTimeout = time.Second
	// flushBytes bounds the answers that a pipeline collects.
	flushBytes = 64 << 10
	// keptRefs bounds what a connection keeps room for.
	keptRefs = 1024
)

var errStopping = errors.New("the server is stopping")

// conn is one client's connection. A goroutine of its own serves it, or a loop while it does nothing
// but ask what can be answered at once; it belongs to one of them at a time.
type conn struct {
	server  *Server
	address string // of the client, without the port
	trusted bool   // came over a loopback listener
	id      int64
	loop    *loop           // where it may wait; nil if only a goroutine can serve it
	ctx     context.Context // of the present goroutine, ends when the server stops
	reply
	in reader
	// included and excluded are what the last lookup found, kept so that the next one need not make room.
	included, excluded []segment.Ref

	socket net.Conn // nil while the connection is in its loop. Changed under Server.mu, for those who cut it
	looped          // how it is there

	sdkKey     string               // given by AUTH, empty before
	env        *catalog.Environment // of sdkKey as the present command began; nil if there is none
	name       string
	channels   []string
	closing    bool // after QUIT
	waits      bool // the present command, or the last one, can't be answered at once
	timed      bool // a part of the present command has its deadline
	stopping   atomic.Bool
	writeFault error
}

func newConn(s *Server, socket net.Conn, trusted bool) *conn {
	c := &conn{server: s, socket: socket, address: host(socket.RemoteAddr()), trusted: trusted, id: s.lastID.Add(1)}
	c.version = 2
	return c
}

// serve answers commands until the client leaves, breaks the protocol, or ctx ends; or until the
// connection can wait in its loop. It reports whether it does.
func (c *conn) serve(ctx context.Context) (inLoop bool) {
	socket := c.socket
	defer context.AfterFunc(ctx, func() {
		c.stopping.Store(true)
		_ = socket.SetReadDeadline(time.Unix(1, 0))
	})()
	c.ctx = ctx
	if err := c.shakeHands(ctx); err != nil {
		c.server.log.Debug("no tls connection with a redis client", "client", c.address, "error", err)
		c.end()
		return false
	}
	for !c.closing && c.writeFault == nil {
		args, err := c.in.next(c.limits())
		if broken, ok := errors.AsType[brokenProtocol](err); ok {
			c.fail("ERR " + broken.Error())
			break
		}
		if errors.Is(err, errPart) {
			if c.enterLoop() {
				return true
			}
			if err := c.read(); err != nil {
				c.end()
				return false
			}
			continue
		}
		c.execute(args)
		c.in.drop()
		c.timed = false
		c.flushLarge()
	}
	c.flush()
	c.end()
	return false
}

// end forgets a connection that a goroutine serves.
func (c *conn) end() {
	c.server.unbind(c)
	_ = c.socket.Close()
}

// shakeHands settles TLS, where it is spoken, before the client's first command.
func (c *conn) shakeHands(ctx context.Context) error {
	secure, ok := c.socket.(*tls.Conn)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	return secure.HandshakeContext(ctx)
}

// read waits for more of the client. All answers so far are sent before.
func (c *conn) read() error {
	if c.flush(); c.writeFault != nil {
		return c.writeFault
	}
	switch {
	case !c.in.waiting():
		timeout := idleTimeout
		if c.stranger() {
			timeout = commandTimeout
		}
		_ = c.socket.SetReadDeadline(time.Now().Add(timeout))
	case !c.timed:
		_ = c.socket.SetReadDeadline(time.Now().Add(commandTimeout))
		c.timed = true
	}
	// The server sets its own deadline after stopping, so one of the two orders is seen here.
	if c.stopping.Load() {
		return errStopping
	}
	return c.in.fill(c.socket)
}

// mayWait reports whether a command may take the time it needs to find something. It may not in a
// loop, where everybody would wait with it: then it has to end without an answer, and a goroutine repeats it.
func (c *conn) mayWait() bool {
	c.waits = true
	return c.socket != nil
}

// flushLarge sends the answers so far if they are more than a client is let collect.
func (c *conn) flushLarge() {
	if len(c.out) > flushBytes {
		c.flush()
	}
}

func (c *conn) flush() {
	if len(c.out) == 0 || c.writeFault != nil {
		return
	}
	timeout := writeTimeout
	if c.stopping.Load() {
		timeout = closeTimeout
	}
	_ = c.socket.SetWriteDeadline(time.Now().Add(timeout))
	_, c.writeFault = c.socket.Write(c.out)
	c.out = c.out[:0]
	if cap(c.out) > flushBytes {
		c.out = nil
	}
	if cap(c.included)+cap(c.excluded) > keptRefs {
		c.included, c.excluded = nil, nil
	}
}

// settle gives a connection the loop in which it may wait. TLS can't.
func (c *conn) settle(loops []*loop) {
	if _, ok := c.socket.(syscall.Conn); ok && len(loops) > 0 {
		c.loop = loops[c.id%int64(len(loops))]
	}
}

// enterLoop lets the connection wait in its loop for the next command, and reports whether it does: not with
// a stranger, who is watched more closely, in the middle of a command, or after one that had to wait, which will come again.
func (c *conn) enterLoop() bool {
	if c.loop == nil || c.in.waiting() || c.waits || c.stranger() || c.stopping.Load() {
		return false
	}
	if c.flush(); c.writeFault != nil {
		return false
	}
	c.in.keep()
	c.out = nil
	return c.loop.add(c)
}

func (c *conn) limits() limits {
	if c.stranger() {
		return strangers
	}
	return clients
}

// stranger reports whether the client still has to prove who it is.
func (c *conn) stranger() bool { return !c.trusted && c.env == nil }

// authenticate binds the connection to the environment of an SDK key.
func (c *conn) authenticate(sdkKey []byte) bool {
	if !c.mayWait() { // the first of an environment begins to follow it
		return false
	}
	e, err := c.server.access.SDKKey(string(sdkKey))
	if err != nil {
		c.fail("WRONGPASS invalid username-password pair or user is disabled.")
		return false
	}
	c.sdkKey, c.env = string(sdkKey), e
	c.server.bind(c, c.sdkKey, e)
	return true
}

// recheck looks the key up again: it may have been revoked, or the environment deleted.
func (c *conn) recheck() {
	c.env = nil
	if c.sdkKey == "" {
		return
	}
	e, err := c.server.access.SDKKey(c.sdkKey)
	if err != nil {
		c.server.unbind(c) // the client is told, and has a while to give another key
		return
	}
	c.env = e
}

// environmentOf returns the environment that a key speaks of: the bound one, or on a loopback
// listener the one whose client-side ID stands in the prefix. That ID is no secret, and flags say more
// than who is in a segment of which one has to know the context's key: those need the SDK key.
func (c *conn) environmentOf(k key) (segment.EnvID, bool) {
	if c.env != nil {
		return c.env.ID, true
	}
	if !c.trusted || k.definition() {
		return "", false
	}
	const digits = 24
	for i := 0; i+digits <= len(k.prefix); i++ {
		id := segment.EnvID(k.prefix[i : i+digits])
		if !catalog.ValidEnvID(id) {
			continue
		}
		if e, err := c.server.access.ClientSideID(string(id)); err == nil {
			return e.ID, true
		}
	}
	return "", false
}
