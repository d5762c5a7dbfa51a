package segment_test

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"muster/internal/segment"
)

func TestCompactFoldsTheChangesOfAContextInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfN(rapid.StringN(1, 8, 64), 1, 12).Draw(t, "keys")
		changes := new(segment.Changes)
		want := map[segment.Hash]segment.Ops{}
		steps := rapid.IntRange(0, 60).Draw(t, "steps")
		for range steps {
			key := rapid.SampledFrom(keys).Draw(t, "key")
			ops := validOps().Draw(t, "ops")
			if rapid.Bool().Draw(t, "by hash") {
				changes.AppendHash(segment.HashOf(key), ops)
			} else {
				changes.Append([]byte(key), ops)
			}
			h := segment.HashOf(key)
			want[h] = ops.Over(want[h])
			if rapid.IntRange(0, 9).Draw(t, "compact now") == 0 {
				changes.Compact()
			}
		}
		changes.Compact()
		if changes.Len() != len(want) {
			t.Fatalf("%d changes, want %d", changes.Len(), len(want))
		}
		var last segment.Hash
		i := 0
		for ch := range changes.All() {
			if i++; i > 1 && bytes.Compare(last[:], ch.Hash[:]) >= 0 {
				t.Fatal("changes are not in hash order")
			}
			last = ch.Hash
			if want[ch.Hash] != ch.Ops {
				t.Fatalf("ops %04b, want %04b", ch.Ops, want[ch.Hash])
			}
			if ch.Key != nil && segment.HashOf(ch.Key) != ch.Hash {
				t.Fatalf("key %q does not belong to its hash", ch.Key)
			}
		}
		if i != changes.Len() {
			t.Fatalf("%d changes are yielded of %d", i, changes.Len())
		}
	})
}

func TestLongListsFoldAcrossTheirBlocks(t *testing.T) {
	const distinct, repeats = 30_000, 3
	changes := new(segment.Changes)
	for round := range repeats {
		ops := segment.Include
		if round == repeats-1 {
			ops = segment.Uninclude
		}
		for i := range distinct {
			changes.Append(fmt.Appendf(nil, "user-%d", i), ops)
		}
	}
	if folded := changes.Compact(); folded != (repeats-1)*distinct || changes.Len() != distinct {
		t.Fatalf("%d folded, %d left", folded, changes.Len())
	}
	var last segment.Hash
	n := 0
	for ch := range changes.All() {
		if n > 0 && bytes.Compare(last[:], ch.Hash[:]) >= 0 {
			t.Fatal("changes are not in hash order")
		}
		if ch.Ops != segment.Uninclude || segment.HashOf(ch.Key) != ch.Hash {
			t.Fatalf("change %+v", ch)
		}
		last = ch.Hash
		n++
	}
	if n != distinct {
		t.Fatalf("%d changes, want %d", n, distinct)
	}
	if changes.Append([]byte("user-7"), segment.Include); changes.Compact() != 1 || changes.Len() != distinct {
		t.Error("a later change does not fold into an earlier one")
	}
}

func TestDeltaEndsWhenItsReaderHasEnough(t *testing.T) {
	changes := new(segment.Changes)
	for i := range 5 {
		changes.Append(fmt.Appendf(nil, "u%d", i), segment.Include)
	}
	changes.Compact()
	read := 0
	delta := changes.Delta(segment.Ref{Key: "a", Generation: 1})
	if err := delta.Each(nil, func(segment.Change) bool { read++; return read < 2 }); err != nil {
		t.Fatal(err)
	}
	if read != 2 || delta.Len != 5 {
		t.Errorf("read %d of %d", read, delta.Len)
	}
}

func BenchmarkAppendAndCompact(b *testing.B) {
	keys := make([][]byte, 100_000)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "user-%07d", i)
	}
	b.ReportAllocs()
	for b.Loop() {
		changes := new(segment.Changes)
		for _, key := range keys {
			changes.Append(key, segment.Include)
		}
		changes.Compact()
	}
	b.ReportMetric(float64(len(keys))*float64(b.N)/b.Elapsed().Seconds(), "members/s")
}
