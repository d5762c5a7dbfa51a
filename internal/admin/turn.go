package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// A segment moves from one generation to the next in four writes: all members join the next one, which
// SDKs don't ask for yet; every follower has taken them; SDKs are told to ask for it; everybody leaves
// the one before. Between the writes as much time passes as SDKs may go on with what they have read, so
// that there is no moment at which one of them misses a member. How far a segment has come stands in
// the segment, so a start goes on from there.

// BeginTurn begins the move of a big segment to its next generation, which makes everybody who keeps its
// members elsewhere take them once more, under another name.
func (a *Admin) BeginTurn(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, key segment.Key, how Change) (*catalog.Segment, error) {
	var result *catalog.Segment
	err := a.updateIn(ctx, p, e, how, func(tx store.Tx, project *catalog.Project, env *catalog.Environment) error {
		es := effects{{policy.UpdateEnvironmentSettings, catalog.EnvironmentResource(project, env)}}
		if err := es.authorise(who); err != nil {
			return err
		}
		s, err := findSegment(tx, env, key)
		if err != nil {
			return err
		}
		switch {
		case !s.Unbounded:
			return fault.Invalidf("segment %s keeps its targets in its definition; only big segments move to another generation", key)
		case s.Turn != nil:
			return fault.Conflictf("segment %s is moving to generation %d already", key, s.Turn.To)
		}
		result = a.begun(tx, s, catalog.TurnRequested)
		tx.PutSegment(result)
		d := segmentDone(fmt.Sprintf("began the move to generation %d of", result.Turn.To), project, env, s, result)
		d.how = how
		return a.audit(tx, who, es, d)
	})
	if errors.Is(err, store.ErrCorrupt) {
		return nil, fault.Conflictf("members of segment %s can't be read whole, so it can't move; publish a point or send the whole list first", key).Because(err)
	}
	return result, err
}

func (a *Admin) begun(tx store.Tx, s *catalog.Segment, why catalog.TurnReason) *catalog.Segment {
	next := s.Clone()
	next.Origin = s.Home().Generation
	next.Turn = &catalog.Turn{From: s.Generation, To: tx.LastGeneration(s.Env, s.Key) + 1, Begun: a.now(), Reason: why}
	return next
}

// Follower is somebody who keeps the members of an environment elsewhere.
type Follower struct {
	Name string // unique among those of its environment
	// Revision is up to where it has everything; 0 while it may lack something older.
	Revision segment.Revision
	// Progress differs from what it was as long as the follower takes something in.
	Progress string
}

// TurnOptions say how moves to another generation are carried on.
type TurnOptions struct {
	// SDKCache is how long SDKs may go on with memberships that they have read.
	SDKCache time.Duration
	// Patience is how long a follower may take in nothing before it is not waited for any longer. It
	// is also how long SDKs that poll may not know of a switch, and followers not have come back after
	// a start.
	Patience time.Duration
	// Graves is how many contexts that left must be remembered at least before a segment moves by itself.
	Graves int64
	// Followers are those of an environment at this moment.
	Followers func(segment.EnvID) []Follower
	// Failed is told what could not be done and is tried again.
	Failed func(env segment.EnvID, key segment.Key, err error)
}

const (
	// DefaultTurnGraves is the default of [TurnOptions.Graves]: they take 34 MB.
	DefaultTurnGraves = 1_000_000
	// turnPace is how often moves are looked at; more often where SDKs and followers get less time, but no
	// more than leastTurnPace.
	turnPace      = time.Second
	leastTurnPace = 20 * time.Millisecond
	// gravesPace is how often graves are looked at.
	gravesPace = time.Minute
)

// Turner carries moves to another generation on.
type Turner struct {
	a       *Admin
	o       TurnOptions
	began   time.Time
	counted time.Time // when graves were looked at last
	waits   map[turnID]*turnWait
	failed  map[turnID]string // what was told to Failed last

	done, leftOut atomic.Uint64 // see TurnStats
}

// TurnStats is what came of moves since the start.
type TurnStats struct {
	Done    uint64 // moves that ended where they were to
	LeftOut uint64 // followers that were not waited for any longer
}

// Stats returns the counters as of now.
func (t *Turner) Stats() TurnStats {
	return TurnStats{Done: t.done.Load(), LeftOut: t.leftOut.Load()}
}

type turnID struct {
	env segment.EnvID
	key segment.Key
	to  segment.Generation
}

// turnWait is what is known of the followers that a move waits for.
type turnWait struct {
	until segment.Revision // that followers have to reach
	seen  map[string]*turnFollower
}

// turnFollower is a follower that was there since a wait began, and perhaps is no more.
type turnFollower struct {
	progress string
	moved    time.Time // when it took something in last
	holds    bool
}

// NewTurner returns what carries moves on. Only one may be at work.
func (a *Admin) NewTurner(o TurnOptions) *Turner {
	if o.Graves == 0 {
		o.Graves = DefaultTurnGraves
	}
	return &Turner{a: a, o: o, began: a.now(), counted: a.now(), waits: map[turnID]*turnWait{}, failed: map[turnID]string{}}
}

// Run carries moves on until ctx ends.
func (t *Turner) Run(ctx context.Context) {
	tick := time.NewTicker(max(leastTurnPace, min(turnPace, t.o.SDKCache/4, t.o.Patience/4)))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			t.Step(ctx)
		}
	}
}

// Step carries every move on by what can be done now, and begins those that are due.
func (t *Turner) Step(ctx context.Context) {
	now := t.a.now()
	graves := now.Sub(t.counted) >= gravesPace
	if graves {
		t.counted = now
	}
	under := map[turnID]bool{}
	for _, project := range t.a.store.Projects() {
		for _, env := range t.a.store.Environments(project.Key) {
			moving := false
			for _, s := range t.a.store.Segments(env.ID) {
				if s.Turn == nil {
					continue
				}
				moving = true
				id := turnID{env.ID, s.Key, s.Turn.To}
				under[id] = true
				t.tell(ctx, id, t.carryOn(ctx, project, env, s, now))
			}
			if graves && !moving {
				t.beginDue(ctx, project, env)
			}
		}
	}
	t.forget(under)
}

// forget drops what is known of moves that are over.
func (t *Turner) forget(under map[turnID]bool) {
	for id := range t.waits {
		if !under[id] {
			delete(t.waits, id)
			t.a.waitsFor.Delete(id)
		}
	}
	for id := range t.failed {
		if !under[id] {
			delete(t.failed, id)
		}
	}
}

// tell passes an error on unless it is the same as before.
func (t *Turner) tell(ctx context.Context, id turnID, err error) {
	if err == nil || ctx.Err() != nil {
		delete(t.failed, id)
		return
	}
	if t.failed[id] != err.Error() {
		t.failed[id] = err.Error()
		t.o.Failed(id.env, id.key, err)
	}
}

// carryOn takes the next step of a move if its time has come.
func (t *Turner) carryOn(ctx context.Context, project *catalog.Project, env *catalog.Environment, s *catalog.Segment, now time.Time) error {
	if err := t.a.store.Damage(env.ID, s.Ref()); err != nil {
		return fmt.Errorf("the move to generation %d waits until members can be read again: %w", s.Turn.To, err)
	}
	switch turn := s.Turn; {
	case turn.Taken.IsZero():
		leftOut, all, err := t.taken(s, now)
		if err != nil || !all {
			return err
		}
		put, err := t.put(ctx, project, env, s, "", func(next *catalog.Segment) { next.Turn.Taken, next.Turn.LeftOut = now, leftOut })
		if put {
			t.leftOut.Add(uint64(len(leftOut)))
		}
		return err
	case turn.Switched.IsZero():
		if now.Sub(turn.Taken) < t.o.SDKCache {
			return nil
		}
		_, err := t.put(ctx, project, env, s, fmt.Sprintf("moved to generation %d", turn.To), func(next *catalog.Segment) {
			next.Generation, next.ModifiedAt, next.Turn.Switched = turn.To, now, now
		})
		return err
	case now.Sub(turn.Switched) < max(t.o.SDKCache, t.o.Patience):
		return nil
	default:
		put, err := t.put(ctx, project, env, s, "", func(next *catalog.Segment) { next.Turn = nil })
		if put {
			t.done.Add(1)
		}
		return err
	}
}

// taken reports whether all followers that are waited for have all members under the new generation,
// and who was not waited for any longer.
func (t *Turner) taken(s *catalog.Segment, now time.Time) (leftOut []string, all bool, err error) {
	w, err := t.look(s, now)
	if err != nil {
		return nil, false, err
	}
	var waitsFor []string
	for name, f := range w.seen {
		switch {
		case f.holds:
		case now.Sub(f.moved) < t.o.Patience:
			waitsFor = append(waitsFor, name)
		default:
			leftOut = append(leftOut, name)
		}
	}
	slices.Sort(leftOut)
	slices.Sort(waitsFor)
	t.a.waitsFor.Store(turnID{s.Env, s.Key, s.Turn.To}, waitsFor)
	// Who was connected before the start may not be back.
	return leftOut, len(waitsFor) == 0 && now.Sub(t.began) >= t.o.Patience, nil
}

// WaitsFor returns the followers that the move of a segment waits for at this moment.
func (a *Admin) WaitsFor(s *catalog.Segment) []string {
	if s.Turn == nil || !s.Turn.Taken.IsZero() {
		return nil
	}
	names, _ := a.waitsFor.Load(turnID{s.Env, s.Key, s.Turn.To})
	waits, _ := names.([]string)
	return waits
}

// Waiting returns whom the moves of an environment's segments wait for at this moment.
func (a *Admin) Waiting(env segment.EnvID) map[segment.Key][]string {
	all := map[segment.Key][]string{}
	for id, names := range a.waitsFor.Range {
		if of := id.(turnID); of.env == env {
			all[of.key] = names.([]string)
		}
	}
	return all
}

// look notes how far the followers of a segment are.
func (t *Turner) look(s *catalog.Segment, now time.Time) (*turnWait, error) {
	id := turnID{s.Env, s.Key, s.Turn.To}
	w := t.waits[id]
	if w == nil {
		head, err := t.a.store.Head(s.Env)
		if err != nil {
			return nil, err
		}
		w = &turnWait{until: head, seen: map[string]*turnFollower{}}
		t.waits[id] = w
	}
	for _, f := range t.o.Followers(s.Env) {
		known := w.seen[f.Name]
		if known == nil {
			known = &turnFollower{moved: now}
			w.seen[f.Name] = known
		}
		if known.progress != f.Progress {
			known.progress, known.moved = f.Progress, now
		}
		known.holds = f.Revision >= w.until
	}
	return w, nil
}

// movedBy is who carries moves on.
var movedBy = segment.Actor{Kind: "system", Name: "muster"}

// put changes a segment that is still as it was looked at, and says so in the audit log if that is news. It
// reports whether it did.
func (t *Turner) put(ctx context.Context, project *catalog.Project, env *catalog.Environment, s *catalog.Segment, news string, change func(*catalog.Segment)) (put bool, err error) {
	a := t.a
	err = a.update(ctx, store.Scope{Env: env.ID}, Change{}, func(tx store.Tx) error {
		now, ok := tx.Segment(env.ID, s.Key)
		if put = ok && now == s; !put {
			return nil // the next step looks at what it is now
		}
		next := s.Clone()
		change(next)
		if next.Generation != s.Generation {
			next.Version = max(s.Version, tx.LastVersion(env.ID, segment.SegmentDefinition, string(s.Key))) + 1
		}
		tx.PutSegment(next)
		if news == "" {
			return nil
		}
		d := segmentDone(news, project, env, s, next)
		if len(s.Turn.LeftOut) > 0 {
			d.how.Comment = "Not waited for, because it took in nothing: " + strings.Join(s.Turn.LeftOut, ", ")
		}
		return a.audit(tx, catalog.Caller{Actor: movedBy}, effects{{policy.UpdateEnvironmentSettings, catalog.EnvironmentResource(project, env)}}, d)
	})
	return put && err == nil, err
}

// beginDue begins the move of the segment of an environment that needs it most: more contexts are
// remembered to have left it than are its members, and nobody is remembered of a generation before, which
// a move would only add to.
func (t *Turner) beginDue(ctx context.Context, project *catalog.Project, env *catalog.Environment) {
	graves, err := t.a.store.Graves(env.ID)
	if err != nil {
		return // it is being deleted, or can't be served
	}
	view, err := t.a.store.View(env.ID)
	if err != nil {
		return
	}
	generations := map[segment.Key]int{}
	for ref := range graves {
		generations[ref.Key]++
	}
	var due *catalog.Segment
	for _, s := range t.a.store.Segments(env.ID) {
		left := graves[s.Ref()]
		counts, _ := view.Counts(s.Ref())
		if !s.Unbounded || left < t.o.Graves || left <= counts.Included+counts.Excluded || generations[s.Key] > 1 || t.a.store.Damage(env.ID, s.Ref()) != nil {
			continue
		}
		if due == nil || left > graves[due.Ref()] {
			due = s
		}
	}
	if due == nil {
		return
	}
	err = t.a.update(ctx, store.Scope{Env: env.ID}, Change{}, func(tx store.Tx) error {
		if now, ok := tx.Segment(env.ID, due.Key); !ok || now != due {
			return nil
		}
		next := t.a.begun(tx, due, catalog.TurnGraves)
		tx.PutSegment(next)
		d := segmentDone(fmt.Sprintf("began the move to generation %d of", next.Turn.To), project, env, due, next)
		d.how.Comment = fmt.Sprintf("%d contexts that left are remembered, which is more than its members", graves[due.Ref()])
		return t.a.audit(tx, catalog.Caller{Actor: movedBy}, effects{{policy.UpdateEnvironmentSettings, catalog.EnvironmentResource(project, env)}}, d)
	})
	if err != nil && ctx.Err() == nil {
		t.o.Failed(env.ID, due.Key, err)
	}
}
