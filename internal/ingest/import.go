package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"muster/internal/catalog"
	"muster/internal/connector/list"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// ImportMode says what becomes of the keys of an import.
type ImportMode string

// The modes: add the keys, make them the whole list, or remove them.
const (
	Merge  ImportMode = "merge"
	Whole  ImportMode = "replace"
	Remove ImportMode = "remove"
)

// Import is a list that a person or their automation uploads into a segment.
type Import struct {
	Target
	Mode ImportMode
	// Format, Column and Header say how the list is to be read; see list.Options.
	Format   ListFormat
	Encoding string // Content-Encoding of the body: gzip, zstd or none
	// Kind is the context kind of the keys; empty means the segment's own.
	Kind   segment.ContextKind
	Column string
	Header *bool
	// Separator stands between the fields of a CSV; 0: it is found out.
	Separator byte
	// Filename and Size are what the sender says; Size 0: not known.
	Filename string
	Size     int64
	// Limit is how many bytes the list may have, inflated; 0: any.
	Limit int64
	// Override lets the list change a synced segment, which its tool owns.
	Override bool
	// Wait lets the import wait, once it is here, until ProcessImport is called.
	Wait      bool
	Comment   string
	UserAgent string
	// Idempotency is what the sender named the request by: the same name for the same segment within
	// 24 hours changes nothing and gets the run of the first one, unless that came to nothing.
	Idempotency string
}

// importable checks that an import may be made and returns where.
func (i *Ingest) importable(c store.Catalog, who catalog.Caller, im Import) (place, error) {
	p, err := im.find(c, who, policy.UpdateIncluded)
	if err != nil {
		return p, err
	}
	switch {
	case im.Mode != Merge && im.Mode != Whole && im.Mode != Remove:
		return p, fault.Invalidf("mode may be merge, replace or remove")
	case !p.seg.Unbounded:
		return p, im.listable(p.seg)
	case im.Kind != "" && im.Kind != p.seg.Kind:
		return p, fault.Invalidf("the segment %s holds contexts of kind %s, not %s", p.seg.Key, p.seg.Kind, im.Kind)
	case p.seg.Source != nil && !im.Override:
		return p, fault.Invalidf("the members of segment %s belong to %s; sync from there, or import with override=true to repair them", p.seg.Key, p.seg.Source.Tool)
	}
	return p, nil
}

// ListFormat is the form of an uploaded list.
type ListFormat string

// The formats: rows of fields, one JSON value a line, one JSON array.
const (
	CSV    ListFormat = "csv"
	NDJSON ListFormat = "ndjson"
	JSON   ListFormat = "json"
)

func (im Import) options() list.Options {
	o := list.Options{Column: im.Column, Header: im.Header, Separator: im.Separator}
	switch im.Format {
	case NDJSON:
		o.Format = list.NDJSON
	case JSON:
		o.Format = list.JSON
	}
	return o
}

func (im Import) loadMode() store.LoadMode {
	switch im.Mode {
	case Merge:
		return store.LoadInclude
	case Remove:
		return store.LoadRemove
	default:
		return store.LoadReplace
	}
}

// Authorise checks that the caller may make an import, before anything of it is read.
func (i *Ingest) Authorise(who catalog.Caller, im Import) error {
	_, err := i.importable(i.store, who, im)
	return err
}

// Import takes a list. When it returns nil the list is durable; sorting and publishing go on, and
// ImportOf tells how far they are. When it returns an error nothing was changed.
func (i *Ingest) Import(ctx context.Context, who catalog.Caller, im Import, body io.Reader) (segment.Run, error) {
	p, err := i.importable(i.store, who, im)
	if err != nil {
		return segment.Run{}, err
	}
	run := segment.Run{
		ID: segment.RunID(catalog.NewID()), Env: p.env.ID, Segment: p.seg.Key, Kind: segment.ImportRun, State: segment.RunReceived,
		ReceivedAt: i.now(), Actor: who.Actor, UserAgent: im.UserAgent, Comment: im.Comment, File: im.Filename,
		Progress: &segment.Progress{BytesTotal: im.Size}, Idempotency: im.Idempotency,
	}
	switch im.Mode {
	case Whole:
		run.Mode = segment.Replace
	case Remove:
		run.Removes = true
	case Merge:
	}
	j := &job{i: i, id: segmentID{p.env.ID, p.seg.Key}, name: run.ID, im: im, who: who, run: run}
	if before, err := i.begin(j); err != nil || before != nil {
		if err != nil {
			return segment.Run{}, err
		}
		return before.state(), nil
	}
	if !p.seg.Unbounded {
		return j.intoList(ctx, p, body)
	}
	before, err := j.open(ctx)
	if err != nil || before != nil {
		i.end(j)
		if err != nil {
			return segment.Run{}, unavailable(err)
		}
		return *before, nil
	}
	if err := j.receive(ctx, body, j.parse); err != nil {
		j.give(err)
		return segment.Run{}, unavailable(troubled(err))
	}
	j.received.Store(true)
	if im.Wait {
		return j.wait(ctx)
	}
	i.jobs.running.Go(j.finish)
	return j.state(), nil
}

// wait lets an import whose list is here wait.
func (j *job) wait(ctx context.Context) (segment.Run, error) {
	defer j.i.end(j)
	j.load.Discard()
	j.change(func(r *segment.Run) { r.Waiting = true })
	if err := j.update(ctx); err != nil {
		j.give(err)
		return segment.Run{}, unavailable(err)
	}
	return j.state(), nil
}

// update brings ledger and session up to date with a run that is under way.
func (j *job) update(ctx context.Context) error {
	b, err := json.Marshal(detail{Kind: importKind, Import: j.im, Run: j.state()})
	if err != nil {
		return fmt.Errorf("describe import: %w", err)
	}
	_, err = j.i.store.Update(ctx, store.Scope{Env: j.id.env}, func(tx store.Tx) error {
		tx.UpdateSession(j.id.env, j.id.key, j.name, b)
		tx.Record(j.state())
		return nil
	})
	if err != nil {
		return fmt.Errorf("record import into segment %s: %w", j.id.key, err)
	}
	return nil
}

// ProcessImport lets an import go on that waits. The caller needs updateIncluded.
func (i *Ingest) ProcessImport(ctx context.Context, who catalog.Caller, t Target, id segment.RunID) (segment.Run, error) {
	p, err := t.find(i.store, who, policy.UpdateIncluded)
	if err != nil {
		return segment.Run{}, err
	}
	run, err := i.ImportOf(ctx, who, t, id)
	if err != nil {
		return segment.Run{}, err
	}
	if !run.Waiting {
		return segment.Run{}, fault.Conflictf("import %s of segment %s does not wait; it is %s", id, t.Segment, run.State)
	}
	open, err := i.store.Sessions(p.env.ID)
	if err != nil {
		return segment.Run{}, unavailable(fmt.Errorf("list sessions of environment %s: %w", p.env.ID, err))
	}
	n := slices.IndexFunc(open, func(s store.Session) bool { return s.ID == id && s.Segment == t.Segment })
	if n < 0 {
		return segment.Run{}, fault.Conflictf("import %s of segment %s does not wait any more", id, t.Segment)
	}
	d, _ := importOf(open[n])
	d.Run.Waiting = false
	j := &job{i: i, id: segmentID{p.env.ID, t.Segment}, name: id, im: d.Import, run: d.Run, who: who}
	if _, err := i.begin(j); err != nil {
		return segment.Run{}, err
	}
	if err := j.update(ctx); err != nil {
		i.end(j)
		return segment.Run{}, unavailable(err)
	}
	j.received.Store(true)
	if err := j.again(ctx); err != nil {
		return segment.Run{}, unavailable(troubled(err))
	}
	return j.state(), nil
}

// ImportOf returns the run of an import with its progress.
func (i *Ingest) ImportOf(ctx context.Context, who catalog.Caller, t Target, id segment.RunID) (segment.Run, error) {
	p, err := t.find(i.store, who, policy.ViewProject)
	if err != nil {
		return segment.Run{}, err
	}
	if j := i.jobs.of(segmentID{p.env.ID, p.seg.Key}); j != nil && j.name == id {
		return j.state(), nil
	}
	run, ok, err := i.store.Run(ctx, p.env.ID, id)
	if err != nil {
		return segment.Run{}, unavailable(fmt.Errorf("read run %s: %w", id, err))
	}
	if !ok || run.Segment != t.Segment || run.Kind != segment.ImportRun {
		return segment.Run{}, fault.NotFoundf("Unknown import %s of segment %s", id, t.Segment)
	}
	return run, nil
}

// Importing reports whether an import into a segment is running.
func (i *Ingest) Importing(env segment.EnvID, key segment.Key) bool {
	return i.jobs.of(segmentID{env, key}) != nil
}

// Syncing reports whether a whole list is on its way into a segment: an import that is running, or a
// list of a tool whose last page did not come yet.
func (i *Ingest) Syncing(env segment.EnvID, key segment.Key) bool {
	if i.Importing(env, key) {
		return true
	}
	open, err := i.store.Sessions(env)
	return err == nil && slices.ContainsFunc(open, func(s store.Session) bool { // an environment that is gone syncs nothing
		if s.Segment != key {
			return false
		}
		_, collecting := pagesOf(s)
		return collecting
	})
}

// UnderWay returns the runs of the imports that are being read or sorted in an environment.
func (i *Ingest) UnderWay(env segment.EnvID) []segment.Run {
	i.jobs.mu.Lock()
	defer i.jobs.mu.Unlock()
	var runs []segment.Run
	for id, j := range i.jobs.at {
		if id.env == env {
			runs = append(runs, j.state())
		}
	}
	return runs
}

// Imports returns the imports of a segment, newest first, and how many there are. A limit of 0 means
// no limit.
func (i *Ingest) Imports(ctx context.Context, who catalog.Caller, t Target, limit, offset int) ([]segment.Run, int, error) {
	p, err := t.find(i.store, who, policy.ViewProject)
	if err != nil {
		return nil, 0, err
	}
	runs, total, err := i.store.Runs(ctx, p.env.ID, store.RunQuery{Segment: t.Segment, Kind: segment.ImportRun, Limit: limit, Offset: offset})
	if err != nil {
		return nil, 0, unavailable(fmt.Errorf("list imports of segment %s: %w", t.Segment, err))
	}
	if j := i.jobs.of(segmentID{p.env.ID, p.seg.Key}); j != nil {
		for n, run := range runs {
			if run.ID == j.name { // the ledger does not know its progress
				runs[n] = j.state()
			}
		}
	}
	return runs, total, nil
}
