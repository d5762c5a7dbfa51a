package engine

import (
	"iter"
	"slices"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/roster"
)

// composition is a membership made of layers that exist already: files, and on top of them the
// changes of all tables as one delta. It is what a publication installs and a point retains.
type composition struct {
	files  []*file        // newest first
	tail   *delta         // over the files; hashes and ops only, and keys
	filed  segment.Counts // of the files alone
	counts segment.Counts // with the tail
}

// rosters returns the names of the files.
func (c *composition) rosters() []store.FileID {
	ids := make([]store.FileID, len(c.files))
	for i, f := range c.files {
		ids[i] = f.id
	}
	return ids
}

// layers returns the composition as the layers of a membership, of which the first is live.
func (c *composition) layers() *layers {
	l := &layers{}
	if len(c.tail.hashes) > 0 {
		l.live = newPending()
		l.live.apply(c.tail)
	}
	for _, f := range c.files {
		l.older = append(l.older, layer{file: f})
	}
	return l
}

// compose makes a composition of layers, newest first, of which those from index known on have the
// given counts together. Tables may lie between files: what they say is looked up through the
// layers above, so that it can be put on top.
func compose(all []layer, known int, counts segment.Counts) (*composition, error) {
	c := &composition{counts: counts, tail: &delta{}}
	lowest := 0 // tables are above it
	for i, l := range all {
		if l.table != nil {
			lowest = i + 1
		} else {
			c.files = append(c.files, l.file)
		}
	}
	for ch, err := range mergedLayers(false, all[:known], nil) {
		if err != nil {
			return nil, err
		}
		before, err := findIn(all[known:], &ch.Hash)
		if err != nil {
			return nil, err
		}
		c.counts = c.counts.Add(ch.Ops.Effective(before.Settled()))
	}
	c.filed = c.counts
	for ch, err := range tables(all[:lowest]) {
		if err != nil {
			return nil, err
		}
		ops, err := findIn(all[:lowest], &ch.Hash)
		if err != nil {
			return nil, err
		}
		var below segment.Ops
		for _, f := range c.files {
			found, err := f.find(&ch.Hash)
			if err != nil {
				return nil, err
			}
			below = below.Over(found)
		}
		effective := ops.Effective(below.Settled())
		if effective == 0 {
			continue
		}
		c.tail.add(ch.Hash, effective, ch.Key)
		c.filed = c.filed.Add(inverse(effective))
	}
	c.tail.counts = c.counts
	c.tail.change = minus(c.counts, c.filed)
	return c, nil
}

// listed makes a composition of a sealed list of all members and what was changed meanwhile, to take
// the place of a membership.
func listed(m *membership, list *file, meanwhile []layer) (*composition, error) {
	above := append(slices.Clip(meanwhile), layer{file: list})
	if list.roster.Kind() == roster.Full {
		return compose(above, len(meanwhile), list.roster.Counts())
	}
	// The list is changes on what the membership was. Whatever it is now and was not then came
	// meanwhile, so these lie over it as well as over what they were made for.
	l := m.layers.Load()
	if l.err != nil {
		return nil, l.err
	}
	all := slices.Concat(above, l.frozen())
	counts, err := listedCounts(*m.counts.Load(), all, len(meanwhile))
	if err != nil {
		return nil, err
	}
	return compose(all, 0, counts)
}

// listedCounts returns the counts of layers: changes made meanwhile, the changes that make a list of
// what was there before them, and what is there now.
func listedCounts(now segment.Counts, all []layer, meanwhile int) (segment.Counts, error) {
	list := all[meanwhile].file
	added := list.roster.Counts().Included
	counts := now
	counts.Included += added - (list.roster.Len() - added)
	for ch, err := range mergedLayers(false, all[:meanwhile], nil) {
		if err != nil {
			return counts, err
		}
		change, err := list.find(&ch.Hash)
		if err != nil {
			return counts, err
		}
		before, err := findIn(all[meanwhile+1:], &ch.Hash)
		if err != nil {
			return counts, err
		}
		counts = counts.Add(inverse(change)).Add(ch.Ops.Over(change).Effective(before.Settled()))
	}
	return counts, nil
}

// tables yields the contexts that the tables among layers name, in hash order.
func tables(all []layer) iter.Seq2[segment.Change, error] {
	var only []layer
	for _, l := range all {
		if l.table != nil {
			only = append(only, l)
		}
	}
	return mergedLayers(false, only, nil)
}

// inverse returns the operations that take effective ones back.
func inverse(effective segment.Ops) segment.Ops {
	const adds = segment.Include | segment.Exclude
	return effective&adds<<1 | effective>>1&adds
}
