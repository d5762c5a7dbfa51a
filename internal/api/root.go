package api

import (
	"net/http"

	"muster/internal/catalog"
	"muster/internal/ingest"
	"muster/internal/segment"
)

// accountID is the id of the one account that an installation has.
const accountID = "6d7573746572000000000001"

func (s *server) getRoot(w http.ResponseWriter, _ *http.Request, _ catalog.Caller) error {
	l := links{}
	for _, name := range []string{"auditlog", "caller-identity", "flags", "members", "projects", "roles", "segments", "tokens", "versions"} {
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
