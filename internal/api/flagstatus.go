package api

import (
	"net/http"
	"time"

	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/catalog"
	"muster/internal/fault"
)

// recently is what a status looks back on.
const recently = 7 * 24 * time.Hour

// flagStatusJSON is how far a flag has come in an environment.
type flagStatusJSON struct {
	Name          string         `json:"name" enum:"new,active,inactive,launched"`
	LastRequested string         `json:"lastRequested,omitzero" format:"date-time" doc:"When SDKs last reported that they evaluated the flag"`
	Default       *ldvalue.Value `json:"default,omitzero" doc:"What their code would serve"`
	Links         links          `json:"_links"`
}

type flagStatusesJSON struct {
	Items []flagStatusJSON `json:"items"`
	Links links            `json:"_links"`
}

type flagStatusEverywhereJSON struct {
	Environments map[string]statusInJSON `json:"environments" doc:"By the key of the environment"`
	Key          string                  `json:"key"`
	Links        links                   `json:"_links"`
}

type statusInJSON struct {
	Name          string         `json:"name" enum:"new,active,inactive,launched"`
	LastRequested string         `json:"lastRequested,omitzero" format:"date-time" doc:"When SDKs last reported that they evaluated the flag"`
	Default       *ldvalue.Value `json:"default,omitzero" doc:"What their code would serve"`
}

func (s *server) flagStatusOf(f *catalog.Flag, env *catalog.Environment) statusInJSON {
	at, fallback := s.usage.LastEvaluated(env.ID, f.Key)
	j := statusInJSON{Name: statusName(f, f.Environments[env.Key], at, s.now())}
	if !at.IsZero() {
		j.LastRequested = at.UTC().Format(time.RFC3339)
	}
	if fallback != "" {
		v := ldvalue.Parse([]byte(fallback))
		j.Default = &v
	}
	return j
}

// statusName returns the status of a flag that was last evaluated at a time, by the rules of the
// published API.
func statusName(f *catalog.Flag, c *catalog.FlagConfig, evaluated, now time.Time) string {
	recent := func(t time.Time) bool { return now.Sub(t) < recently }
	switch {
	case recent(evaluated) && c.On && !recent(c.ModifiedAt) && servesOne(c):
		return "launched"
	case recent(evaluated):
		return "active"
	case evaluated.IsZero() && recent(f.CreatedAt):
		return "new"
	}
	return "inactive"
}

// servesOne reports whether everybody gets the same variation while the flag is on.
func servesOne(c *catalog.FlagConfig) bool {
	all := served(c.Fallthrough)
	for _, r := range c.Rules {
		if !r.Disabled {
			all = append(all, served(r.Serve)...)
		}
	}
	for _, list := range [][]catalog.Target{c.Targets, c.ContextTargets} {
		for _, t := range list {
			if len(t.Values) > 0 {
				all = append(all, t.Variation)
			}
		}
	}
	for _, v := range all {
		if v != all[0] {
			return false
		}
	}
	return len(c.Prerequisites) == 0 || c.OffVariation != nil && len(all) > 0 && *c.OffVariation == all[0]
}

func (s *server) linkedStatus(f *catalog.Flag, env *catalog.Environment) flagStatusJSON {
	in := s.flagStatusOf(f, env)
	flag := string(f.Project) + "/" + string(f.Key)
	return flagStatusJSON{in.Name, in.LastRequested, in.Default, links{
		"parent": apiLink("/flags/" + flag),
		"self":   apiLink("/flag-statuses/" + string(f.Project) + "/" + string(env.Key) + "/" + string(f.Key)),
	}}
}

func (s *server) listFlagStatuses(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	env, err := s.admin.Environment(r.Context(), who, projectKey(r), environmentKey(r))
	if err != nil {
		return err
	}
	all, err := s.admin.Flags(r.Context(), who, projectKey(r))
	if err != nil {
		return err
	}
	items := []flagStatusJSON{}
	for _, f := range all {
		if f.Environments[env.Key] != nil {
			items = append(items, s.linkedStatus(f, env))
		}
	}
	return writeJSON(w, http.StatusOK, flagStatusesJSON{items, links{"self": {Href: r.URL.EscapedPath(), Type: "application/json"}}})
}

// flagIn returns a flag and the environment that a path names, in which it has a configuration.
func (s *server) flagIn(r *http.Request, who catalog.Caller) (*catalog.Flag, *catalog.Environment, error) {
	f, err := s.admin.Flag(r.Context(), who, projectKey(r), flagKey(r))
	if err != nil {
		return nil, nil, err
	}
	env, err := s.admin.Environment(r.Context(), who, projectKey(r), environmentKey(r))
	if err != nil {
		return nil, nil, err
	}
	if f.Environments[env.Key] == nil { // the one was made between the two reads
		return nil, nil, fault.NotFoundf("flag %s has no configuration in environment %s", f.Key, env.Key)
	}
	return f, env, nil
}

func (s *server) getFlagStatus(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	f, env, err := s.flagIn(r, who)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.linkedStatus(f, env))
}

func (s *server) getFlagStatusEverywhere(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	f, err := s.admin.Flag(r.Context(), who, projectKey(r), flagKey(r))
	if err != nil {
		return err
	}
	all, err := s.admin.Environments(r.Context(), who, projectKey(r))
	if err != nil {
		return err
	}
	status := make(map[string]statusInJSON, len(f.Environments))
	for _, env := range all {
		if f.Environments[env.Key] != nil {
			status[string(env.Key)] = s.flagStatusOf(f, env)
		}
	}
	return writeJSON(w, http.StatusOK, flagStatusEverywhereJSON{status, string(f.Key), links{
		"parent": apiLink("/flags/" + string(f.Project) + "/" + string(f.Key)),
		"self":   {Href: r.URL.EscapedPath(), Type: "application/json"},
	}})
}
