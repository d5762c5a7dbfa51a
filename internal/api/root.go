package api

import (
	"net/http"

	"muster/internal/catalog"
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
