package compat

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	ldapi "github.com/launchdarkly/api-client-go/v17"
)

// TestTerraformLikeSequences sends what LaunchDarkly's Terraform provider sends from apply to
// destroy, in its order, odd paths included.
func TestTerraformLikeSequences(t *testing.T) {
	s := start(t)
	r := newRest(t, s)
	ctx := r.auth(t)
	projects, envs, flags, segments := r.ProjectsApi, r.EnvironmentsApi, r.FeatureFlagsApi, r.SegmentsApi

	from(projects.PostProject(ctx).ProjectPost(ldapi.ProjectPost{
		Key: "tf", Name: "Made by Terraform", IncludeInSnippetByDefault: new(false),
		DefaultClientSideAvailability: &ldapi.DefaultClientSideAvailabilityPost{UsingMobileKey: true},
		Environments:                  []ldapi.EnvironmentPost{{Key: "test", Name: "Test", Color: "000000"}, {Key: "live", Name: "Live", Color: "FFFFFF", Tags: []string{"tf"}}},
	}).Execute()).ok(t)
	from(projects.PatchProject(ctx, "tf").PatchOperation([]ldapi.PatchOperation{
		op("replace", "/name", "Made by Terraform"), op("replace", "/tags", []string{"terraform"}), op("replace", "/includeInSnippetByDefault", false),
		op("replace", "/defaultClientSideAvailability", map[string]bool{"usingEnvironmentId": false, "usingMobileKey": true}),
		op("replace", "/requireViewAssociationForNewFlags", false), op("replace", "/requireViewAssociationForNewSegments", false),
	}).Execute()).ok(t)
	project := from(projects.GetProject(ctx, "tf").Execute()).ok(t)
	if a := project.DefaultClientSideAvailability; a == nil || a.UsingMobileKey == nil || a.UsingEnvironmentId == nil {
		t.Fatalf("availability is %+v; the provider reads both without looking", a)
	}
	if got := from(envs.GetEnvironmentsByProject(ctx, "tf").Limit(20).Offset(0).Execute()).ok(t); got.GetTotalCount() != 2 {
		t.Fatalf("environments are %+v", got.Items)
	}
	from(envs.PatchEnvironment(ctx, "tf", "live").PatchOperation([]ldapi.PatchOperation{
		op("replace", "/name", "Live"), op("replace", "/color", "112233"), op("replace", "/defaultTtl", 0), op("replace", "/secureMode", true),
		op("replace", "/defaultTrackEvents", false), op("replace", "/requireComments", false), op("replace", "/confirmChanges", true),
		op("replace", "/critical", false), op("replace", "/tags", []string{"tf"}), op("replace", "/approvalSettings/required", false),
	}).Execute()).ok(t)

	t.Run("approvals and views are refused", func(t *testing.T) {
		for _, asked := range []ldapi.PatchOperation{op("replace", "/approvalSettings/required", true), op("replace", "/approvalSettings/requiredApprovalTags", []string{"prod"})} {
			from(envs.PatchEnvironment(ctx, "tf", "live").PatchOperation([]ldapi.PatchOperation{op("replace", "/name", "Lost"), asked}).Execute()).refused(t, 400, "invalid_request")
		}
		from(projects.PatchProject(ctx, "tf").PatchOperation([]ldapi.PatchOperation{op("replace", "/requireViewAssociationForNewFlags", true)}).Execute()).refused(t, 400, "invalid_request")
		same(t, "the name", from(envs.GetEnvironment(ctx, "tf", "live").Execute()).ok(t).Name, "Live")
		from(envs.PatchEnvironment(ctx, "tf", "live").PatchOperation([]ldapi.PatchOperation{
			op("remove", "/approvalSettings/required", nil), op("remove", "/approvalSettings/requiredApprovalTags", nil),
		}).Execute()).ok(t)
	})

	t.Run("a segment", func(t *testing.T) {
		from(segments.PostSegment(ctx, "tf", "live").SegmentBody(ldapi.SegmentBody{Key: "beta", Name: "Beta", Tags: []string{"tf"}, Description: new(""), Unbounded: new(false), UnboundedContextKind: new("")}).Execute()).ok(t)
		rules := []map[string]any{
			{"clauses": []map[string]any{{"attribute": "country", "op": "startsWith", "values": []string{"e", "E"}, "negate": true, "contextKind": "user"}}, "weight": 50000, "rolloutContextKind": "user", "bucketBy": "country"},
			{"clauses": []map[string]any{{"attribute": "age", "op": "greaterThan", "values": []int{18}, "negate": false, "contextKind": "org"}}},
		}
		from(segments.PatchSegment(ctx, "tf", "live", "beta").PatchWithComment(envelope(
			op("replace", "/name", "Beta"), op("replace", "/description", ""), op("replace", "/tags", []string{"tf"}), op("replace", "/temporary", true),
			op("replace", "/included", []string{"b", "a"}), op("replace", "/excluded", []string{}), op("replace", "/rules", rules),
			op("replace", "/includedContexts", []map[string]any{{"values": []string{"z", "y"}, "contextKind": "org"}}), op("replace", "/excludedContexts", []any{}),
		)).Execute()).ok(t)
		got := from(segments.GetSegment(ctx, "tf", "live", "beta").Execute()).ok(t)
		same(t, "lists in their order", []any{got.Included, got.IncludedContexts[0].Values, got.Rules[0].Clauses[0].Values}, []any{[]string{"b", "a"}, []string{"z", "y"}, []string{"e", "E"}})
		if got.Rules[0].GetWeight() != 50000 || got.Rules[1].Weight != nil || got.Rules[1].BucketBy != nil || got.GetUnboundedContextKind() != "" {
			t.Errorf("segment is %+v", got)
		}
		from(segments.PatchSegment(ctx, "tf", "live", "beta").PatchWithComment(envelope(op("remove", "/tags", nil), op("replace", "/rules", []any{}))).Execute()).ok(t)
		if got = from(segments.GetSegment(ctx, "tf", "live", "beta").Execute()).ok(t); len(got.Tags) != 0 || len(got.Rules) != 0 {
			t.Errorf("segment is %+v", got)
		}
	})

	t.Run("a flag and its environments", func(t *testing.T) {
		from(flags.GetFeatureFlag(ctx, "tf", "checkout").Execute()).refused(t, 404, "not_found")
		from(flags.PostFeatureFlag(ctx, "tf").FeatureFlagBody(ldapi.FeatureFlagBody{
			Key: "checkout", Name: "Checkout", Temporary: new(true), Variations: []ldapi.Variation{
				{Value: new(any(1)), Name: new("one")}, {Value: new(any(2))}, {Value: new(any(3))}, {Value: new(any(4))},
			},
			Defaults: &ldapi.Defaults{OnVariation: 0, OffVariation: 1},
		}).Execute()).ok(t)
		patched := from(flags.PatchFeatureFlag(ctx, "tf", "checkout").PatchWithComment(envelope(
			op("replace", "/name", "Checkout"), op("replace", "/description", "Shown to some"), op("replace", "/tags", []string{"tf"}),
			op("replace", "/temporary", true), op("replace", "/customProperties", map[string]any{}), op("replace", "/archived", false), op("replace", "/deprecated", false),
			op("replace", "/clientSideAvailability", map[string]bool{"usingEnvironmentId": true, "usingMobileKey": true}),
			op("replace", "/defaults", map[string]int{"onVariation": 1, "offVariation": 0}), op("replace", "/maintainerTeamKey", ""),
			op("remove", "/variations/2", nil), op("remove", "/variations/3", nil), op("replace", "/variations/1/name", "two"),
		)).Execute()).ok(t)
		if len(patched.Variations) != 2 || patched.Variations[1].GetName() != "two" || patched.GetDescription() != "Shown to some" {
			t.Errorf("flag is %+v", patched)
		}
		from(envs.GetEnvironment(ctx, "tf", "live").Execute()).ok(t)
		patched = from(flags.PatchFeatureFlag(ctx, "tf", "checkout").PatchWithComment(envelope(
			op("replace", "/environments/live/on", true), op("replace", "/environments/live/offVariation", 1), op("replace", "/environments/live/trackEvents", true),
			op("replace", "/environments/live/rules", []map[string]any{{"variation": 0, "description": "r", "clauses": []map[string]any{{"attribute": "", "op": "segmentMatch", "values": []string{"beta"}, "negate": false, "contextKind": ""}}}}),
			op("replace", "/environments/live/prerequisites", []any{}), op("replace", "/environments/live/targets", []map[string]any{{"values": []string{"u2", "u1"}, "variation": 0}}),
			op("replace", "/environments/live/contextTargets", []map[string]any{{"values": []string{"o"}, "variation": 1, "contextKind": "org"}}),
			op("replace", "/environments/live/fallthrough", map[string]any{"rollout": map[string]any{"bucketBy": "", "contextKind": "user", "variations": []map[string]any{{"variation": 0, "weight": 60000}, {"variation": 1, "weight": 40000}}}}),
		)).Execute()).ok(t)
		config := patched.Environments["live"]
		if !config.On || config.Fallthrough.Rollout == nil || config.Fallthrough.Rollout.BucketBy != nil || config.Rules[0].GetDescription() != "r" {
			t.Errorf("live is %+v, fallthrough %+v", config, config.Fallthrough)
		}
		same(t, "targets in their order", config.Targets[0].Values, []string{"u2", "u1"})
		read := from(flags.GetFeatureFlag(ctx, "tf", "checkout").Env("live").Execute()).ok(t)
		if _, ok := read.Environments["live"]; !ok || len(read.Environments) != 1 {
			t.Errorf("with env=live there are %d environments", len(read.Environments))
		}
		// The provider's destroy spells one path wrong; released versions will always send it.
		gone := from(flags.PatchFeatureFlag(ctx, "tf", "checkout").PatchWithComment(envelope(
			op("replace", "/environments/live/on", false), op("replace", "/environments/live/rules", []any{}), op("replace", "/environments/live/trackEvents", false),
			op("replace", "/environments/live/prerequisites", []any{}), op("replace", "/environments/live/offVariation", 0), op("replace", "/environments/live/targets", []any{}),
			op("replace", "/environments/live/contextTargets", []any{}), op("replace", "/environments/live/fallthough", map[string]int{"variation": 0}),
		)).Execute()).ok(t)
		if config := gone.Environments["live"]; config.On || len(config.Rules) != 0 || config.Fallthrough.Rollout == nil {
			t.Errorf("live is %+v after destroy", config)
		}
		read = from(flags.GetFeatureFlag(ctx, "tf", "checkout").Execute()).ok(t)
		if len(read.Environments) != 2 {
			t.Errorf("without env there are %d environments", len(read.Environments))
		}
		emptied(flags.DeleteFeatureFlag(ctx, "tf", "checkout").Execute()).ok(t)
	})

	t.Run("client-side availability by its old name", func(t *testing.T) {
		flag := from(flags.PostFeatureFlag(ctx, "tf").FeatureFlagBody(ldapi.FeatureFlagBody{Key: "old-name", Name: "Old name", IncludeInSnippet: new(true)}).Execute()).ok(t)
		if a := flag.ClientSideAvailability; !a.GetUsingEnvironmentId() || !a.GetUsingMobileKey() || !flag.GetIncludeInSnippet() {
			t.Errorf("made with includeInSnippet the flag has %+v, includeInSnippet %v", a, flag.GetIncludeInSnippet())
		}
		availability := map[string]bool{"usingEnvironmentId": false, "usingMobileKey": true}
		flag = from(flags.PatchFeatureFlag(ctx, "tf", "old-name").PatchWithComment(envelope(op("replace", "/clientSideAvailability", availability))).Execute()).ok(t)
		if flag.GetIncludeInSnippet() {
			t.Error("includeInSnippet stays true when usingEnvironmentId becomes false")
		}
		flag = from(flags.PatchFeatureFlag(ctx, "tf", "old-name").PatchWithComment(envelope(op("replace", "/includeInSnippet", true))).Execute()).ok(t)
		if !flag.ClientSideAvailability.GetUsingEnvironmentId() {
			t.Error("usingEnvironmentId stays false when includeInSnippet becomes true")
		}
		emptied(flags.DeleteFeatureFlag(ctx, "tf", "old-name").Execute()).ok(t)

		availability["usingEnvironmentId"] = true
		from(projects.PatchProject(ctx, "tf").PatchOperation([]ldapi.PatchOperation{op("replace", "/defaultClientSideAvailability", availability)}).Execute()).ok(t)
		if got := from(projects.GetProject(ctx, "tf").Execute()).ok(t); !got.IncludeInSnippetByDefault {
			t.Error("includeInSnippetByDefault stays false when usingEnvironmentId becomes true")
		}
		from(projects.PatchProject(ctx, "tf").PatchOperation([]ldapi.PatchOperation{op("replace", "/includeInSnippetByDefault", false)}).Execute()).ok(t)
		if got := from(projects.GetProject(ctx, "tf").Execute()).ok(t); *got.DefaultClientSideAvailability.UsingEnvironmentId {
			t.Error("usingEnvironmentId stays true when includeInSnippetByDefault becomes false")
		}
		made := from(projects.PostProject(ctx).ProjectPost(ldapi.ProjectPost{Key: "tf-old-name", Name: "Old name", IncludeInSnippetByDefault: new(true)}).Execute()).ok(t)
		if a := made.DefaultClientSideAvailability; !*a.UsingEnvironmentId || !*a.UsingMobileKey || !made.IncludeInSnippetByDefault {
			t.Errorf("made with includeInSnippetByDefault the project has %+v, includeInSnippetByDefault %v", a, made.IncludeInSnippetByDefault)
		}
		emptied(projects.DeleteProject(ctx, "tf-old-name").Execute()).ok(t)
	})

	t.Run("variations of objects and arrays", func(t *testing.T) {
		values := []any{[]any{"a", "b"}, map[string]any{"foo": "bar"}, map[string]any{"foo": []any{1, 2}}}
		body := ldapi.FeatureFlagBody{Key: "json", Name: "JSON"}
		for i := range values {
			body.Variations = append(body.Variations, ldapi.Variation{Value: &values[i]})
		}
		made := from(flags.PostFeatureFlag(ctx, "tf").FeatureFlagBody(body).Execute()).ok(t)
		got := []any{}
		for _, v := range made.Variations {
			got = append(got, v.Value)
		}
		same(t, "the values", got, values)
		emptied(flags.DeleteFeatureFlag(ctx, "tf", "json").Execute()).ok(t)
	})

	t.Run("many environments", func(t *testing.T) {
		body := ldapi.ProjectPost{Key: "tf-many", Name: "Many"}
		var want []string
		for i := range 25 {
			key := fmt.Sprintf("env-%d", i)
			want = append(want, key)
			body.Environments = append(body.Environments, ldapi.EnvironmentPost{Key: key, Name: key, Color: "000000"})
		}
		from(projects.PostProject(ctx).ProjectPost(body).Execute()).ok(t)
		var got []string
		for offset := int64(0); offset < 25; offset += 20 {
			for _, e := range from(envs.GetEnvironmentsByProject(ctx, "tf-many").Limit(20).Offset(offset).Execute()).ok(t).Items {
				got = append(got, e.Key)
			}
		}
		// The provider keeps them as a list: another order is a difference in every plan.
		same(t, "the environments in their order", got, want)
		emptied(projects.DeleteProject(ctx, "tf-many").Execute()).ok(t)
	})

	t.Run("an access token", func(t *testing.T) {
		made := from(r.AccessTokensApi.PostToken(ctx).AccessTokenPost(ldapi.AccessTokenPost{
			Name: new("tf"), ServiceToken: new(false), DefaultApiVersion: new(int32(20160426)),
			InlineRole: []ldapi.StatementPost{{Effect: "allow", Actions: []string{"*"}, Resources: []string{"proj/*:env/production"}}},
		}).Execute()).ok(t)
		got := from(r.AccessTokensApi.GetToken(ctx, made.Id).Execute()).ok(t)
		if got.GetDefaultApiVersion() != 20160426 || len(got.InlineRole) != 1 || got.InlineRole[0].Effect != "allow" {
			t.Errorf("token is %+v", got)
		}
		emptied(r.AccessTokensApi.DeleteToken(ctx, made.Id).Execute()).ok(t)
	})

	t.Run("a relay configuration", func(t *testing.T) {
		relays := r.RelayProxyConfigurationsApi
		made := from(relays.PostRelayAutoConfig(ctx).RelayAutoConfigPost(ldapi.RelayAutoConfigPost{Name: "tf", Policy: selecting("proj/tf:env/live")}).Execute()).ok(t)
		read := from(relays.GetRelayProxyConfig(ctx, made.Id).Execute()).ok(t)
		if made.GetFullKey() == "" || read.DisplayKey != made.DisplayKey {
			t.Errorf("made %+v, read %+v", made, read)
		}
		patch := envelope(op("replace", "/name", "tf 2"), op("replace", "/policy", []ldapi.StatementPost{permit([]string{"*"}, []string{"proj/tf:env/*"})}))
		patch.Comment = new("Terraform")
		from(relays.PatchRelayAutoConfig(ctx, made.Id).PatchWithComment(patch).Execute()).ok(t)
		read = from(relays.GetRelayProxyConfig(ctx, made.Id).Execute()).ok(t)
		same(t, "the policy", read.Policy, selecting("proj/tf:env/*"))
		emptied(relays.DeleteRelayAutoConfig(ctx, made.Id).Execute()).ok(t)
		from(relays.GetRelayProxyConfig(ctx, made.Id).Execute()).refused(t, 404, "not_found")
	})

	t.Run("a big segment store", func(t *testing.T) {
		b := r.beta()
		stores := b.PersistentStoreIntegrationsBetaApi
		from(projects.GetProject(ctx, "tf").Execute()).ok(t)
		post := ldapi.IntegrationDeliveryConfigurationPost{Config: map[string]any{"host": "redis", "port": "6379", "tlsEnabled": true}, On: new(false)}
		made := from(stores.CreateBigSegmentStoreIntegration(b.auth(t), "tf", "live", "redis").IntegrationDeliveryConfigurationPost(post).Execute()).ok(t)
		read := from(stores.GetBigSegmentStoreIntegration(b.auth(t), "tf", "live", "redis", made.Id).Execute()).ok(t)
		if read.ProjectKey != "tf" || read.EnvironmentKey != "live" || read.IntegrationKey != "redis" || read.Name != "" || read.Tags == nil || read.Version != 1 {
			t.Errorf("read %+v", read)
		}
		from(stores.PatchBigSegmentStoreIntegration(b.auth(t), "tf", "live", "redis", made.Id).PatchOperation([]ldapi.PatchOperation{
			op("replace", "/name", "Redis"), op("replace", "/on", true), op("replace", "/config", map[string]any{"host": "redis", "port": "6380", "tlsEnabled": true}), op("replace", "/tags", []string{}),
		}).Execute()).ok(t)
		if read = from(stores.GetBigSegmentStoreIntegration(b.auth(t), "tf", "live", "redis", made.Id).Execute()).ok(t); !read.On || read.Version != 2 {
			t.Errorf("read %+v", read)
		}
		emptied(stores.DeleteBigSegmentStoreIntegration(b.auth(t), "tf", "live", "redis", made.Id).Execute()).ok(t)
		from(stores.GetBigSegmentStoreIntegration(b.auth(t), "tf", "live", "redis", made.Id).Execute()).refused(t, 404, "not_found")
	})

	emptied(segments.DeleteSegment(ctx, "tf", "live", "beta").Execute()).ok(t)
	emptied(envs.DeleteEnvironment(ctx, "tf", "test").Execute()).ok(t)
	emptied(projects.DeleteProject(ctx, "tf").Execute()).ok(t)
	for what, err := range map[string]error{
		"project": errorOf(projects.GetProject(ctx, "tf").Execute()), "environment": errorOf(envs.GetEnvironment(ctx, "tf", "live").Execute()),
		"segment": errorOf(segments.GetSegment(ctx, "tf", "live", "beta").Execute()), "flag": errorOf(flags.GetFeatureFlag(ctx, "tf", "checkout").Execute()),
	} {
		var detail *ldapi.GenericOpenAPIError
		if !errors.As(err, &detail) || detail.Error() != "404 Not Found" {
			t.Errorf("the %s after destroy: %v", what, err)
		}
	}
}

func errorOf[T any](_ T, _ *http.Response, err error) error { return err }
