package sdk_test

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/sdk"
	"muster/internal/segment"
)

func hash(key, message string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(message))
	return hex.EncodeToString(mac.Sum(nil))
}

func gzipped(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestServerStream(t *testing.T) {
	w := plainWorld(t)
	l := w.listen("GET", "/all", "", "Authorization", sdkKey)
	for name, want := range map[string]string{"X-Accel-Buffering": "no", "Cache-Control": "no-cache", "X-Ld-Envid": string(envID)} {
		if got := l.res.Header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	if put := l.event(); !strings.HasPrefix(put, "event: put\ndata: {\"path\":\"/\",\"data\":{\"flags\":{\"checkout\":{") {
		t.Errorf("opened with %s", put)
	}
	w.push(segment.Include, "u1") // sends nothing here
	w.putFlag("checkout", 2)
	if patch := l.event(); !strings.HasPrefix(patch, "event: patch\ndata: {\"path\":\"/flags/checkout\",\"data\":{") || !strings.Contains(patch, `"version":2`) {
		t.Errorf("a change sent %s", patch)
	}
}

func TestServerStreamOfTheSecondProtocol(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{DrainJitter: 20 * time.Millisecond})
	w.putSegment()
	w.putFlag("checkout", 1)
	l := w.listen("GET", "/sdk/stream", "", "Authorization", sdkKey)
	if first := l.event(); !strings.HasPrefix(first, "event: server-intent\n") || !strings.Contains(first, `"intentCode":"xfer-full"`) {
		t.Fatalf("opened with %s", first)
	}
	var last string
	for !strings.HasPrefix(last, "event: payload-transferred\n") {
		last = l.event()
	}
	w.push(segment.Include, "u1") // sends nothing here
	w.putFlag("checkout", 2)
	if put := l.event(); !strings.HasPrefix(put, "event: put-object\ndata: {\"kind\":\"flag\",\"key\":\"checkout\",\"version\":2,") {
		t.Errorf("a change sent %s", put)
	}
	_, rest, _ := strings.Cut(l.event(), `"state":"`)
	state, _, _ := strings.Cut(rest, `"`)
	again := w.listen("GET", "/sdk/stream?basis="+state, "", "Authorization", sdkKey)
	if first := again.event(); !strings.Contains(first, `"intentCode":"none"`) {
		t.Errorf("with a basis it opened with %s", first)
	}
	w.handler.Drain()
	for _, l := range []*listener{l, again} {
		if bye := l.event(); !strings.HasPrefix(bye, "event: goodbye\n") {
			t.Errorf("before its end the stream said %s", bye)
		}
		l.wantEnd()
	}
}

func TestClientStreams(t *testing.T) {
	const id = string(envID)
	tests := []struct{ name, method, path string }{
		{"a browser", "GET", "/eval/" + id + "/" + contextPath("u1")},
		{"a browser that reports", "REPORT", "/eval/" + id},
		{"an app", "GET", "/meval/" + contextPath("u1")},
		{"an app that reports", "REPORT", "/meval"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := plainWorld(t)
			l := w.listen(tt.method, tt.path, userJSON("u1"), "Authorization", mobKey, "Content-Type", "application/json")
			if put := l.event(); !strings.HasPrefix(put, "event: put\ndata: {\"checkout\":{\"value\":false,") {
				t.Errorf("opened with %s", put)
			}
			w.push(segment.Include, "somebody else")
			rev := w.push(segment.Include, "u1")
			l.want(fmt.Sprintf("event: patch\ndata: {\"key\":\"checkout\",\"value\":true,\"variation\":0,\"flagVersion\":1,\"version\":%d}", rev))
		})
	}
}

func TestPingStreams(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{PingPause: time.Nanosecond})
	browser := w.listen("GET", "/ping/"+string(envID), "")
	app := w.listen("GET", "/mping", "", "Authorization", mobKey)
	const ping = "event: ping\ndata:  "
	browser.want(ping)
	app.want(ping)
	w.putSegment()
	browser.want(ping)
	app.want(ping)
}

func TestIdleStreamsBeat(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{Heartbeat: 10 * time.Millisecond})
	l := w.listen("GET", "/all", "", "Authorization", sdkKey)
	l.event()
	l.want(":")
	l.want(":")
}

func TestStreamEndsWithItsCredential(t *testing.T) {
	w := plainWorld(t)
	rotated := w.listen("GET", "/all", "", "Authorization", oldKey)
	kept := w.listen("GET", "/all", "", "Authorization", sdkKey)
	app := w.listen("GET", "/meval/"+contextPath("u1"), "", "Authorization", mobKey)
	for _, l := range []*listener{rotated, kept, app} {
		l.event()
	}
	w.putEnvironment(func(e *catalog.Environment) { e.ExpiringSDKKeys, e.MobileKey = nil, "mob-new" })
	rotated.wantEnd()
	app.wantEnd()
	w.putFlag("other", 1)
	if patch := kept.event(); !strings.Contains(patch, "/flags/other") {
		t.Errorf("the stream of the valid key got %s", patch)
	}
}

func TestStreamEndsWhenItsKeyExpires(t *testing.T) {
	var c clock
	w := newWorldAt(t, c.now, delivery.Options{}, sdk.Options{Heartbeat: 10 * time.Millisecond})
	l := w.listen("GET", "/all", "", "Authorization", oldKey)
	l.event()
	c.pass(2 * time.Hour)
	l.wantEndAfterBeats()
	if res, _ := w.ask("GET", "/sdk/latest-all", "", "Authorization", oldKey); res.StatusCode != 401 {
		t.Errorf("the expired key answered %s", res.Status)
	}
}

func TestStreamsEndWithTheirEnvironment(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{PingPause: time.Nanosecond})
	streams := []*listener{
		w.listen("GET", "/all", "", "Authorization", sdkKey),
		w.listen("GET", "/eval/"+string(envID)+"/"+contextPath("u1"), ""),
		w.listen("GET", "/ping/"+string(envID), ""),
	}
	for _, l := range streams {
		l.event()
	}
	w.deleteEnvironment()
	for _, l := range streams {
		l.wantEnd()
	}
}

func TestDrainEndsStreams(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{DrainJitter: 20 * time.Millisecond})
	var all []*listener
	for range 5 {
		l := w.listen("GET", "/all", "", "Authorization", sdkKey)
		l.event()
		all = append(all, l)
	}
	if n := w.handler.Stats().ServerStreams; n != 5 {
		t.Errorf("%d streams are counted", n)
	}
	w.handler.Drain()
	w.handler.Drain()
	for _, l := range all {
		l.wantEnd()
	}
}

// stall ends a stream that is not read. It is longer than a busy machine keeps those waiting that read theirs.
const stall = 2 * time.Second

// A client that stops reading is cut while the others go on.
func TestStalledReaderIsCutAndOthersGoOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, delivery.Options{}, sdk.Options{WriteTimeout: stall})
	w.putFlagWith("large", 1, func(f *catalog.Flag) { // more than the buffers in between hold
		f.Environments[envKey].Targets = []catalog.Target{{Values: []string{strings.Repeat("x", 512<<10)}}}
	})
	l := w.listen("GET", "/all", "", "Authorization", sdkKey)
	l.event()
	stalled := w.stall("/all")
	for version := 1; w.handler.Stats().ServerStreams > 1; version++ {
		w.putFlag("checkout", version)
		if patch := l.event(); !strings.Contains(patch, fmt.Sprintf(`"version":%d`, version)) {
			t.Fatalf("after version %d came %.200s", version, patch)
		}
	}
	if err := stalled.Close(); err != nil {
		t.Error(err)
	}
}

// stall opens a stream and reads nothing but the first byte of it.
func (w *world) stall(path string) net.Conn {
	w.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(w.t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil { // so that little fits in between
		w.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: muster\r\nAuthorization: %s\r\n\r\n", path, sdkKey); err != nil {
		w.t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		w.t.Fatal(err)
	}
	return conn
}
