package sink

import "time"

const (
	// historyMinutes is for how long it is remembered how far a store lagged.
	historyMinutes = 60
	// rememberEvery is how often that is looked at. What comes and goes in between is not seen.
	rememberEvery = 5 * time.Second
)

// history is the largest lag of each of the last minutes. Its size does not depend on what happens.
type history struct {
	first, last int64 // minutes since 1970; 0: nothing is remembered yet
	lags        [historyMinutes]time.Duration
}

// note remembers a lag.
func (h *history) note(lag time.Duration, now time.Time) {
	minute := now.Unix() / 60
	if h.last == 0 {
		h.first, h.last = minute, minute
	}
	for h.last < minute {
		h.last++
		h.lags[h.last%historyMinutes] = 0
		if minute-h.last >= historyMinutes {
			h.last = minute - historyMinutes
		}
	}
	at := &h.lags[minute%historyMinutes]
	*at = max(*at, lag)
}

// minutes returns the lags of the last minutes, oldest first, as far as they are remembered.
func (h *history) minutes() []time.Duration {
	if h.last == 0 {
		return nil
	}
	all := make([]time.Duration, 0, historyMinutes)
	for m := max(h.first, h.last-historyMinutes+1); m <= h.last; m++ {
		all = append(all, h.lags[m%historyMinutes])
	}
	return all
}
