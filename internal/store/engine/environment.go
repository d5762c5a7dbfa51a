package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

// A step takes in waiting updates until it has this many changes or updates.
const (
	stepChanges = 64 << 10
	stepUpdates = 1024
)

// environment is the running part of an environment: its committer, its view and its head.
type environment struct {
	e  *Engine
	id segment.EnvID
	// commit is held by whoever writes the environment's log or moves its members: the committer,
	// a wide update, the beginning and the end of a fold.
	commit sync.Mutex
	view   atomic.Pointer[view] // stored under commit
	head   atomic.Uint64        // stored under commit, when everything of the revision is visible
	floor  segment.Revision     // under commit: the floor row

	epoch   segment.Epoch // never changes while it runs
	lost    error         // why it can't be served, nil if it can; never changes while it runs
	tending sync.Mutex    // held by whoever buries and trims
	graves  atomic.Pointer[gravesAt]
	trimmed segment.Revision // under tending: entries up to here may be gone

	indexing  *tableIndex // under commit: the index that is being made, nil if none is
	unindexed int64       // under commit: how many changes waited when they were too many for an index, 0 if they were not

	postponed *request // under commit: an update that must be the first of the next step

	mu      sync.Mutex
	waiting []*request    // under mu
	ended   error         // under mu: why no update is taken any more
	changed chan struct{} // under mu: closed and replaced when the head advances or the environment ends
	work    chan struct{} // holds something when updates wait
	done    chan struct{} // closed by end
}

// request is a waiting update.
type request struct {
	fn       func(store.Tx) error
	started  time.Time
	taken    atomic.Bool // by the committer, or by the caller who gives up
	revision segment.Revision
	changes  int // of members
	err      error
	answered chan struct{}
}

func newEnvironment(e *Engine, id segment.EnvID) *environment {
	env := &environment{
		e: e, id: id, changed: make(chan struct{}), work: make(chan struct{}, 1), done: make(chan struct{}),
	}
	env.view.Store(&view{refs: &refs{}})
	env.graves.Store(&gravesAt{})
	return env
}

// concerned returns the environments that a wide scope covers, in the order of locking.
func (e *Engine) concerned(scope store.Scope) []*environment {
	var all []*environment
	if scope.Project == "" {
		all = slices.Collect(maps.Values(*e.environments.Load()))
	} else {
		for _, v := range e.Environments(scope.Project) {
			if env := e.environment(v.ID); env != nil {
				all = append(all, env)
			}
		}
	}
	slices.SortFunc(all, func(a, b *environment) int { return cmp.Compare(a.id, b.id) })
	return all
}

// update hands an update to the committer and waits for its answer.
func (env *environment) update(ctx context.Context, fn func(store.Tx) error) (segment.Revision, error) {
	r := &request{fn: fn, started: env.e.o.Now(), answered: make(chan struct{})}
	env.mu.Lock()
	if env.ended != nil {
		env.mu.Unlock()
		return 0, env.ended
	}
	env.waiting = append(env.waiting, r)
	env.mu.Unlock()
	select {
	case env.work <- struct{}{}:
	default:
	}
	select {
	case <-r.answered:
	case <-ctx.Done():
		if r.taken.CompareAndSwap(false, true) {
			return 0, ctx.Err()
		}
		<-r.answered // it is being committed; soon the caller can know how that ended
	}
	env.e.pace(ctx, r.changes)
	return r.revision, r.err
}

// serve is the committer.
func (env *environment) serve() {
	for {
		select {
		case <-env.work:
			for env.commitWaiting() {
			}
		case <-env.done:
			env.refuse()
			return
		}
	}
}

// take returns the next waiting update, nil if there is none.
func (env *environment) take() *request {
	env.mu.Lock()
	defer env.mu.Unlock()
	for len(env.waiting) > 0 && env.ended == nil {
		r := env.waiting[0]
		env.waiting = env.waiting[1:]
		if r.taken.CompareAndSwap(false, true) {
			return r
		}
	}
	return nil
}

// commitWaiting commits one group of updates and reports whether there was any.
func (env *environment) commitWaiting() bool {
	env.commit.Lock()
	defer env.commit.Unlock()
	r := env.postponed
	if r == nil {
		r = env.take()
	}
	if r == nil {
		return false
	}
	env.postponed = nil
	s := env.e.newStep()
	var group []*request
	for n := 0; r != nil; n++ {
		before := s.changes
		r.revision, r.err = s.run(store.Scope{Env: env.id}, r.started, r.fn)
		r.changes = s.changes - before
		if errors.Is(r.err, errPostponed) {
			env.postponed = r
			break
		}
		group = append(group, r)
		if n == stepUpdates || s.changes >= stepChanges || s.last {
			break
		}
		r = env.take()
	}
	err := s.commit()
	for _, r := range group {
		// A refusal too is answered only now: it may rest on what the group has just written.
		if err != nil && r.err == nil {
			r.revision, r.err = 0, err
		}
		close(r.answered)
	}
	return true
}

// refuse answers the updates that the environment's end left waiting.
func (env *environment) refuse() {
	env.mu.Lock()
	left, err := env.waiting, env.ended
	env.waiting = nil
	env.mu.Unlock()
	for _, r := range left {
		if r.taken.CompareAndSwap(false, true) {
			r.err = err
			close(r.answered)
		}
	}
}

// end refuses further updates and wakes everybody who waits.
func (env *environment) end(why error) {
	env.mu.Lock()
	defer env.mu.Unlock()
	if env.ended != nil {
		return
	}
	env.ended = why
	close(env.done)
	close(env.changed)
}

// show installs the view of a revision that changed some members.
func (env *environment) show(rev segment.Revision, over *overlay, changed []*membership) {
	old := env.view.Load()
	var begin []*membership
	var end []segment.Ref
	for id, m := range over.memberships {
		switch {
		case id.env != env.id:
		case m != nil:
			begin = append(begin, m)
			if old.refs.find(id.ref) != nil { // its membership was exchanged
				end = append(end, id.ref)
				env.e.pendingChanges.Add(int64(m.layers.Load().tables()) - int64(env.leave(old.refs.find(id.ref))))
			}
			env.enter(m)
		default:
			end = append(end, id.ref)
			if gone := old.refs.find(id.ref); gone != nil {
				env.e.pendingChanges.Add(-int64(env.leave(gone)))
			}
		}
	}
	refs := old.refs.changed(begin, end).renewed(changed...)
	if x := refs.index; x != nil && x.full {
		refs = env.indexed(refs, nil)
	}
	env.view.Store(&view{revision: rev, refs: refs})
}

// advance tells everybody who waits that a revision is visible.
func (env *environment) advance(rev segment.Revision) {
	env.head.Store(uint64(rev))
	env.mu.Lock()
	defer env.mu.Unlock()
	if env.ended == nil {
		close(env.changed)
		env.changed = make(chan struct{})
	}
}

// Head returns an environment's newest durable revision.
func (e *Engine) Head(id segment.EnvID) (segment.Revision, error) {
	env, err := e.served(id)
	if err != nil {
		return 0, fmt.Errorf("head of environment %s: %w", id, err)
	}
	return segment.Revision(env.head.Load()), nil
}

// Shown returns a revision that has everything in it that any view has shown.
func (e *Engine) Shown(id segment.EnvID) (segment.Revision, error) {
	env, err := e.served(id)
	if err != nil {
		return 0, fmt.Errorf("head of environment %s: %w", id, err)
	}
	env.commit.Lock() // members are shown before the head moves, both while it is held
	defer env.commit.Unlock()
	return segment.Revision(env.head.Load()), nil
}

// Await returns the head as soon as it is greater than after.
func (e *Engine) Await(ctx context.Context, id segment.EnvID, after segment.Revision) (segment.Revision, error) {
	env := e.environment(id)
	if env == nil {
		return 0, fmt.Errorf("await environment %s: %w", id, store.ErrNoEnvironment)
	}
	for {
		env.mu.Lock()
		changed, ended := env.changed, env.ended
		env.mu.Unlock()
		if ended != nil {
			return 0, ended
		}
		if head := segment.Revision(env.head.Load()); head > after {
			return head, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// Entries yields the log after a revision up to the head.
func (e *Engine) Entries(ctx context.Context, id segment.EnvID, after segment.Revision) iter.Seq2[*segment.Entry, error] {
	return func(yield func(*segment.Entry, error) bool) {
		env, err := e.served(id)
		if err != nil {
			yield(nil, fmt.Errorf("read log of environment %s: %w", id, err))
			return
		}
		head := segment.Revision(env.head.Load())
		if after >= head {
			return
		}
		for r, err := range e.log.Read(ctx, id, after) {
			if err == nil && r.Revision > head {
				return // not durable yet, or news
			}
			var en *segment.Entry
			if err == nil {
				en, err = e.readEntry(ctx, r)
			}
			if err != nil {
				yield(nil, fmt.Errorf("read log of environment %s: %w", id, err))
				return
			}
			if !yield(en, nil) || r.Revision == head {
				return
			}
		}
	}
}

// readEntry decodes a record for readers of the log.
func (e *Engine) readEntry(ctx context.Context, r store.Record) (*segment.Entry, error) {
	en, err := decodeEntry(r.Value)
	if err != nil {
		return nil, fmt.Errorf("revision %d: %w", r.Revision, err)
	}
	out := &segment.Entry{Revision: r.Revision, At: en.at, Definitions: en.definitions, Environment: en.environment}
	for _, d := range en.deltas {
		m, err := e.readDelta(ctx, r, d)
		if err != nil {
			return nil, fmt.Errorf("revision %d: %w", r.Revision, err)
		}
		for _, m.Ref = range d.refs() {
			out.Members = append(out.Members, m)
		}
	}
	return out, nil
}

func (e *Engine) readDelta(ctx context.Context, r store.Record, d *delta) (segment.MemberDelta, error) {
	switch {
	case d.publication != nil:
		m, err := e.published(ctx, r.Env, r.Revision, d, false)
		return m, e.orTrimmed(ctx, r, err)
	case d.file != nil:
		return e.lateDelta(ctx, r, d), nil
	default:
		return d.memberDelta(), nil
	}
}

// orTrimmed returns an error that was met in reading what lies outside an entry, or that the entry was
// trimmed meanwhile.
func (e *Engine) orTrimmed(ctx context.Context, r store.Record, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, readErr := range e.log.Read(ctx, r.Env, r.Revision-1) {
		if errors.Is(readErr, store.ErrTrimmed) {
			return readErr
		}
		break
	}
	return err
}

// lateDelta is the delta of a file that is opened when somebody looks into it.
func (e *Engine) lateDelta(ctx context.Context, r store.Record, d *delta) segment.MemberDelta {
	open := sync.OnceValues(func() (segment.MemberDelta, error) {
		f, err := e.openFile(ctx, d.file.id)
		if err != nil {
			return segment.MemberDelta{}, e.orTrimmed(ctx, r, err)
		}
		return f.memberDelta(d.ref), nil
	})
	return segment.MemberDelta{
		Ref: d.ref, Len: int(d.file.n),
		Each: func(after *segment.Hash, yield func(segment.Change) bool) error {
			m, err := open()
			if err != nil {
				return err
			}
			return m.Each(after, yield)
		},
		Find: func(h segment.Hash) (segment.Ops, error) {
			m, err := open()
			if err != nil {
				return 0, err
			}
			return m.Find(h)
		},
	}
}
