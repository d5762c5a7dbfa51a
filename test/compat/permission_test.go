package compat

import (
	"fmt"
	"strings"
	"testing"

	ldapi "github.com/launchdarkly/api-client-go/v17"
)

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
