package compat

import (
	"testing"
	"time"

	ldapi "github.com/launchdarkly/api-client-go/v17"
)

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
	from(envs.ResetEnvironmentSDKKey(ctx, "web.shop-1", "qa").Expiry(until.UnixMilli()).Execute()).ok(t)
	ended := r.raw(t, 200, "DELETE", "/projects/web.shop-1/environments/qa/apiKey/former", "")["apiKey"]
	formerly := r.as(again.ApiKey)
	from(formerly.OtherApi.GetCallerIdentity(formerly.auth(t)).Execute()).refused(t, 401, "unauthorized")
	mobile := from(envs.ResetEnvironmentMobileKey(ctx, "web.shop-1", "qa").Execute()).ok(t)
	if mobile.MobileKey == env.MobileKey || mobile.ApiKey != ended || again.ApiKey == rotated.ApiKey {
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
