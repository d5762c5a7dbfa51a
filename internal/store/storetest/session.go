package storetest

import (
	"errors"
	"testing"

	"muster/internal/segment"
	"muster/internal/store"
)

var sessionChecks = []check[store.Store]{
	{"Of two sessions that began at one revision the older is superseded by the newer, and not the newer by the older", testEqualStarts},
	{"A newer list that changes nothing supersedes older ones", testSupersededByNoChange},
	{"What is parked survives the publication of a list that began before", testParkedSurvives},
}

// openOf opens a session of segment "a".
func openOf(t testing.TB, s store.Store, id segment.RunID) {
	t.Helper()
	mustUpdate(t, s, testScopeEnv, func(tx store.Tx) error {
		tx.OpenSession(store.Session{Env: envOne, Segment: "a", ID: id})
		return nil
	})
}

// publishAs publishes a list of everybody in a session of segment "a", and ends the session.
func publishAs(t testing.TB, s store.Store, id segment.RunID, keys ...string) error {
	t.Helper()
	load, err := s.Load(t.Context(), store.LoadReplace)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	defer load.Discard()
	w := load.Writer()
	for _, k := range keys {
		err = errors.Join(err, w.Append([]byte(k)))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatalf("load: %v", err)
	}
	staged, _, err := load.Seal(t.Context(), envOne, "a", id)
	if err != nil {
		t.Fatalf("seal: %v", err)
	}
	defer staged.Discard()
	_, err = s.Update(t.Context(), testScopeEnv, func(tx store.Tx) error {
		_, err := tx.Publish(envOne, "a", store.Publication{Session: id, Staged: staged, Reason: segment.PointReplace, Run: id})
		tx.CloseSession(envOne, "a", id)
		return err
	})
	return err
}

var refA = segment.Ref{Key: "a", Generation: 1}

func testEqualStarts(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s, "a")
	change(t, s, "a", changes(segment.Include, "ann"))
	const older, newer, newest = "000000000000000000000003", "000000000000000000000002", "000000000000000000000001"
	for _, id := range []segment.RunID{older, newer, newest} {
		openOf(t, s, id)
	}
	if sessions, err := s.Sessions(envOne); err != nil || len(sessions) != 3 || sessions[0].Start != sessions[2].Start {
		t.Fatalf("sessions %+v, %v: want three of one start", sessions, err)
	}
	m.Cut(t)
	s = m.Start(t)
	if err := publishAs(t, s, newer, "bob"); err != nil {
		t.Errorf("publish the newer: %v", err)
	}
	if err := publishAs(t, s, older, "cy"); !errors.Is(err, store.ErrSuperseded) {
		t.Errorf("publish the older: %v, want ErrSuperseded", err)
	}
	if err := publishAs(t, s, newest, "dee"); err != nil {
		t.Errorf("publish the newest: %v", err)
	}
	wantState(t, view(t, s), refA, "cy", 0)
	wantState(t, view(t, s), refA, "dee", segment.Include)
	m.Stop(t)
}

func testSupersededByNoChange(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s, "a")
	change(t, s, "a", changes(segment.Include, "ann"))
	const older, newer = "000000000000000000000001", "000000000000000000000002"
	openOf(t, s, older)
	change(t, s, "a", changes(segment.Include, "bob"))
	openOf(t, s, newer)
	if err := publishAs(t, s, newer, "ann", "bob"); err != nil {
		t.Errorf("publish what is there: %v", err)
	}
	m.Cut(t)
	s = m.Start(t)
	if err := publishAs(t, s, older, "ann"); !errors.Is(err, store.ErrSuperseded) {
		t.Errorf("publish the older: %v, want ErrSuperseded", err)
	}
	m.Stop(t)
}

func testParkedSurvives(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s, "a")
	change(t, s, "a", changes(segment.Include, "ann", "bob"))
	const held, list = "000000000000000000000001", "000000000000000000000002"
	openOf(t, s, held)
	openOf(t, s, list)
	parked := stage(t, s, changes(segment.Uninclude, "ann"))
	mustUpdate(t, s, testScopeEnv, func(tx store.Tx) error {
		_, err := tx.Park(envOne, "a", held, parked)
		return err
	})
	wantState(t, view(t, s), refA, "ann", segment.Include)
	m.Cut(t)
	s = m.Start(t)
	if err := publishAs(t, s, list, "ann", "bob"); err != nil {
		t.Errorf("publish: %v", err)
	}
	wantState(t, view(t, s), refA, "ann", 0)
	wantState(t, view(t, s), refA, "bob", segment.Include)
	m.Stop(t)
}
