package engine

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

// ledger knows how many runs each segment has and which is the newest, so that the question asked
// most needs no scan.
type ledger struct {
	mu     sync.RWMutex
	counts map[segment.EnvID]map[segment.Key]runCount // durable ones
}

type runCount struct {
	n      int
	newest segment.RunID
}

func runKey(env segment.EnvID, id segment.RunID) []byte { return key(string(env), string(id)) }

func runOfSegmentKey(env segment.EnvID, k segment.Key, id segment.RunID) []byte {
	return key(string(env), string(k), string(id))
}

// with returns the counts after more runs, of the segments that these belong to.
func (l *ledger) with(runs []segment.Run) map[segmentID]runCount {
	if len(runs) == 0 {
		return nil
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	after := make(map[segmentID]runCount)
	for i := range runs {
		id := segmentID{runs[i].Env, runs[i].Segment}
		c, ok := after[id]
		if !ok {
			c = l.counts[id.env][id.key]
		}
		c.n++
		c.newest = max(c.newest, runs[i].ID)
		after[id] = c
	}
	return after
}

// countRows returns the rows that keep the counts after more runs.
func (l *ledger) countRows(runs []segment.Run) []store.Row {
	var rows []store.Row
	for id, c := range l.with(runs) {
		rows = append(rows, store.Row{
			Table: tableRunCount, Key: segmentKey(id),
			Value: append(binary.AppendUvarint(nil, uint64(c.n)), c.newest...),
		})
	}
	return rows
}

// count counts durable runs.
func (l *ledger) count(runs []segment.Run) {
	after := l.with(runs)
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, c := range after {
		l.set(id, c)
	}
}

func (l *ledger) set(id segmentID, c runCount) {
	if l.counts == nil {
		l.counts = make(map[segment.EnvID]map[segment.Key]runCount)
	}
	m := l.counts[id.env]
	if m == nil {
		m = make(map[segment.Key]runCount)
		l.counts[id.env] = m
	}
	m[id.key] = c
}

func (l *ledger) drop(env segment.EnvID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.counts, env)
}

// of returns the count of a segment, or of all segments when k is empty.
func (l *ledger) of(env segment.EnvID, k segment.Key) runCount {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if k != "" {
		return l.counts[env][k]
	}
	var all runCount
	for _, c := range l.counts[env] {
		all.n += c.n
		all.newest = max(all.newest, c.newest)
	}
	return all
}

// load reads the counts.
func (l *ledger) load(ctx context.Context, log store.Log) error {
	for row, err := range log.Rows(ctx, tableRunCount, nil, false) {
		if err != nil {
			return err
		}
		parts, err := split(row.Key, 2)
		if err != nil {
			return err
		}
		n, w := binary.Uvarint(row.Value)
		if w <= 0 {
			return fmt.Errorf("row key %q: %w", row.Key, store.ErrCorrupt)
		}
		l.set(segmentID{segment.EnvID(parts[0]), segment.Key(parts[1])}, runCount{int(n), segment.RunID(row.Value[w:])})
	}
	return nil
}

// plain reports whether a query selects by segment only.
func plain(q store.RunQuery) bool {
	return q.State == "" && q.Tool == "" && q.After.IsZero() && q.Before.IsZero()
}

func selects(q store.RunQuery, r *segment.Run) bool {
	return (q.Segment == "" || q.Segment == r.Segment) &&
		(q.State == "" || q.State == r.State) &&
		(q.Tool == "" || q.Tool == r.Tool) &&
		(q.After.IsZero() || r.ReceivedAt.After(q.After)) &&
		(q.Before.IsZero() || r.ReceivedAt.Before(q.Before))
}

// Runs returns the selected runs, newest first, and how many match.
func (e *Engine) Runs(ctx context.Context, env segment.EnvID, q store.RunQuery) ([]segment.Run, int, error) {
	if e.environment(env) == nil {
		return nil, 0, fmt.Errorf("list runs of environment %s: %w", env, store.ErrNoEnvironment)
	}
	counted := e.ledger.of(env, q.Segment)
	if plain(q) && q.Segment != "" && q.Limit == 1 && q.Offset == 0 && counted.n > 0 {
		r, ok, err := e.Run(ctx, env, counted.newest)
		if err != nil || ok {
			return []segment.Run{r}, counted.n, err
		}
	}
	var runs []segment.Run
	n := 0
	for r, err := range e.runs(ctx, env, q.Segment) {
		if err != nil {
			return nil, 0, fmt.Errorf("list runs of environment %s: %w", env, err)
		}
		if !selects(q, &r) {
			continue
		}
		n++
		if n > q.Offset && (q.Limit == 0 || len(runs) < q.Limit) {
			runs = append(runs, r)
		}
		if plain(q) && q.Limit > 0 && len(runs) == q.Limit {
			return runs, max(n, counted.n), nil
		}
	}
	return runs, n, nil
}

// runs yields the durable runs of a segment, or of all when k is empty, newest first.
func (e *Engine) runs(ctx context.Context, env segment.EnvID, k segment.Key) iter.Seq2[segment.Run, error] {
	table, prefix := tableRun, under(string(env))
	if k != "" {
		table, prefix = tableRunOfSegment, under(string(env), string(k))
	}
	return func(yield func(segment.Run, error) bool) {
		for row, err := range e.log.Rows(ctx, table, prefix, true) {
			var r segment.Run
			ok := true
			if err == nil {
				if k == "" {
					r, ok, err = e.decodeRun(row.Key, row.Value)
				} else {
					r, ok, err = e.Run(ctx, env, segment.RunID(row.Key[len(prefix):]))
				}
			}
			if (ok || err != nil) && !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// Run returns one run.
func (e *Engine) Run(ctx context.Context, env segment.EnvID, id segment.RunID) (segment.Run, bool, error) {
	k := runKey(env, id)
	b, ok, err := e.log.Row(ctx, tableRun, k)
	if err != nil || !ok {
		return segment.Run{}, false, err
	}
	return e.decodeRun(k, b)
}

// decodeRun reads a row of the ledger; false if it is not durable yet.
func (e *Engine) decodeRun(k, b []byte) (segment.Run, bool, error) {
	var r segment.Run
	if before, ok := e.unsynced.before(unsyncedKey(tableRun, k)); ok {
		if b = before; b == nil {
			return r, false, nil
		}
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, false, fmt.Errorf("run %q: %w: %w", k, store.ErrCorrupt, err)
	}
	return r, true, nil
}

// ledgerRows adds the rows of the update's runs.
func (t *tx) ledgerRows(p *prepared, revisions map[segment.EnvID]segment.Revision, started time.Time) error {
	for i := range t.runs {
		r := &t.runs[i]
		if r.State == segment.RunLive && r.LiveAt.IsZero() {
			r.LiveAt = t.step.at
			r.Commit = t.step.e.o.Now().Sub(started)
			r.Revision = revisions[r.Env]
		}
		b, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("write run %s: %w", r.ID, err)
		}
		k := runKey(r.Env, r.ID)
		p.rows = append(p.rows,
			store.Row{Table: tableRun, Key: k, Value: b},
			store.Row{Table: tableRunOfSegment, Key: runOfSegmentKey(r.Env, r.Segment, r.ID), Value: []byte{}})
		if r.Revision > 0 {
			p.rows = append(p.rows, store.Row{Table: tableRunOfRevision, Key: runOfRevisionKey(r.Env, r.Segment, r.Revision), Value: []byte(r.ID)})
		}
		before, err := t.runBefore(r, k)
		if err != nil {
			return err
		}
		if before == nil && !slices.ContainsFunc(t.step.runs, func(o segment.Run) bool { return o.ID == r.ID }) {
			p.fresh = append(p.fresh, *r)
		}
		p.unsynced = append(p.unsynced, unsyncedRow{unsyncedKey(tableRun, k), before})
	}
	return nil
}

// runBefore returns the row that a run replaces, nil if there is none. Most runs are new: they are
// newer than all that the ledger has.
func (t *tx) runBefore(r *segment.Run, k []byte) ([]byte, error) {
	if r.ID > t.step.e.ledger.of(r.Env, r.Segment).newest {
		return nil, nil
	}
	b, ok, err := t.step.e.log.Row(t.step.e.writing, tableRun, k)
	if err != nil || !ok {
		return nil, err
	}
	return b, nil
}

func runOfRevisionKey(env segment.EnvID, k segment.Key, rev segment.Revision) []byte {
	return binary.BigEndian.AppendUint64(under(string(env), string(k)), uint64(rev))
}

// RunAt returns the run that made a revision of a segment's members.
func (e *Engine) RunAt(ctx context.Context, env segment.EnvID, k segment.Key, rev segment.Revision) (segment.Run, bool, error) {
	id, ok, err := e.log.Row(ctx, tableRunOfRevision, runOfRevisionKey(env, k, rev))
	if err != nil || !ok {
		return segment.Run{}, false, err
	}
	return e.Run(ctx, env, segment.RunID(id))
}
