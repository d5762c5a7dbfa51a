package roster

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"

	"muster/internal/segment"
)

// Sizes of the layout; docs/format/roster.md says what stands where.
const (
	formatVersion  = 1
	headerBytes    = 64
	directoryBytes = 80
	trailerBytes   = 64
	blockBytes     = 16 << 10 // bytes under one checksum
	groupEntries   = 32 << 10 // must stay below 1<<16: filter lines keep an index in two bytes
	columnBytes    = 16
	alignment      = lineBytes
	keyIndexBytes  = 8
)

const (
	headerMagic  = "MROSTER\n"
	trailerMagic = "RSTR"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendHeader(b []byte, kind Kind) []byte {
	b = append(b, headerMagic...)
	b = binary.LittleEndian.AppendUint16(b, formatVersion)
	b = append(b, byte(kind))
	return append(b, make([]byte, headerBytes-len(headerMagic)-3)...)
}

type trailer struct {
	sum    Summary
	footer uint64
	groups uint32
}

func (t trailer) blocks() uint64 { return (t.footer + blockBytes - 1) / blockBytes }

func (t trailer) checksums() uint64 { return t.footer + uint64(t.groups)*directoryBytes }

// appendTrailer completes a footer, whose bytes so far are in b.
func appendTrailer(b []byte, t trailer) []byte {
	le := binary.LittleEndian
	b = le.AppendUint64(b, uint64(t.sum.Bytes))
	b = le.AppendUint64(b, t.footer)
	b = le.AppendUint64(b, uint64(t.sum.Entries))
	b = le.AppendUint64(b, uint64(t.sum.Counts.Included))
	b = le.AppendUint64(b, uint64(t.sum.Counts.Excluded))
	b = le.AppendUint64(b, uint64(t.sum.Keys))
	b = le.AppendUint32(b, t.groups)
	b = append(b, byte(t.sum.Kind), 0, 0, 0)
	b = le.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return append(b, trailerMagic...)
}

// parseTrailer verifies header and footer of a roster and returns what the trailer says.
func parseTrailer(b []byte) (trailer, error) {
	var t trailer
	if len(b) < headerBytes+trailerBytes {
		return t, corruptf("%d bytes are too short", len(b))
	}
	le, end := binary.LittleEndian, b[len(b)-trailerBytes:]
	if string(end[60:]) != trailerMagic {
		return t, corruptf("the end is missing")
	}
	t.footer = le.Uint64(end[8:])
	t.groups = le.Uint32(end[48:])
	if t.footer < headerBytes || t.footer > uint64(len(b)-trailerBytes) {
		return t, corruptf("the footer can't begin at %d", t.footer)
	}
	if t.checksums()+t.blocks()*crc32.Size+trailerBytes != uint64(len(b)) {
		return t, corruptf("a footer at %d does not fit %d groups and %d bytes", t.footer, t.groups, len(b))
	}
	if crc32.Checksum(b[t.footer:len(b)-8], castagnoli) != le.Uint32(end[56:]) {
		return t, corruptf("the footer fails its checksum")
	}
	t.sum = Summary{
		Kind:    Kind(end[52]),
		Entries: int64(le.Uint64(end[16:])),
		Counts:  segment.Counts{Included: int64(le.Uint64(end[24:])), Excluded: int64(le.Uint64(end[32:]))},
		Keys:    int64(le.Uint64(end[40:])),
		Bytes:   int64(le.Uint64(end)),
	}
	if t.sum.Kind != Full && t.sum.Kind != Partial || t.sum.Bytes != int64(len(b)) {
		return t, corruptf("a trailer of kind %d and %d bytes ends %d bytes", t.sum.Kind, t.sum.Bytes, len(b))
	}
	if string(b[:headerBytes]) != string(appendHeader(nil, t.sum.Kind)) {
		return t, corruptf("the header is not that of version %d", formatVersion)
	}
	return t, nil
}

// group is where the columns of up to groupEntries consecutive entries stand.
type group struct {
	n       int
	lines   int
	low     uint64 // position of the first hash
	high    uint64 // position of the last hash
	scale   uint64
	shift   uint8
	uniform segment.Ops // of all entries; 0 when they have a column

	keys, index uint64
	keyBlocks   int
	filter      uint64
	heads       uint64
	rests       uint64
	ops         uint64
	end         uint64

	first segment.Hash
}

// place fills in the offsets and sizes that follow from n, keyBlocks, uniform, keys and index.
func (g *group) place() {
	g.lines = linesFor(g.n)
	g.scale, g.shift = scaleOf(g.high-g.low, g.lines)
	g.filter = align(g.index + uint64(g.keyBlocks)*keyIndexBytes)
	g.heads = g.filter + uint64(g.lines)*lineBytes
	g.rests = g.heads + uint64(g.n)*columnBytes
	g.ops = g.rests + uint64(g.n)*columnBytes
	g.end = g.ops
	if g.uniform == 0 {
		g.end += uint64(g.n+1) / 2
	}
	g.end = align(g.end)
}

func align(off uint64) uint64 { return (off + alignment - 1) &^ (alignment - 1) }

func (g *group) appendTo(b []byte) []byte {
	le := binary.LittleEndian
	b = append(b, g.first[:]...)
	b = le.AppendUint64(b, g.high)
	b = le.AppendUint64(b, g.keys)
	b = le.AppendUint64(b, g.index)
	b = le.AppendUint64(b, g.end)
	b = le.AppendUint32(b, uint32(g.n))
	b = le.AppendUint32(b, uint32(g.keyBlocks))
	return append(b, byte(g.uniform), 0, 0, 0, 0, 0, 0, 0)
}

// parseGroup reads a directory entry of a group that begins at start and must end by limit.
func parseGroup(b []byte, start, limit uint64) (group, error) {
	le := binary.LittleEndian
	g := group{
		first:     segment.Hash(b[:32]),
		high:      le.Uint64(b[32:]),
		keys:      le.Uint64(b[40:]),
		index:     le.Uint64(b[48:]),
		n:         int(le.Uint32(b[64:])),
		keyBlocks: int(le.Uint32(b[68:])),
		uniform:   segment.Ops(b[72]),
	}
	g.low = position(&g.first)
	if g.n == 0 || g.n > groupEntries || g.keyBlocks > g.n || g.high < g.low {
		return g, corruptf("%d entries, %d key blocks, from %x to %x", g.n, g.keyBlocks, g.low, g.high)
	}
	if g.keys != start || g.index < g.keys || g.index > limit {
		return g, corruptf("keys from %d to %d, expected from %d", g.keys, g.index, start)
	}
	g.place()
	if g.end != le.Uint64(b[56:]) || g.end > limit {
		return g, corruptf("columns end at %d, not at %d", g.end, le.Uint64(b[56:]))
	}
	return g, nil
}

// position is where a hash stands in the space of all hashes: its first eight bytes.
func position(h *segment.Hash) uint64 { return binary.BigEndian.Uint64(h[:]) }

// point is a place inside a group in filter lines, with 32 fractional bits.
type point uint64

func (p point) line() int { return int(p >> 32) }

// within returns the index in [from, to), which must not be empty, at the fraction of p.
func (p point) within(from, to int) int { return from + int(uint64(uint32(p))*uint64(to-from)>>32) }

// point maps a position in [low, high] to a point below the number of lines.
func (g *group) point(at uint64) point {
	p, _ := bits.Mul64((at-g.low)<<g.shift, g.scale)
	return point(p)
}

// scaleOf returns the factor and shift that spread positions 0 to span over lines evenly.
func scaleOf(span uint64, lines int) (scale uint64, shift uint8) {
	if span == 0 {
		return 0, 0
	}
	shift = uint8(bits.LeadingZeros64(span))
	if top := span << shift; top+1 != 0 {
		scale, _ = bits.Div64(uint64(lines)<<32, 0, top+1)
		return scale, shift
	}
	return uint64(lines) << 32, shift
}
