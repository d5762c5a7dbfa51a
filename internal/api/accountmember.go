package api

import (
	"net/http"
	"slices"
	"strings"

	"muster/internal/catalog"
	"muster/internal/fault"
)

// memberJSON is an account member: a person.
type memberJSON struct {
	Links         links    `json:"_links"`
	ID            string   `json:"_id"`
	Role          string   `json:"role"`
	Email         string   `json:"email"`
	FirstName     string   `json:"firstName,omitzero"`
	LastName      string   `json:"lastName,omitzero"`
	PendingInvite bool     `json:"_pendingInvite"`
	Verified      bool     `json:"_verified"`
	CustomRoles   []string `json:"customRoles"`
	MFA           string   `json:"mfa"`
	LastSeen      int64    `json:"_lastSeen"`
	CreationDate  int64    `json:"creationDate"`
}

func memberOf(m *catalog.Member) memberJSON {
	return memberJSON{
		Links: links{"self": apiLink("/members/" + string(m.ID)), "parent": apiLink("/members")},
		ID:    string(m.ID), Role: string(m.Role), Email: m.Email, FirstName: m.FirstName, LastName: m.LastName,
		Verified: true, MFA: "disabled", CreationDate: m.CreatedAt.UnixMilli(),
	}
}

var memberOrders = orders[*catalog.Member]{
	"displayName": func(a, b *catalog.Member) int {
		return byText(a.FirstName+" "+a.LastName, b.FirstName+" "+b.LastName)
	},
	"lastSeen": func(*catalog.Member, *catalog.Member) int { return 0 },
}

func memberMatches(m *catalog.Member, t term) bool {
	switch t.field {
	case "query":
		return mentions(t.value, m.Email, m.FirstName+" "+m.LastName)
	case "role":
		roles := anyOf(t.value)
		// The owner counts as an administrator.
		return slices.Contains(roles, string(m.Role)) || (m.Role == catalog.RoleOwner && slices.Contains(roles, string(catalog.RoleAdmin)))
	case "id":
		return slices.Contains(anyOf(t.value), string(m.ID))
	case "email":
		return slices.ContainsFunc(anyOf(t.value), func(email string) bool { return strings.EqualFold(email, m.Email) })
	}
	return true
}

func (s *server) listMembers(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	all, err := s.admin.Members(r.Context(), who)
	if err != nil {
		return err
	}
	p, all, err := narrowed(r.URL.Query(), 20, all, memberMatches, memberOrders)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, paged(r, p, all, memberOf))
}

func (s *server) getMember(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	id := catalog.ID(r.PathValue("memberId"))
	if id == "me" {
		if who.Member == nil {
			return fault.NotFoundf("this credential belongs to no account member")
		}
		return writeJSON(w, http.StatusOK, memberOf(who.Member))
	}
	all, err := s.admin.Members(r.Context(), who)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(m *catalog.Member) bool { return m.ID == id })
	if i < 0 {
		return fault.NotFoundf("Unknown member id %s", clip(string(id)))
	}
	return writeJSON(w, http.StatusOK, memberOf(all[i]))
}
