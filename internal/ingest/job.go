package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"muster/internal/catalog"
	"muster/internal/connector/list"
	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
)

// detail is what a session keeps of an import, so that it can go on after a restart.
type detail struct {
	Kind   string
	Import Import
	Run    segment.Run
}

const importKind = "import"

// jobs are the imports at work.
type jobs struct {
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup

	mu sync.Mutex
	at map[segmentID]*job
}

type segmentID struct {
	env segment.EnvID
	key segment.Key
}

func (j *jobs) init() {
	j.ctx, j.stop = context.WithCancel(context.Background())
	j.at = make(map[segmentID]*job)
}

// of returns the import into a segment that is at work, nil if there is none.
func (j *jobs) of(id segmentID) *job {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.at[id]
}

// Close stops the imports at work and waits for them. What was uploaded goes on at the next start.
func (i *Ingest) Close() {
	i.jobs.stop()
	i.jobs.running.Wait()
}

// job is a list on its way to a segment's members.
type job struct {
	i    *Ingest
	id   segmentID
	name segment.RunID
	im   Import
	who  catalog.Caller // of the upload; the commit is theirs
	load store.Load
	// synced says that the list comes from the segment's own tool.
	synced bool
	// admit may refuse the list in the write in which it is decided; nil admits it.
	admit func(store.Catalog) error
	// remember is told of the write in which the list is decided, if it is not nil.
	remember func(store.Tx)

	received atomic.Bool // the body is durable

	mu  sync.Mutex
	run segment.Run
}

func (j *job) state() segment.Run {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.run
	if r.Progress != nil {
		p := *r.Progress
		r.Progress = &p
	}
	return r
}

func (j *job) change(f func(*segment.Run)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f(&j.run)
}

// begin claims the segment for an import. It returns the import at work if that is the same one,
// sent again.
func (i *Ingest) begin(j *job) (*job, error) {
	i.jobs.mu.Lock()
	defer i.jobs.mu.Unlock()
	other := i.jobs.at[j.id]
	switch {
	case other == nil:
		i.jobs.at[j.id] = j
		return nil, nil
	case j.im.Idempotency != "" && j.im.Idempotency == other.im.Idempotency && other.received.Load():
		return other, nil
	}
	return nil, fault.Conflictf("an import into segment %s is running; wait until it is complete", j.id.key)
}

func (i *Ingest) end(j *job) {
	i.jobs.mu.Lock()
	defer i.jobs.mu.Unlock()
	if i.jobs.at[j.id] == j {
		delete(i.jobs.at, j.id)
	}
}

// open begins the session of an import: from here on no change of the segment is lost. It returns the
// run of the same import if that was taken before.
func (j *job) open(ctx context.Context) (before *segment.Run, err error) {
	b, err := json.Marshal(detail{Kind: importKind, Import: j.im, Run: j.state()})
	if err != nil {
		return nil, fmt.Errorf("describe import: %w", err)
	}
	_, err = j.i.store.Update(ctx, store.Scope{Env: j.id.env}, func(tx store.Tx) error {
		if _, err := j.i.importable(tx, j.who, j.im); err != nil {
			return err
		}
		if before, err = j.known(tx); err != nil || before != nil {
			return err
		}
		tx.OpenSession(store.Session{Env: j.id.env, Segment: j.id.key, ID: j.name, Detail: b})
		tx.Record(j.state())
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("begin import into segment %s: %w", j.id.key, err)
	}
	return before, nil
}

// known returns the run of the same import if that was taken before, and otherwise lets a repeat find
// this one.
func (j *job) known(tx store.Tx) (*segment.Run, error) {
	if j.im.Idempotency == "" {
		return nil, nil
	}
	scope := segmentScope(j.id.key)
	runs, err := tx.Recorded(j.id.env, scope, j.im.Idempotency)
	if err != nil {
		return nil, fmt.Errorf("look for a repeated import into segment %s: %w", j.id.key, err)
	}
	if len(runs) > 0 && runs[0].State != segment.RunRejected { // one that came to nothing may be tried again
		return &runs[0], nil
	}
	tx.Remember(j.id.env, scope, j.im.Idempotency, []segment.RunID{j.name})
	return nil, nil
}

// segmentScope is the scope of the idempotency keys that belong to a segment rather than to a tool.
func segmentScope(key segment.Key) string { return "segment/" + string(key) }

const importPrefix = "import/"

func documentOf(id segment.RunID) store.DocumentID {
	return store.DocumentID(importPrefix + string(id))
}

// arriving is a list as it was sent, whose bytes count as progress when they are read.
type arriving struct {
	r io.Reader
	j *job
}

func (a arriving) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	a.j.change(func(r *segment.Run) { r.Progress.BytesRead += int64(n) })
	return n, err
}

// receive makes the body durable and parses it at the same time.
func (j *job) receive(ctx context.Context, body io.Reader, parse func(context.Context, io.Reader) error) error {
	began := time.Now()
	body, free, err := j.im.inflate(arriving{body, j})
	if err != nil {
		return err
	}
	defer free()
	err = j.i.store.PutDocument(ctx, j.id.env, documentOf(j.name), func(w io.Writer) error {
		return parse(ctx, io.TeeReader(body, w))
	})
	j.change(func(r *segment.Run) { r.Parse = time.Since(began) })
	return err
}

// parse reads the list into a load.
func (j *job) parse(ctx context.Context, body io.Reader) (err error) {
	if j.load, err = j.i.store.Load(ctx, j.im.loadMode()); err != nil {
		return err
	}
	var writers []store.LoadWriter
	var sinks []list.Sink
	for range j.load.Writers() {
		w := j.load.Writer()
		writers, sinks = append(writers, w), append(sinks, w)
	}
	err = j.read(ctx, body, sinks)
	for _, w := range writers {
		err = errors.Join(err, w.Close())
	}
	return err
}

// read hands the keys of the list to the sinks and counts what it read.
func (j *job) read(ctx context.Context, body io.Reader, sinks []list.Sink) error {
	rejects := &rejects{i: j.i, j: j}
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
	o.Progress = func(rows int64) {
		j.change(func(r *segment.Run) { r.Progress.Rows = rows })
	}
	sum, err := list.Read(ctx, body, o, sinks)
	err = errors.Join(err, rejects.close())
	j.change(func(r *segment.Run) {
		r.Received, r.Bytes = int(sum.Rows), sum.Bytes
		r.Progress.BytesTotal, r.Progress.Rows = r.Progress.BytesRead, sum.Rows
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
func (j *job) give(cause error) {
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

// postponement is how long an import waits that can't go on for now.
const postponement = 5 * time.Second

// postpone goes on with an import later, with the list as it was kept.
func (j *job) postpone(ctx context.Context, cause error) {
	j.i.log.WarnContext(ctx, "import waits", "segment", j.id.key, "run", j.name, "err", cause)
	select {
	case <-ctx.Done():
		j.i.end(j) // it goes on at the next start
	case <-time.After(postponement):
		_ = j.again(ctx) // it has been reported
	}
}

// finish sorts what was received and commits it.
func (j *job) finish() {
	ctx := j.i.jobs.ctx
	_, err := j.commit(ctx)
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
	case fault.KindOf(err) == fault.Unavailable: // the list is durable, so the sender won't send it again
		j.load.Discard()
		j.postpone(ctx, err)
	default:
		level := slog.LevelInfo
		if fault.KindOf(err) == fault.Internal {
			level = slog.LevelError
		}
		j.i.log.Log(ctx, level, "import came to nothing", "segment", j.id.key, "run", j.name, "err", err)
		j.give(err)
	}
}
