package roster

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"muster/internal/segment"
)

// item is an entry of a span: the start of its hash after the first byte, and where it stands in raw.
type item struct {
	head uint64
	off  uint32
}

func (w *spanWorker) hash(i int) *segment.Hash {
	return (*segment.Hash)(w.raw[w.items[i].off:])
}

// before reports whether item i comes before h. The hash itself is looked at only if need be: it lies
// anywhere in raw.
func (w *spanWorker) before(i int, h *segment.Hash) bool {
	if head, at := w.items[i].head, position(h); head != at {
		return head < at
	}
	return less(w.hash(i), h)
}

func (w *spanWorker) key(i int) []byte {
	b := w.raw[w.items[i].off+uint32(len(segment.Hash{})):]
	n, used := binary.Uvarint(b)
	return b[used : used+int(n)]
}

// The digits by which items are sorted: two of radixBits, taken from below the top byte, which is
// the same in nearly all spans that are large.
const (
	radixBits = 11
	radixSize = 1 << radixBits
	radixMin  = 4 << 10 // items below which comparing is faster
)

// sort puts the items into the order of their hashes; of equal ones the last added comes last.
func (w *spanWorker) sort(s span) {
	n := len(w.items)
	if n < radixMin {
		slices.SortFunc(w.items, w.order)
		return
	}
	const top = 64 - 8
	const low = top - 2*radixBits
	w.spare = slices.Grow(w.spare[:0], n)[:n]
	radix(w.items, w.spare, low)
	radix(w.spare, w.items, low+radixBits)
	if s.first < s.last {
		radix(w.items, w.spare, top)
		w.items, w.spare = w.spare, w.items
	}
	w.settle(low)
}

func (w *spanWorker) order(a, b item) int {
	if c := cmp.Compare(a.head, b.head); c != 0 {
		return c
	}
	if c := bytes.Compare(w.raw[a.off:a.off+32], w.raw[b.off:b.off+32]); c != 0 {
		return c
	}
	return cmp.Compare(a.off, b.off)
}

// settle sorts the runs of items that are equal in the bits from low up.
func (w *spanWorker) settle(low int) {
	for i := 0; i < len(w.items); {
		j := i + 1
		for j < len(w.items) && w.items[j].head>>low == w.items[i].head>>low {
			j++
		}
		if j-i > 1 {
			slices.SortFunc(w.items[i:j], w.order)
		}
		i = j
	}
}

// radix sorts from into to by one digit, keeping the order of equal ones.
func radix(from, to []item, shift int) {
	var starts [radixSize]uint32
	for i := range from {
		starts[from[i].head>>shift&(radixSize-1)]++
	}
	sum := uint32(0)
	for d, n := range starts {
		starts[d] = sum
		sum += n
	}
	for i := range from {
		d := from[i].head >> shift & (radixSize - 1)
		to[starts[d]] = from[i]
		starts[d]++
	}
}

// fold keeps one of the items with one hash and returns how many it left out.
func (w *spanWorker) fold() int {
	n := 0
	for i := range w.items {
		if n > 0 && w.items[i].head == w.items[n-1].head && *w.hash(i) == *w.hash(n - 1) {
			if len(w.key(i)) > 0 { // the last one whose key is known stands for all
				w.items[n-1] = w.items[i]
			}
			continue
		}
		w.items[n] = w.items[i]
		n++
	}
	folded := len(w.items) - n
	w.items = w.items[:n]
	return folded
}
