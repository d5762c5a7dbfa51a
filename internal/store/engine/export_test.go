package engine

import (
	"context"

	"muster/internal/segment"
	"muster/internal/store"
)

// Ticks returns a function that does what the folder does when its ticker ticks. The ticker itself
// can't run in a synctest bubble: rosters share encoders that other tests use outside.
func (e *Engine) Ticks() (tick func()) {
	seen := make(map[*membership]segment.Revision)
	return func() { seen = e.foldIdle(seen) }
}

// ExpirePoints drops points that are too old or too many now.
func (e *Engine) ExpirePoints() { e.expirePoints() }

// TendLogs buries and deletes old entries now.
func (e *Engine) TendLogs() { e.tendAll(e.ctx) }

// SpillJournals writes the tables of journals that have grown large into files now.
func (e *Engine) SpillJournals(ctx context.Context) error { return e.spillJournals(ctx) }

// Forget deletes what is too old of the ledger now.
func (e *Engine) Forget() { e.forget(e.ctx) }

// Hint renews the hints of an environment now and returns how many memberships have some.
func (e *Engine) Hint(id segment.EnvID) (n int) {
	env := e.environment(id)
	env.rehint()
	for _, s := range env.view.Load().refs.shards {
		for _, slot := range s.slots {
			if slot > 0 {
				n++
			}
		}
	}
	return n
}

// Waiting returns how many updates wait for the committer of an environment.
func (e *Engine) Waiting(id segment.EnvID) int {
	env := e.environment(id)
	env.mu.Lock()
	defer env.mu.Unlock()
	return len(env.waiting)
}

// Committing reports whether somebody writes the environment's log, or is about to.
func (e *Engine) Committing(id segment.EnvID) bool {
	env := e.environment(id)
	if env.commit.TryLock() {
		env.commit.Unlock()
		return false
	}
	return true
}

// Layers returns in how many tables and rosters a membership lies.
func (e *Engine) Layers(id segment.EnvID, ref segment.Ref) int {
	l := e.membership(refID{id, ref}).layers.Load()
	if l.live == nil {
		return len(l.older)
	}
	return len(l.older) + 1
}

// GraveFiles returns in how many files the graves of a ref lie, and how many entries these have.
func (e *Engine) GraveFiles(id segment.EnvID, ref segment.Ref) (files, entries int) {
	g := e.environment(id).graves.Load().of[ref]
	if g == nil {
		return 0, 0
	}
	for _, f := range g.files {
		entries += int(f.n)
	}
	return len(g.files), entries
}

// Tables are those of which a damaged row must not stop a start.
func Tables() map[string]store.Table {
	return map[string]store.Table{
		"membership": tableMembership, "keys": tableKeys, "run": tableRun, "count of runs": tableRunTally, "index of runs": tableRunIndex,
		"point": tablePoint, "tail of a point": tableTail, "publication": tablePublication, "session": tableSession, "page": tablePage,
		"journal": tableJournal, "document": tableDocument, "audit": tableAudit, "run of a revision": tableRunOfRevision, "idempotency": tableIdempotency, "graves": tableGraves,
	}
}

// Miscount makes a membership believe that it has one member more.
func (e *Engine) Miscount(id segment.EnvID, ref segment.Ref) {
	m := e.membership(refID{id, ref})
	counts := *m.counts.Load()
	counts.Included++
	m.counts.Store(&counts)
}

// ForgetTables makes a membership forget what is not in its rosters.
func (e *Engine) ForgetTables(id segment.EnvID, ref segment.Ref) {
	m := e.membership(refID{id, ref})
	l := &layers{}
	for _, older := range m.layers.Load().older {
		if older.file != nil {
			l.older = append(l.older, older)
		}
	}
	m.layers.Store(l)
}

// Index makes the index of an environment's tables anew if that is worth it, and returns how many
// memberships are in it.
func (e *Engine) Index(id segment.EnvID) (n int) {
	env := e.environment(id)
	env.reindex()
	for _, s := range env.view.Load().refs.shards {
		for _, number := range s.numbers {
			if number > 0 {
				n++
			}
		}
	}
	return n
}
