package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"muster/internal/segment"
)

func TestPendingIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPending()
		want := make(map[segment.Hash]segment.Ops)
		keys := make(map[segment.Hash]string)
		for range rapid.IntRange(0, 40).Draw(t, "deltas") {
			var c segment.Changes
			for _, i := range rapid.SliceOfN(rapid.IntRange(0, 300), 1, 60).Draw(t, "contexts") {
				ops := rapid.SampledFrom([]segment.Ops{segment.Include, segment.Uninclude, segment.Exclude, segment.Include | segment.Unexclude}).Draw(t, "ops")
				if rapid.Bool().Draw(t, "keyed") {
					c.Append(fmt.Append(nil, i), ops)
				} else {
					c.AppendHash(segment.HashOf(fmt.Sprint(i)), ops)
				}
			}
			c.Compact()
			d := &delta{}
			for ch := range c.All() {
				d.add(ch.Hash, ch.Ops, ch.Key)
				want[ch.Hash] = ch.Ops.Over(want[ch.Hash])
				if len(ch.Key) > 0 {
					keys[ch.Hash] = string(ch.Key)
				}
			}
			p.apply(d)
		}
		for i := range 320 {
			h := segment.HashOf(fmt.Sprint(i))
			if got := p.find(&h); got != want[h] {
				t.Fatalf("find %d = %04b, want %04b", i, got, want[h])
			}
		}
		n := 0
		var last segment.Hash
		for c, err := range p.sorted() {
			if err != nil || c.Ops != want[c.Hash] || string(c.Key) != keys[c.Hash] {
				t.Fatalf("sorted yields %+v, %v", c, err)
			}
			if n > 0 && bytes.Compare(last[:], c.Hash[:]) >= 0 {
				t.Fatal("sorted is not in order")
			}
			last = c.Hash
			n++
		}
		if n != len(want) || p.n != n {
			t.Fatalf("table yields %d of %d changes, says %d", n, len(want), p.n)
		}
	})
}

func TestPendingIsReadWhileItGrows(t *testing.T) {
	const n = 20_000
	p := newPending()
	hash := func(i int) segment.Hash {
		return segment.HashOf(binary.BigEndian.AppendUint32(nil, uint32(i)))
	}
	wrote := make(chan int, n)
	var work sync.WaitGroup
	for range 2 {
		work.Go(func() {
			for i := range wrote {
				if h := hash(i); p.find(&h) != segment.Include {
					t.Errorf("change %d is not found", i)
				}
				if h := hash(n + i); p.find(&h) != 0 {
					t.Errorf("change %d is found", n+i)
				}
			}
		})
	}
	for i := range n {
		h := hash(i)
		p.put(&h, segment.Include, 0, 0)
		wrote <- i
	}
	close(wrote)
	work.Wait()
}

func TestRefsAreASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &refs{}
		want := make(map[segment.Ref]*membership)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			var begin []*membership
			var end []segment.Ref
			before, copied := r, len(want)
			for i := range rapid.IntRange(0, 200).Draw(t, "begin") {
				ref := segment.Ref{Key: segment.Key(fmt.Sprintf("s%d", i)), Generation: segment.Generation(rapid.IntRange(1, 3).Draw(t, "generation"))}
				if want[ref] == nil {
					want[ref] = newMembership("env", ref)
					begin = append(begin, want[ref])
				}
			}
			for ref := range want {
				if rapid.IntRange(0, 9).Draw(t, "end") == 0 && r.find(ref) != nil {
					end = append(end, ref)
				}
			}
			r = r.changed(begin, end)
			for _, ref := range end {
				delete(want, ref)
			}
			found := 0
			before.each(func(*membership) bool { found++; return true })
			if found != copied {
				t.Fatalf("a set that was left alone holds %d refs, want %d", found, copied)
			}
		}
		found := 0
		r.each(func(m *membership) bool { found++; return want[m.ref] == m })
		if found != len(want) || r.n != found {
			t.Fatalf("set yields %d refs and says %d, want %d", found, r.n, len(want))
		}
		for ref, m := range want {
			if r.find(ref) != m {
				t.Fatalf("%s is not found", ref)
			}
		}
	})
}
