package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/roster"
)

// undo is a delta that is to be taken back; it implements [store.Undo].
type undo struct {
	e       *Engine
	env     *environment
	key     segment.Key
	made    *delta // what the log says
	changes changeList
}

// changeList is a list of changes that are numbered in hash order.
type changeList interface {
	all() iter.Seq2[segment.Change, error]
	index(*segment.Hash) (int, bool, error)
}

// takenBack is what a staged list takes back, so that a write can tell whether it still may.
type takenBack struct {
	u        *undo
	effects  segment.Effects // of the changes that the list takes back
	revision segment.Revision
}

// catchUp is how many entries a write reads to see whether what it takes back was changed meanwhile.
const catchUp = 1024

// Undo finds what a delta did to a segment's members at a revision.
func (e *Engine) Undo(ctx context.Context, id segment.EnvID, k segment.Key, rev segment.Revision) (store.Undo, error) {
	u, err := e.undo(ctx, id, k, rev)
	if err != nil {
		return nil, fmt.Errorf("take back revision %d of segment %s: %w", rev, k, err)
	}
	return u, nil
}

func (e *Engine) undo(ctx context.Context, id segment.EnvID, k segment.Key, rev segment.Revision) (*undo, error) {
	env, err := e.served(id)
	if err != nil {
		return nil, err
	}
	ref, began, err := env.undoable(k)
	switch {
	case err != nil:
		return nil, err
	case rev == 0 || rev > segment.Revision(env.head.Load()):
		return nil, store.ErrNoDelta
	case began > rev:
		return nil, store.ErrSuperseded
	}
	u := &undo{e: e, env: env, key: k}
	for d, err := range e.deltasOf(ctx, id, ref, rev-1, rev) {
		if err != nil {
			return nil, err
		}
		u.made = d
	}
	switch d := u.made; {
	case d == nil || d.publication != nil || !d.exact:
		return nil, store.ErrNoDelta
	case d.file == nil:
		u.changes = listOf{d}
	default:
		f, err := e.openFile(ctx, d.file.id)
		if errors.Is(err, fs.ErrNotExist) { // entries go before their files
			return nil, store.ErrTrimmed
		}
		if err != nil {
			return nil, err
		}
		if int64(d.file.n) != f.roster.Len() {
			return nil, fmt.Errorf("roster %x has %d changes, its entry says %d: %w", d.file.id, f.roster.Len(), d.file.n, store.ErrCorrupt)
		}
		u.changes = f
	}
	return u, nil
}

// undoable returns the ref under which the members of a segment are kept, and when they were exchanged.
func (env *environment) undoable(k segment.Key) (ref segment.Ref, began segment.Revision, err error) {
	seg, ok := env.e.Segment(env.id, k)
	if !ok || !seg.InEngine() {
		return ref, 0, store.ErrUnbounded
	}
	env.commit.Lock()
	defer env.commit.Unlock()
	m := env.view.Load().refs.find(seg.Home())
	if m == nil {
		return ref, 0, store.ErrUnbounded
	}
	return m.ref, m.row.began, nil
}

// deltasOf yields what the log says of a ref after a revision, up to another.
func (e *Engine) deltasOf(ctx context.Context, id segment.EnvID, ref segment.Ref, after, to segment.Revision) iter.Seq2[*delta, error] {
	return func(yield func(*delta, error) bool) {
		if after >= to {
			return
		}
		for r, err := range e.log.Read(ctx, id, after) {
			var deltas []*delta
			if err == nil && r.Revision > to {
				return
			}
			if err == nil {
				deltas, err = decodeDeltas(r.Value, func(of segment.Ref) bool { return of == ref })
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for _, d := range deltas {
				if d.revision = r.Revision; !yield(d, nil) {
					return
				}
			}
			if r.Revision == to {
				return
			}
		}
	}
}

// effects returns which operations of the delta had an effect.
func (u *undo) effects() (segment.Effects, error) {
	d := u.made
	if d.file == nil {
		var all segment.Effects
		for _, ops := range d.ops {
			all.Append(ops)
		}
		return all, nil
	}
	all, ok := segment.EffectsOf(slices.Clone(d.effects), int(d.file.n))
	if !ok {
		return all, fmt.Errorf("effects of revision %d are of another length: %w", d.revision, store.ErrCorrupt)
	}
	return all, nil
}

// Compare says what taking the delta back would do.
func (u *undo) Compare(ctx context.Context) (store.Undoing, error) {
	_, _, sum, err := u.compare(ctx)
	return sum, err
}

// compare returns which effects of the delta are still there, in the members as they are at a revision,
// and what taking them back does.
func (u *undo) compare(ctx context.Context) (segment.Effects, *members, store.Undoing, error) {
	var sum store.Undoing
	left, err := u.effects()
	if err != nil {
		return left, nil, sum, err
	}
	now, err := u.e.snapshotOf(refID{u.env.id, u.made.ref})
	if errors.Is(err, store.ErrUnbounded) { // the segment was deleted meanwhile
		err = store.ErrSuperseded
	}
	if err != nil {
		return left, nil, sum, err
	}
	sum.Revision = now.revision
	for d, err := range u.e.deltasOf(ctx, u.env.id, u.made.ref, u.made.revision, now.revision) {
		if err == nil && d.publication != nil {
			err = store.ErrSuperseded
		}
		hit := false
		if err == nil {
			hit, err = u.strike(ctx, d, &left)
		}
		if err != nil {
			return left, nil, sum, err
		}
		if hit {
			sum.Changed = d.revision
		}
	}
	made, err := u.effects()
	if err != nil {
		return left, nil, sum, err
	}
	i := -1
	for c, err := range until(ctx, u.changes.all()) {
		if err != nil {
			return left, nil, sum, err
		}
		i++
		back := left.Of(i, c.Ops).Inverse()
		n, keys := &sum.Removed, &sum.RemovedKeys
		switch {
		case back == 0:
			if made.Of(i, c.Ops) != 0 {
				sum.Unchanged++
			}
			continue
		case back.Settled() != 0:
			n, keys = &sum.Added, &sum.AddedKeys
		}
		*n++
		if len(*keys) == segment.MaxDiffSamples {
			continue
		}
		if len(c.Key) == 0 {
			if c.Key, err = now.key(c.Hash); err != nil {
				return left, nil, sum, now.unreadable(err)
			}
		}
		if len(c.Key) > 0 {
			*keys = append(*keys, string(c.Key))
		}
	}
	return left, now, sum, nil
}

// strike takes out of effects what a later delta changed again, and reports whether that is anything.
func (u *undo) strike(ctx context.Context, later *delta, left *segment.Effects) (hit bool, err error) {
	changes, effects, told := changeList(listOf{later}), segment.Effects{}, false
	if later.file != nil {
		f, err := u.e.openFile(ctx, later.file.id)
		if err != nil {
			return false, err
		}
		if changes = f; later.exact { // what else was sent may have changed everybody that it names
			effects, told = segment.EffectsOf(later.effects, int(f.roster.Len()))
		}
	}
	n := -1
	for c, err := range until(ctx, changes.all()) {
		if err != nil {
			return hit, err
		}
		if n++; told {
			c.Ops = effects.Of(n, c.Ops)
		}
		i, found, err := u.changes.index(&c.Hash)
		if err != nil {
			return hit, err
		}
		if !found {
			continue
		}
		every := segment.Include | segment.Exclude
		if before := left.Of(i, every); before&sets(c.Ops) != 0 {
			left.Set(i, before&^sets(c.Ops))
			hit = true
		}
	}
	return hit, nil
}

// takes yields what takes effects of the delta back, with keys as far as they are known.
func (u *undo) takes(ctx context.Context, left segment.Effects, now *members) iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		i := -1
		for c, err := range until(ctx, u.changes.all()) {
			if i++; err == nil {
				if c.Ops = left.Of(i, c.Ops).Inverse(); c.Ops == 0 {
					continue
				}
				if len(c.Key) == 0 { // whoever takes this back again needs it
					c.Key, err = now.key(c.Hash)
				}
			}
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

// Stage stages what takes the delta back.
func (u *undo) Stage(ctx context.Context) (store.Staged, store.Undoing, error) {
	st, sum, err := u.stage(ctx)
	if err != nil {
		return nil, sum, fmt.Errorf("take back revision %d of segment %s: %w", u.made.revision, u.key, err)
	}
	return st, sum, nil
}

func (u *undo) stage(ctx context.Context) (*staged, store.Undoing, error) {
	left, now, sum, err := u.compare(ctx)
	if err != nil {
		return nil, sum, err
	}
	st := &staged{e: u.e, n: sum.Added + sum.Removed, back: &takenBack{u: u, effects: left, revision: sum.Revision}}
	if st.n <= u.e.o.InlineChanges {
		st.changes = new(segment.Changes)
		for c, err := range u.takes(ctx, left, now) {
			if err != nil {
				return nil, sum, err
			}
			if len(c.Key) > 0 {
				st.changes.Append(c.Key, c.Ops)
			} else {
				st.changes.AppendHash(c.Hash, c.Ops)
			}
		}
		st.changes.Compact()
		return st, sum, nil
	}
	if err := u.e.usable(); err != nil {
		return nil, sum, err
	}
	st.file, err = u.e.putFile(ctx, roster.Partial, u.takes(ctx, left, now))
	return st, sum, err
}

// unchangedSince refuses to take back what somebody changed since that was staged.
func (t *tx) unchangedSince(m *membership, back *takenBack) error {
	u := back.u
	if m.env != u.env.id || m.ref != u.made.ref {
		return fmt.Errorf("take back revision %d of segment %s: %w", u.made.revision, u.key, store.ErrSuperseded)
	}
	if t.step.touched[segmentID{m.env, m.ref.Key}] {
		return t.postpone() // what earlier updates of the step did is in no log yet
	}
	if t.deltas[m] != nil {
		return fmt.Errorf("take back revision %d of segment %s: it must be the first change of its segment in a write", u.made.revision, u.key)
	}
	if m.last <= back.revision {
		return nil
	}
	head := segment.Revision(u.env.head.Load())
	if head-back.revision > catchUp {
		return store.ErrStale
	}
	left := back.effects
	for d, err := range t.step.e.deltasOf(t.step.e.writing, m.env, m.ref, back.revision, head) {
		switch {
		case err != nil:
			return err
		case d.publication != nil:
			return store.ErrSuperseded
		case d.file != nil:
			return store.ErrStale
		}
		if hit, err := u.strike(t.step.e.writing, d, &left); err != nil || hit {
			return errors.Join(err, store.ErrStale)
		}
	}
	return nil
}

// listOf is the list of changes of an inline delta.
type listOf struct{ *delta }

func (l listOf) all() iter.Seq2[segment.Change, error] { return l.from(0) }

// from yields the changes from one on, with the keys of those who leave as far as they are known.
func (l listOf) from(first int) iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		keys := decoder{b: l.left}
		for i, ops := range l.ops {
			var k []byte
			if l.exact && ops.Settled() != ops {
				if k = keys.bytes(); len(k) == 0 {
					k = nil // it is not known
				}
			}
			if i < first {
				continue
			}
			var err error
			if keys.broken {
				err = fmt.Errorf("keys of an entry end early: %w", store.ErrCorrupt)
			}
			if !yield(segment.Change{Hash: l.hashes[i], Ops: ops, Key: k}, err) || err != nil {
				return
			}
		}
	}
}

func (l listOf) index(h *segment.Hash) (int, bool, error) {
	i, found := slices.BinarySearchFunc(l.hashes, *h, compareHashes)
	return i, found, nil
}
