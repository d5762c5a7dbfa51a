package api

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"muster/internal/openapi"
)

type parameters = []*openapi.Parameter

var (
	integerType = reflect.TypeFor[int64]()
	boolType    = reflect.TypeFor[bool]()
	textsType   = reflect.TypeFor[[]string]()
)

// The parameters that more than one route has.
var (
	betaParam = &openapi.Parameter{
		Name: "LD-API-Version", In: "header", Shared: "beta", Required: true, Enum: []any{"beta"}, Doc: "This endpoint is in beta, which the request must ask for.",
	}
	ifMatchParam = &openapi.Parameter{
		Name: "If-Match", In: "header", Shared: "ifMatch", Doc: "The `ETag` that the object must have; `412` if it has another.",
	}
	idempotencyParam = &openapi.Parameter{
		Name: "Idempotency-Key", In: "header", Shared: "idempotencyKey",
		Doc: "1 to 255 bytes. Within 24 hours the same key for the same segment changes nothing and gets the answer of the first request.",
	}
	dryRunParam = &openapi.Parameter{
		Name: "dryRun", In: "query", Type: boolType, Shared: "dryRun", Doc: "Check everything, answer with what would be, and keep nothing.",
	}
	offsetParam = &openapi.Parameter{Name: "offset", In: "query", Type: integerType, Shared: "offset", Default: 0, Doc: "How many items to skip."}
	beforeParam = &openapi.Parameter{Name: "before", In: "query", Type: integerType, Shared: "before", Doc: "Only what came earlier; Unix milliseconds."}
	afterParam  = &openapi.Parameter{Name: "after", In: "query", Type: integerType, Shared: "after", Doc: "Only what came later; Unix milliseconds."}
	expiryParam = &openapi.Parameter{
		Name: "expiry", In: "query", Type: integerType, Shared: "expiry", Doc: "Until when what is replaced still works; Unix milliseconds. Without it, it ends at once.",
	}
	expandMemberParam = &openapi.Parameter{Name: "expand", In: "query", Shared: "expandMembers", Doc: "A comma list of `customRoles` and `roleAttributes`. Custom roles are always there."}

	expandParam = &openapi.Parameter{
		Name: "expand", In: "query", Shared: "expandEnvironments", Enum: []any{"environments"}, Doc: "What to show beside the project itself.",
	}
	envParam = &openapi.Parameter{
		Name: "env", In: "query", Type: textsType, Shared: "env", Doc: "Only the configurations of the environments with these keys.",
	}
)

// queryParam is a parameter of one route.
func queryParam(name, doc string) *openapi.Parameter {
	return &openapi.Parameter{Name: name, In: "query", Doc: doc}
}

// truthParam is a parameter of one route that is true or false.
func truthParam(name, doc string) *openapi.Parameter {
	return &openapi.Parameter{Name: name, In: "query", Type: boolType, Doc: doc}
}

// choiceParam is a parameter of one route that has one of some values; the first is the default.
func choiceParam(name, doc string, values ...any) *openapi.Parameter {
	return &openapi.Parameter{Name: name, In: "query", Doc: doc, Enum: values, Default: values[0]}
}

// pages are the parameters of a list with so many items on a page unless the client says otherwise,
// and those that it has beside.
func pages(limit int, more ...*openapi.Parameter) parameters {
	return append(parameters{limitOf(limit, maxPage), offsetParam}, more...)
}

func limitOf(limit, most int) *openapi.Parameter {
	doc := "How many items, at most " + strconv.Itoa(most) + "."
	return &openapi.Parameter{Name: "limit", In: "query", Type: integerType, Shared: "limit" + strconv.Itoa(limit), Default: limit, Doc: doc}
}

// sortBy is the order of a list that can be sorted so.
func sortBy[T any](by orders[T]) *openapi.Parameter {
	doc := "A comma list of `" + strings.Join(slices.Sorted(maps.Keys(by)), "` `") + "`; `-` in front descends."
	return &openapi.Parameter{Name: "sort", In: "query", Doc: doc}
}

// filterBy narrows a list by fields in colon form.
func filterBy(fields ...string) *openapi.Parameter {
	return &openapi.Parameter{
		Name: "filter", In: "query",
		Doc: "`field:value,field:value`, all of which must hold; of the fields `" + strings.Join(fields, "` `") + "`. Others are ignored.",
	}
}

// pathParameters says what stands in a path.
var pathParameters = map[string]string{
	"contextKey":       "The key of a context, percent-encoded.",
	"contextKind":      "The key of a context kind, such as `user`.",
	"entryId":          "The id of an entry of the audit log.",
	"environmentKey":   "The key of an environment of the project.",
	"exportId":         "The id of an export of the segment.",
	"flagKey":          "The key of a flag of the project.",
	"importId":         "The id of an import of the segment.",
	"integrationKey":   "The integration key of a tool, such as `rudderstack`, or the kind of a store, `redis` or `dynamodb`.",
	"integrationId":    "The id of a persistent store integration.",
	"memberId":         "The id of an account member, or `me`.",
	"payloadFilterKey": "The key of a payload filter of the project.",
	"pointId":          "The id of a point of the segment.",
	"projectKey":       "The key of a project.",
	"roleKey":          "The key or the id of a custom role.",
	"runId":            "The id of a run.",
	"segmentKey":       "The key of a segment of the environment.",
	"relayConfigId":    "The id of a configuration of relays.",
	"tokenId":          "The id of an access token.",
	"webhookId":        "The id of a webhook.",
}

// Parameters that say too much for a line of the table of routes.
var (
	ifNoneMatchParam = &openapi.Parameter{Name: "If-None-Match", In: "header", Doc: "The `ETag` of the document that the client has."}
	tagKindParam     = &openapi.Parameter{
		Name: "kind", In: "query", Type: textsType, Enum: []any{"project", "environment", "flag", "segment"}, Doc: "Of which objects; of all if absent.",
	}
	segmentFilterParam = queryParam("filter", "Conditions `field op value` with JSON values, `,` for and, `|` for or, with parentheses: `query equals`, `tags anyOf`, "+
		"`unbounded equals`, `external exists`, `external anyOf` of tools, `state anyOf` of `_muster.state`, `includedKeys anyOf`, `excludedKeys anyOf`. Other fields are ignored.")
	expandSegmentsParam = &openapi.Parameter{
		Name: "expand", In: "query", Type: textsType, Enum: []any{"pulse", "flags"},
		Doc: "What lists leave out and the segment by itself has: how often and how fast it is synced (`pulse`), which flags target it (`flags`); of at most 100 at once.",
	}
	expandFlagsParam = &openapi.Parameter{
		Name: "expand", In: "query", Type: textsType, Enum: []any{"pulse"},
		Doc: "How often each configuration that is shown was evaluated of late, who changed it last, and whether the caller may turn it (`pulse`); of at most 100 flags at once.",
	}
	runStateParam = &openapi.Parameter{
		Name: "state", In: "query", Enum: []any{"received", "staged", "live", "held", "discarded", "rejected", "superseded", "rolledBack"}, Doc: "Only runs in this state.",
	}
	listParams = parameters{
		choiceParam("mode", "What the list does: its keys join, are all members from then on, or leave.", "merge", "replace", "remove"),
		queryParam("column", "The column of the keys in a CSV or in objects: its name, or its index from 0."),
		truthParam("header", "Whether the first row of a CSV is a header; found out if absent."),
		{Name: "separator", In: "query", Enum: []any{"comma", "semicolon", "tab"}, Doc: "What stands between the fields of a CSV; found out if absent, by the names of the columns."},
		queryParam("contextKind", "Of which kind the keys are, if the segment lists targets of several."),
		truthParam("override", "Import into a synced segment, whose members belong to its tool."),
		{Name: "Content-Encoding", In: "header", Enum: []any{"gzip", "zstd", "identity"}, Doc: "How the list is compressed."},
	}
	importParams = append(slices.Clip(listParams),
		queryParam("comment", "Kept with the run."),
		truthParam("waitOnApprovals", "Wait in the status `ready` for the instruction `processBigSegmentImport`."),
		dryRunParam, idempotencyParam,
	)
)

// importForm is what a form with a list may hold. readForm reads it as it comes.
type importForm struct {
	File string `json:"file" format:"binary" doc:"Its name tells its form: .csv, .ndjson, .jsonl, .json, and .gz or .zst"`
	Mode string `json:"mode,omitzero" enum:"merge,replace,remove"`
	Wait bool   `json:"waitOnApprovals,omitzero"`
}

// importBodies are the forms of a list.
var importBodies = []openapi.Body{
	{Media: "multipart/form-data", Type: reflect.TypeFor[importForm]()}, {Media: "text/csv"}, {Media: "application/x-ndjson"}, openapi.JSON[[]any](),
}
