package relayfeed_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"muster/internal/catalog"
	"muster/internal/relayfeed"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const envID segment.EnvID = "65f000000000000000000001"

// tester is a test, or one try of a property.
type tester interface {
	rapid.TB
	Cleanup(func())
}

// world is a feed over the real engine on a file system in memory.
type world struct {
	t     tester
	disk  vfs.FS
	o     engine.Options
	fo    relayfeed.Options
	files *pebblestore.Store
	store *engine.Engine
	feed  *relayfeed.Feed
}

func newWorld(t tester, o engine.Options, fo relayfeed.Options) *world {
	t.Helper()
	o.Logger, fo.Log = slog.New(slog.DiscardHandler), slog.New(slog.DiscardHandler)
	w := &world{t: t, disk: vfs.NewMem(), o: o, fo: fo}
	w.open()
	t.Cleanup(w.close)
	w.update(store.Account, func(tx store.Tx) error {
		tx.PutProject(&catalog.Project{ID: catalog.NewID(), Key: "web", Name: "Web"})
		tx.PutEnvironment(&catalog.Environment{ID: envID, Project: "web", Key: "production", Name: "Production", SDKKey: "sdk-1", MobileKey: "mob-1", Version: 1})
		return nil
	})
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.files, err = pebblestore.Open("data", w.disk, w.o.Logger, func(err error) { w.t.Errorf("disk failed: %v", err) }); err != nil {
		w.t.Fatal(err)
	}
	if w.store, err = engine.Open(context.Background(), w.files, w.files, w.o); err != nil {
		w.t.Fatal(err)
	}
	w.feed = relayfeed.New(w.store, w.fo)
}

func (w *world) close() {
	if w.feed == nil {
		return
	}
	w.feed.Close()
	w.feed = nil
	if err := errors.Join(w.store.Close(), w.files.Close()); err != nil {
		w.t.Error(err)
	}
}

// restart is a stop and a start of the server.
func (w *world) restart() {
	w.t.Helper()
	w.close()
	w.open()
}

func (w *world) update(scope store.Scope, fn func(store.Tx) error) segment.Revision {
	w.t.Helper()
	rev, err := w.store.Update(context.Background(), scope, fn)
	if err != nil {
		w.t.Fatal(err)
	}
	return rev
}

// put makes a segment, anew if it was deleted.
func (w *world) put(key segment.Key) {
	w.t.Helper()
	w.update(store.Scope{Env: envID}, func(tx store.Tx) error {
		tx.PutSegment(&catalog.Segment{
			ID: catalog.NewID(), Env: envID, Key: key, Version: tx.LastVersion(envID, segment.SegmentDefinition, string(key)) + 1,
			Generation: tx.LastGeneration(envID, key) + 1, Salt: "salt", Unbounded: true, Kind: segment.DefaultKind,
		})
		return nil
	})
}

func (w *world) remove(key segment.Key) {
	w.t.Helper()
	w.update(store.Scope{Env: envID}, func(tx store.Tx) error {
		tx.DeleteSegment(envID, key)
		return nil
	})
}

// resync asks for everything once more.
func (w *world) resync() {
	w.t.Helper()
	w.update(store.Scope{Project: "web"}, func(tx store.Tx) error {
		e, _ := tx.Environment(envID)
		e = e.Clone()
		e.Resyncs++
		tx.PutEnvironment(e)
		return nil
	})
}

// change changes members.
func (w *world) change(key segment.Key, ops map[string]segment.Ops) {
	w.t.Helper()
	list := &segment.Changes{}
	for name, op := range ops {
		list.Append([]byte(name), op)
	}
	staged, err := w.store.Stage(context.Background(), list)
	if err != nil {
		w.t.Fatal(err)
	}
	w.update(store.Scope{Env: envID}, func(tx store.Tx) error {
		_, err := tx.Apply(envID, key, staged)
		return err
	})
}

// push includes contexts that are named by numbers.
func (w *world) push(key segment.Key, from, to int) {
	w.t.Helper()
	ops := map[string]segment.Ops{}
	for i := from; i < to; i++ {
		ops[fmt.Sprintf("context-%d", i)] = segment.Include
	}
	w.change(key, ops)
}

// replace makes contexts that are named by numbers the included ones.
func (w *world) replace(key segment.Key, from, to int) {
	w.t.Helper()
	ctx, id := context.Background(), segment.RunID(catalog.NewID())
	w.update(store.Scope{Env: envID}, func(tx store.Tx) error {
		tx.OpenSession(store.Session{Env: envID, Segment: key, ID: id, Opened: time.Now()})
		return nil
	})
	load, err := w.store.Load(ctx, store.LoadReplace)
	if err != nil {
		w.t.Fatal(err)
	}
	defer load.Discard()
	in := load.Writer()
	for i := from; i < to; i++ {
		if err := in.Append(fmt.Appendf(nil, "context-%d", i)); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := in.Close(); err != nil {
		w.t.Fatal(err)
	}
	staged, _, err := load.Seal(ctx, envID, key, id)
	if err != nil {
		w.t.Fatal(err)
	}
	w.update(store.Scope{Env: envID}, func(tx store.Tx) error {
		_, err := tx.Publish(envID, key, store.Publication{Session: id, Staged: staged, Reason: segment.PointReplace})
		tx.CloseSession(envID, key, id)
		return err
	})
}

// rollBack makes the newest point of a segment its members again, if there is one.
func (w *world) rollBack(key segment.Key) {
	w.t.Helper()
	points, err := w.store.Points(envID, key)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(points) == 0 {
		return
	}
	w.update(store.Scope{Env: envID}, func(tx store.Tx) error {
		_, err := tx.Publish(envID, key, store.Publication{Point: points[0].ID, Reason: segment.PointRollback})
		return err
	})
}

// truth returns the members of all segments, by ref and hash in their wire form.
func (w *world) truth() map[string]map[string]segment.Ops {
	w.t.Helper()
	all := map[string]map[string]segment.Ops{}
	for _, s := range w.store.Segments(envID) {
		members, err := w.store.Snapshot(envID, s.Ref())
		if err != nil {
			w.t.Fatal(err)
		}
		for c, err := range members.All(nil) {
			if err != nil {
				w.t.Fatal(err)
			}
			keep(all, s.Ref().String(), c.Hash.String(), c.Ops)
		}
	}
	return all
}

// keep lays operations over what is kept of a context in a ref.
func keep(all map[string]map[string]segment.Ops, ref, hash string, ops segment.Ops) {
	if all[ref] == nil {
		all[ref] = map[string]segment.Ops{}
	}
	all[ref][hash] = ops.Over(all[ref][hash]).Settled()
	if all[ref][hash] == 0 {
		delete(all[ref], hash)
	}
	if len(all[ref]) == 0 {
		delete(all, ref)
	}
}

// settle waits until relays may know everything.
func (w *world) settle() {
	w.t.Helper()
	head, err := w.store.Head(envID)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := w.feed.Await(ctx, envID, head); err != nil {
		w.t.Fatal(err)
	}
}

// relay keeps members as ld-relay 8 does (its package bigsegments): a patch is taken if it begins at the
// cursor, or if there is no cursor.
type relay struct {
	w       *world
	address string
	cursor  string
	members map[string]map[string]segment.Ops
	stream  *relayfeed.Stream
	old     []string // its cursors since the store was empty
}

func newRelay(w *world, address string) *relay {
	r := &relay{w: w, address: address}
	r.flush()
	w.t.Cleanup(r.leave)
	return r
}

// flush empties the relay's store.
func (r *relay) flush() {
	r.cursor, r.members, r.old = "", map[string]map[string]segment.Ops{}, nil
}

func (r *relay) leave() {
	if r.stream != nil {
		r.stream.Close()
		r.stream = nil
	}
}

type patch struct {
	EnvironmentID, SegmentID, Version, PreviousVersion string
	Changes                                            struct {
		Included, Excluded struct{ Add, Remove []string }
	}
}

// take takes the patches of an answer or an event. Of a store without a cursor anything is taken, but the
// server must not rely on it when it is asked.
func (r *relay) take(text []byte, asked bool) int {
	t := r.w.t
	t.Helper()
	var patches []patch
	if err := json.Unmarshal(text, &patches); err != nil {
		t.Fatalf("%v in %.200s", err, text)
	}
	before, n := r.cursor, 0
	for i, p := range patches {
		if p.PreviousVersion != r.cursor && (r.cursor != "" || asked) {
			t.Fatalf("patch %d of %d begins at %q, the relay stands at %q: a circle without end", i, len(patches), p.PreviousVersion, r.cursor)
		}
		changes := 0
		for _, part := range []struct {
			list []string
			ops  segment.Ops
		}{
			{p.Changes.Included.Add, segment.Include},
			{p.Changes.Included.Remove, segment.Uninclude},
			{p.Changes.Excluded.Add, segment.Exclude},
			{p.Changes.Excluded.Remove, segment.Unexclude},
		} {
			for _, h := range part.list {
				if _, ok := segment.ParseHash(h); !ok {
					t.Fatalf("%q is no hash", h)
				}
				keep(r.members, p.SegmentID, h, part.ops)
			}
			changes += len(part.list)
		}
		if changes > 2*relayfeed.MaxPatch || p.EnvironmentID != string(envID) || len(p.Version) > segment.MaxCursorBytes {
			t.Fatalf("patch of %d changes for %q leads to %q", changes, p.EnvironmentID, p.Version)
		}
		r.cursor, n = p.Version, n+changes
	}
	if len(text) > relayfeed.MaxBytes || n > 2*relayfeed.MaxChanges {
		t.Fatalf("%d bytes with %d changes at once", len(text), n)
	}
	if len(patches) > 0 && r.cursor == before {
		t.Fatalf("%d patches lead from %q to where they began: the same is asked for again", len(patches), before)
	}
	return len(patches)
}

// poll asks once, and reports whether the answer was empty.
func (r *relay) poll() (current bool) {
	r.w.t.Helper()
	p, err := r.w.feed.Poll(context.Background(), relayfeed.Peer{Address: r.address}, envID, r.cursor)
	if err != nil {
		r.w.t.Fatal(err)
	}
	return r.take(p.JSON, true) == 0
}

// connect polls, opens a stream, and polls again, until it stands where the stream begins.
func (r *relay) connect() {
	r.w.t.Helper()
	for r.leave(); ; r.leave() {
		for !r.poll() {
		}
		var err error
		if r.stream, err = r.w.feed.Subscribe(relayfeed.Peer{Address: r.address}, envID); err != nil {
			r.w.t.Fatal(err)
		}
		if r.poll() {
			return
		}
	}
}

// read takes what the stream has now, and connects anew if it has ended.
func (r *relay) read() {
	r.w.t.Helper()
	if r.stream == nil {
		r.connect()
	}
	for {
		m, err := r.stream.Next()
		switch {
		case errors.Is(err, relayfeed.ErrResync), errors.Is(err, relayfeed.ErrAsked), errors.Is(err, relayfeed.ErrClosed):
			r.connect()
		case err != nil:
			r.w.t.Fatal(err)
		case len(m.Bytes) > 0:
			r.take(m.Bytes[len("event: patch\ndata: "):len(m.Bytes)-2], false)
		case !m.Environment:
			return
		}
	}
}

// wantTruth demands that the relay keeps exactly the members there are, key by key.
func (r *relay) wantTruth() {
	r.w.t.Helper()
	want := r.w.truth()
	if !maps.EqualFunc(want, r.members, maps.Equal) {
		for ref := range r.members {
			if !maps.Equal(want[ref], r.members[ref]) {
				r.w.t.Errorf("relay %s holds %d of %s; %d are in it", r.address, len(r.members[ref]), ref, len(want[ref]))
			}
		}
		for ref := range want {
			if r.members[ref] == nil {
				r.w.t.Errorf("relay %s holds nobody of %s; %d are in it", r.address, ref, len(want[ref]))
			}
		}
	}
}
