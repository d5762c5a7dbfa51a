package engine

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"muster/internal/catalog"
	"muster/internal/segment"
)

// definitions returns the definitions of an environment that SDKs see otherwise than before:
// segments, flags, then segments that are gone.
func (t *tx) definitions(env *catalog.Environment) []segment.Definition {
	before := &reading{objects: t.objects, overs: t.overs[1:]}
	var all, gone []segment.Definition
	for _, id := range slices.SortedFunc(maps.Keys(t.over.segments), func(a, b segmentID) int { return cmp.Compare(a.key, b.key) }) {
		if id.env != env.ID {
			continue
		}
		old, _ := before.Segment(id.env, id.key)
		now := t.over.segments[id]
		switch {
		case now == nil && old != nil:
			gone = append(gone, segment.Definition{Kind: segment.SegmentDefinition, Key: string(id.key), Version: t.lastVersion(segmentVersion(id.env, id.key))})
		case now != nil:
			d := catalog.SegmentDefinition(now)
			if old == nil || !bytes.Equal(catalog.SegmentDefinition(old).JSON, d.JSON) {
				all = append(all, d)
			}
		}
	}
	return append(append(all, t.flagDefinitions(before, env)...), gone...)
}

func (t *tx) flagDefinitions(before *reading, env *catalog.Environment) []segment.Definition {
	_, existed := before.Environment(env.ID)
	var changed []catalog.FlagKey
	for id := range t.over.flags {
		if id.project == env.Project {
			changed = append(changed, id.key)
		}
	}
	if !existed {
		changed = nil
		for _, f := range t.Flags(env.Project) {
			changed = append(changed, f.Key)
		}
	}
	slices.Sort(changed)
	var all []segment.Definition
	for _, k := range changed {
		var old, now segment.Definition
		if f, ok := before.Flag(env.Project, k); ok && existed {
			old = catalog.FlagDefinition(f, env.Key)
		}
		if f, ok := t.Flag(env.Project, k); ok {
			now = catalog.FlagDefinition(f, env.Key)
		}
		if bytes.Equal(old.JSON, now.JSON) {
			continue
		}
		id := flagVersion(env.ID, k)
		if now.JSON == nil { // deleted or archived
			t.raise(id, max(now.Version, old.Version+1))
			now = segment.Definition{Kind: segment.FlagDefinition, Key: string(k), Version: t.lastVersion(id)}
		}
		t.raise(id, now.Version)
		all = append(all, now)
	}
	return all
}

// filtersOtherwise reports whether payload filters of the environment's project may select other flags
// than before: a filter changed, or the tags of a flag did.
func (t *tx) filtersOtherwise(env *catalog.Environment) bool {
	before := &reading{objects: t.objects, overs: t.overs[1:]}
	was, existed := before.Project(env.Project)
	now, exists := t.Project(env.Project)
	if !existed || !exists {
		return false
	}
	if !slices.EqualFunc(was.Filters, now.Filters, (*catalog.PayloadFilter).Equal) {
		return true
	}
	if len(now.Filters) == 0 {
		return false
	}
	for id, f := range t.over.flags {
		old, ok := before.Flag(id.project, id.key)
		if ok && f != nil && id.project == env.Project && !slices.Equal(old.Tags, f.Tags) {
			return true
		}
	}
	return false
}
