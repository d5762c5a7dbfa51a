package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"muster/internal/catalog"
	"muster/internal/connector"
	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
)

// pagesWait is how long the pages of a whole list may take to come.
const pagesWait = time.Hour

// pagesDetail is what a session keeps of a whole list that comes in pages.
type pagesDetail struct {
	Kind    string
	Tool    connector.Key
	Session string // the tool's name for the list
	Total   int
	Run     segment.Run
}

const pagesKind = "pages"

// replace takes one page of a whole list. The page is durable when replace returns; with the last one
// the list becomes the segment's members in one step. A page that comes again takes the place of the
// first.
func (w *push) replace(ctx context.Context) (segment.Revision, error) {
	if len(w.Batch.Cohorts) != 1 {
		return 0, fault.Invalidf("a request that states a whole membership must name one cohort, not %d", len(w.Batch.Cohorts))
	}
	page := segment.Page{Total: 1}
	if w.Batch.Page != nil {
		page = *w.Batch.Page
	}
	key := connector.SegmentKey(w.Tool, w.Batch.Cohorts[0].ExternalID)
	if seg, ok := w.ingest.store.SegmentBySource(w.env.ID, string(w.Tool), w.Batch.Cohorts[0].ExternalID); ok {
		key = seg.Key
	}
	known, err := w.collecting(ctx, key, page)
	if err != nil {
		return 0, err
	}
	if w.staged[0] == nil { // an empty page is a page too
		if w.staged[0], err = w.ingest.store.Stage(ctx, new(segment.Changes)); err != nil {
			return 0, err
		}
	}
	var complete bool
	var d pagesDetail
	rev, err := w.ingest.store.Update(ctx, store.Scope{Env: w.env.ID}, func(tx store.Tx) error {
		complete, d, err = w.keepPage(tx, known, page)
		return err
	})
	if err != nil {
		return 0, err
	}
	w.runs = []segment.Run{d.Run}
	if !complete {
		return rev, nil
	}
	return w.assemble(ctx, d)
}

// collecting returns the open session that a page belongs to, "" if there is none. It ends those for
// which no page came any more.
func (w *push) collecting(ctx context.Context, key segment.Key, page segment.Page) (segment.RunID, error) {
	open, err := w.ingest.store.Sessions(w.env.ID)
	if err != nil {
		return "", fmt.Errorf("list sessions of environment %s: %w", w.env.ID, err)
	}
	var found segment.RunID
	for _, s := range open {
		var d pagesDetail
		if json.Unmarshal(s.Detail, &d) != nil || d.Kind != pagesKind || s.Segment != key || s.Kept {
			continue
		}
		switch {
		case d.Tool == w.Tool && d.Session == page.Session && d.Total == page.Total:
			found = s.ID
		case w.ingest.now().Sub(d.Run.ReceivedAt) > pagesWait || d.Tool == w.Tool:
			if err := w.ingest.abandon(ctx, s, d); err != nil {
				return "", err
			}
		}
	}
	return found, nil
}

// abandon ends a whole list of which pages are missing.
func (i *Ingest) abandon(ctx context.Context, s store.Session, d pagesDetail) error {
	run := d.Run
	run.State = segment.RunRejected
	run.Error = fmt.Sprintf("incomplete: %d of %d pages came; the members stay as they were", len(s.Pages), d.Total)
	_, err := i.store.Update(ctx, store.Scope{Env: s.Env}, func(tx store.Tx) error {
		tx.CloseSession(s.Env, s.Segment, s.ID)
		tx.Record(run)
		return nil
	})
	if err != nil {
		return fmt.Errorf("end incomplete list of segment %s: %w", s.Segment, err)
	}
	return nil
}

// keepPage makes a page part of its session, which it opens if need be, and says whether it was the
// last that was missing.
func (w *push) keepPage(tx store.Tx, id segment.RunID, page segment.Page) (complete bool, d pagesDetail, err error) {
	cohort := w.Batch.Cohorts[0]
	seg, err := w.resolve(tx, cohort)
	if err != nil {
		return false, d, err
	}
	if seg == nil {
		seg = w.create(tx, cohort)
		tx.PutSegment(seg)
	} else if changed := w.follow(seg, cohort, true); changed != nil {
		seg = changed
		tx.PutSegment(seg)
	}
	open, ok := tx.Session(w.env.ID, seg.Key, id)
	if ok {
		if err := json.Unmarshal(open.Detail, &d); err != nil {
			return false, d, fmt.Errorf("read session %s: %w", id, err)
		}
	} else {
		d = pagesDetail{Kind: pagesKind, Tool: w.Tool, Session: page.Session, Total: page.Total, Run: w.run(seg.Key, segment.Cohort{})}
		d.Run.Kind, d.Run.State, d.Run.Mode = segment.ReplaceRun, segment.RunReceived, segment.Replace
	}
	again := false
	for _, n := range open.Pages {
		again = again || n == page.Index
	}
	if !again {
		d.Run.Received += cohort.Received
		d.Run.Skipped += w.skipped[0]
		d.Run.Bytes += w.Bytes
	}
	detail, err := json.Marshal(d)
	if err != nil {
		return false, d, fmt.Errorf("describe session: %w", err)
	}
	if ok {
		tx.UpdateSession(w.env.ID, seg.Key, d.Run.ID, detail)
	} else {
		tx.OpenSession(store.Session{Env: w.env.ID, Segment: seg.Key, ID: d.Run.ID, Detail: detail})
	}
	if err := tx.Keep(w.env.ID, seg.Key, d.Run.ID, page.Index, w.staged[0]); err != nil {
		return false, d, err
	}
	tx.Record(d.Run)
	now, _ := tx.Session(w.env.ID, seg.Key, d.Run.ID)
	return len(now.Pages) == page.Total, d, nil
}

// assemble publishes a list whose pages are all there.
func (w *push) assemble(ctx context.Context, d pagesDetail) (segment.Revision, error) {
	i := w.ingest
	j := &importJob{
		i: i, id: segmentID{w.env.ID, d.Run.Segment}, name: d.Run.ID, who: w.who, run: d.Run, synced: true,
		im: Import{
			Target: Target{Project: w.project.Key, Environment: w.env.Key, Segment: d.Run.Segment}, Mode: Whole, Override: true,
		},
	}
	if err := i.begin(j); err != nil {
		return 0, fault.Unavailablef("the members of segment %s are being replaced; send the page again", d.Run.Segment).Because(err)
	}
	defer i.end(j)
	if err := j.collect(ctx); err != nil {
		return 0, err
	}
	defer j.load.Discard()
	if err := j.commit(ctx); err != nil {
		return 0, err
	}
	run, ok, err := i.store.Run(ctx, w.env.ID, d.Run.ID)
	if err != nil || !ok {
		return 0, errors.Join(err, store.ErrNoSession)
	}
	w.runs = []segment.Run{run}
	return run.Revision, nil
}

// collect loads the pages of a session.
func (j *importJob) collect(ctx context.Context) (err error) {
	if j.load, err = j.i.store.Load(ctx, store.LoadReplace); err != nil {
		return err
	}
	writer := j.load.Writer()
	for c, err := range j.i.store.Pages(ctx, j.id.env, j.id.key, j.name) {
		if err == nil {
			err = writer.Append(c.Key)
		}
		if err != nil {
			j.load.Discard()
			return fmt.Errorf("read pages of segment %s: %w", j.id.key, err)
		}
	}
	return writer.Close()
}

// settleSource notes in a segment who changed its members: its tool, by a whole list, or somebody else.
func (j *importJob) settleSource(seg *catalog.Segment) {
	if seg.Source == nil {
		return
	}
	seg.Source.Drifted = !j.synced
	if j.synced {
		seg.Source.Partial = false
	}
}
