package compat

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldlog"
	ldredis "github.com/launchdarkly/go-server-sdk-redis-redigo/v3"
	ld "github.com/launchdarkly/go-server-sdk/v7"
	"github.com/launchdarkly/go-server-sdk/v7/interfaces"
	"github.com/launchdarkly/go-server-sdk/v7/ldcomponents"
)

// TestAListBecomesBigUnderTheEyesOfSDKs lets two lists grow beyond what a definition holds, one by an
// upload and one by a patch, while SDKs evaluate all the time: who is in before and after is in at
// every moment. The SDKs ask a big segment about the same context meanwhile, so they hold memberships
// from before.
func TestAListBecomesBigUnderTheEyesOfSDKs(t *testing.T) {
	const segments = "/api/v2/segments/default/production"
	s := start(t, "MUSTER_SDK_CACHE=2s")
	keys := []string{contextKey}
	for len(keys) < 14_999 {
		keys = append(keys, fmt.Sprintf("user-%d", len(keys)))
	}
	included, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"vips", "crew"} {
		s.must(t, http.StatusCreated, http.MethodPost, segments, fmt.Sprintf(`{"key":%q,"name":%q}`, key, key))
		s.must(t, http.StatusOK, http.MethodPatch, segments+"/"+key, `[{"op":"add","path":"/included","value":`+string(included)+`},{"op":"add","path":"/excluded","value":["mallory"]}]`)
		s.targetSegment(t, "for-"+key, key)
	}
	s.must(t, http.StatusCreated, http.MethodPost, segments, `{"key":"other","name":"Other","unbounded":true}`)
	s.must(t, http.StatusNoContent, http.MethodPost, segments+"/other/contexts", fmt.Sprintf(`{"included":{"add":[%q,"mallory"]}}`, contextKey))
	s.targetSegment(t, "for-other", "other")

	flags := []string{"for-vips", "for-crew", "for-other"}
	client := drive(t, s, "node-client.js", flags)
	for _, flag := range flags {
		client.expect(t, seen{Flag: flag, Value: true, Kind: "RULE_MATCH", Status: map[bool]string{true: "HEALTHY"}[flag == "for-other"]})
	}
	wrong := evaluateSteadily(t, s, flags)

	unbounded := func(key string) bool {
		var seg struct {
			Unbounded bool     `json:"unbounded"`
			Included  []string `json:"included"`
		}
		if err := json.Unmarshal(s.must(t, http.StatusOK, http.MethodGet, segments+"/"+key, ""), &seg); err != nil {
			t.Fatal(err)
		}
		return seg.Unbounded && len(seg.Included) == 0
	}
	status, answer := s.call(t, http.MethodPost, segments+"/vips/imports", "text/csv", "late-1\nlate-2\nuser-7\n")
	if status != http.StatusNoContent {
		t.Fatalf("import: %d %s", status, answer)
	}
	if !unbounded("vips") {
		t.Error("the upload was taken and the segment is not big")
	}
	s.must(t, http.StatusOK, http.MethodPatch, segments+"/crew", `[{"op":"add","path":"/included/-","value":"late-1"},{"op":"add","path":"/included/-","value":"late-2"}]`)
	eventually(t, "crew is a big segment", func() bool { return unbounded("crew") })
	for _, key := range []string{"vips", "crew"} {
		eventually(t, key+" holds everybody", func() bool {
			return strings.Contains(string(s.must(t, http.StatusOK, http.MethodGet, segments+"/"+key+"/members?limit=1", "")), `"totalCount":15001`)
		})
		client.expect(t, seen{Flag: "for-" + key, Value: true, Kind: "RULE_MATCH", Status: "HEALTHY"})
	}
	if n := wrong(); n > 0 {
		t.Errorf("%d evaluations of the server-side SDK were wrong", n)
	}
	client.mu.Lock()
	for _, r := range client.all {
		if !r.Value {
			t.Errorf("the client-side SDK reported %+v", r)
		}
	}
	client.mu.Unlock()

	s.must(t, http.StatusBadRequest, http.MethodPatch, segments+"/crew", `[{"op":"add","path":"/included/-","value":"late-3"}]`)
	s.must(t, http.StatusNoContent, http.MethodPost, segments+"/crew/contexts", fmt.Sprintf(`{"included":{"remove":[%q]}}`, contextKey))
	client.expect(t, seen{Flag: "for-crew", Kind: "FALLTHROUGH", Status: "HEALTHY"})
}

// evaluateSteadily runs the Go server-side SDK, which keeps memberships for a second, and evaluates
// flags that are true for one context, and but for the last of them false for another. It returns how
// to end that and to learn how many evaluations came out otherwise.
func evaluateSteadily(t *testing.T, s *server, flags []string) func() int {
	t.Helper()
	store := ldredis.BigSegmentStore().URL("redis://" + s.resp).DialOptions(redis.DialPassword(sdkKey))
	config := ld.Config{
		ServiceEndpoints: interfaces.ServiceEndpoints{Streaming: s.url, Polling: s.url, Events: s.url},
		BigSegments:      ldcomponents.BigSegments(store).ContextCacheTime(time.Second).StatusPollInterval(200 * time.Millisecond),
		Logging:          ldcomponents.Logging().MinLevel(ldlog.Error),
	}
	client, err := ld.MakeCustomClient(sdkKey, config, patience)
	if err != nil {
		t.Fatalf("Go SDK: %v", err)
	}
	end := make(chan struct{})
	var done sync.WaitGroup
	wrong, evaluated := 0, 0
	done.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			for i, flag := range flags {
				in, inDetail, _ := client.BoolVariationDetail(flag, ldcontext.New(contextKey), false)
				out, _ := client.BoolVariation(flag, ldcontext.New("mallory"), false)
				if evaluated++; !in || out != (i == len(flags)-1) {
					if wrong++; wrong == 1 {
						t.Errorf("%s: %t for the member, %s, %t for who is excluded", flag, in, inDetail.Reason, out)
					}
				}
			}
			select {
			case <-end:
				return
			case <-tick.C:
			}
		}
	})
	stop := sync.OnceFunc(func() {
		close(end)
		done.Wait()
		if err := client.Close(); err != nil {
			t.Errorf("close the Go SDK: %v", err)
		}
	})
	t.Cleanup(stop)
	return func() int {
		stop()
		if evaluated < 1000 {
			t.Errorf("only %d evaluations", evaluated)
		}
		return wrong
	}
}
