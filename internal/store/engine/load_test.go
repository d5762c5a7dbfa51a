package engine_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
)

// listOf begins a load of contexts "user-<from>" up to "user-<to>", to exclusive, added by several
// goroutines.
func (d *disk) listOf(tb testing.TB, mode store.LoadMode, from, to int) store.Load {
	tb.Helper()
	l, err := d.Load(tb.Context(), mode)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(l.Discard)
	if err := fillLoad(l, from, to); err != nil {
		tb.Fatal(err)
	}
	return l
}

func fillLoad(l store.Load, from, to int) error {
	const writers = 3
	errs := make([]error, writers)
	var writing sync.WaitGroup
	for part := range writers {
		writing.Go(func() {
			w := l.Writer()
			for i := from + part; i < to && errs[part] == nil; i += writers {
				errs[part] = w.Append(userKey(i))
			}
			errs[part] = errors.Join(errs[part], w.Close())
		})
	}
	writing.Wait()
	return errors.Join(errs...)
}

// layered gives segment "vip" members that lie in a whole roster, in changes over it and in tables:
// included are 0 to 800 but 100 to 150 and 700 to 720, excluded 790 to 810 and 900 to 910.
func (d *disk) layered(tb testing.TB) {
	tb.Helper()
	d.found(tb)
	d.apply(tb, "vip", segment.Include, 0, 600)
	if err := d.Fold(tb.Context(), testEnv); err != nil {
		tb.Fatal(err)
	}
	d.apply(tb, "vip", segment.Include, 600, 800)
	d.apply(tb, "vip", segment.Uninclude, 700, 720)
	d.apply(tb, "vip", segment.Uninclude, 100, 150)
	d.apply(tb, "vip", segment.Exclude, 790, 810)
	d.apply(tb, "vip", segment.Exclude, 900, 910)
}

func TestListsAreComparedWithMembersInSeveralLayers(t *testing.T) {
	for name, tt := range map[string]struct {
		mode                      store.LoadMode
		from, to                  int
		added, removed, unchanged int
	}{
		"a whole list adds, removes and keeps":              {store.LoadReplace, 50, 1000, 50 + 20 + 200, 50, 680},
		"a whole list of nobody removes all":                {store.LoadReplace, 0, 0, 0, 730, 0},
		"contexts to include":                               {store.LoadInclude, 50, 1000, 270, 0, 680},
		"contexts not to include any more":                  {store.LoadRemove, 50, 1000, 0, 680, 270},
		"few contexts to include are looked up":             {store.LoadInclude, 99, 109, 9, 0, 1},
		"few contexts not to include any more, looked up":   {store.LoadRemove, 99, 109, 0, 1, 9},
		"nobody to include":                                 {store.LoadInclude, 0, 0, 0, 0, 0},
		"contexts that nobody knows, not to include at all": {store.LoadRemove, 2000, 2100, 0, 0, 100},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t, engine.Options{InlineChanges: 150, LoadBytes: 1})
			d.layered(t)
			l := d.listOf(t, tt.mode, tt.from, tt.to)
			now, err := d.Snapshot(testEnv, vip)
			if err != nil {
				t.Fatal(err)
			}
			compared, err := l.Compare(t.Context(), now)
			if err != nil {
				t.Fatal(err)
			}
			staged, sealed, err := l.Seal(t.Context(), testEnv, "vip", "run")
			if err != nil {
				t.Fatal(err)
			}
			defer staged.Discard()
			for _, diff := range []segment.Diff{compared, sealed} {
				if diff.Added != tt.added || diff.Removed != tt.removed || diff.Unchanged != tt.unchanged {
					t.Errorf("the list adds %d, removes %d and keeps %d", diff.Added, diff.Removed, diff.Unchanged)
				}
				wantSamples(t, now, diff.AddedKeys, tt.added, 0)
				wantSamples(t, now, diff.RemovedKeys, tt.removed, segment.Include)
			}
			files := d.files(t)
			over, err := l.Over(t.Context(), now)
			if err != nil {
				t.Fatal(err)
			}
			added, removed := 0, 0
			for c, err := range over.Changes(t.Context(), now) {
				switch {
				case err != nil || len(c.Key) == 0 || segment.HashOf(c.Key) != c.Hash:
					t.Fatalf("%+v, %v", c, err)
				case c.Ops == segment.Include:
					added++
				case c.Ops == segment.Uninclude:
					removed++
				}
			}
			if added != tt.added || removed != tt.removed || over.Counts().Included != now.Counts().Included+int64(added-removed) {
				t.Errorf("laid over the members it adds %d, removes %d and leaves %+v", added, removed, over.Counts())
			}
			l.Discard()
			if left := d.files(t); left != files {
				t.Errorf("%d files are left, want %d", left, files)
			}
		})
	}
}

// wantSamples checks that keys are some of so many contexts which were included before, or not.
func wantSamples(t *testing.T, before store.Members, keys []string, of int, included segment.Ops) {
	t.Helper()
	if len(keys) != min(of, segment.MaxDiffSamples) || len(slices.Compact(slices.Sorted(slices.Values(keys)))) != len(keys) {
		t.Errorf("the samples of %d are %q", of, keys)
	}
	for _, k := range keys {
		if ops, err := before.State(segment.HashOf([]byte(k))); err != nil || ops&segment.Include != included {
			t.Errorf("sample %q was %04b before, %v", k, ops, err)
		}
	}
}

func TestAWholeListKeepsWhoIsExcluded(t *testing.T) {
	for name, to := range map[string]int{"a list": 1000, "nobody": 50} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t, engine.Options{InlineChanges: 150, LoadBytes: 1})
			d.layered(t)
			d.replace(t, 50, to)
			d.reopen(t)
			now, err := d.Snapshot(testEnv, vip)
			if err != nil {
				t.Fatal(err)
			}
			want := model{}
			for i := 50; i < to; i++ {
				want.apply(segment.HashOf(userKey(i)), segment.Include)
			}
			for i := 790; i < 910; i++ {
				if i < 810 || i >= 900 {
					want.apply(segment.HashOf(userKey(i)), segment.Exclude)
				}
			}
			got := model{}
			for c, err := range now.All(nil) {
				if err != nil || segment.HashOf(c.Key) != c.Hash {
					t.Fatalf("%s has the key %q: %v", c.Hash, c.Key, err)
				}
				got.apply(c.Hash, c.Ops)
			}
			if !maps.Equal(got, want) {
				t.Errorf("%d members, want %d", len(got), len(want))
			}
			if now.Counts() != want.counts() {
				t.Errorf("counts %+v, want %+v", now.Counts(), want.counts())
			}
		})
	}
}

// replace publishes a list of contexts "user-<from>" up to "user-<to>", to exclusive.
func (d *disk) replace(tb testing.TB, from, to int) {
	tb.Helper()
	d.update(tb, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		tx.OpenSession(store.Session{Env: testEnv, Segment: "vip", ID: "run"})
		return nil
	})
	staged, _, err := d.listOf(tb, store.LoadReplace, from, to).Seal(tb.Context(), testEnv, "vip", "run")
	if err != nil {
		tb.Fatal(err)
	}
	d.update(tb, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		_, err := tx.Publish(testEnv, "vip", store.Publication{Session: "run", Staged: staged, Run: "run"})
		tx.CloseSession(testEnv, "vip", "run")
		return err
	})
}

func TestListsAreSealedOnlyForSegmentsWithMembers(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		s := unbounded("list", 1)
		s.Unbounded = false
		tx.PutSegment(s)
		return nil
	})
	l := d.listOf(t, store.LoadReplace, 0, 10)
	for _, tt := range []struct {
		env  segment.EnvID
		key  segment.Key
		want error
	}{
		{"fedcba987654321001234567", "vip", store.ErrNoEnvironment},
		{testEnv, "nobody", store.ErrUnbounded},
		{testEnv, "list", store.ErrUnbounded},
	} {
		if _, _, err := l.Seal(t.Context(), tt.env, tt.key, "run"); !errors.Is(err, tt.want) {
			t.Errorf("sealed for %s in %s: %v, want %v", tt.key, tt.env, err, tt.want)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, _, err := l.Seal(ended, testEnv, "vip", "run"); !errors.Is(err, context.Canceled) {
		t.Errorf("sealed for somebody who is gone: %v", err)
	}
	d.wantFiles(t, 0)
}

func TestKeysThatCanNeverBeAreNotLoaded(t *testing.T) {
	d := newDisk(t, engine.Options{})
	l, err := d.Load(t.Context(), store.LoadInclude)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Discard()
	w := l.Writer()
	for _, k := range []string{"", strings.Repeat("x", segment.MaxKeyBytes+1)} {
		if err := w.Append([]byte(k)); err == nil {
			t.Errorf("a key of %d bytes was taken", len(k))
		}
	}
}

// wantFiles checks how many files there are.
func (d *disk) wantFiles(tb testing.TB, want int) {
	tb.Helper()
	n := 0
	for _, err := range d.driver.List(tb.Context()) {
		if err != nil {
			tb.Fatal(err)
		}
		n++
	}
	if n != want {
		tb.Errorf("%d files, want %d", n, want)
	}
}

// TestListsLeaveNothingWhenTheDiskFails lets each operation on a folder fail in turn.
func TestListsLeaveNothingWhenTheDiskFails(t *testing.T) {
	for folder, size := range map[string]int{"scratch": 5, "roster": 9000} {
		t.Run(folder, func(t *testing.T) {
			for n := int32(0); ; n++ {
				failing := errorfs.OnIndex(n)
				toggle := errorfs.Toggle{Injector: errorfs.InjectorFunc(func(op errorfs.Op) error {
					if !strings.Contains(op.Path, folder) {
						return nil
					}
					return failing.MaybeError(op)
				})}
				d := openBrittle(t, &toggle)
				toggle.On()
				staged, err := d.sealList(t, size)
				toggle.Off()
				if err != nil && (failing.Load() >= 0 || !strings.Contains(err.Error(), errorfs.ErrInjected.Error())) {
					t.Errorf("operation %d failed: %v", n, err)
				}
				if err == nil {
					d.wantFiles(t, 1)
					staged.Discard()
				}
				d.wantFiles(t, 0)
				if left, err := d.fs.List("data/scratch"); err != nil || len(left) != 0 {
					t.Errorf("operation %d failed: scratch files %v are left, %v", n, left, err)
				}
				d.close(t)
				if failing.Load() >= 0 {
					if n == 0 {
						t.Error("nothing failed")
					}
					return
				}
			}
		})
	}
}

// openBrittle opens a store with segment "vip" on a disk that fails when it is told to.
func openBrittle(t *testing.T, fail errorfs.Injector) *disk {
	t.Helper()
	d := &disk{fs: vfs.NewMem(), dir: "data"}
	driver, err := pebblestore.Open(d.dir, errorfs.Wrap(d.fs, fail), slog.New(slog.DiscardHandler), func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	d.driver = driver
	d.Engine, err = engine.Open(t.Context(), driver, driver, engine.Options{LoadBytes: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	d.found(t)
	return d
}

func (d *disk) sealList(t *testing.T, n int) (store.Staged, error) {
	l, err := d.Load(t.Context(), store.LoadReplace)
	if err != nil {
		return nil, err
	}
	defer l.Discard()
	if err := fillLoad(l, 0, n); err != nil {
		return nil, err
	}
	staged, _, err := l.Seal(t.Context(), testEnv, "vip", "run")
	return staged, err
}

func TestAWholeListThatDiffersLittleIsTheChangeOfItsEntry(t *testing.T) {
	const n = 400
	d := newDisk(t, engine.Options{SmallRoster: 1})
	d.found(t)
	d.replace(t, 0, n)
	if got := d.files(t); got != 1 {
		t.Errorf("the first list lies in %d files", got)
	}
	d.replace(t, 20, n+20)
	if got := d.Layers(testEnv, vip); got != 2 {
		t.Errorf("the list lies in %d rosters, want its changes over the first", got)
	}
	in := func(from int) func(int) bool { return func(i int) bool { return i >= from && i < from+n } }
	d.wantMembers(t, vip, 2*n, in(20))
	head, err := d.Head(testEnv)
	if err != nil {
		t.Fatal(err)
	}
	var added, removed int
	for en, err := range d.Entries(t.Context(), testEnv, head-1) {
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range en.Members {
			if err := m.Each(nil, func(c segment.Change) bool {
				switch c.Ops {
				case segment.Include:
					added++
				case segment.Uninclude:
					removed++
				}
				return true
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if added != 20 || removed != 20 {
		t.Errorf("the entry adds %d and removes %d, want 20 each", added, removed)
	}
	if diff, err := d.Counted(t.Context(), testEnv, vip, head); err != nil || diff.Added != 20 || diff.Removed != 20 || diff.Unchanged != n-20 {
		t.Errorf("counted %+v, %v", diff, err)
	}
	d.replace(t, 20, n+20)
	if now, err := d.Head(testEnv); err != nil || now != head {
		t.Errorf("a list that changes nothing moves the head from %d to %d, %v", head, now, err)
	}
	d.reopen(t)
	d.wantMembers(t, vip, 2*n, in(20))
	d.replace(t, n, 2*n) // differs in nearly all
	if got := d.Layers(testEnv, vip); got != 1 {
		t.Errorf("a list of others lies in %d rosters", got)
	}
	d.wantMembers(t, vip, 2*n, in(n))
}
