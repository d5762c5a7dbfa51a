package history

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// ExportID identifies an export: a UUID.
type ExportID string

// ExportFormat is the form of an exported list.
type ExportFormat string

// The formats: one key a row, or one JSON object with the member "key" a line.
const (
	ExportCSV    ExportFormat = "csv"
	ExportNDJSON ExportFormat = "ndjson"
)

// ExportStatus says how far an export is.
type ExportStatus string

// The statuses.
const (
	ExportPending  ExportStatus = "pending"
	ExportComplete ExportStatus = "complete"
	ExportStopped  ExportStatus = "stopped"
)

// Export is a file with the keys of all contexts that a segment included at one revision. Those
// whose key is not known are left out and counted.
type Export struct {
	ID        ExportID
	Segment   segment.Key
	Format    ExportFormat
	Revision  segment.Revision
	Created   time.Time
	Initiator Initiator
	Status    ExportStatus `json:"-"`
	ExportResult
}

// ExportResult is what became of an export.
type ExportResult struct {
	Rows    int64 // keys in the file; so far, if it is pending
	Unknown int64 // members left out
	Size    int64
	Error   string
}

// Initiator is who asked for an export.
type Initiator struct{ Name, Email string }

const (
	// ExportAge is how long an export is kept.
	ExportAge = 7 * 24 * time.Hour
	// KeptExports is how many finished exports of a segment are kept.
	KeptExports = 20
	// exportsAtOnce is how many are written at the same time, maxExports how many may wait.
	exportsAtOnce = 2
	maxExports    = 32
)

// Expires is when the file is deleted at the latest.
func (x Export) Expires() time.Time { return x.Created.Add(ExportAge) }

// An export is three documents: what was asked for, the file, and what became of it. An export that
// is not at work and has no result was interrupted by a restart.
func exportPart(key segment.Key, id ExportID, part string) store.DocumentID {
	return exportsOf(key) + store.DocumentID(string(id)+"/"+part)
}

func exportsOf(key segment.Key) store.DocumentID {
	return exportPrefix + store.DocumentID(string(key)+"/")
}

const (
	exportPrefix = "export/"
	exportAsked  = "asked"
	exportFile   = "file"
	exportResult = "result"
)

// StartExport begins to write an export of the members as they are now and returns it. The caller
// needs exportMembers.
//
// A segment that lists its targets may have some of several context kinds; kind says which are
// exported, empty meaning those of the segment if it has one kind only.
func (h *History) StartExport(ctx context.Context, who catalog.Caller, t Target, format ExportFormat, kind segment.ContextKind) (Export, error) {
	seg, err := h.findAny(who, t, policy.ExportMembers)
	if err != nil {
		return Export{}, err
	}
	if format != ExportCSV && format != ExportNDJSON {
		return Export{}, fault.Invalidf("format may be csv or ndjson")
	}
	members, revision, err := h.exported(seg, kind)
	if err != nil {
		return Export{}, err
	}
	x := Export{
		ID: ExportID(catalog.NewUUID()), Segment: seg.Key, Format: format, Revision: revision,
		Created: h.now(), Initiator: initiator(who), Status: ExportPending,
	}
	job, err := h.exports.begin(x)
	if err != nil {
		return Export{}, err
	}
	if err := h.putJSON(ctx, seg.Env, exportPart(seg.Key, x.ID, exportAsked), &x); err != nil {
		h.exports.end(job)
		return Export{}, reading("begin an export", err)
	}
	h.exports.running.Go(func() { h.export(seg.Env, job, members) })
	return x, nil
}

// exported returns the members of a segment as they are now, and at which revision that is.
func (h *History) exported(seg *catalog.Segment, kind segment.ContextKind) (iter.Seq2[segment.Change, error], segment.Revision, error) {
	if seg.Unbounded {
		if kind != "" && kind != seg.Kind {
			return nil, 0, fault.Invalidf("the segment %s holds contexts of kind %s, not %s", seg.Key, seg.Kind, kind)
		}
		members, err := h.store.Snapshot(seg.Env, seg.Ref())
		if err != nil {
			return nil, 0, within(seg, err)
		}
		return members.All(nil), members.Revision(), nil
	}
	revision, err := h.store.Head(seg.Env)
	if err != nil {
		return nil, 0, within(seg, err)
	}
	if kind == "" {
		if kind, err = seg.TargetKind(); err != nil {
			return nil, 0, fault.Invalidf("%s; say with contextKind which of them to export", fault.From(err).Message)
		}
	}
	return func(yield func(segment.Change, error) bool) {
		for _, key := range seg.IncludedOf(kind) {
			if !yield(segment.Change{Ops: segment.Include, Key: []byte(key)}, nil) {
				return
			}
		}
	}, revision, nil
}

func initiator(who catalog.Caller) Initiator {
	i := Initiator{Name: who.Actor.Name}
	if m := who.Member; m != nil {
		i.Email = m.Email
		if name := strings.TrimSpace(m.FirstName + " " + m.LastName); name != "" {
			i.Name = name
		}
	}
	return i
}

// Export returns one export.
func (h *History) Export(ctx context.Context, who catalog.Caller, t Target, id ExportID) (Export, error) {
	seg, err := h.findAny(who, t, policy.ViewProject)
	if err != nil {
		return Export{}, err
	}
	return h.readExport(ctx, seg, id)
}

// Exports returns the exports of a segment, newest first.
func (h *History) Exports(ctx context.Context, who catalog.Caller, t Target) ([]Export, error) {
	seg, err := h.findAny(who, t, policy.ViewProject)
	if err != nil {
		return nil, err
	}
	ids, err := h.exportIDs(ctx, seg.Env, seg.Key)
	if err != nil {
		return nil, reading(fmt.Sprintf("list exports of segment %s", seg.Key), err)
	}
	var all []Export
	for _, id := range ids {
		x, err := h.readExport(ctx, seg, id)
		switch {
		case fault.KindOf(err) == fault.NotFound: // it was dropped meanwhile
		case err != nil:
			return nil, err
		default:
			all = append(all, x)
		}
	}
	slices.SortFunc(all, func(a, b Export) int { return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID)) })
	return all, nil
}

// ExportFile returns the file of a complete export. The caller needs exportMembers, and closes it.
func (h *History) ExportFile(ctx context.Context, who catalog.Caller, t Target, id ExportID) (Export, store.Document, error) {
	seg, err := h.findAny(who, t, policy.ExportMembers)
	if err != nil {
		return Export{}, nil, err
	}
	x, err := h.readExport(ctx, seg, id)
	if err != nil {
		return Export{}, nil, err
	}
	switch x.Status {
	case ExportPending:
		return Export{}, nil, fault.Conflictf("export %s of segment %s is not complete yet; ask for it again in a moment", id, seg.Key)
	case ExportStopped:
		return Export{}, nil, fault.Conflictf("export %s of segment %s came to nothing: %s", id, seg.Key, x.Error)
	}
	doc, err := h.store.OpenDocument(ctx, seg.Env, exportPart(seg.Key, id, exportFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Export{}, nil, unknownExport(seg, id)
	}
	if err != nil {
		return Export{}, nil, reading("open an export", err)
	}
	return x, doc, nil
}

func unknownExport(seg *catalog.Segment, id ExportID) error {
	return fault.NotFoundf("Unknown export %s of segment %s; exports are kept for %d days", id, seg.Key, ExportAge/(24*time.Hour))
}

func (h *History) readExport(ctx context.Context, seg *catalog.Segment, id ExportID) (Export, error) {
	if x, ok := h.exports.find(seg.Key, id); ok {
		return x, nil
	}
	var x Export
	err := h.getJSON(ctx, seg.Env, exportPart(seg.Key, id, exportAsked), &x)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !h.now().Before(x.Expires()) {
		return x, unknownExport(seg, id)
	}
	if err != nil {
		return x, reading("read an export", err)
	}
	err = h.getJSON(ctx, seg.Env, exportPart(seg.Key, id, exportResult), &x.ExportResult)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		x.Status, x.Error = ExportStopped, "muster was restarted before the export was complete; start another one"
	case err != nil:
		return x, reading("read an export", err)
	case x.Error != "":
		x.Status = ExportStopped
	default:
		x.Status = ExportComplete
	}
	return x, nil
}

// exportIDs returns the exports that there are documents of, in no useful order.
func (h *History) exportIDs(ctx context.Context, env segment.EnvID, key segment.Key) ([]ExportID, error) {
	var ids []ExportID
	prefix := exportsOf(key)
	for d, err := range h.store.DocumentList(ctx, env, string(prefix)) {
		if err != nil {
			return nil, err
		}
		id, _, _ := strings.Cut(strings.TrimPrefix(string(d.ID), string(prefix)), "/")
		if n := len(ids); n == 0 || ids[n-1] != ExportID(id) {
			ids = append(ids, ExportID(id))
		}
	}
	return ids, nil
}

func (h *History) putJSON(ctx context.Context, env segment.EnvID, id store.DocumentID, v any) error {
	return h.store.PutDocument(ctx, env, id, func(w io.Writer) error { return json.NewEncoder(w).Encode(v) })
}

func (h *History) getJSON(ctx context.Context, env segment.EnvID, id store.DocumentID, v any) error {
	doc, err := h.store.OpenDocument(ctx, env, id)
	if err != nil {
		return err
	}
	return errors.Join(json.NewDecoder(io.NewSectionReader(doc, 0, doc.Size())).Decode(v), doc.Close())
}
