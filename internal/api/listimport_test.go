package api_test

import (
	"fmt"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"
)

// listAccount is an installation with the segment "big", which is none: it lists two users.
func listAccount(t testing.TB) *account {
	t.Helper()
	a := newAccount(t)
	a.must(t, 201, "Segment", "POST", "/segments/default/production", `{"key":"big","name":"Not big"}`)
	a.must(t, 200, "Segment", "PATCH", listPath, `[{"op":"add","path":"/included","value":["ann","bob"]},{"op":"add","path":"/excluded","value":["eve"]}]`)
	return a
}

func TestAShortListGoesIntoTheSegmentsDefinition(t *testing.T) {
	a := listAccount(t)
	r := a.decided(t, a.form(t, "", formPart{"mode", "merge", ""}, formPart{"file", "zoe\nann\n\xff\n", "vips.csv"}))
	r.want(t, "status", `"complete"`, "mode", `"merge"`, "result", `{"added":1,"removed":0,"unchanged":1,"skipped":1}`)
	a.must(t, 200, "Segment", "GET", listPath, "").want(t, "included", `["ann","bob","zoe"]`, "excluded", `["eve"]`, "unbounded", "false", "version", "3")
	run := a.must(t, 200, "", "GET", listPath+"/runs/"+r.str("runId"), "")
	run.want(t, "kind", `"import"`, "state", `"live"`, "added", "1", "skipped", "1")
	if rejects := a.raw(t, listPath+"/runs/"+r.str("runId")+"/rejects"); !strings.Contains(rejects, "3,the key is not UTF-8") {
		t.Errorf("rejects %q", rejects)
	}
	r = a.decided(t, a.load(t, "?mode=remove", "bob\n"))
	r.want(t, "mode", `"remove"`, "result.removed", "1")
	a.decided(t, a.load(t, "?mode=replace&contextKind=org", "acme\n")).want(t, "result.added", "1")
	a.must(t, 200, "Segment", "GET", listPath, "").want(t, "included", `["ann","zoe"]`, "includedContexts", `[{"contextKind":"org","values":["acme"]}]`)
	a.load(t, "?dryRun=true&mode=replace&contextKind=user", "zoe\nmax\n").want(t, "added", "1", "removed", "1", "unchanged", "1", "samples.added", `["max"]`)
	for query, want := range map[string]string{
		"?mode=merge": "contextKind", "?waitOnApprovals=true&contextKind=user": "waitOnApprovals", "?contextKind=multi": "neither kind nor multi",
	} {
		if r := a.load(t, query, "max\n"); r.status != 400 || !strings.Contains(r.str("message"), want) {
			t.Errorf("%s: %d %s, want %q", query, r.status, r.text, want)
		}
	}
	stranger := a.as(a.newToken(t, `{"name":"x","serviceToken":true,"inlineRole":[{"effect":"allow","actions":["updateExcluded","viewProject"],"resources":["proj/*","proj/*:env/*:segment/*"]}]}`))
	if r := stranger.load(t, "?contextKind=user", "max\n"); r.status != 403 {
		t.Errorf("who may not update included targets got %d %s", r.status, r.text)
	}
}

func TestTheModeOfAnImportIntoABigSegmentIsShown(t *testing.T) {
	a := bigAccount(t)
	a.decided(t, a.load(t, "", "ann\nbob\n")).want(t, "mode", `"merge"`)
	a.decided(t, a.load(t, "?mode=remove", "bob\n")).want(t, "mode", `"remove"`, "result.removed", "1")
	a.must(t, 200, "", "GET", listPath+"/imports", "").want(t, "items.0.mode", `"remove"`, "items.1.mode", `"merge"`)
	if r := a.load(t, "?contextKind=org", "max\n"); r.status != 400 || !strings.Contains(r.str("message"), "kind user, not org") {
		t.Errorf("%d %s", r.status, r.text)
	}
}

func TestAPatchMayMakeAListLongerIfItCanBecomeBig(t *testing.T) {
	a := listAccount(t)
	many := func(n int) string {
		keys := make([]string, n)
		for i := range keys {
			keys[i] = fmt.Sprintf("user-%d", i)
		}
		b, err := json.Marshal(keys)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	include := func(n int, more string) string {
		return `[{"op":"replace","path":"/included","value":` + many(n) + `}` + more + `]`
	}
	for _, tt := range []struct{ name, patch, want string }{
		{"two kinds", include(15_000, `,{"op":"add","path":"/includedContexts","value":[{"contextKind":"org","values":["acme"]}]}`), "targets of kind org beside kind user"},
		{"a rule about another kind", include(15_001, `,{"op":"replace","path":"/rules","value":[{"clauses":[{"contextKind":"org","attribute":"key","op":"in","values":["x"]}]}]}`), "rule 0"},
		{"far too many", include(50_000, ""), "POST …/segments"},
	} {
		if r := a.call(t, "PATCH", listPath, tt.patch); r.status != 400 || !strings.Contains(r.str("message"), tt.want) {
			t.Errorf("%s: %d %s, want %q", tt.name, r.status, r.text, tt.want)
		}
	}
	a.must(t, 200, "Segment", "PATCH", listPath, include(14_999, `,{"op":"replace","path":"/rules","value":[{"clauses":[{"attribute":"email","op":"in","values":["x"]}]}]}`)).want(t, "unbounded", "false")
	a.must(t, 200, "Segment", "PATCH", listPath, `{"instructions":[{"kind":"addIncludedUsers","values":["ann","zoe"]}]}`, "Content-Type", semantic)
}

// TestExportAndImportAreIdentity exports a segment, imports the file into another one, and finds the
// same members, whatever their keys look like.
func TestExportAndImportAreIdentity(t *testing.T) {
	a := newAccount(t)
	odd := []string{"id", "Key", " user id ", "\ufeffbom", "a,b", `"`, "two\nlines", "\r", "é", "PK\x03\x04", "9007199254740993"}
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		keys := rapid.SliceOfNDistinct(rapid.OneOf(rapid.SampledFrom(odd), rapid.StringN(1, 8, 20)), 1, 12, rapid.ID).Draw(rt, "keys")
		unbounded := rapid.Bool().Draw(rt, "unbounded")
		format := rapid.SampledFrom([]string{"csv", "ndjson"}).Draw(rt, "format")
		n++
		for _, key := range []string{"from", "to"} {
			a.must(t, 201, "", "POST", "/segments/default/production", fmt.Sprintf(`{"key":"%s-%d","name":"x","unbounded":%t}`, key, n, unbounded))
		}
		from, to := fmt.Sprintf("/segments/default/production/from-%d", n), fmt.Sprintf("/segments/default/production/to-%d", n)
		list, err := json.Marshal(keys)
		if err != nil {
			rt.Fatal(err)
		}
		if unbounded {
			a.must(t, 204, "", "POST", from+"/contexts", `{"included":{"add":`+string(list)+`},"excluded":{"add":["mallory"]}}`)
		} else {
			a.must(t, 200, "", "PATCH", from, `[{"op":"add","path":"/included","value":`+string(list)+`},{"op":"add","path":"/excluded","value":["mallory"]}]`)
		}
		x := a.exported(t, from, "?format="+format)
		x.want(t, "rows", strconv.Itoa(len(keys)))
		file := a.file(t, x)
		kind := map[string]string{"csv": "text/csv", "ndjson": "application/x-ndjson"}[format]
		taken := a.call(t, "POST", to+"/imports?mode=replace", file, "Content-Type", kind)
		a.decided(t, taken).want(t, "result.added", strconv.Itoa(len(keys)), "result.skipped", "0")
		if again := a.file(t, a.exported(t, to, "?format="+format)); again != file {
			rt.Fatalf("%q came back as %q", file, again)
		}
	})
}

// file returns the file of an export.
func (a *account) file(t testing.TB, export reply) string {
	t.Helper()
	download, _ := export.at("_links.download.href").(string)
	return a.raw(t, strings.TrimPrefix(download, "/api/v2"))
}

// exported exports a segment and waits until the file is written.
func (a *account) exported(t testing.TB, path, query string) reply {
	t.Helper()
	taken := a.must(t, 200, "", "POST", path+"/exports"+query, "")
	for t.Context().Err() == nil {
		if x := a.must(t, 200, "", "GET", strings.TrimPrefix(taken.header.Get("Location"), "/api/v2"), ""); x.str("status") != "pending" {
			return x
		}
	}
	t.Fatal("the export is never complete")
	return reply{}
}

// raw returns a body that is not JSON.
func (a *account) raw(t testing.TB, path string) string {
	t.Helper()
	r := httptest.NewRequest("GET", "/api/v2"+path, nil)
	r.Header.Set("Authorization", a.token)
	w := httptest.NewRecorder()
	a.api.ServeHTTP(w, r)
	if w.Code != 200 {
		t.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.String()
}
