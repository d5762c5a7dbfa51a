package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/internal/segment"
	"muster/internal/store"
)

// Driver checks a driver. build returns a machine with an empty disk; it stops with the test.
func Driver(t *testing.T, build func(testing.TB) Machine[Drive]) {
	runAll(t, build, logChecks, rowChecks, fileChecks, driverModelChecks)
}

var logChecks = []check[Drive]{
	{"An unknown environment has head 0 and no records", started(testUnknownEnvironment)},
	{"Records come back in order, after the revision asked for", started(testReadOrder)},
	{"One write holds records of several environments and several of one", started(testWriteSeveral)},
	{"A record that is not the next one writes nothing", started(testErrHead)},
	{"Of two writers of the same revision one wins", started(testRace)},
	{"Writers of different environments do not disturb each other", started(testParallelEnvironments)},
	{"A drop deletes one log whole and no other", started(testDrop)},
	{"A trimmed log lacks its beginning and goes on", testTrim},
	{"The size of a log is known without reading it", testSize},
	{"The store may be used while reading it", started(testNestedUse)},
	{"A cancelled context ends reads and writes", started(testCancelled)},
	{"Acknowledged writes survive a power cut", testPowerCut},
	{"A closed driver says so", testClosedDriver},
}

func record(env segment.EnvID, rev segment.Revision, value string) store.Record {
	return store.Record{Env: env, Revision: rev, Value: []byte(value)}
}

func write(t testing.TB, l store.Log, records []store.Record, rows ...store.Row) {
	t.Helper()
	if err := l.Write(t.Context(), records, rows); err != nil {
		t.Fatalf("write of %d records and %d rows: %v", len(records), len(rows), err)
	}
}

// logOf returns the values of the records after the given revision.
func logOf(t testing.TB, l store.Log, env segment.EnvID, after segment.Revision) []string {
	t.Helper()
	var values []string
	for r, err := range l.Read(t.Context(), env, after) {
		if err != nil {
			t.Fatalf("read %s after %d: %v", env, after, err)
		}
		if want := after + 1 + segment.Revision(len(values)); r.Revision != want || r.Env != env {
			t.Fatalf("got record %d of %s, want %d of %s", r.Revision, r.Env, want, env)
		}
		values = append(values, string(r.Value))
	}
	return values
}

func wantLog(t testing.TB, l store.Log, env segment.EnvID, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, logOf(t, l, env, 0)); diff != "" {
		t.Errorf("log of %s (-want +got):\n%s", env, diff)
	}
	head, err := l.Head(t.Context(), env)
	if err != nil || int(head) != len(want) {
		t.Errorf("head of %s is %d, %v; want %d", env, head, err, len(want))
	}
}

func testUnknownEnvironment(t *testing.T, d Drive) { wantLog(t, d.Log, "none") }

func testReadOrder(t *testing.T, d Drive) {
	for i := range 300 {
		write(t, d.Log, []store.Record{record("e", segment.Revision(i+1), fmt.Sprint(i))})
	}
	for _, after := range []segment.Revision{0, 1, 255, 256, 299, 300, 301} {
		got := logOf(t, d.Log, "e", after)
		if want := max(0, 300-int(after)); len(got) != want {
			t.Errorf("after %d: %d records, want %d", after, len(got), want)
		}
		if len(got) > 0 && got[0] != fmt.Sprint(after) {
			t.Errorf("after %d: first value %s", after, got[0])
		}
	}
}

func testWriteSeveral(t *testing.T, d Drive) {
	write(t, d.Log, []store.Record{record("e", 1, "a"), record("e2", 1, "x"), record("e", 2, ""), record("e", 3, "c")})
	wantLog(t, d.Log, "e", "a", "", "c")
	wantLog(t, d.Log, "e2", "x")
}

func testErrHead(t *testing.T, d Drive) {
	write(t, d.Log, []store.Record{record("e", 1, "a")})
	row := store.Row{Table: 1, Key: []byte("k"), Value: []byte("v")}
	for name, records := range map[string][]store.Record{
		"repeated":               {record("e", 1, "b")},
		"zero":                   {record("e", 0, "b")},
		"skipping one":           {record("e", 3, "b")},
		"skipping in one write":  {record("e", 2, "b"), record("e", 4, "b")},
		"repeated in one write":  {record("e", 2, "b"), record("e", 2, "b")},
		"good and bad":           {record("good", 1, "b"), record("e", 1, "b")},
		"not first of a new log": {record("new", 2, "b")},
	} {
		if err := d.Log.Write(t.Context(), records, []store.Row{row}); !errors.Is(err, store.ErrHead) {
			t.Errorf("%s: got error %v, want ErrHead", name, err)
		}
	}
	wantLog(t, d.Log, "e", "a")
	wantLog(t, d.Log, "good")
	wantLog(t, d.Log, "new")
	wantRows(t, d.Log, 1, nil)
}

func testRace(t *testing.T, d Drive) {
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				head, err := d.Log.Head(t.Context(), "e")
				if err == nil && head >= 40 {
					return
				}
				err = errors.Join(err, d.Log.Write(t.Context(), []store.Record{record("e", head+1, "x")}, nil))
				if err == nil {
					won.Add(1)
				} else if !errors.Is(err, store.ErrHead) {
					t.Errorf("write: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	if got := logOf(t, d.Log, "e", 0); len(got) != int(won.Load()) {
		t.Errorf("%d writes were acknowledged, the log has %d records", won.Load(), len(got))
	}
}

func testParallelEnvironments(t *testing.T, d Drive) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			own := segment.EnvID(fmt.Sprint("e", i))
			pair := segment.EnvID(fmt.Sprint("pair", i))
			for rev := segment.Revision(1); rev <= 20; rev++ {
				records := []store.Record{record(pair, rev, "y"), record(own, rev, "x")}
				if i%2 == 1 { // opposite order must not lock up
					slices.Reverse(records)
				}
				if err := d.Log.Write(t.Context(), records, nil); err != nil {
					t.Errorf("write %d of %s: %v", rev, own, err)
				}
			}
		})
	}
	wg.Wait()
	for i := range 8 {
		if got := logOf(t, d.Log, segment.EnvID(fmt.Sprint("e", i)), 0); len(got) != 20 {
			t.Errorf("log %d has %d records, want 20", i, len(got))
		}
	}
}

func testDrop(t *testing.T, d Drive) {
	envs := []segment.EnvID{"a", "ab", "a\x00", "b", "a\xff"}
	for _, env := range envs {
		write(t, d.Log, []store.Record{record(env, 1, "1"), record(env, 2, "2")})
	}
	if err := d.Log.Drop(t.Context(), "a"); err != nil {
		t.Fatalf("drop: %v", err)
	}
	wantLog(t, d.Log, "a")
	for _, env := range envs[1:] {
		wantLog(t, d.Log, env, "1", "2")
	}
	write(t, d.Log, []store.Record{record("a", 1, "again")})
	wantLog(t, d.Log, "a", "again")
}

func testNestedUse(t *testing.T, d Drive) {
	write(t, d.Log, []store.Record{record("e", 1, "1"), record("e", 2, "2")}, row(1, "a", "1"), row(1, "b", "2"))
	seen := 0
	for r, err := range d.Log.Read(t.Context(), "e", 0) {
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		seen++
		write(t, d.Log, []store.Record{record("e", r.Revision+2, "more")}, row(1, "c", "3"))
		for _, err := range d.Log.Rows(t.Context(), 1, nil, false) {
			if err != nil {
				t.Fatalf("rows: %v", err)
			}
			break // an abandoned iteration frees what it holds
		}
	}
	if seen < 2 {
		t.Errorf("read %d records, want the 2 that were there", seen)
	}
	wantLog(t, d.Log, "e", "1", "2", "more", "more")
}

func testCancelled(t *testing.T, d Drive) {
	write(t, d.Log, []store.Record{record("e", 1, "1")}, row(1, "a", "1"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Log.Write(ctx, []store.Record{record("e", 2, "2")}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("write: %v", err)
	}
	for _, err := range d.Log.Read(ctx, "e", 0) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("read: %v", err)
		}
	}
	for _, err := range d.Log.Rows(ctx, 1, nil, false) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("rows: %v", err)
		}
	}
	wantLog(t, d.Log, "e", "1")
}

func testPowerCut(t *testing.T, m Machine[Drive]) {
	want := map[segment.EnvID][]string{}
	rows := map[string]string{}
	for round := range 5 {
		d := m.Start(t)
		for env, values := range want {
			wantLog(t, d.Log, env, values...)
		}
		wantRows(t, d.Log, 7, rows)
		for i := range 20 {
			env := segment.EnvID(fmt.Sprint("env", i%3))
			value := fmt.Sprint(round, i)
			want[env] = append(want[env], value)
			rows[fmt.Sprint(i)] = value
			write(t, d.Log, []store.Record{record(env, segment.Revision(len(want[env])), value)}, row(7, fmt.Sprint(i), value))
		}
		if round%2 == 0 {
			m.Cut(t)
		} else {
			m.Stop(t)
		}
	}
}

func testClosedDriver(t *testing.T, m Machine[Drive]) {
	d := m.Start(t)
	id := store.FileID{1}
	put(t, d.Files, id, []byte("content"))
	f, err := d.Files.Open(t.Context(), id)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	m.Stop(t)
	if string(f.Bytes()) != "content" {
		t.Errorf("the open file now holds %q", f.Bytes())
	}
	calls := map[string]func() error{
		"write": func() error { return d.Log.Write(t.Context(), []store.Record{record("e", 1, "")}, nil) },
		"drop":  func() error { return d.Log.Drop(t.Context(), "e") },
		"head":  func() error { _, err := d.Log.Head(t.Context(), "e"); return err },
		"row":   func() error { _, _, err := d.Log.Row(t.Context(), 1, nil); return err },
		"open":  func() error { _, err := d.Files.Open(t.Context(), id); return err },
		"rows":  func() error { return lastError(d.Log.Rows(t.Context(), 1, nil, false)) },
		"read":  func() error { return lastError(d.Log.Read(t.Context(), "e", 0)) },
		"list":  func() error { return lastError(d.Files.List(t.Context())) },
		"close": d.Log.Close,
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s: got %v, want ErrClosed", name, err)
		}
	}
}

func lastError[V any](all func(func(V, error) bool)) (last error) {
	for _, err := range all {
		last = err
	}
	return last
}

var rowChecks = []check[Drive]{
	{"A row is there until it is deleted", started(testRow)},
	{"Rows come in key order, or against it, and only those with the prefix", started(testRowOrder)},
	{"An empty value is a value", started(testEmptyValue)},
}

func row(table store.Table, key, value string) store.Row {
	return store.Row{Table: table, Key: []byte(key), Value: []byte(value)}
}

// rowsOf returns the keys and values of rows as "key=value".
func rowsOf(t testing.TB, l store.Log, table store.Table, prefix string, reverse bool) []string {
	t.Helper()
	var all []string
	for r, err := range l.Rows(t.Context(), table, []byte(prefix), reverse) {
		if err != nil {
			t.Fatalf("rows of table %d: %v", table, err)
		}
		if r.Table != table {
			t.Fatalf("got a row of table %d, want %d", r.Table, table)
		}
		all = append(all, string(r.Key)+"="+string(r.Value))
	}
	return all
}

func wantRows(t testing.TB, l store.Log, table store.Table, rows map[string]string) {
	t.Helper()
	var want []string
	for _, k := range slices.Sorted(maps.Keys(rows)) {
		want = append(want, k+"="+rows[k])
	}
	if diff := cmp.Diff(want, rowsOf(t, l, table, "", false)); diff != "" {
		t.Errorf("rows of table %d (-want +got):\n%s", table, diff)
	}
}

func testRow(t *testing.T, d Drive) {
	if _, ok, err := d.Log.Row(t.Context(), 1, []byte("k")); ok || err != nil {
		t.Errorf("before: %t, %v", ok, err)
	}
	write(t, d.Log, nil, row(1, "k", "v"))
	for _, want := range []string{"v", "other"} {
		write(t, d.Log, nil, row(1, "k", want))
		if v, ok, err := d.Log.Row(t.Context(), 1, []byte("k")); string(v) != want || !ok || err != nil {
			t.Errorf("got %q, %t, %v; want %q", v, ok, err, want)
		}
	}
	if _, ok, _ := d.Log.Row(t.Context(), 2, []byte("k")); ok {
		t.Error("another table has the row too")
	}
	// Within one write the last one counts.
	write(t, d.Log, nil, row(1, "k", "x"), store.Row{Table: 1, Key: []byte("k")})
	if _, ok, err := d.Log.Row(t.Context(), 1, []byte("k")); ok || err != nil {
		t.Errorf("after the delete: %t, %v", ok, err)
	}
}

func testRowOrder(t *testing.T, d Drive) {
	keys := []string{"", "\x00", "a", "a\x00", "aa", "ab", "a\xff", "a\xff\xff", "b", "\xff", "\xff\xff", "\xff\xff\x01"}
	slices.Sort(keys)
	for _, table := range []store.Table{0, 7, 255} {
		for _, k := range keys {
			write(t, d.Log, nil, row(table, k, fmt.Sprint(table)))
		}
	}
	for _, prefix := range []string{"", "a", "a\xff", "\xff", "\xff\xff", "c"} {
		for _, table := range []store.Table{0, 7, 255} {
			var want []string
			for _, k := range keys {
				if bytes.HasPrefix([]byte(k), []byte(prefix)) {
					want = append(want, k+"="+fmt.Sprint(table))
				}
			}
			if diff := cmp.Diff(want, rowsOf(t, d.Log, table, prefix, false)); diff != "" {
				t.Errorf("table %d, prefix %q (-want +got):\n%s", table, prefix, diff)
			}
			slices.Reverse(want)
			if diff := cmp.Diff(want, rowsOf(t, d.Log, table, prefix, true)); diff != "" {
				t.Errorf("table %d, prefix %q, reverse (-want +got):\n%s", table, prefix, diff)
			}
		}
	}
}

func testEmptyValue(t *testing.T, d Drive) {
	write(t, d.Log, nil, row(1, "k", ""))
	v, ok, err := d.Log.Row(t.Context(), 1, []byte("k"))
	if !ok || v == nil || len(v) != 0 || err != nil {
		t.Errorf("got %v, %t, %v; want an empty value", v, ok, err)
	}
	wantRows(t, d.Log, 1, map[string]string{"k": ""})
}
