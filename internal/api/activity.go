package api

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/activity"
	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/segment"
)

const (
	// activityTick is how often an activity stream looks at what nobody tells of: how far imports, moves and
	// followers are, and whether its reader may still watch.
	activityTick = 500 * time.Millisecond
	// activityBeat is how long an activity stream may be silent.
	activityBeat = 15 * time.Second
	// auditRecent is how far back the entries lie at most that an event of the audit log is about.
	auditRecent = 5 * time.Second
	// auditNews is how many entries such an event looks at.
	auditNews = 100
	// activityWrite is how long a reader may take for what is written at once.
	activityWrite = 10 * time.Second
)

// positionJSON is where a stream begins: an answer with as large a number in X-Muster-Activity misses nothing of
// what is told from there on.
type positionJSON struct {
	Position int64 `json:"position"`
}

// callJSON is a request of a tool, taken or refused.
type callJSON struct {
	At      int64  `json:"at"`
	Path    string `json:"path"`
	Tool    string `json:"tool,omitzero"`
	Status  int    `json:"status"`
	Message string `json:"message,omitzero"`
	TokenID string `json:"tokenId,omitzero"`
	RunID   string `json:"runId,omitzero"`
}

// segmentNewsJSON is how a segment is doing.
type segmentNewsJSON struct {
	Key      string    `json:"key"`
	Members  int64     `json:"members"`
	State    string    `json:"state"`
	FreshAt  int64     `json:"freshAt,omitzero"`
	Revision uint64    `json:"revision,omitzero"`
	Turn     *turnJSON `json:"generationMove,omitzero"`
}

// exportNewsJSON is an export that ended.
type exportNewsJSON struct {
	ID         string `json:"id"`
	SegmentKey string `json:"segmentKey"`
	Status     string `json:"status"`
}

type catalogNewsJSON struct {
	Kind    string `json:"kind"`
	Key     string `json:"key"`
	Version int    `json:"version,omitzero"`
	Deleted bool   `json:"deleted,omitzero"`
}

// auditNewsJSON is that the audit log has entries that the reader may view: when the newest was made, and of
// which kinds the recent ones are.
type auditNewsJSON struct {
	Date  int64    `json:"date"`
	Kinds []string `json:"kinds"`
}

// deliveryNewsJSON is that a webhook was told of something, or could not be.
type deliveryNewsJSON struct {
	WebhookID string `json:"webhookId"`
	Date      int64  `json:"date"`
}

// followerNewsJSON is a follower that came, got further, or left.
type followerNewsJSON struct {
	followerJSON
	Gone bool `json:"gone,omitzero"`
}

// activityStream is one client that watches an environment.
type activityStream struct {
	*server
	at  segmentPath
	who catalog.Caller
	env *catalog.Environment
	w   http.ResponseWriter
	out *http.ResponseController

	lastID    uint64
	text      bytes.Buffer // events to be written
	written   time.Time
	followers map[string]followerJSON
	lookedAt  time.Time // at the followers
	underWay  map[segment.RunID]working
	waiting   map[segment.Key][]string // whom moves to another generation waited for
}

// working is an import as it was shown last.
type working struct {
	segment  segment.Key
	progress segment.Progress
}

func workingOf(run segment.Run) working {
	w := working{segment: run.Segment}
	if run.Progress != nil {
		w.progress = *run.Progress
	}
	return w
}

// watchActivity streams what goes on in an environment, as server-sent events.
func (s *server) watchActivity(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at := segmentPathOf(r)
	env, err := s.admin.Environment(r.Context(), who, at.project, at.env)
	if err != nil {
		return err
	}
	watch, err := s.activity.Watch(env, who.Administers)
	if err != nil {
		return err
	}
	defer watch.Close()
	a := &activityStream{
		server: s, at: at, who: who, env: env, w: w, out: http.NewResponseController(w),
		followers: s.followersByID(env.ID), underWay: make(map[segment.RunID]working),
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no")
	_ = a.out.SetReadDeadline(time.Time{}) // the server's is for requests; not every writer has one
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	if err := a.event("position", positionJSON{watch.Position()}); err != nil {
		return err
	}
	for a.flush() == nil {
		events, err := watch.Next(r.Context(), activityTick)
		if err != nil || !a.may(r) {
			return nil // the client reads the present state when it comes back
		}
		if err := a.render(r.Context(), events); err != nil {
			s.log.ErrorContext(r.Context(), "activity can't be shown", "environment", env.ID, "error", err)
			return nil
		}
	}
	return nil
}

// may reports whether the caller's credential still lets them watch. A session does not count as used by
// a page that is merely open.
func (a *activityStream) may(r *http.Request) bool {
	var err error
	if a.who, err = a.credential(r, true); err != nil {
		return false
	}
	_, err = a.admin.Environment(r.Context(), a.who, a.at.project, a.at.env)
	return err == nil
}

// flush writes what there is, and sign of life after a long silence.
func (a *activityStream) flush() error {
	if a.text.Len() == 0 {
		if time.Since(a.written) < activityBeat {
			return nil
		}
		a.text.WriteString(":\n\n")
	}
	_ = a.out.SetWriteDeadline(time.Now().Add(activityWrite)) // not every writer has one
	if _, err := a.w.Write(a.text.Bytes()); err != nil {
		return err
	}
	a.text.Reset()
	a.written = time.Now()
	if err := a.out.Flush(); err != nil {
		return err
	}
	// Over HTTP/2 a deadline resets the stream when it comes, whether or not anything is being written.
	_ = a.out.SetWriteDeadline(time.Time{}) // not every writer has one
	return nil
}

// event adds an event.
func (a *activityStream) event(name string, data any) error {
	b, err := json.Marshal(data, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return fmt.Errorf("show %s: %w", name, err)
	}
	a.lastID++
	fmt.Fprintf(&a.text, "id: %d\nevent: %s\ndata: %s\n\n", a.lastID, name, b)
	return nil
}

// render adds what happened, and what is found out by looking.
func (a *activityStream) render(ctx context.Context, events []activity.Event) error {
	atWork := make(map[segment.RunID]segment.Run)
	for _, run := range a.ingest.UnderWay(a.env.ID) {
		atWork[run.ID] = run
	}
	for i := range events {
		if err := a.show(ctx, &events[i], atWork); err != nil {
			return err
		}
	}
	if err := a.progress(ctx, atWork); err != nil {
		return err
	}
	if err := a.lookAtMoves(ctx); err != nil {
		return err
	}
	return a.lookAtFollowers()
}

func (a *activityStream) show(ctx context.Context, e *activity.Event, atWork map[segment.RunID]segment.Run) error {
	switch e.Kind {
	case activity.RunEvent:
		run := e.Run
		if now, ok := atWork[run.ID]; ok {
			a.underWay[run.ID] = workingOf(now)
			if run.State == segment.RunReceived || run.State == segment.RunStaged {
				run = now // the ledger does not know how far it is
			}
		}
		return a.event("run", a.runOf(ctx, a.who, a.at, run))
	case activity.SegmentEvent:
		return a.segment(ctx, e.Segment)
	case activity.CallEvent:
		c := e.Call
		return a.event("call", callJSON{unixMilli(c.At), c.Path, c.Tool, c.Status, c.Message, string(c.Token), string(c.Run)})
	case activity.ExportEvent:
		return a.event("export", exportNewsJSON{e.Export.ID, string(e.Export.Segment), e.Export.Status})
	case activity.CatalogEvent:
		o := e.Object
		return a.event("catalog", catalogNewsJSON{string(o.Kind), o.Key, o.Version, o.Deleted})
	case activity.AuditEvent:
		return a.audit(ctx)
	case activity.DeliveryEvent:
		return a.delivery(ctx, e.Delivery)
	default:
		return a.event("head", asOfJSON{uint64(e.Head), unixMilli(e.At)})
	}
}

// segment adds how a segment is doing, if the engine holds its members.
func (a *activityStream) segment(ctx context.Context, key segment.Key) error {
	seg, err := a.admin.Segment(ctx, a.who, a.at.project, a.at.env, key)
	if err != nil || !seg.Unbounded {
		return nil //nolint:nilerr // it was deleted, which is an event of its own
	}
	j, err := a.listedSegment(ctx, a.at, seg)
	if err != nil {
		return err
	}
	return a.event("segment", segmentNewsJSON{string(key), j.Metadata.IncludedCount, j.Muster.State, j.Muster.FreshAt, j.Muster.Revision, j.Muster.Turn})
}

// audit adds that the audit log grew, if the reader may view anything that was written lately.
func (a *activityStream) audit(ctx context.Context) error {
	page, err := a.admin.AuditEntries(ctx, a.who, admin.AuditQuery{After: a.now().Add(-auditRecent), Limit: auditNews})
	if err != nil || len(page.Entries) == 0 {
		return err
	}
	kinds := each(page.Entries, func(e catalog.AuditEntry) string { return e.Kind })
	slices.Sort(kinds)
	return a.event("audit", auditNewsJSON{page.Entries[0].At.UnixMilli(), slices.Compact(kinds)})
}

// delivery adds that there was an attempt to tell a webhook of something, if the reader may view the webhook.
func (a *activityStream) delivery(ctx context.Context, d activity.Delivery) error {
	if _, err := a.admin.Webhook(ctx, a.who, d.Webhook); err != nil {
		return nil //nolint:nilerr // it was deleted, or is not the reader's to see
	}
	return a.event("delivery", deliveryNewsJSON{string(d.Webhook), d.At.UnixMilli()})
}

// progress adds the imports that got further, and how the segments of those that ended are doing.
func (a *activityStream) progress(ctx context.Context, now map[segment.RunID]segment.Run) error {
	for id, w := range a.underWay {
		if _, ok := now[id]; ok {
			continue
		}
		delete(a.underWay, id)
		if err := a.segment(ctx, w.segment); err != nil {
			return err
		}
	}
	for id, run := range now {
		w := workingOf(run)
		if a.underWay[id] == w {
			continue
		}
		a.underWay[id] = w
		if err := a.event("run", a.runOf(ctx, a.who, a.at, run)); err != nil {
			return err
		}
	}
	return nil
}

// lookAtMoves adds how the segments are doing whose move to another generation waits for others than before.
func (a *activityStream) lookAtMoves(ctx context.Context) error {
	now := a.admin.Waiting(a.env.ID)
	for key, names := range now {
		if slices.Equal(names, a.waiting[key]) {
			continue
		}
		if err := a.segment(ctx, key); err != nil {
			return err
		}
	}
	a.waiting = now
	return nil
}

// lookAtFollowers adds the followers that came, got further or left.
func (a *activityStream) lookAtFollowers() error {
	if time.Since(a.lookedAt) < time.Second {
		return nil
	}
	a.lookedAt = time.Now()
	now := a.followersByID(a.env.ID)
	for id, r := range now {
		before, ok := a.followers[id]
		if ok && !r.isNews(before) {
			continue
		}
		if err := a.event("follower", followerNewsJSON{followerJSON: r}); err != nil {
			return err
		}
	}
	for id, r := range a.followers {
		if _, ok := now[id]; !ok {
			if err := a.event("follower", followerNewsJSON{r, true}); err != nil {
				return err
			}
		}
	}
	a.followers = now
	return nil
}
