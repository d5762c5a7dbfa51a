package admin

import (
	"cmp"
	"context"
	"slices"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/store"
)

// PayloadFilters returns the payload filters of a project, oldest first.
func (a *Admin) PayloadFilters(_ context.Context, who catalog.Caller, p catalog.ProjectKey) ([]*catalog.PayloadFilter, error) {
	project, err := viewProject(a.store, who, p)
	if err != nil {
		return nil, err
	}
	return project.Filters, nil
}

// PayloadFilter returns one payload filter.
func (a *Admin) PayloadFilter(_ context.Context, who catalog.Caller, p catalog.ProjectKey, key catalog.FilterKey) (*catalog.PayloadFilter, error) {
	project, err := viewProject(a.store, who, p)
	if err != nil {
		return nil, err
	}
	f, ok := project.PayloadFilter(key)
	if !ok {
		return nil, noFilter(p, key)
	}
	return f, nil
}

func noFilter(p catalog.ProjectKey, key catalog.FilterKey) error {
	return fault.NotFoundf("project %s has no payload filter %.80q", p, key)
}

// NewPayloadFilter is what a caller gives to create a payload filter.
type NewPayloadFilter struct {
	Key         catalog.FilterKey
	Name        string // the key without one
	Description string
	Rules       []catalog.PayloadRule
}

// CreatePayloadFilter creates a payload filter.
func (a *Admin) CreatePayloadFilter(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, n NewPayloadFilter) (*catalog.PayloadFilter, error) {
	now := a.now()
	f := &catalog.PayloadFilter{
		ID: catalog.NewID(), Key: n.Key, Name: cmp.Or(n.Name, string(n.Key)), Description: n.Description, Rules: n.Rules,
		CreatedAt: now, ModifiedAt: now, Version: 1,
	}
	return f, a.changeFilters(ctx, who, p, Change{}, func(project *catalog.Project) (filterChange, error) {
		c := filterChange{key: n.Key, action: policy.CreatePayloadFilter, verb: "created the payload filter", after: f}
		if err := f.Validate(); err != nil {
			return c, err
		}
		if _, taken := project.PayloadFilter(n.Key); taken {
			return c, fault.Conflictf("project %s already has a payload filter with the key %q", p, n.Key)
		}
		project.Filters = append(project.Filters, f)
		return c, nil
	})
}

// ChangePayloadFilter runs change on a clone of the filter. change may run more than once.
func (a *Admin) ChangePayloadFilter(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, key catalog.FilterKey, how Change, change func(*catalog.PayloadFilter) error) (*catalog.PayloadFilter, error) {
	var result *catalog.PayloadFilter
	err := a.changeFilters(ctx, who, p, how, func(project *catalog.Project) (filterChange, error) {
		before, ok := project.PayloadFilter(key)
		c := filterChange{key: key, action: policy.UpdatePayloadFilter, verb: "updated the payload filter", before: before}
		if !ok {
			return c, noFilter(p, key)
		}
		after := before.Clone()
		result = after
		if err := change(after); err != nil {
			return c, err
		}
		if after.Key != key {
			return c, fault.Invalidf("the key of a payload filter can't be changed")
		}
		if after.Equal(before) {
			return c, nil
		}
		after.Version++
		after.ModifiedAt = a.now()
		if err := after.Validate(); err != nil {
			return c, err
		}
		project.Filters[slices.Index(project.Filters, before)] = after
		c.after = after
		return c, nil
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// DeletePayloadFilter deletes a payload filter. SDKs that name it are refused from then on.
func (a *Admin) DeletePayloadFilter(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, key catalog.FilterKey) error {
	return a.changeFilters(ctx, who, p, Change{}, func(project *catalog.Project) (filterChange, error) {
		before, ok := project.PayloadFilter(key)
		c := filterChange{key: key, action: policy.DeletePayloadFilter, verb: "deleted the payload filter", before: before}
		if !ok {
			return c, noFilter(p, key)
		}
		i := slices.Index(project.Filters, before)
		project.Filters = slices.Delete(project.Filters, i, i+1)
		return c, nil
	})
}

// filterChange is what is done to one payload filter. One that was there and is neither changed nor
// deleted needs no right but to be seen.
type filterChange struct {
	key           catalog.FilterKey
	action        policy.Action
	verb          string
	before, after *catalog.PayloadFilter
}

func (c filterChange) nothing() bool { return c.action == policy.UpdatePayloadFilter && c.after == nil }

// changeFilters runs change on a clone of the project.
func (a *Admin) changeFilters(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, how Change, change func(*catalog.Project) (filterChange, error)) error {
	return a.update(ctx, store.Scope{Project: p}, how, func(tx store.Tx) error {
		project, err := findProject(tx, p)
		if err != nil {
			return err
		}
		after := project.Clone()
		c, err := change(after)
		if err != nil {
			return gate(who, project, err)
		}
		if c.nothing() {
			return gate(who, project, nil)
		}
		on := catalog.PayloadFilterResource(project, c.key)
		es := effects{{c.action, on}}
		if err := es.authorise(who); err != nil {
			return err
		}
		if err := after.Validate(); err != nil {
			return err
		}
		tx.PutProject(after)
		d := done{
			kind: "payload-filter", name: cmp.Or(c.after, c.before).Name, verb: c.verb, on: on, project: p, how: how,
			before: c.before, after: c.after,
		}
		return a.audit(tx, who, es, d)
	})
}
