package delivery

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	"go.uber.org/goleak"

	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func boolValues() []ldvalue.Value { return []ldvalue.Value{ldvalue.Bool(true), ldvalue.Bool(false)} }

func TestUnknownEnvironmentIsNotFound(t *testing.T) {
	l := newMemoryLog()
	l.fail(store.ErrNoEnvironment)
	d := open(t, l, Options{})
	if _, err := d.Subscribe(t.Context(), env, ""); fault.KindOf(err) != fault.NotFound {
		t.Errorf("Subscribe: %v", err)
	}
	if _, known := d.SynchronizedOn(env); known {
		t.Error("a sync time is known of an environment that isn't there")
	}
	l.fail(nil)
	if _, err := d.Subscribe(t.Context(), env, ""); err != nil {
		t.Errorf("Subscribe after the environment was created: %v", err)
	}
}

func TestUnreadableStoreIsUnavailable(t *testing.T) {
	l := newMemoryLog()
	l.fail(errors.New("disk on fire"))
	d := open(t, l, Options{})
	if _, err := d.Current(t.Context(), env, ""); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("Current: %v", err)
	}
}

func TestRefs(t *testing.T) {
	l := newMemoryLog()
	beta := segment.Ref{Key: "beta", Generation: 4}
	l.commit(segment.Entry{}, include(vip, "u1"), memberChange{beta, segment.Exclude, []string{"u1"}})
	d := open(t, l, Options{})
	included, excluded, err := d.Refs(env, segment.HashOf("u1"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]segment.Ref{{vip}, {beta}}, [][]segment.Ref{included, excluded}); diff != "" {
		t.Error(diff)
	}
}

func TestSyncTimeStopsWhileTheLogCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newMemoryLog()
		d := New(l, Options{Log: quiet()})
		defer d.Close()
		if on, known := d.SynchronizedOn(env); !known || !on.Equal(time.Now()) {
			t.Fatalf("sync time is %v, %v; want now", on, known)
		}
		time.Sleep(time.Minute)
		broken := time.Now()
		l.fail(errors.New("disk on fire"))
		synctest.Wait()
		time.Sleep(time.Minute)
		if on, known := d.SynchronizedOn(env); !known || !on.Equal(broken) {
			t.Errorf("sync time is %v, %v; want %v", on, known, broken)
		}
		l.fail(nil)
		time.Sleep(lastPause)
		synctest.Wait()
		if on, _ := d.SynchronizedOn(env); !on.Equal(time.Now()) {
			t.Errorf("sync time is %v after the log came back; want now", on)
		}
	})
}

func TestRefsAreAnsweredWithoutOneThatCannotBeReadAndTheSyncTimeStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newMemoryLog()
		other := segment.Ref{Key: "other", Generation: 1}
		l.commit(segment.Entry{}, include(vip, "u1"), include(other, "u1"))
		d := New(l, Options{Log: quiet()})
		defer d.Close()
		l.damage(vip, store.ErrCorrupt)
		broken := time.Now()
		for range 2 {
			included, _, err := d.Refs(env, segment.HashOf("u1"), nil, nil)
			if err != nil || len(included) != 1 || included[0] != other {
				t.Fatalf("Refs = %v, %v; want those that can be read", included, err)
			}
			time.Sleep(time.Minute)
			if on, known := d.SynchronizedOn(env); !known || !on.Equal(broken) {
				t.Errorf("sync time is %v, %v; want %v", on, known, broken)
			}
		}
		l.damage(vip, nil)
		if on, _ := d.SynchronizedOn(env); !on.Equal(time.Now()) {
			t.Errorf("sync time is %v after the segment came back; want now", on)
		}
	})
}

func TestCallersReadTheirOwnWrites(t *testing.T) {
	l := newMemoryLog()
	d := open(t, l, Options{})
	for version := 1; version <= 100; version++ {
		l.commit(define(boolFlag(t, "checkout", version, true)))
		s, err := d.Current(t.Context(), env, "")
		if err != nil {
			t.Fatal(err)
		}
		if it, ok := s.Flag("checkout"); !ok || it.Version != version {
			t.Fatalf("version %d is there after version %d was written", it.Version, version)
		}
	}
}

func TestAReaderWaitsOnlyForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newMemoryLog()
		d := New(l, Options{Log: quiet()})
		defer d.Close()
		text(t, connect(t, d, user("u1"))) // whom changes of members are read for
		stuck := make(chan struct{})
		defer close(stuck)
		l.commit(segment.Entry{Members: []segment.MemberDelta{{Ref: vip, Len: 1, Each: func(*segment.Hash, func(segment.Change) bool) error {
			<-stuck
			return nil
		}}}})
		began := time.Now()
		s, err := d.Current(t.Context(), env, "")
		if took := time.Since(began); err != nil || s.Revision != 0 || took != 250*time.Millisecond {
			t.Errorf("revision %d after %v, %v", s.Revision, took, err)
		}
	})
}

func TestDeletedEnvironmentEndsItsStreams(t *testing.T) {
	l := newMemoryLog()
	d := open(t, l, Options{})
	all := streams(t, d)
	for _, s := range all {
		text(t, s)
	}
	l.fail(store.ErrNoEnvironment)
	for name, s := range all {
		if _, err := next(t, s); !errors.Is(err, ErrGone) {
			t.Errorf("%s stream ended with %v", name, err)
		}
	}
}

func TestCloseEndsAllStreams(t *testing.T) {
	d := New(newMemoryLog(), Options{Log: quiet()})
	all := streams(t, d)
	for _, s := range all {
		text(t, s)
	}
	d.Close()
	for name, s := range all {
		if _, err := next(t, s); !errors.Is(err, ErrClosed) {
			t.Errorf("%s stream ended with %v", name, err)
		}
	}
	if _, err := d.Subscribe(t.Context(), env, ""); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("Subscribe after Close: %v", err)
	}
}

func TestEnvironmentChangesAreShownToEveryStream(t *testing.T) {
	l := newMemoryLog()
	d := open(t, l, Options{})
	all := streams(t, d)
	for _, s := range all {
		text(t, s)
	}
	l.commit(segment.Entry{Environment: true})
	for name, s := range all {
		if m, err := next(t, s); err != nil || !m.Environment || len(m.Bytes) > 0 {
			t.Errorf("%s stream got %+v, %v", name, m, err)
		}
	}
}

// streams opens one stream of each kind.
func streams(t *testing.T, d *Delivery) map[string]source {
	t.Helper()
	s, err := d.Subscribe(t.Context(), env, "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.Connect(t.Context(), env, user("u1"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	p, err := d.Ping(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]source{"server": s, "client": c, "ping": p}
}

func TestPings(t *testing.T) {
	l := newMemoryLog()
	d := open(t, l, Options{})
	p, err := d.Ping(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	const want = "event: ping\ndata:  \n\n"
	if got := text(t, p); got != want {
		t.Errorf("first message is %q", got)
	}
	l.commit(segment.Entry{}, include(vip, "u1"))
	if got := text(t, p); got != want {
		t.Errorf("a membership change sent %q", got)
	}
}

func TestTrimmedLogStartsStreamsOver(t *testing.T) {
	l := newMemoryLog()
	l.commit(define(boolFlag(t, "old", 1, true), boolFlag(t, "kept", 1, true)))
	d := open(t, l, Options{})
	all := streams(t, d)
	for _, s := range all {
		text(t, s)
	}
	l.mu.Lock() // keeps the follower away until the log is trimmed
	gone := deleted(segment.FlagDefinition, "old", 2)
	l.definitions[dependency{gone.Kind, gone.Key}] = gone
	l.entries = append(l.entries, segment.Entry{Revision: 2}, segment.Entry{Revision: 3})
	l.trimmed = 3
	l.wake()
	l.mu.Unlock()
	if got := text(t, all["server"]); !strings.HasPrefix(got, "event: put\n") || strings.Contains(got, `"old"`) {
		t.Errorf("server stream got %s", got)
	}
	if got := text(t, all["client"]); got != "event: delete\ndata: {\"key\":\"old\",\"version\":3}\n\n" {
		t.Errorf("client stream got %s", got)
	}
}
