package pebblestore_test

import (
	"log/slog"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/store/pebblestore"
	"muster/internal/store/storetest"
)

// machine is a store on a disk in memory.
type machine struct {
	disk  *vfs.MemFS
	store *pebblestore.Store
}

func newMachine(tb testing.TB) *machine {
	m := &machine{disk: vfs.NewCrashableMem()}
	tb.Cleanup(func() {
		if m.store != nil {
			m.Stop(tb)
		}
	})
	return m
}

func (m *machine) Start(tb testing.TB) storetest.Drive {
	tb.Helper()
	m.store = open(tb, m.disk)
	return storetest.Drive{Log: m.store, Files: m.store}
}

func (m *machine) Stop(tb testing.TB) {
	tb.Helper()
	if err := m.store.Close(); err != nil {
		tb.Errorf("close: %v", err)
	}
	m.store = nil
}

func (m *machine) Cut(tb testing.TB) {
	tb.Helper()
	after := m.disk.CrashClone(vfs.CrashCloneCfg{})
	m.Stop(tb)
	m.disk = after
}

func open(tb testing.TB, disk vfs.FS) *pebblestore.Store {
	tb.Helper()
	s, err := pebblestore.Open("data", disk, slog.New(slog.DiscardHandler), func(err error) { tb.Errorf("fatal: %v", err) })
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	return s
}

func TestDriver(t *testing.T) {
	storetest.Driver(t, func(tb testing.TB) storetest.Machine[storetest.Drive] { return newMachine(tb) })
}
