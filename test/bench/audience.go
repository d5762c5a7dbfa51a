package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// audience is many SDKs with open streams. They do less than SDKs, because they share the processors
// with the server: one read loop each, in which a stream that ends is opened again after SDKs' pauses.
type audience struct {
	b       *bench
	ctx     context.Context
	leave   context.CancelFunc
	wait    sync.WaitGroup
	dialing chan struct{} // a token for each that may connect at once
	readers []*reader
	heard   chan heard
	eager   atomic.Bool // come back at once, all at the same time
}

// reader is one SDK.
type reader struct {
	n        int
	path     string
	key      string // of server-side SDKs
	conn     atomic.Pointer[net.Conn]
	requests atomic.Int64 // sent so far
	on       atomic.Bool  // what the newest event says
}

// heard is one event that reached a reader.
type heard struct {
	n  int
	at time.Time
}

// files is how many descriptors this process may have open: as many as its hard limit lets it.
func files() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	limit.Cur = limit.Max
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return limit.Cur
}

func listener(n int) string { return fmt.Sprintf("user-%09d", n) }

// listen opens streams, a few hundred at once, and returns when each has its first event.
func (b *bench) listen(n int, path func(n int) (path, key string)) (*audience, error) {
	a := &audience{b: b, dialing: make(chan struct{}, 256), heard: make(chan heard, 8*n+1024)}
	a.ctx, a.leave = context.WithCancel(b.ctx)
	for i := range n {
		r := &reader{n: i}
		r.path, r.key = path(i)
		a.readers = append(a.readers, r)
		a.wait.Go(func() { a.follow(r) })
	}
	if _, err := a.all(); err != nil {
		a.close()
		return nil, fmt.Errorf("open %d streams: %w", n, err)
	}
	return a, nil
}

func browserPath(n int) (path, key string) {
	return "/eval/" + environment + "/" + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"kind":"user","key":%q}`, listener(n))), ""
}

func serverPath(int) (path, key string) { return "/all", sdkKey }

// follow keeps one stream open: SDKs come back after a second, then two, then four, to 30, and each
// time somewhere in the second half of that.
func (a *audience) follow(r *reader) {
	pause := time.Second
	for {
		began := time.Now()
		_ = a.read(r) // why it ended is of no interest to an SDK either
		if a.ctx.Err() != nil {
			return
		}
		if a.eager.Load() {
			continue
		}
		if time.Since(began) > time.Minute {
			pause = time.Second
		}
		select {
		case <-time.After(pause/2 + rand.N(pause/2)):
		case <-a.ctx.Done():
			return
		}
		pause = min(2*pause, 30*time.Second)
	}
}

// read opens the stream and reads it to its end.
func (a *audience) read(r *reader) error {
	eager := a.eager.Load()
	if !eager {
		a.dialing <- struct{}{} // whoever holds a token gives it back soon
	}
	conn, err := a.connect(r)
	if !eager {
		<-a.dialing
	}
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	r.conn.Store(&conn)
	if a.ctx.Err() != nil { // close may have looked before
		return a.ctx.Err()
	}
	in := bufio.NewReaderSize(conn, 2<<10)
	for {
		line, err := in.ReadSlice('\n')
		data := bytes.HasPrefix(line, []byte("data: "))
		on := bytes.Contains(line, []byte(`"value":true`))
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = in.ReadSlice('\n')
		}
		if err != nil {
			return err
		}
		if data {
			r.on.Store(on)
			a.heard <- heard{r.n, time.Now()}
		}
	}
}

// connect sends the request. Loopback has as many ports for each address as one listener can take, so
// that each thousand have an address of their own.
func (a *audience) connect(r *reader) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+r.n/1000))}}
	address := strings.TrimPrefix(a.b.url, "http://")
	conn, err := d.DialContext(a.ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	r.requests.Add(1)
	request := "GET " + r.path + " HTTP/1.1\r\nHost: " + address + "\r\nAccept: text/event-stream\r\nUser-Agent: Bench/1\r\n"
	if r.key != "" {
		request += "Authorization: " + r.key + "\r\n"
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// all waits until every reader has heard something, and returns when the last one did.
func (a *audience) all() (last time.Time, err error) {
	missing := make(map[int]bool, len(a.readers))
	for _, r := range a.readers {
		missing[r.n] = true
	}
	limit := time.After(2 * time.Minute)
	for len(missing) > 0 {
		select {
		case h := <-a.heard:
			delete(missing, h.n)
			last = h.at
		case <-limit:
			return last, fmt.Errorf("%d of %d heard nothing", len(missing), len(a.readers))
		}
	}
	return last, nil
}

// from waits until one reader hears something.
func (a *audience) from(n int) (time.Time, error) {
	limit := time.After(time.Minute)
	for {
		select {
		case h := <-a.heard:
			if h.n == n {
				return h.at, nil
			}
		case <-limit:
			return time.Time{}, fmt.Errorf("%s heard nothing", listener(n))
		}
	}
}

// drop cuts every connection.
func (a *audience) drop() {
	for _, r := range a.readers {
		if conn := r.conn.Load(); conn != nil {
			_ = (*conn).Close()
		}
	}
}

// forget drops what was heard so far.
func (a *audience) forget() {
	for len(a.heard) > 0 {
		<-a.heard
	}
}

func (a *audience) close() {
	a.leave()
	a.drop()
	a.wait.Wait()
}
