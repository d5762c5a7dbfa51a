package engine_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
)

// watched is a store of files that says when something is done to them. Nil functions say nothing.
type watched struct {
	store.Files
	beforePut  func() error
	afterPut   func()
	beforeOpen func() error
	spoil      func([]byte)
}

func (w *watched) Put(ctx context.Context, id store.FileID, write func(io.Writer) error) error {
	if w.beforePut != nil {
		if err := w.beforePut(); err != nil {
			return err
		}
	}
	err := w.Files.Put(ctx, id, write)
	if w.afterPut != nil {
		w.afterPut()
	}
	return err
}

func (w *watched) Open(ctx context.Context, id store.FileID) (store.File, error) {
	if w.beforeOpen != nil {
		if err := w.beforeOpen(); err != nil {
			return nil, err
		}
	}
	f, err := w.Files.Open(ctx, id)
	if err == nil && w.spoil != nil {
		w.spoil(f.Bytes())
	}
	return f, err
}

// watch opens the disk again with files that are watched.
func (d *disk) watch(t *testing.T, w *watched) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	w.Files = d.driver
	e, err := engine.Open(t.Context(), d.driver, w, d.o)
	if err != nil {
		t.Fatal(err)
	}
	d.Engine = e
}

func (d *disk) files(t *testing.T) (n int) {
	t.Helper()
	for _, err := range d.driver.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

const tableKeys store.Table = 10

func TestASegmentDeletedDuringAFoldLeavesNoKeys(t *testing.T) {
	for name, failure := range map[string]error{"the fold succeeds": nil, "the fold fails": errors.New("disk is full")} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t, engine.Options{})
			d.found(t)
			w := &watched{}
			d.watch(t, w)
			d.apply(t, "vip", segment.Include, 0, 10)
			var deleted segment.Revision
			var once sync.Once // later comes the point that the segment leaves
			w.beforePut = func() (err error) {
				once.Do(func() {
					deleted = d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error { tx.DeleteSegment(testEnv, "vip"); return nil })
					err = failure
				})
				return err
			}
			if err := d.Fold(t.Context(), testEnv); !errors.Is(err, failure) {
				t.Fatal(err)
			}
			for row, err := range d.driver.Rows(t.Context(), tableKeys, nil, false) {
				t.Errorf("row %q of keys is left, %v", row.Key, err)
			}
			if _, err := d.Counted(t.Context(), testEnv, vip, deleted); !errors.Is(err, store.ErrNoPoint) {
				t.Error(err)
			}
			if n := d.files(t); n != 1 {
				t.Errorf("%d files are left, want that of the point", n)
			}
		})
	}
}

// dropping is a log that says when an environment's part of it is dropped.
type dropping struct {
	store.Log
	before func()
}

func (l *dropping) Drop(ctx context.Context, id segment.EnvID) error {
	l.before()
	return l.Log.Drop(ctx, id)
}

func TestEnvironmentsTakeUpdatesWhileAnotherOneIsBeingDeleted(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	drops := 0
	e, err := engine.Open(t.Context(), &dropping{Log: d.driver, before: func() {
		drops++
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := d.Update(ctx, store.Scope{Env: testEnv}, func(tx store.Tx) error { tx.PutSegment(unbounded("new", 1)); return nil })
		if err != nil {
			t.Error(err)
		}
	}}, d.driver, d.o)
	if err != nil {
		t.Fatal(err)
	}
	d.Engine = e
	d.update(t, store.Scope{Project: "web"}, func(tx store.Tx) error { tx.DeleteEnvironment(otherEnv); return nil })
	if _, ok := d.Segment(testEnv, "new"); !ok || drops != 1 {
		t.Errorf("segment is there: %t; %d drops", ok, drops)
	}
}

func TestASegmentThatComesAndGoesAtOnceIsNotCountedAsPending(t *testing.T) {
	d := newDisk(t, engine.Options{MaxPending: 5})
	d.found(t)
	scope := store.Scope{Env: testEnv}
	c := &segment.Changes{}
	for i := range 10 {
		c.Append(userKey(i), segment.Include)
	}
	st, err := d.Stage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	queued := make(chan struct{})
	for n, fn := range []func(store.Tx) error{
		func(tx store.Tx) error { <-queued; tx.PutSegment(unbounded("brief", 1)); return nil },
		func(tx store.Tx) error { _, err := tx.Apply(testEnv, "brief", st); return err },
		func(tx store.Tx) error { tx.DeleteSegment(testEnv, "brief"); return nil },
	} {
		done.Go(func() {
			if _, err := d.Update(t.Context(), scope, fn); err != nil {
				t.Errorf("update %d: %v", n, err)
			}
		})
		for n > 0 && d.Waiting(testEnv) < n || n == 0 && !d.Committing(testEnv) {
			runtime.Gosched()
		}
	}
	close(queued)
	done.Wait()
	d.apply(t, "vip", segment.Include, 0, 10)
	d.wantMembers(t, vip, 10, func(int) bool { return true })
}

func TestAListWhoseCallerGivesUpWhileItIsStagedLeavesNoFile(t *testing.T) {
	d := newDisk(t, engine.Options{InlineChanges: 5})
	d.found(t)
	w := &watched{}
	d.watch(t, w)
	ctx, cancel := context.WithCancel(t.Context())
	w.afterPut = cancel
	c := &segment.Changes{}
	for i := range 10 {
		c.Append(userKey(i), segment.Include)
	}
	if _, err := d.Stage(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("Stage = %v", err)
	}
	if n := d.files(t); n != 0 {
		t.Errorf("%d files are left", n)
	}
}

func TestAStagedListThatCouldNotBeOpenedOnceIsNotForgotten(t *testing.T) {
	d := newDisk(t, engine.Options{InlineChanges: 50})
	d.found(t)
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error { tx.PutSegment(unbounded("other", 1)); return nil })
	d.apply(t, "vip", segment.Include, 0, 100)
	d.apply(t, "vip", segment.Uninclude, 0, 10)
	d.apply(t, "other", segment.Include, 0, 10)
	w := &watched{beforeOpen: func() error { return errors.New("too many open files") }}
	d.watch(t, w)
	w.beforeOpen = nil
	tick := d.Ticks()
	tick()
	tick()
	d.reopen(t)
	d.wantMembers(t, vip, 100, func(i int) bool { return i >= 10 })
	d.wantMembers(t, segment.Ref{Key: "other", Generation: 1}, 100, func(i int) bool { return i < 10 })
}

func TestFoldsThatFailDoNotPileUpTables(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	full := errors.New("disk is full")
	w := &watched{beforePut: func() error { return full }}
	d.watch(t, w)
	for i := range 20 {
		d.apply(t, "vip", segment.Include, i, i+1)
		d.apply(t, "vip", segment.Uninclude, i/2, (i+1)/2)
		if err := d.Fold(t.Context(), testEnv); !errors.Is(err, full) {
			t.Fatal(err)
		}
	}
	if n := d.Layers(testEnv, vip); n > 2 {
		t.Errorf("%d layers", n)
	}
	in := func(i int) bool { return i >= 10 && i < 20 }
	d.wantMembers(t, vip, 20, in)
	d.reopen(t)
	d.wantMembers(t, vip, 20, in)
	if err := d.Fold(t.Context(), testEnv); err != nil {
		t.Fatal(err)
	}
	d.wantMembers(t, vip, 20, in)
}

func TestAFoldThatFailedIsRepeatedWhole(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	w := &watched{beforePut: func() error { return errors.New("disk is full") }}
	d.watch(t, w)
	d.apply(t, "vip", segment.Include, 0, 10)
	if err := d.Fold(t.Context(), testEnv); err == nil {
		t.Fatal("a fold succeeded on a full disk")
	}
	d.apply(t, "vip", segment.Uninclude, 0, 5)
	w.beforePut = nil
	if err := d.Fold(t.Context(), testEnv); err != nil {
		t.Fatal(err)
	}
	in := func(i int) bool { return i >= 5 && i < 10 }
	d.wantMembers(t, vip, 10, in)
	for row := range d.driver.Rows(t.Context(), tableKeys, nil, false) {
		t.Errorf("row %q of keys is left", row.Key)
	}
	d.reopen(t)
	d.wantMembers(t, vip, 10, in)
}

func TestADamagedSegmentDoesNotTakeTheMemoryOfOthers(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	scope := store.Scope{Env: testEnv}
	d.update(t, scope, func(tx store.Tx) error { tx.PutSegment(unbounded("other", 1)); return nil })
	d.apply(t, "vip", segment.Include, 0, 10_000)
	if err := d.Fold(t.Context(), testEnv); err != nil {
		t.Fatal(err)
	}
	d.o.SegmentPending, d.o.MaxPending = 50, 100
	d.watch(t, &watched{spoil: func(b []byte) {
		if len(b) > 1000 {
			b[1000]++ // in the context keys, which no lookup reads
		}
	}})
	n := 10_000
	for err := error(nil); !errors.Is(err, store.ErrCorrupt); n++ {
		if err != nil || n > 10_020 {
			t.Fatalf("%d folds of a damaged roster: %v", n-10_000, err)
		}
		d.apply(t, "vip", segment.Include, n, n+1)
		err = d.Fold(t.Context(), testEnv)
	}
	for ; n < 10_200; n++ {
		c := &segment.Changes{}
		c.Append(userKey(n), segment.Include)
		st, err := d.Stage(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Update(t.Context(), scope, func(tx store.Tx) error { _, err := tx.Apply(testEnv, "vip", st); return err }); err != nil {
			if !errors.Is(err, store.ErrCorrupt) {
				t.Error(err)
			}
			break
		}
	}
	d.apply(t, "other", segment.Include, 0, 10)
	d.wantMembers(t, vip, 10_200, func(i int) bool { return i < n })
}

func TestANewEnvironmentTakesUpdatesFromItsFirstMoment(t *testing.T) {
	driver, err := pebblestore.Open("data", vfs.NewMem(), slog.New(slog.DiscardHandler), func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(t.Context(), driver, driver, engine.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	d := &disk{driver: driver, Engine: e}
	defer d.close(t)
	d.found(t)
	ids := make([]segment.EnvID, 300)
	for i := range ids {
		ids[i] = catalog.NewEnvID()
	}
	var writers sync.WaitGroup
	for _, id := range ids {
		writers.Go(func() {
			for {
				_, err := d.Update(t.Context(), store.Scope{Env: id}, func(tx store.Tx) error {
					s := unbounded("first", 1)
					s.Env = id
					tx.PutSegment(s)
					return nil
				})
				if !errors.Is(err, store.ErrNoEnvironment) {
					if err != nil {
						t.Error(err)
					}
					return
				}
				runtime.Gosched()
			}
		})
	}
	d.update(t, store.Scope{Project: "web"}, func(tx store.Tx) error {
		for _, id := range ids {
			tx.PutEnvironment(&catalog.Environment{ID: id, Project: "web", Key: catalog.EnvKey(id), SDKKey: string("s" + id), MobileKey: string("m" + id)})
		}
		return nil
	})
	writers.Wait()
}

func TestOneWriteOfManySegmentsKeepsToTheMemoryOfPendingChanges(t *testing.T) {
	d := newDisk(t, engine.Options{InlineChanges: 100, MaxPending: 100})
	d.found(t)
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error { tx.PutSegment(unbounded("other", 1)); return nil })
	_, err := d.Update(t.Context(), store.Scope{Env: testEnv}, func(tx store.Tx) error {
		for _, k := range []segment.Key{"vip", "other"} {
			c := &segment.Changes{}
			for i := range 60 {
				c.Append(userKey(i), segment.Include)
			}
			st, err := d.Stage(t.Context(), c)
			if err != nil {
				return err
			}
			if _, err := tx.Apply(testEnv, k, st); err != nil {
				return err
			}
		}
		return nil
	})
	if fault.KindOf(err) != fault.TooLarge {
		t.Errorf("Update = %v", err)
	}
	d.wantMembers(t, vip, 60, func(int) bool { return false })
	d.apply(t, "vip", segment.Include, 0, 100)
	d.wantMembers(t, vip, 100, func(int) bool { return true })
}

func TestARefNeverBeginsAgain(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	scope := store.Scope{Env: testEnv}
	d.update(t, scope, func(tx store.Tx) error { tx.DeleteSegment(testEnv, "vip"); return nil })
	refused := func() {
		t.Helper()
		for _, g := range []segment.Generation{0, 1} {
			if _, err := d.Update(t.Context(), scope, func(tx store.Tx) error { tx.PutSegment(unbounded("vip", g)); return nil }); err == nil {
				t.Fatalf("generation %d begins again", g)
			}
		}
	}
	refused()
	d.reopen(t)
	refused()
	d.update(t, scope, func(tx store.Tx) error { tx.PutSegment(unbounded("vip", 2)); return nil })
}
