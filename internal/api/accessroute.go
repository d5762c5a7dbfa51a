package api

import (
	"net/http"

	"muster/internal/openapi"
	"muster/internal/policy"
)

func tokenRoutes() []route {
	return []route{
		{
			method: "GET", path: "/tokens", actions: needs(policy.ViewAccessToken), note: "own personal tokens need nothing; others' with `showAll=true`, for administrators",
			serve: (*server).listTokens,
			id:    "getTokens", summary: "List access tokens",
			params:  pages(25, truthParam("showAll", "The personal tokens of others too, for administrators."), filterBy("query", "id"), sortBy(tokenOrders)),
			answers: gives[collection[tokenJSON]](),
		},
		{
			method: "POST", path: "/tokens", actions: needs(policy.CreateAccessToken), note: ownToken + "; " + covered, serve: (*server).createToken,
			id: "postToken", summary: "Create an access token", details: "The answer is the only one with its secret. It has one of `role`, `customRoleIds` and `inlineRole`.",
			takes: takes[newTokenJSON](), answers: creates[tokenJSON](),
		},
		{
			method: "GET", path: "/tokens/{tokenId}", actions: needs(policy.ViewAccessToken), note: ownToken, serve: (*server).getToken,
			id: "getToken", summary: "Get an access token", answers: gives[tokenJSON](),
		},
		{
			method: "PATCH", path: "/tokens/{tokenId}",
			actions: needs(policy.ViewAccessToken, policy.UpdateAccessTokenName, policy.UpdateAccessTokenDescription, policy.UpdateAccessTokenPolicy, policy.UpdateAccessTokenExpiry),
			note:    ownToken + "; " + covered + "; administrators alone change what a service token may do",
			serve:   (*server).patchToken,
			id:      "patchToken", summary: "Change an access token", takes: openapi.Patches(), answers: gives[tokenJSON](), fails: []int{http.StatusUnprocessableEntity},
		},
		{
			method: "DELETE", path: "/tokens/{tokenId}", actions: needs(policy.ViewAccessToken, policy.DeleteAccessToken), note: ownToken, serve: (*server).deleteToken,
			id: "deleteToken", summary: "Delete an access token", answers: givesNothing(),
		},
		{
			method: "POST", path: "/tokens/{tokenId}/reset", actions: needs(policy.ViewAccessToken, policy.ResetAccessToken), note: ownToken + "; " + covered, serve: (*server).resetToken,
			id: "resetToken", summary: "Give an access token a new secret", params: parameters{expiryParam}, answers: gives[tokenJSON](),
		},
	}
}

func roleRoutes() []route {
	return []route{
		{
			method: "POST", path: "/access-check", note: "`viewRole`, `viewAccessToken` or `viewMember` to ask about one", serve: (*server).checkAccess,
			id: "checkAccess", summary: "Tell whether a policy, a role, a token or an account member allows something, and why", details: "Without any of them the question is about the caller.",
			takes: takes[accessAskedJSON](), answers: gives[accessCheckJSON](), fails: []int{http.StatusNotFound},
		},
		{
			method: "GET", path: "/actions", serve: (*server).listActions,
			id: "getActions", summary: "List the kinds of resources that policies name, and the actions that are asked of each", answers: gives[collection[resourceKindJSON]](),
		},
		{
			method: "GET", path: "/roles", actions: needs(policy.ViewRole), serve: (*server).listRoles,
			id: "getCustomRoles", summary: "List custom roles", params: pages(20, filterBy("query"), sortBy(roleOrders)), answers: gives[collection[roleJSON]](),
		},
		{
			method: "POST", path: "/roles", actions: needs(policy.CreateRole), note: covered, serve: (*server).createRole,
			id: "postCustomRole", summary: "Create a custom role", takes: takes[newRoleJSON](), answers: creates[roleJSON](),
		},
		{
			method: "GET", path: "/roles/{roleKey}", actions: needs(policy.ViewRole), serve: (*server).getRole,
			id: "getCustomRole", summary: "Get a custom role", answers: gives[roleJSON](),
		},
		{
			method: "PATCH", path: "/roles/{roleKey}",
			actions: needs(policy.UpdateName, policy.UpdateDescription, policy.UpdatePolicy, policy.UpdateBasePermissions),
			note:    covered,
			serve:   (*server).patchRole,
			id:      "patchCustomRole", summary: "Change a custom role", takes: openapi.Patches(), answers: gives[roleJSON](),
		},
		{
			method: "DELETE", path: "/roles/{roleKey}", actions: needs(policy.DeleteRole), serve: (*server).deleteRole,
			id: "deleteCustomRole", summary: "Delete a custom role that nobody has", answers: givesNothing(),
		},
	}
}

func memberRoutes() []route {
	return []route{
		{
			method: "GET", path: "/members", actions: needs(policy.ViewMember), serve: (*server).listMembers,
			id: "getMembers", summary: "List account members",
			params:  pages(20, filterBy("query", "role", "id", "email", "lastSeen"), sortBy(new(server).memberOrders()), expandMemberParam),
			answers: gives[collection[memberJSON]](),
		},
		{
			method: "POST", path: "/members", actions: needs(policy.CreateMember), note: covered, serve: (*server).addMembers,
			id: "postMembers", summary: "Add account members", details: "Up to 50, all or none.", takes: takes[[]newMemberJSON](), answers: creates[collection[memberJSON]](),
		},
		{
			method: "GET", path: "/members/{memberId}", actions: needs(policy.ViewMember), note: "oneself needs nothing; `me` is the caller", serve: (*server).getMember,
			id: "getMember", summary: "Get an account member", params: parameters{expandMemberParam}, answers: gives[memberJSON](),
		},
		{
			method: "PATCH", path: "/members/{memberId}", actions: needs(policy.ViewMember, policy.UpdateRole, policy.UpdateCustomRole), note: covered + "; never the owner's; the own name and address need nothing, those of others nobody changes",
			serve: (*server).patchMember,
			id:    "patchMember", summary: "Change an account member", takes: openapi.Patches(), answers: gives[memberJSON](),
		},
		{
			method: "PUT", path: "/members/{memberId}/password", actions: needs(policy.ViewMember, policy.UpdateMemberPassword), note: covered + "; never the owner's, nor one's own",
			serve: (*server).setMemberPassword,
			id:    "putMemberPassword", summary: "Give another account member a password", details: "The first one, or one in place of one that was forgotten. The member's sessions by password end.",
			takes: takes[memberPasswordJSON](), answers: givesNothing(),
		},
		{
			method: "DELETE", path: "/members/{memberId}", actions: needs(policy.ViewMember, policy.DeleteMember), note: "never the owner", serve: (*server).deleteMember,
			id: "deleteMember", summary: "Delete an account member and the personal tokens", answers: givesNothing(),
		},
	}
}

func webhookRoutes() []route {
	const (
		everybody = "`viewProject` on `proj/*` too, where a URL is given: a webhook is told of every project"
		secrets   = "`updateSecret` on the webhook shows its secret"
	)
	return []route{
		{
			method: "GET", path: "/webhooks", actions: needs(policy.ViewWebhook), note: secrets, serve: (*server).listWebhooks,
			id: "getAllWebhooks", summary: "List webhooks", params: pages(maxPage), answers: gives[collection[webhookJSON]](),
		},
		{
			method: "POST", path: "/webhooks", actions: needs(policy.CreateWebhook), note: everybody, serve: (*server).createWebhook,
			id: "postWebhook", summary: "Create a webhook", takes: takes[newWebhookJSON](), answers: gives[webhookJSON](),
		},
		{
			method: "GET", path: "/webhooks/{webhookId}", actions: needs(policy.ViewWebhook), note: secrets, serve: (*server).getWebhook,
			id: "getWebhook", summary: "Get a webhook", answers: gives[webhookJSON](),
		},
		{
			method: "PATCH", path: "/webhooks/{webhookId}",
			actions: needs(policy.UpdateName, policy.UpdateURL, policy.UpdateSecret, policy.UpdateStatements, policy.UpdateOn, policy.UpdateTags),
			note:    everybody,
			serve:   (*server).patchWebhook,
			id:      "patchWebhook", summary: "Change a webhook", takes: openapi.Patches(), answers: gives[webhookJSON](),
		},
		{
			method: "DELETE", path: "/webhooks/{webhookId}", actions: needs(policy.DeleteWebhook), serve: (*server).deleteWebhook,
			id: "deleteWebhook", summary: "Delete a webhook", answers: givesNothing(),
		},
		{
			method: "GET", path: "/webhooks/{webhookId}/deliveries", actions: needs(policy.ViewWebhook), serve: (*server).listDeliveries,
			id: "getWebhookDeliveries", summary: "List the last attempts to tell a webhook, newest first", params: pages(20), answers: gives[collection[deliveryJSON]](),
		},
		{
			method: "POST", path: "/webhooks/{webhookId}/test", actions: needs(policy.ViewWebhook, policy.UpdateOn), serve: (*server).testWebhook,
			id: "testWebhook", summary: "Send a webhook a test and tell what came of it", answers: gives[deliveryJSON](),
		},
	}
}

func auditRoutes() []route {
	const entries = "entries that concern no project are for administrators"
	params := parameters{
		limitOf(defaultAuditLimit, maxAuditLimit), beforeParam, afterParam, queryParam("q", "Only entries that mention this."),
		queryParam("actor", "Only what this account member did, also by personal tokens, or this access token; an id."),
		queryParam("spec", "Only entries about this resource, such as `proj/web:env/production:segment/*`."),
	}
	return []route{
		{
			method: "GET", path: "/auditlog", actions: needs(policy.ViewProject), note: entries, serve: (*server).listAudit,
			id: "getAuditLogEntries", summary: "List the audit log, newest first", details: auditDetails, params: params, answers: gives[auditEntriesJSON](),
		},
		{
			method: "POST", path: "/auditlog", actions: needs(policy.ViewProject), note: entries, serve: (*server).searchAudit,
			id: "postAuditLogEntries", summary: "List the entries of the audit log that statements select", details: auditDetails,
			params: params, takes: takes[[]statementJSON](), answers: gives[auditEntriesJSON](),
		},
		{
			method: "GET", path: "/auditlog/{entryId}", actions: needs(policy.ViewProject), note: entries, serve: (*server).getAudit,
			id: "getAuditLogEntry", summary: "Get an entry of the audit log with what it changed", answers: gives[auditJSON](),
		},
	}
}

const auditDetails = "One query reads 4,000 entries at most; where `_links.next` stands there is more to read, even behind an empty page."
