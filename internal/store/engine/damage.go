package engine

import (
	"context"
	"errors"
	"fmt"
	"math"

	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
)

// omit decides what becomes of a start that comes upon something that can't be read: it goes on without
// it if that is corrupt. Files are not swept then, because the row may have named some.
func (e *Engine) omit(what string, err error) error {
	if !errors.Is(err, store.ErrCorrupt) {
		return err
	}
	e.o.Logger.Error("a row can't be read and is left out", "of", what, "error", err)
	e.omitted.Add(1)
	return nil
}

// lose makes an environment unavailable whose log can't be read from a revision on: a log with a hole is
// no log, and whoever wrote on would write on something that nobody knows. All that is stored of it stays
// as it is. Other errors are returned.
func (env *environment) lose(rev segment.Revision, why error) error {
	e := env.e
	if !errors.Is(why, store.ErrCorrupt) {
		return fmt.Errorf("revision %d: %w", rev, why)
	}
	e.o.Logger.Error("environment can't be served, because its log can't be read", "environment", env.id, "revision", rev, "error", why)
	e.omitted.Add(1)
	env.lost = fault.Unavailablef("environment %s is not served: revision %d of its log can't be read; restore a backup, or delete the environment", env.id, rev).Because(why)
	var all []*membership
	env.view.Load().refs.each(func(m *membership) bool {
		e.pendingChanges.Add(-int64(m.layers.Load().tables()))
		lost := lostMembership(refID{env.id, m.ref}, env.lost)
		lost.known.Store(m.known.Load())
		all = append(all, lost)
		return true
	})
	env.view.Store(&view{refs: (&refs{}).changed(all, nil)})
	env.end(env.lost)
	return nil
}

// served returns an environment that can be read.
func (e *Engine) served(id segment.EnvID) (*environment, error) {
	env := e.environment(id)
	if env == nil {
		return nil, store.ErrNoEnvironment
	}
	return env, env.lost
}

// hurt notes that a part of a membership can't be read.
func (m *membership) hurt(err error) {
	if errors.Is(err, store.ErrCorrupt) {
		m.damage.CompareAndSwap(nil, &err)
	}
}

// lost reports whether some of a membership can't be read, as far as somebody came upon it.
func (m *membership) lost() bool { return m.layers.Load().err != nil || m.damage.Load() != nil }

// Damage returns why the members of a ref can't be read whole, as far as somebody came upon it.
func (e *Engine) Damage(env segment.EnvID, ref segment.Ref) error {
	at := e.environment(env)
	if at == nil {
		return nil
	}
	m := at.view.Load().refs.known(ref)
	if m == nil {
		return nil
	}
	return m.unreadableNow()
}

// unreadableNow returns why a membership can't be read whole, as far as somebody came upon it.
func (m *membership) unreadableNow() error {
	if err := m.layers.Load().err; err != nil {
		return m.unreadable(err)
	}
	if err := m.damage.Load(); err != nil {
		return *err
	}
	return nil
}

// lostMembership is the membership of a ref whose row can't be read. Nobody knows its members until
// others are published.
func lostMembership(id refID, why error) *membership {
	m := newMembership(id.env, id.ref)
	m.row.cut = math.MaxUint64   // so that nothing is laid over members that are not known
	m.row.began = math.MaxUint64 // no list was compared with them
	m.layers.Store(&layers{err: fmt.Errorf("its row can't be read: %w", why)})
	return m
}

// missingMemberships are those of segments that have none although the engine keeps their members.
func (e *Engine) missingMemberships(ctx context.Context, known map[refID]bool) ([]*membership, error) {
	var missing []*membership
	for env := range *e.environments.Load() {
		for _, seg := range e.Segments(env) {
			id := refID{env, seg.Home()}
			if !seg.Unbounded || known[id] {
				continue
			}
			b, ok, err := e.log.Row(ctx, tableMembership, refKey(id))
			if err == nil && !ok {
				err = fmt.Errorf("it is not there: %w", store.ErrCorrupt)
			}
			m, err := e.loadMembership(id, b, err)
			if err != nil {
				return nil, err
			}
			missing = append(missing, m)
		}
	}
	return missing, nil
}

// loadMembership reads the row of a ref. One that can't be read fails its segment, not the start.
func (e *Engine) loadMembership(id refID, row []byte, err error) (*membership, error) {
	m := newMembership(id.env, id.ref)
	if err == nil {
		m.row, err = decodeMembershipRow(row)
	}
	if err != nil {
		if err := e.omit("membership "+id.ref.String()+" of environment "+string(id.env), err); err != nil {
			return nil, err
		}
		return lostMembership(id, err), nil
	}
	m.recent.unread = true
	e.retain(m.row.rosters...)
	return m, nil
}
