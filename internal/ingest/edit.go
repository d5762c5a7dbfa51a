package ingest

import (
	"context"
	"fmt"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// Edit is what a person or their automation changes by hand in an unbounded segment.
type Edit struct {
	Project        catalog.ProjectKey
	Environment    catalog.EnvKey
	Segment        segment.Key
	AddIncluded    []string
	RemoveIncluded []string
	AddExcluded    []string
	RemoveExcluded []string
	// Kind is the context kind that the caller spoke of; empty means the segment's own.
	Kind      segment.ContextKind
	Comment   string
	UserAgent string
	// Idempotency is what the sender named the request by: the same name for the same segment within
	// 24 hours changes nothing and gets the run of the first one.
	Idempotency string
}

// MaxEditKeys is how many context keys one edit may name.
const MaxEditKeys = 10_000

// Edit applies an edit as one visible change with one ledger row and one audit entry. Removes go
// after adds, so a key in both ends removed. A synced segment is marked as drifted from its tool.
func (i *Ingest) Edit(ctx context.Context, who catalog.Caller, e Edit) (segment.Run, error) {
	project, ok := i.store.Project(e.Project)
	if !ok {
		return segment.Run{}, fault.NotFoundf("Unknown project key %s", e.Project)
	}
	if who.Check(policy.ViewProject, catalog.ProjectResource(project)) != nil && !e.touches() {
		return segment.Run{}, fault.NotFoundf("Unknown project key %s", e.Project)
	}
	env, ok := i.store.EnvironmentByKey(e.Project, e.Environment)
	if !ok {
		return segment.Run{}, fault.NotFoundf("Unknown environment key %s", e.Environment)
	}
	changes, err := e.changes()
	if err != nil {
		return segment.Run{}, err
	}
	run := segment.Run{
		ID: segment.RunID(catalog.NewID()), Env: env.ID, Segment: e.Segment, Kind: segment.EditRun, State: segment.RunLive,
		Received: changes.Len(), ReceivedAt: i.now(), Actor: who.Actor, UserAgent: e.UserAgent, Comment: e.Comment, Idempotency: e.Idempotency,
	}
	staged, err := i.store.Stage(ctx, changes)
	if err != nil {
		return segment.Run{}, unavailable(fmt.Errorf("stage edit of segment %s: %w", e.Segment, err))
	}
	defer staged.Discard()
	var before *segment.Run
	rev, err := i.store.Update(ctx, store.Scope{Env: env.ID}, func(tx store.Tx) error {
		seg, err := e.authorise(tx, who, project, env)
		if err != nil {
			return err
		}
		if before, err = e.known(tx, env, run.ID); err != nil || before != nil {
			return err
		}
		effect, err := tx.Apply(env.ID, seg.Key, staged)
		if err != nil {
			return fmt.Errorf("apply to segment %s: %w", seg.Key, err)
		}
		run.Count(effect.Added, effect.Removed)
		tx.Record(run)
		if effect.Added+effect.Removed == 0 {
			return nil
		}
		if seg.Source != nil && !seg.Source.Drifted {
			drifted := seg.Clone()
			drifted.Source.Drifted = true
			tx.PutSegment(drifted)
		}
		tx.Audit(e.audit(seg, run, project, env, i.now()))
		return nil
	})
	if err != nil {
		return segment.Run{}, unavailable(fmt.Errorf("commit edit of segment %s: %w", e.Segment, err))
	}
	if before != nil {
		return *before, nil
	}
	run.Revision = rev
	return run, nil
}

// known returns the run of the same edit if that was made before, and otherwise lets a repeat find
// this one.
func (e Edit) known(tx store.Tx, env *catalog.Environment, run segment.RunID) (*segment.Run, error) {
	if e.Idempotency == "" {
		return nil, nil
	}
	runs, err := tx.Recorded(env.ID, segmentScope(e.Segment), e.Idempotency)
	if err != nil {
		return nil, fmt.Errorf("look for a repeated edit of segment %s: %w", e.Segment, err)
	}
	if len(runs) > 0 {
		return &runs[0], nil
	}
	tx.Remember(env.ID, segmentScope(e.Segment), e.Idempotency, []segment.RunID{run})
	return nil, nil
}

func (e Edit) touches() bool {
	return len(e.AddIncluded)+len(e.RemoveIncluded)+len(e.AddExcluded)+len(e.RemoveExcluded) > 0
}

// changes returns the edit as changes, adds before removes.
func (e Edit) changes() (*segment.Changes, error) {
	lists := []struct {
		keys []string
		ops  segment.Ops
	}{
		{e.AddIncluded, segment.Include},
		{e.AddExcluded, segment.Exclude},
		{e.RemoveIncluded, segment.Uninclude},
		{e.RemoveExcluded, segment.Unexclude},
	}
	changes := new(segment.Changes)
	for _, list := range lists {
		for _, key := range list.keys {
			switch {
			case key == "":
				return nil, fault.Invalidf("a context key is empty")
			case len(key) > segment.MaxKeyBytes:
				return nil, fault.Invalidf("a context key is longer than %d bytes", segment.MaxKeyBytes)
			}
			changes.Append([]byte(key), list.ops)
		}
	}
	if changes.Len() > MaxEditKeys {
		return nil, fault.TooLargef("the request names %d context keys; at most %d are taken at once", changes.Len(), MaxEditKeys)
	}
	return changes, nil
}

// authorise finds the segment and checks that it can be edited this way, by this caller.
func (e Edit) authorise(c store.Catalog, who catalog.Caller, p *catalog.Project, env *catalog.Environment) (*catalog.Segment, error) {
	seg, ok := c.Segment(env.ID, e.Segment)
	if !ok {
		return nil, fault.NotFoundf("Unknown segment key %s", e.Segment)
	}
	resource := catalog.SegmentResource(p, env, seg.Key, seg.Tags)
	if len(e.AddIncluded)+len(e.RemoveIncluded) > 0 {
		if err := who.Check(policy.UpdateIncluded, resource); err != nil {
			return nil, err
		}
	}
	if len(e.AddExcluded)+len(e.RemoveExcluded) > 0 {
		if err := who.Check(policy.UpdateExcluded, resource); err != nil {
			return nil, err
		}
	}
	if !seg.Unbounded {
		return nil, fault.Invalidf("the segment %s keeps its targets in its definition; change included and excluded with a PATCH of the segment", seg.Key)
	}
	if e.Kind != "" && e.Kind != seg.Kind {
		return nil, fault.Invalidf("the segment %s holds contexts of kind %s; use the contexts endpoint instead of users", seg.Key, seg.Kind)
	}
	return seg, nil
}

func (e Edit) audit(seg *catalog.Segment, run segment.Run, p *catalog.Project, env *catalog.Environment, at time.Time) catalog.AuditEntry {
	resource := catalog.SegmentResource(p, env, seg.Key, seg.Tags)
	entry := catalog.AuditEntry{
		ID: catalog.NewID(), At: at, Kind: "segment", Name: seg.Name, Actor: run.Actor, Comment: e.Comment,
		TitleVerb:   "edited the members of",
		Short:       fmt.Sprintf("By hand: %d added, %d removed", run.Added, run.Removed),
		Description: fmt.Sprintf("Contexts named: %d. %d added, %d removed, %d unchanged. Run `%s`.", run.Received, run.Added, run.Removed, run.Unchanged, run.ID),
		Target:      resource.String(), Project: p.Key, Env: env.Key,
	}
	if len(e.AddIncluded)+len(e.RemoveIncluded) > 0 {
		entry.Accesses = append(entry.Accesses, catalog.AccessTo(policy.UpdateIncluded, resource))
	}
	if len(e.AddExcluded)+len(e.RemoveExcluded) > 0 {
		entry.Accesses = append(entry.Accesses, catalog.AccessTo(policy.UpdateExcluded, resource))
	}
	return entry
}
