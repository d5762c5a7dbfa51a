package api

import (
	"net/http"

	"muster/internal/catalog"
	"muster/internal/segment"
)

// contextSegmentJSON is a segment that includes the context asked for.
type contextSegmentJSON struct {
	SegmentKey string `json:"segmentKey"`
	Name       string `json:"name"`
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
	items := each(all, func(seg *catalog.Segment) contextSegmentJSON {
		of := segmentPath{at.project, at.env, seg.Key}
		j := contextSegmentJSON{SegmentKey: string(seg.Key), Name: seg.Name, Links: links{"segment": of.links()["self"]}}
		if seg.Source != nil {
			j.External = seg.Source.Tool
		}
		return j
	})
	return writeJSON(w, http.StatusOK, collection[contextSegmentJSON]{
		Items: items, TotalCount: len(items), Links: links{"self": {Href: r.URL.EscapedPath(), Type: "application/json"}},
	})
}
