package delivery

import (
	"context"

	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldreason"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	evaluation "github.com/launchdarkly/go-server-sdk-evaluation/v3"
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldmodel"

	"muster/internal/segment"
)

// Outcome is what a flag serves to a context, and why.
type Outcome struct {
	Value  ldvalue.Value // null if the flag serves none
	Reason ldreason.EvaluationReason
	// Bucket is where in the rollout that decided the context falls, in thousandths of a percent.
	Bucket ldvalue.OptionalInt
}

// Outcomes evaluates every flag for a context, by key. Archived flags are not among them. It sees
// everything that was durable when it was called.
func (d *Delivery) Outcomes(ctx context.Context, env segment.EnvID, who ldcontext.Context) (map[string]Outcome, error) {
	ev, err := d.explanation(ctx, env, who)
	if err != nil {
		return nil, err
	}
	all := make(map[string]Outcome, len(ev.st.snapshot.list))
	for _, f := range ev.st.snapshot.list {
		detail, _ := ev.evaluate(f)
		all[f.model.Key] = Outcome{detail.Value, detail.Reason, bucketOf(f.model, detail.Reason, who)}
	}
	return all, ev.unreadable(env)
}

// Try evaluates a flag, as its definition says and not as it is kept, for a context. What it asks of
// other flags and of segments is as it is kept.
func (d *Delivery) Try(ctx context.Context, env segment.EnvID, def segment.Definition, who ldcontext.Context) (Outcome, error) {
	f, err := parseFlag(def)
	if err != nil {
		return Outcome{}, err
	}
	ev, err := d.explanation(ctx, env, who)
	if err != nil {
		return Outcome{}, err
	}
	detail, _ := ev.evaluate(f)
	return Outcome{detail.Value, detail.Reason, bucketOf(f.model, detail.Reason, who)}, ev.unreadable(env)
}

// unreadable returns an error if membership could not be read, in which case results are guesses:
// SDKs live with them, somebody who asks for an explanation should not.
func (ev *evaluationRun) unreadable(env segment.EnvID) error {
	if ev.failure != nil {
		return readFault(env, ev.failure)
	}
	return nil
}

// explanation prepares to evaluate for somebody who may see every result.
func (d *Delivery) explanation(ctx context.Context, env segment.EnvID, who ldcontext.Context) (*evaluationRun, error) {
	return d.answering(ctx, env, Request{Context: who, Receiver: Server})
}

// Standing says whether a context is in a segment, and whether its key alone puts it there.
type Standing struct {
	Member, Targeted bool
}

// Standings evaluates every segment for a context, by key: what it lists or holds, and its rules. A
// segment that SDKs can't evaluate has no members. It sees everything that was durable when it was
// called.
func (d *Delivery) Standings(ctx context.Context, env segment.EnvID, who ldcontext.Context) (map[segment.Key]Standing, error) {
	ev, err := d.explanation(ctx, env, who)
	if err != nil {
		return nil, err
	}
	keysOnly := evaluation.NewEvaluator(withoutRules{ev})
	all := make(map[segment.Key]Standing, len(ev.st.snapshot.segments))
	for key := range ev.st.snapshot.segments {
		asks := flagOnSegment(key)
		s := Standing{Member: serves(ev.evaluator, asks, who)}
		s.Targeted = s.Member && serves(keysOnly, asks, who)
		all[segment.Key(key)] = s
	}
	return all, ev.unreadable(env)
}

// flagOnSegment returns a flag that serves true to the members of a segment: the evaluation library
// evaluates segments through flags only.
func flagOnSegment(key string) *ldmodel.FeatureFlag {
	return &ldmodel.FeatureFlag{
		On:         true,
		Variations: []ldvalue.Value{ldvalue.Bool(false), ldvalue.Bool(true)},
		Rules: []ldmodel.FlagRule{{
			Clauses:            []ldmodel.Clause{{Op: ldmodel.OperatorSegmentMatch, Values: []ldvalue.Value{ldvalue.String(key)}}},
			VariationOrRollout: ldmodel.VariationOrRollout{Variation: ldvalue.NewOptionalInt(1)},
		}},
		Fallthrough: ldmodel.VariationOrRollout{Variation: ldvalue.NewOptionalInt(0)},
	}
}

func serves(e evaluation.Evaluator, f *ldmodel.FeatureFlag, to ldcontext.Context) bool {
	return e.Evaluate(f, to, nil).Detail.Value.BoolValue()
}

// withoutRules is a snapshot whose segments go by what they list or hold alone.
type withoutRules struct{ *evaluationRun }

// GetSegment returns a segment for the evaluator; nil if there is none.
func (w withoutRules) GetSegment(key string) *ldmodel.Segment {
	s := w.evaluationRun.GetSegment(key)
	if s == nil || s == everyone {
		return s
	}
	bare := *s
	bare.Rules = nil
	return &bare
}
