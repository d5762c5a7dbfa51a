package roster

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"muster/internal/segment"
	"muster/internal/store"
)

// model is what a roster is compared with: ops and key of each context.
type model map[segment.Hash]member

type member struct {
	Ops segment.Ops
	Key string
}

func (m model) sorted() []segment.Hash {
	return slices.SortedFunc(maps.Keys(m), func(a, b segment.Hash) int { return bytes.Compare(a[:], b[:]) })
}

func (m model) all() iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		for _, h := range m.sorted() {
			if !yield(segment.Change{Hash: h, Ops: m[h].Ops, Key: []byte(m[h].Key)}, nil) {
				return
			}
		}
	}
}

func collect(t testing.TB, changes iter.Seq2[segment.Change, error]) model {
	t.Helper()
	m, last := model{}, segment.Hash{}
	for ch, err := range changes {
		if err != nil {
			t.Fatalf("after %d changes: %v", len(m), err)
		}
		if len(m) > 0 && bytes.Compare(last[:], ch.Hash[:]) >= 0 {
			t.Fatalf("%x comes after %x", ch.Hash, last)
		}
		m[ch.Hash], last = member{ch.Ops, string(ch.Key)}, ch.Hash
	}
	return m
}

func (m model) write(t testing.TB, kind Kind) []byte {
	t.Helper()
	var buf bytes.Buffer
	sum, err := Write(&buf, kind, m.all())
	if err != nil {
		t.Fatal(err)
	}
	if sum.Bytes != int64(buf.Len()) || sum.Entries != int64(len(m)) {
		t.Fatalf("wrote %d bytes of %d entries, the summary says %+v", buf.Len(), len(m), sum)
	}
	return buf.Bytes()
}

func open(t testing.TB, b []byte) *Roster {
	t.Helper()
	r, err := Open(b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// check compares everything that a roster answers with the model.
func (m model) check(t testing.TB, r *Roster, kind Kind) {
	t.Helper()
	if err := r.Verify(); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, r.All(nil)); !maps.Equal(got, m) {
		t.Fatalf("All differs (-want +got):\n%s", cmp.Diff(m, got))
	}
	want := Summary{Kind: kind, Entries: int64(len(m)), Bytes: int64(len(r.b))}
	for h, is := range m {
		want.Counts = want.Counts.Add(is.Ops.Settled())
		if is.Key != "" {
			want.Keys++
		}
		if ops, ok, err := r.Find(h); err != nil || !ok || ops != is.Ops {
			t.Fatalf("Find(%x) = %#x, %v, %v, want %#x", h, ops, ok, err, is.Ops)
		}
	}
	if diff := cmp.Diff(want, r.Summary()); diff != "" {
		t.Fatalf("Summary differs (-want +got):\n%s", diff)
	}
}

func users(n int) model {
	m := make(model, n)
	for i := range n {
		key := "user-" + strconv.Itoa(1000000+i)
		m[segment.HashOf(key)] = member{segment.Include, key}
	}
	return m
}

func TestRosterAnswersWhatWasWritten(t *testing.T) {
	for _, n := range []int{0, 1, 2, 49, 50, 255, 256, groupEntries - 1, groupEntries, groupEntries + 1, 65535, 65536, 65537} {
		t.Run(strconv.Itoa(n)+" entries", func(t *testing.T) {
			m := users(n)
			r := open(t, m.write(t, Full))
			m.check(t, r, Full)
			for i := range 1000 {
				if _, ok, err := r.Find(segment.HashOf("stranger-" + strconv.Itoa(i))); ok || err != nil {
					t.Fatalf("Find of a stranger = %v, %v", ok, err)
				}
			}
		})
	}
}

// Hashes come from a relay's upstream too, so their spread can't be taken for granted.
func TestRosterOfContrivedHashes(t *testing.T) {
	const n = 2*groupEntries + 10
	be := binary.BigEndian
	spread := map[string]func(i int, h *segment.Hash){
		"equal in the first 8 bytes": func(i int, h *segment.Hash) { be.PutUint32(h[8:], uint32(i)) },
		"dense at the low end":       func(i int, h *segment.Hash) { be.PutUint64(h[:], uint64(i)) },
		"dense at the high end":      func(i int, h *segment.Hash) { be.PutUint64(h[:], ^uint64(i)) },
		"even from end to end": func(i int, h *segment.Hash) {
			be.PutUint64(h[:], uint64(i)*(math.MaxUint64/(n-1)))
			if i == n-1 {
				be.PutUint64(h[:], math.MaxUint64)
			}
		},
		"half of them zero in front": func(i int, h *segment.Hash) {
			be.PutUint64(h[:], uint64(i%2*i)<<47)
			be.PutUint32(h[20:], uint32(i))
		},
		"piled up in powers of two": func(i int, h *segment.Hash) {
			h[i%16/8] = 1 << (i % 8)
			be.PutUint32(h[10:], uint32(i))
		},
	}
	for name, put := range spread {
		t.Run(name, func(t *testing.T) {
			m := make(model, n)
			for i := range n {
				var h segment.Hash
				put(i, &h)
				m[h] = member{Ops: segment.Exclude}
			}
			r := open(t, m.write(t, Partial))
			m.check(t, r, Partial)
			for _, h := range m.sorted()[:100] {
				h[29] ^= 1
				if _, ok, err := r.Find(h); ok || err != nil {
					t.Fatalf("Find of a neighbour = %v, %v", ok, err)
				}
			}
		})
	}
}

func TestRosterOfEqualHeads(t *testing.T) {
	m := model{}
	for i := range 300 {
		var h segment.Hash
		binary.BigEndian.PutUint16(h[16:], uint16(3*i))
		m[h] = member{segment.Include, strconv.Itoa(i)}
	}
	r := open(t, m.write(t, Full))
	m.check(t, r, Full)
	for i := range 300 {
		var h segment.Hash
		binary.BigEndian.PutUint16(h[16:], uint16(3*i+1))
		if _, ok, err := r.Find(h); ok || err != nil {
			t.Fatalf("Find of an absent rest = %v, %v", ok, err)
		}
	}
}

func TestKeysOfEveryShape(t *testing.T) {
	keys := []string{
		"a", "\x00", "a\x00b", "\xff\xfe", "ключ", "🦆", " ", strings.Repeat("k", 127), strings.Repeat("k", 128),
		strings.Repeat("🦆", segment.MaxKeyBytes/4), strings.Repeat("\x00", segment.MaxKeyBytes),
	}
	m := model{}
	for _, key := range keys {
		m[segment.HashOf(key)] = member{segment.Include, key}
	}
	for i := range 100 {
		m[segment.HashOf("unknown-"+strconv.Itoa(i))] = member{Ops: segment.Exclude}
		long := strings.Repeat(strconv.Itoa(i)+"/", 600)
		m[segment.HashOf(long)] = member{segment.Include, long}
	}
	r := open(t, m.write(t, Full))
	m.check(t, r, Full)
	for h, is := range m {
		if key, err := r.Key(h); err != nil || string(key) != is.Key || (key == nil) != (is.Key == "") {
			t.Errorf("Key(%x) = %q, %v, want %q", h, key, err, is.Key)
		}
	}
	if key, err := r.Key(segment.HashOf("stranger")); key != nil || err != nil {
		t.Errorf("Key of a stranger = %q, %v", key, err)
	}
}

func drawHash(t *rapid.T) segment.Hash {
	h := segment.HashOf(strconv.Itoa(rapid.IntRange(0, 400).Draw(t, "context")))
	if rapid.IntRange(0, 9).Draw(t, "contrived") == 0 {
		copy(h[:rapid.SampledFrom([]int{1, 8, 16, 31}).Draw(t, "zeros")], make([]byte, 32))
	}
	return h
}

func drawModel(t *rapid.T, kind Kind) model {
	m := model{}
	for range rapid.IntRange(0, 200).Draw(t, "entries") {
		ops := segment.Ops(rapid.IntRange(1, 15).Filter(func(i int) bool { return kind.allows(segment.Ops(i)) }).Draw(t, "ops"))
		var key string
		if rapid.Bool().Draw(t, "keyed") {
			key = rapid.StringN(0, 20, 40).Draw(t, "key")
		}
		m[drawHash(t)] = member{ops, key}
	}
	return m
}

func TestRosterIsTheMapItWasWrittenFrom(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		kind := rapid.SampledFrom([]Kind{Full, Partial}).Draw(rt, "kind")
		m := drawModel(rt, kind)
		r := open(t, m.write(t, kind))
		m.check(t, r, kind)
		after := drawHash(rt)
		want := maps.Clone(m)
		maps.DeleteFunc(want, func(h segment.Hash, _ member) bool { return bytes.Compare(h[:], after[:]) <= 0 })
		if got := collect(t, r.All(&after)); !maps.Equal(got, want) {
			rt.Fatalf("All after %x differs:\n%s", after, cmp.Diff(want, got))
		}
		is, held := m[after]
		ops, ok, err := r.Find(after)
		if err != nil || ok != held || ops != is.Ops {
			rt.Fatalf("Find = %#x, %v, %v, want %#x, %v", ops, ok, err, is.Ops, held)
		}
		if key, err := r.Key(after); err != nil || string(key) != is.Key {
			rt.Fatalf("Key = %q, %v, want %q", key, err, is.Key)
		}
	})
}

func TestWalkGoesOnAfterAnyEntry(t *testing.T) {
	m := users(groupEntries + 3000)
	r := open(t, m.write(t, Full))
	hashes := m.sorted()
	for i := 0; i < len(hashes); i += 997 {
		n := 0
		for ch, err := range r.All(&hashes[i]) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			if want := hashes[i+n]; ch.Hash != want || string(ch.Key) != m[want].Key {
				t.Fatalf("entry %d after %d is %x %q, want %x %q", n, i, ch.Hash, ch.Key, want, m[want].Key)
			}
			if n == 5 {
				break
			}
		}
	}
	last := hashes[len(hashes)-1]
	if rest := collect(t, r.All(&last)); len(rest) != 0 {
		t.Errorf("%d entries after the last one", len(rest))
	}
}

func TestWriteRefuses(t *testing.T) {
	a, b := segment.HashOf("a"), segment.HashOf("b")
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	broken := errors.New("broken")
	cases := map[string]struct {
		kind    Kind
		changes []segment.Change
		err     error
	}{
		"a hash that comes twice":        {kind: Full, changes: []segment.Change{{Hash: a, Ops: 1}, {Hash: a, Ops: 1}}},
		"a hash below the one before":    {kind: Full, changes: []segment.Change{{Hash: b, Ops: 1}, {Hash: a, Ops: 1}}},
		"a remove in a full roster":      {kind: Full, changes: []segment.Change{{Hash: a, Ops: segment.Uninclude}}},
		"no operation":                   {kind: Partial, changes: []segment.Change{{Hash: a}}},
		"an add and a remove of one set": {kind: Partial, changes: []segment.Change{{Hash: a, Ops: segment.Include | segment.Uninclude}}},
		"a key that is too long":         {kind: Full, changes: []segment.Change{{Hash: a, Ops: 1, Key: make([]byte, segment.MaxKeyBytes+1)}}},
		"an unknown kind":                {kind: 3, changes: []segment.Change{{Hash: a, Ops: 1}}},
		"changes that can't be read":     {kind: Full, changes: []segment.Change{{Hash: a, Ops: 1}}, err: broken},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Write(io.Discard, tt.kind, func(yield func(segment.Change, error) bool) {
				for _, ch := range tt.changes {
					if !yield(ch, nil) {
						return
					}
				}
				if tt.err != nil {
					yield(segment.Change{}, tt.err)
				}
			})
			if err == nil || !errors.Is(err, tt.err) && tt.err != nil {
				t.Errorf("Write returned %v", err)
			}
		})
	}
}

// fullDisk takes so many bytes and then fails.
type fullDisk int

var errFull = errors.New("disk full")

func (d *fullDisk) Write(p []byte) (int, error) {
	n := min(len(p), int(*d))
	*d -= fullDisk(n)
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func TestWriteReportsWhereverTheDiskFills(t *testing.T) {
	m := users(5000)
	size := len(m.write(t, Full))
	for room := 0; room < size; room += 9973 {
		disk := fullDisk(room)
		if _, err := Write(&disk, Full, m.all()); !errors.Is(err, errFull) {
			t.Errorf("with room for %d of %d bytes Write returned %v", room, size, err)
		}
	}
	disk := fullDisk(size)
	if _, err := Write(&disk, Full, m.all()); err != nil {
		t.Errorf("with just enough room Write returned %v", err)
	}
}

// mixedModel has all features in few bytes.
func mixedModel(n int) model {
	m := model{}
	for i := range n {
		key := "user-" + strconv.Itoa(i)
		is := member{segment.Include, key}
		switch i % 5 {
		case 1:
			is.Ops = segment.Exclude | segment.Uninclude
		case 2:
			is.Key = ""
		}
		m[segment.HashOf(key)] = is
	}
	return m
}

// agrees fails the test when r gives an answer that is neither an error of corruption nor that of
// the model. It reports whether any answer was an error.
func (m model) agrees(t testing.TB, r *Roster) (corrupt bool) {
	t.Helper()
	bad := func(err error) bool {
		if err != nil && !errors.Is(err, store.ErrCorrupt) {
			t.Fatalf("the error is %v", err)
		}
		corrupt = corrupt || err != nil
		return err != nil
	}
	for h, is := range m {
		ops, ok, err := r.Find(h)
		if !bad(err) && (!ok || ops != is.Ops) {
			t.Fatalf("Find = %#x, %v, want %#x", ops, ok, is.Ops)
		}
		key, err := r.Key(h)
		if !bad(err) && string(key) != is.Key {
			t.Fatalf("Key = %q, want %q", key, is.Key)
		}
		h[3]++
		if _, ok, err := r.Find(h); !bad(err) && ok {
			t.Fatal("found a stranger")
		}
	}
	n := 0
	for ch, err := range r.All(nil) {
		if bad(err) {
			return true
		}
		if is := m[ch.Hash]; ch.Ops != is.Ops || string(ch.Key) != is.Key {
			t.Fatalf("All yields %x %#x %q, want %+v", ch.Hash, ch.Ops, ch.Key, is)
		}
		n++
	}
	if n != len(m) {
		t.Fatalf("All yields %d entries, want %d", n, len(m))
	}
	return corrupt
}

func TestNoFlippedByteChangesAnAnswer(t *testing.T) {
	flip := func(t *testing.T, n, step int, masks ...byte) {
		m := mixedModel(n)
		good := m.write(t, Partial)
		b := slices.Clone(good)
		for at := 0; at < len(b); at += step {
			for _, mask := range masks {
				b[at] = good[at] ^ mask
				if r, err := Open(b); err != nil {
					if !errors.Is(err, store.ErrCorrupt) {
						t.Fatalf("byte %d: %v", at, err)
					}
				} else {
					m.agrees(t, r)
					if err := open(t, b).Verify(); !errors.Is(err, store.ErrCorrupt) {
						t.Fatalf("byte %d: Verify returned %v", at, err)
					}
				}
				b[at] = good[at]
			}
		}
	}
	t.Run("each byte of a small roster", func(t *testing.T) { flip(t, 24, 1, 1, 0x80, 0xff) })
	t.Run("some bytes of several blocks", func(t *testing.T) { flip(t, 1200, 401, 4) })
}

func TestTruncatedRosterIsCorrupt(t *testing.T) {
	good := mixedModel(40).write(t, Partial)
	for n := range good {
		if _, err := Open(good[:n]); !errors.Is(err, store.ErrCorrupt) {
			t.Fatalf("Open of the first %d bytes returned %v", n, err)
		}
	}
	if _, err := Open(append(slices.Clone(good), 0)); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("Open with one byte too many returned %v", err)
	}
}

func TestOneBadBlockLeavesTheOthersReadable(t *testing.T) {
	m := users(20000)
	b := m.write(t, Full)
	r := open(t, b)
	b[r.groups[0].heads+100] ^= 1
	errs := 0
	for h := range m {
		ops, ok, err := r.Find(h)
		switch {
		case errors.Is(err, store.ErrCorrupt):
			errs++
		case err != nil || !ok || ops != segment.Include:
			t.Fatalf("Find = %v, %v, %v", ops, ok, err)
		}
	}
	if errs == 0 || errs > len(m)/2 {
		t.Errorf("%d of %d lookups failed", errs, len(m))
	}
}

func TestConcurrentReaders(t *testing.T) {
	m := mixedModel(3000)
	r := open(t, m.write(t, Partial))
	t.Run("all at once", func(t *testing.T) {
		for range 4 {
			t.Run("reader", func(t *testing.T) {
				t.Parallel()
				if m.agrees(t, r) {
					t.Error("a reader met corruption")
				}
			})
		}
	})
}

// reseal makes the checksums of b right again where its trailer still says where they are.
func reseal(b []byte) {
	if len(b) < headerBytes+trailerBytes {
		return
	}
	end := b[len(b)-trailerBytes:]
	t := trailer{footer: binary.LittleEndian.Uint64(end[8:]), groups: binary.LittleEndian.Uint32(end[48:])}
	if t.footer > uint64(len(b)) || t.checksums()+t.blocks()*4+trailerBytes != uint64(len(b)) {
		return
	}
	w := blockWriter{w: bufio.NewWriter(io.Discard)}
	w.write(b[:t.footer])
	copy(b[t.checksums():], w.closeBlocks())
	binary.LittleEndian.PutUint32(end[56:], crc32.Checksum(b[t.footer:len(b)-8], castagnoli))
}

func FuzzOpen(f *testing.F) {
	for _, n := range []int{0, 1, 30} {
		f.Add(mixedModel(n).write(f, Partial), true)
		f.Add(users(n).write(f, Full), true)
	}
	f.Add(mixedModel(700).write(f, Partial), true)
	f.Add([]byte(headerMagic), false)
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		if sealed {
			b = slices.Clone(b)
			reseal(b)
		}
		r, err := Open(b)
		if err != nil {
			if !errors.Is(err, store.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		if r.Verify() == nil {
			collect(t, r.All(nil)).check(t, r, r.Kind())
			return
		}
		for ch, err := range r.All(nil) {
			if err != nil {
				if !errors.Is(err, store.ErrCorrupt) {
					t.Fatal(err)
				}
				break
			}
			if _, _, err := r.Find(ch.Hash); err != nil && !errors.Is(err, store.ErrCorrupt) {
				t.Fatal(err)
			}
			if _, err := r.Key(ch.Hash); err != nil && !errors.Is(err, store.ErrCorrupt) {
				t.Fatal(err)
			}
		}
	})
}
