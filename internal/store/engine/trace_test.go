package engine_test

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

// only asks for one segment.
func only(key segment.Key) func(segment.Key) bool {
	return func(k segment.Key) bool { return k == key }
}

// TestATraceReadsManySegmentsAtOnce asks for the segments of a context together: what happened in each
// is what its own trace says, and all of it comes newest first.
func TestATraceReadsManySegmentsAtOnce(t *testing.T) {
	d := newDisk(t, engine.Options{InlineChanges: 20})
	d.found(t)
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		tx.PutSegment(unbounded("trial", 1))
		tx.PutSegment(unbounded("hidden", 1))
		return nil
	})
	d.apply(t, "vip", segment.Include, 0, 10)
	d.apply(t, "trial", segment.Include, 0, 50) // by a file, whose effect older entries of its own segment tell
	d.apply(t, "hidden", segment.Include, 0, 10)
	d.apply(t, "vip", segment.Uninclude, 0, 30)
	d.apply(t, "trial", segment.Include, 0, 60) // changes nothing
	d.apply(t, "trial", segment.Uninclude, 3, 4)
	type step struct {
		segment segment.Key
		ops     segment.Ops
	}
	trace := func(of func(segment.Key) bool) (all []step) {
		last := segment.Revision(1 << 62)
		for s, err := range d.Trace(t.Context(), testEnv, of, segment.HashOf(userKey(3))) {
			if err != nil {
				t.Fatal(err)
			}
			if s.Since.IsZero() {
				if s.Revision >= last {
					t.Errorf("revision %d after %d", s.Revision, last)
				}
				last, all = s.Revision, append(all, step{s.Segment, s.Ops})
			}
		}
		return all
	}
	got := trace(func(k segment.Key) bool { return k != "hidden" })
	want := []step{{"trial", segment.Uninclude}, {"vip", segment.Uninclude}, {"trial", segment.Include}, {"vip", segment.Include}}
	if !slices.Equal(got, want) {
		t.Errorf("traced %v, want %v", got, want)
	}
	for _, key := range []segment.Key{"vip", "trial"} {
		alone := slices.DeleteFunc(slices.Clone(want), func(s step) bool { return s.segment != key })
		if got := trace(only(key)); !slices.Equal(got, alone) {
			t.Errorf("of %s alone traced %v, want %v", key, got, alone)
		}
	}
}

func TestATraceSaysWhatHappenedToOneContext(t *testing.T) {
	d := newDisk(t, engine.Options{InlineChanges: 20})
	d.found(t)
	d.apply(t, "vip", segment.Include, 0, 10)  // user-3 joins
	d.apply(t, "vip", segment.Include, 0, 12)  // already there
	d.apply(t, "vip", segment.Uninclude, 3, 4) // and leaves
	d.apply(t, "vip", segment.Include, 0, 50)  // comes back by a file
	d.apply(t, "vip", segment.Uninclude, 20, 30)
	var got []segment.Ops
	var last store.Step
	for s, err := range d.Trace(t.Context(), testEnv, only("vip"), segment.HashOf(userKey(3))) {
		if err != nil {
			t.Fatal(err)
		}
		last = s
		if s.Since.IsZero() {
			got = append(got, s.Ops)
			run, ok, err := d.RunAt(t.Context(), testEnv, "vip", s.Revision)
			if err != nil || ok {
				t.Errorf("changes without a run have one: %v, %v", run, err)
			}
		}
	}
	want := []segment.Ops{segment.Include, segment.Uninclude, segment.Include}
	if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] || last.Since.IsZero() {
		t.Errorf("traced %v since %v, want %v", got, last.Since, want)
	}
	for s, err := range d.Trace(t.Context(), testEnv, only("vip"), segment.HashOf(userKey(99))) {
		if err != nil || s.Since.IsZero() {
			t.Errorf("somebody who never was in it: %+v, %v", s, err)
		}
	}
}

// traced is the state of the property test: what happened to each context, oldest first.
type traced struct {
	d          *disk
	now        model
	steps      map[segment.Hash][]store.Step
	generation segment.Generation // 0: there is no segment
	last       segment.Generation
	n          int
}

// TestTracesAreTheHistoryThatMapsTell traces contexts through deltas in entries and in files,
// publications, deletions of the segment, folds and restarts.
func TestTracesAreTheHistoryThatMapsTell(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := engine.Options{InlineChanges: 20, SegmentPending: 25, TotalPending: 100, Logger: slog.New(slog.DiscardHandler)}
		d := &disk{fs: vfs.NewMem(), dir: "data", o: o}
		d.open(t)
		defer func() { d.close(t) }()
		d.found(t)
		x := &traced{d: d, now: model{}, steps: map[segment.Hash][]store.Step{}, generation: 1, last: 1}
		rt.Repeat(map[string]func(*rapid.T){
			"delta":   func(rt *rapid.T) { x.delta(rt, t) },
			"delta 2": func(rt *rapid.T) { x.delta(rt, t) },
			"publish": func(rt *rapid.T) { x.publish(rt, t) },
			"remake":  func(rt *rapid.T) { x.remake(rt, t) },
			"fold": func(rt *rapid.T) {
				if err := d.Fold(t.Context(), testEnv); err != nil {
					rt.Fatal(err)
				}
			},
			"reopen": func(*rapid.T) { d.reopen(t) },
			"":       func(rt *rapid.T) { x.check(rt) },
		})
	})
}

// become notes what members become at a revision.
func (x *traced) become(after model, rev segment.Revision) {
	for i := range 81 {
		h := segment.HashOf(userKey(i))
		before, now := x.now[h], after[h]
		if before == now {
			continue
		}
		x.steps[h] = append(x.steps[h], store.Step{Revision: rev, Ops: now&^before | (before&^now)<<1})
	}
	x.now = after
}

func (m model) clone() model {
	after := model{}
	for h, ops := range m {
		after.apply(h, ops)
	}
	return after
}

func (x *traced) delta(rt *rapid.T, t *testing.T) {
	if x.generation == 0 {
		rt.Skip("no segment")
	}
	c, plain := drawChanges(rt)
	st, err := x.d.Stage(t.Context(), c)
	if err != nil {
		rt.Fatal(err)
	}
	defer st.Discard()
	rev := x.d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		_, err := tx.Apply(testEnv, "vip", st)
		return err
	})
	after := x.now.clone()
	for _, ch := range plain {
		after.apply(ch.Hash, ch.Ops)
	}
	x.become(after, rev)
}

// publish replaces the included contexts.
func (x *traced) publish(rt *rapid.T, t *testing.T) {
	if x.generation == 0 {
		rt.Skip("no segment")
	}
	x.n++
	id := segment.RunID(fmt.Sprintf("%024x", x.n))
	x.d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		tx.OpenSession(store.Session{Env: testEnv, Segment: "vip", ID: id})
		return nil
	})
	l, err := x.d.Load(t.Context(), store.LoadReplace)
	if err != nil {
		rt.Fatal(err)
	}
	defer l.Discard()
	after := x.now.clone()
	for h := range after {
		after.apply(h, segment.Uninclude)
	}
	w := l.Writer()
	for _, i := range rapid.SliceOfN(rapid.IntRange(0, 80), 1, 60).Draw(rt, "list") {
		if err := w.Append(userKey(i)); err != nil {
			rt.Fatal(err)
		}
		after.apply(segment.HashOf(userKey(i)), segment.Include)
	}
	if err := w.Close(); err != nil {
		rt.Fatal(err)
	}
	staged, _, err := l.Seal(t.Context(), testEnv, "vip", id)
	if err != nil {
		rt.Fatal(err)
	}
	rev := x.d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		_, err := tx.Publish(testEnv, "vip", store.Publication{Session: id, Staged: staged, Reason: segment.PointReplace, Run: id})
		tx.CloseSession(testEnv, "vip", id)
		return err
	})
	x.become(after, rev)
}

// remake deletes the segment, or creates it again.
func (x *traced) remake(_ *rapid.T, t *testing.T) {
	deletes := x.generation != 0
	rev := x.d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		if deletes {
			tx.DeleteSegment(testEnv, "vip")
			return nil
		}
		seg := unbounded("vip", x.last+1)
		seg.Version = tx.LastVersion(testEnv, segment.SegmentDefinition, "vip") + 1
		tx.PutSegment(seg)
		return nil
	})
	if deletes {
		x.generation = 0
		x.become(model{}, rev)
		return
	}
	x.last++
	x.generation = x.last
}

func (x *traced) check(rt *rapid.T) {
	h := segment.HashOf(userKey(rapid.IntRange(0, 80).Draw(rt, "context")))
	var got []store.Step
	var since time.Time
	for s, err := range x.d.Trace(rt.Context(), testEnv, only("vip"), h) {
		if err != nil {
			rt.Fatal(err)
		}
		if !s.Since.IsZero() {
			since = s.Since
			continue
		}
		if s.At.IsZero() || !since.IsZero() {
			rt.Fatalf("step %+v", s)
		}
		got = append(got, store.Step{Revision: s.Revision, Ops: s.Ops})
	}
	want := slices.Clone(x.steps[h])
	slices.Reverse(want)
	if !slices.Equal(got, want) || since.IsZero() {
		rt.Fatalf("traced %v since %v, want %v", got, since, want)
	}
}
