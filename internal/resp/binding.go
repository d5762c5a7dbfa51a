package resp

import (
	"context"
	"time"

	"muster/internal/catalog"
)

// binding is the SDK key by which a connection was authenticated.
type binding struct {
	key   string
	leave func()
}

// bind notes by which key a connection reads, in place of the one before.
func (s *Server) bind(c *conn, key string, e *catalog.Environment) {
	s.unbind(c)
	name := c.name
	if name == "" {
		name = "redis client"
	}
	leave := s.source.Connected(e.ID, name, c.address)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bound[c] = binding{key, leave}
}

func (s *Server) unbind(c *conn) {
	s.mu.Lock()
	b, ok := s.bound[c]
	delete(s.bound, c)
	s.mu.Unlock()
	if ok {
		b.leave()
	}
}

// sweepPause is how long a connection may stay open whose key was revoked or has expired. It can't read
// anything meanwhile: each command looks the key up.
const sweepPause = time.Second

// sweep cuts connections whose key no longer opens anything, until ctx ends.
func (s *Server) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepPause)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		for c, b := range s.bound {
			if _, err := s.access.SDKKey(b.key); err != nil {
				c.cut()
			}
		}
		s.mu.Unlock()
	}
}

// cut ends a connection from outside: who serves it does the rest. The caller holds Server.mu.
func (c *conn) cut() {
	if c.socket != nil {
		_ = c.socket.Close()
		return
	}
	c.shutDown()
}
