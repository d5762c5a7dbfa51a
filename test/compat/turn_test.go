package compat

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestASegmentMovesUnderTheEyesOfSDKs moves a segment from generation to generation while a tool pushes and
// SDKs evaluate all the time: who stays is in at every moment.
func TestASegmentMovesUnderTheEyesOfSDKs(t *testing.T) {
	const segments = "/api/v2/segments/default/production"
	s := start(t, "MUSTER_SDK_CACHE=1500ms", "MUSTER_MOVE_PATIENCE=500ms")
	for _, key := range []string{"vips", "other"} {
		s.must(t, http.StatusCreated, http.MethodPost, segments, fmt.Sprintf(`{"key":%q,"name":%q,"unbounded":true}`, key, key))
		s.must(t, http.StatusNoContent, http.MethodPost, segments+"/"+key+"/contexts", fmt.Sprintf(`{"included":{"add":[%q]}}`, contextKey))
		s.targetSegment(t, "for-"+key, key)
	}
	s.must(t, http.StatusNoContent, http.MethodPost, segments+"/other/contexts", `{"included":{"add":["mallory"]}}`)
	flags := []string{"for-vips", "for-other"}
	client := drive(t, s, "node-client.js", flags)
	for _, flag := range flags {
		client.expect(t, seen{Flag: flag, Value: true, Kind: "RULE_MATCH", Status: "HEALTHY"})
	}
	wrong := evaluateSteadily(t, s, flags)

	type segment struct {
		Generation int `json:"generation"`
		Muster     struct {
			Move *struct {
				To    int    `json:"to"`
				State string `json:"state"`
			} `json:"generationMove"`
		} `json:"_muster"`
	}
	vips := func() (now segment) {
		if err := json.Unmarshal(s.must(t, http.StatusOK, http.MethodGet, segments+"/vips", ""), &now); err != nil {
			t.Fatal(err)
		}
		return now
	}
	for generation := 2; generation <= 3; generation++ {
		s.must(t, http.StatusAccepted, http.MethodPost, segments+"/vips/generation-moves", `{"comment":"once more"}`)
		s.must(t, http.StatusConflict, http.MethodPost, segments+"/vips/generation-moves", "")
		states := map[string]bool{}
		n := 0
		eventually(t, fmt.Sprintf("the segment is of generation %d", generation), func() bool {
			n++
			s.must(t, http.StatusNoContent, http.MethodPost, segments+"/vips/contexts", fmt.Sprintf(`{"included":{"add":["user-%d"],"remove":["user-%d"]}}`, n, n-5))
			now := vips()
			if now.Muster.Move != nil {
				states[now.Muster.Move.State] = true
			}
			return now.Generation == generation && now.Muster.Move == nil
		})
		if !states["waiting"] || !states["switched"] {
			t.Errorf("the move to generation %d was seen in the states %v", generation, states)
		}
	}
	if n := wrong(); n > 0 {
		t.Errorf("%d evaluations of the server-side SDK were wrong", n)
	}
	client.mu.Lock()
	for _, r := range client.all {
		if !r.Value {
			t.Errorf("the client-side SDK reported %+v", r)
		}
	}
	client.mu.Unlock()
	if log := string(s.must(t, http.StatusOK, http.MethodGet, "/api/v2/auditlog?q=generation", "")); !strings.Contains(log, "moved to generation 3") {
		t.Errorf("the audit log does not tell of the moves: %s", log)
	}
	s.must(t, http.StatusNoContent, http.MethodPost, segments+"/vips/contexts", fmt.Sprintf(`{"included":{"remove":[%q]}}`, contextKey))
	client.expect(t, seen{Flag: "for-vips", Kind: "FALLTHROUGH", Status: "HEALTHY"})
}

// TestAKilledServerGoesOnWithAMove kills the server in each state of a move.
func TestAKilledServerGoesOnWithAMove(t *testing.T) {
	const segments = "/api/v2/segments/default/production"
	s := start(t, "MUSTER_SDK_CACHE=300ms", "MUSTER_MOVE_PATIENCE=300ms")
	s.vip(t)
	s.must(t, http.StatusAccepted, http.MethodPost, segments+"/vip/generation-moves", "")
	state := func() string {
		var now struct {
			Muster struct {
				Move *struct {
					State string `json:"state"`
				} `json:"generationMove"`
			} `json:"_muster"`
		}
		if err := json.Unmarshal(s.must(t, http.StatusOK, http.MethodGet, segments+"/vip", ""), &now); err != nil {
			t.Fatal(err)
		}
		if now.Muster.Move == nil {
			return ""
		}
		return now.Muster.Move.State
	}
	order := []string{"filling", "waiting", "switched", ""}
	for at := range order[1:] {
		s.kill(t)
		s.run(t)
		eventually(t, fmt.Sprintf("the move is beyond %q", order[at]), func() bool { return slices.Index(order, state()) > at })
	}
	var now struct {
		Generation int `json:"generation"`
	}
	if err := json.Unmarshal(s.must(t, http.StatusOK, http.MethodGet, segments+"/vip", ""), &now); err != nil || now.Generation != 2 {
		t.Errorf("the segment is of generation %d, %v", now.Generation, err)
	}
	if n := string(s.must(t, http.StatusOK, http.MethodGet, segments+"/vip/members?limit=1", "")); !strings.Contains(n, `"totalCount":1`) {
		t.Errorf("members: %s", n)
	}
}
