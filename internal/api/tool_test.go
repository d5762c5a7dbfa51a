package api_test

import (
	"strings"
	"testing"
)

func TestTools(t *testing.T) {
	a := newAccount(t)
	got := a.must(t, 200, "", "GET", "/tools", "")
	got.want(t, "publicUrl", `"https://muster.test"`)
	items, _ := got.at("items").([]any)
	tools := map[string]reply{}
	for _, item := range items {
		tool := reply{body: item}
		tools[tool.str("key")] = tool
	}
	tools["rudderstack"].want(t, "name", `"RudderStack"`, "native", `"fixed"`, "path", `"/api/v2/segment-targets/rudderstack"`, "basicAuthentication", "false",
		"can.link", "true", "can.replace", "false", "websites.site", `"https://www.rudderstack.com"`)
	if body := tools["rudderstack"].str("body"); !strings.Contains(body, "\"environmentId\": \"{{environmentId}}\",\n") {
		t.Errorf("the body is not laid out for people: %s", body)
	}
	tools["mixpanel"].want(t, "path", `"/api/v2/segment-targets/mixpanel?environmentId={{environmentId}}"`, "basicAuthentication", "true", "can.replace", "true")
	tools["tealium-synced-segments"].want(t, "native", `"address"`)
	tools["example-synced-segment-integration2"].want(t, "example", "true")
}
