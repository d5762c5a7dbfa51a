package main

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	adminToken   = "api-6f1d2c3b-4a59-4687-9785-a4b3c2d1e0f1"
	sdkKey       = "sdk-6f1d2c3b-4a59-4687-9785-a4b3c2d1e0f2"
	clientSideID = "6f1d2c3b4a59468797a4b3c2"
)

// newServer returns a server that is ready, and its address.
func newServer(t *testing.T) (*server, string) {
	t.Helper()
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{log: slog.New(slog.DiscardHandler), origin: new(origin), disk: vfs.Default, folder: t.TempDir(), spool: t.TempDir(), settings: &settings{
		Listen: address, DrainTimeout: patience, MaxBody: 1 << 20, MaxImport: 1 << 20,
		AdminToken: adminToken, SDKKey: sdkKey, ClientSideID: clientSideID,
	}}
	if err := s.listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.open(t.Context()); err != nil {
		s.abandon()
		t.Fatal(err)
	}
	return s, address
}

// pushUnderWay sends all of a push but its body. When it returns, the server waits for the body.
func pushUnderWay(t *testing.T, address string, bodyBytes int) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(conn, "POST /api/v2/segment-targets/rudderstack HTTP/1.1\r\nHost: muster\r\nAuthorization: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", adminToken, bodyBytes)
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	if err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("the server answered %q before the body came (%v)", line, err)
	}
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return conn, r
}

// answer is a response of which only the head matters.
type answer struct {
	status int
	header http.Header
	last   bool // on its connection
}

func ask(t *testing.T, method, url, credential string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", credential)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, resp.Close}
}

func wantTryAgain(t *testing.T, a answer) {
	t.Helper()
	after, resetAt := a.header.Get("Retry-After"), a.header.Get("X-Ratelimit-Reset")
	reset, err := strconv.ParseInt(resetAt, 10, 64)
	if a.status != http.StatusTooManyRequests || after == "" || err != nil {
		t.Errorf("status %d, Retry-After %q, X-Ratelimit-Reset %q; want 429 with both", a.status, after, resetAt)
	}
	if until := time.Until(time.UnixMilli(reset)); until > time.Minute {
		t.Errorf("X-Ratelimit-Reset is %v from now", until)
	}
	if !a.last {
		t.Error("the connection stays open to a process that ends")
	}
}

func TestAStopAnswersUntilWhatIsUnderWayIsDone(t *testing.T) {
	s, address := newServer(t)
	body := `{"environmentId":"` + clientSideID + `","cohortId":"a","cohortName":"A","listData":{"add":[{"id":"u1"}]}}`
	conn, reply := pushUnderWay(t, address, len(body))
	stopped := make(chan error, 1)
	go func() { stopped <- s.drain() }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !s.origin.isDraining() {
		<-tick.C
	}
	origin := "http://" + address
	if a := ask(t, http.MethodGet, origin+"/readyz", ""); a.status != http.StatusServiceUnavailable {
		t.Errorf("readiness %d while stopping", a.status)
	}
	if a := ask(t, http.MethodGet, origin+"/sdk/latest-all", sdkKey); a.status != http.StatusServiceUnavailable {
		t.Errorf("an SDK gets %d while stopping", a.status)
	}
	wantTryAgain(t, ask(t, http.MethodGet, origin+"/api/v2/versions", adminToken))
	wantTryAgain(t, ask(t, http.MethodPost, origin+"/api/v2/segment-targets/rudderstack", adminToken))
	if _, err := io.WriteString(conn, body); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(reply, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Errorf("the push under way got %d", resp.StatusCode)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		_ = conn.Close()
		t.Error("the port is open after the stop")
	}
}

func TestAStartAsksToComeBack(t *testing.T) {
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{log: slog.New(slog.DiscardHandler), origin: new(origin), settings: &settings{Listen: address}}
	if err := s.listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.abandon()
	wantTryAgain(t, ask(t, http.MethodPost, "http://"+address+"/api/v2/segment-targets/rudderstack", adminToken))
	if a := ask(t, http.MethodGet, "http://"+address+"/all", sdkKey); a.status != http.StatusServiceUnavailable {
		t.Errorf("an SDK gets %d while starting", a.status)
	}
}

func TestAStopEndsAStartThatDoesNot(t *testing.T) {
	s := &server{log: slog.New(slog.DiscardHandler), settings: &settings{DrainTimeout: time.Millisecond}}
	if err := s.stopOpening(make(chan error)); err != nil {
		t.Error(err)
	}
}

func TestAStopDuringAStartClosesWhatWasOpened(t *testing.T) {
	s, address := newServer(t)
	opened := make(chan error, 1)
	opened <- nil
	if err := s.stopOpening(opened); err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		_ = conn.Close()
		t.Error("the port is open after the stop")
	}
}
