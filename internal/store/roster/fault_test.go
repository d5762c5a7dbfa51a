//go:build unix

package roster

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"muster/internal/segment"
	"muster/internal/store"
)

// mapped returns a roster's bytes as a driver maps them, and a function that takes the pages of the
// file away from byte n on: who touches one of them faults, as when the disk can't deliver it.
func mapped(t *testing.T, b []byte) (content []byte, cut func(n int)) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "roster"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	if content, err = unix.Mmap(int(f.Fd()), 0, len(b), unix.PROT_READ, unix.MAP_SHARED); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(content); err != nil {
			t.Error(err)
		}
	})
	return content, func(n int) {
		// The rest of a page that is cut through would become zeros, and not a fault.
		if err := os.Truncate(f.Name(), int64(n&^(os.Getpagesize()-1))); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAPageThatTheDiskDoesNotDeliverIsAnError(t *testing.T) {
	m := users(groupEntries + 1000)
	sorted := m.sorted()
	written := m.write(t, Full)
	for _, touched := range []bool{false, true} {
		b, cut := mapped(t, written)
		r := open(t, b)
		if touched {
			if err := r.Verify(); err != nil {
				t.Fatal(err)
			}
		}
		cut(int(r.groups[1].keys) - blockBytes)
		lost := sorted[len(sorted)-1]
		if _, _, err := r.Find(lost); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("touched %t: Find = %v", touched, err)
		}
		if _, err := r.Key(lost); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("touched %t: Key = %v", touched, err)
		}
		if err := r.Verify(); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("touched %t: Verify = %v", touched, err)
		}
		if _, err := Open(b); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("touched %t: Open = %v", touched, err)
		}
		for name, seq := range map[string]func(func(segment.Change, error) bool){
			"All": r.All(nil), "Range": r.Range(0, 255), "Merge": Merge(true, r.All(nil), r.Range(0, 255)),
		} {
			n, failed := 0, error(nil)
			for ch, err := range seq {
				if failed != nil {
					t.Fatalf("touched %t: %s goes on after %v", touched, name, failed)
				}
				if failed = err; err == nil && ch.Hash != sorted[n] {
					t.Fatalf("touched %t: %s yields %s, not %s", touched, name, ch.Hash, sorted[n])
				}
				n++
			}
			if !errors.Is(failed, store.ErrCorrupt) {
				t.Errorf("touched %t: %s ended with %v after %d entries", touched, name, failed, n)
			}
		}
		if !touched { // the checksums are lost too
			continue
		}
		for _, h := range sorted[:100] {
			if ops, ok, err := r.Find(h); err != nil || !ok || ops != m[h].Ops {
				t.Fatalf("Find(%s) = %v, %t, %v beside the lost pages", h, ops, ok, err)
			}
		}
	}
}

func TestAPanicOfWhoeverReadsIsNoFault(t *testing.T) {
	r := open(t, users(10).write(t, Full))
	other, cut := mapped(t, make([]byte, 1<<16))
	cut(0)
	for name, panics := range map[string]func() any{
		"a panic":        func() any { panic("mine") },
		"another fault":  func() any { return other[100] },
		"an index error": func() any { return other[len(other):][0] },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			for range r.All(nil) {
				t.Log(panics())
			}
		})
	}
}
