package sdk_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	"go.uber.org/goleak"

	"muster/internal/access"
	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/relayfeed"
	"muster/internal/sdk"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
	"muster/internal/usage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	envID    segment.EnvID      = "65f000000000000000000001"
	sdkKey                      = "sdk-11111111-1111-4111-8111-111111111111"
	oldKey                      = "sdk-00000000-0000-4000-8000-000000000000"
	mobKey                      = "mob-22222222-2222-4222-8222-222222222222"
	project  catalog.ProjectKey = "web"
	envKey   catalog.EnvKey     = "production"
	segments                    = "vip"
)

// never is when a stream says by itself that it lives, unless a test is about that. A busy machine takes so long for some
// tests that they would else meet it.
const never = time.Hour

// patience is how long anything may take on such a machine.
const patience = 3 * time.Minute

// world is a server over the real engine on a file system in memory.
type world struct {
	t        testing.TB
	store    *engine.Engine
	delivery *delivery.Delivery
	feed     *relayfeed.Feed
	usage    *usage.Usage
	handler  *sdk.Handler
	url      string
}

func newWorld(t testing.TB, do delivery.Options, so sdk.Options) *world {
	t.Helper()
	return newWorldAt(t, time.Now, do, so)
}

// newWorldAt is newWorld with a clock by which keys expire, and by which relays ask too often.
func newWorldAt(t testing.TB, now func() time.Time, do delivery.Options, so sdk.Options) *world {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	files, err := pebblestore.Open("data", vfs.NewMem(), log, func(err error) { t.Errorf("disk failed: %v", err) })
	if err != nil {
		t.Fatal(err)
	}
	s, err := engine.Open(t.Context(), files, files, engine.Options{Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	so.Now, so.Heartbeat = now, cmp.Or(so.Heartbeat, never)
	do.Log, do.Patience = log, time.Minute // a busy machine takes its time
	d := delivery.New(s, do)
	f := relayfeed.New(s, relayfeed.Options{Log: log, Now: now, Refresh: never})
	u, err := usage.New(t.Context(), s, time.Now, log)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: s, delivery: d, usage: u, feed: f, handler: sdk.New(d, f, access.New(s, now), u, log, so)}
	server := httptest.NewUnstartedServer(w.handler)
	server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if err := c.(*net.TCPConn).SetWriteBuffer(16 << 10); err != nil { // so that slow readers show soon
			t.Error(err)
		}
		return ctx
	}
	server.Start()
	w.url = server.URL
	t.Cleanup(func() {
		d.Close()
		f.Close()
		server.CloseClientConnections()
		server.Close()
		w.handler.Wait(context.Background())
		u.Close()
		if err := errors.Join(s.Close(), files.Close()); err != nil {
			t.Error(err)
		}
	})
	w.update(store.Account, func(tx store.Tx) error {
		tx.PutProject(&catalog.Project{ID: catalog.NewID(), Key: project, Name: "Web"})
		tx.PutEnvironment(environment())
		return nil
	})
	return w
}

// clock is one that a test puts forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) pass(d time.Duration) { c.ahead.Add(int64(d)) }

func environment() *catalog.Environment {
	return &catalog.Environment{
		ID: envID, Project: project, Key: envKey, Name: "Production", SDKKey: sdkKey, MobileKey: mobKey,
		ExpiringSDKKeys: []catalog.ExpiringKey{{Key: oldKey, Expiry: time.Now().Add(time.Hour)}},
		CreatedAt:       time.Now(), Version: 1,
	}
}

func (w *world) update(scope store.Scope, fn func(store.Tx) error) segment.Revision {
	w.t.Helper()
	rev, err := w.store.Update(context.Background(), scope, fn)
	if err != nil {
		w.t.Fatal(err)
	}
	return rev
}

// putFlag keeps a boolean flag that is true for members of the segment "vip".
func (w *world) putFlag(key catalog.FlagKey, version int) { w.putFlagWith(key, version, nil) }

func (w *world) putFlagWith(key catalog.FlagKey, version int, change func(*catalog.Flag)) {
	w.t.Helper()
	yes, no := 0, 1
	f := &catalog.Flag{
		Project: project, Key: key, Version: version,
		Variations:   []catalog.Variation{{ID: catalog.NewUUID(), Value: ldvalue.Bool(true)}, {ID: catalog.NewUUID(), Value: ldvalue.Bool(false)}},
		Availability: catalog.Availability{MobileKey: true, EnvironmentID: true},
		Environments: map[catalog.EnvKey]*catalog.FlagConfig{envKey: {
			On: true, Salt: "salt", Version: version, OffVariation: &no, Fallthrough: catalog.Serve{Variation: &no},
			Rules: []catalog.FlagRule{{
				ID: "r-1", Serve: catalog.Serve{Variation: &yes},
				Clauses: []catalog.Clause{{Op: "segmentMatch", Values: []ldvalue.Value{ldvalue.String(segments)}}},
			}},
		}},
	}
	if change != nil {
		change(f)
	}
	w.update(store.Scope{Project: project}, func(tx store.Tx) error {
		tx.PutFlag(f)
		return nil
	})
}

func (w *world) putSegment() {
	w.t.Helper()
	w.update(store.Scope{Env: envID}, func(tx store.Tx) error {
		tx.PutSegment(&catalog.Segment{
			ID: catalog.NewID(), Env: envID, Key: segments, Version: 1, Generation: 1, Salt: "salt",
			Unbounded: true, Kind: segment.DefaultKind,
		})
		return nil
	})
}

// push changes the members of the segment "vip".
func (w *world) push(ops segment.Ops, keys ...string) segment.Revision {
	w.t.Helper()
	list := &segment.Changes{}
	for _, key := range keys {
		list.Append([]byte(key), ops)
	}
	staged, err := w.store.Stage(context.Background(), list)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.update(store.Scope{Env: envID}, func(tx store.Tx) error {
		_, err := tx.Apply(envID, segments, staged)
		return err
	})
}

func (w *world) putEnvironment(change func(*catalog.Environment)) {
	w.t.Helper()
	e := environment()
	e.Version = 2
	change(e)
	w.update(store.Scope{Project: project}, func(tx store.Tx) error {
		tx.PutEnvironment(e)
		return nil
	})
}

// ask sends a request and returns the answer with its body read.
func (w *world) ask(method, path, body string, header ...string) (*http.Response, string) {
	w.t.Helper()
	res := w.open(method, path, body, header...)
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res, string(raw)
}

// open sends a request and returns the answer, whose body is closed with the test.
func (w *world) open(method, path, body string, header ...string) *http.Response {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
	res, err := client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = res.Body.Close() }) // the test is over
	return res
}

// listener reads server-sent events.
type listener struct {
	t   testing.TB
	in  *bufio.Reader
	res *http.Response
}

func (w *world) listen(method, path, body string, header ...string) *listener {
	w.t.Helper()
	res := w.open(method, path, body, header...)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
		raw, _ := io.ReadAll(res.Body)
		w.t.Fatalf("stream answered %s with %s", res.Status, raw)
	}
	return &listener{t: w.t, in: bufio.NewReader(res.Body), res: res}
}

// next returns the next event or comment, without the blank line behind it; io.EOF at the end.
func (l *listener) next() (string, error) {
	var event strings.Builder
	for {
		line, err := l.in.ReadString('\n')
		if err != nil {
			return event.String(), err
		}
		if line == "\n" {
			return strings.TrimSuffix(event.String(), "\n"), nil
		}
		event.WriteString(line)
	}
}

func (l *listener) want(event string) {
	l.t.Helper()
	got, err := l.next()
	if err != nil || got != event {
		l.t.Errorf("got %q, %v\nwant %q", got, err, event)
	}
}

// event returns the next event, which must be there.
func (l *listener) event() string {
	l.t.Helper()
	got, err := l.next()
	if err != nil {
		l.t.Fatalf("stream ended: %v", err)
	}
	return got
}

func (l *listener) wantEnd() {
	l.t.Helper()
	if got, err := l.next(); err == nil {
		l.t.Errorf("stream went on with %q", got)
	}
}

// contextPath returns a user as it stands in a path.
func contextPath(key string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(userJSON(key)))
}

func userJSON(key string) string { return `{"kind":"user","key":"` + key + `"}` }
