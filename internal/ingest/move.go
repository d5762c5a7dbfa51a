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

// DefaultSDKCache is how long SDKs may go on with the memberships that they have read, in an
// installation that sets nothing else. They keep them for 5 seconds unless they are told otherwise.
const DefaultSDKCache = 10 * time.Second

// patientMoves is how many times the cache of SDKs a list that changes all the time may put off its
// own move.
const patientMoves = 10

// MoveLists sets how many targets segments may list in their definition, and how long SDKs keep the
// memberships that they have read. It must be called before anything else.
func (i *Ingest) MoveLists(l catalog.ListLimit, sdkCache time.Duration) {
	i.lists, i.sdkCache = l, sdkCache
}

// mover moves the targets of lists into the membership engine. A move takes two writes: the first
// puts the targets under the segment's ref, where SDKs don't look yet; the second makes the segment
// unbounded, when no SDK can still hold a membership that it read before the first. So there is no
// moment at which an SDK misses a member.
type mover struct {
	*Ingest
	p    place
	kind segment.ContextKind
}

// errChanged says that a segment was changed between the look at it and the write.
var errChanged = errors.New("the segment was changed meanwhile")

// step carries the move on by what can be done now. It returns how long to wait for the next step; 0
// when the segment is unbounded.
func (m *mover) step(ctx context.Context) (time.Duration, error) {
	seg, ok := m.store.Segment(m.p.env.ID, m.p.seg.Key)
	if !ok || seg.ID != m.p.seg.ID {
		return 0, fault.NotFoundf("segment %s was deleted while its targets were moving", m.p.seg.Key)
	}
	if m.p.seg = seg; seg.Unbounded {
		return 0, nil
	}
	wait, err := m.fill(ctx)
	if err == nil && wait == 0 {
		err = m.finish(ctx)
	}
	if errors.Is(err, errChanged) {
		return time.Millisecond, nil
	}
	if err != nil {
		return 0, unavailable(fmt.Errorf("move the targets of segment %s out of its definition: %w", seg.Key, err))
	}
	return wait, nil
}

// fill makes the engine's members those of the list and returns how long SDKs may not know of them.
func (m *mover) fill(ctx context.Context) (time.Duration, error) {
	changes, err := m.lacking()
	if err != nil {
		return 0, err
	}
	now, move := m.now(), m.p.seg.Move
	if move != nil && changes.Len() == 0 && move.Version == m.p.seg.Version {
		return m.rest(*move, now), nil
	}
	next := catalog.Move{Kind: m.kind, Begun: now, Filled: now}
	if move != nil {
		if next = *move; changes.Len() > 0 {
			next.Filled = now
		}
	}
	next.Version = m.p.seg.Version
	staged, err := m.store.Stage(ctx, changes)
	if err != nil {
		return 0, err
	}
	defer staged.Discard()
	seg := m.p.seg.Clone()
	seg.Move = &next
	if err := seg.CheckMove(m.kind); err != nil {
		return 0, err
	}
	err = m.write(ctx, func(tx store.Tx) error {
		tx.PutSegment(seg)
		if staged.Len() == 0 {
			return nil
		}
		effect, err := tx.Apply(seg.Env, seg.Key, staged)
		if err != nil {
			return err
		}
		run := segment.Run{
			ID: segment.RunID(catalog.NewID()), Env: seg.Env, Segment: seg.Key, Kind: segment.EditRun, State: segment.RunLive,
			Received: staged.Len(), ReceivedAt: now, Actor: movedBy, Note: "the list became too long for the segment's definition and is kept by the engine",
		}
		run.Count(effect.Added, effect.Removed)
		tx.Record(run)
		return nil
	})
	if err != nil {
		return 0, err
	}
	m.p.seg = seg
	return m.rest(next, now), nil
}

// movedBy is who moves lists.
var movedBy = segment.Actor{Kind: "system", Name: "muster"}

// rest returns how long an SDK may still hold a membership that it read before the members came.
func (m *mover) rest(move catalog.Move, now time.Time) time.Duration {
	if now.Sub(move.Begun) >= patientMoves*m.sdkCache {
		return 0
	}
	return max(0, m.sdkCache-now.Sub(move.Filled))
}

// lacking returns what would make the engine's members those of the list.
func (m *mover) lacking() (*segment.Changes, error) {
	list := m.p.seg.Members()
	if m.p.seg.Move == nil {
		return list, nil
	}
	members, err := m.store.Snapshot(m.p.env.ID, m.p.seg.Ref())
	if err != nil {
		return nil, err
	}
	listed := make(map[segment.Hash]segment.Change, list.Len())
	for c := range list.All() {
		listed[c.Hash] = c
	}
	changes := new(segment.Changes)
	for c, err := range members.All(nil) {
		if err != nil {
			return nil, err
		}
		switch want, ok := listed[c.Hash]; {
		case !ok:
			changes.AppendHash(c.Hash, gone(c.Ops, 0))
		case want.Ops != c.Ops:
			changes.Append(want.Key, want.Ops.Over(gone(c.Ops, want.Ops)))
		}
		delete(listed, c.Hash)
	}
	for _, c := range listed {
		changes.Append(c.Key, c.Ops)
	}
	changes.Compact()
	return changes, nil
}

// gone returns the operations that take a context out of the sets that it is in and shall not be in.
func gone(is, shall segment.Ops) (ops segment.Ops) {
	if is&segment.Include != 0 && shall&segment.Include == 0 {
		ops |= segment.Uninclude
	}
	if is&segment.Exclude != 0 && shall&segment.Exclude == 0 {
		ops |= segment.Unexclude
	}
	return ops
}

// finish makes the segment unbounded.
func (m *mover) finish(ctx context.Context) error {
	return m.write(ctx, func(tx store.Tx) error {
		before := m.p.seg
		seg := before.Moved()
		seg.Version = max(before.Version, tx.LastVersion(seg.Env, segment.SegmentDefinition, string(seg.Key))) + 1
		seg.ModifiedAt = m.now()
		tx.PutSegment(seg)
		tx.Audit(m.auditOf(catalog.Caller{Actor: movedBy}, m.p, "made a big segment of",
			fmt.Sprintf("Its %d targets of kind %s moved from its definition to where members of big segments are kept. Change them with `POST …/contexts` and imports.", before.Targets(), seg.Kind), "",
			policy.UpdateIncluded, policy.UpdateExcluded))
		return nil
	})
}

// write runs fn unless the segment is another one by now.
func (m *mover) write(ctx context.Context, fn func(store.Tx) error) error {
	_, err := m.store.Update(ctx, store.Scope{Env: m.p.env.ID}, func(tx store.Tx) error {
		if now, ok := tx.Segment(m.p.env.ID, m.p.seg.Key); !ok || now != m.p.seg {
			return errChanged
		}
		return fn(tx)
	})
	return err
}

// move makes a big segment of a list and returns when it is one.
func (i *Ingest) move(ctx context.Context, p place, kind segment.ContextKind) error {
	if err := i.ensureKind(ctx, p.project, kind); err != nil {
		return err
	}
	m := mover{i, p, kind}
	for {
		wait, err := m.step(ctx)
		if err != nil || wait == 0 {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return unavailable(ctx.Err())
		case <-i.jobs.ctx.Done():
			timer.Stop()
			return unavailable(store.ErrClosed)
		}
	}
}

// keepMoving moves the lists that grow too long, whoever changes them, until the write path is closed.
func (i *Ingest) keepMoving() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	done := make(map[segment.EnvID]segment.Revision) // up to where there is nothing to do
	for {
		for _, project := range i.store.Projects() {
			for _, env := range i.store.Environments(project.Key) {
				if head, err := i.store.Head(env.ID); err == nil && head != done[env.ID] && !i.moveLong(project, env) {
					done[env.ID] = head
				}
			}
		}
		select {
		case <-i.jobs.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// moveLong carries on the moves of an environment and reports whether more is to be done. A list that
// can't move, because it was made under another limit, stays as it is.
func (i *Ingest) moveLong(project *catalog.Project, env *catalog.Environment) (more bool) {
	ctx := i.jobs.ctx
	for _, seg := range i.store.Segments(env.ID) {
		var kind segment.ContextKind
		var err error
		switch {
		case seg.Unbounded:
			continue
		case seg.Move != nil:
			kind = seg.Move.Kind
		case !i.lists.Move || !i.lists.Exceeded(seg):
			continue
		default:
			if kind, err = seg.TargetKind(); err == nil {
				err = seg.CheckMove(kind)
			}
			if err != nil {
				continue
			}
		}
		m := mover{i, place{project, env, seg}, kind}
		if err = i.ensureKind(ctx, project, kind); err == nil {
			var wait time.Duration
			wait, err = m.step(ctx)
			more = more || wait > 0
		}
		if err != nil && ctx.Err() == nil && fault.KindOf(err) != fault.NotFound {
			i.log.WarnContext(ctx, "list was not moved; it is tried again", "segment", seg.Key, "env", env.ID, "err", err)
			more = true
		}
	}
	return more
}
