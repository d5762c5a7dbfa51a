package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// KeepPoint makes a point of a segment stay however old it gets, or lets go of it again, and returns it.
// The caller needs rollbackSegment.
func (i *Ingest) KeepPoint(ctx context.Context, who catalog.Caller, t Target, id segment.PointID, kept bool, comment string) (segment.Point, error) {
	p, err := t.find(i.store, who, policy.RollbackSegment)
	if err != nil {
		return segment.Point{}, err
	}
	point, err := i.point(p, id)
	if err != nil {
		return segment.Point{}, err
	}
	verb, description := "kept a point of", "The point of revision %d with %d members stays until somebody lets go of it."
	if !kept {
		verb, description = "let go of a point of", "The point of revision %d with %d members is dropped when it is too old or newer ones are too many."
	}
	_, err = i.store.Update(ctx, store.Scope{Env: p.env.ID}, func(tx store.Tx) error {
		now, err := t.find(tx, who, policy.RollbackSegment)
		if err != nil {
			return err
		}
		changed, err := tx.KeepPoint(p.env.ID, p.seg.Key, id, kept)
		if err != nil || !changed {
			return err
		}
		tx.Audit(i.auditOf(who, now, verb, fmt.Sprintf(description, point.Revision, point.Counts.Included), comment, policy.RollbackSegment))
		return nil
	})
	switch {
	case errors.Is(err, store.ErrNoPoint):
		return segment.Point{}, fault.NotFoundf("Unknown point %s of segment %s: it was dropped", id, p.seg.Key).Because(err)
	case errors.Is(err, store.ErrTooManyKept):
		return segment.Point{}, fault.Conflictf("segment %s keeps %d points already, which is the most there may be; let go of one first", p.seg.Key, segment.MaxKeptPoints).Because(err)
	case err != nil:
		return segment.Point{}, unavailable(fmt.Errorf("keep point %s of segment %s: %w", id, p.seg.Key, err))
	}
	return i.point(p, id)
}

// point returns a point of a segment.
func (i *Ingest) point(p place, id segment.PointID) (segment.Point, error) {
	if !p.seg.Unbounded {
		return segment.Point{}, fault.Invalidf("the segment %s keeps its targets in its definition; it has no points", p.seg.Key)
	}
	points, err := i.store.Points(p.env.ID, p.seg.Key)
	if err != nil {
		return segment.Point{}, unavailable(fmt.Errorf("list points of segment %s: %w", p.seg.Key, err))
	}
	n := slices.IndexFunc(points, func(q segment.Point) bool { return q.ID == id })
	if n < 0 {
		return segment.Point{}, fault.NotFoundf("Unknown point %s of segment %s", id, p.seg.Key)
	}
	return points[n], nil
}
