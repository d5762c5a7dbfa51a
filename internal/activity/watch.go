package activity

import (
	"context"
	"errors"
	"sync"
	"time"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

// Reasons for the end of a watch.
var (
	// ErrSlow says that more happened than is kept for somebody who does not read it.
	ErrSlow = errors.New("the reader of the activity is too slow")
	// ErrGone says that the environment was deleted.
	ErrGone = errors.New("the environment is gone")
	// ErrClosed says that muster is shutting down.
	ErrClosed = errors.New("activity is closed")
)

const (
	// Pace is the least time between two events about one subject.
	Pace = 200 * time.Millisecond
	// maxWaiting is how many subjects may wait to be read.
	maxWaiting = 4096
)

// Watch is what goes on in one environment from the moment on at which it began. It is used by one
// goroutine, which must Close it.
type Watch struct {
	a       *Activity
	env     segment.EnvID
	project catalog.ProjectKey
	// everything lets calls be seen that name no environment.
	everything bool
	position   int64

	ready chan struct{} // holds something while there is something to read
	taken time.Time     // when the reader took events last

	mu      sync.Mutex
	waiting map[subject]int // index into events
	events  []Event
	end     error
}

func newWatch() *Watch {
	return &Watch{ready: make(chan struct{}, 1), waiting: make(map[subject]int)}
}

// post adds an event, in place of an older one of its subject.
func (w *Watch) post(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.end != nil {
		return
	}
	s := e.subject()
	n, ok := w.waiting[s]
	switch {
	case ok:
		w.events[n] = e
		return
	case len(w.events) == maxWaiting:
		w.finish(ErrSlow)
		return
	}
	w.waiting[s] = len(w.events)
	w.events = append(w.events, e)
	w.signal()
}

func (w *Watch) fail(why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.end == nil {
		w.finish(why)
	}
}

// finish ends the watch; what waits is of no use any more. The caller holds mu.
func (w *Watch) finish(why error) {
	w.end, w.events, w.waiting = why, nil, nil
	w.signal()
}

func (w *Watch) signal() {
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

// Next returns what happened since it was called last, of each subject the newest event, but not
// before a [Pace] has passed; nothing if nothing has happened after some time. An error is the reason
// for the end of the watch.
func (w *Watch) Next(ctx context.Context, patience time.Duration) ([]Event, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-w.ready:
	case <-timer.C:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if rest := Pace - time.Since(w.taken); rest > 0 {
		timer.Reset(rest)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	w.taken = time.Now()
	return w.take()
}

func (w *Watch) take() ([]Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.ready: // whatever it stood for is taken now
	default:
	}
	if w.end != nil {
		return nil, w.end
	}
	events := w.events
	w.events = nil
	clear(w.waiting)
	return events, nil
}

// Position is that of the activity at which the watch begins.
func (w *Watch) Position() int64 { return w.position }

// Close ends the watch.
func (w *Watch) Close() { w.a.leave(w) }

// written posts what a write did to the environment, and that the audit log of the account grew.
func (w *Watch) written(what *store.Written) {
	if rev, ok := what.Heads[w.env]; ok {
		w.post(Event{Kind: HeadEvent, Head: rev, At: what.At})
	}
	if what.Audited > 0 {
		w.post(Event{Kind: AuditEvent, At: what.At})
	}
	for _, o := range what.Objects {
		switch {
		case o.Kind == store.EnvironmentObject && o.Env == w.env && o.Deleted:
			w.fail(ErrGone)
			return
		case o.Env == w.env, o.Env == "" && o.Project == w.project:
			w.post(Event{Kind: CatalogEvent, Object: o})
			if o.Kind == store.SegmentObject && !o.Deleted {
				w.post(Event{Kind: SegmentEvent, Segment: segment.Key(o.Key)})
			}
		}
	}
	for _, m := range what.Members {
		if m.Env == w.env {
			w.post(Event{Kind: SegmentEvent, Segment: m.Key})
		}
	}
	for _, r := range what.Runs {
		if r.Env != w.env {
			continue
		}
		w.post(Event{Kind: RunEvent, Run: r})
		if r.Segment != "" {
			w.post(Event{Kind: SegmentEvent, Segment: r.Segment})
		}
	}
}

// exported posts the end of an export.
func (w *Watch) exported(x *Export) {
	if x.Env == w.env {
		w.post(Event{Kind: ExportEvent, Export: *x})
	}
}

// called posts a call to the environment, or one that names none.
func (w *Watch) called(c *Call) {
	if c.Env == w.env || c.Env == "" && w.everything {
		w.post(Event{Kind: CallEvent, Call: *c})
	}
}
