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

// Rollback publishes an older point of a segment: from one moment on its members are those of then.
// A run that is held and lists that are still being collected come to nothing. It marks a synced
// segment as drifted until its tool replaces the whole list. The caller needs rollbackSegment.
func (i *Ingest) Rollback(ctx context.Context, who catalog.Caller, t Target, id segment.PointID, comment string) (segment.Run, error) {
	p, err := t.find(i.store, who, policy.RollbackSegment)
	if err != nil {
		return segment.Run{}, err
	}
	point, err := i.point(p, id)
	if err != nil {
		return segment.Run{}, err
	}
	undone, err := i.undone(ctx, p, point.Revision)
	if err != nil {
		return segment.Run{}, err
	}
	held, err := i.heldRuns(ctx, segmentID{p.env.ID, p.seg.Key})
	if err != nil {
		return segment.Run{}, err
	}
	var ended segment.RunID
	run := segment.Run{
		ID: segment.RunID(catalog.NewID()), Env: p.env.ID, Segment: p.seg.Key, Kind: segment.RollbackRun, State: segment.RunLive,
		Mode: segment.Replace, Received: int(point.Counts.Included + point.Counts.Excluded), ReceivedAt: i.now(), Actor: who.Actor, Comment: comment,
	}
	run.Revision, err = i.store.Update(ctx, store.Scope{Env: p.env.ID}, func(tx store.Tx) error {
		now, err := t.find(tx, who, policy.RollbackSegment)
		if err != nil {
			return err
		}
		if _, err := tx.Publish(p.env.ID, p.seg.Key, store.Publication{Point: id, Reason: segment.PointRollback, Run: run.ID}); err != nil {
			return err
		}
		after := now.seg.Clone()
		if after.Source != nil {
			after.Source.Drifted = true
		}
		ended = ""
		if after.Hold != nil {
			ended, after.Hold = after.Hold.Run, nil
			endHold(tx, segmentID{p.env.ID, p.seg.Key}, ended, held, segment.RunSuperseded, "the members were rolled back: run "+string(run.ID))
		}
		dropDiscarded(tx, after)
		if marksDiffer(now.seg, after) {
			tx.PutSegment(after)
		}
		tx.Record(run)
		for _, r := range undone {
			r.State = segment.RunRolledBack
			tx.Record(r)
		}
		tx.Audit(i.auditOf(who, now, "rolled back the members of", fmt.Sprintf("To the point of revision %d with %d members. Run `%s`.", point.Revision, point.Counts.Included, run.ID), comment, policy.RollbackSegment))
		return nil
	})
	if errors.Is(err, store.ErrNoPoint) {
		return segment.Run{}, fault.NotFoundf("Unknown point %s of segment %s: it was dropped", id, p.seg.Key).Because(err)
	}
	if err != nil {
		return segment.Run{}, unavailable(fmt.Errorf("roll segment %s back: %w", p.seg.Key, err))
	}
	if ended != "" {
		i.turnLate(ctx, segmentID{p.env.ID, p.seg.Key}, ended, segment.RunHeld, segment.RunSuperseded)
	}
	// The members are those of the point by now; how many that are more or fewer takes a moment.
	i.counted(ctx, p, run.Revision)
	if now, ok, err := i.store.Run(ctx, p.env.ID, run.ID); err == nil && ok {
		return now, nil
	}
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
		if r.State == segment.RunLive && r.Revision > after {
			out = append(out, r)
		}
	}
	return out, nil
}
