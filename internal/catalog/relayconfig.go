package catalog

import (
	"time"

	"muster/internal/policy"
)

// RelayConfig is a configuration of Relay Proxies: a key, and a policy that selects the environments
// which a relay with the key serves.
type RelayConfig struct {
	ID   ID
	Name string
	HashedSecret
	// Policy selects an environment if it allows any action on it.
	Policy     []policy.Statement
	Creator    ID // account member; empty when there was none
	CreatedAt  time.Time
	ModifiedAt time.Time
}

// Clone returns a copy that shares nothing changeable with c.
func (c *RelayConfig) Clone() *RelayConfig {
	n := *c
	n.HashedSecret = c.clone()
	n.Policy = cloneEach(c.Policy, policy.Statement.Clone)
	return &n
}

// Validate returns a sentence about the first field that can't be as it is.
func (c *RelayConfig) Validate() error {
	if err := checkName(c.Name); err != nil {
		return err
	}
	return policy.Validate(c.Policy)
}

// Grants returns what whoever has the key can do: see the SDK keys of each environment that a
// statement can select.
func (c *RelayConfig) Grants() policy.Role {
	r := policy.Role{Name: c.Name, Base: policy.NoAccess}
	for _, s := range c.Policy {
		if s.Effect == policy.Allow {
			r.Policy = append(r.Policy, policy.Statement{
				Effect: policy.Allow, Actions: []string{string(policy.ViewSDKKey)}, Resources: s.Resources, NotResources: s.NotResources,
			})
		}
	}
	return r
}
