package ingest

import "context"

// Drop ends lists that came too late.
func (i *Ingest) Drop(ctx context.Context) { i.drop(ctx) }
