package storetest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"muster/internal/segment"
	"muster/internal/store"
)

var walkChecks = []check[store.Store]{
	{"Whoever holds anything converges, beside writers and interrupted all the time", testWalkBesideWriters},
	{"A cursor of the present epoch goes on where it was", testResume},
	{"The epoch of an environment lasts", testEpoch},
}

// Following checks that those who follow a store converge when its log is trimmed all the time. build
// returns a machine whose store does that.
func Following(t *testing.T, build func(testing.TB) Machine[store.Store]) {
	runAll(t, build, randomChecks, walkChecks[:1])
}

// walker is somebody who keeps the members of an environment elsewhere, knows only what walks and
// entries say, and may stop at any of their changes.
type walker struct {
	env     segment.EnvID
	cursor  segment.Cursor
	members map[segment.Ref]memberSet
}

// advance takes in as many changes as given; true when the head was reached before.
func (wa *walker) advance(f failer, t testing.TB, s store.Membership, most int) bool {
	f.Helper()
	for most > 0 {
		c, err := s.Resume(t.Context(), wa.env, wa.cursor)
		if err != nil {
			f.Fatalf("resume %s at %+v: %v", wa.env, wa.cursor, err)
		}
		wa.cursor = c
		if c.Walking {
			if most = wa.walk(f, t, s, most); most > 0 {
				wa.cursor = c.Through(c.Revision)
			}
			continue
		}
		if most = wa.read(f, t, s, most); most > 0 {
			head, err := s.Head(wa.env)
			if err != nil {
				f.Fatalf("head of %s: %v", wa.env, err)
			}
			if wa.cursor.Revision == head {
				return true
			}
		}
	}
	return false
}

// note takes one change in and writes the cursor down, as text.
func (wa *walker) note(f failer, at segment.Cursor, ch store.RefChange) {
	f.Helper()
	if !ch.Ops.Valid() {
		f.Errorf("change %04b of %s in %s is no operation", ch.Ops, ch.Hash, ch.Ref)
	}
	if wa.cursor.Ref == ch.Ref && bytes.Compare(wa.cursor.Hash[:], ch.Hash[:]) >= 0 ||
		cmp.Or(cmp.Compare(wa.cursor.Ref.Key, ch.Ref.Key), cmp.Compare(wa.cursor.Ref.Generation, ch.Ref.Generation)) > 0 {
		f.Errorf("%s of %s comes after %s of %s", ch.Hash, ch.Ref, wa.cursor.Hash, wa.cursor.Ref)
	}
	if wa.members[ch.Ref] == nil {
		wa.members[ch.Ref] = memberSet{}
	}
	wa.members[ch.Ref].apply([]segment.Change{{Hash: ch.Hash, Ops: ch.Ops}})
	c, ok := segment.ParseCursor(at.At(ch.Ref, ch.Hash).String())
	if !ok {
		f.Errorf("cursor %+v does not survive its text", at)
	}
	wa.cursor = c
}

func (wa *walker) walk(f failer, t testing.TB, s store.Membership, most int) int {
	f.Helper()
	from := wa.cursor
	for ch, err := range s.Walk(t.Context(), wa.env, from) {
		if err != nil {
			f.Fatalf("walk through %s after %+v: %v", wa.env, from, err)
		}
		wa.note(f, from, ch)
		if most--; most == 0 {
			break
		}
	}
	return most
}

// read takes in what entries say. It also ends where the log turns out to be trimmed.
func (wa *walker) read(f failer, t testing.TB, s store.Membership, most int) int {
	f.Helper()
	from := wa.cursor
	for e, err := range s.Entries(t.Context(), wa.env, from.Revision) {
		trimmed := errors.Is(err, store.ErrTrimmed)
		if err != nil && !trimmed {
			f.Fatalf("entries of %s after %d: %v", wa.env, from.Revision, err)
		}
		if trimmed {
			return most
		}
		before := from.Through(e.Revision - 1)
		for _, m := range e.Members {
			if compareRefs(m.Ref, wa.cursor.Ref) < 0 {
				continue
			}
			var after *segment.Hash
			if m.Ref == wa.cursor.Ref {
				h := wa.cursor.Hash
				after = &h
			}
			err := m.Each(after, func(c segment.Change) bool {
				wa.note(f, before, store.RefChange{Ref: m.Ref, Hash: c.Hash, Ops: c.Ops})
				most--
				return most > 0
			})
			if errors.Is(err, store.ErrTrimmed) {
				return most
			}
			if err != nil {
				f.Fatalf("entry %d: %v", e.Revision, err)
			}
			if most == 0 {
				return 0
			}
		}
		wa.cursor = from.Through(e.Revision)
	}
	return most
}

func compareRefs(a, b segment.Ref) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Generation, b.Generation))
}

// arrive takes everything in.
func (wa *walker) arrive(f failer, t testing.TB, s store.Membership) {
	f.Helper()
	for !wa.advance(f, t, s, 1<<20) {
	}
}

// beginAnew makes a follower read everything whole because the log was trimmed.
func (fo *follower) beginAnew(f failer, t testing.TB, s store.Store) {
	f.Helper()
	wa := walker{env: fo.env, members: fo.members}
	c, err := s.Resume(t.Context(), fo.env, segment.Cursor{})
	if err != nil {
		f.Fatalf("resume %s: %v", fo.env, err)
	}
	wa.cursor = c
	wa.walk(f, t, s, 1<<30)
	fo.at = c.Revision
	defs, rev, err := s.Definitions(fo.env)
	if err != nil {
		f.Fatalf("definitions of %s: %v", fo.env, err)
	}
	fo.whole = rev
	clear(fo.defs)
	for _, d := range defs {
		if k := (definitionKey{d.Kind, d.Key}); d.JSON != nil {
			fo.defs[k], fo.newest[k] = d, d.Version
		}
	}
}

// setOut lets somebody who keeps members elsewhere come into being, with what was there at some time
// and a cursor of that time or none that means anything.
func (r *random) setOut(rt *rapid.T) {
	env := r.drawEnvironment(rt)
	fo := r.followers[env]
	if fo == nil || len(r.walkers) > 5 {
		rt.Skip("enough of them")
	}
	epoch, err := r.s.Epoch(env)
	if err != nil {
		rt.Fatalf("epoch: %v", err)
	}
	foreign := epoch
	foreign[0]++
	wa := &walker{env: env, members: fo.clone().members}
	wa.cursor = rapid.SampledFrom([]segment.Cursor{
		{}, {Epoch: epoch, Revision: fo.at}, {Epoch: foreign, Revision: fo.at}, {Epoch: epoch, Revision: 1 << 40},
	}).Draw(rt, "cursor")
	r.walkers = append(r.walkers, wa)
}

// wander lets those who keep members elsewhere take in a few changes.
func (r *random) wander(rt *rapid.T) {
	for _, wa := range r.walkers {
		if r.w.envs[wa.env] != nil {
			wa.advance(rt, r.t, r.s, rapid.IntRange(1, 20).Draw(rt, "changes"))
		}
	}
}

// arrive lets them take in everything and demands that each holds exactly the members.
func (r *random) arrive(rt *rapid.T) {
	for _, wa := range r.walkers {
		if r.w.envs[wa.env] == nil {
			continue
		}
		wa.arrive(rt, r.t, r.s)
		(&follower{env: wa.env, members: wa.members}).compareMembers(rt, r.w)
	}
	r.walkers = nil
}

func testWalkBesideWriters(t *testing.T, m Machine[store.Store]) {
	const rounds = 60
	s := m.Start(t)
	furnish(t, s, "a", "b", "c")
	walkers := make([]*walker, 4)
	for i := range walkers {
		walkers[i] = &walker{env: envOne, members: map[segment.Ref]memberSet{}}
	}
	for life := range 3 {
		var writing sync.WaitGroup
		done := make(chan struct{})
		writing.Go(func() {
			defer close(done)
			for i := range rounds {
				writeAll(t, s, life*rounds+i)
			}
		})
		for i, wa := range walkers {
			writing.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
						wa.advance(t, t, s, 1+7*i)
					}
				}
			})
		}
		writing.Wait()
		if life == 1 {
			walkers[0].cursor = segment.Cursor{} // it lost its cursor, and holds what it holds
			m.Cut(t)
			s = m.Start(t)
		}
	}
	refs := map[segment.Ref]memberSet{}
	for _, x := range s.Segments(envOne) {
		all, err := s.Snapshot(envOne, x.Ref())
		if err != nil {
			t.Fatalf("snapshot: %v", err)
		}
		refs[x.Ref()] = memberSet{}
		for c, err := range all.All(nil) {
			if err != nil {
				t.Fatalf("members: %v", err)
			}
			refs[x.Ref()][c.Hash] = c.Ops
		}
	}
	w := &world{envs: map[segment.EnvID]*envWorld{envOne: {members: refs}}}
	for i, wa := range walkers {
		wa.arrive(t, t, s)
		(&follower{env: envOne, members: wa.members}).compareMembers(t, w)
		if t.Failed() {
			t.Errorf("this was walker %d", i)
		}
	}
	m.Stop(t)
}

// writeAll changes members in every way there is: a small list, a large one, a replace, a rollback and
// the end of a ref.
func writeAll(t *testing.T, s store.Store, i int) {
	key := segment.Key(rune('a' + i%3))
	ops := []segment.Ops{segment.Include, segment.Uninclude, segment.Exclude, segment.Include, segment.Uninclude | segment.Unexclude}[i%5]
	change(t, s, key, numbered(ops, i%17, i%17+3+i%40))
	if i%7 == 3 {
		mustTurn(t, s, key)
	}
	switch i % 6 {
	case 1:
		replaceAll(t, s, key, i%29, i%29+50)
	case 3:
		points, err := s.Points(envOne, key)
		if err != nil {
			t.Errorf("points: %v", err)
		}
		if len(points) > 0 {
			_, err := s.Update(t.Context(), testScopeEnv, func(tx store.Tx) error {
				_, err := tx.Publish(envOne, key, store.Publication{Point: points[0].ID, Reason: segment.PointRollback})
				return err
			})
			if err != nil && !errors.Is(err, store.ErrNoPoint) {
				t.Errorf("roll back: %v", err)
			}
		}
	case 5:
		mustUpdate(t, s, testScopeEnv, func(tx store.Tx) error {
			version := tx.LastVersion(envOne, segment.SegmentDefinition, string(key))
			tx.DeleteSegment(envOne, key)
			x := newSegment(100, envOne, key)
			x.Generation, x.Version = tx.LastGeneration(envOne, key)+1, version+2
			tx.PutSegment(x)
			return nil
		})
	}
}

// replaceAll makes some numbered contexts all members of a segment.
func replaceAll(t *testing.T, s store.Store, key segment.Key, from, to int) {
	t.Helper()
	session := segment.RunID(fmt.Sprintf("%024x", from))
	mustUpdate(t, s, testScopeEnv, func(tx store.Tx) error {
		tx.OpenSession(store.Session{Env: envOne, Segment: key, ID: session, Opened: at(1)})
		return nil
	})
	load, err := s.Load(t.Context(), store.LoadReplace)
	if err != nil {
		t.Errorf("load: %v", err)
		return
	}
	defer load.Discard()
	w := load.Writer()
	for i := from; i < to; i++ {
		err = errors.Join(err, w.Append(fmt.Append(nil, "context-", i)))
	}
	err = errors.Join(err, w.Close())
	staged, _, sealErr := load.Seal(t.Context(), envOne, key, session)
	if err = errors.Join(err, sealErr); err != nil {
		t.Errorf("seal: %v", err)
		return
	}
	mustUpdate(t, s, testScopeEnv, func(tx store.Tx) error {
		_, err := tx.Publish(envOne, key, store.Publication{Session: session, Staged: staged, Reason: segment.PointReplace})
		tx.CloseSession(envOne, key, session)
		return err
	})
}

func testResume(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s, "a")
	change(t, s, "a", changes(segment.Include, "ann", "bob"))
	head := headOf(t, s, envOne)
	epoch, err := s.Epoch(envOne)
	if err != nil {
		t.Fatalf("epoch: %v", err)
	}
	now := segment.Cursor{Epoch: epoch, Revision: head}
	place := now.Through(head-1).At(segment.Ref{Key: "a", Generation: 1}, segment.HashOf("ann"))
	walking := place
	walking.Walking = true
	other := now
	other.Epoch[3]++
	for _, tt := range []struct {
		name string
		from segment.Cursor
		goes bool // on from there
	}{
		{"at the head", now, true},
		{"at the beginning", now.Through(0), true},
		{"inside an entry", place, true},
		{"in a walk", walking, true},
		{"with nothing", segment.Cursor{}, false},
		{"in another epoch", other, false},
		{"ahead of the head", now.Through(head + 1), false},
	} {
		c, err := s.Resume(t.Context(), envOne, tt.from)
		if err != nil || c.Epoch != epoch || tt.goes != (c == tt.from) || !tt.goes && (!c.Walking || c.Ref != (segment.Ref{}) || c.Revision > head) {
			t.Errorf("somebody %s goes on at %+v, %v", tt.name, c, err)
		}
	}
	if _, err := s.Resume(t.Context(), "unknown", now); !errors.Is(err, store.ErrNoEnvironment) {
		t.Errorf("resume of an unknown environment: %v", err)
	}
	if err := lastError(s.Walk(t.Context(), "unknown", now)); !errors.Is(err, store.ErrNoEnvironment) {
		t.Errorf("walk through an unknown environment: %v", err)
	}
	m.Stop(t)
}

func testEpoch(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s)
	seen := map[segment.Epoch]bool{{}: true}
	first, err := s.Epoch(envOne)
	if err != nil {
		t.Fatalf("epoch: %v", err)
	}
	m.Cut(t)
	s = m.Start(t)
	if again, err := s.Epoch(envOne); again != first || err != nil {
		t.Errorf("after a power cut the epoch is %s, %v; want %s", again, err, first)
	}
	other, err := s.Epoch(envTwo)
	if err != nil {
		t.Fatalf("epoch: %v", err)
	}
	seen[first], seen[other] = true, true
	mustUpdate(t, s, store.Account, func(tx store.Tx) error { tx.DeleteEnvironment(envOne); return nil })
	if _, err := s.Epoch(envOne); !errors.Is(err, store.ErrNoEnvironment) {
		t.Errorf("epoch of a deleted environment: %v", err)
	}
	mustUpdate(t, s, store.Account, func(tx store.Tx) error {
		e := newEnvironment(2, "p", envKeys[0])
		e.ID = envOne
		tx.PutEnvironment(e)
		return nil
	})
	next, err := s.Epoch(envOne)
	if err != nil {
		t.Fatalf("epoch: %v", err)
	}
	if seen[next] = true; len(seen) != 4 {
		t.Errorf("epochs %s, %s and, of the first environment when it came back, %s", first, other, next)
	}
	m.Stop(t)
}
