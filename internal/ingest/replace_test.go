package ingest_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/ingest"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

func pageOf(n, total int, members ...string) ingest.Push {
	p := batch(cohort("trial", "Trial", members...))
	p.Batch.Mode, p.Batch.Page = segment.Replace, &segment.Page{Session: "s-1", Index: n, Total: total}
	return p
}

func TestPagesBecomeTheWholeMembershipInOneStep(t *testing.T) {
	h := newHouse(t)
	t.Cleanup(h.Close)
	h.push(t, syncToken, batch(cohort("trial", "Trial", "+ann", "+ben")))
	seg := func() bool { return h.has(t, h.segment(t, "rudderstack-trial"), "ben") }
	first := h.push(t, syncToken, pageOf(1, 2, "+cleo")).Runs[0]
	if first.State != segment.RunReceived || !seg() {
		t.Errorf("after one of two pages: %+v", first)
	}
	h.push(t, syncToken, batch(cohort("trial", "Trial", "+late", "-cleo"))) // meanwhile
	h.push(t, syncToken, pageOf(1, 2, "+cleo", "+dan"))                     // the same page again
	done := h.push(t, syncToken, pageOf(0, 2, "+ann")).Runs[0]
	if done.State != segment.RunLive || done.ID != first.ID || done.Kind != segment.ReplaceRun || done.Added != 1 || done.Removed != 1 {
		t.Errorf("after all pages: %+v", done)
	}
	for key, want := range map[string]bool{"ann": true, "ben": false, "cleo": false, "dan": true, "late": true} {
		if got := h.has(t, h.segment(t, "rudderstack-trial"), key); got != want {
			t.Errorf("%s is a member: %t, want %t", key, got, want)
		}
	}
	if open, err := h.store.Sessions(production); err != nil || len(open) > 0 {
		t.Errorf("sessions %v, %v", open, err)
	}
}

func TestAListThatBeginsAnewEndsTheOneBefore(t *testing.T) {
	h := newHouse(t)
	t.Cleanup(h.Close)
	first := h.push(t, syncToken, pageOf(0, 2, "+ann")).Runs[0]
	other := pageOf(0, 1, "+ben")
	other.Batch.Page.Session = "s-2"
	if done := h.push(t, syncToken, other).Runs[0]; done.State != segment.RunLive || done.Added != 1 {
		t.Errorf("run %+v", done)
	}
	if run, ok, err := h.store.Run(t.Context(), production, first.ID); err != nil || !ok || run.State != segment.RunRejected || run.Error == "" {
		t.Errorf("the list before: %+v, %v", run, err)
	}
	two := batch(cohort("a", "A", "+ann"), cohort("b", "B", "+ben"))
	two.Batch.Mode = segment.Replace
	if _, err := h.Push(t.Context(), syncToken, two); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a replace of two cohorts: %v", err)
	}
}

// onTheWay is a store that does something once, while a page is between the checks before its commit and
// the commit, or while a list whose pages are all there is sorted.
type onTheWay struct {
	*engine.Engine
	page, list func()
}

func (o *onTheWay) Sessions(env segment.EnvID) ([]store.Session, error) {
	if do := o.page; do != nil {
		o.page = nil
		do()
	}
	return o.Engine.Sessions(env)
}

func (o *onTheWay) Load(ctx context.Context, mode store.LoadMode) (store.Load, error) {
	if do := o.list; do != nil {
		o.list = nil
		do()
	}
	return o.Engine.Load(ctx, mode)
}

func TestNothingOfAToolIsTakenOnceItIsDisconnected(t *testing.T) {
	h := newHouse(t)
	o := &onTheWay{Engine: h.store}
	tool := ingest.New(o, func() time.Time { return clock }, slog.New(slog.DiscardHandler))
	t.Cleanup(tool.Close)
	connect := func(disconnected time.Time) {
		_, err := h.store.Update(t.Context(), store.Account, func(tx store.Tx) error {
			env, _ := tx.Environment(production)
			env = env.Clone()
			env.Sources = map[string]catalog.SourceDetails{"rudderstack": {DisconnectedAt: disconnected}}
			tx.PutEnvironment(env)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	disconnect := func() { connect(clock) }
	h.push(t, syncToken, batch(cohort("trial", "Trial", "+ann")))
	refused := func(what string, p ingest.Push) {
		t.Helper()
		if _, err := tool.Push(t.Context(), syncToken, p); fault.KindOf(err) != fault.Forbidden {
			t.Errorf("%s: %v, want that the source is disconnected", what, err)
		}
		if !h.has(t, h.segment(t, "rudderstack-trial"), "ann") {
			t.Errorf("%s changed the members", what)
		}
		if open, err := h.store.Sessions(production); err != nil || len(open) > 0 {
			t.Errorf("%s left sessions %v, %v", what, open, err)
		}
		connect(time.Time{})
	}
	o.page = disconnect
	refused("a page of two", pageOf(0, 2, "+ben"))
	o.list = disconnect
	refused("the last page", pageOf(0, 1, "+ben"))
	runs, _, err := h.store.Runs(t.Context(), production, store.RunQuery{Segment: "rudderstack-trial", State: segment.RunRejected})
	if err != nil || len(runs) != 1 || runs[0].Error == "" {
		t.Errorf("the list that was not published: %+v, %v", runs, err)
	}
	if run := h.push(t, syncToken, pageOf(0, 1, "+ben")).Runs[0]; run.State != segment.RunLive || run.Added != 1 {
		t.Errorf("after it was connected again: %+v", run)
	}
}
