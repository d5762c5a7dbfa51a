package api

import (
	"net/http"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
)

// relayConfigJSON is a configuration of Relay Proxies. FullKey is there only where the key was just
// made: nobody keeps it.
type relayConfigJSON struct {
	ID           string             `json:"_id"`
	Creator      *memberSummaryJSON `json:"_creator,omitzero"`
	Name         string             `json:"name"`
	Policy       []statementJSON    `json:"policy"`
	FullKey      string             `json:"fullKey,omitzero"`
	DisplayKey   string             `json:"displayKey"`
	CreationDate int64              `json:"creationDate"`
	LastModified int64              `json:"lastModified"`
}

type relayConfigsJSON struct {
	Items []relayConfigJSON `json:"items"`
}

type newRelayConfigJSON struct {
	Name   string          `json:"name"`
	Policy []statementJSON `json:"policy"`
}

func relayConfigOf(c *catalog.RelayConfig, members map[catalog.ID]*catalog.Member) relayConfigJSON {
	j := relayConfigJSON{
		ID: string(c.ID), Name: c.Name, Policy: each(c.Policy, statementOf), DisplayKey: c.Ending,
		CreationDate: c.CreatedAt.UnixMilli(), LastModified: c.ModifiedAt.UnixMilli(),
	}
	if m := members[c.Creator]; m != nil {
		j.Creator = memberSummaryOf(m)
	}
	return j
}

var relayConfigFields = fields[*catalog.RelayConfig]{
	"name": field(func(c *catalog.RelayConfig) *string { return &c.Name }),
	"policy": asField(func(c *catalog.RelayConfig, v []statementJSON) {
		c.Policy = each(v, statementJSON.statement)
	}),
}

func relayConfigID(r *http.Request) catalog.ID { return catalog.ID(r.PathValue("relayConfigId")) }

// listRelayConfigs answers with all of them, as clients expect: without pages and links.
func (s *server) listRelayConfigs(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	all, err := s.admin.RelayConfigs(r.Context(), who)
	if err != nil {
		return err
	}
	members := s.membersByID(r, who)
	return writeJSON(w, http.StatusOK, relayConfigsJSON{each(all, func(c *catalog.RelayConfig) relayConfigJSON { return relayConfigOf(c, members) })})
}

func (s *server) createRelayConfig(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	var body newRelayConfigJSON
	if err := decodeBody(w, r, maxBodyBytes, &body); err != nil {
		return err
	}
	if body.Policy == nil {
		return fault.Invalidf("policy is missing; one that selects no environment is an empty list")
	}
	c, key, err := s.admin.CreateRelayConfig(r.Context(), who, admin.NewRelayConfig{Name: body.Name, Policy: each(body.Policy, statementJSON.statement)})
	if err != nil {
		return err
	}
	return s.revealRelayConfig(w, r, http.StatusCreated, who, c, key)
}

// revealRelayConfig answers with a configuration and, this once, its key.
func (s *server) revealRelayConfig(w http.ResponseWriter, r *http.Request, status int, who catalog.Caller, c *catalog.RelayConfig, key string) error {
	j := relayConfigOf(c, s.membersByID(r, who))
	j.FullKey = key
	w.Header().Set("Cache-Control", "no-store")
	return writeJSON(w, status, j)
}

func (s *server) getRelayConfig(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	c, err := s.admin.RelayConfig(r.Context(), who, relayConfigID(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, relayConfigOf(c, s.membersByID(r, who)))
}

func (s *server) patchRelayConfig(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	p, err := readFieldPatch(w, r)
	if err != nil {
		return err
	}
	c, err := s.admin.ChangeRelayConfig(r.Context(), who, relayConfigID(r), p.how(), func(c *catalog.RelayConfig) error {
		before, after, err := p.edited(relayConfigOf(c, nil))
		if err != nil {
			return notApplicable(err)
		}
		return relayConfigFields.assign(c, before, after, "")
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, relayConfigOf(c, s.membersByID(r, who)))
}

func (s *server) resetRelayConfig(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	expiry, err := expiryOf(r)
	if err != nil {
		return err
	}
	c, key, err := s.admin.ResetRelayConfig(r.Context(), who, relayConfigID(r), expiry)
	if err != nil {
		return err
	}
	return s.revealRelayConfig(w, r, http.StatusOK, who, c, key)
}

func (s *server) deleteRelayConfig(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	if err := s.admin.DeleteRelayConfig(r.Context(), who, relayConfigID(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
