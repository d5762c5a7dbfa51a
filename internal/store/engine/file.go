package engine

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"iter"
	"runtime"
	"sync"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/roster"
)

// file is an open roster. The garbage collector closes it once no view holds it any more.
type file struct {
	id     store.FileID
	roster *roster.Roster
}

// names counts by how many durable rows each file is named. A file is deleted when the last of them
// is durably gone.
type names struct {
	mu sync.Mutex
	n  map[store.FileID]int
}

// retain notes that a durable row names files.
func (e *Engine) retain(ids ...store.FileID) {
	e.names.mu.Lock()
	defer e.names.mu.Unlock()
	for _, id := range ids {
		e.names.n[id]++
	}
}

// release notes that a row that named files is durably gone.
func (e *Engine) release(ids ...store.FileID) {
	var gone []store.FileID
	e.names.mu.Lock()
	for _, id := range ids {
		if e.names.n[id]--; e.names.n[id] <= 0 {
			delete(e.names.n, id)
			gone = append(gone, id)
		}
	}
	e.names.mu.Unlock()
	for _, id := range gone {
		e.deleteFile(e.writing, id)
	}
}

// named reports whether a durable row names a file.
func (e *Engine) named(id store.FileID) bool {
	e.names.mu.Lock()
	defer e.names.mu.Unlock()
	return e.names.n[id] > 0
}

// openFile opens a roster.
func (e *Engine) openFile(ctx context.Context, id store.FileID) (*file, error) {
	f, err := e.files.Open(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("open roster %x: %w", id, err)
	}
	r, err := roster.Open(f.Bytes())
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("open roster %x: %w", id, err)
	}
	v := &file{id: id, roster: r}
	runtime.AddCleanup(v, func(f store.File) { _ = f.Close() }, f)
	return v, nil
}

// find returns what the roster says about a context.
func (f *file) find(h *segment.Hash) (segment.Ops, error) {
	ops, _, err := f.roster.Find(*h)
	runtime.KeepAlive(f)
	if err != nil {
		return 0, fmt.Errorf("roster %x: %w", f.id, err)
	}
	return ops, nil
}

// index returns which of the roster's changes is that of a context, false if it has none.
func (f *file) index(h *segment.Hash) (int, bool, error) {
	i, found, err := f.roster.Index(*h)
	runtime.KeepAlive(f)
	if err != nil {
		return 0, false, fmt.Errorf("roster %x: %w", f.id, err)
	}
	return i, found, nil
}

// verify reads the whole roster; see [roster.Roster.VerifyInSteps].
func (f *file) verify(step func() error) error {
	err := f.roster.VerifyInSteps(step)
	runtime.KeepAlive(f)
	if err != nil {
		return fmt.Errorf("roster %x: %w", f.id, err)
	}
	return nil
}

// all yields the roster's changes in hash order.
func (f *file) all() iter.Seq2[segment.Change, error] { return f.after(nil) }

// after yields the roster's changes after a hash, all of them when it is nil.
func (f *file) after(h *segment.Hash) iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		for c, err := range f.roster.All(h) {
			if err != nil {
				err = fmt.Errorf("roster %x: %w", f.id, err)
			}
			if !yield(c, err) {
				break
			}
		}
		runtime.KeepAlive(f)
	}
}

// Range yields the roster's changes by the first byte of their hash, without keys.
func (f *file) Range(first, last byte) iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		for c, err := range f.roster.Range(first, last) {
			if err != nil {
				err = fmt.Errorf("roster %x: %w", f.id, err)
			}
			if !yield(c, err) {
				break
			}
		}
		runtime.KeepAlive(f)
	}
}

// memberDelta returns the roster's changes as readers of the log see them.
func (f *file) memberDelta(ref segment.Ref) segment.MemberDelta {
	return segment.MemberDelta{
		Ref: ref, Len: int(f.roster.Len()),
		Each: func(after *segment.Hash, yield func(segment.Change) bool) error {
			for c, err := range f.after(after) {
				if err != nil {
					return err
				}
				if !yield(c) {
					return nil
				}
			}
			return nil
		},
		Find: func(h segment.Hash) (segment.Ops, error) { return f.find(&h) },
	}
}

// put stores what write produces while the disk has room. The error is of kind Unavailable if it has
// none.
func (e *Engine) put(ctx context.Context, id store.FileID, write func(io.Writer) error) error {
	if err := e.room(); err != nil {
		return err
	}
	return full(e.files.Put(ctx, id, func(w io.Writer) error { return write(&roomWriter{Writer: w, e: e}) }))
}

// putFile writes a roster and opens it.
func (e *Engine) putFile(ctx context.Context, kind roster.Kind, changes iter.Seq2[segment.Change, error]) (*file, error) {
	var id store.FileID
	_, _ = rand.Read(id[:]) // never fails
	err := e.put(ctx, id, func(w io.Writer) error {
		_, err := roster.Write(w, kind, changes)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("write roster %x: %w", id, err)
	}
	f, err := e.openFile(ctx, id)
	if err != nil {
		e.deleteFile(e.writing, id) // also when it is the context that has ended
		return nil, err
	}
	return f, nil
}

// deleteFile deletes a file that no durable row names. One that stays is swept at the next start.
func (e *Engine) deleteFile(ctx context.Context, id store.FileID) {
	if err := e.files.Delete(ctx, id); err != nil {
		e.o.Logger.Warn("roster was not deleted", "file", fmt.Sprintf("%x", id), "error", err)
	}
}
