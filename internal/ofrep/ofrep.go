// Package ofrep answers OpenFeature's remote evaluation protocol, version 0.3: clients of any make
// send a context and get what one flag or all flags serve to it.
//
// A client proves itself with one of the credentials of an environment and sees the flags that an SDK
// with that credential sees. Answers with an entity tag change their tag whenever a result for the
// context changes, be it by a flag, a segment or a membership.
package ofrep

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"muster/internal/access"
	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/fault"
)

// Prefix is where every path of the protocol begins.
const Prefix = "/ofrep/"

// writeTimeout is how long an answer may take to get through.
const writeTimeout = 30 * time.Second

// maxBody is how many bytes a request may have.
const maxBody = 1 << 20

// Limits are those of a request.
func Limits() []fault.Limit {
	return []fault.Limit{{Name: "maxOfrepBodyBytes", Value: maxBody}}
}

// Handler is the endpoints of the protocol.
type Handler struct {
	delivery *delivery.Delivery
	access   *access.Access
	log      *slog.Logger
	mux      *http.ServeMux
}

// New returns the endpoints.
func New(d *delivery.Delivery, a *access.Access, log *slog.Logger) *Handler {
	h := &Handler{delivery: d, access: a, log: log, mux: http.NewServeMux()}
	h.mux.HandleFunc("POST "+Prefix+"v1/evaluate/flags/{key}", func(w http.ResponseWriter, r *http.Request) { h.one(w, r, r.PathValue("key")) })
	h.mux.HandleFunc("POST "+Prefix+"v1/evaluate/flags", h.all)
	return h
}

// ServeHTTP answers a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler: //nolint:errorlint // net/http compares it this way
			panic(v)
		default:
			h.log.Error("request panicked", "method", r.Method, "panic", v, "stack", string(debug.Stack()))
			h.write(w, http.StatusInternalServerError, failure{Code: general, Details: "internal error"})
		}
	}()
	head := w.Header()
	head.Set("Access-Control-Allow-Origin", cmp.Or(r.Header.Get("Origin"), "*"))
	head.Set("Access-Control-Allow-Methods", "OPTIONS,POST")
	head.Set("Access-Control-Allow-Headers", "Authorization,Content-Type,If-None-Match,X-API-Key")
	head.Set("Access-Control-Expose-Headers", "ETag,Retry-After")
	head.Set("Access-Control-Max-Age", "300")
	head.Add("Vary", "Origin")
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	switch _, pattern := h.mux.Handler(r); {
	case pattern != "":
		h.mux.ServeHTTP(w, r)
	case r.Method != http.MethodPost:
		head.Set("Allow", "OPTIONS, POST")
		h.write(w, http.StatusMethodNotAllowed, failure{Details: "send a POST request"})
	default:
		h.write(w, http.StatusNotFound, failure{Details: "there is no such path; evaluate with POST /ofrep/v1/evaluate/flags or /ofrep/v1/evaluate/flags/{key}"})
	}
}

// question is a request whose credential and context are good.
type question struct {
	env *catalog.Environment
	delivery.Request
}

// read returns what a client asks.
func (h *Handler) read(w http.ResponseWriter, r *http.Request) (question, error) {
	q, err := h.open(r)
	if err != nil {
		return q, err
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return q, fault.TooLargef("the body is larger than %d bytes", maxBody)
	case err != nil:
		return q, refusal{parseError, fault.Invalidf("the request ended before its body did").Because(err)}
	}
	q.Context, err = contextOf(raw)
	return q, err
}

// open returns the environment of a credential and the sort of client that has it.
func (h *Handler) open(r *http.Request) (q question, err error) {
	key := cmp.Or(strings.TrimSpace(r.Header.Get("X-API-Key")), access.Credential(r.Header.Get("Authorization")))
	if q.env, err = h.access.SDKKey(key); err == nil {
		q.Receiver = delivery.Server
		return q, nil
	}
	if q.env, err = h.access.MobileKey(key); err == nil {
		q.Receiver = delivery.Mobile
		return q, nil
	}
	if q.env, err = h.access.ClientSideID(key); err != nil {
		return q, fault.New(fault.Unauthenticated, fault.CodeUnauthorized, "this is no SDK key, mobile key or client-side ID that is known; send one as X-API-Key, or as Authorization: Bearer")
	}
	if q.env.SecureMode {
		return q, fault.Forbiddenf("environment %s is in secure mode, and the client-side ID alone is no proof of who asks; use its SDK key or mobile key", q.env.Key)
	}
	q.Receiver = delivery.Browser
	return q, nil
}

// write sends an answer.
func (h *Handler) write(w http.ResponseWriter, status int, answer any) {
	body, err := json.Marshal(answer)
	if err != nil { // nothing that is answered lacks a JSON form
		h.log.Error("answer not written", "error", err)
		status, body = http.StatusInternalServerError, []byte(`{"errorDetails":"internal error"}`)
	}
	h.send(w, status, body)
}

func (h *Handler) send(w http.ResponseWriter, status int, body []byte) {
	head := w.Header()
	head.Set("Content-Type", "application/json")
	head.Set("Cache-Control", "no-cache")
	head.Set("X-Content-Type-Options", "nosniff")
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(writeTimeout)) // not every writer has deadlines
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error here means that the client is gone
	_ = control.Flush()  // likewise
	_ = control.SetWriteDeadline(time.Time{})
}
