package sdk

import (
	"cmp"
	"net"
	"strings"
	"unicode/utf8"

	"muster/internal/delivery"
)

// maxPeerName is how many bytes of an SDK's name are kept.
const maxPeerName = 128

// agent returns what an SDK calls itself. SDKs in browsers can't set User-Agent and use a header of
// their own.
func (c *call) agent() string {
	return cmp.Or(c.r.Header.Get("X-LaunchDarkly-User-Agent"), c.r.UserAgent())
}

// peer returns who reads a stream.
func (c *call) peer(kind int) delivery.Peer {
	p := delivery.Peer{Side: delivery.ClientSide, Address: c.r.RemoteAddr}
	if kind == serverStream || kind == transferStream {
		p.Side = delivery.ServerSide
	}
	if host, _, err := net.SplitHostPort(p.Address); err == nil {
		p.Address = host
	}
	p.Name, p.Version = product(c.agent())
	return p
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
