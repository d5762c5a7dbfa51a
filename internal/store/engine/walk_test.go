package engine_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

// owner changes the members that no other owner changes, so it knows what every view holds that is
// taken after a change was acknowledged.
type owner struct {
	*disk
	random   *rand.Rand
	contexts []segment.Hash
	segments int
	want     map[segment.Hash]map[segment.Ref]segment.Ops
}

func newOwner(d *disk, number, contexts, segments int) *owner {
	o := &owner{
		disk: d, segments: segments, random: rand.New(rand.NewPCG(uint64(number), 1)),
		want: make(map[segment.Hash]map[segment.Ref]segment.Ops),
	}
	for i := range contexts {
		h := segment.HashOf(fmt.Appendf(nil, "owner-%d-context-%d", number, i))
		o.contexts = append(o.contexts, h)
		o.want[h] = make(map[segment.Ref]segment.Ops)
	}
	return o
}

func (o *owner) change(ctx context.Context) error {
	ref := segment.Ref{Key: segmentKey(o.random.IntN(o.segments)), Generation: 1}
	c := &segment.Changes{}
	some := o.random.Perm(len(o.contexts))[:1+o.random.IntN(8)]
	for _, i := range some {
		h := o.contexts[i]
		if o.want[h][ref] == 0 {
			c.AppendHash(h, segment.Include)
			o.want[h][ref] = segment.Include
		} else {
			c.AppendHash(h, segment.Uninclude)
			delete(o.want[h], ref)
		}
	}
	st, err := o.Stage(ctx, c)
	if err != nil {
		return err
	}
	_, err = o.Update(ctx, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		_, err := tx.Apply(testEnv, ref.Key, st)
		return err
	})
	return err
}

// check compares walk and lookups of a new view with what was acknowledged.
func (o *owner) check() error {
	v, err := o.View(testEnv)
	if err != nil {
		return err
	}
	for _, h := range o.contexts {
		n := 0
		err := v.Each(h, func(ref segment.Ref, ops segment.Ops) bool {
			n++
			if want := o.want[h][ref]; ops != want {
				err = fmt.Errorf("the walk of %x yields %s with %v, want %v", h[:4], ref, ops, want)
			}
			return true
		})
		if err != nil {
			return err
		}
		if n != len(o.want[h]) {
			return fmt.Errorf("the walk of %x yields %d segments, want %d", h[:4], n, len(o.want[h]))
		}
		for ref, want := range o.want[h] {
			if got, err := v.State(ref, h); err != nil || got != want {
				return fmt.Errorf("%x in %s is %v, %w, want %v", h[:4], ref, got, err, want)
			}
		}
	}
	return nil
}

func segmentKey(i int) segment.Key { return segment.Key(fmt.Sprintf("s%d", i)) }

func (d *disk) putUnbounded(tb testing.TB, n int) {
	tb.Helper()
	d.update(tb, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		for i := range n {
			tx.PutSegment(unbounded(segmentKey(i), 1))
		}
		return nil
	})
}

func TestEachHoldsWhatWasAcknowledgedWhileRostersComeAndGo(t *testing.T) {
	for name, o := range map[string]engine.Options{
		"without hints": {}, "with hints": {HintRosters: 1}, "with hints of some": {HintRosters: 1, HintBytes: 30_000},
		"with an index": {IndexRefs: 1, HintInterval: time.Millisecond}, "with an index now and then": {IndexRefs: 1, HintInterval: time.Millisecond, IndexBytes: 20_000},
		"with hints and an index": {IndexRefs: 1, HintInterval: time.Millisecond, HintRosters: 1},
	} {
		t.Run(name, func(t *testing.T) { eachHoldsWhatWasAcknowledged(t, o) })
	}
}

// eachHoldsWhatWasAcknowledged has owners change and check their members while segments are folded,
// exchanged, made and deleted beside them, and hints renewed.
func eachHoldsWhatWasAcknowledged(t *testing.T, o engine.Options) {
	const segments = 80
	d := newDisk(t, o)
	d.found(t)
	d.putUnbounded(t, segments)
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		tx.PutSegment(unbounded("vip", 1))
		return nil
	})
	for o.IndexRefs > 0 && d.Index(testEnv) == 0 { // the engine itself is making it
		runtime.Gosched()
	}
	var owners, others sync.WaitGroup
	var hints atomic.Int64 // the most there were
	for number := range 3 {
		owners.Go(func() {
			own := newOwner(d, number, 24, segments)
			// Where hints are wanted, owners go on until there were some: folds come before them.
			for round := 0; round < 80 || o.HintRosters > 0 && hints.Load() == 0 && round < 10_000; round++ {
				if err := own.change(t.Context()); err != nil {
					t.Error(err)
					return
				}
				if err := own.check(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	until := func(do func(n int) error) {
		others.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				if err := do(n); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	until(func(int) error { return d.Fold(t.Context(), testEnv) })
	until(func(int) error { return d.CheckIndex(testEnv) })
	until(func(n int) error {
		d.replace(t, n%2*10, 40)
		_, err := d.Update(t.Context(), store.Scope{Env: testEnv}, func(tx store.Tx) error {
			if k := segment.Key(fmt.Sprintf("passing-%d", n%50)); n/50%2 == 0 {
				tx.PutSegment(unbounded(k, segment.Generation(n/100+1)))
			} else {
				tx.DeleteSegment(testEnv, k)
			}
			return nil
		})
		return err
	})
	if o.HintRosters > 0 {
		until(func(int) error { hints.Store(max(hints.Load(), int64(d.Hint(testEnv)))); return nil })
		defer func() {
			if hints.Load() == 0 {
				t.Error("there never were any hints")
			}
		}()
	}
	owners.Wait()
	close(done)
	others.Wait()
}

// TestHintsChangeNoAnswer asks for contexts in none, few and many of the segments, with and without
// hints that do and don't fit into their memory.
func TestHintsChangeNoAnswer(t *testing.T) {
	const segments = 600 // more than a block of hints has
	d := newDisk(t, engine.Options{HintRosters: 1})
	d.found(t)
	d.putUnbounded(t, segments)
	random := rand.New(rand.NewPCG(3, 3))
	contexts := make([]segment.Hash, 60)
	for i := range contexts {
		contexts[i] = randomHash(random)
	}
	// Contrived: they share the first half, or all but the end.
	contexts[1] = contexts[0]
	contexts[1][31]++
	copy(contexts[2][:16], contexts[0][:])
	want := make(map[segment.Hash]map[segment.Ref]segment.Ops)
	push := func(s int) {
		c := &segment.Changes{}
		for range 40 {
			c.AppendHash(randomHash(random), segment.Include)
		}
		ref := segment.Ref{Key: segmentKey(s), Generation: 1}
		for i, h := range contexts {
			if random.IntN(len(contexts)) > i { // the last are nearly everywhere
				continue
			}
			ops := segment.Include
			if s%7 == 0 && random.IntN(2) == 0 {
				ops = segment.Exclude
			}
			c.AppendHash(h, ops)
			if want[h] == nil {
				want[h] = make(map[segment.Ref]segment.Ops)
			}
			want[h][ref] |= ops
		}
		d.pushChanges(t, ref.Key, c)
	}
	for s := range segments {
		push(s)
	}
	if err := d.Fold(t.Context(), testEnv); err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		t.Helper()
		v, err := d.View(testEnv)
		if err != nil {
			t.Fatal(err)
		}
		for i, h := range append(contexts, randomHash(random)) {
			got := make(map[segment.Ref]segment.Ops)
			if err := v.Each(h, func(ref segment.Ref, ops segment.Ops) bool {
				if got[ref] != 0 {
					t.Errorf("%s: context %d is found in %s twice", when, i, ref)
				}
				got[ref] = ops
				return true
			}); err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(got, want[h]) {
				t.Errorf("%s: context %d is in %d segments, want %d", when, i, len(got), len(want[h]))
			}
			n := 0
			if err := v.Each(h, func(segment.Ref, segment.Ops) bool { n++; return n < 3 }); err != nil || n != min(3, len(want[h])) {
				t.Errorf("%s: the walk of context %d goes on to %d of %d: %v", when, i, n, len(want[h]), err)
			}
		}
	}
	check("without hints")
	if n := d.Hint(testEnv); n < segments*3/4 { // those that exclude somebody have no hints
		t.Errorf("%d of %d segments have hints", n, segments)
	}
	check("with hints")
	for s := range segments / 3 {
		push(s)
	}
	check("with changes since the hints")
	if err := d.Fold(t.Context(), testEnv); err != nil {
		t.Fatal(err)
	}
	check("with rosters since the hints")
	d.Hint(testEnv)
	check("with new hints")
	d.reopen(t)
	check("after a start")
}

// TestAHeldViewAnswersAsItDid holds a view while what its index tells of is folded, noted in another index
// and joined by others, and asks it for contexts that nothing has changed since.
func TestAHeldViewAnswersAsItDid(t *testing.T) {
	const segments = 60
	d := newDisk(t, engine.Options{IndexRefs: 1, HintRosters: 1, HintInterval: time.Hour})
	d.found(t)
	d.putUnbounded(t, segments)
	if n := d.Index(testEnv); n < segments {
		t.Fatalf("%d of %d segments are in the index", n, segments)
	}
	held := make(map[string]store.View)
	hold := func(when string) {
		v, err := d.View(testEnv)
		if err != nil {
			t.Fatal(err)
		}
		held[when] = v
	}
	// A context is in a segment if it divides by the number of that, and 0 is in all of them.
	const contexts = 200
	push := func(of func(i int) bool) {
		for s := range segments {
			c := &segment.Changes{}
			for i := range contexts {
				if of(i) && i%(s+1) == 0 {
					c.Append(userKey(i), segment.Include)
				}
			}
			d.pushChanges(t, segmentKey(s), c)
		}
	}
	check := func(when string, known func(i int) bool) {
		t.Helper()
		for as, v := range held {
			for i := range contexts {
				if !known(i) {
					continue
				}
				want := 0
				for s := range segments {
					if i%(s+1) == 0 {
						want++
					}
				}
				n := 0
				if err := v.Each(segment.HashOf(userKey(i)), func(segment.Ref, segment.Ops) bool { n++; return true }); err != nil || n != want {
					t.Errorf("%s, a view from %s: context %d is in %d segments, want %d: %v", when, as, i, n, want, err)
				}
			}
		}
	}
	even := func(i int) bool { return i%2 == 0 }
	push(even)
	hold("before the fold")
	check("at first", even)
	for _, step := range []struct {
		when string
		do   func()
	}{
		{"folded", func() {
			if err := d.Fold(t.Context(), testEnv); err != nil {
				t.Fatal(err)
			}
		}},
		{"indexed anew", func() { d.Index(testEnv) }},
		{"hinted", func() { d.Hint(testEnv) }},
		{"joined by others", func() { push(func(i int) bool { return !even(i) }) }},
		{"folded again", func() {
			if err := d.Fold(t.Context(), testEnv); err != nil {
				t.Fatal(err)
			}
		}},
		{"indexed and hinted", func() { d.Index(testEnv); d.Hint(testEnv) }},
	} {
		step.do()
		check(step.when, even)
		hold(step.when)
		check(step.when, even)
	}
}

func TestEachIsTheSameAfterStart(t *testing.T) {
	const segments = 40
	d := newDisk(t, engine.Options{})
	d.found(t)
	d.putUnbounded(t, segments)
	o := newOwner(d, 1, 64, segments)
	for i := range 300 {
		if err := o.change(t.Context()); err != nil {
			t.Fatal(err)
		}
		if i == 200 { // some of the rosters have changes after them
			if err := d.Fold(t.Context(), testEnv); err != nil {
				t.Fatal(err)
			}
		}
	}
	d.reopen(t)
	if err := o.check(); err != nil {
		t.Error(err)
	}
}
