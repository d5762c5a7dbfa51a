package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// commit seals the list and publishes or applies it, as often as other publications come between. It
// returns the run as it ended.
func (j *job) commit(ctx context.Context) (segment.Run, error) {
	const attempts = 5
	for n := 0; ; n++ {
		began := time.Now()
		staged, _, err := j.load.Seal(ctx, j.id.env, j.id.key, j.name)
		if err != nil {
			return segment.Run{}, fmt.Errorf("sort list for segment %s: %w", j.id.key, err)
		}
		j.change(func(r *segment.Run) { r.State, r.Stage = segment.RunStaged, time.Since(began) })
		if n == 0 && !j.synced { // an upload is watched; a tool waits for its answer
			err = j.record(ctx)
		}
		var run segment.Run
		if err == nil {
			run, err = j.settle(ctx, staged)
		}
		staged.Discard()
		if !errors.Is(err, store.ErrStale) || n == attempts {
			return run, err
		}
	}
}

// record brings the ledger up to date with a run that is under way.
func (j *job) record(ctx context.Context) error {
	_, err := j.i.store.Update(ctx, store.Scope{Env: j.id.env}, func(tx store.Tx) error {
		tx.Record(j.state())
		return nil
	})
	if err != nil {
		return fmt.Errorf("record import into segment %s: %w", j.id.key, err)
	}
	return nil
}

// settle decides what becomes of a sealed list: live, held, or superseded by a newer one.
func (j *job) settle(ctx context.Context, staged store.Staged) (segment.Run, error) {
	held, err := j.i.heldRuns(ctx, j.id)
	if err != nil {
		return segment.Run{}, err
	}
	var hold *segment.Hold
	for {
		s := settlement{job: j, staged: staged, hold: hold, held: held}
		rev, err := j.i.store.Update(ctx, store.Scope{Env: j.id.env}, s.stage)
		var trip *tripped
		switch {
		case errors.As(err, &trip) && hold == nil:
			hold = &trip.hold
			hold.Usual = j.i.usual(ctx, j.id.env, j.id.key, hold.Members+int64(hold.Removed-hold.Added))
		case errors.Is(err, store.ErrSuperseded):
			return j.supersede(ctx)
		case err != nil:
			return segment.Run{}, fmt.Errorf("commit list of segment %s: %w", j.id.key, err)
		default:
			if s.run.State == segment.RunLive {
				s.run.Revision = rev
			}
			if s.ended != "" {
				j.i.turnLate(ctx, j.id, s.ended, segment.RunHeld, segment.RunSuperseded)
			}
			return s.run, nil
		}
	}
}

// settlement is a list on its way through one write.
type settlement struct {
	*job
	staged store.Staged
	hold   *segment.Hold // why it must be held; nil: as far as is known it need not be
	held   []segment.Run // of the segment, as far as the ledger knew
	run    segment.Run
	ended  segment.RunID // whose hold the list ended
}

// stage stages the decision.
func (s *settlement) stage(tx store.Tx) error {
	p, err := s.im.find(tx, s.who, policy.UpdateIncluded)
	if err != nil {
		return err
	}
	if s.admit != nil {
		if err := s.admit(tx); err != nil {
			return err
		}
	}
	if _, open := tx.Session(s.id.env, s.id.key, s.name); !open { // the segment of today is another one
		return fault.NotFoundf("segment %s was deleted while the list was on its way; nothing of it was taken", s.id.key)
	}
	s.run, s.ended = s.state(), ""
	s.run.Progress, s.run.Waiting = nil, false
	if s.remember != nil {
		s.remember(tx)
	}
	after := p.seg.Clone()
	joins := p.seg.Hold != nil && s.im.Mode != Whole && (s.im.Mode == Remove || s.hold != nil)
	switch {
	case joins:
		err = s.join(tx, p, after)
	case s.hold != nil:
		err = s.keep(tx, p, after)
	default:
		err = s.apply(tx, p, after)
	}
	if err != nil {
		return err
	}
	if marksDiffer(p.seg, after) {
		tx.PutSegment(after)
	}
	tx.Record(s.run)
	return nil
}

// marksDiffer reports whether what the write path notes in segments differs between two.
func marksDiffer(a, b *catalog.Segment) bool {
	return differ(a.Hold, b.Hold) || differ(a.Discarded, b.Discarded) || differ(a.Source, b.Source)
}

func differ[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a != b
	}
	return *a != *b
}

// apply makes the list live. A whole one ends the hold of an older run: it says what that run said,
// and is newer.
func (s *settlement) apply(tx store.Tx, p place, after *catalog.Segment) error {
	var effect store.Effect
	var err error
	whole := s.im.Mode == Whole
	if whole {
		effect, err = tx.Publish(s.id.env, s.id.key, store.Publication{Session: s.name, Staged: s.staged, Reason: segment.PointReplace, Run: s.name})
	} else {
		effect, err = tx.Apply(s.id.env, s.id.key, s.staged)
	}
	if err != nil {
		return err
	}
	err = inspect(tx, p.env, p.seg, segment.Sync{
		Members: effect.Counts.Included - int64(effect.Added) + int64(effect.Removed), Added: effect.Added, Removed: effect.Removed,
		MembersAfter: effect.Counts.Included, Whole: whole,
	}, !whole, s.i.now())
	if err != nil {
		return err
	}
	if whole {
		s.endHold(tx, p, after)
		dropDiscarded(tx, after)
	}
	tx.CloseSession(s.id.env, s.id.key, s.name)
	s.run.State = segment.RunLive
	s.run.Count(effect.Added, effect.Removed)
	s.source(after, effect.Added+effect.Removed > 0)
	if effect.Added+effect.Removed > 0 {
		tx.Audit(s.audit(p, s.run))
	}
	return nil
}

// audit returns the audit entry of a list that went live.
func (j *job) audit(p place, run segment.Run) catalog.AuditEntry {
	verb := "imported a list into"
	if j.synced {
		verb = "replaced the members of"
	}
	return j.i.auditOf(j.who, p, verb, fmt.Sprintf("Mode %s: %d rows. %d added, %d removed, %d unchanged, %d skipped. Run `%s`.",
		j.im.Mode, run.Received, run.Added, run.Removed, run.Unchanged, run.Skipped, run.ID), j.im.Comment, policy.UpdateIncluded)
}

// source notes in a segment who changed its members: its tool, by a whole list, or somebody else.
func (s *settlement) source(after *catalog.Segment, changed bool) {
	switch {
	case after.Source == nil:
	case s.synced:
		after.Source.Drifted, after.Source.Partial = false, false
	case changed:
		after.Source.Drifted = true
	}
}

// keep holds the list: it stays with its session. A whole one takes the place of one that is held.
func (s *settlement) keep(tx store.Tx, p place, after *catalog.Segment) error {
	if err := tx.Keep(s.id.env, s.id.key, s.name, -1, s.staged); err != nil {
		return err
	}
	s.endHold(tx, p, after)
	dropDiscarded(tx, after)
	s.run.State, s.run.Hold = segment.RunHeld, s.hold
	after.Hold = &catalog.Hold{Run: s.name, At: s.i.now(), Removed: s.hold.Removed, Reason: s.hold.Reason, Whole: s.im.Mode == Whole}
	tx.Audit(s.i.heldAudit(s.who, p, s.run))
	return nil
}

// join adds the list to the changes that wait with the run that is held.
func (s *settlement) join(tx store.Tx, p place, after *catalog.Segment) error {
	effect, err := tx.Park(s.id.env, s.id.key, p.seg.Hold.Run, s.staged)
	if err != nil {
		return err
	}
	tx.CloseSession(s.id.env, s.id.key, s.name)
	joined(&s.run, after, effect)
	return nil
}

// endHold ends the hold that a whole list stands in for.
func (s *settlement) endHold(tx store.Tx, p place, after *catalog.Segment) {
	if p.seg.Hold == nil {
		return
	}
	s.ended = p.seg.Hold.Run
	after.Hold = nil
	endHold(tx, s.id, s.ended, s.held, segment.RunSuperseded, "a newer whole list came: run "+string(s.name))
}

// supersede ends a list that a newer one has overtaken.
func (j *job) supersede(ctx context.Context) (segment.Run, error) {
	run := j.state()
	run.State, run.Progress = segment.RunSuperseded, nil
	run.Note = joinNotes(run.Note, "a newer membership was published meanwhile")
	_, err := j.i.store.Update(ctx, store.Scope{Env: j.id.env}, func(tx store.Tx) error {
		tx.CloseSession(j.id.env, j.id.key, run.ID)
		if j.remember != nil {
			j.remember(tx)
		}
		tx.Record(run)
		return nil
	})
	if err != nil {
		return segment.Run{}, fmt.Errorf("end superseded list of segment %s: %w", j.id.key, err)
	}
	return run, nil
}
