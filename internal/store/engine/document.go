package engine

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	iofs "io/fs"
	"iter"
	"runtime/debug"
	"strings"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

// documentRow says where a document lies.
type documentRow struct {
	File store.FileID
	Size int64
	At   time.Time
}

func documentKey(env segment.EnvID, id store.DocumentID) []byte { return key(string(env), string(id)) }

// documentWriter ends with the engine: a body may take hours to arrive.
type documentWriter struct {
	roomWriter
	ctx context.Context
}

func (w *documentWriter) Write(p []byte) (int, error) {
	if err := firstError(w.ctx.Err(), w.e.usable()); err != nil {
		return 0, err
	}
	return w.roomWriter.Write(p)
}

// PutDocument keeps what write produces. A small document, such as the result of a job, needs no room.
func (e *Engine) PutDocument(ctx context.Context, env segment.EnvID, id store.DocumentID, write func(io.Writer) error) error {
	err := e.usable()
	if err == nil { // before long work
		err = e.free(ctx, env, id)
	}
	if err != nil {
		return fmt.Errorf("write document %s: %w", id, err)
	}
	var file store.FileID
	_, _ = rand.Read(file[:]) // never fails
	row := documentRow{File: file}
	err = e.files.Put(ctx, file, func(w io.Writer) error {
		d := &documentWriter{roomWriter: roomWriter{Writer: w, e: e}, ctx: ctx}
		err := write(d)
		row.Size = d.n
		return err
	})
	if err != nil {
		return fmt.Errorf("write document %s: %w", id, full(err))
	}
	if err := e.nameDocument(env, id, row); err != nil {
		if e.failure.Load() == nil { // else the row may be durable
			e.deleteFile(e.writing, file)
		}
		return fmt.Errorf("write document %s: %w", id, err)
	}
	return nil
}

// free returns an error unless an environment has no document of a name.
func (e *Engine) free(ctx context.Context, id segment.EnvID, name store.DocumentID) error {
	if e.environment(id) == nil {
		return store.ErrNoEnvironment
	}
	_, taken, err := e.documentRow(ctx, id, name)
	if err == nil && taken {
		return iofs.ErrExist
	}
	return err
}

// nameDocument makes a document durable and known.
func (e *Engine) nameDocument(id segment.EnvID, name store.DocumentID, row documentRow) error {
	env := e.environment(id)
	if env == nil {
		return store.ErrNoEnvironment
	}
	env.commit.Lock()
	defer env.commit.Unlock()
	if e.environment(id) != env {
		return store.ErrNoEnvironment
	}
	if err := e.free(e.writing, id, name); err != nil {
		return err
	}
	row.At = e.o.Now()
	r, err := objectRow(tableDocument, documentKey(id, name), &row)
	if err != nil {
		return err
	}
	if err := e.usable(); err != nil {
		return err
	}
	unsynced := []unsyncedRow{{key: unsyncedKey(tableDocument, r.Key)}}
	e.unsynced.add(unsynced)
	if err := e.log.Write(e.writing, nil, []store.Row{r}); err != nil {
		return e.fail(err)
	}
	e.unsynced.remove(unsynced)
	e.retain(row.File)
	return nil
}

// document is an open document.
type document struct{ store.File }

func (d document) Size() int64 { return int64(len(d.Bytes())) }

func (d document) ReadAt(p []byte, off int64) (n int, err error) {
	b := d.Bytes()
	defer store.CatchFault(debug.SetPanicOnFault(true), b, &err)
	return bytes.NewReader(b).ReadAt(p, off)
}

// OpenDocument returns a document.
func (e *Engine) OpenDocument(ctx context.Context, env segment.EnvID, id store.DocumentID) (store.Document, error) {
	row, ok, err := e.documentRow(ctx, env, id)
	if err == nil && !ok {
		err = iofs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("open document %s: %w", id, err)
	}
	f, err := e.files.Open(ctx, row.File)
	if err != nil {
		return nil, fmt.Errorf("open document %s: %w", id, err)
	}
	return document{f}, nil
}

func (e *Engine) documentRow(ctx context.Context, env segment.EnvID, id store.DocumentID) (documentRow, bool, error) {
	var row documentRow
	k := documentKey(env, id)
	b, ok, err := e.log.Row(ctx, tableDocument, k)
	if err != nil || !ok || e.hidden(k) {
		return row, false, err
	}
	return row, true, decodeJSON(store.Row{Table: tableDocument, Key: k, Value: b}, &row)
}

// hidden reports whether a document is not durable yet.
func (e *Engine) hidden(k []byte) bool {
	_, ok := e.unsynced.before(unsyncedKey(tableDocument, k))
	return ok
}

// DeleteDocument deletes a document.
func (e *Engine) DeleteDocument(ctx context.Context, id segment.EnvID, name store.DocumentID) error {
	env := e.environment(id)
	if env == nil {
		return nil
	}
	env.commit.Lock()
	defer env.commit.Unlock()
	row, ok, err := e.documentRow(ctx, id, name)
	if err != nil || !ok || e.environment(id) != env {
		return err
	}
	if err := e.usable(); err != nil {
		return err
	}
	if err := e.log.Write(e.writing, nil, []store.Row{{Table: tableDocument, Key: documentKey(id, name)}}); err != nil {
		return e.fail(err)
	}
	e.release(row.File)
	return nil
}

// DocumentList yields documents.
func (e *Engine) DocumentList(ctx context.Context, env segment.EnvID, prefix string) iter.Seq2[store.DocumentEntry, error] {
	return func(yield func(store.DocumentEntry, error) bool) {
		for r, err := range e.log.Rows(ctx, tableDocument, documentKey(env, store.DocumentID(prefix)), false) {
			var row documentRow
			if err == nil && e.hidden(r.Key) {
				continue
			}
			if err == nil && decodeJSON(r, &row) != nil {
				continue // it was reported at the start, and must not hide the others
			}
			if err != nil {
				yield(store.DocumentEntry{}, fmt.Errorf("list documents: %w", err))
				return
			}
			name := strings.TrimPrefix(string(r.Key), string(under(string(env))))
			if !yield(store.DocumentEntry{ID: store.DocumentID(name), Size: row.Size, At: row.At}, nil) {
				return
			}
		}
	}
}

func (e *Engine) retainDocuments(ctx context.Context) error {
	for r, err := range e.log.Rows(ctx, tableDocument, nil, false) {
		if err != nil {
			return e.omit("documents", err)
		}
		files, err := filesNamed(r)
		if err != nil {
			if err := e.omit("document", err); err != nil {
				return err
			}
			continue
		}
		e.retain(files...)
	}
	return nil
}
