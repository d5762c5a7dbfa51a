package compat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	ldapi "github.com/launchdarkly/api-client-go/v17"
)

const semanticPatch = "application/json; domain-model=launchdarkly.semanticpatch"

// rest is LaunchDarkly's generated Go client, pointed at a server. Every answer it gets is checked.
type rest struct {
	*ldapi.APIClient
	url    string
	token  string
	checks *checker
}

// newRest returns the client of the administrator.
func newRest(t testing.TB, s *server) *rest {
	t.Helper()
	r := &rest{url: s.url, checks: newChecker(t)}
	return r.as(adminToken)
}

// as returns the client of another credential.
func (r *rest) as(token string) *rest {
	c := ldapi.NewConfiguration()
	c.Servers = ldapi.ServerConfigurations{{URL: r.url}}
	c.HTTPClient = &http.Client{Transport: r.checks, Timeout: patience}
	c.DefaultHeader["LD-API-Version"] = "20240415"
	return &rest{APIClient: ldapi.NewAPIClient(c), url: r.url, token: token, checks: r.checks}
}

// beta returns the client that asks for beta endpoints.
func (r *rest) beta() *rest {
	b := r.as(r.token)
	b.GetConfig().DefaultHeader["LD-API-Version"] = "beta"
	return b
}

// auth carries the credential the way the generated client wants it.
func (r *rest) auth(t testing.TB) context.Context {
	return context.WithValue(t.Context(), ldapi.ContextAPIKeys, map[string]ldapi.APIKey{"ApiKey": {Key: r.token}})
}

// raw sends what the generated client can't, over the same checks, and returns the decoded body.
func (r *rest) raw(t testing.TB, want int, method, path, body string, header ...string) map[string]any {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+"/api/v2"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", r.token)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Client{Transport: r.checks, Timeout: patience}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != want {
		t.Fatalf("%s %s %s: status %d, want %d: %s", method, path, body, resp.StatusCode, want, text)
	}
	var got map[string]any
	if len(bytes.TrimSpace(text)) > 0 {
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

func op(verb, path string, value any) ldapi.PatchOperation {
	return ldapi.PatchOperation{Op: verb, Path: path, Value: value}
}

func envelope(ops ...ldapi.PatchOperation) ldapi.PatchWithComment {
	return ldapi.PatchWithComment{Patch: ops, Comment: new("Terraform")}
}

// same compares the JSON forms.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	g, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	w, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(g, w) {
		t.Errorf("%s is %s, want %s", what, g, w)
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
		if detail, ok := errors.AsType[*ldapi.GenericOpenAPIError](o.err); ok {
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

// pushAs posts to a tool's endpoint.
func pushAs(t testing.TB, s *server, integration, token, body string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/v2/segment-targets/"+url.PathEscape(integration), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, text
}
