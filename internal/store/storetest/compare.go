package storetest

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

// failer is a test or a run of a property.
type failer interface {
	Helper()
	Errorf(string, ...any)
	Fatalf(string, ...any)
}

// diff compares what a store returned with what the model holds. Engines may keep an empty list as
// none.
func diff(f failer, what string, want, got any) {
	f.Helper()
	if same(reflect.ValueOf(want), reflect.ValueOf(got)) {
		return
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		f.Fatalf("%s (-want +got):\n%s", what, d)
	}
}

// compare demands that everything a caller can read from the store is as in the world.
func compare(f failer, t testing.TB, s store.Store, w *world) {
	f.Helper()
	compareCatalog(f, s, w)
	for _, e := range w.envs {
		compareMembers(f, s, e)
		compareDefinitions(f, s, w, e.env.ID)
		compareRuns(f, t, s, e)
	}
	compareAudit(f, t, s, w)
}

func compareCatalog(f failer, s store.Catalog, w *world) {
	f.Helper()
	diff(f, "projects", sorted(w.projects, func(p *catalog.Project) catalog.ProjectKey { return p.Key }), s.Projects())
	diff(f, "tokens", sorted(w.tokens, func(x *catalog.Token) catalog.ID { return x.ID }), s.Tokens())
	diff(f, "members", sorted(w.people, func(x *catalog.Member) catalog.ID { return x.ID }), s.Members())
	for _, p := range w.projects {
		envs := map[catalog.EnvKey]*catalog.Environment{}
		for _, e := range w.envs {
			if e.env.Project == p.Key {
				envs[e.env.Key] = e.env
			}
		}
		diff(f, "environments", sorted(envs, func(e *catalog.Environment) catalog.EnvKey { return e.Key }), s.Environments(p.Key))
		diff(f, "flags", sorted(w.flags[p.Key], func(x *catalog.Flag) catalog.FlagKey { return x.Key }), s.Flags(p.Key))
	}
	for _, e := range w.envs {
		diff(f, "segments", sorted(e.segments, func(x *catalog.Segment) segment.Key { return x.Key }), s.Segments(e.env.ID))
		compareFound(f, s, e)
	}
	for _, token := range w.tokens {
		if got, ok := s.TokenByHash(token.Hash); !ok || got.ID != token.ID {
			f.Fatalf("token %s is not found by its hash: %v", token.ID, got)
		}
	}
}

// compareFound looks one environment and its segments up in every way there is.
func compareFound(f failer, s store.Catalog, e *envWorld) {
	f.Helper()
	for how, find := range map[string]func() (*catalog.Environment, bool){
		"id":         func() (*catalog.Environment, bool) { return s.Environment(e.env.ID) },
		"key":        func() (*catalog.Environment, bool) { return s.EnvironmentByKey(e.env.Project, e.env.Key) },
		"SDK key":    func() (*catalog.Environment, bool) { return s.EnvironmentBySDKKey(e.env.SDKKey) },
		"mobile key": func() (*catalog.Environment, bool) { return s.EnvironmentByMobileKey(e.env.MobileKey) },
	} {
		if got, ok := find(); !ok || got.ID != e.env.ID {
			f.Fatalf("environment %s is not found by its %s: %v", e.env.ID, how, got)
		}
	}
	for _, x := range e.segments {
		if got, ok := s.Segment(e.env.ID, x.Key); !ok || got.ID != x.ID {
			f.Fatalf("segment %s is not found by its key: %v", x.Key, got)
		}
		if x.Source == nil {
			continue
		}
		if got, ok := s.SegmentBySource(e.env.ID, x.Source.Tool, x.Source.ExternalID); !ok || got.ID != x.ID {
			f.Fatalf("segment %s is not found by its source: %v", x.Key, got)
		}
	}
}

func compareMembers(f failer, s store.Membership, e *envWorld) {
	f.Helper()
	v, err := s.View(e.env.ID)
	if err != nil {
		f.Fatalf("view of %s: %v", e.env.ID, err)
	}
	contexts := map[segment.Hash]map[segment.Ref]segment.Ops{}
	for _, c := range contextKeys {
		contexts[segment.HashOf(c)] = map[segment.Ref]segment.Ops{}
	}
	for ref, set := range e.members {
		if got, ok := v.Counts(ref); !ok || got != set.counts() {
			f.Fatalf("%s has counts %+v, %t; want %+v", ref, got, ok, set.counts())
		}
		for h, ops := range set {
			if contexts[h] == nil {
				contexts[h] = map[segment.Ref]segment.Ops{}
			}
			contexts[h][ref] = ops
		}
	}
	for h, want := range contexts {
		if len(contexts) > 1000 && h[0]%32 != 0 {
			continue // a sample suffices: counts and the log are compared whole
		}
		got := map[segment.Ref]segment.Ops{}
		if err := v.Each(h, func(r segment.Ref, ops segment.Ops) bool { got[r] = ops; return true }); err != nil {
			f.Fatalf("each of %s: %v", h, err)
		}
		diff(f, fmt.Sprintf("segments of %s", h), want, got)
		for ref := range e.members {
			if ops, err := v.State(ref, h); ops != want[ref] || err != nil {
				f.Fatalf("state of %s in %s is %04b, %v; want %04b", h, ref, ops, err, want[ref])
			}
		}
	}
	for key, last := range e.generation {
		for g := segment.Generation(1); g <= last+1; g++ {
			ref := segment.Ref{Key: key, Generation: g}
			if _, live := e.members[ref]; live {
				continue
			}
			if c, ok := v.Counts(ref); ok {
				f.Fatalf("%s is retired or unknown, yet has counts %+v", ref, c)
			}
			if ops, err := v.State(ref, segment.HashOf(contextKeys[0])); ops != 0 || err != nil {
				f.Fatalf("%s is retired or unknown, yet holds a context: %04b, %v", ref, ops, err)
			}
		}
	}
}

func compareDefinitions(f failer, s store.Store, w *world, env segment.EnvID) {
	f.Helper()
	defs, rev, err := s.Definitions(env)
	if err != nil {
		f.Fatalf("definitions of %s: %v", env, err)
	}
	if head, err := s.Head(env); err != nil || rev > head {
		f.Fatalf("definitions of revision %d at head %d, %v", rev, head, err)
	}
	got := map[definitionKey]segment.Definition{}
	for _, d := range defs {
		if d.JSON != nil {
			got[definitionKey{d.Kind, d.Key}] = d
		}
	}
	if want := w.definitions(env); !sameDefinitions(want, got) {
		diff(f, "definitions", want, got)
	}
}

// plainRun removes what the engine fills in.
func plainRun(r segment.Run) segment.Run {
	r.Revision, r.LiveAt, r.Commit = 0, time.Time{}, 0
	return r
}

func compareRuns(f failer, t testing.TB, s store.Ledger, e *envWorld) {
	f.Helper()
	want := slices.Clone(e.runs)
	slices.Reverse(want)
	got, total, err := s.Runs(t.Context(), e.env.ID, store.RunQuery{})
	if err != nil || total != len(want) {
		f.Fatalf("ledger of %s has %d runs, %v; want %d", e.env.ID, total, err, len(want))
	}
	for i := range got {
		got[i] = plainRun(got[i])
	}
	diff(f, "runs", want, got)
}

func compareAudit(f failer, t testing.TB, s store.Audit, w *world) {
	f.Helper()
	// The audit log is never emptied: all of it each time would be most of the work.
	want := slices.Clone(w.audit[max(0, len(w.audit)-20):])
	slices.Reverse(want)
	var got []catalog.AuditEntry
	for a, err := range s.AuditEntries(t.Context(), time.Time{}) {
		if err != nil {
			f.Fatalf("audit: %v", err)
		}
		if got = append(got, a); len(got) == 20 {
			break
		}
	}
	diff(f, "audit", want, got)
}

// follower is a reader of one environment's log, who knows only what entries say.
type follower struct {
	env     segment.EnvID
	at      segment.Revision
	members map[segment.Ref]memberSet
	defs    map[definitionKey]segment.Definition
	newest  map[definitionKey]int // versions seen
}

func newFollower(env segment.EnvID) *follower {
	return &follower{
		env: env, members: map[segment.Ref]memberSet{},
		defs: map[definitionKey]segment.Definition{}, newest: map[definitionKey]int{},
	}
}

func (fo *follower) clone() *follower {
	c := *fo
	c.defs, c.newest, c.members = maps.Clone(fo.defs), maps.Clone(fo.newest), maps.Clone(fo.members)
	for ref, set := range c.members {
		c.members[ref] = maps.Clone(set)
	}
	return &c
}

// follow reads to the head and checks the form of every entry.
func (fo *follower) follow(f failer, t testing.TB, s store.Membership) {
	f.Helper()
	head, err := s.Head(fo.env)
	if err != nil {
		f.Fatalf("head of %s: %v", fo.env, err)
	}
	for e, err := range s.Entries(t.Context(), fo.env, fo.at) {
		if err != nil {
			f.Fatalf("entries of %s after %d: %v", fo.env, fo.at, err)
		}
		if e.Revision != fo.at+1 {
			f.Fatalf("entry %d follows %d", e.Revision, fo.at)
		}
		fo.at = e.Revision
		fo.apply(f, e)
	}
	if fo.at < head {
		f.Fatalf("entries end at %d, the head is %d", fo.at, head)
	}
}

func (fo *follower) apply(f failer, e *segment.Entry) {
	f.Helper()
	flagSeen := false
	for _, d := range e.Definitions {
		if d.Kind == segment.SegmentDefinition && flagSeen {
			f.Fatalf("entry %d has segment %s after a flag", e.Revision, d.Key)
		}
		flagSeen = flagSeen || d.Kind == segment.FlagDefinition
		k := definitionKey{d.Kind, d.Key}
		if d.Version <= fo.newest[k] {
			f.Fatalf("entry %d has version %d of %v after %d: SDKs would drop it", e.Revision, d.Version, k, fo.newest[k])
		}
		fo.newest[k] = d.Version
		if d.JSON == nil {
			delete(fo.defs, k)
		} else {
			d.JSON = slices.Clone(d.JSON)
			fo.defs[k] = d
		}
	}
	seen := map[segment.Ref]bool{}
	for _, m := range e.Members {
		if seen[m.Ref] {
			f.Fatalf("entry %d changes %s twice", e.Revision, m.Ref)
		}
		seen[m.Ref] = true
		fo.applyDelta(f, e.Revision, m)
	}
}

func (fo *follower) applyDelta(f failer, rev segment.Revision, m segment.MemberDelta) {
	f.Helper()
	set := fo.members[m.Ref]
	if set == nil {
		set = memberSet{}
		fo.members[m.Ref] = set
	}
	var last segment.Hash
	n := 0
	err := m.Each(func(c segment.Change) bool {
		if n > 0 && slices.Compare(last[:], c.Hash[:]) >= 0 {
			f.Errorf("entry %d: changes of %s are out of order", rev, m.Ref)
		}
		// Not every change need be effective: a large list stands in the log as it was staged, and
		// of several changes of a context in one entry only the sum is left.
		if !c.Ops.Valid() {
			f.Errorf("entry %d: change %04b of %s is no operation", rev, c.Ops, m.Ref)
		}
		if c.Key != nil && segment.HashOf(c.Key) != c.Hash {
			f.Errorf("entry %d: key %q is not that of its hash", rev, c.Key)
		}
		last = c.Hash
		n++
		set.apply([]segment.Change{{Hash: c.Hash, Ops: c.Ops}})
		return true
	})
	if err != nil || n != m.Len {
		f.Fatalf("entry %d: %d of %d changes of %s: %v", rev, n, m.Len, m.Ref, err)
	}
}

// compare demands that following the log led to the same as the model's writes.
func (fo *follower) compare(f failer, w *world) {
	f.Helper()
	if want := w.definitions(fo.env); !sameDefinitions(want, fo.defs) {
		diff(f, "definitions by the log", want, fo.defs)
	}
	for ref, want := range w.envs[fo.env].members {
		diff(f, fmt.Sprintf("members of %s by the log", ref), want, fo.members[ref])
	}
}

// gone demands that nothing of a deleted environment is served.
func gone(f failer, t testing.TB, s store.Store, env segment.EnvID) {
	f.Helper()
	_, viewErr := s.View(env)
	_, headErr := s.Head(env)
	_, awaitErr := s.Await(t.Context(), env, 0)
	_, _, defErr := s.Definitions(env)
	for what, err := range map[string]error{
		"view": viewErr, "head": headErr, "await": awaitErr, "definitions": defErr,
		"entries": lastError(s.Entries(t.Context(), env, 0)),
	} {
		if !errors.Is(err, store.ErrNoEnvironment) {
			f.Errorf("%s of a deleted environment: %v, want ErrNoEnvironment", what, err)
		}
	}
	if e, ok := s.Environment(env); ok {
		f.Errorf("the catalog still has %s", e.ID)
	}
}
