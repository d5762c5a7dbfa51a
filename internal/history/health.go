package history

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

// State says how the syncs of a segment are doing.
type State string

// The states. Whether a whole list is on its way at this moment, this package doesn't know.
const (
	Live   State = "live"
	Held   State = "held"   // the guard keeps a run
	Stale  State = "stale"  // no run came for much longer than usual
	Failed State = "failed" // the newest run was refused, or stored members can't be read
)

// Health is the state of a segment's syncs and what it follows from.
type Health struct {
	State   State
	LastRun segment.Run // no ID: there was none
	// FreshAt is when the newest run became visible, Revision the revision that it made. Both are
	// zero when none of the newest runs is visible.
	FreshAt  time.Time
	Revision segment.Revision
	// Error says why the state is Failed, for people.
	Error  string
	Points int
	Guard  segment.Guard // its limits, as they count
}

// Pulse is how often and how fast a segment is synced.
type Pulse struct {
	// Usual is the median time between the last syncs, 0 if there were too few. Runs that follow each
	// other within seconds are one sync.
	Usual time.Duration
	// P50 and P99 say how long the runs of the last 24 hours took from their first byte until they
	// were visible; Visible is how many these were.
	P50, P99 time.Duration
	Visible  int
	// Change is by how many members those runs made the segment larger.
	Change int
}

const (
	// newestRuns is how many runs are looked through for one that is visible and for the usual pause.
	newestRuns = 64
	// syncGap is how far apart the requests of one sync may be.
	syncGap = 10 * time.Second
	// usualSyncs is how many syncs make a habit, at most and at least.
	usualSyncs  = 20
	fewestSyncs = 4
	// staleAfter is how many usual pauses without a run make a segment stale, and leastStale the
	// shortest time that does.
	staleAfter = 3
	leastStale = 5 * time.Minute
	// pulseRuns bounds the runs of the last 24 hours that are counted.
	pulseRuns = 5000
	pulseDay  = 24 * time.Hour
	maxPulses = 1 << 16
)

// pulses keep what was computed of the runs of segments.
type pulses struct {
	mu  sync.Mutex
	all map[pulseID]heldPulse
}

type pulseID struct {
	env segment.EnvID
	key segment.Key
	day bool // of the last 24 hours; else of the newest runs alone
}

// heldPulse is a pulse and what it was computed of.
type heldPulse struct {
	Pulse
	newest segment.RunID
	at     time.Time
	took   time.Duration
}

func (ps *pulses) get(id pulseID) (heldPulse, bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p, ok := ps.all[id]
	return p, ok
}

func (ps *pulses) put(id pulseID, p heldPulse) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.all == nil || len(ps.all) >= maxPulses {
		ps.all = make(map[pulseID]heldPulse) // they are soon computed again
	}
	ps.all[id] = p
}

// Health returns the state of an unbounded segment. It costs few reads, so that lists can show it.
func (h *History) Health(ctx context.Context, seg *catalog.Segment) (Health, error) {
	out := Health{State: Live, Guard: segment.DefaultGuard}
	if env, ok := h.store.Environment(seg.Env); ok {
		out.Guard = env.GuardOf(seg)
	}
	points, err := h.store.Points(seg.Env, seg.Key)
	if err != nil {
		return out, reading(fmt.Sprintf("list points of segment %s", seg.Key), err)
	}
	out.Points = len(points)
	run, ok, err := h.LastRun(ctx, seg.Env, seg.Key)
	if err != nil {
		return out, err
	}
	if ok {
		out.LastRun = run
		if err := h.fresh(ctx, seg, &out); err != nil {
			return out, err
		}
	}
	switch {
	case h.store.Damage(seg.Env, seg.Ref()) != nil:
		out.State, out.Error = Failed, "stored members can't be read; muster verify says more, and a whole list or a rollback heals it"
	case seg.Hold != nil:
		out.State = Held
	case run.State == segment.RunRejected && run.Kind != segment.EditRun:
		out.State, out.Error = Failed, run.Error
	case seg.Source != nil && ok && h.now().Sub(run.ReceivedAt) > leastStale:
		usual, err := h.usual(ctx, seg, run.ID)
		if err != nil {
			return out, err
		}
		if usual > 0 && h.now().Sub(run.ReceivedAt) > max(leastStale, staleAfter*usual) {
			out.State = Stale
		}
	}
	return out, nil
}

// fresh finds the newest visible run.
func (h *History) fresh(ctx context.Context, seg *catalog.Segment, out *Health) error {
	if run := out.LastRun; run.State == segment.RunLive {
		out.FreshAt, out.Revision = run.LiveAt, run.Revision
		return nil
	}
	runs, err := h.newest(ctx, seg, newestRuns)
	if err != nil {
		return err
	}
	for _, run := range runs {
		if run.State == segment.RunLive && run.LiveAt.After(out.FreshAt) {
			out.FreshAt, out.Revision = run.LiveAt, run.Revision
		}
	}
	return nil
}

// newest returns the newest runs of a segment.
func (h *History) newest(ctx context.Context, seg *catalog.Segment, n int) ([]segment.Run, error) {
	runs, _, err := h.store.Runs(ctx, seg.Env, store.RunQuery{Segment: seg.Key, Limit: n})
	if err != nil {
		return nil, reading(fmt.Sprintf("read the newest runs of segment %s", seg.Key), err)
	}
	return runs, nil
}

// usual returns the usual pause between the syncs of a segment whose newest run is known.
func (h *History) usual(ctx context.Context, seg *catalog.Segment, newest segment.RunID) (time.Duration, error) {
	id := pulseID{env: seg.Env, key: seg.Key}
	if p, ok := h.pulses.get(id); ok && p.newest == newest {
		return p.Usual, nil
	}
	runs, err := h.newest(ctx, seg, newestRuns)
	if err != nil {
		return 0, err
	}
	usual := usualPause(runs)
	h.pulses.put(id, heldPulse{Pulse: Pulse{Usual: usual}, newest: newest})
	return usual, nil
}

// usualPause returns the median pause between the last syncs, given runs, newest first.
func usualPause(runs []segment.Run) time.Duration {
	var pauses []time.Duration
	var later time.Time
	for _, run := range runs {
		if run.Kind != segment.PushRun && run.Kind != segment.ReplaceRun && run.Kind != segment.ImportRun {
			continue
		}
		if pause := later.Sub(run.ReceivedAt); !later.IsZero() && pause > syncGap {
			pauses = append(pauses, pause)
		}
		if later = run.ReceivedAt; len(pauses) == usualSyncs {
			break
		}
	}
	if len(pauses) < fewestSyncs-1 {
		return 0
	}
	return middle(pauses, 50)
}

// middle returns a percentile; the values are sorted on the way.
func middle(values []time.Duration, percent int) time.Duration {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[(len(values)-1)*percent/100]
}

// Pulse returns how often and how fast a segment is synced. It may be seconds old.
func (h *History) Pulse(ctx context.Context, seg *catalog.Segment) (Pulse, error) {
	const (
		rest   = 2 * time.Second  // in which nothing is computed again
		oldest = 10 * time.Second // of a pulse that nothing but time has changed
		ratio  = 50               // of the time between two computations to what one takes
	)
	run, _, err := h.LastRun(ctx, seg.Env, seg.Key)
	if err != nil {
		return Pulse{}, err
	}
	id := pulseID{env: seg.Env, key: seg.Key, day: true}
	now := h.now()
	if p, ok := h.pulses.get(id); ok {
		valid := oldest
		if p.newest != run.ID {
			valid = max(rest, ratio*p.took)
		}
		if age := now.Sub(p.at); age >= 0 && age < valid {
			return p.Pulse, nil
		}
	}
	began := time.Now()
	runs, err := h.newest(ctx, seg, pulseRuns)
	if err != nil {
		return Pulse{}, err
	}
	p := heldPulse{Pulse: pulseOf(runs, now), newest: run.ID, at: now, took: time.Since(began)}
	h.pulses.put(id, p)
	return p.Pulse, nil
}

// pulseOf computes a pulse of runs, newest first.
func pulseOf(runs []segment.Run, now time.Time) Pulse {
	p := Pulse{Usual: usualPause(runs)}
	day := now.Add(-pulseDay)
	var visible []time.Duration
	for _, run := range runs {
		if run.ReceivedAt.Before(day) {
			break
		}
		if run.State == segment.RunLive || run.State == segment.RunRolledBack {
			visible = append(visible, max(0, run.LiveAt.Sub(run.ReceivedAt)))
			p.Change += run.Added - run.Removed
		}
	}
	p.P50, p.P99, p.Visible = middle(visible, 50), middle(visible, 99), len(visible)
	return p
}
