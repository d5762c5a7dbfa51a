package compat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	ldapi "github.com/launchdarkly/api-client-go/v17"
)

// answer is what a successful call of one endpoint looks like.
type answer struct {
	status         int
	representation string // a name in required.json
	free           string // why there is none
	text           string // the type of an answer that is not JSON
	empty          bool   // the body is empty, whatever the status
	endless        bool   // the answer has no end, so that this client does not ask
}

// answers has a line for every endpoint of docs/policies.md.
var answers = map[string]answer{
	"GET /":                {status: 200, representation: "Root"},
	"GET /versions":        {status: 200, representation: "Versions"},
	"GET /caller-identity": {status: 200, free: "every member is optional"},
	"GET /account":         {status: 200, free: "no generated client knows it"},
	"GET /limits":          {status: 200, free: "muster's own"},
	"GET /tags":            {status: 200, representation: "Tags"},
	"POST /verify":         {status: 200, free: "muster's own", text: "application/x-ndjson"},

	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/runs":         {status: 200, representation: "Runs"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}": {status: 200, representation: "Run"},
	"GET /projects/{projectKey}/environments/{environmentKey}/runs":         {status: 200, representation: "Runs"},

	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/diff":                            {status: 200, free: "muster's own"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/rejects":                         {status: 200, free: "rows of text", text: "text/csv"},
	"POST /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/release":                        {status: 200, representation: "Run"},
	"POST /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/discard":                        {status: 200, representation: "Run"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/imports":                                      {status: 200, free: "muster's own"},
	"POST /segments/{projectKey}/{environmentKey}/{segmentKey}/imports":                                     {status: 204, free: "no body"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/imports/{importId}":                           {status: 200, free: "checked by the generated client"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/exports":                                      {status: 200, free: "muster's own"},
	"POST /segments/{projectKey}/{environmentKey}/{segmentKey}/exports":                                     {status: 200, free: "no body", empty: true},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/exports/{exportId}":                           {status: 200, free: "checked by the generated client"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/exports/{exportId}/file":                      {status: 200, free: "rows of text", text: "text/csv"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/points":                                       {status: 200, free: "muster's own"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/points/{pointId}/diff":                        {status: 200, free: "muster's own"},
	"POST /segments/{projectKey}/{environmentKey}/{segmentKey}/points/{pointId}/publish":                    {status: 200, free: "muster's own"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/guard":                                        {status: 200, representation: "Guard"},
	"PATCH /segments/{projectKey}/{environmentKey}/{segmentKey}/guard":                                      {status: 200, representation: "Guard"},
	"GET /projects/{projectKey}/environments/{environmentKey}/guard":                                        {status: 200, representation: "Guard"},
	"PATCH /projects/{projectKey}/environments/{environmentKey}/guard":                                      {status: 200, representation: "Guard"},
	"GET /projects/{projectKey}/environments/{environmentKey}/sources/{integrationKey}/guard":               {status: 200, representation: "Guard"},
	"PATCH /projects/{projectKey}/environments/{environmentKey}/sources/{integrationKey}/guard":             {status: 200, representation: "Guard"},
	"GET /projects/{projectKey}/environments/{environmentKey}/followers":                                    {status: 200, free: "muster's own"},
	"GET /projects/{projectKey}/environments/{environmentKey}/activity":                                     {status: 200, free: "muster's own", endless: true},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/members":                                      {status: 200, free: "muster's own"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/members/{contextKey}/timeline":                {status: 200, free: "muster's own"},
	"GET /projects/{projectKey}/environments/{environmentKey}/contexts/{contextKind}/{contextKey}/segments": {status: 200, representation: "ContextSegments"},

	"GET /segments/{projectKey}/{environmentKey}":                                    {status: 200, representation: "Segments"},
	"POST /segments/{projectKey}/{environmentKey}":                                   {status: 201, representation: "Segment"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}":                       {status: 200, representation: "Segment"},
	"PATCH /segments/{projectKey}/{environmentKey}/{segmentKey}":                     {status: 200, representation: "Segment"},
	"DELETE /segments/{projectKey}/{environmentKey}/{segmentKey}":                    {status: 204, free: "no body"},
	"POST /segments/{projectKey}/{environmentKey}/{segmentKey}/contexts":             {status: 204, free: "no body"},
	"POST /segments/{projectKey}/{environmentKey}/{segmentKey}/users":                {status: 204, free: "no body"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/contexts/{contextKey}": {status: 200, representation: "Membership"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/users/{contextKey}":    {status: 200, representation: "Membership"},
	"GET /flags/{projectKey}":                                                        {status: 200, representation: "Flags"},
	"POST /flags/{projectKey}":                                                       {status: 201, representation: "Flag"},
	"GET /flags/{projectKey}/{flagKey}":                                              {status: 200, representation: "Flag"},
	"PATCH /flags/{projectKey}/{flagKey}":                                            {status: 200, representation: "Flag"},
	"POST /flags/{projectKey}/{flagKey}/copy":                                        {status: 201, representation: "Flag"},
	"GET /flags/{projectKey}/{flagKey}/dependent-flags":                              {status: 200, representation: "DependentFlags"},
	"GET /flags/{projectKey}/{environmentKey}/{flagKey}/dependent-flags":             {status: 200, representation: "DependentFlagsInEnvironment"},
	"GET /flag-statuses/{projectKey}/{environmentKey}":                               {status: 200, representation: "FlagStatuses"},
	"GET /flag-statuses/{projectKey}/{environmentKey}/{flagKey}":                     {status: 200, representation: "FlagStatus"},
	"GET /flag-status/{projectKey}/{flagKey}":                                        {status: 200, representation: "FlagStatusEverywhere"},
	"DELETE /flags/{projectKey}/{flagKey}":                                           {status: 204, free: "no body"},
	"GET /projects":                                                                  {status: 200, representation: "Projects"},
	"POST /projects":                                                                 {status: 201, representation: "ProjectWritten"},
	"GET /projects/{projectKey}":                                                     {status: 200, representation: "Project"},
	"PATCH /projects/{projectKey}":                                                   {status: 200, representation: "ProjectWritten"},
	"DELETE /projects/{projectKey}":                                                  {status: 204, free: "no body"},
	"GET /projects/{projectKey}/environments":                                        {status: 200, representation: "Environments"},
	"POST /projects/{projectKey}/environments":                                       {status: 201, representation: "Environment"},
	"GET /projects/{projectKey}/environments/{environmentKey}":                       {status: 200, representation: "Environment"},
	"PATCH /projects/{projectKey}/environments/{environmentKey}":                     {status: 200, representation: "Environment"},
	"DELETE /projects/{projectKey}/environments/{environmentKey}":                    {status: 204, free: "no body"},
	"POST /projects/{projectKey}/environments/{environmentKey}/flags/evaluate":       {status: 200, representation: "EvaluatedFlags"},
	"POST /projects/{projectKey}/environments/{environmentKey}/segments/evaluate":    {status: 200, representation: "EvaluatedSegments"},
	"GET /projects/{projectKey}/context-kinds":                                       {status: 200, representation: "ContextKinds"},
	"PUT /projects/{projectKey}/context-kinds/{contextKind}":                         {status: 200, free: "every member is optional"},
	"POST /projects/{projectKey}/environments/{environmentKey}/apiKey":               {status: 200, representation: "Environment"},
	"POST /projects/{projectKey}/environments/{environmentKey}/mobileKey":            {status: 200, representation: "Environment"},
	"GET /projects/{projectKey}/environments/{environmentKey}/sdk-data":              {status: 200, free: "muster's own, in the data model of the SDKs"},
	"PUT /projects/{projectKey}/environments/{environmentKey}/sdk-data":              {status: 204, free: "no body"},
	"GET /tokens":                          {status: 200, representation: "Tokens"},
	"POST /tokens":                         {status: 201, representation: "Token"},
	"GET /tokens/{tokenId}":                {status: 200, representation: "Token"},
	"PATCH /tokens/{tokenId}":              {status: 200, representation: "Token"},
	"DELETE /tokens/{tokenId}":             {status: 204, free: "no body"},
	"POST /tokens/{tokenId}/reset":         {status: 200, representation: "Token"},
	"GET /roles":                           {status: 200, representation: "Roles"},
	"POST /roles":                          {status: 201, representation: "Role"},
	"GET /roles/{roleKey}":                 {status: 200, representation: "Role"},
	"PATCH /roles/{roleKey}":               {status: 200, representation: "Role"},
	"DELETE /roles/{roleKey}":              {status: 204, free: "no body"},
	"GET /members":                         {status: 200, representation: "Members"},
	"POST /members":                        {status: 201, representation: "Members"},
	"GET /members/{memberId}":              {status: 200, representation: "Member"},
	"PATCH /members/{memberId}":            {status: 200, representation: "Member"},
	"DELETE /members/{memberId}":           {status: 204, free: "no body"},
	"GET /webhooks":                        {status: 200, representation: "Webhooks"},
	"POST /webhooks":                       {status: 200, representation: "Webhook"},
	"GET /webhooks/{webhookId}":            {status: 200, representation: "Webhook"},
	"PATCH /webhooks/{webhookId}":          {status: 200, representation: "Webhook"},
	"DELETE /webhooks/{webhookId}":         {status: 204, free: "no body"},
	"GET /webhooks/{webhookId}/deliveries": {status: 200, free: "muster's own"},
	"POST /webhooks/{webhookId}/test":      {status: 200, free: "muster's own"},

	"GET /auditlog":           {status: 200, representation: "AuditEntries"},
	"POST /auditlog":          {status: 200, representation: "AuditEntries"},
	"GET /auditlog/{entryId}": {status: 200, representation: "AuditEntry"},
}

// documented returns the endpoints of docs/policies.md.
func documented(t testing.TB) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "policies.md"))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, row := range regexp.MustCompile("(?m)^\\| ([A-Z]+) \\| `(/[^`]*)` \\|").FindAllSubmatch(page, -1) {
		list = append(list, string(row[1])+" "+string(row[2]))
	}
	if len(list) < 30 {
		t.Fatalf("docs/policies.md lists %d endpoints; was its table changed?", len(list))
	}
	return list
}

// checker is the transport of a client. It fails the test for every answer that lacks a member that
// clients require, whatever the client itself makes of it.
type checker struct {
	t        testing.TB
	table    map[string][]string
	patterns *http.ServeMux

	mu       sync.Mutex
	answered map[string]bool
}

func newChecker(t testing.TB) *checker {
	t.Helper()
	c := &checker{t: t, patterns: http.NewServeMux(), answered: map[string]bool{}}
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
	case want.representation == "":
		return jsonProblem(resp, body)
	case want.representation == "Project" && r.URL.Query().Get("expand") == "environments":
		return c.lacking("ProjectExpanded", resp, body)
	}
	return c.lacking(want.representation, resp, body)
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

// complete fails the test unless every documented endpoint answered with success at least once.
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
	}
	for endpoint := range answers {
		if !slices.Contains(list, endpoint) {
			t.Errorf("%s is not documented in docs/policies.md", endpoint)
		}
	}
}

// outcome is what a call of the generated client came to.
type outcome[T any] struct {
	value T
	resp  *http.Response
	err   error
}

func from[T any](value T, resp *http.Response, err error) outcome[T] {
	return outcome[T]{value: value, resp: resp, err: err}
}

func emptied(resp *http.Response, err error) outcome[struct{}] {
	return outcome[struct{}]{resp: resp, err: err}
}

// ok returns the value of a call that succeeded.
func (o outcome[T]) ok(t testing.TB) T {
	t.Helper()
	if o.err != nil {
		var detail *ldapi.GenericOpenAPIError
		if errors.As(o.err, &detail) {
			t.Fatalf("%v: %s", o.err, detail.Body())
		}
		t.Fatal(o.err)
	}
	return o.value
}

// refused checks status and code of an error as the generated client decodes it.
func (o outcome[T]) refused(t testing.TB, status int, code string) string {
	t.Helper()
	var detail *ldapi.GenericOpenAPIError
	if !errors.As(o.err, &detail) {
		t.Fatalf("error %v, want status %d", o.err, status)
	}
	text := detail.Body()
	if model := detail.Model(); model != nil {
		var err error
		if text, err = json.Marshal(model); err != nil {
			t.Fatal(err)
		}
	}
	var got struct{ Code, Message string }
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if o.resp.StatusCode != status || got.Code != code || got.Message == "" {
		t.Errorf("status %d, %+v; want %d %s", o.resp.StatusCode, got, status, code)
	}
	return got.Message
}
