package api

import (
	"net/http"

	"muster/internal/openapi"
	"muster/internal/policy"
)

func relayConfigRoutes() []route {
	const (
		at       = "/account/relay-auto-configs"
		one      = at + "/{relayConfigId}"
		keysHeld = "`viewSdkKey` on every environment that the policy can select"
	)
	return []route{
		{
			method: "GET", path: at, actions: needs(policy.ViewRelayConfig), serve: (*server).listRelayConfigs,
			id: "getRelayProxyConfigs", summary: "List configurations of relays", answers: gives[relayConfigsJSON](),
		},
		{
			method: "POST", path: at, actions: needs(policy.CreateRelayConfig), note: keysHeld, serve: (*server).createRelayConfig,
			id: "postRelayAutoConfig", summary: "Create a configuration of relays", details: "The answer is the only one with its key.",
			takes: takes[newRelayConfigJSON](), answers: creates[relayConfigJSON](),
		},
		{
			method: "GET", path: one, actions: needs(policy.ViewRelayConfig), serve: (*server).getRelayConfig,
			id: "getRelayProxyConfig", summary: "Get a configuration of relays", answers: gives[relayConfigJSON](),
		},
		{
			method: "PATCH", path: one, actions: needs(policy.ViewRelayConfig, policy.UpdateRelayConfigName, policy.UpdateRelayConfigPolicy), note: keysHeld,
			serve: (*server).patchRelayConfig,
			id:    "patchRelayAutoConfig", summary: "Change a configuration of relays", takes: openapi.Patches(), answers: gives[relayConfigJSON](),
			fails: []int{http.StatusUnprocessableEntity},
		},
		{
			method: "DELETE", path: one, actions: needs(policy.ViewRelayConfig, policy.DeleteRelayConfig), serve: (*server).deleteRelayConfig,
			id: "deleteRelayAutoConfig", summary: "Delete a configuration of relays", answers: givesNothing(),
		},
		{
			method: "POST", path: one + "/reset", actions: needs(policy.ViewRelayConfig, policy.ResetRelayConfig), note: keysHeld, serve: (*server).resetRelayConfig,
			id: "resetRelayAutoConfig", summary: "Give a configuration of relays a new key", params: parameters{expiryParam}, answers: gives[relayConfigJSON](),
		},
	}
}

func sinkRoutes() []route {
	const (
		kind = sinksPath + "/{projectKey}/{environmentKey}/{integrationKey}"
		one  = kind + "/{integrationId}"
	)
	return []route{
		{
			method: "GET", path: sinksPath, note: "beta; of projects that may be viewed", beta: true, serve: (*server).listSinks,
			id: "getBigSegmentStoreIntegrations", summary: "List persistent store integrations", answers: gives[collection[sinkJSON]](),
		},
		{
			method: "POST", path: kind, actions: needs(policy.ViewProject, policy.CreateIntegration), note: "beta", beta: true, serve: (*server).createSink,
			id: "createBigSegmentStoreIntegration", summary: "Create a persistent store integration", details: "Nothing is written to the store yet.",
			takes: takes[newSinkJSON](), answers: creates[sinkJSON](),
		},
		{
			method: "GET", path: one, actions: needs(policy.ViewProject), note: "beta", beta: true, serve: (*server).getSink,
			id: "getBigSegmentStoreIntegration", summary: "Get a persistent store integration", answers: gives[sinkJSON](),
		},
		{
			method: "PATCH", path: one,
			actions: needs(policy.ViewProject, policy.UpdateName, policy.UpdateOn, policy.UpdateTags, policy.UpdateConfiguration), note: "beta", beta: true,
			serve: (*server).patchSink,
			id:    "patchBigSegmentStoreIntegration", summary: "Change a persistent store integration", takes: openapi.Patches(), answers: gives[sinkJSON](),
		},
		{
			method: "DELETE", path: one, actions: needs(policy.ViewProject, policy.DeleteIntegration), note: "beta", beta: true, serve: (*server).deleteSink,
			id: "deleteBigSegmentStoreIntegration", summary: "Delete a persistent store integration", answers: givesNothing(),
		},
	}
}
