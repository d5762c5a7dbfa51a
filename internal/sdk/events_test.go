package sdk_test

import (
	"bufio"
	"compress/flate"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/sdk"
)

func TestEvents(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{MaxEvents: 1000})
	const id = string(envID)
	const body = `[{"kind":"custom","key":"k"}]`
	tests := []struct {
		name, path, key, body string
		gzip                  bool
		status                int
	}{
		{"of a server", "/bulk", sdkKey, body, false, 202},
		{"of a server, compressed", "/bulk", sdkKey, body, true, 202},
		{"diagnostics of a server", "/diagnostic", sdkKey, body, false, 202},
		{"of an app", "/mobile", mobKey, body, false, 202},
		{"of an app, newer", "/mobile/events", mobKey, body, false, 202},
		{"of an app, newest", "/mobile/events/bulk", mobKey, body, false, 202},
		{"diagnostics of an app", "/mobile/events/diagnostic", mobKey, body, false, 202},
		{"of a browser", "/events/bulk/" + id, "", body, false, 202},
		{"diagnostics of a browser", "/events/diagnostic/" + id, "", body, false, 202},
		{"with a wrong key", "/bulk", "sdk-x", body, false, 401},
		{"of an unknown browser", "/events/bulk/nope", "", body, false, 404},
		{"empty", "/bulk", sdkKey, "", false, 400},
		{"too large", "/bulk", sdkKey, strings.Repeat("x", 1001), false, 413},
		{"too large once decompressed", "/bulk", sdkKey, strings.Repeat("x", 1001), true, 413},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			header, sent := []string{"Authorization", tt.key}, tt.body
			if tt.gzip {
				header, sent = append(header, "Content-Encoding", "gzip"), gzipped(t, tt.body)
			}
			res, got := w.ask("POST", tt.path, sent, header...)
			if res.StatusCode != tt.status {
				t.Errorf("answered %s: %s", res.Status, got)
			}
			if _, err := time.Parse(http.TimeFormat, res.Header.Get("Date")); err != nil || tt.status == 202 && got != "" {
				t.Errorf("date %v, body %q", err, got)
			}
		})
	}
	if res, _ := w.ask("POST", "/bulk", "no gzip", "Authorization", sdkKey, "Content-Encoding", "gzip"); res.StatusCode != http.StatusBadRequest {
		t.Errorf("false compression answered %s", res.Status)
	}
	if s := w.usage.Stats(); s.Received != 9 || s.Bytes != 9*uint64(len(body)) || s.Dropped != 0 {
		t.Errorf("counted %+v", s)
	}
	res, image := w.ask("GET", "/a/"+id+".gif?d=W10", "")
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(image, "GIF89a") {
		t.Errorf("the image is %q, %s", image, res.Status)
	}
}

// summary is what an SDK sends when the flag "checkout" was served n times.
func summary(n int) string {
	return fmt.Sprintf(`[{"kind":"summary","startDate":1,"endDate":2,"features":{"checkout":{"default":false,"contextKinds":["user"],
		"counters":[{"variation":0,"version":1,"value":true,"count":%d}]}}}]`, n)
}

// until waits until something holds.
func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	for began := time.Now(); !holds(); runtime.Gosched() {
		if time.Since(began) > patience {
			w.t.Fatalf("it never came that %s", what)
		}
	}
}

// wantEvaluations waits until n evaluations of "checkout" have been counted.
func (w *world) wantEvaluations(n uint64) {
	w.t.Helper()
	w.until(fmt.Sprintf("%d evaluations were counted", n), func() bool {
		got, _ := w.usage.Totals(envID)
		return got == n
	})
}

func TestEventsAreCounted(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{})
	w.putFlag("checkout", 1)
	accepted := func(path, body string, header ...string) {
		t.Helper()
		header = append([]string{"User-Agent", "GoClient/7.14.6"}, header...)
		if res, got := w.ask("POST", path, body, header...); res.StatusCode != http.StatusAccepted {
			t.Fatalf("%s: %s %s", path, res.Status, got)
		}
	}
	const schema = "X-LaunchDarkly-Event-Schema"
	accepted("/bulk", summary(1), "Authorization", sdkKey, schema, "4")
	accepted("/mobile/events/bulk", gzipped(t, summary(10)), "Authorization", mobKey, schema, "4", "Content-Encoding", "gzip", "User-Agent", "AndroidClient/5.1.0")
	accepted("/events/bulk/"+string(envID), summary(100), schema, "4", "X-LaunchDarkly-User-Agent", "JSClient/4.10.3", "User-Agent", "Mozilla/5.0 (X11)")
	for range 2 { // the retry of an SDK that did not see the answer
		accepted("/bulk", summary(1000), "Authorization", sdkKey, schema, "4", "X-LaunchDarkly-Payload-ID", "6f1c", "User-Agent", "NodeJSClient/9.13.7", "X-LaunchDarkly-Instance-Id", "i-1")
	}
	single := `[{"kind":"feature","key":"checkout","variation":1}]`
	accepted("/bulk", single, "Authorization", sdkKey, schema, "4")
	accepted("/bulk", single, "Authorization", sdkKey, schema, "2")
	accepted("/bulk", single, "Authorization", sdkKey, schema, "4", "X-LaunchDarkly-Unsummarized", "true")
	image := base64.RawURLEncoding.EncodeToString([]byte(summary(10_000)))
	if res, _ := w.ask("GET", "/a/"+string(envID)+".gif?v=3&d="+url.QueryEscape(image), "", "User-Agent", "Mozilla/5.0 (X11)"); res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
	accepted("/diagnostic", `{"kind":"diagnostic-init","id":{"diagnosticId":"d-1"},"sdk":{"name":"go-server-sdk","version":"7.14.6"}}`, "Authorization", sdkKey)
	w.wantEvaluations(11_113)
	w.until("the diagnostic was read", func() bool { return w.usage.SDKs(envID)[1].Instances == 1 })
	var got []string
	for _, s := range w.usage.SDKs(envID) {
		got = append(got, fmt.Sprint(s.Name, " ", s.Version, " ", s.Instances))
	}
	if diff := cmp.Diff([]string{"AndroidClient 5.1.0 0", "GoClient 7.14.6 1", "JSClient 4.10.3 0", "NodeJSClient 9.13.7 1"}, got); diff != "" {
		t.Error(diff)
	}
	if s := w.usage.Stats(); s.Repeated != 1 || s.Dropped != 0 || s.Unreadable != 0 {
		t.Errorf("%+v", s)
	}
}

// zeros is n bytes that need no memory.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	n := min(int64(len(p)), z.n)
	clear(p[:n])
	if z.n -= n; z.n == 0 {
		return int(n), io.EOF
	}
	return int(n), nil
}

// bomb is so many MiB of zero bytes, compressed: one block of 1 MiB, which refers to nothing before it, again and again.
func bomb(t *testing.T, mebibytes int) string {
	t.Helper()
	var block strings.Builder
	z, err := flate.NewWriter(&block, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	zero := make([]byte, 1<<20)
	if _, err := z.Write(zero); err != nil {
		t.Fatal(err)
	}
	if err := z.Flush(); err != nil {
		t.Fatal(err)
	}
	sum := crc32.NewIEEE()
	for range mebibytes {
		_, _ = sum.Write(zero)
	}
	end := binary.LittleEndian.AppendUint32([]byte{3, 0}, sum.Sum32()) // a last block without content
	end = binary.LittleEndian.AppendUint32(end, uint32(mebibytes<<20)) //nolint:gosec // at most 128 MiB
	return "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + strings.Repeat(block.String(), mebibytes) + string(end)
}

func TestHostileEventsAreHarmless(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{})
	w.putFlag("checkout", 1)
	half := bomb(t, 64)
	packed, twice := bomb(t, 128), half+half
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for name, tt := range map[string]struct {
				body     io.Reader
				encoding string
				status   int
			}{
				"a bomb":           {strings.NewReader(packed), "gzip", 413},
				"a bomb in parts":  {strings.NewReader(twice), "gzip", 413},
				"100 MB":           {&zeros{100 << 20}, "", 413},
				"just within":      {&zeros{10 << 20}, "", 202},
				"garbage":          {strings.NewReader("\x00\x01garbage"), "", 202},
				"no gzip":          {strings.NewReader("garbage"), "gzip", 400},
				"half a gzip":      {strings.NewReader(packed[:20]), "gzip", 400},
				"deep":             {strings.NewReader(strings.Repeat("[", 5<<20)), "", 202},
				"a wall of braces": {strings.NewReader(strings.Repeat(`{"features":`, 500_000)), "", 202},
			} {
				r, err := http.NewRequestWithContext(t.Context(), "POST", w.url+"/bulk", tt.body)
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Authorization", sdkKey)
				r.Header.Set("Content-Encoding", tt.encoding)
				res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
				if err != nil {
					if name != "100 MB" { // the server may close before it has read everything
						t.Errorf("%s: %v", name, err)
					}
					continue
				}
				_ = res.Body.Close()
				if res.StatusCode != tt.status {
					t.Errorf("%s answered %s", name, res.Status)
				}
			}
		})
	}
	all.Wait()
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	if grown := int64(after.Sys) - int64(before.Sys); grown > 512<<20 {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
	if res, _ := w.ask("POST", "/bulk", summary(1), "Authorization", sdkKey); res.StatusCode != http.StatusAccepted {
		t.Error(res.Status)
	}
	w.wantEvaluations(1)
}

// Who sends the body by and by does not hold what it has sent for ever.
func TestASlowBodyEnds(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{EventsTimeout: 50 * time.Millisecond})
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintf(conn, "POST /bulk HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: 100\r\n\r\n[", sdkKey); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("answered %s", res.Status)
	}
	if s := w.usage.Stats(); s.Received != 0 {
		t.Errorf("%+v", s)
	}
}

// An SDK that comes back on the same connection is not hurried by the time of the request before.
func TestAConnectionServesManyBodies(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second
	w := newWorld(t, delivery.Options{}, sdk.Options{EventsTimeout: timeout})
	w.putFlag("checkout", 1)
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	for began := time.Now(); time.Since(began) < timeout+timeout/10; {
		r, err := http.NewRequestWithContext(t.Context(), "POST", w.url+"/bulk", strings.NewReader(summary(1)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", sdkKey)
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusAccepted {
			t.Fatal(res.Status)
		}
	}
}

// What a server-side SDK sends every five seconds, over real connections: contexts that were new, and
// how often each variation of 20 flags was served.
func BenchmarkEvents(b *testing.B) {
	w := newWorld(b, delivery.Options{}, sdk.Options{})
	var body strings.Builder
	body.WriteString("[")
	const contexts, flags = 50, 20
	for i := range contexts {
		fmt.Fprintf(&body, `{"kind":"index","creationDate":1767000000000,"context":{"kind":"user","key":"user-%d","name":"Somebody","email":"somebody-%d@example.org","plan":"pro"}},`, i, i)
	}
	body.WriteString(`{"kind":"summary","startDate":1767000000000,"endDate":1767000005000,"features":{`)
	for i := range flags {
		if i > 0 {
			body.WriteString(",")
		}
		key := catalog.FlagKey(fmt.Sprintf("flag-%d", i))
		w.putFlag(key, 1)
		fmt.Fprintf(&body, `%q:{"default":false,"contextKinds":["user"],"counters":[{"variation":0,"version":17,"value":true,"count":12},{"variation":1,"version":17,"value":false,"count":3}]}`, key)
	}
	body.WriteString("}}]")
	b.SetBytes(int64(body.Len()))
	b.ReportAllocs()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r, err := http.NewRequestWithContext(b.Context(), "POST", w.url+"/bulk", strings.NewReader(body.String()))
			if err != nil {
				b.Error(err)
				return
			}
			r.Header.Set("Authorization", sdkKey)
			r.Header.Set("X-LaunchDarkly-Event-Schema", "4")
			res, err := transport.RoundTrip(r)
			if err != nil {
				b.Error(err)
				return
			}
			_ = res.Body.Close()
			if res.StatusCode != http.StatusAccepted {
				b.Error(res.Status)
				return
			}
		}
	})
	b.StopTimer()
	s := w.usage.Stats()
	b.ReportMetric(float64(s.Received-s.Dropped)*(contexts+1)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(100*float64(s.Dropped)/float64(s.Received), "%dropped")
}
