package catalog

import (
	"slices"
	"strings"

	"muster/internal/fault"
	"muster/internal/segment"
)

// Normalize brings the segment into the form that is kept: ids where they are missing, sorted
// tags, context keys of kind user in the plain lists, where SDKs look for them.
func (s *Segment) Normalize() {
	s.Tags = sortedTags(s.Tags)
	if s.Unbounded {
		s.Kind = orUser(s.Kind)
	} else {
		s.Kind = ""
	}
	s.Included, s.IncludedContexts = plainUsers(s.Included, s.IncludedContexts)
	s.Excluded, s.ExcludedContexts = plainUsers(s.Excluded, s.ExcludedContexts)
	for i := range s.Rules {
		r := &s.Rules[i]
		if r.ID == "" {
			r.ID = NewUUID()
		}
		if r.RolloutKind == "" && (r.Weight != nil || r.BucketBy != "") {
			r.RolloutKind = segment.DefaultKind
		}
		normalizeClauses(r.Clauses)
	}
}

func plainUsers(users []string, contexts []ContextTargets) ([]string, []ContextTargets) {
	var kept []ContextTargets
	users = slices.Clip(users)
	for _, c := range contexts {
		if isUser(c.Kind) {
			users = append(users, c.Values...)
		} else {
			kept = append(kept, c)
		}
	}
	return users, kept
}

// Targets returns how many individual targets the segment lists.
func (s *Segment) Targets() int {
	n := len(s.Included) + len(s.Excluded)
	for _, c := range s.IncludedContexts {
		n += len(c.Values)
	}
	for _, c := range s.ExcludedContexts {
		n += len(c.Values)
	}
	return n
}

// Validate returns a sentence about the first field that can't be as it is.
func (s *Segment) Validate() error {
	if err := checkKey("segment", string(s.Key)); err != nil {
		return err
	}
	if err := checkName(s.Name); err != nil {
		return err
	}
	if err := checkText("description", s.Description, MaxDescriptionLength); err != nil {
		return err
	}
	if err := checkTags(s.Tags); err != nil {
		return err
	}
	if err := s.Guard.Validate(); err != nil {
		return err
	}
	if err := s.checkTargets(); err != nil {
		return err
	}
	return s.checkRules()
}

func (s *Segment) checkTargets() error {
	n := s.Targets()
	if s.Unbounded {
		if n > 0 {
			return fault.Invalidf("segment %s keeps its members apart; change them with POST …/segments/{project}/{environment}/%s/contexts, not with included and excluded", s.Key, s.Key)
		}
		return checkKind("unboundedContextKind", s.Kind)
	}
	if n > MaxTargets {
		return fault.Invalidf("segment %s would list %d targets; a definition holds %d at most. Import longer lists with POST …/segments/{project}/{environment}/%s/imports", s.Key, n, MaxTargets, s.Key)
	}
	if err := checkContextKeys("included", s.Included); err != nil {
		return err
	}
	if err := checkContextKeys("excluded", s.Excluded); err != nil {
		return err
	}
	if err := checkContexts("includedContexts", s.IncludedContexts); err != nil {
		return err
	}
	return checkContexts("excludedContexts", s.ExcludedContexts)
}

func checkContexts(field string, contexts []ContextTargets) error {
	for _, c := range contexts {
		if err := checkKind("contextKind in "+field, c.Kind); err != nil {
			return err
		}
		if err := checkContextKeys(field, c.Values); err != nil {
			return err
		}
	}
	return nil
}

func checkContextKeys(field string, keys []string) error {
	for _, k := range keys {
		if k == "" {
			return fault.Invalidf("%s holds an empty context key", field)
		}
		if len(k) > segment.MaxKeyBytes {
			return fault.Invalidf("%s holds a context key of %d bytes; at most %d are allowed", field, len(k), segment.MaxKeyBytes)
		}
	}
	return nil
}

func (s *Segment) checkRules() error {
	if len(s.Rules) > maxRules {
		return fault.Invalidf("rules has %d elements; at most %d are allowed", len(s.Rules), maxRules)
	}
	seen := make(map[string]bool, len(s.Rules))
	for i, r := range s.Rules {
		if seen[r.ID] {
			return fault.Invalidf("two rules have the _id %q", clip(r.ID))
		}
		seen[r.ID] = true
		if err := checkText("description of a rule", r.Description, MaxDescriptionLength); err != nil {
			return err
		}
		if r.Weight != nil && (*r.Weight < 0 || *r.Weight > maxWeight) {
			return fault.Invalidf("weight of rule %d is %d; it must be 0 to %d", i, *r.Weight, maxWeight)
		}
		if err := checkBucketBy("a rule", r.RolloutKind, r.BucketBy); err != nil {
			return err
		}
		if err := checkClauses(i, r.Clauses); err != nil {
			return err
		}
	}
	return nil
}

// Names reports whether a rule of the segment names the other segment.
func (s *Segment) Names(other segment.Key) bool {
	return slices.ContainsFunc(s.Rules, func(r SegmentRule) bool { return namesSegment(r.Clauses, other) })
}

// CheckNesting refuses rules through which the segment would contain itself. SDKs evaluate every
// flag that meets such a cycle as malformed. Segments that lookup doesn't know end the search.
func (s *Segment) CheckNesting(lookup func(segment.Key) (*Segment, bool)) error {
	seen := map[segment.Key]bool{}
	var path []string
	var visit func(at *Segment) bool
	visit = func(at *Segment) bool {
		path = append(path, string(at.Key))
		for _, r := range at.Rules {
			for _, c := range r.Clauses {
				for _, key := range c.Segments() {
					if key == s.Key {
						path = append(path, string(key))
						return true
					}
					if seen[key] {
						continue
					}
					seen[key] = true
					if next, ok := lookup(key); ok && visit(next) {
						return true
					}
				}
			}
		}
		path = path[:len(path)-1]
		return false
	}
	if visit(s) {
		return fault.Invalidf("segment %s would contain itself: %s", s.Key, strings.Join(path, " -> "))
	}
	return nil
}
