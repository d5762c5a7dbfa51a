package admin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/seal"
	"muster/internal/segment"
	"muster/internal/store"
)

const (
	cached  = 10 * time.Second
	patient = time.Minute
)

// turning is a house in which segments move to other generations, with a clock of its own.
type turning struct {
	house
	t         *testing.T
	now       time.Time
	env       *catalog.Environment
	followers []admin.Follower
	failed    []string
	graves    int64
	turner    *admin.Turner
}

func newTurning(t *testing.T) *turning {
	t.Helper()
	w := &turning{house: furnished(t), t: t, now: clock}
	keys, err := seal.ParseKeys(seal.NewKey())
	must(t, err)
	w.Admin = admin.New(w.store, keys, func() time.Time { return w.now })
	w.env, _ = w.store.EnvironmentByKey("web", "test")
	w.start()
	return w
}

// start is a start of the server.
func (w *turning) start() {
	w.turner = w.NewTurner(admin.TurnOptions{
		SDKCache: cached, Patience: patient, Graves: w.graves, Followers: func(segment.EnvID) []admin.Follower { return w.followers },
		Failed: func(_ segment.EnvID, key segment.Key, err error) {
			w.failed = append(w.failed, fmt.Sprint(key, ": ", err))
		},
	})
}

// after lets time pass and returns the segment as it is then.
func (w *turning) after(d time.Duration) *catalog.Segment {
	w.t.Helper()
	w.now = w.now.Add(d)
	w.turner.Step(w.t.Context())
	s, _ := w.store.Segment(w.env.ID, "big")
	return s
}

func (w *turning) begin() (*catalog.Segment, error) {
	return w.BeginTurn(w.t.Context(), root, "web", "test", "big", admin.Change{Comment: "why"})
}

// change includes or removes numbered contexts.
func (w *turning) change(ops segment.Ops, from, to int) {
	w.t.Helper()
	list := &segment.Changes{}
	for i := from; i < to; i++ {
		list.Append(fmt.Append(nil, i), ops)
	}
	staged, err := w.store.Stage(w.t.Context(), list)
	must(w.t, err)
	_, err = w.store.Update(w.t.Context(), store.Scope{Env: w.env.ID}, func(tx store.Tx) error {
		_, err := tx.Apply(w.env.ID, "big", staged)
		return err
	})
	must(w.t, err)
}

// members returns how many members SDKs find under each generation up to the third.
func (w *turning) members() (n [3]int64) {
	w.t.Helper()
	v, err := w.store.View(w.env.ID)
	must(w.t, err)
	for i := range n {
		counts, _ := v.Counts(segment.Ref{Key: "big", Generation: segment.Generation(i + 1)})
		n[i] = counts.Included
	}
	return n
}

func (w *turning) head() segment.Revision {
	w.t.Helper()
	head, err := w.store.Head(w.env.ID)
	must(w.t, err)
	return head
}

func TestASegmentMovesWhenEverybodyHasItsMembersAndNoSDKOlderOnes(t *testing.T) {
	w := newTurning(t)
	w.change(segment.Include, 0, 10)
	w.now = w.now.Add(patient) // the server has been there for a while
	w.followers = []admin.Follower{{Name: "relay", Revision: w.head()}}
	before, err := w.begin()
	must(t, err)
	if _, err := w.begin(); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a second move is answered %v", err)
	}
	if s := w.after(time.Second); s.Turn == nil || !s.Turn.Taken.IsZero() || !slices.Equal(w.WaitsFor(s), []string{"relay"}) || w.members() != [3]int64{10, 10, 0} {
		t.Errorf("at first the move is %+v, waits for %q and there are %d members", s.Turn, w.WaitsFor(s), w.members())
	}
	w.change(segment.Include, 10, 11)
	w.followers[0] = admin.Follower{Name: "relay", Revision: w.head(), Progress: "all"}
	if s := w.after(time.Second); s.Turn.Taken.IsZero() || s.Generation != 1 || len(w.WaitsFor(s)) > 0 {
		t.Errorf("when the relay has everything the move is %+v", s.Turn)
	}
	if s := w.after(cached - 1); !s.Turn.Switched.IsZero() {
		t.Errorf("an SDK may still hold older memberships and the move is %+v", s.Turn)
	}
	s := w.after(1)
	if s.Generation != 2 || s.Version <= before.Version || w.members() != [3]int64{11, 11, 0} {
		t.Errorf("SDKs ask for generation %d at version %d, %d members", s.Generation, s.Version, w.members())
	}
	if s := w.after(patient - 1); s.Turn == nil || w.members() != [3]int64{11, 11, 0} {
		t.Error("an SDK that polls may still ask for the first generation, and it is gone")
	}
	if s := w.after(1); s.Turn != nil || w.members() != [3]int64{0, 11, 0} {
		t.Errorf("at the end the move is %+v with %d members", s.Turn, w.members())
	}
	if got := w.turner.Stats(); got != (admin.TurnStats{Done: 1}) {
		t.Errorf("after one move that left nobody out: %+v", got)
	}
	page, err := w.AuditEntries(t.Context(), root, admin.AuditQuery{Limit: 2})
	must(t, err)
	if len(page.Entries) != 2 || page.Entries[0].TitleVerb != "moved to generation 2" || page.Entries[1].TitleVerb != "began the move to generation 2 of" || page.Entries[1].Comment != "why" {
		t.Errorf("the audit log has %+v", page.Entries)
	}
	if len(w.failed) > 0 {
		t.Errorf("failed: %q", w.failed)
	}
}

func TestAFollowerThatTakesInNothingDoesNotHoldAMoveUp(t *testing.T) {
	w := newTurning(t)
	w.change(segment.Include, 0, 3)
	w.now = w.now.Add(patient)
	w.followers = []admin.Follower{{Name: "slow", Progress: "0"}, {Name: "dead", Progress: "0"}, {Name: "gone", Progress: "0"}}
	_, err := w.begin()
	must(t, err)
	for i := range 5 { // slow goes on
		w.followers[0].Progress = fmt.Sprint(i)
		if i == 2 {
			w.followers = w.followers[:2]
		}
		if s := w.after(patient / 2); !s.Turn.Taken.IsZero() {
			t.Fatalf("after %d half minutes the move did not wait for who goes on", i)
		}
	}
	w.followers[0].Revision = w.head()
	s := w.after(time.Second)
	if s.Turn.Taken.IsZero() || !slices.Equal(s.Turn.LeftOut, []string{"dead", "gone"}) {
		t.Errorf("the move is %+v", s.Turn)
	}
	if got := w.turner.Stats(); got != (admin.TurnStats{LeftOut: 2}) {
		t.Errorf("under way, with two left out: %+v", got)
	}
	w.after(cached)
	page, err := w.AuditEntries(t.Context(), root, admin.AuditQuery{Limit: 1})
	must(t, err)
	if !strings.Contains(page.Entries[0].Comment, "dead, gone") {
		t.Errorf("the audit log does not say who was left out: %q", page.Entries[0].Comment)
	}
}

func TestAStartGoesOnWithAMoveWhereItWas(t *testing.T) {
	w := newTurning(t)
	w.change(segment.Include, 0, 3)
	_, err := w.begin()
	must(t, err)
	if s := w.after(patient - 1); !s.Turn.Taken.IsZero() {
		t.Error("the followers of before the start may not have come back, and the move goes on")
	}
	w.start()
	if s := w.after(patient - 1); !s.Turn.Taken.IsZero() {
		t.Error("after a second start the same")
	}
	if s := w.after(1); s.Turn.Taken.IsZero() {
		t.Error("there is no follower and the move does not go on")
	}
	w.start()
	if s := w.after(cached); s.Generation != 2 {
		t.Errorf("after a third start SDKs ask for generation %d", s.Generation)
	}
	w.start()
	if s := w.after(patient); s.Turn != nil || w.members() != [3]int64{0, 3, 0} {
		t.Errorf("after a fourth start the move is %+v, with %d members", s.Turn, w.members())
	}
}

func TestADeletionEndsAMove(t *testing.T) {
	w := newTurning(t)
	w.change(segment.Include, 0, 3)
	_, err := w.begin()
	must(t, err)
	w.after(patient)
	must(t, w.DeleteSegment(t.Context(), root, "web", "test", "big", func(*catalog.Segment) error { return nil }))
	if s := w.after(patient); s != nil || w.members() != [3]int64{} || len(w.failed) > 0 {
		t.Errorf("the segment is %+v, there are %d members, failed: %q", s, w.members(), w.failed)
	}
	s, err := w.CreateSegment(t.Context(), root, "web", "test", admin.NewSegment{Key: "big", Name: "Big", Unbounded: true})
	must(t, err)
	if s.Generation != 3 || s.Turn != nil {
		t.Errorf("the next segment of the key has generation %d and the move %+v", s.Generation, s.Turn)
	}
}

func TestWhoMayMoveASegment(t *testing.T) {
	w := newTurning(t)
	for _, tt := range []struct {
		name string
		who  catalog.Caller
		key  segment.Key
		want fault.Kind
	}{
		{"somebody who may only look", viewer, "big", fault.Forbidden},
		{"a segment that lists its targets", root, "vip", fault.Invalid},
		{"no segment", root, "none", fault.NotFound},
	} {
		if _, err := w.BeginTurn(t.Context(), tt.who, "web", "test", tt.key, admin.Change{}); err == nil || fault.KindOf(err) != tt.want {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	_, err := w.BeginTurn(t.Context(), may(allow("view*", "*"), allow("updateEnvironmentSettings", "proj/web:env/test")), "web", "test", "big", admin.Change{})
	must(t, err)
}

func TestASegmentOfWhichMoreLeftThanAreInMovesByItself(t *testing.T) {
	w := newTurning(t)
	w.graves = 10
	w.start()
	bury := func(g segment.Generation, left int64) *catalog.Segment {
		for got := int64(-1); got != left; { // what joined or left is written into files meanwhile
			must(t, w.store.Bury(t.Context(), w.env.ID))
			graves, err := w.store.Graves(w.env.ID)
			must(t, err)
			got = graves[segment.Ref{Key: "big", Generation: g}]
		}
		return w.after(time.Minute)
	}
	w.change(segment.Include, 0, 30)
	w.change(segment.Uninclude, 0, 9)
	w.change(segment.Uninclude, 21, 30)
	if s := bury(1, 18); s.Turn == nil || s.Turn.Reason != catalog.TurnGraves { // 18 of 12
		t.Fatalf("18 left, 12 are in, and the move is %+v", s.Turn)
	}
	for s := w.after(patient); s.Turn != nil; s = w.after(patient) {
		if s.Turn.To > 2 {
			t.Fatalf("it moves to generation %d", s.Turn.To)
		}
	}
	w.change(segment.Uninclude, 9, 20)
	w.change(segment.Include, 40, 41)
	if s := bury(2, 11); s.Turn != nil {
		t.Errorf("11 left, 2 are in, the generation before is still remembered, and it moves: %+v", s.Turn)
	}
	if len(w.failed) > 0 {
		t.Errorf("failed: %q", w.failed)
	}
}

func TestAFewWhoLeftAreNoReasonToMove(t *testing.T) {
	w := newTurning(t)
	w.graves = 10
	w.start()
	w.change(segment.Include, 0, 9)
	w.change(segment.Uninclude, 0, 9)
	must(t, w.store.Bury(t.Context(), w.env.ID))
	if s := w.after(time.Minute); s.Turn != nil {
		t.Errorf("9 left and the segment moves: %+v", s.Turn)
	}
}
