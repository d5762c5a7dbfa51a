package roster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"muster/internal/segment"
)

// memoryBase is a membership in a map.
type memoryBase map[segment.Hash]segment.Change

func (m memoryBase) Range(first, last byte) iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		var all []segment.Change
		for _, c := range m {
			if c.Hash[0] >= first && c.Hash[0] <= last {
				all = append(all, c)
			}
		}
		slices.SortFunc(all, func(a, b segment.Change) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
		for _, c := range all {
			if !yield(c, nil) {
				return
			}
		}
	}
}

func (m memoryBase) Key(h segment.Hash) ([]byte, error) { return m[h].Key, nil }

// rosterBase is a membership in a roster.
type rosterBase struct{ *Roster }

func (r rosterBase) Key(h segment.Hash) ([]byte, error) { return r.Roster.Key(h) }

func tempScratch(tb testing.TB) func() (Scratch, error) {
	return func() (Scratch, error) { return os.CreateTemp(tb.TempDir(), "scratch") }
}

func key(i int) []byte { return fmt.Appendf(nil, "user-%015d", i) }

func TestABuiltRosterIsTheListOverItsBase(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		meaning := rapid.SampledFrom([]Meaning{Everybody, Joining, Leaving}).Draw(rt, "meaning")
		base := memoryBase{}
		for range rapid.IntRange(0, 60).Draw(rt, "members") {
			i := rapid.IntRange(0, 99).Draw(rt, "member")
			ops := rapid.SampledFrom([]segment.Ops{segment.Include, segment.Exclude, segment.Include | segment.Exclude}).Draw(rt, "ops")
			h := segment.HashOf(key(i))
			base[h] = segment.Change{Hash: h, Ops: ops, Key: key(i)}
		}
		b := NewBuilder(tempScratch(t))
		b.budget = int64(rapid.SampledFrom([]int{0, 1 << 10, residentBytes}).Draw(rt, "budget"))
		listed := map[segment.Hash]int{}
		sent := 0
		for range rapid.IntRange(1, 3).Draw(rt, "writers") {
			w := b.Writer()
			for _, i := range rapid.SliceOf(rapid.IntRange(0, 99)).Draw(rt, "keys") {
				if err := w.Append(key(i)); err != nil {
					rt.Fatal(err)
				}
				sent++
				listed[segment.HashOf(key(i))] = i
				if i%10 == 0 {
					if err := w.Close(); err != nil {
						rt.Fatal(err)
					}
				}
			}
			if err := w.Close(); err != nil {
				rt.Fatal(err)
			}
		}
		want, diff := expected(meaning, base, listed)
		diff.Unchanged += sent - len(listed)
		_, compared, err := b.Build(t.Context(), nil, meaning, base)
		if err != nil {
			rt.Fatal(err)
		}
		var out bytes.Buffer
		sum, built, err := b.Build(t.Context(), &out, meaning, base)
		if err != nil {
			rt.Fatal(err)
		}
		for name, got := range map[string]segment.Diff{"compared": compared, "built": built} {
			if got.Added != diff.Added || got.Removed != diff.Removed || got.Unchanged != diff.Unchanged {
				rt.Fatalf("%s: %+v, want %+v", name, got, diff)
			}
			if len(got.AddedKeys) != min(got.Added, segment.MaxDiffSamples) || len(got.RemovedKeys) != min(got.Removed, segment.MaxDiffSamples) {
				rt.Fatalf("%s: %d and %d samples of %+v", name, len(got.AddedKeys), len(got.RemovedKeys), diff)
			}
		}
		r, err := Open(out.Bytes())
		if err == nil {
			err = r.Verify()
		}
		if err != nil || sum.Entries != int64(len(want)) {
			rt.Fatalf("roster of %d entries, want %d: %v", sum.Entries, len(want), err)
		}
		for c, err := range r.All(nil) {
			if err != nil || c.Ops != want[c.Hash] || segment.HashOf(c.Key) != c.Hash {
				rt.Fatalf("%s is %04b with the key %q, want %04b: %v", c.Hash, c.Ops, c.Key, want[c.Hash], err)
			}
		}
		if err := b.Discard(); err != nil {
			rt.Fatal(err)
		}
	})
}

// expected is what a list means, in maps.
func expected(meaning Meaning, base memoryBase, listed map[segment.Hash]int) (map[segment.Hash]segment.Ops, segment.Diff) {
	want := map[segment.Hash]segment.Ops{}
	var d segment.Diff
	for h := range listed {
		in := base[h].Ops&segment.Include != 0
		switch {
		case meaning == Leaving && in:
			d.Removed++
		case meaning == Leaving || in:
			d.Unchanged++
		default:
			d.Added++
		}
		switch meaning {
		case Leaving:
			want[h] = segment.Uninclude
		default:
			want[h] = segment.Include
		}
	}
	if meaning != Everybody {
		return want, d
	}
	for h, c := range base {
		if _, ok := listed[h]; !ok && c.Ops&segment.Include != 0 {
			d.Removed++
		}
		if c.Ops&segment.Exclude != 0 {
			want[h] |= segment.Exclude
		}
	}
	return want, d
}

func TestLargeListsAreBuiltInSeveralGroupsPerPartition(t *testing.T) {
	const n = 300_000
	b := NewBuilder(tempScratch(t))
	b.budget = 1 << 20
	var writing sync.WaitGroup
	for part := range 3 {
		writing.Go(func() {
			w := b.Writer()
			for i := part; i < n; i += 3 {
				if err := w.Append(key(i)); err != nil {
					t.Error(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	writing.Wait()
	var out bytes.Buffer
	sum, diff, err := b.Build(t.Context(), &out, Everybody, memoryBase{})
	if err != nil || sum.Entries != n || diff.Added != n {
		t.Fatalf("%+v, %+v, %v", sum, diff, err)
	}
	r, err := Open(out.Bytes())
	if err == nil {
		err = r.Verify()
	}
	if err != nil {
		t.Fatal(err)
	}
	again, diff, err := b.Build(t.Context(), io.Discard, Everybody, rosterBase{r})
	if err != nil || again.Entries != n || diff.Unchanged != n || diff.Added+diff.Removed > 0 {
		t.Errorf("built over itself: %+v, %+v, %v", again, diff, err)
	}
	if err := b.Discard(); err != nil {
		t.Error(err)
	}
}

func TestKeysThatCanNeverBeAreRefused(t *testing.T) {
	w := NewBuilder(tempScratch(t)).Writer()
	for _, k := range [][]byte{nil, bytes.Repeat([]byte("x"), segment.MaxKeyBytes+1)} {
		if err := w.Append(k); err == nil {
			t.Errorf("a key of %d bytes was taken", len(k))
		}
	}
}

// brokenScratch fails after some writes.
type brokenScratch struct{ left int }

var errBroken = errors.New("no space left")

func (s *brokenScratch) WriteAt(p []byte, _ int64) (int, error) {
	if s.left--; s.left < 0 {
		return 0, errBroken
	}
	return len(p), nil
}
func (s *brokenScratch) ReadAt([]byte, int64) (int, error) { return 0, errBroken }
func (s *brokenScratch) Close() error                      { return nil }

func TestAFailingScratchFileIsReported(t *testing.T) {
	b := NewBuilder(func() (Scratch, error) { return &brokenScratch{left: 1 << 20}, nil })
	b.budget = 0
	w := b.Writer()
	for i := range 1000 {
		if err := w.Append(key(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Build(t.Context(), io.Discard, Joining, memoryBase{}); !errors.Is(err, errBroken) {
		t.Errorf("reading back: %v", err)
	}
	b = NewBuilder(func() (Scratch, error) { return &brokenScratch{left: 2}, nil })
	b.budget = 0
	w = b.Writer()
	for i := range 1000 {
		if err := w.Append(key(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); !errors.Is(err, errBroken) {
		t.Errorf("writing: %v", err)
	}
}

func TestABuildEndsWithItsContext(t *testing.T) {
	b := NewBuilder(tempScratch(t))
	w := b.Writer()
	for i := range 1000 {
		if err := w.Append(key(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := b.Build(ctx, io.Discard, Joining, memoryBase{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// BenchmarkBuild takes keys of 20 bytes from a list in no order to a roster on disk.
func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{1_000_000, 10_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				builder := NewBuilder(tempScratch(b))
				var writing sync.WaitGroup
				for part := range 2 {
					writing.Go(func() {
						w := builder.Writer()
						k := key(0)
						for i := part; i < n; i += 2 {
							for p, v := len(k)-1, i; v > 0; p, v = p-1, v/10 {
								k[p] = byte('0' + v%10)
							}
							if err := w.Append(k); err != nil {
								b.Error(err)
							}
						}
						if err := w.Close(); err != nil {
							b.Error(err)
						}
					})
				}
				writing.Wait()
				out, err := os.Create(b.TempDir() + "/roster")
				if err != nil {
					b.Fatal(err)
				}
				sum, _, err := builder.Build(b.Context(), out, Everybody, memoryBase{})
				if err != nil || sum.Entries != int64(n) {
					b.Fatal(sum, err)
				}
				if err := errors.Join(out.Sync(), out.Close(), builder.Discard()); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(sum.Bytes)/float64(n), "B/member")
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "members/s")
		})
	}
}
