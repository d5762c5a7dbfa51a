package engine

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/roster"
)

// maxRosters is how many rosters a membership has at most after a fold.
const maxRosters = 6

func compareHashes(a, b segment.Hash) int { return bytes.Compare(a[:], b[:]) }

// noticePending wakes the folder when tables have grown beyond their limits.
func (e *Engine) noticePending(deltas []*delta) {
	due := e.pendingChanges.Load() > int64(e.o.TotalPending)
	for _, d := range deltas {
		due = due || d.m.due(e.o.SegmentPending)
	}
	if due {
		e.wakeFolder()
	}
}

func (e *Engine) wakeFolder() {
	select {
	case e.foldNow <- struct{}{}:
	default:
	}
}

// due reports whether a membership has more changes in tables than n, or too many layers that are not
// folded. The caller holds the commit lock.
func (m *membership) due(n int) bool {
	return !m.damaged && m.beyond(n)
}

func (m *membership) beyond(n int) bool {
	l := m.layers.Load()
	return l.tables() > n || len(l.older)-len(m.row.rosters) > 2*maxRosters
}

// foldWhenNeeded folds in the background until the engine closes.
func (e *Engine) foldWhenNeeded() {
	tick := time.NewTicker(e.o.IdleFold)
	defer tick.Stop()
	seen := make(map[*membership]segment.Revision) // last revision at the tick before
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-e.foldNow:
			if !e.foldLarge() {
				e.pause()
			}
		case <-tick.C:
			seen = e.foldIdle(seen)
		}
	}
}

// pause waits before the next attempt: every commit asks for one while the disk is full.
func (e *Engine) pause() {
	select {
	case <-e.ctx.Done():
	case <-time.After(time.Second):
	}
}

// foldLarge folds what is beyond the limits, largest first; false if folding makes no sense for now.
func (e *Engine) foldLarge() bool {
	if e.room() != nil {
		return false
	}
	if err := e.spillJournals(e.ctx); err != nil {
		if e.ctx.Err() == nil {
			e.o.Logger.Error("journals stay in memory for now", "error", err)
		}
		return false
	}
	total := e.pendingChanges.Load()
	for _, u := range e.unfolded(func(*membership) bool { return true }) {
		if !u.due && total <= int64(e.o.TotalPending) {
			continue
		}
		if !e.foldOrReport(u.m) {
			return false
		}
		total -= int64(u.changes)
	}
	e.wakeMerger()
	return true
}

// foldIdle folds what has not changed since the call before and returns what to compare with next.
func (e *Engine) foldIdle(seen map[*membership]segment.Revision) map[*membership]segment.Revision {
	next := make(map[*membership]segment.Revision)
	room := e.room() == nil
	for _, u := range e.unfolded(func(m *membership) bool { next[m] = m.last; return room && seen[m] == m.last }) {
		if !e.foldOrReport(u.m) {
			return next
		}
	}
	e.wakeMerger()
	for _, env := range *e.environments.Load() {
		if err := env.raiseFloor(); err != nil {
			e.o.Logger.Error("floor was not raised", "environment", env.id, "error", err)
		}
	}
	return next
}

// floorLag is how many entries a start may read for nothing.
const floorLag = 1000

// raiseFloor lets the next start begin its replay later, where entries without members have been
// written since the last fold.
func (env *environment) raiseFloor() error {
	env.commit.Lock()
	defer env.commit.Unlock()
	floor := env.floorAfter(nil)
	if floor < env.floor+floorLag || env.e.environment(env.id) != env || env.lost != nil {
		return nil
	}
	if err := env.e.usable(); err != nil {
		return err
	}
	if err := env.e.log.Write(env.e.writing, nil, []store.Row{{Table: tableFloor, Key: []byte(env.id), Value: number(floor)}}); err != nil {
		return env.e.fail(err)
	}
	env.floor = floor
	return nil
}

// unfolded is a membership with something to fold, as it was when looked at.
type unfolded struct {
	m       *membership
	from    segment.Revision
	changes int // in tables
	due     bool
}

// unfolded returns the memberships that have something to fold and are selected, largest first, and of
// those of one size first what has waited longest: it holds the floor back, behind which a start replays.
func (e *Engine) unfolded(selected func(*membership) bool) []unfolded {
	var all []unfolded
	for _, env := range *e.environments.Load() {
		env.commit.Lock()
		env.view.Load().refs.each(func(m *membership) bool {
			if m.from > 0 && !m.damaged && selected(m) {
				all = append(all, unfolded{m, m.from, m.layers.Load().tables(), m.due(e.o.SegmentPending)})
			}
			return true
		})
		env.commit.Unlock()
	}
	slices.SortFunc(all, func(a, b unfolded) int {
		return cmp.Or(cmp.Compare(b.changes, a.changes), cmp.Compare(a.from, b.from))
	})
	return all
}

// foldOrReport folds one membership; false if folding makes no sense for now.
func (e *Engine) foldOrReport(m *membership) bool {
	return e.reported(m, "folding", e.fold(e.ctx, m))
}

// reported logs how a fold or a merge failed; false if the next one makes no sense for now.
func (e *Engine) reported(m *membership, what string, err error) bool {
	switch {
	case err == nil || errors.Is(err, store.ErrNoEnvironment):
		return true
	case e.ctx.Err() != nil:
		return false
	case errors.Is(err, store.ErrCorrupt): // concerns this segment, and is not tried again
		e.o.Logger.Error("a segment can't be written anew", "doing", what, "environment", m.env, "ref", m.ref.String(), "error", err)
		return true
	default:
		e.o.Logger.Error("segments are not written anew for now", "doing", what, "environment", m.env, "ref", m.ref.String(), "error", err)
		return false
	}
}

// Fold folds every pending change of an environment into rosters and merges those that are due.
func (e *Engine) Fold(ctx context.Context, id segment.EnvID) error {
	if e.environment(id) == nil {
		return fmt.Errorf("fold environment %s: %w", id, store.ErrNoEnvironment)
	}
	own := func(m *membership) bool { return m.env == id }
	for _, u := range e.unfolded(own) {
		if err := e.fold(ctx, u.m); err != nil && !errors.Is(err, store.ErrNoEnvironment) {
			return err
		}
	}
	for m := e.smallestDue(own); m != nil; m = e.smallestDue(own) {
		if err := e.merge(ctx, m); err != nil && !errors.Is(err, store.ErrNoEnvironment) {
			return err
		}
	}
	return nil
}

// frozenAt is a membership at the revision at which a fold began.
type frozenAt struct {
	cut    segment.Revision
	from   segment.Revision
	layers []layer
	merge  int // how many of the layers become one roster
	gone   int // how many fewer there are below, by merges since
	full   bool
	counts segment.Counts
	keyed  []segment.Revision

	repeated bool // after it failed
}

// fold merges frozen tables and rosters into a new roster. It changes no lookup, count or walk.
func (e *Engine) fold(ctx context.Context, m *membership) error {
	env := e.environment(m.env)
	if env == nil {
		return fmt.Errorf("fold %s of environment %s: %w", m.ref, m.env, store.ErrNoEnvironment)
	}
	for {
		at, err := env.freeze(m)
		if err != nil || at == nil {
			return err
		}
		f, err := e.mergeLayers(ctx, at)
		if err == nil {
			err = env.replaceLayers(m, at, f)
		}
		if err != nil {
			env.unfreeze(m, at, err)
			return fmt.Errorf("fold %s of environment %s: %w", m.ref, m.env, err)
		}
		if !at.repeated {
			return nil
		}
	}
}

// freeze ends the live table, so that later changes go into a new one; nil if nothing is to be
// folded. A fold that failed is repeated as it was: otherwise each attempt would leave one more
// frozen table for lookups to pass through.
func (env *environment) freeze(m *membership) (*frozenAt, error) {
	env.commit.Lock()
	defer env.commit.Unlock()
	l := m.layers.Load()
	if m.folding != nil || m.from == 0 || m.damaged || env.view.Load().refs.find(m.ref) != m {
		return nil, nil
	}
	if at := m.failed; at != nil {
		m.failed, m.folding, m.from = nil, at, 0
		if m.last > at.cut {
			m.from = at.cut + 1
		}
		at.repeated = true
		return at, nil
	}
	if l.err != nil {
		return nil, l.err
	}
	frozen := l.frozen()
	m.layers.Store(&layers{older: frozen})
	at := &frozenAt{cut: env.view.Load().revision, layers: frozen, counts: *m.counts.Load(), keyed: m.keyed, from: m.from}
	m.folding, m.from = at, 0
	free := len(frozen) // of a merge
	if m.merging != nil {
		free = slices.Index(frozen, layer{file: m.merging.files[0]})
	}
	at.choose(free, int64(env.e.o.FoldRoster))
	return at, nil
}

// unfreeze takes a fold back that did not happen: its changes still wait to be folded.
func (env *environment) unfreeze(m *membership, at *frozenAt, why error) {
	env.commit.Lock()
	defer env.commit.Unlock()
	m.folding = nil
	m.from = at.from
	m.failed = at
	m.damaged = errors.Is(why, store.ErrCorrupt)
	m.hurt(why)
}

// choose decides how many of the layers that are free to merge: all tables and the files between
// them, then older rosters that are neither much larger than what is merged already nor large: a fold
// must be quick, and merges take their time.
func (at *frozenAt) choose(free int, large int64) {
	last := 0
	var size int64
	for i, l := range at.layers {
		if l.table != nil {
			last = i + 1
		}
	}
	for i, l := range at.layers[:free] {
		n := l.len()
		if i >= last && (n > 2*size || n > large) {
			break
		}
		size += n
		at.merge = i + 1
	}
	if last == 0 && at.merge == 1 {
		at.merge = 0 // a roster alone is as good as it gets
	}
	at.full = at.merge == len(at.layers)
}

// mergeable returns how many of the sorted files and tables with these sizes, newest first, become one
// file: those that must, and older ones as long as they are not much larger than these together, or
// too many. So a large file is written anew seldom and the number of files stays small.
func mergeable(sizes []int64, must int) (n int) {
	var size int64
	for i, s := range sizes {
		if i >= must && s > 2*size && len(sizes)-i < maxRosters {
			break
		}
		size += s
		n = i + 1
	}
	return n
}

func (l layer) len() int64 {
	if l.table != nil {
		return int64(l.table.n)
	}
	return l.file.roster.Len()
}

// mergeLayers writes the merged layers; nil if nothing is left of them.
func (e *Engine) mergeLayers(ctx context.Context, at *frozenAt) (*file, error) {
	if at.merge == 0 || at.full && at.counts == (segment.Counts{}) {
		return nil, nil
	}
	var sources []iter.Seq2[segment.Change, error]
	for _, l := range at.layers[:at.merge] {
		if l.table != nil {
			sources = append(sources, l.table.sorted())
		} else {
			sources = append(sources, l.file.all())
		}
	}
	merged := roster.Merge(at.full, sources...)
	return e.putFile(ctx, kindOf(at.full), until(ctx, merged))
}

// until ends a sequence with the context's error once that is done.
func until(ctx context.Context, seq iter.Seq2[segment.Change, error]) iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		n := 0
		for c, err := range seq {
			if n++; n%4096 == 0 && err == nil {
				err = ctx.Err()
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// replaceLayers makes a fold durable and then visible.
func (env *environment) replaceLayers(m *membership, at *frozenAt, f *file) error {
	e := env.e
	env.commit.Lock()
	defer env.commit.Unlock()
	if e.environment(m.env) != env || env.view.Load().refs.find(m.ref) != m {
		e.discard(f)
		m.folding = nil
		return nil
	}
	now := m.layers.Load()
	newer := len(now.older) - (len(at.layers) - at.gone)
	var kept []layer
	if f != nil {
		kept = append(kept, layer{file: f})
	}
	kept = append(kept, now.older[newer+at.merge:]...)
	row := membershipRow{created: m.row.created, cut: at.cut, counts: at.counts, began: m.row.began, rosters: rostersOf(kept)}
	floor := env.floorAfter(m)
	rows := []store.Row{
		{Table: tableMembership, Key: refKey(refID{m.env, m.ref}), Value: row.encode()},
		{Table: tableFloor, Key: []byte(m.env), Value: number(floor)},
	}
	for _, rev := range at.keyed {
		rows = append(rows, store.Row{Table: tableKeys, Key: keysKey(refID{m.env, m.ref}, rev)})
	}
	if err := e.usable(); err != nil {
		e.discard(f)
		return err
	}
	if err := e.log.Write(e.writing, nil, rows); err != nil {
		return e.fail(err) // the new roster stays: the rows that name it may be durable
	}
	env.floor = floor
	before := m.row.rosters
	m.row, m.folding = row, nil
	m.keyed = slices.Clone(m.keyed[len(at.keyed):])
	m.layers.Store(&layers{live: now.live, older: slices.Concat(now.older[:newer], kept), err: now.err})
	v := env.view.Load()
	env.view.Store(&view{revision: v.revision, refs: v.refs.renewed(m)})
	for _, l := range at.layers[:at.merge] {
		if l.table != nil {
			e.pendingChanges.Add(-int64(l.table.n))
			m.unnote(l.table.n)
		}
	}
	e.retain(row.rosters...)
	e.release(before...)
	return nil
}

// floorAfter returns up to where all members will be in rosters when a fold of m is durable.
func (env *environment) floorAfter(folded *membership) segment.Revision {
	floor := env.view.Load().revision
	env.view.Load().refs.each(func(m *membership) bool {
		if m.from > 0 {
			floor = min(floor, m.from-1)
		}
		if m.folding != nil && m != folded {
			floor = min(floor, m.row.cut)
		}
		return true
	})
	return floor
}
