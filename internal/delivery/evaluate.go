package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"strconv"

	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldreason"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	evaluation "github.com/launchdarkly/go-server-sdk-evaluation/v3"

	"muster/internal/segment"
	"muster/internal/store"
)

// Receiver is the sort of SDK that gets results: it decides which flags are among them.
type Receiver uint8

// The receivers.
const (
	Browser Receiver = iota // knows the client-side ID
	Mobile                  // has a mobile key
	Server                  // has an SDK key and receives every flag
)

// Request says what to evaluate, and for whom.
type Request struct {
	Context  ldcontext.Context // must be valid
	Receiver Receiver
	Reasons  bool // send the reason of every result
}

// Result is the evaluation of all flags for a context.
type Result struct {
	JSON []byte
	// ETag changes when a result changes, not with every revision.
	ETag string
}

// Evaluate returns the results of all flags that the receiver may have. It sees everything that
// was durable when it was called.
func (d *Delivery) Evaluate(ctx context.Context, env segment.EnvID, r Request) (Result, error) {
	f, err := d.present(ctx, env)
	if err != nil {
		return Result{}, err
	}
	st := f.state.Load()
	ev, err := d.evaluation(st, env, r)
	if err != nil {
		return Result{}, readFault(env, err)
	}
	h := sha256.New()
	h.Write([]byte(r.Context.FullyQualifiedKey()))
	out := ev.appendAll(make([]byte, 0, 2+160*len(st.snapshot.list)), func(_ *flag, content []byte) { h.Write(content) })
	return Result{JSON: out, ETag: etag(h.Sum(nil))}, nil
}

// evaluationRun evaluates one context against one snapshot and one view.
type evaluationRun struct {
	Request
	st        *state
	view      store.View
	evaluator evaluation.Evaluator

	known []*membership // of the context's keys asked for so far

	flag   *flag    // being evaluated
	direct []string // prerequisites of flag that were evaluated
	record evaluation.PrerequisiteFlagEventRecorder
}

// evaluation prepares to evaluate. The view is taken after the state and so contains at least
// what the state says.
func (d *Delivery) evaluation(st *state, env segment.EnvID, r Request) (*evaluationRun, error) {
	view, err := d.store.View(env)
	if err != nil {
		return nil, err
	}
	d.evaluations.Add(1)
	ev := &evaluationRun{Request: r, st: st, view: view}
	ev.evaluator = evaluation.NewEvaluatorWithOptions(st.snapshot, evaluation.EvaluatorOptionBigSegmentProvider(ev))
	ev.record = func(e evaluation.PrerequisiteFlagEvent) {
		if e.TargetFlagKey == ev.flag.model.Key {
			ev.direct = append(ev.direct, e.PrerequisiteFlag.Key)
		}
	}
	return ev, nil
}

// receives reports whether the receiver may have results of the flag.
func (r Receiver) receives(f *flag) bool {
	switch r {
	case Browser:
		return f.model.ClientSideAvailability.UsingEnvironmentID
	case Mobile:
		return f.model.ClientSideAvailability.UsingMobileKey
	default:
		return true
	}
}

// appendAll appends the results of all flags as one object and shows each one's name and content,
// which leaves out the environment's revision, to see.
func (ev *evaluationRun) appendAll(b []byte, see func(f *flag, content []byte)) []byte {
	b = append(b, '{')
	first := true
	for _, f := range ev.st.snapshot.list {
		if !ev.Receiver.receives(f) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		start := len(b)
		b = append(append(b, f.name...), ":{"...)
		b = ev.appendContent(b, f)
		see(f, b[start:])
		b = append(ev.appendVersion(b), '}')
	}
	return append(b, '}')
}

func (ev *evaluationRun) appendVersion(b []byte) []byte {
	return strconv.AppendUint(append(b, `,"version":`...), uint64(ev.st.revision), 10)
}

// appendContent appends the members of a flag's result that don't change with every revision.
func (ev *evaluationRun) appendContent(b []byte, f *flag) []byte {
	detail, experiment := ev.evaluate(f)
	b = append(b, `"value":`...)
	if i := detail.VariationIndex; i.IsDefined() {
		b = append(b, f.values[i.IntValue()]...)
		b = appendInt(append(b, `,"variation":`...), i.IntValue())
	} else {
		b = append(b, "null"...)
	}
	b = appendInt(append(b, `,"flagVersion":`...), f.model.Version)
	if experiment || f.model.TrackEvents {
		b = append(b, `,"trackEvents":true`...)
	}
	if experiment {
		b = append(b, `,"trackReason":true`...)
	}
	if until := f.model.DebugEventsUntilDate; until != 0 {
		b = strconv.AppendUint(append(b, `,"debugEventsUntilDate":`...), uint64(until), 10)
	}
	if len(ev.direct) > 0 {
		b = append(b, `,"prerequisites":`...)
		b = appendStrings(b, ev.direct)
	}
	if experiment || ev.Reasons {
		reason, _ := json.Marshal(detail.Reason) // its marshaller knows no error
		b = append(append(b, `,"reason":`...), reason...)
	}
	return b
}

// evaluate returns a flag's result and whether it counts as part of an experiment.
func (ev *evaluationRun) evaluate(f *flag) (ldreason.EvaluationDetail, bool) {
	ev.flag, ev.direct = f, ev.direct[:0]
	for _, m := range ev.known { // a segment that can't be read is no fault of flags that don't ask for it
		m.err = nil
	}
	var record evaluation.PrerequisiteFlagEventRecorder
	if len(f.model.Prerequisites) > 0 {
		record = ev.record
	}
	r := ev.evaluator.Evaluate(f.model, ev.Context, record)
	if r.Detail.Reason.GetBigSegmentsStatus() == ldreason.BigSegmentsHealthy && ev.broken() {
		r.Detail.Reason = ldreason.NewEvalReasonFromReasonWithBigSegmentsStatus(r.Detail.Reason, ldreason.BigSegmentsStoreError)
	}
	return r.Detail, r.IsExperiment
}

func (ev *evaluationRun) broken() bool {
	for _, m := range ev.known {
		if m.err != nil {
			return true
		}
	}
	return false
}

// GetMembership answers the evaluator's question for the big segments of a context key.
func (ev *evaluationRun) GetMembership(contextKey string) (evaluation.BigSegmentMembership, ldreason.BigSegmentsStatus) {
	for _, m := range ev.known {
		if m.key == contextKey {
			return m, ldreason.BigSegmentsHealthy
		}
	}
	m := &membership{view: ev.view, key: contextKey, hash: segment.HashOf(contextKey)}
	ev.known = append(ev.known, m)
	return m, ldreason.BigSegmentsHealthy
}

// membership is what the view says of one context key.
type membership struct {
	view store.View
	key  string
	hash segment.Hash
	err  error // the last read that failed
}

// CheckMembership says whether the segment includes or excludes the context, or neither.
func (m *membership) CheckMembership(name string) ldvalue.OptionalBool {
	ref, ok := segment.ParseRef(name)
	if !ok {
		return ldvalue.OptionalBool{}
	}
	ops, err := m.view.State(ref, m.hash)
	switch {
	case err != nil:
		m.err = err
		return ldvalue.OptionalBool{}
	case ops&segment.Include != 0:
		return ldvalue.NewOptionalBool(true)
	case ops&segment.Exclude != 0:
		return ldvalue.NewOptionalBool(false)
	default:
		return ldvalue.OptionalBool{}
	}
}

func appendInt(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 10) }

func appendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, quote(s)...)
	}
	return append(b, ']')
}
