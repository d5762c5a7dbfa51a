package segment_test

import (
	"math"
	"testing"
	"time"

	"muster/internal/segment"
)

func TestTheGuardHoldsWhatIsTooMuch(t *testing.T) {
	off, ten, yes := -1.0, 10.0, true
	tests := map[string]struct {
		set  segment.GuardSettings
		sync segment.Sync
		want segment.HoldReason
	}{
		"30 % may go":                                 {sync: segment.Sync{Members: 1000, Removed: 300, MembersAfter: 700}},
		"more may not":                                {sync: segment.Sync{Members: 1000, Removed: 301, MembersAfter: 699}, want: segment.HeldShrink},
		"a small segment may lose anybody":            {sync: segment.Sync{Members: 999, Removed: 900, MembersAfter: 99}},
		"what went lately counts":                     {sync: segment.Sync{Members: 800, Removed: 150, RemovedLately: 200, MembersAfter: 650}, want: segment.HeldShrink},
		"a segment that was filled lately counts":     {sync: segment.Sync{Members: 2000, Removed: 700, AddedLately: 2000, MembersAfter: 1300}, want: segment.HeldShrink},
		"an empty list is no list":                    {sync: segment.Sync{Members: 3, Removed: 3, Whole: true}, want: segment.HeldEmpty},
		"the last one may leave":                      {sync: segment.Sync{Members: 1, Removed: 1}},
		"an empty list over an empty segment":         {sync: segment.Sync{Whole: true}},
		"an empty list that is allowed still shrinks": {set: segment.GuardSettings{AllowEmpty: &yes}, sync: segment.Sync{Members: 5000, Removed: 5000, Whole: true}, want: segment.HeldShrink},
		"no limit":                                     {set: segment.GuardSettings{Shrink: &off}, sync: segment.Sync{Members: 5000, Removed: 4999, MembersAfter: 1}},
		"growth has no limit unless one is set":        {sync: segment.Sync{Members: 1000, Added: 100000, MembersAfter: 101000}},
		"growth beyond a limit that is set":            {set: segment.GuardSettings{Growth: &ten}, sync: segment.Sync{Members: 1000, Added: 101, MembersAfter: 1101}, want: segment.HeldGrowth},
		"a sync that removes nobody is never to blame": {sync: segment.Sync{Members: 500, Added: 1, RemovedLately: 600, MembersAfter: 501}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got, limit := tt.set.Over(segment.DefaultGuard).Check(tt.sync); got != tt.want {
				t.Errorf("%q at limit %v, want %q", got, limit, tt.want)
			}
		})
	}
}

func TestLimitsThatMakeNoSenseAreRefused(t *testing.T) {
	number := func(v float64) *float64 { return &v }
	window := func(d time.Duration) *time.Duration { return &d }
	negative := int64(-1)
	tests := map[string]struct {
		set segment.GuardSettings
		ok  bool
	}{
		"nothing set":                    {segment.GuardSettings{}, true},
		"everything may leave":           {segment.GuardSettings{Shrink: number(100)}, true},
		"nobody may leave":               {segment.GuardSettings{Shrink: number(0)}, true},
		"off":                            {segment.GuardSettings{Shrink: number(-1), Growth: number(-1)}, true},
		"more than everybody":            {segment.GuardSettings{Shrink: number(101)}, false},
		"less than nobody":               {segment.GuardSettings{Growth: number(-2)}, false},
		"no number":                      {segment.GuardSettings{Growth: number(math.NaN())}, false},
		"members below zero":             {segment.GuardSettings{Members: &negative}, false},
		"a window of an hour":            {segment.GuardSettings{Window: window(time.Hour)}, true},
		"a window that nobody remembers": {segment.GuardSettings{Window: window(time.Hour + time.Second)}, false},
		"no window":                      {segment.GuardSettings{Window: window(0)}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := tt.set.Validate(); (err == nil) != tt.ok {
				t.Errorf("error %v", err)
			}
		})
	}
}
