package ingest

import (
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

// Release makes a held run live: a held whole list replaces the members, held changes are applied.
// Whatever was sent meanwhile stays. The caller needs overrideShrinkGuard.
func (i *Ingest) Release(ctx context.Context, who catalog.Caller, t Target, id segment.RunID, comment string) (segment.Run, error) {
	return i.decide(ctx, who, t, id, comment, (*decision).release)
}

// Discard decides against a held run: nothing of it becomes visible. The segment is marked as
// drifted, because it differs from what its tool believes. The caller needs overrideShrinkGuard.
func (i *Ingest) Discard(ctx context.Context, who catalog.Caller, t Target, id segment.RunID, comment string) (segment.Run, error) {
	return i.decide(ctx, who, t, id, comment, (*decision).discard)
}

// decision is the end of a hold in one write.
type decision struct {
	i     *Ingest
	tx    store.Tx
	place place // with a clone of the segment
	run   segment.Run
	held  []segment.Run // of the segment, as far as the ledger knew
	// uncounted says that what the run did is still to be counted.
	uncounted bool
}

func (d *decision) release() (note string, err error) {
	seg, id := d.place.seg, d.run.ID
	var effect store.Effect
	if seg.Hold.Whole {
		effect, err = d.tx.Publish(d.place.env.ID, seg.Key, store.Publication{Session: id, Reason: segment.PointRelease, Run: id})
		d.tx.CloseSession(d.place.env.ID, seg.Key, id)
	} else {
		effect, err = d.tx.Settle(d.place.env.ID, seg.Key, id)
	}
	if err != nil {
		return "", err
	}
	d.run.State, d.uncounted = segment.RunLive, effect.Uncounted
	if d.run.Mode == segment.Replace {
		d.run.Count(effect.Added, effect.Removed)
	} else {
		d.share(effect)
	}
	if seg.Source != nil && seg.Hold.Whole {
		tools := d.run.Kind == segment.ReplaceRun
		seg.Source.Drifted = !tools
		seg.Source.Partial = seg.Source.Partial && !tools
	}
	return "released with run " + string(id), nil
}

// share counts what was released with the runs that brought it: what joined the hold with those that
// joined, the rest with the one that opened it.
func (d *decision) share(effect store.Effect) {
	for n := range d.held {
		r := &d.held[n]
		if r.Hold != nil && r.Hold.Joined == d.run.ID {
			removed := min(r.Parked, effect.Removed)
			effect.Removed -= removed
			r.Parked = 0
			r.Count(r.Added, removed)
		}
	}
	room := d.run.Received - d.run.Skipped
	added := min(effect.Added, room)
	d.run.Count(added, min(effect.Removed, room-added))
}

func (d *decision) discard() (note string, err error) {
	d.run.State = segment.RunDiscarded
	if d.place.seg.Source != nil {
		d.place.seg.Source.Drifted = true
	}
	d.tx.CloseSession(d.place.env.ID, d.place.seg.Key, d.run.ID)
	return "discarded with run " + string(d.run.ID), nil
}

// decide ends a hold.
func (i *Ingest) decide(ctx context.Context, who catalog.Caller, t Target, id segment.RunID, comment string, end func(*decision) (string, error)) (segment.Run, error) {
	p, err := t.find(i.store, who, policy.OverrideShrinkGuard)
	if err != nil {
		return segment.Run{}, err
	}
	held, err := i.heldRuns(ctx, segmentID{p.env.ID, p.seg.Key})
	if err != nil {
		return segment.Run{}, err
	}
	before, ok, err := i.store.Run(ctx, p.env.ID, id)
	if err != nil {
		return segment.Run{}, unavailable(fmt.Errorf("read run %s: %w", id, err))
	}
	if !ok || before.Segment != t.Segment {
		return segment.Run{}, fault.NotFoundf("Unknown run %s of segment %s", id, t.Segment)
	}
	var d *decision
	rev, err := i.store.Update(ctx, store.Scope{Env: p.env.ID}, func(tx store.Tx) error {
		now, err := t.find(tx, who, policy.OverrideShrinkGuard)
		if err != nil {
			return err
		}
		d = &decision{i: i, tx: tx, place: now, run: before, held: slices.Clone(held)}
		return d.stage(who, comment, end)
	})
	switch {
	case errors.Is(err, store.ErrSuperseded), errors.Is(err, store.ErrStale), errors.Is(err, store.ErrNoSession):
		return segment.Run{}, fault.Conflictf("the members of segment %s were exchanged since run %s was held; discard the run and sync again", t.Segment, id).Because(err)
	case err != nil:
		return segment.Run{}, unavailable(fmt.Errorf("decide on run %s: %w", id, err))
	}
	i.closeJoined(ctx, segmentID{p.env.ID, p.seg.Key}, id, d.run.State)
	if d.uncounted {
		i.counted(ctx, p, rev)
	}
	if now, ok, err := i.store.Run(ctx, p.env.ID, id); err == nil && ok {
		return now, nil
	}
	return d.run, nil
}

func (d *decision) stage(who catalog.Caller, comment string, end func(*decision) (string, error)) error {
	p, id := d.place, d.run.ID
	if p.seg.Hold == nil || p.seg.Hold.Run != id {
		return fault.Conflictf("run %s of segment %s is not held any more", id, p.seg.Key)
	}
	hold := *p.seg.Hold
	d.place.seg = p.seg.Clone()
	d.run.Comment = comment
	note, err := end(d)
	if err != nil {
		return err
	}
	d.place.seg.Hold = nil
	d.tx.PutSegment(d.place.seg)
	d.tx.Record(d.run)
	for _, r := range d.held {
		if r.Hold != nil && r.Hold.Joined == id {
			r.State, r.Note = d.run.State, joinNotes(r.Note, note)
			d.tx.Record(r)
		}
	}
	verb := "released a held sync of"
	if d.run.State == segment.RunDiscarded {
		verb = "discarded a held sync of"
	}
	description := fmt.Sprintf("Run `%s`, held because of %s: %d to be added, %d to be removed.", id, hold.Reason, d.run.Hold.Added, d.run.Hold.Removed)
	if more := hold.Removed - d.run.Hold.Removed; more > 0 {
		description += fmt.Sprintf(" Later syncs added %d removals to it.", more)
	}
	d.tx.Audit(d.i.auditOf(who, p, verb, description, comment, policy.OverrideShrinkGuard))
	return nil
}

// counted waits a while until the effect of a publication is in the ledger.
func (i *Ingest) counted(ctx context.Context, p place, rev segment.Revision) {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := i.store.Counted(ctx, p.env.ID, p.seg.Ref(), rev); err != nil {
		i.log.WarnContext(ctx, "members are visible and not counted yet", "segment", p.seg.Key, "err", err)
	}
}

// heldRuns returns the runs of a segment that are held.
func (i *Ingest) heldRuns(ctx context.Context, id segmentID) ([]segment.Run, error) {
	seg, ok := i.store.Segment(id.env, id.key)
	if !ok || seg.Hold == nil {
		return nil, nil
	}
	runs, _, err := i.store.Runs(ctx, id.env, store.RunQuery{Segment: id.key, State: segment.RunHeld})
	if err != nil {
		return nil, unavailable(fmt.Errorf("list held runs of segment %s: %w", id.key, err))
	}
	return runs, nil
}

// belongs reports whether a run opened a hold or joined it.
func belongs(r segment.Run, hold segment.RunID) bool {
	return r.ID == hold || r.Hold != nil && r.Hold.Joined == hold
}

// endHold stages the end of a hold that something newer stands in for. The segment must be put
// without it by the caller, who changed its members before: a session is closed last.
func endHold(tx store.Tx, id segmentID, hold segment.RunID, held []segment.Run, state segment.RunState, note string) {
	tx.CloseSession(id.env, id.key, hold)
	for _, r := range held {
		if belongs(r, hold) {
			r.State, r.Note = state, joinNotes(r.Note, note)
			tx.Record(r)
		}
	}
}

// closeJoined gives the runs that belong to a hold which has ended its state, if they came between
// the look at the ledger and the write that ended it. Failing to do so is only logged: the members
// are what they should be.
func (i *Ingest) closeJoined(ctx context.Context, id segmentID, hold segment.RunID, state segment.RunState) {
	runs, _, err := i.store.Runs(ctx, id.env, store.RunQuery{Segment: id.key, State: segment.RunHeld})
	runs = slices.DeleteFunc(runs, func(r segment.Run) bool { return !belongs(r, hold) })
	if err == nil && len(runs) > 0 {
		_, err = i.store.Update(ctx, store.Scope{Env: id.env}, func(tx store.Tx) error {
			for _, r := range runs {
				r.State = state
				tx.Record(r)
			}
			return nil
		})
	}
	if err != nil {
		i.log.WarnContext(ctx, "runs of a hold that ended are still called held", "segment", id.key, "run", hold, "err", err)
	}
}

// joined fills in the run of changes that were parked in an open hold. After is the segment as it
// will be put.
func joined(run *segment.Run, after *catalog.Segment, parked store.Effect) {
	run.Parked = parked.Added + parked.Removed
	run.Count(run.Added, run.Removed)
	if run.Parked == 0 {
		run.State = segment.RunLive
		return
	}
	run.Note = joinNotes(run.Note, fmt.Sprintf("%d changes wait with run %s, which the guard holds", run.Parked, after.Hold.Run))
	after.Hold.Removed += parked.Removed
	run.State = segment.RunLive
	if run.Added+run.Removed == 0 {
		run.State = segment.RunHeld
		run.Hold = &segment.Hold{Reason: after.Hold.Reason, Added: parked.Added, Removed: parked.Removed, Members: parked.Counts.Included, Joined: after.Hold.Run, Usual: -1}
	}
}

// heldAudit returns the audit entry of a run that the guard holds.
func (i *Ingest) heldAudit(who catalog.Caller, p place, run segment.Run) catalog.AuditEntry {
	return i.auditOf(who, p, "was stopped by the guard at a sync of", fmt.Sprintf("Run `%s`, held because of %s: %d to be added, %d to be removed. Nothing of it is visible until somebody releases it.",
		run.ID, run.Hold.Reason, run.Hold.Added, run.Hold.Removed), "", policy.UpdateIncluded)
}
