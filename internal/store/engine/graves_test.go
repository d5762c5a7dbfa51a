package engine_test

import (
	"errors"
	"testing"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

const tableGraves store.Table = 32

// walked walks through testEnv from the beginning and returns what it says, and how far its revision
// reaches.
func (d *disk) walked(t *testing.T) (map[segment.Ref]model, segment.Revision) {
	t.Helper()
	c, err := d.Resume(t.Context(), testEnv, segment.Cursor{})
	if err != nil || !c.Walking {
		t.Fatalf("somebody new goes on at %+v, %v", c, err)
	}
	said := make(map[segment.Ref]model)
	for ch, err := range d.Walk(t.Context(), testEnv, c) {
		if err != nil {
			t.Fatal(err)
		}
		if said[ch.Ref] == nil {
			said[ch.Ref] = make(model)
		}
		said[ch.Ref][ch.Hash] = ch.Ops
	}
	return said, c.Revision
}

func wantSaid(t *testing.T, said model, n int, want func(i int) segment.Ops) {
	t.Helper()
	for i := range n {
		if got := said[segment.HashOf(userKey(i))]; got != want(i) {
			t.Errorf("the walk says %04b of user-%d, want %04b", got, i, want(i))
		}
	}
}

func TestWhoLeftIsToldWhenTheLogNoLongerDoes(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := newDisk(t, engine.Options{InlineChanges: 70, Now: func() time.Time { return now }})
	d.found(t)
	d.apply(t, "vip", segment.Include, 0, 300)
	d.apply(t, "vip", segment.Uninclude, 0, 20)   // in an entry
	d.apply(t, "vip", segment.Uninclude, 20, 150) // in a file
	d.apply(t, "vip", segment.Include, 10, 30)    // back again
	now = now.Add(8 * 24 * time.Hour)
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error { tx.PutSegment(unbounded("other", 1)); return nil })
	for range 2 {
		d.TendLogs()
		said, rev := d.walked(t)
		if head, _ := d.Head(testEnv); rev != head {
			t.Errorf("the walk began at %d, the head is %d", rev, head)
		}
		wantSaid(t, said[vip], 310, func(i int) segment.Ops {
			switch {
			case i < 10 || i >= 30 && i < 150:
				return segment.Uninclude
			case i < 300:
				return segment.Include
			}
			return 0
		})
		d.reopen(t)
	}
}

func TestGravesOfMembersAreClearedWhenAllAreMerged(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	for round := range 40 {
		// Ten leave and come back in every round, and one for good.
		d.apply(t, "vip", segment.Include, 0, 10)
		d.apply(t, "vip", segment.Include, 100+round, 101+round)
		d.apply(t, "vip", segment.Uninclude, 0, 10)
		d.apply(t, "vip", segment.Uninclude, 100+round, 101+round)
		if err := d.Bury(t.Context(), testEnv); err != nil {
			t.Fatal(err)
		}
		if files, entries := d.GraveFiles(testEnv, vip); files > 6 || entries > 10*files+round+1 {
			t.Fatalf("round %d leaves %d entries of graves in %d files", round, entries, files)
		}
	}
	d.apply(t, "vip", segment.Include, 0, 10)
	d.apply(t, "vip", segment.Include, 200, 500)
	d.apply(t, "vip", segment.Uninclude, 200, 500) // so many that all graves are merged
	if err := d.Bury(t.Context(), testEnv); err != nil {
		t.Fatal(err)
	}
	said, _ := d.walked(t)
	wantSaid(t, said[vip], 510, func(i int) segment.Ops {
		switch {
		case i < 10:
			return segment.Include
		case i >= 100 && i < 140 || i >= 200 && i < 500:
			return segment.Uninclude
		}
		return 0
	})
	if files, entries := d.GraveFiles(testEnv, vip); files != 1 || entries != 340 {
		t.Errorf("%d entries in %d files, want the 340 who are no members", entries, files)
	}
}

func TestARefThatEndedIsToldOfForAsLongAsItsPointsMayBeKept(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := newDisk(t, engine.Options{InlineChanges: 70, Now: func() time.Time { return now }})
	d.found(t)
	d.apply(t, "vip", segment.Include, 0, 100)
	d.apply(t, "vip", segment.Include, 100, 110) // in a table
	deleted := d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		tx.DeleteSegment(testEnv, "vip")
		tx.PutSegment(unbounded("vip", 2))
		return nil
	})
	d.apply(t, "vip", segment.Include, 5, 6)
	if _, err := d.Counted(t.Context(), testEnv, vip, deleted); !errors.Is(err, store.ErrNoPoint) {
		t.Errorf("the end of a ref is counted: %v", err)
	}
	for range 2 {
		d.TendLogs()
		said, _ := d.walked(t)
		wantSaid(t, said[vip], 111, func(i int) segment.Ops {
			if i < 110 {
				return segment.Uninclude
			}
			return 0
		})
		next := segment.Ref{Key: "vip", Generation: 2}
		if len(said) != 2 || len(said[next]) != 1 {
			t.Errorf("the walk names %d refs, and %d of the next one", len(said), len(said[next]))
		}
		d.reopen(t)
	}
	now = now.Add(31 * 24 * time.Hour)
	d.TendLogs()
	if said, _ := d.walked(t); len(said) != 1 {
		t.Errorf("the walk names %d refs a month later", len(said))
	}
	for row, err := range d.driver.Rows(t.Context(), tableGraves, nil, false) {
		t.Errorf("row %q of graves is left, %v", row.Key, err)
	}
}

func TestGravesThatCantBeReadFailTheirSegmentOnly(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error { tx.PutSegment(unbounded("zoo", 1)); return nil })
	for _, k := range []segment.Key{"vip", "zoo"} {
		d.apply(t, k, segment.Include, 0, 10)
		d.apply(t, k, segment.Uninclude, 0, 5)
	}
	if err := errors.Join(d.Bury(t.Context(), testEnv), d.Fold(t.Context(), testEnv)); err != nil {
		t.Fatal(err)
	}
	w := &watched{}
	d.watch(t, w)
	spoilt := false
	w.spoil = func(b []byte) {
		if !spoilt { // that of the first ref
			spoilt = true
			b[len(b)-1]++
		}
	}
	var failed []segment.Ref
	told := make(map[segment.Key]int)
	c, err := d.Resume(t.Context(), testEnv, segment.Cursor{})
	if err != nil {
		t.Fatal(err)
	}
	for ch, err := range d.Walk(t.Context(), testEnv, c) {
		switch {
		case errors.Is(err, store.ErrCorrupt):
			failed = append(failed, ch.Ref)
		case err != nil:
			t.Fatal(err)
		default:
			told[ch.Ref.Key]++
		}
	}
	if len(failed) != 1 || failed[0] != vip || told["zoo"] != 10 {
		t.Errorf("the walk fails for %v and tells of %d contexts of the other", failed, told["zoo"])
	}
	// What a merge can't read is missed for ever, and said to be.
	spoilt = false
	for _, k := range []segment.Key{"vip"} {
		d.apply(t, k, segment.Uninclude, 5, 10)
	}
	if err := d.Bury(t.Context(), testEnv); err != nil {
		t.Fatal(err)
	}
	w.spoil = nil
	last := error(nil)
	for ch, err := range d.Walk(t.Context(), testEnv, c) {
		if ch.Ref == vip {
			last = err
		}
	}
	if !spoilt || !errors.Is(last, store.ErrCorrupt) {
		t.Errorf("after a merge of damaged graves the walk ends with %v", last)
	}
	d.wantMembers(t, vip, 10, func(int) bool { return false })
}

func TestGravesThatCantBeWrittenAreWrittenLater(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	w := &watched{}
	d.watch(t, w)
	d.apply(t, "vip", segment.Include, 0, 10)
	d.apply(t, "vip", segment.Uninclude, 0, 10)
	full := errors.New("disk is full")
	w.beforePut = func() error { return full }
	before, _ := d.Resume(t.Context(), testEnv, segment.Cursor{})
	if err := d.Bury(t.Context(), testEnv); !errors.Is(err, full) {
		t.Errorf("bury on a full disk: %v", err)
	}
	if c, _ := d.Resume(t.Context(), testEnv, segment.Cursor{}); c != before {
		t.Errorf("walks begin at %+v now, not at %+v", c, before)
	}
	w.beforePut = nil
	if err := d.Bury(t.Context(), testEnv); err != nil {
		t.Fatal(err)
	}
	said, _ := d.walked(t)
	wantSaid(t, said[vip], 10, func(int) segment.Ops { return segment.Uninclude })
}
