package api

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/history"
	"muster/internal/policy"
	"muster/internal/segment"
)

const (
	defaultContextLimit = 20
	maxContextLimit     = 50
	// maxNamedContexts bounds how many contexts one filter may ask for.
	maxNamedContexts = 1000
)

// contextRecordJSON is a context that muster knows of. LastSeen is there if the environment remembers the
// contexts that SDKs send, and has seen it.
type contextRecordJSON struct {
	Context  contextNameJSON   `json:"context"`
	LastSeen string            `json:"lastSeen,omitzero" doc:"RFC 3339, to the millisecond"`
	Links    links             `json:"_links"`
	Muster   contextMusterJSON `json:"_muster"`
}

type contextNameJSON struct {
	Kind string `json:"kind"`
	Key  string `json:"key"`
}

// contextMusterJSON is what muster knows of a context.
type contextMusterJSON struct {
	Segments   []contextSegmentJSON    `json:"segments"`
	Unreadable []unreadableSegmentJSON `json:"unreadable,omitempty"`
}

type contextsJSON struct {
	EnvironmentID string              `json:"_environmentId"`
	Items         []contextRecordJSON `json:"items"`
	TotalCount    *int                `json:"totalCount,omitzero"`
	Token         string              `json:"continuationToken,omitzero"`
	Links         links               `json:"_links"`
}

// contextSearch says which contexts a client asks for.
type contextSearch struct {
	filter    *condition
	limit     int
	after     *history.ContextName
	counted   bool
	effective url.Values // the parameters of the next page, but for its token
}

// contextQuery is a search as it arrives: in the body or in the query.
type contextQuery struct {
	Filter string `json:"filter,omitzero"`
	Sort   string `json:"sort,omitzero"`
	Limit  int64  `json:"limit,omitzero"`
	Token  string `json:"continuationToken,omitzero"`
}

// searchContexts answers with those of the contexts that the filter names by their keys that are
// members of something, or that SDKs sent.
func (s *server) searchContexts(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	var body contextQuery
	if r.ContentLength != 0 {
		if err := decodeBody(w, r, maxBodyBytes, &body); err != nil {
			return err
		}
	}
	q, err := contextQueryOf(r.URL.Query())
	switch {
	case err != nil:
		return err
	case q == contextQuery{}:
		q = body
	case body != contextQuery{}:
		return fault.Invalidf("give filter, sort, limit and continuationToken in the body or in the query, not in both")
	}
	search, err := q.parsed(r.URL.Query())
	if err != nil {
		return err
	}
	project, err := s.admin.Project(r.Context(), who, projectKey(r))
	if err != nil {
		return err
	}
	kinds := each(project.ContextKinds, func(k catalog.ContextKind) segment.ContextKind { return k.Key })
	names, err := namedContexts(search.filter, kinds)
	if err != nil {
		return err
	}
	env, known, err := s.findContexts(r, who, search.filter, names)
	if err != nil {
		return err
	}
	return s.writeContexts(w, r, who, env, search, known)
}

// getContext answers with one context, if it is a member of anything or SDKs sent it.
func (s *server) getContext(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	q, err := contextQueryOf(r.URL.Query())
	if err != nil {
		return err
	}
	search, err := q.parsed(r.URL.Query())
	if err != nil {
		return err
	}
	project, err := s.admin.Project(r.Context(), who, projectKey(r))
	if err != nil {
		return err
	}
	name := history.ContextName{Kind: segment.ContextKind(r.PathValue("contextKind")), Key: r.PathValue("contextKey")}
	env, known, err := s.findContexts(r, who, search.filter, []history.ContextName{name})
	if err != nil {
		return err
	}
	if _, ok := project.ContextKind(name.Kind); !ok && len(known) == 0 {
		return fault.NotFoundf("there is no context kind %q in project %s", clip(string(name.Kind)), project.Key)
	}
	return s.writeContexts(w, r, who, env, search, known)
}

func contextQueryOf(query url.Values) (contextQuery, error) {
	limit, err := numberOf(query, "limit")
	return contextQuery{query.Get("filter"), query.Get("sort"), limit, query.Get("continuationToken")}, err
}

func (q contextQuery) parsed(query url.Values) (contextSearch, error) {
	search := contextSearch{limit: defaultContextLimit, counted: true}
	var err error
	if search.filter, err = parseCondition(q.Filter); err != nil {
		return search, err
	}
	if q.Sort != "" && q.Sort != "ts" && q.Sort != "-ts" {
		return search, fault.Invalidf("can't sort contexts by %q; use ts or -ts", clip(q.Sort))
	}
	if q.Limit < 0 {
		return search, fault.Invalidf("limit must be at least 1")
	}
	if q.Limit > 0 {
		search.limit = int(min(q.Limit, maxContextLimit))
	}
	if text := query.Get("includeTotalCount"); text != "" {
		if search.counted, err = strconv.ParseBool(text); err != nil {
			return search, fault.Invalidf("includeTotalCount must be true or false, not %q", clip(text))
		}
	}
	if search.after, err = parseContextToken(q.Token); err != nil {
		return search, err
	}
	search.effective = url.Values{"limit": {strconv.Itoa(search.limit)}}
	for name, value := range map[string]string{"filter": q.Filter, "sort": q.Sort, "includeTotalCount": query.Get("includeTotalCount")} {
		if value != "" {
			search.effective.Set(name, value)
		}
	}
	return search, nil
}

// contextToken points behind a context in the order of answers.
func contextToken(n history.ContextName) string {
	return base64.RawURLEncoding.EncodeToString([]byte(string(n.Kind) + ":" + n.Key))
}

func parseContextToken(text string) (*history.ContextName, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // the first page has none
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	kind, key, ok := strings.Cut(string(b), ":")
	if err != nil || !ok {
		return nil, fault.Invalidf("continuationToken is none of a page before; leave it out to begin again")
	}
	return &history.ContextName{Kind: segment.ContextKind(kind), Key: key}, nil
}

// findContexts returns those of the named contexts that pass the filter and are members of something, or that SDKs sent.
func (s *server) findContexts(r *http.Request, who catalog.Caller, filter *condition, names []history.ContextName) (*catalog.Environment, []history.KnownContext, error) {
	env, err := s.admin.Environment(r.Context(), who, projectKey(r), environmentKey(r))
	if err != nil {
		return nil, nil, err
	}
	if filter != nil {
		var kept []history.ContextName
		for _, n := range names {
			ok, err := filter.holds(func(c *condition) (bool, error) { return contextMatches(n, c) })
			if err != nil {
				return nil, nil, err
			}
			if ok {
				kept = append(kept, n)
			}
		}
		names = kept
	}
	seen := s.seenContexts(r, who, env)
	known, err := s.history.Contexts(who, env.Project, env.Key, names, func(n history.ContextName) bool { return !seen(n).IsZero() })
	return env, known, err
}

// seenContexts returns a function that tells when SDKs last sent a context, the zero time if nobody knows or
// the caller may not view the members of every segment, as whoever lists seen contexts must.
func (s *server) seenContexts(r *http.Request, who catalog.Caller, env *catalog.Environment) func(history.ContextName) time.Time {
	project, err := s.admin.Project(r.Context(), who, env.Project)
	if err != nil || who.Check(policy.ViewMembers, catalog.SegmentResource(project, env, "*", nil)) != nil {
		return func(history.ContextName) time.Time { return time.Time{} }
	}
	return func(n history.ContextName) time.Time {
		c, _ := s.usage.Context(env, n.Kind, n.Key)
		return c.Last
	}
}

// writeContexts answers with a page of the contexts that were found.
func (s *server) writeContexts(w http.ResponseWriter, r *http.Request, who catalog.Caller, env *catalog.Environment, search contextSearch, known []history.KnownContext) error {
	total := len(known)
	if search.after != nil {
		known = slices.DeleteFunc(known, func(c history.KnownContext) bool { return compareContexts(c.ContextName, *search.after) <= 0 })
	}
	at := func(token string) link {
		query := search.effective
		if token != "" {
			query.Set("continuationToken", token)
		}
		return link{Href: r.URL.EscapedPath() + "?" + query.Encode(), Type: "application/json"}
	}
	out := contextsJSON{EnvironmentID: string(env.ID), Links: links{"self": at("")}}
	if search.counted {
		out.TotalCount = &total
	}
	if len(known) > search.limit {
		known = known[:search.limit]
		out.Token = contextToken(known[search.limit-1].ContextName)
		out.Links["next"] = at(out.Token)
	}
	seen := s.seenContexts(r, who, env)
	out.Items = each(known, func(c history.KnownContext) contextRecordJSON { return contextRecordOf(env, c, seen(c.ContextName)) })
	return writeJSON(w, http.StatusOK, out)
}

func contextRecordOf(env *catalog.Environment, c history.KnownContext, seen time.Time) contextRecordJSON {
	parent := "/projects/" + string(env.Project) + "/environments/" + string(env.Key)
	self := parent + "/contexts/" + url.PathEscape(string(c.Kind)) + "/" + url.PathEscape(c.Key)
	linksOf := func(key segment.Key) links {
		return links{"segment": segmentPath{env.Project, env.Key, key}.links()["self"]}
	}
	lastSeen := ""
	if !seen.IsZero() {
		lastSeen = seen.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return contextRecordJSON{
		Context:  contextNameJSON{string(c.Kind), c.Key},
		LastSeen: lastSeen,
		Links:    links{"self": apiLink(self), "parent": apiLink(parent), "segments": apiLink(self + "/segments")},
		Muster: contextMusterJSON{
			Segments: each(c.Segments, func(seg *catalog.Segment) contextSegmentJSON {
				j := contextSegmentJSON{SegmentKey: string(seg.Key), Name: seg.Name, Links: linksOf(seg.Key)}
				if seg.Source != nil {
					j.External = seg.Source.Tool
				}
				return j
			}),
			Unreadable: each(c.Unreadable, func(seg *catalog.Segment) unreadableSegmentJSON {
				return unreadableSegmentJSON{SegmentKey: string(seg.Key), Name: seg.Name, Links: linksOf(seg.Key)}
			}),
		},
	}
}

func compareContexts(a, b history.ContextName) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
}

// namedContexts returns the contexts that a filter names by their keys, sorted; a key without a kind
// stands for the contexts of all kinds. It demands that every condition means something.
func namedContexts(filter *condition, kinds []segment.ContextKind) ([]history.ContextName, error) {
	var names []history.ContextName
	for c := range filter.leaves() {
		if _, err := contextMatches(history.ContextName{}, c); err != nil {
			return nil, err
		}
		if c.op != "equals" && c.op != "anyOf" && c.op != "contains" {
			continue
		}
		switch c.field {
		case "key", "q", "query":
			keys, err := c.texts()
			if err != nil {
				return nil, err
			}
			for _, key := range keys {
				for _, kind := range kinds {
					names = append(names, history.ContextName{Kind: kind, Key: key})
				}
			}
		case "kindKey", "kindKeys":
			pairs, err := c.texts()
			if err != nil {
				return nil, err
			}
			for _, pair := range pairs {
				kind, key, _ := strings.Cut(pair, ":")
				names = append(names, history.ContextName{Kind: segment.ContextKind(kind), Key: key})
			}
		}
		if len(names) > maxNamedContexts {
			return nil, fault.TooLargef("the filter asks for more than %d contexts; ask for fewer keys, or name their kind with kindKeys", maxNamedContexts)
		}
	}
	slices.SortFunc(names, compareContexts)
	return slices.Compact(names), nil
}

// contextMatches reports whether a condition holds for a context of which nothing but its identity is
// known: it has no other attribute, and nobody has seen it.
func contextMatches(n history.ContextName, c *condition) (bool, error) {
	var value string
	part := false // contains looks into the value
	switch c.field {
	case "kind", "kinds":
		value = string(n.Kind)
	case "kindKey", "kindKeys":
		value = string(n.Kind) + ":" + n.Key
	case "key", "q", "query":
		value, part = n.Key, true
	default:
		return lackedMatches(c)
	}
	switch c.op {
	case "equals", "anyOf", "notEquals", "contains":
		all, err := c.texts()
		found := slices.Contains(all, value) || c.op == "contains" && part && slices.ContainsFunc(all, func(v string) bool { return mentions(v, value) })
		return found != (c.op == "notEquals"), err
	case "startsWith":
		v, err := c.text()
		return strings.HasPrefix(value, v), err
	case "exists":
		return c.truth()
	}
	return false, fault.Invalidf("the filter can't apply %s to %s", clip(c.op), clip(c.field))
}

// lackedMatches reports whether a condition holds for a context that lacks the attribute.
func lackedMatches(c *condition) (bool, error) {
	switch c.op {
	case "equals", "anyOf", "contains", "startsWith", "after", "before":
		return false, nil
	case "notEquals":
		return true, nil
	case "exists":
		exists, err := c.truth()
		return !exists, err
	}
	return false, fault.Invalidf("the filter can't apply %s to %s; use after, anyOf, before, contains, equals, exists, notEquals or startsWith", clip(c.op), clip(c.field))
}
