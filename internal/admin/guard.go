package admin

import (
	"context"
	"slices"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// Guard is the limits of a segment as they count, or those that the segments of a source or of an
// environment inherit.
type Guard struct {
	segment.Guard
	// Scope says on what the limits that are its own are set: "segment", "source" or "environment".
	Scope string
	// Origins says where each limit comes from: one of these, or "default".
	Origins map[segment.GuardField]string
}

// Inherited returns the limits that were set somewhere else or are the default.
func (g Guard) Inherited() []segment.GuardField {
	return slices.DeleteFunc(slices.Clone(segment.GuardFields), func(f segment.GuardField) bool { return g.Origins[f] == g.Scope })
}

// GuardOf returns the guard of a segment of an environment.
func GuardOf(e *catalog.Environment, s *catalog.Segment) Guard {
	return Guard{e.GuardOf(s), "segment", e.GuardOrigins(s, "")}
}

// GuardOfSource returns the guard that segments of a source inherit or, without one, all segments.
func GuardOfSource(e *catalog.Environment, source string) Guard {
	scope := "environment"
	if source != "" {
		scope = "source"
	}
	return Guard{e.GuardOfSource(source), scope, e.GuardOrigins(nil, source)}
}

// Guard returns the guard of a segment, or the one that the segments of a source or of the
// environment inherit.
func (a *Admin) Guard(_ context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, of catalog.GuardScope) (Guard, error) {
	_, env, err := viewEnvironment(a.store, who, p, e)
	if err != nil {
		return Guard{}, err
	}
	if of.Segment == "" {
		return GuardOfSource(env, of.Source), checkIntegrationKey(of.Source)
	}
	s, err := findSegment(a.store, env, of.Segment)
	if err != nil {
		return Guard{}, err
	}
	return GuardOf(env, s), nil
}

// checkIntegrationKey refuses what can be no tool's; "" stands for none.
func checkIntegrationKey(source string) error {
	if source != "" && !catalog.ValidKey(source) {
		return fault.Invalidf("%.100q can't be the integration key of a source", source)
	}
	return nil
}

// ChangeGuard runs change on the limits that are set on a segment, a source or an environment; limits
// that it sets to nil are inherited. The caller needs updateGuard on the segment, for a source or an
// environment on all of its segments. change may run more than once.
func (a *Admin) ChangeGuard(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, of catalog.GuardScope, how Change, change func(*segment.GuardSettings) error) (Guard, error) {
	project, env, err := findEnvironment(a.store, p, e)
	if err != nil {
		return Guard{}, err
	}
	scope := store.Scope{Env: env.ID}
	if of.Segment == "" {
		if err := checkIntegrationKey(of.Source); err != nil {
			return Guard{}, gate(who, project, err)
		}
		scope = store.Scope{Project: p}
	}
	var result Guard
	err = a.update(ctx, scope, how, func(tx store.Tx) error {
		project, env, err := findEnvironment(tx, p, e)
		if err != nil {
			return err
		}
		w := guardChange{Admin: a, tx: tx, who: who, how: how, project: project, env: env}
		if of.Segment == "" {
			result, err = w.environment(of.Source, change)
			return err
		}
		s, err := findSegment(tx, env, of.Segment)
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
		return GuardOf(w.env, before), err
	}
	after := before.Clone()
	after.Guard = settings
	w.tx.PutSegment(after)
	d := segmentDone("updated the guard of", w.project, w.env, before, after)
	d.how = w.how
	return GuardOf(w.env, after), w.audit(w.tx, w.who, es, d)
}

func (w *guardChange) environment(source string, change func(*segment.GuardSettings) error) (Guard, error) {
	before := w.env.Guard
	if source != "" {
		before = w.env.SourceGuards[source]
	}
	settings, es, err := w.settings(before, catalog.SegmentResource(w.project, w.env, "", nil), change)
	if err != nil || len(es) == 0 {
		return GuardOfSource(w.env, source), err
	}
	after := w.env.Clone()
	switch {
	case source == "":
		after.Guard = settings
	case settings == nil:
		delete(after.SourceGuards, source)
	default:
		if after.SourceGuards == nil {
			after.SourceGuards = make(map[string]*segment.GuardSettings)
		}
		after.SourceGuards[source] = settings
	}
	after.Version++
	if err := after.Validate(); err != nil {
		return Guard{}, err
	}
	w.tx.PutEnvironment(after)
	d := environmentDone("updated the guard of", w.project, w.env, after)
	d.how = w.how
	return GuardOfSource(after, source), w.audit(w.tx, w.who, es, d)
}
