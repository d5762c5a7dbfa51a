package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"muster/internal/catalog"
	"muster/internal/store"
)

// auditKey sorts by time; the sequence tells entries of one moment apart.
func auditKey(at time.Time, sequence uint64) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(at.UnixNano()))
	return binary.BigEndian.AppendUint64(b, sequence)
}

// AuditEntries yields the entries made before a time, newest first.
func (e *Engine) AuditEntries(ctx context.Context, before time.Time) iter.Seq2[catalog.AuditEntry, error] {
	return func(yield func(catalog.AuditEntry, error) bool) {
		for _, prefix := range timePrefixes(before) {
			for row, err := range e.log.Rows(ctx, tableAudit, prefix, true) {
				var a catalog.AuditEntry
				if err == nil {
					if _, ok := e.unsynced.before(unsyncedKey(tableAudit, row.Key)); ok || !madeBefore(row.Key, before) {
						continue
					}
					err = json.Unmarshal(row.Value, &a)
				}
				if err != nil {
					yield(a, fmt.Errorf("read audit log: %w", err))
					return
				}
				if !yield(a, nil) {
					return
				}
			}
		}
	}
}

func madeBefore(k []byte, before time.Time) bool {
	return before.IsZero() || bytes.Compare(k, auditKey(before, 0)) < 0
}

// auditRows adds the rows of the update's audit entries.
func (t *tx) auditRows(p *prepared) error {
	for i := range t.audit {
		if t.audit[i].At.IsZero() {
			t.audit[i].At = t.step.at
		}
		b, err := json.Marshal(&t.audit[i])
		if err != nil {
			return fmt.Errorf("write audit entry %s: %w", t.audit[i].ID, err)
		}
		k := auditKey(t.audit[i].At, t.step.e.auditSequence.Add(1))
		p.rows = append(p.rows, store.Row{Table: tableAudit, Key: k, Value: b})
		p.unsynced = append(p.unsynced, unsyncedRow{key: unsyncedKey(tableAudit, k)})
	}
	return nil
}
