package delivery

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldbuilders"
	"pgregory.net/rapid"

	"muster/internal/segment"
	"muster/internal/store"
)

func user(key string) Request { return Request{Context: ldcontext.New(key)} }

func connect(t testing.TB, d *Delivery, r Request) *Connection {
	t.Helper()
	c, err := d.Connect(t.Context(), env, r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestMembershipReachesTheTouchedConnectionOnly(t *testing.T) {
	l := newMemoryLog()
	l.commit(define(bigSegment(t, "vip"), bigFlag(t, "checkout", 7, "vip"), boolFlag(t, "other", 1, true)))
	d := open(t, l, Options{})
	touched, untouched := connect(t, d, user("u1")), connect(t, d, user("u2"))
	org := connect(t, d, Request{Context: ldcontext.NewMulti(ldcontext.New("u3"), ldcontext.NewWithKind("org", "u1"))})
	const put = `event: put` + "\n" + `data: {"checkout":{"value":false,"variation":1,"flagVersion":7,"version":1},` +
		`"other":{"value":true,"variation":0,"flagVersion":1,"version":1}}` + "\n\n"
	for _, c := range []*Connection{touched, untouched, org} {
		if diff := cmp.Diff(put, text(t, c)); diff != "" {
			t.Error(diff)
		}
	}
	before := d.Stats().Evaluations
	l.commit(segment.Entry{}, include(vip, "u1"))
	const patch = `event: patch` + "\n" + `data: {"key":"checkout","value":true,"variation":0,"flagVersion":7,"version":2}` + "\n\n"
	if diff := cmp.Diff(patch, text(t, touched)); diff != "" {
		t.Error(diff)
	}
	select {
	case <-untouched.Ready():
		t.Error("the connection of another context was woken")
	default:
	}
	// The hash of a key does not tell its kind: the org is looked at, and sent nothing.
	if m, err := org.Next(); err != nil || len(m.Bytes) > 0 {
		t.Errorf("the connection of an org of the same key got %q, %v", m.Bytes, err)
	}
	if n := d.Stats().Evaluations - before; n != 2 {
		t.Errorf("%d contexts were evaluated, want 2", n)
	}
	l.commit(segment.Entry{}, uninclude(vip, "u1"))
	if got := text(t, touched); !strings.Contains(got, `"value":false,"variation":1,"flagVersion":7,"version":3`) {
		t.Errorf("leaving the segment sent %s", got)
	}
}

func TestDefinitionChangesReachEveryConnection(t *testing.T) {
	l := newMemoryLog()
	l.commit(define(boolFlag(t, "checkout", 1, true), boolFlag(t, "other", 1, true)))
	d := open(t, l, Options{})
	c := connect(t, d, user("u1"))
	text(t, c)
	steps := []struct {
		name  string
		entry segment.Entry
		want  string
	}{
		{
			"a changed flag is patched", define(boolFlag(t, "checkout", 2, false)),
			"event: patch\ndata: {\"key\":\"checkout\",\"value\":false,\"variation\":1,\"flagVersion\":2,\"version\":2}\n\n",
		},
		{
			"a new flag is patched", define(boolFlag(t, "fresh", 1, true)),
			"event: patch\ndata: {\"key\":\"fresh\",\"value\":true,\"variation\":0,\"flagVersion\":1,\"version\":3}\n\n",
		},
		{
			"a flag withdrawn from browsers is deleted", define(flagDefinition(t, boolBuilder("fresh", 2).ClientSideUsingEnvironmentID(false).Build())),
			"event: delete\ndata: {\"key\":\"fresh\",\"version\":4}\n\n",
		},
		{
			"a deleted flag is deleted", define(deleted(segment.FlagDefinition, "checkout", 3)),
			"event: delete\ndata: {\"key\":\"checkout\",\"version\":5}\n\n",
		},
	}
	for _, step := range steps {
		l.commit(step.entry)
		if diff := cmp.Diff(step.want, text(t, c)); diff != "" {
			t.Errorf("%s: %s", step.name, diff)
		}
	}
}

func TestManyChangedResultsAreSentAsOnePut(t *testing.T) {
	l := newMemoryLog()
	var many []segment.Definition
	for i := range maxPatches + 1 {
		many = append(many, boolFlag(t, fmt.Sprintf("flag-%d", i), 1, true))
	}
	d := open(t, l, Options{})
	c := connect(t, d, user("u1"))
	text(t, c)
	l.commit(define(many...))
	if got := text(t, c); !strings.HasPrefix(got, "event: put\n") || strings.Count(got, "flagVersion") != len(many) {
		t.Errorf("got %s", got)
	}
}

func TestChangesOfWhatAFlagDependsOn(t *testing.T) {
	l := newMemoryLog()
	nested := ldbuilders.NewSegmentBuilder("outer").Version(1).
		AddRule(ldbuilders.NewSegmentRuleBuilder().Clauses(ldbuilders.SegmentMatchClause("vip"))).Build()
	gate := bigFlag(t, "gate", 1, "outer")
	behind := flagDefinition(t, boolBuilder("behind", 1).AddPrerequisite("gate", 0).Build())
	l.commit(define(bigSegment(t, "vip"), segmentDefinition(t, nested), gate, behind))
	d := open(t, l, Options{})
	c := connect(t, d, user("u1"))
	text(t, c)
	l.commit(segment.Entry{}, include(vip, "u1"))
	got := text(t, c)
	for _, want := range []string{
		`{"key":"behind","value":true,"variation":0,"flagVersion":1,"prerequisites":["gate"],"version":2}`,
		`{"key":"gate","value":true,"variation":0,"flagVersion":1,"version":2}`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
	l.commit(define(deleted(segment.SegmentDefinition, "vip", 2)))
	if got := text(t, c); strings.Count(got, "event: patch") != 2 {
		t.Errorf("deleting the innermost segment sent %s", got)
	}
}

func TestALargeChangeReachesThoseWhomItNames(t *testing.T) {
	l := newMemoryLog()
	l.commit(define(bigSegment(t, "vip"), bigFlag(t, "checkout", 1, "vip")))
	d := open(t, l, Options{})
	touched, untouched := connect(t, d, user("u1")), connect(t, d, user("nobody"))
	text(t, touched)
	text(t, untouched)
	keys := make([]string, 2*findCost+1)
	for i := range keys {
		keys[i] = fmt.Sprintf("u%d", i)
	}
	l.commit(segment.Entry{}, include(vip, keys...))
	if got := text(t, touched); !strings.Contains(got, `"value":true`) {
		t.Errorf("got %s", got)
	}
	select {
	case <-untouched.Ready():
		t.Error("the connection of another context was woken")
	default:
	}
}

func TestUnreadableChangesTouchEverybody(t *testing.T) {
	var a audience
	a.init()
	c := &Connection{hashes: contextHashes(user("u1")), ready: make(chan struct{}, 1)}
	a.join(c)
	broken := errors.New("bad block")
	err := a.touch(5, segment.MemberDelta{Ref: vip, Len: 1, Each: func(*segment.Hash, func(segment.Change) bool) error { return broken }})
	if !errors.Is(err, broken) || len(a.marked) != 1 || c.touched.Load() != 5 {
		t.Errorf("marked %d connections, touched at %d, error %v", len(a.marked), c.touched.Load(), err)
	}
}

func TestCorruptMembershipShowsInTheReasonOfFlagsThatAskForIt(t *testing.T) {
	l := newMemoryLog()
	other := segment.Ref{Key: "other", Generation: 1}
	l.commit(define(bigSegment(t, "vip"), bigSegment(t, "other"), bigFlag(t, "a", 1, "other"), bigFlag(t, "b", 1, "vip"), bigFlag(t, "c", 1, "other")),
		include(vip, "u1"), include(other, "u1"))
	l.damage(vip, store.ErrCorrupt)
	d := open(t, l, Options{})
	r := user("u1")
	r.Reasons = true
	res, err := d.Evaluate(t.Context(), env, r)
	if err != nil {
		t.Fatal(err)
	}
	const in = `{"value":true,"variation":0,"flagVersion":1,"reason":{"kind":"RULE_MATCH","ruleIndex":0,"ruleId":"members","bigSegmentsStatus":"HEALTHY"},"version":1}`
	const out = `{"value":false,"variation":1,"flagVersion":1,"reason":{"kind":"FALLTHROUGH","bigSegmentsStatus":"STORE_ERROR"},"version":1}`
	if diff := cmp.Diff(`{"a":`+in+`,"b":`+out+`,"c":`+in+`}`, string(res.JSON)); diff != "" {
		t.Error(diff)
	}
}

func TestEvaluate(t *testing.T) {
	rule := ldbuilders.NewRuleBuilder().ID("r-1").Variation(0).Clauses(ldbuilders.SegmentMatchClause("vip"))
	experiment := ldbuilders.NewRuleBuilder().ID("r-2").TrackEvents(true).Variation(0).Clauses(ldbuilders.SegmentMatchClause("vip"))
	tests := []struct {
		name    string
		flag    *ldbuilders.FlagBuilder
		reasons bool
		to      Receiver
		want    string
	}{
		{
			"a plain result has no more than it needs", boolBuilder("f", 3), false, Browser,
			`{"f":{"value":true,"variation":0,"flagVersion":3,"version":1}}`,
		},
		{
			"an off flag without off variation has no variation", ldbuilders.NewFlagBuilder("f").Version(3).On(false).Variations(boolValues()...).ClientSideUsingEnvironmentID(true), false, Browser,
			`{"f":{"value":null,"flagVersion":3,"version":1}}`,
		},
		{
			"reasons come when asked for", boolBuilder("f", 3).AddRule(rule), true, Browser,
			`{"f":{"value":true,"variation":0,"flagVersion":3,"reason":{"kind":"RULE_MATCH","ruleIndex":0,"ruleId":"r-1","bigSegmentsStatus":"HEALTHY"},"version":1}}`,
		},
		{
			"a rule that tracks events is treated like an experiment", boolBuilder("f", 3).AddRule(experiment), false, Browser,
			`{"f":{"value":true,"variation":0,"flagVersion":3,"trackEvents":true,"trackReason":true,"reason":{"kind":"RULE_MATCH","ruleIndex":0,"ruleId":"r-2","bigSegmentsStatus":"HEALTHY"},"version":1}}`,
		},
		{
			"a fallthrough that tracks events is treated like an experiment", boolBuilder("f", 3).TrackEventsFallthrough(true), false, Browser,
			`{"f":{"value":true,"variation":0,"flagVersion":3,"trackEvents":true,"trackReason":true,"reason":{"kind":"FALLTHROUGH"},"version":1}}`,
		},
		{
			"a tracked flag tracks events without a reason", boolBuilder("f", 3).TrackEvents(true).DebugEventsUntilDate(1767000000000), false, Browser,
			`{"f":{"value":true,"variation":0,"flagVersion":3,"trackEvents":true,"debugEventsUntilDate":1767000000000,"version":1}}`,
		},
		{
			"a failed prerequisite is named", boolBuilder("f", 3).AddPrerequisite("missing", 0), true, Browser,
			`{"f":{"value":false,"variation":1,"flagVersion":3,"reason":{"kind":"PREREQUISITE_FAILED","prerequisiteKey":"missing"},"version":1}}`,
		},
		{
			"a malformed flag is an error, not a missing result", boolBuilder("f", 3).FallthroughVariation(9), true, Browser,
			`{"f":{"value":null,"flagVersion":3,"reason":{"kind":"ERROR","errorKind":"MALFORMED_FLAG"},"version":1}}`,
		},
		{"browsers get what is available to them", boolBuilder("f", 3).ClientSideUsingEnvironmentID(false), false, Browser, `{}`},
		{"mobile apps get what is available to them", boolBuilder("f", 3).ClientSideUsingMobileKey(false), false, Mobile, `{}`},
		{
			"an SDK key gets everything", boolBuilder("f", 3).ClientSideUsingMobileKey(false).ClientSideUsingEnvironmentID(false), false, Server,
			`{"f":{"value":true,"variation":0,"flagVersion":3,"version":1}}`,
		},
		{
			"values of any type are sent as they are", ldbuilders.NewFlagBuilder("f").Version(3).On(true).ClientSideUsingEnvironmentID(true).FallthroughVariation(0).
				Variations(ldvalue.Parse([]byte(`{"a":[1,"é"]}`))), false, Browser,
			`{"f":{"value":{"a":[1,"é"]},"variation":0,"flagVersion":3,"version":1}}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newMemoryLog()
			l.commit(define(bigSegment(t, "vip"), flagDefinition(t, tt.flag.Build())), include(vip, "u1"))
			d := open(t, l, Options{})
			res, err := d.Evaluate(t.Context(), env, Request{Context: ldcontext.New("u1"), Receiver: tt.to, Reasons: tt.reasons})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(res.JSON)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestResultTagFollowsTheResults(t *testing.T) {
	l := newMemoryLog()
	l.commit(define(bigSegment(t, "vip"), bigFlag(t, "checkout", 1, "vip")))
	d := open(t, l, Options{})
	tag := func(key string) string {
		res, err := d.Evaluate(t.Context(), env, user(key))
		if err != nil {
			t.Fatal(err)
		}
		return res.ETag
	}
	first := tag("u1")
	l.commit(segment.Entry{}, include(vip, "u2"))
	if tag("u1") != first {
		t.Error("somebody else's membership changed the tag")
	}
	if tag("u3") == first {
		t.Error("two contexts have one tag")
	}
	l.commit(segment.Entry{}, include(vip, "u1"))
	if tag("u1") == first {
		t.Error("the tag outlived the result")
	}
}

// However a context's membership and the flags change, a connected SDK ends with what a fresh one
// gets, and every version it is sent is greater than the one it holds.
func TestConnectionsConverge(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newMemoryLog()
		l.commit(define(bigSegment(t, "a"), bigSegment(t, "b")))
		d := New(l, Options{Log: quiet(), Patience: patient})
		defer d.Close()
		keys := []string{"u1", "u2", "u3"}
		var sdks []*clientSDK
		for _, key := range keys {
			sdks = append(sdks, newClientSDK(rt, d, user(key)))
		}
		versions := map[string]int{}
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			if rapid.IntRange(0, 3).Draw(rt, "step") == 0 {
				sdks[rapid.IntRange(0, 2).Draw(rt, "reader")].read()
			} else {
				l.commit(randomEntry(rt, t, versions, keys))
			}
		}
		for i, s := range sdks {
			want, err := d.Evaluate(rt.Context(), env, user(keys[i]))
			if err != nil {
				rt.Fatal(err)
			}
			s.settle(want)
			s.c.Close()
		}
	})
}

func randomEntry(rt *rapid.T, t *testing.T, versions map[string]int, keys []string) (segment.Entry, memberChange) {
	ref := segment.Ref{Key: segment.Key(rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "segment")), Generation: 1}
	ops := rapid.SampledFrom([]segment.Ops{segment.Include, segment.Uninclude, segment.Exclude, segment.Unexclude}).Draw(rt, "ops")
	change := memberChange{ref, ops, rapid.SliceOfN(rapid.SampledFrom(keys), 0, 3).Draw(rt, "keys")}
	if rapid.Bool().Draw(rt, "members only") {
		return segment.Entry{}, change
	}
	key := rapid.SampledFrom([]string{"f", "g", "h"}).Draw(rt, "flag")
	versions[key]++
	b := boolBuilder(key, versions[key])
	switch rapid.IntRange(0, 4).Draw(rt, "kind") {
	case 0:
		return define(deleted(segment.FlagDefinition, key, versions[key])), change
	case 1:
		b.ClientSideUsingEnvironmentID(false)
	case 2:
		b.AddPrerequisite("f", 0)
	case 3:
		b.FallthroughVariation(1).AddRule(ldbuilders.NewRuleBuilder().Variation(0).Clauses(ldbuilders.SegmentMatchClause(string(ref.Key))))
	}
	return define(flagDefinition(t, b.Build())), change
}

// clientSDK keeps the rules by which client-side SDKs apply what they receive.
type clientSDK struct {
	t    *rapid.T
	c    *Connection
	held map[string]map[string]any
	last map[string]float64
}

func newClientSDK(t *rapid.T, d *Delivery, r Request) *clientSDK {
	c, err := d.Connect(t.Context(), env, r)
	if err != nil {
		t.Fatal(err)
	}
	return &clientSDK{t: t, c: c}
}

func (s *clientSDK) read() {
	m, err := s.c.Next()
	if err != nil {
		s.t.Fatal(err)
	}
	for event := range strings.SplitSeq(strings.TrimSuffix(string(m.Bytes), "\n\n"), "\n\n") {
		if event != "" {
			s.apply(event)
		}
	}
}

func (s *clientSDK) apply(event string) {
	head, data, _ := strings.Cut(event, "\ndata: ")
	if head == "event: put" {
		s.held, s.last = map[string]map[string]any{}, map[string]float64{}
		if err := json.Unmarshal([]byte(data), &s.held); err != nil {
			s.t.Fatal(err)
		}
		for key, result := range s.held {
			s.last[key] = result["version"].(float64)
		}
		return
	}
	var result map[string]any
	if err := json.Unmarshal([]byte(data), &result); err != nil {
		s.t.Fatalf("%s: %v", event, err)
	}
	key, version := result["key"].(string), result["version"].(float64)
	if version <= s.last[key] {
		s.t.Fatalf("%s after version %v", event, s.last[key])
	}
	s.last[key] = version
	delete(result, "key")
	delete(s.held, key)
	if head == "event: patch" {
		s.held[key] = result
	}
}

// settle reads what is there now, after the follower has caught up.
func (s *clientSDK) settle(fresh Result) {
	s.read()
	var want map[string]map[string]any
	if err := json.Unmarshal(fresh.JSON, &want); err != nil {
		s.t.Fatal(err)
	}
	for _, results := range []map[string]map[string]any{want, s.held} {
		for _, result := range results {
			delete(result, "version")
		}
	}
	if diff := cmp.Diff(want, s.held); diff != "" {
		s.t.Error(diff)
	}
}

// A stream that is further behind than the flags that a snapshot remembers to have moved misses none of them.
func TestAStreamFarBehindMissesNoChange(t *testing.T) {
	l := newMemoryLog()
	l.commit(define(boolFlag(t, "first", 1, true)))
	d := open(t, l, Options{})
	c := connect(t, d, user("u1"))
	text(t, c)
	step := func(def segment.Definition) {
		l.commit(define(def))
		if _, err := d.Current(t.Context(), env, ""); err != nil { // the follower is there
			t.Fatal(err)
		}
	}
	step(boolFlag(t, "first", 2, false))
	for i := range 2 * maxMoved {
		step(flagDefinition(t, boolBuilder(fmt.Sprintf("mobile-%d", i), 1).ClientSideUsingEnvironmentID(false).Build()))
	}
	step(boolFlag(t, "last", 1, true))
	got := text(t, c)
	for _, want := range []string{`"key":"first","value":false`, `"key":"last","value":true`} {
		if !strings.Contains(got, want) || strings.Count(got, "event: patch") != 2 {
			t.Errorf("%s is not in %s", want, got)
		}
	}
}
