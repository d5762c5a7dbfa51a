package api_test

import "testing"

func TestAFlagIsTriedWithAChange(t *testing.T) {
	a := newAccount(t)
	a.must(t, 201, "", "POST", seg, `{"key":"vip","name":"VIP","unbounded":true}`)
	a.must(t, 204, "", "POST", seg+"/vip/contexts", `{"included":{"add":["ann"]}}`)
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"f","name":"F"}`)
	const path = env + "/flags/f/evaluate"
	const ann, bob = `"context":{"kind":"user","key":"ann"}`, `"context":{"kind":"user","key":"bob"}`
	a.must(t, 200, "", "POST", path, `{`+ann+`}`).want(t, "saved", `{"_value":false,"reason":{"kind":"OFF"}}`, "changed", `{"_value":false,"reason":{"kind":"OFF"}}`)
	const merge = `"merge":{"environments":{"production":{"on":true,"fallthrough":{"variation":1},"rules":[{"variation":0,"clauses":[{"attribute":"","op":"segmentMatch","values":["vip"]}]}]}}}`
	got := a.must(t, 200, "", "POST", path, `{`+ann+`,`+merge+`}`)
	got.want(t, "saved.reason.kind", `"OFF"`, "changed._value", "true", "changed.reason.kind", `"RULE_MATCH"`, "changed.reason.ruleIndex", "0")
	a.must(t, 200, "", "POST", path, `{`+bob+`,`+merge+`}`).want(t, "changed._value", "false", "changed.reason.kind", `"FALLTHROUGH"`)
	a.must(t, 200, "", "POST", path, `{`+bob+`,"instructions":[{"kind":"turnFlagOn"}]}`).want(t, "changed.reason.kind", `"FALLTHROUGH"`)
	a.must(t, 200, "", "POST", path, `{`+bob+`,"patch":[{"op":"replace","path":"/environments/production/on","value":true}]}`).want(t, "changed.reason.kind", `"FALLTHROUGH"`)
	a.must(t, 200, "", "POST", path, `{`+bob+`,"merge":{"environments":{"production":{"on":true,"fallthrough":{"rollout":{"seed":61,"variations":[{"variation":0,"weight":100000}]}}}}}}`).
		want(t, "changed._value", "true", "changed.bucket", "55611")
	a.must(t, 200, "", "GET", "/flags/default/f", "").want(t, "environments.production.on", "false")
	for _, body := range []string{
		`{}`, `[]`, `{"context":{"kind":"user"}}`, `{` + ann + `,"patch":[],"merge":{}}`, `{` + ann + `,"instructions":[{"kind":"nothing"}]}`,
		`{` + ann + `,"merge":{"environments":{"production":{"offVariation":9}}}}`, `{` + ann + `,"merge":{"key":"g"}}`,
	} {
		a.must(t, 400, "", "POST", path, body)
	}
	a.must(t, 404, "", "POST", env+"/flags/nobody/evaluate", `{`+ann+`}`)
	a.must(t, 200, "", "PATCH", "/flags/default/f", `{"archived":true}`)
	a.must(t, 400, "", "POST", path, `{`+ann+`}`)
}
