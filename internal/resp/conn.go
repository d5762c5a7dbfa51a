package resp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
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

// conn is one client's connection. One goroutine owns it; only stopping is shared.
type conn struct {
	server  *Server
	ctx     context.Context // ends when the server stops
	socket  net.Conn
	trusted bool // came over a loopback listener
	id      int64
	reply
	in *reader
	// included and excluded are what the last lookup found, kept so that the next one need not make room.
	included, excluded []segment.Ref

	sdkKey     string               // given by AUTH, empty before
	env        *catalog.Environment // of sdkKey as the present command began; nil if there is none
	name       string
	channels   []string
	closing    bool // after QUIT
	begun      bool // a part of the present command has been read
	timed      bool // the present command has its deadline
	stopping   atomic.Bool
	writeFault error
}

func newConn(s *Server, socket net.Conn, trusted bool) *conn {
	c := &conn{server: s, socket: socket, trusted: trusted, id: s.lastID.Add(1)}
	c.version = 2
	c.in = newReader(c)
	return c
}

// serve answers commands until the client leaves, breaks the protocol, or ctx ends.
func (c *conn) serve(ctx context.Context) {
	defer func() { _ = c.socket.Close() }()
	defer c.server.unbind(c)
	c.ctx = ctx
	defer context.AfterFunc(ctx, func() {
		c.stopping.Store(true)
		_ = c.socket.SetReadDeadline(time.Unix(1, 0))
	})()
	if err := c.shakeHands(ctx); err != nil {
		c.server.log.Debug("no tls connection with a redis client", "client", c.socket.RemoteAddr(), "error", err)
		return
	}
	for !c.closing && c.writeFault == nil {
		c.begun, c.timed = c.in.waiting(), false
		args, err := c.in.next(c.limits())
		if broken, ok := errors.AsType[brokenProtocol](err); ok {
			c.fail("ERR " + broken.Error())
			break
		}
		if err != nil {
			return
		}
		if len(args) > 0 {
			c.execute(args)
		}
		c.flushLarge()
	}
	c.flush()
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

// Read reads from the client for the reader. Whenever it has to wait, all answers so far are sent.
func (c *conn) Read(p []byte) (int, error) {
	if c.flush(); c.writeFault != nil {
		return 0, c.writeFault
	}
	switch {
	case !c.begun:
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
		return 0, errStopping
	}
	n, err := c.socket.Read(p)
	c.begun = true
	return n, err
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
