package api

import (
	"net/http"

	"muster/internal/admin"
	"muster/internal/catalog"
)

// turnJSON is the move of a segment to its next generation.
type turnJSON struct {
	From       uint64   `json:"from"`
	To         uint64   `json:"to"`
	State      string   `json:"state" enum:"filling,waiting,switched" doc:"filling: relays and stores take all members under the next generation; waiting: they have, and SDKs are told soon; switched: SDKs ask for it, and the one before is still there"`
	Reason     string   `json:"reason" enum:"request,graves" doc:"Somebody asked for it, or more contexts that left are remembered than there are members"`
	BegunAt    int64    `json:"begunAt" doc:"Unix milliseconds"`
	SwitchedAt int64    `json:"switchedAt,omitzero" doc:"Unix milliseconds"`
	WaitsFor   []string `json:"waitsFor,omitzero" doc:"Relays and stores that have not taken all members yet"`
	LeftOut    []string `json:"leftOut,omitzero" doc:"Relays and stores that were not waited for any longer, because they took in nothing"`
}

func (s *server) turnOf(seg *catalog.Segment) *turnJSON {
	t := seg.Turn
	if t == nil {
		return nil
	}
	return &turnJSON{
		From: uint64(t.From), To: uint64(t.To), State: string(t.State()), Reason: string(t.Reason), BegunAt: unixMilli(t.Begun), SwitchedAt: unixMilli(t.Switched),
		WaitsFor: s.admin.WaitsFor(seg), LeftOut: t.LeftOut,
	}
}

// moveGeneration begins the move of a segment to its next generation.
func (s *server) moveGeneration(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at := segmentPathOf(r)
	comment, err := readComment(w, r)
	if err != nil {
		return err
	}
	seg, err := s.admin.BeginTurn(r.Context(), who, at.project, at.env, at.key, admin.Change{Comment: comment})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusAccepted, s.turnOf(seg))
}
