package catalog

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
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
}

// DynamoDB says how a table is reached, and under which prefix of its keys.
type DynamoDB struct {
	Table      string
	Region     string
	RoleARN    string // to be taken on for each call; "": what the process has
	ExternalID string
	Endpoint   string // "": that of the region
	Prefix     string // "": the client-side ID
}

const (
	defaultRedisPort  = 6379
	maxPort           = 1<<16 - 1
	maxRedisDB        = 1<<16 - 1
	maxHostLength     = 253
	maxPrefixLength   = 256
	maxEndpointLength = 2048
)

// Clone returns a copy that shares nothing changeable with s.
func (s *Sink) Clone() *Sink {
	c := *s
	c.Tags = slices.Clone(s.Tags)
	c.Redis, c.DynamoDB = clonePointer(s.Redis), clonePointer(s.DynamoDB)
	if c.Redis != nil {
		c.Redis.Password = slices.Clone(s.Redis.Password)
	}
	return &c
}

// PasswordPlace is where the password of a Redis is sealed for.
func (s *Sink) PasswordPlace() string { return "integration/" + string(s.ID) + "/password" }

// Password returns the sealed password, nothing if the sink needs none.
func (s *Sink) Password() seal.Sealed {
	if s.Redis == nil {
		return nil
	}
	return s.Redis.Password
}

// Place says where the members go. No two sinks may have the same: they would undo each other's work.
func (s *Sink) Place() string {
	if r := s.Redis; r != nil {
		return fmt.Sprintf("redis %s:%d/%d %s", strings.ToLower(r.Host), r.Port, r.DB, r.Prefix)
	}
	d := s.DynamoDB
	return fmt.Sprintf("dynamodb %s %s %s %s", d.Region, strings.TrimSuffix(d.Endpoint, "/"), d.Table, d.Prefix)
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
	if err := checkPlain("config/username", r.Username, MaxNameLength); err != nil {
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
	return checkPlain("config/prefix", r.Prefix, maxPrefixLength)
}

var (
	tableName  = regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,255}$`)
	regionName = regexp.MustCompile(`^[a-z][a-z0-9-]{1,62}$`)
	roleARN    = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}$`)
	uuid       = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)
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
	case d.Endpoint != "" && !isEndpoint(d.Endpoint):
		return fault.Invalidf("config/endpoint must be http:// or https:// with a host, and nothing behind it but a port")
	}
	return checkPlain("config/prefix", d.Prefix, maxPrefixLength)
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
func checkPlain(field, text string, most int) error {
	if i := strings.IndexFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }); i >= 0 {
		return fault.Invalidf("%s holds a control character", field)
	}
	return checkText(field, text, most)
}
