package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// buried is how long it takes until what was removed is off the log (the engine's IdleFold, and a little).
// Before that a walk is followed by what the log says, which tells a list that has just come twice.
const buried = 70 * time.Second

// relays measures how fast those are told everything who keep members elsewhere: a follower that takes
// pages as ld-relay does and does nothing with them, with and without compression.
func relays(members int) func(*bench) error {
	return func(b *bench) error {
		if err := b.keep(members); err != nil {
			return err
		}
		for _, how := range []struct{ name, encoding string }{{"plain", "identity"}, {"compressed", "gzip"}} {
			cpu, began := b.cpu(), time.Now()
			t, err := b.catchUp(how.encoding)
			if err != nil {
				return err
			}
			took := time.Since(began)
			fmt.Printf("a follower is told %d members, %s: %.2f s, %.0f k members/s, %d pages, slowest %v, %.2f us of server a member, %.1f B a member, %d MB resident that is not files\n", members, how.name,
				took.Seconds(), float64(members)/took.Seconds()/1e3, t.pages, t.slowest.Round(time.Millisecond), (b.cpu()-cpu).Seconds()*1e6/float64(members), float64(t.bytes)/float64(members), b.status("RssAnon")>>10)
		}
		return nil
	}
}

// keep makes a segment with members and waits until they have to be told once only.
func (b *bench) keep(members int) error {
	if err := b.segment("replaced"); err != nil {
		return err
	}
	_, err := b.upload(replaced, &rows{to: members})
	time.Sleep(buried)
	return err
}

// told is what came in one run of a follower.
type told struct {
	pages, bytes int
	slowest      time.Duration
}

// catchUp polls from nothing until an answer is empty.
func (b *bench) catchUp(encoding string) (t told, err error) {
	for after := ""; ; {
		began := time.Now()
		req, err := http.NewRequestWithContext(b.ctx, http.MethodGet, b.url+"/sdk/big-segments/revisions?"+url.Values{"after": {after}}.Encode(), http.NoBody)
		if err != nil {
			return t, err
		}
		req.Header.Set("Authorization", sdkKey)
		req.Header.Set("Accept-Encoding", encoding)
		resp, err := b.client.Do(req)
		if err != nil {
			return t, err
		}
		raw, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			return t, fmt.Errorf("%s: %w", resp.Status, err)
		}
		t.slowest = max(t.slowest, time.Since(began))
		body, err := plain(resp.Header.Get("Content-Encoding"), raw)
		if err != nil {
			return t, err
		}
		if string(body) == "[]" {
			return t, nil
		}
		_, version, ok := strings.Cut(string(body[max(0, len(body)-2000):]), `,"version":"`)
		for ok {
			var next string
			if _, next, ok = strings.Cut(version, `,"version":"`); ok {
				version = next
			}
		}
		after = strings.TrimSuffix(version, `"}]`)
		t.pages++
		t.bytes += len(raw)
	}
}

// realRelay has ld-relay take members into a redis-server that writes nothing to disk.
func realRelay(binary string, members int) func(*bench) error {
	return func(b *bench) error {
		if err := b.keep(members); err != nil {
			return err
		}
		if err := b.flagOn("for-relay", "replaced"); err != nil {
			return err
		}
		redis, err := b.redisServer()
		if err != nil || redis == nil {
			return err
		}
		defer redis.stop()
		cpu, began := b.cpu(), time.Now()
		_, process, stop, err := b.relay(binary, redis.address)
		if err != nil {
			return err
		}
		defer stop()
		for done := false; !done; time.Sleep(20 * time.Millisecond) {
			if done, err = b.has(redis.address, "launchdarkly:big_segments_synchronized_on"); err != nil {
				return err
			}
		}
		took := time.Since(began)
		fmt.Printf("ld-relay with redis-server takes %d members: %.2f s, %.0f k members/s, %.2f us of server a member, %.2f us of ld-relay\n", members, took.Seconds(),
			float64(members)/took.Seconds()/1e3, (b.cpu()-cpu).Seconds()*1e6/float64(members), cpuOf(process).Seconds()*1e6/float64(members))
		return nil
	}
}

// has reports whether a redis-server has a key.
func (b *bench) has(address, key string) (bool, error) {
	conn, err := new(net.Dialer).DialContext(b.ctx, "tcp", address)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }() // it was only read
	if _, err := fmt.Fprintf(conn, "EXISTS %s\r\n", key); err != nil {
		return false, err
	}
	answer := make([]byte, len(":1\r\n"))
	_, err = io.ReadFull(conn, answer)
	return answer[1] == '1', err
}

// plain returns a body as it was before compression.
func plain(encoding string, raw []byte) ([]byte, error) {
	if encoding != "gzip" {
		return raw, nil
	}
	in, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(in)
}
