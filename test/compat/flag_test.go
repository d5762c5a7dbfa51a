package compat

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	ldapi "github.com/launchdarkly/api-client-go/v17"
)

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
	from(r.AccountUsageBetaApi.GetEvaluationsUsage(ctx, "default", "test", "clone").Execute()).refused(t, 403, "forbidden")
	if got := from(b.AccountUsageBetaApi.GetEvaluationsUsage(ctx, "default", "test", "clone").From("0").Tz("Europe/Berlin").Execute()).ok(t); len(got.Metadata) != 2 || len(got.Series) != 0 {
		t.Errorf("a flag of this minute was evaluated: %+v", got)
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
