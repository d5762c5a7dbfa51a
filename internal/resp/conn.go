package resp

import (
	"context"
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
)

var errStopping = errors.New("the server is stopping")

// conn is one client's connection. One goroutine owns it; only stopping is shared.
type conn struct {
	server  *Server
	socket  net.Conn
	trusted bool // came over a loopback listener
	id      int64
	reply
	in *reader

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
	defer context.AfterFunc(ctx, func() {
		c.stopping.Store(true)
		_ = c.socket.SetReadDeadline(time.Unix(1, 0))
	})()
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
		if len(c.out) > flushBytes {
			c.flush()
		}
	}
	c.flush()
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
	return true
}

// recheck looks the key up again: it may have been revoked, or the environment deleted.
func (c *conn) recheck() {
	c.env = nil
	if c.sdkKey == "" {
		return
	}
	if e, err := c.server.access.SDKKey(c.sdkKey); err == nil {
		c.env = e
	}
}

// environmentOf returns the environment that a key speaks of: the bound one, or on a loopback
// listener the one whose client-side ID stands in the prefix.
func (c *conn) environmentOf(k key) (segment.EnvID, bool) {
	if c.env != nil {
		return c.env.ID, true
	}
	if !c.trusted {
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
