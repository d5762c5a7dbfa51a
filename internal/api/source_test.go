package api_test

import (
	"strings"
	"testing"
)

func TestASourceIsNamedDisconnectedAndForgotten(t *testing.T) {
	a := newAccount(t)
	const pushed = `{"environmentId":"` + clientSideID + `","cohortId":"c","cohortName":"Cohort","listData":{"add":[{"id":"a"},{"id":"b"}]}}`
	const sources, source = environment + "/sources", environment + "/sources/rudderstack"
	a.must(t, 200, "", "GET", sources, "").want(t, "items", "[]")
	a.must(t, 200, "", "GET", source, "").want(t, "segments", "0", "connected", "true", "tokens", "[]") // a tool that may yet push
	a.must(t, 404, "", "GET", sources+"/nothing", "")
	a.must(t, 400, "", "GET", sources+"/no%20key", "")
	a.push(t, "rudderstack", pushed)
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"f","name":"F"}`)
	a.must(t, 200, "", "PATCH", "/flags/default/f", `{"environments":{"production":{"rules":[{"variation":0,"clauses":[{"attribute":"","op":"segmentMatch","values":["rudderstack-c"]}]}]}}}`)
	got := a.must(t, 200, "", "GET", sources+"/RudderStack", "")
	got.want(t, "key", `"rudderstack"`, "segments", "1", "members", "2", "flags", "1", "lastRun.added", "2", "tokens.0.runs", "1", "tokens.1", "null")
	a.must(t, 200, "", "GET", "/tokens/"+got.str("tokens.0._id"), "")
	a.must(t, 200, "", "GET", sources, "").want(t, "items.0.key", `"rudderstack"`, "items.0.lastRun.state", `"live"`, "totalCount", "1")

	a.must(t, 200, "", "PATCH", source, `{"name":"Warehouse audiences"}`).want(t, "name", `"Warehouse audiences"`, "connected", "true")
	a.must(t, 200, "", "PATCH", source, `{"connected":false}`).want(t, "connected", "false", "members", "2", "name", `"Warehouse audiences"`)
	a.must(t, 200, "", "GET", "/auditlog?limit=1", "").want(t, "items.0.titleVerb", `"disconnected the source rudderstack of"`)
	if got := a.pushed(t, "rudderstack", pushed); got.Code != 403 || !strings.Contains(got.Body.String(), "disconnected") {
		t.Errorf("a push of a source that is disconnected: %d %s", got.Code, got.Body)
	}
	a.must(t, 200, "", "PATCH", source, `{"connected":true}`).want(t, "connected", "true", "disconnectedAt", "null")
	a.push(t, "rudderstack", pushed)
	a.must(t, 400, "", "PATCH", source, `{"connected":"no"}`)

	a.must(t, 200, "", "PATCH", source+"/guard", `{"onHeld":"reject"}`)
	a.must(t, 204, "", "DELETE", source, "")
	a.must(t, 200, "", "GET", sources, "").want(t, "items", "[]")
	a.must(t, 200, "", "GET", source+"/guard", "").want(t, "onHeld", `"accept"`)
	a.must(t, 200, "Segment", "GET", seg+"/rudderstack-c", "").want(t, "_external", "null", "_unboundedMetadata.includedCount", "2")
	a.must(t, 404, "", "DELETE", source, "")
	a.push(t, "rudderstack", pushed)
	a.must(t, 200, "", "GET", source, "").want(t, "segments", "1", "members", "2", "name", "null")
}
