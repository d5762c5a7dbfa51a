package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"muster/internal/catalog"
	"muster/internal/connector/list"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

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
