package delivery

import (
	"context"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"muster/internal/segment"
)

// Connection is a client-side stream: all results of its context first, then those that change.
// Except for what the follower does to it, it is used by one goroutine, which must Close it.
type Connection struct {
	d      *Delivery
	f      *follower
	r      Request
	hashes []keyHash     // of the context's keys
	ready  chan struct{} // holds one token while something may have changed
	slot   int           // position in audience.all, under its lock

	// touched is the newest revision that changed a membership of the context. Only the follower
	// writes it.
	touched atomic.Uint64
	// written is the revision up to which everything was written, 0 before the first message was.
	written atomic.Uint64

	opened      bool
	at          segment.Revision // of the last evaluation
	environment segment.Revision
	sent        map[string]uint64 // flag key -> digest of the result that the SDK holds
}

// Connect opens a client-side stream. Its first message is due at once.
func (d *Delivery) Connect(ctx context.Context, env segment.EnvID, r Request) (*Connection, error) {
	f, err := d.present(ctx, env)
	if err != nil {
		return nil, err
	}
	c := &Connection{d: d, f: f, r: r, hashes: contextHashes(r), ready: make(chan struct{}, 1)}
	c.environment = f.state.Load().environment
	c.signal()
	f.audience.join(c)
	d.connections.Add(1)
	return c, nil
}

func contextHashes(r Request) []keyHash {
	n := r.Context.IndividualContextCount()
	hashes := make([]keyHash, n)
	for i := range n {
		key := r.Context.IndividualContextByIndex(i).Key()
		hashes[i] = keyHash{key, segment.HashOf(key)}
	}
	return hashes
}

// Close takes the connection out of the index.
func (c *Connection) Close() {
	c.f.audience.leave(c)
	c.d.connections.Add(-1)
}

// Ready holds a token when Next may have something to say.
func (c *Connection) Ready() <-chan struct{} { return c.ready }

func (c *Connection) signal() {
	select {
	case c.ready <- struct{}{}:
	default:
	}
}

// Next evaluates what may have changed and returns the events that tell the SDK, an empty message
// if nothing did change. An error is the reason for the end of the stream.
func (c *Connection) Next() (Message, error) {
	select {
	case <-c.ready: // whatever it stood for is in the state by now
	default:
	}
	c.written.Store(uint64(c.at))
	st := c.f.state.Load()
	if st.end != nil {
		return Message{}, st.end
	}
	m := Message{Environment: st.environment > c.environment}
	c.environment = st.environment
	if c.opened && st.revision <= c.at {
		return m, nil
	}
	// The state is read before the mark: a mark that is newer than the state stays above c.at, and
	// the follower signals again once the newer state is there.
	touched := c.touched.Load() > uint64(c.at)
	if c.opened && !touched && st.snapshot.Revision <= c.at {
		c.at = st.revision
		return m, nil
	}
	c.d.slots <- struct{}{}
	defer func() { <-c.d.slots }()
	ev, err := c.d.evaluation(st, c.f.env, c.r)
	if err != nil {
		return Message{}, readFault(c.f.env, err)
	}
	ev.hashes = c.hashes // all that may be asked for
	if !c.opened {
		m.Bytes = c.put(ev)
	} else {
		m.Bytes = c.patches(ev, touched)
	}
	c.opened, c.at = true, st.revision
	if len(m.Bytes) > 0 {
		c.d.updates.Add(1)
	}
	return m, nil
}

func (c *Connection) following() *follower { return c.f }

func (c *Connection) reached(st *state) (at segment.Revision, waiting time.Time) {
	at = segment.Revision(c.written.Load())
	if at == 0 || c.touched.Load() > uint64(at) || st.snapshot.Revision > at {
		return at, st.at
	}
	return st.revision, time.Time{}
}

// maxPatches is how many results change at once before all of them are sent as one put.
const maxPatches = 32

var digestSeed = maphash.MakeSeed()

// put returns the event that replaces all results.
func (c *Connection) put(ev *evaluationRun) []byte {
	c.sent = make(map[string]uint64, len(ev.st.snapshot.list))
	b := append(make([]byte, 0, 64+160*len(ev.st.snapshot.list)), "event: put\ndata: "...)
	b = ev.appendAll(b, func(f *flag, content []byte) {
		c.sent[f.model.Key] = maphash.Bytes(digestSeed, content[len(f.name)+len(":{"):])
	})
	return append(b, "\n\n"...)
}

// patches returns the events of the results that differ from what the SDK holds.
func (c *Connection) patches(ev *evaluationRun, touched bool) []byte {
	var b []byte
	s := ev.st.snapshot
	if s.deletedAt > c.at {
		for key := range c.sent {
			if s.flags[key] == nil {
				b = c.appendDelete(b, key, ev.st.revision)
			}
		}
	}
	moved, asking := s.moved, s.asking
	if c.at < s.movedAfter {
		moved = s.list
	}
	if !touched {
		asking = nil
	}
	n := 0
	for len(moved)+len(asking) > 0 { // both in key order
		if len(asking) > 0 && (len(moved) == 0 || asking[0].key <= moved[0].key) {
			b, n = c.appendChange(b, n, ev, asking[0])
			asking = asking[1:]
			continue
		}
		if f := moved[0]; f.changed > c.at && (!touched || !f.big) {
			b, n = c.appendChange(b, n, ev, f)
		}
		moved = moved[1:]
	}
	if n > maxPatches {
		return c.put(ev)
	}
	return b
}

// patchBytes is about how long the event of one result is.
const patchBytes = 256

// appendChange appends the event of a flag's result if the SDK holds another one, and counts it.
func (c *Connection) appendChange(b []byte, n int, ev *evaluationRun, f *flag) ([]byte, int) {
	before, held := c.sent[f.key]
	switch {
	case n > maxPatches: // all results will be sent
		return b, n
	case !c.r.Receiver.receives(f):
		if held {
			b = c.appendDelete(b, f.key, ev.st.revision)
		}
		return b, n
	}
	start := len(b)
	b = append(append(slices.Grow(b, patchBytes), "event: patch\ndata: {\"key\":"...), f.name...)
	b = append(b, ',')
	content := len(b)
	b = ev.appendContent(b, f)
	sum := maphash.Bytes(digestSeed, b[content:])
	if held && before == sum {
		return b[:start], n
	}
	c.sent[f.key] = sum
	return append(ev.appendVersion(b), "}\n\n"...), n + 1
}

func (c *Connection) appendDelete(b []byte, key string, rev segment.Revision) []byte {
	delete(c.sent, key)
	b = append(append(b, "event: delete\ndata: {\"key\":"...), quote(key)...)
	b = appendInt(append(b, `,"version":`...), int(rev))
	return append(b, "}\n\n"...)
}

// audience is who is connected to an environment, by context.
type audience struct {
	mu     sync.Mutex
	all    []*Connection
	byHash map[segment.Hash][]*Connection

	// The membership change being looked at, here so that looking allocates nothing: its revision,
	// how much of it was seen, whom it concerned. Only the follower uses these.
	rev    segment.Revision
	seen   int
	marked []*Connection
	look   func(segment.Change) bool
}

func (a *audience) init() {
	a.byHash = map[segment.Hash][]*Connection{}
	a.look = a.markChanged
}

func (a *audience) join(c *Connection) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c.slot = len(a.all)
	a.all = append(a.all, c)
	for _, k := range c.hashes {
		a.byHash[k.hash] = append(a.byHash[k.hash], c)
	}
}

func (a *audience) leave(c *Connection) {
	a.mu.Lock()
	defer a.mu.Unlock()
	last := len(a.all) - 1
	a.all[c.slot] = a.all[last]
	a.all[c.slot].slot = c.slot
	a.all[last] = nil
	a.all = a.all[:last]
	for _, k := range c.hashes {
		list := a.byHash[k.hash]
		for i := range list {
			if list[i] == c {
				list[i] = list[len(list)-1]
				list[len(list)-1] = nil
				list = list[:len(list)-1]
				break
			}
		}
		if len(list) == 0 {
			delete(a.byHash, k.hash)
		} else {
			a.byHash[k.hash] = list
		}
	}
}

func (a *audience) wakeAll() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.marked) // they are among all
	a.marked = a.marked[:0]
	for _, c := range a.all {
		c.signal()
	}
}

// touchAll marks every connection.
func (a *audience) touchAll(rev segment.Revision) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.all {
		c.touched.Store(uint64(rev))
	}
}

// Finding one context in a change costs about as much as reading so many of its contexts; and so
// many look-ups are done before others get a chance to connect.
const (
	findCost      = 16
	lookupsAtOnce = 1024
)

// touch marks the connections that a membership change names. It reads the change, or looks each
// connected context up in it, whichever is less. When the change can't be read it marks everybody:
// nothing is sent to those for whom nothing changed.
func (a *audience) touch(rev segment.Revision, m segment.MemberDelta) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.all) == 0 {
		return nil
	}
	a.rev, a.seen = rev, 0
	var err error
	if m.Len <= findCost*len(a.byHash) {
		err = m.Each(nil, a.look)
	} else {
		err = a.find(m)
	}
	if err == nil {
		return nil
	}
	for _, c := range a.all {
		a.mark(c)
	}
	return err
}

// find looks every connected context up in a change.
func (a *audience) find(m segment.MemberDelta) error {
	hashes := make([]segment.Hash, 0, len(a.byHash))
	for h := range a.byHash {
		hashes = append(hashes, h)
	}
	for _, h := range hashes {
		ops, err := m.Find(h)
		if err != nil {
			return err
		}
		if ops != 0 {
			a.markChanged(segment.Change{Hash: h})
		} else {
			a.breathe()
		}
	}
	return nil
}

func (a *audience) markChanged(ch segment.Change) bool {
	for _, c := range a.byHash[ch.Hash] {
		a.mark(c)
	}
	a.breathe()
	return true
}

// breathe lets others connect now and then.
func (a *audience) breathe() {
	if a.seen++; a.seen%lookupsAtOnce == 0 {
		a.mu.Unlock()
		a.mu.Lock()
	}
}

// mark notes that the change being looked at concerns the connection.
func (a *audience) mark(c *Connection) {
	if c.touched.Load() < uint64(a.rev) {
		c.touched.Store(uint64(a.rev))
		a.marked = append(a.marked, c)
	}
}

// wakeMarked signals whom touch marked since the last call.
func (a *audience) wakeMarked() {
	for i, c := range a.marked {
		c.signal()
		a.marked[i] = nil
	}
	a.marked = a.marked[:0]
}
