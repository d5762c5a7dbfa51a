package api

import (
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
)

// patch is a change of one object in any of the forms that clients send.
type patch struct {
	comment string
	// edit changes the document of the object; nil for a semantic patch.
	edit func(doc any) (any, error)
	// environment and instructions are those of a semantic patch.
	environment  catalog.EnvKey
	instructions []catalog.Instruction
	// delta and merge are the text of a JSON Patch or a merge patch.
	delta, merge jsontext.Value
}

// how says how admin is to treat the change.
func (p patch) how() admin.Change {
	return admin.Change{Comment: p.comment, Delta: p.delta, Merge: p.merge}
}

// deletes reports whether the patch deletes its object, and does nothing else.
func (p patch) deletes() bool {
	return len(p.instructions) == 1 && strings.EqualFold(p.instructions[0].Kind, "deleteFlag")
}

const maxInstructions = 1000

// readPatch reads the body of a PATCH: an array of JSON Patch operations, {"patch":[…]},
// {"merge":{…}}, a bare merge object, or with its own content type a semantic patch.
func readPatch(w http.ResponseWriter, r *http.Request) (patch, error) {
	text, err := readBody(w, r, maxBodyBytes)
	if err != nil {
		return patch{}, err
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		kind = "application/json"
	}
	if params["domain-model"] == "launchdarkly.semanticpatch" {
		return semanticPatch(text)
	}
	if text.Kind() == '[' {
		return jsonPatch(text, "")
	}
	var members map[string]jsontext.Value
	if text.Kind() != '{' {
		return patch{}, fault.Invalidf("the body must be an array of JSON Patch operations or an object")
	}
	if err := decode(text, &members); err != nil {
		return patch{}, err
	}
	comment, err := commentOf(members)
	switch {
	case err != nil:
		return patch{}, err
	case members["patch"] != nil:
		return jsonPatch(members["patch"], comment)
	case kind == "application/json-patch+json":
		return patch{}, fault.Invalidf("the body must be an array of JSON Patch operations, or an object with the member patch")
	case members["merge"] != nil:
		return mergePatch(members["merge"], comment)
	case members["instructions"] != nil:
		return patch{}, fault.Invalidf("a semantic patch needs Content-Type: application/json; domain-model=launchdarkly.semanticpatch")
	}
	delete(members, "comment")
	bare, err := json.Marshal(members)
	if err != nil {
		return patch{}, err
	}
	return mergePatch(bare, comment)
}

// readFieldPatch is readPatch for objects that know no instructions.
func readFieldPatch(w http.ResponseWriter, r *http.Request) (patch, error) {
	p, err := readPatch(w, r)
	if err == nil && p.edit == nil {
		return p, fault.Invalidf("this endpoint takes JSON Patch, not a semantic patch")
	}
	return p, err
}

func commentOf(members map[string]jsontext.Value) (string, error) {
	var comment string
	if members["comment"] == nil {
		return "", nil
	}
	if err := decode(members["comment"], &comment); err != nil {
		return "", fault.Invalidf("comment must be a text").Because(err)
	}
	return comment, nil
}

func jsonPatch(text jsontext.Value, comment string) (patch, error) {
	steps, err := parseJSONPatch(text)
	if err != nil {
		return patch{}, err
	}
	return patch{comment: comment, delta: text, edit: func(doc any) (any, error) { return applyJSONPatch(doc, steps) }}, nil
}

func mergePatch(text jsontext.Value, comment string) (patch, error) {
	var change any
	if err := decode(text, &change); err != nil {
		return patch{}, err
	}
	if _, ok := change.(map[string]any); !ok {
		return patch{}, fault.Invalidf("a merge patch must be an object")
	}
	return patch{comment: comment, merge: text, edit: func(doc any) (any, error) { return merged(doc, change), nil }}, nil
}

// merged applies a merge patch (RFC 7386).
func merged(doc, change any) any {
	members, ok := change.(map[string]any)
	if !ok {
		return deepCopy(change)
	}
	into, ok := doc.(map[string]any)
	if !ok {
		into = make(map[string]any, len(members))
	}
	for name, v := range members {
		if v == nil {
			delete(into, name)
			continue
		}
		into[name] = merged(into[name], v)
	}
	return into
}

func semanticPatch(text jsontext.Value) (patch, error) {
	var body struct {
		Comment      string           `json:"comment"`
		Environment  string           `json:"environmentKey"`
		Instructions []map[string]any `json:"instructions"`
	}
	if err := decode(text, &body); err != nil {
		return patch{}, err
	}
	if len(body.Instructions) == 0 {
		return patch{}, fault.Invalidf("a semantic patch needs instructions")
	}
	if len(body.Instructions) > maxInstructions {
		return patch{}, fault.TooLargef("the patch holds more than %d instructions", maxInstructions)
	}
	p := patch{comment: body.Comment, environment: catalog.EnvKey(body.Environment)}
	for i, params := range body.Instructions {
		kind, ok := params["kind"].(string)
		if !ok || kind == "" {
			return patch{}, fault.Invalidf("instructions/%d has no kind", i)
		}
		delete(params, "kind")
		p.instructions = append(p.instructions, catalog.Instruction{Kind: kind, Params: params})
	}
	return p, nil
}

// fields says which members of a representation a patch may change, and what each sets. The text is
// "null" for a member that was removed.
type fields[T any] map[string]func(into T, text jsontext.Value) error

// field returns a setter of the member that at points to.
func field[T, V any](at func(T) *V) func(T, jsontext.Value) error {
	return func(into T, text jsontext.Value) error {
		var v V
		if err := decode(text, &v); err != nil {
			return err
		}
		*at(into) = v
		return nil
	}
}

// asField is field for a member whose JSON shape J is not the domain's.
func asField[T, J any](set func(into T, v J)) func(T, jsontext.Value) error {
	return func(into T, text jsontext.Value) error {
		var v J
		if err := decode(text, &v); err != nil {
			return err
		}
		set(into, v)
		return nil
	}
}

// dropped accepts any change of a member that muster doesn't offer.
func dropped[T any](T, jsontext.Value) error { return nil }

// documentOf returns the representation as a patch sees it.
func documentOf(representation any) (map[string]any, error) {
	text, err := json.Marshal(representation)
	if err != nil {
		return nil, err
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	return doc, nil
}

// edited applies the patch to a representation and returns its members before and after.
func (p patch) edited(representation any) (before, after map[string]any, err error) {
	if before, err = documentOf(representation); err != nil {
		return nil, nil, err
	}
	doc, err := p.edit(deepCopy(before))
	if err != nil {
		return nil, nil, err
	}
	after, ok := doc.(map[string]any)
	if !ok {
		return nil, nil, fault.New(fault.Invalid, fault.CodeInvalidPatch, "the patch leaves no object")
	}
	return before, after, nil
}

// assign sets every member that differs. A member that is not among the fields must not have
// changed; one that the representation never had is dropped, as older clients send such.
func (f fields[T]) assign(into T, before, after map[string]any, where string) error {
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if f[name] == nil && !sameJSON(before[name], after[name]) {
			return fault.Invalidf("%s%s is read-only", where, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		value, held := after[name]
		old, had := before[name]
		if held == had && sameJSON(old, value) {
			continue
		}
		text, err := json.Marshal(value)
		if err != nil {
			return fault.Invalidf("%s%s can't be read", where, name).Because(err)
		}
		if err := f[name](into, text); err != nil {
			return within(where+name, err)
		}
	}
	return nil
}

// within names the member in which a value was wrong.
func within(member string, err error) error {
	f := fault.From(err)
	if f.Kind == fault.Internal {
		return err
	}
	if strings.HasPrefix(f.Message, member) {
		return f
	}
	return fault.New(f.Kind, f.Code, "%s: %s", member, f.Message).Because(err)
}
