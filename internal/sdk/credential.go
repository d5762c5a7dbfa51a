package sdk

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"

	"muster/internal/access"
	"muster/internal/catalog"
	"muster/internal/fault"
)

// door is how a request proves which environment it is for.
type door struct {
	open    func(*call) (*catalog.Environment, error)
	browser bool // used from web pages: needs CORS
}

// The doors. Browsers put the client-side ID, which is no secret, into the path.
var (
	sdkKey = door{open: func(c *call) (*catalog.Environment, error) {
		return withKey(c.r, c.h.access.SDKKey)
	}}
	mobileKey = door{open: func(c *call) (*catalog.Environment, error) {
		return withKey(c.r, c.h.access.MobileKey)
	}}
	clientSideID = door{browser: true, open: func(c *call) (*catalog.Environment, error) {
		return c.h.access.ClientSideID(c.params["env"])
	}}
	// clientSide is how the second protocol does it: web pages put the client-side ID into the query.
	clientSide = door{browser: true, open: func(c *call) (*catalog.Environment, error) {
		if id := c.r.URL.Query().Get("auth"); id != "" {
			return c.h.access.ClientSideID(id)
		}
		return withKey(c.r, c.h.access.MobileKey)
	}}
	gifName = door{browser: true, open: func(c *call) (*catalog.Environment, error) {
		id, ok := strings.CutSuffix(c.params["gif"], ".gif")
		if !ok {
			return nil, fault.NotFoundf("no such path")
		}
		return c.h.access.ClientSideID(id)
	}}
)

func withKey(r *http.Request, find func(string) (*catalog.Environment, error)) (*catalog.Environment, error) {
	return find(access.SDKCredential(r.Header.Get("Authorization")))
}

// stillOpen reports whether the request's credential still opens the environment it did, and
// remembers the environment's present settings.
func (c *call) stillOpen() bool {
	env, err := c.route.door.open(c)
	if err != nil || env.ID != c.env.ID {
		return false
	}
	c.env = env
	return true
}

// checkSecureMode returns an error unless the request proves that the environment's owner knows
// the context. Only web pages, whose credential is public, have to.
func (c *call) checkSecureMode(ctx ldcontext.Context) error {
	if !c.env.SecureMode || !c.route.door.browser {
		return nil
	}
	given := []byte(c.r.URL.Query().Get("h"))
	if hmac.Equal(given, secureHash(c.env.SDKKey, ctx)) {
		return nil
	}
	for _, old := range c.env.ExpiringSDKKeys {
		if c.h.o.Now().Before(old.Expiry) && hmac.Equal(given, secureHash(old.Key, ctx)) {
			return nil
		}
	}
	return fault.Invalidf("environment %s has secure mode on: the query parameter h must be the hash of this context", c.env.ID)
}

// secureHash returns the hash that proves knowledge of the SDK key, in hexadecimal digits.
func secureHash(sdkKey string, ctx ldcontext.Context) []byte {
	mac := hmac.New(sha256.New, []byte(sdkKey))
	mac.Write([]byte(ctx.FullyQualifiedKey()))
	return hex.AppendEncode(nil, mac.Sum(nil))
}
