package engine_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

// drawnSession is an open session of the property test: what a publication of it must become.
type drawnSession struct {
	id      segment.RunID
	start   segment.Revision
	list    []int
	staged  store.Staged
	mode    store.LoadMode
	journal []segment.Change // as sent, since it began
	kept    bool
	sealed  int // how many exchanges there had been

	superseded bool
}

func (s *drawnSession) String() string {
	return fmt.Sprintf("%s from %d, mode %d, %d listed, %d kept changes", s.id, s.start, s.mode, len(s.list), len(s.journal))
}

// exchange is the state of the property test.
type exchange struct {
	d        *disk
	now      model
	sessions []*drawnSession
	points   map[segment.PointID]model
	done     int // exchanges
	n        int
}

// TestExchangesAreWhatMapsSay runs deltas, sealed lists, publications, held changes, rollbacks,
// folds and restarts against maps, and the log of it all.
func TestExchangesAreWhatMapsSay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := &disk{fs: newDisk(t, engine.Options{}).fs, dir: "script", o: engine.Options{InlineChanges: 30, SegmentPending: 25, TotalPending: 100}}
		d.o.SmallRoster = rapid.SampledFrom([]int{0, 1}).Draw(rt, "small roster")
		d.o.Logger = newDisk(t, engine.Options{}).o.Logger
		d.open(t)
		defer func() { d.close(t) }()
		d.found(t)
		x := &exchange{d: d, now: model{}, points: map[segment.PointID]model{}}
		rt.Repeat(map[string]func(*rapid.T){
			"delta":    func(rt *rapid.T) { x.delta(rt, t) },
			"delta 2":  func(rt *rapid.T) { x.delta(rt, t) },
			"open":     func(rt *rapid.T) { x.open(rt, t) },
			"seal":     func(rt *rapid.T) { x.seal(rt, t) },
			"publish":  func(rt *rapid.T) { x.publish(rt, t) },
			"park":     func(rt *rapid.T) { x.park(rt, t) },
			"settle":   func(rt *rapid.T) { x.settle(rt, t) },
			"rollback": func(rt *rapid.T) { x.rollback(rt, t) },
			"fold": func(rt *rapid.T) {
				if err := d.Fold(t.Context(), testEnv); err != nil {
					rt.Fatal(err)
				}
			},
			"reopen": func(*rapid.T) {
				d.reopen(t)
				for _, s := range x.sessions {
					if s.staged != nil && !s.kept {
						s.staged = nil // it lay in nobody's row
					}
				}
			},
			"": func(rt *rapid.T) { x.check(rt, t) },
		})
	})
}

func (x *exchange) sent(list []segment.Change) {
	for _, s := range x.sessions {
		s.journal = append(s.journal, list...)
	}
}

func drawChanges(rt *rapid.T) (*segment.Changes, []segment.Change) {
	var plain []segment.Change
	c := &segment.Changes{}
	from := rapid.IntRange(0, 40).Draw(rt, "from")
	ops := rapid.SampledFrom([]segment.Ops{segment.Include, segment.Include, segment.Uninclude, segment.Exclude, segment.Unexclude}).Draw(rt, "ops")
	for i := from; i < from+rapid.IntRange(1, 40).Draw(rt, "changes"); i++ {
		c.Append(userKey(i), ops)
		plain = append(plain, segment.Change{Hash: segment.HashOf(userKey(i)), Ops: ops})
	}
	return c, plain
}

func (x *exchange) delta(rt *rapid.T, t *testing.T) {
	c, plain := drawChanges(rt)
	st, err := x.d.Stage(t.Context(), c)
	if err != nil {
		rt.Fatal(err)
	}
	defer st.Discard()
	want := effectOf(x.now, plain)
	var got store.Effect
	x.d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) (err error) {
		got, err = tx.Apply(testEnv, "vip", st)
		return err
	})
	for _, ch := range plain {
		x.now.apply(ch.Hash, ch.Ops)
	}
	if want.Counts = x.now.counts(); got != want {
		rt.Fatalf("delta did %+v, want %+v", got, want)
	}
	x.sent(plain)
}

func effectOf(m model, changes []segment.Change) (e store.Effect) {
	for _, ch := range changes {
		switch eff := ch.Ops.Effective(m[ch.Hash]); {
		case eff == 0:
			e.Unchanged++
		case eff.Settled() != 0:
			e.Added++
		default:
			e.Removed++
		}
	}
	return e
}

func (x *exchange) open(rt *rapid.T, t *testing.T) {
	if len(x.sessions) == 3 {
		rt.Skip("enough sessions")
	}
	x.n++
	s := &drawnSession{
		id:   segment.RunID(fmt.Sprintf("%024x", x.n)),
		mode: rapid.SampledFrom([]store.LoadMode{store.LoadReplace, store.LoadReplace, store.LoadInclude, store.LoadRemove}).Draw(rt, "mode"),
		list: rapid.SliceOfN(rapid.IntRange(0, 80), 0, 60).Draw(rt, "list"),
	}
	x.d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		tx.OpenSession(store.Session{Env: testEnv, Segment: "vip", ID: s.id, Detail: []byte("d")})
		return nil
	})
	head, err := x.d.Head(testEnv)
	if err != nil {
		rt.Fatal(err)
	}
	s.start = head
	x.sessions = append(x.sessions, s)
}

func (x *exchange) drawn(rt *rapid.T, ok func(*drawnSession) bool) *drawnSession {
	var fit []*drawnSession
	for _, s := range x.sessions {
		if ok(s) {
			fit = append(fit, s)
		}
	}
	if len(fit) == 0 {
		rt.Skip("no such session")
	}
	return rapid.SampledFrom(fit).Draw(rt, "session")
}

func (x *exchange) seal(rt *rapid.T, t *testing.T) {
	s := x.drawn(rt, func(s *drawnSession) bool { return s.staged == nil })
	l, err := x.d.Load(t.Context(), s.mode)
	if err != nil {
		rt.Fatal(err)
	}
	defer l.Discard()
	w := l.Writer()
	for _, i := range s.list {
		if err := w.Append(userKey(i)); err != nil {
			rt.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		rt.Fatal(err)
	}
	snapshot, err := x.d.Snapshot(testEnv, vip)
	if err != nil {
		rt.Fatal(err)
	}
	compared, err := l.Compare(t.Context(), snapshot)
	if err != nil {
		rt.Fatal(err)
	}
	staged, diff, err := l.Seal(t.Context(), testEnv, "vip", s.id)
	if err != nil {
		rt.Fatal(err)
	}
	want := listDiff(x.now, s)
	for _, got := range []segment.Diff{compared, diff} {
		if got.Added != want.Added || got.Removed != want.Removed || got.Unchanged != want.Unchanged {
			rt.Fatalf("the list differs by %+v, want %+v", got, want)
		}
	}
	s.staged, s.sealed = staged, x.done
}

// listed returns the contexts of a list.
func (s *drawnSession) listed() map[segment.Hash]bool {
	m := map[segment.Hash]bool{}
	for _, i := range s.list {
		m[segment.HashOf(userKey(i))] = true
	}
	return m
}

func listDiff(now model, s *drawnSession) (d segment.Diff) {
	listed := s.listed()
	d.Unchanged = len(s.list) - len(listed)
	for h := range listed {
		in := now[h]&segment.Include != 0
		switch {
		case s.mode == store.LoadRemove && in:
			d.Removed++
		case s.mode == store.LoadRemove || in:
			d.Unchanged++
		default:
			d.Added++
		}
	}
	for h, ops := range now {
		if s.mode == store.LoadReplace && ops&segment.Include != 0 && !listed[h] {
			d.Removed++
		}
	}
	return d
}

// over returns what a session's list makes of the members as they were when it was sealed, with
// everything since the session began laid over it.
func (s *drawnSession) over(now model) model {
	after := maps.Clone(now)
	listed := s.listed()
	switch s.mode {
	case store.LoadReplace:
		for h := range after {
			after.apply(h, segment.Uninclude)
		}
		for h := range listed {
			after.apply(h, segment.Include)
		}
		for _, c := range s.journal {
			after.apply(c.Hash, c.Ops)
		}
	case store.LoadInclude:
		for h := range listed {
			after.apply(h, segment.Include)
		}
	default:
		for h := range listed {
			after.apply(h, segment.Uninclude)
		}
	}
	return after
}

// publish publishes a list of everybody, or applies another one, and closes its session.
func (x *exchange) publish(rt *rapid.T, t *testing.T) {
	s := x.drawn(rt, func(s *drawnSession) bool { return s.staged != nil })
	defer s.discard()
	if s.mode != store.LoadReplace {
		x.applyList(rt, t, s)
		return
	}
	before := x.pointIDs(rt)
	after := s.over(x.now)
	if s.kept && s.sealed == x.done && !s.superseded {
		x.collected(rt, t, s, after)
	}
	var got store.Effect
	rev, err := x.d.Update(t.Context(), store.Scope{Env: testEnv}, func(tx store.Tx) (err error) {
		p := store.Publication{Session: s.id, Reason: segment.PointReplace, Run: s.id}
		if !s.kept {
			p.Staged = s.staged
		}
		if got, err = tx.Publish(testEnv, "vip", p); err == nil {
			tx.CloseSession(testEnv, "vip", s.id)
		}
		return err
	})
	if s.superseded {
		if !errors.Is(err, store.ErrSuperseded) {
			rt.Fatalf("session %s was published after a newer one: %v", s.id, err)
		}
		x.drop(t, s)
		return
	}
	if s.sealed != x.done {
		if !errors.Is(err, store.ErrStale) {
			rt.Fatalf("a list that was compared with other members was published: %v", err)
		}
		if s.kept {
			x.drop(t, s)
		} else {
			s.discard()
			s.staged = nil
		}
		return
	}
	if err != nil {
		rt.Fatal(err)
	}
	if got.Counts != after.counts() {
		rt.Fatalf("after the publication %+v, want %+v", got.Counts, after.counts())
	}
	added, removed := differ(x.now, after, segment.Include|segment.Exclude)
	if !got.Uncounted && (got.Added != added || got.Removed != removed) {
		rt.Fatalf("publication did %+v, want %d added and %d removed", got, added, removed)
	}
	exchanged := got.Uncounted || !maps.Equal(x.now, after)
	x.supersede(slices.Index(x.sessions, s))
	if exchanged {
		x.done++
		x.counted(rt, t, rev, x.now, after)
	}
	x.keep(rt, before)
	x.now = after
	x.sessions = slices.DeleteFunc(x.sessions, func(o *drawnSession) bool { return o == s })
}

// differ counts contexts in which two memberships differ, looking at some operations only.
func differ(a, b model, mask segment.Ops) (added, removed int) {
	all := map[segment.Hash]bool{}
	for h := range a {
		all[h] = true
	}
	for h := range b {
		all[h] = true
	}
	for h := range all {
		switch was, is := a[h]&mask, b[h]&mask; {
		case is&^was != 0:
			added++
		case was&^is != 0:
			removed++
		}
	}
	return added, removed
}

// counted waits for the count of a publication and compares it.
func (x *exchange) counted(rt *rapid.T, t *testing.T, rev segment.Revision, before, after model) {
	d, err := x.d.Counted(t.Context(), testEnv, vip, rev)
	if err != nil {
		rt.Fatal(err)
	}
	if added, removed := differ(before, after, segment.Include|segment.Exclude); d.Added != added || d.Removed != removed {
		rt.Fatalf("counted %+v, want %d added and %d removed", d, added, removed)
	}
}

func (x *exchange) applyList(rt *rapid.T, t *testing.T, s *drawnSession) {
	if s.kept {
		rt.Skip("kept for a release")
	}
	after := s.over(x.now)
	var list []segment.Change
	for h := range s.listed() {
		ops := segment.Include
		if s.mode == store.LoadRemove {
			ops = segment.Uninclude
		}
		list = append(list, segment.Change{Hash: h, Ops: ops})
	}
	var got store.Effect
	x.d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) (err error) {
		got, err = tx.Apply(testEnv, "vip", s.staged)
		tx.CloseSession(testEnv, "vip", s.id)
		return err
	})
	want := effectOf(x.now, list)
	want.Unchanged += len(s.list) - len(list)
	if want.Counts = after.counts(); got != want {
		rt.Fatalf("the list did %+v, want %+v", got, want)
	}
	x.now = after
	x.sessions = slices.DeleteFunc(x.sessions, func(o *drawnSession) bool { return o == s })
	x.sent(list)
}

func (x *exchange) drop(t *testing.T, s *drawnSession) {
	x.d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error { tx.CloseSession(testEnv, "vip", s.id); return nil })
	x.sessions = slices.DeleteFunc(x.sessions, func(o *drawnSession) bool { return o == s })
	s.discard()
}

// discard frees a list that nobody keeps.
func (s *drawnSession) discard() {
	if s.staged != nil && !s.kept {
		s.staged.Discard()
	}
}

// park keeps a sealed list, or adds changes to a session without applying them.
func (x *exchange) park(rt *rapid.T, t *testing.T) {
	if rapid.Bool().Draw(rt, "list") {
		s := x.drawn(rt, func(s *drawnSession) bool { return s.staged != nil && !s.kept })
		_, err := x.d.Update(t.Context(), store.Scope{Env: testEnv}, func(tx store.Tx) error { return tx.Keep(testEnv, "vip", s.id, -1, s.staged) })
		var want error
		switch {
		case s.mode != store.LoadReplace:
		case s.superseded:
			want = store.ErrSuperseded
		case s.sealed != x.done:
			want = store.ErrStale
		}
		if !errors.Is(err, want) {
			rt.Fatalf("kept a list: %v, want %v", err, want)
		}
		s.kept = err == nil
		return
	}
	s := x.drawn(rt, func(*drawnSession) bool { return true })
	c, plain := drawChanges(rt)
	st, err := x.d.Stage(t.Context(), c)
	if err != nil {
		rt.Fatal(err)
	}
	defer st.Discard()
	var got store.Effect
	x.d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) (err error) {
		got, err = tx.Park(testEnv, "vip", s.id, st)
		return err
	})
	if want := effectOf(x.now, plain); got.Added != want.Added || got.Removed != want.Removed || got.Unchanged != want.Unchanged {
		rt.Fatalf("parked changes would do %+v, want %+v", got, want)
	}
	x.sent(plain)
}

// supersede marks the oldest n sessions.
func (x *exchange) supersede(n int) {
	for _, s := range x.sessions[:n] {
		s.superseded = true
	}
}

// settle releases what a session keeps as a delta.
func (x *exchange) settle(rt *rapid.T, t *testing.T) {
	s := x.drawn(rt, func(s *drawnSession) bool { return s.mode != store.LoadReplace && (s.staged == nil || s.kept) })
	before := x.pointIDs(rt)
	after := maps.Clone(x.now)
	var sent []segment.Change
	if s.kept {
		after = s.over(x.now)
		for h := range s.listed() {
			ops := segment.Include
			if s.mode == store.LoadRemove {
				ops = segment.Uninclude
			}
			sent = append(sent, segment.Change{Hash: h, Ops: ops})
		}
	}
	for _, c := range s.journal {
		after.apply(c.Hash, c.Ops)
	}
	sent = append(sent, s.journal...)
	if !s.superseded {
		x.collected(rt, t, s, after)
	}
	var got store.Effect
	rev, err := x.d.Update(t.Context(), store.Scope{Env: testEnv}, func(tx store.Tx) (err error) {
		got, err = tx.Settle(testEnv, "vip", s.id)
		return err
	})
	if (err == nil) == s.superseded {
		rt.Fatalf("session %s, superseded: %t, was settled: %v", s.id, s.superseded, err)
	}
	if errors.Is(err, store.ErrSuperseded) {
		x.drop(t, s)
		return
	}
	if err != nil {
		rt.Fatal(err)
	}
	if got.Counts != after.counts() {
		rt.Fatalf("after the release %+v, want %+v", got.Counts, after.counts())
	}
	if got.Uncounted {
		x.supersede(len(x.sessions))
		x.done++
		x.counted(rt, t, rev, x.now, after)
	}
	x.keep(rt, before)
	x.now = after
	x.sessions = slices.DeleteFunc(x.sessions, func(o *drawnSession) bool { return o == s })
	x.sent(sent)
}

// collected checks what a session says that it would make of the members.
func (x *exchange) collected(rt *rapid.T, t *testing.T, s *drawnSession, want model) {
	m, err := x.d.Collected(t.Context(), testEnv, "vip", s.id)
	if err != nil {
		rt.Fatal(err)
	}
	if m.Counts() != want.counts() {
		rt.Fatalf("the session would make %+v, want %+v", m.Counts(), want.counts())
	}
	got := model{}
	for c, err := range m.All(nil) {
		if err != nil {
			rt.Fatal(err)
		}
		got.apply(c.Hash, c.Ops)
	}
	if !maps.Equal(want, got) {
		rt.Fatalf("the session would make %v, want %v", got, want)
	}
}

func (x *exchange) pointIDs(rt *rapid.T) map[segment.PointID]bool {
	ids := map[segment.PointID]bool{}
	all, err := x.d.Points(testEnv, "vip")
	if err != nil {
		rt.Fatal(err)
	}
	for _, p := range all {
		ids[p.ID] = true
	}
	return ids
}

// keep notes what the new point, if there is one, must hold.
func (x *exchange) keep(rt *rapid.T, before map[segment.PointID]bool) {
	for id := range x.pointIDs(rt) {
		if !before[id] {
			x.points[id] = maps.Clone(x.now)
		}
	}
}

func (x *exchange) rollback(rt *rapid.T, t *testing.T) {
	if len(x.points) == 0 {
		rt.Skip("no point")
	}
	id := rapid.SampledFrom(slices.Sorted(maps.Keys(x.points))).Draw(rt, "point")
	before := x.pointIDs(rt)
	var got store.Effect
	rev := x.d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) (err error) {
		got, err = tx.Publish(testEnv, "vip", store.Publication{Point: id, Reason: segment.PointRollback})
		return err
	})
	after := maps.Clone(x.points[id])
	if got.Counts != after.counts() {
		rt.Fatalf("after the rollback %+v, want %+v", got.Counts, after.counts())
	}
	x.supersede(len(x.sessions))
	x.done++
	x.counted(rt, t, rev, x.now, after)
	x.keep(rt, before)
	x.now = after
}

func (x *exchange) check(rt *rapid.T, t *testing.T) {
	wantModel(rt, x.d, x.now)
	waiting := 0
	for _, s := range x.sessions {
		if s.staged != nil && !s.kept {
			waiting++
		}
	}
	if err := errors.Join(x.d.CheckNames(t.Context(), waiting+1), x.d.CheckPending()); err != nil {
		rt.Fatal(err)
	}
	replayed := model{}
	for en, err := range x.d.Entries(t.Context(), testEnv, 0) {
		if err != nil {
			rt.Fatal(err)
		}
		for _, m := range en.Members {
			n := 0
			err := m.Each(nil, func(c segment.Change) bool {
				found, err := m.Find(c.Hash)
				if err != nil || found != c.Ops {
					rt.Fatalf("revision %d: Find says %04b of %s, Each %04b: %v", en.Revision, found, c.Hash, c.Ops, err)
				}
				replayed.apply(c.Hash, c.Ops)
				n++
				return true
			})
			if err != nil || n > m.Len {
				rt.Fatalf("revision %d: %d changes, at most %d were announced: %v", en.Revision, n, m.Len, err)
			}
		}
	}
	if !maps.Equal(replayed, x.now) {
		rt.Fatalf("the log replays to %d contexts, want %d", len(replayed), len(x.now))
	}
	for id, want := range x.points {
		m, err := x.d.PointMembers(t.Context(), testEnv, "vip", id)
		if errors.Is(err, store.ErrNoPoint) {
			continue
		}
		if err != nil {
			rt.Fatal(err)
		}
		got := model{}
		for c, err := range m.All(nil) {
			if err != nil {
				rt.Fatal(err)
			}
			got[c.Hash] = c.Ops
		}
		if !maps.Equal(got, want) || m.Counts() != want.counts() {
			rt.Fatalf("point %s holds %d contexts, %+v, want %d", id, len(got), m.Counts(), len(want))
		}
	}
}
