package engine_test

import (
	"errors"
	"sync"
	"testing"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

// TestWhatHappensWhileRostersAreMerged holds a merge of two rosters at the moment at which it writes,
// lets something else happen to the segment, and looks at what is left of both.
func TestWhatHappensWhileRostersAreMerged(t *testing.T) {
	const large = 20
	scope := store.Scope{Env: testEnv}
	some := func(i int) bool { return i < 2*large }
	for _, c := range []struct {
		name      string
		meanwhile func(*testing.T, *disk) error // what it returns, the merge returns
		in        func(i int) bool
		layers    int
	}{
		{"nothing", func(*testing.T, *disk) error { return nil }, some, 1},
		{"changes", func(t *testing.T, d *disk) error {
			t.Helper()
			d.apply(t, "vip", segment.Uninclude, 0, 5)
			return nil
		}, func(i int) bool { return i >= 5 && some(i) }, 2},
		{"a fold", func(t *testing.T, d *disk) error {
			t.Helper()
			d.apply(t, "vip", segment.Uninclude, 0, 5)
			return d.Fold(t.Context(), testEnv)
		}, func(i int) bool { return i >= 5 && some(i) }, 2},
		{"folds of more than the merge", func(t *testing.T, d *disk) error {
			t.Helper()
			for from := 40; from < 160; from += 40 {
				d.apply(t, "vip", segment.Include, from, from+40)
				if err := d.Fold(t.Context(), testEnv); err != nil {
					return err
				}
			}
			return nil
		}, func(i int) bool { return i < 160 }, 1},
		{"a fold that leaves nobody", func(t *testing.T, d *disk) error {
			t.Helper()
			d.apply(t, "vip", segment.Uninclude, 0, 2*large)
			return d.Fold(t.Context(), testEnv)
		}, func(int) bool { return false }, 0},
		{"another list", func(t *testing.T, d *disk) error {
			t.Helper()
			d.replaced(t, "vip", 0, 7)
			return nil
		}, func(i int) bool { return i < 7 }, 1},
		{"deletion and a new beginning", func(t *testing.T, d *disk) error {
			t.Helper()
			d.update(t, scope, func(tx store.Tx) error { tx.DeleteSegment(testEnv, "vip"); return nil })
			d.update(t, scope, func(tx store.Tx) error { tx.PutSegment(unbounded("vip", 2)); return nil })
			d.apply(t, "vip", segment.Include, 3, 4)
			return nil
		}, func(i int) bool { return i == 3 }, 1},
		{"the disk fails", func(*testing.T, *disk) error { return errors.New("no such device") }, some, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDisk(t, engine.Options{FoldRoster: large / 2})
			d.found(t)
			d.apply(t, "vip", segment.Include, 0, large)
			if err := d.Fold(t.Context(), testEnv); err != nil {
				t.Fatal(err)
			}
			puts := 0
			w := &watched{}
			d.watch(t, w)
			var failed error
			w.beforePut = func() error {
				if puts++; puts == 2 { // the first is that of the fold
					failed = c.meanwhile(t, d)
					return failed
				}
				return nil
			}
			d.apply(t, "vip", segment.Include, large, 2*large)
			if err := d.Fold(t.Context(), testEnv); !errors.Is(err, failed) {
				t.Errorf("Fold: %v, want %v", err, failed)
			}
			if puts < 2 {
				t.Fatal("nothing was merged")
			}
			vip := vip
			if s, ok := d.Segment(testEnv, "vip"); ok {
				vip = s.Ref()
			}
			if got := d.Layers(testEnv, vip); got != c.layers {
				t.Errorf("it lies in %d layers, want %d", got, c.layers)
			}
			d.wantMembers(t, vip, 200, c.in)
			if err := d.CheckInvariants(t.Context()); err != nil {
				t.Error(err)
			}
			if err := d.CheckNames(t.Context(), 0); err != nil {
				t.Error(err)
			}
			d.reopen(t)
			d.wantMembers(t, vip, 200, c.in)
			if err := d.Fold(t.Context(), testEnv); err != nil {
				t.Error(err)
			}
			d.wantMembers(t, vip, 200, c.in)
		})
	}
}

// TestFoldsAndMergesAtTheSameTime lets a segment grow from several sides while its rosters are folded
// and merged without end.
func TestFoldsAndMergesAtTheSameTime(t *testing.T) {
	const writers, writes, each = 4, 60, 50
	d := newDisk(t, engine.Options{SegmentPending: 100, FoldRoster: 150})
	d.found(t)
	var work sync.WaitGroup
	for writer := range writers {
		work.Go(func() {
			for n := range writes {
				from := (writer*writes + n) * each
				c := &segment.Changes{}
				for i := from; i < from+each; i++ {
					c.Append(userKey(i), segment.Include)
				}
				st, err := d.Stage(t.Context(), c)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := d.Update(t.Context(), store.Scope{Env: testEnv}, func(tx store.Tx) error {
					_, err := tx.Apply(testEnv, "vip", st)
					return err
				}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	work.Wait()
	all := func(int) bool { return true }
	d.wantMembers(t, vip, writers*writes*each, all)
	d.reopen(t)
	d.wantMembers(t, vip, writers*writes*each, all)
	if err := d.Fold(t.Context(), testEnv); err != nil {
		t.Fatal(err)
	}
	d.wantMembers(t, vip, writers*writes*each, all)
	if n := d.Layers(testEnv, vip); n > 6 {
		t.Errorf("it lies in %d layers after a fold", n)
	}
}
