package engine

import (
	"encoding/binary"
	"maps"
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
	any := x.fill(&h, &b)
	all := make(map[uint16]bool)
	for n := range uint16(maxNumbers) {
		if b.has(n) {
			all[n] = true
		}
	}
	if any != (len(all) > 0) {
		return nil
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
			h := hash(i)
			x.add(&h, uint16(1+i%(maxNumbers-1)))
			if !x.full && !x.named(h)[uint16(1+i%(maxNumbers-1))] {
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
				if h := hash(i); !x.fill(&h, &b) || !b.has(number(i)) {
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
