// Package activity is what goes on at this moment, as events for whoever watches an environment.
//
// It is told by the store what was written, by the transport of tools who called, and which exports ended and
// webhooks were told of something by those that do so. Nobody who
// writes or calls waits for those who watch: news goes through a bounded queue, and a watch whose
// reader falls behind ends with [ErrSlow]. Nothing is replayed; whoever comes back reads the present
// state first, but for what was read at the position at which the watch begins. Who may watch is decided by the caller.
package activity

import (
	"sync"
	"sync/atomic"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
)

const (
	// maxWatches is how many may watch at once.
	maxWatches = 256
	// maxNews is how many writes and calls may wait to be passed on.
	maxNews = 1024
)

// Limits are those of watching.
func Limits() []fault.Limit {
	return []fault.Limit{{Name: "maxActivityStreams", Value: maxWatches}}
}

// Activity passes on what goes on. It is safe for concurrent use.
type Activity struct {
	store    Store
	news     chan news
	watching atomic.Int64 // how many watch, so that news without readers costs one look
	position atomic.Int64 // grows with all news, whether or not somebody watches
	missed   atomic.Bool  // something did not fit into news
	done     chan struct{}
	wait     sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	watches map[*Watch]struct{}
	stop    func() // ends being told by the store
}

// Store is what of a store the activity needs.
type Store interface {
	store.Writer
	Environment(segment.EnvID) (*catalog.Environment, bool)
}

// news is one of them.
type news struct {
	written  *store.Written
	call     *Call
	export   *Export
	delivery *Delivery
}

// New returns the activity of a store.
func New(s Store) *Activity {
	a := &Activity{store: s, news: make(chan news, maxNews), done: make(chan struct{}), watches: make(map[*Watch]struct{})}
	// No process begins where an earlier one was: none brings a million pieces of news a second.
	a.position.Store(time.Now().UnixMicro())
	a.stop = s.Watch(a.written)
	a.wait.Go(a.serve)
	return a
}

// Close ends every watch with [ErrClosed].
func (a *Activity) Close() {
	a.mu.Lock()
	closed := a.closed
	a.closed = true
	for w := range a.watches {
		w.fail(ErrClosed)
	}
	a.mu.Unlock()
	if !closed {
		a.stop()
		close(a.done)
	}
	a.wait.Wait()
}

// Watch begins to watch an environment. Everything lets calls be seen that name no environment, or none
// that there is.
func (a *Activity) Watch(env *catalog.Environment, everything bool) (*Watch, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || len(a.watches) >= maxWatches {
		return nil, fault.Unavailablef("the activity can't be watched at this moment, at most %d watch at once; try again", maxWatches)
	}
	w := newWatch()
	w.a, w.env, w.project, w.everything = a, env.ID, env.Project, everything
	a.watches[w] = struct{}{}
	a.watching.Add(1)
	w.position = a.Position()
	return w, nil
}

// Position is a number that has grown before anybody is told of what happened. Who took it, then read, and
// finds that a [Watch] begins at the same one has missed nothing between the two. It is comparable between
// processes.
func (a *Activity) Position() int64 { return a.position.Load() }

func (a *Activity) leave(w *Watch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.watches[w]; !ok {
		return
	}
	delete(a.watches, w)
	a.watching.Add(-1)
}

// Called tells those who watch of a call.
func (a *Activity) Called(c Call) {
	a.tell(news{call: &c})
}

// Exported tells those who watch that an export ended.
func (a *Activity) Exported(x Export) {
	a.tell(news{export: &x})
}

// Attempted tells those who watch, whatever environment, that a webhook was told of something or could not be.
func (a *Activity) Attempted(d Delivery) {
	a.tell(news{delivery: &d})
}

// written tells of a write, unless it is none that anybody is told of, such as when tokens were used.
func (a *Activity) written(what *store.Written) {
	if what.Audited+len(what.Heads)+len(what.Objects)+len(what.Members)+len(what.Runs) > 0 {
		a.tell(news{written: what})
	}
}

// tell passes news on without waiting.
func (a *Activity) tell(n news) {
	a.position.Add(1)
	if a.watching.Load() == 0 {
		return
	}
	select {
	case a.news <- n:
	default:
		a.missed.Store(true)
	}
}

func (a *Activity) serve() {
	for {
		select {
		case n := <-a.news:
			a.spread(n)
		case <-a.done:
			return
		}
	}
}

func (a *Activity) spread(n news) {
	missed := a.missed.Swap(false)
	if n.call != nil {
		if _, known := a.store.Environment(n.call.Env); !known {
			n.call.Env = "" // the call is nobody's
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for w := range a.watches {
		switch {
		case missed: // whoever comes back reads the present state
			w.fail(ErrSlow)
		case n.written != nil:
			w.written(n.written)
		case n.export != nil:
			w.exported(n.export)
		case n.delivery != nil: // webhooks are the account's
			w.post(Event{Kind: DeliveryEvent, Delivery: *n.delivery})
		default:
			w.called(n.call)
		}
	}
}
