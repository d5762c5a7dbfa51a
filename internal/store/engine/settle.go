package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/roster"
)

// settlePublications writes the change file of every publication, and drops points that are too old,
// until the engine closes.
func (e *Engine) settlePublications() {
	tick := time.NewTicker(e.o.IdleFold)
	defer tick.Stop()
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-e.publications.work:
		case <-tick.C:
			e.expirePoints()
		}
		for p := e.publications.next(); p != nil; p = e.publications.next() {
			if e.room() != nil {
				break // the tick tries again
			}
			err := e.settle(e.ctx, p)
			if e.ctx.Err() != nil {
				return
			}
			if errors.Is(err, store.ErrNoEnvironment) {
				e.publications.remove(p)
				continue
			}
			if err != nil {
				e.o.Logger.Error("change of a publication was not written", "environment", p.env, "ref", p.Ref.String(), "revision", p.revision, "error", err)
				if errors.Is(err, store.ErrCorrupt) {
					e.publications.remove(p) // until the next start: what can't be read now may be there then
					continue
				}
				e.publications.rest(p)
				e.pause()
			}
		}
	}
}

// settle writes the change that a publication made into a file, counts it, and turns the tail of the
// point before it into a file too. Where a ref ended, the files of the point say who left.
func (e *Engine) settle(ctx context.Context, p *publication) (err error) {
	row := p.publicationRow
	row.Rosters = nil
	var made []store.FileID
	defer func() {
		if err != nil && !e.failed() {
			for _, id := range made {
				e.deleteFile(e.writing, id)
			}
		}
	}()
	if !p.Ended {
		f, err := e.putChange(ctx, p, &row.Diff)
		if err != nil {
			return err
		}
		made = append(made, f.id)
		row.File, row.Bytes = &f.id, f.roster.Summary().Bytes
	}
	pt, tail, err := e.sealed(ctx, p)
	if err != nil {
		return err
	}
	if tail != nil {
		made = append(made, tail.id)
	}
	switch {
	case p.Ended && p.Aside:
		f, err := e.putTail(ctx, p)
		if err != nil {
			return err
		}
		made = append(made, f.id)
		row.Left = append([]store.FileID{f.id}, p.Rosters...)
	case p.Ended:
		left := pt
		if left == nil {
			left = e.points.get(pointID{p.env, p.Ref.Key, p.Point})
		}
		if left == nil {
			return fmt.Errorf("point %s: %w", p.Point, store.ErrNoPoint)
		}
		row.Left = left.Rosters
	}
	return e.replacePublication(p, row, pt)
}

// putTail writes the changes that lie over the files of a publication into a file.
func (e *Engine) putTail(ctx context.Context, p *publication) (*file, error) {
	d, err := e.entryDelta(ctx, p)
	if err != nil {
		return nil, err
	}
	tail := newPending()
	tail.apply(d)
	return e.putFile(ctx, roster.Partial, tail.sorted())
}

// putChange writes the change that a publication made into a file and counts it.
func (e *Engine) putChange(ctx context.Context, p *publication, diff *segment.Diff) (*file, error) {
	d, err := e.entryDelta(ctx, p)
	if err != nil {
		return nil, err
	}
	from, to, err := e.sides(ctx, p.env, &p.publicationRow, d)
	if err != nil {
		return nil, err
	}
	before, after := &members{layers: from}, &members{layers: to}
	f, err := e.putFile(ctx, roster.Partial, counted(difference(ctx, before, after), before, after, diff))
	if err != nil {
		return nil, err
	}
	diff.Unchanged = max(0, int(p.Counts.Included)-diff.Added)
	return f, nil
}

func (e *Engine) failed() bool { return e.failure.Load() != nil }

// entryDelta reads the delta of a publication off the log.
func (e *Engine) entryDelta(ctx context.Context, p *publication) (*delta, error) {
	for r, err := range e.log.Read(ctx, p.env, p.revision-1) {
		if err != nil {
			return nil, err
		}
		en, err := decodeEntry(r.Value)
		if err != nil {
			return nil, fmt.Errorf("revision %d: %w", r.Revision, err)
		}
		for _, d := range en.deltas {
			if d.ref == p.Ref && d.publication != nil && r.Revision == p.revision {
				return d, nil
			}
		}
		break
	}
	return nil, fmt.Errorf("revision %d publishes nothing of %s: %w", p.revision, p.Ref, store.ErrCorrupt)
}

// sealed returns the point of a publication with its tail as a roster; nil if there is nothing to do.
func (e *Engine) sealed(ctx context.Context, p *publication) (*point, *file, error) {
	pt := e.points.get(pointID{p.env, p.Ref.Key, p.Point})
	if pt == nil || pt.tail == nil {
		return nil, nil, nil
	}
	t := newPending()
	t.apply(pt.tail)
	f, err := e.putFile(ctx, roster.Partial, t.sorted())
	if err != nil {
		return nil, nil, err
	}
	next := *pt
	next.tail = nil
	next.Filed = next.Counts
	next.Rosters = append([]store.FileID{f.id}, pt.Rosters...)
	return &next, f, nil
}

// replacePublication makes a settled publication, and its point if that was sealed, durable and known.
func (e *Engine) replacePublication(p *publication, row publicationRow, pt *point) error {
	env := e.environment(p.env)
	if env == nil {
		return fmt.Errorf("settle publication: %w", store.ErrNoEnvironment)
	}
	env.commit.Lock()
	defer env.commit.Unlock()
	if e.environment(p.env) != env {
		return fmt.Errorf("settle publication: %w", store.ErrNoEnvironment)
	}
	next := publication{env: p.env, revision: p.revision, publicationRow: row}
	r, err := next.row()
	if err != nil {
		return err
	}
	rows := []store.Row{r}
	var counted []store.Row
	named, unnamed := slices.Clone(row.files()), p.Rosters
	if pt != nil {
		if now := e.points.get(pt.name()); now != nil {
			pt.Kept = now.Kept // somebody may have decided meanwhile
		}
		pointRows, err := pt.rows()
		if err != nil {
			return err
		}
		rows = append(append(rows, pt.deletions()[1:]...), pointRows...)
		named = append(named, pt.Rosters[0])
	}
	if row.Run != "" {
		if counted, err = e.countedRun(p, row.Diff); err != nil {
			return err
		}
		rows = append(rows, counted...)
	}
	if err := e.usable(); err != nil {
		return err
	}
	if err := e.log.Write(e.writing, nil, rows); err != nil {
		return e.fail(err)
	}
	e.ledger.changed(segmentID{p.env, p.Ref.Key})
	e.retain(named...)
	if pt != nil {
		e.points.replace(pt)
	}
	p.Diff = row.Diff // before settled is closed
	e.publications.remove(p)
	e.release(unnamed...)
	for _, row := range counted {
		e.tellCounted(row.Value)
	}
	return nil
}

// countedRun returns the row of a publication's run with the counts filled in.
func (e *Engine) countedRun(p *publication, diff segment.Diff) ([]store.Row, error) {
	k := runKey(p.env, p.Run)
	b, ok, err := e.log.Row(e.writing, tableRun, k)
	if err != nil || !ok {
		return nil, err
	}
	var run segment.Run
	if err := json.Unmarshal(b, &run); err != nil {
		return nil, fmt.Errorf("run %s: %w: %w", p.Run, store.ErrCorrupt, err)
	}
	run.Count(diff.Added, diff.Removed)
	if run.Received == 0 { // nobody sent a list: a rollback
		run.Unchanged = diff.Unchanged
	}
	if b, err = json.Marshal(&run); err != nil {
		return nil, fmt.Errorf("write run %s: %w", p.Run, err)
	}
	return []store.Row{{Table: tableRun, Key: k, Value: b}}, nil
}

// Counted waits until the effect of a publication is counted.
func (e *Engine) Counted(ctx context.Context, id segment.EnvID, ref segment.Ref, rev segment.Revision) (segment.Diff, error) {
	name := publicationID{id, rev, ref.Key}
	if p := e.publications.find(name); p != nil {
		select {
		case <-p.settled:
		case <-ctx.Done():
			return segment.Diff{}, ctx.Err()
		case <-e.ctx.Done():
			return segment.Diff{}, store.ErrClosed
		}
	}
	row, ok, err := e.readPublication(ctx, name)
	if err == nil && !ok { // rows go after their entries
		_, err = e.madeAt(ctx, id, rev)
	}
	if err != nil {
		return segment.Diff{}, fmt.Errorf("publication of %s: %w", ref, err)
	}
	if row.File == nil {
		return segment.Diff{}, fmt.Errorf("revision %d of %s is no publication that was counted: %w", rev, ref, store.ErrNoPoint)
	}
	return row.Diff, nil
}

// loadPublications reads the publications.
func (e *Engine) loadPublications(ctx context.Context) error {
	for row, err := range e.log.Rows(ctx, tablePublication, nil, false) {
		if err != nil {
			return e.omit("publications", err)
		}
		p, err := decodePublication(row)
		if err != nil {
			if err := e.omit("publication", err); err != nil {
				return err
			}
			continue
		}
		e.retain(p.files()...)
		if !p.isSettled() {
			e.publications.add(p)
		}
	}
	return nil
}

func decodePublication(row store.Row) (*publication, error) {
	id, err := parsePublicationKey(row.Key)
	if err != nil {
		return nil, err
	}
	p := &publication{env: id.env, revision: id.revision, settled: make(chan struct{})}
	return p, decodeJSON(row, &p.publicationRow)
}

// expirePoints drops points that are too old or too many.
func (e *Engine) expirePoints() {
	seen := make(map[segmentID]bool)
	for _, p := range e.points.all() {
		id := segmentID{p.env, p.Ref.Key}
		if seen[id] {
			continue
		}
		seen[id] = true
		if err := e.dropPoints(id); err != nil {
			e.o.Logger.Error("old points were not dropped", "environment", id.env, "segment", id.key, "error", err)
			return
		}
	}
}

func (e *Engine) dropPoints(id segmentID) error {
	env := e.environment(id.env)
	if env == nil {
		return nil
	}
	env.commit.Lock()
	defer env.commit.Unlock()
	var rows []store.Row
	var files []store.FileID
	var gone []pointID
	for _, p := range e.expired(id, e.o.Now()) {
		if e.publications.needs(p.name()) {
			continue
		}
		rows = append(rows, p.deletions()...)
		files = append(files, p.Rosters...)
		gone = append(gone, p.name())
	}
	if len(rows) == 0 {
		return nil
	}
	if err := e.usable(); err != nil {
		return err
	}
	if err := e.log.Write(e.writing, nil, rows); err != nil {
		return e.fail(err)
	}
	for _, name := range gone {
		e.points.remove(name)
	}
	e.release(files...)
	return nil
}
