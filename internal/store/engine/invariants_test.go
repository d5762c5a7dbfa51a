package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"muster/internal/segment"
	"muster/internal/store"
)

// memberStates is who is in a ref.
type memberStates map[segment.Hash]segment.Ops

func (s memberStates) apply(h segment.Hash, ops segment.Ops) {
	if now := ops.Over(s[h]).Settled(); now != 0 {
		s[h] = now
	} else {
		delete(s, h)
	}
}

func (s memberStates) counts() (c segment.Counts) {
	for _, ops := range s {
		c = c.Add(ops)
	}
	return c
}

func statesOf(m store.Members) (memberStates, error) {
	out := make(memberStates)
	for c, err := range m.All(nil) {
		if err != nil {
			return nil, err
		}
		out[c.Hash] = c.Ops
	}
	return out, nil
}

// CheckInvariants says which of the invariants that can be seen in an engine at rest is violated: the
// view is the replay of the log over the points (1), rosters contain the log exactly up to their cut
// (2), rows, files and their counts fit (3, 4), a journal contains every change since its session began
// (8), the index names whoever is in a table (10). [Watch] sees the others, and (7) is what folds are compared with.
func (e *Engine) CheckInvariants(ctx context.Context) error {
	for id := range *e.environments.Load() {
		if err := errors.Join(e.checkLog(ctx, id), e.CheckIndex(id)); err != nil {
			return fmt.Errorf("environment %s: %w", id, err)
		}
	}
	return e.CheckPending()
}

// CheckIndex says of which change in a table the index of an environment knows nothing, at any time.
func (e *Engine) CheckIndex(id segment.EnvID) error {
	env := e.environment(id)
	if env == nil {
		return nil
	}
	env.commit.Lock()
	defer env.commit.Unlock()
	r := env.view.Load().refs
	if r.index == nil {
		return nil
	}
	for _, s := range r.shards {
		for i, number := range s.numbers {
			m := s.places[i].m
			if number != m.numberIn(r.index) {
				return fmt.Errorf("%s has the number %d in the index, its place says %d", m.ref, m.numberIn(r.index), number)
			}
			if number == 0 {
				continue
			}
			for _, p := range m.layers.Load().allTables() {
				for c, err := range p.sorted() {
					var named numbers
					if r.index.fill(&c.Hash, &named); err != nil || !named.has(number) {
						return fmt.Errorf("the index does not name %s for %x, which is in a table: %w", m.ref, c.Hash[:4], err)
					}
				}
			}
		}
	}
	return nil
}

// checkLog replays the log of an environment and compares what it comes by.
func (e *Engine) checkLog(ctx context.Context, id segment.EnvID) error {
	env := e.environment(id)
	r := &replay{e: e, env: env, states: make(map[segment.Ref]memberStates), told: make(map[segment.Ref]memberStates), changed: make(map[*session]memberStates)}
	var points []*point
	for _, p := range e.points.all() {
		if p.env == id {
			points = append(points, p)
		}
	}
	slices.SortFunc(points, func(a, b *point) int { return cmp.Compare(a.Revision, b.Revision) })
	from := segment.Revision(0)
	for _, err := range e.Entries(ctx, id, 0) {
		if errors.Is(err, store.ErrTrimmed) { // the oldest point from which on the log is whole
			i := slices.IndexFunc(points, func(p *point) bool { return readable(e.Entries(ctx, id, p.Revision)) })
			if i < 0 {
				return nil
			}
			from, r.partial = points[i].Revision, true
		} else if err != nil {
			return err
		}
		break
	}
	return r.run(ctx, from, points)
}

func readable(entries func(func(*segment.Entry, error) bool)) bool {
	for _, err := range entries {
		return err == nil
	}
	return true
}

// replay is the state of an environment as its log tells it.
type replay struct {
	e       *Engine
	env     *environment
	partial bool                         // the log does not reach back to the beginning: only refs with a point are known
	states  map[segment.Ref]memberStates // by where they are kept
	told    map[segment.Ref]memberStates // by the refs under which readers find them
	changed map[*session]memberStates    // operations that were logged since each session began
}

func (r *replay) run(ctx context.Context, from segment.Revision, points []*point) error {
	at := from
	if err := r.compare(ctx, at, points); err != nil {
		return err
	}
	for record, err := range r.e.log.Read(ctx, r.env.id, from) {
		if err != nil {
			return err
		}
		at = record.Revision
		en, err := decodeEntry(record.Value)
		if err != nil {
			return err
		}
		for _, d := range en.deltas {
			m, err := r.e.readDelta(ctx, record, d)
			if err == nil && !d.aside {
				err = r.apply(at, m)
			}
			if err = errors.Join(err, r.tell(d, m)); err != nil {
				return err
			}
		}
		if err := r.compare(ctx, at, points); err != nil {
			return fmt.Errorf("at revision %d: %w", at, err)
		}
	}
	if err := r.compareView(); err != nil {
		return err
	}
	return r.compareJournals()
}

func (r *replay) apply(rev segment.Revision, m segment.MemberDelta) error {
	set := r.states[m.Ref]
	if set == nil && !r.partial {
		set = make(memberStates)
		r.states[m.Ref] = set
	}
	publication := slices.ContainsFunc(r.e.publishedAt(r.env.id, rev), func(key segment.Key) bool { return key == m.Ref.Key })
	return m.Each(nil, func(c segment.Change) bool {
		if set != nil {
			set.apply(c.Hash, c.Ops)
		}
		for _, s := range r.e.sessions.within(r.env.id) {
			if s.Ref == m.Ref && rev > s.Start && !publication {
				if r.changed[s] == nil {
					r.changed[s] = make(memberStates)
				}
				r.changed[s][c.Hash] = c.Ops.Over(r.changed[s][c.Hash])
			}
		}
		return true
	})
}

// tell applies a delta to the refs that it counts for.
func (r *replay) tell(d *delta, m segment.MemberDelta) error {
	if r.partial {
		return nil
	}
	for _, ref := range d.refs() {
		set := r.told[ref]
		if set == nil {
			set = make(memberStates)
			r.told[ref] = set
		}
		if err := m.Each(nil, func(c segment.Change) bool { set.apply(c.Hash, c.Ops); return true }); err != nil {
			return err
		}
	}
	return nil
}

// publishedAt returns the segments whose members were exchanged by an entry.
func (e *Engine) publishedAt(env segment.EnvID, rev segment.Revision) (keys []segment.Key) {
	for row, err := range e.log.Rows(e.ctx, tablePublication, publicationKey(publicationID{env, rev, ""}), false) {
		if id, parseErr := parsePublicationKey(row.Key); err == nil && parseErr == nil {
			keys = append(keys, id.key)
		}
	}
	return keys
}

// compare compares the points of a revision, and the rosters whose cut it is, with the replay.
func (r *replay) compare(ctx context.Context, at segment.Revision, points []*point) error {
	for _, p := range points {
		if p.Revision != at {
			continue
		}
		m, err := r.e.PointMembers(ctx, p.env, p.Ref.Key, p.ID)
		if err != nil {
			return err
		}
		is, err := statesOf(m)
		if err != nil {
			return err
		}
		if r.states[p.Ref] == nil && r.partial {
			r.states[p.Ref] = is
		}
		if !maps.Equal(is, r.states[p.Ref]) || p.Counts != is.counts() {
			return fmt.Errorf("point %s of %s holds %d contexts and says %+v, the log says %d", p.ID, p.Ref, len(is), p.Counts, len(r.states[p.Ref]))
		}
	}
	var failed error
	r.env.view.Load().refs.each(func(m *membership) bool {
		r.env.commit.Lock()
		row := m.row
		r.env.commit.Unlock()
		if upTo := max(row.cut, row.began); upTo == at && (r.states[m.ref] != nil || !r.partial) {
			failed = r.compareRosters(ctx, m, row)
		}
		return failed == nil
	})
	return failed
}

// compareRosters demands that rosters contain the log exactly up to their cut. Those of a publication
// lie under what its entry says besides.
func (r *replay) compareRosters(ctx context.Context, m *membership, row membershipRow) error {
	on := newMembership(m.env, m.ref)
	on.row = row
	r.e.openLayers(ctx, on)
	l := on.layers.Load()
	if l.err != nil {
		return l.err
	}
	is, err := statesOf(&members{ref: m.ref, layers: l.older})
	if err != nil {
		return err
	}
	if row.counts != is.counts() {
		return fmt.Errorf("rosters of %s hold %+v, their row says %+v", m.ref, is.counts(), row.counts)
	}
	if row.began > row.cut {
		d, err := r.e.entryDelta(ctx, &publication{env: m.env, revision: row.began, publicationRow: publicationRow{Ref: m.ref}})
		if errors.Is(err, store.ErrTrimmed) {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range d.hashes {
			is.apply(d.hashes[i], d.ops[i])
		}
	}
	if !maps.Equal(is, r.states[m.ref]) {
		return fmt.Errorf("rosters of %s hold %d contexts, the log up to their cut %d says %d", m.ref, len(is), row.cut, len(r.states[m.ref]))
	}
	return nil
}

// compareView demands that the view is the replay, however it is asked.
func (r *replay) compareView() error {
	var failed error
	v := r.env.view.Load()
	v.refs.each(func(m *membership) bool {
		want := r.states[m.ref]
		if want == nil && r.partial {
			return true
		}
		for _, ref := range m.refs() {
			if failed = r.compareRef(v, ref, want); failed != nil {
				break
			}
		}
		return failed == nil
	})
	return failed
}

// compareRef demands that a ref holds what the log says of it and of the membership that it leads to.
func (r *replay) compareRef(v *view, ref segment.Ref, want memberStates) error {
	now, err := r.e.Snapshot(r.env.id, ref)
	if err != nil {
		return err
	}
	is, err := statesOf(now)
	if err == nil && (!maps.Equal(is, want) || now.Counts() != want.counts()) {
		err = fmt.Errorf("%s holds %d contexts and says %+v, the log says %d", ref, len(is), now.Counts(), len(want))
	}
	if told := r.told[ref]; err == nil && !r.partial && !maps.Equal(told, want) {
		err = fmt.Errorf("readers of the log are told of %d contexts in %s, it has %d", len(told), ref, len(want))
	}
	for h, ops := range want {
		if got, stateErr := v.State(ref, h); err == nil && (got != ops || stateErr != nil) {
			err = fmt.Errorf("%s of %s is %04b, %w; the log says %04b", h, ref, got, stateErr, ops)
		}
	}
	return err
}

// compareJournals demands that journals name whatever was logged since their session began.
func (r *replay) compareJournals() error {
	if r.partial {
		return nil
	}
	for s, changes := range r.changed {
		for h, ops := range changes {
			kept, err := findIn(s.journal.layers, &h)
			if err != nil {
				return err
			}
			for _, sort := range []segment.Ops{segment.Include | segment.Uninclude, segment.Exclude | segment.Unexclude} {
				if ops&sort != 0 && kept&sort == 0 {
					return fmt.Errorf("the journal of session %s of %s says %04b of %s; %04b was logged since %d", s.ID, s.Ref, kept, h, ops, s.Start)
				}
			}
		}
	}
	return nil
}
