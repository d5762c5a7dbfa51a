package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/store"
)

// scratch is a file that is removed when it is closed. It is never synced; one that a crash leaves
// is removed at the next start.
type scratch struct {
	vfs.File
	remove func() error
}

func (s *scratch) Close() error { return errors.Join(s.File.Close(), s.remove()) }

// Scratch implements [store.Files].
func (s *Store) Scratch(ctx context.Context) (store.Scratch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	path := s.fs.PathJoin(s.scratches, strconv.FormatUint(s.scratchNumber.Add(1), 10))
	f, err := s.fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, fmt.Errorf("create scratch file: %w", err)
	}
	return &scratch{File: f, remove: sync.OnceValue(func() error { return s.fs.Remove(path) })}, nil
}

// sweepScratch removes what a crash has left.
func (s *Store) sweepScratch() error {
	names, err := s.fs.List(s.scratches)
	if err != nil {
		return err
	}
	for _, name := range names {
		err = errors.Join(err, s.fs.Remove(s.fs.PathJoin(s.scratches, name)))
	}
	return err
}

// Free implements [store.Files].
func (s *Store) Free() (free, size uint64, err error) {
	usage, err := s.fs.GetDiskUsage(s.rosters)
	if errors.Is(err, vfs.ErrUnsupported) { // a file system in memory has no end
		return 1 << 62, 1 << 62, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("ask for free space: %w", err)
	}
	return usage.AvailBytes, usage.TotalBytes, nil
}
