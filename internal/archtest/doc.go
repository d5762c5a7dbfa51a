// Package archtest holds the house's rank table as a test: which package may import which.
//
// The table in ARCHITECTURE.md says the same in prose. A package that is not in the table fails
// the test, so a new room is a decision somebody writes down.
package archtest
