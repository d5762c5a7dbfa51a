package connector

import (
	"strings"
	"testing"
)

// TestWhatAGuideSaysToSendIsUnderstood parses the body of each guide with its own manifest.
func TestWhatAGuideSaysToSendIsUnderstood(t *testing.T) {
	tools, err := NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	const env = "0123456789abcdef01234567"
	for _, m := range tools.All() {
		t.Run(string(m.Key), func(t *testing.T) {
			g := m.Guide
			if g.Body == "" {
				if !g.Addressed {
					t.Error("nobody is told where the environment goes")
				}
				return
			}
			body := strings.NewReplacer(GuideEnvironment, env, GuideKind, "device").Replace(g.Body)
			p, err := m.Parse(strings.NewReader(body), "")
			if err != nil {
				t.Fatal(err)
			}
			b := p.Batch
			if b.Environment != env || m.Abilities().Kind != (b.Kind == "device") {
				t.Errorf("environment %q, kind %q", b.Environment, b.Kind)
			}
			if b.Received == 0 || b.Skipped > 0 || len(b.Cohorts) != 1 || b.Cohorts[0].Name == "" {
				t.Errorf("%+v", b)
			}
		})
	}
}

func TestAbilities(t *testing.T) {
	tools, err := NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]Abilities{
		"rudderstack":       {Kind: true, Link: true},
		"amplitude":         {Link: true, Cohorts: true},
		"amplitude-webhook": {Kind: true, MessageID: true},
		"mixpanel":          {Replace: true, Kind: true, Description: true},
	} {
		m, _ := tools.Lookup(key)
		if got := m.Abilities(); got != want {
			t.Errorf("%s: %+v, want %+v", key, got, want)
		}
	}
}

func TestGuidesThatAreWrong(t *testing.T) {
	const manifest = `{"name":"X","capabilities":{"syncedSegment":{"requestParser":{"environmentIdPath":"/e","cohortIdPath":"/c","cohortNamePath":"/n",
		"addMemberArrayPath":"/a","removeMemberArrayPath":"/r","memberArrayParser":{"memberIdPath":"/id"}},"x-muster":{"guide":GUIDE}}}}`
	long := strings.Repeat("x", 501)
	for guide, valid := range map[string]bool{
		`{"native":"fixed","steps":["Do."],"body":{"e":"{{environmentId}}"},"cannot":["Much."]}`: true,
		`{"native":"maybe","steps":["Do."]}`:                                                     false,
		`{"native":"none","steps":[]}`:                                                           false,
		`{"native":"none","steps":[" "]}`:                                                        false,
		`{"native":"none","steps":["Do."],"cannot":["` + long + `"]}`:                            false,
		`{"native":"none","steps":["` + strings.Repeat(`a","`, 20) + `a"]}`:                      false,
		`{"native":"none","steps":["Do."],"more":1}`:                                             false,
	} {
		if _, err := ParseManifest("x", []byte(strings.Replace(manifest, "GUIDE", guide, 1))); (err == nil) != valid {
			t.Errorf("%.80s: %v", guide, err)
		}
	}
}
