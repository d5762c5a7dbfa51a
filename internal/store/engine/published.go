package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"

	"muster/internal/segment"
	"muster/internal/store"
)

// readPublication reads the row of a publication; false if there is none.
func (e *Engine) readPublication(ctx context.Context, name publicationID) (row publicationRow, ok bool, err error) {
	b, ok, err := e.log.Row(ctx, tablePublication, publicationKey(name))
	if err != nil || !ok {
		return row, false, err
	}
	if err := json.Unmarshal(b, &row); err != nil {
		return row, true, fmt.Errorf("row of revision %d: %w: %w", name.revision, store.ErrCorrupt, err)
	}
	return row, true, nil
}

// published returns the delta of a publication as readers of the log see it.
func (e *Engine) published(ctx context.Context, env segment.EnvID, rev segment.Revision, d *delta, retried bool) (segment.MemberDelta, error) {
	row, ok, err := e.readPublication(ctx, publicationID{env, rev, d.ref.Key})
	if err == nil && !ok {
		err = store.ErrTrimmed
	}
	if err != nil {
		return segment.MemberDelta{}, fmt.Errorf("publication of %s: %w", d.ref, err)
	}
	if row.Healed {
		return e.healed(env, d)
	}
	if row.File != nil {
		f, err := e.openFile(ctx, *row.File)
		if err != nil {
			return segment.MemberDelta{}, err
		}
		return f.memberDelta(d.ref), nil
	}
	from, to, err := e.sides(ctx, env, &row, d)
	if err != nil {
		if e.publications.find(publicationID{env, rev, d.ref.Key}) == nil && !retried {
			return e.published(ctx, env, rev, d, true) // its change file was written meanwhile
		}
		return segment.MemberDelta{}, err
	}
	most := int(total(row.Counts))
	for _, l := range from {
		most += int(l.len())
	}
	return segment.MemberDelta{
		Ref: d.ref, Len: most,
		Each: func(after *segment.Hash, yield func(segment.Change) bool) error {
			for c, err := range difference(ctx, &members{layers: from}, &members{layers: to}) {
				if err != nil {
					return err
				}
				if after != nil && bytes.Compare(c.Hash[:], after[:]) <= 0 {
					continue
				}
				if !yield(c) {
					return nil
				}
			}
			return nil
		},
		Find: func(h segment.Hash) (segment.Ops, error) {
			before, err := findIn(from, &h)
			if err != nil {
				return 0, err
			}
			after, err := findIn(to, &h)
			return turned(before.Settled(), after.Settled()), err
		},
	}, nil
}

// healed returns the delta of a publication that took the place of members that could not be read. It
// can't tell who left: whoever asks for one context learns how that is now.
func (e *Engine) healed(env segment.EnvID, d *delta) (segment.MemberDelta, error) {
	before := fmt.Errorf("members of %s before revision %d: %w", d.ref, d.revision, store.ErrCorrupt)
	now := e.membership(refID{env, d.ref})
	if now == nil {
		return segment.MemberDelta{}, before
	}
	return segment.MemberDelta{
		Ref: d.ref, Len: math.MaxInt,
		Each: func(*segment.Hash, func(segment.Change) bool) error { return before },
		Find: func(h segment.Hash) (segment.Ops, error) {
			after, err := now.state(&h)
			return after | turned(segment.Include|segment.Exclude, after), err
		},
	}, nil
}

// turned returns the operations that make one settled state of another. A remove is the operation
// after its add.
func turned(before, after segment.Ops) segment.Ops { return after&^before | (before&^after)<<1 }

// sides opens what a publication exchanged: the layers before and after it.
func (e *Engine) sides(ctx context.Context, env segment.EnvID, row *publicationRow, d *delta) (from, to []layer, err error) {
	if row.Aside && row.Ended {
		if len(row.Left) > 0 {
			from, err = e.openFiles(ctx, row.Left)
			return from, nil, err
		}
		from, err = e.laidOver(ctx, d, row.Rosters)
		return from, nil, err
	}
	switch {
	case len(row.Left) > 0:
		if from, err = e.openFiles(ctx, row.Left); err != nil {
			return nil, nil, err
		}
	case row.Point != "":
		pt := e.points.get(pointID{env, row.Ref.Key, row.Point})
		if pt == nil {
			return nil, nil, fmt.Errorf("point %s: %w", row.Point, store.ErrNoPoint)
		}
		if from, err = e.layersOf(ctx, pt); err != nil {
			return nil, nil, err
		}
	}
	to, err = e.laidOver(ctx, d, row.Rosters)
	return from, to, err
}

// laidOver returns the changes of a delta over files.
func (e *Engine) laidOver(ctx context.Context, d *delta, files []store.FileID) (all []layer, err error) {
	if len(d.hashes) > 0 {
		tail := newPending()
		tail.apply(&delta{hashes: d.hashes, ops: d.ops})
		all = append(all, layer{table: tail})
	}
	below, err := e.openFiles(ctx, files)
	return append(all, below...), err
}
