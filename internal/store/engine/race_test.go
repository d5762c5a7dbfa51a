package engine_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
)

// happened is one write, at its place in the order of the log, and what the model makes of it.
type happened struct {
	seq   int64
	name  string
	check func(*raced) error
}

// raced is the model of one segment.
type raced struct {
	now        model
	there      bool
	generation segment.Generation
	sessions   map[segment.RunID]*racing
	points     map[segment.Revision]model // by the revision up to which they reach
}

// racing is an open session of the model.
type racing struct {
	opened     int64
	superseded bool
	journal    []segment.Change
}

func (r *raced) apply(changes []segment.Change) {
	for _, c := range changes {
		r.now.apply(c.Hash, c.Ops)
	}
	for _, s := range r.sessions {
		s.journal = append(s.journal, changes...)
	}
}

// exchange makes a model the members, and those before a point.
func (r *raced) exchange(rev segment.Revision, after model, opened int64) {
	if len(r.now) > 0 {
		r.points[rev-1] = r.now
	}
	r.now = after
	r.supersede(opened)
}

func (r *raced) supersede(opened int64) {
	for _, s := range r.sessions {
		s.superseded = s.superseded || s.opened < opened
	}
}

// race is a store on which many work on one segment.
type race struct {
	disk   *vfs.MemFS
	driver *pebblestore.Store
	*engine.Engine

	seq     atomic.Int64
	serial  atomic.Int64
	mu      sync.Mutex
	history []happened
	open    []segment.RunID
}

func (r *race) start(t *testing.T) {
	t.Helper()
	var err error
	if r.driver, err = pebblestore.Open("data", r.disk, quiet, func(err error) { t.Error(err) }); err != nil {
		t.Fatal(err)
	}
	watch, err := engine.NewWatch(t.Context(), r.driver, r.driver, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	o := engine.Options{Logger: quiet, InlineChanges: 12, SegmentPending: 20, TotalPending: 100, MaxPoints: 10_000}
	if r.Engine, err = engine.Open(t.Context(), watch, watch, o); err != nil {
		t.Fatal(err)
	}
}

func (r *race) end(t *testing.T) {
	t.Helper()
	if err := errors.Join(r.Close(), r.driver.Close()); err != nil {
		t.Error(err)
	}
}

// write runs a write and notes it with what the model has to check about its outcome.
func (r *race) write(t *testing.T, name string, fn func(store.Tx) error, outcome func(segment.Revision, error) func(*raced) error) error {
	var seq int64
	rev, err := r.Update(t.Context(), store.Scope{Env: testEnv}, func(tx store.Tx) error {
		seq = r.seq.Add(1)
		return fn(tx)
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history = append(r.history, happened{seq, name, outcome(rev, err)})
	return err
}

// TestRacesAreInTheOrderOfTheLog lets deltas, replaces, rollbacks, folds, deletions and re-creations of
// one segment race, restarts in between, and demands that every answer and what is left are those of a
// model to which the same was done in the order in which the writes ran.
func TestRacesAreInTheOrderOfTheLog(t *testing.T) {
	const rounds, each = 5, 12
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := &race{disk: vfs.NewCrashableMem()}
	r.start(t)
	d := &disk{Engine: r.Engine}
	d.found(t)
	m := &raced{now: model{}, there: true, generation: 1, sessions: map[segment.RunID]*racing{}, points: map[segment.Revision]model{}}
	for round := range rounds {
		var wg sync.WaitGroup
		for i, do := range []func(*testing.T, *rand.Rand){r.delta, r.delta, r.delta, r.replace, r.replace, r.rollBack, r.fold, r.recreate} {
			rng := rand.New(rand.NewPCG(seed, uint64(round*100+i)))
			wg.Go(func() {
				for range each {
					do(t, rng)
				}
			})
		}
		wg.Wait()
		slices.SortFunc(r.history, func(a, b happened) int { return cmp.Compare(a.seq, b.seq) })
		for _, h := range r.history {
			if err := h.check(m); err != nil {
				t.Fatalf("round %d, write %d, %s: %v", round, h.seq, h.name, err)
			}
		}
		r.history = nil
		r.compare(t, m)
		r.end(t)
		if round%2 == 0 {
			r.disk = clone(r.disk, 0)
		}
		r.start(t)
		r.compare(t, m)
	}
	r.end(t)
}

// compare demands that the segment is as in the model.
func (r *race) compare(t *testing.T, m *raced) {
	t.Helper()
	wantInvariants(t, r.Engine)
	if m.there {
		s, err := r.Snapshot(testEnv, segment.Ref{Key: "vip", Generation: m.generation})
		if err != nil {
			t.Fatal(err)
		}
		wantMembersOf(t, "the segment", s, m.now)
	}
	sessions, err := r.Sessions(testEnv)
	if err != nil || len(sessions) != len(m.sessions) {
		t.Fatalf("%d sessions, %v; want %d", len(sessions), err, len(m.sessions))
	}
	for _, s := range sessions {
		want := maps.Clone(m.now)
		for _, c := range m.sessions[s.ID].journal {
			want.apply(c.Hash, c.Ops)
		}
		got, err := r.Collected(t.Context(), testEnv, "vip", s.ID)
		if err != nil {
			t.Fatal(err)
		}
		wantMembersOf(t, "session "+string(s.ID), got, want)
	}
	points, err := r.Points(testEnv, "vip")
	if err != nil || len(points) != len(m.points) {
		t.Fatalf("%d points, %v; want %d", len(points), err, len(m.points))
	}
	for _, p := range points {
		got, err := r.PointMembers(t.Context(), testEnv, "vip", p.ID)
		if err != nil {
			t.Fatal(err)
		}
		wantMembersOf(t, fmt.Sprint("the point of ", p.Revision), got, m.points[p.Revision])
	}
}

func wantMembersOf(t *testing.T, what string, m store.Members, want model) {
	t.Helper()
	got := model{}
	for c, err := range m.All(nil) {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		got[c.Hash] = c.Ops
	}
	if !maps.Equal(got, want) || m.Counts() != want.counts() {
		t.Fatalf("%s has %d members and says %+v, want %d", what, len(got), m.Counts(), len(want))
	}
}

// delta sends up to twenty changes, of which some have no effect.
func (r *race) delta(t *testing.T, rng *rand.Rand) {
	c := &segment.Changes{}
	var plain []segment.Change
	from, ops := rng.IntN(60), []segment.Ops{segment.Include, segment.Uninclude}[rng.IntN(2)]
	for i := range 1 + rng.IntN(20) {
		c.Append(userKey(from+i), ops)
		plain = append(plain, segment.Change{Hash: segment.HashOf(userKey(from + i)), Ops: ops})
	}
	st, err := r.Stage(t.Context(), c)
	if err != nil {
		t.Error(err)
		return
	}
	defer st.Discard()
	var effect store.Effect
	_ = r.write(t, "delta", func(tx store.Tx) (err error) {
		effect, err = tx.Apply(testEnv, "vip", st)
		return err
	}, func(_ segment.Revision, err error) func(*raced) error {
		return func(m *raced) error {
			if !m.there {
				return wanted(err, store.ErrUnbounded)
			}
			m.apply(plain)
			if err != nil || effect.Counts != m.now.counts() {
				return fmt.Errorf("effect %+v, %w; want %+v", effect, err, m.now.counts())
			}
			return nil
		}
	})
}

func wanted(got, want error) error {
	if !errors.Is(got, want) {
		return fmt.Errorf("%w, want %w", got, want)
	}
	return nil
}

// replace opens a session, or goes on with one that was open, and publishes a whole list.
func (r *race) replace(t *testing.T, rng *rand.Rand) {
	id := r.session(t, rng)
	if id == "" || rng.IntN(3) == 0 { // it stays open, perhaps over a restart
		r.putBack(id)
		return
	}
	load, err := r.Load(t.Context(), store.LoadReplace)
	if err != nil {
		t.Error(err)
		return
	}
	defer load.Discard()
	w := load.Writer()
	list := model{}
	from := rng.IntN(60)
	for i := range 1 + rng.IntN(30) {
		if err := w.Append(userKey(from + i)); err != nil {
			t.Error(err)
		}
		list[segment.HashOf(userKey(from+i))] = segment.Include
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	for err = store.ErrStale; errors.Is(err, store.ErrStale); {
		var st store.Staged
		if st, _, err = load.Seal(t.Context(), testEnv, "vip", id); err != nil {
			r.putBack(id) // the segment is deleted at this moment, or the session was
			return
		}
		err = r.publish(t, id, st, list)
		st.Discard()
	}
	if errors.Is(err, store.ErrSuperseded) {
		r.drop(t, id)
	}
}

func (r *race) putBack(id segment.RunID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id != "" {
		r.open = append(r.open, id)
	}
}

// session returns an open session that nobody else works on.
func (r *race) session(t *testing.T, rng *rand.Rand) segment.RunID {
	r.mu.Lock()
	if n := len(r.open); n > 0 && rng.IntN(2) == 0 {
		id := r.open[n-1]
		r.open = r.open[:n-1]
		r.mu.Unlock()
		return id
	}
	r.mu.Unlock()
	id := segment.RunID(fmt.Sprintf("%024x", r.serial.Add(1)))
	var opened int64
	err := r.write(t, "open", func(tx store.Tx) error {
		opened = r.seq.Load()
		tx.OpenSession(store.Session{Env: testEnv, Segment: "vip", ID: id})
		return nil
	}, func(_ segment.Revision, err error) func(*raced) error {
		return func(m *raced) error {
			if !m.there {
				return wanted(err, store.ErrUnbounded)
			}
			m.sessions[id] = &racing{opened: opened}
			return err
		}
	})
	if err != nil {
		return ""
	}
	return id
}

func (r *race) publish(t *testing.T, id segment.RunID, st store.Staged, list model) error {
	var effect store.Effect
	return r.write(t, "publish", func(tx store.Tx) (err error) {
		effect, err = tx.Publish(testEnv, "vip", store.Publication{Session: id, Staged: st, Reason: segment.PointReplace, Run: id})
		tx.CloseSession(testEnv, "vip", id)
		return err
	}, func(rev segment.Revision, err error) func(*raced) error {
		return func(m *raced) error {
			s := m.sessions[id]
			switch {
			case !m.there:
				return wanted(err, store.ErrUnbounded)
			case s == nil:
				return wanted(err, store.ErrNoSession)
			case s.superseded:
				return wanted(err, store.ErrSuperseded)
			case errors.Is(err, store.ErrStale):
				return nil
			}
			after := maps.Clone(list)
			for _, c := range s.journal {
				after.apply(c.Hash, c.Ops)
			}
			delete(m.sessions, id)
			if err != nil || effect.Counts != after.counts() {
				return fmt.Errorf("effect %+v, %w; want %+v", effect, err, after.counts())
			}
			if maps.Equal(after, m.now) && rev == 0 {
				m.supersede(s.opened)
				return nil
			}
			m.exchange(rev, after, s.opened)
			return nil
		}
	})
}

func (r *race) drop(t *testing.T, id segment.RunID) {
	_ = r.write(t, "drop", func(tx store.Tx) error {
		tx.CloseSession(testEnv, "vip", id)
		return nil
	}, func(_ segment.Revision, err error) func(*raced) error {
		return func(m *raced) error {
			delete(m.sessions, id)
			return err
		}
	})
}

// rollBack publishes a point.
func (r *race) rollBack(t *testing.T, rng *rand.Rand) {
	points, err := r.Points(testEnv, "vip")
	if err != nil {
		t.Error(err)
	}
	if len(points) == 0 {
		return
	}
	p := points[rng.IntN(min(len(points), 5))]
	_ = r.write(t, "roll back", func(tx store.Tx) error {
		_, err := tx.Publish(testEnv, "vip", store.Publication{Point: p.ID, Reason: segment.PointRollback})
		return err
	}, func(rev segment.Revision, err error) func(*raced) error {
		return func(m *raced) error {
			if !m.there {
				return wanted(err, store.ErrUnbounded)
			}
			if m.points[p.Revision] == nil {
				return fmt.Errorf("the point of revision %d is none", p.Revision)
			}
			m.exchange(rev, maps.Clone(m.points[p.Revision]), 1<<62)
			return err
		}
	})
}

func (r *race) fold(t *testing.T, _ *rand.Rand) {
	if err := r.Fold(t.Context(), testEnv); err != nil {
		t.Error(err)
	}
}

// recreate deletes the segment, seldom, and creates it again.
func (r *race) recreate(t *testing.T, rng *rand.Rand) {
	if rng.IntN(6) != 0 {
		return
	}
	_ = r.write(t, "delete", func(tx store.Tx) error {
		tx.DeleteSegment(testEnv, "vip")
		return nil
	}, func(rev segment.Revision, err error) func(*raced) error {
		return func(m *raced) error {
			m.exchange(rev, model{}, 0)
			m.there = false
			clear(m.sessions)
			return err
		}
	})
	_ = r.write(t, "create", func(tx store.Tx) error {
		s := unbounded("vip", tx.LastGeneration(testEnv, "vip")+1)
		s.Version = tx.LastVersion(testEnv, segment.SegmentDefinition, "vip") + 1
		tx.PutSegment(s)
		return nil
	}, func(_ segment.Revision, err error) func(*raced) error {
		return func(m *raced) error {
			m.there = true
			m.generation++
			return err
		}
	})
}
