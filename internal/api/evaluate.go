package api

import (
	"net/http"
	"slices"

	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/fault"
)

type evaluatedFlagJSON struct {
	Key    string        `json:"key"`
	Name   string        `json:"name"`
	Value  ldvalue.Value `json:"_value"`
	Reason reasonJSON    `json:"reason"`
	Links  links         `json:"_links"`
	Site   link          `json:"_site"`
}

type reasonJSON struct {
	Kind         string `json:"kind" enum:"OFF,FALLTHROUGH,TARGET_MATCH,RULE_MATCH,PREREQUISITE_FAILED,ERROR"`
	RuleIndex    *int   `json:"ruleIndex,omitzero"`
	RuleID       string `json:"ruleID,omitzero"`
	Prerequisite string `json:"prerequisiteKey,omitzero"`
	InExperiment bool   `json:"inExperiment,omitzero"`
	ErrorKind    string `json:"errorKind,omitzero"`
}

func reasonOf(o delivery.Outcome) reasonJSON {
	r := o.Reason
	j := reasonJSON{
		Kind: string(r.GetKind()), RuleID: r.GetRuleID(), Prerequisite: r.GetPrerequisiteKey(),
		InExperiment: r.IsInExperiment(), ErrorKind: string(r.GetErrorKind()),
	}
	if i := r.GetRuleIndex(); i >= 0 {
		j.RuleIndex = &i
	}
	return j
}

// evaluating reads the context of a request to evaluate in an environment.
func (s *server) evaluating(w http.ResponseWriter, r *http.Request, who catalog.Caller) (*catalog.Environment, ldcontext.Context, error) {
	env, err := s.admin.Environment(r.Context(), who, projectKey(r), environmentKey(r))
	if err != nil {
		return nil, ldcontext.Context{}, err
	}
	text, err := readBody(w, r, maxBodyBytes)
	if err != nil {
		return nil, ldcontext.Context{}, err
	}
	c, err := delivery.ParseContext(text)
	return env, c, err
}

// evaluateFlags answers with what the flags that are not archived serve to a context.
func (s *server) evaluateFlags(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	env, c, err := s.evaluating(w, r, who)
	if err != nil {
		return err
	}
	outcomes, err := s.delivery.Outcomes(r.Context(), env.ID, c)
	if err != nil {
		return err
	}
	all, err := s.admin.Flags(r.Context(), who, env.Project)
	if err != nil {
		return err
	}
	served := make([]*catalog.Flag, 0, len(all))
	for _, f := range all {
		if _, ok := outcomes[string(f.Key)]; ok {
			served = append(served, f)
		}
	}
	query := r.URL.Query()
	if query.Get("limit") == "-1" { // clients know it as the default, which is all
		query.Del("limit")
	}
	p, served, err := narrowed(query, max(1, len(served)), served, flagView{s, env}.matches, flagOrders(env.Key))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, paged(r, p, served, func(f *catalog.Flag) evaluatedFlagJSON {
		o := outcomes[string(f.Key)]
		return evaluatedFlagJSON{
			Key: string(f.Key), Name: f.Name, Value: o.Value, Reason: reasonOf(o), Site: flagSite(f.Project, env.Key, f.Key),
			Links: links{"self": apiLink("/flags/" + string(f.Project) + "/" + string(f.Key))},
		}
	}))
}

type evaluatedSegmentJSON struct {
	Key         string `json:"key"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Unbounded   bool   `json:"unbounded"`
	External    string `json:"external" doc:"The tool that syncs the segment; empty if none does"`
	Member      bool   `json:"isMember"`
	Targeted    bool   `json:"isIndividuallyTargeted"`
	ByRule      bool   `json:"isRuleTargeted"`
	Links       links  `json:"_links"`
}

// evaluateSegments answers for the segments of the environment whether a context is in them, or with those
// that it is in.
func (s *server) evaluateSegments(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	env, c, err := s.evaluating(w, r, who)
	if err != nil {
		return err
	}
	standings, err := s.delivery.Standings(r.Context(), env.ID, c)
	if err != nil {
		return err
	}
	all, err := s.admin.Segments(r.Context(), who, env.Project, env.Key)
	if err != nil {
		return err
	}
	query := r.URL.Query()
	switch only := query.Get("isMember"); only {
	case "":
	case "true", "false":
		all = slices.DeleteFunc(all, func(seg *catalog.Segment) bool { return standings[seg.Key].Member != (only == "true") })
	default:
		return fault.Invalidf("isMember may be true or false, not %q", clip(only))
	}
	if query.Get("limit") == "-1" {
		query.Del("limit")
	}
	p, err := pageOf(query, max(1, len(all)))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, paged(r, p, all, func(seg *catalog.Segment) evaluatedSegmentJSON {
		standing := standings[seg.Key]
		j := evaluatedSegmentJSON{
			Key: string(seg.Key), Name: seg.Name, Description: seg.Description, Unbounded: seg.Unbounded,
			Member: standing.Member, Targeted: standing.Targeted, ByRule: standing.Member && !standing.Targeted,
			Links: links{"self": segmentPath{env.Project, env.Key, seg.Key}.links()["self"]},
		}
		if seg.Source != nil {
			j.External = seg.Source.Tool
		}
		return j
	}))
}
