package history

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

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
	released, now, err := h.heldMembers(ctx, seg, run)
	if err != nil {
		return segment.Diff{}, err
	}
	d, err := released.Diff(ctx, now)
	if err != nil {
		return segment.Diff{}, within(seg, err)
	}
	return d, nil
}

// heldMembers returns what the members would be after the release of a run, and what they are.
func (h *History) heldMembers(ctx context.Context, seg *catalog.Segment, run segment.Run) (released, now store.Members, err error) {
	session := run.ID
	if run.Hold != nil && run.Hold.Joined != "" {
		session = run.Hold.Joined
	}
	released, err = h.store.Collected(ctx, seg.Env, seg.Key, session)
	if errors.Is(err, store.ErrNoSession) {
		return nil, nil, fault.Conflictf("run %s of segment %s is not held any more; read it again", run.ID, seg.Key).Because(err)
	}
	if err != nil {
		return nil, nil, within(seg, err)
	}
	if now, err = h.store.Snapshot(seg.Env, seg.Ref()); err != nil {
		return nil, nil, within(seg, err)
	}
	return released, now, nil
}

// HeldChanges yields everything that the release of a run would do now, in no useful order. The caller needs exportMembers.
func (h *History) HeldChanges(ctx context.Context, who catalog.Caller, t Target, id segment.RunID) (iter.Seq2[segment.Change, error], error) {
	seg, released, now, err := h.held(ctx, who, t, id, policy.ExportMembers)
	if err != nil {
		return nil, err
	}
	return changesOf(ctx, seg, released, now), nil
}

// HeldContext returns whether a segment includes a context, and whether it would after the release of a run.
func (h *History) HeldContext(ctx context.Context, who catalog.Caller, t Target, id segment.RunID, contextKey string) (in, would bool, err error) {
	seg, released, now, err := h.held(ctx, who, t, id, policy.ViewMembers)
	if err != nil {
		return false, false, err
	}
	before, err := now.State(segment.HashOf(contextKey))
	if err != nil {
		return false, false, within(seg, err)
	}
	after, err := released.State(segment.HashOf(contextKey))
	if err != nil {
		return false, false, within(seg, err)
	}
	return before&segment.Include != 0, after&segment.Include != 0, nil
}

// held finds a run that is held and what its release would make of the members.
func (h *History) held(ctx context.Context, who catalog.Caller, t Target, id segment.RunID, needs policy.Action) (seg *catalog.Segment, released, now store.Members, err error) {
	if seg, err = h.find(who, t, needs); err != nil {
		return nil, nil, nil, err
	}
	run, err := h.Run(ctx, who, t.Project, t.Environment, t.Segment, id)
	if err != nil {
		return nil, nil, nil, err
	}
	if run.State != segment.RunHeld {
		return nil, nil, nil, fault.Conflictf("run %s of segment %s is %s, not held", id, seg.Key, run.State)
	}
	released, now, err = h.heldMembers(ctx, seg, run)
	return seg, released, now, err
}

// didRun says what a run did, with samples out of the log.
func (h *History) didRun(ctx context.Context, seg *catalog.Segment, run segment.Run) (segment.Diff, segment.PointID, error) {
	d := segment.Diff{Added: run.Added, Removed: run.Removed, Unchanged: run.Unchanged}
	point, before, after, err := h.around(ctx, seg, run)
	if err != nil {
		return d, "", within(seg, err)
	}
	name := func(c segment.Change, known store.Members, to *[]string) error {
		if len(*to) == segment.MaxDiffSamples {
			return nil
		}
		k, err := keyOf(known, c)
		if len(k) > 0 {
			*to = append(*to, string(k))
		}
		return err
	}
	began, n := time.Now(), 0
	err = h.eachOf(ctx, seg, run.Revision, func(c segment.Change) (more bool, err error) {
		if n++; n%256 == 0 && time.Since(began) > searchTime {
			return false, nil // few samples are better than a long wait
		}
		if c.Ops.Settled() != 0 {
			err = name(c, after, &d.AddedKeys)
		} else {
			err = name(c, before, &d.RemovedKeys)
		}
		return len(d.AddedKeys) < min(d.Added, segment.MaxDiffSamples) || len(d.RemovedKeys) < min(d.Removed, segment.MaxDiffSamples), err
	})
	if err != nil && !errors.Is(err, store.ErrTrimmed) {
		return d, "", within(seg, err)
	}
	return d, point, nil
}

// around returns the point that a run left behind, if it did, and memberships that are likely to know
// the keys of those whom it removed and of those whom it added. They are nil if there are none.
func (h *History) around(ctx context.Context, seg *catalog.Segment, run segment.Run) (left segment.PointID, before, after store.Members, err error) {
	points, err := h.store.Points(seg.Env, seg.Key)
	if err != nil {
		return "", nil, nil, err
	}
	var older, newer segment.PointID
	for _, p := range slices.Backward(points) { // oldest first
		switch {
		case p.Run == run.ID:
			left, older = p.ID, p.ID
		case p.Revision < run.Revision:
			older = p.ID
		case newer == "":
			newer = p.ID
		}
	}
	if before, err = h.pointMembers(ctx, seg, older); err != nil {
		return left, nil, nil, err
	}
	if after, err = h.pointMembers(ctx, seg, newer); err != nil || after != nil {
		return left, before, after, err
	}
	after, err = h.store.Snapshot(seg.Env, seg.Ref())
	return left, before, after, err
}

// pointMembers returns the members of a point, nil if there is none.
func (h *History) pointMembers(ctx context.Context, seg *catalog.Segment, id segment.PointID) (store.Members, error) {
	if id == "" {
		return nil, nil //nolint:nilnil // none was asked for
	}
	m, err := h.store.PointMembers(ctx, seg.Env, seg.Key, id)
	if errors.Is(err, store.ErrNoPoint) {
		return nil, nil //nolint:nilnil // it was dropped meanwhile
	}
	return m, err
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
			err := d.Each(nil, func(c segment.Change) bool {
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
