package relayfeed_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/relayfeed"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

// quick makes everything happen at once.
var quick = relayfeed.Options{Pause: time.Millisecond}

func TestWhateverARelayHoldsItEndsWithTheTruth(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		// The log is trimmed all the time, so that cursors are often too old.
		o := engine.Options{IdleFold: 5 * time.Millisecond, LogBytes: rapid.SampledFrom([]int64{1, 10 << 30}).Draw(rt, "log bytes")}
		w := newWorld(rt, o, quick)
		relays := []*relay{newRelay(w, "a"), newRelay(w, "b")}
		keys := []segment.Key{"vip", "beta.g1", "trial"}
		live := map[segment.Key]bool{}
		one := func() *relay { return rapid.SampledFrom(relays).Draw(rt, "relay") }
		some := func() segment.Key {
			key := rapid.SampledFrom(keys).Draw(rt, "segment")
			if !live[key] {
				w.put(key)
				live[key] = true
			}
			return key
		}
		rt.Repeat(map[string]func(*rapid.T){
			"push": func(rt *rapid.T) {
				ops := map[string]segment.Ops{}
				for range rapid.IntRange(1, 5).Draw(rt, "changes") {
					op := segment.Ops(rapid.SampledFrom([]int{1, 2, 4, 8, 5, 9, 6, 10}).Draw(rt, "operations"))
					ops[fmt.Sprintf("context-%d", rapid.IntRange(0, 9).Draw(rt, "context"))] = op
				}
				w.change(some(), ops)
			},
			"replace": func(rt *rapid.T) {
				from := rapid.IntRange(0, 9).Draw(rt, "from")
				w.replace(some(), from, rapid.IntRange(from, 10).Draw(rt, "to"))
			},
			"roll back": func(*rapid.T) { w.rollBack(some()) },
			"delete": func(*rapid.T) {
				key := some()
				w.remove(key)
				live[key] = false
			},
			"define": func(*rapid.T) {
				w.update(store.Scope{Project: "web"}, func(tx store.Tx) error {
					e, _ := tx.Environment(envID)
					e = e.Clone()
					e.DefaultTTL = (e.DefaultTTL + 1) % 60
					tx.PutEnvironment(e)
					return nil
				})
			},
			"poll": func(*rapid.T) {
				r := one()
				r.leave()
				r.poll()
				r.old = append(r.old, r.cursor)
			},
			"read": func(*rapid.T) {
				r := one()
				r.read()
				r.old = append(r.old, r.cursor)
			},
			"know":        func(*rapid.T) { w.settle() },
			"resync":      func(*rapid.T) { w.resync() },
			"empty store": func(*rapid.T) { r := one(); r.leave(); r.flush() },
			"foreign cursor": func(rt *rapid.T) {
				r := one()
				r.leave()
				r.cursor = rapid.SampledFrom(append(r.old, "foreign-9", "v 1/2+3", foreign(r.cursor), "AQ")).Draw(rt, "cursor")
			},
			"restart": func(*rapid.T) {
				for _, r := range relays {
					r.leave()
				}
				w.restart()
			},
		})
		w.settle()
		for _, r := range relays {
			r.read()
			r.wantTruth()
			r.leave()
			r.connect() // what it keeps as its cursor is good
			r.wantTruth()
		}
	})
}

// foreign returns a cursor at the same place of another history.
func foreign(cursor string) string {
	c, ok := segment.ParseCursor(cursor)
	if !ok {
		return cursor
	}
	c.Epoch[0]++
	return c.String()
}

func TestLargeChangesComeInPages(t *testing.T) {
	w := newWorld(t, engine.Options{}, quick)
	w.put("vip")
	w.put("beta")
	first, second := newRelay(w, "first"), newRelay(w, "second")
	first.connect()
	w.push("vip", 0, 70_000) // more than stands in an entry
	w.replace("beta", 0, 50_000)
	w.settle()
	second.connect() // walks
	first.read()     // by its stream
	second.wantTruth()
	first.wantTruth()
	w.replace("vip", 35_000, 105_000)
	w.replace("beta", 10_000, 30_000)
	w.settle()
	first.read()
	first.wantTruth()
	w.rollBack("vip")
	w.remove("beta")
	w.settle()
	first.leave()
	for pages := 0; !first.poll(); pages++ {
		if pages == 1 {
			w.restart() // in the middle of an entry
		}
	}
	first.wantTruth()
	second.leave()
	second.cursor = "of another server"
	second.connect()
	second.wantTruth()
}

func TestManySmallChangesBecomeFewPatches(t *testing.T) {
	w := newWorld(t, engine.Options{}, quick)
	w.put("vip")
	r := newRelay(w, "r")
	w.settle()
	r.connect()
	for i := range 200 {
		w.push("vip", i%100, i%100+1)
		w.change("vip", map[string]segment.Ops{fmt.Sprintf("context-%d", i%50): segment.Uninclude})
	}
	w.settle()
	r.leave()
	p, err := w.feed.Poll(t.Context(), relayfeed.Peer{Address: "r"}, envID, r.cursor)
	if err != nil || p.Patches != 1 {
		t.Errorf("%d patches, %v; one is enough", p.Patches, err)
	}
	r.connect()
	r.wantTruth()
}

func TestManySegmentsFitIntoPages(t *testing.T) {
	w := newWorld(t, engine.Options{}, quick)
	for i := range 3000 {
		key := segment.Key(fmt.Sprintf("segment-%d-%0200d", i, i))
		w.put(key)
		w.push(key, i, i+2)
	}
	w.settle()
	r, late := newRelay(w, "r"), newRelay(w, "late")
	r.cursor = "of another server"
	r.connect()
	r.wantTruth()
	late.connect()
	late.wantTruth()
}

func TestARelayThatGoesRoundInACircleIsToldToWait(t *testing.T) {
	var ahead atomic.Int64 // of the begin of the test
	begin := time.Now()
	now := func() time.Time { return begin.Add(time.Duration(ahead.Load())) }
	w := newWorld(t, engine.Options{}, relayfeed.Options{Pause: time.Millisecond, Now: now})
	w.put("vip")
	w.push("vip", 0, 10)
	w.settle()
	poll := func(address, after string) error {
		_, err := w.feed.Poll(t.Context(), relayfeed.Peer{Address: address}, envID, after)
		return err
	}
	for i := range relayfeed.MaxSame {
		if err := poll("10.0.0.1", "lost"); err != nil {
			t.Fatalf("poll %d: %v", i, err)
		}
	}
	err := poll("10.0.0.1", "lost")
	if !errors.Is(err, relayfeed.ErrLoop) || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("the next poll: %v", err)
	}
	if err := errors.Join(poll("10.0.0.2", "lost"), poll("10.0.0.1", "other")); err != nil {
		t.Errorf("another relay and another cursor: %v", err)
	}
	fs := w.feed.Followers(envID)
	if len(fs) != 2 || fs[0].State != relayfeed.Failed || fs[0].Error == "" || w.feed.Stats().Loops != 1 {
		t.Errorf("followers %+v, stats %+v", fs, w.feed.Stats())
	}
	ahead.Store(int64(10 * time.Second))
	if err := poll("10.0.0.1", "lost"); err != nil {
		t.Errorf("ten seconds later: %v", err)
	}
}

func TestFollowersSayHowFarTheyAre(t *testing.T) {
	w := newWorld(t, engine.Options{}, quick)
	w.put("vip")
	w.settle()
	r, late := newRelay(w, "10.0.0.1"), newRelay(w, "10.0.0.2")
	r.connect()
	for !late.poll() {
	}
	w.push("vip", 0, 10)
	w.settle()
	head, _ := w.store.Head(envID)
	fs := w.feed.Followers(envID)
	if len(fs) != 2 || fs[0].LagRevisions != 1 || fs[0].Lag <= 0 || fs[1].LagRevisions != 1 || fs[1].State != relayfeed.Behind {
		t.Errorf("followers %+v", fs)
	}
	r.read()
	for !late.poll() {
	}
	for _, f := range w.feed.Followers(envID) {
		if f.State != relayfeed.Current || f.Revision != head || f.LagRevisions != 0 || f.Lag != 0 {
			t.Errorf("follower %+v, head %d", f, head)
		}
	}
	if got := w.feed.Followers(envID)[0].Cursor; got != r.cursor {
		t.Errorf("cursor %q, the relay has %q", got, r.cursor)
	}
}

func TestARelayIsNotCompleteBeforeTheEndOfItsWalk(t *testing.T) {
	w := newWorld(t, engine.Options{}, quick)
	w.put("vip")
	w.push("vip", 0, 5*relayfeed.MaxPatch)
	w.settle()
	r, walked := newRelay(w, "r"), false
	for !r.poll() {
		f := w.feed.Followers(envID)[0]
		if walks := f.State == relayfeed.Walking; walks == f.Complete {
			t.Errorf("while it is told everything: %+v", f)
		} else if walks {
			walked = true
		}
	}
	if f := w.feed.Followers(envID)[0]; !walked || !f.Complete {
		t.Errorf("it walked: %t; in the end: %+v", walked, f)
	}
	r.wantTruth()
}

func TestAStreamEndsOnceItsReaderIsTooFarBehind(t *testing.T) {
	var ahead atomic.Int64 // of the begin of the test
	begin := time.Now()
	now := func() time.Time { return begin.Add(time.Duration(ahead.Load())) }
	w := newWorld(t, engine.Options{}, relayfeed.Options{Pause: time.Millisecond, Now: now})
	w.put("vip")
	w.settle()
	r := newRelay(w, "r")
	r.connect()
	w.push("vip", 0, 10)
	w.settle()
	ahead.Store(int64(61 * time.Second))
	if _, err := r.stream.Next(); !errors.Is(err, relayfeed.ErrSlow) {
		t.Errorf("the stream goes on: %v", err)
	}
	r.connect()
	r.wantTruth()
}

func TestAnEnvironmentThatIsGoneEndsItsStreams(t *testing.T) {
	w := newWorld(t, engine.Options{}, quick)
	w.put("vip")
	w.settle()
	r := newRelay(w, "r")
	r.connect()
	w.update(store.Account, func(tx store.Tx) error {
		tx.PutEnvironment(&catalog.Environment{ID: "65f000000000000000000002", Project: "web", Key: "test", Name: "Test", SDKKey: "sdk-2", MobileKey: "mob-2", Version: 1})
		tx.DeleteEnvironment(envID)
		return nil
	})
	for {
		<-r.stream.Ready()
		if _, err := r.stream.Next(); err != nil {
			if !errors.Is(err, relayfeed.ErrGone) {
				t.Errorf("the stream ended with %v", err)
			}
			break
		}
	}
	_, err := w.feed.Poll(context.Background(), relayfeed.Peer{}, envID, "")
	if fault.KindOf(err) != fault.NotFound {
		t.Errorf("a poll: %v", err)
	}
}

func FuzzVersion(f *testing.F) {
	c := segment.Cursor{Epoch: segment.Epoch{1, 2}, Revision: 300}
	for _, s := range []string{"", "foreign-9", c.String(), c.String() + ".1", c.String() + ".01", c.At(segment.Ref{Key: "a.b", Generation: 7}, segment.Hash{9}).String() + ".12"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text, ok := relayfeed.ParseVersion(s)
		if ok && text != s {
			t.Errorf("%q was read as %q", s, text)
		}
	})
}
