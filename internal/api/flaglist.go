package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
)

func (s *server) listFlags(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	query := r.URL.Query()
	all, err := s.admin.Flags(r.Context(), who, projectKey(r))
	if err != nil {
		return err
	}
	terms, err := parseFilter(query.Get("filter"))
	if err != nil {
		return err
	}
	view := flagView{server: s}
	for _, t := range terms {
		if t.field != "filterEnv" {
			continue
		}
		// One that the caller may not view is none.
		view.env, _ = s.admin.Environment(r.Context(), who, projectKey(r), catalog.EnvKey(t.value))
	}
	if len(query["env"]) == 0 && view.env != nil {
		query["env"] = []string{string(view.env.Key)}
	}
	if tag := query.Get("tag"); tag != "" {
		all = selected(all, []term{{field: "tags", value: tag}}, view.matches)
	}
	if !asksForArchived(query, terms) {
		all = selected(all, []term{{field: "state", value: "live|deprecated"}}, view.matches)
	}
	orders := flagOrders(catalog.EnvKey(query.Get("env")))
	p, all, err := narrowed(query, 20, all, view.matches, orders)
	if err != nil {
		return err
	}
	show := flagPulses{server: s, who: who}
	if expands(r, "pulse") {
		if p.limit > maxExpanded {
			return fault.Invalidf("expand shows at most %d flags at once; ask for a smaller limit", maxExpanded)
		}
		if show.project, err = s.admin.Project(r.Context(), who, projectKey(r)); err != nil {
			return err
		}
		if show.envs, err = s.admin.Environments(r.Context(), who, projectKey(r)); err != nil {
			return err
		}
	}
	names := s.environmentNames(r, who)
	return writeJSON(w, http.StatusOK, paged(r, p, all, func(f *catalog.Flag) flagJSON {
		j := renderFlag(query, f, names, false)
		show.addTo(&j, f)
		return j
	}))
}

// flagPulses adds to flags how often they are evaluated in some environments, who changed them there, and whether who
// asks may turn them there.
type flagPulses struct {
	*server
	who     catalog.Caller
	project *catalog.Project
	envs    []*catalog.Environment
}

// pulseHours is over how many hours evaluations are counted, the present one and those before.
const pulseHours = 24

func (s flagPulses) addTo(j *flagJSON, f *catalog.Flag) {
	now := s.now()
	from := now.Truncate(time.Hour).Add(-(pulseHours - 1) * time.Hour)
	for _, e := range s.envs {
		config, shown := j.Environments[string(e.Key)]
		if !shown {
			continue
		}
		config.Pulse = &flagPulseJSON{
			ModifiedBy: actorOf(f.Environments[e.Key].ModifiedBy),
			MayTurn:    s.who.Principal.Allows(policy.UpdateOn, catalog.FlagResource(s.project, e, f.Key, f.Tags)),
		}
		for _, c := range s.usage.Evaluations(e.ID, f.Key, from, now) {
			config.Pulse.Evaluations24h += c.N
			config.Pulse.EvaluationsHourly[c.Hour.Sub(from)/time.Hour] += c.N
		}
		j.Environments[string(e.Key)] = config
	}
}

// asksForArchived reports whether a list request says which states it wants.
func asksForArchived(query url.Values, terms []term) bool {
	return query.Get("archived") == "true" || slices.ContainsFunc(terms, func(t term) bool { return t.field == "state" || t.field == "archived" })
}

// flagOrders are the orders of lists of flags; that of the change of targeting is about one
// environment, or about all where the request names none.
func flagOrders(env catalog.EnvKey) orders[*catalog.Flag] {
	return orders[*catalog.Flag]{
		"creationDate": func(a, b *catalog.Flag) int { return a.CreatedAt.Compare(b.CreatedAt) },
		"key":          func(a, b *catalog.Flag) int { return strings.Compare(string(a.Key), string(b.Key)) },
		"maintainerId": func(a, b *catalog.Flag) int { return strings.Compare(string(a.MaintainerID), string(b.MaintainerID)) },
		"name":         func(a, b *catalog.Flag) int { return byText(a.Name, b.Name) },
		"tags":         func(a, b *catalog.Flag) int { return slices.Compare(a.Tags, b.Tags) },
		"targetingModifiedDate": func(a, b *catalog.Flag) int {
			return targetingModified(a, env).Compare(targetingModified(b, env))
		},
		"type": func(a, b *catalog.Flag) int { return strings.Compare(flagKind(a), flagKind(b)) },
	}
}

func targetingModified(f *catalog.Flag, env catalog.EnvKey) time.Time {
	var last time.Time
	for key, c := range f.Environments {
		if (env == "" || key == env) && c.ModifiedAt.After(last) {
			last = c.ModifiedAt
		}
	}
	return last
}

// flagView is what a filter of flags looks at: the flags, and one environment of theirs, nil for none.
type flagView struct {
	*server
	env *catalog.Environment
}

// matches reports whether a flag passes a term. Terms about an environment need one; muster knows
// nothing of experiments.
func (v flagView) matches(f *catalog.Flag, t term) bool {
	switch t.field {
	case "query":
		return mentions(t.value, append([]string{string(f.Key), f.Name, f.Description}, f.Tags...)...)
	case "tags":
		return hasTags(f.Tags, t.value)
	case "state":
		return slices.Contains(anyOf(t.value), stateOf(f))
	case "archived":
		return f.Archived == (t.value == "true")
	case "type":
		return t.value == "temporary" && f.Temporary || t.value == "permanent" && !f.Temporary ||
			slices.Contains(anyOf(t.value), flagKind(f))
	case "maintainerId":
		return slices.Contains(anyOf(t.value), string(f.MaintainerID))
	case "maintainerTeamKey": // there are no teams
		return false
	case "hasExperiment", "hasDataExport":
		return t.value != "true"
	case "sdkAvailability":
		return availableTo(f, t.value)
	case "creationDate":
		return createdWithin(f, t.value)
	}
	if v.env == nil || f.Environments[v.env.Key] == nil {
		return true
	}
	return v.matchesIn(f, f.Environments[v.env.Key], t)
}

// matchesIn reports whether a flag passes a term about its configuration.
func (v flagView) matchesIn(f *catalog.Flag, c *catalog.FlagConfig, t term) bool {
	switch t.field {
	case "status":
		return slices.Contains(anyOf(t.value), v.flagStatusOf(f, v.env).Name)
	case "targeting":
		return c.On == (t.value == "on")
	case "segmentTargeted":
		return slices.ContainsFunc(anyOf(t.value), func(key string) bool { return f.NamesSegment(v.env.Key, segment.Key(key)) })
	case "contextKindTargeted":
		return slices.ContainsFunc(anyOf(t.value), func(kind string) bool { return c.TargetsKind(segment.ContextKind(kind)) })
	}
	return true
}

func stateOf(f *catalog.Flag) string {
	switch {
	case f.Archived:
		return "archived"
	case f.Deprecated:
		return "deprecated"
	}
	return "live"
}

func availableTo(f *catalog.Flag, value string) bool {
	switch value {
	case "mobile":
		return f.Availability.MobileKey
	case "client":
		return f.Availability.EnvironmentID
	case "anyClient":
		return f.Availability.MobileKey || f.Availability.EnvironmentID
	}
	return true
}

// createdWithin reports whether the flag's creation lies in a range such as {"before":1700000000000}.
func createdWithin(f *catalog.Flag, value string) bool {
	var span struct {
		Before int64 `json:"before"`
		After  int64 `json:"after"`
	}
	if json.Unmarshal([]byte(value), &span) != nil {
		return true
	}
	at := f.CreatedAt.UnixMilli()
	return (span.Before == 0 || at < span.Before) && (span.After == 0 || at > span.After)
}
