package roster

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"muster/internal/segment"
)

const benchEntries = 1_000_000

// benchKeys are shapes of context keys that tools send.
var benchKeys = map[string]func(i int, b []byte) []byte{
	"keyless":         func(_ int, b []byte) []byte { return b },
	"user-number":     func(i int, b []byte) []byte { return fmt.Appendf(b, "user-%d", 1000000+i) },
	"20-digit-number": func(i int, b []byte) []byte { return fmt.Appendf(b, "%020d", mix(i)) },
	"uuid": func(i int, b []byte) []byte {
		x, y := mix(i), mix(^i)
		return fmt.Appendf(b, "%08x-%04x-4%03x-%04x-%012x", uint32(x), uint16(x>>32), x>>52, y>>48&0x3fff|0x8000, y&(1<<48-1))
	},
	"email": func(i int, b []byte) []byte {
		return fmt.Appendf(b, "%c%x.%x@example.com", 'a'+rune(mix(i)%26), uint16(mix(i)>>8), uint16(mix(i)>>32))
	},
}

func mix(i int) uint64 {
	return rand.NewPCG(uint64(i), 1).Uint64()
}

func benchChanges(n int, key func(int, []byte) []byte) *segment.Changes {
	var c segment.Changes
	var buf []byte
	for i := range n {
		if buf = key(i, buf[:0]); len(buf) == 0 {
			c.AppendHash(segment.HashOf(binary.LittleEndian.AppendUint64(nil, uint64(i))), segment.Include)
		} else {
			c.Append(buf, segment.Include)
		}
	}
	c.Compact()
	// Laid out in hash order, so that benchmarks do not measure the source's cache misses.
	var flat segment.Changes
	for ch := range c.All() {
		if ch.Key == nil {
			flat.AppendHash(ch.Hash, ch.Ops)
		} else {
			flat.Append(ch.Key, ch.Ops)
		}
	}
	flat.Compact()
	return &flat
}

func benchRoster(b *testing.B, n int) (*Roster, *segment.Changes) {
	b.Helper()
	c := benchChanges(n, benchKeys["user-number"])
	var buf bytes.Buffer
	if _, err := Write(&buf, Full, sequence(c)); err != nil {
		b.Fatal(err)
	}
	r := open(b, buf.Bytes())
	if err := r.Verify(); err != nil {
		b.Fatal(err)
	}
	return r, c
}

func BenchmarkFindNoAlloc(b *testing.B) {
	r, c := benchRoster(b, benchEntries)
	hits, misses := make([]segment.Hash, 1<<16), make([]segment.Hash, 1<<16)
	all := make([]segment.Hash, 0, c.Len())
	for ch := range c.All() {
		all = append(all, ch.Hash)
	}
	for i := range hits {
		hits[i] = all[mix(i)%benchEntries]
		misses[i] = sha256.Sum256(binary.LittleEndian.AppendUint64(nil, mix(i)))
	}
	find := func(hashes []segment.Hash, want bool) func(b *testing.B) {
		return func(b *testing.B) {
			i := 0
			one := func() {
				if _, ok, err := r.Find(hashes[i%len(hashes)]); err != nil || ok != want {
					b.Fatal(ok, err)
				}
				i++
			}
			if n := testing.AllocsPerRun(1000, one); n != 0 {
				b.Fatalf("Find allocates %v times", n)
			}
			for b.Loop() {
				one()
			}
		}
	}
	b.Run("hit", find(hits, true))
	b.Run("miss", find(misses, false))
}

func BenchmarkWrite(b *testing.B) {
	for name, key := range benchKeys {
		b.Run(name, func(b *testing.B) {
			c := benchChanges(benchEntries, key)
			b.ReportAllocs()
			var sum Summary
			before := cpuTime(b)
			for b.Loop() {
				var err error
				if sum, err = Write(io.Discard, Full, sequence(c)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(sum.Bytes)/float64(sum.Entries), "bytes/member")
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N)/benchEntries, "cpu-ns/member")
		})
	}
}

// cpuTime returns what the process has used so far, which other processes on the machine don't blur.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkAll(b *testing.B) {
	r, _ := benchRoster(b, benchEntries)
	for b.Loop() {
		for _, err := range r.All(nil) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchEntries, "ns/member")
}

func BenchmarkMerge(b *testing.B) {
	older, _ := benchRoster(b, benchEntries)
	newer, _ := benchRoster(b, benchEntries/20)
	for b.Loop() {
		for _, err := range Merge(true, newer.All(nil), older.All(nil)) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchEntries, "ns/member")
}

func BenchmarkOpen(b *testing.B) {
	r, _ := benchRoster(b, benchEntries)
	for b.Loop() {
		if _, err := Open(r.b); err != nil {
			b.Fatal(err)
		}
	}
}

func sequence(c *segment.Changes) iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		for ch := range c.All() {
			if !yield(ch, nil) {
				return
			}
		}
	}
}
