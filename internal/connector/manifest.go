package connector

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/segment"
)

// Manifest is one tool as muster knows it. It is immutable and safe for concurrent use.
type Manifest struct {
	Key      Key
	Name     string
	Overview string
	Author   string
	Links    Links
	Guide    Guide

	okStatus int       // zero unless the tool insists on a status
	reply    *template // nil for tools that read no reply

	request     wanted // places in the body, those of the reply included
	environment field
	kind        field
	cohort      cohortFields
	url         field
	description field
	action      *action // nil when direction is not per request
	arrays      []memberArray
	page        *pageFields // nil when a whole membership comes in one request
	messageID   field
	notPing     field // set when a body without it is a ping

	member     wanted // places in one member
	memberID   field
	membership field          // set when each member says its direction
	joins      *regexp.Regexp // what a membership says that joins, nil when it is a boolean
	override   cohortFields
}

// Links are addresses that a person who connects the tool may want.
type Links struct {
	Site    string
	Docs    string
	Support string
}

// field is a place that a manifest names.
type field struct {
	pointer string
	slot    int // negative when the manifest does not name it
}

type cohortFields struct{ id, name field }

// memberArray is one list of members. Its direction is zero when something else decides it.
type memberArray struct {
	field
	direction segment.Ops
}

// action is one word for the direction of the whole request.
type action struct {
	field
	replace *regexp.Regexp // nil when no word states the whole membership
	add     *regexp.Regexp
	remove  *regexp.Regexp // nil when every other word removes
}

// pageFields are the places that say which part of a whole membership a request brings.
type pageFields struct {
	session, index, total field
	first                 int // the index of the first page
}

const (
	maxManifestBytes = 256 << 10
	maxKeyBytes      = 64
	maxMatcherBytes  = 1024
)

type manifestJSON struct {
	Name         string                    `json:"name"`
	Overview     string                    `json:"overview"`
	Author       string                    `json:"author"`
	Links        linksJSON                 `json:"links"`
	Capabilities map[string]jsontext.Value `json:"capabilities"`

	// Known to LaunchDarkly's schema and of no use here.
	Version         jsontext.Value `json:"version"`
	Description     jsontext.Value `json:"description"`
	Details         jsontext.Value `json:"details"`
	SupportEmail    jsontext.Value `json:"supportEmail"`
	Categories      jsontext.Value `json:"categories"`
	Icons           jsontext.Value `json:"icons"`
	Legacy          jsontext.Value `json:"legacy"`
	Other           jsontext.Value `json:"otherCapabilities"`
	RequiresOAuth   jsontext.Value `json:"requiresOAuth"`
	Hidden          jsontext.Value `json:"hideOnIntegrationsPage"`
	FormVariables   jsontext.Value `json:"formVariables"`
	OAuthKey        jsontext.Value `json:"oauthIntegrationKey"`
	AllowConfigured jsontext.Value `json:"allowIntegrationConfigurations"`
}

type linksJSON struct {
	Site    string `json:"site"`
	Docs    string `json:"launchdarklyDocs"`
	Support string `json:"supportWebsite"`
	Privacy string `json:"privacyPolicy"`
}

type syncedSegmentJSON struct {
	RequestParser    *requestParserJSON `json:"requestParser"`
	JSONResponseBody *string            `json:"jsonResponseBody"`
	Extensions       extensionsJSON     `json:"x-muster"`
}

type requestParserJSON struct {
	EnvironmentIDPath     *string            `json:"environmentIdPath"`
	ContextKindPath       *string            `json:"contextKindPath"`
	CohortIDPath          *string            `json:"cohortIdPath"`
	CohortNamePath        *string            `json:"cohortNamePath"`
	CohortURLPath         *string            `json:"cohortUrlPath"`
	MemberArrayPath       *string            `json:"memberArrayPath"`
	AddMemberArrayPath    *string            `json:"addMemberArrayPath"`
	RemoveMemberArrayPath *string            `json:"removeMemberArrayPath"`
	ArrayInclusion        *arrayInclusion    `json:"arrayInclusion"`
	MemberArrayParser     *memberArrayParser `json:"memberArrayParser"`
}

type arrayInclusion struct {
	Path    *string `json:"path"`
	Matcher *string `json:"matcher"`
}

type memberArrayParser struct {
	MemberIDPath          *string `json:"memberIdPath"`
	BooleanMembershipPath *string `json:"booleanMembershipPath"`
	CohortIDPath          *string `json:"cohortIdPath"`
	CohortNamePath        *string `json:"cohortNamePath"`
}

type extensionsJSON struct {
	RemoveMatcher         *string    `json:"removeMatcher"`
	ReplaceMatcher        *string    `json:"replaceMatcher"`
	MembershipMatcher     *string    `json:"membershipMatcher"`
	Page                  *pageJSON  `json:"page"`
	DedupePath            *string    `json:"dedupePath"`
	EmptyOK               *string    `json:"emptyOk"`
	CohortDescriptionPath *string    `json:"cohortDescriptionPath"`
	OKStatus              *int       `json:"okStatus"`
	Guide                 *guideJSON `json:"guide"`
}

type pageJSON struct {
	SessionPath *string `json:"sessionPath"`
	IndexPath   *string `json:"indexPath"`
	TotalPath   *string `json:"totalPath"`
	FirstIndex  int     `json:"firstIndex"`
}

// ParseManifest reads the manifest of the tool with the given key. Names that the language does
// not have, rules it breaks and pointers, expressions and templates that could fail later are
// errors now.
func ParseManifest(key Key, text []byte) (*Manifest, error) {
	m, err := parseManifest(key, text)
	if err != nil {
		return nil, fmt.Errorf("manifest of %q: %w", key, err)
	}
	return m, nil
}

func parseManifest(key Key, text []byte) (*Manifest, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if len(text) > maxManifestBytes {
		return nil, fmt.Errorf("longer than %d bytes", maxManifestBytes)
	}
	var top manifestJSON
	if err := unmarshal(text, &top); err != nil {
		return nil, err
	}
	raw, ok := top.Capabilities["syncedSegment"]
	if !ok {
		return nil, errors.New("no capability syncedSegment")
	}
	var synced syncedSegmentJSON
	if err := unmarshal(raw, &synced); err != nil {
		return nil, fmt.Errorf("capability syncedSegment: %w", err)
	}
	if strings.TrimSpace(top.Name) == "" {
		return nil, errors.New("name is missing")
	}
	m := &Manifest{Key: key, Name: top.Name, Overview: top.Overview, Author: top.Author}
	var err error
	if m.Links, err = top.Links.links(); err != nil {
		return nil, err
	}
	if synced.RequestParser == nil {
		return nil, errors.New("requestParser is missing")
	}
	c := compiler{m: m}
	c.parser(synced.RequestParser, synced.Extensions)
	c.status(synced.Extensions.OKStatus)
	c.guide(synced.Extensions.Guide)
	c.reply(synced.JSONResponseBody)
	return m, c.err
}

func unmarshal(text []byte, into any) error {
	return json.Unmarshal(text, into, json.RejectUnknownMembers(true))
}

func checkKey(key Key) error {
	switch {
	case key == "" || len(key) > maxKeyBytes:
		return fmt.Errorf("the key must have 1 to %d bytes", maxKeyBytes)
	case strings.IndexFunc(string(key), notKeyRune) >= 0 || strings.ContainsRune("_.-", rune(key[0])):
		return errors.New("the key must consist of letters, digits, dots, dashes and underscores and start with a letter or digit")
	}
	return nil
}

func (l linksJSON) links() (Links, error) {
	for _, address := range []string{l.Site, l.Docs, l.Support} {
		if address != "" && !webAddress(address) {
			return Links{}, fmt.Errorf("link %q is no http or https address", address)
		}
	}
	return Links{Site: l.Site, Docs: l.Docs, Support: l.Support}, nil
}

// webAddress reports whether a text may become a link in a page.
func webAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
