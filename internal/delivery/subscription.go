package delivery

import (
	"context"
	"sync/atomic"
	"time"

	"muster/internal/catalog"
	"muster/internal/segment"
)

// Subscription is a server-side stream: the whole snapshot first, or what an SDK lacks of it, then
// exactly every later change, in order. It needs no closing and is used by one goroutine.
type Subscription struct {
	f       *follower
	speaks  protocol
	at      *change
	opening [][]byte               // what is left to be written of it
	written atomic.Pointer[change] // the last one that was; nil before the snapshot was
}

// protocol is what a server-side stream speaks.
type protocol int

const (
	firstProtocol  protocol = iota
	secondProtocol          // see Snapshot.beginning
	flagsOnly               // the first one as it was before there were segments
)

// Subscribe opens a server-side stream of an environment in the first protocol, of what a payload filter
// leaves if one is named. A fault of [ErrNoFilter] says that there is none with the key.
func (d *Delivery) Subscribe(ctx context.Context, env segment.EnvID, filter catalog.FilterKey) (*Subscription, error) {
	f, s, at, err := d.standing(ctx, env, filter)
	if err != nil {
		return nil, err
	}
	return &Subscription{f: f, at: at, opening: s.opening()}, nil
}

// SubscribeSince opens a server-side stream like Subscribe in the second protocol for an SDK that
// has a basis, or none.
func (d *Delivery) SubscribeSince(ctx context.Context, env segment.EnvID, filter catalog.FilterKey, basis string) (*Subscription, error) {
	f, s, at, err := d.standing(ctx, env, filter)
	if err != nil {
		return nil, err
	}
	return &Subscription{f: f, speaks: secondProtocol, at: at, opening: s.beginning(basis)}, nil
}

// standing returns a snapshot of an environment, not older than anything that was durable when it was
// called, and the place in the chain of changes from which to go on.
func (d *Delivery) standing(ctx context.Context, env segment.EnvID, filter catalog.FilterKey) (*follower, *Snapshot, *change, error) {
	f, err := d.present(ctx, env)
	if err != nil {
		return nil, nil, nil, err
	}
	if filter == "" {
		st := f.state.Load()
		return f, st.snapshot, st.newest, nil
	}
	v, err := f.filtered(filter)
	if err != nil {
		return nil, nil, nil, err
	}
	s, at := v.present()
	return f, s, at, nil
}

// opened is a channel that is always ready.
var opened = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Ready is closed when Next has something to say. It must be asked for anew after each Next.
func (s *Subscription) Ready() <-chan struct{} {
	if len(s.opening) > 0 {
		return opened
	}
	return s.at.ready
}

// Next returns the next message without waiting, an empty one if there is none yet. The snapshot comes
// in several. An error is the reason for the end of the stream.
func (s *Subscription) Next() (Message, error) {
	if len(s.opening) > 0 {
		m := Message{Bytes: s.opening[0]}
		s.opening = s.opening[1:]
		return m, nil
	}
	s.written.Store(s.at)
	select {
	case <-s.at.ready:
	default:
		return Message{}, nil
	}
	if s.at.end != nil {
		return Message{}, s.at.end
	}
	s.at = s.at.next
	n := s.at.news.Load()
	if n == nil {
		s.f.d.slow.Add(1)
		return Message{}, ErrSlow
	}
	m := Message{Environment: n.environment}
	switch s.speaks {
	case secondProtocol:
		m.Bytes = n.second
	case flagsOnly:
		m.Bytes = n.flags()
	default:
		m.Bytes = n.first
	}
	return m, nil
}

func (s *Subscription) following() *follower { return s.f }

func (s *Subscription) reached(st *state) (at segment.Revision, waiting time.Time) {
	last := s.written.Load()
	if last == nil {
		return 0, st.at
	}
	select {
	case <-last.ready:
	default:
		return st.revision, time.Time{}
	}
	if last.next == nil { // the stream ends
		return st.revision, time.Time{}
	}
	return last.next.rev - 1, last.next.at
}

// Current returns the snapshot of an environment, or what a payload filter leaves of it, not older than
// anything that was durable when Current was called.
func (d *Delivery) Current(ctx context.Context, env segment.EnvID, filter catalog.FilterKey) (*Snapshot, error) {
	_, s, _, err := d.standing(ctx, env, filter)
	return s, err
}

// Pings is a stream that says only that something changed.
type Pings struct {
	f       *follower
	seen    *state
	written atomic.Pointer[state] // the last one that a ping was written for, or none was due
}

// Ping opens a stream of pings; the first one is due at once.
func (d *Delivery) Ping(ctx context.Context, env segment.EnvID) (*Pings, error) {
	f, err := d.present(ctx, env)
	if err != nil {
		return nil, err
	}
	return &Pings{f: f}, nil
}

// ping must carry data: parsers drop an event without any.
var ping = []byte("event: ping\ndata:  \n\n")

// Ready is closed when Next has something to say. It must be asked for anew after each Next.
func (p *Pings) Ready() <-chan struct{} {
	if p.seen == nil {
		return opened
	}
	return p.seen.passed
}

// Next returns a ping if anything changed that SDKs may see. However much that was, it is one.
func (p *Pings) Next() (Message, error) {
	st := p.f.state.Load()
	last := p.seen
	p.seen = st
	p.written.Store(last)
	switch {
	case st.end != nil:
		return Message{}, st.end
	case last == nil:
		return Message{Bytes: ping}, nil
	}
	m := Message{Environment: st.environment > last.environment}
	if st.visible > last.visible {
		m.Bytes = ping
	}
	return m, nil
}

func (p *Pings) following() *follower { return p.f }

func (p *Pings) reached(st *state) (at segment.Revision, waiting time.Time) {
	switch last := p.written.Load(); {
	case last == nil:
		return 0, st.at
	case st.visible > last.visible:
		return last.revision, st.at
	}
	return st.revision, time.Time{}
}
