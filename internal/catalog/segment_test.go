package catalog

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/fault"
	"muster/internal/segment"
)

func TestSegmentValidate(t *testing.T) {
	many := func(n int) []string {
		keys := make([]string, n)
		for i := range keys {
			keys[i] = "k"
		}
		return keys
	}
	tests := []struct {
		name   string
		change func(*Segment)
		want   string // part of the sentence; "" = valid
	}{
		{"a plain one is valid", func(*Segment) {}, ""},
		{"a key may hold dots", func(s *Segment) { s.Key = "a.b-c_D9" }, ""},
		{"a key may not begin with a dot", func(s *Segment) { s.Key = ".a" }, `key ".a"`},
		{"a key may not be empty", func(s *Segment) { s.Key = "" }, `key ""`},
		{"a key may not hold a slash", func(s *Segment) { s.Key = "a/b" }, `key "a/b"`},
		{"a key has an end", func(s *Segment) { s.Key = segment.Key(strings.Repeat("a", 257)) }, "at most 256"},
		{"a name is needed", func(s *Segment) { s.Name = "" }, "name must not be empty"},
		{"a name is counted in characters", func(s *Segment) { s.Name = strings.Repeat("ü", 256) }, ""},
		{"a name has an end", func(s *Segment) { s.Name = strings.Repeat("a", 257) }, "name has 257"},
		{"a name is text", func(s *Segment) { s.Name = "\xff" }, "UTF-8"},
		{"a description has an end", func(s *Segment) { s.Description = strings.Repeat("a", 4097) }, "description has 4097"},
		{"a tag is no sentence", func(s *Segment) { s.Tags = []string{"a b"} }, `tag "a b"`},
		{"a tag has an end", func(s *Segment) { s.Tags = []string{strings.Repeat("a", 65)} }, "1 to 64"},
		{"50,000 targets fit", func(s *Segment) { s.Included = many(50000) }, ""},
		{"50,001 targets don't", func(s *Segment) { s.Included, s.Excluded = many(50000), many(1) }, "50001 targets"},
		{"an empty context key is none", func(s *Segment) { s.Included = []string{""} }, "empty context key"},
		{"a long context key is none", func(s *Segment) { s.Included = []string{strings.Repeat("a", 2049)} }, "2049 bytes"},
		{"targets of a kind need a kind", func(s *Segment) { s.IncludedContexts = []ContextTargets{{Kind: "multi", Values: many(1)}} }, `"multi" is not a context kind`},
		{"an unbounded one lists nobody", func(s *Segment) { s.Unbounded, s.Included = true, many(1) }, "POST"},
		{"an unbounded one needs a valid kind", func(s *Segment) { s.Unbounded, s.Kind = true, "kind" }, "unboundedContextKind"},
		{"an unbounded one may hold a kind that begins with an underscore", func(s *Segment) { s.Unbounded, s.Kind = true, "_device" }, ""},
		{"an unbounded one may have rules", func(s *Segment) {
			s.Unbounded, s.Rules = true, []SegmentRule{{Clauses: []Clause{{Attribute: "key", Op: "in"}}}}
		}, ""},
		{"a weight is per 100,000", func(s *Segment) { s.Rules = []SegmentRule{{Weight: new(100001)}} }, "weight of rule 0"},
		{"an operator must exist", func(s *Segment) { s.Rules = []SegmentRule{{Clauses: []Clause{{Attribute: "a", Op: "like"}}}} }, `op "like"`},
		{"a clause needs an attribute", func(s *Segment) { s.Rules = []SegmentRule{{Clauses: []Clause{{Op: "in"}}}} }, "no attribute"},
		{"an attribute must be readable", func(s *Segment) { s.Rules = []SegmentRule{{Clauses: []Clause{{Attribute: "//", Op: "in"}}}} }, `attribute "//"`},
		{"segmentMatch needs no attribute", func(s *Segment) {
			s.Rules = []SegmentRule{{Clauses: []Clause{{Op: "segmentMatch", Values: []ldvalue.Value{ldvalue.String("b")}}}}}
		}, ""},
		{"segmentMatch needs keys", func(s *Segment) {
			s.Rules = []SegmentRule{{Clauses: []Clause{{Op: "segmentMatch", Values: []ldvalue.Value{ldvalue.Int(3)}}}}}
		}, "not a segment key"},
		{"two rules have two ids", func(s *Segment) { s.Rules = []SegmentRule{{ID: "r"}, {ID: "r"}} }, `_id "r"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &Segment{Key: "vip", Name: "VIP"}
			tt.change(s)
			s.Normalize()
			err := s.Validate()
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

func TestSegmentNormalize(t *testing.T) {
	s := &Segment{
		Key: "vip", Kind: "org", Tags: []string{"b", "a", "b"}, Included: []string{"u1"},
		IncludedContexts: []ContextTargets{{Kind: "user", Values: []string{"u2"}}, {Kind: "org", Values: []string{"acme"}}},
		Rules:            []SegmentRule{{Clauses: []Clause{{Attribute: "key", Op: "in"}, {Op: "segmentMatch"}}}},
	}
	s.Normalize()
	if s.Kind != "" {
		t.Errorf("a bounded segment has the kind %q", s.Kind)
	}
	if diff := cmp.Diff([]string{"a", "b"}, s.Tags); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"u1", "u2"}, s.Included); diff != "" {
		t.Error(diff)
	}
	if len(s.IncludedContexts) != 1 || s.IncludedContexts[0].Kind != "org" {
		t.Errorf("contexts %v", s.IncludedContexts)
	}
	r := s.Rules[0]
	if r.ID == "" || r.Clauses[0].ID == "" || r.Clauses[0].Kind != "user" || r.Clauses[1].Kind != "" {
		t.Errorf("rule %+v", r)
	}
	again := s.Clone()
	again.Normalize()
	if diff := cmp.Diff(s, again); diff != "" {
		t.Errorf("normalising twice changed it: %s", diff)
	}
}

func TestSegmentsThatContainThemselvesAreNamed(t *testing.T) {
	nested := func(key segment.Key, in ...string) *Segment {
		var values []ldvalue.Value
		for _, k := range in {
			values = append(values, ldvalue.String(k))
		}
		return &Segment{Key: key, Rules: []SegmentRule{{Clauses: []Clause{{Op: SegmentMatch, Values: values}}}}}
	}
	all := map[segment.Key]*Segment{"b": nested("b", "c"), "c": nested("c", "a"), "d": nested("d", "e"), "e": nested("e", "d"), "f": nested("f", "g")}
	lookup := func(k segment.Key) (*Segment, bool) { s, ok := all[k]; return s, ok }
	tests := []struct {
		name string
		in   []string
		want string
	}{
		{"no nesting", nil, ""},
		{"a segment that isn't there", []string{"nobody"}, ""},
		{"a cycle of others ends the search", []string{"d", "f"}, ""},
		{"itself", []string{"a"}, "a -> a"},
		{"through two others", []string{"f", "b"}, "a -> b -> c -> a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := nested("a", tt.in...).CheckNesting(lookup)
			if (tt.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
