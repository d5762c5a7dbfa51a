package admin

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

const (
	defaultColor    = "417505"
	productionColor = "00DA7B"
	testColor       = "EBFF38"
)

// Environments returns the environments of a project in the order in which they were made, with SDK
// and mobile keys masked for callers without viewSdkKey; so do the other methods that return one.
func (a *Admin) Environments(_ context.Context, who catalog.Caller, key catalog.ProjectKey) ([]*catalog.Environment, error) {
	p, err := viewProject(a.store, who, key)
	if err != nil {
		return nil, err
	}
	envs := slices.Clone(a.store.Environments(key))
	for i, e := range envs {
		envs[i] = shown(who, p, e)
	}
	// Terraform's provider compares their list with the one that somebody wrote down.
	slices.SortStableFunc(envs, func(a, b *catalog.Environment) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return envs, nil
}

// Environment returns one environment.
func (a *Admin) Environment(_ context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey) (*catalog.Environment, error) {
	project, env, err := viewEnvironment(a.store, who, p, e)
	if err != nil {
		return nil, err
	}
	return shown(who, project, env), nil
}

func viewEnvironment(from store.Catalog, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey) (*catalog.Project, *catalog.Environment, error) {
	project, err := viewProject(from, who, p)
	if err != nil {
		return nil, nil, err
	}
	env, ok := from.EnvironmentByKey(p, e)
	if !ok {
		return nil, nil, noEnvironment(p, e)
	}
	return project, env, nil
}

func findEnvironment(from store.Catalog, p catalog.ProjectKey, e catalog.EnvKey) (*catalog.Project, *catalog.Environment, error) {
	project, err := findProject(from, p)
	if err != nil {
		return nil, nil, err
	}
	env, ok := from.EnvironmentByKey(p, e)
	if !ok {
		return nil, nil, noEnvironment(p, e)
	}
	return project, env, nil
}

func noEnvironment(p catalog.ProjectKey, e catalog.EnvKey) error {
	return fault.NotFoundf("there is no environment %q in project %s", e, p)
}

// shown returns the environment as the caller may see it.
func shown(who catalog.Caller, p *catalog.Project, e *catalog.Environment) *catalog.Environment {
	if who.Principal.Allows(policy.ViewSDKKey, catalog.EnvironmentResource(p, e)) {
		return e
	}
	return masked(e)
}

// masked returns the environment without its secrets.
func masked(e *catalog.Environment) *catalog.Environment {
	if e == nil {
		return nil
	}
	m := e.Clone()
	m.SDKKey, m.MobileKey = mask(e.SDKKey), mask(e.MobileKey)
	for i := range m.ExpiringSDKKeys {
		m.ExpiringSDKKeys[i].Key = mask(m.ExpiringSDKKeys[i].Key)
	}
	return m
}

func mask(secret string) string {
	const shownEnding = 4
	// A short secret of an operator's own choice would be given away by its ending.
	if len(secret) < 4*shownEnding {
		return strings.Repeat("*", len(secret))
	}
	end := len(secret) - shownEnding
	return strings.Repeat("*", end) + secret[end:]
}

func environmentDone(verb string, p *catalog.Project, before, after *catalog.Environment) done {
	e := cmp.Or(after, before)
	return done{
		kind: "environment", name: e.Name, verb: verb, on: catalog.EnvironmentResource(p, e), project: p.Key, env: e.Key,
		before: masked(before), after: masked(after),
	}
}

// CreateEnvironment creates an environment; every flag of the project gets a configuration in it:
// that of the source if there is one, or off and serving its defaults. Whoever names a source must
// be able to view it.
func (a *Admin) CreateEnvironment(ctx context.Context, who catalog.Caller, key catalog.ProjectKey, n NewEnvironment) (*catalog.Environment, error) {
	var result *catalog.Environment
	err := a.update(ctx, store.Scope{Project: key}, Change{}, func(tx store.Tx) error {
		p, err := findProject(tx, key)
		if err != nil {
			return err
		}
		on := catalog.EnvironmentResource(p, &catalog.Environment{Key: n.Key, Tags: n.Tags, Critical: n.Critical})
		es := effects{{policy.CreateEnvironment, on}}
		if err := es.authorise(who); err != nil {
			return err
		}
		if err := n.checkChooser(who); err != nil {
			return err
		}
		if len(tx.Environments(key)) >= maxEnvironments {
			return fault.TooLargef("project %s has %d environments; at most %d are allowed", key, maxEnvironments, maxEnvironments)
		}
		if err := n.checkSource(tx, who, key); err != nil {
			return err
		}
		e, err := a.putNewEnvironment(tx, p, n)
		if err != nil {
			return err
		}
		for _, f := range tx.Flags(key) {
			f = f.Clone()
			c := f.NewConfig()
			c.TrackEvents = e.DefaultTrackEvents
			if from := f.Environments[n.Source]; from != nil {
				c = c.Like(from)
			}
			c.Version = tx.LastVersion(e.ID, segment.FlagDefinition, string(f.Key)) + 1
			c.ModifiedAt, c.ModifiedBy = e.CreatedAt, who.Actor
			if f.Environments == nil {
				f.Environments = map[catalog.EnvKey]*catalog.FlagConfig{}
			}
			f.Environments[e.Key] = c
			tx.PutFlag(f)
		}
		result = shown(who, p, e)
		return a.audit(tx, who, es, environmentDone("created the environment", p, nil, e))
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// checkSource refuses a source that the caller can't view, or that is no longer what they saw.
func (n NewEnvironment) checkSource(tx store.Tx, who catalog.Caller, p catalog.ProjectKey) error {
	if n.Source == "" {
		return nil
	}
	_, source, err := viewEnvironment(tx, who, p, n.Source)
	if err != nil {
		return err
	}
	if n.SourceVersion != 0 && n.SourceVersion != source.Version {
		return fault.New(fault.Conflict, fault.CodeOptimisticLock, "environment %s has version %d by now, not %d", n.Source, source.Version, n.SourceVersion)
	}
	return nil
}

// checkChooser lets only administrators choose credentials: a weak one would let anybody in, and a
// refused one tells that another environment has it.
func (n NewEnvironment) checkChooser(who catalog.Caller) error {
	if n.ID == "" && n.SDKKey == "" && n.MobileKey == "" {
		return nil
	}
	return administers(who)
}

func (a *Admin) putNewEnvironment(tx store.Tx, p *catalog.Project, n NewEnvironment) (*catalog.Environment, error) {
	e := &catalog.Environment{
		ID:                 cmp.Or(n.ID, catalog.NewEnvID()),
		Project:            p.Key,
		Key:                n.Key,
		Name:               n.Name,
		Color:              cmp.Or(n.Color, defaultColor),
		DefaultTTL:         n.DefaultTTL,
		SecureMode:         n.SecureMode,
		DefaultTrackEvents: n.DefaultTrackEvents,
		RequireComments:    n.RequireComments,
		ConfirmChanges:     n.ConfirmChanges,
		Critical:           n.Critical,
		Tags:               slices.Clone(n.Tags),
		SDKKey:             cmp.Or(n.SDKKey, catalog.NewSecret(catalog.SDKKeyPrefix)),
		MobileKey:          cmp.Or(n.MobileKey, catalog.NewSecret(catalog.MobileKeyPrefix)),
		CreatedAt:          a.now(),
		Version:            1,
	}
	e.Normalize()
	if err := e.Validate(); err != nil {
		return nil, err
	}
	if _, taken := tx.EnvironmentByKey(p.Key, e.Key); taken {
		return nil, fault.Conflictf("project %s already has an environment with the key %q", p.Key, e.Key)
	}
	if _, taken := tx.Environment(e.ID); taken {
		return nil, fault.Conflictf("the client-side ID %s belongs to another environment", e.ID)
	}
	if err := checkCredentialsFree(tx, e); err != nil {
		return nil, err
	}
	tx.PutEnvironment(e)
	return e, nil
}

// checkCredentialsFree refuses a credential that would lead to two environments.
func checkCredentialsFree(tx store.Tx, e *catalog.Environment) error {
	if other, taken := tx.EnvironmentBySDKKey(e.SDKKey); taken && other.ID != e.ID {
		return fault.Conflictf("the SDK key of environment %s belongs to another environment", e.Key)
	}
	if other, taken := tx.EnvironmentByMobileKey(e.MobileKey); taken && other.ID != e.ID {
		return fault.Conflictf("the mobile key of environment %s belongs to another environment", e.Key)
	}
	return nil
}

// ChangeEnvironment runs change on a clone of the environment, whose keys are never masked; the
// caller needs the action of every difference it makes. change may run more than once.
func (a *Admin) ChangeEnvironment(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, how Change, change func(*catalog.Environment) error) (*catalog.Environment, error) {
	var result *catalog.Environment
	err := a.update(ctx, store.Scope{Project: p}, how, func(tx store.Tx) error {
		project, before, err := findEnvironment(tx, p, e)
		if err != nil {
			return err
		}
		after := before.Clone()
		if err := change(after); err != nil {
			return gate(who, project, err)
		}
		if after.Key != before.Key || after.ID != before.ID || after.Project != before.Project {
			return gate(who, project, fault.Invalidf("the key and the _id of an environment can't be changed"))
		}
		after.CreatedAt, after.Version = before.CreatedAt, before.Version
		after.Normalize()
		es := environmentEffects(project, before, after)
		if len(es) == 0 {
			result = shown(who, project, before)
			return gate(who, project, nil)
		}
		if err := es.authorise(who); err != nil {
			return err
		}
		if err := after.Validate(); err != nil {
			return err
		}
		if err := checkCredentialsFree(tx, after); err != nil {
			return err
		}
		after.Version++
		tx.PutEnvironment(after)
		result = shown(who, project, after)
		d := environmentDone("updated the environment", project, before, after)
		if after.SDKKey == before.SDKKey {
			d.details = map[policy.Action]string{policy.UpdateAPIKey: "ended the former SDK keys of"}
		}
		d.how = how
		return a.audit(tx, who, es, d)
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// DeleteEnvironment deletes an environment with its segments; a project keeps at least one.
func (a *Admin) DeleteEnvironment(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey) error {
	return a.update(ctx, store.Scope{Project: p}, Change{}, func(tx store.Tx) error {
		project, env, err := findEnvironment(tx, p, e)
		if err != nil {
			return err
		}
		es := effects{{policy.DeleteEnvironment, catalog.EnvironmentResource(project, env)}}
		if err := es.authorise(who); err != nil {
			return err
		}
		if len(tx.Environments(p)) == 1 {
			return fault.Invalidf("environment %s is the last of project %s; a project keeps at least one", e, p)
		}
		tx.DeleteEnvironment(env.ID)
		for _, f := range tx.Flags(p) {
			if _, configured := f.Environments[e]; configured {
				f = f.Clone()
				delete(f.Environments, e)
				tx.PutFlag(f)
			}
		}
		return a.audit(tx, who, es, environmentDone("deleted the environment", project, env, nil))
	})
}
