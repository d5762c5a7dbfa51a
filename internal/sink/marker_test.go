package sink

import (
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"muster/internal/fault"
	"muster/internal/segment"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAMarkerSurvivesItsText(t *testing.T) {
	epoch := segment.Epoch{1, 2, 3}
	at := segment.Cursor{Epoch: epoch, Revision: 12}
	walk := segment.Cursor{Epoch: epoch, Revision: 9, Walking: true}.At(segment.Ref{Key: "a.b", Generation: 3}, segment.HashOf("x"))
	for _, m := range []marker{
		{sink: "64b0c9f2a1d3e4f506172800", writer: newWriter()},
		{sink: "64b0c9f2a1d3e4f506172800", writer: "w", count: 1 << 60, tail: at.At(segment.Ref{Key: "k", Generation: 1}, segment.HashOf("y")), complete: true},
		{sink: "64b0c9f2a1d3e4f506172800", writer: "w", count: 2, tail: at, walk: walk, complete: true, defined: true, sweep: true, resyncs: 12},
		{sink: "64b0c9f2a1d3e4f506172800", writer: "w", tail: at, walk: walk, sweep: true},
	} {
		text := m.String()
		if got, ok := parseMarker(text); !ok || got != m {
			t.Errorf("%q reads as %+v, %t; want %+v", text, got, ok, m)
		}
		if len(text) > MaxMarkerBytes {
			t.Errorf("%d bytes of a marker", len(text))
		}
	}
	// Who walks and is in the middle of an entry begins the entry again.
	m := marker{sink: "s", writer: "w", tail: at.At(segment.Ref{Key: "k", Generation: 1}, segment.HashOf("y")), walk: walk}
	if got, ok := parseMarker(m.String()); !ok || got.tail != at || got.walk != walk {
		t.Errorf("%q reads as %+v", m.String(), got)
	}
}

func FuzzParseMarker(f *testing.F) {
	m := marker{sink: "s", writer: "w", count: 3, tail: segment.Cursor{Revision: 4}, complete: true}
	for _, text := range []string{"", "0", "muster1 a b 1 - .", m.String(), "muster1 s w 3 -cds AA.BB", "muster1 s w 3 -c07 .", "muster2 s w 3 - ."} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if m, ok := parseMarker(text); ok {
			if again, ok := parseMarker(m.String()); !ok || again != m && m.walk == (segment.Cursor{}) {
				t.Errorf("%q reads as %+v and its text as %+v", text, m, again)
			}
		}
	})
}

func TestOperationsLeadToAState(t *testing.T) {
	for _, now := range []segment.Ops{0, segment.Include, segment.Exclude, segment.Include | segment.Exclude} {
		for ops := range segment.Ops(16) {
			if !ops.Valid() {
				continue
			}
			got := toward(now, ops)
			if !got.Valid() {
				t.Fatalf("toward %04b by %04b is %04b", now, ops, got)
			}
			for _, set := range []segment.Ops{segment.Include | segment.Uninclude, segment.Exclude | segment.Unexclude} {
				if (got&set != 0) != (ops&set != 0) {
					t.Errorf("toward %04b by %04b is %04b: other sets", now, ops, got)
				}
			}
			if got.Settled()&^now != 0 || got.Effective(now) != 0 {
				t.Errorf("toward %04b by %04b is %04b", now, ops, got)
			}
		}
	}
}

func TestPausesGrowAndEnd(t *testing.T) {
	down := fault.Unavailablef("down")
	for range 100 {
		if p := pauseAfter(down, 1); p < firstPause/2 || p > firstPause*3/2 {
			t.Errorf("the first pause is %v", p)
		}
		for failures, err := range map[int]error{100: down, 1: fault.Forbiddenf("no"), 2: errors.Join(fault.Invalidf("wrong"), errors.New("x"))} {
			if p := pauseAfter(err, failures); p < lastPause/2 || p > lastPause*3/2 {
				t.Errorf("after %d failures with %v the pause is %v", failures, err, p)
			}
		}
	}
}

func TestAPaceIsKept(t *testing.T) {
	p := pace{rate: 1000}
	began := time.Now()
	for range 5 {
		if err := p.wait(t.Context(), 20); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took < 80*time.Millisecond {
		t.Errorf("100 at a pace of 1,000 a second began within %v", took)
	}
}
