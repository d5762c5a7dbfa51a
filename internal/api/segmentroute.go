package api

import (
	"net/http"
	"slices"

	"muster/internal/openapi"
	"muster/internal/policy"
)

func segmentRoutes() []route {
	return []route{
		{
			method: "GET", path: atSegments, actions: needs(policy.ViewProject), serve: (*server).listSegments,
			id: "getSegments", summary: "List segments", params: pages(20, segmentFilterParam, sortBy(new(segmentList).orders()), expandSegmentsParam), answers: gives[collection[segmentJSON]](),
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
			method: "GET", path: atSegment + "/flags", actions: needs(policy.ViewProject), serve: (*server).listSegmentUses,
			id: "getSegmentUses", summary: "List the flags whose rules name a segment, and how", params: pages(20), answers: gives[collection[segmentUseJSON]](),
		},
		{
			method: "GET", path: atSegment + "/series", actions: needs(policy.ViewProject), serve: (*server).getSeries,
			id: "getSegmentSeries", summary: "Tell how large a big segment was, and what its runs did",
			details: "It is made of the 20,000 newest runs at most; `completeSince` says how far back they reach.",
			params:  parameters{choiceParam("range", "How far back: in steps of 15 minutes, 6 hours or a day.", "7d", "24h", "30d")}, answers: gives[sizesJSON](),
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
			method: "POST", path: atSegment + "/generation-moves", actions: needs(policy.UpdateEnvironmentSettings), serve: (*server).moveGeneration,
			id: "moveSegmentGeneration", summary: "Move a big segment to its next generation",
			details: "Relays and persistent stores take all members once more under another name, SDKs are told to ask for that, and whatever the stores held under the name before is removed. No SDK misses a member meanwhile. `_muster.generationMove` of the segment tells how far it is.",
			takes:   takes[commentJSON](), spare: true, answers: []openapi.Answer{{Status: http.StatusAccepted, Bodies: []openapi.Body{openapi.JSON[turnJSON]()}}},
		},
		{
			method: "POST", path: atSegment + "/follow", actions: needs(policy.UpdateName, policy.UpdateDescription), serve: (*server).followTool,
			id: "followSegmentTool", summary: "Let the name or the description of a synced segment follow its tool again",
			details: "They become what the tool said last, `externalName` and `externalDescription`, and later syncs change them until somebody edits them again.",
			takes:   takes[followJSON](), answers: gives[segmentJSON]("ETag"),
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
			params: parameters{
				truthParam("isMember", "Only the segments that the context is in, or only the others."),
				{Name: "limit", In: "query", Type: integerType, Default: -1, Doc: "How many items; `-1` is all of them."},
				offsetParam,
			},
			takes: takes[map[string]any](), answers: gives[collection[evaluatedSegmentJSON]](),
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
		{
			method: "GET", path: atEnvironment + "/contexts/{contextKind}/{contextKey}/timeline",
			actions: needs(policy.ViewProject, policy.ViewMembers), serve: (*server).getContextTimeline,
			id: "getContextTimeline", summary: "Tell when a context joined and left big segments, and by which run", answers: gives[contextTimelineJSON](),
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
			method: "POST", path: atSegment + "/imports/diff/file", actions: needs(policy.UpdateIncluded, policy.ExportMembers), serve: (*server).getImportChanges,
			id: "createBigSegmentImportDiffFile", summary: "Download everything that an import would do",
			details: "The same list and parameters as with `dryRun`, which tells the numbers. Nothing is changed.",
			params:  listParams, takes: importBodies, answers: givesText(columnsOfChanges, "text/csv"),
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
			id: "getRuns", summary: "List the runs of an environment, newest first",
			params: append(slices.Clip(params), queryParam("segment", "Only the runs of the segment with this key."),
				queryParam("q", "Only the runs of segments whose key or name has this text, or the name or id that their tool gives them; at most 256 bytes. Of segments that were deleted the key is known.")),
			answers: gives[collection[runJSON]](), fails: []int{http.StatusRequestEntityTooLarge},
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
			method: "GET", path: atSegment + "/runs/{runId}/diff/file", actions: needs(policy.ViewProject, policy.ExportMembers), serve: (*server).getHeldChanges,
			id: "getSegmentRunDiffFile", summary: "Download everything that the release of a held run would do",
			answers: givesText(columnsOfChanges, "text/csv"),
			fails:   []int{http.StatusConflict},
		},
		{
			method: "GET", path: atSegment + "/runs/{runId}/diff/contexts/{contextKey}", actions: needs(policy.ViewProject, policy.ViewMembers), serve: (*server).getHeldContext,
			id: "getSegmentRunDiffContext", summary: "Tell what the release of a held run would do to one context", answers: gives[heldContextJSON](),
			fails: []int{http.StatusConflict},
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
		{
			method: "POST", path: atSegment + "/runs/{runId}/hold", actions: needs(policy.OverrideShrinkGuard), serve: (*server).holdRun,
			id: "holdSegmentRun", summary: "Hold a discarded run again",
			details: "What a discarded run holds is kept for `maxHoldAgainSeconds` of the limits, or until another run is held or all members are exchanged; until then the run has the link `hold`. What was sent since stays when the run is released. A run that is held is answered as it is.",
			takes:   takes[commentJSON](), spare: true, answers: gives[runJSON](), fails: []int{http.StatusConflict},
		},
		{
			method: "GET", path: atSegment + "/runs/{runId}/undo", actions: needs(policy.ViewMembers), serve: (*server).getRunUndo,
			id: "getSegmentRunUndo", summary: "Tell what undoing a run would do", answers: gives[undoJSON](), fails: []int{http.StatusConflict},
		},
		{
			method: "POST", path: atSegment + "/runs/{runId}/undo", actions: needs(policy.RollbackSegment), serve: (*server).undoRun,
			id: "undoSegmentRun", summary: "Undo what a run changed",
			details: "Each context that a run of changes added or removed becomes what it was before, unless it was changed again since. Answers with the run that does it; asked again, with the same one. A run that exchanged all members, or whose changes the log no longer has, is not undone.",
			takes:   takes[askedUndoJSON](), spare: true, answers: gives[runJSON]("X-Muster-Revision"), fails: []int{http.StatusConflict},
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
			method: "GET", path: atSegment + "/points/{pointId}/diff/file", actions: needs(policy.ViewProject, policy.ExportMembers), serve: (*server).getPointChanges,
			id: "getSegmentPointDiffFile", summary: "Download everything that publishing a point would do",
			params:  parameters{queryParam("to", "The point instead of which it would be published; `current` if absent.")},
			answers: givesText(columnsOfChanges, "text/csv"),
		},
		{
			method: "PATCH", path: atSegment + "/points/{pointId}", actions: needs(policy.RollbackSegment), serve: (*server).keepPoint,
			id: "keepSegmentPoint", summary: "Keep a point, or let go of it",
			details: "A point that is kept stays until somebody lets go of it or the segment is deleted; of others the ten newest of 30 days are there. A segment keeps ten points at most.",
			takes:   takes[keepJSON](), answers: gives[pointJSON](), fails: []int{http.StatusConflict},
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
			method: "POST", path: atSegment + "/guard/trial", actions: needs(policy.ViewProject), serve: (*server).tryGuard,
			id: "trySegmentGuard", summary: "Tell how many of the last runs of a segment some limits would have held",
			details: trialDetails, takes: []openapi.Body{change}, answers: gives[guardTrialJSON](),
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
			method: "POST", path: atEnvironment + "/guard/trial", actions: needs(policy.ViewProject), serve: (*server).tryGuard,
			id: "tryEnvironmentGuard", summary: "Tell how many of the last runs of an environment some limits would have held",
			details: trialDetails, takes: []openapi.Body{change}, answers: gives[guardTrialJSON](),
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
		{
			method: "POST", path: atEnvironment + "/sources/{integrationKey}/guard/trial", actions: needs(policy.ViewProject), serve: (*server).tryGuard,
			id: "trySourceGuard", summary: "Tell how many of the last runs of the segments of a tool some limits would have held",
			details: trialDetails, takes: []openapi.Body{change}, answers: gives[guardTrialJSON](),
		},
	}
}

const (
	trialDetails = "The body has the form of a change of the guard, and nothing changes. Runs within the window count together, as far as they were deltas."
	guardDetails = "The body has the limits that change. `null` turns `shrinkPercent` or `growthPercent` off; a limit that `inherited` names is left to others."
)

func sourceRoutes() []route {
	const one = atEnvironment + "/sources/{integrationKey}"
	return []route{
		{
			method: "GET", path: atEnvironment + "/sources", actions: needs(policy.ViewProject), serve: (*server).listSources,
			id: "getSources", summary: "List the tools that own segments of an environment", params: pages(maxPage), answers: gives[collection[sourceJSON]](),
		},
		{
			method: "GET", path: one, actions: needs(policy.ViewProject), serve: (*server).getSource,
			id: "getSource", summary: "Get a tool as it syncs into an environment", answers: gives[sourceJSON](),
		},
		{
			method: "PATCH", path: one, actions: needs(policy.ViewProject, policy.UpdateEnvironmentSettings), serve: (*server).patchSource,
			id: "patchSource", summary: "Rename, disconnect or connect a source", details: "`connected: false` refuses the calls of the tool with `403`; its segments keep their members.",
			takes: openapi.Patches(), answers: gives[sourceJSON](),
		},
		{
			method: "DELETE", path: one, actions: needs(policy.ViewProject, policy.UpdateEnvironmentSettings), serve: (*server).deleteSource,
			id: "deleteSource", summary: "Forget a source",
			details: "Its segments stay with their members, as lists that people keep; its name and its guard are forgotten. A call of the tool whose token still works takes the segments over again.",
			answers: givesNothing(),
		},
	}
}
