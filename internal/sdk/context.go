package sdk

import (
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"muster/internal/delivery"
	"muster/internal/fault"
)

// request reads what a client-side SDK wants evaluated.
func (c *call) request(to delivery.Receiver) (delivery.Request, error) {
	var raw []byte
	var err error
	if c.r.Method == report {
		raw, err = c.reportedContext()
	} else {
		raw, err = decodeContext(c.params[contextParam], c.h.o.MaxContext)
	}
	if err != nil {
		return delivery.Request{}, err
	}
	ctx, err := delivery.ParseContext(raw)
	if err != nil {
		return delivery.Request{}, err
	}
	if err := c.checkSecureMode(ctx); err != nil {
		return delivery.Request{}, err
	}
	reasons := c.r.URL.RawQuery != "" && c.r.URL.Query().Get("withReasons") == "true"
	return delivery.Request{Context: ctx, Receiver: to, Reasons: reasons}, nil
}

// reportedContext reads the body of a REPORT.
func (c *call) reportedContext() ([]byte, error) {
	media, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return nil, fault.New(fault.Invalid, fault.CodeUnsupportedType, "the context must be sent as application/json")
	}
	raw, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, c.h.o.MaxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, fault.TooLargef("the context is larger than %d bytes", c.h.o.MaxBody)
	case err != nil:
		return nil, fault.Invalidf("the request ended before its body did").Because(err)
	}
	return raw, nil
}

// decodeContext reads a context from a path.
func decodeContext(text string, maxBytes int) ([]byte, error) {
	if len(text) > maxBytes {
		return nil, fault.TooLargef("the context is longer than %d characters; use REPORT", maxBytes)
	}
	raw, err := plainBase64(text)
	if err != nil {
		return nil, fault.Invalidf("the context in the path is not base64").Because(err)
	}
	return raw, nil
}

// plainBase64 decodes base64 of either alphabet, padded or not.
func plainBase64(text string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(standardAlphabet.Replace(strings.TrimRight(text, "=")))
}

var standardAlphabet = strings.NewReplacer("-", "+", "_", "/")

// shortened keeps what a client sent from coming back to it at length.
func shortened(s string) string {
	const maxBytes = 200
	if len(s) > maxBytes {
		return strings.ToValidUTF8(s[:maxBytes], "") + "…"
	}
	return s
}
