package api

import (
	"net/http"

	"muster/internal/access"
	"muster/internal/catalog"
	"muster/internal/fault"
)

// callerIdentityJSON says whose credential a request carries; every member is optional.
type callerIdentityJSON struct {
	AccountID       string   `json:"accountId"`
	AuthKind        string   `json:"authKind" enum:"token,session,sdkKey,mobileKey"`
	TokenKind       string   `json:"tokenKind,omitempty" enum:"personal,service"`
	TokenName       string   `json:"tokenName,omitempty"`
	TokenID         string   `json:"tokenId,omitempty"`
	MemberID        string   `json:"memberId,omitempty"`
	ServiceToken    bool     `json:"serviceToken"`
	Scopes          []string `json:"scopes"`
	ProjectID       string   `json:"projectId,omitempty"`
	ProjectName     string   `json:"projectName,omitempty"`
	EnvironmentID   string   `json:"environmentId,omitempty"`
	EnvironmentName string   `json:"environmentName,omitempty"`
}

// getCallerIdentity is the one endpoint that also knows the credentials of SDKs.
func (s *server) getCallerIdentity(w http.ResponseWriter, r *http.Request, _ catalog.Caller) error {
	who, err := s.caller(r)
	credential := access.Credential(r.Header.Get("Authorization"))
	if fault.KindOf(err) == fault.Unauthenticated {
		if identity, ok := s.sdkIdentity(credential); ok {
			return writeJSON(w, http.StatusOK, identity)
		}
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, tokenIdentity(who))
}

func tokenIdentity(who catalog.Caller) callerIdentityJSON {
	identity := callerIdentityJSON{AccountID: accountID, AuthKind: "token"}
	if who.Session != nil {
		identity.AuthKind = "session"
	}
	if t := who.Token; t != nil {
		identity.TokenKind, identity.TokenName, identity.TokenID, identity.ServiceToken = "personal", t.Name, string(t.ID), t.Service
		if t.Service {
			identity.TokenKind = "service"
		}
	}
	if who.Member != nil {
		identity.MemberID = string(who.Member.ID)
	}
	return identity
}

// sdkIdentity says which environment a credential of an SDK leads to. A client-side ID, which
// everybody may know, proves nothing and gets no answer.
func (s *server) sdkIdentity(credential string) (callerIdentityJSON, bool) {
	kind := "sdkKey"
	e, err := s.access.SDKKey(credential)
	if err != nil {
		kind = "mobileKey"
		if e, err = s.access.MobileKey(credential); err != nil {
			return callerIdentityJSON{}, false
		}
	}
	identity := callerIdentityJSON{AccountID: accountID, AuthKind: kind, EnvironmentID: string(e.ID), EnvironmentName: e.Name}
	if p, ok := s.access.Project(e); ok {
		identity.ProjectID, identity.ProjectName = string(p.ID), p.Name
	}
	return identity, true
}
