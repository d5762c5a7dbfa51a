package relayfeed

import (
	"crypto/sha256"
	"maps"
	"sync"
	"time"

	"muster/internal/segment"
)

const (
	// maxSame is how often the same may be asked for from one address within guardSpan. ld-relay 8 asks
	// 1,700 times a second when its database does not take what it is told; a fleet behind one address
	// asks the same after a restart of ours.
	maxSame   = 500
	guardSpan = 10 * time.Second
	// maxGuarded bounds what is remembered.
	maxGuarded = 10_000
)

// guard finds relays that go round in a circle.
type guard struct {
	mu    sync.Mutex
	asked map[question]*asking
}

// question is who asks for what.
type question struct {
	env     segment.EnvID
	address string
	after   [sha256.Size]byte
}

type asking struct {
	since time.Time
	n     int
}

// allows counts a question and reports whether it may be answered.
func (g *guard) allows(env segment.EnvID, address, after string, now time.Time) bool {
	q := question{env, address, sha256.Sum256([]byte(after))}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.asked == nil {
		g.asked = map[question]*asking{}
	}
	a := g.asked[q]
	if a == nil || now.Sub(a.since) >= guardSpan {
		if a == nil && len(g.asked) >= maxGuarded {
			maps.DeleteFunc(g.asked, func(_ question, a *asking) bool { return now.Sub(a.since) >= guardSpan })
			if len(g.asked) >= maxGuarded {
				clear(g.asked)
			}
		}
		a = &asking{since: now}
		g.asked[q] = a
	}
	a.n++
	return a.n <= maxSame
}
