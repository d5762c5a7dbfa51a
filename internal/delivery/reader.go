package delivery

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

// Stream is what an SDK reads: a [Subscription], a [Connection] or [Pings].
type Stream interface {
	// Ready says that Next may have something; it is asked for anew after each Next.
	Ready() <-chan struct{}
	// Next returns what is there without waiting for more, or why the stream ends. Calling it says
	// that everything it returned before was written.
	Next() (Message, error)
	// reached returns the revision of st up to which everything was written and, if something waits
	// to be written, since when. Anybody may call it.
	reached(st *state) (at segment.Revision, waiting time.Time)
	following() *follower
}

// Side says where the SDK at the other end runs.
type Side string

// The sides.
const (
	ServerSide Side = "server" // evaluates by itself
	ClientSide Side = "client" // receives results
	Polling    Side = "poll"   // comes now and then, on either side
	Redis      Side = "redis"  // reads membership over the Redis protocol
)

// Peer is who reads a stream, as far as they say.
type Peer struct {
	Side    Side
	Name    string
	Version string
	Address string
}

// ReaderState says how well a reader keeps up.
type ReaderState string

// The states of a reader.
const (
	Current ReaderState = "current"
	Behind  ReaderState = "behind" // something has waited for a second or more
	Failed  ReaderState = "failed" // the log can't be read
)

// Reader is an open stream, or several of one name and version.
type Reader struct {
	Peer
	ID       uint64 // of the stream in this process, 0 for several
	Count    int
	Since    time.Time // of several the oldest
	Seen     time.Time // when one that polls last did, of several the newest; zero for others
	State    ReaderState
	Revision segment.Revision // that has been written
	// Lag is how many revisions that is behind the newest one, and for how long.
	LagRevisions uint64
	Lag          time.Duration
}

// maxReaders is how many streams of a side are told apart.
const maxReaders = 100

// roll is who reads.
type roll struct {
	mu   sync.Mutex
	last uint64
	all  map[segment.EnvID]map[uint64]*attendance

	pollers map[segment.EnvID]pollers
}

type attendance struct {
	Peer
	Stream // nil for one that is at the head whenever it reads
	since  time.Time
}

// Attend notes who reads a stream until leave is called.
func (d *Delivery) Attend(p Peer, s Stream) (leave func()) {
	return d.attend(s.following().env, p, s)
}

func (d *Delivery) attend(env segment.EnvID, p Peer, s Stream) (leave func()) {
	r := &d.roll
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	id := r.last
	if r.all == nil {
		r.all = make(map[segment.EnvID]map[uint64]*attendance)
	}
	if r.all[env] == nil {
		r.all[env] = make(map[uint64]*attendance)
	}
	r.all[env][id] = &attendance{p, s, d.o.Now()}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if delete(r.all[env], id); len(r.all[env]) == 0 {
			delete(r.all, env)
		}
	}
}

// Readers returns who reads an environment: open streams, connections, and SDKs that polled within ten minutes,
// those that came first at the beginning. If a side has more than a hundred, those of one name and version are summed.
func (d *Delivery) Readers(env segment.EnvID) []Reader {
	head, err := d.store.Head(env)
	if errors.Is(err, store.ErrNoEnvironment) {
		return nil
	}
	now := d.o.Now()
	sides := map[Side][]Reader{}
	d.roll.mu.Lock()
	for id, a := range d.roll.all[env] {
		sides[a.Side] = append(sides[a.Side], a.read(id, head, now))
	}
	d.roll.pollers[env].forget(now)
	for p, x := range d.roll.pollers[env] {
		sides[Polling] = append(sides[Polling], x.read(p, head))
	}
	d.roll.mu.Unlock()
	var all []Reader
	for _, readers := range sides {
		if len(readers) > maxReaders {
			readers = summed(readers)
		}
		all = append(all, readers...)
	}
	slices.SortFunc(all, func(a, b Reader) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Address, b.Address))
	})
	return all
}

// read returns how far a stream is.
func (a *attendance) read(id uint64, head segment.Revision, now time.Time) Reader {
	if a.Stream == nil {
		return Reader{Peer: a.Peer, ID: id, Count: 1, Since: a.since, State: Current, Revision: head}
	}
	f := a.following()
	st := f.state.Load()
	at, waiting := a.reached(st)
	r := Reader{Peer: a.Peer, ID: id, Count: 1, Since: a.since, State: Current, Revision: at}
	if failing := f.failingSince.Load(); failing != nil {
		r.State = Failed
		if waiting.IsZero() || failing.Before(waiting) {
			waiting = *failing
		}
	}
	r.LagRevisions = uint64(max(head, at) - at)
	if !waiting.IsZero() {
		r.Lag = max(0, now.Sub(waiting))
	}
	if r.State == Current && r.Lag >= time.Second {
		r.State = Behind
	}
	return r
}

// summed returns one reader for those of the same side, name and version: the one that is furthest
// behind stands for the others.
func summed(all []Reader) []Reader {
	sums := map[Peer]*Reader{}
	for _, r := range all {
		r.ID, r.Address = 0, ""
		sum := sums[r.Peer]
		if sum == nil {
			sums[r.Peer] = &r
			continue
		}
		sum.Count++
		sum.Revision = min(sum.Revision, r.Revision)
		sum.LagRevisions = max(sum.LagRevisions, r.LagRevisions)
		sum.Lag = max(sum.Lag, r.Lag)
		if r.Seen.After(sum.Seen) {
			sum.Seen = r.Seen
		}
		if r.Since.Before(sum.Since) {
			sum.Since = r.Since
		}
		if r.State != Current && sum.State != Failed {
			sum.State = r.State
		}
	}
	out := make([]Reader, 0, len(sums))
	for _, r := range sums {
		out = append(out, *r)
	}
	return out
}
