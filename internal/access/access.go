// Package access turns a credential into who is asking: an access token, a session or a password into
// a caller with its rights, an SDK key, mobile key or client-side ID into an environment.
//
// It is the one place that compares secrets. Access tokens and sessions are known by their hash only,
// passwords by a slow one, and a credential is refused from memory, without touching storage. Who may
// try to sign in, and how often, is decided here. The package knows no HTTP beyond the text of an
// Authorization header.
package access

import (
	"crypto/subtle"
	"strings"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// Access knows every credential of the account. It is safe for concurrent use.
type Access struct {
	catalog   store.Catalog
	now       func() time.Time
	uses      uses
	tries     tries
	passwords passwords
	setupCode string
}

// New returns the access to what is in the catalog; now tells when rotated keys have expired.
func New(c store.Catalog, now func() time.Time) *Access {
	return &Access{
		catalog: c, now: now, tries: tries{now: now, full: make(map[string]time.Time)}, passwords: newPasswords(),
		setupCode: catalog.NewSessionSecret(),
	}
}

// Caller returns who holds an access token. Every other kind of credential is Unauthenticated.
// The rights are those of this moment: a changed role counts from the next call on.
func (a *Access) Caller(credential string) (catalog.Caller, error) {
	hash := catalog.HashSecret(credential)
	t, ok := a.catalog.TokenByHash(hash)
	if !ok {
		return catalog.Caller{}, unknownToken(credential)
	}
	now := a.now()
	if ended, over := t.End(hash); over && !now.Before(ended) {
		return catalog.Caller{}, unauthenticated("this access token expired on %s", ended.UTC().Format("2 January 2006"))
	}
	if !opens(&t.HashedSecret, hash, now) {
		return catalog.Caller{}, unknownToken(credential)
	}
	owner, owned := a.catalog.Member(t.Owner)
	if !owned && !t.Service {
		return catalog.Caller{}, unauthenticated("the account member behind this access token no longer exists")
	}
	a.used(t, owner, now)
	return a.tokenCaller(t, owner), nil
}

// tokenCaller is the holder of a token.
func (a *Access) tokenCaller(t *catalog.Token, owner *catalog.Member) catalog.Caller {
	return catalog.Caller{
		Principal:   a.principal(t, owner),
		Actor:       segment.Actor{Kind: "token", ID: string(t.ID), Name: t.Name},
		Token:       t,
		Member:      owner,
		Administers: t.Administers() && (t.Service || owner.Administers()),
	}
}

// opens reports whether the hash is that of the secret, or of one before it that has not expired.
func opens(s *catalog.HashedSecret, hash [32]byte, now time.Time) bool {
	if subtle.ConstantTimeCompare(s.Hash[:], hash[:]) == 1 {
		return true
	}
	for _, old := range s.ExpiringSecrets {
		if subtle.ConstantTimeCompare(old.Hash[:], hash[:]) == 1 && now.Before(old.Expiry) {
			return true
		}
	}
	return false
}

// SDKKey returns the environment of a server-side SDK key, also of a rotated one that has not
// expired.
func (a *Access) SDKKey(credential string) (*catalog.Environment, error) {
	if e, ok := a.catalog.EnvironmentBySDKKey(credential); ok {
		if sameSecret(e.SDKKey, credential) {
			return e, nil
		}
		for _, old := range e.ExpiringSDKKeys {
			if sameSecret(old.Key, credential) && a.now().Before(old.Expiry) {
				return e, nil
			}
		}
	}
	return nil, unauthenticated("this SDK key is not known, or has expired")
}

// RelaySDKKey returns the environment of a server-side SDK key that a relay uses: also of a rotated one
// that has expired by itself, for a time of grace. Then expired is when it did.
func (a *Access) RelaySDKKey(credential string, grace time.Duration) (e *catalog.Environment, expired time.Time, err error) {
	e, err = a.SDKKey(credential)
	if err == nil || grace <= 0 {
		return e, time.Time{}, err
	}
	e, ok := a.catalog.EnvironmentBySDKKey(credential)
	if !ok {
		return nil, time.Time{}, err
	}
	for _, old := range e.ExpiringSDKKeys {
		if sameSecret(old.Key, credential) && a.now().Before(old.Expiry.Add(grace)) {
			return e, old.Expiry, nil
		}
	}
	return nil, time.Time{}, err
}

// MobileKey returns the environment of a mobile key.
func (a *Access) MobileKey(credential string) (*catalog.Environment, error) {
	if e, ok := a.catalog.EnvironmentByMobileKey(credential); ok && sameSecret(e.MobileKey, credential) {
		return e, nil
	}
	return nil, unauthenticated("this mobile key is not known")
}

// RelayKey returns the configuration of a relay's key, also of one from before a reset that has not
// expired.
func (a *Access) RelayKey(credential string) (*catalog.RelayConfig, error) {
	hash := catalog.HashSecret(credential)
	for _, c := range a.catalog.RelayConfigs() {
		if opens(&c.HashedSecret, hash, a.now()) {
			return c, nil
		}
	}
	return nil, unauthenticated("this relay key is not known, or has expired")
}

// ClientSideID returns the environment of a client-side ID, which is no secret.
func (a *Access) ClientSideID(id string) (*catalog.Environment, error) {
	if e, ok := a.catalog.Environment(segment.EnvID(id)); ok {
		return e, nil
	}
	return nil, fault.NotFoundf("no environment has this client-side ID")
}

// Project returns the project of an environment that a credential led to.
func (a *Access) Project(e *catalog.Environment) (*catalog.Project, bool) {
	return a.catalog.Project(e.Project)
}

// TokenPrincipal returns what the holder of a token may do at this moment.
func (a *Access) TokenPrincipal(t *catalog.Token) policy.Principal {
	owner, ok := a.catalog.Member(t.Owner)
	if !ok && !t.Service {
		return policy.Principal{}
	}
	return a.principal(t, owner)
}

func (a *Access) principal(t *catalog.Token, owner *catalog.Member) policy.Principal {
	roles := t.Grants(a.catalog.Role)
	if t.Service {
		return policy.Principal{Roles: roles}
	}
	own := policy.Role{Name: "own tokens", Policy: ownTokens(owner.ID)}
	if t.Role == catalog.RoleReader || t.Role == catalog.RoleWriter {
		roles = append(roles, own)
	}
	return policy.Principal{Roles: roles, Owner: append(owner.Grants(a.catalog.Role), own), Capped: true}
}

// ownTokens lets every account member keep personal tokens; what those may do is capped by the
// member's role.
func ownTokens(member catalog.ID) []policy.Statement {
	return []policy.Statement{{
		Effect:    policy.Allow,
		Actions:   []string{"*"},
		Resources: []string{"member/" + string(member) + ":token/*"},
	}}
}

// sameSecret compares without telling by its duration how much is equal. No secret equals nothing.
func sameSecret(kept, given string) bool {
	return kept != "" && subtle.ConstantTimeCompare([]byte(kept), []byte(given)) == 1
}

func unknownToken(credential string) error {
	switch {
	case credential == "":
		return unauthenticated("this call needs an access token in the Authorization header")
	case strings.HasPrefix(credential, catalog.SDKKeyPrefix), strings.HasPrefix(credential, catalog.MobileKeyPrefix),
		strings.HasPrefix(credential, catalog.RelayKeyPrefix), catalog.ValidEnvID(segment.EnvID(credential)):
		return unauthenticated("this is a credential for SDKs and relays; the REST API takes an access token, which begins with %s", catalog.AccessTokenPrefix)
	}
	return unauthenticated("this access token is not known")
}

func unauthenticated(format string, args ...any) error {
	return fault.New(fault.Unauthenticated, fault.CodeUnauthorized, format, args...)
}
