package history

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"muster/internal/connector/list"
	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
)

// exports are those at work or waiting for it.
type exports struct {
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup
	turn    chan struct{} // holds one thing for each that is written
	told    func(segment.EnvID, Export)

	mu sync.Mutex
	at map[ExportID]*exportJob
}

// exportJob is an export on its way.
type exportJob struct {
	Export
	rows atomic.Int64
}

func (xs *exports) init() {
	xs.ctx, xs.stop = context.WithCancel(context.Background())
	xs.turn = make(chan struct{}, exportsAtOnce)
	xs.at = make(map[ExportID]*exportJob)
	xs.told = func(segment.EnvID, Export) {}
}

// OnExport makes told be called with each export that was written or came to nothing, as soon as that
// can be read. It must be called before anything else.
func (h *History) OnExport(told func(segment.EnvID, Export)) { h.exports.told = told }

func (xs *exports) close() {
	xs.stop()
	xs.running.Wait()
}

func (xs *exports) begin(x Export) (*exportJob, error) {
	xs.mu.Lock()
	defer xs.mu.Unlock()
	if len(xs.at) >= maxExports || xs.ctx.Err() != nil {
		return nil, fault.Unavailablef("%d exports are under way; try again when one of them is complete", len(xs.at))
	}
	j := &exportJob{Export: x}
	xs.at[x.ID] = j
	return j, nil
}

func (xs *exports) end(j *exportJob) {
	xs.mu.Lock()
	defer xs.mu.Unlock()
	delete(xs.at, j.ID)
}

// find returns an export of a segment that is not finished.
func (xs *exports) find(key segment.Key, id ExportID) (Export, bool) {
	xs.mu.Lock()
	defer xs.mu.Unlock()
	j := xs.at[id]
	if j == nil || j.Segment != key {
		return Export{}, false
	}
	x := j.Export
	x.Rows = j.rows.Load()
	return x, true
}

// export writes an export and its result. One that is interrupted by the end of the process has no
// result.
func (h *History) export(env segment.EnvID, j *exportJob, members iter.Seq2[segment.Change, error]) {
	defer h.exports.end(j)
	ctx := h.exports.ctx
	select {
	case h.exports.turn <- struct{}{}:
		defer func() { <-h.exports.turn }()
	case <-ctx.Done():
		return
	}
	var result ExportResult
	err := h.store.PutDocument(ctx, env, exportPart(j.Segment, j.ID, exportFile), func(w io.Writer) (err error) {
		result, err = writeExport(ctx, w, j, members)
		return err
	})
	if ctx.Err() != nil || errors.Is(err, store.ErrClosed) || errors.Is(err, store.ErrNoEnvironment) {
		return
	}
	if err != nil {
		h.log.Error("export came to nothing", "env", env, "segment", j.Segment, "export", j.ID, "err", err)
		result = ExportResult{Error: "the file could not be written; the log of muster says why"}
		switch {
		case fault.KindOf(err) == fault.Unavailable:
			result.Error = fault.From(err).Message
		case errors.Is(err, store.ErrCorrupt):
			result.Error = "the members can't be read: stored data is corrupt; roll the segment back or sync it again"
		}
	}
	if err := h.putJSON(ctx, env, exportPart(j.Segment, j.ID, exportResult), &result); err != nil {
		h.log.Warn("result of an export was not kept", "env", env, "segment", j.Segment, "export", j.ID, "err", err)
	}
	h.exports.end(j)
	x := j.Export
	if x.Status = ExportComplete; result.Error != "" {
		x.Status = ExportStopped
	}
	h.exports.told(env, x)
	h.trimExports(ctx, env, j.Segment)
}

// writeExport writes the file.
func writeExport(ctx context.Context, to io.Writer, j *exportJob, members iter.Seq2[segment.Change, error]) (ExportResult, error) {
	out := &sized{w: to}
	format := list.CSV
	if j.Format == ExportNDJSON {
		format = list.NDJSON
	}
	w := list.NewWriter(out, format)
	var r ExportResult
	var n int
	for c, err := range members {
		if err != nil {
			return r, err
		}
		if n++; n%4096 == 0 {
			j.rows.Store(r.Rows)
			if err := ctx.Err(); err != nil {
				return r, err
			}
		}
		switch {
		case c.Ops&segment.Include == 0:
		case len(c.Key) == 0:
			r.Unknown++
		default:
			r.Rows++
			if err := w.Append(c.Key); err != nil {
				return r, err
			}
		}
	}
	err := w.Flush()
	r.Size = out.n
	return r, err
}

// sized counts what is written through it.
type sized struct {
	w io.Writer
	n int64
}

func (s *sized) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.n += int64(n)
	return n, err
}

// trimExports deletes the oldest exports of a segment that has too many.
func (h *History) trimExports(ctx context.Context, env segment.EnvID, key segment.Key) {
	ids, err := h.exportIDs(ctx, env, key)
	oldest := make(map[ExportID]time.Time, len(ids))
	for _, id := range ids {
		var x Export
		if err == nil {
			err = h.getJSON(ctx, env, exportPart(key, id, exportAsked), &x)
		}
		oldest[id] = x.Created
	}
	for err == nil && len(oldest) > KeptExports {
		var first ExportID
		for id, at := range oldest {
			if first == "" || at.Before(oldest[first]) {
				first = id
			}
		}
		delete(oldest, first)
		if _, busy := h.exports.find(key, first); busy {
			continue
		}
		for _, part := range []string{exportFile, exportResult, exportAsked} {
			err = errors.Join(err, h.store.DeleteDocument(ctx, env, exportPart(key, first, part)))
		}
	}
	if err != nil && ctx.Err() == nil {
		h.log.Warn("old exports were not deleted", "env", env, "segment", key, "err", err)
	}
}

// expiryPause is how often expired exports are looked for.
const expiryPause = time.Hour

// expireExports deletes what is older than an export may get, now and then, until the end.
func (h *History) expireExports() {
	tick := time.NewTicker(expiryPause)
	defer tick.Stop()
	for {
		h.expireOnce(h.exports.ctx)
		select {
		case <-tick.C:
		case <-h.exports.ctx.Done():
			return
		}
	}
}

func (h *History) expireOnce(ctx context.Context) {
	for _, p := range h.store.Projects() {
		for _, env := range h.store.Environments(p.Key) {
			var old []store.DocumentID
			var failed error
			for d, err := range h.store.DocumentList(ctx, env.ID, exportPrefix) {
				if failed = err; err != nil {
					break
				}
				if h.now().Sub(d.At) >= ExportAge {
					old = append(old, d.ID)
				}
			}
			for _, id := range old {
				failed = errors.Join(failed, h.store.DeleteDocument(ctx, env.ID, id))
			}
			if failed != nil && ctx.Err() == nil && !errors.Is(failed, store.ErrClosed) {
				h.log.WarnContext(ctx, "expired exports were not deleted", "env", env.ID, "err", failed)
			}
		}
	}
}
