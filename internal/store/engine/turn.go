package engine

import (
	"errors"
	"fmt"
	"slices"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store/roster"
)

// A segment's members are kept once, under the ref with which they began. Readers find them under the
// refs that the segment says, of which there are two while it moves from one generation to the next:
// every delta of the log says which refs it counts for, and is read once for each. That all members
// became those of a ref, or that a ref ended while they stay, is a delta aside, which changes nothing
// in the membership.

// turn stages what readers of the log must know when a segment is found under other refs than before:
// all members join a ref that is new, and everybody leaves one that ends.
func (t *tx) turn(old, v *catalog.Segment) {
	was, will := old.Refs(), v.Refs()
	if slices.Equal(was, will) {
		return
	}
	joined, ended := refsBut(will, was), refsBut(was, will)
	id := segmentID{v.Env, v.Key}
	if len(joined)+len(ended) != 1 || !slices.Contains(will, v.Ref()) {
		t.fail(fmt.Errorf("segment %s of environment %s can't be known as %v instead of %v: one ref begins or ends at a time", v.Key, v.Env, will, was))
		return
	}
	if len(joined) == 1 && joined[0].Generation <= t.lastGeneration(id) {
		t.fail(fmt.Errorf("segment %s of environment %s can't move to generation %d: generations are never reused", v.Key, v.Env, joined[0].Generation))
		return
	}
	if len(joined) == 1 { // what joins is written into a file
		if err := t.room(); err != nil {
			t.fail(err)
			return
		}
	}
	if err := t.first(id); err != nil {
		if !errors.Is(err, errPostponed) {
			t.fail(err)
		}
		return
	}
	m := t.membership(refID{v.Env, v.Home()})
	if m == nil || m != t.step.e.membership(refID{v.Env, v.Home()}) {
		t.fail(fmt.Errorf("move %s of environment %s: the membership begins in the same write", v.Home(), v.Env))
		return
	}
	if err := t.tellAll(m, append(joined, ended...)[0], len(ended) == 1); err != nil {
		t.fail(err)
	}
}

// refsBut returns the refs that are not among others.
func refsBut(refs, others []segment.Ref) (rest []segment.Ref) {
	for _, ref := range refs {
		if !slices.Contains(others, ref) {
			rest = append(rest, ref)
		}
	}
	return rest
}

// tellAll stages the delta that all members of m joined or left a ref, as they are in this write.
func (t *tx) tellAll(m *membership, ref segment.Ref, left bool) error {
	if err := m.unreadableNow(); err != nil {
		return err
	}
	counts := *m.counts.Load()
	if counts == (segment.Counts{}) {
		return nil
	}
	c, err := compose(m.layers.Load().frozen(), 0, counts)
	if err != nil {
		return m.unreadable(err)
	}
	pub := &publication{
		env: m.env, rosters: c.rosters(), settled: make(chan struct{}),
		publicationRow: publicationRow{Ref: m.ref, Rosters: c.rosters(), Counts: counts, Aside: true, Ended: left},
	}
	if len(c.tail.hashes) == 0 {
		pub.settleAside(c)
	}
	d := c.tail
	d.ref, d.known, d.aside, d.publication = m.ref, []segment.Generation{ref.Generation}, true, pub
	d.m, d.change = newMembership(m.env, m.ref), segment.Counts{}
	stage(&t.deltas, d.m, d)
	return nil
}

// settleAside takes the files of a membership, over which there is nothing, as what joined or left a ref,
// where they are that.
func (p *publication) settleAside(c *composition) {
	switch {
	case p.Ended:
		p.Left, p.Rosters = p.Rosters, nil
	case len(c.files) == 1 && c.files[0].roster.Kind() == roster.Full:
		p.File, p.Rosters = &c.files[0].id, nil
		p.Bytes = c.files[0].roster.Summary().Bytes
		p.Diff = segment.Diff{Added: int(total(p.Counts))}
	}
}

// address says of a delta which generations it counts for, unless it does already.
func (t *tx) address(env segment.EnvID, d *delta) {
	if seg, ok := t.Segment(env, d.ref.Key); ok && len(d.known) == 0 && seg.Home() == d.ref {
		d.known = generations(d.ref, seg.Refs())
	}
}

// generations returns those of refs, or none if they are what a delta of home counts for anyway.
func generations(home segment.Ref, refs []segment.Ref) (known []segment.Generation) {
	if len(refs) == 1 && refs[0] == home {
		return nil
	}
	for _, ref := range refs {
		known = append(known, ref.Generation)
	}
	return known
}

// Graves returns how many contexts are remembered to have left each ref, also of refs that ended.
func (e *Engine) Graves(id segment.EnvID) (map[segment.Ref]int64, error) {
	env, err := e.served(id)
	if err != nil {
		return nil, fmt.Errorf("count who left segments of environment %s: %w", id, err)
	}
	left := make(map[segment.Ref]int64)
	for ref, g := range env.graves.Load().of {
		for _, f := range g.files {
			left[ref] += f.n
		}
	}
	return left, nil
}
