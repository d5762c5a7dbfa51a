package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
)

// sinkJSON is what LaunchDarkly calls a persistent store integration.
type sinkJSON struct {
	Links          links          `json:"_links"`
	ID             string         `json:"_id"`
	IntegrationKey string         `json:"integrationKey"`
	ProjectKey     string         `json:"projectKey"`
	EnvironmentKey string         `json:"environmentKey"`
	Config         any            `json:"config"`
	On             bool           `json:"on"`
	Tags           []string       `json:"tags"`
	Name           string         `json:"name"`
	Version        int            `json:"version"`
	Status         sinkStatusJSON `json:"_status"`
}

// sinkSettingsJSON is what people set of it, which the audit log shows.
type sinkSettingsJSON struct {
	ID             string   `json:"_id"`
	IntegrationKey string   `json:"integrationKey"`
	Config         any      `json:"config"`
	On             bool     `json:"on"`
	Tags           []string `json:"tags"`
	Name           string   `json:"name"`
	Version        int      `json:"version"`
	Paused         bool     `json:"paused,omitzero"`
}

// newSinkJSON is what creates one; config is that of its kind.
type newSinkJSON struct {
	Config jsontext.Value `json:"config"`
	Name   string         `json:"name,omitzero"`
	On     bool           `json:"on,omitzero"`
	Tags   []string       `json:"tags,omitzero"`
}

// sinkStatusJSON says whether the store holds what it should. Message is muster's own: a sentence for
// people.
type sinkStatusJSON struct {
	Available        bool            `json:"available"`
	PotentiallyStale bool            `json:"potentiallyStale"`
	LastSync         int64           `json:"lastSync"`
	LastError        int64           `json:"lastError,omitzero"`
	Errors           []sinkErrorJSON `json:"errors"`
	Message          string          `json:"message"`
}

type sinkErrorJSON struct {
	Message   string `json:"message"`
	Timestamp int64  `json:"timestamp,omitzero"`
}

// redisJSON and dynamoDBJSON are the config of the two kinds. Terraform's documentation has port as a
// text; people send numbers too.
type redisJSON struct {
	Host       string     `json:"host"`
	Port       textNumber `json:"port"`
	Username   string     `json:"username,omitzero"`
	Password   string     `json:"password,omitzero"`
	TLSEnabled bool       `json:"tlsEnabled"`
	Cluster    bool       `json:"cluster,omitzero"`
	DB         textNumber `json:"db,omitzero"`
	Prefix     string     `json:"prefix"`

	Nodes            []string `json:"nodes,omitzero"`
	SentinelMaster   string   `json:"sentinelMaster,omitzero"`
	SentinelUsername string   `json:"sentinelUsername,omitzero"`
	SentinelPassword string   `json:"sentinelPassword,omitzero"`
	TLSCA            string   `json:"tlsCA,omitzero"`
	TLSServerName    string   `json:"tlsServerName,omitzero"`
	TLSCertificate   string   `json:"tlsCertificate,omitzero"`
	TLSKey           string   `json:"tlsKey,omitzero"`
	TLSSkipVerify    bool     `json:"tlsSkipVerify,omitzero"`
	writingJSON
}

type dynamoDBJSON struct {
	TableName  string `json:"tableName"`
	Region     string `json:"region"`
	RoleARN    string `json:"roleArn,omitzero"`
	ExternalID string `json:"externalId,omitzero"`
	Endpoint   string `json:"endpoint,omitzero"`
	Prefix     string `json:"prefix"`

	AccessKeyID     string `json:"accessKeyId,omitzero"`
	SecretAccessKey string `json:"secretAccessKey,omitzero"`
	CreateTable     bool   `json:"createTable,omitzero"`
	writingJSON
}

// writingJSON is what the config of both kinds says about what is written.
type writingJSON struct {
	MembersPerSecond textNumber `json:"membersPerSecond,omitzero"`
	DaemonMode       bool       `json:"daemonMode,omitzero"`
}

// textNumber is a number that is written as a text, and read as either.
type textNumber int

// MarshalText writes the number.
func (n textNumber) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(n), 10), nil }

// UnmarshalJSON reads a number, or a text that is one.
func (n *textNumber) UnmarshalJSON(text []byte) error {
	v, err := strconv.ParseInt(strings.Trim(string(text), `"`), 10, 32)
	*n = textNumber(v)
	return err
}

func (s *server) sinkOf(one *admin.Sink) sinkJSON {
	environment := "/projects/" + string(one.Project) + "/environments/" + string(one.Environment)
	set := sinkSettingsOf(one.Sink, one.Secrets)
	j := sinkJSON{
		Links: links{
			"self":        apiLink(strings.Join([]string{sinksPath, string(one.Project), string(one.Environment), string(one.Kind), string(one.ID)}, "/")),
			"parent":      apiLink(sinksPath),
			"project":     apiLink("/projects/" + string(one.Project)),
			"environment": apiLink(environment),
		},
		ID: set.ID, IntegrationKey: set.IntegrationKey, ProjectKey: string(one.Project), EnvironmentKey: string(one.Environment),
		Config: set.Config, On: set.On, Tags: set.Tags, Name: set.Name, Version: set.Version,
		Status: s.sinkStatus(one.ID, one.Problem),
	}
	return j
}

// sinkSettingsOf renders the settings of a sink with its secrets, which are masked or left out.
func sinkSettingsOf(s *catalog.Sink, secrets map[catalog.SecretName]string) sinkSettingsJSON {
	j := sinkSettingsJSON{
		ID: string(s.ID), IntegrationKey: string(s.Kind), On: s.On, Tags: each(s.Tags, func(t string) string { return t }), Name: s.Name, Version: s.Version, Paused: s.Paused,
	}
	writing := writingJSON{textNumber(s.Rate), s.DaemonMode}
	if r := s.Redis; r != nil {
		j.Config = redisJSON{
			Host: r.Host, Port: textNumber(r.Port), Username: r.Username, Password: secrets[catalog.PasswordSecret], TLSEnabled: r.TLS,
			Cluster: r.Cluster, DB: textNumber(r.DB), Prefix: r.Prefix, Nodes: r.Nodes, SentinelMaster: r.Sentinel, SentinelUsername: r.SentinelUsername,
			SentinelPassword: secrets[catalog.SentinelPasswordSecret], TLSCA: r.CA, TLSServerName: r.ServerName, TLSCertificate: r.Certificate,
			TLSKey: secrets[catalog.ClientKeySecret], TLSSkipVerify: r.SkipVerify, writingJSON: writing,
		}
	} else if d := s.DynamoDB; d != nil {
		j.Config = dynamoDBJSON{
			TableName: d.Table, Region: d.Region, RoleARN: d.RoleARN, ExternalID: d.ExternalID, Endpoint: d.Endpoint, Prefix: d.Prefix,
			AccessKeyID: d.AccessKeyID, SecretAccessKey: secrets[catalog.SecretAccessKeySecret], CreateTable: d.CreateTable, writingJSON: writing,
		}
	}
	return j
}

const sinksPath = "/integration-capabilities/big-segment-store"

func sinkPath(r *http.Request) admin.SinkPath {
	return admin.SinkPath{
		Project: catalog.ProjectKey(r.PathValue("projectKey")), Env: catalog.EnvKey(r.PathValue("environmentKey")),
		Kind: catalog.SinkKind(r.PathValue("integrationKey")), ID: catalog.ID(r.PathValue("integrationId")),
	}
}

// sinkConfig is the config of a sink as somebody sent it.
type sinkConfig struct {
	redis    *catalog.Redis
	dynamoDB *catalog.DynamoDB
	secrets  map[catalog.SecretName]string
	writingJSON
}

// readSinkConfig reads the config of a kind; a member that the kind does not have is refused, so that
// a typing error does not go unnoticed.
func readSinkConfig(kind catalog.SinkKind, text jsontext.Value) (c sinkConfig, err error) {
	switch kind {
	case catalog.RedisSink:
		var j redisJSON
		if err := decodeKnown(text, &j); err != nil {
			return c, within("config", err)
		}
		c.redis = &catalog.Redis{
			Host: j.Host, Port: int(j.Port), Username: j.Username, TLS: j.TLSEnabled, Cluster: j.Cluster, DB: int(j.DB), Prefix: j.Prefix,
			Nodes: j.Nodes, Sentinel: j.SentinelMaster, SentinelUsername: j.SentinelUsername,
			CA: j.TLSCA, ServerName: j.TLSServerName, Certificate: j.TLSCertificate, SkipVerify: j.TLSSkipVerify,
		}
		c.secrets = map[catalog.SecretName]string{
			catalog.PasswordSecret: j.Password, catalog.SentinelPasswordSecret: j.SentinelPassword, catalog.ClientKeySecret: j.TLSKey,
		}
		c.writingJSON = j.writingJSON
		return c, nil
	case catalog.DynamoDBSink:
		var j dynamoDBJSON
		if err := decodeKnown(text, &j); err != nil {
			return c, within("config", err)
		}
		c.dynamoDB = &catalog.DynamoDB{
			Table: j.TableName, Region: j.Region, RoleARN: j.RoleARN, ExternalID: j.ExternalID, Endpoint: j.Endpoint, Prefix: j.Prefix,
			AccessKeyID: j.AccessKeyID, CreateTable: j.CreateTable,
		}
		c.secrets = map[catalog.SecretName]string{catalog.SecretAccessKeySecret: j.SecretAccessKey}
		c.writingJSON = j.writingJSON
		return c, nil
	}
	return c, fault.Invalidf("there is no store %q; use %s or %s", clip(string(kind)), catalog.RedisSink, catalog.DynamoDBSink)
}

// listSinks answers with all that may be viewed, without pages. Config is required and empty, as the
// vendor's client and its description want it.
func (s *server) listSinks(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	all, err := s.admin.Sinks(r.Context(), who)
	if err != nil {
		return err
	}
	items := each(all, func(one *admin.Sink) sinkJSON {
		j := s.sinkOf(one)
		j.Config = struct{}{}
		return j
	})
	return writeJSON(w, http.StatusOK, collection[sinkJSON]{Items: items, TotalCount: len(items), Links: links{"self": apiLink(sinksPath)}})
}

// readNewSink reads what creates a sink, or would.
func readNewSink(w http.ResponseWriter, r *http.Request) (at admin.SinkPath, n admin.NewSink, err error) {
	var body newSinkJSON
	if err := decodeBody(w, r, maxBodyBytes, &body); err != nil {
		return at, n, err
	}
	if body.Config.Kind() != '{' {
		return at, n, fault.Invalidf("config must be an object that says how the store is reached")
	}
	at = sinkPath(r)
	c, err := readSinkConfig(at.Kind, body.Config)
	return at, admin.NewSink{
		Name: body.Name, On: body.On, Tags: body.Tags, Redis: c.redis, DynamoDB: c.dynamoDB, Secrets: c.secrets,
		Rate: int(c.MembersPerSecond), DaemonMode: c.DaemonMode,
	}, err
}

func (s *server) createSink(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at, n, err := readNewSink(w, r)
	if err != nil {
		return err
	}
	made, err := s.admin.CreateSink(r.Context(), who, at, n)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, s.sinkOf(made))
}

func (s *server) getSink(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	found, err := s.admin.Sink(r.Context(), who, sinkPath(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.sinkOf(found))
}

var sinkFields = fields[*admin.Sink]{
	"name": field(func(s *admin.Sink) *string { return &s.Name }),
	"on":   field(func(s *admin.Sink) *bool { return &s.On }),
	"tags": field(func(s *admin.Sink) *[]string { return &s.Tags }),
	"config": func(s *admin.Sink, text jsontext.Value) error {
		c, err := readSinkConfig(s.Kind, text)
		s.Redis, s.DynamoDB, s.Secrets, s.Rate, s.DaemonMode = c.redis, c.dynamoDB, c.secrets, int(c.MembersPerSecond), c.DaemonMode
		return err
	},
}

func (s *server) patchSink(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	p, err := readFieldPatch(w, r)
	if err != nil {
		return err
	}
	changed, err := s.admin.ChangeSink(r.Context(), who, sinkPath(r), p.how(), func(one *admin.Sink) error {
		before, after, err := p.edited(s.sinkOf(one))
		if err != nil {
			return err
		}
		return sinkFields.assign(one, before, after, "")
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.sinkOf(changed))
}

func (s *server) deleteSink(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	if err := s.admin.DeleteSink(r.Context(), who, sinkPath(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
