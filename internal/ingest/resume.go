package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// Resume goes on with the imports that a restart has interrupted, and from then on ends lists that
// never become whole and moves lists that become too long. It returns when all of them are known; their work goes on until Close.
func (i *Ingest) Resume(ctx context.Context) error {
	for _, project := range i.store.Projects() {
		for _, env := range i.store.Environments(project.Key) {
			open, err := i.store.Sessions(env.ID)
			if err != nil {
				return fmt.Errorf("list sessions of environment %s: %w", env.ID, err)
			}
			for _, s := range open {
				if err := i.resume(ctx, s); err != nil {
					return fmt.Errorf("resume import %s: %w", s.ID, err)
				}
			}
			if err := i.sweep(ctx, env.ID, open); err != nil {
				return fmt.Errorf("sweep bodies of imports in environment %s: %w", env.ID, err)
			}
		}
	}
	i.drop(ctx)
	i.jobs.running.Go(i.keepDropping)
	i.jobs.running.Go(i.keepMoving)
	return nil
}

// sweep deletes bodies of imports that were never answered.
func (i *Ingest) sweep(ctx context.Context, env segment.EnvID, open []store.Session) error {
	var lost []store.DocumentID
	for doc, err := range i.store.DocumentList(ctx, env, importPrefix) {
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(open, func(s store.Session) bool { return documentOf(s.ID) == doc.ID }) {
			lost = append(lost, doc.ID)
		}
	}
	for _, id := range lost {
		if err := i.store.DeleteDocument(ctx, env, id); err != nil {
			return err
		}
	}
	return nil
}

func (i *Ingest) resume(ctx context.Context, s store.Session) error {
	d, ok := importOf(s)
	if !ok || d.Run.Waiting {
		return nil // it is somebody else's, or held, or waits
	}
	j := &job{i: i, id: segmentID{s.Env, s.Segment}, name: s.ID, im: d.Import, run: d.Run, who: importer(d.Run.Actor)}
	if _, err := i.begin(j); err != nil {
		return err
	}
	j.received.Store(true)
	if err := j.again(ctx); err != nil {
		i.log.WarnContext(ctx, "import was not finished before a restart", "segment", s.Segment, "run", s.ID, "err", err)
	}
	return nil
}

// importOf reads what a session keeps of an import; false if it is something else, or if it is held.
func importOf(s store.Session) (d detail, ok bool) {
	ok = json.Unmarshal(s.Detail, &d) == nil && d.Kind == importKind && !s.Kept
	return d, ok
}

// again reads the list from where it was kept and goes on in the background.
func (j *job) again(ctx context.Context) error {
	doc, err := j.i.store.OpenDocument(ctx, j.id.env, documentOf(j.name))
	if err != nil {
		err = fault.Unavailablef("the upload broke off when muster was restarted; send it again").Because(err)
		j.give(err)
		return err
	}
	j.change(func(r *segment.Run) { // all of it is counted anew
		r.Skipped, r.Samples, r.Progress = 0, nil, &segment.Progress{BytesTotal: doc.Size()}
	})
	j.i.jobs.running.Go(func() {
		ctx := j.i.jobs.ctx
		_ = j.i.store.DeleteDocument(ctx, j.id.env, RejectsOf(j.name)) // it is written anew
		err := j.parse(ctx, arriving{io.NewSectionReader(doc, 0, doc.Size()), j})
		err = errors.Join(err, doc.Close())
		switch {
		case err == nil:
			j.finish()
		case ctx.Err() != nil || errors.Is(err, store.ErrClosed): // it goes on at the next start
			if j.load != nil {
				j.load.Discard()
			}
			j.i.end(j)
		case fault.KindOf(err) == fault.Unavailable:
			if j.load != nil {
				j.load.Discard()
			}
			j.postpone(ctx, err)
		default:
			j.give(err)
		}
	})
	return nil
}

// importer may do what an import that was authorised when it came has left to do.
func importer(a segment.Actor) catalog.Caller {
	role := policy.Role{Base: policy.NoAccess, Policy: []policy.Statement{{
		Effect: policy.Allow, Actions: []string{string(policy.UpdateIncluded)}, Resources: []string{"proj/*:env/*:segment/*"},
	}}}
	return catalog.Caller{Principal: policy.Principal{Roles: []policy.Role{role}}, Actor: a}
}
