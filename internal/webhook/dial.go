package webhook

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"muster/internal/catalog"
)

const (
	dialTimeout = 5 * time.Second
	// idleConnection is less than receivers wait: Node closes after five seconds. A delivery that meets the closing
	// fails, since net/http sends no POST again.
	idleConnection = 3 * time.Second
	maxHeaderBytes = 64 << 10
)

// refusedError says why muster calls an address not.
type refusedError struct {
	address netip.Addr
	why     string
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("the address %s is not called: %s", e.address, e.why)
}

// newClient returns a client that follows no redirect and calls no address that it must not. It looks
// at the address that is connected to, so that no name can lead elsewhere in the meantime; a proxy
// would hide that address, so it uses none.
func newClient(o Options) *http.Client {
	dial := o.Dial
	if dial == nil {
		dialer := &net.Dialer{Timeout: dialTimeout, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			return allowed(address, o.PublicOnly)
		}}
		dial = dialer.DialContext
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // a connection each, so that a slow receiver holds up nobody behind the same proxy
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            dial,
			Protocols:              protocols,
			TLSHandshakeTimeout:    dialTimeout,
			IdleConnTimeout:        idleConnection,
			MaxIdleConnsPerHost:    4,
			MaxResponseHeaderBytes: maxHeaderBytes,
			DisableCompression:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// allowed returns an error unless an address and port may be called.
func allowed(address string, publicOnly bool) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("the address %s is not understood: %w", address, err)
	}
	if why := catalog.NeverCalled(to.Addr()); why != "" {
		return &refusedError{to.Addr(), why}
	}
	if publicOnly && catalog.PrivateAddress(to.Addr()) {
		return &refusedError{to.Addr(), "it belongs to this host or a private network (--webhooks-public-only)"}
	}
	return nil
}
