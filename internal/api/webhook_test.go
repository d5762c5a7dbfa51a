package api_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"muster/internal/catalog"
	"muster/internal/seal"
	"muster/internal/store"
)

// posted is a request that a webhook sent.
type posted struct {
	body, signature string
	id, name, kind  string // of the entry
}

// hooked is a server that takes what webhooks send.
func hooked(t testing.TB) (url string, sent <-chan posted) {
	t.Helper()
	ch := make(chan posted, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var entry struct {
			ID   string `json:"_id"`
			Name string `json:"name"`
			Kind string `json:"kind"`
		}
		if err != nil || json.Unmarshal(body, &entry) != nil {
			t.Errorf("a webhook sent %s, %v", body, err)
		}
		ch <- posted{string(body), r.Header.Get("X-LD-Signature"), entry.ID, entry.Name, entry.Kind}
	}))
	t.Cleanup(server.Close)
	return server.URL, ch
}

func next(t testing.TB, sent <-chan posted) posted {
	t.Helper()
	select {
	case p := <-sent:
		return p
	case <-time.After(time.Minute):
		t.Fatal("nothing was sent")
		return posted{}
	}
}

// TestAWebhookAsTerraformKeepsIt sends what Terraform's provider sends for a resource over its life.
func TestAWebhookAsTerraformKeepsIt(t *testing.T) {
	a := newAccount(t)
	made := a.must(t, 200, "Webhook", "POST", "/webhooks", `{"name":"exampleWebhook","on":true,"secret":"SuperSecret","sign":true,"url":"http://127.0.0.1:1/","statements":[
		{"effect":"allow","actions":["*"],"resources":["proj/*:env/production:flag/*"]}]}`)
	path := "/webhooks/" + made.str("_id")
	made.want(t, "secret", `"SuperSecret"`, "tags", `[]`, "on", `true`, "_links.self.href", `"/api/v2`+path+`"`)
	a.must(t, 200, "Webhook", "PATCH", path, `[{"op":"replace","path":"/tags","value":["terraform","b"]}]`).want(t, "tags", `["b","terraform"]`)
	a.must(t, 200, "Webhook", "GET", path, "").want(t, "secret", `"SuperSecret"`, "url", `"http://127.0.0.1:1/"`,
		"statements", `[{"effect":"allow","actions":["*"],"resources":["proj/*:env/production:flag/*"]}]`)
	updated := a.must(t, 200, "Webhook", "PATCH", path, `[{"op":"replace","path":"/url","value":"http://127.0.0.1:1/updated"},{"op":"replace","path":"/secret","value":""},
		{"op":"replace","path":"/on","value":false},{"op":"replace","path":"/name","value":""},{"op":"replace","path":"/tags","value":[]},{"op":"remove","path":"/statements"}]`)
	updated.want(t, "on", `false`, "secret", `null`, "name", `null`, "statements", `null`, "tags", `[]`)
	a.must(t, 200, "Webhooks", "GET", "/webhooks", "").want(t, "totalCount", `1`, "items.0._id", `"`+made.str("_id")+`"`)
	a.must(t, 200, "Webhook", "POST", "/webhooks", `{"sign":false,"on":false,"secret":"x","url":"https://example.com/"}`).want(t, "secret", `null`)
	a.must(t, 204, "", "DELETE", path, "")
	a.must(t, 404, "", "GET", path, "")
	a.must(t, 404, "", "DELETE", path, "")
}

func TestWhatAWebhookIsSentIsTheEntryOfTheAuditLog(t *testing.T) {
	a := newAccount(t)
	url, sent := hooked(t)
	made := a.must(t, 200, "Webhook", "POST", "/webhooks", `{"url":"`+url+`","on":true,"sign":true,"statements":[{"effect":"allow","actions":["*"],"resources":["proj/*:env/*:flag/*"]}]}`)
	secret := made.str("secret")
	if len(secret) < 32 {
		t.Fatalf("the secret that was made up is %q", secret)
	}
	a.must(t, 201, "", "POST", seg, `{"key":"s","name":"S"}`)
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"f","name":"Flag"}`)
	a.must(t, 200, "", "PATCH", "/flags/default/f", `{"comment":"why","patch":[{"op":"replace","path":"/name","value":"Other"}]}`)
	for range 2 {
		p := next(t, sent)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(p.body))
		if want := hex.EncodeToString(mac.Sum(nil)); p.signature != want {
			t.Errorf("signature %s, want %s", p.signature, want)
		}
		if entry := a.must(t, 200, "", "GET", "/auditlog/"+p.id, ""); string(entry.text) != p.body || p.kind != "flag" {
			t.Errorf("sent\n%s\nthe log has\n%s", p.body, entry.text)
		}
	}
}

func TestHostileWebhooks(t *testing.T) {
	a := newAccount(t)
	for name, tt := range map[string]struct{ body, message string }{
		"no URL":              {`{"sign":false,"on":false}`, "url is missing"},
		"no absolute URL":     {`{"url":"/hook"}`, "absolute"},
		"another scheme":      {`{"url":"ftp://example.com/"}`, `"ftp:"`},
		"no host":             {`{"url":"http:///hook"}`, "with a host"},
		"a port without host": {`{"url":"http://:80/"}`, "with a host"},
		"opaque":              {`{"url":"http:example.com"}`, "with a host"},
		"a script":            {`{"url":"javascript:alert(1)"}`, "with a host"},
		"a file":              {`{"url":"file:///etc/passwd"}`, "with a host"},
		"a user":              {`{"url":"https://user:hidden@example.com/"}`, "must not hold a user"},
		"a user and no host":  {`{"url":"https://user:hidden@/"}`, "with a host"},
		"too long":            {`{"url":"https://example.com/` + strings.Repeat("x", 3000) + `"}`, "3020 bytes; at most 2048"},
		"a blank":             {`{"url":"https://example.com/ x"}`, "without blanks"},
		"a line break":        {`{"url":"https://example.com/\r\nX: y"}`, "without blanks"},
		"a zero byte":         {`{"url":"https://example.com/\u0000"}`, "without blanks"},
		"port 0":              {`{"url":"https://example.com:0/"}`, "port 0"},
		"port 99999":          {`{"url":"https://example.com:99999/"}`, "port 99999"},
		"a bad port":          {`{"url":"https://example.com:x/"}`, "absolute"},
		"a bad escape":        {`{"url":"https://exa%mple.com/"}`, "absolute"},
		"cloud credentials":   {`{"url":"http://169.254.169.254/latest/meta-data/"}`, "never calls"},
		"the same in IPv6":    {`{"url":"http://[::ffff:169.254.169.254]/"}`, "never calls"},
		"any address":         {`{"url":"http://0.0.0.0/"}`, "never calls"},
		"a number as URL":     {`{"url":7}`, "url"},
		"a long secret":       {`{"url":"https://example.com/","secret":"` + strings.Repeat("s", 300) + `"}`, "secret has 300"},
		"a long name":         {`{"url":"https://example.com/","name":"` + strings.Repeat("s", 300) + `"}`, "name has 300"},
		"a bad tag":           {`{"url":"https://example.com/","tags":["a b"]}`, "tag"},
		"a bad statement":     {`{"url":"https://example.com/","statements":[{"effect":"allow"}]}`, "statement"},
		"no array":            {`{"url":"https://example.com/","statements":{}}`, "statements"},
	} {
		got := a.call(t, "POST", "/webhooks", tt.body)
		if got.status != 400 || got.str("code") != "invalid_request" || !strings.Contains(got.str("message"), tt.message) {
			t.Errorf("%s: %d %s, want %q", name, got.status, got.text, tt.message)
		}
		if strings.Contains(string(got.text), "hidden") || len(got.text) > 400 {
			t.Errorf("%s: the answer repeats too much: %s", name, got.text)
		}
	}
	a.must(t, 200, "", "GET", "/webhooks", "").want(t, "totalCount", `0`)
	for _, url := range []string{"https://bücher.example/ü?q=ü#f", "HTTP://EXAMPLE.com:8080", "http://[2001:db8::1]:8080/x", "http://10.0.0.7/", "https://example.com/" + strings.Repeat("x", 2000)} {
		path := "/webhooks/" + a.must(t, 200, "Webhook", "POST", "/webhooks", `{"url":"`+url+`"}`).str("_id")
		a.must(t, 200, "Webhook", "GET", path, "").want(t, "url", `"`+url+`"`)
		for _, patch := range []string{
			`[{"op":"replace","path":"/url","value":"ftp://x"}]`, `[{"op":"remove","path":"/url"}]`, `[{"op":"replace","path":"/_id","value":"x"}]`,
			`[{"op":"replace","path":"/on","value":"yes"}]`, `[{"op":"test","path":"/url","value":"x"}]`, `{"statements":[{}]}`,
		} {
			if got := a.call(t, "PATCH", path, patch); got.status != 400 {
				t.Errorf("%s: %d %s", patch, got.status, got.text)
			}
		}
		a.must(t, 200, "Webhook", "GET", path, "").want(t, "url", `"`+url+`"`, "on", `false`)
	}
}

func TestTheSecretOfAWebhookIsShownToWhoMaySetIt(t *testing.T) {
	a := newAccount(t)
	path := "/webhooks/" + a.must(t, 200, "Webhook", "POST", "/webhooks", `{"url":"https://example.com/","secret":"first-hidden"}`).str("_id")
	a.must(t, 200, "", "PATCH", path, `[{"op":"replace","path":"/secret","value":"second-hidden"},{"op":"replace","path":"/on","value":true}]`)
	a.must(t, 200, "", "PATCH", path, `[{"op":"test","path":"/secret","value":"second-hidden"},{"op":"replace","path":"/name","value":"N"}]`)
	a.must(t, 200, "", "PATCH", path, `{"merge":{"secret":"third-hidden"}}`)
	a.must(t, 200, "", "GET", path, "").want(t, "secret", `"third-hidden"`)

	renamer := a.holder(t, []string{"view* *", "updateName webhook/*"})
	renamer.must(t, 200, "Webhook", "GET", path, "").want(t, "secret", `"********"`)
	renamer.must(t, 200, "Webhook", "PATCH", path, `[{"op":"replace","path":"/secret","value":"********"},{"op":"replace","path":"/name","value":"Other"}]`).
		want(t, "secret", `"********"`, "name", `"Other"`)
	for _, guess := range []string{"x", "third-hidden", ""} {
		renamer.must(t, 403, "", "PATCH", path, `[{"op":"replace","path":"/secret","value":"`+guess+`"}]`)
	}
	renamer.must(t, 400, "", "PATCH", path, `[{"op":"test","path":"/secret","value":"third-hidden"}]`)
	a.must(t, 200, "", "PATCH", path, `[{"op":"replace","path":"/secret","value":"********"}]`).want(t, "secret", `"third-hidden"`)
	a.must(t, 200, "", "PATCH", path, `[{"op":"replace","path":"/secret","value":"third-hidden"}]`).want(t, "secret", `"third-hidden"`)
	a.must(t, 200, "", "GET", path, "").want(t, "secret", `"third-hidden"`, "name", `"Other"`)
	a.must(t, 400, "", "PATCH", path, `[{"op":"replace","path":"/secret","value":"`+strings.Repeat("hidden", 50)+`"}]`)
	a.must(t, 204, "", "DELETE", path, "")

	entries, n := a.must(t, 200, "", "GET", "/auditlog?limit=20", ""), 0
	for i := range 20 {
		id := entries.str(fmt.Sprintf("items.%d._id", i))
		if entries.str(fmt.Sprintf("items.%d.kind", i)) != "webhook" {
			continue
		}
		n++
		if entry := a.must(t, 200, "", "GET", "/auditlog/"+id, ""); strings.Contains(string(entry.text), "hidden") || !strings.Contains(string(entry.text), "********") {
			t.Errorf("entry %d: %s", i, entry.text)
		}
	}
	if n != 6 {
		t.Errorf("the audit log has %d entries about webhooks", n)
	}
	if strings.Contains(a.log.String(), "hidden") {
		t.Errorf("the log: %s", a.log)
	}
}

func TestAWebhookTellsNothingThatItsMakerMayNotRead(t *testing.T) {
	a := newAccount(t)
	url, sent := hooked(t)
	maker := a.holder(t, []string{"createWebhook webhook/*", "updateUrl webhook/*", "view* *"})
	maker.must(t, 200, "Webhook", "POST", "/webhooks", `{"url":"`+url+`","on":true}`)
	admins := a.must(t, 200, "Webhook", "POST", "/webhooks", `{"url":"`+url+`/admins","on":false}`).str("_id")
	a.must(t, 201, "", "POST", "/members", `[{"email":"bob@x.test","role":"reader"}]`)
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"f","name":"Flag"}`)
	if p := next(t, sent); p.kind != "flag" {
		t.Errorf("sent %s", p.body)
	}
	maker.must(t, 403, "", "PATCH", "/webhooks/"+admins, `[{"op":"replace","path":"/url","value":"https://example.com/"}]`)
	narrow := a.holder(t, []string{"createWebhook webhook/*", "viewProject proj/default"})
	if got := narrow.must(t, 403, "", "POST", "/webhooks", `{"url":"https://example.com/"}`); !strings.Contains(got.str("message"), "every project") {
		t.Errorf("the answer is %s", got.text)
	}
	a.must(t, 200, "", "PATCH", "/webhooks/"+admins, `[{"op":"replace","path":"/on","value":true}]`)
	a.must(t, 201, "", "POST", "/roles", `{"key":"r","name":"Role","policy":[]}`)
	if p, last := next(t, sent), next(t, sent); p.kind != "webhook" || last.kind != "role" {
		t.Errorf("sent %s and %s", p.body, last.body)
	}
}

func TestActivityTellsOfDeliveriesToThoseWhoMayViewTheWebhook(t *testing.T) {
	a := newAccount(t)
	url, sent := hooked(t)
	id := a.must(t, 200, "Webhook", "POST", "/webhooks", `{"url":"`+url+`","on":false}`).str("_id")
	a.must(t, 201, "", "POST", segments, `{"key":"vips","name":"VIPs","unbounded":true}`)
	all, few := a.watch(t), a.holder(t, []string{"viewProject *"}).watch(t)
	a.must(t, 200, "", "POST", "/webhooks/"+id+"/test", "")
	next(t, sent)
	if got := all.await("delivery", "webhookId", `"`+id+`"`); got.at("date") == nil {
		t.Errorf("a delivery is told as %s", got.text)
	}
	a.must(t, 200, "", "PATCH", segments+"/vips", `[{"op":"replace","path":"/name","value":"Later"}]`)
	for {
		switch e, ok := few.next(); {
		case !ok, e.name == "delivery":
			t.Fatalf("who may not view the webhook got %s %s", e.name, e.text)
		case e.name == "catalog":
			return
		}
	}
}

func TestDeliveriesOfAWebhookAreShown(t *testing.T) {
	a := newAccount(t)
	url, sent := hooked(t)
	path := "/webhooks/" + a.must(t, 200, "Webhook", "POST", "/webhooks", `{"url":"http://127.0.0.1:1/hook","name":"Chat"}`).str("_id")
	a.must(t, 200, "", "GET", path+"/deliveries", "").want(t, "items", `[]`, "totalCount", `0`)
	failed := a.must(t, 200, "", "POST", path+"/test", "")
	failed.want(t, "state", `"givenUp"`, "test", `true`, "status", `null`, "attempt", `null`)
	if !strings.Contains(failed.str("error"), "refused") {
		t.Errorf("the test answers %s", failed.text)
	}
	a.must(t, 200, "", "PATCH", path, `{"url":"`+url+`"}`)
	a.must(t, 200, "", "POST", path+"/test", "").want(t, "state", `"delivered"`, "status", `200`, "error", `null`)
	if p := next(t, sent); p.kind != "webhook" || p.name != "Chat" || !strings.Contains(p.body, "tested the webhook") {
		t.Errorf("the test sent %s", p.body)
	}
	a.must(t, 200, "", "PATCH", path, `{"on":true}`)
	p := next(t, sent)
	for {
		got := a.must(t, 200, "", "GET", path+"/deliveries", "")
		if got.str("items.0.entryId") != p.id { // the answer is still on its way back
			continue
		}
		got.want(t, "totalCount", `3`, "items.0.state", `"delivered"`, "items.0.attempt", `1`, "items.2.state", `"givenUp"`)
		break
	}
	a.must(t, 404, "", "GET", "/webhooks/64b0c9f2a1d3e4f5061728aa/deliveries", "")
	a.must(t, 404, "", "POST", "/webhooks/64b0c9f2a1d3e4f5061728aa/test", "")
}

func TestAFailingWebhookSaysSinceWhenAndWhy(t *testing.T) {
	a := newAccount(t)
	path := "/webhooks/" + a.must(t, 200, "Webhook", "POST", "/webhooks", `{"url":"http://127.0.0.1:1/hook"}`).str("_id")
	a.must(t, 200, "", "POST", path+"/test", "").want(t, "state", `"givenUp"`)
	a.must(t, 200, "", "GET", path, "").want(t, "failing", `null`) // a test is no delivery
	a.must(t, 200, "", "PATCH", path, `{"on":true}`)
	listed := func(done func(reply) bool) reply {
		t.Helper()
		for t.Context().Err() == nil {
			if got := a.must(t, 200, "", "GET", "/webhooks", ""); done(got) {
				return got
			}
		}
		t.Fatal("it never came to that")
		return reply{}
	}
	got := listed(func(r reply) bool { return r.at("items.0.failing") != nil })
	got.want(t, "items.0.failing.status", `null`)
	if !strings.Contains(got.str("items.0.failing.error"), "refused") {
		t.Errorf("it fails with %s", got.text)
	}
	url, sent := hooked(t)
	a.must(t, 200, "", "PATCH", path, `{"url":"`+url+`"}`)
	next(t, sent)
	listed(func(r reply) bool { return r.at("items.0.failing") == nil })
}

func TestAnAccountHasSoManyWebhooks(t *testing.T) {
	a := newAccount(t)
	for range catalog.MaxWebhooks {
		a.must(t, 200, "", "POST", "/webhooks", `{"url":"https://example.com/"}`)
	}
	if got := a.must(t, 413, "", "POST", "/webhooks", `{"url":"https://example.com/"}`); !strings.Contains(got.str("message"), "100 webhooks") {
		t.Errorf("the answer is %s", got.text)
	}
	a.must(t, 200, "", "GET", "/webhooks?limit=10&offset=95", "").want(t, "totalCount", `100`, "items.5", `null`)
}

func TestAMaskOfNoSecretIsRefused(t *testing.T) {
	a := newAccount(t)
	plain := "/webhooks/" + a.must(t, 200, "Webhook", "POST", "/webhooks", `{"url":"https://example.com/"}`).str("_id")
	for _, got := range []reply{
		a.must(t, 400, "", "PATCH", plain, `[{"op":"add","path":"/secret","value":"********"}]`),
		a.must(t, 400, "", "POST", "/webhooks", `{"url":"https://example.com/","secret":"********"}`),
	} {
		if !strings.Contains(got.str("message"), "masked text") {
			t.Errorf("a mask of nothing: %s", got.text)
		}
	}
	a.must(t, 200, "", "GET", plain, "").want(t, "secret", `null`, "problem", `null`)
}

// TestWebhooksWithoutTheirKey: with another key, and without one, everything is served, the webhook says
// what is wrong, nothing is sent unsigned, and nothing that is kept is lost.
func TestWebhooksWithoutTheirKey(t *testing.T) {
	db, keys := newDatabase(t), newKeys(t)
	a := openAccount(t, db, db, keys, time.Now)
	url, sent := hooked(t)
	path := "/webhooks/" + a.must(t, 200, "Webhook", "POST", "/webhooks", `{"url":"`+url+`","secret":"first-hidden"}`).str("_id")
	reopen := func(keys *seal.Keys) {
		t.Helper()
		if err := a.close(); err != nil {
			t.Fatal(err)
		}
		a = openAccount(t, db, db, keys, time.Now)
	}
	for name, tt := range map[string]struct {
		keys   *seal.Keys
		says   string
		sealed int // the answer to a new secret
	}{
		"another key": {newKeys(t), "which this server was not given", 200},
		"no key":      {seal.Without("there is no key"), "there is no key", 409},
	} {
		reopen(tt.keys)
		got := a.must(t, 200, "Webhook", "GET", path, "")
		got.want(t, "secret", `"********"`, "url", `"`+url+`"`)
		if !strings.Contains(got.str("problem"), tt.says) {
			t.Errorf("%s: %s", name, got.text)
		}
		a.must(t, 200, "Webhook", "PATCH", path, fmt.Sprintf(`[{"op":"replace","path":"/name","value":%q},{"op":"replace","path":"/secret","value":"********"}]`, name))
		a.must(t, 400, "", "PATCH", path, `[{"op":"replace","path":"/problem","value":"none"}]`)
		tested := a.must(t, 200, "", "POST", path+"/test", "")
		tested.want(t, "state", `"givenUp"`, "status", `null`)
		if !strings.Contains(tested.str("error"), tt.says) {
			t.Errorf("%s: the test came to %s", name, tested.text)
		}
		made := a.must(t, tt.sealed, "", "POST", "/webhooks", `{"url":"https://example.com/","secret":"new"}`)
		if tt.sealed == 200 {
			a.must(t, 204, "", "DELETE", "/webhooks/"+made.str("_id"), "")
		}
		plain := a.must(t, 200, "Webhook", "POST", "/webhooks", `{"url":"`+url+`"}`)
		a.must(t, 200, "", "POST", "/webhooks/"+plain.str("_id")+"/test", "").want(t, "state", `"delivered"`)
		if p := next(t, sent); p.signature != "" {
			t.Errorf("%s: a webhook without a secret signs: %+v", name, p)
		}
	}
	reopen(keys)
	a.must(t, 200, "Webhook", "GET", path, "").want(t, "secret", `"first-hidden"`, "problem", `null`)
	a.must(t, 200, "", "POST", path+"/test", "").want(t, "state", `"delivered"`)
	if p := next(t, sent); p.signature == "" {
		t.Errorf("sent unsigned: %+v", p)
	}
}

// TestASecretThatIsKeptInTheClearIsAProblem: it stops no start, is not used, and can be given anew.
func TestASecretThatIsKeptInTheClearIsAProblem(t *testing.T) {
	for _, clear := range []string{"in the clear!", "SuperSecret1"} {
		db, keys := newDatabase(t), newKeys(t)
		a := openAccount(t, db, db, keys, time.Now)
		path := "/webhooks/" + a.must(t, 200, "Webhook", "POST", "/webhooks", `{"url":"https://example.com/","secret":"s"}`).str("_id")
		if err := a.close(); err != nil {
			t.Fatal(err)
		}
		keepClearSecret(t, db, clear)
		a = openAccount(t, db, db, keys, time.Now)
		got := a.must(t, 200, "Webhook", "GET", path, "")
		got.want(t, "secret", `"********"`)
		if !strings.Contains(got.str("problem"), "can't be read") || strings.Contains(string(got.text), clear) {
			t.Errorf("the webhook is %s", got.text)
		}
		a.must(t, 200, "Webhook", "PATCH", path, `[{"op":"replace","path":"/secret","value":"anew"}]`).want(t, "secret", `"anew"`, "problem", `null`)
	}
}

// keepClearSecret writes the secret of every webhook as the first version did.
func keepClearSecret(t testing.TB, db store.Log, secret string) {
	t.Helper()
	const webhooks store.Table = 33
	var rows []store.Row
	for row, err := range db.Rows(t.Context(), webhooks, nil, false) {
		if err != nil {
			t.Fatal(err)
		}
		var object map[string]any
		if err := json.Unmarshal(row.Value, &object); err != nil {
			t.Fatal(err)
		}
		object["Secret"] = secret
		text, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, store.Row{Table: webhooks, Key: slices.Clone(row.Key), Value: text})
	}
	if err := db.Write(t.Context(), nil, rows); err != nil || len(rows) == 0 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
}
