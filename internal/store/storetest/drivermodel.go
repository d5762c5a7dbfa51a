package storetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"muster/internal/segment"
	"muster/internal/store"
)

var driverModelChecks = []check[Drive]{
	{"Random writes, drops and restarts agree with maps", testDriverModel},
}

// driverModel is a driver on maps. dropped holds the logs that a power cut may bring back.
type driverModel struct {
	logs    map[segment.EnvID][]string
	dropped map[segment.EnvID][]string
	rows    map[string]string
}

func testDriverModel(t *testing.T, m Machine[Drive]) {
	d := m.Start(t)
	rapid.Check(t, func(rt *rapid.T) {
		empty(t, d)
		model := driverModel{logs: map[segment.EnvID][]string{}, dropped: map[segment.EnvID][]string{}, rows: map[string]string{}}
		rt.Repeat(map[string]func(*rapid.T){
			"write": func(rt *rapid.T) { model.write(rt, t, d) },
			"drop": func(rt *rapid.T) {
				env := drawEnv(rt)
				if err := d.Log.Drop(t.Context(), env); err != nil {
					rt.Fatalf("drop: %v", err)
				}
				if len(model.logs[env]) > 0 && model.dropped[env] == nil {
					model.dropped[env] = model.logs[env]
				}
				delete(model.logs, env)
			},
			"restart": func(*rapid.T) {
				m.Stop(t)
				clear(model.dropped)
				d = m.Start(t)
			},
			"power cut": func(rt *rapid.T) {
				m.Cut(t)
				d = m.Start(t)
				model.adoptDropped(rt, t, d)
			},
			"": func(rt *rapid.T) { model.compare(rt, t, d) },
		})
	})
	m.Stop(t)
}

// empty deletes what an earlier run left in the logs and rows that the model uses.
func empty(t testing.TB, d Drive) {
	t.Helper()
	for _, env := range modelEnvs {
		if err := d.Log.Drop(t.Context(), env); err != nil {
			t.Fatalf("drop: %v", err)
		}
	}
	var deletes []store.Row
	for r, err := range d.Log.Rows(t.Context(), 3, nil, false) {
		if err != nil {
			t.Fatalf("rows: %v", err)
		}
		deletes = append(deletes, store.Row{Table: 3, Key: slices.Clone(r.Key)})
	}
	write(t, d.Log, nil, append(deletes, row(4, "emptied", ""))...)
}

// The identifiers are prefixes of each other on purpose.
var modelEnvs = []segment.EnvID{"a", "b", "ab"}

func drawEnv(rt *rapid.T) segment.EnvID {
	return rapid.SampledFrom(modelEnvs).Draw(rt, "env")
}

func (dm *driverModel) write(rt *rapid.T, t testing.TB, d Drive) {
	var records []store.Record
	next := maps.Clone(dm.logs)
	for range rapid.IntRange(0, 4).Draw(rt, "records") {
		env := drawEnv(rt)
		value := rapid.StringN(0, 40, -1).Draw(rt, "value")
		next[env] = append(slices.Clone(next[env]), value)
		records = append(records, record(env, segment.Revision(len(next[env])), value))
	}
	var rows []store.Row
	for range rapid.IntRange(0, 4).Draw(rt, "rows") {
		r := row(3, rapid.StringOfN(rapid.RuneFrom([]rune("ab")), 0, 3, -1).Draw(rt, "key"), rapid.String().Draw(rt, "row"))
		if rapid.Bool().Draw(rt, "delete") {
			r.Value = nil
		}
		rows = append(rows, r)
	}
	if err := d.Log.Write(t.Context(), records, rows); err != nil {
		rt.Fatalf("write: %v", err)
	}
	dm.logs = next
	if len(records)+len(rows) > 0 {
		clear(dm.dropped) // a synced write makes the drops before it durable
	}
	for _, r := range rows {
		if r.Value == nil {
			delete(dm.rows, string(r.Key))
		} else {
			dm.rows[string(r.Key)] = string(r.Value)
		}
	}
}

// adoptDropped accepts logs that were dropped shortly before the cut.
func (dm *driverModel) adoptDropped(rt *rapid.T, t testing.TB, d Drive) {
	for env, old := range dm.dropped {
		head, err := d.Log.Head(t.Context(), env)
		if err != nil {
			rt.Fatalf("head: %v", err)
		}
		if head > 0 {
			dm.logs[env] = old
		}
	}
	clear(dm.dropped)
}

func (dm *driverModel) compare(rt *rapid.T, t testing.TB, d Drive) {
	for _, env := range modelEnvs {
		var after segment.Revision
		if n := len(dm.logs[env]); n > 0 {
			after = segment.Revision(rapid.IntRange(0, n).Draw(rt, "after"))
		}
		want := append([]string(nil), dm.logs[env][after:]...)
		if diff := cmp.Diff(want, logOf(t, d.Log, env, after)); diff != "" {
			rt.Fatalf("log of %s after %d (-want +got):\n%s", env, after, diff)
		}
	}
	prefix := rapid.StringOfN(rapid.RuneFrom([]rune("ab")), 0, 2, -1).Draw(rt, "prefix")
	reverse := rapid.Bool().Draw(rt, "reverse")
	var want []string
	for _, k := range slices.Sorted(maps.Keys(dm.rows)) {
		if strings.HasPrefix(k, prefix) {
			want = append(want, fmt.Sprintf("%s=%s", k, dm.rows[k]))
		}
	}
	if reverse {
		slices.Reverse(want)
	}
	if diff := cmp.Diff(want, rowsOf(t, d.Log, 3, prefix, reverse)); diff != "" {
		rt.Fatalf("rows with prefix %q, reverse %t (-want +got):\n%s", prefix, reverse, diff)
	}
}
