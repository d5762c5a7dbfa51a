// Package delivery holds what SDKs receive: snapshots of an environment's flags and segments, the
// live feed of their changes, and evaluation results at a revision.
//
// Each environment in use has one follower, which reads the environment's log from the revision of
// its snapshot on. A snapshot is immutable and shares with the next one what did not change, encoded
// and compressed once; a change is encoded once and every stream writes the same bytes. Client-side
// streams are told only what changed for their context: a membership change reaches the connections
// of the contexts it names and nobody else.
//
// Publishing never waits for a reader. A reader that falls too far behind is ended with [ErrSlow]
// and comes back for a new snapshot. What an SDK receives never goes back in time: versions of
// client-side results are the environment's revision.
//
// The package knows no HTTP beyond the framing of server-sent events, which it writes so that the
// bytes can be shared.
package delivery

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
)

// Reasons for the end of a stream.
var (
	// ErrSlow says that the reader fell behind the window of changes that is kept for it.
	ErrSlow = errors.New("reader is too slow")
	// ErrGone says that the environment was deleted.
	ErrGone = errors.New("environment is gone")
	// ErrClosed says that delivery is shutting down.
	ErrClosed = errors.New("delivery is closed")
)

// Options adjusts a Delivery; zero fields mean the default.
type Options struct {
	Log *slog.Logger // default slog.Default()
	// WindowEvents and WindowBytes bound the changes of an environment that are kept for streams
	// that have not written them yet. Defaults: 1,024 and 16 MiB.
	WindowEvents int
	WindowBytes  int
	// Evaluations is how many connections are evaluated at once. Default: the number of processors.
	Evaluations int
	// Patience is how long a reader waits for what was durable when it came: an answer that is a little
	// old beats none. Default: 250 ms.
	Patience time.Duration
	Now      func() time.Time // default time.Now
}

// Delivery serves the environments of one store.
type Delivery struct {
	store store.Store
	o     Options
	slots chan struct{} // one token per running evaluation of a connection

	stop context.CancelFunc
	ctx  context.Context
	wait sync.WaitGroup // running followers

	mu        sync.RWMutex
	closed    bool
	followers map[segment.EnvID]*follower

	roll roll

	lastRelayVersion atomic.Int64

	evaluations atomic.Uint64
	events      atomic.Uint64
	updates     atomic.Uint64
	slow        atomic.Uint64
	poison      atomic.Uint64
	connections atomic.Int64
}

// New returns a delivery of what s holds. Nothing is read before an environment is asked for.
func New(s store.Store, o Options) *Delivery {
	o.Log = cmp.Or(o.Log, slog.Default())
	o.WindowEvents = cmp.Or(o.WindowEvents, 1024)
	o.WindowBytes = cmp.Or(o.WindowBytes, 16<<20)
	o.Evaluations = cmp.Or(o.Evaluations, runtime.GOMAXPROCS(0))
	o.Patience = cmp.Or(o.Patience, 250*time.Millisecond)
	if o.Now == nil {
		o.Now = time.Now
	}
	ctx, stop := context.WithCancel(context.Background())
	return &Delivery{
		store: s, o: o, slots: make(chan struct{}, o.Evaluations),
		ctx: ctx, stop: stop, followers: map[segment.EnvID]*follower{},
	}
}

// Close ends every stream with [ErrClosed] and returns when no follower runs any more.
func (d *Delivery) Close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.stop()
	d.wait.Wait()
}

// Stats is what delivery has done since it was made.
type Stats struct {
	Followers   int    // environments being followed now
	Connections int    // client-side streams open now
	Evaluations uint64 // whole or partial evaluations of a context
	Events      uint64 // revisions encoded for server-side streams
	Updates     uint64 // messages made for client-side streams
	Slow        uint64 // streams ended because their reader was too slow
	Poison      uint64 // definitions withheld because the SDK data model can't express them
}

// Stats returns the counters as of now.
func (d *Delivery) Stats() Stats {
	d.mu.RLock()
	followers := len(d.followers)
	d.mu.RUnlock()
	return Stats{
		Followers: followers, Connections: int(d.connections.Load()),
		Evaluations: d.evaluations.Load(), Events: d.events.Load(), Updates: d.updates.Load(),
		Slow: d.slow.Load(), Poison: d.poison.Load(),
	}
}

// Refs appends the refs that include and that exclude a context to two slices, in one read of the newest view. One
// that can't be read is neither, and [Delivery.SynchronizedOn] stops until it can be.
func (d *Delivery) Refs(env segment.EnvID, h segment.Hash, includedTo, excludedTo []segment.Ref) (included, excluded []segment.Ref, err error) {
	view, err := d.store.View(env)
	if err != nil {
		return includedTo, excludedTo, readFault(env, err)
	}
	included, excluded = includedTo, excludedTo
	err = view.Each(h, func(ref segment.Ref, ops segment.Ops) bool {
		if ops&segment.Include != 0 {
			included = append(included, ref)
		}
		if ops&segment.Exclude != 0 {
			excluded = append(excluded, ref)
		}
		return true
	})
	if errors.Is(err, store.ErrCorrupt) {
		err = d.incomplete(env, err)
	}
	if err != nil {
		return includedTo, excludedTo, readFault(env, err)
	}
	return included, excluded, nil
}

// incomplete notes that a lookup came upon a ref that can't be read.
func (d *Delivery) incomplete(env segment.EnvID, why error) error {
	f, err := d.follow(env)
	if err != nil {
		return err
	}
	if now := d.o.Now(); f.damagedSince.CompareAndSwap(nil, &now) {
		d.o.Log.Error("members of a segment can't be read; lookups are answered from the others", "environment", env, "error", why)
	}
	return nil
}

// SynchronizedOn returns when the membership that Refs answers from was last known to be complete:
// now, unless the environment's log can't be read or Refs came upon a segment that can't be, which is
// all that SDKs can be told of it. It is false when nothing is known.
func (d *Delivery) SynchronizedOn(env segment.EnvID) (time.Time, bool) {
	f, err := d.follow(env)
	if err != nil {
		return time.Time{}, false
	}
	if since := f.failingSince.Load(); since != nil {
		return *since, true
	}
	if since := f.damagedSince.Load(); since != nil {
		if d.damaged(env) {
			return *since, true
		}
		f.damagedSince.Store(nil)
	}
	return d.o.Now(), true
}

// damaged reports whether some segment's members can't be read whole.
func (d *Delivery) damaged(env segment.EnvID) bool {
	return slices.ContainsFunc(d.store.Segments(env), func(s *catalog.Segment) bool { return d.store.Damage(env, s.Ref()) != nil })
}

// follow returns the environment's follower, loaded and running. Its errors are faults.
func (d *Delivery) follow(env segment.EnvID) (*follower, error) {
	d.mu.RLock()
	f := d.followers[env]
	d.mu.RUnlock()
	if f == nil {
		d.mu.Lock()
		if d.closed {
			d.mu.Unlock()
			return nil, readFault(env, ErrClosed)
		}
		if f = d.followers[env]; f == nil {
			f = newFollower(d, env)
			d.followers[env] = f
		}
		d.mu.Unlock()
	}
	f.start.Do(f.begin)
	if f.loadErr != nil {
		return nil, readFault(env, f.loadErr)
	}
	return f, nil
}

// forget lets the next caller start a new follower for f's environment.
func (d *Delivery) forget(f *follower) {
	d.mu.Lock()
	if d.followers[f.env] == f {
		delete(d.followers, f.env)
	}
	d.mu.Unlock()
}

// present returns a follower that has seen every revision which was durable when present was
// called, so that a caller reads their own writes. It gives up when its patience ends.
func (d *Delivery) present(ctx context.Context, env segment.EnvID) (*follower, error) {
	f, err := d.follow(env)
	if err != nil {
		return nil, err
	}
	head, err := d.store.Head(env)
	if err != nil {
		return nil, readFault(env, err)
	}
	if f.state.Load().revision >= head {
		return f, nil
	}
	ctx, cancel := context.WithTimeout(ctx, d.o.Patience)
	defer cancel()
	for {
		st := f.state.Load()
		if st.revision >= head || st.end != nil {
			return f, nil
		}
		select {
		case <-st.passed:
		case <-ctx.Done():
			return f, nil
		}
	}
}

// readFault says what a client may know of an error of the store.
func readFault(env segment.EnvID, err error) error {
	switch {
	case errors.Is(err, store.ErrNoEnvironment), errors.Is(err, ErrGone):
		return fault.NotFoundf("there is no environment with the client-side ID %s", env).Because(err)
	default:
		return fault.Unavailablef("environment %s can't be read at the moment; try again", env).Because(err)
	}
}
