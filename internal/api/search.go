package api

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"muster/internal/catalog"
	"muster/internal/fault"
)

// foundJSON is a segment or a flag that a text finds.
type foundJSON struct {
	Kind     string `json:"kind" enum:"segment,flag"`
	Key      string `json:"key"`
	Name     string `json:"name"`
	External string `json:"external,omitzero" doc:"The tool that syncs the segment"`
	Members  *int64 `json:"members,omitzero" doc:"Of a segment"`
	On       *bool  `json:"on,omitzero" doc:"Of a flag, in the environment"`
	Links    links  `json:"_links"`
	Site     link   `json:"_site"`

	rank int
}

// foundListJSON is what a text finds, the best first.
type foundListJSON struct {
	Items      []foundJSON `json:"items"`
	TotalCount int         `json:"totalCount"`
	Links      links       `json:"_links"`
}

const (
	maxSearchBytes = 256
	maxFound       = 50
)

// How well a text fits a name: it is the name, begins it, begins a word of it, or is somewhere in it.
const (
	isName = iota
	beginsName
	beginsWord
	inName
	noFit
)

// search finds segments and flags of an environment by key, name or the tool's own id and name.
func (s *server) search(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at, query := segmentPathOf(r), r.URL.Query()
	text, err := searchText(query.Get("q"))
	if err == nil && text == "" {
		err = fault.Invalidf("q is missing: what to look for")
	}
	if err != nil {
		return err
	}
	limit, err := numberOf(query, "limit")
	if err != nil {
		return err
	}
	if limit == 0 {
		limit = 10
	}
	segments, err := s.admin.Segments(r.Context(), who, at.project, at.env)
	if err != nil {
		return err
	}
	flags, err := s.admin.Flags(r.Context(), who, at.project)
	if err != nil {
		return err
	}
	l := s.newSegmentList(r.Context(), who)
	var found []foundJSON
	bySegment := make(map[string]*catalog.Segment)
	for _, seg := range segments {
		rank := rankOf(text, seg)
		if rank == noFit {
			continue
		}
		found = append(found, foundJSON{Kind: "segment", Key: string(seg.Key), Name: seg.Name, rank: rank})
		bySegment[string(seg.Key)] = seg
	}
	for _, f := range flags {
		rank := min(fit(text, string(f.Key)), fit(text, f.Name))
		if rank == noFit || f.Archived {
			continue
		}
		j := foundJSON{Kind: "flag", Key: string(f.Key), Name: f.Name, Site: flagSite(at.project, at.env, f.Key), rank: rank}
		j.Links = links{"self": apiLink("/flags/" + string(at.project) + "/" + string(f.Key))}
		if c := f.Environments[at.env]; c != nil {
			j.On = &c.On
		}
		found = append(found, j)
	}
	slices.SortStableFunc(found, func(a, b foundJSON) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), byText(a.Name, b.Name), strings.Compare(a.Key, b.Key), strings.Compare(a.Kind, b.Kind))
	})
	shown := found[:min(len(found), int(min(limit, maxFound)))]
	for i := range shown {
		seg := bySegment[shown[i].Key]
		if shown[i].Kind != "segment" {
			continue
		}
		at.key = seg.Key
		n, to := l.members(seg), at.links()
		shown[i].Members, shown[i].Site, shown[i].Links = &n, to["site"], links{"self": to["self"]}
		if seg.Source != nil {
			shown[i].External = seg.Source.Tool
		}
	}
	return writeJSON(w, http.StatusOK, foundListJSON{
		Items: append([]foundJSON{}, shown...), TotalCount: len(found), Links: links{"self": {Href: r.URL.RequestURI(), Type: "application/json"}},
	})
}

// searchText returns what q looks for, in lower case.
func searchText(q string) (string, error) {
	text := strings.ToLower(strings.TrimSpace(q))
	if len(text) > maxSearchBytes {
		return "", fault.TooLargef("q is longer than %d bytes", maxSearchBytes)
	}
	return text, nil
}

// rankOf says how well a text in lower case fits a segment.
func rankOf(text string, seg *catalog.Segment) int {
	rank := min(fit(text, string(seg.Key)), fit(text, seg.Name))
	if seg.Source != nil {
		rank = min(rank, fit(text, seg.Source.ExternalID), fit(text, seg.Source.ExternalName))
	}
	return rank
}

// fit says how well a text in lower case fits a name.
func fit(text, name string) int {
	name = strings.ToLower(name)
	i := strings.Index(name, text)
	switch {
	case i < 0:
		return noFit
	case name == text:
		return isName
	case i == 0:
		return beginsName
	}
	for ; i >= 0; i = next(name, text, i) {
		if strings.ContainsRune(" -_./:,", rune(name[i-1])) {
			return beginsWord
		}
	}
	return inName
}

// next is where a text is in a name again; -1 if it is not.
func next(name, text string, i int) int {
	j := strings.Index(name[i+1:], text)
	if j < 0 {
		return -1
	}
	return i + 1 + j
}
