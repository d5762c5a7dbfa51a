package compat

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldlog"
	ld "github.com/launchdarkly/go-server-sdk/v7"
	"github.com/launchdarkly/go-server-sdk/v7/interfaces"
	"github.com/launchdarkly/go-server-sdk/v7/ldcomponents"
)

// edits is somebody who changes flags and segments without end, and knows what they are.
type edits struct {
	s        *server
	rng      *rand.Rand
	flags    int
	included map[int]map[string]bool // by segment
	passing  bool                    // the flag that comes and goes is there
	n        int
}

// The contexts that are put into lists and taken out.
var probes = []string{"ada", "ben", "cleo", "dan", "eve"}

func newEdits(t *testing.T, s *server, rng *rand.Rand, flags int) *edits {
	t.Helper()
	e := &edits{s: s, rng: rng, flags: flags, included: map[int]map[string]bool{}}
	for i := range flags {
		e.included[i] = map[string]bool{}
		s.must(t, http.StatusCreated, http.MethodPost, "/api/v2/segments/default/production", fmt.Sprintf(`{"key":"list-%d","name":"List %d"}`, i, i))
		s.targetSegment(t, fmt.Sprintf("flag-%d", i), fmt.Sprintf("list-%d", i))
	}
	return e
}

// edit makes some changes, one after the other.
func (e *edits) edit(t *testing.T, changes int) {
	t.Helper()
	for range changes {
		e.n++
		i := e.rng.IntN(e.flags)
		flag := fmt.Sprintf("/api/v2/flags/default/flag-%d", i)
		patch := func(path, value string) {
			t.Helper()
			e.s.must(t, http.StatusOK, http.MethodPatch, flag, fmt.Sprintf(`[{"op":"replace","path":"/environments/production/%s","value":%s}]`, path, value))
		}
		switch e.rng.IntN(6) {
		case 0:
			patch("fallthrough", fmt.Sprintf(`{"variation":%d}`, e.rng.IntN(2)))
		case 1:
			patch("on", fmt.Sprint(e.rng.IntN(4) > 0))
		case 2:
			patch("rules/0/clauses/0/negate", fmt.Sprint(e.rng.IntN(2) == 0))
		case 3:
			e.comeOrGo(t)
		default:
			key := probes[e.rng.IntN(len(probes))]
			if e.included[i][key] = !e.included[i][key]; !e.included[i][key] {
				delete(e.included[i], key)
			}
			list, err := json.Marshal(slices.AppendSeq([]string{}, maps.Keys(e.included[i])))
			if err != nil {
				t.Fatal(err)
			}
			e.s.must(t, http.StatusOK, http.MethodPatch, fmt.Sprintf("/api/v2/segments/default/production/list-%d", i), fmt.Sprintf(`[{"op":"add","path":"/included","value":%s}]`, list))
		}
	}
}

// comeOrGo deletes a flag, or makes it again under the same key.
func (e *edits) comeOrGo(t *testing.T) {
	t.Helper()
	if e.passing {
		e.s.must(t, http.StatusNoContent, http.MethodDelete, "/api/v2/flags/default/passing", "")
	} else {
		e.s.must(t, http.StatusCreated, http.MethodPost, "/api/v2/flags/default", `{"key":"passing","name":"Comes and goes"}`)
	}
	e.passing = !e.passing
}

// shown is what a flag serves, and in which version.
type shown struct {
	Value   any `json:"value"`
	Version int `json:"flagVersion"`
}

// evaluated returns what the server says of every flag.
func (s *server) evaluated(t *testing.T, key string) map[string]shown {
	t.Helper()
	path := "/sdk/evalx/contexts/" + base64.RawURLEncoding.EncodeToString([]byte(userContext(key).JSONString()))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", sdkKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var all map[string]shown
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("evaluate: %s, %v", resp.Status, err)
	}
	return all
}

// follower is an SDK of which every version that it shows is watched.
type follower struct {
	name   string
	client *ld.LDClient
}

// followGo runs the Go SDK and fails the test when a flag goes back to an older version.
func followGo(t *testing.T, name, url string, config ld.Config) *follower {
	t.Helper()
	config.ServiceEndpoints = interfaces.ServiceEndpoints{Streaming: url, Polling: url, Events: url}
	config.Events = ldcomponents.NoEvents()
	config.Logging = ldcomponents.Logging().MinLevel(ldlog.None) // of cut connections there is a lot to say
	client, err := ld.MakeCustomClient(sdkKey, config, patience)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	f := &follower{name: name, client: client}
	end := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		newest := map[string]int{}
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			for key, now := range f.state(probes[0]) {
				if now.Version < newest[key] {
					t.Errorf("%s: %s went from version %d to %d", name, key, newest[key], now.Version)
				}
				newest[key] = now.Version
			}
			select {
			case <-end:
				return
			case <-tick.C:
			}
		}
	})
	t.Cleanup(func() {
		close(end)
		done.Wait()
		if err := client.Close(); err != nil {
			t.Errorf("close %s: %v", name, err)
		}
	})
	return f
}

// state returns what the SDK says of every flag.
func (f *follower) state(key string) map[string]shown {
	all := f.client.AllFlagsState(ldcontext.New(key))
	state := map[string]shown{}
	for flag := range all.ToValuesMap() {
		s, _ := all.GetFlag(flag)
		state[flag] = shown{Value: s.Value.AsArbitraryValue(), Version: s.Version}
	}
	return state
}

// converge waits until SDKs say of every flag and context what the server says.
func converge(t *testing.T, s *server, when string, followers []*follower) {
	t.Helper()
	for _, key := range probes {
		want := s.evaluated(t, key)
		for _, f := range followers {
			eventually(t, fmt.Sprintf("%s: %s agrees with the server about %s", when, f.name, key), func() bool { return maps.Equal(f.state(key), want) })
		}
	}
}

// badNeighbours are clients that send what is no HTTP, leave in the middle, or read nothing, until the
// test ends.
func badNeighbours(t *testing.T, s *server) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	address := strings.TrimPrefix(s.url, "http://")
	browser := "/eval/" + environmentID + "/" + base64.RawURLEncoding.EncodeToString([]byte(userContext("ada").JSONString()))
	var wait sync.WaitGroup
	bother := func(text string, stay bool) {
		wait.Go(func() {
			for ctx.Err() == nil {
				conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
				if err == nil {
					_, _ = io.WriteString(conn, text)
					gone := context.AfterFunc(ctx, func() { conn.Close() })
					if !stay {
						_ = conn.SetReadDeadline(time.Now().Add(time.Second))
						_, _ = io.Copy(io.Discard, conn)
					} else {
						for err == nil { // one byte a moment, so that what is sent piles up
							select {
							case <-ctx.Done():
								err = ctx.Err()
							case <-time.After(200 * time.Millisecond):
								_, err = conn.Read(make([]byte, 1))
							}
						}
					}
					gone()
					conn.Close()
				}
				select {
				case <-ctx.Done():
				case <-time.After(20 * time.Millisecond): // the server may be away
				}
			}
		})
	}
	for range 8 {
		bother("GET /all HTTP/1.1\r\nHost: x\r\nAuthorization: "+sdkKey+"\r\n\r\n", true)
		bother("GET /sdk/stream HTTP/1.1\r\nHost: x\r\nAuthorization: "+sdkKey+"\r\n\r\n", true)
		bother("GET "+browser+" HTTP/1.1\r\nHost: x\r\n\r\n", true)
	}
	for _, text := range []string{
		"hello\r\n\r\n",
		"GET /all HTTP/1.1\r\nHost: x\r\nAuthorization: sdk-unknown\r\n\r\n",
		"GET /all HTTP/1.1\r\nHost: x\r\nAuthorization: " + sdkKey + "\r\n\r\n" + strings.Repeat("and more ", 10_000),
		"GET /sdk/stream?basis=" + strings.Repeat("x", 50_000) + " HTTP/1.1\r\nHost: x\r\nAuthorization: " + sdkKey + "\r\n\r\n",
		"GET /eval/" + environmentID + "/%%% HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /eval/" + environmentID + "/bm90IGpzb24 HTTP/1.1\r\nHost: x\r\n\r\n",
		"REPORT /eval/" + environmentID + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{\"kind\":",
		"POST /bulk HTTP/1.1\r\nHost: x\r\nAuthorization: " + sdkKey + "\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
	} {
		bother(text, false)
	}
	t.Cleanup(func() {
		cancel()
		wait.Wait()
	})
}

// TestGoSDKsMissNothing lets the Go SDK follow by both protocols, through a network that cuts, slows and
// holds, beside clients that misbehave, and over kills of the server, while flags and segments change
// hundreds of times. Whenever nothing changes for a moment it says what the server says, and no flag
// that it shows goes back to an older version.
func TestGoSDKsMissNothing(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	s := start(t)
	e := newEdits(t, s, rng, 6)
	p := newProxy(t, s)
	const pause = time.Millisecond // before the first attempt to connect again; each failure doubles it
	stream := ldcomponents.StreamingDataSourceV2().InitialReconnectDelay(pause).BaseURI(p.url)
	second := func() *ldcomponents.DataSystemConfigurationBuilder {
		return ldcomponents.DataSystem().Custom().Synchronizers(stream)
	}
	followers := []*follower{
		followGo(t, "first protocol", p.url, ld.Config{DataSource: ldcomponents.StreamingDataSource().InitialReconnectDelay(pause)}),
		followGo(t, "second protocol", p.url, ld.Config{DataSystem: second()}),
		followGo(t, "second protocol, poll first", p.url, ld.Config{DataSystem: second().Initializers(ldcomponents.PollingDataSourceV2().BaseURI(p.url).AsInitializer())}),
	}
	badNeighbours(t, s)
	converge(t, s, "at the start", followers)
	const changes = 40
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"nothing in the way", func() { e.edit(t, changes) }},
		{"connections cut at a byte", func() {
			for range 3 {
				p.meet(func() trouble { return trouble{cut: 1 + rng.IntN(6000)} })
				p.drop()
				e.edit(t, changes/3)
			}
			p.meet(nil)
			p.drop() // a connection may have a cut ahead that no byte reaches
		}},
		{"a slow line", func() {
			p.meet(func() trouble { return trouble{rate: 20_000} })
			p.drop()
			e.edit(t, changes)
		}},
		{"everything held back", func() {
			p.meet(nil)
			p.hold()
			e.edit(t, changes)
			p.release()
		}},
		{"a killed server", func() {
			e.edit(t, changes/2)
			s.kill(t)
			s.run(t)
			e.edit(t, changes/2)
		}},
		{"a server killed while everything is held back", func() {
			p.hold()
			e.edit(t, changes/2)
			s.kill(t)
			s.run(t)
			e.edit(t, changes/2)
			p.release()
		}},
		{"a server killed twice, slow lines", func() {
			p.meet(func() trouble { return trouble{rate: 50_000} })
			for range 2 {
				e.edit(t, changes/4)
				s.kill(t)
				s.run(t)
				e.edit(t, changes/4)
			}
			p.meet(nil)
		}},
		{"nothing in the way any more", func() {
			p.drop()
			e.edit(t, changes)
		}},
	} {
		step.do()
		converge(t, s, step.name, followers)
	}
	if n := p.connections(); e.n < 300 || n < 25 {
		t.Errorf("only %d changes were made, over %d connections", e.n, n)
	}
}
