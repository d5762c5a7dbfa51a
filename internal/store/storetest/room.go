package storetest

import (
	"context"
	"io"
	"sync/atomic"

	"muster/internal/store"
)

// Disk makes another driver's disk look as large and as full as a test wants it.
type Disk struct {
	store.Files
	// Left and Size are what the disk reports, in bytes. Whoever writes a file takes from Left.
	Left atomic.Int64
	Size uint64
}

// Free reports what is left.
func (d *Disk) Free() (free, size uint64, err error) {
	return uint64(max(0, d.Left.Load())), d.Size, nil
}

// Put writes a file and fails with [store.ErrFull] where nothing is left.
func (d *Disk) Put(ctx context.Context, id store.FileID, write func(io.Writer) error) error {
	return d.Files.Put(ctx, id, func(w io.Writer) error { return write(&filling{w, d}) })
}

type filling struct {
	io.Writer
	disk *Disk
}

func (f *filling) Write(p []byte) (int, error) {
	if f.disk.Left.Add(-int64(len(p))) < 0 {
		return 0, store.ErrFull
	}
	return f.Writer.Write(p)
}
