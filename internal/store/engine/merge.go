package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/roster"
)

// merging is adjacent rosters of a membership that become one. It goes on for as long as large files
// take, and folds lay new rosters above them meanwhile.
type merging struct {
	files []*file // newest first
	size  int64   // of all of them
	whole bool    // they are all that the row names, so that nothing lies below and none is left to a fold
	empty bool    // nothing is left of them
}

// mergeWhenNeeded merges rosters in the background until the engine closes.
func (e *Engine) mergeWhenNeeded() {
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-e.mergeNow:
			if !e.mergeDue() {
				e.pause()
			}
		}
	}
}

func (e *Engine) wakeMerger() {
	select {
	case e.mergeNow <- struct{}{}:
	default:
	}
}

// mergeDue merges all that is due, the smallest first; false if that makes no sense for now.
func (e *Engine) mergeDue() bool {
	for e.room() == nil {
		m := e.smallestDue(func(*membership) bool { return true })
		if m == nil {
			return true
		}
		if err := e.merge(e.ctx, m); !e.reported(m, "merging", err) {
			return false
		}
	}
	return false
}

// smallestDue returns the selected membership with the least to merge, nil if there is none.
func (e *Engine) smallestDue(selected func(*membership) bool) (smallest *membership) {
	var size int64
	for _, env := range *e.environments.Load() {
		env.commit.Lock()
		env.view.Load().refs.each(func(m *membership) bool {
			if selected(m) {
				if mg := m.mergeable(); mg != nil && (smallest == nil || mg.size < size) {
					smallest, size = m, mg.size
				}
			}
			return true
		})
		env.commit.Unlock()
	}
	return smallest
}

// mergeable returns what is to be merged of a membership, nil if nothing is. What a fold is about, or
// is to repeat, is left to it. The caller holds the commit lock.
func (m *membership) mergeable() *merging {
	l := m.layers.Load()
	if m.merging != nil || m.failed != nil || m.damaged || l.err != nil || len(m.row.rosters) < 2 {
		return nil
	}
	named := l.older[len(l.older)-len(m.row.rosters):]
	if at := m.folding; at != nil {
		for len(named) > 0 && slices.Contains(at.layers[:at.merge], named[0]) {
			named = named[1:]
		}
	}
	sizes := make([]int64, len(named))
	for i, l := range named {
		sizes[i] = l.len()
	}
	n := mergeable(sizes, 1)
	if n < 2 {
		return nil
	}
	mg := &merging{whole: n == len(m.row.rosters)}
	for i, l := range named[:n] {
		mg.files = append(mg.files, l.file)
		mg.size += sizes[i]
	}
	mg.empty = mg.whole && m.row.counts == (segment.Counts{})
	return mg
}

// merge makes one roster of several. It changes no lookup, count or walk.
func (e *Engine) merge(ctx context.Context, m *membership) error {
	env := e.environment(m.env)
	if env == nil {
		return fmt.Errorf("merge rosters of %s of environment %s: %w", m.ref, m.env, store.ErrNoEnvironment)
	}
	env.commit.Lock()
	mg := m.mergeable()
	if env.view.Load().refs.find(m.ref) != m {
		mg = nil
	}
	if mg == nil { // there may be one under way, which stays noted
		env.commit.Unlock()
		return nil
	}
	m.merging = mg
	env.commit.Unlock()
	f, err := e.writeMerged(ctx, mg)
	if err == nil {
		err = env.replaceRosters(m, mg, f)
	}
	if err != nil {
		env.commit.Lock()
		defer env.commit.Unlock()
		m.merging = nil
		m.damaged = m.damaged || errors.Is(err, store.ErrCorrupt)
		m.hurt(err)
		return fmt.Errorf("merge rosters of %s of environment %s: %w", m.ref, m.env, err)
	}
	return nil
}

// writeMerged writes the merged rosters; nil if nothing is left of them.
func (e *Engine) writeMerged(ctx context.Context, mg *merging) (*file, error) {
	if mg.empty {
		return nil, nil
	}
	var sources []iter.Seq2[segment.Change, error]
	for _, f := range mg.files {
		sources = append(sources, f.all())
	}
	return e.putFile(ctx, kindOf(mg.whole), until(ctx, roster.Merge(mg.whole, sources...)))
}

// replaceRosters makes a merge durable and then visible.
func (env *environment) replaceRosters(m *membership, mg *merging, f *file) error {
	e := env.e
	env.commit.Lock()
	defer env.commit.Unlock()
	if e.environment(m.env) != env || env.view.Load().refs.find(m.ref) != m {
		e.discard(f)
		m.merging = nil
		return nil
	}
	now := m.layers.Load()
	at := slices.Index(now.older, layer{file: mg.files[0]})
	older := slices.Clone(now.older[:at])
	if f != nil {
		older = append(older, layer{file: f})
	}
	older = append(older, now.older[at+len(mg.files):]...)
	row := m.row
	row.rosters = rostersOf(older[len(now.older)-len(row.rosters):])
	if err := e.usable(); err != nil {
		e.discard(f)
		return err
	}
	rows := []store.Row{{Table: tableMembership, Key: refKey(refID{m.env, m.ref}), Value: row.encode()}}
	if err := e.log.Write(e.writing, nil, rows); err != nil {
		return e.fail(err) // the new roster stays: the row that names it may be durable
	}
	if m.folding != nil {
		m.folding.gone += len(now.older) - len(older)
	}
	before := m.row.rosters
	m.row, m.merging = row, nil
	m.layers.Store(&layers{live: now.live, older: older, err: now.err})
	v := env.view.Load()
	env.view.Store(&view{revision: v.revision, refs: v.refs.renewed(m)})
	e.retain(row.rosters...)
	e.release(before...)
	return nil
}

// rostersOf returns the names of layers that are all rosters.
func rostersOf(layers []layer) []store.FileID {
	ids := make([]store.FileID, len(layers))
	for i, l := range layers {
		ids[i] = l.file.id
	}
	return ids
}

func kindOf(full bool) roster.Kind {
	if full {
		return roster.Full
	}
	return roster.Partial
}

// discard deletes a file that no row will name; nil is no file.
func (e *Engine) discard(f *file) {
	if f != nil {
		e.deleteFile(e.writing, f.id)
	}
}
