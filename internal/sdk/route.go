package sdk

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/fault"
)

// route is one endpoint. Paths are matched by hand on their escaped form: net/http's mux would
// redirect a base64 context that contains "//" or "..".
type route struct {
	method   string
	elements []element
	door     door
	stream   bool
	serve    func(*call) error
	allowed  []string // methods that web pages may use, if no other route answers the path
}

// element is a part of a path between slashes: text, or a parameter.
type element struct {
	text  string
	param param
	rest  bool // the parameter takes the rest of the path
}

// param is a parameter of a path.
type param int

const (
	noParam      param = iota
	envParam           // client-side ID
	contextParam       // in base64
	keyParam           // of a flag or segment
	gifParam
	paramCount
)

// params are the parameters of a path, "" for those that a route does not have.
type params [paramCount]string

// paramNames are what patterns call them: {name}, or {name...} for the rest of the path.
var paramNames = map[string]param{"env": envParam, "context": contextParam, "key": keyParam, "gif": gifParam}

func elementOf(pattern string) element {
	name, isParam := strings.CutPrefix(pattern, "{")
	if !isParam {
		return element{text: pattern}
	}
	name, rest := strings.CutSuffix(strings.TrimSuffix(name, "}"), "...")
	return element{param: paramNames[name], rest: rest}
}

// call is one request on its way through a route.
type call struct {
	h      *Handler
	w      http.ResponseWriter
	r      *http.Request
	route  *route
	params params
	// address is where the request comes from, without the port.
	address string
	// env is what the credential opens, or relay if it is that of a relay.
	env   *catalog.Environment
	relay *catalog.RelayConfig
	// expired is when the SDK key of a relay expired, zero if it did not.
	expired time.Time
	// admitted counts a stream down that the limits let in; nil when that is done elsewhere, and for all else.
	admitted func()
}

// retryAfter is how many seconds a client is asked to wait whose stream was refused. SDKs go by their own
// clocks.
const retryAfter = "10"

// release counts a stream down that was let in and did not come about.
func (c *call) release() {
	if c.admitted != nil {
		c.admitted()
	}
}

// report is the method with which SDKs send a context in the body.
const report = "REPORT"

// table lists every endpoint, in the order of LaunchDarkly's hosts: stream, sdk, clientsdk,
// clientstream, mobile, events.
func (h *Handler) table() []route {
	return slices.Concat([]route{
		stream("GET /all", sdkOrRelayKey, (*call).all),
		stream("GET /flags", sdkKey, (*call).oldFlags),
		stream("GET /relay_auto_config", relayKey, (*call).autoConfig),
		poll("GET /relay/latest-all", relayKey, (*call).archive),
		stream("GET /big-segments", relaySDKKey, (*call).bigSegments),
		poll("GET /sdk/big-segments/revisions", relaySDKKey, (*call).revisions),
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
	r := route{method: method, door: d, serve: serve, allowed: allowedMethods(method)}
	for e := range strings.SplitSeq(path[1:], "/") {
		r.elements = append(r.elements, elementOf(e))
	}
	return r
}

func stream(pattern string, d door, serve func(*call) error) route {
	r := poll(pattern, d, serve)
	r.stream = true
	return r
}

// fits reports whether a path has the route's texts in their places.
func (rt *route) fits(path []string) bool {
	for i := range rt.elements {
		switch e := &rt.elements[i]; {
		case i >= len(path):
			return false
		case e.rest:
			return true
		case e.param == noParam && e.text != path[i]:
			return false
		}
	}
	return len(path) == len(rt.elements)
}

// match returns the parameters of an escaped path; false if it isn't the route's.
func (rt *route) match(path []string) (p params, ok bool) {
	if !rt.fits(path) {
		return params{}, false
	}
	for i := range rt.elements {
		e := &rt.elements[i]
		if e.param == noParam {
			continue
		}
		value := path[i]
		if e.rest {
			value = strings.Join(path[i:], "/")
		}
		plain, err := url.PathUnescape(value)
		if err != nil || plain == "" {
			return params{}, false
		}
		p[e.param] = plain
	}
	return p, true
}

// answer finds the route of a request and serves it.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request) error {
	path := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	var room [4]*route
	answering := room[:0] // with whatever method
	var found *route
	var with params
	browser := false
	for i := range h.routes[path[0]] {
		rt := &h.routes[path[0]][i]
		p, ok := rt.match(path)
		if !ok {
			continue
		}
		answering = append(answering, rt)
		browser = browser || rt.door.browser
		if found == nil && rt.serves(r.Method) {
			found, with = rt, p
		}
	}
	if browser {
		allowOrigin(w.Header(), r, answering)
	}
	switch {
	case browser && r.Method == http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
		return nil
	case len(answering) == 0:
		return fault.NotFoundf("no such path")
	case found == nil:
		w.Header().Set("Allow", strings.Join(methods(answering), ", "))
		return fault.New(fault.Invalid, fault.CodeMethod, "method %s is not allowed here", r.Method)
	}
	c := &call{h: h, w: w, r: r, route: found, params: with, address: h.o.Proxies.Client(r).String()}
	if err := found.door.open(c); err != nil {
		return err
	}
	if found.stream {
		leave, err := h.limiter.enter(c.credential(), c.address)
		if err != nil {
			w.Header().Set("Retry-After", retryAfter)
			return err
		}
		c.admitted = leave
		defer c.release()
	}
	if c.env != nil {
		w.Header()["X-Ld-Envid"] = []string{string(c.env.ID)}
		if at, expires := c.expiry(); expires {
			w.Header().Set("Sunset", at.UTC().Format(http.TimeFormat)) // RFC 8594
		}
	}
	return found.serve(c)
}

func (rt *route) serves(method string) bool {
	return method == rt.method || method == http.MethodHead && rt.method == http.MethodGet && !rt.stream
}

// methods returns those of routes.
func methods(routes []*route) []string {
	list := make([]string, len(routes))
	for i, rt := range routes {
		list[i] = rt.method
	}
	return list
}
