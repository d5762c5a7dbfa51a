package history

import (
	"context"
	"errors"
	"slices"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// RunDiff says what a run did to a segment's members, or what a held one would do to them now. The
// sample keys of a run that is done are known as long as the log reaches back to it. The point is
// what the members were before a run that exchanged them whole; empty if there is none any more.
func (h *History) RunDiff(ctx context.Context, who catalog.Caller, t Target, id segment.RunID) (segment.Diff, segment.PointID, error) {
	seg, err := h.find(who, t, policy.ViewMembers)
	if err != nil {
		return segment.Diff{}, "", err
	}
	run, err := h.Run(ctx, who, t.Project, t.Environment, t.Segment, id)
	if err != nil {
		return segment.Diff{}, "", err
	}
	switch run.State {
	case segment.RunLive, segment.RunRolledBack:
		return h.didRun(ctx, seg, run)
	case segment.RunHeld:
		d, err := h.heldRun(ctx, seg, run)
		return d, Current, err
	case segment.RunDiscarded:
		if run.Hold != nil {
			return segment.Diff{Added: run.Hold.Added, Removed: run.Hold.Removed}, "", nil
		}
	}
	return segment.Diff{}, "", fault.Conflictf("run %s of segment %s is %s: it changed no members, so there is nothing to compare", id, seg.Key, run.State)
}

// heldRun says what the release of a run would do. Several runs may wait in one hold, and are
// released together.
func (h *History) heldRun(ctx context.Context, seg *catalog.Segment, run segment.Run) (segment.Diff, error) {
	session := run.ID
	if run.Hold != nil && run.Hold.Joined != "" {
		session = run.Hold.Joined
	}
	released, err := h.store.Collected(ctx, seg.Env, seg.Key, session)
	if errors.Is(err, store.ErrNoSession) {
		return segment.Diff{}, fault.Conflictf("run %s of segment %s is not held any more; read it again", run.ID, seg.Key).Because(err)
	}
	if err != nil {
		return segment.Diff{}, within(seg, err)
	}
	now, err := h.store.Snapshot(seg.Env, seg.Ref())
	if err != nil {
		return segment.Diff{}, within(seg, err)
	}
	d, err := released.Diff(ctx, now)
	if err != nil {
		return segment.Diff{}, within(seg, err)
	}
	return d, nil
}

// didRun says what a run did, with samples out of the log.
func (h *History) didRun(ctx context.Context, seg *catalog.Segment, run segment.Run) (segment.Diff, segment.PointID, error) {
	d := segment.Diff{Added: run.Added, Removed: run.Removed, Unchanged: run.Unchanged}
	before, after, err := h.around(ctx, seg, run)
	if err != nil {
		return d, "", within(seg, err)
	}
	var point segment.PointID
	names := func(members store.Members, c segment.Change, to []string) ([]string, error) {
		k, err := keyOf(members, c)
		if len(k) > 0 {
			to = append(to, string(k))
		}
		return to, err
	}
	if before != nil {
		point = before.id
	}
	err = h.eachOf(ctx, seg, run.Revision, func(c segment.Change) (more bool, err error) {
		const adds = segment.Include | segment.Exclude
		if c.Ops&adds != 0 {
			if len(d.AddedKeys) < segment.MaxDiffSamples {
				d.AddedKeys, err = names(after, c, d.AddedKeys)
			}
		} else if len(d.RemovedKeys) < segment.MaxDiffSamples {
			var was store.Members
			if before != nil {
				was = before.Members
			}
			d.RemovedKeys, err = names(was, c, d.RemovedKeys)
		}
		return len(d.AddedKeys) < min(d.Added, segment.MaxDiffSamples) || len(d.RemovedKeys) < min(d.Removed, segment.MaxDiffSamples), err
	})
	if err != nil && !errors.Is(err, store.ErrTrimmed) {
		return d, "", within(seg, err)
	}
	return d, point, nil
}

// pointMembers are the members of a point.
type pointMembers struct {
	store.Members
	id segment.PointID
}

// around returns memberships that know the keys of those whom a run removed and of those whom it
// added: the point that it left behind, nil if there is none, and what followed.
func (h *History) around(ctx context.Context, seg *catalog.Segment, run segment.Run) (*pointMembers, store.Members, error) {
	points, err := h.store.Points(seg.Env, seg.Key)
	if err != nil {
		return nil, nil, err
	}
	n := slices.IndexFunc(points, func(p segment.Point) bool { return p.Run == run.ID })
	open := func(n int) (store.Members, error) {
		m, err := h.store.PointMembers(ctx, seg.Env, seg.Key, points[n].ID)
		if errors.Is(err, store.ErrNoPoint) {
			return nil, nil //nolint:nilnil // it was dropped meanwhile
		}
		return m, err
	}
	var before *pointMembers
	if n >= 0 {
		m, err := open(n)
		if err != nil {
			return nil, nil, err
		}
		if m != nil {
			before = &pointMembers{m, points[n].ID}
		}
	}
	if n > 0 {
		m, err := open(n - 1)
		return before, m, err
	}
	m, err := h.store.Snapshot(seg.Env, seg.Ref())
	return before, m, err
}

// eachOf calls yield for what one revision of the log did to a segment, until it wants no more.
func (h *History) eachOf(ctx context.Context, seg *catalog.Segment, rev segment.Revision, yield func(segment.Change) (bool, error)) error {
	if rev == 0 {
		return nil
	}
	for e, err := range h.store.Entries(ctx, seg.Env, rev-1) {
		if err != nil || e.Revision != rev {
			return err
		}
		for _, d := range e.Members {
			if d.Ref.Key != seg.Key {
				continue
			}
			var failed error
			err := d.Each(func(c segment.Change) bool {
				var more bool
				more, failed = yield(c)
				return more && failed == nil && ctx.Err() == nil
			})
			if err := errors.Join(err, failed, ctx.Err()); err != nil {
				return err
			}
		}
		return nil
	}
	return nil
}

// keyOf returns the key of a changed context: members may know it if the change does not.
func keyOf(members store.Members, c segment.Change) ([]byte, error) {
	if len(c.Key) > 0 || members == nil {
		return c.Key, nil
	}
	before := c.Hash
	for i := len(before) - 1; i >= 0; i-- {
		before[i]--
		if before[i] != 0xff {
			break
		}
	}
	for m, err := range members.All(&before) {
		if err != nil || m.Hash != c.Hash {
			return nil, err
		}
		return m.Key, nil
	}
	return nil, nil
}
