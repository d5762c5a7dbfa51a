package sdk_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/sdk"
	"muster/internal/segment"
	"muster/internal/store"
)

const relayKey = "rel-33333333-3333-4333-8333-333333333333"

var relayID = catalog.NewID()

// relayed is an environment as ld-relay reads it.
type relayed struct {
	EnvID, EnvKey, EnvName, ProjKey, ProjName, MobKey string
	SDKKey                                            struct {
		Value    string
		Expiring struct {
			Value     string
			Timestamp int64
		}
	}
	DefaultTTL int
	SecureMode bool
	Version    int64
}

// relayedFilter is a payload filter as ld-relay reads it.
type relayedFilter struct {
	ProjKey, Key string
	Version      int64
}

// relay keeps the rules by which ld-relay v8 takes what it is sent: versions that did not grow are
// ignored, also after a deletion and over reconnects.
type relay struct {
	t            testing.TB
	w            *world
	key          string
	in           *listener
	environments map[string]relayed
	filters      map[string]relayedFilter
	versions     map[string]int64 // of what was deleted too
}

func newRelay(w *world) *relay {
	r := &relay{t: w.t, w: w, key: relayKey, environments: map[string]relayed{}, filters: map[string]relayedFilter{}, versions: map[string]int64{}}
	r.connect()
	return r
}

func (r *relay) connect() {
	r.t.Helper()
	r.in = r.w.listen("GET", "/relay_auto_config?rpacProtocolVersion=2", "", "Authorization", r.key)
	if event := r.take(); event != "put" {
		r.t.Fatalf("the first event is %q", event)
	}
}

// take takes the next event, whose name it returns.
func (r *relay) take() string {
	r.t.Helper()
	text := r.in.event()
	for strings.HasPrefix(text, ":") {
		text = r.in.event()
	}
	name, data, _ := strings.Cut(strings.TrimPrefix(text, "event: "), "\ndata: ")
	var m struct {
		Path    string
		Data    json.RawMessage
		Version int64
	}
	r.read(data, &m)
	id, isEnvironment := strings.CutPrefix(m.Path, "/environments/")
	filter, isFilter := strings.CutPrefix(m.Path, "/filters/")
	switch {
	case name == "put" && m.Path == "/":
		var all struct {
			Environments map[string]relayed
			Filters      map[string]relayedFilter
		}
		r.read(string(m.Data), &all)
		if all.Environments == nil || all.Filters == nil {
			r.t.Errorf("a put that is not complete: %s", data)
		}
		for id := range r.environments {
			if _, ok := all.Environments[id]; !ok {
				delete(r.environments, id)
			}
		}
		for id, e := range all.Environments {
			r.change(id, e)
		}
		r.filters = all.Filters
	case name == "patch" && isEnvironment:
		var e relayed
		r.read(string(m.Data), &e)
		r.change(id, e)
	case name == "delete" && isEnvironment:
		if m.Version > r.versions[id] {
			delete(r.environments, id)
			r.versions[id] = m.Version
		}
	case name == "patch" && isFilter:
		if _, known := r.filters[filter]; known {
			r.t.Errorf("a filter is changed, which relays ignore: %s", data)
		}
		var f relayedFilter
		r.read(string(m.Data), &f)
		if f.Version > r.versions[filter] {
			r.filters[filter], r.versions[filter] = f, f.Version
		}
	case name == "delete" && isFilter:
		if m.Version > r.filters[filter].Version {
			delete(r.filters, filter)
			r.versions[filter] = m.Version
		}
	default:
		r.t.Errorf("event %q that relays ignore", text)
	}
	return name
}

func (r *relay) read(data string, v any) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(data), v); err != nil {
		r.t.Fatalf("%v in %s", err, data)
	}
}

func (r *relay) change(id string, e relayed) {
	if id != e.EnvID || e.Version <= r.versions[id] {
		return
	}
	r.environments[id], r.versions[id] = e, e.Version
}

// until takes events until the condition holds.
func (r *relay) until(holds func() bool) {
	r.t.Helper()
	for !holds() {
		r.take()
	}
}

// wantPresent demands that the relay knows exactly the environments that the store selects.
func (r *relay) wantPresent() {
	r.t.Helper()
	c, _ := r.w.store.RelayConfig(relayID)
	want := map[string]relayed{}
	for _, p := range r.w.store.Projects() {
		for _, e := range r.w.store.Environments(p.Key) {
			if !policy.Filter(c.Policy, catalog.EnvironmentResource(p, e)) {
				continue
			}
			x := relayed{
				EnvID: string(e.ID), EnvKey: string(e.Key), EnvName: e.Name, ProjKey: string(p.Key), ProjName: p.Name, MobKey: e.MobileKey,
				DefaultTTL: e.DefaultTTL, SecureMode: e.SecureMode, Version: r.versions[string(e.ID)],
			}
			x.SDKKey.Value = e.SDKKey
			if n := len(e.ExpiringSDKKeys); n > 0 {
				x.SDKKey.Expiring.Value, x.SDKKey.Expiring.Timestamp = e.ExpiringSDKKeys[n-1].Key, e.ExpiringSDKKeys[n-1].Expiry.UnixMilli()
			}
			want[x.EnvID] = x
		}
	}
	if diff := cmp.Diff(want, r.environments); diff != "" {
		r.t.Errorf("the relay knows (+) other than is (-):\n%s", diff)
	}
}

func selecting(resources ...string) []policy.Statement {
	return []policy.Statement{{Effect: policy.Allow, Actions: []string{"*"}, Resources: resources}}
}

// putRelayConfig keeps the configuration with another policy.
func (w *world) putRelayConfig(statements ...policy.Statement) {
	w.t.Helper()
	c := &catalog.RelayConfig{ID: relayID, Name: "Edge", Policy: statements, CreatedAt: time.Now()}
	c.SetSecret(relayKey)
	w.changeRelayConfig(c)
}

func (w *world) changeRelayConfig(c *catalog.RelayConfig) {
	w.t.Helper()
	w.update(store.Account, func(tx store.Tx) error {
		tx.PutRelayConfig(c)
		return nil
	})
}

func TestRelaysAreToldOfTheirEnvironments(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{})
	w.putRelayConfig(selecting("proj/web:env/*")...)
	r := newRelay(w)
	knows := func(id segment.EnvID) func() bool {
		return func() bool { _, ok := r.environments[string(id)]; return ok }
	}
	not := func(is func() bool) func() bool { return func() bool { return !is() } }
	r.wantPresent()

	w.putEnvironment(func(e *catalog.Environment) {
		e.Name, e.DefaultTTL, e.SecureMode, e.MobileKey = "Live", 5, true, "mob-other"
	})
	r.until(func() bool { return r.environments[string(envID)].EnvName == "Live" })
	r.wantPresent()

	w.putEnvironment(func(e *catalog.Environment) {
		e.SDKKey, e.ExpiringSDKKeys = "sdk-new", []catalog.ExpiringKey{{Key: sdkKey, Expiry: time.Now().Add(time.Hour)}}
	})
	r.until(func() bool { return r.environments[string(envID)].SDKKey.Value == "sdk-new" })
	r.wantPresent()
	if e := r.environments[string(envID)].SDKKey.Expiring; e.Value != sdkKey || e.Timestamp < time.Now().UnixMilli() {
		t.Errorf("the rotated key is %+v", e)
	}

	const other segment.EnvID = "65f000000000000000000002"
	w.update(store.Account, func(tx store.Tx) error {
		tx.PutEnvironment(&catalog.Environment{ID: other, Project: project, Key: "test", Name: "Test", SDKKey: "sdk-test", MobileKey: "mob-test", Tags: []string{"eu"}, Version: 1})
		return nil
	})
	r.until(knows(other))
	r.wantPresent()

	// What a policy hides goes, and comes back although nothing of it has changed.
	w.putRelayConfig(selecting("proj/web:env/*;eu")...)
	r.until(not(knows(envID)))
	r.wantPresent()
	w.putRelayConfig(append(selecting("proj/*:env/*"), policy.Statement{Effect: policy.Deny, Actions: []string{"*"}, Resources: []string{"proj/*:env/*;eu"}})...)
	r.until(knows(envID))
	r.until(not(knows(other)))
	r.wantPresent()

	w.update(store.Account, func(tx store.Tx) error {
		tx.PutProject(&catalog.Project{ID: catalog.NewID(), Key: project, Name: "Renamed"})
		return nil
	})
	r.until(func() bool { return r.environments[string(envID)].ProjName == "Renamed" })
	w.update(store.Account, func(tx store.Tx) error { tx.DeleteEnvironment(envID); return nil })
	r.until(not(knows(envID)))
	r.wantPresent()
	if n := w.handler.Stats().RelayStreams; n != 1 {
		t.Errorf("%d streams are open", n)
	}
}

// TestRelaysConverge changes what a relay is to know at random while it comes and goes.
func TestRelaysConverge(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{})
	w.putRelayConfig(selecting("proj/web:env/*")...)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	r := newRelay(w)
	for n := range 300 {
		id := segment.EnvID(fmt.Sprintf("65f0000000000000000000%02d", random.IntN(6)))
		switch random.IntN(6) {
		case 0, 1:
			w.updateOnceDropped(func(tx store.Tx) error {
				e := &catalog.Environment{
					ID: id, Project: project, Key: catalog.EnvKey("e-" + id), Name: fmt.Sprint("Name ", n), SDKKey: fmt.Sprintf("sdk-%s-%d", id, n), MobileKey: "mob-" + string(id), Version: 1,
				}
				if random.IntN(2) == 0 {
					e.Tags = []string{"eu"}
					e.ExpiringSDKKeys = []catalog.ExpiringKey{{Key: fmt.Sprint("sdk-old-", n), Expiry: time.Now().Add(time.Hour)}}
				}
				tx.PutEnvironment(e)
				return nil
			})
		case 2:
			w.update(store.Account, func(tx store.Tx) error { tx.DeleteEnvironment(id); return nil })
		case 3:
			w.putRelayConfig(selecting([]string{"proj/web:env/*", "proj/web:env/*;eu", "proj/web:env/e-" + string(id)}[random.IntN(3)])...)
		case 4:
			w.update(store.Account, func(tx store.Tx) error {
				tx.PutProject(&catalog.Project{ID: catalog.NewID(), Key: project, Name: fmt.Sprint("Project ", n)})
				return nil
			})
		default:
			if random.IntN(3) == 0 {
				_ = r.in.res.Body.Close()
				r.connect()
			}
		}
	}
	w.putRelayConfig(selecting("proj/*:env/*")...)
	w.update(store.Account, func(tx store.Tx) error {
		tx.PutEnvironment(&catalog.Environment{ID: "65f000000000000000000099", Project: project, Key: "last", Name: "Last", SDKKey: "sdk-last", MobileKey: "mob-last", Version: 1})
		return nil
	})
	r.until(func() bool { return r.environments["65f000000000000000000099"].EnvName == "Last" })
	r.wantPresent()
}

// updateOnceDropped is update for what may wait until the rows of an environment of the same id are deleted.
func (w *world) updateOnceDropped(fn func(store.Tx) error) {
	w.t.Helper()
	for {
		_, err := w.store.Update(w.t.Context(), store.Account, fn)
		if err == nil {
			return
		}
		if fault.KindOf(err) != fault.Unavailable {
			w.t.Fatal(err)
		}
	}
}

func TestRelayStreamsEndWithTheirKey(t *testing.T) {
	var at clock
	w := newWorldAt(t, at.now, delivery.Options{}, sdk.Options{Heartbeat: 20 * time.Millisecond})
	w.putRelayConfig(selecting("proj/web:env/*")...)
	for name, credential := range map[string]string{"no key": "", "an unknown key": "rel-guess", "an SDK key": sdkKey, "a key cut short": relayKey[:20]} {
		if res, body := w.ask("GET", "/relay_auto_config", "", "Authorization", credential); res.StatusCode != 401 {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
	if res, _ := w.ask("GET", "/all", "", "Authorization", relayKey); res.StatusCode != 401 {
		t.Errorf("a relay's key opens the flags: %d", res.StatusCode)
	}

	// A key from before a reset works until it expires.
	before, _ := w.store.RelayConfig(relayID)
	c := before.Clone()
	if err := c.Reset("rel-second", time.Now(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	r := newRelay(w)
	w.changeRelayConfig(c)
	w.putEnvironment(func(e *catalog.Environment) { e.Name = "Live" })
	r.until(func() bool { return r.environments[string(envID)].EnvName == "Live" })
	at.pass(2 * time.Hour)
	r.in.wantEndAfterBeats()
	if res, _ := w.ask("GET", "/relay_auto_config", "", "Authorization", relayKey); res.StatusCode != 401 {
		t.Errorf("the expired key: %d", res.StatusCode)
	}

	// A reset without an expiry, and a deletion, end it at once.
	r.key = "rel-second"
	r.connect()
	c = c.Clone()
	if err := c.Reset("rel-third", at.now(), time.Time{}); err != nil {
		t.Fatal(err)
	}
	w.changeRelayConfig(c)
	for _, err := r.in.next(); err == nil; {
		_, err = r.in.next()
	}
	r.key = "rel-third"
	r.connect()
	r.wantPresent()
	w.update(store.Account, func(tx store.Tx) error { tx.DeleteRelayConfig(relayID); return nil })
	for _, err := r.in.next(); err == nil; {
		_, err = r.in.next()
	}
	if res, _ := w.ask("GET", "/relay_auto_config", "", "Authorization", "rel-third"); res.StatusCode != 401 {
		t.Errorf("the key of a deleted configuration: %d", res.StatusCode)
	}
}

func TestRelaysAreToldOfTheFiltersOfTheirProjects(t *testing.T) {
	w := plainWorld(t)
	w.putFilters(filterOf("a"), filterOf("b"))
	w.putRelayConfig(selecting("proj/web:env/*")...)
	r := newRelay(w)
	want := func(keys ...string) {
		t.Helper()
		r.until(func() bool { return len(r.filters) == len(keys) })
		for _, f := range r.filters {
			if !slices.Contains(keys, f.Key) || f.ProjKey != string(project) || f.Version == 0 {
				t.Errorf("the relay knows %+v, want %q", r.filters, keys)
			}
		}
	}
	want("a", "b")
	w.putFilters(filterOf("b", include(catalog.FlagKeyProperty, "x")), filterOf("c"), filterOf("d")) // rules are none of its business
	want("b", "c", "d")
	w.putRelayConfig(selecting("proj/nope:env/*")...)
	want()
	r.connect()
	want()
	w.putRelayConfig(selecting("proj/web:env/*")...)
	want("b", "c", "d")
}

func TestRelaysOfTheFirstProtocolAreToldOfNoFilters(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{})
	w.putRelayConfig(selecting("proj/other:env/*")...)
	for query, want := range map[string]string{
		"":                       `{"environments":{}}`,
		"?rpacProtocolVersion=1": `{"environments":{}}`,
		"?rpacProtocolVersion=2": `{"environments":{},"filters":{}}`,
	} {
		w.listen("GET", "/relay_auto_config"+query, "", "Authorization", relayKey).want("event: put\ndata: {\"path\":\"/\",\"data\":" + want + "}")
	}
}

func TestDrainEndsRelayStreams(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{DrainJitter: time.Millisecond})
	w.putRelayConfig()
	r := newRelay(w)
	w.handler.Drain()
	r.in.wantEnd()
}
