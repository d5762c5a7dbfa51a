package api_test

import (
	"io"
	"runtime"
	"testing"
	"time"

	"muster/internal/segment"
	"muster/internal/usage"
)

// sendContexts has production remember contexts and an SDK send some, and waits until n are remembered.
func (a *account) sendContexts(t *testing.T, events string, n int) {
	t.Helper()
	a.must(t, 200, "", "PATCH", environment, `[{"op":"replace","path":"/_muster/recordContexts","value":true}]`)
	env, ok := a.store.Environment(segment.EnvID(clientSideID))
	if !ok {
		t.Fatal("no environment")
	}
	b := a.usage.NewBody(env.ID)
	_, _ = io.WriteString(b, events)
	a.usage.Take(usage.Report{Environment: env, SDK: usage.SDK{Name: "GoClient", Version: "7.14.6"}}, b)
	for began := time.Now(); a.usage.ContextCount(env.ID) < n; runtime.Gosched() {
		if time.Since(began) > 30*time.Second {
			t.Fatal("the contexts were never seen")
		}
	}
}

func TestContextsThatSDKsSentAreFoundByTheirNames(t *testing.T) {
	a := withContexts(t)
	const search = environment + "/contexts/search"
	const events = `[{"kind":"index","context":{"kind":"user","key":"ann"}},{"kind":"index","context":{"kind":"user","key":"stranger"}}]`
	a.sendContexts(t, events, 2)
	got := a.must(t, 200, "Contexts", "POST", search, `{"filter":"key anyOf [\"ann\",\"bob\",\"stranger\",\"nobody\"],kind equals user"}`)
	if keys := contextKeys(got); keys != "user:ann user:bob user:stranger" {
		t.Errorf("found %q", keys)
	}
	for i, was := range []bool{true, false, true} {
		item, _ := got.at("items." + string(rune('0'+i))).(map[string]any)
		text, _ := item["lastSeen"].(string)
		if _, err := time.Parse(time.RFC3339, text); (err == nil) != was {
			t.Errorf("item %d was last seen %q", i, text)
		}
	}
	got.want(t, "items.2._muster.segments", `[]`, "totalCount", `3`)
	if keys := contextKeys(a.must(t, 200, "Contexts", "GET", environment+"/contexts/user/stranger", "")); keys != "user:stranger" {
		t.Errorf("one alone: %q", keys)
	}
	// Keys that were seen are for those who may view the members of every segment.
	some := a.as(a.newToken(t, `{"name":"some","inlineRole":[{"effect":"allow","actions":["*"],"resources":["proj/*:env/*:segment/big","proj/*","proj/*:env/*"]}]}`))
	got = some.must(t, 200, "Contexts", "POST", search, `{"filter":"kindKeys contains [\"user:ann\",\"user:stranger\"]"}`)
	if keys := contextKeys(got); keys != "user:ann" || got.at("items.0.lastSeen") != nil {
		t.Errorf("found by somebody who sees one segment: %q, %s", keys, got.text)
	}
	a.must(t, 200, "", "PATCH", environment, `[{"op":"replace","path":"/_muster/recordContexts","value":false}]`)
	if keys := contextKeys(a.must(t, 200, "Contexts", "POST", search, `{"filter":"kindKeys contains [\"user:stranger\"]"}`)); keys != "" {
		t.Errorf("found after it was switched off: %q", keys)
	}
}
