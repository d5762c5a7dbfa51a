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
	"sync/atomic"
	"testing"
	"time"

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

func (m memoryBase) Find(h *segment.Hash) (segment.Ops, error) { return m[*h].Ops, nil }

func (m memoryBase) Len() int64 { return int64(len(m)) }

func (m memoryBase) Key(h segment.Hash) ([]byte, error) { return m[h].Key, nil }

// hugeBase is a membership of which any list is a small part.
type hugeBase struct{ memoryBase }

func (hugeBase) Len() int64 { return 1 << 40 }

// rosterBase is a membership in a roster.
type rosterBase struct{ *Roster }

func (r rosterBase) Find(h *segment.Hash) (segment.Ops, error) {
	ops, _, err := r.Roster.Find(*h)
	return ops, err
}

func (r rosterBase) Key(h segment.Hash) ([]byte, error) { return r.Roster.Key(h) }

func tempScratch(tb testing.TB) func() (Scratch, error) {
	return func() (Scratch, error) { return os.CreateTemp(tb.TempDir(), "scratch") }
}

func key(i int) []byte { return fmt.Appendf(nil, "user-%015d", i) }

func TestABuiltRosterIsTheListOverItsBase(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		meaning := rapid.SampledFrom([]Meaning{Everybody, Joining, Leaving}).Draw(rt, "meaning")
		members := memoryBase{}
		base := rapid.SampledFrom([]Base{members, hugeBase{members}}).Draw(rt, "base")
		for range rapid.IntRange(0, 60).Draw(rt, "members") {
			i := rapid.IntRange(0, 99).Draw(rt, "member")
			ops := rapid.SampledFrom([]segment.Ops{segment.Include, segment.Exclude, segment.Include | segment.Exclude}).Draw(rt, "ops")
			h := segment.HashOf(key(i))
			members[h] = segment.Change{Hash: h, Ops: ops, Key: key(i)}
		}
		b := NewBuilder(NewMemory(rapid.SampledFrom([]int64{0, 1 << 10, 1 << 30}).Draw(rt, "memory")), 2, tempScratch(t))
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
		want, diff := expected(meaning, members, listed)
		diff.Unchanged += sent - len(listed)
		_, compared, err := b.Build(t.Context(), nil, meaning, base, 0)
		if err != nil {
			rt.Fatal(err)
		}
		var out bytes.Buffer
		few := rapid.SampledFrom([]int64{0, 1 << 40}).Draw(rt, "few")
		if few > 0 && meaning == Everybody {
			want = changes(want, members)
		}
		sum, built, err := b.Build(t.Context(), &out, meaning, base, few)
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
			known := c.Ops == segment.Uninclude && meaning == Everybody || segment.HashOf(c.Key) == c.Hash
			if err != nil || c.Ops != want[c.Hash] || !known {
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

// changes are what makes one membership another.
func changes(after map[segment.Hash]segment.Ops, before memoryBase) map[segment.Hash]segment.Ops {
	all := map[segment.Hash]segment.Ops{}
	for h, ops := range after {
		if ops&^before[h].Ops != 0 {
			all[h] = ops &^ before[h].Ops
		}
	}
	for h, c := range before {
		if c.Ops&^after[h] != 0 {
			all[h] = segment.Uninclude
		}
	}
	return all
}

func TestAListThatDiffersLittleBecomesChanges(t *testing.T) {
	const n, moved = 200_000, 2_000
	build := func(from int, base Base, few int64) (*Roster, segment.Diff) {
		b := NewBuilder(NewMemory(1<<30), 2, tempScratch(t))
		w := b.Writer()
		for i := from; i < from+n; i++ {
			if err := w.Append(key(i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		_, diff, err := b.Build(t.Context(), &out, Everybody, base, few)
		if err = errors.Join(err, b.Discard()); err != nil {
			t.Fatal(err)
		}
		r, err := Open(out.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		return r, diff
	}
	whole, _ := build(0, memoryBase{}, n)
	if whole.Kind() != Full || whole.Len() != n {
		t.Fatalf("a first list is of kind %d with %d entries", whole.Kind(), whole.Len())
	}
	for few, kind := range map[int64]Kind{3 * moved: Partial, moved: Full} {
		r, diff := build(moved, rosterBase{whole}, few)
		if r.Kind() != kind || diff.Added != moved || diff.Removed != moved {
			t.Errorf("up to %d changes make a roster of kind %d with %d entries: %+v", few, r.Kind(), r.Len(), diff)
		}
		if kind == Partial && r.Len() != 2*moved {
			t.Errorf("%d changes, want %d", r.Len(), 2*moved)
		}
	}
}

func TestLargeListsAreBuiltByManyAtOnce(t *testing.T) {
	const n = 400_000
	b := NewBuilder(NewMemory(1<<20), 2, tempScratch(t))
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
	sum, diff, err := b.Build(t.Context(), &out, Everybody, memoryBase{}, 0)
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
	again, diff, err := b.Build(t.Context(), io.Discard, Everybody, rosterBase{r}, 0)
	if err != nil || again.Entries != n || diff.Unchanged != n || diff.Added+diff.Removed > 0 {
		t.Errorf("built over itself: %+v, %+v, %v", again, diff, err)
	}
	if err := b.Discard(); err != nil {
		t.Error(err)
	}
}

func TestGroupsOfALargePartitionAreOfOneSize(t *testing.T) {
	const n = 100_000 // in the partition of byte 7, few in all others
	b := NewBuilder(NewMemory(1<<20), 2, tempScratch(t))
	w := b.Writer()
	for i := range n {
		h := segment.HashOf(key(i))
		h[0] = 7
		if err := w.AppendHash(h, nil); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 1000 {
		if err := w.Append(key(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, _, err := b.Build(t.Context(), &out, Everybody, memoryBase{}, 0); err != nil {
		t.Fatal(err)
	}
	r := open(t, out.Bytes())
	if err := r.Verify(); err != nil {
		t.Fatal(err)
	}
	groups, least := 0, n
	for _, g := range r.groups {
		if g.first[0] == 7 && g.high>>56 == 7 {
			groups++
			least = min(least, g.n)
		}
	}
	if groups != 4 || least < n/4 || len(r.groups) > 6 {
		t.Errorf("the partition lies in %d of %d groups, the least of %d", groups, len(r.groups), least)
	}
	if err := b.Discard(); err != nil {
		t.Error(err)
	}
}

func TestKeysThatCanNeverBeAreRefused(t *testing.T) {
	w := NewBuilder(NewMemory(0), 2, tempScratch(t)).Writer()
	for _, k := range [][]byte{nil, bytes.Repeat([]byte("x"), segment.MaxKeyBytes+1)} {
		if err := w.Append(k); err == nil {
			t.Errorf("a key of %d bytes was taken", len(k))
		}
	}
}

// scratchDisk is a disk on which only so many more operations succeed. It counts open files.
type scratchDisk struct {
	left atomic.Int64
	open atomic.Int64
}

func (d *scratchDisk) use() error {
	if d.left.Add(-1) < 0 {
		return errFull
	}
	return nil
}

func (d *scratchDisk) scratch(tb testing.TB) func() (Scratch, error) {
	return func() (Scratch, error) {
		if err := d.use(); err != nil {
			return nil, err
		}
		f, err := os.CreateTemp(tb.TempDir(), "scratch")
		d.open.Add(1)
		return scratchFile{d, f}, err
	}
}

type scratchFile struct {
	d *scratchDisk
	f *os.File
}

func (f scratchFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.d.use(); err != nil {
		return 0, err
	}
	return f.f.WriteAt(p, off)
}

func (f scratchFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.d.use(); err != nil {
		return 0, err
	}
	return f.f.ReadAt(p, off)
}

func (f scratchFile) Close() error {
	f.d.open.Add(-1)
	return f.f.Close()
}

func appendKeys(b *Builder, from, to int) error {
	w := b.Writer()
	for i := from; i < to; i++ {
		if err := w.Append(key(i)); err != nil {
			return err
		}
	}
	return w.Close()
}

func TestEveryFailureOfTheScratchFileIsReported(t *testing.T) {
	for n := int64(0); ; n++ {
		var d scratchDisk
		d.left.Store(n)
		memory := NewMemory(4 << 10)
		b := NewBuilder(memory, 2, d.scratch(t))
		err := appendKeys(b, 0, 300)
		if err == nil {
			_, _, err = b.Build(t.Context(), io.Discard, Joining, memoryBase{}, 0)
		}
		left := d.left.Load()
		if (err != nil) != (left < 0) || err != nil && !errors.Is(err, errFull) {
			t.Fatalf("after %d operations: %v", n, err)
		}
		if err := b.Discard(); err != nil || d.open.Load() != 0 || memory.left.Load() != 4<<10 {
			t.Fatalf("after %d operations: discarded with %v, %d files are open and %d bytes are free", n, err, d.open.Load(), memory.left.Load())
		}
		if left >= 0 {
			return
		}
	}
}

func TestEveryFailureOfTheOutputIsReported(t *testing.T) {
	b := NewBuilder(NewMemory(1<<30), 2, tempScratch(t))
	if err := appendKeys(b, 0, 20_000); err != nil {
		t.Fatal(err)
	}
	var whole bytes.Buffer
	if _, _, err := b.Build(t.Context(), &whole, Joining, memoryBase{}, 0); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < whole.Len(); n += whole.Len() / 10 {
		disk := fullDisk(n)
		if _, _, err := b.Build(t.Context(), &disk, Joining, memoryBase{}, 0); !errors.Is(err, errFull) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
	if err := b.Discard(); err != nil {
		t.Error(err)
	}
}

func TestADiscardedListTakesNoMore(t *testing.T) {
	for name, memory := range map[string]int64{"in memory": 1 << 20, "in the scratch file": 0} {
		t.Run(name, func(t *testing.T) {
			var d scratchDisk
			d.left.Store(1 << 30)
			m := NewMemory(memory)
			b := NewBuilder(m, 2, d.scratch(t))
			w := b.Writer()
			if err := w.Append(key(1)); err != nil {
				t.Fatal(err)
			}
			if err := b.Discard(); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); !errors.Is(err, errDiscarded) {
				t.Errorf("closing a writer of a discarded list: %v", err)
			}
			if d.open.Load() != 0 || m.left.Load() != memory {
				t.Errorf("%d files are open, %d bytes are free", d.open.Load(), m.left.Load())
			}
		})
	}
}

// endingBase is a base in the middle of which a context ends.
type endingBase struct {
	Base
	end func()
}

func (b endingBase) Range(first, last byte) iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		for c, err := range b.Base.Range(first, last) {
			if c.Hash[0] == 100 {
				b.end()
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

func TestABuildEndsWithItsContext(t *testing.T) {
	b := NewBuilder(NewMemory(1<<30), 2, tempScratch(t))
	if err := appendKeys(b, 0, 100_000); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := b.Build(ctx, io.Discard, Joining, memoryBase{}, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
	members := memoryBase{}
	for i := range 1000 {
		members[segment.HashOf(key(i))] = segment.Change{Hash: segment.HashOf(key(i)), Ops: segment.Include}
	}
	ctx, cancel = context.WithCancel(t.Context())
	if _, _, err := b.Build(ctx, io.Discard, Everybody, endingBase{members, cancel}, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ends meanwhile: %v", err)
	}
	if err := b.Discard(); err != nil {
		t.Error(err)
	}
}

// BenchmarkBuild takes keys of 20 bytes from a list in no order to a roster on disk.
func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{1_000_000, 10_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var appending time.Duration
			before := cpuTime(b)
			for b.Loop() {
				begun := time.Now()
				builder := NewBuilder(NewMemory(64<<20), 2, tempScratch(b))
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
				appending += time.Since(begun)
				out, err := os.Create(b.TempDir() + "/roster")
				if err != nil {
					b.Fatal(err)
				}
				sum, _, err := builder.Build(b.Context(), out, Everybody, memoryBase{}, 0)
				if err != nil || sum.Entries != int64(n) {
					b.Fatal(sum, err)
				}
				if err := errors.Join(out.Sync(), out.Close(), builder.Discard()); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(sum.Bytes)/float64(n), "B/member")
			}
			members := float64(n) * float64(b.N)
			b.ReportMetric(members/b.Elapsed().Seconds(), "members/s")
			b.ReportMetric(float64(appending)/members, "append-ns/member")
			b.ReportMetric(float64(cpuTime(b)-before)/members, "cpu-ns/member")
		})
	}
}
