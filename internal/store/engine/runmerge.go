package engine

import (
	"cmp"
	"context"
	"slices"

	"muster/internal/segment"
)

// seekRows is how many rows can be passed in the time that the first row of another group takes to find.
const seekRows = 16

// amongThem returns a page of the runs of several segments. It looks for them among the runs of all, which
// is short if they are many or new, and turns to the segments one by one as soon as it has passed as many
// rows as these would have taken.
func (l *runLister) amongThem(ctx context.Context, timed bool) ([]segment.RunID, int, error) {
	need := l.total // of runs, to know the page and how many there are
	most := 0
	if !timed {
		if most = l.total; l.q.Limit > 0 {
			need = min(l.total, l.q.Offset+l.q.Limit)
		}
	}
	ids, n, done, err := l.firstWithin(ctx, most, need+seekRows*len(l.among))
	if !done && err == nil {
		ids, n, err = l.merged(ctx, timed)
	}
	if !timed {
		n = l.total
	}
	return ids, n, err
}

// merged reads the runs of each segment, newest first, as far as they can be on the page; if the query has
// times, as far as these reach, to count them.
func (l *runLister) merged(ctx context.Context, timed bool) ([]segment.RunID, int, error) {
	end := l.total
	if l.q.Limit > 0 {
		end = min(l.total, l.q.Offset+l.q.Limit)
	}
	m := newest{most: end}
	n := 0
	for k := range l.among {
		group := under(string(l.env), runsOfSegment, string(k))
		if l.q.State != "" {
			group = under(string(l.env), runsOfSegState, string(k), string(l.q.State))
		}
		for r, err := range l.e.newestFirst(ctx, group, l.q.Before) {
			if err != nil {
				return nil, 0, err
			}
			if !l.q.After.IsZero() && r.at <= moment(l.q.After) || !timed && m.passed(&r) {
				break
			}
			if ok, err := l.counts(&r); err != nil {
				return nil, 0, err
			} else if ok {
				n++
				m.add(&r)
			}
		}
	}
	return m.from(l.q.Offset), n, nil
}

// newest keeps the newest of some rows: the first most, and up to as many again until they are sorted.
type newest struct {
	most int
	rows []foundRun
	// last is the last one of those that were kept when they were sorted; no older one is needed.
	last foundRun
}

type foundRun struct {
	at uint64
	id segment.RunID
}

// compare puts the newer run first.
func (f foundRun) compare(g foundRun) int {
	return cmp.Or(cmp.Compare(g.at, f.at), cmp.Compare(g.id, f.id))
}

// passed reports whether neither the row nor those behind it can be among the newest.
func (m *newest) passed(r *indexRow) bool {
	return r.at < m.last.at || r.at == m.last.at && string(r.id) < string(m.last.id)
}

func (m *newest) add(r *indexRow) {
	if m.passed(r) {
		return
	}
	if m.rows = append(m.rows, foundRun{r.at, segment.RunID(r.id)}); len(m.rows) == 2*m.most {
		m.sort()
		m.last = m.rows[m.most-1]
	}
}

func (m *newest) sort() {
	slices.SortFunc(m.rows, foundRun.compare)
	m.rows = m.rows[:min(m.most, len(m.rows))]
}

// from returns the IDs of the newest, after so many of them.
func (m *newest) from(offset int) []segment.RunID {
	m.sort()
	var ids []segment.RunID
	for _, f := range m.rows[min(offset, len(m.rows)):] {
		ids = append(ids, f.id)
	}
	return ids
}
