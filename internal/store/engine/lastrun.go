package engine

import (
	"context"
	"slices"

	"muster/internal/segment"
	"muster/internal/store"
)

// maxLastRuns is of how many segments the newest run is kept.
const maxLastRuns = 1 << 16

// lastRun is the newest run of a segment as it is kept, with how many runs the segment has.
type lastRun struct {
	runs []segment.Run // one, or none
	n    int
}

// isLast reports whether a query asks for the newest run of a segment. Lists of segments ask that for
// each of a thousand.
func isLast(q *store.RunQuery) bool {
	return q.Segment != "" && q.Limit == 1 && q.Offset == 0 && q.Of == nil &&
		q.Tool+string(q.State)+string(q.Kind) == "" && q.After.IsZero() && q.Before.IsZero()
}

// last returns the newest run of a segment.
func (e *Engine) last(ctx context.Context, env segment.EnvID, q *store.RunQuery) ([]segment.Run, int, error) {
	id := segmentID{env, q.Segment}
	kept, changes, ok := e.ledger.lastOf(id)
	if ok {
		return slices.Clone(kept.runs), kept.n, nil
	}
	runs, n, err := e.runs(ctx, env, q)
	if err == nil {
		e.ledger.keepLast(id, lastRun{slices.Clone(runs), n}, changes)
	}
	return runs, n, err
}

// lastOf returns what is kept of a segment, or else the number of changes to give to keepLast.
func (l *ledger) lastOf(id segmentID) (kept lastRun, changes uint64, ok bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	kept, ok = l.last[id]
	return kept, l.changes, ok
}

// keepLast keeps what was read of a segment, unless the ledger changed since.
func (l *ledger) keepLast(id segmentID, r lastRun, changes uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changes != changes {
		return
	}
	if l.last == nil || len(l.last) >= maxLastRuns {
		l.last = make(map[segmentID]lastRun)
	}
	l.last[id] = r
}

// changed drops what is kept of a segment whose runs are others now.
func (l *ledger) changed(id segmentID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changes++
	delete(l.last, id)
}
