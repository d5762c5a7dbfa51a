package api

import (
	"fmt"
	"net/http"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
)

// accessAskedJSON asks whether somebody may do something: a policy, a role, a token or an account
// member, or the caller if none is named.
type accessAskedJSON struct {
	Action   string          `json:"action" doc:"Such as updateIncluded"`
	Resource string          `json:"resource" doc:"One concrete resource with its tags, such as proj/web:env/production:segment/vip;crm"`
	Policy   []statementJSON `json:"policy,omitzero"`
	Base     string          `json:"basePermissions,omitzero" enum:"no_access,reader" doc:"Of the policy; no_access if absent"`
	Role     string          `json:"role,omitzero" doc:"The key or id of a custom role, or a built-in one"`
	TokenID  string          `json:"tokenId,omitzero"`
	MemberID string          `json:"memberId,omitzero"`
}

// accessCheckJSON is whether, and why.
type accessCheckJSON struct {
	Allowed bool                 `json:"allowed"`
	Message string               `json:"message" doc:"The same for people"`
	Roles   []accessDecisionJSON `json:"roles" doc:"What each of the roles says; one that allows it suffices"`
	Owner   []accessDecisionJSON `json:"owner,omitzero" doc:"What the roles of a personal token's owner say; one of them must allow it too"`
}

type accessDecisionJSON struct {
	Role      string         `json:"role"`
	Allowed   bool           `json:"allowed"`
	Why       string         `json:"why" enum:"statement,base,nothing,hidden" doc:"hidden: a statement denies viewProject on the project"`
	Index     *int           `json:"statementIndex,omitzero" doc:"Which statement decided, from 0"`
	Statement *statementJSON `json:"statement,omitzero"`
}

func (s *server) checkAccess(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	var body accessAskedJSON
	if err := decodeBody(w, r, maxBodyBytes, &body); err != nil {
		return err
	}
	if body.Action == "" {
		return fault.Invalidf("action is missing: what is to be done")
	}
	on, err := policy.ParseResource(body.Resource)
	if err != nil {
		return err
	}
	asked, err := s.principalAsked(r, who, body)
	if err != nil {
		return err
	}
	j := accessCheckJSON{Allowed: asked.Allows(policy.Action(body.Action), on), Roles: decisionsOf(asked.Roles, policy.Action(body.Action), on)}
	j.Message = j.sentence(j.Roles)
	if asked.Capped {
		j.Owner = decisionsOf(asked.Owner, policy.Action(body.Action), on)
		if !j.Allowed && anyAllowed(j.Roles) {
			j.Message = "The token may, its owner may not. " + j.sentence(j.Owner)
		}
	}
	return writeJSON(w, http.StatusOK, j)
}

// principalAsked is whom the question is about.
func (s *server) principalAsked(r *http.Request, who catalog.Caller, body accessAskedJSON) (policy.Principal, error) {
	named := 0
	for _, given := range []bool{body.Policy != nil, body.Role != "", body.TokenID != "", body.MemberID != ""} {
		if given {
			named++
		}
	}
	switch {
	case named > 1:
		return policy.Principal{}, fault.Invalidf("give one of policy, role, tokenId and memberId, or none to ask about yourself")
	case body.Policy != nil:
		role := policy.Role{Name: "policy", Base: policy.NoAccess, Policy: each(body.Policy, statementJSON.statement)}
		switch policy.Base(body.Base) {
		case policy.Reader:
			role.Base = policy.Reader
		case "", policy.NoAccess:
		default:
			return policy.Principal{}, fault.Invalidf("basePermissions %q must be no_access or reader", clip(body.Base))
		}
		return policy.Principal{Roles: []policy.Role{role}}, policy.Validate(role.Policy)
	case body.Role != "":
		if role, ok := policy.BuiltIn(body.Role); ok {
			return policy.Principal{Roles: []policy.Role{role}}, nil
		}
		role, err := s.admin.Role(r.Context(), who, body.Role)
		if err != nil {
			return policy.Principal{}, err
		}
		return policy.Principal{Roles: []policy.Role{role.Grants()}}, nil
	case body.TokenID != "":
		t, err := s.admin.Token(r.Context(), who, catalog.ID(body.TokenID))
		if err != nil {
			return policy.Principal{}, err
		}
		return s.access.TokenPrincipal(t), nil
	case body.MemberID != "":
		m, err := s.admin.Member(r.Context(), who, catalog.ID(body.MemberID))
		if err != nil {
			return policy.Principal{}, err
		}
		return s.access.MemberCaller(m).Principal, nil
	}
	return who.Principal, nil
}

func decisionsOf(roles []policy.Role, action policy.Action, on policy.Resource) []accessDecisionJSON {
	return each(roles, func(role policy.Role) accessDecisionJSON {
		d := role.Decide(action, on)
		j := accessDecisionJSON{Role: role.Name, Allowed: d.Allowed, Why: string(d.Why)}
		if d.Statement >= 0 {
			statement := statementOf(role.Policy[d.Statement])
			j.Index, j.Statement = &d.Statement, &statement
		}
		return j
	})
}

func anyAllowed(all []accessDecisionJSON) bool {
	for _, d := range all {
		if d.Allowed {
			return true
		}
	}
	return false
}

// sentence says what decided. Where roles deny for different reasons, it names the first statement.
func (j *accessCheckJSON) sentence(all []accessDecisionJSON) string {
	decided := accessDecisionJSON{Why: string(policy.ByNothing)}
	for _, d := range all {
		if d.Allowed == j.Allowed && d.Why != string(policy.ByNothing) {
			decided = d
			break
		}
	}
	of := ""
	if len(all) > 1 {
		of = " of the role " + decided.Role
	}
	switch policy.Why(decided.Why) {
	case policy.ByStatement:
		if j.Allowed {
			return fmt.Sprintf("Yes, statement %d%s allows it.", *decided.Index+1, of)
		}
		return fmt.Sprintf("No. Statement %d%s denies it.", *decided.Index+1, of)
	case policy.ByHiding:
		return fmt.Sprintf("No. Statement %d%s hides the project.", *decided.Index+1, of)
	case policy.ByBase:
		return fmt.Sprintf("Yes, the base permission%s allows it.", of)
	default:
		return "No. Nothing allows it."
	}
}
