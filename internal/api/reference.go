package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/gzip"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/catalog"
	"muster/internal/openapi"
)

const aboutAPI = "The management API of muster. Its paths, members and conventions are those of LaunchDarkly's REST API, version 20240415, " +
	"as far as it has them; generated clients know the operations by the same names.\n\n" +
	"- **Version.** `LD-API-Version` may be absent, `beta` or one of the versions of `GET /api/v2/versions`; all get the current behaviour. Operations in beta need `beta`.\n" +
	"- **Times** are Unix milliseconds.\n" +
	"- **Lists** take `limit` and `offset`; `_links` leads to the neighbouring pages.\n" +
	"- **New members** may come to every object at any time.\n" +
	"- **Method.** A `POST` with `X-HTTP-Method-Override: PATCH`, `PUT` or `DELETE` counts as that.\n\n" +
	"What tools push to, `POST /api/v2/segment-targets/{integrationKey}`, takes the formats of the tools and is not part of this document, and neither are the endpoints of SDKs."

// groups of the reference; LaunchDarkly's clients know some of them by these names.
var groups = []openapi.Group{
	{Name: "Segments", Description: "Named sets of contexts that flags target: by rules, by a list in the definition, or as big segments with members of their own."},
	{Name: "Segment members", Description: "Who is in a big segment, since when, and in which ones a context is."},
	{Name: "Imports and exports", Description: "Whole lists of context keys, in and out."},
	{Name: "Runs", Description: "The ledger: every push of a tool, list, edit and rollback."},
	{Name: "Points", Description: "What the members of a segment were, and the way back."},
	{Name: "Guard", Description: "Limits beyond which a sync is held until somebody decides. Of each limit the nearest one counts: the segment's, the source's, the environment's, the default."},
	{Name: "Feature flags", Description: "What is served to whom."},
	{Name: "Projects", Description: "Projects have flags and environments."},
	{Name: "Payload filters", Description: "Parts of a project's flags that server-side SDKs and relays may load instead of all."},
	{Name: "Environments", Description: "Environments have segments, configurations of flags, and the keys of SDKs."},
	{Name: "Contexts", Description: "The kinds of contexts, and what a context is served."},
	{Name: "Sources", Description: "The tools that own segments of an environment, and what becomes of these when one leaves."},
	{Name: "Activity", Description: "Who follows an environment, and what goes on in it."},
	{Name: "Access tokens", Description: "Credentials of this API."},
	{Name: "Custom roles", Description: "Policies that tokens and account members can have."},
	{Name: "Relay Proxy configurations", Description: "Which environments Relay Proxies serve."},
	{Name: "Persistent store integrations", Description: "Where members of big segments are to be written for server-side SDKs."},
	{Name: "Account members", Description: "People."},
	{Name: "Sessions", Description: "Browsers that people signed in with. A session is a cookie; a request that it comes with and that changes anything needs `X-Requested-With: muster`. Where there is an `Authorization` header too, that counts."},
	{Name: "Webhooks", Description: "Who is told of what the audit log tells."},
	{Name: "Audit log", Description: "Who changed what."},
	{Name: "Tags", Description: "Words that people put on things."},
	{Name: "Other", Description: "The API itself, and the installation."},
}

// failures says when each status of failure comes.
var failures = map[int]openapi.Failure{
	http.StatusBadRequest:                   {Description: "`invalid_request`: bad JSON, wrong or missing values. `invalid_patch`: a JSON Patch that can't be applied"},
	http.StatusUnauthorized:                 {Description: "`unauthorized`: no credential, or an unknown one"},
	http.StatusForbidden:                    {Description: "`forbidden`: the credential lacks the action that the message names"},
	http.StatusNotFound:                     {Description: "`not_found`: no such object, or one that the policy hides"},
	http.StatusConflict:                     {Description: "`conflict`, `key_exists`: the key is taken, or the object is in use. `optimistic_locking_error`: somebody else changed it first"},
	http.StatusPreconditionFailed:           {Description: "`precondition_failed`: `If-Match` is stale"},
	http.StatusRequestEntityTooLarge:        {Description: "`payload_too_large`: beyond a limit"},
	http.StatusUnsupportedMediaType:         {Description: "`unsupported_media_type`: a body in another form"},
	http.StatusRequestedRangeNotSatisfiable: {Description: "`Range` names no part of the file"},
	http.StatusUnprocessableEntity:          {Description: "`patch_failed`: a patch that can't be applied"},
	http.StatusTooManyRequests:              {Description: "`rate_limited`: try again", Headers: []string{"Retry-After", "X-Ratelimit-Reset"}},
	http.StatusInternalServerError:          {Description: "`internal_service_error`: a fault of muster's own; its log has the details"},
}

var answerHeaders = map[string]string{
	"ETag":              "The version of the object, for `If-Match`",
	"Location":          "Where what was begun can be followed",
	"Retry-After":       "Seconds to wait",
	"Set-Cookie":        "The session, `muster_session`: HttpOnly, SameSite=Strict",
	"X-Muster-Revision": "The revision of the environment at which the change is visible",
	"X-Ratelimit-Reset": "When to try again; Unix milliseconds",
}

// Document returns the OpenAPI document of the routes, as JSON.
func Document() ([]byte, error) {
	ref := openapi.Reference{
		Title: "muster", Version: strconv.Itoa(currentVersion), Description: aboutAPI, Groups: groups,
		Errors: failures, Error: reflect.TypeFor[errorJSON](), Headers: answerHeaders,
		Credential: "An access token, as it is or behind `Bearer`",
		Free:       []reflect.Type{reflect.TypeFor[ldvalue.Value](), reflect.TypeFor[jsontext.Value]()},
	}
	for _, rt := range routes() {
		ref.Operations = append(ref.Operations, rt.operation())
	}
	return ref.Document()
}

func (rt *route) operation() openapi.Operation {
	op := openapi.Operation{
		Method: rt.method, Path: prefix + rt.path, Group: rt.group, ID: rt.id, Summary: rt.summary, Description: rt.description(),
		Beta: rt.beta, Anonymous: rt.anyone, Takes: rt.takes, MayLackBody: rt.spare, Answers: rt.answers, Errors: rt.failing(),
	}
	for _, a := range rt.actions {
		op.Actions = append(op.Actions, string(a))
	}
	for part := range strings.SplitSeq(rt.path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			name = strings.TrimSuffix(name, "}")
			op.Parameters = append(op.Parameters, &openapi.Parameter{Name: name, In: "path", Doc: pathParameters[name], Shared: name})
		}
	}
	if rt.beta {
		op.Parameters = append(op.Parameters, betaParam)
	}
	op.Parameters = append(op.Parameters, rt.params...)
	return op
}

// description says of a route what its summary does not: details, and who may.
func (rt *route) description() string {
	var who []string
	for _, a := range rt.actions {
		who = append(who, "`"+string(a)+"`")
	}
	rights := strings.Join(who, ", ")
	switch {
	case rt.method == http.MethodPatch && len(who) > 1:
		rights = "of these, those for what changes: " + rights
	case len(who) == 0 && rt.note == "":
		rights = "any access token"
	}
	if rt.note != "" {
		rights = strings.TrimPrefix(rights+"; "+rt.note, "; ")
	}
	return strings.TrimPrefix(rt.details+"\n\n**Rights:** "+rights+".", "\n\n")
}

// failing returns the statuses of failure that a route has.
func (rt *route) failing() []int {
	list := slices.Clone(rt.fails)
	list = append(list, http.StatusBadRequest, http.StatusTooManyRequests, http.StatusInternalServerError)
	if !rt.anyone {
		list = append(list, http.StatusUnauthorized)
	}
	if len(rt.actions) > 0 || rt.beta {
		list = append(list, http.StatusForbidden)
	}
	if strings.Contains(rt.path, "{") {
		list = append(list, http.StatusNotFound)
	}
	if rt.method != http.MethodGet {
		list = append(list, http.StatusConflict)
	}
	if len(rt.takes) > 0 {
		list = append(list, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if slices.Contains(rt.params, ifMatchParam) {
		list = append(list, http.StatusPreconditionFailed)
	}
	return list
}

// written is the document as it is sent.
type written struct {
	plain, zipped []byte
	etag          string
}

func writeDocument() (written, error) {
	plain, err := Document()
	if err != nil {
		return written{}, err
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(plain); err != nil {
		return written{}, err
	}
	if err := z.Close(); err != nil {
		return written{}, err
	}
	sum := sha256.Sum256(plain)
	return written{plain, zipped.Bytes(), `"` + hex.EncodeToString(sum[:8]) + `"`}, nil
}

// getOpenAPI answers with the OpenAPI document, which is made when somebody asks for the first time.
func (s *server) getOpenAPI(w http.ResponseWriter, r *http.Request, _ catalog.Caller) error {
	doc, err := s.document()
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("ETag", doc.etag)
	header.Set("Cache-Control", "no-cache") // ask whether it is still the one
	header.Add("Vary", "Accept-Encoding")
	if slices.Contains(strings.Split(strings.ReplaceAll(r.Header.Get("If-None-Match"), " ", ""), ","), doc.etag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	body := doc.plain
	if acceptsGzip(r) {
		body = doc.zipped
		header.Set("Content-Encoding", "gzip")
	}
	header.Set("Content-Type", "application/json")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // the client may be gone
	return nil
}
