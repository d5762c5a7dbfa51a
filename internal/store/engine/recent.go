package engine

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

const (
	// recentSpan is how far back a membership knows what deltas did to it.
	recentSpan = time.Hour
	// recentMargin is how much further the ledger is read than somebody asks for: updates are not made in
	// the order in which their requests came.
	recentMargin = time.Minute
)

// recent is what deltas did to a membership lately, by the second. It belongs to whoever holds the
// commit lock.
type recent struct {
	seconds []effectAt // oldest first
	unread  bool       // nobody has read the ledger since the start
	from    time.Time  // from when on seconds tell everything, as far as it was read; else from ever
}

type effectAt struct {
	at             int64 // Unix seconds
	added, removed int
}

func (r *recent) clone() recent { return recent{slices.Clone(r.seconds), r.unread, r.from} }

// note adds an effect, which must not be older than those before. One of which the ledger will tell is
// left to it.
func (r *recent) note(at time.Time, added, removed int) {
	if added+removed == 0 || r.unread {
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
	m := t.membership(refID{env, seg.Home()})
	if m == nil {
		return 0, 0
	}
	if m.recent.unread || since.Before(m.recent.from) {
		if err := t.step.e.readRecent(m, since.Add(-recentMargin)); err != nil {
			t.fail(err)
		}
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

// readRecent reads off the ledger what deltas did to a membership since a moment. It is left to the first
// sync after a start, and reads as far as that wants to know: tools may send a hundred thousand requests an
// hour, and a start waits for none of them.
func (e *Engine) readRecent(m *membership, since time.Time) error {
	var runs []segment.Run
	for row, err := range e.newestFirst(e.writing, under(string(m.env), runsOfSegment, string(m.ref.Key)), noTime) {
		var r segment.Run
		if err == nil {
			r, _, err = e.Run(e.writing, m.env, segment.RunID(row.id))
		}
		if errors.Is(err, store.ErrCorrupt) {
			e.o.Logger.Error("a run can't be read; the guard goes by the newer ones", "environment", m.env, "segment", m.ref.Key, "error", err)
			break
		}
		if err != nil {
			return fmt.Errorf("read the newest runs of segment %s: %w", m.ref.Key, err)
		}
		if r.LiveAt.Before(since) && r.ReceivedAt.Before(since) {
			break
		}
		if r.State == segment.RunLive && r.Mode == segment.Delta {
			runs = append(runs, r)
		}
	}
	m.recent = recent{from: since}
	for _, r := range slices.Backward(runs) {
		m.recent.note(r.LiveAt, r.Added, r.Removed)
	}
	return nil
}
