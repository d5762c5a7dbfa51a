package delivery

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/launchdarkly/go-sdk-common/v3/ldreason"
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldbuilders"

	"muster/internal/fault"
	"muster/internal/segment"
)

func TestExplanations(t *testing.T) {
	l := newMemoryLog()
	nested := func(key, of string) segment.Definition {
		return segmentDefinition(t, ldbuilders.NewSegmentBuilder(key).Version(1).
			AddRule(ldbuilders.NewSegmentRuleBuilder().Clauses(ldbuilders.SegmentMatchClause(of))).Build())
	}
	l.commit(define(bigSegment(t, "vip"), nested("outer", "vip"), nested("round", "about"), nested("about", "round"), bigFlag(t, "checkout", 1, "vip")), include(vip, "u1"))
	d := open(t, l, Options{})
	standings, err := d.Standings(t.Context(), env, user("u1").Context)
	if err != nil {
		t.Fatal(err)
	}
	want := map[segment.Key]Standing{"vip": {Member: true, Targeted: true}, "outer": {Member: true}, "round": {}, "about": {}}
	if diff := cmp.Diff(want, standings); diff != "" {
		t.Error(diff)
	}
	outcomes, err := d.Outcomes(t.Context(), env, user("u1").Context)
	if err != nil {
		t.Fatal(err)
	}
	if o := outcomes["checkout"]; len(outcomes) != 1 || !o.Value.BoolValue() || o.Reason.GetKind() != ldreason.EvalReasonRuleMatch {
		t.Errorf("outcomes are %v", outcomes)
	}
}

func TestNothingIsExplainedWithoutMembership(t *testing.T) {
	l := newMemoryLog()
	l.commit(define(bigSegment(t, "vip"), bigFlag(t, "checkout", 1, "vip"), boolFlag(t, "other", 1, true)), include(vip, "u1"))
	l.corrupt = map[segment.Ref]error{vip: errors.New("bad block")}
	d := open(t, l, Options{})
	if _, err := d.Standings(t.Context(), env, user("u1").Context); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("Standings: %v", err)
	}
	if _, err := d.Outcomes(t.Context(), env, user("u1").Context); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("Outcomes: %v", err)
	}
}

func TestAPanicOfOneEvaluationIsAnErrorOfThatFlag(t *testing.T) {
	d := open(t, newMemoryLog(), Options{})
	a := d.answer(&evaluationRun{}, &flag{wire: newWire(dependency{segment.FlagDefinition, "broken"}, 7, nil)}) // without a model
	if reason := a.Detail.Reason; a.Flag != "broken" || a.Version != 7 || reason.GetErrorKind() != ldreason.EvalErrorException {
		t.Errorf("%+v", a)
	}
}
