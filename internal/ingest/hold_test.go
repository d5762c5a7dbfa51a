package ingest_test

import (
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"muster/internal/catalog"
	"muster/internal/connector"
	"muster/internal/fault"
	"muster/internal/ingest"
	"muster/internal/segment"
	"muster/internal/store"
)

// wantBalanced checks that a run accounts for everything it received.
func wantBalanced(t rapid.TB, r segment.Run) {
	t.Helper()
	sum := r.Added + r.Unchanged + r.Skipped
	if r.Mode == segment.Delta {
		sum += r.Removed + r.Parked
	}
	if (r.State == segment.RunLive || r.Hold != nil && r.Hold.Joined != "") && r.Kind != segment.RollbackRun && sum != r.Received {
		t.Fatalf("run does not account for the %d it received: %+v", r.Received, r)
	}
}

func (h house) run(t testing.TB, id segment.RunID) segment.Run {
	t.Helper()
	run, ok, err := h.store.Run(t.Context(), production, id)
	if err != nil || !ok {
		t.Fatalf("run %s: %t, %v", id, ok, err)
	}
	return run
}

func TestAWholeListThatPassesEndsAnOlderHold(t *testing.T) {
	h := newList(t)
	h.load(t, ingest.Merge, rows(0, 2000))
	held := h.load(t, ingest.Whole, rows(0, 10))
	live := h.load(t, ingest.Whole, rows(0, 1900))
	if live.State != segment.RunLive || live.Removed != 100 || h.members(t).Included != 1900 {
		t.Errorf("run %+v", live)
	}
	if was := h.run(t, held.ID); was.State != segment.RunSuperseded || h.segment(t, "vips").Hold != nil {
		t.Errorf("the older run: %+v", was)
	}
	if open, err := h.store.Sessions(production); err != nil || len(open) > 0 {
		t.Errorf("sessions %v, %v", open, err)
	}
}

func TestAWholeListThatIsHeldTakesThePlaceOfAnotherHold(t *testing.T) {
	h := newList(t)
	h.load(t, ingest.Merge, rows(0, 2000))
	first := h.load(t, ingest.Whole, rows(0, 10))
	second := h.load(t, ingest.Whole, rows(0, 20))
	if second.State != segment.RunHeld || second.Hold.Removed != 1980 || h.run(t, first.ID).State != segment.RunSuperseded {
		t.Errorf("first %+v, second %+v", h.run(t, first.ID), second)
	}
	if now := h.segment(t, "vips").Hold; now == nil || now.Run != second.ID || !now.Whole {
		t.Errorf("hold %+v", now)
	}
	live, err := h.Release(t.Context(), owner, vips, second.ID, "")
	if err != nil || live.Removed != 1980 || live.Unchanged != 20 || h.members(t).Included != 20 {
		t.Errorf("%+v, %v", live, err)
	}
	wantBalanced(t, live)
}

func TestWhileARunIsHeldImportsAddAndTheirRemovalsWait(t *testing.T) {
	h := newList(t)
	h.load(t, ingest.Merge, rows(0, 2000))
	held := h.load(t, ingest.Remove, rows(0, 1000))
	added := h.load(t, ingest.Merge, rows(2000, 2010))
	removed := h.load(t, ingest.Remove, rows(1500, 1520))
	if added.State != segment.RunLive || added.Added != 10 || removed.State != segment.RunHeld || removed.Parked != 20 || removed.Hold.Joined != held.ID {
		t.Fatalf("added %+v, removed %+v", added, removed)
	}
	if now := h.segment(t, "vips").Hold; now.Removed != 1020 || h.members(t).Included != 2010 {
		t.Errorf("hold %+v", now)
	}
	live, err := h.Release(t.Context(), owner, vips, held.ID, "")
	if err != nil || live.Removed != 1000 || h.members(t).Included != 990 || h.run(t, removed.ID).State != segment.RunLive {
		t.Errorf("%+v, %v", live, err)
	}
	for _, r := range []segment.Run{live, h.run(t, removed.ID)} {
		wantBalanced(t, r)
	}
}

func TestARollbackEndsAHold(t *testing.T) {
	h := newList(t)
	h.load(t, ingest.Merge, rows(0, 2000))
	h.load(t, ingest.Whole, rows(0, 1990))
	held := h.load(t, ingest.Whole, rows(0, 10))
	points, err := h.store.Points(production, "vips")
	if err != nil || len(points) != 1 {
		t.Fatalf("points %v, %v", points, err)
	}
	if _, err := h.Rollback(t.Context(), owner, vips, points[0].ID, ""); err != nil {
		t.Fatal(err)
	}
	if was := h.run(t, held.ID); was.State != segment.RunSuperseded || h.segment(t, "vips").Hold != nil || h.members(t).Included != 2000 {
		t.Errorf("the held run: %+v", was)
	}
}

func TestAGuardCanRefuse(t *testing.T) {
	h := newHouse(t)
	t.Cleanup(h.Close)
	yes, few := true, int64(1)
	h.push(t, syncToken, batch(cohort("trial", "Trial", "+ann", "+ben", "+cleo")))
	guarded := h.segment(t, "rudderstack-trial").Clone()
	guarded.Guard = &segment.GuardSettings{Reject: &yes, Members: &few}
	if _, err := h.store.Update(t.Context(), store.Scope{Env: production}, func(tx store.Tx) error { tx.PutSegment(guarded); return nil }); err != nil {
		t.Fatal(err)
	}
	_, err := h.Push(t.Context(), syncToken, batch(cohort("trial", "Trial", "-ann", "-ben")))
	wantKind(t, err, fault.Refused)
	_, err = h.Push(t.Context(), syncToken, pageOf(0, 1, "+cleo"))
	wantKind(t, err, fault.Refused)
	runs, n, err := h.store.Runs(t.Context(), production, store.RunQuery{State: segment.RunRejected})
	if err != nil || n != 2 || runs[0].Error == "" || !h.has(t, guarded, "ann") {
		t.Errorf("%d runs %+v, %v", n, runs, err)
	}
	if open, err := h.store.Sessions(production); err != nil || len(open) > 0 {
		t.Errorf("sessions %v, %v", open, err)
	}
}

func TestTheGuardOfASourceCountsForItsSegmentsAlone(t *testing.T) {
	h := newHouse(t)
	t.Cleanup(h.Close)
	env, _ := h.store.Environment(production)
	env = env.Clone()
	few, shrink := int64(1), 10.0
	env.SourceGuards = map[string]*segment.GuardSettings{"rudderstack": {Members: &few, Shrink: &shrink}}
	if _, err := h.store.Update(t.Context(), store.Scope{Project: "web"}, func(tx store.Tx) error { tx.PutEnvironment(env); return nil }); err != nil {
		t.Fatal(err)
	}
	for _, tool := range []connector.Key{"rudderstack", "heap-inbound"} {
		added, removed := batch(cohort("trial", "Trial", "+ann", "+ben", "+cleo")), batch(cohort("trial", "Trial", "-ann"))
		added.Tool, removed.Tool = tool, tool
		h.push(t, syncToken, added)
		run := h.push(t, syncToken, removed).Runs[0]
		if held := run.State == segment.RunHeld; held != (tool == "rudderstack") {
			t.Errorf("%s: %+v", tool, run)
		}
		if run.Hold != nil && (run.Hold.SetOn != "source" || run.Hold.Limit != 10) {
			t.Errorf("%s: %+v", tool, run.Hold)
		}
	}
}

// TestEveryRunAccountsForWhatItReceived pushes at random, lets the guard hold what it will, and
// compares ledger and members with plain maps.
func TestEveryRunAccountsForWhatItReceived(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHouse(t)
		defer h.Close()
		small := int64(4)
		env, _ := h.store.Environment(production)
		env = env.Clone()
		env.Guard = &segment.GuardSettings{Members: &small}
		if _, err := h.store.Update(t.Context(), store.Scope{Project: "web"}, func(tx store.Tx) error { tx.PutEnvironment(env); return nil }); err != nil {
			rt.Fatal(err)
		}
		p := pushing{house: h, t: t, rt: rt, members: map[string]bool{}, parked: map[string]bool{}}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			p.step()
			p.check()
		}
	})
}

// pushing is a segment under random pushes: who should be a member, and what waits.
type pushing struct {
	house
	t               *testing.T
	rt              *rapid.T
	members, parked map[string]bool
	// discarded is what would wait if the discard of a run were taken back; nil if none can be.
	discarded map[string]bool
	run       segment.RunID // that was discarded
}

var trial = ingest.Target{Project: "web", Environment: "production", Segment: "rudderstack-trial"}

func (p *pushing) step() {
	seg, exists := p.store.Segment(production, trial.Segment)
	open := exists && seg.Hold != nil
	if open && rapid.Bool().Draw(p.rt, "decide") {
		p.decide(seg)
		return
	}
	if p.discarded != nil && rapid.Bool().Draw(p.rt, "take back") {
		run, err := p.HoldAgain(p.t.Context(), owner, trial, p.run, "")
		if err != nil || run.State != segment.RunHeld {
			p.rt.Fatalf("%+v, %v", run, err)
		}
		wantBalanced(p.rt, run)
		p.parked, p.discarded = p.discarded, nil
		return
	}
	var changes []string
	last := map[string]bool{}
	for range rapid.IntRange(0, 10).Draw(p.rt, "changes") {
		k, sign := fmt.Sprintf("u%d", rapid.IntRange(0, 11).Draw(p.rt, "key")), "-"
		if last[k] = rapid.Bool().Draw(p.rt, "add"); last[k] {
			sign = "+"
		}
		changes = append(changes, sign+k)
	}
	c := cohort("trial", "Trial", changes...)
	c.Received += rapid.IntRange(0, 2).Draw(p.rt, "skipped")
	run := p.push(p.t, syncToken, batch(c)).Runs[0]
	wantBalanced(p.rt, run)
	for k, add := range last {
		switch {
		case run.State == segment.RunHeld && !open:
			p.parked[k] = add
			p.discarded = nil
		case open && !add:
			p.parked[k] = false
		default:
			p.members[k] = add
			delete(p.parked, k)
			delete(p.discarded, k)
		}
	}
}

func (p *pushing) decide(seg *catalog.Segment) {
	decide := p.Discard
	p.discarded, p.run = p.parked, seg.Hold.Run
	if rapid.Bool().Draw(p.rt, "release") {
		decide = p.Release
		maps.Copy(p.members, p.parked)
		p.discarded = nil
	}
	p.parked = map[string]bool{}
	run, err := decide(p.t.Context(), owner, trial, seg.Hold.Run, "")
	if err != nil {
		p.rt.Fatal(err)
	}
	wantBalanced(p.rt, run)
	if _, n, err := p.store.Runs(p.t.Context(), production, store.RunQuery{State: segment.RunHeld}); err != nil || n != 0 {
		p.rt.Fatalf("%d runs are held after the decision, %v", n, err)
	}
}

func (p *pushing) check() {
	seg, ok := p.store.Segment(production, trial.Segment)
	if !ok {
		return
	}
	for k, in := range p.members {
		if got := p.has(p.t, seg, k); got != in {
			p.rt.Fatalf("%s is a member: %t, want %t", k, got, in)
		}
	}
}
