package engine

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"muster/internal/catalog"
	"muster/internal/segment"
)

// objects is the committed catalog. Objects are immutable; maps change under mu.
type objects struct {
	mu           sync.RWMutex
	projects     *list[catalog.ProjectKey, catalog.Project]
	environments map[catalog.ProjectKey]*list[segment.EnvID, catalog.Environment]
	flags        map[catalog.ProjectKey]*list[catalog.FlagKey, catalog.Flag]
	segments     map[segment.EnvID]*list[segment.Key, catalog.Segment]
	tokens       *list[catalog.ID, catalog.Token]
	members      *list[catalog.ID, catalog.Member]
	roles        *list[catalog.ID, catalog.Role]
	webhooks     *list[catalog.ID, catalog.Webhook]
	relayConfigs *list[catalog.ID, catalog.RelayConfig]
	sinks        *list[catalog.ID, catalog.Sink]

	byID        map[segment.EnvID]*catalog.Environment
	bySDKKey    map[string]segment.EnvID
	byMobileKey map[string]segment.EnvID
	bySource    map[sourceID]segment.Key
	byHash      map[[32]byte]catalog.ID

	versions    map[segment.EnvID]map[definitionID]int
	generations map[segment.EnvID]map[segment.Key]segment.Generation
	// revisions says up to which revision of an environment's log the objects reach.
	revisions map[segment.EnvID]segment.Revision
}

// The identities of objects that live in something else.
type (
	flagID struct {
		project catalog.ProjectKey
		key     catalog.FlagKey
	}
	segmentID struct {
		env segment.EnvID
		key segment.Key
	}
	sourceID struct {
		env              segment.EnvID
		tool, externalID string
	}
	definitionID struct {
		kind segment.DefinitionKind
		key  string
	}
	versionID struct {
		env segment.EnvID
		definitionID
	}
)

func newObjects() *objects {
	return &objects{
		projects:     newList[catalog.ProjectKey](compareProjects),
		environments: make(map[catalog.ProjectKey]*list[segment.EnvID, catalog.Environment]),
		flags:        make(map[catalog.ProjectKey]*list[catalog.FlagKey, catalog.Flag]),
		segments:     make(map[segment.EnvID]*list[segment.Key, catalog.Segment]),
		tokens:       newList[catalog.ID](compareTokens),
		members:      newList[catalog.ID](compareMembers),
		roles:        newList[catalog.ID](compareRoles),
		webhooks:     newList[catalog.ID](compareWebhooks),
		relayConfigs: newList[catalog.ID](compareRelayConfigs),
		sinks:        newList[catalog.ID](compareSinks),
		byID:         make(map[segment.EnvID]*catalog.Environment),
		bySDKKey:     make(map[string]segment.EnvID),
		byMobileKey:  make(map[string]segment.EnvID),
		bySource:     make(map[sourceID]segment.Key),
		byHash:       make(map[[32]byte]catalog.ID),
		versions:     make(map[segment.EnvID]map[definitionID]int),
		generations:  make(map[segment.EnvID]map[segment.Key]segment.Generation),
		revisions:    make(map[segment.EnvID]segment.Revision),
	}
}

func compareProjects(a, b *catalog.Project) int         { return cmp.Compare(a.Key, b.Key) }
func compareEnvironments(a, b *catalog.Environment) int { return cmp.Compare(a.Key, b.Key) }
func compareFlags(a, b *catalog.Flag) int               { return cmp.Compare(a.Key, b.Key) }
func compareSegments(a, b *catalog.Segment) int         { return cmp.Compare(a.Key, b.Key) }
func compareRoles(a, b *catalog.Role) int               { return cmp.Compare(a.Key, b.Key) }

func compareTokens(a, b *catalog.Token) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(string(a.ID), string(b.ID)))
}

func compareMembers(a, b *catalog.Member) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(string(a.ID), string(b.ID)))
}

func compareWebhooks(a, b *catalog.Webhook) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(string(a.ID), string(b.ID)))
}

func compareRelayConfigs(a, b *catalog.RelayConfig) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(string(a.ID), string(b.ID)))
}

func compareSinks(a, b *catalog.Sink) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(string(a.ID), string(b.ID)))
}

// list is a map that can also be read in order. Reading in order sorts once; from then on a change
// costs one copy of the pointers, which is small beside the sync that comes with it.
type list[K comparable, V any] struct {
	byKey   map[K]*V
	compare func(a, b *V) int
	sorted  atomic.Pointer[[]*V] // nil until somebody asks
}

func newList[K comparable, V any](compare func(a, b *V) int) *list[K, V] {
	return &list[K, V]{byKey: make(map[K]*V), compare: compare}
}

// all returns the values in order. It may be called by many readers at once.
func (l *list[K, V]) all() []*V {
	if l == nil {
		return nil
	}
	if s := l.sorted.Load(); s != nil {
		return *s
	}
	s := make([]*V, 0, len(l.byKey))
	for _, v := range l.byKey {
		s = append(s, v)
	}
	slices.SortFunc(s, l.compare)
	l.sorted.Store(&s)
	return s
}

func (l *list[K, V]) get(k K) *V {
	if l == nil {
		return nil
	}
	return l.byKey[k]
}

// set puts a value, or deletes it when v is nil, and returns the value before.
func (l *list[K, V]) set(k K, v *V) *V {
	old := l.byKey[k]
	if v == nil {
		delete(l.byKey, k)
	} else {
		l.byKey[k] = v
	}
	s := l.sorted.Load()
	if s == nil {
		return old
	}
	next := make([]*V, 0, len(*s)+1)
	next = append(next, *s...)
	if old != nil {
		if i, found := slices.BinarySearchFunc(next, old, l.compare); found {
			next = slices.Delete(next, i, i+1)
		}
	}
	if v != nil {
		i, _ := slices.BinarySearchFunc(next, v, l.compare)
		next = slices.Insert(next, i, v)
	}
	l.sorted.Store(&next)
	return old
}

// within returns the list under a key of m, made when missing.
func within[O, K comparable, V any](m map[O]*list[K, V], owner O, compare func(a, b *V) int) *list[K, V] {
	l := m[owner]
	if l == nil {
		l = newList[K](compare)
		m[owner] = l
	}
	return l
}

// apply takes over what was staged. The caller holds mu.
func (o *objects) apply(s *overlay) {
	for k, v := range s.projects {
		o.projects.set(k, v)
	}
	for id, v := range s.environments {
		o.setEnvironment(id, v)
	}
	for id, v := range s.flags {
		within(o.flags, id.project, compareFlags).set(id.key, v)
	}
	for id, v := range s.segments {
		o.setSegment(id, v)
	}
	for id, v := range s.tokens {
		o.setToken(id, v)
	}
	for id, v := range s.members {
		o.members.set(id, v)
	}
	for id, v := range s.roles {
		o.roles.set(id, v)
	}
	for id, v := range s.webhooks {
		o.webhooks.set(id, v)
	}
	for id, v := range s.relayConfigs {
		o.relayConfigs.set(id, v)
	}
	for id, v := range s.sinks {
		o.sinks.set(id, v)
	}
	for id, n := range s.versions {
		o.setVersion(id, n)
	}
	for id, g := range s.generations {
		o.setGeneration(id, g)
	}
	for id, v := range s.environments {
		if v == nil {
			delete(o.segments, id)
			delete(o.versions, id)
			delete(o.generations, id)
			delete(o.revisions, id)
		}
	}
	for k, v := range s.projects {
		if v == nil {
			delete(o.environments, k)
			delete(o.flags, k)
		}
	}
}

func (o *objects) setEnvironment(id segment.EnvID, v *catalog.Environment) {
	if old := o.byID[id]; old != nil {
		for _, k := range sdkKeys(old) {
			if o.bySDKKey[k] == id {
				delete(o.bySDKKey, k)
			}
		}
		if o.byMobileKey[old.MobileKey] == id {
			delete(o.byMobileKey, old.MobileKey)
		}
		within(o.environments, old.Project, compareEnvironments).set(id, nil)
		delete(o.byID, id)
	}
	if v == nil {
		return
	}
	o.byID[id] = v
	within(o.environments, v.Project, compareEnvironments).set(id, v)
	for _, k := range sdkKeys(v) {
		o.bySDKKey[k] = id
	}
	if v.MobileKey != "" {
		o.byMobileKey[v.MobileKey] = id
	}
}

// sdkKeys returns the SDK keys by which an environment is found.
func sdkKeys(v *catalog.Environment) []string {
	var keys []string
	if v.SDKKey != "" {
		keys = append(keys, v.SDKKey)
	}
	for _, k := range v.ExpiringSDKKeys {
		keys = append(keys, k.Key)
	}
	return keys
}

func (o *objects) setToken(id catalog.ID, v *catalog.Token) {
	if old := o.tokens.set(id, v); old != nil {
		for _, h := range tokenHashes(old) {
			if o.byHash[h] == id {
				delete(o.byHash, h)
			}
		}
	}
	if v != nil {
		for _, h := range tokenHashes(v) {
			o.byHash[h] = id
		}
	}
}

// tokenHashes returns the hashes of secrets by which a token is found.
func tokenHashes(v *catalog.Token) [][32]byte {
	hashes := [][32]byte{v.Hash}
	for _, s := range v.ExpiringSecrets {
		hashes = append(hashes, s.Hash)
	}
	return hashes
}

func (o *objects) setSegment(id segmentID, v *catalog.Segment) {
	old := within(o.segments, id.env, compareSegments).set(id.key, v)
	if old != nil && old.Source != nil && o.bySource[sourceOf(old)] == id.key {
		delete(o.bySource, sourceOf(old))
	}
	if v != nil && v.Source != nil {
		o.bySource[sourceOf(v)] = id.key
	}
}

func sourceOf(s *catalog.Segment) sourceID {
	return sourceID{s.Env, s.Source.Tool, s.Source.ExternalID}
}

func (o *objects) setVersion(id versionID, n int) {
	m := o.versions[id.env]
	if m == nil {
		m = make(map[definitionID]int)
		o.versions[id.env] = m
	}
	m[id.definitionID] = n
}

func (o *objects) setGeneration(id segmentID, g segment.Generation) {
	m := o.generations[id.env]
	if m == nil {
		m = make(map[segment.Key]segment.Generation)
		o.generations[id.env] = m
	}
	m[id.key] = g
}
