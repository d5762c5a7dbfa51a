package api

import (
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/openapi"
	"muster/internal/policy"
)

// payloadFilterJSON selects flags for SDKs that name it.
type payloadFilterJSON struct {
	Links        links             `json:"_links"`
	ID           string            `json:"_id"`
	Key          string            `json:"key"`
	Name         string            `json:"name"`
	Description  string            `json:"description"`
	Rules        []payloadRuleJSON `json:"rules"`
	Version      int               `json:"_version"`
	CreationDate int64             `json:"creationDate"`
	LastModified int64             `json:"lastModified"`
}

type payloadRuleJSON struct {
	Action    string               `json:"action" enum:"include,exclude"`
	Condition payloadConditionJSON `json:"condition"`
}

type payloadConditionJSON struct {
	Kind     string `json:"kind" enum:"string-match"`
	Property string `json:"property" enum:"flag-key,flag-tag"`
	Regex    string `json:"regex" doc:"As RE2 knows them; it has to match the whole key or tag"`
}

type newPayloadFilterJSON struct {
	Key         string            `json:"key"`
	Name        string            `json:"name,omitzero"`
	Description string            `json:"description,omitzero"`
	Rules       []payloadRuleJSON `json:"rules,omitzero"`
}

func payloadFiltersPath(p catalog.ProjectKey) string {
	return "/projects/" + string(p) + "/payload-filters"
}

func payloadFilterOf(f *catalog.PayloadFilter) payloadFilterJSON {
	return payloadFilterJSON{
		ID: string(f.ID), Key: string(f.Key), Name: f.Name, Description: f.Description, Rules: each(f.Rules, payloadRuleOf),
		Version: f.Version, CreationDate: f.CreatedAt.UnixMilli(), LastModified: f.ModifiedAt.UnixMilli(),
	}
}

func linkedPayloadFilter(p catalog.ProjectKey, f *catalog.PayloadFilter) payloadFilterJSON {
	j := payloadFilterOf(f)
	j.Links = links{"self": apiLink(payloadFiltersPath(p) + "/" + j.Key), "parent": apiLink(payloadFiltersPath(p))}
	return j
}

func payloadRuleOf(r catalog.PayloadRule) payloadRuleJSON {
	action := "include"
	if r.Exclude {
		action = "exclude"
	}
	return payloadRuleJSON{action, payloadConditionJSON{"string-match", string(r.Property), r.Regex}}
}

// payloadRules returns the rules that a client gives.
func payloadRules(list []payloadRuleJSON) ([]catalog.PayloadRule, error) {
	rules := make([]catalog.PayloadRule, len(list))
	for i, r := range list {
		if r.Action != "include" && r.Action != "exclude" {
			return nil, fault.Invalidf("rule %d: action %.80q must be include or exclude", i, r.Action)
		}
		if r.Condition.Kind != "string-match" {
			return nil, fault.Invalidf("rule %d: the kind %.80q of its condition must be string-match", i, r.Condition.Kind)
		}
		rules[i] = catalog.PayloadRule{Exclude: r.Action == "exclude", Property: catalog.PayloadProperty(r.Condition.Property), Regex: r.Condition.Regex}
	}
	return rules, nil
}

var payloadFilterFields = fields[*catalog.PayloadFilter]{
	"name":        field(func(f *catalog.PayloadFilter) *string { return &f.Name }),
	"description": field(func(f *catalog.PayloadFilter) *string { return &f.Description }),
	"rules":       assignPayloadRules,
}

func assignPayloadRules(f *catalog.PayloadFilter, text jsontext.Value) error {
	var list []payloadRuleJSON
	if err := decode(text, &list); err != nil {
		return err
	}
	rules, err := payloadRules(list)
	f.Rules = rules
	return err
}

func filterKey(r *http.Request) catalog.FilterKey {
	return catalog.FilterKey(r.PathValue("payloadFilterKey"))
}

func (s *server) listPayloadFilters(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	p, err := pageOf(r.URL.Query(), 20)
	if err != nil {
		return err
	}
	all, err := s.admin.PayloadFilters(r.Context(), who, projectKey(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, paged(r, p, all, func(f *catalog.PayloadFilter) payloadFilterJSON { return linkedPayloadFilter(projectKey(r), f) }))
}

func (s *server) createPayloadFilter(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	var body newPayloadFilterJSON
	if err := decodeBody(w, r, maxBodyBytes, &body); err != nil {
		return err
	}
	rules, err := payloadRules(body.Rules)
	if err != nil {
		return err
	}
	f, err := s.admin.CreatePayloadFilter(r.Context(), who, projectKey(r), admin.NewPayloadFilter{
		Key: catalog.FilterKey(body.Key), Name: body.Name, Description: body.Description, Rules: rules,
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, linkedPayloadFilter(projectKey(r), f))
}

func (s *server) getPayloadFilter(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	f, err := s.admin.PayloadFilter(r.Context(), who, projectKey(r), filterKey(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, linkedPayloadFilter(projectKey(r), f))
}

func (s *server) patchPayloadFilter(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	p, err := readFieldPatch(w, r)
	if err != nil {
		return err
	}
	f, err := s.admin.ChangePayloadFilter(r.Context(), who, projectKey(r), filterKey(r), p.how(), func(f *catalog.PayloadFilter) error {
		before, after, err := p.edited(payloadFilterOf(f))
		if err != nil {
			return notApplicable(err)
		}
		return payloadFilterFields.assign(f, before, after, "")
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, linkedPayloadFilter(projectKey(r), f))
}

func (s *server) deletePayloadFilter(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	if err := s.admin.DeletePayloadFilter(r.Context(), who, projectKey(r), filterKey(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func payloadFilterRoutes() []route {
	const (
		at  = atProject + "/payload-filters"
		one = at + "/{payloadFilterKey}"
	)
	return []route{
		{
			method: "GET", path: at, actions: needs(policy.ViewProject), serve: (*server).listPayloadFilters,
			id: "getPayloadFilters", summary: "List payload filters", params: pages(20), answers: gives[collection[payloadFilterJSON]](),
		},
		{
			method: "POST", path: at, actions: needs(policy.CreatePayloadFilter), serve: (*server).createPayloadFilter,
			id: "postPayloadFilters", summary: "Create a payload filter",
			details: "It selects the flags that a rule with `include` matches, or all without such a rule, but for those that a rule with `exclude` matches. Flags and segments that these need come with them.",
			takes:   takes[newPayloadFilterJSON](), answers: creates[payloadFilterJSON](),
		},
		{
			method: "GET", path: one, actions: needs(policy.ViewProject), serve: (*server).getPayloadFilter,
			id: "getPayloadFilter", summary: "Get a payload filter", answers: gives[payloadFilterJSON](),
		},
		{
			method: "PATCH", path: one, actions: needs(policy.UpdatePayloadFilter), serve: (*server).patchPayloadFilter,
			id: "patchPayloadFilter", summary: "Change a payload filter", takes: openapi.Patches(), answers: gives[payloadFilterJSON](),
		},
		{
			method: "DELETE", path: one, actions: needs(policy.DeletePayloadFilter), serve: (*server).deletePayloadFilter,
			id: "deletePayloadFilter", summary: "Delete a payload filter", details: "SDKs that name it are answered `404` from then on, and stop.", answers: givesNothing(),
		},
	}
}
