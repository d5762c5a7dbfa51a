package access

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the networks of proxies in front. What those say of clients is believed.
type Proxies []netip.Prefix

// Client returns where a request comes from: the peer, or where that is a proxy that is believed, the
// last address before it that is none. It is the zero address if the peer has none.
func (p Proxies) Client(r *http.Request) netip.Addr {
	address := peer(r)
	if !p.believed(address) {
		return address
	}
	passed := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for p.believed(address) && len(passed) > 0 {
		before, err := netip.ParseAddr(strings.TrimSpace(passed[len(passed)-1]))
		if err != nil {
			break
		}
		address, passed = before.Unmap(), passed[:len(passed)-1]
	}
	return address
}

// Encrypted reports whether the client's own connection is, as far as is known.
func (p Proxies) Encrypted(r *http.Request) bool {
	return r.TLS != nil || p.believed(peer(r)) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

func (p Proxies) believed(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(a) })
}

// peer returns the other end of a request's connection.
func peer(r *http.Request) netip.Addr {
	p, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr().Unmap()
}
