package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestProjects(t *testing.T) {
	a := newAccount(t)
	a.must(t, 200, "Projects", "GET", "/projects", "").want(t, "totalCount", `1`, "items.0.key", `"default"`, "items.0.environments", `null`)
	created := a.must(t, 201, "ProjectWritten", "POST", "/projects", `{"key":"relay.it-1","name":"Relay IT","tags":["b","a"]}`)
	created.want(t, "environments.0.key", `"test"`, "environments.1.key", `"production"`, "tags", `["a","b"]`)
	if key := created.str("environments.0.apiKey"); !strings.HasPrefix(key, "sdk-") {
		t.Errorf("apiKey %q", key)
	}
	a.must(t, 409, "", "POST", "/projects", `{"key":"relay.it-1","name":"x"}`).want(t, "code", `"conflict"`)
	a.must(t, 200, "Project", "GET", "/projects/relay.it-1", "").want(t, "environments", `null`)
	a.must(t, 200, "ProjectExpanded", "GET", "/projects/relay.it-1?expand=environments", "").want(t, "environments.totalCount", `2`)
	a.must(t, 200, "Projects", "GET", "/projects?expand=environments&filter=query:relay,tags:a%2Bb", "").
		want(t, "totalCount", `1`, "items.0.environments.items.0.name", `"Test"`)
	a.must(t, 200, "Projects", "GET", "/projects?filter=keys:relay.it-1|other", "").want(t, "totalCount", `1`)
	// Terraform sends the two view settings on every creation of a project.
	a.must(t, 200, "ProjectWritten", "PATCH", "/projects/relay.it-1", `[
		{"op":"replace","path":"/name","value":"New"},
		{"op":"replace","path":"/requireViewAssociationForNewFlags","value":false},
		{"op":"replace","path":"/requireViewAssociationForNewSegments","value":false},
		{"op":"replace","path":"/defaultClientSideAvailability","value":{"usingMobileKey":true,"usingEnvironmentId":true}}]`).
		want(t, "name", `"New"`, "defaultClientSideAvailability", `{"usingMobileKey":true,"usingEnvironmentId":true}`)
	for _, of := range []string{"Flags", "Segments"} {
		a.must(t, 400, "", "PATCH", "/projects/relay.it-1", `[{"op":"replace","path":"/requireViewAssociationForNew`+of+`","value":true}]`).
			want(t, "message", `"requireViewAssociationForNew`+of+`: muster has no views"`)
	}
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
		{"op":"replace","path":"/approvalSettings/required","value":false},{"op":"replace","path":"/approvalSettings/minNumApprovals","value":2},
		{"op":"replace","path":"/approvalSettings/requiredApprovalTags","value":[]},{"op":"remove","path":"/tags"}]`).
		want(t, "color", `"0000ff"`, "secureMode", `true`, "tags", `[]`, "approvalSettings", `null`)
	// Whoever asks for approvals relies on them.
	for _, settings := range []string{`{"required":true}`, `{"required":false,"requiredApprovalTags":["prod"]}`} {
		got := a.must(t, 400, "", "PATCH", envs+"/staging", `[{"op":"replace","path":"/color","value":"00ffff"},{"op":"replace","path":"/approvalSettings","value":`+settings+`}]`)
		if !strings.Contains(got.str("message"), "approvalSettings: muster asks nobody for approval") {
			t.Errorf("%s: %s", settings, got.text)
		}
	}
	a.must(t, 200, "Environment", "GET", envs+"/staging", "").want(t, "color", `"0000ff"`)
	a.must(t, 400, "", "PATCH", envs+"/staging", `[{"op":"replace","path":"/apiKey","value":"sdk-x"}]`)
	a.must(t, 400, "", "PATCH", envs+"/staging", `[{"op":"replace","path":"/defaultTtl","value":61}]`)
	a.must(t, 409, "", "POST", envs, `{"key":"staging","name":"Staging","color":"00ff00"}`).want(t, "code", `"conflict"`)
	tag := a.must(t, 200, "", "GET", envs+"/staging", "").header.Get("ETag")
	newer := a.must(t, 200, "", "PATCH", envs+"/staging", `{"name":"Once"}`, "If-Match", tag).header.Get("ETag")
	a.must(t, 412, "", "PATCH", envs+"/staging", `{"name":"Twice"}`, "If-Match", tag).want(t, "code", `"precondition_failed"`)
	a.must(t, 200, "", "PATCH", envs+"/staging", `{"name":"Twice"}`, "If-Match", newer)
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

func TestKeyRotation(t *testing.T) {
	a := newAccount(t)
	const env = "/projects/default/environments/production"
	works := func(key string) bool { return a.as(key).call(t, "GET", "/caller-identity", "").status == 200 }
	later := fmt.Sprint(time.Now().Add(time.Hour).UnixMilli())
	second := a.must(t, 200, "Environment", "POST", env+"/apiKey?expiry="+later, "").str("apiKey")
	if second == sdkKey || !works(second) || !works(sdkKey) {
		t.Errorf("within the grace period: the new key %t, the old one %t", works(second), works(sdkKey))
	}
	a.must(t, 200, "Environment", "GET", env, "").want(t, "_muster.formerSdkKeys.0.apiKey", `"`+sdkKey+`"`, "_muster.formerSdkKeys.0.expiresAt", later)
	a.must(t, 200, "Environment", "DELETE", env+"/apiKey/former", "").want(t, "apiKey", `"`+second+`"`, "_muster.formerSdkKeys", "[]")
	a.must(t, 200, "AuditEntries", "GET", "/auditlog?limit=2", "").want(t, "items.0.accesses.0.action", `"updateApiKey"`,
		"items.0.titleVerb", `"ended the former SDK keys of"`, "items.1.titleVerb", `"rotated the SDK key of"`)
	if !works(second) || works(sdkKey) {
		t.Errorf("after the keys from before were ended: the new key %t, the old one %t", works(second), works(sdkKey))
	}
	third := a.must(t, 200, "Environment", "POST", env+"/apiKey?expiry=1000", "").str("apiKey")
	if !works(third) || works(second) || works(sdkKey) {
		t.Errorf("after a rotation at once: the new key %t, those from before %t and %t", works(third), works(second), works(sdkKey))
	}
	a.must(t, 400, "", "POST", env+"/apiKey?expiry=tomorrow", "")
	a.must(t, 400, "", "POST", env+"/apiKey?expiry=9223372036854775807", "")
	for range 10 {
		a.must(t, 200, "", "POST", env+"/apiKey?expiry="+later, "")
	}
	a.must(t, 409, "", "POST", env+"/apiKey?expiry="+later, "").want(t, "code", `"conflict"`)

	mobile := a.must(t, 200, "Environment", "GET", env, "").str("mobileKey")
	next := a.must(t, 200, "Environment", "POST", env+"/mobileKey?expiry="+later, "").str("mobileKey")
	if !works(next) || works(mobile) {
		t.Errorf("the new mobile key %t, the old one %t", works(next), works(mobile))
	}
	blind := a.as(a.newToken(t, `{"name":"b","serviceToken":true,"inlineRole":[{"effect":"allow","actions":["updateApiKey"],"resources":["proj/*:env/*"]}]}`))
	if key := blind.must(t, 200, "", "POST", env+"/apiKey", "").str("apiKey"); !strings.HasPrefix(key, "****") {
		t.Errorf("who may not see keys is shown %q", key)
	}
	a.must(t, 200, "AuditEntries", "GET", "/auditlog?limit=1", "").want(t, "items.0.accesses.0.action", `"updateApiKey"`, "items.0.titleVerb", `"rotated the SDK key of"`)
	a.must(t, 404, "", "POST", "/projects/default/environments/nope/apiKey", "")
}

func TestEnvironmentLikeAnother(t *testing.T) {
	a := newAccount(t)
	const envs = "/projects/default/environments"
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"f","name":"Flag"}`)
	a.must(t, 200, "", "PATCH", "/flags/default/f", `[{"op":"replace","path":"/environments/production/on","value":true},
		{"op":"add","path":"/environments/production/rules/-","value":{"variation":1,"clauses":[{"attribute":"x","op":"in","values":["y"]}]}},
		{"op":"add","path":"/environments/production/targets/-","value":{"variation":0,"values":["ann"]}}]`)
	a.must(t, 201, "Environment", "POST", envs, `{"key":"copy","name":"Copy","color":"00ff00","source":{"key":"production","version":1}}`)
	got := a.must(t, 200, "Flag", "GET", "/flags/default/f", "")
	got.want(t, "environments.copy.on", `true`, "environments.copy.rules.0.variation", `1`, "environments.copy.targets.0.values", `["ann"]`, "environments.copy.version", `1`)
	if got.str("environments.copy.salt") == got.str("environments.production.salt") {
		t.Error("rollouts of the copy choose the same contexts")
	}
	a.must(t, 404, "", "POST", envs, `{"key":"x","name":"X","color":"00ff00","source":{"key":"nope"}}`)
	a.must(t, 409, "", "POST", envs, `{"key":"x","name":"X","color":"00ff00","source":{"key":"production","version":7}}`).want(t, "code", `"optimistic_locking_error"`)
	a.must(t, 201, "", "POST", envs, `{"key":"y","name":"Y","color":"00ff00","source":null}`)
	a.must(t, 400, "", "POST", "/projects", `{"key":"p","name":"P","environments":[{"key":"e","name":"E","color":"00ff00","source":{"key":"production"}}]}`)
	maker := a.as(a.newToken(t, `{"name":"m","serviceToken":true,"inlineRole":[{"effect":"allow","actions":["createEnvironment"],"resources":["proj/*:env/*"]}]}`))
	maker.must(t, 404, "", "POST", envs, `{"key":"z","name":"Z","color":"00ff00","source":{"key":"production"}}`)
	maker.must(t, 201, "", "POST", envs, `{"key":"z","name":"Z","color":"00ff00"}`)
}

func TestContextKinds(t *testing.T) {
	a := newAccount(t)
	const kinds = "/projects/default/context-kinds"
	a.must(t, 200, "ContextKinds", "GET", kinds, "").want(t, "items.0.key", `"user"`, "items.0.createdFrom", `"default"`, "items.0.description", `""`, "totalCount", `1`)
	a.must(t, 200, "", "PUT", kinds+"/org", `{"name":"Organisation","description":"Who pays","hideInTargeting":true}`).want(t, "status", `"success"`)
	a.must(t, 200, "ContextKinds", "GET", kinds, "").want(t, "items.1.key", `"org"`, "items.1.version", `1`, "items.1.createdFrom", `"manual"`, "items.1.hideInTargeting", `true`)
	a.must(t, 200, "", "PUT", kinds+"/org", `{"name":"Organisation","archived":true}`)
	a.must(t, 200, "", "PUT", kinds+"/org", `{"name":"Organisation"}`)
	a.must(t, 200, "ContextKinds", "GET", kinds, "").want(t, "items.1.version", `3`, "items.1.description", `"Who pays"`, "items.1.hideInTargeting", `true`, "items.1.archived", `true`)
	for _, key := range []string{"kind", "multi", "no%20blank", strings.Repeat("k", 300)} {
		a.must(t, 400, "", "PUT", kinds+"/"+key, `{"name":"N"}`)
	}
	a.must(t, 400, "", "PUT", kinds+"/org", `{}`)
	a.must(t, 404, "", "PUT", "/projects/nope/context-kinds/org", `{"name":"N"}`)
	changer := a.as(a.newToken(t, `{"name":"c","serviceToken":true,"inlineRole":[{"effect":"allow","actions":["updateContextKind"],"resources":["proj/*:context-kind/org"]}]}`))
	changer.must(t, 200, "", "PUT", kinds+"/org", `{"name":"Company"}`)
	changer.must(t, 403, "", "PUT", kinds+"/user", `{"name":"Person"}`)
	changer.must(t, 403, "", "PUT", kinds+"/team", `{"name":"Team"}`)
}
