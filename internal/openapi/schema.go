package openapi

import (
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// newRegistry returns where the shapes of types come together. Values of the free types are any JSON.
func newRegistry(free []reflect.Type) huma.Registry {
	r := huma.NewMapRegistry(refPrefix, schemaName)
	for _, t := range free {
		r.RegisterTypeAlias(t, reflect.TypeFor[any]())
	}
	return r
}

// schemaName names the shape of a type: segmentJSON is Segment, collection[segmentJSON] is
// SegmentCollection.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := t.Name()
	if name == "" {
		name = hint
	}
	outer, inner, _ := strings.Cut(strings.TrimSuffix(name, "]"), "[")
	return title(inner) + title(outer)
}

func title(name string) string {
	name = strings.TrimSuffix(name[strings.LastIndex(name, ".")+1:], "JSON")
	if name == "" {
		return ""
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// refine says of every shape what encoding/json's successor makes of its type, where huma goes by
// encoding/json: a slice is never null, a pointer that may be absent neither, any other may be. New
// members may come at any time, so no shape excludes them.
func refine(r huma.Registry) {
	for name, s := range r.Map() {
		t := r.TypeFromRef(refPrefix + name)
		for f := range t.Fields() {
			member, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			at := s.Properties[member]
			if at == nil || f.Type.Kind() != reflect.Pointer {
				continue
			}
			absent := strings.Contains(options, "omit")
			switch {
			case absent:
				at.Nullable = false
			case at.Ref != "":
				s.Properties[member] = &huma.Schema{Description: at.Description, AnyOf: []*huma.Schema{{Ref: at.Ref}, {Type: "null"}}}
			}
		}
		settle(s)
	}
}

// settle refines a shape and those inside it.
func settle(s *huma.Schema) {
	if s.Type == huma.TypeArray {
		s.Nullable = false
		settle(s.Items)
	}
	switch more := s.AdditionalProperties.(type) {
	case bool:
		s.AdditionalProperties = nil
	case *huma.Schema:
		settle(more)
	}
	for _, member := range s.Properties {
		settle(member)
	}
}
