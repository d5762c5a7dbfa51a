package compat

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	ldapi "github.com/launchdarkly/api-client-go/v17"
)

// hookReceiver takes what webhooks send.
type hookReceiver struct {
	*httptest.Server
	mu      sync.Mutex
	down    bool
	entries []ldapi.AuditLogEntryRep // those that were taken
}

func newHookReceiver(t testing.TB, secret string) *hookReceiver {
	t.Helper()
	h := &hookReceiver{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // muster was killed meanwhile
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.down {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		var e ldapi.AuditLogEntryRep
		if err := json.Unmarshal(body, &e); err != nil {
			t.Errorf("a webhook sent %s: %v", body, err)
		}
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		if got := r.Header.Get("X-LD-Signature"); got != hex.EncodeToString(mac.Sum(nil)) {
			t.Errorf("the signature of %s is %q", body, got)
		}
		h.entries = append(h.entries, e)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hookReceiver) turn(down bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = down
}

// keys returns the keys of the flags that it was told of, in order.
func (h *hookReceiver) keys() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var keys []string
	for _, e := range h.entries {
		keys = append(keys, e.Name)
	}
	return keys
}

func (h *hookReceiver) first() ldapi.AuditLogEntryRep {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.entries[0]
}

func driveWebhooks(t *testing.T, r *rest) {
	ctx, hooks := r.auth(t), r.WebhooksApi
	receiver := newHookReceiver(t, "SuperSecret")
	// As Terraform's provider does: create, then tags, which the vendor does not take on creation.
	made := from(hooks.PostWebhook(ctx).WebhookPost(ldapi.WebhookPost{
		Url: receiver.URL, On: true, Sign: true, Secret: new("SuperSecret"), Name: new("Chat"),
		Statements: []ldapi.StatementPost{permit([]string{"createFlag"}, []string{"proj/*:env/production:flag/*"})},
	}).Execute()).ok(t)
	from(hooks.PatchWebhook(ctx, made.Id).PatchOperation([]ldapi.PatchOperation{op("replace", "/tags", []string{"terraform"})}).Execute()).ok(t)
	got := from(hooks.GetWebhook(ctx, made.Id).Execute()).ok(t)
	if got.GetSecret() != "SuperSecret" || !got.On || got.GetName() != "Chat" || len(got.Statements) != 1 {
		t.Errorf("the webhook is %+v", got)
	}
	same(t, "tags", got.Tags, []string{"terraform"})
	from(r.FeatureFlagsApi.PostFeatureFlag(ctx, "default").FeatureFlagBody(ldapi.FeatureFlagBody{Key: "hooked", Name: "hooked"}).Execute()).ok(t)
	eventually(t, "the flag is told", func() bool { return len(receiver.keys()) == 1 })
	told := receiver.first()
	entry := from(r.AuditLogApi.GetAuditLogEntry(ctx, told.Id).Execute()).ok(t)
	same(t, "what was told", told, entry)

	tested := r.raw(t, 200, "POST", "/webhooks/"+made.Id+"/test", "")
	if tested["state"] != "delivered" || tested["status"] != 200.0 {
		t.Errorf("the test came to %v", tested)
	}
	eventually(t, "both deliveries are shown", func() bool {
		return r.raw(t, 200, "GET", "/webhooks/"+made.Id+"/deliveries", "")["totalCount"] == 2.0
	})
	unsigned := from(hooks.PatchWebhook(ctx, made.Id).PatchOperation([]ldapi.PatchOperation{
		op("replace", "/url", receiver.URL+"/updated"), op("replace", "/secret", ""), op("replace", "/on", false), op("replace", "/name", ""), op("replace", "/tags", []string{}), op("remove", "/statements", nil),
	}).Execute()).ok(t)
	if unsigned.GetSecret() != "" || unsigned.On || len(unsigned.Tags) != 0 || len(unsigned.Statements) != 0 {
		t.Errorf("the webhook is %+v", unsigned)
	}
	if all := from(hooks.GetAllWebhooks(ctx).Execute()).ok(t); len(all.Items) != 1 || all.Items[0].Id != made.Id {
		t.Errorf("the webhooks are %+v", all.Items)
	}
	from(hooks.PostWebhook(ctx).WebhookPost(ldapi.WebhookPost{Url: "ftp://example.com"}).Execute()).refused(t, 400, "invalid_request")
	emptied(hooks.DeleteWebhook(ctx, made.Id).Execute()).ok(t)
	from(hooks.GetWebhook(ctx, made.Id).Execute()).refused(t, 404, "not_found")
	emptied(r.FeatureFlagsApi.DeleteFeatureFlag(ctx, "default", "hooked").Execute()).ok(t)
}

// TestAWebhookLosesNothingOverAKill kills the process while entries wait for a receiver that is down,
// and while it is delivering.
func TestAWebhookLosesNothingOverAKill(t *testing.T) {
	s := start(t)
	receiver := newHookReceiver(t, "s")
	s.must(t, 200, "POST", "/api/v2/webhooks", `{"url":"`+receiver.URL+`","on":true,"secret":"s","statements":[{"effect":"allow","actions":["createFlag"],"resources":["proj/*:env/*:flag/*"]}]}`)
	var want []string
	flag := func() {
		key := fmt.Sprintf("flag-%02d", len(want))
		want = append(want, key)
		s.must(t, 201, "POST", "/api/v2/flags/default", `{"key":"`+key+`","name":"`+key+`"}`)
	}
	const kills = 4
	for round := range kills {
		receiver.turn(round%2 == 0)
		for range 10 {
			flag()
		}
		s.kill(t)
		s.run(t)
	}
	receiver.turn(false)
	eventually(t, "everything is told", func() bool { return slices.Contains(receiver.keys(), want[len(want)-1]) })
	at, times := 0, make(map[string]int)
	for _, key := range receiver.keys() {
		times[key]++
		i := slices.Index(want, key)
		if i > at {
			t.Fatalf("%s was told before %s: %q", key, want[at], receiver.keys())
		}
		if i == at {
			at++
		}
	}
	if at != len(want) {
		t.Errorf("%d of %d entries were told in order", at, len(want))
	}
	for key, n := range times {
		if n > kills+1 { // a kill may come before it is noted what was told, once for each start
			t.Errorf("%s was told %d times over %d kills", key, n, kills)
		}
	}
	var status struct {
		Webhooks []struct {
			State string
		}
	}
	eventually(t, "the status says so", func() bool {
		_, body := s.call(t, "GET", "/status", "", "")
		return json.Unmarshal(body, &status) == nil && len(status.Webhooks) == 1 && status.Webhooks[0].State == "current"
	})
	_, metrics := s.call(t, "GET", "/metrics", "", "")
	for _, name := range []string{"delivered_total", "given_up_total", "failed_attempts_total", "lag_entries", "lag_seconds"} {
		if !strings.Contains(string(metrics), "\nmuster_webhook_"+name+"{webhook_id=") {
			t.Errorf("there is no metric %s", name)
		}
	}
}
