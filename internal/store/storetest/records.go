package storetest

import (
	"slices"
	"testing"
	"time"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

var recordChecks = []check[store.Store]{
	{"Runs are found by segment, state, tool and time, newest first", testRuns},
	{"A run knows when and at which revision it became visible", started(testRunFilled)},
	{"Audit entries come newest first, from any time", testAudit},
	{"Who follows the audit log misses nothing, whatever is written at once", testAuditOrder},
	{"The progress of webhooks survives, and goes with them", testWebhookProgress},
	{"Definitions are logged when SDKs can see a difference", started(testDefinitions)},
	{"A change of settings is logged in its environment", started(testSettings)},
	{"An expiring SDK key still finds its environment", testExpiringKey},
}

func testRuns(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s, "a", "b")
	var all []segment.Run
	for i := range 12 {
		run := newRun(200+i, envOne, segmentKeys[i%2])
		run.Tool = []string{"one", "two", "three"}[i%3]
		if i%4 == 0 {
			run.State, run.Error = segment.RunRejected, "broken"
		}
		mustUpdate(t, s, testScopeEnv, func(tx store.Tx) error { tx.Record(run); return nil })
		all = append(all, run)
	}
	mustUpdate(t, s, store.Scope{Env: envTwo}, func(tx store.Tx) error { tx.Record(newRun(300, envTwo, "a")); return nil })
	slices.Reverse(all)
	for round := range 2 {
		for _, tt := range []struct {
			name string
			q    store.RunQuery
			want func(segment.Run) bool
		}{
			{"all", store.RunQuery{}, func(segment.Run) bool { return true }},
			{"one segment", store.RunQuery{Segment: "a"}, func(r segment.Run) bool { return r.Segment == "a" }},
			{"rejected ones", store.RunQuery{State: segment.RunRejected}, func(r segment.Run) bool { return r.State == segment.RunRejected }},
			{"one tool", store.RunQuery{Tool: "two"}, func(r segment.Run) bool { return r.Tool == "two" }},
			{"a segment and a tool", store.RunQuery{Segment: "b", Tool: "one"}, func(r segment.Run) bool { return r.Segment == "b" && r.Tool == "one" }},
			{"a stretch of time", store.RunQuery{After: at(203), Before: at(209)}, func(r segment.Run) bool {
				return r.ReceivedAt.After(at(203)) && r.ReceivedAt.Before(at(209))
			}},
			{"an unknown segment", store.RunQuery{Segment: "none"}, func(segment.Run) bool { return false }},
		} {
			var want []segment.Run
			for _, r := range all {
				if tt.want(r) {
					want = append(want, r)
				}
			}
			wantRuns(t, s, tt.name, tt.q, want, len(want))
			tt.q.Limit, tt.q.Offset = 2, 1
			wantRuns(t, s, tt.name+", a page", tt.q, want[min(1, len(want)):min(3, len(want))], len(want))
		}
		if _, ok, err := s.Run(t.Context(), envTwo, all[0].ID); ok || err != nil {
			t.Errorf("another environment has the run too: %v", err)
		}
		if round == 0 {
			m.Cut(t)
			s = m.Start(t)
		}
	}
	m.Stop(t)
}

func wantRuns(t testing.TB, s store.Ledger, name string, q store.RunQuery, want []segment.Run, total int) {
	t.Helper()
	got, n, err := s.Runs(t.Context(), envOne, q)
	if err != nil || n != total {
		t.Errorf("%s: %d runs match, %v; want %d", name, n, err, total)
	}
	for i := range got {
		got[i] = plainRun(got[i])
	}
	diff(t, name, want, got)
}

func testRunFilled(t *testing.T, s store.Store) {
	furnish(t, s, "a")
	staged := stage(t, s, changes(segment.Include, "ann"))
	run := newRun(210, envOne, "a")
	rev := mustUpdate(t, s, testScopeEnv, func(tx store.Tx) error {
		_, err := tx.Apply(envOne, "a", staged)
		tx.Record(run)
		return err
	})
	got, ok, err := s.Run(t.Context(), envOne, run.ID)
	if !ok || err != nil || got.Revision != rev || got.LiveAt.IsZero() {
		t.Errorf("run %+v, %t, %v; want revision %d", got, ok, err, rev)
	}
	if _, ok, err := s.Run(t.Context(), envOne, "ffffffffffffffffffffffff"); ok || err != nil {
		t.Errorf("an unknown run: %t, %v", ok, err)
	}
}

func testAudit(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s)
	var want []catalog.AuditEntry
	for i := range 10 {
		entry := newAuditEntry(220 + i)
		scope := []store.Scope{store.Account, testScopeEnv, {Project: "p"}}[i%3]
		mustUpdate(t, s, scope, func(tx store.Tx) error { tx.Audit(entry); return nil })
		want = append([]catalog.AuditEntry{entry}, want...)
	}
	m.Cut(t)
	s = m.Start(t)
	for _, tt := range []struct {
		name   string
		before time.Time
		want   []catalog.AuditEntry
	}{
		{"from now", time.Time{}, want},
		{"before the sixth", at(225), want[5:]},
		{"before the first", at(220), nil},
	} {
		var got []catalog.AuditEntry
		for e, err := range s.AuditEntries(t.Context(), tt.before) {
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			got = append(got, e)
		}
		diff(t, tt.name, tt.want, got)
	}
	m.Stop(t)
}

func testDefinitions(t *testing.T, s store.Store) {
	furnish(t, s, "a")
	head, other := headOf(t, s, envOne), headOf(t, s, envTwo)
	renamed := newSegment(100, envOne, "a")
	renamed.Name = "what people call it"
	if rev := putSegment(t, s, renamed); rev != 0 || headOf(t, s, envOne) != head {
		t.Errorf("SDKs see no name, yet the rename has revision %d", rev)
	}
	f := newFlag(230, "p", "f")
	f.Environments[envKeys[0]] = newFlagConfig(1, true)
	mustUpdate(t, s, store.Scope{Project: "p"}, func(tx store.Tx) error { tx.PutFlag(f); return nil })
	if headOf(t, s, envOne) != head+1 || headOf(t, s, envTwo) != other {
		t.Errorf("a flag of one environment: heads went from %d and %d to %d and %d", head, other, headOf(t, s, envOne), headOf(t, s, envTwo))
	}
	entries := entriesAfter(t, s, head)
	want := catalog.FlagDefinition(f, envKeys[0])
	if len(entries) != 1 || len(entries[0].Definitions) != 1 {
		t.Fatalf("entries %+v, want one with one definition", entries)
	}
	diff(t, "definition of the flag", want, entries[0].Definitions[0])

	mustUpdate(t, s, store.Scope{Project: "p"}, func(tx store.Tx) error { tx.DeleteFlag("p", "f"); return nil })
	entries = entriesAfter(t, s, head+1)
	if len(entries) != 1 || len(entries[0].Definitions) != 1 || entries[0].Definitions[0].JSON != nil || entries[0].Definitions[0].Version <= 1 {
		t.Errorf("entries of the deletion: %+v", entries)
	}
}

func testSettings(t *testing.T, s store.Store) {
	furnish(t, s)
	head, other := headOf(t, s, envOne), headOf(t, s, envTwo)
	e, _ := s.Environment(envOne)
	e = e.Clone()
	e.Version, e.SDKKey = 2, "sdk-new"
	mustUpdate(t, s, store.Scope{Project: "p"}, func(tx store.Tx) error { tx.PutEnvironment(e); return nil })
	entries := entriesAfter(t, s, head)
	if len(entries) != 1 || !entries[0].Environment {
		t.Errorf("entries %+v, want one that says the environment changed", entries)
	}
	if now := headOf(t, s, envTwo); now != other {
		t.Errorf("the other environment went from revision %d to %d", other, now)
	}
	if _, ok := s.EnvironmentBySDKKey("sdk-2"); ok {
		t.Error("the old SDK key still finds the environment")
	}
	if got, ok := s.EnvironmentBySDKKey("sdk-new"); !ok || got.ID != envOne {
		t.Errorf("the new SDK key finds %v", got)
	}
}

func testExpiringKey(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s)
	e, _ := s.Environment(envOne)
	e = e.Clone()
	e.Version, e.SDKKey = 2, "sdk-new"
	e.ExpiringSDKKeys = []catalog.ExpiringKey{{Key: "sdk-2", Expiry: at(1000)}}
	mustUpdate(t, s, store.Scope{Project: "p"}, func(tx store.Tx) error { tx.PutEnvironment(e); return nil })
	for range 2 {
		for _, key := range []string{"sdk-2", "sdk-new"} {
			if got, ok := s.EnvironmentBySDKKey(key); !ok || got.ID != envOne {
				t.Errorf("key %s finds %v", key, got)
			}
		}
		m.Stop(t)
		s = m.Start(t)
	}
	m.Stop(t)
}
