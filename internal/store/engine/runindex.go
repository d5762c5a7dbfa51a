package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
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

// parseIndexed reads a row of a group.
func parseIndexed(row store.Row, group []byte) (indexed, error) {
	d := decoder{b: row.Value}
	x := indexed{segment: segment.Key(d.text()), tool: d.text(), kind: segment.RunKind(d.text()), state: segment.RunState(d.text())}
	k := row.Key[len(group):]
	if d.broken || len(d.b) > 0 || len(k) < 8 {
		return x, fmt.Errorf("row %q of the index of runs: %w", row.Key, store.ErrCorrupt)
	}
	x.at, x.id = binary.BigEndian.Uint64(k), segment.RunID(k[8:])
	return x, nil
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

// group returns the smallest group of runs that holds all that a query selects, given how many the
// tool and the state alone would select.
func group(env segment.EnvID, q *store.RunQuery, ofTool, inState int) []byte {
	id := string(env)
	switch {
	case q.Segment != "" && q.State != "":
		return under(id, runsOfSegState, string(q.Segment), string(q.State))
	case q.Segment != "":
		return under(id, runsOfSegment, string(q.Segment))
	case q.State != "" && (q.Tool == "" || inState <= ofTool):
		return under(id, runsInState, string(q.State))
	case q.Tool != "":
		return under(id, runsOfTool, q.Tool)
	default:
		return under(id, allRuns)
	}
}

// newestFirst yields the runs of a group that were received before a time (zero: all).
func (e *Engine) newestFirst(ctx context.Context, group []byte, before time.Time) iter.Seq2[indexed, error] {
	return func(yield func(indexed, error) bool) {
		for _, at := range timePrefixes(before) {
			for row, err := range e.log.Rows(ctx, tableRunIndex, append(group[:len(group):len(group)], at...), true) {
				var x indexed
				if err == nil {
					x, err = parseIndexed(row, group)
				}
				if err == nil && !before.IsZero() && x.at >= moment(before) {
					continue
				}
				if !yield(x, err) || err != nil {
					return
				}
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
func (e *Engine) durable(env segment.EnvID, x *indexed) (bool, error) {
	if e.unsynced.none() {
		return true, nil
	}
	k := runKey(env, x.id)
	b, ok := e.unsynced.before(unsyncedKey(tableRun, k))
	if !ok || b == nil {
		return !ok, nil
	}
	was, err := decodeRun(k, b)
	return indexedRun(&was) == *x, err
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
