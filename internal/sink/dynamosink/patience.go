package dynamosink

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// patience says how long requests that belong together go on while the table takes none of them. A table that takes a
// few writes a second is not out of order, only slow.
type patience struct {
	most time.Duration
	last atomic.Int64 // when a request got through, in nanoseconds; at first the beginning
}

const (
	// short is for what is one request.
	short = 5 * time.Second
	// long is for many, of which each that gets through renews it.
	long = 20 * time.Second
)

func newPatience(most time.Duration) *patience {
	p := &patience{most: most}
	p.renew()
	return p
}

func (p *patience) renew() { p.last.Store(time.Now().UnixNano()) }

func (p *patience) ended() bool { return time.Since(time.Unix(0, p.last.Load())) >= p.most }

// during runs a request, in its turn. It runs it again a few times if no answer came or the table was out of order, and
// as long as there is patience if the table takes too many at once: who waits keeps its place, so that there are fewer
// then. That is simpler than the adaptive mode of the client, which at one request a second in bad times keeps 64 of them
// from ever getting their turn.
func (t *target) during(ctx context.Context, doing string, p *patience, request func(context.Context) error) error {
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for failures, rests := 0, 0; ; rests++ {
		err := t.once(ctx, request)
		if ctx.Err() != nil && err != nil {
			return ctx.Err()
		}
		if err == nil {
			p.renew()
			return nil
		}
		switch {
		case isThrottled(err) && !p.ended(): // it was not even tried
		case isPassing(err) && failures+1 < attempts:
			failures++
		default:
			return t.explained(doing, err)
		}
		if err := rest(ctx, rests); err != nil {
			return err
		}
	}
}

// once runs a request and ends it if the table does not.
func (t *target) once(ctx context.Context, request func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return request(ctx)
}

// rest waits longer after each rest in a row, with a part of chance, so that requests don't come back together.
func rest(ctx context.Context, before int) error {
	const first, most = 25 * time.Millisecond, time.Second
	pause := min(most, first<<min(before, 10))
	timer := time.NewTimer(pause/2 + rand.N(pause))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
