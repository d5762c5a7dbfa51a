package engine_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

var (
	runSegments = []segment.Key{"a", "a.b", "b"}
	runTools    = []string{"", "one", "two"}
	runStates   = []segment.RunState{segment.RunReceived, segment.RunLive, segment.RunHeld, segment.RunRejected}
)

// runBook is the state of the property test: the ledger as a map.
type runBook struct {
	d    *disk
	now  time.Time
	runs map[segment.RunID]segment.Run
	n    int
}

// TestTheLedgerIsWhatAMapSays records runs and their states, some of them together, forgets old ones
// and starts again, and lists them by everything that can be selected.
func TestTheLedgerIsWhatAMapSays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		x := &runBook{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), runs: map[segment.RunID]segment.Run{}}
		o := engine.Options{Now: func() time.Time { return x.now }, RunAge: 24 * time.Hour, Logger: slog.New(slog.DiscardHandler)}
		x.d = &disk{fs: vfs.NewMem(), dir: "data", o: o}
		x.d.open(t)
		defer func() { x.d.close(t) }()
		x.d.found(t)
		rt.Repeat(map[string]func(*rapid.T){
			"record":   func(rt *rapid.T) { x.record(rt, t) },
			"record 2": func(rt *rapid.T) { x.record(rt, t) },
			"forget": func(rt *rapid.T) {
				x.now = x.now.Add(time.Duration(rapid.IntRange(1, 20).Draw(rt, "hours")) * time.Hour)
				x.d.Forget()
				for id, r := range x.runs {
					open := r.State == segment.RunReceived || r.State == segment.RunHeld
					if !open && r.ReceivedAt.Before(x.now.Add(-24*time.Hour)) {
						delete(x.runs, id)
					}
				}
			},
			"reopen": func(*rapid.T) { x.d.reopen(t) },
			"":       func(rt *rapid.T) { x.list(rt) },
		})
	})
}

// record records some runs in one write, new ones and ones that are known.
func (x *runBook) record(rt *rapid.T, t *testing.T) {
	var runs []segment.Run
	for range rapid.IntRange(1, 4).Draw(rt, "runs") {
		x.now = x.now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 1e6, 1e10}).Draw(rt, "later")))
		x.n++
		r := segment.Run{ID: segment.RunID(fmt.Sprintf("%024d", x.n)), Env: testEnv, ReceivedAt: x.now}
		known := slices.SortedFunc(func(yield func(segment.Run) bool) {
			for _, k := range x.runs {
				if !yield(k) {
					return
				}
			}
		}, func(a, b segment.Run) int { return cmp.Compare(a.ID, b.ID) })
		if len(known) > 0 && rapid.Bool().Draw(rt, "known") {
			r = rapid.SampledFrom(known).Draw(rt, "run")
		}
		r.Segment = rapid.SampledFrom(runSegments).Draw(rt, "segment")
		r.Tool = rapid.SampledFrom(runTools).Draw(rt, "tool")
		r.State = rapid.SampledFrom(runStates).Draw(rt, "state")
		r.Comment = fmt.Sprint(x.n)
		if r.State == segment.RunLive {
			r.LiveAt = x.now // else the engine fills it in
		}
		runs = append(runs, r)
	}
	x.d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		for _, r := range runs {
			tx.Record(r)
		}
		return nil
	})
	for _, r := range runs {
		x.runs[r.ID] = r
	}
}

func (x *runBook) list(rt *rapid.T) {
	q := store.RunQuery{
		Segment: rapid.SampledFrom(append([]segment.Key{"", "none"}, runSegments...)).Draw(rt, "of segment"),
		Tool:    rapid.SampledFrom(runTools).Draw(rt, "of tool"),
		State:   rapid.SampledFrom(append([]segment.RunState{""}, runStates...)).Draw(rt, "in state"),
		Limit:   rapid.IntRange(0, 3).Draw(rt, "limit"), Offset: rapid.IntRange(0, 3).Draw(rt, "offset"),
	}
	if rapid.Bool().Draw(rt, "of some") {
		of := rapid.SliceOfDistinct(rapid.SampledFrom(append([]segment.Key{"", "none"}, runSegments...)), func(k segment.Key) segment.Key { return k }).Draw(rt, "of")
		q.Of = func(k segment.Key) bool { return slices.Contains(of, k) }
	}
	var all, want []segment.Run
	for _, r := range x.runs {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b segment.Run) int {
		return cmp.Or(b.ReceivedAt.Compare(a.ReceivedAt), cmp.Compare(b.ID, a.ID))
	})
	if len(all) > 0 && rapid.Bool().Draw(rt, "after") {
		q.After = rapid.SampledFrom(all).Draw(rt, "after").ReceivedAt
	}
	if len(all) > 0 && rapid.Bool().Draw(rt, "before") {
		q.Before = rapid.SampledFrom(all).Draw(rt, "before").ReceivedAt
	}
	for _, r := range all {
		if (q.Segment == "" || q.Segment == r.Segment) && (q.Of == nil || q.Of(r.Segment)) && (q.Tool == "" || q.Tool == r.Tool) && (q.State == "" || q.State == r.State) &&
			(q.After.IsZero() || r.ReceivedAt.After(q.After)) && (q.Before.IsZero() || r.ReceivedAt.Before(q.Before)) {
			want = append(want, r)
		}
	}
	got, n, err := x.d.Runs(rt.Context(), testEnv, q)
	if err != nil || n != len(want) {
		rt.Fatalf("%+v selects %d runs, %v, want %d", q, n, err, len(want))
	}
	want = want[min(q.Offset, len(want)):]
	if q.Limit > 0 {
		want = want[:min(q.Limit, len(want))]
	}
	if len(got)+len(want) > 0 && !slices.EqualFunc(got, want, sameRun) {
		rt.Fatalf("%+v lists %v, want %v", q, got, want)
	}
	for _, k := range runSegments { // each time, so that what is kept of them must not grow old
		i := slices.IndexFunc(all, func(r segment.Run) bool { return r.Segment == k })
		last, _, err := x.d.Runs(rt.Context(), testEnv, store.RunQuery{Segment: k, Limit: 1})
		if err != nil || (i < 0) != (len(last) == 0) || i >= 0 && !sameRun(last[0], all[i]) {
			rt.Fatalf("the newest run of %s is %v, %v", k, last, err)
		}
	}
}

// TestRunsOfSegmentsThatHaveHadNoneForLong lists runs that stand behind so many others that looking for them
// among all would take longest.
func TestRunsOfSegmentsThatHaveHadNoneForLong(t *testing.T) {
	const runs, rare = 3000, 30
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := newDisk(t, engine.Options{Now: func() time.Time { return start }})
	d.found(t)
	var all []segment.Run // newest first
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		all = nil
		for n := range runs {
			r := segment.Run{
				ID: segment.RunID(fmt.Sprintf("%024d", n)), Env: testEnv, Segment: "busy", Tool: "one", State: runStates[n%4],
				ReceivedAt: start.Add(time.Duration(n/3) * time.Second), LiveAt: start, // some come at once
			}
			if n < rare {
				r.Segment, r.Tool = segment.Key(fmt.Sprintf("rare-%d", n%7)), runTools[n%3]
			}
			tx.Record(r)
			all = append(all, r)
		}
		return nil
	})
	slices.Reverse(all)
	of := func(r *segment.Run) bool { return r.Segment >= "rare-2" }
	for _, q := range []store.RunQuery{
		{},
		{Limit: 5},
		{Limit: 5, Offset: 5},
		{Limit: 4, Offset: 16},
		{Offset: 20},
		{Limit: 3, Offset: 1000},
		{State: segment.RunLive},
		{Tool: "two", Limit: 2},
		{Tool: "two", State: segment.RunHeld, Offset: 1},
		{After: start.Add(2 * time.Second), Limit: 5},
		{Before: start.Add(6 * time.Second), Limit: 5, Offset: 3},
		{After: start.Add(time.Second), Before: start.Add(7 * time.Second), State: segment.RunLive},
		{Segment: "rare-3", Limit: 2},
		{Segment: "rare-1", Limit: 2},
		{Segment: "busy", Limit: 2},
	} {
		var want []segment.Run
		for _, r := range all {
			if of(&r) && (q.State == "" || q.State == r.State) && (q.Tool == "" || q.Tool == r.Tool) && (q.Segment == "" || q.Segment == r.Segment) &&
				(q.After.IsZero() || r.ReceivedAt.After(q.After)) && (q.Before.IsZero() || r.ReceivedAt.Before(q.Before)) {
				want = append(want, r)
			}
		}
		total := len(want)
		want = want[min(q.Offset, total):]
		if q.Limit > 0 {
			want = want[:min(q.Limit, len(want))]
		}
		shown := fmt.Sprintf("%+v", q)
		q.Of = func(k segment.Key) bool { return of(&segment.Run{Segment: k}) }
		got, n, err := d.Runs(t.Context(), testEnv, q)
		if err != nil || n != total || !slices.EqualFunc(got, want, sameRun) {
			t.Errorf("%s lists %d of %d, %v; want %d of %d:\n%v\n%v", shown, len(got), n, err, len(want), total, got, want)
		}
	}
}

func sameRun(a, b segment.Run) bool {
	return a.ID == b.ID && a.Comment == b.Comment && a.State == b.State && a.Segment == b.Segment && a.Tool == b.Tool && a.ReceivedAt.Equal(b.ReceivedAt)
}

func TestARunIsFoundByTheRevisionThatItMade(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := newDisk(t, engine.Options{Now: func() time.Time { return now }})
	d.found(t)
	run := segment.Run{ID: "000000000000000000000001", Env: testEnv, Segment: "vip", State: segment.RunReceived, ReceivedAt: now}
	scope := store.Scope{Env: testEnv}
	d.update(t, scope, func(tx store.Tx) error { tx.Record(run); return nil })
	c := &segment.Changes{}
	c.Append(userKey(1), segment.Include)
	st, err := d.Stage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Discard()
	run.State = segment.RunLive
	rev := d.update(t, scope, func(tx store.Tx) error {
		_, err := tx.Apply(testEnv, "vip", st)
		tx.Record(run)
		return err
	})
	live := now
	want := func(rev segment.Revision, state segment.RunState) {
		t.Helper()
		got, ok, err := d.RunAt(t.Context(), testEnv, "vip", rev)
		if !ok || err != nil || got.State != state || got.Revision != rev || !got.LiveAt.Equal(live) {
			t.Errorf("run of revision %d is %+v, %t, %v", rev, got, ok, err)
		}
	}
	want(rev, segment.RunLive)
	d.reopen(t)
	now = now.Add(time.Hour)
	run, _, err = d.Run(t.Context(), testEnv, run.ID)
	if err != nil {
		t.Fatal(err)
	}
	run.State = segment.RunRolledBack
	d.update(t, scope, func(tx store.Tx) error { tx.Record(run); return nil })
	d.apply(t, "vip", segment.Include, 2, 3)
	want(rev, segment.RunRolledBack)
	run.State = segment.RunLive // somebody thought better of it
	d.update(t, scope, func(tx store.Tx) error { tx.Record(run); return nil })
	want(rev, segment.RunLive)
	for _, at := range []struct {
		segment  segment.Key
		revision segment.Revision
	}{{"vip", rev + 1}, {"vip", 0}, {"other", rev}} {
		if r, ok, err := d.RunAt(t.Context(), testEnv, at.segment, at.revision); ok || err != nil {
			t.Errorf("revision %d of %s was made by %+v, %v", at.revision, at.segment, r, err)
		}
	}
}

func TestOldRunsAreForgottenWithWhatTheyRejected(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := newDisk(t, engine.Options{Now: func() time.Time { return now }})
	d.found(t)
	id := func(n int) segment.RunID { return segment.RunID(fmt.Sprintf("%024d", n)) }
	record := func(n int, state segment.RunState) {
		d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
			tx.Record(segment.Run{ID: id(n), Env: testEnv, Segment: "vip", State: state, ReceivedAt: now, LiveAt: now, Revision: segment.Revision(n)})
			return nil
		})
		name := store.DocumentID("rejects/" + id(n))
		if err := d.PutDocument(t.Context(), testEnv, name, func(w io.Writer) error { _, err := io.WriteString(w, "row"); return err }); err != nil {
			t.Fatal(err)
		}
	}
	const many = 600 // more than one write forgets
	for n := range many {
		record(n, segment.RunLive)
	}
	for i, s := range []segment.RunState{segment.RunReceived, segment.RunStaged, segment.RunHeld} {
		record(many+i, s)
	}
	now = now.Add(90*24*time.Hour + time.Second)
	record(many+3, segment.RunLive)
	d.Forget()
	for range 2 {
		runs, n, err := d.Runs(t.Context(), testEnv, store.RunQuery{Segment: "vip"})
		if err != nil || n != 4 || len(runs) != 4 {
			t.Errorf("%d runs of %d are left, %v", len(runs), n, err)
		}
		if _, ok, err := d.RunAt(t.Context(), testEnv, "vip", 7); ok || err != nil {
			t.Errorf("a forgotten run is found by its revision: %v", err)
		}
		if _, err := d.OpenDocument(t.Context(), testEnv, store.DocumentID("rejects/"+id(7))); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("what a forgotten run rejected: %v", err)
		}
		files := 0
		for range d.driver.List(t.Context()) {
			files++
		}
		if files != 4 {
			t.Errorf("%d files, want one for each run", files)
		}
		d.reopen(t)
	}
}

// The tables of a ledger as the first version wrote it, and those that came later.
const (
	oldRunOfSegment store.Table = 15
	oldRunCount     store.Table = 16
	runOfRevision   store.Table = 25
	runIndex        store.Table = 27
	runTally        store.Table = 28
)

func TestTheLedgerOfAnOlderVersionIsIndexedAtTheStart(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	for n := range 30 {
		d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
			tx.Record(segment.Run{
				ID: segment.RunID(fmt.Sprintf("%024d", n)), Env: testEnv, Segment: runSegments[n%3], Tool: "one",
				State: runStates[n%4], ReceivedAt: time.Unix(int64(n), 0), LiveAt: time.Unix(int64(n), 0), Revision: segment.Revision(n),
			})
			return nil
		})
	}
	var rows []store.Row
	for _, table := range []store.Table{runOfRevision, runIndex, runTally} {
		n := len(rows)
		for row, err := range d.driver.Rows(t.Context(), table, nil, false) {
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, store.Row{Table: table, Key: slices.Clone(row.Key)})
		}
		if len(rows) == n {
			t.Errorf("table %d is empty", table)
		}
	}
	env := string(testEnv)
	rows = append(rows,
		store.Row{Table: oldRunOfSegment, Key: []byte(env + "\x00a\x00" + fmt.Sprintf("%024d", 0)), Value: []byte{}},
		store.Row{Table: oldRunCount, Key: []byte(env + "\x00a"), Value: append([]byte{10}, fmt.Sprintf("%024d", 27)...)})
	if err := d.driver.Write(t.Context(), nil, rows); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		d.reopen(t)
		runs, n, err := d.Runs(t.Context(), testEnv, store.RunQuery{Segment: "a.b", State: segment.RunLive, Limit: 1})
		if err != nil || n != 3 || len(runs) != 1 || runs[0].ID != segment.RunID(fmt.Sprintf("%024d", 25)) {
			t.Errorf("%v of %d, %v", runs, n, err)
		}
		if r, ok, err := d.RunAt(t.Context(), testEnv, "a.b", 4); !ok || err != nil || r.Revision != 4 {
			t.Errorf("run of a revision: %+v, %t, %v", r, ok, err)
		}
		for _, table := range []store.Table{oldRunOfSegment, oldRunCount} {
			for row := range d.driver.Rows(t.Context(), table, nil, false) {
				t.Errorf("row %q of table %d is left", row.Key, table)
			}
		}
	}
}

func BenchmarkPageOfRuns(b *testing.B) {
	const runs = 100_000
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := newDisk(b, engine.Options{Now: func() time.Time { return start }})
	d.found(b)
	for n := 0; n < runs; {
		d.update(b, store.Scope{Env: testEnv}, func(tx store.Tx) error {
			for range 1000 {
				r := segment.Run{
					ID: segment.RunID(fmt.Sprintf("%024d", n)), Env: testEnv, Segment: segment.Key(fmt.Sprintf("s%d", n%50)),
					Tool: runTools[1+n%2], State: segment.RunLive, ReceivedAt: start.Add(time.Duration(n) * time.Second),
				}
				if n%100 == 0 {
					r.State = segment.RunRejected
				}
				if n == 5 {
					r.State = segment.RunHeld
				}
				if n < 10 {
					r.Segment = "old"
				}
				tx.Record(r)
				n++
			}
			return nil
		})
	}
	for _, bb := range []struct {
		name string
		q    store.RunQuery
	}{
		{"the newest", store.RunQuery{}},
		{"the oldest", store.RunQuery{Offset: runs - 20}},
		{"of a segment", store.RunQuery{Segment: "s7"}},
		{"of a segment in a rare state", store.RunQuery{Segment: "s5", State: segment.RunHeld}},
		{"of a segment and another tool", store.RunQuery{Segment: "s7", Tool: "one"}},
		{"in a state", store.RunQuery{State: segment.RunRejected}},
		{"of a tool", store.RunQuery{Tool: "two", Offset: 10_000}},
		{"of a tool in a state", store.RunQuery{Tool: "one", State: segment.RunRejected}},
		{"of a day long ago", store.RunQuery{After: start.Add(time.Hour), Before: start.Add(25 * time.Hour)}},
		{"before a day long ago, of a tool", store.RunQuery{Before: start.Add(25 * time.Hour), Tool: "one"}},
		{"of all times but the first hour", store.RunQuery{After: start.Add(time.Hour)}},
		{"of every other segment", store.RunQuery{Of: func(k segment.Key) bool { return k[len(k)-1]%2 == 0 }}},
		{"of five segments in a rare state", store.RunQuery{Of: func(k segment.Key) bool { return k[len(k)-1] == '5' }, State: segment.RunHeld}},
		{"of five segments, a page in the middle", store.RunQuery{Of: func(k segment.Key) bool { return k[len(k)-1] == '5' }, Offset: 5000}},
		{"of one segment that has had none for long", store.RunQuery{Of: func(k segment.Key) bool { return k == "old" }}},
	} {
		bb.q.Limit = 20
		b.Run(bb.name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := d.Runs(b.Context(), testEnv, bb.q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
