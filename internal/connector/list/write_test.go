package list_test

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"muster/internal/connector/list"
)

// gathered is a sink that keeps what it takes.
type gathered struct{ keys []string }

func (g *gathered) Append(key []byte) error {
	g.keys = append(g.keys, string(key))
	return nil
}

func TestWhatIsWrittenIsReadAsTheSame(t *testing.T) {
	odd := []string{"id", "Email", " key ", "\ufeffbom", "PK\x03\x04", "a,b", `say "hi"`, "two\nlines", "cr\r", "\ttab", "é", "\x00", "\x00\x00\x00", "\x00a\x00b", "7", `{"key":"x"}`}
	rapid.Check(t, func(rt *rapid.T) {
		keys := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(odd), rapid.StringN(1, 12, 40)), 1, 20).Draw(rt, "keys")
		for _, format := range []list.Format{list.CSV, list.NDJSON} {
			var file bytes.Buffer
			w := list.NewWriter(&file, format)
			for _, key := range keys {
				if err := w.Append([]byte(key)); err != nil {
					rt.Fatal(err)
				}
			}
			if err := w.Flush(); err != nil {
				rt.Fatal(err)
			}
			got := new(gathered)
			sum, err := list.Read(t.Context(), &file, list.Options{Format: format}, []list.Sink{got})
			if err != nil || !slices.Equal(got.keys, keys) || sum.Skipped > 0 {
				rt.Fatalf("format %d: %q was read as %q, %+v, %v", format, keys, got.keys, sum, err)
			}
		}
	})
}
