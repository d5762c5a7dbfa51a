package api_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
)

const listPath = "/segments/default/production/big"

// bigAccount is an installation with an empty big segment.
func bigAccount(t testing.TB) *account {
	t.Helper()
	a := newAccount(t)
	a.must(t, 201, "Segment", "POST", "/segments/default/production", `{"key":"big","name":"Big","unbounded":true}`)
	return a
}

// decided waits until an import that was taken is decided.
func (a *account) decided(t testing.TB, taken reply) reply {
	t.Helper()
	at := strings.TrimPrefix(taken.header.Get("Location"), "/api/v2")
	if taken.status != 204 || at == "" {
		t.Fatalf("the import got %d %s", taken.status, taken.text)
	}
	for t.Context().Err() == nil {
		r := a.must(t, 200, "Import", "GET", at, "")
		if s := r.str("status"); s != "preparing" && s != "in_progress" {
			return r
		}
	}
	t.Fatal("the import is never decided")
	return reply{}
}

func (a *account) load(t testing.TB, query, list string, header ...string) reply {
	t.Helper()
	return a.call(t, "POST", listPath+"/imports"+query, list, append([]string{"Content-Type", "text/csv"}, header...)...)
}

func (a *account) members(t testing.TB) string {
	t.Helper()
	return fmt.Sprint(a.must(t, 200, "", "GET", listPath+"/members", "").at("totalCount"))
}

func zipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAListIsImportedWhateverItsForm(t *testing.T) {
	a := bigAccount(t)
	for _, tt := range []struct {
		name, query, list string
		header            []string
		want              string
	}{
		{"rows of text", "", "ann\nbob\n\n\"c,d\"\n", nil, `{"added":3,"removed":0,"unchanged":0,"skipped":0}`},
		{"a named column", "?column=key", "name,key\nAnn,ann\nEve,eve\n", nil, `{"added":1,"removed":0,"unchanged":1,"skipped":0}`},
		{"a header that is none", "?header=false", "id\n", nil, `{"added":1,"removed":0,"unchanged":0,"skipped":0}`},
		{"lines of JSON to be removed", "?mode=remove", "\"id\"\n{\"key\":\"eve\"}\n7\n", []string{"Content-Type", "application/x-ndjson"}, `{"added":0,"removed":2,"unchanged":1,"skipped":0}`},
		{"a JSON array, compressed, as the whole list", "?mode=replace", zipped(t, `["ann","zoe"]`), []string{"Content-Type", "application/json", "Content-Encoding", "gzip"}, `{"added":1,"removed":2,"unchanged":1,"skipped":0}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := a.decided(t, a.load(t, tt.query, tt.list, tt.header...))
			r.want(t, "status", `"complete"`, "result", tt.want)
		})
	}
	a.must(t, 200, "", "GET", listPath+"/imports?limit=2", "").want(t, "totalCount", "5", "items.0.mode", `"replace"`)
}

func TestADryRunChangesNothing(t *testing.T) {
	a := bigAccount(t)
	a.decided(t, a.load(t, "", "ann\nbob\n"))
	r := a.load(t, "?dryRun=true&mode=replace", "bob\neve\n\n\xff\n")
	if r.status != 200 {
		t.Fatalf("%d %s", r.status, r.text)
	}
	r.want(t, "received", "3", "added", "1", "removed", "1", "unchanged", "1", "skipped", "1", "wouldHold", "false",
		"samples.added", `["eve"]`, "samples.removed", `["ann"]`, "samples.skipped.0.row", "4")
	if got := a.members(t); got != "2" {
		t.Errorf("%s members after a dry run", got)
	}
	a.must(t, 200, "", "GET", listPath+"/imports", "").want(t, "totalCount", "1")
}

func TestWhatAnImportWouldDoIsToldKeyByKey(t *testing.T) {
	for name, make := range map[string]func(testing.TB) *account{
		"members of a big segment": func(t testing.TB) *account {
			a := bigAccount(t)
			a.decided(t, a.load(t, "", "ann\nbob\n\"x, y\"\n"))
			return a
		},
		"targets in a definition": func(t testing.TB) *account {
			a := newAccount(t)
			a.must(t, 201, "Segment", "POST", "/segments/default/production", `{"key":"big","name":"Big"}`)
			a.must(t, 200, "Segment", "PATCH", listPath, `[{"op":"add","path":"/included","value":["ann","bob","x, y"]}]`)
			return a
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := make(t)
			before := fmt.Sprint(a.must(t, 200, "", "GET", listPath, "").at("version"))
			for query, want := range map[string][]string{
				"?mode=replace": {"change,key,hash", `added,"a, b",`, "added,eve,", "removed,ann,", `removed,"x, y",`},
				"?mode=merge":   {"change,key,hash", `added,"a, b",`, "added,eve,"},
				"":              {"change,key,hash", `added,"a, b",`, "added,eve,"},
				"?mode=remove":  {"change,key,hash", "removed,bob,"},
			} {
				r := httptest.NewRequest("POST", "/api/v2"+listPath+"/imports/diff/file"+query, strings.NewReader("bob\neve\n\"a, b\"\neve\nbob\n\xff\n"))
				r.Header.Set("Authorization", a.token)
				r.Header.Set("Content-Type", "text/csv")
				w := httptest.NewRecorder()
				a.api.ServeHTTP(w, r)
				rows := strings.Split(strings.TrimSuffix(w.Body.String(), "\n"), "\n")
				slices.Sort(rows[1:])
				slices.Sort(want[1:])
				if w.Code != 200 || !slices.Equal(rows, want) {
					t.Errorf("%q: %d %q, want %q", query, w.Code, rows, want)
				}
			}
			if r := a.load(t, "/diff/file?mode=none", "bob\n"); r.status != 400 {
				t.Errorf("%d %s", r.status, r.text)
			}
			a.must(t, 200, "", "GET", listPath, "").want(t, "version", before)
			writer := a.as(a.newToken(t, `{"name":"x","serviceToken":true,"inlineRole":[{"effect":"allow","actions":["updateIncluded"],"resources":["proj/*:env/*:segment/*"]}]}`))
			if r := writer.load(t, "/diff/file", "bob\n"); r.status != 403 {
				t.Errorf("who may not export members got %d %s", r.status, r.text)
			}
		})
	}
}

// formPart is a field of a form, or its file if it has a file name.
type formPart struct{ name, value, file string }

func (a *account) form(t testing.TB, query string, parts ...formPart) reply {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		create := w.CreateFormField
		if p.file != "" {
			create = func(name string) (io.Writer, error) { return w.CreateFormFile(name, p.file) }
		}
		field, err := create(p.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(field, p.value); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return a.call(t, "POST", listPath+"/imports"+query, b.String(), "Content-Type", w.FormDataContentType())
}

func TestTheFieldsOfAFormMayComeInAnyOrder(t *testing.T) {
	a := bigAccount(t)
	large := strings.Repeat("somebody-with-a-long-name\n", 5<<20/26)
	file := func(list string) formPart { return formPart{"file", list, "vips.csv"} }
	mode := func(value string) formPart { return formPart{"mode", value, ""} }
	a.decided(t, a.load(t, "", "ann\nbob\n"))
	r := a.decided(t, a.form(t, "", mode("replace"), formPart{"other", "x", ""}, file("bob\n")))
	r.want(t, "status", `"complete"`, "mode", `"replace"`, "files.0.filename", `"vips.csv"`, "result.removed", "1")
	r = a.decided(t, a.form(t, "", file("ann\n"), mode("replace")))
	r.want(t, "mode", `"replace"`, "result.added", "1", "result.removed", "1")
	a.decided(t, a.form(t, "", formPart{"file", zipped(t, "\"zoe\"\n"), "list.ndjson.gz"})).want(t, "result.added", "1")
	a.decided(t, a.form(t, "", file(large), mode("merge"))).want(t, "status", `"complete"`)
	before := a.members(t)
	for _, tt := range []struct {
		name  string
		query string
		parts []formPart
		want  string
	}{
		{"another mode behind a large file", "", []formPart{file(large), mode("replace")}, "send it before the file"},
		{"waiting behind a large file", "", []formPart{file(large), {"waitOnApprovals", "true", ""}}, "send it before the file"},
		{"two files behind each other", "", []formPart{file("a\n"), file("b\n")}, "more than one file"},
		{"no file", "", []formPart{mode("merge")}, "no part named file"},
		{"two modes", "?mode=merge", []formPart{mode("replace"), file("a\n")}, "both merge and replace"},
		{"an unknown mode", "", []formPart{mode("swap"), file("a\n")}, "merge, replace or remove"},
		{"waiting or not", "", []formPart{{"waitOnApprovals", "maybe", ""}, file("a\n")}, "true or false"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := a.form(t, tt.query, tt.parts...)
			if r.status != 400 || !strings.Contains(r.str("message"), tt.want) {
				t.Errorf("%d %s, want %q", r.status, r.text, tt.want)
			}
			if got := a.members(t); got != before {
				t.Errorf("%s members, before %s", got, before)
			}
		})
	}
}

func TestImportsThatAreRefusedChangeNothing(t *testing.T) {
	a := bigAccount(t)
	a.must(t, 201, "Segment", "POST", "/segments/default/production", `{"key":"listed","name":"Listed"}`)
	bomb := zipped(t, strings.Repeat("\n", maxImport+1))
	for _, tt := range []struct {
		name, query, list string
		header            []string
		status            int
		want              string
	}{
		{"a form of a browser", "", "a=b", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "application/x-www-form-urlencoded"},
		{"a content type that is none", "", "a", []string{"Content-Type", ";;"}, 415, "text/csv"},
		{"another alphabet", "", "a", []string{"Content-Type", "text/csv; charset=latin1"}, 415, "UTF-8"},
		{"an unknown encoding", "", "a", []string{"Content-Encoding", "br"}, 415, "gzip, zstd"},
		{"two encodings", "", "a", []string{"Content-Encoding", "gzip, zstd"}, 415, "gzip, zstd"},
		{"what is not compressed", "", "a", []string{"Content-Encoding", "gzip"}, 400, "gzip"},
		{"a compressed form", "", "a", []string{"Content-Type", "multipart/form-data; boundary=x", "Content-Encoding", "gzip"}, 415, "file in it"},
		{"a form without an end", "", "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\na", []string{"Content-Type", "multipart/form-data; boundary=x"}, 400, "form"},
		{"an unknown mode", "?mode=swap", "a", nil, 400, "merge, replace or remove"},
		{"a header or not", "?header=maybe", "a", nil, 400, "header must be true or false"},
		{"a dry run or not", "?dryRun=maybe", "a", nil, 400, "dryRun must be true or false"},
		{"a column that is not there", "?column=email", "id\na\n", nil, 400, "email"},
		{"a long name for the request", "", "a", []string{"Idempotency-Key", strings.Repeat("x", 256)}, 400, "Idempotency-Key"},
		{"a list that inflates", "", bomb, []string{"Content-Encoding", "gzip"}, 413, "--max-import"},
		{"a list that inflates, as a dry run", "?dryRun=true", bomb, []string{"Content-Encoding", "gzip"}, 413, "--max-import"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := a.load(t, tt.query, tt.list, tt.header...)
			if r.status != tt.status || !strings.Contains(r.str("message"), tt.want) {
				t.Errorf("%d %s, want %d %q", r.status, r.text, tt.status, tt.want)
			}
		})
	}
	if got := a.members(t); got != "0" {
		t.Errorf("%s members", got)
	}
	a.must(t, 404, "", "POST", "/segments/default/production/none/imports", "a", "Content-Type", "text/csv")
	a.must(t, 404, "", "GET", listPath+"/imports/000000000000000000000000", "")
}

// unread is a body that must not be read.
type unread struct{ t testing.TB }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestNothingIsReadOfAListFromSomebodyWhoMayNotSendIt(t *testing.T) {
	a := bigAccount(t)
	reader := a.newToken(t, `{"name":"reader","role":"reader"}`)
	r := httptest.NewRequest("POST", "/api/v2"+listPath+"/imports", unread{t})
	r.Header.Set("Authorization", reader)
	r.Header.Set("Content-Type", "text/csv")
	w := httptest.NewRecorder()
	a.api.ServeHTTP(w, r)
	if w.Code != 403 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	r = httptest.NewRequest("POST", "/api/v2"+listPath+"/imports", unread{t})
	r.Header.Set("Authorization", a.token)
	r.ContentLength = maxImport + 1
	w = httptest.NewRecorder()
	a.api.ServeHTTP(w, r)
	if w.Code != 413 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestARepeatedRequestChangesNothing(t *testing.T) {
	a := bigAccount(t)
	first := a.load(t, "", "ann\n", "Idempotency-Key", "one")
	a.decided(t, first)
	again := a.load(t, "", "ann\nbob\n", "Idempotency-Key", "one")
	if first.header.Get("Location") != again.header.Get("Location") || a.members(t) != "1" {
		t.Errorf("the repeat went to %s with %s members", again.header.Get("Location"), a.members(t))
	}
	a.must(t, 204, "", "POST", listPath+"/contexts", `{"included":{"remove":["ann"]}}`, "Idempotency-Key", "two")
	a.must(t, 204, "", "POST", listPath+"/contexts", `{"included":{"add":["ann"]}}`)
	a.must(t, 204, "", "POST", listPath+"/contexts", `{"included":{"remove":["ann"]}}`, "Idempotency-Key", "two")
	if got := a.members(t); got != "1" {
		t.Errorf("%s members after a repeated removal", got)
	}
}

func TestAnImportWaitsUntilSomebodyLetsItGoOn(t *testing.T) {
	a := bigAccount(t)
	r := a.decided(t, a.form(t, "", formPart{"waitOnApprovals", "true", ""}, formPart{"file", "ann\nbob\n", "vips.csv"}))
	r.want(t, "status", `"ready"`)
	if got := a.members(t); got != "0" {
		t.Errorf("%s members while it waits", got)
	}
	process := fmt.Sprintf(`{"instructions":[{"kind":"processBigSegmentImport","importId":%q}]}`, r.str("id"))
	a.must(t, 200, "Segment", "PATCH", listPath, process, "Content-Type", semantic)
	taken := reply{status: 204, header: map[string][]string{"Location": {r.str("_links.self.href")}}}
	a.decided(t, taken).want(t, "status", `"complete"`, "result.added", "2")
	if r := a.call(t, "PATCH", listPath, process, "Content-Type", semantic); r.status != 409 {
		t.Errorf("a second time: %d %s", r.status, r.text)
	}
}

func TestInstructionsChangeTheMembersOfABigSegment(t *testing.T) {
	a := bigAccount(t)
	a.must(t, 201, "Segment", "POST", "/segments/default/production", `{"key":"listed","name":"Listed"}`)
	patch := func(path, instructions string) reply {
		return a.call(t, "PATCH", path, `{"comment":"why","instructions":[`+instructions+`]}`, "Content-Type", semantic)
	}
	r := patch(listPath, `{"kind":"addBigSegmentIncludedTargets","values":["ann","bob"]},{"kind":"addBigSegmentExcludedTargets","values":["eve"]}`)
	r.want(t, "_unboundedMetadata.includedCount", "2", "_unboundedMetadata.excludedCount", "1")
	if r.header.Get("X-Muster-Revision") == "" {
		t.Error("no revision")
	}
	a.must(t, 200, "", "GET", listPath+"/runs", "").want(t, "totalCount", "1", "items.0.kind", `"edit"`, "items.0.added", "3", "items.0.comment", `"why"`)
	for _, tt := range []struct{ name, path, instructions, want string }{
		{"a key in the other set", listPath, `{"kind":"addBigSegmentIncludedTargets","values":["eve"]}`, "included and excluded"},
		{"a segment that lists its targets", "/segments/default/production/listed", `{"kind":"removeBigSegmentIncludedTargets","values":["eve"]}`, "in its definition"},
		{"other instructions beside them", listPath, `{"kind":"addBigSegmentIncludedTargets","values":["x"]},{"kind":"addTags","values":["x"]}`, "a request of their own"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if r := patch(tt.path, tt.instructions); r.status != 400 || !strings.Contains(r.str("message"), tt.want) {
				t.Errorf("%d %s, want %q", r.status, r.text, tt.want)
			}
		})
	}
	r = patch(listPath, `{"kind":"removeBigSegmentExcludedTargets","values":["eve"]},{"kind":"addBigSegmentIncludedTargets","values":["eve"]}`)
	r.want(t, "_unboundedMetadata.includedCount", "3", "_unboundedMetadata.excludedCount", "0")
}

func TestTheGuardOfASegmentIsInheritedFieldByField(t *testing.T) {
	a := bigAccount(t)
	const environment = "/projects/default/environments/production/guard"
	a.must(t, 200, "Guard", "GET", listPath+"/guard", "").want(t, "shrinkPercent", "30", "minMembers", "1000", "windowSeconds", "600",
		"allowEmpty", "false", "growthPercent", "null", "onHeld", `"accept"`,
		"inherited", `["allowEmpty","growthPercent","minMembers","onHeld","shrinkPercent","windowSeconds"]`)
	a.must(t, 200, "Guard", "PATCH", environment, `{"minMembers":2,"growthPercent":900,"comment":"small ones too"}`).want(t,
		"minMembers", "2", "inherited", `["allowEmpty","onHeld","shrinkPercent","windowSeconds"]`)
	a.must(t, 200, "Guard", "PATCH", listPath+"/guard", `{"merge":{"shrinkPercent":50,"growthPercent":null,"onHeld":"reject"}}`).want(t,
		"shrinkPercent", "50", "minMembers", "2", "growthPercent", "null", "inherited", `["allowEmpty","minMembers","windowSeconds"]`)
	a.must(t, 200, "Guard", "PATCH", listPath+"/guard", `{"inherited":["shrinkPercent","onHeld"]}`).want(t,
		"shrinkPercent", "30", "onHeld", `"accept"`, "growthPercent", "null", "inherited", `["allowEmpty","minMembers","onHeld","shrinkPercent","windowSeconds"]`)
	for _, tt := range []struct{ name, body, want string }{
		{"a list", `[{"op":"remove","path":"/shrinkPercent"}]`, "merge patch"},
		{"more than everybody", `{"shrinkPercent":101}`, "0 to 100"},
		{"less than nobody", `{"growthPercent":-1}`, "null for off"},
		{"no window", `{"windowSeconds":null}`, "inherited"},
		{"a long window", `{"windowSeconds":9223372036854775807}`, "out of range"},
		{"half a member", `{"minMembers":0.5}`, "minMembers"},
		{"another answer", `{"onHeld":"shrug"}`, "accept or reject"},
		{"an unknown limit", `{"inherited":["shrink"]}`, "no limit of a guard"},
		{"set and left", `{"minMembers":5,"inherited":["minMembers"]}`, "leave out one"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if r := a.call(t, "PATCH", listPath+"/guard", tt.body); r.status != 400 || !strings.Contains(r.str("message"), tt.want) {
				t.Errorf("%d %s, want %q", r.status, r.text, tt.want)
			}
		})
	}
	writer := a.as(a.newToken(t, `{"name":"syncs","inlineRole":[{"effect":"allow","actions":["updateIncluded","viewProject"],"resources":["proj/*","proj/*:env/*:segment/*"]}]}`))
	writer.must(t, 200, "Guard", "GET", listPath+"/guard", "")
	writer.must(t, 403, "", "PATCH", listPath+"/guard", `{"shrinkPercent":null}`)
	writer.must(t, 403, "", "PATCH", environment, `{"shrinkPercent":null}`)
}

func TestAHeldImportIsReleasedOrDiscarded(t *testing.T) {
	a := bigAccount(t)
	a.must(t, 200, "Guard", "PATCH", listPath+"/guard", `{"minMembers":4}`)
	a.decided(t, a.load(t, "", "a\nb\nc\nd\n"))
	a.load(t, "?mode=replace&dryRun=true", "a\n").want(t, "wouldHold", "true")
	held := a.decided(t, a.load(t, "?mode=replace", "a\n"))
	held.want(t, "status", `"held"`)
	run := listPath + "/runs/" + held.str("runId")
	a.must(t, 200, "", "GET", run, "").want(t, "state", `"held"`, "hold.reason", `"shrink"`, "hold.would.removed", "3", "removed", "0")
	a.must(t, 200, "", "POST", run+"/discard", `{"comment":"wrong file"}`).want(t, "state", `"discarded"`, "comment", `"wrong file"`)
	a.must(t, 409, "", "POST", run+"/release", "")
	a.must(t, 200, "", "POST", run+"/hold", `{"comment":"it was right"}`).want(t, "state", `"held"`, "comment", `"it was right"`, "holdableUntil", "null", "_links.hold", "null")
	a.must(t, 200, "", "GET", run+"/diff", "").want(t, "removed", "3", "to", `"current"`)
	discarded := a.must(t, 200, "", "POST", run+"/discard", "")
	if left := discarded.at("holdableUntil").(float64) - float64(time.Now().UnixMilli()); left <= 0 || left > 600_000 { //nolint:forcetypeassert // the test fails if it is none
		t.Errorf("it can be held again for %v ms", left)
	}
	discarded.want(t, "_links.hold.href", `"/api/v2`+run+`/hold"`)
	a.must(t, 200, "", "GET", listPath+"/runs", "").want(t, "items.0._links.hold.href", `"/api/v2`+run+`/hold"`)
	again := a.decided(t, a.load(t, "?mode=replace", "a\n"))
	a.must(t, 409, "", "POST", run+"/hold", "").want(t, "code", `"conflict"`)
	a.must(t, 200, "", "GET", run, "").want(t, "state", `"discarded"`, "_links.hold", "null")
	a.must(t, 200, "", "POST", listPath+"/runs/"+again.str("runId")+"/release", "").want(t, "state", `"live"`, "removed", "3")
	if got := a.members(t); got != "1" {
		t.Errorf("%s members", got)
	}
	points := a.must(t, 200, "", "GET", listPath+"/points", "")
	back := a.must(t, 200, "", "POST", listPath+"/points/"+points.str("items.1._id")+"/publish", `{"comment":"oops"}`)
	back.want(t, "added", "3", "removed", "0")
	if got := a.members(t); got != "4" {
		t.Errorf("%s members after going back", got)
	}
}
