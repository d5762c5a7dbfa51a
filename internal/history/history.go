// Package history is the read side of membership: how large a segment is, whether one context is
// in it, in which segments a context is, and which runs made it so.
//
// The ledger and answers about single contexts are authorised here on the concrete project and
// segments, because a membership says something about a person; sizes and the newest run are read
// by callers that already showed the segment itself. The package changes no members and no settings;
// exports are the only thing that it keeps.
package history

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// History answers questions about membership. It is safe for concurrent use.
type History struct {
	store   store.Store
	now     func() time.Time
	log     *slog.Logger
	pins    pins
	exports exports
	pulses  pulses
	series  seriesKept

	verifying atomic.Bool
}

// New returns the read side over a store. It has to be closed before the store is.
func New(s store.Store, now func() time.Time, log *slog.Logger) *History {
	h := &History{store: s, now: now, log: log}
	h.exports.init()
	h.exports.running.Go(h.expireExports)
	return h
}

// Close stops the exports at work and waits for them.
func (h *History) Close() {
	h.exports.close()
	h.pins.close()
}

// Size returns how many contexts an unbounded segment holds; zero for one that the engine does
// not hold.
func (h *History) Size(env segment.EnvID, ref segment.Ref) segment.Counts {
	view, err := h.store.View(env)
	if err != nil {
		return segment.Counts{}
	}
	counts, _ := view.Counts(ref)
	return counts
}

// LastRun returns the newest run of a segment; false if there was none.
func (h *History) LastRun(ctx context.Context, env segment.EnvID, key segment.Key) (segment.Run, bool, error) {
	runs, _, err := h.store.Runs(ctx, env, store.RunQuery{Segment: key, Limit: 1})
	if err != nil {
		return segment.Run{}, false, fmt.Errorf("read the newest run of segment %s: %w", key, err)
	}
	if len(runs) == 0 {
		return segment.Run{}, false, nil
	}
	return runs[0], true, nil
}

// Membership returns whether an unbounded segment includes or excludes a context; both are
// independent. A context that the segment never held is neither.
func (h *History) Membership(_ context.Context, who catalog.Caller, s *catalog.Segment, contextKey string) (segment.Ops, error) {
	env, ok := h.store.Environment(s.Env)
	if !ok {
		return 0, fault.NotFoundf("Unknown segment key %s", s.Key)
	}
	project, ok := h.store.Project(env.Project)
	if !ok || who.Check(policy.ViewProject, catalog.ProjectResource(project)) != nil {
		return 0, fault.NotFoundf("Unknown segment key %s", s.Key)
	}
	if !s.Unbounded {
		return 0, fault.Invalidf("the segment %s keeps its targets in its definition; read included and excluded there", s.Key)
	}
	view, err := h.store.View(s.Env)
	if err != nil {
		return 0, fmt.Errorf("read membership of segment %s: %w", s.Key, err)
	}
	state, err := view.State(s.Ref(), segment.HashOf(contextKey))
	if err != nil {
		return 0, fmt.Errorf("read membership of segment %s: %w", s.Key, err)
	}
	return state, nil
}

// Head returns an environment's newest revision; 0 if there is no such environment any more.
func (h *History) Head(env segment.EnvID) segment.Revision {
	head, err := h.store.Head(env)
	if err != nil {
		return 0
	}
	return head
}
