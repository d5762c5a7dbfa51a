package catalog

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"muster/internal/fault"
	"muster/internal/seal"
	"muster/internal/segment"
)

// SinkKind is the kind of store that a sink is.
type SinkKind string

// The kinds of stores that server-side SDKs read big segments from.
const (
	RedisSink    SinkKind = "redis"
	DynamoDBSink SinkKind = "dynamodb"
)

// Sink is a store outside muster that is to hold the members of an environment's big segments, where
// server-side SDKs read them.
type Sink struct {
	ID   ID
	Env  segment.EnvID
	Kind SinkKind
	Name string
	On   bool
	Tags []string
	// Paused says that the sink is on and writes nothing until somebody resumes it.
	Paused bool
	// Rate is how many changes of members a second are written at most, so that others who use the store
	// keep their share; 0: as many as it takes.
	Rate int
	// DaemonMode says that the definitions of flags and segments are written too, where SDKs in daemon
	// mode read them.
	DaemonMode bool
	// One of these is set, according to the kind.
	Redis      *Redis
	DynamoDB   *DynamoDB
	CreatedAt  time.Time
	ModifiedAt time.Time
	Version    int // grows with every change
}

// Redis says how a Redis is reached, and under which prefix of its keys.
type Redis struct {
	Host     string
	Port     int // 0: 6379
	Username string
	Password seal.Sealed
	TLS      bool
	Cluster  bool
	DB       int
	Prefix   string // "": the client-side ID

	// Nodes are others that may be asked, as host:port: of a cluster, or Sentinels.
	Nodes []string
	// Sentinel is the name under which Sentinels know the master. Host, Port and Nodes are then theirs; "":
	// there are none.
	Sentinel         string
	SentinelUsername string
	SentinelPassword seal.Sealed
	// With TLS: CA signs the certificate of the Redis, "" for those that the system trusts; ServerName is what it
	// must name, "" for the host; Certificate and its key say who muster is. All are PEM.
	CA          string
	ServerName  string
	Certificate string
	Key         seal.Sealed
	// SkipVerify takes any certificate: whoever is between can read and change everything.
	SkipVerify bool
}

// DynamoDB says how a table is reached, and under which prefix of its keys.
type DynamoDB struct {
	Table      string
	Region     string
	RoleARN    string // to be taken on for each call; "": what the process has
	ExternalID string
	Endpoint   string // "": that of the region
	Prefix     string // "": the client-side ID

	// AccessKeyID and SecretAccessKey are those of a user for this sink alone; "": what the process has.
	AccessKeyID     string
	SecretAccessKey seal.Sealed
	// CreateTable says that a table that is missing is made, with on-demand billing.
	CreateTable bool
}

const (
	defaultRedisPort  = 6379
	maxPort           = 1<<16 - 1
	maxRedisDB        = 1<<16 - 1
	maxHostLength     = 253
	maxPlainLength    = 256 // of names and prefixes in settings
	maxEndpointLength = 2048
	maxNodes          = 20
	maxPEM            = 64 << 10
	maxSinkRate       = 100_000_000
)

// Clone returns a copy that shares nothing changeable with s.
func (s *Sink) Clone() *Sink {
	c := *s
	c.Tags = slices.Clone(s.Tags)
	c.Redis, c.DynamoDB = clonePointer(s.Redis), clonePointer(s.DynamoDB)
	for _, secret := range c.Secrets() {
		*secret.Sealed = slices.Clone(*secret.Sealed)
	}
	if c.Redis != nil {
		c.Redis.Nodes = slices.Clone(s.Redis.Nodes)
	}
	return &c
}

// SinkSecret is a secret of a sink.
type SinkSecret struct {
	// Name is what its config calls it.
	Name   SecretName
	Sealed *seal.Sealed // in the sink; empty without one
}

// SecretName is the name of a secret in the config of a sink.
type SecretName string

// The secrets of a Redis, and that of a DynamoDB.
const (
	PasswordSecret         SecretName = "password"
	SentinelPasswordSecret SecretName = "sentinelPassword"
	ClientKeySecret        SecretName = "tlsKey"
	SecretAccessKeySecret  SecretName = "secretAccessKey"
)

// Secrets returns the secrets that a sink of its kind may have.
func (s *Sink) Secrets() []SinkSecret {
	if d := s.DynamoDB; d != nil {
		return []SinkSecret{{SecretAccessKeySecret, &d.SecretAccessKey}}
	}
	r := s.Redis
	if r == nil {
		return nil
	}
	return []SinkSecret{{PasswordSecret, &r.Password}, {SentinelPasswordSecret, &r.SentinelPassword}, {ClientKeySecret, &r.Key}}
}

// SecretPlace is where a secret of the sink is sealed for.
func (s *Sink) SecretPlace(name SecretName) string {
	return "integration/" + string(s.ID) + "/" + string(name)
}

// Place says where the members go. No two sinks may have the same: they would undo each other's work.
func (s *Sink) Place() string {
	if r := s.Redis; r != nil {
		return fmt.Sprintf("redis %s:%d/%d %s", strings.ToLower(r.Host)+strings.TrimSuffix("/"+r.Sentinel, "/"), r.Port, r.DB, r.Prefix)
	}
	d := s.DynamoDB
	return fmt.Sprintf("dynamodb %s %s %s %s", d.Region, strings.TrimSuffix(d.Endpoint, "/"), d.Table, d.Prefix)
}

// Address says for people where the store is.
func (s *Sink) Address() string {
	if d := s.DynamoDB; d != nil {
		return "table " + d.Table + ", " + d.Region
	}
	r := s.Redis
	address := net.JoinHostPort(r.Host, strconv.Itoa(r.Port))
	switch {
	case r.Sentinel != "":
		address = r.Sentinel + " by Sentinel " + address
	case r.Cluster:
		address += ", cluster"
	}
	if r.TLS {
		address += ", TLS"
	}
	return address
}

// Normalize brings the sink into the form that is kept.
func (s *Sink) Normalize() {
	s.Tags = sortedTags(s.Tags)
	if s.Redis != nil {
		s.Redis.Port = cmp.Or(s.Redis.Port, defaultRedisPort)
		s.Redis.Prefix = cmp.Or(s.Redis.Prefix, string(s.Env))
	}
	if s.DynamoDB != nil {
		s.DynamoDB.Prefix = cmp.Or(s.DynamoDB.Prefix, string(s.Env))
	}
}

// Validate returns a sentence about the first field that can't be as it is.
func (s *Sink) Validate() error {
	if err := checkText("name", s.Name, MaxNameLength); err != nil {
		return err
	}
	if err := checkTags(s.Tags); err != nil {
		return err
	}
	if s.Rate < 0 || s.Rate > maxSinkRate {
		return fault.Invalidf("config/membersPerSecond must be 0 to %d; 0 is as many as it takes", maxSinkRate)
	}
	switch {
	case s.Kind == RedisSink && s.Redis != nil:
		return s.Redis.validate()
	case s.Kind == DynamoDBSink && s.DynamoDB != nil:
		return s.DynamoDB.validate()
	}
	return fault.Invalidf("there is no store %q; use %s or %s, and give its config", clip(string(s.Kind)), RedisSink, DynamoDBSink)
}

func (r *Redis) validate() error {
	if !isHost(r.Host) {
		// What people paste here may hold a password.
		return fault.Invalidf("config/host must be a host name or an IP address alone, without scheme, user and port")
	}
	if r.Port < 1 || r.Port > maxPort {
		return fault.Invalidf("config/port must be 1 to %d", maxPort)
	}
	if err := checkPlain("config/username", r.Username); err != nil {
		return err
	}
	if r.Username != "" && len(r.Password) == 0 {
		return fault.Invalidf("config/username needs a password beside it")
	}
	if r.DB < 0 || r.DB > maxRedisDB {
		return fault.Invalidf("config/db must be 0 to %d", maxRedisDB)
	}
	if r.Cluster && r.DB != 0 {
		return fault.Invalidf("config/db must be 0 where config/cluster is true: a cluster has no other")
	}
	if err := r.validateNodes(); err != nil {
		return err
	}
	if err := r.validateTLS(); err != nil {
		return err
	}
	return checkPlain("config/prefix", r.Prefix)
}

func (r *Redis) validateNodes() error {
	if len(r.Nodes) > maxNodes {
		return fault.TooLargef("config/nodes has %d addresses; at most %d are allowed", len(r.Nodes), maxNodes)
	}
	for i, node := range r.Nodes {
		host, port, err := net.SplitHostPort(node)
		if n, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil || n == 0 || !isHost(host) {
			return fault.Invalidf("config/nodes/%d must be a host name or an IP address, a colon and a port", i)
		}
	}
	switch {
	case r.Sentinel != "" && r.Cluster:
		return fault.Invalidf("config/sentinelMaster can't be given where config/cluster is true: a cluster looks after itself")
	case r.Sentinel == "" && !r.Cluster && len(r.Nodes) > 0:
		return fault.Invalidf("config/nodes is for a cluster or for Sentinels; give config/cluster or config/sentinelMaster beside it")
	case r.Sentinel == "" && (r.SentinelUsername != "" || len(r.SentinelPassword) > 0):
		return fault.Invalidf("config/sentinelUsername and config/sentinelPassword need config/sentinelMaster beside them")
	case r.SentinelUsername != "" && len(r.SentinelPassword) == 0:
		return fault.Invalidf("config/sentinelUsername needs a password beside it")
	}
	if err := checkPlain("config/sentinelMaster", r.Sentinel); err != nil {
		return err
	}
	return checkPlain("config/sentinelUsername", r.SentinelUsername)
}

func (r *Redis) validateTLS() error {
	switch {
	case !r.TLS && (r.CA != "" || r.ServerName != "" || r.Certificate != "" || len(r.Key) > 0 || r.SkipVerify):
		return fault.Invalidf("what config says about TLS needs config/tlsEnabled beside it")
	case r.CA != "" && (len(r.CA) > maxPEM || !x509.NewCertPool().AppendCertsFromPEM([]byte(r.CA))):
		return fault.Invalidf("config/tlsCA must be certificates in PEM, %d bytes at most", maxPEM)
	case r.CA != "" && r.SkipVerify:
		return fault.Invalidf("config/tlsCA and config/tlsSkipVerify contradict each other; leave one out")
	case r.ServerName != "" && !isHost(r.ServerName):
		return fault.Invalidf("config/tlsServerName must be a host name or an IP address")
	case (r.Certificate == "") != (len(r.Key) == 0):
		return fault.Invalidf("config/tlsCertificate and config/tlsKey belong together; give both")
	case r.Certificate != "" && (len(r.Certificate) > maxPEM || !x509.NewCertPool().AppendCertsFromPEM([]byte(r.Certificate))):
		return fault.Invalidf("config/tlsCertificate must be certificates in PEM, %d bytes at most", maxPEM)
	}
	return nil
}

// SameWay reports whether what is sent to one of two ends up where it would with the other, and nobody
// else can read it.
func (r *Redis) SameWay(other *Redis) bool {
	return r.Host == other.Host && r.Port == other.Port && slices.Equal(r.Nodes, other.Nodes) && r.Sentinel == other.Sentinel &&
		r.Cluster == other.Cluster && r.TLS == other.TLS && r.CA == other.CA && r.ServerName == other.ServerName && r.SkipVerify == other.SkipVerify
}

// SameWay is that of a DynamoDB.
func (d *DynamoDB) SameWay(other *DynamoDB) bool {
	return d.Region == other.Region && d.Endpoint == other.Endpoint
}

// SameWay reports whether what is sent to the store of one of two sinks of a kind ends up where it would with the
// other, and nobody else can read it.
func (s *Sink) SameWay(other *Sink) bool {
	if s.DynamoDB != nil {
		return s.DynamoDB.SameWay(other.DynamoDB)
	}
	return s.Redis.SameWay(other.Redis)
}

var (
	tableName   = regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,255}$`)
	accessKeyID = regexp.MustCompile(`^[a-zA-Z0-9_]{1,128}$`)
	regionName  = regexp.MustCompile(`^[a-z][a-z0-9-]{1,62}$`)
	roleARN     = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}$`)
	uuid        = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)
)

func (d *DynamoDB) validate() error {
	switch {
	case !tableName.MatchString(d.Table):
		return fault.Invalidf("config/tableName %q must have 3 to 255 letters, digits, '_', '.' and '-'", clip(d.Table))
	case !regionName.MatchString(d.Region):
		return fault.Invalidf("config/region %q is not the name of a region, such as eu-central-1", clip(d.Region))
	case d.RoleARN != "" && !roleARN.MatchString(d.RoleARN):
		return fault.Invalidf("config/roleArn %q is not the ARN of a role, such as arn:aws:iam::123456789012:role/muster", clip(d.RoleARN))
	case d.ExternalID != "" && !uuid.MatchString(d.ExternalID):
		return fault.Invalidf("config/externalId %q is not a UUID", clip(d.ExternalID))
	case d.ExternalID != "" && d.RoleARN == "":
		return fault.Invalidf("config/externalId is for taking on a role; give config/roleArn beside it")
	case d.AccessKeyID != "" && !accessKeyID.MatchString(d.AccessKeyID):
		// What people paste here may be the secret.
		return fault.Invalidf("config/accessKeyId must be 1 to 128 letters and digits, such as AKIAIOSFODNN7EXAMPLE")
	case (d.AccessKeyID == "") != (len(d.SecretAccessKey) == 0):
		return fault.Invalidf("config/accessKeyId and config/secretAccessKey belong together; give both, or none to use what the machine has")
	case d.Endpoint != "" && !isEndpoint(d.Endpoint):
		return fault.Invalidf("config/endpoint must be http:// or https:// with a host, and nothing behind it but a port")
	}
	return checkPlain("config/prefix", d.Prefix)
}

func isHost(s string) bool {
	if len(s) == 0 || len(s) > maxHostLength {
		return false
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return letterOrDigit(s[0]) && keyBytes(s)
}

// isEndpoint reports whether s names a server and nothing that could be a credential.
func isEndpoint(s string) bool {
	if len(s) > maxEndpointLength {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && isHost(u.Hostname()) &&
		u.User == nil && strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.Fragment == ""
}

// checkPlain is checkText for what must not hold control characters.
func checkPlain(field, text string) error {
	if i := strings.IndexFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }); i >= 0 {
		return fault.Invalidf("%s holds a control character", field)
	}
	return checkText(field, text, maxPlainLength)
}
