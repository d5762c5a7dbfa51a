package api

import (
	"net/http"

	"muster/internal/catalog"
)

// accountID is the id of the one account that an installation has.
const accountID = "6d7573746572000000000001"

// rootJSON has no underscore before its links, as in LaunchDarkly's document.
type rootJSON struct {
	Links links `json:"links"`
}

type versionsJSON struct {
	Valid   []int `json:"validVersions"`
	Latest  int   `json:"latestVersion"`
	Current int   `json:"currentVersion"`
	Beta    bool  `json:"beta" doc:"The request asked for beta"`
}

type accountJSON struct {
	ID           string `json:"_id"`
	Organization string `json:"organization"`
	Links        links  `json:"_links"`
}

func (s *server) getRoot(w http.ResponseWriter, _ *http.Request, _ catalog.Caller) error {
	l := links{}
	for _, name := range []string{"auditlog", "caller-identity", "flags", "members", "projects", "roles", "segments", "tokens", "versions"} {
		l[name] = apiLink("/" + name)
	}
	l["self"] = apiLink("")
	return writeJSON(w, http.StatusOK, rootJSON{l})
}

func (s *server) getVersions(w http.ResponseWriter, r *http.Request, _ catalog.Caller) error {
	beta, err := apiVersion(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, versionsJSON{validVersions, currentVersion, currentVersion, beta})
}

func (s *server) getAccount(w http.ResponseWriter, _ *http.Request, _ catalog.Caller) error {
	return writeJSON(w, http.StatusOK, accountJSON{accountID, "muster", links{"self": apiLink("/account")}})
}
