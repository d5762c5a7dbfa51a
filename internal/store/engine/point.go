package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

// point is a retained membership: files, and a delta over them if changes were in tables when it
// stopped being the membership.
type point struct {
	env segment.EnvID
	pointRow
	tail *delta // nil when there was none
}

// pointRow is a point as it is kept. The tail is a row of its own.
type pointRow struct {
	segment.Point
	Filed   segment.Counts // of the rosters alone
	Rosters []store.FileID // newest first
}

// pointID names a point.
type pointID struct {
	env segment.EnvID
	key segment.Key
	id  segment.PointID
}

func (p *point) name() pointID { return pointID{p.env, p.Ref.Key, p.ID} }

func pointKey(id pointID) []byte { return key(string(id.env), string(id.key), string(id.id)) }

// points are the retained memberships of all segments.
type points struct {
	mu sync.RWMutex
	of map[segmentID][]*point // oldest first
}

func (ps *points) add(p *point) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.of == nil {
		ps.of = make(map[segmentID][]*point)
	}
	id := segmentID{p.env, p.Ref.Key}
	ps.of[id] = append(slices.Clip(ps.of[id]), p)
}

// replace puts a point in the place of the one with its name.
func (ps *points) replace(p *point) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	id := segmentID{p.env, p.Ref.Key}
	all := slices.Clone(ps.of[id])
	if i := slices.IndexFunc(all, func(q *point) bool { return q.ID == p.ID }); i >= 0 {
		all[i] = p
		ps.of[id] = all
	}
}

func (ps *points) remove(name pointID) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	id := segmentID{name.env, name.key}
	ps.of[id] = slices.DeleteFunc(slices.Clone(ps.of[id]), func(q *point) bool { return q.ID == name.id })
	if len(ps.of[id]) == 0 {
		delete(ps.of, id)
	}
}

func (ps *points) drop(env segment.EnvID) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for id := range ps.of {
		if id.env == env {
			delete(ps.of, id)
		}
	}
}

// list returns the points of a segment, oldest first. The list must not be changed.
func (ps *points) list(id segmentID) []*point {
	ps.mu.RLock()
	defer ps.mu.RUnlock()
	return ps.of[id]
}

func (ps *points) get(name pointID) *point {
	for _, p := range ps.list(segmentID{name.env, name.key}) {
		if p.ID == name.id {
			return p
		}
	}
	return nil
}

// all returns every point.
func (ps *points) all() []*point {
	ps.mu.RLock()
	defer ps.mu.RUnlock()
	var all []*point
	for _, of := range ps.of {
		all = append(all, of...)
	}
	return all
}

// rows returns the rows of a point.
func (p *point) rows() ([]store.Row, error) {
	b, err := json.Marshal(&p.pointRow)
	if err != nil {
		return nil, fmt.Errorf("write point %s: %w", p.ID, err)
	}
	rows := []store.Row{{Table: tablePoint, Key: pointKey(p.name()), Value: b}}
	if p.tail != nil {
		rows = append(rows, store.Row{Table: tableTail, Key: pointKey(p.name()), Value: p.tail.encodeChanges()})
	}
	return rows, nil
}

// deletions returns the rows that delete a point.
func (p *point) deletions() []store.Row {
	k := pointKey(p.name())
	return []store.Row{{Table: tablePoint, Key: k}, {Table: tableTail, Key: k}}
}

// layersOf opens what a point is made of, newest first.
func (e *Engine) layersOf(ctx context.Context, p *point) ([]layer, error) {
	var all []layer
	if p.tail != nil {
		t := newPending()
		t.apply(p.tail)
		all = append(all, layer{table: t})
	}
	below, err := e.openFiles(ctx, p.Rosters)
	if err != nil {
		return nil, fmt.Errorf("open point %s of segment %s: %w", p.ID, p.Ref.Key, err)
	}
	return append(all, below...), nil
}

// openFiles opens files as layers.
func (e *Engine) openFiles(ctx context.Context, ids []store.FileID) ([]layer, error) {
	var all []layer
	for _, id := range ids {
		f, err := e.openFile(ctx, id)
		if err != nil {
			return nil, err
		}
		all = append(all, layer{file: f})
	}
	return all, nil
}

// Points returns the points of a segment's key, newest first.
func (e *Engine) Points(env segment.EnvID, k segment.Key) ([]segment.Point, error) {
	if e.environment(env) == nil {
		return nil, fmt.Errorf("list points of environment %s: %w", env, store.ErrNoEnvironment)
	}
	var out []segment.Point
	for _, p := range e.points.list(segmentID{env, k}) {
		q := p.Point
		if !q.Kept {
			q.ExpiresAt = p.SealedAt.Add(e.o.PointAge)
		}
		out = append(out, q)
	}
	slices.SortStableFunc(out, func(a, b segment.Point) int { return cmp.Compare(b.Revision, a.Revision) })
	return out, nil
}

// PointMembers returns the members of a point.
func (e *Engine) PointMembers(ctx context.Context, env segment.EnvID, k segment.Key, id segment.PointID) (store.Members, error) {
	p := e.points.get(pointID{env, k, id})
	if p == nil {
		return nil, fmt.Errorf("point %s of segment %s: %w", id, k, store.ErrNoPoint)
	}
	all, err := e.layersOf(ctx, p)
	if err != nil {
		if e.points.get(p.name()) != p { // it was dropped, or rewritten, while it was being opened
			return nil, fmt.Errorf("point %s of segment %s: %w", id, k, store.ErrNoPoint)
		}
		return nil, err
	}
	return &members{env: env, ref: p.Ref, revision: p.Revision, counts: p.Counts, layers: all}, nil
}

// loadPoints reads the points.
func (e *Engine) loadPoints(ctx context.Context) error {
	var all []*point
	for row, err := range e.log.Rows(ctx, tablePoint, nil, false) {
		if err != nil {
			if err := e.omit("points", err); err != nil {
				return err
			}
			break
		}
		p, err := decodePoint(row)
		if err != nil {
			if err := e.omit("point", err); err != nil {
				return err
			}
			continue
		}
		all = append(all, p)
	}
	for _, p := range all {
		e.retain(p.Rosters...)
		b, ok, err := e.log.Row(ctx, tableTail, pointKey(p.name()))
		if err == nil && ok {
			p.tail, err = decodeChanges(b)
		}
		if err != nil {
			if err := e.omit("tail of point "+string(p.ID), err); err != nil {
				return err
			}
			continue
		}
		e.points.add(p)
	}
	return nil
}

func decodePoint(row store.Row) (*point, error) {
	parts, err := split(row.Key, 3)
	if err != nil {
		return nil, err
	}
	p := &point{env: segment.EnvID(parts[0])}
	return p, decodeJSON(row, &p.pointRow)
}

// KeepPoint makes a point stay, or lets go of it.
func (t *tx) KeepPoint(env segment.EnvID, k segment.Key, id segment.PointID, kept bool) (changed bool, err error) {
	if !t.check(env, "points") {
		return false, t.err
	}
	var p *point
	others := 0
	for q := range t.pointsOf(segmentID{env, k}) {
		switch {
		case q.ID == id:
			p = q
		case q.Kept:
			others++
		}
	}
	switch {
	case p == nil:
		return false, fmt.Errorf("keep point %s of segment %s: %w", id, k, store.ErrNoPoint)
	case p.Kept == kept:
		return false, nil
	case kept && others >= segment.MaxKeptPoints:
		return false, fmt.Errorf("keep point %s of segment %s beside %d others: %w", id, k, others, store.ErrTooManyKept)
	}
	t.keep(p, kept)
	return true, nil
}

func (t *tx) keep(p *point, kept bool) {
	next := *p
	next.Kept = kept
	stage(&t.kept, p.name(), &next)
}

// pointsOf yields the points of a segment as this write sees them.
func (t *tx) pointsOf(id segmentID) iter.Seq[*point] {
	return func(yield func(*point) bool) {
		for _, p := range t.step.e.points.list(id) {
			if !yield(cmp.Or(t.kept[p.name()], t.step.kept[p.name()], p)) {
				return
			}
		}
	}
}

// letGo lets go of all points of a segment that ends: nobody could do it afterwards.
func (t *tx) letGo(id segmentID) {
	for p := range t.pointsOf(id) {
		if p.Kept {
			t.keep(p, false)
		}
	}
}

// prepareKept adds the rows of points that somebody keeps or lets go of. What they are made of stays.
func (t *tx) prepareKept(p *prepared) error {
	for _, pt := range t.kept {
		rows, err := pt.rows()
		if err != nil {
			return err
		}
		p.rows = append(p.rows, rows[0])
	}
	return nil
}

// expired returns the points of a segment that are too old or too many, newest first.
func (e *Engine) expired(id segmentID, now time.Time) []*point {
	newer := 0
	var out []*point
	for _, p := range slices.Backward(e.points.list(id)) {
		if p.Kept {
			continue
		}
		if newer++; newer > e.o.MaxPoints || now.Sub(p.SealedAt) > e.o.PointAge {
			out = append(out, p)
		}
	}
	return out
}
