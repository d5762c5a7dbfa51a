package ingest

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

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
	Column   string
	Header   *bool
	// Filename and Size are what the sender says; Size 0: not known.
	Filename string
	Size     int64
	// Override lets the list change a synced segment, which its tool owns.
	Override  bool
	Comment   string
	UserAgent string
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
		return p, fault.Invalidf("the segment %s keeps its targets in its definition; imports need a big segment (unbounded: true)", p.seg.Key)
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
	o := list.Options{Column: im.Column, Header: im.Header}
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
		ReceivedAt: i.now(), Actor: who.Actor, UserAgent: im.UserAgent, Comment: im.Comment, Note: im.Filename,
		Progress: &segment.Progress{BytesTotal: im.Size},
	}
	if im.Mode == Whole {
		run.Mode = segment.Replace
	}
	j := &importJob{i: i, id: segmentID{p.env.ID, p.seg.Key}, name: run.ID, im: im, who: who, run: run}
	if err := i.begin(j); err != nil {
		return segment.Run{}, err
	}
	if err := j.open(ctx); err != nil {
		i.end(j)
		return segment.Run{}, unavailable(err)
	}
	began := time.Now()
	if err := j.receive(ctx, body); err != nil {
		j.give(err)
		return segment.Run{}, unavailable(troubled(err))
	}
	j.change(func(r *segment.Run) { r.Parse = time.Since(began) })
	i.jobs.running.Go(j.finish)
	return j.state(), nil
}

// ImportOf returns the run of an import with its progress.
func (i *Ingest) ImportOf(ctx context.Context, who catalog.Caller, t Target, id segment.RunID) (segment.Run, error) {
	p, err := t.find(i.store, who, policy.ViewProject)
	if err != nil {
		return segment.Run{}, err
	}
	i.jobs.mu.Lock()
	j := i.jobs.at[segmentID{p.env.ID, p.seg.Key}]
	i.jobs.mu.Unlock()
	if j != nil && j.name == id {
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
	i.jobs.mu.Lock()
	defer i.jobs.mu.Unlock()
	return i.jobs.at[segmentID{env, key}] != nil
}

// Imports returns the imports of a segment, newest first.
func (i *Ingest) Imports(ctx context.Context, who catalog.Caller, t Target) ([]segment.Run, error) {
	p, err := t.find(i.store, who, policy.ViewProject)
	if err != nil {
		return nil, err
	}
	runs, _, err := i.store.Runs(ctx, p.env.ID, store.RunQuery{Segment: t.Segment, Limit: 1000})
	if err != nil {
		return nil, unavailable(fmt.Errorf("list imports of segment %s: %w", t.Segment, err))
	}
	return slices.DeleteFunc(runs, func(r segment.Run) bool { return r.Kind != segment.ImportRun }), nil
}
