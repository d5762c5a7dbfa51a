package engine

import (
	"errors"
	"fmt"
	"slices"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/roster"
)

// errPostponed ends a run of an update that must begin a step of its own.
var errPostponed = errors.New("update waits for the next step")

// postpone makes the update run again as the first of the next step.
func (t *tx) postpone() error {
	t.postponed = true
	return errPostponed
}

// first demands that no earlier update of the step touched a segment's members, and that none comes
// after this one.
func (t *tx) first(id segmentID) error {
	if t.step.touched[id] {
		return t.postpone()
	}
	if t.touched[id] {
		return fmt.Errorf("members of segment %s are changed twice in a write that exchanges them", id.key)
	}
	t.concern(id)
	t.last = true
	return nil
}

// concern notes that the update touches a segment's members.
func (t *tx) concern(id segmentID) { stage(&t.touched, id, true) }

// Publish makes a whole membership the segment's.
func (t *tx) Publish(env segment.EnvID, k segment.Key, p store.Publication) (store.Effect, error) {
	m, err := t.exchangeable(env, k)
	if err != nil {
		return store.Effect{}, err
	}
	if p.Point != "" {
		return t.publishPoint(m, p)
	}
	if err := t.room(); err != nil {
		return store.Effect{}, err
	}
	s, err := t.collected(m, sessionID{env, k, p.Session})
	if err != nil {
		return store.Effect{}, err
	}
	newest := s
	if p.Reason == segment.PointRelease {
		newest = nil // what was held is as new as the moment of its release
	}
	var file *file
	var st *staged
	switch {
	case p.Staged != nil:
		var ok bool
		if st, ok = p.Staged.(*staged); !ok || st.e != t.step.e || st.file == nil || st.base == nil || st.mode != store.LoadReplace || st.state.Load() != stagedFree {
			return store.Effect{}, errors.New("what is published must be a sealed list of all members, and only once")
		}
		if st.base.of != m {
			return store.Effect{}, fmt.Errorf("publish a list of segment %s: %w", k, store.ErrStale)
		}
		file = st.file
	case s.Kept == nil || s.Kept.Mode != store.LoadReplace:
		return store.Effect{}, fmt.Errorf("session %s of segment %s keeps no list of all members: %w", p.Session, k, store.ErrNoSession)
	case s.Kept.Began != m.row.began:
		return store.Effect{}, fmt.Errorf("publish the list of session %s of segment %s: %w", p.Session, k, store.ErrStale)
	default:
		if file, err = t.step.e.openFile(t.step.e.writing, s.Kept.File); err != nil {
			return store.Effect{}, err
		}
	}
	journal := s.journal.layers
	c, err := listed(m, file, journal)
	if err != nil {
		return store.Effect{}, m.unreadable(err)
	}
	effect := store.Effect{Counts: c.counts, Uncounted: true}
	switch {
	case st == nil:
	case st.base.lost: // with whatever it was: the list stands in for all of it
		effect = store.Effect{Added: int(total(c.counts)), Unchanged: st.diff.Unchanged, Counts: c.counts}
		t.files = append(t.files, st)
	default:
		if effect, err = t.replaced(m, st, journal); err != nil {
			return store.Effect{}, err
		}
		effect.Counts = c.counts
		if effect.Added+effect.Removed == 0 { // nothing differs, so nothing is exchanged
			t.supersede(m, newest)
			return effect, nil
		}
		t.files = append(t.files, st)
	}
	pub, err := t.exchange(m, c, p, newest, effect)
	if err == nil && st != nil && len(journal) == 0 {
		pub.settleBy(m, st)
	}
	return effect, err
}

// settleBy takes a sealed list as the change that the publication makes in the place of m, where it is
// that: then no job needs to write it once more.
func (p *publication) settleBy(m *membership, st *staged) {
	change := st.file.roster.Kind() == roster.Partial && p.Point != "" && !p.tabled
	begin := st.file.roster.Kind() == roster.Full && *m.counts.Load() == (segment.Counts{}) && m.layers.Load().err == nil
	if !change && !begin {
		return
	}
	p.File, p.Rosters = &st.file.id, nil
	p.Bytes = st.file.roster.Summary().Bytes
	p.Diff = st.diff
	p.Diff.Unchanged = max(0, int(p.Counts.Included)-p.Diff.Added)
}

// exchangeable returns the membership of a segment whose members this write exchanges.
func (t *tx) exchangeable(env segment.EnvID, k segment.Key) (*membership, error) {
	if !t.check(env, "members") {
		return nil, t.err
	}
	seg, ok := t.Segment(env, k)
	if !ok || !seg.Unbounded {
		return nil, fmt.Errorf("publish members of segment %s of environment %s: %w", k, env, store.ErrUnbounded)
	}
	if err := t.first(segmentID{env, k}); err != nil {
		return nil, err
	}
	m := t.membership(refID{env, seg.Home()})
	if m == nil || m != t.step.e.membership(refID{env, seg.Home()}) {
		return nil, fmt.Errorf("publish %s of environment %s: the membership begins in the same write", seg.Home(), env)
	}
	return m, nil
}

// collected returns a session whose list can be published.
func (t *tx) collected(m *membership, name sessionID) (*session, error) {
	s := t.session(name)
	switch {
	case s == nil || s.Ref != m.ref:
		return nil, fmt.Errorf("session %s of segment %s: %w", name.id, name.key, store.ErrNoSession)
	case s.Superseded:
		return nil, fmt.Errorf("session %s of segment %s began at revision %d: %w", name.id, name.key, s.Start, store.ErrSuperseded)
	}
	return s, s.whole()
}

// replaced counts what a sealed list of all members does to the membership as it is, given what it
// does to the membership that it was compared with and what was changed meanwhile.
func (t *tx) replaced(m *membership, st *staged, meanwhile []layer) (store.Effect, error) {
	e := store.Effect{Added: st.diff.Added, Removed: st.diff.Removed, Unchanged: st.diff.Unchanged}
	for ch, err := range mergedLayers(false, meanwhile, nil) {
		if err != nil {
			return e, err
		}
		listed, err := st.file.find(&ch.Hash)
		if err != nil {
			return e, err
		}
		base, err := findIn(st.base.layers, &ch.Hash)
		if err != nil {
			return e, err
		}
		if st.file.roster.Kind() == roster.Partial { // changes on the base
			listed = listed.Over(base)
		}
		now, err := m.state(&ch.Hash)
		if err != nil {
			return e, err
		}
		switch in, was := listed&segment.Include != 0, base&segment.Include != 0; {
		case in && was:
			e.Unchanged--
		case in:
			e.Added--
		case was:
			e.Removed--
		}
		switch change := turned(now, ch.Ops.Over(listed).Settled()); {
		case change.Settled() != 0:
			e.Added++
		case change != 0:
			e.Removed++
		case listed&segment.Include != 0:
			e.Unchanged++
		}
	}
	return e, nil
}

func (t *tx) publishPoint(m *membership, p store.Publication) (store.Effect, error) {
	pt := t.step.e.points.get(pointID{m.env, m.ref.Key, p.Point})
	if pt == nil {
		return store.Effect{}, fmt.Errorf("point %s of segment %s: %w", p.Point, m.ref.Key, store.ErrNoPoint)
	}
	all, err := t.step.e.layersOf(t.step.e.writing, pt)
	if err != nil {
		return store.Effect{}, err
	}
	c, err := compose(all, 0, pt.Counts)
	if err != nil {
		return store.Effect{}, m.unreadable(err)
	}
	effect := store.Effect{Counts: pt.Counts, Uncounted: true}
	_, err = t.exchange(m, c, p, nil, effect)
	return effect, err
}

// exchange stages a composition as the membership of m's ref, which supersedes the sessions that began
// before newest, or all of them.
func (t *tx) exchange(m *membership, c *composition, p store.Publication, newest *session, effect store.Effect) (*publication, error) {
	t.supersede(m, newest)
	old, err := t.retired(m, p)
	if err != nil {
		return nil, err
	}
	next := newMembership(m.env, m.ref)
	next.known.Store(m.known.Load())
	next.row = membershipRow{created: m.row.created, counts: c.filed, rosters: c.rosters()}
	if p.Reason == segment.PointReplace { // what somebody decided is not held against the next sync
		next.recent = m.recent.clone()
	}
	next.layers.Store(c.layers())
	counts := c.counts
	next.counts.Store(&counts)
	pub := &publication{
		env: m.env, rosters: c.rosters(), settled: make(chan struct{}),
		publicationRow: publicationRow{Ref: m.ref, Rosters: c.rosters(), Counts: c.counts},
	}
	if effect.Uncounted {
		pub.Run = p.Run
	}
	pub.Healed = m.lost()
	if old != nil {
		pub.point, pub.Point, pub.tabled = old.ID, old.ID, old.tail != nil
		t.points = append(t.points, old)
	}
	d := c.tail
	d.ref, d.m, d.publication = m.ref, next, pub
	stage(&t.deltas, next, d)
	stage(&t.over.memberships, refID{m.env, m.ref}, next)
	return pub, nil
}

func total(c segment.Counts) int64 { return c.Included + c.Excluded }

// retired returns the point that a membership becomes, nil if it held nobody.
func (t *tx) retired(m *membership, p store.Publication) (*point, error) {
	l := m.layers.Load()
	counts := *m.counts.Load()
	if m.lost() {
		return nil, nil // what can't be read can't be gone back to
	}
	if counts == (segment.Counts{}) {
		return nil, nil
	}
	c, err := compose(l.frozen(), 0, counts)
	if err != nil {
		if errors.Is(err, store.ErrCorrupt) {
			m.hurt(err)
			return nil, nil
		}
		return nil, err
	}
	pt := &point{env: m.env, pointRow: pointRow{
		Point: segment.Point{
			ID: segment.PointID(catalog.NewID()), Ref: m.ref, Counts: counts,
			SealedAt: t.step.at, Reason: p.Reason, Run: p.Run,
		},
		Filed: c.filed, Rosters: c.rosters(),
	}}
	if len(c.tail.hashes) > 0 {
		pt.tail = c.tail
	}
	return pt, nil
}

// Settle applies everything that a session keeps and closes it.
func (t *tx) Settle(env segment.EnvID, k segment.Key, id segment.RunID) (store.Effect, error) {
	name := sessionID{env, k, id}
	s := t.session(name)
	if s == nil {
		return store.Effect{}, fmt.Errorf("session %s of segment %s: %w", id, k, store.ErrNoSession)
	}
	if err := t.room(); err != nil {
		return store.Effect{}, err
	}
	if err := s.whole(); err != nil {
		return store.Effect{}, err
	}
	all := slices.Clip(s.journal.layers)
	if s.Kept != nil {
		f, err := t.step.e.openFile(t.step.e.writing, s.Kept.File)
		if err != nil {
			return store.Effect{}, err
		}
		all = append(all, layer{file: f})
	}
	changes, small, err := t.gather(all)
	if err != nil {
		return store.Effect{}, err
	}
	if small {
		if t.step.touched[segmentID{env, k}] {
			return store.Effect{}, t.postpone() // more may have been parked in this step
		}
		if seg, ok := t.Segment(env, k); ok && seg.Unbounded {
			if m := t.membership(refID{env, seg.Home()}); m != nil {
				if _, err := t.collected(m, name); err != nil {
					return store.Effect{}, err // what was published since is newer than what it keeps
				}
			}
		}
		t.CloseSession(env, k, id)
		effect, err := t.Apply(env, k, &staged{e: t.step.e, changes: changes, n: changes.Len()})
		if seg, ok := t.Segment(env, k); ok && err == nil {
			if d := t.deltas[t.membership(refID{env, seg.Home()})]; d != nil {
				d.allowed = true
			}
		}
		return effect, err
	}
	m, err := t.exchangeable(env, k)
	if err != nil {
		return store.Effect{}, err
	}
	if _, err := t.collected(m, name); err != nil {
		return store.Effect{}, err
	}
	l := m.layers.Load()
	if l.err != nil {
		return store.Effect{}, m.unreadable(l.err)
	}
	c, err := compose(append(all, l.frozen()...), len(all), *m.counts.Load())
	if err != nil {
		return store.Effect{}, m.unreadable(err)
	}
	t.CloseSession(env, k, id)
	effect := store.Effect{Counts: c.counts, Uncounted: true}
	_, err = t.exchange(m, c, store.Publication{Session: id, Reason: segment.PointRelease, Run: id}, nil, effect)
	return effect, err
}

// gather collects the changes of layers if they are few enough to be applied from memory.
func (t *tx) gather(all []layer) (*segment.Changes, bool, error) {
	var n int64
	for _, l := range all {
		n += l.len()
	}
	if n > int64(t.step.e.o.InlineChanges) {
		return nil, false, nil
	}
	changes := new(segment.Changes)
	for ch, err := range mergedLayers(false, all, nil) {
		switch {
		case err != nil:
			return nil, false, err
		case len(ch.Key) > 0:
			changes.Append(ch.Key, ch.Ops)
		default:
			changes.AppendHash(ch.Hash, ch.Ops)
		}
	}
	changes.Compact()
	return changes, true, nil
}

// prepareExchange adds the rows of a publication, whose revision is known now.
func (t *tx) prepareExchange(p *prepared, d *delta) error {
	pub, next := d.publication, d.m
	pub.revision = d.revision
	row, err := pub.row()
	if err != nil {
		return err
	}
	p.rows = append(p.rows, row)
	p.named = append(p.named, pub.files()...)
	if pub.Ended || d.aside {
		return nil
	}
	old := t.step.e.membership(refID{next.env, next.ref})
	next.row.cut, next.row.began = d.revision-1, d.revision
	p.rows = append(p.rows, store.Row{Table: tableMembership, Key: refKey(refID{next.env, next.ref}), Value: next.row.encode()})
	p.named = append(p.named, next.row.rosters...)
	p.unnamed = append(p.unnamed, old.row.rosters...)
	for _, rev := range old.keyed {
		p.rows = append(p.rows, store.Row{Table: tableKeys, Key: keysKey(refID{next.env, next.ref}, rev)})
	}
	return nil
}

// preparePoints adds the rows of points.
func (t *tx) preparePoints(p *prepared, revisions map[segment.EnvID]segment.Revision) error {
	for _, pt := range t.points {
		pt.Revision = revisions[pt.env] - 1
		rows, err := pt.rows()
		if err != nil {
			return err
		}
		p.rows = append(p.rows, rows...)
		p.named = append(p.named, pt.Rosters...)
	}
	return nil
}

// prepareSessions adds the rows of sessions that begin, change or end.
func (t *tx) prepareSessions(p *prepared, revisions map[segment.EnvID]segment.Revision) error {
	for _, s := range t.opened {
		s.Start = revisions[s.env]
		if s.Start == 0 {
			s.Start = t.step.head(s.env)
		}
	}
	for name, s := range t.over.sessions {
		if s == nil {
			p.rows = append(p.rows, store.Row{Table: tableSession, Key: sessionKey(name)}) // it may have begun in the same step
			if old := t.step.e.sessions.get(name); old != nil {
				if err := t.closing(p, old); err != nil {
					return err
				}
			}
			continue
		}
		for _, opened := range t.opened {
			if opened.name() == name {
				s.Start = opened.Start
			}
		}
		row, err := s.row()
		if err != nil {
			return err
		}
		p.rows = append(p.rows, row)
	}
	return nil
}

// closing adds the rows that delete what a session kept.
func (t *tx) closing(p *prepared, s *session) error {
	name := s.name()
	if s.Kept != nil {
		p.unnamed = append(p.unnamed, s.Kept.File)
	}
	for n := range s.pages {
		k := sessionPartKey(name, uint64(n))
		b, ok, err := t.step.e.log.Row(t.step.e.writing, tablePage, k)
		if err != nil {
			return err
		}
		if id, file := partFileID(b); ok && file {
			p.unnamed = append(p.unnamed, id)
		}
		p.rows = append(p.rows, store.Row{Table: tablePage, Key: k})
	}
	for _, n := range s.journal.rows {
		p.rows = append(p.rows, store.Row{Table: tableJournal, Key: sessionPartKey(name, n)})
	}
	p.unnamed = append(p.unnamed, s.journal.files()...)
	return nil
}
