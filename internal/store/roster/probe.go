package roster

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"

	"muster/internal/segment"
	"muster/internal/store"
)

// Probe tells of nearly every context that a roster does not hold it. It is a part of a roster laid
// out to be kept in an array: the lookup of one context in many rosters then waits for one cache
// line of each, and for many of them at once if all are fetched before the first is asked.
//
// Whoever keeps a probe keeps the bytes of its roster, and catches their faults: see [Roster.Fault].
// The zero Probe knows nothing.
type Probe struct {
	columns []byte // filter, heads and rests; nil if the roster has more than one group
	low     uint64
	scale   uint64
	good    *atomic.Uint64 // which blocks of the filter were verified, as in checks
	start   uint32         // where the filter begins, from the first of these blocks
	heads   uint32         // where the heads begin, from there
	rests   uint32
	shift   uint8
	uniform segment.Ops
}

// Probe returns the probe of a roster, the zero one if it is too large for that.
func (r *Roster) Probe() Probe {
	if len(r.groups) != 1 {
		return Probe{}
	}
	g := &r.groups[0]
	const span = 64 * blockBytes // of a word of verified blocks
	if g.filter/span != (g.heads-1)/span {
		return Probe{}
	}
	return Probe{
		columns: r.b[g.filter:g.ops:g.ops], heads: uint32(g.heads - g.filter), rests: uint32(g.rests - g.filter),
		low: g.low, scale: g.scale, shift: g.shift, uniform: g.uniform,
		good: &r.checked.good[g.filter/span], start: uint32(g.filter % span),
	}
}

// Known reports whether the probe knows anything.
func (p *Probe) Known() bool { return len(p.columns) > 0 }

// Whole reports whether Hold can tell everything that the roster says.
func (p *Probe) Whole() bool { return p.Known() && p.uniform != 0 }

// Needle is a context prepared to be looked for by probes.
type Needle struct {
	at     uint64
	places [probes]uint8 // byte of each probe in a filter line
	shifts [probes]uint8 // bit in that byte
}

// NeedleOf prepares a context.
func NeedleOf(h *segment.Hash) (n Needle) {
	n.at = position(h)
	for i := range probes {
		bit := probe(h, i)
		n.places[i], n.shifts[i] = uint8(bit/8), uint8(bit%8)
	}
	return n
}

// Fetch asks for the memory that MayHold reads. It returns what to give to MayHold, and a byte that
// the caller must use lest the compiler drops the access.
func (p *Probe) Fetch(n *Needle) (off uint32, fetched byte) {
	// A position that is not in the roster's range gives any line or none: no answer is wrong then.
	i, _ := bits.Mul64((n.at-p.low)<<p.shift, p.scale)
	if i = i >> 32 * lineBytes; i < uint64(p.heads) {
		return uint32(i), p.columns[i]
	}
	return p.heads, 0
}

// MayHold reports false only if Find would find nothing, without an error.
func (p *Probe) MayHold(n *Needle, off uint32) bool {
	if off >= p.heads {
		return !p.Known()
	}
	line := (*[lineBytes]byte)(p.columns[off:])
	set := byte(1)
	for i := range probes {
		set &= line[n.places[i]%lineBytes] >> (n.shifts[i] % 8)
	}
	verified := p.good.Load() >> ((p.start + off) / blockBytes % 64) & 1
	return set == 1 || verified == 0
}

// Ops returns the operations of every entry, if the probe is whole.
func (p *Probe) Ops() segment.Ops { return p.uniform }

// Hash returns the context of an entry, under the conditions of Hold.
func (p *Probe) Hash(i int) (h segment.Hash) {
	copy(h[:columnBytes], p.columns[int(p.heads)+i*columnBytes:])
	copy(h[columnBytes:], p.columns[int(p.rests)+i*columnBytes:])
	return h
}

// Spot says between which entries of a probe's roster a context stands if it does.
type Spot struct{ from, to, guess int }

// SpotOf returns the spot of a context given the range of the entries with its first byte.
func SpotOf(h *segment.Hash, from, to uint16) Spot {
	return Spot{int(from), int(to), point(binary.BigEndian.Uint32(h[1:])).within(int(from), int(to))}
}

// FetchSpot asks for the memory that Hold reads. The caller must use the result lest the compiler
// drops the access.
func (p *Probe) FetchSpot(s Spot) byte {
	if s.from >= s.to {
		return 0
	}
	return p.columns[p.heads+uint32(s.guess)*columnBytes]
}

// Hold returns what the roster says about a context, 0 if nothing; false if only Find can tell.
// Contrived hashes that share half of their bytes need Find. It may be asked only of a whole probe, and
// after Hashes has yielded all of the roster.
func (p *Probe) Hold(h *segment.Hash, s Spot) (segment.Ops, bool) {
	if s.from >= s.to {
		return 0, true
	}
	heads := p.columns[p.heads:p.rests]
	high, low := position(h), binary.BigEndian.Uint64(h[8:])
	i := lowerBound(heads, high, low, s.from, s.to, s.guess)
	if i >= s.to || !headIs(heads, i, high, low) {
		return 0, true
	}
	rest := p.columns[int(p.rests)+i*columnBytes:][:columnBytes]
	if string(rest) == string(h[columnBytes:]) {
		return p.uniform, true
	}
	return 0, false
}

// Fault returns what it means that reading a roster's probe, or glancing into it, panicked with p:
// an error that wraps [store.ErrCorrupt], nil if it is nothing of this roster.
func (r *Roster) Fault(p any) error { return store.FaultIn(r.b, p) }

// Glance is a lookup taken in steps, each of which asks for the memory that the next one reads. Who
// glances catches faults: see [Roster.Fault].
type Glance struct {
	group    *group
	point    point
	from, to int // the entries that the hash's filter line covers
}

// Glance begins a lookup in a roster that seems to hold a context.
func (r *Roster) Glance(h *segment.Hash) (l Glance) {
	at := position(h)
	gi := r.groupOf(h, at)
	if gi < 0 || at > r.groups[gi].high {
		return l
	}
	g := &r.groups[gi]
	l.group, l.point, l.to = g, g.point(at), g.n
	off := g.filter + uint64(l.point.line())*lineBytes + lineBits/8
	l.from = int(binary.LittleEndian.Uint16(r.b[off:]))
	if off += lineBytes; off < g.heads {
		l.to = int(binary.LittleEndian.Uint16(r.b[off:]))
	}
	return l
}

// Fetch asks for the memory where the entry stands if there is one. The caller must use the result
// lest the compiler drops the access.
func (l *Glance) Fetch(r *Roster) byte {
	if l.group == nil || l.from >= l.to || l.to > l.group.n {
		return 0
	}
	i := uint64(l.point.within(l.from, l.to)) * columnBytes
	return r.b[l.group.heads+i] ^ r.b[l.group.rests+i]
}
