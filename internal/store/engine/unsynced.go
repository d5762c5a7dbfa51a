package engine

import (
	"sync"

	"muster/internal/store"
)

// unsynced holds the keys of rows that are on their way to the disk: a driver may let them be read
// before they are durable, so whoever reads rows outside memory leaves these out.
type unsynced struct {
	mu   sync.RWMutex
	keys map[string]struct{}
}

func unsyncedKey(table store.Table, k []byte) []byte {
	return append([]byte{byte(table)}, k...)
}

func (u *unsynced) add(keys [][]byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.keys == nil {
		u.keys = make(map[string]struct{})
	}
	for _, k := range keys {
		u.keys[string(k)] = struct{}{}
	}
}

func (u *unsynced) remove(keys [][]byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, k := range keys {
		delete(u.keys, string(k))
	}
}

func (u *unsynced) has(k []byte) bool {
	u.mu.RLock()
	defer u.mu.RUnlock()
	_, ok := u.keys[string(k)]
	return ok
}
