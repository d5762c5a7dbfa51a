package relayfeed

import (
	"context"
	"fmt"
	"sync"
	"time"

	"muster/internal/catalog"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// oldKeys are the expired SDK keys that relays were found to use since the start.
type oldKeys struct {
	mu    sync.Mutex
	noted map[oldKey]bool
}

type oldKey struct {
	env     segment.EnvID
	expired time.Time
}

// NoteExpired writes down in the audit log that a relay still uses a rotated SDK key, once for each key
// and start. ld-relay 8 asks for members with the key that it was started with as long as it runs.
func (f *Feed) NoteExpired(ctx context.Context, env *catalog.Environment, p Peer) {
	if p.Expired.IsZero() {
		return
	}
	k := oldKey{env.ID, p.Expired}
	f.old.mu.Lock()
	noted := f.old.noted[k]
	if f.old.noted == nil {
		f.old.noted = map[oldKey]bool{}
	}
	f.old.noted[k] = true
	f.old.mu.Unlock()
	if noted {
		return
	}
	err := f.auditExpired(ctx, env, p)
	f.o.Log.WarnContext(ctx, "a relay uses an SDK key that has expired; restart it", "environment", env.ID, "address", p.Address, "expired", p.Expired)
	if err != nil {
		f.o.Log.ErrorContext(ctx, "the use of an expired SDK key is not in the audit log", "environment", env.ID, "error", err)
	}
}

func (f *Feed) auditExpired(ctx context.Context, env *catalog.Environment, p Peer) error {
	project, ok := f.store.Project(env.Project)
	if !ok {
		return store.ErrNoEnvironment
	}
	on := catalog.EnvironmentResource(project, env)
	_, err := f.store.Update(ctx, store.Scope{Env: env.ID}, func(tx store.Tx) error {
		tx.Audit(catalog.AuditEntry{
			ID: catalog.NewID(), At: f.o.Now(), Kind: "environment", Name: env.Name, Actor: segment.Actor{Kind: "system", Name: "muster"},
			Accesses:  []catalog.Access{catalog.AccessTo(policy.ViewSDKKey, on)},
			TitleVerb: "let a relay use an expired SDK key of", Short: "let a relay use an expired SDK key of " + env.Name,
			Description: fmt.Sprintf("A relay at %s uses an SDK key that expired at %s. It goes on with it until it is restarted or the time of grace is over.", p.Address, p.Expired.UTC().Format(time.RFC3339)),
			Target:      on.String(), Project: env.Project, Env: env.Key,
		})
		return nil
	})
	return err
}
