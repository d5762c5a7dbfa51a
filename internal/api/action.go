package api

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"muster/internal/catalog"
	"muster/internal/policy"
)

// resourceKindJSON is a kind of resource that policies name, with what can be asked of it.
type resourceKindJSON struct {
	Kind     string   `json:"kind" doc:"Of the last level, such as segment"`
	Resource string   `json:"resource" doc:"The specifier of all of them, such as proj/*:env/*:segment/*"`
	Actions  []string `json:"actions" doc:"Sorted"`
}

// listActions lists what a policy can name here and have it match something.
func (s *server) listActions(w http.ResponseWriter, _ *http.Request, _ catalog.Caller) error {
	kinds := resourceKinds()
	return writeJSON(w, http.StatusOK, collection[resourceKindJSON]{Items: kinds, TotalCount: len(kinds), Links: links{"self": apiLink("/actions")}})
}

// resourceKinds reads the kinds of resources and their actions off the route table, in its order.
func resourceKinds() []resourceKindJSON {
	var kinds []resourceKindJSON
	for _, rt := range routes() {
		for _, action := range slices.Concat(rt.actions, rt.beside) {
			for on := range strings.SplitSeq(rt.on(action), " or ") {
				kinds = withAction(kinds, anyName.ReplaceAllString(on, "/*"), string(action))
			}
		}
	}
	for i := range kinds {
		slices.Sort(kinds[i].Actions)
	}
	return kinds
}

// anyName is the name of a level.
var anyName = regexp.MustCompile(`/[^/:]+`)

func withAction(kinds []resourceKindJSON, resource, action string) []resourceKindJSON {
	i := slices.IndexFunc(kinds, func(k resourceKindJSON) bool { return k.Resource == resource })
	if i < 0 {
		i = len(kinds)
		kind, _, _ := strings.Cut(resource[strings.LastIndex(resource, ":")+1:], "/")
		kinds = append(kinds, resourceKindJSON{Kind: kind, Resource: resource})
	}
	if !slices.Contains(kinds[i].Actions, action) {
		kinds[i].Actions = append(kinds[i].Actions, action)
	}
	return kinds
}

// on names the resource on which a route checks an action; where it is one of two, both.
func (rt route) on(action policy.Action) string {
	const project = "proj/{projectKey}"
	const environment = project + ":env/{environmentKey}"
	switch {
	case action == policy.ViewProject, rt.path == "/projects", rt.path == "/projects/{projectKey}":
		return project
	case action == policy.UpdateEnvironmentSettings:
		return environment
	case strings.HasPrefix(rt.path, "/segments/"):
		return environment + ":segment/{segmentKey}"
	case action == policy.CopyFlagConfigFrom:
		return project + ":env/<source>:flag/{flagKey}"
	case strings.HasSuffix(rt.path, "/copy"):
		return project + ":env/<target>:flag/{flagKey}"
	case strings.HasPrefix(rt.path, "/flags/"):
		if flagTargeting[action] {
			return environment + ":flag/{flagKey}"
		}
		return project + ":env/<each>:flag/{flagKey}"
	case strings.HasPrefix(rt.path, "/projects/{projectKey}/payload-filters"):
		return project + ":payload-filter/{payloadFilterKey}"
	case strings.HasPrefix(rt.path, "/projects/{projectKey}/context-kinds"):
		return project + ":context-kind/{contextKind}"
	case action == policy.UpdateGuard, action == policy.ViewMembers:
		return environment + ":segment/*"
	case strings.HasPrefix(rt.path, "/projects/"):
		return environment
	case action == policy.VerifyStore:
		return "acct"
	case strings.HasPrefix(rt.path, "/tokens"):
		return "member/{memberId}:token/{tokenId} or service-token/{tokenId}"
	case strings.HasPrefix(rt.path, "/roles"):
		return "role/{roleKey}"
	case strings.HasPrefix(rt.path, "/account/relay-auto-configs"):
		return "relay-proxy-config/{relayConfigId}"
	case strings.HasPrefix(rt.path, "/integration-capabilities"):
		return "integration/{integrationId}"
	case strings.HasPrefix(rt.path, "/members"):
		return "member/{memberId}"
	case strings.HasPrefix(rt.path, "/webhooks"):
		return "webhook/{webhookId}"
	}
	panic("nobody says on what " + rt.method + " " + rt.path + " checks " + string(action))
}

// flagTargeting are the actions on a flag that concern one environment.
var flagTargeting = map[policy.Action]bool{
	policy.UpdateOn: true, policy.UpdateTargets: true, policy.UpdateRules: true, policy.UpdateFallthrough: true,
	policy.UpdateOffVariation: true, policy.UpdatePrerequisites: true, policy.UpdateTrackEvents: true,
}
