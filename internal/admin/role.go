package admin

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/store"
)

// maxRoles is how many custom roles an account can have.
const maxRoles = 1000

// NewRole is what a caller gives to create a custom role.
type NewRole struct {
	Key         catalog.RoleKey
	Name        string
	Description string
	Base        policy.Base // "": no access
	Policy      []policy.Statement
	Category    string
}

func roleResource(key catalog.RoleKey) policy.Resource {
	return policy.Resource{{Kind: "role", Name: string(key)}}
}

func seesRole(who catalog.Caller, r *catalog.Role) bool {
	return who.Administers || who.Principal.Allows(policy.ViewRole, roleResource(r.Key))
}

// Roles returns the custom roles that the caller may view, sorted by key.
func (a *Admin) Roles(_ context.Context, who catalog.Caller) ([]*catalog.Role, error) {
	var visible []*catalog.Role
	for _, r := range a.store.Roles() {
		if seesRole(who, r) {
			visible = append(visible, r)
		}
	}
	return visible, nil
}

// Role returns one custom role, by its id or its key.
func (a *Admin) Role(_ context.Context, who catalog.Caller, named string) (*catalog.Role, error) {
	r, ok := lookUpRole(a.store, named)
	if !ok || !seesRole(who, r) {
		return nil, noRole(named)
	}
	return r, nil
}

// RoleHolders returns how many account members have a custom role.
func (a *Admin) RoleHolders(r *catalog.Role) int {
	_, members := roleUsers(a.store, r.ID)
	return len(members)
}

// lookUpRole finds a role by its id or else by its key, so that no key can stand in for an id.
func lookUpRole(from store.Catalog, named string) (*catalog.Role, bool) {
	if r, ok := from.Role(catalog.ID(named)); ok {
		return r, true
	}
	return from.RoleByKey(catalog.RoleKey(named))
}

func noRole(named string) error {
	return fault.NotFoundf("there is no custom role %.80q that this credential may view", named)
}

// resolveRoles returns the ids of roles that are named by id or key, each once.
func resolveRoles(from store.Catalog, named []string) ([]catalog.ID, error) {
	if len(named) > catalog.MaxRolesHeld {
		return nil, fault.Invalidf("%d custom roles are named; at most %d are allowed", len(named), catalog.MaxRolesHeld)
	}
	var ids []catalog.ID
	seen := map[catalog.ID]bool{}
	for _, name := range named {
		r, ok := lookUpRole(from, name)
		if !ok {
			return nil, fault.Invalidf("there is no custom role with the id or key %.80q", name)
		}
		if !seen[r.ID] {
			ids = append(ids, r.ID)
		}
		seen[r.ID] = true
	}
	return ids, nil
}

func namesOf(ids []catalog.ID) []string {
	names := make([]string, 0, len(ids))
	for _, id := range ids {
		names = append(names, string(id))
	}
	return names
}

// checkCovered refuses to hand out more than the caller holds.
func checkCovered(who catalog.Caller, what string, granted []policy.Role) error {
	if who.Administers {
		return nil
	}
	for _, r := range granted {
		if !who.Principal.Covers(r) {
			return fault.Forbiddenf("%s could do more than this credential, or it can't be decided that it could not; an administrator can do this", what)
		}
	}
	return nil
}

func roleDone(verb string, before, after *catalog.Role) done {
	r := cmp.Or(after, before)
	return done{kind: "role", name: r.Name, verb: verb, on: roleResource(r.Key), before: before, after: after}
}

// CreateRole creates a custom role that grants nothing the caller lacks.
func (a *Admin) CreateRole(ctx context.Context, who catalog.Caller, n NewRole) (*catalog.Role, error) {
	now := a.now()
	r := &catalog.Role{
		ID: catalog.NewID(), Key: n.Key, Name: n.Name, Description: n.Description, Base: cmp.Or(n.Base, policy.NoAccess),
		Policy: n.Policy, Category: n.Category, CreatedAt: now, ModifiedAt: now,
	}
	es := effects{{policy.CreateRole, roleResource(r.Key)}}
	if err := es.authorise(who); err != nil {
		return nil, err
	}
	if err := r.Validate(); err != nil {
		return nil, err
	}
	if err := checkCovered(who, "the new role", []policy.Role{r.Grants()}); err != nil {
		return nil, err
	}
	err := a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		if _, taken := lookUpRole(tx, string(r.Key)); taken {
			return fault.Conflictf("there is already a custom role with the key %q", r.Key)
		}
		if len(tx.Roles()) >= maxRoles {
			return fault.TooLargef("the account has %d custom roles; at most %d are allowed", maxRoles, maxRoles)
		}
		tx.PutRole(r)
		return a.audit(tx, who, es, roleDone("created the custom role", nil, r))
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// ChangeRole runs change on a clone of the role; the caller needs the action of every difference it
// makes, and may not make the role grant what the caller lacks. The change counts at once for
// whoever has the role. change may run more than once.
func (a *Admin) ChangeRole(ctx context.Context, who catalog.Caller, named string, how Change, change func(*catalog.Role) error) (*catalog.Role, error) {
	var result *catalog.Role
	err := a.update(ctx, store.Account, how, func(tx store.Tx) error {
		before, ok := lookUpRole(tx, named)
		if !ok {
			return noRole(named)
		}
		after := before.Clone()
		err := change(after)
		var es effects
		if err == nil {
			es = roleEffects(before, after)
			err = es.authorise(who)
		}
		if (err != nil || len(es) == 0) && !seesRole(who, before) {
			return noRole(named)
		}
		result = before
		if err != nil || len(es) == 0 {
			return err
		}
		if err := after.Validate(); err != nil {
			return err
		}
		if grantsChange(es) {
			if err := checkCovered(who, "the changed role", []policy.Role{after.Grants()}); err != nil {
				return err
			}
		}
		after.ModifiedAt = a.now()
		tx.PutRole(after)
		result = after
		d := roleDone("updated the custom role", before, after)
		d.how = how
		return a.audit(tx, who, es, d)
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

func grantsChange(es effects) bool {
	for _, e := range es {
		if e.action == policy.UpdatePolicy || e.action == policy.UpdateBasePermissions {
			return true
		}
	}
	return false
}

// DeleteRole deletes a custom role that nobody has.
func (a *Admin) DeleteRole(ctx context.Context, who catalog.Caller, named string) error {
	return a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		r, ok := lookUpRole(tx, named)
		if !ok {
			return noRole(named)
		}
		es := effects{{policy.DeleteRole, roleResource(r.Key)}}
		if err := es.authorise(who); err != nil {
			if !seesRole(who, r) {
				return noRole(named)
			}
			return err
		}
		var holders []string
		tokens, members := roleUsers(tx, r.ID)
		if len(tokens) > 0 {
			holders = append(holders, listed("the access tokens", tokens))
		}
		if len(members) > 0 {
			holders = append(holders, listed("the account members", members))
		}
		if len(holders) > 0 {
			return fault.Conflictf("the custom role %s is held by %s; give them another one first", r.Key, strings.Join(holders, " and "))
		}
		tx.DeleteRole(r.ID)
		return a.audit(tx, who, es, roleDone("deleted the custom role", r, nil))
	})
}

// roleUsers returns the names of the tokens and the addresses of the members that have a role.
func roleUsers(from store.Catalog, id catalog.ID) (tokens, members []string) {
	for _, t := range from.Tokens() {
		if slices.Contains(t.CustomRoles, id) {
			tokens = append(tokens, cmp.Or(t.Name, string(t.ID)))
		}
	}
	for _, m := range from.Members() {
		if slices.Contains(m.CustomRoles, id) {
			members = append(members, m.Email)
		}
	}
	return tokens, members
}
