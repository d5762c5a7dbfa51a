package api_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"github.com/go-json-experiment/json"
)

// withoutRoute are actions that no route names: what importing a whole environment asks administrators
// for, and one that is reserved.
var withoutRoute = []string{"importSdkData", "updateFlagSalt", "updateFlagConfigMigrationSettings", "replaceMembers"}

func TestActionsAreAllThatIsChecked(t *testing.T) {
	a := newAccount(t)
	type kind struct {
		Resource string   `json:"resource"`
		Actions  []string `json:"actions"`
	}
	var kinds struct {
		Items []kind `json:"items"`
	}
	if err := json.Unmarshal(a.must(t, 200, "", "GET", "/actions", "").text, &kinds); err != nil {
		t.Fatal(err)
	}
	named := map[string][]string{}
	for _, k := range kinds.Items {
		if named[k.Resource] != nil || !slices.IsSorted(k.Actions) {
			t.Errorf("%s stands there twice, or its actions are not sorted: %v", k.Resource, k.Actions)
		}
		named[k.Resource] = k.Actions
		// What is named can be asked: the specifier and the action are such as statements hold.
		for _, action := range k.Actions {
			a.must(t, 200, "", "POST", "/access-check", `{"action":"`+action+`","resource":"`+k.Resource+`","policy":[{"effect":"allow","actions":["`+action+`"],"resources":["`+k.Resource+`"]}]}`).
				want(t, "allowed", "true")
		}
	}
	for resource, some := range map[string][]string{
		"acct":                    {"verifyStore"},
		"proj/*":                  {"createProject", "viewProject"},
		"proj/*:env/*":            {"createEnvironment", "updateApiKey", "viewSdkKey"},
		"proj/*:env/*:segment/*":  {"createSegment", "rollbackSegment", "updateGuard", "updateIncluded", "viewMembers"},
		"proj/*:env/*:flag/*":     {"cloneFlag", "createFlag", "updateOn"},
		"member/*:token/*":        {"createAccessToken", "updateAccessTokenExpiry"},
		"service-token/*":         {"createAccessToken", "resetAccessToken"},
		"role/*":                  {"createRole", "updatePolicy"},
		"member/*":                {"createMember", "updateMemberPassword"},
		"webhook/*":               {"createWebhook"},
		"integration/*":           {"createIntegration"},
		"relay-proxy-config/*":    {"createRelayAutoConfiguration"},
		"proj/*:context-kind/*":   {"createContextKind"},
		"proj/*:payload-filter/*": {"createPayloadFilter"},
	} {
		for _, action := range some {
			if !slices.Contains(named[resource], action) {
				t.Errorf("%s lacks %s: %v", resource, action, named[resource])
			}
		}
	}
	for _, action := range actionsOfPolicy(t) {
		asked := slices.ContainsFunc(kinds.Items, func(k kind) bool { return slices.Contains(k.Actions, action) })
		if asked == slices.Contains(withoutRoute, action) {
			t.Errorf("%s: named is %t", action, asked)
		}
	}
}

// actionsOfPolicy returns the constants of type Action in package policy.
func actionsOfPolicy(t testing.TB) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../policy/policy.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		kind, ok := spec.Type.(*ast.Ident)
		if !ok || kind.Name != "Action" {
			return true
		}
		for _, v := range spec.Values {
			lit, ok := v.(*ast.BasicLit)
			if !ok {
				t.Fatalf("%v is no text", v)
			}
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			actions = append(actions, text)
		}
		return false
	})
	return actions
}
