package api

import (
	"net/http"

	"muster/internal/catalog"
	"muster/internal/policy"
)

// handler answers one request of a caller whose credential is known.
type handler func(s *server, w http.ResponseWriter, r *http.Request, who catalog.Caller) error

// route is one line of the API reference.
type route struct {
	method string
	path   string // below /api/v2, as a pattern of net/http
	// actions that a caller needs, for the reference; admin and ingest are what checks them.
	actions []policy.Action
	note    string // what beside the actions decides, for the reference
	beta    bool   // served only with LD-API-Version: beta
	open    bool   // needs no access token
	serve   handler
}

func needs(actions ...policy.Action) []policy.Action { return actions }

// routes is the whole API, in the order of its reference.
func routes() []route {
	const (
		project     = "/projects/{projectKey}"
		environment = project + "/environments/{environmentKey}"
		segments    = "/segments/{projectKey}/{environmentKey}"
		segment     = segments + "/{segmentKey}"
		flags       = "/flags/{projectKey}"
		flag        = flags + "/{flagKey}"

		keysShown = "`viewSdkKey` on the environment shows its keys in full"
		ownToken  = "the own personal ones need nothing"
		covered   = "what is handed out must be held"
		entries   = "entries that concern no project are for administrators"
		everybody = "`viewProject` on `proj/*` too, where a URL is given: a webhook is told of every project"
		secrets   = "`updateSecret` on the webhook shows its secret"
	)
	return []route{
		{method: "GET", path: "/{$}", open: true, note: "no credential", serve: (*server).getRoot},
		{method: "GET", path: "", open: true, serve: (*server).getRoot},
		{method: "GET", path: "/versions", serve: (*server).getVersions},
		{method: "GET", path: "/caller-identity", open: true, note: "any access token, SDK key or mobile key", serve: (*server).getCallerIdentity},
		{method: "GET", path: "/account", serve: (*server).getAccount},
		{method: "GET", path: "/limits", serve: (*server).getLimits},
		{method: "GET", path: "/tags", note: "of projects that may be viewed", serve: (*server).listTags},
		{method: "POST", path: "/verify", actions: needs(policy.VerifyStore), serve: (*server).verify},

		{method: "GET", path: segments, actions: needs(policy.ViewProject), serve: (*server).listSegments},
		{method: "POST", path: segments, actions: needs(policy.CreateSegment), serve: (*server).createSegment},
		{method: "GET", path: segment, actions: needs(policy.ViewProject), serve: (*server).getSegment},
		{
			method: "PATCH", path: segment,
			actions: needs(policy.UpdateName, policy.UpdateDescription, policy.UpdateTags, policy.UpdateIncluded, policy.UpdateExcluded, policy.UpdateRules),
			serve:   (*server).patchSegment,
		},
		{method: "DELETE", path: segment, actions: needs(policy.DeleteSegment), serve: (*server).deleteSegment},
		{method: "POST", path: segment + "/contexts", actions: needs(policy.UpdateIncluded, policy.UpdateExcluded), serve: (*server).editContexts},
		{method: "POST", path: segment + "/users", actions: needs(policy.UpdateIncluded, policy.UpdateExcluded), serve: (*server).editUsers},
		{method: "GET", path: segment + "/contexts/{contextKey}", actions: needs(policy.ViewProject), serve: (*server).getMembership},
		{method: "GET", path: segment + "/users/{contextKey}", actions: needs(policy.ViewProject), serve: (*server).getMembership},
		{method: "GET", path: segment + "/runs", actions: needs(policy.ViewProject), serve: (*server).listRuns},
		{method: "GET", path: segment + "/runs/{runId}", actions: needs(policy.ViewProject), serve: (*server).getRun},
		{method: "GET", path: segment + "/runs/{runId}/diff", actions: needs(policy.ViewProject, policy.ViewMembers), serve: (*server).getRunDiff},
		{method: "GET", path: segment + "/runs/{runId}/rejects", actions: needs(policy.ViewProject, policy.ViewMembers), serve: (*server).getRejects},
		{method: "POST", path: segment + "/runs/{runId}/release", actions: needs(policy.OverrideShrinkGuard), serve: (*server).releaseRun},
		{method: "POST", path: segment + "/runs/{runId}/discard", actions: needs(policy.OverrideShrinkGuard), serve: (*server).discardRun},
		{method: "GET", path: segment + "/imports", actions: needs(policy.ViewProject), serve: (*server).listImports},
		{method: "POST", path: segment + "/imports", actions: needs(policy.UpdateIncluded), serve: (*server).startImport},
		{method: "GET", path: segment + "/imports/{importId}", actions: needs(policy.ViewProject), serve: (*server).getImport},
		{method: "GET", path: segment + "/exports", actions: needs(policy.ViewProject), serve: (*server).listExports},
		{method: "POST", path: segment + "/exports", actions: needs(policy.ViewProject, policy.ExportMembers), serve: (*server).startExport},
		{method: "GET", path: segment + "/exports/{exportId}", actions: needs(policy.ViewProject), serve: (*server).getExport},
		{method: "GET", path: segment + "/exports/{exportId}/file", actions: needs(policy.ViewProject, policy.ExportMembers), serve: (*server).getExportFile},
		{method: "GET", path: segment + "/points", actions: needs(policy.ViewProject), serve: (*server).listPoints},
		{method: "GET", path: segment + "/points/{pointId}/diff", actions: needs(policy.ViewProject, policy.ViewMembers), serve: (*server).getPointDiff},
		{method: "POST", path: segment + "/points/{pointId}/publish", actions: needs(policy.RollbackSegment), serve: (*server).publishPoint},
		{method: "GET", path: segment + "/guard", actions: needs(policy.ViewProject), serve: (*server).getGuard},
		{method: "PATCH", path: segment + "/guard", actions: needs(policy.UpdateGuard), serve: (*server).patchGuard},
		{method: "GET", path: segment + "/members", actions: needs(policy.ViewProject, policy.ViewMembers), serve: (*server).listSegmentMembers},
		{method: "GET", path: segment + "/members/{contextKey}/timeline", actions: needs(policy.ViewProject, policy.ViewMembers), serve: (*server).getTimeline},

		{method: "GET", path: flags, actions: needs(policy.ViewProject), serve: (*server).listFlags},
		{method: "POST", path: flags, actions: needs(policy.CreateFlag), note: "`cloneFlag` on the other flag too with `clone`; `viewProject` with `initialPrerequisites`", serve: (*server).createFlag},
		{method: "GET", path: flag, actions: needs(policy.ViewProject), serve: (*server).getFlag},
		{
			method: "PATCH", path: flag,
			actions: needs(policy.UpdateOn, policy.UpdateTargets, policy.UpdateRules, policy.UpdateFallthrough, policy.UpdateOffVariation,
				policy.UpdatePrerequisites, policy.UpdateTrackEvents, policy.UpdateName, policy.UpdateDescription, policy.UpdateTags, policy.UpdateTemporary,
				policy.UpdateGlobalArchived, policy.UpdateDeprecated, policy.UpdateFlagVariations, policy.UpdateFlagDefaultVariations, policy.UpdateFlagCustomProperties,
				policy.UpdateClientSideFlagAvailability, policy.UpdateMaintainer, policy.DeleteFlag),
			serve: (*server).patchFlag,
		},
		{method: "DELETE", path: flag, actions: needs(policy.DeleteFlag), serve: (*server).deleteFlag},
		{
			method: "POST", path: flag + "/copy", note: "of the other actions those of the parts that differ",
			actions: needs(policy.CopyFlagConfigFrom, policy.CopyFlagConfigTo, policy.UpdateOn, policy.UpdateRules, policy.UpdateFallthrough,
				policy.UpdateOffVariation, policy.UpdatePrerequisites, policy.UpdateTargets),
			serve: (*server).copyFlag,
		},
		{method: "GET", path: flag + "/dependent-flags", actions: needs(policy.ViewProject), note: "beta", beta: true, serve: (*server).listDependents},
		{
			method: "GET", path: flags + "/{environmentKey}/{flagKey}/dependent-flags", actions: needs(policy.ViewProject),
			note: "beta", beta: true, serve: (*server).listDependentsIn,
		},
		{method: "GET", path: "/flag-statuses/{projectKey}/{environmentKey}", actions: needs(policy.ViewProject), serve: (*server).listFlagStatuses},
		{method: "GET", path: "/flag-statuses/{projectKey}/{environmentKey}/{flagKey}", actions: needs(policy.ViewProject), serve: (*server).getFlagStatus},
		{method: "GET", path: "/flag-status/{projectKey}/{flagKey}", actions: needs(policy.ViewProject), serve: (*server).getFlagStatusEverywhere},

		{method: "GET", path: "/projects", actions: needs(policy.ViewProject), serve: (*server).listProjects},
		{method: "POST", path: "/projects", actions: needs(policy.CreateProject), serve: (*server).createProject},
		{method: "GET", path: project, actions: needs(policy.ViewProject), serve: (*server).getProject},
		{
			method: "PATCH", path: project,
			actions: needs(policy.UpdateProjectName, policy.UpdateTags, policy.UpdateDefaultClientSideAvailability),
			serve:   (*server).patchProject,
		},
		{method: "DELETE", path: project, actions: needs(policy.DeleteProject), serve: (*server).deleteProject},
		{method: "GET", path: project + "/context-kinds", actions: needs(policy.ViewProject), serve: (*server).listContextKinds},
		{
			method: "PUT", path: project + "/context-kinds/{contextKind}",
			actions: needs(policy.CreateContextKind, policy.UpdateContextKind), note: "the one or the other", serve: (*server).putContextKind,
		},
		{method: "GET", path: project + "/environments", actions: needs(policy.ViewProject), note: keysShown, serve: (*server).listEnvironments},
		{method: "POST", path: project + "/environments", actions: needs(policy.CreateEnvironment), note: "`viewProject` too with a `source`", serve: (*server).createEnvironment},
		{method: "GET", path: environment, actions: needs(policy.ViewProject), note: keysShown, serve: (*server).getEnvironment},
		{
			method: "PATCH", path: environment,
			actions: needs(policy.UpdateName, policy.UpdateColor, policy.UpdateTTL, policy.UpdateSecureMode, policy.UpdateDefaultTrackEvents,
				policy.UpdateRequireComments, policy.UpdateConfirmChanges, policy.UpdateCritical, policy.UpdateTags),
			serve: (*server).patchEnvironment,
		},
		{method: "DELETE", path: environment, actions: needs(policy.DeleteEnvironment), serve: (*server).deleteEnvironment},
		{method: "POST", path: environment + "/apiKey", actions: needs(policy.UpdateAPIKey), note: keysShown, serve: (*server).rotateSDKKey},
		{method: "POST", path: environment + "/mobileKey", actions: needs(policy.UpdateMobileKey), note: keysShown, serve: (*server).rotateMobileKey},
		{method: "GET", path: environment + "/guard", actions: needs(policy.ViewProject), serve: (*server).getGuard},
		{method: "PATCH", path: environment + "/guard", actions: needs(policy.UpdateGuard), serve: (*server).patchGuard},
		{method: "GET", path: environment + "/sources/{integrationKey}/guard", actions: needs(policy.ViewProject), serve: (*server).getGuard},
		{method: "PATCH", path: environment + "/sources/{integrationKey}/guard", actions: needs(policy.UpdateGuard), serve: (*server).patchGuard},
		{method: "GET", path: environment + "/runs", actions: needs(policy.ViewProject), serve: (*server).listRuns},
		{
			method: "GET", path: environment + "/contexts/{contextKind}/{contextKey}/segments",
			actions: needs(policy.ViewProject, policy.ViewMembers), serve: (*server).listContextSegments,
		},
		{method: "POST", path: environment + "/flags/evaluate", actions: needs(policy.ViewProject), serve: (*server).evaluateFlags},
		{method: "POST", path: environment + "/segments/evaluate", actions: needs(policy.ViewProject), serve: (*server).evaluateSegments},
		{method: "GET", path: environment + "/followers", actions: needs(policy.ViewProject), serve: (*server).listFollowers},
		{method: "GET", path: environment + "/activity", actions: needs(policy.ViewProject), serve: (*server).watchActivity},
		{method: "GET", path: environment + "/sdk-data", note: "administrators", serve: (*server).getSDKData},
		{method: "PUT", path: environment + "/sdk-data", note: "administrators", serve: (*server).putSDKData},

		{method: "GET", path: "/tokens", actions: needs(policy.ViewAccessToken), note: "own personal tokens need nothing; others' with `showAll=true`, for administrators", serve: (*server).listTokens},
		{method: "POST", path: "/tokens", actions: needs(policy.CreateAccessToken), note: ownToken + "; " + covered, serve: (*server).createToken},
		{method: "GET", path: "/tokens/{tokenId}", actions: needs(policy.ViewAccessToken), note: ownToken, serve: (*server).getToken},
		{
			method: "PATCH", path: "/tokens/{tokenId}",
			actions: needs(policy.ViewAccessToken, policy.UpdateAccessTokenName, policy.UpdateAccessTokenDescription, policy.UpdateAccessTokenPolicy),
			note:    ownToken + "; " + covered + "; administrators alone change what a service token may do",
			serve:   (*server).patchToken,
		},
		{method: "DELETE", path: "/tokens/{tokenId}", actions: needs(policy.ViewAccessToken, policy.DeleteAccessToken), note: ownToken, serve: (*server).deleteToken},
		{method: "POST", path: "/tokens/{tokenId}/reset", actions: needs(policy.ViewAccessToken, policy.ResetAccessToken), note: ownToken + "; " + covered, serve: (*server).resetToken},

		{method: "GET", path: "/roles", actions: needs(policy.ViewRole), serve: (*server).listRoles},
		{method: "POST", path: "/roles", actions: needs(policy.CreateRole), note: covered, serve: (*server).createRole},
		{method: "GET", path: "/roles/{roleKey}", actions: needs(policy.ViewRole), serve: (*server).getRole},
		{
			method: "PATCH", path: "/roles/{roleKey}",
			actions: needs(policy.UpdateName, policy.UpdateDescription, policy.UpdatePolicy, policy.UpdateBasePermissions),
			note:    covered,
			serve:   (*server).patchRole,
		},
		{method: "DELETE", path: "/roles/{roleKey}", actions: needs(policy.DeleteRole), serve: (*server).deleteRole},

		{method: "GET", path: "/members", actions: needs(policy.ViewMember), serve: (*server).listMembers},
		{method: "POST", path: "/members", actions: needs(policy.CreateMember), note: covered, serve: (*server).addMembers},
		{method: "GET", path: "/members/{memberId}", actions: needs(policy.ViewMember), note: "oneself needs nothing; `me` is the caller", serve: (*server).getMember},
		{method: "PATCH", path: "/members/{memberId}", actions: needs(policy.ViewMember, policy.UpdateRole, policy.UpdateCustomRole), note: covered + "; never the owner", serve: (*server).patchMember},
		{method: "DELETE", path: "/members/{memberId}", actions: needs(policy.ViewMember, policy.DeleteMember), note: "never the owner", serve: (*server).deleteMember},

		{method: "GET", path: "/webhooks", actions: needs(policy.ViewWebhook), note: secrets, serve: (*server).listWebhooks},
		{method: "POST", path: "/webhooks", actions: needs(policy.CreateWebhook), note: everybody, serve: (*server).createWebhook},
		{method: "GET", path: "/webhooks/{webhookId}", actions: needs(policy.ViewWebhook), note: secrets, serve: (*server).getWebhook},
		{
			method: "PATCH", path: "/webhooks/{webhookId}",
			actions: needs(policy.UpdateName, policy.UpdateURL, policy.UpdateSecret, policy.UpdateStatements, policy.UpdateOn, policy.UpdateTags),
			note:    everybody,
			serve:   (*server).patchWebhook,
		},
		{method: "DELETE", path: "/webhooks/{webhookId}", actions: needs(policy.DeleteWebhook), serve: (*server).deleteWebhook},
		{method: "GET", path: "/webhooks/{webhookId}/deliveries", actions: needs(policy.ViewWebhook), serve: (*server).listDeliveries},
		{method: "POST", path: "/webhooks/{webhookId}/test", actions: needs(policy.ViewWebhook, policy.UpdateOn), serve: (*server).testWebhook},

		{method: "GET", path: "/auditlog", actions: needs(policy.ViewProject), note: entries, serve: (*server).listAudit},
		{method: "POST", path: "/auditlog", actions: needs(policy.ViewProject), note: entries, serve: (*server).searchAudit},
		{method: "GET", path: "/auditlog/{entryId}", actions: needs(policy.ViewProject), note: entries, serve: (*server).getAudit},
	}
}
