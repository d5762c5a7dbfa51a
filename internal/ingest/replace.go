package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"muster/internal/connector"
	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
)

// pagesWait is how long after the last page that came the next one may take.
const pagesWait = time.Hour

const pagesKind = "pages"

// pagesDetail is what a session keeps of a whole list that a tool sends in pages.
type pagesDetail struct {
	Kind    string
	Tool    connector.Key
	Session string // the tool's name for the list
	Total   int
	Last    time.Time // when the last page came
	Run     segment.Run
	// Lost says of each page that lost members, by its number, how many: those that could not be used,
	// and repeats of a context.
	Lost map[int]lostMembers
}

type lostMembers struct{ Skipped, Folded int }

// pagesOf reads what a session keeps of a whole list; false if it is something else, or if it is held.
func pagesOf(s store.Session) (d pagesDetail, ok bool) {
	ok = !s.Kept && json.Unmarshal(s.Detail, &d) == nil && d.Kind == pagesKind
	return d, ok
}

// turns lets one request at a time work on the whole list of a cohort.
type turns struct {
	mu sync.Mutex
	of map[turnID]*turn
}

type turnID struct {
	env        segment.EnvID
	tool       connector.Key
	externalID string
}

type turn struct {
	free  chan struct{} // holds something when it is nobody's turn
	wants int
}

// take waits until it is the caller's turn, who must call done.
func (t *turns) take(ctx context.Context, id turnID) (done func(), err error) {
	t.mu.Lock()
	if t.of == nil {
		t.of = make(map[turnID]*turn)
	}
	one := t.of[id]
	if one == nil {
		one = &turn{free: make(chan struct{}, 1)}
		one.free <- struct{}{}
		t.of[id] = one
	}
	one.wants++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if one.wants--; one.wants == 0 {
			delete(t.of, id)
		}
	}
	select {
	case <-one.free:
		return func() { one.free <- struct{}{}; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

// replace takes one page of a whole list. The page is durable when replace returns; with the last one
// the list becomes the segment's members in one step. A page that comes again takes the place of the
// first.
func (w *push) replace(ctx context.Context) (segment.Revision, error) {
	if len(w.Batch.Cohorts) != 1 {
		return 0, fault.Invalidf("a request that states a whole membership must name one cohort, not %d", len(w.Batch.Cohorts))
	}
	cohort := w.Batch.Cohorts[0].ExternalID
	done, err := w.ingest.turns.take(ctx, turnID{w.env.ID, w.Tool, cohort})
	if err != nil {
		return 0, err
	}
	defer done()
	c := collecting{push: w, page: segment.Page{Total: 1}}
	if w.Batch.Page != nil {
		c.page = *w.Batch.Page
	}
	if w.staged[0] == nil { // an empty page is a page too
		if w.staged[0], err = w.ingest.store.Stage(ctx, new(segment.Changes)); err != nil {
			return 0, err
		}
	}
	key := connector.SegmentKey(w.Tool, cohort)
	if seg, ok := w.ingest.store.SegmentBySource(w.env.ID, string(w.Tool), cohort); ok {
		key = seg.Key
	}
	if err := c.find(key); err != nil {
		return 0, err
	}
	rev, err := w.ingest.store.Update(ctx, store.Scope{Env: w.env.ID}, c.stage)
	if err != nil {
		return 0, err
	}
	if c.known != nil {
		w.runs = c.known
		return c.known[0].Revision, nil
	}
	w.runs = []segment.Run{c.d.Run}
	if !c.complete {
		return rev, nil
	}
	return c.publish(ctx)
}

// collecting is a page on its way into its session.
type collecting struct {
	*push
	page segment.Page
	id   segment.RunID   // of the open session that the page belongs to, if there is one
	old  []store.Session // of lists that the tool has given up

	d        pagesDetail
	complete bool          // no page is missing any more
	known    []segment.Run // of the same request, sent before
}

// find looks for the session of the page. Another one of the same tool ends: the tool began anew.
func (c *collecting) find(key segment.Key) error {
	open, err := c.ingest.store.Sessions(c.env.ID)
	if err != nil {
		return fmt.Errorf("list sessions of environment %s: %w", c.env.ID, err)
	}
	for _, s := range open {
		d, ok := pagesOf(s)
		switch {
		case !ok || s.Segment != key || d.Tool != c.Tool:
		case d.Session == c.page.Session && d.Total == c.page.Total:
			c.id = s.ID
		default:
			c.old = append(c.old, s)
		}
	}
	return nil
}

// stage makes the page part of its session, which it opens if need be.
func (c *collecting) stage(tx store.Tx) (err error) {
	if err := c.welcome(tx); err != nil {
		return err
	}
	c.known = nil
	if c.Idempotency != "" {
		if c.known, err = tx.Recorded(c.env.ID, string(c.Tool), c.request()); err != nil || len(c.known) > 0 {
			return err
		}
		c.known = nil
	}
	cohort := c.Batch.Cohorts[0]
	seg, before, err := c.settled(tx, cohort, true)
	if err != nil {
		return err
	}
	open, ok := tx.Session(c.env.ID, seg.Key, c.id)
	c.d = pagesDetail{Kind: pagesKind, Tool: c.Tool, Session: c.page.Session, Total: c.page.Total, Run: c.begun(seg.Key)}
	if ok {
		if err := json.Unmarshal(open.Detail, &c.d); err != nil {
			return fmt.Errorf("read session %s: %w", c.id, err)
		}
	}
	c.count(slices.Contains(open.Pages, c.page.Index))
	detail, err := json.Marshal(c.d)
	if err != nil {
		return fmt.Errorf("describe session: %w", err)
	}
	if ok {
		tx.UpdateSession(c.env.ID, seg.Key, c.d.Run.ID, detail)
	} else {
		tx.OpenSession(store.Session{Env: c.env.ID, Segment: seg.Key, ID: c.d.Run.ID, Detail: detail})
	}
	if err := tx.Keep(c.env.ID, seg.Key, c.d.Run.ID, c.page.Index, c.staged[0]); err != nil {
		return err
	}
	now, _ := tx.Session(c.env.ID, seg.Key, c.d.Run.ID)
	c.complete = len(now.Pages) == c.page.Total
	tx.Record(c.d.Run)
	c.runs = []segment.Run{c.d.Run}
	if !c.complete { // a repeat of the last page must find out that its list was not published
		c.remember(tx)
	}
	if before != seg {
		tx.Audit(c.audit(seg, before, c.d.Run))
	}
	c.giveUp(tx)
	return nil
}

// begun returns the run of a list whose first page came.
func (c *collecting) begun(key segment.Key) segment.Run {
	run := c.run(key, segment.Cohort{})
	run.Kind, run.State, run.Mode = segment.ReplaceRun, segment.RunReceived, segment.Replace
	run.Progress = &segment.Progress{}
	return run
}

// count counts what came with the page. Received and Skipped are counted when all pages are there:
// until then, some may come again.
func (c *collecting) count(again bool) {
	cohort := c.Batch.Cohorts[0]
	if !again {
		c.d.Run.Received += cohort.Received
		c.d.Run.Skipped += c.skipped[0]
	}
	c.d.Last = c.ingest.now()
	c.d.Run.Bytes += c.Bytes
	c.d.Run.Parse += c.Parse
	c.d.Run.Progress.BytesRead += c.Bytes
	c.d.Run.Progress.Rows = int64(c.d.Run.Received)
	for _, s := range c.Batch.Samples {
		if len(c.d.Run.Samples) < segment.MaxSkipSamples {
			c.d.Run.Samples = append(c.d.Run.Samples, s)
		}
	}
	lost := lostMembers{Skipped: c.skipped[0], Folded: cohort.Received - c.skipped[0] - c.staged[0].Len()}
	if lost == (lostMembers{}) {
		delete(c.d.Lost, c.page.Index)
		return
	}
	if c.d.Lost == nil {
		c.d.Lost = make(map[int]lostMembers)
	}
	c.d.Lost[c.page.Index] = lost
}

// giveUp ends the lists that the tool has given up.
func (c *collecting) giveUp(tx store.Tx) {
	for _, s := range c.old {
		now, ok := tx.Session(s.Env, s.Segment, s.ID)
		if d, pages := pagesOf(now); ok && pages {
			abandon(tx, now, d)
		}
	}
}

// abandon ends a whole list of which pages are missing.
func abandon(tx store.Tx, s store.Session, d pagesDetail) {
	run := d.Run
	run.State, run.Progress = segment.RunRejected, nil
	run.Error = fmt.Sprintf("incomplete: %d of %d pages came; the members stay as they were", len(s.Pages), d.Total)
	tx.CloseSession(s.Env, s.Segment, s.ID)
	tx.Record(run)
}

// publish makes the list whose pages are all there the segment's members. After trouble that passes
// the pages stay: the tool sends the last one again.
func (c *collecting) publish(ctx context.Context) (segment.Revision, error) {
	j := &job{
		i: c.ingest, id: segmentID{c.env.ID, c.d.Run.Segment}, name: c.d.Run.ID, who: c.who, run: c.d.Run, synced: true,
		im: Import{
			Target: Target{Project: c.project.Key, Environment: c.env.Key, Segment: c.d.Run.Segment}, Mode: Whole, Override: true,
		},
		admit: c.welcome, remember: c.remember,
	}
	run, err := j.collect(ctx, c.d)
	if f := fault.From(err); err != nil && (f.Kind == fault.Refused || f.Kind == fault.Invalid || f.Kind == fault.Forbidden) {
		j.give(err)
	}
	if err != nil {
		return 0, troubled(err)
	}
	c.runs = []segment.Run{run}
	return run.Revision, nil
}

// collect loads the pages of a session and commits them.
func (j *job) collect(ctx context.Context, d pagesDetail) (run segment.Run, err error) {
	if j.load, err = j.i.store.Load(ctx, store.LoadReplace); err != nil {
		return run, err
	}
	defer j.load.Discard()
	writer := j.load.Writer()
	received, skipped := 0, 0
	for ch, err := range j.i.store.Pages(ctx, j.id.env, j.id.key, j.name) {
		if err == nil && ch.Ops&segment.Include != 0 {
			err = writer.Append(ch.Key)
		}
		if err != nil {
			return run, errors.Join(fmt.Errorf("read pages of segment %s: %w", j.id.key, err), writer.Close())
		}
		received++
	}
	if err := writer.Close(); err != nil {
		return run, err
	}
	for _, lost := range d.Lost {
		received += lost.Skipped + lost.Folded
		skipped += lost.Skipped
	}
	j.change(func(r *segment.Run) { r.Received, r.Skipped = received, skipped })
	return j.commit(ctx)
}
