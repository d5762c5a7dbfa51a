package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// sinkAt is a persistent store that the server keeps current.
type sinkAt struct {
	b    *bench
	path string
}

// sinks measures how a Redis is kept current, beside pipelined SADD of the same members by hand.
func sinks(members int) func(*bench) error {
	return func(b *bench) error {
		redis, err := b.redisServer()
		if err != nil {
			return err
		}
		if redis == nil {
			return errors.New("there is no redis-server")
		}
		defer redis.stop()
		s, err := b.sink(redis.address)
		if err != nil {
			return err
		}
		if err := flipInStore(b, s, redis); err != nil {
			return err
		}
		if err := million(b, s, redis); err != nil {
			return err
		}
		return churn(b, s, members)
	}
}

// sink makes the server keep a Redis current.
func (b *bench) sink(address string) (*sinkAt, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	const at = "/api/v2/integration-capabilities/big-segment-store/default/production/redis"
	body := fmt.Sprintf(`{"name":"bench","on":true,"config":{"host":%q,"port":%q,"prefix":"launchdarkly"}}`, host, port)
	req, err := http.NewRequestWithContext(b.ctx, http.MethodPost, b.url+at, bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", token)
	req.Header.Set("LD-API-Version", "beta")
	resp, err := b.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var made struct {
		ID string `json:"_id"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil || resp.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("create an integration: %s, %w", resp.Status, err)
	}
	return &sinkAt{b, at + "/" + made.ID}, nil
}

type sinkStatus struct {
	State          string
	Complete       bool
	Revision       uint64
	LagRevisions   uint64
	Written        uint64
	SynchronizedOn int64
}

func (s *sinkAt) status() (st sinkStatus, err error) { return st, s.b.get(s.path+"/status", &st) }

// caughtUp waits until the store has everything.
func (s *sinkAt) caughtUp() error {
	for range 120_000 {
		st, err := s.status()
		if err != nil {
			return err
		}
		if st.State == "current" && st.Complete && st.LagRevisions == 0 {
			return nil
		}
		time.Sleep(2 * time.Millisecond)
	}
	return errors.New("the store is never current")
}

// flipInStore measures how soon a pushed member is in the store.
func flipInStore(b *bench, s *sinkAt, redis *redisServer) error {
	if err := b.push(pushBody("flip-store", 0, 1, true)); err != nil {
		return err
	}
	if err := s.caughtUp(); err != nil {
		return err
	}
	c, err := dialRESP(b.ctx, redis.address, "")
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	var answered, sent []time.Duration
	for n := 1; n <= 500; n++ {
		body := pushBody("flip-store", n, 1, true)
		began := time.Now()
		if err := b.push(body); err != nil {
			return err
		}
		at := time.Now()
		for held := 0; held == 0; {
			if held, err = c.members("user-" + string(appendNumber(nil, n, 9))); err != nil {
				return err
			}
		}
		answered, sent = append(answered, time.Since(at)), append(sent, time.Since(began))
		time.Sleep(5 * time.Millisecond)
	}
	fmt.Printf("push of one member answered -> in Redis: p50 %v, p99 %v; from the first byte sent p50 %v, p99 %v\n",
		quantile(answered, .5), quantile(answered, .99), quantile(sent, .5), quantile(sent, .99))
	return nil
}

// million measures a list that is published while the store is current, then a store that was emptied, and the
// same by hand.
func million(b *bench, s *sinkAt, redis *redisServer) error {
	const members = 1_000_000
	if err := b.segment("replaced"); err != nil {
		return err
	}
	var fills, byHand []float64
	cpu := b.cpu()
	visible, took, err := s.mirrored(b, &rows{to: members})
	if err != nil {
		return err
	}
	fmt.Printf("%d members by list: visible here after %.2f s, from then to all in Redis %.2f s, %.0f k members/s, %.2f us of server a member\n",
		members, visible.Seconds(), took.Seconds(), float64(members)/took.Seconds()/1e3, (b.cpu()-cpu).Seconds()*1e6/float64(members))
	for range 3 {
		if err := redis.flush(b); err != nil {
			return err
		}
		began, before := time.Now(), b.cpu()
		for {
			if st, err := s.status(); err != nil || !st.Complete {
				if err != nil {
					return err
				}
				break
			}
			time.Sleep(time.Millisecond)
		}
		noticed := time.Since(began)
		if err := s.caughtUp(); err != nil {
			return err
		}
		took := time.Since(began) - noticed
		fills = append(fills, took.Seconds())
		fmt.Printf("emptied store of %d members: noticed after %.2f s, then full after %.2f s, %.0f k members/s, %.2f us of server a member\n",
			members, noticed.Seconds(), took.Seconds(), float64(members)/took.Seconds()/1e3, (b.cpu()-before).Seconds()*1e6/float64(members))
		// The same by hand, into the same store under another prefix.
		took, err := redis.byHand(b, rows{to: members})
		if err != nil {
			return err
		}
		byHand = append(byHand, took.Seconds())
		fmt.Printf("yardstick: %d members into the same redis-server by pipelined SADD: %.2f s, %.0f k members/s\n", members, took.Seconds(), float64(members)/took.Seconds()/1e3)
	}
	fmt.Printf("members/s of the sink by those of SADD by hand, medians of three: %.2f\n", median(byHand)/median(fills))
	return redis.flush(b)
}

// mirrored uploads a list and returns how long it took to be visible, and from then to be in the Redis.
func (s *sinkAt) mirrored(b *bench, list *rows) (visible, took time.Duration, err error) {
	if visible, err = b.upload(replaced, list); err != nil {
		return 0, 0, err
	}
	began := time.Now()
	err = s.caughtUp()
	return visible, time.Since(began), err
}

// churn measures a list of which one part in a hundred differs from the one before.
func churn(b *bench, s *sinkAt, members int) error {
	moved := members / 200 // as many leave as join
	for round := range 4 {
		list := rows{from: round * moved, to: members + round*moved}
		visible, took, err := s.mirrored(b, &list)
		if err != nil {
			return err
		}
		if round == 0 {
			fmt.Printf("%d members, first: visible here after %.2f s, from then to all in Redis %.2f s\n", members, visible.Seconds(), took.Seconds())
			continue
		}
		fmt.Printf("%d members, 1 %% differ: visible here after %.2f s, from then to all %d changes in Redis %.2f s; server %d MB resident that is not files\n",
			members, visible.Seconds(), 2*moved, took.Seconds(), b.status("RssAnon")>>10)
	}
	return nil
}

func median(all []float64) float64 {
	d := make([]time.Duration, len(all))
	for i, v := range all {
		d[i] = time.Duration(v * 1e9)
	}
	return quantile(d, .5).Seconds()
}

// flush empties the store.
func (r *redisServer) flush(b *bench) error {
	c, err := dialRESP(b.ctx, r.address, "")
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, "FLUSHALL\r\n"); err != nil {
		return err
	}
	if line, err := c.line(); err != nil || line != "+OK" {
		return fmt.Errorf("FLUSHALL answered %q: %w", line, err)
	}
	return nil
}

// byHand writes members as a program would that has nothing else to do.
func (r *redisServer) byHand(b *bench, list rows) (time.Duration, error) {
	conn, err := new(net.Dialer).DialContext(b.ctx, "tcp", r.address)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	members := list.to - list.from
	began := time.Now()
	answered := make(chan error, 1)
	go func() { // each SADD of a new member answers ":1"
		_, err := bufio.NewReaderSize(conn, 1<<20).Discard(members * len(":1\r\n"))
		answered <- err
	}()
	out := bufio.NewWriterSize(conn, 1<<20)
	for i := list.from; i < list.to; i++ {
		h := sha256.Sum256(fmt.Appendf(nil, "user-%015d", i))
		_, _ = fmt.Fprintf(out, "*3\r\n$4\r\nSADD\r\n$77\r\nbyhandbyhand:big_segment_include:%s\r\n$11\r\nreplaced.g1\r\n", base64.StdEncoding.EncodeToString(h[:]))
	}
	err = errors.Join(out.Flush(), <-answered)
	return time.Since(began), err
}
