package admin

import (
	"context"

	"muster/internal/catalog"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// Resync makes relays, and whoever else keeps the members of an environment, take all of them once more
// behind the revision that it returns, whatever they hold: their store may have lost some of them. Nobody
// loses anything meanwhile.
func (a *Admin) Resync(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, how Change) (*catalog.Environment, segment.Revision, error) {
	var result *catalog.Environment
	err := a.update(ctx, store.Scope{Project: p}, how, func(tx store.Tx) error {
		project, before, err := findEnvironment(tx, p, e)
		if err != nil {
			return err
		}
		es := effects{{policy.UpdateEnvironmentSettings, catalog.EnvironmentResource(project, before)}}
		if err := es.authorise(who); err != nil {
			return err
		}
		after := before.Clone()
		after.Resyncs++
		after.Version++
		tx.PutEnvironment(after)
		result = shown(who, project, after)
		d := environmentDone("asked for all members once more of", project, before, after)
		d.how = how
		return a.audit(tx, who, es, d)
	})
	if err != nil {
		return nil, 0, err
	}
	head, err := a.store.Head(result.ID)
	return result, head, err
}
