package compat

import (
	"net/http"
	"strings"
	"testing"
)

// TestConventionsOfRealClients sends what ldcli, browsers and proxies send beside the generated client.
func TestConventionsOfRealClients(t *testing.T) {
	s := start(t)
	r := newRest(t, s)
	t.Run("the CLI sends null as the body of GET and DELETE", func(t *testing.T) {
		r.raw(t, 201, "POST", "/segments/default/production", `{"key":"cli","name":"CLI","unbounded":true}`)
		for _, path := range []string{"/versions", "/caller-identity", "/account", "/projects", "/projects/default", "/projects/default/environments/production", "/segments/default/production", "/segments/default/production/cli", "/segments/default/production/cli/contexts/a", "/flags/default", "/tokens", "/members", "/members/me", "/auditlog"} {
			r.raw(t, 200, "GET", path, "null")
		}
		r.raw(t, 204, "DELETE", "/segments/default/production/cli", "null")
	})
	t.Run("versions and beta", func(t *testing.T) {
		for _, version := range []string{"", "beta", "20160426", "20191212", "20210729", "20220603", "20240415", "20240415, beta", "beta, 20240415"} {
			r.raw(t, 200, "GET", "/versions", "", "LD-API-Version", version)
			r.raw(t, 200, "GET", "/segments/default/production", "", "LD-API-Version", version)
		}
		for _, version := range []string{"20250101", "latest", "beta2", "nonsense, 20240415"} {
			r.raw(t, 400, "GET", "/versions", "", "LD-API-Version", version)
		}
		if r.raw(t, 200, "GET", "/versions", "", "LD-API-Version", "beta")["beta"] != true {
			t.Error("the version beta is not seen")
		}
	})
	t.Run("credentials may come behind Bearer", func(t *testing.T) {
		r.raw(t, 200, "GET", "/versions", "", "Authorization", "Bearer "+adminToken)
		r.raw(t, 401, "GET", "/versions", "", "Authorization", "Basic "+adminToken)
	})
	t.Run("a POST stands for other methods", func(t *testing.T) {
		r.raw(t, 201, "POST", "/flags/default", `{"key":"tunnel","name":"Tunnel"}`)
		r.raw(t, 200, "POST", "/flags/default/tunnel", `[{"op":"replace","path":"/name","value":"Through"}]`, "X-HTTP-Method-Override", "PATCH")
		r.raw(t, 204, "POST", "/flags/default/tunnel", "", "X-HTTP-Method-Override", "DELETE")
		r.raw(t, 400, "POST", "/flags/default/tunnel", "", "X-HTTP-Method-Override", "TRACE")
	})
	t.Run("a browser asks first", func(t *testing.T) {
		for _, path := range []string{"/projects", "/segments/default/production/x/contexts", "/nowhere"} {
			resp := preflight(t, s.url+"/api/v2"+path)
			if got := resp.Header.Get("Access-Control-Allow-Origin"); got != "https://app.example" {
				t.Errorf("%s allows %q", path, got)
			}
			for _, method := range []string{"PATCH", "DELETE"} {
				if !strings.Contains(resp.Header.Get("Access-Control-Allow-Methods"), method) {
					t.Errorf("%s does not allow %s", path, method)
				}
			}
			if headers := strings.ToLower(resp.Header.Get("Access-Control-Allow-Headers")); !strings.Contains(headers, "authorization") || !strings.Contains(headers, "ld-api-version") {
				t.Errorf("%s allows the headers %s", path, headers)
			}
		}
	})
	t.Run("HEAD is GET without a body", func(t *testing.T) {
		r.raw(t, 200, "HEAD", "/account", "")
		r.raw(t, 401, "HEAD", "/account", "", "Authorization", "api-unknown")
	})
	t.Run("what is not served is 404 or 405", func(t *testing.T) {
		r.raw(t, 404, "GET", "/projects/default/views", "")
		r.raw(t, 404, "GET", "/no/such/thing", "")
		r.raw(t, 405, "PUT", "/projects", "{}")
		r.raw(t, 405, "DELETE", "/auditlog", "")
		r.raw(t, 415, "POST", "/projects", "key=x", "Content-Type", "application/x-www-form-urlencoded")
	})
	t.Run("If-Match guards a change", func(t *testing.T) {
		r.raw(t, 201, "POST", "/segments/default/production", `{"key":"guarded","name":"G"}`)
		r.raw(t, 200, "PATCH", "/segments/default/production/guarded", `{"name":"H"}`, "If-Match", `"1"`)
		r.raw(t, 412, "PATCH", "/segments/default/production/guarded", `{"name":"I"}`, "If-Match", `"1"`)
	})
}

func preflight(t *testing.T, address string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "https://app.example")
	req.Header.Set("Access-Control-Request-Method", "PATCH")
	req.Header.Set("Access-Control-Request-Headers", "authorization,content-type,ld-api-version")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode >= 300 {
		t.Errorf("a preflight of %s gets %d", address, resp.StatusCode)
	}
	return resp
}
