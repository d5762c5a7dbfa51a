package storetest

import (
	"slices"
	"testing"

	"muster/internal/segment"
	"muster/internal/store"
)

var ledgerChecks = []check[store.Store]{
	{"A run that is recorded again replaces its row, in lists and counts too", testRunAgain},
	{"A run is found by the revision that it made, whatever becomes of it", testRunAt},
	{"A request is known by its key, environment and scope", testRecorded},
}

func testRunAgain(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s, "a", "b")
	first, second := newRun(400, envOne, "a"), newRun(401, envOne, "a")
	first.State, second.State = segment.RunReceived, segment.RunHeld
	record := func(runs ...segment.Run) {
		t.Helper()
		mustUpdate(t, s, testScopeEnv, func(tx store.Tx) error {
			for _, r := range runs {
				tx.Record(r)
			}
			return nil
		})
	}
	record(first, second)
	states := []segment.RunState{segment.RunReceived, segment.RunStaged, segment.RunHeld, segment.RunDiscarded, segment.RunLive}
	want := func(all ...segment.Run) {
		t.Helper()
		slices.Reverse(all)
		wantRuns(t, s, "all", store.RunQuery{}, all, len(all))
		for _, state := range states {
			var some []segment.Run
			for _, r := range all {
				if r.State == state {
					some = append(some, r)
				}
			}
			wantRuns(t, s, string(state), store.RunQuery{State: state}, some, len(some))
			wantRuns(t, s, string(state)+" of the segment", store.RunQuery{State: state, Segment: "a"}, some, len(some))
			wantRuns(t, s, string(state)+" of the tool", store.RunQuery{State: state, Tool: "tool", Limit: 5}, some, len(some))
		}
	}
	want(first, second)
	staged := first
	staged.State, first.State, first.Comment = segment.RunStaged, segment.RunLive, "went live"
	record(staged, first) // both in one write
	want(first, second)
	m.Cut(t)
	s = m.Start(t)
	want(first, second)
	second.State = segment.RunDiscarded
	record(second)
	third := newRun(402, envOne, "a")
	record(third)
	want(first, second, third)
	m.Stop(t)
	s = m.Start(t)
	want(first, second, third)
	m.Stop(t)
}

func testRunAt(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s, "a", "b")
	run := newRun(410, envOne, "a")
	run.State = segment.RunReceived
	mustUpdate(t, s, testScopeEnv, func(tx store.Tx) error { tx.Record(run); return nil })
	staged := stage(t, s, changes(segment.Include, "ann"))
	run.State = segment.RunLive
	rev := mustUpdate(t, s, testScopeEnv, func(tx store.Tx) error {
		_, err := tx.Apply(envOne, "a", staged)
		tx.Record(run)
		return err
	})
	change(t, s, "a", changes(segment.Include, "bob"))
	before, ok, err := s.RunAt(t.Context(), envOne, "a", rev)
	if !ok || err != nil || before.ID != run.ID || before.Revision != rev || before.LiveAt.IsZero() {
		t.Fatalf("run of revision %d is %+v, %t, %v", rev, before, ok, err)
	}
	for _, state := range []segment.RunState{segment.RunRolledBack, segment.RunLive} {
		again := before
		again.State = state
		mustUpdate(t, s, testScopeEnv, func(tx store.Tx) error { tx.Record(again); return nil })
		m.Cut(t)
		s = m.Start(t)
		got, ok, err := s.RunAt(t.Context(), envOne, "a", rev)
		if !ok || err != nil || got.State != state || got.Revision != rev || !got.LiveAt.Equal(before.LiveAt) || got.Commit != before.Commit {
			t.Errorf("%s: run of revision %d is %+v, %t, %v", state, rev, got, ok, err)
		}
	}
	for _, none := range []struct {
		env segment.EnvID
		key segment.Key
		rev segment.Revision
	}{{envOne, "a", rev + 1}, {envOne, "a", 0}, {envOne, "b", rev}, {envTwo, "a", rev}} {
		if got, ok, err := s.RunAt(t.Context(), none.env, none.key, none.rev); ok || err != nil {
			t.Errorf("revision %d of %s in %s was made by %+v, %v", none.rev, none.key, none.env, got, err)
		}
	}
	m.Stop(t)
}

func testRecorded(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s, "a")
	runs := []segment.Run{newRun(420, envOne, "a"), newRun(421, envOne, "a")}
	want := func(tx store.Tx, env segment.EnvID, scope, key string, n int) {
		t.Helper()
		got, err := tx.Recorded(env, scope, key)
		if err != nil || len(got) != n {
			t.Errorf("%s of %s in %s: %d runs, %v; want %d", key, scope, env, len(got), err, n)
			return
		}
		for i := range got {
			if got[i].ID != runs[i].ID {
				t.Errorf("%s of %s in %s is run %s", key, scope, env, got[i].ID)
			}
		}
	}
	mustUpdate(t, s, testScopeEnv, func(tx store.Tx) error {
		want(tx, envOne, "tool", "message", 0)
		for _, r := range runs {
			tx.Record(r)
		}
		tx.Remember(envOne, "tool", "message", []segment.RunID{runs[0].ID, runs[1].ID})
		want(tx, envOne, "tool", "message", 2)
		return nil
	})
	for range 2 {
		mustUpdate(t, s, testScopeEnv, func(tx store.Tx) error {
			want(tx, envOne, "tool", "message", 2)
			want(tx, envOne, "tool", "message 2", 0)
			want(tx, envOne, "other tool", "message", 0)
			return nil
		})
		mustUpdate(t, s, store.Scope{Env: envTwo}, func(tx store.Tx) error {
			want(tx, envTwo, "tool", "message", 0)
			return nil
		})
		m.Cut(t)
		s = m.Start(t)
	}
	m.Stop(t)
}
