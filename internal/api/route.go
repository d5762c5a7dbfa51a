package api

import (
	"net/http"
	"slices"

	"muster/internal/catalog"
	"muster/internal/openapi"
	"muster/internal/policy"
)

// handler answers one request of a caller whose credential is known.
type handler func(s *server, w http.ResponseWriter, r *http.Request, who catalog.Caller) error

// route is one line of the API reference: what serves it, and what its document and docs/policies.md
// say of it.
type route struct {
	method string
	path   string // below /api/v2, as a pattern of net/http
	// actions that a caller needs, for the reference; admin and ingest are what checks them.
	actions []policy.Action
	beside  []policy.Action // that count in some cases, as the note says
	note    string          // what beside the actions decides, for the reference
	beta    bool            // served only with LD-API-Version: beta
	open    bool            // takes other credentials than access tokens, and looks at them itself
	anyone  bool            // needs no credential
	serve   handler

	group   string // of the reference; in sets it
	id      string // its name in generated clients: LaunchDarkly's where it has the endpoint
	summary string
	details string
	params  parameters // beside those of the path
	takes   []openapi.Body
	spare   bool // the body may be left out
	answers []openapi.Answer
	fails   []int // statuses beside those that such routes have
}

func needs(actions ...policy.Action) []policy.Action { return actions }

// in puts routes into a group of the reference.
func in(group string, routes []route) []route {
	for i := range routes {
		routes[i].group = group
	}
	return routes
}

// Paths that many routes begin with.
const (
	atProject     = "/projects/{projectKey}"
	atEnvironment = atProject + "/environments/{environmentKey}"
	atSegments    = "/segments/{projectKey}/{environmentKey}"
	atSegment     = atSegments + "/{segmentKey}"
	atFlags       = "/flags/{projectKey}"
	atFlag        = atFlags + "/{flagKey}"
)

// Notes that several routes have.
const (
	keysShown = "`viewSdkKey` on the environment shows its keys in full"
	ownToken  = "the own personal ones need nothing"
	covered   = "what is handed out must be held"
)

// routes is the whole API, in the order of its reference.
func routes() []route {
	return slices.Concat(
		in("Other", generalRoutes()),
		in("Sessions", sessionRoutes()),
		in("Segments", segmentRoutes()),
		in("Segment members", segmentMemberRoutes()),
		in("Imports and exports", listRoutes()),
		in("Runs", runRoutes()),
		in("Points", pointRoutes()),
		in("Guard", guardRoutes()),
		in("Sources", sourceRoutes()),
		in("Feature flags", flagRoutes()),
		in("Projects", projectRoutes()),
		in("Environments", environmentRoutes()),
		in("Payload filters", payloadFilterRoutes()),
		in("Contexts", contextRoutes()),
		in("Activity", activityRoutes()),
		in("Access tokens", tokenRoutes()),
		in("Custom roles", roleRoutes()),
		in("Relay Proxy configurations", relayConfigRoutes()),
		in("Persistent store integrations", sinkRoutes()),
		in("Account members", memberRoutes()),
		in("Webhooks", webhookRoutes()),
		in("Audit log", auditRoutes()),
		in("Tags", tagRoutes()),
	)
}

// gives answers 200 with a T.
func gives[T any](headers ...string) []openapi.Answer {
	return []openapi.Answer{{Status: http.StatusOK, Headers: headers, Bodies: []openapi.Body{openapi.JSON[T]()}}}
}

// creates answers 201 with a T.
func creates[T any](headers ...string) []openapi.Answer {
	return []openapi.Answer{{Status: http.StatusCreated, Headers: headers, Bodies: []openapi.Body{openapi.JSON[T]()}}}
}

// taken answers 202 with a T.
func taken[T any]() []openapi.Answer {
	return []openapi.Answer{{Status: http.StatusAccepted, Bodies: []openapi.Body{openapi.JSON[T]()}}}
}

// givesNothing answers 204.
func givesNothing(headers ...string) []openapi.Answer {
	return []openapi.Answer{{Status: http.StatusNoContent, Headers: headers}}
}

// givesText answers 200 with text of one of the media types.
func givesText(description string, media ...string) []openapi.Answer {
	a := openapi.Answer{Status: http.StatusOK, Description: description}
	for _, m := range media {
		a.Bodies = append(a.Bodies, openapi.Body{Media: m})
	}
	return []openapi.Answer{a}
}

// takes is a body of JSON that holds a T.
func takes[T any]() []openapi.Body { return []openapi.Body{openapi.JSON[T]()} }

// givesPart answers 206 with a part of a text.
func givesPart(media ...string) openapi.Answer {
	a := givesText("The part that `Range` asks for", media...)[0]
	a.Status = http.StatusPartialContent
	return a
}
