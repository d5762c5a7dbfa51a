package compat

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// browserStream is an SDK in a browser as far as its stream goes: it opens one and, when that ends,
// another one after a pause of a second, two, four and so on, each time somewhere in the second half of
// that.
type browserStream struct {
	key      string
	requests atomic.Int64
	open     atomic.Bool
	value    atomic.Bool // of the one flag
}

func (b *browserStream) follow(ctx context.Context, address string) {
	for pause := time.Second; ctx.Err() == nil; pause = min(2*pause, 30*time.Second) {
		b.read(ctx, address)
		b.open.Store(false)
		select {
		case <-time.After(pause/2 + rand.N(pause/2)):
		case <-ctx.Done():
		}
	}
}

// read reads one stream to its end.
func (b *browserStream) read(ctx context.Context, address string) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	b.requests.Add(1)
	path := "/eval/" + environmentID + "/" + base64.RawURLEncoding.EncodeToString([]byte(userContext(b.key).JSONString()))
	if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: muster\r\nAccept: text/event-stream\r\n\r\n"); err != nil {
		return
	}
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: ")); ok {
			b.value.Store(bytes.Contains(data, []byte(`"value":true`)))
			b.open.Store(true)
		}
	}
}

// TestAThousandStreamsComeBackAfterAKill kills the server while members are pushed and streams are open:
// all of them come back, with what was pushed last, and none asks more often than SDKs' pauses say.
func TestAThousandStreamsComeBackAfterAKill(t *testing.T) {
	const streams = 1000
	pushed := tools[3]
	s := start(t)
	s.targetSegment(t, pushed.flag(), pushed.segment())
	s.pushMember(t, pushed, "somebody else", true)
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	defer wait.Wait()
	defer cancel()
	all := make([]*browserStream, streams)
	for i := range all {
		all[i] = &browserStream{key: fmt.Sprintf("visitor-%d", i)}
		wait.Go(func() { all[i].follow(ctx, strings.TrimPrefix(s.url, "http://")) })
	}
	want := make([]bool, streams)
	agree := func() bool {
		for i, b := range all {
			if !b.open.Load() || b.value.Load() != want[i] {
				return false
			}
		}
		return true
	}
	eventually(t, "every stream is open", agree)
	for round := range 3 {
		enough, unanswered := make(chan struct{}), make(chan int, 1)
		go func() {
			for n := 0; ; n++ {
				i := (round + n*389) % streams
				if !s.tryPush(ctx, pushed, all[i].key, !want[i]) { // the kill ends it
					unanswered <- i
					return
				}
				want[i] = !want[i]
				if n == 50 {
					close(enough)
				}
			}
		}()
		<-enough
		s.kill(t)
		i := <-unanswered
		for _, b := range all {
			b.open.Store(false)
			b.requests.Store(0)
		}
		s.run(t)
		want[i] = !want[i] // it may have been kept or not, so it is sent again
		s.pushMember(t, pushed, all[i].key, want[i])
		eventually(t, fmt.Sprintf("round %d: every stream is back with what was pushed last", round), agree)
		for _, b := range all {
			// One that is served, and at most two that met a process that was still starting.
			if n := b.requests.Load(); n < 1 || n > 3 {
				t.Errorf("round %d: %s sent %d requests", round, b.key, n)
			}
		}
		eventually(t, fmt.Sprintf("round %d: the server has one stream for each", round), func() bool {
			_, metrics := s.call(t, http.MethodGet, "/metrics", "", "")
			return bytes.Contains(metrics, fmt.Appendf(nil, "muster_stream_connections{kind=\"client\"} %d\n", streams))
		})
	}
}

// tryPush pushes one member; false if no answer says that it was kept.
func (s *server) tryPush(ctx context.Context, tool tool, member string, add bool) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/api/v2/segment-targets/"+tool.integration, strings.NewReader(tool.body(member, add)))
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", adminToken)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusNoContent
}
