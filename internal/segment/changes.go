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
// its key, whatever their number. The zero value is empty and ready to use. It is not safe for
// concurrent writes.
type Changes struct {
	items  []changeItem
	chunks [][]byte
	sorted bool
}

type changeItem struct {
	hash  Hash
	chunk uint32
	off   uint32
	seq   uint32
	size  uint16
	ops   Ops
}

const changeChunkBytes = 256 << 10

// Append adds a change of the context with the given key, which must not be longer than
// [MaxKeyBytes]. The key's bytes are copied.
func (c *Changes) Append(key []byte, ops Ops) {
	c.append(HashOf(key), key, ops)
}

// AppendHash adds a change of a context of which only the hash is known.
func (c *Changes) AppendHash(h Hash, ops Ops) { c.append(h, nil, ops) }

// AppendChange adds a change as read elsewhere; the key's bytes are copied.
func (c *Changes) AppendChange(ch Change) { c.append(ch.Hash, ch.Key, ch.Ops) }

func (c *Changes) append(h Hash, key []byte, ops Ops) {
	it := changeItem{hash: h, ops: ops, seq: uint32(len(c.items)), size: uint16(len(key))}
	if len(key) > 0 {
		last := len(c.chunks) - 1
		if last < 0 || len(c.chunks[last])+len(key) > cap(c.chunks[last]) {
			size := changeChunkBytes
			if last < 0 {
				size = 1 << 10 // most requests are small
			} else if last < 8 {
				size = 1 << (11 + last)
			}
			c.chunks = append(c.chunks, make([]byte, 0, max(size, len(key))))
			last++
		}
		it.chunk, it.off = uint32(last), uint32(len(c.chunks[last]))
		c.chunks[last] = append(c.chunks[last], key...)
	}
	c.items = append(c.items, it)
	c.sorted = false
}

// Len returns the number of changes.
func (c *Changes) Len() int {
	if c == nil {
		return 0
	}
	return len(c.items)
}

// Compact sorts the changes by hash and folds those of one context into one, later over earlier.
// It returns how many were folded away.
func (c *Changes) Compact() int {
	if c == nil || c.sorted {
		return 0
	}
	slices.SortFunc(c.items, func(a, b changeItem) int {
		if d := bytes.Compare(a.hash[:], b.hash[:]); d != 0 {
			return d
		}
		return int(a.seq) - int(b.seq)
	})
	kept := c.items[:0]
	for _, it := range c.items {
		if n := len(kept); n > 0 && kept[n-1].hash == it.hash {
			it.ops = it.ops.Over(kept[n-1].ops)
			if it.size == 0 {
				it.chunk, it.off, it.size = kept[n-1].chunk, kept[n-1].off, kept[n-1].size
			}
			kept[n-1] = it
			continue
		}
		kept = append(kept, it)
	}
	folded := len(c.items) - len(kept)
	for i := range kept {
		kept[i].seq = uint32(i) // later appends must sort behind
	}
	c.items = kept
	c.sorted = true
	return folded
}

// Compacted reports whether the changes are in hash order, one per context.
func (c *Changes) Compacted() bool { return c == nil || c.sorted || len(c.items) == 0 }

// At returns the i-th change.
func (c *Changes) At(i int) Change {
	it := c.items[i]
	ch := Change{Hash: it.hash, Ops: it.ops}
	if it.size > 0 {
		ch.Key = c.chunks[it.chunk][it.off : it.off+uint32(it.size) : it.off+uint32(it.size)]
	}
	return ch
}

// All yields the changes in their present order: as appended, or by hash after Compact.
func (c *Changes) All() iter.Seq[Change] {
	return func(yield func(Change) bool) {
		for i := range c.Len() {
			if !yield(c.At(i)) {
				return
			}
		}
	}
}

// Delta returns the compacted changes as the delta of a ref.
func (c *Changes) Delta(ref Ref) MemberDelta {
	return MemberDelta{Ref: ref, Len: c.Len(), Each: func(yield func(Change) bool) error {
		for ch := range c.All() {
			if !yield(ch) {
				return nil
			}
		}
		return nil
	}}
}
