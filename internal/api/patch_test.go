package api

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
)

func patchFrom(t testing.TB, contentType, body string) (patch, error) {
	t.Helper()
	r := httptest.NewRequest("PATCH", "/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	return readPatch(httptest.NewRecorder(), r)
}

func TestPatchForms(t *testing.T) {
	const semantic = "application/json; domain-model=launchdarkly.semanticpatch"
	for name, tt := range map[string]struct{ contentType, body, comment, want string }{
		"a raw array":                     {"application/json", `[{"op":"replace","path":"/name","value":"b"}]`, "", `{"name":"b","tags":["x"]}`},
		"an envelope":                     {"application/json", `{"comment":"why","patch":[{"op":"replace","path":"/name","value":"b"}]}`, "why", `{"name":"b","tags":["x"]}`},
		"a raw array with the patch type": {"application/json-patch+json", `[]`, "", `{"name":"a","tags":["x"]}`},
		"a merge envelope":                {"application/json", `{"comment":"why","merge":{"name":"b","tags":null}}`, "why", `{"name":"b"}`},
		"a bare merge object":             {"application/json", `{"name":"b","comment":"why"}`, "why", `{"name":"b","tags":["x"]}`},
		"a bare merge with its own type":  {"application/merge-patch+json", `{"tags":["y"]}`, "", `{"name":"a","tags":["y"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := patchFrom(t, tt.contentType, tt.body)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.edit(parsed(t, `{"name":"a","tags":["x"]}`))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(parsed(t, tt.want), got); diff != "" || p.comment != tt.comment {
				t.Errorf("comment %q\n%s", p.comment, diff)
			}
		})
	}
	for name, tt := range map[string]struct{ contentType, body string }{
		"instructions without the content type": {"application/json", `{"instructions":[{"kind":"turnFlagOn"}]}`},
		"a text":                                {"application/json", `"name"`},
		"null":                                  {"application/json", `null`},
		"a merge that is no object":             {"application/json", `{"merge":[]}`},
		"a comment that is no text":             {"application/json", `{"comment":1,"patch":[]}`},
		"an object where operations must be":    {"application/json-patch+json", `{"name":"b"}`},
		"a semantic patch without instructions": {semantic, `{"comment":"x"}`},
		"an instruction without a kind":         {semantic, `{"instructions":[{"values":[]}]}`},
		"an array as semantic patch":            {semantic, `[]`},
		"an instruction that is no object":      {semantic, `{"instructions":[1]}`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := patchFrom(t, tt.contentType, tt.body); err == nil || fault.KindOf(err) != fault.Invalid {
				t.Errorf("got %v", err)
			}
		})
	}
	p, err := patchFrom(t, semantic, `{"environmentKey":"test","instructions":[{"kind":"addTags","values":["a"]}]}`)
	if err != nil || p.environment != "test" || p.edit != nil || len(p.instructions) != 1 || p.instructions[0].Kind != "addTags" {
		t.Errorf("semantic: %+v, %v", p, err)
	}
}

func aSegment() *catalog.Segment {
	at := time.UnixMilli(1763800000000).UTC()
	return &catalog.Segment{
		ID: "6560aa00bb11cc22dd33ee77", Env: "6560aa00bb11cc22dd33ee01", Key: "vip", Name: "VIP", Description: "d",
		Tags: []string{"a", "b"}, CreatedAt: at, ModifiedAt: at, Version: 3, Generation: 1, Salt: "s",
		Included: []string{"ann", "bob"}, Excluded: []string{"eve"},
		IncludedContexts: []catalog.ContextTargets{{Kind: "org", Values: []string{"acme"}}},
		ExcludedContexts: []catalog.ContextTargets{},
		Rules: []catalog.SegmentRule{{ID: "r1", Weight: new(0), Clauses: []catalog.Clause{
			{ID: "c1", Kind: "user", Attribute: "n", Op: "in", Values: []ldvalue.Value{ldvalue.Float64(1e300), ldvalue.Null(), ldvalue.String("x")}},
			{ID: "c2", Op: "segmentMatch", Values: []ldvalue.Value{ldvalue.String("other")}},
		}}},
	}
}

func patchedSegment(t testing.TB, s *catalog.Segment, body string) (*catalog.Segment, error) {
	t.Helper()
	p, err := patchFrom(t, "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	s = s.Clone()
	before, after, err := p.edited(segmentOf(s))
	if err != nil {
		return nil, err
	}
	return s, segmentFields.assign(s, before, after, "")
}

func TestSegmentPatch(t *testing.T) {
	for name, tt := range map[string]struct {
		body string
		want func(*catalog.Segment)
	}{
		"a name":                           {`[{"op":"replace","path":"/name","value":"N"}]`, func(s *catalog.Segment) { s.Name = "N" }},
		"null clears a description":        {`[{"op":"replace","path":"/description","value":null}]`, func(s *catalog.Segment) { s.Description = "" }},
		"remove of tags empties them":      {`[{"op":"remove","path":"/tags"}]`, func(s *catalog.Segment) { s.Tags = nil }},
		"one more tag":                     {`[{"op":"add","path":"/tags/-","value":"c"}]`, func(s *catalog.Segment) { s.Tags = []string{"a", "b", "c"} }},
		"a key out of the middle":          {`[{"op":"remove","path":"/included/0"}]`, func(s *catalog.Segment) { s.Included = []string{"bob"} }},
		"a context of another kind":        {`[{"op":"add","path":"/includedContexts/0/values/-","value":"globex"}]`, func(s *catalog.Segment) { s.IncludedContexts[0].Values = []string{"acme", "globex"} }},
		"a member nobody knows is dropped": {`[{"op":"replace","path":"/temporary","value":true}]`, func(*catalog.Segment) {}},
		"read-only members sent unchanged": {`[{"op":"replace","path":"/key","value":"vip"},{"op":"replace","path":"/version","value":3}]`, func(*catalog.Segment) {}},
		"a merge":                          {`{"name":"N","unknown":1}`, func(s *catalog.Segment) { s.Name = "N" }},
		"a value in a clause": {`[{"op":"add","path":"/rules/0/clauses/1/values/-","value":"third"}]`, func(s *catalog.Segment) {
			s.Rules[0].Clauses[1].Values = []ldvalue.Value{ldvalue.String("other"), ldvalue.String("third")}
		}},
		"rules as ld-relay's tests send them": {`[{"op":"replace","path":"/rules","value":[{"clauses":[{"attribute":"key","op":"in","values":["u1"]}]}]}]`, func(s *catalog.Segment) {
			s.Rules = []catalog.SegmentRule{{Clauses: []catalog.Clause{{Attribute: "key", Op: "in", Values: []ldvalue.Value{ldvalue.String("u1")}}}}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			want := aSegment()
			tt.want(want)
			got, err := patchedSegment(t, aSegment(), tt.body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for name, body := range map[string]string{
		"a changed key":           `[{"op":"replace","path":"/key","value":"other"}]`,
		"a removed version":       `[{"op":"remove","path":"/version"}]`,
		"another kind of segment": `[{"op":"replace","path":"/unbounded","value":true}]`,
		"a name that is a number": `[{"op":"replace","path":"/name","value":7}]`,
		"tags that are an object": `[{"op":"replace","path":"/tags","value":{}}]`,
		"an array as document":    `[{"op":"replace","path":"","value":[]}]`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := patchedSegment(t, aSegment(), body); err == nil || fault.KindOf(err) != fault.Invalid {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestEmptyTargetsOfAnUnboundedSegmentChangeNothing(t *testing.T) {
	s := &catalog.Segment{Key: "big", Name: "Big", Tags: []string{}, Unbounded: true, Kind: segment.DefaultKind}
	got, err := patchedSegment(t, s, `[{"op":"replace","path":"/included","value":[]},{"op":"replace","path":"/excluded","value":[]},
		{"op":"replace","path":"/includedContexts","value":[]},{"op":"replace","path":"/excludedContexts","value":[]},{"op":"replace","path":"/rules","value":[]}]`)
	if err != nil {
		t.Fatal(err)
	}
	if n := got.Targets() + len(got.Rules); n != 0 {
		t.Errorf("%d targets and rules", n)
	}
}

func aFlag() *catalog.Flag {
	at := time.UnixMilli(1763800000000).UTC()
	config := func() *catalog.FlagConfig {
		return &catalog.FlagConfig{
			On: true, Salt: "s", Sel: "t", Version: 2, ModifiedAt: at, OffVariation: new(1), Fallthrough: catalog.Serve{Variation: new(0)},
			Targets: []catalog.Target{{Kind: "user", Variation: 0, Values: []string{"ann"}}},
			Rules: []catalog.FlagRule{{ID: "r1", Serve: catalog.Serve{Variation: new(1)}, Clauses: []catalog.Clause{
				{ID: "c1", Op: "segmentMatch", Attribute: "segmentMatch", Values: []ldvalue.Value{ldvalue.String("vip")}},
			}}},
			Prerequisites: []catalog.Prerequisite{{Key: "base", Variation: 1}},
		}
	}
	return &catalog.Flag{
		Project: "web", Key: "new-checkout", Name: "New checkout", Tags: []string{"t"}, Temporary: true, CreatedAt: at, Version: 5,
		Variations: []catalog.Variation{
			{ID: "v0", Value: ldvalue.String("a"), Name: "A"},
			{ID: "v1", Value: ldvalue.String("b")},
			{ID: "v2", Value: ldvalue.String("c")},
			{ID: "v3", Value: ldvalue.String("d")},
		},
		Defaults: catalog.Defaults{On: 0, Off: 1}, CustomProperties: map[string]catalog.CustomProperty{"jira": {Name: "Jira", Values: []string{"X-1"}}},
		Environments: map[catalog.EnvKey]*catalog.FlagConfig{"production": config(), "test": config()},
	}
}

func patchedFlag(t testing.TB, body string) (*catalog.Flag, error) {
	t.Helper()
	p, err := patchFrom(t, "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	f := aFlag()
	return f, editFlag(f, p)
}

func TestFlagPatch(t *testing.T) {
	rollout := &catalog.Rollout{Variations: []catalog.WeightedVariation{{Variation: 0, Weight: 40000}, {Variation: 1, Weight: 60000}}}
	const rolloutText = `{"variations":[{"variation":0,"weight":40000},{"variation":1,"weight":60000}]}`
	for name, tt := range map[string]struct {
		body string
		want func(*catalog.Flag)
	}{
		"on in one environment":                 {`[{"op":"replace","path":"/environments/production/on","value":false}]`, func(f *catalog.Flag) { f.Environments["production"].On = false }},
		"no off variation":                      {`[{"op":"remove","path":"/environments/test/offVariation"}]`, func(f *catalog.Flag) { f.Environments["test"].OffVariation = nil }},
		"an off variation of 0":                 {`[{"op":"replace","path":"/environments/test/offVariation","value":0}]`, func(f *catalog.Flag) { f.Environments["test"].OffVariation = new(0) }},
		"Terraform's misspelled fallthrough":    {`[{"op":"replace","path":"/environments/test/fallthough","value":{"variation":1}}]`, func(*catalog.Flag) {}},
		"a team as maintainer is dropped":       {`[{"op":"replace","path":"/maintainerTeamKey","value":"x"}]`, func(*catalog.Flag) {}},
		"archived":                              {`[{"op":"replace","path":"/archived","value":true}]`, func(f *catalog.Flag) { f.Archived = true }},
		"surplus variations by ascending index": {`[{"op":"remove","path":"/variations/2"},{"op":"remove","path":"/variations/3"}]`, func(f *catalog.Flag) { f.Variations = f.Variations[:2] }},
		"the value of a variation":              {`[{"op":"replace","path":"/variations/1/value","value":"z"}]`, func(f *catalog.Flag) { f.Variations[1].Value = ldvalue.String("z") }},
		"a name of a variation that had none":   {`[{"op":"replace","path":"/variations/1/name","value":"B"}]`, func(f *catalog.Flag) { f.Variations[1].Name = "B" }},
		"a custom property": {`[{"op":"add","path":"/customProperties/team","value":{"name":"Team","value":["x"]}}]`, func(f *catalog.Flag) {
			f.CustomProperties["team"] = catalog.CustomProperty{Name: "Team", Values: []string{"x"}}
		}},
		"a rollout as fallthrough": {`[{"op":"replace","path":"/environments/test/fallthrough","value":{"rollout":` + rolloutText + `}}]`, func(f *catalog.Flag) {
			f.Environments["test"].Fallthrough = catalog.Serve{Rollout: rollout}
		}},
		"a rule in front": {`[{"op":"add","path":"/environments/test/rules/0","value":{"variation":0,"clauses":[{"attribute":"","op":"segmentMatch","values":["big"]}]}}]`, func(f *catalog.Flag) {
			c := f.Environments["test"]
			c.Rules = append([]catalog.FlagRule{{Serve: catalog.Serve{Variation: new(0)}, Clauses: []catalog.Clause{{Op: "segmentMatch", Values: []ldvalue.Value{ldvalue.String("big")}}}}}, c.Rules...)
		}},
		"one more target": {`[{"op":"add","path":"/environments/test/targets/0/values/-","value":"bob"}]`, func(f *catalog.Flag) {
			f.Environments["test"].Targets[0].Values = []string{"ann", "bob"}
		}},
		"every member by a merge": {`{"merge":{"name":"N","environments":{"test":{"trackEvents":true,"offVariation":null}}}}`, func(f *catalog.Flag) {
			f.Name, f.Environments["test"].TrackEvents, f.Environments["test"].OffVariation = "N", true, nil
		}},
		"an environment nobody knows": {`[{"op":"add","path":"/environments/nope","value":{"on":true}}]`, func(*catalog.Flag) {}},
	} {
		t.Run(name, func(t *testing.T) {
			want := aFlag()
			tt.want(want)
			got, err := patchedFlag(t, tt.body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for name, body := range map[string]string{
		"a member of an unknown environment": `[{"op":"replace","path":"/environments/nope/on","value":true}]`,
		"an environment taken away":          `[{"op":"remove","path":"/environments/test"}]`,
		"no environments at all":             `[{"op":"remove","path":"/environments"}]`,
		"a version":                          `[{"op":"replace","path":"/_version","value":9}]`,
		"the salt":                           `[{"op":"replace","path":"/environments/test/salt","value":"x"}]`,
		"a stale version":                    `[{"op":"test","path":"/environments/test/version","value":1}]`,
		"a rule that is no object":           `[{"op":"replace","path":"/environments/test/rules","value":[1]}]`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := patchedFlag(t, body); err == nil || fault.KindOf(err) == fault.Internal {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSendingEverythingBackChangesNothing(t *testing.T) {
	// Terraform sends all members on each update.
	body, err := json.Marshal(patchableFlag(aFlag()))
	if err != nil {
		t.Fatal(err)
	}
	f, err := patchedFlag(t, `{"merge":`+string(body)+`}`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(aFlag(), f); diff != "" {
		t.Error(diff)
	}
	if body, err = json.Marshal(segmentOf(aSegment())); err != nil {
		t.Fatal(err)
	}
	s, err := patchedSegment(t, aSegment(), string(body))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(aSegment(), s); diff != "" {
		t.Error(diff)
	}
}

func TestEnvironmentPatchHidesKeys(t *testing.T) {
	e := &catalog.Environment{Key: "test", Name: "Test", Color: "000000", Tags: []string{}, SDKKey: "sdk-1", MobileKey: "mob-1"}
	apply := func(body string) error {
		p, err := patchFrom(t, "application/json", body)
		if err != nil {
			t.Fatal(err)
		}
		doc := environmentOf(e)
		doc.APIKey, doc.MobileKey = "", ""
		before, after, err := p.edited(patchableEnvironment{environmentJSON: doc})
		if err != nil {
			return err
		}
		return environmentFields.assign(e, before, after, "")
	}
	if err := apply(`[{"op":"replace","path":"/approvalSettings/required","value":false},{"op":"replace","path":"/color","value":"ff0000"},{"op":"replace","path":"/critical","value":true}]`); err != nil {
		t.Fatal(err)
	}
	if e.Color != "ff0000" || !e.Critical {
		t.Errorf("%+v", e)
	}
	for _, body := range []string{`[{"op":"test","path":"/apiKey","value":"sdk-1"}]`, `[{"op":"replace","path":"/apiKey","value":"sdk-2"}]`} {
		if err := apply(body); err == nil || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", body, err)
		}
	}
}
