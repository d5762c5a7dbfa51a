//go:build unix

package pebblestore

import (
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"

	"muster/internal/store"
)

// mapping is a file mapped into memory. The pages belong to the system, which can drop them: they
// don't count against the memory that muster is configured for.
type mapping struct {
	content []byte
	unmap   func() error
}

func (m *mapping) Bytes() []byte { return m.content }

// Close unmaps the file; who still reads the bytes crashes.
func (m *mapping) Close() error { return m.unmap() }

// mapFile maps a file, or reads it where the file system is not the operating system's. The file
// may be closed afterwards.
func mapFile(f vfs.File) (store.File, error) {
	if f.Fd() == vfs.InvalidFd {
		return readAll(f)
	}
	stat, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if stat.Size() == 0 {
		return readFile(nil), nil // an empty mapping is an error
	}
	content, err := unix.Mmap(int(f.Fd()), 0, int(stat.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map into memory: %w", err)
	}
	return &mapping{content, sync.OnceValue(func() error { return unix.Munmap(content) })}, nil
}
