//go:build linux

package resp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// looping returns a client of the web environment whose connection waits in a loop.
func (h *house) looping(tb testing.TB, at string) *client {
	tb.Helper()
	before := h.inLoops()
	c := dial(tb, at)
	c.say("AUTH sdk-web", "+OK\r\n")
	c.say("SMEMBERS "+included, twoRefs)
	h.until(tb, func() bool { return h.inLoops() > before })
	return c
}

// inLoops counts the bound connections that are in a loop.
func (h *house) inLoops() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.bound {
		if c.socket == nil {
			n++
		}
	}
	return n
}

func (h *house) until(tb testing.TB, holds func() bool) {
	tb.Helper()
	for end := time.Now().Add(time.Minute); !holds(); runtime.Gosched() {
		if time.Now().After(end) {
			tb.Fatalf("%d connections are open, %d of them in a loop", h.Connections(), h.inLoops())
		}
	}
}

// TestConversationsAreTheSameInALoop holds a connection over TCP, whose commands arrive in any pieces,
// against one that is served by a goroutine alone.
func TestConversationsAreTheSameInALoop(t *testing.T) {
	commands := []string{
		encode("PING"), encode("SMEMBERS", included), encode("SMEMBERS", excluded), encode("GET", syncTime), encode("SISMEMBER", included, "new.g1"),
		encode("MGET", "nothing", syncTime), encode("ECHO", strings.Repeat("long", 300)), encode("HELLO", "3"), encode("HELLO", "2"),
		encode("HELLO", "3", "AUTH", "default", "sdk-web"), encode("AUTH", "sdk-other"), encode("AUTH", "sdk-guess"), encode("RESET"), encode("FROB", "a"),
		encode("HGETALL", "launchdarkly:features"), encode("EXISTS", "launchdarkly:$inited", syncTime), encode("SUBSCRIBE", "a"), encode("UNSUBSCRIBE"),
		encode("CLIENT", "GETNAME"), "PING\r\n", "*0\r\n", "\r\n", encode("GET", included),
	}
	h := build(t)
	at := h.listen(t, false)
	rapid.Check(t, func(rt *rapid.T) {
		all := encode("AUTH", "sdk-web") + strings.Join(rapid.SliceOfN(rapid.SampledFrom(commands), 1, 40).Draw(rt, "commands"), "")
		all += rapid.SampledFrom([]string{"", encode("QUIT"), "*x\r\n", "*1\r\n$4\r\nPI"}).Draw(rt, "end")
		alone := &script{in: strings.NewReader(all)}
		newConn(h.Server, alone, false).serve(t.Context())

		h.lastID.Add(-1) // which HELLO tells
		c := dial(t, at)
		defer func() { _ = c.Close() }()
		for rest := all; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(rt, "piece")
			if _, err := c.Write([]byte(rest[:n])); err != nil {
				break // it was told to go, in the pieces before
			}
			rest = rest[n:]
			runtime.Gosched()
		}
		if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
			return // cut off, which may have lost answers on their way
		}
		got, err := io.ReadAll(c.in)
		if errors.Is(err, unix.ECONNRESET) && strings.HasPrefix(alone.out.String(), string(got)) {
			return // the same
		}
		if want := alone.out.String(); err != nil || string(got) != want {
			rt.Fatalf("%q\nanswered %q (%v)\nwant     %q", all, got, err, want)
		}
	})
}

func TestRevokedKeyStopsWorkingInALoop(t *testing.T) {
	h := build(t)
	c := h.looping(t, h.listen(t, false))
	h.envs.delete(webID)
	c.say("SMEMBERS "+included, needsAuth)
	c.say("AUTH sdk-other", "+OK\r\n")
	c.say("SMEMBERS "+included, "*1\r\n$9\r\ntheirs.g7\r\n")
}

func TestConnectionsInALoopAreCutWhenTheirKeyIsRevoked(t *testing.T) {
	h := build(t)
	c := h.looping(t, h.listen(t, false))
	h.envs.delete(webID)
	c.expectClosed()
	<-h.members.left
	h.until(t, func() bool { return h.Connections() == 0 })
}

func TestWhatAClientDoesNotTakeIsKeptForIt(t *testing.T) {
	h := build(t)
	c := h.looping(t, h.listen(t, false))
	const times = 64 // 16 MiB, more than the kernel takes
	word := strings.Repeat("w", 1<<18)
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write([]byte(strings.Repeat(encode("ECHO", word), times) + encode("SMEMBERS", included)))
		sent <- err
	}()
	var r reply
	r.text(word)
	want := bytes.Repeat(r.out, times)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c.in, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d words of %d bytes came back otherwise (%v)", times, len(word), err)
	}
	c.expect(twoRefs)
	if err := <-sent; err != nil {
		t.Error(err)
	}
	h.until(t, func() bool { return h.inLoops() == 1 })
	c.say("GET "+syncTime, timeReply)
}

func TestClientsThatLeaveALoopAreForgotten(t *testing.T) {
	h := build(t)
	at := h.listen(t, false)
	for range 3 {
		_ = h.looping(t, at).Close()
		h.until(t, func() bool { return h.Connections() == 0 && h.members.connected.Load() == 0 })
	}
}

func TestSilenceInALoopEndsAfterAnHour(t *testing.T) {
	h := build(t)
	l, err := newLoop(h.Server)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	began := time.Now()
	l.conns = map[int]*conn{1: {looped: looped{said: began}}, 2: {looped: looped{said: began.Add(2 * time.Minute)}}}
	l.now = began.Add(59 * time.Minute)
	if got := l.silent(); len(got) != 0 {
		t.Errorf("after 59 minutes %d connections are silent", len(got))
	}
	l.now = began.Add(time.Hour)
	if got := l.silent(); len(got) != 1 || got[0] != l.conns[1] {
		t.Errorf("after an hour %v are silent, want the first", got)
	}
}

func TestStopAnswersWhatALoopHasHeard(t *testing.T) {
	for name, tt := range map[string]struct{ say, want string }{
		"at once":       {encode("PING"), "+PONG\r\n"},
		"after waiting": {encode("PING") + encode("AUTH", "sdk-web"), "+PONG\r\n+OK\r\n"},
	} {
		t.Run(name, func(t *testing.T) { stopBeside(t, tt.say, tt.want) })
	}
}

// stopBeside lets a loop hear a client and the end of the server in one turn.
func stopBeside(t *testing.T, say, want string) {
	h := build(t)
	l, err := newLoop(h.Server)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	ctx, stop := context.WithCancel(t.Context())
	var open sync.WaitGroup
	l.serve = func(c *conn) { open.Go(func() { h.attend(ctx, c) }) }
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	client := dial(t, ln.Addr().String())
	socket, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	h.slots <- struct{}{}
	c := newConn(h.Server, socket, true)
	if !l.add(c) {
		t.Fatal("the loop doesn't take the connection")
	}
	client.send(say)
	for n := 0; n < len(say); { // until it has arrived
		n, _, _ = unix.Recvfrom(c.fd, make([]byte, len(say)), unix.MSG_PEEK)
	}
	stop()
	l.stop()
	l.run()
	open.Wait()
	client.expect(want)
	client.expectClosed()
	if n := h.Connections(); n != 0 {
		t.Errorf("%d connections are open after the end", n)
	}
	if l.add(newConn(h.Server, socket, true)) {
		t.Error("a loop that has ended takes another connection")
	}
}
