package admin

import (
	"cmp"
	"context"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
)

// What a first start creates.
const (
	firstProject     catalog.ProjectKey = "default"
	firstEnvironment catalog.EnvKey     = "production"
)

// Bootstrap is what a first start is given or makes up.
type Bootstrap struct {
	AdminToken   string // api-…
	SDKKey       string
	MobileKey    string
	ClientSideID segment.EnvID
	// Bare leaves the project out: there will be others.
	Bare bool
}

func (b Bootstrap) check() error {
	if b.ClientSideID != "" && !catalog.ValidEnvID(b.ClientSideID) {
		return fault.Invalidf("the client-side ID %q must be 24 lower-case hexadecimal digits", b.ClientSideID)
	}
	for _, given := range []struct{ what, prefix, secret string }{
		{"admin token", catalog.AccessTokenPrefix, b.AdminToken},
		{"SDK key", catalog.SDKKeyPrefix, b.SDKKey},
		{"mobile key", catalog.MobileKeyPrefix, b.MobileKey},
	} {
		if given.secret == "" {
			continue
		}
		if err := catalog.CheckSecret(given.what, given.prefix, given.secret); err != nil {
			return err
		}
	}
	return nil
}

// FirstStart creates an owner, an administrator's token and, unless it is to be bare, project
// "default" with environments "production" and "test"; nothing if any project or account member exists. It returns the credentials that hold now for
// production, AdminToken only when it was just created, and a line for each given value that
// differs from what is stored.
func (a *Admin) FirstStart(ctx context.Context, given Bootstrap) (now Bootstrap, warnings []string, err error) {
	if err := given.check(); err != nil {
		return Bootstrap{}, nil, err
	}
	created := false
	var first Bootstrap
	err = a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		created = len(tx.Projects()) == 0 && len(tx.Members()) == 0
		if !created {
			return nil
		}
		first, err = a.putFirst(tx, given)
		return err
	})
	if err != nil {
		return Bootstrap{}, nil, err
	}
	if created {
		return first, nil, nil
	}
	now, warnings = a.compareFirst(given)
	return now, warnings, nil
}

func (a *Admin) putFirst(tx store.Tx, given Bootstrap) (Bootstrap, error) {
	at := a.now()
	owner := &catalog.Member{ID: catalog.NewID(), Email: "owner@localhost", FirstName: "Account", LastName: "Owner", Role: catalog.RoleOwner, CreatedAt: at}
	tx.PutMember(owner)
	secret := cmp.Or(given.AdminToken, catalog.NewSecret(catalog.AccessTokenPrefix))
	t := newToken(NewToken{Name: "admin", Description: "Made by the first start", Role: catalog.RoleAdmin}, secret)
	t.Owner, t.CreatedAt, t.ModifiedAt = owner.ID, at, at
	tx.PutToken(t)
	if given.Bare {
		return Bootstrap{AdminToken: secret}, nil
	}
	p := &catalog.Project{
		ID: catalog.NewID(), Key: firstProject, Name: "Default", CreatedAt: at,
		DefaultAvailability: catalog.Availability{MobileKey: true}, ContextKinds: []catalog.ContextKind{userKind(at)},
	}
	tx.PutProject(p)
	production, err := a.putNewEnvironment(tx, p, NewEnvironment{
		Key: firstEnvironment, Name: "Production", Color: productionColor, ID: given.ClientSideID, SDKKey: given.SDKKey, MobileKey: given.MobileKey,
	})
	if err != nil {
		return Bootstrap{}, err
	}
	if _, err := a.putNewEnvironment(tx, p, NewEnvironment{Key: "test", Name: "Test", Color: testColor}); err != nil {
		return Bootstrap{}, err
	}
	system := catalog.Caller{Actor: segment.Actor{Kind: "system", Name: "muster"}}
	if err := a.audit(tx, system, nil, projectDone("created the project", nil, p)); err != nil {
		return Bootstrap{}, err
	}
	return Bootstrap{AdminToken: secret, SDKKey: production.SDKKey, MobileKey: production.MobileKey, ClientSideID: production.ID}, nil
}

// compareFirst returns what holds and how the given values differ. Warnings repeat no secret.
func (a *Admin) compareFirst(given Bootstrap) (now Bootstrap, warnings []string) {
	if given.AdminToken != "" {
		if _, ok := a.store.TokenByHash(catalog.HashSecret(given.AdminToken)); !ok {
			warnings = append(warnings, "the admin token given is not a token of this account; it is ignored after the first start")
		}
	}
	e, ok := a.store.EnvironmentByKey(firstProject, firstEnvironment)
	if !ok {
		if given.SDKKey != "" || given.MobileKey != "" || given.ClientSideID != "" {
			warnings = append(warnings, "there is no environment production in project default any more; the credentials given for it are ignored")
		}
		return Bootstrap{}, warnings
	}
	now = Bootstrap{SDKKey: e.SDKKey, MobileKey: e.MobileKey, ClientSideID: e.ID}
	differs := func(what, given, stored string) {
		if given != "" && given != stored {
			warnings = append(warnings, "the "+what+" given differs from the one of environment production; it is ignored after the first start")
		}
	}
	differs("SDK key", given.SDKKey, now.SDKKey)
	differs("mobile key", given.MobileKey, now.MobileKey)
	differs("client-side ID", string(given.ClientSideID), string(now.ClientSideID))
	return now, warnings
}
