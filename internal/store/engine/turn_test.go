package engine_test

import (
	"bytes"
	"errors"
	"maps"
	"testing"
	"time"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

// turn moves vip one step on to its next generation, and waits until the change lies in files.
func (d *disk) turn(t *testing.T, change func(*catalog.Segment)) error {
	t.Helper()
	rev, err := d.Update(t.Context(), store.Scope{Env: testEnv}, func(tx store.Tx) error {
		s, _ := tx.Segment(testEnv, "vip")
		s = s.Clone()
		change(s)
		tx.PutSegment(s)
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := d.Counted(t.Context(), testEnv, vip, rev); !errors.Is(err, store.ErrNoPoint) { // nobody joined
		return err
	}
	return nil
}

func beginTurn(s *catalog.Segment) {
	s.Origin, s.Turn = 1, &catalog.Turn{From: s.Generation, To: s.Generation + 1}
}

func endTurn(s *catalog.Segment) {
	s.Generation, s.Turn = s.Turn.To, nil
	s.Version++
}

func TestWhoLeftIsRememberedAnewForEachGeneration(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := newDisk(t, engine.Options{Now: func() time.Time { return now }})
	d.found(t)
	two := segment.Ref{Key: "vip", Generation: 2}
	want := func(when string, want map[segment.Ref]int64) {
		t.Helper()
		d.TendLogs()
		if got, err := d.Graves(testEnv); err != nil || !maps.Equal(got, want) {
			t.Errorf("%s graves are %v, %v; want %v", when, got, err, want)
		}
	}
	d.apply(t, "vip", segment.Include, 0, 10)
	d.apply(t, "vip", segment.Uninclude, 0, 4)
	want("before the move", map[segment.Ref]int64{vip: 4})
	if err := d.turn(t, beginTurn); err != nil {
		t.Fatal(err)
	}
	d.apply(t, "vip", segment.Uninclude, 4, 5)
	want("while it lasts", map[segment.Ref]int64{vip: 5, two: 1})
	if err := d.turn(t, endTurn); err != nil {
		t.Fatal(err)
	}
	want("after it", map[segment.Ref]int64{vip: 10, two: 1})
	d.reopen(t)
	now = now.Add(31 * 24 * time.Hour)
	want("a month later", map[segment.Ref]int64{two: 1})
	if _, err := d.Graves("unknown"); !errors.Is(err, store.ErrNoEnvironment) {
		t.Errorf("graves of an unknown environment: %v", err)
	}
}

func TestASegmentThatCantBeReadDoesNotMove(t *testing.T) {
	d := furnished(t)
	const tableMembership store.Table = 9
	d.reopenRotten(t, func(row store.Row) bool {
		return row.Table == tableMembership && bytes.Contains(row.Key, []byte("vip"))
	})
	if err := d.turn(t, beginTurn); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("the move of members that can't be read = %v, want ErrCorrupt", err)
	}
	if s, _ := d.Segment(testEnv, "vip"); s.Turn != nil {
		t.Errorf("it moves: %+v", s.Turn)
	}
}
