package sdk

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"muster/internal/fault"
)

// statuses maps what went wrong to what SDKs understand. Everything that will pass is 503.
var statuses = map[fault.Kind]int{
	fault.Internal:        http.StatusInternalServerError,
	fault.Invalid:         http.StatusBadRequest,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Forbidden:       http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusServiceUnavailable,
	fault.Refused:         http.StatusServiceUnavailable,
	fault.TooLarge:        http.StatusRequestEntityTooLarge,
	fault.Unavailable:     http.StatusServiceUnavailable,
}

// refuse answers a request with an error.
func (h *Handler) refuse(w http.ResponseWriter, err error) {
	f := fault.From(err)
	status := statuses[f.Kind]
	switch f.Code {
	case fault.CodeMethod:
		status = http.StatusMethodNotAllowed
	case fault.CodeUnsupportedType:
		status = http.StatusUnsupportedMediaType
	}
	if isLoop(err) || errors.Is(err, errTooMany) {
		status = http.StatusTooManyRequests
	}
	if status >= http.StatusInternalServerError {
		h.log.Error("request failed", "status", status, "error", err)
	}
	head := w.Header()
	head.Del("ETag")
	head.Set("Cache-Control", "no-cache")
	head.Set("X-Content-Type-Options", "nosniff")
	body := []byte(f.Message + "\n")
	if status == http.StatusServiceUnavailable {
		head.Set("Content-Type", "text/plain; charset=utf-8")
	} else {
		head.Set("Content-Type", "application/json")
		body, _ = json.Marshal(map[string]string{"message": f.Message}) // strings always have a JSON form
	}
	head.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // nobody is left to tell
}
