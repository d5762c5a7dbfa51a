package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	"muster/internal/segment"
	"muster/internal/store"
)

var fileChecks = []check[Drive]{
	{"A file holds what was written, whatever its size and pieces", started(testFileContent)},
	{"A file named by an acknowledged write survives a power cut", testFilePowerCut},
	{"An open file stays readable after its deletion", started(testFileDelete)},
	{"A put that fails leaves no file", started(testFilePutFails)},
	{"Files are put side by side", started(testFilesInParallel)},
	{"A scratch file holds what many write at once", started(testScratch)},
	{"Scratch files are nobody else's, and no files", testScratchApart},
}

// fileSizes lie around every limit at which a driver may change its ways.
var fileSizes = []int{0, 1, 4096, 256<<10 - 1, 256 << 10, 256<<10 + 1, 512 << 10, 3<<20 + 17}

// fileContent returns bytes that differ from file to file and block to block.
func fileContent(seed, size int) []byte {
	content := make([]byte, size)
	x := uint32(seed)*2654435761 + 1
	for i := range content {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		content[i] = byte(x)
	}
	return content
}

func put(t testing.TB, f store.Files, id store.FileID, content []byte) {
	t.Helper()
	err := f.Put(t.Context(), id, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
	if err != nil {
		t.Fatalf("put file %x of %d bytes: %v", id, len(content), err)
	}
}

func wantFile(t testing.TB, f store.Files, id store.FileID, want []byte) {
	t.Helper()
	open, err := f.Open(t.Context(), id)
	if err != nil {
		t.Errorf("open file %x of %d bytes: %v", id, len(want), err)
		return
	}
	if !bytes.Equal(open.Bytes(), want) {
		t.Errorf("file %x has %d bytes, not the %d that were put", id, len(open.Bytes()), len(want))
	}
	if err := open.Close(); err != nil {
		t.Errorf("close file %x: %v", id, err)
	}
}

func filesOf(t testing.TB, f store.Files) []store.FileID {
	t.Helper()
	var ids []store.FileID
	for id, err := range f.List(t.Context()) {
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b store.FileID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}

func testFileContent(t *testing.T, d Drive) {
	var want []store.FileID
	for i, size := range fileSizes {
		for _, piece := range []int{1 << 30, 1000, 70_001} {
			id := store.FileID{byte(i), byte(piece), 15: 0xff}
			content := fileContent(i, size)
			err := d.Files.Put(t.Context(), id, func(w io.Writer) error {
				for part := range slices.Chunk(content, piece) {
					if n, err := w.Write(part); n != len(part) || err != nil {
						return fmt.Errorf("wrote %d of %d: %w", n, len(part), err)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatalf("put %d bytes in pieces of %d: %v", size, piece, err)
			}
			wantFile(t, d.Files, id, content)
			want = append(want, id)
		}
	}
	slices.SortFunc(want, func(a, b store.FileID) int { return bytes.Compare(a[:], b[:]) })
	if got := filesOf(t, d.Files); !slices.Equal(got, want) {
		t.Errorf("list has %d files, want %d", len(got), len(want))
	}
}

func testFilePowerCut(t *testing.T, m Machine[Drive]) {
	d := m.Start(t)
	for i, size := range fileSizes {
		put(t, d.Files, store.FileID{byte(i)}, fileContent(i, size))
		write(t, d.Log, []store.Record{record("e", segment.Revision(i+1), "names it")})
	}
	m.Cut(t)
	d = m.Start(t)
	for i, size := range fileSizes {
		wantFile(t, d.Files, store.FileID{byte(i)}, fileContent(i, size))
	}
	m.Stop(t)
}

func testFileDelete(t *testing.T, d Drive) {
	for i, size := range fileSizes {
		id := store.FileID{byte(i)}
		content := fileContent(i, size)
		put(t, d.Files, id, content)
		open, err := d.Files.Open(t.Context(), id)
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		for range 2 { // a crash between unlink and its record repeats deletes
			if err := d.Files.Delete(t.Context(), id); err != nil {
				t.Errorf("delete: %v", err)
			}
		}
		if !bytes.Equal(open.Bytes(), content) {
			t.Errorf("the open file of %d bytes changed by its deletion", size)
		}
		if err := open.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if _, err := d.Files.Open(t.Context(), id); err == nil {
			t.Errorf("a deleted file of %d bytes opens", size)
		}
	}
	if got := filesOf(t, d.Files); len(got) != 0 {
		t.Errorf("list has %d files, want none", len(got))
	}
}

func testFilePutFails(t *testing.T, d Drive) {
	broken := errors.New("source broke")
	for i, size := range fileSizes {
		id := store.FileID{byte(i)}
		err := d.Files.Put(t.Context(), id, func(w io.Writer) error {
			_, err := w.Write(fileContent(i, size))
			return errors.Join(broken, err)
		})
		if !errors.Is(err, broken) {
			t.Errorf("put: got %v, want the writer's error", err)
		}
		if _, err := d.Files.Open(t.Context(), id); err == nil {
			t.Errorf("a file of %d bytes that was never finished opens", size)
		}
	}
	if got := filesOf(t, d.Files); len(got) != 0 {
		t.Errorf("list has %d files, want none", len(got))
	}
}

func testFilesInParallel(t *testing.T, d Drive) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j, size := range fileSizes[:6] {
				id := store.FileID{byte(i), byte(j)}
				put(t, d.Files, id, fileContent(i, size))
				wantFile(t, d.Files, id, fileContent(i, size))
			}
		})
	}
	wg.Wait()
	if got := filesOf(t, d.Files); len(got) != 48 {
		t.Errorf("list has %d files, want 48", len(got))
	}
}

func testScratch(t *testing.T, d Drive) {
	const writers, pieces, size = 4, 20, 10_007
	f, err := d.Files.Scratch(t.Context())
	if err != nil {
		t.Fatalf("scratch: %v", err)
	}
	offset := func(i, j int) int64 { return int64((j*writers + i) * size) }
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for j := range pieces {
				if n, err := f.WriteAt(fileContent(i*pieces+j, size), offset(i, j)); n != size || err != nil {
					t.Errorf("wrote %d of %d bytes: %v", n, size, err)
				}
			}
		})
	}
	wg.Wait()
	for i := range writers {
		wg.Go(func() {
			got := make([]byte, size)
			for j := range pieces {
				if n, err := f.ReadAt(got, offset(i, j)); n != size || err != nil && !errors.Is(err, io.EOF) {
					t.Errorf("read %d of %d bytes: %v", n, size, err)
				}
				if !bytes.Equal(got, fileContent(i*pieces+j, size)) {
					t.Errorf("piece %d of writer %d is not what was written", j, i)
				}
			}
		})
	}
	wg.Wait()
	if n, err := f.ReadAt(make([]byte, 1), offset(0, pieces)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("read %d bytes behind the end: %v", n, err)
	}
	if err := f.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func testScratchApart(t *testing.T, m Machine[Drive]) {
	d := m.Start(t)
	var open []store.Scratch
	for i := range 3 {
		f, err := d.Files.Scratch(t.Context())
		if err != nil {
			t.Fatalf("scratch: %v", err)
		}
		if _, err := f.WriteAt([]byte{byte(i)}, 0); err != nil {
			t.Errorf("write: %v", err)
		}
		open = append(open, f)
	}
	for i, f := range open {
		var got [1]byte
		if n, err := f.ReadAt(got[:], 0); n != 1 || got[0] != byte(i) {
			t.Errorf("scratch file %d holds %v: %v", i, got[:n], err)
		}
	}
	if err := open[0].Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if got := filesOf(t, d.Files); len(got) != 0 {
		t.Errorf("list has %d files, want none", len(got))
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := d.Files.Scratch(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("scratch for somebody who is gone: %v", err)
	}
	m.Cut(t) // two of them are open
	d = m.Start(t)
	if got := filesOf(t, d.Files); len(got) != 0 {
		t.Errorf("after a power cut list has %d files, want none", len(got))
	}
	m.Stop(t)
	if _, err := d.Files.Scratch(t.Context()); err == nil {
		t.Error("a closed driver makes scratch files")
	}
}
