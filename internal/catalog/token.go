package catalog

import (
	"slices"
	"time"

	"muster/internal/fault"
	"muster/internal/policy"
)

// CurrentAPIVersion is the version of the REST API that new tokens get.
const CurrentAPIVersion = 20240415

var apiVersions = []int{20160426, 20191212, 20210729, 20220603, CurrentAPIVersion}

// maxExpiringSecrets is how many secrets from before resets a token can still have.
const maxExpiringSecrets = 10

// Validate returns a sentence about the first field that can't be as it is.
func (t *Token) Validate() error {
	if err := checkText("name", t.Name, MaxNameLength); err != nil {
		return err
	}
	if err := checkText("description", t.Description, MaxDescriptionLength); err != nil {
		return err
	}
	if !slices.Contains(apiVersions, t.DefaultAPIVersion) {
		return fault.Invalidf("defaultApiVersion %d is not a version of the API; the current one is %d", t.DefaultAPIVersion, CurrentAPIVersion)
	}
	ways := 0
	for _, given := range []bool{t.Role != "", len(t.CustomRoles) > 0, len(t.InlineRole) > 0} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return fault.Invalidf("a token needs exactly one of role, customRoleIds and inlineRole")
	}
	switch t.Role {
	case "", RoleReader, RoleWriter, RoleAdmin:
	default:
		return fault.Invalidf("role %q of a token must be reader, writer or admin", clip(string(t.Role)))
	}
	if err := checkRolesHeld(t.CustomRoles); err != nil {
		return err
	}
	return policy.Validate(t.InlineRole)
}

func checkRolesHeld(ids []ID) error {
	if len(ids) > MaxRolesHeld {
		return fault.Invalidf("%d custom roles are named; at most %d are allowed", len(ids), MaxRolesHeld)
	}
	return nil
}

// SetSecret makes the token be known by a secret, of which only the hash and the ending are kept.
func (t *Token) SetSecret(secret string) {
	const ending = 4
	t.Hash = HashSecret(secret)
	t.Ending = secret[max(0, len(secret)-ending):]
}

// Reset makes the token be known by another secret. No secret from before works after expiry.
func (t *Token) Reset(secret string, now, expiry time.Time) error {
	before := slices.Concat(t.ExpiringSecrets, []ExpiringSecret{{Hash: t.Hash, Expiry: expiry}})
	t.ExpiringSecrets = nil
	for _, old := range before {
		if old.Expiry.After(expiry) {
			old.Expiry = expiry
		}
		if old.Expiry.After(now) {
			t.ExpiringSecrets = append(t.ExpiringSecrets, old)
		}
	}
	if len(t.ExpiringSecrets) > maxExpiringSecrets {
		return fault.Conflictf("the token has %d secrets from before that still work; at most %d may: reset it with an earlier expiry, or without one", len(t.ExpiringSecrets), maxExpiringSecrets)
	}
	t.SetSecret(secret)
	return nil
}
