package sink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
)

const (
	// markEvery is how often progress is marked in the store: as much is written again after a crash.
	markEvery = time.Second
	// syncEvery is how often the time of synchronization advances when nothing happens.
	syncEvery = 10 * time.Second
	// quiet is how long a marker of another writer must not have changed before the store is taken over
	// from it: it is gone.
	quiet = 2 * time.Minute
)

// loop keeps one store current, as long as its settings stay. All fields are its goroutine's.
type loop struct {
	*runner
	settings *catalog.Sink
	env      segment.EnvID
	target   Target
	flight   *flight
	writer   string
	now      func() time.Time

	m      marker // what is true of the store
	last   marker // what was marked last
	marked string // what is in the store, as far as known
	tried  string // what may be there, because a reply was lost

	markedAt, syncedAt, lookedAt time.Time
	nodes                        []string

	through        time.Time // a moment up to which the store has everything, if it is complete
	sent           sentTail
	flyingEntry    segment.Revision
	definedThrough segment.Revision
	dirty          map[segment.Ref]bool // what the log was written of since a walk began; nil without one
	spared         segment.Revision     // a walk that is under way tells of who joined up to it; 0: of nobody

	walkAt   time.Time // when to walk through everything again; zero: no need
	suspects suspects
	stranger stranger
	job      *inspection // nil without one
}

// stranger is somebody else's marker.
type stranger struct {
	text  string
	since time.Time
}

// run works until ctx ends or the environment is gone.
func (l *loop) run(ctx context.Context) {
	for failures := 0; ; {
		began := l.now()
		err := l.work(ctx)
		if ctx.Err() != nil {
			l.leave(ctx)
			return
		}
		if errors.Is(err, store.ErrNoEnvironment) || errors.Is(err, store.ErrClosed) {
			return
		}
		if l.now().Sub(began) > lastPause {
			failures = 0
		}
		failures++
		l.failed(err)
		l.suspects.watch(l.now())
		if l.rest(ctx, pauseAfter(err, failures)) != nil {
			return
		}
	}
}

// The pauses before something that failed is tried again.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 15 * time.Second
)

// pauseAfter returns how long to wait after a number of failures in a row, with a part of chance, so that many sinks
// of one store don't come back at once.
func pauseAfter(err error, failures int) time.Duration {
	pause := min(lastPause, firstPause<<min(failures-1, 10))
	if kind := fault.KindOf(err); kind == fault.Invalid || kind == fault.Forbidden {
		pause = lastPause // only people can help
	}
	return pause/2 + rand.N(pause)
}

// rest waits, but not longer than until somebody wants something.
func (l *loop) rest(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.asked:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// work keeps the store current until something fails.
func (l *loop) work(ctx context.Context) error {
	if err := l.adopt(ctx); err != nil {
		return err
	}
	if err := l.resume(ctx); err != nil {
		return err
	}
	for {
		if err := l.step(ctx); err != nil {
			if !errors.Is(err, store.ErrTrimmed) {
				return err
			}
			if err := l.beginAnew(ctx, false); err != nil {
				return err
			}
		}
	}
}

// step does what is next and waits if that is nothing.
func (l *loop) step(ctx context.Context) error {
	if l.m.walking() {
		return l.walk(ctx)
	}
	if err := l.attend(ctx); err != nil || l.m.walking() {
		return err
	}
	if l.settings.DaemonMode && !l.m.defined {
		if err := l.define(ctx); err != nil {
			return err
		}
	}
	busy, err := l.inspect(ctx)
	if err != nil || busy {
		return err
	}
	return l.await(ctx)
}

// attend does what must not wait for the end of anything that takes long.
func (l *loop) attend(ctx context.Context) error {
	if err := l.obey(ctx); err != nil {
		return err
	}
	if l.now().Sub(l.lookedAt) >= l.target.Traits().LookEvery {
		if err := l.look(ctx); err != nil {
			return err
		}
	}
	if err := l.catchUp(ctx); err != nil {
		return err
	}
	if !l.walkAt.IsZero() && !l.m.walking() && !l.now().Before(l.walkAt) {
		l.walkAt = time.Time{}
		return l.beginAnew(ctx, true)
	}
	return l.keepMarker(ctx, false)
}

// await waits until the log grows, somebody wants something or it is time to look.
func (l *loop) await(ctx context.Context) error {
	l.idle()
	now := l.now()
	next := l.lookedAt.Add(l.target.Traits().LookEvery)
	if due := l.syncedAt.Add(syncEvery); due.Before(next) {
		next = due
	}
	if due := l.markedAt.Add(markEvery); l.last != l.m && due.Before(next) {
		next = due
	}
	if due, ok := l.suspects.due(); ok && due.Before(next) {
		next = due
	}
	ctx, cancel := context.WithTimeout(ctx, max(time.Millisecond, next.Sub(now)))
	defer cancel()
	stop := l.wakeOnAsked(ctx, cancel)
	defer stop()
	_, err := l.store.Await(ctx, l.env, l.m.tail.Revision)
	if ctx.Err() != nil {
		return nil // whoever waits for the end looks at their own context
	}
	if err != nil {
		return fmt.Errorf("wait for the log of environment %s: %w", l.env, err)
	}
	return nil
}

// wakeOnAsked cancels when somebody wants something; the wish stays for obey.
func (l *loop) wakeOnAsked(ctx context.Context, cancel context.CancelFunc) (stop func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-l.asked:
			cancel()
		case <-ctx.Done():
		}
	}()
	return func() { cancel(); <-done }
}

// adopt finds out what the store holds and makes the marker this writer's.
func (l *loop) adopt(ctx context.Context) error {
	seen, err := l.target.Look(ctx)
	if err != nil {
		return err
	}
	l.lookedAt, l.nodes = l.now(), seen.Nodes
	l.note(func(s *state) { s.synchronized = seen.Synchronized })
	found, ours := parseMarker(seen.Marker)
	switch mine := ours && found.sink == l.id; {
	case seen.Marker == "":
		return l.claim(ctx, "", marker{resyncs: l.resyncs()})
	case !mine && l.takesOver():
		found.complete, found.defined, found.sweep = false, false, true
		found.tail, found.walk = segment.Cursor{}, segment.Cursor{}
		return l.claim(ctx, seen.Marker, found)
	case !mine:
		return l.blocked(seen.Marker, fault.Conflictf("%s; muster leaves this store alone: give the integration another config/prefix, or have it rebuilt with takeOver if nobody else is to write there", owner(found, ours)))
	case l.marked != "" && found.writer != l.writer && !l.isQuiet(seen.Marker):
		return l.blocked(seen.Marker, fault.Conflictf("another muster with the same settings, such as one started from a copy of the data, writes to this store; muster goes on when that one has been quiet for %v", quiet))
	}
	if l.marked == "" || found.writer != l.writer {
		l.suspects.watch(l.now())
	}
	return l.claim(ctx, seen.Marker, found)
}

// owner says whose marker it is.
func owner(m marker, ours bool) string {
	if ours {
		return fmt.Sprintf("the keys under this prefix are kept by the integration %s of a muster", m.sink)
	}
	return "the keys under this prefix are kept by somebody else, such as a Relay Proxy"
}

// blocked notes whose marker is in the way.
func (l *loop) blocked(text string, why error) error {
	if l.stranger.text != text {
		l.stranger = stranger{text, l.now()}
	}
	return why
}

// isQuiet reports whether a marker has been the same for long.
func (l *loop) isQuiet(text string) bool {
	return l.stranger.text == text && l.now().Sub(l.stranger.since) >= quiet
}

// claim puts this writer's marker in place of what is there.
func (l *loop) claim(ctx context.Context, was string, m marker) error {
	m.sink, m.writer, m.count = l.id, l.writer, max(m.count, l.m.count)
	m.defined = m.defined && l.settings.DaemonMode
	l.m, l.marked, l.tried, l.stranger = m, was, "", stranger{}
	l.definedThrough, l.through, l.sent, l.spared = 0, time.Time{}, sentTail{}, 0
	return l.keepMarker(ctx, true)
}

// resume finds out from where the log is followed.
func (l *loop) resume(ctx context.Context) error {
	if l.m.tail == (segment.Cursor{}) {
		return l.beginAnew(ctx, false)
	}
	tail, err := l.store.Resume(ctx, l.env, l.m.tail)
	if err != nil {
		return err
	}
	if tail.Walking {
		l.m.sweep = l.m.sweep || tail.Epoch != l.m.tail.Epoch
		return l.beginAnew(ctx, false)
	}
	if l.m.walking() && l.m.walk.Epoch != tail.Epoch {
		return l.beginAnew(ctx, false)
	}
	return nil
}

// beginAnew begins a walk through all members. Complete says that the store has everything, so that readers may
// go on to trust it meanwhile.
func (l *loop) beginAnew(ctx context.Context, complete bool) error {
	view, err := l.store.View(l.env)
	if err != nil {
		return err
	}
	walk, err := l.store.Resume(ctx, l.env, segment.Cursor{})
	if err != nil {
		return err
	}
	if !complete || l.m.tail.Epoch != walk.Epoch {
		l.m.complete, l.m.defined = false, false
		l.m.tail = walk.Through(walk.Revision)
	}
	if asked := l.resyncs(); l.m.resyncs != asked {
		l.m.resyncs, l.m.sweep = asked, true
	}
	l.m.walk, l.spared = walk, 0
	if !l.m.complete {
		l.spared = view.Revision()
	}
	return l.keepMarker(ctx, true)
}

// look finds out whether the store still is what it was.
func (l *loop) look(ctx context.Context) error {
	seen, err := l.target.Look(ctx)
	if err != nil {
		return err
	}
	l.lookedAt = l.now()
	l.note(func(s *state) { s.synchronized = seen.Synchronized })
	if seen.Marker != l.marked {
		return l.marksMoved(seen.Marker)
	}
	lost := slices.ContainsFunc(l.nodes, func(node string) bool { return !slices.Contains(seen.Nodes, node) })
	l.nodes = seen.Nodes
	if lost {
		l.log.WarnContext(ctx, "a node of a store was replaced or started again; everything is written once more", "integration", l.id)
		return l.beginAnew(ctx, false)
	}
	return nil
}

// marksMoved returns what it means that the store holds another marker than it should.
func (l *loop) marksMoved(text string) error {
	if text == l.tried && text != "" {
		l.marked, l.tried = text, ""
		return nil
	}
	return moved(text)
}

// moved returns what it means that a store holds a marker that this writer never wrote there, or no longer.
func moved(text string) error {
	if text == "" {
		return fmt.Errorf("%w: %w", fault.Unavailablef("the store lost its data; muster writes everything anew"), errLost)
	}
	return fmt.Errorf("%w: %w", fault.Unavailablef("the marker in the store is not the one that muster wrote last: the store went back in time, or somebody else writes there"), ErrMoved)
}

// errLost says that the store was emptied.
var errLost = errors.New("the store holds no marker")

// keepMarker marks progress in the store, if it is time or must be.
func (l *loop) keepMarker(ctx context.Context, must bool) error {
	now := l.now()
	l.last.count = l.m.count
	if !must && now.Sub(l.syncedAt) < syncEvery && (l.last == l.m || now.Sub(l.markedAt) < markEvery) {
		return nil
	}
	synchronized := l.synchronized()
	next := l.m
	next.count++
	text := next.String()
	l.tried = text
	err := l.target.Mark(ctx, l.marked, text, synchronized)
	if errors.Is(err, ErrMoved) {
		seen, lookErr := l.target.Look(ctx)
		if lookErr != nil {
			return lookErr
		}
		if seen.Marker != text {
			return l.marksMoved(seen.Marker)
		}
	} else if err != nil {
		return err
	}
	l.m, l.last, l.marked, l.tried = next, next, text, ""
	l.markedAt, l.syncedAt = now, now
	l.progressed(synchronized)
	return nil
}

// synchronized returns the moment up to which readers may trust the store; zero while they may not.
func (l *loop) synchronized() time.Time {
	if !l.m.complete || l.through.IsZero() || l.isDamaged() {
		return time.Time{}
	}
	return l.through
}

// isDamaged reports whether some segment's members can't be read whole.
func (l *loop) isDamaged() bool {
	return slices.ContainsFunc(l.store.Segments(l.env), func(s *catalog.Segment) bool { return l.store.Damage(l.env, s.Ref()) != nil })
}

// leave marks how far it is, so that a restart begins there.
func (l *loop) leave(ctx context.Context) {
	if l.marked == "" || l.flight.flying > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = l.keepMarker(ctx, true) // a second's work is done again
}
