package api_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"muster/internal/api"
)

// decision says what one route demands of a credential.
type decision struct {
	call string // as in the routes
	// path is where a furnished account is asked, with {names} of its things; body is what is sent.
	path, body string
	form       string // content type of a body that is not JSON
	// needs are the rights that suffice, each an action and a resource. Without any one of them the
	// answer is denied, or without one that begins with "view" notFound.
	needs []string
	// holds are rights beside them that the caller would hand out; elsewhere are actions that count
	// on objects of another sort, or for another body.
	holds, elsewhere []string
	denied           int // 0: 403
	// hidden is the answer to a credential from which the object is hidden; 0: 404.
	hidden int
	beta   bool
	// endless is answered until the caller leaves.
	endless bool
	// anybody serves every access token, nobody only administrators, open needs no credential.
	anybody, nobody, open bool
}

const (
	seg   = "/segments/default/production"
	env   = "/projects/default/environments/production"
	onEnv = " proj/default:env/production"
	onBig = onEnv + ":segment/big"
	view  = "viewProject proj/default"
	sinks = "/integration-capabilities/big-segment-store"
)

// everywhere returns the right to act on the flag in every environment.
func everywhere(actions ...string) []string {
	var needs []string
	for _, a := range actions {
		needs = append(needs, a+" proj/default:env/production:flag/f", a+" proj/default:env/test:flag/f")
	}
	return needs
}

var decisions = []decision{
	{call: "GET /", path: "", open: true},
	{call: "GET /openapi.json", path: "/openapi.json", open: true},
	{call: "GET /versions", path: "/versions", anybody: true},
	{call: "GET /caller-identity", path: "/caller-identity", anybody: true},
	{call: "GET /account", path: "/account", anybody: true},
	{call: "GET /limits", path: "/limits", anybody: true},
	{call: "GET /tags", path: "/tags", anybody: true},
	{call: "GET /tools", path: "/tools", anybody: true},
	{call: "POST /verify", path: "/verify", needs: []string{"verifyStore acct"}, hidden: 403},

	{call: "GET /segments/{projectKey}/{environmentKey}", path: seg, needs: []string{view}},
	{call: "POST /segments/{projectKey}/{environmentKey}", path: seg, body: `{"key":"new","name":"New","tags":["t"]}`, needs: []string{"createSegment" + onEnv + ":segment/new;t"}},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}", path: seg + "/big", needs: []string{view}},
	{
		call: "PATCH /segments/{projectKey}/{environmentKey}/{segmentKey}", path: seg + "/small",
		body: `{"name":"N","description":"D","tags":["new"],"included":["a"],"excluded":["b"],"rules":[{"clauses":[{"attribute":"x","op":"in","values":["y"]}]}]}`,
		needs: []string{
			"updateName" + onEnv + ":segment/small", "updateDescription" + onEnv + ":segment/small", "updateTags" + onEnv + ":segment/small;old",
			"updateTags" + onEnv + ":segment/small;new", "updateIncluded" + onEnv + ":segment/small", "updateExcluded" + onEnv + ":segment/small",
			"updateRules" + onEnv + ":segment/small",
		},
	},
	{
		call: "POST /segments/{projectKey}/{environmentKey}/{segmentKey}/follow", path: seg + "/rudderstack-c/follow", body: `{"fields":["name","description"]}`,
		needs: []string{"updateName" + onEnv + ":segment/rudderstack-c", "updateDescription" + onEnv + ":segment/rudderstack-c"},
	},
	{call: "DELETE /segments/{projectKey}/{environmentKey}/{segmentKey}", path: seg + "/small", needs: []string{"deleteSegment" + onEnv + ":segment/small"}},
	{
		call: "POST /segments/{projectKey}/{environmentKey}/{segmentKey}/contexts", path: seg + "/big/contexts", body: `{"included":{"add":["x"]},"excluded":{"add":["y"]}}`,
		needs: []string{"updateIncluded" + onBig, "updateExcluded" + onBig},
	},
	{
		call: "POST /segments/{projectKey}/{environmentKey}/{segmentKey}/users", path: seg + "/big/users", body: `{"included":{"remove":["a"]},"excluded":{"add":["y"]}}`,
		needs: []string{"updateIncluded" + onBig, "updateExcluded" + onBig},
	},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}/contexts/{contextKey}", path: seg + "/big/contexts/a", needs: []string{view}},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}/users/{contextKey}", path: seg + "/big/users/a", needs: []string{view}},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}/runs", path: seg + "/big/runs", needs: []string{view}},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}", path: seg + "/big/runs/{run}", needs: []string{view}},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/diff", path: seg + "/big/runs/{run}/diff", needs: []string{view, "viewMembers" + onBig}},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/diff/file", path: seg + "/big/runs/{held}/diff/file", needs: []string{view, "exportMembers" + onBig}},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/diff/contexts/{contextKey}", path: seg + "/big/runs/{held}/diff/contexts/a", needs: []string{view, "viewMembers" + onBig}},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/rejects", path: seg + "/big/runs/{run}/rejects", needs: []string{view, "viewMembers" + onBig}},
	{call: "POST /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/release", path: seg + "/big/runs/{held}/release", needs: []string{"overrideShrinkGuard" + onBig}},
	{call: "POST /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/discard", path: seg + "/big/runs/{held}/discard", needs: []string{"overrideShrinkGuard" + onBig}},
	{call: "POST /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/hold", path: seg + "/big/runs/{held}/hold", needs: []string{"overrideShrinkGuard" + onBig}},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/undo", path: seg + "/big/runs/{delta}/undo", needs: []string{"viewMembers" + onBig}},
	{call: "POST /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/undo", path: seg + "/big/runs/{delta}/undo", needs: []string{"rollbackSegment" + onBig}},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}/imports", path: seg + "/big/imports", needs: []string{view}},
	{call: "POST /segments/{projectKey}/{environmentKey}/{segmentKey}/imports", path: seg + "/big/imports", body: "x\n", form: "text/csv", needs: []string{"updateIncluded" + onBig}},
	{call: "POST /segments/{projectKey}/{environmentKey}/{segmentKey}/imports/diff/file", path: seg + "/big/imports/diff/file", body: "x\n", form: "text/csv", needs: []string{"updateIncluded" + onBig, "exportMembers" + onBig}},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}/imports/{importId}", path: seg + "/big/imports/{import}", needs: []string{view}},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}/exports", path: seg + "/big/exports", needs: []string{view}},
	{call: "POST /segments/{projectKey}/{environmentKey}/{segmentKey}/exports", path: seg + "/big/exports", needs: []string{view, "exportMembers" + onBig}},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}/exports/{exportId}", path: seg + "/big/exports/{export}", needs: []string{view}},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}/exports/{exportId}/file", path: seg + "/big/exports/{export}/file", needs: []string{view, "exportMembers" + onBig}},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}/points", path: seg + "/big/points", needs: []string{view}},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}/points/{pointId}/diff", path: seg + "/big/points/{point}/diff", needs: []string{view, "viewMembers" + onBig}},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}/points/{pointId}/diff/file", path: seg + "/big/points/{point}/diff/file", needs: []string{view, "exportMembers" + onBig}},
	{call: "POST /segments/{projectKey}/{environmentKey}/{segmentKey}/generation-moves", path: seg + "/big/generation-moves", needs: []string{"updateEnvironmentSettings" + onEnv}},
	{call: "PATCH /segments/{projectKey}/{environmentKey}/{segmentKey}/points/{pointId}", path: seg + "/big/points/{point}", body: `{"kept":true}`, needs: []string{"rollbackSegment" + onBig}},
	{call: "POST /segments/{projectKey}/{environmentKey}/{segmentKey}/points/{pointId}/publish", path: seg + "/big/points/{point}/publish", needs: []string{"rollbackSegment" + onBig}},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}/guard", path: seg + "/big/guard", needs: []string{view}},
	{call: "PATCH /segments/{projectKey}/{environmentKey}/{segmentKey}/guard", path: seg + "/big/guard", body: `{"shrinkPercent":5}`, needs: []string{"updateGuard" + onBig}},
	{call: "POST /segments/{projectKey}/{environmentKey}/{segmentKey}/guard/trial", path: seg + "/big/guard/trial", body: `{"shrinkPercent":5}`, needs: []string{view}},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}/series", path: seg + "/big/series", needs: []string{view}},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}/flags", path: seg + "/big/flags", needs: []string{view}},
	{call: "POST /projects/{projectKey}/environments/{environmentKey}/flags/{flagKey}/evaluate", path: env + "/flags/f/evaluate", body: `{"context":{"kind":"user","key":"a"}}`, needs: []string{view}},
	{call: "GET /projects/{projectKey}/environments/{environmentKey}/summary", path: env + "/summary", needs: []string{view}},
	{call: "GET /projects/{projectKey}/environments/{environmentKey}/search", path: env + "/search?q=b", needs: []string{view}},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}/members", path: seg + "/big/members", needs: []string{view, "viewMembers" + onBig}},
	{call: "GET /segments/{projectKey}/{environmentKey}/{segmentKey}/members/{contextKey}/timeline", path: seg + "/big/members/a/timeline", needs: []string{view, "viewMembers" + onBig}},

	{call: "GET /flags/{projectKey}", path: "/flags/default", needs: []string{view}},
	{call: "POST /flags/{projectKey}", path: "/flags/default", body: `{"key":"new","name":"New"}`, needs: []string{"createFlag proj/default:env/production:flag/new", "createFlag proj/default:env/test:flag/new"}},
	{call: "GET /flags/{projectKey}/{flagKey}", path: "/flags/default/f", needs: []string{view}},
	{
		call: "PATCH /flags/{projectKey}/{flagKey}", path: "/flags/default/f",
		body: `{"merge":{"name":"N","description":"D","tags":["new"],"temporary":false,"archived":true,"deprecated":true,"maintainerId":"{member}","includeInSnippet":true,
			"clientSideAvailability":{"usingEnvironmentId":true,"usingMobileKey":true},"customProperties":{"p":{"name":"P","value":["v"]}},"defaults":{"onVariation":1,"offVariation":0},
			"variations":[{"value":true,"name":"yes"},{"value":false}],
			"environments":{"production":{"on":true,"targets":[{"variation":0,"values":["a"]}],"rules":[{"variation":0,"clauses":[{"attribute":"x","op":"in","values":["y"]}]}],
				"fallthrough":{"variation":1},"offVariation":0,"prerequisites":[{"key":"g","variation":0}],"trackEvents":true}}}}`,
		needs: slices.Concat(everywhere("updateName", "updateDescription", "updateTemporary", "updateGlobalArchived", "updateDeprecated", "updateMaintainer",
			"updateClientSideFlagAvailability", "updateFlagCustomProperties", "updateFlagDefaultVariations", "updateFlagVariations"), []string{
			"updateTags proj/default:env/*:flag/f;old", "updateTags proj/default:env/*:flag/f;new",
			"updateOn proj/default:env/production:flag/f", "updateTargets proj/default:env/production:flag/f", "updateRules proj/default:env/production:flag/f",
			"updateFallthrough proj/default:env/production:flag/f", "updateOffVariation proj/default:env/production:flag/f",
			"updatePrerequisites proj/default:env/production:flag/f", "updateTrackEvents proj/default:env/production:flag/f",
		}),
		elsewhere: []string{"deleteFlag"},
	},
	{call: "DELETE /flags/{projectKey}/{flagKey}", path: "/flags/default/f", needs: everywhere("deleteFlag")},
	{
		call: "POST /flags/{projectKey}/{flagKey}/copy", path: "/flags/default/f/copy", body: `{"source":{"key":"test"},"target":{"key":"production"}}`,
		needs: []string{
			"copyFlagConfigFrom proj/default:env/test:flag/f", "copyFlagConfigTo proj/default:env/production:flag/f", "updateOn proj/default:env/production:flag/f",
			"updateRules proj/default:env/production:flag/f", "updateFallthrough proj/default:env/production:flag/f", "updateOffVariation proj/default:env/production:flag/f",
			"updatePrerequisites proj/default:env/production:flag/f", "updateTargets proj/default:env/production:flag/f",
		},
	},
	{call: "GET /flags/{projectKey}/{flagKey}/dependent-flags", path: "/flags/default/g/dependent-flags", beta: true, needs: []string{view}},
	{call: "GET /flags/{projectKey}/{environmentKey}/{flagKey}/dependent-flags", path: "/flags/default/test/g/dependent-flags", beta: true, needs: []string{view}},
	{call: "GET /flag-statuses/{projectKey}/{environmentKey}", path: "/flag-statuses/default/production", needs: []string{view}},
	{call: "GET /flag-statuses/{projectKey}/{environmentKey}/{flagKey}", path: "/flag-statuses/default/production/f", needs: []string{view}},
	{call: "GET /flag-status/{projectKey}/{flagKey}", path: "/flag-status/default/f", needs: []string{view}},
	{call: "GET /usage/evaluations/{projectKey}/{environmentKey}/{flagKey}", path: "/usage/evaluations/default/production/f", beta: true, needs: []string{view}},

	{call: "GET /projects", path: "/projects", anybody: true},
	{call: "POST /projects", path: "/projects", body: `{"key":"new","name":"New","tags":["t"]}`, needs: []string{"createProject proj/new;t"}},
	{call: "GET /projects/{projectKey}", path: "/projects/default", needs: []string{view}},
	{
		call: "PATCH /projects/{projectKey}", path: "/projects/default",
		body:  `{"name":"N","tags":["new"],"includeInSnippetByDefault":true,"defaultClientSideAvailability":{"usingEnvironmentId":true,"usingMobileKey":true}}`,
		needs: []string{"updateProjectName proj/default", "updateTags proj/default;old", "updateTags proj/default;new", "updateDefaultClientSideAvailability proj/default"},
	},
	{call: "DELETE /projects/{projectKey}", path: "/projects/default", needs: []string{"deleteProject proj/default"}},
	{call: "GET /projects/{projectKey}/payload-filters", path: "/projects/default/payload-filters", needs: []string{view}},
	{
		call: "POST /projects/{projectKey}/payload-filters", path: "/projects/default/payload-filters", body: `{"key":"new","name":"New","rules":[]}`,
		needs: []string{"createPayloadFilter proj/default:payload-filter/new"},
	},
	{call: "GET /projects/{projectKey}/payload-filters/{payloadFilterKey}", path: "/projects/default/payload-filters/web", needs: []string{view}},
	{
		call: "PATCH /projects/{projectKey}/payload-filters/{payloadFilterKey}", path: "/projects/default/payload-filters/web", body: `{"name":"N","description":"D","rules":[]}`,
		needs: []string{"updatePayloadFilter proj/default:payload-filter/web"},
	},
	{
		call: "DELETE /projects/{projectKey}/payload-filters/{payloadFilterKey}", path: "/projects/default/payload-filters/web",
		needs: []string{"deletePayloadFilter proj/default:payload-filter/web"},
	},
	{call: "GET /projects/{projectKey}/context-kinds", path: "/projects/default/context-kinds", needs: []string{view}},
	{
		call: "PUT /projects/{projectKey}/context-kinds/{contextKind}", path: "/projects/default/context-kinds/org", body: `{"name":"Org"}`,
		needs: []string{"createContextKind proj/default:context-kind/org"}, elsewhere: []string{"updateContextKind"},
	},
	{call: "GET /projects/{projectKey}/environments", path: "/projects/default/environments", needs: []string{view}},
	{call: "POST /projects/{projectKey}/environments", path: "/projects/default/environments", body: `{"key":"new","name":"New","color":"aaaaaa","critical":true}`, needs: []string{"createEnvironment proj/default:env/new;{critical:true}"}},
	{call: "GET /projects/{projectKey}/environments/{environmentKey}", path: env, needs: []string{view}},
	{
		call: "PATCH /projects/{projectKey}/environments/{environmentKey}", path: env,
		body: `{"name":"N","color":"bbbbbb","defaultTtl":5,"secureMode":true,"defaultTrackEvents":true,"requireComments":true,"confirmChanges":true,"critical":true,"tags":["new"],"_muster":{"recordContexts":true}}`,
		needs: []string{
			"updateRecordContexts" + onEnv, "updateName" + onEnv, "updateColor" + onEnv, "updateTtl" + onEnv, "updateSecureMode" + onEnv, "updateDefaultTrackEvents" + onEnv, "updateRequireComments" + onEnv,
			"updateConfirmChanges" + onEnv, "updateCritical" + onEnv + ";{critical:false}", "updateCritical" + onEnv + ";{critical:true}", "updateTags" + onEnv + ";{critical:false}", "updateTags" + onEnv + ";new",
		},
	},
	{call: "DELETE /projects/{projectKey}/environments/{environmentKey}", path: env, needs: []string{"deleteEnvironment" + onEnv}},
	{call: "POST /projects/{projectKey}/environments/{environmentKey}/apiKey", path: env + "/apiKey", needs: []string{"updateApiKey" + onEnv}},
	{call: "DELETE /projects/{projectKey}/environments/{environmentKey}/apiKey/former", path: env + "/apiKey/former", needs: []string{"updateApiKey" + onEnv}},
	{call: "POST /projects/{projectKey}/environments/{environmentKey}/mobileKey", path: env + "/mobileKey", needs: []string{"updateMobileKey" + onEnv}},
	{call: "GET /projects/{projectKey}/environments/{environmentKey}/guard", path: env + "/guard", needs: []string{view}},
	{call: "PATCH /projects/{projectKey}/environments/{environmentKey}/guard", path: env + "/guard", body: `{"shrinkPercent":5}`, needs: []string{"updateGuard" + onEnv + ":segment/*"}},
	{call: "POST /projects/{projectKey}/environments/{environmentKey}/guard/trial", path: env + "/guard/trial", body: `{"shrinkPercent":5}`, needs: []string{view}},
	{
		call: "POST /projects/{projectKey}/environments/{environmentKey}/sources/{integrationKey}/guard/trial", path: env + "/sources/amplitude/guard/trial",
		body: `{"shrinkPercent":5}`, needs: []string{view},
	},
	{call: "GET /projects/{projectKey}/environments/{environmentKey}/sources/{integrationKey}/guard", path: env + "/sources/amplitude/guard", needs: []string{view}},
	{
		call: "PATCH /projects/{projectKey}/environments/{environmentKey}/sources/{integrationKey}/guard", path: env + "/sources/amplitude/guard",
		body: `{"shrinkPercent":5}`, needs: []string{"updateGuard" + onEnv + ":segment/*"},
	},
	{call: "GET /projects/{projectKey}/environments/{environmentKey}/sources", path: env + "/sources", needs: []string{view}},
	{call: "GET /projects/{projectKey}/environments/{environmentKey}/sources/{integrationKey}", path: env + "/sources/amplitude", needs: []string{view}},
	{
		call: "PATCH /projects/{projectKey}/environments/{environmentKey}/sources/{integrationKey}", path: env + "/sources/amplitude",
		body: `{"name":"N","connected":false}`, needs: []string{view, "updateEnvironmentSettings" + onEnv},
	},
	{
		call: "DELETE /projects/{projectKey}/environments/{environmentKey}/sources/{integrationKey}", path: env + "/sources/heap-inbound",
		needs: []string{view, "updateEnvironmentSettings" + onEnv},
	},
	{call: "GET /projects/{projectKey}/environments/{environmentKey}/runs", path: env + "/runs", needs: []string{view}},
	{call: "GET /projects/{projectKey}/environments/{environmentKey}/contexts/{contextKind}/{contextKey}/segments", path: env + "/contexts/user/a/segments", needs: []string{view, "viewMembers" + onBig}},
	{call: "GET /projects/{projectKey}/environments/{environmentKey}/contexts/{contextKind}/{contextKey}/timeline", path: env + "/contexts/user/a/timeline", needs: []string{view, "viewMembers" + onBig}},
	{
		call: "POST /projects/{projectKey}/environments/{environmentKey}/contexts/search", path: env + "/contexts/search", body: `{"filter":"kindKeys contains user:a"}`,
		needs: []string{view, "viewMembers" + onBig},
	},
	{call: "GET /projects/{projectKey}/environments/{environmentKey}/contexts/{contextKind}/{contextKey}", path: env + "/contexts/user/a", needs: []string{view, "viewMembers" + onBig}},
	{call: "GET /projects/{projectKey}/environments/{environmentKey}/seen-contexts", path: env + "/seen-contexts", needs: []string{view, "viewMembers" + onEnv + ":segment/*"}},
	{call: "POST /projects/{projectKey}/environments/{environmentKey}/flags/evaluate", path: env + "/flags/evaluate", body: `{"kind":"user","key":"a"}`, needs: []string{view}},
	{call: "POST /projects/{projectKey}/environments/{environmentKey}/segments/evaluate", path: env + "/segments/evaluate", body: `{"kind":"user","key":"a"}`, needs: []string{view}},
	{call: "GET /projects/{projectKey}/environments/{environmentKey}/followers", path: env + "/followers", needs: []string{view}},
	{call: "POST /projects/{projectKey}/environments/{environmentKey}/resync", path: env + "/resync", needs: []string{"updateEnvironmentSettings" + onEnv}},
	{call: "GET /projects/{projectKey}/environments/{environmentKey}/sdks", path: env + "/sdks", needs: []string{view}},
	{call: "GET /projects/{projectKey}/environments/{environmentKey}/activity", path: env + "/activity", needs: []string{view}, endless: true},
	{call: "GET /projects/{projectKey}/environments/{environmentKey}/sdk-data", path: env + "/sdk-data", nobody: true},
	{call: "PUT /projects/{projectKey}/environments/{environmentKey}/sdk-data", path: env + "/sdk-data", body: `{"flags":{},"segments":{}}`, nobody: true},

	{call: "POST /session", path: "/session", body: `{"token":"` + adminToken + `"}`, open: true},
	{call: "GET /session", path: "/session", anybody: true},
	{call: "DELETE /session", path: "/session", anybody: true},
	{call: "DELETE /session/others", path: "/session/others", anybody: true},
	{call: "GET /first-run", path: "/first-run", open: true},
	{call: "POST /first-run", path: "/first-run", body: `{"name":"Mira Okafor","email":"mira@x.test","password":"correct horse","code":"{code}"}`, open: true},
	{call: "PUT /session/password", path: "/session/password", body: `{"password":"correct horse"}`, nobody: true, hidden: 403},

	{call: "GET /tokens", path: "/tokens", anybody: true},
	{call: "POST /tokens", path: "/tokens", body: `{"name":"new","serviceToken":true,"inlineRole":[{"effect":"allow","actions":["createAccessToken"],"resources":["service-token/*"]}]}`, needs: []string{"createAccessToken service-token/*"}, hidden: 403},
	{call: "GET /tokens/{tokenId}", path: "/tokens/{token}", needs: []string{"viewAccessToken service-token/*"}},
	{
		call: "PATCH /tokens/{tokenId}", path: "/tokens/{token}", body: `{"name":"N","description":"D"}`,
		needs:     []string{"viewAccessToken service-token/*", "updateAccessTokenName service-token/{token}", "updateAccessTokenDescription service-token/{token}"},
		elsewhere: []string{"updateAccessTokenPolicy", "updateAccessTokenExpiry"},
	},
	{call: "DELETE /tokens/{tokenId}", path: "/tokens/{token}", needs: []string{"viewAccessToken service-token/*", "deleteAccessToken service-token/{token}"}},
	{call: "POST /tokens/{tokenId}/reset", path: "/tokens/{token}/reset", needs: []string{"viewAccessToken service-token/*", "resetAccessToken service-token/{token}"}, holds: []string{"updateName role/*"}},

	{call: "POST /access-check", path: "/access-check", body: `{"action":"viewProject","resource":"proj/default"}`, anybody: true},
	{call: "GET /actions", path: "/actions", anybody: true},
	{call: "GET /roles", path: "/roles", anybody: true},
	{call: "POST /roles", path: "/roles", body: `{"key":"new","name":"New","policy":[]}`, needs: []string{"createRole role/new"}, hidden: 403},
	{call: "GET /roles/{roleKey}", path: "/roles/r", needs: []string{"viewRole role/r"}},
	{
		call: "PATCH /roles/{roleKey}", path: "/roles/r", body: `{"name":"N","description":"D","policy":[],"basePermissions":"reader"}`,
		needs: []string{"updateName role/r", "updateDescription role/r", "updatePolicy role/r", "updateBasePermissions role/r"}, holds: []string{"view* *"},
	},
	{call: "DELETE /roles/{roleKey}", path: "/roles/free", needs: []string{"deleteRole role/free"}, denied: 404},

	{call: "GET /account/relay-auto-configs", path: "/account/relay-auto-configs", anybody: true},
	{
		call: "POST /account/relay-auto-configs", path: "/account/relay-auto-configs", body: `{"name":"new","policy":[{"effect":"allow","actions":["*"],"resources":["proj/default:env/*"]}]}`,
		needs: []string{"createRelayAutoConfiguration relay-proxy-config/*"}, holds: []string{"viewSdkKey proj/*:env/*"}, hidden: 403,
	},
	{call: "GET /account/relay-auto-configs/{relayConfigId}", path: "/account/relay-auto-configs/{relay}", needs: []string{"viewRelayAutoConfiguration relay-proxy-config/{relay}"}},
	{
		call: "PATCH /account/relay-auto-configs/{relayConfigId}", path: "/account/relay-auto-configs/{relay}", body: `{"name":"N","policy":[]}`,
		needs: []string{
			"viewRelayAutoConfiguration relay-proxy-config/*", "updateRelayAutoConfigurationName relay-proxy-config/{relay}",
			"updateRelayAutoConfigurationPolicy relay-proxy-config/{relay}",
		},
	},
	{
		call: "DELETE /account/relay-auto-configs/{relayConfigId}", path: "/account/relay-auto-configs/{relay}",
		needs: []string{"viewRelayAutoConfiguration relay-proxy-config/*", "deleteRelayAutoConfiguration relay-proxy-config/{relay}"},
	},
	{
		call: "POST /account/relay-auto-configs/{relayConfigId}/reset", path: "/account/relay-auto-configs/{relay}/reset",
		needs: []string{"viewRelayAutoConfiguration relay-proxy-config/*", "resetRelayAutoConfiguration relay-proxy-config/{relay}"}, holds: []string{"viewSdkKey proj/*:env/*"},
	},

	{call: "GET /integration-capabilities/big-segment-store", path: sinks, beta: true, anybody: true},
	{
		call: "POST /integration-capabilities/big-segment-store/{projectKey}/{environmentKey}/{integrationKey}", path: sinks + "/default/production/redis", beta: true,
		body: `{"config":{"host":"other"},"tags":["t"]}`, needs: []string{view, "createIntegration integration/*;t"},
	},
	{
		call: "GET /integration-capabilities/big-segment-store/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}", path: sinks + "/default/production/redis/{sink}",
		beta: true, needs: []string{view},
	},
	{
		call: "PATCH /integration-capabilities/big-segment-store/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}", path: sinks + "/default/production/redis/{sink}",
		beta: true, body: `{"name":"N","on":false,"tags":["new"],"config":{"prefix":"p"}}`,
		needs: []string{
			view, "updateName integration/{sink}", "updateOn integration/{sink}", "updateTags integration/{sink};old", "updateTags integration/{sink};new",
			"updateConfiguration integration/{sink}",
		},
	},
	{
		call: "DELETE /integration-capabilities/big-segment-store/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}", path: sinks + "/default/production/redis/{sink}",
		beta: true, needs: []string{view, "deleteIntegration integration/{sink}"},
	},
	{
		call: "POST /integration-capabilities/big-segment-store/{projectKey}/{environmentKey}/{integrationKey}/test", path: sinks + "/default/production/redis/test",
		body: `{"config":{"host":"other"},"tags":["t"]}`, needs: []string{view, "createIntegration integration/*;t"},
	},
	{
		call: "POST /integration-capabilities/big-segment-store/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}/test", path: sinks + "/default/production/redis/{sink}/test",
		needs: []string{view, "updateConfiguration integration/{sink}"},
	},
	{
		call: "POST /integration-capabilities/big-segment-store/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}/verify", path: sinks + "/default/production/redis/{sink}/verify",
		needs: []string{view, "updateConfiguration integration/{sink}"},
	},
	{
		call: "POST /integration-capabilities/big-segment-store/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}/rebuild", path: sinks + "/default/production/redis/{sink}/rebuild",
		needs: []string{view, "updateConfiguration integration/{sink}"},
	},
	{
		call: "POST /integration-capabilities/big-segment-store/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}/pause", path: sinks + "/default/production/redis/{sink}/pause",
		needs: []string{view, "updateOn integration/{sink}"},
	},
	{
		call: "POST /integration-capabilities/big-segment-store/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}/resume", path: sinks + "/default/production/redis/{sink}/resume",
		needs: []string{view, "updateOn integration/{sink}"},
	},
	{
		call: "GET /integration-capabilities/big-segment-store/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}/status", path: sinks + "/default/production/redis/{sink}/status", needs: []string{view},
	},

	{call: "GET /members", path: "/members", anybody: true},
	{call: "POST /members", path: "/members", body: `[{"email":"new@x.test","role":"no_access"}]`, needs: []string{"createMember member/*"}, hidden: 403},
	{call: "GET /members/{memberId}", path: "/members/{member}", needs: []string{"viewMember member/{member}"}},
	{
		call: "PATCH /members/{memberId}", path: "/members/{member}", body: `{"role":"no_access","customRoles":["r"]}`,
		needs: []string{"viewMember member/{member}", "updateRole member/{member}", "updateCustomRole member/{member}"}, holds: []string{"updateName role/*"},
	},
	{
		call: "PUT /members/{memberId}/password", path: "/members/{guest}/password", body: `{"password":"correct horse"}`,
		needs: []string{"viewMember member/{guest}", "updateMemberPassword member/{guest}"},
	},
	{call: "DELETE /members/{memberId}", path: "/members/{member}", needs: []string{"viewMember member/{member}", "deleteMember member/{member}"}},

	{call: "GET /webhooks", path: "/webhooks", anybody: true},
	{
		call: "POST /webhooks", path: "/webhooks", body: `{"url":"https://example.com/hook","tags":["t"]}`,
		needs: []string{"createWebhook webhook/*;t"}, holds: []string{"view* proj/*"}, hidden: 403,
	},
	{call: "GET /webhooks/{webhookId}", path: "/webhooks/{webhook}", needs: []string{"viewWebhook webhook/{webhook}"}},
	{
		call: "PATCH /webhooks/{webhookId}", path: "/webhooks/{webhook}",
		body: `{"name":"N","url":"https://example.com/other","secret":"s","statements":[{"effect":"allow","actions":["*"],"resources":["*"]}],"on":true,"tags":["new"]}`,
		needs: []string{
			"updateName webhook/{webhook}", "updateUrl webhook/{webhook}", "updateSecret webhook/{webhook}", "updateStatements webhook/{webhook}",
			"updateOn webhook/{webhook}", "updateTags webhook/*;old", "updateTags webhook/*;new",
		},
		holds: []string{"view* *"},
	},
	{call: "DELETE /webhooks/{webhookId}", path: "/webhooks/{webhook}", needs: []string{"deleteWebhook webhook/{webhook}"}, denied: 404},
	{call: "GET /webhooks/{webhookId}/deliveries", path: "/webhooks/{webhook}/deliveries", needs: []string{"viewWebhook webhook/{webhook}"}},
	{call: "POST /webhooks/{webhookId}/test", path: "/webhooks/{webhook}/test", needs: []string{"viewWebhook webhook/{webhook}", "updateOn webhook/{webhook}"}},

	{call: "GET /auditlog", path: "/auditlog", anybody: true},
	{call: "POST /auditlog", path: "/auditlog", body: `[]`, anybody: true},
	{call: "GET /auditlog/{entryId}", path: "/auditlog/{entry}", needs: []string{view}},
}

// things are what a furnished account holds, by the names that decisions use.
func furnished(t testing.TB) (*account, *strings.Replacer) {
	t.Helper()
	a := newAccount(t)
	a.must(t, 201, "", "POST", seg, `{"key":"big","name":"Big","unbounded":true}`)
	a.must(t, 201, "", "POST", seg, `{"key":"small","name":"Small","tags":["old"]}`)
	entry := a.must(t, 200, "", "GET", "/auditlog?limit=1", "").str("items.0._id")
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"f","name":"Flag","tags":["old"]}`)
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"g","name":"Other"}`)
	a.must(t, 200, "", "PATCH", "/flags/default/f", `{"environments":{"test":{"on":true,"rules":[{"variation":0,"clauses":[{"attribute":"x","op":"in","values":["y"]}]}],
		"fallthrough":{"variation":1},"offVariation":0,"prerequisites":[{"key":"g","variation":0}],"targets":[{"variation":0,"values":["a"]}]}}}`)
	a.must(t, 200, "", "PATCH", seg+"/big/guard", `{"minMembers":4}`)
	a.must(t, 200, "", "POST", environment+"/apiKey?expiry="+strconv.FormatInt(time.Now().Add(time.Hour).UnixMilli(), 10), "")
	a.must(t, 200, "", "PATCH", environment+"/sources/heap-inbound", `{"name":"Heap here"}`)
	imported := a.load(t, "", "a\nb\nc\nd\n\xff\n")
	a.decided(t, imported)
	a.decided(t, a.load(t, "?mode=replace", "a\nb\nc\nd\ne\n"))
	a.must(t, 204, "", "POST", seg+"/big/contexts", `{"included":{"add":["f"]}}`)
	delta := a.must(t, 200, "", "GET", seg+"/big/runs?limit=1", "").str("items.0._id")
	held := a.decided(t, a.load(t, "?mode=replace", "a\n")).str("runId")
	export := strings.TrimPrefix(a.must(t, 200, "", "POST", seg+"/big/exports", "").header.Get("Location"), "/api/v2")
	for a.must(t, 200, "", "GET", export, "").str("status") != "complete" {
		if t.Context().Err() != nil {
			t.Fatal("the export is never complete")
		}
	}
	location := imported.header.Get("Location")
	run := a.must(t, 200, "", "GET", strings.TrimPrefix(location, "/api/v2"), "").str("runId")
	point := a.must(t, 200, "", "GET", seg+"/big/points", "").str("items.1._id")
	a.must(t, 201, "", "POST", "/roles", `{"key":"free","name":"Free","policy":[]}`)
	a.must(t, 200, "", "PATCH", "/projects/default", `{"tags":["old"]}`)
	a.must(t, 201, "", "POST", "/projects/default/payload-filters", `{"key":"web","rules":[{"action":"include","condition":{"kind":"string-match","property":"flag-key","regex":"f"}}]}`)
	a.must(t, 201, "", "POST", "/roles", `{"key":"r","name":"Role","policy":[{"effect":"allow","actions":["updateName"],"resources":["role/*"]}]}`)
	token := a.must(t, 201, "", "POST", "/tokens", `{"name":"t","serviceToken":true,"customRoleIds":["r"]}`).str("_id")
	member := a.must(t, 201, "", "POST", "/members", `[{"email":"bob@x.test","role":"reader"}]`).str("items.0._id")
	guest := a.must(t, 201, "", "POST", "/members", `[{"email":"eve@x.test","role":"no_access"}]`).str("items.0._id")
	a.must(t, 204, "", "DELETE", "/tokens/"+a.must(t, 201, "", "POST", "/tokens", `{"name":"gone","role":"reader"}`).str("_id"), "")
	// A credential that is no administrator's makes the webhook, so that such ones may change it.
	maker := a.holder(t, []string{"createWebhook webhook/*", "view* *"})
	webhook := maker.must(t, 200, "", "POST", "/webhooks", `{"url":"http://127.0.0.1:1/","tags":["old"]}`).str("_id")
	relay := a.must(t, 201, "", "POST", "/account/relay-auto-configs", `{"name":"Relay","policy":[{"effect":"allow","actions":["*"],"resources":["proj/*:env/*"]}]}`).str("_id")
	sink := a.must(t, 201, "", "POST", sinks+"/default/production/redis", `{"name":"Redis","on":true,"config":{"host":"redis"},"tags":["old"]}`, "LD-API-Version", "beta").str("_id")
	a.push(t, "rudderstack", fmt.Sprintf(`{"environmentId":%q,"cohortId":"c","cohortName":"C","listData":{"add":[{"id":"a"}],"remove":[]}}`, clientSideID))
	last := func(path string) string { return path[strings.LastIndex(path, "/")+1:] }
	return a, strings.NewReplacer("{run}", run, "{delta}", delta, "{held}", held, "{import}", last(location), "{export}", last(export),
		"{point}", point, "{token}", token, "{member}", member, "{guest}", guest, "{webhook}", webhook, "{entry}", entry,
		"{relay}", relay, "{sink}", sink, "{code}", a.access.SetupCode())
}

// holder returns the account for a service token with these rights, each an action and a resource.
func (a *account) holder(t testing.TB, needs []string, denied ...string) *account {
	t.Helper()
	statements := []map[string]any{{"effect": "allow", "actions": []string{"nothing"}, "resources": []string{"*"}}}
	add := func(effect, need string) {
		action, resource, _ := strings.Cut(need, " ")
		statements = append(statements, map[string]any{"effect": effect, "actions": []string{action}, "resources": []string{resource}})
	}
	for _, need := range needs {
		add("allow", need)
	}
	for _, need := range denied {
		add("deny", need)
	}
	body, err := json.Marshal(map[string]any{"name": "holder", "serviceToken": true, "inlineRole": statements})
	if err != nil {
		t.Fatal(err)
	}
	return a.as(a.newToken(t, string(body)))
}

// TestWhatEachRouteDemands asks every route with exactly the rights that it needs, without each one
// of them, without any, from behind a policy that hides the object, and without a credential.
func TestWhatEachRouteDemands(t *testing.T) {
	var known []string
	for _, d := range decisions {
		known = append(known, d.call)
		t.Run(d.call, func(t *testing.T) { d.check(t) })
	}
	calls := api.Calls()
	for _, call := range calls {
		if !slices.Contains(known, call) {
			t.Errorf("no decision says what %s demands", call)
		}
	}
	for _, call := range known {
		if !slices.Contains(calls, call) {
			t.Errorf("%s is not served", call)
		}
	}
}

func (d *decision) check(t *testing.T) {
	a, names := furnished(t)
	method, _, _ := strings.Cut(d.call, " ")
	needs := make([]string, 0, len(d.needs))
	for _, need := range slices.Concat(d.needs, d.holds) {
		needs = append(needs, names.Replace(need))
	}
	ask := func(who string, from *account, want int) {
		t.Helper()
		var header []string
		if d.form != "" {
			header = []string{"Content-Type", d.form}
		}
		if d.beta {
			header = append(header, "LD-API-Version", "beta")
		}
		if d.endless {
			from = from.leaving()
		}
		got := from.call(t, method, names.Replace(d.path), names.Replace(d.body), header...)
		if success := got.status < 300; success != (want == 200) || !success && got.status != want {
			t.Errorf("%s: %d %s, want %d", who, got.status, got.text, want)
		}
	}
	if d.open {
		ask("nobody", a.as(""), 200)
		return
	}
	ask("nobody", a.as(""), 401)
	switch {
	case d.anybody:
		ask("a token without rights", a.holder(t, nil), 200)
	case d.nobody:
		ask("a token with every right", a.holder(t, []string{"* *"}), 403)
		ask("a token from which the project is hidden", a.holder(t, []string{"* *"}, view), cmp.Or(d.hidden, 404))
		ask("an administrator", a, 200)
	default:
		d.checkNeeds(t, a, needs, ask)
	}
}

// TestHEADIsGETWithoutABody asks every route that can be read.
func TestHEADIsGETWithoutABody(t *testing.T) {
	a, names := furnished(t)
	server := httptest.NewServer(a.api)
	defer server.Close()
	for _, d := range decisions {
		if !strings.HasPrefix(d.call, "GET ") || d.endless {
			continue
		}
		ask := func(method string) *http.Response {
			r, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/api/v2"+names.Replace(d.path), http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", a.token)
			r.Header.Set("LD-API-Version", "beta")
			got, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		get, head := ask("GET"), ask("HEAD")
		body, err := io.ReadAll(head.Body)
		if head.StatusCode != 200 || get.StatusCode != 200 || len(body) > 0 || err != nil || head.Header.Get("Content-Type") != get.Header.Get("Content-Type") {
			t.Errorf("%s: GET %d %s, HEAD %d %s with %d bytes, %v", d.call, get.StatusCode, get.Header.Get("Content-Type"), head.StatusCode, head.Header.Get("Content-Type"), len(body), err)
		}
		_, _ = get.Body.Close(), head.Body.Close()
	}
	// A stream has no end, but its head has.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, "HEAD", "/api/v2"+env+"/activity", http.NoBody)
	r.Header.Set("Authorization", a.token)
	w := httptest.NewRecorder()
	a.api.ServeHTTP(w, r)
	if ctx.Err() != nil || w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/event-stream") {
		t.Errorf("the head of a stream: %d %v, %v", w.Code, w.Header(), ctx.Err())
	}
}

// leaving returns the account for a caller that leaves as soon as it has asked.
func (a *account) leaving() *account {
	other := *a
	other.api = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		a.api.ServeHTTP(w, r.WithContext(ctx))
	})
	return &other
}

func (d *decision) checkNeeds(t *testing.T, a *account, needs []string, ask func(who string, from *account, want int)) {
	actions := slices.Clone(d.elsewhere)
	for _, need := range d.needs {
		action, resource, _ := strings.Cut(need, " ")
		actions = append(actions, action)
		if kind, said := api.KindOf(resource), api.On(d.call, action); !slices.Contains(said, kind) {
			t.Errorf("the reference says that it needs %s on %v; it needs it on %s", action, said, kind)
		}
	}
	slices.Sort(actions)
	actions = slices.Compact(actions)
	if want := api.Actions(d.call); !slices.Equal(actions, want) {
		t.Errorf("the reference names %v; it needs %v", want, actions)
	}
	full, refusal := d.body, 403
	if d.denied != 0 {
		refusal = d.denied
	}
	for i, need := range needs {
		want := refusal
		if strings.HasPrefix(need, "view") && !strings.HasPrefix(need, "viewMembers") && !strings.HasPrefix(need, "viewSdkKey") && !strings.HasPrefix(need, "view*") {
			want = 404
		}
		ask("without "+need, a.holder(t, slices.Delete(slices.Clone(needs), i, i+1)), want)
	}
	hidden := 404
	if d.hidden != 0 {
		hidden = d.hidden
	}
	hiding := []string{"viewProject proj/*", "* member/*", "* service-token/*", "* role/*", "* webhook/*", "* relay-proxy-config/*"}
	if hidden == 403 {
		hiding = []string{"* *"}
	}
	ask("a token from which the object is hidden", a.holder(t, []string{"* *"}, hiding...), hidden)
	if strings.HasPrefix(d.call, "PATCH ") {
		d.body = "{}"
		ask("a token that may view and changes nothing", a.holder(t, []string{"view* *"}), 200)
		d.body = full
	}
	ask("a token with what is needed", a.holder(t, needs), 200)
}
