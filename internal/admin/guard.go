package admin

import (
	"context"

	"muster/internal/catalog"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// Guard is the limits of a segment as they count.
type Guard struct {
	segment.Guard
	// Inherited are the limits that come from the environment or are the default.
	Inherited []segment.GuardField
}

func guardOf(e *catalog.Environment, s *catalog.Segment) Guard {
	g := e.Guard.Over(segment.DefaultGuard)
	if s == nil {
		return Guard{g, e.Guard.Inherited()}
	}
	return Guard{s.Guard.Over(g), s.Guard.Inherited()}
}

// Guard returns the guard of a segment, or with an empty key the one that the segments of the
// environment inherit.
func (a *Admin) Guard(_ context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, key segment.Key) (Guard, error) {
	_, env, err := viewEnvironment(a.store, who, p, e)
	if err != nil {
		return Guard{}, err
	}
	if key == "" {
		return guardOf(env, nil), nil
	}
	s, err := findSegment(a.store, env, key)
	if err != nil {
		return Guard{}, err
	}
	return guardOf(env, s), nil
}

// ChangeGuard runs change on the limits that are set on a segment, or with an empty key on its
// environment; limits that it sets to nil are inherited. The caller needs updateGuard on the segment,
// for an environment on all of its segments. change may run more than once.
func (a *Admin) ChangeGuard(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, key segment.Key, how Change, change func(*segment.GuardSettings) error) (Guard, error) {
	_, env, err := findEnvironment(a.store, p, e)
	if err != nil {
		return Guard{}, err
	}
	scope := store.Scope{Env: env.ID}
	if key == "" {
		scope = store.Scope{Project: p}
	}
	var result Guard
	err = a.update(ctx, scope, how, func(tx store.Tx) error {
		project, env, err := findEnvironment(tx, p, e)
		if err != nil {
			return err
		}
		w := guardChange{Admin: a, tx: tx, who: who, how: how, project: project, env: env}
		if key == "" {
			result, err = w.environment(change)
			return err
		}
		s, err := findSegment(tx, env, key)
		if err != nil {
			return err
		}
		result, err = w.segment(s, change)
		return err
	})
	if err != nil {
		return Guard{}, err
	}
	return result, nil
}

// guardChange is a change of a guard on its way.
type guardChange struct {
	*Admin
	tx      store.Tx
	who     catalog.Caller
	how     Change
	project *catalog.Project
	env     *catalog.Environment
}

// settings returns what change makes of some settings, and whether that differs. It authorises the
// difference on a resource.
func (w *guardChange) settings(before *segment.GuardSettings, on policy.Resource, change func(*segment.GuardSettings) error) (after *segment.GuardSettings, es effects, err error) {
	after = before.Clone()
	if after == nil {
		after = &segment.GuardSettings{}
	}
	if err := change(after); err != nil {
		return nil, nil, gate(w.who, w.project, err)
	}
	if before.Equal(after) {
		return nil, nil, gate(w.who, w.project, nil)
	}
	es = effects{{policy.UpdateGuard, on}}
	if err := es.authorise(w.who); err != nil {
		return nil, nil, err
	}
	if err := after.Validate(); err != nil {
		return nil, nil, err
	}
	if after.Equal(nil) {
		after = nil
	}
	return after, es, nil
}

func (w *guardChange) segment(before *catalog.Segment, change func(*segment.GuardSettings) error) (Guard, error) {
	settings, es, err := w.settings(before.Guard, catalog.SegmentResource(w.project, w.env, before.Key, before.Tags), change)
	if err != nil || len(es) == 0 {
		return guardOf(w.env, before), err
	}
	after := before.Clone()
	after.Guard = settings
	w.tx.PutSegment(after)
	d := segmentDone("updated the guard of", w.project, w.env, before, after)
	d.how = w.how
	return guardOf(w.env, after), w.audit(w.tx, w.who, es, d)
}

func (w *guardChange) environment(change func(*segment.GuardSettings) error) (Guard, error) {
	settings, es, err := w.settings(w.env.Guard, catalog.SegmentResource(w.project, w.env, "", nil), change)
	if err != nil || len(es) == 0 {
		return guardOf(w.env, nil), err
	}
	after := w.env.Clone()
	after.Guard = settings
	after.Version++
	w.tx.PutEnvironment(after)
	d := environmentDone("updated the guard of", w.project, w.env, after)
	d.how = w.how
	return guardOf(after, nil), w.audit(w.tx, w.who, es, d)
}
