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
	Since      int64  `json:"since,omitzero"` // absent when it would take long to find out
	External   string `json:"external,omitzero"`
	Links      links  `json:"_links"`
}

// listContextSegments answers which unbounded segments a context is in. A context that nobody has
// heard of is in none.
func (s *server) listContextSegments(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at := segmentPathOf(r)
	all, err := s.history.SegmentsOf(r.Context(), who, at.project, at.env, segment.ContextKind(r.PathValue("contextKind")), r.PathValue("contextKey"))
	if err != nil {
		return err
	}
	items := each(all, func(seg history.ContextSegment) contextSegmentJSON {
		of := segmentPath{at.project, at.env, seg.Key}
		j := contextSegmentJSON{SegmentKey: string(seg.Key), Name: seg.Name, Since: unixMilli(seg.Since), Links: links{"segment": of.links()["self"]}}
		if seg.Source != nil {
			j.External = seg.Source.Tool
		}
		return j
	})
	return writeJSON(w, http.StatusOK, collection[contextSegmentJSON]{
		Items: items, TotalCount: len(items), Links: links{"self": {Href: r.URL.EscapedPath(), Type: "application/json"}},
	})
}
