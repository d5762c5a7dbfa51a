package api

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

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
	CreationDate      int64              `json:"creationDate" doc:"Unix milliseconds"`
	LastModified      int64              `json:"lastModified" doc:"Unix milliseconds"`
	LastUsed          int64              `json:"lastUsed,omitzero" doc:"Unix milliseconds"`
	Expiry            int64              `json:"expiry,omitzero" doc:"When it stops working; Unix milliseconds. Absent: never"`
	Role              string             `json:"role,omitzero" enum:"reader,writer,admin,owner"`
	CustomRoleIDs     []string           `json:"customRoleIds,omitempty"`
	InlineRole        []statementJSON    `json:"inlineRole,omitzero"`
	Token             string             `json:"token" doc:"The whole secret in the answers to creation and reset, its last four characters otherwise"`
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
func (s *server) tokenOf(t *catalog.Token, owners map[catalog.ID]*catalog.Member) tokenJSON {
	j := tokenOf(t, owners)
	j.LastUsed = unixMilli(s.access.LastUsed(t))
	return j
}

// tokenOf renders what is kept of a token.
func tokenOf(t *catalog.Token, owners map[catalog.ID]*catalog.Member) tokenJSON {
	j := tokenJSON{
		ID: string(t.ID), OwnerID: string(t.Owner), MemberID: string(t.Owner), Name: t.Name, Description: t.Description,
		CreationDate: t.CreatedAt.UnixMilli(), LastModified: t.ModifiedAt.UnixMilli(), Role: string(t.Role),
		Expiry: unixMilli(t.Expiry), Token: t.Ending, ServiceToken: t.Service, DefaultAPIVersion: t.DefaultAPIVersion,
		Links: links{"self": apiLink("/tokens/" + string(t.ID)), "parent": apiLink("/tokens")},
	}
	if len(t.CustomRoles) > 0 {
		j.CustomRoleIDs = each(t.CustomRoles, func(id catalog.ID) string { return string(id) })
	}
	if t.InlineRole != nil {
		j.InlineRole = each(t.InlineRole, statementOf)
	}
	if m := owners[t.Owner]; m != nil {
		j.Member = memberSummaryOf(m)
	}
	return j
}

func memberSummaryOf(m *catalog.Member) *memberSummaryJSON {
	return &memberSummaryJSON{
		Links: links{"self": apiLink("/members/" + string(m.ID))}, ID: string(m.ID), Role: string(m.Role),
		Email: m.Email, FirstName: m.FirstName, LastName: m.LastName,
	}
}

// membersByID returns the account members that the caller may see.
func (s *server) membersByID(r *http.Request, who catalog.Caller) map[catalog.ID]*catalog.Member {
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

var tokenOrders = orders[*catalog.Token]{
	"name": func(a, b *catalog.Token) int { return byText(a.Name, b.Name) },
}

func tokenMatches(token *catalog.Token, t term) bool {
	switch t.field {
	case "query":
		return mentions(t.value, token.Name, token.Ending)
	case "id":
		return slices.Contains(anyOf(t.value), string(token.ID))
	}
	return true
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
	all, err := s.admin.Tokens(r.Context(), who, showAll)
	if err != nil {
		return err
	}
	p, all, err := narrowed(query, 25, all, tokenMatches, tokenOrders)
	if err != nil {
		return err
	}
	owners := s.membersByID(r, who)
	return writeJSON(w, http.StatusOK, paged(r, p, all, func(t *catalog.Token) tokenJSON { return s.tokenOf(t, owners) }))
}

// newTokenJSON is a token to be, with one of Role, CustomRoleIDs and InlineRole.
type newTokenJSON struct {
	Name              string          `json:"name,omitzero"`
	Description       string          `json:"description,omitzero"`
	Role              string          `json:"role,omitzero" enum:"reader,writer,admin"`
	CustomRoleIDs     []string        `json:"customRoleIds,omitzero" doc:"Ids or keys"`
	InlineRole        []statementJSON `json:"inlineRole,omitzero"`
	Service           bool            `json:"serviceToken,omitzero"`
	DefaultAPIVersion int             `json:"defaultApiVersion,omitzero"`
	Token             string          `json:"token,omitzero" doc:"The secret, which administrators may choose"`
	Expiry            int64           `json:"expiry,omitzero" doc:"When it stops working; Unix milliseconds. Absent: never"`
}

func (s *server) createToken(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	var body newTokenJSON
	if err := decodeBody(w, r, maxBodyBytes, &body); err != nil {
		return err
	}
	n := admin.NewToken{
		Name: body.Name, Description: body.Description, Service: body.Service,
		Role: catalog.BaseRole(body.Role), CustomRoles: body.CustomRoleIDs, DefaultAPIVersion: body.DefaultAPIVersion, Secret: body.Token,
	}
	var err error
	if n.Expiry, err = instant("expiry", body.Expiry); err != nil {
		return err
	}
	if len(body.InlineRole) > 0 {
		n.InlineRole = each(body.InlineRole, statementJSON.statement)
	}
	t, secret, err := s.admin.CreateToken(r.Context(), who, n)
	if err != nil {
		return err
	}
	return s.revealToken(w, r, http.StatusCreated, who, t, secret)
}

// revealToken answers with a token and, this once, its secret.
func (s *server) revealToken(w http.ResponseWriter, r *http.Request, status int, who catalog.Caller, t *catalog.Token, secret string) error {
	j := s.tokenOf(t, s.membersByID(r, who))
	j.Token = secret
	w.Header().Set("Cache-Control", "no-store")
	return writeJSON(w, status, j)
}

func tokenID(r *http.Request) catalog.ID { return catalog.ID(r.PathValue("tokenId")) }

var tokenFields = fields[*catalog.Token]{
	"name":          field(func(t *catalog.Token) *string { return &t.Name }),
	"description":   field(func(t *catalog.Token) *string { return &t.Description }),
	"role":          field(func(t *catalog.Token) *catalog.BaseRole { return &t.Role }),
	"customRoleIds": field(func(t *catalog.Token) *[]catalog.ID { return &t.CustomRoles }),
	"expiry": func(t *catalog.Token, text jsontext.Value) error {
		var ms int64
		if err := decode(text, &ms); err != nil {
			return err
		}
		var err error
		t.Expiry, err = instant("expiry", ms)
		return err
	},
	"inlineRole": asField(func(t *catalog.Token, v []statementJSON) {
		t.InlineRole = each(v, statementJSON.statement)
	}),
}

func (s *server) patchToken(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	p, err := readFieldPatch(w, r)
	if err != nil {
		return err
	}
	t, err := s.admin.ChangeToken(r.Context(), who, tokenID(r), p.how(), func(t *catalog.Token) error {
		before, after, err := p.edited(tokenOf(t, nil))
		if err != nil {
			return notApplicable(err)
		}
		return tokenFields.assign(t, before, after, "")
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.tokenOf(t, s.membersByID(r, who)))
}

// notApplicable gives a patch that can't be applied the code that clients know of tokens.
func notApplicable(err error) error {
	f := fault.From(err)
	if f.Code != fault.CodeInvalidPatch {
		return err
	}
	return fault.New(fault.Invalid, fault.CodePatchFailed, "%s", f.Message)
}

func (s *server) resetToken(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	expiry, err := expiryOf(r)
	if err != nil {
		return err
	}
	t, secret, err := s.admin.ResetToken(r.Context(), who, tokenID(r), expiry)
	if err != nil {
		return err
	}
	return s.revealToken(w, r, http.StatusOK, who, t, secret)
}

// expiryOf reads until when a secret that is replaced still works. One that has passed means at once.
func expiryOf(r *http.Request) (time.Time, error) {
	text := r.URL.Query().Get("expiry")
	if text == "" {
		return time.Time{}, nil
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms > latestMillis {
		return time.Time{}, fault.Invalidf("expiry must be a time in Unix milliseconds, not %q", clip(text))
	}
	return time.UnixMilli(max(0, ms)), nil
}

// instant reads a time of a body; 0 is none.
func instant(name string, ms int64) (time.Time, error) {
	if ms < 0 || ms > latestMillis {
		return time.Time{}, fault.Invalidf("%s must be a time in Unix milliseconds, not %d", name, ms)
	}
	if ms == 0 {
		return time.Time{}, nil
	}
	return time.UnixMilli(ms), nil
}

// latestMillis is the end of the year 9999, the last that JSON can hold as a date.
const latestMillis = 253402300799999

func (s *server) getToken(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	t, err := s.admin.Token(r.Context(), who, tokenID(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.tokenOf(t, s.membersByID(r, who)))
}

func (s *server) deleteToken(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	if err := s.admin.DeleteToken(r.Context(), who, tokenID(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
