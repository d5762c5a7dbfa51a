package roster

import (
	"bytes"
	"errors"
	"iter"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"muster/internal/segment"
)

func TestMergeIsTheEffectOfAllSources(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		full := rapid.Bool().Draw(rt, "full")
		var sources []iter.Seq2[segment.Change, error]
		want := model{}
		for range rapid.IntRange(0, 5).Draw(rt, "sources") {
			m := drawModel(rt, Partial)
			sources = append(sources, m.all())
			for h, older := range m {
				is := want[h]
				is.Ops = is.Ops.Over(older.Ops)
				if is.Key == "" {
					is.Key = older.Key
				}
				want[h] = is
			}
		}
		if full {
			for h, is := range want {
				is.Ops = is.Ops.Settled()
				want[h] = is
			}
			maps.DeleteFunc(want, func(_ segment.Hash, is member) bool { return is.Ops == 0 })
		}
		if got := collect(t, Merge(full, sources...)); !maps.Equal(got, want) {
			rt.Fatalf("Merge differs (-want +got):\n%s", cmp.Diff(want, got))
		}
	})
}

func TestMergeOfRostersIsARoster(t *testing.T) {
	base, change := users(3000), model{}
	want := maps.Clone(base)
	for i, h := range base.sorted() {
		switch i % 3 {
		case 0:
			change[h] = member{Ops: segment.Uninclude}
			delete(want, h)
		case 1:
			change[h] = member{Ops: segment.Exclude}
			want[h] = member{segment.Include | segment.Exclude, base[h].Key}
		}
	}
	older, newer := open(t, base.write(t, Full)), open(t, change.write(t, Partial))
	var buf bytes.Buffer
	if _, err := Write(&buf, Full, Merge(true, newer.All(nil), older.All(nil))); err != nil {
		t.Fatal(err)
	}
	want.check(t, open(t, buf.Bytes()), Full)
}

func TestMergeStopsWhenItsReaderDoes(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	a, b := users(100), users(150)
	n := 0
	for range Merge(false, a.all(), b.all(), a.all()) {
		if n++; n == 10 {
			break
		}
	}
	if n != 10 {
		t.Errorf("read %d changes", n)
	}
}

func TestMergeEndsWithTheErrorOfASource(t *testing.T) {
	broken := errors.New("broken")
	fail := func(after int) iter.Seq2[segment.Change, error] {
		return func(yield func(segment.Change, error) bool) {
			n := 0
			for ch := range users(100).all() {
				if n++; n > after {
					yield(segment.Change{}, broken)
					return
				}
				if !yield(ch, nil) {
					return
				}
			}
		}
	}
	cases := map[string][]iter.Seq2[segment.Change, error]{
		"the newest fails at once":     {fail(0), users(10).all()},
		"the newest fails later":       {fail(20), users(10).all()},
		"the oldest fails at once":     {users(10).all(), fail(0)},
		"the oldest fails later":       {users(10).all(), fail(20)},
		"one in the middle fails":      {users(10).all(), fail(30), users(90).all()},
		"the only one fails":           {fail(5)},
		"all of them fail on the way ": {fail(5), fail(5), fail(5)},
	}
	for name, sources := range cases {
		t.Run(name, func(t *testing.T) {
			errs := 0
			for _, err := range Merge(true, sources...) {
				if err != nil {
					errs++
				}
				if err != nil && !errors.Is(err, broken) {
					t.Errorf("yields %v", err)
				}
			}
			if errs != 1 {
				t.Errorf("yields %d errors, want 1 at the end", errs)
			}
		})
	}
}
