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

// evaluationRun evaluates one context against one snapshot and one view. To the evaluator it is where flags and
// segments come from.
type evaluationRun struct {
	Request
	st        *state
	view      store.View
	evaluator evaluation.Evaluator

	standings []standing // in the big segments asked for so far
	hashes    []keyHash  // of the context's keys asked for so far
	failure   error      // why membership could not be read the last time that it could not

	flag   *flag    // being evaluated
	asked  bool     // its evaluation asked for membership
	unread bool     // and there was some that could not be read
	direct []string // prerequisites of flag that were evaluated
	record evaluation.PrerequisiteFlagEventRecorder

	firstStandings [4]standing
	firstHashes    [2]keyHash
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
	ev.standings, ev.hashes = ev.firstStandings[:0], ev.firstHashes[:0]
	ev.evaluator = evaluation.NewEvaluator(ev)
	return ev, nil
}

// note remembers which prerequisites of the flag itself were evaluated.
func (ev *evaluationRun) note(e evaluation.PrerequisiteFlagEvent) {
	if e.TargetFlagKey == ev.flag.model.Key {
		ev.direct = append(ev.direct, e.PrerequisiteFlag.Key)
	}
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
	if i := detail.VariationIndex; i.IsDefined() {
		b = append(b, f.served[i.IntValue()]...)
	} else {
		b = appendServed(b, null, i, f.model.Version)
	}
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

var null = []byte("null")

// appendServed appends what a result says of a variation, or of none.
func appendServed(b, value []byte, variation ldvalue.OptionalInt, version int) []byte {
	b = append(append(b, `"value":`...), value...)
	if variation.IsDefined() {
		b = appendInt(append(b, `,"variation":`...), variation.IntValue())
	}
	return appendInt(append(b, `,"flagVersion":`...), version)
}

// evaluate returns a flag's result and whether it counts as part of an experiment.
func (ev *evaluationRun) evaluate(f *flag) (ldreason.EvaluationDetail, bool) {
	ev.flag, ev.direct, ev.asked, ev.unread = f, ev.direct[:0], false, false
	var record evaluation.PrerequisiteFlagEventRecorder
	if len(f.model.Prerequisites) > 0 {
		if ev.record == nil {
			ev.record = ev.note
		}
		record = ev.record
	}
	r := ev.evaluator.Evaluate(f.model, ev.Context, record)
	// What the evaluator itself says is worse: that of a segment the generation is not known.
	if ev.asked && r.Detail.Reason.GetBigSegmentsStatus() == "" {
		status := ldreason.BigSegmentsHealthy
		if ev.unread {
			status = ldreason.BigSegmentsStoreError
		}
		r.Detail.Reason = ldreason.NewEvalReasonFromReasonWithBigSegmentsStatus(r.Detail.Reason, status)
	}
	return r.Detail, r.IsExperiment
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
