package history_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/catalog"
	"muster/internal/history"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
)

// broken is files whose bytes are not what was written.
type broken struct{ store.Files }

type noise []byte

func (n noise) Bytes() []byte { return n }
func (n noise) Close() error  { return nil }

func (broken) Open(context.Context, store.FileID) (store.File, error) { return noise("no roster"), nil }

// newDamaged returns the read side over a store with the segments "big", whose file is damaged, and
// "other", which includes ann as big did.
func newDamaged(t *testing.T) (*history.History, store.Store) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	db, err := pebblestore.Open("data", vfs.NewMem(), quiet, func(err error) { t.Errorf("store failed: %v", err) })
	if err != nil {
		t.Fatal(err)
	}
	options := engine.Options{InlineChanges: 1, Logger: quiet}
	e, err := engine.Open(t.Context(), db, db, options)
	if err != nil {
		t.Fatal(err)
	}
	changes := new(segment.Changes)
	changes.Append([]byte("ann"), segment.Include)
	changes.Append([]byte("ben"), segment.Include)
	staged, err := e.Stage(t.Context(), changes) // more than one change, so a file
	if err != nil {
		t.Fatal(err)
	}
	one := new(segment.Changes)
	one.Append([]byte("ann"), segment.Include)
	inline, err := e.Stage(t.Context(), one)
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Update(t.Context(), store.Account, func(tx store.Tx) error {
		tx.PutProject(&catalog.Project{ID: catalog.NewID(), Key: "web", Name: "Web"})
		tx.PutEnvironment(&catalog.Environment{ID: production, Project: "web", Key: "production", Name: "Production", SDKKey: "sdk-1", MobileKey: "mob-1"})
		for _, key := range []segment.Key{"big", "other"} {
			tx.PutSegment(&catalog.Segment{ID: catalog.NewID(), Env: production, Key: key, Version: 1, Generation: 1, Unbounded: true, Kind: "user"})
		}
		_, err := tx.Apply(production, "big", staged)
		if err == nil {
			_, err = tx.Apply(production, "other", inline)
		}
		return err
	})
	if err := errors.Join(err, e.Close()); err != nil {
		t.Fatal(err)
	}
	if e, err = engine.Open(t.Context(), db, broken{db}, options); err != nil {
		t.Fatal(err)
	}
	h := history.New(e, time.Now, quiet)
	t.Cleanup(func() {
		h.Close()
		if err := errors.Join(e.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	return h, e
}

func TestASegmentWhoseFileIsDamagedHasFailedAndOthersHaveNot(t *testing.T) {
	h, e := newDamaged(t)
	for key, want := range map[segment.Key]history.State{"big": history.Failed, "other": history.Live} {
		seg, _ := e.Segment(production, key)
		got, err := h.Health(t.Context(), seg)
		if err != nil || got.State != want || (got.Error != "") != (want == history.Failed) {
			t.Errorf("%s: %+v, %v", key, got, err)
		}
	}
}
