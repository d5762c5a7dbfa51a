package engine

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

// ledger knows how many runs of each sort every segment has, so that a page knows its total without
// a scan.
type ledger struct {
	mu      sync.RWMutex
	tallies map[segment.EnvID]map[segment.Key]tally // of durable runs
	newest  map[segment.EnvID]segment.RunID         // no durable run has a greater ID
	last    map[segmentID]lastRun
	changes uint64 // that made something in last wrong
}

// runSort is what runs are counted by.
type runSort struct {
	tool  string
	kind  segment.RunKind
	state segment.RunState
}

func sortOf(x *indexed) runSort { return runSort{x.tool, x.kind, x.state} }

// tally counts the runs of a segment.
type tally []tallied

type tallied struct {
	runSort
	n int
}

// tallyChange is by how much a step changes a tally.
type tallyChange struct {
	id   segmentID
	sort runSort
	by   int
}

// with returns a tally after a change, which may be made in place.
func (t tally) with(s runSort, by int) tally {
	for i := range t {
		if t[i].runSort == s {
			if t[i].n += by; t[i].n <= 0 {
				return slices.Delete(t, i, i+1)
			}
			return t
		}
	}
	if by <= 0 {
		return t
	}
	return append(t, tallied{s, by})
}

func (t tally) encode() []byte {
	b := binary.AppendUvarint(nil, uint64(len(t)))
	for _, c := range t {
		b = appendText(appendText(appendText(b, c.tool), string(c.kind)), string(c.state))
		b = binary.AppendUvarint(b, uint64(c.n))
	}
	return b
}

func decodeTally(b []byte) (tally, error) {
	var t tally
	d := decoder{b: b}
	for range d.count(4) {
		s := runSort{d.text(), segment.RunKind(d.text()), segment.RunState(d.text())}
		t = append(t, tallied{s, int(d.uvarint())})
	}
	if d.broken || len(d.b) > 0 {
		return nil, fmt.Errorf("tally %x: %w", b, store.ErrCorrupt)
	}
	return t, nil
}

func runKey(env segment.EnvID, id segment.RunID) []byte { return key(string(env), string(id)) }

func runOfRevisionKey(env segment.EnvID, k segment.Key, rev segment.Revision) []byte {
	return binary.BigEndian.AppendUint64(under(string(env), string(k)), uint64(rev))
}

// with returns the tallies that changes concern as they are afterwards.
func (l *ledger) with(changes []tallyChange) map[segmentID]tally {
	if len(changes) == 0 {
		return nil
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	after := make(map[segmentID]tally)
	for _, c := range changes {
		t, ok := after[c.id]
		if !ok {
			t = slices.Clone(l.tallies[c.id.env][c.id.key])
		}
		after[c.id] = t.with(c.sort, c.by)
	}
	return after
}

func tallyRow(id segmentID, t tally) store.Row {
	row := store.Row{Table: tableRunTally, Key: segmentKey(id)}
	if len(t) > 0 {
		row.Value = t.encode()
	}
	return row
}

// tallyRows returns the rows that keep the tallies after changes.
func (l *ledger) tallyRows(changes []tallyChange) []store.Row {
	var rows []store.Row
	for id, t := range l.with(changes) {
		rows = append(rows, tallyRow(id, t))
	}
	return rows
}

// rows returns the rows of all tallies.
func (l *ledger) rows() []store.Row {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var rows []store.Row
	for env, all := range l.tallies {
		for k, t := range all {
			rows = append(rows, tallyRow(segmentID{env, k}, t))
		}
	}
	return rows
}

// count makes durable changes count.
func (l *ledger) count(changes []tallyChange) {
	after := l.with(changes)
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, t := range after {
		l.set(id, t)
		delete(l.last, id)
		l.changes++
	}
}

func (l *ledger) set(id segmentID, t tally) {
	if l.tallies == nil {
		l.tallies = make(map[segment.EnvID]map[segment.Key]tally)
	}
	m := l.tallies[id.env]
	if m == nil {
		m = make(map[segment.Key]tally)
		l.tallies[id.env] = m
	}
	if len(t) == 0 {
		delete(m, id.key)
		return
	}
	m[id.key] = t
}

// meet notes that a durable run has an ID.
func (l *ledger) meet(env segment.EnvID, id segment.RunID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.newest == nil {
		l.newest = make(map[segment.EnvID]segment.RunID)
	}
	l.newest[env] = max(l.newest[env], id)
}

// beyond reports whether an ID is greater than that of every durable run of an environment.
func (l *ledger) beyond(env segment.EnvID, id segment.RunID) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return id > l.newest[env]
}

func (l *ledger) drop(env segment.EnvID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.tallies, env)
	delete(l.newest, env)
	maps.DeleteFunc(l.last, func(id segmentID, _ lastRun) bool { return id.env == env })
	l.changes++
}

// of returns how many runs a query selects, its times aside, and the group to look for them in. Among are
// the segments that have them where the query selects several; nil: all of the group.
func (l *ledger) of(env segment.EnvID, q *store.RunQuery) (n int, within group, among map[segment.Key]struct{}) {
	asked := l.asked(env, q)
	l.mu.RLock()
	defer l.mu.RUnlock()
	ofTool, inState := 0, 0
	if q.Of != nil {
		among = make(map[segment.Key]struct{})
	}
	add := func(k segment.Key, t tally) {
		before := n
		for _, c := range t {
			if q.Tool == c.tool {
				ofTool += c.n
			}
			if q.State == c.state {
				inState += c.n
			}
			if x := (indexed{segment: k, tool: c.tool, kind: c.kind, state: c.state}); x.matches(q) {
				n += c.n
			}
		}
		if among != nil && n > before {
			among[k] = struct{}{}
		}
	}
	switch {
	case q.Segment != "" || q.Of != nil:
		for _, k := range asked {
			add(k, l.tallies[env][k])
		}
	default:
		for k, t := range l.tallies[env] {
			add(k, t)
		}
	}
	return n, groupOf(env, q, ofTool, inState), among
}

// asked returns the segments that a query selects, if it does not select all. Nobody waits while it is
// asked about each.
func (l *ledger) asked(env segment.EnvID, q *store.RunQuery) []segment.Key {
	keys := []segment.Key{q.Segment}
	if q.Segment == "" && q.Of != nil {
		l.mu.RLock()
		keys = slices.AppendSeq(keys[:0], maps.Keys(l.tallies[env]))
		l.mu.RUnlock()
	}
	if q.Of == nil {
		return keys
	}
	return slices.DeleteFunc(keys, func(k segment.Key) bool { return !q.Of(k) })
}

// loadLedger reads the tallies.
func (e *Engine) loadLedger(ctx context.Context) error {
	for _, err := range e.log.Rows(ctx, tableRunCount, nil, false) {
		if err == nil {
			err = e.indexRuns(ctx)
		}
		if err != nil {
			return fmt.Errorf("index the ledger of an older version: %w", err)
		}
		break
	}
	for row, err := range e.log.Rows(ctx, tableRunTally, nil, false) {
		if err != nil {
			if err := e.omit("counts of runs", err); err != nil {
				return err
			}
			break
		}
		parts, err := split(row.Key, 2)
		var t tally
		if err == nil {
			t, err = decodeTally(row.Value)
		}
		if err != nil {
			if err := e.omit("counts of runs", err); err != nil {
				return err
			}
			continue
		}
		e.ledger.set(segmentID{segment.EnvID(parts[0]), segment.Key(parts[1])}, t)
	}
	for env := range e.ledger.tallies {
		for row, err := range e.log.Rows(ctx, tableRun, under(string(env)), true) {
			if err != nil {
				return err
			}
			e.ledger.meet(env, segment.RunID(row.Key[len(env)+1:]))
			break
		}
	}
	return nil
}

// Runs returns the selected runs, newest first, and how many match.
func (e *Engine) Runs(ctx context.Context, env segment.EnvID, q store.RunQuery) ([]segment.Run, int, error) {
	if e.environment(env) == nil {
		return nil, 0, fmt.Errorf("list runs of environment %s: %w", env, store.ErrNoEnvironment)
	}
	if isLast(&q) {
		return e.last(ctx, env, &q)
	}
	return e.runs(ctx, env, &q)
}

func (e *Engine) runs(ctx context.Context, env segment.EnvID, q *store.RunQuery) ([]segment.Run, int, error) {
	page, n, err := e.page(ctx, env, q)
	if err != nil {
		return nil, 0, fmt.Errorf("list runs of environment %s: %w", env, err)
	}
	var runs []segment.Run
	for _, id := range page {
		r, ok, err := e.Run(ctx, env, id)
		if err != nil {
			return nil, 0, fmt.Errorf("list runs of environment %s: %w", env, err)
		}
		if x := indexedRun(&r); ok && x.matches(q) && (q.Of == nil || q.Of(r.Segment)) {
			runs = append(runs, r)
		}
	}
	return runs, n, nil
}

// Run returns one run.
func (e *Engine) Run(ctx context.Context, env segment.EnvID, id segment.RunID) (segment.Run, bool, error) {
	k := runKey(env, id)
	b, ok, err := e.log.Row(ctx, tableRun, k)
	if err != nil || !ok {
		return segment.Run{}, false, err
	}
	if before, ok := e.unsynced.before(unsyncedKey(tableRun, k)); ok {
		if b = before; b == nil {
			return segment.Run{}, false, nil
		}
	}
	r, err := decodeRun(k, b)
	return r, err == nil, err
}

func decodeRun(k, b []byte) (r segment.Run, err error) {
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("run %q: %w: %w", k, store.ErrCorrupt, err)
	}
	return r, nil
}

// RunAt returns the run that made a revision of a segment's members.
func (e *Engine) RunAt(ctx context.Context, env segment.EnvID, k segment.Key, rev segment.Revision) (segment.Run, bool, error) {
	id, ok, err := e.log.Row(ctx, tableRunOfRevision, runOfRevisionKey(env, k, rev))
	if err != nil || !ok {
		return segment.Run{}, false, err
	}
	r, ok, err := e.Run(ctx, env, segment.RunID(id))
	if err != nil || !ok || r.Revision != rev { // that it made the revision is not durable yet
		return segment.Run{}, false, err
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
			if r.Revision == 0 {
				r.Revision = revisions[r.Env]
			}
		}
		if err := t.ledgerRow(p, r); err != nil {
			return err
		}
	}
	return nil
}

// recordedRun is the row of a run that a step writes.
type recordedRun struct {
	env   segment.EnvID
	id    segment.RunID
	value []byte
	run   segment.Run
}

func (t *tx) ledgerRow(p *prepared, r *segment.Run) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write run %s: %w", r.ID, err)
	}
	k := runKey(r.Env, r.ID)
	before, err := t.runBefore(p, r, k)
	if err != nil {
		return err
	}
	after := indexedRun(r)
	var was *indexed
	if before != nil {
		old, err := decodeRun(k, before)
		if err != nil {
			return err
		}
		x := indexedRun(&old)
		was = &x
		p.tallies = append(p.tallies, tallyChange{segmentID{old.Env, old.Segment}, sortOf(was), -1})
		if old.Revision > 0 && (old.Revision != r.Revision || old.Segment != r.Segment) {
			p.rows = append(p.rows, store.Row{Table: tableRunOfRevision, Key: runOfRevisionKey(old.Env, old.Segment, old.Revision)})
		}
	}
	p.tallies = append(p.tallies, tallyChange{segmentID{r.Env, r.Segment}, sortOf(&after), 1})
	p.rows = append(p.rows, store.Row{Table: tableRun, Key: k, Value: b})
	p.rows = append(p.rows, indexRows(r.Env, was, &after)...)
	if r.Revision > 0 {
		p.rows = append(p.rows, store.Row{Table: tableRunOfRevision, Key: runOfRevisionKey(r.Env, r.Segment, r.Revision), Value: []byte(r.ID)})
	}
	stage(&p.recorded, string(k), recordedRun{r.Env, r.ID, b, *r})
	p.unsynced = append(p.unsynced, unsyncedRow{unsyncedKey(tableRun, k), before})
	return nil
}

// runBefore returns the row that a run replaces, nil if there is none.
func (t *tx) runBefore(p *prepared, r *segment.Run, k []byte) ([]byte, error) {
	if before, ok := p.recorded[string(k)]; ok {
		return before.value, nil
	}
	if before, ok := t.step.recorded[string(k)]; ok {
		return before.value, nil
	}
	if t.step.e.ledger.beyond(r.Env, r.ID) { // as nearly always
		return nil, nil
	}
	b, ok, err := t.step.e.log.Row(t.step.e.writing, tableRun, k)
	if err != nil || !ok {
		return nil, err
	}
	return b, nil
}
