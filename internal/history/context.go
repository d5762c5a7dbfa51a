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
	in, untold, err := including(view, hash, viewable)
	if err != nil {
		return of, err
	}
	of.Unreadable = untold
	for _, s := range in {
		of.Items = append(of.Items, ContextSegment{Segment: s})
	}
	h.joined(ctx, env.ID, hash, of.Items)
	return of, nil
}

// including returns which of some segments include a context, and those of which nobody can tell;
// both sorted by key.
func including(view store.View, hash segment.Hash, of map[segment.Ref]*catalog.Segment) (in, untold []*catalog.Segment, err error) {
	err = view.Each(hash, func(ref segment.Ref, state segment.Ops) bool {
		if s := of[ref]; s != nil && state&segment.Include != 0 {
			in = append(in, s)
		}
		return true
	})
	switch {
	case errors.Is(err, store.ErrCorrupt):
		untold = unreadable(view, hash, of)
	case err != nil:
		return nil, nil, fmt.Errorf("read the segments of a context: %w", err)
	}
	slices.SortFunc(in, byKey)
	return in, untold, nil
}

func byKey(a, b *catalog.Segment) int { return cmp.Compare(a.Key, b.Key) }

// ContextName is the identity of a context.
type ContextName struct {
	Kind segment.ContextKind
	Key  string
}

// KnownContext is a context and the segments that include it by its key, sorted by theirs: big ones,
// and those that list their targets.
type KnownContext struct {
	ContextName
	Segments []*catalog.Segment
	// Unreadable are big segments of which nobody can tell whether they include it.
	Unreadable []*catalog.Segment
}

// Contexts returns those of the named contexts that a segment includes by their key or that are known
// otherwise, in the order of the names. Members of big segments that the caller may not view count for nothing; a caller who may
// view those of no big segment of a named kind is refused.
func (h *History) Contexts(who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, names []ContextName, otherwise func(ContextName) bool) ([]KnownContext, error) {
	project, env, err := h.viewEnvironment(who, p, e)
	if err != nil {
		return nil, err
	}
	view, err := h.store.View(env.ID)
	if err != nil {
		return nil, reading(fmt.Sprintf("read membership of environment %s", env.ID), err)
	}
	var lists []*catalog.Segment
	for _, s := range h.store.Segments(env.ID) {
		if !s.Unbounded {
			lists = append(lists, s)
		}
	}
	viewable := map[segment.ContextKind]map[segment.Ref]*catalog.Segment{}
	var known []KnownContext
	for _, name := range names {
		big, asked := viewable[name.Kind]
		if !asked {
			if big, err = h.viewable(who, project, env, name.Kind); err != nil && fault.KindOf(err) != fault.NotFound {
				return nil, err
			}
			viewable[name.Kind] = big
		}
		c := KnownContext{ContextName: name}
		if c.Segments, c.Unreadable, err = including(view, segment.HashOf(name.Key), big); err != nil {
			return nil, err
		}
		for _, s := range lists {
			if slices.Contains(s.IncludedOf(name.Kind), name.Key) {
				c.Segments = append(c.Segments, s)
			}
		}
		if len(c.Segments) > 0 || otherwise(name) {
			slices.SortFunc(c.Segments, byKey)
			known = append(known, c)
		}
	}
	return known, nil
}

// unreadable returns which of some segments can't tell whether they include a context.
func unreadable(view store.View, hash segment.Hash, of map[segment.Ref]*catalog.Segment) []*catalog.Segment {
	var all []*catalog.Segment
	for ref, s := range of {
		if _, err := view.State(ref, hash); err != nil {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, byKey)
	return all
}

// joined fills in since when segments of an environment include a context, as far as that is found out
// quickly.
func (h *History) joined(ctx context.Context, env segment.EnvID, hash segment.Hash, all []ContextSegment) {
	if len(all) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, sinceTime)
	defer cancel()
	at := make(map[segment.Key]int, len(all))
	for i, s := range all {
		at[s.Key] = i
	}
	open := len(all)
	asked := func(k segment.Key) bool { _, ok := at[k]; return ok }
	for step, err := range h.store.Trace(ctx, env, asked, hash) {
		if err != nil {
			return // what the log doesn't tell is left out
		}
		if i, ok := at[step.Segment]; ok && all[i].Since.IsZero() && step.Ops&segment.Include != 0 {
			all[i].Since = step.At
			if open--; open == 0 {
				return
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
