package engine_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
	"muster/internal/store/storetest"
)

var quiet = slog.New(slog.DiscardHandler)

// long keeps the runs of scripts, which are of a day that is past: a minute after its start the engine
// forgets old ones, and a slow machine may still be at it then.
const long = 100 * 365 * 24 * time.Hour

// eager makes lists of a dozen changes large ones, and folds, hints and indexes all the time.
var eager = engine.Options{
	Logger: quiet, InlineChanges: 12, SegmentPending: 4, TotalPending: 256, SmallRoster: 1, FoldRoster: 3, IdleFold: time.Millisecond, RunAge: long,
	HintRosters: 1, IndexRefs: 1, HintInterval: time.Millisecond,
}

// machine is an engine over Pebble on a disk in memory.
type machine struct {
	o      engine.Options
	disk   *vfs.MemFS
	pebble *pebblestore.Store
	engine *engine.Engine
}

func newMachine(tb testing.TB, o engine.Options) *machine {
	m := &machine{o: o, disk: vfs.NewCrashableMem()}
	tb.Cleanup(func() {
		if m.engine != nil {
			m.Stop(tb)
		}
	})
	return m
}

func (m *machine) Start(tb testing.TB) store.Store {
	tb.Helper()
	var err error
	m.pebble, err = pebblestore.Open("data", m.disk, quiet, func(err error) { tb.Errorf("fatal: %v", err) })
	if err != nil {
		tb.Fatalf("open disk: %v", err)
	}
	watch, err := engine.NewWatch(tb.Context(), m.pebble, m.pebble, func(err error) { tb.Error(err) })
	if err != nil {
		tb.Fatalf("watch disk: %v", err)
	}
	if m.engine, err = engine.Open(context.Background(), watch, watch, m.o); err != nil {
		tb.Fatalf("open engine: %v", err)
	}
	return m.engine
}

func (m *machine) Stop(tb testing.TB) {
	tb.Helper()
	if err := m.engine.Close(); err != nil {
		tb.Errorf("close engine: %v", err)
	}
	if err := m.pebble.Close(); err != nil {
		tb.Errorf("close disk: %v", err)
	}
	m.engine = nil
}

func (m *machine) Cut(tb testing.TB) {
	tb.Helper()
	after := m.disk.CrashClone(vfs.CrashCloneCfg{})
	m.Stop(tb)
	m.disk = after
}

func TestEngine(t *testing.T) {
	for name, o := range map[string]engine.Options{"as in production": {Logger: quiet}, "folding all the time": eager} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(tb testing.TB) storetest.Machine[store.Store] {
				return newMachine(tb, o)
			})
		})
	}
}

func TestFollowersOfATrimmedLog(t *testing.T) {
	trimming := eager
	trimming.LogAge = 1
	storetest.Following(t, func(tb testing.TB) storetest.Machine[store.Store] {
		return newMachine(tb, trimming)
	})
}
