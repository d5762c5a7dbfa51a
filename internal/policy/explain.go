package policy

import "strings"

// Why says what decided about an action.
type Why string

// What can decide: a statement, the base of the role, that nothing grants the action, or a statement
// that hides the project.
const (
	ByStatement Why = "statement"
	ByBase      Why = "base"
	ByNothing   Why = "nothing"
	ByHiding    Why = "hidden"
)

// Decision is what one role says of an action on a resource, and why.
type Decision struct {
	Allowed   bool
	Why       Why
	Statement int // that decided, -1 if none did
}

// Decide says the same of an action as Principal.Allows of a principal with this role alone, and why.
func (r *Role) Decide(action Action, on Resource) Decision {
	if i := firstMatch(r.Policy, Deny, action, on); i >= 0 {
		return Decision{Why: ByStatement, Statement: i}
	}
	d := Decision{Allowed: true, Why: ByStatement, Statement: firstMatch(r.Policy, Allow, action, on)}
	if d.Statement < 0 {
		d.Why = ByBase
		if r.Base != Reader || !strings.HasPrefix(string(action), "view") {
			return Decision{Why: ByNothing, Statement: -1}
		}
	}
	if project, below := projectOf(on); below {
		if i := firstMatch(r.Policy, Deny, ViewProject, project); i >= 0 {
			return Decision{Why: ByHiding, Statement: i}
		}
	}
	return d
}

// firstMatch returns the first statement of an effect that matches; -1 if none does.
func firstMatch(statements []Statement, effect Effect, action Action, on Resource) int {
	for i := range statements {
		if statements[i].Effect == effect && statements[i].matches(action, on) {
			return i
		}
	}
	return -1
}
