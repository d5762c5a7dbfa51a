// Package sdk serves SDKs and relays: polling, streaming, client-side results, members for the stores of
// relays and the intake of events, the way LaunchDarkly's SDKs and its Relay Proxy ask for them.
//
// It renders what packages delivery and relayfeed hold and decides nothing itself. Whatever an SDK sends is
// bounded in size and time. A permanent answer (401, 404) is given only where the credential is
// wrong: SDKs stop for good on any 4xx but a few, so whatever will pass is 503.
//
// Browser paths answer with CORS headers in every case, errors included. Streams end when their
// credential does, when their reader is too slow, and with jitter when the server drains.
package sdk

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"muster/internal/access"
	"muster/internal/delivery"
	"muster/internal/fault"
	"muster/internal/relayfeed"
	"muster/internal/usage"
)

// Options adjusts a Handler; zero fields mean the default.
type Options struct {
	Heartbeat     time.Duration // between comments on an idle stream; default 30 s
	WriteTimeout  time.Duration // for 64 KiB of a stream; default 10 s
	DrainJitter   time.Duration // over which streams end after Drain; default 5 s
	PingPause     time.Duration // least average time between two pings of a stream; default 1 s
	MaxContext    int           // bytes of a context in a URL, before decoding; default 64 KiB
	MaxBody       int64         // bytes of a context in a body; default 1 MiB
	MaxEvents     int64         // bytes of an event body, decompressed; default 10 MiB
	EventsTimeout time.Duration // for an event body to arrive; default 30 s
	// RelayKeyGrace is how long a relay may use an SDK key that has expired; 0: not at all.
	RelayKeyGrace time.Duration
	// How many streams may be open with one credential and from one address; 0 is any number.
	StreamsPerKey     int
	StreamsPerAddress int
	// Proxies are believed what they say of the clients whose requests they pass on.
	Proxies access.Proxies
	Now     func() time.Time
}

func (o Options) filled() Options {
	o.Heartbeat = cmp.Or(o.Heartbeat, 30*time.Second)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 10*time.Second)
	o.DrainJitter = cmp.Or(o.DrainJitter, 5*time.Second)
	o.PingPause = cmp.Or(o.PingPause, time.Second)
	o.MaxContext = cmp.Or(o.MaxContext, 64<<10)
	o.MaxBody = cmp.Or(o.MaxBody, 1<<20)
	o.MaxEvents = cmp.Or(o.MaxEvents, 10<<20)
	o.EventsTimeout = cmp.Or(o.EventsTimeout, 30*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Limits are those of what SDKs send.
func (h *Handler) Limits() []fault.Limit {
	return []fault.Limit{
		{Name: "maxContextInPathBytes", Value: int64(h.o.MaxContext)},
		{Name: "maxContextBodyBytes", Value: h.o.MaxBody},
		{Name: "maxEventsBytes", Value: h.o.MaxEvents},
		{Name: "maxRelayCursorBytes", Value: maxAfter},
		{Name: "maxStreamsPerKey", Value: int64(h.o.StreamsPerKey), Setting: "--max-streams-per-key"},
		{Name: "maxStreamsPerAddress", Value: int64(h.o.StreamsPerAddress), Setting: "--max-streams-per-address"},
	}
}

// Handler is the SDK endpoints.
type Handler struct {
	delivery *delivery.Delivery
	feed     *relayfeed.Feed
	access   *access.Access
	usage    *usage.Usage
	log      *slog.Logger
	o        Options
	routes   map[string][]route // by first path element

	drain    chan struct{}
	draining sync.Once

	streams [streamKinds]atomic.Int64
	running sync.WaitGroup // streams on connections of their own
	limiter limiter
	endings [endings]atomic.Uint64
}

// New returns the SDK endpoints. They answer every path; unknown ones with 404.
func New(d *delivery.Delivery, f *relayfeed.Feed, a *access.Access, u *usage.Usage, log *slog.Logger, o Options) *Handler {
	h := &Handler{
		delivery: d, feed: f, access: a, usage: u, log: log, o: o.filled(),
		routes: map[string][]route{}, drain: make(chan struct{}),
	}
	h.limiter.perKey, h.limiter.perAddress = h.o.StreamsPerKey, h.o.StreamsPerAddress
	for _, r := range h.table() {
		first := r.elements[0].text
		h.routes[first] = append(h.routes[first], r)
	}
	return h
}

// Drain makes all streams end within the jitter, also those that open later.
func (h *Handler) Drain() { h.draining.Do(func() { close(h.drain) }) }

// Wait returns when all streams have ended, or with ctx. No request may come any more.
func (h *Handler) Wait(ctx context.Context) {
	ended := make(chan struct{})
	go func() {
		h.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

// Stats is what the endpoints do.
type Stats struct {
	ServerStreams int64 // open now
	ClientStreams int64
	PingStreams   int64
	RelayStreams  int64 // of what relays are to serve
	MemberStreams int64 // of what changes of members, to relays

	Ended   map[string]uint64 // streams, by reason
	Refused map[string]uint64 // streams, by what there was too much of
}

// Stats returns the counters as of now.
func (h *Handler) Stats() Stats {
	ended, refused := make(map[string]uint64, endings), make(map[string]uint64, refusals)
	for i, name := range endingNames {
		ended[name] = h.endings[i].Load()
	}
	for i, name := range refusalNames {
		refused[name] = h.limiter.refused[i].Load()
	}
	return Stats{
		Ended: ended, Refused: refused,
		ServerStreams: h.streams[serverStream].Load() + h.streams[transferStream].Load(), ClientStreams: h.streams[clientStream].Load(),
		PingStreams: h.streams[pingStream].Load(), RelayStreams: h.streams[relayStream].Load(), MemberStreams: h.streams[memberStream].Load(),
	}
}

// ServeHTTP answers a request of an SDK.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		v := recover()
		switch v {
		case nil:
		case http.ErrAbortHandler: //nolint:errorlint // net/http compares it this way
			panic(v)
		default:
			h.log.Error("request panicked", "method", r.Method, "panic", v, "stack", string(debug.Stack()))
			h.refuse(w, fault.New(fault.Internal, fault.CodeInternal, "internal error"))
		}
	}()
	if err := h.answer(w, r); err != nil {
		h.refuse(w, err)
	}
}
