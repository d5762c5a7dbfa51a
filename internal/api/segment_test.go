package api_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"muster/internal/catalog"
	"muster/internal/store"
)

const segments = "/segments/default/production"

func TestSegmentLifecycle(t *testing.T) {
	a := newAccount(t)
	a.must(t, 404, "Error", "GET", segments+"/vip", "")
	created := a.must(t, 201, "Segment", "POST", segments, `{"key":"vip","name":"VIP","description":"d","tags":["b","a"],"viewKeys":["x"]}`)
	created.want(t, "key", `"vip"`, "tags", `["a","b"]`, "version", `1`, "generation", `1`, "deleted", `false`, "unbounded", `false`,
		"included", `[]`, "excluded", `[]`, "rules", `[]`, "unboundedContextKind", `null`, "_unboundedMetadata", `null`,
		"_links.self.href", `"/api/v2/segments/default/production/vip"`,
		"_links.site.href", `"/ui/projects/default/environments/production/segments/vip"`)
	a.must(t, 409, "", "POST", segments, `{"key":"vip","name":"VIP"}`).want(t, "code", `"key_exists"`, "message", `"Duplicate segment key"`)

	got := a.must(t, 200, "Segment", "PATCH", segments+"/vip", `{"comment":"Terraform","patch":[
		{"op":"replace","path":"/included","value":["ann","bob"]},
		{"op":"replace","path":"/includedContexts","value":[{"contextKind":"org","values":["b","a"]}]},
		{"op":"replace","path":"/rules","value":[{"clauses":[{"attribute":"country","op":"in","values":["de"]}]}]}]}`)
	got.want(t, "version", `2`, "included", `["ann","bob"]`, "includedContexts", `[{"contextKind":"org","values":["b","a"]}]`,
		"rules.0.clauses.0.negate", `false`, "rules.0.clauses.0.contextKind", `"user"`, "rules.0.weight", `null`)
	if id := got.str("rules.0._id"); len(id) != 36 {
		t.Errorf("rule id %q", id)
	}
	id := got.str("rules.0._id")
	a.must(t, 200, "Segment", "PATCH", segments+"/vip", `[{"op":"add","path":"/rules/0/clauses/0/values/-","value":"at"}]`).
		want(t, "rules.0._id", `"`+id+`"`, "rules.0.clauses.0.values", `["de","at"]`, "version", `3`)
	a.must(t, 200, "Segment", "PATCH", segments+"/vip", `{"description":null}`).want(t, "description", `null`, "version", `4`)
	a.must(t, 200, "Segment", "PATCH", segments+"/vip", `[{"op":"remove","path":"/tags"}]`).want(t, "tags", `[]`, "version", `5`)
	a.must(t, 200, "Segment", "PATCH", segments+"/vip", `[{"op":"replace","path":"/name","value":"VIP"}]`).want(t, "version", `5`)
	a.must(t, 204, "", "DELETE", segments+"/vip", "null")
	a.must(t, 404, "", "GET", segments+"/vip", "")
	again := a.must(t, 201, "Segment", "POST", segments, `{"key":"vip","name":"VIP","unbounded":true}`)
	again.want(t, "generation", `2`, "unboundedContextKind", `"user"`)
}

func TestSegmentPatchConventions(t *testing.T) {
	a := newAccount(t)
	a.must(t, 201, "", "POST", segments, `{"key":"vip","name":"VIP","tags":["a"]}`)
	const vip = segments + "/vip"
	for name, tt := range map[string]struct {
		body, contentType string
		status            int
		code              string
	}{
		"remove of an absent member":      {`[{"op":"remove","path":"/description"}]`, "", 400, "invalid_patch"},
		"unknown parent":                  {`[{"op":"replace","path":"/nope/x","value":1}]`, "", 400, "invalid_patch"},
		"unknown member":                  {`[{"op":"replace","path":"/temporary","value":1}]`, "", 200, ""},
		"stale version":                   {`[{"op":"test","path":"/version","value":7}]`, "", 409, "optimistic_locking_error"},
		"another key":                     {`[{"op":"replace","path":"/key","value":"x"}]`, "", 400, "invalid_request"},
		"semantic without the type":       {`{"instructions":[{"kind":"addTags","values":["b"]}]}`, "", 400, "invalid_request"},
		"semantic":                        {`{"environmentKey":"production","instructions":[{"kind":"addTags","values":["b"]}]}`, semantic, 200, ""},
		"semantic, environment left out":  {`{"instructions":[{"kind":"addIncludedTargets","contextKind":"user","values":["x"]}]}`, semantic, 200, ""},
		"semantic of another environment": {`{"environmentKey":"test","instructions":[{"kind":"addTags","values":["c"]}]}`, semantic, 400, "invalid_request"},
		"an unknown instruction":          {`{"instructions":[{"kind":"makeCoffee"}]}`, semantic, 400, "invalid_request"},
		"an operator nobody knows":        {`[{"op":"replace","path":"/rules","value":[{"clauses":[{"attribute":"a","op":"sortof","values":[1]}]}]}]`, "", 400, "invalid_request"},
		"an empty name":                   {`[{"op":"replace","path":"/name","value":""}]`, "", 400, "invalid_request"},
		"a form":                          {`name=x`, "application/x-www-form-urlencoded", 415, "unsupported_media_type"},
		"half a body":                     {`[{"op"`, "", 400, "invalid_request"},
		"a name twice":                    {`{"name":"a","name":"b"}`, "", 400, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			var header []string
			if tt.contentType != "" {
				header = []string{"Content-Type", tt.contentType}
			}
			got := a.call(t, "PATCH", vip, tt.body, header...)
			if got.status != tt.status {
				t.Fatalf("%d %s", got.status, got.text)
			}
			if tt.code != "" {
				got.want(t, "code", `"`+tt.code+`"`)
			}
		})
	}
	version := a.must(t, 200, "Segment", "GET", vip, "").at("version")
	dry := a.must(t, 200, "Segment", "PATCH", vip+"?dryRun=true", `[{"op":"replace","path":"/name","value":"Other"}]`)
	dry.want(t, "name", `"Other"`)
	after := a.must(t, 200, "Segment", "GET", vip, "")
	after.want(t, "name", `"VIP"`, "version", fmt.Sprint(version))
	a.must(t, 400, "", "PATCH", vip+"?dryRun=perhaps", `[]`)

	tag := after.header.Get("ETag")
	a.must(t, 200, "", "PATCH", vip, `{"name":"New"}`, "If-Match", tag)
	a.must(t, 412, "", "PATCH", vip, `{"name":"Newer"}`, "If-Match", tag).want(t, "code", `"precondition_failed"`)
	a.must(t, 200, "", "POST", vip, `{"name":"Newest"}`, "X-HTTP-Method-Override", "PATCH").want(t, "name", `"Newest"`)
	a.must(t, 200, "", "PATCH", vip+"/", `{"name":"Slash"}`)
	a.must(t, 412, "", "DELETE", vip, "", "If-Match", tag)
	a.must(t, 204, "", "DELETE", vip, "", "If-Match", `"1", `+a.must(t, 200, "", "GET", vip, "").header.Get("ETag"))
}

func TestSegmentList(t *testing.T) {
	a := newAccount(t)
	for i := range 25 {
		a.must(t, 201, "", "POST", segments, fmt.Sprintf(`{"key":"s%02d","name":"Segment %02d","tags":["t%d"],"unbounded":%t}`, i, 24-i, i%3, i%5 == 0))
	}
	a.must(t, 204, "", "POST", segments+"/s05/contexts", `{"included":{"add":["ann"]}}`)
	a.must(t, 200, "", "PATCH", segments+"/s06", `[{"op":"replace","path":"/included","value":["ann"]},{"op":"replace","path":"/excluded","value":["eve"]}]`)
	a.must(t, 200, "Segments", "GET", segments, "").want(t, "totalCount", `25`, "items.0.key", `"s00"`,
		"_links.self.href", `"/api/v2/segments/default/production?limit=20&offset=0"`, "_links.prev", `null`)
	a.must(t, 200, "Segments", "GET", segments+"?limit=20&offset=100", "").want(t, "totalCount", `25`, "items", `[]`)
	a.must(t, 200, "Segments", "GET", segments+"?sort=name", "").want(t, "items.0.key", `"s24"`)
	a.must(t, 200, "Segments", "GET", segments+"?sort=-name&limit=1", "").want(t, "items.0.key", `"s00"`)
	a.must(t, 400, "", "GET", segments+"?sort=color", "")
	for filter, want := range map[string]int{
		`query equals "segment 0"`:                                      10,
		`tags anyOf ["t1","t2"]`:                                        16,
		`unbounded equals true`:                                         5,
		`unbounded equals true,tags anyOf ["t0"]`:                       2,
		`external exists true`:                                          0,
		`external exists false`:                                         25,
		`includedKeys anyOf ["ann","nobody"]`:                           2,
		`excludedKeys anyOf ["eve"]`:                                    1,
		`(query equals "24"|query equals "s24"),unbounded equals false`: 1,
		`favourite equals true`:                                         25,
	} {
		got := a.must(t, 200, "Segments", "GET", segments+"?filter="+url.QueryEscape(filter), "")
		if n, _ := got.at("totalCount").(float64); int(n) != want {
			t.Errorf("%s: %v segments, want %d", filter, n, want)
		}
	}
	a.must(t, 400, "", "GET", segments+"?filter="+url.QueryEscape(`unbounded equals "yes"`), "")
	a.must(t, 400, "", "GET", segments+"?filter="+url.QueryEscape(`tags equals`), "")
}

func TestMembership(t *testing.T) {
	a := newAccount(t)
	a.must(t, 201, "Segment", "POST", segments, `{"key":"big","name":"Big","unbounded":true}`)
	a.must(t, 201, "Segment", "POST", segments, `{"key":"orgs","name":"Orgs","unbounded":true,"unboundedContextKind":"org"}`)
	a.must(t, 201, "Segment", "POST", segments, `{"key":"small","name":"Small"}`)
	const big = segments + "/big"
	got := a.must(t, 204, "", "POST", big+"/contexts", `{"included":{"add":["ann","a/b","é x","..","gone"]},"excluded":{"add":["eve"]}}`)
	if got.header.Get("X-Muster-Revision") == "" || len(got.text) != 0 {
		t.Errorf("revision %q, body %q", got.header.Get("X-Muster-Revision"), got.text)
	}
	a.must(t, 204, "", "POST", big+"/users", `{"included":{"remove":["gone","never"]},"excluded":null}`)
	for path, want := range map[string][2]string{
		"/contexts/ann":          {`"ann"`, `true`},
		"/users/ann":             {`"ann"`, `true`},
		"/contexts/a%2Fb":        {`"a/b"`, `true`},
		"/contexts/a/b":          {`"a/b"`, `true`},
		"/contexts/%C3%A9%20x":   {`"é x"`, `true`},
		"/contexts/%2E%2E":       {`".."`, `true`},
		"/contexts/gone":         {`"gone"`, `false`},
		"/contexts/eve":          {`"eve"`, `false`},
		"/contexts/never%20seen": {`"never seen"`, `false`},
	} {
		a.must(t, 200, "Membership", "GET", big+path, "null").want(t, "userKey", want[0], "included", want[1])
	}
	a.must(t, 200, "Membership", "GET", big+"/contexts/eve", "").want(t, "excluded", `true`)
	seg := a.must(t, 200, "Segment", "GET", big, "")
	seg.want(t, "_unboundedMetadata.includedCount", `4`, "_unboundedMetadata.excludedCount", `1`, "_unboundedMetadata.envId", `"`+clientSideID+`"`,
		"_importInProgress", `false`, "included", `[]`, "excluded", `null`, "_muster.state", `"live"`, "_muster.lastRun.removed", `1`,
		"_muster.drifted", `false`, "_external", `null`, "version", `1`)

	for name, tt := range map[string]struct {
		path, body string
		status     int
	}{
		"a bounded segment":          {segments + "/small/contexts", `{"included":{"add":["x"]}}`, 400},
		"users of an org segment":    {segments + "/orgs/users", `{"included":{"add":["x"]}}`, 400},
		"contexts of an org segment": {segments + "/orgs/contexts", `{"included":{"add":["acme"]}}`, 204},
		"an absent segment":          {segments + "/nope/contexts", `{"included":{"add":["x"]}}`, 404},
		"an empty key":               {big + "/contexts", `{"included":{"add":[""]}}`, 400},
		"keys that are numbers":      {big + "/contexts", `{"included":{"add":[1]}}`, 400},
		"nothing to do":              {big + "/contexts", `{}`, 204},
		"no body":                    {big + "/contexts", ``, 400},
		"too many keys":              {big + "/contexts", `{"included":{"add":["k"` + strings.Repeat(`,"k"`, 10_000) + `]}}`, 413},
		"too many bytes":             {big + "/contexts", `{"included":{"add":["` + strings.Repeat("x", 17<<20) + `"]}}`, 413},
	} {
		t.Run(name, func(t *testing.T) {
			if got := a.call(t, "POST", tt.path, tt.body); got.status != tt.status {
				t.Errorf("%d %s", got.status, got.text)
			}
		})
	}
	a.must(t, 400, "", "GET", segments+"/small/contexts/ann", "")
	a.must(t, 404, "", "GET", segments+"/nope/contexts/ann", "")
	a.must(t, 400, "", "PATCH", big, `[{"op":"replace","path":"/included","value":["x"]}]`)
	a.must(t, 200, "Segment", "PATCH", big, `[{"op":"replace","path":"/included","value":[]},{"op":"replace","path":"/excluded","value":[]},
		{"op":"replace","path":"/includedContexts","value":[]},{"op":"replace","path":"/rules","value":[]}]`).want(t, "version", `1`)
}

func TestASegmentThatAFlagNamesIsNotDeleted(t *testing.T) {
	a := newAccount(t)
	a.must(t, 201, "", "POST", segments, `{"key":"vip","name":"VIP"}`)
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"f","name":"Flag"}`)
	a.must(t, 200, "Flag", "PATCH", "/flags/default/f", `[{"op":"add","path":"/environments/production/rules/0","value":
		{"variation":0,"clauses":[{"attribute":"","op":"segmentMatch","values":["vip"]}]}}]`).
		want(t, "environments.production.rules.0.clauses.0.contextKind", `null`)
	a.must(t, 200, "Segment", "GET", segments+"/vip", "").want(t, "_flags.0.key", `"f"`,
		"_flags.0._site.href", `"/ui/projects/default/environments/production/flags/f"`)
	a.must(t, 409, "", "DELETE", segments+"/vip", "").want(t, "code", `"conflict"`)
}

func TestSyncedSegment(t *testing.T) {
	a := newAccount(t)
	_, err := a.store.Update(t.Context(), store.Scope{Env: clientSideID}, func(tx store.Tx) error {
		tx.PutSegment(&catalog.Segment{
			ID: catalog.NewID(), Env: clientSideID, Key: "trial-day-3", Name: "Trial day 3", Tags: []string{}, CreatedAt: time.Now(), ModifiedAt: time.Now(),
			Version: 1, Generation: 1, Salt: "s", Unbounded: true, Kind: "user",
			Source: &catalog.Source{Tool: "rudderstack", ExternalID: "c-4411", ExternalName: "Trial, day 3", URL: "https://tool.example/77"},
		})
		tx.PutSegment(&catalog.Segment{
			ID: catalog.NewID(), Env: clientSideID, Key: "recreated", Name: "Recreated", Tags: []string{}, CreatedAt: time.Now(), ModifiedAt: time.Now(),
			Version: 3, Generation: 2, Salt: "s", Unbounded: true, Kind: "user",
			Source: &catalog.Source{Tool: "rudderstack", ExternalID: "c-4412", ExternalName: "Recreated", Partial: true},
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	const trial = segments + "/trial-day-3"
	a.must(t, 200, "Segment", "GET", trial, "").want(t, "_external", `"rudderstack"`, "_externalLink", `"https://tool.example/77"`,
		"_muster", `{"externalId":"c-4411","externalName":"Trial, day 3","state":"live","drifted":false,"hold":null,"points":0,"guard":{"shrinkPercent":30}}`)
	a.must(t, 200, "Segments", "GET", segments+"?filter="+url.QueryEscape("external exists true"), "").want(t, "totalCount", `2`)
	a.must(t, 200, "Segment", "GET", segments+"/recreated", "").want(t, "_muster.partial", `true`)
	a.must(t, 204, "", "POST", trial+"/contexts", `{"included":{"add":["ann"]}}`)
	a.must(t, 200, "Segment", "GET", trial, "").want(t, "_muster.drifted", `true`, "_muster.lastRun.added", `1`)
	a.must(t, 200, "Segment", "PATCH", trial, `{"name":"By hand"}`).want(t, "name", `"By hand"`, "_muster.externalName", `"Trial, day 3"`)
}
