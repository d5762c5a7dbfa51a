package history

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
)

// ContextSegment is a segment that includes a context.
type ContextSegment struct {
	*catalog.Segment
	// Since is when the context joined, zero if that would take long to find out or was too long ago.
	Since time.Time
}

// sinceTime is how long SegmentsOf may look for the moments at which a context joined.
const sinceTime = 200 * time.Millisecond

// SegmentsOf returns the unbounded segments that include a context of the kind, sorted by key; one
// that also excludes it still includes it, as it does for SDKs. Segments whose members the caller
// may not view are left out. A caller who may view those of none is refused, whether or not the
// context is in any, so that the refusal tells nothing about it.
func (h *History) SegmentsOf(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, kind segment.ContextKind, contextKey string) ([]ContextSegment, error) {
	project, env, err := h.viewEnvironment(who, p, e)
	if err != nil {
		return nil, err
	}
	view, err := h.store.View(env.ID)
	if err != nil {
		return nil, reading(fmt.Sprintf("read membership of environment %s", env.ID), err)
	}
	viewable, err := h.viewable(who, project, env, kind)
	if err != nil {
		return nil, err
	}
	var found []ContextSegment
	hash := segment.HashOf(contextKey)
	err = view.Each(hash, func(ref segment.Ref, state segment.Ops) bool {
		if s := viewable[ref]; s != nil && state&segment.Include != 0 {
			found = append(found, ContextSegment{Segment: s})
		}
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("read the segments of a context in environment %s: %w", env.ID, err)
	}
	slices.SortFunc(found, func(a, b ContextSegment) int { return cmp.Compare(a.Key, b.Key) })
	h.joined(ctx, hash, found)
	return found, nil
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
