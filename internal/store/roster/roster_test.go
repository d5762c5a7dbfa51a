package roster

import (
	"bytes"
	"iter"
	"strconv"
	"testing"

	"muster/internal/segment"
)

func sequence(c *segment.Changes) iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		for ch := range c.All() {
			if !yield(ch, nil) {
				return
			}
		}
	}
}

func TestSizes(t *testing.T) {
	for _, n := range []int{0, 1, 2, 49, 50, 51, 255, 256, groupEntries - 1, groupEntries, groupEntries + 1, 65535, 65536, 65537} {
		t.Run(strconv.Itoa(n)+" entries", func(t *testing.T) {
			var c segment.Changes
			for i := range n {
				c.Append([]byte("user-"+strconv.Itoa(i)), segment.Include)
			}
			c.Compact()
			var buf bytes.Buffer
			sum, err := Write(&buf, Full, sequence(&c))
			if err != nil {
				t.Fatal(err)
			}
			if sum.Bytes != int64(buf.Len()) {
				t.Errorf("Bytes = %d, wrote %d", sum.Bytes, buf.Len())
			}
			r, err := Open(buf.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			i := 0
			for ch, err := range r.All(nil) {
				if err != nil {
					t.Fatal(err)
				}
				want := c.At(i)
				if ch.Hash != want.Hash || ch.Ops != want.Ops || !bytes.Equal(ch.Key, want.Key) {
					t.Fatalf("entry %d = %v %s, want %v %s", i, ch.Ops, ch.Key, want.Ops, want.Key)
				}
				i++
				if ops, ok, err := r.Find(ch.Hash); err != nil || !ok || ops != segment.Include {
					t.Fatalf("Find = %v %v %v", ops, ok, err)
				}
			}
			if i != n || r.Len() != int64(n) {
				t.Errorf("All yields %d, Len %d, want %d", i, r.Len(), n)
			}
			for i := range 1000 {
				if _, ok, err := r.Find(segment.HashOf("other-" + strconv.Itoa(i))); ok || err != nil {
					t.Fatalf("Find of a stranger = %v, %v", ok, err)
				}
			}
		})
	}
}
