package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"sort"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

const (
	// traceTime is how long reading the log may take.
	traceTime = 2 * time.Second
	// leastTraced and mostTraced are how many entries are read in one go. A log is read forwards only,
	// so nothing of a stretch is known before all of it was read.
	leastTraced = 64
	mostTraced  = 8192
)

// event is one thing that the log tells of a context in one of the segments.
type event struct {
	store.Step
	generation segment.Generation
	sent       bool // the operations are as they were sent, and may have had no effect
}

// tracer reads a log backwards for one context in some segments.
type tracer struct {
	e       *Engine
	env     segment.EnvID
	of      func(segment.Key) bool
	hash    segment.Hash
	trimmed segment.Revision // the log begins after it, as far as it is known
	oldest  time.Time        // of the entries read
	whole   bool             // all of a log was read that begins with its environment
	held    []event          // newest first: what the next one did depends on older ones of its segment
}

// Trace yields what happened to one context in some segments, newest first.
func (e *Engine) Trace(ctx context.Context, id segment.EnvID, of func(segment.Key) bool, h segment.Hash) iter.Seq2[store.Step, error] {
	return func(yield func(store.Step, error) bool) {
		env := e.environment(id)
		if env == nil {
			yield(store.Step{}, fmt.Errorf("trace a context of environment %s: %w", id, store.ErrNoEnvironment))
			return
		}
		t := &tracer{e: e, env: id, of: of, hash: h, oldest: e.o.Now()}
		if more, err := t.trace(ctx, segment.Revision(env.head.Load()), yield); err != nil {
			yield(store.Step{}, fmt.Errorf("trace a context of environment %s: %w", id, err))
		} else if more {
			yield(store.Step{Since: t.oldest}, nil)
		}
	}
}

// trace yields the steps up to a revision; false if no more is wanted.
func (t *tracer) trace(ctx context.Context, hi segment.Revision, yield func(store.Step, error) bool) (bool, error) {
	began := time.Now()
	n := segment.Revision(leastTraced)
	for hi > t.trimmed && time.Since(began) < traceTime {
		start := time.Now()
		lo := max(t.trimmed, hi-min(hi, n))
		events, err := t.read(ctx, lo, hi)
		if errors.Is(err, store.ErrTrimmed) {
			if err := t.findBegin(ctx, lo, hi); err != nil {
				return false, err
			}
			continue
		}
		if err != nil {
			return false, err
		}
		for _, v := range slices.Backward(events) {
			t.held = append(t.held, v)
		}
		if !t.release(false, yield) {
			return false, nil
		}
		switch took := time.Since(start); {
		case took < traceTime/40:
			n = min(2*n, mostTraced)
		case took > traceTime/10:
			n = max(n/2, 1)
		}
		hi = lo
	}
	t.whole = hi == 0 && t.trimmed == 0
	return t.release(true, yield), nil
}

// findBegin finds where a log that does not reach back to lo begins.
func (t *tracer) findBegin(ctx context.Context, lo, hi segment.Revision) error {
	var failed error
	n := sort.Search(int(hi-lo), func(i int) bool {
		for _, err := range t.e.log.Read(ctx, t.env, lo+segment.Revision(i)) {
			if err != nil && !errors.Is(err, store.ErrTrimmed) {
				failed = err
			}
			return err == nil
		}
		return true
	})
	t.trimmed = max(lo+segment.Revision(n), t.trimmed+1)
	return failed
}

// read returns what the entries after lo up to hi tell, oldest first.
func (t *tracer) read(ctx context.Context, lo, hi segment.Revision) ([]event, error) {
	var all []event
	var oldest time.Time
	for r, err := range t.e.log.Read(ctx, t.env, lo) {
		if err != nil {
			return nil, err
		}
		at, events, err := t.glance(ctx, r)
		switch {
		case errors.Is(err, store.ErrTrimmed) || errors.Is(err, fs.ErrNotExist):
			// The log is being trimmed: what belongs to the entry is gone already.
			all, oldest = nil, time.Time{}
			t.trimmed = r.Revision
		case err != nil:
			return nil, fmt.Errorf("revision %d: %w", r.Revision, err)
		default:
			if oldest.IsZero() {
				oldest = at
			}
			all = append(all, events...)
		}
		if r.Revision == hi {
			break
		}
	}
	if !oldest.IsZero() {
		t.oldest = oldest
	}
	return all, nil
}

// glance returns what an entry tells, and when it was made. It takes apart only what it looks for.
func (t *tracer) glance(ctx context.Context, r store.Record) (at time.Time, events []event, err error) {
	body, err := checkedEntry(r.Value)
	if err != nil {
		return at, nil, err
	}
	d := decoder{b: body}
	_, at = d.head()
	step := store.Step{Revision: r.Revision, At: at}
	for range d.count(4) {
		d.skipDefinition()
	}
	for range d.count(5) {
		v := t.change(&d)
		switch {
		case v == nil:
			continue
		case v.elsewhere:
			step.Ops, err = t.lookUp(ctx, r, segment.Ref{Key: v.key, Generation: v.generation})
		default:
			step.Ops = v.ops
		}
		if err != nil {
			return at, nil, err
		}
		if step.Segment = v.key; step.Ops != 0 {
			events = append(events, event{step, v.generation, v.sent})
		}
	}
	if d.broken || len(d.b) > 0 {
		return at, nil, fmt.Errorf("entry of %d bytes is malformed: %w", len(r.Value), store.ErrCorrupt)
	}
	return at, events, nil
}

// skipDefinition passes over a definition.
func (d *decoder) skipDefinition() {
	d.octet()
	d.take(d.uvarint())
	d.uvarint()
	if n := d.uvarint(); n > 0 {
		d.take(n - 1)
	}
}

// glimpse is what a delta says about a context.
type glimpse struct {
	key        segment.Key
	generation segment.Generation
	ops        segment.Ops
	elsewhere  bool // the operations lie outside the entry
	sent       bool
}

// change reads a delta; nil if nobody asks for its segment.
func (t *tracer) change(d *decoder) *glimpse {
	key := segment.Key(d.take(d.uvarint()))
	mine := t.of(key)
	v := &glimpse{key: key, generation: segment.Generation(d.uvarint())}
	d.varint()
	d.varint()
	sort, _ := d.sort()
	switch sort & deltaForm {
	case deltaFile:
		d.take(uint64(len(store.FileID{})))
		d.uvarint()
		v.elsewhere, v.sent = true, true
	case deltaPublication:
		d.publication()
		d.skipChanges()
		v.elsewhere = true
	case deltaInline:
		if !mine {
			d.skipChanges()
		} else {
			v.ops = d.findIn(&t.hash)
		}
	default:
		d.fail()
	}
	if sort&deltaExact != 0 {
		d.take(d.uvarint())
	}
	if !mine || d.broken || sort&deltaAside != 0 {
		return nil
	}
	return v
}

// skipChanges passes over a list of changes.
func (d *decoder) skipChanges() {
	n := d.count(uint64(len(segment.Hash{})))
	d.take(uint64(n * len(segment.Hash{})))
	d.take(uint64(n+1) / 2)
}

// findIn reads a list of changes and returns that of one context, if it is there.
func (d *decoder) findIn(h *segment.Hash) segment.Ops {
	const size = len(segment.Hash{})
	n := d.count(uint64(size))
	hashes, pairs := d.take(uint64(n*size)), d.take(uint64(n+1)/2)
	if d.broken {
		return 0
	}
	i, ok := sort.Find(n, func(i int) int { return bytes.Compare(h[:], hashes[i*size:(i+1)*size]) })
	if !ok {
		return 0
	}
	return segment.Ops(pairs[i/2]>>(4*(i%2))) & 15
}

// lookUp returns what a delta did whose changes lie outside the entry.
func (t *tracer) lookUp(ctx context.Context, r store.Record, ref segment.Ref) (segment.Ops, error) {
	en, err := decodeEntry(r.Value)
	if err != nil {
		return 0, err
	}
	for _, d := range en.deltas {
		if d.ref == ref && !d.aside {
			m, err := t.e.readDelta(ctx, r, d)
			if err != nil {
				return 0, err
			}
			return m.Find(t.hash)
		}
	}
	return 0, nil
}

// release yields the events whose effect is known, or all if nothing more is read; false if no more
// is wanted.
func (t *tracer) release(all bool, yield func(store.Step, error) bool) bool {
	for len(t.held) > 0 {
		ops, known := t.effect()
		if !known && !all {
			break
		}
		step := t.held[0].Step
		step.Ops = ops
		t.held = t.held[1:]
		if ops != 0 && !yield(step, nil) {
			return false
		}
	}
	return true
}

// effect returns what the newest event held did, and whether more of the log could not change that.
func (t *tracer) effect() (ops segment.Ops, known bool) {
	v := &t.held[0]
	if !v.sent {
		return v.Ops, true
	}
	concerned := sets(v.Ops)
	before, known := t.before(concerned)
	told := concerned
	if !known {
		told = sets(before)
	}
	// Where nothing is told of the time before, what was sent is taken to have had an effect.
	return v.Ops.Effective(before.Settled()) | v.Ops&^both(told), told&concerned == concerned
}

// before returns the newest operations on sets of contexts that the events held of the same segment
// tell of from before the first of them, and whether nobody can have been in the sets that these leave open.
func (t *tracer) before(concerned segment.Ops) (ops segment.Ops, known bool) {
	first := &t.held[0]
	for i := range t.held[1:] {
		v := &t.held[1+i]
		if v.Segment != first.Segment {
			continue
		}
		if v.generation != first.generation { // what was before is another membership
			return ops, true
		}
		if ops = ops.Over(v.Ops); sets(ops)&concerned == concerned {
			return ops, true
		}
	}
	return ops, t.whole
}

// sets returns which of the two sets of contexts operations concern, as the adds to them.
func sets(ops segment.Ops) segment.Ops { return (ops | ops>>1).Settled() }

// both returns the adds to and removes from the sets that adds stand for.
func both(adds segment.Ops) segment.Ops { return adds | adds<<1 }
