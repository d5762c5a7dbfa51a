package engine

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"iter"
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

// countingWriter counts what is written.
type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// PutDocument keeps what write produces.
func (e *Engine) PutDocument(ctx context.Context, env segment.EnvID, id store.DocumentID, write func(io.Writer) error) error {
	if err := e.usable(); err != nil {
		return err
	}
	var file store.FileID
	_, _ = rand.Read(file[:]) // never fails
	row := documentRow{File: file, At: e.o.Now()}
	err := e.files.Put(ctx, file, func(w io.Writer) error {
		c := &countingWriter{w: w}
		err := write(c)
		row.Size = c.n
		return err
	})
	if err != nil {
		return fmt.Errorf("write document %s: %w", id, err)
	}
	if err := e.nameDocument(env, id, row); err != nil {
		if e.failure.Load() == nil { // else the row may be durable
			e.deleteFile(e.writing, file)
		}
		return fmt.Errorf("write document %s: %w", id, err)
	}
	return nil
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
	if _, ok, err := e.log.Row(e.writing, tableDocument, documentKey(id, name)); err != nil || ok {
		return errors.Join(err, iofs.ErrExist)
	}
	r, err := objectRow(tableDocument, documentKey(id, name), &row)
	if err != nil {
		return err
	}
	if err := e.usable(); err != nil {
		return err
	}
	if err := e.log.Write(e.writing, nil, []store.Row{r}); err != nil {
		return e.fail(err)
	}
	e.retain(row.File)
	return nil
}

// document is an open document.
type document struct {
	*bytes.Reader
	file store.File
}

func (d document) Close() error { return d.file.Close() }

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
	return document{bytes.NewReader(f.Bytes()), f}, nil
}

func (e *Engine) documentRow(ctx context.Context, env segment.EnvID, id store.DocumentID) (documentRow, bool, error) {
	var row documentRow
	k := documentKey(env, id)
	b, ok, err := e.log.Row(ctx, tableDocument, k)
	if err != nil || !ok {
		return row, false, err
	}
	return row, true, decodeJSON(store.Row{Table: tableDocument, Key: k, Value: b}, &row)
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
			if err == nil {
				err = decodeJSON(r, &row)
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
			return err
		}
		files, err := filesNamed(r)
		if err != nil {
			return err
		}
		e.retain(files...)
	}
	return nil
}
