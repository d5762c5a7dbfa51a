package engine

import (
	"bytes"
	"encoding/binary"
	"iter"
	"math/bits"
	"slices"
	"sync/atomic"

	"muster/internal/segment"
)

// pending is a table of changes that are not yet in rosters: hash to operations and key. One
// goroutine writes, any number read at the same time without waiting. It only grows; once frozen
// nobody writes any more.
type pending struct {
	slots atomic.Pointer[[]atomic.Uint64]
	// chunks hold the entries; chunk i has firstChunk<<i of them. A slot is stored after its entry
	// and chunk, so whoever finds the slot may read them.
	chunks [maxChunks][]pendingEntry
	n      int
	blobs  [][]byte // keys: a length and the bytes; the writer's, and everybody's once frozen
}

type pendingEntry struct {
	hash segment.Hash
	ops  atomic.Uint32
	blob uint32 // 1 + index into blobs, 0 when the key is unknown
	off  uint32
}

const (
	firstChunk = 16
	maxChunks  = 27
	minSlots   = 2 * firstChunk
)

func newPending() *pending {
	p := &pending{}
	slots := make([]atomic.Uint64, minSlots)
	p.slots.Store(&slots)
	return p
}

// entry returns the i-th entry.
func (p *pending) entry(i uint32) *pendingEntry {
	k := bits.Len32(i/firstChunk+1) - 1
	return &p.chunks[k][i-firstChunk*(1<<k-1)]
}

// slotOf splits a hash into the place where probing begins and the tag kept in the slot.
func slotOf(h *segment.Hash) (start uint64, tag uint64) {
	return binary.LittleEndian.Uint64(h[8:]), uint64(binary.LittleEndian.Uint32(h[16:])) << 32
}

const indexMask = 1<<32 - 1

// find returns the operations on a context, 0 if there are none.
func (p *pending) find(h *segment.Hash) segment.Ops {
	slots := *p.slots.Load()
	start, tag := slotOf(h)
	mask := uint64(len(slots) - 1)
	for i := start & mask; ; i = (i + 1) & mask {
		s := slots[i].Load()
		if s == 0 {
			return 0
		}
		if s&^indexMask == tag {
			if e := p.entry(uint32(s) - 1); e.hash == *h {
				return segment.Ops(e.ops.Load())
			}
		}
	}
}

// key returns the key of a context in a frozen table, nil if it is not known.
func (p *pending) key(h *segment.Hash) []byte {
	slots := *p.slots.Load()
	start, tag := slotOf(h)
	mask := uint64(len(slots) - 1)
	for i := start & mask; ; i = (i + 1) & mask {
		s := slots[i].Load()
		if s == 0 {
			return nil
		}
		if s&^indexMask == tag {
			if e := p.entry(uint32(s) - 1); e.hash == *h {
				if e.blob == 0 {
					return nil
				}
				return keyAt(p.blobs[e.blob-1], e.off)
			}
		}
	}
}

// slot returns what lies where the search for a context begins; 0 if there are no operations on it.
func (p *pending) slot(h *segment.Hash) uint64 {
	slots := *p.slots.Load()
	start, _ := slotOf(h)
	return slots[start&uint64(len(slots)-1)].Load()
}

// fetch reads the entry of a slot if it is likely that of a context, so that its memory is near when find compares it.
func (p *pending) fetch(h *segment.Hash, slot uint64) byte {
	if _, tag := slotOf(h); slot&^indexMask != tag {
		return 0
	}
	e := p.entry(uint32(slot) - 1)
	return e.hash[0] ^ byte(e.ops.Load())
}

// put lays operations over those that are there. A key is given as its place in a blob, see keep.
func (p *pending) put(h *segment.Hash, ops segment.Ops, blob, off uint32) {
	slots := *p.slots.Load()
	start, tag := slotOf(h)
	mask := uint64(len(slots) - 1)
	i := start & mask
	for ; ; i = (i + 1) & mask {
		s := slots[i].Load()
		if s == 0 {
			break
		}
		if s&^indexMask == tag {
			if e := p.entry(uint32(s) - 1); e.hash == *h {
				e.ops.Store(uint32(ops.Over(segment.Ops(e.ops.Load()))))
				if blob != 0 {
					e.blob, e.off = blob, off
				}
				return
			}
		}
	}
	p.grow()
	e := p.entry(uint32(p.n))
	e.hash, e.blob, e.off = *h, blob, off
	e.ops.Store(uint32(ops))
	p.n++
	slots[i].Store(tag | uint64(p.n))
	if 2*p.n > len(slots) {
		p.rehash(4 * len(slots))
	}
}

// grow makes room for one more entry.
func (p *pending) grow() {
	k := bits.Len32(uint32(p.n)/firstChunk+1) - 1
	if p.chunks[k] == nil {
		p.chunks[k] = make([]pendingEntry, firstChunk<<k)
	}
}

func (p *pending) rehash(size int) {
	slots := make([]atomic.Uint64, size)
	mask := uint64(size - 1)
	for n := range uint32(p.n) {
		start, tag := slotOf(&p.entry(n).hash)
		i := start & mask
		for slots[i].Load() != 0 {
			i = (i + 1) & mask
		}
		slots[i].Store(tag | uint64(n+1))
	}
	p.slots.Store(&slots)
}

// keep adds a blob of keys and returns the number to give to put.
func (p *pending) keep(blob []byte) uint32 {
	if len(blob) == 0 {
		return 0
	}
	p.blobs = append(p.blobs, blob)
	return uint32(len(p.blobs))
}

// apply lays a delta over the table.
func (p *pending) apply(d *delta) {
	blob := p.keep(d.keys)
	for i := range d.hashes {
		if blob != 0 && d.keys[d.offs[i]] != 0 {
			p.put(&d.hashes[i], d.ops[i], blob, d.offs[i])
		} else {
			p.put(&d.hashes[i], d.ops[i], 0, 0)
		}
	}
}

// sorted yields the changes of a frozen table in hash order.
func (p *pending) sorted() iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		order := make([]uint32, p.n)
		for i := range order {
			order[i] = uint32(i)
		}
		slices.SortFunc(order, func(a, b uint32) int {
			x, y := p.entry(a), p.entry(b)
			return bytes.Compare(x.hash[:], y.hash[:])
		})
		for _, i := range order {
			e := p.entry(i)
			c := segment.Change{Hash: e.hash, Ops: segment.Ops(e.ops.Load())}
			if e.blob != 0 {
				c.Key = keyAt(p.blobs[e.blob-1], e.off)
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

// keyAt reads the key at an offset of a blob.
func keyAt(blob []byte, off uint32) []byte {
	n, w := binary.Uvarint(blob[off:])
	return blob[int(off)+w : int(off)+w+int(n)]
}
