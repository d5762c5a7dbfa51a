package engine

import (
	"testing"
	"time"
)

func TestThePaceFallsWithWhatWaits(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	for _, c := range []struct {
		name    string
		changes int
		pending int64
		want    time.Duration
	}{
		{"nothing waits", 10_000, 0, 0},
		{"half of the limit", 10_000, 2_000_000, 0},
		{"three quarters", 10_000, 3_000_000, 10 * time.Millisecond},
		{"a single change", 1, 3_000_000, time.Microsecond},
		{"no change", 0, 3_000_000, 0},
		{"the limit", 1, 4_000_000, longestPause},
		{"beyond", 1, 5_000_000, longestPause},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p pacer
			if got := p.pause(now, c.changes, c.pending, 4_000_000); got != c.want {
				t.Errorf("pause of %v, want %v", got, c.want)
			}
		})
	}
}

func TestWritersShareThePace(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	var p pacer
	for i := 1; i <= 3; i++ {
		if got, want := p.pause(now, 10_000, 3_000_000, 4_000_000), time.Duration(i)*10*time.Millisecond; got != want {
			t.Errorf("writer %d waits %v, want %v", i, got, want)
		}
	}
	if got, want := p.pause(now.Add(time.Second), 10_000, 3_000_000, 4_000_000), 10*time.Millisecond; got != want {
		t.Errorf("after a second a writer waits %v, want %v", got, want)
	}
	for range 1000 {
		p.pause(now, 10_000, 3_000_000, 4_000_000)
	}
	if got := p.pause(now, 10_000, 3_000_000, 4_000_000); got > longestPause {
		t.Errorf("an answer is kept back for %v, want %v at most", got, longestPause)
	}
}
