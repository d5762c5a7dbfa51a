package admin

import (
	"maps"
	"slices"

	"muster/internal/catalog"
	"muster/internal/policy"
)

// effect is one thing that a change does, and to what.
type effect struct {
	action policy.Action
	on     policy.Resource
}

// effects is everything that a change does. An empty one changes nothing and needs no right.
type effects []effect

// when adds the action on each of the resources if the condition holds.
func (es *effects) when(changed bool, action policy.Action, on ...policy.Resource) {
	if !changed {
		return
	}
	for _, r := range on {
		*es = append(*es, effect{action, r})
	}
}

// authorise refuses the whole change if one of its effects is denied.
func (es effects) authorise(who catalog.Caller) error {
	for _, e := range es {
		if err := who.Check(e.action, e.on); err != nil {
			return err
		}
	}
	return nil
}

// accesses returns the effects as the audit log keeps them, each once.
func (es effects) accesses() []catalog.Access {
	var list []catalog.Access
	for _, e := range es {
		a := catalog.AccessTo(e.action, e.on)
		i := slices.IndexFunc(list, func(b catalog.Access) bool { return a.Action == b.Action && a.Resource == b.Resource })
		if i < 0 {
			list = append(list, a)
		} else {
			list[i] = list[i].Join(a)
		}
	}
	return list
}

func projectEffects(before, after *catalog.Project) effects {
	var es effects
	was, is := catalog.ProjectResource(before), catalog.ProjectResource(after)
	es.when(before.Name != after.Name, policy.UpdateProjectName, was)
	// Tags decide which statements match: nobody may tag their way into a wider one.
	es.when(!slices.Equal(before.Tags, after.Tags), policy.UpdateTags, was, is)
	es.when(before.DefaultAvailability != after.DefaultAvailability, policy.UpdateDefaultClientSideAvailability, was)
	for _, k := range after.ContextKinds {
		old, known := before.ContextKind(k.Key)
		on := append(slices.Clip(was), policy.Part{Kind: "context-kind", Name: string(k.Key)})
		es.when(!known, policy.CreateContextKind, on)
		es.when(known && old != k, policy.UpdateContextKind, on)
	}
	return es
}

func environmentEffects(p *catalog.Project, before, after *catalog.Environment) effects {
	var es effects
	was, is := catalog.EnvironmentResource(p, before), catalog.EnvironmentResource(p, after)
	es.when(before.Name != after.Name, policy.UpdateName, was)
	es.when(!slices.Equal(before.Tags, after.Tags), policy.UpdateTags, was, is)
	es.when(before.Critical != after.Critical, policy.UpdateCritical, was, is)
	es.when(before.Color != after.Color, policy.UpdateColor, was)
	es.when(before.DefaultTTL != after.DefaultTTL, policy.UpdateTTL, was)
	es.when(before.SecureMode != after.SecureMode, policy.UpdateSecureMode, was)
	es.when(before.DefaultTrackEvents != after.DefaultTrackEvents, policy.UpdateDefaultTrackEvents, was)
	es.when(before.RequireComments != after.RequireComments, policy.UpdateRequireComments, was)
	es.when(before.RecordContexts != after.RecordContexts, policy.UpdateRecordContexts, was)
	es.when(before.ConfirmChanges != after.ConfirmChanges, policy.UpdateConfirmChanges, was)
	sameExpiring := slices.EqualFunc(before.ExpiringSDKKeys, after.ExpiringSDKKeys, func(a, b catalog.ExpiringKey) bool {
		return a.Key == b.Key && a.Expiry.Equal(b.Expiry)
	})
	es.when(before.SDKKey != after.SDKKey || !sameExpiring, policy.UpdateAPIKey, was)
	es.when(before.MobileKey != after.MobileKey, policy.UpdateMobileKey, was)
	return es
}

func segmentEffects(p *catalog.Project, e *catalog.Environment, before, after *catalog.Segment) effects {
	var es effects
	was := catalog.SegmentResource(p, e, before.Key, before.Tags)
	is := catalog.SegmentResource(p, e, after.Key, after.Tags)
	es.when(before.Name != after.Name, policy.UpdateName, was)
	es.when(before.Description != after.Description, policy.UpdateDescription, was)
	es.when(!slices.Equal(before.Tags, after.Tags), policy.UpdateTags, was, is)
	es.when(!slices.Equal(before.Included, after.Included) ||
		!slices.EqualFunc(before.IncludedContexts, after.IncludedContexts, catalog.ContextTargets.Equal), policy.UpdateIncluded, was)
	es.when(!slices.Equal(before.Excluded, after.Excluded) ||
		!slices.EqualFunc(before.ExcludedContexts, after.ExcludedContexts, catalog.ContextTargets.Equal), policy.UpdateExcluded, was)
	es.when(!slices.EqualFunc(before.Rules, after.Rules, catalog.SegmentRule.Equal), policy.UpdateRules, was)
	return es
}

// flagEffects checks what concerns the whole flag in every environment, targeting in its own.
func flagEffects(p *catalog.Project, envs []*catalog.Environment, before, after *catalog.Flag) effects {
	var es effects
	for _, e := range envs {
		was := catalog.FlagResource(p, e, before.Key, before.Tags)
		is := catalog.FlagResource(p, e, after.Key, after.Tags)
		es.wholeFlag(was, is, before, after)
		old, now := before.Environments[e.Key], after.Environments[e.Key]
		if old != nil && now != nil {
			es.flagConfig(was, old, now)
		}
	}
	return es
}

func (es *effects) wholeFlag(was, is policy.Resource, before, after *catalog.Flag) {
	es.when(before.Name != after.Name, policy.UpdateName, was)
	es.when(before.Description != after.Description, policy.UpdateDescription, was)
	es.when(!slices.Equal(before.Tags, after.Tags), policy.UpdateTags, was, is)
	es.when(before.Temporary != after.Temporary, policy.UpdateTemporary, was)
	es.when(before.Archived != after.Archived, policy.UpdateGlobalArchived, was)
	es.when(before.Deprecated != after.Deprecated, policy.UpdateDeprecated, was)
	es.when(!slices.EqualFunc(before.Variations, after.Variations, catalog.Variation.Equal), policy.UpdateFlagVariations, was)
	es.when(before.Defaults != after.Defaults, policy.UpdateFlagDefaultVariations, was)
	es.when(!maps.EqualFunc(before.CustomProperties, after.CustomProperties, catalog.CustomProperty.Equal), policy.UpdateFlagCustomProperties, was)
	es.when(before.Availability != after.Availability, policy.UpdateClientSideFlagAvailability, was)
	es.when(before.MaintainerID != after.MaintainerID, policy.UpdateMaintainer, was)
}

func (es *effects) flagConfig(on policy.Resource, before, after *catalog.FlagConfig) {
	es.when(before.On != after.On, policy.UpdateOn, on)
	es.when(!slices.EqualFunc(before.Targets, after.Targets, catalog.Target.Equal) ||
		!slices.EqualFunc(before.ContextTargets, after.ContextTargets, catalog.Target.Equal), policy.UpdateTargets, on)
	es.when(!slices.EqualFunc(before.Rules, after.Rules, catalog.FlagRule.Equal), policy.UpdateRules, on)
	es.when(!before.Fallthrough.Equal(after.Fallthrough), policy.UpdateFallthrough, on)
	es.when(!samePointers(before.OffVariation, after.OffVariation), policy.UpdateOffVariation, on)
	es.when(!slices.Equal(before.Prerequisites, after.Prerequisites), policy.UpdatePrerequisites, on)
	es.when(before.TrackEvents != after.TrackEvents || before.TrackEventsFallthrough != after.TrackEventsFallthrough ||
		before.ExcludeFromSummaries != after.ExcludeFromSummaries || !samePointers(before.DebugEventsUntil, after.DebugEventsUntil) ||
		!samePointers(before.SamplingRatio, after.SamplingRatio), policy.UpdateTrackEvents, on)
	es.when(before.Salt != after.Salt, policy.UpdateFlagSalt, on)
	es.when(before.Migration != after.Migration || !samePointers(before.MigrationCheckRatio, after.MigrationCheckRatio), policy.UpdateFlagConfigMigrationSettings, on)
}

func tokenEffects(before, after *catalog.Token) effects {
	var es effects
	on := tokenResource(before)
	es.when(before.Name != after.Name, policy.UpdateAccessTokenName, on)
	es.when(before.Description != after.Description, policy.UpdateAccessTokenDescription, on)
	es.when(!sameGrants(before, after), policy.UpdateAccessTokenPolicy, on)
	es.when(!before.Expiry.Equal(after.Expiry), policy.UpdateAccessTokenExpiry, on)
	return es
}

func sameGrants(a, b *catalog.Token) bool {
	return a.Role == b.Role && slices.Equal(a.CustomRoles, b.CustomRoles) &&
		slices.EqualFunc(a.InlineRole, b.InlineRole, policy.Statement.Equal)
}

func roleEffects(before, after *catalog.Role) effects {
	var es effects
	on := roleResource(before.Key)
	es.when(before.Name != after.Name, policy.UpdateName, on)
	es.when(before.Description != after.Description, policy.UpdateDescription, on)
	es.when(!slices.EqualFunc(before.Policy, after.Policy, policy.Statement.Equal), policy.UpdatePolicy, on)
	es.when(before.Base != after.Base, policy.UpdateBasePermissions, on)
	return es
}

func memberEffects(before, after *catalog.Member) effects {
	var es effects
	on := memberResource(before.ID)
	es.when(before.Role != after.Role, policy.UpdateRole, on)
	es.when(!slices.Equal(before.CustomRoles, after.CustomRoles), policy.UpdateCustomRole, on)
	return es
}

func samePointers[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
