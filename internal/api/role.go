package api

import (
	"net/http"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
)

// roleJSON is a custom role. Terraform's provider compares the policy statement by statement, and
// takes a role without basePermissions for one that reads everything.
type roleJSON struct {
	Links            links           `json:"_links"`
	ID               string          `json:"_id"`
	Key              string          `json:"key"`
	Name             string          `json:"name"`
	Description      string          `json:"description"`
	Policy           []statementJSON `json:"policy"`
	BasePermissions  string          `json:"basePermissions" enum:"no_access,reader"`
	ResourceCategory string          `json:"resourceCategory,omitzero" enum:"any,project,organization"`
	AssignedTo       *assignedToJSON `json:"assignedTo,omitzero"`
}

type assignedToJSON struct {
	Members int `json:"membersCount"`
	Teams   int `json:"teamsCount"`
}

func roleOf(r *catalog.Role) roleJSON {
	return roleJSON{
		Links: links{"self": apiLink("/roles/" + string(r.Key)), "parent": apiLink("/roles")},
		ID:    string(r.ID), Key: string(r.Key), Name: r.Name, Description: r.Description,
		Policy: each(r.Policy, statementOf), BasePermissions: string(r.Base), ResourceCategory: r.Category,
	}
}

func (s *server) assignedRole(r *catalog.Role) roleJSON {
	j := roleOf(r)
	j.AssignedTo = &assignedToJSON{Members: s.admin.RoleHolders(r)}
	return j
}

var roleFields = fields[*catalog.Role]{
	"name":            field(func(r *catalog.Role) *string { return &r.Name }),
	"description":     field(func(r *catalog.Role) *string { return &r.Description }),
	"basePermissions": field(func(r *catalog.Role) *policy.Base { return &r.Base }),
	"policy": asField(func(r *catalog.Role, v []statementJSON) {
		r.Policy = each(v, statementJSON.statement)
	}),
}

var roleOrders = orders[*catalog.Role]{
	"name": func(a, b *catalog.Role) int { return byText(a.Name, b.Name) },
}

func roleMatches(r *catalog.Role, t term) bool {
	if t.field == "query" {
		return mentions(t.value, string(r.Key), r.Name, r.Description)
	}
	return true
}

func (s *server) listRoles(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	all, err := s.admin.Roles(r.Context(), who)
	if err != nil {
		return err
	}
	p, all, err := narrowed(r.URL.Query(), 20, all, roleMatches, roleOrders)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, paged(r, p, all, s.assignedRole))
}

type newRoleJSON struct {
	Key              string          `json:"key"`
	Name             string          `json:"name"`
	Description      string          `json:"description,omitzero"`
	Policy           []statementJSON `json:"policy"`
	BasePermissions  string          `json:"basePermissions,omitzero" enum:"no_access,reader"`
	ResourceCategory string          `json:"resourceCategory,omitzero" enum:"any,project,organization"`
}

func (s *server) createRole(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	var body newRoleJSON
	if err := decodeBody(w, r, maxBodyBytes, &body); err != nil {
		return err
	}
	if body.Policy == nil {
		return fault.Invalidf("policy is missing; a role that grants nothing has an empty list")
	}
	made, err := s.admin.CreateRole(r.Context(), who, admin.NewRole{
		Key: catalog.RoleKey(body.Key), Name: body.Name, Description: body.Description, Base: policy.Base(body.BasePermissions),
		Policy: each(body.Policy, statementJSON.statement), Category: body.ResourceCategory,
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, s.assignedRole(made))
}

func (s *server) getRole(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	found, err := s.admin.Role(r.Context(), who, r.PathValue("roleKey"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.assignedRole(found))
}

func (s *server) patchRole(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	p, err := readFieldPatch(w, r)
	if err != nil {
		return err
	}
	changed, err := s.admin.ChangeRole(r.Context(), who, r.PathValue("roleKey"), p.how(), func(role *catalog.Role) error {
		before, after, err := p.edited(roleOf(role))
		if err != nil {
			return err
		}
		return roleFields.assign(role, before, after, "")
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.assignedRole(changed))
}

func (s *server) deleteRole(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	if err := s.admin.DeleteRole(r.Context(), who, r.PathValue("roleKey")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
