package storetest

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

var turnChecks = []check[store.Store]{
	{"All members are members of two generations while a segment moves", testTurn},
	{"Members of a segment that can't move stay as they are", testRefusedTurns},
}

// turned returns a segment one step on in its move to the next generation: it begins, is switched, ends.
func turned(s *catalog.Segment, last segment.Generation, version int) *catalog.Segment {
	s = s.Clone()
	switch t := s.Turn; {
	case t == nil:
		s.Origin = s.Home().Generation
		s.Turn = &catalog.Turn{From: s.Generation, To: last + 1, Begun: at(1), Reason: catalog.TurnRequested}
	case t.Switched.IsZero():
		s.Generation, s.Version = t.To, version+1
		t.Switched = at(2)
	default:
		s.Turn = nil
	}
	return s
}

// turnStep moves an unbounded segment one step on to its next generation.
func turnStep(env segment.EnvID, key segment.Key) step {
	return func(tx store.Tx, w *world) error {
		s := w.envs[env].segments[key]
		if s == nil || !s.Unbounded {
			return nil
		}
		last, err := lastVersion(tx, w, env, segment.SegmentDefinition, string(key))
		s = turned(s, tx.LastGeneration(env, key), last)
		tx.PutSegment(s)
		w.putSegment(s)
		return err
	}
}

// turn moves a segment one step on to its next generation.
func (r *random) turn(rt *rapid.T) {
	env, key := r.drawLive(rt)
	r.update(rt, store.Scope{Env: env}, []step{turnStep(env, key)}, nil)
}

// turn is a step of a script.
func turn(key segment.Key) scriptStep {
	return inEnv("move "+string(key)+" on to its next generation", turnStep(scriptEnv, key))
}

// turnOn moves a segment of a test one step on.
func turnOn(t testing.TB, s store.Store, key segment.Key) (segment.Revision, error) {
	t.Helper()
	return s.Update(t.Context(), testScopeEnv, func(tx store.Tx) error {
		x, ok := tx.Segment(envOne, key)
		if !ok {
			return fmt.Errorf("no segment %s", key)
		}
		tx.PutSegment(turned(x, tx.LastGeneration(envOne, key), tx.LastVersion(envOne, segment.SegmentDefinition, string(key))))
		return nil
	})
}

func mustTurn(t testing.TB, s store.Store, key segment.Key) segment.Revision {
	t.Helper()
	rev, err := turnOn(t, s, key)
	if err != nil {
		t.Fatalf("move %s on: %v", key, err)
	}
	return rev
}

// deltasAt returns what an entry says of each ref.
func deltasAt(t testing.TB, s store.Store, rev segment.Revision) map[segment.Ref]memberSet {
	t.Helper()
	got := map[segment.Ref]memberSet{}
	for e, err := range s.Entries(t.Context(), envOne, rev-1) {
		if err != nil {
			t.Fatalf("entry %d: %v", rev, err)
		}
		for _, m := range e.Members {
			got[m.Ref] = memberSet{}
			if err := m.Each(nil, func(c segment.Change) bool { got[m.Ref][c.Hash] = c.Ops; return true }); err != nil {
				t.Fatalf("entry %d: changes of %s: %v", rev, m.Ref, err)
			}
		}
		break
	}
	return got
}

// hashes returns the contexts of some keys with the operations on each.
func hashes(ops segment.Ops, keys ...string) memberSet {
	set := memberSet{}
	for _, k := range keys {
		set[segment.HashOf(k)] = ops
	}
	return set
}

func testTurn(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s, "a")
	one, two := segment.Ref{Key: "a", Generation: 1}, segment.Ref{Key: "a", Generation: 2}
	change(t, s, "a", changes(segment.Include, "ann", "bob"))
	wa := &walker{env: envOne, members: map[segment.Ref]memberSet{}}
	wa.arrive(t, t, s)

	diff(t, "the begin of the move", map[segment.Ref]memberSet{two: hashes(segment.Include, "ann", "bob")}, deltasAt(t, s, mustTurn(t, s, "a")))
	wantCounts(t, s, one, 2, 0)
	wantCounts(t, s, two, 2, 0)
	change(t, s, "a", changes(segment.Uninclude, "ann"))
	change(t, s, "a", changes(segment.Include, "cat"))
	joined := hashes(segment.Include, "cat")
	diff(t, "a change meanwhile", map[segment.Ref]memberSet{one: joined, two: joined}, deltasAt(t, s, headOf(t, s, envOne)))
	m.Cut(t)
	s = m.Start(t)
	wantCounts(t, s, one, 2, 0)
	wantCounts(t, s, two, 2, 0)
	replaceAll(t, s, "a", 0, 60)
	head := mustTurn(t, s, "a")
	if got := deltasAt(t, s, head); len(got) > 0 {
		t.Errorf("the switch of what SDKs ask for changes members: %v", got)
	}
	change(t, s, "a", numbered(segment.Uninclude, 0, 5))
	wantCounts(t, s, one, 55, 0)
	m.Stop(t)
	s = m.Start(t)
	left := deltasAt(t, s, mustTurn(t, s, "a"))
	if len(left) != 1 || len(left[one]) != 55 {
		t.Errorf("the end of the move is told of %d refs, with %d contexts of the first generation; want 1 and 55", len(left), len(left[one]))
	}
	if _, ok := view(t, s).Counts(one); ok {
		t.Errorf("%s is there after the move", one)
	}
	wantCounts(t, s, two, 55, 0)
	wa.arrive(t, t, s)
	late := &walker{env: envOne, members: map[segment.Ref]memberSet{one: hashes(segment.Include, "ann", "bob")}}
	late.arrive(t, t, s)
	for _, wa := range []*walker{wa, late} {
		if n, gone := len(wa.members[two]), len(wa.members[one]); n != 55 || gone > 0 {
			t.Errorf("a follower holds %d contexts of the new generation and %d of the old one, want 55 and none", n, gone)
		}
	}
	m.Cut(t)
	s = m.Start(t)
	wantCounts(t, s, two, 55, 0)
	change(t, s, "a", numbered(segment.Include, 0, 1))
	wantCounts(t, s, two, 56, 0)
	m.Stop(t)
}

func testRefusedTurns(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s, "a")
	change(t, s, "a", changes(segment.Include, "ann"))
	x, _ := s.Segment(envOne, "a")
	for name, spoil := range map[string]func(*catalog.Segment){
		"to a generation that was used":              func(c *catalog.Segment) { c.Turn.To = 1 },
		"to one that it does not ask for in the end": func(c *catalog.Segment) { c.Generation = 3 },
		"and away from one that it never had":        func(c *catalog.Segment) { c.Turn.From = 5 },
	} {
		head := headOf(t, s, envOne)
		_, err := s.Update(t.Context(), testScopeEnv, func(tx store.Tx) error {
			c := turned(x, 1, 1)
			spoil(c)
			tx.PutSegment(c)
			return nil
		})
		if err == nil || headOf(t, s, envOne) != head {
			t.Errorf("a move %s: %v", name, err)
		}
	}
	staged := stage(t, s, changes(segment.Include, "bob"))
	defer staged.Discard()
	_, err := s.Update(t.Context(), testScopeEnv, func(tx store.Tx) error {
		_, err := tx.Apply(envOne, "a", staged)
		tx.PutSegment(turned(x, 1, 1))
		return err
	})
	if err == nil {
		t.Error("a write changes members and begins a move")
	}
	wantCounts(t, s, x.Ref(), 1, 0)
	m.Stop(t)
}
