package api

import (
	"net/http"
	"strconv"

	"muster/internal/catalog"
	"muster/internal/segment"
)

// undoJSON says what undoing a run would do to the members as they are.
type undoJSON struct {
	RunID        string      `json:"runId"`
	Revision     uint64      `json:"revision" doc:"Of the members that this is said of; give it with the undo to be sure that it does just this"`
	Added        int         `json:"added" doc:"Contexts that come back"`
	Removed      int         `json:"removed" doc:"Contexts that leave"`
	ChangedSince int         `json:"changedSince" doc:"Contexts that the run changed and that stay as they are, because they were changed again since"`
	Samples      samplesJSON `json:"samples"`
}

func (s *server) getRunUndo(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	id := segment.RunID(r.PathValue("runId"))
	u, err := s.ingest.UndoPreview(r.Context(), who, importTarget(r), id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, undoJSON{
		RunID: string(id), Revision: uint64(u.Revision), Added: u.Added, Removed: u.Removed, ChangedSince: u.Unchanged,
		Samples: samplesJSON{Added: orEmpty(u.AddedKeys), Removed: orEmpty(u.RemovedKeys)},
	})
}

// askedUndoJSON is what may be said with an undo.
type askedUndoJSON struct {
	Comment  string `json:"comment,omitzero" doc:"Kept with the run"`
	Revision uint64 `json:"revision,omitzero" doc:"Of a preview: the run is not undone if that would do something else by now"`
}

func (s *server) undoRun(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	var body askedUndoJSON
	if err := decodeSpare(w, r, &body); err != nil {
		return err
	}
	run, err := s.ingest.Undo(r.Context(), who, importTarget(r), segment.RunID(r.PathValue("runId")), segment.Revision(body.Revision), body.Comment)
	if err != nil {
		return err
	}
	w.Header().Set("X-Muster-Revision", strconv.FormatUint(uint64(run.Revision), 10))
	return writeJSON(w, http.StatusOK, s.runOf(r.Context(), who, segmentPathOf(r), run))
}
