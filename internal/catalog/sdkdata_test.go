package catalog

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	"pgregory.net/rapid"

	"muster/internal/fault"
	"muster/internal/segment"
)

func TestFlagDefinitionWritesEveryListAndNoNull(t *testing.T) {
	f := &Flag{Key: "checkout", Environments: map[EnvKey]*FlagConfig{"production": {Version: 4, Salt: "x"}}}
	var got map[string]any
	if err := json.Unmarshal(FlagDefinition(f, "production").JSON, &got); err != nil {
		t.Fatal(err)
	}
	for _, list := range []string{"variations", "targets", "contextTargets", "rules", "prerequisites"} {
		if _, ok := got[list].([]any); !ok {
			t.Errorf("%s is %v, want a list", list, got[list])
		}
	}
}

func TestFlagDefinitionOfWhatSDKsDoNotSee(t *testing.T) {
	f := &Flag{Key: "checkout", Archived: true, Environments: map[EnvKey]*FlagConfig{"production": {Version: 4}}}
	if d := FlagDefinition(f, "production"); d.JSON != nil || d.Version != 4 {
		t.Errorf("archived flag: got version %d, JSON %s", d.Version, d.JSON)
	}
	if d := FlagDefinition(f, "test"); d.JSON != nil || d.Version != 0 {
		t.Errorf("flag without configuration: got version %d, JSON %s", d.Version, d.JSON)
	}
}

func TestFlagDefinitionLeavesOutDisabledRules(t *testing.T) {
	f := &Flag{Key: "checkout", Environments: map[EnvKey]*FlagConfig{"production": {
		Rules: []FlagRule{{ID: "r1", Disabled: true, Serve: Serve{Variation: new(0)}}, {ID: "r2", Serve: Serve{Variation: new(0)}}},
	}}}
	got := string(FlagDefinition(f, "production").JSON)
	if strings.Contains(got, "r1") || !strings.Contains(got, "r2") {
		t.Errorf("got %s", got)
	}
}

func TestSegmentDefinitionOfAnUnboundedSegment(t *testing.T) {
	s := &Segment{Key: "vip", Version: 9, Salt: "abc", Unbounded: true, Generation: 3}
	want := `{"key":"vip","included":[],"excluded":[],"includedContexts":[],"excludedContexts":[],"salt":"abc","rules":[],` +
		`"unbounded":true,"unboundedContextKind":"user","version":9,"generation":3,"deleted":false}`
	if diff := cmp.Diff(want, string(SegmentDefinition(s).JSON)); diff != "" {
		t.Error(diff)
	}
}

func TestPhantomTargets(t *testing.T) {
	user := func(variation int, values ...string) Target {
		return Target{Kind: "user", Variation: variation, Values: values}
	}
	org := Target{Kind: "org", Variation: 1, Values: []string{"acme"}}
	tests := []struct {
		name              string
		targets, contexts []Target
		want              []Target
	}{
		{name: "no context targets need no phantoms", targets: []Target{user(0, "u1")}},
		{name: "each variation with user targets gets one", targets: []Target{user(0, "u1"), user(1, "u2")}, contexts: []Target{org}, want: []Target{user(0), user(1), org}},
		{name: "one that is there keeps its place", targets: []Target{user(0, "u1")}, contexts: []Target{org, user(0)}, want: []Target{org, user(0)}},
		{name: "no user targets need no phantoms", contexts: []Target{org}, want: []Target{org}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := withPhantoms(tt.targets, tt.contexts)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFlagSurvivesTheSDKDataModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := genSDKFlag().Draw(t, "flag")
		d := FlagDefinition(f, "production")
		got, err := ParseSDKFlag(d.JSON, "production")
		if err != nil {
			t.Fatalf("%v\n%s", err, d.JSON)
		}
		if diff := cmp.Diff(f, got, cmp.Comparer(ldvalue.Value.Equal)); diff != "" {
			t.Fatalf("%s\n%s", diff, d.JSON)
		}
		if again := FlagDefinition(got, "production"); string(again.JSON) != string(d.JSON) {
			t.Fatalf("written again:\n%s\n%s", d.JSON, again.JSON)
		}
	})
}

func TestSegmentSurvivesTheSDKDataModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := genSDKSegment().Draw(t, "segment")
		d := SegmentDefinition(s)
		got, err := ParseSDKSegment(d.JSON)
		if err != nil {
			t.Fatalf("%v\n%s", err, d.JSON)
		}
		if diff := cmp.Diff(s, got, cmp.Comparer(ldvalue.Value.Equal)); diff != "" {
			t.Fatalf("%s\n%s", diff, d.JSON)
		}
	})
}

// Without a context kind, SDKs take an attribute literally, also one that looks like a path.
func TestPlainAttributesStayPlain(t *testing.T) {
	s, err := ParseSDKSegment([]byte(`{"key":"vip","rules":[{"id":"r","bucketBy":"/b","clauses":[{"attribute":"/a/b","op":"in","values":["x"]},{"attribute":"c","op":"in","values":["x"]}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	s.Normalize()
	r := s.Rules[0]
	if r.Clauses[0].Attribute != "/~1a~1b" || r.Clauses[1].Attribute != "c" || r.BucketBy != "/~1b" || r.RolloutKind != "user" {
		t.Errorf("got %+v", r)
	}
	if ref := attributeRef(r.Clauses[0].Kind, r.Clauses[0].Attribute); ref.Depth() != 1 || ref.Component(0) != "/a/b" {
		t.Errorf("SDKs would read %v", ref)
	}
}

func TestParseSDKRefuses(t *testing.T) {
	tests := []struct{ name, in string }{
		{"a tombstone", `{"key":"a","version":3,"deleted":true}`},
		{"a list", `[]`},
		{"nothing", ``},
		{"deep nesting", `{"key":"a","variations":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`},
		{"bytes that are no text", "{\"key\":\"\xff\"}"},
		{"a number as key", `{"key":5}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParseSDKFlag([]byte(tt.in), "production"); fault.KindOf(err) != fault.Invalid {
				t.Errorf("flag: got %v, want Invalid", err)
			}
			if _, err := ParseSDKSegment([]byte(tt.in)); fault.KindOf(err) != fault.Invalid {
				t.Errorf("segment: got %v, want Invalid", err)
			}
		})
	}
}

func FuzzParseSDKFlag(f *testing.F) {
	f.Add([]byte(`{"key":"checkout","version":17,"on":true,"salt":"c0ffee","variations":[true,false],"offVariation":1,"fallthrough":{"variation":0},"contextTargets":[{"contextKind":"user","variation":0,"values":[]}],"rules":[{"id":"r","variation":0,"clauses":[{"attribute":"/a","op":"in","values":[1]}]}]}`))
	f.Add([]byte(`{"key":"a","debugEventsUntilDate":-1,"migration":null,"samplingRatio":2}`))
	f.Add([]byte(`{"\"":[[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ParseSDKFlag(data, "e")
		if err != nil {
			return
		}
		if _, err := ParseSDKFlag(FlagDefinition(got, "e").JSON, "e"); err != nil {
			t.Errorf("can't read back what was written: %v", err)
		}
	})
}

func FuzzParseSDKSegment(f *testing.F) {
	f.Add([]byte(`{"key":"vip","version":9,"included":["u1"],"includedContexts":[{"contextKind":"org","values":["acme"]}],"rules":[{"id":"r","weight":5,"bucketBy":"key","rolloutContextKind":"user","clauses":[]}],"unbounded":true,"generation":3}`))
	f.Add([]byte(`{"key":"vip","unbounded":true,"generation":-3}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ParseSDKSegment(data)
		if err != nil {
			return
		}
		if _, err := ParseSDKSegment(SegmentDefinition(got).JSON); err != nil {
			t.Errorf("can't read back what was written: %v", err)
		}
	})
}

// The generators below make what the SDK data model can say and no more: no names, no ids of
// variations and clauses, nil for empty lists.

func genKey() *rapid.Generator[string] { return rapid.StringMatching(`[a-z][a-z0-9.-]{0,8}`) }

func genList[T any](g *rapid.Generator[T], most int) *rapid.Generator[[]T] {
	return rapid.Custom(func(t *rapid.T) []T {
		if l := rapid.SliceOfN(g, 0, most).Draw(t, "list"); len(l) > 0 {
			return l
		}
		return nil
	})
}

func genMaybe[T any](g *rapid.Generator[T]) *rapid.Generator[*T] {
	return rapid.Custom(func(t *rapid.T) *T {
		if rapid.Bool().Draw(t, "set") {
			return new(g.Draw(t, "value"))
		}
		return nil
	})
}

func genValue() *rapid.Generator[ldvalue.Value] {
	return rapid.OneOf(
		rapid.Map(rapid.String(), ldvalue.String),
		rapid.Map(rapid.IntRange(-9, 9), ldvalue.Int),
		rapid.Map(rapid.Bool(), ldvalue.Bool),
		rapid.Just(ldvalue.Parse([]byte(`{"a":[1,"x",null]}`))),
	)
}

func genKind() *rapid.Generator[segment.ContextKind] {
	return rapid.SampledFrom([]segment.ContextKind{"", "user", "org"})
}

// genAttribute makes paths only for a known kind: without one, an attribute is a plain name.
func genAttribute(kind segment.ContextKind) *rapid.Generator[string] {
	names := []string{"", "email", "a/b", "segmentMatch"}
	if kind != "" {
		names = append(names, "/address/country", "/a~1b")
	}
	return rapid.SampledFrom(names)
}

func genClause() *rapid.Generator[Clause] {
	return rapid.Custom(func(t *rapid.T) Clause {
		kind := genKind().Draw(t, "kind")
		return Clause{
			Kind:      kind,
			Attribute: genAttribute(kind).Draw(t, "attribute"),
			Op:        rapid.SampledFrom([]string{"in", "segmentMatch", "before"}).Draw(t, "op"),
			Values:    genList(genValue(), 3).Draw(t, "values"),
			Negate:    rapid.Bool().Draw(t, "negate"),
		}
	})
}

func genServe() *rapid.Generator[Serve] {
	return rapid.Custom(func(t *rapid.T) Serve {
		if rapid.Bool().Draw(t, "variation") {
			return Serve{Variation: new(rapid.IntRange(0, 1).Draw(t, "index"))}
		}
		first := rapid.IntRange(0, 100000).Draw(t, "weight")
		kind := genKind().Draw(t, "context")
		return Serve{Rollout: &Rollout{
			Kind:       rapid.SampledFrom([]string{"", "rollout", "experiment"}).Draw(t, "rollout kind"),
			Context:    kind,
			BucketBy:   genAttribute(kind).Draw(t, "bucket by"),
			Seed:       genMaybe(rapid.IntRange(0, 99)).Draw(t, "seed"),
			Variations: []WeightedVariation{{Variation: 0, Weight: first}, {Variation: 1, Weight: 100000 - first, Untracked: true}},
		}}
	})
}

func genSDKFlag() *rapid.Generator[*Flag] {
	return rapid.Custom(func(t *rapid.T) *Flag {
		target := func(kind segment.ContextKind) *rapid.Generator[Target] {
			return rapid.Custom(func(t *rapid.T) Target {
				return Target{Kind: kind, Variation: rapid.IntRange(0, 1).Draw(t, "variation"), Values: rapid.SliceOfN(genKey(), 1, 3).Draw(t, "values")}
			})
		}
		rule := rapid.Custom(func(t *rapid.T) FlagRule {
			return FlagRule{ID: genKey().Draw(t, "id"), Clauses: genList(genClause(), 3).Draw(t, "clauses"), Serve: genServe().Draw(t, "serve"), TrackEvents: rapid.Bool().Draw(t, "track")}
		})
		c := &FlagConfig{
			On: rapid.Bool().Draw(t, "on"), Salt: genKey().Draw(t, "salt"), Version: rapid.IntRange(1, 99).Draw(t, "version"),
			Targets:                genList(target("user"), 3).Draw(t, "targets"),
			ContextTargets:         genList(target("org"), 3).Draw(t, "context targets"),
			Rules:                  genList(rule, 3).Draw(t, "rules"),
			Fallthrough:            genServe().Draw(t, "fallthrough"),
			OffVariation:           genMaybe(rapid.IntRange(0, 1)).Draw(t, "off variation"),
			Prerequisites:          genList(rapid.Map(genKey(), func(k string) Prerequisite { return Prerequisite{Key: FlagKey(k), Variation: 1} }), 2).Draw(t, "prerequisites"),
			TrackEvents:            rapid.Bool().Draw(t, "track events"),
			TrackEventsFallthrough: rapid.Bool().Draw(t, "track fallthrough"),
			DebugEventsUntil:       genMaybe(rapid.Int64Range(1, 1<<45)).Draw(t, "debug until"),
			Migration:              rapid.Bool().Draw(t, "migration"),
			SamplingRatio:          genMaybe(rapid.IntRange(0, 9)).Draw(t, "sampling ratio"),
			ExcludeFromSummaries:   rapid.Bool().Draw(t, "exclude"),
		}
		if c.Migration {
			c.MigrationCheckRatio = genMaybe(rapid.IntRange(0, 9)).Draw(t, "check ratio")
		}
		f := &Flag{
			Key:          FlagKey(genKey().Draw(t, "key")),
			Availability: Availability{MobileKey: rapid.Bool().Draw(t, "mobile"), EnvironmentID: rapid.Bool().Draw(t, "client side")},
			Environments: map[EnvKey]*FlagConfig{"production": c},
		}
		for i := range rapid.IntRange(1, 3).Draw(t, "variations") {
			f.Variations = append(f.Variations, Variation{Value: ldvalue.String(fmt.Sprint("v", i))})
		}
		return f
	})
}

func genSDKSegment() *rapid.Generator[*Segment] {
	return rapid.Custom(func(t *rapid.T) *Segment {
		targets := rapid.Custom(func(t *rapid.T) ContextTargets {
			return ContextTargets{Kind: "org", Values: rapid.SliceOfN(genKey(), 1, 3).Draw(t, "values")}
		})
		rule := rapid.Custom(func(t *rapid.T) SegmentRule {
			kind := genKind().Draw(t, "kind")
			return SegmentRule{
				ID: genKey().Draw(t, "id"), Clauses: genList(genClause(), 3).Draw(t, "clauses"), Weight: genMaybe(rapid.IntRange(0, 100000)).Draw(t, "weight"),
				RolloutKind: kind, BucketBy: genAttribute(kind).Draw(t, "bucket by"),
			}
		})
		s := &Segment{
			Key: segment.Key(genKey().Draw(t, "key")), Version: rapid.IntRange(1, 99).Draw(t, "version"), Salt: genKey().Draw(t, "salt"),
			Rules: genList(rule, 3).Draw(t, "rules"),
		}
		if rapid.Bool().Draw(t, "unbounded") {
			s.Unbounded, s.Kind, s.Generation = true, "org", segment.Generation(rapid.IntRange(1, 9).Draw(t, "generation"))
			return s
		}
		s.Included, s.Excluded = genList(genKey(), 3).Draw(t, "included"), genList(genKey(), 3).Draw(t, "excluded")
		s.IncludedContexts, s.ExcludedContexts = genList(targets, 2).Draw(t, "included contexts"), genList(targets, 2).Draw(t, "excluded contexts")
		return s
	})
}
