package catalog

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	"pgregory.net/rapid"

	"muster/internal/fault"
	"muster/internal/segment"
)

// instructions reads the instructions of a semantic patch as a transport would.
func instructions(t testing.TB, text string) []Instruction {
	t.Helper()
	var raw []map[string]any
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatal(err)
	}
	var ins []Instruction
	for _, r := range raw {
		kind, _ := r["kind"].(string)
		delete(r, "kind")
		ins = append(ins, Instruction{Kind: kind, Params: r})
	}
	return ins
}

func patchedSegment() *Segment {
	return &Segment{
		Key: "vip", Name: "VIP", Tags: []string{"crm"}, Included: []string{"u1"}, Excluded: []string{"u9"},
		Rules: []SegmentRule{
			{ID: "r1", Clauses: []Clause{{ID: "c1", Kind: "user", Attribute: "email", Op: "in", Values: []ldvalue.Value{ldvalue.String("a@x.test")}}}},
			{ID: "r2", Clauses: []Clause{{ID: "c2", Kind: "user", Attribute: "age", Op: "lessThan", Values: []ldvalue.Value{ldvalue.Int(3)}}}},
		},
	}
}

func TestSegmentInstruct(t *testing.T) {
	tests := []struct {
		name string
		in   string
		want func(*Segment)
	}{
		{"no instruction", `[]`, func(*Segment) {}},
		{"tags come and go", `[{"kind":"addTags","values":["b","crm"]},{"kind":"removeTags","values":["crm","x"]}]`, func(s *Segment) { s.Tags = []string{"b"} }},
		{"the name", `[{"kind":"updateName","value":"New"}]`, func(s *Segment) { s.Name = "New" }},
		{"the description", `[{"kind":"updateDescription","value":"d"}]`, func(s *Segment) { s.Description = "d" }},
		{"names of parameters in any case", `[{"kind":"UpdateName","VALUE":"New"}]`, func(s *Segment) { s.Name = "New" }},
		{"one who is there is not added twice", `[{"kind":"addIncludedTargets","values":["u1","u2","u2"]}]`, func(s *Segment) { s.Included = []string{"u1", "u2"} }},
		{"users are contexts of kind user", `[{"kind":"addIncludedUsers","values":["u2"]},{"kind":"addExcludedUsers","values":["u8"]}]`, func(s *Segment) {
			s.Included, s.Excluded = []string{"u1", "u2"}, []string{"u9", "u8"}
		}},
		{"other kinds have their own lists", `[{"kind":"addIncludedTargets","contextKind":"org","values":["acme"]},{"kind":"addIncludedTargets","contextKind":"org","values":["beta"]}]`, func(s *Segment) {
			s.IncludedContexts = []ContextTargets{{Kind: "org", Values: []string{"acme", "beta"}}}
		}},
		{"an empty list goes", `[{"kind":"addExcludedTargets","contextKind":"org","values":["acme"]},{"kind":"removeExcludedTargets","contextKind":"org","values":["acme"]}]`, func(*Segment) {}},
		{"removing who isn't there changes nothing", `[{"kind":"removeIncludedUsers","values":["x"]},{"kind":"removeExcludedUsers","values":["x"]}]`, func(*Segment) {}},
		{"one can move from excluded to included", `[{"kind":"removeExcludedUsers","values":["u9"]},{"kind":"addIncludedUsers","values":["u9"]}]`, func(s *Segment) {
			s.Included, s.Excluded = []string{"u1", "u9"}, nil
		}},
		{"a rule goes, and one that isn't there", `[{"kind":"removeRule","ruleId":"r1"},{"kind":"removeRule","ruleId":"x"}]`, func(s *Segment) { s.Rules = s.Rules[1:] }},
		{"rules change places", `[{"kind":"reorderRules","ruleIds":["r2","r1"]}]`, func(s *Segment) { s.Rules[0], s.Rules[1] = s.Rules[1], s.Rules[0] }},
		{"a rule's description", `[{"kind":"updateRuleDescription","ruleId":"r1","description":"x"}]`, func(s *Segment) { s.Rules[0].Description = "x" }},
		{"a rule's rollout, the number as text", `[{"kind":"updateRuleRolloutAndContextKind","ruleId":"r1","weight":"20000","contextKind":"org"}]`, func(s *Segment) {
			s.Rules[0].Weight, s.Rules[0].RolloutKind = new(20000), "org"
		}},
		{"a clause goes", `[{"kind":"removeClauses","ruleId":"r1","clauseIds":["c1"]}]`, func(s *Segment) { s.Rules[0].Clauses = nil }},
		{"a clause changes and keeps its id", `[{"kind":"updateClause","ruleId":"r1","clauseId":"c1","clause":{"attribute":"name","op":"contains","values":["x"],"negate":true,"contextKind":"org"}}]`, func(s *Segment) {
			s.Rules[0].Clauses[0] = Clause{ID: "c1", Kind: "org", Attribute: "name", Op: "contains", Values: []ldvalue.Value{ldvalue.String("x")}, Negate: true}
		}},
		{"values come and go", `[{"kind":"addValuesToClause","ruleId":"r2","clauseId":"c2","values":[3,4]},{"kind":"removeValuesFromClause","ruleId":"r2","clauseId":"c2","values":[3]}]`, func(s *Segment) {
			s.Rules[1].Clauses[0].Values = []ldvalue.Value{ldvalue.Int(4)}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, want := patchedSegment(), patchedSegment()
			if err := got.Instruct(instructions(t, tt.in)); err != nil {
				t.Fatal(err)
			}
			tt.want(want)
			if diff := cmp.Diff(want, got, cmp.Comparer(ldvalue.Value.Equal), emptyIsNil); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// emptyIsNil makes no difference between no list and an empty one.
var emptyIsNil = cmp.FilterValues(func(a, b any) bool {
	return isEmptyList(a) && isEmptyList(b)
}, cmp.Comparer(func(any, any) bool { return true }))

func isEmptyList(v any) bool {
	switch v := v.(type) {
	case []string:
		return len(v) == 0
	case []Clause:
		return len(v) == 0
	case []ContextTargets:
		return len(v) == 0
	case []Target:
		return len(v) == 0
	case []FlagRule:
		return len(v) == 0
	case []Prerequisite:
		return len(v) == 0
	}
	return false
}

func TestSegmentInstructAddsRules(t *testing.T) {
	s := patchedSegment()
	err := s.Instruct(instructions(t, `[{"kind":"addRule","clauses":[{"attribute":"key","op":"in","values":["a"]},{"attribute":"","op":"segmentMatch","values":["b"]}],"weight":50000,"bucketBy":"key"},
		{"kind":"addClauses","ruleId":"r1","clauses":[{"attribute":"key","op":"in","values":["a"]}]}]`))
	if err != nil {
		t.Fatal(err)
	}
	r := s.Rules[2]
	if r.ID == "" || *r.Weight != 50000 || r.RolloutKind != "user" || r.Clauses[0].Kind != "user" || r.Clauses[1].Kind != "" || r.Clauses[0].ID == "" {
		t.Errorf("got %+v", r)
	}
	if len(s.Rules[0].Clauses) != 2 {
		t.Errorf("got %+v", s.Rules[0])
	}
}

func TestSegmentInstructRefuses(t *testing.T) {
	many, _ := json.Marshal(make([]string, 1501))
	tests := []struct{ name, in, want string }{
		{"an unknown kind", `[{"kind":"dance"}]`, "no such instruction"},
		{"a missing kind", `[{}]`, "no such instruction"},
		{"a missing parameter", `[{"kind":"updateName"}]`, "value is missing"},
		{"a null parameter", `[{"kind":"updateName","value":null}]`, "value is missing"},
		{"a parameter of another type", `[{"kind":"updateName","value":3}]`, "value must be a text"},
		{"a list that is none", `[{"kind":"addTags","values":"a"}]`, "values must be a list"},
		{"a list of other things", `[{"kind":"addTags","values":[1]}]`, "values must hold texts only"},
		{"who would be included and excluded", `[{"kind":"addIncludedUsers","values":["u9"]}]`, `"u9" would be included and excluded`},
		{"too many at once", `[{"kind":"addIncludedUsers","values":` + string(many) + `}]`, "at most 1500"},
		{"members of big segments", `[{"kind":"addBigSegmentIncludedTargets","values":["a"]}]`, "POST …/contexts"},
		{"imports of big segments", `[{"kind":"processBigSegmentImport","importId":"a"}]`, "POST …/imports"},
		{"a rule that isn't there", `[{"kind":"updateRuleDescription","ruleId":"x","description":"d"}]`, `no rule "x"`},
		{"a clause that isn't there", `[{"kind":"addValuesToClause","ruleId":"r1","clauseId":"x","values":[1]}]`, `no clause "x"`},
		{"an order that leaves out", `[{"kind":"reorderRules","ruleIds":["r1"]}]`, "each once"},
		{"an order that repeats", `[{"kind":"reorderRules","ruleIds":["r1","r1"]}]`, "named twice"},
		{"a weight that is no number", `[{"kind":"updateRuleRolloutAndContextKind","ruleId":"r1","weight":"x"}]`, "whole number"},
		{"half a weight", `[{"kind":"updateRuleRolloutAndContextKind","ruleId":"r1","weight":0.5}]`, "whole number"},
		{"all for one that fails", `[{"kind":"updateName","value":"New"},{"kind":"addTags"}]`, "values is missing"},
		{"clauses that are no objects", `[{"kind":"addRule","clauses":["a"]}]`, "objects only"},
		{"a clause without an op", `[{"kind":"addRule","clauses":[{"attribute":"a","values":[]}]}]`, "op is missing"},
		{"a kind that looks like a format", `[{"kind":"%d%s"}]`, "%d%s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := patchedSegment()
			err := s.Instruct(instructions(t, tt.in))
			if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want Invalid with %q", err, tt.want)
			}
			if diff := cmp.Diff(patchedSegment(), s, cmp.Comparer(ldvalue.Value.Equal)); diff != "" {
				t.Errorf("a refused patch changed the segment: %s", diff)
			}
		})
	}
	t.Run("lists of an unbounded segment", func(t *testing.T) {
		s := &Segment{Key: "big", Name: "Big", Unbounded: true, Kind: "user"}
		if err := s.Instruct(instructions(t, `[{"kind":"addIncludedUsers","values":["a"]}]`)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("got %v", err)
		}
	})
}

// Whatever is asked, a segment either stays as it was or ends up with each context in one list,
// and asking again changes nothing more.
func TestSegmentInstructKeepsTargetsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &Segment{Key: "vip", Name: "VIP"}
		step := rapid.Custom(func(t *rapid.T) Instruction {
			verb := rapid.SampledFrom([]string{"add", "remove"}).Draw(t, "verb")
			list := rapid.SampledFrom([]string{"Included", "Excluded"}).Draw(t, "list")
			values := rapid.SliceOfN(rapid.SampledFrom([]any{"a", "b", "c"}), 0, 3).Draw(t, "values")
			kind := rapid.SampledFrom([]string{"user", "org"}).Draw(t, "kind")
			return Instruction{Kind: verb + list + "Targets", Params: map[string]any{"contextKind": kind, "values": values}}
		})
		for _, ins := range rapid.SliceOfN(rapid.SliceOfN(step, 1, 3), 1, 6).Draw(t, "patches") {
			before := s.Clone()
			err := s.Instruct(ins)
			if err != nil {
				if diff := cmp.Diff(before, s); diff != "" {
					t.Fatalf("a refused patch changed the segment: %s", diff)
				}
				continue
			}
			if err := s.Validate(); err != nil {
				t.Fatal(err)
			}
			for _, in := range ins[len(ins)-1:] {
				again := s.Clone()
				if err := again.Instruct([]Instruction{in}); err != nil {
					t.Fatalf("the last instruction again: %v", err)
				}
				if diff := cmp.Diff(s, again, emptyIsNil); diff != "" {
					t.Fatalf("the last instruction again changed something: %s", diff)
				}
			}
		}
		for _, kind := range []string{"user", "org"} {
			for _, v := range s.targetList(segment.ContextKind(kind), true) {
				for _, x := range s.targetList(segment.ContextKind(kind), false) {
					if v == x {
						t.Fatalf("%s %q is included and excluded", kind, v)
					}
				}
			}
		}
	})
}
