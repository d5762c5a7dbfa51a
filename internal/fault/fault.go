// Package fault is the one kind of error that travels from a room to a client.
//
// A [Kind] says what the caller can do about it, a [Code] is the word the REST API documents, the
// message is for a person: what happened, to which object, what to do next. Causes never travel;
// they stay in the log. A transport maps kinds to its own status codes in one table.
package fault

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Kind says what a caller can do about an error.
type Kind uint8

// The kinds. Internal is the zero value on purpose: an error nobody classified is ours.
const (
	Internal        Kind = iota
	Invalid              // the request can never succeed as sent
	Unauthenticated      // no credential, or one we do not know
	Forbidden            // the credential lacks the action
	NotFound             // no such object, or one the credential may not see
	Conflict             // someone else changed it first, or the name is taken
	Refused              // a guard stopped a change that was otherwise valid
	TooLarge             // beyond a limit; the message names limit and setting
	Unavailable          // try again; nothing is wrong with the request
)

// Code is the machine-readable word of an error body.
type Code string

// The codes of the REST API (LaunchDarkly's OpenAPI document and its clients branch on them).
const (
	CodeInternal        Code = "internal_service_error"
	CodeInvalidRequest  Code = "invalid_request"
	CodeInvalidPatch    Code = "invalid_patch"
	CodePatchFailed     Code = "patch_failed"
	CodeUnauthorized    Code = "unauthorized"
	CodeForbidden       Code = "forbidden"
	CodeNotFound        Code = "not_found"
	CodeMethod          Code = "method_not_allowed"
	CodeConflict        Code = "conflict"
	CodeKeyExists       Code = "key_exists"
	CodeOptimisticLock  Code = "optimistic_locking_error"
	CodeTooLarge        Code = "payload_too_large"
	CodeUnsupportedType Code = "unsupported_media_type"
	CodeRateLimited     Code = "rate_limited"
	CodePrecondition    Code = "precondition_failed"
	CodeEmailExists     Code = "email_already_exists_in_account"
	CodeDuplicateEmails Code = "duplicate_emails"
)

// Error is an error that may be shown to a client.
type Error struct {
	Kind    Kind
	Code    Code
	Message string
	// Emails are those that the code is about, which clients expect beside the message.
	Emails []string
	// Action and Resource are what the caller of something forbidden lacks, if that is known.
	Action, Resource string
	// Wait is how long to wait before the next try, if that is known.
	Wait  time.Duration
	cause error
}

// Error returns the message, and the cause behind it for the log.
func (e *Error) Error() string {
	if e.cause != nil {
		return e.Message + ": " + e.cause.Error()
	}
	return e.Message
}

// Unwrap returns the cause, which is for the log only.
func (e *Error) Unwrap() error { return e.cause }

// Because returns a copy of e that carries cause for the log.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// Lacking returns a copy of e that says which action on which resource would be needed.
func (e *Error) Lacking(action, resource string) *Error {
	c := *e
	c.Action, c.Resource = action, resource
	return &c
}

// Limit is a bound on what clients may send or get. A refusal names its value, and its setting.
type Limit struct {
	Name    string
	Value   int64
	Setting string // the flag that changes it, if there is one
}

// maxQuoted is how much of one text a message quotes: clients choose texts, and people read messages.
const maxQuoted = 1000

// New returns an error of the given kind and code. Texts among the arguments are shortened.
func New(kind Kind, code Code, format string, args ...any) *Error {
	for i, arg := range args {
		if v := reflect.ValueOf(arg); v.Kind() == reflect.String && v.Len() > maxQuoted {
			args[i] = strings.ToValidUTF8(v.String()[:maxQuoted], "") + "…"
		}
	}
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Invalidf says that the request can never succeed as sent.
func Invalidf(format string, args ...any) *Error {
	return New(Invalid, CodeInvalidRequest, format, args...)
}

// NotFoundf says that an object does not exist or is hidden from the caller.
func NotFoundf(format string, args ...any) *Error {
	return New(NotFound, CodeNotFound, format, args...)
}

// Forbiddenf says which action on which resource the credential lacks.
func Forbiddenf(format string, args ...any) *Error {
	return New(Forbidden, CodeForbidden, format, args...)
}

// Conflictf says what is in the way of the change.
func Conflictf(format string, args ...any) *Error {
	return New(Conflict, CodeConflict, format, args...)
}

// TooLargef names the limit, its value and its setting.
func TooLargef(format string, args ...any) *Error {
	return New(TooLarge, CodeTooLarge, format, args...)
}

// Unavailablef says that the same request will succeed later.
func Unavailablef(format string, args ...any) *Error {
	return New(Unavailable, CodeRateLimited, format, args...)
}

// From returns what a client may see of err: the *Error inside it, or an Internal error that says
// nothing about the cause.
func From(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Kind: Internal, Code: CodeInternal, Message: "something went wrong inside muster; the log has the details", cause: err}
}

// KindOf returns the kind of err; Internal when nobody classified it.
func KindOf(err error) Kind { return From(err).Kind }
