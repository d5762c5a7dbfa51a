package history

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

// Series is how large a segment was over a span of time, and what its runs did.
type Series struct {
	From  time.Time // of the first bucket
	Every time.Duration
	// Complete is from when on every run is in it: runs are read newest first, and only so many.
	Complete time.Time
	Buckets  []Bucket
	Marks    []Mark // oldest first
	Members  int64  // now
	At       time.Time
}

// Bucket is what happened from its beginning until the next one's.
type Bucket struct {
	At time.Time
	// Members is how many there were at its end, -1 when that is not known: before the segment was
	// made, or before Series.Complete.
	Members        int64
	Added, Removed int // by runs that became visible in it
	Runs           int // that became visible
	Held, Failed   int // that were received and did not
}

// Mark is a run to point at: one that the guard kept, or that went back to a point.
type Mark struct {
	At   time.Time
	Run  segment.RunID
	Kind segment.RunKind
	Held bool
}

const (
	// MaxSeriesRuns is how many runs one series is made of at most, maxMarks how many of them it points at.
	MaxSeriesRuns = 20_000
	maxMarks      = 100
	maxSeries     = 512
	// seriesLead is how long before the span a run may have been received that became visible in it.
	seriesLead = time.Hour
)

// seriesKept keeps what was computed.
type seriesKept struct {
	mu  sync.Mutex
	all map[seriesID]heldSeries
}

type seriesID struct {
	env         segment.EnvID
	ref         segment.Ref
	span, every time.Duration
}

type heldSeries struct {
	Series
	took time.Duration
}

// Series returns the sizes of an unbounded segment. It may be seconds old, and older if it takes long
// to compute. Sizes follow from the present one and the ledger, which counts members that are excluded
// like those that are included.
func (h *History) Series(ctx context.Context, seg *catalog.Segment, span, every time.Duration) (Series, error) {
	const (
		rest  = 2 * time.Second
		ratio = 50 // of the time between two computations to what one takes
	)
	id := seriesID{seg.Env, seg.Ref(), span, every}
	now := h.now()
	h.series.mu.Lock()
	kept, ok := h.series.all[id]
	h.series.mu.Unlock()
	if age := now.Sub(kept.At); ok && age >= 0 && age < max(rest, ratio*kept.took) {
		return kept.Series, nil
	}
	began := time.Now()
	s := Series{From: now.Add(-span).Truncate(every), Every: every, At: now, Members: h.Size(seg.Env, seg.Ref()).Included}
	runs, _, err := h.store.Runs(ctx, seg.Env, store.RunQuery{Segment: seg.Key, After: s.From.Add(-seriesLead), Limit: MaxSeriesRuns})
	if err != nil {
		return Series{}, reading(fmt.Sprintf("read the runs of segment %s", seg.Key), err)
	}
	s.count(runs, seg.CreatedAt)
	h.series.mu.Lock()
	defer h.series.mu.Unlock()
	if h.series.all == nil || len(h.series.all) >= maxSeries {
		h.series.all = make(map[seriesID]heldSeries)
	}
	h.series.all[id] = heldSeries{s, time.Since(began)}
	return s, nil
}

// count fills the buckets from runs, newest first, of a segment that was made then.
func (s *Series) count(runs []segment.Run, made time.Time) {
	s.Complete = s.From
	if len(runs) == MaxSeriesRuns {
		s.Complete = runs[len(runs)-1].ReceivedAt
	}
	for at := s.From; !at.After(s.At); at = at.Add(s.Every) {
		s.Buckets = append(s.Buckets, Bucket{At: at, Members: -1})
	}
	for _, run := range runs {
		s.add(run, made)
	}
	known := s.Complete
	if made.After(known) {
		known = made
	}
	members := s.Members
	for i := len(s.Buckets) - 1; i >= 0 && s.Buckets[i].At.Add(s.Every).After(known); i-- {
		b := &s.Buckets[i]
		b.Members = max(0, members)
		members += int64(b.Removed) - int64(b.Added)
	}
}

// making is how much earlier than its segment a run is at most that makes it: a commit has the time at
// which it began.
const making = time.Second

// add counts a run.
func (s *Series) add(run segment.Run, made time.Time) {
	visible := run.State == segment.RunLive || run.State == segment.RunRolledBack
	at := run.ReceivedAt
	if visible {
		at = run.LiveAt
	}
	if at.Before(s.From) || at.Before(made.Add(-making)) {
		return
	}
	b := &s.Buckets[min(int(at.Sub(s.From)/s.Every), len(s.Buckets)-1)]
	switch {
	case visible:
		b.Runs++
		b.Added += run.Added
		b.Removed += run.Removed
	case run.Hold != nil:
		b.Held++
	case run.State == segment.RunRejected:
		b.Failed++
	}
	if (run.Hold != nil && run.Hold.Joined == "" || run.Kind == segment.RollbackRun) && len(s.Marks) < maxMarks {
		s.Marks = append([]Mark{{At: at, Run: run.ID, Kind: run.Kind, Held: run.Hold != nil}}, s.Marks...)
	}
}

// Trial is how many of the newest runs some limits would have held.
type Trial struct {
	Runs, Held int
	Since      time.Time // of the oldest run that was looked at
	Examples   []segment.RunID
}

const (
	maxTrialRuns     = 10_000
	maxTrialExamples = 20
)

// TryGuard says which of the newest runs of an unbounded segment limits would have held.
func (h *History) TryGuard(ctx context.Context, seg *catalog.Segment, g segment.Guard) (Trial, error) {
	runs, err := h.newest(ctx, seg, maxTrialRuns)
	if err != nil {
		return Trial{}, err
	}
	return tried(runs, h.Size(seg.Env, seg.Ref()).Included, seg.CreatedAt, g), nil
}

// TryGuards says which of the newest runs of an environment its limits would have held, as env has them; with
// a source only those of its segments.
func (h *History) TryGuards(ctx context.Context, env *catalog.Environment, source string) (Trial, error) {
	runs, _, err := h.store.Runs(ctx, env.ID, store.RunQuery{Limit: maxTrialRuns})
	if err != nil {
		return Trial{}, reading(fmt.Sprintf("read the newest runs of environment %s", env.ID), err)
	}
	of := make(map[segment.Key][]segment.Run)
	for _, run := range runs {
		of[run.Segment] = append(of[run.Segment], run)
	}
	var all Trial
	for _, seg := range h.store.Segments(env.ID) {
		if !seg.Unbounded || source != "" && (seg.Source == nil || seg.Source.Tool != source) {
			continue
		}
		t := tried(of[seg.Key], h.Size(env.ID, seg.Ref()).Included, seg.CreatedAt, env.GuardOf(seg))
		all.Runs, all.Held, all.Examples = all.Runs+t.Runs, all.Held+t.Held, append(all.Examples, t.Examples...)
		if all.Since.IsZero() || !t.Since.IsZero() && t.Since.Before(all.Since) {
			all.Since = t.Since
		}
	}
	slices.SortFunc(all.Examples, func(a, b segment.RunID) int { return cmp.Compare(b, a) }) // ids sort by time
	all.Examples = all.Examples[:min(len(all.Examples), maxTrialExamples)]
	return all, nil
}

// tried goes through runs, newest first, of a segment that has so many members now.
func tried(runs []segment.Run, members int64, made time.Time, g segment.Guard) Trial {
	var t Trial
	for i, run := range runs {
		if run.ReceivedAt.Before(made.Add(-time.Minute)) {
			break // of a segment of this key before
		}
		sync := segment.Sync{Members: members, Added: run.Added, Removed: run.Removed, Whole: run.Mode == segment.Replace, MembersAfter: members}
		switch {
		case run.State == segment.RunLive, run.State == segment.RunRolledBack:
			members += int64(run.Removed) - int64(run.Added)
			sync.Members = members
		case run.Hold != nil:
			sync.Added, sync.Removed, sync.MembersAfter = run.Hold.Added, run.Hold.Removed, run.Hold.Members
		default:
			continue
		}
		if run.Kind == segment.EditRun || run.Kind == segment.RollbackRun {
			continue // no guard looks at them
		}
		t.Runs, t.Since = t.Runs+1, run.ReceivedAt
		for _, before := range runs[i+1:] {
			if run.ReceivedAt.Sub(before.ReceivedAt) >= g.Window {
				break
			}
			if before.Mode == segment.Delta && (before.State == segment.RunLive || before.State == segment.RunRolledBack) {
				sync.AddedLately += before.Added
				sync.RemovedLately += before.Removed
			}
		}
		if reason, _ := g.Check(sync); reason != "" {
			if t.Held++; len(t.Examples) < maxTrialExamples {
				t.Examples = append(t.Examples, run.ID)
			}
		}
	}
	return t
}
