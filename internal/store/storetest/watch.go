package storetest

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

func testWatch(t *testing.T, s store.Store) {
	furnish(t, s, "a")
	var told []*store.Written
	var seen segment.Revision
	stop := s.Watch(func(w *store.Written) {
		told = append(told, w)
		seen = headOf(t, s, envOne)
	})
	defer stop()
	take := func() *store.Written {
		t.Helper()
		if len(told) != 1 {
			t.Fatalf("told of %d writes, want 1", len(told))
		}
		defer func() { told = nil }()
		return told[0]
	}
	staged := stage(t, s, changes(segment.Include, "ann"))
	run := newRun(500, envOne, "a")
	rev := mustUpdate(t, s, testScopeEnv, func(tx store.Tx) error {
		_, err := tx.Apply(envOne, "a", staged)
		tx.Record(run)
		return err
	})
	w := take()
	if !maps.Equal(w.Heads, map[segment.EnvID]segment.Revision{envOne: rev}) || seen < rev {
		t.Errorf("told of heads %v when the head was %d, want %d", w.Heads, seen, rev)
	}
	if len(w.Runs) != 1 || w.Runs[0].ID != run.ID || w.Runs[0].Revision != rev || w.Runs[0].LiveAt.IsZero() {
		t.Errorf("told of runs %+v", w.Runs)
	}
	if !slices.Equal(w.Members, []store.SegmentName{{Env: envOne, Key: "a"}}) || len(w.Objects) != 0 {
		t.Errorf("told of members of %v and objects %v", w.Members, w.Objects)
	}

	mustUpdate(t, s, store.Scope{Project: "p"}, func(tx store.Tx) error {
		tx.PutFlag(newFlag(501, "p", "f"))
		tx.DeleteSegment(envOne, "a")
		return nil
	})
	w = take()
	slices.SortFunc(w.Objects, func(a, b store.Object) int { return len(a.Kind) - len(b.Kind) })
	want := []store.Object{
		{Kind: store.FlagObject, Project: "p", Key: "f", Version: newFlag(501, "p", "f").Version},
		{Kind: store.SegmentObject, Env: envOne, Key: "a", Deleted: true},
	}
	if !slices.Equal(w.Objects, want) {
		t.Errorf("told of %+v, want %+v", w.Objects, want)
	}

	relay := newRelayConfig(504)
	mustUpdate(t, s, store.Account, func(tx store.Tx) error { tx.PutRelayConfig(relay); return nil })
	if w = take(); !slices.Equal(w.Objects, []store.Object{{Kind: store.RelayConfigObject, Key: string(relay.ID)}}) {
		t.Errorf("told of %+v, want a relay configuration", w.Objects)
	}

	sink := newSink(505, envOne)
	mustUpdate(t, s, store.Account, func(tx store.Tx) error { tx.PutSink(sink); return nil })
	if w = take(); !slices.Equal(w.Objects, []store.Object{{Kind: store.SinkObject, Env: envOne, Key: string(sink.ID), Version: sink.Version}}) {
		t.Errorf("told of %+v, want a sink", w.Objects)
	}
	mustUpdate(t, s, store.Account, func(tx store.Tx) error { tx.DeleteSink(sink.ID); return nil })
	if w = take(); !slices.Equal(w.Objects, []store.Object{{Kind: store.SinkObject, Key: string(sink.ID), Deleted: true}}) {
		t.Errorf("told of %+v, want the end of a sink", w.Objects)
	}

	refused := errors.New("refused")
	if _, err := s.Update(t.Context(), testScopeEnv, func(tx store.Tx) error {
		tx.Record(newRun(502, envOne, "a"))
		return refused
	}); !errors.Is(err, refused) {
		t.Fatal(err)
	}
	stop()
	mustUpdate(t, s, testScopeEnv, func(tx store.Tx) error { tx.Record(newRun(503, envOne, "a")); return nil })
	mustUpdate(t, s, store.Account, func(tx store.Tx) error {
		tx.PutEnvironment(&catalog.Environment{ID: envTwo, Project: "p", Key: envKeys[1]})
		return nil
	})
	if len(told) != 0 {
		t.Errorf("told of %d writes that changed nothing or came after the end", len(told))
	}
}
