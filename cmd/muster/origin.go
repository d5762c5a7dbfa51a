package main

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"muster/internal/inbound"
	"muster/internal/ofrep"
	"muster/web"
)

// origin is the one HTTP address of muster. It sends each path to its room, and answers itself
// while the rooms are not there yet, or not for long any more.
type origin struct {
	rooms atomic.Pointer[rooms] // nil until the store is open

	mu       sync.Mutex // guards the rest
	underWay int        // requests in a room
	draining bool
	idle     chan struct{} // closed when the last one has left; nil before drain
}

// rooms are the handlers behind the paths.
type rooms struct {
	inbound *inbound.Inbound
	api     http.Handler
	sdk     http.Handler
	ofrep   http.Handler
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
	mux.Handle("/ui/", web.Handler())
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
	case strings.HasPrefix(path, ofrep.Prefix):
		return r.ofrep
	default:
		return r.sdk
	}
}

// drain makes readiness fail, so that a load balancer sends nobody here any more, and lets no
// further request into the rooms. What it returns is closed once all that were there have left.
func (o *origin) drain() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.draining, o.idle = true, make(chan struct{})
	if o.underWay == 0 {
		close(o.idle)
	}
	return o.idle
}

func (o *origin) isDraining() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.draining
}

// enter counts a request that goes into a room; false once the origin drains.
func (o *origin) enter() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.draining {
		return false
	}
	o.underWay++
	return true
}

func (o *origin) leave() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.underWay--
	if o.draining && o.underWay == 0 {
		close(o.idle)
	}
}

// ServeHTTP answers the operator's questions and hands everything else to the rooms.
func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if o.operate(w, r) {
		return
	}
	open := o.rooms.Load()
	if open == nil {
		notNow(w, r, "starting")
		return
	}
	room := open.room(r.URL.EscapedPath())
	switch {
	case o.enter():
		defer o.leave()
	case room != open.pages: // a push is refused by its own room, which counts it
		notNow(w, r, "stopping")
		return
	default:
		w.Header().Set("Connection", "close")
	}
	room.ServeHTTP(w, r)
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
		case o.isDraining():
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

// notNow answers while there are no rooms: 429 to tools and automation, 503 to SDKs, which take any
// other 4xx as final. The connection ends, so that the next attempt finds the next process.
func notNow(w http.ResponseWriter, r *http.Request, state string) {
	w.Header().Set("Connection", "close")
	if !strings.HasPrefix(r.URL.Path, "/api/") {
		w.Header().Set("Access-Control-Allow-Origin", "*") // so that a browser's SDK sees the status
		plain(w, http.StatusServiceUnavailable, state)
		return
	}
	w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	w.Header().Set("X-Ratelimit-Reset", strconv.FormatInt(time.Now().Add(retryAfter).UnixMilli(), 10))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusTooManyRequests)
	_ = json.NewEncoder(w).Encode(map[string]string{"code": "rate_limited", "message": "muster is " + state + "; send the request again"})
}

// retryAfter is how long tools and automation are asked to wait. A start takes less.
const retryAfter = time.Second
