package api

import (
	"net/http"

	"muster/internal/openapi"
	"muster/internal/policy"
)

func projectRoutes() []route {
	return []route{
		{
			method: "GET", path: "/projects", actions: needs(policy.ViewProject), serve: (*server).listProjects,
			id: "getProjects", summary: "List projects", params: pages(20, filterBy("query", "tags", "keys"), sortBy(projectOrders), expandParam),
			answers: gives[collection[projectJSON]](),
		},
		{
			method: "POST", path: "/projects", actions: needs(policy.CreateProject), serve: (*server).createProject,
			id: "postProject", summary: "Create a project", takes: takes[newProjectJSON](), answers: creates[projectJSON](), fails: []int{http.StatusNotFound},
		},
		{
			method: "GET", path: atProject, actions: needs(policy.ViewProject), serve: (*server).getProject,
			id: "getProject", summary: "Get a project", params: parameters{expandParam}, answers: gives[projectJSON](),
		},
		{
			method: "PATCH", path: atProject,
			actions: needs(policy.UpdateProjectName, policy.UpdateTags, policy.UpdateDefaultClientSideAvailability),
			serve:   (*server).patchProject,
			id:      "patchProject", summary: "Change a project", takes: openapi.Patches(), answers: gives[projectJSON](),
		},
		{
			method: "DELETE", path: atProject, actions: needs(policy.DeleteProject), serve: (*server).deleteProject,
			id: "deleteProject", summary: "Delete a project with all that is in it", answers: givesNothing(),
		},
	}
}

func environmentRoutes() []route {
	return []route{
		{
			method: "GET", path: atProject + "/environments", actions: needs(policy.ViewProject), beside: needs(policy.ViewSDKKey), note: keysShown, serve: (*server).listEnvironments,
			id: "getEnvironmentsByProject", summary: "List environments", params: pages(20, filterBy("query", "tags"), sortBy(environmentOrders)),
			answers: gives[collection[environmentJSON]](),
		},
		{
			method: "POST", path: atProject + "/environments", actions: needs(policy.CreateEnvironment), note: "`viewProject` too with a `source`",
			serve: (*server).createEnvironment,
			id:    "postEnvironment", summary: "Create an environment", takes: takes[newEnvironmentJSON](), answers: creates[environmentJSON]("ETag"),
		},
		{
			method: "GET", path: atEnvironment, actions: needs(policy.ViewProject), beside: needs(policy.ViewSDKKey), note: keysShown, serve: (*server).getEnvironment,
			id: "getEnvironment", summary: "Get an environment", answers: gives[environmentJSON]("ETag"),
		},
		{
			method: "PATCH", path: atEnvironment,
			actions: needs(policy.UpdateName, policy.UpdateColor, policy.UpdateTTL, policy.UpdateSecureMode, policy.UpdateDefaultTrackEvents,
				policy.UpdateRequireComments, policy.UpdateConfirmChanges, policy.UpdateCritical, policy.UpdateTags, policy.UpdateRecordContexts),
			serve: (*server).patchEnvironment,
			id:    "patchEnvironment", summary: "Change an environment", params: parameters{ifMatchParam}, takes: openapi.Patches(), answers: gives[environmentJSON]("ETag"),
		},
		{
			method: "DELETE", path: atEnvironment, actions: needs(policy.DeleteEnvironment), serve: (*server).deleteEnvironment,
			id: "deleteEnvironment", summary: "Delete an environment with all that is in it", answers: givesNothing(),
		},
		{
			method: "POST", path: atEnvironment + "/apiKey", actions: needs(policy.UpdateAPIKey), beside: needs(policy.ViewSDKKey), note: keysShown, serve: (*server).rotateSDKKey,
			id: "resetEnvironmentSDKKey", summary: "Give an environment a new SDK key", params: parameters{expiryParam}, answers: gives[environmentJSON]("ETag"),
		},
		{
			method: "DELETE", path: atEnvironment + "/apiKey/former", actions: needs(policy.UpdateAPIKey), beside: needs(policy.ViewSDKKey), note: keysShown, serve: (*server).endFormerKeys,
			id: "deleteFormerSDKKeys", summary: "End the SDK keys of an environment from before a rotation", details: "At once, also for relays that were started with one.",
			answers: gives[environmentJSON]("ETag"),
		},
		{
			method: "POST", path: atEnvironment + "/mobileKey", actions: needs(policy.UpdateMobileKey), beside: needs(policy.ViewSDKKey), note: keysShown, serve: (*server).rotateMobileKey,
			id: "resetEnvironmentMobileKey", summary: "Give an environment a new mobile key", details: "The one before ends at once.", answers: gives[environmentJSON]("ETag"),
		},
		{
			method: "GET", path: atEnvironment + "/sdk-data", note: "administrators", serve: (*server).getSDKData,
			id: "getSdkData", summary: "Get the flags and segments of an environment as SDKs read them", answers: gives[map[string]any](), fails: []int{http.StatusForbidden},
		},
		{
			method: "PUT", path: atEnvironment + "/sdk-data", note: "administrators", serve: (*server).putSDKData,
			id: "putSdkData", summary: "Create and update flags and segments as SDKs read them", details: "One step; what the body does not name stays.",
			takes: takes[map[string]any](), answers: givesNothing(), fails: []int{http.StatusForbidden},
		},
	}
}

func contextRoutes() []route {
	return []route{
		{
			method: "GET", path: atProject + "/context-kinds", actions: needs(policy.ViewProject), serve: (*server).listContextKinds,
			id: "getContextKindsByProjectKey", summary: "List context kinds", answers: gives[collection[contextKindJSON]](),
		},
		{
			method: "PUT", path: atProject + "/context-kinds/{contextKind}",
			actions: needs(policy.CreateContextKind, policy.UpdateContextKind), note: "the one or the other", serve: (*server).putContextKind,
			id: "putContextKind", summary: "Create or change a context kind", details: "What the body lacks stays; `version` grows each time.",
			takes: takes[contextKindChangeJSON](), answers: gives[contextKindChangedJSON](),
		},
		{
			method: "POST", path: atEnvironment + "/contexts/search", actions: needs(policy.ViewProject, policy.ViewMembers), serve: (*server).searchContexts,
			id: "searchContexts", summary: "Find contexts by their keys", details: "A filter names the contexts; members of segments are not searched.",
			params: contextParams(), takes: takes[contextQuery](), spare: true, answers: gives[contextsJSON](), fails: []int{http.StatusRequestEntityTooLarge},
		},
		{
			method: "GET", path: atEnvironment + "/contexts/{contextKind}/{contextKey}", actions: needs(policy.ViewProject, policy.ViewMembers), serve: (*server).getContext,
			id: "getContexts", summary: "Show a context and the segments that include it", params: contextParams(), answers: gives[contextsJSON](),
		},
		{
			method: "GET", path: atEnvironment + "/seen-contexts", actions: needs(policy.ViewProject, policy.ViewMembers), serve: (*server).listSeenContexts,
			id: "getSeenContexts", summary: "List the contexts that SDKs sent in events", details: "The one seen last first, 10,000 at most, if the environment has `_muster.recordContexts`.",
			params: pages(maxPage, queryParam("kind", "A context kind."), queryParam("query", "What the key begins with.")), answers: gives[collection[seenContextJSON]](),
		},
		{
			method: "POST", path: atEnvironment + "/flags/evaluate", actions: needs(policy.ViewProject), serve: (*server).evaluateFlags,
			id: "evaluateContextInstance", summary: "Tell what the flags of an environment serve to a context",
			params: parameters{
				{Name: "limit", In: "query", Type: integerType, Default: -1, Doc: "How many items; `-1` is all of them."},
				offsetParam, filterBy("query", "tags", "state", "type", "maintainerId", "sdkAvailability", "creationDate"), sortBy(flagOrders("")),
			},
			takes: takes[map[string]any](), answers: gives[collection[evaluatedFlagJSON]](),
		},
		{
			method: "POST", path: atEnvironment + "/flags/{flagKey}/evaluate", actions: needs(policy.ViewProject), serve: (*server).tryFlag,
			id: "tryFlag", summary: "Tell what a flag would serve to a context", details: "With a change that is not kept, and without it.",
			takes: takes[flagTrialAskedJSON](), answers: gives[flagTrialJSON](),
		},
	}
}

// contextParams are those of both ways to find contexts.
func contextParams() parameters {
	return parameters{
		{Name: "filter", In: "query", Doc: "Conditions such as `kindKeys contains [\"user:ann\"]`."},
		{Name: "sort", In: "query", Doc: "`ts` or `-ts`."},
		{Name: "limit", In: "query", Type: integerType, Default: defaultContextLimit, Doc: "How many items, at most 50."},
		{Name: "continuationToken", In: "query", Doc: "Where the page before ended."},
		{Name: "includeTotalCount", In: "query", Type: boolType, Default: true, Doc: "Whether to count."},
	}
}

func activityRoutes() []route {
	return []route{
		{
			method: "GET", path: atEnvironment + "/summary", actions: needs(policy.ViewProject), serve: (*server).getSummary,
			id: "getEnvironmentSummary", summary: "Count what an environment has", answers: gives[summaryJSON](),
		},
		{
			method: "GET", path: atEnvironment + "/search", actions: needs(policy.ViewProject), serve: (*server).search,
			id: "searchEnvironment", summary: "Find segments and flags", details: "By key, by name, and by what a tool calls a segment; the best first. Archived flags are left out.",
			params: parameters{{Name: "q", In: "query", Required: true, Doc: "What to look for; at most 256 bytes."}, limitOf(10, maxFound)}, answers: gives[foundListJSON](), fails: []int{http.StatusRequestEntityTooLarge},
		},
		{
			method: "GET", path: atEnvironment + "/followers", actions: needs(policy.ViewProject), serve: (*server).listFollowers,
			id: "getFollowers", summary: "List who follows an environment at this moment", params: pages(maxPage), answers: gives[collection[followerJSON]](),
		},
		{
			method: "POST", path: atEnvironment + "/resync", actions: needs(policy.UpdateEnvironmentSettings), serve: (*server).resync,
			id: "resyncEnvironment", summary: "Make relays and persistent stores take all members once more",
			details: "For a store that has lost members. Relays begin within about ten seconds; nobody is without members meanwhile.",
			takes:   takes[commentJSON](), spare: true, answers: []openapi.Answer{{Status: http.StatusAccepted, Bodies: []openapi.Body{openapi.JSON[resyncJSON]()}}},
		},
		{
			method: "GET", path: atEnvironment + "/sdks", actions: needs(policy.ViewProject), serve: (*server).listSDKs,
			id: "getReportingSDKs", summary: "List the SDKs that sent events", params: pages(maxPage), answers: gives[collection[sdkJSON]](),
		},
		{
			method: "GET", path: "/usage/evaluations/{projectKey}/{environmentKey}/{flagKey}", actions: needs(policy.ViewProject), note: "beta", beta: true,
			serve: (*server).listEvaluations, id: "getEvaluationsUsage", summary: "Tell how often each variation of a flag was served",
			details: "By the hour if `from` is within the last 48 hours, else by the day. Counts are kept for seven days.",
			params: parameters{
				{Name: "from", In: "query", Type: integerType, Doc: "Where the series begins, in Unix milliseconds; 30 days ago without it."},
				{Name: "to", In: "query", Type: integerType, Doc: "Where it ends, in Unix milliseconds; now without it."},
				queryParam("tz", "The time zone whose days are meant, such as `Europe/Berlin`; UTC without it."),
			},
			answers: gives[seriesJSON](),
		},
		{
			method: "GET", path: atEnvironment + "/activity", actions: needs(policy.ViewProject), serve: (*server).watchActivity,
			id: "watchActivity", summary: "Watch what goes on in an environment",
			details: "Events: `run`, `segment`, `follower`, `call`, `export`, `catalog`, `head`, `audit`, `delivery`. `id` counts up by one from 1. Nothing is replayed.",
			answers: givesText("Server-sent events", "text/event-stream"),
		},
	}
}
