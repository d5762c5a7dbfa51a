package ingest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/ingest"
	"muster/internal/segment"
	"muster/internal/store"
)

// discarded returns a list of 2,000 of which a whole list of ten was held and discarded.
func discarded(t *testing.T) (house, segment.RunID) {
	t.Helper()
	h := newList(t)
	h.load(t, ingest.Merge, rows(0, 2000))
	held := h.load(t, ingest.Whole, rows(0, 10))
	if run, err := h.Discard(t.Context(), owner, vips, held.ID, "wrong file"); err != nil || run.State != segment.RunDiscarded || run.Comment != "wrong file" {
		t.Fatalf("%+v, %v", run, err)
	}
	return h, held.ID
}

// kept returns which sessions are open.
func (h house) kept(t testing.TB) (ids []segment.RunID) {
	t.Helper()
	open, err := h.store.Sessions(production)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range open {
		ids = append(ids, s.ID)
	}
	return ids
}

// audited returns what was done, newest first.
func (h house) audited(t testing.TB) (verbs []string) {
	t.Helper()
	for entry, err := range h.store.AuditEntries(t.Context(), time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		verbs = append(verbs, entry.TitleVerb)
	}
	return verbs
}

func TestADiscardIsTakenBackWithAllThatCameSince(t *testing.T) {
	h, id := discarded(t)
	h.load(t, ingest.Merge, rows(1500, 1501)) // nobody who was not in already
	h.load(t, ingest.Merge, rows(3000, 3001))
	if live := h.load(t, ingest.Remove, rows(3, 5)); live.State != segment.RunLive || live.Removed != 2 {
		t.Fatalf("after a discard nothing is held, so removals go live: %+v", live)
	}
	held, err := h.HoldAgain(t.Context(), owner, vips, id, "it was right")
	if err != nil || held.State != segment.RunHeld || held.Comment != "it was right" || held.Hold == nil {
		t.Fatalf("%+v, %v", held, err)
	}
	if hold := h.segment(t, "vips").Hold; hold == nil || hold.Run != id || !hold.Whole || hold.Removed != 1990 || !hold.At.Equal(clock) {
		t.Errorf("hold %+v", hold)
	}
	if n := h.members(t).Included; n != 1999 {
		t.Errorf("%d members while it is held, want 1999", n)
	}
	live, err := h.Release(t.Context(), owner, vips, id, "")
	if err != nil || live.State != segment.RunLive {
		t.Fatalf("%+v, %v", live, err)
	}
	wantBalanced(t, live)
	seg := h.segment(t, "vips")
	for key, want := range map[string]bool{"user-0": true, "user-3": false, "user-4": false, "user-9": true, "user-10": false, "user-1500": true, "user-3000": true} {
		if h.has(t, seg, key) != want {
			t.Errorf("%s is a member: %t, want %t", key, !want, want)
		}
	}
	if n := h.members(t).Included; n != 10 || seg.Hold != nil || seg.Discarded != nil || len(h.kept(t)) > 0 {
		t.Errorf("%d members, segment %+v, sessions %v", n, seg, h.kept(t))
	}
}

func TestADiscardIsTakenBackOnce(t *testing.T) {
	h, id := discarded(t)
	if _, err := h.HoldAgain(t.Context(), syncToken, vips, id, ""); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("by somebody who may not: %v", err)
	}
	for range 2 {
		if run, err := h.HoldAgain(t.Context(), owner, vips, id, "back"); err != nil || run.State != segment.RunHeld || run.Comment != "back" {
			t.Errorf("%+v, %v", run, err)
		}
	}
	verbs := h.audited(t)
	if n := len(slices.DeleteFunc(verbs, func(v string) bool { return v != "took back the discard of a held sync of" })); n != 1 {
		t.Errorf("%d audit entries of it, want 1", n)
	}
	for range 2 { // as often as somebody changes their mind
		if run, err := h.Discard(t.Context(), owner, vips, id, ""); err != nil || run.State != segment.RunDiscarded {
			t.Errorf("%+v, %v", run, err)
		}
		if run, err := h.HoldAgain(t.Context(), owner, vips, id, ""); err != nil || run.State != segment.RunHeld {
			t.Errorf("%+v, %v", run, err)
		}
	}
}

func TestWhatJoinedAHoldIsHeldAgainWithIt(t *testing.T) {
	h := newList(t)
	h.load(t, ingest.Merge, rows(0, 2000))
	held := h.load(t, ingest.Remove, rows(0, 1000))
	joined := h.load(t, ingest.Remove, rows(1500, 1520))
	if _, err := h.Discard(t.Context(), owner, vips, held.ID, ""); err != nil {
		t.Fatal(err)
	}
	if r := h.run(t, joined.ID); r.State != segment.RunDiscarded {
		t.Fatalf("what joined: %+v", r)
	}
	_, err := h.HoldAgain(t.Context(), owner, vips, joined.ID, "")
	if f := wantKind(t, err, fault.Conflict); f.Message != "run "+string(joined.ID)+" of segment vips was discarded with run "+string(held.ID)+"; hold that one again" {
		t.Error(f.Message)
	}
	h.load(t, ingest.Merge, rows(1510, 1511)) // the newest word on it
	if _, err := h.HoldAgain(t.Context(), owner, vips, held.ID, ""); err != nil {
		t.Fatal(err)
	}
	if r := h.run(t, joined.ID); r.State != segment.RunHeld {
		t.Errorf("what joined: %+v", r)
	}
	later := h.load(t, ingest.Remove, rows(1600, 1610)) // joins the same hold
	if later.State != segment.RunHeld || later.Hold.Joined != held.ID || h.segment(t, "vips").Hold.Removed != 1030 {
		t.Errorf("%+v, %+v", later, h.segment(t, "vips").Hold)
	}
	live, err := h.Release(t.Context(), owner, vips, held.ID, "")
	if err != nil || h.members(t).Included != 2000-1000-19-10 || !h.has(t, h.segment(t, "vips"), "user-1510") {
		t.Errorf("%+v, %v: %d members", live, err, h.members(t).Included)
	}
	for _, id := range []segment.RunID{held.ID, joined.ID, later.ID} {
		r := h.run(t, id)
		if r.State != segment.RunLive {
			t.Errorf("%+v", r)
		}
		wantBalanced(t, r)
	}
}

func TestADiscardIsFinalAsSoonAsSomethingStandsInForIt(t *testing.T) {
	gone := "can't be held again: what it held is kept for 10 minutes, or until another run is held or all members are exchanged; sync again"
	for name, tt := range map[string]struct {
		then func(*testing.T, house) segment.RunID // returns which run is held now
		says string
		kind fault.Kind
	}{
		"another run is held": {
			then: func(t *testing.T, h house) segment.RunID { return h.load(t, ingest.Whole, rows(0, 20)).ID },
			says: "can't be held again, because run %s is held since; decide about that one, and sync again what is missing", kind: fault.Conflict,
		},
		"changes are held": {
			then: func(t *testing.T, h house) segment.RunID { return h.load(t, ingest.Remove, rows(0, 1000)).ID },
			says: "can't be held again, because run %s is held since; decide about that one, and sync again what is missing", kind: fault.Conflict,
		},
		"a whole list goes live": {
			then: func(t *testing.T, h house) segment.RunID { h.load(t, ingest.Whole, rows(0, 1900)); return "" }, says: gone, kind: fault.Conflict,
		},
		"a whole list says what is there": {
			then: func(t *testing.T, h house) segment.RunID { h.load(t, ingest.Whole, rows(0, 2000)); return "" }, says: gone, kind: fault.Conflict,
		},
		"the members are rolled back": {
			then: func(t *testing.T, h house) segment.RunID {
				points, err := h.store.Points(production, "vips")
				if err != nil || len(points) != 1 {
					t.Fatalf("points %v, %v", points, err)
				}
				if _, err := h.Rollback(t.Context(), owner, vips, points[0].ID, ""); err != nil {
					t.Fatal(err)
				}
				return ""
			},
			says: gone, kind: fault.Conflict,
		},
		"the segment is deleted": {
			then: func(t *testing.T, h house) segment.RunID {
				if _, err := h.store.Update(t.Context(), store.Scope{Env: production}, func(tx store.Tx) error { tx.DeleteSegment(production, "vips"); return nil }); err != nil {
					t.Fatal(err)
				}
				return ""
			},
			says: "Unknown segment key vips", kind: fault.NotFound,
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newList(t)
			h.load(t, ingest.Merge, rows(0, 2000))
			h.load(t, ingest.Whole, rows(0, 1999)) // leaves a point
			held := h.load(t, ingest.Whole, rows(0, 10))
			if _, err := h.Discard(t.Context(), owner, vips, held.ID, ""); err != nil {
				t.Fatal(err)
			}
			if now := h.kept(t); !slices.Equal(now, []segment.RunID{held.ID}) {
				t.Fatalf("sessions %v", now)
			}
			other := tt.then(t, h)
			var open []segment.RunID
			want := tt.says
			if tt.kind == fault.Conflict {
				want = "run " + string(held.ID) + " of segment vips " + want
			}
			if other != "" {
				open = append(open, other)
				want = strings.Replace(want, "%s", string(other), 1)
			}
			if now := h.kept(t); !slices.Equal(now, open) {
				t.Errorf("sessions %v, want %v", now, open)
			}
			_, err := h.HoldAgain(t.Context(), owner, vips, held.ID, "")
			if f := wantKind(t, err, tt.kind); f.Message != want {
				t.Errorf("%q, want %q", f.Message, want)
			}
			if r := h.run(t, held.ID); r.State != segment.RunDiscarded || !h.HoldableUntil(r).IsZero() {
				t.Errorf("%+v can be held again until %v", r, h.HoldableUntil(r))
			}
		})
	}
}

func TestOnlyADiscardedRunIsHeldAgain(t *testing.T) {
	h := newList(t)
	h.load(t, ingest.Merge, rows(0, 2000))
	held := h.load(t, ingest.Whole, rows(0, 10))
	if _, err := h.Release(t.Context(), owner, vips, held.ID, ""); err != nil {
		t.Fatal(err)
	}
	_, err := h.HoldAgain(t.Context(), owner, vips, held.ID, "")
	if f := wantKind(t, err, fault.Conflict); f.Message != "run "+string(held.ID)+" of segment vips is live; only a discarded run can be held again" {
		t.Error(f.Message)
	}
	_, err = h.HoldAgain(t.Context(), owner, vips, "000000000000000000000000", "")
	wantKind(t, err, fault.NotFound)
}

func TestWhatWasDiscardedIsDroppedAfterTenMinutes(t *testing.T) {
	disk := vfs.NewCrashableMem()
	h, db := openHouse(t, disk)
	furnish(t, h)
	t.Cleanup(h.Close)
	h.put(t, &catalog.Segment{
		ID: catalog.NewID(), Env: production, Key: "vips", Name: "VIPs", Tags: []string{}, Version: 1, Generation: 1, Unbounded: true, Kind: "user",
		Source: &catalog.Source{Tool: "rudderstack"},
	})
	imports := func(mode ingest.ImportMode, from, to int) segment.Run {
		run, err := h.Import(t.Context(), owner, ingest.Import{Target: vips, Mode: mode, Override: true}, rows(from, to))
		if err != nil {
			t.Fatal(err)
		}
		return h.settled(t, run.ID)
	}
	imports(ingest.Merge, 0, 2000)
	h.cleared(t)
	before := files(t, db)
	held := imports(ingest.Whole, 0, 10)
	if _, err := h.Discard(t.Context(), owner, vips, held.ID, ""); err != nil {
		t.Fatal(err)
	}
	list := slices.DeleteFunc(files(t, db), func(f store.FileID) bool { return slices.Contains(before, f) })
	if len(list) == 0 {
		t.Fatal("no file holds the list that was discarded")
	}
	crashed, db2 := openHouse(t, disk.CrashClone(vfs.CrashCloneCfg{}))
	for name, on := range map[string]struct {
		house
		files store.Files
	}{"as it was": {h, db}, "after a crash": {crashed, db2}} {
		early := on.after(ingest.DiscardedFor - time.Second)
		early.Drop(t.Context())
		if until := early.HoldableUntil(on.run(t, held.ID)); !until.Equal(clock.Add(ingest.DiscardedFor)) || !slices.Equal(on.kept(t), []segment.RunID{held.ID}) {
			t.Errorf("%s: it is kept until %v, sessions %v", name, until, on.kept(t))
		}
		for _, again := range []func() (segment.Run, error){
			func() (segment.Run, error) { return early.HoldAgain(t.Context(), owner, vips, held.ID, "") },
			func() (segment.Run, error) { return on.Discard(t.Context(), owner, vips, held.ID, "") },
		} {
			if _, err := again(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		late := on.after(ingest.DiscardedFor)
		_, err := late.HoldAgain(t.Context(), owner, vips, held.ID, "")
		wantKind(t, err, fault.Conflict)
		if err := late.Resume(t.Context()); err != nil { // a start drops what is due
			t.Fatal(err)
		}
		late.Close()
		if seg := on.segment(t, "vips"); seg.Discarded != nil || !seg.Drifted() || len(on.kept(t)) > 0 {
			t.Errorf("%s: %+v, drifted %t, sessions %v", name, seg.Discarded, seg.Drifted(), on.kept(t))
		}
		for _, f := range files(t, on.files) {
			if slices.Contains(list, f) {
				t.Errorf("%s: file %x is still there", name, f)
			}
		}
		if n := on.members(t).Included; n != 2000 {
			t.Errorf("%s: %d members", name, n)
		}
	}
}

// files returns what holds members.
func files(t testing.TB, all store.Files) (ids []store.FileID) {
	t.Helper()
	for id, err := range all.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// newGuarded returns a segment of 20 that RudderStack syncs and a guard of few members keeps, and who is in it.
func newGuarded(t *testing.T) (h house, all []string) {
	t.Helper()
	h = newHouse(t)
	t.Cleanup(h.Close)
	for n := range 20 {
		all = append(all, fmt.Sprintf("+u%d", n))
	}
	few := int64(4)
	h.push(t, syncToken, batch(cohort("trial", "Trial", all...)))
	guarded := h.segment(t, trial.Segment).Clone()
	guarded.Guard = &segment.GuardSettings{Members: &few}
	h.put(t, guarded)
	return h, all
}

func removals(changes []string) (out []string) {
	for _, c := range changes {
		out = append(out, "-"+c[1:])
	}
	return out
}

func TestASegmentIsDriftedAsLongAsADiscardIsNotTakenBack(t *testing.T) {
	h, all := newGuarded(t)
	held := h.push(t, syncToken, pageOf(0, 1, "+u1")).Runs[0]
	drifted := func(want bool) {
		t.Helper()
		if got := h.segment(t, trial.Segment).Drifted(); got != want {
			t.Errorf("drifted: %t, want %t", got, want)
		}
	}
	drifted(false)
	for range 2 {
		if _, err := h.Discard(t.Context(), owner, trial, held.ID, ""); err != nil {
			t.Fatal(err)
		}
		drifted(true)
		if _, err := h.HoldAgain(t.Context(), owner, trial, held.ID, ""); err != nil {
			t.Fatal(err)
		}
		drifted(false)
	}
	if _, err := h.Discard(t.Context(), owner, trial, held.ID, ""); err != nil {
		t.Fatal(err)
	}
	if next := h.push(t, syncToken, pageOf(0, 1, "+u2")).Runs[0]; next.State != segment.RunHeld {
		t.Fatalf("%+v", next)
	}
	drifted(true) // the tool believes what was discarded, whatever becomes of the newer one
	h.push(t, syncToken, pageOf(0, 1, slices.Concat(all, []string{"+u20"})...))
	drifted(false)
}

func TestChangesOfAToolThatAreHeldTakeThePlaceOfWhatWasDiscarded(t *testing.T) {
	h, all := newGuarded(t)
	var held []segment.RunID
	for range 2 {
		run := h.push(t, syncToken, batch(cohort("trial", "Trial", removals(all)...))).Runs[0]
		if held = append(held, run.ID); run.State != segment.RunHeld || !slices.Equal(h.kept(t), held[len(held)-1:]) {
			t.Fatalf("%+v, sessions %v", run, h.kept(t))
		}
		if _, err := h.Discard(t.Context(), owner, trial, run.ID, ""); err != nil {
			t.Fatal(err)
		}
	}
	_, err := h.HoldAgain(t.Context(), owner, trial, held[0], "")
	wantKind(t, err, fault.Conflict)
	if run, err := h.HoldAgain(t.Context(), owner, trial, held[1], ""); err != nil || run.State != segment.RunHeld || !h.segment(t, trial.Segment).Drifted() {
		t.Errorf("%+v, %v: it is drifted, because the first one stays discarded", run, err)
	}
}

// TestRunsAreWhatBecameOfTheirHold lets two decide about one hold at once while more joins it.
func TestRunsAreWhatBecameOfTheirHold(t *testing.T) {
	h, all := newGuarded(t)
	held := h.push(t, syncToken, batch(cohort("trial", "Trial", removals(all[:18])...))).Runs[0]
	decide := func(how func(context.Context, catalog.Caller, ingest.Target, segment.RunID, string) (segment.Run, error)) {
		if _, err := how(t.Context(), owner, trial, held.ID, ""); err != nil && fault.KindOf(err) != fault.Conflict {
			t.Error(err)
		}
	}
	for round := range 100 {
		var done sync.WaitGroup
		for range 2 {
			done.Go(func() { decide(h.Discard) })
			done.Go(func() { decide(h.HoldAgain) })
		}
		if round < 5 { // so few that the guard does not mind where they go live
			done.Go(func() {
				for _, c := range []string{"+u19", "-u19"} {
					if _, err := h.Push(t.Context(), syncToken, batch(cohort("trial", "Trial", c))); err != nil {
						t.Error(err)
					}
				}
			})
		}
		done.Wait()
		seg, want := h.segment(t, trial.Segment), segment.RunHeld
		if seg.Discarded != nil {
			want = segment.RunDiscarded
		}
		if (seg.Hold == nil) == (seg.Discarded == nil) {
			t.Fatalf("hold %+v, discarded %+v", seg.Hold, seg.Discarded)
		}
		runs, _, err := h.store.Runs(t.Context(), production, ledgerOf(trial.Segment))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range runs {
			if r.Hold != nil && r.State != want {
				t.Fatalf("round %d: the hold is %s, run %s is %s", round, want, r.ID, r.State)
			}
		}
	}
}
