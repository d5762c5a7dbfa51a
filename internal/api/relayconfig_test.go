package api_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	relays      = "/account/relay-auto-configs"
	relayPolicy = `[{"effect":"allow","actions":["*"],"resources":["proj/default:env/*"]}]`
)

func TestRelayConfigs(t *testing.T) {
	a := newAccount(t)
	a.must(t, 200, "RelayConfigs", "GET", relays, "").want(t, "items", `[]`)
	made := a.must(t, 201, "RelayConfig", "POST", relays, `{"name":"Edge","policy":`+relayPolicy+`}`)
	key, id := made.str("fullKey"), made.str("_id")
	if !strings.HasPrefix(key, "rel-") || len(key) != len("rel-")+36 || made.header.Get("Cache-Control") != "no-store" {
		t.Errorf("made %s", made.text)
	}
	made.want(t, "name", `"Edge"`, "displayKey", `"`+key[len(key)-4:]+`"`, "policy", relayPolicy, "_creator.role", `"owner"`)
	for _, got := range []reply{
		a.must(t, 200, "RelayConfig", "GET", relays+"/"+id, ""),
		a.must(t, 200, "RelayConfigs", "GET", relays, ""),
		a.must(t, 200, "AuditEntries", "GET", "/auditlog", ""),
	} {
		if bytes.Contains(got.text, []byte(key)) || bytes.Contains(got.text, []byte("fullKey")) {
			t.Errorf("the key is shown again: %s", got.text)
		}
	}
	patched := a.must(t, 200, "RelayConfig", "PATCH", relays+"/"+id, `{"comment":"why","patch":[{"op":"replace","path":"/name","value":"Edge 2"},
		{"op":"replace","path":"/policy/0/resources","value":["proj/default:env/production"]}]}`)
	patched.want(t, "name", `"Edge 2"`, "policy.0.resources", `["proj/default:env/production"]`, "displayKey", `"`+key[len(key)-4:]+`"`, "fullKey", `null`)
	a.must(t, 200, "RelayConfig", "PATCH", relays+"/"+id, `[{"op":"add","path":"/policy/-","value":{"effect":"deny","actions":["*"],"resources":["proj/default:env/test"]}}]`).
		want(t, "policy.1.effect", `"deny"`)
	entry := a.must(t, 200, "AuditEntries", "GET", "/auditlog?q=why", "").str("items.0._id")
	a.must(t, 200, "AuditEntry", "GET", "/auditlog/"+entry, "").want(t, "kind", `"relay-proxy-config"`, "previousVersion.name", `"Edge"`, "currentVersion.name", `"Edge 2"`,
		"target._links.self.href", `"/api/v2`+relays+"/"+id+`"`,
		"accesses.0", `{"action":"updateRelayAutoConfigurationName","resource":"relay-proxy-config/`+id+`"}`)

	reset := a.must(t, 200, "RelayConfig", "POST", relays+"/"+id+"/reset?expiry="+strconv.FormatInt(time.Now().Add(time.Hour).UnixMilli(), 10), "")
	if next := reset.str("fullKey"); next == key || !strings.HasPrefix(next, "rel-") || reset.str("displayKey") != next[len(next)-4:] {
		t.Errorf("reset to %s", reset.text)
	}
	a.must(t, 204, "", "DELETE", relays+"/"+id, "")
	for _, method := range []string{"GET", "DELETE"} {
		a.must(t, 404, "", method, relays+"/"+id, "")
	}
	a.must(t, 404, "", "POST", relays+"/"+id+"/reset", "")
	a.as(key).must(t, 401, "", "GET", relays, "")
}

func TestRelayConfigRefusals(t *testing.T) {
	a := newAccount(t)
	id := a.must(t, 201, "", "POST", relays, `{"name":"Edge","policy":`+relayPolicy+`}`).str("_id")
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		says               string
	}{
		"no policy":                {"POST", relays, `{"name":"x"}`, 400, "policy is missing"},
		"no name":                  {"POST", relays, `{"policy":[]}`, 400, "name"},
		"a policy that is none":    {"POST", relays, `{"name":"x","policy":{}}`, 400, "/policy"},
		"a bad effect":             {"POST", relays, `{"name":"x","policy":[{"effect":"perhaps","actions":["*"],"resources":["*"]}]}`, 400, "statement 0"},
		"a long name":              {"POST", relays, `{"name":"` + strings.Repeat("x", 300) + `","policy":[]}`, 400, "name"},
		"a patch of nothing there": {"PATCH", relays + "/" + id, `[{"op":"remove","path":"/policy/7"}]`, 422, "policy"},
		"a failed test":            {"PATCH", relays + "/" + id, `[{"op":"test","path":"/name","value":"y"}]`, 422, ""},
		"a patch of the id":        {"PATCH", relays + "/" + id, `[{"op":"replace","path":"/_id","value":"y"}]`, 400, "read-only"},
		"a patch of the key":       {"PATCH", relays + "/" + id, `[{"op":"replace","path":"/displayKey","value":"abcd"}]`, 400, "read-only"},
		"no policy after a patch":  {"PATCH", relays + "/" + id, `[{"op":"replace","path":"/policy","value":5}]`, 400, "policy"},
		"an expiry that is none":   {"POST", relays + "/" + id + "/reset?expiry=soon", "", 400, "expiry"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := a.must(t, tt.status, "", tt.method, tt.path, tt.body); !strings.Contains(got.str("message"), tt.says) {
				t.Errorf("%s says nothing of %q", got.text, tt.says)
			}
		})
	}
	a.must(t, 200, "RelayConfig", "GET", relays+"/"+id, "").want(t, "name", `"Edge"`, "policy", relayPolicy)
}

// TestRelayConfigsHandOutNoKeysThatTheirMakerMayNotSee: a relay is sent the SDK keys of its environments.
func TestRelayConfigsHandOutNoKeysThatTheirMakerMayNotSee(t *testing.T) {
	a := newAccount(t)
	wide := a.must(t, 201, "", "POST", relays, `{"name":"All","policy":[{"effect":"allow","actions":["*"],"resources":["*"]}]}`).str("_id")
	maker := a.holder(t, []string{"* relay-proxy-config/*", "viewSdkKey proj/default:env/test"})
	for policy, want := range map[string]int{
		`[{"effect":"allow","actions":["*"],"resources":["proj/default:env/test"]}]`:           201,
		`[{"effect":"allow","actions":["updateOn"],"resources":["proj/default:env/test;eu"]}]`: 201,
		`[{"effect":"deny","actions":["*"],"resources":["*"]}]`:                                201,
		`[]`: 201,
		`[{"effect":"allow","actions":["updateOn"],"resources":["proj/default:env/production"]}]`:    403,
		`[{"effect":"allow","actions":["viewProject"],"resources":["proj/*:env/test"]}]`:             403,
		`[{"effect":"allow","actions":["*"],"notResources":["proj/default:env/production"]}]`:        403,
		`[{"effect":"allow","notActions":["updateOn"],"resources":["proj/default:env/production"]}]`: 403,
	} {
		if got := maker.call(t, "POST", relays, `{"name":"x","policy":`+policy+`}`); got.status != want {
			t.Errorf("%s: %d %s, want %d", policy, got.status, got.text, want)
		}
	}
	maker.must(t, 403, "", "POST", relays+"/"+wide+"/reset", "")
	maker.must(t, 200, "", "PATCH", relays+"/"+wide, `{"name":"Renamed"}`)
	own := maker.must(t, 201, "", "POST", relays, `{"name":"x","policy":[]}`).str("_id")
	maker.must(t, 403, "", "PATCH", relays+"/"+own, `{"policy":`+relayPolicy+`}`)
	maker.must(t, 200, "", "POST", relays+"/"+own+"/reset", "")
}
