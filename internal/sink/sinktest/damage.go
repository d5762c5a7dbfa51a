package sinktest

import (
	"context"
	"slices"
	"testing"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/sink"
	"muster/internal/store"
)

// scratched are files of which some have a byte that is not as it was written.
type scratched struct {
	store.Files
	ids map[store.FileID]bool
}

// Open implements [store.Files].
func (s scratched) Open(ctx context.Context, id store.FileID) (store.File, error) {
	f, err := s.Files.Open(ctx, id)
	if err != nil || !s.ids[id] {
		return f, err
	}
	b := slices.Clone(f.Bytes())
	b[min(200, len(b)-1)] ^= 1
	return scratch(b), f.Close()
}

type scratch []byte

// Bytes implements [store.File].
func (s scratch) Bytes() []byte { return s }

// Close implements [store.File].
func (s scratch) Close() error { return nil }

// Scratch writes all members into rosters, spoils a byte in each of these, as a bad block does, and begins anew.
func (w *World) Scratch() {
	w.t.Helper()
	if err := w.Store.Fold(context.Background(), EnvID); err != nil {
		w.t.Fatal(err)
	}
	w.scratched = make(map[store.FileID]bool)
	for id, err := range w.files.List(context.Background()) {
		if err != nil {
			w.t.Fatal(err)
		}
		w.scratched[id] = true
	}
	w.Restart()
}

// FillOverDamage checks what a store is told that is filled while the members of a segment can't be read: what the log
// knows of them, and that it is not complete. The world has the segments "vip" and "beta", and no sink.
func FillOverDamage(t *testing.T, w *World, s *catalog.Sink, secrets sink.Secrets, target sink.Target) {
	for n := 0; n < 1000; n += 100 {
		w.Push("vip", segment.Include, Range(n, n+100)...)
	}
	w.Push("vip", segment.Uninclude, Range(0, 50)...)
	w.Scratch()
	w.Push("beta", segment.Include, Range(900, 1200)...)
	var old []store.RefChange // from before
	for n := range 20 {
		old = append(old, store.RefChange{Ref: vip, Hash: hashOf(n), Ops: segment.Include})
	}
	apply(t, target, old...)

	id := w.PutSink(s, secrets)
	w.Until("everything that can be read is told", func() bool {
		head, err := w.Store.Head(EnvID)
		if err != nil {
			t.Fatal(err)
		}
		st := w.Status(id)
		return st.State == sink.Current && st.Damage != "" && st.Revision == head
	})
	if w.Status(id).Complete || !look(t, target).Synchronized.IsZero() {
		t.Error("a store that lacks what can't be read is called complete")
	}
	beta := segment.Ref{Key: "beta", Generation: 1}
	held := scan(t, target)
	for n := range 1200 {
		var want []segment.Ref
		if n >= 900 {
			want = append(want, beta)
		}
		if n >= 50 && n < 1000 {
			want = append(want, vip)
		}
		if got := held[hashOf(n)].Included; !slices.Equal(got, want) {
			t.Fatalf("member %d is included in %v, want %v", n, got, want)
		}
	}

	w.Replace("vip", Range(200, 300)...) // a whole list heals it
	if err := w.Keeper.Rebuild(id, false); err != nil {
		t.Fatal(err)
	}
	w.Caught(id)
	w.Becomes(target, "vip", "beta")
	if st := w.Status(id); st.Damage != "" {
		t.Errorf("after that the damage is %q", st.Damage)
	}
}
