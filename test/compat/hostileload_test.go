package compat

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// eventStream is an open stream, and whether it said that the flag checkout is on.
type eventStream struct{ on atomic.Bool }

// openStream opens a stream, or returns the status of the refusal.
func (s *server) openStream(t *testing.T, client *http.Client, path, credential string) (*eventStream, int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", credential)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		cancel()
		return nil, resp.StatusCode
	}
	e := &eventStream{}
	go func() {
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 8<<20)
		for lines.Scan() {
			if line := lines.Text(); strings.Contains(line, `"key":"checkout","on":true`) || strings.Contains(line, `"key":"checkout","value":true`) {
				e.on.Store(true)
			}
		}
	}()
	return e, http.StatusOK
}

// residentBytes returns how much memory the process has.
func (s *server) residentBytes(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}

// TestSDKsAreUnharmedByWhoeverAbusesTheirEndpoints has good streams beside clients that connect far beyond the
// limit, read nothing, send half a request, guess credentials and send bodies of 100 MB and bombs.
func TestSDKsAreUnharmedByWhoeverAbusesTheirEndpoints(t *testing.T) {
	const limit, good, attempts, silent, halfOpen = 60, 40, 400, 20, 200
	s := start(t, fmt.Sprintf("MUSTER_MAX_STREAMS_PER_KEY=%d", limit))
	s.must(t, http.StatusCreated, http.MethodPost, "/api/v2/flags/default", flagJSON("checkout", "nobody"))
	large := `[{"op":"add","path":"/environments/production/targets/-","value":{"variation":0,"values":["` + strings.Repeat("x", 100) + `"`
	for i := range 20_000 {
		large += fmt.Sprintf(`,"user-%060d"`, i)
	}
	s.must(t, http.StatusCreated, http.MethodPost, "/api/v2/flags/default", flagJSON("large", "nobody"))
	s.must(t, http.StatusOK, http.MethodPatch, "/api/v2/flags/default/large", large+"]}}]")
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)

	var streams []*eventStream
	for i := range good {
		path, key := "/all", sdkKey
		if i%2 == 1 {
			path, key = "/meval/eyJrZXkiOiJhIn0", mobileKey
		}
		stream, status := s.openStream(t, client, path, key)
		if stream == nil {
			t.Fatalf("a good stream is answered %d", status)
		}
		streams = append(streams, stream)
	}
	before := s.residentBytes(t)

	address := strings.TrimPrefix(s.url, "http://")
	dial := func(text string) net.Conn {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Error(err)
			return nil
		}
		t.Cleanup(func() { conn.Close() })
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetReadBuffer(4 << 10)
		}
		_, _ = io.WriteString(conn, text) // it may have been cut already
		return conn
	}
	for range silent {
		dial("GET /all HTTP/1.1\r\nHost: x\r\nAuthorization: " + sdkKey + "\r\n\r\n")
	}
	for i := range halfOpen {
		dial([]string{"", "GET /all HTTP/1.1\r\nHost: x\r\nAuthor", "POST /bulk HTTP/1.1\r\nHost: x\r\nAuthorization: " + sdkKey + "\r\nContent-Length: 1000000\r\n\r\n[{"}[i%3])
	}
	eventually(t, "the silent ones are open", func() bool { return s.gauge(t, `muster_stream_connections{kind="server"}`) >= good/2+silent })

	var refused, odd atomic.Int64
	var attack sync.WaitGroup
	for range 8 {
		attack.Go(func() {
			for i := range attempts / 8 {
				path, key := "/all", sdkKey
				switch i % 5 {
				case 3:
					key = "sdk-guess-" + strconv.Itoa(i)
				case 4:
					path, key = "/all?filter=nope", sdkKey
				}
				stream, status := s.openStream(t, client, path, key)
				switch {
				case stream != nil: // within the limit
				case status == http.StatusTooManyRequests && i%5 != 3:
					refused.Add(1)
				case status == http.StatusUnauthorized && i%5 == 3, status == http.StatusNotFound && i%5 == 4:
				default:
					odd.Add(1)
				}
			}
		})
	}
	for _, body := range []struct {
		what string
		zip  bool
		size int64
	}{{"a body of 100 MB", false, 100 << 20}, {"a bomb of 256 MB", true, 256 << 20}} {
		attack.Go(func() {
			if status := s.post(t, "/bulk", body.zip, body.size); status != http.StatusRequestEntityTooLarge && status != 0 {
				t.Errorf("%s is answered %d", body.what, status)
			}
		})
	}
	attack.Wait()
	if refused.Load() == 0 || odd.Load() != 0 {
		t.Errorf("%d streams were refused with 429, %d answers are odd", refused.Load(), odd.Load())
	}
	if counted := s.gauge(t, `muster_streams_refused_total{reason="key"}`); counted < float64(refused.Load()) {
		t.Errorf("%v refusals are counted, %d were seen", counted, refused.Load())
	}
	for i := range 6 { // 1.4 MB each, which those who read nothing can't leave to buffers
		s.must(t, http.StatusOK, http.MethodPatch, "/api/v2/flags/default/large", fmt.Sprintf(`[{"op":"replace","path":"/environments/production/on","value":%t}]`, i%2 == 0))
	}
	s.must(t, http.StatusOK, http.MethodPatch, "/api/v2/flags/default/checkout", `[{"op":"replace","path":"/environments/production/on","value":true}]`)
	for i, stream := range streams {
		eventually(t, fmt.Sprintf("good stream %d hears of the change", i), stream.on.Load)
	}
	eventually(t, "those who read nothing are cut", func() bool { return s.gauge(t, `muster_streams_ended_total{reason="slow"}`) >= silent })
	if now := s.residentBytes(t); now > before+300<<20 {
		t.Errorf("the process grew from %d to %d bytes", before, now)
	}
	if status, _ := s.call(t, http.MethodGet, "/readyz", "", ""); status != http.StatusOK {
		t.Errorf("ready: %d", status)
	}
	if log := s.output.tail(1 << 30); strings.Contains(log, "panic") {
		t.Error("the log tells of a panic")
	}
}

// post sends so many spaces as events and returns the status, 0 if the connection was cut while sending.
func (s *server) post(t *testing.T, path string, zip bool, size int64) int {
	var body io.Reader = io.LimitReader(spaces{}, size)
	if zip {
		var bomb bytes.Buffer
		w := gzip.NewWriter(&bomb)
		if _, err := io.Copy(w, body); err != nil {
			t.Error(err)
		}
		w.Close()
		body = &bomb
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, body)
	if err != nil {
		t.Error(err)
		return 0
	}
	req.Header.Set("Authorization", sdkKey)
	if zip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	resp, err := (&http.Client{Timeout: patience}).Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// spaces has no end.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// gauge returns a metric by its name and labels as they are written, 0 if there is none.
func (s *server) gauge(t *testing.T, name string) float64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			n, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	return 0
}
