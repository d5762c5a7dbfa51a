package compat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
)

// checker is the transport of a client. It fails the test for every answer that lacks a member that
// clients require, whatever the client itself makes of it.
type checker struct {
	t        testing.TB
	table    map[string][]string
	patterns *http.ServeMux
	client   map[string]reflect.Type // as clientEndpoints has them

	mu       sync.Mutex
	answered map[string]bool
	driven   map[string]bool // answered to the generated client
}

func newChecker(t testing.TB) *checker {
	t.Helper()
	c := &checker{t: t, patterns: http.NewServeMux(), client: clientEndpoints(t), answered: map[string]bool{}, driven: map[string]bool{}}
	text, err := os.ReadFile("required.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &c.table); err != nil {
		t.Fatal(err)
	}
	for endpoint, a := range answers {
		if (a.representation == "") == (a.free == "") {
			t.Errorf("%s needs either a representation or the reason why it has none", endpoint)
		}
		if a.representation != "" && c.table[a.representation] == nil {
			t.Errorf("%s: required.json knows no representation %q", endpoint, a.representation)
		}
		method, below, _ := strings.Cut(endpoint, " ")
		if below == "/" {
			c.patterns.HandleFunc(method+" /api/v2", http.NotFound)
			below = "/{$}"
		}
		c.patterns.HandleFunc(method+" /api/v2"+below, http.NotFound)
	}
	return c
}

// RoundTrip sends the request and checks what comes back.
func (c *checker) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if problem := c.check(r, resp, body); problem != "" {
		c.t.Errorf("%s %s: status %d: %s\n%s", r.Method, r.URL, resp.StatusCode, problem, body)
	}
	return resp, nil
}

func (c *checker) check(r *http.Request, resp *http.Response, body []byte) string {
	if r.Method == http.MethodHead || r.Method == http.MethodOptions {
		return ""
	}
	if resp.StatusCode >= 400 {
		return c.lacking("Error", resp, body)
	}
	method := r.Method
	if override := r.Header.Get("X-HTTP-Method-Override"); override != "" {
		method = override
	}
	address := *r.URL
	if head, key := path.Split(address.EscapedPath()); key == "." || key == ".." {
		// A context key to muster; the mux would take it for a step.
		address.Path, address.RawPath = head+"dots", ""
	}
	_, pattern := c.patterns.Handler(&http.Request{Method: method, URL: &address, Host: r.Host})
	endpoint := strings.Replace(pattern, " /api/v2", " ", 1)
	endpoint = strings.TrimSuffix(endpoint, "{$}")
	if endpoint == "GET " {
		endpoint = "GET /"
	}
	want, ok := answers[endpoint]
	switch {
	case !ok:
		return fmt.Sprintf("no endpoint that answers knows (pattern %q)", pattern)
	case resp.StatusCode != want.status:
		return fmt.Sprintf("want status %d", want.status)
	}
	c.mu.Lock()
	c.answered[endpoint] = true
	if strings.HasPrefix(r.UserAgent(), "OpenAPI-Generator/") {
		c.driven[endpoint] = true
	}
	c.mu.Unlock()
	switch {
	case want.status == http.StatusNoContent, want.empty:
		if len(body) > 0 {
			return "a body where there is none"
		}
		return ""
	case want.text != "":
		if got := resp.Header.Get("Content-Type"); !strings.HasPrefix(got, want.text) {
			return fmt.Sprintf("Content-Type is %q", got)
		}
		return ""
	}
	representation := want.representation
	if representation == "Project" && r.URL.Query().Get("expand") == "environments" {
		representation = "ProjectExpanded"
	}
	if problem := c.lacking(representation, resp, body); problem != "" {
		return problem
	}
	return c.undecodable(endpoint, representation, body)
}

// undecodable names what the generated client's own type of the answer requires and the body, or the table,
// has not.
func (c *checker) undecodable(endpoint, representation string, body []byte) string {
	typ := c.client[nameless(endpoint)]
	if typ == nil {
		return ""
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return err.Error()
	}
	missing, untold := unmet(typ, v, "", c.table[representation])
	switch {
	case len(missing) > 0:
		return fmt.Sprintf("the client's %s requires %s", typ.Elem().Name(), strings.Join(missing, ", "))
	case len(untold) > 0:
		return fmt.Sprintf("required.json says of %q nothing about %s", representation, strings.Join(untold, ", "))
	}
	return ""
}

func jsonProblem(resp *http.Response, body []byte) string {
	if got := resp.Header.Get("Content-Type"); got != "application/json" {
		return fmt.Sprintf("Content-Type is %q", got)
	}
	if !json.Valid(body) {
		return "the body is no JSON"
	}
	return ""
}

// lacking names the required members that the body has not.
func (c *checker) lacking(representation string, resp *http.Response, body []byte) string {
	if problem := jsonProblem(resp, body); problem != "" {
		return problem
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return err.Error()
	}
	if _, ok := v.(map[string]any); !ok {
		return "the body is no object"
	}
	var missing []string
	for _, path := range c.table[representation] {
		if !holds(v, strings.Split(path, ".")) {
			missing = append(missing, path)
		}
	}
	if len(missing) > 0 {
		return fmt.Sprintf("%s lacks %s", representation, strings.Join(missing, ", "))
	}
	return ""
}

// holds reports whether the last name of a path exists wherever the names before it do. "[]" stands
// for every element of a list, "{}" for every member of an object; null counts as existing.
func holds(v any, path []string) bool {
	members, ok := v.(map[string]any)
	if !ok {
		return true
	}
	name, isList := strings.CutSuffix(path[0], "[]")
	name, isMap := strings.CutSuffix(name, "{}")
	inner, exists := members[name]
	if len(path) == 1 {
		return exists
	}
	all := func(list []any) bool {
		return !slices.ContainsFunc(list, func(e any) bool { return !holds(e, path[1:]) })
	}
	switch {
	case isList:
		list, _ := inner.([]any)
		return all(list)
	case isMap:
		object, _ := inner.(map[string]any)
		for _, e := range object {
			if !holds(e, path[1:]) {
				return false
			}
		}
		return true
	}
	return all([]any{inner})
}

// complete fails the test unless every documented endpoint answered with success at least once, and to the
// generated client if it has the endpoint.
func (c *checker) complete(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	list := documented(t)
	for _, endpoint := range list {
		if _, ok := answers[endpoint]; !ok {
			t.Errorf("%s is documented, but answers has no line for it", endpoint)
		} else if !c.answered[endpoint] && !answers[endpoint].endless {
			t.Errorf("%s was never called with success", endpoint)
		}
		if _, has := c.client[nameless(endpoint)]; has && !c.driven[endpoint] {
			t.Errorf("the generated client has %s, but never called it with success", endpoint)
		}
	}
	for endpoint := range answers {
		if !slices.Contains(list, endpoint) {
			t.Errorf("%s is not documented in docs/policies.md", endpoint)
		}
	}
}
