package compat

import (
	"net"
	"sync"
	"testing"
	"time"
)

// proxy is a bad network between SDKs and a server: it cuts connections at some byte, lets only so
// many through a second, or holds everything back. What it does to a connection is decided when that
// opens.
type proxy struct {
	url string
	to  string

	mu     sync.Mutex
	next   func() trouble // for the next connection; nil for none
	gate   chan struct{}  // closed unless everything is held back
	open   map[net.Conn]bool
	closed bool
	opened int // connections so far
	wait   sync.WaitGroup
}

// trouble is what a connection meets on the way to the client.
type trouble struct {
	cut  int // after so many bytes; 0 for never
	rate int // bytes a second; 0 for any number
}

func newProxy(t *testing.T, s *server) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{url: "http://" + listener.Addr().String(), to: s.url[len("http://"):], gate: make(chan struct{}), open: map[net.Conn]bool{}}
	close(p.gate)
	p.wait.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			p.wait.Go(func() { p.carry(client) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		p.release()
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		p.drop()
		p.wait.Wait()
	})
	return p
}

// carry connects a client with the server.
func (p *proxy) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer server.Close()
	p.mu.Lock()
	var bad trouble
	if p.next != nil {
		bad = p.next()
	}
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.opened++
	p.open[client], p.open[server] = true, true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.open, client)
		delete(p.open, server)
		p.mu.Unlock()
	}()
	p.wait.Go(func() {
		p.pass(server, client, trouble{})
		server.Close()
	})
	p.pass(client, server, bad)
}

// pass copies one direction until either end closes or the connection is cut.
func (p *proxy) pass(to, from net.Conn, bad trouble) {
	buf := make([]byte, 4<<10)
	if bad.rate > 0 {
		buf = buf[:max(1, bad.rate/20)]
	}
	for passed := 0; ; {
		n, err := from.Read(buf)
		p.mu.Lock()
		gate := p.gate
		p.mu.Unlock()
		<-gate
		if bad.cut > 0 && passed+n >= bad.cut {
			_, _ = to.Write(buf[:bad.cut-passed])
			return
		}
		if _, failed := to.Write(buf[:n]); failed != nil || err != nil {
			return
		}
		passed += n
		if bad.rate > 0 {
			<-time.After(time.Second * time.Duration(n) / time.Duration(bad.rate))
		}
	}
}

// connections returns how many were carried so far.
func (p *proxy) connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opened
}

// meet decides what connections meet that open from now on.
func (p *proxy) meet(next func() trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = next
}

// drop cuts every open connection.
func (p *proxy) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		c.Close()
	}
}

// hold keeps back whatever arrives, until release.
func (p *proxy) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gate = make(chan struct{})
}

func (p *proxy) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.gate:
	default:
		close(p.gate)
	}
}
