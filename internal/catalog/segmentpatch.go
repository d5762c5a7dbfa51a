package catalog

import (
	"slices"
	"strings"

	"muster/internal/fault"
	"muster/internal/segment"
)

// Instruct carries out a semantic patch: all instructions, in order, or none. An instruction that
// is already satisfied changes nothing. The result still has to be validated.
func (s *Segment) Instruct(ins []Instruction) error {
	n := s.Clone()
	named := 0
	for _, in := range ins {
		a := newArguments(in.Kind, in.Params)
		named += n.instruct(a)
		if a.err != nil {
			return a.err
		}
	}
	if named > MaxInstructionTargets {
		return fault.Invalidf("the instructions name %d context keys; at most %d are allowed in one request", named, MaxInstructionTargets)
	}
	n.Normalize()
	*s = *n
	return nil
}

// instruct returns how many context keys the instruction names.
func (s *Segment) instruct(a *arguments) int {
	switch {
	case a.editTags(&s.Tags):
		return 0
	case strings.Contains(a.kind, "bigsegment"):
		a.fail("members of big segments change with POST …/contexts and imports with POST …/imports, not in a patch")
		return 0
	case s.instructRules(a):
		return 0
	}
	switch a.kind {
	case "updatename":
		s.Name = a.text("value")
	case "updatedescription":
		s.Description = a.text("value")
	default:
		return s.instructTargets(a)
	}
	return 0
}

func (s *Segment) instructTargets(a *arguments) int {
	var kind segment.ContextKind
	switch {
	case strings.HasSuffix(a.kind, "users"):
		kind = segment.DefaultKind
	case strings.HasSuffix(a.kind, "targets"):
		kind = a.contextKind("contextKind")
	}
	included := s.targetList(kind, true)
	excluded := s.targetList(kind, false)
	var list, other []string
	var include, add bool
	switch a.kind {
	case "addincludedtargets", "addincludedusers":
		list, other, include, add = included, excluded, true, true
	case "removeincludedtargets", "removeincludedusers":
		list, include = included, true
	case "addexcludedtargets", "addexcludedusers":
		list, other, add = excluded, included, true
	case "removeexcludedtargets", "removeexcludedusers":
		list = excluded
	default:
		a.fail("there is no such instruction for segments")
		return 0
	}
	if s.Unbounded {
		a.fail("segment %s keeps its members apart; change them with POST …/contexts", s.Key)
		return 0
	}
	values := a.texts("values")
	if len(values) > MaxInstructionTargets {
		return len(values)
	}
	if !add {
		s.setTargetList(kind, include, without(list, values))
		return len(values)
	}
	for _, v := range values {
		if slices.Contains(other, v) {
			a.fail("%s %q would be included and excluded", kind, clip(v))
			return len(values)
		}
	}
	s.setTargetList(kind, include, with(list, values))
	return len(values)
}

func (s *Segment) targetList(kind segment.ContextKind, include bool) []string {
	users, contexts := &s.Excluded, s.ExcludedContexts
	if include {
		users, contexts = &s.Included, s.IncludedContexts
	}
	if isUser(kind) {
		return *users
	}
	for _, c := range contexts {
		if c.Kind == kind {
			return c.Values
		}
	}
	return nil
}

func (s *Segment) setTargetList(kind segment.ContextKind, include bool, values []string) {
	users, contexts := &s.Excluded, &s.ExcludedContexts
	if include {
		users, contexts = &s.Included, &s.IncludedContexts
	}
	if isUser(kind) {
		*users = values
		return
	}
	i := slices.IndexFunc(*contexts, func(c ContextTargets) bool { return c.Kind == kind })
	switch {
	case i < 0 && len(values) > 0:
		*contexts = append(*contexts, ContextTargets{Kind: kind, Values: values})
	case i >= 0 && len(values) == 0:
		*contexts = slices.Delete(*contexts, i, i+1)
	case i >= 0:
		(*contexts)[i].Values = values
	}
}

// instructRules carries out an instruction about rules; false if it is none.
func (s *Segment) instructRules(a *arguments) bool {
	switch a.kind {
	case "addrule":
		s.Rules = append(s.Rules, a.segmentRule())
	case "removerule":
		id := a.text("ruleId")
		s.Rules = slices.DeleteFunc(s.Rules, func(r SegmentRule) bool { return r.ID == id })
	case "reorderrules":
		s.Rules = reorder(a, s.Rules, func(r SegmentRule) string { return r.ID })
	case "updateruledescription":
		if r := s.ruleOf(a); r != nil {
			r.Description = a.text("description")
		}
	case "updaterulerolloutandcontextkind":
		if r := s.ruleOf(a); r != nil {
			r.Weight = new(a.number("weight"))
			r.RolloutKind = a.contextKind("contextKind")
		}
	case "addclauses", "removeclauses", "updateclause", "addvaluestoclause", "removevaluesfromclause":
		if r := s.ruleOf(a); r != nil {
			a.editClauses(&r.Clauses)
		}
	default:
		return false
	}
	return true
}

func (s *Segment) ruleOf(a *arguments) *SegmentRule {
	id := a.text("ruleId")
	for i := range s.Rules {
		if s.Rules[i].ID == id {
			return &s.Rules[i]
		}
	}
	a.fail("segment %s has no rule %q", s.Key, clip(id))
	return nil
}

func (a *arguments) segmentRule() SegmentRule {
	r := SegmentRule{
		ID:          NewUUID(),
		Description: a.textOr("description", ""),
		Clauses:     a.clauses("clauses"),
		BucketBy:    a.textOr("bucketBy", ""),
		RolloutKind: segment.ContextKind(a.textOr("rolloutContextKind", "")),
	}
	if a.has("weight") {
		r.Weight = new(a.number("weight"))
	}
	return r
}
