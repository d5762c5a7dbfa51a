package storetest

import (
	"bytes"
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
		compareSessions(f, t, s, e)
		comparePoints(f, t, s, e)
	}
	compareAudit(f, t, s, w)
}

func compareCatalog(f failer, s store.Catalog, w *world) {
	f.Helper()
	diff(f, "projects", sorted(w.projects, func(p *catalog.Project) catalog.ProjectKey { return p.Key }), s.Projects())
	diff(f, "tokens", sorted(w.tokens, func(x *catalog.Token) catalog.ID { return x.ID }), s.Tokens())
	diff(f, "members", sorted(w.people, func(x *catalog.Member) catalog.ID { return x.ID }), s.Members())
	diff(f, "roles", sorted(w.roles, func(x *catalog.Role) catalog.ID { return x.ID }), s.Roles())
	diff(f, "webhooks", sorted(w.hooks, func(x *catalog.Webhook) catalog.ID { return x.ID }), s.Webhooks())
	for _, x := range w.hooks {
		if got, ok := s.Webhook(x.ID); !ok || got.URL != x.URL {
			f.Fatalf("webhook %s is not found by its id: %v", x.ID, got)
		}
	}
	diff(f, "relay configurations", sorted(w.relays, func(x *catalog.RelayConfig) catalog.ID { return x.ID }), s.RelayConfigs())
	diff(f, "sinks", sorted(w.sinks, func(x *catalog.Sink) catalog.ID { return x.ID }), s.Sinks())
	for _, x := range w.roles {
		if got, ok := s.RoleByKey(x.Key); !ok || got.ID != x.ID {
			f.Fatalf("role %s is not found by its key: %v", x.Key, got)
		}
	}
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
		hashes := [][32]byte{token.Hash}
		for _, old := range token.ExpiringSecrets {
			hashes = append(hashes, old.Hash)
		}
		for _, h := range hashes {
			if got, ok := s.TokenByHash(h); !ok || got.ID != token.ID {
				f.Fatalf("token %s is not found by a hash: %v", token.ID, got)
			}
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

// compareSessions demands the sessions as they are, with their pages and what would become of them.
func compareSessions(f failer, t testing.TB, s store.Membership, e *envWorld) {
	f.Helper()
	got, err := s.Sessions(e.env.ID)
	if err != nil {
		f.Fatalf("sessions of %s: %v", e.env.ID, err)
	}
	want := sorted(e.sessions, func(c *collecting) int { return c.began })
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i].ID != want[i].id {
			f.Fatalf("%s has %d sessions %+v, want %d", e.env.ID, len(got), got, len(want))
		}
		g, c := got[i], want[i]
		if g.Env != e.env.ID || g.Segment != c.key || !bytes.Equal(g.Detail, c.detail) || g.Kept != (c.kept != nil) || c.start != 0 && g.Start != c.start {
			f.Fatalf("session %+v, want %+v", g, c)
		}
		if c.start == 0 { // nobody was answered
			c.start = g.Start
		}
		if pages := slices.Sorted(maps.Keys(c.pages)); !slices.Equal(g.Pages, pages) {
			f.Fatalf("session %s has pages %v, want %v", c.id, g.Pages, pages)
		}
		comparePages(f, t, s, e, c)
		compareCollected(f, t, s, e, c)
	}
}

func comparePages(f failer, t testing.TB, s store.Membership, e *envWorld, c *collecting) {
	f.Helper()
	got, want := memberSet{}, memberSet{}
	for _, page := range slices.Sorted(maps.Keys(c.pages)) {
		want.raise(c.pages[page])
	}
	for ch, err := range s.Pages(t.Context(), e.env.ID, c.key, c.id) {
		if err != nil {
			f.Fatalf("pages of session %s: %v", c.id, err)
		}
		got.raise([]segment.Change{ch})
	}
	diff(f, fmt.Sprintf("pages of session %s", c.id), want, got)
}

// raise lays changes over each other without settling them.
func (set memberSet) raise(changes []segment.Change) {
	for _, c := range changes {
		set[c.Hash] = c.Ops.Over(set[c.Hash])
	}
}

func compareCollected(f failer, t testing.TB, s store.Membership, e *envWorld, c *collecting) {
	f.Helper()
	ref, now, ok := e.live(c.key)
	if !ok {
		f.Fatalf("session %s is one of %s, which has no members", c.id, c.key)
	}
	if c.kept != nil && c.kept.mode == store.LoadReplace && c.kept.exchanges != e.exchanges[ref] {
		return // it can't be published any more
	}
	want := maps.Clone(now)
	switch {
	case c.kept == nil:
		want.apply(c.journal)
	case c.kept.mode == store.LoadReplace:
		want = c.kept.over(now, c.journal)
	default:
		want.apply(append(c.kept.changes(), c.journal...))
	}
	m, err := s.Collected(t.Context(), e.env.ID, c.key, c.id)
	if err != nil {
		f.Fatalf("what session %s would make: %v", c.id, err)
	}
	compareWhole(f, "what a session would make", want, m)
}

// compareWhole demands that members are as in a set, however they are asked.
func compareWhole(f failer, what string, want memberSet, m store.Members) {
	f.Helper()
	got := memberSet{}
	var last segment.Hash
	n := 0
	for c, err := range m.All(nil) {
		if err != nil {
			f.Fatalf("%s: %v", what, err)
		}
		if n++; n > 1 && bytes.Compare(last[:], c.Hash[:]) >= 0 {
			f.Fatalf("%s: out of order", what)
		}
		if c.Ops != c.Ops.Settled() || c.Key != nil && segment.HashOf(c.Key) != c.Hash {
			f.Fatalf("%s: %04b of %s with key %q", what, c.Ops, c.Hash, c.Key)
		}
		last, got[c.Hash] = c.Hash, c.Ops
	}
	if !maps.Equal(want, got) {
		diff(f, what, want, got)
	}
	if m.Counts() != want.counts() {
		f.Fatalf("%s: counts %+v, want %+v", what, m.Counts(), want.counts())
	}
	for _, key := range contextKeys {
		if ops, err := m.State(segment.HashOf(key)); ops != want[segment.HashOf(key)] || err != nil {
			f.Fatalf("%s: state of %q is %04b, %v; want %04b", what, key, ops, err, want[segment.HashOf(key)])
		}
	}
}

// comparePoints demands the newest points of each segment. Points that newer ones may have pushed out
// need not be there.
func comparePoints(f failer, t testing.TB, s store.Membership, e *envWorld) {
	f.Helper()
	for _, key := range segmentKeys {
		got, err := s.Points(e.env.ID, key)
		if err != nil {
			f.Fatalf("points of %s: %v", key, err)
		}
		i := 0
		for _, p := range slices.Backward(e.points[key]) {
			if i == len(got) || p.id != got[i].ID && (p.id != "" || e.named(key, got[i].ID)) {
				if !e.pushedOut(key, p) {
					f.Fatalf("%s has the points %+v, and lacks that of %s at %d with %+v", key, got, p.ref, p.revision, p.set.counts())
				}
				continue
			}
			g := got[i]
			i++
			if p.id == "" { // the store names it, and if nobody was answered knows alone when it was made
				p.id = g.ID
				p.revision = max(p.revision, g.Revision)
			}
			if g.ID != p.id || g.Ref != p.ref || g.Counts != p.set.counts() || g.Reason != p.reason || g.Run != p.run ||
				p.revision != 0 && g.Revision != p.revision || g.SealedAt.IsZero() || g.Kept != p.kept || g.ExpiresAt.After(g.SealedAt) == p.kept {
				f.Fatalf("point %d of %s is %+v, want %s of %s at %d with %+v, %s by %q, kept %t", i, key, g, p.id, p.ref, p.revision, p.set.counts(), p.reason, p.run, p.kept)
			}
			m, err := s.PointMembers(t.Context(), e.env.ID, key, g.ID)
			if errors.Is(err, store.ErrNoPoint) && e.pushedOut(key, p) {
				continue
			}
			if err != nil {
				f.Fatalf("members of point %s: %v", g.ID, err)
			}
			compareWhole(f, fmt.Sprintf("point %s of %s", g.ID, key), p.set, m)
		}
		if i < len(got) {
			f.Fatalf("%s has the points %+v, which are more than were made", key, got[i:])
		}
	}
}

// named reports whether a point of the segment is known by this name.
func (e *envWorld) named(key segment.Key, id segment.PointID) bool {
	return slices.ContainsFunc(e.points[key], func(p *retained) bool { return p.id == id })
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
	compareAuditOrder(f, t, s, w)
}

// compareAuditOrder demands that the newest entries are read in the order in which they were written.
func compareAuditOrder(f failer, t testing.TB, s store.Audit, w *world) {
	f.Helper()
	head := s.AuditHead()
	after := head - min(head, 20)
	var got []catalog.AuditEntry
	for a, err := range s.AuditAfter(t.Context(), after) {
		if err != nil {
			f.Fatalf("audit after %d: %v", after, err)
		}
		if a.Position <= after || a.Position > head {
			f.Fatalf("position %d comes after %d, the head is %d", a.Position, after, head)
		}
		after = a.Position
		got = append(got, a.Entry)
	}
	diff(f, "order of the audit log", w.audit[len(w.audit)-min(len(w.audit), len(got)):], got)
	if n := min(20, len(w.audit)); len(got) < n {
		f.Fatalf("%d entries have positions, want %d", len(got), n)
	}
}

// follower is a reader of one environment's log, who knows only what entries say.
type follower struct {
	env     segment.EnvID
	at      segment.Revision
	members map[segment.Ref]memberSet
	defs    map[definitionKey]segment.Definition
	newest  map[definitionKey]int // versions seen
	// Up to here entries may repeat what definitions said that were read whole.
	whole segment.Revision
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

// follow reads to the head and checks the form of every entry. Where the log was trimmed it begins
// anew.
func (fo *follower) follow(f failer, t testing.TB, s store.Store) {
	f.Helper()
	head, err := s.Head(fo.env)
	if err != nil {
		f.Fatalf("head of %s: %v", fo.env, err)
	}
	for e, err := range s.Entries(t.Context(), fo.env, fo.at) {
		if errors.Is(err, store.ErrTrimmed) {
			fo.beginAnew(f, t, s)
			fo.follow(f, t, s)
			return
		}
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
		if e.Revision <= fo.whole {
			continue
		}
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
	said := map[segment.Hash]segment.Ops{}
	n := 0
	err := m.Each(nil, func(c segment.Change) bool {
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
		said[c.Hash] = c.Ops
		n++
		set.apply([]segment.Change{{Hash: c.Hash, Ops: c.Ops}})
		return true
	})
	if err != nil || n > m.Len {
		f.Fatalf("entry %d: %d of %d changes of %s: %v", rev, n, m.Len, m.Ref, err)
	}
	if n > 1000 {
		return // looking each of them up is left to smaller ones
	}
	for _, key := range contextKeys {
		h := segment.HashOf(key)
		if ops, err := m.Find(h); ops != said[h] || err != nil {
			f.Fatalf("entry %d: Find says %04b of %q in %s, %v; Each says %04b", rev, ops, key, m.Ref, err, said[h])
		}
	}
	for h, want := range said {
		if ops, err := m.Find(h); ops != want || err != nil {
			f.Fatalf("entry %d: Find says %04b of %s in %s, %v; Each says %04b", rev, ops, h, m.Ref, err, want)
		}
	}
}

// compare demands that following the log led to the same as the model's writes.
func (fo *follower) compare(f failer, w *world) {
	f.Helper()
	if want := w.definitions(fo.env); !sameDefinitions(want, fo.defs) {
		diff(f, "definitions by the log", want, fo.defs)
	}
	fo.compareMembers(f, w)
}

func (fo *follower) compareMembers(f failer, w *world) {
	f.Helper()
	live := w.envs[fo.env].members
	for ref, want := range live {
		diff(f, fmt.Sprintf("members of %s by the log", ref), want, fo.members[ref])
	}
	for ref, set := range fo.members {
		if live[ref] == nil && len(set) > 0 {
			f.Fatalf("by the log %s, which has ended, still holds %d contexts", ref, len(set))
		}
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
