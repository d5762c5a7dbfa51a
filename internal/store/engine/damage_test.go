package engine_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"iter"
	"slices"
	"sync/atomic"
	"testing"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

// rotten is a log of which some rows come back changed.
type rotten struct {
	store.Log
	rots atomic.Pointer[func(store.Row) bool]
}

func (r *rotten) rot(row store.Row) store.Row {
	if f := r.rots.Load(); f != nil && row.Value != nil && (*f)(row) {
		row.Value = slices.Clone(row.Value)
		for i := range row.Value {
			row.Value[i] ^= 0xff
		}
	}
	return row
}

func (r *rotten) Rows(ctx context.Context, table store.Table, prefix []byte, reverse bool) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		for row, err := range r.Log.Rows(ctx, table, prefix, reverse) {
			if !yield(r.rot(row), err) {
				return
			}
		}
	}
}

func (r *rotten) Row(ctx context.Context, table store.Table, key []byte) ([]byte, bool, error) {
	value, ok, err := r.Log.Row(ctx, table, key)
	return r.rot(store.Row{Table: table, Key: key, Value: value}).Value, ok, err
}

// reopenRotten opens the engine again on a log in which the chosen rows are damaged.
func (d *disk) reopenRotten(t *testing.T, rots func(store.Row) bool) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	log := &rotten{Log: d.driver}
	log.rots.Store(&rots)
	var err error
	if d.Engine, err = engine.Open(t.Context(), log, d.driver, d.o); err != nil {
		t.Fatalf("one damaged row stops the start: %v", err)
	}
}

// furnished is a disk with a segment that has everything a segment can have, and another one.
func furnished(t *testing.T) *disk {
	t.Helper()
	d := newDisk(t, engine.Options{InlineChanges: 100})
	d.found(t)
	scope := store.Scope{Env: testEnv}
	d.update(t, scope, func(tx store.Tx) error { tx.PutSegment(unbounded("other", 1)); return nil })
	d.apply(t, "other", segment.Include, 0, 20)
	d.apply(t, "vip", segment.Include, 0, 10)
	d.replaced(t, "vip", 5, 30)
	head, err := d.Head(testEnv)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Counted(t.Context(), testEnv, vip, head); err != nil { // so that no file comes or goes any more
		t.Fatal(err)
	}
	if err := d.Fold(t.Context(), testEnv); err != nil {
		t.Fatal(err)
	}
	d.update(t, scope, func(tx store.Tx) error {
		tx.OpenSession(store.Session{Env: testEnv, Segment: "vip", ID: "held"})
		return nil
	})
	d.apply(t, "vip", segment.Include, 30, 40)
	page, err := d.Stage(t.Context(), numbered(0, 3))
	if err != nil {
		t.Fatal(err)
	}
	d.update(t, scope, func(tx store.Tx) error {
		tx.Record(segment.Run{ID: segment.RunID(catalog.NewID()), Env: testEnv, Segment: "vip", Kind: segment.PushRun, State: segment.RunLive})
		return tx.Keep(testEnv, "vip", "held", 0, page)
	})
	if err := d.PutDocument(t.Context(), testEnv, "note", func(w io.Writer) error { _, err := io.WriteString(w, "text"); return err }); err != nil {
		t.Fatal(err)
	}
	return d
}

// others checks that whatever happened to "vip" did not happen to "other".
func (d *disk) others(t *testing.T) {
	t.Helper()
	d.wantMembers(t, segment.Ref{Key: "other", Generation: 1}, 20, func(int) bool { return true })
	if err := d.Damage(testEnv, segment.Ref{Key: "other", Generation: 1}); err != nil {
		t.Errorf("the other segment is called damaged: %v", err)
	}
	d.apply(t, "other", segment.Include, 0, 20)
}

func TestNoDamagedRowBesideTheCatalogStopsAStart(t *testing.T) {
	for name, table := range engine.Tables() {
		t.Run(name, func(t *testing.T) {
			d := furnished(t)
			before, rows := d.files(t), 0
			d.reopenRotten(t, func(r store.Row) bool {
				if r.Table != table || table == engine.Tables()["membership"] && !isVIP(r.Key) {
					return false
				}
				rows++
				return true
			})
			d.others(t)
			if v, err := d.View(testEnv); err != nil {
				t.Error(err)
			} else if _, err := v.State(vip, segment.HashOf(userKey(7))); err != nil && !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("State = %v", err)
			}
			if rows > 0 && d.files(t) < before {
				t.Errorf("%d files of %d are left: the damaged row may have named the others", d.files(t), before)
			}
		})
	}
}

func isVIP(k []byte) bool { return bytes.HasPrefix(k, []byte(testEnv+"\x00vip\x00")) }

func TestADamagedMembershipRowFailsItsSegmentUntilAListReplacesIt(t *testing.T) {
	d := furnished(t)
	d.reopenRotten(t, func(r store.Row) bool { return r.Table == engine.Tables()["membership"] && isVIP(r.Key) })
	v, err := d.View(testEnv)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.State(vip, segment.HashOf(userKey(7))); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("State = %v", err)
	}
	if err := d.Damage(testEnv, vip); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("Damage = %v", err)
	}
	if err := d.Fold(t.Context(), testEnv); err != nil {
		t.Errorf("Fold = %v", err)
	}
	// What is held can't be laid over members that are lost.
	_, err = d.Update(t.Context(), store.Scope{Env: testEnv}, func(tx store.Tx) error {
		_, err := tx.Settle(testEnv, "vip", "held")
		return err
	})
	if !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("Settle = %v", err)
	}
	head, err := d.Head(testEnv)
	if err != nil {
		t.Fatal(err)
	}
	d.replaced(t, "vip", 100, 130)
	d.wantMembers(t, vip, 140, func(i int) bool { return i >= 100 && i < 130 })
	if err := d.Damage(testEnv, vip); err != nil {
		t.Errorf("Damage after a replace = %v", err)
	}
	for en, err := range d.Entries(t.Context(), testEnv, head) {
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range en.Members {
			if ops, err := m.Find(segment.HashOf(userKey(7))); err != nil || ops&segment.Uninclude == 0 {
				t.Errorf("readers of the log learn %v of a context that may have left, %v", ops, err)
			}
			if ops, err := m.Find(segment.HashOf(userKey(101))); err != nil || ops&segment.Include == 0 {
				t.Errorf("readers of the log learn %v of a context that joined, %v", ops, err)
			}
		}
	}
	d.others(t)
	d.reopen(t)
	d.wantMembers(t, vip, 140, func(i int) bool { return i >= 100 && i < 130 })
}

func TestADamagedMembershipRowIsHealedByAPointAndByDeletion(t *testing.T) {
	damaged := func(r store.Row) bool { return r.Table == engine.Tables()["membership"] && isVIP(r.Key) }
	t.Run("by a point", func(t *testing.T) {
		d := furnished(t)
		d.reopenRotten(t, damaged)
		points, err := d.Points(testEnv, "vip")
		if err != nil || len(points) != 1 {
			t.Fatalf("%d points, %v", len(points), err)
		}
		d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
			_, err := tx.Publish(testEnv, "vip", store.Publication{Point: points[0].ID, Reason: segment.PointRollback})
			return err
		})
		d.wantMembers(t, vip, 40, func(i int) bool { return i < 10 })
		d.reopen(t)
		d.wantMembers(t, vip, 40, func(i int) bool { return i < 10 })
	})
	t.Run("by deletion", func(t *testing.T) {
		d := furnished(t)
		d.reopenRotten(t, damaged)
		d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error { tx.DeleteSegment(testEnv, "vip"); return nil })
		d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error { tx.PutSegment(unbounded("vip", 2)); return nil })
		d.apply(t, "vip", segment.Include, 0, 3)
		d.reopen(t)
		d.wantMembers(t, segment.Ref{Key: "vip", Generation: 2}, 5, func(i int) bool { return i < 3 })
	})
}

func TestASessionOfWhichSomethingIsDamagedCanOnlyBeClosed(t *testing.T) {
	d := furnished(t)
	d.reopenRotten(t, func(r store.Row) bool { return r.Table == engine.Tables()["journal"] })
	scope := store.Scope{Env: testEnv}
	_, err := d.Update(t.Context(), scope, func(tx store.Tx) error { _, err := tx.Settle(testEnv, "vip", "held"); return err })
	if !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("Settle = %v", err)
	}
	if _, err := d.Collected(t.Context(), testEnv, "vip", "held"); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("Collected = %v", err)
	}
	d.update(t, scope, func(tx store.Tx) error { tx.CloseSession(testEnv, "vip", "held"); return nil })
	d.reopen(t)
	if open, err := d.Sessions(testEnv); err != nil || len(open) != 0 {
		t.Errorf("%d sessions, %v", len(open), err)
	}
	d.wantMembers(t, vip, 50, func(i int) bool { return i >= 5 && i < 40 })
}

// scratchedFiles are files of which some have a byte that is not as it was written.
type scratchedFiles struct {
	store.Files
	scratched map[store.FileID]int // by file, where
	missing   map[store.FileID]bool
}

func (s scratchedFiles) Open(ctx context.Context, id store.FileID) (store.File, error) {
	if s.missing[id] {
		return nil, iofs.ErrNotExist
	}
	f, err := s.Files.Open(ctx, id)
	at, ok := s.scratched[id]
	if err != nil || !ok {
		return f, err
	}
	b := slices.Clone(f.Bytes())
	b[min(at, len(b)-1)] ^= 1
	return damaged(b), f.Close()
}

func TestADamagedBlockIsHealedByAWholeList(t *testing.T) {
	for name, at := range map[string]int{"in the header": 3, "in the entries": 200} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t, engine.Options{InlineChanges: 100})
			d.found(t)
			scope := store.Scope{Env: testEnv}
			d.update(t, scope, func(tx store.Tx) error { tx.PutSegment(unbounded("other", 1)); return nil })
			d.apply(t, "vip", segment.Include, 0, 100)
			if err := d.Fold(t.Context(), testEnv); err != nil {
				t.Fatal(err)
			}
			all := scratchedFiles{Files: d.driver, scratched: map[store.FileID]int{}}
			for id := range d.driver.List(t.Context()) {
				all.scratched[id] = at
			}
			d.apply(t, "other", segment.Include, 0, 20)
			d.apply(t, "vip", segment.Uninclude, 0, 3)
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			var err error
			if d.Engine, err = engine.Open(t.Context(), d.driver, all, d.o); err != nil {
				t.Fatal(err)
			}
			v, err := d.View(testEnv)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := v.State(vip, segment.HashOf(userKey(50))); !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("State = %v", err)
			}
			if err := d.Damage(testEnv, vip); !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("Damage = %v", err)
			}
			if err := d.Fold(t.Context(), testEnv); err != nil && !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("Fold = %v", err)
			}
			d.others(t)
			d.replaced(t, "vip", 50, 60)
			d.wantMembers(t, vip, 110, func(i int) bool { return i >= 50 && i < 60 })
			if err := d.Damage(testEnv, vip); err != nil {
				t.Errorf("Damage after a replace = %v", err)
			}
			if points, err := d.Points(testEnv, "vip"); err != nil || len(points) != 0 {
				t.Errorf("%d points can be gone back to, %v; the members before can't be read", len(points), err)
			}
			d.replaced(t, "vip", 0, 0) // nobody is left, and that is a membership too
			d.reopen(t)
			d.wantMembers(t, vip, 110, func(int) bool { return false })
			d.others(t)
		})
	}
}

func TestAnEmptyListHealsToo(t *testing.T) {
	d := furnished(t)
	d.reopenRotten(t, func(r store.Row) bool { return r.Table == engine.Tables()["membership"] && isVIP(r.Key) })
	d.replaced(t, "vip", 0, 0)
	d.wantMembers(t, vip, 50, func(int) bool { return false })
}

func TestAPointOverABadBlockFailsItsSegmentUntilAnotherPointIsPublished(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	scope := store.Scope{Env: testEnv}
	d.update(t, scope, func(tx store.Tx) error { tx.PutSegment(unbounded("other", 1)); return nil })
	d.apply(t, "other", segment.Include, 0, 20)
	d.replaced(t, "vip", 0, 100)
	bad := make(map[store.FileID]int)
	for id, err := range d.driver.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		bad[id] = 200
	}
	d.replaced(t, "vip", 50, 170)
	d.replaced(t, "vip", 200, 300)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	if d.Engine, err = engine.Open(t.Context(), d.driver, scratchedFiles{Files: d.driver, scratched: bad}, d.o); err != nil {
		t.Fatal(err)
	}
	points, err := d.Points(testEnv, "vip") // of 50 to 170, of 0 to 100
	if err != nil || len(points) != 2 {
		t.Fatalf("%d points, %v", len(points), err)
	}
	publish := func(p segment.PointID) {
		t.Helper()
		d.update(t, scope, func(tx store.Tx) error {
			_, err := tx.Publish(testEnv, "vip", store.Publication{Point: p, Reason: segment.PointRollback})
			return err
		})
	}
	publish(points[1].ID)
	v, err := d.View(testEnv)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.State(vip, segment.HashOf(userKey(60))); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("State = %v", err)
	}
	if err := d.Damage(testEnv, vip); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("Damage = %v", err)
	}
	d.others(t)
	publish(points[0].ID)
	if err := d.Damage(testEnv, vip); err != nil {
		t.Errorf("Damage after another point was published = %v", err)
	}
	in := func(i int) bool { return i >= 50 && i < 170 }
	d.wantMembers(t, vip, 300, in)
	d.others(t)
	d.reopen(t)
	d.wantMembers(t, vip, 300, in)
}
