package api

import (
	"io"
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
	Hash     string `json:"hash,omitzero"` // of a member whose key is not known
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
	Time     int64  `json:"time"`
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
	CompleteSince int64              `json:"completeSince"`
	Near          []string           `json:"near"`
}

type timelineItemJSON struct {
	At       int64  `json:"at"`
	Revision uint64 `json:"revision"`
	Change   string `json:"change"`
	RunID    string `json:"runId,omitzero"`
	Tool     string `json:"tool,omitzero"`
	Kind     string `json:"kind,omitzero"`
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
			RunID: string(i.Run.ID), Tool: i.Run.Tool, Kind: string(i.Run.Kind),
		})
	}
	return writeJSON(w, http.StatusOK, out)
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

type pointJSON struct {
	ID        string `json:"_id"`
	Current   bool   `json:"current"`
	Revision  uint64 `json:"revision"`
	Members   int64  `json:"members"`
	SealedAt  int64  `json:"sealedAt"`
	Reason    string `json:"reason,omitzero"`
	RunID     string `json:"runId,omitzero"`
	ExpiresAt int64  `json:"expiresAt,omitzero"`
	Links     links  `json:"_links"`
}

func (s *server) listPoints(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	p, err := pageOf(r.URL.Query(), defaultRunLimit)
	if err != nil {
		return err
	}
	now, points, err := s.history.Points(r.Context(), who, historyTarget(r))
	if err != nil {
		return err
	}
	self := segmentPathOf(r).links()["self"]
	return writeJSON(w, http.StatusOK, paged(r, p, append([]segment.Point{now}, points...), func(q segment.Point) pointJSON {
		j := pointJSON{
			ID: string(q.ID), Current: q.ID == history.Current, Revision: uint64(q.Revision), Members: q.Counts.Included,
			SealedAt: unixMilli(q.SealedAt), Reason: string(q.Reason), RunID: string(q.Run), ExpiresAt: unixMilli(q.ExpiresAt),
			Links: links{"parent": {Href: self.Href + "/points", Type: self.Type}},
		}
		if !j.Current {
			j.Links["diff"] = link{Href: self.Href + "/points/" + j.ID + "/diff", Type: self.Type}
		}
		return j
	}))
}

type diffJSON struct {
	From      string      `json:"from"`
	To        string      `json:"to"`
	Added     int         `json:"added"`
	Removed   int         `json:"removed"`
	Unchanged int         `json:"unchanged"`
	Samples   samplesJSON `json:"samples"`
}

func (s *server) getPointDiff(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	from, to := segment.PointID(r.PathValue("pointId")), segment.PointID(r.URL.Query().Get("to"))
	if to == "" {
		to = history.Current
	}
	d, err := s.history.Diff(r.Context(), who, historyTarget(r), from, to)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, diffJSON{
		From: string(from), To: string(to), Added: d.Added, Removed: d.Removed, Unchanged: d.Unchanged,
		Samples: samplesJSON{Added: orEmpty(d.AddedKeys), Removed: orEmpty(d.RemovedKeys)},
	})
}

func (s *server) getRejects(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	id := segment.RunID(r.PathValue("runId"))
	doc, err := s.history.Rejects(r.Context(), who, historyTarget(r), id)
	if err != nil {
		return err
	}
	defer func() { _ = doc.Close() }() // it was only read
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="rejects-`+string(id)+`.csv"`)
	w.Header().Set("Content-Length", strconv.FormatInt(doc.Size(), 10))
	_, _ = io.Copy(w, io.NewSectionReader(doc, 0, doc.Size())) // the client is gone if this fails
	return nil
}
