package main

import (
	"encoding/json"
	"io/fs"
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
	rooms    atomic.Pointer[rooms] // nil until the store is open
	draining atomic.Bool
}

// rooms are the handlers behind the paths.
type rooms struct {
	inbound *inbound.Inbound
	api     http.Handler
	sdk     http.Handler
	metrics prometheus.Gatherer
	status  http.Handler
	pages   http.Handler // what a mux may route: tools and the user interface
}

// open puts the rooms behind the paths.
func (o *origin) open(r rooms) {
	mux := http.NewServeMux()
	for _, route := range inbound.Routes {
		mux.Handle(route, r.inbound)
	}
	mux.Handle("/api/", r.api) // what only looks like a push
	mux.Handle("/ui/", page())
	mux.Handle("/ui", http.RedirectHandler("/ui/", http.StatusFound))
	r.pages = mux
	o.rooms.Store(&r)
}

// room returns who answers a path. The API and the SDKs put context keys and base64 into paths,
// which may hold "//" and "..", so they go to their rooms before a mux could redirect them to a
// cleaned path.
func (r *rooms) room(path string) http.Handler {
	switch {
	case path == "/":
		return http.RedirectHandler("/ui/", http.StatusFound)
	case strings.HasPrefix(path, "/api/v2/segment-target"), path == "/ui", strings.HasPrefix(path, "/ui/"):
		return r.pages
	case path == "/api", strings.HasPrefix(path, "/api/"):
		return r.api
	default:
		return r.sdk
	}
}

// drain makes readiness fail, so that a load balancer sends nobody here any more.
func (o *origin) drain() { o.draining.Store(true) }

// ServeHTTP answers the operator's questions and hands everything else to the rooms.
func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if o.operate(w, r) {
		return
	}
	open := o.rooms.Load()
	if open == nil {
		starting(w, r)
		return
	}
	open.room(r.URL.EscapedPath()).ServeHTTP(w, r)
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
		case o.rooms.Load() == nil:
			plain(w, http.StatusServiceUnavailable, "starting: the store is being opened")
		case o.draining.Load():
			plain(w, http.StatusServiceUnavailable, "stopping")
		default:
			plain(w, http.StatusOK, "ok")
		}
	case "/metrics", "/status":
		h := o.rooms.Load()
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
