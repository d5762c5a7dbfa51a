package api

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/internal/policy"
)

const (
	policiesPage  = "../../docs/policies.md"
	tableOfRoutes = "| method | path | actions | on | beside |\n|---|---|---|---|---|\n"
)

// TestThePageOfPoliciesIsTheRouteTable holds the table of docs/policies.md to the routes. With
// -update it is rewritten.
func TestThePageOfPoliciesIsTheRouteTable(t *testing.T) {
	text, err := os.ReadFile(policiesPage)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	start := strings.Index(page, tableOfRoutes)
	if start < 0 {
		t.Fatalf("%s has no table that begins with\n%s", policiesPage, tableOfRoutes)
	}
	end := len(page)
	if i := strings.Index(page[start:], "\n\n"); i >= 0 {
		end = start + i + 1
	}
	var want strings.Builder
	want.WriteString(page[:start] + tableOfRoutes)
	for _, rt := range routes() {
		want.WriteString(rt.row())
	}
	want.WriteString(page[end:])
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(policiesPage, []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want.String(), page); diff != "" {
		t.Errorf("%s is not what the routes say; run this test with -update and read the difference:\n%s", policiesPage, diff)
	}
}

// row is the route as a line of the page.
func (rt route) row() string {
	method, path, _ := strings.Cut(rt.call(), " ")
	var resources []string
	byResource := map[string][]string{}
	for _, a := range rt.actions {
		on := rt.on(a)
		if byResource[on] == nil {
			resources = append(resources, on)
		}
		byResource[on] = append(byResource[on], "`"+string(a)+"`")
	}
	var actions, on []string
	for _, r := range resources {
		actions = append(actions, strings.Join(byResource[r], " "))
		on = append(on, "`"+r+"`")
	}
	note := rt.note
	if len(rt.actions) == 0 && note == "" {
		note = "any access token"
	}
	return fmt.Sprintf("| %s | `%s` | %s | %s | %s |\n", method, path, strings.Join(actions, "; "), strings.Join(on, "; "), note)
}

// on names the resource on which a route checks an action.
func (rt route) on(action policy.Action) string {
	const project = "proj/{projectKey}"
	const environment = project + ":env/{environmentKey}"
	switch {
	case action == policy.ViewProject, rt.path == "/projects", rt.path == "/projects/{projectKey}":
		return project
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
	panic("nobody says on what " + rt.call() + " checks " + string(action))
}

// flagTargeting are the actions on a flag that concern one environment.
var flagTargeting = map[policy.Action]bool{
	policy.UpdateOn: true, policy.UpdateTargets: true, policy.UpdateRules: true, policy.UpdateFallthrough: true,
	policy.UpdateOffVariation: true, policy.UpdatePrerequisites: true, policy.UpdateTrackEvents: true,
}
