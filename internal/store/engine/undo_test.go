package engine_test

import (
	"errors"
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

// head returns the newest revision.
func (d *disk) head(tb testing.TB) segment.Revision {
	tb.Helper()
	rev, err := d.Head(testEnv)
	if err != nil {
		tb.Fatal(err)
	}
	return rev
}

// compareUndo says what undoing a revision of vip would do.
func (d *disk) compareUndo(tb testing.TB, rev segment.Revision) (store.Undoing, error) {
	tb.Helper()
	u, err := d.Undo(tb.Context(), testEnv, "vip", rev)
	if err != nil {
		return store.Undoing{}, err
	}
	return u.Compare(tb.Context())
}

// stageUndo stages the undo of a revision of vip.
func (d *disk) stageUndo(tb testing.TB, rev segment.Revision) (store.Staged, store.Undoing) {
	tb.Helper()
	u, err := d.Undo(tb.Context(), testEnv, "vip", rev)
	if err != nil {
		tb.Fatal(err)
	}
	st, sum, err := u.Stage(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(st.Discard)
	return st, sum
}

func (d *disk) applyStaged(tb testing.TB, st store.Staged) (effect store.Effect, err error) {
	tb.Helper()
	_, err = d.Update(tb.Context(), store.Scope{Env: testEnv}, func(tx store.Tx) (err error) {
		effect, err = tx.Apply(testEnv, "vip", st)
		return err
	})
	return effect, err
}

// TestAnUndoGivesBackWhatWasChangedAndBringsKeysBack undoes a delta in an entry and one in a file, after a
// fold has forgotten who is no member, and a restart.
func TestAnUndoGivesBackWhatWasChangedAndBringsKeysBack(t *testing.T) {
	for name, inline := range map[string]int{"in the entry": 1000, "in a file": 20} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t, engine.Options{InlineChanges: inline})
			d.found(t)
			d.apply(t, "vip", segment.Include, 0, 100)
			d.apply(t, "vip", segment.Uninclude, 40, 160) // 60 leave, 60 never were there
			bad := d.head(t)
			d.apply(t, "vip", segment.Include, 40, 45) // by somebody later
			d.apply(t, "vip", segment.Include, 45, 50) // who thinks better of it
			d.apply(t, "vip", segment.Uninclude, 45, 50)
			d.apply(t, "vip", segment.Uninclude, 60, 62) // changes nothing
			changed := d.head(t)
			d.apply(t, "vip", segment.Include, 300, 310) // of nobody's concern
			if err := d.Fold(t.Context(), testEnv); err != nil {
				t.Fatal(err)
			}
			d.reopen(t)
			sum, err := d.compareUndo(t, bad)
			if err != nil || sum.Added != 50 || sum.Removed != 0 || sum.Unchanged != 10 || sum.Revision != d.head(t) || sum.Changed == 0 || sum.Changed > changed {
				t.Fatalf("undoing it would do %+v, %v", sum, err)
			}
			for _, k := range sum.AddedKeys {
				if k < "user-50" || k > "user-99" {
					t.Errorf("the sample %q comes back", k)
				}
			}
			if len(sum.AddedKeys) != segment.MaxDiffSamples {
				t.Errorf("%d samples", len(sum.AddedKeys))
			}
			st, _ := d.stageUndo(t, bad)
			if effect, err := d.applyStaged(t, st); err != nil || effect.Added != 50 || effect.Removed != 0 {
				t.Fatalf("undoing did %+v, %v", effect, err)
			}
			in := func(i int) bool { return i < 45 || i >= 50 && i < 100 || i >= 300 && i < 310 }
			d.wantMembers(t, vip, 400, in)
			undone := d.head(t)
			if err := d.Fold(t.Context(), testEnv); err != nil {
				t.Fatal(err)
			}
			d.wantKeys(t, 105)
			// The undo is a delta like others: it can be undone, and that again, and the keys stay known.
			for range 2 {
				st, sum := d.stageUndo(t, undone)
				if sum.Added+sum.Removed != 50 || sum.Unchanged != 0 {
					t.Fatalf("undoing the undo would do %+v", sum)
				}
				if _, err := d.applyStaged(t, st); err != nil {
					t.Fatal(err)
				}
				undone = d.head(t)
				if err := d.Fold(t.Context(), testEnv); err != nil {
					t.Fatal(err)
				}
			}
			d.wantMembers(t, vip, 400, in)
			d.wantKeys(t, 105)
			d.reopen(t)
			d.wantMembers(t, vip, 400, in)
		})
	}
}

// wantKeys checks that the key of every member of vip is known.
func (d *disk) wantKeys(tb testing.TB, n int) {
	tb.Helper()
	now, err := d.Snapshot(testEnv, vip)
	if err != nil {
		tb.Fatal(err)
	}
	for c, err := range now.All(nil) {
		if err != nil || segment.HashOf(c.Key) != c.Hash {
			tb.Fatalf("member %s has the key %q, %v", c.Hash, c.Key, err)
		}
		n--
	}
	if n != 0 {
		tb.Errorf("%d members too few", n)
	}
}

// TestAnUndoOfAnUploadKnowsWhoWasThereBefore undoes lists that were sealed against the members of one
// moment and applied to those of another.
func TestAnUndoOfAnUploadKnowsWhoWasThereBefore(t *testing.T) {
	for name, mode := range map[string]store.LoadMode{"to include": store.LoadInclude, "to remove": store.LoadRemove} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t, engine.Options{InlineChanges: 150, LoadBytes: 1})
			d.layered(t)
			d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
				tx.OpenSession(store.Session{Env: testEnv, Segment: "vip", ID: "run"})
				return nil
			})
			st, _, err := d.listOf(t, mode, 50, 1000).Seal(t.Context(), testEnv, "vip", "run")
			if err != nil {
				t.Fatal(err)
			}
			d.apply(t, "vip", segment.Uninclude, 60, 80)
			d.apply(t, "vip", segment.Include, 950, 960)
			before := d.states(t)
			d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
				_, err := tx.Apply(testEnv, "vip", st)
				tx.CloseSession(testEnv, "vip", "run")
				return err
			})
			back, sum := d.stageUndo(t, d.head(t))
			effect, err := d.applyStaged(t, back)
			if err != nil || effect.Added != sum.Added || effect.Removed != sum.Removed || sum.Added+sum.Removed == 0 || sum.Unchanged != 0 {
				t.Fatalf("undoing did %+v, as expected %+v, %v", effect, sum, err)
			}
			if after := d.states(t); !slices.Equal(before, after) {
				t.Error("members are not what they were")
			}
		})
	}
}

// states returns what vip says of contexts.
func (d *disk) states(tb testing.TB) (all []segment.Ops) {
	tb.Helper()
	v, err := d.View(testEnv)
	if err != nil {
		tb.Fatal(err)
	}
	for i := range 2000 {
		ops, err := v.State(vip, segment.HashOf(userKey(i)))
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, ops)
	}
	return all
}

func TestWhatIsStagedToBeUndoneIsRefusedOnceItIsChangedAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*disk, *testing.T)
		want   error
	}{
		"nothing":                 {func(*disk, *testing.T) {}, nil},
		"others":                  {func(d *disk, t *testing.T) { d.apply(t, "vip", segment.Include, 500, 510) }, nil},
		"one of them":             {func(d *disk, t *testing.T) { d.apply(t, "vip", segment.Uninclude, 9, 10) }, store.ErrStale},
		"the excluded of them":    {func(d *disk, t *testing.T) { d.apply(t, "vip", segment.Exclude, 9, 10) }, nil},
		"perhaps, by a long list": {func(d *disk, t *testing.T) { d.apply(t, "vip", segment.Include, 500, 600) }, store.ErrStale},
		"all": {func(d *disk, t *testing.T) {
			d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
				tx.OpenSession(store.Session{Env: testEnv, Segment: "vip", ID: "run"})
				return nil
			})
			st, _, err := d.listOf(t, store.LoadReplace, 0, 30).Seal(t.Context(), testEnv, "vip", "run")
			if err != nil {
				t.Fatal(err)
			}
			d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
				_, err := tx.Publish(testEnv, "vip", store.Publication{Session: "run", Staged: st, Reason: segment.PointReplace})
				tx.CloseSession(testEnv, "vip", "run")
				return err
			})
		}, store.ErrSuperseded},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t, engine.Options{InlineChanges: 50})
			d.found(t)
			d.apply(t, "vip", segment.Include, 0, 20)
			bad := d.head(t)
			st, _ := d.stageUndo(t, bad)
			tt.change(d, t)
			before := d.states(t)
			_, err := d.applyStaged(t, st)
			if !errors.Is(err, tt.want) {
				t.Fatalf("applying it gave %v, want %v", err, tt.want)
			}
			if after := d.states(t); err != nil && !slices.Equal(before, after) {
				t.Error("what was refused changed members")
			}
		})
	}
}

func TestWhatIsNotKnownExactlyIsNotUndone(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := newDisk(t, engine.Options{InlineChanges: 70, Now: func() time.Time { return now }})
	d.found(t)
	d.apply(t, "vip", segment.Include, 0, 100)
	file := d.head(t)
	d.apply(t, "vip", segment.Include, 100, 160)
	inline := d.head(t)
	for rev, want := range map[segment.Revision]error{0: store.ErrNoDelta, 1: store.ErrNoDelta, file: nil, inline: nil, inline + 1: store.ErrNoDelta} {
		if _, err := d.compareUndo(t, rev); !errors.Is(err, want) {
			t.Errorf("undoing revision %d gives %v, want %v", rev, err, want)
		}
	}
	if _, err := d.Undo(t.Context(), testEnv, "nobody", inline); !errors.Is(err, store.ErrUnbounded) {
		t.Errorf("undoing a change of a segment that is not there gives %v", err)
	}
	now = now.Add(8 * 24 * time.Hour)
	d.apply(t, "vip", segment.Uninclude, 0, 5)
	d.TendLogs()
	for _, rev := range []segment.Revision{file, inline} {
		if _, err := d.compareUndo(t, rev); !errors.Is(err, store.ErrTrimmed) {
			t.Errorf("undoing revision %d, which was trimmed, gives %v", rev, err)
		}
	}
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		tx.DeleteSegment(testEnv, "vip")
		return nil
	})
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		tx.PutSegment(unbounded("vip", 2))
		return nil
	})
	if _, err := d.compareUndo(t, inline+1); !errors.Is(err, store.ErrNoDelta) {
		t.Errorf("undoing a change of the segment that had the key before gives %v", err)
	}
}

// TestAnUndoIsOneCommit lets the write fail that an undo is part of.
func TestAnUndoIsOneCommit(t *testing.T) {
	d := newDisk(t, engine.Options{InlineChanges: 20})
	d.found(t)
	d.apply(t, "vip", segment.Include, 0, 100)
	d.apply(t, "vip", segment.Uninclude, 0, 60)
	st, _ := d.stageUndo(t, d.head(t))
	failed := errors.New("the rest of the write is refused")
	_, err := d.Update(t.Context(), store.Scope{Env: testEnv}, func(tx store.Tx) error {
		if _, err := tx.Apply(testEnv, "vip", st); err != nil {
			return err
		}
		return failed
	})
	if !errors.Is(err, failed) {
		t.Fatal(err)
	}
	d.wantMembers(t, vip, 120, func(i int) bool { return i >= 60 && i < 100 })
	before := d.head(t)
	if _, err := d.applyStaged(t, st); err != nil || d.head(t) != before+1 {
		t.Fatalf("the undo took %d revisions, %v", d.head(t)-before, err)
	}
	d.wantMembers(t, vip, 120, func(i int) bool { return i < 100 })
}

// undone is the state of the property test: what each delta did to whom.
type undone struct {
	traced
	deltas []segment.Revision
	began  segment.Revision // of the members: what was before them can't be undone
}

// TestUndosAreWhatMapsTell undoes deltas, undos among them, through folds, restarts and publications.
func TestUndosAreWhatMapsTell(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := engine.Options{InlineChanges: 20, SegmentPending: 25, TotalPending: 100, Logger: slog.New(slog.DiscardHandler)}
		d := &disk{fs: vfs.NewMem(), dir: "data", o: o}
		d.open(t)
		defer func() { d.close(t) }()
		d.found(t)
		x := &undone{traced: traced{d: d, now: model{}, steps: map[segment.Hash][]store.Step{}, generation: 1, last: 1}}
		delta := func(rt *rapid.T) {
			before := d.head(t)
			if x.delta(rt, t); d.head(t) > before { // not one without effect
				x.deltas = append(x.deltas, d.head(t))
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"delta":   delta,
			"delta 2": delta,
			"publish": func(rt *rapid.T) {
				x.publish(rt, t)
				x.began = d.head(t)
			},
			"fold": func(rt *rapid.T) {
				if err := d.Fold(t.Context(), testEnv); err != nil {
					rt.Fatal(err)
				}
			},
			"reopen": func(*rapid.T) { d.reopen(t) },
			"undo":   func(rt *rapid.T) { x.undo(rt, t) },
			"undo 2": func(rt *rapid.T) { x.undo(rt, t) },
		})
	})
}

func (x *undone) undo(rt *rapid.T, t *testing.T) {
	if len(x.deltas) == 0 {
		rt.Skip("no delta")
	}
	rev := rapid.SampledFrom(x.deltas).Draw(rt, "delta")
	did := x.did(rev)
	u, err := x.d.Undo(t.Context(), testEnv, "vip", rev)
	switch {
	case rev < x.began:
		if !errors.Is(err, store.ErrSuperseded) {
			rt.Fatalf("undoing what was before the members were exchanged gives %v", err)
		}
		return
	case err != nil:
		rt.Fatal(err)
	}
	st, sum, err := u.Stage(t.Context())
	if err != nil {
		rt.Fatal(err)
	}
	defer st.Discard()
	after, stay := x.now.clone(), 0
	for h, ops := range did {
		back := ops.Inverse()
		for _, s := range x.steps[h] {
			if s.Revision > rev {
				back &^= both(s.Ops) // the sets that were changed again
			}
		}
		if back == 0 {
			stay++
		}
		after.apply(h, back)
	}
	if sum.Unchanged != stay || sum.Added+sum.Removed != len(did)-stay || st.Len() != len(did)-stay {
		rt.Fatalf("undoing %d changes, of which %d were changed again, would do %+v", len(did), stay, sum)
	}
	if st.Len() == 0 {
		return
	}
	effect, err := x.d.applyStaged(t, st)
	if err != nil || effect.Added != sum.Added || effect.Removed != sum.Removed || effect.Counts != after.counts() {
		rt.Fatalf("undoing did %+v, as foreseen %+v, counts %+v, %v", effect, sum, after.counts(), err)
	}
	x.become(after, x.d.head(t))
	x.deltas = append(x.deltas, x.d.head(t))
	now, err := x.d.Snapshot(testEnv, segment.Ref{Key: "vip", Generation: 1})
	if err != nil {
		rt.Fatal(err)
	}
	got := model{}
	for c, err := range now.All(nil) {
		if err != nil {
			rt.Fatal(err)
		}
		got[c.Hash] = c.Ops
	}
	if fmt.Sprint(got) != fmt.Sprint(after) {
		rt.Fatalf("members %v, want %v", got, after)
	}
}

// did returns what a revision did to whom.
func (x *undone) did(rev segment.Revision) map[segment.Hash]segment.Ops {
	did := make(map[segment.Hash]segment.Ops)
	for h, steps := range x.steps {
		for _, s := range steps {
			if s.Revision == rev {
				did[h] = s.Ops
			}
		}
	}
	return did
}

// both returns every operation on the sets that operations change.
func both(ops segment.Ops) segment.Ops {
	adds := (ops | ops>>1) & (segment.Include | segment.Exclude)
	return adds | adds<<1
}
