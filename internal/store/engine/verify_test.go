package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

// verified returns what a verification finds, by kind.
func (d *disk) verified(t *testing.T) map[store.CheckedKind][]store.Checked {
	t.Helper()
	v := &store.Verification{Hasty: true}
	all := make(map[store.CheckedKind][]store.Checked)
	for c, err := range d.Verify(t.Context(), v) {
		if err != nil {
			t.Fatal(err)
		}
		all[c.Kind] = append(all[c.Kind], c)
	}
	if v.Objects.Load() != v.Of.Load() {
		t.Errorf("%d of %d objects were verified", v.Objects.Load(), v.Of.Load())
	}
	return all
}

func problems(all map[store.CheckedKind][]store.Checked) (texts []string) {
	for _, of := range all {
		for _, c := range of {
			for _, p := range c.Problems {
				texts = append(texts, string(c.Kind)+" "+string(c.Segment)+": "+p)
			}
		}
	}
	slices.Sort(texts)
	return texts
}

func TestVerifyFindsNothingWhereNothingIsWrong(t *testing.T) {
	d := furnished(t)
	for _, folded := range []bool{false, true} {
		all := d.verified(t)
		if found := problems(all); len(found) > 0 {
			t.Errorf("folded %t: %q", folded, found)
		}
		for kind, n := range map[store.CheckedKind]int{
			store.CheckedRows: 1, store.CheckedLog: 2, store.CheckedMembers: 2, store.CheckedPoint: 1, store.CheckedPublication: 1,
			store.CheckedDocument: 1, store.CheckedFiles: 1,
		} {
			if len(all[kind]) != n {
				t.Errorf("folded %t: %d objects of kind %s, want %d: %+v", folded, len(all[kind]), kind, n, all[kind])
			}
		}
		for _, c := range all[store.CheckedMembers] {
			if want := map[segment.Key]int64{"vip": 35, "other": 20}[c.Segment]; c.Members != want || c.Bytes == 0 {
				t.Errorf("folded %t: segment %s has %d members in %d bytes", folded, c.Segment, c.Members, c.Bytes)
			}
		}
		if err := d.Fold(t.Context(), testEnv); err != nil {
			t.Fatal(err)
		}
	}
	d.reopen(t)
	if found := problems(d.verified(t)); len(found) > 0 {
		t.Errorf("after a restart: %q", found)
	}
}

func TestVerifyFindsDamagedRows(t *testing.T) {
	d := furnished(t)
	tables := engine.Tables()
	for _, name := range []string{"membership", "keys", "run", "count of runs", "point", "publication", "session", "page", "journal", "document", "audit"} {
		damaged := 0
		d.reopenRotten(t, func(r store.Row) bool {
			if r.Table == tables[name] {
				damaged++
			}
			return r.Table == tables[name]
		})
		found := problems(d.verified(t))
		if ok := slices.ContainsFunc(found, func(p string) bool { return strings.HasPrefix(p, "rows ") }); ok != (damaged > 0) {
			t.Errorf("%s: %d damaged rows, found %q", name, damaged, found)
		}
	}
}

func TestVerifyFindsDamagedAndMissingFiles(t *testing.T) {
	for name, damage := range map[string]func(*scratchedFiles, store.FileID){
		"damaged": func(s *scratchedFiles, id store.FileID) { s.scratched[id] = 200 },
		"missing": func(s *scratchedFiles, id store.FileID) { s.missing[id] = true },
	} {
		t.Run(name, func(t *testing.T) {
			d := furnished(t)
			if err := d.Fold(t.Context(), testEnv); err != nil {
				t.Fatal(err)
			}
			for id := range d.driver.List(t.Context()) {
				if err := d.Close(); err != nil {
					t.Fatal(err)
				}
				all := scratchedFiles{Files: d.driver, scratched: map[store.FileID]int{}, missing: map[store.FileID]bool{}}
				var err error
				if d.Engine, err = engine.Open(t.Context(), d.driver, &all, d.o); err != nil {
					t.Fatal(err)
				}
				damage(&all, id)
				if found := problems(d.verified(t)); len(found) == 0 && !d.isDocument(t, id) {
					t.Errorf("file %x is %s and nothing is said", id, name)
				}
			}
		})
	}
}

// isDocument reports whether a file is so small that it is a document, which has no checksum.
func (d *disk) isDocument(t *testing.T, id store.FileID) bool {
	t.Helper()
	f, err := d.driver.Open(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return string(f.Bytes()) == "text" && f.Close() == nil
}

func TestVerifyMarksTheSegment(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	d.apply(t, "vip", segment.Include, 0, 100)
	if err := d.Fold(t.Context(), testEnv); err != nil {
		t.Fatal(err)
	}
	all := scratchedFiles{Files: d.driver, scratched: map[store.FileID]int{}}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	if d.Engine, err = engine.Open(t.Context(), d.driver, &all, d.o); err != nil {
		t.Fatal(err)
	}
	for id := range d.driver.List(t.Context()) {
		all.scratched[id] = 200
	}
	d.verified(t)
	if err := d.Damage(testEnv, vip); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("Damage = %v", err)
	}
}

func TestVerifyComparesCountsAndTablesWithTheLog(t *testing.T) {
	d := furnished(t)
	d.Miscount(testEnv, vip)
	found := problems(d.verified(t))
	if len(found) != 1 || !strings.Contains(found[0], "members vip: rosters and log have 35 included and 0 excluded contexts, it is counted 36 and 0") {
		t.Errorf("found %q", found)
	}
	d = furnished(t)
	d.ForgetTables(testEnv, vip)
	found = problems(d.verified(t))
	if len(found) != 1 || !strings.Contains(found[0], "which is in no table") {
		t.Errorf("found %q", found)
	}
}

func TestVerifyEndsWhenItsCallerDoes(t *testing.T) {
	d := furnished(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for _, err := range d.Verify(ctx, &store.Verification{}) {
		cancel()
		if n++; err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Verify = %v", err)
			}
			return
		}
	}
	t.Errorf("all %d objects were verified for nobody", n)
}

func TestVerifyCountsFilesThatNobodyNames(t *testing.T) {
	d := furnished(t)
	st, err := d.Stage(t.Context(), numbered(0, 200))
	if err != nil {
		t.Fatal(err)
	}
	all := d.verified(t)
	if notes := all[store.CheckedFiles][0].Notes; len(notes) != 2 || !strings.HasPrefix(notes[1], "1 files are named by no row") {
		t.Errorf("notes %q", notes)
	}
	st.Discard()
	if notes := d.verified(t)[store.CheckedFiles][0].Notes; len(notes) != 1 {
		t.Errorf("notes %q", notes)
	}
}
