package ofrep

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/launchdarkly/go-sdk-common/v3/ldreason"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/delivery"
	"muster/internal/fault"
)

// success is what a flag serves.
type success struct {
	Key      string         `json:"key"`
	Value    ldvalue.Value  `json:"value,omitzero"` // without one the client serves its own default
	Reason   string         `json:"reason"`
	Variant  string         `json:"variant,omitzero"` // the number of the variation
	Metadata map[string]any `json:"metadata"`
}

// failure is why nothing is served.
type failure struct {
	Key     string `json:"key,omitzero"`
	Code    string `json:"errorCode,omitzero"`
	Details string `json:"errorDetails"`
}

// one answers for one flag.
func (h *Handler) one(w http.ResponseWriter, r *http.Request, key string) {
	q, err := h.read(w, r)
	if err != nil {
		h.refuse(w, key, err)
		return
	}
	a, found, err := h.delivery.Answer(r.Context(), q.env.ID, q.Request, key)
	switch {
	case err != nil:
		h.refuse(w, key, err)
	case !found:
		h.write(w, http.StatusNotFound, failure{key, unknownFlag, "environment " + string(q.env.Key) + " has no flag with this key that this credential may see"})
	default:
		answer, status := result(a)
		h.write(w, status, answer)
	}
}

// all answers for every flag that the client may see.
func (h *Handler) all(w http.ResponseWriter, r *http.Request) {
	q, err := h.read(w, r)
	if err != nil {
		h.refuse(w, "", err)
		return
	}
	answers, err := h.delivery.Answers(r.Context(), q.env.ID, q.Request)
	if err != nil {
		h.refuse(w, "", err)
		return
	}
	list := make([]any, len(answers))
	for i, a := range answers {
		list[i], _ = result(a)
	}
	body, err := json.Marshal(map[string]any{"flags": list, "metadata": map[string]any{}})
	if err != nil {
		h.refuse(w, "", err)
		return
	}
	sum := sha256.Sum256(append(body, q.Context.FullyQualifiedKey()...))
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	w.Header().Set("ETag", tag)
	for held := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		if strings.TrimPrefix(strings.TrimSpace(held), "W/") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.send(w, http.StatusOK, body)
}

// result puts what a flag serves into the protocol's words.
func result(a delivery.Answer) (answer any, status int) {
	reason := a.Detail.Reason
	if reason.GetKind() == ldreason.EvalReasonError {
		return failure{a.Flag, general, "the flag can't be evaluated: " + string(reason.GetErrorKind())}, http.StatusBadRequest
	}
	s := success{Key: a.Flag, Reason: wordFor(reason.GetKind(), a.Rollout), Metadata: map[string]any{"flagVersion": a.Version}}
	if i := a.Detail.VariationIndex; i.IsDefined() {
		s.Value, s.Variant = a.Detail.Value, strconv.Itoa(i.IntValue())
	}
	if id := reason.GetRuleID(); id != "" {
		s.Metadata["ruleId"] = id
	}
	if status := reason.GetBigSegmentsStatus(); status != "" {
		s.Metadata["bigSegmentsStatus"] = string(status)
	}
	return s, http.StatusOK
}

// wordFor returns the protocol's word for a reason.
func wordFor(kind ldreason.EvalReasonKind, rollout bool) string {
	switch kind {
	case ldreason.EvalReasonOff, ldreason.EvalReasonPrerequisiteFailed:
		return "DISABLED"
	case ldreason.EvalReasonTargetMatch, ldreason.EvalReasonRuleMatch:
		return "TARGETING_MATCH"
	case ldreason.EvalReasonFallthrough:
		if rollout {
			return "SPLIT"
		}
		return "STATIC"
	default:
		return "UNKNOWN"
	}
}

// statuses maps what went wrong to what clients of the protocol understand.
var statuses = map[fault.Kind]int{
	fault.Invalid:         http.StatusBadRequest,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Forbidden:       http.StatusForbidden,
	fault.NotFound:        http.StatusServiceUnavailable, // the environment is going away
	fault.TooLarge:        http.StatusRequestEntityTooLarge,
	fault.Unavailable:     http.StatusServiceUnavailable,
}

// refuse answers a request with an error.
func (h *Handler) refuse(w http.ResponseWriter, key string, err error) {
	f := fault.From(err)
	out := failure{Key: key, Details: f.Message}
	status, known := statuses[f.Kind]
	var r refusal
	switch {
	case errors.As(err, &r):
		out.Code = r.code
	case !known:
		status = http.StatusInternalServerError
		h.log.Error("evaluation failed", "error", err)
	case status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	case status == http.StatusRequestEntityTooLarge:
		out.Code = general
	}
	h.write(w, status, out)
}
