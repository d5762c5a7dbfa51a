package api

import (
	"cmp"
	"context"
	"encoding/csv"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/history"
	"muster/internal/segment"
)

// runJSON is a row of the ledger.
type runJSON struct {
	ID         string           `json:"_id"`
	SegmentKey string           `json:"segmentKey" doc:"Empty for a push that named no cohort"`
	Name       string           `json:"segmentName,omitzero" doc:"What the segment is called now; absent if it was deleted"`
	State      string           `json:"state" enum:"received,staged,live,held,discarded,rejected,superseded,rolledBack"`
	Kind       string           `json:"kind" enum:"push,replace,import,edit,rollback"`
	Tool       string           `json:"tool,omitzero"`
	Source     string           `json:"source,omitzero"` // a tool that pushes is the source of what it pushes
	Mode       string           `json:"mode" enum:"delta,replace"`
	Received   int              `json:"received"`
	Added      int              `json:"added"`
	Removed    int              `json:"removed"`
	Unchanged  int              `json:"unchanged"`
	Skipped    int              `json:"skipped"`
	Parked     int              `json:"parked,omitzero" doc:"Changes that wait with a run that is held"`
	Samples    []skipJSON       `json:"skippedSample,omitzero"`
	Bytes      int64            `json:"bytes,omitzero"`
	ReceivedAt int64            `json:"receivedAt" doc:"Unix milliseconds"`
	LiveAt     int64            `json:"liveAt,omitzero" doc:"Unix milliseconds"`
	Durations  runDurationsJSON `json:"durations"`
	Revision   uint64           `json:"revision,omitzero" doc:"At which its changes are visible"`
	Actor      *actorJSON       `json:"actor,omitzero"`
	UserAgent  string           `json:"userAgent,omitzero"`
	Comment    string           `json:"comment,omitzero"`
	Note       string           `json:"note,omitzero"`
	Error      string           `json:"error,omitzero"`
	Key        string           `json:"idempotencyKey,omitzero"`
	Hold       *runHoldJSON     `json:"hold,omitzero"`
	Holdable   int64            `json:"holdableUntil,omitzero" doc:"Of a discarded run that can be held again, by the link hold: Unix milliseconds. It ends sooner if another run is held or all members are exchanged"`
	Progress   *progressJSON    `json:"progress,omitzero"`
	Undoes     string           `json:"undoes,omitzero" doc:"The run whose changes it took back"`
	Undone     string           `json:"undone,omitzero" doc:"The run that took back what it changed"`
	Lasting    string           `json:"undoRefused,omitzero" doc:"Why it can't be undone; not in lists. The link undo is there if it can be"`
	Links      links            `json:"_links"`
}

// skipJSON is a member that a run left out, by its place in the body alone: keys are personal data.
type skipJSON struct {
	Row    int    `json:"row"`
	Reason string `json:"reason"`
}

// runDurationsJSON says where the time of a run went, in milliseconds.
type runDurationsJSON struct {
	Parse  int64 `json:"parse" doc:"Milliseconds"`
	Stage  int64 `json:"stage" doc:"Milliseconds"`
	Commit int64 `json:"commit" doc:"Milliseconds"`
}

// runHoldJSON says why the guard kept a run and what the run would have done.
type runHoldJSON struct {
	Reason              string    `json:"reason" enum:"shrink,empty,growth"`
	Limit               float64   `json:"limit" doc:"The percentage that was exceeded; 0 if the segment would have become empty"`
	SetOn               string    `json:"setOn,omitzero" enum:"segment,source,environment,default"`
	Would               wouldJSON `json:"would"`
	UsualRemovedPercent *float64  `json:"usualRemovedPercent,omitzero"`
	LikelyCause         string    `json:"likelyCause,omitzero"`
	JoinedRunID         string    `json:"joinedRunId,omitzero"`
}

type wouldJSON struct {
	Added   int   `json:"added"`
	Removed int   `json:"removed"`
	Members int64 `json:"members"`
}

func runHoldOf(h *segment.Hold) *runHoldJSON {
	if h == nil {
		return nil
	}
	j := &runHoldJSON{
		Reason: string(h.Reason), Limit: h.Limit, SetOn: h.SetOn, Would: wouldJSON{h.Added, h.Removed, h.Members},
		LikelyCause: h.Cause, JoinedRunID: string(h.Joined),
	}
	if h.Usual >= 0 {
		j.UsualRemovedPercent = &h.Usual
	}
	return j
}

func progressOf(p *segment.Progress) *progressJSON {
	if p == nil {
		return nil
	}
	return &progressJSON{p.BytesRead, p.BytesTotal, p.Rows}
}

type actorJSON struct {
	Kind string `json:"kind" enum:"token,member,system"`
	ID   string `json:"_id,omitzero"`
	Name string `json:"name,omitzero"`
}

// defaultRunLimit is how many runs a page holds unless the client says so.
const defaultRunLimit = 20

// runOf renders a run of the environment that at names, for a caller who may view it.
func (s *server) runOf(ctx context.Context, who catalog.Caller, at segmentPath, run segment.Run) runJSON {
	at.key = run.Segment
	j := runJSON{
		ID: string(run.ID), SegmentKey: string(run.Segment), State: string(run.State), Kind: string(run.Kind),
		Tool: run.Tool, Source: run.Tool, Mode: modeName(run.Mode),
		Received: run.Received, Added: run.Added, Removed: run.Removed, Unchanged: run.Unchanged, Skipped: run.Skipped,
		Bytes: run.Bytes, ReceivedAt: unixMilli(run.ReceivedAt), LiveAt: unixMilli(run.LiveAt),
		Durations: runDurationsJSON{Parse: run.Parse.Milliseconds(), Stage: run.Stage.Milliseconds(), Commit: run.Commit.Milliseconds()},
		Revision:  uint64(run.Revision), UserAgent: run.UserAgent, Comment: run.Comment, Note: run.Note, Error: run.Error,
		Links: at.runLinks(run.ID), Parked: run.Parked, Key: run.Idempotency, Hold: runHoldOf(run.Hold),
		Progress: progressOf(run.Progress), Actor: actorOf(run.Actor), Undoes: string(run.Undoes), Undone: string(run.Undone),
	}
	if until := s.ingest.HoldableUntil(run); !until.IsZero() {
		self := j.Links["self"]
		j.Holdable, j.Links["hold"] = until.UnixMilli(), link{Href: self.Href + "/hold", Type: self.Type}
	}
	if len(run.Samples) > 0 {
		j.Samples = each(run.Samples, func(s segment.Skip) skipJSON { return skipJSON{Row: s.Row, Reason: s.Reason} })
	}
	if seg, err := s.admin.Segment(ctx, who, at.project, at.env, run.Segment); err == nil { // else it was deleted
		j.Name = seg.Name
	}
	return j
}

// actorOf renders who did something; nil for one that is not known any more.
func actorOf(a segment.Actor) *actorJSON {
	if a.Kind == "" {
		return nil
	}
	return &actorJSON{Kind: a.Kind, ID: a.ID, Name: a.Name}
}

func modeName(m segment.Mode) string {
	if m == segment.Replace {
		return "replace"
	}
	return "delta"
}

// runLinks leads from a run to its segment. A push that named no cohort has no segment and is found
// in the list of the environment only.
func (at segmentPath) runLinks(id segment.RunID) links {
	if at.key == "" {
		return links{"parent": apiLink("/projects/" + string(at.project) + "/environments/" + string(at.env) + "/runs")}
	}
	seg := at.links()["self"]
	return links{
		"self":    {Href: seg.Href + "/runs/" + string(id), Type: seg.Type},
		"parent":  {Href: seg.Href + "/runs", Type: seg.Type},
		"segment": seg,
	}
}

// runQuery reads what a list of runs is narrowed to. Both ends of the time are left out, counted in
// milliseconds as clients see them.
func runQuery(query url.Values) (history.RunQuery, error) {
	q := history.RunQuery{State: segment.RunState(query.Get("state")), Tool: query.Get("tool"), Segment: segment.Key(query.Get("segment"))}
	after, err := numberOf(query, "after")
	if err != nil {
		return q, err
	}
	if after > 0 {
		q.After = time.UnixMilli(after).Add(time.Millisecond - time.Nanosecond)
	}
	before, err := numberOf(query, "before")
	if err != nil {
		return q, err
	}
	if before > 0 {
		q.Before = time.UnixMilli(before)
	}
	return q, nil
}

// segmentsNamed returns what selects the segments whose key or name has a text, or the name or id that their
// tool gives them. Of those that were deleted the key is known. Without a text it selects nothing.
func (s *server) segmentsNamed(r *http.Request, who catalog.Caller, text string) (func(segment.Key) bool, error) {
	text, err := searchText(text)
	if text == "" || err != nil {
		return nil, err
	}
	at := segmentPathOf(r)
	all, err := s.admin.Segments(r.Context(), who, at.project, at.env)
	if err != nil {
		return nil, err
	}
	named := make(map[segment.Key]bool, len(all))
	for _, seg := range all {
		named[seg.Key] = rankOf(text, seg) < noFit
	}
	return func(k segment.Key) bool {
		found, known := named[k]
		return found || !known && mentions(text, string(k))
	}, nil
}

// listRuns lists the runs of an environment, or of the one segment that the path names.
func (s *server) listRuns(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at, query := segmentPathOf(r), r.URL.Query()
	p, err := pageOf(query, defaultRunLimit)
	if err != nil {
		return err
	}
	q, err := runQuery(query)
	if err != nil {
		return err
	}
	q.Segment, q.Limit, q.Offset = cmp.Or(at.key, q.Segment), p.limit, p.offset
	if at.key == "" {
		if q.Of, err = s.segmentsNamed(r, who, query.Get("q")); err != nil {
			return err
		}
	}
	runs, total, err := s.history.Runs(r.Context(), who, at.project, at.env, q)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, collection[runJSON]{
		Items:      each(runs, func(run segment.Run) runJSON { return s.runOf(r.Context(), who, at, run) }),
		TotalCount: total, Links: p.links(r, total),
	})
}

func (s *server) getRun(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at := segmentPathOf(r)
	run, err := s.history.Run(r.Context(), who, at.project, at.env, at.key, segment.RunID(r.PathValue("runId")))
	if err != nil {
		return err
	}
	if run.Kind == segment.ImportRun && (run.State == segment.RunReceived || run.State == segment.RunStaged) {
		// The ledger knows that an import is on its way, and ingest how far it is.
		if now, err := s.ingest.ImportOf(r.Context(), who, importTarget(r), run.ID); err == nil {
			run = now
		}
	}
	j := s.runOf(r.Context(), who, at, run)
	if j.Lasting = s.ingest.Lasting(r.Context(), run); j.Lasting == "" {
		self := j.Links["self"]
		j.Links["undo"] = link{Href: self.Href + "/undo", Type: self.Type}
	}
	return writeJSON(w, http.StatusOK, j)
}

// getRunDiff says what a run did, or what a held one would do.
func (s *server) getRunDiff(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	id := segment.RunID(r.PathValue("runId"))
	d, before, err := s.history.RunDiff(r.Context(), who, historyTarget(r), id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, diffOf(string(id), before, d))
}

// getHeldChanges sends what the release of a held run would do, context by context.
func (s *server) getHeldChanges(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	id := segment.RunID(r.PathValue("runId"))
	changes, err := s.history.HeldChanges(r.Context(), who, historyTarget(r), id)
	if err != nil {
		return err
	}
	return s.sendChanges(w, r, string(id), changes)
}

// columnsOfChanges says what [server.sendChanges] sends.
const columnsOfChanges = "The columns `change`, which is `added`, `removed`, `excluded` or `unexcluded`, `key`, and `hash`: SHA-256 of a key that is not known, base64"

// maxDifferences is how many differences are downloaded at once. Each reads two memberships whole, and a
// client may take an hour for it.
const maxDifferences = 8

// sendChanges sends a difference, context by context.
func (s *server) sendChanges(w http.ResponseWriter, r *http.Request, of string, changes iter.Seq2[segment.Change, error]) error {
	select {
	case s.differences <- struct{}{}:
		defer func() { <-s.differences }()
	default:
		return fault.Unavailablef("%d differences are being downloaded; try again when one of them is complete", maxDifferences)
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="diff-`+of+`.csv"`)
	rows := csv.NewWriter(newPacedReply(w))
	_ = rows.Write([]string{"change", "key", "hash"}) // its errors stay, and are looked at below
	for c, err := range changes {
		if err == nil {
			hash := ""
			if len(c.Key) == 0 {
				hash = c.Hash.String()
			}
			_ = rows.Write([]string{changeName(c.Ops), string(c.Key), hash}) // see above
			err = rows.Error()
		}
		if err != nil {
			s.log.WarnContext(r.Context(), "download of a difference ended early", "of", of, "error", err)
			panic(http.ErrAbortHandler) // a file that ends early must not look whole
		}
	}
	rows.Flush() // the client is gone if this fails
	return nil
}

// heldContextJSON is what the release of a held run would do to one context.
type heldContextJSON struct {
	Key   string `json:"key"`
	In    bool   `json:"included" doc:"Whether the segment includes it now"`
	Would bool   `json:"wouldBeIncluded"`
}

func (s *server) getHeldContext(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	key := r.PathValue("contextKey")
	in, would, err := s.history.HeldContext(r.Context(), who, historyTarget(r), segment.RunID(r.PathValue("runId")), key)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, heldContextJSON{key, in, would})
}

// getRejects sends the rows that a run skipped.
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
	_, _ = io.Copy(newPacedReply(w), io.NewSectionReader(doc, 0, doc.Size())) // the client is gone if this fails
	return nil
}
