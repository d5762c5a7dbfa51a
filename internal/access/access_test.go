package access_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/internal/access"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// credentials is the part of a catalog that access asks.
type credentials struct {
	store.Catalog
	tokens       []*catalog.Token
	members      []*catalog.Member
	roles        []*catalog.Role
	environments []*catalog.Environment
}

func (c credentials) TokenByHash(h [32]byte) (*catalog.Token, bool) {
	return first(c.tokens, func(t *catalog.Token) bool {
		return t.Hash == h || slices.ContainsFunc(t.ExpiringSecrets, func(s catalog.ExpiringSecret) bool { return s.Hash == h })
	})
}

func (c credentials) Role(id catalog.ID) (*catalog.Role, bool) {
	return first(c.roles, func(r *catalog.Role) bool { return r.ID == id })
}

func (c credentials) Member(id catalog.ID) (*catalog.Member, bool) {
	return first(c.members, func(m *catalog.Member) bool { return m.ID == id })
}

func (c credentials) Environment(id segment.EnvID) (*catalog.Environment, bool) {
	return first(c.environments, func(e *catalog.Environment) bool { return e.ID == id })
}

func (c credentials) EnvironmentBySDKKey(key string) (*catalog.Environment, bool) {
	return first(c.environments, func(e *catalog.Environment) bool {
		_, old := first(e.ExpiringSDKKeys, func(k catalog.ExpiringKey) bool { return k.Key == key })
		return old || e.SDKKey == key
	})
}

func (c credentials) EnvironmentByMobileKey(key string) (*catalog.Environment, bool) {
	return first(c.environments, func(e *catalog.Environment) bool { return e.MobileKey == key })
}

func first[T any](list []T, is func(T) bool) (found T, ok bool) {
	for _, v := range list {
		if is(v) {
			return v, true
		}
	}
	return found, false
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const envID = "0123456789abcdef01234567"

func sample() credentials {
	token := func(secret string, t catalog.Token) *catalog.Token {
		t.ID, t.Name, t.Hash = catalog.NewID(), secret, catalog.HashSecret(secret)
		return &t
	}
	return credentials{
		members: []*catalog.Member{
			{ID: "owner", Role: catalog.RoleOwner},
			{ID: "writer", Role: catalog.RoleWriter},
			{ID: "reader", Role: catalog.RoleReader},
			{ID: "ops", Role: catalog.RoleAdmin, CustomRoles: []catalog.ID{"segments"}},
		},
		roles: []*catalog.Role{
			{ID: "segments", Name: "Segments", Base: policy.NoAccess, Policy: []policy.Statement{
				{Effect: policy.Allow, Actions: []string{"*"}, Resources: []string{"proj/*:env/*:segment/*"}},
			}},
			{ID: "no-deletes", Name: "No deletes", Base: policy.Reader, Policy: []policy.Statement{
				{Effect: policy.Deny, Actions: []string{"delete*"}, Resources: []string{"*"}},
			}},
		},
		tokens: []*catalog.Token{
			token("api-admin", catalog.Token{Owner: "owner", Role: catalog.RoleAdmin}),
			token("api-capped", catalog.Token{Owner: "writer", Role: catalog.RoleAdmin}),
			token("api-writer", catalog.Token{Owner: "writer", Role: catalog.RoleWriter}),
			token("api-reader", catalog.Token{Owner: "reader", Role: catalog.RoleReader}),
			token("api-service", catalog.Token{Owner: "reader", Role: catalog.RoleAdmin, Service: true}),
			token("api-orphan", catalog.Token{Owner: "gone", Role: catalog.RoleAdmin}),
			token("api-robot", catalog.Token{Owner: "gone", Role: catalog.RoleWriter, Service: true}),
			token("api-sync", catalog.Token{Owner: "owner", InlineRole: []policy.Statement{{
				Effect:    policy.Allow,
				Actions:   []string{"createSegment", "updateIncluded"},
				Resources: []string{"proj/*:env/*:segment/*"},
			}}}),
			token("api-custom", catalog.Token{Owner: "owner", CustomRoles: []catalog.ID{"segments", "no-deletes"}}),
			token("api-ops", catalog.Token{Owner: "ops", Role: catalog.RoleAdmin}),
			token("api-reset", catalog.Token{Owner: "owner", Role: catalog.RoleReader, HashedSecret: catalog.HashedSecret{ExpiringSecrets: []catalog.ExpiringSecret{
				{Hash: catalog.HashSecret("api-before"), Expiry: noon.Add(time.Minute)},
				{Hash: catalog.HashSecret("api-long-ago"), Expiry: noon},
			}}}),
			token("api-odd", catalog.Token{Owner: "owner", Role: "king"}),
		},
		environments: []*catalog.Environment{
			{ID: envID, SDKKey: "sdk-new", MobileKey: "mob-a", ExpiringSDKKeys: []catalog.ExpiringKey{
				{Key: "sdk-old", Expiry: noon.Add(time.Minute)},
				{Key: "sdk-older", Expiry: noon},
			}},
			{ID: "00000000000000000000beef"},
		},
	}
}

func open() *access.Access { return access.New(sample(), func() time.Time { return noon }) }

func TestCallerRights(t *testing.T) {
	tests := []struct {
		name     string
		token    string
		action   policy.Action
		resource string
		want     bool
	}{
		{"an administrator's token does everything", "api-admin", policy.CreateAccessToken, "service-token/*", true},
		{"a personal token is capped by its owner", "api-capped", policy.CreateAccessToken, "service-token/*", false},
		{"a personal token does what its owner may", "api-capped", policy.DeleteSegment, "proj/a:env/b:segment/c", true},
		{"a service token is not capped", "api-service", policy.CreateAccessToken, "service-token/*", true},
		{"a service token outlives its owner", "api-robot", policy.UpdateIncluded, "proj/a:env/b:segment/c", true},
		{"an inline role allows what it says", "api-sync", policy.UpdateIncluded, "proj/a:env/b:segment/c", true},
		{"an inline role allows nothing else", "api-sync", policy.ViewProject, "proj/a", false},
		{"a writer keeps personal tokens", "api-writer", policy.CreateAccessToken, "member/writer:token/*", true},
		{"a reader keeps personal tokens", "api-reader", policy.DeleteAccessToken, "member/reader:token/5f", true},
		{"nobody else's", "api-writer", policy.DeleteAccessToken, "member/reader:token/5f", false},
		{"a sync token makes no tokens", "api-sync", policy.CreateAccessToken, "member/owner:token/*", false},
		{"custom roles are united, a deny of one vetoes no other", "api-custom", policy.DeleteSegment, "proj/a:env/b:segment/c", true},
		{"custom roles grant their base", "api-custom", policy.ViewProject, "proj/a", true},
		{"custom roles grant nothing else", "api-custom", policy.DeleteProject, "proj/a", false},
		{"an owner's custom roles count instead of the built-in role", "api-ops", policy.DeleteProject, "proj/a", false},
		{"and allow what they say", "api-ops", policy.DeleteSegment, "proj/a:env/b:segment/c", true},
		{"a secret from before a reset works until it expires", "api-before", policy.ViewProject, "proj/a", true},
		{"an unknown role may do nothing", "api-odd", policy.ViewProject, "proj/a", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			who, err := open().Caller(tt.token)
			if err != nil {
				t.Fatal(err)
			}
			on, err := policy.ParseResource(tt.resource)
			if err != nil {
				t.Fatal(err)
			}
			if got := who.Principal.Allows(tt.action, on); got != tt.want {
				t.Errorf("%s on %s allowed: %v, want %v", tt.action, on, got, tt.want)
			}
		})
	}
}

func TestCallerAdministers(t *testing.T) {
	for token, want := range map[string]bool{
		"api-admin": true, "api-service": true, "api-capped": false, "api-writer": false, "api-sync": false, "api-ops": false,
	} {
		who, err := open().Caller(token)
		if err != nil {
			t.Fatal(err)
		}
		if who.Administers != want {
			t.Errorf("%s administers: %v, want %v", token, who.Administers, want)
		}
		if who.Token == nil || who.Actor.Name != token || who.Actor.Kind != "token" || who.Member == nil {
			t.Errorf("%s: caller %+v does not say who it is", token, who)
		}
	}
}

func TestCallerRefuses(t *testing.T) {
	for name, credential := range map[string]string{
		"nothing":                        "",
		"an unknown token":               "api-guess",
		"an SDK key":                     "sdk-new",
		"a mobile key":                   "mob-a",
		"a client-side ID":               envID,
		"a token whose owner is gone":    "api-orphan",
		"a secret that has expired":      "api-long-ago",
		"a long text":                    strings.Repeat("x", 10_000),
		"a token with something behind ": "api-admin ",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := open().Caller(credential); fault.KindOf(err) != fault.Unauthenticated {
				t.Errorf("error %v is not Unauthenticated", err)
			}
		})
	}
}

func TestEnvironmentCredentials(t *testing.T) {
	a := open()
	tests := []struct {
		name       string
		ask        func(string) (*catalog.Environment, error)
		credential string
		want       segment.EnvID
		kind       fault.Kind
	}{
		{"an SDK key is known", a.SDKKey, "sdk-new", envID, 0},
		{"a rotated SDK key works until it expires", a.SDKKey, "sdk-old", envID, 0},
		{"an expired SDK key is refused", a.SDKKey, "sdk-older", "", fault.Unauthenticated},
		{"an unknown SDK key is refused", a.SDKKey, "sdk-guess", "", fault.Unauthenticated},
		{"no SDK key is refused, even by an environment without one", a.SDKKey, "", "", fault.Unauthenticated},
		{"a mobile key is no SDK key", a.SDKKey, "mob-a", "", fault.Unauthenticated},
		{"a mobile key is known", a.MobileKey, "mob-a", envID, 0},
		{"an unknown mobile key is refused", a.MobileKey, "mob-b", "", fault.Unauthenticated},
		{"no mobile key is refused, even by an environment without one", a.MobileKey, "", "", fault.Unauthenticated},
		{"a client-side ID is known", a.ClientSideID, envID, envID, 0},
		{"an unknown client-side ID is not found", a.ClientSideID, "ffffffffffffffffffffffff", "", fault.NotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, err := tt.ask(tt.credential)
			if tt.want == "" {
				if fault.KindOf(err) != tt.kind {
					t.Errorf("error %v, want kind %d", err, tt.kind)
				}
				return
			}
			if err != nil || e.ID != tt.want {
				t.Errorf("got %v, %v; want environment %s", e, err, tt.want)
			}
		})
	}
}

func TestCredential(t *testing.T) {
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	tests := []struct{ name, header, want string }{
		{"a bare token", "api-1", "api-1"},
		{"blanks around it", "  api-1 ", "api-1"},
		{"Bearer", "Bearer api-1", "api-1"},
		{"Bearer in lower case with blanks", "bearer   api-1 ", "api-1"},
		{"Bearer without a token", "Bearer", ""},
		{"Basic with the token as user", basic("api-1:"), "api-1"},
		{"Basic with the token as user and some password", basic("api-1:x"), "api-1"},
		{"Basic with the token as password", basic("amplitude:api-1"), "api-1"},
		{"Basic with the token as password alone", basic(":api-1"), "api-1"},
		{"Basic without a colon", basic("api-1"), "api-1"},
		{"Basic without padding", strings.TrimRight(basic("api-1:x"), "="), "api-1"},
		{"Basic that is not base64", "Basic !!", ""},
		{"nothing", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := access.Credential(tt.header); got != tt.want {
				t.Errorf("Credential(%q) = %q, want %q", tt.header, got, tt.want)
			}
		})
	}
}

func TestSDKCredential(t *testing.T) {
	tests := []struct{ name, header, want string }{
		{"a bare key", "sdk-1", "sdk-1"},
		{"api_key and a key", "api_key sdk-1", "sdk-1"},
		{"Bearer is refused", "Bearer sdk-1", ""},
		{"two keys are refused", "api_key sdk-1 sdk-2", ""},
		{"nothing", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := access.SDKCredential(tt.header); got != tt.want {
				t.Errorf("SDKCredential(%q) = %q, want %q", tt.header, got, tt.want)
			}
		})
	}
}

func FuzzCredential(f *testing.F) {
	for _, seed := range []string{"api-1", "Bearer api-1", "Basic YXBpLTE6", "api_key sdk-1", "Basic", " "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if c := access.Credential(header); strings.TrimSpace(c) != c {
			t.Fatalf("Credential(%q) = %q has blanks around it", header, c)
		}
		if c := access.SDKCredential(header); strings.ContainsAny(c, " \t") {
			t.Fatalf("SDKCredential(%q) = %q has a blank", header, c)
		}
	})
}

func BenchmarkCaller(b *testing.B) {
	a := open()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Caller("api-writer"); err != nil {
			b.Fatal(err)
		}
	}
}
