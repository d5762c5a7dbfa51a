package api

import (
	"net/http"

	"muster/internal/catalog"
	"muster/internal/history"
	"muster/internal/segment"
)

// contextSegmentJSON is a segment that includes the context asked for.
type contextSegmentJSON struct {
	SegmentKey string `json:"segmentKey"`
	Name       string `json:"name"`
	Since      int64  `json:"since,omitzero" doc:"Unix milliseconds; absent when it is long ago"` // absent when it would take long to find out
	External   string `json:"external,omitzero"`
	Links      links  `json:"_links"`
}

// contextSegmentsJSON is the collection of them, and of which segments nobody can tell.
type contextSegmentsJSON struct {
	Items      []contextSegmentJSON    `json:"items"`
	TotalCount int                     `json:"totalCount"`
	Unreadable []unreadableSegmentJSON `json:"unreadable,omitempty" doc:"Segments of which nobody can tell, because their stored members are damaged"`
	Links      links                   `json:"_links"`
}

// unreadableSegmentJSON is a segment whose stored members are damaged.
type unreadableSegmentJSON struct {
	SegmentKey string `json:"segmentKey"`
	Name       string `json:"name"`
	Links      links  `json:"_links"`
}

// listContextSegments answers which unbounded segments a context is in. A context that nobody has
// heard of is in none.
func (s *server) listContextSegments(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at := segmentPathOf(r)
	found, err := s.history.SegmentsOf(r.Context(), who, at.project, at.env, segment.ContextKind(r.PathValue("contextKind")), r.PathValue("contextKey"))
	if err != nil {
		return err
	}
	linksOf := func(key segment.Key) links {
		return links{"segment": segmentPath{at.project, at.env, key}.links()["self"]}
	}
	items := each(found.Items, func(seg history.ContextSegment) contextSegmentJSON {
		j := contextSegmentJSON{SegmentKey: string(seg.Key), Name: seg.Name, Since: unixMilli(seg.Since), Links: linksOf(seg.Key)}
		if seg.Source != nil {
			j.External = seg.Source.Tool
		}
		return j
	})
	return writeJSON(w, http.StatusOK, contextSegmentsJSON{
		Items: items, TotalCount: len(items), Links: links{"self": {Href: r.URL.EscapedPath(), Type: "application/json"}},
		Unreadable: each(found.Unreadable, func(seg *catalog.Segment) unreadableSegmentJSON {
			return unreadableSegmentJSON{SegmentKey: string(seg.Key), Name: seg.Name, Links: linksOf(seg.Key)}
		}),
	})
}
