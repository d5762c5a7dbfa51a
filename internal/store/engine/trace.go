package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

const (
	// traceWindow is how many entries are read at once, from the end of the log on.
	traceWindow = 512
	// traceTime is how long reading may take.
	traceTime = 2 * time.Second
)

// Trace yields what happened to one context in a segment, newest first.
func (e *Engine) Trace(ctx context.Context, id segment.EnvID, k segment.Key, h segment.Hash) iter.Seq2[store.Step, error] {
	return func(yield func(store.Step, error) bool) {
		env := e.environment(id)
		if env == nil {
			yield(store.Step{}, fmt.Errorf("trace segment %s of environment %s: %w", k, id, store.ErrNoEnvironment))
			return
		}
		began := time.Now()
		since := e.o.Now()
		for hi := segment.Revision(env.head.Load()); hi > 0 && time.Since(began) < traceTime; {
			lo := hi - min(hi, traceWindow)
			steps, oldest, err := e.traceWindow(ctx, id, k, h, lo, hi)
			trimmed := errors.Is(err, store.ErrTrimmed)
			if err != nil && !trimmed {
				yield(store.Step{}, fmt.Errorf("trace segment %s of environment %s: %w", k, id, err))
				return
			}
			if !oldest.IsZero() {
				since = oldest
			}
			for _, s := range slices.Backward(steps) {
				if !yield(s, nil) {
					return
				}
			}
			if trimmed {
				break
			}
			hi = lo
		}
		yield(store.Step{Since: since}, nil)
	}
}

// traceWindow returns what the entries after lo up to hi did to a context, and the time of the first.
// ErrTrimmed says that the log begins inside; what it still holds is returned with it.
func (e *Engine) traceWindow(ctx context.Context, id segment.EnvID, k segment.Key, h segment.Hash, lo, hi segment.Revision) (steps []store.Step, oldest time.Time, err error) {
	for lo < hi {
		steps, oldest, err = e.traceAfter(ctx, id, k, h, lo, hi)
		if !errors.Is(err, store.ErrTrimmed) || hi-lo == 1 {
			return steps, oldest, err
		}
		lo += (hi - lo + 1) / 2 // what is there of a window that begins too early lies in its later part
		steps, oldest, err = e.traceAfter(ctx, id, k, h, lo, hi)
		if err == nil {
			return steps, oldest, store.ErrTrimmed
		}
	}
	return steps, oldest, err
}

func (e *Engine) traceAfter(ctx context.Context, id segment.EnvID, k segment.Key, h segment.Hash, lo, hi segment.Revision) (steps []store.Step, oldest time.Time, err error) {
	for r, err := range e.log.Read(ctx, id, lo) {
		if err != nil {
			return nil, oldest, err
		}
		if r.Revision > hi {
			break
		}
		if !oldest.IsZero() && !bytes.Contains(r.Value, []byte(k)) {
			continue
		}
		en, err := decodeEntry(r.Value)
		if err != nil {
			return nil, oldest, fmt.Errorf("revision %d: %w", r.Revision, err)
		}
		if oldest.IsZero() {
			oldest = en.at
		}
		for _, d := range en.deltas {
			if d.ref.Key != k {
				continue
			}
			m, err := e.readDelta(ctx, r, d)
			if err != nil {
				return nil, oldest, fmt.Errorf("revision %d: %w", r.Revision, err)
			}
			ops, err := m.Find(h)
			if err != nil {
				return nil, oldest, fmt.Errorf("revision %d: %w", r.Revision, err)
			}
			if ops != 0 {
				steps = append(steps, store.Step{Revision: r.Revision, At: en.at, Ops: ops})
			}
		}
	}
	return steps, oldest, nil
}
