package ingest_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/ingest"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
)

const (
	production segment.EnvID = "64b0c9f2a1d3e4f5061728aa"
	staging    segment.EnvID = "64b0c9f2a1d3e4f5061728ab"
)

var clock = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is the write path over a real engine on a file system in memory.
type house struct {
	*ingest.Ingest
	store *engine.Engine
}

func newHouse(t testing.TB) house {
	t.Helper()
	h, _ := openHouse(t, vfs.NewMem())
	return furnish(t, h)
}

// furnish makes the project of a new house.
func furnish(t testing.TB, h house) house {
	t.Helper()
	_, err := h.store.Update(t.Context(), store.Account, func(tx store.Tx) error {
		tx.PutProject(&catalog.Project{ID: catalog.NewID(), Key: "web", Name: "Web", Tags: []string{}, ContextKinds: []catalog.ContextKind{{Key: "user", Name: "User"}}})
		for id, key := range map[segment.EnvID]catalog.EnvKey{production: "production", staging: "staging"} {
			tx.PutEnvironment(&catalog.Environment{
				ID: id, Project: "web", Key: key, Name: string(key), Color: "000000", Tags: []string{},
				SDKKey: catalog.NewSecret("sdk-"), MobileKey: catalog.NewSecret("mob-"),
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// openHouse opens what is on a disk. A house on what a crash leaves of it may be opened beside.
func openHouse(t testing.TB, disk vfs.FS) (house, *pebblestore.Store) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	db, err := pebblestore.Open("data", disk, log, func(err error) { t.Errorf("store failed: %v", err) })
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(t.Context(), db, db, engine.Options{Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(e.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	return house{Ingest: ingest.New(e, func() time.Time { return clock }, log), store: e}, db
}

// may returns a caller with the two-action policy of a sync token, or whatever actions are named.
func may(resource string, actions ...string) catalog.Caller {
	return catalog.Caller{
		Principal: policy.Principal{Roles: []policy.Role{{Base: policy.NoAccess, Policy: []policy.Statement{
			{Effect: policy.Allow, Actions: actions, Resources: []string{resource}},
		}}}},
		Actor: segment.Actor{Kind: "token", ID: "t1", Name: "sync"},
	}
}

var syncToken = may("proj/*:env/*:segment/*", "createSegment", "updateIncluded")

// cohort is one cohort of a batch with the changes given as "+key" and "-key".
func cohort(id, name string, changes ...string) segment.Cohort {
	c := segment.Cohort{ExternalID: id, Name: name, Received: len(changes), Changes: new(segment.Changes)}
	for _, change := range changes {
		ops := segment.Include
		if change[0] == '-' {
			ops = segment.Uninclude
		}
		c.Changes.Append([]byte(change[1:]), ops)
	}
	return c
}

func batch(cohorts ...segment.Cohort) ingest.Push {
	b := &segment.Batch{Environment: production, Kind: "user", Cohorts: cohorts}
	for _, c := range cohorts {
		b.Received += c.Received
	}
	return ingest.Push{Tool: "rudderstack", ToolName: "RudderStack", Batch: b, ReceivedAt: clock}
}

func (h house) push(t testing.TB, who catalog.Caller, p ingest.Push) ingest.Receipt {
	t.Helper()
	receipt, err := h.Push(t.Context(), who, p)
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

func (h house) segment(t testing.TB, key segment.Key) *catalog.Segment {
	t.Helper()
	s, ok := h.store.Segment(production, key)
	if !ok {
		t.Fatalf("there is no segment %s", key)
	}
	return s
}

func (h house) has(t testing.TB, s *catalog.Segment, key string) bool {
	t.Helper()
	view, err := h.store.View(production)
	if err != nil {
		t.Fatal(err)
	}
	state, err := view.State(s.Ref(), segment.HashOf(key))
	if err != nil {
		t.Fatal(err)
	}
	return state&segment.Include != 0
}

func wantKind(t testing.TB, err error, kind fault.Kind) *fault.Error {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind {
		t.Fatalf("error %v, want kind %d", err, kind)
	}
	return fault.From(err)
}

func TestAFirstPushCreatesTheSegmentOfItsCohort(t *testing.T) {
	h := newHouse(t)
	c := cohort("trial", "Trial users", "+ann", "+ben")
	c.URL = "https://tool.example/cohort/trial"
	receipt := h.push(t, syncToken, batch(c))
	s := h.segment(t, "rudderstack-trial")
	if s.Name != "Trial users" || s.Description != "Synced from RudderStack" || !s.Unbounded || s.Kind != "user" || s.Generation != 1 || s.Version != 1 {
		t.Errorf("created %+v", s)
	}
	if s.Source == nil || s.Source.Tool != "rudderstack" || s.Source.ExternalID != "trial" || s.Source.URL != c.URL || s.Source.Partial {
		t.Errorf("source %+v", s.Source)
	}
	if !h.has(t, s, "ann") || !h.has(t, s, "ben") || h.has(t, s, "cleo") {
		t.Error("members are not those pushed")
	}
	if receipt.Project != "web" || receipt.Environment != "production" || receipt.Revision == 0 || len(receipt.Runs) != 1 {
		t.Errorf("receipt %+v", receipt)
	}
	if _, ok := h.store.Segment(staging, "rudderstack-trial"); ok {
		t.Error("the other environment got the segment too")
	}
}

func TestWhatAPersonEditedNoSyncChanges(t *testing.T) {
	h := newHouse(t)
	h.push(t, syncToken, batch(cohort("trial", "Trial", "+ann")))
	h.push(t, syncToken, batch(cohort("trial", "Trial, day 3", "+ann")))
	if s := h.segment(t, "rudderstack-trial"); s.Name != "Trial, day 3" || s.Source.ExternalName != "Trial, day 3" || s.Version != 2 {
		t.Fatalf("a rename in the tool did not follow: %+v", s)
	}
	edited := h.segment(t, "rudderstack-trial").Clone()
	edited.Name, edited.Source.NameEdited = "Our trial", true
	edited.Description, edited.Source.DescriptionEdited = "Ours", true
	if _, err := h.store.Update(t.Context(), store.Scope{Env: production}, func(tx store.Tx) error { tx.PutSegment(edited); return nil }); err != nil {
		t.Fatal(err)
	}
	c := cohort("trial", "Trial, day 4", "+ben")
	c.Description, c.URL = "Theirs", "https://tool.example/4"
	h.push(t, syncToken, batch(c))
	s := h.segment(t, "rudderstack-trial")
	if s.Name != "Our trial" || s.Description != "Ours" {
		t.Errorf("the sync overwrote what a person edited: %q, %q", s.Name, s.Description)
	}
	if s.Source.ExternalName != "Trial, day 4" || s.Source.URL != "https://tool.example/4" {
		t.Errorf("name and link in the tool are not kept: %+v", s.Source)
	}
}

func TestPermissions(t *testing.T) {
	existing, absent := cohort("trial", "Trial", "+ann"), cohort("new", "New", "+ann")
	tests := map[string]struct {
		who   catalog.Caller
		batch ingest.Push
		want  fault.Kind
		ok    bool
	}{
		"two actions create a segment":                     {syncToken, batch(absent), 0, true},
		"updateIncluded alone feeds an existing segment":   {may("proj/*:env/*:segment/*", "updateIncluded"), batch(existing), 0, true},
		"updateIncluded alone creates nothing":             {may("proj/*:env/*:segment/*", "updateIncluded"), batch(absent), fault.Forbidden, false},
		"createSegment alone feeds nothing":                {may("proj/*:env/*:segment/*", "createSegment"), batch(existing), fault.Forbidden, false},
		"a token of another project is refused":            {may("proj/shop:env/*:segment/*", "*"), batch(existing), fault.Forbidden, false},
		"a token of another environment is refused":        {may("proj/web:env/staging:segment/*", "*"), batch(existing), fault.Forbidden, false},
		"one forbidden cohort refuses the whole request":   {may("proj/*:env/*:segment/rudderstack-trial", "*"), batch(existing, absent), fault.Forbidden, false},
		"importEventData does not help":                    {may("proj/*:env/*", "importEventData"), batch(existing), fault.Forbidden, false},
		"an empty request needs the right to feed as well": {may("proj/*:env/*", "*"), batch(), fault.Forbidden, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.push(t, syncToken, batch(cohort("trial", "Trial", "+zoe")))
			before, err := h.store.Head(production)
			if err != nil {
				t.Fatal(err)
			}
			_, err = h.Push(t.Context(), tt.who, tt.batch)
			if tt.ok {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			f := wantKind(t, err, tt.want)
			if !strings.Contains(f.Message, "on proj/web:env/production:segment/") {
				t.Errorf("the message does not name the resource: %s", f.Message)
			}
			if h.has(t, h.segment(t, "rudderstack-trial"), "ann") {
				t.Error("a refused request changed members")
			}
			if after, err := h.store.Head(production); err != nil || after != before {
				t.Errorf("a refused request wrote to the log: %d, %v", after, err)
			}
		})
	}
}

func TestConflictsAreFinalAndChangeNothing(t *testing.T) {
	h := newHouse(t)
	h.push(t, syncToken, batch(cohort("trial", "Trial", "+zoe")))
	taken := &catalog.Segment{ID: catalog.NewID(), Env: production, Key: "rudderstack-taken", Name: "Taken", Tags: []string{}, Version: 1, Generation: 1}
	if _, err := h.store.Update(t.Context(), store.Scope{Env: production}, func(tx store.Tx) error { tx.PutSegment(taken); return nil }); err != nil {
		t.Fatal(err)
	}
	otherKind := batch(cohort("trial", "Trial", "+ann"))
	otherKind.Batch.Kind = "account"
	for name, p := range map[string]ingest.Push{
		"a key that a rule-based segment has": batch(cohort("fresh", "Fresh", "+ann"), cohort("taken", "Taken", "+ann")),
		"another context kind":                otherKind,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.Push(t.Context(), syncToken, p)
			wantKind(t, err, fault.Conflict)
			if _, ok := h.store.Segment(production, "rudderstack-fresh"); ok {
				t.Error("half of the request was applied")
			}
			if h.has(t, h.segment(t, "rudderstack-trial"), "ann") {
				t.Error("members changed")
			}
			runs, total, err := h.store.Runs(t.Context(), production, store.RunQuery{State: segment.RunRejected, Limit: 1})
			if err != nil || total == 0 || runs[0].Error == "" || runs[0].Added != 0 {
				t.Errorf("the ledger says nothing of it: %+v, %v", runs, err)
			}
		})
	}
}

// A list that was carried over, or made by hand, with the key that a tool gives to a cohort is that
// cohort's segment: flags name it by this key.
func TestAToolTakesOverTheListThatHasItsKey(t *testing.T) {
	h := newHouse(t)
	t.Cleanup(h.Close)
	list := &catalog.Segment{
		ID: catalog.NewID(), Env: production, Key: "rudderstack-vips", Name: "Our VIPs", Description: "by hand", Tags: []string{"money"},
		Version: 4, Generation: 3, Salt: "salt", Unbounded: true, Kind: "user",
	}
	if _, err := h.store.Update(t.Context(), store.Scope{Env: production}, func(tx store.Tx) error { tx.PutSegment(list); return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Edit(t.Context(), owner, ingest.Edit{Project: "web", Environment: "production", Segment: list.Key, AddIncluded: []string{"zoe"}}); err != nil {
		t.Fatal(err)
	}
	push := batch(cohort("vips", "VIPs of the tool", "+ann"))
	push.Batch.Cohorts[0].Description = "by the tool"
	otherKind := batch(cohort("vips", "VIPs of the tool", "+acme"))
	otherKind.Batch.Kind = "account"
	_, err := h.Push(t.Context(), syncToken, otherKind)
	wantKind(t, err, fault.Conflict)
	shutOut := may("proj/*:env/*:segment/*", "createSegment", "updateIncluded")
	shutOut.Principal.Roles[0].Policy = append(shutOut.Principal.Roles[0].Policy,
		policy.Statement{Effect: policy.Deny, Actions: []string{"updateIncluded"}, Resources: []string{"proj/*:env/*:segment/*;money"}})
	_, err = h.Push(t.Context(), shutOut, push)
	wantKind(t, err, fault.Forbidden)

	receipt := h.push(t, syncToken, push)
	if note := receipt.Runs[0].Note; !strings.Contains(note, "run a full sync in RudderStack") {
		t.Errorf("the ledger notes %q", note)
	}
	h.push(t, syncToken, batch(cohort("vips", "Renamed by the tool", "+ben")))
	s := h.segment(t, list.Key)
	if s.Source == nil || s.Source.Tool != "rudderstack" || s.Source.ExternalID != "vips" || s.Source.ExternalName != "Renamed by the tool" || !s.Source.Partial {
		t.Errorf("the source is %+v", s.Source)
	}
	if s.Name != list.Name || s.Description != list.Description || s.Generation != list.Generation || s.Version <= list.Version || s.ID != list.ID {
		t.Errorf("it became %+v", s)
	}
	for _, key := range []string{"zoe", "ann", "ben"} {
		if !h.has(t, s, key) {
			t.Errorf("%s is no member", key)
		}
	}
	whole := batch(cohort("vips", "VIPs of the tool", "+carl"))
	whole.Batch.Mode = segment.Replace
	h.push(t, syncToken, whole)
	if s = h.segment(t, list.Key); s.Source.Partial || h.has(t, s, "zoe") || !h.has(t, s, "carl") {
		t.Errorf("after a full sync it is %+v, with zoe %t", s.Source, h.has(t, s, "zoe"))
	}
}

func TestASegmentOfATestStaysOnceItsToolSyncsIt(t *testing.T) {
	for name, whole := range map[string]bool{"a delta": false, "a whole list": true} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			t.Cleanup(h.Close)
			trial := batch(cohort("trial", "Trial", "+ann"))
			trial.Test = true
			h.push(t, syncToken, trial)
			h.push(t, syncToken, trial)
			if s := h.segment(t, "rudderstack-trial"); !s.ExpiresAt.Equal(clock.Add(ingest.TestAge)) {
				t.Fatalf("after tests alone it is deleted at %v", s.ExpiresAt)
			}
			push := batch(cohort("trial", "Trial", "+ben"))
			if whole {
				push.Batch.Mode = segment.Replace
			}
			h.push(t, syncToken, push)
			if s := h.segment(t, "rudderstack-trial"); !s.ExpiresAt.IsZero() {
				t.Errorf("what the tool synced is deleted at %v", s.ExpiresAt)
			}
			h.push(t, syncToken, trial)
			if s := h.segment(t, "rudderstack-trial"); !s.ExpiresAt.IsZero() {
				t.Errorf("after a later test it is deleted at %v", s.ExpiresAt)
			}
		})
	}
}

func TestAnUnknownContextKindIsAddedToTheProject(t *testing.T) {
	h := newHouse(t)
	p := batch(cohort("accounts", "Accounts", "+acme"))
	p.Batch.Kind = "account"
	h.push(t, syncToken, p)
	project, _ := h.store.Project("web")
	if kind, ok := project.ContextKind("account"); !ok || kind.CreatedFrom != "auto-add" {
		t.Errorf("context kinds: %+v", project.ContextKinds)
	}
	for n, kind := range []segment.ContextKind{"_device", ".device", "-device"} {
		p = batch(cohort(fmt.Sprint(n), "Devices", "+d1"))
		p.Batch.Kind = kind
		h.push(t, syncToken, p)
	}
	for _, kind := range []segment.ContextKind{"multi", "kind", "", "a b"} {
		p = batch(cohort("others", "Others", "+acme"))
		p.Batch.Kind = kind
		_, err := h.Push(t.Context(), syncToken, p)
		wantKind(t, err, fault.Invalid)
	}
}

func TestADeletedSegmentContinuesWithTheNextGeneration(t *testing.T) {
	h := newHouse(t)
	h.push(t, syncToken, batch(cohort("trial", "Trial", "+ann")))
	first := h.segment(t, "rudderstack-trial")
	if _, err := h.store.Update(t.Context(), store.Scope{Env: production}, func(tx store.Tx) error {
		tx.DeleteSegment(production, first.Key)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	receipt := h.push(t, syncToken, batch(cohort("trial", "Trial", "+ben")))
	if note := receipt.Runs[0].Note; !strings.Contains(note, "run a full sync in RudderStack") {
		t.Errorf("the ledger notes %q", note)
	}
	second := h.segment(t, "rudderstack-trial")
	if second.Generation != 2 || second.Version <= first.Version || !second.Source.Partial {
		t.Errorf("recreated as %+v, %+v", second, second.Source)
	}
	if h.has(t, second, "ann") || !h.has(t, second, "ben") {
		t.Error("the new generation does not start empty")
	}
}

func TestParallelPushesForANewSegmentAllLand(t *testing.T) {
	h := newHouse(t)
	const pushers, each = 32, 20
	var wg sync.WaitGroup
	errs := make(chan error, pushers)
	for n := range pushers {
		wg.Go(func() {
			changes := make([]string, 0, each)
			for i := range each {
				changes = append(changes, fmt.Sprintf("+u-%d-%d", n, i))
			}
			_, err := h.Push(t.Context(), syncToken, batch(cohort("trial", "Trial", changes...)))
			errs <- err
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	view, err := h.store.View(production)
	if err != nil {
		t.Fatal(err)
	}
	if counts, _ := view.Counts(h.segment(t, "rudderstack-trial").Ref()); counts.Included != pushers*each {
		t.Errorf("%d members, want %d", counts.Included, pushers*each)
	}
}

func TestTheLedgerAccountsForEveryMember(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHouse(t)
		for range rapid.IntRange(1, 5).Draw(rt, "pushes") {
			var cohorts []segment.Cohort
			for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 3, rapid.ID[string]).Draw(rt, "cohorts") {
				changes := rapid.SliceOfN(rapid.SampledFrom([]string{"+ann", "-ann", "+ben", "-ben", "+cleo", "-cleo"}), 0, 8).Draw(rt, "changes")
				cohorts = append(cohorts, cohort(id, "Cohort "+id, changes...))
			}
			skipped := rapid.IntRange(0, 3).Draw(rt, "skipped")
			cohorts[0].Received += skipped
			p := batch(cohorts...)
			p.Batch.Skipped = skipped
			receipt := h.push(t, syncToken, p)
			received := 0
			for _, run := range receipt.Runs {
				if run.Received != run.Added+run.Removed+run.Unchanged+run.Skipped {
					rt.Fatalf("run does not add up: %+v", run)
				}
				received += run.Received
				kept, ok, err := h.store.Run(t.Context(), production, run.ID)
				if err != nil || !ok || kept.Received != run.Received || kept.Added != run.Added || kept.State != segment.RunLive {
					rt.Fatalf("ledger has %+v (%t, %v), want %+v", kept, ok, err, run)
				}
			}
			if received != p.Batch.Received {
				rt.Fatalf("runs received %d of %d", received, p.Batch.Received)
			}
		}
	})
}

func TestARepeatedPushIsInTheLedgerButNotInTheAuditLog(t *testing.T) {
	h := newHouse(t)
	for range 3 {
		h.push(t, syncToken, batch(cohort("trial", "Trial", "+ann", "-ben")))
	}
	runs, total, err := h.store.Runs(t.Context(), production, store.RunQuery{Segment: "rudderstack-trial"})
	if err != nil || total != 3 || len(runs) != 3 {
		t.Fatalf("%d runs of %d, %v", len(runs), total, err)
	}
	if newest := runs[0]; newest.Added != 0 || newest.Unchanged != 2 {
		t.Errorf("the repeat counts as %+v", newest)
	}
	audited := 0
	for entry, err := range h.store.AuditEntries(t.Context(), time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		if entry.Kind == "segment" {
			audited++
		}
	}
	if audited != 1 {
		t.Errorf("%d audit entries, want 1", audited)
	}
}

func TestPushToWhatDoesNotExist(t *testing.T) {
	h := newHouse(t)
	p := batch(cohort("trial", "Trial", "+ann"))
	p.Batch.Environment = "ffffffffffffffffffffffff"
	_, err := h.Push(t.Context(), syncToken, p)
	wantKind(t, err, fault.NotFound)
}

func TestAClosedStoreIsATemporaryTrouble(t *testing.T) {
	h := newHouse(t)
	if err := h.store.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := h.Push(t.Context(), syncToken, batch(cohort("trial", "Trial", "+ann")))
	wantKind(t, err, fault.Unavailable)
	if !errors.Is(err, store.ErrClosed) {
		t.Errorf("the cause is lost: %v", err)
	}
}
