package engine_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
)

// brittle is a log that fails when told to.
type brittle struct {
	store.Log
	fails atomic.Bool
}

func (b *brittle) Write(ctx context.Context, records []store.Record, rows []store.Row) error {
	if b.fails.Load() {
		return errors.New("disk is gone")
	}
	return b.Log.Write(ctx, records, rows)
}

func TestAFailedLogStopsAllWriting(t *testing.T) {
	driver, err := pebblestore.Open("data", vfs.NewMem(), slog.New(slog.DiscardHandler), func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	log := &brittle{Log: driver}
	fatal := 0
	e, err := engine.Open(t.Context(), log, driver, engine.Options{Logger: slog.New(slog.DiscardHandler), OnFatal: func(error) { fatal++ }})
	if err != nil {
		t.Fatal(err)
	}
	d := &disk{driver: driver, Engine: e}
	defer d.close(t)
	d.found(t)
	d.apply(t, "vip", segment.Include, 0, 10)
	log.fails.Store(true)
	put := func(tx store.Tx) error { tx.PutSegment(unbounded("new", 1)); return nil }
	if _, err := e.Update(t.Context(), store.Scope{Env: testEnv}, put); err == nil {
		t.Error("an update succeeded on a log that fails")
	}
	log.fails.Store(false)
	if _, err := e.Update(t.Context(), store.Scope{Env: testEnv}, put); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("the next update = %v", err)
	}
	if _, ok := e.Segment(testEnv, "new"); ok || fatal != 1 {
		t.Errorf("segment is visible: %t; told %d times that the log failed", ok, fatal)
	}
	d.wantMembers(t, vip, 10, func(int) bool { return true })
}

func TestIdleSegmentsAreFolded(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	d.apply(t, "vip", segment.Include, 0, 10)
	tick := d.Ticks()
	for i, want := range []int{0, 1, 1} {
		tick()
		n := 0
		for range d.driver.List(t.Context()) {
			n++
		}
		if n != want {
			t.Errorf("%d files after tick %d, want %d", n, i, want)
		}
	}
	d.wantMembers(t, vip, 10, func(int) bool { return true })
	d.reopen(t)
	d.wantMembers(t, vip, 10, func(int) bool { return true })
}

// lossy is a store of files in which one is damaged.
type lossy struct {
	store.Files
}

type damaged []byte

func (d damaged) Bytes() []byte { return d }
func (d damaged) Close() error  { return nil }

func (l lossy) Open(context.Context, store.FileID) (store.File, error) {
	return damaged("not a roster"), nil
}

func TestADamagedRosterFailsItsSegmentOnly(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	scope := store.Scope{Env: testEnv}
	d.update(t, scope, func(tx store.Tx) error { tx.PutSegment(unbounded("other", 1)); return nil })
	d.apply(t, "vip", segment.Include, 0, 10)
	if err := d.Fold(t.Context(), testEnv); err != nil {
		t.Fatal(err)
	}
	d.apply(t, "other", segment.Include, 0, 10)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(t.Context(), d.driver, lossy{d.driver}, d.o)
	if err != nil {
		t.Fatal(err)
	}
	d.Engine = e
	v, err := d.View(testEnv)
	if err != nil {
		t.Fatal(err)
	}
	h := segment.HashOf(userKey(1))
	if _, err := v.State(vip, h); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("State of the damaged segment = %v", err)
	}
	var refs []segment.Ref
	err = v.Each(h, func(r segment.Ref, _ segment.Ops) bool { refs = append(refs, r); return true })
	if !errors.Is(err, store.ErrCorrupt) || len(refs) != 1 || refs[0].Key != "other" {
		t.Errorf("Each = %v, %v", refs, err)
	}
	c := &segment.Changes{}
	c.Append(userKey(1), segment.Include)
	st, err := d.Stage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Update(t.Context(), scope, func(tx store.Tx) error {
		_, err := tx.Apply(testEnv, "vip", st)
		return err
	}); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("Apply to the damaged segment = %v", err)
	}
	d.apply(t, "other", segment.Include, 10, 20)
}
