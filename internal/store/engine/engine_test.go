package engine_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
)

// processesLost is set when a test ended a process as a failing disk does, with all its goroutines.
var processesLost atomic.Bool

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && !processesLost.Load() {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

const (
	testEnv  segment.EnvID = "0123456789abcdef01234567"
	otherEnv segment.EnvID = "0123456789abcdef01234568"
)

// disk is a memory disk on which a store is opened again and again.
type disk struct {
	fs     vfs.FS
	dir    string
	o      engine.Options
	driver *pebblestore.Store
	*engine.Engine
}

func newDisk(tb testing.TB, o engine.Options) *disk {
	tb.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	d := &disk{fs: vfs.NewMem(), dir: "data", o: o}
	d.open(tb)
	tb.Cleanup(func() { d.close(tb) })
	return d
}

func (d *disk) open(tb testing.TB) {
	tb.Helper()
	driver, err := pebblestore.Open(d.dir, d.fs, slog.New(slog.DiscardHandler), func(err error) { tb.Error(err) })
	if err != nil {
		tb.Fatal(err)
	}
	e, err := engine.Open(tb.Context(), driver, driver, d.o)
	if err != nil {
		tb.Fatal(err)
	}
	d.driver, d.Engine = driver, e
}

func (d *disk) close(tb testing.TB) {
	tb.Helper()
	if err := errors.Join(d.Close(), d.driver.Close()); err != nil {
		tb.Error(err)
	}
}

func (d *disk) reopen(tb testing.TB) {
	tb.Helper()
	d.close(tb)
	d.open(tb)
}

// found creates project "web" with its environments and an unbounded segment "vip" in testEnv.
func (d *disk) found(tb testing.TB) {
	tb.Helper()
	d.update(tb, store.Account, func(tx store.Tx) error {
		tx.PutProject(&catalog.Project{ID: "p1", Key: "web", Name: "Web"})
		tx.PutEnvironment(&catalog.Environment{ID: testEnv, Project: "web", Key: "test", SDKKey: "sdk-1", MobileKey: "mob-1"})
		tx.PutEnvironment(&catalog.Environment{ID: otherEnv, Project: "web", Key: "production", SDKKey: "sdk-2", MobileKey: "mob-2"})
		tx.PutSegment(unbounded("vip", 1))
		return nil
	})
}

func unbounded(k segment.Key, g segment.Generation) *catalog.Segment {
	return &catalog.Segment{Env: testEnv, Key: k, Name: string(k), Version: int(g), Generation: g, Unbounded: true, Kind: "user"}
}

func (d *disk) update(tb testing.TB, scope store.Scope, fn func(store.Tx) error) segment.Revision {
	tb.Helper()
	rev, err := d.Update(tb.Context(), scope, fn)
	if err != nil {
		tb.Fatal(err)
	}
	return rev
}

// apply applies one kind of change to contexts "user-<from>" up to "user-<to>", to exclusive.
func (d *disk) apply(tb testing.TB, k segment.Key, ops segment.Ops, from, to int) store.Effect {
	tb.Helper()
	c := &segment.Changes{}
	for i := from; i < to; i++ {
		c.Append(userKey(i), ops)
	}
	st, err := d.Stage(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	defer st.Discard()
	var effect store.Effect
	d.update(tb, store.Scope{Env: testEnv}, func(tx store.Tx) (err error) {
		effect, err = tx.Apply(testEnv, k, st)
		return err
	})
	return effect
}

func userKey(i int) []byte { return fmt.Appendf(nil, "user-%d", i) }

// wantMembers checks that of contexts 0 to n exactly those that in selects are included.
func (d *disk) wantMembers(tb testing.TB, ref segment.Ref, n int, in func(int) bool) {
	tb.Helper()
	v, err := d.View(testEnv)
	if err != nil {
		tb.Fatal(err)
	}
	var want int64
	for i := range n {
		ops, err := v.State(ref, segment.HashOf(userKey(i)))
		if err != nil {
			tb.Fatal(err)
		}
		if got := ops == segment.Include; got != in(i) {
			tb.Fatalf("%s holds user-%d: %t, want %t", ref, i, got, in(i))
		}
		if in(i) {
			want++
		}
	}
	if c, ok := v.Counts(ref); !ok || c.Included != want {
		tb.Errorf("counts of %s = %+v, %t, want %d included", ref, c, ok, want)
	}
}

var vip = segment.Ref{Key: "vip", Generation: 1}

func TestChangesAreVisibleAndSurviveReopening(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	if e := d.apply(t, "vip", segment.Include, 0, 100); e.Added != 100 || e.Counts.Included != 100 {
		t.Errorf("effect of adding = %+v", e)
	}
	if e := d.apply(t, "vip", segment.Uninclude, 50, 150); e.Removed != 50 || e.Unchanged != 50 || e.Counts.Included != 50 {
		t.Errorf("effect of removing = %+v", e)
	}
	in := func(i int) bool { return i < 50 }
	d.wantMembers(t, vip, 200, in)
	d.reopen(t)
	d.wantMembers(t, vip, 200, in)
}

func TestFoldChangesNoLookupCountOrWalk(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	d.apply(t, "vip", segment.Include, 0, 1000)
	if err := d.Fold(t.Context(), testEnv); err != nil {
		t.Fatal(err)
	}
	d.wantMembers(t, vip, 1100, func(i int) bool { return i < 1000 })
	d.apply(t, "vip", segment.Uninclude, 0, 10)
	if err := d.Fold(t.Context(), testEnv); err != nil {
		t.Fatal(err)
	}
	d.apply(t, "vip", segment.Include, 1000, 1010)
	in := func(i int) bool { return i >= 10 && i < 1010 }
	d.wantMembers(t, vip, 1100, in)
	d.reopen(t)
	d.wantMembers(t, vip, 1100, in)
}

func TestLargeStagedListsAreOneEntry(t *testing.T) {
	d := newDisk(t, engine.Options{InlineChanges: 100})
	d.found(t)
	d.apply(t, "vip", segment.Include, 0, 50)
	before, _ := d.Head(testEnv)
	if e := d.apply(t, "vip", segment.Include, 0, 1000); e.Added != 950 || e.Unchanged != 50 {
		t.Errorf("effect = %+v", e)
	}
	d.apply(t, "vip", segment.Uninclude, 900, 950)
	in := func(i int) bool { return i < 900 || i >= 950 && i < 1000 }
	d.wantMembers(t, vip, 1100, in)
	n := 0
	for en, err := range d.Entries(t.Context(), testEnv, before) {
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range en.Members {
			if err := m.Each(nil, func(segment.Change) bool { n++; return true }); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n != 1050 {
		t.Errorf("entries hold %d changes, want 1050", n)
	}
	d.reopen(t)
	d.wantMembers(t, vip, 1100, in)
	if err := d.Fold(t.Context(), testEnv); err != nil {
		t.Fatal(err)
	}
	d.wantMembers(t, vip, 1100, in)
	d.reopen(t)
	d.wantMembers(t, vip, 1100, in)
}

func TestCatalogIsReadAgainAfterReopening(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	d.update(t, store.Account, func(tx store.Tx) error {
		tx.PutFlag(&catalog.Flag{Project: "web", Key: "f", Version: 1, Environments: map[catalog.EnvKey]*catalog.FlagConfig{"test": {Version: 3}}})
		tx.PutToken(&catalog.Token{ID: "t", HashedSecret: catalog.HashedSecret{Hash: [32]byte{1}}})
		tx.PutMember(&catalog.Member{ID: "m", Email: "a@b"})
		return nil
	})
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		tx.Record(segment.Run{ID: "r1", Env: testEnv, Segment: "vip", State: segment.RunLive})
		tx.Record(segment.Run{ID: "r2", Env: testEnv, Segment: "vip", State: segment.RunRejected})
		tx.Audit(catalog.AuditEntry{ID: "a", At: time.Unix(5, 0)})
		return nil
	})
	check := func() {
		t.Helper()
		if e, ok := d.EnvironmentBySDKKey("sdk-1"); !ok || e.ID != testEnv {
			t.Errorf("environment by SDK key = %v, %t", e, ok)
		}
		if _, ok := d.TokenByHash([32]byte{1}); !ok {
			t.Error("token is not found by its hash")
		}
		defs, rev, err := d.Definitions(testEnv)
		if err != nil || len(defs) != 2 || rev != 2 {
			t.Errorf("definitions = %d at %d, %v", len(defs), rev, err)
		}
		runs, n, err := d.Runs(t.Context(), testEnv, store.RunQuery{Segment: "vip", Limit: 1})
		if err != nil || n != 2 || len(runs) != 1 || runs[0].ID != "r2" {
			t.Errorf("newest run = %v of %d, %v", runs, n, err)
		}
		audits := 0
		for _, err := range d.AuditEntries(t.Context(), time.Time{}) {
			if err != nil {
				t.Fatal(err)
			}
			audits++
		}
		if audits != 1 {
			t.Errorf("%d audit entries, want 1", audits)
		}
	}
	check()
	d.reopen(t)
	check()
}

func TestDeletedSegmentsContinueTheirGenerations(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	d.apply(t, "vip", segment.Include, 0, 10)
	scope := store.Scope{Env: testEnv}
	d.update(t, scope, func(tx store.Tx) error { tx.DeleteSegment(testEnv, "vip"); return nil })
	d.reopen(t)
	d.update(t, scope, func(tx store.Tx) error {
		if g := tx.LastGeneration(testEnv, "vip"); g != 1 {
			t.Errorf("last generation = %d, want 1", g)
		}
		if v := tx.LastVersion(testEnv, segment.SegmentDefinition, "vip"); v != 2 {
			t.Errorf("last version = %d, want 2", v)
		}
		tx.PutSegment(unbounded("vip", 2))
		return nil
	})
	v, err := d.View(testEnv)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := v.Counts(vip); ok {
		t.Error("the ref of a deleted segment is alive")
	}
	if _, err := d.Update(t.Context(), scope, func(tx store.Tx) error {
		tx.DeleteSegment(testEnv, "vip")
		tx.PutSegment(unbounded("vip", 2))
		return nil
	}); err == nil {
		t.Error("a ref was used again")
	}
}

func TestDeletedEnvironmentsAreGone(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	d.apply(t, "vip", segment.Include, 0, 10)
	waited := make(chan error)
	go func() {
		_, err := d.Await(t.Context(), testEnv, 1000)
		waited <- err
	}()
	d.update(t, store.Scope{Project: "web"}, func(tx store.Tx) error { tx.DeleteEnvironment(testEnv); return nil })
	if err := <-waited; !errors.Is(err, store.ErrNoEnvironment) {
		t.Errorf("Await = %v", err)
	}
	for range 2 {
		if _, err := d.View(testEnv); !errors.Is(err, store.ErrNoEnvironment) {
			t.Errorf("View = %v", err)
		}
		d.reopen(t)
	}
	d.found(t)
	d.wantMembers(t, vip, 10, func(int) bool { return false })
	if head, err := d.Head(testEnv); err != nil || head != 1 {
		t.Errorf("head of the new environment = %d, %v", head, err)
	}
}

func TestFailedUpdatesChangeNothing(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	boom := errors.New("boom")
	tests := []struct {
		name string
		fn   func(store.Tx) error
		want error
	}{
		{"the function returns an error", func(tx store.Tx) error { tx.PutSegment(unbounded("new", 1)); return boom }, boom},
		{"the write leaves its scope", func(tx store.Tx) error {
			tx.PutSegment(unbounded("new", 1))
			tx.PutProject(&catalog.Project{Key: "x"})
			return nil
		}, store.ErrScope},
		{"the function panics", func(tx store.Tx) error { tx.PutSegment(unbounded("new", 1)); panic("oops") }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := d.Update(t.Context(), store.Scope{Env: testEnv}, tt.fn)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("Update = %v, want %v", err, tt.want)
			}
			if _, ok := d.Segment(testEnv, "new"); ok {
				t.Error("the segment exists")
			}
			if head, _ := d.Head(testEnv); head != 1 {
				t.Errorf("head = %d, want 1", head)
			}
		})
	}
}
