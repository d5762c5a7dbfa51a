package api_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// contextKeys returns the kinds and keys of the contexts of a reply, in its order.
func contextKeys(r reply) string {
	var all []string
	for i := 0; r.at(fmt.Sprintf("items.%d", i)) != nil; i++ {
		all = append(all, r.str(fmt.Sprintf("items.%d.context.kind", i))+":"+r.str(fmt.Sprintf("items.%d.context.key", i)))
	}
	return strings.Join(all, " ")
}

// withContexts is an account in which ann and bob are members, ann of more than one segment.
func withContexts(t *testing.T) *account {
	a := newAccount(t)
	for key, body := range map[string]string{
		"big":  `{"included":{"add":["ann","bob","a/b"]}}`,
		"gone": `{"included":{"add":["eve"]},"excluded":{"add":["dan"]}}`,
	} {
		a.must(t, 201, "", "POST", segments, `{"key":"`+key+`","name":"The `+key+`","unbounded":true}`)
		a.must(t, 204, "", "POST", segments+"/"+key+"/contexts", body)
	}
	a.must(t, 204, "", "POST", segments+"/gone/contexts", `{"included":{"remove":["eve"]}}`)
	a.must(t, 201, "", "POST", segments, `{"key":"orgs","name":"Orgs","unbounded":true,"unboundedContextKind":"org"}`)
	a.must(t, 204, "", "POST", segments+"/orgs/contexts", `{"included":{"add":["ann","acme"]}}`)
	a.must(t, 201, "", "POST", segments, `{"key":"listed","name":"Listed"}`)
	a.must(t, 200, "", "PATCH", segments+"/listed", `{"included":["ann","lea"],"includedContexts":[{"contextKind":"device","values":["d1"]}]}`)
	return a
}

func TestAContextIsKnownByItsSegments(t *testing.T) {
	a := withContexts(t)
	got := a.must(t, 200, "Contexts", "GET", environment+"/contexts/user/ann", "")
	got.want(t, "_environmentId", `"`+clientSideID+`"`, "totalCount", `1`, "items.0.context", `{"kind":"user","key":"ann"}`, "continuationToken", `null`,
		"items.0._muster.segments.0.segmentKey", `"big"`, "items.0._muster.segments.0.name", `"The big"`, "items.0._muster.segments.1.segmentKey", `"listed"`,
		"items.0._muster.segments.2", `null`, "items.0.lastSeen", `null`)
	self := got.str("items.0._links.self.href")
	a.must(t, 200, "", "GET", strings.TrimPrefix(self, "/api/v2"), "").want(t, "items.0.context.key", `"ann"`)
	for path, want := range map[string]string{
		"user/a%2Fb": "user:a/b", "user/a/b": "user:a/b", "org/ann": "org:ann", "device/d1": "device:d1", "user/lea": "user:lea",
		"user/eve": "", "user/dan": "", "user/nobody": "", "user/ann?filter=applicationId:x": "",
	} {
		if got := contextKeys(a.must(t, 200, "Contexts", "GET", environment+"/contexts/"+path, "")); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	a.must(t, 404, "", "GET", "/projects/default/environments/nope/contexts/user/ann", "")
	a.must(t, 404, "", "GET", environment+"/contexts/user/", "")
	a.must(t, 404, "", "GET", environment+"/contexts/planet/ann", "")
	a.must(t, 404, "", "GET", environment+"/contexts/%2E%2E/ann", "")
	a.must(t, 404, "", "GET", environment+"/contexts/a%2Fb/ann", "")
	a.must(t, 400, "", "GET", environment+"/contexts/user/ann?limit=x", "")
	a.must(t, 400, "", "GET", environment+"/contexts/user/ann?includeTotalCount=perhaps", "")
}

func TestContextsAreFoundByTheirNames(t *testing.T) {
	a := withContexts(t)
	for filter, want := range map[string]string{
		"":                                    "",
		`kindKeys contains ["user:ann"]`:      "user:ann",
		`kindKeys:{"contains": ["user:ann"]}`: "user:ann",
		`kindKey equals user:ann`:             "user:ann",
		`kindKeys anyOf ["user:ann","user:nobody"]`:  "user:ann",
		`key equals "ann"`:                           "org:ann user:ann",
		`key equals "ann",kind equals "org"`:         "org:ann",
		`key anyOf ["ann","bob"],kind notEquals org`: "user:ann user:bob",
		`key equals "ann"|key equals "bob"`:          "org:ann user:ann user:bob",
		`q equals ann`:                               "org:ann user:ann",
		`key anyOf ["ann","bob"],key startsWith "b"`: "user:bob",
		`*.name startsWith Jo,kind anyOf ["user"]`:   "", // nobody has told muster names
		`key equals "ann",*.email exists false`:      "org:ann user:ann",
		`key equals "ann",*.email exists true`:       "",
		`key equals "ann",applicationId equals "x"`:  "",
		`kind equals "user"`:                         "", // members are not searched
	} {
		q := url.QueryEscape(filter)
		for how, got := range map[string]reply{
			"query": a.must(t, 200, "Contexts", "POST", environment+"/contexts/search?filter="+q, ""),
			"body":  a.must(t, 200, "Contexts", "POST", environment+"/contexts/search", `{"filter":`+fmt.Sprintf("%q", filter)+`}`),
		} {
			if keys := contextKeys(got); keys != want {
				t.Errorf("%s in the %s: %q, want %q", filter, how, keys, want)
			}
		}
	}
	for _, bad := range []string{
		`{"filter":"kind near user"}`, `{"filter":"key exists 3"}`, `{"filter":"x likes y"}`, `{"sort":"name"}`, `{"limit":-1}`, `{"continuationToken":"%"}`, `{"filter":3}`, `[]`,
		`{"filter":"key anyOf [1]"}`, `{"filter":"key anyOf [` + strings.Repeat(`\"k\",`, 500) + `\"k\"]|kindKeys anyOf [` + strings.Repeat(`\"k\",`, 800) + `\"k\"]"}`,
	} {
		if got := a.call(t, "POST", environment+"/contexts/search", bad); got.status != 400 && got.status != 413 {
			t.Errorf("%.60s: %d %s", bad, got.status, got.text)
		}
	}
	a.must(t, 400, "", "POST", environment+"/contexts/search?limit=3", `{"filter":"key equals ann"}`)
	a.must(t, 404, "", "POST", "/projects/nope/environments/production/contexts/search", `{}`)
}

func TestContextsArePaged(t *testing.T) {
	a := withContexts(t)
	var keys []string
	for i := range 130 {
		keys = append(keys, fmt.Sprintf("k%03d", i))
	}
	list := `["` + strings.Join(keys, `","`) + `"]`
	a.must(t, 204, "", "POST", segments+"/big/contexts", `{"included":{"add":`+list+`}}`)
	got := a.must(t, 200, "", "POST", environment+"/contexts/search", fmt.Sprintf(`{"limit":60,"sort":"-ts","filter":%q}`, "kind equals user,key anyOf "+list))
	got.want(t, "totalCount", `130`, "items.49.context.key", `"k049"`, "items.50", `null`)
	byToken := a.must(t, 200, "", "POST", environment+"/contexts/search",
		fmt.Sprintf(`{"limit":1,"continuationToken":%q,"filter":%q}`, got.str("continuationToken"), "kind equals user,key anyOf "+list))
	byToken.want(t, "items.0.context.key", `"k050"`)
	seen := 50
	for next := got.str("_links.next.href"); next != ""; next = got.str("_links.next.href") {
		got = a.must(t, 200, "", "POST", strings.TrimPrefix(next, "/api/v2"), "")
		got.want(t, "items.0.context.key", fmt.Sprintf(`"k%03d"`, seen))
		seen += strings.Count(contextKeys(got), " ") + 1
	}
	if seen != 130 {
		t.Errorf("%d contexts on all pages", seen)
	}
	a.must(t, 200, "", "GET", environment+"/contexts/user/ann?includeTotalCount=false", "").want(t, "totalCount", `null`, "items.0.context.key", `"ann"`)
}
