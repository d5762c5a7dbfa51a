package api

import (
	"net/http"
	"slices"

	"muster/internal/catalog"
	"muster/internal/fault"
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
	Kept      bool   `json:"kept" doc:"Somebody wants it to stay: it has no expiresAt and is not pushed out by newer ones"`
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
	return writeJSON(w, http.StatusOK, paged(r, p, append([]segment.Point{now}, points...), func(q segment.Point) pointJSON { return pointOf(r, q) }))
}

func pointOf(r *http.Request, q segment.Point) pointJSON {
	self := segmentPathOf(r).links()["self"]
	j := pointJSON{
		ID: string(q.ID), Current: q.ID == history.Current, Revision: uint64(q.Revision), Members: q.Counts.Included,
		SealedAt: unixMilli(q.SealedAt), Reason: string(q.Reason), RunID: string(q.Run), Kept: q.Kept, ExpiresAt: unixMilli(q.ExpiresAt),
		Links: links{"parent": {Href: self.Href + "/points", Type: self.Type}},
	}
	if !j.Current {
		j.Links["diff"] = link{Href: self.Href + "/points/" + j.ID + "/diff", Type: self.Type}
	}
	return j
}

// keepJSON says whether a point stays.
type keepJSON struct {
	Kept    *bool  `json:"kept,omitzero" doc:"Whether the point stays however old it gets and whatever newer ones come"`
	Comment string `json:"comment,omitzero"`
}

func (s *server) keepPoint(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	var body keepJSON
	if err := decodeBody(w, r, maxFieldBytes, &body); err != nil {
		return err
	}
	point, err := s.keptPoint(r, who, body)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, pointOf(r, point))
}

// keptPoint returns a point after what was asked of it, which may be nothing.
func (s *server) keptPoint(r *http.Request, who catalog.Caller, asked keepJSON) (segment.Point, error) {
	id := segment.PointID(r.PathValue("pointId"))
	if asked.Kept != nil {
		return s.ingest.KeepPoint(r.Context(), who, importTarget(r), id, *asked.Kept, asked.Comment)
	}
	_, points, err := s.history.Points(r.Context(), who, historyTarget(r))
	if err != nil {
		return segment.Point{}, err
	}
	n := slices.IndexFunc(points, func(q segment.Point) bool { return q.ID == id })
	if n < 0 {
		return segment.Point{}, fault.NotFoundf("Unknown point %s of segment %s", clip(string(id)), r.PathValue("segmentKey"))
	}
	return points[n], nil
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
	from, to := comparedPoints(r)
	d, err := s.history.Diff(r.Context(), who, historyTarget(r), from, to)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, diffOf(string(from), to, d))
}

// getPointChanges sends what publishing a point would do, context by context.
func (s *server) getPointChanges(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	from, to := comparedPoints(r)
	changes, err := s.history.PointChanges(r.Context(), who, historyTarget(r), from, to)
	if err != nil {
		return err
	}
	return s.sendChanges(w, r, string(from), changes)
}

func comparedPoints(r *http.Request) (from, to segment.PointID) {
	from, to = segment.PointID(r.PathValue("pointId")), segment.PointID(r.URL.Query().Get("to"))
	if to == "" {
		to = history.Current
	}
	return from, to
}

func diffOf(from string, to segment.PointID, d segment.Diff) diffJSON {
	return diffJSON{
		From: from, To: string(to), Added: d.Added, Removed: d.Removed, Unchanged: d.Unchanged,
		Samples: samplesJSON{Added: orEmpty(d.AddedKeys), Removed: orEmpty(d.RemovedKeys)},
	}
}
