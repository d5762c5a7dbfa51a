package ingest_test

import (
	"sync"
	"testing"

	"muster/internal/ingest"
	"muster/internal/segment"
)

// TestARunIsUndoneOnceHoweverManyAsk undoes one push from several sides at the same time.
func TestARunIsUndoneOnceHoweverManyAsk(t *testing.T) {
	h := newHouse(t)
	h.push(t, syncToken, batch(cohort("trial", "Trial", "+ann", "+ben")))
	h.push(t, syncToken, batch(cohort("trial", "Trial", "-ann", "+cleo")))
	bad, _, err := h.store.RunAt(t.Context(), production, "rudderstack-trial", h.head(t))
	if err != nil {
		t.Fatal(err)
	}
	who := may("proj/*:env/*:segment/*", "rollbackSegment")
	target := ingest.Target{Project: "web", Environment: "production", Segment: "rudderstack-trial"}
	runs := make([]segment.Run, 8)
	var asked sync.WaitGroup
	for n := range runs {
		asked.Go(func() {
			var err error
			if runs[n], err = h.Undo(t.Context(), who, target, bad.ID, 0, ""); err != nil {
				t.Error(err)
			}
		})
	}
	asked.Wait()
	for _, run := range runs {
		if run.ID != runs[0].ID || run.Added != 1 || run.Removed != 1 || run.Undoes != bad.ID {
			t.Errorf("run %+v, and %s", run, runs[0].ID)
		}
	}
	if s := h.segment(t, "rudderstack-trial"); !s.Source.Drifted {
		t.Error("the segment is not marked as drifted")
	}
}

func (h house) head(t *testing.T) segment.Revision {
	t.Helper()
	rev, err := h.store.Head(production)
	if err != nil {
		t.Fatal(err)
	}
	return rev
}
