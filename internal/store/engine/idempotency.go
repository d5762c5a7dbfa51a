package engine

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

// idempotencySpan is for how long a request is known by the key that its sender gave it.
const idempotencySpan = 24 * time.Hour

// idempotencyRow says which runs a request has made.
type idempotencyRow struct {
	At   time.Time
	Runs []segment.RunID
}

// idempotencyKey keeps the sender's key by its hash: it may be long, and it is nobody else's business.
func idempotencyKey(env segment.EnvID, scope, idempotency string) []byte {
	h := sha256.Sum256([]byte(idempotency))
	return append(under(string(env), scope), h[:]...)
}

// Remember makes Recorded find runs.
func (t *tx) Remember(env segment.EnvID, scope, idempotency string, runs []segment.RunID) {
	if !t.check(env, "idempotency key") {
		return
	}
	k := idempotencyKey(env, scope, idempotency)
	row, err := objectRow(tableIdempotency, k, &idempotencyRow{At: t.step.at, Runs: runs})
	if err != nil {
		t.fail(err)
		return
	}
	t.rows = append(t.rows, row)
	stage(&t.remembered, string(k), runs)
}

// Recorded returns the runs of a request.
func (t *tx) Recorded(env segment.EnvID, scope, idempotency string) ([]segment.Run, error) {
	if !t.reaches(env) {
		return nil, fmt.Errorf("read idempotency key in scope %+v: %w", t.scope, store.ErrScope)
	}
	k := idempotencyKey(env, scope, idempotency)
	if ids, ok := t.remembered[string(k)]; ok {
		return t.recorded(env, ids)
	}
	if t.step.remembered[string(k)] {
		return nil, t.postpone() // nobody is answered by what is not durable
	}
	b, ok, err := t.step.e.log.Row(t.step.e.writing, tableIdempotency, k)
	if err != nil || !ok {
		return nil, err
	}
	var row idempotencyRow
	if err := decodeJSON(store.Row{Table: tableIdempotency, Key: k, Value: b}, &row); err != nil {
		return nil, err
	}
	if t.step.at.Sub(row.At) > idempotencySpan {
		return nil, nil
	}
	return t.recorded(env, row.Runs)
}

// recorded returns those of some runs that there are.
func (t *tx) recorded(env segment.EnvID, ids []segment.RunID) ([]segment.Run, error) {
	var runs []segment.Run
	for _, id := range ids {
		r, ok := t.ownRun(env, id)
		if !ok {
			k := runKey(env, id)
			if _, ok := t.step.recorded[string(k)]; ok {
				return nil, t.postpone()
			}
			var err error
			if r, ok, err = t.step.e.Run(t.step.e.writing, env, id); err != nil {
				return nil, err
			}
		}
		if ok {
			runs = append(runs, r)
		}
	}
	return runs, nil
}

// ownRun returns a run that the same write has recorded.
func (t *tx) ownRun(env segment.EnvID, id segment.RunID) (segment.Run, bool) {
	for _, r := range slices.Backward(t.runs) {
		if r.Env == env && r.ID == id {
			return r, true
		}
	}
	return segment.Run{}, false
}
