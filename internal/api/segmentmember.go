package api

import (
	"net/http"
	"net/url"
	"strconv"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/history"
	"muster/internal/segment"
)

const (
	defaultMemberLimit = 50
	maxMemberLimit     = 1000
)

type segmentMemberJSON struct {
	Key      string `json:"key,omitzero"`
	Hash     string `json:"hash,omitzero" doc:"SHA-256 of a key that is not known, base64"` // of a member whose key is not known
	Included bool   `json:"included"`
}

type segmentMembersJSON struct {
	Items      []segmentMemberJSON `json:"items"`
	TotalCount int64               `json:"totalCount"`
	AsOf       asOfJSON            `json:"asOf"`
	Links      links               `json:"_links"`
}

type asOfJSON struct {
	Revision uint64 `json:"revision"`
	Time     int64  `json:"time" doc:"Unix milliseconds"`
}

func historyTarget(r *http.Request) history.Target {
	at := segmentPathOf(r)
	return history.Target{Project: at.project, Environment: at.env, Segment: at.key}
}

func (s *server) listSegmentMembers(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	query := r.URL.Query()
	q := history.MemberQuery{Prefix: query.Get("prefix"), After: query.Get("after"), Limit: defaultMemberLimit}
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxMemberLimit {
			return fault.Invalidf("limit must be 1 to %d", maxMemberLimit)
		}
		q.Limit = n
	}
	page, err := s.history.Members(r.Context(), who, historyTarget(r), q)
	if err != nil {
		return err
	}
	self := segmentPathOf(r).links()["self"]
	out := segmentMembersJSON{
		Items: []segmentMemberJSON{}, TotalCount: page.Counts.Included,
		AsOf:  asOfJSON{uint64(page.Revision), unixMilli(page.At)},
		Links: links{"self": {Href: self.Href + "/members", Type: self.Type}, "parent": self},
	}
	for _, m := range page.Items {
		j := segmentMemberJSON{Key: m.Key, Included: true}
		if m.Key == "" {
			j.Hash = m.Hash.String()
		}
		out.Items = append(out.Items, j)
	}
	if page.Next != "" {
		next := url.Values{"after": {page.Next}, "limit": {strconv.Itoa(q.Limit)}}
		if q.Prefix != "" {
			next.Set("prefix", q.Prefix)
		}
		out.Links["next"] = link{Href: self.Href + "/members?" + next.Encode(), Type: self.Type}
	}
	return writeJSON(w, http.StatusOK, out)
}

type timelineJSON struct {
	Key           string             `json:"key"`
	Included      bool               `json:"included"`
	Items         []timelineItemJSON `json:"items"`
	CompleteSince int64              `json:"completeSince" doc:"Unix milliseconds; nothing is missing after it"`
	Near          []string           `json:"near" doc:"Members whose key differs only in case, blanks or Unicode form"`
}

type timelineItemJSON struct {
	At       int64  `json:"at" doc:"Unix milliseconds"`
	Revision uint64 `json:"revision"`
	Change   string `json:"change" enum:"added,removed,excluded,unexcluded"`
	RunID    string `json:"runId,omitzero"`
	Tool     string `json:"tool,omitzero"`
	Kind     string `json:"kind,omitzero"`
	Undoes   string `json:"undoes,omitzero" doc:"The run that this one undid"`
	Undone   string `json:"undone,omitzero" doc:"The run that undid this one"`
}

func (s *server) getTimeline(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	key := r.PathValue("contextKey")
	t, err := s.history.Timeline(r.Context(), who, historyTarget(r), key)
	if err != nil {
		return err
	}
	out := timelineJSON{Key: key, Included: t.Included, Items: []timelineItemJSON{}, CompleteSince: unixMilli(t.CompleteSince), Near: orEmpty(t.Near)}
	for _, i := range t.Items {
		out.Items = append(out.Items, timelineItemJSON{
			At: unixMilli(i.At), Revision: uint64(i.Revision), Change: changeName(i.Ops),
			RunID: string(i.Run.ID), Tool: i.Run.Tool, Kind: string(i.Run.Kind), Undoes: string(i.Run.Undoes), Undone: string(i.Run.Undone),
		})
	}
	return writeJSON(w, http.StatusOK, out)
}

// contextTimelineJSON is what happened to a context in all segments whose members the caller may view.
type contextTimelineJSON struct {
	Items         []contextTimelineItemJSON `json:"items"`
	CompleteSince int64                     `json:"completeSince" doc:"Unix milliseconds; nothing is missing after it"`
	Links         links                     `json:"_links"`
}

type contextTimelineItemJSON struct {
	SegmentKey string     `json:"segmentKey"`
	Name       string     `json:"name"`
	At         int64      `json:"at" doc:"Unix milliseconds"`
	Revision   uint64     `json:"revision"`
	Change     string     `json:"change" enum:"added,removed,excluded,unexcluded"`
	RunID      string     `json:"runId,omitzero"`
	Tool       string     `json:"tool,omitzero"`
	Kind       string     `json:"kind,omitzero"`
	Actor      *actorJSON `json:"actor,omitzero"`
	Links      links      `json:"_links"`
}

// getContextTimeline answers when a context joined and left segments, and by whom.
func (s *server) getContextTimeline(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at := segmentPathOf(r)
	t, err := s.history.ContextTimeline(r.Context(), who, at.project, at.env, segment.ContextKind(r.PathValue("contextKind")), r.PathValue("contextKey"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, contextTimelineJSON{
		CompleteSince: unixMilli(t.CompleteSince), Links: links{"self": {Href: r.URL.EscapedPath(), Type: "application/json"}},
		Items: each(t.Items, func(i history.TimelineItem) contextTimelineItemJSON {
			return contextTimelineItemJSON{
				SegmentKey: string(i.Segment.Key), Name: i.Segment.Name, At: unixMilli(i.At), Revision: uint64(i.Revision), Change: changeName(i.Ops),
				RunID: string(i.Run.ID), Tool: i.Run.Tool, Kind: string(i.Run.Kind), Actor: actorOf(i.Run.Actor),
				Links: links{"segment": segmentPath{at.project, at.env, i.Segment.Key}.links()["self"]},
			}
		}),
	})
}

func changeName(ops segment.Ops) string {
	switch {
	case ops&segment.Include != 0:
		return "added"
	case ops&segment.Uninclude != 0:
		return "removed"
	case ops&segment.Exclude != 0:
		return "excluded"
	default:
		return "unexcluded"
	}
}
