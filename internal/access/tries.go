package access

import (
	"math"
	"net/netip"
	"sync"
	"time"

	"muster/internal/fault"
)

// How many tries to sign in may fail: so many at once, and one more as often. An account takes more
// than an address, so that nobody alone can keep its owner out.
var (
	addressTries = allowance{10, 30 * time.Second}
	accountTries = allowance{20, 3 * time.Second}
)

// maxTried bounds how many addresses and accounts are remembered.
const maxTried = 10_000

type allowance struct {
	most  int
	every time.Duration
}

// tries counts failed tries. Of who is in it, full is when all tries that may fail are there again.
type tries struct {
	now func() time.Time

	mu   sync.Mutex // guards full
	full map[string]time.Time
}

// take counts a try, which give takes back when it did not fail. It returns an error of kind Unavailable
// that says how long to wait if too many have failed.
func (t *tries) take(who string, may allowance) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	full := t.full[who]
	if full.Before(now) {
		full = now
	}
	full = full.Add(may.every)
	if wait := full.Sub(now) - time.Duration(may.most)*may.every; wait > 0 {
		seconds := math.Ceil(wait.Seconds())
		f := fault.Unavailablef("Too many tries. Wait %.0f s.", seconds)
		f.Wait = time.Duration(seconds) * time.Second
		return f
	}
	if _, known := t.full[who]; !known && len(t.full) >= maxTried {
		t.makeRoom(now)
	}
	t.full[who] = full
	return nil
}

// makeRoom forgets those who may try as often as anybody, or else somebody.
func (t *tries) makeRoom(now time.Time) {
	for who, full := range t.full {
		if full.Before(now) {
			delete(t.full, who)
		}
	}
	for who := range t.full {
		if len(t.full) < maxTried {
			return
		}
		delete(t.full, who)
	}
}

func (t *tries) give(who string, may allowance) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if full, ok := t.full[who]; ok {
		t.full[who] = full.Add(-may.every)
	}
}

// try runs one try from an address, at an account if there is one. Unless ok is true or the error is
// not about what was given, it counts as failed.
func (a *Access) try(from netip.Addr, account string, attempt func() (ok bool, err error)) error {
	address := "from " + network(from)
	if err := a.tries.take(address, addressTries); err != nil {
		return err
	}
	if account != "" {
		account = "at " + account
		if err := a.tries.take(account, accountTries); err != nil {
			a.tries.give(address, addressTries)
			return err
		}
	}
	ok, err := attempt()
	if ok || fault.KindOf(err) != fault.Unauthenticated && err != nil {
		a.tries.give(address, addressTries)
		if account != "" {
			a.tries.give(account, accountTries)
		}
	}
	return err
}

// network is what an address is counted as: whoever has one address of IPv6 has its network.
func network(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is4() || !a.IsValid() {
		return a.String()
	}
	p, _ := a.Prefix(64) // a valid length
	return p.String()
}
