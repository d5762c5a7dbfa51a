package history_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/history"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
)

const production segment.EnvID = "64b0c9f2a1d3e4f5061728aa"

// newHistory returns the read side over a store with the unbounded segment "big", which includes
// ann, excludes ben and has two runs, and the bounded segment "small".
func newHistory(t testing.TB) (*history.History, store.Store) {
	t.Helper()
	db, err := pebblestore.Open("data", vfs.NewMem(), slog.New(slog.DiscardHandler), func(err error) { t.Errorf("store failed: %v", err) })
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(t.Context(), db, db, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(e.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	changes := new(segment.Changes)
	changes.Append([]byte("ann"), segment.Include)
	changes.Append([]byte("ben"), segment.Exclude)
	staged, err := e.Stage(t.Context(), changes)
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Update(t.Context(), store.Account, func(tx store.Tx) error {
		tx.PutProject(&catalog.Project{ID: catalog.NewID(), Key: "web", Name: "Web"})
		tx.PutEnvironment(&catalog.Environment{ID: production, Project: "web", Key: "production", Name: "Production", SDKKey: "sdk-1", MobileKey: "mob-1"})
		tx.PutSegment(&catalog.Segment{ID: catalog.NewID(), Env: production, Key: "big", Name: "Big", Version: 1, Generation: 1, Unbounded: true, Kind: "user"})
		tx.PutSegment(&catalog.Segment{ID: catalog.NewID(), Env: production, Key: "small", Name: "Small", Version: 1, Generation: 1})
		for range 2 {
			tx.Record(segment.Run{ID: segment.RunID(catalog.NewID()), Env: production, Segment: "big", State: segment.RunLive})
		}
		_, err := tx.Apply(production, "big", staged)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	h := history.New(e, time.Now, slog.New(slog.DiscardHandler))
	t.Cleanup(h.Close)
	return h, e
}

func viewer(resource string) catalog.Caller {
	return catalog.Caller{Principal: policy.Principal{Roles: []policy.Role{{Base: policy.NoAccess, Policy: []policy.Statement{
		{Effect: policy.Allow, Actions: []string{"viewProject"}, Resources: []string{resource}},
	}}}}}
}

func TestMembershipOfOneContext(t *testing.T) {
	h, s := newHistory(t)
	big, _ := s.Segment(production, "big")
	for key, want := range map[string]segment.Ops{"ann": segment.Include, "ben": segment.Exclude, "cleo": 0, "": 0} {
		if got, err := h.Membership(t.Context(), viewer("proj/*"), big, key); err != nil || got != want {
			t.Errorf("%q is %04b (%v), want %04b", key, got, err, want)
		}
	}
}

func TestMembershipIsHiddenWithItsProject(t *testing.T) {
	h, s := newHistory(t)
	big, _ := s.Segment(production, "big")
	if _, err := h.Membership(t.Context(), viewer("proj/shop"), big, "ann"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("error %v", err)
	}
}

func TestMembershipOfABoundedSegmentIsInItsDefinition(t *testing.T) {
	h, s := newHistory(t)
	small, _ := s.Segment(production, "small")
	if _, err := h.Membership(t.Context(), viewer("proj/*"), small, "ann"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("error %v", err)
	}
}

func TestSizeAndLastRun(t *testing.T) {
	h, s := newHistory(t)
	if got := h.Size(production, segment.Ref{Key: "big", Generation: 1}); got != (segment.Counts{Included: 1, Excluded: 1}) {
		t.Errorf("size %+v", got)
	}
	if got := h.Size(production, segment.Ref{Key: "big", Generation: 2}); got != (segment.Counts{}) {
		t.Errorf("size of an unknown ref %+v", got)
	}
	runs, _, err := s.Runs(t.Context(), production, store.RunQuery{Segment: "big"})
	if err != nil || len(runs) != 2 || !runs[0].LiveAt.After(time.Time{}) {
		t.Fatalf("runs %+v, %v", runs, err)
	}
	if run, ok, err := h.LastRun(t.Context(), production, "big"); err != nil || !ok || run.ID != runs[0].ID {
		t.Errorf("last run %s (%t, %v), want %s", run.ID, ok, err, runs[0].ID)
	}
	if _, ok, err := h.LastRun(t.Context(), production, "small"); err != nil || ok {
		t.Errorf("a segment without runs has one: %t, %v", ok, err)
	}
}

func TestRunsOfAHiddenProjectDoNotExist(t *testing.T) {
	h, _ := newHistory(t)
	runs, total, err := h.Runs(t.Context(), viewer("proj/*"), "web", "production", history.RunQuery{})
	if err != nil || len(runs) != 2 || total != 2 {
		t.Fatalf("runs %+v of %d, %v", runs, total, err)
	}
	if run, err := h.Run(t.Context(), viewer("proj/*"), "web", "production", "big", runs[1].ID); err != nil || run.ID != runs[1].ID {
		t.Errorf("run %s, %v", run.ID, err)
	}
	stranger := viewer("proj/shop")
	_, _, list := h.Runs(t.Context(), stranger, "web", "production", history.RunQuery{Segment: "big"})
	_, one := h.Run(t.Context(), stranger, "web", "production", "big", runs[0].ID)
	_, of := h.SegmentsOf(t.Context(), stranger, "web", "production", "user", "ann")
	for what, err := range map[string]error{"the list": list, "one run": one, "the segments of a context": of} {
		if err == nil || fault.KindOf(err) != fault.NotFound {
			t.Errorf("%s: error %v", what, err)
		}
	}
}

func TestMembersStayHiddenFromWhoSeesTheProjectOnly(t *testing.T) {
	h, _ := newHistory(t)
	for _, key := range []string{"ann", "nobody"} {
		if _, err := h.SegmentsOf(t.Context(), viewer("proj/*"), "web", "production", "user", key); fault.KindOf(err) != fault.Forbidden {
			t.Errorf("%s: error %v", key, err)
		}
	}
	if _, err := h.SegmentsOf(t.Context(), viewer("proj/*"), "web", "production", "planet", "ann"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a kind that nobody knows: error %v", err)
	}
}
