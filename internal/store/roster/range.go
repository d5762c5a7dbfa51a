package roster

import (
	"bytes"
	"iter"
	"runtime/debug"
	"sort"

	"muster/internal/segment"
	"muster/internal/store"
)

// Range yields the entries whose hash begins with a byte from first to last, in hash order and
// without their keys. It ends early with an error that wraps [store.ErrCorrupt].
func (r *Roster) Range(first, last byte) iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		var from, to segment.Hash
		from[0] = first
		for i := range to {
			to[i] = 0xff
		}
		to[0] = last
		for gi := max(0, r.groupOf(&from, position(&from))); gi < len(r.groups); gi++ {
			g := &r.groups[gi]
			if bytes.Compare(g.first[:], to[:]) > 0 {
				return
			}
			more, err := r.within(g, first, last, yield)
			if err != nil {
				yield(segment.Change{}, err)
			}
			if err != nil || !more {
				return
			}
		}
	}
}

// within yields the entries of one group whose hash begins with a byte from first to last. It returns
// false when yield did.
func (r *Roster) within(g *group, first, last byte, yield func(segment.Change, error) bool) (more bool, err error) {
	defer store.CatchFault(debug.SetPanicOnFault(true), r.b, &err)
	if err := r.checked.bytes(g.heads, g.end); err != nil {
		return false, err
	}
	heads := r.b[g.heads:g.rests]
	i := sort.Search(g.n, func(i int) bool { return heads[i*columnBytes] >= first })
	end := sort.Search(g.n, func(i int) bool { return heads[i*columnBytes] > last })
	for ; i < end; i++ {
		ch := segment.Change{Hash: r.hash(g, i), Ops: g.uniform}
		if g.uniform == 0 {
			if ch.Ops, err = r.ops(g, i); err != nil {
				return false, err
			}
		}
		if !yield(ch, nil) {
			return false, nil
		}
	}
	return true, nil
}

// Hashes yields the contexts of all entries in hash order. It ends early with an error that wraps
// [store.ErrCorrupt]. When it has yielded all of them, whatever a probe reads is verified.
func (r *Roster) Hashes() iter.Seq2[segment.Hash, error] {
	return func(yield func(segment.Hash, error) bool) {
		for gi := range r.groups {
			more, err := r.hashes(&r.groups[gi], yield)
			if err != nil {
				yield(segment.Hash{}, err)
			}
			if err != nil || !more {
				return
			}
		}
	}
}

// hashes yields the contexts of one group. It returns false when yield did.
func (r *Roster) hashes(g *group, yield func(segment.Hash, error) bool) (more bool, err error) {
	defer store.CatchFault(debug.SetPanicOnFault(true), r.b, &err)
	if err := r.checked.bytes(g.filter, g.end); err != nil {
		return false, err
	}
	for i := range g.n {
		if !yield(r.hash(g, i), nil) {
			return false, nil
		}
	}
	return true, nil
}
