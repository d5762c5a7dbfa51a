// Package relayfeed holds what LaunchDarkly's Relay Proxy is told of the members of big segments: pages
// of patches after any cursor, and a live feed of the same patches.
//
// A relay keeps the members of an environment in a database and one cursor beside them. It takes a patch
// only if its previousVersion is that cursor, and asks again at once, for ever, if the first one of an
// answer is not. So a page always chains from the cursor that was asked for, whatever that is: a cursor
// of another server, of a history before a restore, or older than the log is answered with a walk through
// everything, as [store.Membership] promises it. Nothing is kept for a relay between two requests; where
// it is stands in its cursor, also in the middle of a walk or of a large change.
//
// Pages are bounded in bytes, changes and time, so that the smallest client gets each of them within its
// three seconds. A page is encoded once for all relays that stand at the same place.
//
// The package knows no HTTP beyond the framing of server-sent events.
package relayfeed

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
)

// Reasons for the end of a stream, and for an answer that is none.
var (
	// ErrSlow says that the relay fell behind for too long. It polls then, which does not let its store
	// count as current meanwhile.
	ErrSlow = errors.New("relay is too far behind")
	// ErrResync says that somebody wants all relays to take everything once more.
	ErrResync = errors.New("relays are to take everything once more")
	// ErrAsked says that the relay was told everything and is to say what it has taken of it, which only a poll does.
	ErrAsked = errors.New("relay is to say what it has taken")
	// ErrStale says that the members are not known to be complete, so that no relay may count as current.
	ErrStale = errors.New("members are not known to be complete")
	// ErrGone says that the environment was deleted.
	ErrGone = errors.New("environment is gone")
	// ErrClosed says that the feed is shutting down.
	ErrClosed = errors.New("feed is closed")
	// ErrLoop says that a relay asks the same again and again without pause.
	ErrLoop = errors.New("the same is asked again and again")
)

// Options adjusts a Feed; zero fields mean the default.
type Options struct {
	Log *slog.Logger // default slog.Default()
	// Pause is the least time between two events of an environment. Default: 150 ms.
	Pause time.Duration
	// Refresh is how often relays are told that they are current. Default: 25 s.
	Refresh time.Duration
	// Behind is for how long a stream may be behind, and the log unreadable, until streams end. Default: 60 s.
	Behind time.Duration
	// Work is how long one page may take to build. Default: 1 s.
	Work time.Duration
	Now  func() time.Time // default time.Now
}

// Feed serves the environments of one store.
type Feed struct {
	store store.Store
	o     Options
	guard guard
	pages pages
	slots chan struct{} // one token for each page being built

	ctx  context.Context
	stop context.CancelFunc
	wait sync.WaitGroup // running lines

	mu     sync.Mutex
	closed bool
	lines  map[segment.EnvID]*line

	lastID  atomic.Uint64 // of a follower
	old     oldKeys
	polls   atomic.Uint64
	walks   atomic.Uint64
	changes atomic.Uint64
	loops   atomic.Uint64
	cut     atomic.Uint64
}

// New returns a feed of what s holds. Nothing is read before an environment is asked for.
func New(s store.Store, o Options) *Feed {
	o.Log = cmp.Or(o.Log, slog.Default())
	o.Pause = cmp.Or(o.Pause, 150*time.Millisecond)
	o.Refresh = cmp.Or(o.Refresh, 25*time.Second)
	o.Behind = cmp.Or(o.Behind, time.Minute)
	o.Work = cmp.Or(o.Work, time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	ctx, stop := context.WithCancel(context.Background())
	return &Feed{
		store: s, o: o, slots: make(chan struct{}, runtime.GOMAXPROCS(0)), ctx: ctx, stop: stop, lines: map[segment.EnvID]*line{},
	}
}

// Close ends every stream with [ErrClosed] and returns when nothing runs any more.
func (f *Feed) Close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.stop()
	f.wait.Wait()
}

// Stats is what the feed has done since it was made.
type Stats struct {
	Streams int    // open now
	Polls   uint64 // answered, empty answers among them
	Walks   uint64 // begun, because nothing was known of a relay's cursor
	Changes uint64 // of members, encoded for relays
	Loops   uint64 // polls refused because the same was asked again and again
	Cut     uint64 // streams ended by the feed while their relay was there
}

// Stats returns the counters as of now.
func (f *Feed) Stats() Stats {
	s := Stats{Polls: f.polls.Load(), Walks: f.walks.Load(), Changes: f.changes.Load(), Loops: f.loops.Load(), Cut: f.cut.Load()}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range f.lines {
		s.Streams += l.open()
	}
	return s
}

// Limits are those of what relays get.
func Limits() []fault.Limit {
	return []fault.Limit{
		{Name: "relayPatchChanges", Value: maxPatch},
		{Name: "relayPageChanges", Value: maxChanges},
		{Name: "relayPageBytes", Value: maxBytes},
		{Name: "relaySamePollsInTenSeconds", Value: maxSame},
	}
}

// Poll answers a relay that asks for what comes after a cursor; an empty one if it has none. It is told
// that it is current only if it holds every revision that streams have been told of. Errors are faults;
// one that wraps [ErrLoop] asks the relay to wait.
func (f *Feed) Poll(_ context.Context, p Peer, env segment.EnvID, after string) (*Page, error) {
	if !f.guard.allows(env, p.Address, after, f.o.Now()) {
		f.loops.Add(1)
		f.refused(p, env)
		return nil, fault.Unavailablef("the same page was asked for more than %d times in %v: the relay does not get its database to take it", maxSame, guardSpan).Because(ErrLoop)
	}
	l, err := f.follow(env)
	if err != nil {
		return nil, err
	}
	st := l.state.Load()
	if st.end != nil {
		return nil, readFault(env, st.end)
	}
	if st.unreadable != nil {
		return nil, readFault(env, st.unreadable)
	}
	pg, err := l.page(after, st)
	if err != nil {
		return nil, readFault(env, err)
	}
	f.polls.Add(1)
	l.polled(p, after, pg)
	return pg, nil
}

// Subscribe opens a live feed of everything that becomes known from now on. The caller must Close it.
// Errors are faults.
func (f *Feed) Subscribe(p Peer, env segment.EnvID) (*Stream, error) {
	l, err := f.follow(env)
	if err != nil {
		return nil, err
	}
	st := l.state.Load()
	if err := st.refuses(); err != nil {
		return nil, readFault(env, err)
	}
	s := &Stream{line: l, id: f.lastID.Add(1), since: f.o.Now(), opened: st.revision, seen: st, settings: st.settings, refresh: st.refresh}
	s.Known(p)
	s.at.Store(&standing{version: st.canonical, revision: st.last})
	l.attend(s)
	return s, nil
}

// follow returns the line of an environment, running. Its errors are faults.
func (f *Feed) follow(env segment.EnvID) (*line, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, readFault(env, ErrClosed)
	}
	l := f.lines[env]
	if l != nil {
		return l, nil
	}
	l = newLine(f, env)
	if err := l.begin(f.ctx); err != nil {
		return nil, readFault(env, err)
	}
	f.lines[env] = l
	f.wait.Go(l.run)
	return l, nil
}

// line returns the line of an environment if it has one.
func (f *Feed) line(env segment.EnvID) *line {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lines[env]
}

// forget lets the next caller start a new line for an environment.
func (f *Feed) forget(l *line) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lines[l.env] == l {
		delete(f.lines, l.env)
	}
}

// readFault says what a relay may know of an error.
func readFault(env segment.EnvID, err error) error {
	if errors.Is(err, store.ErrNoEnvironment) || errors.Is(err, ErrGone) {
		return fault.NotFoundf("there is no environment with the client-side ID %s", env).Because(err)
	}
	return fault.Unavailablef("members of environment %s can't be told of at the moment; try again", env).Because(err)
}
