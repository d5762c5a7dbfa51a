package access

import (
	"context"
	"crypto/subtle"
	"net/netip"
	"strings"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
)

// Session returns who signed in with what a browser shows, with the rights of this moment: those of
// the token that was given then, or of the account member who gave a password. What such a caller does
// is done by the person, where there is one.
//
// A session ends with its token or account member. Unless it is only looked at, it counts as used.
func (a *Access) Session(value string, look bool) (catalog.Caller, error) {
	owner, secret, byToken := catalog.SplitSession(value)
	hash := catalog.HashSecret(secret)
	now := a.now()
	var token *catalog.Token
	var all []catalog.SignIn
	member, owned := (*catalog.Member)(nil), false
	if byToken {
		if t, ok := a.catalog.Token(owner); ok {
			token, all = t, t.SignIns
			member, owned = a.catalog.Member(t.Owner)
		}
	} else if member, owned = a.catalog.Member(owner); owned {
		all = member.SignIns
	}
	s := find(all, hash)
	switch {
	case s == nil, s.Ended(now, a.uses.since(s.ID, s.UsedAt)), !owned && (token == nil || !token.Service):
		return catalog.Caller{}, sessionOver()
	case token != nil && (token.Expired(now) || !opens(&token.HashedSecret, s.By, now)):
		return catalog.Caller{}, sessionOver()
	}
	if !look {
		a.uses.note(s.ID, now)
		a.used(token, member, now)
	}
	var who catalog.Caller
	if token != nil {
		who = a.tokenCaller(token, member)
	} else {
		who = a.MemberCaller(member)
	}
	if token == nil || !token.Service {
		who.Actor = memberActor(member)
	}
	who.Session = s
	return who, nil
}

func sessionOver() error {
	return unauthenticated("you are not signed in here, or no longer; sign in again")
}

// find returns the session of a secret; nil if there is none.
func find(all []catalog.SignIn, hash [32]byte) *catalog.SignIn {
	var found *catalog.SignIn
	for i := range all {
		if subtle.ConstantTimeCompare(all[i].Hash[:], hash[:]) == 1 {
			found = &all[i]
		}
	}
	return found
}

func memberActor(m *catalog.Member) segment.Actor {
	return segment.Actor{Kind: "member", ID: string(m.ID), Name: m.DisplayName()}
}

// MemberCaller is an account member who gave a password, with the rights of this moment.
func (a *Access) MemberCaller(m *catalog.Member) catalog.Caller {
	own := policy.Role{Name: "own tokens", Policy: ownTokens(m.ID)}
	return catalog.Caller{
		Principal:   policy.Principal{Roles: append(m.Grants(a.catalog.Role), own)},
		Actor:       memberActor(m),
		Member:      m,
		Administers: m.Administers(),
	}
}

// ByToken returns who wants to sign in with an access token, from an address. Tries that fail are
// limited.
func (a *Access) ByToken(from netip.Addr, credential string) (catalog.Caller, error) {
	var who catalog.Caller
	err := a.try(from, "", func() (bool, error) {
		var err error
		who, err = a.Caller(credential)
		if fault.KindOf(err) == fault.Unauthenticated {
			err = explained(credential, err)
		}
		return err == nil, err
	})
	return who, err
}

// explained is the error of a token for the person who typed it.
func explained(credential string, err error) error {
	switch {
	case strings.HasPrefix(credential, catalog.SDKKeyPrefix), strings.HasPrefix(credential, catalog.MobileKeyPrefix):
		return unauthenticated("SDK keys cannot sign in. Use an access token.")
	case strings.HasPrefix(credential, catalog.RelayKeyPrefix):
		return unauthenticated("Keys of relays cannot sign in. Use an access token.")
	case strings.Contains(fault.From(err).Message, "expired"):
		return err
	}
	return unauthenticated("That token is not known here. Tokens begin with %s. The first one is in the server’s start-up output.", catalog.AccessTokenPrefix)
}

// ByPassword returns who wants to sign in with an address of e-mail and a password.
func (a *Access) ByPassword(ctx context.Context, from netip.Addr, email, password string) (catalog.Caller, error) {
	var who catalog.Caller
	err := a.try(from, accountOf(email), func() (bool, error) {
		var m *catalog.Member
		kept := ""
		for _, known := range a.catalog.Members() {
			if strings.EqualFold(known.Email, email) {
				m, kept = known, known.Password
			}
		}
		same, err := a.passwords.same(ctx, kept, password)
		if err != nil {
			return false, err
		}
		if !same || m == nil {
			return false, unauthenticated("Email and password do not belong together. Somebody without a password signs in with an access token.")
		}
		who = a.MemberCaller(m)
		a.used(nil, m, a.now())
		return true, nil
	})
	return who, err
}

// CheckPassword returns nil if the password is the account member's.
func (a *Access) CheckPassword(ctx context.Context, from netip.Addr, m *catalog.Member, password string) error {
	return a.try(from, accountOf(m.Email), func() (bool, error) {
		same, err := a.passwords.same(ctx, m.Password, password)
		if err == nil && !same {
			err = unauthenticated("The present password is another one.")
		}
		return same, err
	})
}

// accountOf names an account by its address, of which nobody has to know whether there is one.
func accountOf(email string) string {
	const longest = 254
	return strings.ToLower(email[:min(len(email), longest)])
}

// SetupCode is what proves, until the process ends, that somebody reads the server's output.
func (a *Access) SetupCode() string { return a.setupCode }

// CheckSetupCode returns nil if the code is SetupCode.
func (a *Access) CheckSetupCode(from netip.Addr, code string) error {
	return a.try(from, "", func() (bool, error) {
		if sameSecret(a.setupCode, code) {
			return true, nil
		}
		return false, unauthenticated("This needs the set-up code. The address with it is in the server’s start-up output.")
	})
}

// used notes that a token or an account member's password was used.
func (a *Access) used(t *catalog.Token, m *catalog.Member, now time.Time) {
	if t != nil {
		a.uses.note(t.ID, now)
	}
	if m != nil && (t == nil || !t.Service) {
		a.uses.note(m.ID, now)
	}
}
