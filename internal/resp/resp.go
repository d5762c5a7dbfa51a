// Package resp is the Redis-protocol endpoint from which server-side SDKs read Big Segment
// membership, and in daemon mode their flags and segments too, so that one machine needs no Redis.
//
// It is read-only and speaks RESP2 and RESP3, in the clear or over TLS. AUTH with an SDK key binds a
// connection to its environment; on a loopback listener a client-side ID in the key's prefix does so
// too, for membership alone. A key that is revoked stops working on open connections as well,
// which are cut within a second. It knows what there is only through [Source], and secrets only
// through package access.
//
// Idle connections wait in loops of the package's own, which answer lookups without a goroutine (docs/adr/0016);
// TLS and all that takes time is served by a goroutine each.
//
// The package reads the protocol itself. Whatever a client sends is bounded in size and time: a
// declared length is checked before anything is reserved or skipped for it, which tidwall/redcon
// 1.6.4 does not do (one line, "$9223372036854775807", makes its reader panic).
package resp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"muster/internal/access"
	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/fault"
	"muster/internal/segment"
)

// Source is what the endpoint serves.
type Source interface {
	// Refs appends the refs that include and that exclude a context as of now.
	Refs(env segment.EnvID, h segment.Hash, includedTo, excludedTo []segment.Ref) (included, excluded []segment.Ref, err error)
	// SynchronizedOn returns when the environment's membership was last known to be complete.
	SynchronizedOn(env segment.EnvID) (time.Time, bool)
	// Connected notes a connection of an environment, until leave is called.
	Connected(env segment.EnvID, name, address string) (leave func())
	// Current returns the flags and segments as of now, or what a payload filter leaves of them.
	Current(ctx context.Context, env segment.EnvID, filter catalog.FilterKey) (*delivery.Snapshot, error)
}

// maxConnections bounds memory: a connection that TLS or a stranger keeps out of the loops holds about 10 KiB while it is idle.
const maxConnections = 10_000

// Limits are those of connections.
func Limits() []fault.Limit {
	return []fault.Limit{{Name: "maxRespConnections", Value: maxConnections}}
}

// Server answers Redis clients. One server serves any number of listeners.
type Server struct {
	source Source
	access *access.Access
	log    *slog.Logger
	slots  chan struct{} // one taken by each open connection
	lastID atomic.Int64

	processors int

	mu    sync.Mutex
	bound map[*conn]binding
}

// New returns a server of what the source has, for the credentials that a knows, on a machine with so many processors.
func New(source Source, a *access.Access, log *slog.Logger, processors int) *Server {
	return &Server{source: source, access: a, log: log, processors: processors, slots: make(chan struct{}, maxConnections), bound: make(map[*conn]binding)}
}

// Connections returns how many connections are open.
func (s *Server) Connections() int { return len(s.slots) }

// Serve answers the connections of a listener until ctx ends. Then it stops accepting, lets
// commands that have arrived finish, closes every connection, and returns nil. It closes the
// listener in any case. A TLS listener works like any other.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	var open sync.WaitGroup
	defer open.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
	defer func() { _ = ln.Close() }()

	open.Go(func() { s.sweep(ctx) })
	loops := s.startLoops(ctx, &open)
	trusted := isLoopback(ln.Addr())
	for {
		socket, err := ln.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = socket.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept a Redis connection: %w", err)
		case err != nil:
			s.log.Warn("redis connection not accepted", "error", err)
			pause(ctx, acceptPause)
			continue
		}
		select {
		case s.slots <- struct{}{}:
			c := newConn(s, socket, trusted)
			c.settle(loops)
			open.Go(func() { s.attend(ctx, c) })
		default:
			s.log.Warn("redis connection refused, too many are open", "limit", cap(s.slots))
			refuse(socket)
		}
	}
}

// attend serves a connection and gives its place back, unless it goes on in a loop.
func (s *Server) attend(ctx context.Context, c *conn) {
	if !c.serve(ctx) {
		<-s.slots
	}
}

// acceptPause keeps a process that is out of file descriptors from spinning.
const acceptPause = 50 * time.Millisecond

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func refuse(socket net.Conn) {
	if secure, ok := socket.(*tls.Conn); ok { // it can be told nothing before a handshake, which is not worth waiting for
		_ = secure.NetConn().Close()
		return
	}
	_ = socket.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = socket.Write([]byte("-ERR max number of clients reached\r\n"))
	_ = socket.Close()
}

// host returns an address without its port.
func host(addr net.Addr) string {
	if h, _, err := net.SplitHostPort(addr.String()); err == nil {
		return h
	}
	return addr.String()
}

// isLoopback reports whether only this machine can reach the address.
func isLoopback(addr net.Addr) bool {
	switch a := addr.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}
