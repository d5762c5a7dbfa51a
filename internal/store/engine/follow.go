package engine

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/roster"
)

func newEpoch() (epoch segment.Epoch) {
	_, _ = rand.Read(epoch[:]) // never fails
	return epoch
}

func epochRow(id segment.EnvID, epoch segment.Epoch) store.Row {
	return store.Row{Table: tableEpoch, Key: []byte(id), Value: epoch[:]}
}

// loadEpochs reads the epochs of all environments. One without begins its first now.
func (e *Engine) loadEpochs(ctx context.Context) error {
	var begun []store.Row
	for id, env := range *e.environments.Load() {
		b, ok, err := e.log.Row(ctx, tableEpoch, []byte(id))
		switch {
		case err != nil:
			return err
		case ok && len(b) != len(env.epoch):
			return fmt.Errorf("epoch %x of environment %s: %w", b, id, store.ErrCorrupt)
		case ok:
			env.epoch = segment.Epoch(b)
		default:
			env.epoch = newEpoch()
			begun = append(begun, epochRow(id, env.epoch))
		}
	}
	if len(begun) == 0 {
		return nil
	}
	return e.log.Write(ctx, nil, begun)
}

// Epoch returns the history that an environment's log belongs to.
func (e *Engine) Epoch(id segment.EnvID) (segment.Epoch, error) {
	env := e.environment(id)
	if env == nil {
		return segment.Epoch{}, fmt.Errorf("epoch of environment %s: %w", id, store.ErrNoEnvironment)
	}
	return env.epoch, nil
}

// Resume returns where somebody who follows an environment goes on.
func (e *Engine) Resume(ctx context.Context, id segment.EnvID, c segment.Cursor) (segment.Cursor, error) {
	env, err := e.served(id)
	if err != nil {
		return segment.Cursor{}, fmt.Errorf("follow environment %s: %w", id, err)
	}
	if c.Epoch == env.epoch {
		reaches, err := env.reachesBackTo(ctx, c.Revision)
		if err != nil {
			return segment.Cursor{}, fmt.Errorf("follow environment %s: %w", id, err)
		}
		if reaches {
			return c, nil
		}
	}
	return segment.Cursor{Epoch: env.epoch, Revision: env.graves.Load().through, Walking: true}, nil
}

// reachesBackTo reports whether the log has everything after a revision.
func (env *environment) reachesBackTo(ctx context.Context, rev segment.Revision) (bool, error) {
	if head := segment.Revision(env.head.Load()); rev >= head {
		return rev == head, nil
	}
	for _, err := range env.e.log.Read(ctx, env.id, rev) {
		if errors.Is(err, store.ErrTrimmed) {
			return false, nil
		}
		return err == nil, err
	}
	return true, nil
}

// Walk yields what somebody must be told who may hold anything, after a cursor.
func (e *Engine) Walk(ctx context.Context, id segment.EnvID, from segment.Cursor) iter.Seq2[store.RefChange, error] {
	return func(yield func(store.RefChange, error) bool) {
		env, err := e.served(id)
		if err != nil {
			yield(store.RefChange{}, fmt.Errorf("walk through environment %s: %w", id, err))
			return
		}
		for _, ref := range env.refsFrom(from.Ref) {
			var after *segment.Hash
			if ref == from.Ref {
				after = &from.Hash
			}
			if !env.walk(ctx, ref, after, yield) {
				return
			}
		}
	}
}

func compareRefs(a, b segment.Ref) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Generation, b.Generation))
}

// refsFrom returns the refs that have members or graves, from one on, in order.
func (env *environment) refsFrom(first segment.Ref) []segment.Ref {
	all := make(map[segment.Ref]bool)
	env.view.Load().refs.each(func(m *membership) bool {
		for _, ref := range m.refs() {
			all[ref] = true
		}
		return true
	})
	for ref := range env.graves.Load().of {
		all[ref] = true
	}
	maps.DeleteFunc(all, func(ref segment.Ref, _ bool) bool { return compareRefs(ref, first) < 0 })
	return slices.SortedFunc(maps.Keys(all), compareRefs)
}

// walk yields the members of one ref as adds and its graves as removes, after a hash; false once yield
// wants no more.
func (env *environment) walk(ctx context.Context, ref segment.Ref, after *segment.Hash, yield func(store.RefChange, error) bool) bool {
	parts, broken, err := env.partsOf(ctx, ref)
	if err == nil {
		sources := make([]iter.Seq2[segment.Change, error], len(parts))
		for i, p := range parts {
			sources[i] = behind(p, after)
		}
		for c, readErr := range until(ctx, roster.Merge(false, sources...)) {
			if err = readErr; err != nil {
				break
			}
			if !yield(store.RefChange{Ref: ref, Hash: c.Hash, Ops: c.Ops}, nil) {
				return false
			}
		}
	}
	if err == nil && broken {
		err = fmt.Errorf("who left it in the past is not known: %w", store.ErrCorrupt)
	}
	if err == nil {
		return true
	}
	more := yield(store.RefChange{Ref: ref}, fmt.Errorf("walk through %s of environment %s: %w", ref, env.id, err))
	return more && errors.Is(err, store.ErrCorrupt)
}

// partsOf returns what the members and the graves of a ref lie in, newest first, as it is now and stays.
// Broken says that graves are missing.
func (env *environment) partsOf(ctx context.Context, ref segment.Ref) (parts []ranged, broken bool, err error) {
	if m := env.view.Load().refs.known(ref); m != nil {
		layers, err := env.still(m)
		if err != nil {
			return nil, false, err
		}
		parts = rangesOf(layers)
	}
	for {
		at := env.graves.Load()
		dead, err := env.openAll(ctx, at.of[ref])
		if errors.Is(err, fs.ErrNotExist) && env.graves.Load() != at {
			continue // they have been merged meanwhile
		}
		g := at.of[ref]
		return append(parts, dead...), g != nil && g.broken, err
	}
}

// openAll opens graves, newest first.
func (env *environment) openAll(ctx context.Context, g *graves) ([]ranged, error) {
	if g == nil {
		return nil, nil
	}
	var all []ranged
	for _, f := range g.files {
		open, err := env.e.openGraves(ctx, f)
		if err != nil {
			return nil, err
		}
		all = append(all, open)
	}
	return all, nil
}

// still returns what a membership lies in as layers that stay as they are. It waits for a commit only
// where changes are in a live table.
func (env *environment) still(m *membership) ([]layer, error) {
	if l := m.layers.Load(); l.live == nil {
		if l.err != nil {
			return nil, m.unreadable(l.err)
		}
		return l.older, nil
	}
	env.commit.Lock()
	defer env.commit.Unlock()
	s, err := env.snapshot(m)
	if err != nil {
		return nil, err
	}
	return s.layers, nil
}

// behind yields changes after a hash, all of them when it is nil.
func behind(r ranged, after *segment.Hash) iter.Seq2[segment.Change, error] {
	if after == nil {
		return r.Range(0, 255)
	}
	return func(yield func(segment.Change, error) bool) {
		for c, err := range r.Range(after[0], 255) {
			if err == nil && bytes.Compare(c.Hash[:], after[:]) <= 0 {
				continue
			}
			if !yield(c, err) {
				return
			}
		}
	}
}
