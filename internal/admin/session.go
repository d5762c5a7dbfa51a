package admin

import (
	"context"
	"slices"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/store"
)

// SessionEnd says when sessions end by themselves.
type SessionEnd struct {
	Idle     time.Duration // after so long without a request
	Lifetime time.Duration // in any case
}

// SignIn begins a session of the caller, who gave an access token (secret, else "") or a password. It
// returns what the browser is to show from now on, which is kept nowhere. A session can do exactly what
// its token or account member can, and ends with it.
func (a *Admin) SignIn(ctx context.Context, who catalog.Caller, secret string, end SessionEnd) (catalog.SignIn, string, error) {
	now := a.now()
	shown := catalog.NewSessionSecret()
	s := catalog.SignIn{
		ID: catalog.NewID(), Hash: catalog.HashSecret(shown), At: now, UsedAt: now, Expiry: now.Add(end.Lifetime), Idle: end.Idle,
	}
	var value string
	err := a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		if who.Token == nil {
			m, ok := tx.Member(who.Member.ID)
			if !ok || m.Password != who.Member.Password {
				return signInOvertaken()
			}
			m = m.Clone()
			m.SignIns = catalog.AddSignIn(m.SignIns, s)
			tx.PutMember(m)
			value = catalog.SessionValue("", m.ID, shown)
			return nil
		}
		s.By = catalog.HashSecret(secret)
		t, ok := tx.TokenByHash(s.By)
		if !ok || t.ID != who.Token.ID {
			return signInOvertaken()
		}
		if ended, known := t.End(s.By); known && ended.Before(s.Expiry) {
			s.Expiry = ended
		}
		t = t.Clone()
		t.SignIns = catalog.AddSignIn(t.SignIns, s)
		tx.PutToken(t)
		value = catalog.SessionValue(t.ID, "", shown)
		return nil
	})
	if err != nil {
		return catalog.SignIn{}, "", err
	}
	return s, value, nil
}

func signInOvertaken() error {
	return fault.New(fault.Unauthenticated, fault.CodeUnauthorized, "the token or password was changed at this moment; sign in again")
}

// SignOut ends the session by which the caller came; it does nothing to one who came by none.
func (a *Admin) SignOut(ctx context.Context, who catalog.Caller) error {
	if who.Session == nil {
		return nil
	}
	return a.changeSignIns(ctx, who, func(all []catalog.SignIn) []catalog.SignIn {
		return catalog.WithoutSignIn(all, who.Session.ID)
	})
}

// SignOutOthers ends the sessions that were begun with the same token, or by the same account member's
// password, except the one by which the caller came.
func (a *Admin) SignOutOthers(ctx context.Context, who catalog.Caller) error {
	return a.changeSignIns(ctx, who, func(all []catalog.SignIn) []catalog.SignIn {
		return slices.DeleteFunc(slices.Clone(all), func(s catalog.SignIn) bool { return who.Session == nil || s.ID != who.Session.ID })
	})
}

// changeSignIns changes the sessions of the caller's token, or of its account member without one.
func (a *Admin) changeSignIns(ctx context.Context, who catalog.Caller, change func([]catalog.SignIn) []catalog.SignIn) error {
	return a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		if who.Token != nil {
			if t, ok := tx.Token(who.Token.ID); ok {
				t = t.Clone()
				t.SignIns = change(t.SignIns)
				tx.PutToken(t)
			}
			return nil
		}
		if m, ok := tx.Member(who.Member.ID); ok {
			m = m.Clone()
			m.SignIns = change(m.SignIns)
			tx.PutMember(m)
		}
		return nil
	})
}
