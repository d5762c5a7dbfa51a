package api

import (
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/history"
	"muster/internal/segment"
)

// guardTrialJSON is what limits would have done.
type guardTrialJSON struct {
	Guard    guardJSON `json:"guard" doc:"The limits as they would count"`
	Runs     int       `json:"runs" doc:"How many of the last 10,000 runs a guard looks at"`
	Held     int       `json:"held" doc:"How many of them it would have held"`
	Since    int64     `json:"since,omitzero" doc:"When the oldest of them was received; Unix milliseconds"`
	Examples []string  `json:"examples" doc:"The newest 20 that would have been held"`
	Links    links     `json:"_links"`
}

// tryGuard answers what the limits of the body, over those of now, would have done to the runs of a
// segment, of a source's segments or of an environment's. It changes nothing.
func (s *server) tryGuard(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at, of := segmentPathOf(r), guardScopeOf(r)
	members, _, err := readMerge(w, r)
	if err != nil {
		return err
	}
	// Who may see the guard may try it.
	if _, err := s.admin.Guard(r.Context(), who, at.project, at.env, of); err != nil {
		return err
	}
	env, err := s.admin.Environment(r.Context(), who, at.project, at.env)
	if err != nil {
		return err
	}
	j := guardTrialJSON{Links: links{"self": {Href: r.URL.EscapedPath(), Type: "application/json"}}}
	var g admin.Guard
	var t history.Trial
	if of.Segment == "" {
		g, t, err = s.tryInherited(r, env, of.Source, members)
	} else {
		g, t, err = s.tryOfSegment(r, who, env, members)
		j.Links["segment"] = at.links()["self"]
	}
	if err != nil {
		return err
	}
	j.Guard, j.Runs, j.Held, j.Since = guardOf(r, g), t.Runs, t.Held, unixMilli(t.Since)
	j.Examples = each(t.Examples, func(id segment.RunID) string { return string(id) })
	return writeJSON(w, http.StatusOK, j)
}

func (s *server) tryOfSegment(r *http.Request, who catalog.Caller, env *catalog.Environment, members map[string]jsontext.Value) (admin.Guard, history.Trial, error) {
	seg, err := s.bigSegment(r, who)
	if err != nil {
		return admin.Guard{}, history.Trial{}, err
	}
	seg = seg.Clone()
	if seg.Guard, err = tried(seg.Guard, members); err != nil {
		return admin.Guard{}, history.Trial{}, err
	}
	g := admin.GuardOf(env, seg)
	t, err := s.history.TryGuard(r.Context(), seg, g.Guard)
	return g, t, err
}

// tryInherited tries limits that segments inherit from a source or, without one, from the environment.
func (s *server) tryInherited(r *http.Request, env *catalog.Environment, source string, members map[string]jsontext.Value) (admin.Guard, history.Trial, error) {
	env = env.Clone()
	set := env.Guard
	if source != "" {
		set = env.SourceGuards[source]
	}
	set, err := tried(set, members)
	if err != nil {
		return admin.Guard{}, history.Trial{}, err
	}
	switch {
	case source == "":
		env.Guard = set
	case env.SourceGuards == nil:
		env.SourceGuards = map[string]*segment.GuardSettings{source: set}
	default:
		env.SourceGuards[source] = set
	}
	t, err := s.history.TryGuards(r.Context(), env, source)
	return admin.GuardOfSource(env, source), t, err
}

// tried returns settings as a body would change them.
func tried(before *segment.GuardSettings, members map[string]jsontext.Value) (*segment.GuardSettings, error) {
	set := before.Clone()
	if set == nil {
		set = new(segment.GuardSettings)
	}
	if err := changeGuard(set, members); err != nil {
		return nil, err
	}
	return set, set.Validate()
}
