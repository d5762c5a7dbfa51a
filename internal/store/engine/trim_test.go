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
		for s, err := range d.Trace(t.Context(), testEnv, "vip", segment.HashOf(userKey(7))) {
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
