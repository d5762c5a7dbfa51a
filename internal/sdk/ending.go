package sdk

import (
	"errors"

	"muster/internal/delivery"
	"muster/internal/relayfeed"
)

// ending is why a stream ended.
type ending int

// The endings. Clients that leave or break off are "left".
const (
	endLeft ending = iota
	endSlow
	endCredential
	endDrain
	endEnvironment
	endFilter
	endClosed
	endResync // relays are to take all members once more
	endAsked  // a relay is to say what it has taken
	endStale  // members are not known to be complete
	endings
)

var endingNames = [endings]string{
	endLeft: "left", endSlow: "slow", endCredential: "credential", endDrain: "drain", endEnvironment: "environment", endFilter: "filter", endClosed: "closed",
	endResync: "resync", endAsked: "asked", endStale: "stale",
}

var (
	// errCredential says that a stream's credential was taken away.
	errCredential = errors.New("credential is no longer valid")
	// errStalled says that a reader took nothing for as long as a write may take.
	errStalled = errors.New("reader stalled")
	// errDrained says that the server is being stopped.
	errDrained = errors.New("server is being stopped")
)

func endingOf(err error) ending {
	switch {
	case errors.Is(err, delivery.ErrSlow), errors.Is(err, relayfeed.ErrSlow), errors.Is(err, errStalled):
		return endSlow
	case errors.Is(err, errCredential):
		return endCredential
	case errors.Is(err, errDrained):
		return endDrain
	case errors.Is(err, delivery.ErrGone), errors.Is(err, relayfeed.ErrGone):
		return endEnvironment
	case errors.Is(err, delivery.ErrFilterGone):
		return endFilter
	case errors.Is(err, delivery.ErrClosed), errors.Is(err, relayfeed.ErrClosed):
		return endClosed
	case errors.Is(err, relayfeed.ErrResync):
		return endResync
	case errors.Is(err, relayfeed.ErrAsked):
		return endAsked
	case errors.Is(err, relayfeed.ErrStale):
		return endStale
	}
	return endLeft
}

// ended counts why a stream ended, and logs it unless the client left or the process ends.
func (c *call) ended(kind int, err error) {
	e := endingOf(err)
	c.h.endings[e].Add(1)
	switch {
	case e == endLeft, e == endDrain, e == endClosed:
	case kind == relayStream:
		c.h.log.Info("stream ended", "stream", streamNames[kind], "relay_config", c.relay.ID, "reason", err)
	default:
		c.h.log.Info("stream ended", "stream", streamNames[kind], "environment", c.env.ID, "reason", err)
	}
}
