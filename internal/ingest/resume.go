package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// Resume goes on with the imports that a restart has interrupted. It returns when all of them are
// known; their work goes on.
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
		}
	}
	return nil
}

func (i *Ingest) resume(ctx context.Context, s store.Session) error {
	var pages pagesDetail
	if json.Unmarshal(s.Detail, &pages) == nil && pages.Kind == pagesKind && !s.Kept && i.now().Sub(pages.Run.ReceivedAt) > pagesWait {
		return i.abandon(ctx, s, pages)
	}
	var d detail
	if err := json.Unmarshal(s.Detail, &d); err != nil || d.Kind != "import" || s.Kept {
		return nil //nolint:nilerr // it is somebody else's, or held
	}
	j := &importJob{i: i, id: segmentID{s.Env, s.Segment}, name: s.ID, im: d.Import, run: d.Run, who: importer(d.Run.Actor)}
	if err := i.begin(j); err != nil {
		return err
	}
	doc, err := i.store.OpenDocument(ctx, s.Env, documentOf(s.ID))
	if err != nil {
		j.give(fault.Unavailablef("the upload broke off when muster was restarted; send it again").Because(err))
		return nil
	}
	i.jobs.running.Go(func() {
		_ = i.store.DeleteDocument(i.jobs.ctx, s.Env, RejectsOf(s.ID)) // it is written anew
		err := j.parse(i.jobs.ctx, io.NewSectionReader(doc, 0, doc.Size()))
		if err := errors.Join(err, doc.Close()); err != nil {
			if i.jobs.ctx.Err() != nil {
				i.end(j)
				return
			}
			j.give(err)
			return
		}
		j.finish()
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
