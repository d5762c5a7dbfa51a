package dynamosink

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"muster/internal/fault"
	"muster/internal/sink"
)

// isUnmet reports whether the condition of a write did not hold.
func isUnmet(err error) bool {
	_, unmet := errors.AsType[*types.ConditionalCheckFailedException](err)
	return unmet
}

// codeOf returns the code of what the table answered, "" if it did not.
func codeOf(err error) string {
	var answered smithy.APIError
	if !errors.As(err, &answered) {
		return ""
	}
	return answered.ErrorCode()
}

// isThrottled reports whether the table takes no more at this moment.
func isThrottled(err error) bool {
	_, throttled := retry.DefaultThrottleErrorCodes[codeOf(err)]
	return throttled
}

// isPassing reports whether a request may succeed if it is made again at once: nothing answered, though something is
// there, or the table was out of order for a moment. All requests may be repeated.
func isPassing(err error) bool {
	if _, said := errors.AsType[*fault.Error](err); said || errors.Is(err, sink.ErrMoved) {
		return false
	}
	if code := codeOf(err); code != "" {
		return code == "InternalServerError" || code == "ServiceUnavailable"
	}
	kind, what := network(err)
	return kind == fault.Unavailable && !errors.Is(err, syscall.ECONNREFUSED) || what == ""
}

// isDenied reports whether credentials that are known don't allow something.
func isDenied(err error) bool {
	return slices.Contains([]string{"AccessDeniedException", "AccessDenied"}, codeOf(err))
}

// answers are what the table answers, and what that means to an operator.
var answers = map[string]struct {
	kind fault.Kind
	text string
}{
	"AccessDeniedException": {fault.Forbidden, "doesn't allow what muster needs: dynamodb:GetItem, BatchGetItem, Query, UpdateItem, DeleteItem, PutItem and BatchWriteItem on the table, " +
		"DescribeTable for the check, CreateTable if config/createTable is set"},
	"AccessDenied":                    {fault.Forbidden, "doesn't allow muster to take on the role (config/roleArn): look at who may, and at config/externalId"},
	"UnrecognizedClientException":     {fault.Forbidden, "doesn't know the access key (config/accessKeyId)"},
	"InvalidClientTokenId":            {fault.Forbidden, "doesn't know the access key (config/accessKeyId)"},
	"InvalidSignatureException":       {fault.Forbidden, "doesn't accept the secret access key, or the clock of this machine is wrong"},
	"IncompleteSignatureException":    {fault.Forbidden, "doesn't accept the access key (config/accessKeyId)"},
	"MissingAuthenticationToken":      {fault.Forbidden, "wants credentials: give config/accessKeyId and config/secretAccessKey, or the machine a role"},
	"ExpiredTokenException":           {fault.Forbidden, "doesn't accept the credentials any more: they have expired"},
	"ResourceNotFoundException":       {fault.Invalid, "doesn't exist: make it with the partition key \"namespace\" and the sort key \"key\", both of type String, or set config/createTable"},
	"ResourceInUseException":          {fault.Unavailable, "is being made or changed"},
	"RequestLimitExceeded":            {fault.Unavailable, "takes no more requests: the account has reached a limit"},
	"InternalServerError":             {fault.Unavailable, "is out of order at this moment"},
	"ItemCollectionSizeLimitExceeded": {fault.Invalid, "has a local index, which bounds what it can hold to 10 GB: make one without"},
}

const slow = "takes fewer writes than there are: give it more capacity, or on-demand billing; muster goes on as fast as it may"

// explained returns an error as an operator reads it.
func (t *target) explained(doing string, err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	if errors.Is(err, sink.ErrMoved) {
		return fault.New(fault.Conflict, fault.CodeConflict, "somebody else wrote to the table %s meanwhile", t.where).Because(err)
	}
	say := func(kind fault.Kind, what string) error {
		codes := map[fault.Kind]fault.Code{
			fault.Unavailable: fault.CodeRateLimited, fault.Forbidden: fault.CodeForbidden, fault.Invalid: fault.CodeInvalidRequest, fault.Conflict: fault.CodeConflict,
		}
		return fault.New(kind, codes[kind], "can't %s the table %s: it %s", doing, t.where, what).Because(err)
	}
	if isThrottled(err) {
		return say(fault.Unavailable, slow)
	}
	code := codeOf(err)
	if a, ok := answers[code]; ok {
		return say(a.kind, a.text)
	}
	if code == "ValidationException" {
		return t.invalid(say, err)
	}
	if kind, what := network(err); what != "" {
		return say(kind, what)
	}
	return say(fault.Unavailable, "answers: "+clipped(err.Error()))
}

// invalid returns what it means that the table finds fault with a request.
func (t *target) invalid(say func(fault.Kind, string) error, err error) error {
	words := strings.ToLower(err.Error())
	switch {
	case strings.Contains(words, "schema"), strings.Contains(words, "missing the key"), strings.Contains(words, "one of the required keys"):
		return wrongKeys(t.where)
	case strings.Contains(words, "item size"):
		return say(fault.Invalid, "can't hold a context that is in so many segments: an item has at most 400 KB")
	case strings.Contains(words, "incorrect data type"), strings.Contains(words, "type mismatch"):
		return say(fault.Conflict, "has something else under one of the keys: give the integration a config/prefix that nobody else uses")
	}
	return say(fault.Invalid, "refuses a request: "+clipped(err.Error()))
}

func clipped(s string) string {
	const most = 300
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// network returns what an error of a connection means.
func network(err error) (fault.Kind, string) {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var lookup *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &unknown), errors.As(err, &name):
		return fault.Invalid, "has a certificate that isn't trusted: look at config/endpoint, or give the authority in AWS_CA_BUNDLE"
	case errors.As(err, &lookup):
		return fault.Unavailable, "has a name that can't be resolved (config/region, config/endpoint): " + lookup.Err
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault.Unavailable, "refuses connections: it isn't running, or listens elsewhere (config/endpoint)"
	case strings.Contains(err.Error(), "get credentials"), strings.Contains(err.Error(), "get identity"):
		return fault.Forbidden, "wants credentials, and none are found: give config/accessKeyId and config/secretAccessKey, or the machine a role, or AWS_ variables"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fault.Unavailable, "doesn't answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		return fault.Unavailable, "closed the connection: it stopped, or something between cuts connections"
	}
	return 0, ""
}

// unprocessed waits after the table answered a part of a request only; an error says that it has done nothing for long.
func (t *target) unprocessed(ctx context.Context, doing string, failures int) error {
	const stubborn = 20 // times, which take about as long as the patience of requests that fail
	if failures > stubborn {
		return fault.Unavailablef("can't %s the table %s: it %s", doing, t.where, slow)
	}
	return rest(ctx, failures)
}
