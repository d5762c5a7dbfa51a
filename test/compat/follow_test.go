package compat

import (
	"fmt"
	"net/http"
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
	"github.com/launchdarkly/go-server-sdk/v7/subsystems"
)

const contextKey = "casey / zoë+1@example.org"

// tool is one of the ten tools as it would speak to us: what it posts to add or remove one member.
type tool struct {
	integration string
	cohort      string
	body        func(member string, add bool) string
}

func (t tool) flag() string    { return "by-" + t.integration }
func (t tool) segment() string { return t.integration + "-" + t.cohort }

// boolean renders shape A, arrays shape B, action shape C.
func boolean(env, batch, id, cohortID, cohortName, cohort string) func(string, bool) string {
	return func(member string, add bool) string {
		return fmt.Sprintf(`{%q:%q,%q:[{%q:%q,%q:%q,%q:"Cohort %s","value":%t}]}`, env, environmentID, batch, id, member, cohortID, cohort, cohortName, cohort, add)
	}
}

func arrays(list, cohort string) func(string, bool) string {
	return func(member string, add bool) string {
		joined, left := fmt.Sprintf(`{"id":%q}`, member), ""
		if !add {
			joined, left = left, joined
		}
		return fmt.Sprintf(`{"environmentId":%q,"cohortId":%q,"cohortName":"Cohort","contextKind":"user",%q:{"add":[%s],"remove":[%s]}}`, environmentID, cohort, list, joined, left)
	}
}

func action(add, remove, prefix, member, cohort string) func(string, bool) string {
	return func(key string, in bool) string {
		verb := remove
		if in {
			verb = add
		}
		return fmt.Sprintf(`{"action":%q,"parameters":{"%s_project_id":%q,"%s_cohort_id":%q,"%s_cohort_name":"Cohort","members":[{%q:%q}]}}`,
			verb, prefix, environmentID, prefix, cohort, prefix, member, key)
	}
}

var tools = []tool{
	{"amplitude", "q7x2m9ka", boolean("environmentId", "batch", "userId", "cohortId", "cohortName", "q7x2m9ka")},
	{"segment-audiences", "aud_1", boolean("environmentId", "batch", "userId", "cohortId", "cohortName", "aud_1")},
	{"census-synced-segments", "churn", boolean("environment_id", "batch", "user_id", "cohort_id", "cohort_name", "churn")},
	{"rudderstack", "trial", arrays("listData", "trial")},
	{"fulcrum", "owls", arrays("included", "owls")},
	{"sumatra-synced-segments", "risk", arrays("included", "risk")},
	{"heap-inbound", "1338912", func(member string, add bool) string {
		list := "add"
		if !add {
			list = "remove"
		}
		return fmt.Sprintf(`{"parameters":{"environment_id":%q},"heap":{"data":{"segment":{"id":1338912,"name":"Saw pricing"},%q:[{"id":%q}]}}}`, environmentID, list, member)
	}},
	{"hightouch", "vips", func(member string, add bool) string {
		verb := "add"
		if !add {
			verb = "remove"
		}
		return fmt.Sprintf(`{"environmentId":%q,"cohortId":"vips","cohortName":"VIPs","action":%q,"members":[{"integration_distinct_id":%q}]}`, environmentID, verb, member)
	}},
	{"zeotap", "zc-1", action("add_members", "remove_members", "integration", "integration_distinct_id", "zc-1")},
	{"tealium-synced-segments", "t-1", action("add_member", "remove_member", "tealium", "member_id", "t-1")},
}

func TestEveryToolFlipsAFlagInEveryClient(t *testing.T) {
	s := start(t)
	flags := make([]string, 0, len(tools))
	for _, tool := range tools {
		flags = append(flags, tool.flag())
		s.targetSegment(t, tool.flag(), tool.segment())
	}
	user := userContext(contextKey)
	clients := []*watcher{
		watchGo(t, s, flags, "go-server-sdk", nil, user),
		watchGo(t, s, flags, "go-server-sdk, second protocol", secondProtocol(s).Default(), user),
		watchGo(t, s, flags, "go-server-sdk, second protocol, no poll first", secondProtocol(s).Streaming(), user),
		drive(t, s, "node-server.js", flags),
		drive(t, s, "node-server.js", flags, "SECOND_PROTOCOL=1"),
		drive(t, s, "node-client.js", flags),
		browse(t, s, "page.html", flags),
		browse(t, s, "classic.html", flags),
		browse(t, s, "classic.html", flags, "COMPAT_REPORT=1"),
		browse(t, s, "react.html", flags),
	}
	for _, c := range clients {
		for _, flag := range flags {
			// No segment exists yet, so there is no membership to ask for.
			c.expect(t, seen{Flag: flag, Kind: "FALLTHROUGH"})
		}
	}
	for _, tool := range tools {
		t.Run(tool.integration, func(t *testing.T) {
			s.push(t, tool, true)
			for _, c := range clients {
				c.expect(t, seen{Flag: tool.flag(), Value: true, Kind: "RULE_MATCH", Status: "HEALTHY"})
			}
			s.push(t, tool, false)
			for _, c := range clients {
				c.expect(t, seen{Flag: tool.flag(), Value: false, Kind: "FALLTHROUGH", Status: "HEALTHY"})
			}
		})
	}
	t.Run("a change of a rule streams", func(t *testing.T) {
		flag := tools[0].flag()
		s.must(t, http.StatusOK, http.MethodPatch, "/api/v2/flags/default/"+flag,
			`[{"op":"replace","path":"/environments/production/rules/0/clauses/0/negate","value":true}]`)
		for _, c := range clients {
			c.expect(t, seen{Flag: flag, Value: true, Kind: "RULE_MATCH", Status: "HEALTHY"})
		}
	})
	t.Run("a killed server comes back with every member", func(t *testing.T) {
		s.push(t, tools[3], true)
		for _, c := range clients {
			c.expect(t, seen{Flag: tools[3].flag(), Value: true, Kind: "RULE_MATCH", Status: "HEALTHY"})
		}
		s.kill(t)
		s.run(t)
		s.push(t, tools[4], true)
		for _, c := range clients {
			c.expect(t, seen{Flag: tools[4].flag(), Value: true, Kind: "RULE_MATCH", Status: "HEALTHY"})
			c.expect(t, seen{Flag: tools[3].flag(), Value: true, Kind: "RULE_MATCH", Status: "HEALTHY"})
		}
	})
}

// targetSegment makes a flag that is true for members of the segment, on in production.
func (s *server) targetSegment(t *testing.T, flag, segmentKey string) {
	t.Helper()
	s.must(t, http.StatusCreated, http.MethodPost, "/api/v2/flags/default", flagJSON(flag, segmentKey))
	s.must(t, http.StatusOK, http.MethodPatch, "/api/v2/flags/default/"+flag, fmt.Sprintf(`[
		{"op":"replace","path":"/environments/production/on","value":true},
		{"op":"replace","path":"/environments/production/fallthrough","value":{"variation":1}},
		{"op":"add","path":"/environments/production/rules/0","value":{"variation":0,"clauses":[{"attribute":"","op":"segmentMatch","values":[%q]}]}}
	]`, segmentKey))
}

func (s *server) push(t *testing.T, tool tool, add bool) {
	t.Helper()
	s.pushMember(t, tool, contextKey, add)
}

func (s *server) pushMember(t *testing.T, tool tool, member string, add bool) {
	t.Helper()
	status, answer := s.call(t, http.MethodPost, "/api/v2/segment-targets/"+tool.integration, "application/json", tool.body(member, add))
	want := http.StatusNoContent
	if tool.integration == "heap-inbound" { // the one tool here that reads an answer
		want = http.StatusOK
	}
	if status != want {
		t.Fatalf("push by %s: status %d, want %d: %s", tool.integration, status, want, answer)
	}
}

func secondProtocol(s *server) *ldcomponents.DataSystemModes {
	return ldcomponents.DataSystem().WithEndpoints(ldcomponents.Endpoints{Streaming: s.url, Polling: s.url})
}

// watchGo runs the Go server-side SDK with the redigo Big Segment store on muster's RESP port. It gets
// its flags through a data system, or by the first protocol without one.
func watchGo(t *testing.T, s *server, flags []string, name string, data *ldcomponents.DataSystemConfigurationBuilder, as ldcontext.Context) *watcher {
	t.Helper()
	config := bigSegmentsFrom(s, ldredis.BigSegmentStore().URL("redis://"+s.resp).DialOptions(redis.DialPassword(sdkKey)))
	if data != nil {
		config.DataSystem = data
	}
	return watchGoWith(t, flags, name, config, as)
}

// bigSegmentsFrom is a configuration of the Go SDK whose big segments are in a store.
func bigSegmentsFrom(s *server, store *ldredis.StoreBuilder[subsystems.BigSegmentStore]) ld.Config {
	return ld.Config{
		ServiceEndpoints: interfaces.ServiceEndpoints{Streaming: s.url, Polling: s.url, Events: s.url},
		BigSegments:      ldcomponents.BigSegments(store).ContextCacheTime(time.Millisecond).StatusPollInterval(200 * time.Millisecond),
		Logging:          ldcomponents.Logging().MinLevel(ldlog.Error),
	}
}

// watchGoWith runs the Go server-side SDK.
func watchGoWith(t *testing.T, flags []string, name string, config ld.Config, as ldcontext.Context) *watcher {
	t.Helper()
	w := newWatcher(name)
	client, err := ld.MakeCustomClient(sdkKey, config, patience)
	if err != nil {
		t.Fatalf("Go SDK: %v", err)
	}
	end := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			for _, flag := range flags {
				value, detail, _ := client.BoolVariationDetail(flag, as, false)
				w.report(seen{Flag: flag, Value: value, Kind: string(detail.Reason.GetKind()), Status: string(detail.Reason.GetBigSegmentsStatus())})
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
			t.Errorf("close the Go SDK: %v", err)
		}
	})
	return w
}
