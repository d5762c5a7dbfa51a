package pebblestore_test

import (
	"log/slog"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/store"
	"muster/internal/store/pebblestore"
)

func TestWriteAndReopen(t *testing.T) {
	disk := vfs.NewCrashableMem()
	s, err := pebblestore.Open("data", disk, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Write(t.Context(), []store.Record{{Env: "e1", Revision: 1, Value: []byte("a")}, {Env: "e1", Revision: 2, Value: []byte("b")}},
		[]store.Row{{Table: 1, Key: []byte("k"), Value: []byte("v")}})
	if err != nil {
		t.Fatal(err)
	}
	crashed := disk.CrashClone(vfs.CrashCloneCfg{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = pebblestore.Open("data", crashed, slog.New(slog.DiscardHandler), nil); err != nil {
		t.Fatal(err)
	}
	if rev, err := s.Head(t.Context(), "e1"); rev != 2 || err != nil {
		t.Fatal(rev, err)
	}
	for r, err := range s.Read(t.Context(), "e1", 0) {
		t.Log(r, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
