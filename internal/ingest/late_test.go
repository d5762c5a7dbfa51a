package ingest_test

import (
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"muster/internal/fault"
	"muster/internal/ingest"
	"muster/internal/segment"
)

// after returns the same write path some time later.
func (h house) after(d time.Duration) *ingest.Ingest {
	return ingest.New(h.store, func() time.Time { return clock.Add(d) }, slog.New(slog.DiscardHandler))
}

func TestAListOfWhichPagesAreMissingEndsAfterAnHour(t *testing.T) {
	h := newHouse(t)
	t.Cleanup(h.Close)
	h.push(t, syncToken, batch(cohort("trial", "Trial", "+ann")))
	first := h.push(t, syncToken, pageOf(0, 2, "+ben")).Runs[0]
	h.after(time.Hour).Drop(t.Context())
	if r := h.run(t, first.ID); r.State != segment.RunReceived {
		t.Errorf("after an hour: %+v", r)
	}
	h.after(time.Hour + time.Second).Drop(t.Context())
	if r := h.run(t, first.ID); r.State != segment.RunRejected || r.Error != "incomplete: 1 of 2 pages came; the members stay as they were" {
		t.Errorf("after more than an hour: %+v", r)
	}
	if seg := h.segment(t, "rudderstack-trial"); !h.has(t, seg, "ann") || h.has(t, seg, "ben") {
		t.Error("members changed")
	}
	if open, err := h.store.Sessions(production); err != nil || len(open) > 0 {
		t.Errorf("sessions %v, %v", open, err)
	}
}

func TestListsGoOnAfterARestart(t *testing.T) {
	h := newList(t)
	first := h.push(t, syncToken, pageOf(0, 2, "+ann")).Runs[0]
	upload, err := h.Import(t.Context(), owner, ingest.Import{Target: vips, Mode: ingest.Whole}, rows(0, 1000))
	if err != nil {
		t.Fatal(err)
	}
	h.Close() // wherever the import is
	later := house{h.after(0), h.store}
	t.Cleanup(later.Close)
	if err := later.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if run := later.settled(t, upload.ID); run.State != segment.RunLive || run.Added != 1000 || run.Received != 1000 {
		t.Errorf("import %+v", run)
	}
	if run := later.push(t, syncToken, pageOf(1, 2, "+ben")).Runs[0]; run.ID != first.ID || run.State != segment.RunLive || run.Added != 2 {
		t.Errorf("pages %+v", run)
	}
}

func TestPagesThatComeAtOnceAreOneList(t *testing.T) {
	h := newHouse(t)
	t.Cleanup(h.Close)
	const pages = 12
	var sent sync.WaitGroup
	for n := range pages {
		sent.Go(func() {
			p := pageOf(n, pages, fmt.Sprintf("+u%d", n), fmt.Sprintf("+u%d", n), fmt.Sprintf("+v%d", n))
			p.Batch.Cohorts[0].Received++ // one that can't be used
			if _, err := h.Push(t.Context(), syncToken, p); err != nil {
				t.Error(err)
			}
		})
	}
	sent.Wait()
	runs, n, err := h.store.Runs(t.Context(), production, ledgerOf("rudderstack-trial"))
	if err != nil || n != 1 {
		t.Fatalf("%d runs %+v, %v", n, runs, err)
	}
	if r := runs[0]; r.State != segment.RunLive || r.Received != 4*pages || r.Added != 2*pages || r.Unchanged != pages || r.Skipped != pages {
		t.Errorf("run %+v", r)
	}
}

func TestAWholeListOfItsToolMakesASegmentWhatTheToolBelieves(t *testing.T) {
	h := newHouse(t)
	t.Cleanup(h.Close)
	h.push(t, syncToken, batch(cohort("trial", "Trial", "+ann")))
	editor := may("proj/*:env/*:segment/*", "updateIncluded")
	if _, err := h.Edit(t.Context(), editor, edit(ingest.Edit{AddIncluded: []string{"ben"}})); err != nil {
		t.Fatal(err)
	}
	whole := batch(cohort("trial", "Trial", "+ann", "+cleo"))
	whole.Batch.Mode = segment.Replace
	run := h.push(t, syncToken, whole).Runs[0]
	if run.State != segment.RunLive || run.Added != 1 || run.Removed != 1 || run.Unchanged != 1 {
		t.Errorf("run %+v", run)
	}
	if s := h.segment(t, "rudderstack-trial"); s.Source.Drifted {
		t.Error("it is still marked as drifted")
	}
}

func TestAnImportThatWaitsGoesOnWhenSomebodySaysSo(t *testing.T) {
	h := newList(t)
	im := ingest.Import{Target: vips, Mode: ingest.Merge, Wait: true}
	run, err := h.Import(t.Context(), owner, im, rows(0, 10))
	if err != nil || !run.Waiting || h.members(t).Included != 0 {
		t.Fatalf("%+v, %v", run, err)
	}
	if _, err := h.ProcessImport(t.Context(), may("proj/*", "viewProject"), vips, run.ID); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("by somebody who may not: %v", err)
	}
	later := h.after(0) // after a restart
	t.Cleanup(later.Close)
	if err := later.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := later.ProcessImport(t.Context(), owner, vips, run.ID); err != nil {
		t.Fatal(err)
	}
	if live := (house{later, h.store}).settled(t, run.ID); live.State != segment.RunLive || live.Waiting || live.Added != 10 || live.Received != 10 {
		t.Errorf("run %+v", live)
	}
	if _, err := later.ProcessImport(t.Context(), owner, vips, run.ID); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a second time: %v", err)
	}
	late, err := h.Import(t.Context(), owner, im, rows(0, 10))
	if err != nil {
		t.Fatal(err)
	}
	h.after(8 * 24 * time.Hour).Drop(t.Context())
	if r := h.run(t, late.ID); r.State != segment.RunRejected || r.Waiting {
		t.Errorf("after a week: %+v", r)
	}
}

func TestRepeatsOfImportsAndEditsAreAnsweredFromTheLedger(t *testing.T) {
	h := newList(t)
	im := ingest.Import{Target: vips, Mode: ingest.Merge, Idempotency: "a"}
	if _, err := h.Import(t.Context(), owner, im, breaking{}); err == nil {
		t.Fatal("a broken upload is taken")
	}
	first, err := h.Import(t.Context(), owner, im, rows(0, 10)) // what came to nothing may be tried again
	if err != nil {
		t.Fatal(err)
	}
	h.settled(t, first.ID)
	again, err := h.Import(t.Context(), owner, im, rows(0, 20))
	if err != nil || again.ID != first.ID || again.Added != 10 || h.members(t).Included != 10 {
		t.Errorf("%+v, %v", again, err)
	}
	e := ingest.Edit{Project: "web", Environment: "production", Segment: "vips", AddIncluded: []string{"ann"}, Idempotency: "b"}
	done, err := h.Edit(t.Context(), owner, e)
	if err != nil {
		t.Fatal(err)
	}
	e.AddIncluded = []string{"ben"}
	if repeat, err := h.Edit(t.Context(), owner, e); err != nil || repeat.ID != done.ID || repeat.Added != 1 || h.members(t).Included != 11 {
		t.Errorf("%+v, %v", repeat, err)
	}
	imports, n, err := h.Imports(t.Context(), owner, vips, 1, 0)
	if err != nil || n != 2 || len(imports) != 1 || imports[0].ID != first.ID {
		t.Errorf("%d imports %+v, %v", n, imports, err)
	}
}

func TestRowsThatComeTwiceAreAccountedFor(t *testing.T) {
	h := newList(t)
	for _, mode := range []ingest.ImportMode{ingest.Merge, ingest.Whole, ingest.Remove} {
		run := h.load(t, mode, rowsTwice(5))
		if run.Received != 10 || run.State != segment.RunLive {
			t.Errorf("%s: %+v", mode, run)
		}
		wantBalanced(t, run)
	}
}
