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

// undoTries is how often an undo is staged anew because members that it names were changed meanwhile.
const undoTries = 8

// UndoPreview says what undoing a run would do to the members as they are now. Sample keys are part of it.
// The caller needs viewMembers.
func (i *Ingest) UndoPreview(ctx context.Context, who catalog.Caller, t Target, id segment.RunID) (store.Undoing, error) {
	p, err := t.find(i.store, who, policy.ViewMembers)
	if err != nil {
		return store.Undoing{}, err
	}
	run, err := i.runOf(ctx, p, id)
	if err != nil {
		return store.Undoing{}, err
	}
	u, err := i.undoOf(ctx, run)
	if err != nil {
		return store.Undoing{}, err
	}
	sum, err := u.Compare(ctx)
	return sum, lasts(run, err)
}

// Lasting says why a run can't be undone; empty if it can, as far as can be told without looking at every
// member.
func (i *Ingest) Lasting(ctx context.Context, run segment.Run) string {
	_, err := i.undoOf(ctx, run)
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case err == nil:
		return ""
	case ok:
		return f.Message
	default:
		i.log.WarnContext(ctx, "what a run changed can't be read", "segment", run.Segment, "run", run.ID, "err", err)
		return fmt.Sprintf("run %s can't be undone: what it changed can't be read", run.ID)
	}
}

// Undo takes back what a run changed by a delta: whoever was not changed again since becomes what he was
// before, in one commit. It marks a synced segment as drifted until its tool replaces the whole list.
//
// Where seen is the revision of a preview, the run is not undone if that would do something else now. A run
// is undone once: who asks again gets the run that did it. The caller needs rollbackSegment.
func (i *Ingest) Undo(ctx context.Context, who catalog.Caller, t Target, id segment.RunID, seen segment.Revision, comment string) (segment.Run, error) {
	p, err := t.find(i.store, who, policy.RollbackSegment)
	if err != nil {
		return segment.Run{}, err
	}
	for range undoTries {
		undone, err := i.runOf(ctx, p, id)
		if err != nil {
			return segment.Run{}, err
		}
		if undone.Undone != "" {
			return i.runOf(ctx, p, undone.Undone)
		}
		run, err := i.undo(ctx, who, t, undone, seen, comment)
		if err == nil {
			return run, nil
		}
		// Somebody else may have undone it since it was read, which leaves nothing to undo.
		if now, readErr := i.runOf(ctx, p, id); !errors.Is(err, store.ErrStale) && (readErr != nil || now.Undone == "") {
			return segment.Run{}, err
		}
	}
	return segment.Run{}, fault.Unavailablef("the members of segment %s that run %s changed are being changed all the time; try again", p.seg.Key, id)
}

// undo is one attempt; the error wraps ErrStale if members that it names were changed meanwhile.
func (i *Ingest) undo(ctx context.Context, who catalog.Caller, t Target, undone segment.Run, seen segment.Revision, comment string) (segment.Run, error) {
	u, err := i.undoOf(ctx, undone)
	if err != nil {
		return segment.Run{}, err
	}
	staged, sum, err := u.Stage(ctx)
	if err != nil {
		return segment.Run{}, lasts(undone, err)
	}
	defer staged.Discard()
	switch {
	case seen > 0 && sum.Changed > seen:
		return segment.Run{}, fault.Conflictf("members that run %s changed were changed again since revision %d; look again at what undoing it does", undone.ID, seen)
	case staged.Len() == 0:
		return segment.Run{}, fault.Conflictf("run %s can't be undone: every member that it changed was changed again since", undone.ID)
	}
	run := segment.Run{
		ID: segment.RunID(catalog.NewID()), Env: undone.Env, Segment: undone.Segment, Kind: segment.RollbackRun, State: segment.RunLive,
		Mode: segment.Delta, Received: staged.Len() + sum.Unchanged, ReceivedAt: i.now(), Actor: who.Actor, Comment: comment, Undoes: undone.ID,
	}
	var before *segment.Run
	run.Revision, err = i.store.Update(ctx, store.Scope{Env: undone.Env}, func(tx store.Tx) error {
		now, err := t.find(tx, who, policy.RollbackSegment)
		if err != nil {
			return err
		}
		if before, err = onceUndone(tx, undone, run.ID); err != nil || before != nil {
			return err
		}
		effect, err := tx.Apply(undone.Env, undone.Segment, staged)
		if err != nil {
			return err
		}
		run.Count(effect.Added, effect.Removed)
		if now.seg.Source != nil && !now.seg.Source.Drifted {
			drifted := now.seg.Clone()
			drifted.Source.Drifted = true
			tx.PutSegment(drifted)
		}
		tx.Record(run)
		taken := undone
		taken.State, taken.Undone = segment.RunRolledBack, run.ID
		tx.Record(taken)
		tx.Audit(i.auditOf(who, now, "undid a sync of", fmt.Sprintf("Run `%s` was undone by run `%s`: %d came back, %d left, %d stay because they were changed again since.",
			undone.ID, run.ID, run.Added, run.Removed, run.Unchanged), comment, policy.RollbackSegment))
		return nil
	})
	switch {
	case err != nil:
		return segment.Run{}, lasts(undone, err)
	case before != nil:
		return *before, nil
	}
	return run, nil
}

// onceUndone returns the run that undid another one, if that was done since it was read, and otherwise lets
// a repeat find this one.
func onceUndone(tx store.Tx, undone segment.Run, by segment.RunID) (*segment.Run, error) {
	const scope = "undo"
	runs, err := tx.Recorded(undone.Env, scope, string(undone.ID))
	if err != nil {
		return nil, fmt.Errorf("look for a repeated undo of run %s: %w", undone.ID, err)
	}
	if len(runs) > 0 {
		return &runs[0], nil
	}
	tx.Remember(undone.Env, scope, string(undone.ID), []segment.RunID{by})
	return nil, nil //nolint:nilnil // nobody has undone it
}

// runOf returns a run of a segment.
func (i *Ingest) runOf(ctx context.Context, p place, id segment.RunID) (segment.Run, error) {
	run, ok, err := i.store.Run(ctx, p.env.ID, id)
	if err != nil {
		return run, unavailable(fmt.Errorf("read run %s: %w", id, err))
	}
	if !ok || run.Segment != p.seg.Key {
		return run, fault.NotFoundf("Unknown run %s of segment %s", id, p.seg.Key)
	}
	return run, nil
}

// undoOf finds what a run changed.
func (i *Ingest) undoOf(ctx context.Context, run segment.Run) (store.Undo, error) {
	if why := run.Lasting(); why != "" {
		return nil, fault.Conflictf("run %s can't be undone: %s", run.ID, why)
	}
	u, err := i.store.Undo(ctx, run.Env, run.Segment, run.Revision)
	return u, lasts(run, err)
}

// lasts says in words of callers why a run can't be undone.
func lasts(run segment.Run, err error) error {
	why := ""
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrTrimmed):
		why = "what it changed is no longer in the log, which is kept for a limited time; roll back to a point under History, or sync again"
	case errors.Is(err, store.ErrSuperseded):
		why = "all members were exchanged since, by a full sync, a rollback or a release; roll back to a point under History"
	case errors.Is(err, store.ErrNoDelta):
		why = "muster did not record which of its changes had an effect; roll back to a point under History, or sync again"
	case errors.Is(err, store.ErrUnbounded):
		why = "the segment was deleted, or keeps its targets in its definition"
	default:
		return unavailable(fmt.Errorf("undo run %s: %w", run.ID, err))
	}
	return fault.Conflictf("run %s can't be undone: %s", run.ID, why).Because(err)
}
