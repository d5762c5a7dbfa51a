package access_test

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"testing"

	"muster/internal/access"
)

func TestOnlyProxiesOfOursAreBelievedWhomTheySpeakFor(t *testing.T) {
	ours := access.Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	for name, tt := range map[string]struct {
		peer   string
		passed []string
		want   string
	}{
		"nobody in between":             {"203.0.113.5:1234", nil, "203.0.113.5"},
		"a stranger who claims another": {"203.0.113.5:1234", []string{"198.51.100.1"}, "203.0.113.5"},
		"a proxy":                       {"10.1.2.3:1234", []string{"203.0.113.5"}, "203.0.113.5"},
		"a proxy that says nothing":     {"10.1.2.3:1234", nil, "10.1.2.3"},
		"a proxy that says nonsense":    {"10.1.2.3:1234", []string{"unknown"}, "10.1.2.3"},
		"two proxies":                   {"10.1.2.3:1234", []string{"203.0.113.5, 10.9.9.9"}, "203.0.113.5"},
		"two headers":                   {"10.1.2.3:1234", []string{"203.0.113.5", "10.9.9.9"}, "203.0.113.5"},
		"what the client wrote before":  {"10.1.2.3:1234", []string{"198.51.100.1, 203.0.113.5"}, "203.0.113.5"},
		"nobody but proxies":            {"10.1.2.3:1234", []string{"10.4.4.4,10.9.9.9"}, "10.4.4.4"},
		"version 6":                     {"[2001:db8::1]:1234", []string{"2001:7fb::2"}, "2001:7fb::2"},
		"version 4 in version 6":        {"[::ffff:10.1.2.3]:1234", []string{"::ffff:203.0.113.5"}, "203.0.113.5"},
		"no address":                    {"@", []string{"203.0.113.5"}, "invalid IP"},
	} {
		r := &http.Request{RemoteAddr: tt.peer, Header: http.Header{"X-Forwarded-For": tt.passed}}
		if got := ours.Client(r).String(); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
		if got := (access.Proxies{}).Client(r); got.IsValid() && got != netip.MustParseAddrPort(tt.peer).Addr().Unmap() {
			t.Errorf("%s, and no proxy is ours: %s", name, got)
		}
	}
}

func TestAConnectionIsEncryptedIfOursSaySo(t *testing.T) {
	ours := access.Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	for name, tt := range map[string]struct {
		peer, proto string
		tls         *tls.ConnectionState
		want        bool
	}{
		"it is":                      {"203.0.113.5:1", "", &tls.ConnectionState{}, true},
		"it is not":                  {"203.0.113.5:1", "", nil, false},
		"a proxy says so":            {"10.1.2.3:1", "HTTPS", nil, true},
		"a proxy says that it isn't": {"10.1.2.3:1", "http", nil, false},
		"a stranger says so":         {"203.0.113.5:1", "https", nil, false},
	} {
		r := &http.Request{RemoteAddr: tt.peer, Header: http.Header{"X-Forwarded-Proto": {tt.proto}}, TLS: tt.tls}
		if got := ours.Encrypted(r); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
