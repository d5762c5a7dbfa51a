package catalog

import (
	"iter"
	"slices"

	"muster/internal/fault"
	"muster/internal/segment"
)

// MaxTargets is how many targets the definition of a segment can ever hold. Every SDK receives them.
const MaxTargets = 50_000

// ListLimit says how many targets a segment may list in its definition.
type ListLimit struct {
	Targets int
	// Move lets a segment whose list grows beyond Targets become a big one; without it longer lists
	// are refused.
	Move bool
}

// DefaultListLimit is the limit of an installation that sets none.
var DefaultListLimit = ListLimit{Targets: 15_000, Move: true}

// Exceeded reports whether a segment has to become a big one.
func (l ListLimit) Exceeded(s *Segment) bool { return !s.Unbounded && s.Targets() > l.Targets }

// Check returns an error unless a segment may list the targets that it does. Before is the segment
// as it was, nil if it is new: a list that was too long already may become shorter.
func (l ListLimit) Check(before, after *Segment) error {
	switch {
	case after.Move != nil:
		return after.CheckMove(after.Move.Kind)
	case !l.Exceeded(after), before != nil && after.Targets() <= before.Targets() && l.Exceeded(before):
		return nil
	case !l.Move:
		return fault.Invalidf("segment %s would list %d targets; at most %d are allowed, because lists don't become big segments here (--big-list-threshold, --resp-listen). Create a big segment (unbounded: true) for more", after.Key, after.Targets(), l.Targets)
	}
	if err := after.CheckMove(after.firstKind()); err != nil {
		return fault.Invalidf("segment %s would list %d targets; beyond %d it becomes a big segment, but %s", after.Key, after.Targets(), l.Targets, fault.From(err).Message)
	}
	return nil
}

// TargetKind returns the context kind of the segment's targets, "user" if there are none. If they are
// of several kinds the error says so.
func (s *Segment) TargetKind() (segment.ContextKind, error) {
	kind := s.firstKind()
	for k := range s.targets() {
		if k != kind {
			return "", fault.Invalidf("the targets of segment %s are of the kinds %s and %s", s.Key, kind, k)
		}
	}
	return kind, nil
}

func (s *Segment) firstKind() segment.ContextKind {
	for k := range s.targets() {
		return k
	}
	return segment.DefaultKind
}

// targets yields the kind and the keys of each list of targets that is not empty.
func (s *Segment) targets() iter.Seq2[segment.ContextKind, []string] {
	return func(yield func(segment.ContextKind, []string) bool) {
		all := slices.Concat([]ContextTargets{{Values: s.Included}}, s.IncludedContexts, []ContextTargets{{Values: s.Excluded}}, s.ExcludedContexts)
		for _, c := range all {
			if len(c.Values) > 0 && !yield(orUser(c.Kind), c.Values) {
				return
			}
		}
	}
}

// CheckMove returns an error unless SDKs evaluate the segment as a big one of the context kind as
// they evaluate it now. SDKs ask for the members of one kind only, and they don't try the rules of a
// big segment for a context that lacks this kind.
func (s *Segment) CheckMove(kind segment.ContextKind) error {
	for k := range s.targets() {
		if k != kind {
			return fault.Invalidf("a big segment holds contexts of one kind: segment %s has targets of kind %s beside kind %s. Move them into a segment of their own", s.Key, k, kind)
		}
	}
	for i, r := range s.Rules {
		if !slices.ContainsFunc(r.Clauses, func(c Clause) bool { return c.needs(kind) }) {
			return fault.Invalidf("rule %d of segment %s can match contexts without kind %s, for which SDKs don't try the rules of a big segment. Move the rule into a segment of its own, or add a clause of kind %s", i, s.Key, kind, kind)
		}
	}
	return nil
}

// needs reports whether the clause matches only contexts that have the kind.
func (c Clause) needs(kind segment.ContextKind) bool {
	return c.Op != SegmentMatch && c.Attribute != "kind" && orUser(c.Kind) == kind
}

// IncludedOf returns the listed keys of included contexts of one kind.
func (s *Segment) IncludedOf(kind segment.ContextKind) []string { return s.targetList(kind, true) }

// SetIncluded replaces the listed keys of included contexts of one kind.
func (s *Segment) SetIncluded(kind segment.ContextKind, keys []string) {
	s.setTargetList(kind, true, keys)
}

// AddIncluded adds the keys to the listed ones of included contexts of one kind.
func (s *Segment) AddIncluded(kind segment.ContextKind, keys []string) {
	s.SetIncluded(kind, with(s.IncludedOf(kind), keys))
}

// RemoveIncluded takes the keys off the listed ones of included contexts of one kind.
func (s *Segment) RemoveIncluded(kind segment.ContextKind, keys []string) {
	s.SetIncluded(kind, without(s.IncludedOf(kind), keys))
}

// Members returns the targets of a list as the membership engine keeps them. They must be of one kind.
func (s *Segment) Members() *segment.Changes {
	members := new(segment.Changes)
	add := func(keys []string, contexts []ContextTargets, ops segment.Ops) {
		for _, c := range slices.Concat([]ContextTargets{{Values: keys}}, contexts) {
			for _, key := range c.Values {
				members.Append([]byte(key), ops)
			}
		}
	}
	add(s.Included, s.IncludedContexts, segment.Include)
	add(s.Excluded, s.ExcludedContexts, segment.Exclude)
	members.Compact()
	return members
}

// Moved returns the segment as a big one, with its members in the engine.
func (s *Segment) Moved() *Segment {
	c := s.Clone()
	c.Unbounded, c.Kind, c.Move = true, s.Move.Kind, nil
	c.Included, c.Excluded, c.IncludedContexts, c.ExcludedContexts = nil, nil, nil, nil
	return c
}
