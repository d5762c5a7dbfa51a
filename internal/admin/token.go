package admin

import (
	"cmp"
	"context"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// tokenResource is the resource of a token; a token that is about to be made has no id.
func tokenResource(t *catalog.Token) policy.Resource {
	if t.Service {
		return policy.Resource{{Kind: "service-token", Name: string(t.ID)}}
	}
	return policy.Resource{{Kind: "member", Name: string(t.Owner)}, {Kind: "token", Name: string(t.ID)}}
}

// owns reports whether the token is a personal one of the account member who asks, with a
// credential that may act for the member: a built-in role, not a policy made for one purpose.
func owns(who catalog.Caller, t *catalog.Token) bool {
	if t.Service || who.Member == nil || t.Owner != who.Member.ID {
		return false
	}
	return who.Token == nil || !who.Token.Service && who.Token.Role != "" && who.Token.Role != catalog.RoleNoAccess
}

func seesToken(who catalog.Caller, t *catalog.Token) bool {
	switch {
	case who.Administers, owns(who, t), who.Token != nil && who.Token.ID == t.ID:
		return true
	}
	return t.Service && who.Principal.Allows(policy.ViewAccessToken, tokenResource(t))
}

// Tokens returns the caller's own and all service tokens, or all for administrators who ask.
func (a *Admin) Tokens(_ context.Context, who catalog.Caller, all bool) ([]*catalog.Token, error) {
	var visible []*catalog.Token
	for _, t := range a.store.Tokens() {
		asked := all || t.Service || who.Member == nil || t.Owner == who.Member.ID
		if asked && seesToken(who, t) {
			visible = append(visible, t)
		}
	}
	return visible, nil
}

// Token returns one token.
func (a *Admin) Token(_ context.Context, who catalog.Caller, id catalog.ID) (*catalog.Token, error) {
	return findToken(a.store, who, id)
}

func findToken(from store.Catalog, who catalog.Caller, id catalog.ID) (*catalog.Token, error) {
	t, ok := from.Token(id)
	if !ok || !seesToken(who, t) {
		return nil, fault.NotFoundf("there is no access token %.80q that this credential may view", id)
	}
	return t, nil
}

// CreateToken returns the token and its secret, which is kept nowhere.
func (a *Admin) CreateToken(ctx context.Context, who catalog.Caller, n NewToken) (*catalog.Token, string, error) {
	secret := cmp.Or(n.Secret, catalog.NewSecret(catalog.AccessTokenPrefix))
	t := newToken(n, secret)
	if who.Member != nil {
		t.Owner = who.Member.ID
	}
	t.CreatedAt = a.now()
	t.ModifiedAt = t.CreatedAt
	if err := catalog.CheckSecret("token", catalog.AccessTokenPrefix, secret); err != nil {
		return nil, "", err
	}
	if n.Secret != "" {
		if err := administers(who); err != nil {
			return nil, "", err
		}
	}
	if !n.Expiry.IsZero() && !n.Expiry.After(t.CreatedAt) {
		return nil, "", fault.Invalidf("expiry has passed already")
	}
	if err := checkOutlived(who, "the new token", n.Expiry); err != nil {
		return nil, "", err
	}
	err := a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		made := t.Clone()
		var err error
		if made.CustomRoles, err = resolveRoles(tx, n.CustomRoles); err != nil {
			return err
		}
		if err := made.Validate(); err != nil {
			return err
		}
		unnamed := *made
		unnamed.ID = ""
		es := effects{{policy.CreateAccessToken, tokenResource(&unnamed)}}
		if err := authoriseToken(who, made, es); err != nil {
			return err
		}
		if err := checkCovered(who, "the new token", made.Grants(tx.Role)); err != nil {
			return err
		}
		if made.Owner != "" {
			if _, ok := tx.Member(made.Owner); !ok {
				return fault.Invalidf("the owner of the token is no account member any more")
			}
		} else if !made.Service {
			return fault.Invalidf("a personal token needs an account member; make a service token")
		}
		if _, taken := tx.TokenByHash(made.Hash); taken {
			return fault.Conflictf("there is already a token with this secret")
		}
		tx.PutToken(made)
		t = made
		return a.audit(tx, who, es, tokenDone("created the access token", nil, made))
	})
	if err != nil {
		return nil, "", err
	}
	return t, secret, nil
}

// RecoverToken makes an administrator's token of the owner of the account, for whoever has the store
// itself in hand, and returns its secret.
func (a *Admin) RecoverToken(ctx context.Context, name string, expiry time.Time) (string, error) {
	secret := catalog.NewSecret(catalog.AccessTokenPrefix)
	err := a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		m := owner(tx)
		if m == nil {
			return fault.NotFoundf("the store has no owner yet; the first start makes one, and prints a token")
		}
		t := newToken(NewToken{Name: name, Description: "Made by muster token", Role: catalog.RoleAdmin, Expiry: expiry}, secret)
		t.Owner, t.CreatedAt = m.ID, a.now()
		t.ModifiedAt = t.CreatedAt
		if err := t.Validate(); err != nil {
			return err
		}
		tx.PutToken(t)
		who := catalog.Caller{Actor: segment.Actor{Kind: "system", Name: "muster token"}}
		return a.audit(tx, who, nil, tokenDone("created the access token", nil, t))
	})
	return secret, err
}

// authoriseToken refuses effects on a token that is neither the caller's own nor covered by actions.
func authoriseToken(who catalog.Caller, t *catalog.Token, es effects) error {
	if owns(who, t) {
		return nil
	}
	return es.authorise(who)
}

func newToken(n NewToken, secret string) *catalog.Token {
	t := &catalog.Token{
		ID:                catalog.NewID(),
		Name:              n.Name,
		Description:       n.Description,
		Service:           n.Service,
		Role:              n.Role,
		InlineRole:        n.InlineRole,
		DefaultAPIVersion: cmp.Or(n.DefaultAPIVersion, catalog.CurrentAPIVersion),
		Expiry:            n.Expiry,
	}
	t.SetSecret(secret)
	return t
}

// checkOutlived refuses a token that would work longer than the caller's own.
func checkOutlived(who catalog.Caller, what string, expiry time.Time) error {
	if who.Token == nil || who.Token.Expiry.IsZero() || !expiry.IsZero() && !expiry.After(who.Token.Expiry) {
		return nil
	}
	return fault.Forbiddenf("%s would work longer than this credential, which expires on %s", what, who.Token.Expiry.UTC().Format(time.RFC3339))
}

// ChangeToken runs change on a clone of the token; the caller needs the action of every difference
// it makes, and may not make the token able to do more than the caller. Custom roles may be named by
// their keys. change may run more than once.
func (a *Admin) ChangeToken(ctx context.Context, who catalog.Caller, id catalog.ID, how Change, change func(*catalog.Token) error) (*catalog.Token, error) {
	var result *catalog.Token
	err := a.update(ctx, store.Account, how, func(tx store.Tx) error {
		before, err := findToken(tx, who, id)
		if err != nil {
			return err
		}
		after := before.Clone()
		if err := change(after); err != nil {
			return err
		}
		if after.CustomRoles, err = resolveRoles(tx, namesOf(after.CustomRoles)); err != nil {
			return err
		}
		result = before
		es := tokenEffects(before, after)
		if len(es) == 0 {
			return nil
		}
		if err := authoriseToken(who, before, es); err != nil {
			return err
		}
		if err := after.Validate(); err != nil {
			return err
		}
		if !sameGrants(before, after) {
			if before.Service && !who.Administers {
				return fault.Forbiddenf("what a service token may do is changed by administrators only; make a new token")
			}
			if err := checkCovered(who, "the changed token", after.Grants(tx.Role)); err != nil {
				return err
			}
		}
		if !before.Expiry.Equal(after.Expiry) {
			if err := checkOutlived(who, "the changed token", after.Expiry); err != nil {
				return err
			}
		}
		after.ModifiedAt = a.now()
		tx.PutToken(after)
		result = after
		d := tokenDone("updated the access token", before, after)
		d.how = how
		return a.audit(tx, who, es, d)
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// ResetToken gives a token a new secret, which is returned and kept nowhere. The one before, and
// any from before that, stop working at expiry, or at once if that has passed.
func (a *Admin) ResetToken(ctx context.Context, who catalog.Caller, id catalog.ID, expiry time.Time) (*catalog.Token, string, error) {
	secret := catalog.NewSecret(catalog.AccessTokenPrefix)
	var result *catalog.Token
	err := a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		before, err := findToken(tx, who, id)
		if err != nil {
			return err
		}
		es := effects{{policy.ResetAccessToken, tokenResource(before)}}
		if err := authoriseToken(who, before, es); err != nil {
			return err
		}
		// Whoever gets the secret can do what the token can.
		if who.Token == nil || who.Token.ID != before.ID {
			if err := checkCovered(who, "the token", before.Grants(tx.Role)); err != nil {
				return err
			}
			if err := checkOutlived(who, "the token", before.Expiry); err != nil {
				return err
			}
		}
		after := before.Clone()
		after.ModifiedAt = a.now()
		if err := after.Reset(secret, after.ModifiedAt, expiry); err != nil {
			return err
		}
		tx.PutToken(after)
		result = after
		return a.audit(tx, who, es, tokenDone("reset the access token", before, after))
	})
	if err != nil {
		return nil, "", err
	}
	return result, secret, nil
}

// DeleteToken deletes a token, which stops working at once.
func (a *Admin) DeleteToken(ctx context.Context, who catalog.Caller, id catalog.ID) error {
	return a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		t, err := findToken(tx, who, id)
		if err != nil {
			return err
		}
		es := effects{{policy.DeleteAccessToken, tokenResource(t)}}
		if err := authoriseToken(who, t, es); err != nil {
			return err
		}
		tx.DeleteToken(id)
		return a.audit(tx, who, es, tokenDone("deleted the access token", t, nil))
	})
}

func tokenDone(verb string, before, after *catalog.Token) done {
	t := cmp.Or(after, before)
	return done{kind: "token", name: cmp.Or(t.Name, t.Ending), verb: verb, on: tokenResource(t), before: withoutHash(before), after: withoutHash(after)}
}

func withoutHash(t *catalog.Token) *catalog.Token {
	if t == nil {
		return nil
	}
	c := *t
	c.HashedSecret = catalog.HashedSecret{Ending: t.Ending}
	c.SignIns = nil
	return &c
}
