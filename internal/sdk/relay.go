package sdk

import (
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"muster/internal/delivery"
	"muster/internal/fault"
	"muster/internal/relayfeed"
)

// The doors of relays. ld-relay 8 asks for members with the SDK key that it was started with as long as
// it runs, also after a rotation. So a key that has expired opens these doors for a time of grace.
var (
	relaySDKKey = door{open: func(c *call) (err error) {
		c.env, c.expired, err = c.h.access.RelaySDKKey(c.key(), c.h.o.RelayKeyGrace)
		return err
	}}
	// sdkOrRelayKey tells relays from SDKs by what they call themselves: SDKs get no grace.
	sdkOrRelayKey = door{open: func(c *call) error {
		if strings.Contains(c.agent(), relayProduct) {
			return relaySDKKey.open(c)
		}
		return sdkKey.open(c)
	}}
)

// maxAfter is how long a cursor may be that another server gave to a relay.
const maxAfter = 4 << 10

// revisions answers a relay that asks what changed of members since its cursor.
func (c *call) revisions() error {
	after := c.r.URL.Query().Get("after")
	if len(after) > maxAfter || !utf8.ValidString(after) {
		return fault.Invalidf("the parameter after must be text of at most %d bytes: the store of this relay holds a cursor that can't be answered; empty it", maxAfter)
	}
	peer := c.relayPeer()
	c.h.feed.NoteExpired(c.r.Context(), c.env, peer)
	page, err := c.h.feed.Poll(c.r.Context(), peer, c.env.ID, after)
	if err != nil {
		return ready(err)
	}
	c.w.Header().Set("Cache-Control", "no-store")
	if c.acceptsGzip() {
		if zipped := page.Gzip(); zipped != nil {
			c.w.Header().Set("Content-Encoding", "gzip")
			return c.writeJSON(zipped)
		}
	}
	return c.writeJSON(page.JSON)
}

// bigSegments streams to a relay what changes of members. What was committed before the headers are sent
// the relay gets by the poll that follows.
func (c *call) bigSegments() error {
	peer := c.relayPeer()
	c.h.feed.NoteExpired(c.r.Context(), c.env, peer)
	s, err := c.h.feed.Subscribe(peer, c.env.ID)
	if err != nil {
		return ready(err)
	}
	c.stream(memberStream, &members{s, c, peer}, 0, s.Close)
	return nil
}

// members is a stream of the feed of members, and who reads it.
type members struct {
	*relayfeed.Stream
	call *call
	peer relayfeed.Peer
}

// Next returns what the feed says.
func (m *members) Next() (delivery.Message, error) {
	if m.call.expired != m.peer.Expired {
		m.peer.Expired = m.call.expired
		m.Known(m.peer)
		m.call.h.feed.NoteExpired(m.call.r.Context(), m.call.env, m.peer)
	}
	next, err := m.Stream.Next()
	return delivery.Message(next), err
}

// relayPeer returns who asks for members, of whom the address is all that is known.
func (c *call) relayPeer() relayfeed.Peer {
	return relayfeed.Peer{Address: c.peer(memberStream).Address, Expired: c.expired}
}

// archive answers a relay that works offline with a file of all that its configuration selects.
func (c *call) archive() error {
	a, err := c.h.delivery.Archive(c.r.Context(), c.relay.ID)
	if err != nil {
		return ready(err)
	}
	c.w.Header().Set("Content-Type", "application/gzip")
	c.w.Header().Set("Content-Disposition", `attachment; filename="relay.tar.gz"`)
	c.w.Header().Set("Cache-Control", "no-store")
	if c.r.Method == http.MethodHead {
		return nil
	}
	control := http.NewResponseController(c.w)
	_ = control.SetWriteDeadline(time.Now().Add(archiveTimeout)) // not every writer has deadlines
	if err := a.Write(c.w); err != nil && c.r.Context().Err() == nil {
		c.h.log.Warn("the archive of a relay was not sent whole", "relay_config", c.relay.ID, "error", err)
		panic(http.ErrAbortHandler) // so that nobody takes it for whole
	}
	return nil
}

// archiveTimeout is how long an archive may take to be sent.
const archiveTimeout = 5 * time.Minute

// isLoop reports whether a relay was asked to wait because it goes round in a circle.
func isLoop(err error) bool { return errors.Is(err, relayfeed.ErrLoop) }
