package ofrep

import (
	"encoding/json"

	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"

	"muster/internal/delivery"
	"muster/internal/fault"
)

// refusal is an error for which the protocol has a code.
type refusal struct {
	code string
	error
}

// Unwrap returns the error without its code.
func (r refusal) Unwrap() error { return r.error }

const (
	parseError  = "PARSE_ERROR"           // the body is not what the protocol says
	missingKey  = "TARGETING_KEY_MISSING" // nobody is named
	badContext  = "INVALID_CONTEXT"       // somebody is, in a way that can't be
	unknownFlag = "FLAG_NOT_FOUND"
	general     = "GENERAL"
)

// contextOf reads the context of a request in the way of LaunchDarkly's OpenFeature providers: the
// targeting key is the key; the kind is that of the attribute "kind", or user; of the kind "multi"
// every other attribute is a context, named by its kind.
func contextOf(raw []byte) (ldcontext.Context, error) {
	var body struct {
		Context map[string]any `json:"context"`
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return ldcontext.Context{}, refusal{parseError, fault.Invalidf(`the body must be like {"context":{"targetingKey":"ann"}}: %.200s`, err)}
	}
	if body.Context == nil {
		return ldcontext.Context{}, refusal{missingKey, fault.Invalidf(`the body has no context; send {"context":{"targetingKey":"ann"}}`)}
	}
	read := individual
	if body.Context["kind"] == "multi" {
		read = several
	}
	attributes, err := read(body.Context)
	if err != nil {
		return ldcontext.Context{}, err
	}
	text, err := json.Marshal(attributes)
	if err != nil {
		return ldcontext.Context{}, err // what was read can be written
	}
	c, err := delivery.ParseContext(text)
	if err != nil {
		return c, refusal{badContext, err}
	}
	return c, nil
}

// individual turns the attributes of one context into LaunchDarkly's form.
func individual(attributes map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(attributes)+1)
	for name, value := range attributes {
		if name != "targetingKey" && name != "privateAttributes" {
			out[name] = value
		}
	}
	key, named := attributes["targetingKey"]
	if !named {
		key, named = attributes["key"]
	}
	switch key, isText := key.(string); {
	case !named || isText && key == "":
		return nil, refusal{missingKey, fault.Invalidf("the context has no targetingKey")}
	case !isText:
		return nil, refusal{badContext, fault.Invalidf("the targetingKey of the context is not a string")}
	default:
		out["key"] = key
	}
	if _, ok := out["kind"]; !ok {
		out["kind"] = "user"
	}
	if private, ok := attributes["privateAttributes"]; ok {
		out["_meta"] = map[string]any{"privateAttributes": private}
	}
	return out, nil
}

// several turns the contexts of several kinds into LaunchDarkly's form.
func several(kinds map[string]any) (map[string]any, error) {
	out := map[string]any{"kind": "multi"}
	for kind, value := range kinds {
		attributes, ok := value.(map[string]any)
		if kind == "kind" || kind == "targetingKey" && !ok { // providers name the client as a whole there
			continue
		}
		if !ok {
			return nil, refusal{badContext, fault.Invalidf("the context of kind %.100q is not an object", kind)}
		}
		one, err := individual(attributes)
		if err != nil {
			return nil, err
		}
		delete(one, "kind") // its name says it
		out[kind] = one
	}
	return out, nil
}
