package sink

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/seal"
	"muster/internal/segment"
	"muster/internal/store"
)

// Store is what the room reads.
type Store interface {
	store.Catalog
	store.Membership
	Damage(segment.EnvID, segment.Ref) error
	Watch(tell func(*store.Written)) (stop func())
}

// Keeper keeps all sinks current. Its methods may be called by any number of goroutines.
type Keeper struct {
	store  Store
	keys   *seal.Keys
	open   map[catalog.SinkKind]Open
	log    *slog.Logger
	writer string

	stopWatching func()
	running      sync.WaitGroup
	stop         context.CancelFunc
	ctx          context.Context

	mu      sync.Mutex
	closed  bool
	runners map[catalog.ID]*runner
}

// New begins to keep the sinks that are on. The keys open their secrets.
func New(ctx context.Context, from Store, keys *seal.Keys, open map[catalog.SinkKind]Open, log *slog.Logger) *Keeper {
	k := &Keeper{store: from, keys: keys, open: open, log: log, writer: newWriter(), runners: make(map[catalog.ID]*runner)}
	k.ctx, k.stop = context.WithCancel(context.WithoutCancel(ctx))
	k.stopWatching = from.Watch(k.told)
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range from.Sinks() {
		k.begin(s.ID)
	}
	return k
}

// begin begins to look after a sink. The caller holds mu.
func (k *Keeper) begin(id catalog.ID) {
	if k.runners[id] != nil || k.closed {
		return
	}
	r := &runner{Keeper: k, id: id, asked: make(chan struct{}, 1)}
	r.ctx, r.end = context.WithCancel(k.ctx)
	k.runners[id] = r
	k.running.Go(r.run)
}

// told passes on what a write did. Whoever commits waits for it, so that nothing that is committed after a sink was paused,
// turned off or pointed elsewhere is written as before.
func (k *Keeper) told(what *store.Written) {
	for _, o := range what.Objects {
		if o.Kind != store.SinkObject {
			continue
		}
		id := catalog.ID(o.Key)
		k.mu.Lock()
		switch r := k.runners[id]; {
		case o.Deleted && r != nil:
			r.end()
			delete(k.runners, id)
		case o.Deleted:
		case r == nil:
			k.begin(id)
		default:
			r.stopKeeping()
		}
		k.mu.Unlock()
	}
}

func signal(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// Close ends the writing; what is not written yet will be at the next start. The store must still be open.
func (k *Keeper) Close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.stopWatching()
	k.stop()
	k.running.Wait()
}

// runner looks after one sink, whether it is on or off.
type runner struct {
	*Keeper
	id    catalog.ID
	asked chan struct{} // holds something when there are wishes
	ctx   context.Context
	end   context.CancelFunc

	mu     sync.Mutex
	keeps  context.CancelFunc // ends what is done with the settings of now; nil before that
	state  state
	wishes wishes
}

// keeping returns a context that ends when the settings are not what they are after the call.
func (r *runner) keeping() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(r.ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keeps = cancel
	return ctx, cancel
}

// stopKeeping ends what is done with settings that are no longer those of the sink.
func (r *runner) stopKeeping() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keeps != nil {
		r.keeps()
	}
}

// wishes are what somebody wants of a sink.
type wishes struct {
	rebuild, takeOver bool
	verify            *Verification
}

// run works until the sink is deleted or the keeper closes.
func (r *runner) run() {
	defer r.end()
	tick := time.NewTicker(rememberEvery)
	defer tick.Stop()
	for r.ctx.Err() == nil {
		ctx, cancel := r.keeping()
		s, ok := r.store.Sink(r.id)
		if !ok {
			cancel()
			return
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			if s.On && !s.Paused {
				r.keep(ctx, s)
			}
		}()
		for waiting := true; waiting; {
			select {
			case <-tick.C:
				r.remember(s)
			case <-ctx.Done():
				waiting = false
			}
		}
		cancel()
		<-done
	}
}

// keep keeps the store current until ctx ends.
func (r *runner) keep(ctx context.Context, s *catalog.Sink) {
	l := &loop{runner: r, settings: s, env: s.Env, writer: r.writer, now: time.Now}
	target, err := r.target(s)
	if err != nil {
		l.failed(err) // until the settings change, or the process starts with the right keys
		return
	}
	defer func() {
		if err := target.Close(); err != nil {
			r.log.Debug("close a store", "integration", r.id, "error", err)
		}
	}()
	l.target = target
	l.flight = newFlight(target, s.Rate, func(n int) { r.note(func(st *state) { st.count(n, time.Now()) }) })
	l.run(ctx)
}

// target opens the store of a sink.
func (k *Keeper) target(s *catalog.Sink) (Target, error) {
	open := k.open[s.Kind]
	if open == nil {
		return nil, fault.Invalidf("this version of muster can't write to a %q store", s.Kind)
	}
	secrets := make(Secrets)
	for _, secret := range s.Secrets() {
		plain, err := k.keys.Open(*secret.Sealed, s.SecretPlace(secret.Name))
		if err != nil {
			return nil, fault.Invalidf("the %s can't be used: %s", secret.Name, err)
		}
		secrets[secret.Name] = plain
	}
	return open(s, secrets)
}

// Try finds out whether a sink with these settings, which need not exist, would work. It returns what an operator should know
// though it would.
func (k *Keeper) Try(ctx context.Context, s *catalog.Sink) (notes []string, err error) {
	target, err := k.target(s)
	if err != nil {
		return nil, err
	}
	defer func() { _ = target.Close() }() // it was only tried
	seen, err := target.Look(ctx)
	if err != nil {
		return nil, err
	}
	if notes, err = target.Check(ctx); err != nil {
		return nil, err
	}
	if m, ours := parseMarker(seen.Marker); seen.Marker != "" && m.sink != s.ID {
		notes = append(notes, owner(m, ours)+"; muster would leave them alone")
	}
	return notes, nil
}

// Statuses returns how the sinks of all environments are doing, oldest first.
func (k *Keeper) Statuses() []Status {
	var all []Status
	for _, s := range k.store.Sinks() {
		if r := k.runner(s.ID); r != nil {
			all = append(all, r.status(s))
		}
	}
	return all
}

// Status returns how a sink is doing; false if there is none.
func (k *Keeper) Status(id catalog.ID) (Status, bool) {
	s, ok := k.store.Sink(id)
	r := k.runner(id)
	if !ok || r == nil {
		return Status{}, false
	}
	return r.status(s), true
}

// Loaded returns how far each segment has come in a sink.
func (k *Keeper) Loaded(id catalog.ID) []Loaded {
	s, ok := k.store.Sink(id)
	r := k.runner(id)
	if !ok || r == nil {
		return nil
	}
	return r.loaded(s.Env)
}

func (k *Keeper) runner(id catalog.ID) *runner {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.runners[id]
}

// ask tells a sink of a wish. Only one that is at work can have one.
func (k *Keeper) ask(id catalog.ID, wish func(*wishes)) error {
	s, ok := k.store.Sink(id)
	r := k.runner(id)
	switch {
	case !ok || r == nil:
		return fault.NotFoundf("there is no integration %s", id)
	case !s.On:
		return fault.Conflictf("the integration is off; turn it on first")
	case s.Paused:
		return fault.Conflictf("the integration is paused; resume it first")
	}
	r.mu.Lock()
	wish(&r.wishes)
	r.mu.Unlock()
	signal(r.asked)
	return nil
}

// Rebuild tells a store of everybody once more and removes from it whatever does not belong there. Readers that trust
// the store go on to. With takeOver a store that somebody else keeps becomes this sink's.
func (k *Keeper) Rebuild(id catalog.ID, takeOver bool) error {
	return k.ask(id, func(w *wishes) { w.rebuild, w.takeOver = true, w.takeOver || takeOver })
}

// Verify compares a store with the truth, a sample of it or everything, and puts right what is wrong if it is to. What comes of it
// is in the sink's [Status]. It takes its turn behind a walk.
func (k *Keeper) Verify(id catalog.ID, full, repair bool) error {
	return k.ask(id, func(w *wishes) { w.verify = &Verification{Full: full, Repair: repair} })
}

// obey does what somebody wants.
func (l *loop) obey(ctx context.Context) error {
	l.mu.Lock()
	w := l.wishes
	l.wishes = wishes{}
	l.mu.Unlock()
	if v := w.verify; v != nil {
		l.job = l.newInspection(v.Full, v.Repair)
		l.note(func(s *state) { s.verification = new(l.job.report) })
	}
	if !w.rebuild && l.m.resyncs == l.resyncs() {
		return nil
	}
	l.m.sweep = true
	if err := l.beginAnew(ctx, true); err != nil {
		return fmt.Errorf("begin to rebuild: %w", err)
	}
	return nil
}

// resyncs returns how often somebody wanted all stores of the environment, and its relays, to be told everything once more. It is kept
// with the environment and what was done of it in the store, so that a store that is off, paused or down meanwhile is told when it
// comes back.
func (l *loop) resyncs() int {
	e, ok := l.store.Environment(l.env)
	if !ok {
		return l.m.resyncs // it is gone, and soon the sink too
	}
	return e.Resyncs
}

// takesOver reports whether somebody wants a store to be taken over.
func (l *loop) takesOver() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	took := l.wishes.takeOver
	if took {
		l.wishes = wishes{}
	}
	return took
}
