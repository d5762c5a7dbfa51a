package compat

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	ldapi "github.com/launchdarkly/api-client-go/v17"
)

func selecting(resources ...string) []ldapi.Statement {
	return []ldapi.Statement{{Effect: "allow", Actions: []string{"*"}, Resources: resources}}
}

// driveRelayConfigs does what ld-relay's integration tests and Terraform's provider do.
func driveRelayConfigs(t *testing.T, r *rest) {
	ctx, relays := r.auth(t), r.RelayProxyConfigurationsApi
	policy := selecting("proj/default:env/production", "proj/web:env/*;eu")
	made := from(relays.PostRelayAutoConfig(ctx).RelayAutoConfigPost(ldapi.RelayAutoConfigPost{Name: "Edge", Policy: policy}).Execute()).ok(t)
	key := made.GetFullKey()
	if !strings.HasPrefix(key, "rel-") || made.DisplayKey != key[len(key)-4:] {
		t.Errorf("key %q, shown as %q", key, made.DisplayKey)
	}
	same(t, "the policy", made.Policy, policy)
	got := from(relays.GetRelayProxyConfig(ctx, made.Id).Execute()).ok(t)
	if got.FullKey != "" {
		t.Errorf("the key is shown again: %s", got.FullKey)
	}
	changed := from(relays.PatchRelayAutoConfig(ctx, made.Id).PatchWithComment(envelope(
		op("replace", "/name", "Edge 2"), op("replace", "/policy/0/resources", []string{"proj/default:env/test"}),
	)).Execute()).ok(t)
	same(t, "the policy", changed.Policy, selecting("proj/default:env/test"))
	reset := from(relays.ResetRelayAutoConfig(ctx, made.Id).Expiry(time.Now().Add(time.Hour).UnixMilli()).Execute()).ok(t)
	if next := reset.GetFullKey(); next == key || reset.DisplayKey != next[len(next)-4:] {
		t.Errorf("reset to %q, shown as %q", next, reset.DisplayKey)
	}
	if list := from(relays.GetRelayProxyConfigs(ctx).Execute()).ok(t); len(list.Items) != 1 || list.Items[0].Name != "Edge 2" {
		t.Errorf("the list is %+v", list.Items)
	}
	from(relays.PatchRelayAutoConfig(ctx, made.Id).PatchWithComment(envelope(op("remove", "/policy/9", nil))).Execute()).refused(t, 422, "patch_failed")
	from(relays.PostRelayAutoConfig(ctx).RelayAutoConfigPost(ldapi.RelayAutoConfigPost{Name: "Bad", Policy: []ldapi.Statement{{Effect: "perhaps"}}}).Execute()).refused(t, 400, "invalid_request")
	emptied(relays.DeleteRelayAutoConfig(ctx, made.Id).Execute()).ok(t)
	from(relays.GetRelayProxyConfig(ctx, made.Id).Execute()).refused(t, 404, "not_found")
}

// driveSinks does what Terraform's provider does, which forces the beta header.
func driveSinks(t *testing.T, r *rest) {
	b := r.beta()
	ctx, stores := b.auth(t), b.PersistentStoreIntegrationsBetaApi
	config := map[string]any{"host": "redis.internal.example.com", "port": "6379", "tlsEnabled": true, "username": "default", "password": "example-password"}
	post := ldapi.IntegrationDeliveryConfigurationPost{Name: new("Redis store"), On: new(false), Config: config, Tags: []string{"tf"}}
	made := from(stores.CreateBigSegmentStoreIntegration(ctx, "default", "production", "redis").IntegrationDeliveryConfigurationPost(post).Execute()).ok(t)
	if made.Version != 1 || made.Config["password"] != "exa********ord" || made.Config["port"] != "6379" || made.Config["tlsEnabled"] != true {
		t.Errorf("made %+v", made)
	}
	from(stores.CreateBigSegmentStoreIntegration(ctx, "default", "production", "redis").IntegrationDeliveryConfigurationPost(post).Execute()).refused(t, 409, "conflict")
	from(r.PersistentStoreIntegrationsBetaApi.GetBigSegmentStoreIntegration(r.auth(t), "default", "production", "redis", made.Id).Execute()).refused(t, 403, "forbidden")
	config["port"] = 6380
	changed := from(stores.PatchBigSegmentStoreIntegration(ctx, "default", "production", "redis", made.Id).PatchOperation([]ldapi.PatchOperation{
		op("replace", "/name", "Redis store updated"), op("replace", "/on", true), op("replace", "/config", config), op("replace", "/tags", []string{"updated", "tf"}),
	}).Execute()).ok(t)
	if !changed.On || changed.Version != 2 || changed.Name != "Redis store updated" || changed.Config["port"] != "6380" || changed.Config["password"] != "exa********ord" {
		t.Errorf("changed to %+v", changed)
	}
	got := from(stores.GetBigSegmentStoreIntegration(ctx, "default", "production", "redis", made.Id).Execute()).ok(t)
	if s := got.Status; s.GetAvailable() || !s.GetPotentiallyStale() || s.GetLastSync() != 0 || len(s.Errors) != 0 {
		t.Errorf("status is %+v", s)
	}
	dynamo := from(stores.CreateBigSegmentStoreIntegration(ctx, "default", "production", "dynamodb").IntegrationDeliveryConfigurationPost(ldapi.IntegrationDeliveryConfigurationPost{
		Config: map[string]any{"tableName": "big-segments", "region": "us-east-1", "roleArn": "arn:aws:iam::123456789012:role/big-segments", "externalId": "00000000-0000-0000-0000-000000000000"},
	}).Execute()).ok(t)
	if list := from(stores.GetBigSegmentStoreIntegrations(ctx).Execute()).ok(t); len(list.Items) != 2 || list.Items[1].Id != dynamo.Id {
		t.Errorf("the list is %+v", list.Items)
	}
	driveStoreOfOurs(t, r, made.Id, config)
	for kind, id := range map[string]string{"redis": made.Id, "dynamodb": dynamo.Id} {
		emptied(stores.DeleteBigSegmentStoreIntegration(ctx, "default", "production", kind, id).Execute()).ok(t)
		from(stores.GetBigSegmentStoreIntegration(ctx, "default", "production", kind, id).Execute()).refused(t, 404, "not_found")
	}
}

// driveStoreOfOurs does with a store what only muster knows.
func driveStoreOfOurs(t *testing.T, r *rest, id string, config map[string]any) {
	config["host"], config["port"], config["tlsEnabled"] = "127.0.0.1", startRedis(t), false
	delete(config, "username")
	delete(config, "password")
	settings, err := json.Marshal(map[string]any{"config": config})
	if err != nil {
		t.Fatal(err)
	}
	const redis = sinks + "/default/production/redis"
	same(t, "settings that are tried", r.raw(t, http.StatusOK, "POST", redis+"/test", string(settings), "LD-API-Version", "beta")["works"], true)
	change, err := json.Marshal([]map[string]any{{"op": "replace", "path": "/config", "value": config}})
	if err != nil {
		t.Fatal(err)
	}
	r.raw(t, http.StatusOK, "PATCH", redis+"/"+id, string(change), "LD-API-Version", "beta")
	same(t, "settings that are kept", r.raw(t, http.StatusOK, "POST", redis+"/"+id+"/test", "")["works"], true)
	eventually(t, "the store is filled", func() bool {
		return r.raw(t, http.StatusOK, "GET", redis+"/"+id+"/status", "")["state"] == "current"
	})
	r.raw(t, http.StatusAccepted, "POST", redis+"/"+id+"/verify", `{"full":true}`)
	r.raw(t, http.StatusAccepted, "POST", redis+"/"+id+"/rebuild", `{"takeOver":true}`)
	same(t, "a store that rests", r.raw(t, http.StatusOK, "POST", redis+"/"+id+"/pause", "")["state"], "paused")
	r.raw(t, http.StatusOK, "POST", redis+"/"+id+"/resume", "")
}
