package engine

import "muster/internal/segment"

// Ticks returns a function that does what the folder does when its ticker ticks. The ticker itself
// can't run in a synctest bubble: rosters share encoders that other tests use outside.
func (e *Engine) Ticks() (tick func()) {
	seen := make(map[*membership]segment.Revision)
	return func() { seen = e.foldIdle(seen) }
}
