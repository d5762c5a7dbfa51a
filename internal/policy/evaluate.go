package policy

import "strings"

// Allows reports whether the principal may do the action on the resource. Roles are united; inside
// one role a deny wins over every allow, and a role that denies viewProject on a project grants
// nothing on or below it.
func (p Principal) Allows(action Action, on Resource) bool {
	if p.Capped && !allowedByAny(p.Owner, action, on) {
		return false
	}
	return allowedByAny(p.Roles, action, on)
}

// Hides reports whether the project of the resource is kept from the principal by an explicit
// deny of viewProject. It is then to be treated as one that does not exist.
func (p Principal) Hides(on Resource) bool {
	return hiddenByAll(p.Roles, on) || p.Capped && hiddenByAll(p.Owner, on)
}

// Filter reports whether the resource passes a list of statements that selects things instead of
// granting rights: some allow matches and no deny does. It asks for any of the given actions, or
// without any, whether there could be one.
func Filter(statements []Statement, on Resource, actions ...Action) bool {
	if len(actions) == 0 {
		actions = imaginableActions(statements)
	}
	for _, a := range actions {
		if matchesAny(statements, Allow, a, on) && !matchesAny(statements, Deny, a, on) {
			return true
		}
	}
	return false
}

// imaginableActions returns actions such that if the statements allow any action, they allow one
// of these.
func imaginableActions(statements []Statement) []Action {
	const fresh = "\x00" // in no entry
	actions := []Action{fresh}
	for i := range statements {
		for _, list := range [][]string{statements[i].Actions, statements[i].NotActions} {
			for _, entry := range list {
				actions = append(actions, Action(strings.ReplaceAll(entry, "*", fresh)))
			}
		}
	}
	return actions
}

func allowedByAny(roles []Role, action Action, on Resource) bool {
	for i := range roles {
		if roles[i].allows(action, on) {
			return true
		}
	}
	return false
}

func hiddenByAll(roles []Role, on Resource) bool {
	project, ok := projectOf(on)
	if !ok || allowedByAny(roles, ViewProject, project) {
		return false
	}
	for i := range roles {
		if matchesAny(roles[i].Policy, Deny, ViewProject, project) {
			return true
		}
	}
	return false
}

func (r *Role) allows(action Action, on Resource) bool {
	return r.Decide(action, on).Allowed
}

// projectOf returns the project that a resource is or lies in.
func projectOf(on Resource) (Resource, bool) {
	if len(on) == 0 || on[0].Kind != "proj" {
		return nil, false
	}
	return on[:1], true
}

func matchesAny(statements []Statement, effect Effect, action Action, on Resource) bool {
	return firstMatch(statements, effect, action, on) >= 0
}

func (s *Statement) matches(action Action, on Resource) bool {
	return s.matchesAction(action) && s.matchesResource(on)
}

func (s *Statement) matchesAction(action Action) bool {
	if len(s.Actions) > 0 {
		return anyGlob(s.Actions, action)
	}
	return len(s.NotActions) > 0 && !anyGlob(s.NotActions, action)
}

func (s *Statement) matchesResource(on Resource) bool {
	if len(s.Resources) > 0 {
		return anySpecifier(s.Resources, on)
	}
	return len(s.NotResources) > 0 && !anySpecifier(s.NotResources, on)
}

func anyGlob(patterns []string, action Action) bool {
	for _, p := range patterns {
		if glob(p, string(action)) {
			return true
		}
	}
	return false
}

func anySpecifier(specs []string, on Resource) bool {
	for _, spec := range specs {
		if matchSpecifier(spec, on) {
			return true
		}
	}
	return false
}
