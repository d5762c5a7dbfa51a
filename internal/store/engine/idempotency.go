package engine

import (
	"crypto/sha256"
	"fmt"
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
	k := idempotencyKey(env, scope, idempotency)
	if _, ok := t.remembered[string(k)]; ok {
		return nil, fmt.Errorf("idempotency key is asked for after it was remembered in the same write")
	}
	if t.step.remembered[string(k)] {
		return nil, t.postpone() // its runs are read when they are durable
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
	var runs []segment.Run
	for _, id := range row.Runs {
		r, ok, err := t.step.e.Run(t.step.e.writing, env, id)
		if err != nil {
			return nil, err
		}
		if ok {
			runs = append(runs, r)
		}
	}
	return runs, nil
}
