package sdk

import (
	"net/http"
	"slices"
	"strings"
)

// What web pages may send and read beyond the basics. FDv2's browser SDK reads the fallback
// headers; polling SDKs send If-None-Match.
const (
	allowedHeaders = "Cache-Control,Content-Type,Content-Length,Accept-Encoding,If-None-Match,Authorization," +
		"X-LaunchDarkly-User-Agent,X-LaunchDarkly-Payload-ID,X-LaunchDarkly-Wrapper,X-LaunchDarkly-Event-Schema," +
		"X-LaunchDarkly-Tags,X-LaunchDarkly-Instance-Id"
	exposedHeaders = "Date,ETag,X-Ld-Envid,X-LD-FD-Fallback,X-LD-FD-Fallback-TTL"
)

// What is the same in every answer to a web page, as net/http keeps headers. They are never changed.
var (
	anyOrigin     = []string{"*"}
	noCredentials = []string{"false"}
	maxAge        = []string{"300"}
	allowHeaders  = []string{allowedHeaders}
	exposeHeaders = []string{exposedHeaders}
	varyOrigin    = []string{"Origin"}
)

// allowedMethods returns the header with the methods that web pages may use of a path that answers the given ones.
func allowedMethods(methods ...string) []string {
	if slices.Contains(methods, http.MethodGet) {
		methods = append(methods, http.MethodHead)
	}
	methods = append(methods, http.MethodOptions)
	slices.Sort(methods)
	return []string{strings.Join(slices.Compact(methods), ",")}
}

// allowOrigin lets any web page use a path that routes answer. Credentials of the browser's own, such as
// cookies, are never involved.
func allowOrigin(h http.Header, r *http.Request, answering []*route) {
	origin := anyOrigin
	if o := r.Header.Get("Origin"); o != "" {
		origin = []string{o}
	}
	allowed := answering[0].allowed
	if len(answering) > 1 {
		allowed = allowedMethods(methods(answering)...)
	}
	h["Access-Control-Allow-Origin"] = origin
	h["Access-Control-Allow-Credentials"] = noCredentials
	h["Access-Control-Max-Age"] = maxAge
	h["Access-Control-Allow-Methods"] = allowed
	h["Access-Control-Allow-Headers"] = allowHeaders
	h["Access-Control-Expose-Headers"] = exposeHeaders
	h["Vary"] = append(h["Vary"], varyOrigin...)
}
