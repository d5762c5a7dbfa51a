package admin

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// cloneFlag is beginFlag for a flag that begins as another one.
func (a *Admin) cloneFlag(tx store.Tx, who catalog.Caller, p *catalog.Project, n NewFlag) (*catalog.Flag, effects, error) {
	if len(n.Variations) > 0 || n.Defaults != nil || n.On || len(n.Prerequisites) > 0 {
		return nil, nil, gate(who, p, fault.Invalidf("a clone has the variations, defaults, states and prerequisites of flag %s; change them afterwards", n.CloneOf))
	}
	source, err := findFlag(tx, p.Key, n.CloneOf)
	if err != nil {
		return nil, nil, gate(who, p, err)
	}
	f := source.As(n.Key, n.Name)
	f.CreatedAt = a.now()
	f.Description = cmp.Or(n.Description, f.Description)
	f.Temporary = given(n.Temporary, f.Temporary)
	f.Availability = n.availability(f.Availability)
	f.MaintainerID = cmp.Or(n.MaintainerID, f.MaintainerID)
	if n.Tags != nil {
		f.Tags = slices.Clone(n.Tags)
	}
	if len(n.CustomProperties) > 0 {
		f.CustomProperties = maps.Clone(n.CustomProperties)
	}
	for _, e := range tx.Environments(p.Key) {
		if c := f.Environments[e.Key]; c != nil {
			c.Version = tx.LastVersion(e.ID, segment.FlagDefinition, string(n.Key)) + 1
			c.ModifiedAt, c.ModifiedBy = f.CreatedAt, who.Actor
		}
	}
	f.Normalize()
	es := everywhere(tx, p, policy.CreateFlag, f.Key, f.Tags)
	es = append(es, everywhere(tx, p, policy.CloneFlag, source.Key, source.Tags)...)
	return f, es, es.authorise(who)
}

// given returns what a caller gave, or otherwise.
func given[T any](v *T, otherwise T) T {
	if v == nil {
		return otherwise
	}
	return *v
}

// availability returns where the new flag is available, with what the caller left open taken from otherwise.
func (n NewFlag) availability(otherwise catalog.Availability) catalog.Availability {
	otherwise.EnvironmentID = given(n.IncludeInSnippet, otherwise.EnvironmentID)
	return given(n.Availability, otherwise)
}

// require gives a new flag its prerequisites, which the caller must be able to view.
func (n NewFlag) require(tx store.Tx, who catalog.Caller, p *catalog.Project, f *catalog.Flag) error {
	if len(n.Prerequisites) == 0 {
		return nil
	}
	if err := gate(who, p, nil); err != nil {
		return err
	}
	lookup := func(key catalog.FlagKey) (*catalog.Flag, bool) { return tx.Flag(p.Key, key) }
	for _, r := range n.Prerequisites {
		other, ok := lookup(r.Key)
		if !ok {
			return fault.Invalidf("prerequisite %q is not a flag of project %s", r.Key, p.Key)
		}
		if err := f.RequirePrerequisite(other, r.VariationID); err != nil {
			return err
		}
	}
	for env := range f.Environments {
		if err := f.CheckPrerequisites(env, lookup); err != nil {
			return err
		}
	}
	return nil
}

// CopyFlag copies parts of a flag's configuration from one environment to another. Beside the action
// of every difference the caller needs copyFlagConfigFrom in the one and copyFlagConfigTo in the other.
func (a *Admin) CopyFlag(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, key catalog.FlagKey, how Change, c FlagCopy) (*catalog.Flag, error) {
	return a.changeFlag(ctx, who, p, key, how, c.apply,
		func(project *catalog.Project, envs []*catalog.Environment, f *catalog.Flag) effects {
			var es effects
			for _, e := range envs {
				on := catalog.FlagResource(project, e, f.Key, f.Tags)
				es.when(e.Key == c.Source, policy.CopyFlagConfigFrom, on)
				es.when(e.Key == c.Target, policy.CopyFlagConfigTo, on)
			}
			return es
		})
}

func (c FlagCopy) apply(f *catalog.Flag) error {
	if c.Source == c.Target {
		return fault.Invalidf("source and target are both environment %q", c.Source)
	}
	source, err := c.config(f, c.Source, c.SourceVersion)
	if err != nil {
		return err
	}
	target, err := c.config(f, c.Target, c.TargetVersion)
	if err != nil {
		return err
	}
	target.Copy(source, c.Parts)
	return nil
}

func (c FlagCopy) config(f *catalog.Flag, env catalog.EnvKey, version int) (*catalog.FlagConfig, error) {
	config := f.Environments[env]
	if config == nil {
		return nil, fault.Invalidf("there is no environment %q in project %s", env, f.Project)
	}
	if version != 0 && version != config.Version {
		return nil, fault.New(fault.Conflict, fault.CodeOptimisticLock, "flag %s has version %d in environment %s by now, not %d", f.Key, config.Version, env, version)
	}
	return config, nil
}

// Dependent is a flag that has another one as a prerequisite, and where.
type Dependent struct {
	*catalog.Flag
	Environments []catalog.EnvKey // sorted
}

// Dependents returns the flags that have this one as a prerequisite, sorted by key.
func (a *Admin) Dependents(_ context.Context, who catalog.Caller, p catalog.ProjectKey, key catalog.FlagKey) ([]Dependent, error) {
	if _, err := viewProject(a.store, who, p); err != nil {
		return nil, err
	}
	if _, err := findFlag(a.store, p, key); err != nil {
		return nil, err
	}
	return dependents(a.store, p, key), nil
}

func dependents(from store.Catalog, p catalog.ProjectKey, key catalog.FlagKey) []Dependent {
	var list []Dependent
	for _, f := range from.Flags(p) {
		if envs := f.Requires(key); len(envs) > 0 {
			list = append(list, Dependent{f, envs})
		}
	}
	return list
}
