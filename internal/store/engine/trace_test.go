package engine_test

import (
	"errors"
	"io"
	"io/fs"
	"testing"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

func TestATraceSaysWhatHappenedToOneContext(t *testing.T) {
	d := newDisk(t, engine.Options{InlineChanges: 20})
	d.found(t)
	d.apply(t, "vip", segment.Include, 0, 10)  // user-3 joins
	d.apply(t, "vip", segment.Include, 0, 12)  // already there
	d.apply(t, "vip", segment.Uninclude, 3, 4) // and leaves
	d.apply(t, "vip", segment.Include, 0, 50)  // comes back by a file
	d.apply(t, "vip", segment.Uninclude, 20, 30)
	var got []segment.Ops
	var last store.Step
	for s, err := range d.Trace(t.Context(), testEnv, "vip", segment.HashOf(userKey(3))) {
		if err != nil {
			t.Fatal(err)
		}
		last = s
		if s.Since.IsZero() {
			got = append(got, s.Ops)
			run, ok, err := d.RunAt(t.Context(), testEnv, "vip", s.Revision)
			if err != nil || ok {
				t.Errorf("changes without a run have one: %v, %v", run, err)
			}
		}
	}
	want := []segment.Ops{segment.Include, segment.Uninclude, segment.Include}
	if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] || last.Since.IsZero() {
		t.Errorf("traced %v since %v, want %v", got, last.Since, want)
	}
	for s, err := range d.Trace(t.Context(), testEnv, "vip", segment.HashOf(userKey(99))) {
		if err != nil || s.Since.IsZero() {
			t.Errorf("somebody who never was in it: %+v, %v", s, err)
		}
	}
}

func TestARequestIsKnownByItsKeyForADay(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	run := segment.Run{ID: "000000000000000000000001", Env: testEnv, Segment: "vip", State: segment.RunLive, Added: 3}
	ask := func() (runs []segment.Run) {
		d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) (err error) {
			runs, err = tx.Recorded(testEnv, "tool", "message-1")
			return err
		})
		return runs
	}
	if got := ask(); got != nil {
		t.Errorf("before: %v", got)
	}
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		tx.Record(run)
		tx.Remember(testEnv, "tool", "message-1", []segment.RunID{run.ID})
		return nil
	})
	for range 2 {
		if got := ask(); len(got) != 1 || got[0].Added != 3 {
			t.Errorf("after: %v", got)
		}
		d.reopen(t)
	}
	run.State, run.Comment = segment.RunRolledBack, "oops"
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error { tx.Record(run); return nil })
	runs, n, err := d.Runs(t.Context(), testEnv, store.RunQuery{Segment: "vip"})
	if err != nil || n != 1 || len(runs) != 1 || runs[0].Comment != "oops" {
		t.Errorf("a run that is recorded again replaces its row: %v, %d, %v", runs, n, err)
	}
}

func TestDocumentsStayUntilTheyAreDeleted(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	put := func(id store.DocumentID, text string) error {
		return d.PutDocument(t.Context(), testEnv, id, func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
	}
	if err := errors.Join(put("import/1", "a,b"), put("rejects/1", "row")); err != nil {
		t.Fatal(err)
	}
	if err := put("import/1", "again"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a name that is taken: %v", err)
	}
	d.reopen(t)
	doc, err := d.OpenDocument(t.Context(), testEnv, "import/1")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.DeleteDocument(t.Context(), testEnv, "import/1"); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(io.NewSectionReader(doc, 0, doc.Size()))
	if err != nil || string(b) != "a,b" {
		t.Errorf("an open document reads %q after its deletion: %v", b, err)
	}
	if err := doc.Close(); err != nil {
		t.Error(err)
	}
	if _, err := d.OpenDocument(t.Context(), testEnv, "import/1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a deleted document: %v", err)
	}
	var ids []store.DocumentID
	for e, err := range d.DocumentList(t.Context(), testEnv, "") {
		if err != nil || e.Size != 3 {
			t.Errorf("%+v, %v", e, err)
		}
		ids = append(ids, e.ID)
	}
	if len(ids) != 1 || ids[0] != "rejects/1" {
		t.Errorf("left are %v", ids)
	}
	d.update(t, store.Account, func(tx store.Tx) error { tx.DeleteEnvironment(testEnv); return nil })
	if err := put("rejects/2", "x"); !errors.Is(err, store.ErrNoEnvironment) {
		t.Errorf("in a deleted environment: %v", err)
	}
	for id := range d.driver.List(t.Context()) {
		t.Errorf("file %x is left", id)
	}
}
