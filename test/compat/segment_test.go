package compat

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	ldapi "github.com/launchdarkly/api-client-go/v17"
)

func driveBoundedSegments(t *testing.T, r *rest) {
	ctx, segments := r.auth(t), r.SegmentsApi
	made := from(segments.PostSegment(ctx, "default", "production").SegmentBody(ldapi.SegmentBody{
		Key: "staff", Name: "Staff", Description: new("Who works here"), Tags: []string{"hr"}, Unbounded: new(false), UnboundedContextKind: new(""),
	}).Execute()).ok(t)
	if made.Generation < 1 || made.GetUnbounded() || made.UnboundedContextKind != nil || made.Version != 1 {
		t.Errorf("segment is %+v", made)
	}
	from(segments.PostSegment(ctx, "default", "production").SegmentBody(ldapi.SegmentBody{Key: "staff", Name: "Staff"}).Execute()).refused(t, 409, "key_exists")
	from(segments.PostSegment(ctx, "default", "nowhere").SegmentBody(ldapi.SegmentBody{Key: "staff", Name: "Staff"}).Execute()).refused(t, 404, "not_found")
	from(segments.PostSegment(ctx, "default", "production").SegmentBody(ldapi.SegmentBody{Key: "", Name: "None"}).Execute()).refused(t, 400, "invalid_request")

	rules := []map[string]any{{"clauses": []map[string]any{{"attribute": "email", "op": "endsWith", "values": []string{"@example.org"}}}}}
	patched := from(segments.PatchSegment(ctx, "default", "production", "staff").PatchWithComment(envelope(
		op("test", "/version", made.Version), op("replace", "/name", "All staff"), op("replace", "/description", "x"), op("replace", "/tags", []string{"hr", "eu"}),
		op("replace", "/included", []string{"zoë", "abe"}), op("replace", "/excluded", []string{"mal"}), op("replace", "/rules", rules),
		op("replace", "/includedContexts", []map[string]any{{"contextKind": "org", "values": []string{"b", "a"}}}),
		op("replace", "/excludedContexts", []any{}), op("replace", "/temporary", true),
	)).Execute()).ok(t)
	same(t, "targets", []any{patched.Included, patched.Excluded, patched.IncludedContexts[0].Values}, []any{[]string{"zoë", "abe"}, []string{"mal"}, []string{"b", "a"}})
	if c := patched.Rules[0].Clauses[0]; c.Negate || c.GetContextKind() != "user" || c.GetId() == "" || patched.Rules[0].Weight != nil || patched.Version != 2 {
		t.Errorf("segment is %+v", patched)
	}
	stale := envelope(op("test", "/version", made.Version), op("replace", "/name", "Late"))
	from(segments.PatchSegment(ctx, "default", "production", "staff").PatchWithComment(stale).Execute()).refused(t, 409, "optimistic_locking_error")
	from(segments.PatchSegment(ctx, "default", "production", "staff").PatchWithComment(envelope(op("test", "/name", "Other"), op("replace", "/name", "x"))).Execute()).refused(t, 400, "invalid_patch")
	from(segments.PatchSegment(ctx, "default", "production", "staff").PatchWithComment(envelope(op("remove", "/nowhere", nil))).Execute()).refused(t, 400, "invalid_patch")
	from(segments.PatchSegment(ctx, "default", "production", "staff").PatchWithComment(envelope(op("replace", "/unbounded", true))).Execute()).refused(t, 400, "invalid_request")
	from(segments.PatchSegment(ctx, "default", "production", "nowhere").PatchWithComment(envelope(op("replace", "/name", "x"))).Execute()).refused(t, 404, "not_found")

	const path = "/segments/default/production/staff"
	if got := r.raw(t, 200, "PATCH", path, `[{"op":"add","path":"/included/-","value":"cid"}]`)["included"]; fmt.Sprint(got) != "[zoë abe cid]" {
		t.Errorf("after a raw array included is %v", got)
	}
	if got := r.raw(t, 200, "PATCH", path, `{"comment":"m","merge":{"name":"Merged","description":null}}`); got["name"] != "Merged" || got["description"] != nil {
		t.Errorf("after a merge patch the segment is %v", got)
	}
	if got := r.raw(t, 200, "PATCH", path, `{"name":"Bare"}`)["name"]; got != "Bare" {
		t.Errorf("after a bare merge patch the name is %v", got)
	}
	instructions := `{"environmentKey":"production","instructions":[{"kind":"addIncludedTargets","contextKind":"user","values":["dot"]},{"kind":"removeExcludedUsers","values":["mal"]},{"kind":"addTags","values":["new"]}]}`
	before := from(segments.GetSegment(ctx, "default", "production", "staff").Execute()).ok(t)
	dry := r.raw(t, 200, "PATCH", path+"?dryRun=true", instructions, "Content-Type", semanticPatch)
	if fmt.Sprint(dry["included"]) != "[zoë abe cid dot]" {
		t.Errorf("a dry run answers %v", dry)
	}
	same(t, "the segment after a dry run", from(segments.GetSegment(ctx, "default", "production", "staff").Execute()).ok(t), before)
	r.raw(t, 200, "PATCH", path, instructions, "Content-Type", semanticPatch)
	r.raw(t, 400, "PATCH", path, instructions)
	after := from(segments.GetSegment(ctx, "default", "production", "staff").Execute()).ok(t)
	same(t, "targets", []any{after.Included, len(after.Excluded)}, []any{[]string{"zoë", "abe", "cid", "dot"}, 0})
	r.raw(t, 200, "PATCH", path, instructions, "Content-Type", semanticPatch)
	if again := from(segments.GetSegment(ctx, "default", "production", "staff").Execute()).ok(t); again.Version != after.Version {
		t.Errorf("instructions that change nothing move the version from %d to %d", after.Version, again.Version)
	}
	state := ldapi.SegmentUserState{Included: &ldapi.SegmentUserList{Add: []string{"x"}}}
	emptied(segments.UpdateBigSegmentContextTargets(ctx, "default", "production", "staff").SegmentUserState(state).Execute()).refused(t, 400, "invalid_request")
	from(segments.GetSegmentMembershipForContext(ctx, "default", "production", "staff", "x").Execute()).refused(t, 400, "invalid_request")
	emptied(segments.DeleteSegment(ctx, "default", "production", "staff").Execute()).ok(t)
	emptied(segments.DeleteSegment(ctx, "default", "production", "staff").Execute()).refused(t, 404, "not_found")
	from(segments.GetSegment(ctx, "default", "production", "staff").Execute()).refused(t, 404, "not_found")
}

func driveUnboundedSegments(t *testing.T, r *rest) {
	ctx, segments := r.auth(t), r.SegmentsApi
	made := from(segments.PostSegment(ctx, "default", "production").SegmentBody(ldapi.SegmentBody{Key: "fleet", Name: "Fleet", Unbounded: new(true), UnboundedContextKind: new("device")}).Execute()).ok(t)
	if made.GetUnboundedContextKind() != "device" || made.UnboundedMetadata == nil || *made.UnboundedMetadata.IncludedCount != 0 {
		t.Errorf("segment is %+v", made)
	}
	user := from(segments.PostSegment(ctx, "default", "production").SegmentBody(ldapi.SegmentBody{Key: "crowd", Name: "Crowd", Unbounded: new(true)}).Execute()).ok(t)
	if user.GetUnboundedContextKind() != "user" {
		t.Errorf("kind is %q", user.GetUnboundedContextKind())
	}
	keys := []string{"a", "b c", "ü/ä", "a%2Fb", "..", "?q=1#f", "a//b", "a+b", "😀"}
	state := ldapi.SegmentUserState{
		Included: &ldapi.SegmentUserList{Add: append(slices.Clone(keys), "gone"), Remove: []string{"gone", "never"}},
		Excluded: &ldapi.SegmentUserList{Add: []string{"mal"}},
	}
	for range 2 {
		emptied(segments.UpdateBigSegmentContextTargets(ctx, "default", "production", "fleet").SegmentUserState(state).Execute()).ok(t)
		emptied(segments.UpdateBigSegmentTargets(ctx, "default", "production", "crowd").SegmentUserState(state).Execute()).ok(t)
	}
	emptied(segments.UpdateBigSegmentTargets(ctx, "default", "production", "fleet").SegmentUserState(state).Execute()).refused(t, 400, "invalid_request")
	emptied(segments.UpdateBigSegmentContextTargets(ctx, "default", "production", "nowhere").SegmentUserState(state).Execute()).refused(t, 404, "not_found")
	for _, key := range keys {
		got := from(segments.GetSegmentMembershipForContext(ctx, "default", "production", "fleet", key).Execute()).ok(t)
		same(t, "membership", got, ldapi.BigSegmentTarget{UserKey: key, Included: true})
		got = from(segments.GetSegmentMembershipForUser(ctx, "default", "production", "crowd", key).Execute()).ok(t)
		same(t, "membership", got, ldapi.BigSegmentTarget{UserKey: key, Included: true})
	}
	for key, excluded := range map[string]bool{"mal": true, "gone": false, "stranger": false} {
		got := from(segments.GetSegmentMembershipForContext(ctx, "default", "production", "fleet", key).Execute()).ok(t)
		same(t, "membership", got, ldapi.BigSegmentTarget{UserKey: key, Excluded: excluded})
	}
	from(segments.GetSegmentMembershipForContext(ctx, "default", "production", "nowhere", "a").Execute()).refused(t, 404, "not_found")
	got := from(segments.GetSegment(ctx, "default", "production", "fleet").Execute()).ok(t)
	if m := got.UnboundedMetadata; int(*m.IncludedCount) != len(keys) || *m.ExcludedCount != 1 || got.Version != made.Version {
		t.Errorf("metadata is %+v, version %d", m, got.Version)
	}
	// What the provider sends for every segment, whatever its kind.
	none := []string{}
	patched := from(segments.PatchSegment(ctx, "default", "production", "fleet").PatchWithComment(envelope(
		op("replace", "/name", "Fleet"), op("replace", "/description", "d"), op("replace", "/included", none), op("replace", "/excluded", none),
		op("replace", "/rules", none), op("replace", "/includedContexts", none), op("replace", "/excludedContexts", none), op("remove", "/tags", nil),
	)).Execute()).ok(t)
	if patched.GetDescription() != "d" {
		t.Errorf("segment is %+v", patched)
	}
	from(segments.PatchSegment(ctx, "default", "production", "fleet").PatchWithComment(envelope(op("replace", "/included", []string{"x"}))).Execute()).refused(t, 400, "invalid_request")
	ruled := from(segments.PatchSegment(ctx, "default", "production", "fleet").PatchWithComment(envelope(
		op("replace", "/rules", []map[string]any{{"clauses": []map[string]any{{"attribute": "key", "op": "in", "values": []string{"u1"}}}}}),
	)).Execute()).ok(t)
	if len(ruled.Rules) != 1 {
		t.Errorf("rules are %+v", ruled.Rules)
	}
	const path = "/segments/default/production/fleet"
	// A patch changes either the members or the definition.
	r.raw(t, 400, "PATCH", path, `{"instructions":[{"kind":"addBigSegmentIncludedTargets","values":["late"]},{"kind":"updateName","value":"F"}]}`, "Content-Type", semanticPatch)
	r.raw(t, 200, "PATCH", path, `{"instructions":[{"kind":"addBigSegmentIncludedTargets","values":["late"]}]}`, "Content-Type", semanticPatch)
	same(t, "membership", from(segments.GetSegmentMembershipForContext(ctx, "default", "production", "fleet", "late").Execute()).ok(t).Included, true)
	emptied(segments.DeleteSegment(ctx, "default", "production", "fleet").Execute()).ok(t)
	again := from(segments.PostSegment(ctx, "default", "production").SegmentBody(ldapi.SegmentBody{Key: "fleet", Name: "Fleet", Unbounded: new(true), UnboundedContextKind: new("device")}).Execute()).ok(t)
	if again.Generation <= made.Generation {
		t.Errorf("generation %d follows %d", again.Generation, made.Generation)
	}
	if got := from(segments.GetSegmentMembershipForContext(ctx, "default", "production", "fleet", "a").Execute()).ok(t); got.Included {
		t.Error("a new segment has the members of a deleted one")
	}
}

// driveLedger goes on with what driveUnboundedSegments left. The generated client knows no runs.
func driveLedger(t *testing.T, r *rest) {
	ctx, segments := r.auth(t), r.SegmentsApi
	const path, env = "/segments/default/production/crowd", "/projects/default/environments/production"
	body := `{"environmentId":"` + environmentID + `","cohortId":"c-7","cohortName":"Trial","listData":{"add":[{"id":"a/b"},{"id":""}],"remove":[]}}`
	if status, text := pushAs(t, &server{url: r.url}, "rudderstack", r.token, body); status >= 300 {
		t.Fatalf("a push is answered %d %s", status, text)
	}
	pushed := r.raw(t, 200, "GET", env+"/runs?tool=rudderstack&state=live&limit=1", "")
	run := pushed["items"].([]any)[0].(map[string]any)
	same(t, "the push in the ledger", []any{pushed["totalCount"], run["kind"], run["received"], run["added"], run["skipped"]}, []any{1, "push", 2, 1, 1})
	self := run["_links"].(map[string]any)["self"].(map[string]any)["href"].(string)
	alone := r.raw(t, 200, "GET", strings.TrimPrefix(self, "/api/v2"), "")
	if undo, _ := alone["_links"].(map[string]any)["undo"].(map[string]any); undo["href"] != self+"/undo" {
		t.Errorf("a push that can be undone has the links %v", alone["_links"])
	}
	delete(alone["_links"].(map[string]any), "undo") // lists don't look whether a run can be undone
	same(t, "the run", alone, run)

	synced := "/segments/default/production/" + run["segmentKey"].(string)
	r.raw(t, 200, "PATCH", synced, `[{"op":"replace","path":"/name","value":"Ours"}]`)
	same(t, "a name that follows its tool again", r.raw(t, 200, "POST", synced+"/follow", `{"fields":["name"]}`)["name"], "Trial")

	state := ldapi.SegmentUserState{Included: &ldapi.SegmentUserList{Add: []string{"a/b"}}}
	emptied(segments.UpdateBigSegmentTargets(ctx, "default", "production", "crowd").SegmentUserState(state).Execute()).ok(t)
	edits := r.raw(t, 200, "GET", path+"/runs?limit=1", "")
	if edit := edits["items"].([]any)[0].(map[string]any); edit["kind"] != "edit" || edit["segmentKey"] != "crowd" || edits["totalCount"].(float64) < 2 {
		t.Errorf("the newest run is %v", edits)
	}
	var in []any
	for _, item := range r.raw(t, 200, "GET", env+"/contexts/user/a%2Fb/segments", "")["items"].([]any) {
		in = append(in, item.(map[string]any)["segmentKey"])
	}
	same(t, "the segments of a/b", in, []any{"crowd", run["segmentKey"]})
	one := from(r.ContextsApi.GetContexts(ctx, "default", "production", "user", "a/b").Execute()).ok(t)
	same(t, "the context a/b", []any{one.GetTotalCount(), one.EnvironmentId, one.Items[0].Context}, []any{1, environmentID, map[string]any{"kind": "user", "key": "a/b"}})
	search := ldapi.ContextSearch{Filter: new(`kindKeys contains ["user:a/b","user:nobody"]`), Sort: new("-ts"), Limit: new(int32(10))}
	found := from(r.ContextsApi.SearchContexts(ctx, "default", "production").ContextSearch(search).Execute()).ok(t)
	same(t, "the contexts found", found.Items, one.Items)
	from(r.ContextsApi.SearchContexts(ctx, "default", "production").ContextSearch(search).Limit(5).Execute()).refused(t, 400, "invalid_request")
	r.raw(t, 404, "GET", "/segments/default/production/nowhere/runs", "")
	r.raw(t, 404, "GET", path+"/runs/64b0c9f2a1d3e4f506172800", "")
	r.raw(t, 400, "GET", env+"/runs?after=yesterday", "")
	emptied(segments.DeleteSegment(ctx, "default", "production", run["segmentKey"].(string)).Execute()).ok(t)
	left := r.raw(t, 200, "GET", strings.TrimPrefix(self, "/api/v2"), "")
	same(t, "why the run of a deleted segment can't be undone", strings.Contains(left["undoRefused"].(string), "was deleted"), true)
	delete(left, "undoRefused")
	delete(run, "segmentName")
	same(t, "the run of a deleted segment", left, run)
}

func driveLists(t *testing.T, r *rest) {
	ctx, segments := r.auth(t), r.SegmentsApi
	from(r.ProjectsApi.PostProject(ctx).ProjectPost(ldapi.ProjectPost{Key: "lists", Name: "Lists"}).Execute()).ok(t)
	for i := range 7 {
		body := ldapi.SegmentBody{Key: fmt.Sprintf("s%d", i), Name: fmt.Sprintf("Name %d", 9-i), Unbounded: new(i%2 == 0)}
		if i < 3 {
			body.Tags = []string{"early"}
		}
		from(segments.PostSegment(ctx, "lists", "test").SegmentBody(body).Execute()).ok(t)
	}
	state := ldapi.SegmentUserState{Included: &ldapi.SegmentUserList{Add: []string{"zoë"}}}
	emptied(segments.UpdateBigSegmentTargets(ctx, "lists", "test", "s4").SegmentUserState(state).Execute()).ok(t)
	var seen []string
	for offset := int64(0); ; offset += 3 {
		page := from(segments.GetSegments(ctx, "lists", "test").Limit(3).Offset(offset).Sort("name").Execute()).ok(t)
		if page.GetTotalCount() != 7 {
			t.Fatalf("total is %d", page.GetTotalCount())
		}
		_, first := page.Links["first"]
		_, next := page.Links["next"]
		if first != (offset > 0) || next != (offset+3 < 7) {
			t.Errorf("the page at %d has the links %v", offset, page.Links)
		}
		if want := fmt.Sprintf("limit=3&offset=%d", offset); !strings.Contains(*page.Links["self"].Href, want) {
			t.Errorf("self is %s, want %s in it", *page.Links["self"].Href, want)
		}
		for _, item := range page.Items {
			seen = append(seen, item.Key)
		}
		if len(page.Items) < 3 {
			break
		}
	}
	same(t, "keys by name", seen, []string{"s6", "s5", "s4", "s3", "s2", "s1", "s0"})
	beyond := from(segments.GetSegments(ctx, "lists", "test").Limit(20).Offset(1_000_000).Execute()).ok(t)
	if len(beyond.Items) != 0 || beyond.GetTotalCount() != 7 {
		t.Errorf("beyond the end there are %d of %d", len(beyond.Items), beyond.GetTotalCount())
	}
	for filter, want := range map[string]string{
		`query equals "s3"`:                            "[s3]",
		`tags anyOf ["early"]`:                         "[s0 s1 s2]",
		`unbounded equals false`:                       "[s1 s3 s5]",
		`external exists true`:                         "[]",
		`includedKeys anyOf ["zoë"]`:                   "[s4]",
		`tags anyOf ["early"],unbounded equals true`:   "[s0 s2]",
		`(query equals "s5"|query equals "s6"),x is 1`: "[s5 s6]",
	} {
		page := from(segments.GetSegments(ctx, "lists", "test").Filter(filter).Sort("creationDate").Execute()).ok(t)
		got := []string{}
		for _, item := range page.Items {
			got = append(got, item.Key)
		}
		slices.Sort(got)
		if fmt.Sprint(got) != want {
			t.Errorf("%s finds %v, want %s", filter, got, want)
		}
	}
	from(segments.GetSegments(ctx, "lists", "test").Filter(`tags anyOf`).Execute()).refused(t, 400, "invalid_request")
	from(segments.GetSegments(ctx, "lists", "test").Limit(-1).Execute()).refused(t, 400, "invalid_request")
	from(segments.GetSegments(ctx, "lists", "nowhere").Execute()).refused(t, 404, "not_found")
	for i := range 2 {
		from(r.FeatureFlagsApi.PostFeatureFlag(ctx, "lists").FeatureFlagBody(ldapi.FeatureFlagBody{Key: fmt.Sprintf("f%d", i), Name: "F"}).Execute()).ok(t)
	}
	flags := from(r.FeatureFlagsApi.GetFeatureFlags(ctx, "lists").Limit(100).Offset(100).Filter("purpose:all+!(holdout)").Execute()).ok(t)
	if len(flags.Items) != 0 || flags.GetTotalCount() != 2 {
		t.Errorf("beyond the end there are %d flags of %d", len(flags.Items), flags.GetTotalCount())
	}
	for _, path := range []string{"/projects", "/projects/lists/environments", "/tokens", "/members"} {
		if got := r.raw(t, 200, "GET", path+"?offset=5000", ""); len(got["items"].([]any)) != 0 || got["totalCount"].(float64) < 1 {
			t.Errorf("%s beyond its end: %v", path, got)
		}
	}
	emptied(r.ProjectsApi.DeleteProject(ctx, "lists").Execute()).ok(t)
	from(segments.GetSegments(ctx, "lists", "test").Execute()).refused(t, 404, "not_found")
}
