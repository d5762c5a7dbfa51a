package compat

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"
	ldredis "github.com/launchdarkly/go-server-sdk-redis-redigo/v3"
	"github.com/launchdarkly/go-server-sdk/v7/ldcomponents"
)

// startRedis starts a redis-server on loopback with further settings that ends with the test, and returns its port.
func startRedis(t *testing.T, settings ...string) string {
	t.Helper()
	port := redisPort(t)
	settings = append([]string{"--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "", "--appendonly", "no"}, settings...)
	process := exec.Command("redis-server", settings...)
	if err := process.Start(); err != nil {
		t.Fatalf("redis-server, which test/setup.sh installs: %v", err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait() // it was killed
	})
	eventually(t, "redis-server is ready", func() bool {
		c, err := redis.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			return false
		}
		defer c.Close()
		_, err = c.Do("PING")
		return err == nil
	})
	return port
}

// redisPort returns a port for a redis-server. One of a cluster needs a second, 10,000 above.
func redisPort(t *testing.T) string {
	t.Helper()
	_, text, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	if port > 55_000 {
		port -= 20_000
	}
	return strconv.Itoa(port)
}

// sinkState is what muster says of a persistent store.
type sinkState struct {
	State        string
	Complete     bool
	Revision     uint64
	LagRevisions uint64
	Walk         *struct{ Members, Of int64 }
	Verification *struct {
		Ended, Checked, Missing, Extra int64
		Error                          string
	}
}

// addSink makes muster keep a Redis current and returns the path of the integration.
func (s *server) addSink(t *testing.T, config string) string {
	t.Helper()
	status, text := s.callBeta(t, http.MethodPost, "/api/v2"+sinks+"/default/production/redis", `{"name":"Redis","on":true,"config":`+config+`}`)
	var made struct {
		ID string `json:"_id"`
	}
	if err := json.Unmarshal(text, &made); err != nil || status != http.StatusCreated {
		t.Fatalf("create an integration: %d %s", status, text)
	}
	return "/api/v2" + sinks + "/default/production/redis/" + made.ID
}

func (s *server) callBeta(t *testing.T, method, path, body string) (int, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", adminToken)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("LD-API-Version", "beta")
	return answerTo(t, request)
}

func (s *server) sinkState(t *testing.T, path string) (st sinkState) {
	t.Helper()
	if err := json.Unmarshal(s.must(t, http.StatusOK, http.MethodGet, path+"/status", ""), &st); err != nil {
		t.Fatal(err)
	}
	return st
}

// verified compares the whole store with the truth.
func (s *server) verified(t *testing.T, path string) {
	t.Helper()
	s.must(t, http.StatusAccepted, http.MethodPost, path+"/verify", `{"full":true}`)
	var st sinkState
	eventually(t, "the store is compared with the truth", func() bool {
		st = s.sinkState(t, path)
		return st.Verification != nil && st.Verification.Ended > 0
	})
	if v := st.Verification; v.Missing != 0 || v.Extra != 0 || v.Error != "" {
		t.Errorf("store and truth: %+v", *v)
	}
}

func TestSDKsReadTheStoreThatASinkKeeps(t *testing.T) {
	s, port := start(t), startRedis(t)
	var flags []string
	for _, tool := range tools[:3] {
		flags = append(flags, tool.flag())
		s.targetSegment(t, tool.flag(), tool.segment())
	}
	path := s.addSink(t, fmt.Sprintf(`{"host":"127.0.0.1","port":%q,"daemonMode":true}`, port))
	s.push(t, tools[0], true)
	eventually(t, "the store is current", func() bool { return s.sinkState(t, path).State == "current" })
	url := "redis://127.0.0.1:" + port
	daemon := bigSegmentsFrom(s, ldredis.BigSegmentStore().URL(url).Prefix(environmentID))
	daemon.DataStore = ldcomponents.PersistentDataStore(ldredis.DataStore().URL(url).Prefix(environmentID)).NoCaching()
	daemon.DataSource = ldcomponents.ExternalUpdatesOnly()
	clients := []*watcher{
		watchGoWith(t, flags, "go-server-sdk", bigSegmentsFrom(s, ldredis.BigSegmentStore().URL(url).Prefix(environmentID)), userContext(contextKey)),
		watchGoWith(t, flags, "go-server-sdk in daemon mode", daemon, userContext(contextKey)),
		drive(t, s, "node-server.js", flags, "REDIS_PORT="+port, "REDIS_PREFIX="+environmentID),
	}
	expect := func(tool tool, in bool) {
		t.Helper()
		want := seen{Flag: tool.flag(), Value: in, Kind: "FALLTHROUGH", Status: "HEALTHY"}
		if in {
			want.Kind = "RULE_MATCH"
		}
		for _, c := range clients {
			c.expect(t, want)
		}
	}
	expect(tools[0], true)
	for _, tool := range tools[:3] {
		s.push(t, tool, true)
		expect(tool, true)
		s.push(t, tool, false)
		expect(tool, false)
	}
	s.verified(t, path)

	// A store that is emptied is filled again; nobody needs to be told.
	s.push(t, tools[1], true)
	expect(tools[1], true)
	c, err := redis.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Do("FLUSHALL"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the store has its data again", func() bool {
		n, err := redis.Int(c.Do("EXISTS", environmentID+":big_segments_synchronized_on"))
		return err == nil && n == 1
	})
	s.push(t, tools[2], true)
	expect(tools[2], true)
	eventually(t, "the store is current", func() bool { return s.sinkState(t, path).State == "current" })
	s.verified(t, path)

	// What LaunchDarkly's clients are told.
	status, text := s.callBeta(t, http.MethodGet, path, "")
	var told struct {
		Status struct {
			Available, PotentiallyStale bool
			LastSync                    int64
			Errors                      []struct{ Message string }
		} `json:"_status"`
	}
	if err := json.Unmarshal(text, &told); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	if st := told.Status; !st.Available || st.PotentiallyStale || st.LastSync == 0 || len(st.Errors) != 0 {
		t.Errorf("the status is %s", text)
	}
	if followers := s.must(t, http.StatusOK, http.MethodGet, "/api/v2/projects/default/environments/production/followers", ""); !strings.Contains(string(followers), `"kind":"sink"`) {
		t.Errorf("the followers are %s", followers)
	}
	if status, text := s.call(t, http.MethodGet, "/metrics", "", ""); status != http.StatusOK || !strings.Contains(string(text), "muster_sink_up{") {
		t.Error("/metrics says nothing of sinks")
	}
}

func TestKilledWhileAStoreIsFilled(t *testing.T) {
	s, port := start(t), startRedis(t)
	const members = 300_000
	s.must(t, http.StatusCreated, http.MethodPost, "/api/v2/segments/default/production", `{"key":"crowd","name":"Crowd","unbounded":true,"unboundedContextKind":"user"}`)
	var list strings.Builder
	for i := range members {
		fmt.Fprintf(&list, "member-%d\n", i)
	}
	if status, text := s.call(t, http.MethodPost, "/api/v2/segments/default/production/crowd/imports?mode=replace", "text/csv", list.String()); status != http.StatusNoContent {
		t.Fatalf("import: %d %s", status, text)
	}
	eventually(t, "the list is visible", func() bool {
		return strings.Contains(string(s.must(t, http.StatusOK, http.MethodGet, "/api/v2/segments/default/production/crowd", "")), fmt.Sprintf(`"includedCount":%d`, members))
	})
	path := s.addSink(t, fmt.Sprintf(`{"host":"127.0.0.1","port":%q,"membersPerSecond":60000}`, port))
	for range 3 {
		eventually(t, "the store is being filled", func() bool {
			st := s.sinkState(t, path)
			return st.State == "walking" && st.Walk != nil && st.Walk.Members > 10_000
		})
		s.kill(t)
		s.run(t)
		s.push(t, tools[0], true)
	}
	eventually(t, "the store is current", func() bool { st := s.sinkState(t, path); return st.State == "current" && st.Complete })
	s.verified(t, path)
}
