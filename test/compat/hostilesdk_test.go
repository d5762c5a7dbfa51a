package compat

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// contexts sends what SDKs would evaluate: in the path, in the body, over polls and streams.
func (a *attacker) contexts(bodies map[string]string) {
	texts := map[string]string{
		"no kind": `{}`, "an empty key": `{"kind":"user","key":""}`, "a number as key": `{"key":1}`, "kind kind": `{"kind":"kind","key":"a"}`, "a kind of spaces": `{"kind":" ","key":"a"}`,
		"multi without kinds": `{"kind":"multi"}`, "multi in multi": `{"kind":"multi","a":{"kind":"multi","b":{"key":"c"}}}`, "multi of nulls": `{"kind":"multi","user":null}`,
		"wrong meta": `{"kind":"user","key":"a","_meta":7,"anonymous":"yes","name":{}}`, "private of anything": `{"kind":"user","key":"a","_meta":{"privateAttributes":[1,{}]}}`,
		"an old user, all wrong": `{"key":"a","custom":7,"secondary":[],"privateAttributeNames":{}}`, "many attributes": `{"kind":"user","key":"a",` + strings.TrimSuffix(members(2000), ",") + `}`,
		"NUL": `{"kind":"user","key":"\u0000"}`, "a hundred kinds": `{"kind":"multi",` + strings.TrimSuffix(numberedKinds(100), ",") + `}`, "ten thousand kinds": `{"kind":"multi",` + strings.TrimSuffix(numberedKinds(10_000), ",") + `}`,
		"a huge key": `{"kind":"user","key":"` + strings.Repeat("k", 200_000) + `"}`, "a deep attribute": `{"kind":"user","key":"a","x":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `}`,
	}
	maps.Copy(texts, bodies)
	type door struct{ path, credential string }
	inPath := []door{
		{"/sdk/evalx/" + environmentID + "/contexts/", ""},
		{"/sdk/evalx/" + environmentID + "/users/", ""},
		{"/msdk/evalx/contexts/", mobileKey},
		{"/msdk/evalx/users/", mobileKey},
		{"/sdk/evalx/contexts/", sdkKey},
		{"/eval/" + environmentID + "/", ""},
		{"/meval/", mobileKey},
	}
	inBody := []door{
		{"/sdk/evalx/" + environmentID + "/context", ""},
		{"/sdk/evalx/" + environmentID + "/user", ""},
		{"/msdk/evalx/context", mobileKey},
		{"/msdk/evalx/user", mobileKey},
		{"/sdk/evalx/context", sdkKey},
		{"/eval/" + environmentID, ""},
		{"/meval", mobileKey},
	}
	for what, text := range texts {
		for _, d := range inBody {
			a.send(what, "REPORT", d.path, d.credential, text, sdkError)
		}
		if len(text) > 20_000 {
			text = text[:20_000]
		}
		for _, d := range inPath {
			a.send(what, "GET", d.path+base64.URLEncoding.EncodeToString([]byte(text)), d.credential, "", sdkError)
			a.send(what, "GET", d.path+base64.StdEncoding.EncodeToString([]byte(text)), d.credential, "", sdkError)
		}
	}
	for _, segment := range hostileSegments {
		for _, d := range inPath {
			a.send("a path", "GET", d.path+segment, d.credential, "", sdkError)
		}
		for _, path := range []string{"/sdk/flags/", "/sdk/segments/", "/sdk/goals/", "/ping/", "/a/", "/eval/", "/sdk/evalx/"} {
			a.send("a path", "GET", path+segment, sdkKey, "", sdkError)
		}
	}
	for _, path := range []string{"/all", "/sdk/latest-all", "/sdk/flags", "/mping", "/sdk/poll", "/sdk/stream"} {
		for _, credential := range []string{"", "sdk-nobody", mobileKey + "x", "\xff", strings.Repeat("s", 50_000)} {
			if status := a.send("a credential", "GET", path, credential, "", sdkError); status < 400 {
				a.t.Errorf("%s serves %q with %d", path, brief(credential), status)
			}
		}
		for _, method := range []string{"POST", "DELETE", "PATCH", "REPORT", "TRACE"} {
			a.send("a method", method, path, sdkKey, "{", sdkError)
		}
	}
}

// numberedKinds returns the contexts of one that has several kinds.
func numberedKinds(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"k%d":{"key":"a"},`, i)
	}
	return b.String()
}

// events sends hostile bodies where SDKs report what they evaluated.
func (a *attacker) events(bodies map[string]string) {
	for path, credential := range map[string]string{
		"/bulk": sdkKey, "/diagnostic": sdkKey, "/mobile": mobileKey, "/mobile/events": mobileKey, "/mobile/events/bulk": mobileKey, "/mobile/events/diagnostic": mobileKey,
		"/events/bulk/" + environmentID: "", "/events/diagnostic/" + environmentID: "",
	} {
		for what, body := range bodies {
			a.send(what, "POST", path, credential, body, sdkError)
		}
		a.send("junk as gzip", "POST", path, credential, "junk", sdkError, "Content-Encoding", "gzip")
		a.send("no credential", "POST", path+"x", "", "[]", sdkError)
	}
	for _, data := range []string{"", "!!!", base64.StdEncoding.EncodeToString([]byte(strings.Repeat("[", 5000))), "%00", "%ff"} {
		a.send("an image", "GET", "/a/"+environmentID+".gif?d="+data, "", "", sdkError)
		a.send("an image", "GET", "/a/nobody.gif?d="+data, "", "", sdkError)
	}
}

// TestHostileConnections speaks to the port without an HTTP client's manners.
func TestHostileConnections(t *testing.T) {
	s := start(t)
	for name, text := range map[string]string{
		"no HTTP":                     "hello\r\n\r\n",
		"a bad escape":                "GET /api/v2/projects/%zz HTTP/1.1\r\nHost: x\r\n\r\n",
		"two lengths":                 "POST /api/v2/projects HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
		"a length and chunks":         "POST /api/v2/projects HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"a body that ends early":      "POST /api/v2/projects HTTP/1.1\r\nHost: x\r\nAuthorization: " + adminToken + "\r\nContent-Length: 500\r\n\r\n{\"key\":",
		"broken chunks":               "POST /api/v2/segment-targets/hightouch HTTP/1.1\r\nHost: x\r\nAuthorization: " + adminToken + "\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}",
		"a NUL in the path":           "GET /api/v2/\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
		"an absolute address":         "GET http://elsewhere/api/v2/projects HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"a star":                      "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"a body that ends in its key": "POST /bulk HTTP/1.1\r\nHost: x\r\nAuthorization: " + sdkKey + "\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n[{",
	} {
		t.Run(name, func(t *testing.T) {
			answer := exchangeText(t, s, text)
			if bytes.HasPrefix(answer, []byte("HTTP/1.1 5")) && !bytes.HasPrefix(answer, []byte("HTTP/1.1 501")) {
				t.Errorf("answer: %s", brief(string(answer)))
			}
		})
	}
	if status, _ := s.call(t, http.MethodGet, "/readyz", "", ""); status != http.StatusOK {
		t.Errorf("ready: %d", status)
	}
	if log := s.output.tail(1 << 30); strings.Contains(log, "panic") {
		t.Error("the log tells of a panic")
	}
}

// exchangeText writes to the port, ends its side and reads what comes back.
func exchangeText(t *testing.T, s *server, text string) []byte {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	if half, ok := conn.(*net.TCPConn); ok {
		_ = half.CloseWrite()
	}
	answer, _ := io.ReadAll(conn) // a reset is an answer too
	return answer
}
