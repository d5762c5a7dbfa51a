package policy

import (
	"cmp"
	"fmt"

	"muster/internal/fault"
)

// The size of a policy.
const (
	MaxStatements = 200
	MaxEntries    = 500 // in one list of a statement
	MaxEntryBytes = 512
)

// Validate returns an error that names the first wrong statement by its index. Actions and kinds
// of resources that muster does not know are valid: they match nothing.
func Validate(statements []Statement) error {
	if len(statements) > MaxStatements {
		return fault.Invalidf("a policy has at most %d statements, this one has %d", MaxStatements, len(statements))
	}
	for i := range statements {
		if problem := statements[i].problem(); problem != "" {
			return fault.Invalidf("statement %d: %s", i, problem)
		}
	}
	return nil
}

// problem says what is wrong with the statement, nothing if it is right.
func (s *Statement) problem() string {
	if s.Effect != Allow && s.Effect != Deny {
		return fmt.Sprintf("effect must be %q or %q", Allow, Deny)
	}
	if (len(s.Resources) > 0) == (len(s.NotResources) > 0) {
		return "give exactly one of resources and notResources, and not empty"
	}
	if (len(s.Actions) > 0) == (len(s.NotActions) > 0) {
		return "give exactly one of actions and notActions, and not empty"
	}
	return cmp.Or(
		entryProblem("resource", s.Resources, checkSpecifier),
		entryProblem("resource", s.NotResources, checkSpecifier),
		entryProblem("action", s.Actions, checkAction),
		entryProblem("action", s.NotActions, checkAction),
	)
}

func entryProblem(what string, list []string, check func(string) error) string {
	if len(list) > MaxEntries {
		return fmt.Sprintf("a list of %ss has at most %d entries, this one has %d", what, MaxEntries, len(list))
	}
	for _, entry := range list {
		if len(entry) > MaxEntryBytes {
			return fmt.Sprintf("a %s has at most %d bytes, one has %d", what, MaxEntryBytes, len(entry))
		}
		if err := check(entry); err != nil {
			return fmt.Sprintf("the %s %q %s", what, entry, err)
		}
	}
	return ""
}

func checkAction(action string) error {
	if action == "" {
		return errEmpty
	}
	return nil
}
