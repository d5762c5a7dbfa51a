// Package storetest is the contracts of package store as tests that belong to no engine.
//
// [Driver] checks an implementation of [store.Log] and [store.Files], [Run] one of [store.Store].
// Each promise in the comments of package store has a test of its own; beside them random operations
// run against a driver or an engine and against a plain model of maps, through clean restarts and
// power cuts, and both must agree on everything a caller can see. Only tests import this package.
package storetest

import (
	"slices"
	"testing"

	"muster/internal/store"
)

// Machine is a store that can be stopped, lose its power and start again.
type Machine[S any] interface {
	// Start opens the store on what the disk holds. It fails the test if that is impossible.
	Start(testing.TB) S
	// Stop closes the store.
	Stop(testing.TB)
	// Cut ends the store as a power cut does: what was not synced is gone.
	Cut(testing.TB)
}

// Drive is what a driver provides.
type Drive struct {
	Log   store.Log
	Files store.Files
}

// check is one promise and how to see whether it is kept.
type check[S any] struct {
	promise string
	test    func(*testing.T, Machine[S])
}

// runAll runs every check on a machine of its own.
func runAll[S any](t *testing.T, build func(testing.TB) Machine[S], checks ...[]check[S]) {
	t.Helper()
	for _, c := range slices.Concat(checks...) {
		t.Run(c.promise, func(t *testing.T) {
			m := build(t)
			c.test(t, m)
		})
	}
}

// started runs a check that needs no restart.
func started[S any](test func(*testing.T, S)) func(*testing.T, Machine[S]) {
	return func(t *testing.T, m Machine[S]) {
		s := m.Start(t)
		test(t, s)
		m.Stop(t)
	}
}
