package openapi

import (
	"encoding/json"
	"reflect"
	"testing"
)

type inner struct {
	Name string `json:"name"`
}

type listOf[T any] struct {
	Items []T `json:"items"`
}

type opaque struct{ Parts []any }

type thingJSON struct {
	Key      string           `json:"key" doc:"Unique"`
	Note     string           `json:"note,omitzero"`
	State    string           `json:"state" enum:"new,old"`
	At       int64            `json:"at"`
	Revision uint64           `json:"revision,omitempty"`
	Limit    *float64         `json:"limit"`
	Weight   *int             `json:"weight,omitzero"`
	Held     *inner           `json:"held"`
	Last     *inner           `json:"last,omitzero"`
	Shown    *inner           `json:"shown,omitzero" required:"true"`
	Tags     []string         `json:"tags"`
	Parts    map[string]inner `json:"parts,omitzero"`
	Value    opaque           `json:"value"`
	Any      any              `json:"any,omitzero"`
	Self     *thingJSON       `json:"self,omitzero"`
}

func reference(op Operation) *Reference {
	op.Method, op.Path, op.Group, op.ID = "GET", "/things/{key}", "Things", "getThing"
	return &Reference{
		Title: "t", Version: "1", Groups: []Group{{Name: "Things"}}, Operations: []Operation{op},
		Errors: map[int]Failure{404: {Description: "no such thing"}}, Error: reflect.TypeFor[inner](),
		Headers: map[string]string{"ETag": "the version"}, Free: []reflect.Type{reflect.TypeFor[opaque]()},
	}
}

// written returns a document as JSON that can be looked into.
func written(t *testing.T, ref *Reference) map[string]any {
	t.Helper()
	text, err := ref.Document()
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func at(v any, path ...string) any {
	for _, name := range path {
		members, _ := v.(map[string]any)
		v = members[name]
	}
	return v
}

func want(t *testing.T, what string, got any, text string) {
	t.Helper()
	var wanted any
	if err := json.Unmarshal([]byte(text), &wanted); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, wanted) {
		t.Errorf("%s is %v, want %s", what, got, text)
	}
}

// TestShapesSayWhatTheEncoderWrites: what may be absent, what may be null, and what may be anything.
func TestShapesSayWhatTheEncoderWrites(t *testing.T) {
	doc := written(t, reference(Operation{Answers: []Answer{{Status: 200, Bodies: []Body{JSON[listOf[thingJSON]]()}}}}))
	shapes := at(doc, "components", "schemas")
	want(t, "a generic type", at(shapes, "ThingListOf", "properties", "items"), `{"type":"array","items":{"$ref":"#/components/schemas/Thing"}}`)
	want(t, "what is required", at(shapes, "Thing", "required"), `["key","state","at","limit","held","shown","tags","value"]`)
	want(t, "what excludes further members", at(shapes, "Thing", "additionalProperties"), `null`)
	for name, text := range map[string]string{
		"key":      `{"type":"string","description":"Unique"}`,
		"state":    `{"type":"string","enum":["new","old"]}`,
		"at":       `{"type":"integer","format":"int64"}`,
		"revision": `{"type":"integer","format":"int64","minimum":0}`,
		"limit":    `{"type":["number","null"],"format":"double"}`,
		"weight":   `{"type":"integer","format":"int64"}`,
		"held":     `{"anyOf":[{"$ref":"#/components/schemas/Inner"},{"type":"null"}]}`,
		"last":     `{"$ref":"#/components/schemas/Inner"}`,
		"tags":     `{"type":"array","items":{"type":"string"}}`,
		"parts":    `{"type":"object","additionalProperties":{"$ref":"#/components/schemas/Inner"}}`,
		"value":    `{}`,
		"any":      `{}`,
		"self":     `{"$ref":"#/components/schemas/Thing"}`,
	} {
		want(t, name, at(shapes, "Thing", "properties", name), text)
	}
}

func TestOperations(t *testing.T) {
	shared := &Parameter{Name: "limit", In: "query", Type: reflect.TypeFor[int64](), Default: 20, Doc: "how many", Shared: "limit20"}
	doc := written(t, reference(Operation{
		Summary: "Get a thing", Actions: []string{"viewThing"}, Beta: true, Anonymous: true, Errors: []int{404},
		Parameters: []*Parameter{{Name: "key", In: "path"}, shared, {Name: "kind", In: "query", Type: reflect.TypeFor[[]string](), Enum: []any{"a", "b"}}},
		Takes:      append(Patches(), SemanticPatch()),
		Answers:    []Answer{{Status: 200, Headers: []string{"ETag"}, Bodies: []Body{{Media: "text/csv"}}}, {Status: 204, MayHave: []string{"ETag"}}},
	}))
	op := at(doc, "paths", "/things/{key}", "get")
	want(t, "parameters", at(op, "parameters"), `[
		{"name":"key","in":"path","required":true,"schema":{"type":"string"}}, {"$ref":"#/components/parameters/limit20"},
		{"name":"kind","in":"query","schema":{"type":"array","items":{"type":"string","enum":["a","b"]}}}]`)
	want(t, "the shared parameter", at(doc, "components", "parameters"),
		`{"limit20":{"name":"limit","in":"query","description":"how many","schema":{"type":"integer","format":"int64","default":20}}}`)
	want(t, "200", at(op, "responses", "200"),
		`{"description":"OK","headers":{"ETag":{"description":"the version","required":true,"schema":{"type":"string"}}},"content":{"text/csv":{"schema":{"type":"string"}}}}`)
	want(t, "204", at(op, "responses", "204"), `{"description":"No Content","headers":{"ETag":{"description":"the version","schema":{"type":"string"}}}}`)
	want(t, "404", at(op, "responses", "404"), `{"$ref":"#/components/responses/NotFound"}`)
	want(t, "security", at(op, "security"), `[]`)
	want(t, "actions", at(op, "x-muster-actions"), `["viewThing"]`)
	want(t, "beta", at(op, "x-muster-beta"), `true`)
	want(t, "a semantic patch", at(op, "requestBody", "content", SemanticMedia), `{"schema":{"$ref":"#/components/schemas/SemanticPatch"}}`)
	want(t, "a JSON Patch", at(op, "requestBody", "content", "application/json-patch+json"), `{"schema":{"$ref":"#/components/schemas/JSONPatch"}}`)
}

func TestATableThatContradictsItselfIsNoDocument(t *testing.T) {
	for name, op := range map[string]Operation{
		"a status that nobody describes": {Errors: []int{418}},
		"a header that nobody describes": {Answers: []Answer{{Status: 200, Headers: []string{"X-Unknown"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it becomes a document")
				}
			}()
			_, _ = reference(op).Document()
		})
	}
}
