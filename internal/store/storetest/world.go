package storetest

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/catalog"
	"muster/internal/policy"
	"muster/internal/seal"
	"muster/internal/segment"
	"muster/internal/store"
)

// world is what a store should hold, on maps: the model that engines are compared with.
type world struct {
	projects map[catalog.ProjectKey]*catalog.Project
	flags    map[catalog.ProjectKey]map[catalog.FlagKey]*catalog.Flag
	envs     map[segment.EnvID]*envWorld
	tokens   map[catalog.ID]*catalog.Token
	people   map[catalog.ID]*catalog.Member
	roles    map[catalog.ID]*catalog.Role
	hooks    map[catalog.ID]*catalog.Webhook
	relays   map[catalog.ID]*catalog.RelayConfig
	sinks    map[catalog.ID]*catalog.Sink
	audit    []catalog.AuditEntry // oldest first
	serial   int                  // source of all ids, names and times
}

// envWorld is one environment of a world.
type envWorld struct {
	env        *catalog.Environment
	segments   map[segment.Key]*catalog.Segment
	members    map[segment.Ref]memberSet // of live refs; both of a segment that moves are one set
	generation map[segment.Key]segment.Generation
	version    map[definitionKey]int
	runs       []segment.Run // oldest first

	was       map[segment.Ref]memberSet   // before the update that changes this world
	points    map[segment.Key][]*retained // oldest first
	sessions  map[segment.RunID]*collecting
	exchanges map[segment.Ref]int      // how often all members were exchanged
	since     map[segment.Ref]int      // sessions that were opened before are superseded, by serial number
	documents map[store.DocumentID]int // their sizes
}

type memberSet map[segment.Hash]segment.Ops

type definitionKey struct {
	kind segment.DefinitionKind
	key  string
}

func newWorld() *world {
	return &world{
		projects: map[catalog.ProjectKey]*catalog.Project{},
		flags:    map[catalog.ProjectKey]map[catalog.FlagKey]*catalog.Flag{},
		envs:     map[segment.EnvID]*envWorld{},
		tokens:   map[catalog.ID]*catalog.Token{},
		people:   map[catalog.ID]*catalog.Member{},
		roles:    map[catalog.ID]*catalog.Role{},
		hooks:    map[catalog.ID]*catalog.Webhook{},
		relays:   map[catalog.ID]*catalog.RelayConfig{},
		sinks:    map[catalog.ID]*catalog.Sink{},
	}
}

func newEnvWorld(e *catalog.Environment) *envWorld {
	return &envWorld{
		env:        e,
		segments:   map[segment.Key]*catalog.Segment{},
		members:    map[segment.Ref]memberSet{},
		generation: map[segment.Key]segment.Generation{},
		version:    map[definitionKey]int{},
		points:     map[segment.Key][]*retained{},
		sessions:   map[segment.RunID]*collecting{},
		exchanges:  map[segment.Ref]int{},
		since:      map[segment.Ref]int{},
		documents:  map[store.DocumentID]int{},
	}
}

// clone returns a copy that shares only immutable objects.
func (w *world) clone() *world {
	c := *w
	c.projects, c.tokens, c.people, c.roles = maps.Clone(w.projects), maps.Clone(w.tokens), maps.Clone(w.people), maps.Clone(w.roles)
	c.hooks = maps.Clone(w.hooks)
	c.relays, c.sinks = maps.Clone(w.relays), maps.Clone(w.sinks)
	c.audit = slices.Clip(w.audit)
	c.flags = maps.Clone(w.flags)
	for p, flags := range c.flags {
		c.flags[p] = maps.Clone(flags)
	}
	c.envs = maps.Clone(w.envs)
	for id, e := range c.envs {
		c.envs[id] = e.clone()
	}
	return &c
}

func (e *envWorld) clone() *envWorld {
	c := *e
	c.segments, c.generation, c.version = maps.Clone(e.segments), maps.Clone(e.generation), maps.Clone(e.version)
	c.runs = slices.Clip(e.runs)
	c.points, c.sessions = maps.Clone(e.points), maps.Clone(e.sessions)
	c.exchanges, c.since, c.documents = maps.Clone(e.exchanges), maps.Clone(e.since), maps.Clone(e.documents)
	c.was, c.members = e.members, maps.Clone(e.members)
	for ref, set := range c.members {
		c.members[ref] = maps.Clone(set)
	}
	for _, s := range c.segments {
		if s.Turn != nil {
			c.setMembers(s, c.members[s.Ref()])
		}
	}
	return &c
}

// detached returns a clone in which what only the store knows of points and sessions is filled in apart.
func (w *world) detached() *world {
	c := w.clone()
	for _, e := range c.envs {
		for key, points := range e.points {
			e.points[key] = nil
			for _, p := range points {
				p := *p
				e.points[key] = append(e.points[key], &p)
			}
		}
		for id, c := range e.sessions {
			e.sessions[id] = c.clone()
		}
	}
	return c
}

// next returns a number that was never returned before, also not to a clone that was kept.
func (w *world) next() int {
	w.serial++
	return w.serial
}

var worldBegan = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(n int) time.Time { return worldBegan.Add(time.Duration(n) * time.Second) }

func idOf(n int) string { return fmt.Sprintf("%024x", n) }

func newProject(n int, key catalog.ProjectKey) *catalog.Project {
	return &catalog.Project{ID: catalog.ID(idOf(n)), Key: key, Name: fmt.Sprint("Project ", n), Tags: []string{"a"}, CreatedAt: at(n)}
}

func newEnvironment(n int, project catalog.ProjectKey, key catalog.EnvKey) *catalog.Environment {
	return &catalog.Environment{
		ID: segment.EnvID(idOf(n)), Project: project, Key: key, Name: fmt.Sprint("Environment ", n),
		SDKKey: fmt.Sprint("sdk-", n), MobileKey: fmt.Sprint("mob-", n), CreatedAt: at(n), Version: 1,
	}
}

// newSegment returns an unbounded segment.
func newSegment(n int, env segment.EnvID, key segment.Key) *catalog.Segment {
	return &catalog.Segment{
		ID: catalog.ID(idOf(n)), Env: env, Key: key, Name: fmt.Sprint("Segment ", n), CreatedAt: at(n), ModifiedAt: at(n),
		Version: 1, Generation: 1, Salt: "salt", Unbounded: true, Kind: segment.DefaultKind,
	}
}

func newFlag(n int, project catalog.ProjectKey, key catalog.FlagKey) *catalog.Flag {
	return &catalog.Flag{
		Project: project, Key: key, Name: fmt.Sprint("Flag ", n), CreatedAt: at(n), Version: 1,
		Variations:   []catalog.Variation{{ID: "t", Value: ldvalue.Bool(true)}, {ID: "f", Value: ldvalue.Bool(false)}},
		Environments: map[catalog.EnvKey]*catalog.FlagConfig{},
	}
}

func newFlagConfig(version int, on bool) *catalog.FlagConfig {
	off, serve := 1, 0
	return &catalog.FlagConfig{
		On: on, Version: version, Salt: "salt", ModifiedAt: at(version),
		Fallthrough: catalog.Serve{Variation: &serve}, OffVariation: &off,
	}
}

func newRun(n int, env segment.EnvID, key segment.Key) segment.Run {
	return segment.Run{
		ID: segment.RunID(idOf(n)), Env: env, Segment: key, Kind: segment.PushRun, State: segment.RunLive, Tool: "tool",
		Received: 3, Added: 2, Unchanged: 1, ReceivedAt: at(n), Actor: segment.Actor{Kind: "token", ID: "t1"},
		Samples: []segment.Skip{{Row: 1, Reason: "empty"}},
	}
}

func newAuditEntry(n int) catalog.AuditEntry {
	return catalog.AuditEntry{
		ID: catalog.ID(idOf(n)), At: at(n), Kind: "segment", Name: "S", Short: "changed it", After: []byte(`{"a":1}`),
		Accesses: []catalog.Access{{Action: "updateName", Resource: "proj/p"}}, Actor: segment.Actor{Kind: "token", ID: "t1"},
	}
}

func newToken(n int) *catalog.Token {
	return &catalog.Token{
		ID: catalog.ID(idOf(n)), Name: fmt.Sprint("Token ", n), HashedSecret: catalog.HashedSecret{Hash: catalog.HashSecret(fmt.Sprint("api-", n)), Ending: "last"},
		Role: catalog.RoleWriter, CreatedAt: at(n),
	}
}

func newMember(n int) *catalog.Member {
	return &catalog.Member{ID: catalog.ID(idOf(n)), Email: fmt.Sprint(n, "@example.com"), Role: catalog.RoleReader, CreatedAt: at(n)}
}

func newRole(n int) *catalog.Role {
	return &catalog.Role{
		ID: catalog.ID(idOf(n)), Key: catalog.RoleKey(fmt.Sprintf("role-%06d", n)), Name: fmt.Sprint("Role ", n), Base: policy.NoAccess, CreatedAt: at(n),
		Policy: []policy.Statement{{Effect: policy.Allow, Actions: []string{"*"}, Resources: []string{"proj/*"}}},
	}
}

func newWebhook(n int) *catalog.Webhook {
	return &catalog.Webhook{ID: catalog.ID(idOf(n)), URL: fmt.Sprint("https://example.com/", n), On: true, Secret: seal.Sealed{1, 2, 3}, CreatedAt: at(n)}
}

func newRelayConfig(n int) *catalog.RelayConfig {
	return &catalog.RelayConfig{
		ID: catalog.ID(idOf(n)), Name: fmt.Sprint("Relay ", n), HashedSecret: catalog.HashedSecret{Hash: catalog.HashSecret(fmt.Sprint("rel-", n)), Ending: "last"},
		Policy: []policy.Statement{{Effect: policy.Allow, Actions: []string{"*"}, Resources: []string{"proj/*:env/*"}}}, CreatedAt: at(n), ModifiedAt: at(n),
	}
}

func newSink(n int, env segment.EnvID) *catalog.Sink {
	return &catalog.Sink{
		ID: catalog.ID(idOf(n)), Env: env, Kind: catalog.RedisSink, Name: fmt.Sprint("Sink ", n), CreatedAt: at(n), ModifiedAt: at(n), Version: 1,
		Redis: &catalog.Redis{Host: "redis", Port: 6379, Password: seal.Sealed{1, 2, 3}, Prefix: string(env)},
	}
}

func (w *world) putRelayConfig(tx store.Tx) {
	x := newRelayConfig(w.next())
	tx.PutRelayConfig(x)
	w.relays[x.ID] = x
}

func (w *world) putSink(tx store.Tx, e *catalog.Environment) {
	x := newSink(w.next(), e.ID)
	tx.PutSink(x)
	w.sinks[x.ID] = x
}

// deleteEnvironment takes an environment out, with its sinks.
func (w *world) deleteEnvironment(id segment.EnvID) {
	delete(w.envs, id)
	maps.DeleteFunc(w.sinks, func(_ catalog.ID, s *catalog.Sink) bool { return s.Env == id })
}

func (w *world) putSegment(s *catalog.Segment) {
	e := w.envs[s.Env]
	set := memberSet{}
	if old := e.segments[s.Key]; old != nil {
		if old.Home() == s.Home() {
			set = e.members[old.Ref()]
		} else {
			e.retain(s.Key, segment.PointDelete, "")
			e.ended(s.Key)
		}
		for _, ref := range old.Refs() {
			delete(e.members, ref)
		}
	}
	e.segments[s.Key] = s
	e.sawVersion(segment.SegmentDefinition, string(s.Key), s.Version)
	for _, ref := range s.Refs() {
		e.generation[s.Key] = max(e.generation[s.Key], ref.Generation)
	}
	if s.Unbounded {
		e.setMembers(s, set)
	}
}

// setMembers makes a set the members of a segment under each of its refs.
func (e *envWorld) setMembers(s *catalog.Segment, set memberSet) {
	for _, ref := range s.Refs() {
		e.members[ref] = set
	}
}

func (w *world) deleteSegment(env segment.EnvID, key segment.Key) {
	e := w.envs[env]
	if s := e.segments[key]; s != nil {
		e.letGo(key)
		e.retain(key, segment.PointDelete, "")
		e.ended(key)
		for _, ref := range s.Refs() {
			delete(e.members, ref)
		}
		delete(e.segments, key)
	}
}

func (w *world) putFlag(f *catalog.Flag) {
	if w.flags[f.Project] == nil {
		w.flags[f.Project] = map[catalog.FlagKey]*catalog.Flag{}
	}
	w.flags[f.Project][f.Key] = f
	for _, e := range w.envs {
		if c := f.Environments[e.env.Key]; c != nil && e.env.Project == f.Project {
			e.sawVersion(segment.FlagDefinition, string(f.Key), c.Version)
		}
	}
}

func (w *world) putEnvironment(e *catalog.Environment) {
	if old := w.envs[e.ID]; old != nil {
		old.env = e
		return
	}
	w.envs[e.ID] = newEnvWorld(e)
}

func (w *world) deleteProject(key catalog.ProjectKey) {
	delete(w.projects, key)
	delete(w.flags, key)
	for id, e := range w.envs {
		if e.env.Project == key {
			w.deleteEnvironment(id)
		}
	}
}

func (e *envWorld) sawVersion(kind segment.DefinitionKind, key string, version int) {
	k := definitionKey{kind, key}
	e.version[k] = max(e.version[k], version)
}

// effect is what a list of changes does to a set of members.
type effect struct {
	contexts     int
	adds, drops  int // contexts whose every effective operation adds, or removes
	mixed, noops int
}

// apply changes a set and says how.
func (set memberSet) apply(changes []segment.Change) effect {
	folded := map[segment.Hash]segment.Ops{}
	for _, c := range changes {
		folded[c.Hash] = c.Ops.Over(folded[c.Hash])
	}
	eff := effect{contexts: len(folded)}
	for h, ops := range folded {
		e := ops.Effective(set[h])
		added, removed := e.Settled() != 0, e != e.Settled()
		switch {
		case added && removed:
			eff.mixed++
		case added:
			eff.adds++
		case removed:
			eff.drops++
		default:
			eff.noops++
		}
		if now := e.Over(set[h]).Settled(); now != 0 {
			set[h] = now
		} else {
			delete(set, h)
		}
	}
	return eff
}

func (set memberSet) counts() segment.Counts {
	var c segment.Counts
	for _, ops := range set {
		c = c.Add(ops & segment.Include).Add(ops & segment.Exclude)
	}
	return c
}

// definitions returns what SDKs of an environment should see.
func (w *world) definitions(env segment.EnvID) map[definitionKey]segment.Definition {
	defs := map[definitionKey]segment.Definition{}
	e := w.envs[env]
	for _, s := range e.segments {
		d := catalog.SegmentDefinition(s)
		defs[definitionKey{d.Kind, d.Key}] = d
	}
	for _, f := range w.flags[e.env.Project] {
		if d := catalog.FlagDefinition(f, e.env.Key); d.JSON != nil {
			defs[definitionKey{d.Kind, d.Key}] = d
		}
	}
	return defs
}

// sameDefinitions reports whether SDKs see the same in both.
func sameDefinitions(a, b map[definitionKey]segment.Definition) bool {
	return maps.EqualFunc(a, b, func(x, y segment.Definition) bool {
		return x.Version == y.Version && bytes.Equal(x.JSON, y.JSON)
	})
}

// sorted returns a map's values in the order of what by returns.
func sorted[K comparable, V any, O cmp.Ordered](m map[K]V, by func(V) O) []V {
	return slices.SortedFunc(maps.Values(m), func(a, b V) int { return cmp.Compare(by(a), by(b)) })
}
