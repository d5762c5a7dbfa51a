//go:build unix

package engine_test

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

// onDisk opens a store in a folder of the real disk.
func onDisk(b *testing.B) *disk {
	b.Helper()
	d := &disk{fs: vfs.Default, dir: b.TempDir(), o: engine.Options{Logger: slog.New(slog.DiscardHandler)}}
	d.open(b)
	b.Cleanup(func() { d.close(b) })
	d.found(b)
	return d
}

// cpu reports the processor time per operation from now on, which other work on the machine does
// not change as it does the time that passes.
func cpu(b *testing.B) (report func(n int)) {
	begun := cpuTime(b)
	return func(n int) { b.ReportMetric(float64(cpuTime(b)-begun)/float64(n), "cpu-ns/op") }
}

func cpuTime(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (d *disk) push(tb testing.TB, k segment.Key, from, n int) {
	c := &segment.Changes{}
	for i := from; i < from+n; i++ {
		c.Append(userKey(i), segment.Include)
	}
	d.pushChanges(tb, k, c)
}

func (d *disk) pushChanges(tb testing.TB, k segment.Key, c *segment.Changes) {
	st, err := d.Stage(tb.Context(), c)
	if err != nil {
		tb.Error(err)
		return
	}
	if _, err := d.Update(tb.Context(), store.Scope{Env: testEnv}, func(tx store.Tx) error {
		_, err := tx.Apply(testEnv, k, st)
		return err
	}); err != nil {
		tb.Error(err)
	}
}

func BenchmarkCommit(b *testing.B) {
	for _, tt := range []struct{ callers, members int }{{1, 1}, {1, 1000}, {32, 1000}, {4, 10_000}} {
		b.Run(fmt.Sprintf("callers=%d/members=%d", tt.callers, tt.members), func(b *testing.B) {
			d := onDisk(b)
			var work sync.WaitGroup
			next := make(chan int)
			report := cpu(b)
			b.ResetTimer()
			for range tt.callers {
				work.Go(func() {
					for i := range next {
						d.push(b, "vip", i*tt.members, tt.members)
					}
				})
			}
			for i := range b.N {
				next <- i
			}
			close(next)
			work.Wait()
			report(b.N)
			b.ReportMetric(float64(b.N*tt.members)/b.Elapsed().Seconds(), "members/s")
		})
	}
}

// BenchmarkCommitToMany commits to many segments in turn, with and without an index of their tables.
func BenchmarkCommitToMany(b *testing.B) {
	const segments = 300
	for _, members := range []int{1, 1000, 10_000} {
		for _, indexed := range []bool{false, true} {
			b.Run(fmt.Sprintf("members=%d/indexed=%t", members, indexed), func(b *testing.B) {
				d := &disk{fs: vfs.Default, dir: b.TempDir(), o: engine.Options{Logger: slog.New(slog.DiscardHandler), HintInterval: time.Hour}}
				d.open(b)
				b.Cleanup(func() { d.close(b) })
				d.found(b)
				d.putUnbounded(b, segments)
				if indexed {
					d.Index(testEnv)
				}
				report := cpu(b)
				b.ResetTimer()
				for i := range b.N {
					d.push(b, segmentKey(i%segments), i/20*members, members)
				}
				report(b.N)
				b.ReportMetric(float64(b.N*members)/b.Elapsed().Seconds(), "members/s")
			})
		}
	}
}

func BenchmarkEach(b *testing.B) {
	for _, folded := range []bool{false, true} {
		for _, segments := range []int{20, 300, 1000} {
			b.Run(fmt.Sprintf("folded=%t/segments=%d", folded, segments), func(b *testing.B) {
				d := newDisk(b, engine.Options{Logger: slog.New(slog.DiscardHandler), TotalPending: 1 << 30})
				d.found(b)
				d.putUnbounded(b, segments)
				for i := range segments {
					d.push(b, segmentKey(i), 0, 1000+i%7*100)
				}
				if folded {
					if err := d.Fold(b.Context(), testEnv); err != nil {
						b.Fatal(err)
					}
				}
				hashes := make([]segment.Hash, 4096)
				for i := range hashes {
					hashes[i] = segment.HashOf(userKey(i * 7))
				}
				d.benchEach(b, hashes, segments)
			})
		}
	}
}

// BenchmarkEachCold asks for contexts in turn that are each in a twentieth of the segments. The
// segments are rosters on disk of random members, so hardly anything that a lookup needs is in the
// processor's caches.
func BenchmarkEachCold(b *testing.B) {
	const contexts, members = 20_000, 20_000
	for _, segments := range []int{20, 300, 1000} {
		b.Run(fmt.Sprintf("segments=%d", segments), func(b *testing.B) {
			d := onDisk(b)
			d.putUnbounded(b, segments)
			random := rand.New(rand.NewPCG(1, uint64(segments)))
			asked := make([]segment.Hash, contexts)
			for i := range asked {
				asked[i] = randomHash(random)
			}
			for s := range segments {
				c := &segment.Changes{}
				for range members - contexts/20 {
					c.AppendHash(randomHash(random), segment.Include)
				}
				for i := s % 20; i < contexts; i += 20 {
					c.AppendHash(asked[(i*7919+s*31)%contexts], segment.Include)
				}
				d.pushChanges(b, segmentKey(s), c)
			}
			if err := d.Fold(b.Context(), testEnv); err != nil {
				b.Fatal(err)
			}
			for _, h := range asked { // so that every block that is looked into has been verified
				d.eachOf(b, h)
			}
			b.Run("each", func(b *testing.B) { d.benchEach(b, asked, segments) })
			if d.Hint(testEnv) > 0 {
				b.Run("hinted", func(b *testing.B) { d.benchEach(b, asked, segments) })
			}
		})
	}
}

// BenchmarkEachPending asks for contexts in turn that are each in a twentieth of the segments, which
// together have a million members: while all of these wait in tables, and then in rosters with hints
// on top of which each segment has 50 changes in a table.
func BenchmarkEachPending(b *testing.B) {
	for _, segments := range []int{20, 100, 300, 1000} {
		b.Run(fmt.Sprintf("segments=%d", segments), func(b *testing.B) {
			d := &disk{fs: vfs.Default, dir: b.TempDir(), o: engine.Options{Logger: slog.New(slog.DiscardHandler), TotalPending: 1 << 30, HintInterval: time.Hour}}
			d.open(b)
			b.Cleanup(func() { d.close(b) })
			d.found(b)
			d.putUnbounded(b, segments)
			members := 1_000_000 / segments
			random := rand.New(rand.NewPCG(1, uint64(segments)))
			asked := make([]segment.Hash, 20*members)
			for i := range asked {
				asked[i] = randomHash(random)
			}
			for s := range segments {
				c := &segment.Changes{}
				for i := range members {
					c.AppendHash(asked[s%20*members+i], segment.Include)
				}
				d.pushChanges(b, segmentKey(s), c)
			}
			contexts := make([]segment.Hash, len(asked))
			for i := range contexts {
				contexts[i] = asked[i*104_729%len(asked)]
			}
			d.Index(testEnv)
			b.Run("tables", func(b *testing.B) { d.benchEach(b, contexts, segments) })
			if err := d.Fold(b.Context(), testEnv); err != nil {
				b.Fatal(err)
			}
			for _, h := range asked { // so that every block that is looked into has been verified
				d.eachOf(b, h)
			}
			b.Run("rosters", func(b *testing.B) { d.benchEach(b, contexts, segments) })
			d.Index(testEnv)
			d.Hint(testEnv)
			b.Run("hinted", func(b *testing.B) { d.benchEach(b, contexts, segments) })
			for s := range segments {
				c := &segment.Changes{}
				for range 50 {
					c.AppendHash(randomHash(random), segment.Include)
				}
				d.pushChanges(b, segmentKey(s), c)
			}
			b.Run("tables over hinted", func(b *testing.B) { d.benchEach(b, contexts, segments) })
		})
	}
}

func randomHash(r *rand.Rand) (h segment.Hash) {
	for i := range 4 {
		binary.LittleEndian.PutUint64(h[8*i:], r.Uint64())
	}
	return h
}

// benchEach asks for all segments of each context in turn.
func (d *disk) benchEach(b *testing.B, contexts []segment.Hash, segments int) {
	n, found := 0, 0
	report := cpu(b)
	b.ReportAllocs()
	for b.Loop() {
		n++
		found += d.eachOf(b, contexts[n%len(contexts)])
	}
	report(n)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*segments), "ns/probe")
	b.ReportMetric(float64(found)/float64(n), "found/op")
}

// eachOf returns the number of segments that a context is in.
func (d *disk) eachOf(b *testing.B, h segment.Hash) (found int) {
	v, err := d.View(testEnv)
	if err != nil {
		b.Fatal(err)
	}
	if err := v.Each(h, func(segment.Ref, segment.Ops) bool { found++; return true }); err != nil {
		b.Fatal(err)
	}
	return found
}

func BenchmarkOpenWithPending(b *testing.B) {
	d := newDisk(b, engine.Options{Logger: slog.New(slog.DiscardHandler), SegmentPending: 1 << 30, TotalPending: 1 << 30})
	d.found(b)
	for i := range 100 {
		d.push(b, "vip", i*10_000, 10_000)
	}
	for b.Loop() {
		d.reopen(b)
	}
}

// BenchmarkGraves takes a list that removes 200,000 members off the log, and walks through what is
// left: as many removes.
func BenchmarkGraves(b *testing.B) {
	const members = 200_000
	list := func(ops segment.Ops) *segment.Changes {
		c := &segment.Changes{}
		for i := range members {
			c.Append(userKey(i), ops)
		}
		return c
	}
	for _, what := range []string{"bury", "walk"} {
		b.Run(what, func(b *testing.B) {
			d := onDisk(b)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				d.pushChanges(b, "vip", list(segment.Include))
				d.pushChanges(b, "vip", list(segment.Uninclude))
				if what == "walk" {
					if err := d.Bury(b.Context(), testEnv); err != nil {
						b.Fatal(err)
					}
				}
				c, err := d.Resume(b.Context(), testEnv, segment.Cursor{})
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if what == "bury" {
					if err := d.Bury(b.Context(), testEnv); err != nil {
						b.Fatal(err)
					}
					continue
				}
				n := 0
				for _, err := range d.Walk(b.Context(), testEnv, c) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != members {
					b.Fatalf("the walk has %d changes", n)
				}
			}
			b.ReportMetric(float64(members)*float64(b.N)/b.Elapsed().Seconds(), "members/s")
		})
	}
}
