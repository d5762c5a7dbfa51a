package relayfeed

import (
	"slices"
	"sync/atomic"
	"time"

	"muster/internal/segment"
)

// Stream is what one relay reads: server-sent events of what became known since it was opened. It is
// used by one goroutine.
type Stream struct {
	line  *line
	peer  atomic.Pointer[Peer]
	id    uint64
	since time.Time
	// opened is what was known when the relay came, and taken what it had as its polls since then said; under line.mu.
	opened segment.Revision
	taken  segment.Revision

	at       atomic.Pointer[standing]
	seen     *state
	settings segment.Revision
	refresh  uint64
}

// standing is where the reader of a stream is.
type standing struct {
	version  version
	revision segment.Revision
}

// Message is what a stream does next.
type Message struct {
	// Bytes are to be written as they are, if there are any. They are shared.
	Bytes []byte
	// Environment is true when settings or credentials of the environment changed: the stream has
	// to check its credential before it writes anything.
	Environment bool
}

var (
	eventHead = []byte("event: patch\ndata: ")
	eventTail = []byte("\n\n")
	// current applies nothing; a relay that reads it knows that it is current.
	current = slices.Concat(eventHead, []byte("[]"), eventTail)

	always = func() chan struct{} { c := make(chan struct{}); close(c); return c }()
)

// Known says who reads the stream, as that is known by now.
func (s *Stream) Known(p Peer) { s.peer.Store(&p) }

// Close ends the stream.
func (s *Stream) Close() { s.line.leave(s) }

// Ready says that Next may have something; it is asked for anew after each Next.
func (s *Stream) Ready() <-chan struct{} {
	if s.at.Load().version != s.seen.canonical {
		return always
	}
	return s.seen.passed
}

// Next returns what is there without waiting for more, or why the stream ends. Calling it says that
// everything it returned before was written. Nothing is ever left out: a relay never asks again as long
// as a stream is open.
func (s *Stream) Next() (Message, error) {
	m, err := s.next()
	if err != nil && s.seen.end == nil {
		s.line.f.cut.Add(1)
	}
	return m, err
}

func (s *Stream) next() (Message, error) {
	st := s.line.state.Load()
	s.seen = st
	at := s.at.Load()
	if err := st.refuses(); err != nil {
		return Message{}, err
	}
	if st.canonical.resync != at.version.resync {
		return Message{}, ErrResync
	}
	if s.settings != st.settings {
		s.settings = st.settings
		return Message{Environment: true}, nil
	}
	if at.version != st.canonical {
		if s.line.waited(at.revision) > s.line.f.o.Behind {
			return Message{}, ErrSlow
		}
		p, err := s.line.page(at.version.String(), st)
		if err != nil {
			return Message{}, err
		}
		s.at.Store(&standing{p.at, p.at.cursor.Revision})
		return Message{Bytes: slices.Concat(eventHead, p.JSON, eventTail)}, nil
	}
	if s.opened < st.filled {
		return Message{}, ErrAsked
	}
	if s.refresh != st.refresh {
		s.refresh = st.refresh
		return Message{Bytes: current, Environment: true}, nil // keys expire with time alone
	}
	return Message{}, nil
}
