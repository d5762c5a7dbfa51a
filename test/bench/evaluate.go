package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// flip measures from a push's answer to the event in an open client-side stream.
func (b *bench) flip() error {
	const rounds, member = 500, 42
	if err := b.flagOn("flip", "rudderstack-flip"); err != nil {
		return err
	}
	who := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"kind":"user","key":"user-%09d"}`, member))
	resp, err := b.do(http.MethodGet, "/eval/"+environment+"/"+who, http.NoBody) //nolint:bodyclose // closed when the function ends, behind the goroutine that reads it
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	events := make(chan time.Time, 16)
	go func() {
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "data:") {
				events <- time.Now()
			}
		}
		close(events)
	}()
	<-events // the put that every stream starts with
	if err := b.push(pushBody("flip", 0, 0, true)); err != nil {
		return err
	}
	var answered, whole []time.Duration
	for round := range rounds {
		body := pushBody("flip", member, 1, round%2 == 0)
		sent := time.Now()
		if err := b.push(body); err != nil {
			return err
		}
		done := time.Now()
		at, ok := <-events
		if !ok {
			return errors.New("the stream ended")
		}
		answered = append(answered, max(0, at.Sub(done)))
		whole = append(whole, at.Sub(sent))
	}
	report("push answered -> event in an open client-side stream", "p50 %v, p99 %v, max %v (%d pushes, idle server; an event that came before the answer counts as 0)",
		quantile(answered, .5), quantile(answered, .99), quantile(answered, 1), rounds)
	report("push sent -> event in an open client-side stream", "p50 %v, p99 %v, max %v", quantile(whole, .5), quantile(whole, .99), quantile(whole, 1))
	return nil
}

// evaluate measures the request with which client-side SDKs start.
func evaluate(flags int) func(*bench) error {
	return func(b *bench) error {
		if err := b.extraFlags(flags); err != nil {
			return err
		}
		l := load{name: fmt.Sprintf("client-side evaluation requests, %d flags on a synced segment", flags), workers: 16, length: b.length}
		return b.evaluations(l, b.address, 1000)
	}
}

// extraFlags makes flags beside the first one.
func (b *bench) extraFlags(flags int) error {
	for i := range flags - 1 {
		if err := b.flagOn(fmt.Sprintf("extra-%03d", i), "rudderstack-flip"); err != nil {
			return err
		}
	}
	return nil
}

// evaluations sends the request of so many contexts a worker, in turn, each worker on one connection.
// It does without an HTTP client, which would take more of the processors than the server does.
func (b *bench) evaluations(l load, address string, contexts int) error {
	workers := make([]*asker, l.workers)
	for i := range workers {
		conn, err := new(net.Dialer).DialContext(b.ctx, "tcp", address)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		workers[i] = &asker{Conn: conn, in: bufio.NewReaderSize(conn, 32<<10)}
		for n := range contexts {
			path, _ := browserPath(i*contexts + n)
			path = strings.Replace(path, "/eval/"+environment, "/sdk/evalx/"+environment+"/contexts", 1)
			workers[i].requests = append(workers[i].requests, []byte("GET "+path+" HTTP/1.1\r\nHost: "+address+"\r\n\r\n"))
		}
	}
	return b.rate(l, func(worker, n int) error { return workers[worker].ask(n % contexts) })
}

// asker is a client with one connection. Of an answer it reads the status and how long the body is, which
// is what a load generator needs: every microsecond here is taken from the servers that are compared.
type asker struct {
	net.Conn
	in       *bufio.Reader
	requests [][]byte
}

func (a *asker) ask(n int) error {
	if _, err := a.Write(a.requests[n]); err != nil {
		return err
	}
	status, err := a.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("evaluate: %q", status)
	}
	length, chunked, err := a.head()
	if err != nil || !chunked {
		return errors.Join(err, a.skip(length))
	}
	return a.skipChunks()
}

// head reads the headers.
func (a *asker) head() (length int, chunked bool, err error) {
	for {
		line, err := a.in.ReadSlice('\n')
		if err != nil || len(line) <= len("\r\n") {
			return length, chunked, err
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, false, err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		}
	}
}

func (a *asker) skip(n int) error {
	_, err := a.in.Discard(n)
	return err
}

func (a *asker) skipChunks() error {
	for {
		line, err := a.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return err
		}
		if err := a.skip(int(n) + len("\r\n")); err != nil || n == 0 {
			return err
		}
	}
}

// besideRelay measures evaluation in muster and, if its binary is given, in an ld-relay that has its
// flags from muster and its membership from redis-server. It does so with more contexts than the relay
// remembers, and with fewer.
func besideRelay(binary string) func(*bench) error {
	const workers, contexts, remembered = 16, 1000, 30
	return func(b *bench) error {
		if err := b.flagOn("flip", "rudderstack-flip"); err != nil {
			return err
		}
		if err := b.push(pushBody("flip", 0, workers*contexts/2, true)); err != nil {
			return err
		}
		address := ""
		var behind []*os.Process // of the relay
		if binary != "" {
			redis, err := b.redisServer()
			if err != nil || redis == nil {
				return err
			}
			defer redis.stop()
			if err := redis.include(b.ctx, workers*contexts/2); err != nil {
				return err
			}
			var stop func()
			var relay *os.Process
			if address, relay, stop, err = b.relay(binary, redis.address); err != nil {
				return err
			}
			defer stop()
			behind = []*os.Process{relay, redis.process}
		}
		for _, flags := range []int{1, 100} {
			if flags > 1 {
				if err := b.extraFlags(flags); err != nil {
					return err
				}
			}
			for _, each := range []int{contexts, remembered} {
				l := load{name: fmt.Sprintf("evaluation requests, %d flags, %d contexts", flags, workers*each), workers: workers, length: b.length}
				if err := b.evaluations(l, b.address, each); err != nil {
					return err
				}
				if address == "" {
					continue
				}
				l.name, l.servers = "  ld-relay, processor with that of redis-server", behind
				if err := b.evaluations(l, address, each); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// relay starts an ld-relay with muster as its LaunchDarkly.
func (b *bench) relay(binary, redis string) (address string, process *os.Process, stop func(), err error) {
	address, err = freeAddress(b.ctx)
	if err != nil {
		return "", nil, nil, err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", nil, nil, err
	}
	ctx, cancel := context.WithCancel(b.ctx)
	cmd := exec.CommandContext(ctx, binary, "--from-env")
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "PORT="+port, "STREAM_URI="+b.url, "BASE_URI="+b.url, "CLIENT_SIDE_BASE_URI="+b.url, "EVENTS_HOST="+b.url,
		"USE_REDIS=1", "REDIS_URL=redis://"+redis, "LOG_LEVEL=error", "LD_ENV_production="+sdkKey, "LD_CLIENT_SIDE_ID_production="+environment)
	if err := cmd.Start(); err != nil {
		cancel()
		return "", nil, nil, err
	}
	stop = func() { cancel(); _ = cmd.Wait() }
	for range 600 {
		if err = b.evaluations(load{name: "wait for the relay", workers: 1, length: time.Millisecond, quiet: true}, address, 1); err == nil {
			return address, cmd.Process, stop, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	return "", nil, nil, fmt.Errorf("the relay does not become ready: %w", err)
}

// include makes users members of the first synced segment, where a relay looks for them.
func (r *redisServer) include(ctx context.Context, users int) error {
	conn, err := dialRESP(ctx, r.address, "")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	set := func(words ...string) error {
		var text strings.Builder
		fmt.Fprintf(&text, "*%d\r\n", len(words))
		for _, w := range words {
			fmt.Fprintf(&text, "$%d\r\n%s\r\n", len(w), w)
		}
		if _, err := io.WriteString(conn, text.String()); err != nil {
			return err
		}
		answer, err := conn.line()
		if err == nil && strings.HasPrefix(answer, "-") {
			err = errors.New("redis-server answered " + answer)
		}
		return err
	}
	for n := range users {
		if err := set("SADD", includeKey(listener(n)), "rudderstack-flip.g1"); err != nil {
			return err
		}
	}
	return set("SET", "launchdarkly:big_segments_synchronized_on", fmt.Sprint(time.Now().Add(time.Hour).UnixMilli()))
}
