// Package webhook delivers audit entries to the URLs that asked for them.
//
// Each webhook follows the audit log by itself, from a position that is kept, and holds one entry at a
// time: whoever writes waits for no receiver, no webhook for another one, and memory doesn't grow with
// what is not delivered yet. What is told, and when, is this:
//
//   - Every entry that was committed while a webhook was on, and that it selects, is sent at least once,
//     in the order of the log, over a crash too: then what was delivered in the last second is sent again.
//   - An entry that the receiver doesn't take is sent again, with growing pauses, until it is given up.
//     The next one waits for it.
//   - Nothing is sent without the signature that it should have: a webhook whose secret can't be opened
//     stays where it is, and gives up nothing.
//   - Nothing begins to be sent to a webhook once the write that turned it off or deleted it is visible.
//
// The package knows no representation of entries; it is given a function that renders them.
package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"

	"muster/internal/catalog"
	"muster/internal/seal"
	"muster/internal/store"
)

// keepEvery is how often progress is made durable while there is any.
const keepEvery = time.Second

// Store is what the room reads and keeps.
type Store interface {
	store.Catalog
	store.Audit
	store.Webhooks
	Watch(tell func(*store.Written)) (stop func())
}

// Options are what a sender may be told.
type Options struct {
	Log *slog.Logger
	// UserAgent is what receivers are told of who sends.
	UserAgent string
	// PublicOnly refuses addresses of this host and of private networks.
	PublicOnly bool
	// Attempted is called after each attempt to tell a webhook of something, tests too; nil if nobody wants to know. It must not wait.
	Attempted func(catalog.ID, catalog.Delivery)
	// Dial opens connections; nil for those of the operating system, to addresses that may be called.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Sender delivers entries to all webhooks. Its methods may be called by any number of goroutines.
type Sender struct {
	store     Store
	keys      *seal.Keys
	render    func(catalog.AuditEntry) ([]byte, error)
	log       *slog.Logger
	agent     string
	attempted func(catalog.ID, catalog.Delivery)
	client    *http.Client

	stopWatching func()
	unkept       chan struct{} // holds something while progress is not durable
	stopping     chan struct{} // closed when no further attempt may begin
	running      sync.WaitGroup
	abort        context.CancelFunc // ends attempts under way
	ctx          context.Context

	mu     sync.Mutex
	closed bool
	hooks  map[catalog.ID]*hook
}

// New begins to deliver. The keys open the secrets that sign. Render returns an entry as receivers get it. No webhook may be created or
// deleted before it returns.
func New(ctx context.Context, from Store, keys *seal.Keys, render func(catalog.AuditEntry) ([]byte, error), o Options) (*Sender, error) {
	s := &Sender{
		store: from, keys: keys, render: render, log: o.Log, agent: o.UserAgent, attempted: o.Attempted, client: newClient(o),
		unkept: make(chan struct{}, 1), stopping: make(chan struct{}), hooks: make(map[catalog.ID]*hook),
	}
	s.ctx, s.abort = context.WithCancel(context.WithoutCancel(ctx))
	known := make(map[catalog.ID]catalog.WebhookProgress)
	for _, w := range from.Webhooks() {
		p, err := from.WebhookProgress(ctx, w.ID)
		if err != nil {
			return nil, fmt.Errorf("go on with webhooks: %w", err)
		}
		known[w.ID] = p
	}
	s.stopWatching = from.Watch(s.written)
	s.mu.Lock()
	for id, p := range known {
		s.begin(id, p)
	}
	s.mu.Unlock()
	s.running.Go(s.keepWhenNeeded)
	return s, nil
}

// begin makes a webhook follow the log. The caller holds mu.
func (s *Sender) begin(id catalog.ID, p catalog.WebhookProgress) {
	h := &hook{s: s, id: id, news: make(chan struct{}, 1), changed: make(chan struct{}, 1), progress: p}
	h.ctx, h.stop = context.WithCancel(s.ctx)
	s.hooks[id] = h
	s.running.Go(h.follow)
}

// written passes on what a write did. Whoever commits waits for it.
func (s *Sender) written(what *store.Written) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	for _, o := range what.Objects {
		if o.Kind != store.WebhookObject {
			continue
		}
		id := catalog.ID(o.Key)
		switch h := s.hooks[id]; {
		case o.Deleted && h != nil:
			h.stop()
			delete(s.hooks, id)
		case o.Deleted:
		case h == nil:
			s.begin(id, catalog.WebhookProgress{})
		default:
			signal(h.changed)
		}
	}
	if what.Audited > 0 {
		for _, h := range s.hooks {
			signal(h.news)
		}
	}
}

func signal(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// all returns the webhooks at work.
func (s *Sender) all() map[catalog.ID]*hook {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.hooks)
}

func (s *Sender) keepWhenNeeded() {
	failed := false
	for {
		select {
		case <-s.unkept:
		case <-s.stopping:
			return
		}
		select {
		case <-time.After(keepEvery):
		case <-s.stopping:
			return
		}
		err := s.keep()
		if err != nil && !failed {
			s.log.Error("the progress of webhooks is not kept; after a restart they are told again", "error", err)
		}
		failed = err != nil
	}
}

// keep makes the progress of all webhooks durable, if there was any.
func (s *Sender) keep() error {
	unkept := make(map[catalog.ID]catalog.WebhookProgress)
	hooks := s.all()
	for id, h := range hooks {
		if p, ok := h.take(); ok {
			unkept[id] = p
		}
	}
	if len(unkept) == 0 {
		return nil
	}
	err := s.store.KeepWebhookProgress(s.ctx, unkept)
	for id := range unkept {
		if err != nil {
			hooks[id].giveBack()
		}
	}
	return err
}

// Close lets attempts that are under way come to their end, until ctx ends, and keeps how far the
// webhooks have come. The store must still be open.
func (s *Sender) Close(ctx context.Context) {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return
	}
	s.stopWatching()
	close(s.stopping)
	done := make(chan struct{})
	go func() { s.running.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		s.abort()
		<-done
	}
	s.abort()
	if err := s.keep(); err != nil {
		s.log.Error("the progress of webhooks is not kept; after a restart they are told again", "error", err)
	}
	s.client.CloseIdleConnections()
}

// Test sends an entry that is in no log to a webhook, on or off, once, and returns what came of it.
func (s *Sender) Test(ctx context.Context, w *catalog.Webhook, e catalog.AuditEntry) (catalog.Delivery, error) {
	body, err := s.render(e)
	if err != nil {
		return catalog.Delivery{}, fmt.Errorf("render a test of webhook %s: %w", w.ID, err)
	}
	d := s.send(ctx, w, body).delivery
	d.Entry, d.GivenUp = e.ID, d.Error != ""
	if h := s.all()[w.ID]; h != nil {
		h.note(d)
	}
	return d, nil
}

// Deliveries returns the newest attempts to tell a webhook of something, newest first: at most
// [catalog.MaxDeliveries], of the last [catalog.DeliveryAge].
func (s *Sender) Deliveries(id catalog.ID) []catalog.Delivery {
	h := s.all()[id]
	if h == nil {
		return nil
	}
	return h.deliveries()
}

// Status is how a webhook is doing.
type Status struct {
	ID catalog.ID
	On bool
	// Delivered and GivenUp are entries, Failed are attempts, all since the start of the process.
	Delivered, GivenUp, Failed uint64
	// Failing says that the newest attempt failed.
	Failing bool
	// LagEntries is how many entries of the audit log the webhook may still have to be told of, Lag how
	// long ago the oldest of them that it selects was written. Both are 0 of a webhook that is off.
	LagEntries uint64
	Lag        time.Duration
}

// Statuses returns how the webhooks are doing, oldest first.
func (s *Sender) Statuses() []Status {
	hooks := s.all()
	var list []Status
	for _, w := range s.store.Webhooks() {
		if h := hooks[w.ID]; h != nil {
			list = append(list, h.status(w))
		}
	}
	return list
}
