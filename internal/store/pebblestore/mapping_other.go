//go:build !unix

package pebblestore

import (
	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/store"
)

// mapFile reads a file whole.
func mapFile(f vfs.File) (store.File, error) { return readAll(f) }
