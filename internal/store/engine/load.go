package engine

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"slices"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/roster"
)

// load collects context keys; it implements [store.Load].
type load struct {
	e       *Engine
	mode    store.LoadMode
	builder *roster.Builder
	over    []*staged // what was laid over members
}

// Load begins a load.
func (e *Engine) Load(ctx context.Context, mode store.LoadMode) (store.Load, error) {
	if err := e.usable(); err != nil {
		return nil, err
	}
	if err := e.room(); err != nil {
		return nil, err
	}
	scratch := func() (roster.Scratch, error) {
		s, err := e.files.Scratch(context.WithoutCancel(ctx))
		if err != nil {
			return nil, err
		}
		return &roomScratch{Scratch: s, e: e}, nil
	}
	return &load{e: e, mode: mode, builder: roster.NewBuilder(e.loading, e.o.Workers, scratch)}, nil
}

func (l *load) Writer() store.LoadWriter { return l.builder.Writer() }

func (l *load) Writers() int { return l.e.o.Workers }

func (l *load) Discard() {
	for _, st := range l.over {
		st.Discard()
	}
	if err := l.builder.Discard(); err != nil {
		l.e.o.Logger.Warn("scratch file was not removed", "error", err)
	}
}

func (l *load) meaning() roster.Meaning {
	switch l.mode {
	case store.LoadInclude:
		return roster.Joining
	case store.LoadRemove:
		return roster.Leaving
	default:
		return roster.Everybody
	}
}

// Compare says how a segment's members would change.
func (l *load) Compare(ctx context.Context, now store.Members) (segment.Diff, error) {
	m, err := oursOrNobody(now)
	if err != nil {
		return segment.Diff{}, err
	}
	_, diff, err := l.builder.Build(ctx, nil, l.meaning(), baseOf(m), 0)
	return diff, err
}

func oursOrNobody(now store.Members) (*members, error) {
	if now == nil {
		return &members{}, nil
	}
	return ours(now)
}

// Over returns what a segment's members would be with the list among them.
func (l *load) Over(ctx context.Context, now store.Members) (store.Members, error) {
	m, err := oursOrNobody(now)
	if err != nil {
		return nil, err
	}
	st, err := l.seal(ctx, m)
	if err != nil {
		return nil, err
	}
	l.over = append(l.over, st)
	out := &members{env: m.env, ref: m.ref, revision: m.revision, counts: m.counts, layers: []layer{{file: st.file}}}
	if st.file.roster.Kind() == roster.Full {
		out.counts = st.file.roster.Counts()
		return out, nil
	}
	out.layers = append(out.layers, m.layers...)
	out.counts.Included += int64(st.diff.Added) - int64(st.diff.Removed)
	return out, nil
}

// Seal sorts what was added into a file. A list of all members heals a membership that can't be read:
// it is compared with nobody then.
func (l *load) Seal(ctx context.Context, env segment.EnvID, k segment.Key, session segment.RunID) (store.Staged, segment.Diff, error) {
	var diff segment.Diff
	if err := l.e.usable(); err != nil {
		return nil, diff, err
	}
	seg, ok := l.e.Segment(env, k)
	if l.e.environment(env) == nil {
		return nil, diff, fmt.Errorf("seal list for segment %s of environment %s: %w", k, env, store.ErrNoEnvironment)
	}
	if !ok || !seg.Unbounded {
		return nil, diff, fmt.Errorf("seal list for segment %s of environment %s: %w", k, env, store.ErrUnbounded)
	}
	base, err := l.e.snapshotOf(refID{env, seg.Home()})
	var st *staged
	if err == nil {
		st, err = l.seal(ctx, base)
	}
	if errors.Is(err, store.ErrCorrupt) && l.mode == store.LoadReplace {
		m := l.e.membership(refID{env, seg.Home()})
		if m == nil {
			return nil, diff, err
		}
		m.hurt(err)
		l.e.o.Logger.Error("members that can't be read are replaced by a list; contexts that were excluded are lost", "environment", env, "ref", m.ref.String(), "error", err)
		st, err = l.seal(ctx, &members{env: env, ref: m.ref, of: m, lost: true})
	}
	if err != nil {
		return nil, diff, err
	}
	st.session = session
	return st, st.diff, nil
}

// seal writes the list as it compares with a membership.
func (l *load) seal(ctx context.Context, base *members) (*staged, error) {
	st := &staged{e: l.e, base: base, mode: l.mode}
	var id store.FileID
	_, _ = rand.Read(id[:]) // never fails
	err := l.e.put(ctx, id, func(w io.Writer) (err error) {
		few := int64(0)
		if l.mode == store.LoadReplace {
			few = base.leeway(l.e.o.SmallRoster)
		}
		var sum roster.Summary
		sum, st.diff, err = l.builder.Build(ctx, w, l.meaning(), baseOf(base), few)
		st.n, st.effects = int(sum.Entries), l.builder.Effects()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("write roster %x: %w", id, err)
	}
	if st.file, err = l.e.openFile(ctx, id); err != nil {
		l.e.deleteFile(l.e.writing, id)
		return nil, err
	}
	return st, nil
}

// changeShare is the part of the largest roster, as a divisor, that all changes over it may be: every
// lookup and every comparison passes through them.
const changeShare = 3

// leeway returns how many changes a whole list may differ by to be laid over the rosters of a
// membership. Over a small roster there is none: a lookup in one roster is the fastest.
func (m *members) leeway(small int) int64 {
	n := len(m.layers)
	if n == 0 || n >= 2*maxRosters {
		return 0
	}
	bottom := m.layers[n-1].file
	if bottom == nil || bottom.roster.Len() <= int64(small) {
		return 0
	}
	left := bottom.roster.Len() / changeShare
	for _, l := range m.layers[:n-1] {
		left -= l.len()
	}
	return left
}

// base is a membership as a builder compares lists with it. Tables are sorted once, ahead.
type base struct {
	m      *members
	layers []ranged // newest first
}

// ranged is a layer that is read by ranges of hashes.
type ranged interface {
	Range(first, last byte) iter.Seq2[segment.Change, error]
}

func baseOf(m *members) *base { return &base{m: m, layers: rangesOf(m.layers)} }

func rangesOf(layers []layer) (out []ranged) {
	for _, l := range layers {
		if l.table != nil {
			var all sortedChanges
			for c := range l.table.sorted() { //nolint:errcheck // a table can always be read
				all = append(all, c)
			}
			out = append(out, all)
		} else {
			out = append(out, l.file)
		}
	}
	return out
}

// sortedChanges are changes in hash order.
type sortedChanges []segment.Change

func (s sortedChanges) Range(first, last byte) iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		i, _ := slices.BinarySearchFunc(s, first, func(c segment.Change, b byte) int { return int(c.Hash[0]) - int(b) })
		for ; i < len(s) && s[i].Hash[0] <= last; i++ {
			if !yield(s[i], nil) {
				return
			}
		}
	}
}

func (b *base) Range(first, last byte) iter.Seq2[segment.Change, error] {
	if len(b.layers) == 1 {
		// Nearly all large memberships are one whole roster, of which nothing has to be left out.
		if f, ok := b.layers[0].(*file); ok && f.roster.Kind() == roster.Full {
			return func(yield func(segment.Change, error) bool) {
				f.roster.Range(first, last)(yield)
				runtime.KeepAlive(f)
			}
		}
		return settled(b.layers[0].Range(first, last))
	}
	sources := make([]iter.Seq2[segment.Change, error], len(b.layers))
	for i, l := range b.layers {
		sources[i] = l.Range(first, last)
	}
	return roster.Merge(true, sources...)
}

// settled leaves out what a whole membership does not hold.
func settled(seq iter.Seq2[segment.Change, error]) iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		for c, err := range seq {
			c.Ops = c.Ops.Settled()
			if (c.Ops != 0 || err != nil) && !yield(c, err) {
				return
			}
		}
	}
}

// Find returns what a member is.
func (b *base) Find(h *segment.Hash) (segment.Ops, error) {
	ops, err := findIn(b.m.layers, h)
	return ops.Settled(), err
}

// Len returns how many members there are.
func (b *base) Len() int64 { return b.m.counts.Included + b.m.counts.Excluded }

// Key returns the key of a member from the newest layer that knows it.
func (b *base) Key(h segment.Hash) ([]byte, error) { return b.m.key(h) }

func (m *members) key(h segment.Hash) ([]byte, error) {
	for i := range m.layers {
		k, err := m.layers[i].key(h)
		if len(k) > 0 || err != nil {
			return k, err
		}
	}
	return nil, nil
}

// key returns the key of a context, nil if the layer does not know it.
func (l *layer) key(h segment.Hash) ([]byte, error) {
	if l.table != nil {
		return l.table.key(&h), nil
	}
	k, err := l.file.roster.Key(h)
	runtime.KeepAlive(l.file)
	if err != nil {
		return nil, fmt.Errorf("roster %x: %w", l.file.id, err)
	}
	return bytes.Clone(k), nil
}
