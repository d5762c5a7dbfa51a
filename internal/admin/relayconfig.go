package admin

import (
	"cmp"
	"context"
	"slices"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/store"
)

// maxRelayConfigs is how many configurations of relays an account can have.
const maxRelayConfigs = 1000

// NewRelayConfig is what a caller gives to create a configuration of relays.
type NewRelayConfig struct {
	Name   string
	Policy []policy.Statement
}

func relayConfigResource(id catalog.ID) policy.Resource {
	return policy.Resource{{Kind: "relay-proxy-config", Name: string(id)}}
}

func seesRelayConfig(who catalog.Caller, c *catalog.RelayConfig) bool {
	return who.Administers || who.Principal.Allows(policy.ViewRelayConfig, relayConfigResource(c.ID))
}

// RelayConfigs returns the configurations of relays that the caller may view, oldest first.
func (a *Admin) RelayConfigs(_ context.Context, who catalog.Caller) ([]*catalog.RelayConfig, error) {
	var visible []*catalog.RelayConfig
	for _, c := range a.store.RelayConfigs() {
		if seesRelayConfig(who, c) {
			visible = append(visible, c)
		}
	}
	return visible, nil
}

// RelayConfig returns one configuration of relays.
func (a *Admin) RelayConfig(_ context.Context, who catalog.Caller, id catalog.ID) (*catalog.RelayConfig, error) {
	return findRelayConfig(a.store, who, id)
}

func findRelayConfig(from store.Catalog, who catalog.Caller, id catalog.ID) (*catalog.RelayConfig, error) {
	c, ok := from.RelayConfig(id)
	if !ok || !seesRelayConfig(who, c) {
		return nil, fault.NotFoundf("there is no relay configuration %.80q that this credential may view", id)
	}
	return c, nil
}

// CreateRelayConfig returns the configuration and its key, which is kept nowhere. Its policy must
// select no environment whose SDK key the caller may not see.
func (a *Admin) CreateRelayConfig(ctx context.Context, who catalog.Caller, n NewRelayConfig) (*catalog.RelayConfig, string, error) {
	now := a.now()
	c := &catalog.RelayConfig{ID: catalog.NewID(), Name: n.Name, Policy: n.Policy, CreatedAt: now, ModifiedAt: now}
	key := catalog.NewSecret(catalog.RelayKeyPrefix)
	c.SetSecret(key)
	if who.Member != nil {
		c.Creator = who.Member.ID
	}
	es := effects{{policy.CreateRelayConfig, relayConfigResource("")}}
	if err := es.authorise(who); err != nil {
		return nil, "", err
	}
	if err := c.Validate(); err != nil {
		return nil, "", err
	}
	if err := checkRelayCovered(who, c); err != nil {
		return nil, "", err
	}
	err := a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		if len(tx.RelayConfigs()) >= maxRelayConfigs {
			return fault.TooLargef("the account has %d relay configurations; at most %d are allowed", maxRelayConfigs, maxRelayConfigs)
		}
		tx.PutRelayConfig(c)
		return a.audit(tx, who, es, relayConfigDone("created the relay configuration", nil, c))
	})
	if err != nil {
		return nil, "", err
	}
	return c, key, nil
}

// checkRelayCovered refuses to hand out a key that shows what the caller may not see.
func checkRelayCovered(who catalog.Caller, c *catalog.RelayConfig) error {
	if who.Administers || who.Principal.Covers(c.Grants()) {
		return nil
	}
	return fault.Forbiddenf("a relay with this policy could see SDK keys that this credential may not, or it can't be decided that it could not: it needs %s on everything that the policy allows; an administrator can do this", policy.ViewSDKKey)
}

// ChangeRelayConfig runs change on a clone of the configuration; the caller needs the action of every
// difference it makes. change may run more than once.
func (a *Admin) ChangeRelayConfig(ctx context.Context, who catalog.Caller, id catalog.ID, how Change, change func(*catalog.RelayConfig) error) (*catalog.RelayConfig, error) {
	var result *catalog.RelayConfig
	err := a.update(ctx, store.Account, how, func(tx store.Tx) error {
		before, err := findRelayConfig(tx, who, id)
		if err != nil {
			return err
		}
		after := before.Clone()
		if err := change(after); err != nil {
			return err
		}
		result = before
		es := relayConfigEffects(before, after)
		if err := es.authorise(who); err != nil || len(es) == 0 {
			return err
		}
		if err := after.Validate(); err != nil {
			return err
		}
		if !samePolicy(before, after) {
			if err := checkRelayCovered(who, after); err != nil {
				return err
			}
		}
		after.ModifiedAt = a.now()
		tx.PutRelayConfig(after)
		result = after
		d := relayConfigDone("updated the relay configuration", before, after)
		d.how = how
		return a.audit(tx, who, es, d)
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

func relayConfigEffects(before, after *catalog.RelayConfig) effects {
	var es effects
	on := relayConfigResource(before.ID)
	es.when(before.Name != after.Name, policy.UpdateRelayConfigName, on)
	es.when(!samePolicy(before, after), policy.UpdateRelayConfigPolicy, on)
	return es
}

func samePolicy(a, b *catalog.RelayConfig) bool {
	return slices.EqualFunc(a.Policy, b.Policy, policy.Statement.Equal)
}

// ResetRelayConfig gives a configuration a new key, which is returned and kept nowhere. The one before,
// and any from before that, stop working at expiry, or at once if that has passed.
func (a *Admin) ResetRelayConfig(ctx context.Context, who catalog.Caller, id catalog.ID, expiry time.Time) (*catalog.RelayConfig, string, error) {
	key := catalog.NewSecret(catalog.RelayKeyPrefix)
	var result *catalog.RelayConfig
	err := a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		before, err := findRelayConfig(tx, who, id)
		if err != nil {
			return err
		}
		es := effects{{policy.ResetRelayConfig, relayConfigResource(id)}}
		if err := es.authorise(who); err != nil {
			return err
		}
		if err := checkRelayCovered(who, before); err != nil {
			return err
		}
		after := before.Clone()
		after.ModifiedAt = a.now()
		if err := after.Reset(key, after.ModifiedAt, expiry); err != nil {
			return err
		}
		tx.PutRelayConfig(after)
		result = after
		return a.audit(tx, who, es, relayConfigDone("reset the key of the relay configuration", before, after))
	})
	if err != nil {
		return nil, "", err
	}
	return result, key, nil
}

// DeleteRelayConfig deletes a configuration, whose key stops working at once.
func (a *Admin) DeleteRelayConfig(ctx context.Context, who catalog.Caller, id catalog.ID) error {
	return a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		c, err := findRelayConfig(tx, who, id)
		if err != nil {
			return err
		}
		es := effects{{policy.DeleteRelayConfig, relayConfigResource(id)}}
		if err := es.authorise(who); err != nil {
			return err
		}
		tx.DeleteRelayConfig(id)
		return a.audit(tx, who, es, relayConfigDone("deleted the relay configuration", c, nil))
	})
}

func relayConfigDone(verb string, before, after *catalog.RelayConfig) done {
	c := cmp.Or(after, before)
	return done{
		kind: "relay-proxy-config", name: c.Name, verb: verb, on: relayConfigResource(c.ID),
		before: withoutKey(before), after: withoutKey(after),
	}
}

func withoutKey(c *catalog.RelayConfig) *catalog.RelayConfig {
	if c == nil {
		return nil
	}
	n := *c
	n.HashedSecret = catalog.HashedSecret{Ending: c.Ending}
	return &n
}
