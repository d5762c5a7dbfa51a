package admin

import (
	"context"
	"maps"
	"slices"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/store"
)

// Source is a tool that syncs into an environment, with what people say of it.
type Source struct {
	Key string // integration key
	catalog.SourceDetails
	Segments []*catalog.Segment // that it owns
}

// Known reports whether anything is known of the source in its environment.
func (s *Source) Known() bool {
	return len(s.Segments) > 0 || s.SourceDetails != catalog.SourceDetails{}
}

// Sources returns the tools that own segments of an environment, and those of which people said
// something, by their keys.
func (a *Admin) Sources(_ context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey) ([]Source, error) {
	_, env, err := viewEnvironment(a.store, who, p, e)
	if err != nil {
		return nil, err
	}
	owned := make(map[string][]*catalog.Segment)
	for key := range env.Sources {
		owned[key] = nil
	}
	for _, s := range a.store.Segments(env.ID) {
		if s.Source != nil {
			owned[s.Source.Tool] = append(owned[s.Source.Tool], s)
		}
	}
	var all []Source
	for _, key := range slices.Sorted(maps.Keys(owned)) {
		all = append(all, Source{key, env.Sources[key], owned[key]})
	}
	return all, nil
}

// Source returns one tool as it syncs into an environment. Of one that never did nothing is known.
func (a *Admin) Source(_ context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, key string) (Source, error) {
	_, env, err := viewEnvironment(a.store, who, p, e)
	if err != nil {
		return Source{}, err
	}
	return sourceOf(a.store, env, key), checkIntegrationKey(key)
}

func sourceOf(from store.Catalog, env *catalog.Environment, key string) Source {
	s := Source{Key: key, SourceDetails: env.Sources[key]}
	for _, seg := range from.Segments(env.ID) {
		if seg.Source != nil && seg.Source.Tool == key {
			s.Segments = append(s.Segments, seg)
		}
	}
	return s
}

// ChangeSource runs change on what people say of a source. The caller needs viewProject and
// updateEnvironmentSettings. change may run more than once.
func (a *Admin) ChangeSource(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, key string, how Change, change func(*catalog.SourceDetails) error) (Source, error) {
	var result Source
	err := a.updateSource(ctx, who, p, e, key, how, func(w *sourceChange) error {
		before := w.env.Sources[key]
		after := before
		if err := change(&after); err != nil {
			return err
		}
		if after != before {
			w.put(key, after)
			switch {
			case before.DisconnectedAt.IsZero() && !after.DisconnectedAt.IsZero():
				w.verb = "disconnected the source " + key + " of"
			case !before.DisconnectedAt.IsZero() && after.DisconnectedAt.IsZero():
				w.verb = "connected the source " + key + " of"
			default:
				w.verb = "renamed the source " + key + " of"
			}
		}
		result = sourceOf(w.tx, w.env, key)
		result.SourceDetails = after
		return nil
	})
	return result, err
}

// ForgetSource makes the segments of a source lists that people keep, with the members that they have,
// and forgets its details and its guard. The caller needs viewProject and updateEnvironmentSettings. The
// tool's next call, if its token still works, makes it a source anew and takes the segments over again.
func (a *Admin) ForgetSource(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, key string) error {
	return a.updateSource(ctx, who, p, e, key, Change{}, func(w *sourceChange) error {
		known := sourceOf(w.tx, w.env, key)
		if !known.Known() && w.env.SourceGuards[key] == nil {
			return fault.NotFoundf("nothing is known of a source %s in environment %s", key, e)
		}
		for _, s := range known.Segments {
			s = s.Clone()
			s.Source = nil
			s.ModifiedAt = a.now()
			s.Version++
			w.tx.PutSegment(s)
		}
		w.put(key, catalog.SourceDetails{})
		delete(w.after.SourceGuards, key)
		w.verb = "forgot the source " + key + " of"
		return nil
	})
}

// sourceChange is a change of a source on its way.
type sourceChange struct {
	tx         store.Tx
	env, after *catalog.Environment
	verb       string // "": nothing changes
}

// put keeps details, or none where there is nothing to keep.
func (w *sourceChange) put(key string, d catalog.SourceDetails) {
	if d == (catalog.SourceDetails{}) {
		delete(w.after.Sources, key)
		return
	}
	if w.after.Sources == nil {
		w.after.Sources = make(map[string]catalog.SourceDetails)
	}
	w.after.Sources[key] = d
}

func (a *Admin) updateSource(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, key string, how Change, change func(*sourceChange) error) error {
	return a.update(ctx, store.Scope{Project: p}, how, func(tx store.Tx) error {
		project, env, err := viewEnvironment(tx, who, p, e)
		if err != nil {
			return err
		}
		if err := checkIntegrationKey(key); err != nil {
			return err
		}
		w := sourceChange{tx: tx, env: env, after: env.Clone()}
		if err := change(&w); err != nil || w.verb == "" {
			return err
		}
		es := effects{{policy.UpdateEnvironmentSettings, catalog.EnvironmentResource(project, env)}}
		if err := es.authorise(who); err != nil {
			return err
		}
		w.after.Version++
		if err := w.after.Validate(); err != nil {
			return err
		}
		tx.PutEnvironment(w.after)
		d := environmentDone(w.verb, project, env, w.after)
		d.how = how
		return a.audit(tx, who, es, d)
	})
}
