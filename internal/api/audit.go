package api

import (
	"encoding/json" // what package admin writes values with
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
)

type auditJSON struct {
	Links            links             `json:"_links"`
	ID               string            `json:"_id"`
	AccountID        string            `json:"_accountId"`
	Date             int64             `json:"date" doc:"Unix milliseconds"`
	Accesses         []auditAccessJSON `json:"accesses"`
	Kind             string            `json:"kind"`
	Name             string            `json:"name"`
	Description      string            `json:"description"`
	ShortDescription string            `json:"shortDescription"`
	Comment          string            `json:"comment,omitzero"`
	Subject          *auditSubjectJSON `json:"subject,omitzero"`
	Member           *auditMemberJSON  `json:"member,omitzero"`
	Token            *auditTokenJSON   `json:"token,omitzero"`
	TitleVerb        string            `json:"titleVerb,omitzero"`
	Title            string            `json:"title,omitzero"`
	Target           *auditTargetJSON  `json:"target,omitzero"`
	Parent           *auditParentJSON  `json:"parent,omitzero"`
	// The detail of one entry.
	PreviousVersion any            `json:"previousVersion,omitzero" doc:"The object as it was; in the answer to the request of one entry only"`
	CurrentVersion  any            `json:"currentVersion,omitzero" doc:"The object as it became"`
	Delta           jsontext.Value `json:"delta,omitzero" doc:"The JSON Patch that was sent"`
	Merge           jsontext.Value `json:"merge,omitzero" doc:"The merge patch that was sent"`
}

type auditEntriesJSON struct {
	Items []auditJSON `json:"items"`
	Links links       `json:"_links"`
}

type auditAccessJSON struct {
	Action   string `json:"action"`
	Resource string `json:"resource"`
}

type auditSubjectJSON struct {
	Links links  `json:"_links"`
	Name  string `json:"name"`
}

type auditMemberJSON struct {
	Links     links  `json:"_links"`
	ID        string `json:"_id"`
	Email     string `json:"email,omitzero"`
	FirstName string `json:"firstName,omitzero"`
	LastName  string `json:"lastName,omitzero"`
}

type auditTokenJSON struct {
	Links        links  `json:"_links"`
	ID           string `json:"_id"`
	Name         string `json:"name"`
	Ending       string `json:"ending,omitzero"`
	ServiceToken bool   `json:"serviceToken"`
}

type auditParentJSON struct {
	Links    links  `json:"_links"`
	Name     string `json:"name"`
	Resource string `json:"resource"`
}

type auditTargetJSON struct {
	Links     links    `json:"_links"`
	Name      string   `json:"name"`
	Resources []string `json:"resources"`
}

// Audit pages: the vendor's sizes.
const (
	defaultAuditLimit = 10
	maxAuditLimit     = 20
)

func auditOf(a *admin.Admin, e catalog.AuditEntry) auditJSON {
	self := apiLink("/auditlog/" + string(e.ID))
	j := auditJSON{
		Links: links{"self": self, "canonical": self, "parent": apiLink("/auditlog"), "site": siteLink("/audit/" + string(e.ID))},
		ID:    string(e.ID), AccountID: accountID, Date: e.At.UnixMilli(), Kind: e.Kind, Name: e.Name,
		Accesses:    each(e.Accesses, func(a catalog.Access) auditAccessJSON { return auditAccessJSON{string(a.Action), a.Resource} }),
		Description: e.Description, ShortDescription: e.Short, Comment: e.Comment, TitleVerb: e.TitleVerb,
		Subject: &auditSubjectJSON{Links: links{}, Name: e.Actor.Name},
		Title:   strings.TrimSpace(e.Actor.Name + " " + e.TitleVerb + " " + e.Name),
		Target:  &auditTargetJSON{Links: targetLinks(e.Target), Name: e.Name, Resources: []string{e.Target}},
		Parent:  parentOf(e.Target),
	}
	token, member := a.AuditActors(e)
	if e.Actor.Kind == "token" {
		j.Token = &auditTokenJSON{Links: links{"self": apiLink("/tokens/" + e.Actor.ID)}, ID: e.Actor.ID, Name: e.Actor.Name}
		if token != nil {
			j.Token.Ending, j.Token.ServiceToken = token.Ending, token.Service
		}
		j.Subject.Links = j.Token.Links
	}
	if member != nil {
		j.Member = &auditMemberJSON{
			Links: links{"self": apiLink("/members/" + string(member.ID))}, ID: string(member.ID),
			Email: member.Email, FirstName: member.FirstName, LastName: member.LastName,
		}
		if e.Actor.Kind == "member" {
			j.Subject.Links = j.Member.Links
		}
	}
	return j
}

// parentOf names what an object lies in; nil for what lies in the account.
func parentOf(target string) *auditParentJSON {
	i := strings.LastIndex(target, ":")
	if i < 0 {
		return nil
	}
	resource := target[:i]
	_, name, _ := strings.Cut(resource[strings.LastIndex(resource, ":")+1:], "/")
	return &auditParentJSON{Links: targetLinks(resource), Name: name, Resource: resource}
}

// targetLinks turns a resource such as "proj/web:env/test:segment/a" into links to it.
func targetLinks(resource string) links {
	names := make(map[string]string, 4)
	for part := range strings.SplitSeq(resource, ":") {
		kind, name, _ := strings.Cut(part, "/")
		name, _, _ = strings.Cut(name, ";")
		names[kind] = name
	}
	project, env := names["proj"], names["env"]
	switch {
	case names["token"]+names["service-token"] != "":
		return links{"self": apiLink("/tokens/" + names["token"] + names["service-token"])}
	case names["member"] != "":
		return links{"self": apiLink("/members/" + names["member"])}
	case names["role"] != "":
		return links{"self": apiLink("/roles/" + names["role"])}
	case names["webhook"] != "":
		return links{"self": apiLink("/webhooks/" + names["webhook"])}
	case names["relay-proxy-config"] != "":
		return links{"self": apiLink("/account/relay-auto-configs/" + names["relay-proxy-config"])}
	case project == "":
		return links{}
	case names["segment"] != "":
		return segmentPath{catalog.ProjectKey(project), catalog.EnvKey(env), segment.Key(names["segment"])}.links()
	case names["flag"] != "":
		return links{"self": apiLink("/flags/" + project + "/" + names["flag"])}
	case env != "":
		return links{"self": apiLink("/projects/" + project + "/environments/" + env)}
	}
	return links{"self": apiLink("/projects/" + project)}
}

func auditQuery(query url.Values) (admin.AuditQuery, error) {
	q := admin.AuditQuery{Text: query.Get("q"), Spec: query.Get("spec"), Actor: catalog.ID(query.Get("actor")), Limit: defaultAuditLimit}
	limit, err := numberOf(query, "limit")
	if err != nil {
		return q, err
	}
	if limit > 0 {
		q.Limit = int(min(limit, maxAuditLimit))
	}
	for name, at := range map[string]*time.Time{"before": &q.Before, "after": &q.After} {
		ms, err := numberOf(query, name)
		if err != nil {
			return q, err
		}
		if ms > 0 {
			*at = time.UnixMilli(ms)
		}
	}
	if !q.After.IsZero() {
		q.After = q.After.Add(time.Millisecond - 1) // dates are told in milliseconds: what has this date is not later
	}
	return q, nil
}

// sameMilli bounds how many entries of one millisecond a page of the audit log grows by.
const sameMilli = 100

func (s *server) listAudit(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	q, err := auditQuery(r.URL.Query())
	if err != nil {
		return err
	}
	return s.answerAudit(w, r, who, q)
}

// searchAudit lists the entries that statements select.
func (s *server) searchAudit(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	q, err := auditQuery(r.URL.Query())
	if err != nil {
		return err
	}
	var body []statementJSON
	if err := decodeBody(w, r, maxBodyBytes, &body); err != nil {
		return err
	}
	q.Statements = each(body, statementJSON.statement)
	return s.answerAudit(w, r, who, q)
}

func (s *server) answerAudit(w http.ResponseWriter, r *http.Request, who catalog.Caller, q admin.AuditQuery) error {
	limit := q.Limit
	q.Limit += sameMilli
	page, err := s.admin.AuditEntries(r.Context(), who, q)
	if err != nil {
		return err
	}
	// The next page begins before a whole millisecond, so a page never ends inside one.
	entries, next := page.Entries, page.Before
	end := min(limit, len(entries))
	for end > 0 && end < len(entries) && entries[end].At.UnixMilli() == entries[end-1].At.UnixMilli() {
		end++
	}
	if end < len(entries) {
		next = entries[end-1].At
	}
	l := links{"self": {Href: r.URL.RequestURI(), Type: "application/json"}}
	if !next.IsZero() {
		query := r.URL.Query()
		query.Set("before", strconv.FormatInt(next.UnixMilli(), 10))
		query.Set("limit", strconv.Itoa(limit))
		l["next"] = apiLink("/auditlog?" + query.Encode())
	}
	return writeJSON(w, http.StatusOK, auditEntriesJSON{each(entries[:end], func(e catalog.AuditEntry) auditJSON { return auditOf(s.admin, e) }), l})
}

func (s *server) getAudit(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	id := catalog.ID(r.PathValue("entryId"))
	if !catalog.ValidID(id) {
		return fault.NotFoundf("Unknown audit entry %s", clip(string(id)))
	}
	// An id begins with the second it was made in.
	second, err := strconv.ParseInt(string(id[:8]), 16, 64)
	if err != nil {
		return err
	}
	made := time.Unix(second, 0)
	page, err := s.admin.AuditEntries(r.Context(), who, admin.AuditQuery{
		After: made.Add(-2 * time.Second), Before: made.Add(3 * time.Second), Limit: math.MaxInt32,
	})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(page.Entries, func(e catalog.AuditEntry) bool { return e.ID == id })
	if i < 0 {
		return fault.NotFoundf("Unknown audit entry %s", id)
	}
	return writeJSON(w, http.StatusOK, detailedAudit(s.admin, page.Entries[i]))
}

// AuditRenderer returns a function that renders an audit entry as GET /auditlog/{id} does.
func AuditRenderer(a *admin.Admin) func(catalog.AuditEntry) ([]byte, error) {
	return func(e catalog.AuditEntry) ([]byte, error) { return encoded(detailedAudit(a, e)) }
}

// detailedAudit renders an entry with what it changed and how that was asked for.
func detailedAudit(a *admin.Admin, e catalog.AuditEntry) auditJSON {
	j := auditOf(a, e)
	j.PreviousVersion = auditedVersion(e.Kind, e.Before)
	j.CurrentVersion = auditedVersion(e.Kind, e.After)
	j.Delta, j.Merge = e.Delta, e.Merge
	return j
}

// auditedVersion renders the kept value of an object, whose secrets were masked before it was kept,
// as its representation.
func auditedVersion(kind string, value []byte) any {
	if len(value) == 0 {
		return nil
	}
	switch kind {
	case "segment":
		return represented(value, segmentOf)
	case "flag":
		return represented(value, patchableFlag)
	case "environment":
		return represented(value, environmentOf)
	case "project":
		return represented(value, projectOf)
	case "role":
		return represented(value, roleOf)
	case "member":
		return represented(value, memberOf)
	case "webhook":
		return represented(value, webhookOf) // an admin.Webhook, its secret masked
	case "token":
		return represented(value, func(t *catalog.Token) tokenJSON { return tokenOf(t, nil) })
	case "relay-proxy-config":
		return represented(value, func(c *catalog.RelayConfig) relayConfigJSON { return relayConfigOf(c, nil) })
	case "payload-filter":
		return represented(value, payloadFilterOf)
	case "integration":
		return represented(value, func(s *catalog.Sink) sinkSettingsJSON { return sinkSettingsOf(s, nil) })
	}
	return nil
}

func represented[T, R any](value []byte, render func(*T) R) any {
	v := new(T)
	if json.Unmarshal(value, v) != nil {
		return nil
	}
	return render(v)
}
