// Package redissink is a Redis, alone, behind Sentinels or a cluster, as a store that muster keeps current:
// the keys are those of a Relay Proxy, which LaunchDarkly's SDKs read.
//
// The two sets of a context are two keys, in a cluster on two nodes, so nothing here relies on a transaction
// but the marker, which is one key.
package redissink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/sink"
)

const (
	batch = 4096
	ahead = 4

	dialTimeout = 5 * time.Second
	// answerTimeout is how long a batch may take. A Redis that saves or loads may be silent for seconds.
	answerTimeout = 15 * time.Second
)

// target is the keys under one prefix.
type target struct {
	client  redis.UniversalClient
	cluster *redis.ClusterClient // nil unless it is one
	plugs   *plugs
	where   string
	sheets  sync.Pool // of *sheet

	prefix, cursor, synchronized, probe string

	run  atomic.Pointer[string] // the process that is written to; nil before it is known, and in a cluster
	next atomic.Pointer[string] // the one that was met in its place
}

// silent keeps the driver from writing to standard error by itself: what fails is returned.
var silent = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

type silence struct{}

// Printf writes nothing.
func (silence) Printf(context.Context, string, ...any) {}

// Open returns a target for the settings of a sink.
func Open(s *catalog.Sink, secrets sink.Secrets) (sink.Target, error) {
	silent()
	r := s.Redis
	if r == nil {
		return nil, fault.Invalidf("integration %s has no settings of a Redis", s.ID)
	}
	secured, err := tlsOf(r, secrets[catalog.ClientKeySecret])
	if err != nil {
		return nil, err
	}
	addresses := append([]string{net.JoinHostPort(r.Host, strconv.Itoa(r.Port))}, r.Nodes...)
	t := &target{
		plugs: &plugs{tls: secured, open: make(map[net.Conn]struct{})}, where: addresses[0], prefix: r.Prefix,
		cursor: r.Prefix + ":big_segments_cursor", synchronized: r.Prefix + ":big_segments_synchronized_on",
		probe: r.Prefix + ":big_segments_muster_probe",
	}
	t.sheets.New = func() any { return newSheet(r.Prefix) }
	quiet := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	password := secrets[catalog.PasswordSecret]
	switch {
	case r.Cluster:
		t.cluster = redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: addresses, Dialer: t.plugs.dial, Protocol: 2, Username: r.Username, Password: password, DisableIdentity: true, MaxRetries: 1,
			DialTimeout: dialTimeout, DialerRetries: 1, ReadTimeout: answerTimeout, WriteTimeout: answerTimeout, ContextTimeoutEnabled: true,
			PoolSize: ahead + 4, MaintNotificationsConfig: quiet,
		})
		t.client = t.cluster
	case r.Sentinel != "":
		t.where = "the master " + strconv.Quote(r.Sentinel) + " of the Sentinels at " + addresses[0]
		t.client = redis.NewFailoverClient(&redis.FailoverOptions{
			OnConnect:  t.met,
			MasterName: r.Sentinel, SentinelAddrs: addresses, SentinelUsername: r.SentinelUsername, SentinelPassword: secrets[catalog.SentinelPasswordSecret],
			Dialer: t.plugs.dial, Protocol: 2, Username: r.Username, Password: password, DB: r.DB, DisableIdentity: true, MaxRetries: 1,
			DialTimeout: dialTimeout, DialerRetries: 1, ReadTimeout: answerTimeout, WriteTimeout: answerTimeout, ContextTimeoutEnabled: true,
			PoolSize: ahead + 4,
		})
	default:
		t.client = redis.NewClient(&redis.Options{
			OnConnect: t.met,
			Addr:      addresses[0], Dialer: t.plugs.dial, Protocol: 2, Username: r.Username, Password: password, DB: r.DB, DisableIdentity: true, MaxRetries: 1,
			DialTimeout: dialTimeout, DialerRetries: 1, ReadTimeout: answerTimeout, WriteTimeout: answerTimeout, ContextTimeoutEnabled: true,
			PoolSize: ahead + 4, MaintNotificationsConfig: quiet,
		})
	}
	return t, nil
}

// tlsOf returns how connections are secured; nil if they are not.
func tlsOf(r *catalog.Redis, key string) (*tls.Config, error) {
	if !r.TLS {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: r.ServerName, InsecureSkipVerify: r.SkipVerify} //nolint:gosec // only if an operator says so
	if r.CA != "" {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM([]byte(r.CA)) {
			return nil, fault.Invalidf("config/tlsCA holds no certificate in PEM")
		}
	}
	if r.Certificate != "" {
		own, err := tls.X509KeyPair([]byte(r.Certificate), []byte(key))
		if err != nil {
			return nil, fault.Invalidf("config/tlsCertificate and config/tlsKey don't fit together, or one of them is no PEM").Because(err)
		}
		c.Certificates = []tls.Certificate{own}
	}
	return c, nil
}

// plugs are the open connections, which are cut when nobody waits for them any more.
type plugs struct {
	tls *tls.Config

	mu   sync.Mutex
	open map[net.Conn]struct{}
}

func (p *plugs) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	bare, err := (&net.Dialer{KeepAlive: time.Minute}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn := bare
	if p.tls != nil {
		c := p.tls
		if c.ServerName == "" {
			c = c.Clone()
			c.ServerName, _, _ = net.SplitHostPort(address)
		}
		secured := tls.Client(bare, c)
		if err := secured.HandshakeContext(ctx); err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				err = fmt.Errorf("%w: %w", errNoHandshake, err)
			}
			return nil, abandoned(bare, err)
		}
		conn = secured
	}
	plug := &plug{Conn: conn, bare: bare, of: p}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[plug] = struct{}{}
	return plug, nil
}

// errNoHandshake says that nobody answered the beginning of TLS, as a Redis without it doesn't.
var errNoHandshake = errors.New("no answer to a TLS handshake")

// abandoned closes a connection that is of no use because of an error.
func abandoned(c net.Conn, err error) error {
	_ = c.Close() // it never was of use
	return err
}

// cut closes all connections, so that whoever waits for an answer gets an error.
func (p *plugs) cut() {
	p.mu.Lock()
	all := make([]net.Conn, 0, len(p.open))
	for c := range p.open {
		all = append(all, c)
	}
	p.mu.Unlock()
	for _, c := range all {
		_ = c.Close() // it is of no use any more
	}
}

type plug struct {
	net.Conn
	bare net.Conn
	of   *plugs
}

// SyscallConn lets the driver look at a connection before it uses it again: one that was cut is put away then, and
// doesn't fail the next request.
func (p *plug) SyscallConn() (syscall.RawConn, error) {
	p.of.mu.Lock()
	_, open := p.of.open[p]
	p.of.mu.Unlock()
	bare, ok := p.bare.(syscall.Conn)
	if !open || !ok {
		return nil, net.ErrClosed
	}
	return bare.SyscallConn()
}

// Close closes the connection.
func (p *plug) Close() error {
	p.of.mu.Lock()
	delete(p.of.open, p)
	p.of.mu.Unlock()
	return p.Conn.Close()
}

// during runs something that ends when ctx does.
func (t *target) during(ctx context.Context, doing string, run func() error) error {
	cut := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(cut)
		t.plugs.cut()
	})
	err := run()
	if !stop() {
		<-cut // so that it doesn't meet what comes next, such as a mark of how far it was
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, errStartedAgain) {
		t.run.Store(t.next.Load())
	}
	if _, what := t.network(err); what != "" {
		t.plugs.cut() // the others of this Redis are no better
	}
	return t.explained(doing, err)
}

// Traits implements [sink.Target].
func (t *target) Traits() sink.Traits {
	look := time.Second
	if t.cluster != nil {
		look = 2 * time.Second // each node is asked
	}
	return sink.Traits{Batch: batch, Ahead: ahead, LookEvery: look}
}

// Close implements [sink.Target].
func (t *target) Close() error { return t.client.Close() }

// Look implements [sink.Target].
func (t *target) Look(ctx context.Context) (seen sink.Look, err error) {
	err = t.during(ctx, "look into", func() error {
		pipe := t.client.Pipeline()
		marker, synchronized := pipe.Get(ctx, t.cursor), pipe.Get(ctx, t.synchronized)
		if _, err := pipe.Exec(ctx); err != nil && !isNil(err) {
			return err
		}
		for _, one := range []*redis.StringCmd{marker, synchronized} {
			if err := one.Err(); err != nil && !isNil(err) {
				return err
			}
		}
		seen.Marker = marker.Val()
		if ms, err := strconv.ParseInt(synchronized.Val(), 10, 64); err == nil {
			seen.Synchronized = time.UnixMilli(ms)
		}
		if t.cluster == nil {
			return nil
		}
		seen.Nodes, err = t.nodes(ctx)
		return err
	})
	return seen, err
}

// errStartedAgain says that a Redis is another process than before: it may lack what was acknowledged after it had saved last, though
// its marker is the one that is expected.
var errStartedAgain = errors.New("the process is another one")

// met looks who is behind a new connection, and fails with errStartedAgain if that is not the process that it was, until a call has told so:
// nothing is written, and no marker replaced, before the sink has gone back to the marker that is there. One that doesn't tell
// is taken for the same.
func (t *target) met(ctx context.Context, c *redis.Conn) error {
	info, err := c.Info(ctx, "server").Result()
	if err != nil && !isDenied(err) {
		return err
	}
	run := infoField(info, "run_id")
	if run == "" || infoField(info, "redis_mode") == "sentinel" { // which the driver asks where the master is
		return nil
	}
	t.run.CompareAndSwap(nil, &run)
	if *t.run.Load() == run {
		return nil
	}
	t.next.Store(&run)
	return errStartedAgain
}

// nodes returns the runs of the masters of a cluster; nil if they don't tell.
func (t *target) nodes(ctx context.Context) ([]string, error) {
	var mu sync.Mutex
	var all []string
	told := true
	err := t.cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error {
		text, err := c.Info(ctx, "server").Result()
		run := infoField(text, "run_id")
		mu.Lock()
		defer mu.Unlock()
		if isDenied(err) || err == nil && run == "" {
			told = false
			return nil
		}
		all = append(all, run)
		return err
	})
	if err != nil || !told {
		return nil, err
	}
	slices.Sort(all)
	return all, nil
}

// Mark implements [sink.Target].
func (t *target) Mark(ctx context.Context, was, is string, synchronized time.Time) error {
	return t.during(ctx, "mark progress in", func() error {
		err := t.client.Watch(ctx, func(tx *redis.Tx) error {
			now, err := tx.Get(ctx, t.cursor).Result()
			if err != nil && !isNil(err) {
				return err
			}
			if now != was {
				return fmt.Errorf("expected %q and found %q: %w", was, now, sink.ErrMoved)
			}
			return transact(ctx, tx, func(pipe redis.Pipeliner) {
				if is == "" {
					pipe.Del(ctx, t.cursor)
				} else {
					pipe.Set(ctx, t.cursor, is, 0)
				}
			})
		}, t.cursor)
		if err != nil || synchronized.IsZero() {
			return err
		}
		return t.client.Set(ctx, t.synchronized, synchronized.UnixMilli(), 0).Err()
	})
}

// transact carries out one command in a transaction. Where the command is refused it fails with that, not with the end of
// the transaction that follows from it.
func transact(ctx context.Context, tx *redis.Tx, command func(redis.Pipeliner)) error {
	commands, err := tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		command(pipe)
		return nil
	})
	if err != nil && len(commands) > 0 && commands[0].Err() != nil {
		return commands[0].Err()
	}
	return err
}

// keys of the sets of a context.
func (t *target) included(h segment.Hash) string {
	return t.prefix + ":big_segment_include:" + h.String()
}

func (t *target) excluded(h segment.Hash) string {
	return t.prefix + ":big_segment_exclude:" + h.String()
}
