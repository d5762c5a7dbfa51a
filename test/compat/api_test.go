package compat

import (
	"strings"
	"testing"
)

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
		{"payload filters", driveFilters},
		{"relay configurations", driveRelayConfigs},
		{"persistent stores", driveSinks},
		{"account members", driveMembers},
		{"webhooks", driveWebhooks},
		{"the audit log", driveAudit},
		{"sessions", driveSessions},
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
	emptied(r.OtherApi.GetOpenapiSpec(ctx).Execute()).ok(t)
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
