package resp

import (
	"bufio"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// settings returns those of TLS for a server and for clients that trust it.
func settings(tb testing.TB) (server, client *tls.Config) {
	tb.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return &tls.Config{Certificates: s.TLS.Certificates}, s.Client().Transport.(*http.Transport).TLSClientConfig
}

// listenTLS serves over TLS until the test ends and returns where, and how a client speaks to it.
func (h *house) listenTLS(tb testing.TB) (string, *tls.Config) {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	server, client := settings(tb)
	at := ln.Addr().String()
	ln = tls.NewListener(wide{ln}, server)
	done := make(chan error)
	go func() { done <- h.Serve(tb.Context(), ln) }()
	tb.Cleanup(func() {
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
	return at, client
}

func dialTLS(t *testing.T, at string, how *tls.Config) *client {
	t.Helper()
	c, err := tls.Dial("tcp", at, how)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	t.Cleanup(func() { _ = c.Close() })
	return &client{t, c, bufio.NewReader(c)}
}

func TestTLS(t *testing.T) {
	at, how := build(t).listenTLS(t)
	c := dialTLS(t, at, how)
	c.say("PING", needsAuth)
	c.send(encode("AUTH", "sdk-web") + encode("SMEMBERS", included) + encode("GET", syncTime))
	c.expect("+OK\r\n" + twoRefs + timeReply)

	plain := dial(t, at)
	plain.send(encode("AUTH", "sdk-web"))
	if _, err := plain.in.ReadByte(); err == nil {
		plain.tb.Log("an alert of TLS came first")
	}
	dialTLS(t, at, how).say("PING", needsAuth)
	c.say("QUIT", "+OK\r\n")
	c.expectClosed()
}

func TestTooManyTLSConnectionsKeepNobodyWaiting(t *testing.T) {
	h := build(t)
	h.slots = make(chan struct{}, 1)
	at, how := h.listenTLS(t)
	first := dialTLS(t, at, how)
	first.say("PING", needsAuth)
	for range 3 { // none of them says a word
		silent := dial(t, at)
		silent.expectClosed()
	}
	first.say("QUIT", "+OK\r\n")
	first.expectClosed()
	for { // until the place is free
		next, err := tls.Dial("tcp", at, how)
		if err == nil {
			_ = next.Close()
			return
		}
	}
}

func TestClientThatNeverShakesHandsIsSentAway(t *testing.T) {
	server, _ := settings(t)
	synctest.Test(t, func(t *testing.T) {
		h := build(t)
		ours, theirs := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			newConn(h.Server, tls.Server(ours, server), true).serve(t.Context())
		}()
		c := &client{t, theirs, nil}
		if got := c.ended(); got != 30*time.Second {
			t.Errorf("closed after %v, want 30s", got)
		}
		<-done
	})
}
