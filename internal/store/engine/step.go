package engine

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

// step is what one write of the log makes durable and then visible: the gathered changes of a
// group of updates. Whoever builds one holds the commit locks of the environments concerned.
type step struct {
	e          *Engine
	at         time.Time
	over       *overlay
	standing   map[*membership]*standing
	heads      map[segment.EnvID]segment.Revision // newest revision in the step
	records    []store.Record
	rows       []store.Row
	deltas     []*delta
	tallies    []tallyChange
	recorded   map[string]recordedRun // by run key
	files      []*staged
	named      []store.FileID // that rows of the step name
	unnamed    []store.FileID // that rows named which the step deletes
	unsynced   []unsyncedRow  // of ledger and audit
	audited    []auditedEntry
	changes    int
	journaled  []record
	points     []*point
	kept       map[pointID]*point // that somebody keeps or lets go of
	touched    map[segmentID]bool // segments whose members or sessions changed
	last       bool               // no further update may be added
	remembered map[string]bool    // idempotency keys
	epochs     map[segment.EnvID]segment.Epoch
	asked      bool  // whether the disk has room
	noRoom     error // if it has not
}

// standing is what earlier updates of a step did to a membership.
type standing struct {
	counts  segment.Counts
	waiting []*delta // not in layers yet
	layers  []layer  // newest first
}

func (e *Engine) newStep() *step {
	return &step{
		e: e, at: e.o.Now(), over: &overlay{},
		standing: make(map[*membership]*standing), heads: make(map[segment.EnvID]segment.Revision),
	}
}

// settled returns what earlier updates did to a membership, ready for lookups; nil if nothing.
func (s *step) settled(m *membership) *standing {
	sd := s.standing[m]
	if sd == nil {
		return nil
	}
	for _, d := range sd.waiting {
		if d.file != nil {
			sd.layers = append([]layer{{file: d.file.open}}, sd.layers...)
			continue
		}
		if len(sd.layers) == 0 || sd.layers[0].table == nil {
			sd.layers = append([]layer{{table: newPending()}}, sd.layers...)
		}
		sd.layers[0].table.apply(d)
	}
	sd.waiting = nil
	return sd
}

// run runs one update. When it returns an error the step is as before.
func (s *step) run(scope store.Scope, started time.Time, fn func(store.Tx) error) (rev segment.Revision, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.e.o.Logger.Error("panic in an update", "panic", p, "stack", string(debug.Stack()))
			rev, err = 0, fmt.Errorf("update panicked: %v", p)
		}
	}()
	t := s.begin(scope)
	err = fn(t)
	if t.postponed {
		return 0, errPostponed
	}
	if err != nil {
		return 0, err
	}
	if t.err != nil {
		return 0, t.err
	}
	p, err := t.prepare(started)
	if err != nil {
		return 0, err
	}
	s.absorb(t, p)
	return s.revision(scope, p), nil
}

func (s *step) revision(scope store.Scope, p *prepared) segment.Revision {
	if scope.Env == "" || len(p.records) == 0 {
		return 0
	}
	return p.records[0].Revision
}

// prepared is an update in the form in which it is written.
type prepared struct {
	records   []store.Record
	rows      []store.Row
	deltas    []*delta
	named     []store.FileID
	unnamed   []store.FileID
	unsynced  []unsyncedRow
	audited   []auditedEntry
	tallies   []tallyChange
	recorded  map[string]recordedRun
	journaled []record
	epochs    map[segment.EnvID]segment.Epoch // of environments that begin
}

// prepare encodes what the update staged. It changes nothing outside the tx.
func (t *tx) prepare(started time.Time) (*prepared, error) {
	p := &prepared{}
	t.dropRetired(p)
	revisions := make(map[segment.EnvID]segment.Revision)
	for _, id := range t.concerned() {
		en := t.entry(id)
		if en == nil {
			continue
		}
		rev := t.step.head(id) + 1
		revisions[id] = rev
		p.records = append(p.records, store.Record{Env: id, Revision: rev, Value: en.encode()})
		for _, d := range en.deltas {
			d.revision = rev
			p.deltas = append(p.deltas, d)
			if d.publication != nil {
				if err := t.prepareExchange(p, d); err != nil {
					return nil, err
				}
			}
			p.rows = append(p.rows, d.rows(id)...)
			if d.file != nil {
				p.named = append(p.named, d.file.id)
			}
		}
	}
	if t.err != nil {
		return nil, t.err
	}
	rows, err := t.over.rows()
	if err != nil {
		return nil, err
	}
	p.rows = append(p.rows, rows...)
	for id, m := range t.over.memberships {
		if d := t.deltas[m]; m != nil && (d == nil || d.publication == nil) {
			m.row = membershipRow{created: revisions[id.env], cut: revisions[id.env] - 1}
			p.rows = append(p.rows, store.Row{Table: tableMembership, Key: refKey(id), Value: m.row.encode()})
		}
	}
	for id, v := range t.over.environments {
		switch {
		case v == nil:
			p.rows = append(p.rows, store.Row{Table: tableDropped, Key: []byte(id), Value: []byte{}})
		case t.step.e.environment(id) == nil:
			epoch := newEpoch()
			stage(&p.epochs, id, epoch)
			p.rows = append(p.rows, epochRow(id, epoch))
		}
	}
	if err := t.preparePoints(p, revisions); err != nil {
		return nil, err
	}
	if err := t.prepareKept(p); err != nil {
		return nil, err
	}
	if err := t.prepareSessions(p, revisions); err != nil {
		return nil, err
	}
	t.prepareRecords(p)
	p.rows = append(p.rows, t.rows...)
	p.named = append(p.named, t.named...)
	p.unnamed = append(p.unnamed, t.unnamed...)
	if err := t.ledgerRows(p, revisions, started); err != nil {
		return nil, err
	}
	return p, t.prepareAudit(p)
}

// rows returns the rows that go with a delta: its keys, or the name of its file.
func (d *delta) rows(env segment.EnvID) []store.Row {
	if d.file != nil {
		size := d.file.open.roster.Summary().Bytes
		return []store.Row{{Table: tableFile, Key: fileKey(env, d.file.id), Value: binary.AppendUvarint(number(d.revision), uint64(size))}}
	}
	if d.aside || len(d.keys) == len(d.hashes) {
		return nil // no key is known, or all of them are elsewhere
	}
	return []store.Row{{Table: tableKeys, Key: keysKey(refID{env, d.ref}, d.revision), Value: d.keys}}
}

// dropRetired forgets changes of refs that end in the same write and clears what these leave.
func (t *tx) dropRetired(p *prepared) {
	before := reading{objects: t.objects, overs: t.overs[1:]}
	for id, m := range t.over.memberships {
		if m != nil {
			continue
		}
		old, ok := lookUp(&before, inMemberships, id)
		if !ok {
			old = t.step.e.membership(id)
		}
		for d := range t.deltas {
			if d.env == id.env && d.ref == id.ref {
				delete(t.deltas, d)
			}
		}
		if old == nil {
			continue
		}
		p.rows = append(p.rows, store.Row{Table: tableMembership, Key: refKey(id)})
		for _, rev := range old.keyed {
			p.rows = append(p.rows, store.Row{Table: tableKeys, Key: keysKey(id, rev)})
		}
		for _, d := range t.step.deltas {
			if d.m == old && d.file == nil {
				p.rows = append(p.rows, store.Row{Table: tableKeys, Key: keysKey(id, d.revision)})
			}
		}
		p.unnamed = append(p.unnamed, old.row.rosters...)
		if pt := t.left[id]; pt != nil {
			gone := newMembership(id.env, id.ref)
			stage(&t.deltas, gone, &delta{
				ref: id.ref, known: generations(id.ref, old.refs()), m: gone, change: minus(segment.Counts{}, pt.Counts),
				publication: &publication{
					point: pt.ID, env: id.env, settled: make(chan struct{}),
					publicationRow: publicationRow{Ref: id.ref, Point: pt.ID, Ended: true},
				},
			})
		}
	}
}

// concerned returns the environments whose log may get an entry, sorted.
func (t *tx) concerned() []segment.EnvID {
	set := make(map[segment.EnvID]bool)
	for id := range t.over.segments {
		set[id.env] = true
	}
	for m := range t.deltas {
		set[m.env] = true
	}
	for id := range t.over.flags {
		for _, env := range t.Environments(id.project) {
			set[env.ID] = true
		}
	}
	for id := range t.over.environments {
		set[id] = true
	}
	for project := range t.over.projects {
		for _, env := range t.Environments(project) {
			set[env.ID] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// entry returns what the update logs in an environment, nil if nothing.
func (t *tx) entry(id segment.EnvID) *entry {
	env, ok := t.Environment(id)
	if !ok {
		return nil
	}
	if running := t.step.e.environment(id); running != nil && running.lost != nil {
		t.fail(running.lost)
		return nil
	}
	en := &entry{at: t.step.at, definitions: t.definitions(env)}
	_, en.environment = t.over.environments[id]
	en.environment = en.environment || t.filtersOtherwise(env)
	for m, d := range t.deltas {
		if m.env == id {
			t.address(id, d)
			en.deltas = append(en.deltas, d)
		}
	}
	slices.SortFunc(en.deltas, func(a, b *delta) int {
		return cmp.Or(cmp.Compare(a.ref.Key, b.ref.Key), cmp.Compare(a.ref.Generation, b.ref.Generation))
	})
	begins := slices.ContainsFunc(slices.Collect(maps.Keys(t.over.memberships)), func(r refID) bool {
		return r.env == id && t.over.memberships[r] != nil
	})
	if len(en.definitions) == 0 && len(en.deltas) == 0 && !en.environment && !begins {
		return nil
	}
	return en
}

// head returns the newest revision of an environment, counting the entries of this step.
func (s *step) head(id segment.EnvID) segment.Revision {
	if rev, ok := s.heads[id]; ok {
		return rev
	}
	if env := s.e.environment(id); env != nil {
		return segment.Revision(env.head.Load())
	}
	return 0
}

// absorb adds an update to the step.
func (s *step) absorb(t *tx, p *prepared) {
	s.over.absorb(t.over)
	s.records = append(s.records, p.records...)
	s.rows = append(s.rows, p.rows...)
	s.named = append(s.named, p.named...)
	s.unnamed = append(s.unnamed, p.unnamed...)
	s.unsynced = append(s.unsynced, p.unsynced...)
	s.audited = append(s.audited, p.audited...)
	s.tallies = append(s.tallies, p.tallies...)
	layOver(&s.recorded, p.recorded)
	layOver(&s.epochs, p.epochs)
	s.files = append(s.files, t.files...)
	s.journaled = append(s.journaled, p.journaled...)
	s.points = append(s.points, t.points...)
	layOver(&s.kept, t.kept)
	s.last = s.last || t.last
	for k := range t.remembered {
		stage(&s.remembered, k, true)
	}
	for id := range t.touched {
		stage(&s.touched, id, true)
	}
	for id := range t.over.memberships {
		stage(&s.touched, segmentID{id.env, id.ref.Key}, true)
	}
	for _, r := range p.records {
		s.heads[r.Env] = r.Revision
	}
	for _, d := range p.deltas {
		s.deltas = append(s.deltas, d)
		s.changes += len(d.hashes)
		sd := s.standing[d.m]
		if sd == nil {
			sd = &standing{}
			s.standing[d.m] = sd
		}
		sd.waiting = append(sd.waiting, d)
		sd.counts = d.counts
	}
}

// commit writes the step and, once it is durable, makes it visible.
func (s *step) commit() error {
	if err := s.e.usable(); err != nil {
		return err
	}
	s.rows = append(s.rows, s.e.ledger.tallyRows(s.tallies)...)
	if len(s.records) == 0 && len(s.rows) == 0 && len(s.audited) == 0 {
		return nil
	}
	for _, f := range s.files {
		if !f.state.CompareAndSwap(stagedFree, stagedCommitted) && f.state.Load() == stagedDiscarded {
			return errors.New("staged changes were discarded while they were committed")
		}
	}
	auditPlaced := s.placeAudit()
	s.e.unsynced.add(s.unsynced)
	if err := s.e.log.Write(s.e.writing, s.records, s.rows); err != nil {
		if errors.Is(err, store.ErrHead) {
			s.release()
			auditPlaced()
			return fmt.Errorf("commit: %w", err)
		}
		return s.e.fail(fmt.Errorf("commit: %w", err))
	}
	s.e.unsynced.remove(s.unsynced)
	auditPlaced()
	s.e.retain(s.named...)
	s.install()
	s.tell()
	return nil
}

// release takes back what a write that did not happen has claimed.
func (s *step) release() {
	s.e.unsynced.remove(s.unsynced)
	for _, f := range s.files {
		f.state.Store(stagedFree)
	}
}

// install makes a durable step visible: members first, so that whoever learns of a revision or a
// definition finds the membership that goes with it.
func (s *step) install() {
	changed := make(map[segment.EnvID][]*membership)
	for _, d := range s.deltas {
		if m, ok := s.over.memberships[refID{d.m.env, d.ref}]; ok && m == nil {
			continue // the ref ends in this step
		}
		if d.publication != nil {
			d.installExchange()
			continue
		}
		s.e.pendingChanges.Add(d.install())
		if d.allowed {
			d.m.recent = recent{}
		} else {
			d.m.recent.note(s.at, d.added, d.removed)
		}
		changed[d.m.env] = append(changed[d.m.env], d.m)
	}
	s.installKnown()
	s.installSessions()
	for _, p := range s.points {
		s.e.points.add(p)
	}
	for _, p := range s.kept {
		s.e.points.replace(p)
	}
	for id, rev := range s.heads {
		env := s.e.environment(id)
		if env == nil {
			env = s.e.beginEnvironment(id, s.epochs[id])
			defer env.commit.Unlock()
		}
		env.show(rev, s.over, changed[id])
	}
	s.e.ledger.count(s.tallies)
	for _, r := range s.recorded {
		s.e.ledger.meet(r.env, r.id)
	}
	o := s.e.objects
	o.mu.Lock()
	maps.Copy(o.revisions, s.heads)
	o.apply(s.over)
	o.mu.Unlock()
	for id, v := range s.over.environments {
		if v == nil {
			s.e.removeEnvironment(id)
		}
	}
	for id, rev := range s.heads {
		if env := s.e.environment(id); env != nil {
			env.advance(rev)
		}
	}
	s.e.release(s.unnamed...)
	for _, d := range s.deltas {
		if d.publication != nil && !d.publication.isSettled() {
			s.e.publications.add(d.publication)
		}
	}
	s.e.noticePending(s.deltas)
}

// installKnown makes known which refs segments are found under from now on.
func (s *step) installKnown() {
	for id, seg := range s.over.segments {
		if seg == nil || !seg.InEngine() {
			continue
		}
		name := refID{id.env, seg.Home()}
		m := s.over.memberships[name]
		if m == nil {
			m = s.e.membership(name)
		}
		if refs := seg.Refs(); m != nil && !slices.Equal(m.refs(), refs) {
			m.known.Store(&refs)
		}
	}
}

// installSessions makes durable changes of sessions known.
func (s *step) installSessions() {
	for i := range s.journaled {
		s.e.pendingChanges.Add(s.journaled[i].install())
		if live := s.journaled[i].session.journal.live; live != nil && live.n > s.e.o.SegmentPending {
			s.e.wakeFolder()
		}
	}
	for name, v := range s.over.sessions {
		if v != nil {
			s.e.sessions.put(v)
			continue
		}
		if old := s.e.sessions.get(name); old != nil {
			s.e.pendingChanges.Add(-int64(old.journal.tables()))
			s.e.sessions.remove(name)
		}
	}
}

// installExchange completes the membership that a publication installs.
func (d *delta) installExchange() {
	d.m.from, d.m.last = d.revision, d.revision
	if len(d.keys) > len(d.hashes) {
		d.m.keyed = []segment.Revision{d.revision}
	}
}

// install applies a durable delta to its membership and returns by how much the tables grow.
func (d *delta) install() (grown int64) {
	m := d.m
	l := m.layers.Load()
	if d.file != nil {
		m.layers.Store(&layers{older: append([]layer{{file: d.file.open}}, l.frozen()...), err: l.err})
	} else {
		live := l.live
		if live == nil {
			live = newPending()
		}
		before := live.n
		live.apply(d)
		grown = int64(live.n - before)
		m.noteTable(live, before)
		if l.live == nil {
			m.layers.Store(&layers{live: live, older: l.older, err: l.err})
		}
		if len(d.keys) > len(d.hashes) {
			m.keyed = append(m.keyed, d.revision)
		}
	}
	if m.from == 0 {
		m.from = d.revision
	}
	m.last = d.revision
	counts := d.counts
	m.counts.Store(&counts)
	return grown
}
