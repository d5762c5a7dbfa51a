package catalog

import (
	"slices"
	"time"

	"muster/internal/fault"
)

// HashedSecret is a secret that is only ever compared, such as an access token: its hash is kept, and
// those of the secrets before it that still work.
type HashedSecret struct {
	Hash            [32]byte // SHA-256 of the secret
	Ending          string   // last four characters of the secret
	ExpiringSecrets []ExpiringSecret
}

// ExpiringSecret is a secret from before; it still works until Expiry.
type ExpiringSecret struct {
	Hash   [32]byte
	Expiry time.Time
}

// maxExpiringSecrets is how many secrets from before resets can still work.
const maxExpiringSecrets = 10

// SetSecret makes the secret another one.
func (s *HashedSecret) SetSecret(secret string) {
	const ending = 4
	s.Hash = HashSecret(secret)
	s.Ending = secret[max(0, len(secret)-ending):]
}

// Reset makes the secret another one. None from before works after expiry.
func (s *HashedSecret) Reset(secret string, now, expiry time.Time) error {
	before := slices.Concat(s.ExpiringSecrets, []ExpiringSecret{{Hash: s.Hash, Expiry: expiry}})
	s.ExpiringSecrets = nil
	for _, old := range before {
		if old.Expiry.After(expiry) {
			old.Expiry = expiry
		}
		if old.Expiry.After(now) {
			s.ExpiringSecrets = append(s.ExpiringSecrets, old)
		}
	}
	if len(s.ExpiringSecrets) > maxExpiringSecrets {
		return fault.Conflictf("%d secrets from before resets still work; at most %d may: reset with an earlier expiry, or without one", len(s.ExpiringSecrets), maxExpiringSecrets)
	}
	s.SetSecret(secret)
	return nil
}

func (s HashedSecret) clone() HashedSecret {
	s.ExpiringSecrets = slices.Clone(s.ExpiringSecrets)
	return s
}

// End returns when a secret of this hash stops working, if that is known.
func (t *Token) End(hash [32]byte) (time.Time, bool) {
	end, known := t.Expiry, !t.Expiry.IsZero()
	for _, old := range t.ExpiringSecrets {
		if old.Hash == hash && (!known || old.Expiry.Before(end)) {
			end, known = old.Expiry, true
		}
	}
	return end, known
}

// Expired reports whether the token as a whole has expired.
func (t *Token) Expired(now time.Time) bool { return !t.Expiry.IsZero() && !now.Before(t.Expiry) }
