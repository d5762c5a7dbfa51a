package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

const credential = "ApiKey"

// document is one under construction.
type document struct {
	*Reference
	shapes huma.Registry
	out    *huma.OpenAPI
}

// Document returns the reference as the JSON text of an OpenAPI 3.1 document. It panics on a table
// that contradicts itself, such as two shapes of one name.
func (ref *Reference) Document() ([]byte, error) {
	d := &document{Reference: ref, shapes: newRegistry(ref.Free), out: &huma.OpenAPI{
		OpenAPI:  "3.1.0",
		Info:     &huma.Info{Title: ref.Title, Version: ref.Version, Description: ref.Description},
		Servers:  []*huma.Server{{URL: "/"}},
		Security: []map[string][]string{{credential: {}}},
	}}
	d.out.Components = &huma.Components{
		Schemas:    d.shapes,
		Responses:  map[string]*huma.Response{},
		Parameters: map[string]*huma.Param{},
		SecuritySchemes: map[string]*huma.SecurityScheme{
			credential: {Type: "apiKey", In: "header", Name: "Authorization", Description: ref.Credential},
		},
	}
	for _, g := range ref.Groups {
		d.out.Tags = append(d.out.Tags, &huma.Tag{Name: g.Name, Description: g.Description})
	}
	for status, failure := range ref.Errors {
		d.out.Components.Responses[failureName(status)] = &huma.Response{
			Description: failure.Description, Headers: d.headers(failure.Headers, nil), Content: d.content([]Body{{Type: ref.Error}}),
		}
	}
	for i := range ref.Operations {
		d.out.AddOperation(d.operation(&ref.Operations[i]))
	}
	refine(d.shapes)
	maps.Copy(d.shapes.Map(), patchSchemas())
	return json.Marshal(d.out)
}

// failureName turns a status into the name of the answer that operations share.
func failureName(status int) string {
	return strings.ReplaceAll(http.StatusText(status), " ", "")
}

func (d *document) operation(op *Operation) *huma.Operation {
	out := &huma.Operation{
		Method: op.Method, Path: op.Path, OperationID: op.ID, Summary: op.Summary, Description: op.Description,
		Tags: []string{op.Group}, Responses: map[string]*huma.Response{}, Extensions: map[string]any{},
	}
	if len(op.Actions) > 0 {
		out.Extensions["x-muster-actions"] = op.Actions
	}
	if op.Beta {
		out.Extensions["x-muster-beta"] = true
	}
	if op.Anonymous {
		out.Security = []map[string][]string{}
	}
	for _, p := range op.Parameters {
		out.Parameters = append(out.Parameters, d.parameter(p))
	}
	if len(op.Takes) > 0 {
		out.RequestBody = &huma.RequestBody{Required: !op.MayLackBody, Content: d.content(op.Takes)}
	}
	for _, a := range op.Answers {
		if a.Description == "" {
			a.Description = http.StatusText(a.Status)
		}
		out.Responses[strconv.Itoa(a.Status)] = &huma.Response{
			Description: a.Description, Headers: d.headers(a.Headers, a.MayHave), Content: d.content(a.Bodies),
		}
	}
	for _, status := range op.Errors {
		if _, ok := d.Errors[status]; !ok {
			panic(fmt.Sprintf("%s answers %d, which nobody describes", op.ID, status))
		}
		out.Responses[strconv.Itoa(status)] = &huma.Response{Ref: "#/components/responses/" + failureName(status)}
	}
	return out
}

func (d *document) headers(always, sometimes []string) map[string]*huma.Param {
	out := make(map[string]*huma.Param, len(always)+len(sometimes))
	for i, name := range slices.Concat(always, sometimes) {
		doc, ok := d.Headers[name]
		if !ok {
			panic("nobody describes the header " + name)
		}
		out[name] = &huma.Param{Description: doc, Required: i < len(always), Schema: &huma.Schema{Type: huma.TypeString}}
	}
	return out
}

func (d *document) content(bodies []Body) map[string]*huma.MediaType {
	out := make(map[string]*huma.MediaType, len(bodies))
	for _, b := range bodies {
		media, schema := b.Media, &huma.Schema{Type: huma.TypeString}
		if media == "" {
			media = "application/json"
		}
		switch {
		case b.patch != noPatch:
			schema = b.patch.schema()
		case b.Type != nil:
			schema = d.shape(b.Type)
		}
		out[media] = &huma.MediaType{Schema: schema}
	}
	return out
}

func (d *document) shape(t reflect.Type) *huma.Schema {
	s := d.shapes.Schema(t, true, "")
	settle(s)
	return s
}

func (d *document) parameter(p *Parameter) *huma.Param {
	if p.Shared != "" {
		if d.out.Components.Parameters[p.Shared] == nil {
			d.out.Components.Parameters[p.Shared] = d.inline(p)
		}
		return &huma.Param{Ref: "#/components/parameters/" + p.Shared}
	}
	return d.inline(p)
}

func (d *document) inline(p *Parameter) *huma.Param {
	schema := &huma.Schema{Type: huma.TypeString}
	if p.Type != nil {
		schema = d.shape(p.Type)
	}
	if schema.Type == huma.TypeArray {
		schema.Items.Enum = slices.Clone(p.Enum)
	} else {
		schema.Enum = slices.Clone(p.Enum)
	}
	schema.Default = p.Default
	return &huma.Param{Name: p.Name, In: p.In, Description: p.Doc, Required: p.Required || p.In == "path", Schema: schema}
}
