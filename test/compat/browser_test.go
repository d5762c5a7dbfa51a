package compat

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"
)

// The scripts that pages load: SDKs as they are published, and the page of React components.
var scripts = map[string]string{
	"/sdk.js":     filepath.Join("js", "node_modules", "@launchdarkly", "js-client-sdk", "dist", "index.js"),
	"/classic.js": filepath.Join("js", "node_modules", "launchdarkly-js-client-sdk", "dist", "ldclient.min.js"),
}

// reactScript bundles the page of React components, once.
var reactScript = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "muster-compat-")
	if err != nil {
		return "", err
	}
	bundle := filepath.Join(dir, "react.js")
	out, err := exec.Command(filepath.Join("js", "node_modules", ".bin", "esbuild"), filepath.Join("js", "react.jsx"),
		"--bundle", "--jsx=automatic", `--define:process.env.NODE_ENV="production"`, "--log-level=warning", "--outfile="+bundle).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("bundle react.jsx: %w: %s", err, out)
	}
	return bundle, nil
})

// servePages serves the pages from an origin of its own, so that CORS is real.
func servePages(t *testing.T) string {
	t.Helper()
	bundle, err := reactScript()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /react.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, bundle) })
	for path, file := range scripts {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			script, err := os.Open(file)
			if err != nil {
				http.Error(w, "run npm ci in test/compat/js", http.StatusInternalServerError)
				return
			}
			defer script.Close()
			http.ServeContent(w, r, path, time.Time{}, script) // ServeFile would redirect index.js
		})
	}
	for _, page := range []string{"page.html", "classic.html", "react.html"} {
		mux.HandleFunc("GET /"+page, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, filepath.Join("js", page)) })
	}
	server := httptest.NewUnstartedServer(mux)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

// browse opens a page in Chromium.
func browse(t *testing.T, s *server, page string, flags []string, extra ...string) *watcher {
	t.Helper()
	w := drive(t, s, "browser.js", flags, append(extra, "CHROMIUM="+chromium(t), "COMPAT_PAGE="+servePages(t)+"/"+page)...)
	w.name += ", " + page
	return w
}

// identify lets a page become somebody else.
func (w *watcher) identify(t *testing.T, who ldcontext.Context, hash string) {
	t.Helper()
	line, err := json.Marshal([]any{who, hash})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(w.tell, "%s\n", line); err != nil {
		t.Fatal(err)
	}
}

func userContext(key string) ldcontext.Context { return ldcontext.New(key) }

// secureHash proves to muster that the environment's owner knows the context.
func secureHash(who ldcontext.Context) string {
	mac := hmac.New(sha256.New, []byte(sdkKey))
	mac.Write([]byte(who.FullyQualifiedKey()))
	return hex.EncodeToString(mac.Sum(nil))
}

// TestAPageBecomesSomebodyElse lets the browser SDK 3 identify others while its page stays open: each
// gets their own results, and from then on their own changes, in secure mode too.
func TestAPageBecomesSomebodyElse(t *testing.T) {
	pushed := tools[3]
	flag := pushed.flag()
	in, out := seen{Flag: flag, Value: true, Kind: "RULE_MATCH", Status: "HEALTHY"}, seen{Flag: flag, Kind: "FALLTHROUGH", Status: "HEALTHY"}
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("secure mode %t", secure), func(t *testing.T) {
			s := start(t)
			s.targetSegment(t, flag, pushed.segment())
			s.push(t, pushed, true)
			hash := func(ldcontext.Context) string { return "" }
			if secure {
				s.must(t, http.StatusOK, http.MethodPatch, "/api/v2/projects/default/environments/production", `[{"op":"replace","path":"/secureMode","value":true}]`)
				hash = secureHash
			}
			first, other := userContext(contextKey), userContext("robin")
			page := browse(t, s, "classic.html", []string{flag}, "COMPAT_HASH="+hash(first))
			page.expect(t, in)
			page.identify(t, other, hash(other))
			page.expect(t, out)
			s.pushMember(t, pushed, "robin", true)
			page.expect(t, in)
			s.pushMember(t, pushed, "robin", false)
			page.expect(t, out)
			page.identify(t, first, hash(first))
			page.expect(t, in)
			s.push(t, pushed, false)
			page.expect(t, out)
			if secure {
				page.identify(t, other, hash(first))
				page.expect(t, seen{Flag: "refused", Value: true})
			}
		})
	}
}

// TestKindsOfContextsFlipInEveryClient lets contexts of several kinds follow a segment of each.
func TestKindsOfContextsFlipInEveryClient(t *testing.T) {
	s := start(t)
	people, companies := tools[3], tool{"fulcrum", "companies", func(member string, add bool) string {
		joined, left := fmt.Sprintf(`{"id":%q}`, member), ""
		if !add {
			joined, left = left, joined
		}
		return fmt.Sprintf(`{"environmentId":%q,"cohortId":"companies","cohortName":"Companies","contextKind":"org","included":{"add":[%s],"remove":[%s]}}`, environmentID, joined, left)
	}}
	s.pushMember(t, companies, "nobody", true)
	flags := []string{people.flag(), companies.flag()}
	s.targetSegment(t, people.flag(), people.segment())
	s.targetSegment(t, companies.flag(), companies.segment())
	both := ldcontext.NewMulti(userContext(contextKey), ldcontext.NewWithKind("org", "acme / ö"))
	as := "COMPAT_CONTEXT=" + both.JSONString()
	clients := []*watcher{
		watchGo(t, s, flags, "go-server-sdk", nil, both),
		watchGo(t, s, flags, "go-server-sdk, second protocol", secondProtocol(s).Default(), both),
		drive(t, s, "node-server.js", flags, as),
		drive(t, s, "node-server.js", flags, as, "SECOND_PROTOCOL=1"),
		drive(t, s, "node-client.js", flags, as),
		browse(t, s, "page.html", flags, as),
		browse(t, s, "classic.html", flags, as),
		browse(t, s, "react.html", flags, as),
	}
	for _, add := range []bool{true, false} {
		for _, pushed := range []struct {
			tool
			member string
		}{{people, contextKey}, {companies, "acme / ö"}} {
			s.pushMember(t, pushed.tool, pushed.member, add)
			want := seen{Flag: pushed.flag(), Kind: "FALLTHROUGH", Status: "HEALTHY"}
			if add {
				want.Value, want.Kind = true, "RULE_MATCH"
			}
			for _, c := range clients {
				c.expect(t, want)
			}
		}
	}
}
