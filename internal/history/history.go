// Package history is the read side of membership: sizes, single members, runs.
package history

import (
	"context"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

// History answers questions about membership.
type History struct{ store store.Store }

// New returns the read side over a store.
func New(s store.Store) *History { return &History{store: s} }

// Size returns how many contexts an unbounded segment holds; zero for one it doesn't know.
func (h *History) Size(env segment.EnvID, ref segment.Ref) segment.Counts { panic("not built yet") }

// LastRun returns the newest run of a segment; false if there was none.
func (h *History) LastRun(ctx context.Context, env segment.EnvID, key segment.Key) (segment.Run, bool, error) {
	panic("not built yet")
}

// Membership returns whether a segment includes or excludes a context (both are independent).
func (h *History) Membership(ctx context.Context, who catalog.Caller, s *catalog.Segment, contextKey string) (segment.Ops, error) {
	panic("not built yet")
}
