package api

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"muster/internal/fault"
)

// bare is the API without rooms behind it: enough for what needs no credential.
func bare() http.Handler {
	return New(Rooms{}, Options{MaxImport: 1 << 20}, time.Now, slog.New(slog.DiscardHandler))
}

func answer(h http.Handler, method, target string, header map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, http.NoBody)
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func errorOf(t testing.TB, w *httptest.ResponseRecorder) errorJSON {
	t.Helper()
	var e errorJSON
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Code == "" || e.Message == "" {
		t.Fatalf("not an error body: %s (%v)", w.Body, err)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("error has content type %q", got)
	}
	return e
}

func TestUnknownPathsAndMethods(t *testing.T) {
	for name, tt := range map[string]struct {
		method, path string
		status       int
		allow        string
	}{
		"unknown path":                        {"GET", "/api/v2/nope", 404, ""},
		"unknown path below a known one":      {"GET", "/api/v2/projects/web/nope", 404, ""},
		"double slash":                        {"GET", "/api/v2//projects", 404, ""},
		"dots in a path":                      {"GET", "/api/v2/projects/../flags", 404, ""},
		"membership without a key":            {"GET", "/api/v2/segments/p/e/s/contexts/", 404, ""},
		"an authority without a path":         {"GET", "http://muster.example", 404, ""},
		"wrong method":                        {"DELETE", "/api/v2/projects", 405, "GET, HEAD, POST"},
		"wrong method on a path with a slash": {"PUT", "/api/v2/segments/p/e/s/", 405, "GET, HEAD, PATCH, DELETE"},
		"a method nobody knows":               {"BREW", "/api/v2/versions", 405, "GET, HEAD"},
	} {
		t.Run(name, func(t *testing.T) {
			w := answer(bare(), tt.method, tt.path, nil)
			if w.Code != tt.status || w.Header().Get("Allow") != tt.allow {
				t.Fatalf("%d, Allow %q: %s", w.Code, w.Header().Get("Allow"), w.Body)
			}
			errorOf(t, w)
		})
	}
}

func TestRootNeedsNoCredential(t *testing.T) {
	for _, path := range []string{"/api/v2", "/api/v2/"} {
		if w := answer(bare(), "GET", path, nil); w.Code != 200 || !strings.Contains(w.Body.String(), `"href":"/api/v2/flags"`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := answer(bare(), "HEAD", "/api/v2", nil); w.Code != 200 {
		t.Errorf("HEAD: %d", w.Code)
	}
}

func TestVersionHeader(t *testing.T) {
	for name, tt := range map[string]struct {
		values []string
		beta   bool
		ok     bool
	}{
		"absent":                         {nil, false, true},
		"current":                        {[]string{"20240415"}, false, true},
		"an older one":                   {[]string{"20160426"}, false, true},
		"beta":                           {[]string{"beta"}, true, true},
		"the first of two wins":          {[]string{"beta", "20240415"}, true, true},
		"the first of two joined wins":   {[]string{"20191212, beta"}, false, true},
		"empty":                          {[]string{""}, false, true},
		"unknown":                        {[]string{"20300101"}, false, false},
		"an unknown second is not heard": {[]string{"20240415", "x"}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", http.NoBody)
			for _, v := range tt.values {
				r.Header.Add("LD-API-Version", v)
			}
			beta, err := apiVersion(r)
			if beta != tt.beta || (err == nil) != tt.ok {
				t.Errorf("got %t, %v", beta, err)
			}
		})
	}
}

func TestPreflightNeedsNoCredential(t *testing.T) {
	w := answer(bare(), "OPTIONS", "/api/v2/segments/web/production", map[string]string{"Origin": "https://app.example"})
	if w.Code != 204 {
		t.Fatal(w.Code)
	}
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin":  "https://app.example",
		"Access-Control-Allow-Headers": "Accept, Content-Type, Content-Length, Accept-Encoding, Authorization, Ld-Api-Version, Content-Encoding, Idempotency-Key, If-Match, X-Http-Method-Override",
		"Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
		"Access-Control-Max-Age":       "300",
		"Vary":                         "Origin",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	refused := answer(bare(), "GET", "/api/v2/nope", nil).Header()
	if got := refused.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("an error without an origin allows %q", got)
	}
	for _, name := range []string{"Etag", "Location", "Retry-After", "X-Ratelimit-Reset", "X-Muster-Revision"} {
		if !strings.Contains(refused.Get("Access-Control-Expose-Headers"), name) {
			t.Errorf("scripts can't read %s", name)
		}
	}
}

func TestMethodOverride(t *testing.T) {
	for name, tt := range map[string]struct {
		method, override, want string
		ok                     bool
	}{
		"post as patch":               {"POST", "patch", "PATCH", true},
		"post as delete":              {"POST", "DELETE", "DELETE", true},
		"post as get":                 {"POST", "GET", "POST", false},
		"get is never another method": {"GET", "DELETE", "GET", true},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, "/", http.NoBody)
			r.Header.Set("X-HTTP-Method-Override", tt.override)
			err := overrideMethod(r)
			if r.Method != tt.want || (err == nil) != tt.ok {
				t.Errorf("got %s, %v", r.Method, err)
			}
		})
	}
}

func TestBetaEndpointsNeedTheBetaHeader(t *testing.T) {
	s := &server{now: time.Now, log: slog.New(slog.DiscardHandler)}
	rt := route{open: true, beta: true, serve: (*server).getRoot}
	if w := answer(s.wrap(rt), "GET", "/", nil); w.Code != 403 || errorOf(t, w).Code != fault.CodeForbidden {
		t.Errorf("without: %d", w.Code)
	}
	if w := answer(s.wrap(rt), "GET", "/", map[string]string{"LD-API-Version": "beta"}); w.Code != 200 {
		t.Errorf("with: %d", w.Code)
	}
}

func TestErrorRendering(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := &server{now: func() time.Time { return now }, log: slog.New(slog.DiscardHandler)}
	for name, tt := range map[string]struct {
		err    error
		status int
		code   fault.Code
	}{
		"invalid":         {fault.Invalidf("x"), 400, fault.CodeInvalidRequest},
		"unauthenticated": {fault.New(fault.Unauthenticated, fault.CodeUnauthorized, "x"), 401, fault.CodeUnauthorized},
		"forbidden":       {fault.Forbiddenf("x"), 403, fault.CodeForbidden},
		"not found":       {fault.NotFoundf("x"), 404, fault.CodeNotFound},
		"conflict":        {fault.New(fault.Conflict, fault.CodeKeyExists, "x"), 409, fault.CodeKeyExists},
		"refused":         {fault.New(fault.Refused, fault.CodeConflict, "x"), 409, fault.CodeConflict},
		"precondition":    {fault.New(fault.Conflict, fault.CodePrecondition, "x"), 412, fault.CodePrecondition},
		"too large":       {fault.TooLargef("x"), 413, fault.CodeTooLarge},
		"media type":      {fault.New(fault.Invalid, fault.CodeUnsupportedType, "x"), 415, fault.CodeUnsupportedType},
		"patch failed":    {fault.New(fault.Invalid, fault.CodePatchFailed, "x"), 422, fault.CodePatchFailed},
		"unavailable":     {fault.Unavailablef("x"), 429, fault.CodeRateLimited},
		"unclassified":    {os.ErrPermission, 500, fault.CodeInternal},
		"internal":        {fault.New(fault.Internal, fault.CodeInternal, "disk sda1 is full"), 500, fault.CodeInternal},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			s.writeError(w, httptest.NewRequest("GET", "/", http.NoBody), tt.err)
			e := errorOf(t, w)
			if w.Code != tt.status || e.Code != tt.code {
				t.Fatalf("%d %s", w.Code, e.Code)
			}
			if tt.status == 500 && e.Message != internalMessage {
				t.Errorf("an internal error says %q", e.Message)
			}
			if tt.status != 429 {
				return
			}
			reset, err := strconv.ParseInt(w.Header().Get("X-Ratelimit-Reset"), 10, 64)
			if err != nil || reset <= now.UnixMilli() || w.Header().Get("Retry-After") != "1" {
				t.Errorf("reset %d, Retry-After %q, %v", reset-now.UnixMilli(), w.Header().Get("Retry-After"), err)
			}
		})
	}
}

func TestAPanicIsAnAnswerAndALogLine(t *testing.T) {
	var lines strings.Builder
	h := New(Rooms{}, Options{MaxImport: 1 << 20}, time.Now, slog.New(slog.NewTextHandler(&lines, nil)))
	w := answer(h, "GET", "/api/v2/versions", nil) // there is no access room to ask
	if w.Code != 500 || errorOf(t, w).Message != internalMessage || !strings.Contains(lines.String(), "request panicked") {
		t.Errorf("%d %s\n%s", w.Code, w.Body, lines.String())
	}
}

func TestBodies(t *testing.T) {
	for name, tt := range map[string]struct {
		body, contentType string
		code              fault.Code
	}{
		"an object":               {`{"a":1}`, "", ""},
		"null":                    {"null", "application/json", ""},
		"a patch type":            {`[]`, "application/json-patch+json", ""},
		"a type with a parameter": {`{}`, "application/json; charset=utf-8", ""},
		"a broken parameter":      {`{}`, "application/json; x", ""},
		"nothing":                 {" \n", "", fault.CodeInvalidRequest},
		"half an object":          {`{"a":`, "", fault.CodeInvalidRequest},
		"two values":              {`{} {}`, "", fault.CodeInvalidRequest},
		"a name twice":            {`{"key":"a","key":"b"}`, "", fault.CodeInvalidRequest},
		"a name twice inside":     {`{"x":[{"key":"a","key":"b"}]}`, "", fault.CodeInvalidRequest},
		"a lone surrogate":        {`{"a":"\ud800"}`, "", fault.CodeInvalidRequest},
		"bytes that are no UTF-8": {"{\"a\":\"\xff\"}", "", fault.CodeInvalidRequest},
		"too deep":                {strings.Repeat("[", 100_000), "", fault.CodeInvalidRequest},
		"too large":               {`"` + strings.Repeat("x", 1000) + `"`, "", fault.CodeTooLarge},
		"a form":                  {"a=1", "application/x-www-form-urlencoded", fault.CodeUnsupportedType},
	} {
		t.Run(name, func(t *testing.T) {
			limit := int64(1 << 20)
			if tt.code == fault.CodeTooLarge {
				limit = 100
			}
			r := httptest.NewRequest("POST", "/", strings.NewReader(tt.body))
			r.Header.Set("Content-Type", tt.contentType)
			_, err := readBody(httptest.NewRecorder(), r, limit)
			switch {
			case tt.code == "" && err != nil:
				t.Error(err)
			case tt.code != "" && (err == nil || fault.From(err).Code != tt.code):
				t.Errorf("got %v, want %s", err, tt.code)
			}
		})
	}
}

func TestPages(t *testing.T) {
	all := make([]int, 45)
	for i := range all {
		all[i] = i
	}
	const at = "/api/v2/segments/web/production"
	for name, tt := range map[string]struct {
		query    string
		first, n int
		links    map[string]string
	}{
		"the first page": {"", 0, 20, map[string]string{
			"self": "?limit=20&offset=0", "next": "?limit=20&offset=20", "last": "?limit=20&offset=40",
		}},
		"a page between": {"limit=10&offset=20", 20, 10, map[string]string{
			"self": "?limit=10&offset=20", "first": "?limit=10&offset=0", "prev": "?limit=10&offset=10", "next": "?limit=10&offset=30", "last": "?limit=10&offset=40",
		}},
		"the last page": {"limit=40&offset=40", 40, 5, map[string]string{
			"self": "?limit=40&offset=40", "first": "?limit=40&offset=0", "prev": "?limit=40&offset=0",
		}},
		"past the end": {"limit=20&offset=500", 0, 0, map[string]string{
			"self": "?limit=20&offset=500", "first": "?limit=20&offset=0", "prev": "?limit=20&offset=480",
		}},
		"other parameters are kept": {"limit=100&sort=name", 0, 45, map[string]string{"self": "?limit=100&offset=0&sort=name"}},
		"a limit beyond the most":   {"limit=99999", 0, 45, map[string]string{"self": "?limit=1000&offset=0"}},
		"an offset beyond reason":   {"offset=9000000000000000000", 0, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", at+"?"+tt.query, http.NoBody)
			p, err := pageOf(r.URL.Query(), 20)
			if err != nil {
				t.Fatal(err)
			}
			c := paged(r, p, all, func(i int) int { return i })
			if len(c.Items) != tt.n || c.TotalCount != 45 || (tt.n > 0 && c.Items[0] != tt.first) {
				t.Errorf("items %v of %d", c.Items, c.TotalCount)
			}
			for name, want := range tt.links {
				if got := c.Links[name].Href; got != at+want {
					t.Errorf("%s: %s", name, got)
				}
			}
			if tt.links != nil && len(c.Links) != len(tt.links) {
				t.Errorf("links %v", c.Links)
			}
		})
	}
	for _, wrong := range []string{"limit=x", "limit=-1", "offset=1.5", "offset=99999999999999999999"} {
		r := httptest.NewRequest("GET", at+"?"+wrong, http.NoBody)
		if _, err := pageOf(r.URL.Query(), 20); fault.KindOf(err) != fault.Invalid || err == nil {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

func TestContextKeysInPaths(t *testing.T) {
	const at, of = "/api/v2/segments/p/e/s/contexts/", "/api/v2/projects/p/environments/e/contexts/user/"
	for name, tt := range map[string]struct{ path, key string }{
		"a plain key":               {at + "ann", "ann"},
		"an escaped slash":          {at + "a%2Fb", "a/b"},
		"a slash nobody escaped":    {at + "a/b//c", "a/b//c"},
		"a slash at the end":        {at + "a/", "a/"},
		"two dots":                  {at + "..", ".."},
		"dots between slashes":      {at + "a/../b", "a/../b"},
		"unicode":                   {at + "%C3%A9%20x", "é x"},
		"a percent sign":            {at + "100%25", "100%"},
		"a plus is a plus":          {at + "a+b@example.com", "a+b@example.com"},
		"users take the same route": {"/api/v2/segments/p/e/s/users/a%2Fb", "a/b"},

		"segments of a context":                {of + "ann/segments", "ann"},
		"an escaped slash in the middle":       {of + "a%2Fb/segments", "a/b"},
		"an unescaped slash in the middle":     {of + "a/b//c/segments", "a/b//c"},
		"a key that looks like what follows":   {of + "a/segments/segments", "a/segments"},
		"dots in the middle":                   {of + "../segments", ".."},
		"the timeline of a context":            {of + "a/b/timeline", "a/b"},
		"a key that is called timeline":        {of + "timeline/timeline", "timeline"},
		"a slash behind everything is dropped": {of + "ann/segments/", "ann"},

		"a context":                            {of + "ann", "ann"},
		"a context with slashes":               {of + "a/b//c", "a/b//c"},
		"a context that is called timeline":    {of + "timeline", "timeline"},
		"a context that is called segments":    {of + "segments", "segments"},
		"a context whose key ends so, escaped": {of + "a%2Fsegments", "a/segments"},
	} {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			var got string
			for _, what := range []string{"contexts", "users"} {
				mux.HandleFunc("GET /api/v2/segments/{p}/{e}/{s}/"+what+"/{contextKey}", func(_ http.ResponseWriter, r *http.Request) {
					got = r.PathValue("contextKey")
				})
			}
			for _, tail := range []string{"", "/segments", "/timeline"} {
				mux.HandleFunc("GET /api/v2/projects/{p}/environments/{e}/contexts/{kind}/{contextKey}"+tail, func(_ http.ResponseWriter, r *http.Request) {
					got = r.PathValue("contextKey")
				})
			}
			r := httptest.NewRequest("GET", tt.path, http.NoBody)
			if !tidyPath(r) {
				t.Fatal("refused")
			}
			w := httptest.NewRecorder()
			if mux.ServeHTTP(w, r); w.Code != 200 || got != tt.key {
				t.Errorf("%d, key %q", w.Code, got)
			}
		})
	}
}
