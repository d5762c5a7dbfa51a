package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
)

type flagJSON struct {
	Name             string                        `json:"name"`
	Kind             string                        `json:"kind" enum:"boolean,multivariate"`
	Key              string                        `json:"key"`
	Description      string                        `json:"description,omitzero"`
	Version          int                           `json:"_version"`
	CreationDate     int64                         `json:"creationDate" doc:"Unix milliseconds"`
	IncludeInSnippet bool                          `json:"includeInSnippet"` // usingEnvironmentId by its old name
	Availability     availabilityJSON              `json:"clientSideAvailability"`
	Variations       []variationJSON               `json:"variations"`
	Temporary        bool                          `json:"temporary"`
	Tags             []string                      `json:"tags"`
	MaintainerID     string                        `json:"maintainerId,omitzero"`
	GoalIDs          []string                      `json:"goalIds"`
	Experiments      experimentsJSON               `json:"experiments"`
	CustomProperties map[string]customPropertyJSON `json:"customProperties"`
	Archived         bool                          `json:"archived"`
	ArchivedDate     int64                         `json:"archivedDate,omitzero" doc:"Unix milliseconds"`
	Deprecated       bool                          `json:"deprecated"`
	DeprecatedDate   int64                         `json:"deprecatedDate,omitzero" doc:"Unix milliseconds"`
	Defaults         defaultsJSON                  `json:"defaults"`
	Environments     map[string]flagConfigJSON     `json:"environments,omitzero" doc:"The configurations by the key of their environment; lists have those alone that env names"`
	Links            links                         `json:"_links,omitzero" required:"true"`
}

type variationJSON struct {
	ID          string        `json:"_id,omitzero"`
	Value       ldvalue.Value `json:"value"`
	Name        string        `json:"name,omitzero"`
	Description string        `json:"description,omitzero"`
}

type experimentsJSON struct {
	Baseline int   `json:"baselineIdx"`
	Items    []any `json:"items"`
}

type defaultsJSON struct {
	On  int `json:"onVariation" doc:"An index into variations"`
	Off int `json:"offVariation" doc:"An index into variations"`
}

type customPropertyJSON struct {
	Name   string   `json:"name"`
	Values []string `json:"value"`
}

func variationOf(v catalog.Variation) variationJSON {
	return variationJSON{ID: v.ID, Value: v.Value, Name: v.Name, Description: v.Description}
}

func (j variationJSON) variation() catalog.Variation {
	return catalog.Variation{ID: j.ID, Value: j.Value, Name: j.Name, Description: j.Description}
}

func customPropertiesFrom(m map[string]customPropertyJSON) map[string]catalog.CustomProperty {
	properties := make(map[string]catalog.CustomProperty, len(m))
	for key, p := range m {
		properties[key] = catalog.CustomProperty(p)
	}
	return properties
}

// flagOf renders what the flag holds for all environments.
func flagOf(f *catalog.Flag) flagJSON {
	j := flagJSON{
		Name:             f.Name,
		Kind:             flagKind(f),
		Key:              string(f.Key),
		Description:      f.Description,
		Version:          f.Version,
		CreationDate:     f.CreatedAt.UnixMilli(),
		IncludeInSnippet: f.Availability.EnvironmentID,
		Availability:     availabilityJSON(f.Availability),
		Variations:       each(f.Variations, variationOf),
		Temporary:        f.Temporary,
		Tags:             f.Tags,
		MaintainerID:     string(f.MaintainerID),
		CustomProperties: make(map[string]customPropertyJSON, len(f.CustomProperties)),
		Archived:         f.Archived,
		ArchivedDate:     unixMilli(f.ArchivedAt),
		Deprecated:       f.Deprecated,
		DeprecatedDate:   unixMilli(f.DeprecatedAt),
		Defaults:         defaultsJSON(f.Defaults),
	}
	for key, p := range f.CustomProperties {
		j.CustomProperties[key] = customPropertyJSON(p)
	}
	return j
}

func flagKind(f *catalog.Flag) string {
	if f.Boolean() {
		return "boolean"
	}
	return "multivariate"
}

// patchableFlag is what a patch sees: the flag with all its configurations.
func patchableFlag(f *catalog.Flag) flagJSON {
	j := flagOf(f)
	j.Environments = make(map[string]flagConfigJSON, len(f.Environments))
	for key, c := range f.Environments {
		j.Environments[string(key)] = flagConfigOf(f, c)
	}
	return j
}

// unixMilli is 0 for a time that never came.
func unixMilli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

var flagFields = fields[*catalog.Flag]{
	"name":             field(func(f *catalog.Flag) *string { return &f.Name }),
	"description":      field(func(f *catalog.Flag) *string { return &f.Description }),
	"tags":             field(func(f *catalog.Flag) *[]string { return &f.Tags }),
	"temporary":        field(func(f *catalog.Flag) *bool { return &f.Temporary }),
	"archived":         field(func(f *catalog.Flag) *bool { return &f.Archived }),
	"deprecated":       field(func(f *catalog.Flag) *bool { return &f.Deprecated }),
	"includeInSnippet": field(func(f *catalog.Flag) *bool { return &f.Availability.EnvironmentID }),
	"maintainerId":     field(func(f *catalog.Flag) *catalog.ID { return &f.MaintainerID }),
	"clientSideAvailability": asField(func(f *catalog.Flag, v availabilityJSON) {
		f.Availability = catalog.Availability(v)
	}),
	"defaults": asField(func(f *catalog.Flag, v defaultsJSON) { f.Defaults = catalog.Defaults(v) }),
	"customProperties": asField(func(f *catalog.Flag, v map[string]customPropertyJSON) {
		f.CustomProperties = customPropertiesFrom(v)
	}),
	"variations": asField(func(f *catalog.Flag, v []variationJSON) { f.Variations = each(v, variationJSON.variation) }),
	"goalIds":    dropped[*catalog.Flag],
	"environments": func(*catalog.Flag, jsontext.Value) error {
		return nil // each configuration is assigned on its own
	},
}

// editFlag applies a patch of the representation to the flag.
func editFlag(f *catalog.Flag, p patch) error {
	before, after, err := p.edited(patchableFlag(f))
	if err != nil {
		return err
	}
	if err := flagFields.assign(f, before, after, ""); err != nil {
		return err
	}
	befores, _ := before["environments"].(map[string]any)
	afters, _ := after["environments"].(map[string]any)
	for key, config := range f.Environments {
		old, _ := befores[string(key)].(map[string]any)
		now, ok := afters[string(key)].(map[string]any)
		if !ok {
			return fault.Invalidf("environments/%s can't be removed from a flag", key)
		}
		edited := config.Clone()
		if err := flagConfigFields.assign(edited, old, now, "environments/"+string(key)+"/"); err != nil {
			return err
		}
		f.Environments[key] = edited
	}
	return nil
}

func flagKey(r *http.Request) catalog.FlagKey { return catalog.FlagKey(r.PathValue("flagKey")) }

// renderFlag renders a flag with the configurations that the request asks for; all of them when it
// names none and whole is true.
func renderFlag(query url.Values, f *catalog.Flag, names map[catalog.EnvKey]string, whole bool) flagJSON {
	j := flagOf(f)
	j.Links = links{
		"self":   apiLink("/flags/" + string(f.Project) + "/" + j.Key),
		"parent": apiLink("/flags/" + string(f.Project)),
	}
	wanted := query["env"]
	if len(wanted) == 0 && !whole {
		return j
	}
	summary := !whole && query.Get("summary") != "0"
	j.Environments = make(map[string]flagConfigJSON, len(f.Environments))
	for key, c := range f.Environments {
		if len(wanted) > 0 && !slices.Contains(wanted, string(key)) {
			continue
		}
		config := flagConfigOf(f, c)
		if !whole {
			config.Summary = summaryOf(f, c)
		}
		if summary {
			config.Targets, config.ContextTargets, config.Rules, config.Prerequisites = nil, nil, nil, nil
		}
		site := flagSite(f.Project, key, f.Key)
		config.Site, config.EnvironmentName = &site, names[key]
		if config.EnvironmentName == "" {
			config.EnvironmentName = string(key)
		}
		j.Environments[string(key)] = config
	}
	return j
}

func flagSite(p catalog.ProjectKey, e catalog.EnvKey, f catalog.FlagKey) link {
	return siteLink("/projects/" + string(p) + "/environments/" + string(e) + "/flags/" + string(f))
}

// environmentNames returns the names of a project's environments; none for a caller that may not
// view them, whose reply then shows keys.
func (s *server) environmentNames(r *http.Request, who catalog.Caller) map[catalog.EnvKey]string {
	envs, err := s.admin.Environments(r.Context(), who, projectKey(r))
	if err != nil {
		return nil
	}
	names := make(map[catalog.EnvKey]string, len(envs))
	for _, e := range envs {
		names[e.Key] = e.Name
	}
	return names
}

type newFlagJSON struct {
	Key                  string                        `json:"key"`
	Name                 string                        `json:"name"`
	Description          string                        `json:"description,omitzero"`
	Variations           []variationJSON               `json:"variations,omitzero" doc:"true and false if absent"`
	Defaults             *defaultsJSON                 `json:"defaults,omitzero"`
	Temporary            *bool                         `json:"temporary,omitzero"`
	Tags                 []string                      `json:"tags,omitzero"`
	Availability         *availabilityJSON             `json:"clientSideAvailability,omitzero"`
	IncludeInSnippet     *bool                         `json:"includeInSnippet,omitzero"`
	CustomProperties     map[string]customPropertyJSON `json:"customProperties,omitzero"`
	MaintainerID         string                        `json:"maintainerId,omitzero"`
	InitialPrerequisites []newPrerequisiteJSON         `json:"initialPrerequisites,omitzero"`
	On                   bool                          `json:"isFlagOn,omitzero"`
}

func (s *server) createFlag(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	var body newFlagJSON
	if err := decodeBody(w, r, maxBodyBytes, &body); err != nil {
		return err
	}
	f, err := s.admin.CreateFlag(r.Context(), who, projectKey(r), admin.NewFlag{
		Key: catalog.FlagKey(body.Key), Name: body.Name, Description: body.Description,
		Variations: each(body.Variations, variationJSON.variation), Defaults: (*catalog.Defaults)(body.Defaults),
		Temporary: body.Temporary, Tags: body.Tags, Availability: (*catalog.Availability)(body.Availability),
		IncludeInSnippet: body.IncludeInSnippet, CustomProperties: customPropertiesFrom(body.CustomProperties),
		MaintainerID: catalog.ID(body.MaintainerID), On: body.On,
		Prerequisites: each(body.InitialPrerequisites, newPrerequisiteJSON.prerequisite), CloneOf: catalog.FlagKey(r.URL.Query().Get("clone")),
	})
	if err != nil {
		return err
	}
	return s.writeFlag(w, r, who, http.StatusCreated, f)
}

func (s *server) writeFlag(w http.ResponseWriter, r *http.Request, who catalog.Caller, status int, f *catalog.Flag) error {
	w.Header().Set("ETag", etag(f.Version))
	return writeJSON(w, status, renderFlag(r.URL.Query(), f, s.environmentNames(r, who), true))
}

func (s *server) getFlag(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	f, err := s.admin.Flag(r.Context(), who, projectKey(r), flagKey(r))
	if err != nil {
		return err
	}
	return s.writeFlag(w, r, who, http.StatusOK, f)
}

func (s *server) patchFlag(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	p, err := readPatch(w, r)
	if err != nil {
		return err
	}
	how, err := changeOf(r, p)
	if err != nil {
		return err
	}
	if p.deletes() {
		return s.deleteFlagBy(w, r, who, how)
	}
	others, err := s.namedFlags(r, who, p)
	if err != nil {
		return err
	}
	f, err := s.admin.ChangeFlag(r.Context(), who, projectKey(r), flagKey(r), how, func(f *catalog.Flag) error {
		if err := checkMatch(r, f.Version); err != nil {
			return err
		}
		if p.edit == nil {
			return f.InstructAmong(p.environment, p.instructions, others)
		}
		return editFlag(f, p)
	})
	if err != nil {
		return err
	}
	return s.writeFlag(w, r, who, http.StatusOK, f)
}

// namedFlags returns how a semantic patch finds the flags that it names as prerequisites. It reads
// them only for a patch that names some: the caller need not be able to view flags otherwise.
func (s *server) namedFlags(r *http.Request, who catalog.Caller, p patch) (func(catalog.FlagKey) (*catalog.Flag, bool), error) {
	byKey := map[catalog.FlagKey]*catalog.Flag{}
	lookup := func(key catalog.FlagKey) (*catalog.Flag, bool) {
		f, ok := byKey[key]
		return f, ok
	}
	if !slices.ContainsFunc(p.instructions, func(in catalog.Instruction) bool {
		return strings.Contains(strings.ToLower(in.Kind), "prerequisite")
	}) {
		return lookup, nil
	}
	all, err := s.admin.Flags(r.Context(), who, projectKey(r))
	for _, f := range all {
		byKey[f.Key] = f
	}
	return lookup, err
}

func (s *server) deleteFlag(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	_, err := s.admin.DeleteFlag(r.Context(), who, projectKey(r), flagKey(r), admin.Change{}, func(f *catalog.Flag) error { return checkMatch(r, f.Version) })
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// deleteFlagBy deletes a flag by a semantic patch, which answers with the flag as it was.
func (s *server) deleteFlagBy(w http.ResponseWriter, r *http.Request, who catalog.Caller, how admin.Change) error {
	f, err := s.admin.DeleteFlag(r.Context(), who, projectKey(r), flagKey(r), how, func(f *catalog.Flag) error { return checkMatch(r, f.Version) })
	if err != nil {
		return err
	}
	return s.writeFlag(w, r, who, http.StatusOK, f)
}
