package redissink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"

	"muster/internal/fault"
	"muster/internal/sink"
)

func isNil(err error) bool { return errors.Is(err, redis.Nil) }

// isDenied reports whether an error says that the user may not do something.
func isDenied(err error) bool { return err != nil && strings.Contains(err.Error(), "NOPERM") }

// refusals are what Redis answers, by the beginning, and what that means to an operator.
var refusals = []struct {
	code string
	kind fault.Kind
	text string
}{
	{"OOM", fault.Unavailable, "is full (maxmemory): give it more memory, or remove what others keep there"},
	{"READONLY", fault.Unavailable, "is a replica, which can't be written to: a failover is under way, or the address is not that of the master"},
	{"LOADING", fault.Unavailable, "has started and is loading its data"},
	{"MASTERDOWN", fault.Unavailable, "has lost its master: a failover is under way"},
	{"CLUSTERDOWN", fault.Unavailable, "is a cluster that doesn't work at this moment: some of its slots have no node (CLUSTER INFO tells more)"},
	{"TRYAGAIN", fault.Unavailable, "is moving slots between its nodes"},
	{"MISCONF", fault.Unavailable, "refuses writes because it can't save its data: look at its disk and at its log"},
	{"NOREPLICAS", fault.Unavailable, "refuses writes because it has too few replicas (min-replicas-to-write)"},
	{"BUSY", fault.Unavailable, "is busy with somebody's script"},
	{"ERR max number of clients", fault.Unavailable, "takes no more connections (maxclients)"},
	{"WRONGPASS", fault.Forbidden, "doesn't accept the user name and the password"},
	{"NOAUTH", fault.Forbidden, "wants a password, and the integration has none"},
	{"ERR AUTH", fault.Forbidden, "wants no password of this kind: leave out config/username, or config/password"},
	{"ERR invalid password", fault.Forbidden, "doesn't accept the password"},
	{"NOPERM", fault.Forbidden, "doesn't allow the user what muster needs: ~PREFIX:* +@read +@write +@transaction +@connection -@dangerous +info +command, and in a cluster +cluster|slots +cluster|shards"},
	{"WRONGTYPE", fault.Conflict, "has something else under one of the keys: give the integration a config/prefix that nobody else uses"},
	{"ERR DB index", fault.Invalid, "has no database of this number (config/db)"},
	{"ERR This instance has cluster support disabled", fault.Invalid, "is no cluster: leave out config/cluster"},
	{"MOVED", fault.Invalid, "is part of a cluster: set config/cluster"},
	{"CROSSSLOT", fault.Invalid, "is part of a cluster: set config/cluster"},
}

// explained returns an error as an operator reads it.
func (t *target) explained(doing string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	if errors.Is(err, redis.TxFailedErr) {
		err = errors.Join(err, sink.ErrMoved)
	}
	if errors.Is(err, sink.ErrMoved) {
		return fault.New(fault.Conflict, fault.CodeConflict, "somebody else wrote to the Redis at %s meanwhile", t.where).Because(err)
	}
	say := func(kind fault.Kind, what string) error {
		codes := map[fault.Kind]fault.Code{
			fault.Unavailable: fault.CodeRateLimited, fault.Forbidden: fault.CodeForbidden, fault.Conflict: fault.CodeConflict, fault.Invalid: fault.CodeInvalidRequest,
		}
		return fault.New(kind, codes[kind], "can't %s the Redis at %s: it %s", doing, t.where, what).Because(err)
	}
	if errors.Is(err, errStartedAgain) {
		return say(fault.Unavailable, "started again, or another took its place; what it may have lost is written once more")
	}
	text := err.Error()
	for _, r := range refusals {
		if strings.HasPrefix(text, r.code) {
			return say(r.kind, r.text)
		}
	}
	if kind, what := t.network(err); what != "" {
		return say(kind, what)
	}
	return say(fault.Unavailable, "answers: "+text)
}

// network returns what an error of a connection means.
func (t *target) network(err error) (fault.Kind, string) {
	if err == nil {
		return 0, ""
	}
	var record tls.RecordHeaderError
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var lookup *net.DNSError
	var alert tls.AlertError
	var timeout net.Error
	switch {
	case errors.As(err, &record), errors.Is(err, errNoHandshake):
		return fault.Invalid, "doesn't speak TLS: leave out config/tlsEnabled, or give the port that does"
	case errors.As(err, &unknown):
		return fault.Invalid, "has a certificate of an authority that isn't trusted: give it as config/tlsCA"
	case errors.As(err, &name):
		return fault.Invalid, "has a certificate for another name: give that as config/tlsServerName"
	case errors.As(err, &invalid):
		return fault.Invalid, "has a certificate that isn't valid: " + invalid.Error()
	case errors.As(err, &alert), strings.Contains(err.Error(), "remote error: tls"):
		return fault.Invalid, "refuses the TLS connection: it may want a certificate of muster's (config/tlsCertificate)"
	case errors.As(err, &lookup):
		return fault.Unavailable, "has a name that can't be resolved: " + lookup.Err
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault.Unavailable, "refuses connections: it isn't running, or listens elsewhere"
	case strings.Contains(err.Error(), "all sentinels"):
		return fault.Unavailable, "can't be found: none of the Sentinels answers, or knows a master of this name"
	case strings.Contains(err.Error(), "cluster has no"), strings.Contains(err.Error(), "CLUSTER SLOTS"):
		return fault.Unavailable, "is a cluster of which no node answers"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fault.Unavailable, "doesn't answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		return fault.Unavailable, "closed the connection: it stopped, something between cuts connections, or it " + t.disagreement()
	}
	return 0, ""
}

// disagreement is what else may lie behind a connection that the other side closed: of what it says at that, the
// close itself can be all that arrives. In TLS 1.3 a client that gave no certificate learns only after its handshake
// that one is wanted.
func (t *target) disagreement() string {
	switch {
	case t.plugs.tls == nil:
		return "speaks only TLS (config/tlsEnabled)"
	case len(t.plugs.tls.Certificates) == 0:
		return "may want a certificate of muster's (config/tlsCertificate)"
	default:
		return "doesn't accept muster's certificate (config/tlsCertificate)"
	}
}
