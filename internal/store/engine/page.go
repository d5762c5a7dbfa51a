package engine

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"muster/internal/segment"
	"muster/internal/store"
)

// What the value of a page, or of a record of a journal, begins with.
const (
	partInline byte = iota
	partFile
)

// Pages yields the changes of a session's pages.
func (e *Engine) Pages(ctx context.Context, env segment.EnvID, k segment.Key, id segment.RunID) iter.Seq2[segment.Change, error] {
	name := sessionID{env, k, id}
	return func(yield func(segment.Change, error) bool) {
		s := e.sessions.get(name)
		if s == nil {
			yield(segment.Change{}, fmt.Errorf("session %s of segment %s: %w", id, k, store.ErrNoSession))
			return
		}
		for _, n := range slices.Sorted(maps.Keys(s.pages)) {
			b, ok, err := e.log.Row(ctx, tablePage, sessionPartKey(name, uint64(n)))
			if err == nil && !ok {
				err = store.ErrNoSession
			}
			var l layer
			if err == nil {
				l, err = e.openPart(ctx, b)
			}
			if err != nil {
				yield(segment.Change{}, fmt.Errorf("read page %d of session %s: %w", n, id, err))
				return
			}
			for c, err := range l.after(nil) {
				if !yield(c, err) || err != nil {
					return
				}
			}
		}
	}
}

// openPart opens a page or a record of a journal.
func (e *Engine) openPart(ctx context.Context, b []byte) (layer, error) {
	if len(b) == 0 {
		return layer{}, fmt.Errorf("empty row: %w", store.ErrCorrupt)
	}
	if id, ok := partFileID(b); ok {
		f, err := e.openFile(ctx, id)
		return layer{file: f}, err
	}
	d, err := decodeChanges(b[1:])
	if err != nil {
		return layer{}, err
	}
	t := newPending()
	t.apply(d)
	return layer{table: t}, nil
}

// partFileID returns the file that a page or a record names, if it does.
func partFileID(b []byte) (store.FileID, bool) {
	var id store.FileID
	if len(b) != 1+len(id) || b[0] != partFile {
		return id, false
	}
	copy(id[:], b[1:])
	return id, true
}

// part returns the value of a page or record with staged changes, and the file that it names.
func (s *staged) part() ([]byte, []store.FileID) {
	if s.file != nil {
		return append([]byte{partFile}, s.file.id[:]...), []store.FileID{s.file.id}
	}
	d := &delta{}
	for c := range s.changes.All() {
		if c.Ops != 0 {
			d.add(c.Hash, c.Ops, c.Key)
		}
	}
	return append([]byte{partInline}, d.encodeChanges()...), nil
}

// keptPage returns the file of a page that is about to be replaced.
func (t *tx) keptPage(s *session, page int) ([]store.FileID, error) {
	if t.step.touched[segmentID{s.env, s.Ref.Key}] {
		return nil, t.postpone() // the page may be in the same step
	}
	b, ok, err := t.step.e.log.Row(t.step.e.writing, tablePage, sessionPartKey(s.name(), uint64(page)))
	if err != nil || !ok {
		return nil, err
	}
	if id, ok := partFileID(b); ok {
		return []store.FileID{id}, nil
	}
	return nil, nil
}
