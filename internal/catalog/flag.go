package catalog

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/fault"
	"muster/internal/segment"
)

const (
	maxVariations         = 1000
	maxCustomProperties   = 64
	maxCustomPropertyName = 64
	maxFlagTargets        = 1_000_000
)

// Normalize brings the flag into the form that is kept: ids where they are missing, sorted tags,
// targets of kind user in Targets and those of other kinds in ContextTargets.
func (f *Flag) Normalize() {
	f.Tags = sortedTags(f.Tags)
	for i := range f.Variations {
		if f.Variations[i].ID == "" {
			f.Variations[i].ID = NewUUID()
		}
	}
	for _, c := range f.Environments {
		c.normalize()
	}
}

func (c *FlagConfig) normalize() {
	c.splitTargets()
	for i := range c.Rules {
		r := &c.Rules[i]
		if r.ID == "" {
			r.ID = NewUUID()
		}
		normalizeClauses(r.Clauses)
		r.Serve.normalize()
	}
	c.Fallthrough.normalize()
}

func (s *Serve) normalize() {
	if s.Rollout != nil && s.Rollout.Context == "" {
		s.Rollout.Context = segment.DefaultKind
	}
}

func (c *FlagConfig) splitTargets() {
	var users, others []Target
	byVariation := make(map[int]int)
	join := func(t Target) {
		i, ok := byVariation[t.Variation]
		if !ok {
			byVariation[t.Variation] = len(users)
			users = append(users, Target{Kind: segment.DefaultKind, Variation: t.Variation, Values: slices.Clip(t.Values)})
			return
		}
		users[i].Values = append(users[i].Values, t.Values...)
	}
	for _, t := range c.Targets {
		if isUser(t.Kind) {
			join(t)
		} else {
			others = append(others, t)
		}
	}
	for _, t := range c.ContextTargets {
		if isUser(t.Kind) && len(t.Values) > 0 {
			join(t)
		} else {
			t.Kind = orUser(t.Kind)
			others = append(others, t)
		}
	}
	c.Targets, c.ContextTargets = users, others
}

// Validate returns a sentence about the first field that can't be as it is. What depends on other
// flags is for CheckPrerequisites.
func (f *Flag) Validate() error {
	if err := checkKey("flag", string(f.Key)); err != nil {
		return err
	}
	if err := checkName(f.Name); err != nil {
		return err
	}
	if err := checkText("description", f.Description, MaxDescriptionLength); err != nil {
		return err
	}
	if err := checkTags(f.Tags); err != nil {
		return err
	}
	if f.MaintainerID != "" && !ValidID(f.MaintainerID) {
		return fault.Invalidf("maintainerId %q must be 24 lower-case hexadecimal digits", clip(string(f.MaintainerID)))
	}
	if err := f.checkVariations(); err != nil {
		return err
	}
	if err := checkCustomProperties(f.CustomProperties); err != nil {
		return err
	}
	for _, env := range slices.Sorted(maps.Keys(f.Environments)) {
		if err := f.Environments[env].check(len(f.Variations)); err != nil {
			return fault.Invalidf("environment %s: %s", env, fault.From(err).Message)
		}
	}
	return nil
}

func (f *Flag) checkVariations() error {
	n := len(f.Variations)
	if n == 0 || n > maxVariations {
		return fault.Invalidf("variations has %d elements; a flag has 1 to %d", n, maxVariations)
	}
	ids, values := make(map[string]bool, n), make(map[string]bool, n)
	for i, v := range f.Variations {
		if first := f.Variations[0].Value; v.Value.Type() != first.Type() && (!isJSON(v.Value) || !isJSON(first)) {
			return fault.Invalidf("variation %d is a %s and variation 0 a %s; all variations of a flag have one type", i, v.Value.Type(), f.Variations[0].Value.Type())
		}
		if v.ID != "" && ids[v.ID] {
			return fault.Invalidf("two variations have the _id %q", clip(v.ID))
		}
		text := v.Value.JSONString()
		if values[text] {
			return fault.Invalidf("variation %d repeats the value %s", i, clip(text))
		}
		ids[v.ID], values[text] = true, true
		if err := checkText("name of a variation", v.Name, MaxNameLength); err != nil {
			return err
		}
		if err := checkText("description of a variation", v.Description, MaxDescriptionLength); err != nil {
			return err
		}
	}
	if err := checkIndex("defaults.onVariation", f.Defaults.On, n); err != nil {
		return err
	}
	return checkIndex("defaults.offVariation", f.Defaults.Off, n)
}

// isJSON reports whether a variation is of LaunchDarkly's type JSON, whose values may be of different
// forms.
func isJSON(v ldvalue.Value) bool {
	return v.Type() == ldvalue.ObjectType || v.Type() == ldvalue.ArrayType
}

func checkCustomProperties(ps map[string]CustomProperty) error {
	if len(ps) > maxCustomProperties {
		return fault.Invalidf("customProperties has %d elements; at most %d are allowed", len(ps), maxCustomProperties)
	}
	for key, p := range ps {
		if key == "" || len(key) > maxCustomPropertyName {
			return fault.Invalidf("custom property %q: a key has 1 to %d characters", clip(key), maxCustomPropertyName)
		}
		if err := checkText("name of custom property "+key, p.Name, maxCustomPropertyName); err != nil {
			return err
		}
		if len(p.Values) > maxCustomProperties {
			return fault.Invalidf("custom property %q has %d values; at most %d are allowed", key, len(p.Values), maxCustomProperties)
		}
	}
	return nil
}

func checkIndex(field string, i, variations int) error {
	if i < 0 || i >= variations {
		return fault.Invalidf("%s is %d, but the flag has the variations 0 to %d", field, i, variations-1)
	}
	return nil
}

func (c *FlagConfig) check(variations int) error {
	if c.OffVariation != nil {
		if err := checkIndex("offVariation", *c.OffVariation, variations); err != nil {
			return err
		}
	}
	if err := c.Fallthrough.check("fallthrough", variations); err != nil {
		return err
	}
	if err := c.checkTargets(variations); err != nil {
		return err
	}
	if len(c.Rules) > maxRules {
		return fault.Invalidf("rules has %d elements; at most %d are allowed", len(c.Rules), maxRules)
	}
	seen := make(map[string]bool, len(c.Rules))
	for i, r := range c.Rules {
		if seen[r.ID] {
			return fault.Invalidf("two rules have the _id %q", clip(r.ID))
		}
		seen[r.ID] = true
		if err := checkText("description of a rule", r.Description, MaxDescriptionLength); err != nil {
			return err
		}
		if err := r.Serve.check(fmt.Sprint("rule ", i), variations); err != nil {
			return err
		}
		if err := checkClauses(i, r.Clauses); err != nil {
			return err
		}
	}
	return nil
}

func (c *FlagConfig) checkTargets(variations int) error {
	type target struct {
		kind segment.ContextKind
		key  string
	}
	at := make(map[target]int)
	for _, t := range slices.Concat(c.Targets, c.ContextTargets) {
		if err := checkIndex("variation of a target", t.Variation, variations); err != nil {
			return err
		}
		if err := checkKind("contextKind of a target", t.Kind); err != nil {
			return err
		}
		if err := checkContextKeys("values of a target", t.Values); err != nil {
			return err
		}
		for _, v := range t.Values {
			k := target{t.Kind, v}
			if other, ok := at[k]; ok && other != t.Variation {
				return fault.Invalidf("%s %q is a target of variation %d and of variation %d; it can have one", t.Kind, clip(v), other, t.Variation)
			}
			at[k] = t.Variation
		}
		if len(at) > maxFlagTargets {
			return fault.Invalidf("the flag would have more than %d targets; use a segment", maxFlagTargets)
		}
	}
	return nil
}

func (s Serve) check(where string, variations int) error {
	switch {
	case s.Variation != nil && s.Rollout != nil:
		return fault.Invalidf("%s has a variation and a rollout; it can have one", where)
	case s.Variation != nil:
		return checkIndex("variation of "+where, *s.Variation, variations)
	case s.Rollout != nil:
		return s.Rollout.check("rollout of "+where, variations)
	}
	return fault.Invalidf("%s has neither a variation nor a rollout", where)
}

func (r *Rollout) check(where string, variations int) error {
	if r.Kind != "" && r.Kind != "rollout" && r.Kind != "experiment" {
		return fault.Invalidf("kind of %s is %q; it must be rollout or experiment", where, clip(r.Kind))
	}
	if err := checkBucketBy(where, r.Context, r.BucketBy); err != nil {
		return err
	}
	sum := 0
	for _, v := range r.Variations {
		if err := checkIndex("a variation in the "+where, v.Variation, variations); err != nil {
			return err
		}
		if v.Weight < 0 || v.Weight > maxWeight {
			return fault.Invalidf("a weight in the %s is %d; it must be 0 to %d", where, v.Weight, maxWeight)
		}
		sum += v.Weight
	}
	if sum != maxWeight {
		return fault.Invalidf("the weights of the %s sum to %d; they must sum to %d", where, sum, maxWeight)
	}
	return nil
}

// Boolean reports whether the flag is of the kind boolean: it serves true and false.
func (f *Flag) Boolean() bool {
	return len(f.Variations) == 2 && f.Variations[0].Value.Type() == ldvalue.BoolType
}

// NamesSegment reports whether a rule of the flag in env names the segment.
func (f *Flag) NamesSegment(env EnvKey, key segment.Key) bool {
	c := f.Environments[env]
	return c != nil && slices.ContainsFunc(c.Rules, func(r FlagRule) bool { return namesSegment(r.Clauses, key) })
}

// Segments yields the segments that rules of the flag in env name, one that several name as often.
func (f *Flag) Segments(env EnvKey) iter.Seq[segment.Key] {
	return func(yield func(segment.Key) bool) {
		c := f.Environments[env]
		if c == nil {
			return
		}
		for _, r := range c.Rules {
			for _, clause := range r.Clauses {
				for _, key := range clause.Segments() {
					if !yield(key) {
						return
					}
				}
			}
		}
	}
}

// NamesSegment reports whether a clause of the rule names the segment, and whether one matches whoever
// is not in it.
func (r *FlagRule) NamesSegment(key segment.Key) (named, negated bool) {
	for i := range r.Clauses {
		if namesSegment(r.Clauses[i:i+1], key) {
			named = true
			negated = negated || r.Clauses[i].Negate
		}
	}
	return named, negated
}

// TargetsKind reports whether the configuration targets contexts of a kind, one by one or by rules.
func (c *FlagConfig) TargetsKind(kind segment.ContextKind) bool {
	is := func(t Target) bool { return orUser(t.Kind) == kind && len(t.Values) > 0 }
	return slices.ContainsFunc(c.Targets, is) || slices.ContainsFunc(c.ContextTargets, is) ||
		slices.ContainsFunc(c.Rules, func(r FlagRule) bool {
			return slices.ContainsFunc(r.Clauses, func(c Clause) bool { return c.Op != SegmentMatch && orUser(c.Kind) == kind })
		})
}

// NewSalt returns a random salt for the rollouts of a flag or segment.
func NewSalt() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// NewConfig returns the configuration of the flag in an environment that knows nothing of it yet:
// off, the defaults served.
func (f *Flag) NewConfig() *FlagConfig {
	return &FlagConfig{
		Salt:         NewSalt(),
		Sel:          NewSalt(),
		Fallthrough:  Serve{Variation: new(f.Defaults.On)},
		OffVariation: new(f.Defaults.Off),
	}
}
