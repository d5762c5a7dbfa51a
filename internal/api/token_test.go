package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestTokens(t *testing.T) {
	a := newAccount(t)
	created := a.must(t, 201, "Token", "POST", "/tokens", `{"name":"ci","description":"d","role":"writer","serviceToken":true,"defaultApiVersion":20191212}`)
	secret, id := created.str("token"), created.str("_id")
	created.want(t, "defaultApiVersion", `20191212`, "serviceToken", `true`, "role", `"writer"`, "_member.role", `"owner"`)
	if !strings.HasPrefix(secret, "api-") || len(secret) != 40 || created.header.Get("Cache-Control") != "no-store" {
		t.Errorf("secret %q, Cache-Control %q", secret, created.header.Get("Cache-Control"))
	}
	for _, got := range []reply{a.must(t, 200, "Token", "GET", "/tokens/"+id, ""), a.must(t, 200, "Tokens", "GET", "/tokens?showAll=true", "")} {
		if strings.Contains(string(got.text), secret) || strings.Contains(string(got.text), adminToken) {
			t.Errorf("a secret is shown again: %s", got.text)
		}
	}
	a.must(t, 200, "Token", "GET", "/tokens/"+id, "").want(t, "token", `"`+secret[36:]+`"`)
	a.must(t, 200, "Versions", "GET", "/versions", "", "Authorization", "Bearer "+secret)
	a.must(t, 204, "", "DELETE", "/tokens/"+id, "")
	a.as(secret).must(t, 401, "", "GET", "/versions", "")
	a.must(t, 404, "", "GET", "/tokens/"+id, "")

	inline := a.must(t, 201, "Token", "POST", "/tokens", `{"name":"sync","inlineRole":[{"effect":"allow","actions":["createSegment","updateIncluded"],"resources":["proj/*:env/*:segment/*"]}]}`)
	inline.want(t, "role", `null`, "inlineRole", `[{"effect":"allow","actions":["createSegment","updateIncluded"],"resources":["proj/*:env/*:segment/*"]}]`)
	for name, body := range map[string]string{
		"no role":        `{"name":"x"}`,
		"two roles":      `{"name":"x","role":"reader","inlineRole":[{"effect":"allow","actions":["*"],"resources":["*"]}]}`,
		"an unknown one": `{"name":"x","role":"owner"}`,
		"custom roles":   `{"name":"x","customRoleIds":["a"]}`,
		"a bad policy":   `{"name":"x","inlineRole":[{"effect":"maybe","actions":["*"],"resources":["*"]}]}`,
		"a bad version":  `{"name":"x","role":"reader","defaultApiVersion":1}`,
		"policy object":  `{"name":"x","inlineRole":{}}`,
	} {
		t.Run(name, func(t *testing.T) { a.must(t, 400, "", "POST", "/tokens", body).want(t, "code", `"invalid_request"`) })
	}
	a.must(t, 400, "", "GET", "/tokens?showAll=perhaps", "")
}

func TestTokensAreFound(t *testing.T) {
	a := newAccount(t)
	made := func(words, secret string) reply {
		return a.must(t, 201, "Token", "POST", "/tokens", `{`+words+`"role":"reader","serviceToken":true,"token":"`+secret+`"}`)
	}
	const secret = "api-0b7f4c1e-52a9-4d0e-9a63-2f1d1c5e77aa"
	warehouse, nameless := made(`"name":"Warehouse of Jon",`, "api-0b7f4c1e-52a9-4d0e-9a63-2f1d1c5e8a91"), made("", secret)
	made(`"name":"ci",`, "api-0b7f4c1e-52a9-4d0e-9a63-2f1d1c5e8a92")
	for filter, want := range map[string]reply{
		"query:house+of":                       warehouse,
		"query:" + secret[36:]:                 nameless,
		"id:" + warehouse.str("_id"):           warehouse,
		"query:jon,id:" + warehouse.str("_id"): warehouse,
	} {
		t.Run(filter, func(t *testing.T) {
			a.must(t, 200, "Tokens", "GET", "/tokens?showAll=true&filter="+filter, "").want(t, "totalCount", `1`, "items.0._id", `"`+want.str("_id")+`"`)
		})
	}
	a.must(t, 200, "Tokens", "GET", "/tokens?showAll=true&filter=query:nobody", "").want(t, "totalCount", `0`)
	page := a.must(t, 200, "Tokens", "GET", "/tokens?showAll=true&sort=-name&limit=2", "")
	page.want(t, "totalCount", `4`, "items.0.name", `"Warehouse of Jon"`, "items.1.name", `"ci"`)
	a.must(t, 400, "", "GET", "/tokens?sort=secret", "")
	a.must(t, 200, "Tokens", "GET", "/tokens?showAll=true&filter=query:"+secret[:12], "").want(t, "totalCount", `0`)
}

func TestCredentials(t *testing.T) {
	a := newAccount(t)
	for name, tt := range map[string]struct {
		credential string
		status     int
	}{
		"an access token":     {adminToken, 200},
		"with blanks":         {"  " + adminToken + " ", 200},
		"behind Bearer":       {"Bearer " + adminToken, 200},
		"none":                {"", 401},
		"an unknown token":    {"api-0b7f4c1e-52a9-4d0e-9a63-000000000000", 401},
		"an SDK key":          {sdkKey, 401},
		"a client-side ID":    {clientSideID, 401},
		"a token cut short":   {adminToken[:39], 401},
		"something very long": {strings.Repeat("x", 100_000), 401},
	} {
		t.Run(name, func(t *testing.T) {
			got := a.as("").call(t, "GET", "/versions", "", "Authorization", tt.credential)
			if got.status != tt.status {
				t.Errorf("%d %s", got.status, got.text)
			}
		})
	}
	a.must(t, 200, "", "GET", "/caller-identity", "").want(t, "authKind", `"token"`, "tokenKind", `"personal"`, "tokenName", `"admin"`)
	a.as(sdkKey).must(t, 200, "", "GET", "/caller-identity", "").want(t, "authKind", `"sdkKey"`, "environmentId", `"`+clientSideID+`"`, "environmentName", `"Production"`)
	a.as("sdk-nope").must(t, 401, "", "GET", "/caller-identity", "")
	a.must(t, 200, "", "HEAD", "/account", "")
	a.as("").must(t, 401, "", "HEAD", "/account", "")
	a.must(t, 200, "", "GET", "/limits", "").want(t, "items.0", `{"name":"maxBodyBytes","value":2097152}`)
	a.must(t, 400, "", "GET", "/versions", "", "LD-API-Version", "19990101")
	a.must(t, 200, "Versions", "GET", "/versions", "", "LD-API-Version", "beta").want(t, "beta", `true`, "latestVersion", `20240415`)
}

func TestAccountMembers(t *testing.T) {
	a := newAccount(t)
	id := a.must(t, 200, "Members", "GET", "/members?filter=role:admin", "").str("items.0._id")
	a.must(t, 200, "Member", "GET", "/members/me", "").want(t, "_id", `"`+id+`"`, "role", `"owner"`, "mfa", `"disabled"`, "customRoles", `[]`)
	a.must(t, 200, "Member", "GET", "/members/"+id, "").want(t, "roleAttributes", `null`)
	a.must(t, 200, "Member", "GET", "/members/"+id+"?expand=customRoles,roleAttributes", "").want(t, "roleAttributes", `{}`, "customRoles", `[]`)
	a.must(t, 200, "Members", "GET", "/members?expand=roleAttributes", "").want(t, "items.0.roleAttributes", `{}`)
	a.must(t, 404, "", "GET", "/members/000000000000000000000000", "")
	a.must(t, 200, "Members", "GET", "/members?filter=email:nobody@example.com", "").want(t, "totalCount", `0`)
}

func TestWhoMayDoWhat(t *testing.T) {
	a := newAccount(t)
	a.must(t, 201, "", "POST", "/segments/default/production", `{"key":"vip","name":"VIP","unbounded":true}`)
	a.must(t, 201, "", "POST", "/segments/default/production", `{"key":"small","name":"Small"}`)
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"f","name":"Flag"}`)
	tokens := map[string]string{
		"reader": a.newToken(t, `{"name":"reader","role":"reader","serviceToken":true}`),
		"writer": a.newToken(t, `{"name":"writer","role":"writer","serviceToken":true}`),
		"sync": a.newToken(t, `{"name":"sync","serviceToken":true,"inlineRole":[
			{"effect":"allow","actions":["createSegment","updateIncluded"],"resources":["proj/*:env/*:segment/*"]}]}`),
		"blind": a.newToken(t, `{"name":"blind","serviceToken":true,"inlineRole":[
			{"effect":"allow","actions":["*"],"resources":["*"]},{"effect":"deny","actions":["viewProject"],"resources":["proj/default"]}]}`),
	}
	const segs = "/segments/default/production"
	calls := []struct {
		name, method, path, body string
		want                     map[string]int
	}{
		{"read a segment", "GET", segs + "/vip", "", map[string]int{"reader": 200, "writer": 200, "sync": 404, "blind": 404}},
		{"list segments", "GET", segs, "", map[string]int{"reader": 200, "writer": 200, "sync": 404, "blind": 404}},
		{"ask for a member", "GET", segs + "/vip/contexts/ann", "", map[string]int{"reader": 200, "writer": 200, "sync": 404, "blind": 404}},
		{"include somebody", "POST", segs + "/vip/contexts", `{"included":{"add":["ann"]}}`, map[string]int{"reader": 403, "writer": 204, "sync": 204, "blind": 404}},
		{"exclude somebody", "POST", segs + "/vip/contexts", `{"excluded":{"add":["ann"]}}`, map[string]int{"reader": 403, "writer": 204, "sync": 403, "blind": 404}},
		{"include by patch", "PATCH", segs + "/small", `[{"op":"add","path":"/included/-","value":"%s"}]`, map[string]int{"reader": 403, "writer": 200, "sync": 200, "blind": 404}},
		{"rename a segment", "PATCH", segs + "/small", `{"name":"%s"}`, map[string]int{"reader": 403, "writer": 200, "sync": 403, "blind": 404}},
		{"turn a flag on", "PATCH", "/flags/default/f", `[{"op":"replace","path":"/environments/test/on","value":true}]`, map[string]int{"reader": 403, "sync": 403, "blind": 404}},
		{"create a segment", "POST", segs, `{"key":"%s","name":"x"}`, map[string]int{"reader": 403, "writer": 201, "sync": 201, "blind": 404}},
		{"create a flag", "POST", "/flags/default", `{"key":"%s","name":"x"}`, map[string]int{"reader": 403, "writer": 201, "sync": 403, "blind": 404}},
		{"read a project", "GET", "/projects/default", "", map[string]int{"reader": 200, "writer": 200, "sync": 404, "blind": 404}},
		{"delete a project", "DELETE", "/projects/nope", "", map[string]int{"reader": 404, "writer": 404, "sync": 404, "blind": 404}},
		{"create an administrator", "POST", "/tokens", `{"name":"x","role":"admin","serviceToken":true}`, map[string]int{"reader": 403, "writer": 403, "sync": 403}},
		{"delete a segment", "DELETE", segs + "/vip", "", map[string]int{"reader": 403, "sync": 403, "blind": 404, "writer": 204}},
	}
	for _, call := range calls {
		for _, who := range []string{"reader", "sync", "blind", "writer"} {
			want, ok := call.want[who]
			if !ok {
				continue
			}
			t.Run(call.name+" as "+who, func(t *testing.T) {
				body := call.body
				if strings.Contains(body, "%s") {
					body = fmt.Sprintf(body, "new-"+who)
				}
				if got := a.as(tokens[who]).call(t, call.method, call.path, body); got.status != want {
					t.Errorf("%d %s, want %d", got.status, got.text, want)
				}
			})
		}
	}
	a.as(tokens["reader"]).must(t, 200, "Environment", "GET", "/projects/default/environments/production", "")
	a.as(tokens["blind"]).must(t, 200, "Projects", "GET", "/projects", "").want(t, "totalCount", `0`)
}

func TestAuditLog(t *testing.T) {
	a := newAccount(t)
	for i := range 14 {
		a.must(t, 201, "", "POST", "/segments/default/production", fmt.Sprintf(`{"key":"s%d","name":"Segment %d"}`, i, i))
	}
	a.must(t, 200, "", "PATCH", "/segments/default/production/s3", `{"comment":"because","merge":{"name":"Renamed"}}`)
	page := a.must(t, 200, "AuditEntries", "GET", "/auditlog", "")
	page.want(t, "items.0.name", `"Renamed"`, "items.0.comment", `"because"`, "items.0.kind", `"segment"`,
		"items.0.accesses", `[{"action":"updateName","resource":"proj/default:env/production:segment/s3"}]`,
		"items.0.token.name", `"admin"`, "items.0.target._links.self.href", `"/api/v2/segments/default/production/s3"`)
	seen := map[string]bool{}
	for pages := 0; ; pages++ {
		items, _ := page.at("items").([]any)
		for i := range items {
			seen[page.str(fmt.Sprintf("items.%d._id", i))] = true
		}
		next := page.str("_links.next.href")
		if next == "" {
			break
		}
		if pages > 20 {
			t.Fatal("the pages do not end")
		}
		page = a.must(t, 200, "AuditEntries", "GET", strings.TrimPrefix(next, "/api/v2"), "")
	}
	if len(seen) != 16 {
		t.Errorf("%d entries, want 16", len(seen))
	}
	entry := a.must(t, 200, "AuditEntries", "GET", "/auditlog?q=because", "")
	id := entry.str("items.0._id")
	a.must(t, 200, "AuditEntry", "GET", "/auditlog/"+id, "").want(t, "previousVersion.name", `"Segment 3"`, "currentVersion.name", `"Renamed"`)
	token := a.must(t, 201, "", "POST", "/tokens", `{"name":"audited","role":"reader"}`).str("_id")
	a.must(t, 200, "", "PATCH", "/tokens/"+token, `{"name":"Renamed"}`)
	id = a.must(t, 200, "AuditEntries", "GET", "/auditlog?limit=1", "").str("items.0._id")
	a.must(t, 200, "AuditEntry", "GET", "/auditlog/"+id, "").want(t, "previousVersion.name", `"audited"`, "currentVersion.name", `"Renamed"`)
	a.must(t, 404, "", "GET", "/auditlog/000000000000000000000000", "")
	a.must(t, 404, "", "GET", "/auditlog/nope", "")
	a.must(t, 200, "", "GET", "/auditlog?spec=proj/default:env/production:segment/s7", "").want(t, "items.1", `null`, "items.0.name", `"Segment 7"`)
	a.must(t, 200, "", "GET", fmt.Sprintf("/auditlog?after=%d", time.Now().Add(time.Hour).UnixMilli()), "").want(t, "items", `[]`)
	a.must(t, 400, "", "GET", "/auditlog?before=yesterday", "")
	a.must(t, 400, "", "GET", "/auditlog?spec=x::y", "")
}
