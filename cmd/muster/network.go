package main

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"muster/internal/access"
)

// network is a network or one address.
type network netip.Prefix

// UnmarshalText reads 10.0.0.0/8 or 10.0.0.1.
func (n *network) UnmarshalText(text []byte) error {
	if a, err := netip.ParseAddr(string(text)); err == nil {
		*n = network(netip.PrefixFrom(a, a.BitLen()))
		return nil
	}
	p, err := netip.ParsePrefix(string(text))
	if err != nil {
		return fmt.Errorf("%q is no network; write it like 10.0.0.0/8 or 10.0.0.1", text)
	}
	*n = network(p.Masked())
	return nil
}

func prefixes(all []network) access.Proxies {
	out := make(access.Proxies, 0, len(all))
	for _, n := range all {
		out = append(out, netip.Prefix(n))
	}
	return out
}

// publicURL is the address of muster as others write it, without a slash at its end.
type publicURL string

// UnmarshalText reads https://muster.example.com.
func (p *publicURL) UnmarshalText(text []byte) error {
	u, err := url.Parse(string(text))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("%q is no address of muster; write it like https://muster.example.com", text)
	}
	*p = publicURL(u.Scheme + "://" + u.Host)
	return nil
}

// address is how a person on this machine, or on another if that is known, reaches muster.
func (c *settings) address() string {
	if c.PublicURL != "" {
		return string(c.PublicURL)
	}
	return "http://" + c.Listen
}
