package sdk_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"muster/internal/access"
	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/sdk"
)

func TestStreamsAreLimitedByCredentialAndByAddress(t *testing.T) {
	for name, o := range map[string]sdk.Options{"key": {StreamsPerKey: 3}, "address": {StreamsPerAddress: 3}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, delivery.Options{}, o)
			var open []*listener
			for range 3 {
				l := w.listen("GET", "/all", "", "Authorization", sdkKey)
				l.event()
				open = append(open, l)
			}
			for range 5 {
				res, text := w.ask("GET", "/all", "", "Authorization", sdkKey)
				if res.StatusCode != 429 || res.Header.Get("Retry-After") == "" || !strings.Contains(text, "--max-streams-per-"+name) {
					t.Fatalf("%s with %s", res.Status, text)
				}
			}
			if res, _ := w.ask("GET", "/sdk/latest-all", "", "Authorization", sdkKey); res.StatusCode != 200 {
				t.Errorf("a poll is answered %s", res.Status)
			}
			if name == "key" {
				w.listen("GET", "/mping", "", "Authorization", mobKey).event() // another credential
			}
			if refused := w.handler.Stats().Refused[name]; refused != 5 {
				t.Errorf("%d refusals are counted", refused)
			}
			_ = open[0].res.Body.Close()
			for began := time.Now(); ; runtime.Gosched() { // until the server has seen it
				if res := w.open("GET", "/all", "", "Authorization", sdkKey); res.StatusCode == 200 {
					break
				}
				if time.Since(began) > patience {
					t.Fatal("a stream that ended is never counted down")
				}
			}
			w.putFlag("checkout", 1)
			for _, l := range open[1:] {
				if patch := l.event(); !strings.Contains(patch, "/flags/checkout") {
					t.Errorf("a stream within the limit got %s", patch)
				}
			}
		})
	}
}

func TestStreamsBehindAProxyAreLimitedByTheAddressOfTheClient(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{StreamsPerAddress: 1, Proxies: access.Proxies{netip.MustParsePrefix("127.0.0.0/8")}})
	const forwarded = "X-Forwarded-For"
	for _, client := range []string{"203.0.113.1", "203.0.113.2"} {
		w.listen("GET", "/all", "", "Authorization", sdkKey, forwarded, client).event()
		if res, _ := w.ask("GET", "/all", "", "Authorization", sdkKey, forwarded, "198.51.100.9, "+client); res.StatusCode != 429 {
			t.Errorf("a second stream from %s: %s", client, res.Status)
		}
	}
	addresses := map[string]bool{}
	for _, r := range w.delivery.Readers(envID) {
		addresses[r.Address] = true
	}
	if len(addresses) != 2 || !addresses["203.0.113.1"] || !addresses["203.0.113.2"] {
		t.Errorf("readers from %v", addresses)
	}
}

func TestWhatAStrangerSaysOfItsAddressCountsForNothing(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{StreamsPerAddress: 1})
	w.listen("GET", "/all", "", "Authorization", sdkKey, "X-Forwarded-For", "203.0.113.1").event()
	if res, _ := w.ask("GET", "/all", "", "Authorization", sdkKey, "X-Forwarded-For", "203.0.113.2"); res.StatusCode != 429 {
		t.Errorf("a second stream: %s", res.Status)
	}
}

func TestARefusalTellsPagesOfOtherOrigins(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{StreamsPerKey: 1})
	path := "/eval/" + string(envID) + "/" + contextPath("u1")
	w.listen("GET", path, "").event()
	if res, _ := w.ask("GET", path, "", "Origin", "https://shop.test"); res.StatusCode != 429 || res.Header.Get("Access-Control-Allow-Origin") != "https://shop.test" {
		t.Errorf("%s with %v", res.Status, res.Header)
	}
}

// wantEndings waits until at least so many streams ended for a reason.
func (w *world) wantEndings(reason string, n uint64) {
	w.t.Helper()
	for began := time.Now(); w.handler.Stats().Ended[reason] < n; runtime.Gosched() {
		if time.Since(began) > patience {
			w.t.Fatalf("streams ended %v, want %d because of %q", w.handler.Stats().Ended, n, reason)
		}
	}
}

func TestEndingsAreCountedByReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t, delivery.Options{}, sdk.Options{WriteTimeout: stall, DrainJitter: 20 * time.Millisecond})
	w.putFilters(filterOf("a"))
	open := func(path, key string) *listener {
		l := w.listen("GET", path, "", "Authorization", key)
		l.event()
		return l
	}
	_ = open("/all", sdkKey).res.Body.Close()
	w.wantEndings("left", 1)
	open("/all", oldKey)
	w.putEnvironment(func(e *catalog.Environment) { e.ExpiringSDKKeys = nil })
	w.wantEndings("credential", 1)
	open("/all?filter=a", sdkKey)
	w.putFilters()
	w.wantEndings("filter", 1)
	w.putFlagWith("large", 1, func(f *catalog.Flag) {
		f.Environments[envKey].Targets = []catalog.Target{{Values: []string{strings.Repeat("x", 512<<10)}}}
	})
	stalled := w.stall("/all")
	w.wantEndings("slow", 1)
	_ = stalled.Close()
	open("/all", sdkKey)
	w.handler.Drain()
	w.wantEndings("drain", 1)
	open("/all", sdkKey)
	w.wantEndings("drain", 2)
}

// TestStreamsOverHTTP2 opens many streams on one connection, by TLS and, as some proxies do, without.
func TestStreamsOverHTTP2(t *testing.T) {
	for _, secure := range []bool{true, false} {
		t.Run(fmt.Sprintf("TLS %t", secure), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, delivery.Options{}, sdk.Options{WriteTimeout: stall, DrainJitter: 20 * time.Millisecond})
			w.putSegment()
			w.putFlag("checkout", 1)
			server := httptest.NewUnstartedServer(w.handler)
			protocols, transport := new(http.Protocols), &http.Transport{}
			defer transport.CloseIdleConnections()
			if secure {
				server.EnableHTTP2 = true
				server.StartTLS()
				protocols.SetHTTP2(true)
				transport.TLSClientConfig = &tls.Config{RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs} //nolint:gosec,forcetypeassert // it is one
			} else {
				protocols.SetUnencryptedHTTP2(true)
				server.Config.Protocols = protocols
				server.Start()
			}
			defer server.Close()
			transport.Protocols = protocols
			var mu sync.Mutex
			connections := 0
			transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				mu.Lock()
				defer mu.Unlock()
				connections++
				return new(net.Dialer).DialContext(ctx, network, address)
			}
			open := func(path string) *listener {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Authorization", sdkKey)
				res, err := transport.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = res.Body.Close() })
				if res.ProtoMajor != 2 || res.StatusCode != http.StatusOK {
					t.Fatalf("%s %s", res.Proto, res.Status)
				}
				return &listener{t: t, in: bufio.NewReader(res.Body), res: res}
			}
			var all []*listener
			for i := range 40 {
				l := open([]string{"/all", "/eval/" + string(envID) + "/" + contextPath("u1")}[i%2])
				l.event()
				all = append(all, l)
			}
			_ = all[0].res.Body.Close() // one ends, the connection and the others go on
			w.wantEndings("left", 1)
			w.putFlagWith("checkout", 2, func(f *catalog.Flag) { f.Environments[envKey].On = false })
			for _, l := range all[1:] {
				if patch := l.event(); !strings.HasPrefix(patch, "event: patch") {
					t.Errorf("a change sent %s", patch)
				}
			}
			if connections != 1 {
				t.Errorf("%d connections for 40 streams", connections)
			}
			large := catalog.Target{Values: []string{strings.Repeat("x", 8<<20)}} // beyond the windows of the protocol
			w.putFlagWith("large", 1, func(f *catalog.Flag) { f.Environments[envKey].Targets = []catalog.Target{large} })
			open("/all") // and nobody reads it
			w.wantEndings("slow", 1)
			w.handler.Drain()
			all[1].event() // the large flag
			all[1].wantEnd()
		})
	}
}
