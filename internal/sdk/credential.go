package sdk

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"

	"muster/internal/access"
	"muster/internal/fault"
)

// door is how a request proves which environment it is for, or which configuration of relays.
type door struct {
	open    func(*call) error // sets what is behind it
	browser bool              // used from web pages: needs CORS
}

// The doors. Browsers put the client-side ID, which is no secret, into the path.
var (
	sdkKey = door{open: func(c *call) (err error) {
		c.env, err = c.h.access.SDKKey(c.key())
		return err
	}}
	mobileKey = door{open: func(c *call) (err error) {
		c.env, err = c.h.access.MobileKey(c.key())
		return err
	}}
	relayKey = door{open: func(c *call) (err error) {
		c.relay, err = c.h.access.RelayKey(c.key())
		return err
	}}
	// clientSide is how the second protocol does it: web pages put the client-side ID into the query.
	clientSide = door{browser: true, open: func(c *call) (err error) {
		if id := c.r.URL.Query().Get("auth"); id != "" {
			c.env, err = c.h.access.ClientSideID(id)
		} else {
			c.env, err = c.h.access.MobileKey(c.key())
		}
		return err
	}}
	clientSideID = door{browser: true, open: func(c *call) (err error) {
		c.env, err = c.h.access.ClientSideID(c.params[envParam])
		return err
	}}
	gifName = door{browser: true, open: func(c *call) (err error) {
		id, ok := strings.CutSuffix(c.params[gifParam], ".gif")
		if !ok {
			return fault.NotFoundf("no such path")
		}
		c.env, err = c.h.access.ClientSideID(id)
		return err
	}}
)

func (c *call) key() string { return access.SDKCredential(c.r.Header.Get("Authorization")) }

// stillOpen reports whether the request's credential still opens what it did, and remembers the present
// settings of that.
func (c *call) stillOpen() bool {
	env, relay := c.env, c.relay
	if err := c.route.door.open(c); err != nil {
		c.env, c.relay = env, relay
		return false
	}
	return (env == nil || env.ID == c.env.ID) && (relay == nil || relay.ID == c.relay.ID)
}

// expiry returns when the SDK key of the request, which was rotated, stops working; false if it was not.
func (c *call) expiry() (time.Time, bool) {
	if c.env == nil || c.route.door.browser {
		return time.Time{}, false
	}
	key := c.key()
	for _, old := range c.env.ExpiringSDKKeys {
		if key != c.env.SDKKey && old.Key == key {
			return old.Expiry, true
		}
	}
	return time.Time{}, false
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
