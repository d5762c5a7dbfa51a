package admin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// maxNamed bounds how many objects an error message lists.
const maxNamed = 10

// Segments returns the segments of an environment, sorted by key.
func (a *Admin) Segments(_ context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey) ([]*catalog.Segment, error) {
	_, env, err := viewEnvironment(a.store, who, p, e)
	if err != nil {
		return nil, err
	}
	return slices.Clone(a.store.Segments(env.ID)), nil
}

// Segment returns one segment.
func (a *Admin) Segment(_ context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, s segment.Key) (*catalog.Segment, error) {
	_, env, err := viewEnvironment(a.store, who, p, e)
	if err != nil {
		return nil, err
	}
	return findSegment(a.store, env, s)
}

func findSegment(from store.Catalog, e *catalog.Environment, key segment.Key) (*catalog.Segment, error) {
	s, ok := from.Segment(e.ID, key)
	if !ok {
		return nil, fault.NotFoundf("there is no segment %q in environment %s of project %s", key, e.Key, e.Project)
	}
	return s, nil
}

// SegmentFlags returns the flags with a rule that names the segment in this environment.
func (a *Admin) SegmentFlags(_ context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, s segment.Key) ([]*catalog.Flag, error) {
	_, env, err := viewEnvironment(a.store, who, p, e)
	if err != nil {
		return nil, err
	}
	if _, err := findSegment(a.store, env, s); err != nil {
		return nil, err
	}
	return flagsNaming(a.store, env, s), nil
}

func flagsNaming(from store.Catalog, e *catalog.Environment, key segment.Key) []*catalog.Flag {
	var flags []*catalog.Flag
	for _, f := range from.Flags(e.Project) {
		if f.NamesSegment(e.Key, key) {
			flags = append(flags, f)
		}
	}
	return flags
}

// FlagsOfSegments returns the flags with a rule that names a segment in this environment, for every segment
// that one names: what SegmentFlags says of each. The rules of all flags are looked at once.
func (a *Admin) FlagsOfSegments(_ context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey) (map[segment.Key][]*catalog.Flag, error) {
	_, env, err := viewEnvironment(a.store, who, p, e)
	if err != nil {
		return nil, err
	}
	flags := make(map[segment.Key][]*catalog.Flag)
	for _, f := range a.store.Flags(env.Project) {
		for key := range f.Segments(env.Key) {
			if named := flags[key]; len(named) == 0 || named[len(named)-1] != f {
				flags[key] = append(named, f)
			}
		}
	}
	return flags, nil
}

// CreateSegment creates a segment by hand. The context kind of an unbounded one becomes known to
// the project.
func (a *Admin) CreateSegment(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, n NewSegment) (*catalog.Segment, error) {
	var result *catalog.Segment
	err := a.updateIn(ctx, p, e, Change{}, func(tx store.Tx, project *catalog.Project, env *catalog.Environment) error {
		es := effects{{policy.CreateSegment, catalog.SegmentResource(project, env, n.Key, n.Tags)}}
		if err := es.authorise(who); err != nil {
			return err
		}
		s := a.newSegment(tx, env, n)
		if err := s.Validate(); err != nil {
			return err
		}
		if _, taken := tx.Segment(env.ID, n.Key); taken {
			// Clients know this message and code.
			return fault.New(fault.Conflict, fault.CodeKeyExists, "Duplicate segment key")
		}
		tx.PutSegment(s)
		result = s
		return a.audit(tx, who, es, segmentDone("created the segment", project, env, nil, s))
	})
	if err != nil {
		return nil, err
	}
	if result.Unbounded {
		if err := a.EnsureContextKind(ctx, p, result.Kind); err != nil {
			return nil, fmt.Errorf("make context kind %s known: %w", result.Kind, err)
		}
	}
	return result, nil
}

func (a *Admin) newSegment(tx store.Tx, env *catalog.Environment, n NewSegment) *catalog.Segment {
	now := a.now()
	s := &catalog.Segment{
		ID:          catalog.NewID(),
		Env:         env.ID,
		Key:         n.Key,
		Name:        n.Name,
		Description: n.Description,
		Tags:        slices.Clone(n.Tags),
		CreatedAt:   now,
		ModifiedAt:  now,
		Version:     tx.LastVersion(env.ID, segment.SegmentDefinition, string(n.Key)) + 1,
		Generation:  tx.LastGeneration(env.ID, n.Key) + 1,
		Salt:        catalog.NewSalt(),
		Unbounded:   n.Unbounded,
		Kind:        n.Kind,
	}
	s.Normalize()
	return s
}

func segmentDone(verb string, p *catalog.Project, e *catalog.Environment, before, after *catalog.Segment) done {
	s := cmp.Or(after, before)
	return done{
		kind: "segment", name: s.Name, verb: verb, on: catalog.SegmentResource(p, e, s.Key, s.Tags), project: p.Key, env: e.Key,
		before: before, after: after,
	}
}

// ChangeSegment runs change on a clone of the segment; the caller needs the action of every
// difference it makes. Name, description and tags of a synced segment count as edited by hand.
// change may run more than once.
func (a *Admin) ChangeSegment(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, key segment.Key, how Change, change func(*catalog.Segment) error) (*catalog.Segment, error) {
	var result *catalog.Segment
	err := a.updateIn(ctx, p, e, how, func(tx store.Tx, project *catalog.Project, env *catalog.Environment) error {
		before, err := findSegment(tx, env, key)
		if err != nil {
			return err
		}
		after, err := changedSegment(before, change)
		if err != nil {
			return gate(who, project, err)
		}
		es := segmentEffects(project, env, before, after)
		if len(es) == 0 {
			result = before
			return gate(who, project, nil)
		}
		if err := es.authorise(who); err != nil {
			return err
		}
		if err := a.checkSegment(tx, before, after); err != nil {
			return err
		}
		a.settleSegment(tx, who, before, after)
		tx.PutSegment(after)
		result = after
		d := segmentDone("updated the segment", project, env, before, after)
		d.how = how
		return a.audit(tx, who, es, d)
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// changedSegment returns what change makes of the segment, what never changes put back.
func changedSegment(before *catalog.Segment, change func(*catalog.Segment) error) (*catalog.Segment, error) {
	after := before.Clone()
	if err := change(after); err != nil {
		return nil, err
	}
	after.Normalize()
	switch {
	case after.Key != before.Key:
		return nil, fault.Invalidf("the key of a segment can't be changed")
	case after.Unbounded != before.Unbounded:
		return nil, fault.Invalidf("unbounded of segment %s can't be changed; create another segment", before.Key)
	case after.Kind != before.Kind:
		return nil, fault.Invalidf("unboundedContextKind of segment %s can't be changed; create another segment", before.Key)
	case after.Generation != before.Generation:
		return nil, fault.Invalidf("generation of segment %s can't be changed", before.Key)
	}
	after.ID, after.Env, after.Salt = before.ID, before.Env, before.Salt
	after.CreatedAt, after.ModifiedAt, after.Version = before.CreatedAt, before.ModifiedAt, before.Version
	after.Source, after.Move = before.Clone().Source, before.Clone().Move
	after.Origin, after.Turn = before.Origin, before.Clone().Turn
	return after, nil
}

func (a *Admin) checkSegment(tx store.Tx, before, after *catalog.Segment) error {
	if err := after.Validate(); err != nil {
		return err
	}
	if err := a.lists.Check(before, after); err != nil {
		return err
	}
	if slices.EqualFunc(before.Rules, after.Rules, catalog.SegmentRule.Equal) {
		return nil
	}
	return after.CheckNesting(func(key segment.Key) (*catalog.Segment, bool) { return tx.Segment(after.Env, key) })
}

func (a *Admin) settleSegment(tx store.Tx, who catalog.Caller, before, after *catalog.Segment) {
	after.ModifiedAt = a.now()
	after.Version = max(before.Version, tx.LastVersion(after.Env, segment.SegmentDefinition, string(after.Key))) + 1
	src := after.Source
	if src == nil {
		return
	}
	edit := &catalog.Edit{By: who.Actor, At: after.ModifiedAt}
	if before.Name != after.Name {
		src.NameEdited, src.NameEdit = true, edit
	}
	if before.Description != after.Description {
		src.DescriptionEdited, src.DescriptionEdit = true, edit
	}
	if !slices.Equal(before.Tags, after.Tags) {
		src.TagsEdited, src.TagsEdit = true, edit
	}
}

// Followed are the details of a synced segment that follow its tool unless somebody edited them.
type Followed struct{ Name, Description bool }

// FollowTool lets details of a synced segment follow its tool again: they become what the tool says at
// last, and later syncs change them. The caller needs updateName and updateDescription.
func (a *Admin) FollowTool(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, key segment.Key, what Followed, how Change) (*catalog.Segment, error) {
	var result *catalog.Segment
	err := a.updateIn(ctx, p, e, how, func(tx store.Tx, project *catalog.Project, env *catalog.Environment) error {
		before, err := findSegment(tx, env, key)
		if err != nil {
			return err
		}
		resource := catalog.SegmentResource(project, env, key, before.Tags)
		var es effects
		es.when(what.Name, policy.UpdateName, resource)
		es.when(what.Description, policy.UpdateDescription, resource)
		if err := es.authorise(who); err != nil {
			return err
		}
		if before.Source == nil {
			return fault.Invalidf("segment %s belongs to no tool that its name and description could follow", key)
		}
		after := before.Clone()
		if !following(after, what) {
			result = before
			return nil
		}
		after.ModifiedAt = a.now()
		after.Version = max(before.Version, tx.LastVersion(env.ID, segment.SegmentDefinition, string(key))) + 1
		tx.PutSegment(after)
		result = after
		d := segmentDone("let the tool describe the segment", project, env, before, after)
		d.how = how
		return a.audit(tx, who, es, d)
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// following lets details of a segment follow its tool and reports whether that changes anything.
func following(s *catalog.Segment, what Followed) (changed bool) {
	src := s.Source
	if what.Name && src.NameEdited {
		src.NameEdited, src.NameEdit, changed = false, nil, true
		s.Name = cmp.Or(src.ExternalName, s.Name)
	}
	if what.Description && src.DescriptionEdited {
		src.DescriptionEdited, src.DescriptionEdit, changed = false, nil, true
		s.Description = cmp.Or(src.ExternalDescription, s.Description)
	}
	return changed
}

// DeleteSegment deletes a segment that no rule of a flag or segment names, unless check objects. Runs
// that are held, or on their way, end with it.
func (a *Admin) DeleteSegment(
	ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, key segment.Key, check func(*catalog.Segment) error,
) error {
	_, env, err := findEnvironment(a.store, p, e)
	if err != nil {
		return err
	}
	runs, err := a.unfinished(ctx, env.ID, key)
	if err != nil {
		return err
	}
	var hold *catalog.Hold
	err = a.update(ctx, store.Scope{Env: env.ID}, Change{}, func(tx store.Tx) error {
		project, env, err := findEnvironment(tx, p, e)
		if err != nil {
			return err
		}
		s, err := findSegment(tx, env, key)
		if err != nil {
			return err
		}
		hold = s.Hold
		es := effects{{policy.DeleteSegment, catalog.SegmentResource(project, env, key, s.Tags)}}
		if err := es.authorise(who); err != nil {
			return err
		}
		if err := check(s); err != nil {
			return err
		}
		if err := checkUnused(tx, env, key); err != nil {
			return err
		}
		endRuns(tx, s, runs)
		tx.DeleteSegment(env.ID, key)
		return a.audit(tx, who, es, segmentDone("deleted the segment", project, env, s, nil))
	})
	if err != nil || hold == nil {
		return err
	}
	return a.endJoined(ctx, env.ID, key, hold.Run)
}

func checkUnused(tx store.Tx, env *catalog.Environment, key segment.Key) error {
	var users, flags, segments []string
	for _, f := range flagsNaming(tx, env, key) {
		flags = append(flags, string(f.Key))
	}
	for _, s := range tx.Segments(env.ID) {
		if s.Key != key && s.Names(key) {
			segments = append(segments, string(s.Key))
		}
	}
	if len(flags) > 0 {
		users = append(users, listed("the flags", flags))
	}
	if len(segments) > 0 {
		users = append(users, listed("the segments", segments))
	}
	if len(users) > 0 {
		return fault.Conflictf("segment %s is used by %s in environment %s; remove it there first", key, strings.Join(users, " and "), env.Key)
	}
	return nil
}

func listed(what string, names []string) string {
	if more := len(names) - maxNamed; more > 0 {
		return fmt.Sprintf("%s %s and %d more", what, strings.Join(names[:maxNamed], ", "), more)
	}
	return what + " " + strings.Join(names, ", ")
}
