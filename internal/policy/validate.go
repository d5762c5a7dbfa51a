package policy

import (
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
		if problem := statements[i].problem(); problem != nil {
			problem.Message = fault.Invalidf("statement %d: %s", i, problem.Message).Message
			return problem
		}
	}
	return nil
}

func (s *Statement) problem() *fault.Error {
	if s.Effect != Allow && s.Effect != Deny {
		return fault.Invalidf("effect must be %q or %q", Allow, Deny)
	}
	if (len(s.Resources) > 0) == (len(s.NotResources) > 0) {
		return fault.Invalidf("exactly one of resources and notResources must be given")
	}
	if (len(s.Actions) > 0) == (len(s.NotActions) > 0) {
		return fault.Invalidf("exactly one of actions and notActions must be given")
	}
	for _, list := range [][]string{s.Resources, s.NotResources} {
		if err := checkEntries("resource", list, checkSpecifier); err != nil {
			return err
		}
	}
	for _, list := range [][]string{s.Actions, s.NotActions} {
		if err := checkEntries("action", list, checkAction); err != nil {
			return err
		}
	}
	return nil
}

func checkEntries(what string, list []string, check func(string) error) *fault.Error {
	if len(list) > MaxEntries {
		return fault.Invalidf("a list of %ss has at most %d entries, this one has %d", what, MaxEntries, len(list))
	}
	for _, entry := range list {
		if len(entry) > MaxEntryBytes {
			return fault.Invalidf("a %s has at most %d bytes, one has %d", what, MaxEntryBytes, len(entry))
		}
		if err := check(entry); err != nil {
			return fault.Invalidf("the %s %q %s", what, entry, err)
		}
	}
	return nil
}

func checkAction(action string) error {
	if action == "" {
		return errEmpty
	}
	return nil
}
