package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/ingest"
	"muster/internal/segment"
)

// idleUpload is how long a client may take between two pieces of an upload.
const idleUpload = time.Minute

// maxFieldBytes bounds a form field beside the file.
const maxFieldBytes = 4 << 10

type importJSON struct {
	ID         string            `json:"id"`
	SegmentKey string            `json:"segmentKey"`
	CreatedAt  int64             `json:"creationTime"`
	Mode       string            `json:"mode"`
	Status     string            `json:"status"`
	Files      []importFileJSON  `json:"files,omitzero"`
	RunID      string            `json:"runId"`
	Progress   *progressJSON     `json:"progress,omitzero"`
	Result     *importResultJSON `json:"result,omitzero"`
	Error      *importErrorJSON  `json:"error,omitzero"`
	Links      links             `json:"_links"`
}

type importFileJSON struct {
	Filename string `json:"filename"`
	Status   string `json:"status"`
}

type progressJSON struct {
	BytesRead  int64 `json:"bytesRead"`
	BytesTotal int64 `json:"bytesTotal"`
	Rows       int64 `json:"rows"`
}

type importResultJSON struct {
	Added     int `json:"added"`
	Removed   int `json:"removed"`
	Unchanged int `json:"unchanged"`
	Skipped   int `json:"skipped"`
}

type importErrorJSON struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// importStatuses says how LaunchDarkly's clients call the state of an import.
var importStatuses = map[segment.RunState]string{
	segment.RunReceived: "preparing", segment.RunStaged: "in_progress", segment.RunLive: "complete", segment.RunRolledBack: "complete",
	segment.RunHeld: "held", segment.RunDiscarded: "stopped", segment.RunRejected: "stopped", segment.RunSuperseded: "stopped",
}

func importOf(at segmentPath, run segment.Run) importJSON {
	j := importJSON{
		ID: string(run.ID), SegmentKey: string(run.Segment), CreatedAt: unixMilli(run.ReceivedAt), Mode: "merge",
		Status: importStatuses[run.State], RunID: string(run.ID), Progress: progressOf(run.Progress),
		Links: links{"self": {Href: at.links()["self"].Href + "/imports/" + string(run.ID), Type: "application/json"}},
	}
	if run.Mode == segment.Replace {
		j.Mode = "replace"
	}
	if run.Waiting {
		j.Status = "ready"
	}
	if run.File != "" {
		j.Files = []importFileJSON{{Filename: run.File, Status: j.Status}}
	}
	switch j.Status {
	case "complete":
		j.Result = &importResultJSON{run.Added, run.Removed, run.Unchanged, run.Skipped}
	case "stopped":
		j.Error = &importErrorJSON{Code: string(run.State), Message: run.Error}
	}
	return j
}

// startImport takes a list into a segment: as a form with a file, as LaunchDarkly's clients send it,
// or as the body itself.
func (s *server) startImport(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at := segmentPathOf(r)
	im, body, err := s.importRequest(w, r, who)
	if err != nil {
		return err
	}
	if r.URL.Query().Get("dryRun") == "true" {
		p, err := s.ingest.DryRun(r.Context(), who, im, body)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, previewOf(p))
	}
	run, err := s.ingest.Import(r.Context(), who, im, body)
	if err != nil {
		return err
	}
	w.Header().Set("Location", at.links()["self"].Href+"/imports/"+string(run.ID))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// importRequest reads everything of an import but the list.
func (s *server) importRequest(w http.ResponseWriter, r *http.Request, who catalog.Caller) (ingest.Import, io.Reader, error) {
	at, query := segmentPathOf(r), r.URL.Query()
	im := ingest.Import{
		Target: ingest.Target{Project: at.project, Environment: at.env, Segment: at.key},
		Mode:   ingest.ImportMode(query.Get("mode")), Column: query.Get("column"), Encoding: r.Header.Get("Content-Encoding"),
		Size: max(0, r.ContentLength), Override: query.Get("override") == "true", UserAgent: r.UserAgent(), Comment: query.Get("comment"),
	}
	if im.Encoding != "" {
		im.Size = 0 // what is read is larger than what was sent
	}
	if im.Mode == "" {
		im.Mode = ingest.Merge
	}
	switch query.Get("header") {
	case "":
	case "true", "false":
		header := query.Get("header") == "true"
		im.Header = &header
	default:
		return im, nil, fault.Invalidf("header may be true or false")
	}
	// Before anything of the list is read: whoever may not import sends it for nothing.
	if err := s.ingest.Authorise(who, im); err != nil {
		return im, nil, err
	}
	body := &pacedBody{r: r.Body, control: http.NewResponseController(w)}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.Header.Get("Content-Type") != "" {
		kind = "?"
	}
	switch kind {
	case "text/csv", "text/plain", "":
		im.Format = ingest.CSV
	case "application/x-ndjson", "application/ndjson", "application/jsonl":
		im.Format = ingest.NDJSON
	case "application/json":
		im.Format = ingest.JSON
	case "multipart/form-data":
		return s.importForm(r, im, body)
	default:
		return im, nil, fault.New(fault.Invalid, fault.CodeUnsupportedType, "a list may be multipart/form-data, text/csv, application/x-ndjson or application/json")
	}
	return im, body, nil
}

// importForm reads the fields of a form up to its file, which has to be the last part: the list is
// never kept aside, however large it is.
func (s *server) importForm(r *http.Request, im ingest.Import, body io.Reader) (ingest.Import, io.Reader, error) {
	r.Body = io.NopCloser(body)
	form, err := r.MultipartReader()
	if err != nil {
		return im, nil, fault.Invalidf("the form can't be read: %s", clip(err.Error()))
	}
	im.Size = 0
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return im, nil, fault.Invalidf("the form has no part named file")
		}
		if err != nil {
			return im, nil, fault.Invalidf("the form ends early").Because(err)
		}
		switch part.FormName() {
		case "file":
			im.Filename = clip(part.FileName())
			return im, part, nil
		case "mode":
			value, err := io.ReadAll(io.LimitReader(part, maxFieldBytes))
			if err != nil {
				return im, nil, fault.Invalidf("the form ends early").Because(err)
			}
			im.Mode = ingest.ImportMode(strings.TrimSpace(string(value)))
		}
	}
}

// pacedBody gives the client a deadline for each piece of an upload.
type pacedBody struct {
	r       io.Reader
	control *http.ResponseController
}

func (p *pacedBody) Read(b []byte) (int, error) {
	_ = p.control.SetReadDeadline(time.Now().Add(idleUpload)) // without one the upload is only less guarded
	n, err := p.r.Read(b)
	if err != nil {
		_ = p.control.SetReadDeadline(time.Time{})
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, fault.Unavailablef("the upload stopped for more than a minute; send it again").Because(err)
	}
	return n, err
}

type previewJSON struct {
	Received  int64       `json:"received"`
	Added     int         `json:"added"`
	Removed   int         `json:"removed"`
	Unchanged int         `json:"unchanged"`
	Skipped   int64       `json:"skipped"`
	WouldHold bool        `json:"wouldHold"`
	Samples   samplesJSON `json:"samples"`
	Revision  uint64      `json:"revision"`
}

type samplesJSON struct {
	Added   []string   `json:"added"`
	Removed []string   `json:"removed"`
	Skipped []skipJSON `json:"skipped,omitzero"`
}

func previewOf(p ingest.Preview) previewJSON {
	return previewJSON{
		Received: p.Received, Added: p.Added, Removed: p.Removed, Unchanged: p.Unchanged, Skipped: p.Skipped, WouldHold: p.WouldHold,
		Samples: samplesJSON{
			Added: orEmpty(p.AddedKeys), Removed: orEmpty(p.RemovedKeys),
			Skipped: each(p.Samples, func(s segment.Skip) skipJSON { return skipJSON{Row: s.Row, Reason: s.Reason} }),
		},
		Revision: uint64(p.Revision),
	}
}

func orEmpty(all []string) []string {
	if all == nil {
		return []string{}
	}
	return all
}

func importTarget(r *http.Request) ingest.Target {
	at := segmentPathOf(r)
	return ingest.Target{Project: at.project, Environment: at.env, Segment: at.key}
}

func (s *server) getImport(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	run, err := s.ingest.ImportOf(r.Context(), who, importTarget(r), segment.RunID(r.PathValue("importId")))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, importOf(segmentPathOf(r), run))
}

func (s *server) listImports(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	p, err := pageOf(r.URL.Query(), defaultRunLimit)
	if err != nil {
		return err
	}
	runs, total, err := s.ingest.Imports(r.Context(), who, importTarget(r), p.limit, p.offset)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, collection[importJSON]{
		Items:      each(runs, func(run segment.Run) importJSON { return importOf(segmentPathOf(r), run) }),
		TotalCount: total, Links: p.links(r, total),
	})
}

// readComment reads the optional body {"comment":"…"}.
func readComment(w http.ResponseWriter, r *http.Request) (string, error) {
	if r.ContentLength == 0 {
		return "", nil
	}
	var body struct {
		Comment string `json:"comment"`
	}
	err := decodeBody(w, r, maxFieldBytes, &body)
	return body.Comment, err
}

func (s *server) releaseRun(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	return s.decideRun(w, r, func(comment string, id segment.RunID) (segment.Run, error) {
		return s.ingest.Release(r.Context(), who, importTarget(r), id, comment)
	})
}

func (s *server) discardRun(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	return s.decideRun(w, r, func(comment string, id segment.RunID) (segment.Run, error) {
		return s.ingest.Discard(r.Context(), who, importTarget(r), id, comment)
	})
}

func (s *server) decideRun(w http.ResponseWriter, r *http.Request, decide func(comment string, id segment.RunID) (segment.Run, error)) error {
	comment, err := readComment(w, r)
	if err != nil {
		return err
	}
	run, err := decide(comment, segment.RunID(r.PathValue("runId")))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, runOf(segmentPathOf(r), run))
}

type publishedJSON struct {
	RunID    string `json:"runId"`
	Revision uint64 `json:"revision"`
	Added    int    `json:"added"`
	Removed  int    `json:"removed"`
}

func (s *server) publishPoint(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	comment, err := readComment(w, r)
	if err != nil {
		return err
	}
	run, err := s.ingest.Rollback(r.Context(), who, importTarget(r), segment.PointID(r.PathValue("pointId")), comment)
	if err != nil {
		return err
	}
	w.Header().Set("X-Muster-Revision", strconv.FormatUint(uint64(run.Revision), 10))
	return writeJSON(w, http.StatusOK, publishedJSON{string(run.ID), uint64(run.Revision), run.Added, run.Removed})
}
