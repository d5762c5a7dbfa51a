// Package sinktest holds the contract of the stores that muster keeps current as tests, and what tests of sinks
// need: a muster without a transport, Redis processes, and connections that break.
//
// It is never linked into the binary.
package sinktest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"muster/internal/segment"
	"muster/internal/sink"
	"muster/internal/store"
)

// Open returns a target for a prefix in one store, whose end is that of the test.
type Open func(t testing.TB, prefix string) sink.Target

// Contract checks that a target keeps its promises.
func Contract(t *testing.T, open Open) {
	for i, c := range []struct {
		name string
		run  func(*testing.T, sink.Target, func() sink.Target)
	}{
		{"Nothing is there at first", testEmpty},
		{"Changes are absolute and of both sets", testApply},
		{"A full batch is written and read, several at once", testBatches},
		{"A context that is replaced holds that and nothing else", testReplace},
		{"One of several writers that expect the same marker succeeds", testMark},
		{"The time of synchronization is what was marked", testSynchronized},
		{"A scan finds everybody and says what they hold", testScan},
		{"Places with other prefixes are other places", testPrefixes(open)},
		{"Definitions are written, whole and in part", testDefine},
		{"A check leaves nothing behind", testCheck},
		{"Calls end with their context", testContext},
	} {
		t.Run(c.name, func(t *testing.T) {
			prefix := fmt.Sprintf("contract-%d-[x]*", i)
			c.run(t, open(t, prefix), func() sink.Target { return open(t, prefix) })
		})
	}
}

var (
	vip  = segment.Ref{Key: "vip", Generation: 1}
	dots = segment.Ref{Key: "a.b.g7", Generation: 12}
)

func hashOf(n int) segment.Hash { return segment.HashOf(fmt.Sprint("member ", n)) }

func apply(t testing.TB, to sink.Target, changes ...store.RefChange) {
	t.Helper()
	if err := to.Apply(t.Context(), changes); err != nil {
		t.Fatalf("apply %v: %v", changes, err)
	}
}

func lookup(t testing.TB, in sink.Target, hashes ...segment.Hash) []sink.Held {
	t.Helper()
	held, err := in.Lookup(t.Context(), hashes)
	if err != nil {
		t.Fatalf("look up %v: %v", hashes, err)
	}
	if len(held) != len(hashes) {
		t.Fatalf("%d contexts were asked for and %d found", len(hashes), len(held))
	}
	for i := range held {
		if held[i].Hash != hashes[i] {
			t.Fatalf("context %d is %s, want %s", i, held[i].Hash, hashes[i])
		}
		sortHeld(&held[i])
	}
	return held
}

func sortHeld(h *sink.Held) {
	for _, refs := range [][]segment.Ref{h.Included, h.Excluded} {
		slices.SortFunc(refs, func(a, b segment.Ref) int {
			return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Generation, b.Generation))
		})
	}
}

func wantHeld(t testing.TB, h sink.Held, included, excluded []segment.Ref) {
	t.Helper()
	if !slices.Equal(h.Included, included) || !slices.Equal(h.Excluded, excluded) || h.Foreign != 0 {
		t.Errorf("%s is included in %v and excluded from %v, with %d texts that are no refs; want %v and %v",
			h.Hash, h.Included, h.Excluded, h.Foreign, included, excluded)
	}
}

func look(t testing.TB, at sink.Target) sink.Look {
	t.Helper()
	seen, err := at.Look(t.Context())
	if err != nil {
		t.Fatalf("look: %v", err)
	}
	return seen
}

func testEmpty(t *testing.T, to sink.Target, _ func() sink.Target) {
	if seen := look(t, to); seen.Marker != "" || !seen.Synchronized.IsZero() {
		t.Errorf("an empty store has marker %q and time %v", seen.Marker, seen.Synchronized)
	}
	wantHeld(t, lookup(t, to, hashOf(1))[0], nil, nil)
	if held := scan(t, to); len(held) != 0 {
		t.Errorf("a scan of an empty store finds %v", held)
	}
	apply(t, to)
	traits := to.Traits()
	if traits.Batch < 1 || traits.Ahead < 1 || traits.LookEvery <= 0 || traits.LookEvery > 10*time.Second {
		t.Errorf("traits are %+v", traits)
	}
}

func testApply(t *testing.T, to sink.Target, _ func() sink.Target) {
	a, b := hashOf(1), hashOf(2)
	for range 2 {
		apply(t, to, store.RefChange{Ref: vip, Hash: a, Ops: segment.Include}, store.RefChange{Ref: dots, Hash: a, Ops: segment.Include | segment.Exclude},
			store.RefChange{Ref: vip, Hash: b, Ops: segment.Exclude})
		held := lookup(t, to, b, hashOf(3), a)
		wantHeld(t, held[2], []segment.Ref{dots, vip}, []segment.Ref{dots})
		wantHeld(t, held[1], nil, nil)
		wantHeld(t, held[0], nil, []segment.Ref{vip})
	}
	for range 2 {
		apply(t, to, store.RefChange{Ref: dots, Hash: a, Ops: segment.Uninclude | segment.Exclude}, store.RefChange{Ref: vip, Hash: b, Ops: segment.Include | segment.Unexclude},
			store.RefChange{Ref: vip, Hash: hashOf(3), Ops: segment.Uninclude | segment.Unexclude})
		held := lookup(t, to, a, b, hashOf(3))
		wantHeld(t, held[0], []segment.Ref{vip}, []segment.Ref{dots})
		wantHeld(t, held[1], []segment.Ref{vip}, nil)
		wantHeld(t, held[2], nil, nil)
	}
	apply(t, to, store.RefChange{Ref: vip, Hash: a, Ops: segment.Uninclude}, store.RefChange{Ref: dots, Hash: a, Ops: segment.Unexclude})
	wantHeld(t, lookup(t, to, a)[0], nil, nil)
}

func testBatches(t *testing.T, to sink.Target, _ func() sink.Target) {
	traits := to.Traits()
	errs := make(chan error, traits.Ahead)
	for n := range traits.Ahead {
		go func() {
			changes := make([]store.RefChange, traits.Batch)
			for i := range changes {
				changes[i] = store.RefChange{Ref: vip, Hash: hashOf(n*traits.Batch + i), Ops: segment.Include}
			}
			errs <- to.Apply(t.Context(), changes)
		}()
	}
	for range traits.Ahead {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	for n := range traits.Ahead {
		hashes := make([]segment.Hash, traits.Batch)
		for i := range hashes {
			hashes[i] = hashOf(n*traits.Batch + i)
		}
		for _, h := range lookup(t, to, hashes...) {
			wantHeld(t, h, []segment.Ref{vip}, nil)
		}
	}
}

// testReplace is about targets that can do it.
func testReplace(t *testing.T, to sink.Target, _ func() sink.Target) {
	whole, ok := to.(sink.Replacer)
	if !ok {
		return
	}
	a, b, c := hashOf(1), hashOf(2), hashOf(3)
	apply(t, to, store.RefChange{Ref: vip, Hash: a, Ops: segment.Include | segment.Exclude}, store.RefChange{Ref: dots, Hash: b, Ops: segment.Include})
	all := []sink.Held{{Hash: a, Included: []segment.Ref{dots}}, {Hash: b}, {Hash: c, Included: []segment.Ref{vip, dots}, Excluded: []segment.Ref{dots}}}
	for i := range to.Traits().Batch - len(all) {
		all = append(all, sink.Held{Hash: hashOf(1000 + i), Excluded: []segment.Ref{vip}})
	}
	for range 2 {
		if err := whole.Replace(t.Context(), all); err != nil {
			t.Fatal(err)
		}
		held := lookup(t, to, a, b, c, hashOf(1000), hashOf(1000+to.Traits().Batch-len(all[:3])-1))
		wantHeld(t, held[0], []segment.Ref{dots}, nil)
		wantHeld(t, held[1], nil, nil)
		wantHeld(t, held[2], []segment.Ref{dots, vip}, []segment.Ref{dots})
		wantHeld(t, held[3], nil, []segment.Ref{vip})
		wantHeld(t, held[4], nil, []segment.Ref{vip})
	}
	if n := len(scan(t, to)); n != len(all)-1 {
		t.Errorf("a scan finds %d contexts, want %d", n, len(all)-1)
	}
	if err := whole.Replace(t.Context(), nil); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := whole.Replace(ctx, all); !errors.Is(err, context.Canceled) {
		t.Errorf("a call whose context has ended returns %v", err)
	}
}

func testMark(t *testing.T, to sink.Target, again func() sink.Target) {
	ctx, other := t.Context(), again()
	if err := to.Mark(ctx, "", "one", time.Time{}); err != nil {
		t.Fatal(err)
	}
	if seen := look(t, other); seen.Marker != "one" || !seen.Synchronized.IsZero() {
		t.Errorf("after a marker without a time there is %+v", seen)
	}
	for _, was := range []string{"", "two"} {
		if err := other.Mark(ctx, was, "three", time.Now()); !errors.Is(err, sink.ErrMoved) {
			t.Errorf("who expects %q gets %v", was, err)
		}
	}
	if seen := look(t, to); seen.Marker != "one" || !seen.Synchronized.IsZero() {
		t.Errorf("who expected another marker left %+v", seen)
	}
	const writers = 8
	errs := make(chan error, writers)
	for i := range writers {
		go func() { errs <- []sink.Target{to, other}[i%2].Mark(ctx, "one", fmt.Sprint("by ", i), time.Time{}) }()
	}
	won := 0
	for range writers {
		switch err := <-errs; {
		case err == nil:
			won++
		case !errors.Is(err, sink.ErrMoved):
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d writers replaced the same marker", won, writers)
	}
	long := make([]byte, sink.MaxMarkerBytes)
	for i := range long {
		long[i] = byte('!' + i%90)
	}
	if err := to.Mark(ctx, look(t, to).Marker, string(long), time.Time{}); err != nil || look(t, other).Marker != string(long) {
		t.Errorf("a long marker: %v", err)
	}
	if err := to.Mark(ctx, string(long), "", time.Time{}); err != nil || look(t, other).Marker != "" {
		t.Errorf("no marker in place of one: %v", err)
	}
}

func testSynchronized(t *testing.T, to sink.Target, again func() sink.Target) {
	at := time.UnixMilli(1767000000123)
	marker := ""
	for i := range 3 {
		next := fmt.Sprint("marker ", i)
		if err := to.Mark(t.Context(), marker, next, at.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
		marker = next
		if seen := look(t, again()); !seen.Synchronized.Equal(at.Add(time.Duration(i)*time.Second)) || seen.Marker != next {
			t.Errorf("after mark %d there is %+v", i, seen)
		}
	}
	if err := to.Mark(t.Context(), marker, "last", time.Time{}); err != nil {
		t.Fatal(err)
	}
	if seen := look(t, to); !seen.Synchronized.Equal(at.Add(2 * time.Second)) {
		t.Errorf("a mark without a time left %v", seen.Synchronized)
	}
}

// scan returns everything that a scan finds, which must be the same each time it is found.
func scan(t testing.TB, to sink.Target) map[segment.Hash]sink.Held {
	t.Helper()
	all, err := scanned(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func scanned(ctx context.Context, to sink.Target) (map[segment.Hash]sink.Held, error) {
	all := make(map[segment.Hash]sink.Held)
	for from := ""; ; {
		part, next, err := to.Scan(ctx, from)
		if err != nil {
			return nil, fmt.Errorf("scan from %q: %w", from, err)
		}
		for _, h := range part {
			sortHeld(&h)
			all[h.Hash] = h
		}
		if from = next; next == "" {
			return all, nil
		}
	}
}

func testScan(t *testing.T, to sink.Target, _ func() sink.Target) {
	n := min(3000, 2*to.Traits().Batch+100)
	for changes := range slices.Chunk(func() (all []store.RefChange) {
		for i := range n {
			ops := segment.Include
			if i%3 == 0 {
				ops = segment.Exclude
			}
			all = append(all, store.RefChange{Ref: vip, Hash: hashOf(i), Ops: ops})
		}
		return all
	}(), to.Traits().Batch) {
		apply(t, to, changes...)
	}
	if err := to.Mark(t.Context(), "", "marker", time.Now()); err != nil {
		t.Fatal(err)
	}
	all := scan(t, to)
	if len(all) != n {
		t.Errorf("a scan finds %d contexts, want %d", len(all), n)
	}
	for i := range n {
		included, excluded := []segment.Ref{vip}, []segment.Ref(nil)
		if i%3 == 0 {
			included, excluded = excluded, included
		}
		wantHeld(t, all[hashOf(i)], included, excluded)
	}
}

func testPrefixes(open Open) func(*testing.T, sink.Target, func() sink.Target) {
	return func(t *testing.T, to sink.Target, _ func() sink.Target) {
		other := open(t, "contract-elsewhere")
		h := hashOf(1)
		apply(t, to, store.RefChange{Ref: vip, Hash: h, Ops: segment.Include})
		if err := to.Mark(t.Context(), "", "mine", time.Now()); err != nil {
			t.Fatal(err)
		}
		if seen := look(t, other); seen.Marker != "" || !seen.Synchronized.IsZero() {
			t.Errorf("another prefix has %+v", seen)
		}
		wantHeld(t, lookup(t, other, h)[0], nil, nil)
		apply(t, other, store.RefChange{Ref: vip, Hash: hashOf(2), Ops: segment.Include})
		if all := scan(t, to); len(all) != 1 {
			t.Errorf("a scan finds %v", all)
		}
	}
}

func definition(kind segment.DefinitionKind, key string, version int) segment.Definition {
	return segment.Definition{Kind: kind, Key: key, Version: version, JSON: fmt.Appendf(nil, `{"key":%q,"version":%d}`, key, version)}
}

func testDefine(t *testing.T, to sink.Target, _ func() sink.Target) {
	all := []segment.Definition{
		definition(segment.FlagDefinition, "f", 1), definition(segment.FlagDefinition, "g", 1), definition(segment.SegmentDefinition, "f", 3),
	}
	for i, step := range []struct {
		definitions []segment.Definition
		whole       bool
	}{
		{all, true},
		{[]segment.Definition{definition(segment.FlagDefinition, "f", 2), {Kind: segment.FlagDefinition, Key: "g", Version: 2}}, false},
		{all[:1], true},
		{nil, false},
	} {
		for range 2 {
			if err := to.Define(t.Context(), step.definitions, step.whole); err != nil {
				t.Errorf("step %d: %v", i, err)
			}
		}
	}
}

func testCheck(t *testing.T, to sink.Target, _ func() sink.Target) {
	if err := to.Mark(t.Context(), "", "mine", time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := to.Check(t.Context()); err != nil {
		t.Fatalf("check: %v", err)
	}
	if seen := look(t, to); seen.Marker != "mine" {
		t.Errorf("a check left %+v", seen)
	}
	if all := scan(t, to); len(all) != 0 {
		t.Errorf("a check left %v", all)
	}
}

func testContext(t *testing.T, to sink.Target, _ func() sink.Target) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := to.Apply(ctx, []store.RefChange{{Ref: vip, Hash: hashOf(1), Ops: segment.Include}}); !errors.Is(err, context.Canceled) {
		t.Errorf("a call whose context has ended returns %v", err)
	}
	apply(t, to, store.RefChange{Ref: vip, Hash: hashOf(1), Ops: segment.Include})
}
