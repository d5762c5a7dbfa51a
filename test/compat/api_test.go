package compat

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	ldapi "github.com/launchdarkly/api-client-go/v17"
)

const semanticPatch = "application/json; domain-model=launchdarkly.semanticpatch"

// rest is LaunchDarkly's generated Go client, pointed at a server. Every answer it gets is checked.
type rest struct {
	*ldapi.APIClient
	url    string
	token  string
	checks *checker
}

// newRest returns the client of the administrator.
func newRest(t testing.TB, s *server) *rest {
	t.Helper()
	r := &rest{url: s.url, checks: newChecker(t)}
	return r.as(adminToken)
}

// as returns the client of another credential.
func (r *rest) as(token string) *rest {
	c := ldapi.NewConfiguration()
	c.Servers = ldapi.ServerConfigurations{{URL: r.url}}
	c.HTTPClient = &http.Client{Transport: r.checks, Timeout: patience}
	c.DefaultHeader["LD-API-Version"] = "20240415"
	return &rest{APIClient: ldapi.NewAPIClient(c), url: r.url, token: token, checks: r.checks}
}

// beta returns the client that asks for beta endpoints.
func (r *rest) beta() *rest {
	b := r.as(r.token)
	b.GetConfig().DefaultHeader["LD-API-Version"] = "beta"
	return b
}

// auth carries the credential the way the generated client wants it.
func (r *rest) auth(t testing.TB) context.Context {
	return context.WithValue(t.Context(), ldapi.ContextAPIKeys, map[string]ldapi.APIKey{"ApiKey": {Key: r.token}})
}

// raw sends what the generated client can't, over the same checks, and returns the decoded body.
func (r *rest) raw(t testing.TB, want int, method, path, body string, header ...string) map[string]any {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+"/api/v2"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", r.token)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Client{Transport: r.checks, Timeout: patience}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != want {
		t.Fatalf("%s %s %s: status %d, want %d: %s", method, path, body, resp.StatusCode, want, text)
	}
	var got map[string]any
	if len(bytes.TrimSpace(text)) > 0 {
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

func op(verb, path string, value any) ldapi.PatchOperation {
	return ldapi.PatchOperation{Op: verb, Path: path, Value: value}
}

func envelope(ops ...ldapi.PatchOperation) ldapi.PatchWithComment {
	return ldapi.PatchWithComment{Patch: ops, Comment: new("Terraform")}
}

// same compares the JSON forms.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	g, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	w, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(g, w) {
		t.Errorf("%s is %s, want %s", what, g, w)
	}
}

// TestGeneratedClientDrivesEveryEndpoint goes through docs/policies.md with LaunchDarkly's generated
// client, one account throughout.
func TestGeneratedClientDrivesEveryEndpoint(t *testing.T) {
	s := start(t)
	r := newRest(t, s)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *rest)
	}{
		{"who asks", driveIdentity},
		{"projects and environments", driveProjects},
		{"segments of listed targets", driveBoundedSegments},
		{"segments of any size", driveUnboundedSegments},
		{"the ledger", driveLedger},
		{"whole lists", driveWholeLists},
		{"lists page and filter", driveLists},
		{"flags", driveFlags},
		{"the SDK data of an environment", driveSDKData},
		{"tokens and members", driveTokens},
		{"custom roles", driveRoles},
		{"tokens with custom roles", driveCustomTokens},
		{"account members", driveMembers},
		{"webhooks", driveWebhooks},
		{"the audit log", driveAudit},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, r) })
	}
	r.checks.complete(t)
}

func driveIdentity(t *testing.T, r *rest) {
	ctx := r.auth(t)
	versions := from(r.OtherApi.GetVersions(ctx).Execute()).ok(t)
	same(t, "versions", versions.ValidVersions, []int{20160426, 20191212, 20210729, 20220603, 20240415})
	if versions.LatestVersion != 20240415 || versions.CurrentVersion != 20240415 {
		t.Errorf("versions are %+v", versions)
	}
	root := from(r.OtherApi.GetRoot(ctx).Execute()).ok(t)
	for _, name := range []string{"flags", "projects", "segments"} {
		if *root.Links[name].Href != "/api/v2/"+name {
			t.Errorf("root links %s to %q", name, *root.Links[name].Href)
		}
	}
	who := from(r.OtherApi.GetCallerIdentity(ctx).Execute()).ok(t)
	if who.GetAuthKind() != "token" || who.GetMemberId() == "" || who.GetTokenId() == "" {
		t.Errorf("the administrator is %+v", who)
	}
	sdk := r.as(sdkKey)
	who = from(sdk.OtherApi.GetCallerIdentity(sdk.auth(t)).Execute()).ok(t)
	if who.GetAuthKind() != "sdkKey" || who.GetEnvironmentId() != environmentID {
		t.Errorf("an SDK key is %+v", who)
	}
	for _, token := range []string{"", "api-00000000-0000-4000-8000-000000000000", sdkKey, mobileKey, environmentID} {
		stranger := r.as(token)
		from(stranger.OtherApi.GetVersions(stranger.auth(t)).Execute()).refused(t, 401, "unauthorized")
		from(stranger.ProjectsApi.GetProjects(stranger.auth(t)).Execute()).refused(t, 401, "unauthorized")
	}
	if r.raw(t, 200, "GET", "/account", "")["organization"] == "" {
		t.Error("the account has no organization")
	}
	r.raw(t, 200, "GET", "/limits", "")
	if found, _ := r.text(t, "POST", "/verify"); !strings.Contains(found, `"kind":"complete"`) {
		t.Errorf("a verification answers %s", found)
	}
}

func driveProjects(t *testing.T, r *rest) {
	ctx, projects, envs := r.auth(t), r.ProjectsApi, r.EnvironmentsApi
	made := from(projects.PostProject(ctx).ProjectPost(ldapi.ProjectPost{
		Key: "web.shop-1", Name: "Web shop", Tags: []string{"b", "a"},
		DefaultClientSideAvailability: &ldapi.DefaultClientSideAvailabilityPost{UsingEnvironmentId: true, UsingMobileKey: true},
		Environments: []ldapi.EnvironmentPost{
			{Key: "production", Name: "Production", Color: "417505", Critical: new(true)},
			{Key: "staging", Name: "Staging", Color: "000000", DefaultTtl: new(int32(5)), SecureMode: new(true), Tags: []string{"x"}},
		},
	}).Execute()).ok(t)
	if len(made.Environments) != 2 || made.Environments[0].Id == "" || made.Environments[1].ApiKey == "" || made.Environments[1].MobileKey == "" {
		t.Fatalf("environments are %+v", made.Environments)
	}
	if !*made.DefaultClientSideAvailability.UsingEnvironmentId || !*made.DefaultClientSideAvailability.UsingMobileKey {
		t.Errorf("availability is %+v", made.DefaultClientSideAvailability)
	}
	from(projects.PostProject(ctx).ProjectPost(ldapi.ProjectPost{Key: "web.shop-1", Name: "Again"}).Execute()).refused(t, 409, "conflict")
	from(projects.PostProject(ctx).ProjectPost(ldapi.ProjectPost{Key: "no spaces", Name: "Bad"}).Execute()).refused(t, 400, "invalid_request")
	bare := from(projects.PostProject(ctx).ProjectPost(ldapi.ProjectPost{Key: "bare", Name: "Bare"}).Execute()).ok(t)
	names := map[string]string{}
	for _, e := range bare.Environments {
		names[e.Key] = e.Name
	}
	same(t, "environments of a project made without any", names, map[string]string{"test": "Test", "production": "Production"})

	got := from(projects.GetProject(ctx, "web.shop-1").Expand("environments").Execute()).ok(t)
	if got.Environments == nil || got.Environments.GetTotalCount() != 2 {
		t.Errorf("expanded environments are %+v", got.Environments)
	}
	if got = from(projects.GetProject(ctx, "web.shop-1").Execute()).ok(t); got.Environments != nil {
		t.Error("environments are there without expand")
	}
	from(projects.GetProject(ctx, "nowhere").Execute()).refused(t, 404, "not_found")
	list := from(projects.GetProjects(ctx).Filter("query:shop").Sort("-name").Expand("environments").Execute()).ok(t)
	if len(list.Items) != 1 || list.GetTotalCount() != 1 {
		t.Errorf("found %+v", list.Items)
	}
	patched := from(projects.PatchProject(ctx, "web.shop-1").PatchOperation([]ldapi.PatchOperation{
		op("replace", "/name", "Shop"), op("add", "/tags/-", "c"), op("remove", "/tags/0", nil),
		op("replace", "/requireViewAssociationForNewFlags", false), op("replace", "/requireViewAssociationForNewSegments", false),
	}).Execute()).ok(t)
	same(t, "name and tags", []any{patched.Name, patched.Tags}, []any{"Shop", []string{"b", "c"}})
	from(projects.PatchProject(ctx, "nowhere").PatchOperation([]ldapi.PatchOperation{op("replace", "/name", "x")}).Execute()).refused(t, 404, "not_found")
	from(projects.PatchProject(ctx, "web.shop-1").PatchOperation([]ldapi.PatchOperation{op("replace", "/key", "other")}).Execute()).refused(t, 400, "invalid_request")

	env := from(envs.PostEnvironment(ctx, "web.shop-1").EnvironmentPost(ldapi.EnvironmentPost{Key: "qa", Name: "QA", Color: "abcdef", DefaultTtl: new(int32(60))}).Execute()).ok(t)
	if env.DefaultTtl != 60 || env.Color != "abcdef" || env.ApiKey == "" {
		t.Errorf("environment is %+v", env)
	}
	from(envs.PostEnvironment(ctx, "web.shop-1").EnvironmentPost(ldapi.EnvironmentPost{Key: "qa", Name: "QA", Color: "abcdef"}).Execute()).refused(t, 409, "conflict")
	from(envs.PostEnvironment(ctx, "nowhere").EnvironmentPost(ldapi.EnvironmentPost{Key: "qa", Name: "QA", Color: "abcdef"}).Execute()).refused(t, 404, "not_found")
	from(envs.PostEnvironment(ctx, "web.shop-1").EnvironmentPost(ldapi.EnvironmentPost{Key: "c", Name: "C", Color: "red"}).Execute()).refused(t, 400, "invalid_request")
	read := from(envs.GetEnvironment(ctx, "web.shop-1", "qa").Execute()).ok(t)
	same(t, "the environment read back", read, env)
	from(envs.GetEnvironment(ctx, "web.shop-1", "nowhere").Execute()).refused(t, 404, "not_found")
	changed := from(envs.PatchEnvironment(ctx, "web.shop-1", "qa").PatchOperation([]ldapi.PatchOperation{
		op("replace", "/name", "Quality"), op("replace", "/requireComments", true), op("replace", "/tags", []string{"t"}),
		op("replace", "/approvalSettings/required", false), op("replace", "/critical", true),
	}).Execute()).ok(t)
	if changed.Name != "Quality" || !changed.RequireComments || !changed.Critical || len(changed.Tags) != 1 {
		t.Errorf("environment is %+v", changed)
	}
	page := from(envs.GetEnvironmentsByProject(ctx, "web.shop-1").Limit(2).Offset(1).Sort("-name").Execute()).ok(t)
	if page.GetTotalCount() != 3 || len(page.Items) != 2 || page.Items[0].Key != "qa" || page.Items[1].Key != "production" {
		t.Errorf("page has %+v of %d", page.Items, page.GetTotalCount())
	}
	page = from(envs.GetEnvironmentsByProject(ctx, "web.shop-1").Filter("query:stag").Execute()).ok(t)
	if page.GetTotalCount() != 1 || page.Items[0].Key != "staging" {
		t.Errorf("found %+v", page.Items)
	}
	old := changed.ApiKey
	until := time.Now().Add(time.Hour)
	rotated := from(envs.ResetEnvironmentSDKKey(ctx, "web.shop-1", "qa").Expiry(until.UnixMilli()).Execute()).ok(t)
	for _, key := range []string{old, rotated.ApiKey} {
		sdk := r.as(key)
		if who := from(sdk.OtherApi.GetCallerIdentity(sdk.auth(t)).Execute()).ok(t); who.GetEnvironmentId() != env.Id {
			t.Errorf("an SDK key of a rotation is %+v", who)
		}
	}
	again := from(envs.ResetEnvironmentSDKKey(ctx, "web.shop-1", "qa").Execute()).ok(t)
	for _, key := range []string{old, rotated.ApiKey} {
		sdk := r.as(key)
		from(sdk.OtherApi.GetCallerIdentity(sdk.auth(t)).Execute()).refused(t, 401, "unauthorized")
	}
	mobile := from(envs.ResetEnvironmentMobileKey(ctx, "web.shop-1", "qa").Execute()).ok(t)
	if mobile.MobileKey == env.MobileKey || mobile.ApiKey != again.ApiKey || again.ApiKey == rotated.ApiKey {
		t.Errorf("after rotations the keys are %q and %q", mobile.ApiKey, mobile.MobileKey)
	}
	from(envs.ResetEnvironmentSDKKey(ctx, "web.shop-1", "nowhere").Execute()).refused(t, 404, "not_found")
	from(envs.PostEnvironment(ctx, "web.shop-1").EnvironmentPost(ldapi.EnvironmentPost{Key: "copy", Name: "Copy", Color: "abcdef", Source: &ldapi.SourceEnv{Key: new("qa")}}).Execute()).ok(t)
	emptied(envs.DeleteEnvironment(ctx, "web.shop-1", "copy").Execute()).ok(t)

	kinds := r.ContextsApi
	from(kinds.PutContextKind(ctx, "web.shop-1", "org").UpsertContextKindPayload(ldapi.UpsertContextKindPayload{Name: "Org"}).Execute()).ok(t)
	from(kinds.PutContextKind(ctx, "web.shop-1", "org").UpsertContextKindPayload(ldapi.UpsertContextKindPayload{Name: "Org", Description: new("Who pays")}).Execute()).ok(t)
	from(kinds.PutContextKind(ctx, "web.shop-1", "multi").UpsertContextKindPayload(ldapi.UpsertContextKindPayload{Name: "Multi"}).Execute()).refused(t, 400, "invalid_request")
	known := from(kinds.GetContextKindsByProjectKey(ctx, "web.shop-1").Execute()).ok(t)
	if len(known.Items) != 2 || known.Items[0].Key != "user" || known.Items[1].Version != 2 || known.Items[1].Description != "Who pays" {
		t.Errorf("context kinds are %+v", known.Items)
	}
	emptied(envs.DeleteEnvironment(ctx, "web.shop-1", "qa").Execute()).ok(t)
	emptied(envs.DeleteEnvironment(ctx, "web.shop-1", "qa").Execute()).refused(t, 404, "not_found")
	emptied(envs.DeleteEnvironment(ctx, "web.shop-1", "staging").Execute()).ok(t)
	if o := emptied(envs.DeleteEnvironment(ctx, "web.shop-1", "production").Execute()); o.err == nil || o.resp.StatusCode >= 500 {
		t.Errorf("the last environment: %v", o.err)
	}
	emptied(projects.DeleteProject(ctx, "web.shop-1").Execute()).ok(t)
	emptied(projects.DeleteProject(ctx, "bare").Execute()).ok(t)
	emptied(projects.DeleteProject(ctx, "bare").Execute()).refused(t, 404, "not_found")
}

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
	same(t, "the run", r.raw(t, 200, "GET", strings.TrimPrefix(self, "/api/v2"), ""), run)

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
	r.raw(t, 404, "GET", "/segments/default/production/nowhere/runs", "")
	r.raw(t, 404, "GET", path+"/runs/64b0c9f2a1d3e4f506172800", "")
	r.raw(t, 400, "GET", env+"/runs?after=yesterday", "")
	emptied(segments.DeleteSegment(ctx, "default", "production", run["segmentKey"].(string)).Execute()).ok(t)
	same(t, "the run of a deleted segment", r.raw(t, 200, "GET", strings.TrimPrefix(self, "/api/v2"), ""), run)
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

func driveFlags(t *testing.T, r *rest) {
	ctx, flags := r.auth(t), r.FeatureFlagsApi
	from(flags.GetFeatureFlag(ctx, "default", "colour").Execute()).refused(t, 404, "not_found")
	made := from(flags.PostFeatureFlag(ctx, "default").FeatureFlagBody(ldapi.FeatureFlagBody{
		Key: "colour", Name: "Colour", Temporary: new(false), Tags: []string{"ui"},
		Variations:       []ldapi.Variation{{Value: new(any("red")), Name: new("Red")}, {Value: new(any("green"))}, {Value: new(any("blue"))}, {Value: new(any("grey"))}},
		Defaults:         &ldapi.Defaults{OnVariation: 1, OffVariation: 0},
		CustomProperties: &map[string]ldapi.CustomProperty{"jira": {Name: "Jira", Value: []string{"X-1"}}},
	}).Execute()).ok(t)
	config := made.Environments["production"]
	if config.On || config.GetOffVariation() != 0 || config.Fallthrough.GetVariation() != 1 || made.Kind != "multivariate" || made.Version != 1 {
		t.Errorf("flag is %+v, production %+v", made, config)
	}
	from(flags.PostFeatureFlag(ctx, "default").FeatureFlagBody(ldapi.FeatureFlagBody{Key: "colour", Name: "Colour"}).Execute()).refused(t, 409, "conflict")
	from(flags.PostFeatureFlag(ctx, "nowhere").FeatureFlagBody(ldapi.FeatureFlagBody{Key: "colour", Name: "Colour"}).Execute()).refused(t, 404, "not_found")
	boolean := from(flags.PostFeatureFlag(ctx, "default").FeatureFlagBody(ldapi.FeatureFlagBody{Key: "gate", Name: "Gate"}).Execute()).ok(t)
	if boolean.Kind != "boolean" || len(boolean.Variations) != 2 || boolean.Defaults.OffVariation != 1 {
		t.Errorf("a flag without variations is %+v", boolean)
	}
	list := from(flags.GetFeatureFlags(ctx, "default").Filter("query:colour").Execute()).ok(t)
	if len(list.Items) != 1 || list.Items[0].Environments != nil {
		t.Errorf("the list without env holds %+v", list.Items)
	}
	list = from(flags.GetFeatureFlags(ctx, "default").Env("production").Tag("ui").Sort("-name").Execute()).ok(t)
	if len(list.Items) != 1 || len(list.Items[0].Environments) != 1 {
		t.Errorf("the list with env holds %+v", list.Items)
	}
	summary := list.Items[0].Environments["production"].Summary
	if summary == nil || !*summary.Variations["1"].IsFallthrough || !*summary.Variations["0"].IsOff {
		t.Errorf("the summary is %+v", summary)
	}
	patched := from(flags.PatchFeatureFlag(ctx, "default", "colour").PatchWithComment(envelope(
		op("test", "/_version", made.Version), op("replace", "/description", "Which"), op("remove", "/variations/2", nil), op("remove", "/variations/3", nil),
		op("replace", "/maintainerId", from(r.OtherApi.GetCallerIdentity(ctx).Execute()).ok(t).GetMemberId()), op("remove", "/tags", nil),
		op("replace", "/environments/production/rules", []map[string]any{{"variation": 0, "clauses": []map[string]any{{"attribute": "", "op": "segmentMatch", "values": []string{"crowd"}}}}}),
		op("replace", "/environments/production/targets", []map[string]any{{"variation": 1, "values": []string{"amy"}}}),
		op("replace", "/environments/production/contextTargets", []map[string]any{{"variation": 1, "contextKind": "org", "values": []string{"acme"}}}),
		op("replace", "/environments/production/prerequisites", []map[string]any{{"key": "gate", "variation": 0}}),
		op("replace", "/environments/production/fallthrough", map[string]any{"rollout": map[string]any{"contextKind": "user", "variations": []map[string]any{{"variation": 0, "weight": 25000}, {"variation": 1, "weight": 75000}}}}),
	)).Execute()).ok(t)
	config = patched.Environments["production"]
	if len(patched.Variations) != 2 || len(patched.Tags) != 0 || config.Rules[0].GetId() == "" || config.Fallthrough.Rollout == nil || len(config.Prerequisites) != 1 {
		t.Errorf("flag is %+v, production %+v", patched, config)
	}
	from(flags.PatchFeatureFlag(ctx, "default", "colour").PatchWithComment(envelope(op("test", "/_version", 1), op("replace", "/name", "x"))).Execute()).refused(t, 409, "optimistic_locking_error")
	from(flags.PatchFeatureFlag(ctx, "default", "colour").PatchWithComment(envelope(op("replace", "/environments/nowhere/on", true))).Execute()).refused(t, 400, "invalid_patch")
	from(flags.PatchFeatureFlag(ctx, "default", "nowhere").PatchWithComment(envelope(op("replace", "/name", "x"))).Execute()).refused(t, 404, "not_found")
	emptied(flags.DeleteFeatureFlag(ctx, "default", "gate").Execute()).refused(t, 409, "conflict")
	from(r.FeatureFlagsBetaApi.GetDependentFlags(ctx, "default", "gate").Execute()).refused(t, 403, "forbidden")
	b := r.beta()
	all := from(b.FeatureFlagsBetaApi.GetDependentFlags(ctx, "default", "gate").Execute()).ok(t)
	if len(all.Items) != 1 || all.Items[0].Key != "colour" || len(all.Items[0].Environments) != 1 || all.Items[0].Environments[0].Key != "production" {
		t.Errorf("gate is a prerequisite of %+v", all.Items)
	}
	if in := from(b.FeatureFlagsBetaApi.GetDependentFlagsByEnv(ctx, "default", "test", "gate").Execute()).ok(t); len(in.Items) != 0 {
		t.Errorf("in test gate is a prerequisite of %+v", in.Items)
	}
	clone := from(flags.PostFeatureFlag(ctx, "default").Clone("colour").FeatureFlagBody(ldapi.FeatureFlagBody{Key: "clone", Name: "Clone"}).Execute()).ok(t)
	if len(clone.Variations) != 2 || len(clone.Environments["production"].Rules) != 1 {
		t.Errorf("the clone is %+v", clone)
	}
	copied := from(flags.CopyFeatureFlag(ctx, "default", "clone").FlagCopyConfigPost(ldapi.FlagCopyConfigPost{
		Source: ldapi.FlagCopyConfigEnvironment{Key: "production", CurrentVersion: new(clone.Environments["production"].Version)},
		Target: ldapi.FlagCopyConfigEnvironment{Key: "test"}, IncludedActions: []string{"updateRules"},
	}).Execute()).ok(t)
	if test := copied.Environments["test"]; len(test.Rules) != 1 || len(test.Targets) != 0 {
		t.Errorf("after a copy of rules test is %+v", test)
	}
	if got := from(flags.GetFeatureFlagStatus(ctx, "default", "test", "clone").Execute()).ok(t); got.Name != "new" {
		t.Errorf("a flag of this minute is %q", got.Name)
	}
	if got := from(flags.GetFeatureFlagStatuses(ctx, "default", "test").Execute()).ok(t); len(got.Items) != 3 {
		t.Errorf("the statuses are %+v", got.Items)
	}
	if got := from(flags.GetFeatureFlagStatusAcrossEnvironments(ctx, "default", "clone").Execute()).ok(t); len(got.Environments) != 2 {
		t.Errorf("the statuses are %+v", got.Environments)
	}
	emptied(flags.DeleteFeatureFlag(ctx, "default", "clone").Execute()).ok(t)
	emptied(r.SegmentsApi.DeleteSegment(ctx, "default", "production", "crowd").Execute()).refused(t, 409, "conflict")
	used := from(r.SegmentsApi.GetSegment(ctx, "default", "production", "crowd").Execute()).ok(t)
	if len(used.Flags) != 1 || used.Flags[0].Key != "colour" {
		t.Errorf("the segment is used by %+v", used.Flags)
	}

	const path = "/flags/default/colour"
	r.raw(t, 200, "PATCH", path, `[{"op":"replace","path":"/environments/production/on","value":true}]`)
	toggled := r.raw(t, 200, "PATCH", path+"?dryRun=true", `{"environmentKey":"production","instructions":[{"kind":"turnFlagOff"}]}`, "Content-Type", semanticPatch)
	if toggled["environments"].(map[string]any)["production"].(map[string]any)["on"] != false {
		t.Error("a dry run does not show its result")
	}
	read := from(flags.GetFeatureFlag(ctx, "default", "colour").Env("production").Execute()).ok(t)
	if config = read.Environments["production"]; !config.On {
		t.Error("a dry run was kept")
	}
	second := *read.Variations[1].Id
	r.raw(t, 200, "PATCH", path, fmt.Sprintf(`{"environmentKey":"production","instructions":[{"kind":"updateFallthroughVariationOrRollout","variationId":%q},{"kind":"addTargets","contextKind":"user","variationId":%q,"values":["bo"]},{"kind":"removePrerequisite","key":"gate"}]}`, second, second), "Content-Type", semanticPatch)
	read = from(flags.GetFeatureFlag(ctx, "default", "colour").Execute()).ok(t)
	config = read.Environments["production"]
	if config.Fallthrough.Rollout != nil || config.Fallthrough.GetVariation() != 1 || len(config.Prerequisites) != 0 || fmt.Sprint(config.Targets[0].Values) != "[amy bo]" {
		t.Errorf("production is %+v", config)
	}
	amy := map[string]any{"kind": "user", "key": "amy"}
	served := from(r.ContextsApi.EvaluateContextInstance(ctx, "default", "production").RequestBody(amy).Filter("query:colour").Execute()).ok(t)
	if len(served.Items) != 1 || served.Items[0].Value != "green" || served.Items[0].Reason.Kind != "TARGET_MATCH" {
		t.Errorf("amy is served %+v", served.Items)
	}
	in := from(r.SegmentsApi.GetContextInstanceSegmentsMembershipByEnv(ctx, "default", "production").RequestBody(map[string]any{"kind": "user", "key": "a//b"}).Execute()).ok(t)
	if i := slices.IndexFunc(in.Items, func(s ldapi.ContextInstanceSegmentMembership) bool { return s.Key == "crowd" }); i < 0 || !in.Items[i].IsMember || !in.Items[i].IsIndividuallyTargeted {
		t.Errorf("a//b is in %+v", in.Items)
	}
	if tags := from(r.TagsApi.GetTags(ctx).Execute()).ok(t); int(tags.GetTotalCount()) != len(tags.Items) {
		t.Errorf("the tags are %+v", tags)
	}
	removed := from(flags.PatchFeatureFlag(ctx, "default", "colour").PatchWithComment(envelope(op("remove", "/environments/production/offVariation", nil))).Execute()).ok(t)
	if config = removed.Environments["production"]; config.OffVariation != nil {
		t.Errorf("offVariation is %d after its removal", *config.OffVariation)
	}
	archived := from(flags.PatchFeatureFlag(ctx, "default", "gate").PatchWithComment(envelope(op("replace", "/archived", true))).Execute()).ok(t)
	if !archived.Archived {
		t.Error("the flag is not archived")
	}
	list = from(flags.GetFeatureFlags(ctx, "default").Filter("state:archived").Execute()).ok(t)
	if len(list.Items) != 1 || list.Items[0].Key != "gate" {
		t.Errorf("archived are %+v", list.Items)
	}
	emptied(flags.DeleteFeatureFlag(ctx, "default", "colour").Execute()).ok(t)
	emptied(flags.DeleteFeatureFlag(ctx, "default", "gate").Execute()).ok(t)
	emptied(flags.DeleteFeatureFlag(ctx, "default", "gate").Execute()).refused(t, 404, "not_found")
}

func driveSDKData(t *testing.T, r *rest) {
	const path = "/projects/default/environments/production/sdk-data"
	data := r.raw(t, 200, "GET", path, "")
	text, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	r.raw(t, 204, "PUT", path, string(text))
	r.raw(t, 204, "POST", path, string(text), "X-HTTP-Method-Override", "PUT")
	r.raw(t, 404, "GET", "/projects/default/environments/nowhere/sdk-data", "")
}

func driveTokens(t *testing.T, r *rest) {
	ctx, tokens := r.auth(t), r.AccessTokensApi
	made := from(tokens.PostToken(ctx).AccessTokenPost(ldapi.AccessTokenPost{Name: new("ci"), Role: new("writer"), ServiceToken: new(true), DefaultApiVersion: new(int32(20191212))}).Execute()).ok(t)
	secret := made.GetToken()
	if !strings.HasPrefix(secret, "api-") || made.GetDefaultApiVersion() != 20191212 || !made.GetServiceToken() {
		t.Fatalf("token is %+v", made)
	}
	got := from(tokens.GetToken(ctx, made.Id).Execute()).ok(t)
	if got.GetToken() != secret[len(secret)-4:] {
		t.Errorf("a token read back shows %q", got.GetToken())
	}
	list := from(tokens.GetTokens(ctx).ShowAll(true).Limit(10).Execute()).ok(t)
	if !slices.ContainsFunc(list.Items, func(other ldapi.Token) bool { return other.Id == made.Id }) {
		t.Errorf("the list lacks the token: %+v", list.Items)
	}
	from(tokens.PostToken(ctx).AccessTokenPost(ldapi.AccessTokenPost{Name: new("bad"), Role: new("emperor")}).Execute()).refused(t, 400, "invalid_request")
	from(tokens.GetToken(ctx, "64b0c9f2a1d3e4f506172800").Execute()).refused(t, 404, "not_found")
	ci := r.as(secret)
	from(ci.OtherApi.GetVersions(ci.auth(t)).Execute()).ok(t)
	from(ci.AccessTokensApi.PostToken(ci.auth(t)).AccessTokenPost(ldapi.AccessTokenPost{Name: new("more"), Role: new("admin")}).Execute()).refused(t, 403, "forbidden")
	emptied(tokens.DeleteToken(ctx, made.Id).Execute()).ok(t)
	emptied(tokens.DeleteToken(ctx, made.Id).Execute()).refused(t, 404, "not_found")
	from(ci.OtherApi.GetVersions(ci.auth(t)).Execute()).refused(t, 401, "unauthorized")

	members := from(r.AccountMembersApi.GetMembers(ctx).Limit(5).Sort("displayName").Execute()).ok(t)
	if len(members.Items) != 1 {
		t.Fatalf("members are %+v", members.Items)
	}
	member := from(r.AccountMembersApi.GetMember(ctx, members.Items[0].Id).Execute()).ok(t)
	me := from(r.AccountMembersApi.GetMember(ctx, "me").Execute()).ok(t)
	same(t, "me", me.Id, member.Id)
	from(r.AccountMembersApi.GetMember(ctx, "64b0c9f2a1d3e4f506172800").Execute()).refused(t, 404, "not_found")
}

func driveAudit(t *testing.T, r *rest) {
	ctx, audit := r.auth(t), r.AuditLogApi
	page := from(audit.GetAuditLogEntries(ctx).Limit(5).Execute()).ok(t)
	if len(page.Items) < 5 || page.Links["next"].Href == nil {
		t.Fatalf("the first page has %d entries and links %v", len(page.Items), page.Links)
	}
	seen := map[string]bool{}
	for next := "/auditlog?limit=20"; next != ""; {
		got := r.raw(t, 200, "GET", next, "")
		for _, item := range got["items"].([]any) {
			id := item.(map[string]any)["_id"].(string)
			if seen[id] {
				t.Fatalf("entry %s comes twice", id)
			}
			seen[id] = true
		}
		link, _ := got["_links"].(map[string]any)["next"].(map[string]any)
		next, _ = link["href"].(string)
		next = strings.TrimPrefix(next, "/api/v2")
	}
	if len(seen) < 30 {
		t.Errorf("the log has %d entries", len(seen))
	}
	entry := from(audit.GetAuditLogEntry(ctx, page.Items[0].Id).Execute()).ok(t)
	if entry.Id != page.Items[0].Id || len(entry.Accesses) == 0 {
		t.Errorf("entry is %+v", entry)
	}
	from(audit.GetAuditLogEntry(ctx, "64b0c9f2a1d3e4f506172800").Execute()).refused(t, 404, "not_found")
	some := from(audit.GetAuditLogEntries(ctx).Spec("proj/default:env/production:segment/fleet").Limit(20).Execute()).ok(t)
	if len(some.Items) == 0 {
		t.Fatal("no entry of a segment")
	}
	for _, e := range some.Items {
		if e.Kind != "segment" {
			t.Errorf("an entry of kind %s is about a segment", e.Kind)
		}
	}
	if none := from(audit.GetAuditLogEntries(ctx).After(4102444800000).Execute()).ok(t); len(none.Items) != 0 {
		t.Errorf("%d entries of the future", len(none.Items))
	}
}

// TestConventionsOfRealClients sends what ldcli, browsers and proxies send beside the generated client.
func TestConventionsOfRealClients(t *testing.T) {
	s := start(t)
	r := newRest(t, s)
	t.Run("the CLI sends null as the body of GET and DELETE", func(t *testing.T) {
		r.raw(t, 201, "POST", "/segments/default/production", `{"key":"cli","name":"CLI","unbounded":true}`)
		for _, path := range []string{"/versions", "/caller-identity", "/account", "/projects", "/projects/default", "/projects/default/environments/production", "/segments/default/production", "/segments/default/production/cli", "/segments/default/production/cli/contexts/a", "/flags/default", "/tokens", "/members", "/members/me", "/auditlog"} {
			r.raw(t, 200, "GET", path, "null")
		}
		r.raw(t, 204, "DELETE", "/segments/default/production/cli", "null")
	})
	t.Run("versions and beta", func(t *testing.T) {
		for _, version := range []string{"", "beta", "20160426", "20191212", "20210729", "20220603", "20240415", "20240415, beta", "beta, 20240415"} {
			r.raw(t, 200, "GET", "/versions", "", "LD-API-Version", version)
			r.raw(t, 200, "GET", "/segments/default/production", "", "LD-API-Version", version)
		}
		for _, version := range []string{"20250101", "latest", "beta2", "nonsense, 20240415"} {
			r.raw(t, 400, "GET", "/versions", "", "LD-API-Version", version)
		}
		if r.raw(t, 200, "GET", "/versions", "", "LD-API-Version", "beta")["beta"] != true {
			t.Error("the version beta is not seen")
		}
	})
	t.Run("credentials may come behind Bearer", func(t *testing.T) {
		r.raw(t, 200, "GET", "/versions", "", "Authorization", "Bearer "+adminToken)
		r.raw(t, 401, "GET", "/versions", "", "Authorization", "Basic "+adminToken)
	})
	t.Run("a POST stands for other methods", func(t *testing.T) {
		r.raw(t, 201, "POST", "/flags/default", `{"key":"tunnel","name":"Tunnel"}`)
		r.raw(t, 200, "POST", "/flags/default/tunnel", `[{"op":"replace","path":"/name","value":"Through"}]`, "X-HTTP-Method-Override", "PATCH")
		r.raw(t, 204, "POST", "/flags/default/tunnel", "", "X-HTTP-Method-Override", "DELETE")
		r.raw(t, 400, "POST", "/flags/default/tunnel", "", "X-HTTP-Method-Override", "TRACE")
	})
	t.Run("a browser asks first", func(t *testing.T) {
		for _, path := range []string{"/projects", "/segments/default/production/x/contexts", "/nowhere"} {
			resp := preflight(t, s.url+"/api/v2"+path)
			if got := resp.Header.Get("Access-Control-Allow-Origin"); got != "https://app.example" {
				t.Errorf("%s allows %q", path, got)
			}
			for _, method := range []string{"PATCH", "DELETE"} {
				if !strings.Contains(resp.Header.Get("Access-Control-Allow-Methods"), method) {
					t.Errorf("%s does not allow %s", path, method)
				}
			}
			if headers := strings.ToLower(resp.Header.Get("Access-Control-Allow-Headers")); !strings.Contains(headers, "authorization") || !strings.Contains(headers, "ld-api-version") {
				t.Errorf("%s allows the headers %s", path, headers)
			}
		}
	})
	t.Run("HEAD is GET without a body", func(t *testing.T) {
		r.raw(t, 200, "HEAD", "/account", "")
		r.raw(t, 401, "HEAD", "/account", "", "Authorization", "api-unknown")
	})
	t.Run("what is not served is 404 or 405", func(t *testing.T) {
		r.raw(t, 404, "GET", "/projects/default/views", "")
		r.raw(t, 404, "GET", "/no/such/thing", "")
		r.raw(t, 405, "PUT", "/projects", "{}")
		r.raw(t, 405, "DELETE", "/auditlog", "")
		r.raw(t, 415, "POST", "/projects", "key=x", "Content-Type", "application/x-www-form-urlencoded")
	})
	t.Run("If-Match guards a change", func(t *testing.T) {
		r.raw(t, 201, "POST", "/segments/default/production", `{"key":"guarded","name":"G"}`)
		r.raw(t, 200, "PATCH", "/segments/default/production/guarded", `{"name":"H"}`, "If-Match", `"1"`)
		r.raw(t, 412, "PATCH", "/segments/default/production/guarded", `{"name":"I"}`, "If-Match", `"1"`)
	})
}

func preflight(t *testing.T, address string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "https://app.example")
	req.Header.Set("Access-Control-Request-Method", "PATCH")
	req.Header.Set("Access-Control-Request-Headers", "authorization,content-type,ld-api-version")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode >= 300 {
		t.Errorf("a preflight of %s gets %d", address, resp.StatusCode)
	}
	return resp
}

// TestTokensDoOnlyWhatTheyMay drives the API with credentials that lack most of it.
func TestTokensDoOnlyWhatTheyMay(t *testing.T) {
	s := start(t)
	r := newRest(t, s)
	ctx := r.auth(t)
	r.raw(t, 201, "POST", "/flags/default", `{"key":"f","name":"F"}`)
	r.raw(t, 201, "POST", "/segments/default/production", `{"key":"kept","name":"Kept","unbounded":true}`)
	t.Run("a reader reads", func(t *testing.T) {
		token := from(r.AccessTokensApi.PostToken(ctx).AccessTokenPost(ldapi.AccessTokenPost{Name: new("reader"), Role: new("reader")}).Execute()).ok(t)
		reader := r.as(token.GetToken())
		ctx := reader.auth(t)
		from(reader.ProjectsApi.GetProjects(ctx).Execute()).ok(t)
		from(reader.SegmentsApi.GetSegment(ctx, "default", "production", "kept").Execute()).ok(t)
		from(reader.FeatureFlagsApi.GetFeatureFlags(ctx, "default").Execute()).ok(t)
		from(reader.ProjectsApi.PostProject(ctx).ProjectPost(ldapi.ProjectPost{Key: "p", Name: "P"}).Execute()).refused(t, 403, "forbidden")
		from(reader.SegmentsApi.PostSegment(ctx, "default", "production").SegmentBody(ldapi.SegmentBody{Key: "s", Name: "S"}).Execute()).refused(t, 403, "forbidden")
		from(reader.SegmentsApi.PatchSegment(ctx, "default", "production", "kept").PatchWithComment(envelope(op("replace", "/name", "x"))).Execute()).refused(t, 403, "forbidden")
		state := ldapi.SegmentUserState{Included: &ldapi.SegmentUserList{Add: []string{"x"}}}
		emptied(reader.SegmentsApi.UpdateBigSegmentContextTargets(ctx, "default", "production", "kept").SegmentUserState(state).Execute()).refused(t, 403, "forbidden")
		emptied(reader.SegmentsApi.DeleteSegment(ctx, "default", "production", "kept").Execute()).refused(t, 403, "forbidden")
		from(reader.FeatureFlagsApi.PatchFeatureFlag(ctx, "default", "f").PatchWithComment(envelope(op("replace", "/environments/production/on", true))).Execute()).refused(t, 403, "forbidden")
		emptied(reader.FeatureFlagsApi.DeleteFeatureFlag(ctx, "default", "f").Execute()).refused(t, 403, "forbidden")
		emptied(reader.EnvironmentsApi.DeleteEnvironment(ctx, "default", "production").Execute()).refused(t, 403, "forbidden")
		reader.raw(t, 403, "PUT", "/projects/default/environments/production/sdk-data", `{"flags":{}}`)
	})
	t.Run("a viewer without viewSdkKey sees the ends of keys", func(t *testing.T) {
		token := from(r.AccessTokensApi.PostToken(ctx).AccessTokenPost(ldapi.AccessTokenPost{Name: new("viewer"), InlineRole: []ldapi.StatementPost{
			{Effect: "allow", Actions: []string{"viewProject"}, Resources: []string{"proj/default"}},
		}}).Execute()).ok(t)
		viewer := r.as(token.GetToken())
		env := from(viewer.EnvironmentsApi.GetEnvironment(viewer.auth(t), "default", "production").Execute()).ok(t)
		if strings.Contains(env.ApiKey, sdkKey[:8]) || !strings.HasSuffix(env.ApiKey, sdkKey[len(sdkKey)-4:]) || strings.Contains(env.MobileKey, mobileKey[:8]) {
			t.Errorf("the keys read %q and %q", env.ApiKey, env.MobileKey)
		}
	})
	t.Run("a sync token does its two actions", func(t *testing.T) {
		token := from(r.AccessTokensApi.PostToken(ctx).AccessTokenPost(ldapi.AccessTokenPost{Name: new("sync"), ServiceToken: new(true), InlineRole: []ldapi.StatementPost{
			{Effect: "allow", Actions: []string{"createSegment", "updateIncluded"}, Resources: []string{"proj/default:env/production:segment/*"}},
		}}).Execute()).ok(t)
		if len(token.InlineRole) != 1 {
			t.Fatalf("token is %+v", token)
		}
		sync := r.as(token.GetToken())
		ctx := sync.auth(t)
		body := fmt.Sprintf(`{"environmentId":%q,"cohortId":"vips","cohortName":"VIPs","action":"add","members":[{"integration_distinct_id":"amy"}]}`, environmentID)
		if status, text := pushAs(t, s, "hightouch", token.GetToken(), body); status >= 300 {
			t.Errorf("a push gets %d %s", status, text)
		}
		got := from(r.SegmentsApi.GetSegmentMembershipForContext(r.auth(t), "default", "production", "hightouch-vips", "amy").Execute()).ok(t)
		if !got.Included {
			t.Error("the push did not arrive")
		}
		emptied(sync.SegmentsApi.UpdateBigSegmentContextTargets(ctx, "default", "production", "kept").SegmentUserState(ldapi.SegmentUserState{Included: &ldapi.SegmentUserList{Add: []string{"x"}}}).Execute()).ok(t)
		excluded := emptied(sync.SegmentsApi.UpdateBigSegmentContextTargets(ctx, "default", "production", "kept").SegmentUserState(ldapi.SegmentUserState{Excluded: &ldapi.SegmentUserList{Add: []string{"y"}}}).Execute())
		for what, o := range map[string]outcome[struct{}]{
			"exclude":        excluded,
			"delete segment": emptied(sync.SegmentsApi.DeleteSegment(ctx, "default", "production", "kept").Execute()),
			"delete flag":    emptied(sync.FeatureFlagsApi.DeleteFeatureFlag(ctx, "default", "f").Execute()),
			"delete project": emptied(sync.ProjectsApi.DeleteProject(ctx, "default").Execute()),
		} {
			if o.resp == nil || (o.resp.StatusCode != 403 && o.resp.StatusCode != 404) {
				t.Errorf("%s: %v", what, o.err)
			}
		}
		from(sync.ProjectsApi.PostProject(ctx).ProjectPost(ldapi.ProjectPost{Key: "p", Name: "P"}).Execute()).refused(t, 403, "forbidden")
		from(sync.SegmentsApi.GetSegment(ctx, "default", "production", "kept").Execute()).refused(t, 404, "not_found")
		from(sync.FeatureFlagsApi.GetFeatureFlag(ctx, "default", "f").Execute()).refused(t, 404, "not_found")
		from(sync.ProjectsApi.GetProject(ctx, "default").Execute()).refused(t, 404, "not_found")
		from(sync.AccessTokensApi.PostToken(ctx).AccessTokenPost(ldapi.AccessTokenPost{Name: new("more"), Role: new("reader")}).Execute()).refused(t, 403, "forbidden")
		if list := from(sync.ProjectsApi.GetProjects(ctx).Execute()).ok(t); len(list.Items) != 0 {
			t.Errorf("the sync token sees %+v", list.Items)
		}
		if list := from(sync.AuditLogApi.GetAuditLogEntries(ctx).Execute()).ok(t); len(list.Items) != 0 {
			t.Errorf("the sync token sees %d audit entries", len(list.Items))
		}
	})
}

// pushAs posts to a tool's endpoint.
func pushAs(t testing.TB, s *server, integration, token, body string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/v2/segment-targets/"+url.PathEscape(integration), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, text
}
