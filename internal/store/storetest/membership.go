package storetest

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

var membershipChecks = []check[store.Store]{
	{"Effects and counts are exact, repeats and contradictions included", testEffects},
	{"The log carries only the effective part of a small change", started(testEffectiveOnly)},
	{"Only unbounded segments take members", started(testUnbounded)},
	{"The targets of a list move into the engine under the segment's ref", started(testMove)},
	{"A waiting reader wakes when its revision is readable", started(testAwait)},
	{"What was to be seen in a view is in the log up to what was shown", started(testShown)},
	{"Concurrent updates of one environment all land exactly", testConcurrent},
	{"Nothing is readable before it is durable", testDurableFirst},
	{"A large change is one atomic entry", testLargeChange},
	{"A view stays usable while held", testHeldView},
	{"Entries can be read while the log grows", started(testReadWhileWriting)},
}

func testEffects(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s, "a")
	ref := segment.Ref{Key: "a", Generation: 1}
	in, ex := segment.Include, segment.Exclude
	for _, tt := range []struct {
		name    string
		changes []segment.Change
		want    store.Effect
	}{
		{"first members", []segment.Change{{Key: []byte("ann"), Ops: in}, {Key: []byte("bob"), Ops: in}}, store.Effect{Added: 2, Counts: segment.Counts{Included: 2}}},
		{"one of them again and a new one", []segment.Change{{Key: []byte("ann"), Ops: in}, {Key: []byte("cy"), Ops: in}}, store.Effect{Added: 1, Unchanged: 1, Counts: segment.Counts{Included: 3}}},
		{"the same context twice counts once", []segment.Change{{Key: []byte("dee"), Ops: in}, {Key: []byte("dee"), Ops: in}}, store.Effect{Added: 1, Counts: segment.Counts{Included: 4}}},
		{"added and removed in one list, the last wins", []segment.Change{{Key: []byte("eve"), Ops: in}, {Key: []byte("eve"), Ops: segment.Uninclude}}, store.Effect{Unchanged: 1, Counts: segment.Counts{Included: 4}}},
		{"removed and added in one list, the last wins", []segment.Change{{Key: []byte("ann"), Ops: segment.Uninclude}, {Key: []byte("ann"), Ops: in}}, store.Effect{Unchanged: 1, Counts: segment.Counts{Included: 4}}},
		{"excluded beside included", []segment.Change{{Key: []byte("ann"), Ops: ex}}, store.Effect{Added: 1, Counts: segment.Counts{Included: 4, Excluded: 1}}},
		{"both removed at once count one context", []segment.Change{{Key: []byte("ann"), Ops: segment.Uninclude | segment.Unexclude}}, store.Effect{Removed: 1, Counts: segment.Counts{Included: 3}}},
		{"both added at once count one context", []segment.Change{{Key: []byte("fay"), Ops: in | ex}}, store.Effect{Added: 1, Counts: segment.Counts{Included: 4, Excluded: 1}}},
		{"removing who is not there", []segment.Change{{Key: []byte("nobody"), Ops: segment.Uninclude | segment.Unexclude}}, store.Effect{Unchanged: 1, Counts: segment.Counts{Included: 4, Excluded: 1}}},
	} {
		var c segment.Changes
		for _, ch := range tt.changes {
			c.Append(ch.Key, ch.Ops)
		}
		if got, _ := change(t, s, "a", &c); got != tt.want {
			t.Errorf("%s: effect %+v, want %+v", tt.name, got, tt.want)
		}
		wantCounts(t, s, ref, tt.want.Counts.Included, tt.want.Counts.Excluded)
	}
	m.Cut(t)
	s = m.Start(t)
	wantCounts(t, s, ref, 4, 1)
	wantState(t, view(t, s), ref, "ann", 0)
	wantState(t, view(t, s), ref, "fay", in|ex)
	m.Stop(t)
}

func testEffectiveOnly(t *testing.T, s store.Store) {
	furnish(t, s, "a")
	change(t, s, "a", changes(segment.Include, "ann", "bob"))
	head := headOf(t, s, envOne)
	_, rev := change(t, s, "a", changes(segment.Include, "bob", "cy", "ann"))
	entries := 0
	for e, err := range s.Entries(t.Context(), envOne, head) {
		if err != nil {
			t.Fatalf("entries: %v", err)
		}
		entries++
		if e.Revision != rev || len(e.Members) != 1 || e.Members[0].Len != 1 {
			t.Errorf("entry %d has deltas %+v, want one of one change", e.Revision, e.Members)
			continue
		}
		err := e.Members[0].Each(nil, func(c segment.Change) bool {
			if c.Hash != segment.HashOf("cy") || c.Ops != segment.Include || c.Key != nil && string(c.Key) != "cy" {
				t.Errorf("change %+v, want the inclusion of cy", c)
			}
			return true
		})
		if err != nil {
			t.Errorf("changes: %v", err)
		}
	}
	if entries != 1 {
		t.Errorf("%d entries, want 1", entries)
	}
}

func testUnbounded(t *testing.T, s store.Store) {
	furnish(t, s)
	x := newSegment(100, envOne, "plain")
	x.Unbounded, x.Generation, x.Kind, x.Included = false, 0, "", []string{"ann"}
	putSegment(t, s, x)
	staged := stage(t, s, changes(segment.Include, "bob"))
	_, err := s.Update(t.Context(), testScopeEnv, func(tx store.Tx) error {
		_, err := tx.Apply(envOne, "plain", staged)
		return err
	})
	if !errors.Is(err, store.ErrUnbounded) {
		t.Errorf("got %v, want ErrUnbounded", err)
	}
	_, err = s.Update(t.Context(), testScopeEnv, func(tx store.Tx) error {
		_, err := tx.Apply(envOne, "missing", staged)
		return err
	})
	if err == nil {
		t.Error("members of a segment that does not exist were changed")
	}
	staged.Discard()
}

func testMove(t *testing.T, s store.Store) {
	furnish(t, s)
	list := newSegment(100, envOne, "list")
	list.Unbounded, list.Kind, list.Included, list.Excluded = false, "", []string{"ann", "bob"}, []string{"eve"}
	putSegment(t, s, list)
	moving := list.Clone()
	moving.Move = &catalog.Move{Kind: "user", Version: list.Version}
	members := stage(t, s, list.Members())
	mustUpdate(t, s, testScopeEnv, func(tx store.Tx) error {
		tx.PutSegment(moving)
		_, err := tx.Apply(envOne, "list", members)
		return err
	})
	wantCounts(t, s, list.Ref(), 2, 1)
	moved := moving.Moved()
	moved.Version++
	putSegment(t, s, moved)
	wantCounts(t, s, list.Ref(), 2, 1)
	change(t, s, "list", changes(segment.Uninclude, "bob"))
	wantState(t, view(t, s), list.Ref(), "ann", segment.Include)
	wantState(t, view(t, s), list.Ref(), "bob", 0)

	again := newSegment(101, envOne, "again")
	again.Unbounded, again.Kind, again.Move = false, "", &catalog.Move{Kind: "user"}
	putSegment(t, s, again)
	change(t, s, "again", changes(segment.Include, "eve"))
	mustUpdate(t, s, testScopeEnv, func(tx store.Tx) error { tx.DeleteSegment(envOne, "again"); return nil })
	if _, ok := view(t, s).Counts(again.Ref()); ok {
		t.Error("a list that was deleted while it moved keeps its members")
	}
}

func testAwait(t *testing.T, s store.Store) {
	furnish(t, s, "a")
	head := headOf(t, s, envOne)
	if got, err := s.Await(t.Context(), envOne, head-1); got != head || err != nil {
		t.Errorf("await of a revision that is there: %d, %v; want %d", got, err, head)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for after := head; after < head+20; {
				next, err := s.Await(t.Context(), envOne, after)
				if err != nil || next <= after {
					t.Errorf("await after %d: %d, %v", after, next, err)
					return
				}
				v, err := s.View(envOne)
				if err != nil || v.Revision() < next {
					t.Errorf("woken for %d, but the view is not there yet: %v", next, err)
					return
				}
				wantState(t, v, segment.Ref{Key: "a", Generation: 1}, fmt.Sprint(next), segment.Include)
				after = next
			}
		})
	}
	for i := range 20 {
		change(t, s, "a", changes(segment.Include, fmt.Sprint(int(head)+1+i)))
	}
	wg.Wait()

	ended := make(chan error)
	other := headOf(t, s, envTwo)
	go func() {
		_, err := s.Await(t.Context(), envTwo, other)
		ended <- err
	}()
	mustUpdate(t, s, store.Scope{Project: "p"}, func(tx store.Tx) error { tx.DeleteEnvironment(envTwo); return nil })
	if err := <-ended; !errors.Is(err, store.ErrNoEnvironment) {
		t.Errorf("await of a deleted environment: %v, want ErrNoEnvironment", err)
	}
}

func testShown(t *testing.T, s store.Store) {
	furnish(t, s, "a")
	const pushes = 200
	head := headOf(t, s, envOne)
	var wg sync.WaitGroup
	wg.Go(func() {
		ref := segment.Ref{Key: "a", Generation: 1}
		for rev := head + 1; rev <= head+pushes; {
			v, err := s.View(envOne)
			if err != nil {
				t.Error(err)
				return
			}
			if now, err := v.State(ref, segment.HashOf(fmt.Sprint(rev))); err != nil || now == 0 {
				runtime.Gosched()
				continue
			}
			shown, err := s.Shown(envOne)
			now, headErr := s.Head(envOne)
			if err != nil || headErr != nil || shown < rev || now < shown {
				t.Errorf("revision %d is to be seen, %d is shown, %v, and the head is %d, %v", rev, shown, err, now, headErr)
				return
			}
			rev++
		}
	})
	for i := range pushes {
		change(t, s, "a", changes(segment.Include, fmt.Sprint(int(head)+1+i)))
	}
	wg.Wait()
	if shown, err := s.Shown(envOne); err != nil || shown != headOf(t, s, envOne) {
		t.Errorf("while nothing happens %d is shown, %v", shown, err)
	}
}

func testConcurrent(t *testing.T, m Machine[store.Store]) {
	const writers, rounds = 32, 8
	s := m.Start(t)
	furnish(t, s, "a", "b")
	var added, removed atomic.Int64
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range rounds {
				// Everybody adds one context of their own and the same shared one, and takes
				// back their last.
				c := changes(segment.Include, fmt.Sprint("own", w, "-", i), fmt.Sprint("shared", i))
				if i > 0 {
					c.Append(fmt.Append(nil, "own", w, "-", i-1), segment.Uninclude)
				}
				staged, err := s.Stage(t.Context(), c)
				if err != nil {
					t.Errorf("stage: %v", err)
					return
				}
				var eff store.Effect
				key := segmentKeys[w%2]
				rev, err := s.Update(t.Context(), testScopeEnv, func(tx store.Tx) (err error) {
					eff, err = tx.Apply(envOne, key, staged)
					tx.Record(newRun(w*rounds+i+1, envOne, key))
					return err
				})
				if err != nil || rev == 0 {
					t.Errorf("update: revision %d, %v", rev, err)
					return
				}
				added.Add(int64(eff.Added))
				removed.Add(int64(eff.Removed))
				v, err := s.View(envOne)
				if err != nil || v.Revision() < rev {
					t.Errorf("revision %d was answered and is not readable: %v", rev, err)
					return
				}
				wantState(t, v, segment.Ref{Key: key, Generation: 1}, fmt.Sprint("own", w, "-", i), segment.Include)
			}
		})
	}
	wg.Wait()
	for round := range 2 {
		for _, key := range segmentKeys[:2] {
			wantCounts(t, s, segment.Ref{Key: key, Generation: 1}, writers/2+rounds, 0)
		}
		if _, n, err := s.Runs(t.Context(), envOne, store.RunQuery{}); n != writers*rounds || err != nil {
			t.Errorf("%d runs, %v; want %d", n, err, writers*rounds)
		}
		fo := newFollower(envOne)
		fo.follow(t, t, s)
		for _, key := range segmentKeys[:2] {
			if n := len(fo.members[segment.Ref{Key: key, Generation: 1}]); n != writers/2+rounds {
				t.Errorf("by the log %s has %d members", key, n)
			}
		}
		if round == 0 {
			m.Cut(t)
			s = m.Start(t)
		}
	}
	if added.Load()-removed.Load() != 2*(writers/2+rounds) {
		t.Errorf("effects add up to +%d -%d", added.Load(), removed.Load())
	}
	m.Stop(t)
}

// testDurableFirst cuts the power at the moment a reader has seen something.
func testDurableFirst(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s, "a")
	ref := segment.Ref{Key: "a", Generation: 1}
	n := 0
	for range 8 {
		var wg sync.WaitGroup
		from, writing := n, s
		wg.Go(func() {
			for i := from; ; i++ {
				staged, err := writing.Stage(t.Context(), changes(segment.Include, fmt.Sprint(i)))
				if err != nil {
					return
				}
				_, err = writing.Update(t.Context(), testScopeEnv, func(tx store.Tx) error {
					_, err := tx.Apply(envOne, "a", staged)
					return err
				})
				if err != nil {
					return // the power is gone
				}
			}
		})
		seen := segment.Revision(0)
		for start := headOf(t, s, envOne); seen < start+5; {
			var err error
			if seen, err = s.Await(t.Context(), envOne, max(seen, start)); err != nil {
				t.Fatalf("await: %v", err)
			}
		}
		v := view(t, s)
		seen = max(seen, v.Revision())
		counts, _ := v.Counts(ref)
		m.Cut(t)
		wg.Wait()
		s = m.Start(t)
		after, _ := view(t, s).Counts(ref)
		if head := headOf(t, s, envOne); head < seen || after.Included < counts.Included {
			t.Errorf("a reader saw revision %d with %d members; after the power cut there is %d with %d", seen, counts.Included, head, after.Included)
		}
		n = int(after.Included)
	}
	m.Stop(t)
}

// largeChange is more than one commit carries inline.
const largeChange = 70_000

func numbered(ops segment.Ops, from, to int) *segment.Changes {
	var c segment.Changes
	for i := from; i < to; i++ {
		c.Append(fmt.Append(nil, "context-", i), ops)
	}
	return &c
}

func testLargeChange(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s, "a")
	ref := segment.Ref{Key: "a", Generation: 1}
	change(t, s, "a", numbered(segment.Include, 0, 10))
	stage(t, s, numbered(segment.Include, 0, largeChange)).Discard()
	wantCounts(t, s, ref, 10, 0)

	head := headOf(t, s, envOne)
	eff, rev := change(t, s, "a", numbered(segment.Include, 5, largeChange))
	if want := (store.Effect{Added: largeChange - 10, Unchanged: 5, Counts: segment.Counts{Included: largeChange}}); eff != want || rev != head+1 {
		t.Errorf("effect %+v at revision %d, want %+v at %d", eff, rev, want, head+1)
	}
	// Small changes over large ones over small ones: the newest wins.
	change(t, s, "a", numbered(segment.Uninclude, 3, 8))
	eff, _ = change(t, s, "a", numbered(segment.Uninclude, 1000, largeChange+1000))
	if want := (store.Effect{Removed: largeChange - 1000, Unchanged: 1000, Counts: segment.Counts{Included: 995}}); eff != want {
		t.Errorf("effect %+v, want %+v", eff, want)
	}
	change(t, s, "a", numbered(segment.Include, 5, 6))
	for round := range 2 {
		wantCounts(t, s, ref, 996, 0)
		v := view(t, s)
		for i, want := range map[int]segment.Ops{0: 1, 2: 1, 3: 0, 5: 1, 7: 0, 8: 1, 999: 1, 1000: 0, largeChange - 1: 0, largeChange: 0} {
			wantState(t, v, ref, fmt.Sprint("context-", i), want)
		}
		fo := newFollower(envOne)
		fo.follow(t, t, s)
		if n := len(fo.members[ref]); n != 996 {
			t.Errorf("by the log there are %d members, want 996", n)
		}
		if round == 0 {
			m.Cut(t)
			s = m.Start(t)
		}
	}
	m.Stop(t)
}

func testHeldView(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s, "a", "b")
	ref := segment.Ref{Key: "a", Generation: 1}
	change(t, s, "a", numbered(segment.Include, 0, largeChange))
	change(t, s, "b", changes(segment.Include, "context-1"))
	held := view(t, s)
	change(t, s, "a", numbered(segment.Include, largeChange, 2*largeChange))
	mustUpdate(t, s, testScopeEnv, func(tx store.Tx) error { tx.DeleteSegment(envOne, "a"); return nil })
	again := newSegment(100, envOne, "a")
	again.Generation, again.Version = 2, 10
	putSegment(t, s, again)
	for i := range 100 {
		wantState(t, held, ref, fmt.Sprint("context-", i*7), segment.Include)
	}
	refs := 0
	if err := held.Each(segment.HashOf("context-1"), func(segment.Ref, segment.Ops) bool { refs++; return true }); err != nil || refs != 2 {
		t.Errorf("the held view knows %d segments of the context, %v; want 2", refs, err)
	}
	if err := held.Each(segment.HashOf("context-1"), func(segment.Ref, segment.Ops) bool { refs++; return false }); err != nil || refs != 3 {
		t.Errorf("a walk that was stopped went on: %d, %v", refs, err)
	}
	wantState(t, view(t, s), ref, "context-1", 0)
	m.Stop(t)
	wantState(t, held, ref, "context-1", segment.Include)
}

func testReadWhileWriting(t *testing.T, s store.Store) {
	furnish(t, s, "a")
	var wg sync.WaitGroup
	first := headOf(t, s, envOne)
	for range 3 {
		wg.Go(func() {
			fo := newFollower(envOne)
			for fo.at < first+30 {
				if _, err := s.Await(t.Context(), envOne, fo.at); err != nil {
					t.Errorf("await: %v", err)
					return
				}
				before := fo.at
				for e, err := range s.Entries(t.Context(), envOne, fo.at) {
					if err != nil || e.Revision != fo.at+1 {
						t.Errorf("after %d: %v", fo.at, err)
						return
					}
					fo.at = e.Revision
					if e.Revision == before+3 {
						break // readers may stop anywhere
					}
				}
			}
		})
	}
	for i := range 30 {
		change(t, s, "a", changes(segment.Include, fmt.Sprint(i)))
	}
	wg.Wait()
}
