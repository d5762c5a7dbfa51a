package api_test

import (
	"bytes"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"muster/internal/api"
)

// spec is the OpenAPI document of the API, by whose shapes answers and requests are checked.
type spec struct {
	doc map[string]any
	// A request may hold members that nobody knows, an answer may not: so the shapes of answers are
	// closed here.
	requests, answers *shapes
}

var theSpec = sync.OnceValues(func() (*spec, error) {
	w := httptest.NewRecorder()
	api.New(api.Rooms{}, api.Options{}, time.Now, slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest("GET", "/api/v2/openapi.json", http.NoBody))
	open, err := jsonschema.UnmarshalJSON(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		return nil, err
	}
	closed, err := jsonschema.UnmarshalJSON(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		return nil, err
	}
	closeShapes(closed)
	s := &spec{doc: open.(map[string]any)}
	if s.requests, err = newShapes(open); err != nil {
		return nil, err
	}
	s.answers, err = newShapes(closed)
	return s, err
})

// closeShapes makes every shape of an object exclude members that it does not name.
func closeShapes(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["properties"].(map[string]any); ok && v["additionalProperties"] == nil {
			v["additionalProperties"] = false
		}
		for _, inner := range v {
			closeShapes(inner)
		}
	case []any:
		for _, inner := range v {
			closeShapes(inner)
		}
	}
}

// shapes are the schemas of a document, compiled when they are needed.
type shapes struct {
	mu       sync.Mutex // guards both
	compiler *jsonschema.Compiler
	known    map[string]*jsonschema.Schema
}

func newShapes(doc any) (*shapes, error) {
	c := jsonschema.NewCompiler()
	return &shapes{compiler: c, known: map[string]*jsonschema.Schema{}}, c.AddResource("openapi.json", doc)
}

// check holds a JSON text to the schema at a pointer into the document.
func (s *shapes) check(pointer []string, text []byte) error {
	var at strings.Builder
	at.WriteString("openapi.json#")
	for _, token := range pointer {
		at.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D", " ", "%20", ";", "%3B").Replace(token))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	schema := s.known[at.String()]
	if schema == nil {
		var err error
		if schema, err = s.compiler.Compile(at.String()); err != nil {
			return err
		}
		s.known[at.String()] = schema
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// dig returns what is at a path of members; nil if nothing is.
func dig(v any, path ...string) any {
	for _, name := range path {
		members, _ := v.(map[string]any)
		v = members[name]
	}
	return v
}

// resolve follows a reference into the document, if there is one, and returns where it leads.
func (s *spec) resolve(path []string) (any, []string) {
	v := dig(s.doc, path...)
	if ref, ok := dig(v, "$ref").(string); ok {
		path = strings.Split(strings.TrimPrefix(ref, "#/"), "/")
		v = dig(s.doc, path...)
	}
	return v, path
}

// documented serves what the API serves, and fails the test when an answer, or a request that
// succeeds, is not as the API's own document says: its status, headers, media type and shape.
func documented(t testing.TB, h http.Handler) http.Handler {
	t.Helper()
	if _, ok := t.(*testing.T); !ok {
		return h // a benchmark measures the API alone, and a fuzz target must not use t
	}
	s, err := theSpec()
	if err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &seenAnswer{ResponseWriter: w}
		sent := &seenBody{ReadCloser: r.Body}
		if r.Body != nil {
			r.Body = sent
		}
		h.ServeHTTP(seen, r)
		if r.Pattern == "" { // no route
			return
		}
		method, path, _ := strings.Cut(r.Pattern, " ")
		c := exchangeCheck{TB: t, spec: s, at: []string{"paths", path, strings.ToLower(method)}, call: r.Method + " " + r.URL.RequestURI()}
		c.answer(r, seen)
		if seen.status < 300 {
			c.request(r, sent)
		}
	})
}

// mostSeen is how much of a body is kept to be checked; longer ones are not.
const mostSeen = 1 << 20

type seenAnswer struct {
	http.ResponseWriter
	status int
	text   bytes.Buffer
}

func (a *seenAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *seenAnswer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (a *seenAnswer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if a.text.Len() <= mostSeen {
		a.text.Write(b)
	}
	return a.ResponseWriter.Write(b)
}

type seenBody struct {
	io.ReadCloser
	text bytes.Buffer
}

func (b *seenBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.text.Len() <= mostSeen {
		b.text.Write(p[:n])
	}
	return n, err
}

// exchangeCheck is a request and its answer beside what the document says of them.
type exchangeCheck struct {
	testing.TB
	*spec
	at   []string // of the operation in the document
	call string
}

func (c *exchangeCheck) answer(r *http.Request, seen *seenAnswer) {
	status := strconv.Itoa(seen.status)
	described, at := c.resolve(append(c.at, "responses", status))
	if described == nil {
		c.Errorf("%s: the document does not know the answer %s %s", c.call, status, clipped(seen.text.Bytes()))
		return
	}
	headers, _ := dig(described, "headers").(map[string]any)
	for name, header := range headers {
		if seen.Header().Get(name) == "" && dig(header, "required") == true {
			c.Errorf("%s: %s lacks the header %s of the document", c.call, status, name)
		}
	}
	kind, _, err := mime.ParseMediaType(seen.Header().Get("Content-Type"))
	if err != nil {
		kind = ""
	}
	for _, name := range []string{"ETag", "Location", "X-Muster-Revision"} {
		if seen.Header().Get(name) != "" && headers[name] == nil && (kind == "" || kind == "application/json") {
			c.Errorf("%s: %s has the header %s, of which the document does not know", c.call, status, name)
		}
	}
	switch {
	case r.Method == http.MethodHead:
	case kind == "" && seen.text.Len() == 0:
		if dig(described, "content") != nil && seen.status < 300 {
			c.Errorf("%s: %s has no body, the document has one", c.call, status)
		}
	case dig(described, "content", kind) == nil:
		c.Errorf("%s: the document does not know %s %s", c.call, status, kind)
	case kind == "application/json" && seen.text.Len() <= mostSeen && seen.Header().Get("Content-Encoding") == "":
		if err := c.answers.check(append(at, "content", kind, "schema"), seen.text.Bytes()); err != nil {
			c.Errorf("%s: %s is not as the document says: %v\n%s", c.call, status, err, clipped(seen.text.Bytes()))
		}
	}
}

func (c *exchangeCheck) request(r *http.Request, sent *seenBody) {
	described := map[string]bool{}
	parameters, _ := dig(c.doc, append(c.at, "parameters")...).([]any)
	for i := range parameters {
		p := parameters[i]
		if ref, ok := dig(p, "$ref").(string); ok {
			p = dig(c.doc, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
		described[dig(p, "in").(string)+" "+dig(p, "name").(string)] = true
	}
	for name := range r.URL.Query() {
		if !described["query "+name] && !ignored[c.at[2]+" "+c.at[1]+" "+name] {
			c.Errorf("%s: the document does not know the parameter %s", c.call, name)
		}
	}
	for _, name := range []string{"Idempotency-Key", "If-Match", "If-None-Match"} {
		if r.Header.Get(name) != "" && !described["header "+name] {
			c.Errorf("%s: the document does not know the header %s", c.call, name)
		}
	}
	body := dig(c.doc, append(c.at, "requestBody")...)
	text := bytes.TrimSpace(sent.text.Bytes())
	if body == nil || len(text) > mostSeen || r.Header.Get("Content-Encoding") != "" {
		return
	}
	if len(text) == 0 {
		if dig(body, "required") == true && dig(body, "content", "text/csv") == nil { // an empty list is one
			c.Errorf("%s: succeeds without the body that the document requires", c.call)
		}
		return
	}
	header := r.Header.Get("Content-Type")
	kind, params, err := mime.ParseMediaType(header)
	switch {
	case err != nil, strings.HasSuffix(kind, "+json") && dig(body, "content", kind) == nil:
		kind = "application/json"
	case params["domain-model"] != "":
		kind = header
	}
	if !strings.Contains(kind, "json") || strings.Contains(kind, "ndjson") || strings.Contains(kind, "jsonl") {
		return
	}
	if err := c.requests.check(append(c.at, "requestBody", "content", kind, "schema"), withoutNulls(text)); err != nil {
		c.Errorf("%s: the body %s succeeds, and is not as the document says: %v", c.call, clipped(text), err)
	}
}

// ignored are parameters that tests send to a route that does not look at them.
var ignored = map[string]bool{
	"get /api/v2/projects/{projectKey}/environments/{environmentKey}/runs color":        true,
	"post /api/v2/projects/{projectKey}/environments/{environmentKey}/mobileKey expiry": true,
}

// withoutNulls drops members that are null, which count as absent in requests.
func withoutNulls(text []byte) []byte {
	var v any
	if json.Unmarshal(text, &v) != nil {
		return text
	}
	dropNulls(v)
	kept, err := json.Marshal(v)
	if err != nil {
		return text
	}
	return kept
}

func dropNulls(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if inner == nil {
				delete(v, name)
			}
			dropNulls(inner)
		}
	case []any:
		for _, inner := range v {
			dropNulls(inner)
		}
	}
}

func clipped(text []byte) string {
	const most = 1000
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}
