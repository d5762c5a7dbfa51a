package delivery

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldreason"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	evaluation "github.com/launchdarkly/go-server-sdk-evaluation/v3"
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldbuilders"
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldmodel"
	"pgregory.net/rapid"

	"muster/internal/segment"
)

// told is what the evaluator asks when it is shown big segments as they are, as in SDKs.
type told struct {
	*Snapshot
	l      *memoryLog
	failed bool
}

func (o *told) GetFeatureFlag(key string) *ldmodel.FeatureFlag {
	if f := o.flags[key]; f != nil {
		return f.model
	}
	return nil
}

func (o *told) GetSegment(key string) *ldmodel.Segment {
	if p := o.segments[key]; p != nil {
		return p.model
	}
	return nil
}

func (o *told) GetMembership(key string) (evaluation.BigSegmentMembership, ldreason.BigSegmentsStatus) {
	return member{o, segment.HashOf(key)}, ldreason.BigSegmentsHealthy
}

type member struct {
	of   *told
	hash segment.Hash
}

func (m member) CheckMembership(name string) ldvalue.OptionalBool {
	ref, ok := segment.ParseRef(name)
	if !ok {
		return ldvalue.OptionalBool{}
	}
	ops, err := memoryView{l: m.of.l}.State(ref, m.hash)
	switch {
	case err != nil:
		m.of.failed = true
		return ldvalue.OptionalBool{}
	case ops&segment.Include != 0:
		return ldvalue.NewOptionalBool(true)
	case ops&segment.Exclude != 0:
		return ldvalue.NewOptionalBool(false)
	}
	return ldvalue.OptionalBool{}
}

// What stands for a big segment gives every flag the result and the reason that the segment itself would.
func TestBigSegmentsAreEvaluatedAsInSDKs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newMemoryLog()
		names := []string{"a", "b", "c", "d"}
		some := rapid.SampledFrom(append(names, "missing"))
		clause := func() ldmodel.Clause {
			c := ldbuilders.SegmentMatchClause(rapid.SliceOfN(some, 1, 2).Draw(rt, "segments")...)
			if rapid.Bool().Draw(rt, "by key") {
				c = ldbuilders.ClauseWithKind(ldcontext.Kind(rapid.SampledFrom([]string{"user", "org"}).Draw(rt, "kind")), "key", ldmodel.OperatorIn, ldvalue.String("u1"), ldvalue.String("o1"))
			}
			if rapid.IntRange(0, 3).Draw(rt, "negated") == 0 {
				c = ldbuilders.Negate(c)
			}
			return c
		}
		var all []segment.Definition
		for _, key := range names {
			all = append(all, segmentDefinition(t, randomSegment(rt, key, clause)))
		}
		for i := range 6 {
			all = append(all, flagDefinition(t, randomFlag(rt, i, clause)))
		}
		var changes []memberChange
		for _, key := range names {
			ops := rapid.SampledFrom([]segment.Ops{segment.Include, segment.Exclude, segment.Include | segment.Exclude}).Draw(rt, "ops")
			changes = append(changes, memberChange{segment.Ref{Key: segment.Key(key), Generation: 1}, ops, rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"u1", "o1"}), 0, 2, rapid.ID[string]).Draw(rt, "members")})
		}
		l.commit(define(all...), changes...)
		if rapid.IntRange(0, 3).Draw(rt, "damaged") == 0 {
			l.damage(segment.Ref{Key: "a", Generation: 1}, errors.New("bad block"))
		}
		d := New(l, Options{Log: quiet(), Patience: patient})
		defer d.Close()
		who := rapid.SampledFrom([]ldcontext.Context{
			ldcontext.New("u1"), ldcontext.New("u2"), ldcontext.NewWithKind("org", "o1"),
			ldcontext.NewMulti(ldcontext.New("u1"), ldcontext.NewWithKind("org", "o1")),
		}).Draw(rt, "context")
		got, err := d.Answers(rt.Context(), env, Request{Context: who, Receiver: Server})
		if err != nil {
			rt.Fatal(err)
		}
		s, err := d.Current(rt.Context(), env, "")
		if err != nil {
			rt.Fatal(err)
		}
		sdk := &told{Snapshot: s, l: l}
		evaluator := evaluation.NewEvaluatorWithOptions(sdk, evaluation.EvaluatorOptionBigSegmentProvider(sdk))
		for _, a := range got {
			sdk.failed = false
			want := evaluator.Evaluate(sdk.GetFeatureFlag(a.Flag), who, nil).Detail
			if want.Reason.GetBigSegmentsStatus() == ldreason.BigSegmentsHealthy && sdk.failed {
				want.Reason = ldreason.NewEvalReasonFromReasonWithBigSegmentsStatus(want.Reason, ldreason.BigSegmentsStoreError)
			}
			if diff := cmp.Diff(described(want), described(a.Detail)); diff != "" {
				rt.Errorf("%s for %s: %s", a.Flag, who, diff)
			}
		}
	})
}

func described(d ldreason.EvaluationDetail) string {
	return fmt.Sprint(d.Value.JSONString(), d.VariationIndex, d.Reason, d.Reason.GetBigSegmentsStatus())
}

// randomSegment is a big segment in most cases. What it lists besides is of no meaning then.
func randomSegment(rt *rapid.T, key string, clause func() ldmodel.Clause) ldmodel.Segment {
	b := ldbuilders.NewSegmentBuilder(key).Version(1).Salt("salt").Included(rapid.SampledFrom([]string{"u1", "u2"}).Draw(rt, "listed"))
	b.IncludedContextKind("org", "o1")
	if rapid.IntRange(0, 3).Draw(rt, "big") > 0 {
		b.Unbounded(true)
		if n := rapid.IntRange(-1, 6).Draw(rt, "generation"); n > 1 {
			b.Generation(1)
		} else if n >= 0 {
			b.Generation(n)
		}
		if rapid.Bool().Draw(rt, "of orgs") {
			b.UnboundedContextKind("org")
		}
	}
	for range rapid.IntRange(0, 2).Draw(rt, "rules") {
		r := ldbuilders.NewSegmentRuleBuilder().Clauses(clause())
		if rapid.Bool().Draw(rt, "weighed") {
			r.Weight(50_000)
		}
		b.AddRule(r)
	}
	return b.Build()
}

func randomFlag(rt *rapid.T, n int, clause func() ldmodel.Clause) ldmodel.FeatureFlag {
	b := boolBuilder(fmt.Sprintf("flag-%d", n), 1).FallthroughVariation(1)
	for range max(0, rapid.IntRange(-3, 2).Draw(rt, "prerequisites")) {
		b.AddPrerequisite(fmt.Sprintf("flag-%d", rapid.IntRange(0, 5).Draw(rt, "prerequisite")), rapid.IntRange(0, 1).Draw(rt, "variation"))
	}
	for range rapid.IntRange(1, 3).Draw(rt, "rules") {
		b.AddRule(ldbuilders.NewRuleBuilder().Variation(0).Clauses(clause()))
	}
	return b.Build()
}

// A run that asks for more big segments than it remembers asks again, and answers the same.
func TestMoreBigSegmentsThanARunRemembers(t *testing.T) {
	l := newMemoryLog()
	var all []segment.Definition
	var members []memberChange
	for i := range maxStandings + 10 {
		key := fmt.Sprintf("segment-%03d", i)
		all = append(all, bigSegment(t, key), bigFlag(t, "a-"+key, 1, key), bigFlag(t, "b-"+key, 1, key))
		if i%3 == 0 {
			members = append(members, include(segment.Ref{Key: segment.Key(key), Generation: 1}, "u1"))
		}
	}
	l.commit(define(all...), members...)
	got, err := open(t, l, Options{}).Answers(t.Context(), env, user("u1"))
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range got {
		if want := i%(maxStandings+10)%3 == 0; a.Detail.Value.BoolValue() != want {
			t.Errorf("%s is %s", a.Flag, a.Detail.Value)
		}
	}
}
