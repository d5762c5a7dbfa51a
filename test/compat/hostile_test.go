package compat

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// hostileBodies are what no well-meaning client sends.
func hostileBodies() map[string]string {
	repeat := strings.Repeat
	bodies := map[string]string{
		"nothing":              "",
		"spaces":               " \n\t ",
		"a truncated object":   `{"key":"a","name`,
		"two values":           `{} {}`,
		"null":                 `null`,
		"a bool":               `true`,
		"a text":               `"text"`,
		"an empty list":        `[]`,
		"an empty object":      `{}`,
		"a list of anything":   `[1,null,"x",[],{},{"op":5},{"op":"add"},{"op":"add","path":7},{"op":"fly","path":"/name"}]`,
		"deep lists":           repeat("[", 100_000) + repeat("]", 100_000),
		"deep lists, open":     repeat("[", 100_000),
		"deep objects":         repeat(`{"a":`, 100_000) + "1" + repeat("}", 100_000),
		"deep rules":           `{"merge":{"rules":` + repeat("[", 50_000) + repeat("]", 50_000) + `}}`,
		"huge exponents":       `{"key":"n n","name":7e777,"defaultTtl":1e999999,"version":-1e400,"defaultApiVersion":1e309,"limit":99999999999999999999999999}`,
		"a million digits":     `{"key":"n n","name":"n","defaultTtl":` + repeat("9", 1_000_000) + `}`,
		"wrong types":          `{"key":{},"name":[],"tags":"x","unbounded":"yes","environments":7,"included":3,"excluded":{"add":{}},"rules":{},"flags":[],"segments":4,"variations":{},"role":[],"inlineRole":{}}`,
		"wrong inner types":    `{"key":"w","name":"w","tags":[1],"environments":[3],"included":{"add":[1,null]},"rules":[7],"flags":{"f":[]},"segments":{"s":true},"variations":[[]],"inlineRole":["x"]}`,
		"nulls":                `{"key":null,"name":null,"tags":null,"environments":null,"included":null,"rules":null,"flags":null,"segments":null,"variations":null,"inlineRole":null}`,
		"null elements":        `{"key":"w2","name":"w","tags":[null],"environments":[null],"included":{"add":[null]},"rules":[null],"flags":{"f":null},"segments":{"s":null},"variations":[null],"inlineRole":[null]}`,
		"a name twice":         `{"key":"a","name":"a","key":"b"}`,
		"invalid UTF-8":        "{\"key\":\"\xff\xfe\",\"name\":\"\xc3(\"}",
		"half a surrogate":     `{"key":"\ud800","name":"\udc00\ud800"}`,
		"NUL in keys":          `{"key":"a\u0000b","name":"\u0000"}`,
		"a raw NUL":            "{\"key\":\"a\x00b\",\"name\":\"n\"}",
		"3 MiB of text":        `{"key":"long","name":"` + repeat("x", 3<<20) + `"}`,
		"a key of 1 MiB":       `{"key":"` + repeat("k", 1<<20) + `","name":"n","included":{"add":["` + repeat("m", 1<<20) + `"]}}`,
		"keys of paths":        `{"key":"../../x","name":"n"}`,
		"100,000 members":      "{" + strings.TrimSuffix(members(100_000), ",") + "}",
		"20,000 operations":    operations(20_000, `{"op":"add","path":"/tags/-","value":"t"}`),
		"10,000 additions":     undone(operations(9_999, `{"op":"add","path":"/tags/0","value":"t"}`)),
		"10,000 removals":      operations(10_000, `{"op":"remove","path":"/tags/5000"}`),
		"10,000 tests":         operations(10_000, `{"op":"test","path":"/name","value":"other"}`),
		"copies of copies":     operations(60, `{"op":"copy","from":"","path":"/bomb"}`),
		"10,000 copies":        undone(operations(9_999, `{"op":"copy","from":"/name","path":"/tags/-"}`)),
		"the whole document":   `[{"op":"replace","path":"","value":null}]`,
		"a document of a list": `[{"op":"replace","path":"","value":[]}]`,
		"everything removed":   `[{"op":"remove","path":""}]`,
		"odd pointers":         `[{"op":"replace","path":"name","value":1},{"op":"replace","path":"/~2","value":1}]`,
		"endless pointers":     `[{"op":"replace","path":"` + repeat("/a", 100_000) + `","value":1}]`,
		"negative indexes":     `[{"op":"add","path":"/tags/-1","value":"t"},{"op":"add","path":"/tags/99999999999999999999","value":"t"}]`,
		"unknown instructions": `{"environmentKey":"production","instructions":[{"kind":"explode"},{"kind":7},null,{}]}`,
		"empty instructions":   `{"environmentKey":"production","instructions":[{"kind":"addRule"},{"kind":"removeRule"},{"kind":"addTargets"},{"kind":"updateClause"}]}`,
		"10,000 instructions":  `{"instructions":` + operations(10_000, `{"kind":"addTags","values":["t"]}`) + `}`,
		"no array at all":      `{"instructions":{"kind":"turnFlagOn"},"patch":{"op":"add"},"merge":[]}`,
	}
	bodies["wrong instructions"] = `{"environmentKey":"production","instructions":[{"kind":"addRule","clauses":[{"op":{},"values":7}],"variationId":4,"weight":1e99},{"kind":"addIncludedTargets","values":[1,{}],"contextKind":[]}]}`
	return bodies
}

func members(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"m%d":%d,`, i, i)
	}
	return b.String()
}

func operations(n int, one string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + "]"
}

// undone makes the last operation of a patch fail, so that nothing of it may stay.
func undone(patch string) string {
	return strings.TrimSuffix(patch, "]") + `,{"op":"test","path":"/name","value":"other"}]`
}

// attacker sends hostile requests and looks at every answer.
type attacker struct {
	t       *testing.T
	s       *server
	client  *http.Client
	sent    int
	slowest time.Duration
	slow    string
}

func newAttacker(t *testing.T, s *server) *attacker {
	return &attacker{t: t, s: s, client: &http.Client{
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// send expects an answer below 500; an error has the given members. An escaped path goes out as it is.
func (a *attacker) send(what, method, path, credential, body string, errorMembers []string, header ...string) int {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.s.url, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	path, req.URL.RawQuery, _ = strings.Cut(path, "?")
	req.URL.Opaque = "//" + req.URL.Host + path // keeps // and .. as they are
	req.Header.Set("Authorization", credential)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("LD-API-Version", "beta") // so that no endpoint refuses before it looks
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	started := time.Now()
	resp, err := a.client.Do(req)
	if err != nil {
		a.t.Errorf("%s to %s %s: %v", what, method, brief(path), err)
		return 0
	}
	defer resp.Body.Close()
	a.sent++
	if took := time.Since(started); took > a.slowest {
		a.slowest, a.slow = took, what+" to "+method+" "+brief(path)
	}
	if resp.StatusCode < 400 {
		if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
			_, _ = io.Copy(io.Discard, resp.Body)
		}
		return resp.StatusCode
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Errorf("%s to %s %s: %v", what, method, brief(path), err)
	}
	if resp.StatusCode >= 500 {
		a.t.Errorf("%s to %s %s: status %d: %s", what, method, brief(path), resp.StatusCode, brief(string(text)))
		return resp.StatusCode
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		a.t.Errorf("%s to %s %s: status %d, but the body is no JSON object: %s", what, method, brief(path), resp.StatusCode, brief(string(text)))
		return resp.StatusCode
	}
	for _, name := range errorMembers {
		if s, _ := got[name].(string); s == "" {
			a.t.Errorf("%s to %s %s: status %d without %s: %s", what, method, brief(path), resp.StatusCode, name, brief(string(text)))
		}
	}
	return resp.StatusCode
}

func brief(s string) string { return s[:min(len(s), 300)] }

var (
	restError = []string{"code", "message"}
	sdkError  = []string{"message"}
)

// kept reads what no attack may change.
func kept(t *testing.T, r *rest) map[string]any {
	t.Helper()
	state := map[string]any{}
	for _, key := range []string{"amy", "zoë / 1", "mal", "stranger", "m"} {
		state[key] = r.raw(t, 200, "GET", "/segments/default/production/safe/contexts/"+url.PathEscape(key), "")
	}
	segment := r.raw(t, 200, "GET", "/segments/default/production/safe", "")
	flag := r.raw(t, 200, "GET", "/flags/default/guarded", "")
	project := r.raw(t, 200, "GET", "/projects/default?expand=environments", "")
	environments := project["environments"].(map[string]any)["items"].([]any)
	metadata := segment["_unboundedMetadata"].(map[string]any)
	state["segment"] = []any{segment["key"], segment["name"], segment["tags"], segment["rules"], segment["generation"], metadata["includedCount"], metadata["excludedCount"]}
	state["flag"] = []any{flag["key"], flag["name"], flag["tags"], flag["variations"], flag["archived"], flag["environments"].(map[string]any)["production"].(map[string]any)["on"]}
	state["project"] = []any{project["name"], project["tags"], len(environments), environments[0].(map[string]any)["name"], environments[0].(map[string]any)["apiKey"]}
	role := r.raw(t, 200, "GET", "/roles/kept", "")
	state["role"] = []any{role["name"], role["policy"], role["basePermissions"]}
	relay := r.raw(t, 200, "GET", "/account/relay-auto-configs", "")["items"].([]any)
	state["relay"] = []any{len(relay), relay[0].(map[string]any)["policy"]} // a merge patch may well name it anew
	sink := r.raw(t, 200, "GET", sinks, "", "LD-API-Version", "beta")["items"].([]any)
	self := strings.TrimPrefix(sink[0].(map[string]any)["_links"].(map[string]any)["self"].(map[string]any)["href"].(string), "/api/v2")
	store := r.raw(t, 200, "GET", self, "", "LD-API-Version", "beta")
	state["sink"] = []any{len(sink), store["config"], store["on"], store["_status"]}
	for _, list := range []string{"/projects", "/flags/default", "/tokens?showAll=true", "/members", "/roles"} {
		state[list] = r.raw(t, 200, "GET", list, "")["totalCount"]
	}
	return state
}

// TestHostileRequestsChangeNothing sends every hostile body, path and query to every endpoint.
func TestHostileRequestsChangeNothing(t *testing.T) {
	s := start(t)
	r := newRest(t, s)
	r.raw(t, 201, "POST", "/segments/default/production", `{"key":"safe","name":"Safe","unbounded":true,"tags":["keep"]}`)
	r.raw(t, 204, "POST", "/segments/default/production/safe/contexts", `{"included":{"add":["amy","zoë / 1"]},"excluded":{"add":["mal"]}}`)
	r.raw(t, 201, "POST", "/segments/default/production", `{"key":"listed","name":"Listed"}`)
	r.raw(t, 201, "POST", "/flags/default", `{"key":"guarded","name":"Guarded"}`)
	r.raw(t, 201, "POST", "/roles", `{"key":"kept","name":"Kept","policy":[]}`)
	// A reset takes no body: whatever is sent, it gives a token another secret.
	robot := r.raw(t, 201, "POST", "/tokens", `{"name":"robot","role":"reader","serviceToken":true}`)["_id"].(string)
	relay := r.raw(t, 201, "POST", "/account/relay-auto-configs", `{"name":"kept","policy":[]}`)["_id"].(string)
	sink := r.raw(t, 201, "POST", sinks+"/default/production/redis", `{"name":"kept","config":{"host":"redis","password":"kept"}}`, "LD-API-Version", "beta")["_id"].(string)
	before := kept(t, r)

	places := map[string]string{
		"projectKey": "default", "environmentKey": "production", "segmentKey": "safe", "flagKey": "guarded", "contextKey": "amy", "memberId": "me",
		"tokenId": robot, "roleKey": "kept", "relayConfigId": relay, "integrationKey": "redis", "integrationId": sink,
		"entryId": r.raw(t, 200, "GET", "/auditlog", "")["items"].([]any)[0].(map[string]any)["_id"].(string),
	}
	a := newAttacker(t, s)
	endpoints := documented(t)
	bodies := hostileBodies()
	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"bodies to the REST API", func(t *testing.T) { a.t = t; a.restBodies(endpoints, places, bodies) }},
		{"paths of the REST API", func(t *testing.T) { a.t = t; a.restPaths(endpoints, places) }},
		{"queries of the REST API", func(t *testing.T) { a.t = t; a.restQueries(endpoints, places) }},
		{"headers of the REST API", func(t *testing.T) { a.t = t; a.restHeaders() }},
		{"pushes of tools", func(t *testing.T) { a.t = t; a.pushes(bodies) }},
		{"contexts of SDKs", func(t *testing.T) { a.t = t; a.contexts(bodies) }},
		{"events of SDKs", func(t *testing.T) { a.t = t; a.events(bodies) }},
	} {
		t.Run(part.name, part.run)
	}
	t.Logf("%d requests, the slowest took %v: %s", a.sent, a.slowest, a.slow)

	if status, body := s.call(t, http.MethodGet, "/readyz", "", ""); status != http.StatusOK {
		t.Fatalf("muster is not ready any more: %d %s", status, body)
	}
	after := kept(t, r)
	for _, name := range slices.Sorted(maps.Keys(before)) {
		same(t, name+" after all", after[name], before[name])
	}
	log := s.output.tail(1 << 30)
	for _, sign := range []string{"panic", "goroutine ", "level=ERROR", `"level":"ERROR"`} {
		if i := strings.Index(log, sign); i >= 0 {
			t.Errorf("the log says %s", brief(log[max(0, i-100):]))
		}
	}
}

var placeholder = regexp.MustCompile(`\{([a-zA-Z]+)\}`)

// fill puts keys into the path of an endpoint.
func fill(path string, places map[string]string) string {
	return "/api/v2" + placeholder.ReplaceAllStringFunc(path, func(name string) string { return places[strings.Trim(name, "{}")] })
}

// spare returns the path of something that may be deleted, or changed whatever the body says, because it
// isn't there.
func spare(method, path string) string {
	switch {
	case method == http.MethodDelete:
		return path[:strings.LastIndex(path, "/")] + "/absent"
	case strings.HasSuffix(path, "/apiKey"), strings.HasSuffix(path, "/mobileKey"), strings.HasSuffix(path, "/resync"), strings.HasSuffix(path, "/generation-moves"):
		return strings.Replace(path, "{environmentKey}", "absent", 1)
	}
	return path
}

func (a *attacker) restBodies(endpoints []string, places map[string]string, bodies map[string]string) {
	listed := maps.Clone(places)
	listed["segmentKey"] = "listed"
	for _, endpoint := range endpoints {
		method, path, _ := strings.Cut(endpoint, " ")
		if method == http.MethodGet {
			continue
		}
		for what, body := range bodies {
			target := fill(spare(method, path), places)
			if strings.HasSuffix(path, "/imports") {
				target += "?dryRun=true" // a list of which some rows are keys is a list
			}
			a.send(what, method, target, adminToken, body, restError)
			if method != http.MethodPatch {
				continue
			}
			a.send(what+", semantic", method, target, adminToken, body, restError, "Content-Type", semanticPatch)
			a.send(what+", dry", method, target+"?dryRun=true", adminToken, body, restError)
			if strings.Contains(path, "{segmentKey}") {
				a.send(what, method, fill(path, listed), adminToken, body, restError)
				a.send(what+", semantic", method, fill(path, listed), adminToken, body, restError, "Content-Type", semanticPatch)
			}
		}
	}
}

var hostileSegments = []string{
	"", ".", "..", "%2F", "a%2Fb", "%2e%2e", "..%2f..", "%00", "a%00b", "%0a", "%ff%fe", "%F0%9F%98%80", "%25", "*", "proj%2F*:env%2F*", "a;b=c", "a:b", "%7BsegmentKey%7D",
	"''--", "<script>", "me%20", strings.Repeat("k", 5000), strings.Repeat("%2F", 500), strings.Repeat("../", 50),
}

func (a *attacker) restPaths(endpoints []string, places map[string]string) {
	for _, endpoint := range endpoints {
		method, path, _ := strings.Cut(endpoint, " ")
		for _, name := range placeholder.FindAllStringSubmatch(path, -1) {
			for _, segment := range hostileSegments {
				if method == http.MethodDelete && strings.Trim(segment, "./") == "" && segment != "" {
					continue // with a path cleaned on the way, it names what stands above
				}
				hostile := maps.Clone(places)
				hostile[name[1]] = segment
				body := ""
				if method != http.MethodGet {
					body = `{"patch":[{"op":"test","path":"/name","value":"no"}]}`
				}
				status := a.send("path with "+brief(segment), method, fill(path, hostile), adminToken, body, restError)
				if name[1] != "contextKey" && segment != "" && status < 300 {
					a.t.Errorf("%s %s with %s = %q: status %d", method, path, name[1], brief(segment), status)
				}
			}
		}
	}
	for _, path := range []string{"/api", "/api/", "/api/v1", "/api/v2//", "/api/v2/../v2/projects", "/api/v2/%2e%2e/projects", "/api/v2/segments/default/production/safe/members", "/api/v2/" + strings.Repeat("a/", 3000)} {
		for _, method := range []string{"GET", "POST", "PATCH", "DELETE", "PUT", "TRACE", "PROPFIND", "REPORT"} {
			a.send("an unknown path", method, path, adminToken, "", restError)
		}
	}
}

func (a *attacker) restQueries(endpoints []string, places map[string]string) {
	long := strings.Repeat("x", 5000)
	values := []string{
		"", "-1", "0", "1e9", "9223372036854775807", "99999999999999999999", "abc", "%00", "%ff", "%zz", "[", "{}", "true", `"`, "a:b:c", ":", ",", "|", "query", "query%20equals", `query%20equals%20"`,
		strings.Repeat("(", 3000), strings.Repeat("(", 3000) + "a%20is%201" + strings.Repeat(")", 3000), "tags%20anyOf%20" + strings.Repeat("[", 3000), `creationDate:{"before":1e400}`, `state:` + long, "proj/*:env/*:segment/" + strings.Repeat("*", 200) + "a", "proj/" + strings.Repeat("*a", 200),
	}
	for _, endpoint := range endpoints {
		method, path, _ := strings.Cut(endpoint, " ")
		if method != http.MethodGet {
			continue
		}
		for _, name := range []string{"limit", "offset", "sort", "filter", "expand", "env", "summary", "archived", "tag", "showAll", "before", "after", "q", "spec", "dryRun"} {
			for _, value := range values {
				a.send("a query", method, fill(path, places)+"?"+name+"="+value, adminToken, "", restError)
			}
		}
		a.send("a thousand parameters", method, fill(path, places)+"?"+strings.Repeat("env=production&filter=a&", 1000), adminToken, "", restError)
	}
}

func (a *attacker) restHeaders() {
	for _, value := range []string{"\x80\xff", "Bearer", "Bearer ", "Bearer  x", "api-", strings.Repeat("a", 50_000), "api-" + strings.Repeat("0", 36), "sdk-x", "*", "null"} {
		if status := a.send("a credential", "GET", "/api/v2/projects", value, "", restError); status != 401 {
			a.t.Errorf("credential %q gets %d", brief(value), status)
		}
		a.send("a credential", "GET", "/api/v2/caller-identity", value, "", restError)
		a.send("a credential", "POST", "/api/v2/segment-targets/hightouch", value, "{}", restError)
	}
	for name, values := range map[string][]string{
		"LD-API-Version":         {"\xff", strings.Repeat("9", 5000), ",", "-1"},
		"Content-Type":           {";", "application/json; domain-model", "application/json; domain-model=" + strings.Repeat("x", 5000), "a/b/c", "\xff", "multipart/form-data", "application/json;;;charset=\"", "text/plain"},
		"X-HTTP-Method-Override": {"\xff", "CONNECT", strings.Repeat("P", 5000), "patch"},
		"If-Match":               {"\"", strings.Repeat(`"1",`, 5000), "*", "W/\"1\""},
		"Origin":                 {"\xff", "null", strings.Repeat("o", 5000)},
		"Content-Encoding":       {"gzip", "zstd", "br", "gzip, gzip"},
		"Accept-Encoding":        {strings.Repeat("gzip,", 1000)},
	} {
		for _, value := range values {
			a.send(name, "PATCH", "/api/v2/segments/default/production/safe", adminToken, `[{"op":"test","path":"/name","value":"no"}]`, restError, name, value)
			a.send(name, "POST", "/api/v2/projects", adminToken, `{"key":"../x"}`, restError, name, value)
			a.send(name, "GET", "/api/v2/segments/default/production", adminToken, "", restError, name, value)
			a.send(name, "POST", "/api/v2/segment-targets/hightouch", adminToken, `{"x":1}`, restError, name, value)
		}
	}
}

// pushes sends hostile bodies to every tool's endpoint, and members that look almost right.
func (a *attacker) pushes(bodies map[string]string) {
	long := strings.Repeat("m", 3<<20)
	for _, tool := range tools {
		path := "/api/v2/segment-targets/" + tool.integration
		members := restError
		if tool.integration == "heap-inbound" {
			members = []string{"status"} // Heap reads an answer of its own form
		}
		for what, body := range bodies {
			a.send(what, "POST", path, adminToken, body, members)
			a.send(what+", said to be gzip", "POST", path, adminToken, body[:min(len(body), 1000)], members, "Content-Encoding", "gzip")
		}
		whole := tool.body("MEMBER", true)
		for _, member := range []string{`""`, `null`, `7`, `{}`, `[]`, `true`, `"\u0000"`, "\"\xff\"", `"\ud800"`, `1e999`, `"` + long + `"`, strings.Repeat("[", 50_000)} {
			a.send("the member "+brief(member), "POST", path, adminToken, strings.Replace(whole, `"MEMBER"`, member, 1), members)
		}
		for i := 1; i < len(whole); i += 7 {
			a.send("a cut body", "POST", path, adminToken, whole[:i], members)
		}
		for _, id := range []string{"", "nowhere", `\u0000`, strings.Repeat("f", 24), strings.Repeat("f", 100_000)} {
			a.send("the environment "+brief(id), "POST", path, adminToken, strings.ReplaceAll(whole, environmentID, id), members)
		}
	}
	for _, key := range hostileSegments {
		a.send("a tool", "POST", "/api/v2/segment-targets/"+key, adminToken, "{}", restError)
	}
}
