package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

// tendLogs buries who was removed and deletes entries that are too old or too many, until the engine
// closes.
func (e *Engine) tendLogs() {
	tick := time.NewTicker(e.o.IdleFold)
	defer tick.Stop()
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-tick.C:
			e.tendAll(e.ctx)
		}
	}
}

func (e *Engine) tendAll(ctx context.Context) {
	for id, env := range *e.environments.Load() {
		if env.lost != nil {
			continue
		}
		if err := env.tend(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrNoEnvironment) {
			e.o.Logger.Error("log was not trimmed", "environment", id, "error", err)
		}
	}
}

func (env *environment) tend(ctx context.Context) error {
	env.tending.Lock()
	defer env.tending.Unlock()
	if env.e.room() == nil { // deletion frees some, graves take some
		if err := env.bury(ctx); err != nil {
			return err
		}
	}
	return env.trim(ctx)
}

// trim deletes entries that are older than LogAge, and the oldest ones while the log takes more than
// LogBytes. It stays behind the graves, so that whoever follows the log learns of every removal, and
// behind the floor, so that the next start finds what it replays.
func (env *environment) trim(ctx context.Context) error {
	e := env.e
	named, err := e.namedInLog(ctx, env.id)
	if err != nil {
		return err
	}
	// The newest entry stays, as the driver keeps it, with what it names.
	limit := min(env.graves.Load().through, segment.Revision(max(env.head.Load(), 1))-1)
	through, err := env.dispensable(ctx, limit, named)
	if err != nil || through <= env.trimmed {
		return err
	}
	if err := env.foldUpTo(ctx, through); err != nil {
		return err
	}
	env.commit.Lock()
	defer env.commit.Unlock()
	if through = min(through, env.floor); through <= env.trimmed || e.environment(env.id) != env {
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
	var rows []store.Row
	var files []store.FileID
	for _, n := range named {
		if n.revision <= through {
			rows, files = append(rows, n.row), append(files, n.files...)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if err := e.log.Write(e.writing, nil, rows); err != nil {
		return e.fail(err)
	}
	e.release(files...)
	return nil
}

// dispensable returns up to where entries are too old or too many, a revision that is not above limit.
func (env *environment) dispensable(ctx context.Context, limit segment.Revision, named []namedInLog) (segment.Revision, error) {
	before := env.e.o.Now().Add(-env.e.o.LogAge)
	through, err := lastThat(env.trimmed, limit, func(rev segment.Revision) (bool, error) {
		at, err := env.e.madeAt(ctx, env.id, rev)
		if errors.Is(err, store.ErrTrimmed) {
			return true, nil
		}
		return at.Before(before), err
	})
	if err != nil {
		return 0, err
	}
	return lastThat(through, limit, func(rev segment.Revision) (bool, error) {
		size, err := env.sizeAfter(ctx, rev-1, named)
		return size > env.e.o.LogBytes, err
	})
}

// lastThat returns the last revision that goes, of those after one up to another: from itself if none
// does. Behind one that stays no other goes.
func lastThat(from, to segment.Revision, goes func(segment.Revision) (bool, error)) (segment.Revision, error) {
	if to <= from {
		return from, nil
	}
	var failed error
	n := sort.Search(int(to-from), func(i int) bool {
		ok, err := goes(from + 1 + segment.Revision(i))
		failed = errors.Join(failed, err)
		return err != nil || !ok
	})
	return from + segment.Revision(n), failed
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

// sizeAfter returns about how many bytes of a disk the entries after a revision take, with the files
// that they name.
func (env *environment) sizeAfter(ctx context.Context, rev segment.Revision, named []namedInLog) (int64, error) {
	size, err := env.e.log.Size(ctx, env.id, rev)
	i, _ := slices.BinarySearchFunc(named, rev+1, func(n namedInLog, r segment.Revision) int { return cmp.Compare(n.revision, r) })
	for _, n := range named[i:] {
		size += n.bytes
	}
	return size, err
}

// namedInLog is a row that names files for an entry.
type namedInLog struct {
	revision segment.Revision
	bytes    int64
	files    []store.FileID
	row      store.Row // its deletion
}

// namedInLog returns the rows that name files for entries, by revision.
func (e *Engine) namedInLog(ctx context.Context, id segment.EnvID) ([]namedInLog, error) {
	var all []namedInLog
	for row, err := range e.log.Rows(ctx, tableFile, under(string(id)), false) {
		if err != nil {
			return nil, err
		}
		files, err := filesNamed(row)
		d := decoder{b: row.Value}
		rev := segment.Revision(d.uvarint())
		var bytes int64
		if len(d.b) > 0 { // rows of the first version end here
			bytes = int64(d.uvarint())
		}
		if err == nil && (d.broken || len(d.b) > 0) {
			err = fmt.Errorf("row %x: %w", row.Key, store.ErrCorrupt)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, namedInLog{rev, bytes, files, store.Row{Table: tableFile, Key: slices.Clone(row.Key)}})
	}
	for row, err := range e.log.Rows(ctx, tablePublication, under(string(id)), false) {
		if err != nil {
			return nil, err
		}
		name, err := parsePublicationKey(row.Key)
		if err != nil {
			return nil, err
		}
		var p publicationRow
		if err := decodeJSON(row, &p); err != nil && !errors.Is(err, store.ErrCorrupt) {
			return nil, err // a row that can't be read goes too; the next start sweeps what it named
		}
		all = append(all, namedInLog{name.revision, p.Bytes, p.files(), store.Row{Table: tablePublication, Key: slices.Clone(row.Key)}})
	}
	slices.SortStableFunc(all, func(a, b namedInLog) int { return cmp.Compare(a.revision, b.revision) })
	return all, nil
}

// foldUpTo folds what keeps entries up to a revision from being deleted.
func (env *environment) foldUpTo(ctx context.Context, rev segment.Revision) error {
	if env.e.room() != nil {
		return nil
	}
	for _, u := range env.e.unfolded(func(m *membership) bool { return m.env == env.id && m.from <= rev }) {
		if err := env.e.fold(ctx, u.m); err != nil && !errors.Is(err, store.ErrNoEnvironment) && !errors.Is(err, store.ErrCorrupt) {
			return err
		}
	}
	return nil
}
