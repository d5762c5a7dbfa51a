package compat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	ldapi "github.com/launchdarkly/api-client-go/v17"
	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldlog"
	ld "github.com/launchdarkly/go-server-sdk/v7"
	"github.com/launchdarkly/go-server-sdk/v7/interfaces"
	"github.com/launchdarkly/go-server-sdk/v7/ldcomponents"
)

// evaluations returns how often a flag was served, by the key of the series.
func (s *server) evaluations(t *testing.T, flag string) map[string]int64 {
	t.Helper()
	config := ldapi.NewConfiguration()
	config.Servers = ldapi.ServerConfigurations{{URL: s.url}}
	config.AddDefaultHeader("Authorization", adminToken)
	config.AddDefaultHeader("LD-API-Version", "beta")
	series, _, err := ldapi.NewAPIClient(config).AccountUsageBetaApi.GetEvaluationsUsage(t.Context(), "default", "production", flag).Execute()
	totals := map[string]int64{}
	if err == nil { // nothing was counted yet
		if len(series.Series) != 0 || len(series.Metadata) != 2 {
			t.Fatalf("series %+v", series)
		}
		return totals
	}
	// The client wants the time of a point, which is in milliseconds, in 32 bits: it can't even take the
	// example of its own specification. So the body is read that it hands out with its error.
	var body *ldapi.GenericOpenAPIError
	if !errors.As(err, &body) || !strings.Contains(err.Error(), "int32") {
		t.Fatal(err)
	}
	var got struct {
		Series []map[string]int64 `json:"series"`
	}
	if err := json.Unmarshal(body.Body(), &got); err != nil {
		t.Fatal(err)
	}
	for _, point := range got.Series {
		for key, n := range point {
			if key != "time" {
				totals[key] += n
			}
		}
	}
	return totals
}

// counts waits until a flag was served so often; more would be wrong at once.
func (s *server) counts(t *testing.T, flag string, first, second int64) {
	t.Helper()
	var got map[string]int64
	eventually(t, fmt.Sprintf("%s was served %d and %d times", flag, first, second), func() bool {
		got = s.evaluations(t, flag)
		if got["0"] > first || got["1"] > second || got["2"] > 0 {
			t.Fatalf("%s was served %v times, want %d and %d", flag, got, first, second)
		}
		return got["0"] == first && got["1"] == second
	})
}

func TestSDKsCountEvaluations(t *testing.T) {
	s := start(t)
	for _, flag := range []string{"by-go", "by-node"} {
		s.must(t, http.StatusCreated, http.MethodPost, "/api/v2/flags/default", flagJSON(flag, "nobody"))
		s.must(t, http.StatusOK, http.MethodPatch, "/api/v2/flags/default/"+flag, `[
			{"op":"replace","path":"/environments/production/on","value":true},
			{"op":"replace","path":"/environments/production/fallthrough","value":{"variation":1}},
			{"op":"add","path":"/environments/production/targets/-","value":{"variation":0,"values":["ann"]}}]`)
		s.counts(t, flag, 0, 0)
	}
	evaluateWithGo(t, s, "by-go", 30, 12)
	s.counts(t, "by-go", 30, 12)
	node := drive(t, s, "count.js", []string{"by-node"}, "COMPAT_ANN=7", "COMPAT_BOB=5")
	node.expect(t, seen{Flag: "by-node", Value: true, Kind: "flushed"})
	s.counts(t, "by-node", 7, 5)
	s.counts(t, "by-go", 30, 12)

	// What every SDK does when it does not see the answer: it sends the same again.
	const body = `[{"kind":"summary","startDate":1,"endDate":2,"features":{"by-go":{"default":false,"contextKinds":["user"],"counters":[{"variation":0,"version":2,"value":true,"count":100}]}}}]`
	for range 2 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/bulk", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", sdkKey)
		req.Header.Set("X-LaunchDarkly-Event-Schema", "4")
		req.Header.Set("X-LaunchDarkly-Payload-ID", "3b0f6a52-5d0e-4a5c-8a0b-6f2c9d7e1f00")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusAccepted {
			t.Fatal(resp.Status)
		}
	}
	s.counts(t, "by-go", 130, 12)

	status := s.must(t, http.StatusOK, http.MethodGet, "/api/v2/flag-statuses/default/production/by-go", "")
	if !strings.Contains(string(status), `"name":"active","lastRequested":"`) || !strings.Contains(string(status), `"default":false`) {
		t.Errorf("status %s", status)
	}
	sdks := s.must(t, http.StatusOK, http.MethodGet, "/api/v2/projects/default/environments/production/sdks", "")
	for _, want := range []string{`"name":"GoClient","version":"` + ld.Version + `"`, `"name":"NodeJSClient"`} {
		if !strings.Contains(string(sdks), want) {
			t.Errorf("the SDKs are %s, want %s among them", sdks, want)
		}
	}
	s.metric(t, "muster_reported_evaluations_total", 154)

	s.stop(t)
	s.run(t)
	s.counts(t, "by-go", 130, 12)
	s.counts(t, "by-node", 7, 5)
}

// evaluateWithGo evaluates a flag for ann, who is targeted, and for somebody else.
func evaluateWithGo(t *testing.T, s *server, flag string, ann, bob int) {
	t.Helper()
	client, err := ld.MakeCustomClient(sdkKey, ld.Config{
		ServiceEndpoints: interfaces.ServiceEndpoints{Streaming: s.url, Polling: s.url, Events: s.url},
		Logging:          ldcomponents.Logging().MinLevel(ldlog.Error),
	}, patience)
	if err != nil {
		t.Fatal(err)
	}
	for key, times := range map[string]int{"ann": ann, "bob": bob} {
		for range times {
			if got, _ := client.BoolVariation(flag, ldcontext.New(key), false); got != (key == "ann") {
				t.Fatalf("%s got %t", key, got)
			}
		}
	}
	if !client.FlushAndWait(patience) {
		t.Error("the Go SDK did not flush")
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
}

// metric checks a metric of the environment that every test server starts with.
func (s *server) metric(t *testing.T, name string, want float64) {
	t.Helper()
	resp, err := http.Get(s.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+`{environment="production",environment_id="`+environmentID+`",project="default"} `); ok {
			if got, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err != nil || got != want {
				t.Errorf("%s is %s, want %v", name, value, want)
			}
			return
		}
	}
	t.Errorf("no metric %s", name)
}
