package api_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/api"
)

// brokenBodies are JSON of no sort: every route that reads a body refuses them.
var brokenBodies = map[string]string{
	"half an object":       `{"key":"a","name`,
	"two values":           `{} {}`,
	"a name twice":         `{"key":"a","name":"b","key":"c"}`,
	"a name twice, deeper": `{"patch":[{"op":"add","path":"/name","path":"/key","value":1}]}`,
	"invalid UTF-8":        "{\"key\":\"\xff\xfe\",\"name\":\"\xc3(\"}",
	"half a surrogate":     `{"key":"\ud800","name":"\udc00\ud800"}`,
	"a raw NUL":            "{\"key\":\"a\x00b\"}",
	"deep lists":           strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000),
	"deep objects":         strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65),
	"no JSON at all":       "key=a&name=b",
	"nothing but blanks":   " \n\t ",
}

// oddBodies are JSON that no well-meaning client sends.
var oddBodies = map[string]string{
	"null":                 `null`,
	"a bool":               `true`,
	"a text":               `"text"`,
	"an empty list":        `[]`,
	"an empty object":      `{}`,
	"a list of anything":   `[1,null,"x",[],{},{"op":5},{"op":"add"},{"op":"add","path":7},{"op":"fly","path":"/name"}]`,
	"unknown members":      `{"nobody":{"knows":["this"]}}`,
	"huge numbers":         `{"key":"n n","name":7e777,"defaultTtl":1e999999,"version":-1e400,"limit":99999999999999999999999999}`,
	"NUL in keys":          `{"key":"a\u0000b","name":"\u0000"}`,
	"a key of Unicode":     `{"key":"héllo","name":"😀"}`,
	"a key of a path":      `{"key":"../../x","name":"n"}`,
	"enormous tags":        `{"key":"t","name":"t","tags":["` + strings.Repeat("t", 100_000) + `"]}`,
	"the whole document":   `[{"op":"replace","path":"","value":null}]`,
	"a document of a list": `[{"op":"replace","path":"","value":[]}]`,
	"everything removed":   `[{"op":"remove","path":""}]`,
	"read-only members":    `[{"op":"replace","path":"/_id","value":"x"},{"op":"add","path":"/_links/self/href","value":"x"},{"op":"add","path":"/_new","value":1}]`,
	"odd pointers":         `[{"op":"replace","path":"name","value":1},{"op":"replace","path":"/~2","value":1}]`,
	"negative indexes":     `[{"op":"add","path":"/tags/-1","value":"t"},{"op":"add","path":"/tags/99999999999999999999","value":"t"}]`,
	"copies of copies":     "[" + strings.TrimSuffix(strings.Repeat(`{"op":"copy","from":"","path":"/bomb"},`, 60), ",") + "]",
	"20,000 operations":    "[" + strings.TrimSuffix(strings.Repeat(`{"op":"add","path":"/tags/-","value":"t"},`, 20_000), ",") + "]",
	"10,000 removals":      "[" + strings.TrimSuffix(strings.Repeat(`{"op":"remove","path":"/tags/0"},`, 10_000), ",") + "]",
	"an odd envelope":      `{"patch":{"op":"add"},"merge":[],"instructions":{"kind":"turnFlagOn"},"comment":7}`,
	"unknown instructions": `{"environmentKey":"production","instructions":[{"kind":"explode"},{"kind":7},null,{}]}`,
	"empty instructions":   `{"environmentKey":"production","instructions":[{"kind":"addRule"},{"kind":"removeRule"},{"kind":"addTargets"},{"kind":"updateClause"}]}`,
	"3 MiB":                `{"name":"` + strings.Repeat("x", 3<<20) + `"}`,
}

// oddValues stand in for each value of a body that is right otherwise.
var oddValues = []string{
	`null`, `true`, `-1`, `1e999`, `0.5`, `9223372036854775808`, `""`, `"\u0000"`, `"../x"`, `"é"`, `[]`, `{}`, `[null]`, `[[]]`, `{"":null}`, `["a","a"]`,
	`"` + strings.Repeat("k", 5000) + `"`, strings.Repeat("[", 60) + strings.Repeat("]", 60),
}

// oddQueries are parameters that some route reads.
var oddQueries = []string{
	"limit=-1", "limit=x", "limit=0", "limit=99999999999999999999", "offset=-1", "offset=9223372036854775807", "offset=1e3", "sort=nope", "sort=-,-", "sort=name,name,name",
	"filter=%FF", "filter=nonsense", "filter=" + url.QueryEscape(strings.Repeat("(", 100)), "filter=query:" + strings.Repeat("x", 9000), "filter=tags:", "filter=a%20equals%20[",
	"filter=" + url.QueryEscape(`creationDate:{"before":"x"}`), "filter=" + url.QueryEscape(`key anyOf [`+strings.Repeat(`"k",`, 900)+`"k"]`), "expand=%00,environments,,", "env=%FF&env=", "env=nope",
	"summary=2", "tag=%00", "archived=perhaps", "before=x", "before=-5", "after=99999999999999999999", "after=%21", "spec=:::", "spec=proj/*;{", "q=%00%FF", "dryRun=perhaps", "expiry=x",
	"expiry=-9223372036854775808", "expiry=9223372036854775807", "kind=%FF,flag,nope", "pre=%FF", "prefix=%FF%00", "mode=explode", "column=-1", "column=99999999999", "header=perhaps",
	"override=perhaps", "contextKind=%00", "format=exe", "state=nope", "tool=%FF", "to=nope", "continuationToken=%25", "includeTotalCount=perhaps", "clone=..%2F..", "showAll=perhaps",
	"%zz=%zz", strings.Repeat("a=b&", 3000),
}

// oddNames stand in a path for whatever a route expects there.
var oddNames = []string{
	"..", ".", "%2E%2E", "%00", "%FF", "%F0%9F%98%80", "a%2Fb", "*", "%22'%3B--", "%25", "-", "000000000000000000000000", "zzzzzzzzzzzzzzzzzzzzzzzz", strings.Repeat("x", 9000), "me", "x;y={z}",
}

// tellsTooMuch is what a person can make nothing of, or should not be told.
var tellsTooMuch = regexp.MustCompile(`json:|jsontext|unmarshal|%!|runtime error|goroutine|\.go:|pebble|nil pointer|<nil>|panic`)

// endless is what no request takes, however busy the machine is and with the race detector: work that
// grows with the square of a body takes longer on any.
const endless = 2 * time.Minute

// undocumented is the account for requests that are not as the document of the API says, and of which
// some succeed.
func (a *account) undocumented() *account {
	other := *a
	other.api = api.New(a.rooms, api.Options{MaxImport: maxImport}, time.Now, slog.New(slog.NewTextHandler(a.log, nil)))
	return &other
}

// hostile sends a request that nobody well-meaning sends. It must get an answer in JSON below 500, a
// refusal with a sentence for people. The status is returned.
func (a *account) hostile(t testing.TB, what, method, path, body string, header ...string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://muster.example/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	path, query, _ := strings.Cut("/api/v2"+path, "?")
	plain, err := url.PathUnescape(path)
	if err != nil {
		t.Fatal(err)
	}
	r.URL.Path, r.URL.RawPath, r.URL.RawQuery, r.RequestURI = plain, path, query, path+"?"+query
	r.Header.Set("Authorization", a.token)
	r.Header.Set("LD-API-Version", "beta")
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	began := time.Now()
	a.api.ServeHTTP(w, r)
	if took := time.Since(began); took > endless {
		t.Errorf("%s, %s: took %s", method+" "+path, what, took)
	}
	where := fmt.Sprintf("%s %.120s?%.120s, %s", method, path, query, what)
	if w.Code >= 500 {
		t.Fatalf("%s: %d %s\nbody %.300s\n%s", where, w.Code, w.Body, body, a.log)
	}
	if w.Code < 400 {
		return w.Code
	}
	var e struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Code == "" || len(e.Message) < 10 || len(e.Message) > 3000 {
		t.Errorf("%s: %d, not a refusal for people: %.300s (%v)", where, w.Code, w.Body, err)
	}
	if tellsTooMuch.MatchString(e.Message) {
		t.Errorf("%s: %d tells people %s", where, w.Code, e.Message)
	}
	if strings.Contains(w.Body.String(), a.token) {
		t.Errorf("%s: the refusal holds the token", where)
	}
	return w.Code
}

// TestNoRequestBreaksARoute sends to every route every odd body, every odd query with its own body and
// with an odd one, another pair on each route, its own body with each value in turn replaced, and odd names
// in its path.
func TestNoRequestBreaksARoute(t *testing.T) {
	var short []string // odd bodies that go with odd queries
	for _, what := range slices.Sorted(maps.Keys(oddBodies)) {
		if len(oddBodies[what]) < 1000 {
			short = append(short, what)
		}
	}
	for turn, d := range decisions {
		t.Run(d.call, func(t *testing.T) {
			t.Parallel()
			a, names := furnished(t)
			a = a.undocumented()
			if d.endless {
				a = a.leaving()
			}
			method, _, _ := strings.Cut(d.call, " ")
			path, body := names.Replace(d.path), names.Replace(d.body)
			kinds := []string{"application/json"}
			if method == "PATCH" {
				kinds = append(kinds, semantic, "application/json-patch+json")
			}
			if d.form != "" {
				kinds = append(kinds, d.form)
			}
			for _, kind := range kinds {
				for what, odd := range brokenBodies {
					status := a.hostile(t, what, method, path, odd, "Content-Type", kind)
					if d.body != "" && d.form == "" && (status < 400 || status == 404) {
						t.Errorf("%s (%s) is answered %d", what, kind, status)
					}
				}
				for what, odd := range oddBodies {
					if len(odd) < 1000 || d.body != "" && kind == kinds[0] { // routes without one read none
						a.hostile(t, what, method, path, odd, "Content-Type", kind)
					}
				}
			}
			for i, query := range oddQueries {
				a.hostile(t, "its own body", method, path+"?"+query, body)
				if d.body != "" {
					what := short[(turn+i)%len(short)]
					a.hostile(t, what, method, path+"?"+query, oddBodies[what])
				}
			}
			for _, odd := range mutated(t, body, d.form) {
				a.hostile(t, odd, method, path, odd)
			}
			a.hostile(t, "another media type", method, path, body, "Content-Type", "text/html; charset=\"")
			a.hostile(t, "odd headers", method, path, body, "If-Match", `"`, "Idempotency-Key", strings.Repeat("\xff", 300), "LD-API-Version", "\x00", "X-HTTP-Method-Override", "BREW")
			_, pattern, _ := strings.Cut(d.call, " ")
			for _, odd := range oddNames {
				a.hostile(t, "an odd name "+odd, method, placeholder.ReplaceAllLiteralString(pattern, odd), body)
			}
		})
	}
}

var placeholder = regexp.MustCompile(`\{\w+\}`)

// mutated returns a body with each value of it in turn replaced by odd ones, and with members left out.
func mutated(t *testing.T, body, form string) []string {
	if body == "" || form != "" {
		return nil
	}
	var doc any
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatal(err)
	}
	var all []string
	write := func() {
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	var walk func(v any, set func(any))
	walk = func(v any, set func(any)) {
		for _, odd := range oddValues {
			set(jsontext.Value(odd))
			write()
		}
		set(v)
		switch v := v.(type) {
		case map[string]any:
			for name, e := range v {
				delete(v, name)
				write()
				walk(e, func(x any) { v[name] = x })
			}
		case []any:
			for i, e := range v {
				walk(e, func(x any) { v[i] = x })
			}
		}
	}
	walk(doc, func(v any) { doc = v })
	return all
}

// TestNothingThatFitsIntoABodyTakesLong sends as much of one thing as a body holds, where work that grows
// with its square would take minutes, in which nobody else could change the project.
func TestNothingThatFitsIntoABodyTakesLong(t *testing.T) {
	a, _ := furnished(t)
	a = a.undocumented()
	f := a.must(t, 200, "", "GET", "/flags/default/f", "")
	variation, rule := f.str("variations.0._id"), f.str("environments.test.rules.0._id")
	clause := f.str("environments.test.rules.0.clauses.0._id")
	instructed := func(format string, args ...any) string {
		return `{"environmentKey":"test","instructions":[` + fmt.Sprintf(format, args...) + `]}`
	}
	ofClause := `"ruleId":"` + rule + `","clauseId":"` + clause + `"`
	target := `{"variationId":"` + variation + `","values":["x%d"]}`
	for name, tt := range map[string]struct{ path, body, form string }{
		"values of a clause":              {"/flags/default/f", instructed(`{"kind":"addValuesToClause",%s,"values":%s}`, ofClause, numbered(100_000, "%d")), semantic},
		"lists in a clause":               {"/flags/default/f", instructed(`{"kind":"addValuesToClause",%s,"values":%s}`, ofClause, numbered(60_000, "[%d]")), semantic},
		"values that leave a clause":      {"/flags/default/f", instructed(`{"kind":"removeValuesFromClause",%s,"values":%s}`, ofClause, numbered(100_000, "%d")), semantic},
		"clauses that leave a rule":       {"/flags/default/f", instructed(`{"kind":"removeClauses","ruleId":"%s","clauseIds":%s}`, rule, numbered(100_000, `"c%d"`)), semantic},
		"targets one by one":              {"/flags/default/f", instructed(`{"kind":"replaceTargets","targets":%s}`, numbered(25_000, target)), semantic},
		"targets by as many instructions": {"/flags/default/f", `{"environmentKey":"test","instructions":[{"kind":"addTargets","variationId":"` + variation + `","values":` + numbered(150_000, `"k%d"`) + `},` + strings.TrimPrefix(numbered(999, strings.Replace(target, "{", `{"kind":"addTargets",`, 1)), "[") + `}`, semantic},
		"targets all at once":             {"/flags/default/f", instructed(`{"kind":"addTargets","variationId":"%s","values":%s}`, variation, numbered(180_000, `"k%d"`)), semantic},
		"targets of as many kinds":        {"/flags/default/f", `{"environments":{"test":{"contextTargets":` + numbered(25_000, `{"contextKind":"k%d","variation":0,"values":["a"]}`) + `}}}`, ""},
		"prerequisites":                   {"/flags/default/f", `{"environments":{"test":{"prerequisites":` + listOf(60_000, `{"key":"g","variation":0}`) + `}}}`, ""},
		"tags":                            {"/flags/default/f", `{"tags":` + numbered(180_000, `"t%d"`) + `}`, ""},
		"tags by an instruction":          {"/flags/default/f", `{"instructions":[{"kind":"addTags","values":` + numbered(180_000, `"t%d"`) + `}]}`, semantic},
		"variations":                      {"/flags/default/f", `{"variations":` + numbered(100_000, `{"value":%d}`) + `}`, ""},
		"custom properties":               {"/flags/default/f", `{"customProperties":{` + strings.Trim(numbered(40_000, `"p%d":{"name":"P","value":["v"]}`), "[]") + `}}`, ""},
		"targets of a list":               {seg + "/small", `{"included":` + numbered(180_000, `"k%d"`) + `}`, ""},
		"kinds of a list":                 {seg + "/small", `{"includedContexts":` + numbered(40_000, `{"contextKind":"k%d","values":["a"]}`) + `}`, ""},
		"rules of a segment":              {seg + "/small", `{"rules":` + listOf(25_000, `{"clauses":[{"attribute":"a","op":"in","values":[1]}]}`) + `}`, ""},
		"statements":                      {"/roles/free", `{"policy":` + listOf(30_000, `{"effect":"allow","actions":["*"],"resources":["*"]}`) + `}`, ""},
		"environments":                    {"/projects", `{"key":"p","name":"P","environments":` + numbered(40_000, `{"key":"e%d","name":"E","color":"000000"}`) + `}`, ""},
		"operations on one list":          {"/flags/default/f", listOf(10_000, `{"op":"add","path":"/tags/0","value":"t"}`), ""},
		"moves in one list":               {"/flags/default/f", movesInAList, ""},
		"a context":                       {env + "/flags/evaluate", `{"kind":"multi",` + strings.Trim(numbered(50_000, `"k%d":{"key":"a"}`), "[]") + `}`, ""},
		"a filter of contexts":            {env + "/contexts/search", fmt.Sprintf(`{"filter":%q}`, "key anyOf "+numbered(900, `"k%d"`)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			method, header := "PATCH", []string{"Content-Type", "application/json"}
			if tt.form != "" {
				header[1] = tt.form
			}
			if strings.HasPrefix(tt.path, env) || tt.path == "/projects" {
				method = "POST"
			}
			if len(tt.body) > 2<<20 {
				t.Fatalf("the body has %d bytes", len(tt.body))
			}
			path := tt.path
			if method == "PATCH" {
				path += "?dryRun=true" // each case begins with the same flag
			}
			a.hostile(t, name, method, path, tt.body, header...)
		})
	}
}

// FuzzRoutes sends anything to any route. Projects and environments are never deleted, so that what
// comes later finds something.
func FuzzRoutes(f *testing.F) {
	a, names := furnished(f)
	a = a.undocumented()
	var fuzzed []decision
	for _, d := range decisions {
		if !d.endless && !strings.HasPrefix(d.call, "DELETE /projects/") {
			f.Add(uint16(len(fuzzed)), "", "limit=1", []byte(names.Replace(d.body)), false) //nolint:gosec // there are fewer
			fuzzed = append(fuzzed, d)
		}
	}
	for _, odd := range oddNames {
		f.Add(uint16(2), odd, "filter=query:x", []byte(oddBodies["a list of anything"]), true)
	}
	f.Fuzz(func(t *testing.T, route uint16, name, query string, body []byte, instructions bool) {
		d := fuzzed[int(route)%len(fuzzed)]
		method, pattern, _ := strings.Cut(d.call, " ")
		path := names.Replace(d.path)
		if name != "" {
			path = placeholder.ReplaceAllLiteralString(pattern, url.PathEscape(name))
		}
		kind := d.form
		if kind == "" {
			kind = "application/json"
		}
		if instructions {
			kind = semantic
		}
		a.log.Reset()
		a.hostile(t, "fuzzed", method, path+"?"+strings.ReplaceAll(query, "\x00", ""), string(bytes.TrimSpace(body)), "Content-Type", kind)
		if a.call(t, "GET", env, "").status != 200 || !strings.Contains(strings.Join(api.Calls(), "\n"), d.call) {
			t.Fatal("the account is of no use any more")
		}
	})
}
