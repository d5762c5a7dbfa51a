package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

// Run checks an engine. build returns a machine with an empty disk.
func Run(t *testing.T, build func(testing.TB) Machine[store.Store]) {
	runAll(t, build, writerChecks, membershipChecks, sessionChecks, recordChecks, ledgerChecks, documentChecks, walkChecks, turnChecks, randomChecks)
}

var randomChecks = []check[store.Store]{
	{"Random updates, restarts and power cuts agree with maps", testRandom},
}

var writerChecks = []check[store.Store]{
	{"An update whose function fails changes nothing", started(testFailedUpdate)},
	{"An update sees what it staged before", started(testOwnWrites)},
	{"Each revision follows the one before", started(testRevisionOrder)},
	{"An update that stages nothing for readers has no revision", started(testNoRevision)},
	{"A write outside its scope is refused whole", started(testScope)},
	{"A segment that comes back has the next generation and a higher version", testRecreation},
	{"A deleted environment is gone and its name free", testDeleteEnvironment},
	{"A deleted project takes everything of it along", testDeleteProject},
	{"A cancelled caller gets an error", started(testCancelledUpdate)},
	{"Who watches is told what a write did once it is visible", started(testWatch)},
	{"A closed store says so", testClosedStore},
}

var testScopeEnv = store.Scope{Env: envOne}

// Where the named checks work: project p with the environments production and test.
const (
	envOne = segment.EnvID("00000000000000000000e001")
	envTwo = segment.EnvID("00000000000000000000e002")
)

// furnish creates project p with two environments and the unbounded segments in the first one.
func furnish(t testing.TB, s store.Store, segments ...segment.Key) {
	t.Helper()
	mustUpdate(t, s, store.Account, func(tx store.Tx) error {
		tx.PutProject(newProject(1, "p"))
		for i, id := range []segment.EnvID{envOne, envTwo} {
			e := newEnvironment(2+i, "p", envKeys[i])
			e.ID = id
			tx.PutEnvironment(e)
		}
		return nil
	})
	for i, key := range segments {
		putSegment(t, s, newSegment(100+i, envOne, key))
	}
}

func putSegment(t testing.TB, s store.Store, x *catalog.Segment) segment.Revision {
	t.Helper()
	return mustUpdate(t, s, store.Scope{Env: x.Env}, func(tx store.Tx) error { tx.PutSegment(x); return nil })
}

// changes returns the same operation for several contexts.
func changes(ops segment.Ops, contexts ...string) *segment.Changes {
	var c segment.Changes
	for _, key := range contexts {
		c.Append([]byte(key), ops)
	}
	return &c
}

func stage(t testing.TB, s store.Store, c *segment.Changes) store.Staged {
	t.Helper()
	staged, err := s.Stage(t.Context(), c)
	if err != nil {
		t.Fatalf("stage: %v", err)
	}
	return staged
}

// change applies the changes to a segment of the first environment in an update of their own.
func change(t testing.TB, s store.Store, key segment.Key, c *segment.Changes) (store.Effect, segment.Revision) {
	t.Helper()
	staged := stage(t, s, c)
	var eff store.Effect
	rev := mustUpdate(t, s, testScopeEnv, func(tx store.Tx) (err error) {
		eff, err = tx.Apply(envOne, key, staged)
		return err
	})
	return eff, rev
}

func wantState(t testing.TB, v store.View, ref segment.Ref, context string, want segment.Ops) {
	t.Helper()
	if got, err := v.State(ref, segment.HashOf(context)); got != want || err != nil {
		t.Errorf("state of %s in %s is %04b, %v; want %04b", context, ref, got, err, want)
	}
}

func wantCounts(t testing.TB, s store.Store, ref segment.Ref, included, excluded int64) {
	t.Helper()
	if got, ok := view(t, s).Counts(ref); !ok || got != (segment.Counts{Included: included, Excluded: excluded}) {
		t.Errorf("counts of %s are %+v, %t; want %d and %d", ref, got, ok, included, excluded)
	}
}

func view(t testing.TB, s store.Store) store.View {
	t.Helper()
	v, err := s.View(envOne)
	if err != nil {
		t.Fatalf("view: %v", err)
	}
	return v
}

func headOf(t testing.TB, s store.Store, env segment.EnvID) segment.Revision {
	t.Helper()
	head, err := s.Head(env)
	if err != nil {
		t.Fatalf("head: %v", err)
	}
	return head
}

// entriesAfter returns copies of the log's entries without their changes.
func entriesAfter(t testing.TB, s store.Store, after segment.Revision) []segment.Entry {
	t.Helper()
	var all []segment.Entry
	for e, err := range s.Entries(t.Context(), envOne, after) {
		if err != nil {
			t.Fatalf("entries: %v", err)
		}
		all = append(all, *e)
	}
	return all
}

func testFailedUpdate(t *testing.T, s store.Store) {
	furnish(t, s, "a")
	change(t, s, "a", changes(segment.Include, "ann"))
	head := headOf(t, s, envOne)
	staged := stage(t, s, changes(segment.Include, "bob"))
	refused := errors.New("refused by the caller")
	_, err := s.Update(t.Context(), store.Account, func(tx store.Tx) error {
		tx.PutProject(newProject(50, "other"))
		tx.PutSegment(newSegment(51, envOne, "new"))
		tx.DeleteSegment(envOne, "a")
		tx.DeleteEnvironment(envTwo)
		tx.PutFlag(newFlag(52, "p", "f"))
		tx.PutToken(newToken(53))
		tx.PutMember(newMember(54))
		tx.PutRole(newRole(57))
		tx.PutWebhook(newWebhook(58))
		tx.PutRelayConfig(newRelayConfig(59))
		tx.PutSink(newSink(60, envOne))
		tx.Record(newRun(55, envOne, "a"))
		tx.Audit(newAuditEntry(56))
		return refused
	})
	if !errors.Is(err, refused) {
		t.Errorf("account update returned %v, want the function's error", err)
	}
	_, err = s.Update(t.Context(), testScopeEnv, func(tx store.Tx) error {
		_, err := tx.Apply(envOne, "a", staged)
		return errors.Join(refused, err)
	})
	if !errors.Is(err, refused) {
		t.Errorf("update returned %v, want the function's error", err)
	}
	staged.Discard()
	if len(s.Projects())+len(s.Tokens())+len(s.Members())+len(s.Roles())+len(s.Webhooks())+len(s.RelayConfigs())+len(s.Sinks())+len(s.Flags("p")) != 1 || len(s.Segments(envOne)) != 1 || len(s.Environments("p")) != 2 {
		t.Error("the catalog changed")
	}
	if now := headOf(t, s, envOne); now != head {
		t.Errorf("the head went from %d to %d", head, now)
	}
	wantState(t, view(t, s), segment.Ref{Key: "a", Generation: 1}, "bob", 0)
	wantState(t, view(t, s), segment.Ref{Key: "a", Generation: 1}, "ann", segment.Include)
	if _, n, err := s.Runs(t.Context(), envOne, store.RunQuery{}); n != 0 || err != nil {
		t.Errorf("%d runs, %v", n, err)
	}
	for entry, err := range s.AuditEntries(t.Context(), time.Time{}) {
		t.Errorf("an audit entry was kept: %+v, %v", entry, err)
	}
}

func testOwnWrites(t *testing.T, s store.Store) {
	furnish(t, s)
	add, remove := stage(t, s, changes(segment.Include, "ann", "bob")), stage(t, s, changes(segment.Uninclude, "bob", "cy"))
	mustUpdate(t, s, testScopeEnv, func(tx store.Tx) error {
		x := newSegment(60, envOne, "a")
		x.Source = &catalog.Source{Tool: "tool", ExternalID: "x1"}
		tx.PutSegment(x)
		if got, ok := tx.SegmentBySource(envOne, "tool", "x1"); !ok || got != x {
			t.Errorf("by source: %v", got)
		}
		if n := len(tx.Segments(envOne)); n != 1 {
			t.Errorf("list has %d segments", n)
		}
		if v, g := tx.LastVersion(envOne, segment.SegmentDefinition, "a"), tx.LastGeneration(envOne, "a"); v != 1 || g != 1 {
			t.Errorf("last version %d, last generation %d", v, g)
		}
		first, err := tx.Apply(envOne, "a", add)
		if want := (store.Effect{Added: 2, Counts: segment.Counts{Included: 2}}); first != want || err != nil {
			t.Errorf("first effect %+v, %v", first, err)
		}
		second, err := tx.Apply(envOne, "a", remove)
		if want := (store.Effect{Removed: 1, Unchanged: 1, Counts: segment.Counts{Included: 1}}); second != want || err != nil {
			t.Errorf("second effect %+v, %v", second, err)
		}
		if n := len(s.Segments(envOne)); n != 0 {
			t.Errorf("others see %d segments before the commit", n)
		}
		return nil
	})
	wantCounts(t, s, segment.Ref{Key: "a", Generation: 1}, 1, 0)
	fo := newFollower(envOne)
	fo.follow(t, t, s)
	if set := fo.members[segment.Ref{Key: "a", Generation: 1}]; len(set) != 1 || set[segment.HashOf("ann")] != segment.Include {
		t.Errorf("by the log the segment has %v", set)
	}
}

func testRevisionOrder(t *testing.T, s store.Store) {
	furnish(t, s, "a")
	last := headOf(t, s, envOne)
	for i := range 20 {
		_, rev := change(t, s, "a", changes(segment.Include, fmt.Sprint(i)))
		if rev != last+1 || headOf(t, s, envOne) != rev {
			t.Fatalf("revision %d follows %d", rev, last)
		}
		if v := view(t, s); v.Revision() < rev {
			t.Errorf("the view is of revision %d after an update of %d", v.Revision(), rev)
		}
		last = rev
	}
	for i, e := range entriesAfter(t, s, last-5) {
		if e.Revision != last-4+segment.Revision(i) || e.At.IsZero() {
			t.Errorf("entry %d is of revision %d, time %v", i, e.Revision, e.At)
		}
	}
	if got := entriesAfter(t, s, last); len(got) != 0 {
		t.Errorf("%d entries after the head", len(got))
	}
}

func testNoRevision(t *testing.T, s store.Store) {
	furnish(t, s, "a")
	change(t, s, "a", changes(segment.Include, "ann"))
	head := headOf(t, s, envOne)
	eff, rev := change(t, s, "a", changes(segment.Include, "ann"))
	if want := (store.Effect{Unchanged: 1, Counts: segment.Counts{Included: 1}}); rev != 0 || eff != want {
		t.Errorf("a repeat has revision %d and effect %+v", rev, eff)
	}
	rev = mustUpdate(t, s, testScopeEnv, func(tx store.Tx) error {
		tx.Record(newRun(70, envOne, "a"))
		tx.Audit(newAuditEntry(71))
		return nil
	})
	if rev != 0 || headOf(t, s, envOne) != head {
		t.Errorf("a ledger row has revision %d, the head went from %d to %d", rev, head, headOf(t, s, envOne))
	}
	if _, ok, err := s.Run(t.Context(), envOne, newRun(70, envOne, "a").ID); !ok || err != nil {
		t.Errorf("the run is not there: %v", err)
	}
	if rev := mustUpdate(t, s, testScopeEnv, func(store.Tx) error { return nil }); rev != 0 {
		t.Errorf("an empty update has revision %d", rev)
	}
}

func testScope(t *testing.T, s store.Store) {
	furnish(t, s, "a")
	putSegment(t, s, newSegment(80, envTwo, "a"))
	staged := stage(t, s, changes(segment.Include, "ann"))
	for name, tt := range map[string]struct {
		scope store.Scope
		fn    func(store.Tx)
	}{
		"another environment's segment":  {testScopeEnv, func(tx store.Tx) { tx.PutSegment(newSegment(81, envTwo, "b")) }},
		"another environment's deletion": {testScopeEnv, func(tx store.Tx) { tx.DeleteSegment(envTwo, "a") }},
		"another environment's members":  {testScopeEnv, func(tx store.Tx) { _, _ = tx.Apply(envTwo, "a", staged) }},
		"another environment's run":      {testScopeEnv, func(tx store.Tx) { tx.Record(newRun(82, envTwo, "a")) }},
		"a flag":                         {testScopeEnv, func(tx store.Tx) { tx.PutFlag(newFlag(83, "p", "f")) }},
		"a token in an environment":      {testScopeEnv, func(tx store.Tx) { tx.PutToken(newToken(84)) }},
		"a token in a project":           {store.Scope{Project: "p"}, func(tx store.Tx) { tx.PutToken(newToken(84)) }},
		"a role in a project":            {store.Scope{Project: "p"}, func(tx store.Tx) { tx.PutRole(newRole(84)) }},
		"a webhook in a project":         {store.Scope{Project: "p"}, func(tx store.Tx) { tx.PutWebhook(newWebhook(84)) }},
		"a relay in a project":           {store.Scope{Project: "p"}, func(tx store.Tx) { tx.PutRelayConfig(newRelayConfig(84)) }},
		"a sink in its environment":      {testScopeEnv, func(tx store.Tx) { tx.PutSink(newSink(84, envOne)) }},
		"another project's flag":         {store.Scope{Project: "p"}, func(tx store.Tx) { tx.PutFlag(newFlag(85, "q", "f")) }},
	} {
		_, err := s.Update(t.Context(), tt.scope, func(tx store.Tx) error {
			tx.PutSegment(newSegment(89, envOne, "beside"))
			tt.fn(tx)
			return nil
		})
		if !errors.Is(err, store.ErrScope) {
			t.Errorf("%s: got %v, want ErrScope", name, err)
		}
	}
	staged.Discard()
	if len(s.Tokens())+len(s.Roles())+len(s.Webhooks())+len(s.RelayConfigs())+len(s.Sinks())+len(s.Flags("p"))+len(s.Flags("q")) != 0 || len(s.Segments(envOne)) != 1 || len(s.Segments(envTwo)) != 1 {
		t.Error("a part of a refused write was kept")
	}
}

func testRecreation(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s)
	version := 0
	for round := segment.Generation(1); round <= 4; round++ {
		x := newSegment(int(round), envOne, "a")
		mustUpdate(t, s, testScopeEnv, func(tx store.Tx) error {
			if g := tx.LastGeneration(envOne, "a"); g != round-1 {
				t.Errorf("last generation %d before round %d", g, round)
			}
			last := tx.LastVersion(envOne, segment.SegmentDefinition, "a")
			if last < version {
				t.Errorf("last version %d, version %d was used", last, version)
			}
			x.Generation, x.Version = round, last+3
			tx.PutSegment(x)
			return nil
		})
		version = x.Version
		wantCounts(t, s, x.Ref(), 0, 0)
		change(t, s, "a", changes(segment.Include, "ann"))
		mustUpdate(t, s, testScopeEnv, func(tx store.Tx) error { tx.DeleteSegment(envOne, "a"); return nil })
		if _, ok := view(t, s).Counts(x.Ref()); ok {
			t.Errorf("%s is still there after its deletion", x.Ref())
		}
		wantState(t, view(t, s), x.Ref(), "ann", 0)
		if round%2 == 0 {
			m.Stop(t)
		} else {
			m.Cut(t)
		}
		s = m.Start(t)
	}
	newFollower(envOne).follow(t, t, s) // it checks that versions grow
	m.Stop(t)
}

func testDeleteEnvironment(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s, "a")
	change(t, s, "a", changes(segment.Include, "ann"))
	held := view(t, s)
	mustUpdate(t, s, store.Scope{Project: "p"}, func(tx store.Tx) error { tx.DeleteEnvironment(envOne); return nil })
	gone(t, t, s, envOne)
	wantState(t, held, segment.Ref{Key: "a", Generation: 1}, "ann", segment.Include)
	_, err := s.Update(t.Context(), testScopeEnv, func(tx store.Tx) error { tx.PutSegment(newSegment(90, envOne, "a")); return nil })
	if !errors.Is(err, store.ErrNoEnvironment) {
		t.Errorf("update of a deleted environment: %v, want ErrNoEnvironment", err)
	}
	m.Cut(t)
	s = m.Start(t)
	gone(t, t, s, envOne)
	again := newEnvironment(91, "p", envKeys[0])
	mustUpdate(t, s, store.Scope{Project: "p"}, func(tx store.Tx) error { tx.PutEnvironment(again); return nil })
	if got, ok := s.EnvironmentByKey("p", envKeys[0]); !ok || got.ID != again.ID {
		t.Errorf("the key now finds %v", got)
	}
	if _, ok := s.Segment(again.ID, "a"); ok {
		t.Error("the new environment has the old one's segment")
	}
	putSegment(t, s, newSegment(92, again.ID, "a"))
	m.Stop(t)
}

func testDeleteProject(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s, "a")
	change(t, s, "a", changes(segment.Include, "ann"))
	mustUpdate(t, s, store.Scope{Project: "p"}, func(tx store.Tx) error {
		f := newFlag(95, "p", "f")
		f.Environments[envKeys[0]] = newFlagConfig(1, true)
		tx.PutFlag(f)
		return nil
	})
	mustUpdate(t, s, store.Account, func(tx store.Tx) error { tx.DeleteProject("p"); return nil })
	for range 2 {
		gone(t, t, s, envOne)
		gone(t, t, s, envTwo)
		if len(s.Projects())+len(s.Flags("p"))+len(s.Environments("p"))+len(s.Segments(envOne)) != 0 {
			t.Error("something of the project is left")
		}
		if _, ok := s.EnvironmentBySDKKey("sdk-2"); ok {
			t.Error("its SDK key still finds an environment")
		}
		m.Stop(t)
		s = m.Start(t)
	}
	m.Stop(t)
}

func testCancelledUpdate(t *testing.T, s store.Store) {
	furnish(t, s, "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Update(ctx, testScopeEnv, func(store.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("update: %v", err)
	}
	if _, err := s.Await(ctx, envOne, headOf(t, s, envOne)); !errors.Is(err, context.Canceled) {
		t.Errorf("await: %v", err)
	}
}

func testClosedStore(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s, "a")
	change(t, s, "a", changes(segment.Include, "ann"))
	held, head := view(t, s), headOf(t, s, envOne)
	woken := make(chan error)
	go func() {
		_, err := s.Await(t.Context(), envOne, head)
		woken <- err
	}()
	m.Stop(t)
	if err := <-woken; !errors.Is(err, store.ErrClosed) {
		t.Errorf("the waiting reader got %v, want ErrClosed", err)
	}
	if _, err := s.Update(t.Context(), testScopeEnv, func(store.Tx) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("update: %v, want ErrClosed", err)
	}
	wantState(t, held, segment.Ref{Key: "a", Generation: 1}, "ann", segment.Include)
}
