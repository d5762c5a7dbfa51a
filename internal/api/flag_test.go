package api_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestFlagLifecycle(t *testing.T) {
	a := newAccount(t)
	const flags, f = "/flags/default", "/flags/default/new-checkout"
	a.must(t, 404, "Error", "GET", f, "")
	a.must(t, 201, "Flag", "POST", flags, `{"key":"new-checkout","name":"New checkout"}`).want(t,
		"kind", `"boolean"`, "variations.0.value", `true`, "variations.1.value", `false`, "defaults", `{"onVariation":0,"offVariation":1}`,
		"temporary", `true`, "customProperties", `{}`, "goalIds", `[]`, "experiments", `{"baselineIdx":0,"items":[]}`, "_version", `1`,
		"clientSideAvailability", `{"usingMobileKey":true,"usingEnvironmentId":false}`,
		"environments.production.on", `false`, "environments.production.fallthrough", `{"variation":0}`, "environments.production.offVariation", `1`,
		"environments.test._environmentName", `"Test"`, "environments.production.targets", `[]`, "environments.production.prerequisites", `[]`)
	a.must(t, 409, "", "POST", flags, `{"key":"new-checkout","name":"x"}`).want(t, "code", `"conflict"`)
	a.must(t, 200, "Flag", "GET", f+"?env=test", "").want(t, "environments.production", `null`, "environments.test.on", `false`)

	got := a.must(t, 200, "Flag", "PATCH", f, `[{"op":"replace","path":"/environments/production/on","value":true}]`)
	got.want(t, "environments.production.on", `true`, "environments.production.version", `2`, "environments.test.on", `false`, "environments.test.version", `1`, "_version", `2`)
	a.must(t, 200, "Flag", "PATCH", f, `{"comment":"Terraform","patch":[
		{"op":"replace","path":"/environments/production/fallthough","value":{"variation":1}},
		{"op":"replace","path":"/maintainerTeamKey","value":"x"}]}`).want(t, "_version", `2`)
	a.must(t, 200, "Flag", "PATCH", f, `[{"op":"replace","path":"/environments/production/fallthrough/rollout","value":{"variations":[{"variation":0,"weight":30000},{"variation":1,"weight":70000}]}}]`).
		want(t, "environments.production.fallthrough.variation", `null`, "environments.production.fallthrough.rollout.variations.1.weight", `70000`)
	a.must(t, 200, "Flag", "PATCH", f, `[{"op":"replace","path":"/environments/production/fallthrough/variation","value":1}]`).
		want(t, "environments.production.fallthrough", `{"variation":1}`)
	a.must(t, 200, "Flag", "PATCH", f, `[{"op":"remove","path":"/environments/production/offVariation"}]`).
		want(t, "environments.production.offVariation", `null`)
	a.must(t, 400, "", "PATCH", f, `[{"op":"remove","path":"/environments/production/offVariation"}]`).want(t, "code", `"invalid_patch"`)
	a.must(t, 400, "", "PATCH", f, `[{"op":"replace","path":"/environments/nope/on","value":true}]`).want(t, "code", `"invalid_patch"`)
	a.must(t, 400, "", "PATCH", f, `[{"op":"replace","path":"/environments/production/fallthrough/variation","value":9}]`)

	a.must(t, 200, "Flag", "PATCH", f, `{"environmentKey":"test","instructions":[{"kind":"turnFlagOn"},{"kind":"addTargets","contextKind":"user","values":["ann"],"variationId":"`+got.str("variations.0._id")+`"}]}`, "Content-Type", semantic).
		want(t, "environments.test.on", `true`, "environments.test.targets", `[{"contextKind":"user","values":["ann"],"variation":0}]`)
	a.must(t, 200, "Flag", "PATCH", f+"?dryRun=true", `{"environmentKey":"test","instructions":[{"kind":"turnFlagOff"}]}`, "Content-Type", semantic).
		want(t, "environments.test.on", `false`)
	a.must(t, 200, "Flag", "GET", f, "").want(t, "environments.test.on", `true`)
	a.must(t, 400, "", "PATCH", f, `{"instructions":[{"kind":"turnFlagOff"}]}`, "Content-Type", semantic)

	a.must(t, 200, "Flag", "PATCH", f, `{"archived":true}`).want(t, "archived", `true`, "environments.test.archived", `true`)
	a.must(t, 200, "Flags", "GET", flags, "").want(t, "totalCount", `0`)
	a.must(t, 200, "Flags", "GET", flags+"?filter=state:archived", "").want(t, "totalCount", `1`)
	a.must(t, 204, "", "DELETE", f, "null")
	a.must(t, 404, "", "GET", f, "")
}

func TestFlagList(t *testing.T) {
	a := newAccount(t)
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"a","name":"Zeta","tags":["x","y"],"variations":[{"value":"r","name":"Red"},{"value":"g"},{"value":"b"}],"defaults":{"onVariation":2,"offVariation":0},"isFlagOn":true}`)
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"b","name":"Alpha","tags":["x"],"temporary":false}`)
	a.must(t, 200, "Flags", "GET", "/flags/default", "").want(t, "items.0.key", `"a"`, "items.0.environments", `null`, "totalCount", `2`, "items.0.kind", `"multivariate"`)
	a.must(t, 200, "Flags", "GET", "/flags/default?env=production&env=test", "").want(t,
		"items.0.environments.production._summary.variations.2.isFallthrough", `true`,
		"items.0.environments.production._summary.variations.0.isOff", `true`,
		"items.0.environments.production.rules", `null`, "items.0.environments.test.on", `true`)
	a.must(t, 200, "Flags", "GET", "/flags/default?env=production&summary=0", "").want(t,
		"items.0.environments.production.rules", `[]`, "items.0.environments.test", `null`)
	for query, want := range map[string]string{
		"sort=name":                       `"b"`,
		"sort=-key":                       `"b"`,
		"filter=tags:x%2By":               `"a"`,
		"filter=tags:x+y":                 `"a"`,
		"filter=query:alpha":              `"b"`,
		"filter=type:permanent":           `"b"`,
		"tag=y":                           `"a"`,
		"filter=purpose:all%2B!(holdout)": `"a"`,
		"filter=" + url.QueryEscape(`creationDate:{"after":1},query:alpha`): `"b"`,
		"sort=type":                     `"b"`, // boolean, then multivariate
		"sort=-targetingModifiedDate":   `"b"`,
		"filter=sdkAvailability:mobile": `"a"`,
		"filter=sdkAvailability:client": `null`,
		"filter=type:boolean":           `"b"`,
		"filter=state:deprecated":       `null`,
		"limit=1&offset=1":              `"b"`,
		"filter=archived:true":          `null`,
		"filter=hasExperiment:true":     `null`,
		"filter=maintainerTeamKey:t":    `null`,
	} {
		a.must(t, 200, "Flags", "GET", "/flags/default?"+query, "").want(t, "items.0.key", want)
	}
	a.must(t, 400, "", "POST", "/flags/default", `{"key":"bad key","name":"C"}`)
	a.must(t, 400, "", "POST", "/flags/default", `{"key":"c","name":"C","variations":[{"value":1},{"value":"x"}]}`)
	a.must(t, 404, "", "POST", "/flags/nope", `{"key":"c","name":"C"}`)
}

func TestFlagsByWhatTheyDoInAnEnvironment(t *testing.T) {
	now := time.Now()
	a := newAccountAt(t, func() time.Time { return now })
	for _, key := range []string{"plain", "on", "vips"} {
		a.must(t, 201, "", "POST", "/flags/default", `{"key":"`+key+`","name":"`+key+`"}`)
	}
	now = now.Add(time.Hour)
	a.must(t, 200, "", "PATCH", "/flags/default/vips", `{"environments":{"production":{"rules":[
		{"variation":0,"clauses":[{"attribute":"segmentMatch","op":"segmentMatch","values":["vips"]}]},{"variation":0,"clauses":[{"contextKind":"org","attribute":"size","op":"in","values":[1]}]}]}}}`)
	now = now.Add(time.Hour)
	a.must(t, 200, "", "PATCH", "/flags/default/on", `{"environments":{"test":{"on":true,"targets":[{"variation":0,"values":["ann"]}]}}}`)
	for filter, want := range map[string]string{
		"targeting:on,filterEnv:test":                   `["on"]`,
		"filterEnv:test,targeting:off":                  `["plain","vips"]`,
		"targeting:on,filterEnv:production":             `[]`,
		"segmentTargeted:vips,filterEnv:production":     `["vips"]`,
		"segmentTargeted:vips,filterEnv:test":           `[]`,
		"contextKindTargeted:org,filterEnv:production":  `["vips"]`,
		"contextKindTargeted:user,filterEnv:test":       `["on"]`,
		"contextKindTargeted:user,filterEnv:production": `[]`,
		"status:new,filterEnv:test":                     `["on","plain","vips"]`,
		"status:active|launched,filterEnv:test":         `[]`,
		"targeting:on":                                  `["on","plain","vips"]`, // of no environment
	} {
		got := a.must(t, 200, "Flags", "GET", "/flags/default?sort=key&filter="+url.QueryEscape(filter), "")
		var keys []string
		for i := 0; got.at(fmt.Sprintf("items.%d", i)) != nil; i++ {
			keys = append(keys, got.str(fmt.Sprintf("items.%d.key", i)))
		}
		if all := fmt.Sprintf("%q", keys); strings.ReplaceAll(all, " ", ",") != want {
			t.Errorf("%s: %s, want %s", filter, all, want)
		}
	}
	a.must(t, 200, "", "GET", "/flags/default?filter=filterEnv:test,query:plain", "").want(t,
		"items.0.environments.test.on", `false`, "items.0.environments.production", `null`)
	for query, first := range map[string]string{"env=production": `"vips"`, "env=test": `"on"`, "env=test&env=production": `"on"`, "": `"on"`} {
		a.must(t, 200, "", "GET", "/flags/default?sort=-targetingModifiedDate&"+query, "").want(t, "items.0.key", first)
	}
}

func TestPrerequisites(t *testing.T) {
	a := newAccount(t)
	base := a.must(t, 201, "", "POST", "/flags/default", `{"key":"base","name":"Base"}`)
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"top","name":"Top"}`)
	a.must(t, 200, "Flag", "PATCH", "/flags/default/top", `{"environmentKey":"production","instructions":[{"kind":"addPrerequisite","key":"base","variationId":"`+base.str("variations.0._id")+`"}]}`, "Content-Type", semantic).
		want(t, "environments.production.prerequisites", `[{"key":"base","variation":0}]`)
	if got := a.must(t, 409, "", "DELETE", "/flags/default/base", "").str("message"); !strings.Contains(got, "top in environment production") {
		t.Errorf("the refusal doesn't say who has the prerequisite: %s", got)
	}
	a.must(t, 400, "", "PATCH", "/flags/default/base", `[{"op":"add","path":"/environments/production/prerequisites/-","value":{"key":"top","variation":0}}]`)
}

func TestInitialPrerequisites(t *testing.T) {
	a := newAccount(t)
	base := a.must(t, 201, "", "POST", "/flags/default", `{"key":"base","name":"Base"}`).str("variations.1._id")
	a.must(t, 201, "Flag", "POST", "/flags/default", `{"key":"top","name":"Top","initialPrerequisites":[{"key":"base","variationId":"`+base+`"}]}`).want(t,
		"environments.production.prerequisites", `[{"key":"base","variation":1}]`, "environments.test.prerequisites", `[{"key":"base","variation":1}]`)
	for _, bad := range []string{`{"key":"nope","variationId":"` + base + `"}`, `{"key":"base","variationId":"x"}`, `{"key":"base"}`, `{"key":"new","variationId":"` + base + `"}`} {
		a.must(t, 400, "", "POST", "/flags/default", `{"key":"new","name":"New","initialPrerequisites":[`+bad+`]}`)
	}
	maker := a.as(a.newToken(t, `{"name":"m","serviceToken":true,"inlineRole":[{"effect":"allow","actions":["createFlag"],"resources":["proj/*:env/*:flag/*"]}]}`))
	maker.must(t, 404, "", "POST", "/flags/default", `{"key":"blind","name":"Blind","initialPrerequisites":[{"key":"base","variationId":"`+base+`"}]}`)
}

func TestCloneOfAFlag(t *testing.T) {
	a := newAccount(t)
	made := a.must(t, 201, "", "POST", "/flags/default", `{"key":"a","name":"A","description":"What it does","tags":["x"],"temporary":false,"variations":[{"value":"r","name":"Red"},{"value":"g"}]}`)
	a.must(t, 200, "", "PATCH", "/flags/default/a", `{"deprecated":true,"environments":{"production":{"on":true,"rules":[{"variation":1,"clauses":[{"attribute":"x","op":"in","values":["y"]}]}]}}}`)
	got := a.must(t, 201, "Flag", "POST", "/flags/default?clone=a", `{"key":"b","name":"B","tags":["y"]}`)
	got.want(t, "key", `"b"`, "name", `"B"`, "description", `"What it does"`, "tags", `["y"]`, "temporary", `false`, "deprecated", `false`, "_version", `1`,
		"variations.0.value", `"r"`, "environments.production.on", `true`, "environments.production.rules.0.variation", `1`, "environments.production.version", `1`, "environments.test.on", `false`)
	if got.str("variations.0._id") == made.str("variations.0._id") {
		t.Error("a clone has the ids of the original")
	}
	a.must(t, 404, "", "POST", "/flags/default?clone=nope", `{"key":"c","name":"C"}`)
	a.must(t, 409, "", "POST", "/flags/default?clone=a", `{"key":"b","name":"B"}`)
	a.must(t, 400, "", "POST", "/flags/default?clone=a", `{"key":"c","name":"C","variations":[{"value":1},{"value":2}]}`)
	a.must(t, 400, "", "POST", "/flags/default?clone=a", `{"key":"c","name":"C","isFlagOn":true}`)
	maker := a.as(a.newToken(t, `{"name":"m","serviceToken":true,"inlineRole":[{"effect":"allow","actions":["createFlag"],"resources":["proj/*:env/*:flag/*"]}]}`))
	maker.must(t, 403, "", "POST", "/flags/default?clone=a", `{"key":"c","name":"C"}`)
	maker.must(t, 201, "", "POST", "/flags/default", `{"key":"c","name":"C"}`)
}

func TestCopyOfAFlagConfiguration(t *testing.T) {
	a := newAccount(t)
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"f","name":"F"}`)
	const copied = "/flags/default/f/copy"
	a.must(t, 200, "", "PATCH", "/flags/default/f", `{"environments":{"test":{"on":true,"trackEvents":true,"fallthrough":{"variation":1},"targets":[{"variation":1,"values":["ann"]}]}}}`)
	a.must(t, 201, "Flag", "POST", copied, `{"source":{"key":"test","currentVersion":2},"target":{"key":"production","currentVersion":1},"includedActions":["updateOn"],"comment":"release"}`).
		want(t, "environments.production.on", `true`, "environments.production.targets", `[]`, "environments.production.version", `2`, "environments.test.version", `2`)
	a.must(t, 200, "AuditEntries", "GET", "/auditlog?limit=1", "").want(t, "items.0.comment", `"release"`, "items.0.accesses.1.action", `"copyFlagConfigTo"`, "items.0.accesses.2.action", `"copyFlagConfigFrom"`)
	a.must(t, 201, "Flag", "POST", copied, `{"source":{"key":"test"},"target":{"key":"production"},"excludedActions":["updateTargets"]}`).
		want(t, "environments.production.targets", `[]`, "environments.production.fallthrough", `{"variation":1}`, "environments.production.trackEvents", `false`)
	a.must(t, 201, "Flag", "POST", copied, `{"source":{"key":"test"},"target":{"key":"production"}}`).want(t, "environments.production.targets.0.values", `["ann"]`)
	again := a.must(t, 201, "Flag", "POST", copied, `{"source":{"key":"test"},"target":{"key":"production"}}`)
	again.want(t, "environments.production.version", `4`)
	a.must(t, 409, "", "POST", copied, `{"source":{"key":"test","currentVersion":1},"target":{"key":"production"}}`).want(t, "code", `"optimistic_locking_error"`)
	for _, bad := range []string{
		`{"source":{"key":"nope"},"target":{"key":"production"}}`, `{"source":{"key":"test"}}`, `{"source":{"key":"test"},"target":{"key":"test"}}`,
		`{"source":{"key":"test"},"target":{"key":"production"},"includedActions":["deleteFlag"]}`,
		`{"source":{"key":"test"},"target":{"key":"production"},"includedActions":["updateOn"],"excludedActions":["updateRules"]}`,
	} {
		a.must(t, 400, "", "POST", copied, bad)
	}
	a.must(t, 404, "", "POST", "/flags/default/nope/copy", `{"source":{"key":"test"},"target":{"key":"production"}}`)
}

func TestDependentFlags(t *testing.T) {
	a := newAccount(t)
	base := a.must(t, 201, "", "POST", "/flags/default", `{"key":"base","name":"Base"}`).str("variations.0._id")
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"top","name":"Top","initialPrerequisites":[{"key":"base","variationId":"`+base+`"}]}`)
	a.must(t, 200, "", "PATCH", "/flags/default/top", `[{"op":"replace","path":"/environments/test/prerequisites","value":[]}]`)
	beta := []string{"LD-API-Version", "beta"}
	a.must(t, 403, "", "GET", "/flags/default/base/dependent-flags", "")
	a.must(t, 200, "DependentFlags", "GET", "/flags/default/base/dependent-flags", "", beta...).want(t,
		"items.0.key", `"top"`, "items.0.name", `"Top"`, "items.0.environments.0.key", `"production"`, "items.0.environments.0.name", `"Production"`, "items.0.environments.1", `null`)
	a.must(t, 200, "DependentFlagsInEnvironment", "GET", "/flags/default/production/base/dependent-flags", "", beta...).want(t, "items.0.key", `"top"`)
	a.must(t, 200, "DependentFlagsInEnvironment", "GET", "/flags/default/test/base/dependent-flags", "", beta...).want(t, "items", `[]`)
	a.must(t, 200, "DependentFlags", "GET", "/flags/default/top/dependent-flags", "", beta...).want(t, "items", `[]`)
	a.must(t, 404, "", "GET", "/flags/default/nope/dependent-flags", "", beta...)
	a.must(t, 404, "", "GET", "/flags/default/nope/base/dependent-flags", "", beta...)
}

func TestFlagStatuses(t *testing.T) {
	now := time.Now()
	a := newAccountAt(t, func() time.Time { return now })
	status := func(name, last string) {
		t.Helper()
		a.must(t, 200, "FlagStatus", "GET", "/flag-statuses/default/production/f", "").want(t, "name", name, "lastRequested", last)
	}
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"f","name":"F"}`)
	a.must(t, 200, "FlagStatuses", "GET", "/flag-statuses/default/production", "").want(t, "items.0.name", `"new"`, "items.0._links.parent.href", `"/api/v2/flags/default/f"`)
	now = now.Add(8 * 24 * time.Hour)
	status(`"inactive"`, `null`)
	a.reportEvaluations(t, 3)
	last := `"` + now.UTC().Format(time.RFC3339) + `"`
	status(`"active"`, last) // it is off
	a.must(t, 200, "", "PATCH", "/flags/default/f", `[{"op":"replace","path":"/environments/production/on","value":true}]`)
	status(`"active"`, last) // it was changed
	now = now.Add(6 * 24 * time.Hour)
	status(`"active"`, last)
	a.must(t, 200, "FlagStatusEverywhere", "GET", "/flag-status/default/f", "").want(t, "environments.production.name", `"active"`,
		"environments.production.lastRequested", last, "environments.production.default", `"fallback"`, "environments.test.name", `"inactive"`, "key", `"f"`)
	now = now.Add(2 * 24 * time.Hour)
	status(`"inactive"`, last)
	a.reportEvaluations(t, 4)
	last = `"` + now.UTC().Format(time.RFC3339) + `"`
	status(`"launched"`, last)
	a.must(t, 200, "", "PATCH", "/flags/default/f", `[{"op":"add","path":"/environments/production/targets/-","value":{"variation":1,"values":["ann"]}}]`)
	now = now.Add(8 * 24 * time.Hour)
	a.reportEvaluations(t, 5)
	status(`"active"`, `"`+now.UTC().Format(time.RFC3339)+`"`) // somebody gets something else
	a.must(t, 404, "", "GET", "/flag-statuses/default/nope", "")
	a.must(t, 404, "", "GET", "/flag-statuses/default/nope/f", "")
	a.must(t, 404, "", "GET", "/flag-status/default/nope", "")
}

func TestDeletionByAPatch(t *testing.T) {
	a := newAccount(t)
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"f","name":"F"}`)
	const deletion = `{"comment":"clean up","instructions":[{"kind":"deleteFlag"}]}`
	changer := a.as(a.newToken(t, `{"name":"c","serviceToken":true,"inlineRole":[{"effect":"allow","actions":["update*"],"resources":["*"]}]}`))
	changer.must(t, 403, "", "PATCH", "/flags/default/f", deletion, "Content-Type", semantic)
	a.must(t, 400, "", "PATCH", "/flags/default/f", `{"instructions":[{"kind":"deleteFlag"},{"kind":"archiveFlag"}]}`, "Content-Type", semantic)
	a.must(t, 412, "", "PATCH", "/flags/default/f", deletion, "Content-Type", semantic, "If-Match", `"7"`)
	a.must(t, 412, "", "DELETE", "/flags/default/f", "", "If-Match", `"7"`)
	a.must(t, 200, "Flag", "PATCH", "/flags/default/f?dryRun=true", deletion, "Content-Type", semantic)
	a.must(t, 200, "Flag", "GET", "/flags/default/f", "")
	a.must(t, 200, "Flag", "PATCH", "/flags/default/f", deletion, "Content-Type", semantic).want(t, "key", `"f"`)
	a.must(t, 404, "", "GET", "/flags/default/f", "")
	a.must(t, 200, "", "GET", "/auditlog?limit=1", "").want(t, "items.0.comment", `"clean up"`, "items.0.titleVerb", `"deleted the flag"`)
}

func TestTheAuditLogSaysWhichWayAFlagWasTurned(t *testing.T) {
	a := newAccount(t)
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"f","name":"F"}`)
	for _, tt := range []struct{ patch, verb string }{
		{`[{"op":"replace","path":"/environments/production/on","value":true}]`, "turned on"},
		{`[{"op":"replace","path":"/environments/production/on","value":false},{"op":"replace","path":"/environments/test/on","value":true}]`, "toggled"},
		{`[{"op":"replace","path":"/environments/test/on","value":false}]`, "turned off"},
	} {
		a.must(t, 200, "", "PATCH", "/flags/default/f", tt.patch)
		a.must(t, 200, "", "GET", "/auditlog?limit=1", "").want(t, "items.0.titleVerb", `"`+tt.verb+`"`, "items.0.shortDescription", `"`+tt.verb+` F"`)
	}
}
