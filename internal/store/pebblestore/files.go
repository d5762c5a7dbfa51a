package pebblestore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"iter"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/store"
)

// inlineBytes is the size up to which a file is a value of the database: ten thousand small
// segments then need no files of their own.
const inlineBytes = 256 << 10

// Put implements [store.Files]. Small files are not synced: Pebble's log keeps the order of writes,
// so the synced write that names the file makes it durable too. Large ones are synced with their
// folder. Memory stays at the size of the largest small file.
func (s *Store) Put(ctx context.Context, id store.FileID, write func(io.Writer) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	w := &spillWriter{fs: s.fs, path: s.path(id)}
	err := write(w)
	if err == nil {
		err = w.err // write may have overlooked it
	}
	switch {
	case err != nil:
	case !w.spilled:
		err = s.putValue(id, w.buf)
	default:
		if err = w.finish(); err == nil {
			err = s.rosterDir.Sync()
		}
	}
	if err != nil {
		if vfs.IsNoSpaceError(err) {
			err = fmt.Errorf("%w: %w", store.ErrFull, err)
		}
		return errors.Join(fmt.Errorf("put file %x: %w", id, err), w.abandon())
	}
	return nil
}

func (s *Store) putValue(id store.FileID, content []byte) error {
	b := s.db.NewBatch()
	if err := b.Set(fileKey(id), content, nil); err != nil {
		return errors.Join(err, b.Close())
	}
	return s.commit(b, pebble.NoSync)
}

// Open implements [store.Files]. The error of a missing file wraps [iofs.ErrNotExist].
func (s *Store) Open(ctx context.Context, id store.FileID) (store.File, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	content, err := s.value(fileKey(id))
	if err == nil {
		return readFile(content), nil
	}
	if !errors.Is(err, pebble.ErrNotFound) {
		return nil, fmt.Errorf("open file %x: %w", id, err)
	}
	f, err := s.fs.Open(s.path(id))
	if err != nil {
		return nil, fmt.Errorf("open file %x: %w", id, err)
	}
	open, err := mapFile(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("open file %x: %w", id, err)
	}
	return open, nil
}

// Delete implements [store.Files]. Deleting a file that isn't there is no error.
func (s *Store) Delete(ctx context.Context, id store.FileID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	// Nobody remembers whether it is a file or a value.
	err := s.fs.Remove(s.path(id))
	if err == nil || errors.Is(err, iofs.ErrNotExist) {
		b := s.db.NewBatch()
		if err = b.Delete(fileKey(id), nil); err == nil {
			err = s.commit(b, pebble.NoSync)
		}
	}
	if err != nil {
		return fmt.Errorf("delete file %x: %w", id, err)
	}
	return nil
}

// List implements [store.Files]. It also yields files whose Put was cut short by a crash.
func (s *Store) List(ctx context.Context) iter.Seq2[store.FileID, error] {
	return func(yield func(store.FileID, error) bool) {
		if err := s.usable(); err != nil {
			yield(store.FileID{}, err)
			return
		}
		names, err := s.fs.List(s.rosters)
		if err != nil {
			yield(store.FileID{}, fmt.Errorf("list folder %s: %w", s.rosters, err))
			return
		}
		for _, name := range names {
			if id, ok := parseName(name); ok && !yield(id, nil) {
				return
			}
		}
		for kv, err := range s.scan(ctx, []byte{filePrefix}, prefixEnd([]byte{filePrefix}), false) {
			var id store.FileID
			if err == nil && copy(id[:], kv.key[1:]) != len(id) {
				err = fmt.Errorf("file key %x: %w", kv.key, store.ErrCorrupt)
			}
			if err != nil {
				yield(store.FileID{}, fmt.Errorf("list files: %w", err))
				return
			}
			if !yield(id, nil) {
				return
			}
		}
	}
}

func (s *Store) path(id store.FileID) string {
	return s.fs.PathJoin(s.rosters, hex.EncodeToString(id[:]))
}

func parseName(name string) (store.FileID, bool) {
	var id store.FileID
	if len(name) != hex.EncodedLen(len(id)) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(name))
	return id, err == nil
}

// spillWriter keeps what is written in memory until it is too much for a value, and then writes a
// file in pieces of that size.
type spillWriter struct {
	fs   vfs.FS
	path string
	buf  []byte
	// spilled is set when the file was created; file is nil before that and when it is finished.
	spilled bool
	file    vfs.File
	err     error
}

func (w *spillWriter) Write(p []byte) (int, error) {
	written := 0
	for w.err == nil && written < len(p) {
		if len(w.buf) == inlineBytes {
			w.flush()
			continue
		}
		n := min(len(p)-written, inlineBytes-len(w.buf))
		w.buf = append(w.buf, p[written:written+n]...)
		written += n
	}
	return written, w.err
}

func (w *spillWriter) flush() {
	if !w.spilled {
		f, err := w.fs.Create(w.path, vfs.WriteCategoryUnspecified)
		if err != nil {
			w.err = err
			return
		}
		w.spilled = true
		w.file = vfs.NewSyncingFile(f, vfs.SyncingFileOptions{BytesPerSync: 4 << 20})
	}
	_, w.err = w.file.Write(w.buf)
	w.buf = w.buf[:0]
}

// finish makes the file durable, but for its name in the folder.
func (w *spillWriter) finish() error {
	w.flush()
	if w.err == nil {
		w.err = w.file.Sync()
	}
	err := errors.Join(w.err, w.file.Close())
	w.file = nil
	return err
}

// abandon removes what was written of a file.
func (w *spillWriter) abandon() error {
	var err error
	if w.file != nil {
		err = w.file.Close()
	}
	if w.spilled {
		err = errors.Join(err, w.fs.Remove(w.path))
	}
	return err
}

// readFile is a file whose content was copied into memory.
type readFile []byte

func (f readFile) Bytes() []byte { return f }
func (f readFile) Close() error  { return nil }

func readAll(f vfs.File) (store.File, error) {
	stat, err := f.Stat()
	if err != nil {
		return nil, err
	}
	content := make(readFile, stat.Size())
	_, err = io.ReadFull(f, content)
	return content, err
}
