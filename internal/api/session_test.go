package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"muster/internal/access"
)

const csrf = "X-Requested-With"

// browser is the account for somebody with a session, whose pages send what muster's own pages send.
type browser struct {
	*account
	cookie string
}

// signedIn returns the browser of a reply that set the session's cookie.
func (a *account) signedIn(t testing.TB, got reply) *browser {
	t.Helper()
	r := http.Response{Header: got.header}
	for _, c := range r.Cookies() {
		if c.Name == "muster_session" && c.HttpOnly && c.SameSite == http.SameSiteStrictMode && c.Path == "/" && c.MaxAge > 0 {
			return &browser{a.as(""), c.Name + "=" + c.Value}
		}
	}
	t.Fatalf("no session in %v", got.header)
	return nil
}

func (a *account) signIn(t testing.TB, body string, header ...string) *browser {
	t.Helper()
	return a.signedIn(t, a.as("").must(t, 200, "", "POST", "/session", body, header...))
}

func (b *browser) must(t testing.TB, status int, method, path, body string, header ...string) reply {
	t.Helper()
	return b.account.must(t, status, "", method, path, body, append([]string{"Cookie", b.cookie, csrf, "muster"}, header...)...)
}

func TestASessionIsItsToken(t *testing.T) {
	a := newAccount(t)
	secret := a.newToken(t, `{"name":"narrow","inlineRole":[{"effect":"allow","actions":["createSegment","viewProject"],"resources":["*","proj/*:env/*:segment/*"]}]}`)
	b := a.signIn(t, `{"token":"`+secret+`"}`)
	got := b.must(t, 200, "GET", "/session", "")
	got.want(t, "member.email", `"owner@localhost"`, "token.name", `"narrow"`, "token.token", `"`+secret[len(secret)-4:]+`"`,
		"token.serviceToken", "false", "role", `"custom"`, "administers", "false", "version", `"1.2.3"`)
	b.must(t, 201, "POST", seg, `{"key":"s","name":"S"}`)
	b.must(t, 403, "DELETE", seg+"/s", "")
	b.must(t, 200, "GET", "/caller-identity", "").want(t, "authKind", `"session"`, "tokenName", `"narrow"`)
	entry := a.must(t, 200, "", "GET", "/auditlog?limit=1", "")
	entry.want(t, "items.0.titleVerb", `"created the segment"`, "items.0.subject.name", `"Account Owner"`, "items.0.member.email", `"owner@localhost"`, "items.0.token", "null")

	id := got.str("token._id")
	a.must(t, 204, "", "DELETE", "/tokens/"+id, "")
	b.must(t, 401, "GET", "/session", "")
	b.must(t, 401, "POST", seg, `{"key":"t","name":"T"}`)
}

func TestASessionEndsWithTheSecretThatOpenedIt(t *testing.T) {
	now := time.Now()
	a := newAccountAt(t, func() time.Time { return now })
	made := a.must(t, 201, "Token", "POST", "/tokens", `{"name":"x","role":"reader"}`)
	b := a.signIn(t, `{"token":"Bearer `+made.str("token")+`"}`)
	a.must(t, 200, "Token", "POST", fmt.Sprintf("/tokens/%s/reset?expiry=%d", made.str("_id"), now.Add(time.Minute).UnixMilli()), "")
	b.must(t, 200, "GET", "/session", "")
	now = now.Add(time.Minute)
	b.must(t, 401, "GET", "/session", "")
	day := now.UTC().Format("2 January 2006")
	a.as("").must(t, 401, "", "POST", "/session", `{"token":"`+made.str("token")+`"}`).want(t, "message", `"this access token expired on `+day+`"`)

	short := a.must(t, 201, "Token", "POST", "/tokens", fmt.Sprintf(`{"role":"writer","expiry":%d}`, now.Add(15*time.Minute).UnixMilli()))
	b = a.signIn(t, `{"token":"`+short.str("token")+`"}`)
	b.must(t, 200, "GET", "/session", "").want(t, "expiresAt", fmt.Sprint(now.Add(15*time.Minute).UnixMilli()))
	if got := b.must(t, 403, "POST", "/tokens", `{"role":"writer"}`).str("message"); !strings.Contains(got, "longer than this credential") {
		t.Error(got)
	}
	b.must(t, 201, "POST", "/tokens", fmt.Sprintf(`{"role":"writer","expiry":%d}`, now.Add(time.Minute).UnixMilli()))
	b.must(t, 403, "PATCH", "/tokens/"+short.str("_id"), `[{"op":"remove","path":"/expiry"}]`)
	a.must(t, 200, "Token", "PATCH", "/tokens/"+short.str("_id"), fmt.Sprintf(`[{"op":"replace","path":"/expiry","value":%d}]`, now.Add(2*time.Minute).UnixMilli()))
	now = now.Add(2 * time.Minute)
	b.must(t, 401, "GET", "/session", "")
	a.as(short.str("token")).must(t, 401, "", "GET", "/session", "")
	a.must(t, 400, "", "POST", "/tokens", fmt.Sprintf(`{"role":"writer","expiry":%d}`, now.UnixMilli()))
}

func TestSessionsEndUnusedAndInTheEnd(t *testing.T) {
	now := time.Now()
	a := newAccountAt(t, func() time.Time { return now })
	unused, used := a.signIn(t, `{"token":"`+adminToken+`"}`), a.signIn(t, `{"token":"`+adminToken+`"}`)
	for range 23 {
		now = now.Add(59 * time.Minute)
		used.must(t, 200, "GET", "/session", "")
		if err := a.access.KeepUses(t.Context(), a.store); err != nil {
			t.Fatal(err)
		}
	}
	unused.must(t, 401, "GET", "/session", "")
	// What is kept is what a restart finds.
	if _, err := access.New(a.store, func() time.Time { return now }).Session(strings.TrimPrefix(used.cookie, "muster_session="), true); err != nil {
		t.Errorf("a used session is lost by a restart: %v", err)
	}
	if n := len(a.store.Tokens()[0].SignIns); n != 1 {
		t.Errorf("%d sessions are kept, want the one that is not over", n)
	}
	for range 2 {
		now = now.Add(50 * time.Minute)
		_ = used.call(t, "GET", "/session", "", "Cookie", used.cookie)
	}
	used.must(t, 401, "GET", "/session", "")
}

func TestOnlySoManySessions(t *testing.T) {
	now := time.Now()
	a := newAccountAt(t, func() time.Time { now = now.Add(time.Millisecond); return now })
	first := a.signIn(t, `{"token":"`+adminToken+`"}`)
	for range 20 {
		a.signIn(t, `{"token":"`+adminToken+`"}`)
	}
	first.must(t, 401, "GET", "/session", "")
	if n := len(a.store.Tokens()[0].SignIns); n != 20 {
		t.Errorf("%d sessions", n)
	}
}

func TestSignOut(t *testing.T) {
	a := newAccount(t)
	b, other := a.signIn(t, `{"token":"`+adminToken+`"}`), a.signIn(t, `{"token":"`+adminToken+`"}`)
	got := b.must(t, 204, "DELETE", "/session", "")
	if c := got.header.Get("Set-Cookie"); !strings.Contains(c, "Max-Age=0") {
		t.Error(c)
	}
	b.must(t, 401, "GET", "/session", "")
	other.must(t, 200, "GET", "/session", "")
	a.must(t, 204, "", "DELETE", "/session", "")
}

func TestOtherSessionsEnd(t *testing.T) {
	a := newAccount(t)
	secret := a.newToken(t, `{"name":"t","role":"reader"}`)
	here, there := a.signIn(t, `{"token":"`+secret+`"}`), a.signIn(t, `{"token":"`+secret+`"}`)
	by := a.signIn(t, `{"token":"`+adminToken+`"}`)
	here.must(t, 204, "DELETE", "/session/others", "")
	here.must(t, 200, "GET", "/session", "")
	there.must(t, 401, "GET", "/session", "")
	by.must(t, 200, "GET", "/session", "") // another token's
	a.as(secret).must(t, 204, "", "DELETE", "/session/others", "")
	here.must(t, 401, "GET", "/session", "")
}

func TestASessionChangesNothingForOtherPages(t *testing.T) {
	a := newAccount(t)
	b := a.signIn(t, `{"token":"`+adminToken+`"}`)
	for _, header := range [][]string{nil, {csrf, "XMLHttpRequest"}, {"Origin", "https://evil.test"}} {
		got := a.as("").must(t, 403, "", "POST", seg, `{"key":"s","name":"S"}`, append(header, "Cookie", b.cookie)...)
		if !strings.Contains(got.str("message"), "X-Requested-With: muster") {
			t.Errorf("%v: %s", header, got.text)
		}
	}
	a.as("").must(t, 403, "", "POST", seg+"/s", "", "Cookie", b.cookie, "X-HTTP-Method-Override", "DELETE")
	// The header wins where there are both.
	a.must(t, 201, "", "POST", seg, `{"key":"s","name":"S"}`, "Cookie", b.cookie)
	a.as("api-guess").must(t, 401, "", "GET", "/session", "", "Cookie", b.cookie)
	b.must(t, 201, "POST", seg, `{"key":"t","name":"T"}`)
	for _, path := range []string{"/session", "/first-run"} {
		a.as("").must(t, 403, "", "POST", path, `{"token":"`+adminToken+`"}`, "Sec-Fetch-Site", "cross-site")
		a.as("").must(t, 403, "", "POST", path, `{"token":"`+adminToken+`"}`, "Origin", "https://evil.test")
	}
	r := httptest.NewRequest("OPTIONS", "/api/v2/session", http.NoBody)
	r.Header.Set("Origin", "https://evil.test")
	w := httptest.NewRecorder()
	a.api.ServeHTTP(w, r)
	if h := w.Header(); h.Get("Access-Control-Allow-Credentials") != "" || strings.Contains(strings.ToLower(h.Get("Access-Control-Allow-Headers")), "x-requested-with") {
		t.Errorf("other origins may act by a session: %v", h)
	}
}

func TestTheCookieIsSecureWhereTheConnectionIs(t *testing.T) {
	a := newAccount(t)
	body := `{"token":"` + adminToken + `"}`
	for proto, want := range map[string]bool{"http": false, "https": true, "": false} {
		got := a.as("").must(t, 200, "", "POST", "/session", body, "X-Forwarded-Proto", proto)
		if secure := strings.Contains(got.header.Get("Set-Cookie"), "Secure"); secure != want {
			t.Errorf("%q: %s", proto, got.header.Get("Set-Cookie"))
		}
	}
	r := httptest.NewRequest("POST", "/api/v2/session", strings.NewReader(body))
	r.RemoteAddr = "198.51.100.7:1"
	r.Header.Set("X-Forwarded-Proto", "https")
	w := httptest.NewRecorder()
	a.api.ServeHTTP(w, r)
	if w.Code != 200 || strings.Contains(w.Header().Get("Set-Cookie"), "Secure") {
		t.Errorf("anybody is believed: %d %s", w.Code, w.Header().Get("Set-Cookie"))
	}
}

func TestWhatCanNotSignIn(t *testing.T) {
	a := newAccount(t).as("")
	for body, want := range map[string]string{
		`{"token":"` + sdkKey + `"}`:                 "SDK keys cannot sign in. Use an access token.",
		`{"token":"mob-1"}`:                          "SDK keys cannot sign in. Use an access token.",
		`{"token":"rel-1"}`:                          "Keys of relays cannot sign in. Use an access token.",
		`{"token":"api-guess"}`:                      "That token is not known here. Tokens begin with api-. The first one is in the server’s start-up output.",
		`{"token":"guess"}`:                          "That token is not known here. Tokens begin with api-. The first one is in the server’s start-up output.",
		`{"email":"owner@localhost","password":""}`:  "",
		`{"email":"owner@localhost","password":"x"}`: "Email and password do not belong together. Somebody without a password signs in with an access token.",
		`{"token":"` + adminToken + `","email":"a"}`: "",
		`{}`: "",
	} {
		status := 401
		if want == "" {
			status = 400
		}
		got := a.must(t, status, "", "POST", "/session", body, "X-Forwarded-For", "203.0.113.1")
		if want != "" && got.str("message") != want {
			t.Errorf("%s: %s", body, got.text)
		}
		if got.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: a session for nobody", body)
		}
	}
	for _, value := range []string{"", "t", "m.", "t.x", "x.y", strings.Repeat("t", 5000)} {
		a.must(t, 401, "", "GET", "/session", "", "Cookie", "muster_session="+value)
	}
}

func TestTriesAreLimited(t *testing.T) {
	now := time.Now()
	a := newAccountAt(t, func() time.Time { return now }).as("")
	try := func(status int, address, body string) reply {
		t.Helper()
		return a.must(t, status, "", "POST", "/session", body, "X-Forwarded-For", address)
	}
	const wrong, right = `{"token":"api-guess"}`, `{"token":"` + adminToken + `"}`
	for range 10 {
		try(200, "203.0.113.1", right)
		try(401, "203.0.113.1", wrong)
	}
	got := try(429, "203.0.113.1", right)
	if got.str("message") != "Too many tries. Wait 30 s." || got.header.Get("Retry-After") != "30" {
		t.Errorf("%s %v", got.text, got.header)
	}
	try(200, "203.0.113.2", right)
	now = now.Add(30 * time.Second)
	try(401, "203.0.113.1", wrong)
	try(429, "203.0.113.1", right)
	// One network of IPv6 is one address, and whatever a client itself says before a proxy is nothing.
	for i := range 10 {
		try(401, fmt.Sprintf("203.0.113.9, 2001:db8::%x", i+1), wrong)
	}
	try(429, "2001:db8::99", right)
	try(200, "2001:db8:1::1", right)
	// An account takes a few more, from wherever.
	const guess = `{"email":"nobody@x.test","password":"x"}`
	for i := range 20 {
		try(401, fmt.Sprintf("198.51.100.%d", i), guess)
	}
	if got := try(429, "198.51.100.99", strings.Replace(guess, "nobody", "NOBODY", 1)); got.header.Get("Retry-After") != "3" {
		t.Errorf("%s %v", got.text, got.header)
	}
	try(200, "198.51.100.99", right)
}

func TestFirstRun(t *testing.T) {
	a := newAccount(t)
	stranger := a.as("")
	stranger.must(t, 200, "", "GET", "/first-run", "").want(t, "open", "true")
	body := func(name, email, password, code string) string {
		return fmt.Sprintf(`{"name":%q,"email":%q,"password":%q,"code":%q}`, name, email, password, code)
	}
	good := body("Mira Anne Okafor", "mira@x.test", "correct horse", "")
	for what, tt := range map[string]struct {
		by     *account
		status int
		body   string
	}{
		"nobody":                       {stranger, 401, good},
		"a wrong code":                 {stranger, 401, body("Mira", "mira@x.test", "correct horse", "x")},
		"a service token":              {a.as(a.newToken(t, `{"role":"admin","serviceToken":true}`)), 401, good},
		"a lesser token of the owner":  {a.as(a.newToken(t, `{"role":"writer"}`)), 401, good},
		"a short password":             {a, 400, body("Mira", "mira@x.test", "elevenchars", "")},
		"no name":                      {a, 400, body(" ", "mira@x.test", "correct horse", "")},
		"a name instead of an address": {a, 400, body("Mira", "mira", "correct horse", "")},
	} {
		if got := tt.by.call(t, "POST", "/first-run", tt.body); got.status != tt.status {
			t.Errorf("%s: %d %s, want %d", what, got.status, got.text, tt.status)
		}
	}
	stranger.must(t, 200, "", "GET", "/first-run", "").want(t, "open", "true")

	b := a.signedIn(t, stranger.must(t, 200, "", "POST", "/first-run", body("Mira Anne Okafor", "mira@x.test", "correct horse", a.access.SetupCode())))
	b.must(t, 200, "GET", "/session", "").want(t, "member.firstName", `"Mira"`, "member.lastName", `"Anne Okafor"`, "member.email", `"mira@x.test"`,
		"role", `"owner"`, "administers", "true", "token", "null")
	stranger.must(t, 200, "", "GET", "/first-run", "").want(t, "open", "false")
	a.must(t, 409, "", "POST", "/first-run", good).want(t, "message", `"This server is already set up. Sign in instead."`)
	a.signIn(t, `{"email":"MIRA@x.test","password":"correct horse"}`)
	b.must(t, 201, "POST", seg, `{"key":"s","name":"S"}`)
	log := b.must(t, 200, "GET", "/auditlog?limit=2", "")
	log.want(t, "items.0.title", `"Mira Anne Okafor created the segment S"`, "items.0.member.email", `"mira@x.test"`, "items.1.title", `"Mira Anne Okafor set up the account of mira@x.test"`)
	detail := b.must(t, 200, "GET", "/auditlog/"+log.str("items.1._id"), "")
	for _, entry := range [][]byte{log.text, detail.text} {
		if strings.Contains(string(entry), "argon2") {
			t.Errorf("the audit log tells a password: %s", entry)
		}
	}
}

func TestFirstRunByTheOwnersToken(t *testing.T) {
	a := newAccount(t)
	b := a.signIn(t, `{"token":"`+adminToken+`"}`)
	b.must(t, 200, "POST", "/first-run", `{"name":"Mira","email":"mira@x.test","password":"correct horse"}`)
	a.signIn(t, `{"email":"mira@x.test","password":"correct horse"}`)
}

func TestPasswords(t *testing.T) {
	a := newAccount(t)
	a.must(t, 200, "", "POST", "/first-run", `{"name":"Mira","email":"mira@x.test","password":"correct horse"}`)
	here, there := a.signIn(t, `{"email":"mira@x.test","password":"correct horse"}`), a.signIn(t, `{"email":"mira@x.test","password":"correct horse"}`)
	here.must(t, 403, "PUT", "/session/password", `{"password":"battery staple"}`)
	here.must(t, 403, "PUT", "/session/password", `{"password":"battery staple","presentPassword":"x"}`)
	here.must(t, 400, "PUT", "/session/password", `{"password":"staple","presentPassword":"correct horse"}`)
	here.must(t, 204, "PUT", "/session/password", `{"password":"battery staple","presentPassword":"correct horse"}`)
	here.must(t, 200, "GET", "/session", "")
	there.must(t, 401, "GET", "/session", "")
	a.as("").must(t, 401, "", "POST", "/session", `{"email":"mira@x.test","password":"correct horse"}`)
	a.signIn(t, `{"email":"mira@x.test","password":"battery staple"}`)
	// A token that can do less than its person must not become the person.
	a.as(a.newToken(t, `{"role":"writer"}`)).must(t, 403, "", "PUT", "/session/password", `{"password":"battery horse","presentPassword":"battery staple"}`)
	a.as(a.newToken(t, `{"role":"admin","serviceToken":true}`)).must(t, 403, "", "PUT", "/session/password", `{"password":"battery horse","presentPassword":"battery staple"}`)
}

func TestNoPasswordIsLookedAtOfWhoMayNotSetIt(t *testing.T) {
	a := newAccount(t)
	id := a.must(t, 201, "Members", "POST", "/members", `[{"email":"ann@x.test","role":"writer"}]`).str("items.0._id")
	// A short password shows whether anybody looked: to hash a long one is work.
	a.holder(t, []string{"viewMember *"}).must(t, 403, "", "POST", "/members", `[{"email":"ben@x.test","role":"no_access","password":"elevenchars"}]`)
	a.holder(t, []string{"viewMember *"}).must(t, 403, "", "PUT", "/members/"+id+"/password", `{"password":"elevenchars"}`)
	a.holder(t, []string{"viewMember *", "updateMemberPassword *"}).must(t, 403, "", "PUT", "/members/"+id+"/password", `{"password":"elevenchars"}`)
}

func TestAMemberIsGivenAPassword(t *testing.T) {
	a := newAccount(t)
	const signIn, again = `{"email":"ann@x.test","password":"correct horse"}`, `{"email":"ann@x.test","password":"battery staple"}`
	a.must(t, 400, "", "POST", "/members", `[{"email":"ann@x.test","role":"reader","password":"elevenchars"}]`)
	id := a.must(t, 201, "Members", "POST", "/members", `[{"email":"ann@x.test","role":"writer","password":"correct horse"}]`).str("items.0._id")
	ann := a.signIn(t, signIn)
	ann.must(t, 403, "PUT", "/members/me/password", `{"password":"battery staple"}`)
	a.must(t, 400, "", "PUT", "/members/"+id+"/password", `{"password":"elevenchars"}`)
	a.must(t, 404, "", "PUT", "/members/nobody/password", `{"password":"battery staple"}`)
	// Whoever knows the password can do what Ann can.
	weaker := a.holder(t, []string{"viewMember *", "updateMemberPassword *"})
	weaker.must(t, 403, "", "PUT", "/members/"+id+"/password", `{"password":"battery staple"}`)
	a.must(t, 204, "", "PUT", "/members/"+id+"/password", `{"password":"battery staple"}`)
	ann.must(t, 401, "GET", "/session", "")
	a.as("").must(t, 401, "", "POST", "/session", signIn)
	a.signIn(t, again)
	owner := a.must(t, 200, "", "GET", "/members/me", "").str("_id")
	boss := a.signIn(t, again)
	boss.must(t, 403, "PUT", "/members/"+owner+"/password", `{"password":"battery staple"}`)
	a.as(a.newToken(t, `{"role":"admin","serviceToken":true}`)).must(t, 403, "", "PUT", "/members/"+owner+"/password", `{"password":"battery staple"}`)
	log := a.must(t, 200, "", "GET", "/auditlog?limit=1&q=password", "")
	log.want(t, "items.0.titleVerb", `"set the password of"`)
	if detail := a.must(t, 200, "", "GET", "/auditlog/"+log.str("items.0._id"), ""); strings.Contains(string(detail.text), "argon2") {
		t.Errorf("the audit log tells a password: %s", detail.text)
	}
}

func TestAStreamIsCutWithItsSession(t *testing.T) {
	a := newAccount(t)
	made := a.must(t, 201, "Token", "POST", "/tokens", `{"role":"reader"}`)
	b := a.signIn(t, `{"token":"`+made.str("token")+`"}`)
	f := b.watch(t, "Cookie", b.cookie)
	a.must(t, 201, "", "POST", seg, `{"key":"s","name":"S"}`)
	f.await("catalog", "key", `"s"`)
	a.must(t, 204, "", "DELETE", "/tokens/"+made.str("_id"), "")
	for ok := true; ok; {
		_, ok = f.next() // its time runs out if it is not cut
	}
}

func TestASessionReadsFiles(t *testing.T) {
	a, names := furnished(t)
	b := a.signIn(t, `{"token":"`+adminToken+`"}`)
	if got := b.must(t, 200, "GET", names.Replace(seg+"/big/exports/{export}/file"), ""); len(got.text) == 0 {
		t.Error("an empty file")
	}
}
