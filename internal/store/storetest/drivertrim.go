package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"muster/internal/segment"
	"muster/internal/store"
)

func testTrim(t *testing.T, m Machine[Drive]) {
	d := m.Start(t)
	for i := range 10 {
		write(t, d.Log, []store.Record{record("a", segment.Revision(i+1), fmt.Sprint(i)), record("ab", segment.Revision(i+1), fmt.Sprint(i))})
	}
	for _, through := range []segment.Revision{4, 2, 4} { // a repeat, or less, changes nothing
		if err := d.Log.Trim(t.Context(), "a", through); err != nil {
			t.Fatalf("trim: %v", err)
		}
	}
	write(t, d.Log, nil, row(4, "after the trim", ""))
	for range 2 {
		for after := range segment.Revision(4) {
			if err := lastError(d.Log.Read(t.Context(), "a", after)); !errors.Is(err, store.ErrTrimmed) {
				t.Errorf("read after %d, which was trimmed: %v", after, err)
			}
		}
		if got := logOf(t, d.Log, "a", 4); len(got) != 6 || got[0] != "4" {
			t.Errorf("the rest is %q", got)
		}
		if got := logOf(t, d.Log, "ab", 0); len(got) != 10 {
			t.Errorf("another log has %d of 10 records", len(got))
		}
		m.Cut(t)
		d = m.Start(t)
	}
	if err := d.Log.Trim(t.Context(), "a", 1000); err != nil {
		t.Fatalf("trim: %v", err)
	}
	write(t, d.Log, []store.Record{record("a", 11, "10")})
	if got := logOf(t, d.Log, "a", 9); len(got) != 2 {
		t.Errorf("after all was trimmed the log has %q; want the newest record and the one after it", got)
	}
	m.Stop(t)
}

func testSize(t *testing.T, m Machine[Drive]) {
	const records, bytes = 40, 100_000
	d := m.Start(t)
	rng := rand.NewChaCha8([32]byte{1})
	value := make([]byte, bytes)
	for i := range records {
		_, _ = rng.Read(value) // never fails; nothing that could be compressed
		write(t, d.Log, []store.Record{record("a", segment.Revision(i+1), string(value)), record("ab", segment.Revision(i+1), "small")})
	}
	m.Stop(t) // what was written in the last moments need not be known
	d = m.Start(t)
	size := func(env segment.EnvID, after segment.Revision) int64 {
		n, err := d.Log.Size(t.Context(), env, after)
		if err != nil {
			t.Fatalf("size of %s after %d: %v", env, after, err)
		}
		return n
	}
	about := func(what string, got, want int64) {
		if got < want*9/10 || got > want*11/10+bytes {
			t.Errorf("%s take %d bytes, want about %d", what, got, want)
		}
	}
	about("all records", size("a", 0), records*bytes)
	about("half of them", size("a", records/2), records/2*bytes)
	about("small ones", size("ab", 0), 0)
	about("no records", size("a", records), 0)
	about("records of an unknown environment", size("b", 0), 0)
	before := size("a", 0)
	for after := range segment.Revision(records) {
		now := size("a", after)
		if now > before {
			t.Errorf("after %d there is more than after %d", after, after-1)
		}
		before = now
	}
	m.Stop(t)
	if _, err := d.Log.Size(t.Context(), "a", 0); !errors.Is(err, store.ErrClosed) {
		t.Errorf("size of a closed log: %v", err)
	}
}
