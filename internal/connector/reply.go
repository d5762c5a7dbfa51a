package connector

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/fault"
	"muster/internal/segment"
)

const (
	statusOK        = 200
	statusNoContent = 204
	firstFailure    = 400
)

// Outcome is what became of a request, in the words of reply templates. Keys that nobody got to
// know stay empty.
type Outcome struct {
	// Status is that of a failure, 400 or more. Anything less is success, for which the manifest
	// knows the status.
	Status         int
	ErrorMessage   string
	Code           fault.Code
	ProjectKey     string
	EnvironmentKey string
	// SegmentKey and SegmentURL are those of the request-level cohort.
	SegmentKey segment.Key
	SegmentURL string
	Added      int
	Removed    int
	Skipped    int
	SyncID     segment.RunID
}

// Reply returns the answer that the tool expects: a status, and a JSON body or nil for none. A
// template that gives no JSON for these values is replaced by the answer of a tool without one. The
// request may be nil when it could not be read.
func (m *Manifest) Reply(p *Parsed, o Outcome) (status int, body []byte) {
	failed := o.Status >= firstFailure
	if !failed {
		o.Status, o.ErrorMessage, o.Code = m.successStatus(), "", ""
	}
	if failed && o.ErrorMessage == "" {
		o.ErrorMessage = "the request failed" // templates take an empty message for success
	}
	o.ErrorMessage = oneLine(o.ErrorMessage)
	if m.reply != nil {
		if body, ok := m.reply.render(o.value(p)); ok {
			return o.Status, body
		}
	}
	if failed {
		return o.Status, errorBody(o)
	}
	if m.okStatus == 0 {
		return statusNoContent, nil
	}
	return m.okStatus, nil
}

func (m *Manifest) successStatus() int {
	switch {
	case m.okStatus != 0:
		return m.okStatus
	case m.reply != nil:
		return statusOK
	}
	return statusNoContent
}

func errorBody(o Outcome) []byte {
	body := append([]byte(nil), `{"code":`...)
	body, _ = jsontext.AppendQuote(body, string(o.Code))
	body = append(body, `,"message":`...)
	body, _ = jsontext.AppendQuote(body, o.ErrorMessage)
	return append(body, '}')
}

// value returns the look-up of template values.
func (o Outcome) value(p *Parsed) func(*ref) found {
	return func(r *ref) found {
		switch r.variable {
		case bodyVariable:
			if p == nil {
				return found{}
			}
			return p.at(r.body)
		case "statusCode":
			return number(o.Status)
		case "errorMessage":
			return text(o.ErrorMessage)
		case "errorCode":
			return text(string(o.Code))
		case "projectKey":
			return text(o.ProjectKey)
		case "environmentKey":
			return text(o.EnvironmentKey)
		case "segmentKey":
			return text(string(o.SegmentKey))
		case "segmentUrl":
			return text(o.SegmentURL)
		case "added":
			return number(o.Added)
		case "removed":
			return number(o.Removed)
		case "skipped":
			return number(o.Skipped)
		}
		return text(string(o.SyncID))
	}
}

func number(n int) found {
	return found{kind: jsontext.KindNumber, raw: strconv.AppendInt(nil, int64(n), 10)}
}

func text(s string) found {
	raw, _ := jsontext.AppendQuote(nil, s)
	return found{kind: jsontext.KindString, raw: raw}
}
