package sink

import (
	"slices"
	"testing"
	"time"
)

func TestTheLargestLagOfEachMinuteIsRemembered(t *testing.T) {
	var h history
	if got := h.minutes(); got != nil {
		t.Errorf("before anything was seen it remembers %v", got)
	}
	at := func(minute int) time.Time {
		return time.Unix(1_800_000_000, 0).Add(time.Duration(minute) * time.Minute)
	}
	want := func(minutes ...time.Duration) {
		t.Helper()
		if got := h.minutes(); !slices.Equal(got, minutes) {
			t.Errorf("it remembers %v, want %v", got, minutes)
		}
	}
	h.note(3*time.Second, at(0))
	h.note(2*time.Second, at(0).Add(30*time.Second))
	want(3 * time.Second)
	h.note(time.Second, at(2))
	want(3*time.Second, 0, time.Second)
	for minute := 3; minute < 200; minute++ {
		h.note(time.Duration(minute)*time.Second, at(minute))
	}
	got := h.minutes()
	if len(got) != 60 || got[0] != 140*time.Second || got[59] != 199*time.Second {
		t.Errorf("of the last hour it remembers %v", got)
	}
	h.note(time.Second, at(100_000))
	if got := h.minutes(); len(got) != 60 || got[0] != 0 || got[58] != 0 || got[59] != time.Second {
		t.Errorf("after a long silence it remembers %v", got)
	}
	h.note(time.Minute, at(1)) // a clock that was set back
	if got := h.minutes(); len(got) != 60 {
		t.Errorf("after the clock went back it remembers %v", got)
	}
}
