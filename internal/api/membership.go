package api

import (
	"net/http"
	"strconv"

	"muster/internal/catalog"
	"muster/internal/ingest"
	"muster/internal/segment"
)

type setChangeJSON struct {
	Add    []string `json:"add"`
	Remove []string `json:"remove"`
}

func (s *server) editContexts(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	return s.editMembers(w, r, who, "")
}

func (s *server) editUsers(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	return s.editMembers(w, r, who, segment.DefaultKind)
}

// editMembers changes the members of an unbounded segment. When it answers, the change is durable
// and every evaluation on this node sees it.
func (s *server) editMembers(w http.ResponseWriter, r *http.Request, who catalog.Caller, kind segment.ContextKind) error {
	at := segmentPathOf(r)
	var body struct {
		Included setChangeJSON `json:"included"`
		Excluded setChangeJSON `json:"excluded"`
	}
	if err := decodeBody(w, r, maxContextsBytes, &body); err != nil {
		return err
	}
	run, err := s.ingest.Edit(r.Context(), who, ingest.Edit{
		Project: at.project, Environment: at.env, Segment: at.key, Kind: kind,
		AddIncluded: body.Included.Add, RemoveIncluded: body.Included.Remove,
		AddExcluded: body.Excluded.Add, RemoveExcluded: body.Excluded.Remove,
		UserAgent: r.UserAgent(),
	})
	if err != nil {
		return err
	}
	w.Header().Set("X-Muster-Revision", strconv.FormatUint(uint64(run.Revision), 10))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// getMembership answers whether the segment includes or excludes a context. A context that was
// never in it is an answer too, not an error.
func (s *server) getMembership(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at, key := segmentPathOf(r), r.PathValue("contextKey")
	seg, err := s.admin.Segment(r.Context(), who, at.project, at.env, at.key)
	if err != nil {
		return err
	}
	state, err := s.history.Membership(r.Context(), who, seg, key)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Key      string `json:"userKey"`
		Included bool   `json:"included"`
		Excluded bool   `json:"excluded"`
	}{key, state&segment.Include != 0, state&segment.Exclude != 0})
}
