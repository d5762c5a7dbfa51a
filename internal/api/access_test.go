package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const statement = `{"effect":"allow","actions":["*"],"resources":["*"]}`

func TestOddRolesTokensAndMembersAreRefused(t *testing.T) {
	a := newAccount(t)
	many := func(n int, one string) string { return strings.TrimSuffix(strings.Repeat(one+",", n), ",") }
	a.must(t, 201, "Role", "POST", "/roles", `{"key":"held","name":"Held","policy":[]}`)
	id := a.must(t, 201, "Token", "POST", "/tokens", `{"name":"x","customRoleIds":["held"]}`).str("_id")
	member := a.must(t, 201, "Members", "POST", "/members", `[{"email":"ann@x.test","role":"reader"}]`).str("items.0._id")
	var people []string
	for i := range 51 {
		people = append(people, fmt.Sprintf(`{"email":"p%d@x.test","role":"reader"}`, i))
	}
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
	}{
		"a role without a policy":           {"POST", "/roles", `{"key":"a","name":"A"}`, 400},
		"a role without a name":             {"POST", "/roles", `{"key":"a","policy":[]}`, 400},
		"a role with a blank in its key":    {"POST", "/roles", `{"key":"a b","name":"A","policy":[]}`, 400},
		"a role of the base writer":         {"POST", "/roles", `{"key":"a","name":"A","policy":[],"basePermissions":"writer"}`, 400},
		"a policy that is an object":        {"POST", "/roles", `{"key":"a","name":"A","policy":{}}`, 400},
		"a policy of too many statements":   {"POST", "/roles", `{"key":"a","name":"A","policy":[` + many(201, statement) + `]}`, 400},
		"a statement of both lists":         {"POST", "/roles", `{"key":"a","name":"A","policy":[{"effect":"allow","actions":["*"],"notActions":["*"],"resources":["*"]}]}`, 400},
		"an empty part of a resource":       {"POST", "/roles", `{"key":"a","name":"A","policy":[{"effect":"allow","actions":["*"],"resources":["proj/x::flag/y"]}]}`, 400},
		"a key that is taken":               {"POST", "/roles", `{"key":"held","name":"A","policy":[]}`, 409},
		"a role that nobody knows":          {"GET", "/roles/nobody", ``, 404},
		"a patch of what is read-only":      {"PATCH", "/roles/held", `{"patch":[{"op":"replace","path":"/_id","value":"x"}]}`, 400},
		"a patch beyond the policy":         {"PATCH", "/roles/held", `[{"op":"replace","path":"/policy/3/effect","value":"deny"}]`, 400},
		"a semantic patch of a role":        {"PATCH", "/roles/held", `{"instructions":[{"kind":"x"}]}`, 400},
		"a token of two sorts":              {"POST", "/tokens", `{"role":"reader","customRoleIds":["held"]}`, 400},
		"a token with a role nobody knows":  {"POST", "/tokens", `{"customRoleIds":["nobody"]}`, 400},
		"a token with too many roles":       {"POST", "/tokens", `{"customRoleIds":[` + many(51, `"held"`) + `]}`, 400},
		"a role for a token that is a text": {"PATCH", "/tokens/" + id, `[{"op":"replace","path":"/customRoleIds","value":"held"}]`, 400},
		"a token left without anything":     {"PATCH", "/tokens/" + id, `[{"op":"remove","path":"/customRoleIds"}]`, 400},
		"another secret for a token":        {"PATCH", "/tokens/" + id, `[{"op":"replace","path":"/token","value":"api-mine"}]`, 400},
		"another kind of token":             {"PATCH", "/tokens/" + id, `[{"op":"replace","path":"/serviceToken","value":true}]`, 400},
		"a test that fails":                 {"PATCH", "/tokens/" + id, `[{"op":"test","path":"/name","value":"y"}]`, 422},
		"a reset until some day":            {"POST", "/tokens/" + id + "/reset?expiry=tomorrow", ``, 400},
		"a reset until after all days":      {"POST", "/tokens/" + id + "/reset?expiry=9223372036854775807", ``, 400},
		"a reset of nothing":                {"POST", "/tokens/nobody/reset", ``, 404},
		"members that are an object":        {"POST", "/members", `{"email":"bob@x.test","role":"reader"}`, 400},
		"nobody":                            {"POST", "/members", `[]`, 400},
		"too many at once":                  {"POST", "/members", `[` + strings.Join(people, ",") + `]`, 400},
		"a member with two sorts of roles":  {"POST", "/members", `[{"email":"bob@x.test","role":"reader","customRoles":["held"]}]`, 400},
		"a name instead of an address":      {"POST", "/members", `[{"email":"Bob <bob@x.test>","role":"reader"}]`, 400},
		"another address for a member":      {"PATCH", "/members/" + member, `[{"op":"replace","path":"/email","value":"b@x.test"}]`, 403},
		"a role nobody knows for a member":  {"PATCH", "/members/" + member, `[{"op":"add","path":"/customRoles/-","value":"nobody"}]`, 400},
		"a number as a role of a member":    {"PATCH", "/members/" + member, `[{"op":"add","path":"/customRoles/-","value":7}]`, 400},
		"statements that are an object":     {"POST", "/auditlog", `{}`, 400},
		"a statement without an effect":     {"POST", "/auditlog", `[{"actions":["*"],"resources":["*"]}]`, 400},
	} {
		t.Run(name, func(t *testing.T) { a.must(t, tt.status, "Error", tt.method, tt.path, tt.body) })
	}
	a.must(t, 200, "Roles", "GET", "/roles", "").want(t, "totalCount", `1`)
	a.must(t, 200, "Members", "GET", "/members", "").want(t, "totalCount", `2`)
	a.must(t, 200, "Token", "GET", "/tokens/"+id, "").want(t, "name", `"x"`)
}

func TestAChangedRoleCountsAtOnce(t *testing.T) {
	a := newAccount(t)
	a.must(t, 201, "Role", "POST", "/roles", `{"key":"ops","name":"Ops","basePermissions":"reader","policy":[]}`)
	ops := a.as(a.newToken(t, `{"name":"ops","customRoleIds":["ops"]}`))
	ops.must(t, 200, "Project", "GET", "/projects/default", "")
	ops.must(t, 403, "Error", "PATCH", "/projects/default", `{"name":"New"}`)
	a.must(t, 200, "Role", "PATCH", "/roles/ops", `[{"op":"add","path":"/policy/-","value":`+statement+`}]`)
	ops.must(t, 200, "ProjectWritten", "PATCH", "/projects/default", `{"name":"New"}`)
	a.must(t, 200, "Role", "PATCH", "/roles/ops", `[{"op":"replace","path":"/policy/0/effect","value":"deny"}]`)
	ops.must(t, 404, "Error", "GET", "/projects/default", "")
}

func TestTheOwnerStaysAndOwnTokensAreReset(t *testing.T) {
	a := newAccount(t)
	a.must(t, 201, "Role", "POST", "/roles", `{"key":"names","name":"Names","policy":[{"effect":"allow","actions":["updateProjectName","viewProject"],"resources":["proj/*"]}]}`)
	a.must(t, 201, "Role", "POST", "/roles", `{"key":"all","name":"All","policy":[`+statement+`]}`)
	secret := a.newToken(t, `{"name":"mine","customRoleIds":["all"]}`)
	mine := a.as(secret)
	mine.must(t, 200, "ProjectWritten", "PATCH", "/projects/default", `{"name":"One","tags":["a"]}`)
	renamed := a.must(t, 200, "Member", "PATCH", "/members/me", `{"firstName":"Mira","lastName":"Okafor","email":"mira@x.test"}`)
	renamed.want(t, "email", `"mira@x.test"`, "firstName", `"Mira"`, "role", `"owner"`)
	me := renamed.str("_id")
	a.must(t, 201, "Members", "POST", "/members", `[{"email":"ann@x.test","role":"reader"}]`)
	a.must(t, 400, "Error", "PATCH", "/members/me", `{"email":"Ann@x.test"}`).want(t, "code", `"email_already_exists_in_account"`)
	a.must(t, 400, "Error", "PATCH", "/members/me", `{"email":"nowhere"}`)
	a.as(a.newToken(t, `{"name":"less","role":"reader"}`)).must(t, 403, "Error", "PATCH", "/members/me", `{"email":"b@x.test"}`)
	a.as(a.newToken(t, `{"name":"service","role":"admin","serviceToken":true}`)).must(t, 403, "Error", "PATCH", "/members/"+me, `{"email":"b@x.test"}`)
	a.must(t, 403, "Error", "PATCH", "/members/"+me, `[{"op":"add","path":"/customRoles/-","value":"names"}]`)
	until := time.Now().Add(time.Hour).UnixMilli()
	id := mine.must(t, 200, "", "GET", "/caller-identity", "").str("tokenId")
	mine.must(t, 200, "Token", "POST", fmt.Sprintf("/tokens/%s/reset?expiry=%d", id, until), "")
	mine.must(t, 200, "Versions", "GET", "/versions", "")
	a.must(t, 200, "Token", "POST", "/tokens/"+id+"/reset?expiry=-1", "")
	mine.must(t, 401, "Error", "GET", "/versions", "")
}

func TestWhoAsks(t *testing.T) {
	a := newAccount(t)
	a.as(sdkKey).must(t, 200, "", "GET", "/caller-identity", "").want(t, "authKind", `"sdkKey"`, "projectName", `"Default"`, "environmentId", `"`+clientSideID+`"`)
	a.as("mob-7a2c9e54-0f3d-4c8b-8e15-93b6d0a4f1c8").must(t, 200, "", "GET", "/caller-identity", "").want(t, "authKind", `"mobileKey"`, "environmentName", `"Production"`)
	a.as(clientSideID).must(t, 401, "Error", "GET", "/caller-identity", "")
	a.as(a.newToken(t, `{"name":"robot","role":"reader","serviceToken":true}`)).must(t, 200, "", "GET", "/caller-identity", "").
		want(t, "tokenKind", `"service"`, "serviceToken", `true`, "tokenName", `"robot"`)
}
