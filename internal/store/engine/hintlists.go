package engine

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"runtime/debug"
	"slices"

	"muster/internal/segment"
	"muster/internal/store/roster"
)

// hintLists are the contexts that several rosters of a block hold, with all of these.
type hintLists struct {
	table   []uint64 // half of the hash's second number, and 1 + where its record begins
	records []byte   // hash, number of columns, columns of two bytes
	n       int
}

const (
	// minListed is how many rosters of a block a context must be in to be listed: the fewer, the more
	// memory a list takes for each.
	minListed = 4
	// listShare bounds the lists of a block by the size of its bits.
	listShare = 1

	recordHead = len(segment.Hash{}) + 2
)

func (l *hintLists) bytes() int64 { return 8*int64(len(l.table)) + int64(len(l.records)) }

// fill sets the bits of the rosters that hold a context; false if it is not listed.
func (l *hintLists) fill(h *segment.Hash, may, sure []uint64) bool {
	if len(l.table) == 0 {
		return false
	}
	number := binary.BigEndian.Uint64(h[8:])
	at, _ := bits.Mul64(number, uint64(len(l.table)))
	for {
		e := l.table[at]
		if e == 0 {
			return false
		}
		if e>>32 == number&(1<<32-1) {
			if r := l.records[uint32(e)-1:]; string(r[:len(h)]) == string(h[:]) {
				n := int(binary.LittleEndian.Uint16(r[len(h):]))
				for i := range n {
					c := binary.LittleEndian.Uint16(r[recordHead+2*i:])
					may[c/64] |= 1 << (c % 64)
					sure[c/64] |= 1 << (c % 64)
				}
				return true
			}
		}
		if at++; at == uint64(len(l.table)) {
			at = 0
		}
	}
}

// hit is a context in a roster.
type hit struct {
	hash   segment.Hash
	column uint16
}

// build lists the contexts of a block's rosters, all of which have been read.
func (l *hintLists) build(b *hintBlock, files []*file, stop func() bool) {
	defer l.catch(debug.SetPanicOnFault(true), files)
	limit := listShare * 8 * len(b.bits)
	probes := make([]roster.Probe, len(files))
	for c, f := range files {
		probes[c] = f.roster.Probe()
	}
	var counts []uint32
	var several []hit
	for first := range 256 { // one at a time, so that counting stays in the processor's caches
		if stop() || len(l.records) >= limit/2 {
			break
		}
		total := 0
		for c := range probes {
			total += int(b.starts[c][first+1] - b.starts[c][first])
		}
		counts = slices.Grow(counts[:0], 4*total+1)[:4*total+1]
		clear(counts)
		each := func(yield func(*uint32, segment.Hash, uint16)) {
			for c := range probes {
				for i := b.starts[c][first]; i < b.starts[c][first+1]; i++ {
					h := probes[c].Hash(int(i))
					at, _ := bits.Mul64(binary.BigEndian.Uint64(h[8:]), uint64(len(counts)))
					yield(&counts[at], h, uint16(c))
				}
			}
		}
		each(func(n *uint32, _ segment.Hash, _ uint16) { *n++ })
		several = several[:0]
		each(func(n *uint32, h segment.Hash, c uint16) {
			if *n >= minListed { // others may be counted with it
				several = append(several, hit{h, c})
			}
		})
		slices.SortFunc(several, func(x, y hit) int {
			return cmp.Or(bytes.Compare(x.hash[:], y.hash[:]), cmp.Compare(x.column, y.column))
		})
		l.append(several)
	}
	l.index()
}

// catch leaves the lists empty when a roster can't be read any more.
func (l *hintLists) catch(before bool, files []*file) {
	debug.SetPanicOnFault(before)
	p := recover()
	if p == nil {
		return
	}
	if !slices.ContainsFunc(files, func(f *file) bool { return f.roster.Fault(p) != nil }) {
		panic(p)
	}
	*l = hintLists{}
}

// append adds the records of contexts in hash order.
func (l *hintLists) append(all []hit) {
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].hash == all[0].hash {
			n++
		}
		if n >= minListed {
			l.records = append(l.records, all[0].hash[:]...)
			l.records = binary.LittleEndian.AppendUint16(l.records, uint16(n))
			for _, c := range all[:n] {
				l.records = binary.LittleEndian.AppendUint16(l.records, c.column)
			}
			l.n++
		}
		all = all[n:]
	}
}

// index makes the table of the records.
func (l *hintLists) index() {
	if l.n == 0 {
		return
	}
	l.records = slices.Clip(l.records)
	l.table = make([]uint64, l.n*3/2+1)
	for off := 0; off < len(l.records); {
		number := binary.BigEndian.Uint64(l.records[off+8:])
		at, _ := bits.Mul64(number, uint64(len(l.table)))
		for l.table[at] != 0 {
			if at++; at == uint64(len(l.table)) {
				at = 0
			}
		}
		l.table[at] = number<<32 | uint64(off+1)
		off += recordHead + 2*int(binary.LittleEndian.Uint16(l.records[off+len(segment.Hash{}):]))
	}
}
