package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
)

// memberJSON is an account member: a person. Custom roles are ids, as Terraform's provider expects.
type memberJSON struct {
	Links         links    `json:"_links"`
	ID            string   `json:"_id"`
	Role          string   `json:"role" enum:"reader,writer,admin,owner,no_access"`
	Email         string   `json:"email"`
	FirstName     string   `json:"firstName,omitzero"`
	LastName      string   `json:"lastName,omitzero"`
	PendingInvite bool     `json:"_pendingInvite"`
	Verified      bool     `json:"_verified"`
	CustomRoles   []string `json:"customRoles" doc:"Ids"`
	MFA           string   `json:"mfa" enum:"disabled"`
	LastSeen      int64    `json:"_lastSeen" doc:"Unix milliseconds, 0 for never"`
	CreationDate  int64    `json:"creationDate" doc:"Unix milliseconds"`
	// RoleAttributes is there when a request expands it; nobody has any.
	RoleAttributes map[string][]string `json:"roleAttributes,omitzero"`
}

func memberOf(m *catalog.Member) memberJSON {
	return memberJSON{
		Links: links{"self": apiLink("/members/" + string(m.ID)), "parent": apiLink("/members")},
		ID:    string(m.ID), Role: string(m.Role), Email: m.Email, FirstName: m.FirstName, LastName: m.LastName,
		CustomRoles: each(m.CustomRoles, func(id catalog.ID) string { return string(id) }),
		Verified:    true, MFA: "disabled", CreationDate: m.CreatedAt.UnixMilli(),
	}
}

func (s *server) memberOf(m *catalog.Member) memberJSON {
	j := memberOf(m)
	j.LastSeen = unixMilli(s.access.LastSeen(m))
	return j
}

// expandedMember is memberOf with what the request expands. Custom roles are always there.
func (s *server) expandedMember(r *http.Request) func(*catalog.Member) memberJSON {
	return func(m *catalog.Member) memberJSON {
		j := s.memberOf(m)
		if expands(r, "roleAttributes") {
			j.RoleAttributes = map[string][]string{}
		}
		return j
	}
}

func (s *server) memberOrders() orders[*catalog.Member] {
	return orders[*catalog.Member]{
		"displayName": func(a, b *catalog.Member) int { return byText(a.DisplayName(), b.DisplayName()) },
		"lastSeen": func(a, b *catalog.Member) int {
			return s.access.LastSeen(a).Compare(s.access.LastSeen(b))
		},
	}
}

// memberMatches knows no teams: nobody is on one. Roles are the names of custom roles by id.
func (s *server) memberMatches(roles map[catalog.ID]catalog.RoleKey) func(*catalog.Member, term) bool {
	return func(m *catalog.Member, t term) bool {
		switch t.field {
		case "query":
			return mentions(t.value, m.Email, m.FirstName+" "+m.LastName)
		case "role":
			return hasRole(m, anyOf(t.value), roles)
		case "id":
			return slices.Contains(anyOf(t.value), string(m.ID))
		case "email":
			return slices.ContainsFunc(anyOf(t.value), func(email string) bool { return strings.EqualFold(email, m.Email) })
		case "team":
			return false
		case "noteam":
			return t.value != "false"
		case "lastSeen":
			return seenAsAsked(s.access.LastSeen(m), t.value)
		}
		return true
	}
}

func hasRole(m *catalog.Member, names []string, keys map[catalog.ID]catalog.RoleKey) bool {
	held := make([]string, 0, 2*len(m.CustomRoles)+2)
	for _, id := range m.CustomRoles {
		held = append(held, string(id), string(keys[id]))
	}
	if len(m.CustomRoles) == 0 {
		held = append(held, string(m.Role))
	}
	if m.Role == catalog.RoleOwner { // the owner counts as an administrator
		held = append(held, string(catalog.RoleAdmin))
	}
	return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(held, name) })
}

// seenAsAsked reads {"never":true}, {"noData":true} or {"before":ms}; it lets pass what it can't read.
func seenAsAsked(seen time.Time, value string) bool {
	var asked struct {
		Never  bool  `json:"never"`
		NoData bool  `json:"noData"`
		Before int64 `json:"before"`
	}
	if json.Unmarshal([]byte(value), &asked) != nil {
		return true
	}
	if asked.Never || asked.NoData {
		return seen.IsZero()
	}
	return asked.Before == 0 || seen.UnixMilli() < asked.Before
}

func (s *server) listMembers(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	all, err := s.admin.Members(r.Context(), who)
	if err != nil {
		return err
	}
	roles, err := s.admin.Roles(r.Context(), who)
	if err != nil {
		return err
	}
	keys := make(map[catalog.ID]catalog.RoleKey, len(roles))
	for _, role := range roles {
		keys[role.ID] = role.Key
	}
	p, all, err := narrowed(r.URL.Query(), 20, all, s.memberMatches(keys), s.memberOrders())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, paged(r, p, all, s.expandedMember(r)))
}

// memberID reads the member that a path names; "me" is the caller.
func memberID(r *http.Request, who catalog.Caller) (catalog.ID, error) {
	id := catalog.ID(r.PathValue("memberId"))
	if id != "me" {
		return id, nil
	}
	if who.Member == nil {
		return "", fault.NotFoundf("this credential belongs to no account member")
	}
	return who.Member.ID, nil
}

func (s *server) getMember(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	id, err := memberID(r, who)
	if err != nil {
		return err
	}
	m, err := s.admin.Member(r.Context(), who, id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.expandedMember(r)(m))
}

type newMemberJSON struct {
	Email       string   `json:"email"`
	FirstName   string   `json:"firstName,omitzero"`
	LastName    string   `json:"lastName,omitzero"`
	Role        string   `json:"role,omitzero" enum:"reader,writer,admin,no_access"`
	CustomRoles []string `json:"customRoles,omitzero" doc:"Ids or keys"`
	Password    string   `json:"password,omitzero" doc:"To sign in with, 12 characters or more; the member changes it then. Without it there is none yet"`
}

func (s *server) addMembers(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	var body []newMemberJSON
	if err := decodeBody(w, r, maxBodyBytes, &body); err != nil {
		return err
	}
	if err := s.admin.MayAddMembers(who, len(body)); err != nil {
		return err
	}
	news := make([]admin.NewMember, 0, len(body))
	for _, n := range body {
		m := admin.NewMember{
			Email: n.Email, FirstName: n.FirstName, LastName: n.LastName, Role: catalog.BaseRole(n.Role), CustomRoles: n.CustomRoles,
		}
		if n.Password != "" {
			var err error
			if m.Password, err = s.keptPassword(r.Context(), n.Password); err != nil {
				return err
			}
		}
		news = append(news, m)
	}
	added, err := s.admin.AddMembers(r.Context(), who, news)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, collection[memberJSON]{
		Items: each(added, s.memberOf), TotalCount: len(added), Links: links{"self": apiLink("/members")},
	})
}

var memberFields = fields[*catalog.Member]{
	"email":       field(func(m *catalog.Member) *string { return &m.Email }),
	"firstName":   field(func(m *catalog.Member) *string { return &m.FirstName }),
	"lastName":    field(func(m *catalog.Member) *string { return &m.LastName }),
	"role":        field(func(m *catalog.Member) *catalog.BaseRole { return &m.Role }),
	"customRoles": field(func(m *catalog.Member) *[]catalog.ID { return &m.CustomRoles }),
}

func (s *server) patchMember(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	id, err := memberID(r, who)
	if err != nil {
		return err
	}
	p, err := readFieldPatch(w, r)
	if err != nil {
		return err
	}
	m, err := s.admin.ChangeMember(r.Context(), who, id, p.how(), func(m *catalog.Member) error {
		before, after, err := p.edited(memberOf(m))
		if err != nil {
			return err
		}
		return memberFields.assign(m, before, after, "")
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.memberOf(m))
}

// memberPasswordJSON is the password that somebody else gives an account member.
type memberPasswordJSON struct {
	Password string `json:"password" doc:"12 characters or more"`
}

func (s *server) setMemberPassword(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	id, err := memberID(r, who)
	if err != nil {
		return err
	}
	var body memberPasswordJSON
	if err := decodeBody(w, r, maxSignInBytes, &body); err != nil {
		return err
	}
	if err := s.admin.MaySetPassword(who, id); err != nil {
		return err
	}
	kept, err := s.keptPassword(r.Context(), body.Password)
	if err != nil {
		return err
	}
	if err := s.admin.SetPassword(r.Context(), who, id, kept); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) deleteMember(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	id, err := memberID(r, who)
	if err != nil {
		return err
	}
	if err := s.admin.DeleteMember(r.Context(), who, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
