package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/history"
	"muster/internal/segment"
)

// orders are the orders of a list of segments; sizes and freshness are those of this moment.
func (l *segmentList) orders() orders[*catalog.Segment] {
	return orders[*catalog.Segment]{
		"name":         func(a, b *catalog.Segment) int { return byText(a.Name, b.Name) },
		"creationDate": func(a, b *catalog.Segment) int { return a.CreatedAt.Compare(b.CreatedAt) },
		"lastModified": func(a, b *catalog.Segment) int { return a.ModifiedAt.Compare(b.ModifiedAt) },
		"members":      func(a, b *catalog.Segment) int { return cmp.Compare(l.members(a), l.members(b)) },
		"freshAt":      func(a, b *catalog.Segment) int { return l.freshAt(a).Compare(l.freshAt(b)) },
	}
}

// segmentList is a list of segments while it is filtered and sorted. It asks for nothing twice.
type segmentList struct {
	*server
	ctx     context.Context
	who     catalog.Caller
	sizes   map[segment.Key]int64
	healths map[segment.Key]history.Health
	err     error // the first of a comparison
}

func (s *server) newSegmentList(ctx context.Context, who catalog.Caller) *segmentList {
	return &segmentList{server: s, ctx: ctx, who: who, sizes: make(map[segment.Key]int64), healths: make(map[segment.Key]history.Health)}
}

// members is how many contexts a segment includes, those that rules match aside.
func (l *segmentList) members(seg *catalog.Segment) int64 {
	n, ok := l.sizes[seg.Key]
	if ok {
		return n
	}
	if n = int64(len(seg.Included)); seg.Unbounded {
		n = l.history.Size(seg.Env, seg.Ref()).Included
	}
	for _, t := range seg.IncludedContexts {
		n += int64(len(t.Values))
	}
	l.sizes[seg.Key] = n
	return n
}

func (l *segmentList) health(seg *catalog.Segment) history.Health {
	h, ok := l.healths[seg.Key]
	if ok || !seg.Unbounded {
		return h
	}
	h, err := l.history.Health(l.ctx, seg)
	l.err = cmp.Or(l.err, err)
	l.healths[seg.Key] = h
	return h
}

func (l *segmentList) freshAt(seg *catalog.Segment) time.Time { return l.health(seg).FreshAt }

// state is how the syncs of a segment are doing, as its representation says it.
func (l *segmentList) state(seg *catalog.Segment) string {
	switch state := l.health(seg).State; {
	case seg.Unbounded && state != history.Held && l.ingest.Syncing(seg.Env, seg.Key):
		return syncing
	default:
		return string(state)
	}
}

// maxExpanded is how many segments of a page can be shown with their pulse or their flags.
const maxExpanded = 100

func (s *server) listSegments(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at, query := segmentPathOf(r), r.URL.Query()
	p, err := pageOf(query, 20)
	if err != nil {
		return err
	}
	pulse, flags := expands(r, "pulse"), expands(r, "flags")
	if (pulse || flags) && p.limit > maxExpanded {
		return fault.Invalidf("expand shows at most %d segments at once; ask for a smaller limit", maxExpanded)
	}
	filter, err := parseCondition(query.Get("filter"))
	if err != nil {
		return err
	}
	all, err := s.admin.Segments(r.Context(), who, at.project, at.env)
	if err != nil {
		return err
	}
	l := s.newSegmentList(r.Context(), who)
	if all, err = l.matching(all, filter); err != nil {
		return err
	}
	all, err = sorted(all, query.Get("sort"), l.orders())
	if err = cmp.Or(err, l.err); err != nil {
		return err
	}
	var used map[segment.Key][]*catalog.Flag
	if flags {
		if used, err = s.admin.FlagsOfSegments(r.Context(), who, at.project, at.env); err != nil {
			return err
		}
	}
	show := s.listedSegment
	if pulse {
		show = s.detailedSegment
	}
	var unreadable error
	list := paged(r, p, all, func(seg *catalog.Segment) segmentJSON {
		j, err := show(r.Context(), at, seg)
		unreadable = cmp.Or(unreadable, err)
		if flags {
			j.Flags = flagLinksOf(at, used[seg.Key])
		}
		return j
	})
	if unreadable != nil {
		return unreadable
	}
	return writeJSON(w, http.StatusOK, list)
}

func (l *segmentList) matching(all []*catalog.Segment, filter *condition) ([]*catalog.Segment, error) {
	if filter == nil {
		return all, nil
	}
	var kept []*catalog.Segment
	for _, seg := range all {
		ok, err := filter.holds(func(c *condition) (bool, error) { return l.matches(seg, c) })
		if err = cmp.Or(err, l.err); err != nil {
			return nil, err
		}
		if ok {
			kept = append(kept, seg)
		}
	}
	return kept, nil
}

func (l *segmentList) matches(seg *catalog.Segment, c *condition) (bool, error) {
	switch c.field + " " + c.op {
	case "query equals", "query contains":
		v, err := c.text()
		return mentions(v, string(seg.Key), seg.Name, seg.Description) || seg.Source != nil && mentions(v, seg.Source.ExternalID, seg.Source.ExternalName), err
	case "tags anyOf", "tags equals", "tags contains":
		v, err := c.texts()
		return slices.ContainsFunc(v, func(tag string) bool { return slices.Contains(seg.Tags, tag) }), err
	case "unbounded equals":
		v, err := c.truth()
		return seg.Unbounded == v, err
	case "external exists":
		v, err := c.truth()
		return (seg.Source != nil) == v, err
	case "external anyOf", "external equals":
		v, err := c.texts()
		return seg.Source != nil && slices.Contains(v, seg.Source.Tool), err
	case "state anyOf", "state equals":
		v, err := c.texts()
		return err == nil && slices.Contains(v, l.state(seg)), err
	case "includedKeys anyOf":
		return l.segmentHolds(l.ctx, l.who, seg, c, segment.Include)
	case "excludedKeys anyOf":
		return l.segmentHolds(l.ctx, l.who, seg, c, segment.Exclude)
	}
	switch c.field {
	case "query", "tags", "unbounded", "external", "state", "includedKeys", "excludedKeys":
		return false, fault.Invalidf("the filter can't apply %s to %s", clip(c.op), c.field)
	}
	return true, nil
}

// segmentHolds reports whether the segment includes or excludes any of the condition's keys.
func (s *server) segmentHolds(ctx context.Context, who catalog.Caller, seg *catalog.Segment, c *condition, set segment.Ops) (bool, error) {
	keys, err := c.texts()
	if err != nil {
		return false, err
	}
	plain, contexts := seg.Included, seg.IncludedContexts
	if set == segment.Exclude {
		plain, contexts = seg.Excluded, seg.ExcludedContexts
	}
	for _, key := range keys {
		if seg.Unbounded {
			state, err := s.history.Membership(ctx, who, seg, key)
			if err != nil || state&set != 0 {
				return state&set != 0, err
			}
			continue
		}
		if slices.Contains(plain, key) || slices.ContainsFunc(contexts, func(t catalog.ContextTargets) bool { return slices.Contains(t.Values, key) }) {
			return true, nil
		}
	}
	return false, nil
}
