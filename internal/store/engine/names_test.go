package engine

import (
	"context"
	"fmt"
	"maps"

	"muster/internal/store"
)

// CheckNames says how the files that rows name, those that are counted as named and those that there
// are differ: no row names a file that is not there (invariant 3), no file is deleted while a row
// names it (invariant 4), and none stays when no row does. Files of lists that wait for a commit are
// unclaimed.
func (e *Engine) CheckNames(ctx context.Context, unclaimed int) error {
	for id, env := range *e.environments.Load() {
		env.commit.Lock()
		defer env.commit.Unlock()
		env.view.Load().refs.each(func(m *membership) bool {
			if m.folding != nil {
				unclaimed++
			}
			if m.merging != nil {
				unclaimed++
			}
			return true
		})
		for _, s := range e.sessions.within(id) {
			if s.journal.moving {
				unclaimed++
			}
		}
	}
	e.publications.mu.Lock()
	unclaimed += 2 * len(e.publications.open)
	e.publications.mu.Unlock()
	unclaimed += int(e.burying.Load())
	rows := make(map[store.FileID]int)
	for _, table := range naming {
		for row, err := range e.log.Rows(ctx, table, nil, false) {
			if err != nil {
				return err
			}
			named, err := filesNamed(row)
			if err != nil {
				return err
			}
			for _, id := range named {
				rows[id]++
			}
		}
	}
	e.names.mu.Lock()
	counted := maps.Clone(e.names.n)
	e.names.mu.Unlock()
	if !maps.Equal(rows, counted) {
		return fmt.Errorf("rows name %x, counted are %x", rows, counted)
	}
	extra := 0
	for id, err := range e.files.List(ctx) {
		if err != nil {
			return err
		}
		if rows[id] == 0 {
			extra++
		}
		delete(rows, id)
	}
	if len(rows) > 0 || extra > unclaimed {
		return fmt.Errorf("missing files: %x; %d files are named by no row, of which %d wait for a commit", rows, extra, unclaimed)
	}
	return nil
}

// CheckPending says by how much the number of changes that count as waiting differs from what lies in
// tables and journals.
func (e *Engine) CheckPending() error {
	var n int64
	for id, env := range *e.environments.Load() {
		env.commit.Lock()
		defer env.commit.Unlock()
		env.view.Load().refs.each(func(m *membership) bool {
			n += int64(m.layers.Load().tables())
			return true
		})
		for _, s := range e.sessions.within(id) {
			n += int64(s.journal.tables())
		}
	}
	if counted := e.pendingChanges.Load(); counted != n {
		return fmt.Errorf("%d changes lie in tables, %d are counted", n, counted)
	}
	return nil
}
