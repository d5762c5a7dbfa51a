package migrate_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"muster/internal/access"
	"muster/internal/activity"
	"muster/internal/admin"
	"muster/internal/api"
	"muster/internal/delivery"
	"muster/internal/history"
	"muster/internal/ingest"
	"muster/internal/migrate"
	"muster/internal/relayfeed"
	"muster/internal/sdk"
	"muster/internal/seal"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
	"muster/internal/usage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	sourceToken = "api-5a5a5a5a-0000-4000-8000-000000000001"
	musterToken = "api-6b6b6b6b-0000-4000-8000-000000000002"
)

// server is a whole muster in memory.
type server struct {
	t     testing.TB
	url   string
	token string
}

func newServer(t testing.TB, token string) *server {
	t.Helper()
	silent := slog.New(slog.DiscardHandler)
	db, err := pebblestore.Open("data", vfs.NewMem(), silent, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(t.Context(), db, db, engine.Options{Logger: silent})
	if err != nil {
		t.Fatal(err)
	}
	rooms := admin.New(e, seal.Without("no secrets are moved"), time.Now)
	if _, _, err := rooms.FirstStart(t.Context(), admin.Bootstrap{AdminToken: token}); err != nil {
		t.Fatal(err)
	}
	past, in := history.New(e, time.Now, silent), ingest.New(e, time.Now, silent)
	feed, watch := delivery.New(e, delivery.Options{Log: silent, Patience: time.Minute}), activity.New(e)
	relays := relayfeed.New(e, relayfeed.Options{Log: silent})
	who := access.New(e, time.Now)
	reports, err := usage.New(t.Context(), e, time.Now, silent)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", api.New(api.Rooms{Admin: rooms, Ingest: in, History: past, Delivery: feed, Activity: watch, Usage: reports, Access: who}, api.Options{MaxImport: 1 << 20}, time.Now, silent))
	mux.Handle("/", sdk.New(feed, relays, who, reports, silent, sdk.Options{}))
	s := httptest.NewServer(mux)
	t.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		s.Close()
		watch.Close()
		relays.Close()
		feed.Close()
		in.Close()
		past.Close()
		reports.Close()
		if err := errors.Join(e.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	return &server{t: t, url: s.URL, token: token}
}

// call makes a request of the API, which must not be refused, and decodes the answer.
func (s *server) call(method, path, body string, into any) {
	s.t.Helper()
	status, text := s.ask(method, path, body)
	if status >= http.StatusBadRequest {
		s.t.Fatalf("%s %s answers %d: %s", method, path, status, text)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(text, into); err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
}

func (s *server) ask(method, path, body string) (int, []byte) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+"/api/v2"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", s.token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, text
}

// outcome is what a flag serves, and why.
type outcome struct {
	Key    string          `json:"key"`
	Value  json.RawMessage `json:"_value"`
	Reason json.RawMessage `json:"reason"`
}

// served returns what every flag of an environment serves to a context.
func (s *server) served(environment, context string) map[string]string {
	s.t.Helper()
	var all struct{ Items []outcome }
	s.call("POST", "/projects/shop/environments/"+environment+"/flags/evaluate", context, &all)
	list := map[string]string{}
	for _, o := range all.Items {
		list[o.Key] = string(o.Value) + " " + string(o.Reason)
	}
	return list
}

// definitions returns what SDKs of an environment see, versions apart.
func (s *server) definitions(environment string) string {
	s.t.Helper()
	var data map[string]map[string]map[string]any
	s.call("GET", "/projects/shop/environments/"+environment+"/sdk-data", "", &data)
	for _, all := range data {
		for _, d := range all {
			delete(d, "version")
		}
	}
	text, err := json.MarshalIndent(data, "", " ")
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// versions returns those of all that SDKs of production see.
func (s *server) versions() map[string]int {
	s.t.Helper()
	var data map[string]map[string]struct{ Version int }
	s.call("GET", "/projects/shop/environments/production/sdk-data", "", &data)
	list := map[string]int{}
	for kind, all := range data {
		for key, d := range all {
			list[kind+" "+key] = d.Version
		}
	}
	return list
}

// newest returns the id of the newest change in the audit log.
func (s *server) newest() string {
	s.t.Helper()
	var log struct {
		Items []struct {
			ID string `json:"_id"`
		}
	}
	s.call("GET", "/auditlog?limit=1", "", &log)
	return log.Items[0].ID
}

// front stands before a server and sees every request.
type front struct {
	url string

	mu   sync.Mutex
	seen []string // whole requests
	// before answers a request in the server's place if it returns true; it has the lock.
	before func(w http.ResponseWriter, r *http.Request) bool
	// after may change what the server answered; it has the lock.
	after func(*http.Response) error
}

func newFront(t testing.TB, to string) *front {
	t.Helper()
	at, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{}
	proxy := httputil.NewSingleHostReverseProxy(at)
	proxy.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	proxy.ModifyResponse = func(res *http.Response) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.after == nil {
			return nil
		}
		return f.after(res)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		whole, err := httputil.DumpRequest(r, true)
		if err != nil {
			t.Error(err)
		}
		if !f.answers(w, r, string(whole)) {
			r.Header.Del("Accept-Encoding") // so that after sees plain text
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	f.url = s.URL
	return f
}

func (f *front) answers(w http.ResponseWriter, r *http.Request, whole string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, whole)
	return f.before != nil && f.before(w, r)
}

// rewrite gives an answer another body.
func rewrite(res *http.Response, change func([]byte) []byte) error {
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	text = change(text)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	res.Header.Set("Content-Length", fmt.Sprint(len(text)))
	return nil
}

// options carry everything from one server to the other.
func options(t testing.TB, from, to string, out io.Writer) migrate.Options {
	return migrate.Options{
		From: from, FromToken: sourceToken, To: to, Token: musterToken, Agent: "muster/test", Projects: []string{"shop"}, Roles: true,
		Out: out, Wait: func(why string) { t.Log(why) },
	}
}

// carry runs a migration that must come to its end, and returns what it said.
func carry(t testing.TB, o migrate.Options) (*migrate.Report, string) {
	t.Helper()
	var said bytes.Buffer
	o.Out = &said
	report, err := migrate.Run(t.Context(), o)
	if err != nil {
		t.Fatalf("%v, after\n%s", err, said.String())
	}
	if err := report.Print(&said); err != nil {
		t.Fatal(err)
	}
	return report, said.String()
}
