package delivery

import (
	"bytes"
	"encoding/json"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"

	"muster/internal/fault"
)

// maxKinds is how many kinds a context may have: the library compares each with each.
const maxKinds = 1000

// Limits are those of contexts.
func Limits() []fault.Limit {
	return []fault.Limit{{Name: "maxKindsOfAContext", Value: maxKinds}}
}

// ParseContext reads a context of one kind or several, or a user in the form of older SDKs. What it
// returns is valid and has a key.
func ParseContext(raw []byte) (ldcontext.Context, error) {
	var c ldcontext.Context
	if len(raw) > maxKinds*len(`"k":{},`) && kinds(raw) > maxKinds {
		return c, fault.Invalidf("the context has more than %d kinds", maxKinds)
	}
	// encoding/json bounds the depth before the context's own, recursive, parser sees the bytes. Its
	// Unmarshal would look at them twice.
	if !json.Valid(raw) {
		return c, fault.Invalidf("the context can't be read: it is not JSON")
	}
	if err := c.UnmarshalJSON(raw); err != nil {
		return c, fault.Invalidf("the context can't be read: %.200s", err).Because(err)
	}
	if err := c.Err(); err != nil {
		return c, fault.Invalidf("the context is not valid: %.200s", err).Because(err)
	}
	for i := range c.IndividualContextCount() {
		if c.IndividualContextByIndex(i).Key() == "" {
			return c, fault.Invalidf("the context has an empty key")
		}
	}
	return c, nil
}

// kinds returns how many kinds a context of several has, 0 for any other.
func kinds(raw []byte) int {
	d := jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return 0
	}
	n, several := 0, false
	for ; d.PeekKind() == '"'; n++ {
		name, err := d.ReadToken()
		if err != nil {
			return 0
		}
		kind := name.String() == "kind"
		value, err := d.ReadValue()
		if err != nil {
			return 0
		}
		if text, err := jsontext.AppendUnquote(nil, value); kind && err == nil {
			several = string(text) == "multi"
		}
	}
	if !several {
		return 0
	}
	return n - 1
}
