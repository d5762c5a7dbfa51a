package engine

import (
	"context"
	"fmt"
	"iter"
	"sync/atomic"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/roster"
)

// staged is a list of changes in memory, or in a file when they are many.
type staged struct {
	e       *Engine
	changes *segment.Changes
	file    *file
	n       int
	state   atomic.Int32

	// Of a list that was sealed: the members that it was compared with, how it differs from them, and
	// whose it is.
	base    *members
	diff    segment.Diff
	mode    store.LoadMode
	session segment.RunID
	effects segment.Effects

	// Of a list that takes a delta back.
	back *takenBack
}

// The states of a staged list.
const (
	stagedFree int32 = iota
	stagedCommitted
	stagedDiscarded
)

func (s *staged) Len() int { return s.n }

func (s *staged) Discard() {
	if s.file != nil && s.state.CompareAndSwap(stagedFree, stagedDiscarded) {
		s.e.deleteFile(s.e.writing, s.file.id)
	}
}

// Stage compacts the changes and, if they are many, writes them into a roster.
func (e *Engine) Stage(ctx context.Context, c *segment.Changes) (store.Staged, error) {
	c.Compact()
	s := &staged{e: e, changes: c, n: c.Len()}
	if s.n <= e.o.InlineChanges {
		return s, nil
	}
	if err := e.usable(); err != nil {
		return nil, err
	}
	f, err := e.putFile(ctx, roster.Partial, without(c.All()))
	if err != nil {
		return nil, fmt.Errorf("stage %d changes: %w", s.n, err)
	}
	s.file, s.changes = f, nil
	return s, nil
}

// without turns a sequence that can't fail into one that could, leaving out empty changes.
func without(seq iter.Seq[segment.Change]) iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		for c := range seq {
			if c.Ops != 0 && !yield(c, nil) {
				return
			}
		}
	}
}

// all yields the changes in hash order.
func (s *staged) all() iter.Seq2[segment.Change, error] {
	if s.file != nil {
		return s.file.all()
	}
	return without(s.changes.All())
}
