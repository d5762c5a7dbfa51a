package engine

import (
	"context"
	"fmt"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/roster"
)

// journal holds the changes that a session keeps, as they were sent. It belongs to whoever holds the
// environment's commit lock.
type journal struct {
	layers []layer  // newest first; the first may be the table that grows
	live   *pending // nil, or the table of the first layer
	next   uint64   // number of the next record
	from   uint64   // number of the first record that is in the live table
	rows   []uint64 // numbers of the records that have a row
	moving bool     // its live table is being written into a file
	broken error    // why not all that the session keeps can be read; set at the start
}

// files returns the files that the journal's rows name.
func (j *journal) files() []store.FileID {
	var ids []store.FileID
	for _, l := range j.layers {
		if l.file != nil {
			ids = append(ids, l.file.id)
		}
	}
	return ids
}

// apply lays a record of changes over the journal and returns by how much its tables grow.
func (j *journal) apply(n uint64, d *delta) (grown int64) {
	j.rows = append(j.rows, n)
	if j.live == nil {
		j.live, j.from = newPending(), n
		j.layers = append([]layer{{table: j.live}}, j.layers...)
	}
	before := j.live.n
	j.live.apply(d)
	j.next = max(j.next, n+1)
	return int64(j.live.n - before)
}

// lay lays a file over the journal.
func (j *journal) lay(n uint64, l layer) {
	j.layers = append([]layer{l}, j.layers...)
	j.live = nil
	j.rows = append(j.rows, n)
	j.next = max(j.next, n+1)
}

// tables returns the number of changes in tables.
func (j *journal) tables() int {
	n := 0
	for _, l := range j.layers {
		if l.table != nil {
			n += l.table.n
		}
	}
	return n
}

// record is what a step adds to the journal of a session.
type record struct {
	session *session
	n       uint64
	list    *staged
}

// journalise adds staged changes to the journals of sessions.
func (t *tx) journalise(list *staged, to ...*session) {
	for _, s := range to {
		t.records = append(t.records, record{session: s, list: list})
	}
}

// prepareRecords gives the records their numbers and rows.
func (t *tx) prepareRecords(p *prepared) {
	for i := range t.records {
		r := &t.records[i]
		name := r.session.name()
		if s := t.session(name); s == nil {
			continue // it is closed by the same write
		}
		r.n = r.session.journal.next
		r.session.journal.next++
		value, files := r.list.part()
		p.rows = append(p.rows, store.Row{Table: tableJournal, Key: sessionPartKey(name, r.n), Value: value})
		p.named = append(p.named, files...)
		p.journaled = append(p.journaled, *r)
		if r.list.file != nil { // the row needs it even if the members did not change
			t.files = append(t.files, r.list)
		}
	}
}

// install lays a durable record over its journal and returns by how much tables grow.
func (r *record) install() int64 {
	j := r.session.journal
	if r.list.file != nil {
		j.lay(r.n, layer{file: r.list.file})
		return 0
	}
	d := &delta{}
	for c := range r.list.changes.All() {
		if c.Ops != 0 {
			d.add(c.Hash, c.Ops, c.Key)
		}
	}
	return j.apply(r.n, d)
}

// Park adds changes to the sessions of a segment without applying them.
func (t *tx) Park(env segment.EnvID, k segment.Key, id segment.RunID, list store.Staged) (store.Effect, error) {
	st, m, err := t.applicable(env, k, list)
	if err != nil {
		return store.Effect{}, err
	}
	if err := t.room(); err != nil {
		return store.Effect{}, err
	}
	if t.session(sessionID{env, k, id}) == nil {
		return store.Effect{}, fmt.Errorf("session %s of segment %s: %w", id, k, store.ErrNoSession)
	}
	sd := t.step.settled(m)
	effect := store.Effect{Counts: t.counts(m, sd)}
	own := t.deltas[m]
	if own != nil && own.file != nil {
		return store.Effect{}, fmt.Errorf("park changes of %s: a staged file was applied in the same write", m.ref)
	}
	for c, err := range st.all() {
		if err != nil {
			return store.Effect{}, err
		}
		now, err := t.now(m, own, sd, &c.Hash)
		if err != nil {
			return store.Effect{}, err
		}
		count(&effect, c.Ops.Effective(now))
	}
	t.journalise(st, t.sessionsOf(segmentID{env, k})...)
	t.concern(segmentID{env, k})
	return effect, nil
}

// spillJournals writes the tables of journals that have grown large into files.
func (e *Engine) spillJournals(ctx context.Context) error {
	for id := range *e.environments.Load() {
		for _, s := range e.sessions.within(id) {
			if err := e.spillJournal(ctx, s); err != nil {
				return fmt.Errorf("write journal of session %s: %w", s.ID, err)
			}
		}
	}
	return nil
}

func (e *Engine) spillJournal(ctx context.Context, s *session) error {
	env := e.environment(s.env)
	if env == nil {
		return nil
	}
	j := s.journal
	env.commit.Lock()
	table, from, to := j.live, j.from, j.next
	if table == nil || table.n <= e.o.SegmentPending || j.moving {
		env.commit.Unlock()
		return nil
	}
	j.live, j.moving = nil, true
	env.commit.Unlock()
	f, err := e.putFile(ctx, roster.Partial, until(ctx, table.sorted()))
	env.commit.Lock()
	defer env.commit.Unlock()
	j.moving = false
	if err != nil {
		if j.live == nil && len(j.layers) > 0 && j.layers[0].table == table {
			j.live, j.from = table, from // so that the next attempt finds it
		}
		return err
	}
	name := s.name()
	if e.environment(s.env) != env || e.sessions.get(name) == nil {
		e.deleteFile(e.writing, f.id)
		return nil
	}
	rows := []store.Row{{Table: tableJournal, Key: sessionPartKey(name, from), Value: append([]byte{partFile}, f.id[:]...)}}
	var kept []uint64
	for _, n := range j.rows {
		if n > from && n < to {
			rows = append(rows, store.Row{Table: tableJournal, Key: sessionPartKey(name, n)})
		} else {
			kept = append(kept, n)
		}
	}
	if err := e.usable(); err != nil {
		e.deleteFile(e.writing, f.id)
		return err
	}
	if err := e.log.Write(e.writing, nil, rows); err != nil {
		return e.fail(err)
	}
	e.retain(f.id)
	j.rows = kept
	for i := range j.layers {
		if j.layers[i].table == table {
			next := append([]layer(nil), j.layers...) // others may be reading the old list
			next[i] = layer{file: f}
			j.layers = next
			break
		}
	}
	e.pendingChanges.Add(-int64(table.n))
	return nil
}
