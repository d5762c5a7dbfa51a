package engine

import (
	"context"
	"sync"
	"time"
)

const (
	// fastestPace is how many changes a second writers get when changes begin to pile up.
	fastestPace = 2_000_000
	// longestPause is how long one answer is kept back at most.
	longestPause = 2 * time.Second
)

// pacer keeps answers to large writes back while folds fall behind, so that whoever sends much gets
// the pace of the folds and not a refusal. Small writes wait for what they are: next to nothing.
type pacer struct {
	mu   sync.Mutex
	next time.Time // when what has been written is paid for
}

// pause returns how long the answer to a write of some changes is kept back. Below half of the limit
// that is no time; above, the pace falls to nothing at the limit, for all writers together.
func (p *pacer) pause(now time.Time, changes int, pending, limit int64) time.Duration {
	left := 2 * float64(limit-pending) / float64(limit)
	if changes == 0 || left >= 1 {
		return 0
	}
	cost := longestPause
	if left > 0 {
		cost = min(cost, time.Duration(float64(changes)/(fastestPace*left)*float64(time.Second)))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next.Before(now) {
		p.next = now
	}
	p.next = p.next.Add(cost)
	if latest := now.Add(longestPause); p.next.After(latest) {
		p.next = latest
	}
	return p.next.Sub(now)
}

// pace waits until a writer of so many changes may have its answer. What it wrote is durable already.
func (e *Engine) pace(ctx context.Context, changes int) {
	wait := e.pacer.pause(time.Now(), changes, e.pendingChanges.Load(), int64(e.o.MaxPending))
	if wait == 0 {
		return
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	case <-e.ctx.Done():
	}
}
