package engine

import (
	"runtime"

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
}

// sift picks the memberships that may hold the context, of shardSize at most; false once yield
// wants no more.
func (w *walk) sift(places []place) (more bool) {
	var offs [shardSize]uint32
	for i := range places {
		off, fetched := places[i].probe.Fetch(&w.needle)
		offs[i%shardSize] = off
		w.fetched ^= fetched
	}
	for i := range places {
		p := &places[i]
		if !p.probe.MayHold(&w.needle, offs[i%shardSize]) {
			continue
		}
		if w.n == len(w.likely) && !w.answer() {
			return false
		}
		w.likely[w.n] = p.m
		w.n++
	}
	return true
}

// answer yields the likely memberships that do hold the context; false once yield wants no more.
func (w *walk) answer() (more bool) {
	var at [shardSize]*layers
	var glances [shardSize]roster.Glance
	for i, m := range w.likely[:w.n] {
		at[i] = m.layers.Load()
	}
	n := 0
	for i, l := range at[:w.n] {
		if l.live != nil && l.live.mayHold(&w.h) || len(l.older) > 0 || l.err != nil {
			at[n], w.likely[n] = l, w.likely[i]
			n++
		}
	}
	w.n = 0
	for i, l := range at[:n] {
		if f := l.largest(); f != nil {
			glances[i] = f.roster.Glance(&w.h)
		}
	}
	for i, l := range at[:n] {
		if f := l.largest(); f != nil {
			w.fetched ^= glances[i].Fetch(f.roster)
		}
	}
	for i, m := range w.likely[:n] {
		ops, err := at[i].state(&w.h)
		if err != nil {
			w.err = firstError(w.err, m.unreadable(err))
			continue
		}
		if ops != 0 && !w.yield(m.ref, ops) {
			return false
		}
	}
	runtime.KeepAlive(&at)
	return true
}

// largest returns the oldest roster, nil if there is none.
func (l *layers) largest() *file {
	if len(l.older) == 0 {
		return nil
	}
	return l.older[len(l.older)-1].file
}
