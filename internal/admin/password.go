package admin

import (
	"context"
	"strings"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/store"
)

// Owner is what a person gives to take over the account member that a first start made.
type Owner struct {
	FirstName, LastName string
	Email               string
	Password            string // what is to be kept of it
}

// SetUp reports whether the owner of the account has a password, after which nobody can take the
// account over any more.
func (a *Admin) SetUp() bool {
	m := owner(a.store)
	return m == nil || m.Password != ""
}

func owner(from store.Catalog) *catalog.Member {
	for _, m := range from.Members() {
		if m.Role == catalog.RoleOwner {
			return m
		}
	}
	return nil
}

// TakeOver gives the owner of the account a name, an address and a password, once. Whoever calls has
// made sure that the person may.
func (a *Admin) TakeOver(ctx context.Context, who catalog.Caller, o Owner) (*catalog.Member, error) {
	var result *catalog.Member
	err := a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		before := owner(tx)
		if before == nil || before.Password != "" {
			return fault.Conflictf("This server is already set up. Sign in instead.")
		}
		after := before.Clone()
		after.FirstName, after.LastName, after.Email, after.Password = o.FirstName, o.LastName, o.Email, o.Password
		if err := after.Validate(); err != nil {
			return err
		}
		for _, m := range tx.Members() {
			if m.ID != after.ID && strings.EqualFold(m.Email, after.Email) {
				return emailFault(fault.CodeEmailExists, []string{after.Email}, "%s belongs to another account member already", after.Email)
			}
		}
		tx.PutMember(after)
		result = after
		if who.Member == nil {
			who.Actor.Kind, who.Actor.ID, who.Actor.Name = "member", string(after.ID), after.DisplayName()
		}
		return a.audit(tx, who, nil, memberDone("set up the account of", before, after))
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// checkOneself refuses a change of what an account member alone may change. A token that can do less than
// the member must not become more by it.
func checkOneself(tx store.Tx, who catalog.Caller, m *catalog.Member) error {
	switch {
	case who.Member == nil || who.Member.ID != m.ID, who.Token != nil && who.Token.Service:
		return fault.Forbiddenf("only the account member %s changes this, signed in or with a personal token", m.Email)
	case who.Token != nil:
		return checkCovered(who, "the account member "+m.Email, m.Grants(tx.Role))
	}
	return nil
}

// ChangePassword gives the caller's account member another password, given what is to be kept of it
// and what was kept of the one that the caller has shown to know. Every other session by password ends.
// A token that can do less than the account member can't set one.
func (a *Admin) ChangePassword(ctx context.Context, who catalog.Caller, known, password string) error {
	if who.Member == nil {
		return fault.NotFoundf("this credential belongs to no account member")
	}
	return a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		before, ok := tx.Member(who.Member.ID)
		if !ok || before.Password != known {
			return fault.Conflictf("the password was changed at this moment by somebody else")
		}
		if err := checkOneself(tx, who, before); err != nil {
			return err
		}
		after := before.Clone()
		after.Password, after.SignIns = password, nil
		for _, s := range before.SignIns {
			if who.Session != nil && s.ID == who.Session.ID {
				after.SignIns = append(after.SignIns, s)
			}
		}
		tx.PutMember(after)
		return a.audit(tx, who, nil, memberDone("changed the password of", before, after))
	})
}

// MaySetPassword refuses a caller who can't give the account member a password. It is asked before one is
// hashed, which is work. The owner's is not set by others: whoever knows a password can do what the member can.
func (a *Admin) MaySetPassword(who catalog.Caller, id catalog.ID) error {
	_, err := passwordToSet(a.store, who, id)
	return err
}

// passwordToSet returns the account member whom a caller may give a password.
func passwordToSet(from store.Catalog, who catalog.Caller, id catalog.ID) (*catalog.Member, error) {
	m, err := findMember(from, who, id)
	if err != nil {
		return nil, err
	}
	if err := toSetPassword(id).authorise(who); err != nil {
		return nil, err
	}
	switch {
	case m.Role == catalog.RoleOwner:
		return nil, fault.Forbiddenf("the password of the owner of the account is set by the owner alone; who has lost it makes an administrator's token by muster token")
	case who.Member != nil && who.Member.ID == id:
		return nil, fault.Forbiddenf("one's own password is changed by who knows the present one: PUT /api/v2/session/password")
	}
	return m, checkCovered(who, "the account member "+m.Email, m.Grants(from.Role))
}

// toSetPassword is what giving an account member a password needs.
func toSetPassword(id catalog.ID) effects {
	return effects{{policy.UpdateMemberPassword, memberResource(id)}}
}

// SetPassword gives another account member a password, given what is to be kept of it: the first one, or
// one in place of one that was forgotten. Every session by password ends.
func (a *Admin) SetPassword(ctx context.Context, who catalog.Caller, id catalog.ID, password string) error {
	return a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		before, err := passwordToSet(tx, who, id)
		if err != nil {
			return err
		}
		after := before.Clone()
		after.Password, after.SignIns = password, nil
		tx.PutMember(after)
		return a.audit(tx, who, toSetPassword(id), memberDone("set the password of", before, after))
	})
}
