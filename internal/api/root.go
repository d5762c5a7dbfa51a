package api

import (
	"net/http"

	"muster/internal/access"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/ingest"
	"muster/internal/segment"
)

// accountID is the id of the one account that an installation has.
const accountID = "6d7573746572000000000001"

func (s *server) getRoot(w http.ResponseWriter, _ *http.Request, _ catalog.Caller) error {
	l := links{}
	for _, name := range []string{"auditlog", "caller-identity", "flags", "members", "projects", "segments", "tokens", "versions"} {
		l[name] = apiLink("/" + name)
	}
	l["self"] = apiLink("")
	return writeJSON(w, http.StatusOK, struct {
		Links links `json:"links"`
	}{l})
}

func (s *server) getVersions(w http.ResponseWriter, r *http.Request, _ catalog.Caller) error {
	beta, err := apiVersion(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Valid   []int `json:"validVersions"`
		Latest  int   `json:"latestVersion"`
		Current int   `json:"currentVersion"`
		Beta    bool  `json:"beta"`
	}{validVersions, currentVersion, currentVersion, beta})
}

// callerIdentityJSON says whose credential a request carries; every member is optional.
type callerIdentityJSON struct {
	AccountID       string   `json:"accountId"`
	AuthKind        string   `json:"authKind"`
	TokenKind       string   `json:"tokenKind,omitempty"`
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

// getCallerIdentity is the one endpoint that also knows SDK keys.
func (s *server) getCallerIdentity(w http.ResponseWriter, r *http.Request, _ catalog.Caller) error {
	credential := access.Credential(r.Header.Get("Authorization"))
	identity := callerIdentityJSON{AccountID: accountID}
	who, err := s.access.Caller(credential)
	switch {
	case err == nil:
		identity.AuthKind = "token"
		if t := who.Token; t != nil {
			identity.TokenKind = "personal"
			if t.Service {
				identity.TokenKind, identity.ServiceToken = "service", true
			}
			identity.TokenName, identity.TokenID = t.Name, string(t.ID)
		}
		if who.Member != nil {
			identity.MemberID = string(who.Member.ID)
		}
	case fault.KindOf(err) == fault.Unauthenticated:
		env, keyErr := s.access.SDKKey(credential)
		if keyErr != nil {
			return err
		}
		identity.AuthKind = "sdkKey"
		identity.ProjectName = string(env.Project)
		identity.EnvironmentID, identity.EnvironmentName = string(env.ID), env.Name
	default:
		return err
	}
	return writeJSON(w, http.StatusOK, identity)
}

func (s *server) getAccount(w http.ResponseWriter, _ *http.Request, _ catalog.Caller) error {
	return writeJSON(w, http.StatusOK, struct {
		ID           string `json:"_id"`
		Organization string `json:"organization"`
		Links        links  `json:"_links"`
	}{accountID, "muster", links{"self": apiLink("/account")}})
}

type limitJSON struct {
	Name    string `json:"name"`
	Value   int64  `json:"value"`
	Setting string `json:"setting,omitzero"` // the flag that changes it
}

func (s *server) getLimits(w http.ResponseWriter, _ *http.Request, _ catalog.Caller) error {
	limits := []limitJSON{
		{Name: "maxMemberKeyBytes", Value: segment.MaxKeyBytes},
		{Name: "maxContextKeysPerCall", Value: ingest.MaxEditKeys},
		{Name: "maxContextsBodyBytes", Value: maxContextsBytes},
		{Name: "maxBodyBytes", Value: maxBodyBytes},
		{Name: "maxSdkDataBytes", Value: maxSDKDataBytes},
		{Name: "maxPatchOperations", Value: maxPatchOps},
		{Name: "maxInstructions", Value: maxInstructions},
		{Name: "maxJsonDepth", Value: maxDepth},
		{Name: "maxImportBytes", Value: s.maxImport, Setting: "--max-import"},
	}
	return writeJSON(w, http.StatusOK, collection[limitJSON]{
		Items: limits, TotalCount: len(limits), Links: links{"self": apiLink("/limits")},
	})
}
