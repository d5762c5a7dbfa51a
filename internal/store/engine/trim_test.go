package engine_test

import (
	"errors"
	"testing"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

func TestOldEntriesAreTrimmedAndTheRestServesOn(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := newDisk(t, engine.Options{InlineChanges: 70, Now: func() time.Time { return now }})
	d.found(t)
	d.apply(t, "vip", segment.Include, 0, 100) // a file that the log names
	d.apply(t, "vip", segment.Include, 100, 160)
	now = now.Add(8 * 24 * time.Hour)
	d.apply(t, "vip", segment.Uninclude, 0, 5)
	entries := func(after segment.Revision) (n int, err error) {
		for _, err := range d.Entries(t.Context(), testEnv, after) {
			if err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	}
	d.TendLogs() // folds what the old entries alone hold
	for range 2 {
		if n, err := entries(0); !errors.Is(err, store.ErrTrimmed) {
			t.Errorf("%d entries from the beginning, %v", n, err)
		}
		if n, err := entries(3); n != 1 || err != nil {
			t.Errorf("%d entries that are young, %v", n, err)
		}
		d.wantMembers(t, vip, 170, func(i int) bool { return i >= 5 && i < 160 })
		for s, err := range d.Trace(t.Context(), testEnv, only("vip"), segment.HashOf(userKey(7))) {
			if err != nil || s.Since.IsZero() {
				t.Errorf("a trace past the beginning: %+v, %v", s, err)
			}
		}
		files := 0
		for range d.driver.List(t.Context()) {
			files++
		}
		if files != 2 {
			t.Errorf("%d files, want the roster and the graves", files)
		}
		d.reopen(t)
		d.TendLogs()
	}
	d.apply(t, "vip", segment.Include, 0, 5)
	d.wantMembers(t, vip, 170, func(i int) bool { return i < 160 })
}

func TestTheNewestEntryStaysWithWhatItNames(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := newDisk(t, engine.Options{InlineChanges: 70, Now: func() time.Time { return now }})
	d.found(t)
	d.apply(t, "vip", segment.Include, 100, 110)
	d.apply(t, "vip", segment.Include, 0, 100) // a file that a fold merges with that
	now = now.Add(8 * 24 * time.Hour)
	for range 2 {
		d.TendLogs()
		head, err := d.Head(testEnv)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for en, err := range d.Entries(t.Context(), testEnv, head-1) {
			if err != nil {
				t.Fatal(err)
			}
			if err := en.Members[0].Each(nil, func(segment.Change) bool { n++; return true }); err != nil {
				t.Error(err)
			}
		}
		if n != 100 {
			t.Errorf("the newest entry has %d of 100 changes", n)
		}
		d.reopen(t)
	}
}

func TestALogThatTakesTooMuchIsTrimmed(t *testing.T) {
	const limit = 1 << 20
	d := newDisk(t, engine.Options{LogBytes: limit, InlineChanges: 10_000})
	d.found(t)
	begun := func() segment.Revision {
		for rev := segment.Revision(0); ; rev++ {
			err := errors.New("there is nothing")
			for _, readErr := range d.driver.Read(t.Context(), testEnv, rev) {
				err = readErr
				break
			}
			if !errors.Is(err, store.ErrTrimmed) {
				return rev
			}
		}
	}
	size := func() int64 {
		n, err := d.driver.Size(t.Context(), testEnv, begun())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for i := range 8 {
		d.apply(t, "vip", segment.Include, 8_000*i, 8_000*(i+1))
	}
	d.reopen(t) // then the driver knows the size of it all
	before := size()
	d.TendLogs()
	if after := size(); before < 2*limit*9/10 || after > limit || after < limit/2 {
		t.Errorf("the log took %d bytes, and takes %d of %d now", before, after, limit)
	}
	// A file that an entry names counts as well.
	entries := begun()
	d.apply(t, "vip", segment.Uninclude, 0, 40_000)
	d.TendLogs()
	if head, _ := d.Head(testEnv); begun() != head-1 {
		t.Errorf("a file of 40,000 changes leaves the entries after %d, from %d on, of %d", begun(), entries, head)
	}
	d.wantMembers(t, vip, 64_000, func(i int) bool { return i >= 40_000 })
	d.reopen(t)
	d.wantMembers(t, vip, 64_000, func(i int) bool { return i >= 40_000 })
}
