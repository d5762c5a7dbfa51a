package history

import (
	"sync"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

const (
	maxPins = 64
	pinAge  = 5 * time.Minute
)

// pins keep memberships as they were while somebody pages through them, so that each page is of the
// same moment. Only the latest are kept, and none that nobody asked for in the last minutes.
type pins struct {
	mu     sync.Mutex
	all    map[pinID]*pin
	timer  *time.Timer // drops what is too old; nil when nothing is kept
	closed bool
}

type pinID struct {
	env      segment.EnvID
	ref      segment.Ref
	revision segment.Revision
}

// pin is a membership and when it was that.
type pin struct {
	store.Members
	at   time.Time
	used time.Time // guarded by pins.mu
}

// get returns a membership that is kept, nil if there is none.
func (ps *pins) get(id pinID) *pin {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.all[id]
	if p != nil {
		p.used = time.Now()
	}
	return p
}

// keep keeps a membership for the pages to come.
func (ps *pins) keep(env segment.EnvID, p *pin) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.closed {
		return
	}
	if ps.all == nil {
		ps.all = make(map[pinID]*pin)
	}
	p.used = time.Now()
	ps.all[pinID{env, p.Ref(), p.Revision()}] = p
	for len(ps.all) > maxPins {
		var oldest pinID
		for id, q := range ps.all {
			if o := ps.all[oldest]; o == nil || q.used.Before(o.used) {
				oldest = id
			}
		}
		delete(ps.all, oldest)
	}
	if ps.timer == nil {
		ps.timer = time.AfterFunc(pinAge, ps.expire)
	}
}

func (ps *pins) expire() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for id, p := range ps.all {
		if time.Since(p.used) >= pinAge {
			delete(ps.all, id)
		}
	}
	if ps.timer = nil; len(ps.all) > 0 && !ps.closed {
		ps.timer = time.AfterFunc(pinAge/5, ps.expire)
	}
}

func (ps *pins) close() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.closed, ps.all = true, nil
	if ps.timer != nil {
		ps.timer.Stop()
	}
}
