package delivery

import (
	"time"

	"muster/internal/segment"
)

const (
	// pollerSpan is for how long an SDK that polls counts after it did. SDKs poll every 30 seconds, in
	// browsers and apps every five minutes.
	pollerSpan = 10 * time.Minute
	// maxPollers is how many of an environment are told apart, and maxPollersNamed how many more may be by
	// name and version alone; others are not shown.
	maxPollers      = 1000
	maxPollersNamed = 200
)

// poller is an SDK that polls.
type poller struct {
	since, last time.Time
	revision    segment.Revision // that the last answer had
}

// pollers is who polled an environment lately.
type pollers map[Peer]*poller

// Polled notes that an SDK was sent what the environment has at this moment.
func (d *Delivery) Polled(env segment.EnvID, p Peer) {
	p.Side = Polling
	rev, now := d.position(env), d.o.Now()
	r := &d.roll
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.pollers[env]
	if all == nil {
		if r.pollers == nil {
			r.pollers = make(map[segment.EnvID]pollers)
		}
		all = pollers{}
		r.pollers[env] = all
	}
	known := all[p]
	if known == nil {
		if len(all) >= maxPollers {
			all.forget(now)
		}
		if len(all) >= maxPollers {
			p.Address = ""
			known = all[p]
		}
		if known == nil && len(all) >= maxPollers+maxPollersNamed {
			return
		}
	}
	if known == nil {
		known = &poller{since: now}
		all[p] = known
	}
	known.last, known.revision = now, rev
}

// forget drops those that did not poll lately.
func (all pollers) forget(now time.Time) {
	for p, x := range all {
		if now.Sub(x.last) > pollerSpan {
			delete(all, p)
		}
	}
}

// position returns the revision that whoever asks now is answered from, 0 if that is not known.
func (d *Delivery) position(env segment.EnvID) segment.Revision {
	d.mu.RLock()
	f := d.followers[env]
	d.mu.RUnlock()
	if f == nil {
		return 0
	}
	if st := f.state.Load(); st != nil {
		return st.revision
	}
	return 0
}

// read returns how far an SDK is that polls. That it does not know yet what came since it polled is no lag
// that anybody could do something about.
func (x *poller) read(p Peer, head segment.Revision) Reader {
	return Reader{Peer: p, Count: 1, Since: x.since, Seen: x.last, State: Current, Revision: x.revision, LagRevisions: uint64(max(head, x.revision) - x.revision)}
}

// Connected notes a connection by which membership is read, until leave is called. Its reads are answered from
// what there is at that moment, so that it never lags.
func (d *Delivery) Connected(env segment.EnvID, name, address string) (leave func()) {
	return d.attend(env, Peer{Side: Redis, Name: name, Address: address}, nil)
}
