package catalog

import (
	"fmt"
	"slices"

	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/fault"
	"muster/internal/segment"
)

// SegmentMatch is the operator of a clause whose values are segment keys.
const SegmentMatch = "segmentMatch"

const (
	maxRules   = 1000
	maxClauses = 1000
	// maxWeight is the whole of a rollout.
	maxWeight = 100_000
)

var operators = []string{
	"in", "endsWith", "startsWith", "matches", "contains", "lessThan", "lessThanOrEqual", "greaterThan",
	"greaterThanOrEqual", "before", "after", SegmentMatch, "semVerEqual", "semVerLessThan", "semVerGreaterThan",
}

// Segments returns the keys of the segments that the clause names.
func (c Clause) Segments() []segment.Key {
	if c.Op != SegmentMatch {
		return nil
	}
	var keys []segment.Key
	for _, v := range c.Values {
		if v.IsString() {
			keys = append(keys, segment.Key(v.StringValue()))
		}
	}
	return keys
}

func namesSegment(clauses []Clause, key segment.Key) bool {
	return slices.ContainsFunc(clauses, func(c Clause) bool { // asked of every flag, so nothing is allocated
		return c.Op == SegmentMatch && slices.ContainsFunc(c.Values, func(v ldvalue.Value) bool { return v.IsString() && v.StringValue() == string(key) })
	})
}

func normalizeClauses(cs []Clause) {
	for i := range cs {
		c := &cs[i]
		if c.ID == "" {
			c.ID = NewUUID()
		}
		if c.Kind == "" && c.Op != SegmentMatch {
			c.Kind = segment.DefaultKind
		}
	}
}

func checkClauses(rule int, cs []Clause) error {
	if len(cs) > maxClauses {
		return fault.Invalidf("rule %d has %d clauses; at most %d are allowed", rule, len(cs), maxClauses)
	}
	seen := make(map[string]bool, len(cs))
	for i, c := range cs {
		if c.ID != "" && seen[c.ID] {
			return fault.Invalidf("rule %d has two clauses with the _id %q", rule, clip(c.ID))
		}
		seen[c.ID] = true
		if err := checkClause(fmt.Sprintf("clause %d of rule %d", i, rule), c); err != nil {
			return err
		}
	}
	return nil
}

func checkClause(where string, c Clause) error {
	if !slices.Contains(operators, c.Op) {
		return fault.Invalidf("%s has the op %q, which is not an operator", where, clip(c.Op))
	}
	if c.Kind != "" {
		if err := checkKind("contextKind of "+where, c.Kind); err != nil {
			return err
		}
	}
	if c.Op == SegmentMatch {
		if slices.ContainsFunc(c.Values, func(v ldvalue.Value) bool { return !v.IsString() }) {
			return fault.Invalidf("%s has a value that is not a segment key", where)
		}
		return nil
	}
	if c.Attribute == "" {
		return fault.Invalidf("%s has no attribute", where)
	}
	if err := attributeRef(c.Kind, c.Attribute).Err(); err != nil {
		return fault.Invalidf("%s has the attribute %q: %v", where, clip(c.Attribute), err)
	}
	return nil
}

// checkBucketBy refuses an attribute that SDKs could not read.
func checkBucketBy(where string, kind segment.ContextKind, bucketBy string) error {
	if kind != "" {
		if err := checkKind("context kind of "+where, kind); err != nil {
			return err
		}
	}
	if bucketBy == "" {
		return nil
	}
	if err := attributeRef(kind, bucketBy).Err(); err != nil {
		return fault.Invalidf("%s buckets by the attribute %q: %v", where, clip(bucketBy), err)
	}
	return nil
}
