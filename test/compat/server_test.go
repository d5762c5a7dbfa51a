package compat

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait of these tests. Nothing is timed here; it only ends what hangs.
const patience = 60 * time.Second

// The credentials that every test server starts with.
const (
	adminToken    = "api-0b7f4c1e-52a9-4d0e-9a63-2f1d1c5e8a90"
	sdkKey        = "sdk-1d0a6f3b-8f63-4b7f-b0a4-6f0e5a1c9d27"
	mobileKey     = "mob-7a2c9e54-0f3d-4c8b-8e15-93b6d0a4f1c8"
	environmentID = "64b0c9f2a1d3e4f5061728aa"
)

// server is one running muster process.
type server struct {
	url     string
	resp    string
	dir     string
	process *exec.Cmd
	output  *lockedBuffer
	env     []string // further settings
}

// binary is what `make build` made.
func binary(t testing.TB) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "bin", "muster"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("the binary is missing, run `make build` first: %v", err)
	}
	return path
}

// start runs muster on a new data directory and stops it when the test ends.
func start(t testing.TB, env ...string) *server {
	t.Helper()
	s := &server{dir: t.TempDir(), env: env}
	s.run(t)
	return s
}

// run starts the process on the server's directory, keeping its addresses over restarts.
func (s *server) run(t testing.TB) {
	t.Helper()
	if s.url == "" {
		s.url, s.resp = "http://"+freeAddress(t), freeAddress(t)
	}
	s.output = new(lockedBuffer)
	s.process = exec.Command(binary(t), "serve",
		"--data-dir", s.dir, "--listen", strings.TrimPrefix(s.url, "http://"), "--resp-listen", s.resp, "--log-level", "debug")
	s.process.Env = append(os.Environ(), "MUSTER_ADMIN_TOKEN="+adminToken, "MUSTER_SDK_KEY="+sdkKey,
		"MUSTER_MOBILE_KEY="+mobileKey, "MUSTER_CLIENT_SIDE_ID="+environmentID)
	s.process.Env = append(s.process.Env, s.env...)
	s.process.Stdout, s.process.Stderr = s.output, s.output
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.stop(t)
		if t.Failed() {
			t.Logf("muster said:\n%s", s.output.tail(8000))
		}
	})
	eventually(t, "muster is ready", func() bool {
		resp, err := http.Get(s.url + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// stop asks the process to end and checks that it does so with success.
func (s *server) stop(t testing.TB) {
	t.Helper()
	if s.process == nil {
		return
	}
	process := s.process
	s.process = nil
	if err := process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("signal muster: %v", err)
	}
	if err := process.Wait(); err != nil {
		t.Errorf("muster did not stop cleanly: %v", err)
	}
}

// kill ends the process the hard way.
func (s *server) kill(t testing.TB) {
	t.Helper()
	process := s.process
	s.process = nil
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = process.Wait()
}

// call sends a request with the administrator's token and returns status and body.
func (s *server) call(t testing.TB, method, path, contentType string, body string) (int, []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", adminToken)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return answerTo(t, req)
}

// answerTo sends a request and returns status and body.
func answerTo(t testing.TB, req *http.Request) (int, []byte) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// must sends JSON and fails the test unless the status is the one given.
func (s *server) must(t testing.TB, want int, method, path, body string) []byte {
	t.Helper()
	status, answer := s.call(t, method, path, "application/json", body)
	if status != want {
		t.Fatalf("%s %s: status %d, want %d: %s", method, path, status, want, answer)
	}
	return answer
}

// freeAddress returns an address that nobody listens on, and that no outgoing connection is given while a
// process restarts on it: their ports begin at 32768.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(11000+rand.IntN(20000)))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no free port in a hundred tries")
	return ""
}

// eventually polls until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("%s: not within %v", what, patience)
		case <-tick.C:
		}
	}
}

// lockedBuffer keeps what a process prints.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) tail(n int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.buf.String()
	return s[max(0, len(s)-n):]
}

// seen is what one client last reported of one flag.
type seen struct {
	Flag   string `json:"flag"`
	Value  bool   `json:"value"`
	Kind   string `json:"kind"`
	Status string `json:"status"`
}

// watcher collects the reports of one client.
type watcher struct {
	name    string
	tell    io.Writer // the standard input of a driver
	mu      sync.Mutex
	state   map[string]seen
	all     []seen // every report, in order
	changed chan struct{}
}

func newWatcher(name string) *watcher {
	return &watcher{name: name, state: map[string]seen{}, changed: make(chan struct{})}
}

func (w *watcher) report(s seen) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state[s.Flag] = s
	w.all = append(w.all, s)
	close(w.changed)
	w.changed = make(chan struct{})
}

// expect waits until the client reports the flag this way.
func (w *watcher) expect(t *testing.T, want seen) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		w.mu.Lock()
		got, changed := w.state[want.Flag], w.changed
		w.mu.Unlock()
		if got == want {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			t.Fatalf("%s: %+v, want %+v within %v", w.name, got, want, patience)
		}
	}
}

// drive runs a JavaScript driver and watches what it reports.
func drive(t *testing.T, s *server, script string, flags []string, extra ...string) *watcher {
	t.Helper()
	w := newWatcher(script)
	host, port, err := net.SplitHostPort(s.resp)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", filepath.Join("js", script))
	cmd.Env = append(os.Environ(), "MUSTER_URL="+s.url, "COMPAT_FLAGS="+strings.Join(flags, ","), "COMPAT_CONTEXT="+userContext(contextKey).JSONString(),
		"COMPAT_ENVIRONMENT="+environmentID, "COMPAT_SDK_KEY="+sdkKey, "RESP_HOST="+host, "RESP_PORT="+port)
	cmd.Env = append(cmd.Env, extra...)
	errors := new(lockedBuffer)
	cmd.Stderr = errors
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.tell = stdin
	done := make(chan struct{})
	go func() {
		defer close(done)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			var got seen
			if err := json.Unmarshal(lines.Bytes(), &got); err == nil && got.Flag != "" {
				w.report(got)
			}
		}
	}()
	t.Cleanup(func() {
		stdin.Close()
		kill := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		<-done
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", script, errors.tail(4000))
		}
	})
	return w
}

// chromium returns the browser that the test set-up installed.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no Chromium found; `make test` installs it")
	return ""
}

func flagJSON(key, segmentKey string) string {
	return fmt.Sprintf(`{"key":%q,"name":%q,"clientSideAvailability":{"usingEnvironmentId":true,"usingMobileKey":true}}`, key, "Follows "+segmentKey)
}
