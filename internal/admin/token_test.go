package admin_test

import (
	"strings"
	"testing"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// as returns the caller of a personal token with a built-in role.
func as(m *catalog.Member, role catalog.BaseRole) catalog.Caller {
	r, _ := policy.BuiltIn(string(role))
	return catalog.Caller{
		Principal:   policy.Principal{Roles: []policy.Role{r}},
		Actor:       segment.Actor{Kind: "token", ID: "t", Name: string(role)},
		Token:       &catalog.Token{ID: "64b0c9f2a1d3e4f506172877", Owner: m.ID, Role: role},
		Member:      m,
		Administers: role == catalog.RoleAdmin,
	}
}

func TestNobodyHandsOutMoreThanTheyHold(t *testing.T) {
	h := furnished(t)
	maker := func(statements ...policy.Statement) catalog.Caller {
		c := may(append(statements, allow("createAccessToken", "service-token/*"))...)
		c.Member = ann
		return c
	}
	segments := allow("updateIncluded", "proj/*:env/*:segment/*")
	one := []policy.Statement{allow("updateIncluded", "proj/web:env/test:segment/vip")}
	tests := []struct {
		name string
		who  catalog.Caller
		n    admin.NewToken
		want fault.Kind // 0: allowed
	}{
		{"an administrator makes anything", root, admin.NewToken{Service: true, Role: catalog.RoleAdmin}, 0},
		{"a narrower policy", maker(segments), admin.NewToken{Service: true, InlineRole: one}, 0},
		{"the same policy", maker(segments), admin.NewToken{Service: true, InlineRole: []policy.Statement{segments}}, 0},
		{"another action", maker(segments), admin.NewToken{Service: true, InlineRole: []policy.Statement{allow("updateExcluded", "proj/web:env/test:segment/vip")}}, fault.Forbidden},
		{"a wider resource", maker(one...), admin.NewToken{Service: true, InlineRole: []policy.Statement{segments}}, fault.Forbidden},
		{"a role", maker(segments), admin.NewToken{Service: true, Role: catalog.RoleReader}, fault.Forbidden},
		{"without the action", may(segments), admin.NewToken{Service: true, InlineRole: one}, fault.Forbidden},
		{"a writer makes a service token", as(ann, catalog.RoleWriter), admin.NewToken{Service: true, Role: catalog.RoleReader}, fault.Forbidden},
		{"a writer makes an own writing token", as(ann, catalog.RoleWriter), admin.NewToken{Role: catalog.RoleWriter}, 0},
		{"a writer makes an own administrator's token", as(ann, catalog.RoleWriter), admin.NewToken{Role: catalog.RoleAdmin}, fault.Forbidden},
		{"a reader makes an own reading token", as(ann, catalog.RoleReader), admin.NewToken{Role: catalog.RoleReader}, 0},
		{"a reader makes an own writing token", as(ann, catalog.RoleReader), admin.NewToken{Role: catalog.RoleWriter}, fault.Forbidden},
		{"an administrator chooses the secret", root, admin.NewToken{Service: true, Role: catalog.RoleReader, Secret: "api-chosen"}, 0},
		{"a writer chooses the secret", as(ann, catalog.RoleWriter), admin.NewToken{Role: catalog.RoleWriter, Secret: "api-chosen-too"}, fault.Forbidden},
		{"a token for one purpose makes a personal one", maker(segments), admin.NewToken{InlineRole: one}, fault.Forbidden},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := h.dump(t)
			_, _, err := h.CreateToken(t.Context(), tt.who, tt.n)
			if tt.want == 0 {
				must(t, err)
				return
			}
			wantKind(t, err, tt.want)
			if h.dump(t) != before {
				t.Error("a token was made")
			}
		})
	}
}

func TestTokensAreValidated(t *testing.T) {
	h := furnished(t)
	tests := map[string]admin.NewToken{
		"neither a role nor a policy": {},
		"a role and a policy":         {Role: catalog.RoleReader, InlineRole: []policy.Statement{allow("*", "*")}},
		"the role of an owner":        {Role: catalog.RoleOwner},
		"a role of no name":           {Role: "chief"},
		"a policy that is none":       {InlineRole: []policy.Statement{{Effect: "perhaps"}}},
		"a version of no API":         {Role: catalog.RoleReader, DefaultAPIVersion: 7},
		"a secret of another kind":    {Role: catalog.RoleReader, Secret: "sdk-1"},
		"a long name":                 {Role: catalog.RoleReader, Name: strings.Repeat("a", 257)},
	}
	for name, n := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := h.CreateToken(t.Context(), root, n)
			wantKind(t, err, fault.Invalid)
		})
	}
}

func TestSecretsOfTokensAreNotKept(t *testing.T) {
	h := furnished(t)
	made, secret, err := h.CreateToken(t.Context(), root, admin.NewToken{Name: "ci", Role: catalog.RoleWriter})
	must(t, err)
	if !strings.HasPrefix(secret, "api-") || made.Hash != catalog.HashSecret(secret) || made.Ending != secret[len(secret)-4:] || made.DefaultAPIVersion != 20240415 || made.Owner != ann.ID {
		t.Errorf("got %+v", made)
	}
	found, ok := h.store.TokenByHash(catalog.HashSecret(secret))
	if !ok || found.ID != made.ID {
		t.Error("the token can't be found by its secret")
	}
	entries := h.audited(t, root, admin.AuditQuery{Limit: 1})
	if strings.Contains(string(entries[0].After), secret) || !strings.Contains(string(entries[0].After), `"Hash":[0,`) {
		t.Errorf("audited %s", entries[0].After)
	}
	_, _, err = h.CreateToken(t.Context(), root, admin.NewToken{Role: catalog.RoleReader, Secret: secret})
	wantKind(t, err, fault.Conflict)
	must(t, h.DeleteToken(t.Context(), root, made.ID))
	if _, ok := h.store.TokenByHash(made.Hash); ok {
		t.Error("a deleted token still works")
	}
}

func TestWhoSeesWhichToken(t *testing.T) {
	h := furnished(t)
	bob := &catalog.Member{ID: "64b0c9f2a1d3e4f506172802", Email: "bob@x.test", Role: catalog.RoleReader}
	_, err := h.store.Update(t.Context(), store.Account, func(tx store.Tx) error { tx.PutMember(bob); return nil })
	must(t, err)
	service, _, err := h.CreateToken(t.Context(), root, admin.NewToken{Name: "service", Service: true, Role: catalog.RoleWriter})
	must(t, err)
	anns, _, err := h.CreateToken(t.Context(), root, admin.NewToken{Name: "ann", Role: catalog.RoleWriter})
	must(t, err)
	bobs, _, err := h.CreateToken(t.Context(), as(bob, catalog.RoleReader), admin.NewToken{Name: "bob", Role: catalog.RoleReader})
	must(t, err)
	tests := []struct {
		name string
		who  catalog.Caller
		all  bool
		want []catalog.ID
	}{
		{"an administrator sees the own and service tokens", root, false, []catalog.ID{service.ID, anns.ID}},
		{"and all who asks", root, true, []catalog.ID{service.ID, anns.ID, bobs.ID}},
		{"a reader sees the own and service tokens", as(bob, catalog.RoleReader), true, []catalog.ID{service.ID, bobs.ID}},
		{"a token for one purpose sees none", may(allow("updateIncluded", "*")), true, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tokens, err := h.Tokens(t.Context(), tt.who, tt.all)
			must(t, err)
			got := map[catalog.ID]bool{}
			for _, token := range tokens {
				got[token.ID] = true
			}
			for _, id := range tt.want {
				if !got[id] {
					t.Errorf("%s is missing", id)
				}
			}
			if len(got) != len(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	_, err = h.Token(t.Context(), as(bob, catalog.RoleReader), anns.ID)
	wantKind(t, err, fault.NotFound)
	wantKind(t, h.DeleteToken(t.Context(), as(bob, catalog.RoleReader), anns.ID), fault.NotFound)
	wantKind(t, h.DeleteToken(t.Context(), as(bob, catalog.RoleReader), service.ID), fault.Forbidden)
	must(t, h.DeleteToken(t.Context(), as(bob, catalog.RoleReader), bobs.ID))

	members, err := h.Members(t.Context(), may())
	must(t, err)
	if len(members) != 0 {
		t.Errorf("a token without rights sees members %v", members)
	}
	members, err = h.Members(t.Context(), as(bob, catalog.RoleReader))
	must(t, err)
	if len(members) != 2 {
		t.Errorf("a reader sees %v", members)
	}
}
