package main

import (
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"muster/internal/inbound"
	"muster/web"
)

// origin is the one HTTP address of muster. It sends each path to its room, and answers itself
// while the rooms are not there yet.
type origin struct {
	log      *slog.Logger
	rooms    atomic.Pointer[http.Handler] // nil until the store is open
	health   atomic.Pointer[rooms]
	draining atomic.Bool
}

// rooms are the handlers behind the paths.
type rooms struct {
	inbound *inbound.Inbound
	api     http.Handler
	sdk     http.Handler
	metrics prometheus.Gatherer
	status  http.Handler
}

func newOrigin(log *slog.Logger) *origin { return &origin{log: log} }

// open puts the rooms behind the paths.
func (o *origin) open(r rooms) {
	mux := http.NewServeMux()
	for _, route := range inbound.Routes {
		mux.Handle(route, r.inbound)
	}
	mux.Handle("/api/", r.api)
	mux.Handle("/ui/", page())
	mux.Handle("/{$}", http.RedirectHandler("/ui/", http.StatusFound))
	mux.Handle("/", r.sdk)
	var h http.Handler = mux
	o.health.Store(&r)
	o.rooms.Store(&h)
}

// drain makes readiness fail, so that a load balancer sends nobody here any more.
func (o *origin) drain() { o.draining.Store(true) }

// ServeHTTP answers the operator's questions and hands everything else to the rooms.
func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if o.operate(w, r) {
		return
	}
	h := o.rooms.Load()
	if h == nil {
		starting(w, r)
		return
	}
	// SDKs put base64 into paths, which may hold "//" and "..", and the mux would redirect those to
	// a cleaned path; everything that the SDK rooms own goes there before the mux sees it.
	if isSDKPath(r.URL.EscapedPath()) {
		o.health.Load().sdk.ServeHTTP(w, r)
		return
	}
	(*h).ServeHTTP(w, r)
}

// isSDKPath reports whether the path belongs to no other room.
func isSDKPath(path string) bool {
	return path != "/" && !strings.HasPrefix(path, "/api/") && path != "/api" && !strings.HasPrefix(path, "/ui/") && path != "/ui"
}

// operations returns only what operators ask, for --admin-listen.
func (o *origin) operations() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !o.operate(w, r) {
			http.NotFound(w, r)
		}
	})
}

// operate answers /healthz, /readyz, /metrics and /status; false for any other path.
func (o *origin) operate(w http.ResponseWriter, r *http.Request) bool {
	switch r.URL.Path {
	case "/healthz":
		plain(w, http.StatusOK, "ok")
	case "/readyz":
		switch {
		case o.health.Load() == nil:
			plain(w, http.StatusServiceUnavailable, "starting: the store is being opened")
		case o.draining.Load():
			plain(w, http.StatusServiceUnavailable, "stopping")
		default:
			plain(w, http.StatusOK, "ok")
		}
	case "/metrics", "/status":
		h := o.health.Load()
		switch {
		case h == nil:
			plain(w, http.StatusServiceUnavailable, "starting: the store is being opened")
		case r.URL.Path == "/status":
			h.status.ServeHTTP(w, r)
		default:
			promhttp.HandlerFor(h.metrics, promhttp.HandlerOpts{}).ServeHTTP(w, r)
		}
	default:
		return false
	}
	return true
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}

// starting answers while the store opens: 429 to tools and automation, 503 to SDKs, which take any
// other 4xx as final.
func starting(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/api/") {
		plain(w, http.StatusServiceUnavailable, "starting")
		return
	}
	w.Header().Set("Retry-After", "1")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusTooManyRequests)
	_ = json.NewEncoder(w).Encode(map[string]string{"code": "rate_limited", "message": "muster is starting; send the request again"})
}

// page serves the user interface. Every path below /ui/ that is no file is the application's own.
func page() http.Handler {
	dist := web.Dist()
	files := http.StripPrefix("/ui/", http.FileServerFS(dist))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "same-origin")
		name := strings.TrimPrefix(r.URL.Path, "/ui/")
		if _, err := fs.Stat(dist, name); err != nil || name == "" {
			http.ServeFileFS(w, r, dist, "index.html")
			return
		}
		files.ServeHTTP(w, r)
	})
}
