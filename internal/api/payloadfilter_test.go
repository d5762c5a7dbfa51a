package api_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestPayloadFilters(t *testing.T) {
	a := newAccount(t)
	const filters = "/projects/default/payload-filters"
	rule := func(action, property, regex string) string {
		return fmt.Sprintf(`{"action":%q,"condition":{"kind":"string-match","property":%q,"regex":%q}}`, action, property, regex)
	}
	a.must(t, 201, "", "POST", filters, `{"key":"web","name":"Web","description":"What the site needs","rules":[`+rule("include", "flag-key", "web-.*")+`]}`).
		want(t, "key", `"web"`, "rules", `[`+strings.ReplaceAll(`{"action":"include","condition":{"kind":"string-match","property":"flag-key","regex":"web-.*"}}`, " ", "")+`]`, "_version", "1")
	a.must(t, 201, "", "POST", filters, `{"key":"all"}`).want(t, "name", `"all"`, "rules", `[]`)
	a.must(t, 409, "", "POST", filters, `{"key":"web"}`)
	a.must(t, 200, "", "GET", filters, "").want(t, "totalCount", "2", "items.0.key", `"web"`, "items.1.key", `"all"`)
	a.must(t, 200, "", "GET", filters+"?limit=1&offset=1", "").want(t, "items.0.key", `"all"`)
	a.must(t, 200, "", "PATCH", filters+"/web", `[{"op":"add","path":"/rules/-","value":`+rule("exclude", "flag-tag", "old")+`}]`).
		want(t, "rules.1.action", `"exclude"`, "_version", "2")
	a.must(t, 200, "", "PATCH", filters+"/web", `{"name":"Web"}`).want(t, "_version", "2") // nothing changes
	for name, body := range map[string]string{
		"action":                 `{"key":"x","rules":[` + rule("perhaps", "flag-key", ".*") + `]}`,
		"property":               `{"key":"x","rules":[` + rule("include", "flag-colour", ".*") + `]}`,
		"regex":                  `{"key":"x","rules":[` + rule("include", "flag-key", "(") + `]}`,
		"1024":                   `{"key":"x","rules":[` + rule("include", "flag-key", strings.Repeat("a", 1025)) + `]}`,
		"kind":                   `{"key":"x","rules":[{"action":"include","condition":{"kind":"sorcery","property":"flag-key","regex":"."}}]}`,
		"at most 50 are allowed": `{"key":"x","rules":[` + strings.TrimSuffix(strings.Repeat(rule("include", "flag-key", ".*")+",", 51), ",") + `]}`,
		`key "a/b"`:              `{"key":"a/b"}`,
	} {
		r := a.must(t, map[bool]int{true: 413, false: 400}[strings.HasPrefix(name, "at most")], "", "POST", filters, body)
		if !strings.Contains(r.str("message"), name) {
			t.Errorf("%s: %s", name, r.str("message"))
		}
	}
	a.must(t, 404, "", "GET", filters+"/nope", "")
	a.must(t, 404, "", "GET", "/projects/nope/payload-filters", "")
	a.must(t, 204, "", "DELETE", filters+"/web", "")
	a.must(t, 404, "", "DELETE", filters+"/web", "")
	a.must(t, 200, "", "GET", "/auditlog?limit=1", "").want(t, "items.0.kind", `"payload-filter"`, "items.0.shortDescription", `"deleted the payload filter Web"`)
	for n := range 49 {
		a.must(t, 201, "", "POST", filters, fmt.Sprintf(`{"key":"f%d"}`, n))
	}
	if r := a.must(t, 413, "", "POST", filters, `{"key":"more"}`); !strings.Contains(r.str("message"), "at most 50") {
		t.Errorf("%s", r.str("message"))
	}
}
