package roster

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"slices"

	"muster/internal/segment"
)

// Write writes a roster of the changes, which must come in strictly ascending hash order and suit
// the kind. It writes in one pass and keeps about 2 MiB in memory, however many changes there are.
// An error of the iterator ends it and is returned.
func Write(w io.Writer, kind Kind, changes iter.Seq2[segment.Change, error]) (Summary, error) {
	wr := writer{out: blockWriter{w: bufio.NewWriterSize(w, 64<<10)}, sum: Summary{Kind: kind}}
	wr.out.write(appendHeader(nil, kind))
	for ch, err := range changes {
		if err == nil {
			err = wr.add(&ch)
		}
		if err != nil {
			return Summary{}, err
		}
	}
	wr.closeGroup()
	wr.finish()
	if wr.out.err != nil {
		return Summary{}, fmt.Errorf("write roster: %w", wr.out.err)
	}
	return wr.sum, nil
}

// writer holds the columns of the group that is being filled. Keys go out at once.
type writer struct {
	out blockWriter
	sum Summary

	group     group
	last      segment.Hash
	heads     []byte
	rests     []byte
	ops       []byte
	filter    []byte
	mixed     bool // the entries of the group have not all the same operations
	keys      keyBlock
	keyFrom   int // the entry with which the present key block begins
	keyIndex  []byte
	directory []byte
}

func (w *writer) add(ch *segment.Change) error {
	if !w.sum.Kind.allows(ch.Ops) {
		return fmt.Errorf("write roster: operations %#x in a roster of kind %d", uint8(ch.Ops), w.sum.Kind)
	}
	if len(ch.Key) > segment.MaxKeyBytes {
		return fmt.Errorf("write roster: key of %d bytes", len(ch.Key))
	}
	if w.sum.Entries > 0 && bytes.Compare(w.last[:], ch.Hash[:]) >= 0 {
		return fmt.Errorf("write roster: %s comes after %s", ch.Hash, w.last)
	}
	if w.out.err != nil {
		return fmt.Errorf("write roster: %w", w.out.err)
	}
	g := &w.group
	if g.n == 0 {
		*g = group{first: ch.Hash, keys: w.out.off, uniform: ch.Ops}
		w.mixed = false
	}
	w.last = ch.Hash
	w.heads = append(w.heads, ch.Hash[:columnBytes]...)
	w.rests = append(w.rests, ch.Hash[columnBytes:]...)
	if g.n%2 == 0 {
		w.ops = append(w.ops, byte(ch.Ops))
	} else {
		w.ops[g.n/2] |= byte(ch.Ops) << 4
	}
	w.mixed = w.mixed || ch.Ops != g.uniform
	g.n++
	w.sum.Entries++
	w.sum.Counts = w.sum.Counts.Add(ch.Ops.Settled())
	if len(ch.Key) > 0 {
		w.sum.Keys++
	}
	w.keys.add(ch.Key)
	if w.keys.full() {
		w.closeKeys()
	}
	if g.n == groupEntries {
		w.closeGroup()
	}
	return nil
}

func (w *writer) closeKeys() {
	w.out.write(w.keys.pack())
	w.keyIndex = appendKeyIndex(w.keyIndex, keyIndexEntry{w.keyFrom, w.out.off - w.group.keys})
	w.keyFrom = w.group.n
}

// closeGroup writes the columns of the group and its directory entry.
func (w *writer) closeGroup() {
	g := &w.group
	if g.n == 0 {
		return
	}
	if w.keyFrom < g.n {
		w.closeKeys()
	}
	g.low, g.high = position(&g.first), position(&w.last)
	g.index = w.out.off
	if g.index > g.keys {
		g.keyBlocks = len(w.keyIndex) / keyIndexBytes
		w.out.write(w.keyIndex)
	}
	if w.mixed {
		g.uniform = 0
	}
	g.place()
	w.fillFilter()
	w.out.padTo(g.filter)
	w.out.write(w.filter)
	w.out.write(w.heads)
	w.out.write(w.rests)
	if w.mixed {
		w.out.write(w.ops)
	}
	w.out.padTo(g.end)
	w.directory = g.appendTo(w.directory)
	w.heads, w.rests, w.ops = w.heads[:0], w.rests[:0], w.ops[:0]
	w.keyIndex, w.keyFrom = w.keyIndex[:0], 0
	g.n = 0
}

func (w *writer) fillFilter() {
	g := &w.group
	w.filter = append(w.filter[:0], make([]byte, g.lines*lineBytes)...)
	var h segment.Hash
	at := 0 // lines up to this one know where they start
	for i := range g.n {
		copy(h[:columnBytes], w.heads[i*columnBytes:])
		copy(h[columnBytes:], w.rests[i*columnBytes:])
		line := g.point(position(&h)).line()
		for ; at < line; at++ {
			setLineStart(w.filter[(at+1)*lineBytes:][:lineBytes], i)
		}
		addTo(w.filter[line*lineBytes:][:lineBytes], &h)
	}
	for ; at+1 < g.lines; at++ {
		setLineStart(w.filter[(at+1)*lineBytes:][:lineBytes], g.n)
	}
}

// finish writes the footer.
func (w *writer) finish() {
	t := trailer{footer: w.out.off, groups: uint32(len(w.directory) / directoryBytes)}
	footer := slices.Concat(w.directory, w.out.closeBlocks())
	w.sum.Bytes = int64(t.footer) + int64(len(footer)) + trailerBytes
	t.sum = w.sum
	w.out.write(appendTrailer(footer, t))
	if w.out.err == nil {
		w.out.err = w.out.w.Flush()
	}
}

// blockWriter counts bytes and takes the checksum of each block. After an error it does nothing.
type blockWriter struct {
	w    *bufio.Writer
	off  uint64
	sum  uint32
	sums []byte
	err  error
}

func (b *blockWriter) write(p []byte) {
	if b.err != nil {
		return
	}
	_, b.err = b.w.Write(p)
	for len(p) > 0 {
		n := min(uint64(len(p)), blockBytes-b.off%blockBytes)
		b.sum = crc32.Update(b.sum, castagnoli, p[:n])
		b.off += n
		p = p[n:]
		if b.off%blockBytes == 0 {
			b.closeBlock()
		}
	}
}

func (b *blockWriter) padTo(off uint64) {
	var zeros [alignment]byte
	if b.err == nil && b.off < off {
		b.write(zeros[:off-b.off])
	}
}

func (b *blockWriter) closeBlock() {
	b.sums = binary.LittleEndian.AppendUint32(b.sums, b.sum)
	b.sum = 0
}

// closeBlocks returns the checksums of all blocks written so far.
func (b *blockWriter) closeBlocks() []byte {
	if b.off%blockBytes != 0 {
		b.closeBlock()
	}
	return b.sums
}
