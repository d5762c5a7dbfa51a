package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"muster/internal/segment"
	"muster/internal/store"
)

// head is where an environment's log ends.
type head struct {
	// mu is held while a record of the environment is on its way to the disk, so that records
	// get there in order.
	mu      sync.Mutex
	durable atomic.Uint64 // written under mu
}

// head returns an environment's head, which it creates if need be.
func (s *Store) head(env segment.EnvID) *head {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.heads[env]
	if h == nil {
		h = new(head)
		s.heads[env] = h
	}
	return h
}

// durable returns the revision of an environment's newest record.
func (s *Store) durable(env segment.EnvID) segment.Revision {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.heads[env]; h != nil {
		return segment.Revision(h.durable.Load())
	}
	return 0
}

// recoverHeads reads the last record key of every environment.
func (s *Store) recoverHeads() error {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{logPrefix}, UpperBound: prefixEnd([]byte{logPrefix})})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; {
		var env segment.EnvID
		var rev segment.Revision
		if env, _, err = parseLogKey(it.Key()); err != nil {
			break
		}
		end := prefixEnd(logStart(env))
		if !it.SeekLT(end) {
			break
		}
		if _, rev, err = parseLogKey(it.Key()); err != nil {
			break
		}
		s.head(env).durable.Store(uint64(rev))
		ok = it.SeekGE(end)
	}
	return errors.Join(err, it.Error(), it.Close())
}

// Write implements [store.Log]. Writes of different environments share one sync.
func (s *Store) Write(ctx context.Context, records []store.Record, rows []store.Row) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	heads, unlock := s.lockHeads(records)
	defer unlock()

	next := make(map[segment.EnvID]segment.Revision, len(heads))
	b := s.db.NewBatch()
	for _, r := range records {
		if len(r.Env) > maxEnvBytes {
			return errors.Join(fmt.Errorf("environment identifier of %d bytes, at most %d fit", len(r.Env), maxEnvBytes), b.Close())
		}
		last, ok := next[r.Env]
		if !ok {
			last = segment.Revision(heads[r.Env].durable.Load())
		}
		if r.Revision != last+1 {
			return errors.Join(fmt.Errorf("write record %d of environment %s after %d: %w", r.Revision, r.Env, last, store.ErrHead), b.Close())
		}
		next[r.Env] = r.Revision
		if err := b.Set(logKey(r.Env, r.Revision), r.Value, nil); err != nil {
			return errors.Join(fmt.Errorf("add record to batch: %w", err), b.Close())
		}
	}
	for _, r := range rows {
		if err := addRow(b, r); err != nil {
			return errors.Join(fmt.Errorf("add row to batch: %w", err), b.Close())
		}
	}
	if err := s.commit(b, pebble.Sync); err != nil {
		return fmt.Errorf("commit batch: %w", err)
	}
	for env, rev := range next {
		heads[env].durable.Store(uint64(rev))
	}
	return nil
}

func addRow(b *pebble.Batch, r store.Row) error {
	if r.Value == nil {
		return b.Delete(rowKey(r.Table, r.Key), nil)
	}
	return b.Set(rowKey(r.Table, r.Key), r.Value, nil)
}

// lockHeads locks the heads of all environments that the records belong to, always in the same
// order, so that two writes can't wait for each other.
func (s *Store) lockHeads(records []store.Record) (heads map[segment.EnvID]*head, unlock func()) {
	heads = make(map[segment.EnvID]*head, 1)
	var envs []segment.EnvID
	for _, r := range records {
		if heads[r.Env] == nil {
			heads[r.Env] = s.head(r.Env)
			envs = append(envs, r.Env)
		}
	}
	slices.Sort(envs)
	for _, env := range envs {
		heads[env].mu.Lock()
	}
	return heads, func() {
		for _, h := range heads {
			h.mu.Unlock()
		}
	}
}

// commit applies a batch and closes it. Pebble reports a failed write of its log through Fatalf and
// then returns nil, or panics when the log had failed before: both must not look like success.
func (s *Store) commit(b *pebble.Batch, o *pebble.WriteOptions) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.fail(fmt.Errorf("write of the log: %v", p))
			err = s.failed()
		}
	}()
	err = b.Commit(o)
	if failure := s.failed(); failure != nil {
		return failure
	}
	return errors.Join(err, b.Close())
}

// Read implements [store.Log]. It ends at the head that was durable when it began.
func (s *Store) Read(ctx context.Context, env segment.EnvID, after segment.Revision) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		last := s.durable(env)
		if last <= after && s.usable() == nil {
			return
		}
		want := after + 1
		for kv, err := range s.scan(ctx, logKey(env, want), logKey(env, last+1), false) {
			if err != nil {
				yield(store.Record{}, fmt.Errorf("read log of environment %s: %w", env, err))
				return
			}
			_, rev, err := parseLogKey(kv.key)
			if err == nil && rev != want {
				err = gap(want, after, rev)
			}
			if err != nil {
				yield(store.Record{}, fmt.Errorf("read log of environment %s: %w", env, err))
				return
			}
			if !yield(store.Record{Env: env, Revision: rev, Value: kv.value}, nil) {
				return
			}
			want++
		}
		if want <= last {
			yield(store.Record{}, fmt.Errorf("read log of environment %s: %w", env, gap(want, after, last+1)))
		}
	}
}

// gap returns what it means that the log goes on at found instead of want.
func gap(want, after, found segment.Revision) error {
	if want == after+1 {
		return fmt.Errorf("begins at revision %d, not %d: %w", found, want, store.ErrTrimmed)
	}
	return fmt.Errorf("revision %d follows %d: %w", found, want-1, store.ErrCorrupt)
}

// Head implements [store.Log].
func (s *Store) Head(_ context.Context, env segment.EnvID) (segment.Revision, error) {
	if err := s.usable(); err != nil {
		return 0, err
	}
	return s.durable(env), nil
}

// Drop implements [store.Log]. It becomes durable with the next Write at the latest.
func (s *Store) Drop(ctx context.Context, env segment.EnvID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	h := s.head(env)
	h.mu.Lock()
	defer h.mu.Unlock()
	b := s.db.NewBatch()
	start := logStart(env)
	if err := b.DeleteRange(start, prefixEnd(start), nil); err != nil {
		return errors.Join(fmt.Errorf("drop log of environment %s: %w", env, err), b.Close())
	}
	if err := s.commit(b, pebble.NoSync); err != nil {
		return fmt.Errorf("drop log of environment %s: %w", env, err)
	}
	h.durable.Store(0)
	return nil
}

// Trim implements [store.Log]. It becomes durable with the next Write at the latest.
func (s *Store) Trim(ctx context.Context, env segment.EnvID, through segment.Revision) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	through = min(through, max(s.durable(env), 1)-1) // the newest record says where the log goes on
	if through == 0 {
		return nil
	}
	b := s.db.NewBatch()
	if err := b.DeleteRange(logStart(env), logKey(env, through+1), nil); err != nil {
		return errors.Join(fmt.Errorf("trim log of environment %s: %w", env, err), b.Close())
	}
	if err := s.commit(b, pebble.NoSync); err != nil {
		return fmt.Errorf("trim log of environment %s: %w", env, err)
	}
	return nil
}

// Size implements [store.Log]. Pebble knows the sizes of its tables; what is in none of them yet, up to
// four memtables, is left out.
func (s *Store) Size(ctx context.Context, env segment.EnvID, after segment.Revision) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.leave()
	last := s.durable(env)
	if last <= after {
		return 0, nil
	}
	n, err := s.db.EstimateDiskUsage(logKey(env, after+1), logKey(env, last))
	if err != nil {
		return 0, fmt.Errorf("measure log of environment %s: %w", env, marked(err))
	}
	return int64(n), nil
}

// Rows implements [store.Log]. Keys stay valid.
func (s *Store) Rows(ctx context.Context, table store.Table, prefix []byte, reverse bool) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		start := rowKey(table, prefix)
		for kv, err := range s.scan(ctx, start, prefixEnd(start), reverse) {
			if err != nil {
				yield(store.Row{}, fmt.Errorf("read rows of table %d: %w", table, err))
				return
			}
			if !yield(store.Row{Table: table, Key: bytes.Clone(kv.key[2:]), Value: kv.value}, nil) {
				return
			}
		}
	}
}

// Row implements [store.Log].
func (s *Store) Row(ctx context.Context, table store.Table, key []byte) ([]byte, bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	value, err := s.value(rowKey(table, key))
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("read row of table %d: %w", table, err)
	}
	return value, true, nil
}

// value returns a copy of a key's value; the error is [pebble.ErrNotFound] if there is none.
func (s *Store) value(key []byte) ([]byte, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	v, closer, err := s.db.Get(key)
	if err != nil {
		return nil, marked(err)
	}
	// Never nil: an empty value is a value.
	value := append([]byte{}, v...)
	return value, closer.Close()
}

// pair is a key and its value, both valid until the scan goes on.
type pair struct{ key, value []byte }

// scan yields what lies in [start, end), and at most one error, as the last.
func (s *Store) scan(ctx context.Context, start, end []byte, reverse bool) iter.Seq2[pair, error] {
	return func(yield func(pair, error) bool) {
		if err := s.enter(); err != nil {
			yield(pair{}, err)
			return
		}
		defer s.leave()
		it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: start, UpperBound: end})
		if err != nil {
			yield(pair{}, err)
			return
		}
		first, next := it.First, it.Next
		if reverse {
			first, next = it.Last, it.Prev
		}
		more := true
		for ok := first(); ok && more; ok = more && next() {
			if err = errors.Join(ctx.Err(), s.usable()); err != nil {
				break
			}
			var value []byte
			if value, err = it.ValueAndErr(); err != nil {
				break
			}
			more = yield(pair{it.Key(), value}, nil)
		}
		if err = errors.Join(err, it.Close()); err != nil && more {
			yield(pair{}, marked(err))
		}
	}
}

// marked returns err such that direct callers recognise corruption.
func marked(err error) error {
	if errors.Is(err, pebble.ErrCorruption) {
		return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	return err
}
