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
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// replaced is the segment whose whole membership is exchanged.
const replaced = "/api/v2/segments/default/production/replaced"

// replace measures whole lists: the first, the same again, one of which a part differs, and the way
// back; then what redis-server takes for the same members.
func replace(members int) func(*bench) error {
	return func(b *bench) error {
		if err := b.segment("replaced"); err != nil {
			return err
		}
		moved := members / 20
		first := rows{to: members}
		other := rows{from: moved, to: members + moved}
		name := fmt.Sprintf("replace %d members", members)
		for _, step := range []struct {
			what string
			list rows
		}{{"first", first}, {"no-op", first}, {"5 % differ", other}, {"5 % differ", first}, {"5 % differ", other}} {
			cpu := b.cpu()
			took, lookups, err := b.lookUpDuring(func() (time.Duration, error) { return b.upload(replaced, &step.list) })
			if err != nil {
				return err
			}
			fmt.Printf("%s, %s: first byte sent to visible %.2f s, %.2f us of server a member, %d MB resident at most, %d MB of it not files, lookups meanwhile p50 %v, p99 %v; rosters %.1f B a member\n", name, step.what, took.Seconds(),
				(b.cpu()-cpu).Seconds()*1e6/float64(members), b.status("VmHWM")>>10, b.status("RssAnon")>>10, quantile(lookups, .5), quantile(lookups, .99), float64(b.disk("roster"))/float64(members))
		}
		if err := b.rollBack(name); err != nil {
			return err
		}
		if err := b.restart(); err != nil {
			return err
		}
		return b.redis(first)
	}
}

// rows is a list of users, read as CSV.
type rows struct {
	from, to int
	buf      bytes.Buffer
}

func (r *rows) Read(p []byte) (int, error) {
	var row []byte
	for r.buf.Len() < len(p) && r.from < r.to {
		row = append(appendNumber(append(row[:0], "user-"...), r.from, 15), '\n')
		r.buf.Write(row)
		r.from++
	}
	return r.buf.Read(p)
}

// segment makes a segment that keeps its members in the engine.
func (b *bench) segment(key string) error {
	return b.call(http.MethodPost, "/api/v2/segments/default/production", fmt.Sprintf(`{"key":%q,"name":%q,"unbounded":true}`, key, key), http.StatusCreated)
}

// lookUpDuring asks for all segments of a context, again and again, while something is done, and
// returns how long each answer took.
func (b *bench) lookUpDuring(do func() (time.Duration, error)) (time.Duration, []time.Duration, error) {
	c, err := dialRESP(b.ctx, b.resp, sdkKey)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = c.Close() }()
	done := make(chan struct{})
	type asked struct {
		took []time.Duration
		err  error
	}
	answer := make(chan asked, 1)
	go func() {
		var a asked
		for n := 0; a.err == nil; n++ {
			select {
			case <-done:
				answer <- a
				return
			case <-time.After(5 * time.Millisecond):
			}
			at := time.Now()
			_, a.err = c.members(fmt.Sprintf("user-%015d", n))
			a.took = append(a.took, time.Since(at))
		}
		answer <- a
	}()
	took, err := do()
	close(done)
	a := <-answer
	return took, a.took, errors.Join(err, a.err)
}

// disk returns the bytes in files below a part of the data directory, all of it without one, once they
// have not changed for a while: what an import leaves is cleared away behind its back.
func (b *bench) disk(part ...string) int64 {
	before := int64(-1)
	for range 50 {
		now := b.diskNow(part...)
		if now == before {
			break
		}
		before = now
		time.Sleep(200 * time.Millisecond)
	}
	return before
}

func (b *bench) diskNow(part ...string) (n int64) {
	_ = filepath.WalkDir(filepath.Join(append([]string{b.dir}, part...)...), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}

// upload replaces a membership and returns how long that took, as its sender sees it.
func (b *bench) upload(segment string, list io.Reader) (time.Duration, error) {
	file, err := b.listFile(list)
	if err != nil {
		return 0, err
	}
	return b.send(segment, file)
}

// listFile makes a list before the clock starts: making it takes as long as parsing it.
func (b *bench) listFile(list io.Reader) (*os.File, error) {
	f, err := os.Create(filepath.Join(b.dir, "list.csv"))
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(f, list); err != nil {
		return nil, err
	}
	_, err = f.Seek(0, io.SeekStart)
	return f, err
}

// send replaces a membership by a list, which it removes, and returns how long that took.
func (b *bench) send(segment string, f *os.File) (time.Duration, error) {
	defer func() { _ = errors.Join(f.Close(), os.Remove(f.Name())) }()
	req, err := http.NewRequestWithContext(b.ctx, http.MethodPost, b.url+segment+"/imports?mode=replace", f)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", token)
	req.Header.Set("Content-Type", "text/csv")
	began := time.Now()
	resp, err := b.client.Do(req)
	if err != nil {
		return 0, err
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusNoContent {
		return 0, fmt.Errorf("import answered %s: %s, %w", resp.Status, text, err)
	}
	at := resp.Header.Get("Location")
	for {
		var state struct{ Status string }
		if err := b.get(at, &state); err != nil {
			return 0, err
		}
		switch state.Status {
		case "complete":
			return time.Since(began), nil
		case "held", "stopped":
			return 0, fmt.Errorf("import is %s", state.Status)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (b *bench) get(path string, v any) error {
	resp, err := b.do(http.MethodGet, path, http.NoBody)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(v)
}

// rollBack publishes the newest point and waits until a member that it brings back is seen.
func (b *bench) rollBack(name string) error {
	var points struct {
		Items []struct {
			ID string `json:"_id"`
		}
	}
	if err := b.get(replaced+"/points", &points); err != nil {
		return err
	}
	if len(points.Items) < 2 {
		return errors.New("there is no point")
	}
	began := time.Now()
	answered := make(chan error, 1)
	go func() {
		resp, err := b.do(http.MethodPost, replaced+"/points/"+points.Items[1].ID+"/publish", strings.NewReader(`{}`))
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				err = errors.New("rollback answered " + resp.Status)
			}
		}
		answered <- err
	}()
	for {
		var state struct{ Included bool }
		if err := b.get(replaced+"/contexts/user-000000000000001", &state); err != nil {
			return err
		}
		if state.Included {
			break
		}
	}
	visible := time.Since(began)
	err := <-answered
	fmt.Printf("%s, rollback: visible after %.0f ms, counted after %.2f s\n", name, visible.Seconds()*1e3, time.Since(began).Seconds())
	return err
}

// status returns a figure of the server's process in KiB.
func (b *bench) status(field string) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.process.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			var n int64
			_, _ = fmt.Sscan(value, &n)
			return n
		}
	}
	return 0
}

// redis is the yardstick: the same members in the layout that SDKs read, by pipelined SADD into a
// redis-server of its own that writes nothing to disk.
func (b *bench) redis(list rows) error {
	redis, err := b.redisServer()
	if err != nil || redis == nil {
		return err
	}
	defer redis.stop()
	conn, err := new(net.Dialer).DialContext(b.ctx, "tcp", redis.address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	members := list.to - list.from
	began := time.Now()
	answered := make(chan error, 1)
	go func() { // each SADD of a new member answers ":1"
		in := bufio.NewReaderSize(conn, 1<<20)
		_, err := in.Discard(members * len(":1\r\n"))
		answered <- err
	}()
	out := bufio.NewWriterSize(conn, 1<<20)
	for i := list.from; i < list.to; i++ {
		h := sha256.Sum256(fmt.Appendf(nil, "user-%015d", i))
		_, _ = fmt.Fprintf(out, "*3\r\n$4\r\nSADD\r\n$64\r\nbig_segment_include:%s\r\n$11\r\nreplaced.g1\r\n", base64.StdEncoding.EncodeToString(h[:]))
	}
	if err := errors.Join(out.Flush(), <-answered); err != nil {
		return err
	}
	took := time.Since(began)
	fmt.Printf("yardstick: %d members into redis-server by pipelined SADD, nothing on disk: %.2f s\n", members, took.Seconds())
	return nil
}
