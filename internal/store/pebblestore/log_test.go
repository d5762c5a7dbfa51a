package pebblestore

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/segment"
	"muster/internal/store"
)

func TestReadOfALogThatLacksRecords(t *testing.T) {
	s, err := Open("data", vfs.NewMem(), slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	for rev := range segment.Revision(6) {
		if err := s.Write(t.Context(), []store.Record{{Env: "e", Revision: rev + 1}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, rev := range []segment.Revision{1, 2, 4, 6} {
		if err := s.db.Delete(logKey("e", rev), pebble.NoSync); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name  string
		after segment.Revision
		want  error
	}{
		{"Before the first record that is there, the log is trimmed", 0, store.ErrTrimmed},
		{"One revision before the first record, the log is trimmed", 1, store.ErrTrimmed},
		{"A hole is corruption, not a trimmed log", 2, store.ErrCorrupt},
		{"A log that ends before its head is corrupt", 4, store.ErrCorrupt},
		{"A log that is trimmed to its head says so", 5, store.ErrTrimmed},
		{"At the head there is nothing to miss", 6, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got error
			for _, got = range s.Read(t.Context(), "e", tt.after) {
			}
			if !errors.Is(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenRefusesStrangeLogKeys(t *testing.T) {
	disk := vfs.NewMem()
	s, err := Open("data", disk, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.db.Set([]byte{logPrefix, 9, 'x'}, nil, pebble.Sync), s.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open("data", disk, slog.New(slog.DiscardHandler), nil); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
}

func TestEnvironmentIdentifiersAreBounded(t *testing.T) {
	s, err := Open("data", vfs.NewMem(), slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	long := segment.EnvID(make([]byte, maxEnvBytes+1))
	if err := s.Write(t.Context(), []store.Record{{Env: long, Revision: 1}}, nil); err == nil {
		t.Error("an identifier that does not fit was written")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
