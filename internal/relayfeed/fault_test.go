package relayfeed_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"muster/internal/fault"
	"muster/internal/relayfeed"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

// faulty is a store of which something can't be read for a while.
type faulty struct {
	store.Store
	damaged atomic.Bool // members of a segment, as somebody came upon it
	changes atomic.Bool // what entries say of members
	log     atomic.Bool
}

func (f *faulty) Damage(env segment.EnvID, ref segment.Ref) error {
	if f.damaged.Load() {
		return fmt.Errorf("members of %s: %w", ref, store.ErrCorrupt)
	}
	return f.Store.Damage(env, ref)
}

func (f *faulty) Await(ctx context.Context, env segment.EnvID, after segment.Revision) (segment.Revision, error) {
	if f.log.Load() {
		return 0, store.ErrCorrupt
	}
	return f.Store.Await(ctx, env, after)
}

func (f *faulty) Entries(ctx context.Context, env segment.EnvID, after segment.Revision) iter.Seq2[*segment.Entry, error] {
	return func(yield func(*segment.Entry, error) bool) {
		for e, err := range f.Store.Entries(ctx, env, after) {
			if err == nil && f.changes.Load() {
				for i := range e.Members {
					e.Members[i].Each = func(*segment.Hash, func(segment.Change) bool) error { return store.ErrCorrupt }
				}
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// newFaulty returns a world whose feed reads a store of which something can't be read.
func newFaulty(t *testing.T, o relayfeed.Options) (*world, *faulty) {
	t.Helper()
	w := newWorld(t, engine.Options{}, quick)
	w.put("vip")
	w.push("vip", 0, 10)
	f := &faulty{Store: w.store}
	w.feed.Close()
	o.Pause, o.Log = time.Millisecond, slog.New(slog.DiscardHandler)
	w.feed = relayfeed.New(f, o)
	return w, f
}

// untilStale waits until a stream ends because the members are not known to be complete.
func untilStale(t *testing.T, s *relayfeed.Stream) {
	t.Helper()
	for {
		if _, err := s.Next(); err != nil {
			if !errors.Is(err, relayfeed.ErrStale) {
				t.Errorf("the stream ended with %v", err)
			}
			return
		}
		select {
		case <-s.Ready():
		case <-time.After(3 * time.Minute):
			t.Fatal("the stream goes on")
		}
	}
}

// healed waits until a stream can be opened again.
func healed(t *testing.T, w *world) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); ; {
		s, err := w.feed.Subscribe(relayfeed.Peer{}, envID)
		if err == nil {
			s.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func TestNoRelayIsCurrentWhileASegmentIsDamaged(t *testing.T) {
	w, f := newFaulty(t, relayfeed.Options{Refresh: time.Millisecond})
	r := newRelay(w, "r")
	r.connect()
	f.damaged.Store(true)
	untilStale(t, r.stream)
	if _, err := w.feed.Subscribe(relayfeed.Peer{}, envID); fault.KindOf(err) != fault.Unavailable || !errors.Is(err, relayfeed.ErrStale) {
		t.Errorf("a new stream: %v", err)
	}
	// It goes on with polls.
	r.leave()
	w.push("vip", 10, 20)
	w.settle()
	for !r.poll() {
	}
	r.wantTruth()
	if fs := w.feed.Followers(envID); len(fs) != 1 || fs[0].State != relayfeed.Failed || fs[0].Error == "" {
		t.Errorf("followers %+v", fs)
	}
	f.damaged.Store(false)
	healed(t, w)
}

func TestNoRelayIsCurrentWhileTheLogCantBeRead(t *testing.T) {
	w, f := newFaulty(t, relayfeed.Options{Refresh: time.Millisecond, Behind: time.Nanosecond})
	r := newRelay(w, "r")
	r.connect()
	f.log.Store(true)
	untilStale(t, r.stream)
	if _, err := w.feed.Poll(t.Context(), relayfeed.Peer{}, envID, "x"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a poll: %v", err)
	}
	f.log.Store(false)
	healed(t, w)
	r.connect()
	r.wantTruth()
}

func TestWhatAnEntryCantSayIsToldAsItIsNow(t *testing.T) {
	w, f := newFaulty(t, relayfeed.Options{})
	w.settle()
	r := newRelay(w, "r")
	r.connect()
	r.leave()
	w.replace("vip", 5, 30_000)
	head, err := w.store.Head(envID)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.store.Counted(t.Context(), envID, segment.Ref{Key: "vip", Generation: 1}, head)
	if err := errors.Join(err, w.store.Bury(t.Context(), envID)); err != nil { // who left is known
		t.Fatal(err)
	}
	w.settle()
	f.changes.Store(true)
	r.poll()
	f.changes.Store(false) // the rest of the entry can be read
	r.connect()
	r.wantTruth()
	w.change("vip", map[string]segment.Ops{"context-7": segment.Uninclude})
	w.settle()
	f.changes.Store(true)
	r.connect()
	f.changes.Store(false)
	w.push("vip", 7, 8)
	w.settle()
	r.connect()
	r.wantTruth()
}

func TestRelaysAreToldThatTheyAreCurrent(t *testing.T) {
	w, _ := newFaulty(t, relayfeed.Options{Refresh: time.Millisecond})
	r := newRelay(w, "r")
	r.connect()
	for told := 0; told < 3; {
		<-r.stream.Ready()
		m, err := r.stream.Next()
		if err != nil {
			t.Fatal(err)
		}
		if string(m.Bytes) == "event: patch\ndata: []\n\n" {
			told++
			if !m.Environment {
				t.Error("the credential is not looked at")
			}
		}
	}
}
