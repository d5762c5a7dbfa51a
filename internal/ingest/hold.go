package ingest

import (
	"context"
	"errors"
	"fmt"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

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
