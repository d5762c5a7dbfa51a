package api

import (
	"net/http"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
)

// recently is how long a flag counts as new after its last change.
const recently = 7 * 24 * time.Hour

// flagStatusJSON is how far a flag has come in an environment. Muster keeps no evaluation events, so
// it can't tell when a flag was last requested: the status goes by the age of the last change alone.
type flagStatusJSON struct {
	Name  string `json:"name" enum:"new,inactive"`
	Links links  `json:"_links"`
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
	Name string `json:"name" enum:"new,inactive"`
}

func (s *server) flagStatusOf(f *catalog.Flag, env catalog.EnvKey) flagStatusJSON {
	name := "inactive"
	if s.now().Sub(f.Environments[env].ModifiedAt) < recently {
		name = "new"
	}
	flag := string(f.Project) + "/" + string(f.Key)
	return flagStatusJSON{Name: name, Links: links{
		"parent": apiLink("/flags/" + flag),
		"self":   apiLink("/flag-statuses/" + string(f.Project) + "/" + string(env) + "/" + string(f.Key)),
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
			items = append(items, s.flagStatusOf(f, env.Key))
		}
	}
	return writeJSON(w, http.StatusOK, flagStatusesJSON{items, links{"self": {Href: r.URL.EscapedPath(), Type: "application/json"}}})
}

func (s *server) getFlagStatus(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	f, err := s.admin.Flag(r.Context(), who, projectKey(r), flagKey(r))
	if err != nil {
		return err
	}
	env := environmentKey(r)
	if f.Environments[env] == nil {
		return fault.NotFoundf("there is no environment %q in project %s", env, f.Project)
	}
	return writeJSON(w, http.StatusOK, s.flagStatusOf(f, env))
}

func (s *server) getFlagStatusEverywhere(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	f, err := s.admin.Flag(r.Context(), who, projectKey(r), flagKey(r))
	if err != nil {
		return err
	}
	status := make(map[string]statusInJSON, len(f.Environments))
	for env := range f.Environments {
		status[string(env)] = statusInJSON{s.flagStatusOf(f, env).Name}
	}
	return writeJSON(w, http.StatusOK, flagStatusEverywhereJSON{status, string(f.Key), links{
		"parent": apiLink("/flags/" + string(f.Project) + "/" + string(f.Key)),
		"self":   {Href: r.URL.EscapedPath(), Type: "application/json"},
	}})
}
