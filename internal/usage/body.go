package usage

import "muster/internal/segment"

// Body collects the body of a report, decompressed, in memory that all bodies share. Writing never
// fails: a body that finds no memory left is forgotten, and dropped when it is taken.
type Body struct {
	q     *queue
	env   segment.EnvID
	bytes []byte
	size  int64
	full  bool
}

// minBody is what a body begins with.
const minBody = 4 << 10

// NewBody begins a body of an environment. It must be taken or discarded.
func (u *Usage) NewBody(env segment.EnvID) *Body { return &Body{q: u.queue, env: env} }

// Write adds to the body.
func (b *Body) Write(p []byte) (int, error) {
	b.size += int64(len(p))
	if !b.full && !b.grow(len(p)) {
		b.Discard()
		b.full = true
	}
	if !b.full {
		b.bytes = append(b.bytes, p...)
	}
	return len(p), nil
}

// grow makes room for n bytes; false if there is none.
func (b *Body) grow(n int) bool {
	held := cap(b.bytes)
	need := len(b.bytes) + n
	if need <= held {
		return true
	}
	more := max(need, 2*held, minBody) - held
	if !b.q.reserve(b.env, int64(more)) {
		return false
	}
	b.bytes = append(make([]byte, 0, held+more), b.bytes...)
	return true
}

// Discard forgets the body.
func (b *Body) Discard() {
	if n := cap(b.bytes); n > 0 {
		b.q.release(b.env, int64(n))
	}
	b.bytes = nil
}
