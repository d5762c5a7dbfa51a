package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

const environment = "/projects/default/environments/production"

// record adds runs to the ledger of the environment production, oldest first.
func (a *account) record(t testing.TB, runs ...segment.Run) {
	t.Helper()
	for _, run := range runs {
		run.Env = segment.EnvID(clientSideID)
		if run.ID == "" {
			run.ID = segment.RunID(catalog.NewID())
		}
		_, err := a.store.Update(t.Context(), store.Scope{Env: run.Env}, func(tx store.Tx) error {
			tx.Record(run)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestRunOfAPush(t *testing.T) {
	a := newAccount(t)
	const id = "64b0c9f2a1d3e4f506172801"
	a.record(t, segment.Run{
		ID: id, Segment: "trial", Kind: segment.PushRun, State: segment.RunRejected, Mode: segment.Replace, Tool: "amplitude",
		Received: 3, Added: 1, Unchanged: 1, Skipped: 1, Samples: []segment.Skip{{Row: 2, Reason: "the member has no id"}},
		Bytes: 120, ReceivedAt: time.UnixMilli(1_700_000_000_123), Parse: 1500 * time.Microsecond,
		Actor: segment.Actor{Kind: "token", ID: "64b0c9f2a1d3e4f506172802", Name: "sync"}, UserAgent: "amp/1", Comment: "c", Note: "n", Error: "refused",
	})
	got := a.must(t, 200, "Run", "GET", segments+"/trial/runs/"+id, "")
	got.want(t, "state", `"rejected"`, "kind", `"push"`, "mode", `"replace"`, "tool", `"amplitude"`,
		"received", `3`, "added", `1`, "removed", `0`, "unchanged", `1`, "skipped", `1`, "bytes", `120`,
		"skippedSample", `[{"row":2,"reason":"the member has no id"}]`,
		"receivedAt", `1700000000123`, "liveAt", `null`, "durations.parse", `1`,
		"actor", `{"kind":"token","_id":"64b0c9f2a1d3e4f506172802","name":"sync"}`,
		"userAgent", `"amp/1"`, "comment", `"c"`, "note", `"n"`, "error", `"refused"`,
		"_links.self.href", `"/api/v2/segments/default/production/trial/runs/`+id+`"`)
}

func TestARunCarriesTheNameOfItsSegment(t *testing.T) {
	a := newAccount(t)
	a.must(t, 201, "", "POST", segments, `{"key":"trial","name":"Trial","unbounded":true}`)
	a.must(t, 204, "", "POST", segments+"/trial/contexts", `{"included":{"add":["ann"]}}`)
	a.must(t, 200, "", "PATCH", segments+"/trial", `[{"op":"replace","path":"/name","value":"On trial"}]`)
	named := func(want string) {
		t.Helper()
		a.must(t, 200, "Runs", "GET", environment+"/runs", "").want(t, "items.0.segmentKey", `"trial"`, "items.0.segmentName", want)
		a.must(t, 200, "Runs", "GET", segments+"/trial/runs", "").want(t, "items.0.segmentName", want)
	}
	named(`"On trial"`)
	a.must(t, 204, "", "DELETE", segments+"/trial", "")
	named(`null`)
}

func TestWhatAHeldRunWouldDoIsToldKeyByKey(t *testing.T) {
	a := bigAccount(t)
	a.must(t, 200, "Guard", "PATCH", listPath+"/guard", `{"minMembers":1,"shrinkPercent":30}`)
	a.decided(t, a.load(t, "?mode=replace", "key\na\nb\nc\nd\ne\n"))
	held := a.decided(t, a.load(t, "?mode=replace", "key\na\n\"x, y\"\n\xff\n")).str("runId")
	diff := listPath + "/runs/" + held + "/diff"
	rows := strings.Split(strings.TrimSuffix(a.raw(t, diff+"/file"), "\n"), "\n")
	slices.Sort(rows[1:])
	if want := []string{"change,key,hash", `added,"x, y",`, "removed,b,", "removed,c,", "removed,d,", "removed,e,"}; !slices.Equal(rows, want) {
		t.Errorf("the difference is %q, want %q", rows, want)
	}
	for key, want := range map[string][2]string{"a": {"true", "true"}, "b": {"true", "false"}, "x%2C%20y": {"false", "true"}, "z": {"false", "false"}} {
		a.must(t, 200, "", "GET", diff+"/contexts/"+key, "").want(t, "included", want[0], "wouldBeIncluded", want[1])
	}

	a.must(t, 200, "Run", "POST", listPath+"/runs/"+held+"/discard", `{}`)
	a.must(t, 409, "", "GET", diff+"/file", "")
	a.must(t, 409, "", "GET", diff+"/contexts/a", "")
	// What was wrong with it can still be seen.
	a.must(t, 200, "Run", "GET", listPath+"/runs/"+held, "").want(t, "state", `"discarded"`, "skipped", `1`, "skippedSample", `[{"row":4,"reason":"the key is not UTF-8"}]`)
	if got := a.raw(t, listPath+"/runs/"+held+"/rejects"); !strings.Contains(got, "4,the key is not UTF-8") {
		t.Errorf("the rows that were skipped are %q", got)
	}
}

func TestWhatPublishingAPointWouldDoIsToldKeyByKey(t *testing.T) {
	a := bigAccount(t)
	a.decided(t, a.load(t, "?mode=replace", "key\na\nb\n"))
	a.decided(t, a.load(t, "?mode=replace", "key\nb\nc\n"))
	point := a.must(t, 200, "", "GET", listPath+"/points", "").str("items.1._id")
	for path, want := range map[string][]string{
		point + "/diff/file":             {"change,key,hash", "added,a,", "removed,c,"},
		"current/diff/file?to=" + point:  {"change,key,hash", "added,c,", "removed,a,"},
		point + "/diff/file?to=" + point: {"change,key,hash"},
	} {
		rows := strings.Split(strings.TrimSuffix(a.raw(t, listPath+"/points/"+path), "\n"), "\n")
		slices.Sort(rows[1:])
		if !slices.Equal(rows, want) {
			t.Errorf("%s: the difference is %q, want %q", path, rows, want)
		}
	}
	a.must(t, 404, "", "GET", listPath+"/points/64b0c9f2a1d3e4f506172800/diff/file", "")
}

func TestARunWithoutSegmentStandsInTheEnvironmentsList(t *testing.T) {
	a := newAccount(t)
	a.record(t, segment.Run{Kind: segment.PushRun, State: segment.RunLive, Tool: "hightouch"})
	a.must(t, 200, "Runs", "GET", environment+"/runs", "").want(t, "totalCount", `1`, "items.0.segmentKey", `""`,
		"items.0._links", `{"parent":{"href":"/api/v2/projects/default/environments/production/runs","type":"application/json"}}`)
}

func TestRunsAreFilteredAndPaged(t *testing.T) {
	a := newAccount(t)
	const first = 1_700_000_000_000
	for i := range 9 {
		run := segment.Run{Segment: "trial", Kind: segment.PushRun, State: segment.RunLive, Tool: "amplitude", ReceivedAt: time.UnixMilli(first + int64(i)).Add(500 * time.Microsecond)}
		if i%3 == 2 {
			run.Segment, run.Tool = "churn", "rudderstack"
		}
		if i == 4 {
			run.State = segment.RunRejected
		}
		a.record(t, run)
	}
	for query, want := range map[string]string{
		environment + "/runs":                                          "8 7 6 5 4 3 2 1 0 of 9",
		environment + "/runs?limit=2&offset=3":                         "5 4 of 9",
		environment + "/runs?limit=2&offset=8":                         "0 of 9",
		environment + "/runs?limit=2&offset=100":                       "of 9",
		environment + "/runs?tool=rudderstack":                         "8 5 2 of 3",
		environment + "/runs?tool=rudderstack&offset=1&limit=1":        "5 of 3",
		environment + "/runs?state=rejected":                           "4 of 1",
		environment + "/runs?state=lost&color=red":                     "of 0",
		environment + "/runs?after=1700000000006":                      "8 7 of 2",
		environment + "/runs?before=1700000000002":                     "1 0 of 2",
		environment + "/runs?after=1700000000002&before=1700000000005": "4 3 of 2",
		segments + "/churn/runs":                                       "8 5 2 of 3",
		segments + "/trial/runs?limit=2":                               "7 6 of 6",
		segments + "/trial/runs?state=live&limit=2&offset=1":           "6 3 of 5",
		segments + "/trial/runs?tool=rudderstack":                      "of 0",
	} {
		got := a.must(t, 200, "Runs", "GET", query, "")
		var seen []string
		for _, item := range got.at("items").([]any) {
			seen = append(seen, fmt.Sprint(item.(map[string]any)["receivedAt"].(float64)-first))
		}
		if seen := strings.TrimSpace(fmt.Sprintf("%s of %v", strings.Join(seen, " "), got.at("totalCount"))); seen != want {
			t.Errorf("%s: %s, want %s", query, seen, want)
		}
	}
	a.must(t, 201, "", "POST", segments, `{"key":"trial","name":"Ends on Friday"}`) // the other one was deleted, as far as is known
	for query, want := range map[string]string{
		"q=TRI":                       "6 of 6",
		"q=on+friday":                 "6 of 6",
		"q=%20churn%20":               "3 of 3",
		"q=r":                         "9 of 9",
		"q=urn&limit=2&offset=2":      "1 of 3",
		"q=urn&offset=9":              "0 of 3",
		"q=i&state=rejected":          "1 of 1",
		"q=i&tool=rudderstack":        "0 of 0",
		"q=u&segment=churn":           "3 of 3",
		"q=u&segment=trial":           "0 of 0",
		"q=r&after=1700000000006":     "2 of 2",
		"q=churn&before=170000000000": "0 of 0",
		"q=nobody":                    "0 of 0",
		"q=%00%FF":                    "0 of 0",
		"q=+":                         "9 of 9",
	} {
		got := a.must(t, 200, "Runs", "GET", environment+"/runs?"+query, "")
		if seen := fmt.Sprintf("%d of %v", len(got.at("items").([]any)), got.at("totalCount")); seen != want {
			t.Errorf("%s: %s, want %s", query, seen, want)
		}
	}
	a.must(t, 413, "Error", "GET", environment+"/runs?q="+strings.Repeat("x", 257), "")
	stranger := a.as(a.newToken(t, `{"name":"s","inlineRole":[{"effect":"allow","actions":["*"],"resources":["proj/other"]}]}`))
	stranger.must(t, 404, "Error", "GET", environment+"/runs?q=churn", "")
	page := a.must(t, 200, "Runs", "GET", segments+"/trial/runs?state=live&limit=2&offset=2", "")
	page.want(t, "_links.next.href", `"/api/v2/segments/default/production/trial/runs?limit=2&offset=4&state=live"`,
		"_links.prev.href", `"/api/v2/segments/default/production/trial/runs?limit=2&offset=0&state=live"`)
	for _, wrong := range []string{"limit=x", "offset=-1", "after=yesterday", "before=-5", "after=99999999999999999999"} {
		a.must(t, 400, "Error", "GET", environment+"/runs?"+wrong, "")
	}
	a.must(t, 200, "Runs", "GET", environment+"/runs?after=9223372036854775807", "").want(t, "totalCount", `0`)
}

func TestRunsOutliveTheirSegment(t *testing.T) {
	a := newAccount(t)
	a.must(t, 404, "Error", "GET", segments+"/big/runs", "")
	a.must(t, 201, "Segment", "POST", segments, `{"key":"big","name":"Big","unbounded":true}`)
	a.must(t, 200, "Runs", "GET", segments+"/big/runs", "").want(t, "totalCount", `0`, "items", `[]`)
	a.must(t, 204, "", "POST", segments+"/big/contexts", `{"included":{"add":["ann"]}}`)
	run := a.must(t, 200, "Runs", "GET", segments+"/big/runs", "").str("items.0._id")
	a.must(t, 404, "Error", "GET", segments+"/other/runs/"+run, "")
	a.must(t, 404, "Error", "GET", "/segments/default/test/big/runs/"+run, "")
	a.must(t, 204, "", "DELETE", segments+"/big", "")
	a.must(t, 200, "Runs", "GET", segments+"/big/runs", "").want(t, "totalCount", `1`)
	a.must(t, 200, "Runs", "GET", segments+"/big/runs?state=rejected", "").want(t, "totalCount", `0`)
	a.must(t, 200, "Run", "GET", segments+"/big/runs/"+run, "").want(t, "segmentKey", `"big"`)
}

func TestSegmentsOfAContext(t *testing.T) {
	a := newAccount(t)
	const of = environment + "/contexts/user/"
	a.must(t, 200, "ContextSegments", "GET", of+"ann/segments", "").want(t, "items", `[]`, "totalCount", `0`)
	for key, body := range map[string]string{
		"b-in":   `{"included":{"add":["ann","a/b",".."]}}`,
		"a-both": `{"included":{"add":["ann"]},"excluded":{"add":["ann"]}}`,
		"out":    `{"excluded":{"add":["ann"]}}`,
		"gone":   `{"included":{"add":["ann"]}}`,
	} {
		a.must(t, 201, "Segment", "POST", segments, `{"key":"`+key+`","name":"`+key+`","unbounded":true}`)
		a.must(t, 204, "", "POST", segments+"/"+key+"/contexts", body)
	}
	a.must(t, 204, "", "POST", segments+"/gone/contexts", `{"included":{"remove":["ann"]}}`)
	a.must(t, 201, "", "POST", segments, `{"key":"orgs","name":"Orgs","unbounded":true,"unboundedContextKind":"org"}`)
	a.must(t, 204, "", "POST", segments+"/orgs/contexts", `{"included":{"add":["ann"]}}`)
	a.must(t, 201, "", "POST", segments, `{"key":"listed","name":"Listed"}`)
	a.must(t, 200, "", "PATCH", segments+"/listed", `[{"op":"add","path":"/included/-","value":"ann"}]`)

	a.must(t, 200, "ContextSegments", "GET", of+"ann/segments", "").want(t, "totalCount", `2`,
		"items.0.segmentKey", `"a-both"`, "items.1.segmentKey", `"b-in"`, "items.1.name", `"b-in"`)
	a.must(t, 200, "ContextSegments", "GET", environment+"/contexts/org/ann/segments", "").want(t, "totalCount", `1`, "items.0.segmentKey", `"orgs"`)
	for _, key := range []string{"a%2Fb", "a/b", "..", "%2E%2E"} {
		a.must(t, 200, "ContextSegments", "GET", of+key+"/segments", "").want(t, "totalCount", `1`, "items.0.segmentKey", `"b-in"`)
	}
	for _, kind := range []string{"planet", "a%2Fb", "%00", "%2E%2E", "%F0%9F%98%80"} {
		a.must(t, 404, "Error", "GET", environment+"/contexts/"+kind+"/ann/segments", "")
	}
	a.must(t, 404, "Error", "GET", of+"/segments", "")
	a.must(t, 404, "Error", "GET", "/projects/default/environments/nowhere/contexts/user/ann/segments", "")
	a.must(t, 204, "", "DELETE", segments+"/b-in", "")
	a.must(t, 200, "ContextSegments", "GET", of+"ann/segments", "").want(t, "totalCount", `1`)
}

func TestWhoMaySeeRunsAndSegmentsOfAContext(t *testing.T) {
	a := newAccount(t)
	for _, key := range []string{"open", "secret"} {
		a.must(t, 201, "Segment", "POST", segments, `{"key":"`+key+`","name":"x","unbounded":true,"tags":["`+key+`"]}`)
		a.must(t, 204, "", "POST", segments+"/"+key+"/contexts", `{"included":{"add":["ann"]}}`)
	}
	run := a.must(t, 200, "Runs", "GET", segments+"/open/runs", "").str("items.0._id")
	role := func(statements string) *account {
		return a.as(a.newToken(t, `{"name":"x","serviceToken":true,"inlineRole":[`+statements+`]}`))
	}
	const (
		view    = `{"effect":"allow","actions":["viewProject"],"resources":["proj/*"]}`
		members = `{"effect":"allow","actions":["viewMembers"],"resources":["proj/*:env/*:segment/*"]}`
		some    = `{"effect":"allow","actions":["viewMembers"],"resources":["proj/*:env/*:segment/*;open"]}`
		hide    = `{"effect":"deny","actions":["viewProject"],"resources":["proj/default"]}`
	)
	for name, tt := range map[string]struct {
		who         *account
		runs, of, n int
	}{
		"a reader":                            {a.as(a.newToken(t, `{"name":"r","role":"reader"}`)), 200, 200, 2},
		"one who sees the project only":       {role(view), 200, 403, 0},
		"one who sees the members of one":     {role(view + "," + some), 200, 200, 1},
		"one who sees members but no project": {role(members), 404, 404, 0},
		"one from whom the project is hidden": {role(view + "," + members + "," + hide), 404, 404, 0},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{environment + "/runs", segments + "/open/runs", segments + "/open/runs/" + run} {
				tt.who.must(t, tt.runs, "", "GET", path, "")
			}
			got := tt.who.must(t, tt.of, "", "GET", environment+"/contexts/user/ann/segments", "")
			if tt.of == 200 {
				got.want(t, "totalCount", fmt.Sprint(tt.n), "items.0.segmentKey", `"open"`)
			}
			// Who is refused learns nothing about the context from it.
			stranger := tt.who.must(t, tt.of, "", "GET", environment+"/contexts/user/nobody/segments", "")
			if tt.of != 200 && string(stranger.text) != string(got.text) {
				t.Errorf("a stranger is answered %s, a member %s", stranger.text, got.text)
			}
		})
	}
}
