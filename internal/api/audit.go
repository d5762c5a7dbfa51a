package api

import (
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
)

type auditJSON struct {
	Links            links            `json:"_links"`
	ID               string           `json:"_id"`
	AccountID        string           `json:"_accountId"`
	Date             int64            `json:"date"`
	Accesses         []accessJSON     `json:"accesses"`
	Kind             string           `json:"kind"`
	Name             string           `json:"name"`
	Description      string           `json:"description"`
	ShortDescription string           `json:"shortDescription"`
	Comment          string           `json:"comment,omitzero"`
	Subject          *subjectJSON     `json:"subject,omitzero"`
	Member           *auditMemberJSON `json:"member,omitzero"`
	Token            *auditTokenJSON  `json:"token,omitzero"`
	TitleVerb        string           `json:"titleVerb,omitzero"`
	Title            string           `json:"title,omitzero"`
	Target           *targetOfJSON    `json:"target,omitzero"`
	PreviousVersion  any              `json:"previousVersion,omitzero"`
	CurrentVersion   any              `json:"currentVersion,omitzero"`
}

type accessJSON struct {
	Action   string `json:"action"`
	Resource string `json:"resource"`
}

type subjectJSON struct {
	Links links  `json:"_links"`
	Name  string `json:"name"`
}

type auditMemberJSON struct {
	Links links  `json:"_links"`
	ID    string `json:"_id"`
	Name  string `json:"name"`
}

type auditTokenJSON struct {
	Links links  `json:"_links"`
	ID    string `json:"_id"`
	Name  string `json:"name"`
}

type targetOfJSON struct {
	Links     links    `json:"_links"`
	Name      string   `json:"name"`
	Resources []string `json:"resources"`
}

// Audit pages: the vendor's sizes.
const (
	defaultAuditLimit = 10
	maxAuditLimit     = 20
)

func auditOf(e catalog.AuditEntry) auditJSON {
	self := apiLink("/auditlog/" + string(e.ID))
	j := auditJSON{
		Links: links{"self": self, "canonical": self, "parent": apiLink("/auditlog")},
		ID:    string(e.ID), AccountID: accountID, Date: e.At.UnixMilli(), Kind: e.Kind, Name: e.Name,
		Accesses:    each(e.Accesses, func(a catalog.Access) accessJSON { return accessJSON{string(a.Action), a.Resource} }),
		Description: e.Description, ShortDescription: e.Short, Comment: e.Comment, TitleVerb: e.TitleVerb,
		Subject: &subjectJSON{Links: links{}, Name: e.Actor.Name},
		Title:   strings.TrimSpace(e.Actor.Name + " " + e.TitleVerb + " " + e.Name),
		Target:  &targetOfJSON{Links: targetLinks(e.Target), Name: e.Name, Resources: []string{e.Target}},
	}
	switch e.Actor.Kind {
	case "token":
		l := links{"self": apiLink("/tokens/" + e.Actor.ID)}
		j.Subject.Links, j.Token = l, &auditTokenJSON{Links: l, ID: e.Actor.ID, Name: e.Actor.Name}
	case "member":
		l := links{"self": apiLink("/members/" + e.Actor.ID)}
		j.Subject.Links, j.Member = l, &auditMemberJSON{Links: l, ID: e.Actor.ID, Name: e.Actor.Name}
	}
	return j
}

// targetLinks turns a resource such as "proj/web:env/test:segment/a" into links to it.
func targetLinks(resource string) links {
	names := make(map[string]string, 3)
	for part := range strings.SplitSeq(resource, ":") {
		kind, name, _ := strings.Cut(part, "/")
		name, _, _ = strings.Cut(name, ";")
		names[kind] = name
	}
	project, env := names["proj"], names["env"]
	switch {
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
	q := admin.AuditQuery{Text: query.Get("q"), Spec: query.Get("spec"), Limit: defaultAuditLimit}
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
	return q, nil
}

// sameMilli bounds how many entries of one millisecond a page of the audit log grows by.
const sameMilli = 100

func (s *server) listAudit(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	query := r.URL.Query()
	q, err := auditQuery(query)
	if err != nil {
		return err
	}
	limit := q.Limit
	q.Limit += sameMilli
	entries, err := s.admin.AuditEntries(r.Context(), who, q)
	if err != nil {
		return err
	}
	// The next page begins before a whole millisecond, so a page never ends inside one.
	end := min(limit, len(entries))
	for end > 0 && end < len(entries) && entries[end].At.UnixMilli() == entries[end-1].At.UnixMilli() {
		end++
	}
	l := links{"self": {Href: r.URL.RequestURI(), Type: "application/json"}}
	if end < len(entries) {
		next := query
		next.Set("before", strconv.FormatInt(entries[end-1].At.UnixMilli(), 10))
		next.Set("limit", strconv.Itoa(limit))
		l["next"] = apiLink("/auditlog?" + next.Encode())
	}
	return writeJSON(w, http.StatusOK, struct {
		Items []auditJSON `json:"items"`
		Links links       `json:"_links"`
	}{each(entries[:end], auditOf), l})
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
	entries, err := s.admin.AuditEntries(r.Context(), who, admin.AuditQuery{
		After: made.Add(-2 * time.Second), Before: made.Add(3 * time.Second), Limit: math.MaxInt32,
	})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(entries, func(e catalog.AuditEntry) bool { return e.ID == id })
	if i < 0 {
		return fault.NotFoundf("Unknown audit entry %s", id)
	}
	j := auditOf(entries[i])
	j.PreviousVersion = auditedVersion(entries[i].Kind, entries[i].Before)
	j.CurrentVersion = auditedVersion(entries[i].Kind, entries[i].After)
	return writeJSON(w, http.StatusOK, j)
}

// auditedVersion renders the kept value of a segment or flag as its representation. Other kinds can
// hold secrets and are not shown.
func auditedVersion(kind string, value []byte) any {
	if len(value) == 0 {
		return nil
	}
	switch kind {
	case "segment":
		var s catalog.Segment
		if json.Unmarshal(value, &s) == nil {
			return segmentOf(&s)
		}
	case "flag":
		var f catalog.Flag
		if json.Unmarshal(value, &f) == nil {
			return patchableFlag(&f)
		}
	}
	return nil
}
