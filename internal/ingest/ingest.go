// Package ingest is the one write path for membership: it authorises, commits and records.
package ingest

import (
	"context"
	"time"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

// Ingest changes membership.
type Ingest struct{ store store.Store }

// New returns the write path over a store.
func New(s store.Store, now func() time.Time) *Ingest { return &Ingest{store: s} }

// Edit is what a person or their automation changes by hand in an unbounded segment.
type Edit struct {
	Project        catalog.ProjectKey
	Environment    catalog.EnvKey
	Segment        segment.Key
	AddIncluded    []string
	RemoveIncluded []string
	AddExcluded    []string
	RemoveExcluded []string
	Kind           segment.ContextKind // "" = the segment's own; else it must be that
	Comment        string
	UserAgent      string
}

// Edit applies an edit as one visible change and one ledger row. Removes go after adds.
func (i *Ingest) Edit(ctx context.Context, who catalog.Caller, e Edit) (segment.Run, error) {
	panic("not built yet")
}
