package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"muster/internal/fault"
)

// The versions that clients may name in LD-API-Version. All of them get today's semantics.
var validVersions = []int{20160426, 20191212, 20210729, 20220603, currentVersion}

const currentVersion = 20240415

// apiVersion reads the header LD-API-Version and reports whether it asks for beta endpoints. Where a
// client's default and its per-call value both arrive, the first wins (LaunchDarkly's Terraform
// provider relies on it).
func apiVersion(r *http.Request) (beta bool, err error) {
	values := r.Header.Values("LD-API-Version")
	if len(values) == 0 {
		return false, nil
	}
	first, _, _ := strings.Cut(values[0], ",")
	switch first = strings.TrimSpace(first); first {
	case "":
		return false, nil
	case "beta":
		return true, nil
	case "20160426", "20191212", "20210729", "20220603", "20240415":
		return false, nil
	}
	return false, fault.Invalidf("unknown API version %q in LD-API-Version; use 20240415 or beta", clip(first))
}

// overrideMethod lets a POST stand for another method, for clients behind a proxy that knows two.
func overrideMethod(r *http.Request) error {
	method := r.Header.Get("X-HTTP-Method-Override")
	if r.Method != http.MethodPost || method == "" {
		return nil
	}
	switch method = strings.ToUpper(method); method {
	case http.MethodPatch, http.MethodPut, http.MethodDelete:
		r.Method = method
		return nil
	}
	return fault.Invalidf("X-HTTP-Method-Override can be PATCH, PUT or DELETE, not %q", clip(method))
}

const (
	// allowedHeaders are LaunchDarkly's, then those of muster's own conventions. X-Requested-With is not
	// among them, and credentials are not allowed: so no page of another origin acts by a session.
	allowedHeaders = "Accept, Content-Type, Content-Length, Accept-Encoding, Authorization, Ld-Api-Version, " +
		"Content-Encoding, Idempotency-Key, If-Match, X-Http-Method-Override"
	exposedHeaders = "Allow, Etag, Location, Retry-After, X-Muster-Revision, " +
		"X-Ratelimit-Global-Remaining, X-Ratelimit-Reset, X-Ratelimit-Route-Remaining"
)

// allowOrigin lets scripts of any origin call the API with a token of their own; sessions are for pages
// of this origin.
func allowOrigin(w http.ResponseWriter, r *http.Request) {
	origin := r.Header.Get("Origin")
	h := w.Header()
	if origin == "" {
		origin = "*"
	} else {
		h.Add("Vary", "Origin")
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", exposedHeaders)
	if r.Method != http.MethodOptions {
		return
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
	h.Set("Access-Control-Allow-Headers", allowedHeaders)
	h.Set("Access-Control-Max-Age", "300")
}

// tidyPath drops a trailing slash and makes a context key one path segment, whatever it holds:
// ldcli sends path parameters unescaped, and the mux would redirect "//" and "..". It reports
// whether the path can name anything.
func tidyPath(r *http.Request) bool {
	path := r.URL.EscapedPath()
	head, key, tail, found := cutContextKey(path)
	if found {
		if key == "" {
			return false
		}
		key = strings.ReplaceAll(key, "/", "%2F")
		if key == "." || key == ".." {
			key = strings.ReplaceAll(key, ".", "%2E")
		}
		path = head + key + tail
	} else if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	plain, err := url.PathUnescape(path)
	if err != nil {
		return false
	}
	r.URL.Path, r.URL.RawPath = plain, path
	return true
}

// cutContextKey splits a path that names a context into what stands before its key, the key, and
// what stands behind it.
func cutContextKey(path string) (head, key, tail string, found bool) {
	if rest, ok := strings.CutPrefix(path, prefix+"/segments/"); ok {
		parts := strings.SplitN(rest, "/", 5)
		if len(parts) == 5 && parts[3] == "members" {
			tail = "/timeline"
			key, found = strings.CutSuffix(strings.TrimSuffix(parts[4], "/"), tail)
			return strings.TrimSuffix(path, parts[4]), key, tail, found
		}
		if len(parts) < 5 || (parts[3] != "contexts" && parts[3] != "users") {
			return "", "", "", false
		}
		return strings.TrimSuffix(path, parts[4]), parts[4], "", true
	}
	rest, ok := strings.CutPrefix(path, prefix+"/projects/")
	parts := strings.SplitN(rest, "/", 6)
	if !ok || len(parts) < 6 || parts[1] != "environments" || parts[3] != "contexts" {
		return "", "", "", false
	}
	head = strings.TrimSuffix(path, parts[5])
	for _, tail := range []string{"/segments", "/timeline"} {
		if key, found := strings.CutSuffix(strings.TrimSuffix(parts[5], "/"), tail); found {
			return head, key, tail, true
		}
	}
	return head, parts[5], "", true
}

// unrouted says why no route serves the request: no such path, or the wrong method.
func (s *server) unrouted(w http.ResponseWriter, r *http.Request) error {
	var allowed []string
	probe := *r
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		probe.Method = method
		if _, pattern := s.mux.Handler(&probe); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		return fault.NotFoundf("Unknown path %s", clip(r.URL.Path))
	}
	if slices.Contains(allowed, "GET") {
		allowed = slices.Insert(allowed, 1, "HEAD")
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return fault.New(fault.Invalid, fault.CodeMethod, "%s is not served here; this path takes %s", clip(r.Method), strings.Join(allowed, ", "))
}

// clip shortens foreign text for a message.
func clip(s string) string {
	const longest = 128
	if len(s) > longest {
		return strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
