package pebblestore_test

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/store"
	"muster/internal/store/pebblestore"
)

func openDir(tb testing.TB, dir string) *pebblestore.Store {
	tb.Helper()
	s, err := pebblestore.Open(dir, vfs.Default, slog.New(slog.DiscardHandler), func(err error) { tb.Errorf("fatal: %v", err) })
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestLargeFileOnRealDiskIsMapped(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "data")
	s := openDir(t, dir)
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	id := store.FileID{1, 2, 3}
	if err := s.Put(t.Context(), id, func(w io.Writer) error { _, err := w.Write(content); return err }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openDir(t, dir)
	f, err := s.Open(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(f.Bytes(), content) {
		t.Error("the mapping does not hold the file")
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(filepath.Join(dir, "roster"))
	if err != nil || len(left) != 0 {
		t.Errorf("the folder still holds %v, %v", left, err)
	}
}

func TestDirectoryOpensOnce(t *testing.T) {
	for name, disk := range map[string]vfs.FS{"on a real disk": vfs.Default, "in memory": vfs.NewMem()} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := pebblestore.Open(dir, disk, slog.New(slog.DiscardHandler), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = pebblestore.Open(dir, disk, slog.New(slog.DiscardHandler), nil)
			if err == nil || !strings.Contains(err.Error(), "in use by another muster process") {
				t.Errorf("second open: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if s, err = pebblestore.Open(dir, disk, slog.New(slog.DiscardHandler), nil); err != nil {
				t.Fatalf("open after close: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFiguresOfTheDisk(t *testing.T) {
	s := openDir(t, t.TempDir())
	free, size, err := s.Free()
	if err != nil || size == 0 || free > size {
		t.Errorf("%d of %d bytes are free, %v", free, size, err)
	}
	if m, err := s.Metrics(); err != nil || m.WAL.Files == 0 {
		t.Errorf("metrics: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Metrics(); err == nil {
		t.Error("a closed store has metrics")
	}
}

func TestScratchFilesOnRealDiskLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "scratch")
	s := openDir(t, dir)
	f, err := s.Scratch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("spilled"), 1<<20); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
		t.Errorf("an open scratch file has the name %v, %v", left, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var got [7]byte
	if _, err := f.ReadAt(got[:], 1<<20); err != nil || string(got[:]) != "spilled" {
		t.Errorf("after the store was closed the scratch file holds %q, %v", got, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "7"), []byte("left by a crash"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := openDir(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
		t.Errorf("after a start the folder holds %v, %v", left, err)
	}
}
