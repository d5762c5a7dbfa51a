package sink

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

// tailBatch is the next changes of the log that are written at once. Of each context in each ref it has
// one, later operations over earlier ones.
type tailBatch struct {
	changes     []store.RefChange
	index       map[place]int // of changes; nil while they are of one entry
	definitions map[definitionName]segment.Definition
	entry       segment.Revision // the only one that it has changes of; 0 for several or none
	began       time.Time        // when the first entry was committed that isn't written; zero: none is
	through     segment.Cursor   // of who has the batch
}

// place is a context in a ref.
type place struct {
	ref  segment.Ref
	hash segment.Hash
}

type definitionName struct {
	kind segment.DefinitionKind
	key  string
}

// join prepares the batch for the changes of an entry.
func (b *tailBatch) join(rev segment.Revision) {
	switch {
	case len(b.changes) == 0:
		b.entry, b.index = rev, nil
	case b.entry != rev:
		b.entry = 0
		if b.index == nil {
			b.index = make(map[place]int, 2*len(b.changes))
			for i, c := range b.changes {
				b.index[place{c.Ref, c.Hash}] = i
			}
		}
	}
}

func (b *tailBatch) add(c store.RefChange) {
	if b.index != nil {
		at := place{c.Ref, c.Hash}
		if i, ok := b.index[at]; ok {
			b.changes[i].Ops = c.Ops.Over(b.changes[i].Ops)
			return
		}
		b.index[at] = len(b.changes)
	}
	b.changes = append(b.changes, c)
}

// catchUp writes the log up to its head.
func (l *loop) catchUp(ctx context.Context) error {
	asked := l.now()
	if err := l.readOn(ctx); err != nil {
		return errors.Join(err, l.flight.land())
	}
	if l.m.tail.Ref == (segment.Ref{}) {
		l.through = asked
	}
	return nil
}

// readOn writes the entries after the tail. It ends with everything acknowledged, or with an error.
func (l *loop) readOn(ctx context.Context) error {
	b := &tailBatch{changes: l.flight.buffer(), through: l.m.tail}
	defer func() { l.flight.giveBack(b.changes) }()
	for e, err := range l.store.Entries(ctx, l.env, l.m.tail.Revision) {
		if err != nil {
			return fmt.Errorf("read the log of environment %s: %w", l.env, err)
		}
		if err := l.take(ctx, b, e); err != nil {
			return err
		}
	}
	return l.flush(ctx, b)
}

// take adds an entry to the batch and writes what is full.
func (l *loop) take(ctx context.Context, b *tailBatch, e *segment.Entry) error {
	if b.began.IsZero() {
		b.began = e.At
	}
	size := l.flight.size()
	deltas := slices.SortedFunc(slices.Values(e.Members), func(x, y segment.MemberDelta) int { return compareRefs(x.Ref, y.Ref) })
	from := b.through // who was in the middle of this entry has a place
	for _, d := range deltas {
		var after *segment.Hash
		switch order := compareRefs(d.Ref, from.Ref); {
		case from.Ref == (segment.Ref{}) || order > 0:
		case order < 0:
			continue
		default:
			after = &from.Hash
		}
		if e.Revision > l.spared {
			l.touched(d.Ref)
		}
		var failed error
		b.join(e.Revision)
		err := d.Each(after, func(c segment.Change) bool {
			if l.spares(e.Revision, d.Ref, &c.Hash) {
				if c.Ops &^= segment.Include | segment.Exclude; c.Ops == 0 {
					return true
				}
			}
			b.add(store.RefChange{Ref: d.Ref, Hash: c.Hash, Ops: c.Ops})
			if len(b.changes) < size {
				return true
			}
			b.through = l.m.tail.Through(e.Revision-1).At(d.Ref, c.Hash)
			failed = l.push(ctx, b)
			b.join(e.Revision)
			return failed == nil
		})
		if failed != nil {
			return failed
		}
		if errors.Is(err, store.ErrCorrupt) {
			l.hurt(err, l.now())
		} else if err != nil {
			return fmt.Errorf("read revision %d of environment %s: %w", e.Revision, l.env, err)
		}
	}
	b.through = l.m.tail.Through(e.Revision)
	if l.settings.DaemonMode && e.Revision > l.definedThrough && l.m.defined {
		for _, d := range e.Definitions {
			if b.definitions == nil {
				b.definitions = make(map[definitionName]segment.Definition)
			}
			d.JSON = bytes.Clone(d.JSON)
			b.definitions[definitionName{d.Kind, d.Key}] = d
		}
	}
	if len(b.definitions) >= maxDefinitions || len(b.changes) >= size {
		return l.flush(ctx, b)
	}
	return nil
}

// maxDefinitions is how many definitions are written at once.
const maxDefinitions = 256

func compareRefs(a, b segment.Ref) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Generation, b.Generation))
}

// push sends what is in the batch. Only changes of one entry are on their way at once: those of two may
// contradict each other.
func (l *loop) push(ctx context.Context, b *tailBatch) error {
	if l.flight.flying > 0 && (b.entry == 0 || b.entry != l.flyingEntry) || l.flight.flying >= landEvery {
		if err := l.landed(ctx); err != nil {
			return err
		}
	}
	l.suspect(b.changes)
	l.flyingEntry = b.entry
	changes := b.changes
	b.changes, b.index = nil, nil
	err := l.flight.send(ctx, changes)
	b.changes = l.flight.buffer()
	l.sent = sentTail{b.through, b.began}
	return err
}

// landEvery is after how many batches of a large entry the progress is noted.
const landEvery = 32

// sentTail is how far the tail is once everything that is on its way has been acknowledged.
type sentTail struct {
	through segment.Cursor
	began   time.Time // when the entry was committed that is being written
}

// landed waits for what is on its way and notes that it is there.
func (l *loop) landed(ctx context.Context) error {
	wrote := l.flight.flying > 0
	if err := l.flight.land(); err != nil {
		return err
	}
	if wrote {
		l.works()
	}
	l.m.tail = l.sent.through
	if !l.sent.began.IsZero() && l.sent.began.After(l.through) {
		l.through = l.sent.began.Add(-time.Millisecond)
	}
	return l.keepMarker(ctx, false)
}

// flush writes everything that is in the batch, definitions after the members that they speak of.
func (l *loop) flush(ctx context.Context, b *tailBatch) error {
	if err := l.push(ctx, b); err != nil {
		return err
	}
	if len(b.definitions) > 0 {
		if err := l.flight.land(); err != nil {
			return err
		}
		definitions := make([]segment.Definition, 0, len(b.definitions))
		for _, d := range b.definitions {
			definitions = append(definitions, d)
		}
		if err := l.target.Define(ctx, definitions, false); err != nil {
			return err
		}
		b.definitions = nil
	}
	err := l.landed(ctx)
	b.began = time.Time{}
	return err
}

// define writes all definitions where none were written before.
func (l *loop) define(ctx context.Context) error {
	definitions, rev, err := l.store.Definitions(l.env)
	if err != nil {
		return fmt.Errorf("read the definitions of environment %s: %w", l.env, err)
	}
	for l.m.tail.Revision < rev { // the members that they speak of come first
		if err := l.catchUp(ctx); err != nil {
			return err
		}
	}
	if err := l.target.Define(ctx, definitions, true); err != nil {
		return err
	}
	l.m.defined, l.definedThrough = true, rev
	return l.keepMarker(ctx, true)
}
