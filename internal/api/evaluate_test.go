package api_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestEvaluateSegments(t *testing.T) {
	a := newAccount(t)
	const asked = "/projects/default/environments/production/segments/evaluate"
	a.must(t, 201, "", "POST", seg, `{"key":"big","name":"Big","unbounded":true}`)
	a.must(t, 201, "", "POST", seg, `{"key":"list","name":"List","description":"Who is listed"}`)
	a.must(t, 201, "", "POST", seg, `{"key":"rules","name":"Rules"}`)
	a.must(t, 204, "", "POST", seg+"/big/contexts", `{"included":{"add":["ann","both"]},"excluded":{"add":["both","out"]}}`)
	a.must(t, 200, "", "PATCH", seg+"/big", `{"rules":[{"clauses":[{"attribute":"plan","op":"in","values":["pro"]}]}]}`)
	a.must(t, 200, "", "PATCH", seg+"/list", `{"included":["ann"],"excluded":["bob"],"includedContexts":[{"contextKind":"org","values":["acme"]}],"rules":[{"clauses":[{"attribute":"plan","op":"in","values":["pro"]}]}]}`)
	a.must(t, 200, "", "PATCH", seg+"/rules", `{"rules":[{"clauses":[{"attribute":"","op":"segmentMatch","values":["list"]}]}]}`)
	for context, want := range map[string][3]string{ // of big, list and rules: key, rule or nothing
		`{"kind":"user","key":"ann"}`:                                {"key", "key", "rule"},
		`{"kind":"user","key":"ann","plan":"pro"}`:                   {"key", "key", "rule"},
		`{"kind":"user","key":"bob","plan":"pro"}`:                   {"rule", "", ""},
		`{"kind":"user","key":"cid","plan":"pro"}`:                   {"rule", "rule", "rule"},
		`{"kind":"user","key":"out","plan":"pro"}`:                   {"", "rule", "rule"},
		`{"kind":"user","key":"both"}`:                               {"key", "", ""},
		`{"kind":"user","key":"nobody"}`:                             {"", "", ""},
		`{"kind":"org","key":"acme"}`:                                {"", "key", "rule"},
		`{"kind":"multi","user":{"key":"ann"},"org":{"key":"acme"}}`: {"key", "key", "rule"},
		`{"key":"ann","custom":{"plan":"pro"}}`:                      {"key", "key", "rule"},
	} {
		got := a.must(t, 200, "EvaluatedSegments", "POST", asked, context)
		for i, way := range want {
			at := "items." + string(rune('0'+i))
			if got.at(at+".isMember") != (way != "") || got.at(at+".isIndividuallyTargeted") != (way == "key") || got.at(at+".isRuleTargeted") != (way == "rule") {
				t.Errorf("%s: %v, want %q", context, got.at(at), way)
			}
		}
	}
	a.must(t, 200, "", "POST", asked, `{"kind":"user","key":"x"}`).want(t, "items.1.description", `"Who is listed"`, "items.0.unbounded", `true`, "items.0.external", `""`, "items.3", `null`)
	for _, bad := range []string{``, `null`, `[]`, `{}`, `{"kind":"user","key":""}`, `{"kind":"kind","key":"x"}`, `{"kind":"user","key":"x","a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`} {
		a.must(t, 400, "", "POST", asked, bad)
	}
	a.must(t, 404, "", "POST", "/projects/default/environments/nope/segments/evaluate", `{"kind":"user","key":"x"}`)
	all := int(a.must(t, 200, "EvaluatedSegments", "POST", asked, `{"kind":"user","key":"x"}`).at("totalCount").(float64))
	for i := range 3 {
		a.must(t, 201, "", "POST", seg, fmt.Sprintf(`{"key":"z%d","name":"Z"}`, i))
		a.must(t, 200, "", "PATCH", fmt.Sprintf("%s/z%d", seg, i), `[{"op":"add","path":"/included/-","value":"zoe"}]`)
	}
	const zoe = `{"kind":"user","key":"zoe"}`
	a.must(t, 200, "EvaluatedSegments", "POST", asked+"?isMember=true", zoe).want(t, "totalCount", "3", "items.0.key", `"z0"`, "items.2.key", `"z2"`, "_links.next", "null")
	a.must(t, 200, "EvaluatedSegments", "POST", asked+"?isMember=true&limit=2&offset=2", zoe).want(t, "totalCount", "3", "items.0.key", `"z2"`, "items.1", "null")
	a.must(t, 200, "EvaluatedSegments", "POST", asked+"?isMember=false&limit=-1", zoe).want(t, "totalCount", fmt.Sprint(all))
	a.must(t, 400, "", "POST", asked+"?isMember=perhaps", zoe)
}

func TestEvaluateFlags(t *testing.T) {
	a := newAccount(t)
	const asked = "/projects/default/environments/production/flags/evaluate"
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"colour","name":"Colour","variations":[{"value":{"rgb":[255,0,0]}},{"value":{"rgb":[0,255,0]}}]}`)
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"off","name":"Off"}`)
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"gone","name":"Gone"}`)
	a.must(t, 200, "", "PATCH", "/flags/default/gone", `{"archived":true}`)
	rule := a.must(t, 200, "", "PATCH", "/flags/default/colour", `{"environments":{"production":{"on":true,"targets":[{"variation":1,"values":["ann"]}],
		"rules":[{"variation":1,"clauses":[{"attribute":"plan","op":"in","values":["pro"]}]}]}}}`).str("environments.production.rules.0._id")
	a.must(t, 200, "EvaluatedFlags", "POST", asked, `{"kind":"user","key":"bob","plan":"pro"}`).want(t, "totalCount", `2`,
		"items.0.key", `"colour"`, "items.0.name", `"Colour"`, "items.0._value", `{"rgb":[0,255,0]}`, "items.0.reason", `{"kind":"RULE_MATCH","ruleIndex":0,"ruleID":"`+rule+`"}`,
		"items.1.key", `"off"`, "items.1._value", `false`, "items.1.reason", `{"kind":"OFF"}`)
	a.must(t, 200, "EvaluatedFlags", "POST", asked+"?filter=query:colour", `{"kind":"user","key":"ann"}`).want(t, "items.0.reason", `{"kind":"TARGET_MATCH"}`, "totalCount", `1`)
	a.must(t, 200, "EvaluatedFlags", "POST", asked+"?limit=-1", `{"kind":"user","key":"cid"}`).want(t, "items.1.key", `"off"`, "_links.next", `null`)
	a.must(t, 200, "EvaluatedFlags", "POST", asked+"?limit=1&sort=-name", `{"kind":"user","key":"cid"}`).want(t, "items.0.key", `"off"`, "items.1", `null`, "totalCount", `2`)
	a.must(t, 200, "EvaluatedFlags", "POST", asked, `{"kind":"user","key":"cid"}`).want(t, "items.0._value", `{"rgb":[255,0,0]}`, "items.0.reason.kind", `"FALLTHROUGH"`)
	a.must(t, 200, "", "PATCH", "/flags/default/colour", `{"environments":{"production":{"on":false,"offVariation":null}}}`)
	a.must(t, 200, "EvaluatedFlags", "POST", asked, `{"kind":"user","key":"cid"}`).want(t, "items.0._value", `null`)
	a.must(t, 400, "", "POST", asked, `{"kind":"user"}`)
	a.must(t, 404, "", "POST", "/projects/nope/environments/production/flags/evaluate", `{"kind":"user","key":"x"}`)
}

func TestTags(t *testing.T) {
	a := newAccount(t)
	a.must(t, 201, "", "POST", "/projects", `{"key":"secret","name":"Secret","tags":["hidden"]}`)
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"f","name":"F","tags":["crm","web"]}`)
	a.must(t, 201, "", "POST", seg, `{"key":"s","name":"S","tags":["crm","synced"]}`)
	a.must(t, 200, "", "PATCH", env, `{"tags":["live"]}`)
	a.must(t, 200, "Tags", "GET", "/tags", "").want(t, "items", `["crm","hidden","live","synced","web"]`, "totalCount", `5`)
	a.must(t, 200, "Tags", "GET", "/tags?kind=segment&kind=environment", "").want(t, "items", `["crm","live","synced"]`)
	a.must(t, 200, "Tags", "GET", "/tags?kind=metric", "").want(t, "items", `[]`)
	a.must(t, 200, "Tags", "GET", "/tags?pre=s", "").want(t, "items", `["synced"]`)
	a.must(t, 200, "Tags", "GET", "/tags?limit=1&offset=1", "").want(t, "items", `["hidden"]`, "totalCount", `5`)
	viewer := a.as(a.newToken(t, `{"name":"v","serviceToken":true,"inlineRole":[{"effect":"allow","actions":["viewProject"],"resources":["proj/default"]}]}`))
	viewer.must(t, 200, "Tags", "GET", "/tags", "").want(t, "items", `["crm","live","synced","web"]`)
}
