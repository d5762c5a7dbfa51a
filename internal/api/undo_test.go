package api_test

import (
	"fmt"
	"strings"
	"testing"
)

// edit changes members by hand and returns the newest run.
func (a *account) edit(t testing.TB, body string) reply {
	t.Helper()
	a.must(t, 204, "", "POST", listPath+"/contexts", body)
	return a.must(t, 200, "", "GET", listPath+"/runs?limit=1", "")
}

func TestARunIsUndone(t *testing.T) {
	a := bigAccount(t)
	a.decided(t, a.load(t, "?mode=merge", "ann\nben\ncarl\ndora\n"))
	bad := a.decided(t, a.load(t, "?mode=remove", "ann\nben\ncarl\nnobody\n"))
	path := listPath + "/runs/" + bad.str("runId")
	a.must(t, 200, "Run", "GET", path, "").want(t, "removed", "3", "unchanged", "1", "_links.undo.href", `"/api/v2`+path+`/undo"`, "undoRefused", "null")
	seen := a.must(t, 200, "", "GET", path+"/undo", "")
	seen.want(t, "added", "3", "removed", "0", "changedSince", "0", "samples.removed", `[]`)
	a.edit(t, `{"included":{"add":["carl","eve"]}}`)
	a.must(t, 200, "", "GET", path+"/undo", "").want(t, "added", "2", "removed", "0", "changedSince", "1")

	// Who looked before carl came back is told to look again, and nothing is changed.
	if r := a.call(t, "POST", path+"/undo", fmt.Sprintf(`{"revision":%v}`, seen.at("revision"))); r.status != 409 || !strings.Contains(r.str("message"), "look again") {
		t.Errorf("an undo of what was seen before: %d %s", r.status, r.text)
	}
	if got := a.members(t); got != "3" {
		t.Errorf("%s members after a refusal", got)
	}
	done := a.must(t, 200, "Run", "POST", path+"/undo", `{"comment":"wrong list"}`)
	done.want(t, "kind", `"rollback"`, "mode", `"delta"`, "added", "2", "removed", "0", "unchanged", "1", "received", "3", "undoes", `"`+bad.str("runId")+`"`, "comment", `"wrong list"`)
	if got := a.members(t); got != "5" {
		t.Errorf("%s members after the undo", got)
	}
	a.must(t, 200, "", "GET", path, "").want(t, "state", `"rolledBack"`, "undone", `"`+done.str("_id")+`"`, "undoRefused", `"run `+bad.str("runId")+` can't be undone: it was undone by run `+done.str("_id")+`"`)

	// The same again is the same run.
	a.must(t, 200, "Run", "POST", path+"/undo", "").want(t, "_id", `"`+done.str("_id")+`"`)
	line := a.must(t, 200, "", "GET", listPath+"/members/ann/timeline", "")
	line.want(t, "included", "true", "items.0.change", `"added"`, "items.0.undoes", `"`+bad.str("runId")+`"`, "items.1.change", `"removed"`, "items.1.undone", `"`+done.str("_id")+`"`)

	// An undo can be undone.
	a.must(t, 200, "Run", "POST", listPath+"/runs/"+done.str("_id")+"/undo", "").want(t, "removed", "2", "added", "0")
	if got := a.members(t); got != "3" {
		t.Errorf("%s members after the undo of the undo", got)
	}
	entry := a.must(t, 200, "", "GET", "/auditlog?limit=1&spec="+strings.ReplaceAll("proj/*:env/*:segment/big", "*", "%2A"), "")
	if !strings.Contains(string(entry.text), "undid a sync of") {
		t.Errorf("the audit log says %s", entry.text)
	}
}

func TestARunThatLastsSaysWhy(t *testing.T) {
	a := bigAccount(t)
	whole := a.decided(t, a.load(t, "?mode=replace", "ann\nben\n"))
	edited := a.edit(t, `{"included":{"add":["carl"]}}`)
	nothing := a.edit(t, `{"included":{"add":["carl"]}}`)
	a.edit(t, `{"included":{"remove":["carl"]}}`)
	for name, tt := range map[string]struct{ run, want string }{
		"a whole list":                   {whole.str("runId"), "exchanged all members"},
		"an edit that was changed since": {edited.str("items.0._id"), "changed again since"},
		"an edit that changed nobody":    {nothing.str("items.0._id"), "changed nobody"},
	} {
		if r := a.call(t, "POST", listPath+"/runs/"+tt.run+"/undo", ""); r.status != 409 || !strings.Contains(r.str("message"), tt.want) {
			t.Errorf("%s: %d %s", name, r.status, r.text)
		}
	}
	a.decided(t, a.load(t, "?mode=replace", "ann\nben\ndora\n"))
	a.must(t, 409, "", "GET", listPath+"/runs/"+edited.str("items.0._id")+"/undo", "").want(t,
		"message", `"run `+edited.str("items.0._id")+` can't be undone: all members were exchanged since, by a full sync, a rollback or a release; roll back to a point under History"`)
	a.must(t, 404, "", "POST", listPath+"/runs/64b0c9f2a1d3e4f506172801/undo", "")
}
