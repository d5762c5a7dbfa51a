package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/fault"
)

const internalMessage = "something went wrong inside muster; the log has the details"

// The status of each kind of error; a code may be more precise than its kind.
var (
	kindStatus = map[fault.Kind]int{
		fault.Internal:        http.StatusInternalServerError,
		fault.Invalid:         http.StatusBadRequest,
		fault.Unauthenticated: http.StatusUnauthorized,
		fault.Forbidden:       http.StatusForbidden,
		fault.NotFound:        http.StatusNotFound,
		fault.Conflict:        http.StatusConflict,
		fault.Refused:         http.StatusConflict,
		fault.TooLarge:        http.StatusRequestEntityTooLarge,
		// Terraform's client stalls for minutes on a 5xx and waits politely on a 429.
		fault.Unavailable: http.StatusTooManyRequests,
	}
	codeStatus = map[fault.Code]int{
		fault.CodeMethod:          http.StatusMethodNotAllowed,
		fault.CodeUnsupportedType: http.StatusUnsupportedMediaType,
		fault.CodePatchFailed:     http.StatusUnprocessableEntity,
		fault.CodePrecondition:    http.StatusPreconditionFailed,
	}
)

// retryAfter is what clients are told to wait when muster asks them to come back.
const retryAfter = time.Second

type errorJSON struct {
	Code    fault.Code `json:"code"`
	Message string     `json:"message"`
	// Action and Resource say of what is forbidden which right would be needed.
	Action   string `json:"action,omitempty" doc:"Of a refusal with 403: the action that the credential lacks"`
	Resource string `json:"resource,omitempty" doc:"Of a refusal with 403: on what, with its tags"`
	// InvalidEmails is what clients read beside the codes about account members.
	InvalidEmails []string `json:"invalid_emails,omitempty"`
}

// writeError renders an error. Causes go to the log, never to the client.
func (s *server) writeError(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.From(err)
	status, ok := codeStatus[f.Code]
	if !ok {
		status = kindStatus[f.Kind]
	}
	body := errorJSON{Code: f.Code, Message: f.Message, Action: f.Action, Resource: f.Resource, InvalidEmails: f.Emails}
	switch f.Kind {
	case fault.Internal:
		if r.Context().Err() == nil {
			s.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		}
		body = errorJSON{Code: fault.CodeInternal, Message: internalMessage}
	case fault.Unavailable:
		if w.Header().Get("Retry-After") == "" {
			wait := max(f.Wait, retryAfter)
			w.Header().Set("X-Ratelimit-Reset", strconv.FormatInt(s.now().Add(wait+resetMargin).UnixMilli(), 10))
			w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)))
		}
	}
	if werr := writeJSON(w, status, body); werr != nil {
		s.log.WarnContext(r.Context(), "error reply not written", "error", werr)
	}
}

func encoded(v any) ([]byte, error) {
	return json.Marshal(v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
}

// writeJSON answers with a representation.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	b, err := encoded(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// The client may be gone; there is nobody left to tell.
	_, _ = w.Write(b)
	return nil
}
