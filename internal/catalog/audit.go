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

// Passes reports whether statements that select things select the access.
func (a Access) Passes(statements []policy.Statement) bool {
	return slices.ContainsFunc(a.tagged(), func(spec string) bool {
		on, err := policy.ParseResource(spec)
		return err == nil && policy.Filter(statements, on, a.Action)
	})
}
