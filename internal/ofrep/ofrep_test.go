package ofrep_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	"go.uber.org/goleak"

	"muster/internal/access"
	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/ofrep"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	envID  segment.EnvID = "65f000000000000000000001"
	locked segment.EnvID = "65f000000000000000000002" // in secure mode
	sdkKey               = "sdk-11111111-1111-4111-8111-111111111111"
	mobKey               = "mob-22222222-2222-4222-8222-222222222222"
)

// world is the protocol's endpoints over the real engine, with a few flags.
type world struct {
	t     *testing.T
	store *engine.Engine
	url   string
}

func newWorld(t *testing.T) *world {
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
	d := delivery.New(s, delivery.Options{Log: log, Patience: time.Minute})
	server := httptest.NewServer(ofrep.New(d, access.New(s, time.Now), log))
	t.Cleanup(func() {
		d.Close()
		server.Close()
		if err := errors.Join(s.Close(), files.Close()); err != nil {
			t.Error(err)
		}
	})
	w := &world{t: t, store: s, url: server.URL}
	w.update(store.Account, func(tx store.Tx) {
		tx.PutProject(&catalog.Project{ID: catalog.NewID(), Key: "web", Name: "Web"})
		tx.PutEnvironment(&catalog.Environment{ID: envID, Project: "web", Key: "production", Name: "Production", SDKKey: sdkKey, MobileKey: mobKey, Version: 1})
		tx.PutEnvironment(&catalog.Environment{ID: locked, Project: "web", Key: "locked", Name: "Locked", SDKKey: "sdk-locked", MobileKey: "mob-locked", SecureMode: true, Version: 1})
	})
	w.update(store.Scope{Env: envID}, func(tx store.Tx) {
		tx.PutSegment(&catalog.Segment{ID: catalog.NewID(), Env: envID, Key: "vip", Version: 1, Generation: 1, Salt: "salt", Unbounded: true, Kind: segment.DefaultKind})
	})
	w.flag("checkout", func(f *catalog.Flag, c *catalog.FlagConfig) {
		c.Rules = []catalog.FlagRule{{ID: "r-1", Serve: c.Fallthrough, Clauses: []catalog.Clause{{Op: "segmentMatch", Values: []ldvalue.Value{ldvalue.String("vip")}}}}}
		other := 1
		c.Fallthrough = catalog.Serve{Variation: &other}
		f.Availability.EnvironmentID = true
	})
	w.flag("broken", func(_ *catalog.Flag, c *catalog.FlagConfig) {
		beyond := 7
		c.Fallthrough = catalog.Serve{Variation: &beyond}
	})
	w.flag("half", func(_ *catalog.Flag, c *catalog.FlagConfig) {
		c.Fallthrough = catalog.Serve{Rollout: &catalog.Rollout{Variations: []catalog.WeightedVariation{{Variation: 0, Weight: 100_000}}}}
	})
	w.flag("off", func(_ *catalog.Flag, c *catalog.FlagConfig) { c.On, c.OffVariation = false, nil })
	w.flag("plan", func(f *catalog.Flag, c *catalog.FlagConfig) {
		c.Targets = []catalog.Target{{Values: []string{"ann"}, Variation: 0}}
		f.Availability.MobileKey = true
	})
	return w
}

func (w *world) update(scope store.Scope, fn func(store.Tx)) {
	w.t.Helper()
	if _, err := w.store.Update(w.t.Context(), scope, func(tx store.Tx) error { fn(tx); return nil }); err != nil {
		w.t.Fatal(err)
	}
}

// flag keeps a flag that serves "yes" to everybody.
func (w *world) flag(key catalog.FlagKey, change func(*catalog.Flag, *catalog.FlagConfig)) {
	w.t.Helper()
	yes, no := 0, 1
	c := &catalog.FlagConfig{On: true, Salt: "salt", Version: 3, OffVariation: &no, Fallthrough: catalog.Serve{Variation: &yes}}
	f := &catalog.Flag{
		Project: "web", Key: key, Version: 3, Environments: map[catalog.EnvKey]*catalog.FlagConfig{"production": c},
		Variations: []catalog.Variation{{ID: catalog.NewUUID(), Value: ldvalue.String("yes")}, {ID: catalog.NewUUID(), Value: ldvalue.String("no")}},
	}
	change(f, c)
	w.update(store.Scope{Project: "web"}, func(tx store.Tx) { tx.PutFlag(f) })
}

// join makes a user a member of the segment "vip".
func (w *world) join(key string) {
	w.t.Helper()
	list := &segment.Changes{}
	list.Append([]byte(key), segment.Include)
	staged, err := w.store.Stage(w.t.Context(), list)
	if err != nil {
		w.t.Fatal(err)
	}
	w.update(store.Scope{Env: envID}, func(tx store.Tx) {
		if _, err := tx.Apply(envID, "vip", staged); err != nil {
			w.t.Error(err)
		}
	})
}

func (w *world) ask(method, path, body string, header ...string) (*http.Response, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res, string(raw)
}

const (
	flags = "/ofrep/v1/evaluate/flags"
	ann   = `{"context":{"targetingKey":"ann"}}`
	bob   = `{"context":{"targetingKey":"bob"}}`
)

func TestOneFlag(t *testing.T) {
	w := newWorld(t)
	w.join("ann")
	for _, c := range []struct {
		flag, body string
		status     int
		want       string
	}{
		{"checkout", ann, 200, `{"key":"checkout","value":"yes","reason":"TARGETING_MATCH","variant":"0","metadata":{"bigSegmentsStatus":"HEALTHY","flagVersion":3,"ruleId":"r-1"}}`},
		{"checkout", bob, 200, `{"key":"checkout","value":"no","reason":"STATIC","variant":"1","metadata":{"bigSegmentsStatus":"HEALTHY","flagVersion":3}}`},
		{"plan", ann, 200, `{"key":"plan","value":"yes","reason":"TARGETING_MATCH","variant":"0","metadata":{"flagVersion":3}}`},
		{"half", ann, 200, `{"key":"half","value":"yes","reason":"SPLIT","variant":"0","metadata":{"flagVersion":3}}`},
		{"off", ann, 200, `{"key":"off","reason":"DISABLED","metadata":{"flagVersion":3}}`},
		{"broken", ann, 400, `{"key":"broken","errorCode":"GENERAL","errorDetails":"the flag can't be evaluated: MALFORMED_FLAG"}`},
		{"none", ann, 404, `{"key":"none","errorCode":"FLAG_NOT_FOUND","errorDetails":"environment production has no flag with this key that this credential may see"}`},
	} {
		res, body := w.ask("POST", flags+"/"+c.flag, c.body, "Authorization", "Bearer "+sdkKey)
		if res.StatusCode != c.status || body != c.want {
			t.Errorf("%s for %s: %s\n%s\nwant\n%s", c.flag, c.body, res.Status, body, c.want)
		}
	}
}

func TestWhoMayAskForWhat(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name, header, value string
		status              int
		sees                []string
	}{
		{"an SDK key", "X-API-Key", sdkKey, 200, []string{"broken", "checkout", "half", "off", "plan"}},
		{"an SDK key as bearer", "Authorization", "Bearer " + sdkKey, 200, []string{"broken", "checkout", "half", "off", "plan"}},
		{"a mobile key", "X-API-Key", mobKey, 200, []string{"plan"}},
		{"a client-side ID", "X-API-Key", string(envID), 200, []string{"checkout"}},
		{"a client-side ID in secure mode", "X-API-Key", string(locked), 403, nil},
		{"a mobile key in secure mode", "X-API-Key", "mob-locked", 200, nil},
		{"nothing", "X-API-Key", "", 401, nil},
		{"a wrong key", "X-API-Key", "sdk-wrong", 401, nil},
	} {
		res, body := w.ask("POST", flags, ann, c.header, c.value)
		var seen []string
		for _, key := range []string{"broken", "checkout", "half", "off", "plan"} {
			if strings.Contains(body, `"key":"`+key+`"`) {
				seen = append(seen, key)
			}
		}
		if diff := cmp.Diff(c.sees, seen); res.StatusCode != c.status || diff != "" {
			t.Errorf("%s: %s, %s", c.name, res.Status, diff)
		}
	}
	if res, _ := w.ask("POST", flags+"/plan", ann, "X-API-Key", string(envID)); res.StatusCode != 404 {
		t.Errorf("a flag that is not for client-side IDs answered %s", res.Status)
	}
}

// The entity tag is that of what a context is served.
func TestTheTagFollowsTheResults(t *testing.T) {
	w := newWorld(t)
	tag := func(body string) string {
		t.Helper()
		res, _ := w.ask("POST", flags, body, "X-API-Key", sdkKey)
		return res.Header.Get("ETag")
	}
	isHeld := func(body, tag string) bool {
		t.Helper()
		res, _ := w.ask("POST", flags, body, "X-API-Key", sdkKey, "If-None-Match", tag)
		return res.StatusCode == http.StatusNotModified
	}
	annHas, bobHas := tag(ann), tag(bob)
	if annHas == bobHas {
		t.Error("two contexts have one tag")
	}
	if !isHeld(ann, annHas) || !isHeld(ann, `"x", W/`+annHas) || isHeld(ann, bobHas) {
		t.Error("a tag is not compared")
	}
	w.join("bob")
	if !isHeld(ann, annHas) || isHeld(bob, bobHas) {
		t.Error("a membership does not change the tag of its context alone")
	}
	w.flag("more", func(*catalog.Flag, *catalog.FlagConfig) {})
	if isHeld(ann, annHas) {
		t.Error("a new flag does not change the tag")
	}
}

func TestContexts(t *testing.T) {
	w := newWorld(t)
	w.flag("org", func(_ *catalog.Flag, c *catalog.FlagConfig) {
		other := 1
		c.Rules = []catalog.FlagRule{{ID: "acme", Serve: c.Fallthrough, Clauses: []catalog.Clause{{Kind: "org", Attribute: "plan", Op: "in", Values: []ldvalue.Value{ldvalue.String("pro")}}}}}
		c.Fallthrough = catalog.Serve{Variation: &other}
	})
	for body, want := range map[string]string{
		`{"context":{"targetingKey":"acme","kind":"org","plan":"pro"}}`:                                       `"value":"yes"`,
		`{"context":{"key":"acme","kind":"org","plan":"pro","privateAttributes":["plan"]}}`:                   `"value":"yes"`,
		`{"context":{"kind":"multi","user":{"targetingKey":"ann"},"org":{"key":"acme","plan":"pro"}}}`:        `"value":"yes"`,
		`{"context":{"kind":"multi","targetingKey":"x","user":{"key":"ann"},"org":{"key":"a","plan":"pro"}}}`: `"value":"yes"`,
		`{"context":{"targetingKey":"acme","plan":"pro"}}`:                                                    `"value":"no"`,
		`{"context":{"plan":"pro"}}`:      `"errorCode":"TARGETING_KEY_MISSING"`,
		`{"context":{"targetingKey":""}}`: `"errorCode":"TARGETING_KEY_MISSING"`,
		`{}`:                              `"errorCode":"TARGETING_KEY_MISSING"`,
		`{"context":{"targetingKey":7}}`:  `"errorCode":"INVALID_CONTEXT"`,
		`{"context":{"targetingKey":"ann","kind":"a b"}}`:      `"errorCode":"INVALID_CONTEXT"`,
		`{"context":{"targetingKey":"ann","kind":["user"]}}`:   `"errorCode":"INVALID_CONTEXT"`,
		`{"context":{"targetingKey":"ann","anonymous":"yes"}}`: `"errorCode":"INVALID_CONTEXT"`,
		`{"context":{"kind":"multi","user":"ann"}}`:            `"errorCode":"INVALID_CONTEXT"`,
		`{"context":{"kind":"multi"}}`:                         `"errorCode":"INVALID_CONTEXT"`,
		`{"context":"ann"}`:                                    `"errorCode":"PARSE_ERROR"`,
		`{"context":`:                                          `"errorCode":"PARSE_ERROR"`,
		``:                                                     `"errorCode":"PARSE_ERROR"`,
		strings.Repeat(`{"context":`, 20_000):                  `"errorCode":"PARSE_ERROR"`,
	} {
		res, answer := w.ask("POST", flags+"/org", body, "X-API-Key", sdkKey)
		wantStatus := 200
		if strings.Contains(want, "errorCode") {
			wantStatus = 400
		}
		if res.StatusCode != wantStatus || !strings.Contains(answer, want) {
			t.Errorf("%.200s: %s %s, want %s", body, res.Status, answer, want)
		}
	}
}

func TestOddRequests(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", flags, "", 405},
		{"PUT", flags + "/plan", ann, 405},
		{"POST", "/ofrep/v2/evaluate/flags", ann, 404},
		{"POST", flags + "/a/b", ann, 404},
		{"POST", flags, `{"context":{"targetingKey":"` + strings.Repeat("x", 1<<20) + `"}}`, 413},
		{"POST", flags + "/%00%ff", ann, 404},
	} {
		res, body := w.ask(c.method, c.path, c.body, "X-API-Key", sdkKey)
		if res.StatusCode != c.status || !strings.Contains(body, `"errorDetails":"`) || res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s %s: %s %s", c.method, c.path, res.Status, body)
		}
	}
	res, _ := w.ask("OPTIONS", flags, "", "Origin", "https://example.test")
	if res.StatusCode != http.StatusNoContent || res.Header.Get("Access-Control-Allow-Origin") != "https://example.test" || !strings.Contains(res.Header.Get("Access-Control-Allow-Headers"), "X-API-Key") {
		t.Errorf("a page that asks first got %s, %v", res.Status, res.Header)
	}
}
