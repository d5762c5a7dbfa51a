package engine

import (
	"context"
	"slices"
	"time"

	"muster/internal/segment"
)

// recentSpan is how far back a membership knows what deltas did to it.
const recentSpan = time.Hour

// recent is what deltas did to a membership lately, by the second. It belongs to whoever holds the
// commit lock.
type recent struct{ seconds []effectAt } // oldest first

type effectAt struct {
	at             int64 // Unix seconds
	added, removed int
}

func (r *recent) clone() recent { return recent{slices.Clone(r.seconds)} }

// note adds an effect, which must not be older than those before.
func (r *recent) note(at time.Time, added, removed int) {
	if added+removed == 0 {
		return
	}
	now := at.Unix()
	if n := len(r.seconds); n > 0 && r.seconds[n-1].at >= now {
		r.seconds[n-1].added += added
		r.seconds[n-1].removed += removed
		return
	}
	old := 0
	for old < len(r.seconds) && r.seconds[old].at < now-int64(recentSpan/time.Second) {
		old++
	}
	r.seconds = append(slices.Delete(r.seconds, 0, old), effectAt{now, added, removed})
}

// after returns what was done since a moment.
func (r *recent) after(since time.Time) (added, removed int) {
	for _, s := range slices.Backward(r.seconds) {
		if s.at < since.Unix() {
			break
		}
		added += s.added
		removed += s.removed
	}
	return added, removed
}

// Recent returns what deltas did to a segment's members since a moment.
func (t *tx) Recent(env segment.EnvID, k segment.Key, since time.Time) (added, removed int) {
	seg, ok := t.Segment(env, k)
	if !ok || !seg.Unbounded || !t.check(env, "members") {
		return 0, 0
	}
	m := t.membership(refID{env, seg.Ref()})
	if m == nil {
		return 0, 0
	}
	added, removed = m.recent.after(since)
	for _, d := range t.step.deltas {
		if d.m == m {
			added, removed = added+d.added, removed+d.removed
		}
	}
	if d := t.deltas[m]; d != nil {
		added, removed = added+d.added, removed+d.removed
	}
	return added, removed
}

// loadRecent reads what deltas did lately off the ledger.
func (e *Engine) loadRecent(ctx context.Context, env *environment) error {
	oldest := e.o.Now().Add(-recentSpan)
	var runs []segment.Run
	for row, err := range e.newestFirst(ctx, under(string(env.id), allRuns), noTime) {
		if err != nil {
			return err
		}
		r, _, err := e.Run(ctx, env.id, segment.RunID(row.id))
		if err != nil {
			return err
		}
		if r.LiveAt.Before(oldest) && r.ReceivedAt.Before(oldest) {
			break
		}
		if r.State == segment.RunLive && r.Mode == segment.Delta {
			runs = append(runs, r)
		}
	}
	for _, r := range slices.Backward(runs) {
		seg, ok := e.Segment(env.id, r.Segment)
		if !ok || !seg.Unbounded {
			continue
		}
		if m := env.view.Load().refs.find(seg.Ref()); m != nil {
			m.recent.note(r.LiveAt, r.Added, r.Removed)
		}
	}
	return nil
}
