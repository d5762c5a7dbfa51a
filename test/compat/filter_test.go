package compat

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldlog"
	ld "github.com/launchdarkly/go-server-sdk/v7"
	"github.com/launchdarkly/go-server-sdk/v7/interfaces"
	"github.com/launchdarkly/go-server-sdk/v7/ldcomponents"
)

const filtersPath = "/projects/default/payload-filters"

// filterRule is a rule as ld-relay's integration tests write it.
func filterRule(action, property, regex string) string {
	return fmt.Sprintf(`{"action":%q,"condition":{"kind":"string-match","property":%q,"regex":%q}}`, action, property, regex)
}

// driveFilters does what ld-relay's integration tests do by an older client; that of today has no filters.
func driveFilters(t *testing.T, r *rest) {
	const at = filtersPath
	r.raw(t, 201, "POST", at, `{"key":"even","name":"Even flags","description":"Test filter","rules":[`+filterRule("include", "flag-key", "flag[0246].*")+`]}`)
	r.raw(t, 201, "POST", at, `{"key":"all","name":"All","description":"Test filter"}`)
	if list := r.raw(t, 200, "GET", at, ""); list["totalCount"] != float64(2) {
		t.Errorf("the list is %v", list)
	}
	if one := r.raw(t, 200, "PATCH", at+"/even", `[{"op":"replace","path":"/name","value":"Even"}]`); one["name"] != "Even" {
		t.Errorf("changed to %v", one)
	}
	if one := r.raw(t, 200, "GET", at+"/even", ""); one["key"] != "even" {
		t.Errorf("got %v", one)
	}
	r.raw(t, 204, "DELETE", at+"/even", "")
	r.raw(t, 204, "DELETE", at+"/all", "")
}

// TestSDKsNameAPayloadFilter has the Go SDK ask for a part of the flags, in every way it can.
func TestSDKsNameAPayloadFilter(t *testing.T) {
	s := start(t)
	flag := func(key, change string) {
		s.must(t, http.StatusCreated, http.MethodPost, "/api/v2/flags/default", fmt.Sprintf(`{"key":%q,"name":%q}`, key, key))
		s.must(t, http.StatusOK, http.MethodPatch, "/api/v2/flags/default/"+key, `[{"op":"replace","path":"/environments/production/on","value":true},
			{"op":"replace","path":"/environments/production/fallthrough","value":{"variation":0}}`+change+`]`)
	}
	flag("flag1", "")
	flag("flag2", `,{"op":"add","path":"/environments/production/prerequisites/-","value":{"key":"flag1","variation":0}}`)
	flag("flag3", "")
	s.must(t, http.StatusCreated, http.MethodPost, "/api/v2"+filtersPath, `{"key":"even","rules":[`+filterRule("include", "flag-key", "flag[0246].*")+`]}`)
	s.must(t, http.StatusCreated, http.MethodPost, "/api/v2"+filtersPath, `{"key":"tagged","rules":[`+filterRule("include", "flag-tag", "web")+`]}`)

	endpoints := interfaces.ServiceEndpoints{Streaming: s.url, Polling: s.url, Events: s.url}
	ways := map[string]func(filter string) ld.Config{
		"stream": func(filter string) ld.Config {
			return ld.Config{DataSource: ldcomponents.StreamingDataSource().PayloadFilter(filter)}
		},
		"polling": func(filter string) ld.Config {
			return ld.Config{DataSource: ldcomponents.PollingDataSource().PayloadFilter(filter)}
		},
	}
	clients := map[string]*ld.LDClient{}
	for _, filter := range []string{"even", "tagged"} {
		for name, way := range ways {
			config := way(filter)
			config.ServiceEndpoints, config.Logging = endpoints, ldcomponents.Logging().MinLevel(ldlog.Error)
			client, err := ld.MakeCustomClient(sdkKey, config, patience)
			if err != nil {
				t.Fatalf("%s of %s: %v", name, filter, err)
			}
			t.Cleanup(func() { _ = client.Close() })
			clients[name+" "+filter] = client
		}
	}
	has := func(client *ld.LDClient, keys ...string) bool {
		values := client.AllFlagsState(ldcontext.New("u1")).ToValuesMap()
		for _, key := range []string{"flag1", "flag2", "flag3"} {
			if v, there := values[key]; there != slices.Contains(keys, key) || there && !v.BoolValue() {
				return false
			}
		}
		return true
	}
	for name, client := range clients {
		want := []string{"flag1", "flag2"} // flag2 needs flag1
		if strings.HasSuffix(name, "tagged") {
			want = nil
		}
		if !has(client, want...) {
			t.Errorf("%s has %v, want %q", name, client.AllFlagsState(ldcontext.New("u1")).ToValuesMap(), want)
		}
	}
	s.must(t, http.StatusOK, http.MethodPatch, "/api/v2/flags/default/flag3", `[{"op":"add","path":"/tags/-","value":"web"}]`)
	eventually(t, "a stream of the filter has the flag that was tagged", func() bool { return has(clients["stream tagged"], "flag3") })
	s.must(t, http.StatusOK, http.MethodPatch, "/api/v2/flags/default/flag2", `[{"op":"remove","path":"/environments/production/prerequisites/0"}]`)
	eventually(t, "a stream of the filter has no flag that nothing needs", func() bool { return has(clients["stream even"], "flag2") })

	config := ways["stream"]("nope")
	config.ServiceEndpoints, config.Logging = endpoints, ldcomponents.Logging().MinLevel(ldlog.None)
	client, err := ld.MakeCustomClient(sdkKey, config, patience)
	if err == nil {
		t.Error("the SDK began with a filter that there is not")
	}
	_ = client.Close()
}
