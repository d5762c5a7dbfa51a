package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// curve measures what segments cost by their number: the members are a million, and at least a
// thousand in each segment.
func (r run) curve(numbers string) error {
	for number := range strings.SplitSeq(numbers, ",") {
		n, err := strconv.Atoi(number)
		if err != nil {
			return fmt.Errorf("number of segments: %w", err)
		}
		if err := r.on(func(b *bench) error { return b.segments(n, max(1000, 1_000_000/n)) }); err != nil {
			return err
		}
	}
	return nil
}

// lookupConnections is how many connections ask at once for all segments of contexts.
const lookupConnections = 20

// foldWait is how long after the start lookups are measured. Of a million members that are several segments' most wait
// in tables then, and there is an index of these: segments are folded when they were idle between two looks, a minute apart.
const foldWait = 75 * time.Second

// segments measures n segments of some members each. A context is in a twentieth of them.
func (b *bench) segments(n, members int) error {
	name := fmt.Sprintf("%d segments of %d members", n, members)
	pushed, began, cpu := 0, time.Now(), b.cpu()
	for s := range n {
		for from := 0; from < members; from += 10_000 {
			size := min(10_000, members-from)
			if err := b.push(pushBody(fmt.Sprintf("curve-%d", s), s%20*members+from, size, true)); err != nil {
				return err
			}
			pushed += size
		}
	}
	took := time.Since(began)
	report(name, "pushed one after the other: %.0f members/s durable, server %.2f us a member", float64(pushed)/took.Seconds(), (b.cpu()-cpu).Seconds()*1e6/float64(pushed))
	if err := b.restart(); err != nil {
		return err
	}
	if err := b.listSegments(name); err != nil {
		return err
	}
	time.Sleep(foldWait)
	report(name, "%.1f B of disk a member, %.1f B of memory that is not files", float64(b.disk())/float64(pushed), float64(b.status("RssAnon")<<10)/float64(pushed))
	key := func(worker, i int) string { return fmt.Sprintf("user-%09d", (worker*7919+i*104_729)%(20*members)) }
	if err := b.lookups(load{name: name + ", all segments of a context by SMEMBERS"}, b.resp, sdkKey, key); err != nil {
		return err
	}
	if n > 300 {
		return nil
	}
	if err := b.askRESP(load{name: name + ", when the store was synchronized by GET"}, b.resp, sdkKey, synchronizedOn); err != nil {
		return err
	}
	return b.redisLookups(name, n, members, key)
}

// lookups measures how often all segments of a context are told.
func (b *bench) lookups(l load, address, password string, key func(worker, i int) string) error {
	return b.askRESP(l, address, password, func(c *respConn, worker, i int) (int, error) { return c.members(key(worker, i)) })
}

// synchronizedOn asks when the store was synchronized, as SDKs do to see whether it is stale.
func synchronizedOn(c *respConn, _, _ int) (int, error) { return c.synchronizedOn() }

// askRESP measures how often a question is answered; at least one answer has to have something.
func (b *bench) askRESP(l load, address, password string, ask func(c *respConn, worker, i int) (found int, err error)) error {
	conns := make([]*respConn, lookupConnections)
	for i := range conns {
		c, err := dialRESP(b.ctx, address, password)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		conns[i] = c
	}
	var found atomic.Int64
	l.workers, l.length = len(conns), b.length
	err := b.rate(l, func(worker, i int) error {
		n, err := ask(conns[worker], worker, i)
		found.Add(int64(n))
		return err
	})
	if err == nil && found.Load() == 0 {
		err = errors.New("every answer was empty")
	}
	return err
}

// listSegments measures the list of segments, a thousand at a time, right after a start and again.
func (b *bench) listSegments(name string) error {
	var took [2]time.Duration
	for i := range took {
		began := time.Now()
		resp, err := b.do(http.MethodGet, "/api/v2/segments/default/production?limit=1000", http.NoBody)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			return err
		}
		took[i] = time.Since(began)
	}
	report(name, "list of up to 1,000: %v after the start, then %v", took[0].Round(100*time.Microsecond), took[1].Round(100*time.Microsecond))
	return nil
}

// redisLookups is the yardstick: the same sets in a redis-server.
func (b *bench) redisLookups(name string, n, members int, key func(worker, i int) string) error {
	redis, err := b.redisServer()
	if err != nil || redis == nil {
		return err
	}
	defer redis.stop()
	conn, err := dialRESP(b.ctx, redis.address, "")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	answered := make(chan error, 1)
	go func() {
		_, err := conn.in.Discard(n * members * len(":1\r\n"))
		answered <- err
	}()
	var out bytes.Buffer
	for s := range n {
		ref := fmt.Sprintf("rudderstack-curve-%d.g1", s)
		for i := range members {
			k := includeKey(fmt.Sprintf("user-%09d", s%20*members+i))
			fmt.Fprintf(&out, "*3\r\n$4\r\nSADD\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(k), k, len(ref), ref)
		}
		if _, err := out.WriteTo(conn); err != nil {
			return err
		}
	}
	if err := <-answered; err != nil {
		return err
	}
	servers := []*os.Process{redis.process}
	if err := b.lookups(load{name: "yardstick: " + name + ", SMEMBERS of redis-server", servers: servers}, redis.address, "", key); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(conn, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$13\r\n1767000000123\r\n", len(synchronizedKey), synchronizedKey); err != nil {
		return err
	}
	line, err := conn.line()
	if err != nil {
		return err
	}
	if line != "+OK" {
		return fmt.Errorf("SET answered %q", line)
	}
	return b.askRESP(load{name: "yardstick: " + name + ", GET of redis-server", servers: servers}, redis.address, "", synchronizedOn)
}

// redisServer is the yardstick, reached the way muster is: by TCP on loopback.
type redisServer struct {
	address string
	process *os.Process
	stop    func()
}

// redisServer starts a redis-server that writes nothing to disk; nil if there is none.
func (b *bench) redisServer() (*redisServer, error) {
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		fmt.Println("redis-server is not installed: no yardstick")
		return nil, nil
	}
	address, err := freeAddress(b.ctx)
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(b.ctx)
	server := exec.CommandContext(ctx, binary, "--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", b.dir)
	if err := server.Start(); err != nil {
		cancel()
		return nil, err
	}
	r := &redisServer{address: address, process: server.Process, stop: func() { cancel(); _ = server.Wait() }}
	for range 500 {
		var conn net.Conn
		if conn, err = new(net.Dialer).DialContext(b.ctx, "tcp", address); err == nil {
			return r, conn.Close()
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.stop()
	return nil, err
}
