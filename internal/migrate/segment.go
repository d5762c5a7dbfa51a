package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// segments carries over what people say about the segments of an environment. It returns the rules
// of those that are described; those that are not here then are put into lost.
func (m *migration) segments(ctx context.Context, project, env string, lost map[string]bool) (map[string]json.RawMessage, error) {
	rules := map[string]json.RawMessage{}
	err := m.source.each(ctx, path("segments", project, env)+"?limit=50", func(s object) error {
		key := s.text("key")
		ok, err := m.segment(ctx, project, env, s)
		lost[key] = !ok
		if slices.ContainsFunc(read[[]object](s["rules"]), func(r object) bool { return r.text("description") != "" }) {
			rules[key] = s["rules"]
		}
		return err
	})
	if err != nil {
		return nil, m.lost(segments, project+"/"+env+"/*", err)
	}
	return rules, nil
}

func (m *migration) segment(ctx context.Context, project, env string, s object) (bool, error) {
	key := s.text("key")
	name, at := project+"/"+env+"/"+key, path("segments", project, env, key)
	var there object
	if _, err := m.muster.get(ctx, at, &there); err != nil {
		return false, m.lost(segments, name, err)
	}
	if there != nil && s.truth("unbounded") && (!there.truth("unbounded") || len(s.differing(there, "unboundedContextKind")) > 0) {
		m.failed(segments, name, fmt.Errorf("it is here already and not a big segment of contexts of kind %s; that can't be changed", s.text("unboundedContextKind")))
		return false, nil
	}
	ok, err := m.settle(ctx, thing{
		kind: segments, name: name, at: at, source: s, target: there, members: []string{"name", "description", "tags"},
		make: func() error {
			body := s.only("key", "name", "description", "tags", "unbounded", "unboundedContextKind")
			_, err := m.muster.call(ctx, http.MethodPost, path("segments", project, env), body)
			return err
		},
	})
	if ok && s.truth("unbounded") && !hasMembers(there) {
		if tool := s.text("_external"); tool != "" {
			name += " (" + tool + ")"
		}
		m.memberless = append(m.memberless, name)
	}
	return ok, err
}

// hasMembers reports whether a big segment of muster has any.
func hasMembers(s object) bool {
	count := read[struct{ IncludedCount, ExcludedCount int64 }](s["_unboundedMetadata"])
	return count.IncludedCount+count.ExcludedCount > 0
}
