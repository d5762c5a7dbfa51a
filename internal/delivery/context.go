package delivery

import (
	"encoding/json"

	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"

	"muster/internal/fault"
)

// ParseContext reads a context of one kind or several, or a user in the form of older SDKs. What it
// returns is valid and has a key.
func ParseContext(raw []byte) (ldcontext.Context, error) {
	var c ldcontext.Context
	// encoding/json bounds the depth before the context's own, recursive, parser sees the bytes.
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, fault.Invalidf("the context can't be read: %.200s", err).Because(err)
	}
	if err := c.Err(); err != nil {
		return c, fault.Invalidf("the context is not valid: %.200s", err).Because(err)
	}
	for _, one := range c.GetAllIndividualContexts(nil) {
		if one.Key() == "" {
			return c, fault.Invalidf("the context has an empty key")
		}
	}
	return c, nil
}
