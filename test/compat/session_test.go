package compat

import "testing"

// driveSessions signs in and out. It comes last: the owner gets another name.
func driveSessions(t *testing.T, r *rest) {
	same(t, "who has signed in", r.raw(t, 200, "POST", "/session", `{"token":"`+r.token+`"}`)["role"], "owner")
	same(t, "who asks", r.raw(t, 200, "GET", "/session", "")["administers"], true)
	same(t, "the first run", r.raw(t, 200, "GET", "/first-run", "")["open"], true)
	r.raw(t, 200, "POST", "/first-run", `{"name":"Mira Okafor","email":"mira@x.test","password":"correct horse"}`)
	r.raw(t, 204, "PUT", "/session/password", `{"password":"battery staple","presentPassword":"correct horse"}`)
	r.raw(t, 200, "POST", "/session", `{"email":"mira@x.test","password":"battery staple"}`)
	r.raw(t, 204, "DELETE", "/session", "")
	r.raw(t, 204, "DELETE", "/session/others", "")
	same(t, "whether an administrator may", r.raw(t, 200, "POST", "/access-check", `{"action":"deleteProject","resource":"proj/default"}`)["allowed"], true)
	same(t, "the first kind that policies name", r.raw(t, 200, "GET", "/actions", "")["items"].([]any)[0].(map[string]any)["kind"], "acct")
	added := r.raw(t, 201, "POST", "/members", `[{"email":"noor@x.test","role":"reader","password":"correct horse"}]`)["items"].([]any)[0].(map[string]any)
	r.raw(t, 200, "POST", "/session", `{"email":"noor@x.test","password":"correct horse"}`)
	r.raw(t, 204, "PUT", "/members/"+added["_id"].(string)+"/password", `{"password":"battery staple"}`)
	r.raw(t, 200, "POST", "/session", `{"email":"noor@x.test","password":"battery staple"}`)
	r.raw(t, 201, "POST", "/flags/default", `{"key":"tried","name":"Tried"}`)
	tried := r.raw(t, 200, "POST", "/projects/default/environments/production/flags/tried/evaluate", `{"context":{"kind":"user","key":"ann"},"instructions":[{"kind":"turnFlagOn"}]}`)
	same(t, "what a change would do", tried["changed"].(map[string]any)["reason"].(map[string]any)["kind"], "FALLTHROUGH")
	same(t, "the first tool", r.raw(t, 200, "GET", "/tools", "")["items"].([]any)[0].(map[string]any)["key"], "amplitude")
}
