package sdk_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/sdk"
	"muster/internal/segment"
	"muster/internal/store"
)

// filteredWorld has the flags a1, a2, b1 and b2, without rules, and a filter "a" for those that begin with a.
func filteredWorld(t testing.TB) *world {
	w := newWorld(t, delivery.Options{}, sdk.Options{Heartbeat: 20 * time.Millisecond})
	w.putSegment()
	for _, key := range []catalog.FlagKey{"a1", "a2", "b1", "b2"} {
		w.putPlain(key, 1, nil)
	}
	w.putFilters(filterOf("a", include(catalog.FlagKeyProperty, "a.*")))
	return w
}

// putPlain keeps a flag that needs nothing.
func (w *world) putPlain(key catalog.FlagKey, version int, change func(*catalog.Flag)) {
	w.t.Helper()
	w.putFlagWith(key, version, func(f *catalog.Flag) {
		f.Environments[envKey].Rules = nil
		if change != nil {
			change(f)
		}
	})
}

func include(property catalog.PayloadProperty, regex string) catalog.PayloadRule {
	return catalog.PayloadRule{Property: property, Regex: regex}
}

func filterOf(key catalog.FilterKey, rules ...catalog.PayloadRule) *catalog.PayloadFilter {
	return &catalog.PayloadFilter{ID: catalog.ID(fmt.Sprintf("%024x", []byte(key))), Key: key, Name: string(key), Rules: rules, Version: 1}
}

func (w *world) putFilters(list ...*catalog.PayloadFilter) {
	w.t.Helper()
	w.update(store.Scope{Project: project}, func(tx store.Tx) error {
		p, _ := tx.Project(project)
		p = p.Clone()
		p.Filters = list
		tx.PutProject(p)
		return nil
	})
}

// needs gives a flag a prerequisite, and itself the segment "vip".
func needs(key catalog.FlagKey) func(*catalog.Flag) {
	return func(f *catalog.Flag) {
		f.Environments[envKey].Prerequisites = []catalog.Prerequisite{{Key: key}}
	}
}

func asksVIP(f *catalog.Flag) {
	yes := 0
	f.Environments[envKey].Rules = []catalog.FlagRule{{
		ID: "r-1", Serve: catalog.Serve{Variation: &yes},
		Clauses: []catalog.Clause{{Op: "segmentMatch", Values: []ldvalue.Value{ldvalue.String(segments)}}},
	}}
}

// payloadKeys returns the keys of flags and segments that a payload has.
func payloadKeys(t testing.TB, text string) string {
	t.Helper()
	var all struct{ Flags, Segments map[string]json.RawMessage }
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return strings.Join(slices.Concat(slices.Sorted(maps.Keys(all.Flags)), slices.Sorted(maps.Keys(all.Segments))), " ")
}

func (w *world) wantFiltered(filter, want string) {
	w.t.Helper()
	res, text := w.ask("GET", "/sdk/latest-all?filter="+filter, "", "Authorization", sdkKey)
	if got := payloadKeys(w.t, text); res.StatusCode != 200 || got != want {
		w.t.Errorf("filter %s: %s with %q, want %q", filter, res.Status, got, want)
	}
}

func TestAFilterSelectsFlagsAndWhatTheyNeed(t *testing.T) {
	w := filteredWorld(t)
	w.putPlain("a1", 2, needs("b1"))
	w.putPlain("b1", 2, asksVIP)
	w.putPlain("b2", 2, func(f *catalog.Flag) { f.Tags = []string{"team-web", "old"} })
	w.putFilters(
		filterOf("all"),
		filterOf("a", include(catalog.FlagKeyProperty, "a.*")),
		filterOf("whole", include(catalog.FlagKeyProperty, "2")),
		filterOf("web", include(catalog.FlagTagProperty, "team-(web|app)")),
		filterOf("new", catalog.PayloadRule{Exclude: true, Property: catalog.FlagTagProperty, Regex: "old"}),
		filterOf("both", include(catalog.FlagKeyProperty, "a1|a2"), catalog.PayloadRule{Exclude: true, Property: catalog.FlagKeyProperty, Regex: ".1"}),
	)
	w.wantFiltered("all", "a1 a2 b1 b2 vip")
	w.wantFiltered("a", "a1 a2 b1 vip")
	w.wantFiltered("whole", "")
	w.wantFiltered("web", "b2")
	w.wantFiltered("new", "a1 a2 b1 vip")
	w.wantFiltered("both", "a2")
	w.wantFiltered("", "a1 a2 b1 b2 vip")
}

func TestAFilterThatIsNotThereIsNotFoundAndAWrongKeyIsUnauthorized(t *testing.T) {
	w := filteredWorld(t)
	for _, path := range []string{"/all", "/flags", "/sdk/latest-all", "/sdk/stream", "/sdk/poll"} {
		if res, text := w.ask("GET", path+"?filter=nope", "", "Authorization", sdkKey); res.StatusCode != 404 || !strings.Contains(text, "nope") {
			t.Errorf("%s: %s with %s", path, res.Status, text)
		}
		if res, _ := w.ask("GET", path+"?filter=nope", "", "Authorization", "sdk-nope"); res.StatusCode != 401 {
			t.Errorf("%s with a wrong key: %s", path, res.Status)
		}
	}
}

func TestAFilteredStreamIsToldWhatItsFilterSelectsAndNothingElse(t *testing.T) {
	w := filteredWorld(t)
	l := w.listen("GET", "/all?filter=a", "", "Authorization", sdkKey)
	change := func() string {
		for {
			if event := l.event(); event != ":" {
				return event
			}
		}
	}
	put := func(want string) {
		t.Helper()
		event := change()
		data, ok := strings.CutPrefix(event, "event: put\ndata: {\"path\":\"/\",\"data\":")
		if !ok {
			t.Fatalf("got %s", event)
		}
		if got := payloadKeys(t, strings.TrimSuffix(data, "}")); got != want {
			t.Errorf("a put of %q, want %q", got, want)
		}
	}
	patch := func(path string, version int) {
		t.Helper()
		if event := change(); !strings.HasPrefix(event, `event: patch`+"\n"+`data: {"path":"`+path+`",`) || !strings.Contains(event, fmt.Sprintf(`"version":%d`, version)) {
			t.Fatalf("got %s, want a patch of %s", event, path)
		}
	}
	put("a1 a2")
	w.putPlain("b1", 2, asksVIP) // not selected
	w.putPlain("a1", 2, needs("b1"))
	patch("/segments/vip", 1)
	patch("/flags/a1", 2)
	patch("/flags/b1", 2)
	w.putPlain("b1", 3, nil) // needs no segment any more; what leaves is no deletion, it may come back as it is
	put("a1 a2 b1")
	w.putPlain("b2", 2, nil)
	w.putPlain("a2", 2, func(f *catalog.Flag) { f.Archived = true })
	put("a1 b1")
	w.putPlain("a2", 3, nil)
	patch("/flags/a2", 3)
	w.putFilters(filterOf("a", include(catalog.FlagKeyProperty, "b2"))) // the same filter with other rules
	put("b2")
	w.putFilters(filterOf("a", include(catalog.FlagTagProperty, "web")))
	put("")
	w.putPlain("b2", 2, func(f *catalog.Flag) { f.Tags = []string{"web"} }) // SDKs see no tags
	patch("/flags/b2", 2)
	w.putFilters()
	for {
		if event, err := l.next(); err != nil {
			break
		} else if event != ":" {
			t.Fatalf("got %s from a filter that is gone", event)
		}
	}
}

func TestAFilteredStreamOfTheSecondProtocolGoesOnFromItsState(t *testing.T) {
	w := filteredWorld(t)
	open := func(filter, basis string) (intent, keys, state string) {
		l := w.listen("GET", "/sdk/stream?filter="+filter+"&basis="+basis, "", "Authorization", sdkKey)
		var names []string
		for {
			event := l.event()
			name, data, _ := strings.Cut(strings.TrimPrefix(event, "event: "), "\ndata: ")
			var d struct {
				Key, State string
				Payloads   []struct{ IntentCode string }
			}
			if name != "server-intent" && name != "put-object" && name != "payload-transferred" {
				t.Fatalf("got %s", event)
			}
			if err := json.Unmarshal([]byte(data), &d); err != nil {
				t.Fatal(err)
			}
			switch name {
			case "server-intent":
				if intent = d.Payloads[0].IntentCode; intent == "none" {
					return intent, "", basis
				}
			case "put-object":
				names = append(names, d.Key)
			default:
				return intent, strings.Join(names, " "), d.State
			}
		}
	}
	want := func(filter, basis, intent, keys string) (state string) {
		t.Helper()
		gotIntent, gotKeys, state := open(filter, basis)
		if gotIntent != intent || gotKeys != keys {
			t.Errorf("filter %q: %s of %q, want %s of %q", filter, gotIntent, gotKeys, intent, keys)
		}
		return state
	}
	first := want("a", "", "xfer-full", "a1 a2")
	want("a", first, "none", "")
	whole := want("", "", "xfer-full", "vip a1 a2 b1 b2")
	want("", first, "xfer-full", "vip a1 a2 b1 b2")
	want("a", whole, "xfer-full", "a1 a2")
	w.putPlain("b1", 2, nil)
	w.putPlain("a2", 2, nil)
	second := want("a", first, "xfer-changes", "a2")
	w.putPlain("a1", 2, needs("b1"))
	want("a", second, "xfer-full", "a1 a2 b1") // it selects otherwise
	res, poll := w.ask("GET", "/sdk/poll?filter=a&basis="+second, "", "Authorization", sdkKey)
	if res.StatusCode != 200 || !strings.Contains(poll, `"xfer-full"`) || strings.Contains(poll, `"b2"`) {
		t.Errorf("a poll got %s with %s", res.Status, poll)
	}
}

func TestManyFilteredStreamsFollowAndNobodyIsLeftBehind(t *testing.T) {
	w := filteredWorld(t)
	const streams, changes = 20, 60
	var all []*listener
	for i := range streams {
		all = append(all, w.listen("GET", []string{"/all?filter=a", "/all"}[i%2], "", "Authorization", sdkKey))
	}
	for v := range changes {
		w.putPlain("a1", v+2, nil)
		w.push(segment.Include, fmt.Sprint("u", v))
	}
	for i, l := range all {
		for last := 1; last < changes+1; {
			name, data, _ := strings.Cut(l.event(), "\ndata: ")
			if name != "event: patch" {
				continue
			}
			var m struct{ Data struct{ Version int } }
			if err := json.Unmarshal([]byte(data), &m); err != nil {
				t.Fatal(err)
			}
			filtered := i%2 == 0 // several changes may be one there
			if m.Data.Version <= last || !filtered && m.Data.Version != last+1 {
				t.Fatalf("stream %d got version %d after %d", i, m.Data.Version, last)
			}
			last = m.Data.Version
		}
	}
}
