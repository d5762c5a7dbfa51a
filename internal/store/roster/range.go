package roster

import (
	"bytes"
	"iter"
	"sort"

	"muster/internal/segment"
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
			if err := r.checked.bytes(g.heads, g.end); err != nil {
				yield(segment.Change{}, err)
				return
			}
			heads := r.b[g.heads:g.rests]
			i := sort.Search(g.n, func(i int) bool { return heads[i*columnBytes] >= first })
			end := sort.Search(g.n, func(i int) bool { return heads[i*columnBytes] > last })
			for ; i < end; i++ {
				ch := segment.Change{Hash: r.hash(g, i), Ops: g.uniform}
				if g.uniform == 0 {
					var err error
					if ch.Ops, err = r.ops(g, i); err != nil {
						yield(segment.Change{}, err)
						return
					}
				}
				if !yield(ch, nil) {
					return
				}
			}
		}
	}
}
