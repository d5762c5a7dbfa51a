package catalog

import (
	"fmt"
	"slices"
	"strings"

	"muster/internal/fault"
	"muster/internal/policy"
)

// CopyParts are the actions of which each stands for a part of a configuration that a copy can take
// over or leave.
var CopyParts = []policy.Action{
	policy.UpdateOn, policy.UpdateRules, policy.UpdateFallthrough, policy.UpdateOffVariation, policy.UpdatePrerequisites, policy.UpdateTargets,
}

// CheckCopyPart refuses an action that stands for no part of a configuration.
func CheckCopyPart(part policy.Action) error {
	if !slices.Contains(CopyParts, part) {
		return fault.Invalidf("%q is no part of a flag's configuration that can be copied; use some of %s", clip(string(part)), strings.Trim(fmt.Sprint(CopyParts), "[]"))
	}
	return nil
}

// Copy takes over parts, each of them one of CopyParts, of another configuration of the same flag.
func (c *FlagConfig) Copy(from *FlagConfig, parts []policy.Action) {
	from = from.Clone()
	for _, part := range parts {
		switch part {
		case policy.UpdateOn:
			c.On = from.On
		case policy.UpdateRules:
			c.Rules = from.Rules
		case policy.UpdateFallthrough:
			c.Fallthrough = from.Fallthrough
		case policy.UpdateOffVariation:
			c.OffVariation = from.OffVariation
		case policy.UpdatePrerequisites:
			c.Prerequisites = from.Prerequisites
		case policy.UpdateTargets:
			c.Targets, c.ContextTargets = from.Targets, from.ContextTargets
		}
	}
}

// Like returns a configuration that serves what from serves and stays c otherwise. Its rollouts
// have the salt of c, so they choose anew who gets what.
func (c *FlagConfig) Like(from *FlagConfig) *FlagConfig {
	n := from.Clone()
	n.Salt, n.Sel, n.Version, n.ModifiedAt, n.ModifiedBy = c.Salt, c.Sel, c.Version, c.ModifiedAt, c.ModifiedBy
	n.DebugEventsUntil = c.DebugEventsUntil
	return n
}

// As returns a flag that serves what f serves under another key and name, with ids of its own and
// neither archived nor deprecated. Its environments are still those of f.
func (f *Flag) As(key FlagKey, name string) *Flag {
	n := f.Clone()
	n.Key, n.Name, n.Version = key, name, 1
	n.Archived, n.Deprecated = false, false
	for i := range n.Variations {
		n.Variations[i].ID = ""
	}
	for env, c := range n.Environments {
		c = n.NewConfig().Like(c)
		for i := range c.Rules {
			c.Rules[i].ID = ""
		}
		n.Environments[env] = c
	}
	return n
}

// RequirePrerequisite makes a variation of another flag, named by its id, a prerequisite in every
// environment.
func (f *Flag) RequirePrerequisite(other *Flag, variationID string) error {
	i := slices.IndexFunc(other.Variations, func(v Variation) bool { return v.ID == variationID })
	if i < 0 {
		return fault.Invalidf("variationId %q is not a variation of flag %s", clip(variationID), other.Key)
	}
	for _, c := range f.Environments {
		c.Prerequisites = append(c.Prerequisites, Prerequisite{Key: other.Key, Variation: i})
	}
	return nil
}
