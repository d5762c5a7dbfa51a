package engine

import (
	"fmt"
	"maps"
	"slices"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

// overlay is what writes have staged over the committed catalog. A nil object was deleted.
type overlay struct {
	projects     map[catalog.ProjectKey]*catalog.Project
	environments map[segment.EnvID]*catalog.Environment
	flags        map[flagID]*catalog.Flag
	segments     map[segmentID]*catalog.Segment
	sources      map[sourceID]segment.Key
	tokens       map[catalog.ID]*catalog.Token
	members      map[catalog.ID]*catalog.Member
	roles        map[catalog.ID]*catalog.Role
	webhooks     map[catalog.ID]*catalog.Webhook
	relayConfigs map[catalog.ID]*catalog.RelayConfig
	sinks        map[catalog.ID]*catalog.Sink
	versions     map[versionID]int
	generations  map[segmentID]segment.Generation
	memberships  map[refID]*membership // of refs that begin or are exchanged, nil for those that end
	sessions     map[sessionID]*session
}

type refID struct {
	env segment.EnvID
	ref segment.Ref
}

// stage sets a value in a map of an overlay, which is made when it is first needed.
func stage[K comparable, V any](m *map[K]V, k K, v V) {
	if *m == nil {
		*m = make(map[K]V)
	}
	(*m)[k] = v
}

// absorb lays what another overlay has staged over o.
func (o *overlay) absorb(s *overlay) {
	layOver(&o.projects, s.projects)
	layOver(&o.environments, s.environments)
	layOver(&o.flags, s.flags)
	layOver(&o.segments, s.segments)
	layOver(&o.sources, s.sources)
	layOver(&o.tokens, s.tokens)
	layOver(&o.members, s.members)
	layOver(&o.roles, s.roles)
	layOver(&o.webhooks, s.webhooks)
	layOver(&o.relayConfigs, s.relayConfigs)
	layOver(&o.sinks, s.sinks)
	layOver(&o.versions, s.versions)
	layOver(&o.generations, s.generations)
	layOver(&o.memberships, s.memberships)
	layOver(&o.sessions, s.sessions)
}

func layOver[K comparable, V any](to *map[K]V, from map[K]V) {
	if len(from) == 0 {
		return
	}
	if *to == nil {
		*to = make(map[K]V, len(from))
	}
	maps.Copy(*to, from)
}

// reading is the read side of the catalog: the committed objects below what was staged, the newest
// overlay first. With no overlay it is what everybody sees.
type reading struct {
	objects *objects
	overs   []*overlay
}

// lookUp looks a key up in one map of each overlay, newest first.
func lookUp[K comparable, V any](r *reading, in func(*overlay) map[K]V, k K) (V, bool) {
	for _, o := range r.overs {
		if v, ok := in(o)[k]; ok {
			return v, true
		}
	}
	var none V
	return none, false
}

// stagedAll returns the newest staged value of every key in one map of the overlays.
func stagedAll[K comparable, V any](r *reading, in func(*overlay) map[K]V) map[K]V {
	var all map[K]V
	for _, o := range slices.Backward(r.overs) {
		layOver(&all, in(o))
	}
	return all
}

// merged lays staged values that keep selects over a sorted list.
func merged[K comparable, V any](base []*V, over map[K]*V, keyOf func(*V) K, keep func(K, *V) bool, compare func(a, b *V) int) []*V {
	if len(over) == 0 {
		return base
	}
	var out []*V
	for _, v := range base {
		if _, ok := over[keyOf(v)]; !ok {
			out = append(out, v)
		}
	}
	for k, v := range over {
		if v != nil && keep(k, v) {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, compare)
	return out
}

func inProjects(o *overlay) map[catalog.ProjectKey]*catalog.Project    { return o.projects }
func inEnvironments(o *overlay) map[segment.EnvID]*catalog.Environment { return o.environments }
func inFlags(o *overlay) map[flagID]*catalog.Flag                      { return o.flags }
func inSegments(o *overlay) map[segmentID]*catalog.Segment             { return o.segments }
func inSources(o *overlay) map[sourceID]segment.Key                    { return o.sources }
func inTokens(o *overlay) map[catalog.ID]*catalog.Token                { return o.tokens }
func inMembers(o *overlay) map[catalog.ID]*catalog.Member              { return o.members }
func inRoles(o *overlay) map[catalog.ID]*catalog.Role                  { return o.roles }
func inWebhooks(o *overlay) map[catalog.ID]*catalog.Webhook            { return o.webhooks }
func inRelayConfigs(o *overlay) map[catalog.ID]*catalog.RelayConfig    { return o.relayConfigs }
func inSinks(o *overlay) map[catalog.ID]*catalog.Sink                  { return o.sinks }
func inVersions(o *overlay) map[versionID]int                          { return o.versions }
func inGenerations(o *overlay) map[segmentID]segment.Generation        { return o.generations }
func inMemberships(o *overlay) map[refID]*membership                   { return o.memberships }

func (r *reading) Projects() []*catalog.Project {
	r.objects.mu.RLock()
	base := r.objects.projects.all()
	r.objects.mu.RUnlock()
	return merged(base, stagedAll(r, inProjects),
		func(p *catalog.Project) catalog.ProjectKey { return p.Key },
		func(catalog.ProjectKey, *catalog.Project) bool { return true }, compareProjects)
}

func (r *reading) Project(key catalog.ProjectKey) (*catalog.Project, bool) {
	v, ok := lookUp(r, inProjects, key)
	if !ok {
		r.objects.mu.RLock()
		v = r.objects.projects.get(key)
		r.objects.mu.RUnlock()
	}
	return v, v != nil
}

func (r *reading) Environments(project catalog.ProjectKey) []*catalog.Environment {
	r.objects.mu.RLock()
	base := r.objects.environments[project].all()
	r.objects.mu.RUnlock()
	return merged(base, stagedAll(r, inEnvironments),
		func(v *catalog.Environment) segment.EnvID { return v.ID },
		func(_ segment.EnvID, v *catalog.Environment) bool { return v.Project == project }, compareEnvironments)
}

func (r *reading) Environment(id segment.EnvID) (*catalog.Environment, bool) {
	v, ok := lookUp(r, inEnvironments, id)
	if !ok {
		r.objects.mu.RLock()
		v = r.objects.byID[id]
		r.objects.mu.RUnlock()
	}
	return v, v != nil
}

func (r *reading) EnvironmentByKey(project catalog.ProjectKey, key catalog.EnvKey) (*catalog.Environment, bool) {
	return named(r.Environments(project), key)
}

// named finds an environment in a list that is sorted by key.
func named(sorted []*catalog.Environment, key catalog.EnvKey) (*catalog.Environment, bool) {
	i, ok := slices.BinarySearchFunc(sorted, &catalog.Environment{Key: key}, compareEnvironments)
	if !ok {
		return nil, false
	}
	return sorted[i], true
}

func (r *reading) EnvironmentBySDKKey(key string) (*catalog.Environment, bool) {
	return r.environmentBy(key, r.objects.bySDKKey, func(v *catalog.Environment) bool {
		return slices.Contains(sdkKeys(v), key)
	})
}

func (r *reading) EnvironmentByMobileKey(key string) (*catalog.Environment, bool) {
	return r.environmentBy(key, r.objects.byMobileKey, func(v *catalog.Environment) bool {
		return v.MobileKey == key
	})
}

func (r *reading) environmentBy(key string, index map[string]segment.EnvID, has func(*catalog.Environment) bool) (*catalog.Environment, bool) {
	if key == "" {
		return nil, false
	}
	for _, v := range stagedAll(r, inEnvironments) {
		if v != nil && has(v) {
			return v, true
		}
	}
	r.objects.mu.RLock()
	id, ok := index[key]
	r.objects.mu.RUnlock()
	if !ok {
		return nil, false
	}
	v, ok := r.Environment(id)
	if !ok || !has(v) {
		return nil, false
	}
	return v, true
}

func (r *reading) Flags(project catalog.ProjectKey) []*catalog.Flag {
	r.objects.mu.RLock()
	base := r.objects.flags[project].all()
	r.objects.mu.RUnlock()
	return merged(base, stagedAll(r, inFlags),
		func(v *catalog.Flag) flagID { return flagID{v.Project, v.Key} },
		func(id flagID, _ *catalog.Flag) bool { return id.project == project }, compareFlags)
}

func (r *reading) Flag(project catalog.ProjectKey, key catalog.FlagKey) (*catalog.Flag, bool) {
	v, ok := lookUp(r, inFlags, flagID{project, key})
	if !ok {
		r.objects.mu.RLock()
		v = r.objects.flags[project].get(key)
		r.objects.mu.RUnlock()
	}
	return v, v != nil
}

func (r *reading) Segments(env segment.EnvID) []*catalog.Segment {
	r.objects.mu.RLock()
	base := r.objects.segments[env].all()
	r.objects.mu.RUnlock()
	return merged(base, stagedAll(r, inSegments),
		func(v *catalog.Segment) segmentID { return segmentID{v.Env, v.Key} },
		func(id segmentID, _ *catalog.Segment) bool { return id.env == env }, compareSegments)
}

func (r *reading) Segment(env segment.EnvID, key segment.Key) (*catalog.Segment, bool) {
	v, ok := lookUp(r, inSegments, segmentID{env, key})
	if !ok {
		r.objects.mu.RLock()
		v = r.objects.segments[env].get(key)
		r.objects.mu.RUnlock()
	}
	return v, v != nil
}

func (r *reading) SegmentBySource(env segment.EnvID, tool, externalID string) (*catalog.Segment, bool) {
	id := sourceID{env, tool, externalID}
	key, ok := lookUp(r, inSources, id)
	if !ok {
		r.objects.mu.RLock()
		key, ok = r.objects.bySource[id]
		r.objects.mu.RUnlock()
	}
	if !ok {
		return nil, false
	}
	v, ok := r.Segment(env, key)
	if !ok || v.Source == nil || sourceOf(v) != id {
		return nil, false
	}
	return v, true
}

func (r *reading) Tokens() []*catalog.Token {
	r.objects.mu.RLock()
	base := r.objects.tokens.all()
	r.objects.mu.RUnlock()
	return merged(base, stagedAll(r, inTokens),
		func(v *catalog.Token) catalog.ID { return v.ID },
		func(catalog.ID, *catalog.Token) bool { return true }, compareTokens)
}

func (r *reading) Token(id catalog.ID) (*catalog.Token, bool) {
	v, ok := lookUp(r, inTokens, id)
	if !ok {
		r.objects.mu.RLock()
		v = r.objects.tokens.get(id)
		r.objects.mu.RUnlock()
	}
	return v, v != nil
}

func (r *reading) TokenByHash(hash [32]byte) (*catalog.Token, bool) {
	for _, v := range stagedAll(r, inTokens) {
		if v != nil && slices.Contains(tokenHashes(v), hash) {
			return v, true
		}
	}
	r.objects.mu.RLock()
	id, ok := r.objects.byHash[hash]
	r.objects.mu.RUnlock()
	if !ok {
		return nil, false
	}
	v, ok := r.Token(id)
	if !ok || !slices.Contains(tokenHashes(v), hash) {
		return nil, false
	}
	return v, true
}

func (r *reading) Members() []*catalog.Member {
	r.objects.mu.RLock()
	base := r.objects.members.all()
	r.objects.mu.RUnlock()
	return merged(base, stagedAll(r, inMembers),
		func(v *catalog.Member) catalog.ID { return v.ID },
		func(catalog.ID, *catalog.Member) bool { return true }, compareMembers)
}

func (r *reading) Member(id catalog.ID) (*catalog.Member, bool) {
	v, ok := lookUp(r, inMembers, id)
	if !ok {
		r.objects.mu.RLock()
		v = r.objects.members.get(id)
		r.objects.mu.RUnlock()
	}
	return v, v != nil
}

func (r *reading) Roles() []*catalog.Role {
	r.objects.mu.RLock()
	base := r.objects.roles.all()
	r.objects.mu.RUnlock()
	return merged(base, stagedAll(r, inRoles),
		func(v *catalog.Role) catalog.ID { return v.ID },
		func(catalog.ID, *catalog.Role) bool { return true }, compareRoles)
}

func (r *reading) Role(id catalog.ID) (*catalog.Role, bool) {
	v, ok := lookUp(r, inRoles, id)
	if !ok {
		r.objects.mu.RLock()
		v = r.objects.roles.get(id)
		r.objects.mu.RUnlock()
	}
	return v, v != nil
}

func (r *reading) RoleByKey(key catalog.RoleKey) (*catalog.Role, bool) {
	sorted := r.Roles()
	i, ok := slices.BinarySearchFunc(sorted, &catalog.Role{Key: key}, compareRoles)
	if !ok {
		return nil, false
	}
	return sorted[i], true
}

func (r *reading) Webhooks() []*catalog.Webhook {
	r.objects.mu.RLock()
	base := r.objects.webhooks.all()
	r.objects.mu.RUnlock()
	return merged(base, stagedAll(r, inWebhooks),
		func(v *catalog.Webhook) catalog.ID { return v.ID },
		func(catalog.ID, *catalog.Webhook) bool { return true }, compareWebhooks)
}

func (r *reading) Webhook(id catalog.ID) (*catalog.Webhook, bool) {
	v, ok := lookUp(r, inWebhooks, id)
	if !ok {
		r.objects.mu.RLock()
		v = r.objects.webhooks.get(id)
		r.objects.mu.RUnlock()
	}
	return v, v != nil
}

func (r *reading) RelayConfigs() []*catalog.RelayConfig {
	r.objects.mu.RLock()
	base := r.objects.relayConfigs.all()
	r.objects.mu.RUnlock()
	return merged(base, stagedAll(r, inRelayConfigs),
		func(v *catalog.RelayConfig) catalog.ID { return v.ID },
		func(catalog.ID, *catalog.RelayConfig) bool { return true }, compareRelayConfigs)
}

func (r *reading) RelayConfig(id catalog.ID) (*catalog.RelayConfig, bool) {
	v, ok := lookUp(r, inRelayConfigs, id)
	if !ok {
		r.objects.mu.RLock()
		v = r.objects.relayConfigs.get(id)
		r.objects.mu.RUnlock()
	}
	return v, v != nil
}

func (r *reading) Sinks() []*catalog.Sink {
	r.objects.mu.RLock()
	base := r.objects.sinks.all()
	r.objects.mu.RUnlock()
	return merged(base, stagedAll(r, inSinks),
		func(v *catalog.Sink) catalog.ID { return v.ID },
		func(catalog.ID, *catalog.Sink) bool { return true }, compareSinks)
}

func (r *reading) Sink(id catalog.ID) (*catalog.Sink, bool) {
	v, ok := lookUp(r, inSinks, id)
	if !ok {
		r.objects.mu.RLock()
		v = r.objects.sinks.get(id)
		r.objects.mu.RUnlock()
	}
	return v, v != nil
}

// Definitions returns the definitions of what the reading sees, segments first, and the revision
// up to which the committed objects reach.
func (r *reading) Definitions(id segment.EnvID) ([]segment.Definition, segment.Revision, error) {
	env, ok := r.Environment(id)
	if !ok {
		return nil, 0, fmt.Errorf("define environment %s: %w", id, store.ErrNoEnvironment)
	}
	segments, flags, revision := r.defined(env)
	all := make([]segment.Definition, 0, len(segments)+len(flags))
	for _, s := range segments {
		all = append(all, catalog.SegmentDefinition(s))
	}
	for _, f := range flags {
		if d := catalog.FlagDefinition(f, env.Key); d.JSON != nil {
			all = append(all, d)
		}
	}
	return all, revision, nil
}

// defined returns an environment's segments and flags as they are at one revision.
func (r *reading) defined(env *catalog.Environment) ([]*catalog.Segment, []*catalog.Flag, segment.Revision) {
	if len(r.overs) > 0 {
		r.objects.mu.RLock()
		revision := r.objects.revisions[env.ID]
		r.objects.mu.RUnlock()
		return r.Segments(env.ID), r.Flags(env.Project), revision
	}
	r.objects.mu.RLock()
	defer r.objects.mu.RUnlock()
	return r.objects.segments[env.ID].all(), r.objects.flags[env.Project].all(), r.objects.revisions[env.ID]
}

// lastVersion returns the highest version that a definition ever had.
func (r *reading) lastVersion(id versionID) int {
	if n, ok := lookUp(r, inVersions, id); ok {
		return n
	}
	r.objects.mu.RLock()
	defer r.objects.mu.RUnlock()
	return r.objects.versions[id.env][id.definitionID]
}

// lastGeneration returns the highest generation that a segment key ever had.
func (r *reading) lastGeneration(id segmentID) segment.Generation {
	if g, ok := lookUp(r, inGenerations, id); ok {
		return g
	}
	r.objects.mu.RLock()
	defer r.objects.mu.RUnlock()
	return r.objects.generations[id.env][id.key]
}
