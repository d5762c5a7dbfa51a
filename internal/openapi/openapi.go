// Package openapi turns a table of operations into an OpenAPI 3.1 document.
//
// Shapes come from Go types: a member of a struct is optional if its json tag has omitzero or
// omitempty, and required otherwise; the tags doc, enum and format say more (see huma). The package
// knows nothing of what the operations do, and serves nothing.
package openapi

import "reflect"

// Reference is an API as its document describes it.
type Reference struct {
	Title, Version, Description string
	// Groups are in the order of the reference; every operation belongs to one.
	Groups     []Group
	Operations []Operation
	// Errors are the answers that operations share, by status, each with the shape of Error.
	Errors map[int]Failure
	Error  reflect.Type
	// Headers says what each header means that an answer may have.
	Headers map[string]string
	// Credential describes the header Authorization.
	Credential string
	// Free are the types whose values are any JSON.
	Free []reflect.Type
}

// Group is a chapter of the reference, and a class of generated clients.
type Group struct{ Name, Description string }

// Failure is an answer that many operations may give.
type Failure struct {
	Description string
	Headers     []string
}

// Operation is one method of one path.
type Operation struct {
	Method, Path string
	Group        string
	ID           string // its name in generated clients
	Summary      string // one line
	Description  string
	Actions      []string // that a caller needs
	Beta         bool
	Anonymous    bool // needs no credential
	Parameters   []*Parameter
	Takes        []Body // the forms that its body may have
	MayLackBody  bool
	Answers      []Answer // when it succeeds
	Errors       []int
}

// Body is what a request or an answer holds.
type Body struct {
	Media string       // "" is application/json
	Type  reflect.Type // of a JSON value; nil is text
	patch patchForm
}

// JSON returns a body that holds a T.
func JSON[T any]() Body { return Body{Type: reflect.TypeFor[T]()} }

// Answer is a status of success.
type Answer struct {
	Status      int
	Description string
	Headers     []string // that it always has
	MayHave     []string // headers that it sometimes has
	Bodies      []Body
}

// Parameter is part of a path, a query parameter or a header.
type Parameter struct {
	Name, In string // in path, query or header
	Doc      string
	Type     reflect.Type // nil is a text
	Enum     []any
	Default  any
	Required bool
	// Shared names the one description for all operations that have the parameter.
	Shared string
}
