package sinktest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/catalog"
	"muster/internal/seal"
	"muster/internal/segment"
	"muster/internal/sink"
	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
)

// EnvID is the environment of a world.
const EnvID segment.EnvID = "65f000000000000000000001"

// World is a muster without a transport, on a file system in memory.
type World struct {
	t       testing.TB
	Store   *engine.Engine
	files   *pebblestore.Store
	fs      vfs.FS
	options engine.Options
	// scratched are files that come back changed.
	scratched map[store.FileID]bool
	Keys      *seal.Keys
	Kinds     map[catalog.SinkKind]sink.Open
	Keeper    *sink.Keeper
	ended     bool
}

// NewWorld returns a world with one environment and these segments, whose sinks are kept current.
func NewWorld(t testing.TB, kinds map[catalog.SinkKind]sink.Open, segments ...segment.Key) *World {
	t.Helper()
	keys, err := seal.ParseKeys(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	w := &World{t: t, fs: vfs.NewMem(), Keys: keys, Kinds: kinds}
	w.options = engine.Options{Logger: slog.New(slog.DiscardHandler), IdleFold: time.Hour, InlineChanges: 400, SegmentPending: 1000, TotalPending: 4000}
	w.start()
	t.Cleanup(w.end)
	w.Update(store.Account, func(tx store.Tx) error {
		tx.PutProject(&catalog.Project{ID: catalog.NewID(), Key: "web", Name: "Web"})
		tx.PutEnvironment(&catalog.Environment{ID: EnvID, Project: "web", Key: "production", Name: "Production", SDKKey: "sdk-1", MobileKey: "mob-1", CreatedAt: time.Now(), Version: 1})
		return nil
	})
	for _, key := range segments {
		w.PutSegment(key, 1)
	}
	return w
}

func (w *World) start() {
	w.t.Helper()
	log := slog.New(slog.DiscardHandler)
	var err error
	if w.files, err = pebblestore.Open("data", w.fs, log, func(err error) { w.t.Errorf("disk failed: %v", err) }); err != nil {
		w.t.Fatal(err)
	}
	if w.Store, err = engine.Open(context.Background(), w.files, scratched{w.files, w.scratched}, w.options); err != nil {
		w.t.Fatal(err)
	}
	w.Keeper = sink.New(context.Background(), w.Store, w.Keys, w.Kinds, log)
	w.ended = false
}

func (w *World) end() {
	w.t.Helper()
	if w.ended {
		return
	}
	w.ended = true
	w.Keeper.Close()
	if err := errors.Join(w.Store.Close(), w.files.Close()); err != nil {
		w.t.Error(err)
	}
}

// Restart ends everything and begins anew with what was durable.
func (w *World) Restart() {
	w.t.Helper()
	w.end()
	w.start()
}

// Update runs a write.
func (w *World) Update(scope store.Scope, fn func(store.Tx) error) segment.Revision {
	w.t.Helper()
	rev, err := w.Store.Update(context.Background(), scope, fn)
	if err != nil {
		w.t.Fatal(err)
	}
	return rev
}

// PutSegment puts a segment of a generation.
func (w *World) PutSegment(key segment.Key, generation segment.Generation) {
	w.t.Helper()
	w.Update(store.Scope{Env: EnvID}, func(tx store.Tx) error {
		tx.PutSegment(&catalog.Segment{
			ID: catalog.NewID(), Env: EnvID, Key: key, Version: tx.LastVersion(EnvID, segment.SegmentDefinition, string(key)) + 1, Generation: generation, Salt: "salt",
			Unbounded: true, Kind: segment.DefaultKind,
		})
		return nil
	})
}

// DeleteSegment deletes a segment.
func (w *World) DeleteSegment(key segment.Key) {
	w.t.Helper()
	w.Update(store.Scope{Env: EnvID}, func(tx store.Tx) error {
		tx.DeleteSegment(EnvID, key)
		return nil
	})
}

// Push changes members, named by numbers.
func (w *World) Push(key segment.Key, ops segment.Ops, members ...int) segment.Revision {
	w.t.Helper()
	list := &segment.Changes{}
	for _, n := range members {
		list.Append(memberKey(n), ops)
	}
	staged, err := w.Store.Stage(context.Background(), list)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.Update(store.Scope{Env: EnvID}, func(tx store.Tx) error {
		_, err := tx.Apply(EnvID, key, staged)
		return err
	})
}

// Replace publishes a whole membership.
func (w *World) Replace(key segment.Key, members ...int) {
	w.t.Helper()
	ctx := context.Background()
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	id := segment.RunID(hex.EncodeToString(b[:]))
	w.Update(store.Scope{Env: EnvID}, func(tx store.Tx) error {
		tx.OpenSession(store.Session{Env: EnvID, Segment: key, ID: id, Opened: time.Now()})
		return nil
	})
	load, err := w.Store.Load(ctx, store.LoadReplace)
	if err != nil {
		w.t.Fatal(err)
	}
	defer load.Discard()
	lw := load.Writer()
	for _, n := range members {
		if err := lw.Append(memberKey(n)); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := lw.Close(); err != nil {
		w.t.Fatal(err)
	}
	staged, _, err := load.Seal(ctx, EnvID, key, id)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Update(store.Scope{Env: EnvID}, func(tx store.Tx) error {
		_, err := tx.Publish(EnvID, key, store.Publication{Session: id, Staged: staged, Reason: segment.PointReplace})
		return err
	})
}

func memberKey(n int) []byte { return fmt.Appendf(nil, "member %d", n) }

// Range returns the numbers from one up to another, which is not among them.
func Range(from, to int) []int {
	all := make([]int, 0, to-from)
	for n := from; n < to; n++ {
		all = append(all, n)
	}
	return all
}

// PutSink puts a sink with secrets in the clear and returns its ID.
func (w *World) PutSink(s *catalog.Sink, secrets sink.Secrets) catalog.ID {
	w.t.Helper()
	s = s.Clone()
	if s.ID == "" {
		s.ID = catalog.NewID()
	}
	s.Env = EnvID
	for _, secret := range s.Secrets() {
		var err error
		if *secret.Sealed, err = w.Keys.Seal(secrets[secret.Name], s.SecretPlace(secret.Name)); err != nil {
			w.t.Fatal(err)
		}
	}
	s.Normalize()
	if err := s.Validate(); err != nil {
		w.t.Fatal(err)
	}
	w.Update(store.Account, func(tx store.Tx) error { tx.PutSink(s); return nil })
	return s.ID
}

// ChangeSink changes a sink.
func (w *World) ChangeSink(id catalog.ID, change func(*catalog.Sink)) {
	w.t.Helper()
	w.Update(store.Account, func(tx store.Tx) error {
		s, ok := tx.Sink(id)
		if !ok {
			return errors.New("no such sink")
		}
		s = s.Clone()
		change(s)
		s.Version++
		tx.PutSink(s)
		return nil
	})
}

// Resync asks all sinks to tell their stores everything once more.
func (w *World) Resync() {
	w.t.Helper()
	w.Update(store.Account, func(tx store.Tx) error {
		e, ok := tx.Environment(EnvID)
		if !ok {
			return errors.New("no environment")
		}
		e = e.Clone()
		e.Resyncs++
		e.Version++
		tx.PutEnvironment(e)
		return nil
	})
}

// patience is how long anything may take on a machine that is busy with other tests.
const patience = 3 * time.Minute

// Until waits until something is so.
func (w *World) Until(what string, so func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for !so() {
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: not within %v; sinks: %+v", what, patience, w.Keeper.Statuses())
		}
		time.Sleep(5 * time.Millisecond) // what is waited for is in another process
	}
}

// Status returns how a sink is doing.
func (w *World) Status(id catalog.ID) sink.Status {
	w.t.Helper()
	st, ok := w.Keeper.Status(id)
	if !ok {
		w.t.Fatalf("no sink %s", id)
	}
	return st
}

// Caught waits until a sink has everything.
func (w *World) Caught(id catalog.ID) {
	w.t.Helper()
	w.Until("sink "+string(id)+" is current", func() bool {
		head, err := w.Store.Head(EnvID)
		if err != nil {
			w.t.Fatal(err)
		}
		st := w.Status(id)
		return st.State == sink.Current && st.Complete && st.Revision == head
	})
}

// Equal compares a store with the truth, key by key: everybody who is in a segment or in the store.
func (w *World) Equal(target sink.Target, segments ...segment.Key) {
	w.t.Helper()
	if n, first, err := w.wrong(target, segments); err != nil || n > 0 {
		w.t.Fatalf("store and truth differ in %d contexts, such as %s; %v", n, first, err)
	}
}

// Becomes waits until a store equals the truth. One that can't be read does not.
func (w *World) Becomes(target sink.Target, segments ...segment.Key) {
	w.t.Helper()
	w.Until("the store equals the truth", func() bool { n, _, err := w.wrong(target, segments); return err == nil && n == 0 })
}

// Marked waits until there is a marker in a store that was written after a moment. What had been written by then is not
// written once more after a restart.
func (w *World) Marked(target sink.Target, since time.Time) {
	w.t.Helper()
	w.Until("progress is marked in the store", func() bool { return look(w.t, target).Synchronized.After(since) })
}

func (w *World) wrong(target sink.Target, segments []segment.Key) (n int, first string, err error) {
	w.t.Helper()
	view, err := w.Store.View(EnvID)
	if err != nil {
		w.t.Fatal(err)
	}
	held, err := scanned(w.t.Context(), target)
	if err != nil {
		return 0, "", err
	}
	for _, key := range segments {
		seg, ok := w.Store.Segment(EnvID, key)
		if !ok {
			continue
		}
		members, err := w.Store.Snapshot(EnvID, seg.Ref())
		if err != nil {
			w.t.Fatal(err)
		}
		for c, err := range members.All(nil) {
			if err != nil {
				w.t.Fatal(err)
			}
			if _, ok := held[c.Hash]; !ok {
				held[c.Hash] = sink.Held{Hash: c.Hash}
			}
		}
	}
	for h, one := range held {
		var truth sink.Held
		if err := view.Each(h, func(ref segment.Ref, ops segment.Ops) bool {
			if ops&segment.Include != 0 {
				truth.Included = append(truth.Included, ref)
			}
			if ops&segment.Exclude != 0 {
				truth.Excluded = append(truth.Excluded, ref)
			}
			return true
		}); err != nil {
			w.t.Fatal(err)
		}
		sortHeld(&truth)
		if !slices.Equal(one.Included, truth.Included) || !slices.Equal(one.Excluded, truth.Excluded) {
			if n == 0 {
				first = fmt.Sprintf("%s: store %v and %v, truth %v and %v", h, one.Included, one.Excluded, truth.Included, truth.Excluded)
			}
			n++
		}
	}
	return n, first, nil
}
