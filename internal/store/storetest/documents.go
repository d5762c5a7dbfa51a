package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"

	"muster/internal/segment"
	"muster/internal/store"
)

var documentChecks = []check[store.Store]{
	{"A document survives a power cut, and is gone after its deletion", testDocument},
	{"An open document stays readable after its deletion", started(testOpenDocument)},
	{"Documents are listed by prefix, in order", started(testDocumentList)},
	{"A document is gone with its environment", testDocumentsOfDeleted},
	{"A document that is not finished was never there", testUnfinishedDocument},
}

// text is a document of some size that no other one equals.
func text(id store.DocumentID, size int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%s\n", id), size/(len(id)+1)+1)[:size]
}

func putDocument(t testing.TB, s store.Store, env segment.EnvID, id store.DocumentID, size int) {
	t.Helper()
	if err := s.PutDocument(t.Context(), env, id, func(w io.Writer) error { _, err := w.Write(text(id, size)); return err }); err != nil {
		t.Fatalf("put document %s: %v", id, err)
	}
}

func wantDocument(t testing.TB, s store.Store, env segment.EnvID, id store.DocumentID, size int) {
	t.Helper()
	d, err := s.OpenDocument(t.Context(), env, id)
	if err != nil {
		t.Errorf("open document %s: %v", id, err)
		return
	}
	got, err := io.ReadAll(io.NewSectionReader(d, 0, d.Size()))
	if err = errors.Join(err, d.Close()); err != nil || !bytes.Equal(got, text(id, size)) {
		t.Errorf("document %s has %d bytes, %v; want %d", id, len(got), err, size)
	}
}

func wantNoDocument(t testing.TB, s store.Store, env segment.EnvID, id store.DocumentID) {
	t.Helper()
	if d, err := s.OpenDocument(t.Context(), env, id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("document %s is there: %v, %v", id, d, err)
	}
}

func testDocument(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s)
	sizes := map[store.DocumentID]int{"import/empty": 0, "import/small": 100, "import/large": 1 << 20}
	for id, size := range sizes {
		putDocument(t, s, envOne, id, size)
	}
	if err := s.PutDocument(t.Context(), envOne, "import/small", func(io.Writer) error { return nil }); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a name that is taken: %v", err)
	}
	for range 2 {
		for id, size := range sizes {
			wantDocument(t, s, envOne, id, size)
			wantNoDocument(t, s, envTwo, id)
		}
		m.Cut(t)
		s = m.Start(t)
	}
	for id := range sizes {
		for range 2 {
			if err := s.DeleteDocument(t.Context(), envOne, id); err != nil {
				t.Errorf("delete document %s: %v", id, err)
			}
			wantNoDocument(t, s, envOne, id)
		}
	}
	m.Cut(t)
	s = m.Start(t)
	for id, size := range sizes {
		wantNoDocument(t, s, envOne, id)
		putDocument(t, s, envOne, id, size+1)
		wantDocument(t, s, envOne, id, size+1)
	}
	m.Stop(t)
}

func testOpenDocument(t *testing.T, s store.Store) {
	furnish(t, s)
	for _, size := range []int{100, 1 << 20} {
		id := store.DocumentID(fmt.Sprint("export/", size))
		putDocument(t, s, envOne, id, size)
		d, err := s.OpenDocument(t.Context(), envOne, id)
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		if err := s.DeleteDocument(t.Context(), envOne, id); err != nil {
			t.Errorf("delete: %v", err)
		}
		got, err := io.ReadAll(io.NewSectionReader(d, 0, d.Size()))
		if err = errors.Join(err, d.Close()); err != nil || !bytes.Equal(got, text(id, size)) {
			t.Errorf("of %d bytes %d are left, %v", size, len(got), err)
		}
	}
}

func testDocumentList(t *testing.T, s store.Store) {
	furnish(t, s)
	for i, id := range []store.DocumentID{"rejects/2", "import/b", "rejects/1", "import/a", "rejects/10"} {
		putDocument(t, s, envOne, id, i)
	}
	putDocument(t, s, envTwo, "rejects/3", 1)
	for prefix, want := range map[string][]store.DocumentEntry{
		"rejects/":  {{ID: "rejects/1", Size: 2}, {ID: "rejects/10", Size: 4}, {ID: "rejects/2", Size: 0}},
		"rejects/1": {{ID: "rejects/1", Size: 2}, {ID: "rejects/10", Size: 4}},
		"import/":   {{ID: "import/a", Size: 3}, {ID: "import/b", Size: 1}},
		"none":      nil,
	} {
		var got []store.DocumentEntry
		for e, err := range s.DocumentList(t.Context(), envOne, prefix) {
			if err != nil {
				t.Fatalf("list %s: %v", prefix, err)
			}
			if e.At.IsZero() {
				t.Errorf("document %s has no time", e.ID)
			}
			got = append(got, store.DocumentEntry{ID: e.ID, Size: e.Size})
		}
		diff(t, "documents of "+prefix, want, got)
	}
}

func testDocumentsOfDeleted(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s)
	putDocument(t, s, envOne, "import/1", 1<<20)
	putDocument(t, s, envTwo, "import/1", 10)
	err := s.PutDocument(t.Context(), envOne, "import/2", func(w io.Writer) error {
		mustUpdate(t, s, store.Account, func(tx store.Tx) error { tx.DeleteEnvironment(envOne); return nil })
		_, err := w.Write(text("import/2", 1<<20))
		return err
	})
	if !errors.Is(err, store.ErrNoEnvironment) {
		t.Errorf("a document of an environment that is deleted meanwhile: %v", err)
	}
	for range 2 {
		wantNoDocument(t, s, envOne, "import/1")
		wantNoDocument(t, s, envOne, "import/2")
		wantDocument(t, s, envTwo, "import/1", 10)
		if err := s.PutDocument(t.Context(), envOne, "import/3", func(io.Writer) error { return nil }); !errors.Is(err, store.ErrNoEnvironment) {
			t.Errorf("a document of a deleted environment: %v", err)
		}
		m.Cut(t)
		s = m.Start(t)
	}
	m.Stop(t)
}

func testUnfinishedDocument(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s)
	broken := errors.New("the body broke off")
	err := s.PutDocument(t.Context(), envOne, "import/1", func(w io.Writer) error {
		_, err := w.Write(text("import/1", 1<<20))
		wantNoDocument(t, s, envOne, "import/1")
		return errors.Join(err, broken)
	})
	if !errors.Is(err, broken) {
		t.Errorf("a body that breaks off: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = s.PutDocument(ctx, envOne, "import/2", func(w io.Writer) error {
		cancel()
		_, err := w.Write(text("import/2", 1<<20))
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who gave up: %v", err)
	}
	for range 2 {
		wantNoDocument(t, s, envOne, "import/1")
		wantNoDocument(t, s, envOne, "import/2")
		m.Cut(t)
		s = m.Start(t)
	}
	putDocument(t, s, envOne, "import/1", 1000)
	wantDocument(t, s, envOne, "import/1", 1000)
	m.Stop(t)
}
