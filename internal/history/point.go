package history

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// Current names the present members where a point is expected.
const Current segment.PointID = "current"

// Points returns what a segment's members are, and what they were, newest first.
func (h *History) Points(_ context.Context, who catalog.Caller, t Target) (now segment.Point, points []segment.Point, err error) {
	seg, err := h.find(who, t, policy.ViewProject)
	if err != nil {
		return now, nil, err
	}
	points, err = h.store.Points(seg.Env, seg.Key)
	if err != nil {
		return now, nil, reading(fmt.Sprintf("list points of segment %s", seg.Key), err)
	}
	view, err := h.store.View(seg.Env)
	if err != nil {
		return now, nil, within(seg, err)
	}
	now = segment.Point{ID: Current, Ref: seg.Ref(), Revision: view.Revision()}
	now.Counts, _ = view.Counts(seg.Ref())
	return now, points, nil
}

// Diff says what publishing one point instead of another would do. Sample keys are part of it.
func (h *History) Diff(ctx context.Context, who catalog.Caller, t Target, from, to segment.PointID) (segment.Diff, error) {
	seg, published, instead, err := h.pair(ctx, who, t, from, to, policy.ViewMembers)
	if err != nil {
		return segment.Diff{}, err
	}
	d, err := published.Diff(ctx, instead)
	if err != nil {
		return segment.Diff{}, within(seg, err)
	}
	return d, nil
}

// PointChanges yields everything that publishing a point instead of another would do, in no useful order. The caller needs exportMembers.
func (h *History) PointChanges(ctx context.Context, who catalog.Caller, t Target, from, to segment.PointID) (iter.Seq2[segment.Change, error], error) {
	seg, published, instead, err := h.pair(ctx, who, t, from, to, policy.ExportMembers)
	if err != nil {
		return nil, err
	}
	return changesOf(ctx, seg, published, instead), nil
}

// pair returns the members at two points.
func (h *History) pair(ctx context.Context, who catalog.Caller, t Target, from, to segment.PointID, needs policy.Action) (seg *catalog.Segment, published, instead store.Members, err error) {
	if seg, err = h.find(who, t, needs); err != nil {
		return nil, nil, nil, err
	}
	if published, err = h.membersAt(ctx, seg, from); err != nil {
		return nil, nil, nil, err
	}
	instead, err = h.membersAt(ctx, seg, to)
	return seg, published, instead, err
}

// changesOf yields what would make these members of others.
func changesOf(ctx context.Context, seg *catalog.Segment, these, others store.Members) iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		for c, err := range these.Changes(ctx, others) {
			if err != nil {
				err = within(seg, err)
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

func (h *History) membersAt(ctx context.Context, seg *catalog.Segment, id segment.PointID) (store.Members, error) {
	var m store.Members
	var err error
	if id == Current {
		m, err = h.store.Snapshot(seg.Env, seg.Ref())
	} else {
		m, err = h.store.PointMembers(ctx, seg.Env, seg.Key, id)
	}
	if errors.Is(err, store.ErrNoPoint) {
		return nil, fault.NotFoundf("Unknown point %s of segment %s; it may have been dropped since", id, seg.Key).Because(err)
	}
	if err != nil {
		return nil, within(seg, err)
	}
	return m, nil
}
