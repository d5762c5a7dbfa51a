package catalog

import (
	"strings"
	"testing"

	"muster/internal/fault"
	"muster/internal/policy"
)

func TestRolesAreValidated(t *testing.T) {
	good := Role{Key: "ops", Name: "Ops", Base: policy.NoAccess, Policy: []policy.Statement{{Effect: policy.Allow, Actions: []string{"*"}, Resources: []string{"proj/*"}}}}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Role){
		"a key that is none":            func(r *Role) { r.Key = "a b" },
		"no name":                       func(r *Role) { r.Name = "" },
		"a long description":            func(r *Role) { r.Description = strings.Repeat("x", MaxDescriptionLength+1) },
		"a base that is none":           func(r *Role) { r.Base = "writer" },
		"a category that is none":       func(r *Role) { r.Category = "planet" },
		"a statement without an effect": func(r *Role) { r.Policy[0].Effect = "" },
	} {
		t.Run(name, func(t *testing.T) {
			r := good.Clone()
			spoil(r)
			if err := r.Validate(); fault.KindOf(err) != fault.Invalid {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestGrants(t *testing.T) {
	ops := &Role{ID: "ops", Name: "Ops", Base: policy.Reader}
	find := func(id ID) (*Role, bool) { return ops, id == ops.ID }
	inline := []policy.Statement{{Effect: policy.Allow, Actions: []string{"*"}, Resources: []string{"*"}}}
	for name, tt := range map[string]struct {
		got  []policy.Role
		want string
	}{
		"a token with a built-in role":         {(&Token{Role: RoleWriter}).Grants(find), "writer"},
		"a token with a custom role":           {(&Token{CustomRoles: []ID{"ops"}}).Grants(find), "Ops"},
		"a token with a policy":                {(&Token{InlineRole: inline}).Grants(find), "inline"},
		"a token with a role that is gone":     {(&Token{CustomRoles: []ID{"gone"}}).Grants(find), ""},
		"a member with a built-in role":        {(&Member{Role: RoleReader}).Grants(find), "reader"},
		"a member with a custom role beside":   {(&Member{Role: RoleAdmin, CustomRoles: []ID{"ops"}}).Grants(find), "Ops"},
		"a member with a role of an older day": {(&Member{Role: "king"}).Grants(find), ""},
	} {
		names := make([]string, 0, 1)
		for _, r := range tt.got {
			names = append(names, r.Name)
		}
		if strings.Join(names, ",") != tt.want {
			t.Errorf("%s is granted %v, want %q", name, names, tt.want)
		}
	}
	if !(&Member{Role: RoleOwner}).Administers() || (&Member{Role: RoleAdmin, CustomRoles: []ID{"ops"}}).Administers() {
		t.Error("custom roles must count instead of the built-in one")
	}
}
