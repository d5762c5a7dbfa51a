package roster

import (
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"

	"muster/internal/segment"
)

// probed asks the probe of a roster.
func (r *Roster) probed(h segment.Hash) bool {
	p, n := r.Probe(), NeedleOf(&h)
	off, _ := p.Fetch(&n)
	return p.MayHold(&n, off)
}

func absent(i int) segment.Hash {
	return segment.HashOf(binary.BigEndian.AppendUint64([]byte("absent"), uint64(i)))
}

func TestProbesDenyNothingThatIsThere(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := model{}
		for _, at := range rapid.SliceOfN(rapid.Uint64(), 1, 2000).Draw(rt, "positions") {
			h := segment.HashOf(binary.BigEndian.AppendUint64(nil, at))
			binary.BigEndian.PutUint64(h[:], at) // anywhere, also close to each other
			m[h] = member{Ops: segment.Include}
		}
		r := open(t, m.write(t, Full))
		if err := r.Verify(); err != nil {
			rt.Fatal(err)
		}
		for h := range m {
			if !r.probed(h) {
				rt.Fatalf("the probe denies %x", h)
			}
		}
		for i := range 100 { // out of the roster's range too
			h := absent(i)
			r.probed(h)
			l := r.Glance(&h)
			l.Fetch(r)
		}
	})
}

func TestProbesDenyMostOfWhatIsAbsent(t *testing.T) {
	r := open(t, users(5000).write(t, Full))
	denied := func() (n int) {
		for i := range 10_000 {
			h := absent(i)
			if at := position(&h); at < r.groups[0].low || at > r.groups[0].high {
				continue
			}
			if !r.probed(h) {
				n++
			}
		}
		return n
	}
	if n := denied(); n != 0 {
		t.Errorf("%d contexts are denied by a filter that nobody has verified", n)
	}
	if err := r.Verify(); err != nil {
		t.Fatal(err)
	}
	if n := denied(); n < 9700 {
		t.Errorf("%d of 10000 absent contexts are denied", n)
	}
}

func TestProbesBelieveNoDamagedFilter(t *testing.T) {
	m := users(5000)
	b := m.write(t, Full)
	r := open(t, b)
	g := &r.groups[0]
	clear(b[g.filter:g.heads])
	for h := range m {
		if _, _, err := r.Find(h); err == nil {
			t.Fatalf("the damage is not noticed at %x", h)
		}
		if !r.probed(h) {
			t.Fatalf("the probe denies %x", h)
		}
		l := r.Glance(&h)
		l.Fetch(r)
	}
}

func TestLargeRostersHaveNoProbe(t *testing.T) {
	r := open(t, users(groupEntries+1).write(t, Full))
	if p := r.Probe(); p.Known() {
		t.Error("a probe stands for one of two groups")
	}
	if !r.probed(absent(0)) {
		t.Error("a probe that knows nothing denies a context")
	}
}
