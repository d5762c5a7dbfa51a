package admin_test

import (
	"strings"
	"testing"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
)

func TestFirstStartMakesUpWhatIsNotGiven(t *testing.T) {
	h := newHouse(t)
	now, warnings, err := h.FirstStart(t.Context(), admin.Bootstrap{})
	must(t, err)
	if len(warnings) != 0 || !strings.HasPrefix(now.AdminToken, "api-") || !strings.HasPrefix(now.SDKKey, "sdk-") || !strings.HasPrefix(now.MobileKey, "mob-") || !catalog.ValidEnvID(now.ClientSideID) {
		t.Errorf("got %+v, %v", now, warnings)
	}
	token, ok := h.store.TokenByHash(catalog.HashSecret(now.AdminToken))
	if !ok || token.Role != catalog.RoleAdmin {
		t.Fatalf("token %+v", token)
	}
	if m, ok := h.store.Member(token.Owner); !ok || m.Role != catalog.RoleOwner {
		t.Errorf("owner %+v", m)
	}
	if e := h.env(t, "default", "production"); e.ID != now.ClientSideID || e.SDKKey != now.SDKKey {
		t.Errorf("production %+v", e)
	}
	h.env(t, "default", "test")
	p, _ := h.store.Project("default")
	if _, ok := p.ContextKind("user"); !ok {
		t.Error("the project does not know users")
	}

	again, warnings, err := h.FirstStart(t.Context(), admin.Bootstrap{})
	must(t, err)
	if len(warnings) != 0 || again.AdminToken != "" || again.SDKKey != now.SDKKey || again.ClientSideID != now.ClientSideID {
		t.Errorf("a second start: %+v, %v", again, warnings)
	}
}

func TestFirstStartTakesWhatIsGiven(t *testing.T) {
	h := newHouse(t)
	given := admin.Bootstrap{AdminToken: "api-mine", SDKKey: "sdk-mine", MobileKey: "mob-mine", ClientSideID: "64b0c9f2a1d3e4f5061728aa"}
	now, warnings, err := h.FirstStart(t.Context(), given)
	must(t, err)
	if now != given || len(warnings) != 0 {
		t.Errorf("got %+v, %v", now, warnings)
	}
	again, warnings, err := h.FirstStart(t.Context(), given)
	must(t, err)
	if len(warnings) != 0 || again.AdminToken != "" {
		t.Errorf("the same again: %+v, %v", again, warnings)
	}
	_, warnings, err = h.FirstStart(t.Context(), admin.Bootstrap{AdminToken: "api-other", SDKKey: "sdk-other", MobileKey: "mob-other", ClientSideID: "64b0c9f2a1d3e4f5061728ab"})
	must(t, err)
	if len(warnings) != 4 {
		t.Errorf("others: %v", warnings)
	}
	for _, w := range warnings {
		if strings.Contains(w, "other") || strings.Contains(w, "mine") {
			t.Errorf("a warning tells a secret: %s", w)
		}
	}
}

func TestFirstStartRefusesWhatCannotServe(t *testing.T) {
	h := newHouse(t)
	tests := map[string]admin.Bootstrap{
		"a token without prefix":   {AdminToken: "secret"},
		"a token of a prefix only": {AdminToken: "api-"},
		"a key of another kind":    {SDKKey: "mob-1"},
		"a key with a blank":       {MobileKey: "mob-a b"},
		"an id that is too short":  {ClientSideID: "64b0"},
		"an id in capitals":        {ClientSideID: "64B0C9F2A1D3E4F5061728AA"},
		"a very long key":          {SDKKey: "sdk-" + strings.Repeat("a", 300)},
	}
	for name, given := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := h.FirstStart(t.Context(), given)
			wantKind(t, err, fault.Invalid)
			if len(h.store.Projects()) != 0 {
				t.Error("something was created")
			}
		})
	}
}

func TestFirstStartLeavesAnAccountAlone(t *testing.T) {
	h := furnished(t)
	before := h.dump(t)
	now, warnings, err := h.FirstStart(t.Context(), admin.Bootstrap{SDKKey: "sdk-mine"})
	must(t, err)
	if now != (admin.Bootstrap{}) || len(warnings) != 1 || h.dump(t) != before {
		t.Errorf("got %+v, %v", now, warnings)
	}
}
