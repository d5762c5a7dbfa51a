package roster

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"muster/internal/segment"
)

// Base is a membership that a list is compared with. It may be asked by several goroutines.
type Base interface {
	// Range yields the members whose hash begins with a byte from first to last: settled operations
	// in hash order. Keys may be absent.
	Range(first, last byte) iter.Seq2[segment.Change, error]
	// Find returns the settled operations of a member, 0 if the context is none.
	Find(*segment.Hash) (segment.Ops, error)
	// Key returns the key of a member, nil if it is not known.
	Key(segment.Hash) ([]byte, error)
	// Len returns how many members there are, more or less.
	Len() int64
}

// lookupShare is the share of the base, as a divisor, below which the contexts of a list are looked
// up in it one by one: reading all of a large base costs more, most of all when it is not in memory.
const lookupShare = 64

// Meaning is what the keys of a list amount to.
type Meaning uint8

// A list may be all included contexts, contexts to include, or contexts not to include any more.
const (
	Everybody Meaning = iota
	Joining
	Leaving
)

// Build writes a roster of the list and says how the list differs from the base. A list of everybody
// becomes a full roster, into which the excluded contexts of the base are taken over; or, if it seems
// to differ from the base in fewer contexts than few, a partial one of exactly the changes that make
// the base the list. The other lists become partial ones of all their contexts. A nil writer only
// compares. Every writer must have been closed.
func (b *Builder) Build(ctx context.Context, out io.Writer, meaning Meaning, base Base, few int64) (Summary, segment.Diff, error) {
	spans := b.spans()
	kind := Partial
	changes := false
	if meaning == Everybody {
		var err error
		if changes, err = b.similar(ctx, spans[0], base, few); err != nil {
			return Summary{}, segment.Diff{}, err
		}
		if !changes {
			kind = Full
		}
	}
	var a *assembler
	if out != nil {
		a = newAssembler(out, kind)
	}
	ctx, cancel := context.WithCancel(ctx)
	lookup := meaning != Everybody && b.Len() < base.Len()/lookupShare
	results := make([]chan spanResult, len(spans))
	for i := range results {
		results[i] = make(chan spanResult, 1)
	}
	workers := min(b.workers, len(spans))
	ahead := make(chan struct{}, 2*workers+1) // bounds the spans in memory
	spare := make(chan []byte, 2*cap(ahead))  // buffers of groups that were written
	var next atomic.Int64
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	for range workers {
		running.Go(func() {
			w := spanWorker{
				b: b, meaning: meaning, base: base, lookup: lookup, write: out != nil, changes: changes,
				group: groupWriter{kind: kind}, spareBytes: spare,
			}
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
	b.effects = segment.Effects{}
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
		for _, had := range r.effective {
			b.effects.Append(had)
		}
		for _, g := range r.groups {
			if a.append(g); a.out.err != nil {
				return Summary{}, diff, fmt.Errorf("write roster: %w", a.out.err)
			}
			select {
			case spare <- g.bytes:
			default:
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

// Effects returns which entries of the partial roster that was written last, of those who join or leave,
// change the base that it was compared with.
func (b *Builder) Effects() segment.Effects { return b.effects }

// similar reports whether a list of everybody differs from the base in fewer contexts than few, going
// by one span of it: hashes are uniform, so a span is a sample.
func (b *Builder) similar(ctx context.Context, s span, base Base, few int64) (bool, error) {
	if few <= 0 {
		return false, nil
	}
	w := spanWorker{b: b, meaning: Everybody, base: base}
	r := w.build(ctx, s)
	changes := int64(r.diff.added+r.diff.removed) * partitions / int64(s.last-s.first+1)
	return changes < few, r.err
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
	groups    []encodedGroup
	effective []segment.Ops // of each entry of those who join or leave
	diff      spanDiff
	err       error
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
	lookup  bool // ask the base for each context instead of reading it
	write   bool
	changes bool        // emit only what differs from the base
	had     segment.Ops // what the operations that are emitted change of the base
	raw     []byte
	items   []item
	spare   []item
	group   groupWriter

	spareBytes <-chan []byte
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
		r.groups = append(r.groups, w.group.encode())
		// The bytes belong to the group now.
		select {
		case w.group.out = <-w.spareBytes:
		default:
			w.group.out = nil
		}
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
		if w.meaning != Everybody {
			r.effective = append(r.effective, w.had)
		}
		if w.group.n == limit || w.group.n == groupEntries {
			flush()
		}
		w.group.add(&segment.Change{Hash: *h, Ops: ops, Key: key})
	}
	if w.lookup {
		r.err = w.lookUp(ctx, &r.diff, emit)
	} else {
		r.err = w.compare(ctx, s, &r.diff, emit)
	}
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
func (w *spanWorker) compare(ctx context.Context, s span, d *spanDiff, emit func(*segment.Hash, segment.Ops, []byte)) error {
	i, read := 0, 0
	// listed emits the listed contexts before h, all that remain when it is nil.
	listed := func(h *segment.Hash) {
		for ; i < len(w.items) && (h == nil || w.before(i, h)); i++ {
			w.listed(i, 0, d, emit)
		}
	}
	for c, err := range w.base.Range(byte(s.first), byte(s.last)) {
		if read++; err == nil && read%groupEntries == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		listed(&c.Hash)
		if i < len(w.items) && w.items[i].head == position(&c.Hash) && *w.hash(i) == c.Hash {
			w.listed(i, c.Ops, d, emit)
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
		if w.changes {
			if c.Ops&segment.Include != 0 {
				emit(&c.Hash, segment.Uninclude, nil)
			}
			continue
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

// lookUp asks the base for each listed context and emits what the roster holds.
func (w *spanWorker) lookUp(ctx context.Context, d *spanDiff, emit func(*segment.Hash, segment.Ops, []byte)) error {
	for i := range w.items {
		now, err := w.base.Find(w.hash(i))
		if err == nil && i%1024 == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		w.listed(i, now, d, emit)
	}
	return nil
}

// listed counts a listed context, whose state in the base is now, and emits it. The list lies in
// memory in another order, so what stays out of the roster is better not looked at.
func (w *spanWorker) listed(i int, now segment.Ops, d *spanDiff, emit func(*segment.Hash, segment.Ops, []byte)) {
	included := now&segment.Include != 0
	ops := segment.Include
	n, samples := &d.unchanged, (*[]string)(nil)
	switch {
	case w.meaning == Leaving:
		ops = segment.Uninclude
		if included {
			n, samples = &d.removed, &d.removedKeys
		}
	case !included:
		n, samples = &d.added, &d.addedKeys
	}
	*n++
	if samples != nil && len(*samples) < segment.MaxDiffSamples {
		if key := w.key(i); len(key) > 0 {
			*samples = append(*samples, string(key))
		}
	}
	if !w.write || w.changes && included {
		return
	}
	if w.meaning == Everybody && !w.changes {
		ops |= now & segment.Exclude
	}
	w.had = ops.Effective(now)
	emit(w.hash(i), ops, w.key(i))
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
