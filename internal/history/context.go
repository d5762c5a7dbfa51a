package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// ContextSegment is a segment that includes a context.
type ContextSegment struct {
	*catalog.Segment
	// Since is when the context joined, zero if that would take long to find out or was too long ago.
	Since time.Time
}

// sinceTime is how long SegmentsOf may look for the moments at which a context joined.
const sinceTime = 200 * time.Millisecond

// ContextSegments are the segments that include a context, sorted by key, as far as they can be read.
type ContextSegments struct {
	Items []ContextSegment
	// Unreadable are those of which nobody can tell whether they include it, because what is stored of
	// them is damaged; sorted by key.
	Unreadable []*catalog.Segment
}

// SegmentsOf returns the unbounded segments that include a context of the kind; one
// that also excludes it still includes it, as it does for SDKs. Segments whose members the caller
// may not view are left out. A caller who may view those of none is refused, whether or not the
// context is in any, so that the refusal tells nothing about it.
func (h *History) SegmentsOf(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, kind segment.ContextKind, contextKey string) (ContextSegments, error) {
	var of ContextSegments
	project, env, err := h.viewEnvironment(who, p, e)
	if err != nil {
		return of, err
	}
	view, err := h.store.View(env.ID)
	if err != nil {
		return of, reading(fmt.Sprintf("read membership of environment %s", env.ID), err)
	}
	viewable, err := h.viewable(who, project, env, kind)
	if err != nil {
		return of, err
	}
	hash := segment.HashOf(contextKey)
	err = view.Each(hash, func(ref segment.Ref, state segment.Ops) bool {
		if s := viewable[ref]; s != nil && state&segment.Include != 0 {
			of.Items = append(of.Items, ContextSegment{Segment: s})
		}
		return true
	})
	switch {
	case errors.Is(err, store.ErrCorrupt):
		of.Unreadable = unreadable(view, hash, viewable)
	case err != nil:
		return of, fmt.Errorf("read the segments of a context in environment %s: %w", env.ID, err)
	}
	slices.SortFunc(of.Items, func(a, b ContextSegment) int { return cmp.Compare(a.Key, b.Key) })
	h.joined(ctx, hash, of.Items)
	return of, nil
}

// unreadable returns which of some segments can't tell whether they include a context.
func unreadable(view store.View, hash segment.Hash, of map[segment.Ref]*catalog.Segment) []*catalog.Segment {
	var all []*catalog.Segment
	for ref, s := range of {
		if _, err := view.State(ref, hash); err != nil {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *catalog.Segment) int { return cmp.Compare(a.Key, b.Key) })
	return all
}

// joined fills in since when segments include a context, as far as that is found out quickly.
func (h *History) joined(ctx context.Context, hash segment.Hash, all []ContextSegment) {
	ctx, cancel := context.WithTimeout(ctx, sinceTime)
	defer cancel()
	for i, s := range all {
		for step, err := range h.store.Trace(ctx, s.Env, s.Key, hash) {
			if err != nil {
				return // what the log doesn't tell is left out
			}
			if step.Ops&segment.Include != 0 {
				all[i].Since = step.At
				break
			}
		}
	}
}

// viewable returns the unbounded segments of a context kind whose members the caller may view. If
// there are segments but none of these, it returns the refusal. A kind that neither the project nor
// a segment knows does not exist.
func (h *History) viewable(who catalog.Caller, p *catalog.Project, e *catalog.Environment, kind segment.ContextKind) (map[segment.Ref]*catalog.Segment, error) {
	var refusal error
	viewable := make(map[segment.Ref]*catalog.Segment)
	for _, s := range h.store.Segments(e.ID) {
		if !s.Unbounded || s.Kind != kind {
			continue
		}
		if err := who.Check(policy.ViewMembers, catalog.SegmentResource(p, e, s.Key, s.Tags)); err != nil {
			refusal = cmp.Or(refusal, err)
			continue
		}
		viewable[s.Ref()] = s
	}
	if len(viewable) > 0 {
		return viewable, nil
	}
	if _, known := p.ContextKind(kind); !known && refusal == nil {
		return nil, fault.NotFoundf("there is no context kind %q in project %s", kind, p.Key)
	}
	return nil, refusal
}
