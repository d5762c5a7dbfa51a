package admin

import (
	"context"
	"fmt"

	"muster/internal/fault"
	"muster/internal/seal"
	"muster/internal/store"
)

// SealedSecret is a secret of an object that people configure, as it is kept.
type SealedSecret struct {
	Of     string // what has it
	Place  string // that it is sealed for
	Sealed seal.Sealed

	put func(store.Tx, seal.Sealed) // keeps the object with the secret sealed anew
}

// SealedSecrets returns every secret that is kept sealed.
func SealedSecrets(from store.Catalog) []SealedSecret {
	var all []SealedSecret
	for _, s := range from.Sinks() {
		for i, secret := range s.Secrets() {
			if len(*secret.Sealed) == 0 {
				continue
			}
			all = append(all, SealedSecret{
				Of: string(secret.Name) + " of the integration " + string(s.ID), Place: s.SecretPlace(secret.Name), Sealed: *secret.Sealed,
				put: func(tx store.Tx, sealed seal.Sealed) {
					now, ok := tx.Sink(s.ID)
					if !ok {
						return
					}
					c := now.Clone()
					*c.Secrets()[i].Sealed = sealed
					tx.PutSink(c)
				},
			})
		}
	}
	for _, w := range from.Webhooks() {
		if len(w.Secret) > 0 {
			all = append(all, SealedSecret{
				Of: "secret of the webhook " + string(w.ID), Place: w.SecretPlace(), Sealed: w.Secret,
				put: func(tx store.Tx, sealed seal.Sealed) {
					c := w.Clone()
					c.Secret = sealed
					tx.PutWebhook(c)
				},
			})
		}
	}
	return all
}

// sealed seals a secret that somebody gave. What it is begins the sentence of a refusal.
func (a *Admin) sealed(what, secret, place string) (seal.Sealed, error) {
	sealed, err := a.keys.Seal(secret, place)
	if err != nil {
		return nil, fault.New(fault.Refused, fault.CodeConflict, "the %s can't be kept: %s", what, err)
	}
	return sealed, nil
}

// Reseal seals with the newest key whatever is sealed with an older one that is still there, and
// returns how many secrets that were. What can't be opened stays as it is.
func (a *Admin) Reseal(ctx context.Context) (int, error) {
	if older, err := a.reseal(SealedSecrets(a.store), func(SealedSecret, seal.Sealed) {}); older == 0 || err != nil {
		return 0, err
	}
	n := 0
	err := a.update(ctx, store.Account, Change{}, func(tx store.Tx) (err error) {
		n, err = a.reseal(SealedSecrets(tx), func(s SealedSecret, sealed seal.Sealed) { s.put(tx, sealed) })
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("seal secrets with the newest key: %w", err)
	}
	return n, nil
}

func (a *Admin) reseal(all []SealedSecret, keep func(SealedSecret, seal.Sealed)) (n int, err error) {
	for _, s := range all {
		if a.keys.Newest(s.Sealed) {
			continue
		}
		secret, err := a.keys.Open(s.Sealed, s.Place)
		if err != nil {
			continue // the start says so
		}
		sealed, err := a.keys.Seal(secret, s.Place)
		if err != nil {
			return n, err
		}
		keep(s, sealed)
		n++
	}
	return n, nil
}
