// Package api is the management REST API, version 2: routes, JSON shapes, and the table that turns
// errors into status codes.
//
// It gives clients of LaunchDarkly's published API the same paths, members and conventions. Every
// write goes through admin or ingest, every read through admin or history, so nothing here decides
// who may do what. Handlers return errors and one wrapper renders them; whatever a client sends, the
// answer is JSON and never a 5xx for something that is merely not served. The package must not know
// how anything is stored.
package api

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"muster/internal/access"
	"muster/internal/activity"
	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/connector"
	"muster/internal/delivery"
	"muster/internal/fault"
	"muster/internal/history"
	"muster/internal/ingest"
	"muster/internal/relayfeed"
	"muster/internal/sink"
	"muster/internal/usage"
	"muster/internal/webhook"
)

const prefix = "/api/v2"

// Rooms are what the API is in front of.
type Rooms struct {
	Admin    *admin.Admin
	Ingest   *ingest.Ingest
	History  *history.History
	Delivery *delivery.Delivery
	Relays   *relayfeed.Feed
	Activity *activity.Activity
	Usage    *usage.Usage
	Access   *access.Access
	Webhooks *webhook.Sender
	Tools    *connector.Registry
	Sinks    *sink.Keeper
}

type server struct {
	admin    *admin.Admin
	ingest   *ingest.Ingest
	history  *history.History
	delivery *delivery.Delivery
	relays   *relayfeed.Feed
	activity *activity.Activity
	usage    *usage.Usage
	access   *access.Access
	webhooks *webhook.Sender
	tools    *connector.Registry
	sinks    *sink.Keeper
	now      func() time.Time
	log      *slog.Logger
	mux      *http.ServeMux

	maxImport int64
	rates     rates
	limits    []fault.Limit
	sessions  admin.SessionEnd
	proxies   access.Proxies
	version   string
	publicURL string
	document  func() (written, error) // of the API, made once
	// differences holds one thing for each difference that is being downloaded.
	differences chan struct{}
}

// Options are what an operator sets.
type Options struct {
	MaxImport int64 // bytes that an import may have, decompressed
	Rates     RateLimits
	Limits    []fault.Limit // those of other rooms, to be shown beside the API's own
	Sessions  admin.SessionEnd
	// Proxies are believed what they say of the clients whose requests they pass on.
	Proxies access.Proxies
	Version string // of muster
	// PublicURL is where tools and people reach muster, without a slash at its end; empty if nobody knows.
	PublicURL string
}

// New returns the handler of everything under /api/v2.
func New(rooms Rooms, o Options, now func() time.Time, log *slog.Logger) http.Handler {
	s := &server{
		admin: rooms.Admin, ingest: rooms.Ingest, history: rooms.History, delivery: rooms.Delivery, relays: rooms.Relays, activity: rooms.Activity, usage: rooms.Usage,
		access: rooms.Access, webhooks: rooms.Webhooks, sinks: rooms.Sinks, maxImport: o.MaxImport, rates: rates{limits: o.Rates, now: now}, limits: o.Limits, now: now, log: log,
		sessions: o.Sessions, proxies: o.Proxies, version: o.Version, publicURL: o.PublicURL, tools: rooms.Tools,
		mux: http.NewServeMux(), document: sync.OnceValues(writeDocument), differences: make(chan struct{}, maxDifferences),
	}
	for _, rt := range routes() {
		s.mux.Handle(rt.method+" "+prefix+rt.path, s.wrap(rt))
	}
	return s
}

// ServeHTTP answers one request. Whatever happens inside, the answer is well-formed JSON.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			panic(v)
		default:
			s.log.ErrorContext(r.Context(), "request panicked", "method", r.Method, "path", r.URL.Path,
				"panic", v, "stack", string(debug.Stack()))
			s.writeError(w, r, fault.New(fault.Internal, fault.CodeInternal, internalMessage))
		}
	}()
	allowOrigin(w, r)
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if err := overrideMethod(r); err != nil {
		s.writeError(w, r, err)
		return
	}
	if !tidyPath(r) {
		s.writeError(w, r, fault.NotFoundf("Unknown path %s", r.URL.Path))
		return
	}
	if _, pattern := s.mux.Handler(r); pattern == "" {
		s.writeError(w, r, s.unrouted(w, r))
		return
	}
	s.mux.ServeHTTP(w, r)
}

// wrap does what every route has in common: version and credential checks, and rendering errors.
func (s *server) wrap(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := s.serve(rt, w, r)
		if err != nil {
			s.writeError(w, r, err)
		}
	})
}

func (s *server) serve(rt route, w http.ResponseWriter, r *http.Request) error {
	beta, err := apiVersion(r)
	if err != nil {
		return err
	}
	var who catalog.Caller
	if !rt.open && !rt.anyone {
		if who, err = s.caller(r); err != nil {
			return err
		}
		if err := s.rates.count(w.Header(), who.Actor, rt.method+" "+prefix+rt.path); err != nil {
			return err
		}
		w.Header().Set("X-Muster-Activity", strconv.FormatInt(s.activity.Position(), 10))
	}
	if rt.beta && !beta {
		return fault.Forbiddenf("this endpoint is in beta; send the header LD-API-Version: beta to use it")
	}
	return rt.serve(s, w, r, who)
}
