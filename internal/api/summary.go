package api

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"muster/internal/catalog"
)

// summaryJSON is how much there is in an environment.
type summaryJSON struct {
	Flags    int               `json:"flags" doc:"Those that are not archived"`
	Segments int               `json:"segments"`
	Members  int64             `json:"members" doc:"Of all segments together; a context in two segments counts twice"`
	Held     heldSummaryJSON   `json:"held"`
	Tools    []toolSegmentJSON `json:"tools" doc:"Which tools sync how many segments"`
	AsOf     asOfJSON          `json:"asOf"`
	Links    links             `json:"_links"`
}

// heldSummaryJSON is which segments have a run that the guard keeps.
type heldSummaryJSON struct {
	Items      []heldSegmentJSON `json:"items" doc:"The 20 that wait the longest"`
	TotalCount int               `json:"totalCount"`
}

type heldSegmentJSON struct {
	SegmentKey string    `json:"segmentKey"`
	Name       string    `json:"name"`
	Members    int64     `json:"members"`
	Hold       *holdJSON `json:"hold"`
	Links      links     `json:"_links"`
}

type toolSegmentJSON struct {
	Key      string `json:"key"`
	Segments int    `json:"segments"`
}

// maxHeldShown is how many held segments a summary names.
const maxHeldShown = 20

// getSummary counts what an environment has. It reads no members and no runs.
func (s *server) getSummary(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at := segmentPathOf(r)
	env, err := s.admin.Environment(r.Context(), who, at.project, at.env)
	if err != nil {
		return err
	}
	segments, err := s.admin.Segments(r.Context(), who, at.project, at.env)
	if err != nil {
		return err
	}
	flags, err := s.admin.Flags(r.Context(), who, at.project)
	if err != nil {
		return err
	}
	j := summaryJSON{Segments: len(segments), AsOf: asOfJSON{uint64(s.history.Head(env.ID)), s.now().UnixMilli()}, Links: links{"self": {Href: r.URL.EscapedPath(), Type: "application/json"}}}
	for _, f := range flags {
		if !f.Archived {
			j.Flags++
		}
	}
	l := s.newSegmentList(r.Context(), who)
	var held []*catalog.Segment
	tools := make(map[string]int)
	for _, seg := range segments {
		j.Members += l.members(seg)
		if seg.Hold != nil {
			held = append(held, seg)
		}
		if seg.Source != nil {
			tools[seg.Source.Tool]++
		}
	}
	j.Tools = []toolSegmentJSON{}
	for key, n := range tools {
		j.Tools = append(j.Tools, toolSegmentJSON{key, n})
	}
	slices.SortFunc(j.Tools, func(a, b toolSegmentJSON) int { return strings.Compare(a.Key, b.Key) })
	slices.SortFunc(held, func(a, b *catalog.Segment) int {
		return cmp.Or(a.Hold.At.Compare(b.Hold.At), strings.Compare(string(a.Key), string(b.Key)))
	})
	j.Held = heldSummaryJSON{TotalCount: len(held), Items: each(held[:min(len(held), maxHeldShown)], func(seg *catalog.Segment) heldSegmentJSON {
		at.key = seg.Key
		return heldSegmentJSON{string(seg.Key), seg.Name, l.members(seg), holdOf(seg.Hold), at.links()}
	})}
	return writeJSON(w, http.StatusOK, j)
}
