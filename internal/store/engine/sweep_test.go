package engine_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	iofs "io/fs"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

// put stores a file that no row names.
func (d *disk) put(t *testing.T, id store.FileID, size int) {
	t.Helper()
	err := d.driver.Put(t.Context(), id, func(w io.Writer) error { _, err := w.Write(bytes.Repeat([]byte{7}, size)); return err })
	if err != nil {
		t.Fatal(err)
	}
}

// TestAStartSweepsWhatNobodyNames leaves whatever a process may leave that ends at any moment: files of
// lists, rosters, graves, change files and documents whose row was never written, whole or cut short,
// and scratch files. All that rows name stays.
func TestAStartSweepsWhatNobodyNames(t *testing.T) {
	d := newDisk(t, engine.Options{InlineChanges: 12, SmallRoster: 1})
	d.found(t)
	scope := store.Scope{Env: testEnv}
	d.apply(t, "vip", segment.Include, 0, 40) // the file of an entry
	d.replaced(t, "vip", 5, 60)               // a roster, a point, a change file
	head, err := d.Head(testEnv)
	if err == nil {
		_, err = d.Counted(t.Context(), testEnv, vip, head)
	}
	err = errors.Join(err, d.Fold(t.Context(), testEnv), d.Bury(t.Context(), testEnv)) // graves
	d.update(t, scope, func(tx store.Tx) error {
		tx.OpenSession(store.Session{Env: testEnv, Segment: "vip", ID: "held"})
		return nil
	})
	d.apply(t, "vip", segment.Uninclude, 20, 40) // a journal
	page, stageErr := d.Stage(t.Context(), numbered(0, 30))
	if err = errors.Join(err, stageErr, d.SpillJournals(t.Context())); err != nil {
		t.Fatal(err)
	}
	d.update(t, scope, func(tx store.Tx) error { return tx.Keep(testEnv, "vip", "held", 0, page) })
	for name, size := range map[store.DocumentID]int{"small": 10, "large": 300 << 10} {
		if err := d.PutDocument(t.Context(), testEnv, name, func(w io.Writer) error { _, err := w.Write(make([]byte, size)); return err }); err != nil {
			t.Fatal(err)
		}
	}
	if n, _ := d.GraveFiles(testEnv, vip); n == 0 {
		t.Fatal("nobody is in a grave")
	}
	if err := d.CheckNames(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	named := d.files(t)

	if _, err := d.Stage(t.Context(), numbered(0, 30)); err != nil { // a list that nobody commits
		t.Fatal(err)
	}
	d.put(t, store.FileID{1}, 10)      // a value of the database
	d.put(t, store.FileID{2}, 300<<10) // a file of its own
	cut, scratch := d.fs.PathJoin("data", "roster", hex.EncodeToString(bytes.Repeat([]byte{3}, len(store.FileID{})))), d.fs.PathJoin("data", "scratch", "1")
	for _, path := range []string{cut, scratch} {
		f, err := d.fs.Create(path, vfs.WriteCategoryUnspecified)
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := d.files(t); n != named+4 {
		t.Fatalf("%d files are there, %d of them named by rows", n, named)
	}
	d.reopen(t)
	if n := d.files(t); n != named {
		t.Errorf("%d files are left, %d were named by rows", n, named)
	}
	if err := d.CheckNames(t.Context(), 0); err != nil {
		t.Error(err)
	}
	for _, path := range []string{cut, scratch} {
		if _, err := d.fs.Stat(path); !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("%s is left, %v", path, err)
		}
	}
	d.wantMembers(t, vip, 70, func(i int) bool { return i >= 5 && i < 20 || i >= 40 && i < 60 })
}
