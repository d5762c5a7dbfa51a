package api_test

import (
	"strings"
	"testing"
)

func TestProjects(t *testing.T) {
	a := newAccount(t)
	a.must(t, 200, "Projects", "GET", "/projects", "").want(t, "totalCount", `1`, "items.0.key", `"default"`, "items.0.environments", `null`)
	created := a.must(t, 201, "ProjectWritten", "POST", "/projects", `{"key":"relay.it-1","name":"Relay IT","tags":["b","a"]}`)
	created.want(t, "environments.0.key", `"production"`, "environments.1.key", `"test"`, "tags", `["a","b"]`)
	if key := created.str("environments.0.apiKey"); !strings.HasPrefix(key, "sdk-") {
		t.Errorf("apiKey %q", key)
	}
	a.must(t, 409, "", "POST", "/projects", `{"key":"relay.it-1","name":"x"}`).want(t, "code", `"conflict"`)
	a.must(t, 200, "Project", "GET", "/projects/relay.it-1", "").want(t, "environments", `null`)
	a.must(t, 200, "ProjectExpanded", "GET", "/projects/relay.it-1?expand=environments", "").want(t, "environments.totalCount", `2`)
	a.must(t, 200, "Projects", "GET", "/projects?expand=environments&filter=query:relay,tags:a%2Bb", "").
		want(t, "totalCount", `1`, "items.0.environments.items.0.name", `"Production"`)
	a.must(t, 200, "Projects", "GET", "/projects?filter=keys:relay.it-1|other", "").want(t, "totalCount", `1`)
	// Terraform sends the two view settings on every creation of a project.
	a.must(t, 200, "ProjectWritten", "PATCH", "/projects/relay.it-1", `[
		{"op":"replace","path":"/name","value":"New"},
		{"op":"replace","path":"/requireViewAssociationForNewFlags","value":false},
		{"op":"replace","path":"/requireViewAssociationForNewSegments","value":false},
		{"op":"replace","path":"/defaultClientSideAvailability","value":{"usingMobileKey":true,"usingEnvironmentId":true}}]`).
		want(t, "name", `"New"`, "defaultClientSideAvailability", `{"usingMobileKey":true,"usingEnvironmentId":true}`)
	a.must(t, 400, "", "PATCH", "/projects/relay.it-1", `{"instructions":[{"kind":"x"}]}`, "Content-Type", semantic)
	a.must(t, 204, "", "DELETE", "/projects/relay.it-1", "null")
	a.must(t, 404, "", "GET", "/projects/relay.it-1", "")
	a.must(t, 400, "", "POST", "/projects", `{"key":"multi word","name":"x"}`)
	a.must(t, 400, "", "POST", "/projects", `null`)
}

func TestEnvironments(t *testing.T) {
	a := newAccount(t)
	const envs = "/projects/default/environments"
	a.must(t, 200, "Environment", "GET", envs+"/production", "").want(t, "_id", `"`+clientSideID+`"`, "apiKey", `"`+sdkKey+`"`)
	a.must(t, 201, "Environment", "POST", envs, `{"key":"staging","name":"Staging","color":"00ff00","defaultTtl":5,"tags":["x"],"critical":true}`).
		want(t, "critical", `true`, "defaultTtl", `5`)
	a.must(t, 200, "Environments", "GET", envs+"?sort=name&filter=query:stag", "").want(t, "totalCount", `1`, "items.0.key", `"staging"`)
	a.must(t, 200, "Environments", "GET", envs+"?sort=-critical&limit=1", "").want(t, "totalCount", `3`)
	a.must(t, 200, "Environment", "PATCH", envs+"/staging", `[
		{"op":"replace","path":"/color","value":"0000ff"},{"op":"replace","path":"/secureMode","value":true},
		{"op":"replace","path":"/approvalSettings/required","value":true},{"op":"remove","path":"/tags"}]`).
		want(t, "color", `"0000ff"`, "secureMode", `true`, "tags", `[]`, "approvalSettings", `null`)
	a.must(t, 400, "", "PATCH", envs+"/staging", `[{"op":"replace","path":"/apiKey","value":"sdk-x"}]`)
	a.must(t, 400, "", "PATCH", envs+"/staging", `[{"op":"replace","path":"/defaultTtl","value":61}]`)
	a.must(t, 409, "", "POST", envs, `{"key":"staging","name":"Staging","color":"00ff00"}`).want(t, "code", `"conflict"`)
	a.must(t, 400, "", "POST", envs, `{"key":"copy","name":"Copy","color":"00ff00","source":{"key":"staging"}}`)
	a.must(t, 204, "", "DELETE", envs+"/staging", "")
	a.must(t, 204, "", "DELETE", envs+"/test", "")
	if got := a.call(t, "DELETE", envs+"/production", ""); got.status < 400 {
		t.Errorf("the last environment was deleted: %d", got.status)
	}
	a.must(t, 404, "", "GET", envs+"/nope", "")
	a.must(t, 404, "", "GET", "/projects/nope/environments", "")
}

func TestSDKData(t *testing.T) {
	a := newAccount(t)
	const data = "/projects/default/environments/production/sdk-data"
	a.must(t, 200, "", "GET", data, "").want(t, "flags", `{}`, "segments", `{}`)
	a.must(t, 204, "", "PUT", data, `{"flags":{"f":{"key":"f","on":true,"version":7,"salt":"pepper","variations":["a","b"],"fallthrough":{"variation":0},"offVariation":1}},
		"segments":{"s":{"key":"s","version":3,"salt":"x","included":["ann"]}}}`)
	a.must(t, 200, "", "GET", data, "").want(t, "flags.f.salt", `"pepper"`, "segments.s.included", `["ann"]`)
	a.must(t, 200, "Flag", "GET", "/flags/default/f", "").want(t, "environments.production.on", `true`)
	a.must(t, 400, "", "PUT", data, `{"flags":[]}`)
	a.must(t, 400, "", "PUT", data, `{"flags":{"f":{"key":"g"}}}`)
	a.as(a.newToken(t, `{"name":"w","role":"writer"}`)).must(t, 403, "", "GET", data, "")
}
