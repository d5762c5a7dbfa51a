package ingest_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/ingest"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

var owner = catalog.Caller{Principal: policy.Principal{Roles: []policy.Role{{Base: policy.NoAccess, Policy: []policy.Statement{
	{Effect: policy.Allow, Actions: []string{"*"}, Resources: []string{"*"}},
}}}}}

var vips = ingest.Target{Project: "web", Environment: "production", Segment: "vips"}

// newList returns a house with the big list "vips", which no tool owns.
func newList(t *testing.T) house {
	t.Helper()
	h := newHouse(t)
	t.Cleanup(h.Close)
	_, err := h.store.Update(t.Context(), store.Scope{Env: production}, func(tx store.Tx) error {
		tx.PutSegment(&catalog.Segment{
			ID: catalog.NewID(), Env: production, Key: "vips", Name: "VIPs", Tags: []string{}, Version: 1, Generation: 1, Unbounded: true, Kind: "user",
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// rows returns a list of users from one number to another.
func rows(from, to int) io.Reader {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "user-%d\n", i)
	}
	return strings.NewReader(b.String())
}

// rowsTwice returns a list that holds each of n users twice.
func rowsTwice(n int) io.Reader { return io.MultiReader(rows(0, n), rows(0, n)) }

func TestTheBytesOfAListCountAsTheyCome(t *testing.T) {
	text, err := io.ReadAll(rows(0, 20_000))
	if err != nil {
		t.Fatal(err)
	}
	var small bytes.Buffer
	z := gzip.NewWriter(&small)
	if _, err := z.Write(text); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	for encoding, list := range map[string][]byte{"": text, "gzip": small.Bytes()} {
		h := newList(t)
		r, w := io.Pipe()
		taken := make(chan error, 1)
		go func() {
			_, err := h.Import(t.Context(), owner, ingest.Import{Target: vips, Mode: ingest.Whole, Encoding: encoding, Size: int64(len(list))}, r)
			_ = r.CloseWithError(err) // nobody reads any more
			taken <- err
		}()
		half := len(list) / 2
		if _, err := w.Write(list[:half]); err != nil {
			t.Fatal(err)
		}
		for {
			run := h.UnderWay(production)[0]
			if p := run.Progress; p.BytesRead == int64(half) && p.BytesTotal == int64(len(list)) {
				break
			} else if p.BytesRead > int64(half) {
				t.Fatalf("%d bytes came, and %+v are counted", half, p)
			}
			runtime.Gosched()
		}
		if _, err := w.Write(list[half:]); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Close(), <-taken); err != nil {
			t.Fatal(err)
		}
	}
}

func ledgerOf(key segment.Key) store.RunQuery { return store.RunQuery{Segment: key} }

// load imports a list and waits until it is decided.
func (h house) load(t *testing.T, mode ingest.ImportMode, list io.Reader) segment.Run {
	t.Helper()
	run, err := h.Import(t.Context(), owner, ingest.Import{Target: vips, Mode: mode}, list)
	if err != nil {
		t.Fatal(err)
	}
	return h.settled(t, run.ID)
}

// settled waits for the end of an import.
func (h house) settled(t *testing.T, id segment.RunID) segment.Run {
	t.Helper()
	for {
		run, err := h.ImportOf(t.Context(), owner, vips, id)
		if err != nil {
			t.Fatal(err)
		}
		if run.State != segment.RunReceived && run.State != segment.RunStaged {
			return run
		}
		runtime.Gosched()
	}
}

// cleared waits until the bodies of all imports are deleted, which comes after their ends.
func (h house) cleared(t *testing.T) {
	t.Helper()
	for left := true; left; runtime.Gosched() {
		left = false
		for _, err := range h.store.DocumentList(t.Context(), production, "import/") {
			if err != nil {
				t.Fatal(err)
			}
			left = true
		}
	}
}

func (h house) members(t *testing.T) segment.Counts {
	t.Helper()
	view, err := h.store.View(production)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := view.Counts(segment.Ref{Key: "vips", Generation: 1})
	return c
}

func TestAnImportAddsReplacesOrRemoves(t *testing.T) {
	h := newList(t)
	for _, tt := range []struct {
		mode     ingest.ImportMode
		from, to int
		want     segment.Run
		members  int64
	}{
		{ingest.Merge, 0, 100, segment.Run{Received: 100, Added: 100}, 100},
		{ingest.Merge, 50, 150, segment.Run{Received: 100, Added: 50, Unchanged: 50}, 150},
		{ingest.Remove, 0, 20, segment.Run{Received: 20, Removed: 20}, 130},
		{ingest.Whole, 100, 200, segment.Run{Received: 100, Added: 50, Removed: 80, Unchanged: 50}, 100},
		{ingest.Whole, 100, 200, segment.Run{Received: 100, Unchanged: 100}, 100},
	} {
		run := h.load(t, tt.mode, rows(tt.from, tt.to))
		if run.State != segment.RunLive || run.Received != tt.want.Received || run.Added != tt.want.Added || run.Removed != tt.want.Removed || run.Unchanged != tt.want.Unchanged {
			t.Errorf("%s %d to %d: %+v", tt.mode, tt.from, tt.to, run)
		}
		if got := h.members(t); got.Included != tt.members {
			t.Errorf("%s %d to %d leaves %d members, want %d", tt.mode, tt.from, tt.to, got.Included, tt.members)
		}
	}
	h.cleared(t)
	for doc := range h.store.DocumentList(t.Context(), production, "rejects/") {
		t.Errorf("document %s is left", doc.ID)
	}
}

func TestRowsThatCannotBeUsedAreKeptForWhoLooks(t *testing.T) {
	h := newList(t)
	run := h.load(t, ingest.Merge, strings.NewReader("ann\n\xff\n,x\nben\n"))
	if run.Skipped != 2 || run.Added != 2 || run.Received != 4 || len(run.Samples) != 2 || run.Samples[0].Row != 2 {
		t.Errorf("run %+v", run)
	}
	doc, err := h.store.OpenDocument(t.Context(), production, ingest.RejectsOf(run.ID))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(io.NewSectionReader(doc, 0, doc.Size()))
	if want := "row,reason,value\n2,the key is not UTF-8,\uFFFD\n3,the key is empty,\n"; string(b) != want {
		t.Errorf("rejects %q, want %q", b, want)
	}
	if err := errors.Join(err, doc.Close()); err != nil {
		t.Error(err)
	}
}

func TestAnUploadThatBreaksOffChangesNothing(t *testing.T) {
	h := newList(t)
	h.load(t, ingest.Merge, rows(0, 10))
	broken := io.MultiReader(rows(10, 20), breaking{})
	if _, err := h.Import(t.Context(), owner, ingest.Import{Target: vips, Mode: ingest.Whole}, broken); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("error %v", err)
	}
	if _, err := h.Import(t.Context(), owner, ingest.Import{Target: vips, Mode: ingest.Whole}, strings.NewReader("")); fault.KindOf(err) != fault.Invalid {
		t.Errorf("an empty body: %v", err)
	}
	if got := h.members(t); got.Included != 10 {
		t.Errorf("%d members", got.Included)
	}
	runs, _, err := h.store.Runs(t.Context(), production, store.RunQuery{Segment: "vips", State: segment.RunRejected})
	if err != nil || len(runs) != 2 || runs[0].Error == "" {
		t.Errorf("runs %+v, %v", runs, err)
	}
	if open, err := h.store.Sessions(production); err != nil || len(open) > 0 {
		t.Errorf("sessions %v, %v", open, err)
	}
}

type breaking struct{}

func (breaking) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestAListThatShrinksTooMuchIsHeldUntilSomebodyDecides(t *testing.T) {
	h := newList(t)
	h.load(t, ingest.Merge, rows(0, 2000))
	run := h.load(t, ingest.Whole, rows(0, 1000))
	if run.State != segment.RunHeld || run.Hold == nil || run.Hold.Reason != segment.HeldShrink || run.Hold.Removed != 1000 || run.Added+run.Removed > 0 {
		t.Fatalf("run %+v, hold %+v", run, run.Hold)
	}
	if got := h.members(t); got.Included != 2000 {
		t.Errorf("%d members while it is held", got.Included)
	}
	stranger := may("proj/*:env/*:segment/*", "updateIncluded")
	if _, err := h.Release(t.Context(), stranger, vips, run.ID, ""); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("released without the right: %v", err)
	}
	if _, err := h.Edit(t.Context(), owner, ingest.Edit{Project: "web", Environment: "production", Segment: "vips", AddIncluded: []string{"late"}}); err != nil {
		t.Fatal(err)
	}
	live, err := h.Release(t.Context(), owner, vips, run.ID, "it is right")
	if err != nil || live.State != segment.RunLive || live.Comment != "it is right" {
		t.Fatalf("%+v, %v", live, err)
	}
	if got := h.members(t); got.Included != 1001 || !h.has(t, h.segment(t, "vips"), "late") || h.has(t, h.segment(t, "vips"), "user-1500") {
		t.Errorf("%d members after the release", got.Included)
	}
	if _, err := h.Release(t.Context(), owner, vips, run.ID, ""); fault.KindOf(err) != fault.Conflict {
		t.Errorf("released twice: %v", err)
	}
	empty := h.load(t, ingest.Whole, strings.NewReader("\"\"\nuser-1\n"))
	if empty.State != segment.RunHeld {
		t.Fatalf("run %+v", empty)
	}
	gone, err := h.Discard(t.Context(), owner, vips, empty.ID, "")
	if err != nil || gone.State != segment.RunDiscarded || h.members(t).Included != 1001 || h.segment(t, "vips").Hold != nil {
		t.Errorf("%+v, %v", gone, err)
	}
}

func TestAPushThatRemovesTooManyIsParked(t *testing.T) {
	h := newHouse(t)
	var first, bad strings.Builder
	for i := range 1200 {
		fmt.Fprintf(&first, "+u%d ", i)
		if i < 600 {
			fmt.Fprintf(&bad, "-u%d ", i)
		}
	}
	h.push(t, syncToken, batch(cohort("trial", "Trial", strings.Fields(first.String())...)))
	at := ingest.Target{Project: "web", Environment: "production", Segment: "rudderstack-trial"}
	size := func() int64 {
		view, err := h.store.View(production)
		if err != nil {
			t.Fatal(err)
		}
		c, _ := view.Counts(h.segment(t, "rudderstack-trial").Ref())
		return c.Included
	}
	held := h.push(t, syncToken, batch(cohort("trial", "Trial", strings.Fields(bad.String())...))).Runs[0]
	if held.State != segment.RunHeld || held.Hold.Removed != 600 || size() != 1200 {
		t.Fatalf("run %+v, hold %+v, %d members", held, held.Hold, size())
	}
	mixed := h.push(t, syncToken, batch(cohort("trial", "Trial", "+new", "+u5", "-u700"))).Runs[0]
	if mixed.State != segment.RunLive || mixed.Added != 1 || mixed.Parked != 1 || mixed.Unchanged != 1 || size() != 1201 {
		t.Errorf("a push meanwhile: %+v, %d members", mixed, size())
	}
	if got := h.segment(t, "rudderstack-trial").Hold; got == nil || got.Removed != 601 {
		t.Errorf("hold %+v", got)
	}
	live, err := h.Release(t.Context(), owner, at, held.ID, "")
	if err != nil || live.State != segment.RunLive || size() != 1201-600 {
		t.Fatalf("%+v, %v, %d members", live, err, size())
	}
	view, err := h.store.View(production)
	if err != nil {
		t.Fatal(err)
	}
	// u5 was added again after its removal was held.
	for key, want := range map[string]bool{"u5": true, "u6": false, "u700": false, "new": true, "u800": true} {
		if ops, err := view.State(h.segment(t, "rudderstack-trial").Ref(), segment.HashOf(key)); err != nil || (ops != 0) != want {
			t.Errorf("%s is a member: %t (%v), want %t", key, ops != 0, err, want)
		}
	}
}

func TestARollbackBringsBackWhoWasThere(t *testing.T) {
	h := newList(t)
	h.load(t, ingest.Merge, rows(0, 100))
	replaced := h.load(t, ingest.Whole, rows(0, 10))
	points, err := h.store.Points(production, "vips")
	if err != nil || len(points) != 1 || points[0].Run != replaced.ID || points[0].Counts.Included != 100 {
		t.Fatalf("points %+v, %v", points, err)
	}
	if _, err := h.Rollback(t.Context(), may("proj/*:env/*:segment/*", "updateIncluded"), vips, points[0].ID, ""); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("without the right: %v", err)
	}
	run, err := h.Rollback(t.Context(), owner, vips, points[0].ID, "too few")
	if err != nil || run.Added != 90 || run.Removed != 0 || run.Kind != segment.RollbackRun || h.members(t).Included != 100 {
		t.Errorf("%+v, %v, %d members", run, err, h.members(t).Included)
	}
	if was, _, err := h.store.Run(t.Context(), production, replaced.ID); err != nil || was.State != segment.RunRolledBack {
		t.Errorf("the run that was undone: %+v, %v", was, err)
	}
	if _, err := h.Rollback(t.Context(), owner, vips, "nothing", ""); fault.KindOf(err) != fault.NotFound {
		t.Errorf("an unknown point: %v", err)
	}
}

func TestADryRunChangesNothing(t *testing.T) {
	h := newList(t)
	h.load(t, ingest.Merge, rows(0, 2000))
	head, err := h.store.Head(production)
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.DryRun(t.Context(), owner, ingest.Import{Target: vips, Mode: ingest.Whole}, rows(1900, 2100))
	if err != nil || p.Added != 100 || p.Removed != 1900 || p.Unchanged != 100 || !p.WouldHold || len(p.AddedKeys) != 20 || len(p.RemovedKeys) != 20 {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := h.DryRun(t.Context(), may("proj/*:env/*:segment/*", "updateIncluded"), ingest.Import{Target: vips, Mode: ingest.Merge}, rows(0, 1)); err != nil || p.AddedKeys != nil {
		t.Errorf("by somebody who may not see members: %+v, %v", p, err)
	}
	if now, err := h.store.Head(production); err != nil || now != head {
		t.Errorf("head %d, was %d: %v", now, head, err)
	}
}

func TestAnIdempotencyKeyAnswersARepeatFromTheLedger(t *testing.T) {
	h := newHouse(t)
	send := func(members ...string) ingest.Receipt {
		p := batch(cohort("trial", "Trial", members...))
		p.Idempotency = "message-1"
		receipt, err := h.Push(t.Context(), syncToken, p)
		if err != nil {
			t.Fatal(err)
		}
		return receipt
	}
	first := send("+ann", "+ben")
	again := send("+ann", "+ben", "+cleo")
	if len(again.Runs) != 1 || again.Runs[0].ID != first.Runs[0].ID || again.Runs[0].Added != 2 {
		t.Errorf("first %+v, again %+v", first.Runs, again.Runs)
	}
	_, n, err := h.store.Runs(t.Context(), production, store.RunQuery{Segment: "rudderstack-trial"})
	if err != nil || n != 1 {
		t.Errorf("%d runs, %v", n, err)
	}
}
