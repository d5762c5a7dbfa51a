package admin_test

import (
	"testing"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

func TestRunsEndWithTheirSegment(t *testing.T) {
	h := furnished(t)
	env, ok := h.store.EnvironmentByKey("web", "test")
	if !ok {
		t.Fatal("no environment")
	}
	run := func(id segment.RunID, state segment.RunState, joined segment.RunID) segment.Run {
		r := segment.Run{ID: id, Env: env.ID, Segment: "big", State: state, ReceivedAt: clock}
		if state == segment.RunHeld {
			r.Hold = &segment.Hold{Reason: segment.HeldEmpty, Joined: joined}
		}
		return r
	}
	const held, joined, pages, live = "64b0c9f2a1d3e4f506172811", "64b0c9f2a1d3e4f506172812", "64b0c9f2a1d3e4f506172813", "64b0c9f2a1d3e4f506172814"
	_, err := h.store.Update(t.Context(), store.Scope{Env: env.ID}, func(tx store.Tx) error {
		seg, _ := tx.Segment(env.ID, "big")
		seg = seg.Clone()
		seg.Hold = &catalog.Hold{Run: held, Reason: segment.HeldEmpty}
		tx.PutSegment(seg)
		for _, r := range []segment.Run{run(held, segment.RunHeld, ""), run(joined, segment.RunHeld, held), run(pages, segment.RunReceived, ""), run(live, segment.RunLive, "")} {
			tx.Record(r)
		}
		tx.OpenSession(store.Session{Env: env.ID, Segment: "big", ID: held})
		tx.OpenSession(store.Session{Env: env.ID, Segment: "big", ID: pages})
		return nil
	})
	must(t, err)
	must(t, h.deleteSegment(t, root, "web", "test", "big"))
	for id, want := range map[segment.RunID]segment.RunState{
		held: segment.RunDiscarded, joined: segment.RunDiscarded, pages: segment.RunRejected, live: segment.RunLive,
	} {
		got, ok, err := h.store.Run(t.Context(), env.ID, id)
		if err != nil || !ok || got.State != want {
			t.Errorf("run %s is %s, %t, %v; want %s", id, got.State, ok, err, want)
		}
		if told := got.Comment + got.Error; (told == "") != (want == segment.RunLive) {
			t.Errorf("run %s says %q", id, told)
		}
	}
}
