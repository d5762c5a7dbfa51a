package engine

import (
	"math/bits"
	"runtime"
	"runtime/debug"
	"slices"

	"muster/internal/segment"
	"muster/internal/store/roster"
)

// walk looks a context up in all memberships of an environment. Nearly all of its time goes into
// waiting for memory, so each step is taken in many memberships before the next one: the processor
// then waits for many cache lines at once.
type walk struct {
	h       segment.Hash
	needle  roster.Needle
	yield   func(segment.Ref, segment.Ops) bool
	err     error // the first one
	fetched byte

	likely [shardSize]*membership
	n      int

	// Of the places that the hints name.
	hints  *hints
	named  [shardSize]*place
	slots  [shardSize]uint32
	nNamed int
}

// found yields a membership that holds the context, under each of its refs; false once yield wants no
// more.
func (w *walk) found(m *membership, ops segment.Ops) (more bool) {
	for _, ref := range m.refs() {
		if !w.yield(ref, ops) {
			return false
		}
	}
	return true
}

// pass looks into the memberships of a set.
func (w *walk) pass(r *refs) {
	for i := range r.shards {
		if !w.siftAll(r.shards[i].places) {
			return
		}
	}
	w.answer()
}

// passNamed looks into the memberships of a set, but not into those of which hints and index know that
// they don't hold the context.
func (w *walk) passNamed(r *refs) {
	var may, sure hintMask
	if w.hints = r.hints; w.hints != nil {
		w.hints.fill(&w.h, &may, &sure)
	}
	var named numbers
	if r.index != nil {
		r.index.fill(&w.h, &named)
	}
	for i := range r.shards {
		s := &r.shards[i]
		numbers := s.numbers[:len(s.slots)]
		for j := 0; j < len(s.slots); j++ {
			slot := s.slots[j]
			switch {
			case named.has(numbers[j]):
				if w.n == len(w.likely) && !w.answer() {
					return
				}
				w.likely[w.n] = s.places[j].m
				w.n++
			case slot == 0:
				from := j
				for j+1 < len(s.slots) && s.slots[j+1] == 0 && !named.has(numbers[j+1]) {
					j++
				}
				if !w.siftAll(s.places[from : j+1]) {
					return
				}
			case may[slot/64]>>(slot%64)&1 == 0:
			case sure[slot/64]>>(slot%64)&1 != 0:
				p := &s.places[j]
				if ops := p.probe.Ops().Settled(); ops != 0 && !w.found(p.m, ops) {
					return
				}
			default:
				if w.nNamed == len(w.named) && !w.look() {
					return
				}
				w.named[w.nNamed], w.slots[w.nNamed] = &s.places[j], slot
				w.nNamed++
			}
		}
	}
	if w.look() {
		w.answer()
	}
}

// look yields the memberships that hold the context of those that the hints name; false once yield
// wants no more.
func (w *walk) look() (more bool) {
	var ops [shardSize]segment.Ops
	others := w.hold(&ops)
	n := w.nNamed
	w.nNamed = 0
	for i, p := range w.named[:n] {
		switch {
		case others>>i&1 != 0:
			if w.n == len(w.likely) && !w.answer() {
				return false
			}
			w.likely[w.n] = p.m
			w.n++
		case ops[i] != 0 && !w.found(p.m, ops[i]):
			return false
		}
	}
	return true
}

// hold asks the rosters that the hints name, and returns of which only the membership can tell, one
// bit each.
func (w *walk) hold(ops *[shardSize]segment.Ops) (others uint32) {
	named := w.named[:w.nNamed]
	defer catchHolding(debug.SetPanicOnFault(true), named, &others)
	var spots [shardSize]roster.Spot
	for i, p := range named {
		spots[i] = w.hints.spot(&w.h, w.slots[i])
		w.fetched ^= p.probe.FetchSpot(spots[i])
	}
	for i, p := range named {
		found, ok := p.probe.Hold(&w.h, spots[i])
		if ops[i] = found.Settled(); !ok {
			others |= 1 << i
		}
	}
	return others
}

// catchHolding lets the memberships tell when a roster can't be read.
func catchHolding(before bool, named []*place, others *uint32) {
	debug.SetPanicOnFault(before)
	p := recover()
	if p == nil {
		return
	}
	if !slices.ContainsFunc(named, func(at *place) bool { return at.file.roster.Fault(p) != nil }) {
		panic(p)
	}
	*others = uint32(1<<len(named) - 1)
}

// siftAll sifts any number of places.
func (w *walk) siftAll(places []place) (more bool) {
	for len(places) > shardSize {
		if !w.sift(places[:shardSize]) {
			return false
		}
		places = places[shardSize:]
	}
	return w.sift(places)
}

// sift picks the memberships that may hold the context, of shardSize at most; false once yield
// wants no more.
func (w *walk) sift(places []place) (more bool) {
	for may := w.probe(places); may != 0; may &= may - 1 {
		if w.n == len(w.likely) && !w.answer() {
			return false
		}
		w.likely[w.n] = places[bits.TrailingZeros32(may)].m
		w.n++
	}
	return true
}

// probe returns which of shardSize places may hold the context, one bit each.
func (w *walk) probe(places []place) (may uint32) {
	defer catchProbing(debug.SetPanicOnFault(true), places, &may)
	var offs [shardSize]uint32
	for i := range places {
		off, fetched := places[i].probe.Fetch(&w.needle)
		offs[i%shardSize] = off
		w.fetched ^= fetched
	}
	for i := range places {
		if places[i].probe.MayHold(&w.needle, offs[i%shardSize]) {
			may |= 1 << (i % shardSize)
		}
	}
	return may
}

// catchProbing makes all places likely when a filter can't be read: the lookup in each of them then
// finds out which one it is.
func catchProbing(before bool, places []place, may *uint32) {
	debug.SetPanicOnFault(before)
	p := recover()
	if p == nil {
		return
	}
	if !slices.ContainsFunc(places, func(at place) bool { return at.file != nil && at.file.roster.Fault(p) != nil }) {
		panic(p)
	}
	*may = uint32(1<<len(places) - 1)
}

// answer yields the likely memberships that do hold the context; false once yield wants no more.
func (w *walk) answer() (more bool) {
	var at [shardSize]*layers
	for i, m := range w.likely[:w.n] {
		at[i] = m.layers.Load()
	}
	var slots [shardSize]uint64
	for i, l := range at[:w.n] {
		if l.live != nil {
			slots[i%shardSize] = l.live.slot(&w.h)
		}
	}
	n := 0
	for i, l := range at[:w.n] {
		if slot := slots[i%shardSize]; slot != 0 || len(l.older) > 0 || l.err != nil {
			at[n], slots[n], w.likely[n] = l, slot, w.likely[i]
			n++
		}
	}
	w.n = 0
	for i, l := range at[:n] {
		if slot := slots[i%shardSize]; slot != 0 {
			w.fetched ^= l.live.fetch(&w.h, slot)
		}
	}
	w.glance(at[:n])
	for i, m := range w.likely[:n] {
		ops, err := at[i].state(&w.h)
		if err != nil {
			w.err = firstError(w.err, m.unreadable(err))
			continue
		}
		if ops != 0 && !w.found(m, ops) {
			return false
		}
	}
	runtime.KeepAlive(&at)
	return true
}

// glance asks for the memory that the lookups in shardSize memberships will read.
func (w *walk) glance(at []*layers) {
	defer catchGlancing(debug.SetPanicOnFault(true), at)
	var glances [shardSize]roster.Glance
	for i, l := range at {
		if f := l.largest(); f != nil {
			glances[i%shardSize] = f.roster.Glance(&w.h)
		}
	}
	for i, l := range at {
		if f := l.largest(); f != nil {
			w.fetched ^= glances[i%shardSize].Fetch(f.roster)
		}
	}
}

// catchGlancing ends the glancing when a roster can't be read: the lookup in it says so.
func catchGlancing(before bool, at []*layers) {
	debug.SetPanicOnFault(before)
	p := recover()
	if p == nil {
		return
	}
	if !slices.ContainsFunc(at, func(l *layers) bool { f := l.largest(); return f != nil && f.roster.Fault(p) != nil }) {
		panic(p)
	}
}

// largest returns the oldest roster, nil if there is none.
func (l *layers) largest() *file {
	if len(l.older) == 0 {
		return nil
	}
	return l.older[len(l.older)-1].file
}
