package roster

import (
	"encoding/binary"

	"muster/internal/segment"
)

// A filter line is one cache line: 496 bits of a Bloom filter over the hashes whose point lies in
// it, then the index of the first of them. A hash thus touches one cache line to learn that it is
// absent, and that line also says where to look if it may be present.
const (
	lineBytes    = 64
	lineBits     = 496
	bitsPerEntry = 10
	probes       = 6
)

func linesFor(entries int) int { return (entries*bitsPerEntry + lineBits - 1) / lineBits }

func lineStart(line []byte) int { return int(binary.LittleEndian.Uint16(line[lineBits/8:])) }

func setLineStart(line []byte, i int) {
	binary.LittleEndian.PutUint16(line[lineBits/8:], uint16(i))
}

// probe returns the i-th bit of h in its line. The second half of the hash is independent of the
// first, which chose the line.
func probe(h *segment.Hash, i int) uint32 {
	return uint32(binary.LittleEndian.Uint16(h[16+2*i:])) * lineBits >> 16
}

func addTo(line []byte, h *segment.Hash) {
	for i := range probes {
		bit := probe(h, i)
		line[bit/8] |= 1 << (bit % 8)
	}
}

// mayHold reports false only if h was not added to the line.
func mayHold(line []byte, h *segment.Hash) bool {
	for i := range probes {
		bit := probe(h, i)
		if line[bit/8]&(1<<(bit%8)) == 0 {
			return false
		}
	}
	return true
}
