package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

// dropLate ends lists for which no page came any more, imports that nobody said should go on, and what
// discarded runs hold when that can't be taken back any more.
func (i *Ingest) dropLate(ctx context.Context, env segment.EnvID) error {
	open, err := i.store.Sessions(env)
	if err != nil {
		return fmt.Errorf("list sessions of environment %s: %w", env, err)
	}
	for _, s := range open {
		if !i.late(i.store, s) {
			continue
		}
		_, err := i.store.Update(ctx, store.Scope{Env: env}, func(tx store.Tx) error {
			now, ok := tx.Session(env, s.Segment, s.ID)
			if !ok || !i.late(tx, now) {
				return nil
			}
			if seg := discardedIn(tx, now); seg != nil {
				seg = seg.Clone()
				dropDiscarded(tx, seg)
				tx.PutSegment(seg)
			} else if d, ok := pagesOf(now); ok {
				abandon(tx, now, d)
			} else if d, ok := importOf(now); ok {
				run := d.Run
				run.State, run.Waiting, run.Progress = segment.RunRejected, false, nil
				run.Error = "nobody said within a week that the import should go on"
				tx.CloseSession(env, s.Segment, s.ID)
				tx.Record(run)
			}
			return nil
		})
		if err == nil {
			err = i.store.DeleteDocument(ctx, env, documentOf(s.ID))
		}
		if err != nil {
			return fmt.Errorf("end late list of segment %s: %w", s.Segment, err)
		}
	}
	return nil
}

// importWait is how long an import waits for somebody to say that it should go on.
const importWait = 7 * 24 * time.Hour

func (i *Ingest) late(c store.Catalog, s store.Session) bool {
	if seg := discardedIn(c, s); seg != nil {
		return !i.now().Before(seg.Discarded.Until)
	}
	if d, ok := pagesOf(s); ok {
		return i.now().Sub(d.Last) > pagesWait
	}
	d, ok := importOf(s)
	return ok && d.Run.Waiting && i.now().Sub(d.Run.ReceivedAt) > importWait
}

// discardedIn returns the segment of a session that holds what somebody decided against, else nil.
func discardedIn(c store.Catalog, s store.Session) *catalog.Segment {
	if seg, ok := c.Segment(s.Env, s.Segment); ok && seg.Discarded != nil && seg.Discarded.Run == s.ID {
		return seg
	}
	return nil
}

// keepDropping ends late lists until the write path is closed.
func (i *Ingest) keepDropping() {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-i.jobs.ctx.Done():
			return
		case <-tick.C:
			i.drop(i.jobs.ctx)
		}
	}
}

func (i *Ingest) drop(ctx context.Context) {
	for _, project := range i.store.Projects() {
		for _, env := range i.store.Environments(project.Key) {
			if err := i.dropLate(ctx, env.ID); err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrNoEnvironment) {
				i.log.WarnContext(ctx, "late lists were not ended", "environment", env.ID, "err", err)
			}
		}
	}
}
