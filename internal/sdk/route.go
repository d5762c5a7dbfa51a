package sdk

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/fault"
)

// route is one endpoint. Paths are matched by hand on their escaped form: net/http's mux would
// redirect a base64 context that contains "//" or "..".
type route struct {
	method   string
	elements []string // literal, {name}, or {name...} for the rest of the path
	door     door
	stream   bool
	serve    func(*call) error
}

// call is one request on its way through a route.
type call struct {
	h      *Handler
	w      http.ResponseWriter
	r      *http.Request
	route  *route
	params map[string]string
	// env is what the credential opens, or relay if it is that of a relay.
	env   *catalog.Environment
	relay *catalog.RelayConfig
}

// report is the method with which SDKs send a context in the body.
const report = "REPORT"

// table lists every endpoint, in the order of LaunchDarkly's hosts: stream, sdk, clientsdk,
// clientstream, mobile, events.
func (h *Handler) table() []route {
	return slices.Concat([]route{
		stream("GET /all", sdkKey, (*call).all),
		stream("GET /relay_auto_config", relayKey, (*call).autoConfig),
		poll("GET /sdk/latest-all", sdkKey, (*call).latestAll),
		stream("GET /sdk/stream", sdkKey, (*call).transfers),
		poll("GET /sdk/poll", sdkKey, (*call).transferred),
		poll("GET /sdk/stream/eval/{context...}", clientSide, (*call).fallBack),
		poll("POST /sdk/stream/eval", clientSide, (*call).fallBack),
		poll("GET /sdk/poll/eval/{context...}", clientSide, (*call).fallBack),
		poll("POST /sdk/poll/eval", clientSide, (*call).fallBack),
		poll("GET /sdk/flags", sdkKey, (*call).flags),
		poll("GET /sdk/flags/{key}", sdkKey, (*call).flag),
		poll("GET /sdk/segments/{key}", sdkKey, (*call).segment),
	},
		results("/sdk/evalx", sdkKey, delivery.Server),
		results("/sdk/evalx/{env}", clientSideID, delivery.Browser),
		results("/msdk/evalx", mobileKey, delivery.Mobile),
		[]route{
			stream("GET /eval/{env}/{context...}", clientSideID, live(delivery.Browser)),
			stream("REPORT /eval/{env}", clientSideID, live(delivery.Browser)),
			stream("GET /meval/{context...}", mobileKey, live(delivery.Mobile)),
			stream("REPORT /meval", mobileKey, live(delivery.Mobile)),
			stream("GET /ping/{env}", clientSideID, (*call).ping),
			stream("GET /mping", mobileKey, (*call).ping),
			poll("GET /sdk/goals/{env}", clientSideID, (*call).goals),

			poll("POST /bulk", sdkKey, (*call).takeEvents),
			poll("POST /diagnostic", sdkKey, (*call).takeEvents),
			poll("POST /mobile", mobileKey, (*call).takeEvents),
			poll("POST /mobile/events", mobileKey, (*call).takeEvents),
			poll("POST /mobile/events/bulk", mobileKey, (*call).takeEvents),
			poll("POST /mobile/events/diagnostic", mobileKey, (*call).takeEvents),
			poll("POST /events/bulk/{env}", clientSideID, (*call).takeEvents),
			poll("POST /events/diagnostic/{env}", clientSideID, (*call).takeEvents),
			poll("GET /a/{gif}", gifName, (*call).takeImage),
		})
}

// results returns the polling endpoints of client-side results below a path.
func results(below string, d door, to delivery.Receiver) []route {
	list := []route{
		poll("GET "+below+"/contexts/{context...}", d, evaluated(to)),
		poll("GET "+below+"/users/{context...}", d, evaluated(to)),
	}
	for _, name := range []string{"context", "contexts", "user", "users"} {
		list = append(list, poll(report+" "+below+"/"+name, d, evaluated(to)))
	}
	return list
}

func poll(pattern string, d door, serve func(*call) error) route {
	method, path, _ := strings.Cut(pattern, " ")
	return route{method: method, elements: strings.Split(path[1:], "/"), door: d, serve: serve}
}

func stream(pattern string, d door, serve func(*call) error) route {
	r := poll(pattern, d, serve)
	r.stream = true
	return r
}

// match returns the parameters of an escaped path; false if it isn't the route's.
func (rt *route) match(path []string) (map[string]string, bool) {
	var params map[string]string
	for i, e := range rt.elements {
		name, isParam := strings.CutPrefix(e, "{")
		switch {
		case i >= len(path):
			return nil, false
		case !isParam:
			if e != path[i] {
				return nil, false
			}
			continue
		}
		value := path[i]
		name = strings.TrimSuffix(name, "}")
		if rest, ok := strings.CutSuffix(name, "..."); ok {
			name, value = rest, strings.Join(path[i:], "/")
			path = path[:i+1]
		}
		plain, err := url.PathUnescape(value)
		if err != nil || plain == "" {
			return nil, false
		}
		if params == nil {
			params = map[string]string{}
		}
		params[name] = plain
	}
	return params, len(path) == len(rt.elements)
}

// answer finds the route of a request and serves it.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request) error {
	path := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	var methods []string
	var found *route
	var params map[string]string
	browser := false
	for i := range h.routes[path[0]] {
		rt := &h.routes[path[0]][i]
		p, ok := rt.match(path)
		if !ok {
			continue
		}
		methods = append(methods, rt.method)
		browser = browser || rt.door.browser
		if found == nil && rt.serves(r.Method) {
			found, params = rt, p
		}
	}
	if browser {
		allowOrigin(w.Header(), r, methods)
	}
	switch {
	case browser && r.Method == http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
		return nil
	case len(methods) == 0:
		return fault.NotFoundf("no such path")
	case found == nil:
		w.Header().Set("Allow", strings.Join(methods, ", "))
		return fault.New(fault.Invalid, fault.CodeMethod, "method %s is not allowed here", r.Method)
	}
	c := &call{h: h, w: w, r: r, route: found, params: params}
	if err := found.door.open(c); err != nil {
		return err
	}
	if c.env != nil {
		w.Header().Set("X-Ld-Envid", string(c.env.ID))
	}
	return found.serve(c)
}

func (rt *route) serves(method string) bool {
	return method == rt.method || method == http.MethodHead && rt.method == http.MethodGet && !rt.stream
}
