package api

import (
	"muster/internal/openapi"
	"muster/internal/policy"
)

func flagRoutes() []route {
	return []route{
		{
			method: "GET", path: atFlags, actions: needs(policy.ViewProject), serve: (*server).listFlags,
			id: "getFeatureFlags", summary: "List flags", details: "Archived ones only if `archived` or `filter` asks for them.",
			params: pages(20, envParam, filterBy("query", "tags", "state", "type", "maintainerId", "sdkAvailability", "creationDate", "archived", "filterEnv", "targeting", "segmentTargeted", "contextKindTargeted", "status"), sortBy(flagOrders("")),
				queryParam("tag", "Only flags with this tag."), truthParam("archived", "Archived flags too."),
				queryParam("summary", "`0` shows targets, rules and prerequisites in full."), expandFlagsParam),
			answers: gives[collection[flagJSON]](),
		},
		{
			method: "POST", path: atFlags, actions: needs(policy.CreateFlag), beside: needs(policy.CloneFlag), note: "`cloneFlag` on the other flag too with `clone`; `viewProject` with `initialPrerequisites`",
			serve: (*server).createFlag,
			id:    "postFeatureFlag", summary: "Create a flag", params: parameters{queryParam("clone", "The key of the flag that it begins as a copy of."), envParam},
			takes: takes[newFlagJSON](), answers: creates[flagJSON]("ETag"),
		},
		{
			method: "GET", path: atFlag, actions: needs(policy.ViewProject), serve: (*server).getFlag,
			id: "getFeatureFlag", summary: "Get a flag", params: parameters{envParam}, answers: gives[flagJSON]("ETag"),
		},
		{
			method: "PATCH", path: atFlag,
			actions: needs(policy.UpdateOn, policy.UpdateTargets, policy.UpdateRules, policy.UpdateFallthrough, policy.UpdateOffVariation,
				policy.UpdatePrerequisites, policy.UpdateTrackEvents, policy.UpdateName, policy.UpdateDescription, policy.UpdateTags, policy.UpdateTemporary,
				policy.UpdateGlobalArchived, policy.UpdateDeprecated, policy.UpdateFlagVariations, policy.UpdateFlagDefaultVariations, policy.UpdateFlagCustomProperties,
				policy.UpdateClientSideFlagAvailability, policy.UpdateMaintainer, policy.DeleteFlag),
			serve: (*server).patchFlag,
			id:    "patchFeatureFlag", summary: "Change a flag", details: "`deleteFlag` must be the only instruction of a semantic patch, which answers with the flag as it was.",
			params: parameters{dryRunParam, envParam, ifMatchParam}, takes: append(openapi.Patches(), openapi.SemanticPatch()), answers: gives[flagJSON]("ETag"),
		},
		{
			method: "DELETE", path: atFlag, actions: needs(policy.DeleteFlag), serve: (*server).deleteFlag,
			id: "deleteFeatureFlag", summary: "Delete a flag that is no prerequisite", params: parameters{ifMatchParam}, answers: givesNothing(),
		},
		{
			method: "POST", path: atFlag + "/copy", note: "of the other actions those of the parts that differ",
			actions: needs(policy.CopyFlagConfigFrom, policy.CopyFlagConfigTo, policy.UpdateOn, policy.UpdateRules, policy.UpdateFallthrough,
				policy.UpdateOffVariation, policy.UpdatePrerequisites, policy.UpdateTargets),
			serve: (*server).copyFlag,
			id:    "copyFeatureFlag", summary: "Copy the configuration of a flag to another environment", details: "All of it, or what `includedActions` or `excludedActions` leave.",
			params: parameters{envParam}, takes: takes[flagCopyJSON](), answers: creates[flagJSON]("ETag"),
		},
		{
			method: "GET", path: atFlag + "/dependent-flags", actions: needs(policy.ViewProject), note: "beta", beta: true, serve: (*server).listDependents,
			id: "getDependentFlags", summary: "List the flags that have a flag as a prerequisite", answers: gives[dependentsJSON](),
		},
		{
			method: "GET", path: atFlags + "/{environmentKey}/{flagKey}/dependent-flags", actions: needs(policy.ViewProject),
			note: "beta", beta: true, serve: (*server).listDependentsIn,
			id: "getDependentFlagsByEnv", summary: "List the flags that have a flag as a prerequisite in an environment", answers: gives[dependentsInJSON](),
		},
		{
			method: "GET", path: "/flag-statuses/{projectKey}/{environmentKey}", actions: needs(policy.ViewProject), serve: (*server).listFlagStatuses,
			id: "getFeatureFlagStatuses", summary: "List how far the flags of an environment have come", answers: gives[flagStatusesJSON](),
		},
		{
			method: "GET", path: "/flag-statuses/{projectKey}/{environmentKey}/{flagKey}", actions: needs(policy.ViewProject), serve: (*server).getFlagStatus,
			id: "getFeatureFlagStatus", summary: "Tell how far a flag has come in an environment", answers: gives[flagStatusJSON](),
		},
		{
			method: "GET", path: "/flag-status/{projectKey}/{flagKey}", actions: needs(policy.ViewProject), serve: (*server).getFlagStatusEverywhere,
			id: "getFeatureFlagStatusAcrossEnvironments", summary: "Tell how far a flag has come in each environment", answers: gives[flagStatusEverywhereJSON](),
		},
	}
}
