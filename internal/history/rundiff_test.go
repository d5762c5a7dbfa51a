package history_test

import (
	"slices"
	"testing"

	"muster/internal/fault"
	"muster/internal/history"
	"muster/internal/segment"
	"muster/internal/store"
)

func TestRunDiffSaysWhatARunDid(t *testing.T) {
	h, s := newHistory(t)
	push := apply(t, s, segment.Include, numbered(0, 50)...)
	list := replace(t, s, false, numbered(40, 100)...)
	apply(t, s, segment.Uninclude, "user-99") // what came later is not the run's
	_, points, err := h.Points(t.Context(), insider(), big)
	if err != nil || len(points) != 1 {
		t.Fatalf("points %+v, %v", points, err)
	}
	for name, tt := range map[string]struct {
		run            segment.RunID
		added, removed int
		instead        segment.PointID
		in, out        []string
	}{
		"a push":    {push, 50, 0, "", numbered(0, 50), nil},
		"a replace": {list, 50, 41, points[0].ID, numbered(50, 100), append(numbered(0, 40), "ann")},
	} {
		d, instead, err := h.RunDiff(t.Context(), insider(), big, tt.run)
		if err != nil {
			t.Fatal(err)
		}
		if d.Added != tt.added || d.Removed != tt.removed || instead != tt.instead {
			t.Errorf("%s did %+v instead of %q", name, d, instead)
		}
		for _, sample := range []struct{ got, of []string }{{d.AddedKeys, tt.in}, {d.RemovedKeys, tt.out}} {
			if len(sample.got) != min(len(sample.of), segment.MaxDiffSamples) || !subset(sample.got, sample.of) {
				t.Errorf("%s has the samples %v, of %v", name, sample.got, sample.of)
			}
		}
	}
}

func subset(some, all []string) bool {
	return !slices.ContainsFunc(some, func(k string) bool { return !slices.Contains(all, k) })
}

func TestRunDiffSaysWhatAHeldRunWouldDoNow(t *testing.T) {
	h, s := newHistory(t)
	apply(t, s, segment.Include, numbered(0, 50)...)
	held := replace(t, s, true, numbered(45, 60)...)
	apply(t, s, segment.Include, "late")
	apply(t, s, segment.Uninclude, "user-0")
	d, instead, err := h.RunDiff(t.Context(), insider(), big, held)
	if err != nil || d.Added != 10 || d.Removed != 45 || d.Unchanged != 6 || instead != history.Current {
		t.Errorf("it would do %+v instead of %q, %v", d, instead, err)
	}
	if !subset(d.AddedKeys, numbered(50, 60)) || len(d.AddedKeys) != 10 || len(d.RemovedKeys) != segment.MaxDiffSamples {
		t.Errorf("samples %v, %v", d.AddedKeys, d.RemovedKeys)
	}

	changes, err := h.HeldChanges(t.Context(), insider(), big, held)
	if err != nil {
		t.Fatal(err)
	}
	var in, out []string
	for c, err := range changes {
		switch {
		case err != nil:
			t.Fatal(err)
		case c.Ops == segment.Include:
			in = append(in, string(c.Key))
		case c.Ops == segment.Uninclude:
			out = append(out, string(c.Key))
		default:
			t.Errorf("a change %04b of %q", c.Ops, c.Key)
		}
	}
	slices.Sort(in)
	if !slices.Equal(in, numbered(50, 60)) || len(out) != 45 || !subset(out, append(numbered(1, 45), "ann")) {
		t.Errorf("%v would join, %v leave", in, out)
	}
	for key, want := range map[string][2]bool{
		"user-1": {true, false}, "user-45": {true, true}, "user-55": {false, true}, "user-0": {false, false}, "late": {true, true}, "nobody": {false, false},
	} {
		if now, would, err := h.HeldContext(t.Context(), insider(), big, held, key); err != nil || [2]bool{now, would} != want {
			t.Errorf("%s is in: %t, and would be: %t, %v", key, now, would, err)
		}
	}
}

func TestRunThatChangedNothingHasNoDiff(t *testing.T) {
	h, s := newHistory(t)
	run := segment.Run{ID: "64b0c9f2a1d3e4f506172801", Env: production, Segment: "big", Kind: segment.PushRun, State: segment.RunRejected}
	gone := segment.Run{ID: "64b0c9f2a1d3e4f506172802", Env: production, Segment: "big", Kind: segment.PushRun, State: segment.RunHeld}
	other := segment.Run{ID: "64b0c9f2a1d3e4f506172803", Env: production, Segment: "small", Kind: segment.PushRun, State: segment.RunLive}
	if _, err := s.Update(t.Context(), store.Scope{Env: production}, func(tx store.Tx) error {
		tx.Record(run)
		tx.Record(gone)
		tx.Record(other)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[segment.RunID]fault.Kind{run.ID: fault.Conflict, gone.ID: fault.Conflict, other.ID: fault.NotFound} {
		if _, _, err := h.RunDiff(t.Context(), insider(), big, id); fault.KindOf(err) != want {
			t.Errorf("run %s: %v", id, err)
		}
		if _, err := h.HeldChanges(t.Context(), insider(), big, id); fault.KindOf(err) != want {
			t.Errorf("changes of run %s: %v", id, err)
		}
	}
	if _, err := h.Rejects(t.Context(), insider(), big, other.ID); fault.KindOf(err) != fault.NotFound {
		t.Errorf("rows that another segment's run skipped: %v", err)
	}
}
