package usage

import (
	"sync"

	"muster/internal/segment"
)

// queue is the reports that wait to be read. Environments take turns, and what one may let wait shrinks with
// what all do: it is refused when it holds more than is left. So one that floods gets half of the room at
// most, and others find theirs.
type queue struct {
	maxReports int
	maxBytes   int64
	wake       chan struct{} // holds something while reports wait

	mu     sync.Mutex // guards the rest
	shares map[segment.EnvID]*share
	turns  []*share // that have reports, the next one first
	count  int
	bytes  int64
}

// share is what one environment holds of the room.
type share struct {
	env     segment.EnvID
	bytes   int64 // of bodies, those that are still arriving included
	reports []queued
}

func newQueue(maxReports int, maxBytes int64) *queue {
	return &queue{maxReports: maxReports, maxBytes: maxBytes, wake: make(chan struct{}, 1), shares: make(map[segment.EnvID]*share)}
}

// of returns the share of an environment. The caller holds mu.
func (q *queue) of(env segment.EnvID) *share {
	s := q.shares[env]
	if s == nil {
		s = &share{env: env}
		q.shares[env] = s
	}
	return s
}

// reserve takes memory for a body; false if there is none for the environment.
func (q *queue) reserve(env segment.EnvID, n int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.of(env)
	if s.bytes+n > q.maxBytes-q.bytes {
		q.forget(s)
		return false
	}
	s.bytes += n
	q.bytes += n
	return true
}

func (q *queue) release(env segment.EnvID, n int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.of(env)
	s.bytes -= n
	q.bytes -= n
	q.forget(s)
}

// forget drops a share that holds nothing. The caller holds mu.
func (q *queue) forget(s *share) {
	if s.bytes == 0 && len(s.reports) == 0 {
		delete(q.shares, s.env)
	}
}

// put lets a report wait; false if there is no room for it.
func (q *queue) put(r queued) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.of(r.Environment.ID)
	if len(s.reports) >= q.maxReports-q.count {
		q.forget(s)
		return false
	}
	if len(s.reports) == 0 {
		q.turns = append(q.turns, s)
	}
	s.reports = append(s.reports, r)
	q.count++
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return true
}

// next takes the report whose turn it is; false if none waits.
func (q *queue) next() (queued, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.turns) == 0 {
		return queued{}, false
	}
	s := q.turns[0]
	q.turns = q.turns[1:]
	r := s.reports[0]
	s.reports[0] = queued{}
	s.reports = s.reports[1:]
	q.count--
	if len(s.reports) > 0 {
		q.turns = append(q.turns, s)
	}
	q.forget(s)
	return r, true
}
