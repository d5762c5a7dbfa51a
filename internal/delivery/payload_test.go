package delivery

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"muster/internal/segment"
)

// payloadOf is what SDKs load, put together anew.
func payloadOf(flags, segments map[string]segment.Definition) string {
	object := func(all map[string]segment.Definition) string {
		var members []string
		for _, key := range slices.Sorted(maps.Keys(all)) {
			members = append(members, fmt.Sprintf("%q:%s", key, all[key].JSON))
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	return `{"flags":` + object(flags) + `,"segments":` + object(segments) + "}"
}

func unzipped(t rapid.TB, pieces [][]byte) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(bytes.Join(pieces, nil)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// However an environment came about, SDKs load the same bytes, and the tag is another one exactly when
// these are.
func TestPayloadsAreWhatIsThere(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBuild(emptySnapshot(), graph{})
		flags, segments := map[string]segment.Definition{}, map[string]segment.Definition{}
		tags := map[string]string{}
		for rev := range segment.Revision(rapid.IntRange(1, 8).Draw(rt, "snapshots")) {
			for range rapid.IntRange(0, 40).Draw(rt, "changes") {
				key := fmt.Sprintf("key-%d", rapid.IntRange(0, 99).Draw(rt, "key"))
				d := boolFlag(t, key, rapid.IntRange(1, 2).Draw(rt, "version"), true)
				all := flags
				if rapid.Bool().Draw(rt, "segment") {
					d, all = bigSegment(t, key), segments
				}
				if rapid.IntRange(0, 3).Draw(rt, "gone") == 0 {
					d.JSON = nil
					delete(all, key)
				} else {
					all[key] = d
				}
				if err := b.apply(rev+1, d); err != nil {
					rt.Fatal(err)
				}
			}
			s := b.finish()
			want := payloadOf(flags, segments)
			p := s.Payload()
			if got := string(bytes.Join(p.JSON, nil)); got != want {
				rt.Fatalf("payload is %s, not %s", got, want)
			}
			if got := unzipped(rt, p.Gzip()); got != want {
				rt.Fatalf("compressed payload is %s, not %s", got, want)
			}
			if got := `{"flags":` + unzipped(rt, s.Flags().Gzip()); !strings.HasPrefix(want, got+`,"segments":`) {
				rt.Fatalf("compressed flags are %s, of %s", got, want)
			}
			if second := s.Transfer(""); unzipped(rt, second.Gzip()) != string(bytes.Join(second.JSON, nil)) {
				rt.Fatalf("the transfer is another one when it is compressed")
			}
			if tag, known := tags[want]; known && tag != p.ETag {
				rt.Fatalf("one payload has the tags %s and %s", tag, p.ETag)
			}
			if slices.Contains(slices.Collect(maps.Values(tags)), p.ETag) && tags[want] == "" {
				rt.Fatalf("two payloads have the tag %s", p.ETag)
			}
			tags[want] = p.ETag
			b = newBuild(s, b.graph)
		}
	})
}

// A change of one flag encodes and compresses what stands around it, nothing else.
func TestPayloadsShareWhatDidNotChange(t *testing.T) {
	l := newMemoryLog()
	var all []segment.Definition
	for i := range 2_000 {
		all = append(all, boolFlag(t, fmt.Sprintf("flag-%d", i), 1, true), bigSegment(t, fmt.Sprintf("segment-%d", i)))
	}
	l.commit(define(all...))
	d := open(t, l, Options{})
	current := func() *Payload {
		s, err := d.Current(t.Context(), env, "")
		if err != nil {
			t.Fatal(err)
		}
		return s.Payload()
	}
	shared := func(before, after [][]byte) (fresh int) {
		held := map[*byte]bool{}
		for _, piece := range before {
			held[&piece[0]] = true
		}
		for _, piece := range after {
			if len(piece) > 256 && !held[&piece[0]] {
				fresh++
			}
		}
		return fresh
	}
	first := current()
	l.commit(define(boolFlag(t, "flag-77", 2, false)))
	second := current()
	if n := shared(first.JSON, second.JSON); n != 1 {
		t.Errorf("a change of one flag encoded %d of %d pieces", n, len(second.JSON))
	}
	if n := shared(first.Gzip(), second.Gzip()); n != 1 {
		t.Errorf("a change of one flag compressed %d of %d pieces", n, len(second.Gzip()))
	}
	l.commit(define(segment.Definition{Kind: segment.SegmentDefinition, Key: "segment-77", Version: 2}))
	if n := shared(second.JSON, current().JSON); n != 1 {
		t.Errorf("the end of one segment encoded %d pieces", n)
	}
}
