package sdk_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

// marker is the flag whose change ends a test. A stream tells of changes that were made at about
// the same time in the order of their keys, so it stands behind all others.
const marker = "zz-marker"

// However flags and members change, and wherever streams are cut, what SDKs hold in the end is
// what a fresh one gets.
func TestStreamsConverge(t *testing.T) {
	w := plainWorld(t)
	rapid.Check(t, func(rt *rapid.T) {
		server := &replica{t: rt, open: func() *listener { return w.listen("GET", "/all", "", "Authorization", sdkKey) }}
		client := &replica{t: rt, open: func() *listener {
			return w.listen("GET", "/eval/"+string(envID)+"/"+contextPath("u1"), "")
		}}
		server.connect()
		client.connect()
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			switch rapid.IntRange(0, 4).Draw(rt, "step") {
			case 0:
				server.connect()
			case 1:
				client.connect()
			case 2:
				w.push(rapid.SampledFrom([]segment.Ops{segment.Include, segment.Uninclude}).Draw(rt, "ops"), "u1", "u2")
			default:
				w.changeFlag(rapid.SampledFrom([]catalog.FlagKey{"f", "g"}).Draw(rt, "flag"), rapid.IntRange(0, 2).Draw(rt, "change"))
			}
		}
		version := w.changeFlag(marker, 0)
		server.readTo("version", version)
		client.readTo("flagVersion", version)
		_, fresh := w.ask("GET", "/sdk/latest-all", "", "Authorization", sdkKey)
		server.compare(fresh, "flags")
		_, fresh = w.ask("GET", "/sdk/evalx/"+string(envID)+"/contexts/"+contextPath("u1"), "")
		client.compare(fresh, "")
		server.stream.cut()
		client.stream.cut()
	})
}

// changeFlag puts a flag that shows in every result that it is a new one, hides it from browsers,
// or deletes it. It returns the version of a flag it put.
func (w *world) changeFlag(key catalog.FlagKey, change int) int {
	w.t.Helper()
	if change == 1 {
		w.update(store.Scope{Project: project}, func(tx store.Tx) error {
			if _, ok := tx.Flag(project, key); ok {
				tx.DeleteFlag(project, key)
			}
			return nil
		})
		return 0
	}
	version := 0
	w.update(store.Scope{Env: envID}, func(tx store.Tx) error {
		version = tx.LastVersion(envID, segment.FlagDefinition, string(key)) + 1
		return nil
	})
	w.putFlagWith(key, version, func(f *catalog.Flag) { f.Availability.EnvironmentID = change == 0 })
	return version
}

// cut closes the stream from the client's side.
func (l *listener) cut() { _ = l.res.Body.Close() } // the server sees it or times out

// replica is the state of an SDK, kept by the rules of its stream.
type replica struct {
	t      *rapid.T
	open   func() *listener
	stream *listener
	items  map[string]map[string]any
	last   map[string]float64
}

func (r *replica) connect() {
	if r.stream != nil {
		r.stream.cut()
	}
	r.stream = r.open()
}

// readTo applies events until the marker has the version, which a member of it states.
func (r *replica) readTo(member string, version int) {
	for r.items[marker][member] != float64(version) {
		if event := r.stream.event(); event != ":" {
			r.apply(event)
		}
	}
}

func (r *replica) apply(event string) {
	head, data, _ := strings.Cut(event, "\ndata: ")
	var body struct {
		Path    string
		Key     string
		Version float64
		Data    json.RawMessage
	}
	if err := json.Unmarshal([]byte(data), &body); err != nil && head != "event: put" {
		r.t.Fatalf("%s: %v", event, err)
	}
	if head == "event: put" {
		r.replace(data)
		return
	}
	key, raw := body.Key, json.RawMessage(data)
	if body.Path != "" {
		key, raw = strings.TrimPrefix(body.Path, "/flags/"), body.Data
	}
	item := map[string]any{"version": body.Version}
	if head == "event: patch" {
		item = map[string]any{}
		if err := json.Unmarshal(raw, &item); err != nil {
			r.t.Fatal(err)
		}
	}
	if version := item["version"].(float64); version <= r.last[key] {
		r.t.Fatalf("%s after version %v", event, r.last[key])
	}
	r.last[key] = item["version"].(float64)
	delete(r.items, key)
	if head == "event: patch" {
		if body.Path == "" {
			delete(item, "key")
		}
		r.items[key] = item
	}
}

func (r *replica) replace(data string) {
	var envelope struct {
		Path string
		Data map[string]json.RawMessage
	}
	all := json.RawMessage(data)
	if strings.HasPrefix(data, `{"path"`) {
		if err := json.Unmarshal(all, &envelope); err != nil {
			r.t.Fatal(err)
		}
		all = envelope.Data["flags"]
	}
	r.items, r.last = map[string]map[string]any{}, map[string]float64{}
	if err := json.Unmarshal(all, &r.items); err != nil {
		r.t.Fatal(err)
	}
	for key, item := range r.items {
		r.last[key] = item["version"].(float64)
	}
}

// compare says how the state differs from a fresh answer, of which it looks at one member. The
// versions of results are left out: they are those of the revision at which each was sent.
func (r *replica) compare(fresh, member string) {
	all := json.RawMessage(fresh)
	if member != "" {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(all, &members); err != nil {
			r.t.Fatal(err)
		}
		all = members[member]
	}
	var want map[string]map[string]any
	if err := json.Unmarshal(all, &want); err != nil {
		r.t.Fatal(err)
	}
	for _, items := range []map[string]map[string]any{want, r.items} {
		for _, item := range items {
			if member == "" {
				delete(item, "version")
			}
		}
	}
	if diff := cmp.Diff(want, r.items); diff != "" {
		r.t.Error(diff)
	}
}
