package api

import (
	"cmp"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/ingest"
	"muster/internal/segment"
)

type importJSON struct {
	ID         string            `json:"id"`
	SegmentKey string            `json:"segmentKey"`
	CreatedAt  int64             `json:"creationTime" doc:"Unix milliseconds"`
	Mode       string            `json:"mode" enum:"merge,replace,remove"`
	Status     string            `json:"status" enum:"preparing,ready,in_progress,complete,held,stopped"`
	Files      []importFileJSON  `json:"files,omitzero"`
	RunID      string            `json:"runId"`
	Progress   *progressJSON     `json:"progress,omitzero"`
	Result     *importResultJSON `json:"result,omitzero" doc:"When the import is complete"`
	Error      *importErrorJSON  `json:"error,omitzero" doc:"When the import was stopped"`
	Links      links             `json:"_links"`
}

type importFileJSON struct {
	Filename string `json:"filename"`
	Status   string `json:"status"`
}

type progressJSON struct {
	BytesRead  int64 `json:"bytesRead"`
	BytesTotal int64 `json:"bytesTotal" doc:"0 if the sender did not say"`
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

// stopped says what became of an import that came to nothing without an error.
var stopped = map[segment.RunState]string{
	segment.RunDiscarded:  "the guard held the import, and somebody discarded it",
	segment.RunSuperseded: "the members were exchanged while the import was on its way",
}

func importOf(at segmentPath, run segment.Run) importJSON {
	j := importJSON{
		ID: string(run.ID), SegmentKey: string(run.Segment), CreatedAt: unixMilli(run.ReceivedAt), Mode: "merge",
		Status: importStatuses[run.State], RunID: string(run.ID), Progress: progressOf(run.Progress),
		Links: links{
			"self": {Href: at.links()["self"].Href + "/imports/" + string(run.ID), Type: "application/json"},
			"run":  at.runLinks(run.ID)["self"],
		},
	}
	switch {
	case run.Mode == segment.Replace:
		j.Mode = "replace"
	case run.Removes:
		j.Mode = "remove"
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
		j.Error = &importErrorJSON{Code: string(run.State), Message: cmp.Or(run.Error, stopped[run.State])}
	}
	return j
}

// startImport takes a list into a segment: as a form with a file, as LaunchDarkly's clients send it,
// or as the body itself.
func (s *server) startImport(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	dry, err := truth(r.URL.Query(), "dryRun")
	if err != nil {
		return err
	}
	im, list, done, err := s.listIn(w, r, who)
	if err != nil {
		return err
	}
	defer done()
	if dry {
		p, err := s.ingest.DryRun(r.Context(), who, im, list)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, previewOf(p))
	}
	run, err := s.ingest.Import(r.Context(), who, im, list)
	if err != nil {
		return err
	}
	w.Header().Set("Location", segmentPathOf(r).links()["self"].Href+"/imports/"+string(run.ID))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// getImportChanges sends what a list would do, context by context.
func (s *server) getImportChanges(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	im, list, done, err := s.listIn(w, r, who)
	if err != nil {
		return err
	}
	defer done()
	changes, free, err := s.ingest.DryRunChanges(r.Context(), who, im, list)
	if err != nil {
		return err
	}
	defer free()
	return s.sendChanges(w, r, "import", changes)
}

// listIn returns an import and the list in the body of its request, of which done must be told.
func (s *server) listIn(w http.ResponseWriter, r *http.Request, who catalog.Caller) (im ingest.Import, list io.Reader, done func(), err error) {
	if im, err = s.importRequest(r); err != nil {
		return im, nil, nil, err
	}
	// Before anything of the list is read: whoever may not import sends it for nothing.
	if err := s.ingest.Authorise(who, im); err != nil {
		return im, nil, nil, err
	}
	body := newUpload(w, r.Body, s.maxImport)
	if list, err = listOf(r, body, &im); err != nil {
		body.done()
		return im, nil, nil, err
	}
	return im, allowed{list, func() error {
		now, err := s.caller(r)
		if err != nil {
			return err
		}
		return s.ingest.Authorise(now, im)
	}}, body.done, nil
}

// importRequest reads what the address and the headers say of an import.
func (s *server) importRequest(r *http.Request) (ingest.Import, error) {
	query := r.URL.Query()
	im := ingest.Import{
		Target: importTarget(r), Mode: ingest.ImportMode(query.Get("mode")), Column: query.Get("column"),
		Kind: segment.ContextKind(query.Get("contextKind")),
		Size: max(0, r.ContentLength), Limit: s.maxImport, UserAgent: r.UserAgent(), Comment: query.Get("comment"),
	}
	if im.Mode == "" {
		im.Mode = ingest.Merge
	}
	var err error
	if im.Idempotency, err = idempotencyKey(r); err != nil {
		return im, err
	}
	if im.Override, err = truth(query, "override"); err != nil {
		return im, err
	}
	if im.Wait, err = truth(query, "waitOnApprovals"); err != nil {
		return im, err
	}
	if query.Get("header") != "" {
		header, err := truth(query, "header")
		if err != nil {
			return im, err
		}
		im.Header = &header
	}
	if im.Separator, err = separator(query.Get("separator")); err != nil {
		return im, err
	}
	if im.Size > s.maxImport {
		return im, fault.TooLargef("the upload has %d bytes; at most %d are taken (--max-import)", im.Size, s.maxImport)
	}
	return im, nil
}

// separator reads what stands between the fields of a CSV; 0 if nobody says.
func separator(name string) (byte, error) {
	switch name {
	case "":
		return 0, nil
	case "comma":
		return ',', nil
	case "semicolon":
		return ';', nil
	case "tab":
		return '\t', nil
	default:
		return 0, fault.Invalidf("separator must be comma, semicolon or tab, not %q", clip(name))
	}
}

// truth reads a parameter that is true or false, false if it is absent.
func truth(query url.Values, name string) (bool, error) {
	text := query.Get(name)
	if text == "" {
		return false, nil
	}
	v, err := strconv.ParseBool(text)
	if err != nil {
		return false, fault.Invalidf("%s must be true or false, not %q", name, clip(text))
	}
	return v, nil
}

// listOf returns the list in the body, and adds to the import what only the body says.
func listOf(r *http.Request, body io.Reader, im *ingest.Import) (io.Reader, error) {
	header := r.Header.Get("Content-Type")
	kind, params, err := mime.ParseMediaType(header)
	if err != nil && header != "" {
		kind = header
	}
	encoding, err := listEncoding(r.Header.Values("Content-Encoding"))
	if err != nil {
		return nil, err
	}
	if kind == "multipart/form-data" {
		if encoding != "" {
			return nil, unsupported("a form can't be compressed as a whole; compress the file in it")
		}
		im.Size = 0 // the form is larger than its file
		return readForm(multipart.NewReader(body, params["boundary"]), im, r.URL.Query().Get("mode") != "")
	}
	if charset := strings.ToLower(params["charset"]); charset != "" && charset != "utf-8" && charset != "us-ascii" {
		return nil, unsupported("a list must be UTF-8, not " + clip(charset))
	}
	if im.Encoding = encoding; encoding != "" {
		im.Size = 0 // what is read is larger than what was sent
	}
	format, ok := listFormats[kind]
	if !ok {
		return nil, unsupported("a list may be multipart/form-data, text/csv, application/x-ndjson or application/json, not " + clip(kind))
	}
	im.Format = format
	return body, nil
}

var listFormats = map[string]ingest.ListFormat{
	"": ingest.CSV, "text/csv": ingest.CSV, "text/plain": ingest.CSV,
	"application/x-ndjson": ingest.NDJSON, "application/ndjson": ingest.NDJSON, "application/jsonl": ingest.NDJSON,
	"application/json": ingest.JSON,
}

func unsupported(message string) error {
	return fault.New(fault.Invalid, fault.CodeUnsupportedType, "%s", message)
}

// listEncoding returns how a list is compressed.
func listEncoding(headers []string) (string, error) {
	switch encoding := strings.ToLower(strings.TrimSpace(strings.Join(headers, ","))); encoding {
	case "", "identity":
		return "", nil
	case "gzip", "x-gzip", "zstd":
		return encoding, nil
	default:
		return "", unsupported("Content-Encoding may be gzip, zstd or identity, not " + clip(encoding))
	}
}

type previewJSON struct {
	Received  int64       `json:"received"`
	Added     int         `json:"added"`
	Removed   int         `json:"removed"`
	Unchanged int         `json:"unchanged"`
	Skipped   int64       `json:"skipped"`
	WouldHold bool        `json:"wouldHold" doc:"The guard would hold the import"`
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
	at := segmentPathOf(r)
	runs, total, err := s.ingest.Imports(r.Context(), who, importTarget(r), p.limit, p.offset)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, collection[importJSON]{
		Items:      each(runs, func(run segment.Run) importJSON { return importOf(at, run) }),
		TotalCount: total, Links: p.links(r, total),
	})
}

type commentJSON struct {
	Comment string `json:"comment,omitzero" doc:"Kept with the run"`
}

// readComment reads the optional body {"comment":"…"}.
func readComment(w http.ResponseWriter, r *http.Request) (string, error) {
	var body commentJSON
	err := decodeSpare(w, r, &body)
	return body.Comment, err
}

func (s *server) releaseRun(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	return s.decideRun(w, r, who, func(comment string, id segment.RunID) (segment.Run, error) {
		return s.ingest.Release(r.Context(), who, importTarget(r), id, comment)
	})
}

func (s *server) discardRun(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	return s.decideRun(w, r, who, func(comment string, id segment.RunID) (segment.Run, error) {
		return s.ingest.Discard(r.Context(), who, importTarget(r), id, comment)
	})
}

func (s *server) holdRun(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	return s.decideRun(w, r, who, func(comment string, id segment.RunID) (segment.Run, error) {
		return s.ingest.HoldAgain(r.Context(), who, importTarget(r), id, comment)
	})
}

func (s *server) decideRun(w http.ResponseWriter, r *http.Request, who catalog.Caller, decide func(comment string, id segment.RunID) (segment.Run, error)) error {
	comment, err := readComment(w, r)
	if err != nil {
		return err
	}
	run, err := decide(comment, segment.RunID(r.PathValue("runId")))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.runOf(r.Context(), who, segmentPathOf(r), run))
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
