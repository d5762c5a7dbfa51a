// Package roster is the file format of membership in bulk: an immutable list of changes of one
// segment in hash order, written once in one pass and looked up in place.
//
// A full roster is a whole membership, its changes only add. A partial roster is a set of changes
// to be laid over older rosters; a change file is a partial roster too. The package promises that
// an answer is either what was written or an error that wraps [store.ErrCorrupt]: every byte is
// covered by a checksum that is verified before the byte is first believed.
//
// It knows bytes and iterators only: no database, no file names, no log. The layout stands in
// docs/format/roster.md.
package roster

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"runtime/debug"
	"sort"

	"muster/internal/segment"
	"muster/internal/store"
)

// Kind says what the changes of a roster amount to.
type Kind uint8

// The kinds.
const (
	Full    Kind = iota + 1 // a whole membership: include, exclude or both, never a remove
	Partial                 // changes on top of something older
)

// Summary is what a roster holds.
type Summary struct {
	Kind    Kind
	Entries int64
	// Counts says how many entries add to the included and to the excluded set: the size of the
	// membership if the roster is full.
	Counts segment.Counts
	// Keys is the number of entries whose context key is known.
	Keys  int64
	Bytes int64
}

// Roster reads a roster in place. It is safe for concurrent use.
type Roster struct {
	b       []byte
	sum     Summary
	groups  []group
	firsts  []uint64 // position of each group's first hash, apart so that the search stays in cache
	checked checks
}

// Open returns a reader over the bytes of a roster, which must not change while it is in use. It
// verifies header and footer; everything else is verified when first touched. The error wraps
// [store.ErrCorrupt].
//
// The bytes may be mapped: a page that the disk can't deliver is an error like a wrong checksum.
func Open(b []byte) (r *Roster, err error) {
	defer store.CatchFault(debug.SetPanicOnFault(true), b, &err)
	t, err := parseTrailer(b)
	if err != nil {
		return nil, err
	}
	r = &Roster{b: b, sum: t.sum}
	directory := b[t.footer : t.footer+uint64(t.groups)*directoryBytes]
	r.groups = make([]group, t.groups)
	r.firsts = make([]uint64, t.groups)
	end, entries := uint64(headerBytes), int64(0)
	for i := range r.groups {
		g, err := parseGroup(directory[i*directoryBytes:][:directoryBytes], end, t.footer)
		if err != nil {
			return nil, fmt.Errorf("group %d: %w", i, err)
		}
		if g.uniform != 0 && !t.sum.Kind.allows(g.uniform) {
			return nil, corruptf("group %d has the operations %#x", i, uint8(g.uniform))
		}
		if i > 0 && bytes.Compare(r.groups[i-1].first[:], g.first[:]) >= 0 {
			return nil, corruptf("group %d begins before the one it follows", i)
		}
		r.groups[i], r.firsts[i] = g, g.low
		end = g.end
		entries += int64(g.n)
	}
	if entries != t.sum.Entries || end != t.footer {
		return nil, corruptf("groups hold %d entries up to %d, the footer says %d up to %d", entries, end, t.sum.Entries, t.footer)
	}
	r.checked = newChecks(b, t)
	return r, nil
}

// Summary returns what the roster holds.
func (r *Roster) Summary() Summary { return r.sum }

// Kind returns the kind of the roster.
func (r *Roster) Kind() Kind { return r.sum.Kind }

// Len returns the number of entries.
func (r *Roster) Len() int64 { return r.sum.Entries }

// Counts returns how many entries add to the included and to the excluded set.
func (r *Roster) Counts() segment.Counts { return r.sum.Counts }

// Find returns what the roster says about a context, false if nothing. The error wraps
// [store.ErrCorrupt]; it may concern this hash alone. Find does not allocate.
func (r *Roster) Find(h segment.Hash) (ops segment.Ops, found bool, err error) {
	defer store.CatchFault(debug.SetPanicOnFault(true), r.b, &err)
	g, i, err := r.locate(&h)
	if err != nil || g == nil {
		return 0, false, err
	}
	ops, err = r.ops(g, i)
	return ops, err == nil, err
}

// Index returns how many entries stand before that of a context, false if the roster says nothing about it.
func (r *Roster) Index(h segment.Hash) (n int, found bool, err error) {
	defer store.CatchFault(debug.SetPanicOnFault(true), r.b, &err)
	g, i, err := r.locate(&h)
	if err != nil || g == nil {
		return 0, false, err
	}
	for j := range r.groups {
		if g == &r.groups[j] {
			break
		}
		n += r.groups[j].n
	}
	return n + i, true, nil
}

// locate returns the group and the index in it at which h stands, or nil.
func (r *Roster) locate(h *segment.Hash) (*group, int, error) {
	at := position(h)
	gi := r.groupOf(h, at)
	if gi < 0 {
		return nil, 0, nil
	}
	g := &r.groups[gi]
	if at > g.high {
		return nil, 0, nil
	}
	point := g.point(at)
	line, err := r.line(g, point.line())
	if err != nil {
		return nil, 0, err
	}
	if !mayHold(line, h) {
		return nil, 0, nil
	}
	return r.search(g, h, point, line)
}

// groupOf returns the last group that begins at or before h, -1 if there is none.
func (r *Roster) groupOf(h *segment.Hash, at uint64) int {
	n := len(r.firsts)
	if n == 0 {
		return -1
	}
	guess, _ := bits.Mul64(at, uint64(n))
	gi := int(guess)
	// Hashes are uniform, so the guess is at most one off in all but contrived rosters.
	for range 4 {
		switch {
		case r.firsts[gi] > at:
			if gi == 0 {
				return -1
			}
			gi--
		case gi+1 < n && r.firsts[gi+1] < at:
			gi++
		case r.firsts[gi] < at && (gi+1 == n || r.firsts[gi+1] > at):
			return gi
		default:
			return r.groupOfTied(h)
		}
	}
	return r.groupOfTied(h)
}

func (r *Roster) groupOfTied(h *segment.Hash) int {
	return sort.Search(len(r.groups), func(i int) bool {
		return bytes.Compare(r.groups[i].first[:], h[:]) > 0
	}) - 1
}

// line returns a verified line of the group's filter.
func (r *Roster) line(g *group, i int) ([]byte, error) {
	off := g.filter + uint64(i)*lineBytes
	if err := r.checked.block(off / blockBytes); err != nil {
		return nil, err
	}
	return r.b[off:][:lineBytes:lineBytes], nil
}

// search looks for h among the entries that its filter line covers.
func (r *Roster) search(g *group, h *segment.Hash, point point, line []byte) (*group, int, error) {
	from, to := lineStart(line), g.n
	if next := point.line() + 1; next < g.lines {
		after, err := r.line(g, next)
		if err != nil {
			return nil, 0, err
		}
		to = lineStart(after)
	}
	if from > to || to > g.n {
		return nil, 0, corruptf("filter line %d covers entries %d to %d of %d", point.line(), from, to, g.n)
	}
	if from == to {
		return nil, 0, nil
	}
	if err := r.checked.bytes(g.heads+uint64(from)*columnBytes, g.heads+uint64(to)*columnBytes); err != nil {
		return nil, 0, err
	}
	heads := r.b[g.heads : g.heads+uint64(g.n)*columnBytes]
	high, low := position(h), binary.BigEndian.Uint64(h[8:])
	i := lowerBound(heads, high, low, from, to, point.within(from, to))
	if i == to || !headIs(heads, i, high, low) {
		return nil, 0, nil
	}
	return r.searchRests(g, h, heads, i, to)
}

// searchRests looks for h among the entries in [i, to), the first of which has the head of h.
func (r *Roster) searchRests(g *group, h *segment.Hash, heads []byte, i, to int) (*group, int, error) {
	rest := h[columnBytes:]
	switch order, err := r.compareRest(g, i, rest); {
	case err != nil:
		return nil, 0, err
	case order == 0:
		return g, i, nil
	case order > 0:
		return nil, 0, nil
	}
	// Only contrived hashes come here: those that share half of their bytes and no more.
	high, low := headAt(heads, i)
	if err := r.checked.bytes(g.rests+uint64(i)*columnBytes, g.rests+uint64(to)*columnBytes); err != nil {
		return nil, 0, err
	}
	i += sort.Search(to-i, func(j int) bool {
		order, err := r.compareRest(g, i+j, rest)
		return !headIs(heads, i+j, high, low) || err == nil && order >= 0
	})
	if i == to || !headIs(heads, i, high, low) {
		return nil, 0, nil
	}
	order, err := r.compareRest(g, i, rest)
	if err != nil || order != 0 {
		return nil, 0, err
	}
	return g, i, nil
}

// compareRest compares the second half of an entry's hash with rest.
func (r *Roster) compareRest(g *group, i int, rest []byte) (int, error) {
	off := g.rests + uint64(i)*columnBytes
	if err := r.checked.block(off / blockBytes); err != nil {
		return 0, err
	}
	return bytes.Compare(r.b[off:][:columnBytes], rest), nil
}

// lowerBound returns the first index in [from, to) whose head is not below (high, low), or to. It
// walks from guess, which uniform hashes put within a few entries of the answer.
func lowerBound(heads []byte, high, low uint64, from, to, guess int) int {
	const walk = 16
	if headBelow(heads, guess, high, low) {
		from = guess + 1
		for range walk {
			if from >= to || !headBelow(heads, from, high, low) {
				return from
			}
			from++
		}
	} else {
		to = guess
		for range walk {
			if to <= from || headBelow(heads, to-1, high, low) {
				return to
			}
			to--
		}
	}
	return from + sort.Search(to-from, func(i int) bool { return !headBelow(heads, from+i, high, low) })
}

func headAt(heads []byte, i int) (high, low uint64) {
	h := heads[i*columnBytes:][:columnBytes]
	return binary.BigEndian.Uint64(h), binary.BigEndian.Uint64(h[8:])
}

func headIs(heads []byte, i int, high, low uint64) bool {
	a, b := headAt(heads, i)
	return a == high && b == low
}

func headBelow(heads []byte, i int, high, low uint64) bool {
	a, b := headAt(heads, i)
	return a < high || a == high && b < low
}

// ops returns the operations of an entry.
func (r *Roster) ops(g *group, i int) (segment.Ops, error) {
	if g.uniform != 0 {
		return g.uniform, nil
	}
	off := g.ops + uint64(i)/2
	if err := r.checked.block(off / blockBytes); err != nil {
		return 0, err
	}
	ops := segment.Ops(r.b[off] >> (i % 2 * 4) & 15)
	if !r.sum.Kind.allows(ops) {
		return 0, corruptf("an entry has the operations %#x", uint8(ops))
	}
	return ops, nil
}

func (k Kind) allows(ops segment.Ops) bool {
	return ops.Valid() && (k == Partial || k == Full && ops == ops.Settled())
}

func corruptf(format string, args ...any) error {
	return fmt.Errorf("roster: "+format+": %w", append(args, store.ErrCorrupt)...)
}
