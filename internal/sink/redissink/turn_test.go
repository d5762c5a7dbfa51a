package redissink_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/sink"
	"muster/internal/sink/sinktest"
	"muster/internal/store"
)

// turn moves vip one step on to its next generation: it begins, SDKs are told, it ends.
func turn(w *sinktest.World) segment.Revision {
	return w.Update(store.Scope{Env: sinktest.EnvID}, func(tx store.Tx) error {
		s, _ := tx.Segment(sinktest.EnvID, "vip")
		s = s.Clone()
		switch {
		case s.Turn == nil:
			s.Origin = s.Home().Generation
			s.Turn = &catalog.Turn{From: s.Generation, To: tx.LastGeneration(s.Env, s.Key) + 1}
		case s.Generation == s.Turn.From:
			s.Generation, s.Version = s.Turn.To, s.Version+1
		default:
			s.Turn = nil
		}
		tx.PutSegment(s)
		return nil
	})
}

// readers ask a store for contexts that stay in vip, under the generation that SDKs are told of, as fast as
// they can. A store that is down tells them nothing.
type readers struct {
	rounds  atomic.Int64
	missing atomic.Pointer[string]
	stop    func()
}

const stayingMembers = 3000

func read(t testing.TB, w *sinktest.World, from sink.Target) *readers {
	var hashes []segment.Hash
	for n := 0; n < stayingMembers; n += 100 {
		hashes = append(hashes, segment.HashOf(fmt.Sprintf("member %d", n)))
	}
	r := &readers{}
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			s, _ := w.Store.Segment(sinktest.EnvID, "vip")
			held, err := from.Lookup(t.Context(), hashes)
			for i := range held {
				if err == nil && !slices.Contains(held[i].Included, s.Ref()) {
					missing := fmt.Sprintf("%s is not in %s, but in %v", hashes[i], s.Ref(), held[i].Included)
					r.missing.CompareAndSwap(nil, &missing)
				}
			}
			if err == nil {
				r.rounds.Add(1)
			}
		}
	})
	r.stop = sync.OnceFunc(func() { close(done); wait.Wait() })
	t.Cleanup(r.stop)
	return r
}

// pushes changes the members of vip that don't stay, and now and then sends all members, until stopped.
func pushes(w *sinktest.World) (stop func()) {
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			default:
			}
			first := stayingMembers + n*37%5000
			w.Push("vip", []segment.Ops{segment.Include, segment.Uninclude}[n%2], sinktest.Range(first, first+100)...)
			if n%20 == 19 {
				w.Replace("vip", sinktest.Range(0, first+100)...)
			}
		}
	})
	return sync.OnceFunc(func() { close(done); wait.Wait() })
}

func TestNobodyIsMissingFromAStoreWhileASegmentMoves(t *testing.T) {
	r := sinktest.StartRedis(t)
	w := newWorld(t)
	w.Push("vip", segment.Include, sinktest.Range(0, stayingMembers+2000)...)
	s := settings(t, r.Address, "app")
	id := w.PutSink(s, nil)
	w.Caught(id)
	target := open(t, s, nil)
	asked := read(t, w, target)
	stop := pushes(w)
	defer func() { stop() }()

	// until waits for the store, and for readers that asked after it had got there.
	until := func(what string, rev segment.Revision) {
		t.Helper()
		w.Until(what, func() bool { st := w.Status(id); return st.Complete && st.Revision >= rev })
		from := asked.rounds.Load()
		w.Until("readers ask after that", func() bool { return asked.rounds.Load() >= from+2 })
	}
	complete := func() {
		t.Helper()
		if missing := asked.missing.Load(); missing != nil {
			t.Fatal(*missing)
		}
	}
	restart := func() {
		t.Helper()
		stop()
		asked.stop()
		complete()
		w.Restart()
		asked, stop = read(t, w, target), pushes(w)
	}
	for round := range 2 {
		begun := turn(w)
		if round == 1 { // the store is killed and has lost what it had not saved
			r.CLI("save")
			r.Kill()
			r.Start()
			// What muster knew before counts no longer: only what it writes from now on shows that it has met the new process.
			begun = w.Push("vip", segment.Include, stayingMembers+6000)
		} else {
			restart()
		}
		until("the store has the begin of the move", begun)
		switched := turn(w)
		if round == 0 {
			restart()
		}
		until("SDKs have been told", switched)
		until("the end of the move has reached the store", turn(w))
		complete()
	}
	stop()
	asked.stop()
	w.Caught(id)
	w.Becomes(target, keys...) // what was under way at a restart may have arrived late, and is looked at once more
}
