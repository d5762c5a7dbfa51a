package api

import (
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"muster/internal/fault"
	"muster/internal/segment"
)

// RateWindow is the time that RateLimits count in.
const RateWindow = 10 * time.Second

// resetMargin is how long after its window a limit is said to begin anew: clients fail on a reset that
// is not ahead of their own clock (LaunchDarkly's Terraform provider, ldcli).
const resetMargin = 100 * time.Millisecond

// RateLimits bound how many requests one credential may send in each RateWindow; 0 is no bound.
type RateLimits struct {
	All   int // of all routes together
	Route int // of one method and path pattern
}

// rates counts requests in windows that begin anew for everybody at once, which is what LaunchDarkly's
// headers can say: how many are left, and when the count is zero again. A window's counts are one for
// each credential and route that was used in it, so memory is bounded by the number of credentials.
type rates struct {
	limits RateLimits
	now    func() time.Time

	mu   sync.Mutex
	end  time.Time // of the window
	sent map[sending]int
}

// sending is what is counted: requests of a credential, to all routes where route is "".
type sending struct {
	kind, id string
	route    string
}

// count takes a request into account, says in the headers what is left, and returns an error of kind
// Unavailable if that is nothing. A request that is refused counts for nothing.
func (l *rates) count(h http.Header, who segment.Actor, route string) error {
	if l.limits == (RateLimits{}) {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if !now.Before(l.end) {
		l.end, l.sent = now.Add(RateWindow), make(map[sending]int)
	}
	all, one := sending{who.Kind, who.ID, ""}, sending{who.Kind, who.ID, route}
	fullOfAll, fullOfOne := full(l.limits.All, l.sent[all]), full(l.limits.Route, l.sent[one])
	refused := fullOfAll || fullOfOne
	if !refused {
		l.sent[all]++
		l.sent[one]++
	}
	if l.limits.All > 0 {
		h.Set("X-Ratelimit-Global-Remaining", strconv.Itoa(l.limits.All-l.sent[all]))
	}
	if l.limits.Route > 0 {
		h.Set("X-Ratelimit-Route-Remaining", strconv.Itoa(l.limits.Route-l.sent[one]))
	}
	reset := l.end.Add(resetMargin)
	h.Set("X-Ratelimit-Reset", strconv.FormatInt(reset.UnixMilli(), 10))
	if !refused {
		return nil
	}
	wait := strconv.FormatFloat(math.Ceil(reset.Sub(now).Seconds()), 'f', 0, 64)
	h.Set("Retry-After", wait)
	if fullOfAll {
		return fault.Unavailablef("this credential has sent %d requests within %s, which is its limit (--rate-limit); go on in %s s", l.limits.All, RateWindow, wait)
	}
	return fault.Unavailablef("this credential has sent %d requests of %s within %s, which is its limit (--route-rate-limit); go on in %s s",
		l.limits.Route, route, RateWindow, wait)
}

func full(limit, sent int) bool { return limit > 0 && sent >= limit }
