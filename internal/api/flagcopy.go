package api

import (
	"net/http"
	"slices"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
)

// newPrerequisiteJSON names a variation by its id, as requests that create a flag do.
type newPrerequisiteJSON struct {
	Key         string `json:"key"`
	VariationID string `json:"variationId"`
}

func (j newPrerequisiteJSON) prerequisite() admin.NewPrerequisite {
	return admin.NewPrerequisite{Key: catalog.FlagKey(j.Key), VariationID: j.VariationID}
}

// flagCopyJSON says what of a flag's configuration is copied from where to where.
type flagCopyJSON struct {
	Source   copiedConfigJSON `json:"source"`
	Target   copiedConfigJSON `json:"target"`
	Comment  string           `json:"comment,omitzero"`
	Included []policy.Action  `json:"includedActions,omitzero" enum:"updateOn,updateRules,updateFallthrough,updateOffVariation,updatePrerequisites,updateTargets"`
	Excluded []policy.Action  `json:"excludedActions,omitzero" enum:"updateOn,updateRules,updateFallthrough,updateOffVariation,updatePrerequisites,updateTargets"`
}

type copiedConfigJSON struct {
	Key     string `json:"key" doc:"Of an environment"`
	Version int    `json:"currentVersion,omitzero" doc:"The version that the configuration must have"`
}

// copyFlag copies the configuration of a flag from one environment to another.
func (s *server) copyFlag(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	var body flagCopyJSON
	if err := decodeBody(w, r, maxBodyBytes, &body); err != nil {
		return err
	}
	parts, err := copyParts(body.Included, body.Excluded)
	if err != nil {
		return err
	}
	f, err := s.admin.CopyFlag(r.Context(), who, projectKey(r), flagKey(r), admin.Change{Comment: body.Comment}, admin.FlagCopy{
		Source: catalog.EnvKey(body.Source.Key), SourceVersion: body.Source.Version,
		Target: catalog.EnvKey(body.Target.Key), TargetVersion: body.Target.Version, Parts: parts,
	})
	if err != nil {
		return err
	}
	return s.writeFlag(w, r, who, http.StatusCreated, f)
}

// copyParts returns what is copied: what is included, all but what is excluded, or all.
func copyParts(included, excluded []policy.Action) ([]policy.Action, error) {
	if len(included) > 0 && len(excluded) > 0 {
		return nil, fault.Invalidf("includedActions and excludedActions can't be given both")
	}
	for _, part := range slices.Concat(included, excluded) {
		if err := catalog.CheckCopyPart(part); err != nil {
			return nil, err
		}
	}
	if len(included) > 0 {
		return included, nil
	}
	return slices.DeleteFunc(slices.Clone(catalog.CopyParts), func(part policy.Action) bool { return slices.Contains(excluded, part) }), nil
}

// dependentFlagJSON is a flag that has the one asked for as a prerequisite in some environments.
type dependentFlagJSON struct {
	Key          string                     `json:"key"`
	Name         string                     `json:"name"`
	Environments []dependentEnvironmentJSON `json:"environments"`
	Links        links                      `json:"_links"`
}

// dependentInJSON is a flag that has the one asked for as a prerequisite in the environment asked for.
type dependentInJSON struct {
	Key   string `json:"key"`
	Name  string `json:"name"`
	Links links  `json:"_links"`
	Site  link   `json:"_site"`
}

type dependentEnvironmentJSON struct {
	Key   string `json:"key"`
	Name  string `json:"name"`
	Links links  `json:"_links"`
	Site  link   `json:"_site"`
}

type dependentsJSON struct {
	Items []dependentFlagJSON `json:"items"`
	Links links               `json:"_links"`
	Site  link                `json:"_site"`
}

type dependentsInJSON struct {
	Items []dependentInJSON `json:"items"`
	Links links             `json:"_links"`
	Site  link              `json:"_site"`
}

func dependentLinks(d admin.Dependent) links {
	return links{"self": apiLink("/flags/" + string(d.Project) + "/" + string(d.Key))}
}

// dependentsLinks leads from a list of dependent flags to itself and to the flag that they have.
func dependentsLinks(r *http.Request) links {
	return links{
		"self":   {Href: r.URL.EscapedPath(), Type: "application/json"},
		"parent": apiLink("/flags/" + string(projectKey(r)) + "/" + string(flagKey(r))),
	}
}

func (s *server) listDependents(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	all, err := s.admin.Dependents(r.Context(), who, projectKey(r), flagKey(r))
	if err != nil {
		return err
	}
	names := s.environmentNames(r, who)
	items := each(all, func(d admin.Dependent) dependentFlagJSON {
		return dependentFlagJSON{
			Key: string(d.Key), Name: d.Name, Links: dependentLinks(d),
			Environments: each(d.Environments, func(env catalog.EnvKey) dependentEnvironmentJSON {
				return dependentEnvironmentJSON{
					Key: string(env), Name: names[env], Site: flagSite(d.Project, env, d.Key),
					Links: links{"self": apiLink("/projects/" + string(d.Project) + "/environments/" + string(env))},
				}
			}),
		}
	})
	site := siteLink("/projects/" + string(projectKey(r)) + "/flags/" + string(flagKey(r)))
	return writeJSON(w, http.StatusOK, dependentsJSON{items, dependentsLinks(r), site})
}

func (s *server) listDependentsIn(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	env, err := s.admin.Environment(r.Context(), who, projectKey(r), environmentKey(r))
	if err != nil {
		return err
	}
	all, err := s.admin.Dependents(r.Context(), who, projectKey(r), flagKey(r))
	if err != nil {
		return err
	}
	items := []dependentInJSON{}
	for _, d := range all {
		if slices.Contains(d.Environments, env.Key) {
			items = append(items, dependentInJSON{string(d.Key), d.Name, dependentLinks(d), flagSite(d.Project, env.Key, d.Key)})
		}
	}
	return writeJSON(w, http.StatusOK, dependentsInJSON{items, dependentsLinks(r), flagSite(env.Project, env.Key, flagKey(r))})
}
