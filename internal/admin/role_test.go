package admin_test

import (
	"testing"
	"time"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
)

func newRole(t testing.TB, h house, key string, statements ...policy.Statement) *catalog.Role {
	t.Helper()
	r, err := h.CreateRole(t.Context(), root, admin.NewRole{Key: catalog.RoleKey(key), Name: key, Policy: statements})
	must(t, err)
	return r
}

func TestNobodyMakesARoleThatGrantsMore(t *testing.T) {
	h := furnished(t)
	segments := allow("updateIncluded", "proj/*:env/*:segment/*")
	newRole(t, h, "held", segments)
	maker := may(segments, allow("*", "role/*"))
	widen := func(r *catalog.Role) error { r.Policy = []policy.Statement{allow("*", "*")}; return nil }
	for name, tt := range map[string]struct {
		do   func() error
		want fault.Kind // 0: allowed
	}{
		"a role of what is held": {func() error {
			_, err := h.CreateRole(t.Context(), maker, admin.NewRole{Key: "narrow", Name: "n", Policy: []policy.Statement{allow("updateIncluded", "proj/web:env/*:segment/a*")}})
			return err
		}, 0},
		"a role of more": {func() error {
			_, err := h.CreateRole(t.Context(), maker, admin.NewRole{Key: "wide", Name: "n", Policy: []policy.Statement{allow("*", "*")}})
			return err
		}, fault.Forbidden},
		"a role that reads": {func() error {
			_, err := h.CreateRole(t.Context(), maker, admin.NewRole{Key: "reads", Name: "n", Base: policy.Reader})
			return err
		}, fault.Forbidden},
		"a role without the action": {func() error {
			_, err := h.CreateRole(t.Context(), may(segments), admin.NewRole{Key: "none", Name: "n", Policy: []policy.Statement{segments}})
			return err
		}, fault.Forbidden},
		"a change to more": {func() error {
			_, err := h.ChangeRole(t.Context(), maker, "held", admin.Change{}, widen)
			return err
		}, fault.Forbidden},
		"a change of the base": {func() error {
			_, err := h.ChangeRole(t.Context(), maker, "held", admin.Change{}, func(r *catalog.Role) error { r.Base = policy.Reader; return nil })
			return err
		}, fault.Forbidden},
		"a change of the name of a role that holds more": {func() error {
			newRole(t, h, "strong", allow("*", "*"))
			_, err := h.ChangeRole(t.Context(), maker, "strong", admin.Change{}, func(r *catalog.Role) error { r.Name = "Strong"; return nil })
			return err
		}, 0},
		"a member with a stronger role": {func() error {
			newRole(t, h, "strong-member", allow("*", "*"))
			_, err := h.AddMembers(t.Context(), may(allow("createMember", "member/*")), []admin.NewMember{{Email: "x@x.test", CustomRoles: []string{"strong-member"}}})
			return err
		}, fault.Forbidden},
		"a token with a stronger role": {func() error {
			newRole(t, h, "strong-token", allow("*", "*"))
			_, _, err := h.CreateToken(t.Context(), may(allow("*", "service-token/*")), admin.NewToken{Service: true, CustomRoles: []string{"strong-token"}})
			return err
		}, fault.Forbidden},
		"the secret of a stronger token": {func() error {
			strong, _, err := h.CreateToken(t.Context(), root, admin.NewToken{Service: true, Role: catalog.RoleAdmin})
			must(t, err)
			_, _, err = h.ResetToken(t.Context(), may(allow("*", "service-token/*")), strong.ID, time.Time{})
			return err
		}, fault.Forbidden},
		"the secret of the own stronger token": {func() error {
			strong, _, err := h.CreateToken(t.Context(), root, admin.NewToken{Role: catalog.RoleAdmin})
			must(t, err)
			_, _, err = h.ResetToken(t.Context(), as(ann, catalog.RoleReader), strong.ID, time.Time{})
			return err
		}, fault.Forbidden},
		"a stronger policy for the own token": {func() error {
			own, _, err := h.CreateToken(t.Context(), root, admin.NewToken{Role: catalog.RoleReader})
			must(t, err)
			_, err = h.ChangeToken(t.Context(), as(ann, catalog.RoleReader), own.ID, admin.Change{}, func(x *catalog.Token) error { x.Role = catalog.RoleAdmin; return nil })
			return err
		}, fault.Forbidden},
		"a new name for the own token": {func() error {
			own, _, err := h.CreateToken(t.Context(), root, admin.NewToken{Role: catalog.RoleReader})
			must(t, err)
			_, err = h.ChangeToken(t.Context(), as(ann, catalog.RoleReader), own.ID, admin.Change{}, func(x *catalog.Token) error { x.Name = "mine"; return nil })
			return err
		}, 0},
		"another policy for a service token": {func() error {
			service, _, err := h.CreateToken(t.Context(), root, admin.NewToken{Service: true, InlineRole: []policy.Statement{segments}})
			must(t, err)
			who := may(segments, allow("*", "service-token/*"))
			_, err = h.ChangeToken(t.Context(), who, service.ID, admin.Change{}, func(x *catalog.Token) error {
				x.InlineRole = []policy.Statement{allow("updateIncluded", "proj/web:env/test:segment/*")}
				return nil
			})
			return err
		}, fault.Forbidden},
		"another policy for a service token by an administrator": {func() error {
			service, _, err := h.CreateToken(t.Context(), root, admin.NewToken{Service: true, InlineRole: []policy.Statement{segments}})
			must(t, err)
			_, err = h.ChangeToken(t.Context(), root, service.ID, admin.Change{}, func(x *catalog.Token) error { x.InlineRole, x.Role = nil, catalog.RoleWriter; return nil })
			return err
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			err := tt.do()
			if tt.want == 0 {
				must(t, err)
				return
			}
			wantKind(t, err, tt.want)
		})
	}
	if r, _ := h.store.RoleByKey("held"); len(r.Policy) != 1 || r.Policy[0].Actions[0] != "updateIncluded" || r.Base != policy.NoAccess {
		t.Errorf("a refused change was kept: %+v", r)
	}
}

func TestRolesAreFoundByIDFirst(t *testing.T) {
	h := furnished(t)
	first := newRole(t, h, "first")
	_, err := h.CreateRole(t.Context(), root, admin.NewRole{Key: catalog.RoleKey(first.ID), Name: "Stand-in"})
	wantKind(t, err, fault.Conflict)
	for _, named := range []string{"first", string(first.ID)} {
		r, err := h.Role(t.Context(), root, named)
		must(t, err)
		if r.ID != first.ID {
			t.Errorf("%s finds %s", named, r.Key)
		}
	}
	made, _, err := h.CreateToken(t.Context(), root, admin.NewToken{Service: true, CustomRoles: []string{"first", string(first.ID)}})
	must(t, err)
	if len(made.CustomRoles) != 1 || made.CustomRoles[0] != first.ID {
		t.Errorf("the token has %v", made.CustomRoles)
	}
	_, _, err = h.CreateToken(t.Context(), root, admin.NewToken{Service: true, CustomRoles: []string{"nobody"}})
	wantKind(t, err, fault.Invalid)
}

func TestRolesInUseStay(t *testing.T) {
	h := furnished(t)
	r := newRole(t, h, "held")
	made, _, err := h.CreateToken(t.Context(), root, admin.NewToken{Name: "ci", Service: true, CustomRoles: []string{"held"}})
	must(t, err)
	wantKind(t, h.DeleteRole(t.Context(), root, "held"), fault.Conflict)
	must(t, h.DeleteToken(t.Context(), root, made.ID))
	people, err := h.AddMembers(t.Context(), root, []admin.NewMember{{Email: "bob@x.test", CustomRoles: []string{string(r.ID)}}})
	must(t, err)
	if n := h.RoleHolders(r); n != 1 {
		t.Errorf("%d members have the role", n)
	}
	wantKind(t, h.DeleteRole(t.Context(), root, "held"), fault.Conflict)
	_, err = h.ChangeMember(t.Context(), root, people[0].ID, admin.Change{}, func(m *catalog.Member) error { m.CustomRoles = nil; return nil })
	must(t, err)
	must(t, h.DeleteRole(t.Context(), root, string(r.ID)))
	wantKind(t, h.DeleteRole(t.Context(), root, "held"), fault.NotFound)
}

func TestHiddenRolesDoNotExist(t *testing.T) {
	h := furnished(t)
	newRole(t, h, "secret")
	nothing := may(allow("updateIncluded", "*"))
	_, err := h.Role(t.Context(), nothing, "secret")
	wantKind(t, err, fault.NotFound)
	wantKind(t, h.DeleteRole(t.Context(), nothing, "secret"), fault.NotFound)
	for _, change := range []func(*catalog.Role) error{
		func(*catalog.Role) error { return nil },
		func(r *catalog.Role) error { r.Name = "x"; return nil },
		func(*catalog.Role) error { return fault.Invalidf("no") },
	} {
		_, err = h.ChangeRole(t.Context(), nothing, "secret", admin.Change{}, change)
		wantKind(t, err, fault.NotFound)
	}
	wantKind(t, h.DeleteRole(t.Context(), viewer, "secret"), fault.Forbidden)
	roles, err := h.Roles(t.Context(), may(allow("viewRole", "role/other")))
	must(t, err)
	if len(roles) != 0 {
		t.Errorf("shown: %v", roles)
	}
}

func TestAccountMembersComeAndGo(t *testing.T) {
	h := furnished(t)
	people, err := h.AddMembers(t.Context(), root, []admin.NewMember{
		{Email: "bob@x.test", FirstName: "Bob", Role: catalog.RoleWriter}, {Email: "cy@x.test", Role: catalog.RoleAdmin},
	})
	must(t, err)
	bob := people[0]
	service, _, err := h.CreateToken(t.Context(), as(people[1], catalog.RoleAdmin), admin.NewToken{Service: true, Role: catalog.RoleReader})
	must(t, err)
	own, _, err := h.CreateToken(t.Context(), as(bob, catalog.RoleWriter), admin.NewToken{Role: catalog.RoleWriter})
	must(t, err)

	for name, tt := range map[string]struct {
		news []admin.NewMember
		code fault.Code
	}{
		"nobody":                  {nil, fault.CodeInvalidRequest},
		"somebody who is there":   {[]admin.NewMember{{Email: "new@x.test", Role: catalog.RoleReader}, {Email: "BOB@x.test", Role: catalog.RoleReader}}, fault.CodeEmailExists},
		"somebody twice":          {[]admin.NewMember{{Email: "d@x.test", Role: catalog.RoleReader}, {Email: "D@x.test", Role: catalog.RoleReader}}, fault.CodeDuplicateEmails},
		"an address that is none": {[]admin.NewMember{{Email: "d", Role: catalog.RoleReader}}, fault.CodeInvalidRequest},
		"no role":                 {[]admin.NewMember{{Email: "d@x.test"}}, fault.CodeInvalidRequest},
		"a second owner":          {[]admin.NewMember{{Email: "d@x.test", Role: catalog.RoleOwner}}, fault.CodeInvalidRequest},
		"a role that is none":     {[]admin.NewMember{{Email: "d@x.test", Role: "king"}}, fault.CodeInvalidRequest},
		"too many":                {make([]admin.NewMember, admin.MaxNewMembers+1), fault.CodeInvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			before := h.dump(t)
			_, err := h.AddMembers(t.Context(), root, tt.news)
			if err == nil || fault.From(err).Code != tt.code {
				t.Errorf("got %v, want %s", err, tt.code)
			}
			if h.dump(t) != before {
				t.Error("somebody was added")
			}
		})
	}

	toOwner := func(m *catalog.Member) error { m.Role = catalog.RoleOwner; return nil }
	_, err = h.ChangeMember(t.Context(), root, bob.ID, admin.Change{}, toOwner)
	wantKind(t, err, fault.Invalid)
	_, err = h.ChangeMember(t.Context(), root, ann.ID, admin.Change{}, func(m *catalog.Member) error { m.Role = catalog.RoleReader; return nil })
	wantKind(t, err, fault.Forbidden)
	wantKind(t, h.DeleteMember(t.Context(), root, ann.ID), fault.Forbidden)
	_, err = h.ChangeMember(t.Context(), as(bob, catalog.RoleWriter), bob.ID, admin.Change{}, func(m *catalog.Member) error { m.Role = catalog.RoleAdmin; return nil })
	wantKind(t, err, fault.Forbidden)

	must(t, h.DeleteMember(t.Context(), root, bob.ID))
	must(t, h.DeleteMember(t.Context(), root, people[1].ID))
	if _, ok := h.store.Token(own.ID); ok {
		t.Error("the personal token outlives its owner")
	}
	if _, ok := h.store.Token(service.ID); !ok {
		t.Error("the service token went with its maker")
	}
	wantKind(t, h.DeleteMember(t.Context(), root, bob.ID), fault.NotFound)
}

func TestSecretsOfTokensAreReset(t *testing.T) {
	h := furnished(t)
	made, first, err := h.CreateToken(t.Context(), root, admin.NewToken{Name: "ci", Role: catalog.RoleWriter})
	must(t, err)
	expiry := clock.Add(time.Hour)
	_, second, err := h.ResetToken(t.Context(), root, made.ID, expiry)
	must(t, err)
	_, third, err := h.ResetToken(t.Context(), root, made.ID, clock.Add(time.Minute))
	must(t, err)
	now, ok := h.store.Token(made.ID)
	if !ok || now.Hash != catalog.HashSecret(third) || now.Ending != third[len(third)-4:] || len(now.ExpiringSecrets) != 2 {
		t.Fatalf("got %+v", now)
	}
	for _, old := range now.ExpiringSecrets {
		if !old.Expiry.Equal(clock.Add(time.Minute)) {
			t.Errorf("an older secret outlives the later reset: %v", old.Expiry)
		}
	}
	for _, secret := range []string{first, second} {
		if found, ok := h.store.TokenByHash(catalog.HashSecret(secret)); !ok || found.ID != made.ID {
			t.Error("an expiring secret is not found")
		}
	}
	_, _, err = h.ResetToken(t.Context(), root, made.ID, time.Time{})
	must(t, err)
	for _, secret := range []string{first, second, third} {
		if _, ok := h.store.TokenByHash(catalog.HashSecret(secret)); ok {
			t.Error("a secret outlives a reset without expiry")
		}
	}
	for range 10 {
		_, _, err = h.ResetToken(t.Context(), root, made.ID, expiry)
		must(t, err)
	}
	_, _, err = h.ResetToken(t.Context(), root, made.ID, expiry)
	wantKind(t, err, fault.Conflict)
}
