package api

import (
	"net/http"
)

func sessionRoutes() []route {
	return []route{
		{
			method: "POST", path: "/session", anyone: true, note: "no credential", serve: (*server).signIn,
			id: "postSession", summary: "Sign in with an access token, or with an address and a password",
			details: "The answer sets the cookie `muster_session`. Tries that fail are limited by address and by account; `429` says how long to wait.",
			takes:   takes[signInJSON](), answers: gives[sessionJSON]("Set-Cookie"), fails: []int{http.StatusUnauthorized, http.StatusForbidden},
		},
		{
			method: "GET", path: "/session", serve: (*server).getSession,
			id: "getSession", summary: "Tell who is signed in", answers: gives[sessionJSON](),
		},
		{
			method: "DELETE", path: "/session", serve: (*server).signOut,
			id: "deleteSession", summary: "Sign out", answers: givesNothing("Set-Cookie"), fails: []int{http.StatusForbidden},
		},
		{
			method: "DELETE", path: "/session/others", serve: (*server).signOutOthers,
			id: "deleteOtherSessions", summary: "End one's other sessions", details: "Those that were begun with the same token, or by the same account member's password.",
			answers: givesNothing(), fails: []int{http.StatusForbidden},
		},
		{
			method: "GET", path: "/first-run", anyone: true, note: "no credential", serve: (*server).getFirstRun,
			id: "getFirstRun", summary: "Tell whether the owner of the account is still to be set up", answers: gives[firstRunJSON](),
		},
		{
			method: "POST", path: "/first-run", open: true, note: "the set-up code of the server's log, or an administrator's token of the owner", serve: (*server).firstRun,
			id: "postFirstRun", summary: "Give the owner of the account a name, an address and a password, and sign in",
			details: "Works once.", takes: takes[ownerJSON](), answers: gives[sessionJSON]("Set-Cookie"), fails: []int{http.StatusForbidden},
		},
		{
			method: "PUT", path: "/session/password", note: "a token that can do less than its account member can't", serve: (*server).changePassword,
			id: "putPassword", summary: "Change one's password", details: "All other sessions by password end.",
			takes: takes[passwordJSON](), answers: givesNothing(), fails: []int{http.StatusForbidden, http.StatusNotFound},
		},
	}
}
