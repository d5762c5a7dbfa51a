package delivery

import (
	"context"
	"runtime/debug"

	"github.com/launchdarkly/go-sdk-common/v3/ldreason"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/segment"
)

// Answer is what one flag serves to a context, for clients that evaluate nothing themselves.
type Answer struct {
	Flag    string
	Detail  ldreason.EvaluationDetail
	Version int
	Rollout bool // the flag's default is a rollout
}

// Answers evaluates every flag that the receiver may have, in the order of their keys. It sees
// everything that was durable when it was called.
func (d *Delivery) Answers(ctx context.Context, env segment.EnvID, r Request) ([]Answer, error) {
	ev, err := d.answering(ctx, env, r)
	if err != nil {
		return nil, err
	}
	all := make([]Answer, 0, len(ev.st.snapshot.list))
	for _, f := range ev.st.snapshot.list {
		if r.Receiver.receives(f) {
			all = append(all, d.answer(ev, f))
		}
	}
	return all, nil
}

// Answer evaluates one flag; false if there is none that the receiver may have.
func (d *Delivery) Answer(ctx context.Context, env segment.EnvID, r Request, key string) (Answer, bool, error) {
	ev, err := d.answering(ctx, env, r)
	if err != nil {
		return Answer{}, false, err
	}
	f := ev.st.snapshot.flags[key]
	if f == nil || !r.Receiver.receives(f) {
		return Answer{}, false, nil
	}
	return d.answer(ev, f), true, nil
}

func (d *Delivery) answering(ctx context.Context, env segment.EnvID, r Request) (*evaluationRun, error) {
	f, err := d.present(ctx, env)
	if err != nil {
		return nil, err
	}
	ev, err := d.evaluation(f.state.Load(), env, r)
	if err != nil {
		return nil, readFault(env, err)
	}
	return ev, nil
}

// answer evaluates a flag. One whose evaluation panics is an error of that flag, and of no other.
func (d *Delivery) answer(ev *evaluationRun, f *flag) (a Answer) {
	defer func() {
		if v := recover(); v != nil {
			d.o.Log.Error("evaluation panicked", "flag", f.key, "panic", v, "stack", string(debug.Stack()))
			a = Answer{Flag: f.key, Detail: ldreason.NewEvaluationDetailForError(ldreason.EvalErrorException, ldvalue.Null()), Version: f.version}
		}
	}()
	detail, _ := ev.evaluate(f)
	return Answer{Flag: f.model.Key, Detail: detail, Version: f.model.Version, Rollout: len(f.model.Fallthrough.Rollout.Variations) > 0}
}
