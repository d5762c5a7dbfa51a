package engine

import (
	"context"
	"math"
	"slices"

	"muster/internal/segment"
	"muster/internal/store"
)

// runLister reads one page of runs from an index. The ways to it differ in how many rows they pass.
type runLister struct {
	e      *Engine
	env    segment.EnvID
	q      *store.RunQuery
	within group
	total  int // of runs that match, times aside
	// among are the segments whose runs are selected, if the group has those of others too.
	among map[segment.Key]struct{}
}

// page returns which runs a query selects and how many match.
func (e *Engine) page(ctx context.Context, env segment.EnvID, q *store.RunQuery) ([]segment.RunID, int, error) {
	l := runLister{e: e, env: env, q: q}
	l.total, l.within, l.among = e.ledger.of(env, q)
	timed := !q.After.IsZero() || !q.Before.IsZero()
	switch {
	case l.total == 0 || !timed && q.Offset >= l.total:
		return nil, l.total, nil
	case l.among != nil:
		return l.amongThem(ctx, timed)
	case timed:
		return l.between(ctx)
	case l.within.exact && q.Offset > l.total/2:
		ids, err := l.last(ctx, l.total-q.Offset)
		return ids, l.total, err
	default:
		ids, _, err := l.first(ctx, l.total)
		return ids, l.total, err
	}
}

// counts reports whether a row is of a run that is durable and selected, its time aside.
func (l *runLister) counts(r *indexRow) (ok bool, err error) {
	if ok = l.within.exact; !ok {
		ok, err = r.selected(l.q, l.among)
	}
	if ok && err == nil {
		ok, err = l.e.durable(l.env, r)
	}
	return ok, err
}

// first returns the page and how many runs that match it has come by: all of them if most is 0, else no
// more than that, and none behind the page.
func (l *runLister) first(ctx context.Context, most int) (ids []segment.RunID, n int, err error) {
	ids, n, _, err = l.firstWithin(ctx, most, math.MaxInt)
	return ids, n, err
}

// firstWithin is first, but gives up after some rows.
func (l *runLister) firstWithin(ctx context.Context, most, rows int) (ids []segment.RunID, n int, done bool, err error) {
	for r, err := range l.e.newestFirst(ctx, l.within.prefix, l.q.Before) {
		if err != nil {
			return nil, 0, false, err
		}
		if rows--; rows < 0 {
			return nil, 0, false, nil
		}
		if !l.q.After.IsZero() && r.at <= moment(l.q.After) {
			break
		}
		if ok, err := l.counts(&r); err != nil {
			return nil, 0, false, err
		} else if !ok {
			continue
		}
		full := l.q.Limit > 0 && len(ids) == l.q.Limit
		if n++; n > l.q.Offset && !full {
			ids = append(ids, segment.RunID(r.id))
			full = len(ids) == l.q.Limit
		}
		if most > 0 && (full || n == most) {
			break
		}
	}
	return ids, n, true, nil
}

// last returns the first of the oldest n runs of the group: the shorter way to a page near the end.
func (l *runLister) last(ctx context.Context, n int) ([]segment.RunID, error) {
	var ids []segment.RunID // newer and newer
	i := 0
	for r, err := range l.e.oldestFirst(ctx, l.within.prefix) {
		if err != nil {
			return nil, err
		}
		if ok, err := l.counts(&r); err != nil {
			return nil, err
		} else if !ok {
			continue
		}
		if l.q.Limit == 0 || i >= n-l.q.Limit {
			ids = append(ids, segment.RunID(r.id))
		}
		if i++; i == n {
			break
		}
	}
	slices.Reverse(ids)
	return ids, nil
}

// between returns a page of the runs between two times. To know how many there are it counts them, or
// the others if these take less time.
func (l *runLister) between(ctx context.Context) ([]segment.RunID, int, error) {
	if l.q.Limit == 0 || !l.within.exact {
		return l.first(ctx, 0)
	}
	most, err := l.mostTime(ctx)
	if err != nil {
		return nil, 0, err
	}
	if !most {
		return l.first(ctx, 0)
	}
	ids, seen, err := l.first(ctx, l.total)
	if err != nil {
		return nil, 0, err
	}
	others, err := l.outside(ctx)
	return ids, max(seen, l.total-others), err
}

// mostTime reports whether the times of a query cover most of the time in which the group has runs.
func (l *runLister) mostTime(ctx context.Context) (bool, error) {
	var newest, oldest uint64
	for r, err := range l.e.newestFirst(ctx, l.within.prefix, noTime) {
		if err != nil {
			return false, err
		}
		newest = r.at
		break
	}
	for r, err := range l.e.oldestFirst(ctx, l.within.prefix) {
		if err != nil {
			return false, err
		}
		oldest = r.at
		break
	}
	from, to := oldest, newest
	if !l.q.After.IsZero() {
		from = max(from, moment(l.q.After))
	}
	if !l.q.Before.IsZero() {
		to = min(to, moment(l.q.Before))
	}
	return to > from && to-from > (newest-oldest)/2, nil
}

// outside counts the runs of the group that are not between the times of the query.
func (l *runLister) outside(ctx context.Context) (n int, err error) {
	if !l.q.Before.IsZero() {
		for r, err := range l.e.newestFirst(ctx, l.within.prefix, noTime) {
			if err != nil {
				return 0, err
			}
			if r.at < moment(l.q.Before) {
				break
			}
			if ok, err := l.counts(&r); err != nil {
				return 0, err
			} else if ok {
				n++
			}
		}
	}
	if l.q.After.IsZero() {
		return n, nil
	}
	for r, err := range l.e.oldestFirst(ctx, l.within.prefix) {
		if err != nil {
			return 0, err
		}
		if r.at > moment(l.q.After) {
			break
		}
		if ok, err := l.counts(&r); err != nil {
			return 0, err
		} else if ok {
			n++
		}
	}
	return n, nil
}
