package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// built stands for what `make web` makes, so that these tests need no Node.
func built() http.Handler {
	return newPages(fstest.MapFS{
		"index.html":         {Data: []byte(`<meta name="csp-nonce" content="CSP-NONCE"><script src="/ui/assets/a-1.js"></script>`)},
		"theme.js":           {Data: []byte("theme()")},
		"assets/a-1.js":      {Data: []byte(strings.Repeat("const a = 1;\n", 500))},
		"assets/inter.woff2": {Data: []byte("font")},
	})
}

func get(t *testing.T, h http.Handler, method, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r io.Reader) string {
	t.Helper()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEveryPathOfThePagesIsTheApplication(t *testing.T) {
	h := built()
	for _, path := range []string{
		"/ui/", "/ui/index.html", "/ui/sign-in", "/ui/projects/p/environments/e/segments/s.with.dots",
		"/ui/projects/p/environments/e/segments/theme.js", "/ui/assets", "/ui/../etc/passwd", "/ui//x",
	} {
		answer := get(t, h, "GET", path)
		text := body(t, answer.Body)
		if answer.StatusCode != http.StatusOK || !strings.Contains(text, "/ui/assets/a-1.js") {
			t.Errorf("GET %s: %d %q", path, answer.StatusCode, text)
		}
		if got := answer.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
			t.Errorf("GET %s: type %q", path, got)
		}
		if got := answer.Header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("GET %s: Cache-Control %q", path, got)
		}
	}
}

func TestAFileOfAnOlderBuildIsNotFound(t *testing.T) {
	if answer := get(t, built(), "GET", "/ui/assets/a-0.js"); answer.StatusCode != http.StatusNotFound {
		t.Errorf("status %d, want 404: a page is no script", answer.StatusCode)
	}
}

func TestPagesCanOnlyBeRead(t *testing.T) {
	answer := get(t, built(), "POST", "/ui/sign-in")
	if answer.StatusCode != http.StatusMethodNotAllowed || answer.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d, Allow %q", answer.StatusCode, answer.Header.Get("Allow"))
	}
	if answer = get(t, built(), "HEAD", "/ui/sign-in"); answer.StatusCode != http.StatusOK || body(t, answer.Body) != "" {
		t.Errorf("HEAD: %d", answer.StatusCode)
	}
}

func TestTheNonceIsThatOfThePolicyAndNewEachTime(t *testing.T) {
	h, seen := built(), make(map[string]bool)
	for range 3 {
		answer := get(t, h, "GET", "/ui/")
		policy := answer.Header.Get("Content-Security-Policy")
		nonce := regexp.MustCompile(`'nonce-([A-Z2-7]{26})'`).FindStringSubmatch(policy)
		if nonce == nil {
			t.Fatalf("no nonce in %q", policy)
		}
		if text := body(t, answer.Body); !strings.Contains(text, `content="`+nonce[1]+`"`) || strings.Contains(text, noncePlace) {
			t.Errorf("the page has another nonce than %s: %s", nonce[1], text)
		}
		seen[nonce[1]] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d nonces in three answers", len(seen))
	}
}

func TestNothingRunsButOurFiles(t *testing.T) {
	for _, path := range []string{"/ui/", "/ui/theme.js", "/ui/assets/a-0.js"} {
		header := get(t, built(), "GET", path).Header
		policy := header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy lacks %q: %s", path, want, policy)
			}
		}
		if regexp.MustCompile(`script-src[^;]*unsafe|style-src [^;]*unsafe`).MatchString(policy) {
			t.Errorf("%s: the policy lets foreign code run: %s", path, policy)
		}
		if header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: browsers may guess what it is", path)
		}
	}
}

func TestHashedFilesAreKeptAndCompressed(t *testing.T) {
	h := built()
	plain := get(t, h, "GET", "/ui/assets/a-1.js")
	if got := plain.Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
		t.Errorf("Cache-Control %q", got)
	}
	if got := plain.Header.Get("Content-Encoding"); got != "" {
		t.Errorf("who did not ask gets %q", got)
	}
	want := body(t, plain.Body)
	for range 2 { // the second from memory
		zipped := get(t, h, "GET", "/ui/assets/a-1.js", "Accept-Encoding", "br, gzip")
		if zipped.Header.Get("Content-Encoding") != "gzip" || zipped.Header.Get("Vary") != "Accept-Encoding" {
			t.Fatalf("headers %v", zipped.Header)
		}
		z, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got := body(t, z); got != want {
			t.Errorf("%d bytes, want %d", len(got), len(want))
		}
	}
	if font := get(t, h, "GET", "/ui/assets/inter.woff2", "Accept-Encoding", "gzip"); font.Header.Get("Content-Encoding") != "" {
		t.Error("a font is compressed twice")
	}
	if theme := get(t, h, "GET", "/ui/theme.js"); theme.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("a file without a hash: Cache-Control %q", theme.Header.Get("Cache-Control"))
	}
}

func TestWithoutABuildAPageSaysHowToMakeOne(t *testing.T) {
	h := newPages(folder("placeholder"))
	answer := get(t, h, "GET", "/ui/projects/p/environments/e/segments")
	if text := body(t, answer.Body); answer.StatusCode != http.StatusOK || !strings.Contains(text, "make build") {
		t.Errorf("%d %q", answer.StatusCode, text)
	}
}

func TestTheReferenceStandsBesideTheApplication(t *testing.T) {
	h := Handler()
	if answer := get(t, h, "GET", "/ui/api/"); answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Security-Policy") != referencePolicy {
		t.Errorf("the reference: %d, policy %q", answer.StatusCode, answer.Header.Get("Content-Security-Policy"))
	}
	if answer := get(t, h, "GET", "/ui/"); answer.StatusCode != http.StatusOK {
		t.Errorf("the application: %d", answer.StatusCode)
	}
}
