package admin_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
)

const imported = `{"flags":{
 "beta":{"key":"beta","version":40,"on":true,"salt":"s1","variations":["x","y"],"offVariation":1,"fallthrough":{"variation":0},
  "prerequisites":[{"key":"checkout","variation":0}],
  "targets":[{"variation":0,"values":["u1"]}],"contextTargets":[{"contextKind":"user","variation":0,"values":[]},{"contextKind":"org","variation":1,"values":["acme"]}],
  "rules":[{"id":"r1","variation":1,"trackEvents":false,"clauses":[{"contextKind":"user","attribute":"","op":"segmentMatch","values":["gold"],"negate":false}]}],
  "clientSideAvailability":{"usingMobileKey":true,"usingEnvironmentId":true},"migration":{"checkRatio":2},"samplingRatio":3,"excludeFromSummaries":true},
 "checkout":{"key":"checkout","version":1,"on":true,"salt":"s2","variations":[true,false],"fallthrough":{"variation":1},"offVariation":null}},
"segments":{
 "gold":{"key":"gold","version":7,"salt":"s3","included":["u1"],"excluded":[],"rules":[{"id":"sr","clauses":[{"contextKind":"user","attribute":"email","op":"endsWith","values":["@x.test"],"negate":false}],"weight":50000,"bucketBy":"key","rolloutContextKind":"user"}]},
 "huge":{"key":"huge","version":2,"salt":"s4","unbounded":true,"unboundedContextKind":"org","generation":5}}}`

func sdkData(t testing.TB, h house, env catalog.EnvKey) map[string]map[string]map[string]any {
	t.Helper()
	data, err := h.SDKData(t.Context(), root, "web", env)
	must(t, err)
	var all map[string]map[string]map[string]any
	must(t, json.Unmarshal(data, &all))
	return all
}

func TestImportedSDKDataComesOutAsItWentIn(t *testing.T) {
	h := furnished(t)
	untouched := sdkData(t, h, "production")["flags"]["payments"]
	must(t, h.PutSDKData(t.Context(), root, "web", "test", []byte(imported)))
	got := sdkData(t, h, "test")
	var want map[string]map[string]map[string]any
	must(t, json.Unmarshal([]byte(imported), &want))
	for kind, objects := range want {
		for key, object := range objects {
			for field, value := range object {
				if field == "version" {
					continue
				}
				if diff := cmp.Diff(value, got[kind][key][field]); diff != "" && (field != "included" || value != nil) {
					t.Errorf("%s %s %s: %s", kind, key, field, diff)
				}
			}
		}
	}
	for key, version := range map[string]float64{"beta": 40, "checkout": 2} {
		if v := got["flags"][key]["version"]; v != version {
			t.Errorf("flag %s has version %v, want %v", key, v, version)
		}
	}
	if s, _ := h.Segment(t.Context(), root, "web", "test", "huge"); s.Generation != 5 || s.Version != 2 || s.Name != "huge" {
		t.Errorf("huge: %+v", s)
	}
	if diff := cmp.Diff(untouched, sdkData(t, h, "production")["flags"]["payments"]); diff != "" {
		t.Errorf("another flag in another environment changed: %s", diff)
	}
	if f, _ := h.Flag(t.Context(), root, "web", "beta"); f.Environments["production"].On || f.Name != "beta" {
		t.Errorf("beta in production: %+v", f.Environments["production"])
	}
	before := h.dump(t)
	must(t, h.PutSDKData(t.Context(), root, "web", "test", []byte(imported)))
	if h.dump(t) != before {
		t.Errorf("the same import again changed something: %s", cmp.Diff(before, h.dump(t)))
	}
}

func TestSDKDataIsForAdministrators(t *testing.T) {
	h := furnished(t)
	_, err := h.SDKData(t.Context(), viewer, "web", "test")
	wantKind(t, err, fault.Forbidden)
	wantKind(t, h.PutSDKData(t.Context(), viewer, "web", "test", []byte(imported)), fault.Forbidden)
	wantKind(t, h.PutSDKData(t.Context(), may(), "web", "test", []byte(imported)), fault.NotFound)
}

func TestAnImportIsAllOrNothing(t *testing.T) {
	h := furnished(t)
	before := h.dump(t)
	const good = `"a":{"key":"a","variations":[true],"fallthrough":{"variation":0}}`
	tests := map[string]string{
		"no object":                  `[]`,
		"nothing":                    ``,
		"a key that differs":         `{"flags":{` + good + `,"b":{"key":"c","variations":[true],"fallthrough":{"variation":0}}}}`,
		"a flag that serves nothing": `{"flags":{` + good + `,"b":{"key":"b","variations":[true]}}}`,
		"a prerequisite of none":     `{"flags":{` + good + `,"b":{"key":"b","variations":[true],"fallthrough":{"variation":0},"prerequisites":[{"key":"zzz","variation":0}]}}}`,
		"a circle of segments":       `{"segments":{"s":{"key":"s","rules":[{"id":"r","clauses":[{"op":"segmentMatch","values":["s"]}]}]}}}`,
		"a segment made unbounded":   `{"flags":{` + good + `},"segments":{"vip":{"key":"vip","unbounded":true}}}`,
		"a tombstone":                `{"flags":{` + good + `,"b":{"key":"b","deleted":true}}}`,
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			err := h.PutSDKData(t.Context(), root, "web", "test", []byte(data))
			if k := fault.KindOf(err); k != fault.Invalid && k != fault.Conflict {
				t.Errorf("got %v", err)
			}
			if h.dump(t) != before {
				t.Error("something was kept")
			}
		})
	}
}

func TestAnImportKeepsWhatPeopleWrote(t *testing.T) {
	h := furnished(t)
	_, err := h.changeFlag(t, "checkout", func(f *catalog.Flag) {
		f.Name, f.Tags, f.Variations[0].Name = "Checkout page", []string{"shop"}, "New page"
	})
	must(t, err)
	_, err = h.ChangeSegment(t.Context(), root, "web", "test", "vip", admin.Change{}, func(s *catalog.Segment) error { s.Description = "d"; return nil })
	must(t, err)
	must(t, h.PutSDKData(t.Context(), root, "web", "test", []byte(`{"flags":{"checkout":{"key":"checkout","on":true,"variations":[true,false],"fallthrough":{"variation":0},"offVariation":1}},"segments":{"vip":{"key":"vip","included":["u7"]}}}`)))
	f, err := h.Flag(t.Context(), root, "web", "checkout")
	must(t, err)
	if f.Name != "Checkout page" || len(f.Tags) != 1 || f.Variations[0].Name != "New page" || !f.Environments["test"].On || f.Environments["test"].Salt == "" {
		t.Errorf("got %+v", f)
	}
	s, err := h.Segment(t.Context(), root, "web", "test", "vip")
	must(t, err)
	if s.Description != "d" || s.Name != "VIP" || len(s.Included) != 1 || s.Salt == "" {
		t.Errorf("got %+v", s)
	}
}
