package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// RunQuery selects runs. Zero fields select everything.
type RunQuery = store.RunQuery

// Runs returns the selected runs of an environment, newest first, and how many match in all. The
// runs of a deleted segment stay: a query that names a key is refused only when neither a segment
// nor a run of that key exists.
func (h *History) Runs(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, q RunQuery) ([]segment.Run, int, error) {
	_, env, err := h.viewEnvironment(who, p, e)
	if err != nil {
		return nil, 0, err
	}
	runs, total, err := h.store.Runs(ctx, env.ID, q)
	if err != nil {
		return nil, 0, reading(fmt.Sprintf("list runs of environment %s", env.ID), err)
	}
	if q.Segment == "" || total > 0 {
		return runs, total, nil
	}
	if _, ok := h.store.Segment(env.ID, q.Segment); ok {
		return nil, 0, nil
	}
	_, ran, err := h.LastRun(ctx, env.ID, q.Segment)
	switch {
	case err != nil:
		return nil, 0, reading("list runs", err)
	case !ran:
		return nil, 0, fault.NotFoundf("there is no segment %q in environment %s of project %s, and no run of one", q.Segment, e, p)
	}
	return nil, 0, nil
}

// Run returns one run of a segment, which may have been deleted since.
func (h *History) Run(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, key segment.Key, id segment.RunID) (segment.Run, error) {
	_, env, err := h.viewEnvironment(who, p, e)
	if err != nil {
		return segment.Run{}, err
	}
	unknown := fault.NotFoundf("there is no run %q of segment %q in environment %s of project %s", id, key, e, p)
	if !catalog.ValidID(catalog.ID(id)) {
		return segment.Run{}, unknown
	}
	run, ok, err := h.store.Run(ctx, env.ID, id)
	switch {
	case err != nil:
		return segment.Run{}, reading(fmt.Sprintf("read run %s", id), err)
	case !ok || run.Segment != key:
		return segment.Run{}, unknown
	}
	return run, nil
}

// Rejects returns the rows that a run skipped, as CSV. The caller closes them.
func (h *History) Rejects(ctx context.Context, who catalog.Caller, t Target, id segment.RunID) (store.Document, error) {
	seg, err := h.findAny(who, t, policy.ViewMembers)
	if err != nil {
		return nil, err
	}
	if _, err := h.Run(ctx, who, t.Project, t.Environment, t.Segment, id); err != nil {
		return nil, err // also if it is the run of another segment
	}
	doc, err := h.store.OpenDocument(ctx, seg.Env, store.DocumentID("rejects/"+string(id)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.NotFoundf("run %s of segment %s has no rejected rows, or they are kept no more", id, seg.Key).Because(err)
	case err != nil:
		return nil, reading(fmt.Sprintf("read rejected rows of run %s", id), err)
	}
	return doc, nil
}

// viewEnvironment finds an environment for a caller who may view its project; from anybody else
// the project is hidden.
func (h *History) viewEnvironment(who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey) (*catalog.Project, *catalog.Environment, error) {
	project, ok := h.store.Project(p)
	if !ok || !who.Principal.Allows(policy.ViewProject, catalog.ProjectResource(project)) {
		return nil, nil, fault.NotFoundf("there is no project %q that this credential may view", p)
	}
	env, ok := h.store.EnvironmentByKey(p, e)
	if !ok {
		return nil, nil, fault.NotFoundf("there is no environment %q in project %s", e, p)
	}
	return project, env, nil
}

// reading wraps an error of the store. An environment that was deleted in the meantime is no fault
// of ours.
func reading(what string, err error) error {
	if errors.Is(err, store.ErrNoEnvironment) {
		return fault.NotFoundf("the environment does not exist any more").Because(err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
