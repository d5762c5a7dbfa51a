package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"muster/internal/access"
	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
)

// sessionCookie is what a browser shows that somebody signed in with.
const sessionCookie = "muster_session"

// ownPage is what X-Requested-With says in requests of muster's own pages. No page of another origin can
// send it, unless it may read the answers too.
const ownPage = "muster"

// caller returns who sends a request, with the rights of this moment.
func (s *server) caller(r *http.Request) (catalog.Caller, error) { return s.credential(r, false) }

// credential is caller; to look only does not count as use of a session.
func (s *server) credential(r *http.Request, look bool) (catalog.Caller, error) {
	header := r.Header.Get("Authorization")
	cookie, err := r.Cookie(sessionCookie)
	if header != "" || err != nil {
		return s.access.Caller(access.Credential(header))
	}
	who, err := s.access.Session(cookie.Value, look)
	if err != nil {
		return who, err
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Header.Get("X-Requested-With") != ownPage {
		return who, fault.Forbiddenf("a request that changes something by a session needs the header X-Requested-With: %s, which pages of other origins can't send; or send an access token", ownPage)
	}
	return who, nil
}

// sessionJSON says who somebody is here.
type sessionJSON struct {
	Member    *memberJSON       `json:"member,omitzero" doc:"Absent for a service token whose creator is gone"`
	Token     *sessionTokenJSON `json:"token,omitzero" doc:"The token that was signed in with; absent when it was a password"`
	Role      string            `json:"role" enum:"reader,writer,admin,owner,no_access,custom" doc:"The built-in role that counts here, or custom"`
	Admin     bool              `json:"administers" doc:"Whether everything is allowed"`
	ExpiresAt int64             `json:"expiresAt,omitzero" doc:"When it ends at the latest; Unix milliseconds. Absent: never"`
	IdleEnd   int64             `json:"idleExpiresAt,omitzero" doc:"When the session ends if nothing is asked by it; Unix milliseconds"`
	Version   string            `json:"version" doc:"Of the server"`
	Links     links             `json:"_links"`
}

type sessionTokenJSON struct {
	ID           string `json:"_id"`
	Name         string `json:"name,omitzero"`
	Token        string `json:"token" doc:"Its last four characters"`
	ServiceToken bool   `json:"serviceToken"`
}

func (s *server) sessionOf(who catalog.Caller) sessionJSON {
	j := sessionJSON{Role: roleHeld(who), Admin: who.Administers, Version: s.version, Links: links{"self": apiLink("/session")}}
	if who.Member != nil {
		m := s.memberOf(who.Member)
		j.Member = &m
	}
	if t := who.Token; t != nil {
		j.Token = &sessionTokenJSON{ID: string(t.ID), Name: t.Name, Token: t.Ending, ServiceToken: t.Service}
		j.ExpiresAt = unixMilli(t.Expiry)
	}
	if end := who.Session; end != nil {
		j.ExpiresAt, j.IdleEnd = end.Expiry.UnixMilli(), s.now().Add(end.Idle).UnixMilli()
	}
	return j
}

// roleHeld is the built-in role by which a caller may what it may.
func roleHeld(who catalog.Caller) string {
	const custom = "custom"
	switch t := who.Token; {
	case t == nil && len(who.Member.CustomRoles) > 0, t != nil && t.Role == "":
		return custom
	case t == nil:
		return string(who.Member.Role)
	case t.Service:
		return string(t.Role)
	case len(who.Member.CustomRoles) > 0:
		return custom
	case t.Administers():
		return string(who.Member.Role)
	case t.Role == catalog.RoleWriter && who.Member.Role == catalog.RoleReader:
		return string(catalog.RoleReader)
	default:
		return string(t.Role)
	}
}

// signInJSON is a token, or an address with a password.
type signInJSON struct {
	Token    string `json:"token,omitzero"`
	Email    string `json:"email,omitzero"`
	Password string `json:"password,omitzero"`
}

// maxSignInBytes bounds the bodies of those who have not shown who they are.
const maxSignInBytes = 16 << 10

// sameSite refuses what a page of another origin sends: it would sign people in as somebody else.
func sameSite(r *http.Request) error {
	if err := new(http.CrossOriginProtection).Check(r); err != nil {
		return fault.Forbiddenf("this is for pages of muster's own address").Because(err)
	}
	return nil
}

func (s *server) signIn(w http.ResponseWriter, r *http.Request, _ catalog.Caller) error {
	if err := sameSite(r); err != nil {
		return err
	}
	var body signInJSON
	if err := decodeBody(w, r, maxSignInBytes, &body); err != nil {
		return err
	}
	from := s.proxies.Client(r)
	var who catalog.Caller
	var err error
	token := access.Credential(body.Token)
	switch {
	case body.Token != "" && body.Email == "" && body.Password == "":
		who, err = s.access.ByToken(from, token)
	case body.Token == "" && body.Email != "" && body.Password != "":
		who, err = s.access.ByPassword(r.Context(), from, body.Email, body.Password)
	default:
		return fault.Invalidf("send either token, or email and password")
	}
	if err != nil {
		if fault.KindOf(err) == fault.Unauthenticated {
			s.log.InfoContext(r.Context(), "sign-in refused", "address", from, "reason", fault.From(err).Message)
		}
		return err
	}
	return s.begin(w, r, who, token)
}

// begin begins a session and answers with it.
func (s *server) begin(w http.ResponseWriter, r *http.Request, who catalog.Caller, token string) error {
	session, value, err := s.admin.SignIn(r.Context(), who, token, s.sessions)
	if err != nil {
		return err
	}
	who.Session = &session
	s.setCookie(w, r, value, session.Expiry)
	w.Header().Set("Cache-Control", "no-store")
	return writeJSON(w, http.StatusOK, s.sessionOf(who))
}

func (s *server) setCookie(w http.ResponseWriter, r *http.Request, value string, expiry time.Time) {
	c := &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", HttpOnly: true, Secure: s.proxies.Encrypted(r), SameSite: http.SameSiteStrictMode,
		MaxAge: int(expiry.Sub(s.now()).Seconds()),
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

func (s *server) getSession(w http.ResponseWriter, _ *http.Request, who catalog.Caller) error {
	w.Header().Set("Cache-Control", "no-store")
	return writeJSON(w, http.StatusOK, s.sessionOf(who))
}

func (s *server) signOut(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	if err := s.admin.SignOut(r.Context(), who); err != nil {
		return err
	}
	s.setCookie(w, r, "", time.Time{})
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) signOutOthers(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	if err := s.admin.SignOutOthers(r.Context(), who); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// firstRunJSON says whether the owner of the account is still to be set up.
type firstRunJSON struct {
	Open bool `json:"open"`
}

func (s *server) getFirstRun(w http.ResponseWriter, _ *http.Request, _ catalog.Caller) error {
	w.Header().Set("Cache-Control", "no-store")
	return writeJSON(w, http.StatusOK, firstRunJSON{!s.admin.SetUp()})
}

// ownerJSON is who takes the account over.
type ownerJSON struct {
	Name     string `json:"name"`
	Email    string `json:"email"`
	Password string `json:"password" doc:"12 characters or more"`
	Code     string `json:"code,omitzero" doc:"The set-up code that the server wrote into its log when it started; not needed by the owner's token or session"`
}

func (s *server) firstRun(w http.ResponseWriter, r *http.Request, _ catalog.Caller) error {
	if err := sameSite(r); err != nil {
		return err
	}
	var body ownerJSON
	if err := decodeBody(w, r, maxSignInBytes, &body); err != nil {
		return err
	}
	if s.admin.SetUp() {
		return fault.Conflictf("This server is already set up. Sign in instead.")
	}
	who, err := s.mayTakeOver(r, body.Code)
	if err != nil {
		return err
	}
	if strings.TrimSpace(body.Name) == "" {
		return fault.Invalidf("name is missing: how the owner of the account is called")
	}
	kept, err := s.keptPassword(r.Context(), body.Password)
	if err != nil {
		return err
	}
	first, last, _ := strings.Cut(strings.TrimSpace(body.Name), " ")
	owner := admin.Owner{FirstName: first, LastName: strings.TrimSpace(last), Email: body.Email, Password: kept}
	m, err := s.admin.TakeOver(r.Context(), who, owner)
	if err != nil {
		return err
	}
	return s.begin(w, r, s.access.MemberCaller(m), "")
}

// keptPassword returns what is to be kept of a password that can be one.
func (s *server) keptPassword(ctx context.Context, password string) (string, error) {
	if err := catalog.CheckPassword(password); err != nil {
		return "", err
	}
	return s.access.HashPassword(ctx, password)
}

// mayTakeOver returns who takes the account over: the holder of an administrator's token of the owner,
// or whoever has read the server's log.
func (s *server) mayTakeOver(r *http.Request, code string) (catalog.Caller, error) {
	if code == "" {
		who, err := s.caller(r)
		owns := err == nil && who.Administers && who.Token != nil && !who.Token.Service && who.Member.Role == catalog.RoleOwner
		if owns || fault.KindOf(err) == fault.Forbidden {
			return who, err
		}
	}
	return catalog.Caller{}, s.access.CheckSetupCode(s.proxies.Client(r), code)
}

// passwordJSON is another password.
type passwordJSON struct {
	Password string `json:"password" doc:"12 characters or more"`
	Present  string `json:"presentPassword,omitzero" doc:"The present one, if there is one"`
}

func (s *server) changePassword(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	var body passwordJSON
	if err := decodeBody(w, r, maxSignInBytes, &body); err != nil {
		return err
	}
	m := who.Member
	if m == nil {
		return fault.NotFoundf("this credential belongs to no account member")
	}
	if err := catalog.CheckPassword(body.Password); err != nil {
		return err
	}
	if m.Password != "" {
		if err := s.access.CheckPassword(r.Context(), s.proxies.Client(r), m, body.Present); err != nil {
			if fault.KindOf(err) == fault.Unauthenticated { // the caller is known, what was typed is wrong
				return fault.Forbiddenf("%s", fault.From(err).Message)
			}
			return err
		}
	}
	kept, err := s.access.HashPassword(r.Context(), body.Password)
	if err != nil {
		return err
	}
	if err := s.admin.ChangePassword(r.Context(), who, m.Password, kept); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
