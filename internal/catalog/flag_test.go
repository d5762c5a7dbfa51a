package catalog

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/fault"
)

func boolFlag(key FlagKey) *Flag {
	f := &Flag{
		Key: key, Name: string(key), Defaults: Defaults{On: 0, Off: 1},
		Variations: []Variation{{ID: "yes", Value: ldvalue.Bool(true)}, {ID: "no", Value: ldvalue.Bool(false)}},
	}
	f.Environments = map[EnvKey]*FlagConfig{"test": f.NewConfig(), "production": f.NewConfig()}
	return f
}

func TestFlagValidate(t *testing.T) {
	test := func(f *Flag) *FlagConfig { return f.Environments["test"] }
	rollout := func(weights ...int) Serve {
		r := &Rollout{}
		for i, w := range weights {
			r.Variations = append(r.Variations, WeightedVariation{Variation: i, Weight: w})
		}
		return Serve{Rollout: r}
	}
	tests := []struct {
		name   string
		change func(*Flag)
		want   string // part of the sentence; "" = valid
	}{
		{"a new one is valid", func(*Flag) {}, ""},
		{"a key is needed", func(f *Flag) { f.Key = "" }, "key"},
		{"a flag has variations", func(f *Flag) { f.Variations = nil }, "variations has 0"},
		{"variations have one type", func(f *Flag) { f.Variations[1].Value = ldvalue.String("no") }, "one type"},
		{"objects and arrays are one type, JSON", func(f *Flag) {
			f.Variations[0].Value, f.Variations[1].Value = ldvalue.Parse([]byte(`{"a":1}`)), ldvalue.Parse([]byte(`[1]`))
		}, ""},
		{"variations differ", func(f *Flag) { f.Variations[1].Value = ldvalue.Bool(true) }, "repeats the value true"},
		{"variations have their own ids", func(f *Flag) { f.Variations[1].ID = "yes" }, `_id "yes"`},
		{"a default is a variation", func(f *Flag) { f.Defaults.Off = 2 }, "defaults.offVariation is 2"},
		{"an off variation may be missing", func(f *Flag) { test(f).OffVariation = nil }, ""},
		{"an off variation exists", func(f *Flag) { test(f).OffVariation = new(-1) }, "environment test: offVariation is -1"},
		{"something is served", func(f *Flag) { test(f).Fallthrough = Serve{} }, "neither a variation nor a rollout"},
		{"only one thing is served", func(f *Flag) {
			s := rollout(100000)
			s.Variation = new(0)
			test(f).Fallthrough = s
		}, "a variation and a rollout"},
		{"weights sum to the whole", func(f *Flag) { test(f).Fallthrough = rollout(60000, 40000) }, ""},
		{"weights don't sum to less", func(f *Flag) { test(f).Fallthrough = rollout(60000, 30000) }, "sum to 90000"},
		{"weights aren't negative", func(f *Flag) { test(f).Fallthrough = rollout(-1, 100001) }, "a weight in the rollout"},
		{"a rollout serves what exists", func(f *Flag) { test(f).Fallthrough = rollout(0, 0, 100000) }, "a variation in the rollout"},
		{"a rollout of nothing is none", func(f *Flag) { test(f).Fallthrough = rollout() }, "sum to 0"},
		{"a target has one variation", func(f *Flag) {
			test(f).Targets = []Target{{Variation: 0, Values: []string{"u"}}, {Variation: 1, Values: []string{"u"}}}
		}, `user "u" is a target of variation 0 and of variation 1`},
		{"a key of two kinds is two targets", func(f *Flag) {
			test(f).Targets = []Target{{Variation: 0, Values: []string{"u"}}, {Kind: "org", Variation: 1, Values: []string{"u"}}}
		}, ""},
		{"a target's variation exists", func(f *Flag) { test(f).Targets = []Target{{Variation: 2, Values: []string{"u"}}} }, "variation of a target is 2"},
		{"a rule serves something", func(f *Flag) { test(f).Rules = []FlagRule{{}} }, "rule 0 has neither"},
		{"a rule's clauses are checked", func(f *Flag) {
			test(f).Rules = []FlagRule{{Serve: Serve{Variation: new(0)}, Clauses: []Clause{{Op: "in"}}}}
		}, "clause 0 of rule 0"},
		{"a custom property has a key", func(f *Flag) { f.CustomProperties = map[string]CustomProperty{"": {}} }, "custom property"},
		{"a maintainer is an id", func(f *Flag) { f.MaintainerID = "ann" }, "maintainerId"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := boolFlag("checkout")
			tt.change(f)
			f.Normalize()
			err := f.Validate()
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want Invalid with %q", err, tt.want)
			}
		})
	}
}

func TestFlagNormalizeSplitsTargetsByKind(t *testing.T) {
	f := boolFlag("checkout")
	f.Environments["test"].Targets = []Target{{Variation: 0, Values: []string{"u1"}}, {Kind: "org", Variation: 1, Values: []string{"acme"}}}
	f.Environments["test"].ContextTargets = []Target{{Kind: "user", Variation: 0}, {Kind: "user", Variation: 0, Values: []string{"u2"}}, {Kind: "user", Variation: 1, Values: []string{"u3"}}}
	f.Normalize()
	c := f.Environments["test"]
	want := []Target{{Kind: "user", Variation: 0, Values: []string{"u1", "u2"}}, {Kind: "user", Variation: 1, Values: []string{"u3"}}}
	if diff := cmp.Diff(want, c.Targets); diff != "" {
		t.Error(diff)
	}
	want = []Target{{Kind: "org", Variation: 1, Values: []string{"acme"}}, {Kind: "user", Variation: 0}}
	if diff := cmp.Diff(want, c.ContextTargets); diff != "" {
		t.Error(diff)
	}
}

func TestPrerequisites(t *testing.T) {
	all := map[FlagKey]*Flag{}
	for key, needs := range map[FlagKey][]FlagKey{"a": nil, "b": {"c"}, "c": {"a"}, "d": nil, "e": {"d"}} {
		f := boolFlag(key)
		for _, n := range needs {
			f.Environments["test"].Prerequisites = append(f.Environments["test"].Prerequisites, Prerequisite{Key: n})
		}
		all[key] = f
	}
	all["gone"] = boolFlag("gone")
	all["gone"].Archived = true
	lookup := func(k FlagKey) (*Flag, bool) { f, ok := all[k]; return f, ok }
	tests := []struct {
		name  string
		needs []Prerequisite
		want  string
	}{
		{"none", nil, ""},
		{"one that needs another", []Prerequisite{{Key: "e", Variation: 1}}, ""},
		{"itself", []Prerequisite{{Key: "a"}}, "its own prerequisite"},
		{"a circle", []Prerequisite{{Key: "e"}, {Key: "b"}}, "a -> b -> c -> a"},
		{"a flag that isn't there", []Prerequisite{{Key: "x"}}, `"x" of environment test is not a flag`},
		{"an archived flag", []Prerequisite{{Key: "gone"}}, "archived"},
		{"a variation that isn't there", []Prerequisite{{Key: "d", Variation: 2}}, "variation of prerequisite d is 2"},
		{"the same flag twice", []Prerequisite{{Key: "d"}, {Key: "d", Variation: 1}}, "twice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := boolFlag("a")
			f.Environments["test"].Prerequisites = tt.needs
			err := f.CheckPrerequisites("test", lookup)
			if (tt.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if err := f.CheckPrerequisites("production", lookup); err != nil {
				t.Errorf("the other environment: %v", err)
			}
		})
	}
}
