package engine

import (
	"sync"

	"muster/internal/store"
)

// unsynced holds the keys of rows that are on their way to the disk: a driver may let them be read
// before they are durable, so whoever reads rows outside memory takes the value before instead, or
// leaves them out if there was none.
type unsynced struct {
	mu   sync.RWMutex
	keys map[string][]byte // value before, nil if there was none
}

// unsyncedRow is a row on its way and what its value was.
type unsyncedRow struct{ key, before []byte }

func unsyncedKey(table store.Table, k []byte) []byte {
	return append([]byte{byte(table)}, k...)
}

func (u *unsynced) add(rows []unsyncedRow) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.keys == nil {
		u.keys = make(map[string][]byte)
	}
	for _, r := range rows {
		if _, ok := u.keys[string(r.key)]; !ok { // the first of a step is what was durable
			u.keys[string(r.key)] = r.before
		}
	}
}

func (u *unsynced) remove(rows []unsyncedRow) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, r := range rows {
		delete(u.keys, string(r.key))
	}
}

// none reports whether no row is on its way.
func (u *unsynced) none() bool {
	u.mu.RLock()
	defer u.mu.RUnlock()
	return len(u.keys) == 0
}

// before returns what a row's value was before the write that is on its way; false if none is.
func (u *unsynced) before(k []byte) ([]byte, bool) {
	u.mu.RLock()
	defer u.mu.RUnlock()
	b, ok := u.keys[string(k)]
	return b, ok
}
