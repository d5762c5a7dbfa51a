package catalog

import (
	"maps"
	"slices"

	"muster/internal/policy"
)

// Clone returns a copy that shares nothing changeable with p.
func (p *Project) Clone() *Project {
	c := *p
	c.Tags = slices.Clone(p.Tags)
	c.ContextKinds = slices.Clone(p.ContextKinds)
	c.Filters = cloneEach(p.Filters, (*PayloadFilter).Clone)
	return &c
}

// Clone returns a copy that shares nothing changeable with e.
func (e *Environment) Clone() *Environment {
	c := *e
	c.Tags = slices.Clone(e.Tags)
	c.ExpiringSDKKeys = slices.Clone(e.ExpiringSDKKeys)
	c.Guard = e.Guard.Clone()
	c.SourceGuards = cloneGuards(e.SourceGuards)
	c.Sources = maps.Clone(e.Sources)
	return &c
}

// Clone returns a copy that shares nothing changeable with s.
func (s *Segment) Clone() *Segment {
	c := *s
	c.Tags = slices.Clone(s.Tags)
	c.Included = slices.Clone(s.Included)
	c.Excluded = slices.Clone(s.Excluded)
	c.IncludedContexts = cloneEach(s.IncludedContexts, ContextTargets.clone)
	c.ExcludedContexts = cloneEach(s.ExcludedContexts, ContextTargets.clone)
	c.Rules = cloneEach(s.Rules, SegmentRule.clone)
	c.Move = clonePointer(s.Move)
	if c.Turn = clonePointer(s.Turn); c.Turn != nil {
		c.Turn.LeftOut = slices.Clone(c.Turn.LeftOut)
	}
	if c.Source = clonePointer(s.Source); c.Source != nil {
		c.Source.NameEdit = clonePointer(c.Source.NameEdit)
		c.Source.DescriptionEdit = clonePointer(c.Source.DescriptionEdit)
		c.Source.TagsEdit = clonePointer(c.Source.TagsEdit)
	}
	c.Guard = s.Guard.Clone()
	c.Hold = clonePointer(s.Hold)
	c.Discarded = clonePointer(s.Discarded)
	return &c
}

// Clone returns a copy that shares nothing changeable with f.
func (f *Flag) Clone() *Flag {
	c := *f
	c.Tags = slices.Clone(f.Tags)
	c.Variations = slices.Clone(f.Variations)
	c.CustomProperties = maps.Clone(f.CustomProperties)
	for key, p := range c.CustomProperties {
		p.Values = slices.Clone(p.Values)
		c.CustomProperties[key] = p
	}
	c.Environments = maps.Clone(f.Environments)
	for env, config := range c.Environments {
		c.Environments[env] = config.Clone()
	}
	return &c
}

// Clone returns a copy that shares nothing changeable with c.
func (c *FlagConfig) Clone() *FlagConfig {
	if c == nil {
		return nil
	}
	n := *c
	n.Targets = cloneEach(c.Targets, Target.clone)
	n.ContextTargets = cloneEach(c.ContextTargets, Target.clone)
	n.Rules = cloneEach(c.Rules, FlagRule.clone)
	n.Fallthrough = c.Fallthrough.clone()
	n.OffVariation = clonePointer(c.OffVariation)
	n.Prerequisites = slices.Clone(c.Prerequisites)
	n.DebugEventsUntil = clonePointer(c.DebugEventsUntil)
	n.MigrationCheckRatio = clonePointer(c.MigrationCheckRatio)
	n.SamplingRatio = clonePointer(c.SamplingRatio)
	return &n
}

// Clone returns a copy that shares nothing changeable with t.
func (t *Token) Clone() *Token {
	c := *t
	c.CustomRoles = slices.Clone(t.CustomRoles)
	c.InlineRole = cloneEach(t.InlineRole, policy.Statement.Clone)
	c.HashedSecret = t.clone()
	c.SignIns = slices.Clone(t.SignIns)
	return &c
}

// Clone returns a copy that shares nothing changeable with m.
func (m *Member) Clone() *Member {
	c := *m
	c.CustomRoles = slices.Clone(m.CustomRoles)
	c.SignIns = slices.Clone(m.SignIns)
	return &c
}

func (t ContextTargets) clone() ContextTargets {
	t.Values = slices.Clone(t.Values)
	return t
}

func (t Target) clone() Target {
	t.Values = slices.Clone(t.Values)
	return t
}

func (c Clause) clone() Clause {
	c.Values = slices.Clone(c.Values)
	return c
}

func (r SegmentRule) clone() SegmentRule {
	r.Clauses = cloneEach(r.Clauses, Clause.clone)
	r.Weight = clonePointer(r.Weight)
	return r
}

func (r FlagRule) clone() FlagRule {
	r.Clauses = cloneEach(r.Clauses, Clause.clone)
	r.Serve = r.Serve.clone()
	return r
}

func (s Serve) clone() Serve {
	s.Variation = clonePointer(s.Variation)
	s.Rollout = clonePointer(s.Rollout)
	if s.Rollout != nil {
		s.Rollout.Seed = clonePointer(s.Rollout.Seed)
		s.Rollout.Variations = slices.Clone(s.Rollout.Variations)
	}
	return s
}

func cloneEach[T any](list []T, clone func(T) T) []T {
	c := slices.Clone(list)
	for i := range c {
		c[i] = clone(c[i])
	}
	return c
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}
