package ingest

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
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

// detail is what a session keeps of an import, so that it can go on after a restart.
type detail struct {
	Kind   string
	Import Import
	Run    segment.Run
}

// jobs are the imports at work.
type jobs struct {
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup

	mu sync.Mutex
	at map[segmentID]*importJob
}

type segmentID struct {
	env segment.EnvID
	key segment.Key
}

func (j *jobs) init() {
	j.ctx, j.stop = context.WithCancel(context.Background())
	j.at = make(map[segmentID]*importJob)
}

// Close stops the imports at work and waits for them. What was uploaded goes on at the next start.
func (i *Ingest) Close() {
	i.jobs.stop()
	i.jobs.running.Wait()
}

// importJob is an import on its way.
type importJob struct {
	i    *Ingest
	id   segmentID
	name segment.RunID
	im   Import
	who  catalog.Caller // of the upload; the commit is theirs
	load store.Load
	// synced says that the list comes from the segment's own tool.
	synced bool

	mu  sync.Mutex
	run segment.Run
}

func (j *importJob) state() segment.Run {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.run
	if r.Progress != nil {
		p := *r.Progress
		r.Progress = &p
	}
	return r
}

func (j *importJob) change(f func(*segment.Run)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f(&j.run)
}

// begin claims the segment for an import.
func (i *Ingest) begin(j *importJob) error {
	i.jobs.mu.Lock()
	defer i.jobs.mu.Unlock()
	if i.jobs.at[j.id] != nil {
		return fault.Conflictf("an import into segment %s is running; wait until it is complete", j.id.key)
	}
	i.jobs.at[j.id] = j
	return nil
}

func (i *Ingest) end(j *importJob) {
	i.jobs.mu.Lock()
	defer i.jobs.mu.Unlock()
	if i.jobs.at[j.id] == j {
		delete(i.jobs.at, j.id)
	}
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

// open begins the session of an import: from here on no change of the segment is lost.
func (j *importJob) open(ctx context.Context) error {
	b, err := json.Marshal(detail{Kind: "import", Import: j.im, Run: j.state()})
	if err != nil {
		return fmt.Errorf("describe import: %w", err)
	}
	_, err = j.i.store.Update(ctx, store.Scope{Env: j.id.env}, func(tx store.Tx) error {
		if _, err := j.i.importable(tx, j.who, j.im); err != nil {
			return err
		}
		tx.OpenSession(store.Session{Env: j.id.env, Segment: j.id.key, ID: j.name, Detail: b})
		tx.Record(j.state())
		return nil
	})
	if err != nil {
		return fmt.Errorf("begin import into segment %s: %w", j.id.key, err)
	}
	return nil
}

func documentOf(id segment.RunID) store.DocumentID { return store.DocumentID("import/" + string(id)) }

// RejectsOf names the document with the rows that a run skipped.
func RejectsOf(id segment.RunID) store.DocumentID { return store.DocumentID("rejects/" + string(id)) }

// receive makes the body durable and parses it at the same time.
func (j *importJob) receive(ctx context.Context, body io.Reader) error {
	body, free, err := list.Inflate(body, j.im.Encoding)
	if err != nil {
		return err
	}
	defer free()
	return j.i.store.PutDocument(ctx, j.id.env, documentOf(j.name), func(w io.Writer) error {
		return j.parse(ctx, io.TeeReader(body, w))
	})
}

// parse reads the list into a load.
func (j *importJob) parse(ctx context.Context, body io.Reader) (err error) {
	if j.load, err = j.i.store.Load(ctx, j.im.loadMode()); err != nil {
		return err
	}
	rejects := &rejects{i: j.i, j: j}
	var writers []store.LoadWriter
	var sinks []list.Sink
	for range runtime.GOMAXPROCS(0) {
		w := j.load.Writer()
		writers, sinks = append(writers, w), append(sinks, w)
	}
	o := j.im.options()
	o.Skip = func(row int64, reason, value string) {
		rejects.add(ctx, row, reason, value)
		j.change(func(r *segment.Run) {
			r.Skipped++
			if len(r.Samples) < segment.MaxSkipSamples {
				r.Samples = append(r.Samples, segment.Skip{Row: int(row), Reason: reason})
			}
		})
	}
	o.Progress = func(bytes, rows int64) {
		j.change(func(r *segment.Run) { r.Progress.BytesRead, r.Progress.Rows = bytes, rows })
	}
	sum, err := list.Read(ctx, body, o, sinks)
	for _, w := range writers {
		err = errors.Join(err, w.Close())
	}
	err = errors.Join(err, rejects.close())
	j.change(func(r *segment.Run) {
		r.Received, r.Bytes = int(sum.Rows), sum.Bytes
		r.Progress.BytesRead, r.Progress.BytesTotal, r.Progress.Rows = sum.Bytes, sum.Bytes, sum.Rows
	})
	return err
}

// rejects writes the rows that were skipped into a document, which begins with the first of them.
type rejects struct {
	i    *Ingest
	j    *importJob
	pipe *io.PipeWriter
	csv  *csv.Writer
	done chan error
}

func (r *rejects) add(ctx context.Context, row int64, reason, value string) {
	if r.pipe == nil {
		reader, writer := io.Pipe()
		r.pipe, r.csv, r.done = writer, csv.NewWriter(writer), make(chan error, 1)
		go func() {
			err := r.i.store.PutDocument(ctx, r.j.id.env, RejectsOf(r.j.name), func(w io.Writer) error {
				_, err := io.Copy(w, reader)
				return err
			})
			_ = reader.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // whoever still writes must not wait
			r.done <- err
		}()
		_ = r.csv.Write([]string{"row", "reason", "value"}) // Flush tells of errors
	}
	_ = r.csv.Write([]string{strconv.FormatInt(row, 10), reason, strings.ToValidUTF8(value, "\uFFFD")})
}

func (r *rejects) close() error {
	if r.pipe == nil {
		return nil
	}
	r.csv.Flush()
	_ = r.pipe.Close() // never fails
	if err := <-r.done; err != nil {
		return fmt.Errorf("write rejected rows: %w", err)
	}
	return nil
}

// troubled tells troubles of the disk, after which the sender can try again, from faults of the list.
func troubled(err error) error {
	if fault.KindOf(err) != fault.Internal || errors.Is(err, context.Canceled) {
		return err
	}
	return fault.Unavailablef("the list was not taken: it broke off, or muster has no room for it at this moment; send it again").Because(err)
}

// give ends an import that came to nothing.
func (j *importJob) give(cause error) {
	defer j.i.end(j)
	if j.load != nil {
		j.load.Discard()
	}
	j.change(func(r *segment.Run) {
		r.State, r.Error = segment.RunRejected, fault.From(troubled(cause)).Message
		r.Progress = nil
	})
	ctx := context.WithoutCancel(j.i.jobs.ctx)
	_, err := j.i.store.Update(ctx, store.Scope{Env: j.id.env}, func(tx store.Tx) error {
		tx.CloseSession(j.id.env, j.id.key, j.name)
		tx.Record(j.state())
		return nil
	})
	err = errors.Join(err, j.i.store.DeleteDocument(ctx, j.id.env, documentOf(j.name)))
	if err != nil && !errors.Is(err, store.ErrClosed) && !errors.Is(err, store.ErrNoEnvironment) {
		j.i.log.Warn("import was not cleared away", "segment", j.id.key, "run", j.name, "err", err)
	}
}

// finish sorts what was received and commits it.
func (j *importJob) finish() {
	ctx := j.i.jobs.ctx
	err := j.commit(ctx)
	switch {
	case err == nil:
		j.load.Discard()
		j.i.end(j)
		if err := j.i.store.DeleteDocument(context.WithoutCancel(ctx), j.id.env, documentOf(j.name)); err != nil && !errors.Is(err, store.ErrClosed) {
			j.i.log.Warn("body of an import was not deleted", "run", j.name, "err", err)
		}
	case ctx.Err() != nil || errors.Is(err, store.ErrClosed):
		j.load.Discard() // it goes on at the next start
		j.i.end(j)
	default:
		j.i.log.Error("import came to nothing", "segment", j.id.key, "run", j.name, "err", err)
		j.give(err)
	}
}

// commit seals the list and publishes or applies it, as often as other publications come between.
func (j *importJob) commit(ctx context.Context) error {
	const attempts = 5
	for n := 0; ; n++ {
		began := time.Now()
		staged, _, err := j.load.Seal(ctx, j.id.env, j.id.key, j.name)
		if err != nil {
			return fmt.Errorf("sort import into segment %s: %w", j.id.key, err)
		}
		j.change(func(r *segment.Run) { r.State, r.Stage = segment.RunStaged, time.Since(began) })
		err = j.publish(ctx, staged)
		staged.Discard()
		if !errors.Is(err, store.ErrStale) || n == attempts {
			return err
		}
	}
}

func (j *importJob) publish(ctx context.Context, staged store.Staged) error {
	var hold *segment.Hold
	for {
		run := j.state()
		run.Progress = nil
		_, err := j.i.store.Update(ctx, store.Scope{Env: j.id.env}, func(tx store.Tx) error {
			return j.stageIn(tx, staged, hold, &run)
		})
		var trip *tripped
		switch {
		case errors.As(err, &trip) && hold == nil:
			hold = &trip.hold
			hold.Usual = j.i.usual(ctx, j.id.env, j.id.key, hold.Members+int64(hold.Removed-hold.Added))
		case errors.Is(err, store.ErrSuperseded):
			return j.supersede(ctx)
		case err != nil:
			return fmt.Errorf("commit import into segment %s: %w", j.id.key, err)
		default:
			return nil // the ledger says how it ended
		}
	}
}

// stageIn makes an import live in a write, or keeps it if it is held.
func (j *importJob) stageIn(tx store.Tx, staged store.Staged, hold *segment.Hold, run *segment.Run) error {
	p, err := j.im.find(tx, j.who, policy.UpdateIncluded)
	if err != nil {
		return err
	}
	*run = func() segment.Run { r := j.state(); r.Progress = nil; return r }()
	if hold != nil {
		return j.keep(tx, p, staged, hold, run)
	}
	if p.seg.Hold != nil && j.im.Mode != Whole {
		return fault.Conflictf("run %s of segment %s is held; release or discard it first", p.seg.Hold.Run, p.seg.Key)
	}
	after := p.seg.Clone()
	effect, err := j.effect(tx, p, staged, after)
	if err != nil {
		return err
	}
	members := effect.Counts.Included - int64(effect.Added) + int64(effect.Removed)
	err = inspect(tx, p.env, p.seg, segment.Sync{
		Members: members, Added: effect.Added, Removed: effect.Removed, MembersAfter: effect.Counts.Included, Whole: j.im.Mode == Whole,
	}, j.i.now())
	if err != nil {
		return err
	}
	tx.CloseSession(j.id.env, j.id.key, run.ID)
	run.State = segment.RunLive
	run.Added, run.Removed, run.Unchanged = effect.Added, effect.Removed, effect.Unchanged
	j.settleSource(after)
	tx.PutSegment(after)
	tx.Record(*run)
	if effect.Added+effect.Removed > 0 {
		verb := "imported a list into"
		if j.synced {
			verb = "replaced the members of"
		}
		tx.Audit(j.i.auditOf(j.who, p, verb, fmt.Sprintf("Mode %s: %d rows. %d added, %d removed, %d unchanged, %d skipped. Run `%s`.",
			j.im.Mode, run.Received, run.Added, run.Removed, run.Unchanged, run.Skipped, run.ID), j.im.Comment, policy.UpdateIncluded))
	}
	return nil
}

// effect publishes or applies the list. A whole list ends the hold of an older run.
func (j *importJob) effect(tx store.Tx, p place, staged store.Staged, after *catalog.Segment) (store.Effect, error) {
	if j.im.Mode != Whole {
		return tx.Apply(j.id.env, j.id.key, staged)
	}
	effect, err := tx.Publish(j.id.env, j.id.key, store.Publication{Session: j.name, Staged: staged, Reason: segment.PointReplace, Run: j.name})
	if err == nil && p.seg.Hold != nil {
		tx.CloseSession(j.id.env, j.id.key, p.seg.Hold.Run)
		after.Hold = nil
	}
	return effect, err
}

// keep holds the import: its list stays with its session.
func (j *importJob) keep(tx store.Tx, p place, staged store.Staged, hold *segment.Hold, run *segment.Run) error {
	if p.seg.Hold != nil {
		return fault.Conflictf("run %s of segment %s is held; release or discard it first", p.seg.Hold.Run, p.seg.Key)
	}
	if err := tx.Keep(j.id.env, j.id.key, run.ID, -1, staged); err != nil {
		return err
	}
	run.State, run.Hold = segment.RunHeld, hold
	held := p.seg.Clone()
	held.Hold = &catalog.Hold{Run: run.ID, At: j.i.now(), Removed: hold.Removed, Reason: hold.Reason, Whole: j.im.Mode == Whole}
	tx.PutSegment(held)
	tx.Record(*run)
	return nil
}

// supersede ends an import that a newer whole list has overtaken.
func (j *importJob) supersede(ctx context.Context) error {
	run := j.state()
	run.State, run.Progress = segment.RunSuperseded, nil
	run.Note = joinNotes(run.Note, "a newer whole list was published meanwhile")
	_, err := j.i.store.Update(ctx, store.Scope{Env: j.id.env}, func(tx store.Tx) error {
		tx.CloseSession(j.id.env, j.id.key, run.ID)
		tx.Record(run)
		return nil
	})
	return err
}

// Preview is what an import would do.
type Preview struct {
	segment.Diff
	Received  int64
	Skipped   int64
	Samples   []segment.Skip
	WouldHold bool
	Revision  segment.Revision
}

// DryRun says what an import would do and changes nothing. Sample keys are given to those only who
// may view members.
func (i *Ingest) DryRun(ctx context.Context, who catalog.Caller, im Import, body io.Reader) (Preview, error) {
	var out Preview
	p, err := i.importable(i.store, who, im)
	if err != nil {
		return out, err
	}
	load, err := i.store.Load(ctx, im.loadMode())
	if err != nil {
		return out, unavailable(err)
	}
	defer load.Discard()
	body, free, err := list.Inflate(body, im.Encoding)
	if err != nil {
		return out, err
	}
	defer free()
	w := load.Writer()
	o := im.options()
	o.Skip = func(row int64, reason, _ string) {
		if len(out.Samples) < segment.MaxSkipSamples {
			out.Samples = append(out.Samples, segment.Skip{Row: int(row), Reason: reason})
		}
	}
	sum, err := list.Read(ctx, body, o, []list.Sink{w})
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return out, unavailable(troubled(err))
	}
	now, err := i.store.Snapshot(p.env.ID, p.seg.Ref())
	if err != nil {
		return out, unavailable(fmt.Errorf("read members of segment %s: %w", p.seg.Key, err))
	}
	if out.Diff, err = load.Compare(ctx, now); err != nil {
		return out, unavailable(fmt.Errorf("compare list with segment %s: %w", p.seg.Key, err))
	}
	if who.Check(policy.ViewMembers, p.resource()) != nil {
		out.AddedKeys, out.RemovedKeys = nil, nil
	}
	out.Received, out.Skipped, out.Revision = sum.Rows, sum.Skipped, now.Revision()
	reason, _ := guardOf(p.env, p.seg).Check(segment.Sync{
		Members: now.Counts().Included, Added: out.Added, Removed: out.Removed, Whole: im.Mode == Whole,
		MembersAfter: now.Counts().Included + int64(out.Added) - int64(out.Removed),
	})
	out.WouldHold = reason != ""
	return out, nil
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

// Resume goes on with the imports that a restart has interrupted. It returns when all of them are
// known; their work goes on.
func (i *Ingest) Resume(ctx context.Context) error {
	for _, project := range i.store.Projects() {
		for _, env := range i.store.Environments(project.Key) {
			open, err := i.store.Sessions(env.ID)
			if err != nil {
				return fmt.Errorf("list sessions of environment %s: %w", env.ID, err)
			}
			for _, s := range open {
				if err := i.resume(ctx, s); err != nil {
					return fmt.Errorf("resume import %s: %w", s.ID, err)
				}
			}
		}
	}
	return nil
}

func (i *Ingest) resume(ctx context.Context, s store.Session) error {
	var pages pagesDetail
	if json.Unmarshal(s.Detail, &pages) == nil && pages.Kind == pagesKind && !s.Kept && i.now().Sub(pages.Run.ReceivedAt) > pagesWait {
		return i.abandon(ctx, s, pages)
	}
	var d detail
	if err := json.Unmarshal(s.Detail, &d); err != nil || d.Kind != "import" || s.Kept {
		return nil //nolint:nilerr // it is somebody else's, or held
	}
	j := &importJob{i: i, id: segmentID{s.Env, s.Segment}, name: s.ID, im: d.Import, run: d.Run, who: importer(d.Run.Actor)}
	if err := i.begin(j); err != nil {
		return err
	}
	doc, err := i.store.OpenDocument(ctx, s.Env, documentOf(s.ID))
	if err != nil {
		j.give(fault.Unavailablef("the upload broke off when muster was restarted; send it again").Because(err))
		return nil
	}
	i.jobs.running.Go(func() {
		_ = i.store.DeleteDocument(i.jobs.ctx, s.Env, RejectsOf(s.ID)) // it is written anew
		err := j.parse(i.jobs.ctx, io.NewSectionReader(doc, 0, doc.Size()))
		if err := errors.Join(err, doc.Close()); err != nil {
			if i.jobs.ctx.Err() != nil {
				i.end(j)
				return
			}
			j.give(err)
			return
		}
		j.finish()
	})
	return nil
}

// importer may do what an import that was authorised when it came has left to do.
func importer(a segment.Actor) catalog.Caller {
	role := policy.Role{Base: policy.NoAccess, Policy: []policy.Statement{{
		Effect: policy.Allow, Actions: []string{string(policy.UpdateIncluded)}, Resources: []string{"proj/*:env/*:segment/*"},
	}}}
	return catalog.Caller{Principal: policy.Principal{Roles: []policy.Role{role}}, Actor: a}
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
