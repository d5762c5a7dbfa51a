package activity

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const env segment.EnvID = "65f000000000000000000001"

var production = &catalog.Environment{ID: env, Project: "web", Key: "production"}

// writer is a store that is told what to tell.
type writer struct {
	store.Writer // nothing else is called
	tell         func(*store.Written)
	stopped      int
}

func (w *writer) Environment(id segment.EnvID) (*catalog.Environment, bool) {
	return production, id == env
}

func (w *writer) Watch(tell func(*store.Written)) func() {
	w.tell = tell
	return func() { w.stopped++; w.tell = nil }
}

func watching(t testing.TB, everything bool) (*writer, *Activity, *Watch) {
	t.Helper()
	w := &writer{}
	a := New(w)
	t.Cleanup(a.Close)
	watch, err := a.Watch(production, everything)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(watch.Close)
	return w, a, watch
}

// next returns the events that are there by now.
func next(t testing.TB, w *Watch) []Event {
	t.Helper()
	events, err := w.Next(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func wantSubjects(t testing.TB, events []Event, want ...string) {
	t.Helper()
	var got []string
	for _, e := range events {
		got = append(got, string(e.Kind)+" "+e.subject().name)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAWatchIsToldWhatConcernsItsEnvironment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, watch := watching(t, false)
		const other segment.EnvID = "65f000000000000000000002"
		w.tell(&store.Written{
			Heads:   map[segment.EnvID]segment.Revision{env: 7, other: 3},
			Audited: 2,
			Runs:    []segment.Run{{ID: "r1", Env: env, Segment: "vip"}, {ID: "r2", Env: other, Segment: "vip"}, {ID: "r3", Env: env}},
			Members: []store.SegmentName{{Env: env, Key: "vip"}, {Env: other, Key: "beta"}},
			Objects: []store.Object{
				{Kind: store.FlagObject, Project: "web", Key: "checkout"},
				{Kind: store.FlagObject, Project: "mobile", Key: "checkout"},
				{Kind: store.SegmentObject, Env: env, Key: "new"},
				{Kind: store.SegmentObject, Env: env, Key: "old", Deleted: true},
				{Kind: store.EnvironmentObject, Project: "web", Env: other, Key: "test"},
			},
		})
		a.Called(Call{Env: env, Path: "/a"})
		a.Called(Call{Env: other, Path: "/b"})
		a.Called(Call{Path: "/c"})
		synctest.Wait()
		wantSubjects(t, next(t, watch), "head ", "audit ", "catalog flag\ncheckout", "catalog segment\nnew", "segment new", "catalog segment\nold",
			"segment vip", "run r1", "run r3", "call /a\n\n")
	})
}

func TestCallsThatNameNoEnvironmentAreForThoseWhoSeeEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, watch := watching(t, true)
		a.Called(Call{Path: "/c", Message: "no token"})
		a.Called(Call{Path: "/c"})
		a.Called(Call{Path: "/d", Env: "65f0000000000000000000ff"}) // that is no environment
		synctest.Wait()
		wantSubjects(t, next(t, watch), "call /c\n\nno token", "call /c\n\n", "call /d\n\n")
	})
}

func TestCallsToNoEnvironmentThereIsAreNotForEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, watch := watching(t, false)
		a.Called(Call{Path: "/c", Env: "65f0000000000000000000ff"})
		a.Called(Call{Path: "/d", Env: env})
		synctest.Wait()
		wantSubjects(t, next(t, watch), "call /d\n\n")
	})
}

func TestTheEndOfAnExportIsToldWhereItWasMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, watch := watching(t, false)
		a.Exported(Export{Env: "65f0000000000000000000ff", ID: "x1"})
		a.Exported(Export{Env: env, ID: "x2"})
		synctest.Wait()
		wantSubjects(t, next(t, watch), "export x2")
	})
}

func TestADeliveryToAWebhookIsToldEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, watch := watching(t, false)
		a.Attempted(Delivery{Webhook: "h1"})
		a.Attempted(Delivery{Webhook: "h2"})
		a.Attempted(Delivery{Webhook: "h1"})
		synctest.Wait()
		wantSubjects(t, next(t, watch), "delivery h1", "delivery h2")
	})
}

func TestOfEachSubjectTheLastEventComesAtMostFiveTimesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, watch := watching(t, false)
		stop := make(chan struct{})
		go func() {
			defer close(stop)
			for n := range 1000 {
				w.tell(&store.Written{Heads: map[segment.EnvID]segment.Revision{env: segment.Revision(n + 1)}})
				time.Sleep(time.Millisecond)
			}
		}()
		began, times := time.Now(), 0
		var last segment.Revision
		for last < 1000 {
			events := next(t, watch)
			if len(events) != 1 || events[0].Head <= last {
				t.Fatalf("after %d: %+v", last, events)
			}
			last = events[0].Head
			times++
		}
		<-stop
		if took := time.Since(began); times > 1+int(took/Pace) {
			t.Errorf("%d events in %s", times, took)
		}
		if now := time.Since(began); now > time.Second+2*Pace {
			t.Errorf("the last event came after %s", now)
		}
	})
}

func TestTheFirstEventComesAtOnceAndSilenceIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, watch := watching(t, false)
		if events, err := watch.Next(t.Context(), time.Minute); len(events) != 0 || err != nil {
			t.Errorf("%+v, %v", events, err)
		}
		w.tell(&store.Written{Runs: []segment.Run{{ID: "r1", Env: env}}})
		began := time.Now()
		wantSubjects(t, next(t, watch), "run r1")
		if waited := time.Since(began); waited != 0 {
			t.Errorf("waited %s", waited)
		}
	})
}

func TestASlowReaderIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, watch := watching(t, false)
		for n := range maxWaiting + 1 {
			w.tell(&store.Written{Runs: []segment.Run{{ID: segment.RunID(fmt.Sprint(n)), Env: env}}})
			synctest.Wait()
		}
		if _, err := watch.Next(t.Context(), time.Hour); !errors.Is(err, ErrSlow) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestWhoeverWritesNeverWaits(t *testing.T) {
	w, a, watch := watching(t, false)
	a.mu.Lock() // nobody passes news on
	for range maxNews + 2 {
		w.tell(&store.Written{Heads: map[segment.EnvID]segment.Revision{env: 1}})
	}
	a.mu.Unlock()
	for {
		_, err := watch.Next(t.Context(), time.Hour)
		if errors.Is(err, ErrSlow) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAWatchEndsWithItsEnvironmentAndWithTheActivity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, watch := watching(t, false)
		w.tell(&store.Written{Objects: []store.Object{{Kind: store.EnvironmentObject, Env: env, Deleted: true}}})
		if _, err := watch.Next(t.Context(), time.Hour); !errors.Is(err, ErrGone) {
			t.Errorf("ended with %v", err)
		}
		second, err := a.Watch(production, false)
		if err != nil {
			t.Fatal(err)
		}
		a.Close()
		if _, err := second.Next(t.Context(), time.Hour); !errors.Is(err, ErrClosed) {
			t.Errorf("ended with %v", err)
		}
		if _, err := a.Watch(production, false); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("watched what is closed: %v", err)
		}
		second.Close()
		second.Close()
		watch.Close()
		a.Close()
		if w.stopped != 1 {
			t.Errorf("the store was told %d times to stop", w.stopped)
		}
	})
}

func TestThePositionGrowsWithWhateverHappensWhetherOrNotSomebodyWatches(t *testing.T) {
	w := &writer{}
	a := New(w)
	t.Cleanup(a.Close)
	for name, happen := range map[string]func(){
		"a write":    func() { w.tell(&store.Written{Audited: 1}) },
		"a call":     func() { a.Called(Call{Env: env}) },
		"an export":  func() { a.Exported(Export{Env: env}) },
		"a delivery": func() { a.Attempted(Delivery{}) },
	} {
		before := a.Position()
		watch, err := a.Watch(production, false)
		if err != nil {
			t.Fatal(err)
		}
		if watch.Position() != before {
			t.Errorf("a watch begins at %d, not at %d, though nothing happened", watch.Position(), before)
		}
		happen()
		watch.Close()
		happen()
		w.tell(&store.Written{}) // nobody is told of
		if got := a.Position(); got != before+2 {
			t.Errorf("%s: from %d to %d", name, before, got)
		}
	}
}

func TestNotMoreWatchThanTheLimit(t *testing.T) {
	_, a, _ := watching(t, false)
	for range maxWatches - 1 {
		w, err := a.Watch(production, false)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.Close)
	}
	if _, err := a.Watch(production, false); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("one too many: %v", err)
	}
}
