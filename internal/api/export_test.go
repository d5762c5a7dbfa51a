package api

import (
	"cmp"
	"slices"
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

func (rt route) call() string { return rt.method + " " + cmp.Or(rt.path, "/") }
