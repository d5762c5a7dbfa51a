package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"muster/internal/segment"
	"muster/internal/store"
)

// dropRows is how many rows one write deletes.
const dropRows = 10_000

// purge deletes what a deleted environment leaves. What remains is deleted at the next start.
func (e *Engine) purge(id segment.EnvID) {
	e.ledger.drop(id)
	if err := e.drop(e.writing, id); err != nil {
		e.o.Logger.Error("rows of a deleted environment remain until the next start", "environment", id, "error", err)
		return
	}
	e.dropped.Delete(id)
}

// drop deletes log, rows and files of a deleted environment, the row that says so last.
func (e *Engine) drop(ctx context.Context, id segment.EnvID) error {
	files, err := e.filesOf(ctx, id)
	if err != nil {
		return err
	}
	if err := e.log.Drop(ctx, id); err != nil {
		return err
	}
	rows := []store.Row{{Table: tableFloor, Key: []byte(id)}, {Table: tableEpoch, Key: []byte(id)}}
	for _, table := range []store.Table{
		tableSegment, tableVersion, tableGeneration, tableMembership, tableKeys, tableFile, tableRun, tableRunOfSegment, tableRunCount,
		tablePoint, tableTail, tablePublication, tableSession, tablePage, tableJournal,
		tableDocument, tableRunOfRevision, tableIdempotency, tableRunIndex, tableRunTally, tableFollower, tableGraves,
	} {
		for row, err := range e.log.Rows(ctx, table, under(string(id)), false) {
			if err != nil {
				return fmt.Errorf("list rows: %w", err)
			}
			rows = append(rows, store.Row{Table: table, Key: append([]byte(nil), row.Key...)})
			if len(rows) == dropRows {
				if err := e.log.Write(ctx, nil, rows); err != nil {
					return err
				}
				rows = rows[:0]
			}
		}
	}
	rows = append(rows, store.Row{Table: tableDropped, Key: []byte(id)})
	if err := e.log.Write(ctx, nil, rows); err != nil {
		return err
	}
	e.release(files...)
	return nil
}

// naming are the tables whose rows name files.
var naming = []store.Table{tableFile, tableMembership, tablePoint, tablePublication, tableSession, tablePage, tableJournal, tableDocument, tableGraves}

// filesOf returns the files that an environment's rows name, each as often as it is named.
func (e *Engine) filesOf(ctx context.Context, id segment.EnvID) ([]store.FileID, error) {
	var files []store.FileID
	for _, table := range naming {
		for row, err := range e.log.Rows(ctx, table, under(string(id)), false) {
			if err != nil {
				return nil, fmt.Errorf("list rows of table %d: %w", table, err)
			}
			named, err := filesNamed(row)
			if err != nil { // the next start sweeps what it named
				e.o.Logger.Error("a row of a deleted environment can't be read", "environment", id, "error", err)
			}
			files = append(files, named...)
		}
	}
	return files, nil
}

// filesNamed returns the files that a row names.
func filesNamed(row store.Row) ([]store.FileID, error) {
	switch row.Table {
	case tableFile:
		if n := len(row.Key) - len(store.FileID{}); n > 0 {
			return []store.FileID{store.FileID(row.Key[n:])}, nil
		}
	case tableMembership:
		m, err := decodeMembershipRow(row.Value)
		return m.rosters, err
	case tablePoint:
		var p pointRow
		err := decodeJSON(row, &p)
		return p.Rosters, err
	case tablePublication:
		var p publicationRow
		err := decodeJSON(row, &p)
		return p.files(), err
	case tableSession:
		var s sessionRow
		if err := decodeJSON(row, &s); err != nil || s.Kept == nil {
			return nil, err
		}
		return []store.FileID{s.Kept.File}, nil
	case tableDocument:
		var d documentRow
		err := decodeJSON(row, &d)
		return []store.FileID{d.File}, err
	case tableGraves:
		g, err := decodeGraves(row.Value)
		return g.named(), err
	case tablePage, tableJournal:
		if id, ok := partFileID(row.Value); ok {
			return []store.FileID{id}, nil
		}
	}
	return nil, nil
}

func decodeJSON(row store.Row, v any) error {
	if err := json.Unmarshal(row.Value, v); err != nil {
		return fmt.Errorf("row %q of table %d: %w: %w", row.Key, row.Table, store.ErrCorrupt, err)
	}
	return nil
}
