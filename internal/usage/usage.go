// Package usage is what SDKs report about evaluations: how often each variation of a flag was
// served, when a flag was last evaluated, and which SDKs there are.
//
// Reports are foreign bytes. Those who bring them never wait: a report lies in memory of a fixed size
// until the one reader has come to it, and when too much lies there the next ones are dropped and
// counted; environments share the memory and the reader's time. A report counts whole or not at all, and once,
// however often it is sent. Only flags and variations that the project has are counted one by one, so that
// nothing grows with what is sent. Contexts are remembered, by kind and key, of environments that ask for it.
//
// Counts stand in the hour in which they arrive; clocks of SDKs are not believed. They are kept for
// [Kept], or shorter in an environment with very many flags. What was counted since the last Keep is
// lost when the process is killed. Nothing in here is truth: no evaluation depends on it. Who may read
// it is decided by the caller.
package usage

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
)

// Kept is how long counts are kept.
const Kept = 7 * 24 * time.Hour

const (
	// maxReports and maxBytes are what may wait to be read.
	maxReports = 1024
	maxBytes   = 64 << 20
)

// Limits are those of what is counted.
func Limits() []fault.Limit {
	return []fault.Limit{
		{Name: "maxEventsWaitingBytes", Value: maxBytes},
		{Name: "maxEventsWaitingRequests", Value: maxReports},
		{Name: "maxSeenContexts", Value: maxContexts},
		{Name: "maxSeenContextKeyBytes", Value: maxContextKey},
	}
}

// Usage counts what SDKs report. It is safe for concurrent use.
type Usage struct {
	store store.Store
	now   func() time.Time
	log   *slog.Logger

	queue  *queue
	done   chan struct{}
	reader sync.WaitGroup

	seed    maphash.Seed
	repeats repeats

	received, bytes, dropped, repeated, unreadable atomic.Uint64

	keeping  sync.Mutex // held while writing
	sequence uint64     // of the newest document; under keeping

	mu           sync.Mutex
	environments map[segment.EnvID]*environment
}

// queued is a report with its body, on its way to the reader.
type queued struct {
	Report
	body *Body
	at   time.Time
}

// Report says who reports; what is in its body.
type Report struct {
	Environment *catalog.Environment
	// Payload is the id that SDKs give a body and repeat when they send it again; "" if it has none.
	Payload string
	// Unsummarized says that the SDK leaves it to the receiver to count single evaluations.
	Unsummarized bool
	// SDK is who sends; a zero SDK is nobody to be remembered.
	SDK SDK
	// Instance names the running copy of the SDK; "" if it does not say. A diagnostic event then does.
	Instance string
}

// New returns the usage that a store keeps. It reads what is there; what can't be read is missing,
// and said in the log.
func New(ctx context.Context, s store.Store, now func() time.Time, log *slog.Logger) (*Usage, error) {
	u := &Usage{
		store: s, now: now, log: log, queue: newQueue(maxReports, maxBytes), done: make(chan struct{}),
		seed: maphash.MakeSeed(), environments: make(map[segment.EnvID]*environment),
	}
	for _, p := range s.Projects() {
		for _, e := range s.Environments(p.Key) {
			if err := u.load(ctx, e.ID); err != nil {
				return nil, fmt.Errorf("read the usage of environment %s: %w", e.ID, err)
			}
		}
	}
	u.reader.Go(u.read)
	return u, nil
}

// Close counts what waits and ends the reader. Reports that come later are lost.
func (u *Usage) Close() {
	close(u.done)
	u.reader.Wait()
}

// Take hands over a report whose body is complete. It never waits; the body belongs to the usage
// afterwards.
func (u *Usage) Take(r Report, b *Body) {
	u.received.Add(1)
	u.bytes.Add(uint64(b.size))
	if r.Payload != "" && !u.repeats.first(maphash.Comparable(u.seed, [2]string{string(r.Environment.ID), r.Payload})) {
		u.repeated.Add(1)
		b.Discard()
		return
	}
	if !b.full && u.queue.put(queued{r, b, u.now()}) {
		return
	}
	u.dropped.Add(1)
	b.Discard()
}

func (u *Usage) read() {
	for {
		select {
		case <-u.queue.wake:
			u.takeAll()
		case <-u.done:
			u.takeAll()
			return
		}
	}
}

// takeAll counts what waits. Between two reports others may run: whoever waits behind a reader that has a thousand of
// them before it would else wait until the scheduler takes the processor from it, which is ten milliseconds.
func (u *Usage) takeAll() {
	for {
		q, ok := u.queue.next()
		if !ok {
			return
		}
		u.take(q)
		runtime.Gosched()
	}
}

func (u *Usage) take(q queued) {
	defer q.body.Discard()
	p := payload{report: q.Report, store: u.store, counts: make(map[evaluated]uint64)}
	if err := p.read(q.body.bytes); err != nil {
		u.unreadable.Add(1)
		u.log.Debug("a report of an SDK can't be read", "env", q.Environment.ID, "sdk", q.SDK.Name, "err", err)
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	e := u.environments[q.Environment.ID]
	if e == nil {
		if _, there := u.store.Environment(q.Environment.ID); !there {
			return
		}
		e = newEnvironment()
		u.environments[q.Environment.ID] = e
	}
	e.add(&p, q.at, u.hash(p.report.Instance))
}

// hash names an instance; 0 if there is none.
func (u *Usage) hash(instance string) uint64 {
	if instance == "" {
		return 0
	}
	return maphash.String(u.seed, instance)
}

// Stats is what was received since the start.
type Stats struct {
	Received   uint64 // requests with events
	Bytes      uint64 // their size, decompressed
	Dropped    uint64 // because too much waited
	Repeated   uint64 // sent again, and not counted again
	Unreadable uint64 // no events
}

// Stats returns the counters as of now.
func (u *Usage) Stats() Stats {
	return Stats{
		Received: u.received.Load(), Bytes: u.bytes.Load(), Dropped: u.dropped.Load(), Repeated: u.repeated.Load(), Unreadable: u.unreadable.Load(),
	}
}

// maxRepeats is how many payloads are remembered. SDKs send again once, after one second.
const maxRepeats = 1 << 16

// repeats remembers the payloads of late.
type repeats struct {
	mu    sync.Mutex
	known map[uint64]struct{}
	order []uint64 // a ring once it is full
	next  int
}

// first reports whether a payload was not seen before, and remembers it.
func (r *repeats) first(id uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.known[id]; ok {
		return false
	}
	if r.known == nil {
		r.known = make(map[uint64]struct{})
	}
	if len(r.order) < maxRepeats {
		r.order = append(r.order, id)
	} else {
		delete(r.known, r.order[r.next])
		r.order[r.next] = id
		r.next = (r.next + 1) % maxRepeats
	}
	r.known[id] = struct{}{}
	return true
}

// errBody says why a body holds no events.
var errBody = errors.New("the body is neither a list of events nor one event")
