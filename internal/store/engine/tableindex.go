package engine

import (
	"encoding/binary"
	"math/bits"
	"runtime"
	"slices"
	"sync/atomic"

	"muster/internal/segment"
)

// tableIndex names the memberships of an environment whose tables may say something about a context, by a
// few cache lines however many there are. One goroutine writes, any number read at the same time without
// waiting.
//
// It is never truth: what it names is asked itself. But it misses nothing. Every change in a table of a
// membership that has a number is in it before a view shows that change, and it only grows: what has been
// folded is named for nothing until an index is made anew, which views that are held don't see.
type tableIndex struct {
	// slots hold the upper half of a tag, from which the search for it begins, and in the lower half the one number
	// of its context, or where the list of its numbers is. Contexts with the same tag share them.
	slots atomic.Pointer[[]atomic.Uint64]
	// chunks hold the lists; chunk i has firstWords<<i words. A slot is stored after its list and chunk, so
	// whoever finds the slot may read them. A list is a head, 1 and more words of four numbers each.
	chunks [maxWordChunks][]atomic.Uint64

	// What follows is the writer's.
	end     uint32 // of the words
	words   int    // of all chunks
	used    int    // slots
	noted   int    // how many changes were noted
	folded  int    // how many of these are in no table any more
	numbers int    // how many memberships got one
	limit   int64  // of bytes
	full    bool   // it would have been beyond the limit, so that it misses something now
}

// note is a membership's number in an index that has all of its tables.
type note struct {
	index  *tableIndex
	number uint16
}

// numbers has a bit for each number.
type numbers [maxNumbers / 64]uint64

const (
	maxNumbers    = 1 << 14 // the first is nobody's
	firstWords    = 1 << 10
	maxWordChunks = 20
	minIndexSlots = 1 << 10
	inList        = 1 << 31 // in a slot: a list follows

	// indexPiece is how many changes of an index that is made anew are noted while commits wait.
	indexPiece = 4096
)

func newTableIndex(limit int64) *tableIndex {
	x := &tableIndex{limit: limit}
	slots := make([]atomic.Uint64, minIndexSlots)
	x.slots.Store(&slots)
	return x
}

func (x *tableIndex) bytes() int64 { return 8 * int64(len(*x.slots.Load())+x.words) }

// tagOf returns the beginning of a hash: hashes in order, as changes come, lie in slots in order.
func tagOf(h *segment.Hash) uint64 { return uint64(binary.BigEndian.Uint32(h[:])) }

func homeOf(tag uint64, slots int) int { return int(tag * uint64(slots) >> 32) }

// fill sets the bits of the memberships that are to be asked about a context.
func (x *tableIndex) fill(h *segment.Hash, named *numbers) {
	slots := *x.slots.Load()
	tag := tagOf(h)
	for at := homeOf(tag, len(slots)); ; {
		s := slots[at].Load()
		switch {
		case s == 0:
			return
		case s>>32 != tag:
		case s&inList == 0:
			named.set(uint16(s))
			return
		default:
			x.fillListed(uint32(s)&^inList, named)
			return
		}
		if at++; at == len(slots) {
			at = 0
		}
	}
}

func (x *tableIndex) fillListed(ref uint32, named *numbers) {
	list := x.list(ref)
	n := int(uint32(list[0].Load()))
	for i := 1; n > 0; i++ {
		word := list[i].Load()
		for range min(n, 4) {
			named.set(uint16(word))
			word >>= 16
		}
		n -= 4
	}
}

func (b *numbers) set(n uint16)      { b[n/64%uint16(len(b))] |= 1 << (n % 64) }
func (b *numbers) has(n uint16) bool { return b[n/64%uint16(len(b))]>>(n%64)&1 != 0 }

// list returns a list, and whatever lies behind it in its chunk.
func (x *tableIndex) list(ref uint32) []atomic.Uint64 {
	k := bits.Len32(ref/firstWords+1) - 1
	return x.chunks[k][ref-firstWords*(1<<k-1):]
}

// add notes that a table of a membership has a change of a context.
func (x *tableIndex) add(h *segment.Hash, number uint16) {
	if x.full {
		return
	}
	slots := *x.slots.Load()
	if 4*x.used >= 3*len(slots) {
		if slots = x.rehash(2 * len(slots)); x.full {
			return
		}
	}
	x.noted++
	tag := tagOf(h)
	at := homeOf(tag, len(slots))
	for {
		s := slots[at].Load()
		switch {
		case s == 0:
			x.used++
			slots[at].Store(tag<<32 | uint64(number))
			return
		case s>>32 != tag:
		case s&inList == 0:
			if uint16(s) != number {
				slots[at].Store(tag<<32 | x.begin(uint16(s), number))
			}
			return
		default:
			if ref := x.append(uint32(s)&^inList, number); ref != 0 {
				slots[at].Store(tag<<32 | ref)
			}
			return
		}
		if at++; at == len(slots) {
			at = 0
		}
	}
}

// begin makes a list of two numbers and returns what its slot holds of it.
func (x *tableIndex) begin(a, b uint16) uint64 {
	ref, list := x.room(2)
	if list == nil {
		return uint64(a)
	}
	list[1].Store(uint64(b)<<16 | uint64(a))
	list[0].Store(1<<32 | 2)
	return inList | uint64(ref)
}

// append appends a number to a list. It returns what the slot of the list holds from now on, 0 for what it
// does hold.
func (x *tableIndex) append(ref uint32, number uint16) uint64 {
	list := x.list(ref)
	head := list[0].Load()
	words, n := int(head>>32), int(uint32(head))
	var moved uint64
	if n == 4*words {
		to, longer := x.room(2 * (words + 1))
		if longer == nil {
			return 0
		}
		for i := range words {
			longer[1+i].Store(list[1+i].Load())
		}
		list, words, moved = longer, 2*words+1, inList|uint64(to)
	}
	at := &list[1+n/4]
	at.Store(at.Load() | uint64(number)<<(16*(n%4)))
	list[0].Store(uint64(words)<<32 | uint64(n+1)) // whoever reads it finds the number
	return moved
}

// room returns a place for a list of so many words; nil if there is none.
func (x *tableIndex) room(words int) (ref uint32, list []atomic.Uint64) {
	for {
		k := bits.Len32(x.end/firstWords+1) - 1
		from := uint32(firstWords * (1<<k - 1))
		size := firstWords << k
		if k == maxWordChunks {
			x.full = true
			return 0, nil
		}
		if int(x.end-from)+words > size {
			x.end = from + uint32(size)
			continue
		}
		if x.chunks[k] == nil {
			if x.bytes()+8*int64(size) > x.limit {
				x.full = true
				return 0, nil
			}
			x.chunks[k] = make([]atomic.Uint64, size)
			x.words += size
		}
		ref = x.end
		x.end += uint32(words)
		return ref, x.list(ref)
	}
}

// rehash spreads the slots over more.
func (x *tableIndex) rehash(size int) []atomic.Uint64 {
	old := *x.slots.Load()
	if 8*int64(size+x.words) > x.limit {
		x.full = true
		return old
	}
	slots := make([]atomic.Uint64, size)
	for i := range old {
		s := old[i].Load()
		if s == 0 {
			continue
		}
		at := homeOf(s>>32, size)
		for slots[at].Load() != 0 {
			if at++; at == size {
				at = 0
			}
		}
		slots[at].Store(s)
	}
	x.slots.Store(&slots)
	return slots
}

// numberIn returns the number of a membership in an index, 0 if the index lacks any of its tables. The caller
// holds the commit lock.
func (m *membership) numberIn(x *tableIndex) uint16 {
	for _, n := range m.notes {
		if n.index == x {
			return n.number
		}
	}
	return 0
}

// note gives a membership a number in an index, which has all further changes of it from then on; false if
// there are no more numbers. The caller holds the commit lock, and notes what is in tables already.
func (m *membership) note(x *tableIndex) bool {
	if x.numbers+1 == maxNumbers {
		return false
	}
	x.numbers++
	m.notes = append(m.notes, note{x, uint16(x.numbers)})
	return true
}

// noteTable notes changes of a table in the indexes of its membership.
func (m *membership) noteTable(p *pending, from int) {
	for _, n := range m.notes {
		for i := from; i < p.n; i++ {
			n.index.add(&p.entry(uint32(i)).hash, n.number)
		}
	}
}

// unnote tells the indexes of a membership that changes have left its tables.
func (m *membership) unnote(changes int) {
	for _, n := range m.notes {
		n.index.folded += changes
	}
}

// leave ends the notes of a membership that is no longer shown, and returns how many changes are in its
// tables.
func (env *environment) leave(m *membership) (changes int) {
	changes = m.layers.Load().tables()
	m.unnote(changes)
	m.notes = nil
	return changes
}

// indexed returns a set with another index, nil if the changes are too many for one.
func (env *environment) indexed(r *refs, x *tableIndex) *refs {
	env.unindexed = 0
	if x == nil {
		env.unindexed = env.e.pendingChanges.Load()
	}
	r.each(func(m *membership) bool {
		m.notes = slices.DeleteFunc(m.notes, func(n note) bool { return n.index != x && n.index != env.indexing })
		return true
	})
	return r.indexed(x)
}

// allTables returns the tables of a membership. The caller holds the commit lock.
func (l *layers) allTables() []*pending {
	var all []*pending
	for _, older := range l.frozen() {
		if older.table != nil {
			all = append(all, older.table)
		}
	}
	return all
}

// enter gives a membership that begins a number in the indexes of its environment. The caller holds the
// commit lock.
func (env *environment) enter(m *membership) {
	tables := m.layers.Load().allTables()
	for _, x := range []*tableIndex{env.view.Load().refs.index, env.indexing} {
		if x == nil || !m.note(x) {
			continue
		}
		number := m.numberIn(x)
		for _, p := range tables {
			for i := range p.n {
				x.add(&p.entry(uint32(i)).hash, number)
			}
		}
	}
}

// reindex makes the index of an environment's tables anew if that is worth it: there is none, or most of what
// is in it has been folded. Commits go on meanwhile.
func (env *environment) reindex() {
	x, all := env.beginIndex()
	if x == nil {
		return
	}
	for _, m := range all {
		env.index(x, m)
	}
	env.commit.Lock()
	defer env.commit.Unlock()
	env.indexing = nil
	v := env.view.Load()
	if x.full {
		x = nil
	}
	env.view.Store(&view{revision: v.revision, refs: env.indexed(v.refs, x)})
}

// beginIndex returns an index to be filled, and the memberships that have to be in it; nil if the one that
// there is will do.
func (env *environment) beginIndex() (*tableIndex, []*membership) {
	env.commit.Lock()
	defer env.commit.Unlock()
	r := env.view.Load().refs
	if env.indexing != nil {
		return nil, nil // somebody else is at it
	}
	if old := r.index; old != nil {
		used := old.numbers+1 == maxNumbers && r.n < maxNumbers/2
		if !used && old.folded <= max(old.noted/2, r.n) {
			return nil, nil
		}
	} else if r.n < env.e.o.IndexRefs || env.unindexed > 0 && 2*env.e.pendingChanges.Load() > env.unindexed {
		return nil, nil
	}
	env.indexing = newTableIndex(env.e.o.IndexBytes)
	return env.indexing, slices.AppendSeq(make([]*membership, 0, r.n), r.each)
}

// index notes the tables of a membership in an index that is being filled, piece by piece.
func (env *environment) index(x *tableIndex, m *membership) {
	env.commit.Lock()
	defer env.commit.Unlock()
	if x.full || env.view.Load().refs.find(m.ref) != m || !m.note(x) {
		return
	}
	number := m.numberIn(x)
	for _, p := range m.layers.Load().allTables() {
		n := p.n // what comes later is noted by who brings it
		for i := range n {
			if i%indexPiece == indexPiece-1 {
				env.commit.Unlock()
				runtime.Gosched()
				env.commit.Lock()
			}
			x.add(&p.entry(uint32(i)).hash, number)
		}
	}
}
