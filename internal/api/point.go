package api

import (
	"net/http"

	"muster/internal/catalog"
	"muster/internal/history"
	"muster/internal/segment"
)

// pointJSON is what the members of a segment were, or are.
type pointJSON struct {
	ID        string `json:"_id"`
	Current   bool   `json:"current"`
	Revision  uint64 `json:"revision"`
	Members   int64  `json:"members"`
	SealedAt  int64  `json:"sealedAt" doc:"Unix milliseconds; 0 for what the members are now"`
	Reason    string `json:"reason" doc:"What replaced these members: replace, rollback, release or delete"`
	RunID     string `json:"runId,omitzero" doc:"The run that replaced them"`
	ExpiresAt int64  `json:"expiresAt,omitzero" doc:"Unix milliseconds"`
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

// diffJSON says what From does, or did, to the members that To names.
type diffJSON struct {
	From      string      `json:"from"`
	To        string      `json:"to,omitzero" doc:"A point, or current; absent if a run left none behind"`
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
	return writeJSON(w, http.StatusOK, diffOf(string(from), to, d))
}

func diffOf(from string, to segment.PointID, d segment.Diff) diffJSON {
	return diffJSON{
		From: from, To: string(to), Added: d.Added, Removed: d.Removed, Unchanged: d.Unchanged,
		Samples: samplesJSON{Added: orEmpty(d.AddedKeys), Removed: orEmpty(d.RemovedKeys)},
	}
}
