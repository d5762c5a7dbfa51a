package sdk_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"muster/internal/segment"
)

// raw opens a connection and sends text.
func (w *world) raw(text string) (net.Conn, *bufio.Reader) {
	w.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(w.t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() }) // the test is over
	if _, err := io.WriteString(conn, text); err != nil {
		w.t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

const streamRequest = "GET /all HTTP/1.1\r\nHost: muster\r\nAuthorization: " + sdkKey + "\r\n\r\n"

// closed waits until no server-side stream is open.
func (w *world) closed() {
	w.t.Helper()
	for w.handler.Stats().ServerStreams > 0 {
		if w.t.Context().Err() != nil {
			w.t.Fatal("the stream stays open")
		}
		runtime.Gosched()
	}
}

// A proxy that speaks HTTP/1.0 gets the stream without chunks.
func TestStreamOfHTTP10(t *testing.T) {
	w := plainWorld(t)
	_, in := w.raw("GET /eval/" + string(envID) + "/" + contextPath("u1") + " HTTP/1.0\r\n\r\n")
	head, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer head.Body.Close()
	if len(head.TransferEncoding) > 0 || !head.Close {
		t.Errorf("transfer encoding %v, close %t", head.TransferEncoding, head.Close)
	}
	l := &listener{t: t, in: bufio.NewReader(head.Body)}
	if put := l.event(); !strings.HasPrefix(put, "event: put\ndata: {\"checkout\":{") {
		t.Errorf("opened with %q", put)
	}
	w.push(segment.Include, "u1")
	if patch := l.event(); !strings.HasPrefix(patch, "event: patch\ndata: {\"key\":\"checkout\",\"value\":true,") {
		t.Errorf("a push sent %q", patch)
	}
}

// Several streams share a connection in HTTP/2, which is how proxies speak to muster, and end one by one.
func TestStreamsOfHTTP2(t *testing.T) {
	w := plainWorld(t)
	server := httptest.NewUnstartedServer(w.handler)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	server.Config.Protocols = protocols
	server.Start()
	transport := &http.Transport{Protocols: protocols}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		w.handler.Drain()
		server.Close()
	})
	open := func() (*listener, context.CancelFunc) {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/all", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", sdkKey)
		res, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() }) // the test is over
		if res.ProtoMajor != 2 || res.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
			t.Errorf("%s, %s", res.Proto, res.Header.Get("Content-Type"))
		}
		return &listener{t: t, in: bufio.NewReader(res.Body)}, cancel
	}
	stays, leave := open()
	defer leave()
	goes, leaveFirst := open()
	for _, l := range []*listener{stays, goes} {
		if put := l.event(); !strings.HasPrefix(put, "event: put\n") {
			t.Errorf("opened with %.100s", put)
		}
	}
	leaveFirst()
	for w.handler.Stats().ServerStreams > 1 {
		runtime.Gosched()
	}
	w.putFlag("other", 1)
	if patch := stays.event(); !strings.Contains(patch, "/flags/other") {
		t.Errorf("the stream that stays got %.100s", patch)
	}
}

// The server notices at once that a client leaves, however silent the stream is.
func TestStreamEndsWithItsClient(t *testing.T) {
	w := plainWorld(t)
	conn, in := w.raw(streamRequest)
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	w.closed()
}

// A client that goes on sending behind its request is cut: nobody will read that.
func TestStreamEndsWhenItsClientSendsOn(t *testing.T) {
	w := plainWorld(t)
	conn, in := w.raw(streamRequest + "GET /all HTTP/1.1\r\nHost: muster\r\n\r\n")
	head, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer head.Body.Close()
	l := &listener{t: t, in: bufio.NewReader(head.Body)}
	l.event()
	w.putFlag("other", 1) // a little behind it does no harm
	if patch := l.event(); !strings.Contains(patch, "/flags/other") {
		t.Errorf("got %.100s", patch)
	}
	if _, err := io.WriteString(conn, strings.Repeat("and more ", 1000)); err != nil {
		t.Fatal(err)
	}
	w.closed()
}

// A stream that ends for a reason of the server's ends its body, so that no client takes it for an error.
func TestStreamEndsItsBody(t *testing.T) {
	w := plainWorld(t)
	_, in := w.raw(streamRequest)
	head, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer head.Body.Close()
	w.handler.Drain()
	if _, err := io.Copy(io.Discard, head.Body); err != nil {
		t.Errorf("the body ended with %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w.handler.Wait(ctx)
	if n := w.handler.Stats().ServerStreams; n > 0 {
		t.Errorf("%d streams are open after Wait", n)
	}
}
