package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzBodies sends any body to every endpoint that takes one: the answer is never a 5xx.
func FuzzBodies(f *testing.F) {
	a := newAccount(f)
	a.must(f, 201, "", "POST", "/segments/default/production", `{"key":"vip","name":"VIP"}`)
	a.must(f, 201, "", "POST", "/segments/default/production", `{"key":"big","name":"Big","unbounded":true}`)
	a.must(f, 201, "", "POST", "/flags/default", `{"key":"f","name":"Flag"}`)
	targets := []string{
		"POST /segments/default/production", "PATCH /segments/default/production/vip", "PATCH /segments/default/production/big",
		"POST /segments/default/production/big/contexts", "POST /segments/default/production/big/users",
		"POST /flags/default", "PATCH /flags/default/f", "POST /projects", "PATCH /projects/default",
		"POST /projects/default/environments", "PATCH /projects/default/environments/test", "PUT /projects/default/environments/test/sdk-data",
		"POST /tokens",
	}
	for _, seed := range []string{
		`{"key":"a","name":"A"}`, `[{"op":"replace","path":"/name","value":"x"}]`, `{"included":{"add":["x"]}}`, `null`, `[]`, `{`, `"`,
		`{"instructions":[{"kind":"addRule","clauses":[{"attribute":"a","op":"in","values":[{}]}]}]}`,
		`{"environmentKey":"test","instructions":[{"kind":"turnFlagOn"}]}`,
		`[{"op":"add","path":"/rules/0","value":{"clauses":[{"op":"segmentMatch","values":[1]}],"weight":-1}}]`,
		`[{"op":"add","path":"/environments/test/rules/0","value":{"variation":99,"clauses":null}}]`,
		`[{"op":"replace","path":"/variations","value":null}]`, `{"flags":{"f":{"key":"f","variations":[1]}}}`,
		`{"name":"x","inlineRole":[{"effect":"allow","actions":["*"],"resources":["proj/**:;,"]}]}`,
		strings.Repeat("[", 200), `{"key":1e400}`, `{"merge":{"environments":null}}`,
	} {
		for i := range targets {
			f.Add(uint8(i), false, seed)
		}
		f.Add(uint8(1), true, seed)
		f.Add(uint8(6), true, seed)
	}
	f.Fuzz(func(t *testing.T, target uint8, asSemantic bool, body string) {
		method, path, _ := strings.Cut(targets[int(target)%len(targets)], " ")
		if asSemantic {
			a.call(t, method, path, body, "Content-Type", semantic)
			return
		}
		a.call(t, method, path, body)
	})
}

// FuzzTargets sends any path and query: the answer is never a 5xx and never a redirect.
func FuzzTargets(f *testing.F) {
	a := newAccount(f)
	for _, seed := range []string{
		"/segments/default/production?filter=tags%20anyOf%20%5B%22a%22%5D", "/flags/default?env=test&limit=3&sort=-name", "/projects//x", "/../x",
		"/segments/a/b/c/contexts/%2F%2e%2e", "/segments/a/b/c/users/", "/auditlog?before=1&spec=proj/*", "/tokens?showAll=1", "/%00", "/members?filter=id:",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		r, err := http.NewRequest(http.MethodGet, "http://muster.example/api/v2"+target, http.NoBody)
		if err != nil {
			return
		}
		r.Header.Set("Authorization", adminToken)
		w := httptest.NewRecorder()
		a.api.ServeHTTP(w, r)
		if w.Code >= 500 || (w.Code >= 300 && w.Code < 400) {
			t.Fatalf("%s: %d %s %s", target, w.Code, w.Header().Get("Location"), w.Body)
		}
	})
}

func TestBigAndDeepBodiesAreRefused(t *testing.T) {
	a := newAccount(t)
	for name, tt := range map[string]struct {
		body   string
		status int
	}{
		"more than 2 MiB":        {`{"key":"a","name":"` + strings.Repeat("x", 3<<20) + `"}`, 413},
		"a million levels":       {strings.Repeat(`{"a":`, 300_000), 400},
		"a name twice":           {`{"key":"a","key":"b","name":"x"}`, 400},
		"a number as key":        {`{"key":5,"name":"x"}`, 400},
		"another case is no key": {`{"Key":"a","name":"x"}`, 400},
	} {
		t.Run(name, func(t *testing.T) { a.must(t, tt.status, "Error", "POST", "/segments/default/production", tt.body) })
	}
}
