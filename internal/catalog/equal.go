package catalog

import (
	"slices"

	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
)

// Equal reports whether two context lists are the same. Like every Equal here it makes no
// difference between no list and an empty one.
func (t ContextTargets) Equal(o ContextTargets) bool {
	return t.Kind == o.Kind && slices.Equal(t.Values, o.Values)
}

// Equal reports whether two targets are the same.
func (t Target) Equal(o Target) bool {
	return t.Kind == o.Kind && t.Variation == o.Variation && slices.Equal(t.Values, o.Values)
}

// Equal reports whether two clauses are the same.
func (c Clause) Equal(o Clause) bool {
	return c.ID == o.ID && c.Kind == o.Kind && c.Attribute == o.Attribute && c.Op == o.Op && c.Negate == o.Negate &&
		slices.EqualFunc(c.Values, o.Values, ldvalue.Value.Equal)
}

// Equal reports whether two rules are the same.
func (r SegmentRule) Equal(o SegmentRule) bool {
	return r.ID == o.ID && r.Description == o.Description && r.BucketBy == o.BucketBy && r.RolloutKind == o.RolloutKind &&
		equalPointers(r.Weight, o.Weight) && slices.EqualFunc(r.Clauses, o.Clauses, Clause.Equal)
}

// Equal reports whether two rules are the same.
func (r FlagRule) Equal(o FlagRule) bool {
	return r.ID == o.ID && r.Ref == o.Ref && r.Description == o.Description && r.TrackEvents == o.TrackEvents && r.Disabled == o.Disabled &&
		r.Serve.Equal(o.Serve) && slices.EqualFunc(r.Clauses, o.Clauses, Clause.Equal)
}

// Equal reports whether two ways to serve are the same.
func (s Serve) Equal(o Serve) bool {
	if !equalPointers(s.Variation, o.Variation) || (s.Rollout == nil) != (o.Rollout == nil) {
		return false
	}
	return s.Rollout == nil || s.Rollout.equal(o.Rollout)
}

func (r *Rollout) equal(o *Rollout) bool {
	return r.Kind == o.Kind && r.Context == o.Context && r.BucketBy == o.BucketBy && equalPointers(r.Seed, o.Seed) &&
		slices.Equal(r.Variations, o.Variations) && r.ExperimentAllocation.Equal(o.ExperimentAllocation)
}

// Equal reports whether two variations are the same.
func (v Variation) Equal(o Variation) bool {
	return v.ID == o.ID && v.Name == o.Name && v.Description == o.Description && v.Value.Equal(o.Value)
}

// Equal reports whether two custom properties are the same.
func (p CustomProperty) Equal(o CustomProperty) bool {
	return p.Name == o.Name && slices.Equal(p.Values, o.Values)
}

func equalPointers[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// Equal reports whether two payload filters are the same.
func (f *PayloadFilter) Equal(o *PayloadFilter) bool {
	return f.ID == o.ID && f.Key == o.Key && f.Name == o.Name && f.Description == o.Description && slices.Equal(f.Rules, o.Rules)
}
