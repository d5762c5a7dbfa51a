package api

import (
	"net/http"

	"muster/internal/openapi"
	"muster/internal/policy"
)

func segmentRoutes() []route {
	return []route{
		{
			method: "GET", path: atSegments, actions: needs(policy.ViewProject), serve: (*server).listSegments,
			id: "getSegments", summary: "List segments", params: pages(20, segmentFilterParam, sortBy(segmentOrders)), answers: gives[collection[segmentJSON]](),
		},
		{
			method: "POST", path: atSegments, actions: needs(policy.CreateSegment), serve: (*server).createSegment,
			id: "postSegment", summary: "Create a segment", details: "Rules and targets come with a patch afterwards.",
			takes: takes[newSegmentJSON](), answers: creates[segmentJSON]("ETag"),
		},
		{
			method: "GET", path: atSegment, actions: needs(policy.ViewProject), serve: (*server).getSegment,
			id: "getSegment", summary: "Get a segment", answers: gives[segmentJSON]("ETag"),
		},
		{
			method: "PATCH", path: atSegment,
			actions: needs(policy.UpdateName, policy.UpdateDescription, policy.UpdateTags, policy.UpdateIncluded, policy.UpdateExcluded, policy.UpdateRules),
			serve:   (*server).patchSegment,
			id:      "patchSegment", summary: "Change a segment",
			details: "Instructions about the members of a big segment stand in a semantic patch of their own, which has no dry run.",
			params:  parameters{dryRunParam, ifMatchParam, idempotencyParam}, takes: append(openapi.Patches(), openapi.SemanticPatch()),
			answers: []openapi.Answer{{Status: http.StatusOK, Headers: []string{"ETag"}, MayHave: []string{"X-Muster-Revision"}, Bodies: takes[segmentJSON]()}},
		},
		{
			method: "DELETE", path: atSegment, actions: needs(policy.DeleteSegment), serve: (*server).deleteSegment,
			id: "deleteSegment", summary: "Delete a segment that no rule names", params: parameters{ifMatchParam}, answers: givesNothing(),
		},
		{
			method: "POST", path: atSegment + "/contexts", actions: needs(policy.UpdateIncluded, policy.UpdateExcluded), serve: (*server).editContexts,
			id: "updateBigSegmentContextTargets", summary: "Change single members of a big segment",
			params: parameters{idempotencyParam}, takes: takes[memberChangeJSON](), answers: givesNothing("X-Muster-Revision"),
		},
		{
			method: "POST", path: atSegment + "/users", actions: needs(policy.UpdateIncluded, policy.UpdateExcluded), serve: (*server).editUsers,
			id: "updateBigSegmentTargets", summary: "Change single members of a big segment of users",
			params: parameters{idempotencyParam}, takes: takes[memberChangeJSON](), answers: givesNothing("X-Muster-Revision"),
		},
		{
			method: "GET", path: atSegment + "/contexts/{contextKey}", actions: needs(policy.ViewProject), serve: (*server).getMembership,
			id: "getSegmentMembershipForContext", summary: "Tell whether a big segment has a context", answers: gives[membershipJSON](),
		},
		{
			method: "GET", path: atSegment + "/users/{contextKey}", actions: needs(policy.ViewProject), serve: (*server).getMembership,
			id: "getSegmentMembershipForUser", summary: "Tell whether a big segment has a user", answers: gives[membershipJSON](),
		},
		{
			method: "POST", path: atEnvironment + "/segments/evaluate", actions: needs(policy.ViewProject), serve: (*server).evaluateSegments,
			id: "getContextInstanceSegmentsMembershipByEnv", summary: "Tell which segments a context is in, by rules too",
			takes: takes[map[string]any](), answers: gives[evaluatedSegmentsJSON](),
		},
	}
}

func segmentMemberRoutes() []route {
	return []route{
		{
			method: "GET", path: atSegment + "/members", actions: needs(policy.ViewProject, policy.ViewMembers), serve: (*server).listSegmentMembers,
			id: "getSegmentMembers", summary: "List the members of a big segment", details: "All pages show the members of one moment, `asOf`.",
			params: parameters{
				limitOf(defaultMemberLimit, maxMemberLimit), queryParam("after", "The cursor of the next page, from `_links.next`."),
				queryParam("prefix", "Only keys that begin so."),
			},
			answers: gives[segmentMembersJSON](),
		},
		{
			method: "GET", path: atSegment + "/members/{contextKey}/timeline", actions: needs(policy.ViewProject, policy.ViewMembers), serve: (*server).getTimeline,
			id: "getSegmentMemberTimeline", summary: "Tell when a context joined and left a big segment, and by which run", answers: gives[timelineJSON](),
		},
		{
			method: "GET", path: atEnvironment + "/contexts/{contextKind}/{contextKey}/segments",
			actions: needs(policy.ViewProject, policy.ViewMembers), serve: (*server).listContextSegments,
			id: "getContextSegments", summary: "List the big segments that include a context", answers: gives[contextSegmentsJSON](),
		},
	}
}

func listRoutes() []route {
	return []route{
		{
			method: "GET", path: atSegment + "/imports", actions: needs(policy.ViewProject), serve: (*server).listImports,
			id: "getBigSegmentImports", summary: "List the imports of a segment, newest first", params: pages(defaultRunLimit), answers: gives[collection[importJSON]](),
		},
		{
			method: "POST", path: atSegment + "/imports", actions: needs(policy.UpdateIncluded), serve: (*server).startImport,
			id: "createBigSegmentImport", summary: "Import a list of context keys of any size",
			details: "`204` means that the list is on disk; `Location` leads to the import, whose `status` says when its members are visible.",
			params:  importParams, takes: importBodies,
			answers: append(givesNothing("Location"), openapi.Answer{
				Status: http.StatusOK, Description: "With `dryRun`: what the import would do", Bodies: takes[previewJSON](),
			}),
		},
		{
			method: "GET", path: atSegment + "/imports/{importId}", actions: needs(policy.ViewProject), serve: (*server).getImport,
			id: "getBigSegmentImport", summary: "Get an import", answers: gives[importJSON](),
		},
		{
			method: "GET", path: atSegment + "/exports", actions: needs(policy.ViewProject), serve: (*server).listExports,
			id: "getBigSegmentExports", summary: "List the exports of a segment, newest first", params: pages(defaultRunLimit), answers: gives[collection[exportJSON]](),
		},
		{
			method: "POST", path: atSegment + "/exports", actions: needs(policy.ViewProject, policy.ExportMembers), serve: (*server).startExport,
			id: "createBigSegmentExport", summary: "Write the keys of all included contexts to a file",
			params: parameters{
				choiceParam("format", "One key a row, or one object a line.", "csv", "ndjson"),
				queryParam("contextKind", "Of which kind, if the segment lists several."),
			},
			answers: []openapi.Answer{{Status: http.StatusOK, Description: "Begun; `Location` leads to the export", Headers: []string{"Location"}}},
		},
		{
			method: "GET", path: atSegment + "/exports/{exportId}", actions: needs(policy.ViewProject), serve: (*server).getExport,
			id: "getBigSegmentExport", summary: "Get an export", details: "The link `download` is there when it is complete.", answers: gives[exportJSON](),
		},
		{
			method: "GET", path: atSegment + "/exports/{exportId}/file", actions: needs(policy.ViewProject, policy.ExportMembers), serve: (*server).getExportFile,
			id: "getBigSegmentExportFile", summary: "Download the file of an export", details: "In parts, if `Range` asks for it.",
			answers: append(givesText("The file", "text/csv", "application/x-ndjson"), givesPart("text/csv", "application/x-ndjson")),
			fails:   []int{http.StatusRequestedRangeNotSatisfiable},
		},
	}
}

func runRoutes() []route {
	params := pages(defaultRunLimit, runStateParam, queryParam("tool", "Only the runs of the tool with this integration key."), afterParam, beforeParam)
	return []route{
		{
			method: "GET", path: atEnvironment + "/runs", actions: needs(policy.ViewProject), serve: (*server).listRuns,
			id: "getRuns", summary: "List the runs of an environment, newest first", params: params, answers: gives[collection[runJSON]](),
		},
		{
			method: "GET", path: atSegment + "/runs", actions: needs(policy.ViewProject), serve: (*server).listRuns,
			id: "getSegmentRuns", summary: "List the runs of a segment, newest first", params: params, answers: gives[collection[runJSON]](),
		},
		{
			method: "GET", path: atSegment + "/runs/{runId}", actions: needs(policy.ViewProject), serve: (*server).getRun,
			id: "getSegmentRun", summary: "Get a run", answers: gives[runJSON](),
		},
		{
			method: "GET", path: atSegment + "/runs/{runId}/diff", actions: needs(policy.ViewProject, policy.ViewMembers), serve: (*server).getRunDiff,
			id: "getSegmentRunDiff", summary: "Tell what a run did, or what the release of a held one would do", answers: gives[diffJSON](),
		},
		{
			method: "GET", path: atSegment + "/runs/{runId}/rejects", actions: needs(policy.ViewProject, policy.ViewMembers), serve: (*server).getRejects,
			id: "getSegmentRunRejects", summary: "Download the rows that an import skipped", answers: givesText("The columns `row`, `reason` and `value`", "text/csv"),
		},
		{
			method: "POST", path: atSegment + "/runs/{runId}/release", actions: needs(policy.OverrideShrinkGuard), serve: (*server).releaseRun,
			id: "releaseSegmentRun", summary: "Let a held run pass", takes: takes[commentJSON](), spare: true, answers: gives[runJSON](),
		},
		{
			method: "POST", path: atSegment + "/runs/{runId}/discard", actions: needs(policy.OverrideShrinkGuard), serve: (*server).discardRun,
			id: "discardSegmentRun", summary: "Decide against a held run", takes: takes[commentJSON](), spare: true, answers: gives[runJSON](),
		},
	}
}

func pointRoutes() []route {
	return []route{
		{
			method: "GET", path: atSegment + "/points", actions: needs(policy.ViewProject), serve: (*server).listPoints,
			id: "getSegmentPoints", summary: "List what the members of a segment are and were, newest first", params: pages(defaultRunLimit), answers: gives[collection[pointJSON]](),
		},
		{
			method: "GET", path: atSegment + "/points/{pointId}/diff", actions: needs(policy.ViewProject, policy.ViewMembers), serve: (*server).getPointDiff,
			id: "getSegmentPointDiff", summary: "Tell what publishing a point would do",
			params: parameters{queryParam("to", "The point instead of which it would be published; `current` if absent.")}, answers: gives[diffJSON](),
		},
		{
			method: "POST", path: atSegment + "/points/{pointId}/publish", actions: needs(policy.RollbackSegment), serve: (*server).publishPoint,
			id: "publishSegmentPoint", summary: "Roll a segment back to a point", takes: takes[commentJSON](), spare: true, answers: gives[publishedJSON]("X-Muster-Revision"),
		},
	}
}

func guardRoutes() []route {
	change := openapi.MergePatch("")
	return []route{
		{
			method: "GET", path: atSegment + "/guard", actions: needs(policy.ViewProject), serve: (*server).getGuard,
			id: "getSegmentGuard", summary: "Get the limits that count for the syncs of a segment", answers: gives[guardJSON](),
		},
		{
			method: "PATCH", path: atSegment + "/guard", actions: needs(policy.UpdateGuard), serve: (*server).patchGuard,
			id: "patchSegmentGuard", summary: "Set limits of a segment", details: guardDetails,
			params: parameters{dryRunParam}, takes: []openapi.Body{change}, answers: gives[guardJSON](),
		},
		{
			method: "GET", path: atEnvironment + "/guard", actions: needs(policy.ViewProject), serve: (*server).getGuard,
			id: "getEnvironmentGuard", summary: "Get the limits that the segments of an environment inherit", answers: gives[guardJSON](),
		},
		{
			method: "PATCH", path: atEnvironment + "/guard", actions: needs(policy.UpdateGuard), serve: (*server).patchGuard,
			id: "patchEnvironmentGuard", summary: "Set limits of an environment", details: guardDetails,
			params: parameters{dryRunParam}, takes: []openapi.Body{change}, answers: gives[guardJSON](),
		},
		{
			method: "GET", path: atEnvironment + "/sources/{integrationKey}/guard", actions: needs(policy.ViewProject), serve: (*server).getGuard,
			id: "getSourceGuard", summary: "Get the limits that the segments of a tool inherit", answers: gives[guardJSON](),
		},
		{
			method: "PATCH", path: atEnvironment + "/sources/{integrationKey}/guard", actions: needs(policy.UpdateGuard), serve: (*server).patchGuard,
			id: "patchSourceGuard", summary: "Set limits of a tool in an environment", details: guardDetails,
			params: parameters{dryRunParam}, takes: []openapi.Body{change}, answers: gives[guardJSON](),
		},
	}
}

const guardDetails = "The body has the limits that change. `null` turns `shrinkPercent` or `growthPercent` off; a limit that `inherited` names is left to others."
