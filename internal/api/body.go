package api

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/fault"
)

// Limits of what a client may send.
const (
	maxBodyBytes     = 2 << 20
	maxContextsBytes = 16 << 20
	maxSDKDataBytes  = 64 << 20
	maxDepth         = 64
)

// readBody returns the request's JSON text, which is one value without repeated member names,
// nested at most maxDepth deep.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) (jsontext.Value, error) {
	if err := checkContentType(r); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, fault.TooLargef("the body is larger than %d bytes, the limit of this endpoint", limit)
	case err != nil:
		return nil, fault.Invalidf("the body ended early").Because(err)
	case len(bytes.TrimSpace(body)) == 0:
		return nil, fault.Invalidf("this endpoint needs a JSON body")
	}
	if err := checkJSON(body); err != nil {
		return nil, err
	}
	return body, nil
}

func checkContentType(r *http.Request) error {
	header := r.Header.Get("Content-Type")
	if header == "" {
		return nil
	}
	kind, _, err := mime.ParseMediaType(header)
	if err != nil && kind == "" {
		kind, _, _ = strings.Cut(header, ";")
	}
	kind = strings.ToLower(strings.TrimSpace(kind))
	if kind == "application/json" || (strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")) {
		return nil
	}
	return fault.New(fault.Invalid, fault.CodeUnsupportedType, "the body must be JSON; send Content-Type: application/json instead of %s", clip(kind))
}

// checkJSON reads the text once without building anything, so that no later step meets nesting or
// repeated names.
func checkJSON(text []byte) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(text))
	for {
		_, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fault.Invalidf("the body is not valid JSON: %s", jsonProblem(err)).Because(err)
		}
		if d.StackDepth() > maxDepth {
			return fault.Invalidf("the body nests deeper than %d levels", maxDepth)
		}
		if d.StackDepth() == 0 {
			if rest := bytes.TrimSpace(text[d.InputOffset():]); len(rest) > 0 {
				return fault.Invalidf("the body holds more than one JSON value")
			}
			return nil
		}
	}
}

func jsonProblem(err error) string {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends early"
	}
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) && syntax.Err != nil {
		text := clip(syntax.Err.Error())
		if syntax.JSONPointer != "" {
			return text + " at " + clip(string(syntax.JSONPointer))
		}
		return text
	}
	return "it can't be read"
}

// decode reads a value of a request into v. Members that v lacks are ignored.
func decode(text jsontext.Value, v any) error { return decodeWith(text, v) }

// decodeKnown is decode for what must not have members that v lacks.
func decodeKnown(text jsontext.Value, v any) error {
	return decodeWith(text, v, json.RejectUnknownMembers(true))
}

// decodeSpare is decodeBody for a body that may be left out.
func decodeSpare(w http.ResponseWriter, r *http.Request, v any) error {
	if r.ContentLength == 0 {
		return nil
	}
	return decodeBody(w, r, maxFieldBytes, v)
}

func decodeWith(text jsontext.Value, v any, options ...json.Options) error {
	err := json.Unmarshal(text, v, options...)
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*fault.Error](err); ok {
		return known
	}
	if wrong, ok := errors.AsType[*json.SemanticError](err); ok {
		where := "the value"
		if wrong.JSONPointer != "" {
			where = clip(string(wrong.JSONPointer))
		}
		if errors.Is(err, json.ErrUnknownName) {
			return fault.Invalidf("%s is not known here", where).Because(err)
		}
		return fault.Invalidf("%s has the wrong type or is out of range", where).Because(err)
	}
	return fault.Invalidf("the body is not valid JSON: %s", jsonProblem(err)).Because(err)
}

// decodeBody reads the request's body into v.
func decodeBody(w http.ResponseWriter, r *http.Request, limit int64, v any) error {
	text, err := readBody(w, r, limit)
	if err != nil {
		return err
	}
	return decode(text, v)
}
