package relayfeed

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

// line follows the log of one environment for its relays. It reads of it only whether there is news;
// what there is each stream reads itself, at its own pace.
type line struct {
	f   *Feed
	env segment.EnvID

	state atomic.Pointer[state] // written by the running goroutine only

	mu      sync.Mutex
	streams map[uint64]*Stream
	polls   map[string]*poller // by address
	broken  map[segment.Ref]bool
	moving  map[segment.Key]segment.Generation // where segments were seen to move to; the running goroutine's
	marks   []mark                             // when what became known, oldest first
}

// state is what relays may know. It never changes, except that passed is closed when a newer one is there.
type state struct {
	revision segment.Revision // everything up to here
	// canonical is where everybody stands who knows that: behind the newest change of members.
	canonical version
	last      segment.Revision // of canonical
	movedAt   time.Time        // when the log reached canonical
	settings  segment.Revision // the newest that changed settings or credentials of the environment
	// filled is the newest at which all members of a segment joined its next generation. SDKs are to be told of that once the
	// databases of relays have it, so streams that were opened before it end when everything was written.
	filled  segment.Revision
	refresh uint64 // grows when relays are to be told that they are current
	// unreadable says that the log can't be read; damaged that members of a segment can't.
	unreadable, damaged error
	end                 error
	passed              chan struct{}
}

// refuses returns why nobody may count as current.
func (st *state) refuses() error {
	switch {
	case st.end != nil:
		return st.end
	case st.unreadable != nil:
		return fmt.Errorf("%w: %w", ErrStale, st.unreadable)
	case st.damaged != nil:
		return fmt.Errorf("%w: %w", ErrStale, st.damaged)
	}
	return nil
}

// mark is when a revision that changed members became known, and what was known before.
type mark struct {
	revision, before segment.Revision
	at               time.Time
}

// maxMarks is how many are kept. There are six or seven a second at most, and streams that are behind for
// a minute end.
const maxMarks = 1024

// canonicalAge is how old the newest change of members may become while the log goes on. Then the place
// behind it moves to the head, lest the log is trimmed beyond it.
const canonicalAge = 24 * time.Hour

func newLine(f *Feed, env segment.EnvID) *line {
	return &line{f: f, env: env, streams: map[uint64]*Stream{}, polls: map[string]*poller{}, broken: map[segment.Ref]bool{}, moving: map[segment.Key]segment.Generation{}}
}

// begin finds out where the log is.
func (l *line) begin(ctx context.Context) error {
	e, ok := l.f.store.Environment(l.env)
	if !ok {
		return store.ErrNoEnvironment
	}
	epoch, err := l.f.store.Epoch(l.env)
	if err != nil {
		return err
	}
	head, err := l.f.store.Head(l.env)
	if err != nil {
		return err
	}
	last := l.newestChange(ctx, head)
	st := &state{
		revision: head, last: last, movedAt: l.f.o.Now(), damaged: l.damage(), passed: make(chan struct{}),
		canonical: version{segment.Cursor{Epoch: epoch, Revision: last}, e.Resyncs},
	}
	l.state.Store(st)
	return nil
}

// newestChange returns the revision of the newest change of members, if it is not far back, or else one
// behind which there is none. So relays that come back after a restart stand where they should.
func (l *line) newestChange(ctx context.Context, head segment.Revision) segment.Revision {
	for _, back := range []segment.Revision{16, 1024} {
		var first, last segment.Revision
		for e, err := range l.f.store.Entries(ctx, l.env, head-min(head, back)) {
			if err != nil {
				return head
			}
			if first == 0 {
				first = e.Revision
			}
			if len(e.Members) > 0 && e.Revision <= head {
				last = e.Revision
			}
		}
		if last > 0 {
			return last
		}
		if head <= back {
			return 0
		}
	}
	return head
}

// run follows the log until the feed is closed or the environment is gone.
func (l *line) run() {
	ctx := l.f.ctx
	var failing time.Time
	var told time.Time // when something was published last
	refresh := l.f.o.Now().Add(l.f.o.Refresh)
	for {
		err := l.await(ctx, refresh, told)
		if err == nil {
			var news bool
			if news, err = l.advance(ctx); news {
				told = l.f.o.Now()
			}
		}
		switch now := l.f.o.Now(); {
		case errors.Is(err, store.ErrNoEnvironment):
			l.finish(ErrGone)
			return
		case ctx.Err() != nil, errors.Is(err, store.ErrClosed):
			l.finish(ErrClosed)
			return
		case err != nil:
			l.f.o.Log.Error("following the log for relays failed", "environment", l.env, "revision", l.state.Load().revision, "error", err)
			if failing.IsZero() {
				failing = now
			}
			if now.Sub(failing) >= l.f.o.Behind {
				l.change(func(st *state) { st.unreadable = err })
			}
			if wait(ctx, failPause) != nil {
				continue
			}
		default:
			failing = time.Time{}
			if l.state.Load().unreadable != nil {
				l.change(func(st *state) { st.unreadable = nil })
			}
		}
		if now := l.f.o.Now(); !now.Before(refresh) {
			refresh = now.Add(l.f.o.Refresh)
			damaged := l.damage()
			l.change(func(st *state) { st.damaged = damaged; st.refresh++ })
		}
	}
}

// failPause is how long a line that can't read the log waits before it tries again.
const failPause = time.Second

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// await returns when there is news and the pause since the last is over, or at a moment.
func (l *line) await(ctx context.Context, until, told time.Time) error {
	waiting, cancel := context.WithTimeout(ctx, until.Sub(l.f.o.Now()))
	defer cancel()
	_, err := l.f.store.Await(waiting, l.env, l.state.Load().revision)
	if waiting.Err() != nil && ctx.Err() == nil {
		return nil
	}
	if err != nil {
		return err
	}
	if rest := told.Add(l.f.o.Pause).Sub(l.f.o.Now()); rest > 0 {
		return wait(ctx, rest)
	}
	return nil
}

// advance makes the log known up to its head, and reports whether that was news to relays.
func (l *line) advance(ctx context.Context) (news bool, err error) {
	next := *l.state.Load()
	before := next.canonical
	for e, readErr := range l.f.store.Entries(ctx, l.env, next.revision) {
		if errors.Is(readErr, store.ErrTrimmed) {
			return true, l.catchUp()
		}
		if readErr != nil {
			err = readErr
			break
		}
		next.revision = e.Revision
		if len(e.Members) > 0 || e.At.Sub(next.movedAt) > canonicalAge {
			next.canonical.cursor, next.last, next.movedAt = next.canonical.cursor.Through(e.Revision), e.Revision, e.At
		}
		if e.Environment {
			next.settings = e.Revision
		}
		if l.fills(e) {
			next.filled = e.Revision
		}
	}
	if next.settings > l.state.Load().settings {
		if e, ok := l.f.store.Environment(l.env); ok {
			next.canonical.resync = e.Resyncs
		}
	}
	if next.revision == l.state.Load().revision {
		return false, err
	}
	l.publish(&next)
	return next.canonical != before, err
}

// fills reports whether an entry is the first that speaks of the generation that a segment moves to.
func (l *line) fills(e *segment.Entry) (first bool) {
	for i := range e.Members {
		ref := e.Members[i].Ref
		s, ok := l.f.store.Segment(l.env, ref.Key)
		if ok && s.Turn != nil && s.Turn.To == ref.Generation && s.Turn.Taken.IsZero() && l.moving[ref.Key] != ref.Generation {
			l.moving[ref.Key], first = ref.Generation, true
		}
	}
	return first
}

// catchUp goes on at the head, because the log no longer reaches back: whoever is behind has to walk.
func (l *line) catchUp() error {
	head, err := l.f.store.Head(l.env)
	if err != nil {
		return err
	}
	next := *l.state.Load()
	next.canonical.cursor = next.canonical.cursor.Through(head)
	next.revision, next.last, next.movedAt, next.settings, next.filled = head, head, l.f.o.Now(), head, head
	if e, ok := l.f.store.Environment(l.env); ok {
		next.canonical.resync = e.Resyncs
	}
	l.publish(&next)
	return nil
}

// change publishes the state with a difference.
func (l *line) change(how func(*state)) {
	next := *l.state.Load()
	how(&next)
	l.publish(&next)
}

// publish makes a state known and wakes those who wait.
func (l *line) publish(next *state) {
	next.passed = make(chan struct{})
	old := l.state.Load()
	if next.last > old.last {
		l.mu.Lock()
		l.marks = append(l.marks[max(0, len(l.marks)-maxMarks+1):], mark{next.last, old.revision, l.f.o.Now()})
		l.mu.Unlock()
	}
	l.state.Store(next)
	close(old.passed)
}

// after returns the first change that became known behind a revision; zero if there is none. The caller
// holds l.mu.
func (l *line) after(rev segment.Revision) mark {
	for _, m := range l.marks {
		if m.revision > rev {
			return m
		}
	}
	return mark{}
}

// waited returns for how long what comes after a revision has been known.
func (l *line) waited(rev segment.Revision) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m := l.after(rev); m.revision > 0 {
		return l.f.o.Now().Sub(m.at)
	}
	return 0
}

// finish ends every stream.
func (l *line) finish(why error) {
	l.f.forget(l)
	l.change(func(st *state) { st.end = why })
}

// damage returns why the members of some segment can't be read whole.
func (l *line) damage() error {
	for _, s := range l.f.store.Segments(l.env) {
		if err := l.f.store.Damage(l.env, s.Ref()); err != nil {
			return err
		}
	}
	return nil
}

// unreadable notes that not everything about a ref can be told.
func (l *line) unreadable(ref segment.Ref, err error) {
	l.mu.Lock()
	known := l.broken[ref]
	l.broken[ref] = true
	l.mu.Unlock()
	if !known {
		l.f.o.Log.Error("relays can't be told everything about a segment: whoever left it may stay in their stores", "environment", l.env, "ref", ref.String(), "error", err)
	}
}
