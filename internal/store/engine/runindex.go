package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

// indexed is a run as the rows know it that lists of runs are read from.
type indexed struct {
	segment segment.Key
	tool    string
	kind    segment.RunKind
	state   segment.RunState
	at      uint64 // when it was received, see moment
	id      segment.RunID
}

// What the rows of an index are grouped by; the names are part of their keys.
const (
	allRuns        = "a"
	runsOfSegment  = "s"
	runsInState    = "z"
	runsOfTool     = "t"
	runsOfSegState = "x" // of a segment in a state
)

func indexedRun(r *segment.Run) indexed {
	return indexed{r.Segment, r.Tool, r.Kind, r.State, moment(r.ReceivedAt), r.ID}
}

// moment is a time in the order of keys: Unix nanoseconds, or the nearest that can be expressed.
func moment(t time.Time) uint64 {
	switch {
	case t.Before(time.Unix(0, 0)):
		return 0
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	default:
		return uint64(t.UnixNano())
	}
}

// keys returns the keys of the rows under which a run is found.
func (x *indexed) keys(env segment.EnvID) [][]byte {
	id := string(env)
	groups := [][]byte{
		under(id, allRuns), under(id, runsOfSegment, string(x.segment)), under(id, runsInState, string(x.state)),
		under(id, runsOfSegState, string(x.segment), string(x.state)),
	}
	if x.tool != "" {
		groups = append(groups, under(id, runsOfTool, x.tool))
	}
	for i, g := range groups {
		groups[i] = append(binary.BigEndian.AppendUint64(g, x.at), x.id...)
	}
	return groups
}

func (x *indexed) value() []byte {
	b := appendText(appendText(nil, string(x.segment)), x.tool)
	return appendText(appendText(b, string(x.kind)), string(x.state))
}

// indexRow is a row of a group. Its bytes are valid until the next one is asked for.
type indexRow struct {
	at        uint64
	id, value []byte
}

func rowOf(row store.Row, group []byte) (indexRow, error) {
	k := row.Key[len(group):]
	if len(k) < 8 {
		return indexRow{}, fmt.Errorf("row %q of the index of runs: %w", row.Key, store.ErrCorrupt)
	}
	return indexRow{at: binary.BigEndian.Uint64(k), id: k[8:], value: row.Value}, nil
}

// fields takes the value apart.
func (r *indexRow) fields() (k, tool, kind, state []byte, err error) {
	d := decoder{b: r.value}
	k, tool, kind, state = d.bytes(), d.bytes(), d.bytes(), d.bytes()
	if d.broken || len(d.b) > 0 {
		err = fmt.Errorf("run %q in the index: %w", r.id, store.ErrCorrupt)
	}
	return k, tool, kind, state, err
}

func (d *decoder) bytes() []byte { return d.take(d.uvarint()) }

// run returns what the row says.
func (r *indexRow) run() (indexed, error) {
	k, tool, kind, state, err := r.fields()
	return indexed{segment.Key(k), string(tool), segment.RunKind(kind), segment.RunState(state), r.at, segment.RunID(r.id)}, err
}

// selected reports whether a query selects the run, its time aside; among are the segments that it selects,
// nil meaning all. Nothing is allocated: a page of old runs passes over all newer ones.
func (r *indexRow) selected(q *store.RunQuery, among map[segment.Key]struct{}) (bool, error) {
	k, tool, kind, state, err := r.fields()
	if _, ok := among[segment.Key(k)]; among != nil && !ok {
		return false, err
	}
	return (q.Segment == "" || string(k) == string(q.Segment)) && (q.State == "" || string(state) == string(q.State)) &&
		(q.Tool == "" || string(tool) == q.Tool) && (q.Kind == "" || string(kind) == string(q.Kind)), err
}

// indexRows returns the rows that make an index know a run as after, which it knew as before; either
// may be nil.
func indexRows(env segment.EnvID, before, after *indexed) []store.Row {
	var rows []store.Row
	if before != nil && after != nil && *before == *after {
		return nil
	}
	if before != nil {
		for _, k := range before.keys(env) {
			rows = append(rows, store.Row{Table: tableRunIndex, Key: k})
		}
	}
	if after != nil {
		v := after.value()
		for _, k := range after.keys(env) {
			rows = append(rows, store.Row{Table: tableRunIndex, Key: k, Value: v})
		}
	}
	return rows
}

// group is a prefix of index rows in which all is found that a query selects.
type group struct {
	prefix []byte
	exact  bool // nothing else is in it, times aside
}

// groupOf returns the smallest such group, given how many runs tool and state alone would select.
func groupOf(env segment.EnvID, q *store.RunQuery, ofTool, inState int) group {
	g := groupAmong(env, q, ofTool, inState)
	g.exact = g.exact && (q.Of == nil || q.Segment != "")
	return g
}

func groupAmong(env segment.EnvID, q *store.RunQuery, ofTool, inState int) group {
	id := string(env)
	switch {
	case q.Segment != "" && q.State != "":
		return group{under(id, runsOfSegState, string(q.Segment), string(q.State)), q.Tool+string(q.Kind) == ""}
	case q.Segment != "":
		return group{under(id, runsOfSegment, string(q.Segment)), q.Tool+string(q.Kind) == ""}
	case q.State != "" && (q.Tool == "" || inState <= ofTool):
		return group{under(id, runsInState, string(q.State)), q.Tool+string(q.Kind) == ""}
	case q.Tool != "":
		return group{under(id, runsOfTool, q.Tool), string(q.State)+string(q.Kind) == ""}
	default:
		return group{under(id, allRuns), q.Kind == ""}
	}
}

// noTime is no bound.
var noTime time.Time

// newestFirst yields the runs of a group that were received before a time (zero: all).
func (e *Engine) newestFirst(ctx context.Context, group []byte, before time.Time) iter.Seq2[indexRow, error] {
	return func(yield func(indexRow, error) bool) {
		for _, at := range timePrefixes(before) {
			for row, err := range e.log.Rows(ctx, tableRunIndex, append(slices.Clip(group), at...), true) {
				var r indexRow
				if err == nil {
					r, err = rowOf(row, group)
				}
				if err == nil && !before.IsZero() && r.at >= moment(before) {
					continue
				}
				if !yield(r, err) || err != nil {
					return
				}
			}
		}
	}
}

// oldestFirst yields the runs of a group.
func (e *Engine) oldestFirst(ctx context.Context, group []byte) iter.Seq2[indexRow, error] {
	return func(yield func(indexRow, error) bool) {
		for row, err := range e.log.Rows(ctx, tableRunIndex, group, false) {
			var r indexRow
			if err == nil {
				r, err = rowOf(row, group)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// timePrefixes returns prefixes that together cover the keys that begin with a moment before a time,
// newest first. Rows are read by prefix only, so without them a page of old rows would cost a walk
// over all newer ones. The first prefix also covers up to 17 ms after the time.
func timePrefixes(before time.Time) [][]byte {
	if before.IsZero() {
		return [][]byte{nil}
	}
	const exact = 5
	at := binary.BigEndian.AppendUint64(nil, moment(before))[:exact]
	prefixes := [][]byte{at}
	for i := exact - 1; i >= 0; i-- {
		for b := int(at[i]) - 1; b >= 0; b-- {
			prefixes = append(prefixes, append(at[:i:i], byte(b)))
		}
	}
	return prefixes
}

// matches reports whether a query selects a run, its time aside.
func (x *indexed) matches(q *store.RunQuery) bool {
	return (q.Segment == "" || q.Segment == x.segment) && (q.State == "" || q.State == x.state) &&
		(q.Kind == "" || q.Kind == x.kind) && (q.Tool == "" || q.Tool == x.tool)
}

// durable reports whether what an index says of a run is durable.
func (e *Engine) durable(env segment.EnvID, r *indexRow) (bool, error) {
	if e.unsynced.none() {
		return true, nil
	}
	k := runKey(env, segment.RunID(r.id))
	b, ok := e.unsynced.before(unsyncedKey(tableRun, k))
	if !ok || b == nil {
		return !ok, nil
	}
	was, err := decodeRun(k, b)
	if err != nil {
		return false, err
	}
	x, err := r.run()
	return indexedRun(&was) == x, err
}

// indexRuns writes the index and the tallies of the ledger of an older version.
func (e *Engine) indexRuns(ctx context.Context) error {
	var rows []store.Row
	var changes []tallyChange
	for row, err := range e.log.Rows(ctx, tableRun, nil, false) {
		if err != nil {
			return err
		}
		r, err := decodeRun(row.Key, row.Value)
		if err != nil {
			return err
		}
		x := indexedRun(&r)
		rows = append(rows, indexRows(r.Env, nil, &x)...)
		if r.Revision > 0 {
			rows = append(rows, store.Row{Table: tableRunOfRevision, Key: runOfRevisionKey(r.Env, r.Segment, r.Revision), Value: []byte(r.ID)})
		}
		if changes = append(changes, tallyChange{segmentID{r.Env, r.Segment}, sortOf(&x), 1}); len(rows) < dropRows {
			continue
		}
		if err := e.log.Write(ctx, nil, rows); err != nil {
			return err
		}
		e.ledger.count(changes)
		rows, changes = nil, nil
	}
	// What says that there is an older version goes last, with the tallies.
	e.ledger.count(changes)
	rows = append(rows, e.ledger.rows()...)
	for _, table := range []store.Table{tableRunOfSegment, tableRunCount} {
		for row, err := range e.log.Rows(ctx, table, nil, false) {
			if err != nil {
				return err
			}
			rows = append(rows, store.Row{Table: table, Key: append([]byte(nil), row.Key...)})
		}
	}
	return e.log.Write(ctx, nil, rows)
}
