package main

import (
	"cmp"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/fault"
)

// serveCommand is every setting of `muster serve`. Each flag has a MUSTER_ variable of the same
// name and a key in muster.yaml; a flag wins over the variable, the variable over the file.
type serveCommand struct {
	DataDir    string `help:"Folder of the embedded store; created if absent." default:"./muster-data"`
	RespListen string `help:"Address of the Redis-protocol endpoint for server-side SDKs; off unless given." placeholder:"HOST:PORT"`

	RESPTLSCert string `name:"resp-tls-cert" help:"File with the certificate of the Redis-protocol endpoint and those above it, PEM; without it the endpoint speaks in the clear. Read again when it changes." placeholder:"FILE"`
	RESPTLSKey  string `name:"resp-tls-key" help:"File with the key of that certificate." placeholder:"FILE"`

	SecretKeyFile string `help:"File with the keys that seal secrets in the store, the one that seals first; made if absent (default: secret.key in the data folder)." placeholder:"FILE"`
	SecretKey     string `help:"The keys themselves instead, 32 bytes in base64 each, with commas between." placeholder:"KEY"`

	settings `embed:""`
}

// Validate refuses settings that say two things.
func (c *serveCommand) Validate() error {
	if c.SecretKey != "" && c.SecretKeyFile != "" {
		return errors.New("--secret-key and --secret-key-file are both given; the keys come from one of them")
	}
	if (c.RESPTLSCert == "") != (c.RESPTLSKey == "") {
		return errors.New("--resp-tls-cert and --resp-tls-key belong together; give both or none")
	}
	if c.RESPTLSCert != "" && c.RespListen == "" {
		return errors.New("--resp-tls-cert is for the Redis-protocol endpoint; give --resp-listen too")
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
	StreamsPerKey    int           `name:"max-streams-per-key" help:"Streams of SDKs that may be open with one credential; 0: any number." default:"20000"`
	StreamsPerAddr   int           `name:"max-streams-per-address" help:"As --max-streams-per-key, from one network address; all that a reverse proxy lets through come from its own." default:"20000"`
	BigListThreshold listThreshold `help:"Targets that a segment may list in its definition; one with more becomes a big segment, if server-side SDKs can read those (--resp-listen). 0: longer lists are refused." default:"15000"`
	SDKCache         time.Duration `name:"sdk-cache" help:"How long SDKs may go on with memberships that they have read; a list that becomes big, or a move to another generation, waits as long." default:"10s"`
	MovePatience     time.Duration `help:"How long a move to another generation waits for a relay or store that takes in nothing, and for SDKs that poll." default:"60s"`
	RelayKeyGrace    time.Duration `help:"How long a relay may go on with an SDK key that has expired; ld-relay keeps the one that it was started with. 0: not at all." default:"168h"`
	DiskReserve      reserve       `help:"How much of the disk stays free: a size, a percentage, or the larger of both. Below it pushes and imports are answered 429." default:"2GiB,3%"`
	KeepRuns         time.Duration `help:"How long runs stay in the ledger; those on their way or held stay longer." default:"2160h"`
	KeepPoints       int           `help:"How many points of a segment are kept to roll back to." default:"10"`
	KeepPointsFor    time.Duration `help:"How long a point is kept." default:"720h"`
	KeepLog          time.Duration `help:"How long entries of the log are kept: as far back timelines are complete." default:"168h"`
	PublicWebhooks   bool          `name:"webhooks-public-only" help:"Refuse to call webhooks on this host or in a private network."`
	PublicURL        publicURL     `name:"public-url" help:"Address at which tools and people reach muster, such as https://muster.example.com (default: the one that is asked)." placeholder:"URL"`
	TrustedProxies   []network     `help:"Addresses or networks of proxies in front, with commas between. What they say of clients is believed: X-Forwarded-For, X-Forwarded-Proto." placeholder:"NETWORK"`
	SessionIdle      time.Duration `help:"How long a session of the user interface may be unused." default:"168h"`
	SessionLifetime  time.Duration `help:"How long a session of the user interface can last." default:"720h"`
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
		respCert: c.RESPTLSCert, respKey: c.RESPTLSKey,
		secretKeys: secretKeys{text: c.SecretKey, file: cmp.Or(c.SecretKeyFile, filepath.Join(c.DataDir, "secret.key"))},
	}
	return s.run()
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
	if c.SessionIdle < time.Minute || c.SessionLifetime < time.Minute {
		return errors.New("--session-idle and --session-lifetime must be a minute or more")
	}
	if c.SDKCache < 0 || c.MovePatience < 0 {
		return errors.New("--sdk-cache and --move-patience must be 0 or more")
	}
	if c.StreamsPerKey < 0 || c.StreamsPerAddr < 0 {
		return errors.New("--max-streams-per-key and --max-streams-per-address must be 0, for no limit, or more")
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
		{Name: "relayKeyGraceSeconds", Value: seconds(c.RelayKeyGrace), Setting: "--relay-key-grace"},
		{Name: "sdkCacheSeconds", Value: seconds(c.SDKCache), Setting: "--sdk-cache"},
		{Name: "movePatienceSeconds", Value: seconds(c.MovePatience), Setting: "--move-patience"},
		{Name: "keptRunsSeconds", Value: seconds(c.KeepRuns), Setting: "--keep-runs"},
		{Name: "keptPoints", Value: int64(c.KeepPoints), Setting: "--keep-points"},
		{Name: "keptPointsSeconds", Value: seconds(c.KeepPointsFor), Setting: "--keep-points-for"},
		{Name: "keptLogSeconds", Value: seconds(c.KeepLog), Setting: "--keep-log"},
		{Name: "sessionIdleSeconds", Value: seconds(c.SessionIdle), Setting: "--session-idle"},
		{Name: "sessionLifetimeSeconds", Value: seconds(c.SessionLifetime), Setting: "--session-lifetime"},
	}
}
