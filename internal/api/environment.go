package api

import (
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
)

type environmentJSON struct {
	Links              links    `json:"_links,omitzero" required:"true"`
	ID                 string   `json:"_id" doc:"The client-side ID"`
	Key                string   `json:"key"`
	Name               string   `json:"name"`
	APIKey             string   `json:"apiKey" doc:"The SDK key, in full for those who hold viewSdkKey"`
	MobileKey          string   `json:"mobileKey"`
	Color              string   `json:"color"`
	DefaultTTL         int      `json:"defaultTtl" doc:"Minutes"`
	SecureMode         bool     `json:"secureMode"`
	DefaultTrackEvents bool     `json:"defaultTrackEvents"`
	RequireComments    bool     `json:"requireComments"`
	ConfirmChanges     bool     `json:"confirmChanges"`
	Critical           bool     `json:"critical"`
	Tags               []string `json:"tags"`

	Muster environmentMusterJSON `json:"_muster"`
}

// environmentMusterJSON is what is muster's own on an environment.
type environmentMusterJSON struct {
	RecordContexts bool            `json:"recordContexts" doc:"Whether kinds and keys of the contexts that SDKs send in events are remembered"`
	FormerSDKKeys  []formerKeyJSON `json:"formerSdkKeys" doc:"From before a rotation, the newest last; no change touches them"`
}

// formerKeyJSON is an SDK key from before a rotation.
type formerKeyJSON struct {
	APIKey    string `json:"apiKey" doc:"In full for those who hold viewSdkKey"`
	ExpiresAt int64  `json:"expiresAt" doc:"Until when it works, or did; Unix milliseconds"`
}

func formerKeyOf(k catalog.ExpiringKey) formerKeyJSON {
	return formerKeyJSON{k.Key, k.Expiry.UnixMilli()}
}

func environmentOf(e *catalog.Environment) environmentJSON {
	return environmentJSON{
		ID:                 string(e.ID),
		Key:                string(e.Key),
		Name:               e.Name,
		APIKey:             e.SDKKey,
		MobileKey:          e.MobileKey,
		Color:              e.Color,
		DefaultTTL:         e.DefaultTTL,
		SecureMode:         e.SecureMode,
		DefaultTrackEvents: e.DefaultTrackEvents,
		RequireComments:    e.RequireComments,
		ConfirmChanges:     e.ConfirmChanges,
		Critical:           e.Critical,
		Tags:               e.Tags,
		Muster:             environmentMusterJSON{e.RecordContexts, each(e.ExpiringSDKKeys, formerKeyOf)},
	}
}

func linkedEnvironment(e *catalog.Environment) environmentJSON {
	j := environmentOf(e)
	project := "/projects/" + string(e.Project)
	j.Links = links{
		"self":   apiLink(project + "/environments/" + j.Key),
		"parent": apiLink(project),
		"site":   siteLink(project + "/environments/" + j.Key),
	}
	return j
}

var environmentFields = fields[*catalog.Environment]{
	"name":               field(func(e *catalog.Environment) *string { return &e.Name }),
	"color":              field(func(e *catalog.Environment) *string { return &e.Color }),
	"defaultTtl":         field(func(e *catalog.Environment) *int { return &e.DefaultTTL }),
	"secureMode":         field(func(e *catalog.Environment) *bool { return &e.SecureMode }),
	"defaultTrackEvents": field(func(e *catalog.Environment) *bool { return &e.DefaultTrackEvents }),
	"requireComments":    field(func(e *catalog.Environment) *bool { return &e.RequireComments }),
	"confirmChanges":     field(func(e *catalog.Environment) *bool { return &e.ConfirmChanges }),
	"critical":           field(func(e *catalog.Environment) *bool { return &e.Critical }),
	"tags":               field(func(e *catalog.Environment) *[]string { return &e.Tags }),
	"approvalSettings":   noApprovals,
	"_muster":            asField(func(e *catalog.Environment, v environmentMusterJSON) { e.RecordContexts = v.RecordContexts }),
}

// approvalSettingsJSON is what decides whether a change needs approval.
type approvalSettingsJSON struct {
	Required bool     `json:"required"`
	Tags     []string `json:"requiredApprovalTags"`
}

// noApprovals drops approval settings that require none. Others are refused: whoever sends them relies on
// approvals from then on.
func noApprovals(_ *catalog.Environment, text jsontext.Value) error {
	var settings approvalSettingsJSON
	if err := decode(text, &settings); err != nil {
		return err
	}
	if settings.Required || len(settings.Tags) > 0 {
		return fault.Invalidf("muster asks nobody for approval; custom roles say who may change an environment")
	}
	return nil
}

// patchableEnvironment is what a patch sees: Terraform also patches below approvalSettings.
type patchableEnvironment struct {
	environmentJSON
	ApprovalSettings approvalSettingsJSON `json:"approvalSettings"`
}

var environmentOrders = orders[*catalog.Environment]{
	"name":      func(a, b *catalog.Environment) int { return byText(a.Name, b.Name) },
	"createdOn": func(a, b *catalog.Environment) int { return a.CreatedAt.Compare(b.CreatedAt) },
	"critical": func(a, b *catalog.Environment) int {
		switch {
		case a.Critical == b.Critical:
			return 0
		case a.Critical:
			return -1
		}
		return 1
	},
}

func environmentMatches(e *catalog.Environment, t term) bool {
	switch t.field {
	case "query":
		return mentions(t.value, string(e.Key), e.Name)
	case "tags":
		return hasTags(e.Tags, t.value)
	}
	return true
}

type newEnvironmentJSON struct {
	Key                string   `json:"key"`
	Name               string   `json:"name"`
	Color              string   `json:"color" doc:"Six hexadecimal digits"`
	DefaultTTL         int      `json:"defaultTtl,omitzero" doc:"Minutes"`
	SecureMode         bool     `json:"secureMode,omitzero"`
	DefaultTrackEvents bool     `json:"defaultTrackEvents,omitzero"`
	ConfirmChanges     bool     `json:"confirmChanges,omitzero"`
	RequireComments    bool     `json:"requireComments,omitzero"`
	Critical           bool     `json:"critical,omitzero"`
	Tags               []string `json:"tags,omitzero"`
	// Credentials that administrators may choose.
	ID        string `json:"_id,omitzero" doc:"The client-side ID, 24 hexadecimal digits; administrators may choose it"`
	APIKey    string `json:"apiKey,omitzero" doc:"The SDK key; administrators may choose it"`
	MobileKey string `json:"mobileKey,omitzero" doc:"Administrators may choose it"`
	// Source names the environment of the same project whose flag configurations are copied.
	Source environmentSourceJSON `json:"source,omitzero" doc:"The environment whose flag configurations are copied"`
}

type environmentSourceJSON struct {
	Key     string `json:"key"`
	Version int    `json:"version,omitzero" doc:"The version that the environment must have"`
}

func (n newEnvironmentJSON) environment() admin.NewEnvironment {
	return admin.NewEnvironment{
		Key:                catalog.EnvKey(n.Key),
		Name:               n.Name,
		Color:              n.Color,
		DefaultTTL:         n.DefaultTTL,
		SecureMode:         n.SecureMode,
		DefaultTrackEvents: n.DefaultTrackEvents,
		ConfirmChanges:     n.ConfirmChanges,
		RequireComments:    n.RequireComments,
		Critical:           n.Critical,
		Tags:               n.Tags,
		ID:                 segment.EnvID(n.ID),
		SDKKey:             n.APIKey,
		MobileKey:          n.MobileKey,
		Source:             catalog.EnvKey(n.Source.Key),
		SourceVersion:      n.Source.Version,
	}
}

func environmentKey(r *http.Request) catalog.EnvKey {
	return catalog.EnvKey(r.PathValue("environmentKey"))
}

func (s *server) listEnvironments(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	all, err := s.admin.Environments(r.Context(), who, projectKey(r))
	if err != nil {
		return err
	}
	p, all, err := narrowed(r.URL.Query(), 20, all, environmentMatches, environmentOrders)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, paged(r, p, all, linkedEnvironment))
}

func (s *server) createEnvironment(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	var body newEnvironmentJSON
	if err := decodeBody(w, r, maxBodyBytes, &body); err != nil {
		return err
	}
	e, err := s.admin.CreateEnvironment(r.Context(), who, projectKey(r), body.environment())
	if err != nil {
		return err
	}
	return writeEnvironment(w, http.StatusCreated, e)
}

func writeEnvironment(w http.ResponseWriter, status int, e *catalog.Environment) error {
	w.Header().Set("ETag", etag(e.Version))
	return writeJSON(w, status, linkedEnvironment(e))
}

func (s *server) getEnvironment(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	e, err := s.admin.Environment(r.Context(), who, projectKey(r), environmentKey(r))
	if err != nil {
		return err
	}
	return writeEnvironment(w, http.StatusOK, e)
}

func (s *server) patchEnvironment(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	patch, err := readFieldPatch(w, r)
	if err != nil {
		return err
	}
	e, err := s.admin.ChangeEnvironment(r.Context(), who, projectKey(r), environmentKey(r), patch.how(), func(e *catalog.Environment) error {
		if err := checkMatch(r, e.Version); err != nil {
			return err
		}
		doc := environmentOf(e)
		// Nobody may find out a key by testing for it.
		doc.APIKey, doc.MobileKey, doc.Muster.FormerSDKKeys = "", "", nil
		before, after, err := patch.edited(patchableEnvironment{environmentJSON: doc})
		if err != nil {
			return err
		}
		return environmentFields.assign(e, before, after, "")
	})
	if err != nil {
		return err
	}
	return writeEnvironment(w, http.StatusOK, e)
}

func (s *server) deleteEnvironment(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	if err := s.admin.DeleteEnvironment(r.Context(), who, projectKey(r), environmentKey(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// rotateSDKKey gives the environment a new SDK key; the one before works until the parameter expiry.
func (s *server) rotateSDKKey(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	expiry, err := expiryOf(r)
	if err != nil {
		return err
	}
	return s.rotateKey(w, r, who, func(e *catalog.Environment) error {
		return e.RotateSDKKey(catalog.NewSecret(catalog.SDKKeyPrefix), s.now(), expiry)
	})
}

// rotateMobileKey gives the environment a new mobile key; the one before stops working at once,
// whatever the parameter expiry says.
func (s *server) rotateMobileKey(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	return s.rotateKey(w, r, who, func(e *catalog.Environment) error {
		e.MobileKey = catalog.NewSecret(catalog.MobileKeyPrefix)
		return nil
	})
}

// endFormerKeys ends the SDK keys from before a rotation, also for relays that go on with them.
func (s *server) endFormerKeys(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	return s.rotateKey(w, r, who, func(e *catalog.Environment) error {
		e.ExpiringSDKKeys = nil
		return nil
	})
}

func (s *server) rotateKey(w http.ResponseWriter, r *http.Request, who catalog.Caller, rotate func(*catalog.Environment) error) error {
	e, err := s.admin.ChangeEnvironment(r.Context(), who, projectKey(r), environmentKey(r), admin.Change{}, rotate)
	if err != nil {
		return err
	}
	return writeEnvironment(w, http.StatusOK, e)
}

func (s *server) getSDKData(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	data, err := s.admin.SDKData(r.Context(), who, projectKey(r), environmentKey(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, jsontext.Value(data))
}

func (s *server) putSDKData(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	data, err := readBody(w, r, maxSDKDataBytes)
	if err != nil {
		return err
	}
	if err := s.admin.PutSDKData(r.Context(), who, projectKey(r), environmentKey(r), data); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
