package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
)

// Apply changes the members of a segment.
func (t *tx) Apply(env segment.EnvID, k segment.Key, s store.Staged) (store.Effect, error) {
	st, m, err := t.applicable(env, k, s)
	if err != nil {
		return store.Effect{}, err
	}
	if err := t.room(); err != nil {
		return store.Effect{}, err
	}
	if m.damaged && m.beyond(t.step.e.o.SegmentPending) {
		return store.Effect{}, fmt.Errorf("apply changes to %s of environment %s: no more fit into memory and a roster is damaged: %w", m.ref, m.env, store.ErrCorrupt)
	}
	if st.back != nil {
		if err := t.unchangedSince(m, st.back); err != nil {
			return store.Effect{}, err
		}
	}
	id := segmentID{env, k}
	var effect store.Effect
	if st.file != nil {
		effect, err = t.applyFile(m, st)
	} else {
		effect, err = t.applyChanges(m, st)
	}
	if err != nil {
		return store.Effect{}, err
	}
	t.concern(id)
	t.journalise(st, t.sessionsOf(id)...)
	if d := t.deltas[m]; d != nil {
		d.added += effect.Added
		d.removed += effect.Removed
		if seg, ok := t.Segment(env, k); ok && !seg.Unbounded {
			d.allowed = true // a move into the engine is no growth of the segment
		}
		d.allowed = d.allowed || st.back != nil
	}
	return effect, nil
}

// applicable returns staged changes and the membership that they are about.
func (t *tx) applicable(env segment.EnvID, k segment.Key, s store.Staged) (*staged, *membership, error) {
	if !t.check(env, "members") {
		return nil, nil, t.err
	}
	st, ok := s.(*staged)
	if !ok || st.e != t.step.e {
		return nil, nil, errors.New("changes were staged by another store")
	}
	seg, ok := t.Segment(env, k)
	if !ok || !seg.InEngine() {
		return nil, nil, fmt.Errorf("apply changes to segment %s of environment %s: %w", k, env, store.ErrUnbounded)
	}
	m := t.membership(refID{env, seg.Home()})
	if m == nil {
		return nil, nil, fmt.Errorf("apply changes to %s of environment %s: no membership", seg.Home(), env)
	}
	return st, m, nil
}

// now returns the settled state of a context as this write sees it.
func (t *tx) now(m *membership, own *delta, sd *standing, h *segment.Hash) (segment.Ops, error) {
	var ops segment.Ops
	if own != nil {
		ops = own.find(h)
	}
	if sd != nil {
		for i := range sd.layers {
			if l := &sd.layers[i]; l.table != nil {
				ops = ops.Over(l.table.find(h))
			} else if found, err := l.file.find(h); err != nil {
				return 0, err
			} else {
				ops = ops.Over(found)
			}
		}
	}
	below, err := m.state(h)
	return ops.Over(below).Settled(), err
}

func (d *delta) find(h *segment.Hash) segment.Ops {
	i, ok := slices.BinarySearchFunc(d.hashes, *h, compareHashes)
	if !ok {
		return 0
	}
	return d.ops[i]
}

// counts returns the size of a membership as this write sees it.
func (t *tx) counts(m *membership, sd *standing) segment.Counts {
	if d := t.deltas[m]; d != nil {
		return d.counts
	}
	if sd != nil {
		return sd.counts
	}
	return *m.counts.Load()
}

// count adds the effective change of one context to an effect.
func count(e *store.Effect, effective segment.Ops) {
	switch {
	case effective&(segment.Include|segment.Exclude) != 0:
		e.Added++
	case effective != 0:
		e.Removed++
	default:
		e.Unchanged++
	}
	e.Counts = e.Counts.Add(effective)
}

func (t *tx) applyChanges(m *membership, st *staged) (store.Effect, error) {
	sd := t.step.settled(m)
	own := t.deltas[m]
	if own != nil && own.file != nil {
		return store.Effect{}, fmt.Errorf("apply changes to %s: a staged file must be the only change of its segment in a write", m.ref)
	}
	if limit := t.step.e.o.MaxPending; t.step.e.pendingChanges.Load() > int64(limit) {
		return store.Effect{}, fault.Unavailablef("more than %d changes wait to be written into files; try again later", limit)
	}
	if limit := max(t.step.e.o.MaxPending, t.step.e.o.InlineChanges); t.inline > limit-st.n {
		return store.Effect{}, fault.TooLargef("one write changes more than %d contexts in several segments; send them in several", limit)
	}
	t.inline += st.n
	before := t.counts(m, sd)
	effect := store.Effect{Counts: before}
	d := &delta{ref: m.ref, m: m}
	for c, err := range st.all() {
		if err != nil {
			return store.Effect{}, err
		}
		now, err := t.now(m, own, sd, &c.Hash)
		if err != nil {
			return store.Effect{}, err
		}
		effective := c.Ops.Effective(now)
		count(&effect, effective)
		if effective != 0 {
			d.add(c.Hash, effective, c.Key)
		}
	}
	effect.Unchanged += st.n - effect.Added - effect.Removed - effect.Unchanged
	d.change = minus(effect.Counts, before)
	d.counts = effect.Counts
	d.noteLeft()
	d.keys = bytes.Clone(d.keys) // kept for long, so without room to grow
	if own != nil {
		d = merge(d, own)
	}
	if len(d.hashes) > 0 {
		stage(&t.deltas, m, d)
	}
	return effect, nil
}

func minus(a, b segment.Counts) segment.Counts {
	return segment.Counts{Included: a.Included - b.Included, Excluded: a.Excluded - b.Excluded}
}

func plus(a, b segment.Counts) segment.Counts {
	return segment.Counts{Included: a.Included + b.Included, Excluded: a.Excluded + b.Excluded}
}

// noteLeft makes a list of effective changes exact. What several lists of one write amount to is not.
func (d *delta) noteLeft() {
	d.exact = true
	for i, ops := range d.ops {
		if ops.Settled() != ops {
			k := keyAt(d.keys, d.offs[i])
			d.left = append(binary.AppendUvarint(d.left, uint64(len(k))), k...)
		}
	}
}

// add appends a change, which must be greater than those before.
func (d *delta) add(h segment.Hash, ops segment.Ops, k []byte) {
	d.hashes = append(d.hashes, h)
	d.ops = append(d.ops, ops)
	d.offs = append(d.offs, uint32(len(d.keys)))
	d.keys = binary.AppendUvarint(d.keys, uint64(len(k)))
	d.keys = append(d.keys, k...)
}

// merge lays a delta over an older one of the same write.
func merge(newer, older *delta) *delta {
	d := &delta{
		ref: newer.ref, m: newer.m, change: plus(older.change, newer.change), counts: newer.counts,
		added: older.added + newer.added, removed: older.removed + newer.removed,
	}
	i, j := 0, 0
	for i < len(newer.hashes) || j < len(older.hashes) {
		order := 0
		switch {
		case i == len(newer.hashes):
			order = 1
		case j == len(older.hashes):
			order = -1
		default:
			order = compareHashes(newer.hashes[i], older.hashes[j])
		}
		switch {
		case order < 0:
			d.add(newer.hashes[i], newer.ops[i], keyAt(newer.keys, newer.offs[i]))
			i++
		case order > 0:
			d.add(older.hashes[j], older.ops[j], keyAt(older.keys, older.offs[j]))
			j++
		default:
			k := keyAt(newer.keys, newer.offs[i])
			if len(k) == 0 {
				k = keyAt(older.keys, older.offs[j])
			}
			d.add(newer.hashes[i], newer.ops[i].Over(older.ops[j]), k)
			i++
			j++
		}
	}
	return d
}

func (t *tx) applyFile(m *membership, st *staged) (store.Effect, error) {
	if st.state.Load() != stagedFree {
		return store.Effect{}, errors.New("staged changes were used before")
	}
	if t.deltas[m] != nil {
		return store.Effect{}, fmt.Errorf("apply changes to %s: a staged file must be the only change of its segment in a write", m.ref)
	}
	before := t.counts(m, t.step.settled(m))
	effect, err := t.effectOf(m, st)
	if err != nil {
		return store.Effect{}, err
	}
	if effect.Added+effect.Removed == 0 {
		return effect, nil
	}
	t.files = append(t.files, st)
	d := &delta{
		ref: m.ref, m: m, change: minus(effect.Counts, before), counts: effect.Counts,
		file: &fileDelta{id: st.file.id, n: st.file.roster.Len(), open: st.file},
	}
	if st.effects.Len() == st.n {
		d.exact, d.effects = true, st.effects.Bytes()
	}
	stage(&t.deltas, m, d)
	return effect, nil
}

// effectOf counts what the changes in a file do to a membership.
func (t *tx) effectOf(m *membership, st *staged) (store.Effect, error) {
	sd := t.step.settled(m)
	effect := store.Effect{Counts: t.counts(m, sd)}
	if st.base != nil && st.base.of == m {
		if s := t.session(sessionID{m.env, m.ref.Key, st.session}); s != nil && s.Ref == m.ref {
			return t.sinceSealed(m, st, s.journal.layers, effect.Counts)
		}
	}
	st.effects = segment.Effects{}
	for c, err := range st.file.all() {
		if err != nil {
			return store.Effect{}, err
		}
		now, err := t.now(m, nil, sd, &c.Hash)
		if err != nil {
			return store.Effect{}, err
		}
		effective := c.Ops.Effective(now)
		count(&effect, effective)
		st.effects.Append(effective)
	}
	effect.Unchanged += st.n - effect.Added - effect.Removed - effect.Unchanged
	if st.base != nil { // repeats in the list were folded when it was sealed
		effect.Unchanged += st.diff.Added + st.diff.Removed + st.diff.Unchanged - st.n
	}
	return effect, nil
}

// sinceSealed counts what a sealed list does to the membership as it is, given what it does to the
// membership that it was compared with and what was changed meanwhile.
func (t *tx) sinceSealed(m *membership, st *staged, meanwhile []layer, now segment.Counts) (store.Effect, error) {
	if t.step.touched[segmentID{m.env, m.ref.Key}] {
		return store.Effect{}, t.postpone()
	}
	e := store.Effect{Added: st.diff.Added, Removed: st.diff.Removed, Unchanged: st.diff.Unchanged, Counts: now}
	for ch, err := range mergedLayers(false, meanwhile, nil) {
		if err != nil {
			return e, err
		}
		listed, err := st.file.find(&ch.Hash)
		if err != nil {
			return e, err
		}
		if listed == 0 {
			continue
		}
		base, err := findIn(st.base.layers, &ch.Hash)
		if err != nil {
			return e, err
		}
		is, err := m.state(&ch.Hash)
		if err != nil {
			return e, err
		}
		i, found, err := st.file.index(&ch.Hash)
		if err != nil {
			return e, err
		}
		if found && i < st.effects.Len() {
			st.effects.Set(i, listed.Effective(is))
		}
		var before, after store.Effect
		count(&before, listed.Effective(base.Settled()))
		count(&after, listed.Effective(is))
		e.Added += after.Added - before.Added
		e.Removed += after.Removed - before.Removed
		e.Unchanged += after.Unchanged - before.Unchanged
	}
	e.Counts.Included += int64(e.Added - e.Removed)
	return e, nil
}
