package engine

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"runtime"
	"slices"
	"time"
	"weak"

	"muster/internal/segment"
	"muster/internal/store/roster"
)

// hints tell which of many rosters may hold a context, by a few cache lines for hundreds of them. They
// are Bloom filters turned on their side: a column of bits is a roster, and what a context's few rows
// have in common are the rosters that may hold it.
//
// A context that is in several rosters of a block is listed beside it with all of them, and then needs
// no looking up.
//
// Hints are never truth. They are of rosters, which never change: a membership that is not exactly the
// roster that its hints were made of has no slot in them, and is asked itself. What they let through
// is looked up.
type hints struct {
	blocks []*hintBlock
	words  []*hintBlock // the block of each word of a mask
}

// hintBlock is the hints of up to hintColumns rosters of similar size.
type hintBlock struct {
	files  []weak.Pointer[file] // by column; weak, so that they can be closed
	rows   uint64
	words  int // of columns, in a row
	bits   []uint64
	starts []hintStarts // of each column
	lists  hintLists
	base   int // in a mask of all blocks
}

// hintStarts says with which entry of a roster the hashes with each first byte begin.
type hintStarts [257]uint16

const (
	hintColumns = 512
	hintRows    = 4  // of a context
	hintBits    = 10 // of an entry of the largest roster: one in ninety is let through for nothing
	hintWords   = hintColumns / 64

	// maxHinted is how many places a mask has; the first is nobody's.
	maxHinted = 1 << 14
)

func hintRow(h *segment.Hash, i int, rows uint64) uint64 {
	row, _ := bits.Mul64(binary.BigEndian.Uint64(h[8*i:]), rows)
	return row
}

// hintMask has a bit for each slot.
type hintMask [maxHinted / 64]uint64

// fill sets the bits of the slots whose rosters may hold a context, and in sure those of the slots
// whose rosters do.
func (x *hints) fill(h *segment.Hash, may, sure *hintMask) {
	for _, b := range x.blocks {
		if b.lists.fill(h, may[b.base:], sure[b.base:]) {
			continue
		}
		var at [hintRows][]uint64
		for i := range at {
			from := int(hintRow(h, i, b.rows)) * b.words
			at[i] = b.bits[from : from+b.words]
		}
		out := may[b.base : b.base+b.words]
		for w := range out {
			out[w] = at[0][w] & at[1][w] & at[2][w] & at[3][w]
		}
	}
}

// spot returns where the roster in a slot has a context if it does.
func (x *hints) spot(h *segment.Hash, slot uint32) roster.Spot {
	b := x.words[slot/64]
	starts := &b.starts[int(slot)-b.base*64]
	return roster.SpotOf(h, starts[h[0]], starts[int(h[0])+1])
}

// append adds a block.
func (x *hints) append(b *hintBlock) {
	b.base = max(1, len(x.words)) // slot 0 is nobody's
	x.blocks = append(x.blocks, b)
	for len(x.words) < b.base+b.words {
		x.words = append(x.words, b)
	}
}

// newHintBlock reads rosters into hints. Those that can't be read are left out; none is left when stop
// says so.
func newHintBlock(files []*file, stop func() bool) *hintBlock {
	largest := int64(1)
	for _, f := range files {
		largest = max(largest, f.roster.Len())
	}
	b := &hintBlock{rows: uint64(largest * hintBits), words: (len(files) + 63) / 64}
	b.bits = make([]uint64, int(b.rows)*b.words)
	var read []*file
	for _, f := range files {
		if stop() {
			return b
		}
		if b.add(f) {
			b.files = append(b.files, weak.Make(f))
			read = append(read, f)
		}
	}
	b.lists.build(b, read, stop)
	runtime.KeepAlive(read)
	return b
}

// hintBytes returns at most how much memory a block of rosters takes, of which the last is the largest.
func hintBytes(files []*file) int64 {
	return (1 + listShare) * files[len(files)-1].roster.Len() * hintBits * int64((len(files)+63)/64) * 8
}

func (b *hintBlock) bytes() int64 { return 8*int64(len(b.bits)) + b.lists.bytes() }

// add fills the next column; false if the roster can't be read.
func (b *hintBlock) add(f *file) bool {
	c := len(b.files)
	var starts hintStarts
	for h, err := range f.roster.Hashes() {
		if err != nil {
			return false // lookups will say why; what was set lets more through
		}
		starts[int(h[0])+1]++
		for i := range hintRows {
			b.bits[int(hintRow(&h, i, b.rows))*b.words+c/64] |= 1 << (c % 64)
		}
	}
	for i := range 256 {
		starts[i+1] += starts[i]
	}
	b.starts = append(b.starts, starts)
	return true
}

// slots returns the slot of each roster.
func (x *hints) slots() map[weak.Pointer[file]]uint32 {
	all := make(map[weak.Pointer[file]]uint32)
	for _, b := range x.blocks {
		for c, f := range b.files {
			all[f] = uint32(b.base*64 + c)
		}
	}
	return all
}

// rehint returns hints for the rosters of a set, of at most so many bytes; nil if those that there are
// will do: fewer rosters than least came or went. Blocks that have most of their rosters still are kept.
func (r *refs) rehint(least int, limit int64, stop func() bool) *hints {
	live := make(map[weak.Pointer[file]]*file)
	loose := 0
	for _, s := range r.shards {
		for i := range s.places {
			if p := &s.places[i]; p.probe.Whole() {
				live[weak.Make(p.file)] = p.file
				if s.slots[i] == 0 {
					loose++
				}
			}
		}
	}
	next := &hints{}
	stale := 0
	if r.hints != nil {
		for _, b := range r.hints.blocks {
			n := 0
			for _, f := range b.files {
				if live[f] != nil {
					n++
				}
			}
			if stale += len(b.files) - n; n < hintColumns/2 || 4*n < 3*len(b.files) {
				continue
			}
			kept := *b
			next.append(&kept)
			limit -= b.bytes()
			for _, f := range b.files {
				delete(live, f)
			}
		}
	}
	if max(loose, stale) < least {
		return nil
	}
	var files []*file
	for _, f := range live {
		files = append(files, f)
	}
	// The smallest first: a small roster costs as much time as a large one and less memory.
	slices.SortFunc(files, func(a, b *file) int { return cmp.Compare(a.roster.Len(), b.roster.Len()) })
	for len(files) > 0 && len(next.words)+hintWords < maxHinted/64 && !stop() {
		part := files[:min(hintColumns, len(files))]
		for len(part) > 0 && hintBytes(part) > limit {
			part = part[:len(part)/2]
		}
		if len(part) == 0 {
			break
		}
		b := newHintBlock(part, stop)
		next.append(b)
		limit -= b.bytes()
		files = files[len(part):]
	}
	return next
}

// hinted returns the set with other hints.
func (r *refs) hinted(x *hints) *refs {
	next := &refs{n: r.n, index: r.index, shards: make([]shard, len(r.shards))}
	if len(x.blocks) > 0 {
		next.hints = x
	}
	slots := x.slots()
	for i, s := range r.shards {
		next.shards[i] = shard{s.places, make([]uint32, len(s.slots)), s.numbers}
		for j := range s.places {
			p := &s.places[j]
			if next.shards[i].slots[j] = p.slot(); p.probe.Whole() {
				next.shards[i].slots[j] = slots[weak.Make(p.file)]
			}
		}
	}
	return next
}

// hintWhenNeeded keeps the hints and indexes of all environments up to date until the engine closes.
func (e *Engine) hintWhenNeeded() {
	tick := time.NewTicker(e.o.HintInterval)
	defer tick.Stop()
	seen := make(map[*environment]*refs)
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-tick.C:
		}
		now := make(map[*environment]*refs)
		for _, env := range *e.environments.Load() {
			env.reindex()
			if seen[env] != env.view.Load().refs {
				env.rehint()
			}
			now[env] = env.view.Load().refs
		}
		seen = now
	}
}

// rehint renews the hints of an environment if that is worth it.
func (env *environment) rehint() {
	x := env.view.Load().refs.rehint(env.e.o.HintRosters, env.e.o.HintBytes, func() bool { return env.e.ctx.Err() != nil })
	if x == nil {
		return
	}
	env.commit.Lock()
	defer env.commit.Unlock()
	v := env.view.Load()
	env.view.Store(&view{revision: v.revision, refs: v.refs.hinted(x)})
}
