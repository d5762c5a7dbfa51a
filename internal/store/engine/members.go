package engine

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/roster"
)

// members is a membership at one revision; it implements [store.Members]. Its layers never change.
type members struct {
	env      segment.EnvID
	ref      segment.Ref
	revision segment.Revision
	counts   segment.Counts
	layers   []layer     // newest first
	of       *membership // that it is a moment of; nil when it is a point
	lost     bool        // it can't be read: layers and counts are empty
}

func (m *members) Ref() segment.Ref           { return m.ref }
func (m *members) Revision() segment.Revision { return m.revision }
func (m *members) Counts() segment.Counts     { return m.counts }

func (m *members) State(h segment.Hash) (segment.Ops, error) {
	ops, err := findIn(m.layers, &h)
	if err != nil {
		return 0, m.unreadable(err)
	}
	return ops.Settled(), nil
}

func (m *members) unreadable(err error) error {
	if m.of != nil {
		m.of.hurt(err)
	}
	return fmt.Errorf("read %s of environment %s at revision %d: %w", m.ref, m.env, m.revision, err)
}

// findIn returns what layers say about a context together.
func findIn(all []layer, h *segment.Hash) (segment.Ops, error) {
	var ops segment.Ops
	for i := range all {
		found, err := all[i].find(h)
		if err != nil {
			return 0, err
		}
		ops = ops.Over(found)
	}
	return ops, nil
}

func (l *layer) find(h *segment.Hash) (segment.Ops, error) {
	if l.table != nil {
		return l.table.find(h), nil
	}
	return l.file.find(h)
}

// after yields a layer's changes after a hash, all of them when it is nil.
func (l *layer) after(h *segment.Hash) iter.Seq2[segment.Change, error] {
	if l.file != nil {
		return l.file.after(h)
	}
	return func(yield func(segment.Change, error) bool) {
		for c, err := range l.table.sorted() {
			if h != nil && bytes.Compare(c.Hash[:], h[:]) <= 0 {
				continue
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// mergedLayers yields the changes of layers together, in hash order. When full they are a whole
// membership, and what removes is left out.
func mergedLayers(full bool, all []layer, after *segment.Hash) iter.Seq2[segment.Change, error] {
	sources := make([]iter.Seq2[segment.Change, error], len(all))
	for i := range all {
		sources[i] = all[i].after(after)
	}
	return roster.Merge(full, sources...)
}

func (m *members) All(after *segment.Hash) iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		for c, err := range mergedLayers(true, m.layers, after) {
			if err != nil {
				err = m.unreadable(err)
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

func (m *members) Diff(ctx context.Context, instead store.Members) (segment.Diff, error) {
	from, err := ours(instead)
	if err != nil {
		return segment.Diff{}, err
	}
	var d segment.Diff
	for _, err := range counted(difference(ctx, from, m), from, m, &d) {
		if err != nil {
			return segment.Diff{}, m.unreadable(err)
		}
	}
	d.Unchanged = max(0, int(m.counts.Included)-d.Added)
	return d, nil
}

func (m *members) Changes(ctx context.Context, instead store.Members) iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		from, err := ours(instead)
		if err != nil {
			yield(segment.Change{}, err)
			return
		}
		for c, err := range difference(ctx, from, m) {
			if err == nil {
				side := from
				if c.Ops.Settled() != 0 {
					side = m
				}
				c.Key, err = side.key(c.Hash)
			}
			if err != nil {
				yield(c, m.unreadable(err))
				return
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

func ours(other store.Members) (*members, error) {
	m, ok := other.(*members)
	if !ok {
		return nil, fmt.Errorf("members of %s are of another store", other.Ref())
	}
	return m, nil
}

// counted passes the changes that turn some members into others on and counts them.
func counted(changes iter.Seq2[segment.Change, error], from, to *members, diff *segment.Diff) iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		for c, err := range changes {
			if err == nil {
				n, keys, side := &diff.Removed, &diff.RemovedKeys, from
				if c.Ops.Settled() != 0 {
					n, keys, side = &diff.Added, &diff.AddedKeys, to
				}
				*n++
				if len(*keys) < segment.MaxDiffSamples {
					var k []byte
					if k, err = side.key(c.Hash); len(k) > 0 {
						*keys = append(*keys, string(k))
					}
				}
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// difference yields what turns some members into others, in hash order and without keys.
func difference(ctx context.Context, from, to *members) iter.Seq2[segment.Change, error] {
	if n := common(from.layers, to.layers); n > 0 {
		return layeredDifference(ctx, from.layers, to.layers, n)
	}
	return func(yield func(segment.Change, error) bool) {
		next, stop := iter.Pull2(baseOf(from).Range(0, 255))
		defer stop()
		was, err, more := next()
		// turn yields the change of one context; false when the caller wants no more.
		turn := func(before, after segment.Ops, c segment.Change) bool {
			c.Ops = turned(before, after)
			return c.Ops == 0 || yield(c, nil)
		}
		for c, toErr := range until(ctx, baseOf(to).Range(0, 255)) {
			if toErr != nil {
				yield(c, toErr)
				return
			}
			for more && err == nil && bytes.Compare(was.Hash[:], c.Hash[:]) < 0 {
				if !turn(was.Ops, 0, was) {
					return
				}
				was, err, more = next()
			}
			if err != nil {
				yield(was, err)
				return
			}
			before := segment.Ops(0)
			if more && was.Hash == c.Hash {
				before = was.Ops
			}
			if !turn(before, c.Ops, c) {
				return
			}
			if before != 0 {
				was, err, more = next()
			}
		}
		for more && err == nil {
			if !turn(was.Ops, 0, was) {
				return
			}
			was, err, more = next()
		}
		if err != nil {
			yield(was, err)
		}
	}
}

// common returns how many rosters two memberships have both at their bottom.
func common(from, to []layer) (n int) {
	for n < len(from) && n < len(to) {
		a, b := from[len(from)-1-n].file, to[len(to)-1-n].file
		if a == nil || b == nil || a.id != b.id {
			break
		}
		n++
	}
	return n
}

// layeredDifference yields what turns layers into others that have the last n in common: only what
// the layers above these name can differ.
func layeredDifference(ctx context.Context, from, to []layer, n int) iter.Seq2[segment.Change, error] {
	above, instead := from[:len(from)-n], to[:len(to)-n]
	return func(yield func(segment.Change, error) bool) {
		for c, err := range until(ctx, mergedLayers(false, slices.Concat(above, instead), nil)) {
			var below, before, after segment.Ops
			if err == nil {
				below, err = findIn(from[len(from)-n:], &c.Hash)
			}
			if err == nil {
				before, err = findIn(above, &c.Hash)
			}
			if err == nil {
				after, err = findIn(instead, &c.Hash)
			}
			c.Ops, c.Key = turned(before.Over(below).Settled(), after.Over(below).Settled()), nil
			if (c.Ops != 0 || err != nil) && (!yield(c, err) || err != nil) {
				return
			}
		}
	}
}

// Snapshot returns the members of a ref as they are now.
func (e *Engine) Snapshot(id segment.EnvID, ref segment.Ref) (store.Members, error) {
	m, err := e.snapshotIn(id, ref, (*refs).known)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// snapshotOf returns the members that are kept under a ref as they are now.
func (e *Engine) snapshotOf(id refID) (*members, error) {
	return e.snapshotIn(id.env, id.ref, (*refs).find)
}

func (e *Engine) snapshotIn(id segment.EnvID, ref segment.Ref, look func(*refs, segment.Ref) *membership) (*members, error) {
	env, err := e.served(id)
	if err != nil {
		return nil, fmt.Errorf("read %s of environment %s: %w", ref, id, err)
	}
	env.commit.Lock()
	defer env.commit.Unlock()
	m := look(env.view.Load().refs, ref)
	if m == nil {
		return nil, fmt.Errorf("read %s of environment %s: %w", ref, id, store.ErrUnbounded)
	}
	s, err := env.snapshot(m)
	if err == nil {
		s.ref = ref
	}
	return s, err
}

// snapshot freezes the live table, so that what lies in layers stays as it is. The caller holds the
// commit lock.
func (env *environment) snapshot(m *membership) (*members, error) {
	l := m.layers.Load()
	if l.err != nil {
		return nil, m.unreadable(l.err)
	}
	if l.live != nil {
		l = &layers{older: l.frozen()}
		m.layers.Store(l)
		if m.due(env.e.o.SegmentPending) {
			env.e.wakeFolder()
		}
	}
	return &members{
		env: env.id, ref: m.ref, revision: env.view.Load().revision, counts: *m.counts.Load(), layers: l.older, of: m,
	}, nil
}
