package sdk_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/sdk"
	"muster/internal/segment"
	"muster/internal/store"
)

func plainWorld(t testing.TB) *world {
	w := newWorld(t, delivery.Options{}, sdk.Options{})
	w.putSegment()
	w.putFlag("checkout", 1)
	return w
}

func TestCredentials(t *testing.T) {
	w := plainWorld(t)
	const id = string(envID)
	ctx := contextPath("u1")
	tests := []struct {
		name, method, path, key string
		status                  int
	}{
		{"a bare SDK key", "GET", "/sdk/latest-all", sdkKey, 200},
		{"an SDK key with api_key", "GET", "/sdk/latest-all", "api_key " + sdkKey, 200},
		{"a rotated SDK key", "GET", "/sdk/latest-all", oldKey, 200},
		{"an SDK key as bearer", "GET", "/sdk/latest-all", "Bearer " + sdkKey, 401},
		{"no key", "GET", "/sdk/latest-all", "", 401},
		{"an unknown key", "GET", "/all", "sdk-x", 401},
		{"a mobile key for a server", "GET", "/all", mobKey, 401},
		{"a client-side ID as key", "GET", "/sdk/latest-all", id, 401},
		{"an SDK key for a mobile app", "GET", "/msdk/evalx/contexts/" + ctx, sdkKey, 401},
		{"a mobile key", "GET", "/msdk/evalx/contexts/" + ctx, mobKey, 200},
		{"a mobile key with api_key", "GET", "/msdk/evalx/users/" + ctx, "api_key " + mobKey, 200},
		{"an unknown mobile key", "GET", "/meval/" + ctx, "mob-x", 401},
		{"an SDK key for results", "GET", "/sdk/evalx/contexts/" + ctx, sdkKey, 200},
		{"a client-side ID", "GET", "/sdk/evalx/" + id + "/contexts/" + ctx, "", 200},
		{"a client-side ID of an older SDK", "GET", "/sdk/evalx/" + id + "/users/" + ctx, "", 200},
		{"an unknown client-side ID", "GET", "/sdk/evalx/65f0000000000000000000ff/contexts/" + ctx, "", 404},
		{"an unknown client-side ID on a stream", "GET", "/eval/nope/" + ctx, "", 404},
		{"an unknown client-side ID for pings", "GET", "/ping/nope", "", 404},
		{"goals of an environment, whatever the header", "GET", "/sdk/goals/" + id, "junk junk", 200},
		{"goals by HEAD", "HEAD", "/sdk/goals/" + id, "", 200},
		{"goals of none", "GET", "/sdk/goals/nope", "", 404},
		{"an unknown filter", "GET", "/sdk/latest-all?filter=mine", sdkKey, 404},
		{"an unknown filter on a stream", "GET", "/all?filter=mine", sdkKey, 404},
		{"an empty filter", "GET", "/sdk/latest-all?filter=", sdkKey, 200},
		{"a path that isn't there", "GET", "/nope", sdkKey, 404},
		{"a wrong method", "POST", "/sdk/latest-all", sdkKey, 405},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var header []string
			if tt.key != "" {
				header = []string{"Authorization", tt.key}
			}
			res, body := w.ask(tt.method, tt.path, "", header...)
			if res.StatusCode != tt.status {
				t.Errorf("answered %s: %s", res.Status, body)
			}
			if tt.status == 200 && res.Header.Get("X-Ld-Envid") != id {
				t.Error("the answer doesn't name its environment")
			}
			var refusal struct{ Message string }
			if tt.status >= 400 && (json.Unmarshal([]byte(body), &refusal) != nil || refusal.Message == "") {
				t.Errorf("refused with %q", body)
			}
		})
	}
}

func TestLatestAll(t *testing.T) {
	w := plainWorld(t)
	res, body := w.ask("GET", "/sdk/latest-all", "", "Authorization", sdkKey)
	var all map[string]map[string]struct{ Version int }
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string]struct{ Version int }{"flags": {"checkout": {1}}, "segments": {"vip": {1}}}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Error(diff)
	}
	tag := res.Header.Get("ETag")
	if res.Header.Get("Cache-Control") != "no-cache" || tag == "" {
		t.Errorf("headers are %v", res.Header)
	}
	for _, held := range []string{tag, "W/" + tag, `"x", ` + tag} {
		if res, body := w.ask("GET", "/sdk/latest-all", "", "Authorization", sdkKey, "If-None-Match", held); res.StatusCode != http.StatusNotModified || body != "" {
			t.Errorf("If-None-Match: %s answered %s, %q", held, res.Status, body)
		}
	}
	w.putFlag("checkout", 2)
	if res, _ := w.ask("GET", "/sdk/latest-all", "", "Authorization", sdkKey, "If-None-Match", tag); res.StatusCode != http.StatusOK {
		t.Errorf("after a change: %s", res.Status)
	}
}

func TestPollsAreCompressed(t *testing.T) {
	w := plainWorld(t)
	for _, key := range []catalog.FlagKey{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"} {
		w.putFlag(key, 1)
	}
	for _, path := range []string{"/sdk/latest-all", "/sdk/flags", "/sdk/evalx/" + "contexts/" + contextPath("u1")} {
		_, plain := w.ask("GET", path, "", "Authorization", sdkKey)
		res, packed := w.ask("GET", path, "", "Authorization", sdkKey, "Accept-Encoding", "gzip")
		if res.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s is not compressed", path)
			continue
		}
		r, err := gzip.NewReader(strings.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		if raw, err := io.ReadAll(r); err != nil || string(raw) != plain {
			t.Errorf("%s: %v; differs from the plain answer: %v", path, err, string(raw) != plain)
		}
	}
}

func TestPollsOfTheSecondProtocol(t *testing.T) {
	w := plainWorld(t)
	res, body := w.ask("GET", "/sdk/poll", "", "Authorization", sdkKey)
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(body, `{"events":[{"event":"server-intent","data":{"payloads":[`) || !strings.Contains(body, `"intentCode":"xfer-full"`) {
		t.Fatalf("answered %s: %s", res.Status, body)
	}
	tag := res.Header.Get("ETag")
	if res, _ := w.ask("GET", "/sdk/poll", "", "Authorization", sdkKey, "If-None-Match", tag); res.StatusCode != http.StatusNotModified {
		t.Errorf("an SDK that has it all got %s", res.Status)
	}
	_, rest, _ := strings.Cut(body, `"state":"`)
	state, _, _ := strings.Cut(rest, `"`)
	for basis, want := range map[string]string{state: `"intentCode":"none"`, url.QueryEscape(state): `"intentCode":"none"`, "x": `"intentCode":"xfer-full"`} {
		if _, body := w.ask("GET", "/sdk/poll?basis="+basis, "", "Authorization", sdkKey); !strings.Contains(body, want) {
			t.Errorf("since %s answered %s, want %s", basis, body, want)
		}
	}
	w.putFlag("checkout", 2)
	_, body = w.ask("GET", "/sdk/poll?basis="+state, "", "Authorization", sdkKey)
	if !strings.Contains(body, `"intentCode":"xfer-changes"`) || strings.Count(body, "put-object") != 1 {
		t.Errorf("after a change answered %s", body)
	}
	if res, _ := w.ask("GET", "/sdk/poll?filter=some", "", "Authorization", sdkKey); res.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown filter answered %s", res.Status)
	}
}

func TestTheSecondProtocolIsDeclinedToClients(t *testing.T) {
	w := plainWorld(t)
	for _, r := range []struct{ method, path, key string }{
		{"GET", "/sdk/poll/eval/" + contextPath("u1"), mobKey},
		{"POST", "/sdk/poll/eval", mobKey},
		{"GET", "/sdk/stream/eval/" + contextPath("u1") + "?auth=" + string(envID), ""},
		{"POST", "/sdk/stream/eval?auth=" + string(envID), ""},
	} {
		res, _ := w.ask(r.method, r.path, userJSON("u1"), "Authorization", r.key, "Origin", "https://example.test")
		if res.StatusCode != http.StatusNotFound || res.Header.Get("X-LD-FD-Fallback") != "true" || res.Header.Get("Access-Control-Allow-Origin") != "https://example.test" {
			t.Errorf("%s %s answered %s, %v", r.method, r.path, res.Status, res.Header)
		}
	}
	if res, _ := w.ask("GET", "/sdk/poll/eval/"+contextPath("u1"), "", "Authorization", "mob-unknown"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("an unknown key answered %s", res.Status)
	}
}

func TestPHPPolling(t *testing.T) {
	w := plainWorld(t)
	for path, want := range map[string]string{"/sdk/flags/checkout": `"key":"checkout"`, "/sdk/segments/vip": `"key":"vip"`, "/sdk/flags": `{"checkout":{`} {
		res, body := w.ask("GET", path, "", "Authorization", sdkKey)
		if res.StatusCode != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s answered %s: %s", path, res.Status, body)
		}
		if res, _ := w.ask("GET", path, "", "Authorization", sdkKey, "If-None-Match", res.Header.Get("ETag")); res.StatusCode != http.StatusNotModified {
			t.Errorf("%s with its tag answered %s", path, res.Status)
		}
	}
	if res, _ := w.ask("GET", "/sdk/flags/nope", "", "Authorization", sdkKey); res.StatusCode != http.StatusNotFound {
		t.Errorf("a flag that isn't there answered %s", res.Status)
	}
}

func TestResultsFollowThePush(t *testing.T) {
	w := plainWorld(t)
	path := "/sdk/evalx/" + string(envID) + "/contexts/" + contextPath("u1")
	value := func() bool {
		_, body := w.ask("GET", path+"?withReasons=true", "")
		var all map[string]struct{ Value bool }
		if err := json.Unmarshal([]byte(body), &all); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		return all["checkout"].Value
	}
	if value() {
		t.Error("the flag is on for a context outside the segment")
	}
	for range 20 {
		w.push(segment.Include, "u1")
		if !value() {
			t.Fatal("the flag is off right after the context joined the segment")
		}
		w.push(segment.Uninclude, "u1")
		if value() {
			t.Fatal("the flag is on right after the context left the segment")
		}
	}
}

func TestReport(t *testing.T) {
	w := plainWorld(t)
	const id = string(envID)
	for _, path := range []string{"/sdk/evalx/" + id + "/context", "/sdk/evalx/" + id + "/contexts", "/sdk/evalx/" + id + "/user", "/msdk/evalx/context", "/msdk/evalx/user"} {
		header := []string{"Authorization", mobKey, "Content-Type", "application/json; charset=utf-8"}
		if res, body := w.ask("REPORT", path, userJSON("u1"), header...); res.StatusCode != http.StatusOK || !strings.Contains(body, `"checkout":{`) {
			t.Errorf("%s answered %s: %s", path, res.Status, body)
		}
		header[3] = "text/plain"
		if res, _ := w.ask("REPORT", path, userJSON("u1"), header...); res.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("%s with a text answered %s", path, res.Status)
		}
		header[3] = "application/json"
		if res, _ := w.ask("REPORT", path, `{"kind":"user","key":"u1","a":"`+strings.Repeat("x", 1<<20)+`"}`, header...); res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s with a large body answered %s", path, res.Status)
		}
		if res, _ := w.ask("REPORT", path, `{`, header...); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s with broken JSON answered %s", path, res.Status)
		}
	}
}

func TestSecureMode(t *testing.T) {
	w := plainWorld(t)
	w.putEnvironment(func(e *catalog.Environment) { e.SecureMode = true })
	const id = string(envID)
	good, old := hash(sdkKey, "u1"), hash(oldKey, "u1")
	tests := []struct {
		name, method, path string
		status             int
	}{
		{"the hash of the key", "GET", "/sdk/evalx/" + id + "/contexts/" + contextPath("u1") + "?h=" + good, 200},
		{"the hash of a rotated key", "GET", "/sdk/evalx/" + id + "/contexts/" + contextPath("u1") + "?h=" + old, 200},
		{"no hash", "GET", "/sdk/evalx/" + id + "/contexts/" + contextPath("u1"), 400},
		{"the hash of somebody else", "GET", "/sdk/evalx/" + id + "/contexts/" + contextPath("u2") + "?h=" + good, 400},
		{"upper case", "GET", "/sdk/evalx/" + id + "/contexts/" + contextPath("u1") + "?h=" + strings.ToUpper(good), 400},
		{"a body with hash", "REPORT", "/sdk/evalx/" + id + "/context?h=" + good, 200},
		{"a body without hash", "REPORT", "/sdk/evalx/" + id + "/context", 400},
		{"a stream without hash", "GET", "/eval/" + id + "/" + contextPath("u1"), 400},
		{"a mobile app needs none", "GET", "/msdk/evalx/contexts/" + contextPath("u1"), 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res, body := w.ask(tt.method, tt.path, userJSON("u1"), "Authorization", mobKey, "Content-Type", "application/json")
			if res.StatusCode != tt.status {
				t.Errorf("answered %s: %s", res.Status, body)
			}
		})
	}
}

func TestDeletedEnvironmentIsRefused(t *testing.T) {
	w := plainWorld(t)
	if res, _ := w.ask("GET", "/sdk/latest-all", "", "Authorization", sdkKey); res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
	w.deleteEnvironment()
	if res, _ := w.ask("GET", "/sdk/latest-all", "", "Authorization", sdkKey); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a server got %s", res.Status)
	}
	res, _ := w.ask("GET", "/sdk/evalx/"+string(envID)+"/contexts/"+contextPath("u1"), "")
	if res.StatusCode != http.StatusNotFound || res.Header.Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("a browser got %s, %v", res.Status, res.Header)
	}
}

func TestWhatWillPassIs503(t *testing.T) {
	w := plainWorld(t)
	w.delivery.Close()
	for _, path := range []string{"/sdk/latest-all", "/all", "/sdk/flags", "/sdk/evalx/contexts/" + contextPath("u1"), "/ping/" + string(envID), "/eval/" + string(envID) + "/" + contextPath("u1")} {
		res, body := w.ask("GET", path, "", "Authorization", sdkKey)
		if res.StatusCode != http.StatusServiceUnavailable || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s answered %s: %s", path, res.Status, body)
		}
	}
}

func (w *world) deleteEnvironment() {
	w.t.Helper()
	w.update(store.Scope{Project: project}, func(tx store.Tx) error {
		tx.DeleteEnvironment(envID)
		return nil
	})
}

func TestCORS(t *testing.T) {
	w := plainWorld(t)
	const id = string(envID)
	ctx := contextPath("u1")
	tests := []struct{ path, methods string }{
		{"/sdk/evalx/" + id + "/contexts/" + ctx, "GET,HEAD,OPTIONS"},
		{"/sdk/evalx/" + id + "/context", "OPTIONS,REPORT"},
		{"/sdk/evalx/nope/contexts/" + ctx, "GET,HEAD,OPTIONS"},
		{"/eval/" + id + "/" + ctx, "GET,HEAD,OPTIONS"},
		{"/eval/" + id, "OPTIONS,REPORT"},
		{"/ping/" + id, "GET,HEAD,OPTIONS"},
		{"/sdk/goals/" + id, "GET,HEAD,OPTIONS"},
		{"/events/bulk/" + id, "OPTIONS,POST"},
		{"/events/diagnostic/" + id, "OPTIONS,POST"},
		{"/a/" + id + ".gif", "GET,HEAD,OPTIONS"},
	}
	for _, tt := range tests {
		res, body := w.ask("OPTIONS", tt.path, "", "Origin", "https://shop.test")
		h := res.Header
		if res.StatusCode != http.StatusNoContent || body != "" || h.Get("Access-Control-Allow-Methods") != tt.methods ||
			h.Get("Access-Control-Allow-Origin") != "https://shop.test" || h.Get("Access-Control-Allow-Credentials") != "false" ||
			h.Get("Access-Control-Max-Age") != "300" || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "X-LaunchDarkly-Wrapper") ||
			!strings.Contains(h.Get("Access-Control-Expose-Headers"), "ETag") || h.Get("Vary") != "Origin" {
			t.Errorf("%s answered %s, %v", tt.path, res.Status, h)
		}
	}
	for _, path := range []string{"/sdk/evalx/nope/contexts/" + ctx, "/sdk/evalx/" + id + "/contexts/***", "/events/bulk/nope", "/a/nope.gif"} {
		res, _ := w.ask("GET", path, "")
		if res.StatusCode < 400 || res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("error on %s: %s, %v", path, res.Status, res.Header)
		}
	}
	if res, _ := w.ask("OPTIONS", "/sdk/latest-all", ""); res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a server path answered %s, %v", res.Status, res.Header)
	}
}
