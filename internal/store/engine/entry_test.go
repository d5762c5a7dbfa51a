package engine

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"muster/internal/segment"
	"muster/internal/store"
)

func sampleEntries() map[string]*entry {
	at := time.Unix(1_700_000_000, 123).UTC()
	return map[string]*entry{
		"nothing":     {at: at},
		"environment": {at: at, environment: true},
		"definitions": {at: at, definitions: []segment.Definition{
			{Kind: segment.SegmentDefinition, Key: "vip", Version: 3, JSON: []byte(`{"key":"vip"}`)},
			{Kind: segment.FlagDefinition, Key: "gone", Version: math.MaxInt32},
			{Kind: segment.FlagDefinition, Key: "empty", JSON: []byte{}},
		}},
		"members": {at: at, deltas: []*delta{
			{
				ref: segment.Ref{Key: "vip", Generation: 1}, change: segment.Counts{Included: 1, Excluded: -1},
				hashes: []segment.Hash{{1}, {2}, {3}}, ops: []segment.Ops{segment.Include, segment.Unexclude, segment.Uninclude | segment.Exclude},
			},
			{ref: segment.Ref{Key: "big", Generation: 7}, change: segment.Counts{Included: -5}, file: &fileDelta{id: store.FileID{9}, n: 1 << 20}},
		}},
		"exact members": {at: at, deltas: []*delta{
			{
				ref: segment.Ref{Key: "vip", Generation: 1}, exact: true, left: []byte("\x03ann\x00"),
				hashes: []segment.Hash{{1}, {2}, {3}}, ops: []segment.Ops{segment.Include, segment.Uninclude, segment.Unexclude},
			},
			{ref: segment.Ref{Key: "big", Generation: 1}, exact: true, hashes: []segment.Hash{{1}}, ops: []segment.Ops{segment.Include}},
			{ref: segment.Ref{Key: "file", Generation: 1}, exact: true, effects: []byte{0x55, 0x01}, file: &fileDelta{id: store.FileID{9}, n: 5}},
		}},
		"a move": {at: at, deltas: []*delta{
			{ref: segment.Ref{Key: "big", Generation: 1}, known: []segment.Generation{3, 4}, file: &fileDelta{id: store.FileID{9}, n: 2}},
			{
				ref: segment.Ref{Key: "vip", Generation: 1}, known: []segment.Generation{2}, aside: true, publication: &publication{rosters: []store.FileID{{7}, {8}}},
				hashes: []segment.Hash{{1}}, ops: []segment.Ops{segment.Include},
			},
		}},
	}
}

var compareEntries = cmp.Options{
	cmp.AllowUnexported(entry{}, delta{}, fileDelta{}, publication{}),
	cmpopts.IgnoreFields(delta{}, "m", "revision", "keys", "offs", "counts"),
	cmpopts.IgnoreFields(fileDelta{}, "open"),
}

func TestEntriesAreReadAsWritten(t *testing.T) {
	for name, want := range sampleEntries() {
		t.Run(name, func(t *testing.T) {
			got, err := decodeEntry(want.encode())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, compareEntries); diff != "" {
				t.Errorf("entry changed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDamagedEntriesAreRefused(t *testing.T) {
	for name, en := range sampleEntries() {
		t.Run(name, func(t *testing.T) {
			whole := en.encode()
			for i := range whole {
				if _, err := decodeEntry(whole[:i]); !errors.Is(err, store.ErrCorrupt) {
					t.Fatalf("the first %d bytes give %v", i, err)
				}
				damaged := append([]byte(nil), whole...)
				damaged[i] ^= 0x10
				if _, err := decodeEntry(damaged); !errors.Is(err, store.ErrCorrupt) {
					t.Fatalf("a damaged byte %d gives %v", i, err)
				}
			}
		})
	}
}

func FuzzEntry(f *testing.F) {
	for _, en := range sampleEntries() {
		b := en.encode()
		f.Add(b[:len(b)-4])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		// Past the checksum, where the parser itself must stand.
		d := decoder{b: body}
		en := d.entry()
		if d.broken || len(d.b) > 0 {
			return
		}
		again, err := decodeEntry(en.encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(en, again, compareEntries, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("entry changed (-want +got):\n%s", diff)
		}
	})
}

func FuzzMembershipRow(f *testing.F) {
	f.Add((&membershipRow{created: 1, cut: 9, counts: segment.Counts{Included: 3}, rosters: []store.FileID{{1}, {2}}}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeMembershipRow(b)
		if err != nil {
			return
		}
		again, err := decodeMembershipRow(r.encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, again, cmp.AllowUnexported(membershipRow{})); diff != "" {
			t.Errorf("row changed (-want +got):\n%s", diff)
		}
	})
}
