package migrate_test

import (
	"encoding/json"
	"strconv"
)

// shop fills a server with a project in which everything occurs that is carried over.
func shop(s *server) {
	s.t.Helper()
	for _, step := range []struct{ method, path, body string }{
		{"POST", "/projects", `{"key":"shop","name":"Shop","tags":["retail"],"environments":[
			{"key":"production","name":"Production","color":"00DA7B","critical":true,"confirmChanges":true,"tags":["live"]},
			{"key":"test","name":"Test","secureMode":true,"defaultTtl":5}]}`},
		{"PUT", "/projects/shop/context-kinds/org", `{"name":"Organisation","description":"who pays"}`},
		{"PUT", "/projects/shop/context-kinds/device", `{"name":"Device","hideInTargeting":true}`},

		{"POST", "/segments/shop/production", `{"key":"staff","name":"Staff","description":"all who work here","tags":["people"]}`},
		{"PATCH", "/segments/shop/production/staff", `{"merge":{"included":["u1","u2"],"excluded":["u3"],"includedContexts":[{"contextKind":"org","values":["o1"]}],
			"rules":[{"description":"by address","clauses":[{"contextKind":"user","attribute":"email","op":"endsWith","values":["@shop.example"]}],"weight":50000,"rolloutContextKind":"user"}]}}`},
		{"POST", "/segments/shop/production", `{"key":"nested","name":"Nested"}`},
		{"PATCH", "/segments/shop/production/nested", `{"merge":{"rules":[{"clauses":[{"attribute":"","op":"segmentMatch","values":["staff"]}]}]}}`},
		{"POST", "/segments/shop/production", `{"key":"amplitude-vips","name":"VIPs","unbounded":true,"unboundedContextKind":"user"}`},
		{"POST", "/segments/shop/test", `{"key":"staff","name":"Staff in tests"}`},

		{"POST", "/flags/shop", `{"key":"plain","name":"Plain","description":"on or off","tags":["b","a"],"temporary":false,
			"clientSideAvailability":{"usingMobileKey":true,"usingEnvironmentId":true},"customProperties":{"jira":{"name":"Jira","value":["X-1"]}}}`},
		{"POST", "/flags/shop", `{"key":"colour","name":"Colour","variations":[{"value":"red","name":"Red"},{"value":"green","description":"calm"},{"value":"blue"}],
			"defaults":{"onVariation":1,"offVariation":2}}`},
		{"POST", "/flags/shop", `{"key":"layout","name":"Layout","variations":[{"value":{"columns":1}},{"value":{"columns":2}}]}`},
		{"POST", "/flags/shop", `{"key":"price","name":"Price","variations":[{"value":1},{"value":2.5},{"value":3}]}`},
		{"POST", "/flags/shop", `{"key":"old","name":"Old","description":"gone"}`},
		{"POST", "/flags/shop", `{"key":"fading","name":"Fading"}`},

		{"PATCH", "/flags/shop/plain", `{"merge":{"environments":{"production":{"on":true,"fallthrough":{"variation":1},
			"targets":[{"variation":0,"values":["u7","u8"]}],"contextTargets":[{"contextKind":"org","variation":0,"values":["o3"]}],
			"rules":[{"description":"the staff","variation":0,"clauses":[{"attribute":"","op":"segmentMatch","values":["nested"]}]},
			{"description":"switched off","disabled":true,"variation":0,"clauses":[{"contextKind":"user","attribute":"plan","op":"in","values":["gold"]}]},
			{"variation":0,"trackEvents":true,"clauses":[{"attribute":"","op":"segmentMatch","values":["amplitude-vips"]}]}]}}}}`},
		{"PATCH", "/flags/shop/colour", `{"merge":{"environments":{
			"production":{"on":true,"fallthrough":{"rollout":{"contextKind":"user","variations":[{"variation":0,"weight":33333},{"variation":1,"weight":33333},{"variation":2,"weight":33334}]}}},
			"test":{"on":true,"fallthrough":{"rollout":{"contextKind":"org","variations":[{"variation":0,"weight":50000},{"variation":1,"weight":50000}]}}}}}}`},
		{"PATCH", "/flags/shop/layout", `{"merge":{"environments":{"production":{"on":true,"prerequisites":[{"key":"colour","variation":1}],
			"fallthrough":{"rollout":{"kind":"experiment","seed":61,"contextKind":"user","variations":[{"variation":0,"weight":60000},{"variation":1,"weight":40000,"_untracked":true}]}}}}}}`},
		{"PATCH", "/flags/shop/price", `{"merge":{"environments":{"production":{"on":true,"fallthrough":{"variation":0},
			"rules":[{"clauses":[{"contextKind":"user","attribute":"plan","op":"in","values":["gold"]}],
			"rollout":{"contextKind":"user","bucketBy":"team","variations":[{"variation":1,"weight":50000},{"variation":2,"weight":50000}]}}]},
			"test":{"on":true,"fallthrough":{"variation":2}}}}}`},
		{"PATCH", "/flags/shop/old", `{"merge":{"archived":true,"environments":{"production":{"on":true,"targets":[{"variation":0,"values":["u1"]}]}}}}`},
		{"PATCH", "/flags/shop/fading", `{"merge":{"deprecated":true}}`},

		{"POST", "/roles", `{"key":"releaser","name":"Releaser","description":"may switch","basePermissions":"reader",
			"policy":[{"effect":"allow","resources":["proj/shop:env/*:flag/*"],"actions":["updateOn"]}]}`},
		{"POST", "/roles", `{"key":"nobody","name":"Nobody","policy":[]}`},
	} {
		s.call(step.method, step.path, step.body, nil)
	}
}

// someone returns the n-th of many contexts, of one kind or several.
func someone(n int) string {
	key := func(prefix string, of int) string { return prefix + strconv.Itoa(n%of) }
	user := map[string]any{"key": key("u", 400), "plan": []string{"gold", "free"}[n%2], "team": key("t", 37)}
	if n%5 == 0 {
		user["email"] = key("u", 400) + "@shop.example"
	}
	whole := map[string]any{"kind": "multi", "user": user, "org": map[string]any{"key": key("o", 23)}}
	if n%3 == 0 {
		user["kind"] = "user"
		whole = user
	}
	text, err := json.Marshal(whole)
	if err != nil {
		panic(err) // what is made here can be written
	}
	return string(text)
}
