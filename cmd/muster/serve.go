package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
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
	"muster/internal/fault"
	"muster/internal/history"
	"muster/internal/inbound"
	"muster/internal/ingest"
	"muster/internal/ofrep"
	"muster/internal/resp"
	"muster/internal/sdk"
	"muster/internal/segment"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
	"muster/internal/usage"
	"muster/internal/webhook"
)

// serveCommand is every setting of `muster serve`. Each flag has a MUSTER_ variable of the same
// name and a key in muster.yaml; a flag wins over the variable, the variable over the file.
type serveCommand struct {
	DataDir    string `help:"Folder of the embedded store; created if absent." default:"./muster-data"`
	RespListen string `help:"Address of the Redis-protocol endpoint for server-side SDKs; off unless given." placeholder:"HOST:PORT"`

	SecretKeyFile string `help:"File with the keys that seal secrets in the store, the one that seals first; made if absent (default: secret.key in the data folder)." placeholder:"FILE"`
	SecretKey     string `help:"The keys themselves instead, 32 bytes in base64 each, with commas between." placeholder:"KEY"`

	settings `embed:""`
}

// Validate refuses settings that say two things.
func (c *serveCommand) Validate() error {
	if c.SecretKey != "" && c.SecretKeyFile != "" {
		return errors.New("--secret-key and --secret-key-file are both given; the keys come from one of them")
	}
	return c.settings.Validate()
}

// settings are those of every command that serves.
type settings struct {
	Listen           string        `help:"Address of the one HTTP port: API, pushes, SDKs, UI." default:"127.0.0.1:8080"`
	AdminListen      string        `help:"Second address for /healthz, /readyz, /metrics and /status." placeholder:"HOST:PORT"`
	DrainTimeout     time.Duration `help:"How long a stop may take." default:"8s"`
	MaxBody          byteSize      `help:"Largest body of a push, after decompression." default:"256MiB"`
	MaxImport        byteSize      `help:"Largest list of an import, after decompression." default:"64GiB"`
	RateLimit        int           `help:"Requests to the management API that one access token may send in 10 s; 0: any number. Pushes of tools and SDKs don't count." default:"0"`
	RouteRateLimit   int           `help:"As --rate-limit, of one method and path." default:"0"`
	BigListThreshold listThreshold `help:"Targets that a segment may list in its definition; one with more becomes a big segment, if server-side SDKs can read those (--resp-listen). 0: longer lists are refused." default:"15000"`
	SDKCache         time.Duration `name:"sdk-cache" help:"How long SDKs may go on with memberships that they have read; a list that becomes big waits as long." default:"10s"`
	DiskReserve      reserve       `help:"How much of the disk stays free: a size, a percentage, or the larger of both. Below it pushes and imports are answered 429." default:"2GiB,3%"`
	KeepRuns         time.Duration `help:"How long runs stay in the ledger; those on their way or held stay longer." default:"2160h"`
	KeepPoints       int           `help:"How many points of a segment are kept to roll back to." default:"10"`
	KeepPointsFor    time.Duration `help:"How long a point is kept." default:"720h"`
	KeepLog          time.Duration `help:"How long entries of the log are kept: as far back timelines are complete." default:"168h"`
	PublicWebhooks   bool          `name:"webhooks-public-only" help:"Refuse to call webhooks on this host or in a private network."`
	Connectors       string        `help:"Folder with further connector manifests (*.json)." placeholder:"DIR"`
	LogLevel         slog.Level    `help:"Least severe log lines to write: debug, info, warn or error." default:"info"`
	LogFormat        string        `help:"Form of log lines: text or json." enum:"text,json" default:"text"`

	AdminToken   string `help:"Access token of the first start, api-…; made up and printed if absent." placeholder:"TOKEN"`
	SDKKey       string `name:"sdk-key" help:"SDK key of production at the first start." placeholder:"KEY"`
	MobileKey    string `help:"Mobile key of production at the first start." placeholder:"KEY"`
	ClientSideID string `name:"client-side-id" help:"Client-side ID of production at the first start, 24 hexadecimal digits." placeholder:"ID"`
}

// Run serves until the process is told to stop.
func (c *serveCommand) Run() error {
	s := &server{
		settings: &c.settings, disk: vfs.Default, folder: c.DataDir, spool: filepath.Join(c.DataDir, "spool"), respListen: c.RespListen,
		secretKeys: secretKeys{text: c.SecretKey, file: cmp.Or(c.SecretKeyFile, filepath.Join(c.DataDir, "secret.key"))},
	}
	return s.run()
}

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

func (c *settings) logger() *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

// Validate refuses settings under which nothing would be kept, or that mean nothing.
func (c *settings) Validate() error {
	if c.KeepRuns < time.Hour || c.KeepPoints < 1 || c.KeepPointsFor < time.Hour || c.KeepLog < time.Hour {
		return errors.New("--keep-runs, --keep-points-for and --keep-log must be an hour or more, and --keep-points 1 or more")
	}
	if c.RateLimit < 0 || c.RouteRateLimit < 0 {
		return errors.New("--rate-limit and --route-rate-limit must be 0, for no limit, or more")
	}
	return nil
}

// limits are those of the settings.
func (c *settings) limits() []fault.Limit {
	seconds := func(d time.Duration) int64 { return int64(d / time.Second) }
	return []fault.Limit{
		{Name: "maxHeaderBytes", Value: headerBytes},
		{Name: "maxIngestBodyBytes", Value: int64(c.MaxBody), Setting: "--max-body"},
		{Name: "bigListThreshold", Value: int64(c.BigListThreshold.limit(true).Targets), Setting: "--big-list-threshold"},
		{Name: "keptRunsSeconds", Value: seconds(c.KeepRuns), Setting: "--keep-runs"},
		{Name: "keptPoints", Value: int64(c.KeepPoints), Setting: "--keep-points"},
		{Name: "keptPointsSeconds", Value: seconds(c.KeepPointsFor), Setting: "--keep-points-for"},
		{Name: "keptLogSeconds", Value: seconds(c.KeepLog), Setting: "--keep-log"},
	}
}

// server is one running process: what it listens on and the rooms behind.
type server struct {
	settings   *settings
	disk       vfs.FS
	folder     string // of the store
	spool      string // folder of the operating system for bodies of pushes that are too large for memory
	respListen string // "" without a RESP endpoint
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
	activity *activity.Activity
	members  *ingest.Ingest
	past     *history.History
	inbound  *inbound.Inbound
	sdk      *sdk.Handler
	webhooks *webhook.Sender
	usage    *usage.Usage
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
	s.sdk = sdk.New(s.delivery, keys, s.usage, s.log, sdk.Options{})
	s.past = history.New(s.engine, time.Now, s.log)
	s.webhooks, err = webhook.New(ctx, s.engine, secrets, api.AuditRenderer(people), webhook.Options{
		Log: s.log, UserAgent: "muster/" + version(), PublicOnly: s.settings.PublicWebhooks,
	})
	if err != nil {
		return err
	}
	managed := api.Rooms{Admin: people, Ingest: s.members, History: s.past, Delivery: s.delivery, Activity: s.activity, Usage: s.usage, Access: keys, Webhooks: s.webhooks}
	options := api.Options{
		MaxImport: int64(s.settings.MaxImport),
		Limits:    slices.Concat(s.settings.limits(), connector.Limits(), list.Limits(), s.engine.Limits(), s.sdk.Limits(), ofrep.Limits(), resp.Limits()),
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
		s.inbound, newGauges(s.engine, s.delivery, s.sdk, s.usage, s.webhooks))
	if err := s.serveRESP(ctx, keys); err != nil {
		return err
	}
	s.keep(ctx, usesKept, "times of use", func(ctx context.Context) error { return keys.KeepUses(ctx, s.engine) })
	s.keep(ctx, usageKept, "what SDKs report", s.usage.Keep)
	s.origin.open(rooms{
		inbound: s.inbound, api: management, sdk: s.sdk, ofrep: ofrep.New(s.delivery, keys, s.log),
		metrics: registry, status: newStatus(s.engine, s.delivery, s.webhooks),
	})
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

func (s *server) serveRESP(ctx context.Context, keys *access.Access) error {
	if s.respListen == "" {
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.respListen)
	if err != nil {
		return fmt.Errorf("can't listen on %s (--resp-listen): %w", s.respListen, err)
	}
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := resp.New(s.delivery, keys, s.log).Serve(serving, listener); err != nil {
			s.failed <- fmt.Errorf("serve %s: %w", s.respListen, err)
		}
	}()
	s.stopRESP = func() { cancel(); <-done }
	return nil
}

// usesKept is how far behind the kept times of use may be after a crash, usageKept the same for what
// SDKs report.
const (
	usesKept  = 5 * time.Minute
	usageKept = time.Minute
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

// drain stops in the order in which clients notice least: no new work, then streams, then what
// is under way, then the store. The ports stay open as long as anything is under way, because
// tools take "try again" better than a refused connection.
func (s *server) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.settings.DrainTimeout)
	defer cancel()
	s.log.Info("stopping", "drain_timeout", s.settings.DrainTimeout)
	idle := s.origin.drain()
	s.inbound.Drain()
	s.activity.Close()
	s.sdk.Drain()
	select {
	case <-idle:
	case <-ctx.Done():
	}
	for _, hs := range s.https {
		if err := hs.Shutdown(ctx); err != nil {
			s.log.Warn("connections cut after the drain timeout", "err", err)
			_ = hs.Close()
		}
	}
	if s.stopRESP != nil {
		s.stopRESP()
	}
	s.delivery.Close()
	s.webhooks.Close(ctx)
	if err := s.closeStore(); err != nil {
		return err
	}
	s.log.Info("stopped")
	return nil
}

// stopOpening stops a server that is still opening. A store that can't be opened, because the disk
// is full, may try for ever; ending the process meanwhile is as safe as a crash.
func (s *server) stopOpening(opened <-chan error) error {
	s.log.Info("stopping before the store is open", "drain_timeout", s.settings.DrainTimeout)
	select {
	case err := <-opened:
		if err == nil {
			return s.drain()
		}
		s.abandon()
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	case <-time.After(s.settings.DrainTimeout):
		return nil
	}
}

// abandon closes what a failed start had opened.
func (s *server) abandon() {
	for _, hs := range s.https {
		_ = hs.Close()
	}
	if s.stopRESP != nil {
		s.stopRESP()
	}
	if s.activity != nil {
		s.activity.Close()
	}
	if s.delivery != nil {
		s.delivery.Close()
	}
	if s.webhooks != nil {
		at, cancel := context.WithCancel(context.Background())
		cancel()
		s.webhooks.Close(at)
	}
	if err := s.closeStore(); err != nil {
		s.log.Warn("close the store", "err", err)
	}
}

func (s *server) closeStore() error {
	if s.usage != nil {
		s.usage.Close()
	}
	for _, stop := range s.keepers {
		stop()
	}
	if s.past != nil {
		s.past.Close()
	}
	if s.members != nil {
		s.members.Close()
	}
	var errs []error
	if s.engine != nil {
		errs = append(errs, s.engine.Close())
	}
	if s.database != nil {
		errs = append(errs, s.database.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the store: %w", err)
	}
	return nil
}

// reserve is how much of a disk stays free: the larger of a number of bytes and a share.
type reserve struct {
	bytes   byteSize
	percent float64
}

// UnmarshalText reads a size, a percentage, or both with a comma between; 0 keeps nothing free.
func (r *reserve) UnmarshalText(text []byte) error {
	*r = reserve{}
	for part := range strings.SplitSeq(string(text), ",") {
		part = strings.TrimSpace(part)
		if part == "0" {
			continue
		}
		number, isPercent := strings.CutSuffix(part, "%")
		if !isPercent {
			if err := r.bytes.UnmarshalText([]byte(part)); err != nil {
				return fmt.Errorf("%q is no disk reserve; write it like 2GiB, 3%% or 2GiB,3%%", text)
			}
			continue
		}
		var err error
		if r.percent, err = strconv.ParseFloat(number, 64); err != nil || !(r.percent >= 0 && r.percent < 100) {
			return fmt.Errorf("%q is no disk reserve; write it like 2GiB, 3%% or 2GiB,3%%", text)
		}
	}
	return nil
}

// of returns the reserve of a disk, in bytes.
func (r reserve) of(size uint64) uint64 {
	return max(uint64(r.bytes), uint64(float64(size)*r.percent/100))
}

// listThreshold is how many targets a segment may list, 0 for as many as LaunchDarkly takes.
type listThreshold int

// UnmarshalText reads a number of targets.
func (l *listThreshold) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(string(text))
	if most := catalog.MaxTargets / 2; err != nil || n < 0 || n > most {
		return fmt.Errorf("%q is not a number of targets; it may be 0 to %d", text, most)
	}
	*l = listThreshold(n)
	return nil
}

// limit returns the limit of lists where server-side SDKs can read the members of big segments, or
// where they can't.
func (l listThreshold) limit(readable bool) catalog.ListLimit {
	if l == 0 {
		return catalog.ListLimit{Targets: catalog.DefaultListLimit.Targets}
	}
	return catalog.ListLimit{Targets: int(l), Move: readable}
}

// byteSize is a number of bytes, written like 256MiB.
type byteSize int64

// UnmarshalText reads a plain number of bytes or one with KiB, MiB or GiB behind it.
func (b *byteSize) UnmarshalText(text []byte) error {
	s := string(text)
	shift := 0
	for unit, bits := range map[string]int{"KiB": 10, "MiB": 20, "GiB": 30} {
		if number, ok := strings.CutSuffix(s, unit); ok {
			s, shift = strings.TrimSpace(number), bits
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || n > 1<<40>>shift {
		return fmt.Errorf("%q is not a size; write it like 256MiB", text)
	}
	*b = byteSize(n << shift)
	return nil
}
