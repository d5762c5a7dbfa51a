package engine_test

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

func TestARequestIsKnownByItsKeyForADay(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	run := segment.Run{ID: "000000000000000000000001", Env: testEnv, Segment: "vip", State: segment.RunLive, Added: 3}
	ask := func() (runs []segment.Run) {
		d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) (err error) {
			runs, err = tx.Recorded(testEnv, "tool", "message-1")
			return err
		})
		return runs
	}
	if got := ask(); got != nil {
		t.Errorf("before: %v", got)
	}
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		tx.Record(run)
		tx.Remember(testEnv, "tool", "message-1", []segment.RunID{run.ID})
		return nil
	})
	for range 2 {
		if got := ask(); len(got) != 1 || got[0].Added != 3 {
			t.Errorf("after: %v", got)
		}
		d.reopen(t)
	}
	run.State, run.Comment = segment.RunRolledBack, "oops"
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error { tx.Record(run); return nil })
	runs, n, err := d.Runs(t.Context(), testEnv, store.RunQuery{Segment: "vip"})
	if err != nil || n != 1 || len(runs) != 1 || runs[0].Comment != "oops" {
		t.Errorf("a run that is recorded again replaces its row: %v, %d, %v", runs, n, err)
	}
}

func TestAKeyIsKnownInTheWriteThatRemembersItAndAfterADayNoMore(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := newDisk(t, engine.Options{Now: func() time.Time { return now }})
	d.found(t)
	run := segment.Run{ID: "000000000000000000000001", Env: testEnv, Segment: "vip", State: segment.RunReceived}
	ask := func(tx store.Tx, want int, comment string) error {
		runs, err := tx.Recorded(testEnv, "tool", "message-1")
		if len(runs) != want || want > 0 && runs[0].Comment != comment {
			t.Errorf("%s: %d runs, want %d", comment, len(runs), want)
		}
		return err
	}
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		tx.Record(run)
		tx.Remember(testEnv, "tool", "message-1", []segment.RunID{run.ID})
		run.Comment = "twice"
		tx.Record(run)
		return ask(tx, 1, "twice")
	})
	now = now.Add(24 * time.Hour)
	d.Forget()
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error { return ask(tx, 1, "twice") })
	now = now.Add(time.Second)
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error { return ask(tx, 0, "") })
	d.Forget()
	now = now.Add(-time.Hour)
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error { return ask(tx, 0, "") })
}

func TestUpdatesThatAreCommittedTogetherKnowEachOthersKeys(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	began, goOn := make(chan struct{}), make(chan struct{})
	var errs [4]error
	var mu sync.Mutex
	var made, known int
	var done sync.WaitGroup
	done.Go(func() {
		_, errs[0] = d.Update(t.Context(), store.Scope{Env: testEnv}, func(store.Tx) error {
			close(began)
			<-goOn
			return nil
		})
	})
	<-began
	for i := 1; i < len(errs); i++ {
		done.Go(func() {
			found := 0
			_, errs[i] = d.Update(t.Context(), store.Scope{Env: testEnv}, func(tx store.Tx) error {
				runs, err := tx.Recorded(testEnv, "tool", "message-1")
				if found = len(runs); err != nil || found > 0 {
					return err
				}
				id := segment.RunID(fmt.Sprintf("%024d", i))
				tx.Record(segment.Run{ID: id, Env: testEnv, Segment: "vip", State: segment.RunLive})
				tx.Remember(testEnv, "tool", "message-1", []segment.RunID{id})
				return nil
			})
			mu.Lock()
			defer mu.Unlock()
			if found > 0 {
				known++
			} else {
				made++
			}
		})
	}
	for d.Waiting(testEnv) < len(errs)-1 {
		runtime.Gosched()
	}
	close(goOn)
	done.Wait()
	if err := errors.Join(errs[:]...); err != nil || made != 1 || known != 2 {
		t.Errorf("%d runs made, %d found, %v", made, known, err)
	}
	if _, n, err := d.Runs(t.Context(), testEnv, store.RunQuery{}); n != 1 || err != nil {
		t.Errorf("%d runs, %v", n, err)
	}
}
