package delivery

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

// follower keeps one environment's state at the head of its log.
type follower struct {
	d   *Delivery
	env segment.EnvID

	start   sync.Once
	loadErr error // written inside start only

	state        atomic.Pointer[state] // written by the running goroutine only
	failingSince atomic.Pointer[time.Time]
	damagedSince atomic.Pointer[time.Time] // when a lookup came upon a segment that can't be read
	audience     audience

	graph graph // of the newest snapshot; owned by the running goroutine, by start before it runs

	// Owned by the running goroutine.
	window      window // of the chain of changes
	definitions bool   // the entries being applied changed one

	filters filters
}

// state is where a follower stands. It never changes, except that passed is closed when a newer
// state is there.
type state struct {
	revision    segment.Revision
	snapshot    *Snapshot
	newest      *change // everything up to here is in the snapshot
	environment segment.Revision
	// visible is the newest revision that SDKs may see an effect of.
	visible segment.Revision
	at      time.Time // of the newest entry, or of the load
	end     error
	passed  chan struct{}
}

// change is a link in the chain of what server-side streams have to write, shared by all of them.
type change struct {
	news  atomic.Pointer[news] // nil when it fell out of the window
	at    time.Time
	rev   segment.Revision
	next  *change // valid once ready is closed
	end   error   // likewise: nothing follows
	ready chan struct{}
}

// news is what streams of either protocol have to write.
type news struct {
	first       []byte
	second      []byte
	anew        *Snapshot // all of which they are, if SDKs are to forget what they have
	environment bool
}

func (n *news) size() int { return len(n.first) + len(n.second) }

// Message is what a stream does next.
type Message struct {
	// Bytes are to be written as they are, if there are any. They are shared.
	Bytes []byte
	// Environment is true when settings or credentials of the environment changed: the stream has
	// to check its credential before it writes anything.
	Environment bool
}

func newFollower(d *Delivery, env segment.EnvID) *follower {
	f := &follower{d: d, env: env}
	f.audience.init()
	return f
}

// begin loads the first snapshot and starts to follow.
func (f *follower) begin() {
	snapshot, rev, err := f.load()
	if err == nil {
		f.window.oldest = &change{ready: make(chan struct{})}
		f.state.Store(&state{
			revision: rev, snapshot: snapshot, newest: f.window.oldest, visible: rev, at: f.d.o.Now(), passed: make(chan struct{}),
		})
		f.d.mu.Lock()
		if f.d.closed {
			err = ErrClosed
		} else {
			f.d.wait.Go(func() { f.run(f.d.ctx) })
		}
		f.d.mu.Unlock()
	}
	if err != nil {
		f.loadErr = err
		f.d.forget(f)
	}
}

// load reads the environment's definitions anew.
func (f *follower) load() (*Snapshot, segment.Revision, error) {
	epoch, err := f.d.store.Epoch(f.env)
	if err != nil {
		return nil, 0, err
	}
	definitions, rev, err := f.d.store.Definitions(f.env)
	if err != nil {
		return nil, 0, err
	}
	f.graph = graph{}
	b := newBuild(emptySnapshot(), f.graph)
	for _, d := range definitions {
		f.apply(b, rev, d)
	}
	s := b.finish()
	s.Revision, s.deletedAt = rev, rev
	s.moved, s.movedAfter = nil, rev
	s.log, s.recent = fmt.Sprintf("p:%s:%s", f.env, epoch), recent{after: rev}
	return s, rev, nil
}

// apply reports whether the definition is one that SDKs can read. One that they can't read would
// make all of them reconnect for ever, so it is withheld.
func (f *follower) apply(b *build, rev segment.Revision, d segment.Definition) bool {
	if err := b.apply(rev, d); err != nil {
		f.d.poison.Add(1)
		f.d.o.Log.Error("definition withheld from SDKs", "environment", f.env, "revision", rev, "key", d.Key, "error", err)
		return false
	}
	return true
}

// run follows the log until ctx ends or the environment is gone.
func (f *follower) run(ctx context.Context) {
	pause := firstPause
	for {
		err := f.catchUp(ctx)
		if err == nil {
			f.failingSince.Store(nil)
			pause = firstPause
			_, err = f.d.store.Await(ctx, f.env, f.state.Load().revision)
		}
		if errors.Is(err, store.ErrTrimmed) {
			err = f.reload()
		}
		switch {
		case err == nil:
			continue
		case errors.Is(err, store.ErrNoEnvironment):
			f.finish(ErrGone)
			return
		case ctx.Err() != nil, errors.Is(err, store.ErrClosed):
			f.finish(ErrClosed)
			return
		}
		f.failed(err)
		select {
		case <-time.After(pause):
			pause = min(2*pause, lastPause)
		case <-ctx.Done():
			f.finish(ErrClosed)
			return
		}
	}
}

// How long a follower that can't read the log waits before it tries again.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 5 * time.Second
)

// maxEntries bounds how many entries become visible in one step.
const maxEntries = 256

func (f *follower) failed(err error) {
	if f.failingSince.Load() == nil {
		now := f.d.o.Now()
		f.failingSince.Store(&now)
	}
	f.d.o.Log.Error("following the log failed", "environment", f.env, "revision", f.state.Load().revision, "error", err)
}

// catchUp applies the log to its present head.
func (f *follower) catchUp(ctx context.Context) error {
	for {
		n, err := f.step(ctx)
		if err != nil || n < maxEntries {
			return err
		}
	}
}

// step applies the next entries and makes them visible at once. It returns how many there were.
func (f *follower) step(ctx context.Context) (n int, err error) {
	old := f.state.Load()
	next := &state{revision: old.revision, environment: old.environment, visible: old.visible, at: old.at}
	b := newBuild(old.snapshot, f.graph)
	tail := &chain{}
	f.definitions = false
	for e, readErr := range f.d.store.Entries(ctx, f.env, old.revision) {
		if readErr != nil {
			err = readErr
			break
		}
		f.take(b, tail, next, e)
		if n++; n == maxEntries {
			break
		}
	}
	if n == 0 {
		return 0, err
	}
	next.snapshot = old.snapshot
	if f.definitions {
		next.snapshot = b.finish()
	}
	f.publish(old, next, tail)
	return n, err
}

// take applies one entry to the next state.
func (f *follower) take(b *build, tail *chain, next *state, e *segment.Entry) {
	next.revision, next.at = e.Revision, e.At
	n := &news{environment: e.Environment}
	for _, d := range e.Definitions {
		if f.apply(b, e.Revision, d) {
			n.first = appendChange(n.first, d)
			n.second = b.next.appendMoved(n.second, streamFrame, moved{e.Revision, dependency{d.Kind, d.Key}, d.Version})
			f.definitions = true
		}
	}
	for _, m := range e.Members {
		f.touch(e.Revision, m)
	}
	if e.Environment {
		next.environment = e.Revision
	}
	if len(n.second) > 0 {
		n.second = b.next.appendTransferred(n.second, streamFrame)
	}
	if len(e.Members) > 0 || len(n.first) > 0 {
		next.visible = e.Revision
	}
	if len(n.first) > 0 || e.Environment {
		tail.add(n, e.Revision, e.At)
		f.d.events.Add(1)
	}
}

// touch notes which connections a membership change concerns.
func (f *follower) touch(rev segment.Revision, m segment.MemberDelta) {
	if err := f.audience.touch(rev, m); err != nil {
		f.d.o.Log.Error("reading a membership change failed", "environment", f.env, "revision", rev, "error", err)
	}
}

// chain is a list of changes that nobody sees yet.
type chain struct {
	first *change
	tail  *change
	n     int
	bytes int
}

func (c *chain) add(n *news, rev segment.Revision, at time.Time) {
	link := &change{ready: make(chan struct{}), rev: rev, at: at}
	link.news.Store(n)
	if c.first == nil {
		c.first = link
	} else {
		c.tail.next = link
		close(c.tail.ready)
	}
	c.tail = link
	c.n++
	c.bytes += n.size()
}

// publish makes a state visible to new readers, then wakes those who wait.
func (f *follower) publish(old, next *state, tail *chain) {
	next.passed = make(chan struct{})
	next.newest = old.newest
	if tail.first != nil {
		next.newest = tail.tail
		old.newest.next = tail.first
	}
	f.state.Store(next)
	if tail.first != nil {
		close(old.newest.ready)
		f.window.grow(tail, f.d.o)
	}
	if f.definitions || next.environment > old.environment {
		f.advanceFilters(next)
	}
	close(old.passed)
	if f.definitions || next.environment > old.environment {
		f.audience.wakeAll()
	} else {
		f.audience.wakeMarked()
	}
}

// window is how much of a chain streams may still fetch.
type window struct {
	oldest *change
	kept   int
	bytes  int
}

// grow takes in what was added to the chain, and forgets the oldest changes while there are more than
// the window holds.
func (w *window) grow(tail *chain, o Options) {
	w.kept += tail.n
	w.bytes += tail.bytes
	for w.oldest != tail.tail && (w.kept > o.WindowEvents || w.bytes > o.WindowBytes) {
		if n := w.oldest.news.Swap(nil); n != nil {
			w.kept--
			w.bytes -= n.size()
		}
		w.oldest = w.oldest.next
	}
}

// reload starts over from the present definitions, because the log no longer reaches back.
func (f *follower) reload() error {
	snapshot, rev, err := f.load()
	if err != nil {
		return err
	}
	old := f.state.Load()
	tail := &chain{}
	now := f.d.o.Now()
	n := snapshot.everythingAnew()
	n.environment = true
	tail.add(n, rev, now)
	f.definitions = true
	f.audience.touchAll(rev)
	f.publish(old, &state{revision: rev, snapshot: snapshot, environment: rev, visible: rev, at: now}, tail)
	return nil
}

// finish ends every stream of the environment.
func (f *follower) finish(why error) {
	f.d.forget(f)
	now := f.d.o.Now()
	f.failingSince.CompareAndSwap(nil, &now)
	old := f.state.Load()
	last := *old
	last.end, last.passed = why, make(chan struct{})
	old.newest.end = why
	f.state.Store(&last)
	close(old.newest.ready)
	close(old.passed)
	f.audience.wakeAll()
	f.advanceFilters(&last)
}

// appendChange appends the server-sent event of a definition's new state.
func appendChange(b []byte, d segment.Definition) []byte {
	raw, err := line(d.JSON)
	if d.JSON == nil || err != nil {
		b = append(b, "event: delete\ndata: {\"path\":"...)
		b = append(b, quote(pathOf(dependency{d.Kind, d.Key}))...)
		b = append(b, ",\"version\":"...)
		b = appendInt(b, d.Version)
		return append(b, "}\n\n"...)
	}
	return appendPatch(b, &wire{dependency: dependency{d.Kind, d.Key}, json: raw})
}

// appendPatch appends the server-sent event of a definition as it is now.
func appendPatch(b []byte, w *wire) []byte {
	b = append(b, "event: patch\ndata: {\"path\":"...)
	b = append(b, quote(pathOf(w.dependency))...)
	b = append(b, ",\"data\":"...)
	b = append(b, w.json...)
	return append(b, "}\n\n"...)
}

// pathOf returns where SDKs keep a definition.
func pathOf(d dependency) string {
	if d.kind == segment.SegmentDefinition {
		return "/segments/" + d.key
	}
	return "/flags/" + d.key
}
