package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"muster/internal/access"
	"muster/internal/activity"
	"muster/internal/admin"
	"muster/internal/api"
	"muster/internal/catalog"
	"muster/internal/connector"
	"muster/internal/connector/list"
	"muster/internal/delivery"
	"muster/internal/history"
	"muster/internal/inbound"
	"muster/internal/ingest"
	"muster/internal/ofrep"
	"muster/internal/relayfeed"
	"muster/internal/resp"
	"muster/internal/sdk"
	"muster/internal/segment"
	"muster/internal/sink"
	"muster/internal/sink/dynamosink"
	"muster/internal/sink/redissink"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
	"muster/internal/usage"
	"muster/internal/webhook"
)

// run serves until the process is told to stop.
func (s *server) run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s.log, s.origin = s.settings.logger(), new(origin)
	// Go's scheduler looks at the network when one of its processors has nothing to do, else every ten
	// milliseconds. So it gets twice as many as there are: a list that is parsed and sorted on all that there
	// are leaves some free, and who runs is up to the operating system, which lets a lookup in at once.
	s.processors = runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2 * s.processors))
	if err := s.listen(ctx); err != nil {
		return err
	}
	opened := make(chan error, 1)
	go func() { opened <- s.open(ctx) }()
	select {
	case err := <-opened:
		if err != nil {
			s.abandon()
			return err
		}
	case <-ctx.Done():
		stop()
		return s.stopOpening(opened)
	}
	select {
	case <-ctx.Done():
	case err := <-s.failed:
		s.abandon()
		return err
	}
	stop() // a second signal ends the process at once
	return s.drain()
}

// server is one running process: what it listens on and the rooms behind.
type server struct {
	settings   *settings
	disk       vfs.FS
	folder     string // of the store
	spool      string // folder of the operating system for bodies of pushes that are too large for memory
	respListen string // "" without a RESP endpoint
	respCert   string // file; "" without TLS there
	respKey    string
	secretKeys secretKeys
	processors int   // of the machine, as far as muster may use them
	seed       *seed // what is there from the start; nil without
	log        *slog.Logger
	origin     *origin
	https      []*http.Server
	failed     chan error

	database *pebblestore.Store
	engine   *engine.Engine
	delivery *delivery.Delivery
	relays   *relayfeed.Feed
	activity *activity.Activity
	members  *ingest.Ingest
	past     *history.History
	inbound  *inbound.Inbound
	sdk      *sdk.Handler
	webhooks *webhook.Sender
	sinks    *sink.Keeper
	usage    *usage.Usage
	stopTurn func()   // ends the moves of generations
	keepers  []func() // stop what is written down now and then, once it is written a last time
	stopRESP func()   // nil when there is no RESP endpoint
}

const (
	// headerTimeout and headerBytes bound a request before any handler sees it; client-side SDKs put
	// whole contexts into the path.
	headerTimeout = 10 * time.Second
	headerBytes   = 256 << 10
	idleTimeout   = 2 * time.Minute
)

// listen takes the ports first, so that a client that comes while the store opens is told to try
// again instead of being refused.
func (s *server) listen(ctx context.Context) error {
	s.failed = make(chan error, 3)
	if err := s.serveHTTP(ctx, s.settings.Listen, "--listen", s.origin); err != nil {
		return err
	}
	if s.settings.AdminListen == "" {
		return nil
	}
	return s.serveHTTP(ctx, s.settings.AdminListen, "--admin-listen", s.origin.operations())
}

func (s *server) serveHTTP(ctx context.Context, address, flag string, h http.Handler) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("can't listen on %s (%s): %w", address, flag, err)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	hs := &http.Server{
		Handler:           h,
		Protocols:         protocols,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.https = append(s.https, hs)
	go func() {
		if err := hs.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("serve %s: %w", address, err)
		}
	}()
	return nil
}

// open opens the store and puts the rooms behind the ports.
func (s *server) open(ctx context.Context) error {
	started := time.Now()
	if err := s.openStore(ctx); err != nil {
		return err
	}
	secrets := s.secretKeys.load(ctx, s.log, admin.SealedSecrets(s.engine))
	people := admin.New(s.engine, secrets, time.Now)
	s.reseal(ctx, people)
	lists := s.settings.BigListThreshold.limit(s.respListen != "")
	people.LimitLists(lists)
	first, err := s.firstStart(ctx, people)
	if err != nil {
		return err
	}
	tools, err := s.tools()
	if err != nil {
		return err
	}
	s.members = ingest.New(s.engine, time.Now, s.log)
	s.members.MoveLists(lists, s.settings.SDKCache)
	if err := s.members.Resume(ctx); err != nil {
		return fmt.Errorf("go on with interrupted imports: %w", err)
	}
	keys := access.New(s.engine, time.Now)
	if err := os.MkdirAll(s.spool, 0o700); err != nil {
		return fmt.Errorf("make the spool folder: %w", err)
	}
	if err := inbound.SweepSpool(s.spool); err != nil {
		return fmt.Errorf("clear the spool folder: %w", err)
	}
	s.delivery = delivery.New(s.engine, delivery.Options{Log: s.log, Evaluations: s.processors})
	s.activity = activity.New(s.engine)
	s.inbound = inbound.New(s.members, keys, tools, s.activity, s.log, inbound.Options{
		MaxBody: int64(s.settings.MaxBody), SpoolDir: s.spool, Now: time.Now,
	})
	s.usage, err = usage.New(ctx, s.engine, time.Now, s.log)
	if err != nil {
		return err
	}
	s.relays = relayfeed.New(s.engine, relayfeed.Options{Log: s.log})
	proxies := prefixes(s.settings.TrustedProxies)
	s.sdk = sdk.New(s.delivery, s.relays, keys, s.usage, s.log, sdk.Options{
		RelayKeyGrace: s.settings.RelayKeyGrace, StreamsPerKey: s.settings.StreamsPerKey, StreamsPerAddress: s.settings.StreamsPerAddr,
		Proxies: proxies,
	})
	s.past = history.New(s.engine, time.Now, s.log)
	s.past.OnExport(func(env segment.EnvID, x history.Export) {
		s.activity.Exported(activity.Export{Env: env, Segment: x.Segment, ID: string(x.ID), Status: string(x.Status)})
	})
	s.webhooks, err = webhook.New(ctx, s.engine, secrets, api.AuditRenderer(people), webhook.Options{
		Log: s.log, UserAgent: "muster/" + version(), PublicOnly: s.settings.PublicWebhooks,
		Attempted: func(id catalog.ID, d catalog.Delivery) {
			s.activity.Attempted(activity.Delivery{Webhook: id, At: d.At})
		},
	})
	if err != nil {
		return err
	}
	s.sinks = sink.New(ctx, s.engine, secrets, map[catalog.SinkKind]sink.Open{catalog.RedisSink: redissink.Open, catalog.DynamoDBSink: dynamosink.Open}, s.log)
	turner, stopTurn := s.turn(ctx, people)
	s.stopTurn = stopTurn
	managed := api.Rooms{Admin: people, Ingest: s.members, History: s.past, Delivery: s.delivery, Relays: s.relays, Activity: s.activity, Usage: s.usage, Access: keys, Webhooks: s.webhooks, Sinks: s.sinks, Tools: tools}
	options := api.Options{
		MaxImport: int64(s.settings.MaxImport),
		Sessions:  admin.SessionEnd{Idle: s.settings.SessionIdle, Lifetime: s.settings.SessionLifetime},
		Proxies:   proxies,
		Version:   version(),
		PublicURL: string(s.settings.PublicURL),
		Limits:    slices.Concat(s.settings.limits(), connector.Limits(), list.Limits(), s.engine.Limits(), s.sdk.Limits(), usage.Limits(), relayfeed.Limits(), ofrep.Limits(), resp.Limits()),
	}
	if s.seed != nil {
		if err := s.seed.sow(ctx, api.New(managed, options, time.Now, s.log), first.AdminToken); err != nil {
			return err
		}
	}
	options.Rates = api.RateLimits{All: s.settings.RateLimit, Route: s.settings.RouteRateLimit}
	management := api.New(managed, options, time.Now, s.log)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		s.inbound, newGauges(s.engine, s.delivery, s.sdk, s.usage, s.webhooks, s.sinks), newRelayGauges(s.engine, s.relays), newTurnGauges(s.engine, turner))
	if err := s.serveRESP(ctx, keys, registry); err != nil {
		return err
	}
	s.keep(ctx, usesKept, "times of use", func(ctx context.Context) error { return keys.KeepUses(ctx, s.engine) })
	s.keep(ctx, usageKept, "what SDKs report", s.usage.Keep)
	s.keep(ctx, segmentsExpire, "segments whose time is over", people.ExpireSegments)
	s.origin.open(rooms{
		inbound: s.inbound, api: management, sdk: s.sdk, ofrep: ofrep.New(s.delivery, keys, s.log),
		metrics: registry, status: newStatus(s.engine, s.delivery, s.relays, s.webhooks, s.sinks),
	})
	if !people.SetUp() {
		s.log.InfoContext(ctx, "the owner of the account has no password yet; this address sets one", "address", s.settings.address()+"/ui/first-run#code="+keys.SetupCode())
	}
	s.log.InfoContext(ctx, "ready", "address", "http://"+s.settings.Listen, "resp", s.respListen, "data_dir", s.folder, "took", time.Since(started).Round(time.Millisecond))
	return nil
}

func (s *server) openStore(ctx context.Context) error {
	if err := s.disk.MkdirAll(s.folder, 0o700); err != nil {
		return fmt.Errorf("make the data folder (--data-dir): %w", err)
	}
	var err error
	s.database, err = pebblestore.Open(s.folder, s.disk, s.log, s.fatal)
	if err != nil {
		return fmt.Errorf("open the store in %s: %w", s.folder, err)
	}
	s.engine, err = engine.Open(ctx, s.database, s.database, engine.Options{
		Logger: s.log, OnFatal: s.fatal, Workers: s.processors, DiskReserve: s.settings.DiskReserve.of,
		RunAge: s.settings.KeepRuns, MaxPoints: s.settings.KeepPoints, PointAge: s.settings.KeepPointsFor, LogAge: s.settings.KeepLog,
	})
	if err != nil {
		return fmt.Errorf("open the store in %s: %w", s.folder, err)
	}
	return nil
}

// fatal ends the process at once: after a failed sync nobody knows what is durable, and a start
// from the log does.
func (s *server) fatal(err error) {
	s.log.Error("the store failed; ending the process so that a restart reads what is durable", "err", err)
	os.Exit(1)
}

func (s *server) firstStart(ctx context.Context, people *admin.Admin) (admin.Bootstrap, error) {
	given := admin.Bootstrap{
		AdminToken: s.settings.AdminToken, SDKKey: s.settings.SDKKey, MobileKey: s.settings.MobileKey,
		ClientSideID: segment.EnvID(s.settings.ClientSideID), Bare: s.seed.hasProjects(),
	}
	made, warnings, err := people.FirstStart(ctx, given)
	if err != nil {
		return made, fmt.Errorf("first start: %w", err)
	}
	for _, warning := range warnings {
		s.log.WarnContext(ctx, "a setting of the first start is ignored", "reason", warning)
	}
	if made.AdminToken != "" && given.AdminToken == "" {
		fmt.Println("admin token: " + made.AdminToken)
	}
	return made, nil
}

func (s *server) tools() (*connector.Registry, error) {
	tools, err := connector.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("read the manifests in the binary: %w", err)
	}
	if s.settings.Connectors == "" {
		return tools, nil
	}
	if err := tools.Load(os.DirFS(s.settings.Connectors)); err != nil {
		return nil, fmt.Errorf("load connector manifests from %s (--connectors): %w", s.settings.Connectors, err)
	}
	return tools, nil
}

// serveRESP serves the Redis protocol, if it is to be served, and counts who is connected to it.
func (s *server) serveRESP(ctx context.Context, keys *access.Access, registry *prometheus.Registry) error {
	if s.respListen == "" {
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.respListen)
	if err != nil {
		return fmt.Errorf("can't listen on %s (--resp-listen): %w", s.respListen, err)
	}
	if s.respCert != "" {
		c, err := loadCertificate(s.respCert, s.respKey, s.log, time.Now)
		if err != nil {
			_ = listener.Close()
			return fmt.Errorf("no TLS on %s (--resp-tls-cert): %w", s.respListen, err)
		}
		listener = tls.NewListener(listener, c.config())
	}
	readers := resp.New(s.delivery, keys, s.log, s.processors)
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "muster_resp_connections", Help: "Connections of the Redis protocol that are open.",
	}, func() float64 { return float64(readers.Connections()) }))
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := readers.Serve(serving, listener); err != nil {
			s.failed <- fmt.Errorf("serve %s: %w", s.respListen, err)
		}
	}()
	s.stopRESP = func() { cancel(); <-done }
	return nil
}

// usesKept is how far behind the kept times of use may be after a crash, usageKept the same for what
// SDKs report; segmentsExpire is by how much a segment may outlive its time.
const (
	usesKept       = 5 * time.Minute
	usageKept      = time.Minute
	segmentsExpire = time.Minute
)

// keep writes something down now and then and at the end.
func (s *server) keep(ctx context.Context, every time.Duration, what string, write func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	keep := func(ctx context.Context) {
		if err := write(ctx); err != nil {
			s.log.WarnContext(ctx, "something is not kept; it will be tried again", "what", what, "err", err)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				keep(ctx)
			case <-ctx.Done():
				last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
				defer cancel()
				keep(last)
				return
			}
		}
	}()
	s.keepers = append(s.keepers, func() { cancel(); <-done })
}
