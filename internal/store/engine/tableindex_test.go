package engine

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"muster/internal/segment"
)

// hashAt returns a hash whose beginning, by which it lies in an index, is given.
func hashAt(tag uint32, rest byte) (h segment.Hash) {
	binary.BigEndian.PutUint32(h[:], tag)
	h[31] = rest
	return h
}

// named returns the numbers that an index names for a context.
func (x *tableIndex) named(h segment.Hash) map[uint16]bool {
	var b numbers
	x.fill(&h, &b)
	all := make(map[uint16]bool)
	for i, word := range b {
		for ; word != 0; word &= word - 1 {
			all[uint16(64*i+bits.TrailingZeros64(word))] = true
		}
	}
	return all
}

func TestTableIndexNamesWhatWasNoted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newTableIndex(1 << 20)
		want := make(map[uint32]map[uint16]bool)
		// Of a few contexts each with many numbers, at the ends of the slots too, and of many with one.
		tags := rapid.OneOf(rapid.SampledFrom([]uint32{0, 1, 2, 1 << 31, 1<<32 - 2, 1<<32 - 1}), rapid.Uint32())
		for range rapid.IntRange(0, 60).Draw(t, "rounds") {
			tag, number := tags.Draw(t, "tag"), rapid.Uint16Range(1, maxNumbers-1).Draw(t, "number")
			for i := range uint16(rapid.IntRange(1, 200).Draw(t, "number of them")) {
				if rapid.Bool().Draw(t, "another context") {
					tag += 1 << 20
				}
				n := (number+i-1)%(maxNumbers-1) + 1
				h := hashAt(tag, byte(i%2))
				x.add(&h, n)
				if want[tag] == nil {
					want[tag] = make(map[uint16]bool)
				}
				want[tag][n] = true
			}
		}
		for tag, numbers := range want {
			if got := x.named(hashAt(tag, 0)); !maps.Equal(got, numbers) {
				t.Fatalf("%x: %d memberships are named, want %d", tag, len(got), len(numbers))
			}
		}
		for range 20 {
			if tag := rapid.Uint32().Draw(t, "stranger"); want[tag] == nil && len(x.named(hashAt(tag, 0))) > 0 {
				t.Fatalf("%x is named and was never noted", tag)
			}
		}
		if x.full {
			t.Fatal("it is full")
		}
	})
}

func TestTableIndexKeepsWithinItsMemory(t *testing.T) {
	for name, hash := range map[string]func(i int) segment.Hash{
		"many contexts":     func(i int) segment.Hash { return hashAt(uint32(i)*2654435761, 0) },
		"one context":       func(int) segment.Hash { return hashAt(7, 0) },
		"contexts in pairs": func(i int) segment.Hash { return hashAt(uint32(i/2)*2654435761, 0) },
	} {
		const limit = 60_000
		x := newTableIndex(limit)
		for i := 0; !x.full; i++ {
			if i == 1_000_000 {
				t.Fatalf("%s: it never is full", name)
			}
			h, number := hash(i), uint16(1+i%(maxNumbers-1))
			x.add(&h, number)
			var b numbers
			if x.fill(&h, &b); !x.full && !b.has(number) {
				t.Fatalf("%s: change %d is not named", name, i)
			}
			if x.bytes() > limit {
				t.Fatalf("%s: it has %d bytes after %d changes", name, x.bytes(), i)
			}
		}
	}
}

func TestTableIndexIsReadWhileItGrows(t *testing.T) {
	const n = 20_000
	x := newTableIndex(1 << 30)
	hash := func(i int) segment.Hash { return hashAt(uint32(i%3000)*2654435761, 0) }
	number := func(i int) uint16 { return uint16(1 + i/3) }
	noted := make(chan int, n)
	var work sync.WaitGroup
	for range 2 {
		work.Go(func() {
			for i := range noted {
				var b numbers
				h := hash(i)
				if x.fill(&h, &b); !b.has(number(i)) {
					t.Errorf("change %d is not named", i)
				}
			}
		})
	}
	for i := range n {
		h := hash(i)
		x.add(&h, number(i))
		noted <- i
	}
	close(noted)
	work.Wait()
}

// BenchmarkTableIndexAdd notes the changes of lists of a thousand, in order, until there are a million, and reports
// the memory of each.
func BenchmarkTableIndexAdd(b *testing.B) {
	const changes, list = 1_000_000, 1000
	for _, each := range []int{1, 15} {
		b.Run(fmt.Sprintf("memberships of a context=%d", each), func(b *testing.B) {
			var hashes []segment.Hash
			for i := range changes / each {
				hashes = append(hashes, segment.HashOf(fmt.Sprint(i)))
			}
			for from := 0; from+list <= len(hashes); from += list {
				slices.SortFunc(hashes[from:from+list], compareHashes)
			}
			var x *tableIndex
			for b.Loop() {
				x = newTableIndex(1 << 30)
				for n := range uint16(each) {
					for i := range hashes {
						x.add(&hashes[i], n+1)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(x.noted), "ns/change")
			b.ReportMetric(float64(x.bytes())/float64(x.noted), "bytes/change")
		})
	}
}
