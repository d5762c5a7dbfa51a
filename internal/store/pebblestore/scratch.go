package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/store"
)

// namedScratch is a scratch file on a system that can't remove open files. A crash leaves it, and the
// next start removes it.
type namedScratch struct {
	vfs.File
	remove func() error
}

func (s namedScratch) Close() error { return errors.Join(s.File.Close(), s.remove()) }

// Scratch implements [store.Files]. The file loses its name at once, so that its space is free when
// the process ends, however it ends.
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
	if err := s.fs.Remove(path); err != nil {
		return namedScratch{File: f, remove: func() error { return s.fs.Remove(path) }}, nil
	}
	return f, nil
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
