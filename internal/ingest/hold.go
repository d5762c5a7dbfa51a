package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// Target names a segment as people and API clients do.
type Target struct {
	Project     catalog.ProjectKey
	Environment catalog.EnvKey
	Segment     segment.Key
}

// place is a target that was found.
type place struct {
	project *catalog.Project
	env     *catalog.Environment
	seg     *catalog.Segment
}

func (p place) resource() policy.Resource {
	return catalog.SegmentResource(p.project, p.env, p.seg.Key, p.seg.Tags)
}

// find returns what a target names, if the caller may do the action to it.
func (t Target) find(c store.Catalog, who catalog.Caller, action policy.Action) (place, error) {
	p := place{}
	var ok bool
	if p.project, ok = c.Project(t.Project); !ok {
		return p, fault.NotFoundf("Unknown project key %s", t.Project)
	}
	if p.env, ok = c.EnvironmentByKey(t.Project, t.Environment); !ok {
		return p, fault.NotFoundf("Unknown environment key %s", t.Environment)
	}
	if p.seg, ok = c.Segment(p.env.ID, t.Segment); !ok {
		return p, fault.NotFoundf("Unknown segment key %s", t.Segment)
	}
	return p, who.Check(action, p.resource())
}

// guardOf returns the limits of a segment and where the one that a reason is about was set.
func guardOf(env *catalog.Environment, seg *catalog.Segment) segment.Guard {
	return seg.Guard.Over(env.Guard.Over(segment.DefaultGuard))
}

// setOn says where the limit for a reason was set.
func setOn(env *catalog.Environment, seg *catalog.Segment, reason segment.HoldReason) string {
	has := func(s *segment.GuardSettings) bool {
		switch {
		case s == nil:
			return false
		case reason == segment.HeldEmpty:
			return s.AllowEmpty != nil
		case reason == segment.HeldGrowth:
			return s.Growth != nil
		default:
			return s.Shrink != nil
		}
	}
	switch {
	case has(seg.Guard):
		return "segment"
	case has(env.Guard):
		return "environment"
	default:
		return "default"
	}
}

// tripped ends an update whose changes the guard holds back: it is made again with them parked.
type tripped struct{ hold segment.Hold }

func (t *tripped) Error() string { return "the guard holds the run" }

// inspect returns an error of type tripped, or a refusal, if the guard must hold what a sync does.
func inspect(tx store.Tx, env *catalog.Environment, seg *catalog.Segment, s segment.Sync, at time.Time) error {
	g := guardOf(env, seg)
	added, removed := tx.Recent(env.ID, seg.Key, at.Add(-g.Window))
	if !s.Whole { // the sync itself is among what was done lately
		added, removed = added-s.Added, removed-s.Removed
	}
	s.AddedLately, s.RemovedLately = added, removed
	reason, limit := g.Check(s)
	if reason == "" {
		return nil
	}
	hold := segment.Hold{
		Reason: reason, Limit: limit, SetOn: setOn(env, seg, reason),
		Added: s.Added, Removed: s.Removed, Members: s.MembersAfter, Usual: -1, Cause: likelyCause(reason, s),
	}
	if g.Reject {
		return fault.New(fault.Refused, fault.CodeConflict, "the guard of segment %s refuses the sync: %s", seg.Key, hold.Cause)
	}
	return &tripped{hold}
}

func likelyCause(reason segment.HoldReason, s segment.Sync) string {
	switch {
	case reason == segment.HeldEmpty:
		return "The list holds nobody. As a rule the query behind it failed or lost its source."
	case reason == segment.HeldGrowth:
		return "Far more contexts than usual would join. As a rule a condition of the query was lost."
	case s.RemovedLately > s.Removed:
		return "Many removals came one after the other. As a rule the audience was redefined, or a source was disconnected."
	default:
		return "Far more contexts than usual would leave. As a rule a filter of the query changed, or its source was loaded only in part."
	}
}

// usual returns the median percentage that the last runs of a segment removed, -1 if there were none.
func (i *Ingest) usual(ctx context.Context, env segment.EnvID, key segment.Key, members int64) float64 {
	runs, _, err := i.store.Runs(ctx, env, store.RunQuery{Segment: key, State: segment.RunLive, Limit: 20})
	if err != nil || len(runs) == 0 || members == 0 {
		return -1
	}
	var shares []float64
	for _, r := range runs {
		shares = append(shares, 100*float64(r.Removed)/float64(members))
	}
	slices.Sort(shares)
	return shares[len(shares)/2]
}

// Release makes a held run live: a held whole list replaces the members, held changes are applied.
// Whatever was sent meanwhile stays. The caller needs overrideShrinkGuard.
func (i *Ingest) Release(ctx context.Context, who catalog.Caller, t Target, id segment.RunID, comment string) (segment.Run, error) {
	return i.decide(ctx, who, t, id, comment, func(tx store.Tx, p place, run *segment.Run) error {
		var effect store.Effect
		var err error
		if p.seg.Hold.Whole {
			effect, err = tx.Publish(p.env.ID, p.seg.Key, store.Publication{Session: id, Reason: segment.PointRelease, Run: id})
			tx.CloseSession(p.env.ID, p.seg.Key, id)
		} else {
			effect, err = tx.Settle(p.env.ID, p.seg.Key, id)
		}
		if err != nil {
			return err
		}
		run.State, run.Comment = segment.RunLive, comment
		run.Added, run.Removed = effect.Added, effect.Removed
		run.Unchanged = max(0, run.Received-run.Skipped-effect.Added-effect.Removed)
		if p.seg.Hold.Whole {
			run.Unchanged = max(0, run.Received-run.Skipped-effect.Added)
		}
		return nil
	})
}

// Discard decides against a held run: nothing of it becomes visible. The segment is marked as
// drifted, because it differs from what its tool believes. The caller needs overrideShrinkGuard.
func (i *Ingest) Discard(ctx context.Context, who catalog.Caller, t Target, id segment.RunID, comment string) (segment.Run, error) {
	return i.decide(ctx, who, t, id, comment, func(tx store.Tx, p place, run *segment.Run) error {
		tx.CloseSession(p.env.ID, p.seg.Key, id)
		run.State, run.Comment = segment.RunDiscarded, comment
		if p.seg.Source != nil {
			p.seg.Source.Drifted = true
		}
		return nil
	})
}

// decide ends a hold.
func (i *Ingest) decide(ctx context.Context, who catalog.Caller, t Target, id segment.RunID, comment string, end func(store.Tx, place, *segment.Run) error) (segment.Run, error) {
	p, err := t.find(i.store, who, policy.OverrideShrinkGuard)
	if err != nil {
		return segment.Run{}, err
	}
	run, ok, err := i.store.Run(ctx, p.env.ID, id)
	if err != nil {
		return segment.Run{}, unavailable(fmt.Errorf("read run %s: %w", id, err))
	}
	if !ok || run.Segment != t.Segment {
		return segment.Run{}, fault.NotFoundf("Unknown run %s of segment %s", id, t.Segment)
	}
	joined, _, err := i.store.Runs(ctx, p.env.ID, store.RunQuery{Segment: t.Segment, State: segment.RunHeld, Limit: 10_000})
	if err != nil {
		return segment.Run{}, unavailable(fmt.Errorf("list held runs of segment %s: %w", t.Segment, err))
	}
	_, err = i.store.Update(ctx, store.Scope{Env: p.env.ID}, func(tx store.Tx) error {
		now, err := t.find(tx, who, policy.OverrideShrinkGuard)
		if err != nil {
			return err
		}
		if now.seg.Hold == nil || now.seg.Hold.Run != id {
			return fault.Conflictf("run %s of segment %s is not held any more", id, t.Segment)
		}
		hold := now.seg.Hold
		now.seg = now.seg.Clone()
		if err := end(tx, now, &run); err != nil {
			return err
		}
		now.seg.Hold = nil
		tx.PutSegment(now.seg)
		tx.Record(run)
		for _, j := range joined {
			if j.Hold != nil && j.Hold.Joined == id {
				j.State, j.Note = run.State, joinNotes(j.Note, "decided with run "+string(id))
				tx.Record(j)
			}
		}
		verb := "released a held sync of"
		if run.State == segment.RunDiscarded {
			verb = "discarded a held sync of"
		}
		tx.Audit(i.auditOf(who, now, verb, fmt.Sprintf("Run `%s`, held because of %s: %d to be added, %d to be removed.", id, hold.Reason, run.Hold.Added, run.Hold.Removed), comment, policy.OverrideShrinkGuard))
		return nil
	})
	switch {
	case errors.Is(err, store.ErrSuperseded), errors.Is(err, store.ErrStale), errors.Is(err, store.ErrNoSession):
		return segment.Run{}, fault.Conflictf("the members of segment %s were replaced since run %s was held; discard the run and sync again", t.Segment, id).Because(err)
	case err != nil:
		return segment.Run{}, unavailable(fmt.Errorf("decide on run %s: %w", id, err))
	}
	if now, ok, err := i.store.Run(ctx, p.env.ID, id); err == nil && ok {
		run = now
	}
	return run, nil
}

// auditOf returns the audit entry of something done to the members of a segment.
func (i *Ingest) auditOf(who catalog.Caller, p place, verb, description, comment string, actions ...policy.Action) catalog.AuditEntry {
	resource := p.resource().String()
	entry := catalog.AuditEntry{
		ID: catalog.NewID(), At: i.now(), Kind: "segment", Name: p.seg.Name, Actor: who.Actor, Comment: comment,
		TitleVerb: verb, Short: verb + " " + p.seg.Name, Description: description, Target: resource,
		Project: p.project.Key, Env: p.env.Key,
	}
	for _, a := range actions {
		entry.Accesses = append(entry.Accesses, catalog.Access{Action: a, Resource: resource})
	}
	return entry
}

// Rollback publishes an older point of a segment: from one moment on its members are those of then.
// It marks a synced segment as drifted until its tool replaces the whole list. The caller needs
// rollbackSegment.
func (i *Ingest) Rollback(ctx context.Context, who catalog.Caller, t Target, id segment.PointID, comment string) (segment.Run, error) {
	p, err := t.find(i.store, who, policy.RollbackSegment)
	if err != nil {
		return segment.Run{}, err
	}
	if !p.seg.Unbounded {
		return segment.Run{}, fault.Invalidf("the segment %s keeps its targets in its definition; it has no points", p.seg.Key)
	}
	points, err := i.store.Points(p.env.ID, p.seg.Key)
	if err != nil {
		return segment.Run{}, unavailable(fmt.Errorf("list points of segment %s: %w", p.seg.Key, err))
	}
	n := slices.IndexFunc(points, func(q segment.Point) bool { return q.ID == id })
	if n < 0 {
		return segment.Run{}, fault.NotFoundf("Unknown point %s of segment %s", id, p.seg.Key)
	}
	undone, err := i.undone(ctx, p, points[n].Revision)
	if err != nil {
		return segment.Run{}, err
	}
	run := segment.Run{
		ID: segment.RunID(catalog.NewID()), Env: p.env.ID, Segment: p.seg.Key, Kind: segment.RollbackRun, State: segment.RunLive,
		Mode: segment.Replace, ReceivedAt: i.now(), Actor: who.Actor, Comment: comment,
	}
	run.Revision, err = i.store.Update(ctx, store.Scope{Env: p.env.ID}, func(tx store.Tx) error {
		now, err := t.find(tx, who, policy.RollbackSegment)
		if err != nil {
			return err
		}
		if _, err := tx.Publish(p.env.ID, p.seg.Key, store.Publication{Point: id, Reason: segment.PointRollback, Run: run.ID}); err != nil {
			return err
		}
		if now.seg.Source != nil && !now.seg.Source.Drifted {
			drifted := now.seg.Clone()
			drifted.Source.Drifted = true
			tx.PutSegment(drifted)
		}
		tx.Record(run)
		for _, r := range undone {
			r.State = segment.RunRolledBack
			tx.Record(r)
		}
		tx.Audit(i.auditOf(who, now, "rolled back the members of", fmt.Sprintf("To the point of revision %d with %d members. Run `%s`.", points[n].Revision, points[n].Counts.Included, run.ID), comment, policy.RollbackSegment))
		return nil
	})
	if errors.Is(err, store.ErrNoPoint) {
		return segment.Run{}, fault.NotFoundf("Unknown point %s of segment %s: it was dropped", id, p.seg.Key).Because(err)
	}
	if err != nil {
		return segment.Run{}, unavailable(fmt.Errorf("roll segment %s back: %w", p.seg.Key, err))
	}
	// The members are those of the point by now; how many that are more or fewer takes a moment.
	diff, err := i.store.Counted(ctx, p.env.ID, p.seg.Ref(), run.Revision)
	if err != nil {
		i.log.WarnContext(ctx, "rollback is visible and not counted yet", "segment", p.seg.Key, "err", err)
		return run, nil
	}
	run.Added, run.Removed, run.Unchanged = diff.Added, diff.Removed, diff.Unchanged
	return run, nil
}

// maxUndone is how many runs a rollback marks.
const maxUndone = 1000

// undone returns the live runs that came after a revision.
func (i *Ingest) undone(ctx context.Context, p place, after segment.Revision) ([]segment.Run, error) {
	runs, _, err := i.store.Runs(ctx, p.env.ID, store.RunQuery{Segment: p.seg.Key, Limit: maxUndone})
	if err != nil {
		return nil, unavailable(fmt.Errorf("list runs of segment %s: %w", p.seg.Key, err))
	}
	var out []segment.Run
	for _, r := range runs {
		if r.State == segment.RunLive && cmp.Compare(r.Revision, after) > 0 {
			out = append(out, r)
		}
	}
	return out, nil
}
