package sdk

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"

	"muster/internal/delivery"
	"muster/internal/fault"
)

func TestContextsOfEveryForm(t *testing.T) {
	const plain = `{"kind":"user","key":"ü?>~~","name":"a"}`
	tests := []struct{ name, text, key string }{
		{"the URL alphabet without padding", base64.RawURLEncoding.EncodeToString([]byte(plain)), "ü?>~~"},
		{"the URL alphabet with padding", base64.URLEncoding.EncodeToString([]byte(plain)), "ü?>~~"},
		{"the standard alphabet without padding", base64.RawStdEncoding.EncodeToString([]byte(plain)), "ü?>~~"},
		{"the standard alphabet with padding", base64.StdEncoding.EncodeToString([]byte(plain)), "ü?>~~"},
		{"another kind", base64.RawURLEncoding.EncodeToString([]byte(`{"kind":"org","key":"acme"}`)), "org:acme"},
		{"several kinds", base64.RawURLEncoding.EncodeToString([]byte(`{"kind":"multi","user":{"key":"u1"},"org":{"key":"a:b%"}}`)), "org:a%3Ab%25:user:u1"},
		{"a user of an older SDK", base64.RawURLEncoding.EncodeToString([]byte(`{"key":"u1","custom":{"plan":"pro"}}`)), "u1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw, err := decodeContext(tt.text, 1000)
			if err != nil {
				t.Fatal(err)
			}
			ctx, err := delivery.ParseContext(raw)
			if err != nil {
				t.Fatal(err)
			}
			if ctx.FullyQualifiedKey() != tt.key {
				t.Errorf("key is %q", ctx.FullyQualifiedKey())
			}
		})
	}
}

func TestLongContextInAPathIsTooLarge(t *testing.T) {
	if _, err := decodeContext("aaaaa", 4); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("error is %v", err)
	}
}

func FuzzContext(f *testing.F) {
	for _, seed := range []string{
		`{"kind":"user","key":"u1","_meta":{"privateAttributes":["/a"]}}`,
		`{"kind":"multi","user":{"key":"u1"},"org":{"key":"acme"}}`,
		`{"key":"u1","custom":{"a":[1,{"b":null}]},"privateAttributeNames":["a"]}`,
		`[[[[`, `{"kind":"multi","multi":{}}`, "\xff",
	} {
		f.Add(base64.RawURLEncoding.EncodeToString([]byte(seed)))
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		raw, err := decodeContext(text, 1<<16)
		if err != nil {
			raw = []byte(text)
		}
		ctx, err := delivery.ParseContext(raw)
		if err != nil {
			if kind := fault.KindOf(err); kind != fault.Invalid {
				t.Fatalf("kind %d: %v", kind, err)
			}
			return
		}
		if ctx.Err() != nil || ctx.FullyQualifiedKey() == "" {
			t.Fatalf("accepted an unusable context %q", text)
		}
	})
}

func TestSecureModeHash(t *testing.T) {
	// Computed with: printf %s MESSAGE | openssl dgst -sha256 -hmac secret
	tests := []struct {
		name string
		ctx  ldcontext.Context
		want string
	}{
		{"a user is hashed by key alone", ldcontext.New("Message"), "aa747c502a898200f9e4fa21bac68136f886a0e27aec70ba06daf2e2a5cb5597"},
		{"another kind is hashed with its kind", ldcontext.NewWithKind("org", "a:b%"), "ae03a2be9f766285af0c81ecab2feafa1ea754efb649babba7b65d9dadcb05eb"},
		{"several kinds are hashed in order of kind", ldcontext.NewMulti(ldcontext.New("u1"), ldcontext.NewWithKind("org", "acme")), "fb299888a5d28860e65ff314100200667882002279e7a15a265c524c9a515932"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(secureHash("secret", tt.ctx)); got != tt.want {
				t.Errorf("hash is %s, want %s", got, tt.want)
			}
		})
	}
}

func TestPathsAreMatchedAsTheyWereSent(t *testing.T) {
	h := New(nil, nil, nil, nil, nil, Options{})
	tests := []struct{ method, path, route, context string }{
		{"GET", "/all", "all", ""},
		{"GET", "/sdk/evalx/abc/contexts/e30", "sdk/evalx/{env}/contexts/{context...}", "e30"},
		{"GET", "/sdk/evalx/contexts/e30", "sdk/evalx/contexts/{context...}", "e30"},
		{"REPORT", "/sdk/evalx/abc/context", "sdk/evalx/{env}/context", ""},
		{"GET", "/eval/abc/e30%3D", "eval/{env}/{context...}", "e30="},
		{"GET", "/eval/abc/a//b/../c+d==", "eval/{env}/{context...}", "a//b/../c+d=="},
		{"GET", "/meval/a%2Fb", "meval/{context...}", "a/b"},
		{"GET", "/eval/abc/", "", ""},
		{"GET", "/eval", "", ""},
		{"GET", "/all/", "", ""},
		{"GET", "/", "", ""},
		{"GET", "/meval/%zz", "", ""},
		{"POST", "/mobile/events/bulk", "mobile/events/bulk", ""},
	}
	for _, tt := range tests {
		path := strings.Split(tt.path[1:], "/")
		var route, context string
		for _, rt := range h.routes[path[0]] {
			if p, ok := rt.match(path); ok && rt.serves(tt.method) {
				route, context = rt.pattern(), p[contextParam]
				break
			}
		}
		if route != tt.route || context != tt.context {
			t.Errorf("%s %s is %q with context %q", tt.method, tt.path, route, context)
		}
	}
}

// pattern returns the path as the table of routes has it.
func (rt *route) pattern() string {
	var all []string
	for _, e := range rt.elements {
		text := e.text
		for name, p := range paramNames {
			if e.param == p {
				text = "{" + name + strings.Repeat("...", map[bool]int{true: 1}[e.rest]) + "}"
			}
		}
		all = append(all, text)
	}
	return strings.Join(all, "/")
}

func TestAcceptsGzip(t *testing.T) {
	tests := map[string]bool{
		"":                     false,
		"gzip":                 true,
		"deflate, gzip;q=0.5":  true,
		"gzip;q=0":             false,
		"gzip; q=0.0, deflate": false,
		"identity":             false,
	}
	for header, want := range tests {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Encoding", header)
		c := &call{r: r, w: httptest.NewRecorder()}
		if got := c.acceptsGzip(); got != want {
			t.Errorf("%q: %v", header, got)
		}
	}
}
