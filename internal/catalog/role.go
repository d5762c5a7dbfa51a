package catalog

import (
	"slices"
	"time"

	"muster/internal/fault"
	"muster/internal/policy"
)

// MaxRolesHeld is how many custom roles one token or account member can have.
const MaxRolesHeld = 50

// RoleKey is a custom role's key, unique in the account, immutable.
type RoleKey string

// Role is a custom role: a policy with a name, which tokens and account members share. A change of
// it counts at once for everybody who has it.
type Role struct {
	ID          ID
	Key         RoleKey
	Name        string
	Description string
	Base        policy.Base
	Policy      []policy.Statement
	Category    string // "any", "project" or "organization"; empty when nobody said
	CreatedAt   time.Time
	ModifiedAt  time.Time
}

// Clone returns a copy that shares nothing changeable with r.
func (r *Role) Clone() *Role {
	c := *r
	c.Policy = cloneEach(r.Policy, policy.Statement.Clone)
	return &c
}

// Validate returns a sentence about the first field that can't be as it is.
func (r *Role) Validate() error {
	if err := checkKey("role", string(r.Key)); err != nil {
		return err
	}
	if err := checkName(r.Name); err != nil {
		return err
	}
	if err := checkText("description", r.Description, MaxDescriptionLength); err != nil {
		return err
	}
	if r.Base != policy.NoAccess && r.Base != policy.Reader {
		return fault.Invalidf("basePermissions %q must be %q or %q", clip(string(r.Base)), policy.NoAccess, policy.Reader)
	}
	if !slices.Contains([]string{"", "any", "project", "organization"}, r.Category) {
		return fault.Invalidf("resourceCategory %q must be any, project or organization", clip(r.Category))
	}
	return policy.Validate(r.Policy)
}

// Grants returns the role as checks see it.
func (r *Role) Grants() policy.Role {
	return policy.Role{Name: r.Name, Base: r.Base, Policy: r.Policy}
}

// Grants returns what the token by itself may do: its policy, its custom roles, or its built-in role.
func (t *Token) Grants(find func(ID) (*Role, bool)) []policy.Role {
	switch {
	case len(t.InlineRole) > 0:
		return []policy.Role{{Name: "inline", Base: policy.NoAccess, Policy: t.InlineRole}}
	case len(t.CustomRoles) > 0:
		return customGrants(t.CustomRoles, find)
	}
	return builtInGrants(t.Role)
}

// Grants returns what the account member may do: by custom roles if there are any, else by the
// built-in role.
func (m *Member) Grants(find func(ID) (*Role, bool)) []policy.Role {
	if len(m.CustomRoles) > 0 {
		return customGrants(m.CustomRoles, find)
	}
	return builtInGrants(m.Role)
}

// Administers reports whether the account member has the built-in role admin or owner, and no
// custom role in its place.
func (m *Member) Administers() bool { return len(m.CustomRoles) == 0 && m.Role.administers() }

func (r BaseRole) administers() bool { return r == RoleAdmin || r == RoleOwner }

// Administers reports whether the token itself has the built-in role admin.
func (t *Token) Administers() bool { return t.Role.administers() }

func customGrants(ids []ID, find func(ID) (*Role, bool)) []policy.Role {
	roles := make([]policy.Role, 0, len(ids))
	for _, id := range ids {
		if r, ok := find(id); ok {
			roles = append(roles, r.Grants())
		}
	}
	return roles
}

func builtInGrants(word BaseRole) []policy.Role {
	if r, ok := policy.BuiltIn(string(word)); ok {
		return []policy.Role{r}
	}
	return nil
}
