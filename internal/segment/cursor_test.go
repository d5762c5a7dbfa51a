package segment_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"muster/internal/segment"
)

func TestCursorsSurviveTheirText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := segment.Cursor{
			Epoch:    segment.Epoch(rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "epoch")),
			Revision: segment.Revision(rapid.Uint64().Draw(t, "revision")),
			Walking:  rapid.Bool().Draw(t, "walking"),
		}
		if rapid.Bool().Draw(t, "placed") {
			c = c.At(segment.Ref{
				Key:        segment.Key(rapid.StringN(1, 64, 256).Draw(t, "key")),
				Generation: segment.Generation(rapid.Uint64Min(1).Draw(t, "generation")),
			}, segment.HashOf(rapid.String().Draw(t, "context")))
		}
		text := c.String()
		if got, ok := segment.ParseCursor(text); !ok || got != c {
			t.Fatalf("%+v comes back from %q as %+v, %t", c, text, got, ok)
		}
		if len(text) > segment.MaxCursorBytes || strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Fatalf("text %q does not fit into a URL", text)
		}
		if got, _ := segment.ParseCursor(c.Through(7).String()); got != (segment.Cursor{Epoch: c.Epoch, Revision: 7}) {
			t.Fatalf("through revision 7 it is %+v", got)
		}
	})
}

func TestOtherTextIsNoCursor(t *testing.T) {
	placed := segment.Cursor{Revision: 300, Walking: true}.At(segment.Ref{Key: "vip", Generation: 2}, segment.HashOf("ann")).String()
	for name, text := range map[string]string{
		"words":                    "foreign-9",
		"another alphabet":         "AQAA+/AAAAAAAAE",
		"the first half":           placed[:len(placed)/2],
		"an unknown format":        "Ag" + placed[2:],
		"padding":                  placed + "=",
		"something behind it":      segment.Cursor{Revision: 3}.String() + "AA",
		"more than anybody writes": strings.Repeat("A", segment.MaxCursorBytes+1),
		"a key without end":        segment.Cursor{Revision: 1}.At(segment.Ref{Key: segment.Key(strings.Repeat("k", 1000)), Generation: 1}, segment.Hash{}).String(),
	} {
		if c, ok := segment.ParseCursor(text); ok {
			t.Errorf("%s is read as %+v", name, c)
		}
	}
	if c, ok := segment.ParseCursor(""); !ok || c != (segment.Cursor{}) {
		t.Errorf("no text is %+v, %t; want a cursor that has seen nothing", c, ok)
	}
}

func FuzzParseCursor(f *testing.F) {
	c := segment.Cursor{Epoch: segment.Epoch{1, 2, 3}, Revision: 300}
	for _, seed := range []segment.Cursor{{}, c, {Epoch: c.Epoch, Revision: 1 << 40, Walking: true}, c.At(segment.Ref{Key: "a.g1", Generation: 2}, segment.HashOf("ann"))} {
		f.Add(seed.String())
	}
	f.Add("foreign-9")
	f.Fuzz(func(t *testing.T, s string) {
		if c, ok := segment.ParseCursor(s); ok && c.String() != s {
			t.Errorf("%q is read as %+v, which is %q", s, c, c.String())
		}
	})
}
