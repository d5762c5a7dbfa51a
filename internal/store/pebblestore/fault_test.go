package pebblestore_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/pebblestore"
)

// script is what a caller was told while it wrote.
type script struct {
	acknowledged int // writes 1 to acknowledged returned nil
	tried        int
	fatal        error
}

// run writes revisions that each name a file, until something fails. Every fourth file is large.
func (sc *script) run(t *testing.T, disk vfs.FS) {
	s, err := pebblestore.Open("data", disk, slog.New(slog.DiscardHandler), func(err error) { sc.fatal = err })
	if err != nil {
		return
	}
	for rev := 1; rev <= 8; rev++ {
		if s.Put(t.Context(), fileOf(rev), func(w io.Writer) error { return fill(w, rev) }) != nil {
			break
		}
		sc.tried = rev
		err := s.Write(t.Context(), []store.Record{{Env: "e", Revision: segment.Revision(rev), Value: fmt.Append(nil, rev)}},
			[]store.Row{{Table: 1, Key: []byte("last"), Value: fmt.Append(nil, rev)}})
		if err != nil {
			break
		}
		sc.acknowledged = rev
	}
	err = s.Close()
	if sc.fatal != nil && !errors.Is(err, sc.fatal) {
		t.Errorf("close after a fatal error returned %v", err)
	}
}

func fileOf(rev int) store.FileID { return store.FileID{15: byte(rev)} }

func fill(w io.Writer, rev int) error {
	size := 1000
	if rev%4 == 0 {
		size = 300 << 10
	}
	_, err := io.WriteString(w, strings.Repeat(fmt.Sprint(rev), size))
	return err
}

// TestWritesSurviveDiskErrors lets every single operation of the disk fail in turn.
func TestWritesSurviveDiskErrors(t *testing.T) {
	stopped := 0
	for n := int32(0); ; n++ {
		disk := vfs.NewCrashableMem()
		failing := errorfs.OnIndex(n)
		var sc script
		sc.run(t, errorfs.Wrap(disk, errorfs.ErrInjected.If(failing)))
		if sc.fatal != nil {
			stopped++
		}
		wantAcknowledged(t, n, disk.CrashClone(vfs.CrashCloneCfg{}), sc)
		if failing.Load() >= 0 {
			if stopped == 0 {
				t.Error("no failure of the disk ended the store")
			}
			t.Logf("%d operations failed, %d of them ended the store", n, stopped)
			return
		}
	}
}

// wantAcknowledged demands every acknowledged write; the one in flight may be there whole.
func wantAcknowledged(t *testing.T, n int32, disk vfs.FS, sc script) {
	t.Helper()
	s := open(t, disk)
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	head, err := s.Head(t.Context(), "e")
	if err != nil || int(head) < sc.acknowledged || int(head) > sc.tried {
		t.Fatalf("operation %d failed: head is %d, %v; %d of %d writes were acknowledged", n, head, err, sc.acknowledged, sc.tried)
	}
	row, ok, err := s.Row(t.Context(), 1, []byte("last"))
	if want := fmt.Sprint(head); err != nil || ok != (head > 0) || ok && string(row) != want {
		t.Errorf("operation %d failed: row is %q, %v at head %d", n, row, err, head)
	}
	for rev := 1; rev <= int(head); rev++ {
		var want strings.Builder
		_ = fill(&want, rev)
		f, err := s.Open(t.Context(), fileOf(rev))
		if err != nil || string(f.Bytes()) != want.String() {
			t.Errorf("operation %d failed: the file of revision %d of %d is damaged: %v", n, rev, head, err)
		}
	}
	// The store must also go on.
	if err := s.Write(t.Context(), []store.Record{{Env: "e", Revision: head + 1}}, nil); err != nil {
		t.Errorf("operation %d failed: write after restart: %v", n, err)
	}
}

// TestFailedSyncEndsTheStore fails all syncs of Pebble's log from some moment on.
func TestFailedSyncEndsTheStore(t *testing.T) {
	disk := vfs.NewCrashableMem()
	var broken errorfs.Toggle
	broken.Injector = errorfs.InjectorFunc(func(op errorfs.Op) error {
		if strings.HasSuffix(op.Path, ".log") && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return errorfs.ErrInjected
		}
		return nil
	})
	var fatal []error
	s, err := pebblestore.Open("data", errorfs.Wrap(disk, &broken), slog.New(slog.DiscardHandler), func(err error) { fatal = append(fatal, err) })
	if err != nil {
		t.Fatal(err)
	}
	write := func(rev segment.Revision) error {
		return s.Write(t.Context(), []store.Record{{Env: "e", Revision: rev}}, nil)
	}
	if err := write(1); err != nil {
		t.Fatal(err)
	}
	broken.On()
	for rev := range segment.Revision(3) {
		if err := write(2 + rev); err == nil || !strings.Contains(err.Error(), errorfs.ErrInjected.Error()) {
			t.Errorf("write %d on a broken disk: %v", 2+rev, err)
		}
	}
	broken.Off()
	if err := write(2); err == nil {
		t.Error("the store went on after a failed sync")
	}
	if _, err := s.Head(t.Context(), "e"); err == nil {
		t.Error("the head is still served")
	}
	if len(fatal) != 1 {
		t.Errorf("the owner was told %d times: %v", len(fatal), fatal)
	}
	after := open(t, disk.CrashClone(vfs.CrashCloneCfg{}))
	if head, err := after.Head(t.Context(), "e"); head != 1 || err != nil {
		t.Errorf("after restart the head is %d, %v", head, err)
	}
	if err := after.Close(); err != nil {
		t.Error(err)
	}
}

// TestUnsyncedFileIsLost shows that the power cut of these tests is a real one.
func TestUnsyncedFileIsLost(t *testing.T) {
	disk := vfs.NewCrashableMem()
	s := open(t, disk)
	if err := s.Put(t.Context(), fileOf(1), func(w io.Writer) error { return fill(w, 1) }); err != nil {
		t.Fatal(err)
	}
	after := open(t, disk.CrashClone(vfs.CrashCloneCfg{}))
	if _, err := after.Open(t.Context(), fileOf(1)); err == nil {
		t.Error("a file that no write named survived")
	}
	if err := errors.Join(s.Close(), after.Close()); err != nil {
		t.Error(err)
	}
}

// TestScratchFilesSurviveDiskErrors lets every operation of the disk fail in turn.
func TestScratchFilesSurviveDiskErrors(t *testing.T) {
	disk := vfs.NewMem()
	failing := errorfs.OnIndex(-1)
	toggle := errorfs.Toggle{Injector: errorfs.ErrInjected.If(failing)}
	s, err := pebblestore.Open("data", errorfs.Wrap(disk, &toggle), slog.New(slog.DiscardHandler), func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	toggle.On()
	for n := range int32(20) {
		failing.Store(n)
		err := useScratch(t, s)
		left, listErr := disk.List("data/scratch")
		if listErr != nil || len(left) != 0 {
			t.Errorf("operation %d failed: the folder holds %v, %v", n, left, listErr)
		}
		if err != nil && (failing.Load() >= 0 || !strings.Contains(err.Error(), errorfs.ErrInjected.Error())) {
			t.Errorf("operation %d failed: %v", n, err)
		}
	}
	if failing.Load() < 0 {
		t.Error("a scratch file takes more operations than there were failures")
	}
	toggle.Off()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func useScratch(t *testing.T, s *pebblestore.Store) (err error) {
	f, err := s.Scratch(t.Context())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.WriteAt([]byte("spilled"), 5); err != nil {
		return err
	}
	var got [7]byte
	if _, err := f.ReadAt(got[:], 5); err != nil {
		return err
	}
	if string(got[:]) != "spilled" {
		t.Errorf("the scratch file holds %q", got)
	}
	return nil
}
