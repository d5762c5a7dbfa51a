package engine

import (
	"context"

	"muster/internal/store"
)

// Load begins a load.
func (e *Engine) Load(context.Context, store.LoadMode) (store.Load, error) { return nil, errLater }
