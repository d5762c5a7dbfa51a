package sdk

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"muster/internal/delivery"
)

// maxPeerName is how many bytes of an SDK's name are kept.
const maxPeerName = 128

// agentHeader is X-LaunchDarkly-User-Agent as net/http spells it.
const agentHeader = "X-Launchdarkly-User-Agent"

// agent returns what an SDK calls itself. SDKs in browsers can't set User-Agent and use a header of
// their own.
func (c *call) agent() string {
	return cmp.Or(c.r.Header.Get(agentHeader), c.r.UserAgent())
}

// peer returns who reads a stream.
func (c *call) peer(kind int) delivery.Peer {
	p := delivery.Peer{Side: delivery.ClientSide, Address: c.address}
	p.Name, p.Version = product(c.agent())
	if kind != serverStream && kind != transferStream {
		return p
	}
	p.Side = delivery.ServerSide
	if _, version, ok := strings.Cut(p.Name, relayProduct); ok { // behind the SDK that it is made with
		p.Name, p.Version = strings.TrimSuffix(relayProduct, "/"), version
	}
	return p
}

// relayProduct is how ld-relay names itself: "GoClient/7.14.6 LDRelay/8.10.1".
const relayProduct = "LDRelay/"

// polled notes that an SDK which polls was sent what there is.
func (c *call) polled() {
	p := delivery.Peer{Address: c.address}
	p.Name, p.Version = product(c.agent())
	c.h.delivery.Polled(c.env.ID, p)
}

// product splits a User-Agent like GoClient/7.14.6. That of a browser is a sentence, and is a name.
func product(agent string) (name, version string) {
	if len(agent) > maxPeerName {
		agent = agent[:maxPeerName]
	}
	agent = strings.ToValidUTF8(agent, string(utf8.RuneError))
	if name, version, ok := strings.Cut(agent, "/"); ok && !strings.ContainsAny(agent, " (") {
		return name, version
	}
	return agent, ""
}
