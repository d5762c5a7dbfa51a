package engine

import (
	"context"
	"iter"

	"muster/internal/segment"
	"muster/internal/store"
)

// Trace yields what happened to one context in a segment.
func (e *Engine) Trace(context.Context, segment.EnvID, segment.Key, segment.Hash) iter.Seq2[store.Step, error] {
	return func(func(store.Step, error) bool) {}
}
