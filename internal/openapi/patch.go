package openapi

import "github.com/danielgtaylor/huma/v2"

// patchForm is a way to say a change of an object.
type patchForm int

const (
	noPatch    patchForm = iota
	anyPatch             // JSON Patch or merge patch, by itself or in an object with a comment
	jsonPatch            // RFC 6902
	mergePatch           // RFC 7386
	semanticPatch
)

// SemanticMedia is the media type of a semantic patch.
const SemanticMedia = "application/json; domain-model=launchdarkly.semanticpatch"

// Patches returns the forms in which the change of an object can be sent.
func Patches() []Body {
	return []Body{{patch: anyPatch}, {Media: "application/json-patch+json", patch: jsonPatch}, MergePatch("application/merge-patch+json")}
}

// MergePatch returns a body that is the object with those members alone that change.
func MergePatch(media string) Body { return Body{Media: media, patch: mergePatch} }

// SemanticPatch returns a body that names instructions.
func SemanticPatch() Body { return Body{Media: SemanticMedia, patch: semanticPatch} }

const refPrefix = "#/components/schemas/"

func ref(name string) *huma.Schema { return &huma.Schema{Ref: refPrefix + name} }

func (f patchForm) schema() *huma.Schema {
	switch f {
	case jsonPatch:
		return ref("JSONPatch")
	case mergePatch:
		return &huma.Schema{OneOf: []*huma.Schema{ref("MergePatchWithComment"), ref("MergePatch")}}
	case semanticPatch:
		return ref("SemanticPatch")
	default:
		return &huma.Schema{OneOf: []*huma.Schema{ref("JSONPatch"), ref("JSONPatchWithComment"), ref("MergePatchWithComment"), ref("MergePatch")}}
	}
}

// patchSchemas are the shapes of all forms.
func patchSchemas() map[string]*huma.Schema {
	text := &huma.Schema{Type: huma.TypeString}
	comment := &huma.Schema{Type: huma.TypeString, Description: "Kept with the change in the audit log"}
	pointer := &huma.Schema{Type: huma.TypeString, Description: "A JSON pointer into the representation"}
	object := func(required []string, members map[string]*huma.Schema) *huma.Schema {
		return &huma.Schema{Type: huma.TypeObject, Required: required, Properties: members}
	}
	members := &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: true, Description: "The members that change (RFC 7386); null removes one",
	}
	bare := *members
	bare.Not = &huma.Schema{AnyOf: []*huma.Schema{
		{Required: []string{"patch"}}, {Required: []string{"merge"}}, {Required: []string{"instructions"}},
	}}
	instruction := object([]string{"kind"}, map[string]*huma.Schema{"kind": text})
	instruction.AdditionalProperties = true
	instruction.Description = "One step, with the parameters of its kind"
	return map[string]*huma.Schema{
		"JSONPatch": {Type: huma.TypeArray, Items: ref("PatchOperation"), Description: "A JSON Patch (RFC 6902), applied whole or not at all"},
		"PatchOperation": object([]string{"op", "path"}, map[string]*huma.Schema{
			"op":    {Type: huma.TypeString, Enum: []any{"add", "replace", "remove", "test", "move", "copy"}},
			"path":  pointer,
			"from":  pointer,
			"value": {},
		}),
		"JSONPatchWithComment":  object([]string{"patch"}, map[string]*huma.Schema{"comment": comment, "patch": ref("JSONPatch")}),
		"MergePatch":            &bare,
		"MergePatchWithComment": object([]string{"merge"}, map[string]*huma.Schema{"comment": comment, "merge": members}),
		"SemanticPatch": object([]string{"instructions"}, map[string]*huma.Schema{
			"comment": comment,
			"environmentKey": {
				Type: huma.TypeString, Description: "The environment that the instructions are about, where the path names none",
			},
			"instructions": {Type: huma.TypeArray, Items: instruction},
		}),
	}
}
