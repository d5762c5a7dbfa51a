package catalog

import (
	"slices"

	"muster/internal/policy"
)

// Access is an action that a change used, on a concrete resource.
type Access struct {
	Action   policy.Action
	Resource string
	// Tagged is the resource with the tags that it had before and after, if it had any.
	Tagged []string `json:",omitempty"`
}

// AccessTo returns the access of an action to a resource as it is.
func AccessTo(action policy.Action, on policy.Resource) Access {
	a := Access{Action: action, Resource: on.String()}
	if tagged := on.Tagged(); tagged != a.Resource {
		a.Tagged = []string{tagged}
	}
	return a
}

// Join returns the access to the resource as both have it, which differ in tags only.
func (a Access) Join(b Access) Access {
	both := slices.Concat(a.tagged(), b.tagged())
	slices.Sort(both)
	if both = slices.Compact(both); !slices.Equal(both, []string{a.Resource}) {
		a.Tagged = both
	}
	return a
}

func (a Access) tagged() []string {
	if len(a.Tagged) == 0 {
		return []string{a.Resource}
	}
	return a.Tagged
}

// AuditPosition is a place in the order in which audit entries became durable, which is not quite that
// of their times. It counts from 1; 0 lies before all.
type AuditPosition uint64

// Passes reports whether statements that select things select the entry: one of its accesses, or else
// the object of an entry without any, such as what muster itself did.
func (e *AuditEntry) Passes(statements []policy.Statement) bool {
	for _, access := range e.Accesses {
		if access.Passes(statements) {
			return true
		}
	}
	if len(e.Accesses) > 0 {
		return false
	}
	on, err := policy.ParseResource(e.Target)
	return err == nil && policy.Filter(statements, on)
}

// Passes reports whether statements that select things select the access.
func (a Access) Passes(statements []policy.Statement) bool {
	return slices.ContainsFunc(a.tagged(), func(spec string) bool {
		on, err := policy.ParseResource(spec)
		return err == nil && policy.Filter(statements, on, a.Action)
	})
}
