package catalog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldreason"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	evaluation "github.com/launchdarkly/go-server-sdk-evaluation/v3"
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldmodel"
	"pgregory.net/rapid"

	"muster/internal/fault"
	"muster/internal/segment"
)

// definition is what an SDK holds of one segment, and the store that it asks for members.
type definition struct {
	seg     ldmodel.Segment
	members *segment.Changes
	ref     string
}

func (d definition) GetFeatureFlag(string) *ldmodel.FeatureFlag { return nil }
func (d definition) GetSegment(string) *ldmodel.Segment         { return &d.seg }

func (d definition) GetMembership(key string) (evaluation.BigSegmentMembership, ldreason.BigSegmentsStatus) {
	h := segment.HashOf(key)
	for c := range d.members.All() {
		if c.Hash == h {
			return membership{d.ref, c.Ops}, ldreason.BigSegmentsHealthy
		}
	}
	return nil, ldreason.BigSegmentsHealthy
}

type membership struct {
	ref string
	ops segment.Ops
}

func (m membership) CheckMembership(ref string) ldvalue.OptionalBool {
	if ref != m.ref {
		return ldvalue.OptionalBool{}
	}
	return ldvalue.NewOptionalBool(m.ops&segment.Include != 0)
}

// matches evaluates a flag that serves true to the segment.
func (d definition) matches(c ldcontext.Context) bool {
	flag := ldmodel.FeatureFlag{
		Key: "f", On: true, Variations: []ldvalue.Value{ldvalue.Bool(false), ldvalue.Bool(true)},
		Fallthrough: ldmodel.VariationOrRollout{Variation: ldvalue.NewOptionalInt(0)},
		Rules: []ldmodel.FlagRule{{
			VariationOrRollout: ldmodel.VariationOrRollout{Variation: ldvalue.NewOptionalInt(1)},
			Clauses:            []ldmodel.Clause{{Op: ldmodel.OperatorSegmentMatch, Values: []ldvalue.Value{ldvalue.String("s")}}},
		}},
	}
	ldmodel.PreprocessFlag(&flag)
	ldmodel.PreprocessSegment(&d.seg)
	e := evaluation.NewEvaluatorWithOptions(d, evaluation.EvaluatorOptionBigSegmentProvider(d))
	return e.Evaluate(&flag, c, nil).Detail.Value.BoolValue()
}

// A list that may become big means the same to SDKs before and after, for every context.
func TestAListThatMovesMeansTheSame(t *testing.T) {
	kinds := []segment.ContextKind{"user", "org"}
	key := rapid.SampledFrom([]string{"a", "b", "c", "d"})
	clause := rapid.Custom(func(t *rapid.T) Clause {
		return Clause{
			Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Attribute: rapid.SampledFrom([]string{"key", "kind", "plan"}).Draw(t, "attribute"), Op: "in",
			Values: []ldvalue.Value{ldvalue.String(rapid.SampledFrom([]string{"a", "b", "user", "org", "x"}).Draw(t, "value"))}, Negate: rapid.Bool().Draw(t, "negate"),
		}
	})
	rule := rapid.Custom(func(t *rapid.T) SegmentRule {
		r := SegmentRule{Clauses: rapid.SliceOfN(clause, 0, 2).Draw(t, "clauses")}
		if rapid.Bool().Draw(t, "weighed") {
			r.Weight, r.RolloutKind = new(50_000), rapid.SampledFrom(kinds).Draw(t, "rollout")
		}
		return r
	})
	moved := 0
	rapid.Check(t, func(t *rapid.T) {
		s := &Segment{Key: "s", Name: "S", Version: 1, Generation: 1, Salt: "salt"}
		s.Included = rapid.SliceOfN(key, 0, 2).Draw(t, "included")
		s.Excluded = rapid.SliceOfN(key, 0, 2).Draw(t, "excluded")
		if rapid.Bool().Draw(t, "orgs") {
			s.IncludedContexts = []ContextTargets{{Kind: "org", Values: rapid.SliceOfN(key, 0, 2).Draw(t, "included orgs")}}
			s.ExcludedContexts = []ContextTargets{{Kind: "org", Values: rapid.SliceOfN(key, 0, 2).Draw(t, "excluded orgs")}}
		}
		s.Rules = rapid.SliceOfN(rule, 0, 2).Draw(t, "rules")
		s.Normalize()
		kind := s.firstKind()
		if s.CheckMove(kind) != nil {
			return
		}
		moved++
		s.Move = &Move{Kind: kind, Begun: time.Unix(1, 0)}
		before := definition{seg: modelSegment(s)}
		after := definition{seg: modelSegment(s.Moved()), members: s.Members(), ref: s.Ref().String()}
		single := func(kind ldcontext.Kind) ldcontext.Context {
			return ldcontext.NewBuilder(key.Draw(t, "key")).Kind(kind).SetString("plan", rapid.SampledFrom([]string{"a", "x"}).Draw(t, "plan")).Build()
		}
		for _, c := range []ldcontext.Context{single("user"), single("org"), ldcontext.NewMulti(single("user"), single("org")), single("device")} {
			if was, is := before.matches(c), after.matches(c); was != is {
				t.Fatalf("%s: the list says %t, the big segment %t", c, was, is)
			}
		}
	})
	if moved == 0 {
		t.Error("no list may move")
	}
}

func TestListLimit(t *testing.T) {
	list := func(n int, more ...string) *Segment {
		s := &Segment{Key: "s", Name: "S"}
		for i := range n {
			s.Included = append(s.Included, fmt.Sprint(i))
		}
		if len(more) > 0 {
			s.IncludedContexts = []ContextTargets{{Kind: "org", Values: more}}
		}
		return s
	}
	moving := list(1, "acme")
	moving.Move = &Move{Kind: "user"}
	on, off := ListLimit{Targets: 3, Move: true}, ListLimit{Targets: 3}
	for _, tt := range []struct {
		name          string
		limit         ListLimit
		before, after *Segment
		want          string
	}{
		{"a short one", off, nil, list(3), ""},
		{"a short one of two kinds", on, nil, list(2, "acme"), ""},
		{"a long one", on, nil, list(4), ""},
		{"a long one where none may be long", off, nil, list(4), "at most 3"},
		{"a long one of two kinds", on, nil, list(3, "acme"), "kind org beside kind user"},
		{"one that was too long and shrinks", off, list(9), list(8), ""},
		{"one that was too long and grows", off, list(9), list(10), "at most 3"},
		{"one that gets another kind while it moves", on, list(9), moving, "kind org beside kind user"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.limit.Check(tt.before, tt.after)
			if (tt.want == "") != (err == nil) || err != nil && (fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
