package catalog

import (
	"strings"

	"muster/internal/fault"
)

// MemberInstructions is what a semantic patch asks of the members of a big segment. A key stands in
// at most one of the two lists of a set.
type MemberInstructions struct {
	AddIncluded, RemoveIncluded []string
	AddExcluded, RemoveExcluded []string
	// Import is an import that waits until somebody lets it go on. It stands alone.
	Import string
}

// setKey is a context key in one of the two sets of a segment.
type setKey struct {
	excluded bool
	key      string
}

// InstructMembers reads the instructions about the members of a big segment. It returns nil if there
// is none, and a fault of kind Invalid if there are others beside them: members and definition of a
// segment are not changed in one step.
func InstructMembers(ins []Instruction) (*MemberInstructions, error) {
	m := new(MemberInstructions)
	adds := make(map[setKey]bool)
	var order []setKey
	members := 0
	for _, in := range ins {
		a := newArguments(in.Kind, in.Params)
		switch a.kind {
		case "processbigsegmentimport":
			if m.Import = a.text("importId"); m.Import == "" {
				a.fail("importId is empty")
			}
		case "addbigsegmentincludedtargets", "removebigsegmentincludedtargets", "addbigsegmentexcludedtargets", "removebigsegmentexcludedtargets":
			for _, key := range a.texts("values") {
				k := setKey{strings.Contains(a.kind, "excluded"), key}
				if _, seen := adds[k]; !seen {
					order = append(order, k)
				}
				adds[k] = strings.HasPrefix(a.kind, "add") // the last instruction counts
			}
		default:
			continue
		}
		if a.err != nil {
			return nil, a.err
		}
		members++
	}
	switch {
	case members == 0:
		return nil, nil
	case members < len(ins):
		return nil, fault.Invalidf("instructions about the members of a big segment need a request of their own")
	case m.Import != "" && members > 1:
		return nil, fault.Invalidf("processBigSegmentImport needs a request of its own")
	case len(order) > MaxInstructionTargets:
		return nil, fault.Invalidf("the instructions name %d context keys; at most %d are allowed in one request", len(order), MaxInstructionTargets)
	}
	for _, k := range order {
		list := m.list(k.excluded, adds[k])
		*list = append(*list, k.key)
		if adds[k] && adds[setKey{!k.excluded, k.key}] {
			return nil, fault.Invalidf("%q would be included and excluded", clip(k.key))
		}
	}
	return m, nil
}

func (m *MemberInstructions) list(excluded, add bool) *[]string {
	switch {
	case excluded && add:
		return &m.AddExcluded
	case excluded:
		return &m.RemoveExcluded
	case add:
		return &m.AddIncluded
	default:
		return &m.RemoveIncluded
	}
}
