package engine_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

// holed is a log of which an entry of testEnv can't be read.
type holed struct {
	store.Log
	at segment.Revision
	// garbled: the entry is there, and makes no sense.
	garbled bool
}

func (h holed) Read(ctx context.Context, env segment.EnvID, after segment.Revision) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		for r, err := range h.Log.Read(ctx, env, after) {
			switch {
			case err != nil || env != testEnv || r.Revision != h.at:
			case h.garbled:
				r.Value = []byte{0xff, 0xff}
			default:
				yield(store.Record{}, fmt.Errorf("bad block: %w", store.ErrCorrupt))
				return
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

func TestAHoleInALogStopsItsEnvironmentOnly(t *testing.T) {
	for name, garbled := range map[string]bool{"an entry that can't be read": false, "an entry that makes no sense": true} {
		t.Run(name, func(t *testing.T) { holeInALog(t, garbled) })
	}
}

func holeInALog(t *testing.T, garbled bool) {
	d := newDisk(t, engine.Options{InlineChanges: 12})
	d.found(t)
	elsewhere := segment.Ref{Key: "elsewhere", Generation: 1}
	d.update(t, store.Scope{Env: otherEnv}, func(tx store.Tx) error {
		tx.PutSegment(&catalog.Segment{Env: otherEnv, Key: "elsewhere", Version: 1, Generation: 1, Unbounded: true, Kind: "user"})
		return nil
	})
	d.apply(t, "vip", segment.Include, 0, 10)
	d.apply(t, "vip", segment.Include, 10, 40) // a file
	d.apply(t, "vip", segment.Uninclude, 0, 5)
	at, err := d.Head(testEnv)
	if err != nil {
		t.Fatal(err)
	}
	at--
	files := d.files(t)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if d.Engine, err = engine.Open(t.Context(), holed{d.driver, at, garbled}, d.driver, d.o); err != nil {
		t.Fatalf("one environment stops the start: %v", err)
	}

	say := func(what string, err error) {
		t.Helper()
		if f := fault.From(err); f.Kind != fault.Unavailable || !errors.Is(err, store.ErrCorrupt) ||
			!strings.Contains(f.Message, string(testEnv)) || !strings.Contains(f.Message, fmt.Sprintf("revision %d ", at)) {
			t.Errorf("%s = %v", what, err)
		}
	}
	_, err = d.Head(testEnv)
	say("Head", err)
	_, err = d.View(testEnv)
	say("View", err)
	_, err = d.Await(t.Context(), testEnv, 0)
	say("Await", err)
	_, err = d.Snapshot(testEnv, vip)
	say("Snapshot", err)
	_, err = d.Resume(t.Context(), testEnv, segment.Cursor{})
	say("Resume", err)
	for _, err := range d.Walk(t.Context(), testEnv, segment.Cursor{}) {
		say("Walk", err)
	}
	for _, err := range d.Entries(t.Context(), testEnv, 0) {
		say("Entries", err)
	}
	say("Damage", d.Damage(testEnv, vip))
	_, err = d.Update(t.Context(), store.Scope{Env: testEnv}, func(tx store.Tx) error { tx.PutSegment(unbounded("new", 1)); return nil })
	say("Update", err)
	flag := func(tx store.Tx) error { tx.PutFlag(&catalog.Flag{Project: "web", Key: "f"}); return nil }
	_, err = d.Update(t.Context(), store.Scope{Project: "web"}, flag)
	say("Update of the project", err)

	// The others.
	apply := func() {
		t.Helper()
		st, err := d.Stage(t.Context(), numbered(0, 5))
		if err != nil {
			t.Fatal(err)
		}
		d.update(t, store.Scope{Env: otherEnv}, func(tx store.Tx) error { _, err := tx.Apply(otherEnv, "elsewhere", st); return err })
	}
	apply()
	v, err := d.View(otherEnv)
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := v.Counts(elsewhere); !ok || c.Included != 5 {
		t.Errorf("the other environment holds %+v", c)
	}
	d.update(t, store.Account, func(tx store.Tx) error {
		tx.PutProject(&catalog.Project{ID: "p2", Key: "shop", Name: "Shop"})
		return nil
	})
	d.TendLogs()
	if err := errors.Join(d.Fold(t.Context(), testEnv), d.CheckPending()); err != nil {
		t.Error(err)
	}
	if n := d.files(t); n != files {
		t.Errorf("%d files are left of %d", n, files)
	}

	d.reopen(t) // on a disk that can be read again
	d.wantMembers(t, vip, 50, func(i int) bool { return i >= 5 && i < 40 })
	d.update(t, store.Scope{Project: "web"}, flag)

	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if d.Engine, err = engine.Open(t.Context(), holed{d.driver, at, garbled}, d.driver, d.o); err != nil {
		t.Fatal(err)
	}
	d.update(t, store.Account, func(tx store.Tx) error { tx.DeleteEnvironment(testEnv); return nil })
	d.update(t, store.Scope{Project: "web"}, func(tx store.Tx) error { tx.DeleteFlag("web", "f"); return nil })
	d.reopen(t)
	if err := d.CheckNames(t.Context(), 0); err != nil {
		t.Error(err)
	}
	apply()
}
