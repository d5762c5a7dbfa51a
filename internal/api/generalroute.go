package api

import (
	"net/http"

	"muster/internal/openapi"
	"muster/internal/policy"
)

func generalRoutes() []route {
	return []route{
		{
			method: "GET", path: "", anyone: true, note: "no credential", serve: (*server).getRoot,
			id: "getRoot", summary: "List the resources of the API", answers: gives[rootJSON](),
		},
		{
			method: "GET", path: "/openapi.json", anyone: true, note: "no credential", serve: (*server).getOpenAPI,
			id: "getOpenapiSpec", summary: "Get this document", params: parameters{ifNoneMatchParam},
			answers: append(gives[map[string]any]("ETag"), openapi.Answer{Status: http.StatusNotModified, Description: "The document is the one that `If-None-Match` names"}),
		},
		{
			method: "GET", path: "/versions", serve: (*server).getVersions,
			id: "getVersions", summary: "List the versions of the API", answers: gives[versionsJSON](),
		},
		{
			method: "GET", path: "/caller-identity", open: true, note: "any access token, SDK key or mobile key", serve: (*server).getCallerIdentity,
			id: "getCallerIdentity", summary: "Tell whose credential a request carries", answers: gives[callerIdentityJSON](),
		},
		{
			method: "GET", path: "/account", serve: (*server).getAccount,
			id: "getAccount", summary: "Get the account", answers: gives[accountJSON](),
		},
		{
			method: "GET", path: "/limits", serve: (*server).getLimits,
			id: "getLimits", summary: "List the limits of what clients may send and get", answers: gives[collection[limitJSON]](),
		},
		{
			method: "GET", path: "/tools", serve: (*server).listTools,
			id: "getTools", summary: "List the tools that can push, and how to connect each", answers: gives[toolsJSON](),
		},
		{
			method: "POST", path: "/verify", actions: needs(policy.VerifyStore), serve: (*server).verify,
			id: "verifyStore", summary: "Read everything that is stored and report what is damaged",
			details: "The answer comes as it goes, a line of JSON for each object and each second; the last line has the kind `complete`. An answer without it broke off.",
			answers: givesText("Lines of JSON", "application/x-ndjson"),
		},
	}
}

func tagRoutes() []route {
	return []route{{
		method: "GET", path: "/tags", note: "of projects that may be viewed", serve: (*server).listTags,
		id: "getTags", summary: "List the tags of projects, environments, flags and segments",
		params:  pages(maxPage, tagKindParam, queryParam("pre", "Only tags that begin so.")),
		answers: gives[collection[string]](),
	}}
}
