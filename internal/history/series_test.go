package history

import (
	"slices"
	"testing"
	"time"

	"muster/internal/segment"
)

func TestSizesFollowFromThePresentOneAndTheRuns(t *testing.T) {
	from := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return from.Add(time.Duration(minutes) * time.Minute) }
	runs := []segment.Run{ // newest first
		{ID: "6", State: segment.RunRejected, ReceivedAt: at(46)},
		{ID: "5", State: segment.RunLive, Kind: segment.RollbackRun, ReceivedAt: at(40), LiveAt: at(41), Removed: 20},
		{ID: "4", State: segment.RunHeld, ReceivedAt: at(35), Hold: &segment.Hold{Removed: 90}},
		{ID: "3", State: segment.RunLive, ReceivedAt: at(14), LiveAt: at(31), Added: 20}, // took long
		{ID: "2", State: segment.RunRolledBack, ReceivedAt: at(13), LiveAt: at(13), Added: 90, Removed: 10},
		{ID: "1", State: segment.RunLive, ReceivedAt: at(-90), LiveAt: at(-89), Added: 1000}, // of another segment of the key
	}
	sizes := func(s Series) (sizes []int64) {
		for _, b := range s.Buckets {
			sizes = append(sizes, b.Members)
		}
		return sizes
	}
	s := Series{From: from, Every: 15 * time.Minute, At: at(50), Members: 100}
	s.count(runs, at(-60))
	if got := sizes(s); !slices.Equal(got, []int64{100, 100, 100, 100}) {
		t.Errorf("sizes %v", got)
	}
	want := []Bucket{
		{At: at(0), Members: 100, Added: 90, Removed: 10, Runs: 1},
		{At: at(15), Members: 100},
		{At: at(30), Members: 100, Added: 20, Removed: 20, Runs: 2, Held: 1},
		{At: at(45), Members: 100, Failed: 1},
	}
	if !slices.Equal(s.Buckets, want) {
		t.Errorf("buckets %+v", s.Buckets)
	}
	if len(s.Marks) != 2 || s.Marks[0].Run != "4" || !s.Marks[0].Held || s.Marks[1].Run != "5" {
		t.Errorf("marks %+v", s.Marks)
	}
	s = Series{From: from, Every: 15 * time.Minute, At: at(50), Members: 100}
	s.count(runs, at(20)) // what came before was of another segment of this key
	if got := sizes(s); !slices.Equal(got, []int64{-1, 100, 100, 100}) {
		t.Errorf("sizes of a new segment %v", got)
	}
	many := make([]segment.Run, MaxSeriesRuns)
	for i := range many {
		many[i] = segment.Run{State: segment.RunLive, ReceivedAt: at(40), LiveAt: at(40), Added: 1}
	}
	s = Series{From: from, Every: 15 * time.Minute, At: at(50), Members: 50_000}
	s.count(many, at(-60))
	if got := sizes(s); !slices.Equal(got, []int64{-1, -1, 50_000, 50_000}) || !s.Complete.Equal(at(40)) {
		t.Errorf("sizes %v of too many runs, complete since %v", got, s.Complete)
	}
}

func TestWhatAGuardWouldHaveHeld(t *testing.T) {
	made := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return made.Add(time.Duration(minutes) * time.Minute) }
	delta := func(id segment.RunID, minutes, added, removed int) segment.Run {
		return segment.Run{ID: id, State: segment.RunLive, Kind: segment.PushRun, ReceivedAt: at(minutes), Added: added, Removed: removed}
	}
	runs := []segment.Run{
		delta("late", 60, 0, 100),
		{ID: "kept", State: segment.RunHeld, Kind: segment.ReplaceRun, Mode: segment.Replace, ReceivedAt: at(50), Hold: &segment.Hold{Removed: 1100}},
		delta("second", 31, 0, 200),
		delta("first", 30, 0, 200),
		{ID: "hand", State: segment.RunLive, Kind: segment.EditRun, ReceivedAt: at(10), Added: 500},
		delta("fill", 0, 1100, 0),
		delta("before", -10, 0, 9999),
	}
	g := segment.Guard{Shrink: 20, Members: 100, Window: 10 * time.Minute, Growth: -1}
	got := tried(runs, 1100, made, g)
	if got.Runs != 5 || got.Held != 2 || !slices.Equal(got.Examples, []segment.RunID{"kept", "second"}) || !got.Since.Equal(made) {
		t.Errorf("%+v", got)
	}
	g.Shrink = -1
	if got := tried(runs, 1100, made, g); got.Held != 1 { // nobody may be left
		t.Errorf("%+v", got)
	}
	g.AllowEmpty = true
	if got := tried(runs, 1100, made, g); got.Held != 0 {
		t.Errorf("%+v", got)
	}
}
