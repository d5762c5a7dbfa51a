package engine

import (
	"context"
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
	rows := []store.Row{{Table: tableFloor, Key: []byte(id)}}
	for _, table := range []store.Table{
		tableSegment, tableVersion, tableGeneration, tableMembership, tableKeys, tableFile, tableRun, tableRunOfSegment, tableRunCount,
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

// filesOf returns the files that an environment's rows name.
func (e *Engine) filesOf(ctx context.Context, id segment.EnvID) ([]store.FileID, error) {
	var files []store.FileID
	for row, err := range e.log.Rows(ctx, tableFile, under(string(id)), false) {
		if err != nil {
			return nil, fmt.Errorf("list files: %w", err)
		}
		if n := len(row.Key) - len(store.FileID{}); n > 0 {
			files = append(files, store.FileID(row.Key[n:]))
		}
	}
	for row, err := range e.log.Rows(ctx, tableMembership, under(string(id)), false) {
		if err != nil {
			return nil, fmt.Errorf("list memberships: %w", err)
		}
		m, err := decodeMembershipRow(row.Value)
		if err != nil {
			return nil, err
		}
		files = append(files, m.rosters...)
	}
	return files, nil
}
