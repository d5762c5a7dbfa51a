package admin

import (
	"context"
	"maps"
	"slices"

	"muster/internal/catalog"
)

// Tags returns the tags of what the caller may view, sorted. Kinds choose among "project",
// "environment", "flag" and "segment"; none of them means all.
func (a *Admin) Tags(ctx context.Context, who catalog.Caller, kinds []string) ([]string, error) {
	projects, err := a.Projects(ctx, who)
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	add := func(kind string, tags []string) {
		if len(kinds) > 0 && !slices.Contains(kinds, kind) {
			return
		}
		for _, t := range tags {
			found[t] = true
		}
	}
	for _, p := range projects {
		add("project", p.Tags)
		for _, f := range a.store.Flags(p.Key) {
			add("flag", f.Tags)
		}
		for _, e := range a.store.Environments(p.Key) {
			add("environment", e.Tags)
			for _, s := range a.store.Segments(e.ID) {
				add("segment", s.Tags)
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}
