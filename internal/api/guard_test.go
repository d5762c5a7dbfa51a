package api_test

import "testing"

func TestTheGuardOfASource(t *testing.T) {
	a := newAccount(t)
	const source = environment + "/sources/heap-inbound/guard"
	a.must(t, 200, "Guard", "GET", source, "").want(t, "shrinkPercent", "30", "onHeld", `"accept"`,
		"inherited", `["allowEmpty","growthPercent","minMembers","onHeld","shrinkPercent","windowSeconds"]`)
	a.must(t, 200, "Guard", "PATCH", source, `{"onHeld":"reject","growthPercent":200}`).want(t, "onHeld", `"reject"`, "growthPercent", "200",
		"inherited", `["allowEmpty","minMembers","shrinkPercent","windowSeconds"]`, "_links.self.href", `"/api/v2`+source+`"`,
		"origins", `{"allowEmpty":"default","growthPercent":"source","minMembers":"default","onHeld":"source","shrinkPercent":"default","windowSeconds":"default"}`)
	a.must(t, 200, "Guard", "GET", environment+"/sources/Heap-Inbound/guard", "").want(t, "onHeld", `"reject"`)
	a.must(t, 200, "Guard", "GET", environment+"/guard", "").want(t, "onHeld", `"accept"`)
	a.must(t, 200, "Guard", "PATCH", environment+"/guard", `{"minMembers":50,"shrinkPercent":40}`).want(t, "origins.minMembers", `"environment"`, "origins.onHeld", `"default"`)
	a.must(t, 200, "Guard", "PATCH", source, `{"inherited":["onHeld","growthPercent"]}`).want(t, "onHeld", `"accept"`, "growthPercent", "null")
	a.must(t, 400, "Error", "PATCH", environment+"/sources/no%20key/guard", `{"onHeld":"reject"}`)
	a.must(t, 400, "Error", "PATCH", environment+"/sources/no%20key/guard", `{}`)
	a.must(t, 400, "Error", "GET", environment+"/sources/no%20key/guard", "")

	reader := a.as(a.newToken(t, `{"name":"r","role":"reader"}`))
	reader.must(t, 200, "Guard", "GET", source, "")
	reader.must(t, 403, "Error", "PATCH", source, `{"onHeld":"reject"}`)
	stranger := a.as(a.newToken(t, `{"name":"s","inlineRole":[{"effect":"allow","actions":["*"],"resources":["proj/other"]}]}`))
	stranger.must(t, 404, "Error", "GET", source, "")
	stranger.must(t, 404, "Error", "PATCH", environment+"/sources/no%20key/guard", `{}`)
}
