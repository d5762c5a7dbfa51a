package api

import (
	"net/http"

	"muster/internal/catalog"
	"muster/internal/segment"
)

// segmentUseJSON is a flag with a rule that names a segment.
type segmentUseJSON struct {
	FlagKey  string               `json:"flagKey"`
	Name     string               `json:"name"`
	On       bool                 `json:"on"`
	Archived bool                 `json:"archived"`
	Rules    []segmentUseRuleJSON `json:"rules"`
	Links    links                `json:"_links"`
	Site     link                 `json:"_site"`
}

// segmentUseRuleJSON is such a rule. A negated one matches whoever is not in the segment: all of them
// when the segment is emptied.
type segmentUseRuleJSON struct {
	Index       int       `json:"ruleIndex"`
	ID          string    `json:"ruleId,omitzero"`
	Description string    `json:"description,omitzero"`
	Negated     bool      `json:"negated"`
	Clauses     int       `json:"clauses" doc:"How many conditions the rule has, this one included"`
	Serves      serveJSON `json:"serves"`
	Disabled    bool      `json:"disabled,omitzero"`
}

// listSegmentUses lists the flags whose rules name a segment, and how.
func (s *server) listSegmentUses(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at := segmentPathOf(r)
	p, err := pageOf(r.URL.Query(), 20)
	if err != nil {
		return err
	}
	flags, err := s.admin.SegmentFlags(r.Context(), who, at.project, at.env, at.key)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, paged(r, p, flags, func(f *catalog.Flag) segmentUseJSON { return segmentUseOf(f, at.env, at.key) }))
}

func segmentUseOf(f *catalog.Flag, env catalog.EnvKey, key segment.Key) segmentUseJSON {
	config := f.Environments[env]
	j := segmentUseJSON{
		FlagKey: string(f.Key), Name: f.Name, On: config.On, Archived: f.Archived, Rules: []segmentUseRuleJSON{},
		Links: links{"flag": apiLink("/flags/" + string(f.Project) + "/" + string(f.Key))}, Site: flagSite(f.Project, env, f.Key),
	}
	for i := range config.Rules {
		rule := &config.Rules[i]
		named, negated := rule.NamesSegment(key)
		if !named {
			continue
		}
		j.Rules = append(j.Rules, segmentUseRuleJSON{
			Index: i, ID: rule.ID, Description: rule.Description, Negated: negated, Clauses: len(rule.Clauses), Serves: serveOf(rule.Serve), Disabled: rule.Disabled,
		})
	}
	return j
}
