package compat

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gomodule/redigo/redis"
)

// TestKillLosesNothingAcknowledged kills the process with SIGKILL while eight tools push, starts it
// again on the same directory, and reads every acknowledged member back, several times over.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	const rounds, pushers, perRequest = 6, 8, 25
	s := start(t)
	var acknowledged, unanswered []string
	var serial atomic.Int64
	for round := range rounds {
		killAfter := int64(20 + rand.IntN(200))
		var mu sync.Mutex
		var answered atomic.Int64
		var dead atomic.Bool
		killed := make(chan struct{})
		var wg sync.WaitGroup
		for range pushers {
			wg.Go(func() {
				for !dead.Load() {
					keys := make([]string, 0, perRequest)
					for range perRequest {
						keys = append(keys, fmt.Sprintf("u-%06d", serial.Add(1)))
					}
					ok := pushMembers(s.url, keys)
					mu.Lock()
					if ok {
						acknowledged = append(acknowledged, keys...)
					} else {
						unanswered = append(unanswered, keys...)
					}
					mu.Unlock()
					if !ok {
						return
					}
					if answered.Add(1) == killAfter {
						close(killed)
					}
				}
			})
		}
		<-killed
		s.kill(t)
		dead.Store(true)
		wg.Wait()
		s.run(t)
		lost := s.absent(t, "rudderstack-crash.g1", acknowledged)
		if len(lost) > 0 {
			t.Fatalf("round %d: %d of %d acknowledged members are gone, such as %s", round, len(lost), len(acknowledged), lost[0])
		}
		// Nobody was told what became of these, but each request is in whole or not at all.
		for _, request := range slices.Collect(slices.Chunk(unanswered, perRequest)) {
			if n := len(s.absent(t, "rudderstack-crash.g1", request)); n != 0 && n != len(request) {
				t.Fatalf("round %d: a request is half applied: %d of %d members absent", round, n, len(request))
			}
		}
	}
	if len(acknowledged) < rounds*perRequest*20 {
		t.Fatalf("only %d members were acknowledged; the test had no load", len(acknowledged))
	}
}

// pushMembers adds members in one request and reports whether muster acknowledged it.
func pushMembers(url string, keys []string) bool {
	var body bytes.Buffer
	fmt.Fprintf(&body, `{"environmentId":%q,"cohortId":"crash","cohortName":"Crash","listData":{"add":[`, environmentID)
	for i, key := range keys {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"id":%q}`, key)
	}
	body.WriteString(`],"remove":[]}}`)
	req, err := http.NewRequest(http.MethodPost, url+"/api/v2/segment-targets/rudderstack", &body)
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", adminToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil && resp.StatusCode == http.StatusNoContent
}

// absent returns the keys that the ref does not include, as a server-side SDK would read it.
func (s *server) absent(t *testing.T, ref string, keys []string) []string {
	t.Helper()
	conn, err := redis.Dial("tcp", s.resp, redis.DialPassword(sdkKey))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var missing []string
	for batch := range slices.Chunk(keys, 500) {
		for _, key := range batch {
			hash := sha256.Sum256([]byte(key))
			if err := conn.Send("SMEMBERS", "launchdarkly:big_segment_include:"+base64.StdEncoding.EncodeToString(hash[:])); err != nil {
				t.Fatal(err)
			}
		}
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
		for _, key := range batch {
			refs, err := redis.Strings(conn.Receive())
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(refs, ref) {
				missing = append(missing, key)
			}
		}
	}
	return missing
}
