package ingest_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"muster/internal/ingest"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

// between is a store that does something once, between the moment in which the guard stops a list and
// the one in which the list is kept: there the ledger is asked what is usual.
type between struct {
	*engine.Engine
	do func()
}

func (b *between) Runs(ctx context.Context, env segment.EnvID, q store.RunQuery) ([]segment.Run, int, error) {
	if do := b.do; do != nil {
		b.do = nil
		do()
	}
	return b.Engine.Runs(ctx, env, q)
}

// twoWriters returns a house with a segment of 2,000 members, and a second write path to it whose
// first list is interrupted.
func twoWriters(t *testing.T) (house, house, *between) {
	t.Helper()
	h := newList(t)
	h.load(t, ingest.Merge, rows(0, 2000))
	b := &between{Engine: h.store}
	second := ingest.New(b, func() time.Time { return clock }, slog.New(slog.DiscardHandler))
	t.Cleanup(second.Close)
	return h, house{Ingest: second, store: h.store}, b
}

func TestAListThatIsHeldCanBeReleasedThoughAnotherCameBetween(t *testing.T) {
	h, second, b := twoWriters(t)
	// It waits since before the second list began, so the second one is the newer of both.
	waiting, err := h.Import(t.Context(), owner, ingest.Import{Target: vips, Mode: ingest.Whole, Format: ingest.CSV, Wait: true}, rows(0, 3000))
	if err != nil {
		t.Fatal(err)
	}
	b.do = func() {
		if _, err := h.ProcessImport(t.Context(), owner, vips, waiting.ID); err != nil {
			t.Error(err)
		}
		if run := h.settled(t, waiting.ID); run.State != segment.RunLive {
			t.Errorf("the list that waited is %s", run.State)
		}
	}
	run := second.load(t, ingest.Whole, rows(0, 100))
	if run.State != segment.RunHeld || run.Hold.Removed != 2900 {
		t.Fatalf("run %+v, hold %+v", run, run.Hold)
	}
	live, err := h.Release(t.Context(), owner, vips, run.ID, "")
	if err != nil || live.State != segment.RunLive || live.Removed != 2900 || h.members(t).Included != 100 {
		t.Errorf("%+v, %v, %d members", live, err, h.members(t).Included)
	}
}

func TestAListThatANewerOneOvertookIsNotHeld(t *testing.T) {
	h, second, b := twoWriters(t)
	b.do = func() {
		h.load(t, ingest.Merge, rows(0, 2001)) // so that the log has grown since the first list began
		h.load(t, ingest.Whole, rows(0, 3000))
	}
	run := second.load(t, ingest.Whole, rows(0, 100))
	if run.State != segment.RunSuperseded || h.segment(t, "vips").Hold != nil || h.members(t).Included != 3000 {
		t.Errorf("%+v, %d members", run, h.members(t).Included)
	}
}
