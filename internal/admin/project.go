package admin

import (
	"cmp"
	"context"
	"slices"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

const (
	maxEnvironments = 1000
	maxContextKinds = 1000
)

// Projects returns the projects that the caller may view, sorted by key.
func (a *Admin) Projects(_ context.Context, who catalog.Caller) ([]*catalog.Project, error) {
	var visible []*catalog.Project
	for _, p := range a.store.Projects() {
		if who.Principal.Allows(policy.ViewProject, catalog.ProjectResource(p)) {
			visible = append(visible, p)
		}
	}
	return visible, nil
}

// Project returns one project.
func (a *Admin) Project(_ context.Context, who catalog.Caller, p catalog.ProjectKey) (*catalog.Project, error) {
	return viewProject(a.store, who, p)
}

// viewProject finds a project for a reader: one that may not be viewed does not exist.
func viewProject(from store.Catalog, who catalog.Caller, key catalog.ProjectKey) (*catalog.Project, error) {
	p, err := findProject(from, key)
	if err != nil {
		return nil, err
	}
	if !who.Principal.Allows(policy.ViewProject, catalog.ProjectResource(p)) {
		return nil, noProject(key)
	}
	return p, nil
}

// findProject finds a project for a writer, whose effects are checked one by one.
func findProject(from store.Catalog, key catalog.ProjectKey) (*catalog.Project, error) {
	p, ok := from.Project(key)
	if !ok {
		return nil, noProject(key)
	}
	return p, nil
}

func noProject(key catalog.ProjectKey) error {
	return fault.NotFoundf("there is no project %q that this credential may view", key)
}

// gate returns err to a caller who may view the project, and NotFound to one who may not: neither
// the outcome of a patch nor a patch that changes nothing may tell what is there.
func gate(who catalog.Caller, p *catalog.Project, err error) error {
	if hidden := who.Check(policy.ViewProject, catalog.ProjectResource(p)); hidden != nil {
		return hidden
	}
	return err
}

func projectDone(verb string, before, after *catalog.Project) done {
	p := cmp.Or(after, before)
	return done{
		kind: "project", name: p.Name, verb: verb, on: catalog.ProjectResource(p), project: p.Key,
		before: before, after: after,
	}
}

// CreateProject creates a project with its environments: those given, or test and production.
func (a *Admin) CreateProject(ctx context.Context, who catalog.Caller, n NewProject) (*catalog.Project, error) {
	now := a.now()
	p := &catalog.Project{
		ID:                  catalog.NewID(),
		Key:                 n.Key,
		Name:                n.Name,
		Tags:                slices.Clone(n.Tags),
		DefaultAvailability: catalog.Availability{MobileKey: true},
		CreatedAt:           now,
		ContextKinds:        []catalog.ContextKind{userKind(now)},
	}
	if n.DefaultAvailability != nil {
		p.DefaultAvailability = *n.DefaultAvailability
	}
	p.Normalize()
	envs := n.Environments
	if len(envs) == 0 {
		envs = []NewEnvironment{{Key: "test", Name: "Test", Color: testColor}, {Key: "production", Name: "Production", Color: productionColor}}
	}
	if len(envs) > maxEnvironments {
		return nil, fault.Invalidf("environments has %d elements; a project has at most %d", len(envs), maxEnvironments)
	}
	es := effects{{policy.CreateProject, catalog.ProjectResource(p)}}
	if err := es.authorise(who); err != nil {
		return nil, err
	}
	for _, n := range envs {
		if err := n.checkChooser(who); err != nil {
			return nil, err
		}
		if n.Source != "" {
			return nil, fault.Invalidf("environment %s names a source; a new project has none to copy from", n.Key)
		}
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	err := a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		if _, taken := tx.Project(p.Key); taken {
			return fault.Conflictf("there is already a project with the key %q", p.Key)
		}
		tx.PutProject(p)
		for _, n := range envs {
			if _, err := a.putNewEnvironment(tx, p, n); err != nil {
				return err
			}
		}
		return a.audit(tx, who, es, projectDone("created the project", nil, p))
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// userKind is the context kind that every project knows.
func userKind(at time.Time) catalog.ContextKind {
	return catalog.ContextKind{Key: segment.DefaultKind, Name: string(segment.DefaultKind), Version: 1, CreatedAt: at, ModifiedAt: at, CreatedFrom: "default"}
}

// ChangeProject runs change on a clone of the project; the caller needs the action of every
// difference it makes. change may run more than once.
func (a *Admin) ChangeProject(ctx context.Context, who catalog.Caller, key catalog.ProjectKey, how Change, change func(*catalog.Project) error) (*catalog.Project, error) {
	var result *catalog.Project
	err := a.update(ctx, store.Scope{Project: key}, how, func(tx store.Tx) error {
		before, err := findProject(tx, key)
		if err != nil {
			return err
		}
		after := before.Clone()
		if err := change(after); err != nil {
			return gate(who, before, err)
		}
		if after.Key != before.Key {
			return gate(who, before, fault.Invalidf("the key of a project can't be changed"))
		}
		after.ID, after.CreatedAt = before.ID, before.CreatedAt
		after.Normalize()
		if err := a.settleContextKinds(before, after); err != nil {
			return gate(who, before, err)
		}
		result = before
		es := projectEffects(before, after)
		if len(es) == 0 {
			return gate(who, before, nil)
		}
		if err := es.authorise(who); err != nil {
			return err
		}
		if err := after.Validate(); err != nil {
			return err
		}
		tx.PutProject(after)
		result = after
		d := projectDone("updated the project", before, after)
		d.how = how
		return a.audit(tx, who, es, d)
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// settleContextKinds gives new and changed context kinds the fields that callers don't set.
func (a *Admin) settleContextKinds(before, after *catalog.Project) error {
	if len(after.ContextKinds) > maxContextKinds {
		return fault.TooLargef("project %s would have %d context kinds; at most %d are allowed", after.Key, len(after.ContextKinds), maxContextKinds)
	}
	for _, old := range before.ContextKinds {
		if _, kept := after.ContextKind(old.Key); !kept {
			return fault.Invalidf("context kind %q can't be deleted; archive it", old.Key)
		}
	}
	for i := range after.ContextKinds {
		k := &after.ContextKinds[i]
		old, known := before.ContextKind(k.Key)
		if known && old == *k {
			continue
		}
		k.Name = cmp.Or(k.Name, string(k.Key))
		k.CreatedFrom = cmp.Or(old.CreatedFrom, k.CreatedFrom, "manual")
		k.Version = max(k.Version, old.Version+1)
		k.ModifiedAt = a.now()
		k.CreatedAt = old.CreatedAt
		if !known {
			k.CreatedAt = k.ModifiedAt
		}
	}
	return nil
}

// DeleteProject deletes a project with everything in it.
func (a *Admin) DeleteProject(ctx context.Context, who catalog.Caller, key catalog.ProjectKey) error {
	return a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		p, err := findProject(tx, key)
		if err != nil {
			return err
		}
		es := effects{{policy.DeleteProject, catalog.ProjectResource(p)}}
		if err := es.authorise(who); err != nil {
			return err
		}
		tx.DeleteProject(key)
		return a.audit(tx, who, es, projectDone("deleted the project", p, nil))
	})
}

// EnsureContextKind adds a context kind to a project if it lacks it.
func (a *Admin) EnsureContextKind(ctx context.Context, key catalog.ProjectKey, kind segment.ContextKind) error {
	p, err := findProject(a.store, key)
	if err != nil {
		return err
	}
	if _, known := p.ContextKind(kind); known {
		return nil
	}
	return a.update(ctx, store.Scope{Project: key}, Change{}, func(tx store.Tx) error {
		before, err := findProject(tx, key)
		if err != nil {
			return err
		}
		if _, known := before.ContextKind(kind); known {
			return nil
		}
		after := before.Clone()
		after.ContextKinds = append(after.ContextKinds, catalog.ContextKind{Key: kind, CreatedFrom: "auto-add"})
		if err := a.settleContextKinds(before, after); err != nil {
			return err
		}
		if err := after.Validate(); err != nil {
			return err
		}
		tx.PutProject(after)
		return nil
	})
}
