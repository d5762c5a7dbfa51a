package catalog

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	"pgregory.net/rapid"

	"muster/internal/fault"
)

func patchedFlag() *Flag {
	f := &Flag{
		Key: "checkout", Name: "Checkout", Temporary: true, Defaults: Defaults{On: 0, Off: 1},
		Variations: []Variation{{ID: "va", Value: ldvalue.String("a")}, {ID: "vb", Value: ldvalue.String("b")}, {ID: "vc", Value: ldvalue.String("c")}},
	}
	config := func() *FlagConfig {
		return &FlagConfig{
			Salt: "s", Fallthrough: Serve{Variation: new(0)}, OffVariation: new(1),
			Targets: []Target{{Kind: "user", Variation: 0, Values: []string{"u1"}}},
			Rules: []FlagRule{
				{ID: "r1", Serve: Serve{Variation: new(0)}, Clauses: []Clause{{ID: "c1", Kind: "user", Attribute: "key", Op: "in", Values: []ldvalue.Value{ldvalue.String("x")}}}},
				{ID: "r2", Serve: Serve{Variation: new(1)}},
			},
		}
	}
	f.Environments = map[EnvKey]*FlagConfig{"test": config(), "production": config()}
	return f
}

func TestFlagInstruct(t *testing.T) {
	clause := Clause{ID: "c1", Kind: "user", Attribute: "key", Op: "in", Values: []ldvalue.Value{ldvalue.String("x")}}
	tests := []struct {
		name string
		in   string
		want func(*Flag, *FlagConfig)
	}{
		{"on", `[{"kind":"turnFlagOn"}]`, func(_ *Flag, c *FlagConfig) { c.On = true }},
		{"on and off again", `[{"kind":"turnFlagOn"},{"kind":"turnFlagOff"}]`, func(*Flag, *FlagConfig) {}},
		{"the default rule as variation", `[{"kind":"updateFallthroughVariationOrRollout","variationId":"vb"}]`, func(_ *Flag, c *FlagConfig) {
			c.Fallthrough = Serve{Variation: new(1)}
		}},
		{"the default rule as rollout, weights as text", `[{"kind":"updateFallthroughVariationOrRollout","rolloutWeights":{"vb":"40000","va":60000},"rolloutBucketBy":"email","rolloutContextKind":"org"}]`, func(_ *Flag, c *FlagConfig) {
			c.Fallthrough = Serve{Rollout: &Rollout{Context: "org", BucketBy: "email", Variations: []WeightedVariation{{Variation: 0, Weight: 60000}, {Variation: 1, Weight: 40000}}}}
		}},
		{"the off variation", `[{"kind":"updateOffVariation","variationId":"vc"}]`, func(_ *Flag, c *FlagConfig) { c.OffVariation = new(2) }},
		{"events", `[{"kind":"updateTrackEvents","trackEvents":true},{"kind":"updateTrackEventsFallthrough","trackEvents":true}]`, func(_ *Flag, c *FlagConfig) {
			c.TrackEvents, c.TrackEventsFallthrough = true, true
		}},
		{"a rule before another", `[{"kind":"addRule","_id":"r0","beforeRuleId":"r2","variationId":"vc","clauses":[{"_id":"c1","contextKind":"user","attribute":"key","op":"in","values":["x"]}],"description":"d"}]`, func(_ *Flag, c *FlagConfig) {
			c.Rules = []FlagRule{c.Rules[0], {ID: "r0", Description: "d", Serve: Serve{Variation: new(2)}, Clauses: []Clause{clause}}, c.Rules[1]}
		}},
		{"a rule goes", `[{"kind":"removeRule","ruleId":"r1"}]`, func(_ *Flag, c *FlagConfig) { c.Rules = c.Rules[1:] }},
		{"rules change places", `[{"kind":"reorderRules","ruleIds":["r2","r1"]}]`, func(_ *Flag, c *FlagConfig) { c.Rules[0], c.Rules[1] = c.Rules[1], c.Rules[0] }},
		{"all rules anew", `[{"kind":"replaceRules","rules":[{"_id":"n","variationId":"va","clauses":[],"trackEvents":true}]}]`, func(_ *Flag, c *FlagConfig) {
			c.Rules = []FlagRule{{ID: "n", Serve: Serve{Variation: new(0)}, TrackEvents: true}}
		}},
		{"what a rule says", `[{"kind":"updateRuleDescription","ruleId":"r1","description":"x"},{"kind":"updateRuleTrackEvents","ruleId":"r1","trackEvents":true},{"kind":"updateRuleVariationOrRollout","ruleId":"r1","variationId":"vc"}]`, func(_ *Flag, c *FlagConfig) {
			c.Rules[0].Description, c.Rules[0].TrackEvents, c.Rules[0].Serve = "x", true, Serve{Variation: new(2)}
		}},
		{"clauses", `[{"kind":"addClauses","ruleId":"r2","clauses":[{"_id":"c1","contextKind":"user","attribute":"key","op":"in","values":["y"]}]},{"kind":"addValuesToClause","ruleId":"r2","clauseId":"c1","values":["x"]},{"kind":"removeValuesFromClause","ruleId":"r2","clauseId":"c1","values":["y"]},{"kind":"removeClauses","ruleId":"r1","clauseIds":["c1"]}]`, func(_ *Flag, c *FlagConfig) {
			c.Rules[0].Clauses, c.Rules[1].Clauses = nil, []Clause{clause}
		}},
		{"targets", `[{"kind":"addTargets","variationId":"va","values":["u1","u2"]},{"kind":"addTargets","contextKind":"org","variationId":"vb","values":["acme"]},{"kind":"addUserTargets","variationId":"vc","values":["u3"]}]`, func(_ *Flag, c *FlagConfig) {
			c.Targets = []Target{{Kind: "user", Variation: 0, Values: []string{"u1", "u2"}}, {Kind: "user", Variation: 2, Values: []string{"u3"}}}
			c.ContextTargets = []Target{{Kind: "org", Variation: 1, Values: []string{"acme"}}}
		}},
		{"a target moves", `[{"kind":"removeUserTargets","variationId":"va","values":["u1"]},{"kind":"addTargets","variationId":"vb","values":["u1"]}]`, func(_ *Flag, c *FlagConfig) {
			c.Targets = []Target{{Kind: "user", Variation: 1, Values: []string{"u1"}}}
		}},
		{"some targets go", `[{"kind":"addTargets","variationId":"va","values":["u2"]},{"kind":"removeTargets","variationId":"va","values":["u1","x"]},{"kind":"removeTargets","variationId":"vb","values":["u2"]}]`, func(_ *Flag, c *FlagConfig) {
			c.Targets[0].Values = []string{"u2"}
		}},
		{"all targets go", `[{"kind":"clearTargets"}]`, func(_ *Flag, c *FlagConfig) { c.Targets = nil }},
		{"user targets go", `[{"kind":"addTargets","contextKind":"org","variationId":"vb","values":["acme"]},{"kind":"clearUserTargets"}]`, func(_ *Flag, c *FlagConfig) {
			c.Targets, c.ContextTargets = nil, []Target{{Kind: "org", Variation: 1, Values: []string{"acme"}}}
		}},
		{"all targets anew", `[{"kind":"replaceTargets","targets":[{"variationId":"vb","values":["u1"]}]},{"kind":"replaceUserTargets","targets":[{"variationId":"vc","values":["u1"]}]}]`, func(_ *Flag, c *FlagConfig) {
			c.Targets = []Target{{Kind: "user", Variation: 2, Values: []string{"u1"}}}
		}},
		{"prerequisites", `[{"kind":"addPrerequisite","key":"payments","variationId":"yes"},{"kind":"updatePrerequisite","key":"payments","variationId":"no"}]`, func(_ *Flag, c *FlagConfig) {
			c.Prerequisites = []Prerequisite{{Key: "payments", Variation: 1}}
		}},
		{"prerequisites come and go", `[{"kind":"replacePrerequisites","prerequisites":[{"key":"payments","variationId":"yes"}]},{"kind":"removePrerequisite","key":"payments"},{"kind":"removePrerequisite","key":"x"}]`, func(*Flag, *FlagConfig) {}},
		{"names and tags", `[{"kind":"updateName","value":"n"},{"kind":"updateDescription","value":"d"},{"kind":"addTags","values":["t"]},{"kind":"removeTags","values":["x"]},{"kind":"makeFlagPermanent"}]`, func(f *Flag, _ *FlagConfig) {
			f.Name, f.Description, f.Tags, f.Temporary = "n", "d", []string{"t"}, false
		}},
		{"availability", `[{"kind":"turnOnClientSideAvailability","value":"usingEnvironmentId"},{"kind":"turnOnClientSideAvailability","value":"usingMobileKey"},{"kind":"turnOffClientSideAvailability","value":"usingMobileKey"}]`, func(f *Flag, _ *FlagConfig) {
			f.Availability = Availability{EnvironmentID: true}
		}},
		{"a variation changes", `[{"kind":"updateVariation","variationId":"vb","value":"bb","name":"B"}]`, func(f *Flag, _ *FlagConfig) {
			f.Variations[1].Value, f.Variations[1].Name = ldvalue.String("bb"), "B"
		}},
		{"a variation goes and others move up", `[{"kind":"updateOffVariation","variationId":"vc"},{"kind":"clearTargets"}]`, func(_ *Flag, c *FlagConfig) { c.OffVariation, c.Targets = new(2), nil }},
		{"defaults by value, in another case", `[{"kind":"updateDefaultVariation","OnVariationValue":"b","OffVariationValue":"c"}]`, func(f *Flag, _ *FlagConfig) { f.Defaults = Defaults{On: 1, Off: 2} }},
		{"custom properties", `[{"kind":"addCustomProperties","key":"jira","name":"Jira","values":["A-1"]},{"kind":"addCustomProperties","key":"jira","values":["A-2"]},{"kind":"removeCustomProperties","key":"jira","values":["A-1"]}]`, func(f *Flag, _ *FlagConfig) {
			f.CustomProperties = map[string]CustomProperty{"jira": {Name: "Jira", Values: []string{"A-2"}}}
		}},
		{"archive and deprecate", `[{"kind":"archiveFlag"},{"kind":"deprecateFlag"},{"kind":"restoreFlag"}]`, func(f *Flag, _ *FlagConfig) { f.Deprecated = true }},
	}
	other := boolFlag("payments")
	lookup := func(k FlagKey) (*Flag, bool) { return other, k == other.Key }
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, want := patchedFlag(), patchedFlag()
			if err := got.InstructAmong("test", instructions(t, tt.in), lookup); err != nil {
				t.Fatal(err)
			}
			tt.want(want, want.Environments["test"])
			if diff := cmp.Diff(want, got, cmp.Comparer(ldvalue.Value.Equal), emptyIsNil); diff != "" {
				t.Error(diff)
			}
			if err := got.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFlagInstructRemovesAVariationEverywhere(t *testing.T) {
	f := patchedFlag()
	in := `[{"kind":"updateDefaultVariation","offVariationValue":"c"},{"kind":"updateOffVariation","variationId":"vc"},{"kind":"removeRule","ruleId":"r2"}]`
	for _, env := range []EnvKey{"test", "production"} {
		if err := f.Instruct(env, instructions(t, in)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Instruct("", instructions(t, `[{"kind":"removeVariation","variationId":"vb"}]`)); err != nil {
		t.Fatal(err)
	}
	if err := f.Validate(); err != nil {
		t.Fatal(err)
	}
	if len(f.Variations) != 2 || f.Defaults.Off != 1 || *f.Environments["production"].OffVariation != 1 {
		t.Errorf("got %+v", f)
	}
}

func TestFlagInstructRefuses(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"an unknown kind", `[{"kind":"Dance"}]`, "instruction Dance: there is no such instruction"},
		{"a parameter in two cases", `[{"kind":"addTags","values":["a"],"Values":["b"]}]`, "values is there twice"},
		{"a variation that isn't there", `[{"kind":"updateOffVariation","variationId":"x"}]`, `"x" is not a variation`},
		{"a weight for a variation that isn't there", `[{"kind":"updateFallthroughVariationOrRollout","rolloutWeights":{"x":100000}}]`, "that flag checkout lacks"},
		{"a second variation for a target", `[{"kind":"addTargets","variationId":"vb","values":["u1"]}]`, `"u1" is already a target of variation 0`},
		{"a variation in use", `[{"kind":"removeVariation","variationId":"va"}]`, "still served"},
		{"a variation served in another environment", `[{"kind":"updateDefaultVariation","offVariationValue":"c"},{"kind":"updateOffVariation","variationId":"vc"},{"kind":"removeRule","ruleId":"r2"},{"kind":"removeVariation","variationId":"vb"}]`, "still served"},
		{"a default that is no value", `[{"kind":"updateDefaultVariation","onVariationValue":"zzz"}]`, "not the value of a variation"},
		{"a rule before none", `[{"kind":"addRule","variationId":"va","clauses":[],"beforeRuleId":"x"}]`, `no rule "x"`},
		{"a rule that serves nothing", `[{"kind":"addRule","clauses":[]}]`, "variationId is missing"},
		{"a prerequisite that isn't there", `[{"kind":"addPrerequisite","key":"x","variationId":"v"}]`, `"x" is not a flag`},
		{"another SDK", `[{"kind":"turnOnClientSideAvailability","value":"usingFridge"}]`, "usingFridge"},
		{"a team", `[{"kind":"updateMaintainerTeam","value":"a"}]`, "no teams"},
		{"deletion beside something else", `[{"kind":"turnFlagOn"},{"kind":"deleteFlag"}]`, "the only one"},
		{"all for one that fails", `[{"kind":"turnFlagOn"},{"kind":"updateName"}]`, "value is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := patchedFlag()
			err := f.Instruct("test", instructions(t, tt.in))
			if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want Invalid with %q", err, tt.want)
			}
			if diff := cmp.Diff(patchedFlag(), f, cmp.Comparer(ldvalue.Value.Equal)); diff != "" {
				t.Errorf("a refused patch changed the flag: %s", diff)
			}
		})
	}
	for env, want := range map[EnvKey]string{"": "environmentKey", "nowhere": `no environment "nowhere"`} {
		err := patchedFlag().Instruct(env, instructions(t, `[{"kind":"turnFlagOn"}]`))
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("environment %q: got %v", env, err)
		}
	}
}

// Arbitrary parameters never panic, and a refused patch leaves no trace.
func TestInstructSurvivesAnything(t *testing.T) {
	kinds := []string{
		"turnFlagOn", "addRule", "removeRule", "reorderRules", "replaceRules", "addClauses", "removeClauses", "updateClause", "addValuesToClause",
		"removeValuesFromClause", "updateRuleDescription", "updateRuleTrackEvents", "updateRuleVariationOrRollout", "updateRuleRolloutAndContextKind",
		"addTargets", "removeTargets", "replaceTargets", "updateFallthroughVariationOrRollout", "updateOffVariation", "addPrerequisite",
		"replacePrerequisites", "addVariation", "updateVariation", "removeVariation", "updateDefaultVariation", "addCustomProperties",
		"removeCustomProperties", "addIncludedTargets", "removeExcludedUsers", "updateName", "addTags", "turnOnClientSideAvailability",
	}
	names := []string{"value", "values", "ruleId", "ruleIds", "clauseId", "clauseIds", "clause", "clauses", "variationId", "rolloutWeights", "targets", "rules", "weight", "contextKind", "key", "op", "prerequisites", "trackEvents"}
	var anything *rapid.Generator[any]
	anything = rapid.Deferred(func() *rapid.Generator[any] {
		return rapid.OneOf(
			rapid.SampledFrom([]any{nil, true, 1.0, 1.5, "va", "vb", "r1", "c1", "20000", "in", "usingMobileKey"}),
			rapid.Map(rapid.SliceOfN(anything, 0, 3), func(l []any) any { return l }),
			rapid.Map(rapid.MapOfN(rapid.SampledFrom(names), anything, 0, 4), func(m map[string]any) any { return m }),
		)
	})
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.Custom(func(t *rapid.T) Instruction {
			return Instruction{Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Params: rapid.MapOfN(rapid.SampledFrom(names), anything, 0, 8).Draw(t, "params")}
		})
		ins := rapid.SliceOfN(step, 1, 4).Draw(t, "instructions")
		f := patchedFlag()
		if err := f.Instruct("test", ins); err != nil {
			if diff := cmp.Diff(patchedFlag(), f, cmp.Comparer(ldvalue.Value.Equal)); diff != "" {
				t.Fatalf("a refused patch changed the flag: %s", diff)
			}
		} else if f.Validate() == nil {
			FlagDefinition(f, "test")
		}
		s := patchedSegment()
		if err := s.Instruct(ins); err != nil {
			if diff := cmp.Diff(patchedSegment(), s, cmp.Comparer(ldvalue.Value.Equal)); diff != "" {
				t.Fatalf("a refused patch changed the segment: %s", diff)
			}
		}
	})
}
