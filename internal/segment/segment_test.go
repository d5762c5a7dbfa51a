package segment_test

import (
	"testing"

	"pgregory.net/rapid"

	"muster/internal/segment"
)

func TestHashHasTheWireFormOfSDKs(t *testing.T) {
	// The values were read off LaunchDarkly's SDKs and Relay Proxy.
	for key, want := range map[string]string{
		"user-key": "CEXjZY7cHJG/ydFy7q4+YEFwVrG3/pkJwA4FAjrbfx0=",
		"user1":    "CgQblGLKpKMbrDVn4Lbm/ZEAeH2yq0M9lvbReMq/zpA=",
		"alice":    "K9gGyX8OAK8aH8Myj6djqSaXI8jbj6xPk69x2xhtbpA=",
	} {
		h := segment.HashOf(key)
		if h.String() != want {
			t.Errorf("hash of %s is %s, want %s", key, h, want)
		}
		if back, ok := segment.ParseHash(want); !ok || back != h {
			t.Errorf("%s does not read back", want)
		}
	}
}

func TestParseHashRefusesWhatNoSDKSends(t *testing.T) {
	for name, text := range map[string]string{
		"empty":                        "",
		"short":                        "CEXjZY7cHJG=",
		"no padding":                   "CEXjZY7cHJG/ydFy7q4+YEFwVrG3/pkJwA4FAjrbfx0A",
		"URL alphabet":                 "CEXjZY7cHJG_ydFy7q4-YEFwVrG3_pkJwA4FAjrbfx0=",
		"trailing bits that are not 0": "CEXjZY7cHJG/ydFy7q4+YEFwVrG3/pkJwA4FAjrbfx1=",
	} {
		t.Run(name, func(t *testing.T) {
			if _, ok := segment.ParseHash(text); ok {
				t.Errorf("%q was read as a hash", text)
			}
		})
	}
}

func TestParseRef(t *testing.T) {
	for text, want := range map[string]segment.Ref{
		"vip.g1":                    {Key: "vip", Generation: 1},
		"crm.gold.g12":              {Key: "crm.gold", Generation: 12},
		"a.g1.g2":                   {Key: "a.g1", Generation: 2},
		"vip":                       {},
		".g1":                       {},
		"vip.g":                     {},
		"vip.g0":                    {},
		"vip.g01":                   {},
		"vip.g+1":                   {},
		"vip.g1x":                   {},
		"vip.g-1":                   {},
		"vip.h1":                    {},
		"vip.g99999999999999999999": {},
	} {
		t.Run(text, func(t *testing.T) {
			got, ok := segment.ParseRef(text)
			if got != want || ok != (want != segment.Ref{}) {
				t.Errorf("got %v, %t", got, ok)
			}
		})
	}
}

func FuzzParseRef(f *testing.F) {
	for _, seed := range []string{"vip.g1", "a.b.g22", ".g1", "x.g", "x.g0", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if ref, ok := segment.ParseRef(text); ok && ref.String() != text {
			t.Errorf("%q reads as %v, which writes as %q", text, ref, ref)
		}
	})
}

func validOps() *rapid.Generator[segment.Ops] {
	return rapid.Custom(func(t *rapid.T) segment.Ops {
		return segment.Ops(rapid.IntRange(1, 15).Filter(func(o int) bool { return segment.Ops(o).Valid() }).Draw(t, "ops"))
	})
}

// apply is the plain meaning of operations on the two sets.
func apply(included, excluded bool, o segment.Ops) (bool, bool) {
	if o&segment.Include != 0 {
		included = true
	}
	if o&segment.Uninclude != 0 {
		included = false
	}
	if o&segment.Exclude != 0 {
		excluded = true
	}
	if o&segment.Unexclude != 0 {
		excluded = false
	}
	return included, excluded
}

func state(included, excluded bool) segment.Ops {
	var s segment.Ops
	if included {
		s |= segment.Include
	}
	if excluded {
		s |= segment.Exclude
	}
	return s
}

func TestOpsOverIsOneAfterTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		included, excluded := rapid.Bool().Draw(t, "included"), rapid.Bool().Draw(t, "excluded")
		older, newer := validOps().Draw(t, "older"), validOps().Draw(t, "newer")
		i1, e1 := apply(included, excluded, older)
		i1, e1 = apply(i1, e1, newer)
		both := newer.Over(older)
		i2, e2 := apply(included, excluded, both)
		if i1 != i2 || e1 != e2 || !both.Valid() {
			t.Fatalf("%04b then %04b is not %04b", older, newer, both)
		}
	})
}

func TestEffectiveOpsChangeTheStateAndCountIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		included, excluded := rapid.Bool().Draw(t, "included"), rapid.Bool().Draw(t, "excluded")
		ops := validOps().Draw(t, "ops")
		before := state(included, excluded)
		after := state(apply(included, excluded, ops))
		effective := ops.Effective(before)
		if (effective == 0) != (before == after) {
			t.Fatalf("%04b on %04b: effective %04b, after %04b", ops, before, effective, after)
		}
		if effective != 0 && state(apply(included, excluded, effective)) != after {
			t.Fatalf("the effective part %04b of %04b does something else", effective, ops)
		}
		counts := segment.Counts{Included: 10, Excluded: 10}.Add(effective)
		delta := func(s segment.Ops, bit segment.Ops) int64 {
			if s&bit != 0 {
				return 1
			}
			return 0
		}
		want := segment.Counts{
			Included: 10 + delta(after, segment.Include) - delta(before, segment.Include),
			Excluded: 10 + delta(after, segment.Exclude) - delta(before, segment.Exclude),
		}
		if counts != want {
			t.Fatalf("counts %v, want %v", counts, want)
		}
	})
}
