package engine_test

import (
	"testing"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

// sync applies changes as a push does, with its run.
func (d *disk) sync(tb testing.TB, id segment.RunID, at time.Time, ops segment.Ops, from, to int) {
	tb.Helper()
	c := &segment.Changes{}
	for i := from; i < to; i++ {
		c.Append(userKey(i), ops)
	}
	st, err := d.Stage(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	d.update(tb, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		effect, err := tx.Apply(testEnv, "vip", st)
		tx.Record(segment.Run{
			ID: id, Env: testEnv, Segment: "vip", Kind: segment.PushRun, State: segment.RunLive, Mode: segment.Delta,
			ReceivedAt: at, Added: effect.Added, Removed: effect.Removed,
		})
		return err
	})
}

func (d *disk) recent(tb testing.TB, since time.Time) (added, removed int) {
	tb.Helper()
	d.update(tb, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		added, removed = tx.Recent(testEnv, "vip", since)
		return nil
	})
	return added, removed
}

// What the guard goes by survives a start, whether it is asked for before or after the next sync.
func TestRecentChangesAreKnownAfterAStart(t *testing.T) {
	for name, asked := range map[string]bool{"asked before the next sync": true, "asked behind the next sync": false} {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
			d := newDisk(t, engine.Options{Now: func() time.Time { return now }})
			d.found(t)
			d.sync(t, "r1", now, segment.Include, 0, 100) // too old to matter at the end
			now = now.Add(50 * time.Minute)
			d.sync(t, "r2", now, segment.Include, 100, 130)
			now = now.Add(5 * time.Minute)
			d.sync(t, "r3", now, segment.Uninclude, 0, 20)
			now = now.Add(10 * time.Minute)
			d.reopen(t)
			if asked {
				if added, removed := d.recent(t, now.Add(-time.Hour)); added != 30 || removed != 20 {
					t.Errorf("after a start %d were added and %d removed lately", added, removed)
				}
			}
			d.sync(t, "r4", now, segment.Uninclude, 20, 27)
			for range 2 { // the longer span has to be read behind the shorter one
				if added, removed := d.recent(t, now.Add(-12*time.Minute)); added != 0 || removed != 27 {
					t.Errorf("in twelve minutes %d were added and %d removed", added, removed)
				}
				if added, removed := d.recent(t, now.Add(-time.Hour)); added != 30 || removed != 27 {
					t.Errorf("in an hour %d were added and %d removed", added, removed)
				}
				d.sync(t, "r5", now, segment.Uninclude, 27, 27)
			}
		})
	}
}
