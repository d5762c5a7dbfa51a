package storetest_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
	"muster/internal/store/storetest"
)

var quiet = slog.New(slog.DiscardHandler)

// eager makes lists of a dozen changes large ones and folds all the time.
var eager = engine.Options{Logger: quiet, InlineChanges: 12, SegmentPending: 4, TotalPending: 256, SmallRoster: 1, IdleFold: time.Millisecond}

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
	if m.engine, err = engine.Open(context.Background(), m.pebble, m.pebble, m.o); err != nil {
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

// scripted are the options of the tests of faults: folds happen when the script says so, so that
// the same operation of the disk is hit in every run.
var scripted = engine.Options{Logger: quiet, InlineChanges: 12, IdleFold: time.Hour}

// playToTheEnd plays a script on a disk until it ends or the process would. After a fatal error
// nothing may go on: Pebble would try again and again.
func playToTheEnd(t *testing.T, disk vfs.FS, sc *storetest.Script) {
	t.Helper()
	ended := make(chan struct{}, 2)
	go func() {
		play(t, disk, sc, func(error) {
			ended <- struct{}{}
			select {}
		})
		ended <- struct{}{}
	}()
	<-ended
}

// play plays both halves of a script on a disk, with a restart between them.
func play(t *testing.T, disk vfs.FS, sc *storetest.Script, onFatal func(error)) {
	t.Helper()
	for range 2 {
		p, err := pebblestore.Open("data", disk, quiet, onFatal)
		if err != nil {
			return
		}
		e, err := engine.Open(t.Context(), p, p, scripted)
		if err != nil {
			_ = p.Close()
			return
		}
		sc.Fold = func(ctx context.Context, env segment.EnvID) error {
			return errors.Join(e.Fold(ctx, env), e.Bury(ctx, env))
		}
		more := sc.PlayHalf(t, e)
		_ = e.Close()
		if p.Close() != nil || !more {
			return
		}
	}
}

func verify(t *testing.T, disk *vfs.MemFS, sc *storetest.Script) {
	t.Helper()
	m := &machine{o: scripted, disk: disk}
	s := m.Start(t)
	sc.Verify(t, s)
	m.Stop(t)
}

// TestDiskErrors lets the disk fail once, at every single operation in turn, but for the syncs of
// Pebble's folder: there Pebble panics in a goroutine of its own, which is the end of a process and
// thus what TestPowerCuts shows.
func TestDiskErrors(t *testing.T) {
	t.Parallel()
	for n := int32(0); !t.Failed(); n++ {
		disk := vfs.NewCrashableMem()
		failing := errorfs.OnIndex(n)
		sc := storetest.NewScript()
		playToTheEnd(t, errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind == errorfs.OpFileSync && op.Path == "data/pebble" {
				return nil
			}
			return failing.MaybeError(op)
		})), sc)
		told := sc.Snapshot()
		verify(t, disk.CrashClone(vfs.CrashCloneCfg{}), told)
		if failing.Load() >= 0 {
			sc.RequireEnd(t)
			t.Logf("%d operations failed in turn", n)
			return
		}
		if t.Failed() {
			t.Errorf("this was with operation %d failing", n)
		}
	}
}

// TestPowerCuts ends the process before every single operation of the disk, in turn keeping nothing
// that was not synced, as a power cut does, and all of it, as kill -9 does. A random part would be too
// much for Pebble: it relies on new files of one folder to appear in the order of their creation.
func TestPowerCuts(t *testing.T) {
	t.Parallel()
	for first, percent := range []int{0, 100} {
		for n := int64(first); !t.Failed(); n += 2 {
			disk := vfs.NewCrashableMem()
			var left *vfs.MemFS
			var told *storetest.Script
			var count atomic.Int64
			sc := storetest.NewScript()
			cut := errorfs.InjectorFunc(func(errorfs.Op) error {
				if count.Add(1)-1 == n {
					told = sc.Snapshot()
					rng := rand.New(rand.NewPCG(uint64(n), 1))
					left = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})
				}
				return nil
			})
			playToTheEnd(t, errorfs.Wrap(disk, cut), sc)
			if left == nil {
				sc.RequireEnd(t)
				t.Logf("%d moments of a power cut", n)
				break
			}
			verify(t, left, told)
			if t.Failed() {
				t.Errorf("this was with the end before operation %d, keeping %d %% of what was not synced", n, percent)
			}
		}
	}
}
