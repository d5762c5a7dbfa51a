package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"sync"
	"time"

	"muster/internal/catalog"
	"muster/internal/store"
)

// auditKey sorts by time; the position tells entries of one moment apart.
func auditKey(at time.Time, position catalog.AuditPosition) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(at.UnixNano()))
	return binary.BigEndian.AppendUint64(b, uint64(position))
}

func positionKey(position catalog.AuditPosition) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(position))
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

// auditOrder gives audit entries their positions. Steps of several environments are written at once, so
// a position may become durable before a smaller one.
type auditOrder struct {
	mu       sync.Mutex
	last     catalog.AuditPosition   // the newest that was given
	underway []catalog.AuditPosition // the first of each step that is being written, ascending
}

// begin gives positions to n entries of a step that is about to be written, and returns the first.
func (o *auditOrder) begin(n int) catalog.AuditPosition {
	o.mu.Lock()
	defer o.mu.Unlock()
	first := o.last + 1
	o.last += catalog.AuditPosition(n)
	o.underway = append(o.underway, first)
	return first
}

// end says that the entries from a position on are durable, or will never be.
func (o *auditOrder) end(first catalog.AuditPosition) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, p := range o.underway {
		if p == first {
			o.underway = append(o.underway[:i], o.underway[i+1:]...)
			return
		}
	}
}

// head returns the position up to which nothing is under way.
func (o *auditOrder) head() catalog.AuditPosition {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.underway) > 0 {
		return o.underway[0] - 1
	}
	return o.last
}

// loadAuditOrder finds the position to go on from.
func (e *Engine) loadAuditOrder(ctx context.Context) error {
	for row, err := range e.log.Rows(ctx, tableAuditOrder, nil, true) {
		if err != nil {
			return fmt.Errorf("read the order of the audit log: %w", err)
		}
		if len(row.Key) != 8 {
			return fmt.Errorf("position %x in the audit log: %w", row.Key, store.ErrCorrupt)
		}
		e.auditOrder.last = catalog.AuditPosition(binary.BigEndian.Uint64(row.Key))
		break
	}
	for _, w := range e.Webhooks() {
		e.auditOrder.last = max(e.auditOrder.last, w.Since)
	}
	return nil
}

// AuditHead returns the position up to which every entry is durable.
func (e *Engine) AuditHead() catalog.AuditPosition { return e.auditOrder.head() }

// AuditAfter yields the entries after a position.
func (e *Engine) AuditAfter(ctx context.Context, after catalog.AuditPosition) iter.Seq2[store.Audited, error] {
	return func(yield func(store.Audited, error) bool) {
		for p := after + 1; p <= e.auditOrder.head(); p++ {
			entry, ok, err := e.audited(ctx, p)
			if err != nil {
				yield(store.Audited{}, fmt.Errorf("read audit entry %d: %w", p, err))
				return
			}
			if ok && !yield(store.Audited{Position: p, Entry: entry}, nil) {
				return
			}
		}
	}
}

// audited returns the entry at a position; false if the step that it was given to was not written.
func (e *Engine) audited(ctx context.Context, p catalog.AuditPosition) (entry catalog.AuditEntry, ok bool, err error) {
	k, ok, err := e.log.Row(ctx, tableAuditOrder, positionKey(p))
	if err != nil || !ok {
		return entry, false, err
	}
	b, ok, err := e.log.Row(ctx, tableAudit, k)
	if err == nil && !ok {
		err = fmt.Errorf("there is no row %x: %w", k, store.ErrCorrupt)
	}
	if err != nil {
		return entry, false, err
	}
	return entry, true, decodeJSON(store.Row{Table: tableAudit, Key: k, Value: b}, &entry)
}

// auditedEntry is an audit entry in the form in which it is written.
type auditedEntry struct {
	at    time.Time
	value []byte
}

// prepareAudit encodes the update's audit entries.
func (t *tx) prepareAudit(p *prepared) error {
	for i := range t.audit {
		if t.audit[i].At.IsZero() {
			t.audit[i].At = t.step.at
		}
		b, err := json.Marshal(&t.audit[i])
		if err != nil {
			return fmt.Errorf("write audit entry %s: %w", t.audit[i].ID, err)
		}
		p.audited = append(p.audited, auditedEntry{t.audit[i].At, b})
	}
	return nil
}

// placeAudit gives the step's audit entries their positions and adds their rows. What it returns must be
// called when the step is written or never will be.
func (s *step) placeAudit() (end func()) {
	if len(s.audited) == 0 {
		return func() {}
	}
	first := s.e.auditOrder.begin(len(s.audited))
	for i, a := range s.audited {
		position := first + catalog.AuditPosition(i)
		k := auditKey(a.at, position)
		s.rows = append(s.rows,
			store.Row{Table: tableAudit, Key: k, Value: a.value}, store.Row{Table: tableAuditOrder, Key: positionKey(position), Value: k})
		s.unsynced = append(s.unsynced, unsyncedRow{key: unsyncedKey(tableAudit, k)})
	}
	return func() { s.e.auditOrder.end(first) }
}
