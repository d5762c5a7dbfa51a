package engine

import (
	"context"
	"fmt"
	"slices"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/roster"
)

// Collected returns the members that a session would make of a segment if it ended now.
func (e *Engine) Collected(ctx context.Context, id segment.EnvID, k segment.Key, run segment.RunID) (store.Members, error) {
	name := sessionID{id, k, run}
	s, journal, now, err := e.collecting(name)
	if err == nil {
		err = s.whole()
	}
	if err != nil {
		return nil, fmt.Errorf("session %s of segment %s: %w", run, k, err)
	}
	whole := false // the list is all there is below the journal
	above := len(journal)
	counts := now.counts
	all := journal
	if s.Kept != nil {
		f, err := e.openFile(ctx, s.Kept.File)
		if err != nil {
			if e.sessions.get(name) == nil { // it was closed while its list was being opened
				err = store.ErrNoSession
			}
			return nil, fmt.Errorf("list of session %s of segment %s: %w", run, k, err)
		}
		all = append(all, layer{file: f})
		switch whole = f.roster.Kind() == roster.Full; {
		case whole:
			counts = f.roster.Counts()
		case s.Kept.Mode == store.LoadReplace:
			all = append(all, now.layers...)
			if counts, err = listedCounts(counts, all, above); err != nil {
				return nil, fmt.Errorf("list of session %s of segment %s: %w", run, k, err)
			}
			return &members{env: id, ref: s.Ref, revision: now.revision, counts: counts, layers: all}, nil
		default:
			above++
		}
	}
	if !whole {
		all = append(all, now.layers...)
	}
	out := &members{env: id, ref: s.Ref, revision: now.revision, counts: counts, layers: all}
	for ch, err := range until(ctx, mergedLayers(false, all[:above], nil)) {
		var before segment.Ops
		if err == nil {
			before, err = findIn(all[above:], &ch.Hash)
		}
		if err != nil {
			return nil, out.unreadable(err)
		}
		out.counts = out.counts.Add(ch.Ops.Effective(before.Settled()))
	}
	return out, nil
}

// collecting returns a session with its journal as layers that never change, and the members that it
// belongs to, all of one moment.
func (e *Engine) collecting(name sessionID) (*session, []layer, *members, error) {
	env := e.environment(name.env)
	if env == nil {
		return nil, nil, nil, store.ErrNoEnvironment
	}
	env.commit.Lock()
	defer env.commit.Unlock()
	s := e.sessions.get(name)
	if s == nil {
		return nil, nil, nil, store.ErrNoSession
	}
	m := env.view.Load().refs.find(s.Ref)
	if m == nil {
		return nil, nil, nil, store.ErrNoSession
	}
	now, err := env.snapshot(m)
	if err != nil {
		return nil, nil, nil, err
	}
	journal := slices.Clone(s.journal.layers)
	if s.journal.live != nil {
		journal[0] = layer{table: s.journal.live.clone()}
	}
	return s, slices.Clip(journal), now, nil
}

// clone returns a frozen copy of the writer's table.
func (p *pending) clone() *pending {
	d := &delta{}
	for c := range p.sorted() { //nolint:errcheck // reading a table in memory can't fail
		d.add(c.Hash, c.Ops, c.Key)
	}
	c := newPending()
	c.apply(d)
	return c
}
