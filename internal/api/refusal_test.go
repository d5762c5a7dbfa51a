package api_test

import (
	"regexp"
	"strings"
	"testing"
)

// TestRefusalsSayWhatIsWrongAndWhatToDo asks for what can't be. Nothing of it may change anything.
func TestRefusalsSayWhatIsWrongAndWhatToDo(t *testing.T) {
	a, names := furnished(t)
	a.must(t, 201, "", "POST", "/projects", `{"key":"other","name":"Other"}`)
	a.must(t, 201, "", "POST", "/flags/other", `{"key":"theirs","name":"Theirs"}`)
	a.must(t, 201, "", "POST", "/segments/other/production", `{"key":"theirs","name":"Theirs","unbounded":true}`)
	run := names.Replace("{run}")
	f := a.must(t, 200, "", "GET", "/flags/default/f", "")
	theirs := a.must(t, 200, "", "GET", "/flags/other/theirs", "").str("variations.0._id")
	for _, s := range []struct{ key, names string }{{"inner", "big"}, {"outer", "inner"}} {
		a.must(t, 201, "", "POST", seg, `{"key":"`+s.key+`","name":"S"}`)
		a.must(t, 200, "", "PATCH", seg+"/"+s.key, `{"rules":[{"clauses":[{"attribute":"","op":"segmentMatch","values":["`+s.names+`"]}]}]}`)
	}
	match := func(key string) string {
		return `{"clauses":[{"attribute":"","op":"segmentMatch","values":["` + key + `"]}]}`
	}
	member, token := names.Replace("{member}"), names.Replace("{token}")
	a.must(t, 200, "", "PATCH", "/members/"+member, `{"customRoles":["r"]}`)
	instruct := func(ins string) string { return `{"environmentKey":"production","instructions":[` + ins + `]}` }
	before := a.configured(t)

	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		code               string
		says               []string
		header             []string
	}{
		"prerequisites in a circle":                   {"PATCH", "/flags/default/g", `{"environments":{"test":{"prerequisites":[{"key":"f","variation":0}]}}}`, 400, "invalid_request", []string{"f", "g", "test"}, nil},
		"a flag that requires itself":                 {"PATCH", "/flags/default/g", `{"environments":{"test":{"prerequisites":[{"key":"g","variation":0}]}}}`, 400, "invalid_request", []string{"g"}, nil},
		"a prerequisite that isn't there":             {"PATCH", "/flags/default/g", `{"environments":{"test":{"prerequisites":[{"key":"nope","variation":0}]}}}`, 400, "invalid_request", []string{"nope"}, nil},
		"a prerequisite of another project":           {"PATCH", "/flags/default/g", `{"environments":{"test":{"prerequisites":[{"key":"theirs","variation":0}]}}}`, 400, "invalid_request", []string{"theirs"}, nil},
		"a prerequisite's variation beyond the last":  {"PATCH", "/flags/default/f", `{"environments":{"production":{"prerequisites":[{"key":"g","variation":7}]}}}`, 400, "invalid_request", []string{"g", "7"}, nil},
		"segments in a circle":                        {"PATCH", seg + "/inner", `{"rules":[` + match("outer") + `]}`, 400, "invalid_request", []string{"inner", "outer"}, nil},
		"a segment that contains itself":              {"PATCH", seg + "/inner", `{"rules":[` + match("inner") + `]}`, 400, "invalid_request", []string{"inner"}, nil},
		"deletion of a segment in use":                {"DELETE", seg + "/big", "", 409, "conflict", []string{"inner", "remove it there first"}, nil},
		"deletion of a flag in use":                   {"DELETE", "/flags/default/g", "", 409, "conflict", []string{"f in environment test"}, nil},
		"archiving of a flag in use":                  {"PATCH", "/flags/default/g", `{"archived":true}`, 409, "conflict", []string{"f"}, nil},
		"deletion of a flag in use by an instruction": {"PATCH", "/flags/default/g", `{"instructions":[{"kind":"deleteFlag"}]}`, 409, "conflict", []string{"f"}, []string{"Content-Type", semantic}},
		"deletion of a role in use":                   {"DELETE", "/roles/r", "", 409, "conflict", []string{"access tokens t", "bob@x.test"}, nil},
		"a key that is taken":                         {"POST", "/projects", `{"key":"other","name":"Again"}`, 409, "conflict", []string{"other"}, nil},
		"a segment's key that is taken":               {"POST", seg, `{"key":"big","name":"Again"}`, 409, "key_exists", []string{"Duplicate segment key"}, nil},

		"a run of a segment of another project":    {"GET", "/segments/other/production/theirs/runs/" + run, "", 404, "not_found", []string{run}, nil},
		"a point of another project":               {"POST", names.Replace("/segments/other/production/theirs/points/{point}/publish"), "", 404, "not_found", nil, nil},
		"an import of another project":             {"GET", names.Replace("/segments/other/production/theirs/imports/{import}"), "", 404, "not_found", nil, nil},
		"an export of another project":             {"GET", names.Replace("/segments/other/production/theirs/exports/{export}/file"), "", 404, "not_found", nil, nil},
		"a variation of a flag of another project": {"PATCH", "/flags/default/f", instruct(`{"kind":"addTargets","values":["x"],"variationId":"` + theirs + `"}`), 400, "invalid_request", []string{theirs, "f"}, []string{"Content-Type", semantic}},
		"a clone of a flag of another project":     {"POST", "/flags/default?clone=theirs", `{"key":"c","name":"C"}`, 404, "not_found", []string{"theirs"}, nil},
		"an environment of another project":        {"GET", "/projects/other/environments/nowhere", "", 404, "not_found", []string{"nowhere"}, nil},
		"a maintainer who is no member":            {"PATCH", "/flags/default/f", `{"maintainerId":"64b0c9f2a1d3e4f506172899"}`, 400, "invalid_request", []string{"64b0c9f2a1d3e4f506172899"}, nil},
		"a token with an unknown role":             {"POST", "/tokens", `{"name":"t","customRoleIds":["nobody"]}`, 400, "invalid_request", []string{"nobody"}, nil},
		"a token that isn't there":                 {"PATCH", "/tokens/000000000000000000000000", `{"name":"N"}`, 404, "not_found", nil, nil},
		"the credential of an SDK":                 {"GET", "/projects", "", 401, "unauthorized", nil, []string{"Authorization", sdkKey}},
		"a client-side ID":                         {"GET", "/projects", "", 401, "unauthorized", nil, []string{"Authorization", clientSideID}},
		"a token of some other account":            {"GET", "/projects", "", 401, "unauthorized", nil, []string{"Authorization", "api-6f9619ff-8b86-4d01-b42d-00cf4fc964ff"}},
		"no version of the API":                    {"GET", "/projects", "", 400, "invalid_request", []string{"20240415"}, []string{"LD-API-Version", "19700101"}},
		"a key that can't be":                      {"POST", "/projects", `{"key":"a b","name":"N"}`, 400, "invalid_request", []string{"letters, digits"}, nil},
		"a key of Unicode":                         {"POST", "/projects", `{"key":"żółć","name":"N"}`, 400, "invalid_request", []string{"żółć"}, nil},
		"a context kind that can't be":             {"PUT", "/projects/default/context-kinds/multi", `{"name":"M"}`, 400, "invalid_request", []string{"multi"}, nil},
		"a tag that can't be":                      {"PATCH", "/projects/default", `{"tags":["a b"]}`, 400, "invalid_request", []string{"a b"}, nil},
		"a null byte in a context key":             {"POST", "/projects", `{"key":"a\u0000b","name":"N"}`, 400, "invalid_request", []string{"letters, digits"}, nil},
		"a wrong type":                             {"PATCH", "/flags/default/f", `{"tags":"t"}`, 400, "invalid_request", []string{"tags"}, nil},
		"a wrong type inside":                      {"PATCH", "/flags/default/f", `{"environments":{"production":{"rules":[{"clauses":[{"attribute":"a","op":"in","values":7}]}]}}}`, 400, "invalid_request", []string{"rules", "values"}, nil},
		"a number that doesn't fit":                {"PATCH", "/flags/default/f", `{"environments":{"production":{"offVariation":1e30}}}`, 400, "invalid_request", []string{"offVariation"}, nil},
		"a read-only member":                       {"PATCH", "/flags/default/f", `[{"op":"replace","path":"/_version","value":9}]`, 400, "invalid_request", []string{"_version", "read-only"}, nil},
		"a read-only member inside":                {"PATCH", "/flags/default/f", `[{"op":"replace","path":"/environments/production/salt","value":"x"}]`, 400, "invalid_request", []string{"salt", "read-only"}, nil},
		"a path below what has no members":         {"PATCH", "/flags/default/f", `[{"op":"add","path":"/name/first","value":1}]`, 400, "invalid_patch", []string{"operation 0", "/name"}, nil},
		"a configuration that isn't there":         {"PATCH", "/flags/default/f", `[{"op":"replace","path":"/environments/nowhere/on","value":true}]`, 400, "invalid_patch", []string{"nowhere"}, nil},
		"a configuration that goes":                {"PATCH", "/flags/default/f", `[{"op":"remove","path":"/environments/test"}]`, 400, "invalid_request", []string{"environments/test"}, nil},
		"a rollout that isn't whole":               {"PATCH", "/flags/default/f", `{"environments":{"production":{"fallthrough":{"rollout":{"variations":[{"variation":0,"weight":5}]}}}}}`, 400, "invalid_request", []string{"100000"}, nil},
		"one target of two variations":             {"PATCH", "/flags/default/f", `{"environments":{"production":{"targets":[{"variation":0,"values":["x"]},{"variation":1,"values":["x"]}]}}}`, 400, "invalid_request", []string{"variation 0", "variation 1"}, nil},
		"a variation that is served":               {"PATCH", "/flags/default/f", instruct(`{"kind":"removeVariation","variationId":"` + f.str("variations.0._id") + `"}`), 400, "invalid_request", []string{"still served"}, []string{"Content-Type", semantic}},
		"an instruction nobody knows":              {"PATCH", "/flags/default/f", instruct(`{"kind":"makeCoffee"}`), 400, "invalid_request", []string{"makeCoffee"}, []string{"Content-Type", semantic}},
		"an instruction without its parameter":     {"PATCH", "/flags/default/f", instruct(`{"kind":"addTargets"}`), 400, "invalid_request", []string{"addTargets"}, []string{"Content-Type", semantic}},
		"an instruction that needs an environment": {"PATCH", "/flags/default/f", `{"instructions":[{"kind":"turnFlagOn"}]}`, 400, "invalid_request", []string{"environmentKey"}, []string{"Content-Type", semantic}},
		"the second of two instructions":           {"PATCH", "/flags/default/f", instruct(`{"kind":"turnFlagOn"},{"kind":"removeVariation","variationId":"x"}`), 400, "invalid_request", []string{"variationId"}, []string{"Content-Type", semantic}},
		"the last of two operations":               {"PATCH", "/flags/default/f", `[{"op":"replace","path":"/name","value":"N"},{"op":"test","path":"/key","value":"x"}]`, 400, "invalid_patch", []string{"operation 1"}, nil},
		"the reordering of rules without one":      {"PATCH", "/flags/default/f", `{"environmentKey":"test","instructions":[{"kind":"reorderRules","ruleIds":[]}]}`, 400, "invalid_request", []string{"ruleIds"}, []string{"Content-Type", semantic}},
		"members of a list by a call for big ones": {"POST", seg + "/small/contexts", `{"included":{"add":["x"]}}`, 400, "invalid_request", []string{"small"}, nil},
		"targets of a big segment by a patch":      {"PATCH", seg + "/big", `{"included":["x"]}`, 400, "invalid_request", []string{"POST"}, nil},
		"an empty context key":                     {"POST", seg + "/big/contexts", `{"included":{"add":[""]}}`, 400, "invalid_request", nil, nil},
		"a context without a key":                  {"POST", env + "/flags/evaluate", `{"kind":"user"}`, 400, "invalid_request", []string{"key"}, nil},
		"a form":                                   {"POST", "/projects", `key=a`, 415, "unsupported_media_type", []string{"application/json"}, []string{"Content-Type", "application/x-www-form-urlencoded"}},
		"a statement without resources":            {"POST", "/roles", `{"key":"x","name":"X","policy":[{"effect":"allow","actions":["*"]}]}`, 400, "invalid_request", []string{"resources"}, nil},
		"an effect nobody knows":                   {"POST", "/roles", `{"key":"x","name":"X","policy":[{"effect":"maybe","actions":["*"],"resources":["*"]}]}`, 400, "invalid_request", []string{"allow", "deny"}, nil},
		"removal of what isn't there, of a token":  {"PATCH", "/tokens/" + token, `[{"op":"remove","path":"/inlineRole"}]`, 422, "patch_failed", []string{"inlineRole"}, nil},
		"a member twice":                           {"POST", "/members", `[{"email":"x@x.test","role":"reader"},{"email":"X@x.test","role":"reader"}]`, 400, "duplicate_emails", []string{"x.test"}, nil},
		"the deletion of the owner":                {"DELETE", "/members/me", "", 403, "forbidden", []string{"owner"}, nil},
		"a date that can't be":                     {"POST", env + "/apiKey?expiry=tomorrow", "", 400, "invalid_request", []string{"expiry", "milliseconds"}, nil},
		"an order nobody knows":                    {"GET", "/flags/default?sort=size", "", 400, "invalid_request", []string{"size", "creationDate"}, nil},
		"a method that isn't served":               {"DELETE", "/flags/default", "", 405, "method_not_allowed", []string{"GET", "POST"}, nil},
		"a path that isn't served":                 {"GET", "/webhookz", "", 404, "not_found", []string{"/webhookz"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			status := a.hostile(t, name, tt.method, tt.path, tt.body, tt.header...)
			got := a.call(t, tt.method, tt.path, tt.body, tt.header...)
			if status != tt.status || got.status != tt.status || got.str("code") != tt.code {
				t.Fatalf("%d %s, want %d %s", got.status, got.text, tt.status, tt.code)
			}
			for _, says := range tt.says {
				if !strings.Contains(got.str("message"), says) {
					t.Errorf("the refusal doesn't say %q: %s", says, got.str("message"))
				}
			}
		})
	}
	if after := a.configured(t); after != before {
		t.Errorf("a refusal changed something:\n%s\n%s", before, after)
	}
}

// everChanging is what each look at an account changes.
var everChanging = regexp.MustCompile(`"(_lastSeen|lastUsed|time)":\d+`)

// configured is what the tests of refusals could change.
func (a *account) configured(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	for _, path := range []string{
		"/projects?expand=environments", "/flags/default?env=production&env=test&summary=0", "/flags/other", seg, "/segments/other/production", seg + "/big/members",
		"/tokens?showAll=true", "/roles", "/members", "/projects/default/context-kinds", seg + "/big/runs",
	} {
		b.Write(everChanging.ReplaceAll(a.must(t, 200, "", "GET", path, "").text, nil))
		b.WriteByte('\n')
	}
	return b.String()
}
