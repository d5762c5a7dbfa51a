package admin

import (
	"cmp"
	"context"
	"slices"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/store"
)

const (
	currentAPIVersion = 20240415

	viewAccessToken policy.Action = "viewAccessToken"
	viewMember      policy.Action = "viewMember"
)

var apiVersions = []int{20160426, 20191212, 20210729, 20220603, currentAPIVersion}

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
	return t.Service && who.Principal.Allows(viewAccessToken, tokenResource(t))
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
		return nil, fault.NotFoundf("there is no access token %q that this credential may view", id)
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
	if err := checkNewToken(n, secret); err != nil {
		return nil, "", err
	}
	unnamed := *t
	unnamed.ID = ""
	es := effects{{policy.CreateAccessToken, tokenResource(&unnamed)}}
	if !owns(who, t) {
		if err := es.authorise(who); err != nil {
			return nil, "", err
		}
	}
	if err := checkCovered(who, t); err != nil {
		return nil, "", err
	}
	if n.Secret != "" {
		if err := administers(who); err != nil {
			return nil, "", err
		}
	}
	err := a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		if t.Owner != "" {
			if _, ok := tx.Member(t.Owner); !ok {
				return fault.Invalidf("the owner of the token is no account member any more")
			}
		} else if !t.Service {
			return fault.Invalidf("a personal token needs an account member; make a service token")
		}
		if _, taken := tx.TokenByHash(t.Hash); taken {
			return fault.Conflictf("there is already a token with this secret")
		}
		tx.PutToken(t)
		return a.audit(tx, who, es, tokenDone("created the access token", nil, t))
	})
	if err != nil {
		return nil, "", err
	}
	return t, secret, nil
}

func newToken(n NewToken, secret string) *catalog.Token {
	const ending = 4
	return &catalog.Token{
		ID:                catalog.NewID(),
		Name:              n.Name,
		Description:       n.Description,
		Hash:              catalog.HashSecret(secret),
		Ending:            secret[max(0, len(secret)-ending):],
		Service:           n.Service,
		Role:              n.Role,
		InlineRole:        n.InlineRole,
		DefaultAPIVersion: cmp.Or(n.DefaultAPIVersion, currentAPIVersion),
	}
}

func checkNewToken(n NewToken, secret string) error {
	if err := catalog.CheckSecret("token", catalog.AccessTokenPrefix, secret); err != nil {
		return err
	}
	if len(n.Name) > catalog.MaxNameLength || len(n.Description) > catalog.MaxDescriptionLength {
		return fault.Invalidf("name and description of a token have at most %d and %d bytes", catalog.MaxNameLength, catalog.MaxDescriptionLength)
	}
	if n.DefaultAPIVersion != 0 && !slices.Contains(apiVersions, n.DefaultAPIVersion) {
		return fault.Invalidf("defaultApiVersion %d is not a version of the API; the current one is %d", n.DefaultAPIVersion, currentAPIVersion)
	}
	if (n.Role == "") == (len(n.InlineRole) == 0) {
		return fault.Invalidf("a token needs either a role or an inlineRole")
	}
	switch n.Role {
	case "", catalog.RoleReader, catalog.RoleWriter, catalog.RoleAdmin:
	default:
		return fault.Invalidf("role %q of a token must be reader, writer or admin", n.Role)
	}
	return policy.Validate(n.InlineRole)
}

// checkCovered refuses to hand out more than the caller holds.
func checkCovered(who catalog.Caller, t *catalog.Token) error {
	if who.Administers {
		return nil
	}
	granted := policy.Role{Name: t.Name, Base: policy.NoAccess, Policy: t.InlineRole}
	if t.Role != "" {
		granted, _ = policy.BuiltIn(string(t.Role))
	}
	if !who.Principal.Covers(granted) {
		return fault.Forbiddenf("the new token could do more than this credential, or it can't be decided that it could not; an administrator can create it")
	}
	return nil
}

// DeleteToken deletes a token, which stops working at once.
func (a *Admin) DeleteToken(ctx context.Context, who catalog.Caller, id catalog.ID) error {
	return a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		t, err := findToken(tx, who, id)
		if err != nil {
			return err
		}
		es := effects{{policy.DeleteAccessToken, tokenResource(t)}}
		if !owns(who, t) {
			if err := es.authorise(who); err != nil {
				return err
			}
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
	c.Hash = [32]byte{}
	return &c
}

// Members returns the account members whom the caller may see, at least the one behind the call.
func (a *Admin) Members(_ context.Context, who catalog.Caller) ([]*catalog.Member, error) {
	var visible []*catalog.Member
	for _, m := range a.store.Members() {
		self := who.Member != nil && who.Member.ID == m.ID
		if self || who.Principal.Allows(viewMember, policy.Resource{{Kind: "member", Name: string(m.ID)}}) {
			visible = append(visible, m)
		}
	}
	return visible, nil
}
