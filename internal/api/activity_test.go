package api_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"muster/internal/activity"
	"muster/internal/admin"
	"muster/internal/delivery"
	"muster/internal/segment"
)

// feed is an open activity stream.
type feed struct {
	t      testing.TB
	reader *bufio.Reader
	lastID int
}

// watch opens the activity stream of production.
func (a *account) watch(t testing.TB, header ...string) *feed {
	t.Helper()
	server := httptest.NewServer(a.api)
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a test that waits in vain fails
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/v2"+environment+"/activity", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if a.token != "" {
		r.Header.Set("Authorization", a.token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
		t.Fatalf("%s, %v", res.Status, res.Header)
	}
	return &feed{t: t, reader: bufio.NewReader(res.Body)}
}

// event is one event of a stream; at reads its data.
type event struct {
	name string
	reply
}

// next returns the next event, comments left out; false at the end of the stream.
func (f *feed) next() (event, bool) {
	f.t.Helper()
	var e event
	for {
		line, err := f.reader.ReadString('\n')
		if err != nil {
			return e, false
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "id":
			if f.lastID++; value != fmt.Sprint(f.lastID) {
				f.t.Errorf("id %s follows %d", value, f.lastID-1)
			}
		case "event":
			e.name = value
		case "data":
			e.text = []byte(value)
			if err := json.Unmarshal(e.text, &e.body); err != nil {
				f.t.Fatalf("%v in %s", err, value)
			}
		case "":
			if e.name != "" {
				return e, true
			}
		}
	}
}

// await returns the first event of a name for which all of the conditions, as for want, hold.
func (f *feed) await(name string, conditions ...string) event {
	f.t.Helper()
	var seen []string
	for {
		e, ok := f.next()
		if !ok {
			f.t.Fatalf("the stream ended without %s %q; it had %q", name, conditions, seen)
		}
		if e.name == name && e.holds(f.t, conditions...) {
			return e
		}
		seen = append(seen, e.name+" "+string(e.text))
	}
}

// holds reports whether the values at paths are as given, in JSON.
func (r reply) holds(t testing.TB, pairs ...string) bool {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		b, err := json.Marshal(r.at(pairs[i]), json.Deterministic(true))
		if err != nil {
			t.Fatal(err)
		}
		if string(b) != pairs[i+1] {
			return false
		}
	}
	return true
}

func TestAnAnswerSaysWhetherAStreamBeginsBeforeIt(t *testing.T) {
	a := newAccount(t)
	position := func() string { return a.must(t, 200, "", "GET", segments, "").header.Get("X-Muster-Activity") }
	before := position()
	first, ok := a.watch(t).next()
	if !ok || first.name != "position" || string(first.text) != `{"position":`+before+`}` {
		t.Errorf("nothing happened after %s, and a stream begins with %s %s", before, first.name, first.text)
	}
	a.must(t, 201, "", "POST", segments, `{"key":"vips","name":"VIPs","unbounded":true}`)
	if after := position(); len(after) != len(before) || after <= before {
		t.Errorf("%s, and after a change %s", before, after)
	}
}

func TestActivityTellsHowFarAMoveIs(t *testing.T) {
	a := newAccount(t)
	a.must(t, 201, "", "POST", segments, `{"key":"vips","name":"VIPs","unbounded":true}`)
	turner := a.rooms.Admin.NewTurner(admin.TurnOptions{
		SDKCache: time.Hour, Patience: time.Hour,
		Followers: func(segment.EnvID) []admin.Follower { return []admin.Follower{{Name: "relay 10.0.0.7"}} },
	})
	f := a.watch(t)
	a.must(t, 202, "", "POST", segments+"/vips/generation-moves", `{}`)
	f.await("segment", "key", `"vips"`, "generationMove.state", `"filling"`, "generationMove.to", `2`, "generationMove.waitsFor", `null`)
	turner.Step(t.Context())
	f.await("segment", "key", `"vips"`, "generationMove.waitsFor", `["relay 10.0.0.7"]`)
}

func TestAListThatComesInPagesIsSeenAsASync(t *testing.T) {
	a := newAccount(t)
	a.push(t, "mixpanel", mixpanel("members", 1, 1, 1, upTo(3)...))
	f := a.watch(t)
	want := func(state string) {
		t.Helper()
		f.await("segment", "key", `"mixpanel-c"`, "state", `"`+state+`"`)
		if got := a.must(t, 200, "", "GET", segments+"/mixpanel-c", "").str("_muster.state"); got != state {
			t.Errorf("the segment is %s, want %s", got, state)
		}
		if got := a.must(t, 200, "", "GET", segments+"?filter=state:"+state, "").str("items.0.key"); got != "mixpanel-c" {
			t.Errorf("the list of what is %s begins with %q", state, got)
		}
	}
	a.push(t, "mixpanel", mixpanel("members", 2, 1, 2, 1, 2))
	want("syncing")
	a.push(t, "mixpanel", mixpanel("members", 2, 2, 2, 3, 4))
	want("live")
}

func TestActivityTellsWhatGoesOn(t *testing.T) {
	a := newAccount(t)
	a.must(t, 201, "", "POST", segments, `{"key":"vips","name":"VIPs","unbounded":true}`)
	f := a.watch(t)
	a.must(t, 204, "", "POST", segments+"/vips/contexts", `{"included":{"add":["ann","bob"]}}`)
	f.await("head", "revision", `3`)
	f.await("segment", "key", `"vips"`, "members", `2`, "state", `"live"`, "revision", `3`)
	f.await("run", "kind", `"edit"`, "added", `2`, "state", `"live"`)

	a.must(t, 200, "", "PATCH", segments+"/vips", `[{"op":"replace","path":"/name","value":"Very important"}]`)
	f.await("catalog", "kind", `"segment"`, "key", `"vips"`, "version", `2`)
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"checkout","name":"Checkout"}`)
	f.await("catalog", "kind", `"flag"`, "key", `"checkout"`, "version", `1`)
	a.must(t, 204, "", "DELETE", "/flags/default/checkout", "")
	f.await("catalog", "kind", `"flag"`, "key", `"checkout"`, "deleted", `true`)

	id := path.Base(a.must(t, 200, "", "POST", segments+"/vips/exports", "").header.Get("Location"))
	f.await("export", "id", fmt.Sprintf("%q", id), "segmentKey", `"vips"`, "status", `"complete"`)
	a.must(t, 200, "", "GET", segments+"/vips/exports/"+id+"/file", "")

	at := time.UnixMilli(1_700_000_000_000)
	a.activity.Called(activity.Call{At: at, Env: clientSideID, Path: "/api/v2/segment-targets/heap-inbound", Tool: "heap-inbound", Status: 204, Token: "t1", Run: "r1"})
	got := f.await("call")
	if string(got.text) != `{"at":1700000000000,"path":"/api/v2/segment-targets/heap-inbound","tool":"heap-inbound","status":204,"tokenId":"t1","runId":"r1"}` {
		t.Errorf("a call is told as %s", got.text)
	}
	a.activity.Called(activity.Call{At: at, Path: "/api/v2/segment-targets/x", Status: 401, Message: "no token"})
	f.await("call", "status", `401`, "message", `"no token"`)
}

func TestActivityTellsHowFarAnImportIs(t *testing.T) {
	a := newAccount(t)
	a.must(t, 201, "", "POST", segments, `{"key":"vips","name":"VIPs","unbounded":true}`)
	f := a.watch(t)
	first, rest := make(chan struct{}), make(chan struct{})
	taken := make(chan int, 1)
	go func() {
		body := &pausing{first: strings.NewReader(strings.Repeat("user-1\n", 1<<19)), reached: first, wait: rest, rest: strings.NewReader("user-2\n")}
		r := httptest.NewRequest(http.MethodPost, "/api/v2"+segments+"/vips/imports?mode=merge", body)
		r.Header.Set("Content-Type", "text/csv")
		r.Header.Set("Authorization", a.token)
		w := httptest.NewRecorder()
		a.api.ServeHTTP(w, r)
		taken <- w.Code
	}()
	release := sync.OnceFunc(func() { close(rest) })
	t.Cleanup(release)
	<-first
	e := f.await("run", "kind", `"import"`, "state", `"received"`)
	f.await("segment", "key", `"vips"`, "state", `"syncing"`)
	for e.at("progress.bytesRead") == float64(0) {
		e = f.await("run", "kind", `"import"`, "state", `"received"`)
	}
	release()
	if status := <-taken; status != 204 {
		t.Fatalf("%d", status)
	}
	for run, seg := false, false; !run || !seg; { // in whichever order
		e, ok := f.next()
		switch {
		case !ok:
			t.Fatalf("the stream ended; the run was seen live: %t, the segment: %t", run, seg)
		case e.name == "run":
			run = e.holds(t, "kind", `"import"`, "state", `"live"`, "added", `2`)
		case e.name == "segment":
			seg = e.holds(t, "key", `"vips"`, "state", `"live"`, "members", `2`)
		}
	}
}

// pausing is a body that stops in the middle.
type pausing struct {
	first, rest   *strings.Reader
	reached, wait chan struct{}
}

func (p *pausing) Read(b []byte) (int, error) {
	if p.first.Len() > 0 {
		return p.first.Read(b)
	}
	if p.reached != nil {
		close(p.reached)
		p.reached = nil
		<-p.wait
	}
	return p.rest.Read(b)
}

func TestActivityEnds(t *testing.T) {
	const reader = `{"name":"r","role":"reader"}`
	tests := map[string]func(a, watcher *account){
		"with the token": func(a, _ *account) {
			list := a.must(t, 200, "", "GET", "/tokens?showAll=true", "")
			for i := range 2 {
				if list.at(fmt.Sprintf("items.%d.name", i)) == "r" {
					a.must(t, 204, "", "DELETE", fmt.Sprintf("/tokens/%s", list.at(fmt.Sprintf("items.%d._id", i))), "")
				}
			}
		},
		"with the environment": func(a, _ *account) {
			a.must(t, 204, "", "DELETE", environment, "")
		},
		"with the process": func(a, _ *account) { a.activity.Close() },
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t)
			watcher := a.as(a.newToken(t, reader))
			f := watcher.watch(t)
			end(a, watcher)
			for {
				if _, ok := f.next(); !ok {
					return
				}
			}
		})
	}
}

func TestActivityAndFollowersAreForThoseWhoMayViewTheProject(t *testing.T) {
	a := newAccount(t)
	stranger := a.as(a.newToken(t, `{"name":"s","inlineRole":[{"effect":"allow","actions":["*"],"resources":["proj/other"]}]}`))
	for _, path := range []string{"/activity", "/followers"} {
		stranger.must(t, 404, "Error", "GET", environment+path, "")
		a.must(t, 404, "Error", "GET", "/projects/default/environments/none"+path, "")
	}
	reader := a.as(a.newToken(t, `{"name":"r","role":"reader"}`))
	reader.must(t, 200, "", "GET", environment+"/followers", "").want(t, "items", `[]`, "totalCount", `0`)
	f := reader.watch(t)
	a.activity.Called(activity.Call{Path: "/nobody", Status: 401}) // names no environment: not theirs to see
	a.activity.Called(activity.Call{Env: clientSideID, Path: "/here", Status: 204})
	if e := f.await("call"); e.at("path") != "/here" {
		t.Errorf("a reader saw %s", e.text)
	}
}

func TestActivityTellsOfTheAuditLogWhoMayViewIt(t *testing.T) {
	var ahead atomic.Int64
	a := newAccountAt(t, func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
	a.must(t, 201, "", "POST", "/projects", `{"key":"other","name":"Other"}`)
	reader := a.as(a.newToken(t, `{"name":"r","inlineRole":[{"effect":"allow","actions":["viewProject"],"resources":["proj/default"]}]}`))
	f := a.watch(t)
	a.must(t, 201, "", "POST", "/roles", `{"key":"r","name":"R","policy":[]}`)
	f.await("audit", "date", fmt.Sprint(int64(a.must(t, 200, "", "GET", "/auditlog?limit=1", "").at("items.0.date").(float64)))) //nolint:forcetypeassert // the test fails if it is none

	ahead.Store(int64(time.Minute)) // nothing that the reader may view is recent
	g := reader.watch(t)
	a.must(t, 201, "", "POST", "/flags/other", `{"key":"f","name":"F"}`)
	a.activity.Called(activity.Call{Env: clientSideID, Path: "/here", Status: 204})
	for e, ok := g.next(); e.name != "call"; e, ok = g.next() {
		if !ok || e.name == "audit" {
			t.Fatalf("a reader of another project is told %s %s", e.name, e.text)
		}
	}
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"f","name":"F"}`)
	g.await("audit", "kinds", `["flag"]`)
}

func TestFollowers(t *testing.T) {
	a := newAccount(t)
	f := a.watch(t)
	s, err := a.delivery.Subscribe(t.Context(), clientSideID, "")
	if err != nil {
		t.Fatal(err)
	}
	leave := a.delivery.Attend(delivery.Peer{Side: delivery.ServerSide, Name: "GoClient", Version: "7.14.6", Address: "10.0.0.7"}, s)
	p, err := a.delivery.Ping(t.Context(), clientSideID)
	if err != nil {
		t.Fatal(err)
	}
	defer a.delivery.Attend(delivery.Peer{Side: delivery.ClientSide, Name: "JSClient"}, p)()
	for _, stream := range []delivery.Stream{s, p} {
		for m := (delivery.Message{Bytes: []byte{0}}); len(m.Bytes) > 0; {
			if m, err = stream.Next(); err != nil {
				t.Fatal(err)
			}
		}
	}
	a.must(t, 200, "", "GET", environment+"/followers", "").want(t, "totalCount", `2`, "items.0._id", `"sdk-1"`, "items.0.kind", `"sdk"`,
		"items.0.name", `"GoClient"`, "items.0.version", `"7.14.6"`, "items.0.address", `"10.0.0.7"`, "items.0.count", `1`, "items.0.state", `"current"`,
		"items.0.revision", `1`, "items.0.lagRevisions", `0`, "items.0.lagSeconds", `0`, "items.1.kind", `"stream"`, "items.1._id", `"stream-2"`)
	f.await("follower", "_id", `"sdk-1"`, "state", `"current"`, "revision", `1`)
	leave()
	f.await("follower", "_id", `"sdk-1"`, "gone", `true`)
}

func TestLimitsAreAllNamedOnce(t *testing.T) {
	a := newAccount(t)
	got := a.must(t, 200, "", "GET", "/limits", "")
	var names []string
	for i := range int(got.at("totalCount").(float64)) { //nolint:forcetypeassert // the test fails if it is none
		name := fmt.Sprint(got.at(fmt.Sprintf("items.%d.name", i)))
		if slices.Contains(names, name) {
			t.Errorf("%s is there twice", name)
		}
		if v, ok := got.at(fmt.Sprintf("items.%d.value", i)).(float64); !ok || v <= 0 {
			t.Errorf("%s is %v", name, got.at(fmt.Sprintf("items.%d.value", i)))
		}
		names = append(names, name)
	}
	for name, value := range map[string]int64{"maxMemberKeyBytes": segment.MaxKeyBytes, "maxImportBytes": maxImport, "maxIngestBodyBytes": 1 << 28} {
		i := slices.Index(names, name)
		if i < 0 || got.at(fmt.Sprintf("items.%d.value", i)) != float64(value) {
			t.Errorf("%s is missing or not %d", name, value)
		}
	}
}
