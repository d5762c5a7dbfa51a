package engine

import (
	"fmt"
	"hash/maphash"
	"runtime"
	"slices"
	"sync/atomic"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/roster"
)

// membership is who is in one ref. Readers see it through layers and counts, which change by one
// atomic store each; everything else belongs to whoever holds the environment's commit lock.
type membership struct {
	env    segment.EnvID
	ref    segment.Ref
	layers atomic.Pointer[layers]
	counts atomic.Pointer[segment.Counts]
	// known are the refs under which readers find it; ref is only where it is kept.
	known atomic.Pointer[[]segment.Ref]

	row     membershipRow      // as last written
	keyed   []segment.Revision // revisions with a row of keys that is not folded yet
	from    segment.Revision   // the first revision that is not in the row's rosters, 0 if none
	last    segment.Revision   // the newest revision that changed it
	folding *frozenAt          // what is being folded, nil if nothing is
	failed  *frozenAt          // the fold that failed last, to be repeated before any other
	merging *merging           // what is being merged below, nil if nothing is
	damaged bool               // a roster can't be read through, so that no fold can succeed
	recent  recent
	notes   []note // its numbers in indexes of tables

	damage atomic.Pointer[error] // what could not be read of it first, by whomever
}

// layers is where a membership lies, newest first: the live table, then frozen tables and rosters.
type layers struct {
	live  *pending
	older []layer
	err   error // why the membership can't be read, if so
}

// layer is a frozen table or a roster.
type layer struct {
	table *pending
	file  *file
}

func newMembership(env segment.EnvID, ref segment.Ref) *membership {
	m := &membership{env: env, ref: ref}
	m.layers.Store(&layers{})
	m.counts.Store(&segment.Counts{})
	m.known.Store(&[]segment.Ref{ref})
	return m
}

// refs returns the refs under which readers find the membership, in order.
func (m *membership) refs() []segment.Ref { return *m.known.Load() }

// state returns the settled operations on a context.
func (l *layers) state(h *segment.Hash) (segment.Ops, error) {
	var ops segment.Ops
	if l.live != nil {
		ops = l.live.find(h)
	}
	for i := range l.older {
		older := &l.older[i]
		if older.table != nil {
			ops = ops.Over(older.table.find(h))
			continue
		}
		found, err := older.file.find(h)
		if err != nil {
			return 0, err
		}
		ops = ops.Over(found)
	}
	return ops.Settled(), l.err
}

// tables returns the number of changes in tables. The caller holds the commit lock.
func (l *layers) tables() int {
	n := 0
	if l.live != nil {
		n = l.live.n
	}
	for _, older := range l.older {
		if older.table != nil {
			n += older.table.n
		}
	}
	return n
}

// frozen returns the layers with the live table, if it holds anything, among the older ones.
func (l *layers) frozen() []layer {
	if l.live == nil || l.live.n == 0 {
		return l.older
	}
	return append([]layer{{table: l.live}}, l.older...)
}

func (m *membership) state(h *segment.Hash) (segment.Ops, error) {
	ops, err := m.layers.Load().state(h)
	if err != nil {
		return 0, m.unreadable(err)
	}
	return ops, nil
}

func (m *membership) unreadable(err error) error {
	m.hurt(err)
	return fmt.Errorf("look into %s of environment %s: %w", m.ref, m.env, err)
}

// refs is an immutable set of memberships. Adding or removing one copies a small part of it.
type refs struct {
	shards []shard // a power of two of them
	n      int
	hints  *hints      // of some of the places; nil if there are few
	index  *tableIndex // of the tables of places that have a number; nil if there are few
}

// shard is a part of a set. Slots and numbers are apart, so that passing over places is cheap.
type shard struct {
	places  []place
	slots   []uint32 // of each place in the hints, 0: none
	numbers []uint16 // of each place in the index, 0: none
}

// emptySlot is the slot of places that hold nobody of whom the index does not tell. Hints never name it.
const emptySlot = 1

// place is a membership in a set. Where it is one roster, and beside that at most tables that the set's
// index tells of, the place has a probe of the roster, so that most lookups need not follow the pointers
// to it. A change to the layers is seen by readers of all sets that are shown after it, so whoever changes
// them shows a set with the place renewed.
type place struct {
	m     *membership
	file  *file // of the probe
	probe roster.Probe
	empty bool // but for tables that the index tells of
}

// placeOf returns the place of a membership with its number in an index. The caller holds the commit lock.
func placeOf(m *membership, x *tableIndex) (p place, number uint16) {
	p.m = m
	if x != nil {
		number = m.numberIn(x)
	}
	l := m.layers.Load()
	if l.err != nil || number == 0 && l.live != nil {
		return p, number
	}
	files := 0
	for i := range l.older {
		switch older := &l.older[i]; {
		case older.file != nil:
			files++
			p.file = older.file
		case number == 0:
			return place{m: m}, number
		}
	}
	switch {
	case files == 1:
		p.probe = p.file.roster.Probe()
	case files > 1:
		p.file = nil
	default:
		p.empty = number != 0
	}
	return p, number
}

// slot returns the slot of a place without hints.
func (p *place) slot() uint32 {
	if p.empty {
		return emptySlot
	}
	return 0
}

const shardSize = 32

var refSeed = maphash.MakeSeed()

func (r *refs) shard(ref segment.Ref) int {
	return int(maphash.String(refSeed, string(ref.Key)) & uint64(len(r.shards)-1))
}

// find returns the membership that is kept under a ref, nil if there is none.
func (r *refs) find(ref segment.Ref) *membership {
	if r.n == 0 {
		return nil
	}
	s := r.shards[r.shard(ref)].places
	for i := range s {
		if s[i].m.ref == ref {
			return s[i].m
		}
	}
	return nil
}

// known returns the membership that readers find under a ref, nil if there is none.
func (r *refs) known(ref segment.Ref) *membership {
	if r.n == 0 {
		return nil
	}
	s := r.shards[r.shard(ref)].places
	for i := range s {
		if m := s[i].m; m.ref.Key == ref.Key && slices.Contains(m.refs(), ref) {
			return m
		}
	}
	return nil
}

// each calls yield for every membership until it returns false.
func (r *refs) each(yield func(*membership) bool) {
	for _, s := range r.shards {
		for i := range s.places {
			if !yield(s.places[i].m) {
				return
			}
		}
	}
}

func (s shard) clone() shard {
	return shard{slices.Clone(s.places), slices.Clone(s.slots), slices.Clone(s.numbers)}
}

// renewed returns a set in which the places of some memberships are as these are now.
func (r *refs) renewed(ms ...*membership) *refs {
	next := &refs{n: r.n, hints: r.hints, index: r.index}
	own := make(map[int]bool)
	for _, m := range ms {
		if r.n == 0 {
			break
		}
		i := r.shard(m.ref)
		j := slices.IndexFunc(r.shards[i].places, func(p place) bool { return p.m == m })
		if j < 0 {
			continue
		}
		p, number := placeOf(m, r.index)
		if old := &r.shards[i].places[j]; p.file == old.file && p.empty == old.empty {
			continue
		}
		if next.shards == nil {
			next.shards = slices.Clone(r.shards)
		}
		if !own[i] {
			own[i] = true
			next.shards[i] = next.shards[i].clone()
		}
		s := &next.shards[i]
		s.places[j], s.slots[j], s.numbers[j] = p, p.slot(), number
	}
	if next.shards == nil {
		return r
	}
	return next
}

// changed returns a set with some memberships added and some removed.
func (r *refs) changed(add []*membership, remove []segment.Ref) *refs {
	if len(add) == 0 && len(remove) == 0 {
		return r
	}
	size := max(1, len(r.shards))
	for size*shardSize < r.n+len(add) {
		size *= 2
	}
	next := &refs{shards: make([]shard, size), hints: r.hints, index: r.index}
	own := make(map[int]bool)
	if size == len(r.shards) {
		copy(next.shards, r.shards)
		next.n = r.n
	} else {
		for _, s := range r.shards {
			for i := range s.places {
				next.insert(s.places[i], s.slots[i], s.numbers[i], own)
			}
		}
	}
	for _, ref := range remove {
		next.remove(ref)
	}
	for _, m := range add {
		p, number := placeOf(m, r.index)
		next.insert(p, p.slot(), number, own)
	}
	return next
}

func (r *refs) insert(p place, slot uint32, number uint16, own map[int]bool) {
	i := r.shard(p.m.ref)
	if !own[i] { // another set may share it
		own[i] = true
		r.shards[i] = r.shards[i].clone()
	}
	s := &r.shards[i]
	s.places, s.slots, s.numbers = append(s.places, p), append(s.slots, slot), append(s.numbers, number)
	r.n++
}

func (r *refs) remove(ref segment.Ref) {
	i := r.shard(ref)
	var kept shard
	for j, p := range r.shards[i].places {
		if p.m.ref != ref {
			kept.places = append(kept.places, p)
			kept.slots = append(kept.slots, r.shards[i].slots[j])
			kept.numbers = append(kept.numbers, r.shards[i].numbers[j])
		}
	}
	r.n -= len(r.shards[i].places) - len(kept.places)
	r.shards[i] = kept
}

// indexed returns the set with another index. The caller holds the commit lock.
func (r *refs) indexed(x *tableIndex) *refs {
	next := &refs{n: r.n, hints: r.hints, index: x, shards: make([]shard, len(r.shards))}
	for i, s := range r.shards {
		s = s.clone()
		for j := range s.places {
			old := s.places[j].file
			if s.places[j], s.numbers[j] = placeOf(s.places[j].m, x); s.places[j].file == nil || s.places[j].file != old {
				s.slots[j] = s.places[j].slot()
			}
		}
		next.shards[i] = s
	}
	return next
}

// view is the membership of an environment; it implements [store.View].
type view struct {
	revision segment.Revision
	refs     *refs
}

func (v *view) Revision() segment.Revision { return v.revision }

func (v *view) State(ref segment.Ref, h segment.Hash) (segment.Ops, error) {
	m := v.refs.known(ref)
	if m == nil {
		return 0, nil
	}
	return m.state(&h)
}

func (v *view) Each(h segment.Hash, yield func(segment.Ref, segment.Ops) bool) error {
	w := walk{h: h, needle: roster.NeedleOf(&h), yield: yield}
	if v.refs.hints != nil || v.refs.index != nil {
		w.passNamed(v.refs)
	} else {
		w.pass(v.refs)
	}
	runtime.KeepAlive(v)
	return w.err
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (v *view) Counts(ref segment.Ref) (segment.Counts, bool) {
	m := v.refs.known(ref)
	if m == nil {
		return segment.Counts{}, false
	}
	return *m.counts.Load(), true
}

// View returns the membership of an environment as of now.
func (e *Engine) View(id segment.EnvID) (store.View, error) {
	env, err := e.served(id)
	if err != nil {
		return nil, fmt.Errorf("view environment %s: %w", id, err)
	}
	return env.view.Load(), nil
}
