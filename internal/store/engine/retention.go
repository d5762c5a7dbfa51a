package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

const (
	// forgetEvery is how often what is too old is looked for, forgetFirst how soon after the start:
	// some processes don't live long.
	forgetEvery = time.Hour
	forgetFirst = time.Minute
	// forgetAtOnce is how many runs or keys one write forgets: commits wait for it.
	forgetAtOnce = 250
)

// rejectsOf names the document that keeps the rows of a run that were not understood.
func rejectsOf(id segment.RunID) store.DocumentID { return store.DocumentID("rejects/" + id) }

// forgetOld forgets runs and idempotency keys that are too old until the engine closes.
func (e *Engine) forgetOld() {
	timer := time.NewTimer(forgetFirst)
	defer timer.Stop()
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-timer.C:
			e.forget(e.ctx)
			timer.Reset(forgetEvery)
		}
	}
}

func (e *Engine) forget(ctx context.Context) {
	for id, env := range *e.environments.Load() {
		err := errors.Join(env.forgetRuns(ctx), env.forgetKeys(ctx))
		if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrNoEnvironment) {
			e.o.Logger.Error("old rows of the ledger remain for now", "environment", id, "error", err)
		}
	}
}

// atRest reports whether nobody will go on with a run in this state.
func atRest(s segment.RunState) bool {
	return s != segment.RunReceived && s != segment.RunStaged && s != segment.RunHeld
}

// forgetRuns deletes runs at rest that are older than RunAge, with the rows they rejected.
func (env *environment) forgetRuns(ctx context.Context) error {
	before := env.e.o.Now().Add(-env.e.o.RunAge)
	all := under(string(env.id), allRuns)
	var old []segment.RunID
	for row, err := range env.e.oldestFirst(ctx, all) {
		if err != nil {
			return fmt.Errorf("look for old runs: %w", err)
		}
		x, err := row.run()
		if err != nil {
			return err
		}
		if x.at >= moment(before) {
			break
		}
		if !atRest(x.state) {
			continue
		}
		if old = append(old, x.id); len(old) == forgetAtOnce {
			if err := env.deleteRuns(old, before); err != nil {
				return err
			}
			old = old[:0]
		}
	}
	return env.deleteRuns(old, before)
}

// deletion is what one write deletes of the ledger.
type deletion struct {
	rows    []store.Row
	tallies []tallyChange
	files   []store.FileID
}

// deleteRuns deletes those of some runs that are still at rest.
func (env *environment) deleteRuns(ids []segment.RunID, before time.Time) error {
	return env.alone(func(d *deletion) error {
		for _, id := range ids {
			k := runKey(env.id, id)
			b, ok, err := env.e.log.Row(env.e.writing, tableRun, k)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			r, err := decodeRun(k, b)
			if err != nil {
				return err
			}
			if !atRest(r.State) || !r.ReceivedAt.Before(before) {
				continue
			}
			if err := env.deleteRun(d, &r); err != nil {
				return err
			}
		}
		return nil
	})
}

func (env *environment) deleteRun(d *deletion, r *segment.Run) error {
	rejects, ok, err := env.e.documentRow(env.e.writing, env.id, rejectsOf(r.ID))
	if err != nil {
		return err
	}
	if ok {
		d.rows = append(d.rows, store.Row{Table: tableDocument, Key: documentKey(env.id, rejectsOf(r.ID))})
		d.files = append(d.files, rejects.File)
	}
	x := indexedRun(r)
	d.rows = append(d.rows, store.Row{Table: tableRun, Key: runKey(env.id, r.ID)})
	d.rows = append(d.rows, indexRows(env.id, &x, nil)...)
	if r.Revision > 0 {
		d.rows = append(d.rows, store.Row{Table: tableRunOfRevision, Key: runOfRevisionKey(env.id, r.Segment, r.Revision)})
	}
	d.tallies = append(d.tallies, tallyChange{segmentID{env.id, r.Segment}, sortOf(&x), -1})
	return nil
}

// forgetKeys deletes idempotency keys that nobody is answered by any more.
func (env *environment) forgetKeys(ctx context.Context) error {
	var old [][]byte
	for row, err := range env.e.log.Rows(ctx, tableIdempotency, under(string(env.id)), false) {
		if err != nil {
			return fmt.Errorf("look for old idempotency keys: %w", err)
		}
		known, err := env.knows(row)
		if err != nil {
			return err
		}
		if known {
			continue
		}
		if old = append(old, bytes.Clone(row.Key)); len(old) == forgetAtOnce {
			if err := env.deleteKeys(old); err != nil {
				return err
			}
			old = old[:0]
		}
	}
	return env.deleteKeys(old)
}

// knows reports whether requests are still answered by an idempotency key.
func (env *environment) knows(row store.Row) (bool, error) {
	var v idempotencyRow
	err := decodeJSON(row, &v)
	return env.e.o.Now().Sub(v.At) <= idempotencySpan, err
}

// deleteKeys deletes those of some idempotency keys that were not remembered again meanwhile.
func (env *environment) deleteKeys(keys [][]byte) error {
	return env.alone(func(d *deletion) error {
		for _, k := range keys {
			b, ok, err := env.e.log.Row(env.e.writing, tableIdempotency, k)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			known, err := env.knows(store.Row{Table: tableIdempotency, Key: k, Value: b})
			if err != nil {
				return err
			}
			if !known {
				d.rows = append(d.rows, store.Row{Table: tableIdempotency, Key: k})
			}
		}
		return nil
	})
}

// alone deletes what gather finds while nothing else changes the environment.
func (env *environment) alone(gather func(*deletion) error) error {
	e := env.e
	env.commit.Lock()
	defer env.commit.Unlock()
	if e.environment(env.id) != env {
		return store.ErrNoEnvironment
	}
	var d deletion
	if err := errors.Join(e.usable(), gather(&d)); err != nil || len(d.rows) == 0 {
		return err
	}
	if err := e.log.Write(e.writing, nil, append(d.rows, e.ledger.tallyRows(d.tallies)...)); err != nil {
		return e.fail(err)
	}
	e.ledger.count(d.tallies)
	e.release(d.files...)
	return nil
}
