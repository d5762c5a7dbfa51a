package engine_test

import (
	"runtime"
	"testing"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

// seal opens a session of "vip" and seals a list of everybody in it.
func (d *disk) seal(tb testing.TB, id segment.RunID, from, to int) store.Staged {
	tb.Helper()
	d.update(tb, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		tx.OpenSession(store.Session{Env: testEnv, Segment: "vip", ID: id})
		return nil
	})
	l, err := d.Load(tb.Context(), store.LoadReplace)
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Discard()
	w := l.Writer()
	for i := from; i < to; i++ {
		if err := w.Append(userKey(i)); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	list, _, err := l.Seal(tb.Context(), testEnv, "vip", id)
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

func TestParkedChangesThatBalanceAreNotLost(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	d.apply(t, "vip", segment.Include, 0, 5)
	d.apply(t, "vip", segment.Exclude, 7, 8)
	const id = segment.RunID("000000000000000000000001")
	list := d.seal(t, id, 0, 5)
	defer list.Discard()
	c := &segment.Changes{} // one more is excluded and one fewer: the counts stay
	c.Append(userKey(7), segment.Unexclude)
	c.Append(userKey(8), segment.Exclude)
	parked, err := d.Stage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		_, err := tx.Park(testEnv, "vip", id, parked)
		return err
	})
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		_, err := tx.Publish(testEnv, "vip", store.Publication{Session: id, Staged: list, Reason: segment.PointReplace, Run: id})
		tx.CloseSession(testEnv, "vip", id)
		return err
	})
	v, err := d.View(testEnv)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range map[int]segment.Ops{7: 0, 8: segment.Exclude, 3: segment.Include} {
		if got, err := v.State(vip, segment.HashOf(userKey(i))); got != want || err != nil {
			t.Errorf("user-%d is %04b, want %04b: %v", i, got, want, err)
		}
	}
}

func TestALargeListThatChangesNothingStaysInTheJournal(t *testing.T) {
	d := newDisk(t, engine.Options{InlineChanges: 10})
	d.found(t)
	d.apply(t, "vip", segment.Include, 0, 40)
	const id = segment.RunID("000000000000000000000001")
	list := d.seal(t, id, 50, 60)
	defer list.Discard()
	d.apply(t, "vip", segment.Include, 0, 40) // a file that has no effect, and must survive the replace
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error { return tx.Keep(testEnv, "vip", id, -1, list) })
	d.reopen(t)
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		_, err := tx.Publish(testEnv, "vip", store.Publication{Session: id, Reason: segment.PointReplace, Run: id})
		tx.CloseSession(testEnv, "vip", id)
		return err
	})
	d.wantMembers(t, vip, 70, func(i int) bool { return i < 40 || i >= 50 && i < 60 })
}

func TestASessionThatBeginsAndEndsInOneStepIsGone(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	closed := make(chan error, 1)
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		tx.OpenSession(store.Session{Env: testEnv, Segment: "vip", ID: "000000000000000000000001"})
		go func() {
			_, err := d.Update(t.Context(), store.Scope{Env: testEnv}, func(tx store.Tx) error {
				tx.CloseSession(testEnv, "vip", "000000000000000000000001")
				return nil
			})
			closed <- err
		}()
		for d.Waiting(testEnv) == 0 { // it joins the step
			runtime.Gosched()
		}
		return nil
	})
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	d.reopen(t)
	if open, err := d.Sessions(testEnv); len(open) != 0 || err != nil {
		t.Errorf("after a restart there are %d sessions, %v", len(open), err)
	}
}
