package segment

import (
	"bytes"
	"iter"
	"slices"
)

// MaxKeyBytes is the longest context key that muster keeps.
const MaxKeyBytes = 2048

// Change is what happens to one context. Key is the context key, nil when it isn't known; it is
// valid until the next call of the iterator it came from.
type Change struct {
	Hash Hash
	Ops  Ops
	Key  []byte
}

// Changes is a list of changes of one segment, kept compactly: 48 bytes a change and the bytes of
// its key, whatever their number. It grows in blocks, so that a long list never has to be copied.
// The zero value is empty and ready to use. It is not safe for concurrent writes.
type Changes struct {
	blocks [][]changeItem // all but the last are full
	chunks [][]byte
	n      int // live items
	seq    uint32
	sorted bool // each block is in hash order and no two live items have the same hash
}

// changeItem is one change; ops is 0 once it was folded into another one.
type changeItem struct {
	hash  Hash
	chunk uint32
	off   uint32
	seq   uint32
	size  uint16
	ops   Ops
}

const (
	changeBlockItems = 16 << 10
	changeChunkBytes = 256 << 10
)

// Append adds a change of the context with the given key, which must not be longer than
// [MaxKeyBytes]. The key's bytes are copied.
func (c *Changes) Append(key []byte, ops Ops) {
	c.append(HashOf(key), key, ops)
}

// AppendHash adds a change of a context of which only the hash is known.
func (c *Changes) AppendHash(h Hash, ops Ops) { c.append(h, nil, ops) }

func (c *Changes) append(h Hash, key []byte, ops Ops) {
	it := changeItem{hash: h, ops: ops, seq: c.seq, size: uint16(len(key))}
	c.seq++
	if len(key) > 0 {
		it.chunk, it.off = c.keep(key)
	}
	last := len(c.blocks) - 1
	if last < 0 || len(c.blocks[last]) == changeBlockItems {
		var block []changeItem
		if last >= 0 { // the first block grows with what it holds: most requests are small
			block = make([]changeItem, 0, changeBlockItems)
		}
		c.blocks = append(c.blocks, block)
		last++
	}
	c.blocks[last] = append(c.blocks[last], it)
	c.n++
	c.sorted = false
}

// keep copies a key and returns where it lies.
func (c *Changes) keep(key []byte) (chunk, off uint32) {
	last := len(c.chunks) - 1
	if last < 0 || len(c.chunks[last])+len(key) > cap(c.chunks[last]) {
		size := min(changeChunkBytes, 1<<10<<max(0, last+1))
		if last > 8 {
			size = changeChunkBytes
		}
		c.chunks = append(c.chunks, make([]byte, 0, max(size, len(key))))
		last++
	}
	off = uint32(len(c.chunks[last]))
	c.chunks[last] = append(c.chunks[last], key...)
	return uint32(last), off
}

// Len returns the number of changes.
func (c *Changes) Len() int {
	if c == nil {
		return 0
	}
	return c.n
}

// Compact puts the changes into hash order and folds those of one context into one, later over
// earlier. It returns how many were folded away.
func (c *Changes) Compact() int {
	if c == nil || c.sorted {
		return 0
	}
	for i, block := range c.blocks {
		slices.SortFunc(block, func(a, b changeItem) int {
			if d := bytes.Compare(a.hash[:], b.hash[:]); d != 0 {
				return d
			}
			return int(a.seq) - int(b.seq)
		})
		c.blocks[i] = block
	}
	before := c.n
	var last *changeItem
	for it := range c.merged() {
		if last != nil && last.hash == it.hash {
			it.ops = it.ops.Over(last.ops)
			if it.size == 0 {
				it.chunk, it.off, it.size = last.chunk, last.off, last.size
			}
			last.ops = 0
			c.n--
		}
		last = it
	}
	c.sorted = true
	return before - c.n
}

// merged yields the live items of sorted blocks in the order of hash and sequence.
func (c *Changes) merged() iter.Seq[*changeItem] {
	return func(yield func(*changeItem) bool) {
		heap := make([][]changeItem, 0, len(c.blocks))
		for _, block := range c.blocks {
			if len(block) > 0 {
				heap = append(heap, block)
			}
		}
		for i := len(heap)/2 - 1; i >= 0; i-- {
			siftDown(heap, i)
		}
		for len(heap) > 0 {
			it := &heap[0][0]
			if it.ops != 0 && !yield(it) {
				return
			}
			if heap[0] = heap[0][1:]; len(heap[0]) == 0 {
				heap[0] = heap[len(heap)-1]
				heap = heap[:len(heap)-1]
			}
			siftDown(heap, 0)
		}
	}
}

// siftDown restores the heap below i: the rest of a block whose first item is the smallest is on top.
func siftDown(heap [][]changeItem, i int) {
	for {
		child := 2*i + 1
		if child >= len(heap) {
			return
		}
		if child+1 < len(heap) && before(&heap[child+1][0], &heap[child][0]) {
			child++
		}
		if !before(&heap[child][0], &heap[i][0]) {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}

func before(a, b *changeItem) bool {
	d := bytes.Compare(a.hash[:], b.hash[:])
	return d < 0 || d == 0 && a.seq < b.seq
}

func (c *Changes) change(it *changeItem) Change {
	ch := Change{Hash: it.hash, Ops: it.ops}
	if it.size > 0 {
		ch.Key = c.chunks[it.chunk][it.off : it.off+uint32(it.size) : it.off+uint32(it.size)]
	}
	return ch
}

// All yields the changes in hash order; they must be compacted.
func (c *Changes) All() iter.Seq[Change] {
	return func(yield func(Change) bool) {
		if c == nil {
			return
		}
		if !c.sorted && c.n > 0 {
			panic("segment: changes are read before they are compacted")
		}
		for it := range c.merged() {
			if !yield(c.change(it)) {
				return
			}
		}
	}
}

// Delta returns the compacted changes as the delta of a ref.
func (c *Changes) Delta(ref Ref) MemberDelta {
	return MemberDelta{Ref: ref, Len: c.Len(), Each: c.each, Find: c.find}
}

func (c *Changes) each(after *Hash, yield func(Change) bool) error {
	for ch := range c.All() {
		if after != nil && bytes.Compare(ch.Hash[:], after[:]) <= 0 {
			continue
		}
		if !yield(ch) {
			break
		}
	}
	return nil
}

func (c *Changes) find(h Hash) (Ops, error) {
	for ch := range c.All() {
		if ch.Hash == h {
			return ch.Ops, nil
		}
	}
	return 0, nil
}
