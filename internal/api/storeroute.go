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
			id: "createBigSegmentStoreIntegration", summary: "Create a persistent store integration",
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
			id: "deleteBigSegmentStoreIntegration", summary: "Delete a persistent store integration", details: "What was written stays in the store.", answers: givesNothing(),
		},
		{
			method: "POST", path: kind + "/test", actions: needs(policy.ViewProject, policy.CreateIntegration), serve: (*server).trySink,
			id: "testNewBigSegmentStore", summary: "Find out whether a store could be written to", details: "Nothing is kept.",
			takes: takes[newSinkJSON](), answers: gives[triedSinkJSON](),
		},
		{
			method: "POST", path: one + "/test", actions: needs(policy.ViewProject, policy.UpdateConfiguration), serve: (*server).tryKeptSink,
			id: "testBigSegmentStore", summary: "Find out whether the store of an integration can be written to", details: "With the settings that are kept, or with those that it is sent. Nothing is changed.",
			takes: takes[tryKeptSinkJSON](), spare: true, answers: gives[triedSinkJSON](),
		},
		{
			method: "GET", path: one + "/status", actions: needs(policy.ViewProject), serve: (*server).getSinkState,
			id: "getBigSegmentStoreStatus", summary: "Tell how far the store of an integration is", details: "The page is one of `segments`.",
			params: pages(maxPage), answers: gives[sinkStateJSON](),
		},
		{
			method: "POST", path: one + "/verify", actions: needs(policy.ViewProject, policy.UpdateConfiguration), serve: (*server).verifySink,
			id: "verifyBigSegmentStore", summary: "Compare the store of an integration with the truth", details: "What comes of it stands in its status as `verification`.",
			takes: takes[verifySinkJSON](), spare: true, answers: taken[sinkStateJSON](),
		},
		{
			method: "POST", path: one + "/rebuild", actions: needs(policy.ViewProject, policy.UpdateConfiguration), serve: (*server).rebuildSink,
			id: "rebuildBigSegmentStore", summary: "Write everything to the store of an integration once more", takes: takes[rebuildSinkJSON](), spare: true,
			answers: taken[sinkStateJSON](),
		},
		{
			method: "POST", path: one + "/pause", actions: needs(policy.ViewProject, policy.UpdateOn), serve: (*server).pauseSink,
			id: "pauseBigSegmentStore", summary: "Write nothing to the store of an integration until it is resumed", answers: gives[sinkStateJSON](),
		},
		{
			method: "POST", path: one + "/resume", actions: needs(policy.ViewProject, policy.UpdateOn), serve: (*server).resumeSink,
			id: "resumeBigSegmentStore", summary: "Go on to write to the store of an integration", answers: gives[sinkStateJSON](),
		},
	}
}
