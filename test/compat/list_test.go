package compat

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// text asks for something that is not JSON.
func (r *rest) text(t testing.TB, method, path string) (body string, header http.Header) {
	t.Helper()
	return r.send(t, method, path, "", "")
}

// send sends a text and returns the text of the answer.
func (r *rest) send(t testing.TB, method, path, contentType, text string) (body string, header http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+"/api/v2"+path, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("Authorization", r.token)
	resp, err := (&http.Client{Transport: r.checks, Timeout: patience}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: status %d, %s, %v", method, path, resp.StatusCode, b, err)
	}
	return string(b), resp.Header
}

// until asks again until a field has left the given values.
func (r *rest) until(t testing.TB, path, field string, leave ...string) map[string]any {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		got := r.raw(t, 200, "GET", path, "")
		on := true
		for _, l := range leave {
			on = on && got[field] != l
		}
		if on {
			return got
		}
	}
	t.Fatalf("%s of %s does not change", field, path)
	return nil
}

// driveWholeLists imports with LaunchDarkly's generated client, and goes back.
func driveWholeLists(t *testing.T, r *rest) {
	ctx, segments := r.auth(t), r.SegmentsBetaApi
	r.raw(t, 201, "POST", "/segments/default/production", `{"key":"lists","name":"Lists","unbounded":true}`)
	const path = "/segments/default/production/lists"
	file := filepath.Join(t.TempDir(), "vips.csv")
	load := func(mode, list string) map[string]any {
		t.Helper()
		if err := os.WriteFile(file, []byte(list), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := segments.CreateBigSegmentImport(ctx, "default", "production", "lists").Mode(mode).File(f).Execute()
		if err != nil || resp.StatusCode != http.StatusNoContent {
			t.Fatalf("import: %v, %v", resp, err)
		}
		at := strings.TrimPrefix(resp.Header.Get("Location"), "/api/v2")
		id := at[strings.LastIndexByte(at, '/')+1:]
		done := r.until(t, at, "status", "preparing", "in_progress")
		seen := from(segments.GetBigSegmentImport(ctx, "default", "production", "lists", id).Execute()).ok(t)
		same(t, "the import to the generated client", []any{seen.Id, seen.SegmentKey, seen.Status}, []any{id, "lists", done["status"]})
		return done
	}
	var crowd strings.Builder
	for range 1500 {
		crowd.WriteString("user-" + strings.Repeat("x", crowd.Len()%7) + string(rune('a'+crowd.Len()%26)) + "-" + time.Duration(crowd.Len()).String() + "\n")
	}
	first := load("merge", crowd.String())
	same(t, "the first list", first["result"].(map[string]any)["added"], 1500)
	bad := load("merge", "ann\n\xff\n")
	rejects, _ := r.text(t, "GET", path+"/runs/"+bad["runId"].(string)+"/rejects")
	if !strings.Contains(rejects, "2,the key is not UTF-8") {
		t.Errorf("rejects %q", rejects)
	}
	would, _ := r.send(t, "POST", path+"/imports/diff/file?mode=replace", "text/csv", "ann\nzoe\n")
	same(t, "rows of what a list would do", strings.Count(would, "\n"), 1+1500+1)
	r.raw(t, 200, "PATCH", path+"/guard", `{"shrinkPercent":20,"comment":"careful"}`)
	same(t, "a limit of the segment", r.raw(t, 200, "GET", path+"/guard", "")["shrinkPercent"], 20)
	r.raw(t, 200, "PATCH", "/projects/default/environments/production/guard", `{"windowSeconds":300}`)
	r.raw(t, 200, "GET", "/projects/default/environments/production/guard", "")
	const source = "/projects/default/environments/production/sources/hightouch"
	r.raw(t, 200, "PATCH", source+"/guard", `{"windowSeconds":200}`)
	same(t, "a limit of a source", r.raw(t, 200, "GET", source+"/guard", "")["windowSeconds"], 200)
	r.raw(t, 200, "POST", source+"/guard/trial", `{"windowSeconds":100}`)
	same(t, "the name of a source", r.raw(t, 200, "PATCH", source, `{"name":"Warehouse"}`)["name"], "Warehouse")
	same(t, "the segments of a source", r.raw(t, 200, "GET", source, "")["segments"], 0)
	r.raw(t, 200, "GET", "/projects/default/environments/production/sources", "")
	r.raw(t, 204, "DELETE", source, "")
	// LaunchDarkly has the followers of flags at this path; to its client ours are of flags without a key.
	from(r.FollowFlagsApi.GetFollowersByProjEnv(r.auth(t), "default", "production").Execute()).ok(t)
	r.raw(t, 202, "POST", "/projects/default/environments/production/resync", `{"comment":"a store was emptied"}`)
	r.raw(t, 200, "GET", "/projects/default/environments/production/sdks", "")
	r.raw(t, 200, "GET", "/projects/default/environments/production/seen-contexts", "")
	held := load("replace", "ann\n")
	same(t, "a list that shrinks too much", held["status"], "held")
	r.raw(t, 200, "GET", path+"/runs/"+held["runId"].(string)+"/diff", "")
	changes, _ := r.text(t, "GET", path+"/runs/"+held["runId"].(string)+"/diff/file")
	same(t, "rows of the held difference", strings.Count(changes, "\n"), 1+1500)
	r.raw(t, 200, "GET", path+"/runs/"+held["runId"].(string)+"/diff/contexts/ann", "")
	r.raw(t, 200, "POST", path+"/runs/"+held["runId"].(string)+"/discard", `{"comment":"wrong file"}`)
	same(t, "a run that is held again", r.raw(t, 200, "POST", path+"/runs/"+held["runId"].(string)+"/hold", `{"comment":"it was right"}`)["state"], "held")
	r.raw(t, 200, "POST", path+"/runs/"+held["runId"].(string)+"/discard", `{}`)
	again := load("replace", "ann\n")
	r.raw(t, 200, "POST", path+"/runs/"+again["runId"].(string)+"/release", `{}`)
	same(t, "members after the release", r.raw(t, 200, "GET", path+"/members", "")["totalCount"], 1)

	points := r.raw(t, 200, "GET", path+"/points", "")["items"].([]any)
	point := points[1].(map[string]any)["_id"].(string)
	diff := r.raw(t, 200, "GET", path+"/points/"+point+"/diff?to=current", "")
	same(t, "what going back would do", []any{diff["added"], diff["removed"]}, []any{1500, 0})
	changes, _ = r.text(t, "GET", path+"/points/"+point+"/diff/file?to=current")
	same(t, "rows of what going back would do", strings.Count(changes, "\n"), 1+1500)
	same(t, "a point that is kept", r.raw(t, 200, "PATCH", path+"/points/"+point, `{"kept":true}`)["kept"], true)
	back := r.raw(t, 200, "POST", path+"/points/"+point+"/publish", `{"comment":"oops"}`)
	same(t, "what going back did", []any{back["added"], back["removed"]}, []any{1500, 0})
	r.raw(t, 200, "GET", "/projects/default/environments/production/contexts/user/ann/timeline", "")
	line := r.raw(t, 200, "GET", path+"/members/ann/timeline", "")
	if !line["included"].(bool) || len(line["items"].([]any)) != 1 {
		t.Errorf("timeline %v", line)
	}
	wrong := load("remove", "ann\nnobody\n")
	undo := path + "/runs/" + wrong["runId"].(string) + "/undo"
	same(t, "what an undo would do", r.raw(t, 200, "GET", undo, "")["added"], 1)
	same(t, "what an undo did", r.raw(t, 200, "POST", undo, `{"comment":"wrong list"}`)["added"], 1)
	if n := r.raw(t, 200, "GET", path+"/imports?limit=2", "")["totalCount"].(float64); n != 5 {
		t.Errorf("%v imports", n)
	}

	resp, err := segments.CreateBigSegmentExport(ctx, "default", "production", "lists").Execute()
	if err != nil {
		t.Fatal(err)
	}
	at := strings.TrimPrefix(resp.Header.Get("Location"), "/api/v2")
	r.until(t, at, "status", "pending", "preparing", "in_progress")
	from(segments.GetBigSegmentExport(ctx, "default", "production", "lists", at[strings.LastIndexByte(at, '/')+1:]).Execute()).ok(t)
	out, _ := r.text(t, "GET", at+"/file")
	if n := strings.Count(out, "\n"); n < 1501 {
		t.Errorf("%d rows were exported", n)
	}
	r.raw(t, 200, "GET", path+"/exports", "")
	same(t, "what limits would have held", r.raw(t, 200, "POST", path+"/guard/trial", `{"shrinkPercent":50}`)["held"].(float64) > 0, true)
	const environment = "/projects/default/environments/production"
	r.raw(t, 200, "POST", environment+"/guard/trial", `{"shrinkPercent":50}`)
	same(t, "members now", r.raw(t, 200, "GET", path+"/series?range=24h", "")["members"], 1501)
	same(t, "flags of the segment", r.raw(t, 200, "GET", path+"/flags", "")["totalCount"], 0)
	same(t, "what is found", r.raw(t, 200, "GET", environment+"/search?q=lists", "")["items"].([]any)[0].(map[string]any)["key"], "lists")
	if n := r.raw(t, 200, "GET", environment+"/summary", "")["segments"].(float64); n < 1 {
		t.Errorf("%v segments", n)
	}
	r.raw(t, 202, "POST", path+"/generation-moves", `{"comment":"a store keeps leftovers"}`)
	r.raw(t, 204, "DELETE", path, "")
}
