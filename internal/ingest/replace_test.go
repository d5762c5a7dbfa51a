package ingest_test

import (
	"testing"

	"muster/internal/fault"
	"muster/internal/ingest"
	"muster/internal/segment"
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
