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
	return i.decide(ctx, who, t, id, comment, segment.RunHeld, (*decision).release)
}

// Discard decides against a held run: nothing of it becomes visible. The segment is marked as
// drifted, because it differs from what its tool believes. For [DiscardedFor] that can be taken back by
// HoldAgain, unless another run is held or all members are exchanged meanwhile. The caller needs
// overrideShrinkGuard.
func (i *Ingest) Discard(ctx context.Context, who catalog.Caller, t Target, id segment.RunID, comment string) (segment.Run, error) {
	return i.decide(ctx, who, t, id, comment, segment.RunHeld, (*decision).discard)
}

// HoldAgain takes a discard back: the run is held as before, and whatever was sent meanwhile stays when it
// is released. It does nothing to a run that is held. The caller needs overrideShrinkGuard.
func (i *Ingest) HoldAgain(ctx context.Context, who catalog.Caller, t Target, id segment.RunID, comment string) (segment.Run, error) {
	return i.decide(ctx, who, t, id, comment, segment.RunDiscarded, (*decision).holdAgain)
}

// DiscardedFor is how long what a discarded run holds is kept, so that the discard can be taken back.
const DiscardedFor = 10 * time.Minute

// HoldableUntil returns until when a discarded run can be held again; the zero time if it can't be.
func (i *Ingest) HoldableUntil(run segment.Run) time.Time {
	seg, ok := i.store.Segment(run.Env, run.Segment)
	if !ok || seg.Discarded == nil || seg.Discarded.Run != run.ID || !i.now().Before(seg.Discarded.Until) {
		return time.Time{}
	}
	return seg.Discarded.Until
}

// decision is what becomes of a hold in one write.
type decision struct {
	i     *Ingest
	tx    store.Tx
	who   catalog.Caller
	place place // with a clone of the segment
	run   segment.Run
	// joined are the runs that joined the hold, as far as the ledger knew.
	joined []segment.Run
	// uncounted says that what the run did is still to be counted.
	uncounted bool
}

// held ends the segment's hold, if it is that of the run, and returns it.
func (d *decision) held() (catalog.Hold, error) {
	seg := d.place.seg
	if seg.Hold == nil || seg.Hold.Run != d.run.ID {
		return catalog.Hold{}, fault.Conflictf("run %s of segment %s is not held any more", d.run.ID, seg.Key)
	}
	hold := *seg.Hold
	seg.Hold = nil
	return hold, nil
}

func (d *decision) release() error {
	hold, err := d.held()
	if err != nil {
		return err
	}
	env, seg, id := d.place.env.ID, d.place.seg, d.run.ID
	var effect store.Effect
	if hold.Whole {
		effect, err = d.tx.Publish(env, seg.Key, store.Publication{Session: id, Reason: segment.PointRelease, Run: id})
		d.tx.CloseSession(env, seg.Key, id)
	} else {
		effect, err = d.tx.Settle(env, seg.Key, id)
	}
	if err != nil {
		return err
	}
	d.run.State, d.uncounted = segment.RunLive, effect.Uncounted
	if d.run.Mode == segment.Replace {
		d.run.Count(effect.Added, effect.Removed)
	} else {
		d.share(effect)
	}
	if seg.Source != nil && hold.Whole {
		tools := d.run.Kind == segment.ReplaceRun
		seg.Source.Drifted = !tools
		seg.Source.Partial = seg.Source.Partial && !tools
	}
	d.done(hold, "released a held sync of", "released with run ")
	return nil
}

// share counts what was released with the runs that brought it: what joined the hold with those that
// joined, the rest with the one that opened it.
func (d *decision) share(effect store.Effect) {
	for n := range d.joined {
		r := &d.joined[n]
		removed := min(r.Parked, effect.Removed)
		effect.Removed -= removed
		r.Parked = 0
		r.Count(r.Added, removed)
	}
	room := d.run.Received - d.run.Skipped
	added := min(effect.Added, room)
	d.run.Count(added, min(effect.Removed, room-added))
}

// discard keeps the session open, so that nothing is missing in it if the run is held again.
func (d *decision) discard() error {
	hold, err := d.held()
	if err != nil {
		return err
	}
	seg := d.place.seg
	d.run.State = segment.RunDiscarded
	if _, open := d.tx.Session(seg.Env, seg.Key, d.run.ID); open {
		seg.Discarded = &catalog.Discarded{Hold: hold, Until: d.i.now().Add(DiscardedFor)}
	} else if seg.Source != nil {
		seg.Source.Drifted = true
	}
	d.done(hold, "discarded a held sync of", "discarded with run ")
	return nil
}

func (d *decision) holdAgain() error {
	seg, id := d.place.seg, d.run.ID
	was := seg.Discarded
	kept := was != nil && d.i.now().Before(was.Until)
	switch {
	case seg.Hold != nil && seg.Hold.Run == id:
		d.run.State = segment.RunHeld
		return nil
	case kept && was.Run == id:
		hold := was.Hold
		seg.Hold, seg.Discarded = &hold, nil
		d.run.State = segment.RunHeld
		d.done(hold, "took back the discard of a held sync of", "held again with run ")
		return nil
	case d.run.State != segment.RunDiscarded:
		return fault.Conflictf("run %s of segment %s is %s; only a discarded run can be held again", id, seg.Key, d.run.State)
	case kept && d.run.Hold != nil && d.run.Hold.Joined == was.Run:
		return fault.Conflictf("run %s of segment %s was discarded with run %s; hold that one again", id, seg.Key, was.Run)
	case seg.Hold != nil:
		return fault.Conflictf("run %s of segment %s can't be held again, because run %s is held since; decide about that one, and sync again what is missing", id, seg.Key, seg.Hold.Run)
	}
	return fault.Conflictf("run %s of segment %s can't be held again: what it held is kept for %d minutes, or until another run is held or all members are exchanged; sync again", id, seg.Key, DiscardedFor/time.Minute)
}

// done stages that a decision was made.
func (d *decision) done(hold catalog.Hold, verb, note string) {
	d.tx.PutSegment(d.place.seg)
	d.tx.Record(d.run)
	for _, r := range d.joined {
		r.State, r.Note = d.run.State, joinNotes(r.Note, note+string(d.run.ID))
		d.tx.Record(r)
	}
	description := fmt.Sprintf("Run `%s`, held because of %s: %d to be added, %d to be removed.", d.run.ID, hold.Reason, d.run.Hold.Added, d.run.Hold.Removed)
	if more := hold.Removed - d.run.Hold.Removed; more > 0 {
		description += fmt.Sprintf(" Later syncs added %d removals to it.", more)
	}
	d.tx.Audit(d.i.auditOf(d.who, d.place, verb, description, d.run.Comment, policy.OverrideShrinkGuard))
}

// decide makes a decision about a run. The runs that joined its hold are in the state of.
func (i *Ingest) decide(
	ctx context.Context, who catalog.Caller, t Target, id segment.RunID, comment string, of segment.RunState, how func(*decision) error,
) (segment.Run, error) {
	p, err := t.find(i.store, who, policy.OverrideShrinkGuard)
	if err != nil {
		return segment.Run{}, err
	}
	at := segmentID{p.env.ID, p.seg.Key}
	joined, err := i.holding(ctx, at, id, of)
	if err != nil {
		return segment.Run{}, unavailable(err)
	}
	joined = slices.DeleteFunc(joined, func(r segment.Run) bool { return r.ID == id })
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
		now.seg = now.seg.Clone()
		d = &decision{i: i, tx: tx, who: who, place: now, run: before, joined: slices.Clone(joined)}
		d.run.Comment = comment
		return how(d)
	})
	switch {
	case errors.Is(err, store.ErrSuperseded), errors.Is(err, store.ErrStale), errors.Is(err, store.ErrNoSession):
		return segment.Run{}, fault.Conflictf("the members of segment %s were exchanged since run %s was held; discard the run and sync again", t.Segment, id).Because(err)
	case err != nil:
		return segment.Run{}, unavailable(fmt.Errorf("decide on run %s: %w", id, err))
	}
	i.turnLate(ctx, at, id, of, d.run.State)
	if d.uncounted {
		i.counted(ctx, p, rev)
	}
	if now, ok, err := i.store.Run(ctx, p.env.ID, id); err == nil && ok {
		return now, nil
	}
	return d.run, nil
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
	runs, err := i.holding(ctx, id, seg.Hold.Run, segment.RunHeld)
	return runs, unavailable(err)
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

// holding returns the runs in a state that opened a hold or joined it.
func (i *Ingest) holding(ctx context.Context, id segmentID, hold segment.RunID, state segment.RunState) ([]segment.Run, error) {
	runs, _, err := i.store.Runs(ctx, id.env, store.RunQuery{Segment: id.key, State: state})
	if err != nil {
		return nil, fmt.Errorf("list the runs of segment %s that are %s: %w", id.key, state, err)
	}
	return slices.DeleteFunc(runs, func(r segment.Run) bool { return !belongs(r, hold) }), nil
}

// turnLate gives the runs that belong to a hold the state that it has now, if they came between the look
// at the ledger and the write that decided about it. Failing to do so is only logged: the members are
// what they should be.
func (i *Ingest) turnLate(ctx context.Context, id segmentID, hold segment.RunID, from, to segment.RunState) {
	runs, err := i.holding(ctx, id, hold, from)
	if err == nil && len(runs) > 0 {
		_, err = i.store.Update(ctx, store.Scope{Env: id.env}, func(tx store.Tx) error {
			seg, ok := tx.Segment(id.env, id.key)
			if held := ok && seg.Hold != nil && seg.Hold.Run == hold; held != (to == segment.RunHeld) {
				return nil // somebody decided otherwise meanwhile
			}
			for _, r := range runs {
				r.State = to
				tx.Record(r)
			}
			return nil
		})
	}
	if err != nil {
		i.log.WarnContext(ctx, "runs of a hold have not the state that it has", "segment", id.key, "run", hold, "err", err)
	}
}

// dropDiscarded ends for good what somebody decided against, where something newer stands in for it or time is over.
// Like endHold it comes last, and the segment must be put by the caller.
func dropDiscarded(tx store.Tx, seg *catalog.Segment) {
	if seg.Discarded == nil {
		return
	}
	tx.CloseSession(seg.Env, seg.Key, seg.Discarded.Run)
	seg.Discarded = nil
	if seg.Source != nil {
		seg.Source.Drifted = true
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
