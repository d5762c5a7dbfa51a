package admin_test

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/seal"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var clock = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// house is the write path over a real engine on a file system in memory.
type house struct {
	*admin.Admin
	store *engine.Engine
}

func newHouse(t testing.TB) house {
	t.Helper()
	h, end := openHouse(t, vfs.NewMem(), func(err error) { t.Errorf("store failed: %v", err) })
	t.Cleanup(end)
	return h
}

// openHouse opens what is on a disk, or begins there. It has to be ended.
func openHouse(t testing.TB, disk vfs.FS, fatal func(error)) (h house, end func()) {
	t.Helper()
	keys, err := seal.ParseKeys(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	db, err := pebblestore.Open("data", disk, log, fatal)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(t.Context(), db, db, engine.Options{Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	return house{Admin: admin.New(e, keys, func() time.Time { return clock }), store: e}, func() {
		e.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

var ann = &catalog.Member{ID: "64b0c9f2a1d3e4f506172801", Email: "ann@x.test", Role: catalog.RoleOwner}

// root may do everything.
var root = catalog.Caller{
	Principal:   policy.Principal{Roles: []policy.Role{{Base: policy.Reader, Policy: []policy.Statement{allow("*", "*")}}}},
	Actor:       segment.Actor{Kind: "member", ID: string(ann.ID), Name: "Ann"},
	Member:      ann,
	Administers: true,
}

func allow(action string, resources ...string) policy.Statement {
	return policy.Statement{Effect: policy.Allow, Actions: []string{action}, Resources: resources}
}

// may returns a service token's caller with exactly these statements.
func may(statements ...policy.Statement) catalog.Caller {
	return catalog.Caller{
		Principal: policy.Principal{Roles: []policy.Role{{Base: policy.NoAccess, Policy: statements}}},
		Actor:     segment.Actor{Kind: "token", ID: "t1", Name: "robot"},
		Token:     &catalog.Token{ID: "64b0c9f2a1d3e4f506172899", Service: true, InlineRole: statements},
	}
}

var viewer = may(allow("view*", "*"))

// furnished is a house with project web (production, test), flags checkout and payments, segments
// vip (a list), big (unbounded), crm (synced), and a second project.
func furnished(t testing.TB) house {
	t.Helper()
	h := newHouse(t)
	h.furnish(t)
	return h
}

func (h house) furnish(t testing.TB) {
	t.Helper()
	_, err := h.store.Update(t.Context(), store.Account, func(tx store.Tx) error { tx.PutMember(ann); return nil })
	must(t, err)
	for _, key := range []catalog.ProjectKey{"web", "other"} {
		_, err = h.CreateProject(t.Context(), root, admin.NewProject{Key: key, Name: string(key)})
		must(t, err)
		for _, flag := range []catalog.FlagKey{"checkout", "payments"} {
			_, err = h.CreateFlag(t.Context(), root, key, admin.NewFlag{Key: flag, Name: string(flag)})
			must(t, err)
		}
		_, err = h.CreateSegment(t.Context(), root, key, "test", admin.NewSegment{Key: "vip", Name: "VIP"})
		must(t, err)
		_, err = h.CreateSegment(t.Context(), root, key, "test", admin.NewSegment{Key: "big", Name: "Big", Unbounded: true})
		must(t, err)
	}
	env := h.env(t, "web", "test")
	_, err = h.store.Update(t.Context(), store.Scope{Env: env.ID}, func(tx store.Tx) error {
		tx.PutSegment(&catalog.Segment{
			ID: catalog.NewID(), Env: env.ID, Key: "crm", Name: "Crm", Unbounded: true, Kind: "user", Generation: 1, Version: 1,
			Source: &catalog.Source{Tool: "amplitude", ExternalID: "c1"},
		})
		return nil
	})
	must(t, err)
}

// deleteFlag deletes a flag whatever its version.
func (h house) deleteFlag(t testing.TB, who catalog.Caller, p catalog.ProjectKey, key catalog.FlagKey) error {
	t.Helper()
	_, err := h.DeleteFlag(t.Context(), who, p, key, admin.Change{}, func(*catalog.Flag) error { return nil })
	return err
}

// deleteSegment deletes a segment whatever its version.
func (h house) deleteSegment(t testing.TB, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, key segment.Key) error {
	t.Helper()
	return h.DeleteSegment(t.Context(), who, p, e, key, func(*catalog.Segment) error { return nil })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t testing.TB, err error, kind fault.Kind) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind {
		t.Fatalf("got %v (kind %d), want kind %d", err, fault.KindOf(err), kind)
	}
}

func (h house) env(t testing.TB, p catalog.ProjectKey, e catalog.EnvKey) *catalog.Environment {
	t.Helper()
	env, ok := h.store.EnvironmentByKey(p, e)
	if !ok {
		t.Fatalf("no environment %s in %s", e, p)
	}
	return env
}

// dump is everything that people configured, to see whether anything changed.
func (h house) dump(t testing.TB) string {
	t.Helper()
	var all []any
	for _, p := range h.store.Projects() {
		all = append(all, p, h.store.Flags(p.Key))
		for _, e := range h.store.Environments(p.Key) {
			all = append(all, e, h.store.Segments(e.ID))
		}
	}
	all = append(all, h.store.Tokens(), h.store.Members(), h.store.Roles())
	b, err := json.Marshal(all)
	must(t, err)
	return string(b)
}

// write is one thing that a caller can ask for, and the rights it takes.
type write struct {
	name  string
	needs []policy.Statement
	do    func(testing.TB, house, catalog.Caller) error
}

func changeProject(change func(*catalog.Project)) func(testing.TB, house, catalog.Caller) error {
	return func(t testing.TB, h house, who catalog.Caller) error {
		_, err := h.ChangeProject(t.Context(), who, "web", admin.Change{}, func(p *catalog.Project) error { change(p); return nil })
		return err
	}
}

func changeEnvironment(change func(*catalog.Environment)) func(testing.TB, house, catalog.Caller) error {
	return func(t testing.TB, h house, who catalog.Caller) error {
		_, err := h.ChangeEnvironment(t.Context(), who, "web", "test", admin.Change{}, func(e *catalog.Environment) error { change(e); return nil })
		return err
	}
}

func changeSegment(key segment.Key, change func(*catalog.Segment)) func(testing.TB, house, catalog.Caller) error {
	return func(t testing.TB, h house, who catalog.Caller) error {
		_, err := h.ChangeSegment(t.Context(), who, "web", "test", key, admin.Change{}, func(s *catalog.Segment) error { change(s); return nil })
		return err
	}
}

func changeFlag(change func(*catalog.Flag)) func(testing.TB, house, catalog.Caller) error {
	return func(t testing.TB, h house, who catalog.Caller) error {
		_, err := h.ChangeFlag(t.Context(), who, "web", "checkout", admin.Change{}, func(f *catalog.Flag) error { change(f); return nil })
		return err
	}
}

func inTest(change func(*catalog.FlagConfig)) func(testing.TB, house, catalog.Caller) error {
	return changeFlag(func(f *catalog.Flag) { change(f.Environments["test"]) })
}

const (
	proj     = "proj/web"
	envTest  = "proj/web:env/test"
	flagTest = "proj/web:env/test:flag/checkout"
	flagProd = "proj/web:env/production:flag/checkout"
	segTest  = "proj/web:env/test:segment/vip"
)

func both(action string) []policy.Statement {
	return []policy.Statement{allow(action, flagTest), allow(action, flagProd)}
}

func one(action, resource string) []policy.Statement {
	return []policy.Statement{allow(action, resource)}
}

var writes = []write{
	{"create a project", one("createProject", "proj/new"), func(t testing.TB, h house, who catalog.Caller) error {
		_, err := h.CreateProject(t.Context(), who, admin.NewProject{Key: "new", Name: "New"})
		return err
	}},
	{"rename a project", one("updateProjectName", proj), changeProject(func(p *catalog.Project) { p.Name = "New" })},
	{"availability default of a project", one("updateDefaultClientSideAvailability", proj), changeProject(func(p *catalog.Project) { p.DefaultAvailability.EnvironmentID = true })},
	{"add a context kind", one("createContextKind", "proj/web:context-kind/org"), changeProject(func(p *catalog.Project) {
		p.ContextKinds = append(p.ContextKinds, catalog.ContextKind{Key: "org"})
	})},
	{"change a context kind", one("updateContextKind", "proj/web:context-kind/user"), changeProject(func(p *catalog.Project) { p.ContextKinds[0].Description = "people" })},
	{"delete a project", one("deleteProject", proj), func(t testing.TB, h house, who catalog.Caller) error {
		return h.DeleteProject(t.Context(), who, "web")
	}},

	{"create an environment", one("createEnvironment", "proj/web:env/new"), func(t testing.TB, h house, who catalog.Caller) error {
		_, err := h.CreateEnvironment(t.Context(), who, "web", admin.NewEnvironment{Key: "new", Name: "New"})
		return err
	}},
	{"rename an environment", one("updateName", envTest), changeEnvironment(func(e *catalog.Environment) { e.Name = "New" })},
	{"colour", one("updateColor", envTest), changeEnvironment(func(e *catalog.Environment) { e.Color = "abcdef" })},
	{"TTL", one("updateTtl", envTest), changeEnvironment(func(e *catalog.Environment) { e.DefaultTTL = 5 })},
	{"secure mode", one("updateSecureMode", envTest), changeEnvironment(func(e *catalog.Environment) { e.SecureMode = true })},
	{"track events by default", one("updateDefaultTrackEvents", envTest), changeEnvironment(func(e *catalog.Environment) { e.DefaultTrackEvents = true })},
	{"require comments", one("updateRequireComments", envTest), changeEnvironment(func(e *catalog.Environment) { e.RequireComments = true })},
	{"confirm changes", one("updateConfirmChanges", envTest), changeEnvironment(func(e *catalog.Environment) { e.ConfirmChanges = true })},
	{"critical", []policy.Statement{allow("updateCritical", envTest)}, changeEnvironment(func(e *catalog.Environment) { e.Critical = true })},
	{"rotate the SDK key", one("updateApiKey", envTest), changeEnvironment(func(e *catalog.Environment) {
		e.ExpiringSDKKeys = append(e.ExpiringSDKKeys, catalog.ExpiringKey{Key: e.SDKKey, Expiry: clock.Add(time.Hour)})
		e.SDKKey = catalog.NewSecret("sdk-")
	})},
	{"rotate the mobile key", one("updateMobileKey", envTest), changeEnvironment(func(e *catalog.Environment) { e.MobileKey = catalog.NewSecret("mob-") })},
	{"delete an environment", one("deleteEnvironment", envTest), func(t testing.TB, h house, who catalog.Caller) error {
		return h.DeleteEnvironment(t.Context(), who, "web", "test")
	}},

	{"create a segment", one("createSegment", "proj/web:env/test:segment/new"), func(t testing.TB, h house, who catalog.Caller) error {
		_, err := h.CreateSegment(t.Context(), who, "web", "test", admin.NewSegment{Key: "new", Name: "New", Unbounded: true, Kind: "org"})
		return err
	}},
	{"rename a segment", one("updateName", segTest), changeSegment("vip", func(s *catalog.Segment) { s.Name = "New" })},
	{"describe a segment", one("updateDescription", segTest), changeSegment("vip", func(s *catalog.Segment) { s.Description = "New" })},
	{"tag a segment", one("updateTags", segTest), changeSegment("vip", func(s *catalog.Segment) { s.Tags = []string{"new"} })},
	{"include", one("updateIncluded", segTest), changeSegment("vip", func(s *catalog.Segment) { s.Included = []string{"u1"} })},
	{"include another kind", one("updateIncluded", segTest), changeSegment("vip", func(s *catalog.Segment) {
		s.IncludedContexts = []catalog.ContextTargets{{Kind: "org", Values: []string{"acme"}}}
	})},
	{"exclude", one("updateExcluded", segTest), changeSegment("vip", func(s *catalog.Segment) { s.Excluded = []string{"u1"} })},
	{"segment rules", one("updateRules", segTest), changeSegment("vip", func(s *catalog.Segment) {
		s.Rules = []catalog.SegmentRule{{Clauses: []catalog.Clause{{Attribute: "key", Op: "in"}}}}
	})},
	{"two effects on a segment", []policy.Statement{allow("updateName", segTest), allow("updateExcluded", segTest)}, changeSegment("vip", func(s *catalog.Segment) {
		s.Name, s.Excluded = "New", []string{"u1"}
	})},
	{"delete a segment", one("deleteSegment", segTest), func(t testing.TB, h house, who catalog.Caller) error {
		return h.deleteSegment(t, who, "web", "test", "vip")
	}},

	{"create a flag", []policy.Statement{allow("createFlag", "proj/web:env/test:flag/new"), allow("createFlag", "proj/web:env/production:flag/new")}, func(t testing.TB, h house, who catalog.Caller) error {
		_, err := h.CreateFlag(t.Context(), who, "web", admin.NewFlag{Key: "new", Name: "New"})
		return err
	}},
	{"rename a flag", both("updateName"), changeFlag(func(f *catalog.Flag) { f.Name = "New" })},
	{"describe a flag", both("updateDescription"), changeFlag(func(f *catalog.Flag) { f.Description = "New" })},
	{"tag a flag", both("updateTags"), changeFlag(func(f *catalog.Flag) { f.Tags = []string{"new"} })},
	{"make a flag permanent", both("updateTemporary"), changeFlag(func(f *catalog.Flag) { f.Temporary = false })},
	{"archive a flag", both("updateGlobalArchived"), changeFlag(func(f *catalog.Flag) { f.Archived = true })},
	{"deprecate a flag", both("updateDeprecated"), changeFlag(func(f *catalog.Flag) { f.Deprecated = true })},
	{"name a variation", both("updateFlagVariations"), changeFlag(func(f *catalog.Flag) { f.Variations[0].Name = "On" })},
	{"default variations", both("updateFlagDefaultVariations"), changeFlag(func(f *catalog.Flag) { f.Defaults = catalog.Defaults{On: 1, Off: 0} })},
	{"custom properties", both("updateFlagCustomProperties"), changeFlag(func(f *catalog.Flag) {
		f.CustomProperties = map[string]catalog.CustomProperty{"jira": {Name: "Jira", Values: []string{"A-1"}}}
	})},
	{"availability of a flag", both("updateClientSideFlagAvailability"), changeFlag(func(f *catalog.Flag) { f.Availability.EnvironmentID = true })},
	{"maintainer", both("updateMaintainer"), changeFlag(func(f *catalog.Flag) { f.MaintainerID = ann.ID })},
	{"turn a flag on", one("updateOn", flagTest), inTest(func(c *catalog.FlagConfig) { c.On = true })},
	{"targets", one("updateTargets", flagTest), inTest(func(c *catalog.FlagConfig) { c.Targets = []catalog.Target{{Values: []string{"u1"}}} })},
	{"targets of another kind", one("updateTargets", flagTest), inTest(func(c *catalog.FlagConfig) {
		c.ContextTargets = []catalog.Target{{Kind: "org", Values: []string{"acme"}}}
	})},
	{"flag rules", one("updateRules", flagTest), inTest(func(c *catalog.FlagConfig) { c.Rules = []catalog.FlagRule{{Serve: catalog.Serve{Variation: new(0)}}} })},
	{"default rule", one("updateFallthrough", flagTest), inTest(func(c *catalog.FlagConfig) { c.Fallthrough = catalog.Serve{Variation: new(1)} })},
	{"no off variation", one("updateOffVariation", flagTest), inTest(func(c *catalog.FlagConfig) { c.OffVariation = nil })},
	{"prerequisites", one("updatePrerequisites", flagTest), inTest(func(c *catalog.FlagConfig) { c.Prerequisites = []catalog.Prerequisite{{Key: "payments"}} })},
	{"track events", one("updateTrackEvents", flagTest), inTest(func(c *catalog.FlagConfig) { c.TrackEvents = true })},
	{"on in both environments", both("updateOn"), changeFlag(func(f *catalog.Flag) {
		f.Environments["test"].On, f.Environments["production"].On = true, true
	})},
	{"delete a flag", both("deleteFlag"), func(t testing.TB, h house, who catalog.Caller) error {
		return h.deleteFlag(t, who, "web", "checkout")
	}},
}

func TestEveryWriteNeedsItsActions(t *testing.T) {
	for _, w := range writes {
		t.Run(w.name, func(t *testing.T) {
			h := furnished(t)
			before := h.dump(t)
			for i := range w.needs {
				some := append(append([]policy.Statement{}, w.needs[:i]...), w.needs[i+1:]...)
				err := w.do(t, h, may(some...))
				wantKind(t, err, fault.Forbidden)
				if needed := w.needs[i].Actions[0]; !strings.Contains(err.Error(), needed) {
					t.Errorf("without %s: %v", needed, err)
				}
			}
			hidden := may(allow("*", "*"), policy.Statement{Effect: policy.Deny, Actions: []string{"viewProject"}, Resources: []string{"proj/*"}})
			wantKind(t, w.do(t, h, hidden), fault.NotFound)
			if got := h.dump(t); got != before {
				t.Fatalf("a refused write changed something:\n%s\n%s", before, got)
			}
			must(t, w.do(t, h, may(w.needs...)))
			if got := h.dump(t); got == before {
				t.Fatal("an allowed write changed nothing")
			}
		})
	}
}

func TestWritesAreAudited(t *testing.T) {
	for _, w := range writes {
		t.Run(w.name, func(t *testing.T) {
			h := furnished(t)
			must(t, w.do(t, h, root))
			entries := h.audited(t, root, admin.AuditQuery{Limit: 1})
			if len(entries) != 1 {
				t.Fatal("no entry")
			}
			e := entries[0]
			if e.Actor != root.Actor || e.TitleVerb == "" || e.Target == "" || e.Kind == "" || len(e.Accesses) != len(w.needs) {
				t.Errorf("got %+v", e)
			}
			for i, need := range w.needs {
				if a := e.Accesses[min(i, len(e.Accesses)-1)]; !strings.Contains(string(a.Action), need.Actions[0]) {
					t.Errorf("access %d is %v, want %s", i, a, need.Actions[0])
				}
			}
		})
	}
}

func TestWritesOfWhatIsNotThere(t *testing.T) {
	h := furnished(t)
	keep := func(*catalog.Flag) error { return nil }
	tests := []struct {
		name string
		do   func() error
	}{
		{"a project", func() error { return h.DeleteProject(t.Context(), root, "nope") }},
		{"an environment", func() error { return h.DeleteEnvironment(t.Context(), root, "web", "nope") }},
		{"a segment", func() error { return h.deleteSegment(t, root, "web", "test", "nope") }},
		{"a segment of no environment", func() error { return h.deleteSegment(t, root, "web", "nope", "vip") }},
		{"a segment of another environment", func() error { return h.deleteSegment(t, root, "web", "production", "vip") }},
		{"a flag", func() error { return h.deleteFlag(t, root, "web", "nope") }},
		{"a flag of no project", func() error {
			_, err := h.ChangeFlag(t.Context(), root, "nope", "checkout", admin.Change{}, keep)
			return err
		}},
		{"a token", func() error { return h.DeleteToken(t.Context(), root, "64b0c9f2a1d3e4f5061728aa") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantKind(t, tt.do(), fault.NotFound) })
	}
}

func TestDuplicates(t *testing.T) {
	h := furnished(t)
	_, err := h.CreateSegment(t.Context(), root, "web", "test", admin.NewSegment{Key: "vip", Name: "VIP"})
	if e := fault.From(err); e.Kind != fault.Conflict || e.Code != fault.CodeKeyExists || e.Message != "Duplicate segment key" {
		t.Errorf("segment: %+v", e)
	}
	_, err = h.CreateFlag(t.Context(), root, "web", admin.NewFlag{Key: "checkout", Name: "C"})
	if e := fault.From(err); e.Kind != fault.Conflict || e.Code != fault.CodeConflict {
		t.Errorf("flag: %+v", e)
	}
	_, err = h.CreateProject(t.Context(), root, admin.NewProject{Key: "web", Name: "W"})
	if e := fault.From(err); e.Kind != fault.Conflict || e.Code != fault.CodeConflict {
		t.Errorf("project: %+v", e)
	}
	_, err = h.CreateEnvironment(t.Context(), root, "web", admin.NewEnvironment{Key: "test", Name: "T"})
	if e := fault.From(err); e.Kind != fault.Conflict || e.Code != fault.CodeConflict {
		t.Errorf("environment: %+v", e)
	}
}

func TestReadsNeedTheProject(t *testing.T) {
	h := furnished(t)
	narrow := may(allow("*", "proj/web:env/*:segment/*", "proj/web:env/*:flag/*"))
	elsewhere := may(allow("viewProject", "proj/other"))
	reads := map[string]func(catalog.Caller) error{
		"project":      func(c catalog.Caller) error { _, err := h.Project(t.Context(), c, "web"); return err },
		"environments": func(c catalog.Caller) error { _, err := h.Environments(t.Context(), c, "web"); return err },
		"environment":  func(c catalog.Caller) error { _, err := h.Environment(t.Context(), c, "web", "test"); return err },
		"segments":     func(c catalog.Caller) error { _, err := h.Segments(t.Context(), c, "web", "test"); return err },
		"segment":      func(c catalog.Caller) error { _, err := h.Segment(t.Context(), c, "web", "test", "vip"); return err },
		"segment flags": func(c catalog.Caller) error {
			_, err := h.SegmentFlags(t.Context(), c, "web", "test", "vip")
			return err
		},
		"flags of segments": func(c catalog.Caller) error {
			_, err := h.FlagsOfSegments(t.Context(), c, "web", "test")
			return err
		},
		"flags": func(c catalog.Caller) error { _, err := h.Flags(t.Context(), c, "web"); return err },
		"flag":  func(c catalog.Caller) error { _, err := h.Flag(t.Context(), c, "web", "checkout"); return err },
	}
	for name, read := range reads {
		t.Run(name, func(t *testing.T) {
			must(t, read(viewer))
			wantKind(t, read(narrow), fault.NotFound)
			wantKind(t, read(elsewhere), fault.NotFound)
		})
	}
	ps, err := h.Projects(t.Context(), elsewhere)
	must(t, err)
	if len(ps) != 1 || ps[0].Key != "other" {
		t.Errorf("projects %v", ps)
	}
}

// Who may neither see nor change a thing learns nothing about it from how a patch fails.
func TestRefusedPatchesTellNothing(t *testing.T) {
	h := furnished(t)
	nobody := may(allow("viewProject", "proj/other"))
	outcomes := map[string]func(*catalog.Segment) error{
		"a patch that changes nothing": func(*catalog.Segment) error { return nil },
		"a patch whose test fails":     func(*catalog.Segment) error { return fault.New(fault.Invalid, fault.CodeInvalidPatch, "test failed") },
		"a patch of the key":           func(s *catalog.Segment) error { s.Key = "x"; return nil },
	}
	for name, change := range outcomes {
		t.Run(name, func(t *testing.T) {
			_, err := h.ChangeSegment(t.Context(), nobody, "web", "test", "vip", admin.Change{}, change)
			wantKind(t, err, fault.NotFound)
		})
	}
	_, err := h.ChangeFlag(t.Context(), nobody, "web", "checkout", admin.Change{}, func(*catalog.Flag) error { return nil })
	wantKind(t, err, fault.NotFound)
	_, err = h.ChangeEnvironment(t.Context(), nobody, "web", "test", admin.Change{}, func(*catalog.Environment) error { return nil })
	wantKind(t, err, fault.NotFound)
	_, err = h.ChangeProject(t.Context(), nobody, "web", admin.Change{}, func(*catalog.Project) error { return nil })
	wantKind(t, err, fault.NotFound)
}

// A caller whose statements hang on a tag can neither take the tag from a thing nor give it to one.
func TestTagsCannotBeUsedToGainRights(t *testing.T) {
	h := furnished(t)
	tag := func(who catalog.Caller, tags ...string) error {
		_, err := h.ChangeSegment(t.Context(), who, "web", "test", "vip", admin.Change{}, func(s *catalog.Segment) error { s.Tags = tags; return nil })
		return err
	}
	marketing := may(allow("*", "proj/web:env/*:segment/*;marketing"))
	wantKind(t, tag(marketing, "marketing"), fault.Forbidden)
	must(t, tag(root, "marketing"))
	must(t, tag(marketing, "marketing", "q4"))
	wantKind(t, tag(marketing, "q4"), fault.Forbidden)
}

func TestDryRunKeepsNothing(t *testing.T) {
	h := furnished(t)
	before := h.dump(t)
	got, err := h.ChangeFlag(t.Context(), root, "web", "checkout", admin.Change{DryRun: true}, func(f *catalog.Flag) error {
		f.Environments["test"].On = true
		return nil
	})
	must(t, err)
	if !got.Environments["test"].On || got.Version != 2 {
		t.Errorf("got %+v", got)
	}
	if h.dump(t) != before {
		t.Error("something was kept")
	}
	if _, err := h.ChangeSegment(t.Context(), viewer, "web", "test", "vip", admin.Change{DryRun: true}, func(s *catalog.Segment) error { s.Name = "x"; return nil }); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("a dry run without rights: %v", err)
	}
	entries := h.audited(t, root, admin.AuditQuery{Limit: 100, Text: "updated"})
	if len(entries) != 0 {
		t.Errorf("audited %v", entries)
	}
}

func TestPatchesThatChangeNothingKeepTheVersion(t *testing.T) {
	h := furnished(t)
	before := h.dump(t)
	_, err := h.ChangeSegment(t.Context(), viewer, "web", "test", "vip", admin.Change{}, func(s *catalog.Segment) error {
		s.Name, s.Tags, s.Included, s.Rules = "VIP", []string{}, []string{}, []catalog.SegmentRule{}
		return nil
	})
	must(t, err)
	_, err = h.ChangeFlag(t.Context(), viewer, "web", "checkout", admin.Change{}, func(f *catalog.Flag) error {
		f.Environments["test"].Targets, f.CustomProperties = []catalog.Target{}, map[string]catalog.CustomProperty{}
		return nil
	})
	must(t, err)
	if h.dump(t) != before {
		t.Error("something changed")
	}
}
