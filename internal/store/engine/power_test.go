package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"muster/internal/segment"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
	"muster/internal/store/storetest"
)

// scripted are the options of the tests of faults: folds happen when the script says so, lists of a
// dozen changes are large ones, and a load of pages spills at once.
func scripted(chapter string) engine.Options {
	o := engine.Options{Logger: quiet, InlineChanges: 12, IdleFold: time.Hour, LogAge: 1, RunAge: long, FoldRoster: 3}
	switch chapter {
	case "journals":
		o.SegmentPending = 15
	case "pages":
		o.LoadBytes = 1
	}
	return o
}

// process is an engine on a disk, as a script plays on it.
type process struct {
	driver *pebblestore.Store
	watch  *engine.Watch
	engine *engine.Engine
}

// startProcess opens a disk for a script; the error is that of a disk that fails.
func startProcess(t *testing.T, disk vfs.FS, sc *storetest.Script, chapter string, onFatal func(error)) (*process, error) {
	t.Helper()
	driver, err := pebblestore.Open("data", disk, quiet, onFatal)
	if err != nil {
		return nil, err
	}
	p := &process{driver: driver}
	o := scripted(chapter)
	o.OnFatal = onFatal
	if p.watch, err = engine.NewWatch(t.Context(), driver, driver, func(err error) { t.Errorf("%s, %q: %v", chapter, sc.Step(), err) }); err == nil {
		p.engine, err = engine.Open(t.Context(), p.watch, p.watch, o)
	}
	if err != nil {
		_ = driver.Close()
		return nil, err
	}
	p.watch.Shows(p.engine)
	sc.Fold = func(ctx context.Context, env segment.EnvID) error {
		return errors.Join(p.watch.Fold(ctx, env), p.engine.Bury(ctx, env))
	}
	sc.Spill, sc.Trim = p.engine.SpillJournals, p.engine.TendLogs
	return p, nil
}

func (p *process) end() error {
	_ = p.engine.Close()
	return p.driver.Close()
}

// played plays a script to its end, with the restarts that it wants.
func played(t *testing.T, disk vfs.FS, sc *storetest.Script, chapter string, onFatal func(error), started, ending func(*process)) {
	t.Helper()
	for more := true; more; {
		p, err := startProcess(t, disk, sc, chapter, onFatal)
		if err != nil {
			return
		}
		if started != nil {
			started(p)
		}
		if more = sc.Play(t, p.engine); !more && ending != nil {
			ending(p)
		}
		if p.end() != nil {
			return
		}
	}
}

// prepared returns a disk with what a chapter begins with.
func prepared(t *testing.T, chapter string) (*vfs.MemFS, *storetest.Script) {
	t.Helper()
	disk, sc := vfs.NewCrashableMem(), storetest.NewScript(chapter)
	p, err := startProcess(t, disk, sc, chapter, func(err error) { t.Errorf("fatal: %v", err) })
	if err != nil {
		t.Fatal(err)
	}
	sc.Prepare(t, p.engine)
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	return clone(disk, 100), sc
}

// clone returns what a disk holds after a crash, keeping none of what was not synced, or all.
func clone(disk *vfs.MemFS, percent int) *vfs.MemFS {
	return disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(1, 1))})
}

// surviving verifies what is left on a disk against what was told, lets the script go on, and verifies
// its end. It reports whether a write without an answer had become durable.
func surviving(t *testing.T, disk vfs.FS, told *storetest.Script, chapter string) (ahead bool) {
	t.Helper()
	verified := false
	played(t, disk, told, chapter, func(err error) { t.Errorf("fatal: %v", err) }, func(p *process) {
		if !verified {
			verified = true
			wantSwept(t, p.engine, disk)
			ahead = told.Verify(t, p.engine)
			wantInvariants(t, p.engine)
		}
	}, func(p *process) {
		told.RequireEnd(t)
		told.Verify(t, p.engine)
		wantInvariants(t, p.engine)
		told.GoOn(t, p.engine)
	})
	if !verified {
		t.Error("the store does not start")
	}
	return ahead
}

func wantInvariants(t *testing.T, e *engine.Engine) {
	t.Helper()
	if err := e.CheckInvariants(t.Context()); err != nil {
		t.Error(err)
	}
}

// wantSwept demands that a start has left nothing that a process which ended did not finish: no file
// that no row names, and no scratch file.
func wantSwept(t *testing.T, e *engine.Engine, disk vfs.FS) {
	t.Helper()
	if left, err := disk.List("data/scratch"); err != nil || len(left) > 0 {
		t.Errorf("scratch files %v are left, %v", left, err)
	}
	// A file that work in the background has just replaced is deleted a moment after its last row.
	err := e.CheckNames(t.Context(), 0)
	for end := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(end); err = e.CheckNames(t.Context(), 0) {
		runtime.Gosched()
	}
	if err != nil {
		t.Error(err)
	}
}

// crash is a moment at which the power went off.
type crash struct {
	disk    *vfs.MemFS
	told    *storetest.Script
	moment  string
	percent int
}

// changesDisk reports whether an operation changes what a crash leaves. Before any other, the disk is
// as it was before the one that changed it last. A scratch file has no name when it is written to.
func changesDisk(op errorfs.Op) bool {
	return op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpFileClose && op.Kind != errorfs.OpLock && !spills(op)
}

func spills(op errorfs.Op) bool {
	return op.Kind == errorfs.OpFileWriteAt && strings.HasPrefix(op.Path, "data/scratch/")
}

// TestPowerCuts ends the process before every single operation that changes the disk, keeping nothing
// that was not synced, as a power cut does, and keeping all of it, as kill -9 does. A random part would
// be too much for Pebble: it relies on new files of one folder to appear in the order of their creation.
func TestPowerCuts(t *testing.T) {
	var reached faultPoints
	t.Run("chapter", func(t *testing.T) {
		for _, chapter := range storetest.Chapters() {
			t.Run(chapter, func(t *testing.T) {
				t.Parallel()
				cutEverywhere(t, chapter, &reached)
			})
		}
	})
	if !t.Failed() {
		reached.require(t)
	}
}

func cutEverywhere(t *testing.T, chapter string, reached *faultPoints) {
	disk, sc := prepared(t, chapter)
	crashes := make(chan crash)
	var p atomic.Pointer[process] // nil until it is started; Pebble's goroutines ask
	var before sync.Mutex         // held while the disk is copied: operations come from several goroutines
	last := errorfs.Op{Kind: errorfs.OpLock}
	cut := func(op errorfs.Op) {
		before.Lock()
		defer before.Unlock()
		var left, kept *vfs.MemFS
		told := sc.Snapshot(func() { left, kept = clone(disk, 0), clone(disk, 100) })
		same := told.Snapshot(func() {})
		doing := ""
		if started := p.Load(); started != nil {
			doing = started.watch.Doing()
		}
		reached.note(last, op, doing)
		last = op
		moment := fmt.Sprintf("before %s of %s in %q", operationNames[op.Kind], op.Path, sc.Step())
		crashes <- crash{left, told, moment, 0}
		crashes <- crash{kept, same, moment, 100}
	}
	go func() {
		defer close(crashes)
		sc.After = func(step string) {
			if err := p.Load().engine.CheckInvariants(context.WithoutCancel(t.Context())); err != nil {
				t.Errorf("after %q: %v", step, err)
			}
		}
		injector := errorfs.InjectorFunc(func(op errorfs.Op) error {
			switch {
			case changesDisk(op):
				cut(op)
			case spills(op):
				reached.spilled()
			}
			return nil
		})
		played(t, errorfs.Wrap(disk, injector), sc, chapter, func(err error) { t.Errorf("fatal: %v", err) }, func(started *process) {
			started.watch.Alone = true
			p.Store(started)
		}, nil)
		sc.RequireEnd(t)
	}()
	n := 0
	for c := range crashes {
		n++
		if t.Failed() {
			continue
		}
		if ahead := surviving(t, c.disk, c.told, chapter); ahead {
			reached.ahead()
		}
		if t.Failed() {
			t.Errorf("this was with the end %s, keeping %d %% of what was not synced", c.moment, c.percent)
		}
	}
	t.Logf("%d ends at %d moments", n, n/2)
}

// TestDiskErrors lets the disk fail once, at every single operation in turn, but for the syncs of
// Pebble's folder: there Pebble panics in a goroutine of its own, which is the end of a process and
// thus what TestPowerCuts shows. Pebble also panics when its start fails while it compacts already, so
// only the chapter that begins on an empty disk is restarted: no second run of its database is there
// that could be compacted. The others start on what their preparation has left.
func TestDiskErrors(t *testing.T) {
	for _, chapter := range storetest.Chapters() {
		t.Run(chapter, func(t *testing.T) {
			t.Parallel()
			base, begun := prepared(t, chapter)
			for n := int32(0); !t.Failed(); n++ {
				disk, sc := clone(base, 100), begun.Snapshot(func() {})
				sc.Uninterrupted = chapter != "members"
				sc.Injected = func(err error) bool { return errors.Is(err, errorfs.ErrInjected) }
				failing := errorfs.OnIndex(n)
				playToTheEnd(t, errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
					if op.Kind == errorfs.OpFileSync && op.Path == "data/pebble" {
						return nil
					}
					return failing.MaybeError(op)
				})), sc, chapter)
				var left *vfs.MemFS
				told := sc.Snapshot(func() { left = clone(disk, 0) })
				if failing.Load() >= 0 {
					sc.RequireEnd(t)
					t.Logf("%d operations failed in turn", n)
					return
				}
				surviving(t, left, told, chapter)
				if t.Failed() {
					t.Errorf("this was with operation %d failing", n)
				}
			}
		})
	}
}

// playToTheEnd plays a script on a disk until it ends or the process would. After a fatal error
// nothing may go on: Pebble would try again and again.
func playToTheEnd(t *testing.T, disk vfs.FS, sc *storetest.Script, chapter string) {
	t.Helper()
	ended := make(chan struct{}, 3)
	go func() {
		played(t, disk, sc, chapter, func(error) {
			processesLost.Store(true)
			ended <- struct{}{}
			select {}
		}, nil, nil)
		ended <- struct{}{}
	}()
	<-ended
}

// faultPoints are the moments of design.md's list at which a process was ended.
type faultPoints struct {
	mu      sync.Mutex
	reached map[string]bool
	spill   bool // one was written
}

// wantedPoints are all that have to be reached. What a write has made durable is applied to tables, and
// shown in a view, before it is answered, without a further operation of the disk: an end in between
// leaves a write that was not answered and is there.
var wantedPoints = []string{
	"after a spill was written",
	"before the sync of a roster", "after the sync of a roster",
	"before the sync of the rosters' folder", "after the sync of the rosters' folder",
	"before the sync of Pebble's log", "after the sync of Pebble's log",
	"before a durable write is applied and shown",
	"before the write that names a change file", "before the write that names graves", "before the write that seals a point",
	"before the unlink of a roster", "after the unlink of a roster",
	"page 0 of a session", "page 1 of a session", "page 2 of a session",
}

// spilled notes that a spill is written: the next end comes after it.
func (f *faultPoints) spilled() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spill = true
}

// note notes an end before an operation, and after the one before it, while something is written.
func (f *faultPoints) note(last, next errorfs.Op, doing string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.spill {
		f.add("after a spill was written")
	}
	for name, op := range map[string]errorfs.Op{"before": next, "after": last} {
		sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData
		switch roster := strings.HasPrefix(op.Path, "data/roster/"); {
		case roster && sync:
			f.add(name + " the sync of a roster")
		case op.Path == "data/roster" && sync:
			f.add(name + " the sync of the rosters' folder")
		case strings.HasSuffix(op.Path, ".log") && sync:
			f.add(name + " the sync of Pebble's log")
		case roster && op.Kind == errorfs.OpRemove:
			f.add(name + " the unlink of a roster")
		}
	}
	for what := range strings.SplitSeq(doing, ", ") {
		switch {
		case what == "change file":
			f.add("before the write that names a change file")
		case what == "graves":
			f.add("before the write that names graves")
		case what == "seal":
			f.add("before the write that seals a point")
		case strings.HasPrefix(what, "page "):
			f.add(what + " of a session")
		}
	}
}

func (f *faultPoints) ahead() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.add("before a durable write is applied and shown")
}

func (f *faultPoints) add(name string) {
	if f.reached == nil {
		f.reached = make(map[string]bool)
	}
	f.reached[name] = true
}

func (f *faultPoints) require(t *testing.T) {
	t.Helper()
	for _, name := range wantedPoints {
		if !f.reached[name] {
			t.Errorf("no process was ended %s", name)
		}
	}
}

var operationNames = map[errorfs.OpKind]string{
	errorfs.OpCreate: "the creation", errorfs.OpLink: "a link", errorfs.OpRemove: "the removal", errorfs.OpRemoveAll: "the removal", errorfs.OpRename: "a renaming",
	errorfs.OpReuseForWrite: "a reuse", errorfs.OpMkdirAll: "the creation", errorfs.OpFileWrite: "a write", errorfs.OpFileWriteAt: "a write",
	errorfs.OpFileSync: "a sync", errorfs.OpFileSyncData: "a sync", errorfs.OpFileSyncTo: "a sync", errorfs.OpFileFlush: "a flush", errorfs.OpFilePreallocate: "a preallocation",
}
