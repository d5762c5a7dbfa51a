package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"muster/internal/segment"
	"muster/internal/store"
)

// retained is a point of a world.
type retained struct {
	id       segment.PointID  // "" until it was seen in a store
	revision segment.Revision // 0 while it is not known
	ref      segment.Ref
	set      memberSet
	reason   segment.PointReason
	run      segment.RunID
	kept     bool
}

// collecting is an open session of a world.
type collecting struct {
	key     segment.Key
	id      segment.RunID
	start   segment.Revision // 0 while it is not known
	began   int              // when it was opened, by the world's serial numbers
	detail  []byte
	pages   map[int][]segment.Change
	journal []segment.Change // as sent, oldest first
	kept    *list
}

// list is a sealed list.
type list struct {
	mode      store.LoadMode
	listed    map[segment.Hash]bool
	appended  int // with repeats
	exchanges int // of the ref when it was sealed
}

// ops returns what an entry of the list does.
func (l *list) ops() segment.Ops {
	if l.mode == store.LoadRemove {
		return segment.Uninclude
	}
	return segment.Include
}

// changes returns the list as changes.
func (l *list) changes() []segment.Change {
	var all []segment.Change
	for h := range l.listed {
		all = append(all, segment.Change{Hash: h, Ops: l.ops()})
	}
	return all
}

func (c *collecting) clone() *collecting {
	d := *c
	d.pages, d.journal = maps.Clone(c.pages), slices.Clip(c.journal)
	return &d
}

// diff says how a list differs from members.
func (l *list) diff(now memberSet) segment.Diff {
	d := segment.Diff{Unchanged: l.appended - len(l.listed)}
	for h := range l.listed {
		switch in := now[h]&segment.Include != 0; {
		case in && l.mode == store.LoadRemove:
			d.Removed++
		case in || l.mode == store.LoadRemove:
			d.Unchanged++
		default:
			d.Added++
		}
	}
	for h, ops := range now {
		if l.mode == store.LoadReplace && ops&segment.Include != 0 && !l.listed[h] {
			d.Removed++
		}
	}
	return d
}

// over returns what publishing a list makes of the members: excluded contexts stay, and everything
// that the session kept lies over it.
func (l *list) over(now memberSet, journal []segment.Change) memberSet {
	after := memberSet{}
	for h, ops := range now {
		if ops&segment.Exclude != 0 {
			after[h] = segment.Exclude
		}
	}
	after.apply(l.changes())
	after.apply(journal)
	return after
}

// differ counts the contexts in which one membership differs from another, as added or removed.
func differ(before, after memberSet) (added, removed int) {
	for h, is := range after {
		if is&^before[h] != 0 {
			added++
		} else if before[h] != is {
			removed++
		}
	}
	for h := range before {
		if after[h] == 0 {
			removed++
		}
	}
	return added, removed
}

// live returns the ref that stands for an unbounded segment as long as it lives, and its members; false if
// there is none.
func (e *envWorld) live(key segment.Key) (segment.Ref, memberSet, bool) {
	s := e.segments[key]
	if s == nil || !s.Unbounded {
		return segment.Ref{}, nil, false
	}
	return s.Home(), e.members[s.Ref()], true
}

// sent notes changes that were applied or parked: every open session of the segment keeps them.
func (e *envWorld) sent(key segment.Key, changes []segment.Change) {
	for name, c := range e.sessions {
		if c.key == key {
			c = c.clone()
			c.journal = append(c.journal, changes...)
			e.sessions[name] = c
		}
	}
}

// ended forgets the sessions of a segment.
func (e *envWorld) ended(key segment.Key) {
	maps.DeleteFunc(e.sessions, func(_ segment.RunID, c *collecting) bool { return c.key == key })
}

// retain makes a point of the members that a segment had, if there are any.
func (e *envWorld) retain(key segment.Key, reason segment.PointReason, run segment.RunID) {
	ref, _, ok := e.live(key)
	if !ok {
		return
	}
	set := e.was[e.segments[key].Ref()]
	if len(set) == 0 {
		return
	}
	e.points[key] = append(slices.Clip(e.points[key]), &retained{ref: ref, set: maps.Clone(set), reason: reason, run: run})
}

// exchange makes a set the members of a segment.
func (e *envWorld) exchange(key segment.Key, set memberSet, reason segment.PointReason, run segment.RunID, since int) {
	e.retain(key, reason, run)
	ref, _, _ := e.live(key)
	e.setMembers(e.segments[key], set)
	e.exchanges[ref]++
	e.since[ref] = since
}

// known fills in what a committed update of an environment has decided.
func (e *envWorld) known(head, rev segment.Revision) {
	for name, c := range e.sessions {
		if c.start == 0 {
			c = c.clone()
			c.start = head
			e.sessions[name] = c
		}
	}
	for _, points := range e.points {
		for _, p := range points {
			if p.revision == 0 && rev > 0 {
				p.revision = rev - 1
			}
		}
	}
}

// openStep opens a session of a segment.
func openStep(env segment.EnvID, key segment.Key) step {
	return func(tx store.Tx, w *world) error {
		e := w.envs[env]
		if _, _, ok := e.live(key); !ok {
			return nil
		}
		n := w.next()
		c := &collecting{key: key, id: segment.RunID(idOf(n)), began: n, detail: fmt.Append(nil, "detail ", n), pages: map[int][]segment.Change{}}
		tx.OpenSession(store.Session{Env: env, Segment: key, ID: c.id, Opened: at(n), Detail: c.detail})
		e.sessions[c.id] = c
		if got, ok := tx.Session(env, key, c.id); !ok || string(got.Detail) != string(c.detail) {
			return fmt.Errorf("the update does not see the session that it opened: %+v, %t", got, ok)
		}
		return nil
	}
}

// detailStep replaces the detail of a session.
func detailStep(env segment.EnvID, id segment.RunID) step {
	return func(tx store.Tx, w *world) error {
		e := w.envs[env]
		c := e.sessions[id]
		if c == nil {
			return nil
		}
		c = c.clone()
		c.detail = fmt.Append(nil, "again ", w.next())
		e.sessions[id] = c
		tx.UpdateSession(env, c.key, id, c.detail)
		return nil
	}
}

// pageStep keeps a page of a session.
func pageStep(env segment.EnvID, id segment.RunID, page int, staged store.Staged, plain []segment.Change) step {
	return func(tx store.Tx, w *world) error {
		e := w.envs[env]
		c := e.sessions[id]
		if c == nil {
			return nil
		}
		c = c.clone()
		c.pages[page] = plain
		e.sessions[id] = c
		if err := tx.Keep(env, c.key, id, page, staged); err != nil {
			return fmt.Errorf("keep page %d: %w", page, err)
		}
		if got, _ := tx.Session(env, c.key, id); !slices.Equal(got.Pages, slices.Sorted(maps.Keys(c.pages))) {
			return fmt.Errorf("the update sees pages %v of %v", got.Pages, slices.Sorted(maps.Keys(c.pages)))
		}
		return nil
	}
}

// keepStep keeps a sealed list.
func keepStep(env segment.EnvID, id segment.RunID, staged store.Staged, sealed *list) step {
	return func(tx store.Tx, w *world) error {
		e := w.envs[env]
		c := e.sessions[id]
		if c == nil {
			return nil
		}
		ref, _, _ := e.live(c.key)
		err := tx.Keep(env, c.key, id, -1, staged)
		if want := e.refuses(c, ref, sealed); want != nil && sealed.mode == store.LoadReplace {
			if !errors.Is(err, want) {
				return fmt.Errorf("keep: %w, want %w", err, want)
			}
			return nil
		}
		c = c.clone()
		c.kept = sealed
		e.sessions[id] = c
		return err
	}
}

// refuses returns why a list can't take the place of a segment's members, nil if it can.
func (e *envWorld) refuses(c *collecting, ref segment.Ref, sealed *list) error {
	switch {
	case c.began < e.since[ref]:
		return store.ErrSuperseded
	case sealed == nil || sealed.mode != store.LoadReplace:
		return store.ErrNoSession
	case sealed.exchanges != e.exchanges[ref]:
		return store.ErrStale
	}
	return nil
}

// parkStep adds changes to a session without applying them.
func parkStep(env segment.EnvID, id segment.RunID, staged store.Staged, plain []segment.Change) step {
	return func(tx store.Tx, w *world) error {
		e := w.envs[env]
		c := e.sessions[id]
		if c == nil {
			return nil
		}
		_, set, _ := e.live(c.key)
		e.sent(c.key, plain)
		got, err := tx.Park(env, c.key, id, staged)
		if err != nil {
			return fmt.Errorf("park: %w", err)
		}
		would := maps.Clone(set).apply(plain)
		if got.Added+got.Removed != would.adds+would.drops+would.mixed || got.Unchanged != would.noops {
			return fmt.Errorf("parked changes would do %+v, want %+v", got, would)
		}
		return nil
	}
}

// closeStep closes a session.
func closeStep(env segment.EnvID, id segment.RunID) step {
	return func(tx store.Tx, w *world) error {
		e := w.envs[env]
		c := e.sessions[id]
		if c == nil {
			return nil
		}
		tx.CloseSession(env, c.key, id)
		delete(e.sessions, id)
		if got, ok := tx.Session(env, c.key, id); ok {
			return fmt.Errorf("the update sees the session that it closed: %+v", got)
		}
		return nil
	}
}

// exchanged is what a step that exchanges members has done.
type exchanged struct {
	err           error
	effect        store.Effect
	ref           segment.Ref
	before, after memberSet
	done          bool // the members were exchanged, so that there is an entry of it
}

// publishStep publishes the sealed list of a session, or the one that it keeps, and closes the session.
// What keeps it from being published is noted, and the session stays.
func publishStep(env segment.EnvID, id segment.RunID, staged store.Staged, sealed *list, reason segment.PointReason, out *exchanged) step {
	return func(tx store.Tx, w *world) error {
		*out = exchanged{}
		e := w.envs[env]
		c := e.sessions[id]
		if c == nil {
			return nil
		}
		ref, now, _ := e.live(c.key)
		if sealed == nil {
			sealed = c.kept
		}
		want := e.refuses(c, ref, sealed)
		got, err := tx.Publish(env, c.key, store.Publication{Session: id, Staged: staged, Reason: reason, Run: id})
		if want != nil {
			out.err = want
			if !errors.Is(err, want) {
				return fmt.Errorf("publish: %w, want %w", err, want)
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		tx.CloseSession(env, c.key, id)
		delete(e.sessions, id)
		after := sealed.over(now, c.journal)
		*out = exchanged{effect: got, ref: ref, before: now, after: after}
		added, removed := differ(now, after)
		since := c.began
		if reason == segment.PointRelease {
			since = w.next()
		}
		switch {
		case got.Counts != after.counts():
			return fmt.Errorf("the publication leaves %+v, want %+v", got.Counts, after.counts())
		case !got.Uncounted && (got.Added != added || got.Removed != removed):
			return fmt.Errorf("the publication did %+v, want %d added and %d removed", got, added, removed)
		case got.Uncounted || added+removed > 0:
			out.done = true
			e.exchange(c.key, after, reason, id, since)
		default:
			e.since[ref] = max(e.since[ref], since)
		}
		return nil
	}
}

// settleStep applies what a session keeps.
func settleStep(env segment.EnvID, id segment.RunID, out *exchanged) step {
	return func(tx store.Tx, w *world) error {
		*out = exchanged{}
		e := w.envs[env]
		c := e.sessions[id]
		if c == nil {
			return nil
		}
		ref, now, _ := e.live(c.key)
		var all []segment.Change
		if c.kept != nil {
			all = c.kept.changes()
		}
		all = append(all, c.journal...)
		got, err := tx.Settle(env, c.key, id)
		if errors.Is(err, store.ErrSuperseded) && c.began < e.since[ref] {
			out.err = err
			return nil
		}
		if err != nil {
			return fmt.Errorf("settle: %w", err)
		}
		after := maps.Clone(now)
		did := after.apply(all)
		delete(e.sessions, id)
		*out = exchanged{effect: got, ref: ref, before: now, after: after, done: got.Uncounted}
		if got.Uncounted {
			if got.Counts != after.counts() {
				return fmt.Errorf("the release leaves %+v, want %+v", got.Counts, after.counts())
			}
			e.exchange(c.key, after, segment.PointRelease, id, w.next())
			return nil
		}
		e.setMembers(e.segments[c.key], after)
		e.sent(c.key, all)
		return did.matches(got, after.counts())
	}
}

// rollbackStep publishes a point.
func rollbackStep(env segment.EnvID, key segment.Key, p *retained, run segment.RunID, out *exchanged) step {
	return func(tx store.Tx, w *world) error {
		*out = exchanged{}
		e := w.envs[env]
		ref, now, ok := e.live(key)
		if !ok {
			return nil
		}
		got, err := tx.Publish(env, key, store.Publication{Point: p.id, Reason: segment.PointRollback, Run: run})
		if errors.Is(err, store.ErrNoPoint) && e.pushedOut(key, p) {
			out.err = err
			return nil
		}
		if err != nil {
			return fmt.Errorf("roll back: %w", err)
		}
		after := maps.Clone(p.set)
		*out = exchanged{effect: got, ref: ref, before: now, after: after, done: true}
		if got.Counts != after.counts() {
			return fmt.Errorf("the rollback leaves %+v, want %+v", got.Counts, after.counts())
		}
		e.exchange(key, after, segment.PointRollback, run, w.next())
		return nil
	}
}

// keepPointStep keeps a point or lets go of it.
func keepPointStep(env segment.EnvID, key segment.Key, p *retained, kept bool) step {
	return func(tx store.Tx, w *world) error {
		e := w.envs[env]
		changed, err := tx.KeepPoint(env, key, p.id, kept)
		switch full := kept && !p.kept && e.keptOf(key) >= segment.MaxKeptPoints; {
		case errors.Is(err, store.ErrNoPoint) && e.pushedOut(key, p):
			return nil
		case full && errors.Is(err, store.ErrTooManyKept):
			return nil
		case full || err != nil:
			return fmt.Errorf("keep a point beside %d: %w", e.keptOf(key), err)
		case changed != (p.kept != kept):
			return fmt.Errorf("the point was kept %t and is %t, changed %t", p.kept, kept, changed)
		}
		e.keepPoint(key, p, kept)
		return nil
	}
}

// keepPoint notes that a point is kept or not. Other worlds share what it was.
func (e *envWorld) keepPoint(key segment.Key, p *retained, kept bool) {
	next := *p
	next.kept = kept
	e.points[key] = slices.Clone(e.points[key])
	e.points[key][slices.Index(e.points[key], p)] = &next
}

// letGo notes that no point of a segment is kept any more.
func (e *envWorld) letGo(key segment.Key) {
	for _, p := range e.points[key] {
		if p.kept {
			e.keepPoint(key, p, false)
		}
	}
}

func (e *envWorld) keptOf(key segment.Key) int {
	n := 0
	for _, p := range e.points[key] {
		if p.kept {
			n++
		}
	}
	return n
}

// keptPoints is how many points a store keeps at least beside those that somebody wants to stay.
const keptPoints = 10

// pushedOut reports whether newer points may have pushed one out.
func (e *envWorld) pushedOut(key segment.Key, p *retained) bool {
	n := 0
	for _, q := range slices.Backward(e.points[key]) {
		if !q.kept {
			n++
		}
		if q == p {
			return !p.kept && n > keptPoints
		}
	}
	return false
}
