package engine

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

// Watch stands between an engine and its log and files and sees that the engine keeps the invariants
// that show there: no row names a file that is not stored (3), no file is deleted while a durable row
// or entry names it (4), nothing above the durable head can be read (5), no ref begins twice (6).
type Watch struct {
	store.Log
	store.Files
	// Broken is called with what is violated, from any goroutine.
	Broken func(error)
	// Alone says that nothing else works on the engine while it writes, so that all it shows must
	// stay as it is until the write returns.
	Alone bool

	mu      sync.Mutex
	shows   *Engine
	stored  map[store.FileID]bool
	named   map[string][]store.FileID // by durable rows, and by those on their way
	before  map[string][]store.FileID // by rows that are being replaced
	entries map[segment.EnvID]map[segment.Revision][]store.FileID
	begun   map[refID]bool
	doing   string
}

// NewWatch watches a log and files from now on.
func NewWatch(ctx context.Context, log store.Log, files store.Files, broken func(error)) (*Watch, error) {
	w := &Watch{
		Log: log, Files: files, Broken: broken, stored: make(map[store.FileID]bool), named: make(map[string][]store.FileID),
		before: make(map[string][]store.FileID), entries: make(map[segment.EnvID]map[segment.Revision][]store.FileID), begun: make(map[refID]bool),
	}
	for id, err := range files.List(ctx) {
		if err != nil {
			return nil, err
		}
		w.stored[id] = true
	}
	for _, table := range naming {
		for row, err := range log.Rows(ctx, table, nil, false) {
			if err != nil {
				return nil, err
			}
			files, err := filesNamed(row)
			if err != nil {
				return nil, err
			}
			w.named[string(unsyncedKey(row.Table, row.Key))] = files
			if table == tableMembership {
				id, err := parseRefKey(row.Key)
				if err != nil {
					return nil, err
				}
				w.begun[id] = true
			}
		}
	}
	return w, nil
}

// Shows tells the watch which engine works on it.
func (w *Watch) Shows(e *Engine) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shows = e
}

// Doing says what is being written at this moment, in the words of design: "page 1", "change file".
func (w *Watch) Doing() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.doing
}

func (w *Watch) broken(format string, args ...any) { w.Broken(fmt.Errorf(format, args...)) }

// Put notes that a file is stored.
func (w *Watch) Put(ctx context.Context, id store.FileID, write func(io.Writer) error) error {
	err := w.Files.Put(ctx, id, write)
	if err == nil {
		w.mu.Lock()
		w.stored[id] = true
		w.mu.Unlock()
	}
	return err
}

// Delete demands that nothing durable names the file.
func (w *Watch) Delete(ctx context.Context, id store.FileID) error {
	w.mu.Lock()
	for _, rows := range []map[string][]store.FileID{w.named, w.before} {
		for k, files := range rows {
			if slices.Contains(files, id) {
				w.broken("file %x is deleted while a row of table %d names it", id, k[0])
			}
		}
	}
	for env, entries := range w.entries {
		for rev, files := range entries {
			if slices.Contains(files, id) {
				w.broken("file %x is deleted while entry %d of environment %s names it", id, rev, env)
			}
		}
	}
	delete(w.stored, id)
	w.mu.Unlock()
	return w.Files.Delete(ctx, id)
}

// Trim forgets what entries name. It is durable with the next write only, and files are deleted after
// that.
func (w *Watch) Trim(ctx context.Context, env segment.EnvID, through segment.Revision) error {
	err := w.Log.Trim(ctx, env, through)
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.entries[env], func(rev segment.Revision, _ []store.FileID) bool { return rev <= through })
	return err
}

// Drop forgets what entries name.
func (w *Watch) Drop(ctx context.Context, env segment.EnvID) error {
	err := w.Log.Drop(ctx, env)
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.entries, env)
	return err
}

// Write sees what a write does, before and after it is durable.
func (w *Watch) Write(ctx context.Context, records []store.Record, rows []store.Row) error {
	w.begin(records, rows)
	var shown string
	if w.Alone {
		shown = w.shown()
	}
	err := w.Log.Write(ctx, records, rows)
	if err == nil && w.Alone { // it is readable in the log from here on, and nothing of it may show
		if now := w.shown(); now != shown {
			w.broken("a write that is not answered can be seen:\nbefore: %s\nafter:  %s", shown, now)
		}
	}
	w.end(err == nil)
	return err
}

// begin checks a write and notes what it names.
func (w *Watch) begin(records []store.Record, rows []store.Row) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var doing []string
	last := make(map[string]store.Row, len(rows)) // of several rows with one key the last counts
	for _, row := range rows {
		last[string(unsyncedKey(row.Table, row.Key))] = row
	}
	for k, row := range last {
		doing = append(doing, describe(row)...)
		if old, ok := w.named[k]; ok {
			w.before[k] = old
		}
		if row.Value == nil {
			delete(w.named, k)
			continue
		}
		if row.Table == tableMembership {
			w.begins(row)
		}
		if !slices.Contains(naming, row.Table) {
			continue
		}
		files, err := filesNamed(row)
		if err != nil {
			w.broken("write a row that can't be read: %w", err)
		}
		for _, id := range files {
			if !w.stored[id] {
				w.broken("a row of table %d names file %x, which is not stored", row.Table, id)
			}
		}
		w.named[k] = files
	}
	for _, r := range records {
		if env := w.running(r.Env); env != nil && max(segment.Revision(env.head.Load()), env.view.Load().revision) >= r.Revision {
			w.broken("revision %d of environment %s shows before it is written", r.Revision, r.Env)
		}
		if w.entries[r.Env] == nil {
			w.entries[r.Env] = make(map[segment.Revision][]store.FileID)
		}
		en, err := decodeEntry(r.Value)
		if err != nil {
			w.broken("write an entry that can't be read: %w", err)
			continue
		}
		for _, d := range en.deltas {
			if d.file != nil {
				w.entries[r.Env][r.Revision] = append(w.entries[r.Env][r.Revision], d.file.id)
			}
		}
	}
	w.doing = strings.Join(doing, ", ")
}

// running returns an environment of the engine that is watched, nil if there is none.
func (w *Watch) running(id segment.EnvID) *environment {
	if w.shows == nil {
		return nil
	}
	return w.shows.environment(id)
}

// begins demands that a ref begins once.
func (w *Watch) begins(row store.Row) {
	id, err := parseRefKey(row.Key)
	if err != nil {
		w.broken("write a membership that can't be read: %w", err)
	}
	_, there := w.before[string(unsyncedKey(row.Table, row.Key))]
	if !there && w.begun[id] {
		w.broken("%s of environment %s begins again", id.ref, id.env)
	}
	w.begun[id] = true
}

func (w *Watch) end(durable bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.doing = ""
	if durable { // else both may be
		clear(w.before)
	}
}

// describe says what a row is about, where a test of faults asks for it.
func describe(row store.Row) []string {
	switch row.Table {
	case tablePage:
		if _, n, err := parseSessionPartKey(row.Key); err == nil && row.Value != nil {
			return []string{fmt.Sprint("page ", n)}
		}
	case tableTail:
		if row.Value == nil {
			return []string{"seal"}
		}
	case tablePublication:
		var p publicationRow
		if row.Value != nil && decodeJSON(row, &p) == nil && p.File != nil {
			return []string{"change file"}
		}
	case tableGraves:
		if row.Value != nil {
			return []string{"graves"}
		}
	}
	return nil
}

// shown returns what can be read of an engine without waiting for a write, but for documents: one whose
// deletion is on its way to the disk may be gone already.
func (w *Watch) shown() string {
	w.mu.Lock()
	e := w.shows
	w.mu.Unlock()
	if e == nil {
		return ""
	}
	ctx := context.Background()
	var b strings.Builder
	for _, id := range slices.Sorted(maps.Keys(*e.environments.Load())) {
		head, err := e.Head(id)
		v, viewErr := e.View(id)
		defs, rev, defErr := e.Definitions(id)
		fmt.Fprintf(&b, "%s: head %d %v; definitions %d of %d %v", id, head, err, len(defs), rev, defErr)
		if viewErr == nil {
			fmt.Fprintf(&b, "; view %d", v.Revision())
			for _, s := range e.Segments(id) {
				c, ok := v.Counts(s.Ref())
				fmt.Fprintf(&b, "; %s version %d %v %t", s.Key, s.Version, c, ok)
				points, err := e.Points(id, s.Key)
				fmt.Fprintf(&b, "; %d points %v", len(points), err)
			}
		}
		entries := 0
		for en, err := range e.Entries(ctx, id, head) {
			fmt.Fprintf(&b, "; entry %+v %v", en, err)
			entries++
		}
		runs, n, err := e.Runs(ctx, id, store.RunQuery{Limit: 20})
		fmt.Fprintf(&b, "; %d runs %v", n, err)
		for _, r := range runs {
			fmt.Fprintf(&b, " %s %s %d +%d -%d", r.ID, r.State, r.Revision, r.Added, r.Removed)
		}
		sessions, err := e.Sessions(id)
		fmt.Fprintf(&b, "; sessions %v", err)
		for _, s := range sessions {
			fmt.Fprintf(&b, " %s %s %v %t", s.ID, s.Detail, s.Pages, s.Kept)
		}
		b.WriteByte('\n')
	}
	n := 0
	for a, err := range e.AuditEntries(ctx, time.Time{}) {
		fmt.Fprintf(&b, "audit %s %v; ", a.ID, err)
		if n++; n == 5 {
			break
		}
	}
	return b.String()
}

// Fold folds an environment and sees that this changes no lookup, count or walk (7).
func (w *Watch) Fold(ctx context.Context, env segment.EnvID) error {
	before, err := w.members(env)
	if err != nil {
		return err
	}
	if err := w.shows.Fold(ctx, env); err != nil {
		return err
	}
	after, err := w.members(env)
	if err == nil && after != before {
		w.broken("a fold can be seen:\nbefore: %s\nafter:  %s", before, after)
	}
	return err
}

// members returns who is in each ref of an environment, by every way of asking.
func (w *Watch) members(env segment.EnvID) (string, error) {
	v, err := w.shows.View(env)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, s := range w.shows.Segments(env) {
		counts, ok := v.Counts(s.Ref())
		if !ok {
			continue
		}
		fmt.Fprintf(&b, "%s %v:", s.Ref(), counts)
		m, err := w.shows.Snapshot(env, s.Ref())
		if err != nil {
			return "", err
		}
		for c, err := range m.All(nil) {
			if err != nil {
				return "", err
			}
			state, err := v.State(s.Ref(), c.Hash)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, " %.4x %s %04b %04b", c.Hash[:4], c.Key, c.Ops, state)
		}
	}
	return b.String(), nil
}
