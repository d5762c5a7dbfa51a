package api

import (
	"cmp"
	"slices"
	"strings"

	"muster/internal/policy"
)

// Calls returns every route as its method and path, in the order of the reference.
func Calls() []string {
	var calls []string
	for _, rt := range routes() {
		calls = append(calls, rt.call())
	}
	return calls
}

// Actions returns the actions that the reference names for a call, sorted.
func Actions(call string) []string {
	var actions []string
	for _, rt := range routes() {
		if rt.call() == call {
			for _, a := range rt.actions {
				actions = append(actions, string(a))
			}
		}
	}
	slices.Sort(actions)
	return actions
}

// On returns the kinds of resources on which the reference says that a call needs an action, as specifiers of
// all of them.
func On(call, action string) []string {
	var kinds []string
	for _, rt := range routes() {
		if rt.call() == call {
			for on := range strings.SplitSeq(rt.on(policy.Action(action)), " or ") {
				kinds = append(kinds, KindOf(on))
			}
		}
	}
	return kinds
}

// KindOf returns the specifier of all resources of the kind of one, whose tags stand at its end.
func KindOf(resource string) string {
	resource, _, _ = strings.Cut(resource, ";")
	return anyName.ReplaceAllString(resource, "/*")
}

func (rt route) call() string { return rt.method + " " + cmp.Or(rt.path, "/") }
