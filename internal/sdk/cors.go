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

// allowOrigin lets any web page use a path that answers the given methods. Credentials of the
// browser's own, such as cookies, are never involved.
func allowOrigin(h http.Header, r *http.Request, methods []string) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		origin = "*"
	}
	if slices.Contains(methods, http.MethodGet) {
		methods = append(methods, http.MethodHead)
	}
	methods = append(methods, http.MethodOptions)
	slices.Sort(methods)
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "false")
	h.Set("Access-Control-Max-Age", "300")
	h.Set("Access-Control-Allow-Methods", strings.Join(slices.Compact(methods), ","))
	h.Set("Access-Control-Allow-Headers", allowedHeaders)
	h.Set("Access-Control-Expose-Headers", exposedHeaders)
	h.Add("Vary", "Origin")
}
