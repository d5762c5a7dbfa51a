package roster

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"muster/internal/segment"
)

// partitions is how many parts a list is split into, by the first byte of the hash.
const partitions = 256

const (
	// chunkBytes is how much of one partition a writer collects before it hands it over.
	chunkBytes = 32 << 10
	// residentBytes is how much of a list stays in memory; the rest goes to the scratch file.
	residentBytes = 48 << 20
)

// Scratch is a file for what does not fit into memory. Its methods may be called by any number of
// goroutines.
type Scratch interface {
	io.WriterAt
	io.ReaderAt
	io.Closer
}

// Builder collects context keys of any number in any order and builds a roster of them. Its memory
// is bounded: keys lie in partitions by their hash, and each partition is sorted alone.
type Builder struct {
	scratch  func() (Scratch, error)
	resident atomic.Int64 // bytes in memory
	budget   int64
	entries  atomic.Int64

	mu     sync.Mutex
	file   Scratch
	end    int64
	chunks [partitions][]chunk
	counts [partitions]int
	err    error
}

// chunk is a piece of a partition, in memory or in the scratch file.
type chunk struct {
	memory []byte
	off    int64
	size   int
}

// NewBuilder returns an empty builder. The scratch file is made when it is first needed.
func NewBuilder(scratch func() (Scratch, error)) *Builder {
	return &Builder{scratch: scratch, budget: residentBytes}
}

// Len returns how many keys were added, repeats included.
func (b *Builder) Len() int64 { return b.entries.Load() }

// Discard frees everything.
func (b *Builder) Discard() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.chunks = [partitions][]chunk{}
	if b.file == nil {
		return nil
	}
	err := b.file.Close()
	b.file = nil
	return err
}

// BuilderWriter adds keys for one goroutine.
type BuilderWriter struct {
	b       *Builder
	buffers [partitions][]byte
	counts  [partitions]int
	grown   [partitions]bool // a buffer of full size was handed over
	n       int64
}

// Writer returns a writer. Several may be used at once.
func (b *Builder) Writer() *BuilderWriter { return &BuilderWriter{b: b} }

// Append adds a key, which is copied.
func (w *BuilderWriter) Append(key []byte) error {
	if len(key) == 0 || len(key) > segment.MaxKeyBytes {
		return fmt.Errorf("context key of %d bytes: 1 to %d are allowed", len(key), segment.MaxKeyBytes)
	}
	return w.AppendHash(segment.HashOf(key), key)
}

// AppendHash adds a context whose hash is known already; its key may be absent.
func (w *BuilderWriter) AppendHash(h segment.Hash, key []byte) error {
	p := h[0]
	buf := w.buffers[p]
	if len(buf)+len(h)+binary.MaxVarintLen16+len(key) > cap(buf) {
		if len(buf) >= chunkBytes/2 {
			if err := w.flush(int(p)); err != nil {
				return err
			}
			buf = w.buffers[p]
		}
		if need := len(buf) + len(h) + binary.MaxVarintLen16 + len(key); need > cap(buf) {
			size := min(chunkBytes, max(4*cap(buf), 256))
			if w.grown[p] {
				size = chunkBytes
			}
			buf = append(make([]byte, 0, max(need, size)), buf...)
		}
	}
	buf = append(buf, h[:]...)
	buf = binary.AppendUvarint(buf, uint64(len(key)))
	w.buffers[p] = append(buf, key...)
	w.counts[p]++
	w.n++
	return nil
}

// flush hands the buffer of a partition over.
func (w *BuilderWriter) flush(p int) error {
	buf := w.buffers[p]
	if len(buf) == 0 {
		return nil
	}
	c := chunk{size: len(buf)}
	if w.b.resident.Add(int64(cap(buf))) <= w.b.budget {
		c.memory = buf
		w.buffers[p] = nil
		w.grown[p] = true
	} else {
		w.b.resident.Add(-int64(cap(buf)))
		off, file, err := w.b.claim(int64(len(buf)))
		if err != nil {
			return err
		}
		if _, err := file.WriteAt(buf, off); err != nil {
			return fmt.Errorf("write scratch file: %w", err)
		}
		c.off = off
		w.buffers[p] = buf[:0]
	}
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	w.b.chunks[p] = append(w.b.chunks[p], c)
	w.b.counts[p] += w.counts[p]
	w.counts[p] = 0
	return nil
}

// claim returns where in the scratch file so many bytes may be written.
func (b *Builder) claim(n int64) (off int64, file Scratch, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return 0, nil, b.err
	}
	if b.file == nil {
		if b.file, b.err = b.scratch(); b.err != nil {
			b.err = fmt.Errorf("open scratch file: %w", b.err)
			return 0, nil, b.err
		}
	}
	off = b.end
	b.end += n
	return off, b.file, nil
}

// Close makes everything that was added part of the list.
func (w *BuilderWriter) Close() error {
	for p := range w.buffers {
		if err := w.flush(p); err != nil {
			return err
		}
	}
	w.b.entries.Add(w.n)
	w.buffers = [partitions][]byte{}
	w.n = 0
	return nil
}

// Base is a membership that a list is compared with. It may be asked by several goroutines.
type Base interface {
	// Range yields the members whose hash begins with a byte from first to last: settled operations
	// in hash order. Keys may be absent.
	Range(first, last byte) iter.Seq2[segment.Change, error]
	// Key returns the key of a member, nil if it is not known.
	Key(segment.Hash) ([]byte, error)
}

// Meaning is what the keys of a list amount to.
type Meaning uint8

// A list may be all included contexts, contexts to include, or contexts not to include any more.
const (
	Everybody Meaning = iota
	Joining
	Leaving
)

// Build writes a roster of the list and says how the list differs from the base. A list of everybody
// becomes a full roster, into which the excluded contexts of the base are taken over; the other lists
// become partial ones. A nil writer only compares. Every writer must have been closed.
func (b *Builder) Build(ctx context.Context, out io.Writer, meaning Meaning, base Base) (Summary, segment.Diff, error) {
	kind := Partial
	if meaning == Everybody {
		kind = Full
	}
	var a *assembler
	if out != nil {
		a = newAssembler(out, kind)
	}
	ctx, cancel := context.WithCancel(ctx)
	spans := b.spans()
	results := make([]chan spanResult, len(spans))
	for i := range results {
		results[i] = make(chan spanResult, 1)
	}
	workers := min(runtime.GOMAXPROCS(0), len(spans))
	ahead := make(chan struct{}, 2*workers+1) // bounds the spans in memory
	var next atomic.Int64
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	for range workers {
		running.Go(func() {
			w := spanWorker{b: b, meaning: meaning, base: base, write: out != nil, group: groupWriter{kind: kind}}
			for {
				select {
				case ahead <- struct{}{}:
				case <-ctx.Done():
					return
				}
				i := int(next.Add(1)) - 1
				if i >= len(spans) {
					return
				}
				results[i] <- w.build(ctx, spans[i])
			}
		})
	}
	var diff segment.Diff
	for i := range spans {
		var r spanResult
		select {
		case r = <-results[i]:
		case <-ctx.Done():
			return Summary{}, diff, ctx.Err()
		}
		if r.err != nil {
			return Summary{}, diff, r.err
		}
		r.diff.addTo(&diff)
		for _, g := range r.groups {
			if a.append(g); a.out.err != nil {
				return Summary{}, diff, fmt.Errorf("write roster: %w", a.out.err)
			}
		}
		<-ahead
	}
	if a == nil {
		return Summary{}, diff, nil
	}
	sum, err := a.finish()
	return sum, diff, err
}

// span is a range of partitions that is built at once: as many as fit into a group, at least one.
type span struct{ first, last int }

func (b *Builder) spans() []span {
	var out []span
	n := 0
	for p := range partitions {
		c := b.counts[p]
		if len(out) == 0 || n+c > groupEntries {
			out = append(out, span{p, p})
			n = c
			continue
		}
		out[len(out)-1].last = p
		n += c
	}
	return out
}

type spanResult struct {
	groups []encodedGroup
	diff   spanDiff
	err    error
}

// spanDiff is how a span differs from the base.
type spanDiff struct {
	added, removed, unchanged int
	addedKeys, removedKeys    []string
}

func (d *spanDiff) addTo(all *segment.Diff) {
	all.Added += d.added
	all.Removed += d.removed
	all.Unchanged += d.unchanged
	room := func(have []string, more []string) []string {
		return append(have, more[:min(len(more), segment.MaxDiffSamples-len(have))]...)
	}
	all.AddedKeys = room(all.AddedKeys, d.addedKeys)
	all.RemovedKeys = room(all.RemovedKeys, d.removedKeys)
}

// spanWorker builds one span after the other.
type spanWorker struct {
	b       *Builder
	meaning Meaning
	base    Base
	write   bool
	raw     []byte
	items   []item
	spare   []item
	group   groupWriter
}

// item is an entry of a span: the start of its hash after the first byte, and where it stands in raw.
type item struct {
	head uint64
	off  uint32
}

var errSpan = errors.New("too many keys begin with the same byte of their hash")

func (w *spanWorker) build(ctx context.Context, s span) (r spanResult) {
	if r.err = ctx.Err(); r.err != nil {
		return r
	}
	if r.err = w.read(s); r.err != nil {
		return r
	}
	w.sort(s)
	folded := w.fold()
	r.diff.unchanged = folded
	size := len(w.items)
	flush := func() {
		g := w.group.encode()
		g.bytes = bytes.Clone(g.bytes)
		r.groups = append(r.groups, g)
	}
	// Groups of a span are of one size, so that none is tiny.
	limit := groupEntries
	if n := (size + groupEntries - 1) / groupEntries; n > 1 {
		limit = (size + n - 1) / n
	}
	emit := func(h *segment.Hash, ops segment.Ops, key []byte) {
		if !w.write {
			return
		}
		if w.group.n == limit || w.group.n == groupEntries {
			flush()
		}
		w.group.add(&segment.Change{Hash: *h, Ops: ops, Key: key})
	}
	r.err = w.compare(s, &r.diff, emit)
	if w.group.n > 0 {
		if r.err != nil {
			w.group.n = 0
			w.group.keys = keyBlock{}
			return r
		}
		flush()
	}
	return r
}

// compare walks list and base side by side and emits what the roster holds.
func (w *spanWorker) compare(s span, d *spanDiff, emit func(*segment.Hash, segment.Ops, []byte)) error {
	i := 0
	// listed emits the listed contexts before h, all that remain when it is nil.
	listed := func(h *segment.Hash) {
		for ; i < len(w.items); i++ {
			mine := w.hash(i)
			if h != nil && bytes.Compare(mine[:], h[:]) >= 0 {
				return
			}
			w.listed(mine, w.key(i), 0, d, emit)
		}
	}
	for c, err := range w.base.Range(byte(s.first), byte(s.last)) {
		if err != nil {
			return err
		}
		listed(&c.Hash)
		if i < len(w.items) && *w.hash(i) == c.Hash {
			w.listed(&c.Hash, w.key(i), c.Ops, d, emit)
			i++
			continue
		}
		if w.meaning != Everybody {
			continue
		}
		if c.Ops&segment.Include != 0 {
			d.removed++
			if len(d.removedKeys) < segment.MaxDiffSamples {
				key, err := w.base.Key(c.Hash)
				if err != nil {
					return err
				}
				if len(key) > 0 {
					d.removedKeys = append(d.removedKeys, string(key))
				}
			}
		}
		if c.Ops&segment.Exclude != 0 {
			key, err := w.base.Key(c.Hash)
			if err != nil {
				return err
			}
			emit(&c.Hash, segment.Exclude, key)
		}
	}
	listed(nil)
	return nil
}

// listed counts a listed context, whose state in the base is now, and emits it.
func (w *spanWorker) listed(h *segment.Hash, key []byte, now segment.Ops, d *spanDiff, emit func(*segment.Hash, segment.Ops, []byte)) {
	included := now&segment.Include != 0
	ops := segment.Include
	switch {
	case w.meaning == Leaving:
		ops = segment.Uninclude
		if included {
			d.removed++
			if len(key) > 0 && len(d.removedKeys) < segment.MaxDiffSamples {
				d.removedKeys = append(d.removedKeys, string(key))
			}
		} else {
			d.unchanged++
		}
	case included:
		d.unchanged++
	default:
		d.added++
		if len(key) > 0 && len(d.addedKeys) < segment.MaxDiffSamples {
			d.addedKeys = append(d.addedKeys, string(key))
		}
	}
	if w.meaning == Everybody {
		ops |= now & segment.Exclude
	}
	emit(h, ops, key)
}

// read brings the chunks of a span into memory.
func (w *spanWorker) read(s span) error {
	w.raw, w.items = w.raw[:0], w.items[:0]
	size := 0
	for p := s.first; p <= s.last; p++ {
		for _, c := range w.b.chunks[p] {
			size += c.size
		}
	}
	if int64(size) > 1<<32-1 {
		return errSpan
	}
	w.raw = slices.Grow(w.raw, size)
	for p := s.first; p <= s.last; p++ {
		for _, c := range w.b.chunks[p] {
			from := len(w.raw)
			w.raw = w.raw[:from+c.size]
			if c.memory != nil {
				copy(w.raw[from:], c.memory)
			} else if _, err := w.b.file.ReadAt(w.raw[from:], c.off); err != nil {
				return fmt.Errorf("read scratch file: %w", err)
			}
		}
	}
	for off := 0; off < len(w.raw); {
		h := w.raw[off:]
		w.items = append(w.items, item{binary.BigEndian.Uint64(h), uint32(off)})
		n, used := binary.Uvarint(h[len(segment.Hash{}):])
		off += len(segment.Hash{}) + used + int(n)
	}
	return nil
}

func (w *spanWorker) hash(i int) *segment.Hash {
	return (*segment.Hash)(w.raw[w.items[i].off:])
}

func (w *spanWorker) key(i int) []byte {
	b := w.raw[w.items[i].off+uint32(len(segment.Hash{})):]
	n, used := binary.Uvarint(b)
	return b[used : used+int(n)]
}

// The digits by which items are sorted: two of radixBits, taken from below the top byte, which is
// the same in nearly all spans that are large.
const (
	radixBits = 11
	radixSize = 1 << radixBits
	radixMin  = 4 << 10 // items below which comparing is faster
)

// sort puts the items into the order of their hashes; of equal ones the last added comes last.
func (w *spanWorker) sort(s span) {
	n := len(w.items)
	if n < radixMin {
		slices.SortFunc(w.items, w.order)
		return
	}
	const top = 64 - 8
	const low = top - 2*radixBits
	w.spare = slices.Grow(w.spare[:0], n)[:n]
	radix(w.items, w.spare, low)
	radix(w.spare, w.items, low+radixBits)
	if s.first < s.last {
		radix(w.items, w.spare, top)
		w.items, w.spare = w.spare, w.items
	}
	w.settle(low)
}

func (w *spanWorker) order(a, b item) int {
	if c := cmp.Compare(a.head, b.head); c != 0 {
		return c
	}
	if c := bytes.Compare(w.raw[a.off:a.off+32], w.raw[b.off:b.off+32]); c != 0 {
		return c
	}
	return cmp.Compare(a.off, b.off)
}

// settle sorts the runs of items that are equal in the bits from low up.
func (w *spanWorker) settle(low int) {
	for i := 0; i < len(w.items); {
		j := i + 1
		for j < len(w.items) && w.items[j].head>>low == w.items[i].head>>low {
			j++
		}
		if j-i > 1 {
			slices.SortFunc(w.items[i:j], w.order)
		}
		i = j
	}
}

// radix sorts from into to by one digit, keeping the order of equal ones.
func radix(from, to []item, shift int) {
	var starts [radixSize]uint32
	for i := range from {
		starts[from[i].head>>shift&(radixSize-1)]++
	}
	sum := uint32(0)
	for d, n := range starts {
		starts[d] = sum
		sum += n
	}
	for i := range from {
		d := from[i].head >> shift & (radixSize - 1)
		to[starts[d]] = from[i]
		starts[d]++
	}
}

// fold keeps one of the items with one hash and returns how many it left out.
func (w *spanWorker) fold() int {
	n := 0
	for i := range w.items {
		if n > 0 && w.items[i].head == w.items[n-1].head && *w.hash(i) == *w.hash(n - 1) {
			if len(w.key(i)) > 0 { // the last one whose key is known stands for all
				w.items[n-1] = w.items[i]
			}
			continue
		}
		w.items[n] = w.items[i]
		n++
	}
	folded := len(w.items) - n
	w.items = w.items[:n]
	return folded
}
