package sdk_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/sdk"
	"muster/internal/store"
)

// wantFlags reads a put of flags alone.
func (l *listener) wantFlags(want ...string) {
	l.t.Helper()
	data, ok := strings.CutPrefix(l.change(), "event: put\ndata: ")
	var flags map[string]struct{ Key string }
	if err := json.Unmarshal([]byte(data), &flags); !ok || err != nil {
		l.t.Fatalf("no put but %s, %v", data, err)
	}
	keys := slices.Sorted(maps.Keys(flags))
	if !slices.Equal(keys, want) {
		l.t.Errorf("a put of %q, want %q", keys, want)
	}
	for key, f := range flags {
		if f.Key != key {
			l.t.Errorf("at %q lies %q", key, f.Key)
		}
	}
}

// wantFlagPatch reads a patch of a flag on a stream of flags alone.
func (l *listener) wantFlagPatch(key string, version int) {
	l.t.Helper()
	event := l.change()
	data, ok := strings.CutPrefix(event, "event: patch\ndata: ")
	var p struct {
		Path string
		Data struct {
			Key     string
			Version int
		}
	}
	if err := json.Unmarshal([]byte(data), &p); !ok || err != nil || p.Path != "/"+key || p.Data.Key != key || p.Data.Version != version {
		l.t.Fatalf("got %s, %v, want a patch of %s", event, err, key)
	}
}

// change returns the next event that is no comment.
func (l *listener) change() string {
	l.t.Helper()
	for {
		if event := l.event(); event != ":" {
			return event
		}
	}
}

func TestAnOldSDKIsStreamedFlagsAndNothingElse(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{})
	l := w.listen("GET", "/flags", "", "Authorization", sdkKey)
	l.want("event: put\ndata: {}")
	w.putSegment() // of which it is told nothing
	w.putFlag("checkout", 1)
	l.wantFlagPatch("checkout", 1)
	// What looks like the beginning of an event in a value is none.
	w.putPlain("quote", 1, func(f *catalog.Flag) {
		f.Variations[0].Value = ldvalue.String("\n\nevent: patch\ndata: {\"path\":\"/flags/x\"}\n\n")
		f.Variations[1].Value = ldvalue.String(`{"path":"/flags/`)
	})
	l.wantFlagPatch("quote", 1)
	w.listen("GET", "/flags", "", "Authorization", sdkKey).wantFlags("checkout", "quote")
	w.update(store.Scope{Project: project}, func(tx store.Tx) error {
		tx.DeleteFlag(project, "checkout")
		return nil
	})
	event := l.change()
	var gone struct {
		Path    string
		Version int
	}
	data, ok := strings.CutPrefix(event, "event: delete\ndata: ")
	if err := json.Unmarshal([]byte(data), &gone); !ok || err != nil || gone.Path != "/checkout" || gone.Version < 2 {
		t.Errorf("got %s, %v", event, err)
	}
	if s := w.handler.Stats(); s.ServerStreams != 2 {
		t.Errorf("%+v", s)
	}
	w.putEnvironment(func(e *catalog.Environment) { e.SDKKey, e.ExpiringSDKKeys = "sdk-new", nil })
	l.wantEnd()
	if res, _ := w.ask("GET", "/flags", "", "Authorization", sdkKey); res.StatusCode != 401 {
		t.Errorf("with a key that was taken away: %s", res.Status)
	}
}

func TestAnOldSDKIsStreamedTheFlagsOfItsFilter(t *testing.T) {
	w := filteredWorld(t)
	l := w.listen("GET", "/flags?filter=a", "", "Authorization", sdkKey)
	l.wantFlags("a1", "a2")
	w.putPlain("b1", 2, asksVIP) // not selected
	w.putPlain("a1", 2, needs("b1"))
	l.wantFlagPatch("a1", 2)
	l.wantFlagPatch("b1", 2)
	w.putPlain("b1", 3, nil)
	l.wantFlags("a1", "a2", "b1")
	w.putPlain("a1", 3, nil)
	l.wantFlags("a1", "a2")
	w.putFilters(filterOf("a", include(catalog.FlagKeyProperty, "b2")))
	l.wantFlags("b2")
}
