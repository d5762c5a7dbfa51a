package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

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
	const segments = 40
	d := newDisk(t, engine.Options{})
	d.found(t)
	d.putUnbounded(t, segments)
	var owners, folder sync.WaitGroup
	for number := range 3 {
		owners.Go(func() {
			o := newOwner(d, number, 24, segments)
			for range 150 {
				if err := o.change(t.Context()); err != nil {
					t.Error(err)
					return
				}
				if err := o.check(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	folder.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if err := d.Fold(t.Context(), testEnv); err != nil {
				t.Error(err)
				return
			}
		}
	})
	owners.Wait()
	close(done)
	folder.Wait()
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
