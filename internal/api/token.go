package api

import (
	"net/http"
	"strconv"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
)

type tokenJSON struct {
	ID                string             `json:"_id"`
	OwnerID           string             `json:"ownerId"`
	MemberID          string             `json:"memberId"`
	Member            *memberSummaryJSON `json:"_member,omitzero"`
	Name              string             `json:"name,omitzero"`
	Description       string             `json:"description,omitzero"`
	CreationDate      int64              `json:"creationDate"`
	LastModified      int64              `json:"lastModified"`
	Role              string             `json:"role,omitzero"`
	InlineRole        []statementJSON    `json:"inlineRole,omitzero"`
	Token             string             `json:"token"`
	ServiceToken      bool               `json:"serviceToken"`
	DefaultAPIVersion int                `json:"defaultApiVersion"`
	Links             links              `json:"_links"`
}

type memberSummaryJSON struct {
	Links     links  `json:"_links"`
	ID        string `json:"_id"`
	Role      string `json:"role"`
	Email     string `json:"email"`
	FirstName string `json:"firstName,omitzero"`
	LastName  string `json:"lastName,omitzero"`
}

// tokenOf renders a token without its secret: nobody keeps that, only its last characters.
func tokenOf(t *catalog.Token, owners map[catalog.ID]*catalog.Member) tokenJSON {
	j := tokenJSON{
		ID: string(t.ID), OwnerID: string(t.Owner), MemberID: string(t.Owner), Name: t.Name, Description: t.Description,
		CreationDate: t.CreatedAt.UnixMilli(), LastModified: t.ModifiedAt.UnixMilli(), Role: string(t.Role),
		Token: t.Ending, ServiceToken: t.Service, DefaultAPIVersion: t.DefaultAPIVersion,
		Links: links{"self": apiLink("/tokens/" + string(t.ID)), "parent": apiLink("/tokens")},
	}
	if t.InlineRole != nil {
		j.InlineRole = each(t.InlineRole, statementOf)
	}
	if m := owners[t.Owner]; m != nil {
		j.Member = &memberSummaryJSON{
			Links: links{"self": apiLink("/members/" + string(m.ID))}, ID: string(m.ID), Role: string(m.Role),
			Email: m.Email, FirstName: m.FirstName, LastName: m.LastName,
		}
	}
	return j
}

// owners returns the account members by id; none for a caller that may not see them.
func (s *server) owners(r *http.Request, who catalog.Caller) map[catalog.ID]*catalog.Member {
	members, err := s.admin.Members(r.Context(), who)
	if err != nil {
		return nil
	}
	byID := make(map[catalog.ID]*catalog.Member, len(members))
	for _, m := range members {
		byID[m.ID] = m
	}
	return byID
}

func (s *server) listTokens(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	query := r.URL.Query()
	showAll := false
	if text := query.Get("showAll"); text != "" {
		var err error
		if showAll, err = strconv.ParseBool(text); err != nil {
			return fault.Invalidf("showAll must be true or false, not %q", clip(text))
		}
	}
	p, err := pageOf(query, 25)
	if err != nil {
		return err
	}
	all, err := s.admin.Tokens(r.Context(), who, showAll)
	if err != nil {
		return err
	}
	owners := s.owners(r, who)
	return writeJSON(w, http.StatusOK, paged(r, p, all, func(t *catalog.Token) tokenJSON { return tokenOf(t, owners) }))
}

func (s *server) createToken(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	var body struct {
		Name              string          `json:"name"`
		Description       string          `json:"description"`
		Role              string          `json:"role"`
		CustomRoleIDs     []string        `json:"customRoleIds"`
		InlineRole        []statementJSON `json:"inlineRole"`
		Service           bool            `json:"serviceToken"`
		DefaultAPIVersion int             `json:"defaultApiVersion"`
		// Token is the secret, which administrators may choose.
		Token string `json:"token"`
	}
	if err := decodeBody(w, r, maxBodyBytes, &body); err != nil {
		return err
	}
	if len(body.CustomRoleIDs) > 0 {
		return fault.Invalidf("custom roles are not served yet; use role or inlineRole instead of customRoleIds")
	}
	n := admin.NewToken{
		Name: body.Name, Description: body.Description, Service: body.Service,
		Role: catalog.BaseRole(body.Role), DefaultAPIVersion: body.DefaultAPIVersion, Secret: body.Token,
	}
	if len(body.InlineRole) > 0 {
		n.InlineRole = each(body.InlineRole, statementJSON.statement)
	}
	t, secret, err := s.admin.CreateToken(r.Context(), who, n)
	if err != nil {
		return err
	}
	j := tokenOf(t, s.owners(r, who))
	j.Token = secret
	w.Header().Set("Cache-Control", "no-store")
	return writeJSON(w, http.StatusCreated, j)
}

func (s *server) getToken(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	t, err := s.admin.Token(r.Context(), who, catalog.ID(r.PathValue("tokenId")))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, tokenOf(t, s.owners(r, who)))
}

func (s *server) deleteToken(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	if err := s.admin.DeleteToken(r.Context(), who, catalog.ID(r.PathValue("tokenId"))); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
