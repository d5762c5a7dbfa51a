package admin

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// Flags returns the flags of a project, sorted by key.
func (a *Admin) Flags(_ context.Context, who catalog.Caller, p catalog.ProjectKey) ([]*catalog.Flag, error) {
	if _, err := viewProject(a.store, who, p); err != nil {
		return nil, err
	}
	return slices.Clone(a.store.Flags(p)), nil
}

// Flag returns one flag.
func (a *Admin) Flag(_ context.Context, who catalog.Caller, p catalog.ProjectKey, f catalog.FlagKey) (*catalog.Flag, error) {
	if _, err := viewProject(a.store, who, p); err != nil {
		return nil, err
	}
	return findFlag(a.store, p, f)
}

func findFlag(from store.Catalog, p catalog.ProjectKey, key catalog.FlagKey) (*catalog.Flag, error) {
	f, ok := from.Flag(p, key)
	if !ok {
		return nil, fault.NotFoundf("there is no flag %q in project %s", key, p)
	}
	return f, nil
}

// everywhere returns an action on the flag in each environment of the project.
func everywhere(tx store.Tx, p *catalog.Project, action policy.Action, key catalog.FlagKey, tags []string) effects {
	var es effects
	for _, e := range tx.Environments(p.Key) {
		es = append(es, effect{action, catalog.FlagResource(p, e, key, tags)})
	}
	if len(es) == 0 { // nothing to be checked must not mean that all is allowed
		es = append(es, effect{action, catalog.FlagResource(p, &catalog.Environment{}, key, tags)})
	}
	return es
}

func flagDone(verb string, p *catalog.Project, es effects, before, after *catalog.Flag) done {
	f := cmp.Or(after, before)
	d := done{kind: "flag", name: f.Name, verb: verb, on: es[0].on, project: p.Key, before: before, after: after}
	env := func(e effect) string { return e.on[len(e.on)-2].Name }
	if !slices.ContainsFunc(es, func(e effect) bool { return env(e) != env(es[0]) }) {
		d.env = catalog.EnvKey(env(es[0]))
	}
	if verb := turnedVerb(before, after); verb != "" {
		d.details = map[policy.Action]string{policy.UpdateOn: verb}
	}
	return d
}

// turnedVerb says which way a change turned a flag, "" where it turned it both ways or not at all.
func turnedVerb(before, after *catalog.Flag) string {
	if before == nil || after == nil {
		return ""
	}
	verb := ""
	for key, now := range after.Environments {
		was := before.Environments[key]
		if was == nil || was.On == now.On {
			continue
		}
		turned := "turned off"
		if now.On {
			turned = "turned on"
		}
		if verb != "" && verb != turned {
			return ""
		}
		verb = turned
	}
	return verb
}

// CreateFlag creates a flag with a configuration in every environment.
func (a *Admin) CreateFlag(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, n NewFlag) (*catalog.Flag, error) {
	var result *catalog.Flag
	err := a.update(ctx, store.Scope{Project: p}, Change{}, func(tx store.Tx) error {
		project, err := findProject(tx, p)
		if err != nil {
			return err
		}
		f, es, err := a.beginFlag(tx, who, project, n)
		if err != nil {
			return err
		}
		if err := f.Validate(); err != nil {
			return err
		}
		if f.MaintainerID != "" {
			if err := checkMaintainer(tx, f.MaintainerID); err != nil {
				return err
			}
		}
		if _, taken := tx.Flag(p, n.Key); taken {
			return fault.Conflictf("project %s already has a flag with the key %q", p, n.Key)
		}
		if err := n.require(tx, who, project, f); err != nil {
			return err
		}
		tx.PutFlag(f)
		result = f
		return a.audit(tx, who, es, flagDone("created the flag", project, es, nil, f))
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// beginFlag returns the flag as the caller may create it, not validated yet, and what creating it
// takes.
func (a *Admin) beginFlag(tx store.Tx, who catalog.Caller, p *catalog.Project, n NewFlag) (*catalog.Flag, effects, error) {
	if n.CloneOf != "" {
		return a.cloneFlag(tx, who, p, n)
	}
	es := everywhere(tx, p, policy.CreateFlag, n.Key, n.Tags)
	if err := es.authorise(who); err != nil {
		return nil, nil, err
	}
	return a.newFlag(tx, who, p, n), es, nil
}

func (a *Admin) newFlag(tx store.Tx, who catalog.Caller, p *catalog.Project, n NewFlag) *catalog.Flag {
	f := &catalog.Flag{
		Project:          p.Key,
		Key:              n.Key,
		Name:             n.Name,
		Description:      n.Description,
		Variations:       slices.Clone(n.Variations),
		Temporary:        n.Temporary == nil || *n.Temporary,
		Tags:             slices.Clone(n.Tags),
		MaintainerID:     n.MaintainerID,
		Availability:     p.DefaultAvailability,
		CustomProperties: maps.Clone(n.CustomProperties),
		CreatedAt:        a.now(),
		Version:          1,
		Environments:     map[catalog.EnvKey]*catalog.FlagConfig{},
	}
	if len(f.Variations) == 0 {
		f.Variations = []catalog.Variation{{Value: ldvalue.Bool(true)}, {Value: ldvalue.Bool(false)}}
	}
	f.Defaults = catalog.Defaults{On: 0, Off: len(f.Variations) - 1}
	if n.Defaults != nil {
		f.Defaults = *n.Defaults
	}
	f.Availability = n.availability(f.Availability)
	for _, e := range tx.Environments(p.Key) {
		c := f.NewConfig()
		c.On = n.On
		c.TrackEvents = e.DefaultTrackEvents
		c.Version = tx.LastVersion(e.ID, segment.FlagDefinition, string(n.Key)) + 1
		c.ModifiedAt, c.ModifiedBy = f.CreatedAt, who.Actor
		f.Environments[e.Key] = c
	}
	f.Normalize()
	return f
}

func checkMaintainer(from store.Catalog, id catalog.ID) error {
	if _, ok := from.Member(id); !ok {
		return fault.Invalidf("maintainerId %s is not an account member", id)
	}
	return nil
}

// ChangeFlag runs change on a clone of the flag; the caller needs the action of every difference
// it makes: in every environment for what concerns the whole flag. change may run more than once.
func (a *Admin) ChangeFlag(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, key catalog.FlagKey, how Change, change func(*catalog.Flag) error) (*catalog.Flag, error) {
	return a.changeFlag(ctx, who, p, key, how, change, func(*catalog.Project, []*catalog.Environment, *catalog.Flag) effects { return nil })
}

// changeFlag is ChangeFlag for changes that also need what beside returns.
func (a *Admin) changeFlag(
	ctx context.Context, who catalog.Caller, p catalog.ProjectKey, key catalog.FlagKey, how Change, change func(*catalog.Flag) error,
	beside func(*catalog.Project, []*catalog.Environment, *catalog.Flag) effects,
) (*catalog.Flag, error) {
	var result *catalog.Flag
	err := a.update(ctx, store.Scope{Project: p}, how, func(tx store.Tx) error {
		project, err := findProject(tx, p)
		if err != nil {
			return err
		}
		before, err := findFlag(tx, p, key)
		if err != nil {
			return err
		}
		after, err := changedFlag(before, change)
		if err != nil {
			return gate(who, project, err)
		}
		es := flagEffects(project, tx.Environments(p), before, after)
		if len(es) == 0 {
			result = before
			return gate(who, project, nil)
		}
		es = append(es, beside(project, tx.Environments(p), before)...)
		if err := es.authorise(who); err != nil {
			return err
		}
		if err := checkFlag(tx, before, after); err != nil {
			return err
		}
		a.settleFlag(tx, who, before, after)
		tx.PutFlag(after)
		result = after
		d := flagDone("updated the flag", project, es, before, after)
		d.how = how
		return a.audit(tx, who, es, d)
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// PreviewFlag returns a flag and what change would make of it. Nothing is kept, so that whoever may view
// the flag may ask.
func (a *Admin) PreviewFlag(_ context.Context, who catalog.Caller, p catalog.ProjectKey, key catalog.FlagKey, change func(*catalog.Flag) error) (before, after *catalog.Flag, err error) {
	if _, err := viewProject(a.store, who, p); err != nil {
		return nil, nil, err
	}
	if before, err = findFlag(a.store, p, key); err != nil {
		return nil, nil, err
	}
	if after, err = changedFlag(before, change); err != nil {
		return nil, nil, err
	}
	return before, after, checkFlag(a.store, before, after)
}

// changedFlag returns what change makes of the flag, what never changes put back.
func changedFlag(before *catalog.Flag, change func(*catalog.Flag) error) (*catalog.Flag, error) {
	after := before.Clone()
	if err := change(after); err != nil {
		return nil, err
	}
	if after.Key != before.Key || after.Project != before.Project {
		return nil, fault.Invalidf("the key of a flag can't be changed")
	}
	for env, old := range before.Environments {
		now := after.Environments[env]
		if now == nil {
			return nil, fault.Invalidf("the configuration of flag %s in environment %s can't be removed", before.Key, env)
		}
		now.Fallthrough = chosenServe(old.Fallthrough, now.Fallthrough)
		for i := range now.Rules {
			if j := slices.IndexFunc(old.Rules, func(r catalog.FlagRule) bool { return r.ID == now.Rules[i].ID }); j >= 0 {
				now.Rules[i].Serve = chosenServe(old.Rules[j].Serve, now.Rules[i].Serve)
			}
		}
		now.Sel, now.Version, now.ModifiedAt, now.ModifiedBy = old.Sel, old.Version, old.ModifiedAt, old.ModifiedBy
	}
	for env := range after.Environments {
		if before.Environments[env] == nil {
			return nil, fault.Invalidf("flag %s has no environment %q", before.Key, env)
		}
	}
	after.CreatedAt, after.Version = before.CreatedAt, before.Version
	after.Normalize()
	return after, nil
}

// chosenServe drops what was there before when a patch sets a rollout beside a variation, or a
// variation beside a rollout.
func chosenServe(before, after catalog.Serve) catalog.Serve {
	if after.Variation == nil || after.Rollout == nil {
		return after
	}
	switch {
	case before.Variation != nil && before.Rollout == nil:
		after.Variation = nil
	case before.Rollout != nil && before.Variation == nil:
		after.Rollout = nil
	}
	return after
}

func checkFlag(from store.Catalog, before, after *catalog.Flag) error {
	if err := after.Validate(); err != nil {
		return err
	}
	if after.MaintainerID != before.MaintainerID && after.MaintainerID != "" {
		if err := checkMaintainer(from, after.MaintainerID); err != nil {
			return err
		}
	}
	lookup := func(key catalog.FlagKey) (*catalog.Flag, bool) { return from.Flag(after.Project, key) }
	for env, c := range after.Environments {
		if slices.Equal(before.Environments[env].Prerequisites, c.Prerequisites) {
			continue
		}
		if err := after.CheckPrerequisites(env, lookup); err != nil {
			return err
		}
	}
	return checkDependents(from, before, after)
}

// checkDependents refuses to take away what flags with this prerequisite rely on: the flag itself,
// and the variation at the index that they name.
func checkDependents(from store.Catalog, before, after *catalog.Flag) error {
	if before.Archived == after.Archived && slices.EqualFunc(before.Variations, after.Variations, catalog.Variation.Equal) {
		return nil
	}
	for _, f := range from.Flags(before.Project) {
		for _, env := range f.Requires(before.Key) {
			if after.Archived && !before.Archived {
				return fault.Conflictf("flag %s is a prerequisite of flag %s in environment %s; it can't be archived", before.Key, f.Key, env)
			}
			for _, p := range f.Environments[env].Prerequisites {
				if p.Key == before.Key && movedVariation(before, after, p.Variation) {
					return fault.Conflictf("variation %d of flag %s is required by flag %s in environment %s; it can't be removed or moved", p.Variation, before.Key, f.Key, env)
				}
			}
		}
	}
	return nil
}

func movedVariation(before, after *catalog.Flag, i int) bool {
	return i < len(before.Variations) && (i >= len(after.Variations) || before.Variations[i].ID != after.Variations[i].ID)
}

// settleFlag sets times and versions: one more for the flag, and one more in every environment
// where SDKs see a difference. It notes who changed the configurations.
func (a *Admin) settleFlag(tx store.Tx, who catalog.Caller, before, after *catalog.Flag) {
	now := a.now()
	after.Version++
	after.ArchivedAt = since(before.Archived, after.Archived, before.ArchivedAt, now)
	after.DeprecatedAt = since(before.Deprecated, after.Deprecated, before.DeprecatedAt, now)
	for _, e := range tx.Environments(after.Project) {
		if c := after.Environments[e.Key]; c != nil {
			settleConfig(tx, who, e, before, after, now)
		}
	}
}

func settleConfig(tx store.Tx, who catalog.Caller, e *catalog.Environment, before, after *catalog.Flag, now time.Time) {
	old, c := before.Environments[e.Key], after.Environments[e.Key]
	same := old != nil && sameToSDKs(before, after, e.Key)
	if !same {
		c.Version = max(c.Version, tx.LastVersion(e.ID, segment.FlagDefinition, string(after.Key))+1)
	}
	var es effects
	if old != nil {
		es.flagConfig(nil, old, c)
	}
	if !same || len(es) > 0 {
		c.ModifiedAt, c.ModifiedBy = now, who.Actor
	}
}

func sameToSDKs(before, after *catalog.Flag, env catalog.EnvKey) bool {
	return string(catalog.FlagDefinition(before, env).JSON) == string(catalog.FlagDefinition(after, env).JSON)
}

func since(was, is bool, at, now time.Time) time.Time {
	switch {
	case !is:
		return time.Time{}
	case !was:
		return now
	}
	return at
}

// DeleteFlag deletes a flag that is no prerequisite of another, unless check refuses, and returns it.
func (a *Admin) DeleteFlag(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, key catalog.FlagKey, how Change, check func(*catalog.Flag) error) (*catalog.Flag, error) {
	var gone *catalog.Flag
	err := a.update(ctx, store.Scope{Project: p}, how, func(tx store.Tx) error {
		project, err := findProject(tx, p)
		if err != nil {
			return err
		}
		f, err := findFlag(tx, p, key)
		if err != nil {
			return err
		}
		es := everywhere(tx, project, policy.DeleteFlag, key, f.Tags)
		if err := es.authorise(who); err != nil {
			return err
		}
		if err := check(f); err != nil {
			return err
		}
		if err := checkNotRequired(tx, p, key); err != nil {
			return err
		}
		tx.DeleteFlag(p, key)
		gone = f
		d := flagDone("deleted the flag", project, es, f, nil)
		d.how = how
		return a.audit(tx, who, es, d)
	})
	if err != nil {
		return nil, err
	}
	return gone, nil
}

func checkNotRequired(from store.Catalog, p catalog.ProjectKey, key catalog.FlagKey) error {
	var users []string
	for _, d := range dependents(from, p, key) {
		for _, env := range d.Environments {
			users = append(users, string(d.Key)+" in environment "+string(env))
		}
	}
	if len(users) > 0 {
		return fault.Conflictf("flag %s is a prerequisite of %s; remove it there first", key, listed("the flags", users))
	}
	return nil
}
