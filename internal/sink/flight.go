package sink

import (
	"context"
	"sync"
	"time"

	"muster/internal/store"
)

// flight is the batches that are on their way to a store. It is used by one goroutine.
type flight struct {
	target Target
	slots  chan struct{}          // one for each batch on its way
	free   chan []store.RefChange // buffers, two more than may be on their way
	wait   sync.WaitGroup
	pace   pace
	flying int // since the last landing

	mu      sync.Mutex
	err     error // the first one
	written func(changes int)
}

func newFlight(t Target, rate int, written func(int)) *flight {
	f := &flight{target: t, slots: make(chan struct{}, t.Traits().Ahead), free: make(chan []store.RefChange, t.Traits().Ahead+2), pace: pace{rate: rate}, written: written}
	for range cap(f.free) {
		f.free <- nil
	}
	return f
}

// buffer returns an empty batch, once there is room for one.
func (f *flight) buffer() []store.RefChange {
	b := <-f.free
	if b == nil {
		b = make([]store.RefChange, 0, f.size())
	}
	return b[:0]
}

// size is how many changes a batch has at most. A slow pace makes small ones, so that a store isn't
// given a second's worth at once.
func (f *flight) size() int {
	size := f.target.Traits().Batch
	if f.pace.rate > 0 {
		size = min(size, max(1, f.pace.rate/10))
	}
	return size
}

// giveBack returns a buffer that was not sent.
func (f *flight) giveBack(b []store.RefChange) { f.free <- b }

// write makes a batch of changes in a store, as [Target.Apply] does.
type write func(context.Context, []store.RefChange) error

// send sends a batch, which belongs to the flight from then on. An error may be that of an earlier one.
func (f *flight) send(ctx context.Context, b []store.RefChange) error {
	return f.sendBy(ctx, b, f.target.Apply)
}

// sendBy sends a batch that is written in another way.
func (f *flight) sendBy(ctx context.Context, b []store.RefChange, write write) error {
	err := f.failed()
	if err == nil && len(b) > 0 {
		err = f.pace.wait(ctx, len(b))
	}
	if err != nil || len(b) == 0 {
		f.giveBack(b)
		return err
	}
	f.flying++
	f.slots <- struct{}{}
	f.wait.Go(func() {
		err := write(ctx, b)
		if err == nil {
			f.written(len(b))
		} else {
			f.fail(err)
		}
		<-f.slots
		f.giveBack(b)
	})
	return nil
}

func (f *flight) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

func (f *flight) failed() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// land waits until everything that was sent is acknowledged, or not.
func (f *flight) land() error {
	f.wait.Wait()
	f.flying = 0
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.err
	f.err = nil
	return err
}

// pace keeps to a number of changes a second.
type pace struct {
	rate int // 0: any number
	next time.Time
}

func (p *pace) wait(ctx context.Context, n int) error {
	if p.rate == 0 {
		return nil
	}
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	rest := p.next.Sub(now)
	p.next = p.next.Add(time.Duration(n) * time.Second / time.Duration(p.rate))
	return sleep(ctx, rest)
}

// sleep waits for some time, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
