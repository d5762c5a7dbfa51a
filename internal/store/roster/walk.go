package roster

import (
	"bytes"
	"iter"
	"runtime/debug"
	"sort"

	"muster/internal/segment"
	"muster/internal/store"
)

// All yields the entries in hash order, with their keys: all of them, or those after the given
// hash. It ends early with an error that wraps [store.ErrCorrupt] when the roster can't be read.
func (r *Roster) All(after *segment.Hash) iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		first := 0
		if after != nil {
			first = max(0, r.groupOf(after, position(after)))
		}
		var keys keyCursor
		for gi := first; gi < len(r.groups); gi++ {
			more, err := r.walk(&r.groups[gi], after, &keys, yield)
			if err != nil {
				yield(segment.Change{}, err)
			}
			if err != nil || !more {
				return
			}
		}
	}
}

// walk yields the entries of one group after the given hash. It returns false when yield did.
func (r *Roster) walk(g *group, after *segment.Hash, keys *keyCursor, yield func(segment.Change, error) bool) (more bool, err error) {
	defer store.CatchFault(debug.SetPanicOnFault(true), r.b, &err)
	if err := r.checked.bytes(g.heads, g.end); err != nil {
		return false, err
	}
	i := 0
	if after != nil {
		i = sort.Search(g.n, func(i int) bool {
			h := r.hash(g, i)
			return bytes.Compare(h[:], after[:]) > 0
		})
	}
	if i == g.n {
		return true, nil
	}
	c, err := r.keysFrom(g, i, *keys)
	if err != nil {
		return false, err
	}
	defer func() { *keys = c }()
	for ; i < g.n; i++ {
		ch := segment.Change{Hash: r.hash(g, i)}
		if ch.Ops, err = r.ops(g, i); err != nil {
			return false, err
		}
		if ch.Key, err = c.key(i); err != nil {
			return false, err
		}
		if !yield(ch, nil) {
			return false, nil
		}
	}
	return true, nil
}

// hash returns the hash of an entry, whose block must have been verified.
func (r *Roster) hash(g *group, i int) segment.Hash {
	var h segment.Hash
	copy(h[:columnBytes], r.b[g.heads+uint64(i)*columnBytes:])
	copy(h[columnBytes:], r.b[g.rests+uint64(i)*columnBytes:])
	return h
}
