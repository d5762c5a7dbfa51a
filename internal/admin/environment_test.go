package admin_test

import (
	"strings"
	"testing"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
)

func TestSecretsAreMasked(t *testing.T) {
	h := furnished(t)
	real := h.env(t, "web", "test")
	blind := may(allow("viewProject", "*"), allow("updateName", "*"))
	shows := func(t *testing.T, e *catalog.Environment) {
		t.Helper()
		ending := real.SDKKey[len(real.SDKKey)-4:]
		if e.SDKKey == real.SDKKey || e.MobileKey == real.MobileKey || !strings.HasPrefix(e.SDKKey, "****") || !strings.HasSuffix(e.SDKKey, ending) {
			t.Errorf("shows %q and %q", e.SDKKey, e.MobileKey)
		}
	}
	e, err := h.Environment(t.Context(), blind, "web", "test")
	must(t, err)
	shows(t, e)
	all, err := h.Environments(t.Context(), blind, "web")
	must(t, err)
	shows(t, all[1])
	e, err = h.ChangeEnvironment(t.Context(), blind, "web", "test", admin.Change{}, func(e *catalog.Environment) error { e.Name = "New"; return nil })
	must(t, err)
	shows(t, e)
	if now := h.env(t, "web", "test"); now.SDKKey != real.SDKKey {
		t.Error("the key was overwritten by its mask")
	}
	e, err = h.Environment(t.Context(), viewer, "web", "test")
	must(t, err)
	if e.SDKKey != real.SDKKey {
		t.Errorf("viewSdkKey shows %q", e.SDKKey)
	}
	entries := h.audited(t, root, admin.AuditQuery{Limit: 100})
	for _, entry := range entries {
		if text := string(entry.Before) + string(entry.After); strings.Contains(text, real.SDKKey) || strings.Contains(text, real.MobileKey) {
			t.Errorf("the audit log tells a secret: %s", text)
		}
	}
}

func TestANewEnvironmentHasEveryFlag(t *testing.T) {
	h := furnished(t)
	e, err := h.CreateEnvironment(t.Context(), root, "web", admin.NewEnvironment{Key: "qa", Name: "QA", DefaultTrackEvents: true})
	must(t, err)
	if !catalog.ValidEnvID(e.ID) || e.Color == "" || e.Version != 1 || !strings.HasPrefix(e.SDKKey, "sdk-") || !strings.HasPrefix(e.MobileKey, "mob-") {
		t.Errorf("got %+v", e)
	}
	for _, f := range h.store.Flags("web") {
		c := f.Environments["qa"]
		if c == nil || c.On || c.Version != 1 || !c.TrackEvents || *c.OffVariation != 1 {
			t.Errorf("flag %s: %+v", f.Key, c)
		}
	}
	if flags := sdkData(t, h, "qa")["flags"]; len(flags) != 2 || flags["checkout"]["version"] != 1.0 {
		t.Errorf("SDKs see %v", flags)
	}
	must(t, h.DeleteEnvironment(t.Context(), root, "web", "qa"))
	for _, f := range h.store.Flags("web") {
		if f.Environments["qa"] != nil {
			t.Errorf("flag %s keeps a configuration", f.Key)
		}
	}
}

func TestTheLastEnvironmentStays(t *testing.T) {
	h := furnished(t)
	must(t, h.DeleteEnvironment(t.Context(), root, "web", "test"))
	wantKind(t, h.DeleteEnvironment(t.Context(), root, "web", "production"), fault.Invalid)
}

func TestNoCredentialLeadsToTwoEnvironments(t *testing.T) {
	h := furnished(t)
	other := h.env(t, "other", "test")
	news := map[string]admin.NewEnvironment{
		"SDK key":        {Key: "x", Name: "X", SDKKey: other.SDKKey},
		"mobile key":     {Key: "x", Name: "X", MobileKey: other.MobileKey},
		"client-side ID": {Key: "x", Name: "X", ID: other.ID},
	}
	for name, n := range news {
		t.Run(name, func(t *testing.T) {
			_, err := h.CreateEnvironment(t.Context(), root, "web", n)
			wantKind(t, err, fault.Conflict)
		})
	}
	_, err := h.ChangeEnvironment(t.Context(), root, "web", "test", admin.Change{}, func(e *catalog.Environment) error { e.SDKKey = other.SDKKey; return nil })
	wantKind(t, err, fault.Conflict)
}

func TestOnlyAdministratorsChooseCredentials(t *testing.T) {
	h := furnished(t)
	chosen := admin.NewEnvironment{Key: "x", Name: "X", ID: "0123456789abcdef01234567", SDKKey: "sdk-x", MobileKey: "mob-x"}
	for name, n := range map[string]admin.NewEnvironment{
		"client-side ID": {Key: "x", Name: "X", ID: chosen.ID},
		"SDK key":        {Key: "x", Name: "X", SDKKey: chosen.SDKKey},
		"mobile key":     {Key: "x", Name: "X", MobileKey: chosen.MobileKey},
	} {
		t.Run(name, func(t *testing.T) {
			maker := may(allow("*", "*"))
			_, err := h.CreateEnvironment(t.Context(), maker, "web", n)
			wantKind(t, err, fault.Forbidden)
			_, err = h.CreateProject(t.Context(), maker, admin.NewProject{Key: "new", Name: "New", Environments: []admin.NewEnvironment{n}})
			wantKind(t, err, fault.Forbidden)
		})
	}
	e, err := h.CreateEnvironment(t.Context(), root, "web", chosen)
	must(t, err)
	if e.ID != chosen.ID || e.SDKKey != chosen.SDKKey || e.MobileKey != chosen.MobileKey {
		t.Errorf("the environment has other credentials: %s, %s, %s", e.ID, e.SDKKey, e.MobileKey)
	}
}

func TestWhatOfAnEnvironmentIsInvalid(t *testing.T) {
	h := furnished(t)
	tests := map[string]func(*catalog.Environment){
		"the key changes":             func(e *catalog.Environment) { e.Key = "new" },
		"the id changes":              func(e *catalog.Environment) { e.ID = catalog.NewEnvID() },
		"the name is empty":           func(e *catalog.Environment) { e.Name = "" },
		"the colour is none":          func(e *catalog.Environment) { e.Color = "#ffffff" },
		"the TTL is an hour and more": func(e *catalog.Environment) { e.DefaultTTL = 61 },
		"the SDK key is a mask":       func(e *catalog.Environment) { e.SDKKey = "****" },
		"a tag is a sentence":         func(e *catalog.Environment) { e.Tags = []string{"a b"} },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := h.ChangeEnvironment(t.Context(), root, "web", "test", admin.Change{}, func(e *catalog.Environment) error { change(e); return nil })
			wantKind(t, err, fault.Invalid)
		})
	}
}

// Statements that depend on critical can't be escaped by changing it.
func TestCriticalGuardsItself(t *testing.T) {
	h := furnished(t)
	critical := func(who catalog.Caller, to bool) error {
		_, err := h.ChangeEnvironment(t.Context(), who, "web", "production", admin.Change{}, func(e *catalog.Environment) error { e.Critical = to; return nil })
		return err
	}
	must(t, critical(root, true))
	calm := may(allow("*", "proj/*:env/*"), policy.Statement{Effect: policy.Deny, Actions: []string{"*"}, Resources: []string{"proj/*:env/*;{critical:true}"}})
	wantKind(t, critical(calm, false), fault.Forbidden)
}
