package api_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/access"
	"muster/internal/activity"
	"muster/internal/admin"
	"muster/internal/api"
	"muster/internal/catalog"
	"muster/internal/connector"
	"muster/internal/delivery"
	"muster/internal/fault"
	"muster/internal/history"
	"muster/internal/ingest"
	"muster/internal/relayfeed"
	"muster/internal/seal"
	"muster/internal/segment"
	"muster/internal/sink"
	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
	"muster/internal/usage"
	"muster/internal/webhook"
)

// The credentials of the project "default" that every test starts with.
const (
	adminToken   = "api-0b7f4c1e-52a9-4d0e-9a63-2f1d1c5e8a90"
	sdkKey       = "sdk-1d0a6f3b-8f63-4b7f-b0a4-6f0e5a1c9d27"
	clientSideID = "64b0c9f2a1d3e4f5061728aa"
	semantic     = "application/json; domain-model=launchdarkly.semanticpatch"
)

const maxImport = 16 << 20

// account is a whole installation in memory behind its API.
type account struct {
	api      http.Handler
	rooms    api.Rooms
	store    store.Store
	delivery *delivery.Delivery
	relays   *relayfeed.Feed
	activity *activity.Activity
	ingest   *ingest.Ingest
	usage    *usage.Usage
	access   *access.Access
	keys     *seal.Keys
	log      *bytes.Buffer
	token    string
	close    func() error // once, before the test ends if it wants to open the installation again
}

func newAccount(t testing.TB) *account {
	t.Helper()
	return newAccountAt(t, time.Now)
}

// newAccountAt is newAccount with a clock.
func newAccountAt(t testing.TB, now func() time.Time) *account {
	t.Helper()
	db := newDatabase(t)
	return openAccount(t, db, db, newKeys(t), now)
}

func newKeys(t testing.TB) *seal.Keys {
	t.Helper()
	keys, err := seal.ParseKeys(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func newDatabase(t testing.TB) *pebblestore.Store {
	t.Helper()
	db, err := pebblestore.Open("data", vfs.NewMem(), slog.New(slog.DiscardHandler), func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// openAccount opens an installation, the first time or again, until the test ends.
func openAccount(t testing.TB, log store.Log, files store.Files, keys *seal.Keys, now func() time.Time) *account {
	t.Helper()
	silent := slog.New(slog.DiscardHandler)
	e, err := engine.Open(t.Context(), log, files, engine.Options{Logger: silent})
	if err != nil {
		t.Fatal(err)
	}
	rooms := admin.New(e, keys, now)
	first := admin.Bootstrap{AdminToken: adminToken, SDKKey: sdkKey, MobileKey: "mob-7a2c9e54-0f3d-4c8b-8e15-93b6d0a4f1c8", ClientSideID: segment.EnvID(clientSideID)}
	if _, _, err := rooms.FirstStart(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	a := &account{store: e, keys: keys, log: new(bytes.Buffer), token: adminToken}
	past := history.New(e, now, silent)
	past.OnExport(func(env segment.EnvID, x history.Export) {
		a.activity.Exported(activity.Export{Env: env, Segment: x.Segment, ID: string(x.ID), Status: string(x.Status)})
	})
	a.ingest, a.access = ingest.New(e, now, silent), access.New(e, now)
	a.delivery, a.activity = delivery.New(e, delivery.Options{Log: silent, Patience: time.Minute}), activity.New(e)
	a.relays = relayfeed.New(e, relayfeed.Options{Log: silent})
	if a.usage, err = usage.New(t.Context(), e, now, silent); err != nil {
		t.Fatal(err)
	}
	hooks, err := webhook.New(t.Context(), e, keys, api.AuditRenderer(rooms), webhook.Options{
		Log: silent, UserAgent: "muster",
		Attempted: func(id catalog.ID, d catalog.Delivery) {
			a.activity.Attempted(activity.Delivery{Webhook: id, At: d.At})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	stores := sink.New(t.Context(), e, keys, nil, silent)
	a.close = sync.OnceValue(func() error {
		stores.Close()
		hooks.Close(context.Background())
		a.usage.Close()
		a.activity.Close()
		a.delivery.Close()
		a.relays.Close()
		a.ingest.Close()
		past.Close()
		return e.Close()
	})
	t.Cleanup(func() {
		if err := a.close(); err != nil {
			t.Error(err)
		}
	})
	tools, err := connector.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	a.rooms = api.Rooms{Admin: rooms, Ingest: a.ingest, History: past, Delivery: a.delivery, Relays: a.relays, Activity: a.activity, Usage: a.usage, Access: a.access, Webhooks: hooks, Sinks: stores, Tools: tools}
	a.api = documented(t, api.New(a.rooms, api.Options{
		Sessions: admin.SessionEnd{Idle: time.Hour, Lifetime: 24 * time.Hour}, Version: "1.2.3", PublicURL: "https://muster.test",
		Proxies:   access.Proxies{netip.MustParsePrefix("192.0.2.1/32")}, // where httptest's requests come from
		MaxImport: maxImport, Limits: []fault.Limit{{Name: "maxIngestBodyBytes", Value: 1 << 28, Setting: "--max-body"}},
	}, now, slog.New(slog.NewTextHandler(a.log, nil))))
	return a
}

// as returns the same installation for another credential.
func (a *account) as(token string) *account {
	other := *a
	other.token = token
	return &other
}

// reply is what the API answered.
type reply struct {
	status int
	header http.Header
	text   []byte
	body   any
}

// call sends a request with a JSON body ("" sends none) and returns the reply, which is never a 5xx.
func (a *account) call(t testing.TB, method, path, body string, header ...string) reply {
	t.Helper()
	r := httptest.NewRequest(method, "/api/v2"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if a.token != "" {
		r.Header.Set("Authorization", a.token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	a.api.ServeHTTP(w, r)
	got := reply{status: w.Code, header: w.Header(), text: w.Body.Bytes()}
	if got.status >= 500 {
		t.Fatalf("%s %s: %d %s\n%s", method, path, got.status, got.text, a.log)
	}
	kind := got.header.Get("Content-Type")
	if len(got.text) > 0 && !strings.HasPrefix(kind, "text/") && kind != "application/x-ndjson" {
		if err := json.Unmarshal(got.text, &got.body); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, got.text)
		}
	}
	if got.status >= 400 {
		checkRequired(t, "Error", got.body)
	}
	return got
}

// must is call for a request that succeeds with the given status. The reply holds every member that
// the representation (a name in required.json, "" for none) must have.
func (a *account) must(t testing.TB, status int, representation, method, path, body string, header ...string) reply {
	t.Helper()
	got := a.call(t, method, path, body, header...)
	if got.status != status {
		t.Fatalf("%s %s %s: %d %s, want %d", method, path, body, got.status, got.text, status)
	}
	if representation != "" {
		checkRequired(t, representation, got.body)
	}
	return got
}

// at returns the value at a path such as "items.0.key"; nil where there is nothing.
func (r reply) at(path string) any {
	v := r.body
	for name := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[name]
		case []any:
			var i int
			if _, err := fmt.Sscan(name, &i); err != nil || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

func (r reply) str(path string) string {
	s, _ := r.at(path).(string)
	return s
}

// want checks values of a reply: pairs of path and JSON text.
func (r reply) want(t testing.TB, pairs ...string) {
	t.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		got, err := json.Marshal(r.at(pairs[i]), json.Deterministic(true))
		if err != nil {
			t.Fatal(err)
		}
		want := jsontext.Value(pairs[i+1])
		if err := want.Canonicalize(); err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is %s, want %s", pairs[i], got, want)
		}
	}
}

// newToken creates an access token and returns its secret.
func (a *account) newToken(t testing.TB, body string) string {
	t.Helper()
	return a.must(t, 201, "Token", "POST", "/tokens", body).str("token")
}
