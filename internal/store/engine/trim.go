package engine

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

// trimLogs deletes the entries of all logs that are older than LogAge and that nothing needs.
func (e *Engine) trimLogs(ctx context.Context) {
	for id, env := range *e.environments.Load() {
		if err := env.trim(ctx, e.o.Now().Add(-e.o.LogAge)); err != nil && ctx.Err() == nil {
			e.o.Logger.Error("log was not trimmed", "environment", id, "error", err)
		}
	}
}

// trim deletes entries made before a moment. It stays behind the floor, so that the next start finds
// what it replays, and behind publications whose change lies in no file yet.
func (env *environment) trim(ctx context.Context, before time.Time) error {
	e := env.e
	env.commit.Lock()
	limit := min(env.floor, segment.Revision(env.head.Load()))
	env.commit.Unlock()
	if oldest, ok := e.unsettled(env.id); ok {
		limit = min(limit, oldest-1)
	}
	if limit <= env.trimmed {
		return nil
	}
	// The revisions after trimmed up to limit are there, in the order of time.
	var failed error
	n := sort.Search(int(limit-env.trimmed), func(i int) bool {
		at, err := e.madeAt(ctx, env.id, env.trimmed+1+segment.Revision(i))
		if errors.Is(err, store.ErrTrimmed) {
			return false
		}
		failed = errors.Join(failed, err)
		return err != nil || !at.Before(before)
	})
	through := env.trimmed + segment.Revision(n)
	if failed != nil || n == 0 {
		return failed
	}
	rows, files, err := e.namedUpTo(ctx, env.id, through)
	if err != nil {
		return err
	}
	env.commit.Lock()
	defer env.commit.Unlock()
	if e.environment(env.id) != env {
		return nil
	}
	if err := e.usable(); err != nil {
		return err
	}
	// The entries go first: one that names a file must not outlive it.
	if err := e.log.Trim(ctx, env.id, through); err != nil {
		return err
	}
	env.trimmed = through
	if len(rows) == 0 {
		return nil
	}
	if err := e.log.Write(e.writing, nil, rows); err != nil {
		return e.fail(err)
	}
	e.release(files...)
	return nil
}

// madeAt returns when an entry was made.
func (e *Engine) madeAt(ctx context.Context, id segment.EnvID, rev segment.Revision) (time.Time, error) {
	for r, err := range e.log.Read(ctx, id, rev-1) {
		if err != nil {
			return time.Time{}, err
		}
		en, err := decodeEntry(r.Value)
		if err != nil {
			return time.Time{}, fmt.Errorf("revision %d: %w", r.Revision, err)
		}
		return en.at, nil
	}
	return time.Time{}, fmt.Errorf("revision %d is not there: %w", rev, store.ErrCorrupt)
}

// namedUpTo returns the rows that name files for entries up to a revision, as deletions, and the files.
func (e *Engine) namedUpTo(ctx context.Context, id segment.EnvID, through segment.Revision) (rows []store.Row, files []store.FileID, err error) {
	add := func(row store.Row) error {
		named, err := filesNamed(row)
		files = append(files, named...)
		rows = append(rows, store.Row{Table: row.Table, Key: append([]byte(nil), row.Key...)})
		return err
	}
	for row, err := range e.log.Rows(ctx, tableFile, under(string(id)), false) {
		if err != nil {
			return nil, nil, err
		}
		rev, err := parseNumber(row.Value)
		if err == nil && segment.Revision(rev) <= through {
			err = add(row)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	for row, err := range e.log.Rows(ctx, tablePublication, under(string(id)), false) {
		if err != nil {
			return nil, nil, err
		}
		name, err := parsePublicationKey(row.Key)
		if err == nil && name.revision > through {
			break
		}
		if err == nil {
			err = add(row)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return rows, files, nil
}
