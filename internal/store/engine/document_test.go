package engine_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"testing"

	"muster/internal/store"
	"muster/internal/store/engine"
)

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

func TestADocumentOfAnEnvironmentThatIsDeletedMeanwhileLeavesNothing(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	err := d.PutDocument(t.Context(), testEnv, "import/1", func(w io.Writer) error {
		d.update(t, store.Account, func(tx store.Tx) error { tx.DeleteEnvironment(testEnv); return nil })
		_, err := w.Write(make([]byte, 1<<20))
		return err
	})
	if !errors.Is(err, store.ErrNoEnvironment) {
		t.Errorf("the end of the environment: %v", err)
	}
	for id := range d.driver.List(t.Context()) {
		t.Errorf("file %x is left", id)
	}
}

func TestOfTwoDocumentsOfOneNameOneIsKept(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	text := func(s string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
	}
	err := d.PutDocument(t.Context(), testEnv, "import/1", func(w io.Writer) error {
		return errors.Join(text("late")(w), d.PutDocument(t.Context(), testEnv, "import/1", text("early")))
	})
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("the second: %v", err)
	}
	doc, err := d.OpenDocument(t.Context(), testEnv, "import/1")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = doc.Close() }()
	if b, err := io.ReadAll(io.NewSectionReader(doc, 0, doc.Size())); err != nil || string(b) != "early" {
		t.Errorf("kept is %q, %v", b, err)
	}
	files := 0
	for range d.driver.List(t.Context()) {
		files++
	}
	if files != 1 {
		t.Errorf("%d files", files)
	}
}

func TestADocumentEndsWithItsWriter(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	broken := errors.New("the body broke off")
	err := d.PutDocument(t.Context(), testEnv, "import/1", func(w io.Writer) error {
		_, err := w.Write(make([]byte, 1<<20))
		return errors.Join(err, broken)
	})
	if !errors.Is(err, broken) {
		t.Errorf("a body that breaks off: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = d.PutDocument(ctx, testEnv, "import/1", func(w io.Writer) error {
		cancel()
		_, err := w.Write([]byte("x"))
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who gave up: %v", err)
	}
	for id := range d.driver.List(t.Context()) {
		t.Errorf("file %x is left", id)
	}
}
