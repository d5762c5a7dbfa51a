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
// the kind. It writes in one pass and keeps about 4 MiB in memory, however many changes there are.
// An error of the iterator ends it and is returned.
func Write(w io.Writer, kind Kind, changes iter.Seq2[segment.Change, error]) (Summary, error) {
	a := newAssembler(w, kind)
	g := groupWriter{kind: kind}
	var last segment.Hash
	for ch, err := range changes {
		if err == nil {
			err = g.check(&ch)
		}
		if err == nil && a.sum.Entries+int64(g.n) > 0 && bytes.Compare(last[:], ch.Hash[:]) >= 0 {
			err = fmt.Errorf("write roster: %s comes after %s", ch.Hash, last)
		}
		if err != nil {
			return Summary{}, err
		}
		last = ch.Hash
		g.add(&ch)
		if g.n == groupEntries {
			if a.append(g.encode()); a.out.err != nil {
				return Summary{}, fmt.Errorf("write roster: %w", a.out.err)
			}
		}
	}
	if g.n > 0 {
		a.append(g.encode())
	}
	return a.finish()
}

// assembler puts encoded groups one after the other into a roster.
type assembler struct {
	out       blockWriter
	sum       Summary
	directory []byte
}

func newAssembler(w io.Writer, kind Kind) *assembler {
	a := &assembler{out: blockWriter{w: bufio.NewWriterSize(w, 64<<10)}, sum: Summary{Kind: kind}}
	a.out.write(appendHeader(nil, kind))
	return a
}

// append writes a group.
func (a *assembler) append(e encodedGroup) {
	g := e.group
	g.keys += a.out.off
	g.index += a.out.off
	g.place()
	a.out.write(e.bytes)
	a.directory = g.appendTo(a.directory)
	a.sum.Entries += int64(g.n)
	a.sum.Counts.Included += e.counts.Included
	a.sum.Counts.Excluded += e.counts.Excluded
	a.sum.Keys += e.keys
}

// finish writes the footer.
func (a *assembler) finish() (Summary, error) {
	t := trailer{footer: a.out.off, groups: uint32(len(a.directory) / directoryBytes)}
	footer := slices.Concat(a.directory, a.out.closeBlocks())
	a.sum.Bytes = int64(t.footer) + int64(len(footer)) + trailerBytes
	t.sum = a.sum
	a.out.write(appendTrailer(footer, t))
	if a.out.err == nil {
		a.out.err = a.out.w.Flush()
	}
	if a.out.err != nil {
		return Summary{}, fmt.Errorf("write roster: %w", a.out.err)
	}
	return a.sum, nil
}

// encodedGroup is a group whose offsets count from its own first byte.
type encodedGroup struct {
	group  group
	bytes  []byte // the writer's: valid until it adds to the next group, unless it is given another buffer
	counts segment.Counts
	keys   int64
}

// groupWriter collects the columns of consecutive entries.
type groupWriter struct {
	kind Kind
	n    int

	first, last segment.Hash
	uniform     segment.Ops
	mixed       bool // the entries have not all the same operations
	counts      segment.Counts
	known       int64 // entries with a key

	heads    []byte
	rests    []byte
	ops      []byte
	filter   []byte
	keys     keyBlock
	keyFrom  int // the entry with which the present key block begins
	keyIndex []byte
	out      []byte // packed keys so far, then the whole group
}

// check refuses a change that the kind of roster can't hold.
func (w *groupWriter) check(ch *segment.Change) error {
	if !w.kind.allows(ch.Ops) {
		return fmt.Errorf("write roster: operations %#x in a roster of kind %d", uint8(ch.Ops), w.kind)
	}
	if len(ch.Key) > segment.MaxKeyBytes {
		return fmt.Errorf("write roster: key of %d bytes", len(ch.Key))
	}
	return nil
}

// add appends an entry, which must come after those before.
func (w *groupWriter) add(ch *segment.Change) {
	if w.n == 0 {
		w.first, w.uniform, w.mixed = ch.Hash, ch.Ops, false
		w.counts, w.known = segment.Counts{}, 0
		w.heads, w.rests, w.ops = w.heads[:0], w.rests[:0], w.ops[:0]
		w.keyIndex, w.keyFrom, w.out = w.keyIndex[:0], 0, w.out[:0]
	}
	w.last = ch.Hash
	w.heads = append(w.heads, ch.Hash[:columnBytes]...)
	w.rests = append(w.rests, ch.Hash[columnBytes:]...)
	if w.n%2 == 0 {
		w.ops = append(w.ops, byte(ch.Ops))
	} else {
		w.ops[w.n/2] |= byte(ch.Ops) << 4
	}
	w.mixed = w.mixed || ch.Ops != w.uniform
	w.n++
	w.counts = w.counts.Add(ch.Ops.Settled())
	if len(ch.Key) > 0 {
		w.known++
	}
	w.keys.add(ch.Key)
	if w.keys.full() {
		w.closeKeys()
	}
}

func (w *groupWriter) closeKeys() {
	w.out = append(w.out, w.keys.pack()...)
	w.keyIndex = appendKeyIndex(w.keyIndex, keyIndexEntry{w.keyFrom, uint64(len(w.out))})
	w.keyFrom = w.n
}

// encode returns the group and begins a new one.
func (w *groupWriter) encode() encodedGroup {
	if w.keyFrom < w.n {
		w.closeKeys()
	}
	g := group{
		first: w.first, n: w.n, low: position(&w.first), high: position(&w.last),
		index: uint64(len(w.out)), uniform: w.uniform,
	}
	if g.index > 0 {
		g.keyBlocks = len(w.keyIndex) / keyIndexBytes
		w.out = append(w.out, w.keyIndex...)
	}
	if w.mixed {
		g.uniform = 0
	}
	g.place()
	w.fillFilter(&g)
	w.padTo(g.filter)
	w.out = append(w.out, w.filter...)
	w.out = append(w.out, w.heads...)
	w.out = append(w.out, w.rests...)
	if w.mixed {
		w.out = append(w.out, w.ops...)
	}
	w.padTo(g.end)
	w.n = 0
	return encodedGroup{group: g, bytes: w.out, counts: w.counts, keys: w.known}
}

func (w *groupWriter) padTo(off uint64) {
	var zeros [alignment]byte
	w.out = append(w.out, zeros[:off-uint64(len(w.out))]...)
}

func (w *groupWriter) fillFilter(g *group) {
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
