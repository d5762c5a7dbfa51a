package ingest_test

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/ingest"
	"muster/internal/segment"
	"muster/internal/store"
)

// listLimit is how long the lists of these tests may get, sdkCache how long SDKs keep what they read.
const (
	listLimit = 10
	sdkCache  = 10 * time.Second
)

// watch is a clock that tests put forward.
type watch struct{ passed atomic.Int64 }

func (w *watch) now() time.Time          { return clock.Add(time.Duration(w.passed.Load())) }
func (w *watch) forward(d time.Duration) { w.passed.Add(int64(d)) }

// newLists returns a house with the segment "vips", which lists the users 0 to n in its definition.
func newLists(t *testing.T, n int, cache time.Duration) (house, *watch) {
	t.Helper()
	h, w := newHouse(t), new(watch)
	t.Cleanup(h.Close)
	h.Ingest = ingest.New(h.store, w.now, slog.New(slog.DiscardHandler))
	t.Cleanup(h.Close)
	h.MoveLists(catalog.ListLimit{Targets: listLimit, Move: true}, cache)
	seg := &catalog.Segment{ID: catalog.NewID(), Env: production, Key: "vips", Name: "VIPs", Tags: []string{}, Version: 1, Generation: 1}
	seg.Included = users(0, n)
	h.put(t, seg)
	return h, w
}

func (h house) put(t *testing.T, seg *catalog.Segment) {
	t.Helper()
	if _, err := h.store.Update(t.Context(), store.Scope{Env: seg.Env}, func(tx store.Tx) error { tx.PutSegment(seg); return nil }); err != nil {
		t.Fatal(err)
	}
}

// edit changes the segment "vips" as a PATCH would.
func (h house) edit(t *testing.T, change func(*catalog.Segment)) {
	t.Helper()
	seg := h.segment(t, "vips").Clone()
	change(seg)
	seg.Version++
	h.put(t, seg)
}

func users(from, to int) (keys []string) {
	for i := from; i < to; i++ {
		keys = append(keys, fmt.Sprintf("user-%d", i))
	}
	return keys
}

func (h house) take(t *testing.T, im ingest.Import, list io.Reader) (segment.Run, error) {
	t.Helper()
	im.Target = vips
	run, err := h.Import(t.Context(), owner, im, list)
	if err != nil {
		return run, err
	}
	return h.settled(t, run.ID), nil
}

func (h house) none(t *testing.T) {
	t.Helper()
	h.cleared(t)
	if open, err := h.store.Sessions(production); err != nil || len(open) > 0 {
		t.Errorf("sessions %v, %v", open, err)
	}
}

func TestAShortListIsImportedIntoTheDefinition(t *testing.T) {
	h, _ := newLists(t, 3, 0)
	for n, tt := range []struct {
		mode                      ingest.ImportMode
		list                      string
		want                      []string
		added, removed, unchanged int
	}{
		{ingest.Merge, "zoe\nuser-1\nann\nzoe\n", []string{"user-0", "user-1", "user-2", "zoe", "ann"}, 2, 0, 2},
		{ingest.Remove, "user-0\nnobody\nuser-2\n", []string{"user-1", "zoe", "ann"}, 0, 2, 1},
		{ingest.Whole, "eve\nann\nbob\n", []string{"eve", "ann", "bob"}, 2, 2, 1},
		{ingest.Whole, "eve\nann\nbob\n", []string{"eve", "ann", "bob"}, 0, 0, 3},
	} {
		run, err := h.take(t, ingest.Import{Mode: tt.mode}, strings.NewReader(tt.list))
		if err != nil {
			t.Fatal(err)
		}
		seg := h.segment(t, "vips")
		if seg.Unbounded || !slices.Equal(seg.Included, tt.want) {
			t.Errorf("%s: %v, want %v", tt.mode, seg.Included, tt.want)
		}
		if run.State != segment.RunLive || run.Added != tt.added || run.Removed != tt.removed || run.Unchanged != tt.unchanged {
			t.Errorf("%s: run %+v", tt.mode, run)
		}
		if want := min(n+2, 4); seg.Version != want {
			t.Errorf("%s: version %d, want %d", tt.mode, seg.Version, want)
		}
		if run.Removes != (tt.mode == ingest.Remove) {
			t.Errorf("%s: run says %t", tt.mode, run.Removes)
		}
	}
	h.none(t)
	audited := 0
	for entry, err := range h.store.AuditEntries(t.Context(), time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		if entry.TitleVerb != "imported a list into" {
			t.Errorf("audit entry %+v", entry)
		}
		audited++
	}
	if audited != 3 {
		t.Errorf("%d audit entries for three changes", audited)
	}
}

func TestAListOfAnotherKindHasItsOwnPlace(t *testing.T) {
	h, _ := newLists(t, 2, 0)
	if _, err := h.take(t, ingest.Import{Mode: ingest.Merge, Kind: "org"}, strings.NewReader("acme\n")); err != nil {
		t.Fatal(err)
	}
	seg := h.segment(t, "vips")
	if len(seg.Included) != 2 || len(seg.IncludedContexts) != 1 || seg.IncludedContexts[0].Kind != "org" {
		t.Errorf("%+v", seg)
	}
	_, err := h.take(t, ingest.Import{Mode: ingest.Merge}, strings.NewReader("initech\n"))
	if f := wantKind(t, err, fault.Invalid); !strings.Contains(f.Message, "contextKind") {
		t.Errorf("a list of no kind: %v", err)
	}
	_, err = h.take(t, ingest.Import{Mode: ingest.Merge, Kind: "org"}, rows(0, listLimit))
	if f := wantKind(t, err, fault.Invalid); !strings.Contains(f.Message, "kind user beside kind org") {
		t.Errorf("a list that is too long beside another: %v", err)
	}
	if seg := h.segment(t, "vips"); seg.Unbounded || seg.Move != nil || seg.Targets() != 3 {
		t.Errorf("a refused import changed the segment: %+v", seg)
	}
	h.none(t)
}

func TestAnImportThatOutgrowsItsListMakesItBig(t *testing.T) {
	for _, tt := range []struct {
		mode    ingest.ImportMode
		members int64
	}{{ingest.Merge, 105}, {ingest.Whole, 100}} {
		t.Run(string(tt.mode), func(t *testing.T) {
			h, _ := newLists(t, 5, 0)
			h.edit(t, func(s *catalog.Segment) { s.Excluded = []string{"mallory"} })
			run, err := h.take(t, ingest.Import{Mode: tt.mode, Idempotency: "once"}, rows(5, 105))
			if err != nil {
				t.Fatal(err)
			}
			if tt.mode == ingest.Whole { // the list shrinks by all that it had, but it is a short one
				run = h.settled(t, run.ID)
			}
			if run.State != segment.RunLive || run.Received != 100 || run.Added != 100 {
				t.Errorf("run %+v", run)
			}
			seg := h.segment(t, "vips")
			if !seg.Unbounded || seg.Kind != "user" || seg.Targets() != 0 || seg.Generation != 1 || seg.Version != 3 || seg.Move != nil {
				t.Errorf("segment %+v", seg)
			}
			if got := h.members(t); got.Included != tt.members || got.Excluded != 1 {
				t.Errorf("%+v members", got)
			}
			again, err := h.take(t, ingest.Import{Mode: tt.mode, Idempotency: "once"}, rows(5, 105))
			if err != nil || again.ID != run.ID {
				t.Errorf("the same import again is run %s, %v; want %s", again.ID, err, run.ID)
			}
			h.none(t)
		})
	}
}

func TestAnImportThatCannotMakeAListBigChangesNothing(t *testing.T) {
	h, _ := newLists(t, 5, 0)
	h.edit(t, func(s *catalog.Segment) { s.Rules = []catalog.SegmentRule{{ID: "r", Clauses: nil}} })
	before := h.segment(t, "vips")
	_, err := h.take(t, ingest.Import{Mode: ingest.Merge}, rows(5, 105))
	if f := wantKind(t, err, fault.Invalid); !strings.Contains(f.Message, "rule 0") {
		t.Errorf("error %v", err)
	}
	h.MoveLists(catalog.ListLimit{Targets: listLimit}, 0)
	_, err = h.take(t, ingest.Import{Mode: ingest.Merge}, rows(5, 105))
	if f := wantKind(t, err, fault.Invalid); !strings.Contains(f.Message, "more than 10 targets") {
		t.Errorf("error %v", err)
	}
	_, err = h.take(t, ingest.Import{Mode: ingest.Merge, Wait: true}, rows(5, 6))
	wantKind(t, err, fault.Invalid)
	if h.segment(t, "vips") != before {
		t.Error("the segment changed")
	}
	h.none(t)
	runs, _, err := h.store.Runs(t.Context(), production, store.RunQuery{Segment: "vips", State: segment.RunRejected})
	if err != nil || len(runs) != 2 || !strings.Contains(runs[0].Error, "more than 10") {
		t.Errorf("runs %+v, %v", runs, err)
	}
}

func TestTheGuardRefusesToShrinkAList(t *testing.T) {
	h, _ := newLists(t, 8, 0)
	h.edit(t, func(s *catalog.Segment) { s.Guard = &segment.GuardSettings{Members: new(int64(5))} })
	_, err := h.take(t, ingest.Import{Mode: ingest.Whole}, rows(0, 3))
	if f := wantKind(t, err, fault.Refused); !strings.Contains(f.Message, "guard of segment vips refuses") {
		t.Errorf("error %v", err)
	}
	if got := len(h.segment(t, "vips").Included); got != 8 {
		t.Errorf("%d targets", got)
	}
	preview, err := h.DryRun(t.Context(), owner, ingest.Import{Target: vips, Mode: ingest.Whole}, rows(0, 3))
	if err != nil || !preview.WouldHold || preview.Removed != 5 || preview.Unchanged != 3 {
		t.Errorf("%+v, %v", preview, err)
	}
}

func TestADryRunComparesWithTheListInTheDefinition(t *testing.T) {
	h, _ := newLists(t, 4, 0)
	for _, tt := range []struct {
		mode                      ingest.ImportMode
		list                      io.Reader
		added, removed, unchanged int
	}{
		{ingest.Merge, strings.NewReader("ann\nuser-1\nann\n"), 1, 0, 1},
		{ingest.Remove, strings.NewReader("ann\nuser-1\nuser-1\n"), 0, 1, 1},
		{ingest.Whole, strings.NewReader("ann\nuser-1\n"), 1, 3, 1},
		{ingest.Whole, rowsTwice(1000), 996, 0, 4},
	} {
		before := h.segment(t, "vips")
		p, err := h.DryRun(t.Context(), owner, ingest.Import{Target: vips, Mode: tt.mode}, tt.list)
		if err != nil {
			t.Fatal(err)
		}
		if p.Added != tt.added || p.Removed != tt.removed || p.Unchanged != tt.unchanged || len(p.AddedKeys) != min(20, tt.added) || len(p.RemovedKeys) != tt.removed {
			t.Errorf("%s: %+v", tt.mode, p)
		}
		if h.segment(t, "vips") != before {
			t.Error("a dry run changed the segment")
		}
	}
}

func TestAListBecomesBigWithoutAGap(t *testing.T) {
	h, w := newLists(t, listLimit, sdkCache)
	if h.MoveLong() || h.segment(t, "vips").Move != nil {
		t.Fatal("a list within the limit moves")
	}
	// ready says whether an SDK that asks now for the definition finds every member by it.
	ready := func(n int) {
		t.Helper()
		seg := h.segment(t, "vips")
		for _, key := range users(0, n) {
			if listed := slices.Contains(seg.Included, key); seg.Unbounded && (listed || !h.has(t, seg, key)) || !seg.Unbounded && !listed {
				t.Errorf("%s is missing", key)
			}
		}
	}
	h.edit(t, func(s *catalog.Segment) {
		s.AddIncluded("user", users(0, 11))
		s.Excluded = []string{"user-3", "mallory"}
	})
	if !h.MoveLong() {
		t.Fatal("nothing is to be done")
	}
	ready(11)
	if seg := h.segment(t, "vips"); seg.Unbounded || seg.Move == nil || !h.has(t, seg, "user-10") {
		t.Fatalf("the members are not where SDKs will look for them: %+v", seg)
	}
	w.forward(sdkCache / 2)
	h.edit(t, func(s *catalog.Segment) {
		s.AddIncluded("user", users(0, 12))
		s.RemoveIncluded("user", []string{"user-9"})
		s.Excluded = []string{"mallory"}
	})
	if !h.MoveLong() || h.has(t, h.segment(t, "vips"), "user-9") || !h.has(t, h.segment(t, "vips"), "user-11") {
		t.Error("the members don't follow the list")
	}
	ready(9)
	w.forward(sdkCache - time.Second)
	if !h.MoveLong() || h.segment(t, "vips").Unbounded {
		t.Error("it became big while an SDK may not know of user-11")
	}
	w.forward(time.Second)
	if h.MoveLong() {
		t.Error("there is more to do")
	}
	ready(9)
	if seg := h.segment(t, "vips"); !seg.Unbounded || seg.Version != 4 {
		t.Errorf("%+v", seg)
	}
	if got := h.members(t); got != (segment.Counts{Included: 11, Excluded: 1}) {
		t.Errorf("%+v members", got)
	}
	runs, _, err := h.store.Runs(t.Context(), production, store.RunQuery{Segment: "vips"})
	if err != nil || len(runs) != 2 || runs[1].Added != 12 || runs[0].Added != 1 || runs[0].Removed != 2 {
		t.Errorf("runs %+v, %v", runs, err)
	}
}

func TestAListThatChangesAllTheTimeMovesAllTheSame(t *testing.T) {
	h, w := newLists(t, listLimit+1, sdkCache)
	for n := 0; !h.segment(t, "vips").Unbounded; n++ {
		if n > 100 {
			t.Fatal("it never becomes big")
		}
		h.MoveLong()
		w.forward(sdkCache / 5)
		if seg := h.segment(t, "vips"); !seg.Unbounded {
			h.edit(t, func(s *catalog.Segment) { s.AddIncluded("user", []string{fmt.Sprintf("late-%d", n)}) })
		}
	}
	if h.MoveLong() {
		t.Error("there is more to do")
	}
}

func TestAMoveGoesOnAfterARestart(t *testing.T) {
	h, w := newLists(t, listLimit+1, sdkCache)
	h.MoveLong()
	h.Close()
	w.forward(sdkCache)
	next := ingest.New(h.store, w.now, slog.New(slog.DiscardHandler))
	next.MoveLists(catalog.ListLimit{Targets: 1000}, sdkCache) // what has begun is finished
	if next.MoveLong() || !h.segment(t, "vips").Unbounded {
		t.Errorf("%+v", h.segment(t, "vips"))
	}
	next.Close()
}

// meanwhile does something when a list is read up to it.
type meanwhile func()

func (f meanwhile) Read([]byte) (int, error) {
	f()
	return 0, io.EOF
}

func TestAListDoesNotReachTheSegmentThatTookThePlaceOfItsOwn(t *testing.T) {
	for _, n := range []int{3, 2 * listLimit} {
		h, _ := newLists(t, 1, 0)
		replace := func() {
			_, err := h.store.Update(t.Context(), store.Scope{Env: production}, func(tx store.Tx) error {
				tx.DeleteSegment(production, "vips")
				tx.PutSegment(&catalog.Segment{ID: catalog.NewID(), Env: production, Key: "vips", Name: "Others", Tags: []string{}, Version: 9, Generation: 2})
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
		_, err := h.take(t, ingest.Import{Mode: ingest.Merge}, io.MultiReader(rows(0, n), meanwhile(replace)))
		wantKind(t, err, fault.NotFound)
		if seg := h.segment(t, "vips"); seg.Targets() != 0 || seg.InEngine() {
			t.Errorf("%d rows: %+v", n, seg)
		}
		h.none(t)
	}
}

func TestAMoveIsNoGrowth(t *testing.T) {
	h, _ := newLists(t, 5, 0)
	h.edit(t, func(s *catalog.Segment) {
		s.Guard = &segment.GuardSettings{Members: new(int64(1)), Growth: new(float64(300))}
	})
	run, err := h.take(t, ingest.Import{Mode: ingest.Merge}, rows(5, 16))
	if err != nil || run.State != segment.RunLive || !h.segment(t, "vips").Unbounded {
		t.Errorf("%+v, %v", run, err)
	}
}

func TestBodiesOfUploadsThatWereNeverAnsweredAreSwept(t *testing.T) {
	h, _ := newLists(t, 1, 0)
	err := h.store.PutDocument(t.Context(), production, "import/64b0c9f2a1d3e4f5061728ff", func(w io.Writer) error {
		_, err := io.WriteString(w, "ann\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.none(t)
}
