package api_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/internal/connector"
	"muster/internal/inbound"
)

// ledgerRow is a run as clients see it.
type ledgerRow struct {
	ID        string `json:"_id"`
	State     string `json:"state"`
	Kind      string `json:"kind"`
	Mode      string `json:"mode"`
	Received  int    `json:"received"`
	Added     int    `json:"added"`
	Removed   int    `json:"removed"`
	Unchanged int    `json:"unchanged"`
	Skipped   int    `json:"skipped"`
	Parked    int    `json:"parked"`
	Hold      *struct {
		Would struct{ Added, Removed, Members int } `json:"would"`
	} `json:"hold"`
}

// wantArithmetic holds a row against what the documentation says of its counts.
func (r ledgerRow) wantArithmetic(t *testing.T) {
	t.Helper()
	if min(r.Received, r.Added, r.Removed, r.Unchanged, r.Skipped, r.Parked) < 0 {
		t.Errorf("a count is negative: %+v", r)
	}
	switch r.State {
	case "live", "rolledBack":
		sum := r.Added + r.Unchanged + r.Skipped + r.Parked
		if r.Mode == "delta" {
			sum += r.Removed
		}
		if r.Received != sum {
			t.Errorf("a %s %s in mode %s received %d, and its parts are %d: %+v", r.State, r.Kind, r.Mode, r.Received, sum, r)
		}
	default:
		if r.Added+r.Removed != 0 {
			t.Errorf("a %s %s changed something: %+v", r.State, r.Kind, r)
		}
		if (r.State == "held" || r.State == "discarded") && r.Hold == nil {
			t.Errorf("a %s %s does not say what it would do: %+v", r.State, r.Kind, r)
		}
	}
}

// ledger returns the runs of the segment, oldest first.
func (a *account) ledger(t *testing.T, segmentPath string) []ledgerRow {
	t.Helper()
	var page struct{ Items []ledgerRow }
	if err := json.Unmarshal(a.must(t, 200, "Runs", "GET", segmentPath+"/runs?limit=200", "").text, &page); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(page.Items)
	return page.Items
}

// newest returns the run that came last.
func (a *account) newest(t *testing.T, segmentPath string) ledgerRow {
	t.Helper()
	all := a.ledger(t, segmentPath)
	if len(all) == 0 {
		t.Fatalf("%s has no runs", segmentPath)
	}
	return all[len(all)-1]
}

// push sends a tool's request, which is taken.
func (a *account) push(t testing.TB, tool, body string) {
	t.Helper()
	if w := a.pushed(t, tool, body); w.Code/100 != 2 {
		t.Fatalf("push: %d %s", w.Code, w.Body)
	}
}

// pushed sends a tool's request.
func (a *account) pushed(t testing.TB, tool, body string) *httptest.ResponseRecorder {
	t.Helper()
	tools, err := connector.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	in := inbound.New(a.ingest, a.access, tools, a.activity, slog.New(slog.DiscardHandler), inbound.Options{MaxBody: 1 << 20, SpoolDir: t.TempDir(), Now: time.Now})
	for _, route := range inbound.Routes {
		mux.Handle(route, in)
	}
	r := httptest.NewRequest("POST", "/api/v2/segment-targets/"+tool, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", a.token)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

// mixpanel renders a message about the cohort "c" with numbered members and one that has no key.
func mixpanel(action string, session, page, pages int, members ...int) string {
	list := []string{`{"mixpanel_distinct_id":""}`}
	for _, m := range members {
		list = append(list, fmt.Sprintf(`{"mixpanel_distinct_id":"m%d"}`, m))
	}
	return fmt.Sprintf(`{"environmentId":%q,"contextKind":"user","action":%q,"parameters":{"mixpanel_cohort_id":"c","mixpanel_cohort_name":"C","mixpanel_session_id":"s%d",`+
		`"page_info":{"total_pages":%d,"page_count":%d},"members":[%s]}}`, clientSideID, action, session, pages, page, strings.Join(list, ","))
}

func upTo(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

// csv is a list of numbered members with a repeat and a row that is too long.
func csv(members ...int) string {
	var b strings.Builder
	for _, m := range members {
		fmt.Fprintf(&b, "m%d\n", m)
	}
	if len(members) > 0 {
		fmt.Fprintf(&b, "m%d\n", members[0])
	}
	return b.String() + strings.Repeat("x", 3000) + "\n"
}

// TestTheCountsOfEveryRunAddUp makes runs of every kind end in every state, by the endpoints that tools
// and people use.
func TestTheCountsOfEveryRunAddUp(t *testing.T) {
	a := newAccount(t)
	const path = segments + "/mixpanel-c"
	run := func(id, verb string) {
		t.Helper()
		a.must(t, 200, "Run", "POST", path+"/runs/"+id+"/"+verb, `{"comment":"x"}`)
		a.wantBalance(t, path)
	}
	load := func(query string, members ...int) reply {
		t.Helper()
		r := a.decided(t, a.call(t, "POST", path+"/imports"+query, csv(members...), "Content-Type", "text/csv"))
		a.wantBalance(t, path)
		return r
	}
	edit := func(body string) {
		t.Helper()
		a.must(t, 204, "", "POST", path+"/contexts", body)
		a.wantBalance(t, path)
	}
	push := func(action string, session, page, pages int, members ...int) {
		t.Helper()
		a.push(t, "mixpanel", mixpanel(action, session, page, pages, members...))
		a.wantBalance(t, path)
	}
	back := func() {
		t.Helper()
		points := a.must(t, 200, "", "GET", path+"/points", "")
		a.must(t, 200, "", "POST", path+"/points/"+points.str("items.1._id")+"/publish", `{"comment":"x"}`)
		a.wantBalance(t, path)
	}

	push("add_members", 0, 1, 1, upTo(10)...)
	push("add_members", 0, 1, 1, 8, 9, 10, 10)
	push("remove_members", 0, 1, 1, 10, 11)
	edit(`{"included":{"add":["m3","hand"],"remove":["m4","nobody"]},"excluded":{"add":["m3"],"remove":["nobody"]}}`)
	edit(`{"included":{"add":["twice","m1"],"remove":["twice"]},"excluded":{"add":["out"],"remove":["m3"]}}`)
	load("?mode=merge&override=true", 3, 4, 20, 21)
	load("?mode=remove&override=true", 20, 21, 30)
	load("?mode=replace&override=true", upTo(12)...)
	// Pages of whole lists, one of them sent again; one list is given up.
	push("members", 1, 1, 2, 0, 1, 2, 3, 4, 5, 6)
	push("members", 1, 1, 2, 0, 1, 2, 3, 4, 5, 6)
	push("members", 1, 2, 2, 6, 7, 8, 9, 40, 41)
	push("members", 2, 1, 2, upTo(9)...)
	push("members", 3, 1, 1, upTo(12)...)
	push("add_members", 0, 1, 1, 60, 61)
	edit(`{"included":{"add":["m62","m60"]}}`)
	back()

	// The guard.
	a.must(t, 200, "Guard", "PATCH", path+"/guard", `{"minMembers":5,"shrinkPercent":30}`)
	push("remove_members", 0, 1, 1, append(upTo(6), 77)...)
	released := a.newest(t, path)
	push("remove_members", 0, 1, 1, 6, 7, 78) // joins
	push("add_members", 0, 1, 1, 1, 2, 50)    // strikes two off, adds one
	if released.State != "held" {
		t.Fatalf("the guard lets %+v pass", released)
	}
	run(released.ID, "release")
	load("?mode=replace&override=true", upTo(12)...)
	push("members", 4, 1, 1, 0, 1)
	run(a.newest(t, path).ID, "release")
	load("?mode=replace&override=true", upTo(12)...)
	push("remove_members", 0, 1, 1, upTo(9)...)
	discarded := a.newest(t, path).ID
	push("remove_members", 0, 1, 1, 9, 10, 79)
	a.newest(t, path).wantArithmetic(t)
	run(discarded, "discard")
	if r := load("?mode=replace&override=true", 1); r.str("status") != "held" {
		t.Fatalf("the guard lets an import pass: %s", r.text)
	}
	run(a.newest(t, path).ID, "discard")
	load("?mode=remove&override=true", upTo(9)...)
	run(a.newest(t, path).ID, "release")
	load("?mode=replace&override=true", upTo(20)...)
	push("members", 5, 1, 1, 0, 1) // held, then superseded by a list
	push("members", 6, 1, 1, upTo(20)...)
	push("members", 7, 1, 1, 0, 1) // held, then by a rollback
	back()
	a.must(t, 400, "Error", "POST", path+"/imports?override=true", `["m1", "m2", `, "Content-Type", "application/json")

	// A list that lies in the definition of its segment.
	a.must(t, 201, "", "POST", segments, `{"key":"listed","name":"Listed"}`)
	for _, query := range []string{"?mode=merge", "?mode=remove", "?mode=replace"} {
		a.decided(t, a.call(t, "POST", segments+"/listed/imports"+query, csv(1, 2, 3), "Content-Type", "text/csv"))
		a.decided(t, a.call(t, "POST", segments+"/listed/imports"+query, csv(3, 4), "Content-Type", "text/csv"))
	}

	reached := make(map[string]bool)
	for _, r := range append(a.ledger(t, path), a.ledger(t, segments+"/listed")...) {
		r.wantArithmetic(t)
		reached[r.Kind+" "+r.State] = true
	}
	for _, want := range []string{
		"push live", "push rolledBack", "push discarded", "edit live", "edit rolledBack", "import live", "import rolledBack", "import discarded", "import rejected",
		"import superseded", "replace live", "replace rolledBack", "replace rejected", "replace superseded", "rollback live",
	} {
		if !reached[want] {
			t.Errorf("no run is %s; there are %v", want, reached)
		}
	}
}

// wantBalance demands that all runs together added and removed what the segment holds now.
func (a *account) wantBalance(t *testing.T, segmentPath string) {
	t.Helper()
	members := 0.0
	for _, r := range a.ledger(t, segmentPath) {
		members += float64(r.Added - r.Removed)
	}
	seg := a.must(t, 200, "", "GET", segmentPath, "")
	in, _ := seg.at("_unboundedMetadata.includedCount").(float64)
	out, _ := seg.at("_unboundedMetadata.excludedCount").(float64)
	if in+out != members {
		t.Errorf("the segment includes %v and excludes %v, and all runs together added %v", in, out, members)
	}
}
