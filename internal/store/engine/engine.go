// Package engine is the store: catalog, membership, ledger and audit over a [store.Log] and
// [store.Files].
//
// Each environment has one log, and the log is the write-ahead log; everything else is a view of
// it. One committer per environment gathers waiting updates, writes them as one durable step and
// only then makes them visible. Members lie in a table in memory until a fold writes them into
// immutable rosters in the background; a view of both is read by one atomic load and never waits.
//
// The package knows rows, entries and rosters. It does not know what driver keeps them, and no
// HTTP. docs/format/log.md describes what it writes.
package engine

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/roster"
)

var _ store.Store = (*Engine)(nil)

// Options are what an engine may be told. Zero fields mean the defaults.
type Options struct {
	// Now is the clock, [time.Now] by default.
	Now func() time.Time
	// Logger gets what nobody else can be told, [slog.Default] by default.
	Logger *slog.Logger
	// OnFatal is called once when the log failed and nothing can be written any more.
	OnFatal func(error)
	// InlineChanges is how many changes of one list stay in memory and in the log entry; longer
	// lists become rosters first. Default 65,536.
	InlineChanges int
	// SegmentPending and TotalPending are how many changes may wait in the table of one segment
	// and in all of them before they are folded. Defaults 65,536 and 1,000,000.
	SegmentPending int
	TotalPending   int
	// MaxPending is how many changes may wait in tables when folds can't keep up; beyond it updates
	// are refused for a while, and from half of it on answers are kept back. Default 4,000,000.
	MaxPending int
	// MaxPoints and PointAge are how many retained memberships a segment has at most and how old they
	// get. Defaults 10 and 30 days.
	MaxPoints int
	PointAge  time.Duration
	// LogAge and LogBytes are how old entries of a log get and how much of a disk the log of an
	// environment takes, with the files that its entries name. Defaults seven days and 10 GiB.
	LogAge   time.Duration
	LogBytes int64
	// RunAge is how old runs get that are neither on their way nor held. Default 90 days.
	RunAge time.Duration
	// LoadBytes is how much of all loads together stays in memory before scratch files are used.
	// Default 64 MiB.
	LoadBytes int64
	// Workers is how many goroutines parse and sort a list, or read what is stored at a start. Default: as
	// many as run at once. Where that is more than there are processors, it should be fewer.
	Workers int
	// DiskReserve says how much of a disk of some size is to stay free; see [store.Health]. Default: the
	// larger of 2 GiB and 3 %.
	DiskReserve func(size uint64) uint64
	// SmallRoster is how many entries a roster has at most to be written anew for each whole list; a
	// list that differs little from what lies in a larger one becomes changes over it. Default 262,144.
	SmallRoster int
	// FoldRoster is how many entries a roster has at most to be merged while changes of its segment wait
	// to be folded; larger ones are merged beside that. Default 1,048,576.
	FoldRoster int
	// HintRosters is how many rosters of an environment without hints are worth being read for them,
	// HintBytes how much memory the hints of an environment take at most. Defaults 128 and 64 MiB.
	HintRosters int
	HintBytes   int64
	// IndexRefs is from how many memberships on an environment has an index of their tables, IndexBytes how much
	// memory that takes at most, and another one while it is made anew. Defaults 32 and 64 MiB.
	IndexRefs  int
	IndexBytes int64
	// HintInterval is how often environments are looked at for rosters without hints and tables without an
	// index. Default two seconds.
	HintInterval time.Duration
	// IdleFold is after how long without changes a segment is folded whatever its size. Default
	// one minute.
	IdleFold time.Duration
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.OnFatal == nil {
		o.OnFatal = func(error) {}
	}
	if o.InlineChanges == 0 {
		o.InlineChanges = 1 << 16
	}
	if o.LoadBytes == 0 {
		o.LoadBytes = 64 << 20
	}
	if o.SegmentPending == 0 {
		o.SegmentPending = 1 << 16
	}
	if o.TotalPending == 0 {
		o.TotalPending = 1_000_000
	}
	if o.MaxPending == 0 {
		o.MaxPending = 4_000_000
	}
	if o.MaxPoints == 0 {
		o.MaxPoints = 10
	}
	if o.PointAge == 0 {
		o.PointAge = 30 * 24 * time.Hour
	}
	if o.LogAge == 0 {
		o.LogAge = 7 * 24 * time.Hour
	}
	if o.LogBytes == 0 {
		o.LogBytes = 10 << 30
	}
	if o.RunAge == 0 {
		o.RunAge = 90 * 24 * time.Hour
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.DiskReserve == nil {
		o.DiskReserve = defaultReserve
	}
	if o.SmallRoster == 0 {
		o.SmallRoster = 1 << 18
	}
	if o.FoldRoster == 0 {
		o.FoldRoster = 1 << 20
	}
	if o.HintRosters == 0 {
		o.HintRosters = 128
	}
	if o.HintBytes == 0 {
		o.HintBytes = 64 << 20
	}
	if o.IndexRefs == 0 {
		o.IndexRefs = shardSize
	}
	if o.HintInterval == 0 {
		o.HintInterval = 2 * time.Second
	}
	if o.IndexBytes == 0 {
		o.IndexBytes = 64 << 20
	}
	if o.IdleFold == 0 {
		o.IdleFold = time.Minute
	}
	return o
}

// Engine implements [store.Store]. The catalog's read side is the embedded reading.
type Engine struct {
	reading
	log   store.Log
	files store.Files
	o     Options

	ctx     context.Context // ends when the engine closes
	stop    context.CancelFunc
	writing context.Context // never ends: a write that began is finished
	running sync.WaitGroup

	// wide is held by updates of more than one environment and by whatever adds or removes
	// environments.
	wide         sync.Mutex
	environments atomic.Pointer[map[segment.EnvID]*environment] // replaced under wide, or before serving
	dropped      sync.Map                                       // segment.EnvID of environments whose rows are not gone yet

	closed       atomic.Bool
	omitted      atomic.Int64          // things that could not be read at the start
	low          atomic.Bool           // the disk reserve was touched when somebody asked last
	failure      atomic.Pointer[error] // set once
	ledger       ledger
	names        names
	points       points
	sessions     sessions
	loading      *roster.Memory
	publications publications
	unsynced     unsynced
	watchers     watchers
	auditOrder   auditOrder

	pendingChanges atomic.Int64 // in tables of all environments
	pacer          pacer
	burying        atomic.Int64 // files of graves that are being made
	foldNow        chan struct{}
	mergeNow       chan struct{}
}

// usable returns why nothing can be written, nil if it can.
func (e *Engine) usable() error {
	if e.closed.Load() {
		return store.ErrClosed
	}
	if err := e.failure.Load(); err != nil {
		return fault.Unavailablef("muster can't write to its disk any more and must be restarted").Because(*err)
	}
	return nil
}

// fail stops all writing and returns err.
func (e *Engine) fail(err error) error {
	if e.failure.CompareAndSwap(nil, &err) {
		e.o.Logger.Error("the log failed, nothing is written any more", "error", err)
		e.o.OnFatal(err)
	}
	return err
}

// environment returns the running part of an environment, nil if there is none.
func (e *Engine) environment(id segment.EnvID) *environment { return (*e.environments.Load())[id] }

// membership returns the membership of a ref, nil if there is none.
func (e *Engine) membership(id refID) *membership {
	env := e.environment(id.env)
	if env == nil {
		return nil
	}
	return env.view.Load().refs.find(id.ref)
}

// beginEnvironment makes a new environment run. The caller holds its commit lock until the first
// revision is visible: updates take the next ones.
func (e *Engine) beginEnvironment(id segment.EnvID, epoch segment.Epoch) *environment {
	env := newEnvironment(e, id)
	env.epoch = epoch
	env.commit.Lock()
	all := maps.Clone(*e.environments.Load())
	all[id] = env
	e.environments.Store(&all)
	e.running.Go(env.serve)
	return env
}

// removeEnvironment ends an environment: everybody who waits for it is told.
func (e *Engine) removeEnvironment(id segment.EnvID) {
	env := e.environment(id)
	if env == nil {
		return
	}
	e.dropped.Store(id, nil)
	all := maps.Clone(*e.environments.Load())
	delete(all, id)
	e.environments.Store(&all)
	env.view.Load().refs.each(func(m *membership) bool {
		e.pendingChanges.Add(-int64(m.layers.Load().tables()))
		return true
	})
	for _, s := range e.sessions.within(id) {
		e.pendingChanges.Add(-int64(s.journal.tables()))
		e.sessions.remove(s.name())
	}
	e.points.drop(id)
	e.publications.drop(id)
	env.end(fmt.Errorf("environment %s was deleted: %w", id, store.ErrNoEnvironment))
}

func (e *Engine) dropping(id segment.EnvID) bool {
	_, ok := e.dropped.Load(id)
	return ok
}

// Close ends the engine: waiting updates get [store.ErrClosed], a step that is being written is
// finished. Log and files stay open; views stay usable.
func (e *Engine) Close() error {
	if !e.closed.CompareAndSwap(false, true) {
		return nil
	}
	e.stop()
	e.wide.Lock() // an update that may add environments is at work in its caller's goroutine
	for _, env := range *e.environments.Load() {
		env.end(store.ErrClosed)
	}
	e.wide.Unlock()
	e.running.Wait()
	return nil
}

// Update runs fn and commits what it staged.
func (e *Engine) Update(ctx context.Context, scope store.Scope, fn func(store.Tx) error) (segment.Revision, error) {
	if err := firstError(ctx.Err(), e.usable()); err != nil {
		return 0, err
	}
	if scope.Env == "" {
		return 0, e.updateWide(scope, fn)
	}
	env := e.environment(scope.Env)
	if env == nil {
		return 0, fmt.Errorf("update environment %s: %w", scope.Env, store.ErrNoEnvironment)
	}
	return env.update(ctx, fn)
}

// updateWide commits one update of a project or the account. What it deletes is cleared away when
// the environments that remain take updates again.
func (e *Engine) updateWide(scope store.Scope, fn func(store.Tx) error) error {
	started := e.o.Now()
	e.wide.Lock()
	defer e.wide.Unlock()
	s, err := e.commitWide(scope, started, fn)
	if err != nil {
		return err
	}
	for id, v := range s.over.environments {
		if v == nil {
			e.purge(id)
		}
	}
	return nil
}

// commitWide runs and commits one update while all environments concerned rest.
func (e *Engine) commitWide(scope store.Scope, started time.Time, fn func(store.Tx) error) (*step, error) {
	for _, env := range e.concerned(scope) {
		env.commit.Lock()
		defer env.commit.Unlock()
	}
	if err := e.usable(); err != nil {
		return nil, err
	}
	s := e.newStep()
	if _, err := s.run(scope, started, fn); err != nil {
		return nil, err
	}
	return s, s.commit()
}

// Limits are those of changes that wait to be written into files.
func (e *Engine) Limits() []fault.Limit {
	return []fault.Limit{{Name: "maxPendingChanges", Value: int64(e.o.MaxPending)}}
}
