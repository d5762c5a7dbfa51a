package api_test

import (
	"errors"
	"testing"

	"muster/internal/relayfeed"
)

func TestAResyncMakesRelaysTakeEverythingOnceMore(t *testing.T) {
	a := newAccount(t)
	f := a.watch(t)
	relay := relayfeed.Peer{Address: "10.0.0.9"}
	s, err := a.relays.Subscribe(relay, clientSideID)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a.must(t, 200, "", "GET", environment+"/followers", "").want(t, "totalCount", `1`, "items.0._id", `"relay-1"`, "items.0.kind", `"relay"`,
		"items.0.name", `"Relay Proxy"`, "items.0.address", `"10.0.0.9"`, "items.0.count", `1`, "items.0.state", `"current"`, "items.0.lagRevisions", `0`)
	f.await("follower", "_id", `"relay-1"`, "state", `"current"`)
	got := a.must(t, 202, "", "POST", environment+"/resync", `{"comment":"redis was emptied"}`)
	got.want(t, "relays", `1`)
	if revision, ok := got.at("revision").(float64); !ok || revision == 0 {
		t.Errorf("revision %v", got.at("revision"))
	}
	for err == nil {
		<-s.Ready()
		_, err = s.Next()
	}
	if !errors.Is(err, relayfeed.ErrResync) {
		t.Errorf("the stream ended with %v", err)
	}
	s.Close()
	f.await("follower", "_id", `"relay-1"`, "gone", `true`)
	a.must(t, 200, "", "GET", "/auditlog?limit=1", "").want(t, "items.0.comment", `"redis was emptied"`, "items.0.titleVerb", `"asked for all members once more of"`)

	a.must(t, 202, "", "POST", environment+"/resync", "")
	a.must(t, 404, "Error", "POST", "/projects/default/environments/none/resync", "")
	reader := a.as(a.newToken(t, `{"name":"r","role":"reader"}`))
	reader.must(t, 403, "Error", "POST", environment+"/resync", "")
}
