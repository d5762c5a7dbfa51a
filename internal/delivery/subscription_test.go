package delivery

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"muster/internal/segment"
)

func TestSubscription(t *testing.T) {
	l := newMemoryLog()
	vipSegment, flag := bigSegment(t, "vip"), bigFlag(t, "checkout", 1, "vip")
	l.commit(define(vipSegment, flag))
	d := open(t, l, Options{})
	s, err := d.Subscribe(t.Context(), env, "")
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("event: put\ndata: {\"path\":\"/\",\"data\":{\"flags\":{\"checkout\":%s},\"segments\":{\"vip\":%s}}}\n\n", flag.JSON, vipSegment.JSON)
	if diff := cmp.Diff(want, text(t, s)); diff != "" {
		t.Error(diff)
	}
	l.commit(segment.Entry{}, include(vip, "u1")) // sends nothing
	other, changed := bigSegment(t, "other"), bigFlag(t, "checkout", 2, "other")
	l.commit(define(other, changed))
	want = fmt.Sprintf("event: patch\ndata: {\"path\":\"/segments/other\",\"data\":%s}\n\n"+
		"event: patch\ndata: {\"path\":\"/flags/checkout\",\"data\":%s}\n\n", other.JSON, changed.JSON)
	if diff := cmp.Diff(want, text(t, s)); diff != "" {
		t.Error(diff)
	}
	l.commit(define(deleted(segment.FlagDefinition, "checkout", 3)))
	if got := text(t, s); got != "event: delete\ndata: {\"path\":\"/flags/checkout\",\"version\":3}\n\n" {
		t.Errorf("deletion sent %q", got)
	}
}

func TestATrimmedLogStartsOverFromAWholePut(t *testing.T) {
	l := newMemoryLog()
	l.commit(define(boolFlag(t, "checkout", 1, true)))
	d := open(t, l, Options{})
	s, err := d.Subscribe(t.Context(), env, "")
	if err != nil {
		t.Fatal(err)
	}
	text(t, s)
	l.fail(errors.New("unreadable"))
	changed := boolFlag(t, "checkout", 2, false)
	l.commit(define(changed))
	l.trim() // before anybody could read what changed
	l.fail(nil)
	want := fmt.Sprintf("event: put\ndata: {\"path\":\"/\",\"data\":{\"flags\":{\"checkout\":%s},\"segments\":{}}}\n\n", changed.JSON)
	if diff := cmp.Diff(want, text(t, s)); diff != "" {
		t.Error(diff)
	}
}

func TestEmptyEnvironmentHasEmptyMaps(t *testing.T) {
	d := open(t, newMemoryLog(), Options{})
	s, err := d.Current(t.Context(), env, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(bytes.Join(s.Payload().JSON, nil)); got != `{"flags":{},"segments":{}}` {
		t.Error(got)
	}
}

func TestPayloadTagFollowsTheContent(t *testing.T) {
	l := newMemoryLog()
	d := open(t, l, Options{})
	l.commit(define(boolFlag(t, "checkout", 1, true)))
	first, _ := d.Current(t.Context(), env, "")
	l.commit(segment.Entry{}, include(vip, "u1"))
	same, _ := d.Current(t.Context(), env, "")
	l.commit(define(boolFlag(t, "checkout", 2, false)))
	changed, _ := d.Current(t.Context(), env, "")
	if first.Payload().ETag != same.Payload().ETag || first.Payload().ETag == changed.Payload().ETag {
		t.Errorf("tags %s, %s, %s", first.Payload().ETag, same.Payload().ETag, changed.Payload().ETag)
	}
}

func TestPoisonNeverReachesStreams(t *testing.T) {
	tests := map[string]string{
		"not JSON":              `{"key":`,
		"a wrong type":          `{"key":"checkout","version":"two"}`,
		"not an object":         `[]`,
		"the key of another":    `{"key":"else","version":2}`,
		"an object in a number": `{"key":"checkout","version":{}}`,
	}
	for name, poison := range tests {
		t.Run(name, func(t *testing.T) {
			l := newMemoryLog()
			good := boolFlag(t, "checkout", 1, true)
			l.commit(define(good))
			d := open(t, l, Options{})
			s, err := d.Subscribe(t.Context(), env, "")
			if err != nil {
				t.Fatal(err)
			}
			text(t, s)
			l.commit(define(segment.Definition{Kind: segment.FlagDefinition, Key: "checkout", Version: 2, JSON: []byte(poison)}))
			marker := boolFlag(t, "marker", 1, true)
			l.commit(define(marker))
			if got := text(t, s); !strings.Contains(got, `"path":"/flags/marker"`) {
				t.Errorf("stream got %s", got)
			}
			snapshot, _ := d.Current(t.Context(), env, "")
			if it, ok := snapshot.Flag("checkout"); !ok || string(it.JSON) != string(good.JSON) {
				t.Errorf("the last good definition is gone: %s", it.JSON)
			}
			if d.Stats().Poison != 1 {
				t.Errorf("%d definitions were counted as poison", d.Stats().Poison)
			}
		})
	}
}

func TestDefinitionsOfSeveralLinesAreSentOnOne(t *testing.T) {
	l := newMemoryLog()
	l.commit(define(segment.Definition{Kind: segment.FlagDefinition, Key: "a", Version: 1, JSON: []byte("{\"key\":\"a\",\r\n\"version\":1}")}))
	d := open(t, l, Options{})
	s, _ := d.Current(t.Context(), env, "")
	if got := string(bytes.Join(s.Payload().JSON, nil)); got != `{"flags":{"a":{"key":"a","version":1}},"segments":{}}` {
		t.Error(got)
	}
}

func TestSlowReaderIsEndedAndOthersGoOn(t *testing.T) {
	l := newMemoryLog()
	d := open(t, l, Options{WindowEvents: 4})
	slow, err := d.Subscribe(t.Context(), env, "")
	if err != nil {
		t.Fatal(err)
	}
	quick, err := d.Subscribe(t.Context(), env, "")
	if err != nil {
		t.Fatal(err)
	}
	text(t, slow)
	text(t, quick)
	for version := 1; version <= 20; version++ {
		l.commit(define(boolFlag(t, "checkout", version, true)))
		if got := text(t, quick); !strings.Contains(got, fmt.Sprintf(`"version":%d`, version)) {
			t.Fatalf("version %d: got %s", version, got)
		}
	}
	if _, err := next(t, slow); !errors.Is(err, ErrSlow) {
		t.Errorf("the slow stream ended with %v", err)
	}
	if d.Stats().Slow != 1 {
		t.Errorf("%d slow streams were counted", d.Stats().Slow)
	}
}

func TestWindowIsBoundedInBytes(t *testing.T) {
	l := newMemoryLog()
	d := open(t, l, Options{WindowBytes: 1})
	s, err := d.Subscribe(t.Context(), env, "")
	if err != nil {
		t.Fatal(err)
	}
	text(t, s)
	l.commit(define(boolFlag(t, "checkout", 1, true)))
	l.commit(define(boolFlag(t, "checkout", 2, true)))
	if _, err := d.Current(t.Context(), env, ""); err != nil { // waits for the follower
		t.Fatal(err)
	}
	if _, err := next(t, s); !errors.Is(err, ErrSlow) {
		t.Errorf("the stream ended with %v", err)
	}
}

// A subscriber that is cut at random and comes back holds what the store holds.
func TestSubscribersConverge(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newMemoryLog()
		d := New(l, Options{Log: quiet(), Patience: patient, WindowEvents: rapid.IntRange(1, 8).Draw(rt, "window")})
		defer d.Close()
		versions := map[dependency]int{}
		sdk := &serverSDK{t: rt, d: d}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			switch rapid.IntRange(0, 5).Draw(rt, "step") {
			case 0:
				sdk.stream = nil
			case 1:
				sdk.read()
			case 2:
				l.commit(segment.Entry{}, include(vip, "u1"))
			default:
				l.commit(randomDefinitions(rt, t, versions))
			}
		}
		sdk.settle(l)
	})
}

func randomDefinitions(rt *rapid.T, t *testing.T, versions map[dependency]int) segment.Entry {
	var e segment.Entry
	for range rapid.IntRange(1, 3).Draw(rt, "definitions") {
		key := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "key")
		kind := rapid.SampledFrom([]segment.DefinitionKind{segment.FlagDefinition, segment.SegmentDefinition}).Draw(rt, "kind")
		versions[dependency{kind, key}]++
		version := versions[dependency{kind, key}]
		switch {
		case rapid.IntRange(0, 3).Draw(rt, "delete") == 0:
			e.Definitions = append(e.Definitions, deleted(kind, key, version))
		case kind == segment.FlagDefinition:
			e.Definitions = append(e.Definitions, boolFlag(t, key, version, rapid.Bool().Draw(rt, "on")))
		default:
			s := bigSegment(t, key)
			s.Version = version
			s.JSON = []byte(strings.Replace(string(s.JSON), `"version":1`, fmt.Sprintf(`"version":%d`, version), 1))
			e.Definitions = append(e.Definitions, s)
		}
	}
	return e
}

// serverSDK keeps the rules by which SDKs apply what they receive.
type serverSDK struct {
	t      *rapid.T
	d      *Delivery
	stream *Subscription
	part   string                     // of an event
	items  map[string]json.RawMessage // by path
	last   map[string]int             // version by path, also of deleted items
}

// read takes one message, if there is one; it reconnects when it has no stream.
func (s *serverSDK) read() bool {
	if s.stream == nil {
		var err error
		if s.stream, err = s.d.Subscribe(s.t.Context(), env, ""); err != nil {
			s.t.Fatal(err)
		}
		s.part = ""
	}
	m, err := s.stream.Next()
	if errors.Is(err, ErrSlow) {
		s.stream = nil
		return true
	}
	if err != nil {
		s.t.Fatal(err)
	}
	for s.part += string(m.Bytes); ; {
		event, rest, whole := strings.Cut(s.part, "\n\n")
		if !whole {
			return len(m.Bytes) > 0
		}
		s.apply(event)
		s.part = rest
	}
}

func (s *serverSDK) apply(event string) {
	head, data, _ := strings.Cut(event, "\ndata: ")
	var body struct {
		Path    string
		Version int
		Data    json.RawMessage
	}
	if err := json.Unmarshal([]byte(data), &body); err != nil {
		s.t.Fatalf("%s: %v", event, err)
	}
	version := body.Version
	switch head {
	case "event: put":
		s.replace(body.Data)
		return
	case "event: patch":
		var item struct{ Version int }
		_ = json.Unmarshal(body.Data, &item)
		version = item.Version
	}
	if version <= s.last[body.Path] {
		s.t.Fatalf("version of %s went from %d to %d", body.Path, s.last[body.Path], version)
	}
	s.last[body.Path] = version
	if head == "event: delete" {
		delete(s.items, body.Path)
	} else {
		s.items[body.Path] = body.Data
	}
}

func (s *serverSDK) replace(data json.RawMessage) {
	var all map[string]map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		s.t.Fatal(err)
	}
	s.items, s.last = map[string]json.RawMessage{}, map[string]int{}
	for kind, items := range all {
		for key, raw := range items {
			var item struct{ Version int }
			_ = json.Unmarshal(raw, &item)
			s.items["/"+kind+"/"+key], s.last["/"+kind+"/"+key] = raw, item.Version
		}
	}
}

// settle reads until the SDK has what the log holds.
func (s *serverSDK) settle(l *memoryLog) {
	if _, err := s.d.Current(s.t.Context(), env, ""); err != nil { // waits for the follower
		s.t.Fatal(err)
	}
	for s.read() {
	}
	s.wantAll(l)
}

// wantAll demands that the SDK has what the log holds.
func (s *serverSDK) wantAll(l *memoryLog) {
	want := map[string]string{}
	definitions, _, _ := l.Definitions(env)
	for _, d := range definitions {
		path := map[segment.DefinitionKind]string{segment.FlagDefinition: "/flags/", segment.SegmentDefinition: "/segments/"}[d.Kind]
		want[path+d.Key] = string(d.JSON)
	}
	got := map[string]string{}
	for path, raw := range s.items {
		got[path] = string(raw)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("after %v: %s", slices.Sorted(maps.Keys(s.last)), diff)
	}
}
